//! Statements of CloudTrail Lake that have a name, and the queries that were started by it.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// A statement with a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct LakeQueryAlias {
    /// Unique in the scope.
    pub alias: String,
    /// What was asked for in words, where the statement was generated.
    pub prompt: Option<String>,
    /// The statement.
    pub statement: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
}

impl Catalog {
    /// Enters a generated statement.
    pub async fn put_lake_query_alias(&self, scope: &Scope, alias: &LakeQueryAlias) -> Result<()> {
        sqlx::query(
            "INSERT INTO lake_query_aliases (account, region, alias, prompt, statement, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&alias.alias)
        .bind(&alias.prompt)
        .bind(&alias.statement)
        .bind(alias.created_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The statement of this name.
    pub async fn lake_query_alias(&self, scope: &Scope, alias: &str) -> Result<Option<LakeQueryAlias>> {
        let query = sqlx::query_as(
            "SELECT alias, prompt, statement, created_ms FROM lake_query_aliases \
             WHERE account = $1 AND region = $2 AND alias = $3",
        );
        Ok(query.bind(&scope.account).bind(&scope.region).bind(alias).fetch_optional(&self.pool).await?)
    }

    /// Notes that a query was started by an alias, in a refresh or, with 0, in none.
    pub async fn add_lake_alias_query(
        &self,
        scope: &Scope,
        alias: &str,
        refresh_id: i64,
        query_id: &str,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO lake_alias_queries (query_id, account, region, alias, refresh_id, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(query_id)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(alias)
        .bind(refresh_id)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The latest query of an alias: of all, or of one refresh.
    pub async fn lake_alias_query(
        &self,
        scope: &Scope,
        alias: &str,
        refresh_id: Option<i64>,
    ) -> Result<Option<String>> {
        let query = sqlx::query_as(
            "SELECT query_id FROM lake_alias_queries WHERE account = $1 AND region = $2 AND alias = $3 \
             AND ($4 IS NULL OR refresh_id = $4) ORDER BY created_ms DESC, refresh_id DESC LIMIT 1",
        );
        let query = query.bind(&scope.account).bind(&scope.region).bind(alias).bind(refresh_id);
        let found: Option<(String,)> = query.fetch_optional(&self.pool).await?;
        Ok(found.map(|(id,)| id))
    }

    /// Forgets generated statements from before `cutoff`, and which alias queries were of that are forgotten.
    pub async fn expire_lake_query_aliases(&self, cutoff: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM lake_query_aliases WHERE dashboard IS NULL AND created_ms < $1")
            .bind(cutoff.0)
            .execute(&self.pool)
            .await?;
        sqlx::query("DELETE FROM lake_alias_queries WHERE query_id NOT IN (SELECT id FROM lake_queries)")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_latest_query_counts_and_generated_statements_expire() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "1".into(), region: "r".into() };
        let alias = LakeQueryAlias {
            alias: "a".into(),
            prompt: Some("who".into()),
            statement: "SELECT 1".into(),
            created_ms: 10,
        };
        catalog.put_lake_query_alias(&scope, &alias).await.unwrap();
        assert_eq!(catalog.lake_query_alias(&scope, "a").await.unwrap(), Some(alias));
        for (refresh, query, at) in [(0, "q0", 1), (7, "q1", 2), (8, "q2", 3)] {
            catalog.add_lake_alias_query(&scope, "a", refresh, query, Timestamp(at)).await.unwrap();
        }
        for (refresh, query) in [(None, Some("q2")), (Some(7), Some("q1")), (Some(0), Some("q0")), (Some(9), None)] {
            assert_eq!(catalog.lake_alias_query(&scope, "a", refresh).await.unwrap().as_deref(), query, "{refresh:?}");
        }
        catalog.expire_lake_query_aliases(Timestamp(10)).await.unwrap();
        assert!(catalog.lake_query_alias(&scope, "a").await.unwrap().is_some());
        assert_eq!(catalog.lake_alias_query(&scope, "a", None).await.unwrap(), None, "the queries are gone");
        catalog.expire_lake_query_aliases(Timestamp(11)).await.unwrap();
        assert_eq!(catalog.lake_query_alias(&scope, "a").await.unwrap(), None);
    }
}
