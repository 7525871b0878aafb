//! Tests of PromQL: series written as text, queries and what they give.

use super::*;
use model::SeriesKey;

mod functions;
mod operators;
mod properties;
mod queries;

/// A time series of tests.
type Series = (Labels, Vec<(i64, f64)>);

/// More samples than any test has.
const ROOM: usize = 1_000_000;

/// The equal labels that a selector says.
fn labels(selector: &str) -> Labels {
    let query = Query::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
    Labels::new(query.selectors[0].matchers.iter().map(|matcher| match &matcher.test {
        Test::Equal(value) => (matcher.name.clone(), value.clone()),
        test => panic!("{selector}: {test:?}"),
    }))
}

fn value(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

/// Lines of a selector and values, `step` seconds apart from second 0 on: `_` is no sample, `1+2x3` is 1, 3, 5, 7.
fn load(step: i64, lines: &[&str]) -> Vec<Series> {
    let mut loaded = Vec::new();
    for line in lines {
        let (selector, text) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
        let mut values = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once(['+', 'x']) {
                _ if word == "_" => values.push(None),
                Some((first, rest)) if !first.is_empty() => {
                    let (by, times) = rest.split_once('x').unwrap_or(("0", rest));
                    let (first, by, times) = (value(first), value(by), value(times) as usize);
                    values.extend((0..=times).map(|at| Some(first + by * at as f64)));
                }
                _ => values.push(Some(value(word))),
            }
        }
        let timed = values.into_iter().enumerate().map(|(at, value)| Some((at as i64 * step * 1000, value?)));
        loaded.push((labels(selector), timed.flatten().collect()));
    }
    loaded
}

/// What a caller fetches: of each selector what it asks for and no more. Every period has two samples, so that its Sum is
/// twice its Average; percentiles are 100 more.
fn fetch(selectors: &[Selector], series: &[Series]) -> Vec<Selected> {
    let fetch_one = |selector: &Selector| {
        let of = |average: f64| match selector.statistic {
            Statistic::Sum => average * 2.0,
            Statistic::SampleCount => 2.0,
            Statistic::Percentile(percent) => average + 100.0 + percent,
            _ => average,
        };
        let matching = series.iter().filter(|(labels, _)| selector.matches(labels));
        let cut = matching.map(|(labels, samples)| {
            let inside = samples.iter().filter(|(time, _)| selector.range.contains(Timestamp(*time)));
            (labels.clone(), inside.map(|&(time, value)| (time, of(value))).collect())
        });
        cut.collect()
    };
    selectors.iter().map(fetch_one).collect()
}

/// Times in seconds.
fn instant(series: &[Series], query: &str, at: f64) -> Result<PromValue, PromqlError> {
    let query = Query::parse(query)?;
    let time = (at * 1000.0) as i64;
    query.instant(&fetch(&query.selectors(time, time, 0)?, series), time, ROOM)
}

/// Times in seconds.
fn range(series: &[Series], query: &str, start: i64, end: i64, step: i64) -> Result<PromValue, PromqlError> {
    let query = Query::parse(query)?;
    let (start, end, step) = (start * 1000, end * 1000, step * 1000);
    query.range(&fetch(&query.selectors(start, end, step)?, series), start, end, step, ROOM)
}

fn is_close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// Checks that a query gives these series, in this order: lines of a selector and a value, or of a value alone.
#[track_caller]
fn check(series: &[Series], query: &str, at: f64, expected: &[&str]) {
    let actual = match instant(series, query, at) {
        Ok(PromValue::Vector(series)) => series.into_iter().map(|(labels, _, value)| (labels, value)).collect(),
        Ok(PromValue::Scalar(_, value)) => vec![(Labels::default(), value)],
        other => panic!("{query}: {other:?}"),
    };
    let expected: Vec<(Labels, f64)> = expected
        .iter()
        .map(|line| match line.rsplit_once(' ') {
            Some(("{}", number)) => (Labels::default(), value(number)),
            Some((selector, number)) => (labels(selector), value(number)),
            None => (Labels::default(), value(line)),
        })
        .collect();
    let same =
        actual.len() == expected.len() && actual.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && is_close(a.1, b.1));
    assert!(same, "{query}\n  gives    {}\n  expected {}", shown(&actual), shown(&expected));
}

fn shown(series: &[(Labels, f64)]) -> String {
    series.iter().map(|(labels, value)| format!("{labels} {value}")).collect::<Vec<_>>().join("\n           ")
}

/// Checks a range query: lines of a selector (or `{}`), a colon and the values at all steps, `_` where there is none.
#[track_caller]
fn check_range(series: &[Series], query: &str, (start, end, step): (i64, i64, i64), expected: &[&str]) {
    let Ok(PromValue::Matrix(actual)) = range(series, query, start, end, step) else {
        panic!("{query}: {:?}", range(series, query, start, end, step))
    };
    let write = |(labels, points): &Series| {
        let at = |time: i64| points.iter().find(|point| point.0 == time * 1000).map(|point| point.1.to_string());
        let values: Vec<String> =
            (0..=(end - start) / step).map(|n| at(start + n * step).unwrap_or("_".to_owned())).collect();
        format!("{labels}: {}", values.join(" "))
    };
    let expected: Vec<String> = expected
        .iter()
        .map(|line| match line.split_once(": ") {
            Some(("{}", values)) => format!("{{}}: {values}"),
            Some((selector, values)) => format!("{}: {values}", labels(selector)),
            None => panic!("{line}"),
        })
        .collect();
    assert_eq!(actual.iter().map(write).collect::<Vec<_>>(), expected, "{query}");
}

#[track_caller]
fn check_error(series: &[Series], query: &str, error_type: ErrorType, message: &str) {
    match instant(series, query, 60.0) {
        Err(error) => {
            assert_eq!(error.error_type, error_type, "{query}: {error}");
            assert!(error.message.contains(message), "{query}: {error}");
        }
        Ok(value) => panic!("{query}: {value:?}"),
    }
}
