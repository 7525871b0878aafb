//! GetMetricData with expressions: everything is computed, then cut into pages.
//!
//! AWS says of pages only that one has at most `MaxDatapoints` points, and of what was cut that it is `PartialData` and continues
//! behind `NextToken`. Each page is computed anew; it goes on behind the time of the last point that was told, so that points
//! which came in meanwhile move no others. What concerns the whole request is told on its first page; what concerns a
//! result (`ArithmeticError`) with each part of it.

use super::{Binding, data_result};
use crate::cloudwatch::refuse;
use crate::metric_data::{self, Context, Query};
use model::Timestamp;
use model::limits::{METRIC_MATH_ANSWER_MAX, METRIC_MATH_AT_ONCE_MAX};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use wire::ApiError;
use wire::cloudwatch::{GetMetricDataOutput, MessageData};

/// What AWS says of a result some of whose points are no finite numbers.
const DROPPED: &str = "One or more data-points have been dropped due to non-numeric values (NaN, -Infinite, +Infinite)";

/// Which page is asked for.
pub struct Paging {
    /// Of the request.
    pub binding: Binding,
    /// The request's NextToken.
    pub token: Option<String>,
    /// Whether points go from old to new.
    pub ascending: bool,
    /// Most points on a page, positive.
    pub page_max: usize,
}

/// Where a page ended: the result to go on with, and the time of its last point that was told, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Cursor {
    result: usize,
    told: Option<i64>,
}

/// A result before it is cut.
#[derive(Debug, Clone, Default, PartialEq)]
struct Whole {
    id: String,
    label: String,
    is_forbidden: bool,
    has_dropped: bool,
    /// In scan order.
    points: Vec<(Timestamp, f64)>,
}

/// A result on a page, and whether it goes on.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    of: Whole,
    is_cut: bool,
}

/// A page of a request with expressions.
pub async fn get(
    context: &Context<'_>,
    queries: &[Query],
    order: &[usize],
    paging: Paging,
) -> Result<GetMetricDataOutput, ApiError> {
    // Each may hold millions of points. The semaphore is never closed.
    static COMPUTING: Semaphore = Semaphore::const_new(METRIC_MATH_AT_ONCE_MAX);
    let cursor: Option<Cursor> = paging.binding.cursor(paging.token.as_deref())?;
    let _place = COMPUTING.acquire().await.ok();
    let answers = metric_data::evaluate(context, queries, order).await?;
    let returned = queries.iter().zip(answers).filter(|(query, _)| query.returned);
    let (mut wholes, mut messages, mut points) = (Vec::new(), Vec::new(), 0);
    for (query, answer) in returned {
        messages.extend(answer.messages.into_iter().map(|(code, text)| message(code, text)));
        if query.forbidden {
            let label = query.label.clone().unwrap_or_default();
            wholes.push(Whole { id: query.id.clone(), label, is_forbidden: true, ..Whole::default() });
        }
        for series in answer.series {
            points += series.values.len();
            check_size(points)?;
            let times = series.timestamps.iter().map(|start| Timestamp(*start));
            let mut points: Vec<(Timestamp, f64)> = times.zip(series.values).collect();
            if !paging.ascending {
                points.reverse();
            }
            let (id, has_dropped) = (query.id.clone(), series.has_dropped);
            wholes.push(Whole { id, label: series.label, is_forbidden: false, has_dropped, points });
        }
    }
    if cursor.is_some() {
        messages.clear();
    }
    let (parts, next) = page(wholes, cursor.unwrap_or_default(), paging.ascending, paging.page_max);
    Ok(GetMetricDataOutput {
        metric_data_results: Some(parts.into_iter().map(result).collect()),
        next_token: next.map(|cursor| paging.binding.token(&cursor)).transpose()?,
        messages: Some(messages),
    })
}

fn check_size(points: usize) -> Result<(), ApiError> {
    if points <= METRIC_MATH_ANSWER_MAX {
        return Ok(());
    }
    Err(refuse::validation(format!(
        "The answer has more than {METRIC_MATH_ANSWER_MAX} data points. Ask for a longer Period, a shorter time range, or fewer \
         queries."
    )))
}

/// What comes behind `cursor`, up to `max` points, and where that ends.
fn page(wholes: Vec<Whole>, cursor: Cursor, ascending: bool, max: usize) -> (Vec<Part>, Option<Cursor>) {
    let mut left = max;
    let mut parts = Vec::new();
    for (result, mut whole) in wholes.into_iter().enumerate().skip(cursor.result) {
        if left == 0 {
            return (parts, Some(Cursor { result, told: None }));
        }
        if let Some(told) = cursor.told.filter(|_| result == cursor.result) {
            let is_told = |at: Timestamp| if ascending { at.0 <= told } else { at.0 >= told };
            let told = whole.points.partition_point(|(at, _)| is_told(*at));
            whole.points.drain(..told);
        }
        let is_cut = whole.points.len() > left;
        whole.points.truncate(left);
        left -= whole.points.len();
        let told = whole.points.last().map(|(at, _)| at.0);
        parts.push(Part { of: whole, is_cut });
        if is_cut {
            return (parts, Some(Cursor { result, told }));
        }
    }
    (parts, None)
}

fn result(Part { of, is_cut }: Part) -> wire::cloudwatch::MetricDataResult {
    let status = match () {
        () if of.is_forbidden => "Forbidden",
        () if is_cut => "PartialData",
        () => "Complete",
    };
    let mut result = data_result(of.id, of.label, of.points, status);
    result.messages = of.has_dropped.then(|| vec![message("ArithmeticError", DROPPED.to_owned())]);
    result
}

fn message(code: &str, text: String) -> MessageData {
    MessageData { code: Some(code.to_owned()), value: Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(index: usize, times: Vec<i64>, ascending: bool) -> Whole {
        let mut points: Vec<(Timestamp, f64)> = times.into_iter().map(|at| (Timestamp(at), at as f64)).collect();
        points.sort_by_key(|(at, _)| *at);
        points.dedup_by_key(|(at, _)| *at);
        if !ascending {
            points.reverse();
        }
        Whole { id: format!("q{}", index / 2), label: format!("l{index}"), points, ..Whole::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pages_put_together_are_the_whole(
            times in prop::collection::vec(prop::collection::vec(0_i64..40, 0..20), 0..8),
            ascending in any::<bool>(),
            max in 1_usize..25,
        ) {
            let wholes: Vec<Whole> =
                times.into_iter().enumerate().map(|(index, times)| whole(index, times, ascending)).collect();
            let mut together: Vec<Whole> = Vec::new();
            let mut cursor = Cursor::default();
            let mut is_open = false;
            // Each page but the last has points, so that there are no more pages than points and one.
            for _ in 0..=8 * 20 {
                let (parts, next) = page(wholes.clone(), cursor, ascending, max);
                let points: usize = parts.iter().map(|part| part.of.points.len()).sum();
                prop_assert!(points <= max);
                prop_assert!(next.is_none() || points == max);
                for Part { of, is_cut } in parts {
                    match together.last_mut() {
                        Some(last) if is_open => {
                            prop_assert_eq!((&last.id, &last.label), (&of.id, &of.label));
                            last.points.extend(of.points);
                        }
                        _ => together.push(of),
                    }
                    is_open = is_cut;
                }
                let Some(next) = next else { break };
                prop_assert!(next != cursor);
                cursor = next;
            }
            prop_assert!(!is_open);
            prop_assert_eq!(together, wholes);
        }

        #[test]
        fn points_that_come_in_between_pages_move_no_others(
            times in prop::collection::vec(0_i64..40, 2..20),
            late in prop::collection::vec(0_i64..40, 0..20),
            ascending in any::<bool>(),
            max in 1_usize..10,
        ) {
            let before = whole(0, times.clone(), ascending);
            let after = whole(0, times.into_iter().chain(late).collect(), ascending);
            let (first, next) = page(vec![before.clone()], Cursor::default(), ascending, max);
            let mut told = first[0].of.points.clone();
            if let Some(next) = next {
                told.extend(page(vec![after], next, ascending, 40).0.remove(0).of.points);
            }
            prop_assert!(before.points.iter().all(|point| told.contains(point)));
            prop_assert!(told.windows(2).all(|pair| (pair[0].0 < pair[1].0) == ascending));
        }
    }
}
