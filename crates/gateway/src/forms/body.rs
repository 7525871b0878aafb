//! Bodies read into one kind of tree, whatever the protocol: JSON as it is, forms and XML as objects of texts.
//!
//! A body of which only the beginning was captured is read as far as it goes.

use super::percent::parameters;
use crate::call::Captured;
use bytes::Bytes;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

/// Most bytes of a body that are read, compressed or not.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting that is followed.
pub const NESTING_MAX: usize = 40;
/// Most nodes of an XML document; it has fewer than one for each byte.
const NODES_MAX: u32 = 100_000;
/// Most comparisons that the parser makes for one document, see [`steps`]; the largest of AWS take some 100,000.
const STEPS_MAX: u64 = 2_000_000;

/// How a tree spells lists and maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// Lists are arrays, maps are objects.
    Json,
    /// Lists and maps are objects with numbers, or elements called `member` and `entry`; all else is text.
    Wrapped,
}

/// A body that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// An object.
    pub members: Map<String, Value>,
    pub notation: Notation,
}

/// The bytes of a body, without their compression; `None` for what cannot be opened.
pub fn content(body: &Captured, encoding: Option<&str>) -> Option<Bytes> {
    let encoding = encoding.map(str::trim).filter(|encoding| !encoding.is_empty() && *encoding != "identity");
    // `aws-chunked` is not compression, and the beginnings of compressed bodies cannot be opened.
    match encoding {
        None => Some(body.bytes.slice(..body.bytes.len().min(BODY_BYTES_MAX))),
        Some(_) if is_cut(body) => None,
        Some(encoding) => wire::inflate::inflate(Some(encoding), &body.bytes, BODY_BYTES_MAX).ok(),
    }
}

/// True when the body was larger than what is known of it.
pub fn is_cut(body: &Captured) -> bool {
    body.total > body.bytes.len() as u64 || body.bytes.len() > BODY_BYTES_MAX
}

/// The members of a JSON object, those before its end where it was cut.
pub fn json(bytes: &[u8], is_cut: bool) -> Option<Tree> {
    let parsed = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(_) if is_cut => serde_json::from_slice(&mended(bytes)?).ok()?,
        Err(_) => return None,
    };
    match parsed {
        Value::Object(members) => Some(Tree { members, notation: Notation::Json }),
        _ => None,
    }
}

/// The beginning of a JSON text up to its last whole member or item, with all that is open closed.
fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut open = Vec::new();
    let (mut is_text, mut is_escaped) = (false, false);
    // After the last comma, or the last bracket that opened: what is before that is whole.
    let mut whole: Option<(usize, Vec<u8>)> = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (is_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (true, b'"') => is_text = false,
            (true, _) => {}
            (false, b'"') => is_text = true,
            (false, b'{' | b'[') if open.len() >= NESTING_MAX => break,
            (false, b'{') => {
                open.push(b'}');
                whole = Some((at + 1, open.clone()));
            }
            (false, b'[') => {
                open.push(b']');
                whole = Some((at + 1, open.clone()));
            }
            (false, b'}' | b']') => drop(open.pop()),
            (false, b',') => whole = Some((at, open.clone())),
            (false, _) => {}
        }
    }
    let (end, open) = whole?;
    let mut text = bytes.get(..end)?.to_vec();
    text.extend(open.iter().rev());
    Some(text)
}

/// The parameters of a form as a tree: `A.1.B=c` stands at `A`, `1`, `B`.
pub fn form(text: &str) -> Tree {
    let mut members = Map::new();
    for (name, value) in parameters(text) {
        let mut place = &mut members;
        let mut segments = name.split('.').take(NESTING_MAX).peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                if !place.contains_key(segment) {
                    place.insert(segment.to_owned(), Value::String(value));
                }
                break;
            }
            let next = place.entry(segment).or_insert_with(|| Value::Object(Map::new()));
            // `A=` says that a list is there and empty; `A.1=x` may follow.
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            let Some(next) = next.as_object_mut() else { break };
            place = next;
        }
    }
    Tree { members, notation: Notation::Wrapped }
}

/// The document in `bytes`; `None` for what is no XML. Document types, and with them entities, are refused.
pub fn document(bytes: &[u8]) -> Option<Document<'_>> {
    let text = std::str::from_utf8(bytes).ok()?;
    if steps(text) > STEPS_MAX {
        return None;
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text.trim_start(), options).ok()
}

/// How many comparisons of names reading an XML text takes, at most: the parser compares each attribute of an element
/// with all its others, each name with all namespaces that are in force, and, where an element declares some, each of
/// those that it inherits with all that it has.
fn steps(text: &str) -> u64 {
    let (mut steps, mut namespaces) = (0_u64, 1_u64);
    // No attribute has a `<` in it, so every tag begins behind one and ends before the next.
    for tag in text.split('<').skip(1) {
        let attributes = attributes(tag);
        let declared = attributes.min(tag.matches("xmlns").count() as u64);
        namespaces = namespaces.saturating_add(declared);
        let inherited = if declared > 0 { namespaces.saturating_mul(namespaces) } else { 0 };
        let named = attributes.saturating_add(1).saturating_mul(attributes.saturating_add(namespaces));
        steps = steps.saturating_add(inherited).saturating_add(named);
    }
    steps
}

/// Attributes of a tag, whose text is `tag` up to the first `>` that stands in no quotes.
fn attributes(tag: &str) -> u64 {
    let (mut attributes, mut quote) = (0, None);
    for byte in tag.bytes() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'>') => break,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'=') => attributes += 1,
            _ => {}
        }
    }
    attributes
}

/// The result in an answer of the query protocol: what stands in `<ActionResult>`, or else in the outermost element.
pub fn xml(bytes: &[u8], operation: &str) -> Option<Tree> {
    let document = document(bytes)?;
    let root = document.root_element();
    let result = root.children().find(|node| {
        node.is_element() && node.tag_name().name().strip_suffix("Result").is_some_and(|name| name == operation)
    });
    match element(result.unwrap_or(root), 0) {
        Value::Object(members) => Some(Tree { members, notation: Notation::Wrapped }),
        _ => Some(Tree { members: Map::new(), notation: Notation::Wrapped }),
    }
}

/// An element as an object of its children, those of one name as an array; as text when it has none.
fn element(node: Node<'_, '_>, depth: usize) -> Value {
    let mut members = Map::new();
    for child in node.children().filter(Node::is_element) {
        if depth >= NESTING_MAX {
            break;
        }
        let value = element(child, depth + 1);
        match members.get_mut(child.tag_name().name()) {
            None => drop(members.insert(child.tag_name().name().to_owned(), value)),
            Some(Value::Array(items)) => items.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    if members.is_empty() { Value::String(node.text().unwrap_or_default().to_owned()) } else { Value::Object(members) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(tree: Option<Tree>) -> Value {
        tree.map_or(Value::Null, |tree| Value::Object(tree.members))
    }

    #[test]
    fn a_cut_body_is_read_as_far_as_it_goes() {
        let whole = br#"{"TableName":"t","Tags":[{"Key":"a,b","Value":"]"},{"Key":"c","Value":"d"}],"Item":{"x":"y"}}"#;
        assert_eq!(members(json(whole, true)), serde_json::from_slice::<Value>(whole).unwrap());
        let cut = |length: usize| members(json(&whole[..length], true));
        assert_eq!(cut(10), json!({}));
        assert_eq!(cut(20), json!({"TableName": "t"}));
        assert_eq!(cut(45), json!({"TableName": "t", "Tags": [{"Key": "a,b"}]}));
        assert_eq!(cut(whole.len() - 1)["Tags"].as_array().unwrap().len(), 2);
        for length in 0..whole.len() {
            assert!(length == 0 || json(&whole[..length], true).is_some(), "{length}");
            assert_eq!(json(&whole[..length], false), None, "what is not cut must be whole");
        }
    }

    #[test]
    fn forms_and_elements_become_trees() {
        let tree = form("Action=A&L.member.1=x&L.member.2=y&M.entry.1.key=k&E=&E.1=z&N.1.A=a&N.1.A=b");
        assert_eq!(
            members(Some(tree)),
            json!({
                "Action": "A", "L": {"member": {"1": "x", "2": "y"}}, "M": {"entry": {"1": {"key": "k"}}},
                "E": {"1": "z"}, "N": {"1": {"A": "a"}}
            })
        );
        let answer = b"<OpResponse xmlns='urn:x'><OpResult><A>1</A><L><member>x</member><member>y</member></L><E/></OpResult></OpResponse>";
        assert_eq!(members(xml(answer, "Op")), json!({"A": "1", "L": {"member": ["x", "y"]}, "E": ""}));
        assert_eq!(members(xml(b"<Op><A>1</A></Op>", "Op")), json!({"A": "1"}));
        assert_eq!(xml(b"<Op><A>1</A>", "Op"), None);
        assert_eq!(xml(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "Op"), None);
        assert_eq!(xml("<a>".repeat(100_000).as_bytes(), "Op"), None);
    }
    /// As many of `part` of 0, 1, … as a body may have.
    fn repeated(part: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for n in 0.. {
            let part = part(n);
            if text.len() + part.len() > BODY_BYTES_MAX - 100 {
                break;
            }
            text.push_str(&part);
        }
        text
    }

    #[test]
    fn hostile_xml_is_left_alone_before_it_is_parsed() {
        let attributes = repeated(|n| format!(" a{n:x}=''"));
        for (what, text) in [
            ("attributes of one element", format!("<a{attributes}/>")),
            ("attributes behind one that seems to end the tag", format!("<a z='>'{attributes}/>")),
            ("attributes behind a comment that opens a quote", format!("<a><!-- ' --><b{attributes}/></a>")),
            ("namespaces of one element", format!("<a{}/>", repeated(|n| format!(" xmlns:a{n:x}='u'")))),
            ("elements within elements with a namespace each", repeated(|n| format!("<a xmlns:n{n:x}='u'>"))),
            ("the same, each once more", repeated(|n| format!("<a xmlns:n{n:x}\t=\t\"u\"><b/>"))),
            (
                "prefixes that are looked for among many",
                format!(
                    "<a{}>{}</a>",
                    (0..1000).map(|n| format!(" xmlns:n{n}='u'")).collect::<String>(),
                    "<n999:a/>".repeat(20_000)
                ),
            ),
        ] {
            assert!(text.len() <= BODY_BYTES_MAX, "{what}");
            assert!(steps(&text) > 2 * STEPS_MAX, "{what}: {}", steps(&text));
            assert!(document(text.as_bytes()).is_none(), "{what}");
        }
    }

    #[test]
    fn what_is_parsed_takes_steps_in_proportion_to_its_length() {
        let xmlns = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        let grant = "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>u</URI>\
                     </Grantee><Permission>READ</Permission></Grant>";
        for (what, text) in [
            (
                "a full list of grants",
                format!("<AccessControlPolicy {xmlns}>{}</AccessControlPolicy>", grant.repeat(100)),
            ),
            ("the smallest elements", format!("<a {xmlns}>{}</a>", "<a/>".repeat(60_000))),
            ("keys", format!("<Delete {xmlns}>{}</Delete>", repeated(|n| format!("<Object><Key>{n}=</Key></Object>")))),
            ("a text full of signs", format!("<a>{}</a>", "='&gt;\"".repeat(30_000))),
        ] {
            assert!(steps(&text) < STEPS_MAX / 2, "{what}: {}", steps(&text));
            assert!(document(text.as_bytes()).is_some(), "{what}");
        }
    }
}
