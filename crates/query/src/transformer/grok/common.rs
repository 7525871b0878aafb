//! Whole lines of common logs: Apache and NGINX access logs, syslog (RFC 5424).

use super::super::{Fields, fields::number};
use serde_json::Value;

/// A common log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Common {
    Access,
    Syslog,
}

/// Apache's common and combined formats; that of NGINX is the latter.
const ACCESS: &str = r#"%{NOTSPACE:remote_host} \S+ %{NOTSPACE:auth_user} \[%{HTTPDATE:timestamp}\] "(?:%{WORD:http_method} %{NOTSPACE:request}(?: HTTP/%{NUMBER:http_version})?|[^"]*)" %{INT:status_code} (?:%{INT:response_size}|-)(?: "%{REFERRER:referrer}" "%{REFERRER:agent}")?"#;
const SYSLOG: &str = r"<%{NONNEGINT:pri}>%{NONNEGINT:version} %{NOTSPACE:timestamp} %{NOTSPACE:hostname} %{NOTSPACE:app} %{NOTSPACE:proc_id} %{NOTSPACE:msg_id} (?:-|\[%{STRUCTURED:structured_data}\])(?: ?%{GREEDYDATA:message})?";

const ACCESS_FIELDS: [&str; 10] = [
    "request",
    "referrer",
    "agent",
    "http_method",
    "status_code",
    "auth_user",
    "http_version",
    "response_size",
    "remote_host",
    "timestamp",
];
const SYSLOG_FIELDS: [&str; 9] =
    ["pri", "version", "timestamp", "hostname", "app", "proc_id", "msg_id", "structured_data", "message"];

impl Common {
    /// The log of this pattern's name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "APACHE_ACCESS_LOG" | "NGINX_ACCESS_LOG" => Some(Common::Access),
            "SYSLOG5424" => Some(Common::Syslog),
            _ => None,
        }
    }

    pub fn pattern(self) -> &'static str {
        match self {
            Common::Access => ACCESS,
            Common::Syslog => SYSLOG,
        }
    }

    pub fn has(self, field: &str) -> bool {
        self.fields().contains(&field)
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Common::Access => &ACCESS_FIELDS,
            Common::Syslog => &SYSLOG_FIELDS,
        }
    }

    /// Puts the fields with their types; `-` stands for nothing.
    pub fn put<'t>(self, group: impl Fn(&str) -> Option<&'t str>, fields: &mut Fields) {
        for name in self.fields() {
            let Some(text) = group(name).filter(|text| *text != "-" && !text.is_empty()) else { continue };
            let value = match (self, *name) {
                (_, "status_code" | "response_size" | "pri") => number(text),
                (Common::Syslog, "version") => number(text),
                (Common::Access, "timestamp") => utc(text).map(Value::from),
                _ => None,
            };
            fields.insert((*name).to_owned(), value.unwrap_or_else(|| text.into()));
        }
    }
}

/// `03/Aug/2023:12:34:56 +0000` as `2023-08-03T12:34:56Z`.
fn utc(text: &str) -> Option<String> {
    let zoned = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?;
    Some(zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
