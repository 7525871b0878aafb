//! Requests made by hand and by another encoder, what they become, and that no bytes are too much.

use super::message::{Damage, labels, read};
use super::*;
use proptest::prelude::*;
use prost::Message;

const NOW: Timestamp = Timestamp(1_772_323_200_000);
const STALE: u64 = 0x7ff0_0000_0000_0002;

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<Series>,
    /// What version 1 has besides, in short.
    #[prost(string, tag = "3")]
    metadata: String,
}

#[derive(Clone, PartialEq, Message)]
struct Series {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(string, tag = "3")]
    exemplars: String,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<NativeHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(fixed32, tag = "77")]
    unknown: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct NativeHistogram {}

fn one(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> Series {
    let label = |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into(), unknown: 0 };
    Series {
        labels: labels.iter().map(label).collect(),
        samples: samples.iter().map(|(value, age)| Sample { value: *value, timestamp: NOW.0 - age }).collect(),
        ..Series::default()
    }
}

fn converted(timeseries: Vec<Series>) -> Converted {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let plain = WriteRequest { timeseries, metadata: "counter".into() }.encode_to_vec();
    convert(&scope, DEFAULT_NAMESPACE, &plain, NOW).unwrap()
}

/// Labels of a series, its samples, and how many histograms it has.
type Read = (Vec<(String, String)>, Vec<(u64, i64)>, usize);

fn all(plain: &[u8]) -> Result<Vec<Read>, Damage> {
    let mut found = Vec::new();
    let mut damage = None;
    read(plain, |series| {
        let samples = series.samples.iter().map(|sample| (sample.value.to_bits(), sample.timestamp)).collect();
        match labels(&series.labels).map(|label| label.map(|(n, v)| (n.to_owned(), v.to_owned()))).collect() {
            Ok(labels) => found.push((labels, samples, series.histograms)),
            Err(told) => damage = Some(told),
        }
    })?;
    damage.map_or(Ok(found), Err)
}

#[test]
fn a_request_is_read_byte_by_byte() {
    // up{job="a"} 1 at 1000 ms, written by hand.
    let plain = b"\x0a\x28\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01a\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f\x10\xe8\x07";
    let pairs = [("__name__", "up"), ("job", "a")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(all(plain).unwrap(), [(pairs.to_vec(), vec![(1f64.to_bits(), 1000)], 0)]);
    for short in 1..plain.len() {
        assert!(all(&plain[..short]).is_err(), "{short}");
    }
    for damaged in [
        &b"\x00\xff"[..],
        b"\x0b",
        b"\x08\x01",
        b"\x0a\x02\x10\x01",
        b"\x0a\x05\x0a\x03\x0a\x01\xff",
        &[0x08; 1],
        &[0xff; 11],
    ] {
        assert!(all(damaged).is_err(), "{damaged:?}");
    }
    assert_eq!(all(b"").unwrap(), []);
}

#[test]
fn labels_that_lie_apart_are_read_as_those_side_by_side() {
    let label = |name: &str| [&[0x0a, 6, 0x0a, 1][..], name.as_bytes(), &[0x12, 1, b'v']].concat();
    let sample = [0x12, 2, 0x10, 7];
    let of = |fields: &[&[u8]]| {
        let series = fields.concat();
        all(&[&[0x0a, series.len() as u8][..], &series].concat()).unwrap().remove(0)
    };
    let (a, b, c) = (label("a"), label("b"), label("c"));
    let together = of(&[&a, &b, &c, &sample, &sample]);
    assert_eq!(together.0.len(), 3);
    for apart in [[&a[..], &sample, &b, &sample, &c], [&sample, &a, &b, &sample, &c], [&a, &sample, &sample, &b, &c]] {
        assert_eq!(of(&apart), together);
    }
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
    let native = Series { histograms: vec![NativeHistogram {}], ..one(&[("__name__", "h")], &[]) };
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

#[test]
fn more_samples_than_a_request_may_have_are_refused_whole() {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let samples = vec![(1.0, 0); REMOTE_WRITE_SAMPLES_MAX];
    let request = |count: usize| {
        let timeseries = vec![one(&[("__name__", "up")], &samples), one(&[("__name__", "up")], &samples[..count])];
        let plain = WriteRequest { timeseries, ..WriteRequest::default() }.encode_to_vec();
        convert(&scope, DEFAULT_NAMESPACE, &plain, NOW)
    };
    assert_eq!(request(0).unwrap().datapoints.len(), REMOTE_WRITE_SAMPLES_MAX);
    assert_eq!(request(1).unwrap_err().status(), 413);
}

fn series() -> impl Strategy<Value = Series> {
    let label =
        ("[a-z_]{0,9}", "\\PC{0,9}", any::<u32>()).prop_map(|(name, value, unknown)| Label { name, value, unknown });
    let sample = (any::<f64>(), any::<i64>()).prop_map(|(value, timestamp)| Sample { value, timestamp });
    let lists = (prop::collection::vec(label, 0..4), prop::collection::vec(sample, 0..4));
    (lists, "\\PC{0,3}", 0..3usize).prop_map(|((labels, samples), exemplars, histograms)| Series {
        labels,
        samples,
        exemplars,
        histograms: vec![NativeHistogram {}; histograms],
    })
}

proptest! {
    #[test]
    fn what_another_encoder_writes_is_read(timeseries in prop::collection::vec(series(), 0..4), metadata in "\\PC{0,5}") {
        let plain = WriteRequest { timeseries: timeseries.clone(), metadata }.encode_to_vec();
        // It writes no zero, of either sign.
        let bits = |value: f64| if value == 0.0 { 0 } else { value.to_bits() };
        let expected: Vec<Read> = timeseries.into_iter().map(|series| (
            series.labels.into_iter().map(|label| (label.name, label.value)).collect(),
            series.samples.iter().map(|sample| (bits(sample.value), sample.timestamp)).collect(),
            series.histograms.len(),
        )).collect();
        prop_assert_eq!(all(&plain).unwrap(), expected);
    }

    #[test]
    fn what_is_read_another_decoder_reads_alike(mut plain in prop::collection::vec(any::<u8>(), 0..60), timeseries in prop::collection::vec(series(), 0..2), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        // Bytes at random, and a request with one byte wrong.
        let mut damaged = WriteRequest { timeseries, ..WriteRequest::default() }.encode_to_vec();
        if !damaged.is_empty() {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        plain.truncate(40);
        for plain in [plain, damaged] {
            if let (Ok(found), Ok(theirs)) = (all(&plain), WriteRequest::decode(plain.as_slice())) {
                prop_assert_eq!(found.len(), theirs.timeseries.len());
                for (ours, theirs) in found.iter().zip(&theirs.timeseries) {
                    let samples: Vec<(u64, i64)> = theirs.samples.iter().map(|sample| (sample.value.to_bits(), sample.timestamp)).collect();
                    prop_assert_eq!((&ours.1, ours.0.len(), ours.2), (&samples, theirs.labels.len(), theirs.histograms.len()));
                }
            }
        }
    }

    #[test]
    fn no_bytes_are_too_much(plain in prop::collection::vec(any::<u8>(), 0..200)) {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let _ = convert(&scope, DEFAULT_NAMESPACE, &plain, NOW);
    }
}
