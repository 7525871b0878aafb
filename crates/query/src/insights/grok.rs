//! Patterns of grok, `%{IP:client} %{NUMBER:bytes}`, as regular expressions.
//!
//! The names are those of Logstash's pattern files, which OpenSearch has as well; the expressions are written anew without what linear
//! time does not allow (looking around, never giving back), so they may match a little more. `%{NAME}` matches, `%{NAME:field}` makes
//! a column, and a type behind a second colon, as in `%{NUMBER:bytes:int}`, says nothing here, for columns have no types.

use super::ast::Regex;
use super::regexes;

/// Most characters of a pattern with its names replaced: a limit of ours.
const EXPANDED_MAX: usize = 20_000;

/// Names and what they match; what is written with other names refers to those alone that stand above it.
const PATTERNS: [(&str, &str); 54] = [
    ("USERNAME", "[a-zA-Z0-9._-]+"),
    ("USER", "%{USERNAME}"),
    ("EMAILLOCALPART", r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"),
    ("HOSTNAME", r"\b(?:[0-9A-Za-z][0-9A-Za-z-]{0,62})(?:\.(?:[0-9A-Za-z][0-9A-Za-z-]{0,62}))*\.?"),
    ("EMAILADDRESS", "%{EMAILLOCALPART}@%{HOSTNAME}"),
    ("INT", "[+-]?[0-9]+"),
    ("BASE10NUM", r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"),
    ("NUMBER", "%{BASE10NUM}"),
    ("BASE16NUM", "[+-]?(?:0x)?[0-9A-Fa-f]+"),
    ("POSINT", r"\b[1-9][0-9]*\b"),
    ("NONNEGINT", r"\b[0-9]+\b"),
    ("WORD", r"\b\w+\b"),
    ("NOTSPACE", r"\S+"),
    ("SPACE", r"\s*"),
    ("DATA", ".*?"),
    ("GREEDYDATA", ".*"),
    ("QUOTEDSTRING", r#""(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*'|`(?:\\.|[^\\`])*`"#),
    ("QS", "%{QUOTEDSTRING}"),
    ("UUID", "[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}"),
    ("MAC", "(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}"),
    (
        "IPV4",
        r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])",
    ),
    ("IPV6", r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:%\w+)?"),
    ("IP", "%{IPV6}|%{IPV4}"),
    ("IPORHOST", "%{IP}|%{HOSTNAME}"),
    ("HOSTPORT", "%{IPORHOST}:%{POSINT}"),
    ("UNIXPATH", r"(?:/[\w_%!$@:.,+~-]*)+"),
    ("WINPATH", r"(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+"),
    ("PATH", "%{UNIXPATH}|%{WINPATH}"),
    ("URIPROTO", "[A-Za-z][A-Za-z0-9+.-]*"),
    ("URIHOST", "%{IPORHOST}(?::%{POSINT})?"),
    ("URIPATH", r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+"),
    ("URIPARAM", r"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\[\]<>-]*"),
    ("URIPATHPARAM", "%{URIPATH}(?:%{URIPARAM})?"),
    ("URI", "%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?"),
    (
        "MONTH",
        r"\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\b",
    ),
    ("MONTHNUM", "0?[1-9]|1[0-2]"),
    ("MONTHDAY", "0[1-9]|[12][0-9]|3[01]|[1-9]"),
    ("DAY", "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"),
    ("YEAR", "[0-9]{4}|[0-9]{2}"),
    ("HOUR", "2[0123]|[01]?[0-9]"),
    ("MINUTE", "[0-5][0-9]"),
    ("SECOND", "(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?"),
    ("TIME", "%{HOUR}:%{MINUTE}(?::%{SECOND})?"),
    ("DATE_US", "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}"),
    ("DATE_EU", "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}"),
    ("DATE", "%{DATE_US}|%{DATE_EU}"),
    ("ISO8601_TIMEZONE", "Z|[+-]%{HOUR}(?::?%{MINUTE})"),
    (
        "TIMESTAMP_ISO8601",
        "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?",
    ),
    ("HTTPDATE", "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}"),
    ("SYSLOGTIMESTAMP", "%{MONTH} +%{MONTHDAY} %{TIME}"),
    (
        "LOGLEVEL",
        "[Aa]lert|ALERT|[Tt]race|TRACE|[Dd]ebug|DEBUG|[Nn]otice|NOTICE|[Ii]nfo(?:rmation)?|INFO(?:RMATION)?|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]rit(?:ical)?|CRIT(?:ICAL)?|[Ff]atal|FATAL|[Ss]evere|SEVERE|[Ee]merg(?:ency)?|EMERG(?:ENCY)?",
    ),
    ("PROG", r"[\x21-\x5a\x5c\x5e-\x7e]+"),
    (
        "COMMONAPACHELOG",
        "%{IPORHOST:clientip} %{USER:ident} %{USER:auth} \\[%{HTTPDATE:timestamp}\\] \"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})\" %{NUMBER:response} (?:%{NUMBER:bytes}|-)",
    ),
    ("COMBINEDAPACHELOG", "%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}"),
];

/// Compiles a pattern of grok; its fields are the named groups. The error is a message for the client.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let expanded = expand(pattern, PATTERNS.len())?;
    let regex = regexes::compile(&expanded, &[])?;
    if regex.columns().next().is_none() { Err("the pattern names no field".to_owned()) } else { Ok(regex) }
}

/// The pattern with expressions in place of names; those known are the first `known` ones, so that this ends.
fn expand(pattern: &str, known: usize) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once("%{") {
        let Some((inside, behind)) = behind.split_once('}') else {
            return Err("a pattern of grok is not closed".to_owned());
        };
        let mut parts = inside.split(':');
        let name = parts.next().unwrap_or_default();
        let Some(at) = PATTERNS.iter().take(known).position(|(pattern, _)| *pattern == name) else {
            return Err(format!("there is no pattern {name} of grok here"));
        };
        let inner = expand(PATTERNS[at].1, at)?;
        expanded.push_str(before);
        match parts.next() {
            Some(field) => expanded.push_str(&format!("(?<{field}>{inner})")),
            None => expanded.push_str(&format!("(?:{inner})")),
        }
        if expanded.len() > EXPANDED_MAX {
            return Err("the pattern is too large".to_owned());
        }
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::{PATTERNS, compile};

    #[track_caller]
    fn columns(pattern: &str, text: &str) -> Vec<(String, String)> {
        let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let Some(found) = regex.0.captures(text) else { return Vec::new() };
        let columns = regex.columns().filter_map(|(group, name)| Some((name.into_owned(), found.get(group)?)));
        columns.map(|(name, part)| (name, part.as_str().to_owned())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn names_match_and_make_columns() {
        let found = columns(
            "%{IP:client} %{WORD:method} %{URIPATHPARAM:path} %{NUMBER:bytes:int}",
            "10.0.0.5 GET /a?b=1 12.5 x",
        );
        assert_eq!(found, pairs(&[("client", "10.0.0.5"), ("method", "GET"), ("path", "/a?b=1"), ("bytes", "12.5")]));
        assert_eq!(columns(".+@%{HOSTNAME:host}", "amy@example.com"), pairs(&[("host", "example.com")]));
        let found = columns(
            "%{TIMESTAMP_ISO8601:t} %{LOGLEVEL:l} %{GREEDYDATA:rest}",
            "2026-01-02T03:04:05.678Z ERROR it is so",
        );
        assert_eq!(found, pairs(&[("t", "2026-01-02T03:04:05.678Z"), ("l", "ERROR"), ("rest", "it is so")]));
        assert_eq!(columns("%{IPV6:a}", "fe80::1"), pairs(&[("a", "fe80::1")]));
        assert_eq!(columns("%{WORD} %{QS:q}", r#"say "a \" b" now"#), pairs(&[("q", r#""a \" b""#)]));
    }

    #[test]
    fn lines_of_a_web_server_are_taken_apart() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 200 2326 "http://x/" "Mozilla/4.08""#;
        let found = columns("%{COMBINEDAPACHELOG}", line);
        let is = |name: &str, value: &str| assert!(found.contains(&(name.to_owned(), value.to_owned())), "{found:?}");
        is("clientip", "127.0.0.1");
        is("auth", "frank");
        is("timestamp", "10/Oct/2000:13:55:36 -0700");
        is("request", "/a.gif");
        is("response", "200");
        is("agent", "\"Mozilla/4.08\"");
    }

    #[test]
    fn every_pattern_compiles() {
        for (name, _) in PATTERNS {
            compile(&format!("^%{{{name}:whole}}$")).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refused = |pattern: &str| compile(pattern).expect_err(pattern);
        assert_eq!(refused("%{NOPE:x}"), "there is no pattern NOPE of grok here");
        assert_eq!(refused("%{WORD:x"), "a pattern of grok is not closed");
        assert_eq!(refused("%{WORD}"), "the pattern names no field");
        assert_eq!(refused(&"%{IP}".repeat(300)), "the pattern is too large");
    }
}
