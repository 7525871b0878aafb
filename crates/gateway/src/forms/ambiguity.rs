//! Calls that a backend may read in another way than this gateway does: they are refused, for neither rules nor events could be held to
//! be about what the backend does.
//!
//! Sources: RFC 9112, 3.2 (`Host`), RFC 9110, 5.3 (fields that come twice).

use super::percent::{PARAMETERS_MAX, Plus, decoded, parameters};
use super::route::{form_text, target};
use super::{SOURCES, Service, address, header};
use crate::call::Request;

/// Headers that decide what a call is, and that come once.
const SINGLE: [&str; 10] = [
    "host",
    "authorization",
    "x-amz-target",
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-copy-source",
    "x-amz-rename-source",
    "content-type",
    "content-encoding",
];

/// Why a call can be read in several ways; `None` for one that cannot.
pub fn ambiguity(service: Service, request: &Request) -> Option<String> {
    let count = |name: &str| request.headers.iter().filter(|(found, _)| found == name).count();
    if let Some(name) = SINGLE.into_iter().find(|name| count(name) > 1) {
        return Some(format!("The header {name} is given more than once"));
    }
    if count("host") == 0 {
        return Some("The header host is missing".into());
    }
    if request.query.split('&').count() > PARAMETERS_MAX {
        return Some(format!("The query has more than {PARAMETERS_MAX} parameters"));
    }
    let is_plain = header(&request.headers, "host").is_none_or(address::is_plain_host);
    let is_several = match service {
        Service::S3 if !is_plain || address::is_virtual_by_case(request) => {
            return Some("The header host can be read in more than one way".into());
        }
        Service::S3
            if SOURCES.into_iter().filter_map(|name| header(&request.headers, name)).any(is_several_sources) =>
        {
            return Some("The source of a copy can be read in more than one way".into());
        }
        Service::S3 => return is_several_paths(request).then(|| "The path can be read in more than one way".into()),
        Service::Lambda => false,
        _ => names_several(service, request),
    };
    is_several.then(|| "The call names more than one operation".into())
}

/// True for a source of a copy that is no `bucket/key`, with or without a `/` before it, and no ARN: backends that take it for a URL find
/// another bucket in it.
fn is_several_sources(source: &str) -> bool {
    let decoded = decoded(source, Plus::Itself);
    let name = decoded.strip_prefix('/').unwrap_or(&decoded);
    let bucket = name.split('/').next().unwrap_or_default();
    let query = source.split_once('?').map(|(_, query)| query);
    bucket.is_empty()
        || (bucket.contains(':') && !name.starts_with("arn:"))
        || source.contains('#')
        || query.is_some_and(|query| !query.starts_with("versionId=") || query.contains('?'))
}

/// True where backends differ in where the bucket ends and the key begins.
fn is_several_paths(request: &Request) -> bool {
    if address::is_virtual(request) {
        return false;
    }
    let first = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    request.path.starts_with("//")
        || first.to_ascii_lowercase().contains("%2f")
        || request.path.split('/').any(|part| matches!(decoded(part, Plus::Itself).as_str(), "." | ".."))
}

/// True for an `Action` beside another or beside a target, for two versions, and for a target of another service.
fn names_several(service: Service, request: &Request) -> bool {
    let body = form_text(request).unwrap_or_default();
    let count =
        |name: &str| parameters(&request.query).chain(parameters(&body)).filter(|(found, _)| found == name).count();
    let target = target(request);
    count("Action") + usize::from(target.is_some()) > 1
        || count("Version") > 1
        || target.is_some_and(|(of, _)| of.is_some_and(|of| of != service))
}

/// What a call shows of who makes it besides SigV4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherCredentials {
    /// Nothing.
    None,
    /// Something that cannot be read, or two things at once.
    Unreadable,
    /// A signature of version 2, or 4A, of this access key id.
    Of(String),
}

/// Reads them; `is_read` says whether SigV4 was found and read.
pub fn other_credentials(request: &Request, is_read: bool) -> OtherCredentials {
    let id = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if is_plain { OtherCredentials::Of(text.to_owned()) } else { OtherCredentials::Unreadable }
    };
    let in_query = |names: &[&str]| {
        parameters(&request.query).find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
    };
    let presigned = in_query(&["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"]);
    let of_version_2 = in_query(&["AWSAccessKeyId"]);
    match header(&request.headers, "authorization") {
        Some(_) if presigned.is_some() || of_version_2.is_some() => OtherCredentials::Unreadable,
        None if presigned.is_some() && of_version_2.is_some() => OtherCredentials::Unreadable,
        _ if is_read => OtherCredentials::None,
        Some(text) => match text.split_once(' ') {
            Some(("AWS", rest)) => id(rest.rsplit_once(':').map_or("", |(id, _)| id)),
            Some(("AWS4-ECDSA-P256-SHA256", rest)) => {
                id(rest.split_once("Credential=").and_then(|(_, scope)| scope.split('/').next()).unwrap_or_default())
            }
            _ => OtherCredentials::Unreadable,
        },
        None if presigned.is_some() => OtherCredentials::Unreadable,
        None => of_version_2.map_or(OtherCredentials::None, |(_, value)| id(&value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Captured;
    use bytes::Bytes;

    fn request(path: &str, query: &str, headers: &[(&str, &str)], body: &'static str) -> Request {
        let host = ("host".to_owned(), "gateway:8793".to_owned());
        let others = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Request {
            method: "POST".into(),
            path: path.into(),
            query: query.into(),
            headers: std::iter::once(host).chain(others).collect(),
            s3_host: address::S3Host::Other,
            body: Captured { bytes: Bytes::from_static(body.as_bytes()), total: body.len() as u64 },
        }
    }

    #[test]
    fn what_has_one_meaning_passes() {
        for path in ["/", "/bucket", "/bucket/a//b", "/bucket/a%2Fb", "/bucket/..a"] {
            assert_eq!(ambiguity(Service::S3, &request(path, "", &[], "")), None, "{path}");
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(ambiguity(Service::Sqs, &request("/", "", &form, "Action=ListQueues&Version=2012-11-05")), None);
        assert_eq!(ambiguity(Service::Sqs, &request("/", "", &[("x-amz-target", "AmazonSQS.ListQueues")], "{}")), None);
    }

    #[test]
    fn what_has_two_is_refused() {
        for path in ["//bucket/key", "/bucket%2Fkey", "/bucket/../other/key", "/bucket/%2e%2e/x"] {
            assert!(ambiguity(Service::S3, &request(path, "", &[], "")).is_some(), "{path}");
        }
        assert!(ambiguity(Service::S3, &request("/b", "", &[("host", "other")], "")).is_some());
        for host in ["x@secret.s3.example.com", "secret.s3.example.com/", ".s3.example.com", "a..s3", "a%2es3"] {
            let mut odd = request("/b", "", &[], "");
            odd.headers[0].1 = host.into();
            assert!(ambiguity(Service::S3, &odd).is_some(), "{host}");
        }
        let mut no_host = request("/b", "", &[], "");
        no_host.headers.clear();
        assert!(ambiguity(Service::S3, &no_host).is_some());
        let form = ("content-type", "application/x-www-form-urlencoded");
        for (query, headers, body) in [
            ("Action=ListQueues", vec![form], "Action=DeleteQueue"),
            ("", vec![form], "Action=ListQueues&Action=DeleteQueue"),
            ("", vec![form, ("x-amz-target", "AmazonSQS.ListQueues")], "Action=DeleteQueue"),
            ("", vec![("x-amz-target", "DynamoDB_20120810.ListTables")], "{}"),
        ] {
            assert!(ambiguity(Service::Sqs, &request("/", query, &headers, body)).is_some(), "{query} {body}");
        }
    }

    #[test]
    fn credentials_that_cannot_be_read_are_no_anonymous_call() {
        let of = |query: &str, authorization: Option<&str>, is_read: bool| {
            let headers: Vec<(&str, &str)> = authorization.map(|text| ("authorization", text)).into_iter().collect();
            other_credentials(&request("/b/k", query, &headers, ""), is_read)
        };
        assert_eq!(of("", None, false), OtherCredentials::None);
        assert_eq!(of("", Some("AWS4-HMAC-SHA256 Credential=A/…"), true), OtherCredentials::None);
        assert_eq!(of("", Some("AWS AKIA:sig"), false), OtherCredentials::Of("AKIA".into()));
        assert_eq!(of("AWSAccessKeyId=AKIA&Signature=x", None, false), OtherCredentials::Of("AKIA".into()));
        for (query, authorization, is_read) in [
            ("", Some("AWS4-HMAC-SHA256Credential=A/20260101/us-east-1/s3/aws4_request"), false),
            ("X-Amz-Algorith%6D=AWS4-HMAC-SHA256&X-Amz-Signatur%65=0", None, false),
            ("X-Amz-Signature=0", Some("AWS4-HMAC-SHA256 Credential=A/…"), true),
            ("AWSAccessKeyId=AKIA", Some("AWS4-HMAC-SHA256 Credential=A/…"), true),
        ] {
            assert_eq!(of(query, authorization, is_read), OtherCredentials::Unreadable, "{query} {authorization:?}");
        }
    }
}
