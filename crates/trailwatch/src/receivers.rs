//! `HttpReceivers`: requests to the receivers of subscriptions are posted to the URLs that the operator gave.
//!
//! `[destinations]` gives the ARN of a stream or a function a URL of its own; for other ARNs `[endpoints]` says where all of
//! `firehose`, `kinesis` or `lambda` is. The URLs are the operator's own word, so they may be of any address. Requests are not
//! signed, redirects are not followed and proxies not used.

use futures::FutureExt;
use futures::future::BoxFuture;
use model::arn::Arn;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use ureq::config::Config;
use watch::logs::subscriptions::{ReceiverAnswer, ReceiverRequest, Receivers};

/// Longest attempt.
const POST_TIME_MAX: Duration = Duration::from_secs(15);
/// Most bytes read of an answer: one of 500 records has some 100 kB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Most requests at a time: each holds a thread.
const REQUESTS_MAX: usize = 64;

/// Receivers by ARN and by service, as URLs.
#[derive(Debug)]
pub struct HttpReceivers {
    destinations: BTreeMap<String, String>,
    endpoints: BTreeMap<String, String>,
    agent: ureq::Agent,
    requests: Arc<Semaphore>,
}

impl HttpReceivers {
    /// With the URL of each ARN, and of whole services.
    pub fn new(destinations: BTreeMap<String, String>, endpoints: BTreeMap<String, String>) -> Self {
        let config = Config::builder()
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_global(Some(POST_TIME_MAX))
            .user_agent(concat!("trailwatch/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        Self { destinations, endpoints, agent, requests: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    fn url(&self, arn: &str) -> Option<String> {
        if let Some(url) = self.destinations.get(arn) {
            return Some(url.clone());
        }
        let parsed = Arn::parse(arn)?;
        let endpoint = self.endpoints.get(parsed.service)?.trim_end_matches('/');
        match parsed.service {
            "firehose" | "kinesis" => Some(format!("{endpoint}/")),
            // A version or an alias is part of the ARN, which Invoke takes for a name.
            "lambda" => Some(format!("{endpoint}/2015-03-31/functions/{}/invocations", arn.replace(':', "%3A"))),
            _ => None,
        }
    }
}

impl Receivers for HttpReceivers {
    fn has(&self, arn: &str) -> bool {
        self.url(arn).is_some()
    }

    fn ask(&self, request: ReceiverRequest) -> BoxFuture<'static, Result<ReceiverAnswer, String>> {
        let Some(url) = self.url(&request.arn) else {
            let why = format!("[destinations] of the configuration has no URL for {}", request.arn);
            return std::future::ready(Err(why)).boxed();
        };
        let (agent, requests) = (self.agent.clone(), Arc::clone(&self.requests));
        let asking = async move {
            // The semaphore is never closed.
            let _one = requests.acquire_owned().await.ok();
            let posting = tokio::task::spawn_blocking(move || post(&agent, &url, &request));
            posting.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        asking.boxed()
    }
}

/// One attempt, blocking.
fn post(agent: &ureq::Agent, url: &str, request: &ReceiverRequest) -> Result<ReceiverAnswer, String> {
    let mut post = agent.post(url).header("x-amz-destination-arn", &request.arn);
    for (name, value) in &request.headers {
        post = post.header(*name, value);
    }
    let mut answer = post.send(&request.body[..]).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    let read = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body);
    read.map_err(|error| error.to_string())?;
    Ok(ReceiverAnswer { status: answer.status().as_u16(), body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_arn_of_its_own_goes_before_its_service() {
        let receivers = HttpReceivers::new(
            map(&[(STREAM, "http://a/in")]),
            map(&[("kinesis", "http://k/"), ("lambda", "http://l")]),
        );
        assert_eq!(receivers.url(STREAM).as_deref(), Some("http://a/in"));
        let other = "arn:aws:kinesis:us-east-1:123456789012:stream/other";
        assert_eq!(receivers.url(other).as_deref(), Some("http://k/"));
        let invoke =
            "http://l/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations";
        assert_eq!(receivers.url(FUNCTION).as_deref(), Some(invoke));
        for unknown in ["arn:aws:firehose:us-east-1:123456789012:deliverystream/d", "arn:aws:s3:::b", "x"] {
            assert!(!receivers.has(unknown), "{unknown}");
        }
    }

    #[tokio::test]
    async fn a_request_is_posted_as_it_is_and_the_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut part = [0; 1024];
            while !read.ends_with(b"{\"a\":1}") {
                let count = connection.read(&mut part).unwrap();
                assert!(count > 0, "the connection ended early");
                read.extend_from_slice(&part[..count]);
            }
            write!(connection, "HTTP/1.1 400 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}").unwrap();
            String::from_utf8(read).unwrap().to_ascii_lowercase()
        });
        let receivers = HttpReceivers::new(map(&[(STREAM, &url)]), BTreeMap::new());
        let headers = vec![("x-amz-target", "Kinesis_20131202.PutRecords".to_owned())];
        let request = ReceiverRequest { arn: STREAM.into(), headers, body: b"{\"a\":1}".to_vec() };
        let answer = receivers.ask(request.clone()).await.unwrap();
        assert_eq!(answer, ReceiverAnswer { status: 400, body: b"{}".to_vec() });
        let read = serving.join().unwrap();
        assert!(read.starts_with("post /in http/1.1") && read.contains("kinesis_20131202.putrecords"), "{read}");
        // Nobody listens there any more.
        receivers.ask(request).await.unwrap_err();
        let unknown = ReceiverRequest { arn: FUNCTION.into(), headers: Vec::new(), body: Vec::new() };
        assert!(receivers.ask(unknown).await.unwrap_err().contains(FUNCTION));
    }
}
