//! `fieldSelectionCriteria`: which events a metric filter looks at, by the account and region that they came from.
//!
//! `@aws.region = "us-east-1" AND @aws.account NOT IN ["111122223333", "444455556666"]`: `=`, `!=`, `IN`, `NOT IN`, `AND`
//! before `OR` (PutMetricFilter reference). Words in any case; parentheses are read too. Events come from nowhere but the
//! account and region of their group, so that a criterion holds for all of them or for none.

use model::Scope;

/// Deepest nesting of parentheses.
const NESTING_MAX: usize = 32;

/// Whether events of a scope fulfil the criteria; blank ones are fulfilled.
///
/// # Errors
/// What is wrong with the text.
pub fn selects(criteria: &str, scope: &Scope) -> Result<bool, String> {
    let mut reader = Reader { rest: criteria, scope };
    reader.skip_spaces();
    if reader.rest.is_empty() {
        return Ok(true);
    }
    let holds = reader.any_of(0)?;
    if reader.rest.is_empty() { Ok(holds) } else { Err(reader.expected("AND, OR or the end")) }
}

/// The value of a system field for all events of a scope.
pub fn system_field<'a>(scope: &'a Scope, field: &str) -> Option<&'a str> {
    match field {
        "@aws.account" => Some(&scope.account),
        "@aws.region" => Some(&scope.region),
        _ => None,
    }
}

struct Reader<'a> {
    rest: &'a str,
    scope: &'a Scope,
}

impl<'a> Reader<'a> {
    fn any_of(&mut self, depth: usize) -> Result<bool, String> {
        let mut holds = self.all_of(depth)?;
        while self.eat_word("OR") {
            holds |= self.all_of(depth)?;
        }
        Ok(holds)
    }

    fn all_of(&mut self, depth: usize) -> Result<bool, String> {
        let mut holds = self.one(depth)?;
        while self.eat_word("AND") {
            holds &= self.one(depth)?;
        }
        Ok(holds)
    }

    fn one(&mut self, depth: usize) -> Result<bool, String> {
        if !self.eat("(") {
            return self.comparison();
        }
        if depth == NESTING_MAX {
            return Err(format!("parentheses are nested deeper than {NESTING_MAX}"));
        }
        let holds = self.any_of(depth + 1)?;
        if self.eat(")") { Ok(holds) } else { Err(self.expected("')'")) }
    }

    fn comparison(&mut self) -> Result<bool, String> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_')));
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let Some(value) = system_field(self.scope, field) else {
            return Err(self.expected("@aws.account or @aws.region"));
        };
        self.rest = rest;
        self.skip_spaces();
        if self.eat("!=") {
            return Ok(self.text()? != value);
        }
        if self.eat("=") {
            return Ok(self.text()? == value);
        }
        let is_negated = self.eat_word("NOT");
        if !self.eat_word("IN") {
            return Err(self.expected(if is_negated { "IN" } else { "=, !=, IN or NOT IN" }));
        }
        Ok(self.list_has(value)? != is_negated)
    }

    fn list_has(&mut self, value: &str) -> Result<bool, String> {
        if !self.eat("[") {
            return Err(self.expected("'['"));
        }
        let mut has = false;
        loop {
            has |= self.text()? == value;
            if self.eat("]") {
                return Ok(has);
            }
            if !self.eat(",") {
                return Err(self.expected("',' or ']'"));
            }
        }
    }

    /// A text in quotes of either kind.
    fn text(&mut self) -> Result<&'a str, String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let parts = quote.and_then(|quote| self.rest.get(1..)?.split_once(quote));
        let (text, rest) = parts.ok_or_else(|| self.expected("a text in quotes"))?;
        self.rest = rest;
        self.skip_spaces();
        Ok(text)
    }

    fn eat(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        self.rest = rest;
        self.skip_spaces();
        true
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let comes = self.rest.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
        let after = self.rest.get(word.len()..).unwrap_or_default();
        let ends = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if comes && ends {
            self.rest = after;
            self.skip_spaces();
        }
        comes && ends
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expected(&self, what: &str) -> String {
        match self.rest.chars().next() {
            Some(c) => format!("expected {what}, found '{c}'"),
            None => format!("expected {what}, found the end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(criteria: &str) -> Result<bool, String> {
        selects(criteria, &Scope { account: "123456789012".into(), region: "us-east-1".into() })
    }

    #[test]
    fn criteria_are_judged_by_account_and_region() {
        for criteria in [
            "",
            "  ",
            r#"@aws.region = "us-east-1""#,
            "@aws.region='us-east-1'",
            r#"@aws.account IN ["1", "123456789012"]"#,
            r#"@aws.account not in ["1"] and @aws.region != "eu-west-1""#,
            r#"@aws.region = "x" OR @aws.region = "us-east-1" AND @aws.account != "1""#,
            r#"(@aws.region = "x" OR (@aws.region = "us-east-1"))AND(@aws.account IN ["123456789012"])"#,
        ] {
            assert_eq!(judged(criteria), Ok(true), "{criteria}");
        }
        for criteria in [
            r#"@aws.region = "US-EAST-1""#,
            r#"@aws.account NOT IN ["123456789012"]"#,
            r#"@aws.region = "us-east-1" AND @aws.account = "1""#,
            r#"(@aws.region = "us-east-1" OR @aws.region = "x") AND @aws.account = "1""#,
        ] {
            assert_eq!(judged(criteria), Ok(false), "{criteria}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let mistake = |criteria: &str| judged(criteria).unwrap_err();
        assert_eq!(mistake("region = \"x\""), "expected @aws.account or @aws.region, found 'r'");
        assert_eq!(mistake("@aws.region"), "expected =, !=, IN or NOT IN, found the end");
        assert_eq!(mistake("@aws.region = x"), "expected a text in quotes, found 'x'");
        assert_eq!(mistake("@aws.region = \"x"), "expected a text in quotes, found '\"'");
        assert_eq!(mistake("@aws.region NOT \"x\""), "expected IN, found '\"'");
        assert_eq!(mistake("@aws.region IN []"), "expected a text in quotes, found ']'");
        assert_eq!(mistake("@aws.region IN [\"a\" \"b\"]"), "expected ',' or ']', found '\"'");
        assert_eq!(mistake("@aws.region = \"x\" @aws"), "expected AND, OR or the end, found '@'");
        assert_eq!(mistake("(@aws.region = \"x\""), "expected ')', found the end");
        assert_eq!(mistake("@aws.region = \"x\" AND"), "expected @aws.account or @aws.region, found the end");
        assert_eq!(mistake(&"(".repeat(2_000)), "parentheses are nested deeper than 32");
    }
}
