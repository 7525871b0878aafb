//! RSA keys that digests are signed with, and what the world may know of them.
//!
//! AWS's form of a public key is the DER of PKCS#1's `RSAPublicKey`; its fingerprint is the MD5 of those bytes in hex, which
//! names a key and protects nothing. Signatures are RSASSA-PKCS1-v1_5 with SHA-256: the same key and text give the same
//! signature.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng as _;
use md5::{Digest as _, Md5};
use model::hex;
use rsa::pkcs1::{
    DecodeRsaPrivateKey as _, DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _, EncodeRsaPublicKey as _,
};
use rsa::pkcs1v15;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::{PrivateKey, PublicKey};

/// Size of new keys.
const BITS: usize = 2048;

/// Why a key is of no use.
#[derive(Debug, thiserror::Error)]
#[error("signing key: {0}")]
pub struct KeyError(pub(super) String);

/// A private key and the public half of it.
pub struct SigningKey {
    private: pkcs1v15::SigningKey<Sha256>,
    public_der: Vec<u8>,
}

impl std::fmt::Debug for SigningKey {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key; the same seed makes the same key, so it must be random and used once. It takes some hundred milliseconds.
    pub fn generate(seed: [u8; 32]) -> Result<Self, KeyError> {
        let key = PrivateKey::new(&mut ChaCha20Rng::from_seed(seed), BITS).map_err(unusable)?;
        Self::of(key)
    }

    /// The key of a DER of PKCS#1's `RSAPrivateKey`.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::of(PrivateKey::from_pkcs1_der(der).map_err(unusable)?)
    }

    fn of(key: PrivateKey) -> Result<Self, KeyError> {
        let public = key.as_public_key().to_pkcs1_der().map_err(unusable)?;
        Ok(Self { private: pkcs1v15::SigningKey::new(key), public_der: public.into_vec() })
    }

    /// The secret: DER of PKCS#1's `RSAPrivateKey`.
    pub fn private_der(&self) -> Result<impl AsRef<[u8]> + use<>, KeyError> {
        let key: &PrivateKey = self.private.as_ref();
        key.to_pkcs1_der().map(|der| der.to_bytes()).map_err(unusable)
    }

    /// DER of PKCS#1's `RSAPublicKey`.
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// What digests call the key.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.public_der)
    }

    /// The signature of a text, in hex.
    pub fn sign(&self, text: &str) -> Result<String, KeyError> {
        let signature = self.private.try_sign(text.as_bytes()).map_err(unusable)?;
        Ok(hex(&signature.to_bytes()))
    }
}

/// What digests call the key with this DER of `RSAPublicKey`.
pub fn fingerprint(public_der: &[u8]) -> String {
    hex(&Md5::digest(public_der))
}

/// True when `signature`, in hex, is that of `text` by the key with this DER of `RSAPublicKey`.
pub fn verifies(public_der: &[u8], text: &str, signature: &str) -> bool {
    let key = PublicKey::from_pkcs1_der(public_der).ok().map(pkcs1v15::VerifyingKey::<Sha256>::new);
    let bytes = super::unhex(signature);
    let signature = bytes.and_then(|bytes| pkcs1v15::Signature::try_from(bytes.as_slice()).ok());
    match (key, signature) {
        (Some(key), Some(signature)) => key.verify(text.as_bytes(), &signature).is_ok(),
        _ => false,
    }
}

fn unusable(error: impl std::fmt::Display) -> KeyError {
    KeyError(error.to_string())
}
