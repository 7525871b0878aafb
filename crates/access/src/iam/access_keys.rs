//! CreateAccessKey, ListAccessKeys, GetAccessKeyLastUsed, UpdateAccessKey, DeleteAccessKey. A secret is shown once.

use super::errors::{absent, invalid_input, no_such_entity, quota, service_failure};
use super::pages::page;
use super::shapes::date;
use super::users::own_name;
use crate::entities::{AccessKey, Identity, Kind};
use crate::{Access, Account, ids};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Caller;
use model::limits::ACCESS_KEYS_PER_USER_MAX;
use std::sync::Arc;
use wire::ApiError;
use wire::iam::{
    AccessKeyLastUsed, AccessKeyMetadata, CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteAccessKeyRequest,
    GetAccessKeyLastUsedRequest, GetAccessKeyLastUsedResponse, ListAccessKeysRequest, ListAccessKeysResponse,
    UpdateAccessKeyRequest,
};
use wire::shape::Empty;

fn status(key: &AccessKey) -> String {
    if key.active { "Active" } else { "Inactive" }.to_owned()
}

fn absent_key(id: &str) -> ApiError {
    no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

fn user<'a>(account: &'a Account, name: &str) -> Result<&'a Arc<Identity>, ApiError> {
    account.find(Kind::User, name).ok_or_else(|| absent(Kind::User, name))
}

pub(super) async fn create_access_key(
    access: &Access,
    caller: &Caller,
    input: CreateAccessKeyRequest,
) -> Result<CreateAccessKeyResponse, ApiError> {
    let name = own_name(caller, input.user_name)?;
    let account_id = &caller.scope.account;
    let id = ids::access_key_id(ids::LONG_TERM, account_id, access.random_bytes()?);
    let secret = ids::secret(&access.random_bytes::<128>()?);
    let sealed = access.sealing.seal(&id, secret.as_bytes(), access.random_bytes()?).ok_or_else(service_failure)?;
    let now = access.clock.now();
    let mut key = AccessKey {
        id: id.clone(),
        user: String::new(),
        sealed: STANDARD.encode(sealed),
        active: true,
        created_ms: now.millis(),
        last_used: None,
    };
    let user_name = access
        .change(account_id, |account| {
            let user = Arc::clone(user(account, &name)?);
            if account.keys_of(&user.id).count() >= ACCESS_KEYS_PER_USER_MAX {
                return Err(quota("AccessKeysPerUser", ACCESS_KEYS_PER_USER_MAX));
            }
            // Forty random bits: another key of the account may have them.
            if account.keys.contains_key(&key.id) {
                return Err(service_failure());
            }
            key.user = user.id.clone();
            account.keys.insert(key.id.clone(), Arc::new(key));
            Ok(user.name.clone())
        })
        .await?;
    Ok(CreateAccessKeyResponse {
        access_key: wire::iam::AccessKey {
            user_name,
            access_key_id: id,
            status: "Active".into(),
            secret_access_key: secret,
            create_date: Some(date(now.millis())),
        },
    })
}

pub(super) async fn list_access_keys(
    access: &Access,
    caller: &Caller,
    input: ListAccessKeysRequest,
) -> Result<ListAccessKeysResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let user = user(&account, &own_name(caller, input.user_name)?)?;
    let keys = account.keys_of(&user.id).map(|key| AccessKeyMetadata {
        user_name: Some(user.name.clone()),
        access_key_id: Some(key.id.clone()),
        status: Some(status(key)),
        create_date: Some(date(key.created_ms)),
    });
    let id = |key: &AccessKeyMetadata| key.access_key_id.clone().unwrap_or_default();
    let page = page(keys.collect(), id, input.marker, input.max_items)?;
    Ok(ListAccessKeysResponse { access_key_metadata: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) async fn get_access_key_last_used(
    access: &Access,
    caller: &Caller,
    input: GetAccessKeyLastUsedRequest,
) -> Result<GetAccessKeyLastUsedResponse, ApiError> {
    let account = access.account(&caller.scope.account);
    let key = account.keys.get(&input.access_key_id).ok_or_else(|| absent_key(&input.access_key_id))?;
    let last = access.last_use_of_key(&key.id).or_else(|| key.last_used.clone());
    let never = || "N/A".to_owned();
    Ok(GetAccessKeyLastUsedResponse {
        user_name: account.by_id(Kind::User, &key.user).map(|user| user.name.clone()),
        access_key_last_used: Some(AccessKeyLastUsed {
            last_used_date: last.as_ref().map(|last| date(last.at_ms)),
            service_name: last.as_ref().map_or_else(never, |last| last.service.clone()),
            region: last.map_or_else(never, |last| last.region),
        }),
    })
}

/// Checks that the key is the user's.
fn owned(account: &Account, name: &str, id: &str) -> Result<(), ApiError> {
    let user = user(account, name)?;
    let is_theirs = account.keys.get(id).is_some_and(|key| key.user == user.id);
    if is_theirs { Ok(()) } else { Err(absent_key(id)) }
}

pub(super) async fn update_access_key(
    access: &Access,
    caller: &Caller,
    input: UpdateAccessKeyRequest,
) -> Result<Empty, ApiError> {
    let name = own_name(caller, input.user_name)?;
    let active = match input.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(invalid_input(format!("The status {other} cannot be set."))),
    };
    access
        .change(&caller.scope.account, |account| {
            owned(account, &name, &input.access_key_id)?;
            if let Some(key) = account.keys.get_mut(&input.access_key_id) {
                Arc::make_mut(key).active = active;
            }
            Ok(())
        })
        .await?;
    Ok(Empty {})
}

pub(super) async fn delete_access_key(
    access: &Access,
    caller: &Caller,
    input: DeleteAccessKeyRequest,
) -> Result<Empty, ApiError> {
    let name = own_name(caller, input.user_name)?;
    access
        .change(&caller.scope.account, |account| {
            owned(account, &name, &input.access_key_id)?;
            account.keys.remove(&input.access_key_id);
            Ok(())
        })
        .await?;
    Ok(Empty {})
}
