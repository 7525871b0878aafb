//! Summaries of the data events of a window, and their records. Pure.

use crate::derived;
use crate::json::Json;
use model::{Event, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Names of the templates.
pub(crate) const TEMPLATES: [&str; 3] = ["API_ACTIVITY", "RESOURCE_ACCESS", "USER_ACTIONS"];
/// Most summaries of a trail in a window; what would be in more is left out.
const SUMMARIES_MAX: usize = 10_000;
/// Most values of a detail; of more the first.
const VALUES_MAX: usize = 100;

/// What events are counted by, as AWS's samples write it where they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dimension {
    Name,
    Resource,
    User,
    Address,
    Error,
}

impl Dimension {
    fn name(self) -> &'static str {
        match self {
            Dimension::Name => "eventName",
            Dimension::Resource => "resourceARN",
            Dimension::User => "userIdentityArn",
            Dimension::Address => "sourceIPAddress",
            Dimension::Error => "errorCode",
        }
    }

    fn values(self, event: &Event) -> Vec<&str> {
        let values = match self {
            Dimension::Name => vec![event.name.as_str()],
            Dimension::Resource => event.resources.iter().map(|resource| resource.name.as_str()).collect(),
            Dimension::User => vec![event.user_arn.as_str()],
            Dimension::Address => vec![event.source_ip.as_str()],
            Dimension::Error => vec![event.error_code.as_str()],
        };
        let mut values: Vec<&str> = values.into_iter().filter(|value| !value.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

/// The first dimension of a template, and its details.
fn dimensions(template: &str) -> Option<(Dimension, [Dimension; 4])> {
    use Dimension::{Address, Error, Name, Resource, User};
    match template {
        "API_ACTIVITY" => Some((Name, [Resource, User, Address, Error])),
        "RESOURCE_ACCESS" => Some((Resource, [Name, User, Address, Error])),
        "USER_ACTIONS" => Some((User, [Name, Resource, Address, Error])),
        _ => None,
    }
}

/// Where events are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    account: String,
    region: String,
    source: String,
    first: Dimension,
    value: String,
}

#[derive(Debug, Default)]
struct Counted {
    events: u64,
    details: BTreeMap<Dimension, BTreeMap<String, u64>>,
}

/// What a trail had in a window.
#[derive(Debug, Default)]
pub(super) struct Summaries(BTreeMap<Place, Counted>);

impl Summaries {
    /// Counts an event by these templates.
    pub(super) fn count(&mut self, event: &Event, templates: &[String]) {
        for (first, details) in templates.iter().filter_map(|template| dimensions(template)) {
            for value in first.values(event) {
                let place = Place {
                    account: event.account.clone(),
                    region: event.region.clone(),
                    source: event.source.clone(),
                    first,
                    value: value.to_owned(),
                };
                if self.0.len() >= SUMMARIES_MAX && !self.0.contains_key(&place) {
                    continue;
                }
                let counted = self.0.entry(place).or_default();
                counted.events += 1;
                for detail in details {
                    let values = counted.details.entry(detail).or_default();
                    for value in detail.values(event) {
                        if let Some(times) = values.get_mut(value) {
                            *times += 1;
                        } else if values.len() < VALUES_MAX {
                            values.insert(value.to_owned(), 1);
                        }
                    }
                }
            }
        }
    }

    /// The records of a window: account, region and text.
    pub(super) fn records(&self, trail_id: i64, window: (Timestamp, i64)) -> Vec<(String, String, String)> {
        self.0
            .iter()
            .map(|(place, counted)| {
                (place.account.clone(), place.region.clone(), record(trail_id, window, place, counted))
            })
            .collect()
    }
}

fn record(trail_id: i64, (start, length): (Timestamp, i64), place: &Place, counted: &Counted) -> String {
    let start_text = start.iso_seconds();
    let by_count = |values: &BTreeMap<String, u64>| {
        let mut values: Vec<_> = values.iter().collect();
        values.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        values.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>()
    };
    let details = counted.details.iter().filter(|(_, values)| !values.is_empty()).map(|(dimension, values)| {
        json!({ "dimension": dimension.name(), "statistics": by_count(values), "aggregationType": "Count" })
    });
    let id =
        id(trail_id, [&place.account, &place.region, &place.source, &start_text, place.first.name(), &place.value]);
    let record = json!({
        "eventVersion": "1.0",
        "accountId": place.account,
        "eventId": id,
        "eventCategory": "Aggregated",
        "eventType": "AwsAggregatedEvent",
        "awsRegion": place.region,
        "eventSource": place.source,
        "timeWindow": {
            "windowStart": start_text,
            "windowEnd": (start + length).iso_seconds(),
            "windowSize": size(length),
        },
        "summary": {
            "primaryDimension": {
                "dimension": place.first.name(),
                "statistics": [{ "name": place.value, "value": counted.events }],
                "aggregationType": "Count",
            },
            "details": details.collect::<Vec<Value>>(),
        },
    });
    record.to_string()
}

/// ISO 8601 of a length of time of whole seconds.
fn size(length: i64) -> String {
    let secs = length / 1000;
    match secs % 60 {
        0 => format!("PT{}M", secs / 60),
        _ => format!("PT{secs}S"),
    }
}

fn id(trail_id: i64, parts: [&str; 6]) -> String {
    let trail = trail_id.to_string();
    let [account, region, source, start, dimension, value] = parts;
    derived::id(&["aggregated", &trail, account, region, source, start, dimension, value])
}

/// True when an event is a summary of the trail of this id.
pub(crate) fn is_of(trail_id: i64, event: &Event) -> bool {
    let Ok(record) = Json::check(&event.record) else { return false };
    let members = record.object();
    let inner = |key: &str| members.get(key).map(Json::object).unwrap_or_default();
    let start = inner("timeWindow").text("windowStart").unwrap_or_default().into_owned();
    let primary = inner("summary").get("primaryDimension").map(Json::object).unwrap_or_default();
    let dimension = primary.text("dimension").unwrap_or_default();
    let first = primary.get("statistics").and_then(Json::elements).and_then(|mut values| values.next());
    let value = first.map(Json::object).unwrap_or_default().text("name").unwrap_or_default().into_owned();
    event.event_id == id(trail_id, [&event.account, &event.region, &event.source, &start, &dimension, &value])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Defaults, parse};
    use model::EventResource;

    fn event(name: &str, resource: &str, error: &str) -> Event {
        Event {
            account: "111122223333".into(),
            region: "us-west-2".into(),
            source: "s3.amazonaws.com".into(),
            name: name.into(),
            user_arn: "arn:aws:iam::111122223333:user/a".into(),
            error_code: error.into(),
            resources: vec![EventResource { resource_type: "AWS::S3::Object".into(), name: resource.into() }],
            ..Event::default()
        }
    }

    #[test]
    fn summaries_are_as_aws_writes_them_and_know_their_trail() {
        let mut summaries = Summaries::default();
        let templates = vec!["API_ACTIVITY".to_owned()];
        for _ in 0..3 {
            summaries.count(&event("PutObject", "arn:aws:s3:::bucket-1", ""), &templates);
        }
        summaries.count(&event("PutObject", "arn:aws:s3:::bucket-2", "AccessDenied"), &templates);
        let start = Timestamp::parse_iso("2025-11-17T19:20:00Z").unwrap();
        let records = summaries.records(7, (start, 300_000));
        assert_eq!(records.len(), 1);
        let record: Value = serde_json::from_str(&records[0].2).unwrap();
        let window =
            json!({ "windowStart": "2025-11-17T19:20:00Z", "windowEnd": "2025-11-17T19:25:00Z", "windowSize": "PT5M" });
        assert_eq!(record["timeWindow"], window);
        assert_eq!(
            record["summary"]["primaryDimension"],
            json!({ "dimension": "eventName", "statistics": [{ "name": "PutObject", "value": 4 }], "aggregationType": "Count" })
        );
        assert_eq!(
            record["summary"]["details"][0],
            json!({ "dimension": "resourceARN", "statistics": [{ "name": "arn:aws:s3:::bucket-1", "value": 3 },
                { "name": "arn:aws:s3:::bucket-2", "value": 1 }], "aggregationType": "Count" })
        );
        assert_eq!(record["summary"]["details"][2]["statistics"], json!([{ "name": "AccessDenied", "value": 1 }]));
        let event = parse(records[0].2.clone(), &Defaults::default()).unwrap();
        assert_eq!((event.category.as_str(), event.time), ("Aggregated", start));
        assert_eq!((event.account.as_str(), event.region.as_str()), ("111122223333", "us-west-2"));
        assert_eq!(Value::from(event.event_id.clone()), record["eventId"]);
        assert!(is_of(7, &event) && !is_of(8, &event));
    }

    #[test]
    fn each_template_has_its_first_dimension_and_memory_is_bounded() {
        let mut summaries = Summaries::default();
        for n in 0..SUMMARIES_MAX + 10 {
            summaries.count(&event("GetObject", &format!("arn:{n}"), ""), &TEMPLATES.map(String::from));
        }
        assert_eq!(summaries.0.len(), SUMMARIES_MAX);
        let of = |first| summaries.0.iter().filter(move |(place, _)| place.first == first).map(|(_, counted)| counted);
        assert_eq!(of(Dimension::Name).map(|counted| counted.events).collect::<Vec<_>>(), [SUMMARIES_MAX as u64 + 10]);
        assert_eq!(of(Dimension::User).next().unwrap().details[&Dimension::Resource].len(), VALUES_MAX);
        assert_eq!(of(Dimension::Resource).count(), SUMMARIES_MAX - 2);
    }
}
