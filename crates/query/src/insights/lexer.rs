//! Cuts the text of a query into tokens, one at a time: whether `/` divides or begins a regular expression only the parser knows.

/// The languages, as far as their tokens differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Insights QL: `#` begins a comment.
    Cwli,
    /// OpenSearch SQL: `--` and `/* */` are comments, a doubled quote stands for one.
    Sql,
    /// OpenSearch PPL: `//` and `/* */` are comments.
    Ppl,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `filter`, `@message`, `a.b.0.c`; ends with a dot where a name in backticks follows.
    Word,
    /// A text in single or double quotes.
    Text,
    /// A name in backticks.
    Name,
    /// `12`, `0.5`, `1e3`
    Number,
    /// `5m`: digits and letters.
    Period,
    /// One or two characters of punctuation.
    Symbol,
    /// Behind the last character.
    End,
}

/// A token: bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
}

const PAIRS: [&str; 9] = ["==", "!=", "<=", ">=", "=~", "!~", "<>", "||", "&&"];

/// The first token at or behind byte `from`.
pub fn scan(text: &str, from: usize, dialect: Dialect) -> Token {
    let start = skip_blank(text, from, dialect);
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else { return Token { kind: Kind::End, start, end: start } };
    let token = |kind, length| Token { kind, start, end: start + length };
    match first {
        '"' | '\'' | '`' => match quoted(rest, first, dialect) {
            Some(length) => token(if first == '`' { Kind::Name } else { Kind::Text }, length),
            None => token(Kind::Symbol, 1),
        },
        _ if first.is_alphabetic() || first == '_' || first == '@' => token(Kind::Word, word(rest)),
        _ if first.is_ascii_digit() => number(rest, start),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest, start),
        _ if PAIRS.iter().any(|pair| rest.starts_with(pair)) => token(Kind::Symbol, 2),
        _ => token(Kind::Symbol, first.len_utf8()),
    }
}

fn skip_blank(text: &str, from: usize, dialect: Dialect) -> usize {
    let mut at = from;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        let is_line = match dialect {
            Dialect::Cwli => rest.starts_with('#'),
            Dialect::Sql => rest.starts_with("--"),
            Dialect::Ppl => rest.starts_with("//"),
        };
        if is_line {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if dialect != Dialect::Cwli && rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else {
            return at;
        }
    }
}

/// The length of a quoted text with its quotes; `None` when it never ends.
fn quoted(rest: &str, quote: char, dialect: Dialect) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            if dialect == Dialect::Sql && chars.next_if(|(_, next)| *next == quote).is_some() {
                continue;
            }
            return Some(at + 1);
        }
    }
    None
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '.'))).unwrap_or(rest.len())
}

fn number(rest: &str, start: usize) -> Token {
    let digits = |from: usize| rest[from..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| from + n);
    let mut end = digits(0);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = digits(end + 1);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        if rest[end + 1 + sign..].starts_with(|c: char| c.is_ascii_digit()) {
            end = digits(end + 1 + sign);
        }
    }
    let letters = rest[end..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len() - end);
    let kind = if letters > 0 { Kind::Period } else { Kind::Number };
    Token { kind, start, end: start + end + letters }
}

/// What the text or name of a token stands for, without quotes and escapes.
pub fn unquote(token: &str, dialect: Dialect) -> String {
    let quote = token.chars().next().unwrap_or('"');
    let mut chars = token[1..token.len() - 1].chars().peekable();
    let mut value = String::new();
    while let Some(c) = chars.next() {
        if c == quote {
            chars.next();
            value.push(c);
        } else if c != '\\' || quote == '`' {
            value.push(c);
        } else {
            value.extend(unescape(chars.next(), dialect).into_iter().flatten());
        }
    }
    value
}

/// A backslash before any other character stays, so that `\d` in a text stays what it is.
fn unescape(escaped: Option<char>, dialect: Dialect) -> [Option<char>; 2] {
    match escaped {
        Some(c @ ('\\' | '"' | '\'')) => [Some(c), None],
        Some('n') if dialect == Dialect::Cwli => [Some('\n'), None],
        Some('t') if dialect == Dialect::Cwli => [Some('\t'), None],
        Some('r') if dialect == Dialect::Cwli => [Some('\r'), None],
        other => [Some('\\'), other],
    }
}

/// Where a regular expression that begins with the slash at byte `start` ends: its closing slash. A slash within brackets belongs to
/// the expression if there is another one behind the brackets.
pub fn regex_end(text: &str, start: usize) -> Option<usize> {
    let (mut is_escaped, mut is_class, mut first) = (false, false, None);
    for (at, c) in text[start + 1..].char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_class = true,
            ']' => is_class = false,
            '/' if !is_class => return Some(start + 1 + at),
            '/' => first = first.or(Some(start + 1 + at)),
            _ => {}
        }
    }
    first
}
