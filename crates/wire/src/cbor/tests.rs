//! The examples of RFC 8949, the forms that SDKs send, and bytes that lie about their lengths.

use super::*;
use crate::cloudwatch::PutMetricDataInput;
use crate::json::JsonReader;
use crate::logs::PutLogEventsRequest;
use crate::shape::{Path, Shape, Violations};
use crate::test_bytes::mutations;

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn read<T: Shape>(body: &[u8]) -> Result<T, DecodeError> {
    T::read(&mut CborReader::new(body), &Path::ROOT, &mut Violations::default())
}

#[test]
fn integers_of_rfc_8949_appendix_a() {
    let integer = |hex: &str| CborReader::new(&unhex(hex)).integer();
    for (hex, value) in [
        ("00", 0),
        ("17", 23),
        ("1818", 24),
        ("1903e8", 1000),
        ("1a000f4240", 1_000_000),
        ("1b000000e8d4a51000", 1_000_000_000_000),
        ("20", -1),
        ("3863", -100),
        ("3903e7", -1000),
        ("3b7fffffffffffffff", i64::MIN),
        ("f94500", 5),
    ] {
        assert_eq!(integer(hex), Ok(value), "{hex}");
        if hex != "f94500" {
            let mut writer = CborWriter::new();
            writer.integer(value);
            assert_eq!(writer.finish(), unhex(hex));
        }
    }
    for bad in [
        "1bffffffffffffffff",
        "3bffffffffffffffff",
        "c249010000000000000000",
        "f93e00",
        "1c",
        "1f",
        "18",
        "60",
        "0000",
        "",
    ] {
        assert!(integer(bad).is_err(), "{bad}");
    }
}

#[test]
fn floats_of_rfc_8949_appendix_a() {
    let double = |hex: &str| CborReader::new(&unhex(hex)).double();
    for (hex, value) in [
        ("f90000", 0.0),
        ("f93c00", 1.0),
        ("f93e00", 1.5),
        ("f97bff", 65504.0),
        ("f90001", 5.960_464_477_539_063e-8),
        ("f90400", 0.000_061_035_156_25),
        ("f9c400", -4.0),
        ("f97c00", f64::INFINITY),
        ("f9fc00", f64::NEG_INFINITY),
        ("fa47c35000", 100_000.0),
        ("fa7f7fffff", 3.402_823_466_385_288_6e38),
        ("fb3ff199999999999a", 1.1),
        ("fb7e37e43c8800759c", 1.0e300),
        ("fbc010666666666666", -4.1),
        ("1864", 100.0),
        ("29", -10.0),
    ] {
        assert_eq!(double(hex), Ok(value), "{hex}");
    }
    for hex in ["f97e00", "fa7fc00000", "fb7ff8000000000000", "634e614e"] {
        assert!(double(hex).unwrap().is_nan(), "{hex}");
    }
    assert!(double("f4").is_err());
    let mut writer = CborWriter::new();
    writer.double(1.0);
    assert_eq!(writer.finish(), unhex("fb3ff0000000000000"));
}

#[test]
fn strings_come_whole_and_in_chunks() {
    let string = |hex: &str| CborReader::new(&unhex(hex)).string().map(Cow::into_owned);
    assert_eq!(string("60"), Ok(String::new()));
    assert_eq!(string("62c3bc"), Ok("ü".into()));
    assert_eq!(string("7f657374726561646d696e67ff"), Ok("streaming".into()));
    let blob = |hex: &str| CborReader::new(&unhex(hex)).blob();
    assert_eq!(blob("4401020304"), Ok(vec![1, 2, 3, 4]));
    assert_eq!(blob("5f42010243030405ff"), Ok(vec![1, 2, 3, 4, 5]));
    for bad in ["62c3", "61ff", "7f61c361bcff", "7f4101ff", "7f7f6161ffff", "7f6161", "7bffffffffffffffff", "4101"] {
        assert!(string(bad).is_err(), "{bad}");
    }
}

#[test]
fn times_come_tagged_and_bare() {
    let at = |hex: &str| CborReader::new(&unhex(hex)).timestamp();
    assert_eq!(at("c11a514b67b0"), Ok(Timestamp(1_363_896_240_000)));
    assert_eq!(at("c1fb41d452d9ec200000"), Ok(Timestamp(1_363_896_240_500)));
    assert_eq!(at("1a514b67b0"), Ok(Timestamp(1_363_896_240_000)));
    assert!(at("c07432303133").is_err());
    assert!(at("c1c11a514b67b0").is_err());
    assert!(at("c1f97e00").is_err());
    let mut writer = CborWriter::new();
    writer.timestamp(Timestamp(1_363_896_240_500));
    assert_eq!(writer.finish(), unhex("c1fb41d452d9ec200000"));
}

#[test]
fn written_times_survive_readers_that_cut_fractions() {
    for millis in (0..1000).map(|millis| 1_767_323_045_000 + millis).chain([-1, -999, -1_500]) {
        let mut writer = CborWriter::new();
        writer.timestamp(Timestamp(millis));
        let body = writer.finish();
        assert_eq!(CborReader::new(&body).timestamp(), Ok(Timestamp(millis)));
        let seconds = CborReader::new(&body[1..]).double().unwrap();
        if millis >= 0 {
            assert_eq!(seconds.trunc() as i64 * 1000 + (seconds.fract() * 1000.0) as i64, millis);
        }
    }
}

/// `{_ "Namespace": "n", "x": [_ 1, -1, null, undefined, false, [1, {"a": 0("ambiguous")}]], "MetricData": [_ {"MetricName":
/// "m", "Value": 1.5 (half), "Timestamp": 1(1363896240)}]}`
fn put_metric_data() -> Vec<u8> {
    let parts = [
        "bf",
        "694e616d657370616365616e",
        "61789f0120f6f7f48201a16161c069616d626967756f7573ff",
        "6a4d6574726963446174619f",
        "a36a4d65747269634e616d65616d6556616c7565f93e006954696d657374616d70c11a514b67b0",
        "ff",
        "ff",
    ];
    unhex(&parts.concat())
}

#[test]
fn a_call_reads_into_its_shape() {
    let call: PutMetricDataInput = read(&put_metric_data()).unwrap();
    assert_eq!(call.namespace, "n");
    let datum = &call.metric_data.unwrap()[0];
    assert_eq!((datum.metric_name.as_str(), datum.value), ("m", Some(1.5)));
    assert_eq!(datum.timestamp, Some(Timestamp(1_363_896_240_000)));
}

#[test]
fn an_empty_body_is_an_empty_structure() {
    let mut reader = CborReader::new(b"");
    reader.begin_structure().unwrap();
    assert_eq!(reader.next_field(), Ok(None));
}

#[test]
fn lengths_are_checked_before_they_are_believed() {
    for hex in [
        "9bffffffffffffffff",
        "bb7fffffffffffffff00",
        "5bffffffffffffffff",
        "7b00000000ffffffff61",
        "9a7fffffff00",
        "a260",
    ] {
        assert!(CborReader::new(&unhex(hex)).skip().is_err(), "{hex}");
    }
    // 1,000 entries in 999 bytes, and a map that has only room for its keys.
    assert!(CborReader::new(&[unhex("9903e8"), vec![0; 999]].concat()).begin_list().is_err());
    assert!(CborReader::new(&[unhex("b903e8"), vec![0; 1999]].concat()).begin_map().is_err());
    assert!(CborReader::new(&[unhex("9903e8"), vec![0; 1000]].concat()).skip().is_ok());
    assert!(CborReader::new(&unhex("8000")).skip().is_err(), "trailing bytes");
    assert!(CborReader::new(&unhex("ff")).skip().is_err(), "a break alone");
    assert!(CborReader::new(&unhex("bf6161ff")).skip().is_err(), "a key without a value");
}

#[test]
fn nesting_is_bounded() {
    let deep = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert!(CborReader::new(&deep(limits::NESTING_MAX)).skip().is_ok());
    assert!(CborReader::new(&deep(limits::NESTING_MAX + 1)).skip().is_err());
    for byte in [0x81, 0x9F, 0xBF, 0xC1, 0x5F] {
        assert!(CborReader::new(&vec![byte; 1_000_000]).skip().is_err(), "{byte:#x}");
    }
}

#[test]
fn json_and_cbor_carry_the_same_value() {
    let json = br#"{"Namespace":"n","MetricData":[{"MetricName":"m","Dimensions":[{"Name":"a","Value":"b"}],
        "Timestamp":1767323045.678,"Values":[1,2.5],"Counts":[3,4],"Unit":"Count","StorageResolution":1}]}"#;
    let from_json =
        PutMetricDataInput::read(&mut JsonReader::new(json), &Path::ROOT, &mut Violations::default()).unwrap();
    let mut writer = CborWriter::new();
    from_json.write(&mut writer);
    assert_eq!(read(&writer.finish()), Ok(from_json));
}

#[test]
fn damage_never_panics() {
    for body in mutations(&put_metric_data(), 10_000) {
        let _ = read::<PutMetricDataInput>(&body);
        let _ = read::<PutLogEventsRequest>(&body);
        let _ = CborReader::new(&body).skip();
    }
}
