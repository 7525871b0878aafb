//! ListObjectsV2: what is asked, and the XML that comes back. Keys are asked for encoded, for XML cannot hold every one.

use crate::buckets::percent::{Plus, decoded, encoded};
use model::Timestamp;
use model::buckets::Listed;
use roxmltree::{Document, Node, ParsingOptions};

/// Most keys of a page (ListObjectsV2).
pub const PAGE_KEYS_MAX: usize = 1000;
/// Most bytes of a page: keys have 1,024 bytes, each written as three.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most nodes of the XML of a page, of some twenty for an object.
const NODES_MAX: u32 = 50_000;

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// Its objects in order.
    pub listed: Vec<Listed>,
    /// True when there are more.
    pub is_truncated: bool,
}

/// The query of the page behind `after`.
pub fn query(prefix: &str, after: &str, max: usize) -> String {
    let encoded = |text| encoded(text, b"-._~");
    let mut query = format!("encoding-type=url&list-type=2&max-keys={max}&prefix={}", encoded(prefix));
    if !after.is_empty() {
        query = format!("{query}&start-after={}", encoded(after));
    }
    query
}

/// Reads a page that was asked for behind `after`; the error is for the operator.
pub fn read(body: &[u8], after: &str) -> Result<Page, String> {
    let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if root.tag_name().name() != "ListBucketResult" {
        return Err(format!("a {} is no ListBucketResult", root.tag_name().name()));
    }
    let is_encoded = child(root, "EncodingType") == Some("url");
    let mut listed: Vec<Listed> = Vec::new();
    for contents in root.children().filter(|node| node.tag_name().name() == "Contents") {
        let object = object(contents, is_encoded).ok_or("an object of the list lacks its key, size or time")?;
        // A list out of order would be walked for ever.
        if object.key.as_str() <= listed.last().map_or(after, |last| &last.key) {
            return Err(format!("'{}' is not in order", object.key));
        }
        listed.push(object);
    }
    let is_truncated = child(root, "IsTruncated") == Some("true");
    if is_truncated && listed.is_empty() {
        return Err("a page without objects has more behind it".into());
    }
    Ok(Page { listed, is_truncated })
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|child| child.tag_name().name() == name)?.text()
}

fn object(node: Node<'_, '_>, is_encoded: bool) -> Option<Listed> {
    let key = child(node, "Key")?;
    Some(Listed {
        key: if is_encoded { decoded(key, Plus::Blank)? } else { key.to_owned() },
        bytes: child(node, "Size")?.parse().ok()?,
        modified: Timestamp::parse_iso(child(node, "LastModified")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><IsTruncated>true</IsTruncated>\
        <EncodingType>url</EncodingType>\
        <Contents><Key>a+b/%C3%A4%2B</Key><LastModified>2026-03-01T00:00:01.000Z</LastModified><Size>7</Size></Contents>\
        <Contents><Key>c</Key><LastModified>2026-03-01T00:00:02.000Z</LastModified><Size>0</Size></Contents>\
        </ListBucketResult>";

    #[test]
    fn a_page_is_read() {
        let page = read(PAGE.as_bytes(), "a").unwrap();
        let listed = |key: &str, bytes, ms| Listed { key: key.into(), bytes, modified: Timestamp(ms) };
        assert!(page.is_truncated);
        assert_eq!(page.listed, [listed("a b/ä+", 7, 1_772_323_201_000), listed("c", 0, 1_772_323_202_000)]);
        assert_eq!(
            query("a b/", "ä", 5),
            "encoding-type=url&list-type=2&max-keys=5&prefix=a%20b%2F&start-after=%C3%A4"
        );
    }

    #[test]
    fn what_is_no_page_is_refused() {
        let refused = |text: &str, after: &str, part: &str| {
            let error = read(text.as_bytes(), after).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused(PAGE, "b", "order");
        refused("<Error/>", "", "ListBucketResult");
        refused("{}", "", "");
        refused(&PAGE.replace("<Size>0</Size>", ""), "", "size");
        refused(&PAGE.replace("%2B", "%2"), "", "key");
        refused("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "", "more");
        refused("<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult/>", "", "");
        refused(&"<a>".repeat(100_000), "", "");
    }
}
