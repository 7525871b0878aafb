//! Text patterns: `*` is any text, `?` one character, `${key}` and `${key, 'default'}` a value of the request.
//!
//! What a variable stands for is text, even where it holds `*`. `${*}`, `${?}` and `${$}` are the characters themselves.

use super::context::Context;

/// A pattern, in the form that is quickest to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `*`
    Everything,
    /// Without wildcards.
    Exact(String),
    /// Text, then `*`.
    Prefix(String),
    /// Wildcards in other places.
    Wild(Vec<Unit>),
    /// With variables: put together for each request.
    Variable(Vec<Part>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Char(char),
    One,
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Units(Vec<Unit>),
    /// Key in lower case.
    Value {
        key: String,
        default: Option<String>,
    },
}

/// What of a pattern's text has a meaning of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub wildcards: bool,
    pub variables: bool,
}

impl Pattern {
    /// Reads `text`; `None` when a variable is not closed or has no name.
    pub fn parse(text: &str, syntax: Syntax) -> Option<Self> {
        let mut parts = Vec::new();
        let mut units = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if syntax.variables && rest.starts_with("${") {
                let end = rest.find('}')?;
                match variable(rest.get(2..end)?)? {
                    Piece::Char(c) => units.push(Unit::Char(c)),
                    Piece::Value(value) => {
                        parts.push(Part::Units(std::mem::take(&mut units)));
                        parts.push(value);
                    }
                }
                rest = rest.get(end + 1..)?;
                continue;
            }
            units.push(match c {
                '*' if syntax.wildcards => Unit::Any,
                '?' if syntax.wildcards => Unit::One,
                c => Unit::Char(c),
            });
            rest = rest.get(c.len_utf8()..)?;
        }
        if parts.is_empty() {
            return Some(Self::without_variables(units));
        }
        parts.push(Part::Units(units));
        Some(Self::Variable(parts))
    }

    fn without_variables(units: Vec<Unit>) -> Self {
        let text = |units: &[Unit]| -> Option<String> {
            units.iter().map(|unit| if let Unit::Char(c) = unit { Some(*c) } else { None }).collect()
        };
        if units == [Unit::Any] {
            return Self::Everything;
        }
        if let Some(exact) = text(&units) {
            return Self::Exact(exact);
        }
        if let Some((Unit::Any, before)) = units.split_last()
            && let Some(prefix) = text(before)
        {
            return Self::Prefix(prefix);
        }
        Self::Wild(units)
    }

    /// Whether `text` matches; `None` when the request does not resolve a variable.
    pub fn matches(&self, text: &str, context: &dyn Context) -> Option<bool> {
        Some(match self {
            Self::Everything => true,
            Self::Exact(exact) => exact == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Wild(units) => wild_match(units, text),
            Self::Variable(parts) => wild_match(&resolve(parts, context)?, text),
        })
    }

    /// As `matches`, with letters of either case alike. Only for patterns without wildcards.
    pub fn equals_ignoring_case(&self, text: &str, context: &dyn Context) -> Option<bool> {
        let lower = |units: &[Unit]| -> String {
            units
                .iter()
                .filter_map(|unit| if let Unit::Char(c) = unit { Some(*c) } else { None })
                .flat_map(char::to_lowercase)
                .collect()
        };
        let expected = match self {
            Self::Exact(exact) => exact.to_lowercase(),
            Self::Variable(parts) => lower(&resolve(parts, context)?),
            Self::Everything | Self::Prefix(_) | Self::Wild(_) => return self.matches(text, context),
        };
        Some(expected == text.to_lowercase())
    }
}

enum Piece {
    Char(char),
    Value(Part),
}

/// What stands between `${` and `}`.
fn variable(inside: &str) -> Option<Piece> {
    match inside {
        "*" => return Some(Piece::Char('*')),
        "?" => return Some(Piece::Char('?')),
        "$" => return Some(Piece::Char('$')),
        _ => {}
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let default = default.trim();
            (key, Some(default.strip_prefix('\'')?.strip_suffix('\'')?.to_owned()))
        }
        None => (inside, None),
    };
    let key = key.trim().to_ascii_lowercase();
    (!key.is_empty()).then_some(Piece::Value(Part::Value { key, default }))
}

fn resolve(parts: &[Part], context: &dyn Context) -> Option<Vec<Unit>> {
    let mut units = Vec::new();
    for part in parts {
        match part {
            Part::Units(more) => units.extend_from_slice(more),
            Part::Value { key, default } => {
                let values = context.values(key);
                // A key of many values cannot stand for one text.
                let value = match values.as_deref() {
                    Some([value]) => value.as_ref(),
                    Some([_, _, ..]) => return None,
                    _ => default.as_deref()?,
                };
                units.extend(value.chars().map(Unit::Char));
            }
        }
    }
    Some(units)
}

/// Iterative, with one place to go back to: at most pattern times text steps.
fn wild_match(units: &[Unit], text: &str) -> bool {
    let after = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
    let (mut unit, mut at) = (0, 0);
    let mut star = None;
    loop {
        match (units.get(unit), after(at)) {
            (None, None) => return true,
            (Some(Unit::Any), _) => {
                unit += 1;
                star = Some((unit, at));
                continue;
            }
            (Some(Unit::One), Some(c)) => {
                unit += 1;
                at += c.len_utf8();
                continue;
            }
            (Some(Unit::Char(expected)), Some(c)) if *expected == c => {
                unit += 1;
                at += c.len_utf8();
                continue;
            }
            _ => {}
        }
        // The last star takes one more character.
        let Some((resume, from)) = star else { return false };
        let Some(taken) = after(from) else { return false };
        at = from + taken.len_utf8();
        unit = resume;
        star = Some((resume, at));
    }
}

/// True when one matches; `None` when none does and one could not be resolved.
pub(super) fn any_match(found: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unresolved = false;
    for one in found {
        match one {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unresolved = true,
        }
    }
    (!unresolved).then_some(false)
}
