//! Tests: one input, written as JSON, CBOR and form, is read as the same value from each.

use crate::cbor::{CborReader, CborWriter};
use crate::cloudwatch::{Dimension, MetricDatum, PutMetricDataInput, StatisticSet};
use crate::json::{JsonReader, JsonWriter};
use crate::logs::{InputLogEvent, PutLogEventsRequest};
use crate::query::QueryReader;
use crate::shape::{Path, Reader, Shape, Violations, Writer};
use model::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Writes a form as a client of the query protocol does.
#[derive(Default)]
struct FormWriter {
    out: String,
    /// For each open step its text, and for lists the number of items so far.
    path: Vec<(String, usize)>,
}

impl FormWriter {
    fn value(&mut self, text: &str) {
        let name: Vec<&str> = self.path.iter().map(|(step, _)| step.as_str()).collect();
        if !self.out.is_empty() {
            self.out.push('&');
        }
        self.out.push_str(&name.join("."));
        self.out.push('=');
        for byte in text.bytes() {
            self.out.push_str(&format!("%{byte:02X}"));
        }
        self.ended();
    }

    /// Leaves the member, item or entry whose value has been written.
    fn ended(&mut self) {
        self.path.pop();
    }
}

impl Writer for FormWriter {
    fn boolean(&mut self, value: bool) {
        self.value(&value.to_string());
    }
    fn integer(&mut self, value: i64) {
        self.value(&value.to_string());
    }
    fn double(&mut self, value: f64) {
        self.value(&format!("{value:?}"));
    }
    fn string(&mut self, value: &str) {
        self.value(value);
    }
    fn blob(&mut self, _: &[u8]) {
        panic!("no input of these tests has a blob");
    }
    fn timestamp(&mut self, value: Timestamp) {
        self.value(&value.iso_millis());
    }
    fn begin_structure(&mut self) {}
    fn field(&mut self, name: &'static str) {
        self.path.push((name.to_owned(), 0));
    }
    fn end_structure(&mut self) {
        self.ended();
    }
    fn begin_map(&mut self) {
        panic!("no input of these tests has a map");
    }
    fn key(&mut self, _: &str) {}
    fn end_map(&mut self) {}
    fn begin_list(&mut self, _: usize) {}
    fn item(&mut self) {
        if let Some((_, items)) = self.path.last_mut() {
            *items += 1;
            let step = format!("member.{items}");
            self.path.push((step, 0));
        }
    }
    fn end_list(&mut self) {
        self.ended();
    }
}

fn read<T: Shape>(mut reader: impl Reader) -> Result<(T, Violations), String> {
    let mut violations = Violations::default();
    let value = T::read(&mut reader, &Path::ROOT, &mut violations).map_err(|error| error.message)?;
    Ok((value, violations))
}

/// The value as each of the three protocols reads it.
fn read_back<T: Shape>(value: &T) -> [Result<(T, Violations), String>; 3] {
    let mut json = JsonWriter::new();
    value.write(&mut json);
    let mut cbor = CborWriter::new();
    value.write(&mut cbor);
    let mut form = FormWriter::default();
    value.write(&mut form);
    [read(JsonReader::new(&json.finish())), read(CborReader::new(&cbor.finish())), read(QueryReader::new(&form.out))]
}

fn datum() -> impl Strategy<Value = MetricDatum> {
    let dimension = ("[a-zA-Z]{0,4}", "\\PC{0,6}").prop_map(|(name, value)| Dimension { name, value });
    let set = (0.0..1e9, -1e9..1e9, -1e300..1e300, 0.0..1.0)
        .prop_map(|(sample_count, sum, minimum, maximum)| StatisticSet { sample_count, sum, minimum, maximum });
    let values = prop::collection::vec(prop::num::f64::NORMAL, 1..4);
    (
        "\\PC{0,8}",
        prop::option::of(prop::collection::vec(dimension, 1..4)),
        prop::option::of((0_i64..4_000_000_000_000).prop_map(Timestamp)),
        prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO),
        prop::option::of(set),
        prop::option::of(values),
        prop::option::of(prop::sample::select(vec!["Count", "Bytes/Second", "Furlong"])),
        prop::option::of(-5..70),
    )
        .prop_map(
            |(metric_name, dimensions, timestamp, value, statistic_values, values, unit, storage_resolution)| {
                MetricDatum {
                    metric_name,
                    dimensions,
                    timestamp,
                    value,
                    statistic_values,
                    counts: values.clone(),
                    values,
                    unit: unit.map(str::to_owned),
                    storage_resolution,
                }
            },
        )
}

fn events() -> impl Strategy<Value = PutLogEventsRequest> {
    let event = (any::<i64>(), any::<String>()).prop_map(|(timestamp, message)| InputLogEvent { timestamp, message });
    ("[a-z/ ]{0,5}", any::<String>(), prop::collection::vec(event, 1..5)).prop_map(|(group, stream, log_events)| {
        PutLogEventsRequest { log_group_name: group, log_stream_name: stream, log_events, ..Default::default() }
    })
}

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(20_260_102), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// The value and the number of its violations are the same whatever protocol it came in.
    #[test]
    fn put_metric_data(namespace in "[a-z:/]{0,5}", metric_data in prop::collection::vec(datum(), 1..4)) {
        let input = PutMetricDataInput { namespace, metric_data: Some(metric_data), ..Default::default() };
        let counts = read_back(&input).map(|read| {
            let (value, violations) = read.unwrap();
            assert_eq!(value, input);
            violations.count()
        });
        prop_assert_eq!(counts, [counts[0]; 3]);
    }

    /// Any text survives: PutLogEvents must give back exactly what it was given.
    #[test]
    fn put_log_events(input in events()) {
        for read in read_back(&input) {
            prop_assert_eq!(&read.unwrap().0, &input);
        }
    }
}
