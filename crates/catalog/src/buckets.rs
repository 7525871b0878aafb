//! Buckets that the server keeps itself: whose they are. Their objects are files, and nothing of them is here.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// A bucket of the server's own.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Bucket {
    /// Unique over all accounts.
    pub name: String,
    /// The account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
}

impl Catalog {
    /// Makes a bucket unless there is one of its name, or the account has `most`; answers the one that there is then.
    pub async fn ensure_bucket(&self, name: &str, scope: &Scope, now: Timestamp, most: i64) -> Result<Option<Bucket>> {
        if let Some(bucket) = self.bucket(name).await? {
            return Ok(Some(bucket));
        }
        sqlx::query(
            "INSERT INTO buckets (name, account, region, created_ms) SELECT $1, $2, $3, $4 \
             WHERE (SELECT count(*) FROM buckets WHERE account = $2) < $5 ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(now.0)
        .bind(most)
        .execute(&self.pool)
        .await?;
        self.bucket(name).await
    }

    /// The bucket of this name.
    pub async fn bucket(&self, name: &str) -> Result<Option<Bucket>> {
        let query = sqlx::query_as("SELECT name, account, region, created_ms FROM buckets WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// All buckets of an account, in order of their names.
    pub async fn buckets(&self, account: &str) -> Result<Vec<Bucket>> {
        let query =
            sqlx::query_as("SELECT name, account, region, created_ms FROM buckets WHERE account = $1 ORDER BY name");
        Ok(query.bind(account).fetch_all(&self.pool).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bucket_is_made_once_and_there_is_room_for_some() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = |account: &str| Scope { account: account.into(), region: "us-east-1".into() };
        let ensure = |name: &'static str, account: &'static str| {
            let (catalog, scope) = (catalog.clone(), scope(account));
            async move { catalog.ensure_bucket(name, &scope, Timestamp(7), 2).await.unwrap() }
        };
        let bucket =
            |name: &str| Bucket { name: name.into(), account: "1".into(), region: "us-east-1".into(), created_ms: 7 };
        assert_eq!(ensure("b", "1").await, Some(bucket("b")));
        assert_eq!(ensure("b", "2").await, Some(bucket("b")));
        assert_eq!(ensure("a", "1").await, Some(bucket("a")));
        assert_eq!(ensure("c", "1").await, None);
        assert_eq!(ensure("a", "1").await, Some(bucket("a")));
        assert_eq!(catalog.buckets("1").await.unwrap(), [bucket("a"), bucket("b")]);
        assert_eq!(catalog.buckets("2").await.unwrap(), []);
        assert_eq!(catalog.bucket("c").await.unwrap(), None);
    }
}
