//! The condition keys of a call: the global ones, and those of the services that are in the input.
//!
//! Keys of AWS that nothing here gives a value (organizations, VPC endpoints, federation) are absent.

use super::Asking;
use crate::policy::{Context, Values};
use std::borrow::Cow;
use std::collections::BTreeMap;
use wire::shape::Texts;

/// Finds the values of condition keys.
pub(crate) struct CallContext<'a> {
    pub asking: Asking<'a>,
    /// Tags of the user or role, keys in lower case.
    pub tags: &'a BTreeMap<String, String>,
    pub input: &'a dyn Texts,
    pub action: &'a str,
    /// The account that the resource is in.
    pub owner: &'a str,
}

fn one<'a>(value: impl Into<Cow<'a, str>>) -> Option<Values<'a>> {
    Some(vec![value.into()])
}

impl Context for CallContext<'_> {
    fn values(&self, key: &str) -> Option<Values<'_>> {
        let (service, name) = key.split_once(':')?;
        match service {
            "aws" => self.global(name),
            "sts" => self.session(name),
            // CloudTrail user guide, resource-based policy examples: policies of channels name it without `-data`.
            "cloudtrail" if self.action == "cloudtrail-data:PutAuditEvents" && name == "externalid" => {
                self.texts(&["externalId"])
            }
            _ if self.action.split(':').next() == Some(service) => self.of_service(key),
            _ => None,
        }
    }
}

impl CallContext<'_> {
    fn global(&self, name: &str) -> Option<Values<'_>> {
        let caller = self.asking.caller;
        let session = caller.session.as_deref();
        if let Some(tag) = name.strip_prefix("principaltag/") {
            let of_session = session.and_then(|session| find(session.tags.iter().map(pair), tag));
            return one(of_session.or_else(|| self.tags.get(tag).map(String::as_str))?);
        }
        if let Some(tag) = name.strip_prefix("requesttag/") {
            return one(find(self.input.tags().into_iter(), tag)?);
        }
        match name {
            "username" => one(caller.user_name.as_deref()?),
            "userid" => one(caller.principal_id.as_str()),
            "principalarn" => one(session.and_then(|session| session.role_arn.as_deref()).unwrap_or(&caller.arn)),
            "principalaccount" => one(caller.scope.account.as_str()),
            "principaltype" => one(match caller.identity_type.as_str() {
                "Root" => "Account",
                "AssumedRole" => "AssumedRole",
                _ => "User",
            }),
            "sourceip" => one(caller.source_ip.as_str()),
            "useragent" if !caller.user_agent.is_empty() => one(caller.user_agent.as_str()),
            "currenttime" => one(self.asking.now.iso_seconds()),
            "epochtime" => one(self.asking.now.secs().to_string()),
            "securetransport" => one(caller.tls.is_some().to_string()),
            "requestedregion" => one(caller.scope.region.as_str()),
            "viaawsservice" => one("false"),
            "resourceaccount" => one(self.owner),
            "tokenissuetime" => one(session?.began.iso_seconds()),
            // Long-term keys have no such key (global condition context keys: MultiFactorAuthPresent).
            "multifactorauthpresent" => session.and_then(|_| one("false")),
            "federatedprovider" => one(session?.federated_provider.as_deref()?),
            "sourceidentity" => one(session?.source_identity.as_deref()?),
            "tagkeys" => {
                let mut keys: Values<'_> = self.input.tags().into_iter().map(|(key, _)| key.into()).collect();
                keys.extend(
                    ["TagKeys", "tagKeys"].into_iter().flat_map(|member| self.input.texts(member)).map(Cow::Borrowed),
                );
                (!keys.is_empty()).then_some(keys)
            }
            _ => None,
        }
    }

    fn session(&self, name: &str) -> Option<Values<'_>> {
        match name {
            "externalid" => self.texts(&["ExternalId"]),
            "rolesessionname" => self.texts(&["RoleSessionName"]),
            "sourceidentity" => self.texts(&["SourceIdentity"]),
            "transitivetagkeys" => self.texts(&["TransitiveTagKeys"]),
            _ => None,
        }
    }

    fn of_service(&self, key: &str) -> Option<Values<'_>> {
        match key {
            "cloudwatch:namespace" => self.texts(&["Namespace"]),
            "cloudwatch:alarmactions" => self.texts(&["AlarmActions", "OKActions", "InsufficientDataActions"]),
            "logs:destinationarn" => self.texts(&["destinationArn"]),
            "oam:resourcetypes" => self.texts(&["ResourceTypes"]),
            "sns:protocol" => self.texts(&["Protocol"]),
            "sns:endpoint" => self.texts(&["Endpoint", "NotificationEndpoint"]),
            "iam:policyarn" => self.texts(&["PolicyArn"]),
            "iam:permissionsboundary" => self.texts(&["PermissionsBoundary"]),
            _ => None,
        }
    }

    fn texts(&self, members: &[&str]) -> Option<Values<'_>> {
        let values: Values<'_> =
            members.iter().flat_map(|member| self.input.texts(member)).map(Cow::Borrowed).collect();
        (!values.is_empty()).then_some(values)
    }
}

fn pair(pair: &(String, String)) -> (&str, &str) {
    (&pair.0, &pair.1)
}

/// The value of a tag whose key in lower case is `key`: names of condition keys have no case.
fn find<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>, key: &str) -> Option<&'a str> {
    tags.into_iter().find(|(known, _)| known.to_lowercase() == key).map(|(_, value)| value)
}
