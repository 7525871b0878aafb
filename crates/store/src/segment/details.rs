//! Members of a record that have columns although `Event` does not keep them.

use super::skeleton::marker;
use std::borrow::Cow;

/// The text columns, in the order of `Details::texts`, and the byte that stands for each in a skeleton, where one does.
pub(crate) const TEXTS: [(&str, Option<u8>); 8] = [
    ("event_version", None),
    ("event_type", None),
    ("user_type", None),
    ("principal_id", Some(marker::PRINCIPAL_ID)),
    ("session_issuer_arn", Some(marker::SESSION_ISSUER_ARN)),
    ("user_agent", Some(marker::USER_AGENT)),
    ("error_message", Some(marker::ERROR_MESSAGE)),
    ("vpc_endpoint_id", Some(marker::VPC_ENDPOINT_ID)),
];

/// What a record has for these columns; `None` where it has nothing.
#[derive(Debug, Default)]
pub(super) struct Details<'a> {
    pub texts: [Option<Cow<'a, str>>; 8],
    pub request_id: Option<Cow<'a, str>>,
    pub management_event: Option<bool>,
}

impl<'a> Details<'a> {
    /// Keeps a string of the record, given as it is between its quotes, if it is one of ours; answers the byte that can
    /// stand for it.
    pub(super) fn take(&mut self, path: &Path<'_>, text: &'a str) -> Option<u8> {
        let place = match (path.depth, path.name()) {
            (1, b"eventVersion") => 0,
            (1, b"eventType") => 1,
            (2, b"type") if path.is_in(&[b"userIdentity"]) => 2,
            (2, b"principalId") if path.is_in(&[b"userIdentity"]) => 3,
            (4, b"arn") if path.is_in(&[b"userIdentity", b"sessionContext", b"sessionIssuer"]) => 4,
            (1, b"userAgent") => 5,
            (1, b"errorMessage") => 6,
            (1, b"vpcEndpointId") => 7,
            (1, b"requestID") => {
                let kept = keep(&mut self.request_id, text);
                return kept.then_some(marker::REQUEST_ID);
            }
            _ => return None,
        };
        let kept = keep(&mut self.texts[place], text);
        TEXTS[place].1.filter(|_| kept)
    }

    /// The same for `true` and `false`.
    pub(super) fn literal(&mut self, path: &Path<'_>, word: &str) {
        if path.depth == 1 && path.name() == b"managementEvent" {
            self.management_event = Some(word == "true");
        }
    }
}

/// Keeps the text; false when the column then differs from what the record has, or had a value before.
fn keep<'a>(column: &mut Option<Cow<'a, str>>, text: &'a str) -> bool {
    if text.is_empty() || column.is_some() {
        return false;
    }
    if text.contains('\\') {
        *column = serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Cow::Owned);
        return false;
    }
    *column = Some(Cow::Borrowed(text));
    true
}

/// Deepest level whose names are told apart.
const DEPTH_MAX: usize = 7;

/// Where in a record the reader is: the names that lead there.
#[derive(Debug, Default)]
pub(super) struct Path<'a> {
    depth: usize,
    names: [&'a [u8]; DEPTH_MAX + 1],
}

impl<'a> Path<'a> {
    /// A member's name was read.
    pub(super) fn enter(&mut self, name: &'a [u8]) {
        self.names[self.depth.min(DEPTH_MAX)] = name;
    }

    /// A byte outside of strings was read.
    pub(super) fn step(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.enter(b"");
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// How many brackets are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The name of the member, or of the nearest one around an element of a list.
    pub(super) fn name(&self) -> &'a [u8] {
        let names = self.names.get(..=self.depth.min(DEPTH_MAX)).unwrap_or_default();
        names.iter().rev().find(|name| !name.is_empty()).copied().unwrap_or_default()
    }

    fn is_in(&self, names: &[&[u8]]) -> bool {
        self.names.get(1..=names.len()) == Some(names)
    }
}
