//! `POST /_trailwatch/policies/generate`: the policy that allows what a principal was seen to do, and no more.
//!
//! The body is JSON: `principal`, the ARN of a user, a role or a session of a role (`…:assumed-role/ROLE/NAME`); `from` and `to` (ISO 8601,
//! both count; all history when absent). Answered are `policy` and what must be known about it: how many calls it was made of,
//! which were refused and are left out, which IAM knows nothing of, and actions whose resources are wider than was seen.
//! How calls become permissions stands at the top of `query/least_privilege.rs`.

use super::range;
use crate::own::Refusal;
use crate::server::Server;
use model::limits::POLICY_EVENTS_MAX;
use model::{Event, TimeRange, Timestamp};
use query::actors::Call;
use query::least_privilege::Observed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan, EventText};
use wire::HttpRequest;

/// Where it is asked for.
pub const GENERATE: &str = "/_trailwatch/policies/generate";
/// Longest managed policy, characters without white space (IAM quotas).
const MANAGED_POLICY_MAX: usize = 6_144;
/// Names that an answer lists of each kind.
const NAMED_MAX: usize = 100;

/// Whose calls, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The ARN.
    pub principal: String,
    /// Earliest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Latest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The calls of a principal.
pub struct Calls {
    principal: String,
    is_role: bool,
    range: TimeRange,
}

impl Calls {
    /// Of a user, a role, or a session of a role.
    pub fn of(principal: &str, from: Option<&str>, to: Option<&str>) -> Result<Self, Refusal> {
        let mut parts = principal.splitn(6, ':');
        let (arn, service, resource) = (parts.next(), parts.nth(1), parts.nth(2).unwrap_or_default());
        let kind = resource.split('/').next().unwrap_or_default();
        let is_role = (service, kind) == (Some("iam"), "role");
        let is_other =
            matches!((service, kind), (Some("iam"), "user") | (Some("sts"), "assumed-role" | "federated-user"));
        if arn != Some("arn") || !resource.contains('/') || !(is_role || is_other) {
            let text =
                "principal: the ARN of a user, a role or a session, such as arn:aws:iam::111122223333:role/deploy";
            return Err(Refusal::invalid(text));
        }
        Ok(Self { principal: principal.to_owned(), is_role, range: range(from, to)? })
    }

    /// Shows each call, oldest first, until `visit` breaks; answers false when there are more than are looked at.
    pub async fn visit(
        &self,
        server: &Server,
        visit: &mut (dyn FnMut(&Event) -> ControlFlow<()> + Send),
    ) -> Result<bool, Refusal> {
        let filter = if self.is_role {
            // The role's ARN stands in the record of each of its sessions.
            EventFilter::Text(self.principal.clone())
        } else {
            EventFilter::OneOf(EventText::UserArn, Arc::new(HashSet::from([self.principal.clone()])))
        };
        let scan = EventScan {
            account: None,
            region: None,
            range: self.range,
            direction: Direction::Forward,
            after: None,
            filter: Some(filter),
        };
        let mut looked = 0;
        let visit = &mut |row: &store::EventRow| {
            if looked >= POLICY_EVENTS_MAX {
                return ControlFlow::Break(());
            }
            looked += 1;
            if self.is_role && Call::from(&row.event).identity.issuer_arn != self.principal {
                return ControlFlow::Continue(());
            }
            visit(&row.event)
        };
        server.trail.store.scan_events(scan, visit).await?;
        Ok(looked < POLICY_EVENTS_MAX)
    }
}

/// What stands in the audit record.
pub fn parameters(request: &HttpRequest) -> Value {
    serde_json::from_slice::<Asked>(&request.body).map_or(Value::Null, |asked| json!(asked))
}

/// Makes the policy.
pub async fn answer(server: &Server, request: &HttpRequest) -> Result<Value, Refusal> {
    let asked = serde_json::from_slice::<Asked>(&request.body);
    let asked = asked.map_err(|error| Refusal::invalid(format!("The body: {error}")))?;
    let calls = Calls::of(&asked.principal, asked.from.as_deref(), asked.to.as_deref())?;
    let (mut observed, mut times) = (Observed::default(), None);
    let visit = &mut |event: &Event| {
        observed.add(event);
        let (first, _) = times.unwrap_or((event.time, event.time));
        times = Some((first, event.time));
        ControlFlow::Continue(())
    };
    let is_whole = calls.visit(server, visit).await?;
    let policy = observed.policy();
    let size = policy.to_string().chars().filter(|c| !c.is_whitespace()).count();
    let shown = |time: Timestamp| time.iso_seconds();
    Ok(json!({
        "policy": policy,
        "calls": observed.calls,
        "first": times.map(|(first, _)| shown(first)),
        "last": times.map(|(_, last)| shown(last)),
        "refused": counted(&observed.refused),
        "without_iam": counted(&observed.foreign),
        "widened": observed.widened(),
        "is_cut": observed.is_cut || !is_whole,
        "characters": size,
        "fits_managed_policy": size <= MANAGED_POLICY_MAX,
    }))
}

fn counted(counts: &std::collections::BTreeMap<String, u64>) -> Vec<Value> {
    counts.iter().take(NAMED_MAX).map(|(name, count)| json!({ "event": name, "count": count })).collect()
}
