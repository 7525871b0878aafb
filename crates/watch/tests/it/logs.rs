//! Logs operations, as a client sees them.

mod events;
mod export;
mod groups;
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
