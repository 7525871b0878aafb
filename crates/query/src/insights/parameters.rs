//! Parameters of saved queries: `{{name}}` in the text stands for a value that is put in as it is, before the query is read.
//!
//! A name is of letters, digits and underscores and begins with no digit (`QueryParameterName`); braces around anything else are text.

use super::error::QueryError;

/// A placeholder: its name, and its bytes with the braces.
struct Placeholder<'t> {
    name: &'t str,
    start: usize,
    end: usize,
}

/// The names of parameters in `text`, each once, in the order of their first use.
pub fn parameters(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut from = 0;
    while let Some(placeholder) = next(text, from) {
        from = placeholder.end;
        if !names.contains(&placeholder.name) {
            names.push(placeholder.name);
        }
    }
    names
}

/// `text` with values in place of parameters. Braces within values stand for themselves. A parameter without a value is an error.
pub fn substitute(text: &str, values: &[(&str, &str)]) -> Result<String, QueryError> {
    let mut whole = String::new();
    let mut from = 0;
    while let Some(Placeholder { name, start, end }) = next(text, from) {
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            return Err(QueryError::at(text, start, end, format!("the query parameter {name} has no value")));
        };
        whole.push_str(&text[from..start]);
        whole.push_str(value);
        from = end;
    }
    whole.push_str(&text[from..]);
    Ok(whole)
}

/// The first placeholder at or behind byte `from`.
fn next(text: &str, from: usize) -> Option<Placeholder<'_>> {
    let mut from = from;
    loop {
        let start = from + text[from..].find("{{")?;
        let rest = &text[start + 2..];
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = &rest[..length];
        let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        if is_name && rest[length..].starts_with("}}") {
            return Some(Placeholder { name, start, end: start + 2 + length + 2 });
        }
        from = start + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{parameters, substitute};

    #[test]
    fn names_are_found_once() {
        let text = "filter a = {{level}} and b = '{{_id2}}' or a = {{level}} or {{ x }} {{1}} {{}} {{{y}}} {{z";
        assert_eq!(parameters(text), ["level", "_id2", "y"]);
    }

    #[test]
    fn values_are_put_in_once() {
        let values = [("a", "{{b}}"), ("b", "2")];
        assert_eq!(substitute("x {{a}}-{{b}} {{a}}", &values).as_deref(), Ok("x {{b}}-2 {{b}}"));
        assert_eq!(substitute("nothing", &[]).as_deref(), Ok("nothing"));
    }

    #[test]
    fn a_parameter_needs_a_value() {
        let error = substitute("ü {{a}} {{c}}", &[("a", "1")]).expect_err("no value");
        assert_eq!(error.message, "the query parameter c has no value");
        assert_eq!((error.start_char, error.end_char), (8, 13));
    }
}
