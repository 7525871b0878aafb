//! Reads tokens into a syntax tree, by precedence climbing.

use super::references::{Band, CallKind, ExternalCall, References};
use super::syntax::{Element, Kind, Link, Node, Operator};
use super::token::{Token, TokenKind, tokens};
use super::{Expression, Function, MathError};
use model::limits::MATH_NESTING_MAX;

/// Standard deviations of a band that does not say how many.
const DEVIATIONS: f64 = 2.0;

/// Reads a whole expression.
pub fn parse(text: &str) -> Result<Expression, MathError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0, references: References::default() };
    let root = parser.nested()?;
    match parser.peek() {
        TokenKind::End => Ok(Expression { text: text.trim().to_owned(), root, references: parser.references }),
        _ => Err(MathError::syntax(parser.column(), "an operator or the end was expected")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    references: References,
}

impl Parser<'_> {
    /// A whole expression, one level deeper.
    fn nested(&mut self) -> Result<Node, MathError> {
        self.deeper(|parser| parser.binary(0))
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, MathError>) -> Result<Node, MathError> {
        if self.depth == MATH_NESTING_MAX {
            return Err(MathError::new(
                self.column(),
                format!("Expressions nest at most {MATH_NESTING_MAX} levels deep"),
            ));
        }
        self.depth += 1;
        let node = read(self);
        self.depth -= 1;
        node
    }

    /// A chain of operators of this level, of operands that bind more tightly.
    fn binary(&mut self, level: usize) -> Result<Node, MathError> {
        if level == Operator::Power.level() {
            return self.unary();
        }
        let column = self.column();
        let first = self.binary(level + 1)?;
        let mut rest = Vec::new();
        while let TokenKind::Operator(operator) = *self.peek() {
            if operator.level() != level {
                break;
            }
            let column = self.column();
            self.at += 1;
            rest.push(Link { operator, column, right: self.binary(level + 1)? });
        }
        Ok(if rest.is_empty() { first } else { Node { column, kind: Kind::Chain(Box::new(first), rest) } })
    }

    fn unary(&mut self) -> Result<Node, MathError> {
        let column = self.column();
        let mut minuses = 0usize;
        while *self.peek() == TokenKind::Operator(Operator::Subtract) {
            self.at += 1;
            minuses += 1;
        }
        let mut node = self.power()?;
        if minuses > 0 {
            for _ in 0..2 - minuses % 2 {
                node = Node { column, kind: Kind::Negate(Box::new(node)) };
            }
        }
        Ok(node)
    }

    fn power(&mut self) -> Result<Node, MathError> {
        let base = self.primary()?;
        if *self.peek() != TokenKind::Operator(Operator::Power) {
            return Ok(base);
        }
        let column = self.column();
        self.at += 1;
        let exponent = self.deeper(Self::unary)?;
        Ok(Node { column, kind: Kind::Power(Box::new(base), Box::new(exponent)) })
    }

    fn primary(&mut self) -> Result<Node, MathError> {
        let Token { kind, column, .. } = self.tokens[self.at].clone();
        self.step();
        let kind = match kind {
            TokenKind::Number(value) => Kind::Number(value),
            TokenKind::Text(text) => Kind::Word(text),
            TokenKind::Name(name) if *self.peek() == TokenKind::Mark('(') => return self.call(&name, column),
            TokenKind::Name(name) if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                self.references.add_id(&name);
                Kind::Id(name)
            }
            TokenKind::Name(name) => Kind::Word(name),
            TokenKind::Mark('(') => {
                let node = self.nested()?;
                self.expect(')')?;
                return Ok(node);
            }
            TokenKind::Mark('[') => Kind::Array(self.elements()?),
            TokenKind::Operator(_) | TokenKind::Mark(_) => {
                return Err(MathError::syntax(column, "a value was expected"));
            }
            TokenKind::End => return Err(MathError::syntax(column, "the expression ends too early")),
        };
        Ok(Node { column, kind })
    }

    fn elements(&mut self) -> Result<Vec<Element>, MathError> {
        let mut elements = Vec::new();
        loop {
            let start = self.tokens[self.at].start;
            let node = self.nested()?;
            elements.push(Element { node, text: self.text_since(start) });
            if !self.eat(',') {
                self.expect(']')?;
                return Ok(elements);
            }
        }
    }

    fn call(&mut self, name: &str, column: usize) -> Result<Node, MathError> {
        let function =
            Function::from_name(name).ok_or_else(|| MathError::new(column, format!("Function '{name}' not found")))?;
        self.expect('(')?;
        // Bands are listed in order of appearance: an outer one before those in its arguments.
        let band = self.references.bands.len();
        if function == Function::AnomalyDetectionBand {
            self.references.bands.push(Band { text: String::new(), deviations: Some(DEVIATIONS), column });
        }
        let ids = self.references.ids.len();
        let mut arguments = Vec::new();
        if !self.eat(')') {
            loop {
                let start = self.tokens[self.at].start;
                arguments.push(self.nested()?);
                if function == Function::AnomalyDetectionBand && arguments.len() == 1 {
                    self.references.bands[band].text = self.text_since(start);
                }
                if !self.eat(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        check_arity(function, arguments.len(), column)?;
        if matches!(function, Function::InsightRuleMetric | Function::Metrics | Function::Search) {
            // Their arguments are names, quoted or not, and no Ids.
            self.references.ids.truncate(ids);
        }
        let kind = match function {
            Function::AnomalyDetectionBand => self.band(band, arguments)?,
            Function::Metrics => self.metrics(arguments)?,
            Function::Search => self.external(search(arguments)?, column),
            Function::InsightRuleMetric => self.external(insight_rule_metric(arguments)?, column),
            Function::ServiceQuota => self.external(service_quota(arguments)?, column),
            _ => Kind::Call(function, arguments),
        };
        Ok(Node { column, kind })
    }

    fn band(&mut self, band: usize, arguments: Vec<Node>) -> Result<Kind, MathError> {
        let mut arguments = arguments.into_iter();
        let of = Box::new(next(&mut arguments)?);
        let deviations = arguments.next().map(Box::new);
        if let Some(node) = &deviations {
            self.references.bands[band].deviations = match node.kind {
                Kind::Number(value) => Some(value),
                _ => None,
            };
        }
        Ok(Kind::Band { of, deviations })
    }

    fn metrics(&mut self, arguments: Vec<Node>) -> Result<Kind, MathError> {
        self.references.metrics = true;
        let part = arguments.into_iter().next().map(|node| word(node, "METRICS takes a quoted part of Ids"));
        Ok(Kind::Metrics(part.transpose()?))
    }

    fn external(&mut self, kind: CallKind, column: usize) -> Kind {
        let is_array = matches!(kind, CallKind::Search { .. });
        self.references.calls.push(ExternalCall { kind, column });
        Kind::External { index: self.references.calls.len() - 1, is_array }
    }

    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn column(&self) -> usize {
        self.tokens[self.at].column
    }

    /// Goes to the next token; the last one, `End`, is never left.
    fn step(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn eat(&mut self, mark: char) -> bool {
        let comes = *self.peek() == TokenKind::Mark(mark);
        if comes {
            self.at += 1;
        }
        comes
    }

    fn expect(&mut self, mark: char) -> Result<(), MathError> {
        if self.eat(mark) { Ok(()) } else { Err(MathError::syntax(self.column(), &format!("'{mark}' was expected"))) }
    }

    /// What was read from the byte `start` on.
    fn text_since(&self, start: usize) -> String {
        let end = self.at.checked_sub(1).map_or(start, |last| self.tokens[last].end);
        self.text.get(start..end).unwrap_or_default().to_owned()
    }
}

fn check_arity(function: Function, given: usize, column: usize) -> Result<(), MathError> {
    let (least, most) = function.arity();
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    let name = function.name();
    Err(MathError::new(column, format!("Function '{name}' takes {wanted} arguments, and {given} were given")))
}

/// The next argument; there is one, for their number was checked.
fn next(arguments: &mut impl Iterator<Item = Node>) -> Result<Node, MathError> {
    arguments.next().ok_or_else(|| MathError::syntax(1, "an argument is missing"))
}

fn word(node: Node, message: &str) -> Result<String, MathError> {
    match node.kind {
        Kind::Word(text) | Kind::Id(text) => Ok(text),
        _ => Err(MathError::new(node.column, message)),
    }
}

fn search(arguments: Vec<Node>) -> Result<CallKind, MathError> {
    let mut arguments = arguments.into_iter();
    let mut text = |message| word(next(&mut arguments)?, message);
    let query = text("SEARCH takes a search expression in quotes first")?;
    let stat = text("SEARCH takes a statistic in quotes as its second argument")?;
    let period_secs = match arguments.next() {
        None => None,
        Some(Node { kind: Kind::Number(period), .. }) if period >= 1.0 && period.fract() == 0.0 && period <= 1e9 => {
            Some(period as i64)
        }
        Some(node) => {
            return Err(MathError::new(node.column, "SEARCH takes a period in seconds as its third argument"));
        }
    };
    Ok(CallKind::Search { query, stat, period_secs })
}

fn insight_rule_metric(arguments: Vec<Node>) -> Result<CallKind, MathError> {
    let mut arguments = arguments.into_iter();
    let mut text = || {
        let node = next(&mut arguments)?;
        word(node, "INSIGHT_RULE_METRIC takes the names of a rule and of a metric")
    };
    Ok(CallKind::InsightRuleMetric { rule: text()?, metric: text()? })
}

fn service_quota(arguments: Vec<Node>) -> Result<CallKind, MathError> {
    let node = next(&mut arguments.into_iter())?;
    match node.kind {
        Kind::Id(id) => Ok(CallKind::ServiceQuota { id }),
        _ => Err(MathError::new(node.column, "SERVICE_QUOTA takes the Id of a usage metric")),
    }
}
