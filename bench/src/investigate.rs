//! `bench investigate`: injects faults into made-up weeks of changes, metrics and logs, and scores what the ranking of causes finds.
//!
//! What is made stands in `world.rs` and `faults.rs`, how it is asked in `ask.rs`; `docs/investigate.md` says what the figures mean. Nothing of
//! the ranking is known to the generator. Everything follows from a seed; those below 1,000 are for working on the ranking,
//! figures are of others.

mod ask;
mod faults;
#[cfg(test)]
mod tests;
mod world;

use ask::{Answer, ask};
use faults::Link;
use std::fmt::Write;
use world::World;

/// Scenarios in which no change is the cause, for each with one.
const QUIET_EVERY: u64 = 5;

/// Hits of one way to rank.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    first: u32,
    third: u32,
}

impl Hits {
    fn add(&mut self, place: Option<usize>) {
        self.first += u32::from(place == Some(0));
        self.third += u32::from(place.is_some_and(|place| place < 3));
    }
}

/// What came of all scenarios of a kind.
#[derive(Debug, Clone, Default)]
struct Row {
    scenarios: u32,
    ours: Hits,
    latest: Hits,
    same_resource: Hits,
    candidates: u64,
}

impl Row {
    fn add(&mut self, answer: &Answer) {
        self.scenarios += 1;
        self.ours.add(answer.ours);
        self.latest.add(answer.latest);
        self.same_resource.add(answer.same_resource);
        self.candidates += answer.candidates as u64;
    }

    fn line(&self, name: &str) -> String {
        let share = |count: u32| format!("{:.2}", f64::from(count) / f64::from(self.scenarios.max(1)));
        let both = |hits: &Hits| format!("{} / {}", share(hits.first), share(hits.third));
        let candidates = self.candidates as f64 / f64::from(self.scenarios.max(1));
        let (ours, latest, same) = (both(&self.ours), both(&self.latest), both(&self.same_resource));
        format!("| {name} | {} | {candidates:.0} | {ours} | {latest} | {same} |\n", self.scenarios)
    }
}

/// Scores `count` seeds from `first` on and says the result as Markdown.
pub fn report(first: u64, count: u64) -> anyhow::Result<String> {
    let mut rows: Vec<(Link, Row)> =
        [Link::Resource, Link::Words, Link::None].map(|link| (link, Row::default())).into();
    let (mut all, mut waves) = (Row::default(), Row::default());
    let (mut errors, mut errors_on_waves) = (Vec::new(), Vec::new());
    let (mut quiet, mut alarmed, mut found, mut likely, mut right) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    for seed in first..first.saturating_add(count) {
        let is_quiet = seed % QUIET_EVERY == 0;
        let world = World::made(seed, is_quiet);
        let answer = ask(&world);
        match &world.fault {
            None => {
                quiet += 1;
                alarmed += u32::from(answer.is_likely);
            }
            Some(fault) => {
                all.add(&answer);
                rows.iter_mut().filter(|(link, _)| *link == fault.link).for_each(|(_, row)| row.add(&answer));
                errors.push(answer.onset_error_secs.abs());
                found += u32::from(answer.onset_by_metric);
                likely += u32::from(answer.is_likely);
                right += u32::from(answer.is_likely && answer.ours == Some(0));
                let answer = ask(&world.on_a_wave(seed));
                waves.add(&answer);
                errors_on_waves.push(answer.onset_error_secs.abs());
            }
        }
    }
    anyhow::ensure!(all.scenarios > 0, "there is nothing to score");
    let mut out = String::from(
        "| the cause shares with the alarm | scenarios | candidates | ours | latest change | latest on the same resource |\n",
    );
    out.push_str("| --- | --: | --: | --: | --: | --: |\n");
    for (link, row) in &rows {
        out += &row.line(link.name());
    }
    out += &all.line("all");
    out += &waves.line("all, on a slow wave");
    let off = |errors: &mut Vec<f64>| {
        errors.sort_by(f64::total_cmp);
        let at = |share: f64| errors[((errors.len() - 1) as f64 * share) as usize];
        format!("off by {:.0} s in the median, {:.0} s at the 90th percentile", at(0.5), at(0.9))
    };
    writeln!(
        out,
        "\nprecision@1 / @3. Onset by the metric in {found} of {}; {}; on a slow wave {}.",
        all.scenarios,
        off(&mut errors),
        off(&mut errors_on_waves)
    )?;
    writeln!(out, "Of these, {likely} had a cause called likely, and {right} the true one.")?;
    writeln!(out, "Of {quiet} scenarios in which no change was the cause, {alarmed} had one called likely.")?;
    Ok(out)
}
