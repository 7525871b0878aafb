//! VPC flow logs as Network Activity.
//!
//! A record is a line of the default format, or a JSON object with AWS's names of fields, `-` or `_` in them, of which there may
//! be any. Ours: numbers that are `-` are left out; a record that says no direction has `Unknown` and no interface at either end;
//! one without an action, of no traffic or of skipped records, has the action and the activity `Unknown`.

use super::super::Fields;
use super::super::config::OcsfVersion;
use super::event::{Class, Event, Observable};
use super::raw::{Raw, number};
use model::Timestamp;
use serde_json::{Value, json};

const CLASS: Class = Class { uid: 4001, name: "Network Activity", category_uid: 4, category_name: "Network Activity" };

/// The default format, version 2.
const DEFAULT: [&str; 14] = [
    "version",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
];

/// `traffic-path`, counted from 1, as number and name of the boundary.
const BOUNDARIES: [(u32, &str); 8] = [
    (4, "Same VPC"),
    (5, "Internet/VPC Gateway"),
    (6, "Virtual Private Gateway"),
    (7, "Intra-region VPC"),
    (8, "Inter-region VPC"),
    (9, "Local Gateway"),
    (10, "Gateway VPC"),
    (11, "Internet Gateway"),
];

/// The fields of a record.
pub(super) fn read(record: &str) -> Option<Raw> {
    if record.trim_start().starts_with('{') {
        let Value::Object(fields) = serde_json::from_str(record).ok()? else { return None };
        return Some(Raw::of(fields.into_iter().map(|(name, value)| (name.replace('-', "_"), value)).collect()));
    }
    let words: Vec<&str> = record.split_whitespace().collect();
    let fields: Fields =
        DEFAULT.into_iter().zip(&words).map(|(name, word)| (name.to_owned(), Value::from(*word))).collect();
    (words.len() == DEFAULT.len()).then(|| Raw::of(fields))
}

pub(super) fn event(mut raw: Raw, version: OcsfVersion) -> Option<Event> {
    raw.text("srcaddr").or_else(|| raw.text("pkt_srcaddr"))?;
    let start = Timestamp(number(raw.get("start")?)?.checked_mul(1000)?);
    let mut event = Event::new(CLASS, version, &["cloud", "security_control", "datetime"]);
    event.put("metadata.product.name", "Amazon VPC");
    event.put("metadata.product.feature.name", "Flowlogs");
    action(&mut event, raw.take("action").as_ref().and_then(Value::as_str));
    event.time(start);
    event.put("start_time_dt", start.iso_millis());
    raw.take("start");
    let end = raw.get("end").and_then(number).and_then(|end| end.checked_mul(1000));
    if let Some(end) = end {
        event.put("end_time_dt", Timestamp(end).iso_millis());
        raw.take("end");
    }
    let moved = [
        ("version", "metadata.product.version"),
        ("account_id", "cloud.account.uid"),
        ("region", "cloud.region"),
        ("az_id", "cloud.zone"),
        ("type", "connection_info.protocol_ver"),
        ("pkt_src_aws_service", "src_endpoint.svc_name"),
        ("pkt_dst_aws_service", "dst_endpoint.svc_name"),
        ("log_status", "status_code"),
    ];
    event.move_all(&mut raw, &moved);
    let numbers = [
        ("srcport", "src_endpoint.port"),
        ("dstport", "dst_endpoint.port"),
        ("protocol", "connection_info.protocol_num"),
        ("packets", "traffic.packets"),
        ("bytes", "traffic.bytes"),
        ("tcp_flags", "connection_info.tcp_flags"),
    ];
    event.move_numbers(&mut raw, &numbers);
    for unknown in numbers.map(|(from, _)| from) {
        if raw.text(unknown) == Some("-") {
            raw.take(unknown);
        }
    }
    boundary(&mut event, &mut raw);
    direction(&mut event, &mut raw);
    address(&mut event, &mut raw, "dst");
    event.observe("dst_endpoint.instance_uid", Observable::ResourceUid);
    address(&mut event, &mut raw, "src");
    event.observe("src_endpoint.instance_uid", Observable::ResourceUid);
    Some(event.rest(raw))
}

fn action(event: &mut Event, action: Option<&str>) {
    let (activity, action, disposition) = match action {
        Some("ACCEPT") => ((6, "Traffic"), (1, "Allowed"), Some("Allowed")),
        Some("REJECT") => ((5, "Refuse"), (2, "Denied"), Some("Blocked")),
        _ => ((0, "Unknown"), (0, "Unknown"), None),
    };
    event.activity(CLASS, Some(activity), "");
    event.put("action_id", action.0);
    event.put("action", action.1);
    event.put("disposition", disposition);
}

fn boundary(event: &mut Event, raw: &mut Raw) {
    let Some(path) = raw.take("traffic_path") else { return };
    let at = number(&path).and_then(|path| usize::try_from(path).ok()?.checked_sub(1));
    match at.and_then(|at| BOUNDARIES.get(at)) {
        Some((id, name)) => {
            event.put("connection_info.boundary_id", *id);
            event.put("connection_info.boundary", *name);
        }
        None => {
            event.put("connection_info.boundary_id", 99);
            event.put("connection_info.boundary", path);
        }
    }
}

/// The direction, and the interface at the end that the record was made at.
fn direction(event: &mut Event, raw: &mut Raw) {
    let direction = raw.text("flow_direction").unwrap_or_default().to_owned();
    let (id, name, end) = match direction.as_str() {
        "ingress" => (1, "Inbound", "dst_endpoint"),
        "egress" => (2, "Outbound", "src_endpoint"),
        _ => {
            event.put("connection_info.direction_id", 0);
            event.put("connection_info.direction", "Unknown");
            return;
        }
    };
    raw.take("flow_direction");
    event.put("connection_info.direction_id", id);
    event.put("connection_info.direction", name);
    for (from, to) in [
        ("interface_id", "interface_uid"),
        ("vpc_id", "vpc_uid"),
        ("instance_id", "instance_uid"),
        ("subnet_id", "subnet_uid"),
    ] {
        event.put(&format!("{end}.{to}"), raw.take(from));
    }
}

/// The address of an end, `src` or `dst`: that of the packet, which an interface between the ends may have had another for.
fn address(event: &mut Event, raw: &mut Raw, end: &str) {
    let (near, of_packet) = (raw.take(&format!("{end}addr")), raw.take(&format!("pkt_{end}addr")));
    let of_packet = of_packet.filter(|address| *address != "-");
    let path = format!("{end}_endpoint.ip");
    match (near, of_packet) {
        (Some(near), Some(of_packet)) if near != of_packet => {
            event.put(&path, of_packet);
            let name = format!("{end}_endpoint.intermediate_ips");
            event.observed(&format!("{name}[]"), Observable::IpAddress, near.as_str().unwrap_or_default());
            event.put(&name, json!([near]));
        }
        (near, of_packet) => event.put(&path, near.or(of_packet).filter(|address| *address != "-")),
    }
    event.observe(&path, Observable::IpAddress);
}
