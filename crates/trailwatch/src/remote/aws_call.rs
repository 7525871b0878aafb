//! Calls of the AWS API from the command line, signed with the environment's keys.

use super::Remote;
use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::Value;
use wire::HttpRequest;
use wire::sigv4;

/// A service that speaks JSON: how it is signed for, what its targets begin with, and the version of its JSON.
#[derive(Debug, Clone, Copy)]
pub struct JsonService(&'static str, &'static str, &'static str);

/// CloudWatch Logs.
pub const LOGS: JsonService = JsonService("logs", "Logs_20140328", "1.1");
/// CloudWatch.
pub const CLOUDWATCH: JsonService = JsonService("monitoring", "GraniteServiceVersion20100801", "1.0");
/// CloudTrail.
pub const CLOUDTRAIL: JsonService =
    JsonService("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "1.1");

impl Remote {
    /// Calls an operation of a service that speaks JSON; what the service refuses is an error in its words.
    pub fn json_call(&self, service: JsonService, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let JsonService(signing_name, target, version) = service;
        let headers = vec![
            ("host".into(), self.host.clone()),
            ("content-type".into(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".into(), format!("{target}.{operation}")),
        ];
        let (status, body) = self.call(signing_name, headers, input.to_string())?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status != 200 {
            let message = answer["message"].as_str().or_else(|| answer["Message"].as_str());
            bail!("{operation}: {}", message.unwrap_or("the server refused the call"));
        }
        Ok(answer)
    }

    /// Calls an operation of SNS, which speaks the query protocol; answers its XML.
    pub fn sns_call(&self, operation: &str, parameters: &[(&str, &str)]) -> anyhow::Result<String> {
        let mut body = format!("Action={operation}&Version=2010-03-31");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}="));
            for byte in value.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => body.push(byte as char),
                    other => body.push_str(&format!("%{other:02X}")),
                }
            }
        }
        let headers = vec![
            ("host".into(), self.host.clone()),
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
        ];
        let (status, body) = self.call("sns", headers, body)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        if status != 200 {
            let message = text.split_once("<Message>").and_then(|(_, rest)| rest.split_once("</Message>"));
            bail!("{operation}: {}", message.map_or("the server refused the call", |(message, _)| message));
        }
        Ok(text)
    }

    fn call(&self, signing_name: &str, headers: Vec<(String, String)>, body: String) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut request = HttpRequest {
            method: "POST".into(),
            path: "/".into(),
            headers,
            body: Bytes::from(body),
            ..HttpRequest::default()
        };
        sigv4::sign(&mut request, &self.credentials, &self.region, signing_name, self.clock.now());
        let mut post = self.agent.post(format!("{}/", self.base));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            post = post.header(name, value);
        }
        let mut answer = post.send(&request.body[..]).with_context(|| format!("reach {}", self.base))?;
        let limit = super::ANSWER_BYTES_MAX;
        let body = answer.body_mut().with_config().limit(limit).read_to_vec().context("read the answer")?;
        Ok((answer.status().as_u16(), body))
    }
}
