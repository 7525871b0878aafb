//! `Document`: the JSON of the embedded metric format, read without building a tree: members stay texts until one is named.

use model::limits::EMF_VALUES_MAX;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

/// Members of an object as they are written, by name; of those with one name the last.
type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue, foldhash::quality::RandomState>;

/// A document of the format.
pub struct Document<'a> {
    /// When it happened.
    pub timestamp: Option<&'a RawValue>,
    /// The directives, each to be read by itself: what is wrong with one says nothing about the others.
    pub directives: Vec<&'a RawValue>,
    /// Members of the root.
    pub members: Members<'a>,
}

/// A text, borrowed where it is written without escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Something that is written as an object: derived code would take an array of its members for it as well.
pub struct AsObject<T>(pub T);

/// What a document says about metrics of one namespace.
#[derive(Deserialize)]
pub struct Directive<'a> {
    /// The namespace.
    #[serde(rename = "Namespace", borrow)]
    pub namespace: Text<'a>,
    /// Sets of names of dimensions.
    #[serde(rename = "Dimensions", borrow, default, deserialize_with = "null_as_empty")]
    pub dimensions: Vec<Vec<Text<'a>>>,
    /// The metrics.
    #[serde(rename = "Metrics", borrow)]
    pub metrics: Vec<AsObject<Definition<'a>>>,
}

/// One metric of a directive.
#[derive(Deserialize)]
pub struct Definition<'a> {
    /// Its name, which is that of a member of the root.
    #[serde(rename = "Name", borrow)]
    pub name: Text<'a>,
    /// Its unit.
    #[serde(rename = "Unit", borrow, default)]
    pub unit: Option<Text<'a>>,
    /// Seconds.
    #[serde(rename = "StorageResolution", default)]
    pub storage_resolution: Option<f64>,
}

impl Text<'_> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> Document<'a> {
    /// Reads a text. `None` when it is JSON that has nothing to do with the format.
    ///
    /// # Errors
    /// It is no JSON object, or its metadata are not what they should be.
    pub fn read(text: &'a str) -> serde_json::Result<Option<Self>> {
        let Object(members) = serde_json::from_str(text)?;
        let Some(metadata) = members.get("_aws") else { return Ok(None) };
        let AsObject(metadata): AsObject<Metadata<'a>> = serde_json::from_str(metadata.get())?;
        let Some(directives) = metadata.directives else { return Ok(None) };
        Ok(Some(Self { timestamp: metadata.timestamp, directives, members }))
    }
}

/// Reads a directive; `None` when it is not what it should be.
pub fn directive(text: &str) -> Option<Directive<'_>> {
    let AsObject(directive) = serde_json::from_str(text).ok()?;
    Some(directive)
}

/// The numbers of a metric's member, a number or an array of at most [`EMF_VALUES_MAX`]; `None` when it is neither.
pub fn numbers(text: &str) -> Option<Vec<f64>> {
    let Numbers(numbers) = serde_json::from_str(text).ok()?;
    Some(numbers)
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(rename = "Timestamp", borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(rename = "CloudWatchMetrics", borrow, default)]
    directives: Option<Vec<&'a RawValue>>,
}

fn null_as_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AsObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AsObjectVisitor(PhantomData)).map(AsObject)
    }
}

struct AsObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AsObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct Object<'a>(Members<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Object)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            members.insert(name, map.next_value()?);
        }
        Ok(members)
    }
}

struct Numbers(Vec<f64>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumbersVisitor).map(Numbers)
    }
}

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Vec<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or an array of numbers")
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(vec![number])
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(vec![number as f64])
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(vec![number as f64])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut numbers = Vec::new();
        while numbers.len() < EMF_VALUES_MAX {
            match array.next_element()? {
                Some(number) => numbers.push(number),
                None => return Ok(numbers),
            }
        }
        match array.next_element::<IgnoredAny>()? {
            None => Ok(numbers),
            Some(_) => Err(A::Error::custom("too many numbers")),
        }
    }
}
