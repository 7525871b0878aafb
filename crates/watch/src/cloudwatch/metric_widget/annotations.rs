//! `annotations` of a metric widget: marked values and times, bands of two of them, and alarms.
//!
//! A colour that is not `#rrggbb` is warned of and not used: whether AWS refuses it here, as it does in `metrics`, is not known.

use crate::cloudwatch::findings::{Findings, Object};
use crate::cloudwatch::widget_image::{
    Color, HorizontalAnnotation, HorizontalFill, Side, VerticalAnnotation, VerticalFill,
};
use model::Timestamp;
use serde_json::Value;

/// Annotations; those that are not visible are left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    /// Marked values.
    pub horizontal: Vec<HorizontalAnnotation>,
    /// Marked times.
    pub vertical: Vec<VerticalAnnotation>,
    /// ARNs of alarms.
    pub alarms: Vec<String>,
}

impl Annotations {
    /// Reads the object `annotations`.
    pub fn read(object: &Object<'_>, findings: &mut Findings) -> Self {
        object.warn_unknown(&["alarms", "horizontal", "vertical"], "annotations", findings);
        let horizontal = read_list(object, "horizontal", read_horizontal, findings);
        let vertical = read_list(object, "vertical", read_vertical, findings);
        let alarms = object.strings("alarms", findings).unwrap_or_default();
        Self {
            horizontal: horizontal.into_iter().map(horizontal_annotation).collect(),
            vertical: vertical.into_iter().map(vertical_annotation).collect(),
            alarms: alarms.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// One mark, or the two of a band.
struct Marks<T> {
    first: Mark<T>,
    second: Option<Mark<T>>,
}

/// One mark as it is written.
struct Mark<T> {
    value: T,
    label: String,
    color: Option<Color>,
    fill: String,
    axis: Side,
    hidden: bool,
}

fn read_list<T>(
    object: &Object<'_>,
    name: &str,
    read: fn(&Object<'_>, &mut Findings) -> Option<Mark<T>>,
    findings: &mut Findings,
) -> Vec<Marks<T>> {
    let items = object.array(name, findings).unwrap_or_default();
    let mut list = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = format!("{}/{index}", object.at(name));
        let mark = |value: &Value, at: String, findings: &mut Findings| {
            Object::of(value, at, findings).and_then(|object| read(&object, findings))
        };
        let marks = match item {
            Value::Array(band) => match band.as_slice() {
                [first, second] => {
                    let first = mark(first, format!("{at}/0"), findings);
                    let second = mark(second, format!("{at}/1"), findings);
                    first.zip(second).map(|(first, second)| Marks { first, second: Some(second) })
                }
                band => {
                    let words = if band.len() > 2 { "more" } else { "fewer" };
                    findings.error(&at, format!("Should NOT have {words} than 2 items"));
                    None
                }
            },
            item => mark(item, at, findings).map(|first| Marks { first, second: None }),
        };
        list.extend(marks.filter(|marks| !marks.first.hidden));
    }
    list
}

fn read_horizontal(object: &Object<'_>, findings: &mut Findings) -> Option<Mark<f64>> {
    object.require("value", findings);
    let value = object.number("value", findings);
    let axis = match object.word("yAxis", &["left", "right"], findings) {
        Some("right") => Side::Right,
        _ => Side::Left,
    };
    let mark = read_mark(object, &["above", "below", "between", "none"], findings, value);
    mark.map(|mark| Mark { axis, ..mark })
}

fn read_vertical(object: &Object<'_>, findings: &mut Findings) -> Option<Mark<Timestamp>> {
    object.require("value", findings);
    let text = object.string("value", findings);
    let value = text.and_then(Timestamp::parse_iso);
    if text.is_some() && value.is_none() {
        findings.error(&object.at("value"), "Should match format \"date-time\"");
    }
    read_mark(object, &["before", "after", "between", "none"], findings, value)
}

/// What both kinds have.
fn read_mark<T>(object: &Object<'_>, fills: &[&str], findings: &mut Findings, value: Option<T>) -> Option<Mark<T>> {
    let label = object.string("label", findings).unwrap_or_default().to_owned();
    let fill = object.word("fill", fills, findings).unwrap_or("none").to_owned();
    let hidden = object.boolean("visible", findings) == Some(false);
    let text = object.string("color", findings);
    let color = text.and_then(Color::parse);
    if text.is_some() && color.is_none() {
        findings.warning(&object.at("color"), "Should match pattern \"^#[0-9a-fA-F]{6}$\"");
    }
    value.map(|value| Mark { value, label, color, fill, axis: Side::Left, hidden })
}

fn horizontal_annotation(marks: Marks<f64>) -> HorizontalAnnotation {
    let Marks { first, second } = marks;
    let fill = match (second, first.fill.as_str()) {
        (Some(second), _) => HorizontalFill::Between { value: second.value, label: second.label },
        (None, "above") => HorizontalFill::Above,
        (None, "below") => HorizontalFill::Below,
        (None, _) => HorizontalFill::None,
    };
    HorizontalAnnotation { value: first.value, label: first.label, color: first.color, axis: first.axis, fill }
}

fn vertical_annotation(marks: Marks<Timestamp>) -> VerticalAnnotation {
    let Marks { first, second } = marks;
    let fill = match (second, first.fill.as_str()) {
        (Some(second), _) => VerticalFill::Between { at: second.value, label: second.label },
        (None, "before") => VerticalFill::Before,
        (None, "after") => VerticalFill::After,
        (None, _) => VerticalFill::None,
    };
    VerticalAnnotation { at: first.value, label: first.label, color: first.color, fill }
}
