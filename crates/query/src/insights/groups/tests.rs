//! Keys and tables of groups.

use super::*;
use crate::insights::ast::Aggregate;
use crate::insights::event::Record;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn grouping() -> Grouping {
    let aggregation = |function, of: Option<usize>| Aggregation { function, of: of.map(Code::Slot), percent: 50.0 };
    let aggregations = vec![
        aggregation(Aggregate::Count, None),
        aggregation(Aggregate::Count, Some(1)),
        aggregation(Aggregate::Sum, Some(1)),
        aggregation(Aggregate::Max, Some(1)),
        aggregation(Aggregate::Percentile, Some(1)),
        aggregation(Aggregate::CountDistinct, Some(1)),
    ];
    Grouping { by: vec![Code::Slot(0)], aggregations }
}

fn row(group: &Value<'static>, number: Option<u32>) -> Record {
    let number = number.map_or(Value::Null, |number| Value::Number(f64::from(number)));
    Record { values: vec![group.clone(), number], ..Record::default() }
}

fn text(value: &Value<'_>) -> String {
    value.text().map_or_else(|| "-".to_owned(), |text| text.into_owned())
}

/// The rows of the groups of so many workers, sorted.
fn rows(rows: &[Record], workers: usize) -> Vec<Vec<String>> {
    let grouping = grouping();
    let mut groups = vec![Groups::default(); workers];
    for (at, row) in rows.iter().enumerate() {
        groups[at % workers].add(&grouping, row);
    }
    let mut found = Vec::new();
    for mut part in Groups::merged(&grouping, groups) {
        found.extend(part.rows(&grouping).map(|row| row.iter().map(text).collect::<Vec<_>>()));
    }
    found.sort();
    found
}

/// The same by a tree of lists.
fn simple(rows: &[Record]) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<String, (usize, Vec<u32>)> = BTreeMap::new();
    for row in rows {
        let group = groups.entry(text(&row.values[0])).or_default();
        group.0 += 1;
        group.1.extend(row.values[1].number().map(|number| number as u32));
    }
    let values = |(group, (count, mut numbers)): (String, (usize, Vec<u32>))| {
        numbers.sort_unstable();
        let sum = (!numbers.is_empty()).then(|| numbers.iter().sum::<u32>());
        let median = numbers.len().div_ceil(2).checked_sub(1).map(|at| numbers[at]);
        let most = numbers.last().copied();
        let given = numbers.len();
        numbers.dedup();
        let shown = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        vec![
            group,
            count.to_string(),
            given.to_string(),
            shown(sum),
            shown(most),
            shown(median),
            numbers.len().to_string(),
        ]
    };
    let mut found: Vec<Vec<String>> = groups.into_iter().map(values).collect();
    found.sort();
    found
}

fn value() -> impl Strategy<Value = Value<'static>> {
    prop_oneof![
        (0..50u32).prop_map(|id| Value::Text(format!("{id:08x}-1234-4abc-8def-0123456789ab").into())),
        (0..50u32).prop_map(|id| Value::Text(format!("{id:08X}-1234-4abc-8def-0123456789ab").into())),
        (0..400usize).prop_map(|length| Value::Text("x".repeat(length).into())),
        (0..20i32).prop_map(|number| Value::Number(f64::from(number) / 4.0)),
    ]
}

proptest! {
    #[test]
    fn groups_are_those_of_a_simple_table_however_many_workers_saw_the_rows(
        values in prop::collection::vec((value(), prop::option::of(0..9u32)), 0..300),
        workers in 1..4usize,
    ) {
        let all: Vec<Record> = values.iter().map(|(group, number)| row(group, *number)).collect();
        prop_assert_eq!(rows(&all, workers), simple(&all));
    }

    #[test]
    fn keys_tell_their_values(texts in prop::collection::vec(".{0,200}", 1..5), at in any::<i64>()) {
        let json: serde_json::Value = serde_json::json!({ "a": texts });
        let mut all: Vec<Value<'static>> = texts.into_iter().map(|text| Value::Text(text.into())).collect();
        all.extend([Value::Null, Value::Time(at), Value::Json(Arc::new(json))]);
        all.push(Value::Text("5c8a4d5e-0000-4fff-9abc-0123456789ab".into()));
        let mut key = Vec::new();
        all.iter().for_each(|value| append(&mut key, value));
        let mut found = Vec::new();
        super::values(&key, &mut found);
        prop_assert_eq!(found, all);
    }
}

#[test]
fn a_group_that_is_only_counted_takes_little() {
    let mut grouping = grouping();
    grouping.aggregations.truncate(1);
    let (mut groups, mut bytes) = (Groups::default(), 0);
    for id in 0..100_000u32 {
        let value = Value::Text(format!("{id:08x}-1234-4abc-8def-0123456789ab").into());
        bytes += groups.add(&grouping, &row(&value, None));
    }
    let held = |part: &Part| {
        let States::Counts(counts) = &part.columns[0] else { panic!("counts are narrow") };
        let keys = part.keys.bytes.capacity() + part.keys.ends.capacity() * size_of::<u32>();
        keys + counts.capacity() * size_of::<u64>() + part.table.allocation_size()
    };
    let held: usize = groups.parts.iter().map(held).sum();
    // What is said of it is about what it takes, 17 bytes of key and 8 of count for each.
    assert!(held < 100_000 * 50, "{held} bytes");
    assert!(bytes * 4 > held * 3 && bytes * 3 < held * 4, "{bytes} said, {held} held");
}
