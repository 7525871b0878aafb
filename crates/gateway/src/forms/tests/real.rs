//! Real records, where they are at hand: a request is made of what a record says, and its event has the same form.

use super::*;
use crate::forms::tables;
use flate2::read::GzDecoder;
use serde_json::Map;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("TRAILWATCH_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = root.join("data/cloudtrail");
    if found.exists() {
        return Some(found);
    }
    println!("skipped: {} is not here", found.display());
    None
}

/// The records of S3, KMS, Lambda, STS, Secrets Manager and SNS that AWS wrote: with a request id and an event id of
/// its form.
fn records(folder: &Path) -> Vec<Map<String, Value>> {
    let mut found = Vec::new();
    for folder in
        std::fs::read_dir(folder).unwrap().filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir())
    {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "gz") {
                continue;
            }
            let mut text = String::new();
            GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
            match serde_json::from_str(&text) {
                Ok(value) => collect(value, &mut found),
                Err(_) => {
                    text.lines().filter_map(|line| serde_json::from_str(line).ok()).for_each(|v| collect(v, &mut found))
                }
            }
        }
    }
    found
}

fn collect(value: Value, found: &mut Vec<Map<String, Value>>) {
    match value {
        Value::Object(record) if record.contains_key("eventName") && record.contains_key("eventSource") => {
            // Examples that somebody made up mostly have ids that are none.
            let is_id = |id: &str| id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
            let is_real = record.get("eventID").and_then(Value::as_str).is_some_and(is_id)
                && record.get("userIdentity").is_some_and(Value::is_object);
            if is_real {
                found.push(record);
            }
        }
        Value::Object(members) => members.into_iter().for_each(|(_, value)| collect(value, found)),
        Value::Array(items) => items.into_iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn text<'a>(record: &'a Map<String, Value>, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The operation that a record is of, by its name with or without a version.
fn operation_of(service: Service, event_name: &str) -> Option<&'static tables::Operation> {
    let path = |operation: &tables::Operation| operation.path;
    let mut operations = tables::operations(service).iter().filter(|operation| !operation.is_deprecated);
    operations.find(|operation| names::event_name(service, operation.name, path(operation)) == event_name)
}

/// A request that says what the parameters of a record of S3 say.
fn s3_request_of(record: &Map<String, Value>, operation: &tables::Operation) -> Option<Request> {
    let parameters = record.get("requestParameters")?.as_object()?;
    let of = |name: &str| parameters.get(name).and_then(Value::as_str);
    let host = of("Host")?;
    let bucket = of("bucketName");
    let key = of("key").map(|key| key.replace('%', "%25").replace('?', "%3F"));
    let is_virtual = bucket.is_some_and(|bucket| host.starts_with(&format!("{bucket}.")));
    let path = match (bucket, &key) {
        (None, _) => "/".to_owned(),
        (Some(_), key) if is_virtual => format!("/{}", key.as_deref().unwrap_or_default()),
        (Some(bucket), Some(key)) => format!("/{bucket}/{key}"),
        (Some(bucket), None) => format!("/{bucket}"),
    };
    let (mut query, mut headers, mut body) = (Vec::new(), vec![("host".to_owned(), host.to_owned())], String::new());
    for (name, value) in parameters {
        match (name.as_str(), value) {
            ("bucketName" | "Host" | "key", _) => {}
            ("bucketPolicy", policy) => body = policy.to_string(),
            ("accessControlList", Value::Object(grants)) => {
                headers.extend(grants.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())));
            }
            (_, Value::Object(document)) => pushed_element(&mut body, name, document),
            (_, Value::String(value)) if name.starts_with("x-amz-") => headers.push((name.clone(), value.clone())),
            (_, Value::String(value)) => query.push(format!("{name}={value}")),
            _ => return None,
        }
    }
    let agent = text(record, "userAgent").trim_start_matches('[').trim_end_matches(']');
    headers.push(("user-agent".into(), agent.to_owned()));
    headers.push(("authorization".into(), scope("s3")));
    let mut request = request(operation.method, &format!("{path}?{}", query.join("&")), &[], &body);
    request.headers = headers;
    Some(request)
}

fn pushed_element(out: &mut String, name: &str, members: &Map<String, Value>) {
    let attributes = members.iter().filter(|(name, _)| name.starts_with("xmlns") || name.contains(':'));
    let attributes: String =
        attributes.map(|(name, value)| format!(" {name}=\"{}\"", value.as_str().unwrap())).collect();
    out.push_str(&format!("<{name}{attributes}>"));
    for (name, value) in members.iter().filter(|(name, _)| !name.starts_with("xmlns") && !name.contains(':')) {
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            match value {
                Value::Object(members) => pushed_element(out, name, members),
                Value::String(text) => out.push_str(&format!("<{name}>{text}</{name}>")),
                other => out.push_str(&format!("<{name}>{other}</{name}>")),
            }
        }
    }
    out.push_str(&format!("</{name}>"));
}

/// The answer that a record tells of.
fn answer_of(record: &Map<String, Value>) -> Outcome {
    let id = text(record, "requestID");
    let mut headers = vec![("x-amz-request-id".to_owned(), id.to_owned())];
    let additional = record.get("additionalEventData").and_then(|data| data.get("x-amz-id-2")).and_then(Value::as_str);
    headers.extend(additional.map(|id| ("x-amz-id-2".to_owned(), id.to_owned())));
    if let Some(Value::Object(elements)) = record.get("responseElements") {
        let of_headers = elements.iter().filter(|(name, _)| name.starts_with("x-amz-"));
        headers.extend(of_headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
    }
    let code = text(record, "errorCode");
    let (status, body) = match code {
        "" => (200, String::new()),
        code => (400, format!("<Error><Code>{code}</Code><Message>{}</Message></Error>", text(record, "errorMessage"))),
    };
    Outcome::Answered(Answer { status, headers, body: captured(body) })
}

/// Members of records that are not the gateway's to know: who called, when, and what came of several accounts.
const OTHER: [&str; 4] = ["vpcEndpointId", "sharedEventID", "edgeDeviceDetails", "tlsDetails"];

#[test]
fn events_of_s3_have_the_form_of_real_ones() {
    let Some(folder) = folder() else { return };
    let mut compared = BTreeMap::new();
    for record in records(&folder).iter().filter(|record| text(record, "eventSource") == "s3.amazonaws.com") {
        // Members that stand in the order of the alphabet were put so by whoever published them.
        let Some(operation) = operation_of(Service::S3, text(record, "eventName")) else { continue };
        let has_version = text(record, "eventVersion") >= "1.07" && record.contains_key("additionalEventData");
        let Some(request) = s3_request_of(record, operation).filter(|_| has_version) else { continue };
        let (_, event) = event_of(&call(request, answer_of(record)));
        let told = format!("{event:#}\n{record:#?}");
        for member in
            ["eventSource", "eventName", "readOnly", "managementEvent", "eventCategory", "eventType", "requestID"]
        {
            if let Some(real) = record.get(member) {
                assert_eq!(&event[member], real, "{member}: {told}");
            }
        }
        assert_eq!(event.get("errorCode"), record.get("errorCode"), "{told}");
        assert_eq!(event.get("errorMessage"), record.get("errorMessage"), "{told}");
        assert_eq!(&event["requestParameters"], &record["requestParameters"], "{told}");
        assert_eq!(
            event["responseElements"].is_null(),
            record.get("responseElements").is_none_or(Value::is_null),
            "{told}"
        );
        if let Some(Value::Array(resources)) = record.get("resources") {
            let arns = |resources: &[Value]| -> Vec<String> {
                let arn = |resource: &Value| {
                    resource.get("ARN").or(resource.get("arn")).and_then(Value::as_str).unwrap().to_owned()
                };
                resources.iter().map(arn).collect()
            };
            assert_eq!(arns(event["resources"].as_array().unwrap()), arns(resources), "{told}");
        }
        let additional = |value: &Value| {
            let mut names: Vec<String> = names(value).into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        // Published records lack some of these.
        let (ours, theirs) = (additional(&event["additionalEventData"]), additional(&record["additionalEventData"]));
        assert!(theirs.iter().all(|name| ours.contains(name) || name == "vpcEndpointId"), "{ours:?} {told}");
        *compared.entry(text(record, "eventName").to_owned()).or_insert(0) += 1;
    }
    println!("compared: {compared:?}");
    assert!(compared.len() >= 25 && compared.values().sum::<i32>() > 500, "{compared:?}");
}

#[test]
fn the_order_of_members_is_that_of_real_records() {
    let Some(folder) = folder() else { return };
    let (text, _) = event_of(&call(s3_request("GET", "/b?acl", &[], ""), answered(200, &[("x-amz-id-2", "x")], "")));
    let ours: Value = serde_json::from_str(&text).unwrap();
    let ours = names(&ours);
    let mut compared = 0;
    for record in records(&folder).iter().filter(|record| text_version(record) >= "1.08") {
        let theirs: Vec<&str> =
            record.keys().map(String::as_str).filter(|name| ours.contains(name) && !OTHER.contains(name)).collect();
        // Those of the alphabet's order were sorted by whoever published them.
        if theirs.is_sorted() || theirs.first() != Some(&"eventVersion") || theirs.get(1) != Some(&"userIdentity") {
            continue;
        }
        let kept: Vec<&str> = ours.iter().copied().filter(|name| theirs.contains(name)).collect();
        compared += usize::from(kept == theirs);
    }
    println!("{compared} records have our order");
    assert!(compared > 500);
}

fn text_version(record: &Map<String, Value>) -> &str {
    text(record, "eventVersion")
}

/// Upper case where the model has it: undoes CloudTrail's spelling of members.
fn raised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

fn raised_members(shape: Option<usize>, value: &Value) -> Value {
    let known = tables::members(shape);
    match value {
        Value::Object(members) if !known.is_empty() => {
            let members = members.iter().map(|(name, value)| {
                let member = known.iter().find(|member| members::lower_first(member.name) == *name);
                let wire_name = member.map_or_else(|| raised(name), |member| member.wire_name.to_owned());
                (wire_name, raised_members(member.map(|member| member.shape), value))
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => {
            let item = shape.and_then(|shape| match tables::shape(shape).kind {
                tables::Kind::List { item, .. } => Some(item),
                _ => None,
            });
            Value::Array(items.iter().map(|value| raised_members(item, value)).collect())
        }
        other => other.clone(),
    }
}

/// Parameters that are made by AWS itself, or hold what a request does not say in that form.
const MADE: [&str; 3] = ["fullyQualifiedArn", "clientRequestToken", "dryRun"];

#[test]
fn parameters_of_json_and_query_services_have_the_form_of_real_ones() {
    let Some(folder) = folder() else { return };
    let mut compared = BTreeMap::new();
    for record in &records(&folder) {
        let source = text(record, "eventSource").trim_end_matches(".amazonaws.com");
        let Some(service) = Service::from_name(source).filter(|service| *service != Service::S3) else { continue };
        let Some(operation) = operation_of(service, text(record, "eventName")) else { continue };
        let Some(Value::Object(parameters)) = record.get("requestParameters") else { continue };
        let wanted: Map<String, Value> = parameters
            .iter()
            .filter(|(name, _)| !MADE.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let wire = raised_members(operation.input, &Value::Object(wanted.clone()));
        let request = match service {
            Service::Lambda => {
                let name = wire["FunctionName"].as_str().unwrap_or_default().replace(':', "%3A");
                let path = operation.path.replace("{FunctionName}", &name);
                let query = wire.get("MaxItems").map_or_else(String::new, |max| format!("MaxItems={max}"));
                request(
                    operation.method,
                    &format!("{path}?{query}"),
                    &[("authorization", &scope("lambda"))],
                    &wire.to_string(),
                )
            }
            Service::Sts | Service::Sns => {
                let mut form = format!("Action={}", operation.name);
                for (name, value) in wire.as_object().unwrap() {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    form.push_str(&format!(
                        "&{name}={}",
                        value.replace('%', "%25").replace('&', "%26").replace('+', "%2B")
                    ));
                }
                if wanted.values().any(|value| value.is_array() || value.is_object()) {
                    continue;
                }
                form_request(service, &form)
            }
            _ => json_request(service, &format!("X.{}", operation.name), &wire.to_string()),
        };
        let (_, event) = event_of(&call(request, Outcome::Interrupted));
        assert_eq!(event["eventName"], record["eventName"]);
        assert_eq!(event["requestParameters"], Value::Object(wanted), "{record:#?}");
        if let Some(read_only) = record.get("readOnly") {
            assert_eq!(&event["readOnly"], read_only, "{record:#?}");
        }
        *compared.entry(format!("{source}:{}", operation.name)).or_insert(0) += 1;
    }
    println!("compared: {compared:?}");
    assert!(compared.len() >= 20 && compared.values().sum::<i32>() > 250, "{compared:?}");
}

/// What an answer says so that its event has these elements, and these elements with the times that it says.
fn answer_and_elements(service: Service, shape: Option<usize>, value: &Value) -> (Value, Value) {
    let known = tables::members(shape);
    match (value, shape.map(|shape| &tables::shape(shape).kind)) {
        (Value::Object(members), Some(tables::Kind::Structure { .. })) => {
            let (mut answer, mut elements) = (Map::new(), Map::new());
            for (name, value) in members {
                let spelled = |member: &&tables::Member| {
                    members::lower_first(member.name) == *name || (name == "arn" && member.name == "ARN")
                };
                // Lambda's records have a few members that its API does not have.
                let Some(member) = known.iter().find(spelled) else { continue };
                let (said, told) = answer_and_elements(service, Some(member.shape), value);
                let told = if name == "sessionToken" { secrets::HIDDEN.into() } else { told };
                answer.insert(member.wire_name.to_owned(), said);
                elements.insert(name.clone(), told);
            }
            (Value::Object(answer), Value::Object(elements))
        }
        (Value::Array(items), Some(tables::Kind::List { item, .. })) => {
            let (answer, elements): (Vec<_>, Vec<_>) =
                items.iter().map(|value| answer_and_elements(service, Some(*item), value)).unzip();
            (answer.into(), elements.into())
        }
        (Value::String(_), Some(tables::Kind::Time)) if service != Service::Lambda => {
            (1_700_000_000.into(), "Nov 14, 2023, 10:13:20 PM".into())
        }
        (value, _) => (value.clone(), value.clone()),
    }
}

#[test]
fn elements_of_json_and_query_services_have_the_form_of_real_ones() {
    let Some(folder) = folder() else { return };
    let mut compared = BTreeMap::new();
    for record in &records(&folder) {
        let source = text(record, "eventSource").trim_end_matches(".amazonaws.com");
        let Some(service) = Service::from_name(source).filter(|service| *service != Service::S3) else { continue };
        let Some(operation) = operation_of(service, text(record, "eventName")) else { continue };
        let Some(elements) = record.get("responseElements") else { continue };
        let (answer, expected) = match elements {
            Value::Null => (Value::Object(Map::new()), Value::Null),
            elements => answer_and_elements(service, operation.output, elements),
        };
        let request = match service {
            Service::Lambda => {
                let path = operation.path.replace(['{', '}'], "");
                request(operation.method, &path, &[("authorization", &scope("lambda"))], "{}")
            }
            Service::Sts | Service::Sns => form_request(service, &format!("Action={}", operation.name)),
            _ => json_request(service, &format!("X.{}", operation.name), "{}"),
        };
        let (_, event) = event_of(&call(request, answered(200, &[], &answer.to_string())));
        assert_eq!(event["responseElements"], expected, "{record:#?}");
        *compared.entry(format!("{source}:{} {}", operation.name, !expected.is_null())).or_insert(0) += 1;
    }
    println!("compared: {compared:?}");
    assert!(compared.keys().filter(|name| name.ends_with("true")).count() >= 8, "{compared:?}");
}
