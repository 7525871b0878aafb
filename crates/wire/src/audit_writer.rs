//! `AuditWriter`: JSON text for `requestParameters` and `responseElements` of CloudTrail records.

use crate::recorded;
use crate::service::Service;
use crate::shape::{Shape, Writer};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use std::fmt::Write as _;

/// What CloudTrail writes in place of a secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// What stands for a text that is too large; CloudTrail omits such fields (record contents: 100 KB per field).
const OMITTED: &str = r#"{"omitted":"the content is larger than 100 KB"}"#;

/// The member that CloudTrail leaves out altogether, in the records of IAM and STS alike.
const SECRET: &str = "SecretAccessKey";

/// Writes JSON as CloudTrail does: first letters of member names in lower case, secrets hidden, secret keys left out, times as
/// ISO text, or in words where the service has them so.
#[derive(Debug, Default)]
pub struct AuditWriter {
    out: String,
    /// For each open container: true while it has no entry yet.
    first: Vec<bool>,
    /// Members of the outermost structure that the client did not send, although required.
    absent: Vec<&'static str>,
    /// While such a member is written: the length of the text before it, and whether it would have been the first.
    absent_from: Option<(usize, bool)>,
    /// The same while a secret key is written.
    secret_from: Option<(usize, bool)>,
    /// Whether times are written in words.
    in_words: bool,
}

impl AuditWriter {
    /// Largest text, bytes.
    pub const BYTES_MAX: usize = 100 * 1024;

    /// The text of `value`, of a call to `service`, or a note when it would be larger than `BYTES_MAX`. `None` when there is
    /// nothing to tell: CloudTrail writes null for a call without parameters or elements.
    pub fn text_of(service: Service, value: &impl Shape) -> Option<String> {
        Self::text_without(service, value, &[])
    }

    /// The same without the members `absent`, whose place a default holds because the client did not send them.
    pub fn text_without(service: Service, value: &impl Shape, absent: &[&'static str]) -> Option<String> {
        let in_words = recorded::writes_words(service);
        let mut writer = Self { absent: absent.to_vec(), in_words, ..Self::default() };
        value.write(&mut writer);
        if writer.full() {
            return Some(OMITTED.to_owned());
        }
        Some(writer.out).filter(|text| text != "{}")
    }

    /// True once the text is too large; then nothing more is kept, so that memory stays bounded.
    fn full(&self) -> bool {
        self.out.len() > Self::BYTES_MAX
    }

    fn push(&mut self, text: &str) {
        if !self.full() {
            self.out.push_str(text);
        }
    }

    fn open(&mut self, bracket: &str) {
        self.push(bracket);
        self.first.push(true);
    }

    fn close(&mut self, bracket: &str) {
        self.first.pop();
        self.push(bracket);
    }

    fn separate(&mut self) {
        if let Some(first) = self.first.last_mut()
            && !std::mem::replace(first, false)
        {
            self.push(",");
        }
    }

    /// Takes back the absent member that was written last.
    fn drop_absent(&mut self) {
        if self.first.len() == 1
            && let Some((length, was_first)) = self.absent_from.take()
        {
            self.out.truncate(length);
            self.first = vec![was_first];
        }
    }

    /// Takes back the name of a secret key, whose value is not to follow; true when there was one.
    fn drop_secret(&mut self) -> bool {
        let Some((length, was_first)) = self.secret_from.take() else { return false };
        self.out.truncate(length);
        if let Some(first) = self.first.last_mut() {
            *first = was_first;
        }
        true
    }

    fn quoted(&mut self, text: &str) {
        if self.full() {
            return;
        }
        if text.len() > Self::BYTES_MAX {
            // Already too large without escapes: remember only that.
            self.out.push_str(&" ".repeat(Self::BYTES_MAX.saturating_add(1)));
            return;
        }
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                // Writing to a String cannot fail.
                c if c < ' ' => drop(write!(self.out, "\\u{:04x}", u32::from(c))),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

impl Writer for AuditWriter {
    fn boolean(&mut self, value: bool) {
        self.push(if value { "true" } else { "false" });
    }
    fn integer(&mut self, value: i64) {
        self.push(&value.to_string());
    }
    fn double(&mut self, value: f64) {
        if value.is_finite() {
            self.push(&format!("{value:?}"));
        } else if value.is_nan() {
            self.quoted("NaN");
        } else {
            self.quoted(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
    }
    fn string(&mut self, value: &str) {
        self.quoted(value);
    }
    fn sensitive(&mut self, _: &str) {
        if !self.drop_secret() {
            self.quoted(HIDDEN);
        }
    }
    fn hides(&mut self) -> bool {
        self.quoted(HIDDEN);
        true
    }
    fn blob(&mut self, value: &[u8]) {
        self.quoted(&STANDARD.encode(value));
    }
    fn timestamp(&mut self, value: Timestamp) {
        self.quoted(&match value.0.rem_euclid(1000) {
            _ if self.in_words => recorded::words(value),
            0 => value.iso_seconds(),
            _ => value.iso_millis(),
        });
    }
    fn begin_structure(&mut self) {
        self.open("{");
    }
    fn field(&mut self, name: &'static str) {
        self.drop_absent();
        if let ([first], true) = (self.first.as_slice(), self.absent.contains(&name)) {
            self.absent_from = Some((self.out.len(), *first));
        }
        let was_first = self.first.last().is_some_and(|first| *first);
        self.secret_from = (name == SECRET).then_some((self.out.len(), was_first));
        self.separate();
        let mut chars = name.chars();
        let first = chars.next().map(|c| c.to_ascii_lowercase());
        self.quoted(&first.into_iter().chain(chars).collect::<String>());
        self.push(":");
    }
    fn end_structure(&mut self) {
        self.drop_absent();
        self.close("}");
    }
    fn begin_map(&mut self) {
        self.open("{");
    }
    fn key(&mut self, key: &str) {
        self.separate();
        self.quoted(key);
        self.push(":");
    }
    fn end_map(&mut self) {
        self.close("}");
    }
    fn begin_list(&mut self, _: usize) {
        self.open("[");
    }
    fn item(&mut self) {
        self.separate();
    }
    fn end_list(&mut self) {
        self.close("]");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudtrail::{AddTagsRequest, Tag};
    use crate::cloudwatch::{MetricAlarm, MetricDatum, PutMetricDataInput};
    use crate::sts::Credentials;
    use crate::{iam, sns};

    #[test]
    fn keys_begin_in_lower_case_and_absent_members_are_left_out() {
        let request = AddTagsRequest {
            resource_id: "arn:\"x\"\n\u{1}".into(),
            tags_list: vec![Tag { key: "Team".into(), value: Some("ä".into()) }, Tag::default()],
        };
        assert_eq!(
            AuditWriter::text_of(Service::CloudTrail, &request).unwrap(),
            r#"{"resourceId":"arn:\"x\"\n\u0001","tagsList":[{"key":"Team","value":"ä"},{"key":""}]}"#
        );
    }

    #[test]
    fn what_the_client_did_not_send_is_not_told() {
        let request = AddTagsRequest { resource_id: "x".into(), tags_list: vec![Tag::default()] };
        let without = |absent: &[&'static str]| AuditWriter::text_without(Service::CloudTrail, &request, absent);
        assert_eq!(without(&["TagsList"]).as_deref(), Some(r#"{"resourceId":"x"}"#));
        assert_eq!(without(&["ResourceId"]).as_deref(), Some(r#"{"tagsList":[{"key":""}]}"#));
        assert_eq!(without(&["ResourceId", "TagsList"]), None);
        assert_eq!(
            without(&["Key"]),
            AuditWriter::text_of(Service::CloudTrail, &request),
            "a member of the same name further in is kept"
        );
        assert_eq!(
            AuditWriter::text_of(Service::CloudWatch, &MetricAlarm::default()),
            None,
            "CloudTrail writes null, not an empty object"
        );
    }

    #[test]
    fn secrets_are_hidden_secret_keys_left_out_and_times_are_text() {
        let credentials = Credentials {
            access_key_id: "AKIA".into(),
            secret_access_key: "very secret".into(),
            session_token: "token".into(),
            expiration: Timestamp(1_767_323_045_000),
        };
        assert_eq!(
            AuditWriter::text_of(Service::Sts, &credentials).unwrap(),
            concat!(
                r#"{"accessKeyId":"AKIA","sessionToken":"HIDDEN_DUE_TO_SECURITY_REASONS","#,
                r#""expiration":"Jan 2, 2026, 3:04:05 AM"}"#
            )
        );
        let key = iam::AccessKey {
            user_name: "jane".into(),
            access_key_id: "AKIA".into(),
            status: "Active".into(),
            secret_access_key: "very secret".into(),
            create_date: Some(Timestamp(1_722_375_975_123)),
        };
        assert_eq!(
            AuditWriter::text_of(Service::Iam, &iam::CreateAccessKeyResponse { access_key: key }).unwrap(),
            concat!(
                r#"{"accessKey":{"userName":"jane","accessKeyId":"AKIA","status":"Active","#,
                r#""createDate":"Jul 30, 2024, 9:46:15 PM"}}"#
            )
        );
        let times = MetricDatum { timestamp: Some(Timestamp(1_722_375_975_000)), ..MetricDatum::default() };
        let text = AuditWriter::text_of(Service::CloudWatch, &times).unwrap();
        assert!(text.contains(r#""timestamp":"2024-07-30T21:46:15Z""#), "{text}");
    }

    #[test]
    fn a_sensitive_map_is_hidden_as_a_whole_in_records_alone() {
        let attribute = sns::MessageAttributeValue {
            data_type: "String".into(),
            string_value: Some("very secret".into()),
            ..sns::MessageAttributeValue::default()
        };
        let attributes = Some([("whose".to_owned(), attribute)].into());
        let input = sns::PublishInput {
            topic_arn: Some("t".into()),
            message_attributes: attributes.clone(),
            ..sns::PublishInput::default()
        };
        assert_eq!(
            AuditWriter::text_of(Service::Sns, &input).unwrap(),
            concat!(
                r#"{"topicArn":"t","message":"HIDDEN_DUE_TO_SECURITY_REASONS","#,
                r#""messageAttributes":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#
            )
        );
        let entry = sns::PublishBatchRequestEntry {
            id: "1".into(),
            message_attributes: attributes,
            ..sns::PublishBatchRequestEntry::default()
        };
        let text = AuditWriter::text_of(Service::Sns, &entry).unwrap();
        assert!(text.ends_with(r#""messageAttributes":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#), "{text}");
        let mut xml = crate::xml::XmlWriter::new();
        entry.write(&mut xml);
        assert!(String::from_utf8(xml.finish()).unwrap().contains("very secret"));
    }

    #[test]
    fn numbers_are_json() {
        let alarm = MetricAlarm {
            threshold: Some(5.0),
            period: Some(60),
            actions_enabled: Some(true),
            ..MetricAlarm::default()
        };
        let parsed: serde_json::Value =
            serde_json::from_str(&AuditWriter::text_of(Service::CloudWatch, &alarm).unwrap()).unwrap();
        assert_eq!(parsed, serde_json::json!({"threshold": 5.0, "period": 60, "actionsEnabled": true}));
    }

    #[test]
    fn a_large_text_becomes_a_note() {
        let many = PutMetricDataInput {
            metric_data: Some(vec![MetricDatum { metric_name: "m".repeat(200), ..MetricDatum::default() }; 1000]),
            ..PutMetricDataInput::default()
        };
        let one =
            PutMetricDataInput { namespace: "x".repeat(AuditWriter::BYTES_MAX + 1), ..PutMetricDataInput::default() };
        for request in [many, one] {
            let text = AuditWriter::text_of(Service::CloudTrail, &request).unwrap();
            assert_eq!(text, OMITTED);
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
}
