//! A service model as it stands in `models/*.json`: operations, shapes, and their constraints.

use serde::Deserialize;
use serde_json::Map;
use std::collections::{BTreeMap, HashSet};

/// A service model.
#[derive(Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

/// What is said about the service as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub service_full_name: Option<String>,
    pub service_id: String,
}

/// One operation.
#[derive(Deserialize)]
pub struct Operation {
    #[serde(default)]
    pub http: Http,
    pub input: Option<Reference>,
    pub output: Option<Reference>,
    #[serde(default)]
    pub deprecated: bool,
}

/// Where a REST operation lives.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
}

impl Default for Http {
    fn default() -> Self {
        Self { method: "POST".to_owned(), request_uri: "/".to_owned() }
    }
}

/// One shape: a structure, list, map or scalar.
#[derive(Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    members: Map<String, serde_json::Value>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    // Longs of the models fit an i64.
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    #[serde(default)]
    pub sensitive: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
    pub error: Option<ErrorTrait>,
}

/// The error trait of an exception shape.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    pub code: Option<String>,
    pub http_status_code: Option<u16>,
}

/// A reference to a shape: its bare name, or an object with traits.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Reference {
    Plain(String),
    #[serde(rename_all = "camelCase")]
    Traits {
        shape: String,
        location: Option<String>,
        location_name: Option<String>,
    },
}

impl Reference {
    /// The shape's name.
    pub fn shape(&self) -> &str {
        match self {
            Reference::Plain(shape) | Reference::Traits { shape, .. } => shape,
        }
    }

    /// The name of the parameter, when the member travels in the URL's query or path.
    pub fn in_url(&self) -> Option<&str> {
        match self {
            Reference::Traits { location: Some(location), location_name: Some(name), .. } => {
                matches!(location.as_str(), "querystring" | "uri").then_some(name)
            }
            _ => None,
        }
    }
}

/// A member of a structure.
pub struct Member {
    pub name: String,
    pub reference: Reference,
    pub required: bool,
}

impl Shape {
    /// The members in the model's order. Exceptions have no required members: the message is given apart from them.
    pub fn members(&self) -> Result<Vec<Member>, serde_json::Error> {
        let member = |(name, value): (&String, &serde_json::Value)| {
            Ok(Member {
                required: !self.exception && self.required.contains(name),
                name: name.clone(),
                reference: serde_json::from_value(value.clone())?,
            })
        };
        self.members.iter().map(member).collect()
    }
}

impl Model {
    /// The shape called `name`.
    pub fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("no shape {name} in {}", self.metadata.service_id))
    }

    /// True when structure `from` is, or holds without a list or map between, structure `to`.
    pub fn holds(&self, from: &str, to: &str) -> Result<bool, Box<dyn std::error::Error>> {
        let mut seen = HashSet::new();
        let mut open = vec![from.to_owned()];
        while let Some(next) = open.pop() {
            if next == to {
                return Ok(true);
            }
            if self.shape(&next)?.kind == "structure" && seen.insert(next.clone()) {
                let members = self.shape(&next)?.members()?;
                open.extend(members.iter().map(|member| member.reference.shape().to_owned()));
            }
        }
        Ok(false)
    }
}
