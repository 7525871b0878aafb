//! Forms as old SDKs send them, in any order, flattened or not, and forms that nobody should send.

use super::*;
use crate::cloudwatch::{PutMetricAlarmInput, PutMetricDataInput};
use crate::shape::{Path, Shape, Violations};
use crate::test_bytes::mutations;
use std::collections::BTreeMap;

fn read<T: Shape>(form: &str) -> Result<T, DecodeError> {
    T::read(&mut QueryReader::new(form), &Path::ROOT, &mut Violations::default())
}

/// The list of strings that `form` holds as its member `X`.
fn list(form: &str) -> Result<Vec<String>, DecodeError> {
    let mut reader = QueryReader::new(form);
    let mut items = Vec::new();
    reader.begin_structure()?;
    while let Some(name) = reader.next_field()? {
        if name != "X" {
            reader.skip()?;
            continue;
        }
        reader.begin_list()?;
        while reader.next_item()? {
            items.push(reader.string()?.into_owned());
        }
    }
    Ok(items)
}

fn map(form: &str) -> Result<BTreeMap<String, String>, DecodeError> {
    let mut reader = QueryReader::new(form);
    let mut entries = BTreeMap::new();
    reader.begin_structure()?;
    while reader.next_field()?.is_some() {
        reader.begin_map()?;
        while let Some(key) = reader.next_key()?.map(Cow::into_owned) {
            entries.insert(key, reader.string()?.into_owned());
        }
    }
    Ok(entries)
}

const PUT_METRIC_DATA: &str = "Action=PutMetricData&Version=2010-08-01&Namespace=a%2Fb+c\
    &MetricData.member.2.MetricName=second&MetricData.member.2.Value=2&MetricData.member.10.MetricName=tenth\
    &MetricData.member.1.Dimensions.member.1.Value=v%C3%A9&MetricData.member.1.Dimensions.member.1.Name=n\
    &MetricData.member.1.MetricName=first&MetricData.member.1.Timestamp=2026-01-02T03%3A04%3A05Z\
    &MetricData.member.1.StatisticValues.SampleCount=1.0&MetricData.member.1.StatisticValues.Sum=2e1\
    &MetricData.member.1.StatisticValues.Minimum=-1&MetricData.member.1.StatisticValues.Maximum=NaN\
    &MetricData.member.1.StorageResolution=1";

#[test]
fn a_call_reads_into_its_shape_whatever_the_order() {
    let call: PutMetricDataInput = read(PUT_METRIC_DATA).unwrap();
    assert_eq!(call.namespace, "a/b c");
    let data = call.metric_data.unwrap();
    let names: Vec<&str> = data.iter().map(|datum| datum.metric_name.as_str()).collect();
    assert_eq!(names, ["first", "second", "tenth"]);
    assert_eq!(data[0].dimensions.as_ref().unwrap()[0].value, "vé");
    assert_eq!(data[0].timestamp, Some(Timestamp(1_767_323_045_000)));
    assert_eq!(data[0].storage_resolution, Some(1));
    let statistics = data[0].statistic_values.as_ref().unwrap();
    assert_eq!((statistics.sum, statistics.minimum), (20.0, -1.0));
    assert!(statistics.maximum.is_nan());
    assert_eq!(data[1].value, Some(2.0));
    let alarm: PutMetricAlarmInput =
        read("AlarmName=a&ActionsEnabled=false&OKActions=&AlarmActions.member.1=arn").unwrap();
    assert_eq!((alarm.actions_enabled, alarm.ok_actions), (Some(false), Some(Vec::new())));
    assert_eq!(alarm.alarm_actions, Some(vec!["arn".to_owned()]));
}

#[test]
fn lists_are_wrapped_flattened_or_empty() {
    let texts = |items: &[&str]| Ok(items.iter().map(|item| (*item).to_owned()).collect());
    assert_eq!(list("X.member.2=b&X.member.10=c&X.member.1=a"), texts(&["a", "b", "c"]));
    assert_eq!(list("X.2=b&X.1=a"), texts(&["a", "b"]));
    assert_eq!(list("X="), texts(&[]));
    assert_eq!(list("X.member="), texts(&[]));
    assert_eq!(list("X=&X.member=&X.member.1=a"), texts(&["a"]));
    assert_eq!(list("X.member.1="), texts(&[""]));
    assert_eq!(list("X.member.1=first&X.member.1=second"), texts(&["first"]));
    assert!(list("X.member.one=a").is_err());
    assert!(list("X.member.1.Y=a").is_err());
    assert!(list("X.member.99999999999=a").is_err());
}

#[test]
fn maps_have_numbered_entries() {
    let expected = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b.c".to_owned(), "2".to_owned())]);
    assert_eq!(map("X.entry.1.key=a&X.entry.1.value=1&X.entry.2.value=2&X.entry.2.key=b.c"), Ok(expected.clone()));
    assert_eq!(map("X.entry.1.Name=a&X.entry.1.Value=1&X.entry.2.Value=2&X.entry.2.Name=b.c"), Ok(expected.clone()));
    assert_eq!(map("X.1.key=a&X.1.value=1&X.2.value=2&X.2.key=b.c"), Ok(expected));
    assert_eq!(map("X="), Ok(BTreeMap::new()));
    for bad in [
        "X.entry.1.key=a",
        "X.entry.1.value=a",
        "X.entry.a.key=a&X.entry.a.value=1",
        "X.entry.1=a",
        "X.entry.1.key.x=a&X.entry.1.value=1",
    ] {
        assert!(map(bad).is_err(), "{bad}");
    }
}

#[test]
fn scalars_are_strict() {
    let scalar = |form: &'static str| {
        let mut reader = QueryReader::new(form);
        reader.begin_structure().unwrap();
        reader.next_field().unwrap();
        reader
    };
    assert_eq!(scalar("a=+5.0").integer().ok(), Some(5));
    assert!(scalar("a=5.5").integer().is_err());
    assert!(scalar("a=x").double().is_err());
    assert!(scalar("a=inf").double().is_err());
    assert_eq!(scalar("a=True").boolean(), Ok(true));
    assert!(scalar("a=1").boolean().is_err());
    assert_eq!(scalar("a=aGk%3D").blob(), Ok(b"hi".to_vec()));
    assert_eq!(scalar("a").string().unwrap(), "");
    assert!(scalar("a.b=1").string().is_err());
    assert_eq!(scalar("5=1").string().unwrap(), "1");
}

#[test]
fn malformed_forms_are_refused() {
    for bad in ["a=%", "a=%4", "a=%GG", "%FF=a", "a=%C3"] {
        assert!(list(bad).is_err(), "{bad}");
    }
    assert_eq!(list(""), Ok(Vec::new()));
    assert_eq!(list("&&"), Ok(Vec::new()));
    assert!(list(&"a=&".repeat(PARAMETERS_MAX + 1)).is_err());
    assert!(list(&format!("{}=1", "a.".repeat(limits::NESTING_MAX))).is_err());
}

#[test]
fn damage_never_panics() {
    for body in mutations(PUT_METRIC_DATA.as_bytes(), 10_000) {
        let text = String::from_utf8_lossy(&body);
        let _ = read::<PutMetricDataInput>(&text);
        let _ = list(&text.replace("MetricData", "X"));
        let _ = map(&text.replace("MetricData.member", "X.entry").replace("Name", "key").replace("Value", "value"));
    }
}
