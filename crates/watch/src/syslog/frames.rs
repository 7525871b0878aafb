//! `Frames`: a TCP stream of syslog, cut into messages (RFC 6587).
//!
//! A frame that begins with a digit from 1 to 9 is counted (`LENGTH SPACE MESSAGE`); any other ends with a line feed or a zero
//! byte. A stream may change from one to the other at each frame. What is longer than 64 KiB is cut off there.

/// Longest message kept, bytes (RFC 5424 wants 2 KiB; senders are seldom set to more than 64 KiB).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Most digits of a length: a longer frame is no syslog.
const LENGTH_DIGITS_MAX: usize = 7;

/// The stream is not syslog; nothing more can be read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame has a length of more than {LENGTH_DIGITS_MAX} digits")]
pub struct BadFrame;

/// A stream as far as it has come. Holds one message at most.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// How many bytes of a line at the front of the buffer are known to have no end.
    searched: usize,
    skip: Skip,
}

/// What is left of a message that was cut off.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Skip {
    #[default]
    Nothing,
    Bytes(usize),
    Line,
}

/// What stands at the beginning of the buffer.
enum Next {
    /// More must come before that can be said.
    Unknown,
    /// A counted frame, whose message begins after so many bytes and has so many.
    Counted(usize, usize),
    /// A line.
    Line,
}

impl Frames {
    /// Takes what has come, and hands each whole message to `each`.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), BadFrame> {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while let Some(after) = self.step(rest, &mut each)? {
            self.searched = 0;
            rest = after;
        }
        // A message that comes byte by byte is not copied for each.
        self.buffer = if rest.len() == buffer.len() { buffer } else { rest.to_vec() };
        Ok(())
    }

    /// The stream has ended: what is left is a message too.
    pub fn finish(self, each: impl FnOnce(&[u8])) {
        let line = if self.skip == Skip::Nothing { self.buffer.as_slice() } else { &[] };
        if !line.is_empty() && !matches!(next(line), Ok(Next::Counted(..) | Next::Unknown)) {
            each(line);
        }
    }

    /// Takes one message from the front; `None` when more must come first.
    fn step<'a>(&mut self, rest: &'a [u8], each: &mut impl FnMut(&[u8])) -> Result<Option<&'a [u8]>, BadFrame> {
        match self.skip {
            Skip::Bytes(count) => {
                let skipped = count.min(rest.len());
                self.skip = if skipped == count { Skip::Nothing } else { Skip::Bytes(count - skipped) };
                return Ok((skipped == count || skipped > 0).then(|| &rest[skipped..]));
            }
            Skip::Line => {
                let end = rest.iter().position(is_end);
                self.skip = if end.is_some() { Skip::Nothing } else { Skip::Line };
                let skipped = end.map_or(rest.len(), |end| end + 1);
                return Ok((skipped > 0).then(|| &rest[skipped..]));
            }
            Skip::Nothing => {}
        }
        match next(rest)? {
            Next::Unknown => Ok(None),
            Next::Counted(start, length) => {
                let kept = length.min(MESSAGE_BYTES_MAX);
                let Some(message) = rest.get(start..start + kept) else { return Ok(None) };
                each(message);
                if length > kept {
                    self.skip = Skip::Bytes(length - kept);
                }
                Ok(Some(&rest[start + kept..]))
            }
            Next::Line => match rest.iter().take(MESSAGE_BYTES_MAX + 1).skip(self.searched).position(is_end) {
                Some(end) => {
                    let end = self.searched + end;
                    each(&rest[..end]);
                    Ok(Some(&rest[end + 1..]))
                }
                None if rest.len() > MESSAGE_BYTES_MAX => {
                    each(&rest[..MESSAGE_BYTES_MAX]);
                    self.skip = Skip::Line;
                    Ok(Some(&rest[MESSAGE_BYTES_MAX..]))
                }
                None => {
                    self.searched = rest.len();
                    Ok(None)
                }
            },
        }
    }
}

fn is_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | 0)
}

fn next(rest: &[u8]) -> Result<Next, BadFrame> {
    let Some(first) = rest.first() else { return Ok(Next::Unknown) };
    if !(b'1'..=b'9').contains(first) {
        return Ok(Next::Line);
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > LENGTH_DIGITS_MAX {
        return Err(BadFrame);
    }
    match rest.get(digits) {
        None => Ok(Next::Unknown),
        Some(b' ') => {
            let length = rest[..digits].iter().fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
            Ok(Next::Counted(digits + 1, length))
        }
        Some(_) => Ok(Next::Line),
    }
}
