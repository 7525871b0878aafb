//! `Labels`, the identity of a series in PromQL, and the matchers that select by them.

use model::SeriesKey;
use regex::Regex;
use std::fmt;

/// The label that holds the metric's name.
pub const NAME: &str = "__name__";
/// The label that holds CloudWatch's unit; absent for the unit None.
pub const UNIT: &str = "__unit__";

/// Names and values of labels, sorted by name; names are unique, values never empty (an empty value is no label).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// From pairs in any order; of pairs with one name the last counts.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.set(&name, value);
        }
        labels
    }

    /// The value of a label, empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).map_or("", |at| &self.0[at].1)
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a label; an empty value takes it away.
    pub fn set(&mut self, name: &str, value: String) {
        match (self.find(name), value.is_empty()) {
            (Ok(at), true) => drop(self.0.remove(at)),
            (Ok(at), false) => self.0[at].1 = value,
            (Err(_), true) => {}
            (Err(at), false) => self.0.insert(at, (name.to_owned(), value)),
        }
    }

    /// These labels and no others.
    pub(super) fn only(&self, names: &[String]) -> Self {
        self.filtered(|name| names.iter().any(|wanted| wanted == name))
    }

    /// All but these labels.
    pub(super) fn without(&self, names: &[String]) -> Self {
        self.filtered(|name| names.iter().all(|unwanted| unwanted != name))
    }

    /// All but those that say what the number is, which no longer holds for a computed one.
    pub(super) fn without_metadata(&self) -> Self {
        self.filtered(|name| !is_metadata(name))
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }
}

/// `{a="1", b="2"}`, as Prometheus writes labels in its errors.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

/// True for labels that are dropped from computed series and do not count in vector matching, as the name in Prometheus.
pub(super) fn is_metadata(name: &str) -> bool {
    name == NAME || name == UNIT
}

/// The labels of a CloudWatch metric (see the module for what AWS documents).
pub fn labels_of(series: &SeriesKey) -> Labels {
    let mut labels = Labels::new(series.dimensions.iter().cloned());
    labels.set(NAME, series.name.clone());
    labels.set("@aws.account", series.account.clone());
    labels.set("@aws.region", series.region.clone());
    labels.set("@aws.namespace", series.namespace.clone());
    // Metrics of OpenTelemetry name the library that made them.
    if labels.get("@instrumentation.@name").is_empty() {
        labels.set("@instrumentation.@name", format!("cloudwatch.{}", series.namespace.to_lowercase()));
    }
    labels.set(UNIT, if series.unit == "None" { String::new() } else { series.unit.clone() });
    labels
}

/// The label that a name in a query means: AWS lets dimensions be said as `@datapoint.X` too.
pub(super) fn canonical_name(name: &str) -> &str {
    match name.strip_prefix("@datapoint.") {
        Some("@name") => NAME,
        Some(attribute) => attribute,
        None => name,
    }
}

/// A condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Name of the label.
    pub name: String,
    /// What its value must be; a missing label is an empty value.
    pub test: Test,
}

/// A test of a label's value.
#[derive(Debug, Clone)]
pub enum Test {
    /// `=`
    Equal(String),
    /// `!=`
    NotEqual(String),
    /// `=~`, anchored at both ends.
    Regex(Regex),
    /// `!~`, anchored at both ends.
    NotRegex(Regex),
}

impl Matcher {
    /// True when the labels pass.
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name);
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Regex(regex) => regex.is_match(value),
            Test::NotRegex(regex) => !regex.is_match(value),
        }
    }
}
