//! Text of others that may be printed on a terminal: what is verified may be an attacker's, and must not look like a finding.

/// Control characters and what is not seen are written as escapes, white space is one blank, and what is longer than `chars_max` is cut.
pub fn printable(text: &str, chars_max: usize) -> String {
    let (mut printable, mut was_blank) = (String::new(), false);
    for (at, char) in text.chars().enumerate() {
        if at == chars_max {
            printable.push('…');
            break;
        }
        match char {
            ' ' if was_blank => {}
            ' ' | '"' | '\'' | '\\' => printable.push(char),
            _ => printable.extend(char.escape_debug()),
        }
        was_blank = char == ' ';
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_seen() {
        assert_eq!(printable("a\u{1b}[1A\r\n   b \"é\" \u{202e}", 100), r#"a\u{1b}[1A\r\n b "é" \u{202e}"#);
        assert_eq!(printable("abcd", 3), "abc…");
    }
}
