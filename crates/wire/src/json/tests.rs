//! JSON that AWS clients send, JSON that nobody should send, and what is written reads back.

use super::*;
use crate::cloudwatch::PutMetricDataInput;
use crate::logs::PutLogEventsRequest;
use crate::shape::{Path, Shape, Violations};
use crate::test_bytes::mutations;

fn read<T: Shape>(body: &[u8]) -> Result<T, DecodeError> {
    T::read(&mut JsonReader::new(body), &Path::ROOT, &mut Violations::default())
}

fn string(body: &[u8]) -> Result<String, DecodeError> {
    JsonReader::new(body).string().map(Cow::into_owned)
}

fn skip(body: &[u8]) -> Result<(), DecodeError> {
    JsonReader::new(body).skip()
}

const PUT_LOG_EVENTS: &str = r#" { "logGroupName" : "g\u0041", "unknown":[{"a":[1,-2.5e3,null,true,"\n"]},{}],
    "logStreamName":"s", "entity":null, "logEvents":[{"timestamp":1767323045678,"message":"{\"level\":\"info\"}\t😀\ud83d\ude00"},
    {"message":"plain","timestamp":5.0}] } "#;

#[test]
fn a_call_reads_into_its_shape() {
    let call: PutLogEventsRequest = read(PUT_LOG_EVENTS.as_bytes()).unwrap();
    assert_eq!((call.log_group_name.as_str(), call.log_stream_name.as_str()), ("gA", "s"));
    assert_eq!(call.log_events.len(), 2);
    assert_eq!(call.log_events[0].message, "{\"level\":\"info\"}\t😀😀");
    assert_eq!(call.log_events[0].timestamp, 1_767_323_045_678);
    assert_eq!(call.log_events[1].timestamp, 5);
}

#[test]
fn times_come_as_integers_fractions_and_text() {
    let at = |text: &str| JsonReader::new(text.as_bytes()).timestamp();
    assert_eq!(at("1767323045"), Ok(Timestamp(1_767_323_045_000)));
    assert_eq!(at("1767323045.678"), Ok(Timestamp(1_767_323_045_678)));
    assert_eq!(at("1.767323045678E9"), Ok(Timestamp(1_767_323_045_678)));
    assert_eq!(at("\"2026-01-02T03:04:05.678Z\""), Ok(Timestamp(1_767_323_045_678)));
    assert!(at("1e300").is_err());
    assert!(at("\"soon\"").is_err());
}

#[test]
fn strings_unescape_at_every_offset() {
    for before in 0..40 {
        let plain = "x".repeat(before);
        for (escape, meaning) in [(r#"\""#, "\""), (r"\\", "\\"), (r"\/", "/"), (r"\b\f\n\r\t", "\u{8}\u{C}\n\r\t")] {
            let body = format!("\"{plain}{escape}{plain}é{plain}\"");
            assert_eq!(string(body.as_bytes()), Ok(format!("{plain}{meaning}{plain}é{plain}")));
        }
        for bad in ["\u{1}", "\n", "\\x", "\\u12", "\\u12G4", "\\uD800", "\\uD800\\u0041", "\\uDC00", "\\"] {
            assert!(string(format!("\"{plain}{bad}{plain}\"").as_bytes()).is_err(), "{before} {bad:?}");
        }
        assert!(string(format!("\"{plain}").as_bytes()).is_err());
        assert!(string([b"\"", plain.as_bytes(), b"\xFF\""].concat().as_slice()).is_err());
        assert!(string([b"\"\\n", plain.as_bytes(), b"\xC3\""].concat().as_slice()).is_err());
    }
}

#[test]
fn numbers_follow_the_grammar() {
    let integer = |text: &str| JsonReader::new(text.as_bytes()).integer();
    let double = |text: &str| JsonReader::new(text.as_bytes()).double();
    assert_eq!(integer("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(integer("5.0"), Ok(5));
    assert_eq!(integer("1e3"), Ok(1000));
    for bad in
        ["9223372036854775808", "1.5", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x1", "\"1\"", "true", "", "1 1"]
    {
        assert!(integer(bad).is_err(), "{bad}");
    }
    assert_eq!(double("1e-7"), Ok(1e-7));
    assert_eq!(double("\"-Infinity\""), Ok(f64::NEG_INFINITY));
    assert!(double("\"NaN\"").unwrap().is_nan());
    assert!(double("1e999").is_err());
    assert!(double("NaN").is_err());
    assert!(double("\"1\"").is_err());
}

#[test]
fn only_whole_values_are_taken() {
    for good in ["{}", " [ ] ", "[1,2]", r#"{"a":{"b":[]}}"#, "null", "true", "\"\"", "-0.0"] {
        assert_eq!(skip(good.as_bytes()), Ok(()), "{good}");
    }
    for bad in [
        "",
        "{",
        "[",
        "{]",
        "[}",
        "[1,]",
        "[,1]",
        "{,}",
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        "{a:1}",
        "[1 2]",
        "{}{}",
        "[] x",
        "nul",
        "truee",
        "tru",
        r#"{"a":1 "b":2}"#,
        "'a'",
        "\u{FEFF}{}",
        "/**/{}",
        "{1:2}",
    ] {
        assert!(skip(bad.as_bytes()).is_err(), "{bad}");
    }
    let trailing: Result<PutLogEventsRequest, _> = read([PUT_LOG_EVENTS.as_bytes(), b"x"].concat().as_slice());
    assert!(trailing.unwrap_err().message.starts_with("Unexpected bytes after the end"));
}

#[test]
fn an_empty_body_is_an_empty_structure() {
    let mut reader = JsonReader::new(b" \n");
    reader.begin_structure().unwrap();
    assert_eq!(reader.next_field(), Ok(None));
    assert!(JsonReader::new(b"\xFF").begin_structure().is_err());
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    assert_eq!(skip(&deep(limits::NESTING_MAX)), Ok(()));
    assert!(skip(&deep(limits::NESTING_MAX + 1)).unwrap_err().message.starts_with("The body is nested too deeply"));
    assert!(skip(&b"[".repeat(1_000_000)).is_err());
    assert!(skip(&b"{\"a\":".repeat(1_000_000)).is_err());
}

#[test]
fn a_wrong_type_is_told_in_awss_words() {
    let text = |body: &[u8]| string(body).unwrap_err().message;
    assert_eq!(text(b"1"), "NUMBER_VALUE can not be converted to a String");
    assert_eq!(text(b"{}"), "Start of structure or map found where not expected.");
    assert_eq!(text(b"[]"), "Start of list found where not expected.");
    assert_eq!(text(b"null"), "NULL_VALUE can not be converted to a String");
    assert!(JsonReader::new(b"[]").begin_structure().is_err());
    assert!(JsonReader::new(b"5").begin_list().is_err());
}

#[test]
fn what_is_written_reads_back() {
    let mut writer = JsonWriter::new();
    writer.begin_structure();
    writer.field("text");
    writer.string("a\"\\\n\u{1}\u{7F}é😀{");
    writer.field("list");
    writer.begin_list(3);
    for value in [1.5, 5.0, f64::INFINITY] {
        writer.item();
        writer.double(value);
    }
    writer.end_list();
    writer.field("map");
    writer.begin_map();
    writer.key("k\"");
    writer.timestamp(Timestamp(1_500));
    writer.key("l");
    writer.boolean(false);
    writer.end_map();
    writer.field("none");
    writer.begin_list(0);
    writer.end_list();
    writer.field("blob");
    writer.blob(b"hi");
    writer.field("n");
    writer.integer(-7);
    writer.end_structure();
    let body = writer.finish();
    assert_eq!(
        std::str::from_utf8(&body).unwrap(),
        "{\"text\":\"a\\\"\\\\\\n\\u0001\u{7F}é😀{\",\"list\":[1.5,5.0,\"Infinity\"],\"map\":{\"k\\\"\":1.500,\"l\":false},\
         \"none\":[],\"blob\":\"aGk=\",\"n\":-7}"
    );
    let tree: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(tree["text"], "a\"\\\n\u{1}\u{7F}é😀{");
    assert_eq!(skip(&body), Ok(()));
}

#[test]
fn readers_agree_with_serde_json_on_mutated_bodies() {
    let metrics = br#"{"Namespace":"n","MetricData":[{"MetricName":"m","Timestamp":1767323045.5,"Values":[1,2.5e1],"Counts":[1,1]}]}"#;
    for seed in [PUT_LOG_EVENTS.as_bytes(), metrics] {
        for body in mutations(seed, 10_000) {
            let ours = skip(&body);
            let theirs = serde_json::from_slice::<serde_json::Value>(&body);
            // Numbers beyond f64 are passed over here and refused there.
            if ours.is_ok() != theirs.is_ok() {
                let text = String::from_utf8_lossy(&body);
                assert!(theirs.is_err_and(|error| error.to_string().contains("out of range")), "{ours:?} {text}");
            }
            let _ = read::<PutLogEventsRequest>(&body);
            let _ = read::<PutMetricDataInput>(&body);
        }
    }
}
