//! Syslog configurations: which log groups the syslog messages of an endpoint go to.

use crate::{Catalog, Result};
use model::{GroupId, Scope, Timestamp};

/// A syslog configuration.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SyslogConfiguration {
    /// The name of the log group.
    pub group_name: String,
    /// The id of the endpoint; empty for the one without.
    pub vpc_endpoint: String,
    /// When it was first put, milliseconds since the epoch.
    pub created_ms: i64,
}

/// What became of a request to put a syslog configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogConfigurationPut {
    /// It is there, perhaps already before.
    Put,
    /// There is no such group any more.
    NoGroup,
    /// The account has as many in the region as it may have.
    TooMany,
}

impl Catalog {
    /// Sends the messages of an endpoint to a group; a region of an account has at most `most` configurations.
    pub async fn put_syslog_configuration(
        &self,
        scope: &Scope,
        group: GroupId,
        vpc_endpoint: &str,
        at: Timestamp,
        most: usize,
    ) -> Result<SyslogConfigurationPut> {
        let mut transaction = self.pool.begin().await?;
        let put = sqlx::query(
            "INSERT INTO syslog_configurations (group_id, vpc_endpoint, created_ms) \
             SELECT id, $2, $3 FROM log_groups WHERE id = $1 ON CONFLICT (group_id, vpc_endpoint) DO UPDATE \
             SET created_ms = syslog_configurations.created_ms",
        )
        .bind(group.0 as i64)
        .bind(vpc_endpoint)
        .bind(at.0)
        .execute(&mut *transaction)
        .await?;
        if put.rows_affected() == 0 {
            return Ok(SyslogConfigurationPut::NoGroup);
        }
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM syslog_configurations s JOIN log_groups g ON g.id = s.group_id \
             WHERE g.account = $1 AND g.region = $2",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_one(&mut *transaction)
        .await?;
        if count > most as i64 {
            return Ok(SyslogConfigurationPut::TooMany);
        }
        transaction.commit().await?;
        Ok(SyslogConfigurationPut::Put)
    }

    /// All configurations of a scope, by group and endpoint.
    pub async fn syslog_configurations(&self, scope: &Scope) -> Result<Vec<SyslogConfiguration>> {
        let found = sqlx::query_as(
            "SELECT g.name AS group_name, s.vpc_endpoint, s.created_ms FROM syslog_configurations s \
             JOIN log_groups g ON g.id = s.group_id WHERE g.account = $1 AND g.region = $2 \
             ORDER BY g.name, s.vpc_endpoint",
        );
        Ok(found.bind(&scope.account).bind(&scope.region).fetch_all(&self.pool).await?)
    }

    /// Deletes the configuration of a group and an endpoint, or all of the group. False when there is none.
    pub async fn delete_syslog_configurations(&self, group: GroupId, vpc_endpoint: Option<&str>) -> Result<bool> {
        let deleted =
            sqlx::query("DELETE FROM syslog_configurations WHERE group_id = $1 AND ($2 IS NULL OR vpc_endpoint = $2)")
                .bind(group.0 as i64)
                .bind(vpc_endpoint)
                .execute(&self.pool)
                .await?;
        Ok(deleted.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;
    use std::collections::BTreeMap;

    #[tokio::test]
    async fn configurations_go_with_their_group_and_are_limited() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let make = async |name: &str| {
            let at = Timestamp(1);
            let new =
                NewLogGroup { name, created_at: at, class: "STANDARD", kms_key_id: None, deletion_protected: false };
            catalog.create_log_group(&scope, new, "arn", &BTreeMap::new()).await.unwrap().unwrap()
        };
        let (a, b) = (make("a").await, make("b").await);
        let put = async |group, endpoint: &str, at: i64| {
            catalog.put_syslog_configuration(&scope, group, endpoint, Timestamp(at), 2).await.unwrap()
        };
        assert_eq!(put(a, "vpce-1", 5).await, SyslogConfigurationPut::Put);
        assert_eq!(put(b, "", 6).await, SyslogConfigurationPut::Put);
        assert_eq!(put(b, "vpce-1", 7).await, SyslogConfigurationPut::TooMany);
        assert_eq!(put(a, "vpce-1", 8).await, SyslogConfigurationPut::Put);
        let all = async || {
            let all = catalog.syslog_configurations(&scope).await.unwrap();
            all.into_iter().map(|c| (c.group_name, c.vpc_endpoint, c.created_ms)).collect::<Vec<_>>()
        };
        assert_eq!(all().await, [("a".into(), "vpce-1".into(), 5), ("b".into(), String::new(), 6)]);
        assert!(!catalog.delete_syslog_configurations(a, Some("vpce-2")).await.unwrap());
        assert!(catalog.delete_syslog_configurations(a, None).await.unwrap());
        catalog.delete_log_group(&scope, "b", "arn", Timestamp(9)).await.unwrap();
        assert_eq!(all().await, []);
        assert_eq!(put(b, "", 9).await, SyslogConfigurationPut::NoGroup);
    }
}
