//! The parts of the model against what is known of them, and the tables as a whole.

use super::capacity::{self, Writer};
use super::demand::{Asking, DAY, demand, flows};
use super::inputs::{Inputs, Origin, ROWS};
use super::journal::{Journal, Put};
use super::segments::{Load, play};
use super::{ModelArgs, money, prediction, report};

const PUT: Put = Put { base: 0.030, rate: 85e6 };
const GB: f64 = 1e9;
const GROUP: f64 = 16e6;

fn close(a: f64, b: f64, part: f64) {
    assert!((a - b).abs() <= b.abs() * part, "{a} is not near {b}");
}

#[test]
fn a_quiet_journal_puts_each_call_and_a_busy_one_puts_without_a_pause() {
    let quiet = Journal::of(0.01, 1.0, PUT, GROUP);
    close(quiet.puts, 0.01, 0.001);
    close(quiet.answer_seconds, 0.030, 0.001);
    let busy = Journal::of(10_000.0, 10e6, PUT, GROUP);
    close(busy.puts * busy.put_seconds, 1.0, 1e-6);
    close(busy.bytes(), 10e6, 1e-6);
    close(busy.answer_seconds, busy.put_seconds * 1.5, 1e-6);
    assert_eq!(Journal::of(0.0, 0.0, PUT, GROUP).puts, 0.0);
    assert!(Journal::of(10_000.0, 80e6, PUT, GROUP).waiting.is_infinite(), "more than full groups carry");
}

/// Plays the queue that the formula is of: puts of one length, all who wait share the next one.
#[test]
fn the_formula_of_the_journal_is_that_of_the_queue() {
    let (calls, seconds) = (50.0, 0.030);
    let mut random = crate::bodies::Random::new(1);
    let mut gap = || -((random.next() >> 11) as f64 / (1_u64 << 53) as f64).max(1e-12).ln() / calls;
    let (mut next, mut free_at, mut puts, mut waited, mut count) = (gap(), 0.0_f64, 0_u32, 0.0, 0_u32);
    while count < 200_000 {
        // The put begins when it may, and takes all who came by then.
        let begins = next.max(free_at);
        free_at = begins + seconds;
        puts += 1;
        while next <= begins {
            waited += free_at - next;
            count += 1;
            next += gap();
        }
    }
    let formula = Journal::of(calls, 0.0, Put { base: seconds, rate: 1e18 }, GROUP);
    close(f64::from(puts) / free_at, formula.puts, 0.01);
    close(waited / f64::from(count), formula.answer_seconds, 0.01);
}

#[test]
fn eight_segments_of_a_tier_become_one_and_large_ones_stay() {
    let load = Load { every: 10.0, flushed: [7.9e6, 0.0, 0.0], merge_byte_seconds: [0.0; 3], merge_seconds: 0.0 };
    // Eight of 7.9 MB are 63.2 MB, eight of which are merged by twos, which are more than is merged again.
    let few = play(&load, 120.0);
    assert_eq!((few.flushes, few.merges[0], few.merged[0]), (12.0, 1.0, 8.0));
    assert_eq!(few.listed[0], 5.0);
    let many = play(&load, 10.0 * 64.0 * 60.0);
    close(many.times_merged(0, 7.9e6), 1.85, 0.1);
    let all: f64 = many.listed[0] - many.flushed[0] + many.merged[0] - many.merges[0];
    assert_eq!(all, 0.0, "a segment is flushed or merged, listed or merged away");
}

#[test]
fn what_is_not_played_goes_on_as_before() {
    let load = Load { every: 1.0, flushed: [7.9e6, 4e6, 2.8e6], merge_byte_seconds: [1e-9; 3], merge_seconds: 0.1 };
    let (month, year) = (play(&load, 30.0 * DAY), play(&load, 360.0 * DAY));
    close(month.flushes, 30.0 * DAY, 1e-6);
    close(year.listed[0] / month.listed[0], 12.0, 0.05);
    close(year.merging, month.merging, 0.02);
    assert_eq!(play(&load, 30.0 * DAY), month);
}

#[test]
fn merging_that_is_too_slow_is_seen() {
    let load =
        Load { every: 1.0, flushed: [7.9e6, 0.0, 0.0], merge_byte_seconds: [2e-7, 0.0, 0.0], merge_seconds: 0.0 };
    let slow = play(&load, 3.0 * DAY);
    // Each byte twice.
    close(slow.merging, 2.0 * 7.9e6 * 2e-7, 0.05);
}

#[test]
fn the_costs_of_calls_are_those_that_were_measured() {
    // 942,700 bytes a call are 3,777 lines.
    let large =
        Inputs { log_share: 1.0, metric_share: 0.0, event_share: 0.0, log_call_lines: 3_777.0, ..Inputs::default() };
    let of = flows(&large, GB)[0];
    close(of.cpu / of.calls, 0.0111, 0.01);
    // Lines of that run have 230 bytes.
    let hundred = Inputs { log_call_lines: 100.0, log_bytes: 232.0, ..large };
    let of = flows(&hundred, GB)[0];
    close(of.cpu / of.calls, 0.000_285, 0.15);
    let metrics = Inputs { log_share: 0.0, metric_share: 1.0, metric_call_datums: 1_000.0, ..hundred };
    let of = flows(&metrics, GB)[1];
    close(of.cpu / of.calls, 0.002_63, 0.01);
}

#[test]
fn twice_the_load_is_not_less_of_anything() {
    let inputs = Inputs::default();
    for gb in [1.0, 50.0, 1_000.0] {
        let of = |gb: f64| demand(&inputs, gb * GB / DAY, 30.0 * DAY, Asking { questions: 1.0, share: 1.0 });
        let (one, two) = (of(gb), of(2.0 * gb));
        for (a, b) in
            [(one.cpu[0], two.cpu[0]), (one.stored, two.stored), (one.network, two.network), (one.memory, two.memory)]
        {
            assert!(b >= a, "{gb} GB: {b} < {a}");
        }
    }
}

#[test]
fn the_most_of_one_writer_fits_and_more_does_not() {
    let inputs = Inputs::default();
    let most = capacity::most_of_one(&inputs);
    let used = |bytes| {
        let resources = Writer::of(&inputs, bytes, 1).resources(&inputs);
        capacity::bottleneck(&resources).unwrap().used()
    };
    close(used(most), inputs.headroom, 0.2);
    assert!(used(most * 1.5) > inputs.headroom);
    assert_eq!(capacity::nodes(&inputs, most * 0.5).writers, 1);
    let nodes = capacity::nodes(&inputs, most * 10.0);
    assert!((8..=20).contains(&nodes.writers), "{nodes:?}");
}

#[test]
fn a_bill_is_the_sum_of_its_parts_and_local_durability_saves_puts() {
    let bill = |inputs: &Inputs| {
        let nodes = capacity::nodes(inputs, GB);
        money::aws(inputs, nodes, &Writer::of(inputs, GB, nodes.writers).mean)
    };
    let object = bill(&Inputs::default());
    close(object.total(), object.0.iter().map(|(_, usd)| usd).sum(), 1e-9);
    let local = bill(&Inputs { object_durability: 0.0, ..Inputs::default() });
    let put = |bill: &money::Bill| bill.0.iter().find(|(name, _)| *name == "PUT").unwrap().1;
    assert!(put(&local) < put(&object));
}

#[test]
fn a_run_is_predicted_with_its_last_flush() {
    let inputs = Inputs { log_share: 1.0, metric_share: 0.0, event_share: 0.0, ..Inputs::default() };
    let figures = prediction::figures(&inputs, 504.5e6, 40.0);
    let get = |name: &str| figures.iter().find(|figure| figure.name == name).unwrap().value;
    // As was seen: eleven segments when the load ended, and the last at the stop.
    assert_eq!(get("flushes"), 12.0);
    close(get("MB stored"), 99.9, 0.01);
    assert_eq!(get("PUT of segments"), 48.0);
}

#[test]
fn inputs_are_set_by_name_and_nonsense_is_refused() {
    let mut inputs = Inputs::default();
    inputs.set("put_ms=12.5").unwrap();
    assert_eq!(inputs.put_ms, 12.5);
    for wrong in ["put_ms", "put_ms=x", "no_such=1", "put_ms=-1", "put_ms=NaN"] {
        assert!(inputs.set(wrong).is_err(), "{wrong}");
    }
    let args = |set: &[&str]| ModelArgs {
        gb: vec![1.0],
        set: set.iter().map(|text| (*text).to_owned()).collect(),
        inputs: false,
        run: None,
    };
    assert!(report(&args(&["log_share=0.9"])).is_err(), "shares that are not 1 together");
    assert!(report(&args(&["peak=0"])).is_err());
}

#[test]
fn every_input_says_where_it_comes_from() {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROWS.len());
    for row in ROWS {
        assert!(!row.source.is_empty(), "{}", row.name);
        assert!(!row.source.contains('|') && !row.unit.contains('|'), "{} would break the table", row.name);
        if row.origin == Origin::Measured {
            assert!(row.source.contains(','), "{}: section and line", row.name);
        }
    }
}

/// The document has what the model says.
#[test]
fn the_tables_of_the_document_are_those_of_the_model() {
    let args = ModelArgs { gb: vec![1.0, 1_000.0, 100_000.0], set: Vec::new(), inputs: false, run: None };
    let document = include_str!("../../../docs/sizing.md");
    let said = report(&args).unwrap();
    for line in said.lines().filter(|line| line.starts_with('|')) {
        assert!(document.contains(line), "docs/sizing.md lacks this line of `bench model`:\n{line}");
    }
    let inputs = report(&ModelArgs { inputs: true, ..args }).unwrap();
    for line in inputs.lines() {
        assert!(document.contains(line), "docs/sizing.md lacks this line of `bench model --inputs`:\n{line}");
    }
}

#[test]
fn nodes_that_read_are_nodes_and_requests_and_nothing_else() {
    let alone = Inputs::default();
    let read = Inputs { readers: 2.0, ..alone.clone() };
    let bill = |inputs: &Inputs| {
        let nodes = capacity::nodes(inputs, GB);
        let demand = Writer::of(inputs, GB, nodes.writers).mean;
        (money::aws(inputs, nodes, &demand).0, demand.requests)
    };
    let ((before, few), (after, many)) = (bill(&alone), bill(&read));
    close(many.gets() - few.gets(), 2.0 * (few.journal_puts + 2.0), 1e-9);
    for ((name, before), (_, after)) in before.into_iter().zip(after) {
        match name {
            "nodes" | "their disks" => close(after, 3.0 * before, 1e-9),
            "GET" => assert!(after > before),
            _ => assert_eq!(after, before, "{name}"),
        }
    }
}
