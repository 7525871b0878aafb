//! Policy documents of calls: checked, measured, and shown as IAM shows them.

use super::errors::{invalid_input, malformed, no_such_entity, quota};
use crate::directory::Account;
use crate::entities::{Identity, Kind};
use crate::policy::{Malformed, Policy, Purpose};
use model::arn::Arn;
use model::limits::{
    GROUP_POLICIES_CHARS_MAX, MANAGED_POLICY_CHARS_MAX, ROLE_POLICIES_CHARS_MAX, SESSION_POLICY_CHARS_MAX,
    TRUST_POLICY_CHARS_MAX, USER_POLICIES_CHARS_MAX,
};
use wire::ApiError;
use wire::sts::errors::PACKED_POLICY_TOO_LARGE_EXCEPTION;

/// Characters that count: all but white space.
pub(crate) fn counted(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

fn check(document: &str, purpose: Purpose) -> Result<(), ApiError> {
    Policy::parse("", document, purpose).map(drop).map_err(malformed)
}

/// The document of a managed policy.
pub(super) fn check_managed(document: &str) -> Result<(), ApiError> {
    check(document, Purpose::Identity)?;
    match counted(document) > MANAGED_POLICY_CHARS_MAX {
        true => Err(quota("PolicySize", MANAGED_POLICY_CHARS_MAX)),
        false => Ok(()),
    }
}

/// The trust policy of a role.
pub(super) fn check_trust(document: &str) -> Result<Policy, ApiError> {
    let policy = Policy::parse("", document, Purpose::Trust).map_err(malformed)?;
    match counted(document) > TRUST_POLICY_CHARS_MAX {
        true => Err(quota("ACLSizePerRole", TRUST_POLICY_CHARS_MAX)),
        false => Ok(policy),
    }
}

/// Refuses a trust policy that names a user or role which the account does not have. Of other accounts nothing is known.
pub(super) fn check_principals(account: &Account, policy: &Policy) -> Result<(), ApiError> {
    let is_there = |arn: &str| {
        let Some(parsed) = Arn::parse(arn).filter(|arn| arn.account == account.id && arn.service == "iam") else {
            return true;
        };
        let name = parsed.resource.rsplit('/').next().unwrap_or_default();
        let found = [Kind::User, Kind::Role].into_iter().filter_map(|kind| account.find(kind, name));
        found.map(|identity| identity.arn(&account.id)).any(|known| known == arn)
    };
    match policy.principal_arns().find(|arn| !is_there(arn)) {
        None => Ok(()),
        Some(arn) => Err(malformed(Malformed(format!("Invalid principal in policy: \"AWS\":\"{arn}\"")))),
    }
}

/// A policy that is passed with AssumeRole.
pub(crate) fn check_session_policy(document: &str) -> Result<(), ApiError> {
    let refused = |error: Malformed| ApiError::new(&wire::sts::errors::MALFORMED_POLICY_DOCUMENT_EXCEPTION, error.0);
    Policy::parse("", document, Purpose::Identity).map_err(refused)?;
    match document.chars().count() > SESSION_POLICY_CHARS_MAX {
        true => {
            let text = format!("Serialized policy may not be larger than {SESSION_POLICY_CHARS_MAX} characters");
            Err(ApiError::new(&PACKED_POLICY_TOO_LARGE_EXCEPTION, text))
        }
        false => Ok(()),
    }
}

/// Puts an inline policy in; all of an identity's together have a limit.
pub(super) fn put_inline(identity: &mut Identity, name: String, document: String) -> Result<(), ApiError> {
    check(&document, Purpose::Identity)?;
    let most = match identity.kind {
        Kind::User => USER_POLICIES_CHARS_MAX,
        Kind::Group => GROUP_POLICIES_CHARS_MAX,
        Kind::Role => ROLE_POLICIES_CHARS_MAX,
    };
    identity.inline.insert(name, document);
    if identity.inline.values().map(|document| counted(document)).sum::<usize>() > most {
        let (noun, name) = (identity.kind.noun(), &identity.name);
        return Err(super::errors::limit_exceeded(format!(
            "Maximum policy size of {most} bytes exceeded for {noun} {name}"
        )));
    }
    Ok(())
}

/// Checks that `arn` is of a managed policy that is there.
pub(crate) fn managed_arn(account: &Account, arn: &str) -> Result<(), ApiError> {
    if !arn.starts_with("arn:aws:iam::") {
        return Err(invalid_input(format!("ARN {arn} is not valid.")));
    }
    match account.managed_document(arn) {
        Some(_) => Ok(()),
        None => Err(no_such_entity(format!("Policy {arn} does not exist or is not attachable."))),
    }
}

/// A document as IAM answers it: percent-encoded (RFC 3986).
pub(super) fn encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}
