//! `AwsEndpoint`: signed awsJson calls over HTTP, blocking, with connections kept open.
//!
//! CloudWatch takes JSON since November 2025, on AWS as here.

use super::{Endpoint, Failure, Operation};
use anyhow::{Context, ensure};
use bytes::Bytes;
use model::Clock;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::tls::{RootCerts, TlsConfig};
use wire::HttpRequest;
use wire::sigv4::{self, Credentials};

/// Longest wait for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest call.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// Largest answer that is read: a page of GetLogEvents, its JSON escaped.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One server for all services, as a URL without a path and a slash at its end.
    Server(String),
    /// AWS itself, in the region that is signed for.
    Aws,
}

impl Target {
    /// Reads a URL, or `aws`.
    ///
    /// # Errors
    /// When it is not the URL of a server.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "aws" {
            return Ok(Target::Aws);
        }
        let url = text.trim_end_matches('/');
        let uri: http::Uri = url.parse().with_context(|| format!("endpoint '{text}' is not a URL"))?;
        let is_plain = matches!(uri.scheme_str(), Some("http" | "https")) && uri.path() == "/" && uri.query().is_none();
        ensure!(is_plain, "endpoint '{text}' must be an http or https URL without a path, or aws");
        Ok(Target::Server(url.to_owned()))
    }

    fn base(&self, signing_name: &str, region: &str) -> String {
        match self {
            Target::Server(url) => url.clone(),
            Target::Aws => {
                let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{signing_name}.{region}.{suffix}")
            }
        }
    }
}

/// A server that speaks the AWS API.
pub struct AwsEndpoint {
    target: Target,
    region: String,
    credentials: Box<dyn Fn() -> anyhow::Result<Credentials> + Send + Sync>,
    clock: Arc<dyn Clock>,
    agent: ureq::Agent,
}

impl AwsEndpoint {
    /// `credentials` is asked before each call, so that keys may be renewed while the agent runs. `roots` are the authorities that
    /// the server's certificate may be of.
    pub fn new(
        (target, roots): (Target, RootCerts),
        region: &str,
        credentials: Box<dyn Fn() -> anyhow::Result<Credentials> + Send + Sync>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let config = Config::builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME_MAX))
            .timeout_global(Some(CALL_TIME_MAX))
            .user_agent(concat!("trailwatch-agent/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self { target, region: region.into(), credentials, clock, agent: ureq::Agent::new_with_config(config) }
    }
}

/// Signing name, `X-Amz-Target` and content type.
fn addressed(operation: Operation) -> (&'static str, &'static str, &'static str) {
    let logs = "application/x-amz-json-1.1";
    match operation {
        Operation::PutLogEvents => ("logs", "Logs_20140328.PutLogEvents", logs),
        Operation::GetLogEvents => ("logs", "Logs_20140328.GetLogEvents", logs),
        Operation::CreateLogGroup => ("logs", "Logs_20140328.CreateLogGroup", logs),
        Operation::CreateLogStream => ("logs", "Logs_20140328.CreateLogStream", logs),
        Operation::PutMetricData => {
            ("monitoring", "GraniteServiceVersion20100801.PutMetricData", "application/x-amz-json-1.0")
        }
    }
}

impl Endpoint for AwsEndpoint {
    fn call(&self, operation: Operation, input: &Value) -> Result<Value, Failure> {
        let (signing_name, target, content_type) = addressed(operation);
        let base = self.target.base(signing_name, &self.region);
        let host = base.split_once("://").map_or("", |(_, host)| host);
        let credentials = (self.credentials)().map_err(|error| Failure::NotSent(format!("{error:#}")))?;
        let mut request = HttpRequest {
            method: "POST".into(),
            path: "/".into(),
            headers: vec![
                ("host".into(), host.into()),
                ("content-type".into(), content_type.into()),
                ("x-amz-target".into(), target.into()),
            ],
            body: Bytes::from(input.to_string()),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &credentials, &self.region, signing_name, self.clock.now());
        let mut post = self.agent.post(format!("{base}/"));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let mut answer = post.send(&request.body[..]).map_err(failure)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| Failure::Unknown(error.to_string()))?;
        answered(status, &body)
    }
}

/// What an answer says.
fn answered(status: u16, body: &[u8]) -> Result<Value, Failure> {
    let read = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(body) };
    match (status, read) {
        (200..=299, Ok(value)) => Ok(value),
        (400..=499, read) => {
            let value = read.unwrap_or_default();
            let text = |name: &str| value[name].as_str().map(str::to_owned);
            let code = text("__type").unwrap_or_else(|| format!("HTTP {status}"));
            let code = code.rsplit('#').next().unwrap_or_default().to_owned();
            Err(Failure::Refused { code, message: text("message").or_else(|| text("Message")).unwrap_or_default() })
        }
        (200..=299, Err(error)) => Err(Failure::Unknown(format!("the answer is not JSON: {error}"))),
        (_, read) => {
            let value = read.unwrap_or_default();
            Err(Failure::Unknown(format!("HTTP {status} {}", value["__type"].as_str().unwrap_or_default())))
        }
    }
}

fn failure(error: ureq::Error) -> Failure {
    let text = error.to_string();
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Failure::NotSent(text),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Failure::NotSent(text),
        _ => Failure::Unknown(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::clock::ManualClock;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn endpoint(url: &str) -> AwsEndpoint {
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: "secret".into(),
            session_token: Some("token".into()),
        };
        let credentials = move || Ok(credentials.clone());
        let target = Target::parse(url).unwrap();
        AwsEndpoint::new(
            (target, RootCerts::WebPki),
            "eu-west-1",
            Box::new(credentials),
            Arc::new(ManualClock::default()),
        )
    }

    /// Serves one connection: reads a request and writes `answer`, or hangs up when it is empty. Gives what it read.
    fn serve(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut part = [0; 1024];
            while !read.ends_with(b"{\"a\":1}") {
                let count = connection.read(&mut part).unwrap();
                assert!(count > 0, "the connection ended early");
                read.extend_from_slice(&part[..count]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(read).unwrap()
        });
        (url, serving)
    }

    fn call(url: &str) -> Result<Value, Failure> {
        endpoint(url).call(Operation::PutLogEvents, &serde_json::json!({ "a": 1 }))
    }

    #[test]
    fn a_call_is_signed_and_its_answer_read() {
        let (url, serving) = serve("HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n{\"b\":2}");
        assert_eq!(call(&format!("{url}/")).unwrap()["b"], 2);
        let read = serving.join().unwrap().to_ascii_lowercase();
        assert!(read.contains("x-amz-target: logs_20140328.putlogevents"), "{read}");
        assert!(read.contains("credential=akid/19700101/eu-west-1/logs/aws4_request"), "{read}");
        assert!(read.contains("x-amz-security-token: token"), "{read}");
    }

    #[test]
    fn failures_say_whether_the_call_may_have_taken_effect() {
        let refused = "HTTP/1.1 400 Bad\r\ncontent-length: 49\r\nconnection: close\r\n\r\n{\"__type\":\"a#ThrottlingException\",\"message\":\"no\"}";
        let (url, serving) = serve(refused);
        let expected = Failure::Refused { code: "ThrottlingException".into(), message: "no".into() };
        assert_eq!(call(&url), Err(expected));
        serving.join().unwrap();
        for answer in ["", "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"] {
            let (url, serving) = serve(answer);
            assert!(matches!(call(&url), Err(Failure::Unknown(_))), "{answer}");
            serving.join().unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(matches!(call(&format!("http://127.0.0.1:{port}")), Err(Failure::NotSent(_))));
    }

    #[test]
    fn aws_has_a_host_for_each_service() {
        assert_eq!(Target::Aws.base("logs", "eu-west-1"), "https://logs.eu-west-1.amazonaws.com");
        assert_eq!(Target::Aws.base("monitoring", "cn-north-1"), "https://monitoring.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for url in ["nowhere", "ftp://a", "http://a/path", "http://", "", "AWS"] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
        assert_eq!(Target::parse("aws").unwrap(), Target::Aws);
    }
}
