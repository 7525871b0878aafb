//! Random queries over random lines, by both engines and by any number of workers.

use super::*;
use crate::log_fields;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 9] = ["s", "t", "n", "x", "a", "b", "@timestamp", "@message", "@logStream"];

/// Small numbers, written in different ways.
const STATUSES: [&str; 6] = ["200", "\"200\"", "404", "\"2e2\"", "500", "\"no\""];

fn line() -> impl Strategy<Value = (i64, String, bool)> {
    let json = (option::of(select(&STATUSES[..])), option::of(select(vec!["ann", "bob", "x-1"])), option::of(0..8_i64));
    let json = json.prop_map(|(status, text, quarters)| {
        let members = [
            status.map(|status| format!("\"s\":{status}")),
            text.map(|text| format!("\"t\":\"{text}\"")),
            quarters.map(|quarters| format!("\"n\":{}", quarters as f64 / 4.0)),
        ];
        format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
    });
    let plain =
        (select(vec!["ERROR", "INFO"]), 0..3_u8).prop_map(|(level, user)| format!("[{level}] user={user}, done"));
    // Few instants, so that some lines share one.
    (0..6_i64, prop_oneof![json, plain], any::<bool>())
}

fn lines_of(drawn: &[(i64, String, bool)]) -> Vec<Line> {
    let line = |(number, (seconds, text, _)): (usize, &(i64, String, bool))| Line {
        at: NOON + seconds * 700,
        text: text.clone(),
        number,
        known: Vec::new(),
    };
    drawn.iter().enumerate().map(line).collect()
}

fn literal() -> impl Strategy<Value = Expr> {
    prop_oneof![
        select(vec![0.0, 0.25, 1.0, 200.0, 404.0]).prop_map(n),
        select(vec!["200", "ann", "bob", "ERROR", "1"]).prop_map(t),
    ]
}

fn value() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![3 => select(&NAMES[..]).prop_map(f), 1 => literal()];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            // Sums of these are exact in both.
            (inner.clone(), select(vec![BinaryOp::Add, BinaryOp::Subtract]), inner.clone())
                .prop_map(|(left, op, right)| binary(left, op, right)),
            inner.clone().prop_map(|of| call(Function::ToUpper, vec![of])),
            inner.clone().prop_map(|of| call(Function::Strlen, vec![of])),
            inner.clone().prop_map(|of| call(Function::IsPresent, vec![of])),
            vec(inner.clone(), 1..3).prop_map(|of| call(Function::Coalesce, of)),
            vec(inner, 1..3).prop_map(|of| call(Function::Concat, of)),
            Just(bin()),
        ]
    })
}

fn bin() -> Expr {
    call(Function::Bin, vec![period(2, Unit::Second)])
}

fn condition() -> impl Strategy<Value = Expr> {
    use BinaryOp as B;
    let compare = vec![B::Equal, B::NotEqual, B::Less, B::LessEqual, B::Greater, B::GreaterEqual];
    let leaf = prop_oneof![
        (value(), select(compare), value()).prop_map(|(left, op, right)| binary(left, op, right)),
        (value(), select(vec!["ann", "o", "200", "", "ERR"]), any::<bool>()).prop_map(|(of, part, is_negated)| {
            Expr::Like { text: Box::new(of), pattern: LikePattern::Contains(part.into()), is_negated }
        }),
        (value(), select(vec!["^a", "user=[12]", "user=1", "(?i)error|o$", "."]))
            .prop_map(|(of, regex)| matches(of, regex)),
        select(vec!["user=", "ERR", "\"t\"", "ann"]).prop_map(|part| like(f("@message"), part)),
        (value(), vec(prop_oneof![literal(), value()], 0..3), any::<bool>()).prop_map(|(of, values, is_negated)| {
            Expr::In { value: Box::new(of), list: InList::Values(values), is_negated }
        }),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| binary(left, B::And, right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| binary(left, B::Or, right)),
            inner.prop_map(not),
        ]
    })
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    let computed = (select(vec!["a", "b", "s"]), value()).prop_map(|(name, value)| column(name, value));
    let plain = select(&NAMES[..]).prop_map(|name| column(name, f(name)));
    vec(prop_oneof![computed, plain], 1..3)
}

fn aggregates() -> impl Strategy<Value = Vec<Column>> {
    use Aggregate as A;
    let functions = [
        A::Count,
        A::CountDistinct,
        A::Sum,
        A::Avg,
        A::Min,
        A::Max,
        A::Stddev,
        A::Earliest,
        A::Latest,
        A::SortsFirst,
        A::SortsLast,
    ];
    let one = prop_oneof![
        4 => (select(functions.to_vec()), select(&NAMES[..])).prop_map(|(function, name)| agg(function, vec![f(name)])),
        1 => (0..=100_u8, select(vec!["n", "s"])).prop_map(|(percent, name)| {
            agg(A::Percentile, vec![f(name), n(f64::from(percent))])
        }),
        1 => Just(agg(A::Count, vec![])),
    ];
    let sum = (one.clone(), one.clone()).prop_map(|(left, right)| binary(left, BinaryOp::Subtract, right));
    vec(prop_oneof![4 => one, 1 => sum], 1..3)
        .prop_map(|values| values.into_iter().enumerate().map(|(at, value)| column(["a", "m"][at], value)).collect())
}

fn stats() -> impl Strategy<Value = Command> {
    let by = prop_oneof![
        2 => select(&NAMES[..]).prop_map(|name| column(name, f(name))),
        1 => Just(column("bin(2s)", bin())),
        1 => value().prop_map(|value| column("b", value)),
    ];
    (aggregates(), vec(by, 0..3)).prop_map(|(values, mut by)| {
        by.dedup_by(|a, b| a.name == b.name);
        by.retain(|column| !values.iter().any(|value| value.name == column.name));
        if by.len() == 2 && by[0].name == by[1].name {
            by.pop();
        }
        Command::Stats { values, by }
    })
}

fn window() -> impl Strategy<Value = Command> {
    let frames = vec![
        Frame::ALL,
        Frame::RUNNING,
        Frame::WITH_PEERS,
        Frame::last(2),
        Frame { start: Some(-1), end: Some(1), has_peers: false, is_whole: false },
        Frame { start: Some(0), end: None, has_peers: false, is_whole: false },
        Frame { start: Some(1), end: Some(2), has_peers: false, is_whole: false },
    ];
    let value = prop_oneof![
        Just(WindowValue::RowNumber),
        Just(WindowValue::Rank),
        (select(&NAMES[..]), -2..3_i64).prop_map(|(name, by)| WindowValue::Shifted(f(name), by, None)),
        (select(vec![Aggregate::Sum, Aggregate::Count, Aggregate::Min, Aggregate::Max]), select(vec!["n", "s", "t"]))
            .prop_map(|(function, name)| WindowValue::Aggregate(function, vec![f(name)])),
    ];
    let keys = vec((select(vec!["n", "t", "@timestamp"]), any::<bool>()), 0..2);
    (value, select(frames), option::of(select(vec!["t", "s", "@logStream"])), keys, select(vec!["a", "m"])).prop_map(
        |(value, frame, partition, keys, name)| {
            let key =
                |(name, is_descending): (&str, bool)| SortKey { value: f(name), is_descending, is_natural: false };
            Command::Window(Window {
                columns: vec![WindowColumn { name: name.into(), value, frame }],
                partition: partition.into_iter().map(f).collect(),
                order: keys.into_iter().map(key).collect(),
            })
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let keys = vec((select(&NAMES[..]), any::<bool>()), 1..3);
    prop_oneof![
        3 => columns().prop_map(Command::Fields),
        1 => columns().prop_map(Command::Display),
        4 => condition().prop_map(Command::Filter),
        1 => Just(glob(&["[", "] user=", ","], &["a", "b"])),
        1 => Just(glob(&["", ":", ""], &["b", "s"])),
        3 => stats(),
        2 => keys.prop_map(|keys| sort(&keys)),
        2 => (0..6_u64).prop_map(Command::Limit),
        1 => (0..3_u64).prop_map(Command::Skip),
        1 => Just(Command::Reverse),
        2 => window(),
        1 => vec(select(&NAMES[..]), 1..3).prop_map(|names| Command::FillDown(names.into_iter().map(Into::into).collect())),
        2 => (vec(select(&NAMES[..]), 1..3), 1..3_u64).prop_map(|(names, keep)| {
            Command::Dedup { by: names.into_iter().map(f).collect(), keep }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_agree_however_the_lines_are_dealt_out(
        drawn in vec(line(), 0..14),
        commands in vec(command(), 0..5),
        deal in vec(0..3_usize, 14),
        limit in select(vec![3_usize, 10_000]),
        is_backwards in any::<bool>(),
        is_contained in any::<bool>(),
    ) {
        let query = query(commands);
        let mut lines = lines_of(&drawn);
        let expected = naive::rows(&query, &lines, limit);
        let plan = Plan::new(&query, Context { limit, ..context() }).unwrap();
        for (line, (.., has_columns)) in lines.iter_mut().zip(&drawn) {
            if *has_columns {
                let known = |path: &FieldPath| Some(log_fields::field(&line.text, path).map(|text| text.into_owned()));
                line.known = plan.fields().iter().map(known).collect();
            }
        }
        let required = plan.required_texts();
        let may_match = |line: &Line| required.iter().all(|clause| clause.iter().any(|text| line.text.contains(text)));
        let contains = |line: &Line| plan.contained_texts().iter().all(|text| line.text.contains(text));
        // A scan that sees to it that messages contain texts has no message for those who do not need it.
        let may_match: Vec<bool> = lines.iter().map(|line| may_match(line) && (!is_contained || contains(line))).collect();
        if is_contained && !plan.needs_message_of_containing() {
            lines.iter_mut().filter(|line| line.known.len() == plan.fields().len()).for_each(|line| line.text.clear());
        }
        let worker = || if is_contained { plan.worker().of_containing() } else { plan.worker() };
        let mut workers = [worker(), worker(), worker()];
        let mut order: Vec<usize> = (0..lines.len()).collect();
        if is_backwards {
            order.reverse();
        }
        for at in order {
            if may_match[at] {
                workers[deal[at]].feed(&lines[at]).unwrap();
            }
        }
        let partial = plan.finish(workers.iter().map(crate::insights::Worker::snapshot).collect()).unwrap();
        let answer = plan.finish(workers.into()).unwrap();
        prop_assert_eq!(&answer.rows, &expected);
        prop_assert_eq!(&partial, &answer);
        if let Some(pointers) = &answer.pointers {
            prop_assert_eq!(pointers.len(), answer.rows.len());
        }
    }
}
