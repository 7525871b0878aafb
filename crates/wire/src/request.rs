//! `HttpRequest`: one HTTP request as it came over the wire, free of any HTTP library.

use bytes::Bytes;
use model::Tls;

/// One request, unchanged: the signature covers exactly these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpRequest {
    /// `GET`, `POST`...
    pub method: String,
    /// Raw path, still percent-encoded, beginning with `/`.
    pub path: String,
    /// Raw query without the `?`; empty when there is none.
    pub query: String,
    /// Headers in the order received, names in lower case. HTTP/2's `:authority` stands here as `host`.
    pub headers: Vec<(String, String)>,
    /// Body as sent, still compressed.
    pub body: Bytes,
    /// The TLS that it came over, if any.
    pub tls: Option<Tls>,
}

impl HttpRequest {
    /// The first header called `name` (lower case), its value trimmed.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_header_answers() {
        let request = HttpRequest {
            headers: vec![("host".into(), " a ".into()), ("host".into(), "b".into())],
            ..HttpRequest::default()
        };
        assert_eq!(request.header("host"), Some("a"));
        assert_eq!(request.header("date"), None);
    }
}
