//! An answer to a request to S3, free of any HTTP library.

use bytes::Bytes;
use futures::stream::BoxStream;

/// See the module.
#[derive(Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, or its beginning where a rest follows.
    pub body: Bytes,
    /// What follows piece by piece.
    pub rest: Option<BoxStream<'static, Bytes>>,
}

impl Reply {
    /// A document of S3.
    pub fn xml(document: Vec<u8>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
        Self { status: 200, headers, body: Bytes::from(document), rest: None }
    }
}
