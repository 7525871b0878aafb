//! `trailwatch export metrics`: the metric points of a stopped server's data directory as plain rows of Parquet.

use crate::real::SystemClock;
use crate::serve::open_store;
use anyhow::Context;
use model::TimeRange;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Writes all points to `output`, which must not exist yet.
pub async fn metrics(data_dir: &Path, output: &Path) -> anyhow::Result<ExitCode> {
    // To open a store makes it, which would hide a wrong folder behind an empty file.
    anyhow::ensure!(data_dir.join("store").is_dir(), "{} is not a data directory of trailwatch", data_dir.display());
    let store = open_store(data_dir, Arc::new(SystemClock)).await?;
    let file = File::create_new(output).with_context(|| format!("create {}", output.display()))?;
    let mut file = BufWriter::new(file);
    let points = store.export_metrics(TimeRange::ALL, &mut file).await?;
    let file = file.into_inner().with_context(|| format!("write {}", output.display()))?;
    file.sync_all().with_context(|| format!("write {}", output.display()))?;
    store.close().await?;
    println!("{points} points written to {}", output.display());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_a_new_file_of_a_data_directory_only() {
        let dir = tempfile::tempdir().expect("a folder");
        let output = dir.path().join("metrics.parquet");
        let wrong = metrics(dir.path(), &output).await.expect_err("no data directory");
        assert!(wrong.to_string().contains("is not a data directory"), "{wrong}");
        assert!(!output.exists());
        open_store(dir.path(), Arc::new(SystemClock)).await.expect("a store").close().await.expect("close");
        metrics(dir.path(), &output).await.expect("export");
        assert!(std::fs::read(&output).expect("a file").starts_with(b"PAR1"));
        assert!(metrics(dir.path(), &output).await.is_err(), "a file is not overwritten");
    }
}
