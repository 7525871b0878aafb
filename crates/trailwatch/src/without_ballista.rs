//! Stands for `ballista.rs` in a build without the feature `cluster`: the same commands, which say how to get it.

use clap::Args;
use std::process::ExitCode;

const MISSING: &str =
    "this build of trailwatch has no scheduler and no executor: they need the feature `cluster` (docs/wide-queries.md)";

/// This build has none: the feature `cluster` builds it in.
#[derive(Debug, Args)]
pub struct SchedulerArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<String>,
}

/// This build has none: the feature `cluster` builds it in.
#[derive(Debug, Args)]
pub struct ExecutorArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    ignored: Vec<String>,
}

/// Says that there is none.
pub async fn scheduler(args: SchedulerArgs) -> anyhow::Result<ExitCode> {
    drop(args.ignored);
    anyhow::bail!(MISSING)
}

/// Says that there is none.
pub async fn executor(args: ExecutorArgs) -> anyhow::Result<ExitCode> {
    drop(args.ignored);
    anyhow::bail!(MISSING)
}
