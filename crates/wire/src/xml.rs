//! `XmlWriter`: answers of the query protocol, with lists as `<member>` and maps as `<entry><key/><value/></entry>`.

use crate::scalar;
use crate::shape::Writer;
use model::Timestamp;

/// Writes the *content* of one structure: the caller puts `<OpResult>` and the envelope around it.
#[derive(Debug, Default)]
pub struct XmlWriter {
    out: Vec<u8>,
    /// What closes each value that is being written, outermost first.
    open: Vec<Element>,
}

#[derive(Debug, Clone, Copy)]
enum Element {
    /// `</name>`
    Named(&'static str),
    /// `</value></entry>`
    Entry,
}

impl XmlWriter {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn start(&mut self, name: &'static str) {
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
        self.open.push(Element::Named(name));
    }

    /// A value has been written: closes the element that it stands in. The root stands in none.
    fn value_ended(&mut self) {
        match self.open.pop() {
            Some(Element::Named(name)) => {
                self.out.extend_from_slice(b"</");
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b'>');
            }
            Some(Element::Entry) => self.out.extend_from_slice(b"</value></entry>"),
            None => {}
        }
    }
}

/// Appends `text` escaped for an element or an attribute. XML 1.0 cannot carry most control characters, not even as
/// references, and clients refuse the whole answer over one: they become U+FFFD.
pub fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        let replacement = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#x27;",
            '\n' => "&#xA;",
            '\r' => "&#xD;",
            '\t' => "\t",
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}",
            _ => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.extend_from_slice(replacement.as_bytes());
    }
}

impl Writer for XmlWriter {
    fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        self.value_ended();
    }

    fn integer(&mut self, value: i64) {
        scalar::push_integer(&mut self.out, value);
        self.value_ended();
    }

    fn double(&mut self, value: f64) {
        match scalar::special_text(value) {
            Some(text) => self.out.extend_from_slice(text.as_bytes()),
            None => scalar::push_double(&mut self.out, value),
        }
        self.value_ended();
    }

    fn string(&mut self, value: &str) {
        push_escaped(&mut self.out, value);
        self.value_ended();
    }

    fn blob(&mut self, value: &[u8]) {
        self.out.extend_from_slice(scalar::to_base64(value).as_bytes());
        self.value_ended();
    }

    fn timestamp(&mut self, value: Timestamp) {
        let text = if value.millis() % 1000 == 0 { value.iso_seconds() } else { value.iso_millis() };
        self.out.extend_from_slice(text.as_bytes());
        self.value_ended();
    }

    fn begin_structure(&mut self) {}

    fn field(&mut self, name: &'static str) {
        self.start(name);
    }

    fn end_structure(&mut self) {
        self.value_ended();
    }

    fn begin_map(&mut self) {}

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b"<entry><key>");
        push_escaped(&mut self.out, key);
        self.out.extend_from_slice(b"</key><value>");
        self.open.push(Element::Entry);
    }

    fn end_map(&mut self) {
        self.value_ended();
    }

    fn begin_list(&mut self, _: usize) {}

    fn item(&mut self) {
        self.start("member");
    }

    fn end_list(&mut self) {
        self.value_ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(write: impl Fn(&mut XmlWriter)) -> String {
        let mut writer = XmlWriter::new();
        write(&mut writer);
        String::from_utf8(writer.finish()).unwrap()
    }

    #[test]
    fn lists_maps_and_structures_nest() {
        let text = xml(|w| {
            w.begin_structure();
            w.field("Datapoints");
            w.begin_list(2);
            for value in [1.5, f64::NAN] {
                w.item();
                w.begin_structure();
                w.field("Average");
                w.double(value);
                w.end_structure();
            }
            w.end_list();
            w.field("Tags");
            w.begin_map();
            w.key("a<b");
            w.string("c&d");
            w.end_map();
            w.field("Empty");
            w.begin_list(0);
            w.end_list();
            w.field("At");
            w.timestamp(Timestamp(1_767_323_045_000));
            w.field("Later");
            w.timestamp(Timestamp(1_767_323_045_678));
            w.field("Enabled");
            w.boolean(true);
            w.field("Count");
            w.integer(-3);
            w.end_structure();
        });
        assert_eq!(
            text,
            "<Datapoints><member><Average>1.5</Average></member><member><Average>NaN</Average></member></Datapoints>\
             <Tags><entry><key>a&lt;b</key><value>c&amp;d</value></entry></Tags><Empty></Empty>\
             <At>2026-01-02T03:04:05Z</At><Later>2026-01-02T03:04:05.678Z</Later><Enabled>true</Enabled><Count>-3</Count>"
        );
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        assert_eq!(xml(|w| w.string("a\u{1}\u{FFFF}\r\n\té😀\"'")), "a\u{FFFD}\u{FFFD}&#xD;&#xA;\té😀&quot;&#x27;");
    }
}
