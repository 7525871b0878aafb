//! Who may do what: identities, policies, sessions; the iam and sts operations.
//!
//! All identities are in memory, in a `Directory` that is replaced as a whole by every change; the catalog has them durably. So a
//! call is decided without IO: `credentials` says who signed, `standing` what policies say about them, `authorize` whether it may.
//! Policies are compiled once for each principal and directory.

mod authorize;
mod credentials;
mod directory;
mod entities;
pub mod iam;
mod ids;
pub mod policy;
pub mod ready_made;
mod resources;
mod sealing;
mod session;
mod standing;
pub mod sts;
mod used;

#[cfg(test)]
mod tests;

pub use authorize::{
    Asking, CallGuard, Owned, ServiceCall, Shared, admitted, is_service_allowed, is_service_denied,
    kept_resource_policy, resource_policy,
};
pub use credentials::Identified;
pub use directory::{Account, Directory};
pub use entities::{AccessKey, Identity, Kind, ManagedPolicy, PolicyVersion};
pub use sealing::SealingKey;
pub use standing::Standing;
pub use used::Uses;

use catalog::Catalog;
use model::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use wire::{ApiError, Operation};

/// Fills bytes that nobody can guess.
pub type Random = Arc<dyn Fn(&mut [u8]) -> Result<(), String> + Send + Sync>;

/// What every operation of iam and sts works with, and every decision.
#[derive(Clone)]
pub struct Access {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    random: Random,
    sealing: SealingKey,
    directory: Arc<RwLock<Arc<Directory>>>,
    /// How often it was replaced.
    replaced: Arc<AtomicU64>,
    /// One change at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    used: Arc<used::Used>,
}

impl std::fmt::Debug for Access {
    /// Shows no secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

/// All operations of iam and sts.
pub fn operations() -> Vec<Operation<Access>> {
    let mut all = iam::operations();
    all.extend(sts::operations());
    all
}

impl Access {
    /// Reads all identities.
    pub async fn open(
        catalog: Catalog,
        clock: Arc<dyn Clock>,
        random: Random,
        sealing: SealingKey,
    ) -> Result<Self, catalog::Error> {
        let access = Self {
            catalog,
            clock,
            random,
            sealing,
            directory: Arc::default(),
            replaced: Arc::default(),
            turn: Arc::default(),
            used: Arc::default(),
        };
        access.reload().await?;
        Ok(access)
    }

    /// Reads all identities again, after the catalog was changed by somebody else.
    pub async fn reload(&self) -> Result<(), catalog::Error> {
        let _turn = self.turn.lock().await;
        let rows = self.catalog.identities().await?;
        self.replace(Directory::read(&rows)?);
        Ok(())
    }

    /// The identities as they are now.
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The identities of one account.
    pub fn account(&self, id: &str) -> Arc<Account> {
        self.directory().account(id)
    }

    fn replace(&self, directory: Directory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
        self.replaced.fetch_add(1, Ordering::AcqRel);
    }

    /// Rises with every change of an identity, once it is in force.
    pub fn generation(&self) -> u64 {
        self.replaced.load(Ordering::Acquire)
    }

    /// Changes identities of an account: `edit` works on a copy, which is made durable and then takes the place of the original.
    /// Once begun, it is carried through, though nobody should wait for it any more.
    async fn change<T, F>(&self, account: &str, edit: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Account) -> Result<T, ApiError> + Send,
    {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let before = self.account(account);
        let mut after = Account::clone(&before);
        let value = edit(&mut after)?;
        let access = self.clone();
        let written = tokio::spawn(async move {
            let _turn = turn;
            let (put, gone) = before.difference(&after)?;
            access.catalog.change_identities(&put, &gone).await?;
            let mut directory = Directory::clone(&access.directory());
            directory.set(after);
            access.replace(directory);
            Ok::<(), catalog::Error>(())
        });
        match written.await {
            Ok(written) => written?,
            Err(error) => return Err(iam::service_failure().with_source(error)),
        }
        Ok(value)
    }

    fn random_bytes<const N: usize>(&self) -> Result<[u8; N], ApiError> {
        let mut bytes = [0; N];
        (self.random)(&mut bytes).map_err(|error| iam::service_failure().with_source(error))?;
        Ok(bytes)
    }
}
