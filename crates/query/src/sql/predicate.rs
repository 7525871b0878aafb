//! What a table can use of a WHERE clause: time ranges, texts to equal and texts to contain.
//!
//! What is taken here makes a scan read less, and DataFusion checks each row again, but for filters that a scan answers by themselves
//! (`is_all_of`, `is_time_range`, `contained_text`): of those the scan's own look at each row is the only one.

use super::json;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Like, Operator};
use model::{TimeRange, Timestamp};
use std::collections::BTreeSet;

/// Conditions that all rows of the answer meet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Predicate {
    /// Rows lie in this time range.
    pub range: TimeRange,
    /// Columns that have one of some values.
    pub one_of: Vec<(String, BTreeSet<String>)>,
    /// Columns that contain a text.
    pub contains: Vec<(String, String)>,
    /// Columns of JSON objects of which a member has one of some values: (column, member, values).
    pub members: Vec<(String, String, BTreeSet<String>)>,
}

/// One of them.
enum Condition {
    Range(TimeRange),
    OneOf(String, BTreeSet<String>),
    Contains(String, Vec<String>),
    Member(String, String, BTreeSet<String>),
}

impl Predicate {
    /// Of filters that must all hold.
    pub(super) fn of(filters: &[Expr], time_column: &str) -> Self {
        let mut all = Self { range: TimeRange::ALL, one_of: Vec::new(), contains: Vec::new(), members: Vec::new() };
        filters.iter().for_each(|filter| all.add(filter, time_column));
        all
    }

    fn add(&mut self, filter: &Expr, time_column: &str) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) = filter {
            self.add(left, time_column);
            self.add(right, time_column);
            return;
        }
        match condition(filter, time_column) {
            Some(Condition::Range(range)) => self.range = intersection(self.range, range),
            Some(Condition::OneOf(column, values)) => self.one_of.push((column, values)),
            Some(Condition::Contains(column, texts)) => {
                self.contains.extend(texts.into_iter().map(|text| (column.clone(), text)));
            }
            Some(Condition::Member(column, member, values)) => self.members.push((column, member, values)),
            None => {}
        }
    }

    /// Whether a filter, or a part of it, is of use.
    pub(super) fn uses(filter: &Expr, time_column: &str) -> bool {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Self::uses(left, time_column) || Self::uses(right, time_column)
            }
            other => condition(other, time_column).is_some(),
        }
    }

    /// Whether a filter says no more than the time range and the values of these columns do, so that rows which a scan answers
    /// by them need no second look.
    pub(super) fn is_all_of(filter: &Expr, time_column: &str, columns: &[&str]) -> bool {
        match (filter, condition(filter, time_column)) {
            // The range of two ranges also holds what is between them.
            (Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }), Some(Condition::Range(_))) => false,
            (_, Some(Condition::Range(_))) => true,
            (_, Some(Condition::OneOf(column, _))) => columns.contains(&column.as_str()),
            _ => false,
        }
    }

    /// Whether a filter is a range of the time column, and no more. Behind a cast the column may have another zone.
    pub(super) fn is_time_range(filter: &Expr, time_column: &str) -> bool {
        let is_time = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == time_column);
        let is_about_time = match filter {
            Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => false,
            Expr::BinaryExpr(BinaryExpr { left, right, .. }) => is_time(left) || is_time(right),
            Expr::Between(Between { expr, .. }) => is_time(expr),
            _ => false,
        };
        is_about_time && matches!(condition(filter, time_column), Some(Condition::Range(_)))
    }

    /// The values that a column may have; `None` for any.
    pub(super) fn values(&self, column: &str) -> Option<BTreeSet<&str>> {
        let mut sets = self.one_of.iter().filter(|(name, _)| name == column).map(|(_, values)| values);
        let mut values: BTreeSet<&str> = sets.next()?.iter().map(String::as_str).collect();
        for set in sets {
            values.retain(|value| set.contains(*value));
        }
        Some(values)
    }
}

/// What lies in both.
pub(super) fn intersection(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange::new(a.start.max(b.start), a.end.min(b.end))
}

fn condition(filter: &Expr, time_column: &str) -> Option<Condition> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            either(condition(left, time_column)?, condition(right, time_column)?)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (left, Expr::Literal(value, _)) => comparison(left, *op, value, time_column),
            (Expr::Literal(value, _), right) => comparison(right, op.swap()?, value, time_column),
            _ => None,
        },
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let (Expr::Literal(low, _), Expr::Literal(high, _)) = (low.as_ref(), high.as_ref()) else { return None };
            let (Condition::Range(from), Condition::Range(to)) = (
                comparison(expr, Operator::GtEq, low, time_column)?,
                comparison(expr, Operator::LtEq, high, time_column)?,
            ) else {
                return None;
            };
            Some(Condition::Range(intersection(from, to)))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let text = |item: &Expr| match item {
                Expr::Literal(value, _) => Some(value.try_as_str()??.to_owned()),
                _ => None,
            };
            equals(expr, list.iter().map(text).collect::<Option<_>>()?)
        }
        Expr::Like(Like { negated: false, case_insensitive: false, escape_char: None, expr, pattern }) => {
            let Expr::Literal(pattern, _) = pattern.as_ref() else { return None };
            let pattern = pattern.try_as_str()??;
            // A backslash escapes; such patterns are left to DataFusion.
            let texts = pattern.split(['%', '_']).filter(|text| !text.is_empty()).map(str::to_owned);
            contains(expr, if pattern.contains('\\') { Vec::new() } else { texts.collect() })
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => match (func.name(), args.as_slice()) {
            ("contains" | "starts_with" | "ends_with", [column, Expr::Literal(text, _)]) => {
                contains(column, vec![text.try_as_str()??.to_owned()])
            }
            _ => None,
        },
        _ => None,
    }
}

/// The text that a column must contain, where that is all that a filter says: `message LIKE '%text%'`, or `contains(message, 'text')`.
pub(super) fn contained_text<'f>(filter: &'f Expr, column: &str) -> Option<&'f str> {
    let (expr, text) = match filter {
        Expr::Like(Like { negated: false, case_insensitive: false, escape_char: None, expr, pattern }) => {
            let Expr::Literal(pattern, _) = pattern.as_ref() else { return None };
            (expr.as_ref(), pattern.try_as_str()??.strip_prefix('%')?.strip_suffix('%')?)
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "contains" => match args.as_slice() {
            [expr, Expr::Literal(text, _)] => (expr, text.try_as_str()??),
            _ => return None,
        },
        _ => return None,
    };
    // These mean something else in a pattern.
    let is_plain = !text.is_empty() && !text.contains(['%', '_', '\\']);
    (is_plain && text_name(expr)? == column).then_some(text)
}

fn contains(column: &Expr, texts: Vec<String>) -> Option<Condition> {
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    if texts.is_empty() { None } else { Some(Condition::Contains(text_name(column)?.to_owned(), texts)) }
}

/// Two conditions of which one must hold, where that is a condition.
fn either(a: Condition, b: Condition) -> Option<Condition> {
    match (a, b) {
        (Condition::OneOf(column, mut values), Condition::OneOf(other, more)) if column == other => {
            values.extend(more);
            Some(Condition::OneOf(column, values))
        }
        (Condition::Member(column, member, mut values), Condition::Member(other, same, more))
            if column == other && member == same =>
        {
            values.extend(more);
            Some(Condition::Member(column, member, values))
        }
        (Condition::Range(a), Condition::Range(b)) => {
            Some(Condition::Range(TimeRange::new(a.start.min(b.start), a.end.max(b.end))))
        }
        _ => None,
    }
}

fn comparison(left: &Expr, op: Operator, value: &ScalarValue, time_column: &str) -> Option<Condition> {
    if op == Operator::Eq
        && let Some(Some(text)) = value.try_as_str()
    {
        return equals(left, BTreeSet::from([text.to_owned()]));
    }
    (name(left)? == time_column).then_some(())?;
    time_range(op, value).map(Condition::Range)
}

fn equals(left: &Expr, values: BTreeSet<String>) -> Option<Condition> {
    if let Some(column) = name(left) {
        return Some(Condition::OneOf(column.to_owned(), values));
    }
    let Expr::ScalarFunction(ScalarFunction { func, args }) = left else { return None };
    match (func.name(), args.as_slice()) {
        ("json_extract_scalar", [column, Expr::Literal(path, _)]) => {
            let path = json::Path::parse(path.try_as_str()??).ok()?;
            Some(Condition::Member(name(column)?.to_owned(), path.only_field()?.to_owned(), values))
        }
        _ => None,
    }
}

/// The column, also behind casts that keep its text.
fn text_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) => match cast.field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text_name(&cast.expr),
            _ => None,
        },
        _ => None,
    }
}

/// The column, also behind a cast that keeps its value.
fn name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) => match cast.field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => name(&cast.expr),
            // A cast to seconds rounds.
            DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
                name(&cast.expr)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The times that compare so with a literal.
pub(super) fn time_range(op: Operator, value: &ScalarValue) -> Option<TimeRange> {
    let (value, per_ms) = match value {
        ScalarValue::TimestampSecond(Some(value), _) => (value.checked_mul(1000)?, 1),
        ScalarValue::TimestampMillisecond(Some(value), _) => (*value, 1),
        ScalarValue::TimestampMicrosecond(Some(value), _) => (*value, 1_000),
        ScalarValue::TimestampNanosecond(Some(value), _) => (*value, 1_000_000),
        _ => return None,
    };
    let floor = Timestamp(value.div_euclid(per_ms));
    let ceil = if value.rem_euclid(per_ms) == 0 { floor } else { floor + 1 };
    let all = TimeRange::ALL;
    Some(match op {
        Operator::Eq => TimeRange::new(ceil, floor + 1),
        Operator::Lt => TimeRange::new(all.start, ceil),
        Operator::LtEq => TimeRange::new(all.start, floor + 1),
        Operator::Gt => TimeRange::new(floor + 1, all.end),
        Operator::GtEq => TimeRange::new(ceil, all.end),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn ms(value: i64) -> Expr {
        lit(ScalarValue::TimestampMillisecond(Some(value), Some("UTC".into())))
    }

    #[test]
    fn time_bounds_are_exact_in_milliseconds() {
        let range = |filter: Expr| {
            let range = Predicate::of(&[filter], "time").range;
            (range.start.0, range.end.0)
        };
        assert_eq!(range(col("time").gt(ms(5)).and(col("time").lt_eq(ms(9)))), (6, 10));
        assert_eq!(range(ms(5).lt_eq(col("time"))), (5, i64::MAX));
        assert_eq!(range(col("time").eq(ms(5))), (5, 6));
        assert_eq!(range(col("time").between(ms(5), ms(7))), (5, 8));
        let ns = |value| lit(ScalarValue::TimestampNanosecond(Some(value), Some("UTC".into())));
        assert_eq!(range(col("time").gt_eq(ns(5_000_001))), (6, i64::MAX));
        assert_eq!(range(col("time").lt(ns(5_000_001))), (i64::MIN, 6));
        assert_eq!(range(col("time").eq(ns(5_000_001))), (6, 6), "no millisecond is equal");
        assert_eq!(range(col("other").gt(ms(5))), (i64::MIN, i64::MAX));
        assert_eq!(range(col("time").lt(ms(5)).or(col("time").gt(ms(9)))), (i64::MIN, i64::MAX));
    }

    #[test]
    fn a_range_of_times_says_all_that_its_filter_does() {
        let ns = |value| lit(ScalarValue::TimestampNanosecond(Some(value), None));
        for filter in [col("time").gt(ms(5)), ms(5).lt_eq(col("time")), col("time").between(ms(5), ms(7))] {
            assert!(Predicate::is_time_range(&filter, "time"), "{filter}");
        }
        let cast = datafusion::prelude::cast(col("time"), DataType::Timestamp(TimeUnit::Nanosecond, None));
        for filter in [
            col("time").lt(ms(5)).or(col("time").gt(ms(9))),
            col("time").lt(ms(5)).and(col("name").eq(lit("a"))),
            col("time").not_eq(ms(5)),
            col("time").not_between(ms(5), ms(7)),
            col("other").gt(ms(5)),
            cast.gt(ns(5)),
        ] {
            assert!(!Predicate::is_time_range(&filter, "time"), "{filter}");
        }
    }

    #[test]
    fn texts_are_taken_from_equalities_lists_and_patterns() {
        let filters = [
            col("name").eq(lit("a")).or(col("name").in_list(vec![lit("b"), lit("c")], false)),
            col("name").eq(lit("b")),
            col("message").like(lit("%one%two_")),
            col("message").like(lit("%50\\%%")),
            col("message").not_like(lit("%three%")),
            col("message").ilike(lit("%four%")),
            col("x").eq(lit("a")).or(col("y").eq(lit("b"))),
        ];
        let only: Vec<Option<&str>> = filters.iter().map(|filter| contained_text(filter, "message")).collect();
        assert_eq!(only, [None; 7]);
        for (pattern, text) in
            [("%a b%", Some("a b")), ("%%", None), ("%", None), ("%a", None), ("a%", None), ("%a_b%", None)]
        {
            assert_eq!(contained_text(&col("message").like(lit(pattern)), "message"), text, "{pattern}");
        }
        assert_eq!(contained_text(&col("message").not_like(lit("%a%")), "message"), None);
        let cast = |to| datafusion::prelude::cast(col("message"), to);
        let as_time = datafusion::prelude::cast(cast(DataType::Timestamp(TimeUnit::Millisecond, None)), DataType::Utf8);
        assert_eq!(contained_text(&as_time.clone().like(lit("%T05%")), "message"), None, "a time is written otherwise");
        assert_eq!(Predicate::of(&[as_time.like(lit("%T05%"))], "time").contains, []);
        assert_eq!(contained_text(&cast(DataType::Utf8View).like(lit("%a%")), "message"), Some("a"));
        assert_eq!(contained_text(&col("message").ilike(lit("%a%")), "message"), None);
        assert_eq!(contained_text(&col("name").like(lit("%a%")), "message"), None);
        let predicate = Predicate::of(&filters, "time");
        assert_eq!(predicate.values("name"), Some(BTreeSet::from(["b"])));
        assert_eq!(predicate.values("x"), None);
        let contains: Vec<&str> = predicate.contains.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(contains, ["one", "two"]);
        assert!(!Predicate::uses(&filters[6], "time") && Predicate::uses(&filters[0], "time"));
    }
}
