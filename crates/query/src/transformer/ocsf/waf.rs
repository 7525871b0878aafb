//! WAF logs as HTTP Activity.
//!
//! Ours: of several rules that ended a request, or counted its rate, the first is mapped and the others are unmapped; requests
//! that were counted are `Allowed` with the disposition `Count`; those that had to solve a puzzle, and did not, are `Denied`.

use super::super::Fields;
use super::super::config::OcsfVersion;
use super::activities::of_method;
use super::event::{Class, Event, Observable};
use super::raw::{Raw, number};
use model::Timestamp;
use serde_json::{Value, json};

const CLASS: Class = Class { uid: 4002, name: "HTTP Activity", category_uid: 4, category_name: "Network Activity" };

pub(super) fn event(mut raw: Raw, version: OcsfVersion) -> Option<Event> {
    let time = Timestamp(number(raw.get("timestamp")?)?);
    raw.get("httpRequest").filter(|request| request.is_object())?;
    raw.text("webaclId")?;
    let method = raw.text("httpRequest.httpMethod").unwrap_or_default().to_owned();
    let mut event = Event::new(CLASS, version, &["cloud", "security_control", "datetime"]);
    event.put("metadata.product.name", "AWS WAF");
    event.put("metadata.product.feature.name", "WAF");
    event.activity(CLASS, of_method(&method), &method);
    event.time(time);
    raw.take("timestamp");
    let format = raw.take("formatVersion");
    event
        .put("metadata.product.version", format.map(|format| number(&format).map_or(format, |n| n.to_string().into())));
    let moved = [
        ("webaclId", "metadata.product.feature.uid"),
        ("httpSourceName", "src_endpoint.svc_name"),
        ("httpSourceId", "src_endpoint.uid"),
        ("httpRequest.clientIp", "src_endpoint.ip"),
        ("httpRequest.country", "src_endpoint.location.country"),
        ("httpRequest.uri", "http_request.url.path"),
        ("httpRequest.httpVersion", "http_request.version"),
        ("httpRequest.httpMethod", "http_request.http_method"),
        ("httpRequest.requestId", "http_request.uid"),
        ("httpRequest.args", "http_request.args"),
        ("terminatingRuleId", "firewall_rule.uid"),
        ("terminatingRuleType", "firewall_rule.type"),
        ("responseCodeSent", "http_status"),
    ];
    event.move_all(&mut raw, &moved);
    action(&mut event, raw.take("action"));
    labels(&mut event, &mut raw);
    headers(&mut event, &mut raw);
    rule(&mut event, &mut raw, version);
    if version == OcsfVersion::V1_5 {
        fingerprints(&mut event, &mut raw);
    }
    event.observe("http_request.url.hostname", Observable::Hostname);
    event.observe("src_endpoint.ip", Observable::IpAddress);
    event.observe("firewall_rule.uid", Observable::ResourceUid);
    event.observe("src_endpoint.uid", Observable::ResourceUid);
    Some(event.rest(raw))
}

fn action(event: &mut Event, action: Option<Value>) {
    let (action, disposition) = match action.as_ref().and_then(Value::as_str) {
        Some("ALLOW") => ((1, "Allowed"), (1, "Allowed")),
        Some("COUNT") => ((1, "Allowed"), (20, "Count")),
        Some("BLOCK") => ((2, "Denied"), (2, "Blocked")),
        Some("CAPTCHA") => ((2, "Denied"), (22, "Captcha")),
        Some("CHALLENGE") => ((2, "Denied"), (23, "Challenge")),
        _ => ((0, "Unknown"), (0, "Unknown")),
    };
    event.put("action_id", action.0);
    event.put("action", action.1);
    event.put("disposition_id", disposition.0);
    event.put("disposition", disposition.1);
}

fn labels(event: &mut Event, raw: &mut Raw) {
    if !raw.get("labels").is_some_and(Value::is_array) {
        return;
    }
    let Some(Value::Array(labels)) = raw.take("labels") else { return };
    let names: Vec<Value> = labels.into_iter().filter_map(|label| label.get("name").cloned()).collect();
    if !names.is_empty() {
        event.put("metadata.labels", names);
    }
}

fn headers(event: &mut Event, raw: &mut Raw) {
    if !raw.get("httpRequest.headers").is_some_and(Value::is_array) {
        return;
    }
    let Some(Value::Array(headers)) = raw.take("httpRequest.headers") else { return };
    for header in &headers {
        let text = |member: &str| header.get(member).and_then(Value::as_str);
        let (Some(name), Some(value)) = (text("name"), text("value")) else { continue };
        match name.to_ascii_lowercase().as_str() {
            "user-agent" => event.put("http_request.user_agent", value),
            "host" => event.put("http_request.url.hostname", value),
            "referer" => event.put("http_request.referrer", value),
            "x-forwarded-for" => {
                let addresses: Vec<&str> = value.split(',').map(str::trim).collect();
                event.put("http_request.x_forwarded_for", addresses);
            }
            _ => {}
        }
    }
    if !headers.is_empty() {
        event.put("http_request.http_headers", headers);
    }
}

/// The rule that decided.
fn rule(event: &mut Event, raw: &mut Raw, version: OcsfVersion) {
    let is_new = version == OcsfVersion::V1_5;
    if let Some(details) = first_of(raw, "terminatingRuleMatchDetails") {
        event.put("firewall_rule.condition", details.shift_remove("conditionType"));
        event.put("firewall_rule.match_location", details.shift_remove("location"));
        event.put("firewall_rule.match_details", details.shift_remove("matchedData"));
        if is_new {
            event.put("firewall_rule.sensitivity", details.shift_remove("sensitivityLevel"));
        }
    }
    if let Some(rate) = first_of(raw, "rateBasedRuleList") {
        event.put("firewall_rule.rate_limit", rate.shift_remove("maxRateAllowed"));
        if is_new {
            event.put("firewall_rule.name", rate.shift_remove("rateBasedRuleName"));
        }
    }
}

fn first_of<'r>(raw: &'r mut Raw, list: &str) -> Option<&'r mut Fields> {
    raw.get_mut(list)?.as_array_mut()?.first_mut()?.as_object_mut()
}

/// JA3 needs JA4 beside it, which tells the version of TLS: `t13…` is 1.3.
fn fingerprints(event: &mut Event, raw: &mut Raw) {
    let Some(ja4) = raw.text("ja4Fingerprint").map(str::to_owned) else { return };
    raw.take("ja4Fingerprint");
    event.put("ja4_fingerprint_list", json!([{ "type_id": 1, "type": "JA4", "value": ja4 }]));
    let Some(ja3) = raw.text("ja3Fingerprint").map(str::to_owned) else { return };
    raw.take("ja3Fingerprint");
    event.put("tls.ja3_hash", json!({ "algorithm": "MD5", "algorithm_id": 1, "value": ja3 }));
    if let [_, major @ b'0'..=b'9', minor @ b'0'..=b'9', ..] = ja4.as_bytes() {
        event.put("tls.version", format!("{}.{}", char::from(*major), char::from(*minor)));
    }
}
