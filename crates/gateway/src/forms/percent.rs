//! Percent-encoding undone, and the parameters of a query or a form.

/// Most parameters that are looked at.
pub const PARAMETERS_MAX: usize = 10_000;

/// What `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// In forms and queries.
    Blank,
    /// In paths.
    Itself,
}

/// Text without percent-encoding. A `%` without two digits stands for itself; what is no UTF-8 is replaced.
pub fn decoded(text: &str, plus: Plus) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) if plus == Plus::Blank => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Names and values of a query or a form, decoded, in order.
pub fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX);
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name, Plus::Blank), decoded(value, Plus::Blank))
    })
}

/// The first parameter called `name`.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    parameters(query).find(|(found, _)| found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_decoded_somehow() {
        assert_eq!(decoded("a%2Fb+c%zz%", Plus::Blank), "a/b c%zz%");
        assert_eq!(decoded("a+b", Plus::Itself), "a+b");
        assert_eq!(decoded("%ff%e4", Plus::Itself), "\u{FFFD}\u{FFFD}");
        let found: Vec<_> = parameters("a=1&&b&c=x%3Dy=z").collect();
        assert_eq!(found, [("a".into(), "1".into()), ("b".into(), String::new()), ("c".into(), "x=y=z".into())]);
        assert_eq!(parameter("a=1&b=2&b=3", "b").as_deref(), Some("2"));
    }
}
