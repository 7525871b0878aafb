//! What a dynamic token is, told from its values or from the text before it, and how grave a pattern is.

use super::values::Values;
use std::net::Ipv6Addr;

/// The severity of a pattern, gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// FATAL, CRITICAL, PANIC, EMERG
    Fatal,
    /// ERROR, SEVERE, EXCEPTION
    Error,
    /// WARN, WARNING
    Warning,
    /// INFO, NOTICE
    Info,
    /// DEBUG, TRACE
    Debug,
    /// No keyword.
    None,
}

impl Severity {
    /// `@severityLabel`.
    pub fn label(self) -> &'static str {
        match self {
            Severity::Fatal => "FATAL",
            Severity::Error => "ERROR",
            Severity::Warning => "WARN",
            Severity::Info => "INFO",
            Severity::Debug => "DEBUG",
            Severity::None => "NONE",
        }
    }

    /// By a keyword in capitals.
    fn of_level(word: &str) -> Self {
        match word {
            "FATAL" | "CRITICAL" | "PANIC" | "EMERG" => Severity::Fatal,
            "ERROR" | "SEVERE" | "EXCEPTION" => Severity::Error,
            "WARN" | "WARNING" => Severity::Warning,
            "INFO" | "NOTICE" => Severity::Info,
            "DEBUG" | "TRACE" => Severity::Debug,
            _ => Severity::None,
        }
    }

    /// By a keyword in any case; those that are everyday words are left out.
    pub fn of_keyword(word: &str) -> Self {
        const KEYWORDS: [(&str, Severity); 7] = [
            ("fatal", Severity::Fatal),
            ("error", Severity::Error),
            ("exception", Severity::Error),
            ("warn", Severity::Warning),
            ("warning", Severity::Warning),
            ("info", Severity::Info),
            ("debug", Severity::Debug),
        ];
        let keyword = KEYWORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        keyword.map_or(Severity::None, |(_, severity)| *severity)
    }
}

/// The severity of static text: the first keyword in capitals, which is a level of its line; else the gravest keyword.
pub fn severity<'a>(literals: impl Iterator<Item = &'a str> + Clone) -> Severity {
    let words = || literals.clone().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let level = words().map(Severity::of_level).find(|severity| *severity != Severity::None);
    level.unwrap_or_else(|| words().map(Severity::of_keyword).min().unwrap_or(Severity::None))
}

/// The name of a dynamic token: what its values are beyond doubt, else what the text before it calls them, else what they look
/// like, else `Token`.
pub fn name(before: &str, values: Option<&Values>) -> String {
    let examples = || values.into_iter().flat_map(Values::examples);
    let kind =
        examples().next().and_then(Kind::of).filter(|&kind| examples().all(|value| Kind::of(value) == Some(kind)));
    match (kind, key(before)) {
        (Some(kind), _) if kind.is_sure() => kind.name().to_owned(),
        (_, Some(key)) => key,
        (Some(kind), None) => kind.name().to_owned(),
        (None, None) => "Token".to_owned(),
    }
}

/// What the text calls the value after it: `user=`, `ResourceID: `, `"size":"`. With a capital.
fn key(before: &str) -> Option<String> {
    let text = before.trim_end_matches(|c: char| c == ' ' || "\"'([{<".contains(c));
    let text = text.strip_suffix(['=', ':'])?.trim_end_matches([' ', '"', '\'']);
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    let mut key = text.get(start..)?.to_owned();
    // What follows another token directly is no name of its own.
    if !key.contains(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    key.get_mut(..1)?.make_ascii_uppercase();
    Some(key)
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    IpAddress,
    Uuid,
    Timestamp,
    Date,
    Time,
    Url,
    Path,
    Hex,
    Number,
}

impl Kind {
    fn of(value: &str) -> Option<Self> {
        let is = [
            (Kind::Number, is_number(value)),
            (Kind::IpAddress, is_ip_address(value)),
            (Kind::Uuid, is_shape(value, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh")),
            (Kind::Date, is_date(value)),
            (Kind::Time, is_time(value)),
            (Kind::Timestamp, is_timestamp(value)),
            (Kind::Url, value.contains("://")),
            (Kind::Path, value.starts_with('/')),
            (Kind::Hex, is_hex(value)),
        ];
        is.into_iter().find(|(_, is)| *is).map(|(kind, _)| kind)
    }

    /// True when values of the kind are hardly anything else.
    fn is_sure(self) -> bool {
        matches!(self, Kind::IpAddress | Kind::Uuid | Kind::Timestamp | Kind::Date | Kind::Time | Kind::Url)
    }

    fn name(self) -> &'static str {
        match self {
            Kind::IpAddress => "IPAddress",
            Kind::Uuid => "UUID",
            Kind::Timestamp => "Timestamp",
            Kind::Date => "Date",
            Kind::Time => "Time",
            Kind::Url => "URL",
            Kind::Path => "Path",
            Kind::Hex => "Hex",
            Kind::Number => "Number",
        }
    }
}

/// `d` stands for a digit, `h` for a hex digit, `a` for a letter.
fn is_shape(value: &str, shape: &str) -> bool {
    value.len() == shape.len()
        && value.bytes().zip(shape.bytes()).all(|(b, wanted)| match wanted {
            b'd' => b.is_ascii_digit(),
            b'h' => b.is_ascii_hexdigit(),
            b'a' => b.is_ascii_alphabetic(),
            _ => b == wanted,
        })
}

/// `-12`, `1,024`, `5.2 KB`, `37%`.
fn is_number(value: &str) -> bool {
    let digits = value.split_once(' ').map_or(value, |(number, _)| number).trim_end_matches('%');
    let digits = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
        && digits.bytes().filter(|&b| b == b'.').count() <= 1
}

/// With a port or without.
fn is_ip_address(value: &str) -> bool {
    let host = value.trim_start_matches('/').split_once(':').map_or(value.trim_start_matches('/'), |(host, _)| host);
    let mut parts = host.split('.');
    let is_part = |part: &str| part.len() <= 3 && part.parse::<u8>().is_ok();
    (parts.by_ref().take(4).filter(|part| is_part(part)).count() == 4 && parts.next().is_none())
        || (value.contains(':') && value.parse::<Ipv6Addr>().is_ok())
}

fn is_date(value: &str) -> bool {
    [
        "dddd-dd-dd",
        "dddd/dd/dd",
        "dddd.dd.dd",
        "dd/dd/dddd",
        "dd.dd.dddd",
        "dd/aaa/dddd",
        "dd-aaa-dddd",
        "dd/dd/dd",
        "aaa",
    ]
    .iter()
    .any(|shape| is_shape(value, shape))
}

/// `12:30`, `12:30:01`, `12:30:01.123Z`
fn is_time(value: &str) -> bool {
    let value = value.trim_end_matches('Z');
    let clock = value.split_once(['.', ',']).map_or(value, |(clock, _)| clock);
    ["d:dd", "dd:dd", "d:dd:dd", "dd:dd:dd"].iter().any(|shape| is_shape(clock, shape))
        && value[clock.len()..].bytes().all(|b| b.is_ascii_digit() || b".,".contains(&b))
}

/// A date and a time with one character between them, and maybe an offset.
fn is_timestamp(value: &str) -> bool {
    let date_length =
        if value.as_bytes().get(2) == Some(&b'/') && value.get(..11).is_some_and(is_date) { 11 } else { 10 };
    let (Some(date), Some(time)) = (value.get(..date_length), value.get(date_length + 1..)) else { return false };
    let time = time.split_once(['+', '-']).map_or(time, |(time, _)| time);
    is_date(date) && is_time(time)
}

/// `0x1f`, or eight hex digits and more.
fn is_hex(value: &str) -> bool {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    (digits.len() >= 8 || digits.len() < value.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}
