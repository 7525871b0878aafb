//! The Prometheus HTTP API over CloudWatch metrics: what Grafana's Prometheus data source and promtool ask.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/api/>. Served, by GET and by POST of a form: `query`,
//! `query_range`, `series`, `labels`, `label/NAME/values`, `metadata` (empty: metrics have no help texts here),
//! `query_exemplars`, `rules` and `alerts` (empty: there are none) and `status/buildinfo`. Requests are signed for the service
//! `monitoring`, as on AWS. The console asks the same below `/_trailwatch/prometheus`, where its session stands for the signature.

use crate::console;
use crate::own::{self, Endpoint, Refusal};
use crate::server::{Server, json};
use model::limits::{PROMQL_AT_ONCE_MAX, PROMQL_SERIES_MAX};
use model::time::{DAY, SECOND};
use model::{Caller, Timestamp};
use query::promql::{ErrorType, PromqlError};
use serde_json::{Value, json as value};
use std::collections::BTreeSet;
use tokio::sync::{Semaphore, oneshot};
use watch::promql::{self, Failure};
use wire::{Access, Audit, HttpRequest, Response};

/// Where the API begins.
const PREFIX: &str = "/api/v1/";
/// Where it begins for the console.
const CONSOLE_PREFIX: &str = "/_trailwatch/prometheus/api/v1/";
/// Calls are recorded where a trail's selector asks for reads of metrics.
const ENDPOINT: Endpoint = Endpoint {
    signing_name: "monitoring",
    source: "monitoring.amazonaws.com",
    name: "QueryPrometheus",
    action: Some("cloudwatch:GetMetricData"),
    access: Access::Read,
    audit: Audit::Data("AWS::CloudWatch::Metric"),
};
/// How far back series are found when a request does not say.
const FOUND_MS: i64 = 14 * DAY;

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    matches!(request.method.as_str(), "GET" | "POST") && asked_path(request).is_some()
}

/// What is asked of the API: the path below its beginning.
fn asked_path(request: &HttpRequest) -> Option<&str> {
    request.path.strip_prefix(PREFIX).or_else(|| request.path.strip_prefix(CONSOLE_PREFIX))
}

/// Answers a request. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    // Browsers say where a page came from; no other page may read metrics with an open server's keys.
    if console::is_other_page(server, request) {
        return failed(403, "forbidden", "not from a web page");
    }
    let parameters = Parameters::of(request);
    let path = asked_path(request).unwrap_or_default();
    let run = async |caller: &Caller| own::while_waited_for(hung_up, run(server, caller, path, &parameters)).await;
    let asked = value!({ "path": request.path, "query": request.query });
    match ENDPOINT.call(server, (request, source_ip), Some(asked), run).await {
        Ok(data) => {
            let headers = vec![("content-type", "application/json".into())];
            Response {
                status: 200,
                headers,
                body: format!("{{\"status\":\"success\",\"data\":{data}}}").into(),
                rest: None,
            }
        }
        Err(refusal) => failed(refusal.status, error_type(&refusal), &refusal.message),
    }
}

/// Prometheus's name for a refusal: it has its own for questions; others are of AWS.
fn error_type(refusal: &Refusal) -> &str {
    match refusal.status {
        500.. => "internal",
        401 | 403 => "unauthorized",
        _ => &refusal.code,
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Promql(PromqlError { error_type, message }) => {
                let status = if error_type == ErrorType::BadData { 400 } else { 422 };
                Self::new(status, error_type.to_string(), message)
            }
            Failure::Store(_) | Failure::Compute(_) => {
                tracing::error!(error = %failure, "answer PromQL");
                Self::new(500, "internal", "The query did not finish. See the server's log.")
            }
        }
    }
}

fn bad(name: &str, what: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "bad_data", format!("invalid parameter \"{name}\": {what}"))
}

/// The field `data` of the answer, as JSON.
async fn run(server: &Server, caller: &Caller, path: &str, parameters: &Parameters) -> Result<String, Refusal> {
    let (watch, scope) = (&server.watch, &caller.scope);
    let now = server.clock.now();
    let limit = parameters.count("limit")?;
    // Each query may hold millions of samples; alarms do not wait here. The semaphore is never closed.
    static COMPUTING: Semaphore = Semaphore::const_new(PROMQL_AT_ONCE_MAX);
    let _place = COMPUTING.acquire().await.ok();
    match path.trim_end_matches('/') {
        "query" => {
            let at = parameters.time("time")?.unwrap_or(now);
            let mut found = promql::instant(watch, scope, parameters.required("query")?, at).await?;
            limit.map(|limit| found.truncate(limit));
            Ok(found.to_json())
        }
        "query_range" => {
            let start =
                parameters.time("start")?.ok_or_else(|| bad("start", "cannot parse \"\" to a valid timestamp"))?;
            let end = parameters.time("end")?.ok_or_else(|| bad("end", "cannot parse \"\" to a valid timestamp"))?;
            let step_ms = parameters.duration_ms("step")?;
            let mut found = promql::range(watch, scope, parameters.required("query")?, (start, end), step_ms).await?;
            limit.map(|limit| found.truncate(limit));
            Ok(found.to_json())
        }
        "series" => {
            let matches = parameters.all("match[]");
            if matches.is_empty() {
                return Err(Refusal::new(400, "bad_data", "no match[] parameter provided"));
            }
            let found = found(server, caller, parameters, now).await?;
            let labels = |labels: &query::promql::Labels| {
                Value::Object(labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
            };
            Ok(Value::Array(found.iter().take(limit.unwrap_or(usize::MAX)).map(labels).collect()).to_string())
        }
        "labels" => {
            let found = found(server, caller, parameters, now).await?;
            let names: BTreeSet<&str> = found.iter().flat_map(|labels| labels.iter().map(|(name, _)| name)).collect();
            Ok(value!(names.into_iter().take(limit.unwrap_or(usize::MAX)).collect::<Vec<_>>()).to_string())
        }
        "metadata" => Ok("{}".to_owned()),
        // Clients look whether there are any before they offer them.
        "query_exemplars" => Ok("[]".to_owned()),
        "rules" => Ok(value!({ "groups": [] }).to_string()),
        "alerts" => Ok(value!({ "alerts": [] }).to_string()),
        // Clients choose how they ask by what this says; we have the query language of Prometheus 3.
        "status/buildinfo" => Ok(value!({
            "version": "3.0.0", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
            "features": {}, "application": format!("Trailwatch {}", env!("CARGO_PKG_VERSION")),
        })
        .to_string()),
        other => match other.strip_prefix("label/").and_then(|rest| rest.strip_suffix("/values")) {
            Some(name) => {
                let name = label_name(name);
                let found = found(server, caller, parameters, now).await?;
                let values: BTreeSet<&str> =
                    found.iter().map(|labels| labels.get(&name)).filter(|value| !value.is_empty()).collect();
                Ok(value!(values.into_iter().take(limit.unwrap_or(usize::MAX)).collect::<Vec<_>>()).to_string())
            }
            None => Err(Refusal::new(404, "not_found", format!("{PREFIX}{other} is not served"))),
        },
    }
}

async fn found(
    server: &Server,
    caller: &Caller,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<Vec<query::promql::Labels>, Refusal> {
    let from = parameters.time("start")?.unwrap_or(now - FOUND_MS);
    let matches = parameters.all("match[]");
    Ok(promql::series(&server.watch, &caller.scope, &matches, from, PROMQL_SERIES_MAX).await?)
}

/// A label's name in a path: percent-encoded, or with the prefix `U__` for names that are more than letters, digits and `_`.
fn label_name(text: &str) -> String {
    let text = decoded(text);
    let Some(escaped) = text.strip_prefix("U__") else { return text };
    let mut name = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('_') {
            name.push('_');
            rest = after;
        } else if let Some((code, after)) = rest.split_once('_') {
            let character = u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
            let Some(character) = character else { return text.clone() };
            name.push(character);
            rest = after;
        } else {
            return text.clone();
        }
    }
    name + rest
}

/// Names and values of the query string and of a form in the body.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &HttpRequest) -> Self {
        let mut pairs = pairs(&request.query);
        let is_form =
            request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form {
            pairs.extend(self::pairs(&String::from_utf8_lossy(&request.body)));
        }
        Self(pairs)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| bad(name, "unknown position: parse error: no expression found in input"))
    }

    /// Seconds since the epoch, with a fraction or not, or RFC 3339.
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && seconds.abs() < 1e13);
        let time = seconds.map(|seconds| Timestamp((seconds * SECOND as f64).round() as i64));
        let time = time.or_else(|| text.parse::<jiff::Timestamp>().ok().map(|time| Timestamp(time.as_millisecond())));
        time.map(Some).ok_or_else(|| bad(name, format!("cannot parse \"{text}\" to a valid timestamp")))
    }

    /// Seconds, or a duration such as `1h30m`.
    fn duration_ms(&self, name: &str) -> Result<i64, Refusal> {
        let text = self.get(name).unwrap_or_default();
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && seconds.abs() < 1e13);
        let found = seconds.map(|seconds| (seconds * SECOND as f64).round() as i64).or_else(|| duration_ms(text));
        found.ok_or_else(|| bad(name, format!("cannot parse \"{text}\" to a valid duration")))
    }

    fn count(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let count = text.parse::<usize>().map_err(|_| bad(name, "limit must be a non-negative number"))?;
        // Zero is no limit.
        Ok((count > 0).then_some(count))
    }
}

/// A duration as PromQL writes it: `1w2d3h4m5s6ms`.
fn duration_ms(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "ms" => 1,
            "s" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            "d" => DAY,
            "w" => 7 * DAY,
            "y" => 365 * DAY,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[unit..];
    }
    (!text.is_empty()).then_some(total)
}

/// Names and values of a query string or a form, decoded.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// Percent-decoded; what is no text is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn failed(status: u16, error_type: &str, message: &str) -> Response {
    json(status, &value!({ "status": "error", "errorType": error_type, "error": message }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};
    use bytes::Bytes;
    use futures::FutureExt;
    use model::clock::ManualClock;
    use std::sync::Arc;
    use wire::sigv4::{self, Credentials};

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn sign(server: &Server, mut request: HttpRequest, service: &str) -> HttpRequest {
        let (key, secret) = server.auth.credentials();
        let credentials =
            Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
        request.headers.push(("host".into(), "127.0.0.1:8792".into()));
        sigv4::sign(&mut request, &credentials, "us-east-1", service, NOW);
        request
    }

    async fn cloudtrail(server: &Server, operation: &str, input: Value) {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
        let headers = vec![header("x-amz-target", &target), header("content-type", "application/x-amz-json-1.1")];
        let body = Bytes::from(input.to_string());
        let request = HttpRequest { method: "POST".into(), path: "/".into(), headers, body, ..HttpRequest::default() };
        let response = server.answer(sign(server, request, "cloudtrail"), "127.0.0.1").await;
        assert_eq!(response.status, 200, "{operation}: {:?}", response.body);
    }

    #[tokio::test]
    async fn a_query_is_recorded_where_a_trail_asks_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Settings { data_dir: Some(dir.path().to_owned()), ..Settings::default() };
        let config = Config::resolve(flags, Settings::default()).unwrap();
        let server = crate::serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap();
        let asked = async || {
            let path = format!("{PREFIX}query");
            let request = HttpRequest { method: "GET".into(), path, query: "query=1".into(), ..HttpRequest::default() };
            let request = sign(&server, request, ENDPOINT.signing_name);
            let mut recorded = server.trail.store.tail_events();
            let (_waiting, hung_up) = oneshot::channel();
            assert_eq!(answer(&server, &request, "127.0.0.1", hung_up).await.status, 200);
            let events = recorded.next(usize::MAX).now_or_never().unwrap_or_default().events;
            events.iter().map(|event| event.name.clone()).collect::<Vec<String>>()
        };
        assert_eq!(asked().await, [""; 0]);
        let (buckets, scope) = (
            Arc::clone(&server.buckets),
            model::Scope { account: server.config.account_id.clone(), region: server.config.region.clone() },
        );
        tokio::task::spawn_blocking(move || buckets.create(&scope, "bucket").unwrap()).await.unwrap();
        cloudtrail(&server, "CreateTrail", value!({ "Name": "data", "S3BucketName": "bucket" })).await;
        let fields = value!([
            { "Field": "eventCategory", "Equals": ["Data"] },
            { "Field": "resources.type", "Equals": ["AWS::CloudWatch::Metric"] },
        ]);
        let selectors = value!([{ "FieldSelectors": fields }]);
        cloudtrail(&server, "PutEventSelectors", value!({ "TrailName": "data", "AdvancedEventSelectors": selectors }))
            .await;
        assert_eq!(asked().await, [""; 0], "the trail does not log yet");
        cloudtrail(&server, "StartLogging", value!({ "Name": "data" })).await;
        assert_eq!(asked().await, ["QueryPrometheus"]);
    }

    #[test]
    fn durations_and_names_are_read() {
        assert_eq!(duration_ms("1h30m"), Some(5_400_000));
        assert_eq!(duration_ms("250ms"), Some(250));
        for wrong in ["", "h", "1", "1x", "-1s", "99999999999999999999s"] {
            assert_eq!(duration_ms(wrong), None, "{wrong}");
        }
        assert_eq!(label_name("InstanceId"), "InstanceId");
        assert_eq!(label_name("U___40_aws.namespace"), "@aws.namespace");
        assert_eq!(label_name("a%20b"), "a b");
        assert_eq!(
            pairs("a=1%2B1&b=x+y&c"),
            [("a".to_owned(), "1+1".to_owned()), ("b".to_owned(), "x y".to_owned()), ("c".to_owned(), String::new())]
        );
    }
}
