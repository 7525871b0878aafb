//! The parser of an AlarmRule: recursive descent over its characters, with AWS's messages.
//!
//! Known texts: `Error in AlarmRule [Unsupported token 'Oldest' at char 67, must be: ')']` and, where several things
//! could follow, `Error in AlarmRule [Unsupported token ')' at char 1]` (seen in reports of CloudFormation users), and
//! `AlarmRule must not contain leading or trailing whitespace or be null`. The others follow their pattern.

use super::{CHARS_MAX, Condition, DEPTH_MAX, ELEMENTS_MAX, Expression, RuleError, Threshold};
use catalog::AlarmState;

/// Longest name of an alarm in a reference, characters (the model's `AlarmArn`).
const REFERENCE_CHARS_MAX: usize = 1600;

/// Parses a whole rule.
pub(super) fn parse(text: &str) -> Result<Expression, RuleError> {
    if text.is_empty() || text.trim() != text {
        let message = "AlarmRule must not contain leading or trailing whitespace or be null".to_owned();
        return Err(RuleError { message, column: 0 });
    }
    let chars: Vec<char> = text.chars().take(CHARS_MAX + 1).collect();
    if chars.len() > CHARS_MAX {
        let message = format!("AlarmRule must have length less than or equal to {CHARS_MAX}");
        return Err(RuleError { message, column: CHARS_MAX });
    }
    let mut parser = Parser { chars, at: 0, depth: 0, elements: 0 };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.unsupported(None)),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    /// How many NOTs and parentheses are open.
    depth: usize,
    elements: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Expression, RuleError> {
        let mut parts = vec![self.and()?];
        while self.keyword("OR") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self) -> Result<Expression, RuleError> {
        let mut parts = vec![self.not()?];
        while self.keyword("AND") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { Expression::And(parts) })
    }

    fn not(&mut self) -> Result<Expression, RuleError> {
        if !self.keyword("NOT") {
            return self.term();
        }
        self.deeper()?;
        let inner = self.not()?;
        self.depth -= 1;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn term(&mut self) -> Result<Expression, RuleError> {
        if self.peek() == Some('(') {
            self.deeper()?;
            self.element()?;
            self.at += 1;
            let inner = self.or()?;
            self.expect(')')?;
            self.depth -= 1;
            return Ok(inner);
        }
        if self.keyword("TRUE") {
            self.element()?;
            return Ok(Expression::Constant(true));
        }
        if self.keyword("FALSE") {
            self.element()?;
            return Ok(Expression::Constant(false));
        }
        if self.keyword("AT_LEAST") {
            return self.at_least();
        }
        let Some(state) = self.state() else { return Err(self.unsupported(None)) };
        self.expect('(')?;
        let alarm = self.reference()?;
        self.expect(')')?;
        Ok(Expression::State { state, alarm })
    }

    fn at_least(&mut self) -> Result<Expression, RuleError> {
        self.expect('(')?;
        self.peek();
        let threshold_at = self.at;
        let threshold = self.threshold()?;
        self.expect(',')?;
        let negated = self.keyword("NOT");
        let Some(state) = self.state() else { return Err(self.unsupported(None)) };
        self.expect(',')?;
        self.expect('(')?;
        let mut alarms = vec![self.reference()?];
        while self.peek() == Some(',') {
            self.at += 1;
            alarms.push(self.reference()?);
        }
        self.expect(')')?;
        self.expect(')')?;
        let (given, max) = match threshold {
            Threshold::Count(count) => (count, alarms.len()),
            Threshold::Percent(percent) => (percent, 100),
        };
        if !(1..=max).contains(&given) {
            let what = format!("Unsupported threshold '{threshold}' at char {threshold_at}, must be: 1 to {max}");
            return Err(error(what, threshold_at));
        }
        Ok(Expression::AtLeast { threshold, condition: Condition { state, negated }, alarms })
    }

    /// `2` or `50%`; a number too large to be one is cut to something that no list has.
    fn threshold(&mut self) -> Result<Threshold, RuleError> {
        let start = self.at;
        let mut value: usize = 0;
        while let Some(digit) = self.chars.get(self.at).and_then(|c| c.to_digit(10)) {
            value = value.saturating_mul(10).saturating_add(digit as usize).min(1_000_000);
            self.at += 1;
        }
        if self.at == start {
            return Err(self.unsupported(None));
        }
        if self.chars.get(self.at) == Some(&'%') {
            self.at += 1;
            return Ok(Threshold::Percent(value));
        }
        Ok(Threshold::Count(value))
    }

    fn state(&mut self) -> Option<AlarmState> {
        [AlarmState::Alarm, AlarmState::Ok, AlarmState::InsufficientData]
            .into_iter()
            .find(|state| self.keyword(state.as_str()))
    }

    /// A name or an ARN, bare or quoted.
    fn reference(&mut self) -> Result<String, RuleError> {
        self.element()?;
        let quoted = self.peek() == Some('"');
        let start = self.at;
        let alarm = if quoted { self.quoted()? } else { self.word() };
        if alarm.is_empty() {
            self.at = start;
            return Err(self.unsupported(None));
        }
        if alarm.chars().count() > REFERENCE_CHARS_MAX {
            let what = format!("Alarm reference at char {start} is longer than {REFERENCE_CHARS_MAX} characters");
            return Err(error(what, start));
        }
        Ok(alarm)
    }

    /// After the opening quote; a backslash before anything but `"` and `\` stands for itself.
    fn quoted(&mut self) -> Result<String, RuleError> {
        let start = self.at;
        let mut alarm = String::new();
        self.at += 1;
        while let Some(&c) = self.chars.get(self.at) {
            self.at += 1;
            match c {
                '"' => return Ok(alarm),
                '\\' if matches!(self.chars.get(self.at), Some('"' | '\\')) => {
                    alarm.push(self.chars[self.at]);
                    self.at += 1;
                }
                _ => alarm.push(c),
            }
        }
        Err(error(format!("Unclosed quotation mark at char {start}"), start))
    }

    /// The characters up to a space, bracket or comma.
    fn word(&mut self) -> String {
        let word: String = self.word_ahead();
        self.at += word.chars().count();
        word
    }

    fn word_ahead(&self) -> String {
        let ends = |c: &&char| c.is_whitespace() || matches!(c, '(' | ')' | ',');
        self.chars[self.at..].iter().take_while(|c| !ends(c)).collect()
    }

    /// Takes `keyword` when it is the next word, in any case.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.peek();
        let found = self.word_ahead().eq_ignore_ascii_case(keyword);
        if found {
            self.at += keyword.len();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), RuleError> {
        if self.peek() != Some(wanted) {
            return Err(self.unsupported(Some(wanted)));
        }
        self.at += 1;
        Ok(())
    }

    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn deeper(&mut self) -> Result<(), RuleError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(error(format!("Nested deeper than {DEPTH_MAX} at char {}", self.at), self.at));
        }
        Ok(())
    }

    fn element(&mut self) -> Result<(), RuleError> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(error(format!("More than {ELEMENTS_MAX} elements at char {}", self.at), self.at));
        }
        Ok(())
    }

    /// What stands here is not `wanted` (absent: nothing that could stand here).
    fn unsupported(&mut self, wanted: Option<char>) -> RuleError {
        let must_be = wanted.map_or(String::new(), |wanted| format!(", must be: '{wanted}'"));
        let Some(next) = self.peek() else {
            return error(format!("Unexpected end at char {}{must_be}", self.at), self.at);
        };
        let token = match self.word_ahead() {
            word if word.is_empty() => next.to_string(),
            word => word,
        };
        error(format!("Unsupported token '{token}' at char {}{must_be}", self.at), self.at)
    }
}

fn error(what: String, column: usize) -> RuleError {
    RuleError { message: format!("Error in AlarmRule [{what}]"), column }
}
