//! Walks over expressions, queries within them aside.

use super::ast::{Expr, InList};

/// What an expression is directly made of.
pub fn children(value: &Expr) -> Vec<&Expr> {
    match value {
        Expr::Field(_) | Expr::Literal(_) | Expr::Subquery(_) => Vec::new(),
        Expr::Unary(_, of) | Expr::Member(of, _) | Expr::Like { text: of, .. } => vec![of],
        Expr::In { value, list: InList::Query(_), .. } => vec![value],
        Expr::Binary(_, left, right) => vec![left, right],
        Expr::In { value, list: InList::Values(values), .. } => std::iter::once(&**value).chain(values).collect(),
        Expr::Call(_, arguments) | Expr::Aggregate(_, arguments) => arguments.iter().collect(),
        Expr::Case(branches, otherwise) => {
            let branches = branches.iter().flat_map(|(when, then)| [when, then]);
            branches.chain(otherwise.as_deref()).collect()
        }
    }
}

/// The same, to be changed.
pub fn children_mut(value: &mut Expr) -> Vec<&mut Expr> {
    match value {
        Expr::Field(_) | Expr::Literal(_) | Expr::Subquery(_) => Vec::new(),
        Expr::Unary(_, of) | Expr::Member(of, _) | Expr::Like { text: of, .. } => vec![of],
        Expr::In { value, list: InList::Query(_), .. } => vec![value],
        Expr::Binary(_, left, right) => vec![left, right],
        Expr::In { value, list: InList::Values(values), .. } => std::iter::once(&mut **value).chain(values).collect(),
        Expr::Call(_, arguments) | Expr::Aggregate(_, arguments) => arguments.iter_mut().collect(),
        Expr::Case(branches, otherwise) => {
            let branches = branches.iter_mut().flat_map(|(when, then)| [when, then]);
            branches.chain(otherwise.as_deref_mut()).collect()
        }
    }
}

/// How many nodes an expression has.
pub fn size(value: &Expr) -> usize {
    1 + children(value).into_iter().map(size).sum::<usize>()
}

/// True when the tree has more than `levels` levels.
pub fn is_higher_than(value: &Expr, levels: usize) -> bool {
    levels == 0 || children(value).into_iter().any(|child| is_higher_than(child, levels - 1))
}

/// True when an aggregate is part of it.
pub fn has_aggregate(value: &Expr) -> bool {
    matches!(value, Expr::Aggregate(..)) || children(value).into_iter().any(has_aggregate)
}

/// The names of its fields.
pub fn fields(value: &Expr) -> Vec<&str> {
    match value {
        Expr::Field(name) => vec![name],
        other => children(other).into_iter().flat_map(fields).collect(),
    }
}

/// Every field of it, to be changed.
pub fn for_each_field(value: &mut Expr, change: &mut dyn FnMut(&mut String)) {
    match value {
        Expr::Field(name) => change(name),
        other => children_mut(other).into_iter().for_each(|child| for_each_field(child, change)),
    }
}
