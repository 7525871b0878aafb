//! `HttpFirehose`: batches for a Firehose delivery stream are posted to the URL that the operator gave its ARN.

use crate::outgoing::client;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::time::Duration;
use watch::cloudwatch::Firehose;

/// Longest attempt.
const POST_TIME_MAX: Duration = Duration::from_secs(15);

/// Delivery streams by ARN, as URLs.
#[derive(Debug)]
pub struct HttpFirehose {
    destinations: BTreeMap<String, String>,
    agent: ureq::Agent,
}

impl HttpFirehose {
    /// With the URL of each ARN.
    pub fn new(destinations: BTreeMap<String, String>) -> Self {
        Self { destinations, agent: client(POST_TIME_MAX) }
    }
}

impl Firehose for HttpFirehose {
    fn put(
        &self,
        firehose_arn: &str,
        content_type: &'static str,
        batch: Vec<u8>,
    ) -> BoxFuture<'static, Result<(), String>> {
        let arn = firehose_arn.to_owned();
        let Some(url) = self.destinations.get(firehose_arn).cloned() else {
            return std::future::ready(Err(format!("[firehose] of the configuration has no URL for {arn}"))).boxed();
        };
        let agent = self.agent.clone();
        let posting = tokio::task::spawn_blocking(move || post(&agent, &url, &arn, content_type, &batch));
        posting.map(|posted| posted.unwrap_or_else(|error| Err(error.to_string()))).boxed()
    }
}

/// One attempt, blocking; Ok after an answer of 2xx.
fn post(agent: &ureq::Agent, url: &str, arn: &str, content_type: &str, batch: &[u8]) -> Result<(), String> {
    let request = agent.post(url).header("content-type", content_type).header("x-amz-firehose-source-arn", arn);
    let answer = request.send(batch).map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        200..=299 => Ok(()),
        status => Err(format!("it answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const ARN: &str = "arn:aws:firehose:us-east-1:123456789012:deliverystream/s";

    /// Answers one request with `status`; gives what it read.
    fn receiver(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        let serving = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut read = Vec::new();
            let mut part = [0; 1024];
            while !read.ends_with(b"{}\n") {
                let count = connection.read(&mut part).unwrap();
                assert!(count > 0, "the connection ended early");
                read.extend_from_slice(&part[..count]);
            }
            write!(connection, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            String::from_utf8(read).unwrap()
        });
        (url, serving)
    }

    async fn put(url: &str) -> Result<(), String> {
        let firehose = HttpFirehose::new(BTreeMap::from([(ARN.to_owned(), url.to_owned())]));
        firehose.put(ARN, "application/x-ndjson", b"{}\n".to_vec()).await
    }

    #[tokio::test]
    async fn a_batch_is_posted_and_only_2xx_takes_it() {
        let (url, serving) = receiver("204 No Content");
        put(&url).await.unwrap();
        let read = serving.join().unwrap().to_ascii_lowercase();
        assert!(read.starts_with("post /in http/1.1") && read.contains("application/x-ndjson"), "{read}");
        for status in ["500 Oh", "302 Found", "404 Not Found"] {
            let (url, serving) = receiver(status);
            assert_eq!(put(&url).await, Err(format!("it answered {}", &status[..3])));
            serving.join().unwrap();
        }
    }

    #[tokio::test]
    async fn an_arn_without_a_url_and_a_url_without_a_listener_are_told() {
        let unknown =
            HttpFirehose::new(BTreeMap::new()).put(ARN, "application/x-ndjson", Vec::new()).await.unwrap_err();
        assert!(unknown.contains(ARN), "{unknown}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        put(&format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    }
}
