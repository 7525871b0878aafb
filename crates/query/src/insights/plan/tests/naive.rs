//! A second engine: slow, simple, one command after the other over all rows, to compare the first with.

use super::*;
use crate::log_fields;
use std::cmp::Ordering;

/// A value.
#[derive(Debug, Clone, PartialEq)]
enum V {
    Null,
    Number(f64),
    Time(i64),
    Text(String),
}

impl V {
    fn truth(holds: bool) -> Self {
        V::Number(f64::from(u8::from(holds)))
    }

    fn number(&self) -> Option<f64> {
        match self {
            V::Null => None,
            V::Number(number) => Some(*number),
            V::Time(ms) => Some(*ms as f64),
            V::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        }
    }

    fn text(&self) -> Option<String> {
        match self {
            V::Null => None,
            V::Number(number) if *number == number.trunc() => Some(format!("{number:.0}")),
            V::Number(number) => Some(format!("{number:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()),
            V::Time(ms) => {
                let iso = Timestamp(*ms).iso_millis();
                Some(iso.replace('T', " ").trim_end_matches('Z').to_owned())
            }
            V::Text(text) => Some(text.clone()),
        }
    }

    fn is_true(&self) -> bool {
        *self == V::Text("true".into()) || self.number().is_some_and(|number| number != 0.0)
    }

    fn class(&self) -> u8 {
        match (self, self.number()) {
            (V::Null, _) => 2,
            (_, Some(_)) => 0,
            _ => 1,
        }
    }

    fn order(&self, other: &V) -> Ordering {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap(),
            _ => self.class().cmp(&other.class()).then(self.text().cmp(&other.text())),
        }
    }

    fn directed(&self, other: &V, is_descending: bool) -> Ordering {
        if is_descending && *self != V::Null && *other != V::Null { other.order(self) } else { self.order(other) }
    }
}

/// A row: the columns it has been given, and the event it is, if it is one.
#[derive(Clone)]
struct Cells<'l> {
    columns: BTreeMap<String, V>,
    line: Option<&'l Line>,
    /// What `stats` computed, by its expressions.
    computed: Vec<(Expr, V)>,
}

impl Cells<'_> {
    fn get(&self, name: &str) -> V {
        if let Some(value) = self.columns.get(name) {
            return value.clone();
        }
        let Some(line) = self.line else { return V::Null };
        match name {
            "@timestamp" => V::Time(line.at),
            "@message" => V::Text(line.text.clone()),
            "@logStream" => V::Text(line.stream().into()),
            name => {
                let found = log_fields::field(&line.text, &FieldPath::parse(name));
                found.map_or(V::Null, |text| V::Text(text.into_owned()))
            }
        }
    }

    fn value(&self, expr: &Expr) -> V {
        if let Some((_, value)) = self.computed.iter().find(|(known, _)| known == expr) {
            return value.clone();
        }
        match expr {
            Expr::Field(name) => self.get(name),
            Expr::Literal(Literal::Number(number)) => V::Number(*number),
            Expr::Literal(Literal::Text(text)) => V::Text(text.clone()),
            Expr::Unary(UnaryOp::Not, operand) => V::truth(!self.value(operand).is_true()),
            Expr::Binary(op, left, right) => self.binary(*op, &self.value(left), &self.value(right)),
            Expr::Like { text, pattern, is_negated } => {
                let holds = self.value(text).text().is_some_and(|text| {
                    let found = match pattern {
                        LikePattern::Contains(part) => text.contains(part.as_str()),
                        LikePattern::Regex(regex) => regex.0.is_match(&text),
                    };
                    found != *is_negated
                });
                V::truth(holds)
            }
            Expr::In { value, list: InList::Values(values), is_negated } => {
                let value = self.value(value);
                let equal = |other: &Expr| self.binary(BinaryOp::Equal, &value, &self.value(other)).is_true();
                V::truth(value != V::Null && values.iter().any(equal) != *is_negated)
            }
            Expr::Call(function, arguments) => self.call(*function, arguments),
            other => panic!("not generated: {other:?}"),
        }
    }

    fn binary(&self, op: BinaryOp, a: &V, b: &V) -> V {
        let arithmetic = |result: fn(f64, f64) -> f64| match (a.number(), b.number()) {
            (Some(a), Some(b)) if result(a, b).is_finite() => V::Number(result(a, b)),
            _ => V::Null,
        };
        let compare = |holds: fn(Ordering) -> bool| {
            if *a == V::Null || *b == V::Null {
                return V::truth(false);
            }
            let time = |text: &str| model::Timestamp::parse_iso(text).map(|time| time.0);
            let order = match (a.number(), b.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b).unwrap(),
                _ => match (a, b) {
                    (V::Time(a), V::Text(b)) if time(b).is_some() => Some(*a).cmp(&time(b)),
                    (V::Text(a), V::Time(b)) if time(a).is_some() => time(a).cmp(&Some(*b)),
                    _ => a.text().cmp(&b.text()),
                },
            };
            V::truth(holds(order))
        };
        match op {
            BinaryOp::And => V::truth(a.is_true() && b.is_true()),
            BinaryOp::Or => V::truth(a.is_true() || b.is_true()),
            BinaryOp::Equal => compare(Ordering::is_eq),
            BinaryOp::NotEqual => compare(Ordering::is_ne),
            BinaryOp::Less => compare(Ordering::is_lt),
            BinaryOp::LessEqual => compare(Ordering::is_le),
            BinaryOp::Greater => compare(Ordering::is_gt),
            BinaryOp::GreaterEqual => compare(Ordering::is_ge),
            BinaryOp::Add => arithmetic(|a, b| a + b),
            BinaryOp::Subtract => arithmetic(|a, b| a - b),
            BinaryOp::Multiply => arithmetic(|a, b| a * b),
            other => panic!("not generated: {other:?}"),
        }
    }

    fn call(&self, function: Function, arguments: &[Expr]) -> V {
        let value = |at: usize| self.value(&arguments[at]);
        match function {
            Function::IsPresent => V::truth(value(0) != V::Null),
            Function::Coalesce => {
                arguments.iter().map(|argument| self.value(argument)).find(|value| *value != V::Null).unwrap_or(V::Null)
            }
            Function::ToUpper => value(0).text().map_or(V::Null, |text| V::Text(text.to_uppercase())),
            Function::Strlen => value(0).text().map_or(V::Null, |text| V::Number(text.chars().count() as f64)),
            Function::Concat => V::Text(arguments.iter().filter_map(|argument| self.value(argument).text()).collect()),
            Function::Bin => match (self.get("@timestamp"), &arguments[0]) {
                (V::Time(ms), Expr::Literal(Literal::Duration(Period { count, unit: Unit::Second }))) => {
                    V::Time(ms - ms.rem_euclid(i64::from(*count) * 1_000))
                }
                (V::Null, _) => V::Null,
                other => panic!("not generated: {other:?}"),
            },
            other => panic!("not generated: {other:?}"),
        }
    }
}

/// The rows of a query, as texts.
pub fn rows(query: &Query, lines: &[Line], limit: usize) -> Vec<Vec<Option<String>>> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by(|a, b| b.at.cmp(&a.at).then(b.number.cmp(&a.number)));
    let mut rows: Vec<Cells<'_>> =
        lines.into_iter().map(|line| Cells { columns: BTreeMap::new(), line: Some(line), computed: vec![] }).collect();
    let (mut shown, mut chosen, mut displayed): (Vec<String>, bool, Option<Vec<String>>) = (vec![], false, None);
    let show = |shown: &mut Vec<String>, name: &String| {
        if !shown.contains(name) {
            shown.push(name.clone());
        }
    };
    for command in &query.commands {
        match command {
            Command::Fields(columns) | Command::Display(columns) => {
                for row in &mut rows {
                    for column in columns {
                        let value = row.value(&column.value);
                        row.columns.insert(column.name.clone(), value);
                    }
                }
                if matches!(command, Command::Display(_)) {
                    let mut names = vec![];
                    columns.iter().for_each(|column| show(&mut names, &column.name));
                    displayed = Some(names);
                } else {
                    columns.iter().for_each(|column| show(&mut shown, &column.name));
                    chosen = true;
                }
            }
            Command::Filter(condition) => rows.retain(|row| row.value(condition).is_true()),
            Command::Parse { from, pattern: ParsePattern::Glob { texts, names } } => {
                for row in &mut rows {
                    let found = row.value(from).text().and_then(|text| captured(&text, texts));
                    for (at, name) in names.iter().enumerate() {
                        let value = found.as_ref().map_or(V::Null, |found| V::Text(found[at].clone()));
                        row.columns.insert(name.clone(), value);
                    }
                }
                names.iter().for_each(|name| show(&mut shown, name));
            }
            Command::Sort(keys) => rows.sort_by(|a, b| {
                let order = |key: &SortKey| a.value(&key.value).directed(&b.value(&key.value), key.is_descending);
                keys.iter().map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            Command::Limit(count) => rows.truncate(*count as usize),
            Command::Skip(count) => drop(rows.drain(..(*count as usize).min(rows.len()))),
            Command::Dedup { by, keep } => {
                let mut seen: Vec<Vec<Option<String>>> = Vec::new();
                rows.retain(|row| {
                    let key: Vec<_> = by.iter().map(|expr| row.value(expr).text()).collect();
                    if key.contains(&None) {
                        return true;
                    }
                    seen.push(key.clone());
                    seen.iter().filter(|other| **other == key).count() as u64 <= *keep
                });
            }
            Command::Stats { values, by } => {
                rows = grouped(&rows, values, by);
                shown = vec![];
                by.iter().chain(values).for_each(|column| show(&mut shown, &column.name));
                (chosen, displayed) = (true, None);
            }
            Command::Reverse => rows.reverse(),
            Command::FillDown(names) => {
                for name in names {
                    let mut last = V::Null;
                    for row in &mut rows {
                        let value = row.get(name);
                        last = if value == V::Null { last } else { value };
                        row.columns.insert(name.clone(), last.clone());
                    }
                }
            }
            Command::Window(window) => {
                let column = &window.columns[0];
                let values: Vec<V> = (0..rows.len()).map(|at| windowed(&rows, at, window)).collect();
                rows.iter_mut().zip(values).for_each(|(row, value)| _ = row.columns.insert(column.name.clone(), value));
                show(&mut shown, &column.name);
                if let Some(names) = &mut displayed {
                    show(names, &column.name);
                }
            }
            other => panic!("not generated: {other:?}"),
        }
    }
    rows.truncate(limit);
    let defaults = ["@timestamp".to_owned(), "@message".to_owned()];
    let names = displayed.unwrap_or_else(|| {
        let mut names = if chosen { vec![] } else { defaults.to_vec() };
        shown.iter().for_each(|name| show(&mut names, name));
        names
    });
    rows.iter().map(|row| names.iter().map(|name| row.get(name).text()).collect()).collect()
}

/// The value of a window's only column for one row.
fn windowed(rows: &[Cells<'_>], at: usize, window: &Window) -> V {
    let key = |row: &Cells<'_>| window.partition.iter().map(|expr| row.value(expr).text()).collect::<Vec<_>>();
    let order = |a: &Cells<'_>, b: &Cells<'_>| {
        let order = |key: &SortKey| a.value(&key.value).directed(&b.value(&key.value), key.is_descending);
        window.order.iter().map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut part: Vec<usize> = (0..rows.len()).filter(|other| key(&rows[*other]) == key(&rows[at])).collect();
    part.sort_by(|a, b| order(&rows[*a], &rows[*b]));
    let place = part.iter().position(|other| *other == at).unwrap() as i64;
    let column = &window.columns[0];
    let lasts = part.iter().rposition(|other| order(&rows[*other], &rows[at]).is_eq()).unwrap() as i64;
    let first = column.frame.start.map_or(0, |start| place + start);
    let last = column.frame.end.map_or(part.len() as i64 - 1, |end| place + end);
    let last = if column.frame.has_peers { last.max(lasts) } else { last };
    let is_cut = first < 0 || last >= part.len() as i64;
    let framed: Vec<&Cells<'_>> =
        (first.max(0)..=last.min(part.len() as i64 - 1)).map(|place| &rows[part[place as usize]]).collect();
    match &column.value {
        WindowValue::RowNumber => V::Number(place as f64 + 1.0),
        WindowValue::Rank => {
            let before = part.iter().filter(|other| order(&rows[**other], &rows[at]).is_lt()).count();
            V::Number(before as f64 + 1.0)
        }
        WindowValue::Shifted(of, by, _) => {
            let from = place - by;
            let from = usize::try_from(from).ok().and_then(|from| part.get(from));
            from.map_or(V::Null, |from| rows[*from].value(of))
        }
        WindowValue::Aggregate(..) if column.frame.is_whole && is_cut => V::Null,
        WindowValue::Aggregate(function, of) => aggregate(&Expr::Aggregate(*function, of.clone()), &framed),
        other => panic!("not generated: {other:?}"),
    }
}

fn captured(text: &str, texts: &[String]) -> Option<Vec<String>> {
    let escaped: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
    let end = if texts.last().unwrap().is_empty() { "$" } else { "" };
    let regex = regex::Regex::new(&format!("(?s){}{end}", escaped.join("(.*?)"))).unwrap();
    let found = regex.captures(text)?;
    Some(found.iter().skip(1).map(|group| group.unwrap().as_str().to_owned()).collect())
}

fn grouped<'l>(rows: &[Cells<'l>], values: &[Column], by: &[Column]) -> Vec<Cells<'l>> {
    let mut groups: Vec<(Vec<V>, Vec<&Cells<'_>>)> = Vec::new();
    for row in rows {
        let key: Vec<V> = by.iter().map(|column| row.value(&column.value)).collect();
        let same = |known: &[V]| known.iter().zip(&key).all(|(a, b)| a.text() == b.text());
        match groups.iter_mut().find(|(known, _)| same(known)) {
            Some((_, members)) => members.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups.sort_by(|(a, _), (b, _)| {
        let order = |(a, b): (&V, &V)| match (a, b) {
            (V::Time(a), V::Time(b)) => b.cmp(a),
            _ => a.order(b).then(a.text().cmp(&b.text())),
        };
        a.iter().zip(b).map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    let all_values = values;
    let row = |(key, members): (Vec<V>, Vec<&Cells<'_>>)| {
        let values = values.iter().map(|column| aggregate(&column.value, &members));
        let all: Vec<(&Column, V)> = by.iter().chain(all_values).zip(key.into_iter().chain(values)).collect();
        let columns = all.iter().map(|(column, value)| (column.name.clone(), value.clone())).collect();
        let calls = all.into_iter().filter(|(column, _)| !matches!(column.value, Expr::Field(_) | Expr::Literal(_)));
        Cells { columns, line: None, computed: calls.map(|(column, value)| (column.value.clone(), value)).collect() }
    };
    groups.into_iter().map(row).collect()
}

fn aggregate(expr: &Expr, rows: &[&Cells<'_>]) -> V {
    let (function, arguments) = match expr {
        Expr::Aggregate(function, arguments) => (function, arguments),
        Expr::Binary(op, left, right) => return rows[0].binary(*op, &aggregate(left, rows), &aggregate(right, rows)),
        other => panic!("not generated: {other:?}"),
    };
    let Some(of) = arguments.first() else { return V::Number(rows.len() as f64) };
    let all: Vec<(i64, V)> = rows
        .iter()
        .map(|row| (row.line.map_or(0, |line| line.at), row.value(of)))
        .filter(|(_, value)| *value != V::Null)
        .collect();
    let values: Vec<V> = all.iter().map(|(_, value)| value.clone()).collect();
    let mut numbers: Vec<f64> = values.iter().filter_map(V::number).collect();
    let by_value = |a: &V, b: &V| a.order(b).then(a.text().cmp(&b.text()));
    let as_number = |value: V| value.number().map_or(value, V::Number);
    let (sum, count) = (numbers.iter().sum::<f64>(), numbers.len() as f64);
    match function {
        Aggregate::Count => V::Number(values.len() as f64),
        Aggregate::CountDistinct => {
            let texts: std::collections::BTreeSet<_> = values.iter().map(V::text).collect();
            V::Number(texts.len() as f64)
        }
        Aggregate::Min => values.into_iter().min_by(by_value).map_or(V::Null, as_number),
        Aggregate::Max => values.into_iter().max_by(by_value).map_or(V::Null, as_number),
        Aggregate::SortsFirst => values.into_iter().min_by(by_value).unwrap_or(V::Null),
        Aggregate::SortsLast => values.into_iter().max_by(by_value).unwrap_or(V::Null),
        Aggregate::Earliest => {
            all.into_iter().min_by(|(a, x), (b, y)| a.cmp(b).then(by_value(x, y))).map_or(V::Null, |(_, value)| value)
        }
        Aggregate::Latest => {
            all.into_iter().max_by(|(a, x), (b, y)| a.cmp(b).then(by_value(x, y))).map_or(V::Null, |(_, value)| value)
        }
        _ if numbers.is_empty() => V::Null,
        Aggregate::Sum => V::Number(sum),
        Aggregate::Avg => V::Number(sum / count),
        Aggregate::Stddev => {
            let mean = sum / count;
            V::Number((numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / count).sqrt())
        }
        Aggregate::Percentile => {
            let Expr::Literal(Literal::Number(percent)) = arguments[1] else { panic!("not generated") };
            numbers.sort_by(f64::total_cmp);
            let at_or_below = |number: &&f64| numbers.iter().filter(|other| *other <= *number).count() as f64;
            let first = numbers.iter().find(|number| at_or_below(number) >= percent / 100.0 * count - 1e-9);
            V::Number(*first.unwrap())
        }
        other => panic!("not generated: {other:?}"),
    }
}
