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

/// What became of a bucket that was to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketCreated {
    /// It is there now.
    Created,
    /// There was one of its name.
    Exists(Bucket),
    /// The account has no room for another.
    TooMany,
}

impl Catalog {
    /// Makes a bucket, unless there is one of its name or the account has `most`.
    pub async fn create_bucket(&self, name: &str, scope: &Scope, now: Timestamp, most: i64) -> Result<BucketCreated> {
        let made = sqlx::query(
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
        if made.rows_affected() == 1 {
            return Ok(BucketCreated::Created);
        }
        Ok(self.bucket(name).await?.map_or(BucketCreated::TooMany, BucketCreated::Exists))
    }

    /// Deletes a bucket and its policy; true when it was there, and not another one of its name.
    pub async fn delete_bucket(&self, bucket: &Bucket) -> Result<bool> {
        let query = sqlx::query("DELETE FROM buckets WHERE name = $1 AND account = $2 AND created_ms = $3");
        let query = query.bind(&bucket.name).bind(&bucket.account).bind(bucket.created_ms);
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// The policy of a bucket.
    pub async fn bucket_policy(&self, bucket: &Bucket) -> Result<Option<String>> {
        let query = sqlx::query_as("SELECT policy FROM buckets WHERE name = $1 AND account = $2 AND created_ms = $3");
        let query = query.bind(&bucket.name).bind(&bucket.account).bind(bucket.created_ms);
        let found: Option<(Option<String>,)> = query.fetch_optional(&self.pool).await?;
        Ok(found.and_then(|(policy,)| policy))
    }

    /// Sets or takes away the policy of a bucket; true when the bucket is there, and not another one of its name.
    pub async fn put_bucket_policy(&self, bucket: &Bucket, policy: Option<&str>) -> Result<bool> {
        let query = sqlx::query("UPDATE buckets SET policy = $4 WHERE name = $1 AND account = $2 AND created_ms = $3");
        let query = query.bind(&bucket.name).bind(&bucket.account).bind(bucket.created_ms).bind(policy);
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
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
        let create = |name: &'static str, account: &'static str| {
            let (catalog, scope) = (catalog.clone(), scope(account));
            async move { catalog.create_bucket(name, &scope, Timestamp(7), 2).await.unwrap() }
        };
        let bucket =
            |name: &str| Bucket { name: name.into(), account: "1".into(), region: "us-east-1".into(), created_ms: 7 };
        assert_eq!(create("b", "1").await, BucketCreated::Created);
        assert_eq!(create("b", "2").await, BucketCreated::Exists(bucket("b")));
        assert_eq!(create("a", "1").await, BucketCreated::Created);
        assert_eq!(create("c", "1").await, BucketCreated::TooMany);
        assert_eq!(create("a", "1").await, BucketCreated::Exists(bucket("a")));
        assert_eq!(catalog.buckets("1").await.unwrap(), [bucket("a"), bucket("b")]);
        assert_eq!(catalog.buckets("2").await.unwrap(), []);
        assert_eq!(catalog.bucket("c").await.unwrap(), None);
    }
    #[tokio::test]
    async fn a_policy_goes_with_its_bucket() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "1".into(), region: "us-east-1".into() };
        let bucket = Bucket { name: "b".into(), account: "1".into(), region: "us-east-1".into(), created_ms: 7 };
        assert!(!catalog.put_bucket_policy(&bucket, Some("{}")).await.unwrap());
        catalog.create_bucket("b", &scope, Timestamp(7), 2).await.unwrap();
        assert!(catalog.put_bucket_policy(&bucket, Some("{}")).await.unwrap());
        assert_eq!(catalog.bucket_policy(&bucket).await.unwrap().as_deref(), Some("{}"));
        assert!(catalog.delete_bucket(&bucket).await.unwrap());
        assert!(!catalog.delete_bucket(&bucket).await.unwrap());
        let other = Scope { account: "2".into(), ..scope };
        catalog.create_bucket("b", &other, Timestamp(7), 2).await.unwrap();
        assert!(!catalog.delete_bucket(&bucket).await.unwrap(), "it is another's by now");
        assert!(!catalog.put_bucket_policy(&bucket, Some("{}")).await.unwrap());
        let bucket = Bucket { account: "2".into(), ..bucket };
        assert_eq!(catalog.bucket_policy(&bucket).await.unwrap(), None);
    }
}
