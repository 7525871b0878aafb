//! The fields that a log group indexes: AWS's own, and those of the field index policy in force for the group.
//!
//! Sources: user guide, "Field index syntax and quotas", "Create field indexes to improve query performance and reduce costs". A
//! group's own policy takes the place of account policies. Here every short field of an event is a column and every word is in a
//! filter, whatever the policies say, so an index makes no query faster and changes no answer but two: `filterIndex` leaves out
//! log groups that do not index its fields, and ListLogGroups finds groups by their indexes. A field that left a policy is
//! inactive for 30 days. Groups of classes other than Standard index nothing. A field whose own name begins with `@` is written
//! with another `@` in a policy. Nothing is indexed by AWS's choice (`AUTO`). Policies for data sources select no groups.

use super::account_policies::documents::{index_fields_of, selects_group};
use crate::Watch;
use catalog::{AccountPolicy, LogGroup, PastAccountPolicy};
use model::time::DAY;
use model::{Scope, Timestamp, arn};
use std::collections::BTreeMap;
use wire::ApiError;

/// How long a field stays indexed that left a policy.
const INACTIVE_MS: i64 = 30 * DAY;
const ACCOUNT_POLICY: &str = "FIELD_INDEX_POLICY";

/// What every group of the Standard class indexes.
const DEFAULTS: [&str; 10] = [
    "@logStream",
    "@aws.region",
    "@aws.account",
    "@source.log",
    "@data_source_name",
    "@data_source_type",
    "@data_format",
    "traceId",
    "severityText",
    "attributes.session.id",
];
/// What groups index as well that trails deliver to.
const TRAIL_DEFAULTS: [&str; 10] = [
    "eventSource",
    "eventName",
    "awsRegion",
    "userAgent",
    "errorCode",
    "eventType",
    "managementEvent",
    "readOnly",
    "eventCategory",
    "requestId",
];

/// How a field is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Indexed {
    /// `FIELD_INDEX` or `FACET`.
    pub(super) kind: &'static str,
    /// `DEFAULT`, `CUSTOM` or `INACTIVE`.
    pub(super) category: &'static str,
    /// Since when by the policy that says so.
    pub(super) since: Timestamp,
}

/// The policy that a group's indexes follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PolicyInForce {
    pub(super) document: String,
    /// When it was put.
    pub(super) updated: Timestamp,
    /// The name of a policy of the account; a group's own has none.
    pub(super) name: Option<String>,
}

/// What the groups of a scope index. Made once for all groups that a call looks at.
pub(super) struct FieldIndexes<'w> {
    watch: &'w Watch,
    scope: Scope,
    /// Policies that ended before are forgotten.
    since: Timestamp,
    account: Vec<AccountPolicy>,
    past: Vec<PastAccountPolicy>,
    /// ARNs, with `:*`.
    trail_groups: Vec<String>,
}

impl<'w> FieldIndexes<'w> {
    pub(super) async fn of(watch: &'w Watch, scope: &Scope) -> Result<Self, ApiError> {
        let since = watch.clock.now() - INACTIVE_MS;
        let trails = watch.catalog.trails(&scope.account).await?;
        Ok(Self {
            watch,
            scope: scope.clone(),
            since,
            account: watch.catalog.account_policies(scope, ACCOUNT_POLICY).await?,
            past: watch.catalog.past_account_policies(scope, ACCOUNT_POLICY, since).await?,
            trail_groups: trails.into_iter().filter_map(|trail| trail.settings.logs_group_arn).collect(),
        })
    }

    /// The policy in force for a group.
    pub(super) async fn policy(&self, group: &LogGroup) -> Result<Option<PolicyInForce>, ApiError> {
        let own = self.watch.catalog.index_policies(group.id, self.since).await?;
        if let Some(own) = own.into_iter().rfind(|policy| policy.until.is_none()) {
            return Ok(Some(PolicyInForce { document: own.document, updated: own.from, name: None }));
        }
        let selects = |policy: &&AccountPolicy| selects_group(policy.selection_criteria.as_deref(), &group.name);
        Ok(self.account.iter().find(selects).filter(|_| is_standard(group)).map(|policy| PolicyInForce {
            document: policy.document.clone(),
            updated: policy.updated,
            name: Some(policy.name.clone()),
        }))
    }

    /// The fields that a group indexes, or did until lately.
    pub(super) async fn fields(&self, group: &LogGroup) -> Result<BTreeMap<String, Indexed>, ApiError> {
        let mut fields = BTreeMap::new();
        if !is_standard(group) {
            return Ok(fields);
        }
        let by_default = Indexed { kind: "FIELD_INDEX", category: "DEFAULT", since: Timestamp::MIN };
        fields.extend(DEFAULTS.map(|name| (name.to_owned(), by_default)));
        if self.trail_groups.contains(&format!("{}:*", arn::log_group(&self.scope, &group.name))) {
            fields.extend(TRAIL_DEFAULTS.map(|name| (name.to_owned(), by_default)));
        }
        if let Some(policy) = self.policy(group).await? {
            for (name, kind) in names_of(&policy.document)? {
                fields.insert(name, Indexed { kind, category: "CUSTOM", since: policy.updated });
            }
        }
        let own = self.watch.catalog.index_policies(group.id, self.since).await?;
        let own = own.into_iter().filter(|policy| policy.until.is_some()).map(|policy| policy.document);
        let selects = |past: &&PastAccountPolicy| selects_group(past.selection_criteria.as_deref(), &group.name);
        let past = own.chain(self.past.iter().filter(selects).map(|past| past.document.clone()));
        for document in past {
            for (name, kind) in names_of(&document)? {
                fields.entry(name).or_insert(Indexed { kind, category: "INACTIVE", since: Timestamp::MIN });
            }
        }
        Ok(fields)
    }

    /// Whether a group indexes all of these fields.
    pub(super) async fn cover(&self, group: &LogGroup, names: &[&str]) -> Result<bool, ApiError> {
        let fields = self.fields(group).await?;
        let is_indexed = |name: &&str| fields.get(*name).is_some_and(|indexed| indexed.category != "INACTIVE");
        Ok(names.iter().all(is_indexed))
    }
}

fn is_standard(group: &LogGroup) -> bool {
    group.class == "STANDARD"
}

/// The fields of a stored policy, as queries call them.
fn names_of(document: &str) -> Result<BTreeMap<String, &'static str>, ApiError> {
    let named = index_fields_of(document).map_err(|why| store::Error::Bug(format!("read an index policy: {why}")))?;
    let unescaped = |name: String| match name.strip_prefix('@') {
        Some(own) if own.starts_with('@') => own.to_owned(),
        _ => name,
    };
    Ok(named.into_iter().map(|(name, kind)| (unescaped(name), kind)).collect())
}
