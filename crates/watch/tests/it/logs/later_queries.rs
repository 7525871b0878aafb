//! Queries that run without whoever made them: nobody sees through them what they may not query.

use super::*;
use model::Caller;

const ROLE: &str = "arn:aws:iam::123456789012:role/Anything";

fn scheduled(name: &str, groups: &[&str], query: &str) -> Value {
    let mut input = json!({
        "name": name, "queryLanguage": "CWLI", "queryString": query,
        "scheduleExpression": "cron(* * * * ? *)", "executionRoleArn": ROLE,
    });
    if !groups.is_empty() {
        input["logGroupIdentifiers"] = json!(groups);
    }
    input
}

/// Who may query `/web/…` and make any scheduled query and alarm.
async fn limited(plane: &Plane) -> Caller {
    let statement = r#""Effect":"Allow","Action":["logs:StartQuery"],"Resource":"arn:aws:logs:*:123456789012:log-group:/web/*"},
        {"Effect":"Allow","Action":["logs:CreateScheduledQuery","logs:UpdateScheduledQuery","cloudwatch:PutLogAlarm"],"Resource":"*""#;
    plane.user("jane", statement).await
}

#[tokio::test]
async fn a_schedule_looks_at_no_group_that_its_maker_may_not_query() {
    let plane = plane_with_stream().await;
    let jane = limited(&plane).await;
    let outcome = async |name: &str, groups: &[&str], query: &str| {
        plane.call_as(&jane, "CreateScheduledQuery", scheduled(name, groups, query)).await.map_err(|(code, _)| code)
    };
    let denied = Err("AccessDeniedException".to_owned());
    assert!(outcome("own", &["/web/a"], "fields @message").await.is_ok());
    assert!(outcome("sourced", &[], "SOURCE '/web/a' | fields @message").await.is_ok());
    assert_eq!(outcome("other", &["g"], "fields @message").await, denied);
    assert_eq!(outcome("both", &["/web/a", "g"], "fields @message").await, denied);
    assert_eq!(outcome("arn", &["arn:aws:logs:us-east-1:123456789012:log-group:g"], "fields @message").await, denied);
    assert_eq!(outcome("source", &[], "SOURCE 'g' | fields @message").await, denied);
    assert_eq!(
        outcome("prefix", &[], "SOURCE logGroups(namePrefix: [\"/web/\"]) | fields @message").await,
        denied,
        "what is called so may be more tomorrow"
    );
    let mut update = scheduled("own", &["g"], "fields @message");
    update["identifier"] = json!("own");
    let refused = plane.call_as(&jane, "UpdateScheduledQuery", update.clone()).await.unwrap_err();
    assert_eq!(refused.0, "AccessDeniedException");
    assert!(
        refused.1.contains("logs:StartQuery on resource: arn:aws:logs:us-east-1:123456789012:log-group:g"),
        "{refused:?}"
    );
    plane.ok("UpdateScheduledQuery", update).await;
}
