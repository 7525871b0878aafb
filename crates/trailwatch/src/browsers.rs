//! What browsers are told with our own answers, and what they say of the pages that ask: nothing here trusts a page.
//!
//! An open server asks for no key, so it must know by other means that no page of somebody else drives it: by the name
//! that it is called by (DNS rebinding lets a site's own name resolve to this machine) and by what browsers say of
//! where a page came from.

use wire::sigv4::SignatureError;
use wire::{HttpRequest, Response};

/// Of answers that are no page: nothing in them may run or be shown in another page.
const NOTHING_RUNS: &str = "default-src 'none'; frame-ancestors 'none'";
/// For all answers of our own that do not say otherwise.
const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", NOTHING_RUNS),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
];
/// A year (RFC 6797). Browsers heed it over TLS alone.
const STRICT_TRANSPORT: (&str, &str) = ("strict-transport-security", "max-age=31536000");

/// Adds to an answer of our own the headers that it lacks.
/// `host` is what the server was called: for all ports of a name, which is what HSTS is about, only the usual one speaks.
pub fn secure(response: &mut Response, over_tls: bool, host: &str) {
    let is_strict = over_tls && !host.is_empty() && !has_port(host) && !is_local(host);
    for (name, value) in HEADERS.into_iter().chain(is_strict.then_some(STRICT_TRANSPORT)) {
        if !response.headers.iter().any(|(there, _)| there.eq_ignore_ascii_case(name)) {
            response.headers.push((name, value.to_owned()));
        }
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// True for a request that came over TLS, ours or that of a proxy in front.
pub fn is_tls(request: &HttpRequest) -> bool {
    request.tls.is_some() || request.header("x-forwarded-proto") == Some("https")
}

/// True for a Host, with or without a port, that is this machine whatever a name server says: a loopback address,
/// `localhost`, or a name below it (RFC 6761, 6.3).
pub fn is_local(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |h| h.0);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses a request to an open server that a page of another site may have made. Clients that are no browsers send
/// none of these headers but Host.
///
/// # Errors
/// For a page: as an unsigned request is refused. For a name that is not this machine's own: in words.
pub fn check_open(request: &HttpRequest) -> Result<(), SignatureError> {
    let host = request.header("host").unwrap_or_default();
    if !host.is_empty() && !is_local(host) {
        let told: String = host.chars().take(64).collect();
        return Err(SignatureError::Refused(format!(
            "An open server is called by a loopback address or as localhost, not as '{told}'."
        )));
    }
    let is_elsewhere = match request.header("origin") {
        Some(origin) => !origin.split_once("://").is_some_and(|(_, host)| is_local(host)),
        None => request.header("sec-fetch-site") == Some("cross-site"),
    };
    if is_elsewhere { Err(SignatureError::MissingToken) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpRequest { headers, ..HttpRequest::default() }
    }

    fn all_of<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
        response.headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn an_answer_keeps_its_own_headers_and_gets_those_that_it_lacks() {
        let headers = vec![("cache-control", "no-cache".to_owned())];
        let mut response = Response { status: 200, headers, body: "{}".into(), rest: None };
        secure(&mut response, false, "ops.example");
        let all = |name: &str| all_of(&response, name);
        assert_eq!(all("cache-control"), ["no-cache"]);
        assert_eq!(all("x-content-type-options"), ["nosniff"]);
        assert_eq!(all("content-security-policy"), [NOTHING_RUNS]);
        assert!(all("strict-transport-security").is_empty());
        for host in ["", "ops.example:8792", "localhost", "[::1]:443"] {
            secure(&mut response, true, host);
            assert!(all_of(&response, "strict-transport-security").is_empty(), "{host}");
        }
        secure(&mut response, true, "ops.example");
        assert_eq!(response.headers.last().map(|(name, _)| *name), Some("strict-transport-security"));
    }

    #[test]
    fn only_this_machine_is_local() {
        for host in
            ["localhost", "LOCALHOST:8792", "bucket.localhost:1", "127.0.0.1:8792", "127.8.9.1", "[::1]:8792", "[::1]"]
        {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "",
            "rebound.example:8792",
            "localhost.example",
            "127.0.0.1.example",
            "notlocalhost",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn an_open_server_is_for_this_machines_own_pages_and_clients() {
        let host = ("host", "localhost:8792");
        for good in
            [&[][..], &[host], &[host, ("origin", "http://127.0.0.1:3000")], &[host, ("sec-fetch-site", "none")]]
        {
            assert_eq!(check_open(&request(good)), Ok(()), "{good:?}");
        }
        for bad in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
            assert_eq!(check_open(&request(&[host, bad])), Err(SignatureError::MissingToken), "{bad:?}");
        }
        let rebound = check_open(&request(&[("host", "rebound.example:8792"), ("sec-fetch-site", "same-origin")]));
        assert!(rebound.unwrap_err().to_string().contains("not as 'rebound.example:8792'"));
    }
}
