//! Access lines of web servers: the common log format and the combined one (Apache's mod_log_config, nginx's default).
//!
//! `HOST IDENT USER [TIME] "METHOD PATH PROTOCOL" STATUS BYTES`, and in the combined format `"REFERER" "AGENT"` after it; what a
//! server was told to write behind that has no name. Quotes within quotes are written `\"`. AWS does not discover these lines, so
//! the names are ours. A value that is missing is `-`.

/// The parts of a line in their order.
const NAMES: [&str; 12] = [
    "host",
    "ident",
    "user",
    "time",
    "request",
    "method",
    "path",
    "protocol",
    "status",
    "bytes",
    "referer",
    "userAgent",
];

/// The parts of a line, named by `NAMES`; `None` where it does not have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a>([Option<&'a str>; NAMES.len()]);

/// The line by its parts, if it is an access line.
pub fn of(line: &str) -> Option<Access<'_>> {
    let (host, rest) = line.trim_ascii().split_once(' ')?;
    let (ident, rest) = rest.split_once(' ')?;
    let (user, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = quoted(rest)?;
    let mut words = rest.strip_prefix(' ')?.splitn(3, ' ');
    let (status, bytes) = (words.next()?, words.next()?);
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    if status.len() != 3 || !is_number(status) || !(is_number(bytes) || bytes == "-") {
        return None;
    }
    let mut of_request = request.splitn(3, ' ');
    let (method, path, protocol) = (of_request.next(), of_request.next(), of_request.next());
    let behind = words.next().and_then(|rest| quoted(rest.strip_prefix('"')?));
    let referer = behind.map(|(referer, _)| referer);
    let agent = behind.and_then(|(_, rest)| quoted(rest.strip_prefix(" \"")?)).map(|(agent, _)| agent);
    let parts = [host, ident, user, time, request].map(Some).into_iter();
    let parts = parts.chain([method, path, protocol, Some(status), Some(bytes), referer, agent]);
    let mut access = Access([None; NAMES.len()]);
    access.0.iter_mut().zip(parts).for_each(|(place, part)| *place = part);
    Some(access)
}

/// A text up to the quote that ends it, and what comes behind that.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((&text[..end], &text[end + 1..]))
}

impl<'a> Access<'a> {
    /// The part of this name.
    pub fn field(self, name: &str) -> Option<&'a str> {
        self.0[NAMES.iter().position(|known| *known == name)?]
    }

    /// All parts that are there, with their names.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, &'a str)> {
        NAMES.into_iter().zip(self.0).filter_map(|(name, part)| Some((name, part?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Vec<(&'static str, &str)> {
        of(line).map(|access| access.fields().collect()).unwrap_or_default()
    }

    #[test]
    fn common_and_combined_lines_are_taken_apart() {
        let common = r#"10.0.0.7 - ann [01/Mar/2026:00:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512"#;
        let expected = [
            ("host", "10.0.0.7"),
            ("ident", "-"),
            ("user", "ann"),
            ("time", "01/Mar/2026:00:00:00 +0000"),
            ("request", "GET /a?b=c HTTP/1.1"),
            ("method", "GET"),
            ("path", "/a?b=c"),
            ("protocol", "HTTP/1.1"),
            ("status", "200"),
            ("bytes", "512"),
        ];
        assert_eq!(fields(common), expected);
        let combined = format!(r#"{common} "https://x.example/" "curl \"8\" (é)" rt=0.1"#);
        assert_eq!(fields(&combined)[..10], expected);
        assert_eq!(fields(&combined)[10..], [("referer", "https://x.example/"), ("userAgent", r#"curl \"8\" (é)"#)]);
        let access = of(&combined).unwrap();
        assert_eq!((access.field("status"), access.field("Status")), (Some("200"), None));
    }

    #[test]
    fn broken_requests_and_missing_values_are_shown_as_they_are() {
        let broken = of(r#"::1 - - [01/Mar/2026:00:00:00 +0000] "-" 408 -"#).unwrap();
        assert_eq!(
            (broken.field("request"), broken.field("method"), broken.field("path")),
            (Some("-"), Some("-"), None)
        );
        assert_eq!((broken.field("bytes"), broken.field("referer")), (Some("-"), None));
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "ERROR disk 7 [sda] \"GET / HTTP/1.1\" failed",
            "a b c [d] \"GET / HTTP/1.1\" 20 1",
            "a b c [d] \"GET / HTTP/1.1\" 2x0 1",
            "a b c [d] \"GET / HTTP/1.1\" 200",
            "a b c [d] \"GET / HTTP/1.1",
            "a b c [d] \"GET /\\\" 200 1",
            "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
