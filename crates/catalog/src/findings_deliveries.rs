//! Where data protection policies send their findings besides log groups, and up to which sequence they have gone.

use crate::{Catalog, Result};
use model::{GroupId, Scope, Timestamp};

/// The findings of one policy on their way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsDelivery {
    /// Never reused.
    pub id: u64,
    /// Account and region of the policy.
    pub scope: Scope,
    /// The group of the policy, and its name; `None` for the policy of the account.
    pub group: Option<(GroupId, String)>,
    /// A bucket with a prefix, or a Firehose stream.
    pub destination_arn: String,
    /// Findings in log events of lower sequences have been delivered.
    pub position: u64,
    /// When the position was noted.
    pub position_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    group_id: Option<i64>,
    group_name: Option<String>,
    destination_arn: String,
    position: i64,
    position_ms: i64,
}

impl From<Row> for FindingsDelivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id as u64,
            scope: Scope { account: row.account, region: row.region },
            group: row.group_id.map(|id| (GroupId(id as u64), row.group_name.unwrap_or_default())),
            destination_arn: row.destination_arn,
            position: row.position as u64,
            position_at: Timestamp(row.position_ms),
        }
    }
}

impl Catalog {
    /// Lets the policy of a group, or of the account, send its findings to these receivers and to no other. One that is new begins
    /// at `position`, and one that was there goes on where it is.
    pub async fn set_findings_deliveries(
        &self,
        scope: &Scope,
        group: Option<GroupId>,
        destination_arns: &[String],
        (at, position): (Timestamp, u64),
    ) -> Result<()> {
        let group = group.map(|group| group.0 as i64);
        let mut transaction = self.pool.begin().await?;
        // A write comes first: see `next_id`.
        let mut id = Self::next_id(&mut transaction, "log_subscriptions").await?;
        let there: Vec<(i64, String)> = sqlx::query_as(
            "SELECT id, destination_arn FROM findings_deliveries WHERE account = $1 AND region = $2 AND group_id IS NOT DISTINCT FROM $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(group)
        .fetch_all(&mut *transaction)
        .await?;
        for (gone, _) in there.iter().filter(|(_, arn)| !destination_arns.contains(arn)) {
            sqlx::query("DELETE FROM findings_deliveries WHERE id = $1").bind(gone).execute(&mut *transaction).await?;
        }
        for arn in destination_arns.iter().filter(|arn| !there.iter().any(|(_, known)| known == *arn)) {
            sqlx::query(
                "INSERT INTO findings_deliveries (id, account, region, group_id, destination_arn, position, position_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(id)
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(group)
            .bind(arn)
            .bind(position as i64)
            .bind(at.0)
            .execute(&mut *transaction)
            .await?;
            id = Self::next_id(&mut transaction, "log_subscriptions").await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The delivery with this id.
    pub async fn findings_delivery(&self, id: u64) -> Result<Option<FindingsDelivery>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT f.id, f.account, f.region, f.group_id, g.name AS group_name, f.destination_arn, f.position, f.position_ms \
             FROM findings_deliveries f LEFT JOIN log_groups g ON g.id = f.group_id WHERE f.id = $1",
        )
        .bind(id as i64)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(FindingsDelivery::from))
    }

    /// The ids of every delivery of every account.
    pub async fn every_findings_delivery(&self) -> Result<Vec<u64>> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT id FROM findings_deliveries ORDER BY id").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(id,)| id as u64).collect())
    }

    /// Notes at `at` that all findings below `position` have been delivered.
    pub async fn move_findings_delivery(&self, id: u64, position: u64, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE findings_deliveries SET position = $2, position_ms = $3 WHERE id = $1")
            .bind(id as i64)
            .bind(position as i64)
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;

    #[tokio::test]
    async fn deliveries_that_stay_go_on_and_all_go_with_their_group() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let new = NewLogGroup {
            name: "g",
            created_at: Timestamp(1),
            class: "STANDARD",
            kms_key_id: None,
            deletion_protected: false,
        };
        let group = catalog.create_log_group(&scope, new, "arn", &Default::default()).await.unwrap().unwrap();
        let set = async |group, arns: &[&str], position| {
            let arns: Vec<String> = arns.iter().map(|arn| (*arn).to_owned()).collect();
            catalog.set_findings_deliveries(&scope, group, &arns, (Timestamp(1), position)).await.unwrap();
        };
        let all = async || {
            let mut found = Vec::new();
            for id in catalog.every_findings_delivery().await.unwrap() {
                let delivery = catalog.findings_delivery(id).await.unwrap().unwrap();
                found.push((delivery.group.map(|(_, name)| name), delivery.destination_arn, delivery.position));
            }
            found
        };
        set(Some(group), &["a", "b"], 5).await;
        set(None, &["a"], 6).await;
        let first = catalog.every_findings_delivery().await.unwrap()[0];
        catalog.move_findings_delivery(first, 9, Timestamp(2)).await.unwrap();
        set(Some(group), &["a", "c"], 7).await;
        let of = |arn: &str, position| (Some("g".to_owned()), arn.to_owned(), position);
        assert_eq!(all().await, [of("a", 9), (None, "a".into(), 6), of("c", 7)]);
        catalog.delete_log_group(&scope, "g", "arn", Timestamp(2)).await.unwrap();
        assert_eq!(all().await, [(None, "a".into(), 6)]);
        set(None, &[], 8).await;
        assert_eq!(all().await, []);
        assert_eq!(catalog.findings_delivery(first).await.unwrap(), None);
    }
}
