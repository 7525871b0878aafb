//! From a query's text to `MetricsInsights`.

use super::{Function, LIMIT_MAX, Label, MetricsInsights, OrderBy, QUERY_CHARS_MAX, SyntaxError};
use words::{Token, Words};

mod condition;
mod words;

/// Words that name nothing without quotes.
const KEYWORDS: [&str; 19] = [
    "SELECT", "FROM", "SCHEMA", "WHERE", "AND", "OR", "NOT", "IN", "GROUP", "BY", "ORDER", "ASC", "DESC", "LIMIT",
    "AVG", "COUNT", "MAX", "MIN", "SUM",
];

/// Reads one query.
pub fn query(text: &str) -> Result<MetricsInsights, SyntaxError> {
    if text.chars().count() > QUERY_CHARS_MAX {
        let message = format!("a query has at most {QUERY_CHARS_MAX} characters");
        return Err(SyntaxError { message, column: QUERY_CHARS_MAX + 1 });
    }
    let mut words = Words::of(text)?;
    words.keyword("SELECT")?;
    let function = function(&mut words)?;
    words.symbol('(')?;
    let metric = name(&mut words, "a metric's name")?;
    words.symbol(')')?;
    words.keyword("FROM")?;
    let (namespace, schema) = source(&mut words)?;
    let mut query = MetricsInsights {
        function,
        metric,
        namespace,
        schema,
        condition: None,
        group_by: Vec::new(),
        order_by: None,
        limit: None,
        first_tag: None,
    };
    clauses(&mut words, &mut query)?;
    query.first_tag = words.first_tag.take();
    Ok(query)
}

/// The optional clauses, in their one order.
fn clauses(words: &mut Words<'_>, query: &mut MetricsInsights) -> Result<(), SyntaxError> {
    let mut expected = "WHERE, GROUP BY, ORDER BY, LIMIT or the end of the query";
    if words.eat_keyword("WHERE") {
        query.condition = Some(condition::condition(words)?);
        expected = "AND, OR, GROUP BY, ORDER BY, LIMIT or the end of the query";
    }
    if words.eat_keyword("GROUP") {
        words.keyword("BY")?;
        query.group_by.push(label(words)?);
        while words.eat_symbol(',') {
            let column = words.column();
            let next = label(words)?;
            if query.group_by.contains(&next) {
                return Err(SyntaxError { message: "GROUP BY names this label twice".to_owned(), column });
            }
            query.group_by.push(next);
        }
        expected = "a comma, ORDER BY, LIMIT or the end of the query";
    }
    if words.eat_keyword("ORDER") {
        words.keyword("BY")?;
        let function = function(words)?;
        words.symbol('(')?;
        words.symbol(')')?;
        let descending = words.eat_keyword("DESC");
        let direction_said = descending || words.eat_keyword("ASC");
        query.order_by = Some(OrderBy { function, descending });
        expected =
            if direction_said { "LIMIT or the end of the query" } else { "ASC, DESC, LIMIT or the end of the query" };
    }
    if words.eat_keyword("LIMIT") {
        query.limit = Some(limit(words)?);
        expected = "the end of the query";
    }
    if words.peek().is_some() { Err(words.unexpected(expected)) } else { Ok(()) }
}

fn function(words: &mut Words<'_>) -> Result<Function, SyntaxError> {
    let known = [
        ("AVG", Function::Avg),
        ("COUNT", Function::Count),
        ("MAX", Function::Max),
        ("MIN", Function::Min),
        ("SUM", Function::Sum),
    ];
    let found = known.into_iter().find(|(name, _)| words.eat_keyword(name));
    found.map(|(_, function)| function).ok_or_else(|| words.unexpected("AVG, COUNT, MAX, MIN or SUM"))
}

/// What follows FROM: the namespace, and with SCHEMA its dimensions, sorted.
fn source(words: &mut Words<'_>) -> Result<(String, Option<Vec<String>>), SyntaxError> {
    if !words.eat_keyword("SCHEMA") {
        return Ok((name(words, "a namespace or SCHEMA")?, None));
    }
    words.symbol('(')?;
    let namespace = name(words, "a namespace")?;
    let mut dimensions = Vec::new();
    while words.eat_symbol(',') {
        let column = words.column();
        let dimension = name(words, "a dimension's name")?;
        if dimensions.contains(&dimension) {
            return Err(SyntaxError { message: format!("SCHEMA names the dimension {dimension} twice"), column });
        }
        dimensions.push(dimension);
    }
    if !words.eat_symbol(')') {
        return Err(words.unexpected("a comma or ')'"));
    }
    dimensions.sort();
    Ok((namespace, Some(dimensions)))
}

/// `InstanceId`, `"odd name"`, `tag.key`, `tag."odd key"`, `AWS.AccountId`.
fn label(words: &mut Words<'_>) -> Result<Label, SyntaxError> {
    if !words.is_dotted() {
        return Ok(Label::Dimension(name(words, "a label")?));
    }
    let scope = match words.peek().map(|word| &word.token) {
        Some(Token::Bare(scope)) if scope.eq_ignore_ascii_case("tag") || scope.eq_ignore_ascii_case("AWS") => *scope,
        _ => {
            return Err(
                words.error_here("a name with a dot needs double quotes, unless it is tag.key or AWS.AccountId")
            );
        }
    };
    let column = words.column();
    words.advance();
    words.symbol('.')?;
    if scope.eq_ignore_ascii_case("tag") {
        let key = match words.peek().map(|word| &word.token) {
            // A key may be any word: what follows the dot cannot be a clause.
            Some(Token::Bare(key)) => {
                let key = (*key).to_owned();
                words.advance();
                key
            }
            _ => name(words, "a tag's key")?,
        };
        words.first_tag.get_or_insert_with(|| (key.clone(), column));
        return Ok(Label::Tag(key));
    }
    if words.eat_keyword("AccountId") { Ok(Label::Account) } else { Err(words.unexpected("AccountId")) }
}

/// A quoted name, or a bare one that is no keyword.
fn name(words: &mut Words<'_>, expected: &str) -> Result<String, SyntaxError> {
    let name = match words.peek().map(|word| &word.token) {
        Some(Token::Quoted(name)) if name.is_empty() => return Err(words.error_here("a name cannot be empty")),
        Some(Token::Quoted(name)) => name.clone(),
        Some(Token::Bare(word)) if KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word)) => {
            let message = format!("expected {expected}, found the keyword {word}, which needs double quotes as a name");
            return Err(words.error_here(&message));
        }
        Some(Token::Bare(word)) => (*word).to_owned(),
        _ => return Err(words.unexpected(expected)),
    };
    words.advance();
    Ok(name)
}

fn limit(words: &mut Words<'_>) -> Result<usize, SyntaxError> {
    let number = match words.peek().map(|word| &word.token) {
        Some(Token::Bare(digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if number > LIMIT_MAX => Err(words.error_here(&format!("LIMIT is at most {LIMIT_MAX}"))),
        Some(number) if number > 0 => {
            words.advance();
            Ok(number)
        }
        _ => Err(words.unexpected("a positive whole number")),
    }
}
