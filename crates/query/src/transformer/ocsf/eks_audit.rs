//! Audit logs of Kubernetes in EKS as API Activity.
//!
//! Ours: of fields of `user.extra`, which are lists, the first counts; the type of a resource of a resource has a slash,
//! `pods/log`; mounts of a container are joined by commas.

use super::super::Fields;
use super::super::config::OcsfVersion;
use super::activities::of_verb;
use super::event::{Class, Event, Observable, as_text};
use super::raw::Raw;
use model::Timestamp;
use serde_json::{Value, json};

const CLASS: Class = Class { uid: 6003, name: "API Activity", category_uid: 6, category_name: "Application Activity" };

pub(super) fn event(mut raw: Raw, version: OcsfVersion) -> Option<Event> {
    let time = Timestamp::parse_iso(raw.text("stageTimestamp")?)?;
    let verb = raw.text("verb")?.to_owned();
    raw.text("auditID")?;
    let mut event = Event::new(CLASS, version, &["cloud", "datetime"]);
    event.put("metadata.product.name", "Amazon EKS");
    event.put("metadata.product.feature.name", "Elastic Kubernetes Service");
    event.put("actor.user.type_id", 0);
    event.activity(CLASS, of_verb(&verb), &verb);
    event.time(time);
    raw.take("stageTimestamp");
    let moved = [
        ("level", "metadata.log_level"),
        ("apiVersion", "metadata.product.version"),
        ("auditID", "api.request.uid"),
        ("stage", "message"),
        ("requestURI", "http_request.url.path"),
        ("userAgent", "http_request.user_agent"),
        ("verb", "api.operation"),
        ("user.username", "actor.user.name"),
        ("user.uid", "actor.user.uid"),
        ("objectRef.apiVersion", "api.version"),
        ("objectRef.apiGroup", "api.group.name"),
        ("responseStatus.code", "api.response.code"),
        ("responseStatus.message", "api.response.message"),
        ("responseStatus.reason", "api.response.error"),
        ("responseStatus.status", "api.response.error_message"),
    ];
    event.move_all(&mut raw, &moved);
    started(&mut event, &mut raw, version);
    actor(&mut event, &mut raw, version);
    resource(&mut event, &mut raw);
    for (from, to) in [("requestObject", "api.request"), ("responseObject", "api.response")] {
        containers(&mut event, &mut raw, from, to, version);
    }
    if version == OcsfVersion::V1_5 {
        event.put("metadata.log_name", raw.take("kind"));
        event.put("policy.name", raw.take_at(&["annotations", "authorization.k8s.io/reason"]));
        event.put("api.request.data", as_text(raw.take("requestObject")));
        event.put("api.response.data", as_text(raw.take("responseObject")));
    }
    event.observe("actor.user.name", Observable::UserName);
    event.observe("src_endpoint.ip", Observable::IpAddress);
    event.observe("http_request.url.path", Observable::Url);
    Some(event.rest(raw))
}

fn started(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    let Some(at) = raw.text("requestReceivedTimestamp").and_then(Timestamp::parse_iso) else { return };
    raw.take("requestReceivedTimestamp");
    match version {
        OcsfVersion::V1_1 => event.put("start_time", at.0),
        OcsfVersion::V1_5 => event.put("start_time_dt", at.iso_millis()),
    }
}

fn actor(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    if raw.get("user.groups").is_some_and(Value::is_array)
        && let Some(Value::Array(groups)) = raw.take("user.groups")
    {
        event.put("actor.user.groups", groups.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>());
    }
    for (from, to) in [
        ("user.extra.accessKeyId", "actor.session.credential_uid"),
        ("user.extra.canonicalArn", "actor.session.issuer"),
        ("user.extra.sessionName", "actor.session.uid"),
        ("user.extra.arn", "cloud.account.uid"),
    ] {
        event.put(to, raw.take_first(from));
    }
    if version == OcsfVersion::V1_5 {
        event.put("actor.user.uid_alt", raw.take_first("user.extra.principalId"));
    }
    if raw.get("sourceIPs").is_some_and(Value::is_array)
        && let Some(Value::Array(addresses)) = raw.take("sourceIPs")
    {
        let mut addresses = addresses.into_iter();
        event.put("src_endpoint.ip", addresses.next());
        let others: Vec<Value> = addresses.collect();
        event.put("src_endpoint.intermediate_ips", (!others.is_empty()).then_some(others));
    }
}

fn resource(event: &mut Event, raw: &mut Raw) {
    let mut resource = Fields::new();
    let kind = raw.take("objectRef.resource");
    let part = raw.take("objectRef.subresource");
    let kind = match (kind.as_ref().and_then(Value::as_str), part.as_ref().and_then(Value::as_str)) {
        (Some(kind), Some(part)) => Some(Value::from(format!("{kind}/{part}"))),
        (kind, part) => kind.or(part).map(Value::from),
    };
    let members = [
        ("name", raw.take("objectRef.name")),
        ("namespace", raw.take("objectRef.namespace")),
        ("uid", raw.take("objectRef.uid")),
        ("version", raw.take("objectRef.resourceVersion")),
        ("type", kind),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            resource.insert(name.to_owned(), value);
        }
    }
    if let Some(uid) = resource.get("uid").and_then(Value::as_str) {
        event.observed("resources[].uid", Observable::ResourceUid, uid);
    }
    if !resource.is_empty() {
        event.put("resources", json!([resource]));
    }
}

/// Containers of a pod that is asked for or answered. Version 1.5 keeps the object as well.
fn containers(event: &mut Event, raw: &mut Raw, from: &str, to: &str, version: OcsfVersion) {
    let path = format!("{from}.spec.containers");
    let Some(Value::Array(containers)) = raw.get(&path) else { return };
    let mapped: Vec<Value> = containers.iter().map(container).collect();
    if version == OcsfVersion::V1_1 {
        raw.take(&path);
    }
    event.put(&format!("{to}.containers"), mapped);
}

fn container(container: &Value) -> Value {
    let mounts = |member: &str| {
        let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
        let texts: Vec<&str> = mounts.filter_map(|mount| mount.get(member)?.as_str()).collect();
        texts.join(",")
    };
    let mut image = Fields::new();
    if let Some(name) = container.get("image").and_then(Value::as_str) {
        image.insert("name".to_owned(), name.into());
        image.insert("uid".to_owned(), format!("{name}{}", mounts("name")).into());
    }
    let paths = mounts("mountPath");
    if !paths.is_empty() {
        image.insert("path".to_owned(), paths.into());
    }
    let mut mapped = Fields::new();
    if let Some(name) = container.get("name") {
        mapped.insert("name".to_owned(), name.clone());
    }
    if !image.is_empty() {
        mapped.insert("image".to_owned(), Value::Object(image));
    }
    Value::Object(mapped)
}
