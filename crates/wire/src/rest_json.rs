//! `RestJsonReader`: a JSON body whose outermost structure has further members in the URL: in its query, which may repeat a
//! parameter for a list, and in labels of its path.

use crate::json::JsonReader;
use crate::shape::{DecodeError, Reader};
use model::Timestamp;
use std::borrow::Cow;

/// Most parameters of a query that are looked at.
const PARAMETERS_MAX: usize = 1_000;

/// The URL of a call: the operation's path with labels in braces, and raw path and query as they came.
#[derive(Debug, Clone, Copy)]
pub struct Url<'a> {
    pub template: &'static str,
    pub path: &'a str,
    pub query: &'a str,
}

/// The raw values of the labels of `template` in `path`; `None` when the path is another. A label at the end takes all that is left,
/// for some clients leave the slashes of an ARN as they are.
pub fn labels<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut found = Vec::new();
    let (mut template, mut path) = (template, path.trim_end_matches('/'));
    while let Some((plain, rest)) = template.split_once('{') {
        let (label, after) = rest.split_once('}')?;
        path = path.strip_prefix(plain)?;
        let end = if after.is_empty() { path.len() } else { path.find('/').unwrap_or(path.len()) };
        let (value, left) = path.split_at_checked(end)?;
        if value.is_empty() {
            return None;
        }
        found.push((label, value));
        (template, path) = (after, left);
    }
    (template.trim_end_matches('/') == path).then_some(found)
}

/// Reads the body's members first, then those of the URL, so that the URL wins.
#[derive(Debug)]
pub struct RestJsonReader<'a> {
    body: JsonReader<'a>,
    /// Open containers of the body; 0 once its outermost structure is closed.
    depth: usize,
    /// Members of the URL that are still to come, last first, each with its values, last first.
    url: Vec<(&'static str, Vec<String>)>,
    /// The values of the member just named, when it comes from the URL.
    values: Option<Vec<String>>,
    /// Whether these values are being read as a list.
    in_list: bool,
}

impl<'a> RestJsonReader<'a> {
    /// Reads `body` (an empty one has no members), and from `url` the parameters and labels in `members`, each with the name of
    /// its member.
    pub fn new(body: &'a [u8], url: Url<'_>, members: &'static [(&'static str, &'static str)]) -> Self {
        let mut found: Vec<(&'static str, Vec<String>)> = Vec::new();
        let query = url.query.split('&').filter_map(|pair| pair.split_once('=')).take(PARAMETERS_MAX);
        let query = query.map(|(key, value)| (percent_decoded(key, true), percent_decoded(value, true)));
        let labels = labels(url.template, url.path).unwrap_or_default();
        let labels = labels.into_iter().map(|(label, value)| (label.to_owned(), percent_decoded(value, false)));
        for (key, value) in labels.chain(query) {
            let Some((_, member)) = members.iter().find(|(name, _)| *name == key) else { continue };
            match found.iter_mut().find(|(name, _)| name == member) {
                Some((_, values)) => values.push(value),
                None => found.push((*member, vec![value])),
            }
        }
        found.iter_mut().for_each(|(_, values)| values.reverse());
        found.reverse();
        let body = if body.is_empty() { b"{}" } else { body };
        Self { body: JsonReader::new(body), depth: 0, url: found, values: None, in_list: false }
    }

    fn entered<T>(&mut self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        self.depth = self.depth.saturating_add(usize::from(result.is_ok()));
        result
    }
}

/// Text of one parameter or label. What is no valid UTF-8 after decoding is replaced, and then fails the model's pattern.
fn percent_decoded(text: &str, plus_is_space: bool) -> String {
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
            (b'+', _) if plus_is_space => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Reader for RestJsonReader<'_> {
    fn null(&mut self) -> Result<bool, DecodeError> {
        if self.values.is_some() { Ok(false) } else { self.body.null() }
    }
    fn boolean(&mut self) -> Result<bool, DecodeError> {
        self.body.boolean()
    }
    fn integer(&mut self) -> Result<i64, DecodeError> {
        match self.values.take() {
            Some(mut values) => {
                let number = values.pop().and_then(|value| value.parse().ok());
                number.ok_or_else(|| DecodeError::new("a number was expected"))
            }
            None => self.body.integer(),
        }
    }
    fn double(&mut self) -> Result<f64, DecodeError> {
        self.body.double()
    }
    fn string(&mut self) -> Result<Cow<'_, str>, DecodeError> {
        match &mut self.values {
            Some(values) => {
                let value = values.pop().unwrap_or_default();
                // Of a parameter that is no list, the first counts.
                if !self.in_list {
                    self.values = None;
                }
                Ok(Cow::Owned(value))
            }
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
        Ok(self.url.pop().map(|(name, values)| {
            self.values = Some(values);
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
        if self.values.is_some() {
            self.in_list = true;
            return Ok(());
        }
        let result = self.body.begin_list();
        self.entered(result)
    }
    fn next_item(&mut self) -> Result<bool, DecodeError> {
        if let Some(values) = &self.values {
            if values.is_empty() {
                (self.values, self.in_list) = (None, false);
                return Ok(false);
            }
            return Ok(true);
        }
        let more = self.body.next_item()?;
        if !more {
            self.depth = self.depth.saturating_sub(1);
        }
        Ok(more)
    }
    fn skip(&mut self) -> Result<(), DecodeError> {
        match self.values.take() {
            Some(_) => Ok(()),
            None => self.body.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudtrail_data::PutAuditEventsRequest;
    use crate::oam::{UntagResource, UntagResourceInput};
    use crate::operation::OperationShape;
    use crate::shape::{Path, Shape, Violations};

    const MEMBERS: &[(&str, &str)] = &[("channelArn", "channelArn"), ("externalId", "externalId")];

    fn url(query: &str) -> Url<'_> {
        Url { template: "/PutAuditEvents", path: "/PutAuditEvents", query }
    }

    #[test]
    fn query_members_join_the_body_and_win() {
        let body = br#"{"auditEvents":[{"id":"a","eventData":"{}"}],"channelArn":"arn:body"}"#;
        let mut reader = RestJsonReader::new(body, url("x=1&channelArn=arn%3Aaws%3Aa+b&externalId=%zz"), MEMBERS);
        let mut violations = Violations::default();
        let request = PutAuditEventsRequest::read(&mut reader, &Path::ROOT, &mut violations).unwrap();
        assert_eq!(request.channel_arn, "arn:aws:a b");
        assert_eq!(request.external_id.as_deref(), Some("%zz"));
        assert_eq!(request.audit_events.len(), 1);
        assert!(violations.message().contains("'externalId' failed to satisfy constraint"));
    }

    #[test]
    fn labels_of_the_path_and_repeated_parameters_are_members() {
        let arn = "arn:aws:oam:us-east-1:123456789012:sink/a+b";
        for path in
            ["/tags/arn%3Aaws%3Aoam%3Aus-east-1%3A123456789012%3Asink%2Fa+b".to_owned(), format!("/tags/{arn}/")]
        {
            let url =
                Url { template: UntagResource::PATH, path: &path, query: "tagKeys=a&tagKeys=b%20c&tagKeys=a&x=y" };
            let mut reader = RestJsonReader::new(b"", url, UntagResource::URL_MEMBERS);
            let mut violations = Violations::default();
            let request = UntagResourceInput::read(&mut reader, &Path::ROOT, &mut violations).unwrap();
            assert!(violations.is_empty(), "{}", violations.message());
            assert_eq!(request.resource_arn, arn);
            assert_eq!(request.tag_keys, ["a", "b c", "a"]);
        }
        assert_eq!(labels("/tags/{ResourceArn}", "/tags/"), None);
        assert_eq!(labels("/tags/{ResourceArn}", "/other/x"), None);
        assert_eq!(labels("/a/{One}/b/{Two}", "/a/x/b/y/z"), Some(vec![("One", "x"), ("Two", "y/z")]));
        assert_eq!(labels("/a/{One}/b", "/a/x/c"), None);
    }

    #[test]
    fn an_absent_query_member_is_missing() {
        let mut reader = RestJsonReader::new(b"{}", url(""), MEMBERS);
        let mut violations = Violations::default();
        PutAuditEventsRequest::read(&mut reader, &Path::ROOT, &mut violations).unwrap();
        assert!(violations.message().contains("Value null at 'channelArn'"));
    }
}
