//! Entities that metrics and logs may be said to come from: what is wrong with one, by the rules of the Entity reference.

use std::collections::BTreeMap;

/// Types that the key attribute `Type` may name, each with the further keys it must have.
const TYPES: [(&str, &[&str]); 5] = [
    ("Service", &["Name", "Environment"]),
    ("RemoteService", &["Name"]),
    ("AWS::Service", &["Name"]),
    ("Resource", &["ResourceType", "Identifier"]),
    ("AWS::Resource", &["ResourceType", "Identifier"]),
];
/// All key attributes that exist.
const KEYS: [&str; 5] = ["Type", "ResourceType", "Identifier", "Name", "Environment"];
/// Most key attributes.
const KEYS_MAX: usize = 4;
/// Most other attributes.
const ATTRIBUTES_MAX: usize = 10;
/// Longest name of an attribute, characters.
const NAME_CHARS_MAX: usize = 256;
/// Longest value, characters.
const VALUE_CHARS_MAX: usize = 2048;

type Attributes = BTreeMap<String, String>;

/// AWS's word for what is wrong with an entity; `None` when it is right.
pub(crate) fn mistake(keys: Option<&Attributes>, attributes: Option<&Attributes>) -> Option<&'static str> {
    let Some(keys) = keys else { return Some("MissingRequiredFields") };
    if keys.len() > KEYS_MAX || attributes.is_some_and(|list| list.len() > ATTRIBUTES_MAX) {
        return Some("EntitySizeTooLarge");
    }
    let Some(kind) = keys.get("Type") else { return Some("MissingRequiredFields") };
    let Some((_, required)) = TYPES.iter().find(|(name, _)| name == kind) else { return Some("InvalidTypeValue") };
    let is_value = |value: &String| !value.is_empty() && value.chars().count() <= VALUE_CHARS_MAX;
    if keys.iter().any(|(key, value)| !KEYS.contains(&key.as_str()) || !is_value(value)) {
        return Some("InvalidKeyAttributes");
    }
    if required.iter().any(|key| !keys.contains_key(*key)) {
        return Some("MissingRequiredFields");
    }
    let is_name = |name: &String| !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX;
    let bad = attributes.is_some_and(|list| list.iter().any(|(name, value)| !is_name(name) || !is_value(value)));
    bad.then_some("InvalidAttributes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Attributes {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_mistake_has_its_word() {
        let check = |pairs: &[(&str, &str)]| mistake(Some(&map(pairs)), None);
        assert_eq!(check(&[("Type", "Service"), ("Name", "api"), ("Environment", "prod")]), None);
        assert_eq!(check(&[("Type", "Service"), ("Name", "api")]), Some("MissingRequiredFields"));
        assert_eq!(check(&[("Name", "api"), ("Environment", "prod")]), Some("MissingRequiredFields"));
        assert_eq!(check(&[("Type", "Nonsense"), ("Name", "api")]), Some("InvalidTypeValue"));
        assert_eq!(check(&[("Type", "RemoteService"), ("Nom", "api")]), Some("InvalidKeyAttributes"));
        assert_eq!(check(&[("Type", "RemoteService"), ("Name", &"x".repeat(2049))]), Some("InvalidKeyAttributes"));
        assert_eq!(mistake(None, None), Some("MissingRequiredFields"));
        let good = map(&[("Type", "RemoteService"), ("Name", "api")]);
        assert_eq!(mistake(Some(&good), Some(&map(&[("", "v")]))), Some("InvalidAttributes"));
        let many = (0..11).map(|i| (i.to_string(), "v".to_owned())).collect();
        assert_eq!(mistake(Some(&good), Some(&many)), Some("EntitySizeTooLarge"));
    }
}
