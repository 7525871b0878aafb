//! Runs the golden files, one for each statistic.
//!
//! ```text
//! # a comment
//! case the title, which forgets all observations before it
//! values 1 2 3                 samples
//! pairs 10x3 5x1               values with their counts
//! set 4 20 1 9                 a statistic set: count, sum, minimum, maximum
//! > p50 = 2.5                  a statistic and what it gives; `none` where it is not available
//! ```

use super::super::Statistic;
use model::Observation;

macro_rules! golden {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("../golden/", $name, ".txt"))),)*] };
}

const FILES: &[(&str, &str)] = golden! {
    "sample_count" "sum" "average" "minimum" "maximum" "percentile" "trimmed_mean" "trimmed_count" "trimmed_sum" "winsorized_mean"
    "percentile_rank" "interquartile_mean"
};

/// Which file a statistic belongs in.
fn file_of(name: &str) -> &'static str {
    if name.eq_ignore_ascii_case("IQM") {
        return "interquartile_mean";
    }
    match Statistic::parse(name).unwrap_or_else(|error| panic!("{error}")) {
        Statistic::SampleCount => "sample_count",
        Statistic::Sum => "sum",
        Statistic::Average => "average",
        Statistic::Minimum => "minimum",
        Statistic::Maximum => "maximum",
        Statistic::Percentile(_) => "percentile",
        Statistic::TrimmedMean(_) => "trimmed_mean",
        Statistic::TrimmedCount(_) => "trimmed_count",
        Statistic::TrimmedSum(_) => "trimmed_sum",
        Statistic::WinsorizedMean(_) => "winsorized_mean",
        Statistic::PercentileRank(_) => "percentile_rank",
    }
}

#[test]
fn golden_files_hold() {
    let mut failures = Vec::new();
    for (file, text) in FILES {
        let mut observations = Vec::new();
        let mut expectations = 0;
        for (index, line) in text.lines().enumerate() {
            let outcome = read(line, &mut observations, file);
            expectations += usize::from(line.starts_with('>'));
            if let Err(problem) = outcome {
                failures.push(format!("{file}.txt:{}: {problem}", index + 1));
            }
        }
        assert!(expectations >= 12, "{file}.txt has only {expectations} expectations");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn read(line: &str, observations: &mut Vec<Observation>, file: &str) -> Result<(), String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let number = |text: &str| text.parse::<f64>().map_err(|error| format!("{text}: {error}"));
    let numbers = || rest.split_whitespace().map(number).collect::<Result<Vec<f64>, String>>();
    match word {
        "" | "#" => {}
        "case" => observations.clear(),
        "values" => observations.extend(numbers()?.into_iter().map(Observation::value)),
        "pairs" => {
            let pair = |text: &str| {
                let (value, count) = text.split_once('x').ok_or("a pair is value x count")?;
                Ok::<_, String>((number(value)?, number(count)?))
            };
            observations.push(Observation::Values(rest.split_whitespace().map(pair).collect::<Result<_, _>>()?));
        }
        "set" => match numbers()?[..] {
            [count, sum, min, max] => observations.push(Observation::Set { count, sum, min, max }),
            _ => return Err("a set has four numbers".to_owned()),
        },
        ">" => return expect(rest, observations, file),
        _ => return Err("what is this line?".to_owned()),
    }
    Ok(())
}

fn expect(rest: &str, observations: &[Observation], file: &str) -> Result<(), String> {
    let (name, expected) = rest.split_once(" = ").ok_or("a statistic, `=` and a number")?;
    if file_of(name) != file {
        return Err(format!("{name} belongs elsewhere"));
    }
    let statistic = Statistic::parse(name).map_err(|error| error.to_string())?;
    let found = statistic.evaluate(&observations.iter().collect::<Vec<_>>());
    let holds = match (found, expected) {
        (None, "none") => true,
        (Some(found), text) => text.parse().is_ok_and(|wanted: f64| super::is_close(found, wanted)),
        _ => false,
    };
    if holds { Ok(()) } else { Err(format!("{name} gives {found:?} and not {expected}")) }
}
