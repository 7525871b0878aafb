//! Resource policies of CloudWatch Logs: who else may use an account's log groups, or one of them; revisions are compared.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};

/// A resource policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogResourcePolicy {
    /// The resource; empty for a policy of the account.
    pub resource_arn: String,
    /// Unique among the policies of the account. A resource has one policy, whose name may be empty.
    pub name: String,
    /// What the client put.
    pub document: String,
    /// Another one after each change.
    pub revision_id: String,
    /// When it was last put.
    pub updated: Timestamp,
}

/// What became of a request to put or delete a resource policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogResourcePolicyChange {
    /// It is done.
    Done,
    /// There is no such policy.
    Absent,
    /// It has another revision than was expected.
    Changed,
    /// There are as many policies as there may be.
    TooMany,
}

type Row = (String, String, String, String, i64);

fn policy((resource_arn, name, document, revision_id, updated): Row) -> LogResourcePolicy {
    LogResourcePolicy { resource_arn, name, document, revision_id, updated: Timestamp(updated) }
}

const COLUMNS: &str = "resource_arn, name, document, revision_id, updated_ms";

/// Whether a request that names `asked` means the policy called `name` of the same resource: a resource has one, an account many.
fn is_meant(resource_arn: &str, asked: &str, name: &str) -> bool {
    !resource_arn.is_empty() || name == asked
}

impl Catalog {
    /// Makes or replaces a policy. With `expected`, only one that has this revision is replaced. An account has at most
    /// `policies_max` of its own. A resource has one, which is replaced only when its revision is expected, whatever its name; without
    /// a name `new` gets that of the one it replaces.
    pub async fn put_log_resource_policy(
        &self,
        scope: &Scope,
        new: &mut LogResourcePolicy,
        expected: Option<&str>,
        policies_max: usize,
    ) -> Result<LogResourcePolicyChange> {
        let mut transaction = self.pool.begin().await?;
        // A write first, so that nobody comes between what is read and what is written.
        let put: Option<(String,)> = sqlx::query_as(
            "UPDATE log_resource_policies SET name = CASE WHEN $4 = '' THEN name ELSE $4 END, document = $5, \
             revision_id = $6, updated_ms = $7 WHERE account = $1 AND region = $2 AND resource_arn = $3 \
             AND (revision_id = $8 OR ($8 IS NULL AND $3 = '')) AND ($3 <> '' OR name = $4) RETURNING name",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.resource_arn)
        .bind(&new.name)
        .bind(&new.document)
        .bind(&new.revision_id)
        .bind(new.updated.0)
        .bind(expected)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((name,)) = put {
            transaction.commit().await?;
            new.name = name;
            return Ok(LogResourcePolicyChange::Done);
        }
        let names: Vec<(String,)> = sqlx::query_as(
            "SELECT name FROM log_resource_policies WHERE account = $1 AND region = $2 AND resource_arn = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.resource_arn)
        .fetch_all(&mut *transaction)
        .await?;
        if names.iter().any(|(name,)| is_meant(&new.resource_arn, &new.name, name)) {
            return Ok(LogResourcePolicyChange::Changed);
        }
        if expected.is_some() {
            return Ok(LogResourcePolicyChange::Absent);
        }
        if names.len() >= policies_max {
            return Ok(LogResourcePolicyChange::TooMany);
        }
        sqlx::query(
            "INSERT INTO log_resource_policies (account, region, resource_arn, name, document, revision_id, updated_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.resource_arn)
        .bind(&new.name)
        .bind(&new.document)
        .bind(&new.revision_id)
        .bind(new.updated.0)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(LogResourcePolicyChange::Done)
    }

    /// Every policy of a scope: those of the account, then those of resources, by resource and name.
    pub async fn log_resource_policies(&self, scope: &Scope) -> Result<Vec<LogResourcePolicy>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM log_resource_policies WHERE account = $1 AND region = $2 ORDER BY resource_arn, name"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(policy).collect())
    }

    /// Deletes a policy, that of a resource whatever its name; with `expected`, only when it has this revision.
    pub async fn delete_log_resource_policy(
        &self,
        scope: &Scope,
        resource_arn: &str,
        name: &str,
        expected: Option<&str>,
    ) -> Result<LogResourcePolicyChange> {
        let deleted = sqlx::query(
            "DELETE FROM log_resource_policies WHERE account = $1 AND region = $2 AND resource_arn = $3 \
             AND ($3 <> '' OR name = $4) AND ($5 IS NULL OR revision_id = $5)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(resource_arn)
        .bind(name)
        .bind(expected)
        .execute(&self.pool)
        .await?;
        if deleted.rows_affected() > 0 {
            return Ok(LogResourcePolicyChange::Done);
        }
        let all = self.log_resource_policies(scope).await?;
        let mut of_resource = all.iter().filter(|policy| policy.resource_arn == resource_arn);
        let there = of_resource.any(|policy| is_meant(resource_arn, name, &policy.name));
        Ok(if there { LogResourcePolicyChange::Changed } else { LogResourcePolicyChange::Absent })
    }
}
