//! `Scope`: what a query has said so far about its columns.

use super::ast::{Aggregate, Expr, Function, Literal, Window};
use std::collections::{HashMap, HashSet};

/// Columns, as far as reading the rest of a query depends on them.
#[derive(Debug, Default)]
pub struct Scope {
    /// Those that may hold maps or lists: a dot behind them asks for a member.
    pub structures: HashSet<String>,
    /// Those that rows have behind `stats`; `None` where rows have all fields of events.
    pub columns: Option<HashSet<String>>,
    /// Aggregates may stand here.
    pub is_stats: bool,
    /// SQL: windows may stand here.
    pub may_have_windows: bool,
    /// SQL: windows that were read, each with one column.
    pub windows: Vec<Window>,
    /// PPL: names of the members of columns that are objects.
    pub members: HashMap<String, Vec<String>>,
    /// Where queries within it stand.
    pub subqueries: Vec<(usize, usize)>,
    /// The query stands within another one.
    pub is_subquery: bool,
    /// PPL: the columns that are shown, where a command has said which.
    pub shown: Option<Vec<String>>,
    /// PPL: a column was computed after what said so, which must be said again.
    pub is_shown_stale: bool,
}

impl Scope {
    /// From here on there is this column.
    pub fn define(&mut self, name: &str, value: &Expr) {
        if self.may_be_structure(value) {
            self.structures.insert(name.to_owned());
        } else {
            self.structures.remove(name);
        }
        if let Expr::Call(Function::JsonObject, pairs) = value {
            let names = pairs.iter().step_by(2).filter_map(|name| match name {
                Expr::Literal(Literal::Text(name)) => Some(name.clone()),
                _ => None,
            });
            self.members.insert(name.to_owned(), names.collect());
        } else {
            self.members.remove(name);
        }
        if let Some(columns) = &mut self.columns {
            columns.insert(name.to_owned());
        }
    }

    /// From here on these columns are shown, and those that are computed later.
    pub fn show_all(&mut self, names: Vec<String>) {
        (self.shown, self.is_shown_stale) = (Some(names), false);
    }

    /// Shows a column that has been computed, in the place of another one or at the end.
    pub fn show(&mut self, name: &str, in_place_of: Option<&str>) {
        let Some(shown) = &mut self.shown else { return };
        self.is_shown_stale = true;
        let place = shown.iter().position(|known| in_place_of == Some(known.as_str()));
        match place {
            Some(place) => name.clone_into(&mut shown[place]),
            None if shown.iter().all(|known| known != name) => shown.push(name.to_owned()),
            None => {}
        }
    }

    /// True when `name` is a column behind `stats`.
    pub fn is_column(&self, name: &str) -> bool {
        self.columns.as_ref().is_some_and(|columns| columns.contains(name))
    }

    fn may_be_structure(&self, value: &Expr) -> bool {
        match value {
            Expr::Field(name) => self.structures.contains(name),
            Expr::Member(..) | Expr::Aggregate(Aggregate::Values, _) => true,
            Expr::Call(Function::JsonParse | Function::Split | Function::JsonArray, _) => true,
            Expr::Call(Function::JsonObject | Function::JsonKeys, _) => true,
            Expr::Aggregate(Aggregate::Earliest | Aggregate::Latest, arguments)
            | Expr::Call(Function::Coalesce, arguments) => arguments.iter().any(|part| self.may_be_structure(part)),
            Expr::Case(cases, otherwise) => {
                let mut values = cases.iter().map(|(_, value)| value).chain(otherwise.as_deref());
                values.any(|value| self.may_be_structure(value))
            }
            _ => false,
        }
    }
}
