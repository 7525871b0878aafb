//! Criteria over named fields: `fieldSelectionCriteria` of filters and `selectionCriteria` of account policies.
//!
//! `field = "a"`, `field != "a"`, `field IN ["a","b"]`, `field NOT IN ["a"]`, joined by AND (which binds tighter) and OR, in
//! parentheses where wanted (PutSubscriptionFilter and PutAccountPolicy references). Words in either case.

/// Deepest parentheses.
const DEPTH_MAX: usize = 16;

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Criteria {
    /// The field has one of the values, or, negated, none of them.
    Is {
        field: String,
        values: Vec<String>,
        negated: bool,
    },
    All(Vec<Criteria>),
    Any(Vec<Criteria>),
}

impl Criteria {
    /// Reads criteria; the error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor { rest: text.trim_start() };
        let criteria = cursor.any(0)?;
        if cursor.rest.is_empty() { Ok(criteria) } else { Err(cursor.unexpected("the end, AND or OR")) }
    }

    /// Whether the fields meet them; a field without a value equals nothing.
    pub(super) fn hold(&self, value: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Criteria::Is { field, values, negated } => {
                let value = value(field);
                value.is_some_and(|value| values.contains(&value)) != *negated
            }
            Criteria::All(all) => all.iter().all(|criteria| criteria.hold(value)),
            Criteria::Any(any) => any.iter().any(|criteria| criteria.hold(value)),
        }
    }

    /// Each comparison, from left to right.
    pub(super) fn comparisons(&self) -> Vec<(&str, &[String], bool)> {
        match self {
            Criteria::Is { field, values, negated } => vec![(field, values, *negated)],
            Criteria::All(parts) | Criteria::Any(parts) => parts.iter().flat_map(Criteria::comparisons).collect(),
        }
    }
}

/// Always at the beginning of a token or at the end.
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn any(&mut self, depth: usize) -> Result<Criteria, String> {
        let mut parts = vec![self.all(depth)?];
        while self.eat_word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Criteria, String> {
        let mut parts = vec![self.comparison(depth)?];
        while self.eat_word("AND") {
            parts.push(self.comparison(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Criteria::All(parts) })
    }

    fn comparison(&mut self, depth: usize) -> Result<Criteria, String> {
        if self.eat("(") {
            if depth == DEPTH_MAX {
                return Err(format!("Parentheses are nested deeper than {DEPTH_MAX}"));
            }
            let inner = self.any(depth + 1)?;
            return if self.eat(")") { Ok(inner) } else { Err(self.unexpected("')'")) };
        }
        let field = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '@' | '_' | '.' | '$'));
        if field.is_empty() {
            return Err(self.unexpected("a field"));
        }
        if self.eat("!=") {
            return Ok(Criteria::Is { field, values: vec![self.string()?], negated: true });
        }
        if self.eat("==") || self.eat("=") {
            return Ok(Criteria::Is { field, values: vec![self.string()?], negated: false });
        }
        let negated = self.eat_word("NOT");
        if !self.eat_word("IN") {
            return Err(self.unexpected("=, !=, IN or NOT IN"));
        }
        Ok(Criteria::Is { field, values: self.list()?, negated })
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        if !self.eat("[") {
            return Err(self.unexpected("'['"));
        }
        let mut values = Vec::new();
        if self.eat("]") {
            return Ok(values);
        }
        loop {
            values.push(self.string()?);
            if self.eat("]") {
                return Ok(values);
            }
            if !self.eat(",") {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let quote =
            self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(|| self.unexpected("a string"))?;
        let inner = &self.rest[1..];
        let end = inner.find(quote).ok_or_else(|| "A string has no end".to_owned())?;
        let value = inner[..end].to_owned();
        self.rest = inner[end + 1..].trim_start();
        Ok(value)
    }

    fn eat(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let Some((head, rest)) = self.rest.split_at_checked(word.len()) else { return false };
        if !head.eq_ignore_ascii_case(word) || rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return false;
        }
        self.rest = rest.trim_start();
        true
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        taken.to_owned()
    }

    fn unexpected(&self, expected: &str) -> String {
        let found: String = self.rest.chars().take(20).collect();
        if found.is_empty() { format!("Expected {expected}") } else { format!("Expected {expected} before '{found}'") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let value = |field: &str| match field {
            "@aws.account" => Some("123456789012".to_owned()),
            "@aws.region" => Some("us-east-1".to_owned()),
            _ => None,
        };
        Criteria::parse(text).unwrap().hold(&value)
    }

    #[test]
    fn criteria_hold_as_they_read() {
        for text in [
            r#"@aws.region = "us-east-1""#,
            r#"@aws.region="us-east-1" AND @aws.account != '1'"#,
            r#"@aws.region IN ["eu-west-1", "us-east-1"]"#,
            r#"@aws.region not in ["eu-west-1"]"#,
            r#"nothing != "x""#,
            r#"@aws.region = "x" AND @aws.account = "y" OR @aws.region = "us-east-1""#,
            r#"@aws.region = "us-east-1" AND (@aws.account = "y" OR @aws.account = "123456789012")"#,
            r#"@aws.region NOT IN []"#,
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            r#"@aws.region = "us-east-2""#,
            r#"@aws.region = "us-east-1" AND (@aws.account = "y" OR @aws.account = "z")"#,
            r#"nothing = "x""#,
            r#"@aws.region IN []"#,
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_criterion_is_refused_in_words() {
        for (text, message) in [
            ("", "Expected a field"),
            ("a", "Expected =, !=, IN or NOT IN"),
            ("a = b", "Expected a string before 'b'"),
            ("a = \"b", "A string has no end"),
            ("a = 'b' c = 'd'", "Expected the end, AND or OR before 'c = 'd''"),
            ("a IN ['b' 'c']", "Expected ',' or ']' before ''c']'"),
            ("(a = 'b'", "Expected ')'"),
            ("a IN 'b'", "Expected '[' before ''b''"),
            ("é = 'b'", "Expected a field before 'é = 'b''"),
        ] {
            assert_eq!(Criteria::parse(text), Err(message.into()), "{text}");
        }
        let deep = format!("{}a = 'b'{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(Criteria::parse(&deep).unwrap_err().contains("nested deeper"));
    }
}
