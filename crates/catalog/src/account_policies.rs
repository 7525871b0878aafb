//! Account policies of CloudWatch Logs: documents that hold for all log groups of an account, or for some.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::time::DAY;
use model::{Scope, Timestamp};

/// The types whose effect outlives a policy: what they said is remembered when they are put again or deleted.
const REMEMBERED: [&str; 2] = ["DATA_PROTECTION_POLICY", "FIELD_INDEX_POLICY"];
/// Past policies of one type remembered in a scope.
const PAST_MAX: i64 = 16;

/// An account policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPolicy {
    /// Never reused.
    pub id: u64,
    /// Account and region that it holds for.
    pub scope: Scope,
    /// `SUBSCRIPTION_FILTER_POLICY`, `METRIC_EXTRACTION_POLICY` and their like.
    pub kind: String,
    /// Unique in the scope among policies of its kind.
    pub name: String,
    /// What the client put.
    pub document: String,
    /// Which log groups it holds for; `None` for all.
    pub selection_criteria: Option<String>,
    /// Since when there is one of this name.
    pub created: Timestamp,
    /// When it was last put.
    pub updated: Timestamp,
    /// What it said a day before that, if it was there: document and criteria. In force for a day after a change of a policy
    /// that takes effect so late.
    pub previous: Option<(String, Option<String>)>,
    /// Log events of lower sequences have been delivered (subscription policies only).
    pub position: u64,
    /// When the position was noted.
    pub position_at: Timestamp,
}

/// What an account policy said, and when it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAccountPolicy {
    /// See [`AccountPolicy::document`].
    pub document: String,
    /// See [`AccountPolicy::selection_criteria`].
    pub selection_criteria: Option<String>,
    /// The first instant.
    pub from: Timestamp,
    /// The instant after the last.
    pub until: Timestamp,
}

/// What is put of an account policy.
#[derive(Debug, Clone, Copy)]
pub struct NewAccountPolicy<'a> {
    /// See [`AccountPolicy::kind`].
    pub kind: &'a str,
    /// See [`AccountPolicy::name`].
    pub name: &'a str,
    /// See [`AccountPolicy::document`].
    pub document: &'a str,
    /// See [`AccountPolicy::selection_criteria`].
    pub selection_criteria: Option<&'a str>,
    /// The time of the call.
    pub at: Timestamp,
    /// Where a policy that is new begins.
    pub position: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    r#type: String,
    name: String,
    document: String,
    selection_criteria: Option<String>,
    created_ms: i64,
    updated_ms: i64,
    position: i64,
    position_ms: i64,
    previous_document: Option<String>,
    previous_criteria: Option<String>,
}

impl From<Row> for AccountPolicy {
    fn from(row: Row) -> Self {
        Self {
            id: row.id as u64,
            scope: Scope { account: row.account, region: row.region },
            kind: row.r#type,
            name: row.name,
            document: row.document,
            selection_criteria: row.selection_criteria,
            created: Timestamp(row.created_ms),
            updated: Timestamp(row.updated_ms),
            previous: row.previous_document.map(|document| (document, row.previous_criteria)),
            position: row.position as u64,
            position_at: Timestamp(row.position_ms),
        }
    }
}

impl Catalog {
    /// Makes or replaces a policy; false when the scope has `policies_max` others of its kind.
    pub async fn put_account_policy(
        &self,
        scope: &Scope,
        new: NewAccountPolicy<'_>,
        policies_max: usize,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "log_subscriptions").await?;
        let (others,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM account_policies WHERE account = $1 AND region = $2 AND type = $3 AND name <> $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(new.kind)
        .bind(new.name)
        .fetch_one(&mut *transaction)
        .await?;
        if others >= policies_max as i64 {
            return Ok(false);
        }
        remember(&mut transaction, scope, new.kind, new.name, new.at).await?;
        sqlx::query(
            "INSERT INTO account_policies (id, account, region, type, name, document, selection_criteria, created_ms, \
             updated_ms, position, position_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $8) \
             ON CONFLICT (account, region, type, name) DO UPDATE SET \
             previous_document = CASE WHEN account_policies.updated_ms <= $10 THEN account_policies.document \
             ELSE account_policies.previous_document END, \
             previous_criteria = CASE WHEN account_policies.updated_ms <= $10 THEN account_policies.selection_criteria \
             ELSE account_policies.previous_criteria END, \
             document = excluded.document, \
             selection_criteria = excluded.selection_criteria, updated_ms = excluded.updated_ms",
        )
        .bind(id)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(new.kind)
        .bind(new.name)
        .bind(new.document)
        .bind(new.selection_criteria)
        .bind(new.at.0)
        .bind(new.position as i64)
        .bind((new.at - DAY).0)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The policies of a kind in a scope, by name.
    pub async fn account_policies(&self, scope: &Scope, kind: &str) -> Result<Vec<AccountPolicy>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM account_policies WHERE account = $1 AND region = $2 AND type = $3 ORDER BY name",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(kind)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(AccountPolicy::from).collect())
    }

    /// The policy with this id.
    pub async fn account_policy(&self, id: u64) -> Result<Option<AccountPolicy>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM account_policies WHERE id = $1")
            .bind(id as i64)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(AccountPolicy::from))
    }

    /// The policies of a kind in every scope.
    pub async fn every_account_policy(&self, kind: &str) -> Result<Vec<AccountPolicy>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM account_policies WHERE type = $1 ORDER BY id")
            .bind(kind)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(AccountPolicy::from).collect())
    }

    /// Notes at `at` that a subscription policy has delivered all below `position`.
    pub async fn move_account_policy(&self, id: u64, position: u64, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE account_policies SET position = $2, position_ms = $3 WHERE id = $1")
            .bind(id as i64)
            .bind(position as i64)
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Deletes a policy at `now`. False when there is none.
    pub async fn delete_account_policy(&self, scope: &Scope, kind: &str, name: &str, now: Timestamp) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        remember(&mut transaction, scope, kind, name, now).await?;
        let deleted =
            sqlx::query("DELETE FROM account_policies WHERE account = $1 AND region = $2 AND type = $3 AND name = $4")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(kind)
                .bind(name)
                .execute(&mut *transaction)
                .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// What policies of a kind said that ended at `since` or later, in the order of their ends.
    pub async fn past_account_policies(
        &self,
        scope: &Scope,
        kind: &str,
        since: Timestamp,
    ) -> Result<Vec<PastAccountPolicy>> {
        let rows: Vec<(String, Option<String>, i64, i64)> = sqlx::query_as(
            "SELECT document, selection_criteria, from_ms, until_ms FROM past_account_policies \
             WHERE account = $1 AND region = $2 AND type = $3 AND until_ms >= $4 ORDER BY until_ms, id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(kind)
        .bind(since.0)
        .fetch_all(&self.pool)
        .await?;
        let past = |(document, selection_criteria, from, until)| PastAccountPolicy {
            document,
            selection_criteria,
            from: Timestamp(from),
            until: Timestamp(until),
        };
        Ok(rows.into_iter().map(past).collect())
    }
}

/// Remembers what a policy says until `until`, and forgets the oldest of too many; the time of a forgotten one belongs to the
/// oldest that is left.
async fn remember(transaction: &mut Connection, scope: &Scope, kind: &str, name: &str, until: Timestamp) -> Result<()> {
    // A write comes first: see `next_id`.
    let id = Catalog::next_id(transaction, "past_account_policies").await?;
    if !REMEMBERED.contains(&kind) {
        return Ok(());
    }
    let added = sqlx::query(
        "INSERT INTO past_account_policies (id, account, region, type, document, selection_criteria, from_ms, until_ms) \
         SELECT $5, account, region, type, document, selection_criteria, updated_ms, $6 FROM account_policies \
         WHERE account = $1 AND region = $2 AND type = $3 AND name = $4 AND updated_ms < $6",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(kind)
    .bind(name)
    .bind(id)
    .bind(until.0)
    .execute(&mut *transaction)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(());
    }
    let forgotten: Vec<(i64,)> = sqlx::query_as(
        "DELETE FROM past_account_policies WHERE account = $1 AND region = $2 AND type = $3 AND id NOT IN \
         (SELECT id FROM past_account_policies WHERE account = $1 AND region = $2 AND type = $3 \
         ORDER BY id DESC LIMIT $4) RETURNING from_ms",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(kind)
    .bind(PAST_MAX)
    .fetch_all(&mut *transaction)
    .await?;
    let Some((from,)) = forgotten.into_iter().min() else { return Ok(()) };
    sqlx::query(
        "UPDATE past_account_policies SET from_ms = $4 WHERE from_ms > $4 AND id = \
         (SELECT MIN(id) FROM past_account_policies WHERE account = $1 AND region = $2 AND type = $3)",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(kind)
    .bind(from)
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_policy_put_again_keeps_its_position_and_kinds_are_counted_apart() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let put = async |kind: &str, name: &str, document: &str, position: u64| {
            let new = NewAccountPolicy { kind, name, document, selection_criteria: None, at: Timestamp(5), position };
            catalog.put_account_policy(&scope, new, 1).await.unwrap()
        };
        assert!(put("SUBSCRIPTION_FILTER_POLICY", "a", "1", 10).await);
        assert!(!put("SUBSCRIPTION_FILTER_POLICY", "b", "1", 10).await);
        assert!(put("DATA_PROTECTION_POLICY", "b", "1", 10).await);
        assert!(put("SUBSCRIPTION_FILTER_POLICY", "a", "2", 20).await);
        let found = catalog.account_policies(&scope, "SUBSCRIPTION_FILTER_POLICY").await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].document.as_str(), found[0].position), ("2", 10));
        catalog.move_account_policy(found[0].id, 30, Timestamp(6)).await.unwrap();
        let found = catalog.account_policy(found[0].id).await.unwrap().unwrap();
        assert_eq!((found.position, found.position_at), (30, Timestamp(6)));
        assert!(catalog.delete_account_policy(&scope, "SUBSCRIPTION_FILTER_POLICY", "a", Timestamp(9)).await.unwrap());
        assert!(!catalog.delete_account_policy(&scope, "SUBSCRIPTION_FILTER_POLICY", "a", Timestamp(9)).await.unwrap());
        assert_eq!(catalog.every_account_policy("DATA_PROTECTION_POLICY").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_was_in_force_a_day_ago_is_known() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let put = async |document: &str, criteria: Option<&str>, at: i64| {
            let at = Timestamp(at);
            let kind = "RETENTION_POLICY";
            let new = NewAccountPolicy { kind, name: "p", document, selection_criteria: criteria, at, position: 0 };
            assert!(catalog.put_account_policy(&scope, new, 1).await.unwrap());
            catalog.account_policies(&scope, kind).await.unwrap().remove(0).previous
        };
        assert_eq!(put("a", Some("x"), 10).await, None);
        assert_eq!(put("b", None, 20).await, None, "a was never in force");
        assert_eq!(put("c", Some("y"), 20 + DAY).await, Some(("b".into(), None)));
        assert_eq!(put("d", None, 21 + DAY).await, Some(("b".into(), None)), "c was never in force");
        assert_eq!(put("e", None, 21 + 2 * DAY).await, Some(("d".into(), None)));
    }

    #[tokio::test]
    async fn what_protected_or_indexed_is_remembered() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let put = async |kind: &str, document: &str, at: i64| {
            let new = NewAccountPolicy {
                kind,
                name: "p",
                document,
                selection_criteria: None,
                at: Timestamp(at),
                position: 0,
            };
            assert!(catalog.put_account_policy(&scope, new, 1).await.unwrap());
        };
        let past = async |kind: &str, since: i64| {
            let past = catalog.past_account_policies(&scope, kind, Timestamp(since)).await.unwrap();
            past.into_iter().map(|past| (past.from.0, past.until.0, past.document)).collect::<Vec<_>>()
        };
        let kind = "DATA_PROTECTION_POLICY";
        put(kind, "a", 10).await;
        put(kind, "b", 20).await;
        put(kind, "c", 20).await;
        assert!(catalog.delete_account_policy(&scope, kind, "p", Timestamp(30)).await.unwrap());
        assert_eq!(past(kind, 0).await, [(10, 20, "a".into()), (20, 30, "c".into())]);
        assert_eq!(past(kind, 21).await, [(20, 30, "c".into())]);
        for n in 0..=PAST_MAX {
            put(kind, &n.to_string(), 100 + n).await;
        }
        let kept = past(kind, 0).await;
        assert_eq!(kept.len() as i64, PAST_MAX);
        assert_eq!(kept[0], (10, 101, "0".into()), "the time of those before is its own");
        let policies = catalog.account_policies(&scope, kind).await.unwrap();
        assert_eq!((policies[0].created, policies[0].updated), (Timestamp(100), Timestamp(116)));
        put("TRANSFORMER_POLICY", "a", 10).await;
        put("TRANSFORMER_POLICY", "b", 20).await;
        assert_eq!(past("TRANSFORMER_POLICY", 0).await, []);
    }
}
