//! Who may call what: users, groups, boundaries, conditions, variables, and simulations that say why.

use super::*;
use wire::shape::Texts;

/// An input with the given members.
struct Input(Vec<(&'static str, &'static str)>);

impl Texts for Input {
    fn texts(&self, member: &str) -> Vec<&str> {
        self.0.iter().filter(|(name, _)| *name == member).map(|(_, value)| *value).collect()
    }

    fn tags(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
}

/// Members of an input.
type Members = &'static [(&'static str, &'static str)];

/// The text of the refusal; `allowed` when there is none.
fn asked(world: &World, caller: &Caller, service: Service, operation: &'static str, input: &Input) -> String {
    let guard = world.access.guard(Asking { caller, now: NOW }, service, operation);
    let refused = guard.and_then(|guard| guard.check(input).err());
    refused.map_or_else(|| "allowed".into(), |error| format!("{}: {}", error.code(), error.message()))
}

#[tokio::test]
async fn a_refusal_names_user_action_resource_and_reason() {
    let world = World::new().await;
    let user = world.user("jane", r#""Effect":"Allow","Action":"logs:Describe*","Resource":"*""#).await;
    let input = Input(vec![("logGroupName", "/app"), ("logStreamName", "s")]);
    let put = |world: &World| asked(world, &user, Service::Logs, "PutLogEvents", &input);
    let on = "logs:PutLogEvents on resource: arn:aws:logs:us-east-1:123456789012:log-group:/app:log-stream:s";
    assert_eq!(
        put(&world),
        format!(
            "AccessDeniedException: User: arn:aws:iam::123456789012:user/jane is not authorized to perform: {on} because no \
             identity-based policy allows the logs:PutLogEvents action"
        )
    );
    assert_eq!(asked(&world, &user, Service::Logs, "DescribeLogGroups", &Input(vec![])), "allowed");
    world.put_policy("jane", r#""Effect":"Deny","Action":"logs:*","Resource":"*""#).await;
    assert!(
        put(&world).ends_with(&format!("{on} with an explicit deny in an identity-based policy")),
        "{}",
        put(&world)
    );
    // Everybody may ask who they are, and root may do all.
    assert_eq!(asked(&world, &user, Service::Sts, "GetCallerIdentity", &Input(vec![])), "allowed");
    assert_eq!(asked(&world, &root(), Service::Logs, "PutLogEvents", &input), "allowed");
    let topic = Input(vec![("TopicArn", "arn:aws:sns:us-east-1:123456789012:t")]);
    // SNS has a code and a spelling of its own.
    for (operation, input, resource) in [
        ("Publish", &topic, "arn:aws:sns:us-east-1:123456789012:t"),
        ("ListTopics", &Input(vec![]), "arn:aws:sns:us-east-1:123456789012:*"),
    ] {
        assert_eq!(
            asked(&world, &user, Service::Sns, operation, input),
            format!(
                "AuthorizationErrorException: User: arn:aws:iam::123456789012:user/jane is not authorized to perform: \
                 SNS:{operation} on resource: {resource} because no identity-based policy allows the SNS:{operation} action"
            )
        );
    }
}

#[tokio::test]
async fn resources_are_those_that_the_input_names() {
    let world = World::new().await;
    let cases: &[(&str, Service, &'static str, Members, bool)] = &[
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/app/*",
            Service::Logs,
            "PutRetentionPolicy",
            &[("logGroupName", "/app/x")],
            true,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/app/x",
            Service::Logs,
            "PutRetentionPolicy",
            &[("logGroupName", "/app/x")],
            true,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/app/x:*",
            Service::Logs,
            "PutRetentionPolicy",
            &[("logGroupIdentifier", "arn:aws:logs:us-east-1:123456789012:log-group:/app/x:*")],
            true,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/app/*",
            Service::Logs,
            "PutRetentionPolicy",
            &[("logGroupName", "/db")],
            false,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/app/*",
            Service::Logs,
            "StartQuery",
            &[("logGroupNames", "/app/x"), ("logGroupNames", "/db")],
            false,
        ),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/app/*", Service::Logs, "StartQuery", &[], false),
        (
            "arn:aws:cloudwatch:us-east-1:123456789012:alarm:web-*",
            Service::CloudWatch,
            "DeleteAlarms",
            &[("AlarmNames", "web-1"), ("AlarmNames", "web-2")],
            true,
        ),
        (
            "arn:aws:cloudwatch:us-east-1:123456789012:alarm:web-*",
            Service::CloudWatch,
            "DeleteAlarms",
            &[("AlarmNames", "web-1"), ("AlarmNames", "db")],
            false,
        ),
        (
            "arn:aws:cloudwatch::123456789012:dashboard/d",
            Service::CloudWatch,
            "PutDashboard",
            &[("DashboardName", "d")],
            true,
        ),
        (
            "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*",
            Service::CloudWatch,
            "PutMetricData",
            &[("Namespace", "N")],
            false,
        ),
        (
            "arn:aws:cloudtrail:us-east-1:123456789012:trail/t",
            Service::CloudTrail,
            "StartLogging",
            &[("Name", "t")],
            true,
        ),
        (
            "arn:aws:cloudtrail:us-east-1:123456789012:trail/t",
            Service::CloudTrail,
            "StopLogging",
            &[("Name", "arn:aws:cloudtrail:us-east-1:123456789012:trail/other")],
            false,
        ),
        (
            "arn:aws:sns:us-east-1:123456789012:t",
            Service::Sns,
            "Unsubscribe",
            &[("SubscriptionArn", "arn:aws:sns:us-east-1:123456789012:t:0b")],
            true,
        ),
        ("arn:aws:iam::123456789012:user/u", Service::Iam, "CreateAccessKey", &[], true),
        ("arn:aws:iam::123456789012:user/${aws:username}", Service::Iam, "ListAccessKeys", &[("UserName", "u")], true),
        (
            "arn:aws:iam::123456789012:user/${aws:username}",
            Service::Iam,
            "ListAccessKeys",
            &[("UserName", "other")],
            false,
        ),
    ];
    let user = world.user("u", ALL).await;
    for (resource, service, operation, members, allowed) in cases {
        world.put_policy("u", &format!(r#""Effect":"Allow","Action":"*","Resource":"{resource}""#)).await;
        let answer = asked(&world, &user, *service, operation, &Input(members.to_vec()));
        assert_eq!(answer == "allowed", *allowed, "{resource} {operation} {members:?}: {answer}");
    }
}

#[tokio::test]
async fn both_names_of_a_group_are_free_of_denials() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    for resource in ["log-group:/secret", "log-group:/secret:*", "log-group:/secret*"] {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{{ALL}}},{{"Effect":"Deny","Action":"logs:*","Resource":"arn:aws:logs:*:*:{resource}"}}]}}"#
        );
        world
            .done("PutUserPolicy", &[("UserName", "u"), ("PolicyName", "inline"), ("PolicyDocument", &document)])
            .await;
        let answer = asked(&world, &user, Service::Logs, "DeleteLogGroup", &Input(vec![("logGroupName", "/secret")]));
        assert!(answer.contains("explicit deny"), "{resource}: {answer}");
    }
}

#[tokio::test]
async fn conditions_see_the_call() {
    let world = World::new().await;
    let mut user = world.user("u", ALL).await;
    world.done("TagUser", &[("UserName", "u"), ("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "red")]).await;
    user.source_ip = "203.0.113.7".into();
    for (condition, allowed) in [
        (r#""StringEquals":{"cloudwatch:namespace":"N"}"#, true),
        (r#""StringEquals":{"cloudwatch:namespace":"M"}"#, false),
        (r#""IpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, true),
        (r#""NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}"#, false),
        (r#""StringEquals":{"aws:PrincipalTag/team":"red"}"#, true),
        (r#""StringEquals":{"aws:username":"u","aws:RequestedRegion":"us-east-1"}"#, true),
        (r#""Bool":{"aws:SecureTransport":"true"}"#, false),
        (r#""DateLessThan":{"aws:CurrentTime":"2026-11-27T00:00:00Z"}"#, true),
        (r#""DateLessThan":{"aws:CurrentTime":"2026-11-26T00:00:00Z"}"#, false),
        (r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/u"}"#, true),
        (r#""Null":{"aws:MultiFactorAuthPresent":"true","aws:TokenIssueTime":"true"}"#, true),
        // A key of another service is no key of this call.
        (r#""Null":{"iam:PolicyARN":"true"}"#, true),
    ] {
        world.put_policy("u", &format!(r#"{ALL},"Condition":{{{condition}}}"#)).await;
        let input = Input(vec![("Namespace", "N"), ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")]);
        let answer = asked(&world, &user, Service::CloudWatch, "PutMetricData", &input);
        assert_eq!(answer == "allowed", allowed, "{condition}: {answer}");
    }
    let condition = r#""Bool":{"aws:SecureTransport":"true"}"#;
    world.put_policy("u", &format!(r#"{ALL},"Condition":{{{condition}}}"#)).await;
    user.tls = Some(model::Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" });
    let input = Input(vec![("Namespace", "N")]);
    assert_eq!(asked(&world, &user, Service::CloudWatch, "PutMetricData", &input), "allowed");
}

#[tokio::test]
async fn groups_attachments_and_boundaries_count() {
    let world = World::new().await;
    let user = world.user("u", r#""Effect":"Allow","Action":"sns:*","Resource":"*""#).await;
    let logs = |world: &World| asked(world, &user, Service::Logs, "DescribeLogGroups", &Input(vec![]));
    assert!(logs(&world).contains("no identity-based policy"));
    world.done("CreateGroup", &[("GroupName", "operators")]).await;
    let operator = "arn:aws:iam::aws:policy/TrailwatchOperator";
    world.done("AttachGroupPolicy", &[("GroupName", "operators"), ("PolicyArn", operator)]).await;
    world.done("AddUserToGroup", &[("GroupName", "operators"), ("UserName", "u")]).await;
    assert_eq!(logs(&world), "allowed");
    let auditor = "arn:aws:iam::aws:policy/TrailwatchAuditor";
    world.done("PutUserPermissionsBoundary", &[("UserName", "u"), ("PermissionsBoundary", auditor)]).await;
    assert!(logs(&world).ends_with("because no permissions boundary allows the logs:DescribeLogGroups action"));
    world.done("DeleteUserPermissionsBoundary", &[("UserName", "u")]).await;
    assert_eq!(logs(&world), "allowed");
    world.done("RemoveUserFromGroup", &[("GroupName", "operators"), ("UserName", "u")]).await;
    assert!(logs(&world).contains("no identity-based policy"));
}

#[tokio::test]
async fn who_may_not_call_is_not_told_what_is_wrong() {
    let world = World::new().await;
    let user = world.user("u", r#""Effect":"Allow","Action":"sns:*","Resource":"*""#).await;
    let refused = world.call_as(&user, "CreateUser", &[]).await.unwrap_err();
    assert!(refused.starts_with("AccessDenied: User: arn:aws:iam::123456789012:user/u is not authorized"), "{refused}");
    assert!(world.call_as(&user, "GetCallerIdentity", &[]).await.unwrap().contains("user/u"));
}

#[tokio::test]
async fn a_simulation_tells_which_statement_decides() {
    let world = World::new().await;
    let user = world.user("u", r#""Sid":"Own","Effect":"Allow","Action":"logs:*","Resource":"*","Condition":{"StringEquals":{"aws:username":"u","aws:RequestedRegion":"us-east-1"}}"#).await;
    let simulate = async |pairs: &[(&str, &str)]| {
        let mut all = vec![("PolicySourceArn", user.arn.as_str())];
        all.extend_from_slice(pairs);
        world.done("SimulatePrincipalPolicy", &all).await
    };
    let action = ("ActionNames.member.1", "logs:PutLogEvents");
    let unknown = simulate(&[action]).await;
    assert_eq!(element(&unknown, "EvalDecision"), "implicitDeny");
    assert!(
        unknown.contains("<MissingContextValues><member>aws:requestedregion</member></MissingContextValues>"),
        "{unknown}"
    );
    let region = [
        ("ContextEntries.member.1.ContextKeyName", "aws:RequestedRegion"),
        ("ContextEntries.member.1.ContextKeyValues.member.1", "us-east-1"),
        ("ContextEntries.member.1.ContextKeyType", "string"),
    ];
    let allowed = simulate(&[&[action][..], &region[..]].concat()).await;
    assert_eq!(element(&allowed, "EvalDecision"), "allowed");
    assert_eq!(element(&allowed, "SourcePolicyId"), "user_u_inline");
    assert!(allowed.contains("<StartPosition><Line>1</Line><Column>38</Column></StartPosition>"), "{allowed}");
    let deny = document(r#""Effect":"Deny","Action":"*","Resource":"*""#);
    let denied = simulate(&[action, ("PolicyInputList.member.1", deny.as_str())]).await;
    assert_eq!(
        (element(&denied, "EvalDecision"), element(&denied, "SourcePolicyId")),
        ("explicitDeny".into(), "PolicyInputList.1".into())
    );
    let all = document(ALL);
    let custom = world.done("SimulateCustomPolicy", &[("PolicyInputList.member.1", &all), action]).await;
    assert_eq!(element(&custom, "EvalDecision"), "allowed");
    assert!(
        world
            .call("SimulatePrincipalPolicy", &[("PolicySourceArn", "arn:aws:iam::123456789012:user/nobody"), action])
            .await
            .unwrap_err()
            .starts_with("NoSuchEntity")
    );
}

#[tokio::test]
async fn policies_name_a_log_group_with_or_without_its_contents() {
    let world = World::new().await;
    let user = world.user("u", ALL).await;
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let asking = Asking { caller: &user, now: NOW };
    for (effect, resource, allowed) in [
        ("Allow", "log-group:g", true),
        ("Allow", "log-group:g:*", true),
        ("Allow", "log-group:gg", false),
        ("Deny", "log-group:g", false),
        ("Deny", "log-group:g:*", false),
    ] {
        let statement =
            format!(r#""Effect":"{effect}","Action":"logs:Unmask","Resource":"arn:aws:logs:*:*:{resource}""#);
        world.put_policy("u", &statement).await;
        let allows_rest = document(ALL);
        if effect == "Deny" {
            let pairs = [("UserName", "u"), ("PolicyName", "all"), ("PolicyDocument", allows_rest.as_str())];
            world.done("PutUserPolicy", &pairs).await;
        }
        let answer = world.access.authorize_log_group(asking, "logs:Unmask", group);
        assert_eq!(answer.is_ok(), allowed, "{effect} {resource}: {answer:?}");
    }
    let root = root();
    assert!(world.access.authorize_log_group(Asking { caller: &root, now: NOW }, "logs:Unmask", group).is_ok());
}

#[tokio::test]
async fn services_are_denied_by_policies_that_name_them() {
    let call = ServiceCall {
        principal: "delivery.logs.amazonaws.com",
        action: "logs:PutLogEvents",
        resource: "arn:aws:logs:us-east-1:123456789012:log-group:f:log-stream:s",
        source_account: ACCOUNT,
        source_arn: "arn:aws:logs:us-east-1:123456789012:log-group:g:*",
        now: NOW,
    };
    let policy = |principal: &str, more: &str| {
        let statement = format!(
            r#""Effect":"Deny","Principal":{principal},"Action":"logs:Put*","Resource":"*","Condition":{{{more}}}"#
        );
        resource_policy("p", &document(&statement)).unwrap()
    };
    let service = r#"{"Service":"delivery.logs.amazonaws.com"}"#;
    for (principal, more, denied) in [
        (service, "", true),
        (service, r#""StringEquals":{"aws:SourceAccount":"123456789012"}"#, true),
        (service, r#""StringEquals":{"aws:SourceAccount":"210987654321"}"#, false),
        (service, r#""DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#, false),
        (r#"{"Service":"es.amazonaws.com"}"#, "", false),
        (r#"{"AWS":"123456789012"}"#, "", false),
    ] {
        assert_eq!(is_service_denied(&call, &[policy(principal, more)]), denied, "{principal} {more}");
    }
    assert!(!is_service_denied(&call, &[kept_resource_policy("p", "no policy")]));
}

#[tokio::test]
async fn operators_may_call_all_of_logs_and_unmask_nothing() {
    let world = World::new().await;
    let user = world.user("u", r#""Effect":"Allow","Action":"sns:*","Resource":"*""#).await;
    let operator = "arn:aws:iam::aws:policy/TrailwatchOperator";
    world.done("AttachUserPolicy", &[("UserName", "u"), ("PolicyArn", operator)]).await;
    for modelled in wire::modelled().iter().filter(|modelled| modelled.service == Service::Logs) {
        assert_eq!(asked(&world, &user, Service::Logs, modelled.name, &Input(vec![])), "allowed", "{}", modelled.name);
    }
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let refused = world.access.authorize_log_group(Asking { caller: &user, now: NOW }, "logs:Unmask", group);
    assert!(refused.unwrap_err().message().contains("no identity-based policy allows the logs:Unmask action"));
}

#[tokio::test]
async fn the_policy_of_anothers_resource_decides_by_itself() {
    let world = World::new().await;
    let jane = world.user("jane", ALL).await;
    let sink = "arn:aws:oam:us-east-1:999999999999:sink/s";
    let decided = |policy: Option<&str>, caller: &Caller, types: &[&'static str]| {
        let input = Input(types.iter().map(|text| ("ResourceTypes", *text)).collect());
        let owned = Owned { account: "999999999999", arn: sink, policy, own_need_it: true };
        match admitted(Asking { caller, now: NOW }, "oam:CreateLink", owned, &input) {
            Ok(()) => "allowed".to_owned(),
            Err(error) => format!("{}: {}", error.code(), error.message()),
        }
    };
    let because = "because no resource-based policy allows the oam:CreateLink action";
    let refused = |arn: &str, because: &str| {
        format!(
            "AccessDeniedException: User: {arn} is not authorized to perform: oam:CreateLink on resource: {sink} {because}"
        )
    };
    let root_arn = "arn:aws:iam::123456789012:root";
    assert_eq!(decided(None, &root(), &["M"]), refused(root_arn, because));
    assert_eq!(decided(Some("{"), &root(), &["M"]), refused(root_arn, because));
    let statement = |effect: &str, principal: &str, more: &str| {
        document(&format!(
            r#""Effect":"{effect}","Principal":{{"AWS":"{principal}"}},"Action":"oam:*","Resource":"*"{more}"#
        ))
    };
    let only = r#","Condition":{"ForAllValues:StringEquals":{"oam:ResourceTypes":["M","L"]}}"#;
    let of_account = statement("Allow", ACCOUNT, only);
    for caller in [&root(), &jane] {
        assert_eq!(decided(Some(&of_account), caller, &["M", "L"]), "allowed");
        assert_eq!(decided(Some(&of_account), caller, &["M", "T"]), refused(&caller.arn, because));
    }
    let of_other = statement("Allow", "222222222222", "");
    assert_eq!(decided(Some(&of_other), &root(), &["M"]), refused(root_arn, because));
    let of_jane = statement("Allow", &jane.arn, "");
    assert_eq!(decided(Some(&of_jane), &jane, &["M"]), "allowed");
    assert_eq!(decided(Some(&of_jane), &root(), &["M"]), refused(root_arn, because));
    let denied = statement("Deny", "*", "");
    assert_eq!(
        decided(Some(&denied), &root(), &["M"]),
        refused(root_arn, "with an explicit deny in a resource-based policy")
    );
    let organization = statement("Allow", "*", r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#);
    assert_eq!(decided(Some(&organization), &root(), &["M"]), refused(root_arn, because));
}

#[tokio::test]
async fn the_account_of_a_resource_is_the_resources_and_not_the_callers() {
    let world = World::new().await;
    let statement = r#""Effect":"Allow","Action":"logs:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"ACCOUNT"}}"#;
    let own = world.user("own", &statement.replace("ACCOUNT", ACCOUNT)).await;
    let other = world.user("other", &statement.replace("ACCOUNT", "210987654321")).await;
    let elsewhere = Input(vec![("logGroupIdentifier", "arn:aws:logs:us-east-1:210987654321:log-group:/app")]);
    let here = Input(vec![("logGroupIdentifier", "/app")]);
    let may = |caller: &Caller, input: &Input| asked(&world, caller, Service::Logs, "GetLogEvents", input) == "allowed";
    assert!(may(&own, &here) && !may(&own, &elsewhere), "a policy for the own account is none for a linked one");
    assert!(may(&other, &elsewhere) && !may(&other, &here));
    let nameless = Input(vec![]);
    assert_eq!(asked(&world, &own, Service::Logs, "DescribeQueries", &nameless), "allowed", "no ARN: the caller's own");
}
