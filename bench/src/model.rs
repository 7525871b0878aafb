//! `bench model`: nodes, requests, bytes and money for loads that nobody can measure here, and where the first bottleneck stands.
//!
//! What kind of model it is: group commit is a queue with an exact answer (`journal.rs`), flushes and merges are played one after the other by the
//! store's own rules (`segments.rs`), all else is rates times costs (`demand.rs`). One node writes, as it is; several writers are as many stores
//! beside each other, each with its share of everything, and are marked as a projection. What it is told stands in `inputs.rs`, each with
//! where it comes from. `docs/sizing.md` says what came out and how it compares with a server that was measured.

mod capacity;
mod demand;
mod inputs;
mod journal;
mod money;
mod prediction;
mod segments;
mod tables;
#[cfg(test)]
mod tests;

use anyhow::ensure;
use clap::Args;
use inputs::Inputs;

/// Answers in Markdown.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Useful data of a day, GB of 10^9 bytes: text of logs, request bodies of metrics, records of events.
    #[arg(long = "gb", value_delimiter = ',', default_values_t = [1.0, 1_000.0, 100_000.0])]
    gb: Vec<f64>,
    /// Another value for an input, as NAME=VALUE; may be repeated.
    #[arg(long)]
    set: Vec<String>,
    /// List the inputs and where each comes from, instead.
    #[arg(long)]
    inputs: bool,
    /// Predict one run of a server that is stopped cleanly, of so many seconds, in which the first of --gb comes in all, instead.
    #[arg(long, value_name = "SECONDS")]
    run: Option<f64>,
}

/// What `bench model` prints.
pub fn report(args: &ModelArgs) -> anyhow::Result<String> {
    let mut inputs = Inputs::default();
    args.set.iter().try_for_each(|text| inputs.set(text))?;
    ensure!(args.gb.iter().all(|gb| gb.is_finite() && *gb > 0.0), "--gb must be numbers above 0");
    if args.inputs {
        return Ok(inputs::table(&inputs));
    }
    if let Some(seconds) = args.run {
        ensure!(seconds.is_finite() && seconds > 0.0, "--run must be a number above 0");
        let bytes = args.gb.first().copied().unwrap_or(0.0) * 1e9;
        return Ok(prediction::table(&inputs, bytes, seconds));
    }
    tables::check(&inputs)?;
    Ok(tables::all(&inputs, &args.gb))
}
