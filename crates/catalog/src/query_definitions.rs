//! Saved queries of Logs Insights ("query definitions") of an account and region.

use crate::{Catalog, Result};
use model::Scope;
use sqlx::FromRow;

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct QueryDefinition {
    /// Unique in the scope; made by the server.
    pub id: String,
    /// Names it, with folders.
    pub name: String,
    /// The query's text.
    pub expression: String,
    /// `CWLI`, `SQL` or `PPL`.
    pub language: String,
    /// Names of log groups, as JSON of `watch`'s making.
    pub log_groups: String,
    /// Parameters with their defaults, as JSON of `watch`'s making.
    pub parameters: String,
    /// When it was last put, milliseconds.
    pub modified_ms: i64,
}

/// What became of a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryDefinitionPut {
    /// Done; the saved query has this id.
    Put(String),
    /// There is none of this id to update.
    Absent,
    /// There are as many as there may be.
    Full,
}

impl Catalog {
    /// Makes a saved query, unless there are `max` in its scope. A second call with the same token changes nothing and answers
    /// the id of the first.
    pub async fn create_query_definition(
        &self,
        scope: &Scope,
        new: &QueryDefinition,
        client_token: Option<&str>,
        max: usize,
    ) -> Result<QueryDefinitionPut> {
        let made = sqlx::query(
            "INSERT INTO query_definitions (account, region, id, name, expression, language, log_groups, parameters, \
             modified_ms, client_token) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
             WHERE (SELECT COUNT(*) FROM query_definitions WHERE account = $1 AND region = $2) < $11 \
             AND NOT EXISTS (SELECT 1 FROM query_definitions WHERE account = $1 AND region = $2 AND client_token = $10)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.id)
        .bind(&new.name)
        .bind(&new.expression)
        .bind(&new.language)
        .bind(&new.log_groups)
        .bind(&new.parameters)
        .bind(new.modified_ms)
        .bind(client_token)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        if made.rows_affected() > 0 {
            return Ok(QueryDefinitionPut::Put(new.id.clone()));
        }
        let there: Option<(String,)> =
            sqlx::query_as("SELECT id FROM query_definitions WHERE account = $1 AND region = $2 AND client_token = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(client_token)
                .fetch_optional(&self.pool)
                .await?;
        Ok(there.map_or(QueryDefinitionPut::Full, |(id,)| QueryDefinitionPut::Put(id)))
    }

    /// Replaces the saved query of `new`'s id.
    pub async fn update_query_definition(&self, scope: &Scope, new: &QueryDefinition) -> Result<QueryDefinitionPut> {
        let changed = sqlx::query(
            "UPDATE query_definitions SET name = $4, expression = $5, language = $6, log_groups = $7, parameters = $8, \
             modified_ms = $9 WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.id)
        .bind(&new.name)
        .bind(&new.expression)
        .bind(&new.language)
        .bind(&new.log_groups)
        .bind(&new.parameters)
        .bind(new.modified_ms)
        .execute(&self.pool)
        .await?;
        let is_there = changed.rows_affected() > 0;
        Ok(if is_there { QueryDefinitionPut::Put(new.id.clone()) } else { QueryDefinitionPut::Absent })
    }

    /// Up to `limit` saved queries whose names begin with `prefix`, after (name, id), in this order.
    pub async fn query_definitions(
        &self,
        scope: &Scope,
        prefix: &str,
        after: (&str, &str),
        limit: usize,
    ) -> Result<Vec<QueryDefinition>> {
        let query = sqlx::query_as(
            "SELECT id, name, expression, language, log_groups, parameters, modified_ms FROM query_definitions \
             WHERE account = $1 AND region = $2 AND SUBSTR(name, 1, LENGTH($3)) = $3 \
             AND (name > $4 OR (name = $4 AND id > $5)) ORDER BY name, id LIMIT $6",
        );
        let query = query.bind(&scope.account).bind(&scope.region).bind(prefix).bind(after.0).bind(after.1);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Deletes a saved query; false when it is absent.
    pub async fn delete_query_definition(&self, scope: &Scope, id: &str) -> Result<bool> {
        let gone = sqlx::query("DELETE FROM query_definitions WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected() > 0)
    }
}
