//! One pool for both databases: statements of a resource go to SQLite or to PostgreSQL as they are written.
//!
//! SQLite lets one writer in at a time, and every compare-and-set and count of this crate relies on that. PostgreSQL is asked for
//! the same: each transaction, and each statement that writes outside of one, first takes the catalog's lock
//! (`postgres/0000_functions.sql`). What only reads takes no lock on either.

use crate::postgres::numbered;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, AnyPool, AssertSqlSafe, Either, Execute, Executor, SqlSafeStr, SqlStr, Transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Connections to the database. Cheap to clone; all clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: AnyPool,
    is_postgres: bool,
    /// The token that every write shows, 0 for none: see [`crate::Catalog::fence`].
    token: Arc<AtomicI64>,
}

/// A statement with its arguments, ready for a connection.
type Statement = sqlx::query::Query<'static, Any, AnyArguments>;

impl Pool {
    /// A pool of these connections.
    pub(crate) fn new(connections: AnyPool, is_postgres: bool) -> Self {
        Self { connections, is_postgres, token: Arc::default() }
    }

    /// Whether the database is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.is_postgres
    }

    /// The connections themselves: for single statements about a row that nobody else writes, which need neither the catalog's lock
    /// nor a token.
    pub(crate) fn connections(&self) -> &AnyPool {
        &self.connections
    }

    /// Makes every write from now on show this token.
    pub(crate) fn show(&self, token: i64) {
        self.token.store(token, Ordering::Relaxed);
    }

    /// Begins a transaction. Dropped without a commit, it is rolled back.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        if !self.is_postgres {
            return self.connections.begin().await;
        }
        // In a task: a caller that goes away while BEGIN is under way would leave a connection behind whose transaction is open,
        // for sqlx counts it when the answer is there. From then on whatever is dropped is rolled back.
        let connections = self.connections.clone();
        let begun = tokio::spawn(async move { connections.begin().await }).await;
        let mut transaction =
            begun.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?.map_err(out_of_reach)?;
        // Before the first statement looks at anything.
        sqlx::query("SELECT catalog_writes($1)")
            .bind(self.token.load(Ordering::Relaxed))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Closes all connections; pending writes are finished first.
    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    /// Runs a statement that writes, in a transaction of its own.
    async fn write(&self, statement: Statement) -> sqlx::Result<Vec<Either<AnyQueryResult, AnyRow>>> {
        let mut transaction = self.begin().await?;
        let steps = (&mut *transaction).fetch_many(statement).try_collect().await?;
        transaction.commit().await?;
        Ok(steps)
    }
}

impl<'p> Executor<'p> for &'p Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if !self.is_postgres {
            return self.connections.fetch_many(query);
        }
        match prepared(query) {
            Err(error) => stream::once(async { Err(error) }).boxed(),
            Ok((statement, true)) => self.connections.fetch_many(statement).map_err(out_of_reach).boxed(),
            Ok((statement, false)) => stream::once(self.write(statement))
                .map_ok(|steps| stream::iter(steps.into_iter().map(Ok)))
                .try_flatten()
                .boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if !self.is_postgres {
            return self.connections.fetch_optional(query);
        }
        let prepared = prepared(query);
        Box::pin(async move {
            match prepared? {
                (statement, true) => self.connections.fetch_optional(statement).await.map_err(out_of_reach),
                (statement, false) => Ok(self.write(statement).await?.into_iter().find_map(Either::right)),
            }
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'p: 'e,
    {
        self.connections.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Any>>>
    where
        'p: 'e,
    {
        self.connections.describe(sql)
    }
}

/// A query as PostgreSQL takes it, and whether it only reads: none of ours writes below a `SELECT` or a `WITH`.
fn prepared<'q>(mut query: impl Execute<'q, Any>) -> sqlx::Result<(Statement, bool)> {
    let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?.unwrap_or_default();
    let persistent = query.persistent();
    let sql = query.sql();
    let reads = ["SELECT", "WITH"].iter().any(|word| sql.as_str().starts_with(word));
    let sql = match numbered(sql.as_str()) {
        Some(text) => AssertSqlSafe(text).into_sql_str(),
        None => sql,
    };
    Ok((sqlx::query_with(sql, arguments).persistent(persistent), reads))
}

/// A pool that gave no connection in time says so of a database that does not answer: for us that is not too much at once.
fn out_of_reach(error: sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::PoolTimedOut => {
            sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "no connection to PostgreSQL in time"))
        }
        error => error,
    }
}
