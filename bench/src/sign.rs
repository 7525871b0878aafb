//! SigV4 signing of a call; written apart from the server's verification on purpose, so that each checks the other.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The region that all calls are signed for.
pub const REGION: &str = "us-east-1";

/// An access key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
}

/// The `Authorization` header of `POST path` with `body` at `date` (`YYYYMMDDTHHMMSSZ`). Signs host, x-amz-date and, as
/// a server may demand, every other header that begins with `x-amz-`.
pub fn authorization(
    key: &Key,
    service: &str,
    host: &str,
    path: &str,
    date: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> String {
    let day = date.get(..8).unwrap_or(date);
    let scope = format!("{day}/{REGION}/{service}/aws4_request");
    let mut signed = vec![("host", host), ("x-amz-date", date)];
    signed.extend(
        headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).map(|(name, value)| (*name, value.as_str())),
    );
    signed.sort_unstable();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical = format!("POST\n{path}\n\n{lines}\n{names}\n{}", hex(&Sha256::digest(body)));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let secret = format!("AWS4{}", key.secret).into_bytes();
    let signing_key = [day, REGION, service, "aws4_request"].iter().fold(secret, |k, part| mac(&k, part));
    let signature = hex(&mac(&signing_key, &to_sign));
    format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", key.id)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_like_botocore() {
        let key = Key { id: "AKIDEXAMPLE".into(), secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into() };
        let header = authorization(&key, "monitoring", "127.0.0.1:8792", "/", "20260102T030405Z", &[], b"{}");
        assert_eq!(
            header,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/monitoring/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=1f25cf9cb124742fdbeb99f2303ec607da08eeb1bc64a670fb9e85723036aea6"
        );
    }

    #[test]
    fn signs_the_headers_of_amazon_and_no_others() {
        let key = Key { id: "A".into(), secret: "s".into() };
        let headers = [("x-amz-target", "T.Op".to_owned()), ("content-type", "x".to_owned())];
        let header = authorization(&key, "logs", "h", "/", "20260102T030405Z", &headers, b"");
        assert!(header.contains("SignedHeaders=host;x-amz-date;x-amz-target, "), "{header}");
    }
}
