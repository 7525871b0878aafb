//! The identities of all accounts, in memory: cheap to copy, for a change shares all that it leaves alone.

use crate::entities::{AccessKey, Identity, Kind, ManagedPolicy};
use crate::policy::Policy;
use crate::ready_made;
use crate::standing::Grants;
use catalog::IdentityRow;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Entities by name in lower case, or by id.
pub type ByName<T> = BTreeMap<String, Arc<T>>;

/// The identities of all accounts.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    accounts: HashMap<String, Arc<Account>>,
}

/// The identities of one account.
#[derive(Debug, Default)]
pub struct Account {
    /// Account id.
    pub id: String,
    /// Users by name.
    pub users: ByName<Identity>,
    /// Groups by name.
    pub groups: ByName<Identity>,
    /// Roles by name.
    pub roles: ByName<Identity>,
    /// Managed policies by name.
    pub policies: ByName<ManagedPolicy>,
    /// Access keys by id.
    pub keys: ByName<AccessKey>,
    /// Compiled policies of principals, by their ids; of this state of the account alone.
    compiled: Mutex<HashMap<String, Arc<Grants>>>,
    /// Compiled policies of sessions, by their ids.
    sessions: Mutex<HashMap<String, Arc<[Arc<Policy>]>>>,
    /// Users, groups and roles by id.
    ids: OnceLock<HashMap<String, Arc<Identity>>>,
}

/// Most sessions whose policies are kept compiled.
const SESSIONS_MAX: usize = 10_000;

impl Clone for Account {
    /// A copy that will be changed, so nothing compiled goes along.
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            roles: self.roles.clone(),
            policies: self.policies.clone(),
            keys: self.keys.clone(),
            compiled: Mutex::default(),
            sessions: Mutex::default(),
            ids: OnceLock::new(),
        }
    }
}

const KEY: &str = "key";
const POLICY: &str = "policy";

impl Directory {
    /// Reads the rows of the catalog.
    pub fn read(rows: &[IdentityRow]) -> Result<Self, catalog::Error> {
        let mut accounts: HashMap<String, Account> = HashMap::new();
        for row in rows {
            let account = accounts.entry(row.account.clone()).or_default();
            account.id.clone_from(&row.account);
            match row.kind.as_str() {
                KEY => {
                    let key: AccessKey = parse(row)?;
                    account.keys.insert(key.id.clone(), Arc::new(key));
                }
                POLICY => {
                    let policy: ManagedPolicy = parse(row)?;
                    account.policies.insert(lower(&policy.name), Arc::new(policy));
                }
                _ => {
                    let identity: Identity = parse(row)?;
                    account.of_mut(identity.kind).insert(lower(&identity.name), Arc::new(identity));
                }
            }
        }
        Ok(Self { accounts: accounts.into_iter().map(|(id, account)| (id, Arc::new(account))).collect() })
    }

    /// The account; an empty one when it has no identities.
    pub fn account(&self, id: &str) -> Arc<Account> {
        let empty = || Arc::new(Account { id: id.to_owned(), ..Account::default() });
        self.accounts.get(id).cloned().unwrap_or_else(empty)
    }

    /// Puts an account in the place of what it was.
    pub fn set(&mut self, account: Account) {
        self.accounts.insert(account.id.clone(), Arc::new(account));
    }

    /// All accounts that have identities.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.values()
    }
}

fn parse<T: DeserializeOwned>(row: &IdentityRow) -> Result<T, catalog::Error> {
    Ok(serde_json::from_str(&row.document)?)
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

impl Account {
    /// Users, groups or roles.
    pub fn of(&self, kind: Kind) -> &ByName<Identity> {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
            Kind::Role => &self.roles,
        }
    }

    /// The same, to change.
    pub fn of_mut(&mut self, kind: Kind) -> &mut ByName<Identity> {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
            Kind::Role => &mut self.roles,
        }
    }

    /// The identity of this name, in any case.
    pub fn find(&self, kind: Kind, name: &str) -> Option<&Arc<Identity>> {
        self.of(kind).get(&lower(name))
    }

    /// The same, to change.
    pub fn find_mut(&mut self, kind: Kind, name: &str) -> Option<&mut Identity> {
        self.of_mut(kind).get_mut(&lower(name)).map(Arc::make_mut)
    }

    /// The identity of this id.
    pub fn by_id(&self, kind: Kind, id: &str) -> Option<&Arc<Identity>> {
        let all = || {
            let kinds = [&self.users, &self.groups, &self.roles];
            kinds.into_iter().flat_map(|map| map.values()).map(|it| (it.id.clone(), Arc::clone(it))).collect()
        };
        self.ids.get_or_init(all).get(id).filter(|identity| identity.kind == kind)
    }

    /// Adds an identity, or puts it in the place of the one with its name.
    pub fn put(&mut self, identity: Identity) {
        self.of_mut(identity.kind).insert(lower(&identity.name), Arc::new(identity));
    }

    /// Takes an identity out.
    pub fn remove(&mut self, kind: Kind, name: &str) -> Option<Arc<Identity>> {
        self.of_mut(kind).remove(&lower(name))
    }

    /// The account's managed policy of this ARN.
    pub fn policy(&self, arn: &str) -> Option<&Arc<ManagedPolicy>> {
        let name = arn.rsplit('/').next()?;
        self.policies.get(&lower(name)).filter(|policy| policy.arn(&self.id) == arn)
    }

    /// The same, to change.
    pub fn policy_mut(&mut self, arn: &str) -> Option<&mut ManagedPolicy> {
        self.policy(arn)?;
        self.policies.get_mut(&lower(arn.rsplit('/').next()?)).map(Arc::make_mut)
    }

    /// The text in force of a managed policy, of the account or ready-made.
    pub fn managed_document(&self, arn: &str) -> Option<&str> {
        match ready_made::find(arn) {
            Some(policy) => Some(policy.document),
            None => self.policy(arn).map(|policy| policy.document()),
        }
    }

    /// The keys of a user, by id.
    pub fn keys_of(&self, user_id: &str) -> impl Iterator<Item = &Arc<AccessKey>> {
        self.keys.values().filter(move |key| key.user == user_id)
    }

    /// What policies grant to a user or a role, compiled once.
    pub fn grants(&self, identity: &Identity) -> Arc<Grants> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grants) = compiled.get(&identity.id) {
            return Arc::clone(grants);
        }
        let grants = Arc::new(Grants::compile(self, identity));
        compiled.insert(identity.id.clone(), Arc::clone(&grants));
        grants
    }

    /// The policies of a session, compiled once by `compile`.
    pub fn session_policies(&self, id: &str, compile: impl FnOnce() -> Arc<[Arc<Policy>]>) -> Arc<[Arc<Policy>]> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policies) = sessions.get(id) {
            return Arc::clone(policies);
        }
        if sessions.len() >= SESSIONS_MAX {
            sessions.clear();
        }
        let policies = compile();
        sessions.insert(id.to_owned(), Arc::clone(&policies));
        policies
    }

    /// What must be written and what deleted to make `after` of this.
    pub fn difference(&self, after: &Account) -> Result<(Vec<IdentityRow>, Vec<IdentityRow>), catalog::Error> {
        let (mut put, mut gone) = (Vec::new(), Vec::new());
        for kind in [Kind::User, Kind::Group, Kind::Role] {
            let id = |identity: &Identity| identity.id.clone();
            changed(&self.id, kind.noun(), (self.of(kind), after.of(kind)), id, (&mut put, &mut gone))?;
        }
        let out = (&mut put, &mut gone);
        changed(&self.id, POLICY, (&self.policies, &after.policies), |policy| policy.id.clone(), out)?;
        changed(&self.id, KEY, (&self.keys, &after.keys), |key| key.id.clone(), (&mut put, &mut gone))?;
        Ok((put, gone))
    }
}

/// Entities are told apart by their ids: one that is renamed stays the same.
fn changed<T: Serialize>(
    account: &str,
    kind: &str,
    (before, after): (&ByName<T>, &ByName<T>),
    id: impl Fn(&T) -> String,
    (put, gone): (&mut Vec<IdentityRow>, &mut Vec<IdentityRow>),
) -> Result<(), catalog::Error> {
    let row = |entity: &T, document: String| IdentityRow {
        account: account.to_owned(),
        kind: kind.to_owned(),
        id: id(entity),
        document,
    };
    let same = |one: Option<&Arc<T>>, other: &Arc<T>| one.is_some_and(|one| Arc::ptr_eq(one, other));
    for (name, entity) in after {
        if !same(before.get(name), entity) {
            put.push(row(entity, serde_json::to_string(&**entity)?));
        }
    }
    for (name, entity) in before {
        if !same(after.get(name), entity) && !put.iter().any(|row| row.kind == kind && row.id == id(entity)) {
            gone.push(row(entity, String::new()));
        }
    }
    Ok(())
}
