//! Insights QL, command by command; errors and where they are; queries in use; any text at all.

mod commands;
mod errors;
mod expressions;
mod hostile;
mod in_the_wild;

use crate::insights::ast::{BinaryOp, Column, Command, Expr, Literal};
use crate::insights::parse;

#[track_caller]
fn commands(text: &str) -> Vec<Command> {
    let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(query.source, None, "{text}");
    query.commands
}

#[track_caller]
fn command(text: &str) -> Command {
    let mut commands = commands(text);
    assert_eq!(commands.len(), 1, "{text}");
    commands.pop().expect("one")
}

/// The expression that `filter` is given.
#[track_caller]
fn condition(text: &str) -> Expr {
    match command(&format!("filter {text}")) {
        Command::Filter(condition) => condition,
        other => panic!("{text}: {other:?}"),
    }
}

fn field(name: &str) -> Expr {
    Expr::Field(name.to_owned())
}

fn number(value: f64) -> Expr {
    Expr::Literal(Literal::Number(value))
}

fn text(value: &str) -> Expr {
    Expr::Literal(Literal::Text(value.to_owned()))
}

fn binary(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

fn column(name: &str, value: Expr) -> Column {
    Column { name: name.to_owned(), value }
}
