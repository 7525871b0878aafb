//! What a dashboard body may say: structure errors, which refuse it, and warnings, which do not.
//!
//! Reference: "Dashboard Body Structure and Syntax". Paths are JSON pointers, as AWS gives them. Known of AWS from its users'
//! reports, and kept: the three errors of a metric widget without metrics or region, the errors of `metrics` rows (see
//! `metric_rows`), those of a variable without values, and the warning about properties that are not expected. Where it is not
//! known whether AWS refuses or warns, what its page calls required, a type, a word or a limit refuses, and everything else
//! warns: a dashboard that AWS shows must not be refused here. `end` without `start` is taken by AWS and ignored, so it is a warning.

mod metric;
#[cfg(test)]
mod tests;
mod variables;
mod widgets;

pub use super::findings::{Finding, Findings};

use super::findings::Object;
use super::metric_widget::TimePoint;
use serde_json::Value;

/// Most widgets of a dashboard.
const WIDGETS_MAX: usize = 500;
/// Most metrics of a widget.
const WIDGET_METRICS_MAX: usize = 500;
/// Most metrics of a dashboard.
const METRICS_MAX: usize = 2500;
/// Most variables of a dashboard.
const VARIABLES_MAX: usize = 25;

/// Checks a whole body.
pub fn check(body: &Value) -> Findings {
    let mut findings = Findings::default();
    let Some(dashboard) = Object::of(body, "", &mut findings) else { return findings };
    dashboard.warn_unknown(&["end", "periodOverride", "start", "variables", "widgets"], "dashboard", &mut findings);
    check_times(&dashboard, &mut findings);
    dashboard.word("periodOverride", &["auto", "inherit"], &mut findings);
    variables::check(&dashboard, &mut findings);
    dashboard.require("widgets", &mut findings);
    let widgets = dashboard.array("widgets", &mut findings).unwrap_or_default();
    if widgets.len() > WIDGETS_MAX {
        findings.error("/widgets", format!("Should NOT have more than {WIDGETS_MAX} items"));
        return findings;
    }
    let mut metrics = 0;
    for (index, widget) in widgets.iter().enumerate() {
        metrics += widgets::check(widget, &format!("/widgets/{index}"), &mut findings);
    }
    if metrics > METRICS_MAX {
        findings.error("/widgets", format!("Should NOT have more than {METRICS_MAX} metrics in all widgets"));
    }
    findings
}

/// `start` and `end`, of a dashboard or of a widget.
fn check_times(object: &Object<'_>, findings: &mut Findings) {
    for name in ["start", "end"] {
        let text = object.string(name, findings);
        if text.is_some_and(|text| TimePoint::parse(text).is_none()) {
            findings.warning(&object.at(name), "Should match format \"date-time\" or be a duration such as -PT3H");
        }
    }
    if object.has("end") && !object.has("start") {
        findings.warning(&object.path, "Property 'end' is ignored without property 'start'");
    }
}
