//! CloudTrail records as Authentication, Account Change or API Activity, by their source and name.
//!
//! Ours: names count only with the services that have them, since other services have a `CreateGroup` too; the activity of an API
//! call is told by the verb that its name begins with; devices for MFA that come and go are `MFA Factor Enable` and `Disable`; the
//! name of a changed account is that of the user or role in the response, else in the request.

use super::super::config::OcsfVersion;
use super::activities::{of_account_change, of_api, of_authentication};
use super::event::{Class, Event, Observable, as_text};
use super::raw::Raw;
use model::Timestamp;
use serde_json::{Value, json};

const API_ACTIVITY: Class =
    Class { uid: 6003, name: "API Activity", category_uid: 6, category_name: "Application Activity" };
const ACCOUNT_CHANGE: Class =
    Class { uid: 3001, name: "Account Change", category_uid: 3, category_name: "Identity & Access Management" };
const AUTHENTICATION: Class =
    Class { uid: 3002, name: "Authentication", category_uid: 3, category_name: "Identity & Access Management" };

const AUTHENTICATION_SOURCES: [&str; 3] = ["signin.amazonaws.com", "sts.amazonaws.com", "sso.amazonaws.com"];
const AUTHENTICATIONS: [&str; 9] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "CheckMfa",
    "ConsoleLogin",
    "CredentialChallenge",
    "CredentialVerification",
    "ExternalIdPDirectoryLogin",
    "UserAuthentication",
];

const ACCOUNT_SOURCES: [&str; 3] = ["iam.amazonaws.com", "signin.amazonaws.com", "account.amazonaws.com"];
#[rustfmt::skip] // Many short names.
const ACCOUNT_CHANGES: [&str; 64] = [
    "AccountNameUpdated", "AddRoleToInstanceProfile", "AddUserToGroup", "AttachGroupPolicy", "AttachRolePolicy", "AttachUserPolicy",
    "ChangePassword", "CreateAccessKey", "CreateAccountAlias", "CreateInstanceProfile", "CreateLoginProfile", "CreateRole",
    "CreateServiceLinkedRole", "CreateUser", "CreateVirtualMFADevice", "DeactivateMFADevice", "DeleteAccessKey", "DeleteAccountAlias",
    "DeleteAccountPasswordPolicy", "DeleteGroup", "DeleteGroupPolicy", "DeleteInstanceProfile", "DeleteLoginProfile", "DeletePolicy",
    "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DeleteServiceLinkedRole", "DeleteUser",
    "DeleteUserPermissionsBoundary", "DeleteUserPolicy", "DeleteVirtualMFADevice", "DetachGroupPolicy", "DetachRolePolicy",
    "DetachUserPolicy", "EmailUpdated", "EnableMFADevice", "FinalizeSmsMfaRegistration", "PasswordUpdated", "PutGroupPolicy",
    "PutRolePermissionsBoundary", "PutRolePolicy", "PutUserPermissionsBoundary", "PutUserPolicy", "RemoveRoleFromInstanceProfile",
    "RemoveUserFromGroup", "RequestSmsMfaRegistration", "ResyncMFADevice", "TagInstanceProfile", "TagRole", "TagUser",
    "UntagInstanceProfile", "UntagRole", "UntagUser", "UpdateAccessKey", "UpdateAccountEmailAddress", "UpdateAccountName",
    "UpdateAccountPasswordPolicy", "UpdateAssumeRolePolicy", "UpdateGroup", "UpdateLoginProfile", "UpdateRole",
    "UpdateRoleDescription", "UpdateUser",
];

pub(super) fn event(mut raw: Raw, version: OcsfVersion) -> Option<Event> {
    let time = Timestamp::parse_iso(raw.text("eventTime")?)?;
    let (name, source) = (raw.text("eventName")?.to_owned(), raw.text("eventSource")?.to_owned());
    let (class, activity) = class_of(&source, &name);
    let mut event = Event::new(class, version, &["cloud", "datetime"]);
    event.activity(class, activity, &name);
    event.time(time);
    raw.take("eventTime");
    metadata(&mut event, &mut raw, version);
    match class.uid {
        3001 => account(&mut event, &mut raw, version),
        3002 => authentication(&mut event, &mut raw, version),
        _ => resources(&mut event, &mut raw),
    }
    if class.uid != 3002 {
        event.put("status", if raw.text("errorCode").is_some() { "Failure" } else { "Success" });
    }
    actor(&mut event, &mut raw);
    event.source(raw.take("sourceIPAddress"));
    api(&mut event, &mut raw);
    Some(event.rest(raw))
}

fn class_of(source: &str, name: &str) -> (Class, Option<super::activities::Activity>) {
    if AUTHENTICATION_SOURCES.contains(&source) && AUTHENTICATIONS.contains(&name) {
        (AUTHENTICATION, of_authentication(name))
    } else if ACCOUNT_SOURCES.contains(&source) && ACCOUNT_CHANGES.contains(&name) {
        (ACCOUNT_CHANGE, of_account_change(name))
    } else {
        (API_ACTIVITY, of_api(name))
    }
}

fn metadata(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    event.put("metadata.product.name", "CloudTrail");
    let feature = raw.take("eventCategory").unwrap_or_else(|| "Management, Data, and Insights".into());
    event.put("metadata.product.feature.name", feature);
    let moved = [
        ("eventVersion", "metadata.product.version"),
        ("eventID", "metadata.uid"),
        ("eventType", "metadata.event_code"),
        ("awsRegion", "cloud.region"),
        ("userAgent", "http_request.user_agent"),
        ("vpcEndpointId", "src_endpoint.uid"),
    ];
    event.move_all(raw, &moved);
    if version == OcsfVersion::V1_5 {
        event.move_all(raw, &[("recipientAccountId", "cloud.account.uid")]);
    }
}

fn actor(event: &mut Event, raw: &mut Raw) {
    let moved = [
        ("userIdentity.accountId", "actor.user.account.uid"),
        ("userIdentity.type", "actor.user.type"),
        ("userIdentity.arn", "actor.user.uid"),
        ("userIdentity.invokedBy", "actor.invoked_by"),
        ("userIdentity.sessionContext.sessionIssuer.arn", "actor.session.issuer"),
        ("userIdentity.onBehalfOf.identityStoreArn", "actor.idp.uid"),
    ];
    event.move_all(raw, &moved);
    // The second of each pair is taken where there is no first; where there is one, it stays unmapped.
    for (first, second, to) in [
        ("userIdentity.accessKeyId", "userIdentity.credentialId", "actor.user.credential_uid"),
        ("userIdentity.userName", "additionalEventData.UserName", "actor.user.name"),
        ("userIdentity.principalId", "userIdentity.onBehalfOf.userId", "actor.user.uid_alt"),
        (
            "userIdentity.sessionContext.webIdFederationData.federatedProvider",
            "userIdentity.identityProvider",
            "actor.idp.name",
        ),
    ] {
        let value = raw.take(first).or_else(|| raw.take(second));
        event.put(to, value);
    }
    let created = raw.text("userIdentity.sessionContext.attributes.creationDate").and_then(Timestamp::parse_iso);
    if let Some(created) = created {
        event.put("actor.session.created_time_dt", created.iso_millis());
        raw.take("userIdentity.sessionContext.attributes.creationDate");
    }
    let is_mfa = match raw.text("userIdentity.sessionContext.attributes.mfaAuthenticated") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    if is_mfa.is_some() {
        event.put("actor.session.is_mfa", is_mfa);
        raw.take("userIdentity.sessionContext.attributes.mfaAuthenticated");
    }
    event.observe("actor.user.name", Observable::UserName);
}

/// The call; after all that looks into its request and its response.
fn api(event: &mut Event, raw: &mut Raw) {
    let moved = [
        ("eventSource", "api.service.name"),
        ("eventName", "api.operation"),
        ("apiVersion", "api.version"),
        ("requestID", "api.request.uid"),
        ("errorCode", "api.response.error"),
        ("errorMessage", "api.response.message"),
    ];
    event.move_all(raw, &moved);
    event.put("api.request.data", as_text(raw.take("requestParameters")));
    event.put("api.response.data", as_text(raw.take("responseElements")));
}

fn resources(event: &mut Event, raw: &mut Raw) {
    if !raw.get("resources").is_some_and(Value::is_array) {
        return;
    }
    let Some(Value::Array(resources)) = raw.take("resources") else { return };
    let mut mapped = Vec::with_capacity(resources.len());
    for resource in &resources {
        let mut one = super::super::Fields::new();
        for (from, to) in [("ARN", "uid"), ("type", "type")] {
            if let Some(value) = resource.get(from).filter(|value| !value.is_null()) {
                one.insert(to.to_owned(), value.clone());
            }
        }
        if let Some(account) = resource.get("accountId").filter(|value| !value.is_null()) {
            one.insert("owner".to_owned(), json!({ "account": { "uid": account } }));
        }
        if let Some(arn) = resource.get("ARN").and_then(Value::as_str) {
            event.observed("resources[].uid", Observable::ResourceUid, arn);
        }
        mapped.push(Value::Object(one));
    }
    if !mapped.is_empty() {
        event.put("resources", mapped);
    }
}

/// The account that was changed.
fn account(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    let first = |paths: &[&str]| paths.iter().find_map(|path| raw.text(path)).map(str::to_owned);
    let uid = first(&["responseElements.user.userId", "responseElements.role.roleId", "userIdentity.principalId"]);
    let name = first(&[
        "responseElements.user.userName",
        "responseElements.role.roleName",
        "requestParameters.userName",
        "requestParameters.roleName",
    ]);
    event.put("user.uid", uid);
    event.put("user.name", name);
    event.observe("user.name", Observable::UserName);
    if version == OcsfVersion::V1_5 {
        event.put("policy.uid", raw.text("requestParameters.policyArn").map(str::to_owned));
    }
}

/// Who logged on, where and how.
fn authentication(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    let uid = raw.text("requestParameters.roleArn").or_else(|| raw.text("userIdentity.arn"));
    event.put("user.uid", uid.map(str::to_owned));
    event.put("user.uid_alt", raw.text("userIdentity.principalId").map(str::to_owned));
    event.put("user.name", raw.text("requestParameters.roleSessionName").map(str::to_owned));
    event.put("status", raw.text("responseElements.ConsoleLogin").map(str::to_owned));
    event.put("dst_endpoint.svc_name", raw.take("additionalEventData.LoginTo"));
    let is_mfa = match raw.text("additionalEventData.MFAUsed") {
        Some("Yes") => Some(true),
        Some("No") => Some(false),
        _ => None,
    };
    if is_mfa.is_some() {
        event.put("is_mfa", is_mfa);
        raw.take("additionalEventData.MFAUsed");
    }
    if version == OcsfVersion::V1_5 {
        for (from, to) in [
            ("responseElements.credentials.accessKeyId", "session.credential_uid"),
            ("responseElements.assumedRoleUser.arn", "session.uid"),
            ("responseElements.assumedRoleUser.assumedRoleId", "session.uid_alt"),
        ] {
            event.put(to, raw.text(from).map(str::to_owned));
        }
    }
}
