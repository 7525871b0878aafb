//! Conditions on a metric, and how they hold.

use std::cell::OnceCell;

use super::Candidate;
use super::tokens::{is_same, is_whole, tokens, whole, words};

/// A condition on a metric.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
    /// Not this one.
    Not(Box<Condition>),
    /// What a property is, or has in it.
    Term(Property, Pattern),
}

/// Where a term looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// In all names and values but the account.
    Any,
    /// In the namespace.
    Namespace,
    /// In the metric's name.
    MetricName,
    /// In the value of the dimension of this name.
    Dimension(String),
    /// In the account id.
    AccountId,
}

/// What a term looks for.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// The whole text.
    Exact(String),
    /// Tokens that follow each other.
    Partial(Partial),
}

/// A partial term.
#[derive(Debug, Clone)]
pub struct Partial {
    parts: Vec<Part>,
    /// See `tokens::whole`.
    whole: String,
}

/// A token of a partial term.
#[derive(Debug, Clone)]
struct Part {
    token: String,
    /// Whether it was written together with others, so that its case counts.
    is_cased: bool,
}

impl Partial {
    /// Of a term as it is written; `None` when it has no letters and digits.
    pub fn new(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for run in text.split(|c: char| !c.is_alphanumeric()) {
            let words = words(run);
            let is_cased = words.len() > 1;
            parts.extend(words.into_iter().map(|word| Part { token: word.to_owned(), is_cased }));
        }
        (!parts.is_empty()).then(|| Self { parts, whole: whole(text) })
    }

    fn is_in(&self, field: &Field<'_>) -> bool {
        if is_whole(field.text, &self.whole) {
            return true;
        }
        // Most fields lack a token, which is quicker to see than to cut them.
        let lacks = |part: &Part| part.is_cased && !field.text.contains(&part.token);
        if self.parts.iter().any(lacks) {
            return false;
        }
        let tokens = field.tokens.get_or_init(|| tokens(field.text));
        let fits = |(part, token): (&Part, &&str)| {
            if part.is_cased { part.token == **token } else { is_same(&part.token, token) }
        };
        tokens.windows(self.parts.len()).any(|window| self.parts.iter().zip(window).all(fits))
    }
}

/// One of the names and values of a metric.
pub struct Field<'a> {
    kind: FieldKind<'a>,
    text: &'a str,
    tokens: OnceCell<Vec<&'a str>>,
}

enum FieldKind<'a> {
    Namespace,
    MetricName,
    DimensionName,
    DimensionValue(&'a str),
}

impl<'a> Field<'a> {
    /// All names and values of a metric; the most telling first.
    pub fn all(candidate: &Candidate<'a>) -> Vec<Self> {
        let field = |kind, text| Self { kind, text, tokens: OnceCell::new() };
        let mut fields = Vec::with_capacity(2 + 2 * candidate.dimensions.len());
        fields.push(field(FieldKind::MetricName, candidate.metric_name));
        fields.push(field(FieldKind::Namespace, candidate.namespace));
        for (name, value) in candidate.dimensions {
            fields.push(field(FieldKind::DimensionValue(name), value));
            fields.push(field(FieldKind::DimensionName, name));
        }
        fields
    }

    fn is_of(&self, property: &Property) -> bool {
        match (property, &self.kind) {
            (Property::Any, _)
            | (Property::Namespace, FieldKind::Namespace)
            | (Property::MetricName, FieldKind::MetricName) => true,
            (Property::Dimension(wanted), FieldKind::DimensionValue(name)) => wanted == name,
            _ => false,
        }
    }
}

impl Condition {
    /// Whether it holds for a metric with these fields.
    pub fn holds(&self, candidate: &Candidate<'_>, fields: &[Field<'_>]) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(candidate, fields)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(candidate, fields)),
            Self::Not(term) => !term.holds(candidate, fields),
            Self::Term(Property::AccountId, pattern) => pattern.is_account(candidate),
            Self::Term(property, pattern) => fields.iter().any(|field| {
                field.is_of(property)
                    && match pattern {
                        Pattern::Exact(text) => field.text == text,
                        Pattern::Partial(partial) => partial.is_in(field),
                    }
            }),
        }
    }
}

impl Pattern {
    /// An account is only ever meant as a whole, quoted or not.
    fn is_account(&self, candidate: &Candidate<'_>) -> bool {
        let is = |text: &str| text == candidate.account_id || (candidate.is_local && text == "LOCAL");
        match self {
            Self::Exact(text) => is(text),
            Self::Partial(partial) => is(&partial.whole) || (candidate.is_local && partial.whole == "local"),
        }
    }
}
