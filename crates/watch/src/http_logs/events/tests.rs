use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

fn read(format: Format, body: &str) -> (Vec<(i64, String)>, usize) {
    let events = format.read(body.as_bytes(), NOW).unwrap();
    (events.lines.into_iter().map(|(time, text)| (time.0, text)).collect(), events.skipped)
}

fn lines(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    expected.iter().map(|(time, text)| (*time, (*text).to_owned())).collect()
}

#[test]
fn a_collector_takes_one_event_several_and_lists() {
    let one = r#"{"event":"msg1","time":1486683865.5}"#;
    let two = r#"{"event":{"a":[1]},"time":1486683866,"host":"web-01"}"#;
    let both = lines(&[(1_486_683_865_500, one), (1_486_683_866_000, two)]);
    assert_eq!(read(Format::Collector, one), (both[..1].to_vec(), 0));
    for body in [format!("{one}{two}"), format!("{one}\n {two}\n"), format!("[{one}, {two}]")] {
        assert_eq!(read(Format::Collector, &body), (both.clone(), 0), "{body}");
    }
    // As the guide writes the body: a list in the place of an event. Its own time is for those that have none.
    let body = format!(r#"{{"event":[{one},{two}]}}"#);
    assert_eq!(read(Format::Collector, &body), (both, 0));
    let body = r#"{"time":5,"event":[{"event":1},{"event":2,"time":6}]}"#;
    assert_eq!(
        read(Format::Collector, body),
        (lines(&[(5_000, r#"{"event":1}"#), (6_000, r#"{"event":2,"time":6}"#)]), 0)
    );
    let list_as_event = r#"{"event":[1,{"event":2}]}"#;
    assert_eq!(read(Format::Collector, list_as_event), (lines(&[(NOW.0, list_as_event)]), 0));
}

#[test]
fn a_collector_skips_what_has_no_event() {
    for body in [r#"{"message":"x"}"#, r#"{"event":null}"#, "1", r#""text""#, "true", r#"[{"a":1}]"#] {
        assert_eq!(read(Format::Collector, body), (Vec::new(), 1), "{body}");
    }
    assert_eq!(read(Format::Collector, r#"{"a":1}{"event":42}"#), (lines(&[(NOW.0, r#"{"event":42}"#)]), 1));
    assert_eq!(read(Format::Collector, ""), (Vec::new(), 0));
    assert!(Format::Collector.read(b"{\"event\":1}{", NOW).is_err());
    assert!(Format::Collector.read(b"\xff", NOW).is_err());
}

#[test]
fn times_of_a_collector_are_seconds_in_any_shape() {
    for (time, expected) in [
        ("1486683865.500", 1_486_683_865_500),
        ("1486683865", 1_486_683_865_000),
        (r#""1486683865.500""#, 1_486_683_865_500),
        (r#""1486683865""#, 1_486_683_865_000),
        (r#""invalid""#, NOW.0),
        (r#""NaN""#, NOW.0),
        ("null", NOW.0),
        ("{}", NOW.0),
    ] {
        let body = format!(r#"{{"event":1,"time":{time}}}"#);
        assert_eq!(read(Format::Collector, &body), (lines(&[(expected, &body)]), 0), "{time}");
    }
}

#[test]
fn a_line_is_any_value() {
    let body = "{\"timestamp\":1771007942000,\"message\":\"m\"}\r\n\n\"a plain \\\"string\\\"\"\n42\ntrue\nnull\n  \nno json\n\
                [{\"timestamp\":1000},\"x\",[1]]\n[]\n{\"timestamp\":\"invalid\"}\n{} {}\n";
    let expected = lines(&[
        (1_771_007_942_000, r#"{"timestamp":1771007942000,"message":"m"}"#),
        (NOW.0, "a plain \"string\""),
        (NOW.0, "42"),
        (NOW.0, "true"),
        (NOW.0, "null"),
        (1_000, r#"{"timestamp":1000}"#),
        (NOW.0, "x"),
        (NOW.0, "[1]"),
        (NOW.0, r#"{"timestamp":"invalid"}"#),
    ]);
    assert_eq!(read(Format::Lines, body), (expected, 2));
    let broken = Format::Lines.read(b"\xff\n1", NOW).unwrap();
    assert_eq!((broken.lines.len(), broken.skipped), (1, 1));
}

#[test]
fn structured_takes_objects_only_and_the_first_value() {
    let object = r#"{"timestamp":1771007942000,"level":"INFO"}"#;
    let expected = lines(&[(1_771_007_942_000, object)]);
    assert_eq!(read(Format::Structured, object), (expected.clone(), 0));
    assert_eq!(read(Format::Structured, &format!("[{object},\"x\",42,[{object}]]")), (expected.clone(), 3));
    assert_eq!(read(Format::Structured, &format!("{object}{object}")), (expected, 0));
    assert_eq!(read(Format::Structured, "[]"), (Vec::new(), 0));
    assert_eq!(read(Format::Structured, "\"hello\""), (Vec::new(), 1));
    assert!(Format::Structured.read(b"", NOW).is_err());
    assert!(Format::Structured.read(b"{", NOW).is_err());
}

#[test]
fn depth_costs_no_stack() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"event":{deep}}}"#);
    assert_eq!(read(Format::Collector, &body).0.len(), 1);
    assert_eq!(read(Format::Lines, &format!(r#"{{"a":{deep}}}"#)).0.len(), 1);
    assert_eq!(read(Format::Structured, &format!(r#"{{"a":{deep}}}"#)).0.len(), 1);
}

proptest! {
    #[test]
    fn no_body_panics_and_no_event_is_larger_than_its_body(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}\",:0-9a-z\n ]{0,80}".prop_map(String::into_bytes),
            r#"(\{"(event|time|timestamp|a)":(1|"x"|null|[0-9.e+-]{1,9}|\[\{"event":1\}\])\}[\n ,]?){0,6}"#.prop_map(String::into_bytes),
        ],
    ) {
        for format in [Format::Collector, Format::Lines, Format::Structured] {
            if let Ok(events) = format.read(&body, NOW) {
                prop_assert!(events.lines.iter().map(|(_, text)| text.len()).sum::<usize>() <= body.len());
            }
        }
    }
}
