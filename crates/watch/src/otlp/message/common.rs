//! `AnyValue` and what logs and metrics share: attributes, resources, scopes.

use crate::otlp::proto_json::{integer, nullable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// A value of any kind, or none.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Value>,
}

/// What an `AnyValue` holds.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
    #[prost(message, tag = "6")]
    Map(KeyValueList),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

/// A list of values.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub values: Vec<AnyValue>,
}

/// A map, as the list of its pairs.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub values: Vec<KeyValue>,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub struct KeyValue {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// What the telemetry is of.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resource {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
}

/// What made the telemetry: a library.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InstrumentationScope {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "nullable")]
    pub version: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<KeyValue>,
}

/// Plain JSON: what the value means, not how OTLP writes it. Bytes are Base64; JSON has no infinities, so these are text.
impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            None => serializer.serialize_unit(),
            Some(Value::Text(text)) => serializer.serialize_str(text),
            Some(Value::Bool(flag)) => serializer.serialize_bool(*flag),
            Some(Value::Int(number)) => serializer.serialize_i64(*number),
            Some(Value::Double(number)) if number.is_finite() => serializer.serialize_f64(*number),
            Some(Value::Double(number)) => serializer.serialize_str(match number {
                number if number.is_nan() => "NaN",
                number if *number > 0.0 => "Infinity",
                _ => "-Infinity",
            }),
            Some(Value::Bytes(bytes)) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Some(Value::Array(array)) => {
                let mut list = serializer.serialize_seq(Some(array.values.len()))?;
                for value in &array.values {
                    list.serialize_element(value)?;
                }
                list.end()
            }
            Some(Value::Map(map)) => Attributes(&map.values).serialize(serializer),
        }
    }
}

/// Attributes as one JSON object.
pub struct Attributes<'a>(pub &'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for attribute in self.0 {
            map.serialize_entry(&attribute.key, &attribute.value)?;
        }
        map.end()
    }
}

/// `{"stringValue": "…"}` and its like; unknown members are passed over.
impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = AnyValue;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with one of stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue, bytesValue")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyValue, A::Error> {
                let mut value = None;
                while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                    let read = match &*name {
                        "stringValue" => map.next_value::<Option<String>>()?.map(Value::Text),
                        "boolValue" => map.next_value::<Option<bool>>()?.map(Value::Bool),
                        "intValue" => map.next_value::<Option<Whole>>()?.map(|Whole(number)| Value::Int(number)),
                        "doubleValue" => map.next_value::<Option<Real>>()?.map(|Real(number)| Value::Double(number)),
                        "arrayValue" => map.next_value::<Option<ArrayValue>>()?.map(Value::Array),
                        "kvlistValue" => map.next_value::<Option<KeyValueList>>()?.map(Value::Map),
                        "bytesValue" => map.next_value::<Option<Blob>>()?.map(|Blob(bytes)| Value::Bytes(bytes)),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            None
                        }
                    };
                    value = read.or(value);
                }
                Ok(AnyValue { value })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct Whole(#[serde(deserialize_with = "integer")] i64);

#[derive(Deserialize)]
struct Real(#[serde(deserialize_with = "crate::otlp::proto_json::real")] f64);

#[derive(Deserialize)]
struct Blob(#[serde(deserialize_with = "crate::otlp::proto_json::base64")] Vec<u8>);
