//! `grok`: patterns with names, `%{IP:client.ip}`, compiled to one regular expression.
//!
//! Only the patterns of the guide are known; their expressions are ours (`patterns`). `%{NUMBER}`, which the guide's examples
//! use and its tables leave out, is `%{BASE10NUM}`.

mod common;
mod patterns;

use super::{ConfigError, Fields, TransformError, path};
use common::Common;
use regex::{Captures, Regex, RegexBuilder};

/// Most patterns in a match, and of those that match nearly anything together ("grok").
const PATTERNS_MAX: usize = 20;
const WIDE_MAX: usize = 5;
const WIDE: [&str; 7] = ["URI", "URIPARAM", "URIPATHPARAM", "SPACE", "DATA", "GREEDYDATA", "GREEDYDATA_MULTILINE"];
/// Largest compiled expression, bytes.
const PROGRAM_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A match, compiled.
#[derive(Debug)]
pub(super) struct Grok {
    regex: Regex,
    /// Each field with the groups that may hold it.
    fields: Vec<(String, Vec<usize>)>,
    common: Option<Common>,
}

/// A part of a match.
enum Part<'m> {
    Text(String),
    Pattern { name: &'m str, field: Option<&'m str> },
}

fn refused<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError(message.into()))
}

impl Grok {
    /// Checks and compiles a match.
    pub fn compile(source: &str) -> Result<Self, ConfigError> {
        let parts = parts(source)?;
        let names: Vec<&str> = parts.iter().filter_map(Part::name).collect();
        check_counts(&names)?;
        let common = names.iter().position(|name| Common::named(name).is_some());
        if let Some(at) = common {
            check_common(&parts, &names, at)?;
        }
        let mut builder = Builder::default();
        builder.text.push_str("^(?:");
        for part in &parts {
            match part {
                Part::Text(text) => builder.text.push_str(&regex::escape(text)),
                Part::Pattern { name, field } => builder.pattern(name, *field)?,
            }
        }
        builder.text.push_str(r")\r?\n?$");
        let regex = RegexBuilder::new(&builder.text).size_limit(PROGRAM_BYTES_MAX).build();
        let regex = regex.map_err(|_| ConfigError(format!("grok: the match is too large: {source}")))?;
        Ok(Self { regex, fields: builder.fields, common: common.and_then(|at| Common::named(names[at])) })
    }

    /// The fields of a text.
    pub fn parse(&self, text: &str, fields: &mut Fields) -> Result<(), TransformError> {
        let Some(captures) = self.regex.captures(text) else {
            return Err(TransformError("the grok pattern does not match".into()));
        };
        let group = |groups: &[usize]| groups.iter().find_map(|group| captures.get(*group)).map(|group| group.as_str());
        if let Some(common) = &self.common {
            common.put(|name| self.group_of(name, &captures), fields);
        }
        for (name, groups) in &self.fields {
            let is_common = self.common.is_some_and(|common| common.has(name));
            if let Some(text) = group(groups).filter(|_| !is_common) {
                path::set(fields, name, text.into());
            }
        }
        Ok(())
    }

    fn group_of<'t>(&self, name: &str, captures: &Captures<'t>) -> Option<&'t str> {
        let (_, groups) = self.fields.iter().find(|(known, _)| known == name)?;
        groups.iter().find_map(|group| captures.get(*group)).map(|group| group.as_str())
    }
}

impl<'m> Part<'m> {
    fn name(&self) -> Option<&'m str> {
        match self {
            Part::Text(_) => None,
            Part::Pattern { name, .. } => Some(name),
        }
    }
}

/// Text and patterns in their order. A backslash before a sign takes the sign as it is.
fn parts(source: &str) -> Result<Vec<Part<'_>>, ConfigError> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("%{") {
        if start > 0 {
            parts.push(Part::Text(unescaped(&rest[..start])));
        }
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else { return refused("grok: a pattern is not closed") };
        let mut pieces = inner[..end].split(':');
        let (name, field) = (pieces.next().unwrap_or_default(), pieces.next());
        if pieces.next().is_some() {
            return refused(format!("grok: type conversion is not supported: %{{{}}}", &inner[..end]));
        }
        if let Some(field) = field.filter(|field| !path::is_path(field)) {
            return refused(format!("grok: '{field}' is not a name of at most {} keys", path::DEPTH_MAX));
        }
        // Patterns that a match may have no time only help others.
        let is_known = patterns::pattern(name).is_some_and(|pattern| pattern.most > 0);
        if !is_known && Common::named(name).is_none() {
            return refused(format!("grok: the pattern '{name}' is not supported"));
        }
        parts.push(Part::Pattern { name, field });
        rest = &inner[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(unescaped(rest)));
    }
    Ok(parts)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.next_if(|next| c == '\\' && next.is_ascii_punctuation()) {
            Some(sign) => plain.push(sign),
            None => plain.push(c),
        }
    }
    plain
}

fn check_counts(names: &[&str]) -> Result<(), ConfigError> {
    if names.is_empty() || names.len() > PATTERNS_MAX {
        return refused(format!("grok: a match has 1 to {PATTERNS_MAX} patterns"));
    }
    if names.iter().filter(|name| WIDE.contains(name)).count() > WIDE_MAX {
        return refused(format!("grok: a match has at most {WIDE_MAX} of the patterns {}", WIDE.join(", ")));
    }
    for name in names {
        let most = patterns::pattern(name).map_or(1, |pattern| pattern.most);
        if names.iter().filter(|other| *other == name).count() > most {
            return refused(format!("grok: a match has the pattern {name} at most {most} times"));
        }
    }
    Ok(())
}

/// A common log comes first, and one wide pattern at most after it.
fn check_common(parts: &[Part<'_>], names: &[&str], at: usize) -> Result<(), ConfigError> {
    let is_first = at == 0 && matches!(parts.first(), Some(Part::Pattern { .. }));
    let after = &names[at + 1..];
    let is_wide = |name: &&str| matches!(*name, "DATA" | "GREEDYDATA" | "GREEDYDATA_MULTILINE");
    if is_first && after.len() <= 1 && after.iter().all(is_wide) {
        return Ok(());
    }
    refused(format!(
        "grok: the pattern {} must be the first, and only one of DATA, GREEDYDATA and GREEDYDATA_MULTILINE may follow it",
        names[at]
    ))
}

/// An expression in the making. All groups that capture are ours, so that they can be counted.
#[derive(Default)]
struct Builder {
    text: String,
    groups: usize,
    fields: Vec<(String, Vec<usize>)>,
}

impl Builder {
    fn pattern(&mut self, name: &str, field: Option<&str>) -> Result<(), ConfigError> {
        if name == "QUOTEDSTRING" {
            self.quoted(field);
            return Ok(());
        }
        let source = match Common::named(name) {
            Some(common) => common.pattern(),
            None => patterns::pattern(name).map(|pattern| pattern.source).unwrap_or_default(),
        };
        self.open(field);
        // The patterns within a pattern; ours are well formed and never within themselves.
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("%{") {
            self.text.push_str(before);
            let (inner, after) = after.split_once('}').unwrap_or((after, ""));
            match inner.split_once(':') {
                Some((name, field)) => self.pattern(name, Some(field))?,
                None => self.pattern(inner, None)?,
            }
            rest = after;
        }
        self.text.push_str(rest);
        self.text.push(')');
        Ok(())
    }

    /// What is between the quotes is the field.
    fn quoted(&mut self, field: Option<&str>) {
        self.text.push_str(r#"(?:""#);
        self.open(field);
        self.text.push_str(r#"(?:[^"\\]|\\.)*)"|'"#);
        self.open(field);
        self.text.push_str(r"(?:[^'\\]|\\.)*)')");
    }

    fn open(&mut self, field: Option<&str>) {
        let Some(field) = field else { return self.text.push_str("(?:") };
        self.text.push('(');
        self.groups += 1;
        match self.fields.iter_mut().find(|(known, _)| known == field) {
            Some((_, groups)) => groups.push(self.groups),
            None => self.fields.push((field.to_owned(), vec![self.groups])),
        }
    }
}
