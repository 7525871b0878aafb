//! The identity of a metric: namespace, name and labels, under the names that AWS documents for PromQL.
//!
//! Attributes of a point have their own names, those of the resource begin with `@resource.`, those of the scope with
//! `@instrumentation.`, whose fields are `@instrumentation.@name` and `@instrumentation.@version`. When there are more than 30,
//! those of the resource that do not begin with `service.` go first, from the end of the alphabet.

use super::message::{AnyValue, InstrumentationScope, KeyValue, Resource, Value};
use crate::dimensions::Dimensions;
use std::borrow::Cow;

/// Namespace of metrics whose resource has no `service.name`.
const DEFAULT_NAMESPACE: &str = "OTel";
const SERVICE_NAME: &str = "service.name";

/// What the points of one resource and scope share.
#[derive(Debug)]
pub struct Origin {
    /// Name of the namespace.
    pub namespace: String,
    /// Labels of scope and resource, the most telling first.
    labels: Vec<(String, String)>,
}

impl Origin {
    /// `namespace` is what the request says.
    pub fn of(namespace: Option<&str>, resource: Option<&Resource>, scope: Option<&InstrumentationScope>) -> Self {
        let resource = resource.map_or(&[][..], |resource| &resource.attributes);
        let service = || resource.iter().find(|attribute| attribute.key == SERVICE_NAME).and_then(text_of);
        let namespace = namespace.map(Cow::Borrowed).or_else(service);
        let namespace = namespace.filter(|name| is_namespace(name)).map_or(DEFAULT_NAMESPACE.into(), Cow::into_owned);
        let mut labels = Vec::new();
        if let Some(scope) = scope {
            labels.push(("@instrumentation.@name".to_owned(), scope.name.clone()));
            labels.push(("@instrumentation.@version".to_owned(), scope.version.clone()));
            labels.extend(prefixed("@instrumentation.", &scope.attributes));
        }
        let mut of_resource: Vec<_> = prefixed("@resource.", resource).collect();
        of_resource.sort_by_cached_key(|(name, _)| (!name.starts_with("@resource.service."), name.clone()));
        labels.extend(of_resource);
        Self { namespace, labels }
    }

    /// The dimensions of a point, or why it has none.
    pub fn dimensions(&self, attributes: &[KeyValue], extra: Option<(&str, &str)>) -> Result<Dimensions, &'static str> {
        let mut dimensions = Dimensions::default();
        for attribute in attributes {
            // An empty label is no label.
            if let Some(value) = text_of(attribute) {
                dimensions.require(&attribute.key, &value)?;
            }
        }
        if let Some((name, value)) = extra {
            dimensions.require(name, value)?;
        }
        for (name, value) in &self.labels {
            dimensions.add(name, value);
        }
        Ok(dimensions)
    }
}

/// True for what PutMetricData takes as a namespace.
pub fn is_namespace(name: &str) -> bool {
    (1..=255).contains(&name.chars().count()) && !name.starts_with(':') && crate::dimensions::is_printable(name)
}

fn prefixed<'a>(prefix: &'a str, attributes: &'a [KeyValue]) -> impl Iterator<Item = (String, String)> + 'a {
    attributes
        .iter()
        .filter_map(move |attribute| Some((format!("{prefix}{}", attribute.key), text_of(attribute)?.into_owned())))
}

/// The value of an attribute as the value of a label: text as it is, everything else as JSON.
fn text_of(attribute: &KeyValue) -> Option<Cow<'_, str>> {
    let value: &AnyValue = attribute.value.as_ref()?;
    match value.value.as_ref()? {
        Value::Text(text) => Some(Cow::Borrowed(text.as_str())),
        _ => serde_json::to_string(value).ok().map(Cow::Owned),
    }
    .filter(|text| !text.is_empty())
}
