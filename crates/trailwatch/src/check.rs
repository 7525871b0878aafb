//! `trailwatch check`: verifies a data directory that no server uses, names each problem, and closes with a summary.

use crate::lease::refuse_postgres;
use crate::serve::ensure_local;
use anyhow::{Context, anyhow};
use catalog::Catalog;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the check; exit code 1 when something is wrong.
pub async fn check(data_dir: PathBuf) -> anyhow::Result<ExitCode> {
    let (_, problems) = checked(&data_dir).await?;
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks a data directory and prints what is wrong and what there is; answers how many problems there are.
pub async fn checked(data_dir: &Path) -> anyhow::Result<(store::Checked, usize)> {
    let checked = check_store(data_dir).await?;
    let catalog = check_catalog(data_dir, &checked).await?;
    for problem in &checked.problems {
        println!("{problem}");
    }
    for problem in &catalog {
        println!("{}: {problem}", data_dir.join("catalog.db").display());
    }
    if let Some(torn) = &checked.torn {
        println!("{torn}; a torn tail was never acknowledged, and the next start cuts it off");
    }
    for leftover in &checked.leftovers {
        println!("{}: no manifest lists it; the next start removes it", leftover.display());
    }
    let problems = checked.problems.len() + catalog.len();
    println!(
        "checked {} journals with {} frames, {} segments with {} rows, and the catalog ({} bytes): {problems} problem{}",
        checked.journals,
        checked.frames,
        checked.segments,
        checked.rows,
        checked.bytes,
        if problems == 1 { "" } else { "s" },
    );
    Ok((checked, problems))
}

async fn check_store(data_dir: &Path) -> anyhow::Result<store::Checked> {
    ensure_local(data_dir)?;
    match store::check(&data_dir.join("store")).await {
        Err(store::Error::Locked { .. }) => Err(anyhow!(
            "data directory {} is in use by a running trailwatch; stop it, or check a backup of it",
            data_dir.display()
        )),
        checked => checked.with_context(|| format!("check the store in {}", data_dir.display())),
    }
}

async fn check_catalog(data_dir: &Path, checked: &store::Checked) -> anyhow::Result<Vec<String>> {
    // The records are checked; their catalog is PostgreSQL's to check.
    if refuse_postgres(data_dir).is_err() {
        println!("the catalog of {} is in PostgreSQL, and was not checked", data_dir.display());
        return Ok(Vec::new());
    }
    let path = data_dir.join("catalog.db");
    if !path.exists() {
        return Ok(vec!["the file is missing".into()]);
    }
    let streams = checked.streams.iter().map(|(group, stream)| (group.0, stream.0)).collect();
    match Catalog::check(&path, &streams).await {
        Ok(wrong) => Ok(wrong),
        // A file that cannot even be opened as a catalog is what the check is for.
        Err(error) => Ok(vec![error.to_string()]),
    }
}
