//! Whatever the record, what was cut comes back byte for byte.

use super::*;
use model::EventResource;
use proptest::prelude::*;

fn text_of(skeleton: &str, filling: Filling<'_>) -> Result<String, &'static str> {
    let mut record = Vec::new();
    restore(skeleton, filling, &mut record)?;
    String::from_utf8(record).map_err(|_| "a record is not UTF-8")
}

fn restored(
    event: &Event,
    pieces: &Pieces,
    request_id: Option<&str>,
    details: &Details<'_>,
) -> Result<String, &'static str> {
    let mut column = |marker: u8, into: &mut Vec<u8>| {
        let detail = || {
            let place = super::super::details::TEXTS.iter().position(|(_, own)| *own == Some(marker))?;
            details.texts[place].as_deref()
        };
        let value = match marker {
            marker::EVENT_ID => Some(event.event_id.clone()),
            marker::TIME => Some(event.time.iso_seconds()),
            marker::NAME => Some(event.name.clone()),
            marker::SOURCE => Some(event.source.clone()),
            marker::ACCOUNT => Some(event.account.clone()),
            marker::REGION => Some(event.region.clone()),
            marker::USERNAME => Some(event.username.clone()),
            marker::ACCESS_KEY_ID => Some(event.access_key_id.clone()),
            marker::ERROR_CODE => Some(event.error_code.clone()),
            marker::SOURCE_IP => Some(event.source_ip.clone()),
            marker::USER_ARN => Some(event.user_arn.clone()),
            marker::REQUEST_ID => request_id.map(str::to_owned),
            0x17..=0x19 => event.resources.get(usize::from(marker - 0x17)).map(|resource| resource.name.clone()),
            _ => detail().map(str::to_owned),
        };
        value.is_some_and(|value| {
            into.extend_from_slice(value.as_bytes());
            true
        })
    };
    text_of(&pieces.skeleton, Filling { values: &pieces.values, uuids: &pieces.uuids, column: &mut column })
}

fn check(cutter: &mut Cutter, event: &Event) -> Pieces {
    let mut pieces = Pieces::default();
    let details = cutter.cut(event, &mut pieces);
    let back = restored(event, &pieces, details.request_id.as_deref(), &details);
    assert_eq!(back.as_deref(), Ok(event.record.as_str()));
    pieces
}

fn event(record: &str) -> Event {
    Event {
        event_id: "0b4c1f2e-9d3a-4c8e-a2d3-5e640b97c1f2".into(),
        time: Timestamp(1_700_000_000_000),
        name: "GetObject".into(),
        account: "123456789012".into(),
        user_arn: "arn:aws:iam::123456789012:user/ü".into(),
        resources: vec![EventResource { resource_type: "T".into(), name: "bucket".into() }],
        record: record.into(),
        ..Event::default()
    }
}

#[test]
fn columns_ids_and_varied_values_leave_the_skeleton() {
    let record = |number: i32| {
        format!(
            "{{\"eventID\":\"0b4c1f2e-9d3a-4c8e-a2d3-5e640b97c1f2\",\"eventTime\":\"2023-11-14T22:13:20Z\",\"eventName\": \
             \"GetObject\",\"userIdentity\":{{\"type\":\"IAMUser\",\"arn\":\"arn:aws:iam::123456789012:user/ü\"}},\
             \"requestID\":\"AB12\",\"sharedEventID\":\"ffffffff-9d3a-4c8e-a2d3-5e640b97c1f2\",\"n\":{number},\
             \"list\":[\"bucket\",\"\",\"a\\\"{number}\",true]}}"
        )
    };
    let mut cutter = Cutter::default();
    let cut: Vec<Pieces> = (0..20).map(|number| check(&mut cutter, &event(&record(number)))).collect();
    let last = &cut[19];
    let skeleton = "{\"eventID\":\"\u{3}\",\"eventTime\":\"\u{4}\",\"eventName\": \"\u{5}\",\"userIdentity\":{\"type\":\
                    \"IAMUser\",\"arn\":\"\u{10}\"},\"requestID\":\"\u{13}\",\"sharedEventID\":\"\u{2}\",\"n\":\u{1},\
                    \"list\":[\"\u{17}\",\"\",\"\u{1}\",true]}";
    assert_eq!(last.skeleton, skeleton);
    assert_eq!(last.values, "19\u{1f}a\\\"19\u{1f}");
    assert_eq!(last.uuids.len(), 16);
    assert!(cut[12..].iter().all(|pieces| pieces.skeleton == last.skeleton));
}

#[test]
fn odd_records_come_back() {
    let mut cutter = Cutter::default();
    let records = [
        "",
        "\"",
        "\\",
        "\"\\",
        "{\"a\":\"\\",
        "}}]]",
        "\u{1}",
        "a\u{1e}b\u{1f}",
        "{\"a\": 1",
        "-",
        "{\"é\":\"ü\" , \"b\":tru}",
        "{\"requestID\":\"a\\u00e9\",\"requestID\":\"b\",\"userAgent\":\"\",\"userAgent\":\"x\"}",
        "\"a\" :\"b\":\"c\"",
        "{\"x\":\"GetObject\",\"GetObject\":\"GetObject\"}",
        "[[[[[[[[[[\"deep\", 1, {\"a\":{}}]]]]]]]]]]",
    ];
    for record in records {
        check(&mut cutter, &event(record));
    }
}

#[test]
fn pieces_that_do_not_fit_are_refused() {
    let fill = |skeleton: &str, values: &str, uuids: &[u8]| {
        text_of(skeleton, Filling { values, uuids, column: &mut |_, _| false })
    };
    assert!(fill("\u{1}", "no end", &[]).is_err());
    assert!(fill("\u{2}", "", &[0; 15]).is_err());
    assert!(fill("\u{5}", "", &[]).is_err());
    assert!(fill("a", "left\u{1f}", &[]).is_err());
    assert_eq!(fill("a\u{1}", "b\u{1f}", &[]).as_deref(), Ok("ab"));
}

proptest! {
    #[test]
    fn every_text_comes_back(records in prop::collection::vec(any::<String>(), 1..20)) {
        let mut cutter = Cutter::default();
        for record in &records {
            check(&mut cutter, &event(record));
        }
    }

    #[test]
    fn every_likely_text_comes_back(
        records in prop::collection::vec("([{}\\[\\]\":, \\\\tf0-9-]|GetObject|bucket|requestID|userAgent|ü|\u{1}){0,60}", 1..20)
    ) {
        let mut cutter = Cutter::default();
        for record in &records {
            check(&mut cutter, &event(record));
        }
    }
}
