//! Composite alarms' `AlarmRule`: parsed, displayed and evaluated over the states of other alarms; pure.
//!
//! ```text
//! or   := and { OR and }        and := not { AND not }        not := NOT not | term
//! term := '(' or ')' | TRUE | FALSE | STATE '(' alarm ')'
//!       | AT_LEAST '(' (n | n%) ',' [NOT] STATE ',' '(' alarm {, alarm} ')' ')'
//! STATE := ALARM | OK | INSUFFICIENT_DATA        alarm := name or ARN, bare or "quoted, with \" and \\ escaped"
//! ```
//!
//! Sources: "Composite alarms" in the CloudWatch user guide (AT_LEAST, quoting: a bare reference holds no spaces, round
//! brackets or commas) and the reference of PutCompositeAlarm (100 children, 500 elements). Chosen here, because AWS
//! does not say: keywords in any case (its reference itself writes `false`), a pair of grouping parentheses is one
//! element, NOT and parentheses nest at most [`DEPTH_MAX`] deep, and a percentage is of the list's length, rounded up.

pub mod cycle;
mod parse;
pub mod reason;
#[cfg(test)]
mod tests;

use catalog::AlarmState;
use std::collections::BTreeSet;
use std::fmt;

/// Longest rule, characters (the model's `AlarmRule`).
pub const CHARS_MAX: usize = 10_240;
/// Most alarms that one rule names.
pub const CHILDREN_MAX: usize = 100;
/// Most composite alarms that name one alarm.
pub const PARENTS_MAX: usize = 150;
/// Most elements: alarm references, TRUE, FALSE and pairs of parentheses.
pub const ELEMENTS_MAX: usize = 500;
/// Deepest nesting of NOT and parentheses.
pub const DEPTH_MAX: usize = 100;

/// A rule that AWS would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRule {
    expression: Expression,
}

/// Why a rule is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// The whole message for the client, in AWS's words where they are known.
    pub message: String,
    /// Where, in characters from the beginning; the first is 0, as AWS counts.
    pub column: usize,
}

/// What a rule came to, and which alarms made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'a> {
    /// True: the composite alarm is in ALARM; false: in OK.
    pub value: bool,
    /// References as the rule writes them, in its order, each once: those whose states by themselves settle the value.
    pub deciding: Vec<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Constant(bool),
    State {
        state: AlarmState,
        alarm: String,
    },
    AtLeast {
        threshold: Threshold,
        condition: Condition,
        alarms: Vec<String>,
    },
    Not(Box<Expression>),
    /// Two or more.
    And(Vec<Expression>),
    /// Two or more.
    Or(Vec<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threshold {
    Count(usize),
    Percent(usize),
}

/// `ALARM`, or `NOT ALARM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Condition {
    state: AlarmState,
    negated: bool,
}

impl Condition {
    fn holds(self, state: AlarmState) -> bool {
        (state == self.state) != self.negated
    }
}

impl Threshold {
    /// How many of `count` alarms it takes.
    fn of(self, count: usize) -> usize {
        match self {
            Threshold::Count(needed) => needed,
            Threshold::Percent(percent) => (percent * count).div_ceil(100),
        }
    }
}

impl AlarmRule {
    /// Parses `text`, which must have no space before or after the rule.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let rule = Self { expression: parse::parse(text)? };
        let names: BTreeSet<&str> = rule.children().into_iter().map(name_of).collect();
        if names.len() > CHILDREN_MAX {
            let message = format!("Error in AlarmRule [{} alarms, the maximum number is {CHILDREN_MAX}]", names.len());
            return Err(RuleError { message, column: 0 });
        }
        Ok(rule)
    }

    /// The alarms that the rule names, as it writes them (name or ARN), in its order, each once.
    pub fn children(&self) -> Vec<&str> {
        let mut alarms = Vec::new();
        self.expression.alarms(&mut alarms);
        distinct(alarms)
    }

    /// True when the composite alarm is in ALARM, given each child's state.
    pub fn evaluate(&self, state_of: impl Fn(&str) -> AlarmState) -> bool {
        self.expression.decide(&state_of).value
    }

    /// The same, and which children made it so.
    pub fn decide(&self, state_of: impl Fn(&str) -> AlarmState) -> Decision<'_> {
        let Decision { value, deciding } = self.expression.decide(&state_of);
        Decision { value, deciding: distinct(deciding) }
    }
}

/// The alarm's name in a reference: the end of an ARN, or the whole of anything else.
pub fn name_of(reference: &str) -> &str {
    match model::arn::Arn::parse(reference) {
        Some(arn) if arn.service == "cloudwatch" => arn.resource.strip_prefix("alarm:").unwrap_or(reference),
        _ => reference,
    }
}

/// AWS's message for a rule that names alarms which are not there.
pub fn unknown_children(missing: &[&str]) -> String {
    format!("Could not save the composite alarm as alarms [{}] in the alarm rule do not exist", missing.join(", "))
}

impl Expression {
    fn alarms<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Expression::Constant(_) => {}
            Expression::State { alarm, .. } => found.push(alarm),
            Expression::AtLeast { alarms, .. } => found.extend(alarms.iter().map(String::as_str)),
            Expression::Not(inner) => inner.alarms(found),
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| part.alarms(found)),
        }
    }

    fn decide<'a>(&'a self, state_of: &impl Fn(&str) -> AlarmState) -> Decision<'a> {
        match self {
            Expression::Constant(value) => Decision { value: *value, deciding: Vec::new() },
            Expression::State { state, alarm } => {
                Decision { value: state_of(alarm) == *state, deciding: vec![alarm.as_str()] }
            }
            Expression::AtLeast { threshold, condition, alarms } => {
                let (holding, others): (Vec<&str>, Vec<&str>) =
                    alarms.iter().map(String::as_str).partition(|alarm| condition.holds(state_of(alarm)));
                let value = holding.len() >= threshold.of(alarms.len());
                Decision { value, deciding: if value { holding } else { others } }
            }
            Expression::Not(inner) => {
                let inner = inner.decide(state_of);
                Decision { value: !inner.value, ..inner }
            }
            Expression::And(parts) => decide_parts(parts, false, state_of),
            Expression::Or(parts) => decide_parts(parts, true, state_of),
        }
    }
}

/// AND and OR alike: one part with the value `settling` settles it and is what decided; without one, all parts did.
fn decide_parts<'a>(parts: &'a [Expression], settling: bool, state_of: &impl Fn(&str) -> AlarmState) -> Decision<'a> {
    let decisions: Vec<Decision<'a>> = parts.iter().map(|part| part.decide(state_of)).collect();
    let settled = decisions.iter().any(|decision| decision.value == settling);
    let value = settled == settling;
    let deciding = decisions.into_iter().filter(|decision| decision.value == value).flat_map(|d| d.deciding);
    Decision { value, deciding: deciding.collect() }
}

fn distinct(alarms: Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    alarms.into_iter().filter(|alarm| seen.insert(*alarm)).collect()
}

impl fmt::Display for AlarmRule {
    /// A rule that parses to the same again: references quoted, parentheses only where needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expression)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expression::Constant(true) => f.write_str("TRUE"),
            Expression::Constant(false) => f.write_str("FALSE"),
            Expression::State { state, alarm } => write!(f, "{}({})", state.as_str(), Quoted(alarm)),
            Expression::AtLeast { threshold, condition, alarms } => {
                let not = if condition.negated { "NOT " } else { "" };
                write!(f, "AT_LEAST({threshold}, {not}{}, (", condition.state.as_str())?;
                for (i, alarm) in alarms.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Quoted(alarm))?;
                }
                f.write_str("))")
            }
            Expression::Not(inner) => {
                f.write_str("NOT ")?;
                inner.fmt_within(f, matches!(**inner, Expression::And(_) | Expression::Or(_)))
            }
            Expression::And(parts) => {
                join(f, parts, " AND ", |part| matches!(part, Expression::And(_) | Expression::Or(_)))
            }
            Expression::Or(parts) => join(f, parts, " OR ", |part| matches!(part, Expression::Or(_))),
        }
    }
}

impl Expression {
    fn fmt_within(&self, f: &mut fmt::Formatter<'_>, parentheses: bool) -> fmt::Result {
        if parentheses { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    parts: &[Expression],
    operator: &str,
    parentheses: impl Fn(&Expression) -> bool,
) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { operator })?;
        part.fmt_within(f, parentheses(part))?;
    }
    Ok(())
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Threshold::Count(count) => write!(f, "{count}"),
            Threshold::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// A reference in quotes, `"` and `\` escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
