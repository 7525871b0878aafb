//! `POST /_trailwatch/events/search`: audit events by several attributes at once, free text and who really did it, of all accounts,
//! regions and times, newest first, with counts of what was found.
//!
//! The body is JSON, every member may be absent. All attributes must hold, of each one value:
//!
//! `event_id`, `event_name`, `event_source` (`s3` stands for `s3.amazonaws.com`), `user` (name or ARN), `access_key_id`, `resource_name`,
//! `resource_type`, `account`, `region`, `category`, `error_code`, `source_ip`, `actor`, `session`: lists of values; `text`: list of texts
//! that the record must have, all of them, as they are written there; `read_only`, `failed`: true or false; `from`, `to`: ISO 8601, both
//! count; `limit`, `after` (`next` of the page before); `facets`: how many values of each attribute are counted out, 0 for none; `bars`: with
//! facets, a histogram of at most so many bars between the first and the last event, with those that failed.
//!
//! At most 200,000 events that the store cannot skip are looked at for one answer: `looked` says how many were, `next` where to go on,
//! and facets then say that they are partial.

use super::{placed, position, range};
use crate::own::Refusal;
use crate::server::Server;
use model::limits::{SEARCH_EVENTS_MAX, SEARCH_VALUES_MAX};
use query::event_search::{Bar, Bars, Facet, Facets, Found, Search, SearchPage, search};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use store::{EventFilter, EventText};
use wire::HttpRequest;

/// Where searches are posted to.
pub const PATH: &str = "/_trailwatch/events/search";
/// Longest body, bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest value, bytes.
const VALUE_BYTES_MAX: usize = 2_048;
/// Most values of each facet.
const TOP_MAX: usize = 100;
/// Most bars of a fine histogram.
const BARS_MAX: usize = 1_000;
/// Events of a page when nobody says.
const LIMIT: usize = 50;

/// The body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// Values of attributes, as the module's header says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_id: Vec<String>,
    /// `eventName`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_name: Vec<String>,
    /// `eventSource`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_source: Vec<String>,
    /// User names and ARNs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<String>,
    /// `userIdentity.accessKeyId`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_key_id: Vec<String>,
    /// Names or ARNs of resources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_name: Vec<String>,
    /// Their types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_type: Vec<String>,
    /// Accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<String>,
    /// Regions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub region: Vec<String>,
    /// `eventCategory`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// `errorCode`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_code: Vec<String>,
    /// `sourceIPAddress`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_ip: Vec<String>,
    /// Who really did it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actor: Vec<String>,
    /// The session.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub session: Vec<String>,
    /// Parts of the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub text: Vec<String>,
    /// Only calls that read, or that write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Only calls that failed, or that went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Earliest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Latest time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Events of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Values of each facet.
    pub facets: usize,
    /// Most bars of a fine histogram; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub bars: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's form
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Asked {
    /// Reads the body; an empty one asks for the newest events.
    fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        if request.body.len() > BODY_BYTES_MAX {
            return Err(Refusal::invalid(format!("The body has at most {BODY_BYTES_MAX} bytes.")));
        }
        if request.body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(&request.body).map_err(|error| Refusal::invalid(format!("The body: {error}")))
    }

    fn lists(&self) -> [&Vec<String>; 15] {
        [
            &self.event_id,
            &self.event_name,
            &self.event_source,
            &self.user,
            &self.access_key_id,
            &self.resource_name,
            &self.resource_type,
            &self.account,
            &self.region,
            &self.category,
            &self.error_code,
            &self.source_ip,
            &self.actor,
            &self.session,
            &self.text,
        ]
    }

    /// What the store and the search look for.
    fn search(&self) -> Result<Search, Refusal> {
        let values = || self.lists().into_iter().flatten();
        if values().count() > SEARCH_VALUES_MAX {
            return Err(Refusal::invalid(format!("A search has at most {SEARCH_VALUES_MAX} values.")));
        }
        if values().any(|value| value.is_empty() || value.len() > VALUE_BYTES_MAX) {
            return Err(Refusal::invalid(format!("A value has 1 to {VALUE_BYTES_MAX} bytes.")));
        }
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=SEARCH_EVENTS_MAX).contains(&limit) {
            return Err(Refusal::invalid(format!("limit: a number from 1 to {SEARCH_EVENTS_MAX}")));
        }
        if self.facets > TOP_MAX {
            return Err(Refusal::invalid(format!("facets: at most {TOP_MAX}")));
        }
        if self.bars > BARS_MAX {
            return Err(Refusal::invalid(format!("bars: at most {BARS_MAX}")));
        }
        let set = |values: &[String]| values.iter().cloned().collect::<HashSet<String>>();
        Ok(Search {
            filters: self.filters(),
            actors: set(&self.actor),
            sessions: set(&self.session),
            range: range(self.from.as_deref(), self.to.as_deref())?,
            after: self.after.as_deref().map(position).transpose()?,
            limit,
            top: self.facets,
            bars: self.bars,
        })
    }

    fn filters(&self) -> Vec<EventFilter> {
        let mut filters = Vec::new();
        let one_of =
            |text: EventText, values: &[String]| EventFilter::OneOf(text, Arc::new(values.iter().cloned().collect()));
        let texts = [
            (EventText::Name, &self.event_name),
            (EventText::AccessKeyId, &self.access_key_id),
            (EventText::Account, &self.account),
            (EventText::Region, &self.region),
            (EventText::Category, &self.category),
            (EventText::ErrorCode, &self.error_code),
            (EventText::SourceIp, &self.source_ip),
        ];
        filters.extend(
            texts.into_iter().filter(|(_, values)| !values.is_empty()).map(|(text, values)| one_of(text, values)),
        );
        if !self.event_source.is_empty() {
            let sources: Vec<String> = self.event_source.iter().flat_map(|source| sources(source)).collect();
            filters.push(one_of(EventText::Source, &sources));
        }
        if !self.user.is_empty() {
            let (name, arn) = (one_of(EventText::Username, &self.user), one_of(EventText::UserArn, &self.user));
            // Bloom filters know user names: where no ARN is asked for, they help.
            let has_arn = self.user.iter().any(|user| user.starts_with("arn:"));
            filters.push(if has_arn { EventFilter::Any(vec![name, arn]) } else { name });
        }
        if !self.event_id.is_empty() {
            let mut ids = self.event_id.iter().cloned().map(EventFilter::EventId);
            let only = if self.event_id.len() == 1 { ids.next() } else { None };
            filters
                .push(only.unwrap_or_else(|| EventFilter::EventIds(Arc::new(self.event_id.iter().cloned().collect()))));
        }
        let mut any = |values: &[String], filter: fn(String) -> EventFilter| {
            if !values.is_empty() {
                filters.push(EventFilter::Any(values.iter().cloned().map(filter).collect()));
            }
        };
        any(&self.resource_name, EventFilter::ResourceName);
        any(&self.resource_type, EventFilter::ResourceType);
        filters.extend(self.text.iter().cloned().map(EventFilter::Text));
        filters.extend(self.read_only.map(EventFilter::ReadOnly));
        filters.extend(self.failed.map(EventFilter::Failed));
        filters
    }
}

/// `s3` stands for `s3.amazonaws.com`.
fn sources(source: &str) -> Vec<String> {
    match source.contains('.') {
        true => vec![source.to_owned()],
        false => vec![format!("{source}.amazonaws.com"), source.to_owned()],
    }
}

/// What stands in the audit record.
pub fn parameters(request: &HttpRequest) -> Value {
    match Asked::of(request) {
        Ok(asked) => json!({ "search": asked }),
        Err(_) => {
            let text = String::from_utf8_lossy(&request.body);
            json!({ "body": text.chars().take(1_000).collect::<String>() })
        }
    }
}

/// A page of what is found.
pub async fn answer(server: &Server, request: &HttpRequest) -> Result<Value, Refusal> {
    let asked = Asked::of(request)?.search()?;
    let SearchPage { events, next, looked, facets } = search(&server.trail.store, &asked).await?;
    Ok(json!({
        "events": events.iter().map(found).collect::<Vec<_>>(),
        "next": next.map(placed),
        "looked": looked,
        "facets": facets.as_ref().map(counts),
    }))
}

fn found(found: &Found) -> Value {
    let event = &found.row.event;
    let resource = |resource: &model::EventResource| json!({ "type": resource.resource_type, "name": resource.name });
    json!({
        "time": event.time.iso_seconds(),
        "sequence": found.row.sequence,
        "event_id": event.event_id,
        "event_source": event.source,
        "event_name": event.name,
        "account": event.account,
        "region": event.region,
        "category": event.category,
        "user": event.username,
        "identity": event.user_arn,
        "access_key_id": event.access_key_id,
        "actor": found.resolution.actor,
        "actor_is_known": found.resolution.is_complete,
        "session": found.resolution.session,
        "read_only": event.read_only,
        "error_code": event.error_code,
        "source_ip": event.source_ip,
        "resources": event.resources.iter().map(resource).collect::<Vec<_>>(),
        "record": event.record,
    })
}

fn counts(facets: &Facets) -> Value {
    let facet = |facet: &Facet| {
        let values: Vec<Value> =
            facet.values.iter().map(|(value, count)| json!({ "value": value, "count": count })).collect();
        json!({ "values": values, "others": facet.others })
    };
    let fine = facets.bars.as_ref().map(|Bars { minutes, bars }| {
        let bar = |bar: &Bar| json!({ "time": bar.begin.iso_seconds(), "count": bar.events, "failed": bar.failed });
        json!({ "minutes": minutes, "bars": bars.iter().map(bar).collect::<Vec<_>>() })
    });
    let bar = |(begin, count): &(model::Timestamp, u64)| json!({ "time": begin.iso_seconds(), "count": count });
    json!({
        "events": facets.events,
        "is_partial": facets.is_partial,
        "event_source": facet(&facets.services),
        "event_name": facet(&facets.actions),
        "actor": facet(&facets.actors),
        "error_code": facet(&facets.errors),
        "resource_name": facet(&facets.resources),
        "region": facet(&facets.regions),
        "bar_hours": facets.bar_hours,
        "histogram": facets.histogram.iter().map(bar).collect::<Vec<_>>(),
        "fine": fine,
    })
}
