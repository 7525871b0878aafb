//! Items, keys and statements of DynamoDB as its events tell them: attribute names, values of keys, no other values.
//!
//! After the DynamoDB developer guide, "Understanding DynamoDB log file entries": values of attributes other than keys
//! do not appear; statements of PartiQL have them redacted. Which attributes are keys is known where a request says
//! `Key`; literals in statements may be anything, so that all of them are redacted.

use super::members::{Members, lower_first};
use super::tables::{Index, Kind, Member, members, shape};
use serde_json::{Map, Value, json};

/// What AWS writes in place of a literal.
const REDACTED: &str = "***(Redacted)";

/// True for the members of an attribute's value: `S`, `N`, `NULL`, ….
pub fn is_attribute_value(known: &[Member]) -> bool {
    known.iter().any(|member| member.name == "NULL")
}

/// The form of a member that is told in another way than its model says; `None` for all others.
pub fn form(of: &Members<'_>, member: &Member, value: &Value, depth: usize) -> Option<Vec<(String, Value)>> {
    let name = lower_first(member.name);
    match member.name {
        "Key" | "ExclusiveStartKey" => Some(vec![(name, key(value)?)]),
        "Keys" => {
            let keys: Vec<Value> = value.as_array().into_iter().flatten().filter_map(key).collect();
            Some(vec![(name, keys.into())])
        }
        "Item" => Some(vec![(name, attribute_names(value))]),
        "Statement" => Some(vec![(name, redacted(value.as_str().unwrap_or_default()).into())]),
        // Of both batches and transactions of statements.
        "Statements" | "TransactStatements" => {
            let Some(Value::Array(items)) = of.value(member.shape, value, depth + 1) else { return Some(Vec::new()) };
            Some(vec![("requestItems".into(), items.into())])
        }
        "TransactItems" => Some(vec![("requestItems".into(), actions(of, member.shape, value, depth))]),
        _ => None,
    }
}

/// The actions of a transaction: each says what it does in `operation`.
fn actions(of: &Members<'_>, list: Index, value: &Value, depth: usize) -> Value {
    let Kind::List { item, .. } = shape(list).kind else { return Value::Null };
    let mut told = Vec::new();
    for found in value.as_array().into_iter().flatten() {
        for action in members(Some(item)) {
            let Some(found) = found.get(action.name) else { continue };
            let mut entry = Map::new();
            entry.insert("operation".into(), action.name.into());
            if let Some(Value::Object(members)) = of.value(action.shape, found, depth + 3) {
                for (name, value) in members {
                    entry.insert(if name == "item" { "items".into() } else { name }, value);
                }
            }
            told.push(Value::Object(entry));
        }
    }
    told.into()
}

/// A key: its attributes without their types. Keys are texts, numbers or bytes.
fn key(value: &Value) -> Option<Value> {
    let attributes = value.as_object()?.iter().filter_map(|(name, value)| {
        let value = ["S", "N", "B"].into_iter().find_map(|kind| value.get(kind))?;
        Some((name.clone(), json!(value.as_str()?)))
    });
    Some(Value::Object(attributes.collect()))
}

fn attribute_names(item: &Value) -> Value {
    let names = item.as_object().into_iter().flatten().map(|(name, _)| Value::from(name.as_str()));
    Value::Array(names.collect())
}

/// A statement of PartiQL without its literals and comments. Names of attributes in a tuple, `{'Artist': …}`, stay.
pub fn redacted(statement: &str) -> String {
    let mut out = String::with_capacity(statement.len());
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        let after_name = out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '$' | '#'));
        let taken = match first {
            '\'' => {
                let length = quoted(rest, '\'');
                let (literal, after) = rest.split_at(length);
                let is_name = after.trim_start().starts_with(':') && literal.len() > 1 && literal.ends_with('\'');
                out.push_str(if is_name { literal } else { REDACTED });
                length
            }
            '`' => {
                out.push_str(REDACTED);
                quoted(rest, '`')
            }
            '"' => {
                let length = quoted(rest, '"');
                out.push_str(rest.get(..length).unwrap_or_default());
                length
            }
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '0'..='9' if !after_name => {
                out.push_str(REDACTED);
                numeric(rest)
            }
            '.' if !after_name && rest.get(1..2).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit())) => {
                out.push_str(REDACTED);
                numeric(rest)
            }
            _ => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = rest.get(taken.max(1)..).unwrap_or_default();
    }
    out
}

/// Bytes of the quoted text at the start of `text`, with its quotes; a doubled quote stands for itself. What does not
/// end goes to the end.
fn quoted(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(end) = text.get(at..).and_then(|rest| rest.find(quote)) {
        at += end + 1;
        if !text.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// Bytes of the number at the start of `text`.
fn numeric(text: &str) -> usize {
    let mut previous = ' ';
    let is_part = |c: char| {
        let is_sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E');
        previous = c;
        is_sign || c == '.' || c.is_ascii_alphanumeric()
    };
    let mut is_part = is_part;
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The tables that a statement names: what follows FROM, INTO or UPDATE. `statement` is one without literals.
pub fn tables(statement: &str) -> Vec<String> {
    let mut words = statement.split_whitespace();
    let mut tables = Vec::new();
    while let Some(word) = words.next() {
        if ["FROM", "INTO", "UPDATE"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) {
            let Some(named) = words.next() else { break };
            // An index stands behind its table: "Music"."ByYear".
            let table = match named.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next(),
                None => named.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '/'))).next(),
            };
            tables.extend(table.filter(|table| !table.is_empty()).map(str::to_owned));
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_literal_of_a_statement_stays() {
        let cases = [
            (
                "SELECT * FROM Music WHERE Artist = 'No One' AND Year=1999",
                "SELECT * FROM Music WHERE Artist = ***(Redacted) AND Year=***(Redacted)",
            ),
            (
                "INSERT INTO Music VALUE {'Artist' : 'a''b', 'N': -1.5e-7}",
                "INSERT INTO Music VALUE {'Artist' : ***(Redacted), 'N': -***(Redacted)}",
            ),
            (
                "UPDATE \"my'table\" SET a1=? REMOVE b WHERE c IN [1,'x', .5]",
                "UPDATE \"my'table\" SET a1=? REMOVE b WHERE c IN [***(Redacted),***(Redacted), ***(Redacted)]",
            ),
            ("SELECT a -- it's\nFROM t WHERE x='secret'", "SELECT a \nFROM t WHERE x=***(Redacted)"),
            ("SELECT `bin` /* ' */ FROM t2 WHERE x='unended", "SELECT ***(Redacted)  FROM t2 WHERE x=***(Redacted)"),
            ("SELECT 'ä' FROM ü", "SELECT ***(Redacted) FROM ü"),
        ];
        for (statement, expected) in cases {
            assert_eq!(redacted(statement), expected);
        }
    }

    #[test]
    fn tables_are_found_in_statements() {
        assert_eq!(tables("select a from \"Music\".\"ByYear\" where b = ?"), ["Music"]);
        assert_eq!(tables("INSERT INTO Music VALUE {}"), ["Music"]);
        assert_eq!(tables("UPDATE My_T-1 SET a = ?"), ["My_T-1"]);
        assert!(tables("SELECT FROM").is_empty());
    }
}
