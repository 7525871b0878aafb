//! The operations and shapes of the services, as tables made from `models/gateway/` when the crate is built.

use super::Service;

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    pub method: &'static str,
    /// With labels in braces; `{Key+}` takes slashes as well.
    pub path: &'static str,
    /// Parameters that the query must have: name and value, which is mostly empty.
    pub literals: &'static [(&'static str, &'static str)],
    pub input: Option<Index>,
    pub output: Option<Index>,
    pub is_deprecated: bool,
}

/// Of a shape, among those of all services.
pub type Index = usize;

#[derive(Debug)]
pub struct Shape {
    pub kind: Kind,
    /// The model marks it as sensitive.
    pub is_secret: bool,
}

#[derive(Debug)]
pub enum Kind {
    Text,
    Integer,
    Decimal,
    Boolean,
    Time,
    Bytes,
    /// `item_name` is what items are called in XML.
    List {
        item: Index,
        item_name: &'static str,
    },
    Map {
        value: Index,
    },
    /// `payload` is the member that is the whole body.
    Structure {
        members: &'static [Member],
        payload: Option<&'static str>,
    },
}

#[derive(Debug)]
pub struct Member {
    pub name: &'static str,
    /// What it is called where it stands, if that is another name.
    pub wire_name: &'static str,
    pub place: Place,
    pub shape: Index,
    /// Told of parameters of the query alone.
    pub is_required: bool,
    /// A list whose items stand in its own place in XML.
    pub is_flattened: bool,
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Body,
    Label,
    Query,
    Header,
    HeaderPrefix,
    Status,
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// The operations of `service`, by name.
pub fn operations(service: Service) -> &'static [Operation] {
    OPERATIONS.get(service as usize).copied().unwrap_or_default()
}

/// The operation of `service` called `name`.
pub fn operation(service: Service, name: &str) -> Option<&'static Operation> {
    let operations = operations(service);
    let at = operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
    operations.get(at)
}

/// A shape of the tables.
pub fn shape(index: Index) -> &'static Shape {
    const UNKNOWN: Shape = Shape { kind: Kind::Bytes, is_secret: true };
    SHAPES.get(index).unwrap_or(&UNKNOWN)
}

/// The members of a structure; none of anything else.
pub fn members(index: Option<Index>) -> &'static [Member] {
    match index.map(|index| &shape(index).kind) {
        Some(Kind::Structure { members, .. }) => members,
        _ => &[],
    }
}

/// The member that is the whole body, if one is.
pub fn payload(index: Option<Index>) -> Option<&'static Member> {
    match index.map(|index| &shape(index).kind) {
        Some(Kind::Structure { members, payload: Some(payload) }) => members.iter().find(|m| m.name == *payload),
        _ => None,
    }
}
