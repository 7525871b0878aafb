//! Retention policies of accounts: which of them a log group is under (PutAccountPolicy reference).
//!
//! A policy takes effect a day after it was put, and until then what it said before holds; a deletion takes effect at once. Of
//! several policies for a group the one holds that keeps events longest, and of those the oldest. A group is under its policy
//! within a minute (`apply`), or as soon as a policy is deleted. Groups of class DELIVERY are under none: the reference leaves
//! them out of what it counts.

use super::super::errors::invalid;
use super::documents::selects_group;
use crate::Watch;
use catalog::{AccountPolicy, RetainedGroup};
use model::time::DAY;
use model::{Scope, Timestamp};
use serde_json::Value;
use std::cmp::Ordering;
use wire::ApiError;
use wire::logs::{DryRunResult, LogGroupImpact};

/// The type of these policies.
pub(super) const KIND: &str = "RETENTION_POLICY";
/// How long a change waits, milliseconds.
const TAKES_EFFECT_MS: i64 = DAY;
/// Groups that a dry run shows.
const IMPACTS_MAX: usize = 20;
const DAYS: [i64; 17] = [30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A policy as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    name: String,
    /// `None` keeps events forever.
    days: Option<i64>,
    /// Whether groups are meant that were there before it.
    retroactive: bool,
    created: Timestamp,
    criteria: Option<String>,
}

impl Rule {
    /// What a document says; the error is for the client.
    pub(super) fn of(name: &str, document: &str, criteria: Option<&str>, created: Timestamp) -> Result<Self, String> {
        let read: Value = serde_json::from_str(document)
            .map_err(|error| format!("The policy document is not valid JSON: {error}"))?;
        let known = |key: &String| ["retentionInDays", "enforcementMode"].contains(&key.as_str());
        if !read.as_object().is_some_and(|document| document.keys().all(known)) {
            return Err("A retention policy has retentionInDays and enforcementMode.".into());
        }
        let days = match &read["retentionInDays"] {
            Value::String(text) if text == "NEVER_EXPIRE" => None,
            Value::Number(days) if days.as_i64().is_some_and(|days| DAYS.contains(&days)) => days.as_i64(),
            _ => return Err(format!("retentionInDays must be \"NEVER_EXPIRE\" or one of {DAYS:?}")),
        };
        let retroactive = match read["enforcementMode"].as_str() {
            Some("RETROACTIVE") => true,
            Some("NEW_ONLY") => false,
            _ => return Err("enforcementMode must be NEW_ONLY or RETROACTIVE".into()),
        };
        let criteria = criteria.map(str::to_owned);
        Ok(Self { name: name.to_owned(), days, retroactive, created, criteria })
    }

    /// What of a policy is in force at `now`.
    fn in_force(policy: &AccountPolicy, now: Timestamp) -> Option<Self> {
        let (document, criteria) = if policy.updated + TAKES_EFFECT_MS <= now {
            (&policy.document, &policy.selection_criteria)
        } else {
            let (document, criteria) = policy.previous.as_ref()?;
            (document, criteria)
        };
        // It was checked when it was put.
        Self::of(&policy.name, document, criteria.as_deref(), policy.created).ok()
    }

    /// Whether a group is meant.
    fn selects(&self, group: &RetainedGroup) -> bool {
        group.class != "DELIVERY"
            && (self.retroactive || group.created >= self.created)
            && selects_group(self.criteria.as_deref(), &group.name)
    }
}

/// The rule that a group is under.
fn rule_of<'r>(rules: impl IntoIterator<Item = &'r Rule>, group: &RetainedGroup) -> Option<&'r Rule> {
    let selecting = rules.into_iter().filter(|rule| rule.selects(group));
    selecting.max_by(|a, b| longer(a.days, b.days).then(b.created.cmp(&a.created)).then(b.name.cmp(&a.name)))
}

/// How two retentions compare; `None` is forever.
fn longer(a: Option<i64>, b: Option<i64>) -> Ordering {
    a.unwrap_or(i64::MAX).cmp(&b.unwrap_or(i64::MAX))
}

/// Puts every log group under the policy that is in force for it.
pub async fn apply(watch: &Watch) -> catalog::Result<()> {
    let policies = watch.catalog.every_account_policy(KIND).await?;
    if policies.is_empty() && !watch.catalog.has_retention_policies().await? {
        return Ok(());
    }
    let now = watch.clock.now();
    let rules = |policy: AccountPolicy| Some((policy.scope.clone(), Rule::in_force(&policy, now)?));
    let rules: Vec<(Scope, Rule)> = policies.into_iter().filter_map(rules).collect();
    let changed = |group: RetainedGroup| {
        let of_scope = rules.iter().filter(|(scope, _)| *scope == group.scope).map(|(_, rule)| rule);
        let policy = rule_of(of_scope, &group).map(|rule| (rule.name.clone(), rule.days));
        (policy != group.policy).then_some((group.id, policy))
    };
    let changes: Vec<_> = watch.catalog.retained_groups().await?.into_iter().filter_map(changed).collect();
    if changes.is_empty() { Ok(()) } else { watch.catalog.set_retention_policies(&changes).await }
}

/// What would become of the groups of a policy if it were `new`, or gone, at once.
pub(super) async fn dry_run(
    watch: &Watch,
    scope: &Scope,
    name: &str,
    new: Option<Rule>,
) -> Result<DryRunResult, ApiError> {
    let now = watch.clock.now();
    let policies = watch.catalog.account_policies(scope, KIND).await?;
    let in_force = |policy: &AccountPolicy| Rule::in_force(policy, now);
    let others: Vec<Rule> = policies.iter().filter(|policy| policy.name != name).filter_map(in_force).collect();
    let stored = || {
        let policy = policies.iter().find(|policy| policy.name == name)?;
        Rule::of(name, &policy.document, policy.selection_criteria.as_deref(), policy.created).ok()
    };
    let Some(scoped) = new.clone().or_else(stored) else { return Err(super::resource_not_found()) };
    let after: Vec<Rule> = others.into_iter().chain(new).collect();
    let mut result = (0, 0, 0);
    let mut impacts = Vec::new();
    for group in watch.catalog.retained_groups().await? {
        if group.scope != *scope || !scoped.selects(&group) {
            continue;
        }
        let (current, proposed) = (group.kept_days(), rule_of(&after, &group).map_or(group.own_days, |rule| rule.days));
        match longer(proposed, current) {
            Ordering::Greater => result.0 += 1,
            Ordering::Less => result.1 += 1,
            Ordering::Equal => result.2 += 1,
        }
        impacts.push((watch.store.group_bytes(group.id), group.name, current, proposed));
    }
    impacts.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    impacts.truncate(IMPACTS_MAX);
    let text = |days: Option<i64>| Some(days.map_or_else(|| "NEVER_EXPIRE".to_owned(), |days| days.to_string()));
    let impact = |(bytes, name, current, proposed): (u64, String, _, _)| LogGroupImpact {
        log_group_name: Some(name),
        current_retention: text(current),
        proposed_retention: text(proposed),
        stored_bytes: i64::try_from(bytes).ok(),
    };
    Ok(DryRunResult {
        total_matched_log_groups: Some(result.0 + result.1 + result.2),
        increased_retention_log_group_count: Some(result.0),
        decreased_retention_log_group_count: Some(result.1),
        unchanged_retention_log_group_count: Some(result.2),
        failed_analysis_count: Some(0),
        top_log_groups_impacted: Some(impacts.into_iter().map(impact).collect()),
    })
}

/// The rule that a call puts; an existing policy keeps its age.
pub(super) async fn asked(
    watch: &Watch,
    scope: &Scope,
    name: &str,
    document: &str,
    criteria: Option<&str>,
) -> Result<Rule, ApiError> {
    let there = watch.catalog.account_policies(scope, KIND).await?;
    let created = there.iter().find(|policy| policy.name == name).map_or_else(|| watch.clock.now(), |p| p.created);
    Rule::of(name, document, criteria, created).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GroupId;

    fn rule(name: &str, days: &str, mode: &str, created: i64) -> Rule {
        let document = format!(r#"{{"retentionInDays":{days},"enforcementMode":"{mode}"}}"#);
        Rule::of(name, &document, None, Timestamp(created)).unwrap()
    }

    fn group(created: i64, class: &str) -> RetainedGroup {
        RetainedGroup {
            id: GroupId(1),
            scope: Scope { account: "1".into(), region: "r".into() },
            name: "/app/x".into(),
            class: class.into(),
            created: Timestamp(created),
            own_days: Some(7),
            policy: None,
        }
    }

    #[test]
    fn the_longest_holds_and_of_those_the_oldest() {
        let rules = [
            rule("short", "30", "RETROACTIVE", 1),
            rule("young", "90", "RETROACTIVE", 9),
            rule("old", "90", "RETROACTIVE", 5),
        ];
        let name = |rules: &[Rule], group: &RetainedGroup| rule_of(rules, group).map(|rule| rule.name.clone());
        let standard = group(0, "STANDARD");
        assert_eq!(name(&rules, &standard).as_deref(), Some("old"));
        assert_eq!(name(&rules, &group(0, "DELIVERY")), None);
        let forever = [rules.to_vec(), vec![rule("never", "\"NEVER_EXPIRE\"", "RETROACTIVE", 7)]].concat();
        assert_eq!(name(&forever, &standard).as_deref(), Some("never"));
        let new_only = [rule("new", "30", "NEW_ONLY", 5)];
        assert_eq!(name(&new_only, &group(4, "STANDARD")), None);
        assert_eq!(name(&new_only, &group(5, "STANDARD")).as_deref(), Some("new"));
        let prefixed = Rule { criteria: Some("LogGroupNamePrefix = \"/other\"".into()), ..rules[0].clone() };
        assert_eq!(name(&[prefixed], &standard), None);
    }

    #[test]
    fn a_change_takes_effect_after_a_day() {
        let document = |days: i64| format!(r#"{{"retentionInDays":{days},"enforcementMode":"RETROACTIVE"}}"#);
        let mut policy = AccountPolicy {
            id: 1,
            scope: Scope { account: "1".into(), region: "r".into() },
            kind: KIND.into(),
            name: "p".into(),
            document: document(60),
            selection_criteria: None,
            created: Timestamp(0),
            updated: Timestamp(0),
            previous: None,
            position: 0,
            position_at: Timestamp(0),
        };
        let days = |policy: &AccountPolicy, now: i64| Rule::in_force(policy, Timestamp(now)).and_then(|rule| rule.days);
        assert_eq!((days(&policy, DAY - 1), days(&policy, DAY)), (None, Some(60)));
        policy.previous = Some((document(30), None));
        policy.updated = Timestamp(2 * DAY);
        assert_eq!((days(&policy, 3 * DAY - 1), days(&policy, 3 * DAY)), (Some(30), Some(60)));
    }

    #[test]
    fn documents_that_say_something_else_are_refused() {
        for (document, part) in [
            ("[]", "retentionInDays and enforcementMode"),
            (r#"{"retentionInDays":30,"enforcementMode":"NEW_ONLY","x":1}"#, "retentionInDays and enforcementMode"),
            (r#"{"retentionInDays":7,"enforcementMode":"NEW_ONLY"}"#, "retentionInDays must be"),
            (r#"{"retentionInDays":30,"enforcementMode":"ALL"}"#, "enforcementMode must be"),
            ("x", "not valid JSON"),
        ] {
            let refused = Rule::of("p", document, None, Timestamp(0)).unwrap_err();
            assert!(refused.contains(part), "{document}: {refused}");
        }
    }
}
