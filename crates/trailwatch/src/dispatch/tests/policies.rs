//! What users may not call is refused, over the table of operations and our own endpoints, and recorded.

use super::*;

/// Calls an operation of iam as root; answers the XML.
async fn iam(server: &Server, form: &str) -> String {
    let mut request = call(Service::Iam, "", Protocol::Query, &root(server));
    request.body = format!("Version=2010-05-08&{form}").into();
    sigv4::sign(&mut request, &root(server), "us-east-1", "iam", NOW);
    let response = server.answer(request, "127.0.0.1").await;
    assert_eq!(response.status, 200, "{}", text(&response));
    text(&response)
}

/// A new user with the named ready-made policies, and an access key.
async fn user(server: &Server, name: &str, policies: &[&str]) -> Credentials {
    iam(server, &format!("Action=CreateUser&UserName={name}")).await;
    for policy in policies {
        let arn = format!("arn:aws:iam::aws:policy/{policy}");
        iam(server, &format!("Action=AttachUserPolicy&UserName={name}&PolicyArn={arn}")).await;
    }
    let key = iam(server, &format!("Action=CreateAccessKey&UserName={name}")).await;
    let element = |name: &str| {
        let (_, rest) = key.split_once(&format!("<{name}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    Credentials {
        access_key_id: element("AccessKeyId"),
        secret_access_key: element("SecretAccessKey"),
        session_token: None,
    }
}

/// Our own endpoints: method, path, name.
const OWN: [(&str, &str, &str); 17] = [
    ("POST", "/_trailwatch/alarms/backtest", "BacktestAlarm"),
    ("POST", "/_trailwatch/detections/backtest", "BacktestDetections"),
    ("GET", "/_trailwatch/events/tail", "TailEvents"),
    ("GET", "/_trailwatch/dead-letters", "ListDeadLetters"),
    ("POST", "/_trailwatch/import", "ImportEvents"),
    ("GET", "/_trailwatch/proofs/checkpoint", "GetEventProof"),
    ("POST", "/_trailwatch/trails/validate", "ValidateTrail"),
    ("POST", "/_trailwatch/sql", "ExecuteSql"),
    ("POST", "/_trailwatch/events/search", "SearchEvents"),
    ("POST", "/_trailwatch/policies/generate", "GeneratePolicy"),
    ("GET", "/_trailwatch/sessions/key/ASIA", "GetSession"),
    ("POST", "/_trailwatch/investigate", "Investigate"),
    ("GET", "/_trailwatch/event-retention", "GetEventRetention"),
    ("POST", "/_trailwatch/event-retention", "PutEventRetention"),
    ("GET", "/_trailwatch/legal-holds", "ListLegalHolds"),
    ("POST", "/_trailwatch/legal-holds", "PutLegalHold"),
    ("POST", "/_trailwatch/legal-holds/release", "ReleaseLegalHold"),
];

fn own_request(method: &str, path: &str, credentials: &Credentials) -> HttpRequest {
    let headers = vec![("host".to_owned(), "127.0.0.1:8792".to_owned())];
    let mut request = HttpRequest { method: method.into(), path: path.into(), headers, ..HttpRequest::default() };
    sigv4::sign(&mut request, credentials, "us-east-1", "trailwatch", NOW);
    request
}

/// Asks one of them as the listener does.
async fn own(server: &Server, method: &str, path: &str, credentials: &Credentials) -> Response {
    let request = own_request(method, path, credentials);
    let (_waits, hung_up) = tokio::sync::oneshot::channel();
    if crate::sql::is_asked(&request) {
        return crate::sql::answer(server, &request, "127.0.0.1", hung_up).await;
    }
    if crate::questions::is_asked(&request) {
        return crate::questions::answer(server, &request, "127.0.0.1", hung_up).await;
    }
    server.answer(request, "127.0.0.1").await
}

#[tokio::test]
async fn our_own_endpoints_ask_policies_too_and_record_whom_they_refuse() {
    let Plane { server, _dir } = plane().await;
    let nobody = user(&server, "nobody", &[]).await;
    let auditor = user(&server, "auditor", &["TrailwatchAuditor"]).await;
    let mut others = Vec::new();
    for policy in ["TrailwatchOperator", "TrailwatchReadOnly", "TrailwatchAgent"] {
        others.push(user(&server, policy, &[policy]).await);
    }
    let is_served = |name: &str| cfg!(feature = "sql") || name != "ExecuteSql";
    for (method, path, name) in OWN.into_iter().filter(|row| is_served(row.2)) {
        let response = own(&server, method, path, &nobody).await;
        let words = format!("user/nobody is not authorized to perform: trailwatch:{name} on resource: * because no");
        assert!(response.status == 403 && text(&response).contains(&words), "{path}: {}", text(&response));
        let expected = ("AccessDenied".to_owned(), nobody.access_key_id.clone());
        assert_eq!(events_of(&server, "trailwatch", name).await, [expected], "{path}");
        let response = own(&server, method, path, &auditor).await;
        // What is kept of the trail is not for who operates, reads metrics or collects.
        if name.ends_with("EventRetention") || name.contains("LegalHold") {
            for other in &others {
                assert_eq!(own(&server, method, path, other).await.status, 403, "{path}");
            }
        }
        let others_work = ["BacktestAlarm", "ListDeadLetters", "ImportEvents", "ExecuteSql"];
        // Who reads the trail may keep events of it, and not let them go.
        let lets_go = ["PutEventRetention", "ReleaseLegalHold"];
        let is_auditors = !others_work.contains(&name) && !lets_go.contains(&name);
        assert_eq!(response.status != 403, is_auditors, "{path}: {}", text(&response));
    }
}

#[tokio::test]
async fn long_work_ends_when_nobody_waits_for_it_and_is_recorded() {
    let Plane { server, _dir } = plane().await;
    let long = ["BacktestAlarm", "BacktestDetections", "ValidateTrail"];
    for (method, path, name) in OWN.into_iter().filter(|row| long.contains(&row.2)) {
        let (waiting, hung_up) = tokio::sync::oneshot::channel();
        drop(waiting);
        let request = own_request(method, path, &root(&server));
        let response = server.answer_while_waited_for(request, "127.0.0.1", hung_up).await;
        assert_eq!(response.status, 499, "{path}");
        let expected = ("QueryCanceled".to_owned(), root(&server).access_key_id);
        assert_eq!(events_of(&server, "trailwatch", name).await, [expected], "{path}");
    }
}

#[tokio::test]
async fn prometheus_is_asked_by_who_may_get_metric_data() {
    let Plane { server, _dir } = plane().await;
    for (name, policies, status) in [("nobody", &[][..], 403), ("reader", &["TrailwatchReadOnly"], 200)] {
        let user = user(&server, name, policies).await;
        let headers = vec![("host".to_owned(), "127.0.0.1:8792".to_owned())];
        let mut request =
            HttpRequest { method: "GET".into(), path: "/api/v1/labels".into(), headers, ..HttpRequest::default() };
        sigv4::sign(&mut request, &user, "us-east-1", "monitoring", NOW);
        let (_waiting, hung_up) = tokio::sync::oneshot::channel();
        let response = crate::promql::answer(&server, &request, "127.0.0.1", hung_up).await;
        assert_eq!(response.status, status, "{name}: {}", text(&response));
        assert_eq!(text(&response).contains("cloudwatch:GetMetricData"), status == 403, "{}", text(&response));
    }
}

#[tokio::test]
async fn every_operation_refuses_a_user_whom_no_policy_lets_and_records_it() {
    let Plane { server, _dir } = plane().await;
    let user = user(&server, "nobody", &[]).await;
    for (service, operation, audit, protocol) in walk(&server) {
        // Everybody may ask who they are and for a session of their own; AssumeRole and its like ask the role first.
        let own = ["GetCallerIdentity", "GetSessionToken", "AssumeRole", "AssumeRoleWithWebIdentity"];
        if service == Service::Sts && own.contains(&operation) {
            continue;
        }
        let before = events_of(&server, service.event_source(), operation).await.len();
        let response = server.answer(call(service, operation, protocol, &user), "127.0.0.1").await;
        let action = format!("{}:{operation}", service.iam_prefix());
        // SNS has its own name in upper case there.
        let shown = if service == Service::Sns { format!("SNS:{operation}") } else { action.clone() };
        let words = format!("user/nobody is not authorized to perform: {shown} on resource: ");
        let told = text(&response);
        assert!((400..404).contains(&response.status) && told.contains(&words), "{action} {protocol:?}: {told}");
        assert!(told.contains("because no identity-based policy allows the "), "{action} {protocol:?}: {told}");
        let events = events_of(&server, service.event_source(), operation).await;
        assert_eq!(events.len() - before, usize::from(matches!(audit, Audit::Management)), "{action} {protocol:?}");
    }
}
