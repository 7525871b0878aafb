//! The console's files: what `console/dist` held when the server was built, embedded compressed, with their caching and
//! what may run in them.
//!
//! A server that was built without them (no npm) says so in plain text. Names of files in `assets/` hold a digest of their content,
//! so that they may be kept for ever. No script, style or font comes from elsewhere, and none stands in the page.

use super::PATHS;
use bytes::Bytes;
use flate2::read::GzDecoder;
use model::hex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::sync::LazyLock;
use wire::{HttpRequest, Response};

// `FILES: &[(&str, &[u8])]`: path below `console/dist`, and content as gzip. Written by build.rs.
include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const NOT_BUILT: &str = "This is Trailwatch. Its console was not built into this server: install Node.js with npm, run `make build` \
     and start the server again.\nThe AWS endpoint on this address works without it.\n";

/// An embedded file.
struct File {
    content_type: &'static str,
    compressed: &'static [u8],
    etag: String,
    is_immutable: bool,
}

/// Answers `GET` of the page or one of its files; `None` when there is no such file.
pub fn answer(request: &HttpRequest) -> Option<Response> {
    static BY_PATH: LazyLock<HashMap<&str, File>> =
        LazyLock::new(|| FILES.iter().map(|(path, compressed)| (*path, File::of(path, compressed))).collect());
    serve(&BY_PATH, request)
}

fn serve(files: &HashMap<&str, File>, request: &HttpRequest) -> Option<Response> {
    let path = if request.path == "/" { "index.html" } else { request.path.strip_prefix(PATHS)? };
    let Some(file) = files.get(path) else {
        let is_missing = request.path == "/" && files.is_empty();
        return is_missing.then(|| Response {
            status: 200,
            headers: secured("text/plain; charset=utf-8", "no-store"),
            body: Bytes::from_static(NOT_BUILT.as_bytes()),
            rest: None,
        });
    };
    let caching = if file.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = secured(file.content_type, caching);
    headers.push(("etag", file.etag.clone()));
    headers.push(("vary", "accept-encoding".into()));
    let known = request.header("if-none-match").is_some_and(|tags| tags.split(',').any(|tag| is_tag(tag, &file.etag)));
    if known {
        return Some(Response { status: 304, headers, body: Bytes::new(), rest: None });
    }
    let body = if request.header("accept-encoding").is_some_and(takes_gzip) {
        headers.push(("content-encoding", "gzip".into()));
        Bytes::from_static(file.compressed)
    } else {
        file.whole()
    };
    let body = if request.method == "HEAD" { Bytes::new() } else { body };
    Some(Response { status: 200, headers, body, rest: None })
}

fn secured(content_type: &str, caching: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", content_type.into()),
        ("cache-control", caching.into()),
        ("content-security-policy", CONTENT_SECURITY_POLICY.into()),
    ]
}

fn is_tag(tag: &str, etag: &str) -> bool {
    let tag = tag.trim();
    tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
}

fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.trim_matches(['0', '.']).is_empty());
        matches!(name.trim(), "gzip" | "*") && !refused
    })
}

impl File {
    fn of(path: &str, compressed: &'static [u8]) -> Self {
        let content_type = match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("json" | "map") => "application/json",
            Some("woff2") => "font/woff2",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };
        let digest: [u8; 32] = Sha256::digest(compressed).into();
        let etag = format!("\"{}\"", &hex(&digest)[..32]);
        Self { content_type, compressed, etag, is_immutable: path.starts_with("assets/") }
    }

    /// For the rare client that takes no gzip.
    fn whole(&self) -> Bytes {
        let mut whole = Vec::new();
        match GzDecoder::new(self.compressed).read_to_end(&mut whole) {
            Ok(_) => Bytes::from(whole),
            Err(error) => {
                tracing::error!(%error, "open an embedded file of the console");
                Bytes::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `echo hello | gzip -n`.
    const HELLO: &[u8] = &[
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xe7, 2, 0, 0x20, 0x30, 0x3a, 0x36, 6, 0, 0,
        0,
    ];

    fn get(path: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpRequest { method: "GET".into(), path: path.into(), headers, ..HttpRequest::default() }
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn files_are_compressed_cached_and_guarded() {
        let paths = ["index.html", "assets/index-a1b2.js"];
        let files: HashMap<&str, File> = paths.into_iter().map(|path| (path, File::of(path, HELLO))).collect();
        let page = serve(&files, &get("/", &[("accept-encoding", "br, gzip;q=0.8")])).unwrap();
        assert_eq!(page.body, Bytes::from_static(HELLO));
        assert_eq!(header(&page, "content-encoding"), Some("gzip"));
        assert_eq!(header(&page, "cache-control"), Some("no-cache"));
        assert_eq!(header(&page, "content-type"), Some("text/html; charset=utf-8"));
        let policy = header(&page, "content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe") && !policy.contains("http"));

        let plain = serve(&files, &get("/", &[("accept-encoding", "gzip;q=0, br")])).unwrap();
        assert_eq!((&plain.body[..], header(&plain, "content-encoding")), (&b"hello\n"[..], None));
        let etag = header(&plain, "etag").unwrap().to_owned();
        let same = serve(&files, &get("/", &[("if-none-match", &format!("\"x\", W/{etag}"))])).unwrap();
        assert_eq!((same.status, same.body.len()), (304, 0));

        let script = serve(&files, &get("/_trailwatch/console/assets/index-a1b2.js", &[])).unwrap();
        assert_eq!(header(&script, "cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(header(&script, "content-type"), Some("text/javascript; charset=utf-8"));
        assert!(serve(&files, &get("/_trailwatch/console/../index.html", &[])).is_none());
    }

    #[test]
    fn a_server_without_a_console_says_so() {
        let page = serve(&HashMap::new(), &get("/", &[])).unwrap();
        assert_eq!((page.status, &page.body[..18]), (200, &b"This is Trailwatch"[..]));
    }
}
