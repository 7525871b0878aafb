//! What a dashboard body may say: structure errors, which refuse it, and warnings, which do not.
//!
//! Reference: "Dashboard body structure and syntax". Paths are JSON pointers, as AWS gives them.

use serde_json::Value;

/// Most widgets of a dashboard.
const WIDGETS_MAX: usize = 500;
/// Most metrics of a widget.
const WIDGET_METRICS_MAX: usize = 500;
/// Most metrics of a dashboard.
const METRICS_MAX: usize = 2500;
/// Most variables of a dashboard.
const VARIABLES_MAX: usize = 25;
/// How many findings are told: a hostile body cannot make the answer large.
const FINDINGS_MAX: usize = 100;
/// The types of widgets.
const WIDGET_TYPES: [&str; 7] = ["metric", "text", "log", "alarm", "explorer", "custom", "chart"];

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What.
    pub message: String,
}

/// All findings about one body.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// These refuse the body.
    pub errors: Vec<Finding>,
    /// These are told with success.
    pub warnings: Vec<Finding>,
}

impl Findings {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        push(&mut self.errors, path, message.into());
    }

    fn warning(&mut self, path: &str, message: impl Into<String>) {
        push(&mut self.warnings, path, message.into());
    }

    fn missing(&mut self, path: &str, property: &str) {
        self.error(path, format!("Should have required property '{property}'"));
    }
}

fn push(list: &mut Vec<Finding>, path: &str, message: String) {
    if list.len() < FINDINGS_MAX {
        list.push(Finding { path: path.to_owned(), message });
    }
}

/// Checks a whole body.
pub fn check(body: &Value) -> Findings {
    let mut findings = Findings::default();
    let Some(fields) = body.as_object() else {
        findings.error("", "Should be object");
        return findings;
    };
    for name in fields.keys() {
        if !matches!(name.as_str(), "widgets" | "start" | "end" | "periodOverride" | "variables") {
            findings.warning(&format!("/{name}"), "Unknown property, it is ignored");
        }
    }
    check_times(body, &mut findings);
    if let Some(variables) = fields.get("variables") {
        match variables.as_array() {
            None => findings.error("/variables", "Should be array"),
            Some(list) if list.len() > VARIABLES_MAX => {
                findings.error("/variables", format!("Should NOT have more than {VARIABLES_MAX} items"));
            }
            Some(_) => {}
        }
    }
    match fields.get("widgets") {
        None => findings.missing("", "widgets"),
        Some(Value::Array(widgets)) => check_widgets(widgets, &mut findings),
        Some(_) => findings.error("/widgets", "Should be array"),
    }
    findings
}

fn check_times(body: &Value, findings: &mut Findings) {
    for name in ["start", "end"] {
        if body.get(name).is_some_and(|value| !value.is_string()) {
            findings.error(&format!("/{name}"), "Should be string");
        }
    }
    if body.get("end").is_some() && body.get("start").is_none() {
        findings.error("", "Should have required property 'start' when property 'end' is present");
    }
    match body.get("periodOverride") {
        None => {}
        Some(Value::String(word)) if word == "auto" || word == "inherit" => {}
        Some(_) => findings.error("/periodOverride", "Should be equal to one of the allowed values: auto, inherit"),
    }
}

fn check_widgets(widgets: &[Value], findings: &mut Findings) {
    if widgets.len() > WIDGETS_MAX {
        findings.error("/widgets", format!("Should NOT have more than {WIDGETS_MAX} items"));
        return;
    }
    let mut metrics = 0;
    for (index, widget) in widgets.iter().enumerate() {
        metrics += check_widget(widget, &format!("/widgets/{index}"), findings);
    }
    if metrics > METRICS_MAX {
        findings.error("/widgets", format!("Should NOT have more than {METRICS_MAX} metrics in all widgets"));
    }
}

/// Checks one widget; answers how many metrics it shows.
fn check_widget(widget: &Value, at: &str, findings: &mut Findings) -> usize {
    if !widget.is_object() {
        findings.error(at, "Should be object");
        return 0;
    }
    for (name, low, high) in [("x", 0, 23), ("y", 0, i64::MAX), ("width", 1, 24), ("height", 1, 1000)] {
        check_integer(widget.get(name), &format!("{at}/{name}"), low, high, findings);
    }
    if widget.get("x").is_some() != widget.get("y").is_some() {
        let absent = if widget.get("x").is_some() { "y" } else { "x" };
        findings.missing(at, absent);
    }
    let Some(properties) = widget.get("properties") else {
        findings.missing(at, "properties");
        return 0;
    };
    let inner = format!("{at}/properties");
    if !properties.is_object() {
        findings.error(&inner, "Should be object");
        return 0;
    }
    match widget.get("type").map(Value::as_str) {
        None => findings.missing(at, "type"),
        Some(Some("metric")) => return check_metric_widget(properties, &inner, findings),
        Some(Some("text")) => require_string(properties, "markdown", &inner, findings),
        Some(Some("log")) => require_string(properties, "query", &inner, findings),
        Some(Some("custom")) => require_string(properties, "endpoint", &inner, findings),
        Some(Some("alarm")) => check_alarms(properties, &inner, findings),
        Some(Some(word)) if WIDGET_TYPES.contains(&word) => {}
        Some(_) => findings.error(
            &format!("{at}/type"),
            format!("Should be equal to one of the allowed values: {}", WIDGET_TYPES.join(", ")),
        ),
    }
    0
}

fn check_integer(value: Option<&Value>, path: &str, low: i64, high: i64, findings: &mut Findings) {
    let Some(value) = value else { return };
    match value.as_i64() {
        None => findings.error(path, "Should be integer"),
        Some(number) if number < low => findings.error(path, format!("Should be >= {low}")),
        Some(number) if number > high => findings.error(path, format!("Should be <= {high}")),
        Some(_) => {}
    }
}

fn require_string(properties: &Value, name: &str, at: &str, findings: &mut Findings) {
    match properties.get(name) {
        None => findings.missing(at, name),
        Some(Value::String(_)) => {}
        Some(_) => findings.error(&format!("{at}/{name}"), "Should be string"),
    }
}

fn check_alarms(properties: &Value, at: &str, findings: &mut Findings) {
    match properties.get("alarms") {
        None => findings.missing(at, "alarms"),
        Some(Value::Array(alarms)) => {
            for (index, _) in alarms.iter().enumerate().filter(|(_, alarm)| !alarm.is_string()) {
                findings.error(&format!("{at}/alarms/{index}"), "Should be string");
            }
        }
        Some(_) => findings.error(&format!("{at}/alarms"), "Should be array"),
    }
}

fn check_metric_widget(properties: &Value, at: &str, findings: &mut Findings) -> usize {
    if properties.get("region").is_none() {
        findings.warning(at, "Should have property 'region'; the region of the request is used");
    }
    // An alarm's annotation or a Contributor Insights rule may stand in for metrics.
    let shown = properties.pointer("/annotations/alarms").is_some_and(Value::is_array)
        || properties.get("insightRule").is_some_and(Value::is_object);
    match properties.get("metrics") {
        None if shown => 0,
        None => {
            findings.missing(at, "metrics");
            0
        }
        Some(Value::Array(rows)) => {
            let path = format!("{at}/metrics");
            if rows.len() > WIDGET_METRICS_MAX {
                findings.error(&path, format!("Should NOT have more than {WIDGET_METRICS_MAX} items"));
            }
            for (index, row) in rows.iter().enumerate() {
                check_metric_row(row, &format!("{path}/{index}"), index == 0, findings);
            }
            rows.len()
        }
        Some(_) => {
            findings.error(&format!("{at}/metrics"), "Should be array");
            0
        }
    }
}

/// A row is strings (namespace, name, then dimension names and values in pairs, `.` and `...` short for the row above)
/// with one object of options at its end; or such an object alone, with an expression.
fn check_metric_row(row: &Value, at: &str, first: bool, findings: &mut Findings) {
    let Some(cells) = row.as_array() else {
        findings.error(at, "Should be array");
        return;
    };
    let options = cells.last().filter(|cell| cell.is_object());
    let fields = cells.len() - usize::from(options.is_some());
    for (index, cell) in cells.iter().take(fields).enumerate() {
        let Some(text) = cell.as_str() else {
            findings.error(&format!("{at}/{index}"), "Invalid metric field type, only \"String\" type is allowed");
            return;
        };
        if first && (text == "." || text == "...") {
            findings.error(&format!("{at}/{index}"), "The first metric has no metric above it to repeat");
        }
    }
    let repeats = cells.iter().take(fields).any(|cell| cell == "...");
    if fields == 0 {
        if options.and_then(|options| options.get("expression")).is_none() {
            findings.error(at, "Should have a namespace and a metric name, or an expression");
        }
    } else if repeats {
        // How many cells `...` stands for depends on the row above.
    } else if fields == 1 {
        findings.error(at, "Should NOT have fewer than 2 items");
    } else if fields % 2 == 1 {
        // A dimension without its value: AWS says how many items would be right.
        findings.error(at, format!("Should NOT have more than {} items", fields - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn errors(body: Value) -> Vec<(String, String)> {
        check(&body).errors.into_iter().map(|finding| (finding.path, finding.message)).collect()
    }

    fn metrics(rows: Value) -> Value {
        json!({ "widgets": [{ "type": "metric", "properties": { "region": "us-east-1", "metrics": rows } }] })
    }

    #[test]
    fn a_complete_body_passes() {
        let body = metrics(json!([
            ["AWS/EC2", "CPUUtilization", "InstanceId", "i-1", { "stat": "p99" }],
            [".", ".", ".", "i-2"],
            ["...", "i-3", { "label": "x" }],
            [{ "expression": "m1 + m2", "id": "e1" }],
        ]));
        assert_eq!(check(&body), Findings::default());
        assert_eq!(check(&json!({ "widgets": [] })), Findings::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (body, path, message) in [
            (json!([]), "", "Should be object"),
            (json!({}), "", "Should have required property 'widgets'"),
            (json!({ "widgets": {} }), "/widgets", "Should be array"),
            (json!({ "widgets": [5] }), "/widgets/0", "Should be object"),
            (json!({ "widgets": [{ "type": "text" }] }), "/widgets/0", "Should have required property 'properties'"),
            (
                json!({ "widgets": [{ "type": "text", "properties": {} }] }),
                "/widgets/0/properties",
                "Should have required property 'markdown'",
            ),
            (
                json!({ "widgets": [{ "type": "text", "width": 25, "properties": { "markdown": "" } }] }),
                "/widgets/0/width",
                "Should be <= 24",
            ),
            (
                metrics(json!([["N", "m", { "a": 1 }, "b"]])),
                "/widgets/0/properties/metrics/0/2",
                "Invalid metric field type, only \"String\" type is allowed",
            ),
            (
                metrics(json!([["N", "m", "dimension"]])),
                "/widgets/0/properties/metrics/0",
                "Should NOT have more than 2 items",
            ),
            (metrics(json!([{ "expression": "m1" }])), "/widgets/0/properties/metrics/0", "Should be array"),
        ] {
            assert_eq!(errors(body.clone()), [(path.to_owned(), message.to_owned())], "{body}");
        }
    }

    #[test]
    fn findings_are_bounded() {
        let widgets: Vec<_> = (0..400).collect();
        assert_eq!(errors(json!({ "widgets": widgets })).len(), FINDINGS_MAX);
    }
}
