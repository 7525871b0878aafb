//! Cuts names into tokens, as CloudWatch does for partial matches.

/// The tokens of a name, in its own case: `CustomCount1` has `Custom`, `Count` and `1`.
pub fn tokens(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(words).collect()
}

/// The tokens of a text of letters and digits.
pub fn words(run: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut last_at) = (0, 0);
    let mut last = None;
    for (at, character) in run.char_indices() {
        let kind = Kind::of(character);
        let cut = match (last, kind) {
            // `SDBFailure`: the last of several capitals belongs to the small letters that follow.
            (Some(Kind::Upper), Kind::Lower) => last_at,
            (Some(last), kind) if last != kind => at,
            _ => start,
        };
        if cut > start {
            words.push(&run[start..cut]);
            start = cut;
        }
        (last, last_at) = (Some(kind), at);
    }
    if start < run.len() {
        words.push(&run[start..]);
    }
    words
}

/// All letters and digits of a name in lower case: the token that stands for the whole of it.
pub fn whole(text: &str) -> String {
    letters(text).collect()
}

/// Whether `whole` is the token that stands for the whole of a name.
pub fn is_whole(text: &str, whole: &str) -> bool {
    letters(text).eq(whole.chars())
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Whether two tokens are the same but for their case.
pub fn is_same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
        || (!(left.is_ascii() && right.is_ascii())
            && left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upper,
    Lower,
    Digit,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            _ if character.is_numeric() => Self::Digit,
            _ if character.is_uppercase() => Self::Upper,
            // Letters without case are small ones.
            _ => Self::Lower,
        }
    }
}
