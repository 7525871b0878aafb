//! RSA keys that digest files are signed with. Public halves stay for ever, private ones until the next key comes.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// A key of an account and region.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DigestKey {
    /// What digests call it.
    pub fingerprint: String,
    /// Base64 of the DER of PKCS#1's `RSAPublicKey`.
    pub public_key: String,
    /// Base64 of the encrypted private key; `None` once a later key came.
    pub sealed: Option<String>,
    /// It signs from here on, milliseconds.
    pub valid_from_ms: i64,
    /// It signs up to here, milliseconds.
    pub valid_to_ms: i64,
}

const COLUMNS: &str = "fingerprint, public_key, sealed, valid_from_ms, valid_to_ms";

impl Catalog {
    /// The last key of an account and region, valid or not.
    pub async fn last_digest_key(&self, owner: &Scope) -> Result<Option<DigestKey>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM digest_keys WHERE account = $1 AND region = $2 AND sealed IS NOT NULL \
             ORDER BY valid_from_ms DESC LIMIT 1"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&owner.account).bind(&owner.region);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Adds a key and forgets the private halves of those before.
    pub async fn add_digest_key(&self, owner: &Scope, key: &DigestKey) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE digest_keys SET sealed = NULL WHERE account = $1 AND region = $2")
            .bind(&owner.account)
            .bind(&owner.region)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO digest_keys (account, region, fingerprint, public_key, sealed, valid_from_ms, valid_to_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&owner.account)
        .bind(&owner.region)
        .bind(&key.fingerprint)
        .bind(&key.public_key)
        .bind(&key.sealed)
        .bind(key.valid_from_ms)
        .bind(key.valid_to_ms)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Keys that were valid at some time from `from` to `to`, both included, the oldest first; those after the one that began
    /// and is named `after`, up to `limit`.
    pub async fn digest_keys(
        &self,
        owner: &Scope,
        from: Timestamp,
        to: Timestamp,
        after: Option<(i64, &str)>,
        limit: usize,
    ) -> Result<Vec<DigestKey>> {
        let (began, name) = after.unwrap_or((i64::MIN, ""));
        let sql = format!(
            "SELECT {COLUMNS} FROM digest_keys WHERE account = $1 AND region = $2 AND valid_from_ms <= $3 \
             AND valid_to_ms >= $4 AND (valid_from_ms > $5 OR (valid_from_ms = $5 AND fingerprint > $6)) \
             ORDER BY valid_from_ms, fingerprint LIMIT $7"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&owner.account).bind(&owner.region);
        let query = query.bind(to.millis()).bind(from.millis()).bind(began).bind(name);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_key_takes_the_secret_of_the_one_before() {
        let catalog = Catalog::in_memory().await.unwrap();
        let owner = Scope { account: "1".into(), region: "r".into() };
        let elsewhere = Scope { account: "1".into(), region: "s".into() };
        let key = |name: &str, from: i64| DigestKey {
            fingerprint: name.into(),
            public_key: "p".into(),
            sealed: Some(name.into()),
            valid_from_ms: from,
            valid_to_ms: from + 10,
        };
        assert_eq!(catalog.last_digest_key(&owner).await.unwrap(), None);
        for (owner, key) in
            [(&owner, key("a", 0)), (&elsewhere, key("x", 1)), (&owner, key("b", 10)), (&owner, key("c", 20))]
        {
            catalog.add_digest_key(owner, &key).await.unwrap();
        }
        assert_eq!(catalog.last_digest_key(&owner).await.unwrap(), Some(key("c", 20)));
        assert_eq!(catalog.last_digest_key(&elsewhere).await.unwrap(), Some(key("x", 1)));
        let names = async |from, to, after, limit| -> Vec<(String, bool)> {
            let keys = catalog.digest_keys(&owner, Timestamp(from), Timestamp(to), after, limit).await.unwrap();
            keys.into_iter().map(|key| (key.fingerprint, key.sealed.is_some())).collect()
        };
        let all = [("a".to_owned(), false), ("b".to_owned(), false), ("c".to_owned(), true)];
        assert_eq!(names(0, 100, None, 9).await, all);
        assert_eq!(names(0, 100, None, 2).await, all[..2]);
        assert_eq!(names(0, 100, Some((10, "b")), 9).await, all[2..]);
        assert_eq!(names(10, 10, None, 9).await, all[..2], "the ends of validity are included");
        assert_eq!(names(11, 19, None, 9).await, all[1..2]);
        assert_eq!(names(31, 99, None, 9).await, []);
    }
}
