//! UUIDs as 16 bytes, and as the one text that CloudTrail writes: lower case, with hyphens.

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The bytes of a UUID written in lower case with hyphens; `None` for every other text.
pub(crate) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if HYPHENS.contains(&at) {
            at += 1;
        }
        *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
        at += 2;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The text of a UUID.
pub(super) fn text(bytes: &[u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for byte in bytes {
        if HYPHENS.contains(&at) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    text
}

/// The text of a UUID, as a string.
pub(super) fn string(bytes: &[u8; 16]) -> String {
    text(bytes).into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_is_a_uuid() {
        let canonical = "0b4c1f2e-9d3a-4c8e-a2d3-5e640b97c1f2";
        let bytes = parse(canonical.as_bytes()).unwrap();
        assert_eq!((bytes[0], bytes[15], string(&bytes).as_str()), (0x0b, 0xf2, canonical));
        let others =
            [canonical.to_uppercase(), canonical.replace('-', "0"), canonical[1..].into(), format!("{canonical}0")];
        assert!(others.iter().all(|text| parse(text.as_bytes()).is_none()));
    }
}
