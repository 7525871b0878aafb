//! Addresses of IPv4 and IPv6, found at their dots and colons: nearly every line has numbers and times, so a pattern would be
//! tried on nearly every line.

use memchr::memchr_iter;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// The longest text of an address, bytes, and what may end a sentence behind it.
const BYTES_MAX: usize = 48;

/// Every address of IPv4 that stands alone: no part of a version number or a word.
pub(super) fn visit_v4(line: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = line.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let mut done = 0;
    for dot in memchr_iter(b'.', bytes) {
        let is_between = dot > 0 && is_part(bytes[dot - 1]) && bytes.get(dot + 1).is_some_and(u8::is_ascii_digit);
        if dot < done || !is_between {
            continue;
        }
        let run = run_around(bytes, dot, is_part);
        done = run.end;
        let text = line[run.clone()].trim_end_matches('.');
        if text.parse::<Ipv4Addr>().is_ok() && stands_alone(bytes, &run) {
            found(run.start..run.start + text.len());
        }
    }
}

/// Every address of IPv6 that stands alone.
pub(super) fn visit_v6(line: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = line.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut done = 0;
    for colon in memchr_iter(b':', bytes) {
        // The next colon follows within a group: `12:` and `"key":` do not.
        let is_followed = bytes[colon + 1..].iter().take(5).any(|byte| *byte == b':');
        if colon < done || !is_followed {
            continue;
        }
        let run = run_around(bytes, colon, is_part);
        done = run.end;
        let text = &line[run.clone()];
        let colons = text.bytes().filter(|byte| *byte == b':').count();
        // A time of day has two; an address has six at least, or a gap.
        if (colons < 6 && !text.contains("::")) || !stands_alone(bytes, &run) {
            continue;
        }
        let trimmed = text.trim_end_matches('.');
        let single = trimmed.strip_suffix(':').unwrap_or(trimmed);
        let is_address = |text: &&str| text.len() > 2 && text.parse::<Ipv6Addr>().is_ok();
        if let Some(text) = [trimmed, single].into_iter().find(is_address) {
            found(run.start..run.start + text.len());
        }
    }
}

/// The bytes around `at` that may be part of one address, as far as an address is long.
fn run_around(bytes: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> Range<usize> {
    let before = bytes[..at].iter().rev().take(BYTES_MAX).take_while(|byte| is_part(**byte)).count();
    let after = bytes[at..].iter().take(BYTES_MAX).take_while(|byte| is_part(**byte)).count();
    at - before..at + after
}

fn stands_alone(bytes: &[u8], run: &Range<usize>) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let before = run.start.checked_sub(1).and_then(|at| bytes.get(at));
    !before.is_some_and(is_word) && !bytes.get(run.end).is_some_and(is_word)
}
