//! Queries within a query: those of `in`, `join`, `appendcols` and of unions, and those in place of values.

use super::ast::{Column, Command, Expr, Function, InList, Join, Query, Window, WindowColumn, WindowValue};
use super::walk;

/// The queries within a query, command by command; not those within these.
pub(super) fn of(query: &Query) -> Vec<&Query> {
    let mut found = Vec::new();
    for command in &query.commands {
        if let Command::Join(Join { query, .. })
        | Command::AppendColumns { query, .. }
        | Command::Combine { query, .. } = command
        {
            found.push(&**query);
        }
        found.extend(expressions(command).into_iter().flat_map(within));
    }
    found
}

/// The same, ready to run: those of `join` show the fields that the query asks of them.
pub(super) fn to_run(query: &Query) -> Vec<Query> {
    let join = |inner: &Query| {
        let is_it = |command: &Command| matches!(command, Command::Join(join) if std::ptr::eq(&*join.query, inner));
        query.commands.iter().position(is_it)
    };
    let to_run = |inner: &Query| match join(inner) {
        Some(at) => joined(query, at).unwrap_or_else(|| inner.clone()),
        None => inner.clone(),
    };
    of(query).into_iter().map(to_run).collect()
}

/// The query of the join at this place with the fields that are asked of it.
fn joined(query: &Query, at: usize) -> Option<Query> {
    let Some(Command::Join(join)) = query.commands.get(at) else { return None };
    if chooses(&join.query) {
        return None;
    }
    let mut names = named(query, at);
    names.extend(keys_only(query, at));
    let columns = names.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name }).collect();
    let mut inner = (*join.query).clone();
    inner.commands.push(Command::Fields(columns));
    Some(inner)
}

/// True when a query says itself what its columns are.
pub(super) fn chooses(query: &Query) -> bool {
    let is_choice =
        |command: &Command| matches!(command, Command::Stats { .. } | Command::Display(_) | Command::Pattern(_));
    query.commands.iter().any(is_choice)
}

/// The fields of the other query of a join that a query names with its prefix, and those that it shows.
fn named(query: &Query, at: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let Some(Command::Join(Join { right: Some(prefix), .. })) = query.commands.get(at) else { return names };
    let is_choice = |command: &Command| {
        matches!(command, Command::Fields(_) | Command::Display(_) | Command::Stats { .. } | Command::Pattern(_))
    };
    if !query.commands[at..].iter().any(is_choice) {
        names.extend(["@timestamp", "@message"].map(str::to_owned));
    }
    let exprs = query.commands.iter().flat_map(expressions).flat_map(parts);
    let own = exprs.filter_map(|expr| match expr {
        Expr::Field(name) => name.strip_prefix(prefix.as_str())?.strip_prefix('.'),
        _ => None,
    });
    for name in own {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The fields that a join compares and that nothing else asks of its other query, when that one does not choose its columns: they
/// are not shown.
pub(super) fn keys_only(query: &Query, at: usize) -> Vec<String> {
    let Some(Command::Join(join)) = query.commands.get(at) else { return Vec::new() };
    if chooses(&join.query) {
        return Vec::new();
    }
    let named = named(query, at);
    let mut keys: Vec<String> = Vec::new();
    for (_, key) in &join.on {
        let Expr::Field(name) = key else { continue };
        let own = join.right.as_ref().and_then(|right| name.strip_prefix(right.as_str())?.strip_prefix('.'));
        let own = own.unwrap_or(name);
        if !named.iter().chain(&keys).any(|known| known == own) {
            keys.push(own.to_owned());
        }
    }
    keys
}

/// The names of the fields that a query reads, other queries within it aside.
pub(super) fn fields(query: &Query) -> impl Iterator<Item = &str> {
    query.commands.iter().flat_map(expressions).flat_map(parts).filter_map(|expr| match expr {
        Expr::Field(name) => Some(name.as_str()),
        _ => None,
    })
}

/// The queries within an expression; not those within these.
pub(super) fn within(expr: &Expr) -> impl Iterator<Item = &Query> {
    parts(expr).into_iter().filter_map(|expr| match expr {
        Expr::In { list: InList::Query(query), .. } | Expr::Subquery(query) => Some(&**query),
        _ => None,
    })
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
        Command::Join(Join { on, condition, .. }) => {
            on.iter().flat_map(|(left, right)| [left, right]).chain(condition).collect()
        }
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
