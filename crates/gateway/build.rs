//! Makes static tables of the operations and shapes of the services that the gateway knows, from `models/gateway/`.

use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// In the order of `forms::Service::ALL`.
const SERVICES: [&str; 10] =
    ["s3", "dynamodb", "sqs", "sns", "kms", "lambda", "sts", "secretsmanager", "kinesis", "firehose"];

/// Shapes that a model marks as sensitive, and CloudTrail shows all the same: they name keys, they hold none.
const SHOWN: [&str; 2] = ["SSEKMSKeyId", "NonEmptyKmsKeyArnString"];

/// The shapes that every service shares, by their index: scalars that are not sensitive.
const SCALARS: [(&str, &str); 8] = [
    ("string", "Text"),
    ("integer", "Integer"),
    ("long", "Integer"),
    ("float", "Decimal"),
    ("double", "Decimal"),
    ("boolean", "Boolean"),
    ("timestamp", "Time"),
    ("blob", "Bytes"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let models = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../models/gateway");
    println!("cargo:rerun-if-changed=build.rs");
    let mut shapes = String::new();
    for (_, kind) in SCALARS {
        write!(shapes, "Shape {{ kind: Kind::{kind}, is_secret: false }},")?;
    }
    let mut first = SCALARS.len();
    let mut operations = String::new();
    for service in SERVICES {
        let path = models.join(format!("{service}.json"));
        println!("cargo:rerun-if-changed={}", path.display());
        let model: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let service = Service::read(&model, first)?;
        service.write_shapes(&mut shapes)?;
        operations.push_str("&[");
        service.write_operations(&mut operations)?;
        operations.push_str("],");
        first += service.shapes.len();
    }
    let code = format!(
        "static SHAPES: [Shape; {first}] = [{shapes}];\nstatic OPERATIONS: [&[Operation]; {}] = [{operations}];",
        SERVICES.len()
    );
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("tables.rs"), code)?;
    Ok(())
}

/// One model, its shapes numbered from `first` on.
struct Service<'a> {
    shapes: BTreeMap<&'a str, &'a Value>,
    operations: BTreeMap<&'a str, &'a Value>,
    first: usize,
}

impl<'a> Service<'a> {
    fn read(model: &'a Value, first: usize) -> Result<Self, Box<dyn Error>> {
        let entries = |name: &str| -> Result<BTreeMap<&'a str, &'a Value>, Box<dyn Error>> {
            let object = model[name].as_object().ok_or_else(|| format!("{name} is no object"))?;
            Ok(object.iter().map(|(name, value)| (name.as_str(), value)).collect())
        };
        Ok(Self { shapes: entries("shapes")?, operations: entries("operations")?, first })
    }

    /// The index of the shape that `reference`, a name or an object with one, refers to.
    fn index(&self, reference: &Value) -> Result<usize, Box<dyn Error>> {
        let name = reference.as_str().or(reference["shape"].as_str()).ok_or("a reference without a shape")?;
        if let Some(index) = SCALARS.iter().position(|(scalar, _)| *scalar == name) {
            return Ok(index);
        }
        let index = self.shapes.keys().position(|known| *known == name).ok_or_else(|| format!("no shape {name}"))?;
        Ok(self.first + index)
    }

    fn write_shapes(&self, out: &mut String) -> Result<(), Box<dyn Error>> {
        for (name, shape) in &self.shapes {
            let kind = self.kind(shape).map_err(|error| format!("{name}: {error}"))?;
            let is_secret = shape["sensitive"] == true && !SHOWN.contains(name);
            write!(out, "Shape {{ kind: {kind}, is_secret: {is_secret} }},")?;
        }
        Ok(())
    }

    fn kind(&self, shape: &Value) -> Result<String, Box<dyn Error>> {
        let kind = shape["type"].as_str().ok_or("no type")?;
        if let Some((_, kind)) = SCALARS.iter().find(|(scalar, _)| *scalar == kind) {
            return Ok(format!("Kind::{kind}"));
        }
        Ok(match kind {
            "list" => {
                let item = self.index(&shape["member"])?;
                let item_name = shape["member"]["locationName"].as_str().unwrap_or("member");
                format!("Kind::List {{ item: {item}, item_name: {item_name:?} }}")
            }
            "map" => format!("Kind::Map {{ value: {} }}", self.index(&shape["value"])?),
            "structure" => {
                let mut members = String::new();
                for (name, member) in shape["members"].as_object().ok_or("no members")? {
                    members.push_str(&self.member(name, member, shape)?);
                }
                format!("Kind::Structure {{ members: &[{members}], payload: {:?} }}", shape["payload"].as_str())
            }
            other => return Err(format!("the type {other}").into()),
        })
    }

    fn member(&self, name: &str, member: &Value, structure: &Value) -> Result<String, Box<dyn Error>> {
        let index = self.index(member)?;
        let wire_name = member["locationName"].as_str().unwrap_or(name);
        let place = match member["location"].as_str() {
            None => "Body",
            Some("uri") => "Label",
            Some("querystring") => "Query",
            Some("header") => "Header",
            Some("headers") => "HeaderPrefix",
            Some("statusCode") => "Status",
            Some(other) => return Err(format!("the location {other}").into()),
        };
        let is_required = structure["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
        let of_list = member.as_str().or(member["shape"].as_str()).and_then(|name| self.shapes.get(name));
        let is_flattened = member["flattened"] == true || of_list.is_some_and(|list| list["flattened"] == true);
        Ok(format!(
            "Member {{ name: {name:?}, wire_name: {wire_name:?}, place: Place::{place}, shape: {index}, \
             is_required: {is_required}, is_flattened: {is_flattened} }},"
        ))
    }

    fn write_operations(&self, out: &mut String) -> Result<(), Box<dyn Error>> {
        for (name, operation) in &self.operations {
            let http = &operation["http"];
            let method = http["method"].as_str().unwrap_or("POST");
            let uri = http["requestUri"].as_str().unwrap_or("/");
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let literals: Vec<(&str, &str)> = query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .collect();
            let index = |of: &str| match &operation[of] {
                Value::Null => Ok(None),
                reference => self.index(reference).map(Some),
            };
            write!(
                out,
                "Operation {{ name: {name:?}, method: {method:?}, path: {path:?}, literals: &{literals:?}, \
                 input: {:?}, output: {:?}, is_deprecated: {} }},",
                index("input")?,
                index("output")?,
                operation["deprecated"] == true
            )?;
        }
        Ok(())
    }
}
