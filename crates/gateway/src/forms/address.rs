//! Where a request to S3 points: bucket and key, from host and path.

use super::header;
use super::percent::{Plus, decoded};
use crate::call::Request;

/// Longest bucket name and key that are told; S3 allows 63 (once 255) and 1,024 bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// The path of WriteGetObjectResponse.
pub const RESPONSE_PATH: &str = "/WriteGetObjectResponse";

/// What the domains of the configuration say of a request's host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum S3Host {
    /// It is below none of them: the forms of AWS's own hosts say where the bucket is.
    #[default]
    Other,
    /// It is one of them: the bucket stands in the path.
    Domain,
    /// It is below one of them, and names this bucket.
    Bucket(String),
}

impl S3Host {
    /// Of a `Host` header. `domains` are in lower case; where one is below another, the longer counts.
    pub fn of(host: &str, domains: &[String]) -> Self {
        let name = host_name(host);
        let below = |domain: &String| {
            let rest = name.strip_suffix(domain.as_str())?;
            if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.').filter(|bucket| !bucket.is_empty()) }
        };
        match domains.iter().filter_map(below).min_by_key(|bucket| bucket.len()) {
            None => Self::Other,
            Some("") => Self::Domain,
            Some(bucket) => Self::Bucket(bucket.to_owned()),
        }
    }
}

/// The name in a `Host` header in lower case, without port, and without the dot at the end that says that the name is whole. Hosts that
/// some backend compares in another way go nowhere (`is_plain_host`, `is_virtual_by_case`).
fn host_name(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A bucket and a key in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    pub bucket: Option<String>,
    pub key: Option<String>,
}

impl Address {
    /// The bucket stands in the host where the host is below a domain of the configuration, has the form of S3's
    /// virtual hosts, `bucket.s3.…` or `bucket.s3-…`, or is `bucket.localhost`; else it is the first part of the path.
    pub fn of(request: &Request) -> Self {
        // An answer of Object Lambda is for no bucket.
        if request.path == RESPONSE_PATH && header(&request.headers, "x-amz-request-route").is_some() {
            return Self::default();
        }
        let path = request.path.strip_prefix('/').unwrap_or(&request.path);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let given = |text: &str| (!text.is_empty()).then(|| cut(&decoded(text, Plus::Itself)).to_owned());
        if let Some(bucket) = bucket_in_host(request) {
            return Self { bucket: Some(cut(&bucket).to_owned()), key: given(path) };
        }
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        match given(bucket) {
            None => Self::default(),
            bucket => Self { bucket, key: given(key) },
        }
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default()
}

/// True when the bucket stands in the host.
pub fn is_virtual(request: &Request) -> bool {
    bucket_in_host(request).is_some()
}

fn bucket_in_host(request: &Request) -> Option<String> {
    match &request.s3_host {
        S3Host::Domain => None,
        S3Host::Bucket(bucket) => Some(bucket.clone()),
        S3Host::Other => {
            let name = host_name(header(&request.headers, "host")?);
            virtual_bucket(&name).map(str::to_owned)
        }
    }
}

/// True for a host that no two backends can read differently: a name or an address, and a port.
pub fn is_plain_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix(':').unwrap_or("no port"))),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || (byte == b':' && host.starts_with('['));
    let is_name = !name.is_empty() && name.bytes().all(is_plain);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_name && port.is_none_or(is_port) && !name.starts_with('.') && !name.ends_with('.') && !name.contains("..")
}

/// True where the bucket stands in the host only for backends that take capitals for small letters; others look into the path.
pub fn is_virtual_by_case(request: &Request) -> bool {
    let has_capitals = |host: &str| host.bytes().any(|byte| byte.is_ascii_uppercase());
    header(&request.headers, "host").is_some_and(has_capitals) && is_virtual(request)
}

/// The bucket that the name of a host names by its form.
fn virtual_bucket(name: &str) -> Option<&str> {
    if let Some(bucket) = name.strip_suffix(".localhost") {
        return (!bucket.is_empty() && !bucket.starts_with("s3")).then_some(bucket);
    }
    // The label of S3 itself comes after the bucket, which may have dots.
    let mut start = 0;
    for label in name.split('.') {
        let is_s3 = label == "s3" || label.strip_prefix("s3-").is_some_and(is_plain_endpoint);
        if start > 0 && is_s3 && name.len() > start + label.len() {
            return name.get(..start - 1);
        }
        start += label.len() + 1;
    }
    None
}

/// Of `s3-control`, `s3-outposts` and the like, which serve other APIs, none; of regions and the rest, all.
fn is_plain_endpoint(rest: &str) -> bool {
    !["control", "outposts", "object-lambda", "accesspoint", "global"].iter().any(|other| rest.starts_with(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, path: &str) -> String {
        let headers = vec![("host".to_owned(), host.to_owned())];
        let request = Request {
            method: "GET".into(),
            path: path.into(),
            query: String::new(),
            headers,
            s3_host: S3Host::of(host, &["s3.example.com".into(), "example.com".into(), "s3".into()]),
            body: crate::call::Captured::default(),
        };
        let Address { bucket, key } = Address::of(&request);
        format!("{} {}", bucket.as_deref().unwrap_or("-"), key.as_deref().unwrap_or("-"))
    }

    #[test]
    fn buckets_stand_in_the_path_or_in_the_host() {
        for (host, path, expected) in [
            ("127.0.0.1:8793", "/b/k%20x/y", "b k x/y"),
            ("gateway.internal", "/b", "b -"),
            ("gateway.internal", "/b/", "b -"),
            ("gateway.internal", "/", "- -"),
            ("gateway.internal", "//k", "- -"),
            ("s3.amazonaws.com", "/b/k", "b k"),
            ("s3.us-east-1.amazonaws.com:443", "/b/k", "b k"),
            ("b.s3.amazonaws.com", "/k/", "b k/"),
            ("b.s3-eu-west-1.amazonaws.com", "/", "b -"),
            ("my.b.s3.eu-west-1.amazonaws.com", "//k", "my.b /k"),
            ("s3.b.s3.eu-west-1.amazonaws.com", "/k", "s3.b k"),
            ("b.s3.gateway.internal:8793", "/k", "b k"),
            ("123456789012.s3-control.us-east-1.amazonaws.com", "/v20180820/x", "v20180820 x"),
            ("b.localhost:9000", "/k", "b k"),
            ("localhost:9000", "/b/k", "b k"),
            ("[::1]:9000", "/b/k", "b k"),
            ("B.S3.amazonaws.com.", "/k", "b k"),
            // Domains of the configuration.
            ("b.s3", "/k", "b k"),
            ("s3", "/b/k", "b k"),
            ("s3.example.com:8793", "/b/k", "b k"),
            ("my.b.s3.example.com", "/k", "my.b k"),
            ("B.S3.Example.COM.:8793", "//k", "b /k"),
            ("b.example.com", "/k", "b k"),
            ("b.s3.eu.example.com", "/k", "b.s3.eu k"),
            ("bs3.example.com", "/k", "bs3 k"),
            ("bexample.com", "/b/k", "b k"),
        ] {
            assert_eq!(address(host, path), expected, "{host} {path}");
        }
    }
}
