//! AssumeRole, GetSessionToken and the tokens that they give out.

use super::*;
use model::time::HOUR;
use wire::sigv4::SignatureError;

const ROLE: &str = "arn:aws:iam::123456789012:role/R";

impl World {
    async fn role(&self, name: &str, principal: &str, statement: &str) {
        let trust = document(&format!(
            r#""Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#
        ));
        self.done("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await;
        let document = document(statement);
        self.done("PutRolePolicy", &[("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &document)]).await;
    }

    async fn assume(&self, caller: &Caller, arn: &str, more: &[(&str, &str)]) -> Result<Caller, String> {
        let mut pairs = vec![("RoleArn", arn), ("RoleSessionName", "deploy")];
        pairs.extend_from_slice(more);
        let answer = self.call_as(caller, "AssumeRole", &pairs).await?;
        let token = element(&answer, "SessionToken");
        Ok(self.identified(&element(&answer, "AccessKeyId"), Some(&token)).unwrap())
    }

    fn may(&self, caller: &Caller, action: &str) -> bool {
        self.access.authorize(Asking { caller, now: self.clock.now() }, None, action, "*").is_ok()
    }
}

#[tokio::test]
async fn a_role_is_assumed_by_whom_its_trust_policy_names() {
    let world = World::new().await;
    let jane = world.user("jane", r#""Effect":"Allow","Action":"sns:*","Resource":"*""#).await;
    let joe = world.user("joe", ALL).await;
    world
        .role("R", "arn:aws:iam::123456789012:user/jane", r#""Effect":"Allow","Action":"logs:*","Resource":"*""#)
        .await;
    let session = world.assume(&jane, ROLE, &[]).await.unwrap();
    assert_eq!(session.arn, "arn:aws:sts::123456789012:assumed-role/R/deploy");
    assert_eq!(session.identity_type, "AssumedRole");
    assert!(session.principal_id.starts_with("AROA") && session.principal_id.ends_with(":deploy"));
    assert_eq!(session.session.as_ref().unwrap().role_arn.as_deref(), Some(ROLE));
    assert!(world.may(&session, "logs:PutLogEvents") && !world.may(&session, "sns:Publish"));
    let refused = |user: &str| {
        format!(
            "AccessDenied: User: arn:aws:iam::123456789012:user/{user} is not authorized to perform: sts:AssumeRole on resource: "
        )
    };
    let error = world.assume(&joe, ROLE, &[]).await.unwrap_err();
    assert!(error.starts_with(&refused("joe")), "{error}");
    let error = world.assume(&joe, "arn:aws:iam::123456789012:role/unheard", &[]).await.unwrap_err();
    assert!(error.starts_with(&refused("joe")), "a role that is not there looks the same: {error}");
    assert_eq!(
        world.assume(&root(), ROLE, &[]).await.unwrap_err(),
        "AccessDenied: Roles may not be assumed by root accounts."
    );
    // The account as principal: the user's own policies decide.
    world.role("A", "123456789012", ALL).await;
    let other = "arn:aws:iam::123456789012:role/A";
    assert!(world.assume(&joe, other, &[]).await.is_ok());
    assert!(
        world
            .assume(&jane, other, &[])
            .await
            .unwrap_err()
            .contains("because no identity-based policy allows the sts:AssumeRole action")
    );
}

#[tokio::test]
async fn sessions_end_and_tokens_cannot_be_altered() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    world.role("R", "123456789012", ALL).await;
    let answer = world
        .call_as(&user, "AssumeRole", &[("RoleArn", ROLE), ("RoleSessionName", "deploy"), ("DurationSeconds", "900")])
        .await
        .unwrap();
    let (key, token) = (element(&answer, "AccessKeyId"), element(&answer, "SessionToken"));
    assert_eq!(element(&answer, "Expiration"), "2026-11-26T00:15:00Z");
    let found = world.access.identify(&key, Some(&token), NOW).unwrap();
    assert_eq!(found.secret, element(&answer, "SecretAccessKey"));
    let refusal = |key: &str, token: Option<&str>, now| world.access.identify(key, token, now).unwrap_err();
    assert_eq!(refusal(&key, Some(&token), NOW + 900_000), SignatureError::ExpiredToken);
    assert_eq!(refusal(&key, None, NOW), SignatureError::UnknownKey);
    assert_eq!(refusal(&user.access_key_id, Some(&token), NOW), SignatureError::UnknownKey, "a token of another key");
    let mut altered = token.clone().into_bytes();
    altered[60] ^= 1;
    assert_eq!(refusal(&key, Some(std::str::from_utf8(&altered).unwrap()), NOW), SignatureError::UnknownKey);
    assert_eq!(refusal(&key, Some("***"), NOW), SignatureError::UnknownKey);
    assert_eq!(refusal(&key, Some(&"A".repeat(100_000)), NOW), SignatureError::UnknownKey);
    let info = world.done("GetAccessKeyInfo", &[("AccessKeyId", &key)]).await;
    assert_eq!(element(&info, "Account"), ACCOUNT);
    // With the role go its sessions.
    world.done("DeleteRolePolicy", &[("RoleName", "R"), ("PolicyName", "p")]).await;
    world.done("DeleteRole", &[("RoleName", "R")]).await;
    assert_eq!(refusal(&key, Some(&token), NOW), SignatureError::UnknownKey);
}

#[tokio::test]
async fn durations_are_bounded_by_the_role_and_by_chaining() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    world.role("R", "123456789012", ALL).await;
    let long = [("DurationSeconds", "7200")];
    assert_eq!(
        world.assume(&user, ROLE, &long).await.unwrap_err(),
        "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
    world.done("UpdateRole", &[("RoleName", "R"), ("MaxSessionDuration", "43200")]).await;
    let session = world.assume(&user, ROLE, &long).await.unwrap();
    assert!(world.assume(&session, ROLE, &long).await.unwrap_err().contains("role chaining"));
    assert!(world.assume(&session, ROLE, &[]).await.is_ok());
}

#[tokio::test]
async fn session_policies_tags_and_source_identity_go_along() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    let own =
        r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}"#;
    world.role("R", "123456789012", own).await;
    let bare = world.assume(&user, ROLE, &[]).await.unwrap();
    assert!(!world.may(&bare, "logs:PutLogEvents"), "no tag, no right");
    let only_logs = document(r#""Effect":"Allow","Action":["logs:*","sts:*"],"Resource":"*""#);
    let session = world
        .assume(
            &user,
            ROLE,
            &[
                ("Tags.member.1.Key", "Team"),
                ("Tags.member.1.Value", "red"),
                ("TransitiveTagKeys.member.1", "Team"),
                ("SourceIdentity", "jane"),
                ("Policy", &only_logs),
            ],
        )
        .await
        .unwrap();
    assert!(world.may(&session, "logs:PutLogEvents"));
    let refused = world.access.authorize(Asking { caller: &session, now: NOW }, None, "sns:Publish", "*").unwrap_err();
    assert!(refused.message().ends_with("because no session policy allows the sns:Publish action"), "{refused}");
    let chained = world.assume(&session, ROLE, &[]).await.unwrap();
    let carried = chained.session.as_ref().unwrap();
    assert_eq!(carried.tags, [("Team".to_owned(), "red".to_owned())]);
    assert_eq!(carried.source_identity.as_deref(), Some("jane"));
    assert!(world.assume(&session, ROLE, &[("SourceIdentity", "joe")]).await.unwrap_err().starts_with("AccessDenied"));
    assert!(
        world
            .assume(&session, ROLE, &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")])
            .await
            .unwrap_err()
            .contains("transitive")
    );
    let managed = [("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/TrailwatchReadOnly")];
    let limited = world.assume(&session, ROLE, &managed).await.unwrap();
    assert!(world.may(&limited, "logs:DescribeLogGroups") && !world.may(&limited, "logs:PutLogEvents"));
    let large =
        [("Policy", document(&format!(r#""Effect":"Allow","Action":"*","Resource":["*"{}]"#, ",\"*\"".repeat(600))))];
    let large = [(large[0].0, large[0].1.as_str())];
    assert!(world.assume(&user, ROLE, &large).await.unwrap_err().starts_with("PackedPolicyTooLarge"));
    let untagged = document(r#""Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole""#);
    world.done("UpdateAssumeRolePolicy", &[("RoleName", "R"), ("PolicyDocument", &untagged)]).await;
    let tags = [("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")];
    assert!(world.assume(&user, ROLE, &tags).await.unwrap_err().contains("sts:TagSession"));
}

#[tokio::test]
async fn a_user_gets_a_session_of_its_own() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    let answer = world.call_as(&user, "GetSessionToken", &[]).await.unwrap();
    assert_eq!(element(&answer, "Expiration"), "2026-11-26T12:00:00Z");
    let session = world.identified(&element(&answer, "AccessKeyId"), Some(&element(&answer, "SessionToken"))).unwrap();
    assert_eq!((session.identity_type.as_str(), session.arn.as_str()), ("IAMUser", user.arn.as_str()));
    assert!(world.may(&session, "logs:PutLogEvents"));
    assert!(world.call_as(&session, "ListUsers", &[]).await.unwrap_err().starts_with("InvalidClientTokenId"));
    assert!(world.call_as(&session, "GetSessionToken", &[]).await.unwrap_err().starts_with("AccessDenied"));
    let of_root = world.call("GetSessionToken", &[]).await.unwrap();
    assert_eq!(element(&of_root, "Expiration"), "2026-11-26T01:00:00Z");
    let root = world.identified(&element(&of_root, "AccessKeyId"), Some(&element(&of_root, "SessionToken"))).unwrap();
    assert!(root.identity_type == "Root" && world.may(&root, "iam:CreateUser"));
    world.clock.advance(HOUR);
    assert!(world.identified(&element(&of_root, "AccessKeyId"), Some(&element(&of_root, "SessionToken"))).is_err());
    let refused = world.call("DecodeAuthorizationMessage", &[("EncodedMessage", "x")]).await.unwrap_err();
    assert!(refused.starts_with("InvalidAuthorizationMessageException"), "{refused}");
}

/// What jane asks for whom a provider vouches for.
fn jane(role_arn: &str) -> sts::WebIdentity<'_> {
    sts::WebIdentity {
        provider: "127.0.0.1:9000/realms/ops",
        subject: "jane",
        audience: "trailwatch",
        role_arn,
        session_name: "jane@example.com",
        source_ip: "192.0.2.7",
        is_tls: true,
        seconds: 43_200,
    }
}

#[tokio::test]
async fn a_role_is_given_to_whom_a_provider_vouches_for_where_its_trust_policy_says_so() {
    let world = World::new().await;
    let provider = sts::provider_arn(ACCOUNT, "127.0.0.1:9000/realms/ops");
    let federated = |action: &str, condition: &str| {
        document(&format!(
            r#""Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"{action}","Condition":{{{condition}}}"#
        ))
    };
    let by_web = "sts:AssumeRoleWithWebIdentity";
    let is = |key: &str, value: &str| format!(r#""StringEquals":{{"127.0.0.1:9000/realms/ops:{key}":"{value}"}}"#);
    let cases = [
        ("Good", federated(by_web, &is("aud", "trailwatch")), true),
        ("Hers", federated(by_web, &is("sub", "jane")), true),
        ("Audience", federated(by_web, &is("aud", "another")), false),
        ("Subject", federated(by_web, &is("sub", "joe")), false),
        ("Unsaid", federated(by_web, &is("email", "jane@example.com")), false),
        ("Action", federated("sts:AssumeRole", ""), false),
        (
            "Another",
            document(
                r#""Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/127.0.0.1:9000"},"Action":"sts:*""#,
            ),
            false,
        ),
        (
            "Account",
            document(r#""Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRoleWithWebIdentity""#),
            false,
        ),
    ];
    for (name, trust, allowed) in cases {
        world.done("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await;
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        let given = world.access.assume_role_with_web_identity(&jane(&arn), NOW);
        assert_eq!(given.is_ok(), allowed, "{name}: {given:?}");
    }
    let unheard = world.access.assume_role_with_web_identity(&jane("arn:aws:iam::123456789012:role/unheard"), NOW);
    let refused = unheard.unwrap_err();
    assert_eq!((refused.code(), refused.status()), ("AccessDeniedException", 403));
}

#[tokio::test]
async fn a_trust_policy_may_ask_for_tls() {
    let world = World::new().await;
    let mut user = world.user("jane", ALL).await;
    let provider = sts::provider_arn(ACCOUNT, "127.0.0.1:9000/realms/ops");
    let principal = format!(r#""Principal":{{"AWS":"arn:aws:iam::123456789012:user/jane","Federated":"{provider}"}}"#);
    let is = |tls: &str| format!(r#""Condition":{{"Bool":{{"aws:SecureTransport":"{tls}"}}}}"#);
    let (let_in, actions) = (r#""Effect":"Allow""#, r#""Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"]"#);
    let only_let = document(&format!("{let_in},{principal},{actions},{}", is("true")));
    let but_deny = document(&format!(
        r#"{let_in},{principal},{actions}}},{{"Effect":"Deny",{principal},{actions},{}"#,
        is("false")
    ));
    for (name, trust) in [("Let", only_let), ("Deny", but_deny)] {
        world.done("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]).await;
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        for is_tls in [true, false] {
            user.tls = is_tls.then_some(model::Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" });
            assert_eq!(world.assume(&user, &arn, &[]).await.is_ok(), is_tls, "{name}, a user");
            let who = sts::WebIdentity { is_tls, ..jane(&arn) };
            assert_eq!(world.access.assume_role_with_web_identity(&who, NOW).is_ok(), is_tls, "{name}, a provider's");
        }
    }
}

#[tokio::test]
async fn a_session_by_a_provider_says_so_ends_with_its_time_and_has_what_its_role_has() {
    let world = World::new().await;
    let provider = sts::provider_arn(ACCOUNT, "127.0.0.1:9000/realms/ops");
    let trust = document(&format!(
        r#""Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity""#
    ));
    world
        .done("CreateRole", &[("RoleName", "R"), ("AssumeRolePolicyDocument", &trust), ("MaxSessionDuration", "7200")])
        .await;
    let allowed = document(r#""Effect":"Allow","Action":"logs:*","Resource":"*""#);
    world.done("PutRolePolicy", &[("RoleName", "R"), ("PolicyName", "p"), ("PolicyDocument", &allowed)]).await;
    let given = world.access.assume_role_with_web_identity(&jane(ROLE), NOW).unwrap();
    assert_eq!(given.arn, "arn:aws:sts::123456789012:assumed-role/R/jane@example.com");
    assert_eq!(given.expiration, NOW + 2 * HOUR, "as long as the role lets it");
    let token = Some(given.session_token.as_str());
    let caller = world.identified(&given.access_key_id, token).unwrap();
    assert_eq!((caller.identity_type.as_str(), caller.arn.as_str()), ("AssumedRole", given.arn.as_str()));
    assert_eq!(caller.session.as_ref().unwrap().federated_provider, Some(provider));
    assert!(world.may(&caller, "logs:PutLogEvents") && !world.may(&caller, "sns:Publish"));
    world.clock.advance(2 * HOUR);
    assert_eq!(world.identified(&given.access_key_id, token).unwrap_err(), SignatureError::ExpiredToken);
}

#[tokio::test]
async fn who_brings_a_token_gets_what_it_is_asked_for_and_the_role_has() {
    let world = World::new().await;
    let provider = sts::provider_arn(ACCOUNT, "127.0.0.1:9000/realms/ops");
    let trust = document(&format!(
        r#""Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity",
        "Condition":{{"StringEquals":{{"127.0.0.1:9000/realms/ops:aud":"trailwatch","127.0.0.1:9000/realms/ops:sub":"a:b"}}}}"#
    ));
    world.done("CreateRole", &[("RoleName", "R"), ("AssumeRolePolicyDocument", &trust)]).await;
    let allowed = document(r#""Effect":"Allow","Action":["logs:*","sns:*"],"Resource":"*""#);
    world.done("PutRolePolicy", &[("RoleName", "R"), ("PolicyName", "p"), ("PolicyDocument", &allowed)]).await;
    let named = |audience: &str, subject: &str| Caller {
        identity_type: "WebIdentityUser".into(),
        principal_id: format!("{provider}:{audience}:{subject}"),
        arn: provider.clone(),
        user_name: Some(subject.into()),
        ..Caller::default()
    };
    let ask = async |caller: &Caller, more: &[(&str, &str)]| {
        let asked = [("RoleArn", ROLE), ("RoleSessionName", "jane"), ("WebIdentityToken", "a.SECRET.c")];
        world.call_as(caller, "AssumeRoleWithWebIdentity", &[&asked[..], more].concat()).await
    };
    let only_logs = document(r#""Effect":"Allow","Action":"logs:*","Resource":"*""#);
    let jane = named("trailwatch", "a:b");
    let given = ask(&jane, &[("DurationSeconds", "900"), ("Policy", &only_logs)]).await.unwrap();
    for said in [
        "<Arn>arn:aws:sts::123456789012:assumed-role/R/jane</Arn>",
        "<SubjectFromWebIdentityToken>a:b</SubjectFromWebIdentityToken>",
        "<Audience>trailwatch</Audience>",
        &format!("<Provider>{provider}</Provider>"),
        "<PackedPolicySize>",
    ] {
        assert!(given.contains(said), "{said}: {given}");
    }
    let element = |name: &str| {
        let (_, rest) = given.split_once(&format!("<{name}>")).unwrap();
        rest.split('<').next().unwrap()
    };
    let session = world.identified(element("AccessKeyId"), Some(element("SessionToken"))).unwrap();
    assert_eq!(session.session.as_ref().unwrap().federated_provider.as_deref(), Some(provider.as_str()));
    assert!(world.may(&session, "logs:PutLogEvents") && !world.may(&session, "sns:Publish"));
    for (caller, more, code) in [
        (named("another", "a:b"), None, "AccessDenied: "),
        (named("trailwatch", "b"), None, "AccessDenied: "),
        (Caller { identity_type: "IAMUser".into(), ..jane.clone() }, None, "InvalidIdentityToken: "),
        (jane.clone(), Some(("DurationSeconds", "3601")), "ValidationError: "),
        (jane.clone(), Some(("Policy", "{")), "MalformedPolicyDocument: "),
        (jane.clone(), Some(("ProviderId", "graph.facebook.com")), "ValidationError: "),
    ] {
        let refused = ask(&caller, more.as_slice()).await.unwrap_err();
        assert!(refused.starts_with(code), "{code}{refused}");
    }
}
