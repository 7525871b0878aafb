//! `bench patterns`: scores pattern mining on the Loghub 2k sets, and prints the table of `docs/benchmarks.md`.
//!
//! Grouping accuracy (Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE 2019): the share of lines whose pattern
//! has exactly the lines that the template of the set has.

mod csv;
#[cfg(test)]
mod tests;

use anyhow::Context;
use query::log_patterns::{Limits, Miner, Patterns};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

/// The sets, and the accuracy that is published of Drain with regexes chosen for each (README of Drain in logpai/logparser).
const SETS: [(&str, f64); 16] = [
    ("HDFS", 0.9975),
    ("Hadoop", 0.9475),
    ("Spark", 0.920),
    ("Zookeeper", 0.9665),
    ("OpenStack", 0.7325),
    ("BGL", 0.9625),
    ("HPC", 0.887),
    ("Thunderbird", 0.955),
    ("Windows", 0.997),
    ("Linux", 0.690),
    ("Mac", 0.7865),
    ("Android", 0.911),
    ("HealthApp", 0.780),
    ("Apache", 1.0),
    ("OpenSSH", 0.7875),
    ("Proxifier", 0.5265),
];

/// How often a set is mined to measure the speed.
const REPEATS: usize = 100;

/// Lines with the template that each has.
struct Labelled {
    lines: Vec<String>,
    templates: Vec<String>,
}

/// Scores the sets in `folder` and says the result as Markdown.
pub fn report(folder: &Path) -> anyhow::Result<String> {
    let mut out = String::from("| set | templates | patterns | accuracy | *Drain* | MB/CPU s | M lines/CPU s |\n");
    out.push_str("| --- | --: | --: | --: | --: | --: | --: |\n");
    let (mut ours, mut drain) = (0.0, 0.0);
    for (set, published) in SETS {
        let labelled = read(&folder.join(format!("{set}_2k.log_structured.csv")))?;
        let patterns = mined(&labelled.lines).patterns();
        let accuracy = grouping_accuracy(&labelled, &patterns);
        let templates = labelled.templates.iter().collect::<HashSet<_>>().len();
        let found = patterns.list().len();
        let (megabytes, lines) = speed(&labelled.lines)?;
        writeln!(
            out,
            "| {set} | {templates} | {found} | {accuracy:.3} | {published:.3} | {megabytes:.0} | {lines:.1} |"
        )?;
        ours += accuracy;
        drain += published;
    }
    let sets = SETS.len() as f64;
    writeln!(out, "| mean | | | {:.3} | {:.3} | | |", ours / sets, drain / sets)?;
    Ok(out)
}

fn read(path: &Path) -> anyhow::Result<Labelled> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    labelled(&text).with_context(|| format!("read {}", path.display()))
}

/// The columns `Content` and `EventId` of a CSV text.
fn labelled(text: &str) -> anyhow::Result<Labelled> {
    let mut records = csv::records(text).into_iter();
    let header = records.next().context("no header")?;
    let column =
        |name: &str| header.iter().position(|field| field == name).with_context(|| format!("no column {name}"));
    let (content, event) = (column("Content")?, column("EventId")?);
    let mut labelled = Labelled { lines: Vec::new(), templates: Vec::new() };
    for record in records {
        let field = |at: usize| record.get(at).cloned().context("a record is too short");
        labelled.lines.push(field(content)?);
        labelled.templates.push(field(event)?);
    }
    Ok(labelled)
}

fn mined(lines: &[String]) -> Miner {
    let mut miner = Miner::new(Limits::default());
    for line in lines {
        miner.add(line, 0, 1);
    }
    miner
}

fn grouping_accuracy(labelled: &Labelled, patterns: &Patterns) -> f64 {
    let mut found: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
    let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (line, template)) in labelled.lines.iter().zip(&labelled.templates).enumerate() {
        found.entry(patterns.template_of(line)).or_default().push(at);
        wanted.entry(template).or_default().push(at);
    }
    let wanted: HashSet<&Vec<usize>> = wanted.values().collect();
    let right: usize = found.values().filter(|group| wanted.contains(group)).map(Vec::len).sum();
    right as f64 / labelled.lines.len().max(1) as f64
}

/// Megabytes and million lines in a second of CPU time.
fn speed(lines: &[String]) -> anyhow::Result<(f64, f64)> {
    let begun = cpu_seconds()?;
    let mut miner = Miner::new(Limits::default());
    for _ in 0..REPEATS {
        for line in lines {
            miner.add(black_box(line), 0, 1);
        }
    }
    let seconds = (cpu_seconds()? - begun) / REPEATS as f64 * 1e6;
    let bytes: usize = lines.iter().map(String::len).sum();
    Ok((bytes as f64 / seconds, lines.len() as f64 / seconds))
}

/// The CPU time of this thread, so that others on the machine count little.
fn cpu_seconds() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("read the thread's CPU time")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse().context("read the thread's CPU time")?;
    Ok(nanoseconds / 1e9)
}
