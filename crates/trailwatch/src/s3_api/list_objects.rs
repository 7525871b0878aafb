//! ListObjects and ListObjectsV2: keys in order, those with the same beginning up to a delimiter as one.
//!
//! A page goes on behind a key. One that goes on behind a common prefix leaves out all keys that begin with it.

use super::error::S3Error;
use super::reply::Reply;
use super::route::Asked;
use super::xml::Xml;
use crate::buckets::Folder;
use crate::buckets::percent::encoded;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::buckets::{BucketError, Head, Listed};

/// Most keys of a page (S3 guide), and its size when nobody says.
const KEYS_MAX: usize = 1000;
/// Keys that are looked at together where a delimiter makes one of many.
const DELIMITED_KEYS: usize = 32;
/// Behind every key that begins as what stands before it.
const LAST: char = '\u{10FFFF}';

/// What is asked for.
struct Question<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    after: String,
    max: usize,
}

/// A page.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    contents: Vec<Listed>,
    prefixes: Vec<String>,
    /// What the next page goes on behind, where there is one.
    next: Option<String>,
}

/// Lists a bucket that an account owns; it blocks.
pub fn list_objects(folder: &Folder, asked: &Asked, bucket: &str, owner: &str, is_v2: bool) -> Result<Reply, S3Error> {
    let given = |name| asked.parameter(name).filter(|value| !value.is_empty());
    let max = match given("max-keys").map(str::parse::<u32>) {
        None => KEYS_MAX,
        Some(Ok(max)) => usize::try_from(max).unwrap_or(KEYS_MAX).min(KEYS_MAX),
        Some(Err(_)) => return Err(invalid("Provided max-keys not an integer or within integer range")),
    };
    let is_encoded = match given("encoding-type") {
        None => false,
        Some("url") => true,
        Some(_) => return Err(invalid("Invalid Encoding Method specified in Request")),
    };
    let token = given("continuation-token").filter(|_| is_v2);
    let after = match (is_v2, token) {
        (true, Some(token)) => opened(token)?,
        (true, None) => given("start-after").unwrap_or_default().to_owned(),
        (false, _) => given("marker").unwrap_or_default().to_owned(),
    };
    let question = Question { prefix: given("prefix").unwrap_or_default(), delimiter: given("delimiter"), after, max };
    let page = page(folder, &question)?;
    let contents = with_etags(&page.contents, |key| folder.head(key))?;
    let mut xml = Xml::new();
    let shown = |text: &str| if is_encoded { encoded(text, b"-._~/*") } else { text.to_owned() };
    xml.root("ListBucketResult");
    xml.text("Name", bucket);
    xml.text("Prefix", &shown(question.prefix));
    if is_v2 {
        for (element, parameter) in [("StartAfter", "start-after"), ("ContinuationToken", "continuation-token")] {
            if let Some(value) = given(parameter) {
                xml.text(element, &if parameter == "start-after" { shown(value) } else { value.to_owned() });
            }
        }
        xml.text("KeyCount", &(contents.len() + page.prefixes.len()).to_string());
    } else {
        xml.text("Marker", &shown(&question.after));
    }
    xml.text("MaxKeys", &max.to_string());
    if let Some(delimiter) = question.delimiter {
        xml.text("Delimiter", &shown(delimiter));
    }
    if is_encoded {
        xml.text("EncodingType", "url");
    }
    xml.text("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    match &page.next {
        Some(next) if is_v2 => xml.text("NextContinuationToken", &URL_SAFE_NO_PAD.encode(next)),
        Some(next) if question.delimiter.is_some() => xml.text("NextMarker", &shown(next)),
        _ => {}
    }
    let owner = (!is_v2 || given("fetch-owner") == Some("true")).then_some(owner);
    for (listed, etag) in &contents {
        content(&mut xml, listed, etag, &shown(&listed.key), owner);
    }
    for prefix in &page.prefixes {
        xml.open("CommonPrefixes");
        xml.text("Prefix", &shown(prefix));
        xml.close("CommonPrefixes");
    }
    xml.close("ListBucketResult");
    Ok(Reply::xml(xml.finish()))
}

/// Objects with their ETags. One that is gone meanwhile has none and is left out; one that cannot be read must not look as if it were
/// gone.
fn with_etags(
    listed: &[Listed],
    head: impl Fn(&str) -> Result<Head, BucketError>,
) -> Result<Vec<(&Listed, String)>, S3Error> {
    let mut found = Vec::with_capacity(listed.len());
    for listed in listed {
        match head(&listed.key) {
            Ok(head) => found.push((listed, head.etag)),
            Err(BucketError::NoSuchKey) => {}
            Err(error) => {
                tracing::error!(%error, key = listed.key, "list a bucket");
                return Err(S3Error::internal());
            }
        }
    }
    Ok(found)
}

fn content(xml: &mut Xml, listed: &Listed, etag: &str, key: &str, owner: Option<&str>) {
    xml.open("Contents");
    xml.text("Key", key);
    xml.text("LastModified", &listed.modified.iso_millis());
    xml.text("ETag", &format!("\"{etag}\""));
    xml.text("Size", &listed.bytes.to_string());
    if let Some(owner) = owner {
        xml.open("Owner");
        xml.text("ID", owner);
        xml.close("Owner");
    }
    xml.text("StorageClass", "STANDARD");
    xml.close("Contents");
}

fn invalid(message: &str) -> S3Error {
    S3Error::new(400, "InvalidArgument", message)
}

/// What a continuation token goes on behind.
fn opened(token: &str) -> Result<String, S3Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let after = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    after.ok_or_else(|| invalid("The continuation token provided is incorrect"))
}

/// The beginning of a key up to the delimiter behind the prefix.
fn common_prefix<'a>(key: &'a str, question: &Question<'_>) -> Option<&'a str> {
    let delimiter = question.delimiter?;
    let rest = key.get(question.prefix.len()..)?;
    key.get(..question.prefix.len() + rest.find(delimiter)? + delimiter.len())
}

fn page(folder: &Folder, question: &Question<'_>) -> Result<Page, S3Error> {
    let mut page = Page::default();
    if question.max == 0 {
        return Ok(page);
    }
    let behind = |after: &str| {
        let is_common = after.starts_with(question.prefix) && common_prefix(after, question) == Some(after);
        if is_common { format!("{after}{LAST}") } else { after.to_owned() }
    };
    let (mut after, mut last) = (behind(&question.after), String::new());
    let at_once = if question.delimiter.is_some() { DELIMITED_KEYS } else { KEYS_MAX };
    loop {
        let listed = folder.list(question.prefix, &after, at_once)?;
        let is_end = listed.len() < at_once;
        for object in listed {
            if object.key <= after {
                // It stands for itself no more: a common prefix has it.
                continue;
            }
            let common = common_prefix(&object.key, question).map(str::to_owned);
            let is_told = |common: &String| page.prefixes.last() == Some(common) || *common == question.after;
            if common.as_ref().is_some_and(is_told) {
                after = object.key;
                continue;
            }
            if page.contents.len() + page.prefixes.len() == question.max {
                page.next = Some(last);
                return Ok(page);
            }
            match common {
                Some(common) => {
                    after = behind(&common).max(object.key);
                    last.clone_from(&common);
                    page.prefixes.push(common);
                }
                None => {
                    after.clone_from(&object.key);
                    last.clone_from(&object.key);
                    page.contents.push(object);
                }
            }
        }
        if is_end {
            return Ok(page);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Clock;
    use model::Timestamp;
    use model::clock::ManualClock;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn folder(dir: &std::path::Path, keys: &[&str]) -> Folder {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let folder = Folder::new(dir.to_owned(), clock);
        for key in keys {
            folder.put(key, key.as_bytes().to_vec().into()).unwrap();
        }
        folder
    }

    /// All pages of a list, as keys and common prefixes.
    fn walk(folder: &Folder, prefix: &str, delimiter: Option<&str>, max: usize) -> (Vec<String>, Vec<String>) {
        let (mut keys, mut prefixes, mut after) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..100 {
            let page = page(folder, &Question { prefix, delimiter, after, max }).unwrap();
            assert!(page.contents.len() + page.prefixes.len() <= max);
            keys.extend(page.contents.into_iter().map(|listed| listed.key));
            prefixes.extend(page.prefixes);
            match page.next {
                Some(next) => after = next,
                None => return (keys, prefixes),
            }
        }
        panic!("the list has no end");
    }

    #[test]
    fn pages_of_any_size_hold_everything_once() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ["AWSLogs/1/a", "AWSLogs/1/b", "AWSLogs/2/a", "a", "a-b", "a.b", "b/\u{10FFFF}x", "b/c", "c"];
        let folder = folder(dir.path(), &keys);
        for prefix in ["", "AWSLogs/", "AWSLogs/1/", "a", "b/", "none"] {
            for delimiter in [None, Some("/"), Some("-"), Some("Logs")] {
                let (mut wanted, mut common) = (Vec::new(), BTreeSet::new());
                for key in keys.iter().filter(|key| key.starts_with(prefix)) {
                    let question = Question { prefix, delimiter, after: String::new(), max: 1 };
                    match common_prefix(key, &question) {
                        Some(prefix) => drop(common.insert(prefix.to_owned())),
                        None => wanted.push((*key).to_owned()),
                    }
                }
                wanted.sort_unstable();
                for max in [1, 2, 3, 1000] {
                    let found = walk(&folder, prefix, delimiter, max);
                    let wanted = (wanted.clone(), common.iter().cloned().collect::<Vec<_>>());
                    assert_eq!(found, wanted, "prefix {prefix} delimiter {delimiter:?} max {max}");
                }
            }
        }
    }

    fn ask(folder: &Folder, parameters: &[(&str, &str)], is_v2: bool) -> Result<String, S3Error> {
        let operation = super::super::route::Operation::ListObjects;
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let asked = Asked { operation, name: "", bucket: None, key: None, parameters: parameters.collect() };
        let reply = list_objects(folder, &asked, "logs", "owner", is_v2)?;
        Ok(String::from_utf8(reply.body.to_vec()).unwrap())
    }

    #[test]
    fn an_object_that_cannot_be_read_fails_the_list() {
        let listed = ["a", "gone", "b"].map(|key| Listed { key: key.into(), bytes: 1, modified: Timestamp(0) });
        let head = |broken: BucketError| {
            move |key: &str| match key {
                "gone" => Err(broken.clone()),
                _ => Ok(Head {
                    bytes: 1,
                    modified: Timestamp(0),
                    etag: format!("of {key}"),
                    metadata: Vec::new(),
                    content_type: None,
                    content_encoding: None,
                }),
            }
        };
        let found = with_etags(&listed, head(BucketError::NoSuchKey)).unwrap();
        assert_eq!(found.iter().map(|(_, etag)| etag.as_str()).collect::<Vec<_>>(), ["of a", "of b"]);
        for broken in [BucketError::AccessDenied, BucketError::Unreachable("too many open files".into())] {
            assert_eq!(with_etags(&listed, head(broken)).unwrap_err().status, 500);
        }
    }

    #[test]
    fn a_page_is_told_as_s3_tells_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path(), &["a b/c&d", "e"]);
        let text = ask(&folder, &[("max-keys", "1"), ("encoding-type", "url")], false).unwrap();
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        assert_eq!(
            text,
            format!(
                "{head}<Name>logs</Name><Prefix></Prefix><Marker></Marker><MaxKeys>1</MaxKeys>\
                 <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>a%20b/c%26d</Key>\
                 <LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag><Size>7</Size>\
                 <Owner><ID>owner</ID></Owner><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>",
                folder.head("a b/c&d").unwrap().etag
            )
        );
        let text = ask(&folder, &[("delimiter", "/"), ("max-keys", "1"), ("list-type", "2")], true).unwrap();
        assert!(text.contains("<CommonPrefixes><Prefix>a b/</Prefix></CommonPrefixes>"), "{text}");
        assert!(text.contains("<KeyCount>1</KeyCount>") && !text.contains("<Owner>"), "{text}");
        let token = text.split("NextContinuationToken>").nth(1).unwrap().trim_end_matches("</");
        let text = ask(&folder, &[("delimiter", "/"), ("continuation-token", token)], true).unwrap();
        assert!(text.contains("<Key>e</Key>") && text.contains("<IsTruncated>false<"), "{text}");
        assert!(!text.contains("CommonPrefixes"), "{text}");
        for bad in [("max-keys", "-1"), ("max-keys", "x"), ("encoding-type", "x"), ("continuation-token", "%")] {
            assert_eq!(ask(&folder, &[bad], true).unwrap_err().code, "InvalidArgument", "{bad:?}");
        }
    }
}
