//! The series and the labelled windows of the Numenta Anomaly Benchmark, read from a folder.

use anyhow::Context;
use std::collections::BTreeMap;
use std::path::Path;

/// One file of the benchmark.
#[derive(Debug, Clone)]
pub struct Series {
    /// The folder it lies in, such as `realAWSCloudwatch`.
    pub category: String,
    /// File name.
    pub name: String,
    /// Milliseconds (the file's times are read as UTC) and value.
    pub points: Vec<(i64, f64)>,
    /// Index of the first and of the last point of each labelled window.
    pub windows: Vec<(usize, usize)>,
}

/// Reads `series/<category>/<name>.csv` and `labels/combined_windows.json`, ordered by category and name. Files of the labels
/// that are not there are left out.
pub fn read(folder: &Path) -> anyhow::Result<Vec<Series>> {
    let path = folder.join("labels/combined_windows.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let labels: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(&text).context("read the windows")?;
    let mut all = Vec::new();
    for (file, windows) in labels {
        let path = folder.join("series").join(&file);
        if !path.exists() {
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let points = points(&text).with_context(|| format!("read {}", path.display()))?;
        let windows = windows
            .iter()
            .map(|(from, to)| {
                let (from, to) = (milliseconds(from)?, milliseconds(to)?);
                let left = points.iter().position(|&(at, _)| at >= from);
                let right = points.iter().rposition(|&(at, _)| at <= to);
                left.zip(right).filter(|(left, right)| left <= right).context("a window without points")
            })
            .collect::<anyhow::Result<_>>()?;
        let (category, name) = file.split_once('/').context("a file without a category")?;
        all.push(Series { category: category.into(), name: name.into(), points, windows });
    }
    anyhow::ensure!(!all.is_empty(), "no series in {}", folder.display());
    Ok(all)
}

fn points(text: &str) -> anyhow::Result<Vec<(i64, f64)>> {
    text.lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (at, value) = line.split_once(',').context("a line without a comma")?;
            Ok((milliseconds(at)?, value.trim().parse().with_context(|| format!("read {value}"))?))
        })
        .collect()
}

/// A time such as `2014-04-11 09:00:00`, with or without a fraction, in milliseconds.
fn milliseconds(text: &str) -> anyhow::Result<i64> {
    let time: jiff::civil::DateTime = text.trim().parse().with_context(|| format!("read the time {text}"))?;
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
}
