//! `GROUP BY`, aggregates and `HAVING`: `stats`, and what is computed of its columns.

use super::super::ast::{Column, Command, Expr, Literal};
use super::super::cursor::Parsed;
use super::super::expression::Reader;
use super::super::walk;
use super::{Item, Select};

/// Most aggregates of a query, and most columns that rows are grouped by: a limit of ours, for both are compared with each other and
/// copied.
const COLUMNS_MAX: usize = 100;

/// What `stats` is going to compute.
struct Groups {
    values: Vec<Column>,
    by: Vec<Column>,
}

impl Reader<'_> {
    /// Adds `stats`, what is computed of its columns, and `HAVING`; the names of what is shown.
    pub(super) fn grouped(&mut self, select: &mut Select, commands: &mut Vec<Command>) -> Parsed<Option<Vec<String>>> {
        let Some(items) = select.items.take() else {
            return Err(self.cursor.error_since(0, "SELECT * is not supported with GROUP BY or aggregates"));
        };
        let mut groups = Groups { values: Vec::new(), by: Vec::new() };
        self.check_columns(select.group_by.len())?;
        for item in std::mem::take(&mut select.group_by) {
            groups.by.push(group_column(item, &items));
        }
        let windows: Vec<String> =
            select.windows.iter().flat_map(|window| &window.columns).map(|column| column.name.clone()).collect();
        let (mut computed, mut of_windows) = (Vec::new(), Vec::new());
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let name =
                if names.iter().any(|name| name == item.name()) { item.text.clone() } else { item.name().to_owned() };
            names.push(name.clone());
            if is_aggregated(&item.value) {
                groups.values.push(Column { name, value: item.value });
                continue;
            }
            let range = item.range;
            let value = groups.of_columns(item.value, &windows).map_err(|field| self.not_grouped(&field, range))?;
            if walk::fields(&value).into_iter().any(|field| windows.iter().any(|window| window == field)) {
                of_windows.push(Column { name, value });
            } else if !matches!(&value, Expr::Field(field) if *field == name) {
                computed.push(Column { name, value });
            }
        }
        for window in &mut select.windows {
            for expr in super::window::expressions(window) {
                let value = std::mem::replace(expr, Expr::Literal(Literal::Null));
                *expr = groups.of_columns(value, &names).map_err(|field| self.not_grouped(&field, (0, 0)))?;
            }
        }
        let aliases: Vec<String> = names.iter().chain(&windows).cloned().collect();
        let having = select.having.take();
        let having = having
            .map(|item| groups.of_columns(item.value, &names).map_err(|field| self.not_grouped(&field, item.range)));
        let having = having.transpose()?;
        for (item, _) in &mut select.order_by {
            let value = std::mem::replace(&mut item.value, Expr::Literal(Literal::Null));
            item.value = groups.of_columns(value, &aliases).map_err(|field| self.not_grouped(&field, item.range))?;
        }
        self.check_columns(groups.values.len())?;
        commands.push(Command::Stats { values: groups.values, by: groups.by });
        if !computed.is_empty() {
            commands.push(Command::Fields(computed));
        }
        commands.extend(having.map(Command::Filter));
        commands.extend(std::mem::take(&mut select.windows).into_iter().map(Command::Window));
        if !of_windows.is_empty() {
            commands.push(Command::Fields(of_windows));
        }
        Ok(Some(names))
    }

    fn check_columns(&self, count: usize) -> Parsed<()> {
        if count > COLUMNS_MAX {
            let message = format!("the query has more than {COLUMNS_MAX} columns of groups or aggregates");
            return Err(self.cursor.error_since(0, message));
        }
        Ok(())
    }

    fn not_grouped(&self, field: &str, (start, end): (usize, usize)) -> super::super::QueryError {
        let message = format!("{field} is neither in GROUP BY nor within an aggregate");
        super::super::QueryError::at(self.cursor.text, start, end, message)
    }
}

/// A column that rows are grouped by: an expression, the alias of an item or its number.
fn group_column(group: Item, items: &[Item]) -> Column {
    let numbered = match group.value {
        Expr::Literal(Literal::Number(number)) => (1..=items.len()).find(|index| *index as f64 == number),
        _ => None,
    };
    let item = match (numbered, &group.value) {
        (Some(index), _) => items.get(index - 1),
        (None, Expr::Field(name)) => items.iter().find(|item| item.alias.as_ref() == Some(name)),
        _ => None,
    };
    let item = item.or_else(|| items.iter().find(|item| item.value == group.value));
    match item {
        Some(item) if !walk::has_aggregate(&item.value) => {
            Column { name: item.name().to_owned(), value: item.value.clone() }
        }
        _ if is_window(&group.text) => Column { name: window_start(items), value: group.value },
        _ => Column { name: group.name().to_owned(), value: group.value },
    }
}

/// True of `TUMBLE(…)` and `WINDOW(…)`.
fn is_window(text: &str) -> bool {
    let name = text.split('(').next().unwrap_or_default().trim();
    ["tumble", "window"].iter().any(|window| name.eq_ignore_ascii_case(window))
}

/// What the beginning of a window is called: `window.start` where an item says so.
fn window_start(items: &[Item]) -> String {
    const DOTTED: &str = "window.start";
    let is_dotted = items.iter().any(|item| matches!(&item.value, Expr::Field(field) if field == DOTTED));
    if is_dotted { DOTTED.to_owned() } else { "window_start".to_owned() }
}

/// True when every field of it stands within an aggregate.
fn is_aggregated(value: &Expr) -> bool {
    match value {
        Expr::Aggregate(..) | Expr::Literal(_) => true,
        Expr::Field(_) => false,
        Expr::Call(..) if walk::children(value).is_empty() => false,
        other => walk::children(other).into_iter().all(is_aggregated),
    }
}

impl Groups {
    /// The expression with columns of `stats` in place of aggregates and of what rows are grouped by. The error is a field that is
    /// neither.
    fn of_columns(&mut self, value: Expr, aliases: &[String]) -> Result<Expr, String> {
        if let Some(column) = self.by.iter().chain(&self.values).find(|column| column.value == value) {
            return Ok(Expr::Field(column.name.clone()));
        }
        match value {
            Expr::Field(name) if aliases.contains(&name) || self.by.iter().any(|column| column.name == name) => {
                Ok(Expr::Field(name))
            }
            Expr::Field(name) => Err(name),
            Expr::Aggregate(..) => {
                let name = format!("_aggregate{}", self.values.len());
                self.values.push(Column { name: name.clone(), value });
                Ok(Expr::Field(name))
            }
            mut other => {
                for child in walk::children_mut(&mut other) {
                    let value = std::mem::replace(child, Expr::Literal(Literal::Null));
                    *child = self.of_columns(value, aliases)?;
                }
                Ok(other)
            }
        }
    }
}
