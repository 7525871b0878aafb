//! Opaque page tokens that are good only with the parameters of the call that gave them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use wire::ApiError;
use wire::cloudtrail::errors;

/// Makes and reads the tokens of one call.
pub struct PageToken {
    binding: [u8; 32],
}

impl PageToken {
    /// Bytes of the binding that a token carries: enough that no other parameters fit by chance.
    const BINDING_BYTES: usize = 16;

    /// Tokens of the call with these parameters; the first should name the operation.
    pub fn bound_to(parameters: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for parameter in parameters {
            digest.update(parameter.len().to_be_bytes());
            digest.update(parameter.as_bytes());
        }
        Self { binding: digest.finalize().into() }
    }

    /// A token that resumes at `position`.
    pub fn seal(&self, position: &str) -> String {
        let mut bytes = self.binding.iter().copied().take(Self::BINDING_BYTES).collect::<Vec<u8>>();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Where to resume; InvalidNextTokenException for a token of another call, or none of ours.
    pub fn open(&self, token: &str) -> Result<String, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let position = bytes
            .as_deref()
            .and_then(|bytes| bytes.split_at_checked(Self::BINDING_BYTES))
            .filter(|(binding, _)| self.binding.starts_with(binding))
            .and_then(|(_, position)| std::str::from_utf8(position).ok());
        position.map(str::to_owned).ok_or_else(Self::invalid)
    }

    /// The error of a token that does not fit.
    pub fn invalid() -> ApiError {
        let text = "The token is not valid, or the request differs from the one that returned it.";
        ApiError::new(&errors::INVALID_NEXT_TOKEN_EXCEPTION, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_fits_its_own_parameters_only() {
        let token = PageToken::bound_to(&["op", "a", "b"]);
        let text = token.seal("position 7");
        assert_eq!(token.open(&text).unwrap(), "position 7");
        for other in [&["op", "ab", ""][..], &["op", "a"], &["other", "a", "b"]] {
            assert_eq!(PageToken::bound_to(other).open(&text).unwrap_err().code(), "InvalidNextTokenException");
        }
        for bad in ["", "x", "!!!!", &"A".repeat(10), &format!("{text}/")] {
            assert!(token.open(bad).is_err(), "{bad}");
        }
    }
}
