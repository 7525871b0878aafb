//! Regular expressions as AWS reads them (RE2's syntax, with some of Java's), in the spelling of the crate `regex`, with bounds.
//!
//! `\d`, `\w`, `\s` and `\b` mean ASCII, a bracket within brackets and a brace that counts nothing stand for themselves, `\/`, `\Q…\E`,
//! `\h`, `\Z` and `\e` are known. What looks around, refers back or never gives back is refused with its reason: no engine that is
//! bound to linear time has it. Names of groups may begin with `@`, see `ast::Regex::column`.

use super::ast::{LikePattern, Regex};

/// Largest compiled program, bytes: no query may eat the memory, nor a long line the time.
const PROGRAM_BYTES_MAX: usize = 256 * 1024;
/// Largest cache of a program for each thread, bytes.
const CACHE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Deepest nesting of groups.
const GROUPS_DEEP_MAX: u32 = 50;
/// What stands for the `@` that a group's name begins with; no name in use has this in it.
pub const AT_SIGN: &str = "_[at]";

/// Compiles what stands between slashes. `names` are for groups, in order: groups without a name get them, and those with one lose
/// theirs. The error is a message for the client.
pub fn compile(source: &str, names: &[String]) -> Result<Regex, String> {
    let mut spelling = Spelling { source, at: 0, spelled: String::new(), names, groups: 0 };
    spelling.outside()?;
    if spelling.groups < names.len() {
        return Err(format!("{} names for {} groups of the regular expression", names.len(), spelling.groups));
    }
    regex::RegexBuilder::new(&spelling.spelled)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(CACHE_BYTES_MAX)
        .nest_limit(GROUPS_DEEP_MAX)
        .build()
        .map(Regex)
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            error => format!("invalid regular expression: {}", last_line(&error.to_string())),
        })
}

/// What `LIKE` of SQL and PPL means: `%` is any text, `_` is any character, and a backslash takes the meaning away.
pub fn like(pattern: &str, ignores_case: bool) -> Result<LikePattern, String> {
    let inside = pattern.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    if let Some(inside) = inside.filter(|inside| !ignores_case && !inside.contains(['%', '_', '\\'])) {
        return Ok(LikePattern::Contains(inside.to_owned()));
    }
    let mut spelled = String::from(if ignores_case { "(?is)^" } else { "(?s)^" });
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => spelled.push_str(".*"),
            '_' => spelled.push('.'),
            '\\' => push_literal(&mut spelled, chars.next().unwrap_or('\\')),
            other => push_literal(&mut spelled, other),
        }
    }
    spelled.push('$');
    let builder =
        regex::RegexBuilder::new(&spelled).size_limit(PROGRAM_BYTES_MAX).dfa_size_limit(CACHE_BYTES_MAX).build();
    builder.map(|regex| LikePattern::Regex(Regex(regex))).map_err(|_| "the pattern is too large".to_owned())
}

/// The message of the crate without its drawing of the place.
fn last_line(message: &str) -> &str {
    message.lines().last().unwrap_or(message).trim_start_matches("error: ")
}

fn push_literal(spelled: &mut String, c: char) {
    if regex_syntax::is_meta_character(c) {
        spelled.push('\\');
    }
    spelled.push(c);
}

struct Spelling<'s> {
    source: &'s str,
    at: usize,
    spelled: String,
    names: &'s [String],
    groups: usize,
}

impl Spelling<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn outside(&mut self) -> Result<(), String> {
        while let Some(c) = self.take() {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                '{' if !is_count(self.rest()) => self.spelled.push_str("\\{"),
                other => self.spelled.push(other),
            }
        }
        Ok(())
    }

    /// Behind an opening parenthesis.
    fn group(&mut self) -> Result<(), String> {
        for (sign, what) in [("?=", "lookahead"), ("?!", "lookahead"), ("?<=", "lookbehind"), ("?<!", "lookbehind")] {
            if self.rest().starts_with(sign) {
                return Err(format!("{what} is not supported in regular expressions"));
            }
        }
        if self.rest().starts_with("?>") {
            return Err("atomic groups are not supported in regular expressions".to_owned());
        }
        let opening = ["?<", "?P<"].into_iter().find(|opening| self.rest().starts_with(opening));
        let written = opening.and_then(|opening| self.rest()[opening.len()..].split_once('>'));
        let written = written.map(|(name, _)| name.to_owned());
        if opening.is_none() && self.rest().starts_with('?') {
            self.spelled.push('(');
            return Ok(());
        }
        if let (Some(opening), Some(name)) = (opening, &written) {
            self.at += opening.len() + name.len() + 1;
        }
        let name = self.names.get(self.groups).cloned().or(written);
        self.groups += 1;
        match name {
            Some(name) => self.spelled.push_str(&format!("(?<{}>", group_name(&name)?)),
            None => self.spelled.push('('),
        }
        Ok(())
    }

    /// Behind an opening bracket.
    fn class(&mut self) -> Result<(), String> {
        self.spelled.push('[');
        if self.rest().starts_with('^') {
            self.at += 1;
            self.spelled.push('^');
        }
        let mut is_first = true;
        while let Some(c) = self.take() {
            match c {
                ']' if !is_first => {
                    self.spelled.push(']');
                    return Ok(());
                }
                ']' => self.spelled.push_str("\\]"),
                '[' if self.rest().starts_with(':') => match self.rest().find(":]") {
                    Some(end) => {
                        self.spelled.push('[');
                        let until = self.at + end + 2;
                        self.spelled.push_str(&self.source[self.at..until]);
                        self.at = until;
                    }
                    None => self.spelled.push_str("\\["),
                },
                '\\' => {
                    let is_set = self.rest().starts_with(['d', 'D', 'w', 'W', 's', 'S', 'h', 'H']);
                    self.escape(true)?;
                    if is_set && self.rest().starts_with('-') {
                        self.at += 1;
                        self.spelled.push_str("\\-");
                    }
                }
                '[' | '&' | '~' => self.spelled.extend(['\\', c]),
                '-' if self.spelled.ends_with('-') && !self.spelled.ends_with("\\-") => self.spelled.push_str("\\-"),
                other => self.spelled.push(other),
            }
            is_first = false;
        }
        Err("a bracket of the regular expression is not closed".to_owned())
    }

    /// Behind a backslash.
    fn escape(&mut self, is_class: bool) -> Result<(), String> {
        let Some(c) = self.take() else { return Err("the regular expression ends with a backslash".to_owned()) };
        let (inside, outside) = match c {
            'd' => ("0-9", "[0-9]"),
            'w' => ("0-9A-Za-z_", "[0-9A-Za-z_]"),
            's' => ("\\t\\n\\x0B\\f\\r ", "[\\t\\n\\x0B\\f\\r ]"),
            'h' => ("\\t ", "[\\t ]"),
            'D' => ("[^0-9]", "[^0-9]"),
            'W' => ("[^0-9A-Za-z_]", "[^0-9A-Za-z_]"),
            'S' => ("[^\\t\\n\\x0B\\f\\r ]", "[^\\t\\n\\x0B\\f\\r ]"),
            'H' => ("[^\\t ]", "[^\\t ]"),
            'b' if !is_class => ("", "(?-u:\\b)"),
            'Z' if !is_class => ("", "(?:\\n?\\z)"),
            'e' => ("\\x1B", "\\x1B"),
            'Q' if !is_class => return self.verbatim(),
            '1'..='9' | 'k' | 'G' => return Err(format!("\\{c} is not supported in regular expressions")),
            _ if c.is_ascii_alphanumeric() => {
                self.spelled.extend(['\\', c]);
                let has_braces = matches!(c, 'p' | 'P' | 'x' | 'u' | 'U') && self.rest().starts_with('{');
                if let Some(end) = self.rest().find('}').filter(|_| has_braces) {
                    let until = self.at + end + 1;
                    self.spelled.push_str(&self.source[self.at..until]);
                    self.at = until;
                }
                return Ok(());
            }
            _ => {
                if c == '-' || regex_syntax::is_meta_character(c) {
                    self.spelled.push('\\');
                }
                self.spelled.push(c);
                return Ok(());
            }
        };
        self.spelled.push_str(if is_class { inside } else { outside });
        Ok(())
    }

    /// `\Q` up to `\E`.
    fn verbatim(&mut self) -> Result<(), String> {
        let (text, end) = match self.rest().find("\\E") {
            Some(end) => (self.rest()[..end].to_owned(), self.at + end + 2),
            None => (self.rest().to_owned(), self.source.len()),
        };
        text.chars().for_each(|c| push_literal(&mut self.spelled, c));
        self.at = end;
        Ok(())
    }
}

/// True when a repetition's count stands behind an opening brace: `3}`, `3,}`, `3,5}`.
fn is_count(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let is_digits = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    !least.is_empty() && is_digits(least) && is_digits(most)
}

fn group_name(name: &str) -> Result<String, String> {
    let (at_sign, rest) = match name.strip_prefix('@') {
        Some(rest) => (AT_SIGN, rest),
        None => ("", name),
    };
    let is_name = rest.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && rest.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    if is_name {
        Ok(format!("{at_sign}{rest}"))
    } else {
        Err(format!("{name} cannot name a group of a regular expression"))
    }
}
