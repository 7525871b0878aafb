//! The entity of a PutLogEvents call: what is wrong with it, by the rules of the `Entity` reference page.

use std::collections::BTreeMap;
use wire::logs::{Entity, RejectedEntityInfo};

/// Types that key attributes may name, each with the further keys it must have.
const TYPES: [(&str, &[&str]); 5] = [
    ("Service", &["Name", "Environment"]),
    ("RemoteService", &["Name"]),
    ("AWS::Service", &["Name"]),
    ("Resource", &["ResourceType", "Identifier"]),
    ("AWS::Resource", &["ResourceType", "Identifier"]),
];
/// All key attributes that exist.
const KEYS: [&str; 5] = ["Type", "ResourceType", "Identifier", "Name", "Environment"];

/// Why the entity is not taken; `None` when it is right.
pub(super) fn rejected(entity: &Entity) -> Option<RejectedEntityInfo> {
    error_type(entity.key_attributes.as_ref()).map(|error| RejectedEntityInfo { error_type: error.to_owned() })
}

fn error_type(keys: Option<&BTreeMap<String, String>>) -> Option<&'static str> {
    let Some(keys) = keys else { return Some("MissingRequiredFields") };
    let Some(kind) = keys.get("Type") else { return Some("MissingRequiredFields") };
    let Some((_, required)) = TYPES.iter().find(|(name, _)| name == kind) else { return Some("InvalidTypeValue") };
    if keys.keys().any(|key| !KEYS.contains(&key.as_str())) {
        return Some("InvalidKeyAttributes");
    }
    required.iter().any(|key| !keys.contains_key(*key)).then_some("MissingRequiredFields")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_type() {
        let check = |pairs: &[(&str, &str)]| {
            let keys = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            error_type(Some(&keys))
        };
        assert_eq!(check(&[("Type", "Service"), ("Name", "api"), ("Environment", "prod")]), None);
        assert_eq!(check(&[("Type", "Service"), ("Name", "api")]), Some("MissingRequiredFields"));
        assert_eq!(check(&[("Name", "api"), ("Environment", "prod")]), Some("MissingRequiredFields"));
        assert_eq!(check(&[("Type", "Nonsense"), ("Name", "api")]), Some("InvalidTypeValue"));
        assert_eq!(check(&[("Type", "RemoteService"), ("Nom", "api")]), Some("InvalidKeyAttributes"));
        assert_eq!(error_type(None), Some("MissingRequiredFields"));
    }
}
