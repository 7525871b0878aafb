//! The keys of an account and region: made on first need, and anew when their time is over.
//!
//! As on AWS each region has keys of its own, and a key is listed for the time in which it signs. A private key is forgotten
//! when the next one comes. Where the private key cannot be decrypted, as in a catalog that was restored without its key file,
//! a new one is made: what the old ones signed stays valid, for public keys are never forgotten.

use super::sealing::SealingKey;
use super::signing_key::{KeyError, SigningKey};
use crate::Trail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::DigestKey;
use model::{Scope, Timestamp};
use std::sync::Arc;

/// Fills bytes with randomness, or says why not.
pub type Random = dyn Fn(&mut [u8]) -> Result<(), String> + Send + Sync;

/// What keys are made and kept with.
pub struct KeyStore {
    /// Encrypts private keys.
    pub sealing: SealingKey,
    /// Where seeds and nonces come from.
    pub random: Box<Random>,
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyStore").finish_non_exhaustive()
    }
}

/// Why a digest was not made. The texts are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Error {
    /// Of a thread that was lost.
    pub(crate) fn thread(error: tokio::task::JoinError) -> Self {
        Self::Key(KeyError(error.to_string()))
    }
}

/// The key that signs now.
pub async fn current(trail: &Trail, store: &Arc<KeyStore>, owner: &Scope) -> Result<SigningKey, Error> {
    // One after the other, or two would make a key.
    let _turn = trail.key_turn.lock().await;
    let now = trail.clock.now();
    if let Some(row) = trail.catalog.last_digest_key(owner).await?
        && now < Timestamp(row.valid_to_ms).min(Timestamp(row.valid_from_ms) + trail.settings.key_rotation)
    {
        match open(store, owner, &row) {
            Ok(key) => return Ok(key),
            Err(error) => {
                let (account, region) = (&owner.account, &owner.region);
                tracing::warn!(%error, account, region, "a new key will sign digests");
            }
        }
    }
    let (making, owner_of_new) = (Arc::clone(store), owner.clone());
    let made = tokio::task::spawn_blocking(move || make(&making, &owner_of_new)).await;
    let (key, sealed) = made.map_err(|error| KeyError(error.to_string()))??;
    let from = now.floor_to(model::time::SECOND);
    let row = DigestKey {
        fingerprint: key.fingerprint(),
        public_key: STANDARD.encode(key.public_der()),
        sealed: Some(STANDARD.encode(sealed)),
        valid_from_ms: from.millis(),
        valid_to_ms: (from + trail.settings.key_rotation).millis(),
    };
    trail.catalog.add_digest_key(owner, &row).await?;
    tracing::info!(
        account = owner.account,
        region = owner.region,
        fingerprint = row.fingerprint,
        "made a key for digests"
    );
    Ok(key)
}

fn open(store: &KeyStore, owner: &Scope, row: &DigestKey) -> Result<SigningKey, KeyError> {
    let decode = |text: &str| STANDARD.decode(text).map_err(|error| KeyError(error.to_string()));
    let sealed = decode(row.sealed.as_deref().unwrap_or_default())?;
    store.sealing.open(owner, &decode(&row.public_key)?, &sealed)
}

fn make(store: &KeyStore, owner: &Scope) -> Result<(SigningKey, Vec<u8>), KeyError> {
    let (mut seed, mut nonce) = ([0; 32], [0; 24]);
    (store.random)(&mut seed).and_then(|()| (store.random)(&mut nonce)).map_err(KeyError)?;
    let key = SigningKey::generate(seed)?;
    let sealed = store.sealing.seal(owner, &key, nonce)?;
    Ok((key, sealed))
}
