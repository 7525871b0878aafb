//! `announced`: whether a request that is for no known operation is a call to AWS at all, and what it says it calls.

use super::{CBOR_SERVICE, cbor_names, is_form, parameter, query_parameters, speaks_query, target_service};
use crate::request::HttpRequest;
use crate::service::Service;
use crate::sigv4;

/// Longest name of an operation that is taken for one; AWS has none of half that length.
const OPERATION_CHARS_MAX: usize = 128;
/// Longest service name in a credential scope that is taken for one: it becomes a label of a host name.
const SERVICE_CHARS_MAX: usize = 63;

/// What a request says it calls. Nothing of it is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The operation, as the client wrote it; `None` when it named none, or something that no operation is called.
    pub operation: Option<String>,
    /// `eventSource` of the service, such as `logs.amazonaws.com`; `None` when it named none.
    pub event_source: Option<String>,
}

/// What `request`, whose decompressed body is `body`, says it calls; `None` when it is no call to AWS.
///
/// A request that [`route`](super::route) finds an operation for is a call. Any other is one when it carries a sign that
/// clients of AWS send and nobody else does:
///
/// - a signature, or a part of one: an `Authorization` whose scheme begins with `AWS`, or a query parameter
///   `X-Amz-Algorithm`, `X-Amz-Credential` or `X-Amz-Signature`;
/// - the header `X-Amz-Target` or `Smithy-Protocol`;
/// - a path of RPC v2, `…/service/S/operation/O`;
/// - a parameter `Action` in the query or the form, or a form posted to `/`, where the query protocol lives.
///
/// What has none of these (browsers that look for an icon, probes of proxies, scanners) is no call.
pub fn announced(request: &HttpRequest, body: &[u8]) -> Option<Announced> {
    let target = request.header("x-amz-target");
    let rpc = cbor_names(&request.path);
    let form = if is_form(request) { query_parameters(&request.query, body).ok() } else { None };
    let named_in_form = |name| parameter(&request.query, name).or_else(|| parameter(form?, name));
    let action = named_in_form("Action");
    let is_call = is_signed(request)
        || target.is_some()
        || request.header("smithy-protocol").is_some()
        || rpc.is_some()
        || action.is_some()
        || (is_form(request) && request.method == "POST" && request.path == "/");
    if !is_call {
        return None;
    }
    let of_target = target.map(|target| target.rsplit_once('.').map_or(target, |(_, operation)| operation));
    let operation = rpc.map(|(_, operation)| operation).or(of_target).or(action.as_deref());
    let of_version = || {
        let version = named_in_form("Version")?;
        Service::ALL.into_iter().find(|service| speaks_query(*service) && service.api_version() == version)
    };
    let service = rpc.filter(|(service, _)| *service == CBOR_SERVICE).map(|_| Service::CloudWatch);
    let service = service.or_else(|| target_service(target?).map(|(service, _)| service));
    let service = service.or_else(|| action.as_ref().and_then(|_| of_version()));
    Some(Announced {
        operation: operation.filter(|name| is_operation_name(name)).map(str::to_owned),
        event_source: service.map(|service| service.event_source().to_owned()).or_else(|| source_signed_for(request)),
    })
}

/// True when the request carries a signature of any version of AWS's, or parts of one.
fn is_signed(request: &HttpRequest) -> bool {
    let parts = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"];
    request.header("authorization").is_some_and(|value| value.starts_with("AWS"))
        || parts.into_iter().any(|part| parameter(&request.query, part).is_some())
}

/// Letters and digits, a letter first: what operations of AWS are called.
fn is_operation_name(name: &str) -> bool {
    name.len() <= OPERATION_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The source of the service that the signature claims to be for, known to us or not.
fn source_signed_for(request: &HttpRequest) -> Option<String> {
    let service = sigv4::claimed(request)?.service;
    if let Some(known) = Service::ALL.into_iter().find(|known| known.signing_name() == service) {
        return Some(known.event_source().to_owned());
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (service.len() <= SERVICE_CHARS_MAX && service.bytes().all(plain)).then(|| format!("{service}.amazonaws.com"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_bytes::mutations;

    fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> HttpRequest {
        HttpRequest {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..HttpRequest::default()
        }
    }

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const DATE: (&str, &str) = ("x-amz-date", "20260102T030405Z");

    fn signed_for(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=K/20260102/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    /// (operation, source), each `-` when there is none; `no call` for none.
    fn told(request: &HttpRequest, body: &str) -> String {
        match announced(request, body.as_bytes()) {
            Some(Announced { operation, event_source }) => {
                let or = |text: Option<String>| text.unwrap_or_else(|| "-".into());
                format!("{} {}", or(operation), or(event_source))
            }
            None => "no call".into(),
        }
    }

    #[test]
    fn each_protocol_names_its_operation() {
        let s3 = signed_for("s3");
        let target = |target| request("POST", "/", "", &[("x-amz-target", target)]);
        let cases = [
            (target("Logs_20140328.MakeCoffee"), "", "MakeCoffee logs.amazonaws.com"),
            (target("DynamoDB_20120810.PutItem"), "", "PutItem -"),
            (target("MakeCoffee"), "", "MakeCoffee -"),
            (
                request("POST", "/service/GraniteServiceVersion20100801/operation/Brew", "", &[]),
                "",
                "Brew monitoring.amazonaws.com",
            ),
            (request("POST", "/service/Other/operation/Brew", "", &[]), "", "Brew -"),
            (request("POST", "/", "", &[FORM]), "Version=2010-08-01&Action=Brew", "Brew monitoring.amazonaws.com"),
            (request("POST", "/", "", &[FORM]), "Version=1999-01-01&Action=Brew", "Brew -"),
            (request("GET", "/x", "Action=Brew&Version=2011-06-15", &[]), "", "Brew sts.amazonaws.com"),
            (request("POST", "/", "", &[FORM]), "", "- -"),
            (request("PUT", "/bucket/key", "", &[("authorization", &s3), DATE]), "", "- s3.amazonaws.com"),
            (request("POST", "/", "", &[("authorization", &signed_for("logs")), DATE]), "{}", "- logs.amazonaws.com"),
            (request("POST", "/", "", &[("authorization", &signed_for("Logs_X")), DATE]), "{}", "- -"),
            (request("GET", "/", "", &[("authorization", "AWS K:0")]), "", "- -"),
            (request("GET", "/", "X-Amz-Signature=0", &[]), "", "- -"),
            (request("POST", "/", "", &[("smithy-protocol", "rpc-v2-cbor")]), "", "- -"),
        ];
        for (request, body, expected) in cases {
            assert_eq!(told(&request, body), expected, "{request:?} {body}");
        }
    }

    #[test]
    fn what_no_operation_is_called_is_not_repeated() {
        let longest = "A".repeat(OPERATION_CHARS_MAX);
        for name in ["", "1Brew", "Brew-Tea", "Brew Tea", "Brew\u{7}", "Brüh", "<b>", &format!("{longest}A")] {
            let request = request("POST", "/", "", &[("x-amz-target", &format!("Logs_20140328.{name}"))]);
            assert_eq!(told(&request, ""), "- logs.amazonaws.com", "{name}");
        }
        let request = request("POST", "/", "", &[("x-amz-target", &format!("Logs_20140328.{longest}"))]);
        assert_eq!(told(&request, ""), format!("{longest} logs.amazonaws.com"));
    }

    #[test]
    fn what_browsers_and_probes_send_is_no_call() {
        let cases = [
            request("GET", "/favicon.ico", "", &[("accept", "image/*")]),
            request("GET", "/", "", &[]),
            request("GET", "/", "q=Action", &[("authorization", "Basic YTpi")]),
            request("OPTIONS", "/", "", &[("origin", "http://a")]),
            request("POST", "/", "", &[("content-type", "application/json")]),
            request("POST", "/login.php", "", &[FORM]),
            request("GET", "/service/health", "", &[]),
        ];
        for request in cases {
            assert_eq!(told(&request, "user=a&password=b"), "no call", "{request:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let form = request("POST", "/", "Action=%", &[FORM]);
        for bytes in mutations(b"Action=ListMetrics&Version=2010-08-01", 10_000) {
            let announced = announced(&form, &bytes).expect("it is a form posted to /");
            assert!(announced.operation.is_none_or(|name| is_operation_name(&name)));
        }
    }
}
