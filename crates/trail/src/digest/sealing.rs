//! Private keys as they are kept: encrypted with a key that lies outside the catalog.
//!
//! A sealed key is a nonce of 24 bytes and what XChaCha20-Poly1305 makes of the key's DER. The account, the region and the
//! public key are authenticated with it, so that a sealed key cannot be put in the place of another.

use super::signing_key::{KeyError, SigningKey};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use model::Scope;

const NONCE_BYTES: usize = 24;

/// The key that encrypts private keys.
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
        super::unhex(text)?.try_into().ok().map(Self)
    }

    /// Encrypts a private key of `owner`. `nonce` must be random: no two seals may share one.
    pub fn seal(&self, owner: &Scope, key: &SigningKey, nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, KeyError> {
        let der = key.private_der()?;
        let aad = authenticated(owner, key.public_der());
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), Payload { msg: der.as_ref(), aad: &aad });
        let sealed = sealed.map_err(|_| KeyError("it cannot be encrypted".into()))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts the private key of `owner` whose public key is `public_der`.
    pub fn open(&self, owner: &Scope, public_der: &[u8], sealed: &[u8]) -> Result<SigningKey, KeyError> {
        let refused = || KeyError("it was encrypted with another key than the one at hand, or was changed".into());
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(refused)?;
        let aad = authenticated(owner, public_der);
        let der = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad });
        SigningKey::from_der(&der.map_err(|_| refused())?)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

fn authenticated(owner: &Scope, public_der: &[u8]) -> Vec<u8> {
    [owner.account.as_bytes(), b"\n", owner.region.as_bytes(), b"\n", public_der].concat()
}
