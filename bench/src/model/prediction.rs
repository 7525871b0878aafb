//! What one short run of a server should cost, to be compared with what it did: bytes, CPU seconds, requests.

use super::demand::{Asking, Demand, demand};
use super::inputs::Inputs;
use crate::report::number;

/// One predicted figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

/// Of `bytes` useful bytes that come evenly in `seconds`, from a start on nothing to a clean stop, without questions and alarms.
pub fn figures(inputs: &Inputs, bytes: f64, seconds: f64) -> Vec<Figure> {
    let demand = demand(inputs, bytes / seconds, seconds, Asking { questions: 0.0, share: 0.0 });
    let objects = [inputs.log_objects, inputs.metric_objects, inputs.event_objects];
    let Demand { segments, requests, .. } = &demand;
    // A stop flushes what came since the last flush.
    let last = |kind: usize| if demand.flows[kind].bytes > 0.0 { objects[kind] } else { 0.0 };
    let last_objects = (0..objects.len()).map(last).sum::<f64>();
    let records: f64 = demand.flows.iter().map(|flow| flow.records).sum();
    let calls: f64 = demand.flows.iter().map(|flow| flow.calls).sum();
    let stored: f64 = demand.flows.iter().map(|flow| flow.stored).sum();
    let merges: f64 = segments.merges.iter().sum();
    let figure = |name, value| Figure { name, value };
    vec![
        figure("records", records * seconds),
        figure("calls", calls * seconds),
        figure("CPU s of ingest", demand.cpu[0] * seconds),
        figure("CPU s of merges", demand.cpu[1] * seconds),
        figure("MB stored", stored * seconds / 1e6),
        figure("flushes", segments.flushes + 1.0),
        figure("merges", merges),
        figure("PUT of the journal", requests.journal_puts * seconds),
        figure("MB of the journal", demand.journal.bytes() * seconds / 1e6),
        figure("PUT of segments", requests.segment_puts * seconds + last_objects),
        figure("PUT of the manifest", segments.flushes + 1.0 + merges),
        figure("ms until a call is answered, of the journal", demand.journal.answer_seconds * 1e3),
    ]
}

/// The same as a Markdown table.
pub fn table(inputs: &Inputs, bytes: f64, seconds: f64) -> String {
    let mut text = String::from("| figure | predicted |\n| --- | --: |\n");
    for Figure { name, value } in figures(inputs, bytes, seconds) {
        text += &format!("| {name} | {} |\n", number(value));
    }
    text
}
