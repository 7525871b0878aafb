//! What the model prints: the answers for each load, how full what is, what moves the answers most, and what was assumed.

use super::capacity::{self, Nodes, Resource, Writer};
use super::inputs::{Inputs, Origin, ROWS};
use super::money::{self, MONTH};
use crate::report::number;
use anyhow::ensure;

/// What a load costs in one of two ways to buy machines.
type Bills = fn(&Inputs, &Load) -> money::Bill;
/// A number that the model answers.
type Answer<'a> = &'a dyn Fn(&Inputs) -> f64;

/// Lines of the sensitivity.
const SHOWN: usize = 8;
/// An input is changed by this much, up and down.
const FACTOR: f64 = 2.0;

/// Refuses inputs that make no sense together.
pub fn check(inputs: &Inputs) -> anyhow::Result<()> {
    let shares = inputs.log_share + inputs.metric_share + inputs.event_share;
    ensure!((shares - 1.0).abs() < 1e-6, "log_share, metric_share and event_share make {shares}, not 1");
    ensure!((0.0..=1.0).contains(&inputs.cache_hit), "cache_hit must be from 0 to 1");
    let divisors = [
        (inputs.peak, "peak"),
        (inputs.headroom, "headroom"),
        (inputs.retention_days, "retention_days"),
        (inputs.core_speed, "core_speed"),
        (inputs.node_cores_max, "node_cores_max"),
        (inputs.log_call_lines, "log_call_lines"),
        (inputs.metric_call_datums, "metric_call_datums"),
        (inputs.event_call_events, "event_call_events"),
    ];
    for (value, name) in divisors {
        ensure!(value > 0.0, "{name} must be above 0");
    }
    Ok(())
}

/// All tables for loads of so many GB a day.
pub fn all(inputs: &Inputs, gb: &[f64]) -> String {
    let loads: Vec<Load> = gb.iter().map(|gb| Load::of(inputs, *gb)).collect();
    let middle = gb[gb.len() / 2];
    [answers(inputs, &loads), fullness(inputs, &loads), most(inputs), sensitivity(inputs, middle), assumptions()]
        .join("\n")
}

/// One column.
struct Load {
    gb: f64,
    nodes: Nodes,
    /// One of the writers.
    writer: Writer,
}

impl Load {
    fn of(inputs: &Inputs, gb: f64) -> Self {
        let nodes = capacity::nodes(inputs, gb * 1e9);
        Self { gb, nodes, writer: Writer::of(inputs, gb * 1e9, nodes.writers) }
    }
}

fn head(first: &str, loads: &[Load]) -> String {
    let names: Vec<String> = loads.iter().map(|load| format!("{} a day", bytes(load.gb * 1e9))).collect();
    format!("| {first} | {} |\n| --- |{}\n", names.join(" | "), " --: |".repeat(loads.len()))
}

fn answers(inputs: &Inputs, loads: &[Load]) -> String {
    let mut text = format!("### Answers\n\n{}", head("a month", loads));
    let mut line = |name: &str, value: &dyn Fn(&Load) -> String| {
        let cells: Vec<String> = loads.iter().map(value).collect();
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    };
    line("writers, each with a store of its own", &|load| match load.nodes.writers {
        1 => "1".into(),
        writers => format!("{} (projection)", number(f64::from(writers))),
    });
    line("vCPU of each", &|load| number(load.nodes.cores));
    let all = |load: &Load, one: f64| one * f64::from(load.nodes.writers);
    for (at, name) in ["ingest, flushes, puts", "merges", "questions", "alarms"].into_iter().enumerate() {
        line(&format!("CPU in the mean: {name}, cores"), &|load| number(all(load, load.writer.mean.cpu[at])));
    }
    let month = |load: &Load, rate: f64| count(all(load, rate * MONTH));
    line("PUT of the journal", &|load| month(load, load.writer.mean.requests.journal_puts));
    line("PUT of segments", &|load| month(load, load.writer.mean.requests.segment_puts));
    line("PUT of the manifest", &|load| month(load, load.writer.mean.requests.manifest_puts));
    line("GET of merges", &|load| month(load, load.writer.mean.requests.merge_gets));
    line("GET of questions", &|load| month(load, load.writer.mean.requests.query_gets));
    line("GET of nodes that read", &|load| month(load, load.writer.mean.requests.reader_gets));
    line("DELETE", &|load| month(load, load.writer.mean.requests.deletes));
    line("catalog writes", &|load| month(load, load.writer.mean.catalog_writes));
    line("through the network", &|load| bytes(all(load, load.writer.mean.network * MONTH)));
    line("kept in the bucket", &|load| bytes(all(load, load.writer.mean.stored)));
    line("times that a byte of logs is merged", &|load| {
        let mean = &load.writer.mean;
        let each = mean.flows[0].stored * inputs.log_parquet * mean.segments.every;
        number(mean.segments.times_merged(0, each))
    });
    line("segments of a writer", &|load| count(load.writer.mean.segments.all_listed()));
    line("manifest of a writer", &|load| bytes(load.writer.mean.manifest));
    line("a call waits for the journal, ms in the mean", &|load| number(load.writer.mean.journal.answer_seconds * 1e3));
    line("opening the store, s", &|load| number(load.writer.mean.open_seconds));
    let bills: [(&str, Bills); 2] = [
        ("AWS", |inputs, load| money::aws(inputs, load.nodes, &load.writer.mean)),
        ("own machines", |inputs, load| money::own(inputs, load.nodes, &load.writer.mean)),
    ];
    for (name, bill) in bills {
        let parts = bill(inputs, &loads[0]).0.len();
        for at in 0..parts {
            let part = bill(inputs, &loads[0]).0[at].0;
            line(&format!("{name}: {part}, USD"), &|load| number(bill(inputs, load).0[at].1));
        }
        line(&format!("**{name}, USD**"), &|load| format!("**{}**", number(bill(inputs, load).total())));
    }
    text
}

/// How full each resource of one writer would be that has to take all of a load.
fn fullness(inputs: &Inputs, loads: &[Load]) -> String {
    let columns: Vec<Vec<Resource>> =
        loads.iter().map(|load| Writer::of(inputs, load.gb * 1e9, 1).resources(inputs)).collect();
    let mut text = format!("### How full one writer would be\n\n{}", head("at the peak", loads));
    let Some(first) = columns.first() else { return text };
    for (at, Resource { name, there, unit, .. }) in first.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|resources| {
                let used = resources[at].used();
                let text = if used > 10.0 { "over 1,000 %".into() } else { format!("{} %", number(used * 100.0)) };
                if used > inputs.headroom { format!("**{text}**") } else { text }
            })
            .collect();
        text += &format!("| {name} ({} {unit}) | {} |\n", number(*there), cells.join(" | "));
    }
    text
}

/// The largest load of one writer and what ends it.
fn most(inputs: &Inputs) -> String {
    let mut text =
        String::from("### The most that one writer takes\n\n| with | a day | first full |\n| --- | --: | --- |\n");
    let mut line = |with: &str, inputs: &Inputs| {
        let most = capacity::most_of_one(inputs);
        let resources = Writer::of(inputs, most, 1).resources(inputs);
        let first = capacity::bottleneck(&resources).map_or("", |resource| resource.name);
        text += &format!("| {with} | {} | {first} |\n", bytes(most));
    };
    line("all inputs as they are", inputs);
    line("durability local", &Inputs { object_durability: 0.0, ..inputs.clone() });
    line("a year kept", &Inputs { retention_days: 365.0, ..inputs.clone() });
    line("logs alone", &Inputs { log_share: 1.0, metric_share: 0.0, event_share: 0.0, ..inputs.clone() });
    line("metrics alone", &Inputs { log_share: 0.0, metric_share: 1.0, event_share: 0.0, ..inputs.clone() });
    line("audit events alone", &Inputs { log_share: 0.0, metric_share: 0.0, event_share: 1.0, ..inputs.clone() });
    line("lines sent one by one", &Inputs { log_call_lines: 1.0, ..inputs.clone() });
    line("opening within 10 s", &Inputs { restart_s: 10.0, ..inputs.clone() });
    line("opening within 10 minutes", &Inputs { restart_s: 600.0, ..inputs.clone() });
    line("a memtable of 96 MiB", &inputs.times("memtable_bytes", 96.0 / 64.0));
    line("merging with two cores", &Inputs { merge_core_share: 2.0, ..inputs.clone() });
    // Its syncs and its bytes, and reads from the page cache.
    let (put_ms, put_mb_s) = (inputs.sync_ms, inputs.disk_mb_s);
    line("records in a folder", &Inputs { put_ms, put_mb_s, get_ms: 0.1, object_durability: 0.0, ..inputs.clone() });
    text
}

/// What an input that is twice or half as large makes of an answer.
struct Moved {
    name: &'static str,
    origin: Origin,
    half: f64,
    twice: f64,
}

fn moved(inputs: &Inputs, answer: &dyn Fn(&Inputs) -> f64) -> Vec<Moved> {
    let before = answer(inputs);
    let rows = ROWS.iter().filter(|row| row.origin != Origin::Choice);
    let mut moved: Vec<Moved> = rows
        .map(|row| {
            let with = |factor| answer(&inputs.times(row.name, factor)) / before;
            Moved { name: row.name, origin: row.origin, half: with(1.0 / FACTOR), twice: with(FACTOR) }
        })
        .collect();
    let by = |moved: &Moved| moved.half.ln().abs().max(moved.twice.ln().abs());
    moved.sort_by(|a, b| by(b).total_cmp(&by(a)).then(a.name.cmp(b.name)));
    moved
}

fn sensitivity(inputs: &Inputs, gb: f64) -> String {
    let bill = |inputs: &Inputs| {
        let load = Load::of(inputs, gb);
        money::aws(inputs, load.nodes, &load.writer.mean).total()
    };
    let answers: [(String, Answer<'_>); 2] = [
        ("the most that one writer takes".into(), &capacity::most_of_one),
        (format!("the month on AWS at {} a day", bytes(gb * 1e9)), &bill),
    ];
    let mut text = String::from(
        "### What moves the answers most\n\n| answer | input | origin | half of it | twice of it |\n| --- | --- | --- | --: | --: |\n",
    );
    for (name, answer) in answers {
        for Moved { name: input, origin, half, twice } in moved(inputs, answer).into_iter().take(SHOWN) {
            let [half, twice] = [half, twice].map(|factor| format!("{}x", number(factor)));
            text += &format!("| {name} | `{input}` | {} | {half} | {twice} |\n", origin.name());
        }
    }
    text
}

fn assumptions() -> String {
    let names: Vec<String> =
        ROWS.iter().filter(|row| row.origin == Origin::Assumed).map(|row| format!("`{}`", row.name)).collect();
    format!("Assumed, not measured: {}.\n", names.join(", "))
}

/// 1.50 TB.
fn bytes(bytes: f64) -> String {
    let (divisor, unit) = match bytes {
        b if b >= 1e15 => (1e15, "PB"),
        b if b >= 1e12 => (1e12, "TB"),
        b if b >= 1e9 => (1e9, "GB"),
        b if b >= 1e6 => (1e6, "MB"),
        _ => (1e3, "kB"),
    };
    format!("{} {unit}", number(bytes / divisor))
}

/// 86.0 M.
fn count(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{} bn", number(v / 1e9)),
        v if v >= 1e6 => format!("{} M", number(v / 1e6)),
        v => number(v),
    }
}
