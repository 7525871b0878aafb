//! `HttpReceivers`: requests to the receivers of subscriptions are posted to the URLs that the operator gave.
//!
//! `[destinations]` gives the ARN of a stream or a function a URL of its own; for other ARNs `[endpoints]` says where all of
//! `firehose`, `kinesis` or `lambda` is. With keys in `[signing]` requests are signed for the service and the region of the ARN.

use crate::config::Signing;
use crate::outgoing::{Signer, client};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::Clock;
use model::arn::Arn;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use watch::logs::subscriptions::{ReceiverAnswer, ReceiverRequest, Receivers};

/// Longest attempt.
const POST_TIME_MAX: Duration = Duration::from_secs(15);
/// Most bytes read of an answer: one of 500 records has some 100 kB.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Most requests at a time: each holds a thread.
const REQUESTS_MAX: usize = 64;

/// Receivers by ARN and by service, as URLs.
pub struct HttpReceivers {
    destinations: BTreeMap<String, String>,
    endpoints: BTreeMap<String, String>,
    signing: Option<Keys>,
    agent: ureq::Agent,
    requests: Arc<Semaphore>,
}

/// Keys, and the clock that signatures go by.
type Keys = (Signing, Arc<dyn Clock>);

impl HttpReceivers {
    /// With the URL of each ARN, and of whole services; without keys requests are not signed.
    pub fn new(
        destinations: BTreeMap<String, String>,
        endpoints: BTreeMap<String, String>,
        signing: Option<Keys>,
    ) -> Self {
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
        Self { destinations, endpoints, signing, agent: client(POST_TIME_MAX), requests }
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
        let (agent, requests, signing) = (self.agent.clone(), Arc::clone(&self.requests), self.signing.clone());
        let asking = async move {
            // The semaphore is never closed.
            let _one = requests.acquire_owned().await.ok();
            let posting = tokio::task::spawn_blocking(move || post(&agent, &url, request, signing.as_ref()));
            posting.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        asking.boxed()
    }
}

/// One attempt, blocking.
fn post(
    agent: &ureq::Agent,
    url: &str,
    request: ReceiverRequest,
    signing: Option<&Keys>,
) -> Result<ReceiverAnswer, String> {
    let ReceiverRequest { arn, headers, body } = request;
    let given = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
    let headers: Vec<(String, String)> =
        std::iter::once(("x-amz-destination-arn".into(), arn.clone())).chain(given).collect();
    let (headers, body) = match signing {
        Some(keys) => signed(keys, url, &arn, headers, body)?,
        None => (headers, body.into()),
    };
    let mut post = agent.post(url);
    // The client names the host itself.
    for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
        post = post.header(name, value);
    }
    let mut answer = post.send(&body[..]).map_err(|error| error.to_string())?;
    let mut body = Vec::new();
    let read = answer.body_mut().as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut body);
    read.map_err(|error| error.to_string())?;
    Ok(ReceiverAnswer { status: answer.status().as_u16(), body })
}

/// The headers of a signed request, and its body.
fn signed(
    (keys, clock): &Keys,
    url: &str,
    arn: &str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
) -> Result<(Vec<(String, String)>, bytes::Bytes), String> {
    let parsed = Arn::parse(arn).ok_or_else(|| format!("'{arn}' is no ARN"))?;
    let region = keys.region.as_deref().unwrap_or(parsed.region);
    let signer = Signer { credentials: &keys.credentials, region, service: parsed.service, now: clock.now() };
    let request = signer.signed("POST", url, headers, body)?;
    Ok((request.headers, request.body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use model::clock::ManualClock;
    use std::io::Write;
    use std::net::TcpListener;
    use wire::HttpRequest;
    use wire::sigv4::{self, Credentials};

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
            None,
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

    /// Answers one request that ends with `{"a":1}`; gives the URL, and the request as it came.
    fn serve(path: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
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
            String::from_utf8(read).unwrap()
        });
        (url, serving)
    }

    /// What came over the wire, as a request.
    fn parsed(text: &str) -> HttpRequest {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
        let target = rest.split(' ').next().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        HttpRequest {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: lines.map(header).collect(),
            body: body.to_owned().into(),
            ..HttpRequest::default()
        }
    }

    #[tokio::test]
    async fn with_keys_requests_are_signed_for_the_service_and_region_of_the_arn() {
        let now = Timestamp(1_772_323_200_000);
        let credentials =
            Credentials { access_key_id: "KEY".into(), secret_access_key: "secret".into(), session_token: None };
        for (arn, own, path, service, region) in [
            (STREAM, None, "/in?x=1%2F2&a", "kinesis", "us-east-1"),
            // An ARN in the path is encoded once there, and twice in what is signed.
            (FUNCTION, Some("eu-west-1"), "/2015-03-31/functions/arn%3Aaws/invocations", "lambda", "eu-west-1"),
        ] {
            let (url, serving) = serve(path);
            let signing = Signing { region: own.map(str::to_owned), credentials: credentials.clone() };
            let keys: Keys = (signing, Arc::new(ManualClock::at(now)));
            let receivers = HttpReceivers::new(map(&[(arn, &url)]), BTreeMap::new(), Some(keys));
            let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned())];
            let request = ReceiverRequest { arn: arn.into(), headers, body: b"{\"a\":1}".to_vec() };
            receivers.ask(request).await.unwrap();
            let request = parsed(&serving.join().unwrap());
            let secret = |key: &str| (key == "KEY").then(|| "secret".to_owned());
            let claim = sigv4::verify(&request, now, 1000, secret).unwrap();
            assert_eq!((claim.service.as_str(), claim.region.as_str()), (service, region));
            let covered = request.header("authorization").unwrap().to_owned();
            assert!(covered.contains("content-type;host;x-amz-date;x-amz-destination-arn"), "{covered}");
            let changed = HttpRequest { body: "{\"a\":2}".into(), ..request };
            sigv4::verify(&changed, now, 1000, secret).unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_request_is_posted_as_it_is_and_the_answer_is_read() {
        let (url, serving) = serve("/in");
        let receivers = HttpReceivers::new(map(&[(STREAM, &url)]), BTreeMap::new(), None);
        let headers = vec![("x-amz-target", "Kinesis_20131202.PutRecords".to_owned())];
        let request = ReceiverRequest { arn: STREAM.into(), headers, body: b"{\"a\":1}".to_vec() };
        let answer = receivers.ask(request.clone()).await.unwrap();
        assert_eq!(answer, ReceiverAnswer { status: 400, body: b"{}".to_vec() });
        let read = serving.join().unwrap().to_ascii_lowercase();
        assert!(!read.contains("authorization"), "{read}");
        assert!(read.starts_with("post /in http/1.1") && read.contains("kinesis_20131202.putrecords"), "{read}");
        // Nobody listens there any more.
        receivers.ask(request).await.unwrap_err();
        let unknown = ReceiverRequest { arn: FUNCTION.into(), headers: Vec::new(), body: Vec::new() };
        assert!(receivers.ask(unknown).await.unwrap_err().contains(FUNCTION));
    }
}
