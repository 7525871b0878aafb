//! What of a query's filters can be told before its rows are made.
//!
//! A message contains the text that a condition on it asks for. A value that was discovered in a message, or parsed out of it,
//! stands in it as well; in JSON its characters may be written as `\u` escapes, so that `\u` is always an alternative.

use super::build::constant_text;
use super::code::{Code, Comparison};
use super::event::Source;
use super::extract::Extract;
use super::names::Names;
use super::step::Step;
use super::value::parse_number;
use regex_syntax::hir::{Hir, HirKind};
use std::collections::HashSet;

/// Most alternatives of one clause.
const ALTERNATIVES_MAX: usize = 128;
/// Shortest text of a regular expression that is worth a search, bytes.
const LITERAL_BYTES_MIN: usize = 3;

/// Texts of which one must occur.
type Clause = Vec<String>;

/// How the text of a slot relates to the message.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    /// It is the message or a part of it.
    Part,
    /// It is a discovered field.
    Field,
}

/// See `Plan::required_texts`.
pub(super) fn required_texts(steps: &[Step], names: &Names) -> Vec<Clause> {
    let mut parts = HashSet::new();
    let mut clauses = Vec::new();
    // A join that keeps rows without a partner must see every row before it.
    let is_before = |step: &&Step| (step.is_row_wise() || matches!(step, Step::Sort(_))) && !step.keeps_partnerless();
    for step in steps.iter().take_while(is_before) {
        match step {
            Step::Filter(code) => clauses.extend(of_condition(code, &|slot| origin(slot, names, &parts))),
            Step::Extract(Extract { from: Code::Slot(from), slots, .. })
                if origin(*from, names, &parts) == Some(Origin::Part) =>
            {
                parts.extend(slots);
            }
            _ => {}
        }
    }
    clauses
}

fn origin(slot: usize, names: &Names, parts: &HashSet<usize>) -> Option<Origin> {
    match names.sources.get(slot)? {
        Source::Message => Some(Origin::Part),
        Source::Column(_) => parts.contains(&slot).then_some(Origin::Part),
        Source::Field(field) => {
            // The numbers of Lambda's reports are not written as they stand in the report.
            let name = names.fields.get(*field)?.name();
            (!name.starts_with('@') || name.starts_with("@@") || name == "@requestId").then_some(Origin::Field)
        }
        _ => None,
    }
}

fn of_condition(code: &Code, origin: &dyn Fn(usize) -> Option<Origin>) -> Vec<Clause> {
    let of_slot = |code: &Code, texts: Option<Clause>| {
        let Code::Slot(slot) = code else { return None };
        clause(origin(*slot)?, texts?)
    };
    let found = match code {
        Code::All(parts) => return parts.iter().flat_map(|part| of_condition(part, origin)).collect(),
        Code::Any(parts) => {
            let best = |part: &Code| of_condition(part, origin).into_iter().max_by_key(shortest);
            parts.iter().map(best).collect::<Option<Vec<_>>>().map(|clauses| clauses.concat())
        }
        Code::Contains { text, finder, is_negated: false } => {
            of_slot(text, String::from_utf8(finder.needle().to_vec()).ok().map(|text| vec![text]))
        }
        Code::Matches { text, regex, is_negated: false } => of_slot(text, of_regex(regex.as_str())),
        Code::Compare(Comparison::Equal, sides) => {
            let of_sides = |slot: &Code, constant: &Code| of_slot(slot, constant_text(constant).and_then(exact));
            of_sides(&sides[0], &sides[1]).or_else(|| of_sides(&sides[1], &sides[0]))
        }
        Code::In { value, set, others, is_negated: false } if others.is_empty() => {
            let texts = set.texts().map(exact).collect::<Option<Vec<_>>>();
            of_slot(value, texts.map(|texts| texts.concat()).filter(|texts| !texts.is_empty()))
        }
        _ => None,
    };
    let mut clause = found.unwrap_or_default();
    clause.sort();
    clause.dedup();
    let is_useful = !clause.is_empty() && clause.len() <= ALTERNATIVES_MAX && shortest(&clause) > 0;
    if is_useful { vec![clause] } else { Vec::new() }
}

/// A text that equals no other text: numbers may be written in many ways.
fn exact(text: &str) -> Option<Clause> {
    (parse_number(text).is_none() && !matches!(text, "true" | "false")).then(|| vec![text.to_owned()])
}

fn clause(origin: Origin, mut texts: Clause) -> Option<Clause> {
    if origin == Origin::Field {
        let is_plain = |text: &String| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !texts.iter().all(is_plain) {
            return None;
        }
        texts.push("\\u".into());
    }
    Some(texts)
}

fn shortest(clause: &Clause) -> usize {
    clause.iter().filter(|text| *text != "\\u").map(String::len).min().unwrap_or(0)
}

/// The text that is all a regular expression matches, wherever it is.
pub(super) fn only_text(source: &str) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(source).ok()?;
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        _ => None,
    }
}

/// Texts of which one is in every match.
fn of_regex(source: &str) -> Option<Clause> {
    let hir = regex_syntax::Parser::new().parse(source).ok()?;
    of_hir(&hir).filter(|clause| shortest(clause) >= LITERAL_BYTES_MIN)
}

/// Nesting is bounded by the parser of regular expressions.
fn of_hir(hir: &Hir) -> Option<Clause> {
    let found = match hir.kind() {
        HirKind::Literal(literal) => vec![String::from_utf8(literal.0.to_vec()).ok()?],
        HirKind::Capture(capture) => of_hir(&capture.sub)?,
        HirKind::Repetition(repetition) if repetition.min > 0 => of_hir(&repetition.sub)?,
        HirKind::Concat(parts) => parts.iter().filter_map(of_hir).max_by_key(shortest)?,
        HirKind::Alternation(parts) => parts.iter().map(of_hir).collect::<Option<Vec<_>>>()?.concat(),
        _ => return None,
    };
    (found.len() <= ALTERNATIVES_MAX).then_some(found)
}

/// Makes of each filter with several conditions, all of which must hold, one for each.
pub(super) fn part_filters(steps: &mut Vec<Step>) {
    let part = |step: Step| match step {
        Step::Filter(Code::All(conditions)) => conditions.into_iter().map(Step::Filter).collect(),
        step => vec![step],
    };
    *steps = std::mem::take(steps).into_iter().flat_map(part).collect();
}

/// Texts that messages must contain by filters that say no more than this; second, the steps without these filters.
pub(super) fn contained_texts(steps: &[Step], names: &Names) -> (Vec<String>, Vec<Step>) {
    // A join that keeps rows without a partner must see every row before it.
    if steps.iter().any(Step::keeps_partnerless) {
        return (Vec::new(), steps.to_vec());
    }
    let text_of = |step: &Step| match step {
        Step::Filter(Code::Contains { text, finder, is_negated: false }) => match &**text {
            Code::Slot(slot) if names.sources.get(*slot) == Some(&Source::Message) => {
                String::from_utf8(finder.needle().to_vec()).ok().filter(|text| !text.is_empty())
            }
            _ => None,
        },
        _ => None,
    };
    let texts = steps.iter().filter_map(text_of).collect();
    (texts, steps.iter().filter(|step| text_of(step).is_none()).cloned().collect())
}

/// Moves each filter before the steps that it does not need, and puts filters that stand together in the order of their costs.
pub(super) fn advance_filters(steps: &mut [Step]) {
    for end in 1..steps.len() {
        let mut at = end;
        while at > 0 && passes(&steps[at], &steps[at - 1]) {
            steps.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn passes(filter: &Step, before: &Step) -> bool {
    let Step::Filter(code) = filter else { return false };
    if let Step::Filter(other) = before {
        return code.cost() < other.cost();
    }
    if before.keeps_partnerless() {
        return false;
    }
    let mut reads = Vec::new();
    code.slots(&mut reads);
    let sets = before.sets();
    !reads.iter().any(|slot| sets.contains(slot))
}
