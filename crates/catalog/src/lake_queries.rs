//! Queries of CloudTrail Lake that were started in the last days, with their results.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// Rows of a chunk of results.
const CHUNK_ROWS: usize = 500;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct LakeQuery {
    /// Unique; made by the server.
    pub id: String,
    /// Ids of the event data stores that it asks, with commas between.
    pub store_ids: String,
    /// Its text.
    pub statement: String,
    /// Where results are to go.
    pub delivery_uri: Option<String>,
    /// How that went, as the API has it; `None` where they go nowhere.
    pub delivery_status: Option<String>,
    /// `QUEUED` until it ends, then how it did.
    pub status: String,
    /// Why it failed; for the client.
    pub error: Option<String>,
    /// When it was started, milliseconds.
    pub created_ms: i64,
    /// When it ended, milliseconds.
    pub ended_ms: Option<i64>,
    /// How long it ran, milliseconds.
    pub run_ms: i64,
    /// Events that met its conditions.
    pub events_matched: i64,
    /// Events that it looked at.
    pub events_scanned: i64,
    /// Bytes of them.
    pub bytes_scanned: i64,
    /// Names of the columns of its result, as JSON.
    pub columns: String,
    /// Rows of its result.
    pub result_rows: i64,
}

/// Rows of a result: values of columns, `None` for NULL.
pub type LakeRow = Vec<Option<String>>;

const COLUMNS: &str = "id, store_ids, statement, delivery_uri, delivery_status, status, error, created_ms, ended_ms, run_ms, events_matched, \
                       events_scanned, bytes_scanned, columns, result_rows";

impl Catalog {
    /// Enters a query that begins.
    pub async fn begin_lake_query(&self, scope: &Scope, query: &LakeQuery) -> Result<()> {
        sqlx::query(
            "INSERT INTO lake_queries (id, account, region, store_ids, statement, delivery_uri, delivery_status, status, \
             created_ms, run_ms, \
             events_matched, events_scanned, bytes_scanned, columns, result_rows, result_bytes) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, 0, '[]', 0, 0)",
        )
        .bind(&query.id)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&query.store_ids)
        .bind(&query.statement)
        .bind(&query.delivery_uri)
        .bind(&query.delivery_status)
        .bind(&query.status)
        .bind(query.created_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Says how a query ended and keeps its rows, unless it has ended before.
    pub async fn end_lake_query(&self, query: &LakeQuery, rows: &[LakeRow]) -> Result<()> {
        let chunks = rows.chunks(CHUNK_ROWS).map(serde_json::to_string).collect::<std::result::Result<Vec<_>, _>>()?;
        let bytes: usize = chunks.iter().map(String::len).sum();
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE lake_queries SET status = $2, error = $3, ended_ms = $4, run_ms = $5, events_matched = $6, \
             events_scanned = $7, bytes_scanned = $8, columns = $9, result_rows = $10, result_bytes = $11 \
             WHERE id = $1 AND ended_ms IS NULL",
        )
        .bind(&query.id)
        .bind(&query.status)
        .bind(&query.error)
        .bind(query.ended_ms)
        .bind(query.run_ms)
        .bind(query.events_matched)
        .bind(query.events_scanned)
        .bind(query.bytes_scanned)
        .bind(&query.columns)
        .bind(i64::try_from(rows.len()).unwrap_or(i64::MAX))
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() > 0 {
            for (number, chunk) in (0i64..).zip(&chunks) {
                sqlx::query("INSERT INTO lake_results (query_id, chunk, result_rows) VALUES ($1, $2, $3)")
                    .bind(&query.id)
                    .bind(number)
                    .bind(chunk)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Says how the delivery of results went.
    pub async fn set_lake_delivery(&self, id: &str, status: &str) -> Result<()> {
        sqlx::query("UPDATE lake_queries SET delivery_status = $2 WHERE id = $1")
            .bind(id)
            .bind(status)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends every query and delivery that a stop of the server has cut off.
    pub async fn fail_lake_queries(&self, now: Timestamp) -> Result<()> {
        sqlx::query("UPDATE lake_queries SET delivery_status = 'FAILED' WHERE delivery_status = 'PENDING'")
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "UPDATE lake_queries SET status = 'FAILED', error = 'The server was stopped while the query ran.', ended_ms = $1 \
             WHERE ended_ms IS NULL",
        )
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The query of this id.
    pub async fn lake_query(&self, scope: &Scope, id: &str) -> Result<Option<LakeQuery>> {
        let sql = format!("SELECT {COLUMNS} FROM lake_queries WHERE account = $1 AND region = $2 AND id = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Up to `limit` rows of a query's result, from the one at `start`.
    pub async fn lake_rows(&self, id: &str, start: usize, limit: usize) -> Result<Vec<LakeRow>> {
        let chunk = |row: usize| i64::try_from(row / CHUNK_ROWS).unwrap_or(i64::MAX);
        let chunks: Vec<(String,)> = sqlx::query_as(
            "SELECT result_rows FROM lake_results WHERE query_id = $1 AND chunk BETWEEN $2 AND $3 ORDER BY chunk",
        )
        .bind(id)
        .bind(chunk(start))
        .bind(chunk(start.saturating_add(limit)))
        .fetch_all(&self.pool)
        .await?;
        let mut rows = Vec::new();
        for (chunk,) in chunks {
            rows.extend(serde_json::from_str::<Vec<LakeRow>>(&chunk)?);
        }
        Ok(rows.into_iter().skip(start % CHUNK_ROWS).take(limit).collect())
    }

    /// Up to `limit` queries that ask a store and were started before those of `before` (time in milliseconds, id), the latest
    /// first, of a time and a status where these are given.
    pub async fn lake_queries(
        &self,
        scope: &Scope,
        store_id: &str,
        before: (i64, &str),
        since: Timestamp,
        status: Option<&str>,
        limit: usize,
    ) -> Result<Vec<LakeQuery>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM lake_queries WHERE account = $1 AND region = $2 AND (',' || store_ids || ',') LIKE $3 \
             AND (created_ms < $4 OR (created_ms = $4 AND id < $5)) AND created_ms >= $6 AND ($7 IS NULL OR status = $7) \
             ORDER BY created_ms DESC, id DESC LIMIT $8"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let query = query.bind(format!("%,{store_id},%")).bind(before.0).bind(before.1).bind(since.0).bind(status);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Forgets queries that were started before a time, and the oldest results where all of them take more than `bytes_max`.
    pub async fn expire_lake_queries(&self, before: Timestamp, bytes_max: usize) -> Result<()> {
        sqlx::query("DELETE FROM lake_queries WHERE created_ms < $1 AND ended_ms IS NOT NULL")
            .bind(before.0)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM lake_queries WHERE id IN (SELECT id FROM (SELECT id, result_bytes, SUM(result_bytes) OVER \
             (ORDER BY created_ms DESC, id DESC) AS held FROM lake_queries) AS kept WHERE held > $1 AND result_bytes > 0)",
        )
        .bind(i64::try_from(bytes_max).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM lake_results WHERE query_id NOT IN (SELECT id FROM lake_queries)")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rows_are_read_from_any_place_and_expire_with_their_query() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "1".into(), region: "r".into() };
        let mut query =
            LakeQuery { id: "q".into(), store_ids: "a,b".into(), status: "QUEUED".into(), ..LakeQuery::default() };
        catalog.begin_lake_query(&scope, &query).await.unwrap();
        let rows: Vec<LakeRow> = (0..1_201).map(|n| vec![Some(n.to_string()), None]).collect();
        (query.status, query.ended_ms) = ("FINISHED".into(), Some(1));
        catalog.end_lake_query(&query, &rows).await.unwrap();
        query.status = "CANCELLED".into();
        catalog.end_lake_query(&query, &[]).await.unwrap();
        let kept = catalog.lake_query(&scope, "q").await.unwrap().unwrap();
        assert_eq!((kept.status.as_str(), kept.result_rows), ("FINISHED", 1_201), "an end is final");
        for (start, limit) in [(0, 1), (0, 1_000), (499, 2), (500, 500), (1_200, 10), (1_201, 1), (3, 998)] {
            let wanted: Vec<_> = rows.iter().skip(start).take(limit).cloned().collect();
            assert_eq!(catalog.lake_rows("q", start, limit).await.unwrap(), wanted, "{start} {limit}");
        }
        let listed = |store: &'static str, status| {
            let (catalog, scope) = (catalog.clone(), scope.clone());
            async move { catalog.lake_queries(&scope, store, (i64::MAX, ""), Timestamp(0), status, 9).await.unwrap().len() }
        };
        assert_eq!((listed("a", None).await, listed("b", Some("FINISHED")).await), (1, 1));
        assert_eq!((listed("c", None).await, listed("a", Some("FAILED")).await), (0, 0));
        catalog.expire_lake_queries(Timestamp(1), 1 << 30).await.unwrap();
        assert_eq!(catalog.lake_rows("q", 0, 1).await.unwrap(), Vec::<LakeRow>::new());
    }
}
