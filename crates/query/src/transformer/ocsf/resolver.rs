//! Query logs of Route 53 Resolver as DNS Activity.
//!
//! Ours: a query that no rule of a firewall met has the action `Unknown`; return codes that OCSF does not name are `Other`, with the
//! code as the name.

use super::super::config::OcsfVersion;
use super::event::{Class, Event, Observable};
use super::raw::Raw;
use model::Timestamp;
use serde_json::{Value, json};
use std::net::IpAddr;

const CLASS: Class = Class { uid: 4003, name: "DNS Activity", category_uid: 4, category_name: "Network Activity" };

pub(super) fn event(mut raw: Raw, version: OcsfVersion) -> Option<Event> {
    let time = Timestamp::parse_iso(raw.text("query_timestamp")?)?;
    raw.text("query_name")?;
    let mut event = Event::new(CLASS, version, &["cloud", "security_control", "datetime"]);
    event.put("metadata.product.name", "Route 53");
    event.put("metadata.product.feature.name", "Resolver Query Logs");
    event.activity(CLASS, Some((6, "Traffic")), "");
    event.time(time);
    raw.take("query_timestamp");
    let moved = [
        ("version", "metadata.product.version"),
        ("account_id", "cloud.account.uid"),
        ("region", "cloud.region"),
        ("vpc_id", "src_endpoint.vpc_uid"),
        ("query_name", "query.hostname"),
        ("query_type", "query.type"),
        ("query_class", "query.class"),
        ("srcaddr", "src_endpoint.ip"),
        ("transport", "connection_info.protocol_name"),
        ("srcids.instance", "src_endpoint.instance_uid"),
        ("srcids.resolver_endpoint", "dst_endpoint.instance_uid"),
        ("srcids.resolver_network_interface", "dst_endpoint.interface_uid"),
        ("firewall_rule_group_id", "firewall_rule.uid"),
    ];
    event.move_all(&mut raw, &moved);
    event.move_numbers(&mut raw, &[("srcport", "src_endpoint.port")]);
    event.put("connection_info.direction_id", 0);
    event.put("connection_info.direction", "Unknown");
    rcode(&mut event, raw.take("rcode"));
    answers(&mut event, &mut raw);
    action(&mut event, raw.take("firewall_rule_action"));
    event.observe("dst_endpoint.instance_uid", Observable::ResourceUid);
    event.observe("src_endpoint.ip", Observable::IpAddress);
    event.observe("src_endpoint.instance_uid", Observable::ResourceUid);
    event.observe("query.hostname", Observable::Hostname);
    Some(event.rest(raw))
}

fn rcode(event: &mut Event, code: Option<Value>) {
    let Some(Value::String(code)) = code else { return };
    let (id, name) = match code.as_str() {
        "NOERROR" => (0, "NoError"),
        "FORMERR" => (1, "FormError"),
        "SERVFAIL" => (2, "ServError"),
        "NXDOMAIN" => (3, "NXDomain"),
        "NOTIMP" => (4, "NotImp"),
        "REFUSED" => (5, "Refused"),
        "YXDOMAIN" => (6, "YXDomain"),
        "YXRRSET" => (7, "YXRRSet"),
        "NXRRSET" => (8, "NXRRSet"),
        "NOTAUTH" => (9, "NotAuth"),
        "NOTZONE" => (10, "NotZone"),
        other => (99, other),
    };
    event.put("rcode_id", id);
    event.put("rcode", name);
}

fn answers(event: &mut Event, raw: &mut Raw) {
    if !raw.get("answers").is_some_and(Value::is_array) {
        return;
    }
    let Some(Value::Array(answers)) = raw.take("answers") else { return };
    let answer = |answer: &Value| {
        let mut members = super::super::Fields::new();
        for (from, to) in [("Type", "type"), ("Rdata", "rdata"), ("Class", "class")] {
            if let Some(value) = answer.get(from).filter(|value| !value.is_null()) {
                members.insert(to.to_owned(), value.clone());
            }
        }
        Value::Object(members)
    };
    let addresses = answers.iter().filter_map(|answer| answer.get("Rdata")?.as_str());
    for address in addresses.filter(|text| text.parse::<IpAddr>().is_ok()) {
        event.observed("answers[].rdata", Observable::IpAddress, address);
    }
    if !answers.is_empty() {
        event.put("answers", json!(answers.iter().map(answer).collect::<Vec<_>>()));
    }
}

fn action(event: &mut Event, action: Option<Value>) {
    let (id, name, disposition) = match action.as_ref().and_then(Value::as_str) {
        Some("ALLOW") => (1, "Allowed", Some("Allowed")),
        Some("ALERT") => (1, "Allowed", Some("Alert")),
        Some("BLOCK") => (2, "Denied", Some("Blocked")),
        _ => (0, "Unknown", None),
    };
    event.put("action_id", id);
    event.put("action", name);
    event.put("disposition", disposition);
}
