//! From the text of WHERE to a condition.

use super::label;
use super::words::{Token, Word, Words};
use crate::metrics_insights::condition::{Condition, Wanted};
use crate::metrics_insights::{Label, SyntaxError};
use model::limits::INSIGHTS_NESTING_MAX;

/// Reads what follows WHERE.
pub fn condition(words: &mut Words<'_>) -> Result<Condition, SyntaxError> {
    or(words, 0)
}

fn or(words: &mut Words<'_>, depth: usize) -> Result<Condition, SyntaxError> {
    let mut conditions = vec![and(words, depth)?];
    while words.eat_keyword("OR") {
        conditions.push(and(words, depth)?);
    }
    Ok(one_or(conditions, Condition::Any))
}

fn and(words: &mut Words<'_>, depth: usize) -> Result<Condition, SyntaxError> {
    let mut conditions = vec![not(words, depth)?];
    while words.eat_keyword("AND") {
        conditions.push(not(words, depth)?);
    }
    Ok(one_or(conditions, Condition::All))
}

fn not(words: &mut Words<'_>, depth: usize) -> Result<Condition, SyntaxError> {
    let mut is_negated = false;
    while words.eat_keyword("NOT") {
        is_negated = !is_negated;
    }
    let column = words.column();
    let condition = if words.eat_symbol('(') {
        if depth == INSIGHTS_NESTING_MAX {
            let message = format!("parentheses nest at most {INSIGHTS_NESTING_MAX} deep");
            return Err(SyntaxError { message, column });
        }
        let inner = or(words, depth + 1)?;
        if !words.eat_symbol(')') {
            return Err(words.unexpected("AND, OR or ')'"));
        }
        inner
    } else {
        comparison(words)?
    };
    Ok(negated_if(is_negated, condition))
}

/// The only condition, or all of them joined.
fn one_or(mut conditions: Vec<Condition>, join: impl Fn(Vec<Condition>) -> Condition) -> Condition {
    if conditions.len() > 1 {
        return join(conditions);
    }
    conditions.pop().unwrap_or_else(|| join(Vec::new()))
}

fn negated_if(is_negated: bool, condition: Condition) -> Condition {
    if is_negated { Condition::Not(Box::new(condition)) } else { condition }
}

/// `label = value`, `label != value`, `label [NOT] IN (value, …)`.
fn comparison(words: &mut Words<'_>) -> Result<Condition, SyntaxError> {
    let label = label(words)?;
    let is_equal = match words.peek() {
        Some(Word { token: Token::Equal, .. }) => true,
        Some(Word { token: Token::NotEqual, .. }) => false,
        _ => {
            let is_negated = words.eat_keyword("NOT");
            if !words.eat_keyword("IN") {
                return Err(words.unexpected(if is_negated { "IN" } else { "=, !=, IN or NOT IN" }));
            }
            let values = list(words, &label)?;
            return Ok(negated_if(is_negated, Condition::Is(label, values)));
        }
    };
    words.advance();
    let value = value(words, &label)?;
    Ok(negated_if(!is_equal, Condition::Is(label, vec![value])))
}

fn list(words: &mut Words<'_>, label: &Label) -> Result<Vec<Wanted>, SyntaxError> {
    words.symbol('(')?;
    let mut values = vec![value(words, label)?];
    while words.eat_symbol(',') {
        values.push(value(words, label)?);
    }
    if words.eat_symbol(')') { Ok(values) } else { Err(words.unexpected("a comma or ')'")) }
}

fn value(words: &mut Words<'_>, label: &Label) -> Result<Wanted, SyntaxError> {
    let is_account = *label == Label::Account;
    if is_account && words.eat_keyword("CURRENT_ACCOUNT_ID") {
        words.symbol('(')?;
        words.symbol(')')?;
        return Ok(Wanted::CurrentAccount);
    }
    let text = match words.peek().map(|word| &word.token) {
        Some(Token::Value(text)) => text.clone(),
        Some(Token::Bare(digits)) if is_account && digits.bytes().all(|b| b.is_ascii_digit()) => (*digits).to_owned(),
        _ => return Err(words.unexpected("a value in single quotes")),
    };
    words.advance();
    Ok(Wanted::Text(text))
}
