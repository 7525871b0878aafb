//! SORT and SLICE: order and parts of arrays.

use std::borrow::Cow;

use super::syntax::{Kind, Node};
use super::{Function, MathError, Series, reduce};

/// How SORT orders: its second and third argument.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    key: Function,
    is_descending: bool,
}

impl Order {
    /// That the arguments of SORT name.
    pub fn of(arguments: &[Node]) -> Result<Self, MathError> {
        let word = |index: usize| match arguments.get(index).map(|node| &node.kind) {
            Some(Kind::Word(word)) => word.as_str(),
            _ => "",
        };
        let error = |index: usize, message: &str| {
            Err(MathError::new(arguments.get(index).map_or(1, |node: &Node| node.column), message))
        };
        let key = match Function::from_name(word(1)) {
            Some(key @ (Function::Avg | Function::Min | Function::Max | Function::Sum)) => key,
            _ => return error(1, "Function 'SORT' takes AVG, MIN, MAX or SUM as its second argument"),
        };
        match word(2) {
            "ASC" => Ok(Self { key, is_descending: false }),
            "DESC" => Ok(Self { key, is_descending: true }),
            _ => error(2, "Function 'SORT' takes ASC or DESC as its third argument"),
        }
    }

    /// The series in this order; those of the same key stay as they are, those without points go last.
    pub fn sort<'a>(self, members: Vec<Cow<'a, Series>>) -> Vec<Cow<'a, Series>> {
        let key = |member: &Series| if member.values.is_empty() { f64::NAN } else { reduce::points(member, self.key) };
        let mut keyed: Vec<(f64, Cow<'a, Series>)> = members.into_iter().map(|member| (key(&member), member)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let by_key = if self.is_descending { b.total_cmp(a) } else { a.total_cmp(b) };
            a.is_nan().cmp(&b.is_nan()).then(by_key)
        });
        keyed.into_iter().map(|(_, member)| member).collect()
    }
}

/// The series from `from` on, before `to`; both may lie behind the end.
pub fn slice(mut members: Vec<Cow<'_, Series>>, from: usize, to: Option<usize>) -> Vec<Cow<'_, Series>> {
    members.truncate(to.unwrap_or(usize::MAX));
    members.drain(..from.min(members.len()));
    members
}

/// A number that counts series: whole and not negative.
pub fn index(value: f64, column: usize) -> Result<usize, MathError> {
    if value >= 0.0 && value.fract() == 0.0 && value <= 1e9 {
        return Ok(value as usize);
    }
    Err(MathError::new(column, "A whole number that is not negative is needed here"))
}
