//! Names and words of texts, as changes and subjects are compared: in lower case, bounded in number and length.

use serde_json::Value;
use std::collections::BTreeSet;

/// Longest name that is looked at, bytes; longer texts are documents, of which only words are taken.
const NAME_BYTES_MAX: usize = 256;
/// Longest text of which words are taken, bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Names and words of one change.
const NAMES_MAX: usize = 128;
/// Texts of a record that are looked at, and how deep they may lie.
const LEAVES_MAX: usize = 400;
const DEPTH_MAX: usize = 16;
/// Shortest word that tells something, characters.
const WORD_CHARS_MIN: usize = 3;

/// Words that are everywhere and tell nothing.
const COMMON: [&str; 40] = [
    "access",
    "account",
    "action",
    "alarm",
    "allow",
    "amazon",
    "amazonaws",
    "arn",
    "aws",
    "com",
    "count",
    "data",
    "default",
    "effect",
    "error",
    "errors",
    "failed",
    "false",
    "from",
    "http",
    "https",
    "info",
    "message",
    "name",
    "null",
    "policy",
    "prod",
    "production",
    "request",
    "resource",
    "service",
    "statement",
    "status",
    "test",
    "the",
    "true",
    "value",
    "version",
    "warn",
    "with",
];

/// What a text names, and the words of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Whole names, and the last part of ARNs and paths.
    pub names: BTreeSet<String>,
    /// Their parts between signs.
    pub words: BTreeSet<String>,
}

impl Words {
    /// Adds a text.
    pub fn add(&mut self, text: &str) {
        let text = text[..text.floor_char_boundary(TEXT_BYTES_MAX)].trim().to_lowercase();
        if text.len() <= NAME_BYTES_MAX && !text.contains(char::is_whitespace) {
            self.name(&text);
            let last = text.trim_end_matches(['*', '/']).rsplit([':', '/']).next().unwrap_or_default();
            self.name(last);
        }
        for part in text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
            let part = part.trim_matches(['-', '_', '.']);
            if part.len() <= NAME_BYTES_MAX {
                self.word(part);
                part.split(['-', '_', '.']).for_each(|word| self.word(word));
            }
        }
    }

    /// Adds the texts of a JSON value.
    pub fn add_json(&mut self, value: &Value) {
        let mut left = LEAVES_MAX;
        self.leaves(value, DEPTH_MAX, &mut left);
    }

    fn leaves(&mut self, value: &Value, depth: usize, left: &mut usize) {
        if depth == 0 || *left == 0 {
            return;
        }
        match value {
            Value::String(text) => {
                *left -= 1;
                self.add(text);
            }
            Value::Array(list) => list.iter().for_each(|item| self.leaves(item, depth - 1, left)),
            Value::Object(members) => members.values().for_each(|item| self.leaves(item, depth - 1, left)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn name(&mut self, name: &str) {
        if is_telling(name) && self.names.len() < NAMES_MAX {
            self.names.insert(name.to_owned());
        }
    }

    fn word(&mut self, word: &str) {
        if is_telling(word) && self.words.len() < NAMES_MAX {
            self.words.insert(word.to_owned());
        }
    }
}

/// False for short and common words and for short numbers.
pub(super) fn is_telling(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let chars = word.chars().take(6).count();
    chars >= WORD_CHARS_MIN && !(is_number && chars < 6) && COMMON.binary_search(&word).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_sorted_for_the_search() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn an_arn_names_its_last_part_and_its_words() {
        let mut words = Words::default();
        words.add("arn:aws:lambda:us-east-1:000000000000:function:Shop-Checkout");
        assert!(words.names.contains("shop-checkout"));
        assert!(words.words.contains("shop-checkout"));
        assert!(words.words.contains("checkout"));
        assert!(!words.words.contains("aws"));
    }

    #[test]
    fn a_document_gives_words_and_no_name() {
        let mut words = Words::default();
        words.add("{\"Resource\": \"arn:aws:s3:::shop-assets/*\"}");
        assert!(words.words.contains("shop-assets"));
        assert!(words.names.is_empty(), "{:?}", words.names);
    }

    #[test]
    fn deep_and_wide_values_are_cut() {
        let mut value = Value::String("deep".into());
        for _ in 0..100 {
            value = Value::Array(vec![value]);
        }
        let wide = Value::Array((0..10_000).map(|n| Value::String(format!("name-of-{n}"))).collect());
        let mut words = Words::default();
        words.add_json(&value);
        words.add_json(&wide);
        assert!(!words.names.contains("deep"));
        assert!(words.names.len() <= NAMES_MAX && words.words.len() <= NAMES_MAX);
    }
}
