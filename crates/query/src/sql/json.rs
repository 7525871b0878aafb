//! `json_extract_scalar`, `json_extract` and `json_array_length`, named and behaving as in Trino and Athena.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Builder, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// One step of a JSON path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

/// A JSON path: `$`, then `.name`, `["name"]` or `[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// Parses a path; the error says what is wrong.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let wrong = |why: &str| format!("JSON path '{text}': {why}");
        let mut rest = text.trim().strip_prefix('$').ok_or_else(|| wrong("it must begin with $"))?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(name) = rest.strip_prefix('.') {
                let end = name.find(['.', '[']).unwrap_or(name.len());
                if end == 0 || name[..end].contains('*') {
                    return Err(wrong("a name is needed after a dot; wildcards are not supported"));
                }
                steps.push(Step::Field(name[..end].to_owned()));
                rest = &name[end..];
            } else if let Some(inner) = rest.strip_prefix('[') {
                let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (close, skip) = match quote {
                    Some('"') => ("\"]", 1),
                    Some(_) => ("']", 1),
                    None => ("]", 0),
                };
                let end = inner[skip..].find(close).ok_or_else(|| wrong("a bracket is not closed"))?;
                let name = &inner[skip..skip + end];
                let number = || name.parse().map_err(|_| wrong("brackets hold a number or a quoted name"));
                steps.push(if quote.is_some() { Step::Field(name.to_owned()) } else { Step::Index(number()?) });
                rest = &inner[skip + end + close.len()..];
            } else {
                return Err(wrong("a dot or a bracket is needed between names"));
            }
        }
        Ok(Self(steps))
    }

    /// The name, of a path of one name.
    pub(super) fn only_field(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Step::Field(name)] => Some(name),
            _ => None,
        }
    }

    /// The value at the path, as it is written; `None` where the text is no JSON or has nothing there.
    fn find<'a>(&self, text: &'a str) -> Option<&'a str> {
        let mut value: &'a RawValue = serde_json::from_str(text).ok()?;
        for step in &self.0 {
            value = Pick(step).deserialize(&mut serde_json::Deserializer::from_str(value.get())).ok()??;
        }
        Some(value.get())
    }
}

/// Takes one member of an object or array and passes over the others.
struct Pick<'p>(&'p Step);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        match self.0 {
            Step::Field(_) => deserializer.deserialize_map(self),
            Step::Index(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let Step::Field(name) = self.0 else { return Err(A::Error::custom("an object has no places")) };
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Is(name))? {
            if is_it && found.is_none() {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let Step::Index(place) = self.0 else { return Err(A::Error::custom("an array has no names")) };
        let mut found = None;
        let mut at = 0;
        loop {
            if at == *place {
                found = seq.next_element()?;
                if found.is_none() {
                    return Ok(None);
                }
            } else if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(found);
            }
            at += 1;
        }
    }
}

/// Whether a key is the wanted one, escapes resolved.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> std::result::Result<bool, E> {
        Ok(key == self.0)
    }
}

/// A string without its quotes, a number or a boolean as it is written; `None` for null, objects and arrays.
fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok().map(|text: String| text.into()),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.into()),
    }
}

/// Which of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    ExtractScalar,
    Extract,
    ArrayLength,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    kind: Kind,
    signature: Signature,
}

/// All functions of this file.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let of = |kind, arguments| {
        let signature = Signature::new(TypeSignature::String(arguments), Volatility::Immutable);
        ScalarUDF::new_from_impl(JsonFunction { kind, signature })
    };
    vec![of(Kind::ExtractScalar, 2), of(Kind::Extract, 2), of(Kind::ArrayLength, 1)]
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::ExtractScalar => "json_extract_scalar",
            Kind::Extract => "json_extract",
            Kind::ArrayLength => "json_array_length",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(if self.kind == Kind::ArrayLength { DataType::Int64 } else { DataType::Utf8View })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let texts =
            |value: &ColumnarValue| -> Result<ArrayRef> { Ok(cast(&value.to_array(rows)?, &DataType::Utf8View)?) };
        let mut arguments = args.args.iter();
        let missing = || plan_datafusion_err!("{} misses an argument", self.name());
        let documents = texts(arguments.next().ok_or_else(missing)?)?;
        let documents = documents.as_string_view();
        if self.kind == Kind::ArrayLength {
            return Ok(ColumnarValue::Array(lengths(documents)));
        }
        let paths = arguments.next().ok_or_else(missing)?;
        let scalars = self.kind == Kind::ExtractScalar;
        // A path is nearly always a literal, parsed once.
        if let ColumnarValue::Scalar(path) = paths {
            let path = path.try_as_str().flatten();
            let path = path.map(Path::parse).transpose().map_err(|why| plan_datafusion_err!("{why}"))?;
            return Ok(ColumnarValue::Array(extract_one(documents, scalars, path.as_ref())));
        }
        let paths = texts(paths)?;
        let paths = paths.as_string_view();
        let path = |at: usize| match paths.is_null(at) {
            true => Ok(None),
            false => Path::parse(paths.value(at)).map(Some).map_err(|why| plan_datafusion_err!("{why}")),
        };
        Ok(ColumnarValue::Array(extract(documents, scalars, path)?))
    }
}

/// What one path finds. Rows of a metric's series come together and have the same dimensions, which are looked at once.
fn extract_one(documents: &StringViewArray, scalars: bool, path: Option<&Path>) -> ArrayRef {
    let mut values = StringViewBuilder::with_capacity(documents.len());
    let (mut seen, mut found) = (None, None);
    for document in documents.iter() {
        if document.is_none() || document != seen {
            let raw = document.zip(path).and_then(|(document, path)| path.find(document));
            found = if scalars { raw.and_then(scalar) } else { raw.map(Cow::Borrowed) };
            seen = document;
        }
        values.append_option(found.as_deref());
    }
    Arc::new(values.finish())
}

fn extract(
    documents: &StringViewArray,
    scalars: bool,
    path: impl Fn(usize) -> Result<Option<Path>>,
) -> Result<ArrayRef> {
    let mut values = StringViewBuilder::with_capacity(documents.len());
    for (at, document) in documents.iter().enumerate() {
        let Some((document, path)) = document.zip(path(at)?) else {
            values.append_null();
            continue;
        };
        let raw = path.find(document);
        match scalars {
            true => values.append_option(raw.and_then(scalar)),
            false => values.append_option(raw),
        }
    }
    Ok(Arc::new(values.finish()))
}

fn lengths(documents: &StringViewArray) -> ArrayRef {
    let mut lengths = Int64Builder::with_capacity(documents.len());
    let length = |text: &str| serde_json::from_str::<Vec<IgnoredAny>>(text).ok().map(|items| items.len() as i64);
    documents.iter().for_each(|document| lengths.append_option(document.and_then(length)));
    Arc::new(lengths.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, path: &str) -> Option<String> {
        Path::parse(path).unwrap().find(text).and_then(scalar).map(|value| value.into_owned())
    }

    #[test]
    fn paths_lead_to_scalars() {
        let text = r#"{"a":{"b":[1,{"c d":"x\"y\u0041"}],"n":null,"t":true},"a":2, "dotted.name": 1.50}"#;
        assert_eq!(find(text, "$.a.b[0]").as_deref(), Some("1"));
        assert_eq!(find(text, "$.a.b[1]['c d']").as_deref(), Some("x\"yA"));
        assert_eq!(find(text, "$.a.b[1][\"c d\"]").as_deref(), Some("x\"yA"));
        assert_eq!(find(text, "$[\"dotted.name\"]").as_deref(), Some("1.50"));
        assert_eq!(find(text, "$.a.t").as_deref(), Some("true"));
        for nothing in ["$.a.n", "$.a.b", "$.a", "$.a.b[2]", "$.b", "$[0]", "$.a.t.x"] {
            assert_eq!(find(text, nothing), None, "{nothing}");
        }
        for no_json in ["", "plain text", "{\"a\":", "{\"a\":1} x"] {
            assert_eq!(find(no_json, "$.a"), None, "{no_json}");
        }
        let deep = "[".repeat(5000);
        assert_eq!(find(&deep, "$[0]"), None);
    }

    /// The store's columns stand in for `$.name`: both must say the same of every line, however odd.
    #[test]
    fn a_member_of_a_line_is_what_the_store_takes_it_for() {
        let lines = [
            r#"{"a":1}"#,
            " \t\r\n{\"a\" : \"x\" } ",
            r#"{"a":null,"a":2}"#,
            r#"{"a":"x\"y\u00e9\n","b":"\ud800"}"#,
            r#"{"b":1,"\ud800":2,"a":3}"#,
            r#"{"\u0061":"escaped"}"#,
            r#"{"a":{"a":1}}"#,
            r#"{"a":[1],"b":-0.0e1}"#,
            r#"{"a":true,"b":false,}"#,
            r#"{"a":1} x"#,
            r#"{"a":1}{"a":2}"#,
            r#"[{"a":1}]"#,
            r#"{"a":01}"#,
            r#"{"a":"unfinished"#,
            "\u{c}{\"a\":1}",
            "\u{feff}{\"a\":1}",
            "{\"a\":\"tab\tinside\"}",
            "",
            "plain",
        ];
        let deep = format!("{{\"a\":1,\"b\":{}{}}}", "[".repeat(300), "]".repeat(300));
        for line in lines.into_iter().chain([deep.as_str()]) {
            for name in ["a", "b", "c"] {
                let member = store::LogField::Member(name.into());
                let stored = member.value(line).map(Cow::into_owned);
                assert_eq!(find(line, &format!("$.{name}")), stored, "{name} of {line:?}");
            }
        }
    }

    #[test]
    fn wrong_paths_say_why() {
        for wrong in ["a", "$a", "$.", "$.a..b", "$[", "$[x]", "$.*", "$['a]", "$[-1]"] {
            assert!(Path::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
        assert_eq!(Path::parse("$.InstanceId").unwrap().only_field(), Some("InstanceId"));
        assert_eq!(Path::parse("$.a.b").unwrap().only_field(), None);
    }
}
