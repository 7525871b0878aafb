//! Records as AWS writes them, one by one; whole worlds against a naive resolver are in `worlds.rs`.

mod in_the_wild;
mod stored;
mod worlds;

use super::*;
use model::Timestamp;
use serde_json::{Value, json};

pub(super) const T0: i64 = 1_790_000_000_000;

/// A record of the call `name` at second `second`.
pub(super) fn record(name: &str, source: &str, second: i64, identity: &Value, more: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventTime": Timestamp(T0 + second * 1000).iso_seconds(), "eventName": name,
        "eventSource": source, "userIdentity": identity, "requestParameters": null, "responseElements": null,
    });
    for (member, value) in more.as_object().into_iter().flatten() {
        record[member] = value.clone();
    }
    record
}

/// The call that a record tells of; its event id is `id`.
pub(super) fn call(id: &str, record: &Value) -> Call {
    let text = |member: &str| record[member].as_str().unwrap_or_default();
    Call::of(&Parts {
        event_id: id,
        name: text("eventName"),
        source: text("eventSource"),
        error_code: text("errorCode"),
        time: Timestamp::parse_iso(text("eventTime")).unwrap(),
        record: &record.to_string(),
    })
}

fn created(second: i64) -> String {
    Timestamp(T0 + second * 1000).iso_seconds()
}

/// A role session's identity.
fn role(key: &str, name: &str, second: i64) -> Value {
    json!({ "type": "AssumedRole", "principalId": format!("AROADEPLOY:{name}"), "accountId": "111122223333", "accessKeyId": key,
        "arn": format!("arn:aws:sts::111122223333:assumed-role/deploy/{name}"),
        "sessionContext": { "attributes": { "creationDate": created(second), "mfaAuthenticated": "false" },
            "sessionIssuer": { "type": "Role", "arn": "arn:aws:iam::111122223333:role/deploy", "principalId": "AROADEPLOY" } } })
}

/// The parameters and the answer of an AssumeRole that gives out this key.
fn gives(key: &str, name: &str) -> Value {
    json!({ "requestParameters": { "roleArn": "arn:aws:iam::111122223333:role/deploy", "roleSessionName": name },
        "responseElements": { "credentials": { "accessKeyId": key },
            "assumedRoleUser": { "assumedRoleId": format!("AROADEPLOY:{name}") } } })
}

fn user() -> Value {
    json!({ "type": "IAMUser", "principalId": "AIDAALICE", "accountId": "111122223333", "userName": "alice",
        "arn": "arn:aws:iam::111122223333:user/alice", "accessKeyId": "AKIAALICE00000000001" })
}

/// Actor, session and completeness of the last record, the others being what was given out.
fn resolved(records: &[Value]) -> (String, String, bool) {
    let mut issuances = Issuances::whole();
    let calls: Vec<Call> = records.iter().enumerate().map(|(n, record)| call(&format!("event-{n}"), record)).collect();
    calls.iter().cloned().for_each(|call| issuances.add(call));
    let Resolution { actor, session, is_complete, .. } = resolve(calls.last().unwrap(), &issuances).unwrap();
    (actor.unwrap_or_default(), session.unwrap_or_default(), is_complete)
}

fn is(records: &[Value], actor: &str, session: &str, complete: bool) {
    assert_eq!(resolved(records), (actor.to_owned(), session.to_owned(), complete));
}

const STS: &str = "sts.amazonaws.com";
const S3: &str = "s3.amazonaws.com";
const SIGN_IN: &str = "signin.amazonaws.com";
const ALICE: &str = "arn:aws:iam::111122223333:user/alice";

fn get(second: i64, identity: &Value) -> Value {
    record("GetObject", S3, second, identity, &json!({}))
}

#[test]
fn a_chain_of_roles_leads_to_the_user_and_is_the_session_of_the_first() {
    let (first, second) = ("ASIAFIRST00000000001", "ASIASECOND0000000001");
    let records = [
        record("AssumeRole", STS, 0, &user(), &gives(first, "a")),
        record("AssumeRole", STS, 60, &role(first, "a", 0), &gives(second, "b")),
        get(70, &role(second, "b", 60)),
    ];
    is(&records, ALICE, first, true);
    is(&records[..1], ALICE, "AKIAALICE00000000001", true);
    // Without the first call nobody knows who began.
    is(&records[1..], "arn:aws:sts::111122223333:assumed-role/deploy/a", first, false);
    is(&records[2..], "arn:aws:sts::111122223333:assumed-role/deploy/b", second, false);
    // A refused call gives nothing out.
    let mut refused = records.clone();
    refused[0]["errorCode"] = json!("AccessDenied");
    is(&refused, "arn:aws:sts::111122223333:assumed-role/deploy/a", first, false);
}

#[test]
fn of_a_call_into_another_account_the_record_that_says_who_counts() {
    let key = "ASIACROSS00000000001";
    let stranger = json!({ "type": "AWSAccount", "principalId": "AIDAALICE", "accountId": "111122223333" });
    let there = record("AssumeRole", STS, 0, &stranger, &gives(key, "a"));
    let here = record("AssumeRole", STS, 0, &user(), &gives(key, "a"));
    let used = get(5, &role(key, "a", 0));
    is(&[there.clone(), used.clone()], "account:111122223333/AIDAALICE", key, false);
    is(&[there.clone(), here.clone(), used.clone()], ALICE, key, true);
    is(&[here, there, used], ALICE, key, true);
}

#[test]
fn identity_providers_and_workloads_are_named() {
    let key = "ASIAFEDERATED0000001";
    let saml = json!({ "type": "SAMLUser", "principalId": "SUm/hash=:bob@example.com", "userName": "bob@example.com",
        "identityProvider": "SUm/hash=" });
    let web = json!({ "type": "WebIdentityUser", "principalId": "accounts.google.com:client:1234", "userName": "1234",
        "identityProvider": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" });
    let service = json!({ "type": "AWSService", "invokedBy": "lambda.amazonaws.com" });
    let used = get(9, &role(key, "fn-1", 0));
    for (name, identity, actor) in [
        ("AssumeRoleWithSAML", saml, "saml:SUm/hash=/bob@example.com"),
        ("AssumeRoleWithWebIdentity", web, "web:token.actions.githubusercontent.com/1234"),
        ("AssumeRole", service, "service:lambda.amazonaws.com/fn-1"),
    ] {
        let login = record(name, STS, 0, &identity, &gives(key, "fn-1"));
        is(std::slice::from_ref(&login), actor, key, true);
        is(&[login, used.clone()], actor, key, true);
    }
    is(
        &[get(1, &json!({ "type": "AWSService", "invokedBy": "config.amazonaws.com" }))],
        "service:config.amazonaws.com",
        "",
        true,
    );
}

#[test]
fn what_a_session_says_of_itself_is_the_same_when_its_beginning_comes_late() {
    let key = "ASIASSO0000000000001";
    let arn = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_1a2b";
    let mut identity = role(key, "bob@example.com", 0);
    identity["sessionContext"]["sessionIssuer"]["arn"] = json!(arn);
    let saml = json!({ "type": "SAMLUser", "principalId": "h:bob@example.com", "userName": "bob@example.com" });
    let mut login = record("AssumeRoleWithSAML", STS, 0, &saml, &gives(key, "bob@example.com"));
    login["requestParameters"]["roleArn"] = json!(arn);
    for records in [vec![get(1, &identity)], vec![login.clone(), get(1, &identity)], vec![login]] {
        is(&records, "identity-center:bob@example.com", key, true);
    }
    let mut instance = role(key, "i-0abc", 0);
    instance["sessionContext"]["ec2RoleDelivery"] = json!("2.0");
    is(&[get(1, &instance)], "service:ec2.amazonaws.com/i-0abc", key, true);
    let mut linked = role(key, "x", 0);
    linked["sessionContext"]["sessionIssuer"]["arn"] =
        json!("arn:aws:iam::111122223333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig");
    is(&[get(1, &linked)], "service:config.amazonaws.com/x", key, true);
    let mut named = role(key, "x", 0);
    named["sessionContext"]["sourceIdentity"] = json!("alice");
    is(&[get(1, &named)], "source-identity:alice", key, false);
}

#[test]
fn tokens_of_users_and_of_root_lead_to_who_asked_for_them() {
    let key = "ASIATOKEN00000000001";
    let token = json!({ "responseElements": { "credentials": { "accessKeyId": key } } });
    let mut session = user();
    session["accessKeyId"] = json!(key);
    session["sessionContext"] = json!({ "attributes": { "creationDate": created(0) } });
    is(&[record("GetSessionToken", STS, 0, &user(), &token), get(1, &session)], ALICE, key, true);
    let federated = json!({ "type": "FederatedUser", "principalId": "111122223333:bob", "accessKeyId": key,
        "arn": "arn:aws:sts::111122223333:federated-user/bob", "sessionContext": { "attributes": { "creationDate": created(0) },
            "sessionIssuer": { "type": "IAMUser", "arn": ALICE } } });
    is(&[get(1, &federated)], ALICE, key, true);
    is(&[record("GetFederationToken", STS, 0, &user(), &token), get(1, &federated)], ALICE, key, true);
    let root = json!({ "type": "Root", "principalId": "444455556666", "accountId": "444455556666", "accessKeyId": key,
        "arn": "arn:aws:iam::444455556666:root", "sessionContext": { "assumedRoot": "true", "attributes": { "creationDate": created(0) } } });
    is(&[get(1, &root)], "arn:aws:iam::444455556666:root", key, false);
    is(&[record("AssumeRoot", STS, 0, &user(), &token), get(1, &root)], ALICE, key, true);
}

#[test]
fn a_sign_in_to_the_console_is_one_session_whatever_its_keys() {
    let mut console = user();
    console["accessKeyId"] = json!("");
    let login =
        record("ConsoleLogin", SIGN_IN, 3, &console, &json!({ "responseElements": { "ConsoleLogin": "Success" } }));
    let in_console = |key: &str| {
        let mut identity = user();
        identity["accessKeyId"] = json!(key);
        identity["sessionContext"] = json!({ "attributes": { "creationDate": created(0) } });
        record(
            "DescribeInstances",
            "ec2.amazonaws.com",
            90,
            &identity,
            &json!({ "sessionCredentialFromConsole": "true" }),
        )
    };
    is(std::slice::from_ref(&login), ALICE, "event-0", true);
    for key in ["ASIACONSOLE000000001", "ASIACONSOLE000000002"] {
        is(&[login.clone(), in_console(key)], ALICE, "event-0", true);
        is(&[in_console(key)], ALICE, &format!("AIDAALICE@{}", created(0)), true);
    }
    let failed =
        record("ConsoleLogin", SIGN_IN, 3, &console, &json!({ "responseElements": { "ConsoleLogin": "Failure" } }));
    is(&[failed, in_console("ASIACONSOLE000000001")], ALICE, &format!("AIDAALICE@{}", created(0)), true);
    // A role that is taken there has keys of its own; STS's event leads on, the console's names who switched.
    let taken = record(
        "AssumeRole",
        STS,
        100,
        &in_console("ASIACONSOLE000000001")["userIdentity"],
        &gives("ASIAUNUSED0000000001", "alice"),
    );
    let mut used = get(120, &role("ASIAROLECONSOLE00001", "alice", 101));
    used["sessionCredentialFromConsole"] = json!("true");
    is(&[login.clone(), taken, used.clone()], ALICE, "event-0", true);
    let mut target = role("", "alice", 101);
    target.as_object_mut().unwrap().remove("sessionContext");
    let switch = record(
        "SwitchRole",
        SIGN_IN,
        101,
        &target,
        &json!({ "responseElements": { "SwitchRole": "Success" },
        "additionalEventData": { "SwitchFrom": ALICE, "RedirectTo": "https://console.aws.amazon.com/" } }),
    );
    is(std::slice::from_ref(&switch), ALICE, "event-0", true);
    is(&[switch, used], ALICE, "event-0", true);
}

#[test]
fn a_session_that_two_callers_may_have_opened_is_nobodys() {
    let mut other = user();
    other["principalId"] = json!("AIDAEVE");
    other["accessKeyId"] = json!("AKIAEVE0000000000001");
    let mut used = get(9, &role("ASIAROLECONSOLE00001", "x", 0));
    used["sessionCredentialFromConsole"] = json!("true");
    let taken = |identity: &Value, key: &str| record("AssumeRole", STS, 0, identity, &gives(key, "x"));
    let (first, second) = (taken(&user(), "ASIAUNUSED0000000001"), taken(&other, "ASIAUNUSED0000000002"));
    is(&[first.clone(), used.clone()], ALICE, "ASIAUNUSED0000000001", true);
    let nobody = "arn:aws:sts::111122223333:assumed-role/deploy/x";
    is(&[first.clone(), second, used.clone()], nobody, &format!("AROADEPLOY:x@{}", created(0)), false);
    // Nor does a key that is not the one that was given out follow from a like name.
    used["sessionCredentialFromConsole"] = json!(null);
    is(&[first, used], nobody, "ASIAROLECONSOLE00001", false);
}

#[test]
fn odd_records_name_whom_they_can_and_chains_without_end_end() {
    let odd = |identity: Value| resolved(&[get(0, &identity)]).0;
    assert_eq!(odd(json!(null)), "");
    assert_eq!(odd(json!("me")), "");
    assert_eq!(odd(json!({ "type": 7, "arn": ["x"] })), "");
    assert_eq!(odd(json!({ "type": "Root", "accountId": "1" })), "arn:aws:iam::1:root");
    assert_eq!(odd(json!({ "type": "IAMUser", "accountid": "1", "username": "bob" })), "arn:aws:iam::1:user/bob");
    assert_eq!(odd(json!({ "type": "Unknown", "userName": "x" })), "user:x");
    assert_eq!(odd(json!({ "type": "IdentityCenterUser", "onBehalfOf": { "userId": "u-1" } })), "identity-center:u-1");
    assert_eq!(odd(json!({ "type": "AWSAccount", "accountId": "1", "principalId": "1" })), "account:1");
    let (a, b) = ("ASIALOOPA00000000001", "ASIALOOPB00000000001");
    let records = [
        record("AssumeRole", STS, 0, &role(b, "b", 0), &gives(a, "a")),
        record("AssumeRole", STS, 0, &role(a, "a", 0), &gives(b, "b")),
        get(1, &role(a, "a", 0)),
    ];
    let (actor, _, complete) = resolved(&records);
    assert!(actor.starts_with("arn:aws:sts::111122223333:assumed-role/deploy/") && !complete);
}

#[test]
fn a_slot_that_is_not_held_is_asked_for() {
    let key = "ASIAFIRST00000000001";
    let issuing = call("e", &record("AssumeRole", STS, 0, &user(), &gives(key, "a")));
    let used = call("f", &get(40_000, &role(key, "a", 0)));
    let mut issuances = Issuances::default();
    let at = slot(Timestamp(T0));
    let NotHeld(first) = resolve(&used, &issuances).unwrap_err();
    assert!((at - 2..=at).contains(&first));
    for slot in at - 2..=at + 1 {
        issuances.hold(slot);
    }
    issuances.add(issuing);
    assert_eq!(resolve(&used, &issuances).unwrap().actor.as_deref(), Some(ALICE));
    issuances.drop_slot(at);
    assert!(resolve(&used, &issuances).is_err());
}
