//! Documents of S3, element by element.

use wire::xml::push_escaped;

/// The namespace of every document but errors.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document on its way.
pub struct Xml(Vec<u8>);

impl Xml {
    /// An empty document.
    pub fn new() -> Self {
        Self(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec())
    }

    /// Begins the outermost element of an answer.
    pub fn root(&mut self, name: &str) {
        self.0.extend_from_slice(format!("<{name} xmlns=\"{NAMESPACE}\">").as_bytes());
    }

    /// Begins an element.
    pub fn open(&mut self, name: &str) {
        self.0.extend_from_slice(format!("<{name}>").as_bytes());
    }

    /// Ends an element.
    pub fn close(&mut self, name: &str) {
        self.0.extend_from_slice(format!("</{name}>").as_bytes());
    }

    /// An element with nothing but text in it.
    pub fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        push_escaped(&mut self.0, text);
        self.close(name);
    }

    /// The document.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}
