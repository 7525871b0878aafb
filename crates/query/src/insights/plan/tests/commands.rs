//! One command at a time, then several.

use super::*;
use crate::insights::Worker;

fn web() -> Vec<Line> {
    lines(&[
        r#"{"status":200,"path":"/a","ms":12.5,"user":"ann"}"#,
        r#"{"status":500,"path":"/b","ms":30,"user":"bob"}"#,
        r#"{"status":200,"path":"/a","ms":7,"ok":true}"#,
        r#"{"status":404,"path":"/c"}"#,
        "no json at all",
    ])
}

#[test]
fn without_fields_the_newest_come_first_with_time_and_message() {
    let answer = answer(vec![], &lines(&["one", "two"]));
    assert_eq!(answer.columns, ["@timestamp", "@message"]);
    assert_eq!(table(&answer), ["2024-01-02 12:00:01.000 | two", "2024-01-02 12:00:00.000 | one"]);
    assert_eq!(answer.pointers, Some(vec!["00000001".into(), "00000000".into()]));
}

#[test]
fn fields_add_up_and_the_last_display_wins() {
    let twice = vec![
        fields(&["status"]),
        Command::Fields(vec![column("slow", binary(f("ms"), BinaryOp::Greater, n(10.0)))]),
        Command::Limit(2),
    ];
    let found = answer(twice.clone(), &web());
    assert_eq!(found.columns, ["status", "slow"]);
    assert_eq!(table(&found), ["- | 0", "404 | 0"]);
    let shown = answer([twice, vec![display(&["status"]), display(&["path", "slow"])]].concat(), &web());
    assert_eq!(shown.columns, ["path", "slow"]);
    assert_eq!(table(&shown), ["- | 0", "/c | 0"]);
}

#[test]
fn filters_compare_as_numbers_where_both_are_and_are_false_for_what_is_missing() {
    let count = |condition: Expr| {
        let found = answer(vec![Command::Filter(condition)], &web());
        found.rows.len()
    };
    use BinaryOp as B;
    assert_eq!(count(binary(f("status"), B::Equal, n(200.0))), 2);
    assert_eq!(count(binary(f("status"), B::Equal, t("200"))), 2);
    assert_eq!(count(binary(f("status"), B::NotEqual, n(200.0))), 2, "the line without status is in neither");
    assert_eq!(count(binary(f("ms"), B::Greater, n(7.0))), 2, "12.5 and 30, although \"30\" < \"7\"");
    assert_eq!(count(binary(f("path"), B::GreaterEqual, t("/b"))), 2);
    assert_eq!(count(not(binary(f("status"), B::Equal, n(200.0)))), 3);
    assert_eq!(count(like(f("@message"), "user")), 2);
    assert_eq!(count(matches(f("@message"), "user\":\"(ann|bob)")), 2);
    assert_eq!(count(within(f("status"), vec![n(404.0), t("500")])), 2);
    assert_eq!(count(binary(f("ok"), B::Equal, Expr::Literal(Literal::Bool(true)))), 1);
    assert_eq!(count(binary(f("@timestamp"), B::Greater, n(NOON as f64 + 2_500.0))), 2);
    assert_eq!(count(binary(t("2024-01-02T12:00:02Z"), B::Less, f("@timestamp"))), 2);
    let either = binary(like(f("@message"), "no json"), B::Or, binary(f("ms"), B::Less, n(10.0)));
    assert_eq!(count(either), 2);
}

#[test]
fn parse_takes_columns_out_of_a_text() {
    let found = lines(&["user=ann, method:GET, latency := 34", "nothing"]);
    let parse = glob(&["user=", ", method:", ", latency := ", ""], &["@user", "@method", "@latency"]);
    let answer_of = |commands| table(&answer(commands, &found));
    assert_eq!(
        answer_of(vec![parse.clone(), fields(&["@user", "@method", "@latency"])]),
        ["- | - | -", "ann | GET | 34"]
    );
    let slow = column("avg(@latency)", agg(Aggregate::Avg, vec![f("@latency")]));
    assert_eq!(answer_of(vec![parse, stats(vec![slow], &["@method", "@user"])]), ["GET | ann | 34", "- | - | -"]);
    let regex = regex::Regex::new(r"user=(?<user2>.*?), .*?(?<number>\d+)").unwrap();
    let parse = Command::Parse { from: f("@message"), pattern: ParsePattern::Regex(Regex(regex)) };
    let found = answer(vec![parse, Command::Filter(call(Function::IsPresent, vec![f("number")]))], &found);
    assert_eq!(found.columns, ["@timestamp", "@message", "user2", "number"]);
    assert_eq!(found.rows[0][2..], [Some("ann".to_owned()), Some("34".to_owned())]);
}

#[test]
fn stats_groups_by_values_and_by_time() {
    let by_status = answer(vec![stats(vec![count()], &["status"])], &web());
    assert_eq!(by_status.columns, ["status", "count(*)"]);
    assert_eq!(by_status.pointers, None);
    assert_eq!(table(&by_status), ["200 | 2", "404 | 1", "500 | 1", "- | 1"]);
    let by_time = Command::Stats {
        values: vec![column("n", agg(Aggregate::Count, vec![f("ms")]))],
        by: vec![column("bin(2s)", call(Function::Bin, vec![period(2, Unit::Second)]))],
    };
    assert_eq!(
        table(&answer(vec![by_time], &web())),
        ["2024-01-02 12:00:04.000 | 0", "2024-01-02 12:00:02.000 | 1", "2024-01-02 12:00:00.000 | 2"]
    );
    assert!(answer(vec![stats(vec![count()], &[])], &[]).rows.is_empty());
}

#[test]
fn aggregates() {
    use Aggregate as A;
    let value = |function, arguments| {
        let values = vec![column("x", agg(function, arguments))];
        table(&answer(vec![stats(values, &[])], &web())).remove(0)
    };
    let ms = || vec![f("ms")];
    assert_eq!(value(A::Sum, ms()), "49.5");
    assert_eq!(value(A::Avg, ms()), "16.5");
    assert_eq!(value(A::Min, ms()), "7");
    assert_eq!(value(A::Max, ms()), "30");
    assert_eq!(value(A::Percentile, vec![f("ms"), n(50.0)]), "12.5");
    assert_eq!(value(A::Stddev, ms()), "9.8065");
    assert_eq!(value(A::Count, vec![]), "5");
    assert_eq!(value(A::Count, vec![f("*")]), "5");
    assert_eq!(value(A::Count, ms()), "3");
    assert_eq!(value(A::CountDistinct, vec![f("path")]), "3");
    assert_eq!(value(A::Earliest, vec![f("status")]), "200");
    assert_eq!(value(A::Latest, vec![f("status")]), "404");
    assert_eq!(value(A::Latest, vec![f("@timestamp")]), "2024-01-02 12:00:04.000");
    assert_eq!(value(A::Max, vec![f("@timestamp")]), "1704196804000");
    assert_eq!(value(A::SortsFirst, vec![f("path")]), "/a");
    assert_eq!(value(A::SortsLast, vec![f("path")]), "/c");
    assert_eq!(value(A::Values, vec![f("user")]), r#"["ann","bob"]"#);
    assert_eq!(value(A::Avg, vec![f("user")]), "-", "no number among them");
    let range = binary(agg(A::Max, ms()), BinaryOp::Subtract, agg(A::Min, ms()));
    let values = vec![column("range", range), column("max", agg(A::Max, ms()))];
    assert_eq!(table(&answer(vec![stats(values, &[])], &web())), ["23 | 30"]);
}

#[test]
fn sorts_numbers_before_texts_and_missing_values_last() {
    let found = lines(&[r#"{"v":"10"}"#, r#"{"v":9}"#, r#"{"v":"b"}"#, r#"{"w":1}"#, r#"{"v":"a"}"#]);
    let sorted = |is_descending| table(&answer(vec![fields(&["v"]), sort(&[("v", is_descending)])], &found));
    assert_eq!(sorted(false), ["9", "10", "a", "b", "-"]);
    assert_eq!(sorted(true), ["b", "a", "10", "9", "-"]);
}

#[test]
fn sorts_naturally_where_that_is_wanted() {
    let found = lines(&[
        r#"{"v":"host10"}"#,
        r#"{"v":"10"}"#,
        r#"{"v":9}"#,
        r#"{"v":"5A"}"#,
        r#"{"w":1}"#,
        r#"{"v":"host2"}"#,
        r#"{"v":"111A"}"#,
    ]);
    let key = |is_descending| SortKey { value: f("v"), is_descending, is_natural: true };
    let sorted = |is_descending| table(&answer(vec![fields(&["v"]), Command::Sort(vec![key(is_descending)])], &found));
    assert_eq!(sorted(false), ["5A", "111A", "host2", "host10", "9", "10", "-"]);
    assert_eq!(sorted(true), ["10", "9", "host10", "host2", "111A", "5A", "-"]);
    // Groups as well.
    let grouped = table(&answer(vec![stats(vec![count()], &["v"]), Command::Sort(vec![key(false)])], &found));
    assert_eq!(grouped, ["5A | 1", "111A | 1", "host2 | 1", "host10 | 1", "9 | 1", "10 | 1", "- | 1"]);
}

#[test]
fn a_later_sort_leaves_equal_rows_in_the_order_of_the_earlier_one() {
    let commands = vec![fields(&["status", "path", "ms"]), sort(&[("ms", false)]), sort(&[("status", false)])];
    assert_eq!(
        table(&answer(commands, &web())),
        ["200 | /a | 7", "200 | /a | 12.5", "404 | /c | -", "500 | /b | 30", "- | - | -"]
    );
}

#[test]
fn commands_run_in_their_order_around_a_limit() {
    let two_hundred = || Command::Filter(binary(f("status"), BinaryOp::Equal, n(200.0)));
    let show = || fields(&["ms"]);
    assert_eq!(table(&answer(vec![show(), Command::Limit(3), two_hundred()], &web())), ["7"]);
    assert_eq!(table(&answer(vec![show(), two_hundred(), Command::Limit(3)], &web())), ["7", "12.5"]);
    assert_eq!(table(&answer(vec![show(), Command::Skip(3)], &web())), ["30", "12.5"]);
    assert_eq!(table(&answer(vec![show(), Command::Skip(3), Command::Limit(1)], &web())), ["30"]);
    assert!(answer(vec![Command::Limit(0)], &web()).rows.is_empty());
}

#[test]
fn dedup_keeps_the_first_in_order_and_rows_that_lack_a_value() {
    let dedup = |keep| Command::Dedup { by: vec![f("status")], keep };
    let show = || fields(&["status", "ms"]);
    assert_eq!(table(&answer(vec![show(), dedup(1)], &web())), ["- | -", "404 | -", "200 | 7", "500 | 30"]);
    let sorted = vec![show(), sort(&[("@timestamp", false)]), dedup(1), Command::Limit(2)];
    assert_eq!(table(&answer(sorted, &web())), ["200 | 12.5", "500 | 30"]);
    assert_eq!(answer(vec![show(), dedup(2)], &web()).rows.len(), 5);
}

#[test]
fn stats_may_follow_stats() {
    let first = stats(vec![column("n", agg(Aggregate::Count, vec![]))], &["status", "path"]);
    let second = stats(vec![column("most", agg(Aggregate::Max, vec![f("n")])), count()], &[]);
    assert_eq!(table(&answer(vec![first.clone(), second], &web())), ["2 | 4"]);
    let sorted = vec![
        first,
        Command::Sort(vec![SortKey { value: agg(Aggregate::Count, vec![]), is_descending: true, is_natural: false }]),
        Command::Limit(1),
    ];
    assert_eq!(table(&answer(sorted, &web())), ["200 | /a | 2"]);
}

#[test]
fn unnest_makes_a_row_of_each_member() {
    let found =
        lines(&[r#"{ "events": [ { "name": "exception" }, { "name": "user action" } ] }"#, r#"{"events":"x"}"#]);
    let commands = vec![
        Command::Fields(vec![column("json_message", call(Function::JsonParse, vec![f("@message")]))]),
        Command::Unnest { list: f("json_message.events"), into: "event".into() },
        display(&["event.name", "event"]),
    ];
    assert_eq!(
        table(&answer(commands, &found)),
        ["- | x", r#"exception | {"name":"exception"}"#, r#"user action | {"name":"user action"}"#]
    );
}

#[test]
fn lookup_adds_columns_of_a_table() {
    let mut context = context();
    let rows = [["ann", "Ann A.", "ops"], ["bob", "Bob B.", "dev"]].map(|row| row.map(String::from).to_vec()).to_vec();
    let header = ["id", "name", "team"].map(String::from).to_vec();
    context.lookups.insert("users".into(), LookupTable { header, rows });
    let lookup = |output: &[(&str, &str)]| Command::Lookup {
        table: "users".into(),
        keys: vec![("id".into(), f("user"))],
        output: output.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
    };
    let commands = vec![
        fields(&["user"]),
        lookup(&[("team", "team_of")]),
        Command::Filter(call(Function::IsPresent, vec![f("user")])),
    ];
    let found = answer_in(context.clone(), commands, &web()).unwrap();
    assert_eq!(found.columns, ["user", "team_of"]);
    assert_eq!(table(&found), ["bob | dev", "ann | ops"]);
    let all = answer_in(context.clone(), vec![lookup(&[])], &web()).unwrap();
    assert_eq!(all.columns, ["@timestamp", "@message", "name", "team"]);
    let unknown = answer_in(context, vec![lookup(&[("wage", "wage")])], &web()).unwrap_err();
    assert_eq!(unknown.to_string(), "users has no column wage");
}

#[test]
fn join_puts_rows_together_and_asks_the_other_query_for_what_is_named() {
    let other = query(vec![Command::Filter(like(f("@message"), "done"))]);
    let join = |kind| {
        Command::Join(Join {
            kind,
            left: Some("api".into()),
            right: Some("fn".into()),
            on: vec![(f("api.user"), f("fn.user"))],
            condition: None,
            query: Box::new(other.clone()),
        })
    };
    let show = || fields(&["api.user", "api.status", "fn.took"]);
    let outer = query(vec![join(JoinKind::Inner), show()]);
    let asked = Plan::subqueries(&outer);
    assert_eq!(asked, [query([other.commands.clone(), vec![fields(&["user", "took"])]].concat())]);
    let lambda = lines(&[r#"{"done":1,"user":"bob","took":3}"#, r#"{"done":1,"user":"bob","took":4}"#]);
    let mut context = context();
    context.subqueries = vec![answer(asked[0].commands.clone(), &lambda)];
    let inner = answer_in(context.clone(), outer.commands, &web()).unwrap();
    assert_eq!(inner.columns[..3], ["fn.user", "fn.took", "api.user"]);
    let shown = |kind| {
        let commands = vec![join(kind), show(), display(&["api.user", "api.status", "fn.took"])];
        table(&answer_in(context.clone(), commands, &web()).unwrap())
    };
    assert_eq!(shown(JoinKind::Inner), ["bob | 500 | 4", "bob | 500 | 3"]);
    assert_eq!(
        shown(JoinKind::Left),
        ["- | - | -", "- | 404 | -", "- | 200 | -", "bob | 500 | 4", "bob | 500 | 3", "ann | 200 | -"]
    );
}

#[test]
fn in_looks_in_the_first_column_of_another_query() {
    let other = query(vec![Command::Stats { values: vec![count()], by: vec![column("user", f("user"))] }]);
    let inside = Expr::In { value: Box::new(f("user")), list: InList::Query(Box::new(other)), is_negated: false };
    let outer = query(vec![fields(&["status"]), Command::Filter(inside)]);
    assert_eq!(Plan::subqueries(&outer).len(), 1);
    let deep = (0..1_000).fold(outer.commands[1].clone(), |command, _| match command {
        Command::Filter(condition) => Command::Filter(binary(condition, BinaryOp::Or, f("x"))),
        other => other,
    });
    assert_eq!(Plan::subqueries(&query(vec![deep])).len(), 1);
    assert_eq!(answer_in(context(), outer.commands.clone(), &web()).unwrap_err(), PlanError::NoSubquery);
    let mut context = context();
    context.subqueries = vec![Answer { columns: vec![], rows: vec![vec![Some("bob".into())]], pointers: None }];
    assert_eq!(table(&answer_in(context, outer.commands, &web()).unwrap()), ["500"]);
}

#[test]
fn addtotals_sums_rows_and_columns() {
    let grouped = stats(
        vec![column("n", agg(Aggregate::Count, vec![])), column("ms", agg(Aggregate::Sum, vec![f("ms")]))],
        &["path"],
    );
    let totals = Command::AddTotals {
        row: Some("Total".into()),
        column: Some(("all".into(), Some("path".into()))),
        fields: vec!["n".into(), "ms".into()],
    };
    let found = answer(vec![grouped, totals], &web());
    assert_eq!(found.columns, ["path", "n", "ms", "Total"]);
    assert_eq!(
        table(&found),
        ["/a | 2 | 19.5 | 21.5", "/b | 1 | 30 | 31", "/c | 1 | - | 1", "- | 1 | - | 1", "all | 5 | 49.5 | 54.5"]
    );
}

#[test]
fn a_computed_column_hides_the_field_it_was_made_of() {
    let commands = vec![
        Command::Fields(vec![column("path", call(Function::ToUpper, vec![f("path")]))]),
        Command::Filter(binary(f("path"), BinaryOp::Equal, t("/A"))),
    ];
    assert_eq!(table(&answer(commands, &web())), ["/A", "/A"]);
}

#[test]
fn what_is_known_of_fields_is_not_read_out_of_messages() {
    let plan = Plan::new(&query(vec![stats(vec![count()], &["status"])]), context()).unwrap();
    assert!(!plan.needs_message_of_containing());
    assert_eq!(plan.fields().iter().map(FieldPath::name).collect::<Vec<_>>(), ["status"]);
    let mut known = lines(&["-", "-", r#"{"status":3}"#]);
    known[0].known = vec![Some(Some("7".into()))];
    known[1].known = vec![Some(None)];
    let mut worker = plan.worker();
    known.iter().for_each(|line| worker.feed(line).unwrap());
    assert_eq!(table(&plan.finish(vec![worker]).unwrap()), ["3 | 1", "7 | 1", "- | 1"]);
}

#[test]
fn fields_that_are_not_read_are_forgotten() {
    let plan = Plan::new(&query(vec![fields(&["a", "b", "@message"]), display(&["b"])]), context()).unwrap();
    assert_eq!(plan.fields().iter().map(FieldPath::name).collect::<Vec<_>>(), ["b"]);
    assert!(!plan.needs_message_of_containing());
    assert!(Plan::new(&query(vec![]), context()).unwrap().needs_message_of_containing());
}

#[test]
fn messages_that_a_scan_has_searched_are_not_needed() {
    let plan = |commands| Plan::new(&query(commands), context()).unwrap();
    let by_status = || stats(vec![count()], &["status"]);
    let searched = |condition| plan(vec![Command::Filter(condition), by_status()]);
    let message = || f("@message");
    let both = searched(binary(like(message(), "one two"), BinaryOp::And, matches(message(), "three 3")));
    assert_eq!(both.contained_texts(), ["one two", "three 3"]);
    assert!(!both.needs_message_of_containing());
    let with_status =
        searched(binary(like(message(), "one"), BinaryOp::And, binary(f("status"), BinaryOp::Equal, n(3.0))));
    assert_eq!(
        (with_status.contained_texts(), with_status.needs_message_of_containing()),
        (&["one".to_owned()][..], false)
    );
    for other in [
        matches(message(), "(?i)one"),
        matches(message(), "^one"),
        not(like(message(), "one")),
        like(call(Function::ToLower, vec![message()]), "one"),
        binary(like(message(), "one"), BinaryOp::Or, like(message(), "two")),
    ] {
        let plan = searched(other.clone());
        assert!(plan.contained_texts().is_empty() && plan.needs_message_of_containing(), "{other:?}");
    }
    let of_field = searched(like(f("status"), "one"));
    assert!(of_field.contained_texts().is_empty() && !of_field.needs_message_of_containing());
    let shown = plan(vec![Command::Filter(like(message(), "one"))]);
    assert!(shown.needs_message_of_containing(), "it is shown");
}

#[test]
fn a_scan_may_stop_when_the_newest_rows_are_the_answer() {
    let wanted = |commands| Plan::new(&query(commands), context()).unwrap().wanted_rows();
    let errors = || Command::Filter(like(f("@message"), "ERROR"));
    assert_eq!(wanted(vec![errors(), Command::Limit(20)]), Some(20));
    assert_eq!(wanted(vec![errors()]), Some(10_000));
    assert_eq!(wanted(vec![errors(), sort(&[("x", true)]), Command::Limit(20)]), None);
    assert_eq!(wanted(vec![stats(vec![count()], &[]), Command::Limit(20)]), None);
    assert_eq!(wanted(vec![Command::Dedup { by: vec![f("x")], keep: 1 }, Command::Limit(20)]), None);
    assert_eq!(wanted(vec![sort(&[("@timestamp", true)]), Command::Limit(20)]), Some(20));
    assert_eq!(wanted(vec![sort(&[("@timestamp", false)]), Command::Limit(20)]), Some(20));
    assert_eq!(wanted(vec![sort(&[("@timestamp", false), ("x", false)]), Command::Limit(20)]), None);
    let oldest = Plan::new(&query(vec![sort(&[("@timestamp", false)])]), context()).unwrap();
    assert!(!oldest.is_newest_first());
    let plan = Plan::new(&query(vec![Command::Limit(1)]), context()).unwrap();
    assert!(plan.is_newest_first());
    let mut worker = plan.worker();
    assert!(!worker.is_full());
    worker.feed(&lines(&["a"])[0]).unwrap();
    assert!(worker.is_full());
}

#[test]
fn messages_contain_what_filters_ask_for() {
    let required = |commands| Plan::new(&query(commands), context()).unwrap().required_texts();
    let filter = Command::Filter;
    let clause = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(required(vec![filter(like(f("@message"), "a b"))]), [clause(&["a b"])]);
    assert_eq!(required(vec![filter(matches(f("@message"), r"user=(ann|bobby)\d+"))]), [clause(&["user="])]);
    assert_eq!(required(vec![filter(matches(f("@message"), "refused|timeout"))]), [clause(&["refused", "timeout"])]);
    assert!(required(vec![filter(matches(f("@message"), "(?i)timeout|a+"))]).is_empty());
    let equal = |field: &str, text: Expr| filter(binary(f(field), BinaryOp::Equal, text));
    assert_eq!(required(vec![equal("level", t("ERROR"))]), [clause(&["ERROR", "\\u"])]);
    assert!(required(vec![equal("level", t("a\"b"))]).is_empty(), "it is escaped in JSON");
    assert!(required(vec![equal("status", t("200"))]).is_empty(), "2e2 is equal");
    assert!(required(vec![equal("status", n(200.0))]).is_empty());
    assert!(required(vec![filter(not(like(f("@message"), "abc")))]).is_empty());
    assert_eq!(
        required(vec![glob(&["[", "] ", ""], &["level", "rest"]), equal("level", t("a b"))]),
        [clause(&["a b"])]
    );
    let upper = Command::Fields(vec![column("level", call(Function::ToUpper, vec![f("level")]))]);
    assert!(required(vec![upper, equal("level", t("ERROR"))]).is_empty());
    assert!(required(vec![Command::Limit(5), equal("level", t("ERROR"))]).is_empty());
    let either = binary(like(f("@message"), "abc"), BinaryOp::Or, like(f("x"), "def"));
    assert_eq!(required(vec![filter(either)]), [clause(&["\\u", "abc", "def"])]);
    let both = binary(like(f("@message"), "abc"), BinaryOp::And, within(f("x"), vec![t("k1"), t("k2")]));
    assert_eq!(required(vec![filter(both)]).len(), 2);
}

#[test]
fn memory_is_bounded_over_all_workers() {
    let context = Context { memory_max: 10_000, ..context() };
    let many: Vec<String> =
        (0..1_000).map(|i| format!("{{\"k\":\"{i}\",\"w\":\"{}\"}}", "xyz".repeat(i % 100))).collect();
    let many = lines(&many.iter().map(String::as_str).collect::<Vec<_>>());
    for (commands, name) in [
        (vec![stats(vec![count()], &["k"])], "stats"),
        (vec![sort(&[("k", false)])], "sort"),
        (vec![Command::Dedup { by: vec![f("k")], keep: 1 }], "dedup"),
        (vec![Command::Pattern(f("@message"))], "pattern"),
    ] {
        let plan = Plan::new(&query(commands), context.clone()).unwrap();
        let (mut a, mut b) = (plan.worker(), plan.worker());
        let fed = many
            .chunks(2)
            .try_for_each(|two| two.iter().zip([&mut a, &mut b]).try_for_each(|(line, worker)| worker.feed(line)));
        assert_eq!(fed, Err(PlanError::Memory { command: name, max: 10_000 }));
        assert!(a.memory() + b.memory() > 10_000);
    }
    let plan = Plan::new(&query(vec![Command::Limit(20)]), Context { memory_max: 1 << 20, ..context.clone() }).unwrap();
    let mut worker = plan.worker();
    many.iter().rev().take(20).for_each(|line| worker.feed(line).unwrap());
    let enough = worker.memory();
    many.iter().rev().skip(20).for_each(|line| worker.feed(line).unwrap());
    assert_eq!(worker.memory(), enough, "rows that come in order are not kept in vain");
    let few = vec![sort(&[("k", true)]), Command::Limit(3), fields(&["k"])];
    assert_eq!(
        table(&answer_in(context, few, &many).unwrap()),
        ["999", "998", "997"],
        "the others are dropped in time"
    );
}

#[test]
fn columns_that_grow_and_grow_become_missing() {
    let twice = |at: usize| {
        let of = if at == 0 { f("@message") } else { f(&format!("c{}", at - 1)) };
        Command::Fields(vec![column(&format!("c{at}"), call(Function::Concat, vec![of.clone(), of]))])
    };
    let doubled = (0..300).map(twice).chain([display(&["c2", "c299"])]).collect();
    let copies = (0..300)
        .map(|at| Command::Fields(vec![column(&format!("d{at}"), call(Function::ToUpper, vec![f("@message")]))]));
    let last = column("size", call(Function::Strlen, vec![f("d299")]));
    let copied = copies.chain([Command::Fields(vec![last]), display(&["size"])]).collect();
    assert_eq!(table(&answer(doubled, &lines(&["x"]))), ["xxxxxxxx | "]);
    assert_eq!(table(&answer(copied, &lines(&["x".repeat(100_000).as_str()]))), ["-"], "30 MB are too much");
}

#[test]
fn plans_go_to_threads() {
    fn goes<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + 'static>() {}
    goes::<Worker>();
    is_shared::<Plan>();
}

#[test]
fn bad_queries_are_refused() {
    let refused = |commands| Plan::new(&query(commands), context()).unwrap_err().to_string();
    assert_eq!(
        refused(vec![Command::Filter(agg(Aggregate::Count, vec![]))]),
        "Count is a function of many rows; it belongs in stats"
    );
    assert_eq!(refused(vec![Command::Filter(call(Function::Abs, vec![]))]), "Abs has the wrong arguments");
    let percentile = agg(Aggregate::Percentile, vec![f("x"), n(101.0)]);
    assert_eq!(refused(vec![stats(vec![column("p", percentile)], &[])]), "Percentile has the wrong arguments");
    let deep = (0..200).fold(f("x"), |expr, _| not(expr));
    assert_eq!(refused(vec![Command::Filter(deep)]), "an expression is nested deeper than 128");
    let wide = (0..2_000).fold(f("x"), |expr, _| binary(expr, BinaryOp::Or, f("y")));
    assert!(Plan::new(&query(vec![Command::Filter(wide)]), context()).is_ok(), "long is not deep");
}
