//! What policies of several kinds come to together.

use super::*;

const BUCKET: &str = "arn:aws:s3:::b";

fn allow(action: &str) -> Arc<Policy> {
    statement(&format!(r#""Sid":"A","Effect":"Allow","Action":"{action}","Resource":"*""#))
}

fn deny(action: &str) -> Arc<Policy> {
    statement(&format!(r#""Sid":"D","Effect":"Deny","Action":"{action}","Resource":"*""#))
}

fn on_bucket(effect: &str, principal: &str) -> Arc<Policy> {
    resource_policy(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Principal":{principal},"Action":"s3:*","Resource":"*"}}]}}"#
    ))
}

fn outcome(principal: Principal<'_>, policies: &Policies<'_>) -> String {
    let context = keys(&[]);
    let request = Request { principal, ..request("s3:ListBucket", BUCKET, &context) };
    decide(&request, policies).reason(request.action).unwrap_or_else(|| "allowed".into())
}

fn session() -> Principal<'static> {
    Principal {
        kind: PrincipalKind::AssumedRole,
        account: ACCOUNT,
        arn: "arn:aws:sts::123456789012:assumed-role/R/s",
        role_arn: Some("arn:aws:iam::123456789012:role/R"),
    }
}

const BY_NOBODY: &str = "because no identity-based policy allows the s3:ListBucket action";

#[test]
fn an_explicit_deny_wins_over_everything() {
    let both = [allow("s3:*"), deny("s3:List*")];
    assert_eq!(
        outcome(user(), &Policies { identity: &both, ..Policies::default() }),
        "with an explicit deny in an identity-based policy"
    );
    let allowed = [allow("*")];
    let denied = [deny("*")];
    let policies = Policies { identity: &allowed, ..Policies::default() };
    assert_eq!(outcome(user(), &policies), "allowed");
    assert_eq!(
        outcome(user(), &Policies { boundary: Some(&denied[0]), ..policies }),
        "with an explicit deny in a permissions boundary"
    );
    assert_eq!(
        outcome(user(), &Policies { session: Some(&denied), ..policies }),
        "with an explicit deny in a session policy"
    );
    let resource = [on_bucket("Deny", r#"{"AWS":"*"}"#)];
    let resource = Some(ResourcePolicies { account: ACCOUNT, policies: &resource });
    assert_eq!(outcome(user(), &Policies { resource, ..policies }), "with an explicit deny in a resource-based policy");
}

#[test]
fn what_is_not_allowed_is_denied() {
    assert_eq!(outcome(user(), &Policies::default()), BY_NOBODY);
    let other = [allow("logs:*")];
    assert_eq!(outcome(user(), &Policies { identity: &other, ..Policies::default() }), BY_NOBODY);
}

#[test]
fn boundary_and_session_policies_allow_nothing_and_limit() {
    let (identity, logs, all) = ([allow("s3:*")], [allow("logs:*")], [allow("*")]);
    let policies = Policies { identity: &identity, ..Policies::default() };
    assert_eq!(outcome(user(), &Policies { boundary: Some(&all[0]), session: Some(&all), ..policies }), "allowed");
    assert_eq!(
        outcome(user(), &Policies { boundary: Some(&logs[0]), ..policies }),
        "because no permissions boundary allows the s3:ListBucket action"
    );
    assert_eq!(
        outcome(user(), &Policies { session: Some(&logs), ..policies }),
        "because no session policy allows the s3:ListBucket action"
    );
    let alone = Policies { boundary: Some(&all[0]), session: Some(&all), ..Policies::default() };
    assert_eq!(outcome(user(), &alone), BY_NOBODY);
}

#[test]
fn a_resource_policy_allows_by_itself_within_the_account() {
    let logs = [allow("logs:*")];
    let limit = "because no permissions boundary allows the s3:ListBucket action";
    for (principal, named, alone, limited) in [
        // Of a user by name, boundaries that are silent do not count.
        (user(), r#"{"AWS":"arn:aws:iam::123456789012:user/johndoe"}"#, "allowed", "allowed"),
        (user(), r#""*""#, "allowed", "allowed"),
        (user(), r#"{"AWS":"123456789012"}"#, BY_NOBODY, BY_NOBODY),
        (user(), r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, BY_NOBODY, BY_NOBODY),
        (user(), r#"{"AWS":"arn:aws:iam::123456789012:user/jane"}"#, BY_NOBODY, BY_NOBODY),
        (user(), r#"{"Service":"s3.amazonaws.com"}"#, BY_NOBODY, BY_NOBODY),
        (session(), r#"{"AWS":"arn:aws:iam::123456789012:role/R"}"#, "allowed", BY_NOBODY),
        (session(), r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/R/s"}"#, "allowed", "allowed"),
        (
            session(),
            r#"{"AWS":["arn:aws:iam::123456789012:role/Q","arn:aws:iam::123456789012:role/R"]}"#,
            "allowed",
            BY_NOBODY,
        ),
    ] {
        let resource = [on_bucket("Allow", named)];
        let policies = Policies {
            resource: Some(ResourcePolicies { account: ACCOUNT, policies: &resource }),
            ..Policies::default()
        };
        assert_eq!(outcome(principal, &policies), alone, "{named}");
        let bounded = Policies { boundary: Some(&logs[0]), ..policies };
        assert_eq!(outcome(principal, &bounded), limited, "bounded {named}");
        let all = [allow("*")];
        if limited == BY_NOBODY {
            assert_eq!(outcome(principal, &Policies { identity: &all, ..bounded }), limit, "{named}");
        }
    }
}

#[test]
fn across_accounts_both_must_allow() {
    let all = [allow("*")];
    for (named, identity, expected) in [
        (r#"{"AWS":"123456789012"}"#, &all[..], "allowed"),
        (r#"{"AWS":"arn:aws:iam::123456789012:user/johndoe"}"#, &all[..], "allowed"),
        (r#"{"AWS":"arn:aws:iam::123456789012:user/johndoe"}"#, &[][..], BY_NOBODY),
        (r#"{"AWS":"999999999999"}"#, &all[..], "because no resource-based policy allows the s3:ListBucket action"),
    ] {
        let resource = [on_bucket("Allow", named)];
        let resource = Some(ResourcePolicies { account: "999999999999", policies: &resource });
        assert_eq!(outcome(user(), &Policies { identity, resource, ..Policies::default() }), expected, "{named}");
    }
    let none = Some(ResourcePolicies { account: "999999999999", policies: &[] });
    assert!(
        outcome(user(), &Policies { identity: &all, resource: none, ..Policies::default() }).contains("resource-based")
    );
}

#[test]
fn services_are_named_by_resource_policies() {
    let service =
        Principal { kind: PrincipalKind::Service, account: "", arn: "delivery.logs.amazonaws.com", role_arn: None };
    let resource = [on_bucket("Allow", r#"{"Service":["x.amazonaws.com","delivery.logs.amazonaws.com"]}"#)];
    let resource = Some(ResourcePolicies { account: ACCOUNT, policies: &resource });
    assert_eq!(outcome(service, &Policies { resource, ..Policies::default() }), "allowed");
    let other = Principal { arn: "sns.amazonaws.com", ..service };
    assert!(outcome(other, &Policies { resource, ..Policies::default() }).contains("no resource-based policy"));
}

#[test]
fn not_principal_spares_those_it_names() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/johndoe"},"Action":"s3:*","Resource":"*"}]}"#;
    let resource = [resource_policy(text)];
    let resource = Some(ResourcePolicies { account: ACCOUNT, policies: &resource });
    let all = [allow("*")];
    let policies = Policies { identity: &all, resource, ..Policies::default() };
    assert_eq!(outcome(user(), &policies), "allowed");
    assert!(outcome(session(), &policies).contains("explicit deny in a resource-based"));
}

#[test]
fn a_trust_policy_is_the_policy_of_its_role() {
    let trust = |principal: &str| {
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
        );
        Arc::new(Policy::parse("trust", &text, Purpose::Trust).unwrap())
    };
    let context = keys(&[]);
    let role = "arn:aws:iam::123456789012:role/R";
    let all = [allow("*")];
    for (principal, identity, allowed) in [
        (r#"{"AWS":"arn:aws:iam::123456789012:user/johndoe"}"#, &[][..], true),
        (r#"{"AWS":"arn:aws:iam::123456789012:user/jane"}"#, &all[..], false),
        (r#"{"AWS":"123456789012"}"#, &[][..], false),
        (r#"{"AWS":"123456789012"}"#, &all[..], true),
        (r#"{"Service":"ec2.amazonaws.com"}"#, &all[..], false),
    ] {
        let policies = [trust(principal)];
        let resource = Some(ResourcePolicies { account: ACCOUNT, policies: &policies });
        let policies = Policies { identity, resource, resource_must_allow: true, ..Policies::default() };
        assert_eq!(decide(&request("sts:AssumeRole", role, &context), &policies).is_allowed(), allowed, "{principal}");
    }
}

#[test]
fn explanations_tell_which_statement_and_where() {
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Sid\": \"One\", \"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    {\"Sid\": \"Two\",\n     \"Effect\": \"Deny\", \"Action\": \"s3:Put*\", \"Resource\": \"*\"}\n  ]\n}";
    let identity = [policy(text)];
    let policies = Policies { identity: &identity, ..Policies::default() };
    let context = keys(&[]);
    let Decision::Allowed(found) = decide(&request("s3:GetObject", "*", &context), &policies) else { panic!() };
    assert_eq!(found.statement.sid.as_deref(), Some("One"));
    assert_eq!(
        (found.statement.start, found.statement.end),
        (Position { line: 4, column: 5 }, Position { line: 4, column: 73 })
    );
    let put = request("s3:PutObject", "*", &context);
    let Decision::ExplicitDeny(found) = decide(&put, &policies) else { panic!() };
    assert_eq!(found.statement.start, Position { line: 5, column: 5 });
    assert_eq!(found.statement.end, Position { line: 6, column: 61 });
    let all: Vec<_> = matching(&put, &policies).iter().map(|found| found.statement.sid.clone().unwrap()).collect();
    assert_eq!(all, ["Two", "One"]);
}
