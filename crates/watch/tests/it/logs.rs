//! Logs operations, as a client sees them.

mod account_policies;
mod anomalies;
mod buckets;
mod deliveries;
mod events;
mod export;
mod groups;
mod indexes;
mod insights;
mod kms_keys;
mod later_queries;
mod live_tail;
mod metric_filters;
mod protection;
mod search;
mod streams;
mod subscriptions;
mod transformers;

use crate::plane::{NOW, Plane};
use serde_json::{Value, json};

async fn plane() -> Plane {
    Plane::new(watch::logs::operations()).await
}

/// A plane with group `g` and stream `s`.
async fn plane_with_stream() -> Plane {
    let plane = plane().await;
    plane.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    plane.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    plane
}

/// Puts events at offsets from `NOW` (milliseconds) into a stream of group `g`.
async fn put(plane: &Plane, stream: &str, events: &[(i64, &str)]) -> Value {
    let events: Vec<Value> = events.iter().map(|(ms, m)| json!({"timestamp": NOW + ms, "message": m})).collect();
    plane.ok("PutLogEvents", json!({"logGroupName": "g", "logStreamName": stream, "logEvents": events})).await
}

/// Puts an event at `NOW` into stream `s` of a group.
async fn put_into(plane: &Plane, group: &str, message: &str) {
    let events = json!([{"timestamp": NOW, "message": message}]);
    plane.ok("PutLogEvents", json!({"logGroupName": group, "logStreamName": "s", "logEvents": events})).await;
}

/// The answer of a query of Logs Insights over the hour before `NOW` and a minute more, once it has ended.
async fn query(plane: &Plane, groups: &[&str], text: &str) -> Value {
    let (start, end) = (NOW / 1000 - 3600, NOW / 1000 + 60);
    let input = json!({"logGroupNames": groups, "queryString": text, "startTime": start, "endTime": end});
    let id = plane.ok("StartQuery", input).await["queryId"].clone();
    loop {
        let answer = plane.ok("GetQueryResults", json!({"queryId": id})).await;
        match answer["status"].as_str().unwrap() {
            "Scheduled" | "Running" => tokio::task::yield_now().await,
            "Complete" => return answer,
            other => panic!("{text}: {other}"),
        }
    }
}

/// The values of a field in the rows of a query's answer, sorted.
fn values(answer: &Value, field: &str) -> Vec<String> {
    let cells = answer["results"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    let cells = cells.filter(|cell| cell["field"] == field);
    let mut values: Vec<String> = cells.map(|cell| cell["value"].as_str().unwrap().to_owned()).collect();
    values.sort();
    values
}

/// The messages of an answer.
fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

/// Values of one member over a list.
fn each<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

fn error(code: &str, message: &str) -> (String, String) {
    (code.to_owned(), message.to_owned())
}
