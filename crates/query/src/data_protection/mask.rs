//! A line with asterisks where it is sensitive.

use std::ops::Range;

/// The line with each character of the spans, bytes in ascending order, as one asterisk.
pub(super) fn masked(line: &str, spans: &[Range<usize>]) -> String {
    let keeps = if is_json(line) { shape(line) } else { Vec::new() };
    let mut text = String::with_capacity(line.len());
    let mut spans = spans.iter().peekable();
    for (at, c) in line.char_indices() {
        while spans.next_if(|span| span.end <= at).is_some() {}
        let is_sensitive = spans.peek().is_some_and(|span| span.start <= at);
        let is_kept = keeps.get(at).copied().unwrap_or(false);
        text.push(if is_sensitive && !is_kept { '*' } else { c });
    }
    text
}

fn is_json(line: &str) -> bool {
    line.trim_start().starts_with(['{', '['])
}

/// Of each byte, whether it belongs to the shape of JSON: quotes, escapes, and all that stands outside of strings and is no
/// part of a number or a word.
fn shape(line: &str) -> Vec<bool> {
    let bytes = line.as_bytes();
    let mut keeps = vec![false; bytes.len()];
    let (mut in_string, mut at) = (false, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                in_string = !in_string;
                keeps[at] = true;
            }
            b'\\' if in_string => {
                let length = if bytes.get(at + 1) == Some(&b'u') { 6 } else { 2 };
                let end = bytes.len().min(at + length);
                keeps[at..end].fill(true);
                at = end;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\r' | b'\n' => keeps[at] = !in_string,
            _ => {}
        }
        at += 1;
    }
    keeps
}
