//! The tokens of GetLogEvents: `f/<56 digits>/s` for what comes after a position, `b/<56 digits>/s` for what came before.

use crate::logs::errors::invalid_token;
use crate::logs::page_token::Fingerprint;
use model::{GroupId, StreamId, TimeRange, Timestamp};
use store::{Direction, Position};
use wire::ApiError;

/// Digits of the time (moved up by one, so that the instant before the epoch is no negative number), of the sequence,
/// and of the fingerprint.
const DIGITS: [usize; 3] = [19, 20, 17];
const FINGERPRINT_END: u64 = 10_u64.pow(DIGITS[2] as u32);

/// Where reading a stream goes on: strictly after `position` in `direction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventsToken {
    pub(super) direction: Direction,
    pub(super) position: Position,
}

/// Tokens belong to a stream, not to time bounds: clients may send a token without the bounds of the first call.
pub(super) fn fingerprint(group: GroupId, stream: StreamId) -> Fingerprint {
    let (group, stream) = (group.0.to_string(), stream.0.to_string());
    let Fingerprint(hash) = Fingerprint::of("GetLogEvents", [Some(group.as_str()), Some(stream.as_str())]);
    Fingerprint(hash % FINGERPRINT_END)
}

impl EventsToken {
    /// Reads a token of the stream with this fingerprint.
    pub(super) fn parse(text: &str, fingerprint: Fingerprint) -> Result<Self, ApiError> {
        let parse = || {
            let (direction, rest) = match text.split_once('/')? {
                ("f", rest) => (Direction::Forward, rest),
                ("b", rest) => (Direction::Backward, rest),
                _ => return None,
            };
            let digits = rest.strip_suffix("/s")?;
            if digits.len() != DIGITS.iter().sum::<usize>() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (time, rest) = digits.split_at_checked(DIGITS[0])?;
            let (sequence, found) = rest.split_at_checked(DIGITS[1])?;
            let time = time.parse::<i64>().ok()?.checked_sub(1)?;
            let position = (Timestamp(time), sequence.parse().ok()?);
            (found.parse() == Ok(fingerprint.0)).then_some(Self { direction, position })
        };
        parse().ok_or_else(invalid_token)
    }

    /// The token as the client sees it.
    pub(super) fn text(self, fingerprint: Fingerprint) -> String {
        let letter = if self.direction == Direction::Forward { 'f' } else { 'b' };
        let (time, sequence) = self.position;
        let time = time.0.saturating_add(1).max(0);
        format!("{letter}/{time:019}{sequence:020}{:017}/s", fingerprint.0)
    }
}

/// The forward and the backward token of a page whose earliest and latest positions are `ends`.
///
/// An empty page hands the given token back unchanged, and the other one turns around at the same place without losing the
/// event that stands there.
pub(super) fn both(
    given: Option<EventsToken>,
    range: TimeRange,
    ends: Option<(Position, Position)>,
) -> (EventsToken, EventsToken) {
    let (after, before) = match (ends, given) {
        (Some((earliest, latest)), _) => (latest, earliest),
        (None, Some(EventsToken { direction: Direction::Forward, position })) => (position, next(position)),
        (None, Some(EventsToken { direction: Direction::Backward, position })) => (previous(position), position),
        (None, None) => (previous((range.start, 0)), (range.end, 0)),
    };
    let forward = EventsToken { direction: Direction::Forward, position: after };
    let backward = EventsToken { direction: Direction::Backward, position: before };
    (forward, backward)
}

fn next((time, sequence): Position) -> Position {
    sequence.checked_add(1).map_or((time + 1, 0), |sequence| (time, sequence))
}

fn previous((time, sequence): Position) -> Position {
    sequence.checked_sub(1).map_or((time - 1, u64::MAX), |sequence| (time, sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Fingerprint = Fingerprint(1);

    #[test]
    fn tokens_have_awss_form_and_come_back() {
        let mine = fingerprint(GroupId(1), StreamId(2));
        for position in [
            (Timestamp(-1), u64::MAX),
            (Timestamp(0), 0),
            (Timestamp(1_750_000_000_000), 7),
            (Timestamp(i64::MAX - 1), 0),
        ] {
            for direction in [Direction::Forward, Direction::Backward] {
                let token = EventsToken { direction, position };
                let text = token.text(mine);
                assert_eq!(text.len(), 60);
                assert_eq!(EventsToken::parse(&text, mine).unwrap(), token);
                assert!(EventsToken::parse(&text, OTHER).is_err());
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let (nines, multibyte) = (format!("f/{}/s", "9".repeat(56)), format!("f/{}/s", "ä".repeat(28)));
        for text in ["", "/", "f/", "f//s", "x/1/s", "f/1/s", "f/+1/s", &nines, &multibyte] {
            assert!(EventsToken::parse(text, OTHER).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_page_hands_the_token_back_and_turns_around_in_place() {
        let position = (Timestamp(5), 3);
        let given = EventsToken { direction: Direction::Forward, position };
        let (forward, backward) = both(Some(given), TimeRange::ALL, None);
        assert_eq!(forward, given);
        assert_eq!(backward.position, (Timestamp(5), 4));
        let given = EventsToken { direction: Direction::Backward, position: (Timestamp(5), 0) };
        let (forward, backward) = both(Some(given), TimeRange::ALL, None);
        assert_eq!(backward, given);
        assert_eq!(forward.position, (Timestamp(4), u64::MAX));
    }
}
