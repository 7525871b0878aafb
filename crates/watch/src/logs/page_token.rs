//! Page tokens: where a listing goes on, bound to the request that it belongs to.
//!
//! A token is opaque to clients but holds no secret: a forged one can only point into what its caller may list anyway.
//! The fingerprint is there to tell a client that it mixed up two listings.

use super::errors::invalid_token;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::ApiError;

/// Longest token that is looked at, bytes: names of a metric filter (512 characters) and of a group, a position and the
/// fingerprint, in base64, and to spare.
const TOKEN_BYTES_MAX: usize = 4096;

/// A hash of the parameters that must be the same from page to page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(pub(super) u64);

impl Fingerprint {
    /// Of an operation and its parameters. Every part counts, and where it stands.
    pub(super) fn of<'a>(operation: &str, parts: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut hash = Fnv::new();
        hash.text(operation);
        for part in parts {
            match part {
                Some(text) => hash.text(text),
                None => hash.byte(0),
            }
        }
        Self(hash.0)
    }

    /// The token that resumes at `position`.
    pub(super) fn seal(self, position: &str) -> String {
        let mut bytes = self.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The page of a list in order of its keys, all of which is at hand, that follows the key in `token`; and the token of the next.
    pub(super) fn page<T>(
        self,
        mut all: Vec<T>,
        key: impl Fn(&T) -> &String,
        token: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<T>, Option<String>), ApiError> {
        let after = token.map(|token| self.open(token)).transpose()?;
        all.retain(|one| after.as_ref().is_none_or(|after| key(one) > after));
        let has_more = all.len() > limit;
        all.truncate(limit);
        let next = all.last().filter(|_| has_more).map(|last| self.seal(key(last)));
        Ok((all, next))
    }

    /// The position in a token of the same listing.
    pub(super) fn open(self, token: &str) -> Result<String, ApiError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(invalid_token());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid_token())?;
        match bytes.split_first_chunk::<8>() {
            Some((fingerprint, position)) if u64::from_be_bytes(*fingerprint) == self.0 => {
                String::from_utf8(position.to_vec()).map_err(|_| invalid_token())
            }
            _ => Err(invalid_token()),
        }
    }
}

/// FNV-1a, 64 bits: the same in every build, so tokens outlive a restart.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// Marked and led by its length, so that neighbouring parts cannot run into each other.
    fn text(&mut self, text: &str) {
        self.byte(1);
        for byte in (text.len() as u64).to_be_bytes() {
            self.byte(byte);
        }
        for byte in text.bytes() {
            self.byte(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_only_for_the_request_that_made_it() {
        let mine = Fingerprint::of("DescribeLogGroups", [Some("ab"), None]);
        let token = mine.seal("/my/group");
        assert_eq!(mine.open(&token).unwrap(), "/my/group");
        for other in [
            Fingerprint::of("DescribeLogGroups", [Some("a"), Some("b")]),
            Fingerprint::of("DescribeLogGroups", [None, Some("ab")]),
            Fingerprint::of("ListLogGroups", [Some("ab"), None]),
        ] {
            assert_eq!(other.open(&token).unwrap_err().message(), "The specified nextToken is invalid.");
        }
        for nonsense in ["", "AA", "ä", "f/1/s", &"A".repeat(5000)] {
            assert!(mine.open(nonsense).is_err(), "{nonsense}");
        }
    }
}
