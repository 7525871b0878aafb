//! What a node answers in the place of the one that leads: AWS's errors, in the protocol of the call. Nothing is recorded, for records
//! are the leader's.

use crate::http::{Answer, headers_of, into_answer};
use crate::s3_api;
use bytes::Bytes;
use http::request::Parts;
use tokio::sync::watch;
use uuid::Uuid;
use wire::error::common;
use wire::routing;
use wire::{ApiError, ErrorShape, HttpRequest, Response, Service, error_response};

/// Nobody answered.
pub fn unavailable(head: &Parts, message: &'static str) -> Answer {
    refusal(head, &common::SERVICE_UNAVAILABLE, message)
}

/// Too many calls, or too many bytes of them, are on their way.
pub fn overloaded(head: &Parts) -> Answer {
    refusal(head, &common::THROTTLING, "Rate exceeded")
}

/// The body did not come whole, or not in time.
pub fn incomplete(head: &Parts) -> Answer {
    refusal(head, &common::SERIALIZATION, "The request body did not arrive whole.")
}

fn refusal(head: &Parts, shape: &'static ErrorShape, message: &'static str) -> Answer {
    // Only what goes on needs to be told when to stop.
    into_answer(response(&request_of(head), shape, message), watch::channel(()).1)
}

/// What routing looks at of a call, its body apart.
pub fn request_of(head: &Parts) -> HttpRequest {
    HttpRequest {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers_of(head),
        ..HttpRequest::default()
    }
}

fn response(request: &HttpRequest, shape: &'static ErrorShape, message: &'static str) -> Response {
    let request_id = Uuid::new_v4().to_string();
    if s3_api::is_signed(request) {
        let body = s3_api::refusal(shape.status, shape.query_code, message, &request.path, &request_id);
        let headers = vec![("content-type", "application/xml".to_owned()), ("x-amz-request-id", request_id)];
        return Response { status: shape.status, headers, body: Bytes::from(body), rest: None };
    }
    let protocol = routing::protocol(request);
    let claimed = wire::sigv4::claimed(request);
    let service = claimed.and_then(|claim| Service::ALL.into_iter().find(|of| of.signing_name() == claim.service));
    error_response(protocol, service.unwrap_or(Service::CloudTrail), &ApiError::new(shape, message), &request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(authorization: &str, target: Option<&str>) -> Parts {
        let mut request = http::Request::post("/bucket/key").header("authorization", authorization);
        request = request.header("x-amz-date", "20261127T000000Z");
        if let Some(target) = target {
            request = request.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1");
        }
        request.body(()).unwrap().into_parts().0
    }

    fn request(authorization: &str, target: Option<&str>) -> HttpRequest {
        HttpRequest {
            path: "/bucket/key".into(),
            headers: headers_of(&head(authorization, target)),
            ..HttpRequest::default()
        }
    }

    #[test]
    fn nobody_there_is_told_in_the_protocol_of_the_call() {
        let credential = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=K/20261127/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };
        let of = |request: HttpRequest| {
            let response = response(&request, &common::SERVICE_UNAVAILABLE, "Try again.");
            (response.status, String::from_utf8(response.body.to_vec()).unwrap())
        };
        let (status, body) = of(request(&credential("logs"), Some("Logs_20140328.PutLogEvents")));
        assert_eq!(status, 503);
        assert!(body.contains("ServiceUnavailableException") && body.contains("Try again."), "{body}");
        let (status, body) = of(request(&credential("s3"), None));
        assert_eq!(status, 503);
        assert!(
            body.contains("<Code>ServiceUnavailable</Code>") && body.contains("<Resource>/bucket/key</Resource>"),
            "{body}"
        );
        assert_eq!(unavailable(&head("", None), "x").status(), 503);
    }
}
