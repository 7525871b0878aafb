//! Requests made by hand, what they become, and that no bytes are too much.

use super::message::{Label, NativeHistogram, Sample};
use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_772_323_200_000);
const STALE: u64 = 0x7ff0_0000_0000_0002;

fn one(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> TimeSeries {
    TimeSeries {
        labels: labels.iter().map(|(name, value)| Label { name: (*name).into(), value: (*value).into() }).collect(),
        samples: samples.iter().map(|(value, age)| Sample { value: *value, timestamp: NOW.0 - age }).collect(),
        histograms: vec![],
    }
}

fn converted(timeseries: Vec<TimeSeries>) -> Converted {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    convert(&scope, DEFAULT_NAMESPACE, &WriteRequest { timeseries }, NOW)
}

#[test]
fn a_request_is_read_byte_by_byte() {
    // up{job="a"} 1 at 1000 ms, written by hand: a literal block of Snappy around protobuf.
    let plain = b"\x0a\x28\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01a\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f\x10\xe8\x07";
    let body = [&[42, 41 << 2][..], plain].concat();
    let read = decode(&body).unwrap();
    let labels =
        vec![Label { name: "__name__".into(), value: "up".into() }, Label { name: "job".into(), value: "a".into() }];
    let samples = vec![Sample { value: 1.0, timestamp: 1000 }];
    assert_eq!(read.timeseries, [TimeSeries { labels, samples, histograms: vec![] }]);
    assert!(decode(&body[..10]).is_err() && decode(b"").is_err() && decode(b"\x01\x00\xff").is_err());
}

#[test]
fn labels_are_dimensions_and_times_are_seconds() {
    let found = converted(vec![one(&[("__name__", "up"), ("job", "a"), ("empty", "")], &[(1.0, 1), (0.0, 60_000)])]);
    let [first, second] = found.datapoints.as_slice() else { panic!("{found:?}") };
    assert_eq!(first.series.name, "up");
    assert_eq!(first.series.namespace, "Prometheus");
    assert_eq!(first.series.dimensions, [("job".to_owned(), "a".to_owned())]);
    assert_eq!((first.timestamp, second.timestamp), (Timestamp(NOW.0 - 1000), Timestamp(NOW.0 - 60_000)));
    assert_eq!(found.rejected, 0);
}

#[test]
fn what_is_no_number_is_passed_over() {
    let found = converted(vec![one(&[("__name__", "up")], &[(f64::from_bits(STALE), 0), (f64::NAN, 0), (2.0, 0)])]);
    assert_eq!((found.datapoints.len(), found.rejected, found.reason), (1, 0, None));
}

#[test]
fn what_no_metric_can_hold_is_counted_and_the_rest_is_taken() {
    let many: Vec<(String, String)> = (0..31).map(|n| (format!("l{n}"), "v".to_owned())).collect();
    let mut labels: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    labels.push(("__name__", "up"));
    let native = TimeSeries { histograms: vec![NativeHistogram {}], ..one(&[("__name__", "h")], &[]) };
    for (wrong, reason) in [
        (one(&[("__name__", "up")], &[(1.0, METRIC_PAST_MS_MAX + 1)]), "two weeks in the past (up)"),
        (one(&[("__name__", "up")], &[(1.0, -METRIC_FUTURE_MS_MAX - 1)]), "two hours"),
        (one(&[("__name__", "up")], &[(f64::INFINITY, 0)]), "2^360"),
        (one(&[("job", "a")], &[(1.0, 0)]), "no name"),
        (one(&labels, &[(1.0, 0)]), "30 labels"),
        (native, "native histograms"),
    ] {
        let found = converted(vec![wrong, one(&[("__name__", "up")], &[(1.0, 0)])]);
        assert_eq!((found.datapoints.len(), found.rejected), (1, 1), "{reason}");
        assert!(found.reason.as_ref().unwrap().contains(reason), "{reason}: {:?}", found.reason);
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_much(plain in proptest::collection::vec(any::<u8>(), 0..200), raw in proptest::collection::vec(any::<u8>(), 0..100)) {
        let body = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
        if let Ok(request) = decode(&body) {
            converted(request.timeseries);
        }
        if snap::raw::decompress_len(&raw).is_ok_and(|bytes| bytes < 1_000_000) {
            let _ = decode(&raw);
        }
    }
}
