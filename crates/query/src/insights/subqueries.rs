//! Queries within a query: those of `in`, `join`, `appendcols` and of unions.

use super::ast::{Column, Command, Expr, Function, InList, Query, Window, WindowColumn, WindowValue};
use super::walk;

/// The queries within a query, command by command; not those within these.
pub(super) fn of(query: &Query) -> Vec<&Query> {
    let mut found = Vec::new();
    for command in &query.commands {
        if let Command::Join { query, .. } | Command::AppendColumns { query, .. } | Command::Combine { query, .. } =
            command
        {
            found.push(&**query);
        }
        let queries = expressions(command).into_iter().flat_map(parts).filter_map(|expr| match expr {
            Expr::In { list: InList::Query(query), .. } => Some(&**query),
            _ => None,
        });
        found.extend(queries);
    }
    found
}

/// The same, ready to run: those of `join` show the fields that the query names with their prefix.
pub(super) fn to_run(query: &Query) -> Vec<Query> {
    let joins = |inner: &Query| {
        query.commands.iter().find_map(|command| match command {
            Command::Join { right: Some(right), query, .. } if **query == *inner => Some(right),
            _ => None,
        })
    };
    of(query)
        .into_iter()
        .map(|inner| joins(inner).map_or_else(|| inner.clone(), |right| showing(inner, right, query)))
        .collect()
}

fn showing(inner: &Query, prefix: &str, outer: &Query) -> Query {
    let mut inner = inner.clone();
    let chooses =
        |command: &Command| matches!(command, Command::Stats { .. } | Command::Display(_) | Command::Pattern(_));
    if inner.commands.iter().any(chooses) {
        return inner;
    }
    let mut names: Vec<String> = Vec::new();
    let mut note = |expr: &Expr| {
        if let Expr::Field(name) = expr
            && let Some(own) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.'))
            && !names.iter().any(|known| known == own)
        {
            names.push(own.to_owned());
        }
    };
    for command in &outer.commands {
        expressions(command).into_iter().flat_map(parts).for_each(&mut note);
    }
    let columns: Vec<Column> =
        names.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name }).collect();
    if !columns.is_empty() {
        inner.commands.push(Command::Fields(columns));
    }
    inner
}

impl Query {
    /// True when it shows what data protection masks; other queries within it aside.
    pub fn is_unmasking(&self) -> bool {
        let is_unmask = |part: &&Expr| matches!(part, Expr::Call(Function::Unmask, _));
        self.commands.iter().any(|command| {
            matches!(command, Command::Unmask(_))
                || expressions(command).into_iter().any(|expr| parts(expr).iter().any(is_unmask))
        })
    }
}

/// The expressions of a command.
fn expressions(command: &Command) -> Vec<&Expr> {
    match command {
        Command::Fields(columns) | Command::Display(columns) => columns.iter().map(|column| &column.value).collect(),
        Command::Filter(expr) | Command::FilterIndex(expr) | Command::Pattern(expr) => vec![expr],
        Command::Parse { from, .. } => vec![from],
        Command::Stats { values, by } => values.iter().chain(by).map(|column| &column.value).collect(),
        Command::Sort(keys) => keys.iter().map(|key| &key.value).collect(),
        Command::Dedup { by, .. } | Command::Unmask(by) => by.iter().collect(),
        Command::Unnest { list, .. } => vec![list],
        Command::Lookup { keys, .. } => keys.iter().map(|(_, expr)| expr).collect(),
        Command::Join { on, .. } => on.iter().flat_map(|(left, right)| [left, right]).collect(),
        Command::Window(window) => of_window(window),
        Command::Outlier(outlier) => outlier.fields.iter().collect(),
        Command::Sessionize { by, .. } => by.iter().collect(),
        Command::CidrLookup { address, .. } => vec![address],
        Command::RelevantFields { fields, condition } => fields.iter().chain([condition]).collect(),
        Command::Limit(_) | Command::Skip(_) | Command::Diff(_) | Command::Anomaly | Command::AddTotals { .. } => {
            Vec::new()
        }
        Command::Reverse | Command::FillDown(_) | Command::FillMissing(_) | Command::Estimate | Command::Hide(_) => {
            Vec::new()
        }
        Command::AppendColumns { .. } | Command::Combine { .. } => Vec::new(),
    }
}

fn of_window(window: &Window) -> Vec<&Expr> {
    let columns = window.columns.iter().flat_map(of_column);
    columns.chain(&window.partition).chain(window.order.iter().map(|key| &key.value)).collect()
}

fn of_column(column: &WindowColumn) -> Vec<&Expr> {
    match &column.value {
        WindowValue::Shifted(value, _, default) => std::iter::once(value).chain(default).collect(),
        WindowValue::First(value) | WindowValue::Last(value) | WindowValue::Nth(value, _) => vec![value],
        WindowValue::Weighted(value) => vec![value],
        WindowValue::Aggregate(_, arguments) => arguments.iter().collect(),
        _ => Vec::new(),
    }
}

/// Every part of an expression, however deep it is.
fn parts(expr: &Expr) -> Vec<&Expr> {
    let mut found = vec![expr];
    let mut at = 0;
    while let Some(expr) = found.get(at).copied() {
        found.extend(walk::children(expr));
        at += 1;
    }
    found
}
