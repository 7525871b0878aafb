//! What an engine reached, line by line, as JSON that the peers' scripts write too, and the table of all engines.

use crate::bars::{BARS, Bar, Better};
use crate::report::{Outcome, Report, number};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// All figures of one engine.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Name and version.
    pub engine: String,
    /// In no order.
    pub figures: Vec<Figure>,
}

/// One figure.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Name of the line in `BARS`; others are kept in the JSON only.
    pub name: String,
    /// In the unit of the line. For a question the median wall time in milliseconds.
    #[serde(default)]
    pub value: Option<f64>,
    /// For a question: CPU milliseconds of the engine for one run.
    #[serde(default)]
    pub cpu_ms: Option<f64>,
    /// For a question: the answer, or how many rows it had; equal questions must have equal answers.
    #[serde(default)]
    pub answer: Option<String>,
    /// Why there is no value.
    #[serde(default)]
    pub missing: Option<String>,
}

impl Figure {
    /// A plain number.
    pub fn new(name: &str, value: f64) -> Self {
        Self { name: name.into(), value: Some(value), cpu_ms: None, answer: None, missing: None }
    }

    /// No number, and why.
    pub fn missing(name: &str, why: String) -> Self {
        Self { name: name.into(), value: None, cpu_ms: None, answer: None, missing: Some(why) }
    }
}

impl Figures {
    /// The figure of a line.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// Results of `bench run` against a server of AWS's API that are lines here as well.
impl From<Report> for Figures {
    fn from(report: Report) -> Self {
        let lines = [
            ("put-log-events-1mb", "logs-in"),
            ("put-log-events-100", "logs-in-100"),
            ("put-metric-data-cbor-1000", "metrics-in-cbor"),
            ("put-metric-data-json-1000", "metrics-in-json"),
            ("put-metric-data-query-1000", "metrics-in-query"),
        ];
        let figure = |(workload, line): (&str, &str)| {
            let result = report.results.iter().find(|result| result.name == workload)?;
            Some(match &result.outcome {
                Outcome::NotServed(why) => Figure::missing(line, format!("not served ({why})")),
                Outcome::Measured(m) if line.starts_with("logs") => {
                    Figure::new(line, m.bytes as f64 / 1e6 / m.cpu_seconds.max(0.01))
                }
                Outcome::Measured(m) => Figure::new(line, m.calls as f64 / m.cpu_seconds.max(0.01)),
            })
        };
        Self { engine: report.server.clone(), figures: lines.into_iter().filter_map(figure).collect() }
    }
}

/// A file of `bench store-table`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Saved {
    /// Written by `bench store` or by a peer's script.
    Figures(Figures),
    /// Written by `bench run`.
    Report(Report),
}

impl From<Saved> for Figures {
    fn from(saved: Saved) -> Self {
        match saved {
            Saved::Figures(figures) => figures,
            Saved::Report(report) => report.into(),
        }
    }
}

/// The first engine is ours.
pub fn table(all: &[Figures]) -> String {
    let Some((ours, peers)) = all.split_first() else { return String::new() };
    let names: Vec<&str> = all.iter().map(|figures| figures.engine.as_str()).collect();
    let mut text = format!("| what | unit | {} | bar / stretch | bar met |", names[0]);
    for name in &names[1..] {
        let _ = write!(text, " {name} |");
    }
    text.push_str(" ours to the best peer |\n| --- | --- | --: | --: | :-: |");
    text.push_str(&" --: |".repeat(names.len()));
    text.push('\n');
    // A run of some workloads only has no figures for the others.
    for bar in BARS.iter().filter(|bar| all.iter().any(|figures| figures.get(bar.name).is_some())) {
        let own = ours.get(bar.name);
        let _ = write!(text, "| {} | {} | {} | {} | {} |", bar.what, bar.unit, cell(own), bars(bar), met(bar, own));
        for peer in peers {
            let _ = write!(text, " {} |", cell(peer.get(bar.name)));
        }
        let _ = writeln!(text, " {} |", times(bar, own, peers));
    }
    let differing = differing(all);
    if !differing.is_empty() {
        let _ = writeln!(text, "\n**Answers differ**:\n\n{differing}");
    }
    text
}

fn cell(figure: Option<&Figure>) -> String {
    match figure {
        None => "-".into(),
        Some(Figure { missing: Some(why), .. }) => why.clone(),
        Some(Figure { value: Some(value), cpu_ms: Some(cpu), .. }) => format!("{} ({})", number(*value), number(*cpu)),
        Some(Figure { value: Some(value), .. }) => number(*value),
        Some(_) => "?".into(),
    }
}

fn bars(bar: &Bar) -> String {
    let text = |limit: Option<f64>| limit.map_or("-".into(), number);
    if bar.bar.is_none() && bar.stretch.is_none() {
        "-".into()
    } else {
        format!("{} / {}", text(bar.bar), text(bar.stretch))
    }
}

fn met(bar: &Bar, own: Option<&Figure>) -> &'static str {
    let Some(value) = own.and_then(|figure| figure.value) else { return "" };
    let reached = |limit: f64| if bar.better == Better::More { value >= limit } else { value <= limit };
    match (bar.bar.map(reached), bar.stretch.map(reached)) {
        (_, Some(true)) => "stretch",
        (Some(true), _) => "yes",
        (Some(false), _) => "**no**",
        _ => "",
    }
}

/// How many times better than the best peer; in parentheses the same of the CPU time, which other programs disturb less.
fn times(bar: &Bar, own: Option<&Figure>, peers: &[Figures]) -> String {
    let ratio = |value: fn(&Figure) -> Option<f64>| {
        let own = own.and_then(value).filter(|value| *value > 0.0)?;
        let peers = peers.iter().filter_map(|peer| value(peer.get(bar.name)?)).filter(|value| *value > 0.0);
        match bar.better {
            Better::More => peers.max_by(f64::total_cmp).map(|best| own / best),
            Better::Less => peers.min_by(f64::total_cmp).map(|best| best / own),
        }
    };
    match (ratio(|figure| figure.value), ratio(|figure| figure.cpu_ms)) {
        (Some(wall), Some(cpu)) => format!("{}x ({}x)", number(wall), number(cpu)),
        (Some(one), None) => format!("{}x", number(one)),
        _ => String::new(),
    }
}

/// Lines whose answers are not the same in every engine that gave one.
fn differing(all: &[Figures]) -> String {
    let mut text = String::new();
    for bar in BARS {
        let answers: Vec<(&str, &str)> = all
            .iter()
            .filter_map(|figures| Some((figures.engine.as_str(), figures.get(bar.name)?.answer.as_deref()?)))
            .collect();
        if answers.iter().any(|(_, answer)| *answer != answers[0].1) {
            let _ = writeln!(text, "- {}: {answers:?}", bar.what);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(engine: &str, value: f64, answer: &str) -> Figures {
        let figure = Figure { cpu_ms: Some(2.0), answer: Some(answer.into()), ..Figure::new("needle", value) };
        Figures { engine: engine.into(), figures: vec![figure] }
    }

    fn row(text: &str) -> &str {
        text.lines().find(|line| line.contains("identifier")).unwrap()
    }

    #[test]
    fn a_row_has_ours_the_bar_the_peers_and_the_ratio() {
        let text = table(&[figures("ours", 10.0, "3"), figures("a", 40.0, "3"), figures("b", 20.0, "3")]);
        let row = row(&text);
        assert!(
            row.contains("| 10.0 (2.00) | 15.0 / 5.00 | yes | 40.0 (2.00) | 20.0 (2.00) | 2.00x (1.00x) |"),
            "{row}"
        );
        assert!(!text.contains("Answers differ"));
    }

    #[test]
    fn a_missed_bar_and_a_different_answer_are_said() {
        let text = table(&[figures("ours", 100.0, "3"), figures("a", 40.0, "4")]);
        assert!(row(&text).contains("| **no** | 40.0 (2.00) | 0.400x (1.00x) |"), "{text}");
        assert!(text.contains("**Answers differ**"));
    }
}
