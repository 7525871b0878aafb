//! NextToken: where a page ended, bound to the request that it continues.

use super::refuse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use wire::ApiError;

/// Longest token that is looked at, bytes: the longest that is made holds one metric with 30 dimensions.
const TOKEN_BYTES_MAX: usize = 128 * 1024;

/// What a token is bound to: an operation, its caller's scope, and the parameters that must not change between pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding(u64);

impl Binding {
    /// The binding of a request; its own token and page size must be left out of `parameters`.
    pub fn new(parameters: &impl Debug) -> Self {
        // FNV-1a: the token is opaque, not secret; a forged one reads no more than its sender may read anyway.
        let hash = format!("{parameters:?}")
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(hash)
    }

    /// The token for the page after `cursor`.
    pub fn token(self, cursor: &impl Serialize) -> Result<String, ApiError> {
        let text = serde_json::to_vec(&(self.0, cursor)).map_err(|error| {
            ApiError::new(&wire::error::common::INTERNAL_FAILURE, "encode token").with_source(error)
        })?;
        Ok(URL_SAFE_NO_PAD.encode(text))
    }

    /// Where `token` says to go on; `None` without a token. A token of another request is refused.
    pub fn cursor<T: DeserializeOwned>(self, token: Option<&str>) -> Result<Option<T>, ApiError> {
        let Some(token) = token else { return Ok(None) };
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refuse::next_token());
        }
        let text = URL_SAFE_NO_PAD.decode(token).map_err(|_| refuse::next_token())?;
        let (bound, cursor): (u64, T) = serde_json::from_slice(&text).map_err(|_| refuse::next_token())?;
        if bound == self.0 { Ok(Some(cursor)) } else { Err(refuse::next_token()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_bound_to_its_request() {
        let binding = Binding::new(&("ListMetrics", "a"));
        let token = binding.token(&("m", 5)).unwrap();
        assert_eq!(binding.cursor::<(String, i64)>(Some(&token)).unwrap(), Some(("m".to_owned(), 5)));
        assert_eq!(binding.cursor::<(String, i64)>(None).unwrap(), None);
        for other in [
            Binding::new(&("ListMetrics", "b")).cursor::<(String, i64)>(Some(&token)),
            binding.cursor(Some("garbage")),
            binding.cursor(Some("")),
            binding.cursor(Some("öö")),
        ] {
            assert_eq!(other.unwrap_err().code(), "InvalidNextToken");
        }
    }
}
