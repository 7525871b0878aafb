//! Log records.

use super::*;

/// A record with every field.
pub fn full() -> LogRecord {
    let list = ArrayValue { values: vec![AnyValue { value: Some(Value::Int(-1)) }, AnyValue { value: None }] };
    let map = KeyValueList { values: vec![KeyValue { key: "inner".into(), value: text("x") }] };
    LogRecord {
        time_unix_nano: 1_772_323_199_123_456_789,
        observed_time_unix_nano: 1_772_323_199_500_000_000,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: text("User \"a\" logged in"),
        attributes: vec![
            KeyValue { key: "list".into(), value: Some(AnyValue { value: Some(Value::Array(list)) }) },
            KeyValue { key: "map".into(), value: Some(AnyValue { value: Some(Value::Map(map)) }) },
            KeyValue { key: "bytes".into(), value: Some(AnyValue { value: Some(Value::Bytes(vec![1, 2, 3])) }) },
            KeyValue { key: "real".into(), value: Some(AnyValue { value: Some(Value::Double(0.5)) }) },
            KeyValue { key: "nan".into(), value: Some(AnyValue { value: Some(Value::Double(f64::NAN)) }) },
            KeyValue { key: "flag".into(), value: Some(AnyValue { value: Some(Value::Bool(false)) }) },
        ],
        dropped_attributes_count: 2,
        flags: 1,
        trace_id: vec![0x5b; 16],
        span_id: vec![0xee; 8],
        event_name: "login".into(),
    }
}

#[test]
fn a_record_becomes_one_object() {
    let mut request = logs(full());
    request.resource_logs[0].resource = Some(Resource { attributes: vec![attribute("service.name", "shop")] });
    request.resource_logs[0].scope_logs[0].scope =
        Some(InstrumentationScope { name: "lib".into(), version: "1.0".into(), attributes: vec![] });
    let lines = log_lines(&request, NOW);
    let expected = concat!(
        r#"{"resource":{"attributes":{"service.name":"shop"}},"scope":{"name":"lib","version":"1.0"},"#,
        r#""timeUnixNano":1772323199123456789,"observedTimeUnixNano":1772323199500000000,"severityNumber":9,"#,
        r#""severityText":"INFO","eventName":"login","body":"User \"a\" logged in","attributes":{"list":[-1,null],"#,
        r#""map":{"inner":"x"},"bytes":"AQID","real":0.5,"nan":"NaN","flag":false},"droppedAttributesCount":2,"flags":1,"#,
        r#""traceId":"5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b","spanId":"eeeeeeeeeeeeeeee"}"#
    );
    assert_eq!(lines, [(Timestamp(1_772_323_199_123), expected.to_owned())]);
}

#[test]
fn json_says_the_same_as_protobuf() {
    let json = r#"{"resourceLogs":[{"resource":null,"unknown":{"a":[1]},"scopeLogs":[{"logRecords":[{
        "timeUnixNano":"1772323199123456789","observedTimeUnixNano":1772323199500000000,"severityNumber":9,
        "severityText":"INFO","body":{"stringValue":"User \"a\" logged in"},"droppedAttributesCount":2,"flags":1,
        "traceId":"5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B5B","spanId":"eeeeeeeeeeeeeeee","eventName":"login","attributes":[
        {"key":"list","value":{"arrayValue":{"values":[{"intValue":"-1"},{}]}}},
        {"key":"map","value":{"kvlistValue":{"values":[{"key":"inner","value":{"stringValue":"x"}}]}}},
        {"key":"bytes","value":{"bytesValue":"AQID"}},{"key":"real","value":{"doubleValue":0.5}},
        {"key":"nan","value":{"doubleValue":"NaN"}},{"key":"flag","value":{"boolValue":false}}]}]}]}]}"#;
    let read = Encoding::Json.logs(json.as_bytes()).unwrap();
    assert_eq!(log_lines(&read, NOW), log_lines(&logs(full()), NOW));
    for wrong in [
        r#"{"resourceLogs":{}}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"abc"}]}]}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"-1"}]}]}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1.5}]}]}]}"#,
        "",
    ] {
        assert!(Encoding::Json.logs(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn times_are_the_first_that_is_known() {
    let at = |time_unix_nano, observed_time_unix_nano| {
        let record = LogRecord { time_unix_nano, observed_time_unix_nano, ..LogRecord::default() };
        log_lines(&logs(record), NOW).remove(0)
    };
    assert_eq!(at(0, 2_000_000), (Timestamp(2), r#"{"observedTimeUnixNano":2000000}"#.into()));
    assert_eq!(at(0, 0), (NOW, "{}".into()));
    assert_eq!(at(u64::MAX, 0).0, Timestamp(18_446_744_073_709));
}

#[test]
fn the_samples_of_opentelemetry_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/otlp");
    let (Ok(json), Ok(protobuf)) = (std::fs::read(folder.join("logs.json")), std::fs::read(folder.join("logs.pb")))
    else {
        eprintln!("skipped: no samples in {}", folder.display());
        return;
    };
    let (json, protobuf) = (Encoding::Json.logs(&json).unwrap(), Encoding::Protobuf.logs(&protobuf).unwrap());
    assert_eq!(json, protobuf);
    let lines = log_lines(&json, NOW);
    assert_eq!((lines.len(), lines[0].0), (1, Timestamp(1_544_712_660_300)));
    assert!(lines[0].1.contains(r#""body":"Example log record""#), "{}", lines[0].1);
}
