//! `Item`: one line of a selection, a field with its modifiers and what its value may be.

mod modifiers;
mod net;

use super::Problem;
use super::event::{any, anywhere, text};
use super::text::{Place, Wanted, folded, program};
use super::yaml::{Content, Node};
use modifiers::{Kind, Modifiers, Order};
use net::Net;
use serde_json::Value;
use std::net::IpAddr;

/// A field and what it must be; without a field, what must be found anywhere in the record.
#[derive(Debug, Clone)]
pub(super) struct Item {
    field: String,
    /// All tests must hold, not one of them.
    all: bool,
    tests: Vec<Test>,
}

#[derive(Debug, Clone)]
enum Test {
    Absent,
    Exists(bool),
    Text(Wanted),
    /// No value of the field is this one.
    Other(Wanted),
    Regex(regex::bytes::Regex),
    Net(Net),
    Number(Order, f64),
    /// Compared with another field.
    Field {
        name: String,
        place: Place,
        cased: bool,
    },
}

impl Item {
    /// A line such as `eventName|contains: [Create, Delete]`.
    pub(super) fn read(key: &Node, values: &Node) -> Result<Self, Problem> {
        let key_text = key.text().unwrap_or_default();
        let (field, names) = key_text.split_once('|').unwrap_or((key_text, ""));
        let modifiers = Modifiers::read(names, key.line)?;
        let tests = match &values.content {
            Content::List(list) if list.is_empty() => Err(Problem::new(values.line, "the list is empty")),
            Content::List(list) => list.iter().map(|value| test(&modifiers, field, value)).collect(),
            _ => test(&modifiers, field, values).map(|test| vec![test]),
        }?;
        Ok(Self { field: field.to_owned(), all: modifiers.all, tests })
    }

    /// Texts that are searched everywhere.
    pub(super) fn keyword(value: &Node) -> Result<Self, Problem> {
        let test = test(&Modifiers::default(), "", value)?;
        Ok(Self { field: String::new(), all: false, tests: vec![test] })
    }

    /// True when a record has what is wanted.
    pub(super) fn is_match(&self, record: &Value) -> bool {
        let mut holds = self.tests.iter().map(|test| self.holds(test, record));
        if self.all { holds.all(|holds| holds) } else { holds.any(|holds| holds) }
    }

    /// How many compiled expressions it has.
    pub(super) fn regexes(&self) -> usize {
        let is_program = |test: &&Test| match test {
            Test::Regex(_) => true,
            Test::Text(wanted) | Test::Other(wanted) => wanted.is_program(),
            _ => false,
        };
        self.tests.iter().filter(is_program).count()
    }

    fn holds(&self, test: &Test, record: &Value) -> bool {
        let of_field = |is_wanted: &mut dyn FnMut(&str) -> bool| {
            if self.field.is_empty() {
                return anywhere(record, is_wanted);
            }
            any(record, &self.field, &mut |value| is_wanted(&text(value)))
        };
        match test {
            Test::Absent => !any(record, &self.field, &mut |_| true),
            Test::Exists(wanted) => any(record, &self.field, &mut |_| true) == *wanted,
            Test::Text(wanted) => of_field(&mut |value| wanted.is_match(value)),
            Test::Other(wanted) => !of_field(&mut |value| wanted.is_match(value)),
            Test::Regex(program) => of_field(&mut |value| program.is_match(value.as_bytes())),
            Test::Net(net) => of_field(&mut |value| value.parse::<IpAddr>().is_ok_and(|address| net.has(address))),
            Test::Number(order, bound) => {
                of_field(&mut |value| value.trim().parse::<f64>().is_ok_and(|number| order.holds(number, *bound)))
            }
            Test::Field { name, place, cased } => of_field(&mut |value| {
                let value = folded(value, *cased);
                any(record, name, &mut |other| stands(&value, &folded(&text(other), *cased), *place))
            }),
        }
    }
}

fn stands(value: &str, wanted: &str, place: Place) -> bool {
    match place {
        Place::Whole => value == wanted,
        Place::Start => value.starts_with(wanted),
        Place::End => value.ends_with(wanted),
        Place::Anywhere => value.contains(wanted),
    }
}

fn test(modifiers: &Modifiers, field: &str, value: &Node) -> Result<Test, Problem> {
    let line = value.line;
    let wrong = |reason: &str| Problem::new(line, reason);
    let text = match &value.content {
        Content::Text(text) => text.as_str(),
        Content::Null if field.is_empty() => return Err(wrong("null is no keyword")),
        Content::Null if modifiers.kind.is_none() && modifiers.place.is_none() => return Ok(Test::Absent),
        Content::Null => return Err(wrong("null takes no modifier")),
        Content::List(_) | Content::Map(_) => return Err(wrong("a value must be a text, a number or null")),
    };
    // What is searched everywhere is found inside of values; what is compared stands where it is said.
    let place = modifiers.place.unwrap_or(if field.is_empty() { Place::Anywhere } else { Place::Whole });
    Ok(match modifiers.kind {
        None => Test::Text(Wanted::compile(text, place, modifiers.cased, line)?),
        Some(Kind::Other) => Test::Other(Wanted::compile(text, place, modifiers.cased, line)?),
        Some(Kind::Regex) => Test::Regex(program(&format!("{}{text}", modifiers.flags()), line)?),
        Some(Kind::Net) => {
            Test::Net(Net::parse(text).ok_or_else(|| wrong("a network is written as 192.0.2.0/24 or 2001:db8::/32"))?)
        }
        Some(Kind::Exists) => Test::Exists(match text.to_ascii_lowercase().as_str() {
            "true" | "yes" => true,
            "false" | "no" => false,
            _ => return Err(wrong("exists takes true or false")),
        }),
        Some(Kind::Number(order)) => {
            let bound = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            Test::Number(order, bound.ok_or_else(|| wrong("a number is wanted"))?)
        }
        Some(Kind::Field) if text.is_empty() => return Err(wrong("the name of a field is wanted")),
        Some(Kind::Field) => Test::Field { name: text.to_owned(), place, cased: modifiers.cased },
    })
}
