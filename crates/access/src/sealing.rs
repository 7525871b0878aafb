//! Secrets as they are kept and session tokens as they are given out: encrypted with a key that lies outside the catalog.
//!
//! A sealed text is a nonce of 24 bytes and what XChaCha20-Poly1305 makes of the text. What it belongs to (an access key's id) is
//! authenticated with it, so that one cannot be put in the place of another.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;

/// The key that encrypts.
#[derive(Clone)]
pub struct SealingKey([u8; 32]);

impl std::fmt::Debug for SealingKey {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key with the bytes of 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// Encrypts `text`. `nonce` must be random: no two seals may share one. `None` when it cannot, which no text is known to cause.
    pub fn seal(&self, owner: &str, text: &[u8], nonce: [u8; NONCE_BYTES]) -> Option<Vec<u8>> {
        let payload = Payload { msg: text, aad: owner.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// Decrypts what was sealed for `owner`; `None` when it was not.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: owner.as_bytes() }).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_the_key_open_a_seal() {
        let key = SealingKey::from_hex(&"0f".repeat(32)).unwrap();
        let sealed = key.seal("AKIA1", b"secret", [7; NONCE_BYTES]).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(key.open("AKIA1", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(key.open("AKIA2", &sealed), None);
        assert_eq!(SealingKey::new([1; 32]).open("AKIA1", &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key.open("AKIA1", &changed), None, "byte {place}");
        }
        assert_eq!(key.open("AKIA1", &sealed[..10]), None);
        assert!(SealingKey::from_hex("0g").is_none() && SealingKey::from_hex(&"é".repeat(32)).is_none());
        assert_eq!(format!("{key:?}"), "SealingKey");
    }
}
