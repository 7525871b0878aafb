//! The header in which a node says whose call it hands on. It is believed only with a seal that nodes of the cluster alone can make.
//!
//! `x-trailwatch-forwarded: <address>;<TLS version>;<cipher suite>;<on>;<seal>`; version and suite are empty for a call that came without
//! TLS; `on` is `on` where whoever gets the call is to hand it on, once, should it not lead, and empty otherwise. The seal is HMAC-SHA-256 with the cluster's key over method, target, `authorization`, `cookie` and the rest of the header: who sees
//! one can use it for the same signed call alone, whose address it tells as it was; of one without signature and cookie its body may be
//! another. No clock is asked.

use crate::http::Peer;
use crate::tls;
use http::HeaderValue;
use http::request::Parts;
use model::hex;
use ring::hmac;
use std::net::SocketAddr;

/// Its name.
pub const HEADER: &str = "x-trailwatch-forwarded";
/// In its place: to be handed on.
const ON: &str = "on";

/// What seals are made with.
pub struct SealingKey(hmac::Key);

/// What the header says.
#[derive(Debug, Clone, Copy)]
pub struct Handed {
    /// Who called.
    pub peer: Peer,
    /// Whether a node that does not lead is to hand it on: the one that it comes from does not reach the one that does.
    pub goes_on: bool,
}

/// A header that no node of this cluster made for this call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("x-trailwatch-forwarded is for nodes of the cluster alone")]
pub struct NotOurs;

impl SealingKey {
    /// Of the key that all nodes have.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The header for a call that is handed on with this head.
    pub fn seal(&self, head: &Parts, peer: Peer, goes_on: bool) -> Option<HeaderValue> {
        let (version, suite) = peer.tls.map_or(("", ""), |tls| (tls.version, tls.cipher_suite));
        let told = format!("{};{version};{suite};{}", peer.address.ip(), if goes_on { ON } else { "" });
        let seal = hmac::sign(&self.0, &sealed(head, &told));
        HeaderValue::from_str(&format!("{told};{}", hex(seal.as_ref()))).ok()
    }

    /// Takes the header out of a head; answers what it says, where there is one.
    ///
    /// # Errors
    /// When there is one, and its seal is not right.
    pub fn open(&self, head: &mut Parts) -> Result<Option<Handed>, NotOurs> {
        let mut values = head.headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(NotOurs);
        }
        let text = value.to_str().map_err(|_| NotOurs)?.to_owned();
        head.headers.remove(HEADER);
        let (told, seal) = text.rsplit_once(';').ok_or(NotOurs)?;
        let seal = bytes_of(seal).ok_or(NotOurs)?;
        // In a time that does not depend on where they differ.
        hmac::verify(&self.0, &sealed(head, told), &seal).map_err(|_| NotOurs)?;
        let mut parts = told.split(';');
        let address = parts.next().and_then(|text| text.parse().ok()).ok_or(NotOurs)?;
        let tls = match (parts.next(), parts.next()) {
            (Some(""), _) => None,
            (Some(version), Some(suite)) => Some(tls::named(version, suite).ok_or(NotOurs)?),
            _ => return Err(NotOurs),
        };
        let goes_on = match parts.next() {
            Some(ON) => true,
            Some("") => false,
            _ => return Err(NotOurs),
        };
        Ok(Some(Handed { peer: Peer { address: SocketAddr::new(address, 0), tls }, goes_on }))
    }
}

/// What is sealed: lines, for no part can hold a line break.
fn sealed(head: &Parts, told: &str) -> Vec<u8> {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let mut text = format!("{}\n{target}\n{told}\n", head.method).into_bytes();
    for name in ["authorization", "cookie"] {
        for value in head.headers.get_all(name) {
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        text.push(b'\n');
    }
    text
}

/// The bytes of pairs of hexadecimal digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let values: Option<Vec<u8>> = digits.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let values = values.filter(|values| values.len() % 2 == 0)?;
    Some(values.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Tls;

    fn head(target: &str, authorization: &str) -> Parts {
        let request = http::Request::post(target).header("authorization", authorization).body(()).unwrap();
        request.into_parts().0
    }

    fn peer(tls: Option<Tls>) -> Peer {
        Peer { address: "203.0.113.9:4711".parse().unwrap(), tls }
    }

    #[test]
    fn a_node_is_believed_who_called_and_nobody_else_is() {
        let key = SealingKey::new(&[7; 32]);
        let tls = Some(Tls { version: "TLSv1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" });
        for (tls, goes_on) in [(None, false), (tls, true)] {
            let mut call = head("/?a=b", "AWS4 x");
            let seal = key.seal(&call, peer(tls), goes_on).unwrap();
            call.headers.insert(HEADER, seal.clone());
            let opened = key.open(&mut call).unwrap().unwrap();
            assert_eq!(
                (opened.peer.address.ip().to_string().as_str(), opened.peer.tls, opened.goes_on),
                ("203.0.113.9", tls, goes_on)
            );
            assert!(!call.headers.contains_key(HEADER), "whoever answers does not see it");
            assert!(key.open(&mut call).unwrap().is_none());
            // The same header on another call, with another key, or twice.
            for (target, authorization) in [("/?a=c", "AWS4 x"), ("/?a=b", "AWS4 y")] {
                let mut other = head(target, authorization);
                other.headers.insert(HEADER, seal.clone());
                assert_eq!(key.open(&mut other).map(drop), Err(NotOurs));
            }
            let mut twice = head("/?a=b", "AWS4 x");
            twice.headers.append(HEADER, seal.clone());
            twice.headers.append(HEADER, seal.clone());
            assert_eq!(key.open(&mut twice).map(drop), Err(NotOurs));
            call.headers.insert(HEADER, seal);
            assert_eq!(SealingKey::new(&[8; 32]).open(&mut call).map(drop), Err(NotOurs));
        }
    }

    #[test]
    fn what_anybody_may_write_is_refused() {
        let key = SealingKey::new(&[7; 32]);
        let seal = "0".repeat(64);
        for text in [
            "",
            "203.0.113.9",
            "203.0.113.9;;;",
            "203.0.113.9;;;zz",
            "203.0.113.9;;;0",
            &format!("203.0.113.9;;;{seal}"),
        ] {
            let mut call = head("/", "");
            call.headers.insert(HEADER, HeaderValue::from_str(text).unwrap());
            assert_eq!(key.open(&mut call).map(drop), Err(NotOurs), "{text}");
        }
    }
}
