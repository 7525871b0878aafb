//! `Subject`: what an alarm, a metric or log lines are about, as terms that changes may share.

use super::change::Change;
use super::theme::Themes;
use super::words::{Words, is_telling};

/// Most terms: as many as a word has bits.
pub(super) const TERMS_MAX: usize = 64;
/// Longest term, bytes: longer than names are.
const TERM_BYTES_MAX: usize = 512;
/// Most dimensions whose names are compared with those of parameters: as many as a metric has, or some metrics together.
const DIMENSIONS_MAX: usize = 30;
/// Most terms that lines of logs may give.
const LOG_TERMS_MAX: usize = 32;

/// How a term was come by, which says how much it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermKind {
    /// The name of a resource: a dimension's value, the alarm itself, a log group.
    Resource,
    /// A name in lines of a log pattern that is new or surged.
    Log,
    /// A service, by its event source.
    Service,
    /// A word of a name, or a tag's value.
    Word,
}

/// Something that a subject is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// As it was found.
    pub text: String,
    /// The same in lower case: no two terms have the same.
    pub(super) key: String,
    /// How it was come by.
    pub kind: TermKind,
    /// Where it was found, for people: `dimension BucketName`.
    pub from: String,
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    terms: Vec<Term>,
    /// Names and values of dimensions, in lower case.
    dimensions: Vec<(String, String)>,
    pub(super) themes: Themes,
}

impl Subject {
    /// Nothing is known but where it is.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into(), ..Self::default() }
    }

    /// The terms, in the order in which they were added; each text is there once.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// A metric: its namespace's service, its dimensions, what its name complains of.
    pub fn add_metric(&mut self, namespace: &str, name: &str, dimensions: &[(String, String)]) {
        if let Some(service) = namespace.strip_prefix("AWS/") {
            self.add(&event_source(service), TermKind::Service, &format!("namespace {namespace}"));
        } else {
            self.add_words(namespace, "namespace");
        }
        for (key, value) in dimensions {
            let from = format!("dimension {key}");
            self.add_name(value, &from);
            let (key, value) = (key.to_lowercase(), value.to_lowercase());
            if self.dimensions.len() < DIMENSIONS_MAX && is_telling(&value) && value.len() <= TERM_BYTES_MAX {
                self.dimensions.push((key, value));
            }
        }
        self.themes = self.themes.or(Themes::of_complaint(name));
    }

    /// The dimension of which `change` has another value: a parameter of the same name, and none of the values that the subject has. As
    /// AWS names both, `TableName` is `tableName` of DynamoDB's calls, and `FunctionName` is `functionName` of Lambda's.
    pub(super) fn another(&self, change: &Change) -> Option<&str> {
        let is_other = |name: &str| {
            let mut values = self.dimensions.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
            !values.any(|value| change.names(value))
        };
        let mut names = self.dimensions.iter().map(|(name, _)| name.as_str());
        names.find(|name| change.parameters.iter().any(|parameter| parameter == name) && is_other(name))
    }

    /// An alarm's name, which is itself something that can be changed.
    pub fn add_alarm(&mut self, name: &str) {
        self.add(name, TermKind::Resource, "alarm");
        self.add_words(name, "alarm's name");
        self.themes = self.themes.or(Themes::of_complaint(name));
    }

    /// A log group that the subject is about.
    pub fn add_log_group(&mut self, name: &str) {
        self.add_name(name, "log group");
    }

    /// A tag of the alarm; its key says nothing.
    pub fn add_tag(&mut self, key: &str, value: &str) {
        self.add(value, TermKind::Word, &format!("tag {key}"));
    }

    /// A line of a log pattern that is new or surged: what it names and what it complains of.
    pub fn add_log_line(&mut self, line: &str) {
        self.themes = self.themes.or(Themes::of_complaint(line));
        let mut words = Words::default();
        words.add(line);
        for word in words.words {
            let known = self.terms.iter().filter(|term| term.kind == TermKind::Log).count();
            if known < LOG_TERMS_MAX && word.chars().count() >= 4 {
                self.add(&word, TermKind::Log, "log pattern");
            }
        }
    }

    /// The name of a resource, its last part, and its words.
    fn add_name(&mut self, name: &str, from: &str) {
        self.add(name, TermKind::Resource, from);
        let last = name.rsplit([':', '/']).next().unwrap_or_default();
        self.add(last, TermKind::Resource, from);
        self.add_words(name, from);
    }

    fn add_words(&mut self, text: &str, from: &str) {
        let mut words = Words::default();
        words.add(text);
        words.words.into_iter().for_each(|word| self.add(&word, TermKind::Word, from));
    }

    fn add(&mut self, text: &str, kind: TermKind, from: &str) {
        let text = text[..text.floor_char_boundary(TERM_BYTES_MAX)].trim();
        let key = text.to_lowercase();
        let is_known = self.terms.iter().any(|term| term.key == key);
        if is_telling(&key) && !is_known && self.terms.len() < TERMS_MAX {
            self.terms.push(Term { text: text.to_owned(), key, kind, from: from.to_owned() });
        }
    }
}

/// The event source of a namespace `AWS/…`: most are called alike, in lower case.
fn event_source(service: &str) -> String {
    let service = service.to_lowercase();
    let name = match service.as_str() {
        "applicationelb" | "networkelb" | "elb" | "gatewayelb" => "elasticloadbalancing",
        "apigateway" => "apigateway",
        "ebs" | "natgateway" | "transitgateway" | "vpn" | "ec2spot" => "ec2",
        "kafka" => "kafka",
        "es" => "es",
        "cloudfront" => "cloudfront",
        "states" => "states",
        "billing" => "billingconsole",
        "docdb" | "neptune" => "rds",
        "efs" => "elasticfilesystem",
        "ses" => "email",
        "elasticmapreduce" => "elasticmapreduce",
        other => other.split('/').next().unwrap_or_default(),
    };
    format!("{name}.amazonaws.com")
}
