//! Frames of a spool file, to bytes and back; the format is in `spool`.

use uuid::Uuid;

/// How a file begins.
pub(super) const MAGIC: &[u8; 8] = b"TWGWSP01";
/// Length, checksum, kind, id.
const HEAD_BYTES: usize = 4 + 4 + 1 + 16;
/// Longest text of a frame.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a frame says of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The call is about to go to the backend; the text is its event should nothing more be known.
    Intent,
    /// The call has ended; the text is its event.
    Call,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it says.
    pub kind: Kind,
    /// Of the event.
    pub id: Uuid,
    /// The event: a CloudTrail record, one line of JSON.
    pub text: String,
}

/// Appends a frame's bytes; one whose text is too long to be read again is not appended, and `false` is answered.
pub(super) fn put(frame: &Frame, out: &mut Vec<u8>) -> bool {
    let Ok(length) = u32::try_from(frame.text.len()) else { return false };
    if frame.text.len() > TEXT_BYTES_MAX {
        return false;
    }
    let kind = [match frame.kind {
        Kind::Intent => 1,
        Kind::Call => 2,
    }];
    let mut crc = crc32fast::Hasher::new();
    for part in [&kind[..], frame.id.as_bytes(), frame.text.as_bytes()] {
        crc.update(part);
    }
    out.reserve(HEAD_BYTES + frame.text.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(&kind);
    out.extend_from_slice(frame.id.as_bytes());
    out.extend_from_slice(frame.text.as_bytes());
    true
}

/// The frames of a file, up to where it ends or is torn; and how many bytes lie behind a tear.
pub(super) fn read(bytes: &[u8]) -> (Vec<Frame>, usize) {
    let mut frames = Vec::new();
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return (frames, bytes.len()) };
    while let Some((frame, after)) = take(rest) {
        frames.push(frame);
        rest = after;
    }
    (frames, rest.len())
}

fn take(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= TEXT_BYTES_MAX)?;
    let (covered, after) = rest.split_at_checked(1 + 16 + length)?;
    if crc32fast::hash(covered) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let (kind, covered) = covered.split_first()?;
    let (id, text) = covered.split_first_chunk::<16>()?;
    let kind = match kind {
        1 => Kind::Intent,
        2 => Kind::Call,
        _ => return None,
    };
    let text = String::from_utf8(text.to_vec()).ok()?;
    Some((Frame { kind, id: Uuid::from_bytes(*id), text }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u128, kind: Kind, text: &str) -> Frame {
        Frame { kind, id: Uuid::from_u128(n), text: text.into() }
    }

    #[test]
    fn frames_come_back_up_to_every_cut() {
        let frames = [frame(1, Kind::Intent, "{}"), frame(2, Kind::Call, ""), frame(1, Kind::Call, "{\"a\":\"ü\"}")];
        let mut bytes = MAGIC.to_vec();
        let mut ends = vec![bytes.len()];
        for frame in &frames {
            assert!(put(frame, &mut bytes));
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
            let (read, behind) = read(&bytes[..cut]);
            assert_eq!(read, frames[..whole], "cut at {cut}");
            assert_eq!(behind == 0, ends.contains(&cut) || cut == 0, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_ends_the_file_there() {
        let mut bytes = MAGIC.to_vec();
        put(&frame(1, Kind::Call, "first"), &mut bytes);
        let second = bytes.len();
        put(&frame(2, Kind::Call, "second"), &mut bytes);
        for at in second..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert_eq!(read(&bad).0.len(), 1, "flipped at {at}");
        }
    }

    #[test]
    fn a_text_too_long_to_be_read_is_not_written() {
        let mut bytes = Vec::new();
        assert!(!put(&frame(1, Kind::Call, &"x".repeat(TEXT_BYTES_MAX + 1)), &mut bytes));
        assert!(bytes.is_empty());
    }
}
