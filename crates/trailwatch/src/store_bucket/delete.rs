//! DeleteObjects: what is asked for up to 1,000 keys, and which of them the answer says are still there.
//!
//! A key that is not there counts as removed, as with DeleteObject. The answer is 200 whatever became of the keys: it names those that
//! were not removed, each with a reason.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use roxmltree::{Document, ParsingOptions};
use std::collections::BTreeMap;
use wire::xml::push_escaped;

/// Most keys of one request (DeleteObjects).
pub const KEYS_MAX: usize = 1000;
/// Most bytes of an answer: keys have 1,024 bytes, which escaped may be five times as many, and each comes with a message.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most nodes of the XML of an answer, of some ten for a key.
const NODES_MAX: u32 = 20_000;

/// The body that asks for the removal of `keys`; the answer is to name only those that stay.
pub fn body(keys: &[String]) -> Vec<u8> {
    let mut body = b"<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>".to_vec();
    for key in keys {
        body.extend_from_slice(b"<Object><Key>");
        push_escaped(&mut body, key);
        body.extend_from_slice(b"</Key></Object>");
    }
    body.extend_from_slice(b"</Delete>");
    body
}

/// The Content-MD5 of a body: S3 requires a checksum here, and this is the one that every endpoint knows.
pub fn content_md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

/// The keys that are still there, with the reasons; an error for what is no answer.
pub fn read(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if root.tag_name().name() != "DeleteResult" {
        return Err(format!("a {} is no DeleteResult", root.tag_name().name()));
    }
    let mut refused = BTreeMap::new();
    for error in root.children().filter(|node| node.tag_name().name() == "Error") {
        let child = |name| error.children().find(|child| child.tag_name().name() == name)?.text();
        let key = child("Key").ok_or("an error names no key")?;
        let code = child("Code").unwrap_or("no code");
        if code != "NoSuchKey" {
            refused.insert(key.to_owned(), format!("{code}: {}", child("Message").unwrap_or_default()));
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_and_the_checksum_is_of_the_body() {
        let body = body(&["a/b&c".into(), "d<e".into()]);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\
             <Object><Key>a/b&amp;c</Key></Object><Object><Key>d&lt;e</Key></Object></Delete>"
        );
        // RFC 1321, A.5, as base64.
        assert_eq!(content_md5(b"abc"), "kAFQmDzST7DWlj99KOF/cg==");
    }

    #[test]
    fn only_keys_that_stay_are_errors() {
        let answer = "<?xml version=\"1.0\"?><DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Deleted><Key>a</Key></Deleted><Error><Key>b&amp;c</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
            <Error><Key>d</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
        let refused = read(answer.as_bytes()).unwrap();
        assert_eq!(refused, BTreeMap::from([("b&c".into(), "AccessDenied: no".into())]));
        assert!(read(b"<DeleteResult/>").unwrap().is_empty());
        for (wrong, part) in [
            ("<Error><Code>InternalError</Code></Error>", "DeleteResult"),
            ("<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>", "key"),
            ("", ""),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><DeleteResult/>", ""),
        ] {
            assert!(read(wrong.as_bytes()).unwrap_err().contains(part), "{wrong}");
        }
        assert!(read(&[0xff]).is_err() && read("<a>".repeat(100_000).as_bytes()).is_err());
    }
}
