//! The command line's side of the questions.

pub mod events;
pub mod policy;
pub mod session;
pub mod why;

use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use model::Clock;
use serde_json::Value;
use std::sync::Arc;
use trail::record::Defaults;

/// The server that `at` or the environment names.
pub(crate) fn remote(at: &ServerArgs) -> anyhow::Result<Remote> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let environment = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let region = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION"));
    let defaults = Defaults {
        account: String::new(),
        region: region.unwrap_or_else(|| "us-east-1".into()),
        ingestion_time: clock.now(),
    };
    Remote::from_environment(at, &defaults, clock)
}

/// Posts a question; what the server refuses is an error in its words.
pub(crate) fn ask(remote: &Remote, path: &str, body: String) -> anyhow::Result<Value> {
    let (status, answer) = remote.post(path, crate::own::SIGNING_NAME, "application/json", body)?;
    let told: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if status != 200 {
        anyhow::bail!("{}", told["message"].as_str().unwrap_or("the server refused the question"));
    }
    Ok(told)
}

/// A text as a terminal may be shown it: a record is anybody's text, and a terminal obeys what it is shown.
pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str().filter(|text| !text.is_empty()).unwrap_or("-");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
