//! `bench nab`: scores the anomaly bands on the Numenta Anomaly Benchmark, and prints the table of `docs/benchmarks.md`.

mod corpus;
mod scorer;
#[cfg(test)]
mod tests;

use anyhow::Context;
use corpus::Series;
use query::anomaly::{Walk, walk};
use scorer::{PROFILES, Profile, Scored};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Detectors whose published scores stand beside ours.
const BESIDE: [&str; 6] = ["numenta", "ARTime", "contextOSE", "randomCutForest", "twitterADVec", "windowedGaussian"];

/// The published scores of the standard profile, from 0 to 100 (only for detectors and categories that were published).
#[derive(Debug, serde::Deserialize)]
struct Published {
    scores: BTreeMap<String, Detector>,
}

/// One published detector: its score by category, and of some categories the raw sums by file.
#[derive(Debug, serde::Deserialize)]
struct Detector {
    #[serde(rename = "per_file_raw_realAWSCloudwatch", default)]
    cloudwatch_files: BTreeMap<String, f64>,
    #[serde(flatten)]
    categories: BTreeMap<String, f64>,
}

/// Scores the corpus in `folder` and says the result as Markdown.
pub fn report(folder: &Path) -> anyhow::Result<String> {
    let corpus = corpus::read(folder)?;
    let path = folder.join("published-scores-by-category.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let published: Published = serde_json::from_str(&text).context("read the published scores")?;
    let scored = scores(&corpus);
    let mut out = by_category(&corpus, &scored, &published)?;
    out.push('\n');
    out.push_str(&by_file(&corpus, &scored, &published)?);
    Ok(out)
}

/// What the walk says of every series, on all cores.
fn scores(corpus: &[Series]) -> Vec<Scored> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = corpus.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let score = |series: &Series| Scored {
            scores: walk(&series.points, period_ms(&series.points), Walk::default()),
            windows: series.windows.clone(),
        };
        let shares: Vec<_> = corpus
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(score).collect::<Vec<_>>()))
            .collect();
        shares.into_iter().flat_map(|share| share.join().expect("a walk does not panic")).collect()
    })
}

/// The median distance of points.
fn period_ms(points: &[(i64, f64)]) -> i64 {
    let mut steps: Vec<i64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(60_000).max(1_000)
}

/// The sum of raw scores and of windows of the series that are wanted, on the scale of 0 to 100.
fn scaled(
    profile: &Profile,
    corpus: &[Series],
    scored: &[Scored],
    threshold: f64,
    wanted: impl Fn(&Series) -> bool,
) -> (usize, usize, Option<f64>, f64) {
    let chosen: Vec<&Scored> =
        corpus.iter().zip(scored).filter(|(series, _)| wanted(series)).map(|pair| pair.1).collect();
    let raw: f64 = chosen.iter().map(|series| profile.raw(series, threshold)).sum();
    let windows = chosen.iter().map(|series| series.windows.len()).sum();
    (chosen.len(), windows, profile.scaled(raw, windows), raw)
}

fn by_category(corpus: &[Series], scored: &[Scored], published: &Published) -> anyhow::Result<String> {
    let mut out = String::from("| category | series | windows |");
    PROFILES.iter().for_each(|profile| write!(out, " {} |", profile.name).unwrap_or_default());
    BESIDE.iter().for_each(|name| write!(out, " *{name}* |").unwrap_or_default());
    writeln!(out, "\n| --- | --: | --: |{}", " --: |".repeat(PROFILES.len() + BESIDE.len()))?;
    let mut categories: Vec<&str> = corpus.iter().map(|series| series.category.as_str()).collect();
    categories.dedup();
    for category in categories.into_iter().map(Some).chain([None]) {
        let wanted = |series: &Series| category.is_none_or(|category| series.category == category);
        let (series, windows, ..) = scaled(&PROFILES[0], corpus, scored, 0.0, wanted);
        write!(out, "| {} | {series} | {windows} |", category.unwrap_or("all"))?;
        for profile in &PROFILES {
            let (.., of_hundred, raw) = scaled(profile, corpus, scored, profile.best_threshold(scored), wanted);
            match of_hundred {
                Some(of_hundred) => write!(out, " {of_hundred:.1} |")?,
                None => write!(out, " {raw:.2} raw |")?,
            }
        }
        for name in BESIDE {
            let detector = published.scores.get(name).with_context(|| format!("no published scores of {name}"))?;
            match detector.categories.get(category.unwrap_or("overall")) {
                Some(score) => write!(out, " {score:.1} |")?,
                None => out.push_str(" |"),
            }
        }
        out.push('\n');
    }
    Ok(out)
}

/// The CloudWatch files one by one: the sum of the standard profile beside what was published for the same file.
fn by_file(corpus: &[Series], scored: &[Scored], published: &Published) -> anyhow::Result<String> {
    let profile = &PROFILES[0];
    let threshold = profile.best_threshold(scored);
    let mut out = String::from("| file of realAWSCloudwatch | windows | ours |");
    BESIDE.iter().for_each(|name| write!(out, " *{name}* |").unwrap_or_default());
    writeln!(out, "\n| --- | --: | --: |{}", " --: |".repeat(BESIDE.len()))?;
    let mut sums = [0.0; BESIDE.len()];
    let (mut ours, mut windows) = (0.0, 0);
    for (series, scored) in corpus.iter().zip(scored).filter(|(series, _)| series.category == "realAWSCloudwatch") {
        let raw = profile.raw(scored, threshold);
        (ours, windows) = (ours + raw, windows + series.windows.len());
        write!(out, "| {} | {} | {raw:.2} |", series.name, series.windows.len())?;
        for (sum, name) in sums.iter_mut().zip(BESIDE) {
            let raw = published.scores.get(name).and_then(|detector| detector.cloudwatch_files.get(&series.name));
            let raw = raw.with_context(|| format!("no published score of {name} for {}", series.name))?;
            *sum += raw;
            write!(out, " {raw:.2} |")?;
        }
        out.push('\n');
    }
    write!(out, "| these files, of 100 | {windows} |")?;
    for sum in std::iter::once(ours).chain(sums) {
        write!(out, " {:.1} |", profile.scaled(sum, windows).unwrap_or(0.0))?;
    }
    out.push('\n');
    Ok(out)
}
