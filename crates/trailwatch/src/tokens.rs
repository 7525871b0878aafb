//! `BearerToken`: a secret that lets a client send records without signing; kept as its SHA-256 digest only.

use sha2::{Digest, Sha256};

/// A token of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerToken {
    /// Its name, which the trail shows.
    pub name: String,
    /// True when log events may be sent with it.
    pub logs: bool,
    /// True when metrics may be sent with it.
    pub metrics: bool,
    /// How the names of the log groups begin that events may be sent to.
    pub log_group_prefix: String,
    digest: [u8; 32],
}

impl BearerToken {
    /// A token of this name and these rights.
    pub fn new(name: String, token: &str, logs: bool, metrics: bool, log_group_prefix: String) -> Self {
        Self { name, logs, metrics, log_group_prefix, digest: digest(token) }
    }

    /// The token that a client shows; each is looked at, so that the time says nothing about any.
    pub fn find<'a>(tokens: &'a [BearerToken], shown: &str) -> Option<&'a BearerToken> {
        let shown = digest(shown);
        tokens.iter().fold(None, |found, token| if same(&token.digest, &shown) { Some(token) } else { found })
    }
}

/// True when two secrets are the same, in a time that does not depend on where they differ.
pub fn same_secret(one: &str, other: &str) -> bool {
    same(&digest(one), &digest(other))
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.iter().zip(other).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_whole_or_not_at_all() {
        let token = |name: &str, secret| BearerToken::new(name.into(), secret, true, true, String::new());
        let tokens = [token("a", "0123456789abcdefghij"), token("b", "0123456789abcdefghik")];
        let found = |shown| BearerToken::find(&tokens, shown).map(|token| token.name.as_str());
        assert_eq!(found("0123456789abcdefghij"), Some("a"));
        assert_eq!(found("0123456789abcdefghik"), Some("b"));
        for wrong in ["", "0123456789abcdefghi", "0123456789abcdefghijj", "0123456789ABCDEFGHIJ"] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
        assert!(same_secret("x", "x") && !same_secret("x", "y"));
    }
}
