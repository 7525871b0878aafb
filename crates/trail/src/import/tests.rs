//! Every form a CloudTrail file comes in, and every way it can be broken.

use super::*;
use std::io::Write as _;

fn read_all(bytes: &[u8]) -> (Vec<Event>, Vec<Refusal>) {
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    let defaults = Defaults { account: "1".into(), region: "r".into(), ingestion_time: Timestamp(0) };
    read(bytes, "f", &defaults, &mut |found| match found {
        Ok(event) => events.push(event),
        Err(refusal) => refused.push(refusal),
    });
    (events, refused)
}

fn record(id: &str) -> String {
    format!(r#"{{ "eventTime" : "2022-09-30T15:11:25Z","eventName":"A", "eventID":"{id}","note":"a ] \" }} [ é" }}"#)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_form_gives_the_same_bytes() {
    let (a, b) = (record("a"), record("b"));
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let looked_up = format!(
        r#"{{"Events":[{{"EventId":"a","CloudTrailEvent":{}}},{{"CloudTrailEvent":{}}}],"NextToken":"x"}}"#,
        quoted(&a),
        quoted(&b)
    );
    let forms = [
        format!(r#"{{"Records":[{a},{b}]}}"#),
        format!(
            "\u{feff}{{\n  \"version\": [1, {{}}],\n \"Records\" : [\n{a} ,\n{b}\n]\n, \"more\": {{\"Records\":[1]}}}}\n"
        ),
        format!("[{a}\n,{b}]"),
        format!("{a}\n{b}\n"),
        format!("{a}{b}"),
        format!(r#"{{"Records":[{a}]}}{{"Records":[{b}]}}"#),
        looked_up,
    ];
    for form in forms {
        for bytes in [form.clone().into_bytes(), gzip(form.as_bytes())] {
            let (events, refused) = read_all(&bytes);
            assert_eq!(refused, [], "{form}");
            assert_eq!(events.iter().map(|e| e.record.as_str()).collect::<Vec<_>>(), [&a, &b], "{form}");
        }
    }
    let mut two = gzip(record("a").as_bytes());
    two.extend(gzip(record("b").as_bytes()));
    assert_eq!(read_all(&two).0.len(), 2, "gzip members after each other");
}

#[test]
fn what_is_broken_is_named_and_the_rest_is_read() {
    let good = record("a");
    let cases: [(String, usize, &[Option<u64>]); 12] = [
        (format!(r#"{{"Records":[{good},7,null,"x",{good}]}}"#), 2, &[Some(1), Some(2), Some(3)]),
        (format!(r#"{{"Records":[{good},{{"eventName":}},{good}]}}"#), 2, &[Some(1)]),
        (format!("{good}\n{{\"eventName\":\"x\n{good}\n"), 2, &[Some(1)]),
        (format!("{good}\nnonsense\n{good}\n"), 2, &[Some(1)]),
        (format!("{{\"Records\":[{good},{{\"eventName\":\"A\""), 1, &[Some(1)]),
        (format!("{{\"Records\":[{good}"), 1, &[Some(1)]),
        ("hello".into(), 0, &[None]),
        (String::new(), 0, &[None]),
        ("{}".into(), 0, &[Some(0)]),
        (r#"{"Records":[]}"#.into(), 0, &[]),
        (r#"{"digestStartTime":"x","logFiles":[{}]}"#.into(), 0, &[Some(0)]),
        (r#"[{"repo":"a","doc":{}},{"a":1}]"#.into(), 0, &[Some(0), Some(1)]),
    ];
    for (text, stored, refused) in cases {
        let (events, refusals) = read_all(text.as_bytes());
        assert_eq!(events.len(), stored, "{text}: {refusals:?}");
        assert_eq!(refusals.iter().map(|r| r.record).collect::<Vec<_>>(), refused, "{text}: {refusals:?}");
    }
}

#[test]
fn a_torn_gzip_keeps_what_came_before() {
    let text: String = (0..2000).map(|n| format!("{}\n", record(&n.to_string()))).collect();
    let mut bytes = gzip(text.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let (events, refused) = read_all(&bytes);
    assert!(!events.is_empty());
    assert!(refused.iter().any(|r| r.record.is_none()), "{refused:?}");
}

#[test]
fn a_record_too_large_is_passed_over_without_being_kept() {
    let huge = format!(r#"{{"eventTime":"2022-09-30T15:11:25Z","eventName":"{}"}}"#, "x".repeat(3_000_000));
    let (events, refused) = read_all(format!(r#"{{"Records":[{huge},{}]}}"#, record("a")).as_bytes());
    assert_eq!((events.len(), refused.len()), (1, 1));
}

#[test]
fn no_bytes_make_it_panic_or_hang() {
    let base = format!(r#"{{"Records":[{},{}],"x":[{{}}]}}"#, record("a"), record("b")).into_bytes();
    let mut state = 42_u64;
    for _ in 0..20_000 {
        let mut bytes = base.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            let with = b"{}[]\",:\\\n x\x00\xff"[(state >> 20) as usize % 13];
            if state & 1 == 0 { bytes[at] = with } else { bytes.truncate(at.max(1)) }
        }
        read_all(&bytes);
    }
}
