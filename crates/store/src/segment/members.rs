//! Which members a record itself has, told from its skeleton: a column that is empty cannot say whether its record has an empty text or
//! nothing, and one that is not may have been filled from elsewhere.
//!
//! A mask has two bits for each of `MEMBERS`, in order: of the lower half, that the record has no such member, or null; of the upper
//! half, that it has an empty text.

use super::skeleton::{is_whole, string_end};

/// Columns of text that have a member of the record, and its name.
pub(crate) const MEMBERS: [(&str, &str); 13] = [
    ("event_id", "eventID"),
    ("request_id", "requestID"),
    ("region", "awsRegion"),
    ("name", "eventName"),
    ("source", "eventSource"),
    ("category", "eventCategory"),
    ("error_code", "errorCode"),
    ("source_ip", "sourceIPAddress"),
    ("event_version", "eventVersion"),
    ("event_type", "eventType"),
    ("user_agent", "userAgent"),
    ("error_message", "errorMessage"),
    ("vpc_endpoint_id", "vpcEndpointId"),
];
/// Where the upper half begins.
pub(crate) const EMPTY_SHIFT: usize = 16;
const ALL_ABSENT: u32 = (1 << MEMBERS.len()) - 1;

/// The mask of a record that was cut into this skeleton; 0, which says nothing, of one that was kept whole.
pub(crate) fn mask(skeleton: &str) -> u32 {
    if is_whole(skeleton) {
        return 0;
    }
    let (text, mut mask) = (skeleton.as_bytes(), ALL_ABSENT);
    let (mut at, mut depth, mut name) = (0, 0_usize, None);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(text, at + 1);
                let string = text.get(at + 1..end).unwrap_or_default();
                match name.take() {
                    Some(place) => say(&mut mask, place, Some(string.is_empty())),
                    None if depth == 1 && is_name(text.get(end + 1..).unwrap_or_default()) => {
                        name = MEMBERS.iter().position(|(_, member)| member.as_bytes() == string);
                    }
                    None => {}
                }
                at = end;
            }
            _ => {}
        }
        // What follows a name is a colon and, at last, the first byte of a value.
        if !matches!(byte, b'"' | b':' | b' ' | b'\t' | b'\n' | b'\r')
            && let Some(place) = name.take()
        {
            say(&mut mask, place, (byte != b'n').then_some(false));
        }
        at += 1;
    }
    mask
}

/// True for a string that a colon follows.
fn is_name(after: &[u8]) -> bool {
    after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Of two members that are the same, the last counts. `value` is `None` for null, else whether it is an empty text.
fn say(mask: &mut u32, place: usize, value: Option<bool>) {
    let (absent, empty) = (1 << place, 1 << (place + EMPTY_SHIFT));
    *mask &= !(absent | empty);
    match value {
        None => *mask |= absent,
        Some(true) => *mask |= empty,
        Some(false) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skeleton_tells_what_is_absent_and_what_is_empty() {
        let names = |skeleton: &str, shift: usize| -> Vec<&str> {
            let mask = mask(skeleton) >> shift;
            MEMBERS.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, (_, member))| *member).collect()
        };
        let skeleton = "{\"eventID\":\"\u{3}\", \"errorCode\" : \"\",\"userAgent\":null,\"eventName\":\"a\\\"b\",\"x\":\"eventType\",\"y\":\"errorCode\",\
                        \"awsRegion\":\u{1},\"requestParameters\":{\"errorMessage\":\"\",\"eventSource\":\"s\"},\"eventType\":{\"a\":[\"\"]},\
                        \"eventVersion\":\"\",\"eventVersion\":\"1\"}";
        assert_eq!(names(skeleton, EMPTY_SHIFT), ["errorCode"]);
        let absent = [
            "requestID",
            "eventSource",
            "eventCategory",
            "sourceIPAddress",
            "userAgent",
            "errorMessage",
            "vpcEndpointId",
        ];
        assert_eq!(names(skeleton, 0), absent);
        assert_eq!((mask("\u{1e}"), mask(""), mask("{\"a")), (0, ALL_ABSENT, ALL_ABSENT));
    }
}
