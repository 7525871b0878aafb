//! `RestJsonReader`: a JSON body whose outermost structure has further members in the URL's query (PutAuditEvents,
//! ListEntityEvents).

use crate::json::JsonReader;
use crate::shape::{DecodeError, Reader};
use model::Timestamp;
use std::borrow::Cow;

/// Reads the body's members first, then those of the query, so that the query wins.
#[derive(Debug)]
pub struct RestJsonReader<'a> {
    body: JsonReader<'a>,
    /// Open containers of the body; 0 once its outermost structure is closed.
    depth: usize,
    /// Members of the query that are still to come, last first.
    query: Vec<(&'static str, String)>,
    /// The value of the member just named, when it comes from the query.
    value: Option<String>,
}

impl<'a> RestJsonReader<'a> {
    /// Reads `body`, and from the raw `query` the parameters in `members`.
    pub fn new(body: &'a [u8], query: &str, members: &'static [&'static str]) -> Self {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let key = percent_decoded(key);
            if let Some(member) = members.iter().find(|member| **member == key)
                && !found.iter().any(|(name, _)| name == member)
            {
                found.push((member, percent_decoded(value)));
            }
        }
        found.reverse();
        Self { body: JsonReader::new(body), depth: 0, query: found, value: None }
    }

    fn entered<T>(&mut self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        self.depth = self.depth.saturating_add(usize::from(result.is_ok()));
        result
    }
}

/// Text of one query parameter. What is no valid UTF-8 after decoding is replaced, and then fails the model's pattern.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Reader for RestJsonReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        if self.value.is_some() { Ok(false) } else { self.body.null() }
    }
    fn boolean(&mut self) -> Result<bool, DecodeError> {
        self.body.boolean()
    }
    fn integer(&mut self) -> Result<i64, DecodeError> {
        match self.value.take() {
            Some(value) => value.parse().map_err(|_| DecodeError::new("a number was expected")),
            None => self.body.integer(),
        }
    }
    fn double(&mut self) -> Result<f64, DecodeError> {
        self.body.double()
    }
    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError> {
        match self.value.take() {
            Some(value) => Ok(Cow::Owned(value)),
            None => self.body.string(),
        }
    }
    fn blob(&mut self) -> Result<Vec<u8>, DecodeError> {
        self.body.blob()
    }
    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        self.body.timestamp()
    }
    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        let result = self.body.begin_structure();
        self.entered(result)
    }
    fn next_field(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        if self.depth > 0 {
            if let Some(name) = self.body.next_field()? {
                return Ok(Some(Cow::Owned(name.into_owned())));
            }
            self.depth -= 1;
        }
        if self.depth > 0 {
            return Ok(None);
        }
        Ok(self.query.pop().map(|(name, value)| {
            self.value = Some(value);
            Cow::Borrowed(name)
        }))
    }
    fn begin_map(&mut self) -> Result<(), DecodeError> {
        let result = self.body.begin_map();
        self.entered(result)
    }
    fn next_key(&mut self) -> Result<Option<Cow<'_, str>>, DecodeError> {
        let key = self.body.next_key()?;
        if key.is_none() {
            self.depth = self.depth.saturating_sub(1);
        }
        Ok(key)
    }
    fn begin_list(&mut self) -> Result<(), DecodeError> {
        let result = self.body.begin_list();
        self.entered(result)
    }
    fn next_item(&mut self) -> Result<bool, DecodeError> {
        let more = self.body.next_item()?;
        if !more {
            self.depth = self.depth.saturating_sub(1);
        }
        Ok(more)
    }
    fn skip(&mut self) -> Result<(), DecodeError> {
        match self.value.take() {
            Some(_) => Ok(()),
            None => self.body.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudtrail_data::PutAuditEventsRequest;
    use crate::shape::{Path, Shape, Violations};

    const MEMBERS: &[&str] = &["channelArn", "externalId"];

    #[test]
    fn query_members_join_the_body_and_win() {
        let body = br#"{"auditEvents":[{"id":"a","eventData":"{}"}],"channelArn":"arn:body"}"#;
        let mut reader = RestJsonReader::new(body, "x=1&channelArn=arn%3Aaws%3Aa+b&externalId=%zz", MEMBERS);
        let mut violations = Violations::default();
        let request = PutAuditEventsRequest::read(&mut reader, &Path::ROOT, &mut violations).unwrap();
        assert_eq!(request.channel_arn, "arn:aws:a b");
        assert_eq!(request.external_id.as_deref(), Some("%zz"));
        assert_eq!(request.audit_events.len(), 1);
        assert!(violations.message().contains("'externalId' failed to satisfy constraint"));
    }

    #[test]
    fn an_absent_query_member_is_missing() {
        let mut reader = RestJsonReader::new(b"{}", "", MEMBERS);
        let mut violations = Violations::default();
        PutAuditEventsRequest::read(&mut reader, &Path::ROOT, &mut violations).unwrap();
        assert!(violations.message().contains("Value null at 'channelArn'"));
    }
}
