//! Answers against naive versions, instant against range queries, and texts that nobody would write.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// Samples with growing times, seconds, and small whole values, some the same.
fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    vec((1i64..90, -20i32..20), 0..40).prop_map(|steps| {
        let mut time = 0;
        let mut next = |(step, value): (i64, i32)| {
            time += step * 1000;
            (time, f64::from(value))
        };
        steps.into_iter().map(&mut next).collect()
    })
}

fn matrix(value: PromValue) -> Vec<Series> {
    match value {
        PromValue::Matrix(matrix) => matrix,
        other => panic!("{other:?}"),
    }
}

/// A function of one window, from its definition.
fn naive(function: &str, window: &[(i64, f64)], (from, to): (i64, i64)) -> Option<f64> {
    let (first, last) = (*window.first()?, *window.last()?);
    let values: Vec<f64> = window.iter().map(|sample| sample.1).collect();
    let count = values.len() as f64;
    let pairs = || values.windows(2).map(|pair| (pair[0], pair[1]));
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let quantile = |q: f64, sorted: &[f64]| {
        let rank = q * (sorted.len() - 1) as f64;
        let (lower, upper) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
        lower + (upper - lower) * (rank - rank.floor())
    };
    Some(match function {
        "sum_over_time" => values.iter().sum(),
        "avg_over_time" => mean,
        "min_over_time" => sorted[0],
        "max_over_time" => sorted[sorted.len() - 1],
        "stdvar_over_time" => variance,
        "stddev_over_time" => variance.sqrt(),
        "mad_over_time" => {
            let median = quantile(0.5, &sorted);
            let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
            distances.sort_by(f64::total_cmp);
            quantile(0.5, &distances)
        }
        "quantile_over_time" => quantile(0.3, &sorted),
        "changes" => pairs().filter(|(a, b)| a != b).count() as f64,
        "resets" => pairs().filter(|(a, b)| b < a).count() as f64,
        "ts_of_max_over_time" => {
            let highest = window.iter().rfind(|sample| sample.1 == sorted[sorted.len() - 1])?;
            highest.0 as f64 / 1000.0
        }
        "deriv" | "predict_linear" if window.len() < 2 => return None,
        "deriv" | "predict_linear" => {
            let x = |sample: &(i64, f64)| (sample.0 - to) as f64 / 1000.0;
            let mean_x = window.iter().map(x).sum::<f64>() / count;
            let covariance: f64 = window.iter().map(|sample| (x(sample) - mean_x) * (sample.1 - mean)).sum();
            let slope = covariance / window.iter().map(|sample| (x(sample) - mean_x).powi(2)).sum::<f64>();
            if function == "deriv" { slope } else { mean + slope * (90.0 - mean_x) }
        }
        "rate" | "increase" | "delta" if window.len() < 2 => return None,
        _ => {
            let is_counter = function != "delta";
            let lost: f64 = if is_counter { pairs().filter(|(a, b)| b < a).map(|(a, _)| a).sum() } else { 0.0 };
            let gain = last.1 - first.1 + lost;
            let sampled = (last.0 - first.0) as f64 / 1000.0;
            let step = sampled / (count - 1.0);
            let near = |distance: f64| if distance < step * 1.1 { distance } else { step / 2.0 };
            let mut before = near((first.0 - from) as f64 / 1000.0);
            if is_counter && gain > 0.0 && first.1 >= 0.0 && sampled * first.1 / gain < before {
                before = sampled * first.1 / gain;
            }
            let whole = gain * (before + sampled + near((to - last.0) as f64 / 1000.0)) / sampled;
            if function == "rate" { whole / ((to - from) as f64 / 1000.0) } else { whole }
        }
    })
}

proptest! {
    #[test]
    fn windows_are_those_of_a_naive_version(
        series in vec(samples(), 1..5), start in 0i64..300, steps in 0i64..40, step in 1i64..200, range_secs in 1i64..700,
    ) {
        let named = |(n, samples)| (labels(&format!("c{{n=\"{n}\", odd=\"{}\"}}", n % 2)), samples);
        let series: Vec<Series> = series.into_iter().enumerate().map(named).collect();
        let end = start + steps * step;
        for function in [
            "rate", "increase", "delta", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "stdvar_over_time",
            "stddev_over_time", "mad_over_time", "quantile_over_time", "changes", "resets", "ts_of_max_over_time", "deriv",
            "predict_linear",
        ] {
            let call = match function {
                "quantile_over_time" => format!("quantile_over_time(0.3, c[{range_secs}s])"),
                "predict_linear" => format!("predict_linear(c[{range_secs}s], 90)"),
                _ => format!("{function}(c[{range_secs}s])"),
            };
            let of = |samples: &[(i64, f64)], time: i64| {
                let (from, to) = ((time - range_secs) * 1000, time * 1000);
                let window: Vec<_> = samples.iter().copied().filter(|sample| from < sample.0 && sample.0 <= to).collect();
                naive(function, &window, (from, to))
            };
            let answer = matrix(range(&series, &format!("sum by (odd) ({call})"), start, end, step).expect("an answer"));
            for odd in ["0", "1"] {
                let group = answer.iter().find(|(labels, _)| labels.get("odd") == odd).map(|(_, points)| points.as_slice());
                for time in (start..=end).step_by(step as usize) {
                    let members = series.iter().filter(|(labels, _)| labels.get("odd") == odd);
                    let expected = members.filter_map(|(_, samples)| of(samples, time)).reduce(|a, b| a + b);
                    let point = group.and_then(|points| points.iter().find(|point| point.0 == time * 1000));
                    let same = match (point.map(|point| point.1), expected) {
                        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * a.abs().max(1.0),
                        (a, b) => a == b,
                    };
                    prop_assert!(same, "{} at {}: {:?}, expected {:?}", call, time, point, expected);
                }
            }
        }
    }

    #[test]
    fn a_range_query_is_many_instant_queries(
        series in vec(samples(), 1..5), start in 0i64..300, steps in 0i64..10, step in 1i64..200,
    ) {
        let series: Vec<Series> = series
            .into_iter()
            .enumerate()
            .map(|(n, samples)| (labels(&format!("g{{n=\"{n}\", odd=\"{}\", le=\"{n}\"}}", n % 2)), samples))
            .collect();
        let end = start + steps * step;
        for query in [
            "g", "g > 3", "g + 1", "-g", "g - g offset 1m", "g and g > 0", "g unless g > 0", "g > 0 or g offset 2m", "sum(g)",
            "topk by (odd) (1, g)", "count_values('v', g)", "quantile(0.5, g)", "absent(g)", "scalar(g) + 1", "timestamp(g)",
            "max_over_time(rate(g[2m])[5m:30s])", "rate(g[3m]) * on(n) group_left(le) g", "avg_over_time(g[2m] @ 120)",
            "label_replace(g, 'x', '$1', 'n', '(.*)')", "histogram_quantile(0.5, g)", "absent_over_time(g[1m])", "clamp(g, -1, 5)",
            "predict_linear(g[5m], time())", "stddev by (odd) (g)", "minute(g * 100)",
        ] {
            let answer = matrix(range(&series, query, start, end, step).expect("an answer"));
            for time in (start..=end).step_by(step as usize) {
                let at = answer.iter().filter_map(|(labels, points)| {
                    Some((labels.clone(), points.iter().find(|point| point.0 == time * 1000)?.1))
                });
                let mut at: Vec<(Labels, f64)> = at.collect();
                let mut expected: Vec<(Labels, f64)> = match instant(&series, query, time as f64).expect("an answer") {
                    PromValue::Vector(series) => series.into_iter().map(|(labels, _, value)| (labels, value)).collect(),
                    PromValue::Scalar(_, value) => vec![(Labels::default(), value)],
                    other => panic!("{other:?}"),
                };
                at.sort_by(|a, b| a.0.cmp(&b.0));
                expected.sort_by(|a, b| a.0.cmp(&b.0));
                let same = at.len() == expected.len()
                    && at.iter().zip(&expected).all(|(a, b)| a.0 == b.0 && (is_close(a.1, b.1) || (a.1 - b.1).abs() < 1e-9));
                prop_assert!(same, "{} at {}: {:?}, expected {:?}", query, time, at, expected);
            }
        }
    }

    #[test]
    fn selectors_ask_for_enough(
        series in vec(samples(), 1..3), start in 0i64..3000, steps in 0i64..10, step in 1i64..200, offset in -200i64..200,
    ) {
        let series: Vec<Series> =
            series.into_iter().enumerate().map(|(n, samples)| (labels(&format!("g{{n=\"{n}\"}}")), samples)).collect();
        let (start_ms, end_ms, step_ms) = (start * 1000, (start + steps * step) * 1000, step * 1000);
        for query in [
            "g offset #", "rate(g[7m] offset #)", "g @ 1000 offset #", "g @ end() offset #", "rate(g[3m] @ start() offset #)",
            "max_over_time(g[9m:70s] offset #)", "max_over_time((rate(g[3m] offset #) + g)[4m:50s] offset #)",
            "sum_over_time(sum_over_time(g[2m:30s] @ end())[5m:] offset #)", "timestamp(g offset #)",
        ] {
            let query = Query::parse(&query.replace('#', &format!("{offset}s"))).or_else(|_| Query::parse("g"));
            let query = query.expect("a query");
            let selectors = query.selectors(start_ms, end_ms, step_ms).expect("selectors");
            let all: Vec<Selected> = selectors.iter().map(|_| series.clone()).collect();
            let needed = query.range(&fetch(&selectors, &series), start_ms, end_ms, step_ms, ROOM);
            prop_assert_eq!(needed, query.range(&all, start_ms, end_ms, step_ms, ROOM));
        }
    }

    #[test]
    fn no_text_panics(
        text in "\\PC*",
        words in vec(prop::sample::select(vec![
            "g", "rate", "sum", "by", "(", ")", "(", ")", "[", "]", "5m", "[5m]", "[5m:1m]", "{", "}", "{a=\"b\"}", "a", "=",
            "\"x\"", "'", "`", "\\", ",", "+", "-", "*", "/", "%", "^", "==", "bool", ">", "and", "or", "unless", "on",
            "ignoring", "group_left", "offset", "@", "1", "1e300", "0x1f", "NaN", "Inf", "1e30", "start()", "end()", "topk",
            "quantile", "absent", "vector", "scalar", "label_replace", "histogram_quantile", "time()", "5000000000s",
            "999999999y", ":", ".", "_", "#", "\n", "é", "without", "avg_over_time", "=~", "~",
        ]), 0..12),
    ) {
        for text in [text, words.concat(), words.join(" ")] {
            if let Ok(query) = Query::parse(&text) {
                let series = load(60, &["g{a=\"b\"}: 1 2 3"]);
                for (start, end) in [(0, 0), (0, 600_000)] {
                    if let Ok(selectors) = query.selectors(start, end, 60_000) {
                        let data = fetch(&selectors, &series);
                        let _ = query.instant(&data, start, ROOM);
                        let _ = query.range(&data, start, end, 60_000, ROOM);
                    }
                }
            }
        }
    }
}
