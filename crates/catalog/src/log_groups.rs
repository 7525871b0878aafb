//! Log groups: their settings, and the memory of deleted ones until their bytes are freed.

use crate::{Catalog, Result};
use model::time::DAY;
use model::{GroupId, Scope, StreamId, Timestamp};
use sqlx::FromRow;
use std::collections::{BTreeMap, HashMap};

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroup {
    /// Its id in the store.
    pub id: GroupId,
    /// The account and region that it is in.
    pub scope: Scope,
    /// Name, unique in account and region.
    pub name: String,
    /// When CreateLogGroup accepted it.
    pub created_at: Timestamp,
    /// Days that events are kept, by the account's policy if it is under one; `None` keeps them forever.
    pub retention_days: Option<i64>,
    /// The retention policy of the account that it is under.
    pub retention_policy: Option<String>,
    /// `STANDARD`, `INFREQUENT_ACCESS`, `DELIVERY` or `ESSENTIALS`.
    pub class: String,
    /// The KMS key that the owner associated with it.
    pub kms_key_id: Option<String>,
    /// True when deleting it is refused.
    pub deletion_protected: bool,
    /// True when events may be sent to it with a bearer token.
    pub bearer_enabled: bool,
    /// How many metric filters it has.
    pub metric_filters: i64,
}

impl LogGroup {
    /// The earliest instant whose events are still kept at `now`.
    pub fn kept_since(&self, now: Timestamp) -> Timestamp {
        self.retention_days.map_or(Timestamp::MIN, |days| now - days.saturating_mul(DAY))
    }
}

/// What a new log group is made of.
#[derive(Debug, Clone, Copy)]
pub struct NewLogGroup<'a> {
    /// Name, unique in account and region.
    pub name: &'a str,
    /// The time of the call.
    pub created_at: Timestamp,
    /// `STANDARD`, `INFREQUENT_ACCESS`, `DELIVERY` or `ESSENTIALS`.
    pub class: &'a str,
    /// The KMS key to associate with it.
    pub kms_key_id: Option<&'a str>,
    /// True when deleting it is to be refused.
    pub deletion_protected: bool,
}

/// Days that groups of class `DELIVERY` keep events, which nobody changes: they are there to be delivered.
const DELIVERY_DAYS: i64 = 2;

/// What became of a request to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogDeletion {
    /// It is gone.
    Deleted,
    /// There is no such group, or no such stream in the group.
    Absent,
    /// The group is protected against deletion.
    Protected,
}

const COLUMNS: &str = "id, account, region, name, created_at, kept_days, retention_policy, class, kms_key_id, deletion_protected, bearer_enabled, \
                       (SELECT COUNT(*) FROM metric_filters f WHERE f.group_id = log_groups.id) AS metric_filters";

#[derive(FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    name: String,
    created_at: i64,
    kept_days: Option<i64>,
    retention_policy: Option<String>,
    class: String,
    kms_key_id: Option<String>,
    deletion_protected: i64,
    bearer_enabled: i64,
    metric_filters: i64,
}

impl From<Row> for LogGroup {
    fn from(row: Row) -> Self {
        Self {
            id: GroupId(row.id as u64),
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            created_at: Timestamp(row.created_at),
            retention_days: row.kept_days,
            retention_policy: row.retention_policy,
            class: row.class,
            kms_key_id: row.kms_key_id,
            deletion_protected: row.deletion_protected != 0,
            bearer_enabled: row.bearer_enabled != 0,
            metric_filters: row.metric_filters,
        }
    }
}

impl Catalog {
    /// Creates a log group with its tags under the ARN `arn`. `None` when the name is taken. Events are kept forever, but in groups
    /// of class `DELIVERY`.
    pub async fn create_log_group(
        &self,
        scope: &Scope,
        new: NewLogGroup<'_>,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Option<GroupId>> {
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "log_groups").await?;
        let inserted = sqlx::query(
            "INSERT INTO log_groups (id, account, region, name, created_at, retention_days, class, kms_key_id, deletion_protected) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(id)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(new.name)
        .bind(new.created_at.0)
        .bind((new.class == "DELIVERY").then_some(DELIVERY_DAYS))
        .bind(new.class)
        .bind(new.kms_key_id)
        .bind(i64::from(new.deletion_protected))
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(None);
        }
        for (key, value) in tags {
            sqlx::query("INSERT INTO tags (resource_arn, tag_key, tag_value) VALUES ($1, $2, $3)")
                .bind(arn)
                .bind(key)
                .bind(value)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Some(GroupId(id as u64)))
    }

    /// The group of this name.
    pub async fn log_group(&self, scope: &Scope, name: &str) -> Result<Option<LogGroup>> {
        let sql = format!("SELECT {COLUMNS} FROM log_groups WHERE account = $1 AND region = $2 AND name = $3");
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(LogGroup::from))
    }

    /// The group of this id, if it belongs to this scope.
    pub async fn log_group_of_id(&self, scope: &Scope, id: GroupId) -> Result<Option<LogGroup>> {
        let sql = format!("SELECT {COLUMNS} FROM log_groups WHERE account = $1 AND region = $2 AND id = $3");
        let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id.0 as i64)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(LogGroup::from))
    }

    /// The group of this id, whosever it is.
    pub async fn log_group_anywhere(&self, id: GroupId) -> Result<Option<LogGroup>> {
        let sql = format!("SELECT {COLUMNS} FROM log_groups WHERE id = $1");
        let row: Option<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id.0 as i64).fetch_optional(&self.pool).await?;
        Ok(row.map(LogGroup::from))
    }

    /// At most `limit` groups whose names begin with `prefix` and come after `after`, by name.
    pub async fn list_log_groups(
        &self,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LogGroup>> {
        // `name >= prefix` lets the index begin at the right place; the substring decides.
        let sql = format!(
            "SELECT {COLUMNS} FROM log_groups WHERE account = $1 AND region = $2 AND name > $3 AND name >= $4 \
             AND substr(name, 1, $5) = $4 ORDER BY name LIMIT $6"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(after)
            .bind(prefix)
            .bind(prefix.chars().count() as i64)
            .bind(limit as i64)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(LogGroup::from).collect())
    }

    /// Sets how many days events are kept; `None` keeps them forever. False when there is no such group.
    pub async fn set_log_retention(&self, scope: &Scope, name: &str, days: Option<i64>) -> Result<bool> {
        let sql = "UPDATE log_groups SET retention_days = $4 WHERE account = $1 AND region = $2 AND name = $3";
        self.change_log_group(scope, name, sqlx::query(sql), days).await
    }

    /// Protects a group against deletion, or ends the protection. False when there is no such group.
    pub async fn set_log_group_protection(&self, scope: &Scope, name: &str, protected: bool) -> Result<bool> {
        let sql = "UPDATE log_groups SET deletion_protected = $4 WHERE account = $1 AND region = $2 AND name = $3";
        self.change_log_group(scope, name, sqlx::query(sql), i64::from(protected)).await
    }

    /// Lets events be sent to a group with bearer tokens, or ends that. False when there is no such group.
    pub async fn set_log_group_bearer(&self, scope: &Scope, name: &str, enabled: bool) -> Result<bool> {
        let sql = "UPDATE log_groups SET bearer_enabled = $4 WHERE account = $1 AND region = $2 AND name = $3";
        self.change_log_group(scope, name, sqlx::query(sql), i64::from(enabled)).await
    }

    /// Associates a KMS key with a group; `None` ends the association. False when there is no such group.
    pub async fn set_log_group_key(&self, scope: &Scope, name: &str, kms_key_id: Option<&str>) -> Result<bool> {
        let sql = "UPDATE log_groups SET kms_key_id = $4 WHERE account = $1 AND region = $2 AND name = $3";
        self.change_log_group(scope, name, sqlx::query(sql), kms_key_id).await
    }

    async fn change_log_group<'q, V>(
        &self,
        scope: &'q Scope,
        name: &'q str,
        update: sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>,
        value: V,
    ) -> Result<bool>
    where
        V: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'q,
    {
        let change = self.log_ids.change(scope, name);
        let update = update.bind(&scope.account).bind(&scope.region).bind(name).bind(value);
        Ok(change.settle(update.execute(&self.pool)).await?.rows_affected() > 0)
    }

    /// Deletes a group with its streams, and the tags and the resource policy under `arn`, and remembers its id until
    /// [`Catalog::forget_deleted_logs`].
    pub async fn delete_log_group(
        &self,
        scope: &Scope,
        name: &str,
        arn: &str,
        deleted_at: Timestamp,
    ) -> Result<LogDeletion> {
        let change = self.log_ids.change(scope, name);
        let mut transaction = self.pool.begin().await?;
        let deleted: Option<(i64,)> = sqlx::query_as(
            "DELETE FROM log_groups WHERE account = $1 AND region = $2 AND name = $3 AND deletion_protected = 0 RETURNING id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((id,)) = deleted else {
            transaction.rollback().await?;
            let exists = self.log_group(scope, name).await?.is_some();
            return Ok(if exists { LogDeletion::Protected } else { LogDeletion::Absent });
        };
        // Streams go with the group (ON DELETE CASCADE), and the group's mark stands for all of theirs.
        sqlx::query("DELETE FROM deleted_logs WHERE group_id = $1").bind(id).execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO deleted_logs (group_id, stream_id, deleted_at) VALUES ($1, 0, $2)")
            .bind(id)
            .bind(deleted_at.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        // A group that is made anew under this name must not have them.
        sqlx::query("DELETE FROM log_resource_policies WHERE account = $1 AND region = $2 AND resource_arn = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(arn)
            .execute(&mut *transaction)
            .await?;
        change.settle(transaction.commit()).await?;
        Ok(LogDeletion::Deleted)
    }

    /// Deletes groups and streams whose records the store was told to remove, protected or not. A catalog that is older than the store
    /// has them still, and lines that came to them would not be shown. Answers how many there were.
    pub async fn delete_removed_logs(
        &self,
        groups: &[GroupId],
        streams: &[StreamId],
        deleted_at: Timestamp,
    ) -> Result<u64> {
        let _change = self.log_ids.change_all();
        let mut deleted = 0;
        for id in groups {
            let Some(LogGroup { scope, name, .. }) = self.log_group_anywhere(*id).await? else { continue };
            self.set_log_group_protection(&scope, &name, false).await?;
            self.delete_log_group(&scope, &name, &model::arn::log_group(&scope, &name), deleted_at).await?;
            deleted += 1;
        }
        for id in streams {
            let mut transaction = self.pool.begin().await?;
            let gone: Option<(i64,)> = sqlx::query_as("DELETE FROM log_streams WHERE id = $1 RETURNING group_id")
                .bind(id.0 as i64)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some((group,)) = gone else { continue };
            sqlx::query("INSERT INTO deleted_logs (group_id, stream_id, deleted_at) VALUES ($1, $2, $3)")
                .bind(group)
                .bind(id.0 as i64)
                .bind(deleted_at.0)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// How long each group with a retention keeps its events, milliseconds.
    pub async fn log_retention(&self) -> Result<HashMap<GroupId, i64>> {
        let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT id, kept_days FROM log_groups WHERE kept_days IS NOT NULL")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|(id, days)| (GroupId(id as u64), days.saturating_mul(DAY))).collect())
    }

    /// Groups that were deleted and not yet forgotten.
    pub async fn deleted_groups(&self) -> Result<Vec<GroupId>> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT group_id FROM deleted_logs WHERE stream_id = 0").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(id,)| GroupId(id as u64)).collect())
    }

    /// Streams that were deleted from groups that still exist, and not yet forgotten.
    pub async fn deleted_streams(&self) -> Result<Vec<(GroupId, StreamId)>> {
        let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT group_id, stream_id FROM deleted_logs WHERE stream_id <> 0")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|(group, stream)| (GroupId(group as u64), StreamId(stream as u64))).collect())
    }

    /// Forgets groups and streams that were deleted before `before`: their bytes are freed, and no call that began
    /// before the deletion can still be writing.
    pub async fn forget_deleted_logs(&self, before: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM deleted_logs WHERE deleted_at < $1").bind(before.0).execute(&self.pool).await?;
        Ok(())
    }
}
