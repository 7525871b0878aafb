//! When and for what keys and roles were last used: in memory, and now and then in the catalog.

use crate::Access;
use crate::entities::{Identity, LastUse};
use crate::ids;
use model::{Caller, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use wire::ApiError;

/// Last uses that the catalog does not have yet.
#[derive(Debug, Default)]
pub struct Used {
    /// By access key id.
    keys: Mutex<HashMap<String, LastUse>>,
    /// By account and id of the role.
    roles: Mutex<HashMap<(String, String), LastUse>>,
}

/// Last uses that one node tells another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Uses {
    /// By access key id.
    keys: Vec<(String, LastUse)>,
    /// By account and id of the role.
    roles: Vec<((String, String), LastUse)>,
}

impl Uses {
    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.roles.is_empty()
    }
}

/// A use is noted again only after this time, ms: GetAccessKeyLastUsed and GetRole are not that exact.
const NOTED_EVERY_MS: i64 = 10_000;

impl Access {
    /// Notes that a verified caller called `service`.
    pub fn note_use(&self, caller: &Caller, service: &str, now: Timestamp) {
        let note = |known: Option<&LastUse>| {
            let stale = known.is_none_or(|known| {
                now.millis() - known.at_ms >= NOTED_EVERY_MS
                    || known.service != service
                    || known.region != caller.scope.region
            });
            stale.then(|| LastUse {
                at_ms: now.millis(),
                region: caller.scope.region.clone(),
                service: service.to_owned(),
            })
        };
        match (caller.identity_type.as_str(), &caller.session) {
            ("IAMUser", None) => {
                let mut keys = self.used.keys.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(last) = note(keys.get(&caller.access_key_id)) {
                    keys.insert(caller.access_key_id.clone(), last);
                }
            }
            ("AssumedRole", Some(session)) => {
                let role = (caller.scope.account.clone(), session.issuer_id.clone());
                let mut roles = self.used.roles.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(last) = note(roles.get(&role)) {
                    roles.insert(role, last);
                }
            }
            _ => {}
        }
    }

    /// The last use of a key that the catalog does not know of.
    pub(crate) fn last_use_of_key(&self, id: &str) -> Option<LastUse> {
        self.used.keys.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The same of a role.
    pub(crate) fn last_use_of_role(&self, account: &str, role: &Identity) -> Option<LastUse> {
        let roles = self.used.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.get(&(account.to_owned(), role.id.clone())).cloned()
    }

    /// Takes the uses that were noted here, for the node that writes to the catalog.
    pub fn take_uses(&self) -> Uses {
        let keys = std::mem::take(&mut *self.used.keys.lock().unwrap_or_else(PoisonError::into_inner));
        let roles = std::mem::take(&mut *self.used.roles.lock().unwrap_or_else(PoisonError::into_inner));
        Uses { keys: keys.into_iter().collect(), roles: roles.into_iter().collect() }
    }

    /// Notes what another node took; what is known of a later time stays.
    pub fn note_uses(&self, uses: Uses) {
        fn note<K: Eq + std::hash::Hash>(known: &Mutex<HashMap<K, LastUse>>, uses: Vec<(K, LastUse)>) {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, last) in uses {
                if known.get(&key).is_none_or(|there| there.at_ms < last.at_ms) {
                    known.insert(key, last);
                }
            }
        }
        note(&self.used.keys, uses.keys);
        note(&self.used.roles, uses.roles);
    }

    /// Writes last uses to the catalog.
    pub async fn keep_uses(&self) -> Result<(), ApiError> {
        let keys = std::mem::take(&mut *self.used.keys.lock().unwrap_or_else(PoisonError::into_inner));
        let roles = std::mem::take(&mut *self.used.roles.lock().unwrap_or_else(PoisonError::into_inner));
        let of_keys = keys.keys().filter_map(|id| ids::account_of(id));
        let mut accounts: Vec<String> = of_keys.chain(roles.keys().map(|(account, _)| account.clone())).collect();
        accounts.sort();
        accounts.dedup();
        for account in accounts {
            self.change(&account, |draft| {
                for (id, last) in &keys {
                    if let Some(key) = draft.keys.get_mut(id) {
                        Arc::make_mut(key).last_used = Some(last.clone());
                    }
                }
                for role in draft.roles.values_mut() {
                    if let Some(last) = roles.get(&(account.clone(), role.id.clone())) {
                        Arc::make_mut(role).last_used = Some(last.clone());
                    }
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}
