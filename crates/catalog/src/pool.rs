//! One pool for both databases: statements of a resource go to SQLite or to PostgreSQL as they are written.
//!
//! SQLite lets one writer in at a time, and every compare-and-set and count of this crate relies on that. PostgreSQL is asked for
//! the same: each transaction, and each statement that writes outside of one, first takes the catalog's lock
//! (`postgres/0000_functions.sql`). What only reads takes no lock on either.
//!
//! PostgreSQL may be on a machine that vanishes without a word: whatever it is asked, it is waited for so long and no longer.

use crate::postgres::{ANSWER_WAIT, LOCK_WAIT, numbered};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Either, Execute, Executor, SqlSafeStr, SqlStr};
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Connections to the database. Cheap to clone; all clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: AnyPool,
    is_postgres: bool,
    /// The token that every write shows, 0 for none: see [`crate::Catalog::fence`].
    token: Arc<AtomicI64>,
    /// Whose turn it is to write to PostgreSQL. Writers wait here, without a connection in hand: one writes, and all others are
    /// for readers.
    turn: Arc<Semaphore>,
}

/// A statement with its arguments, ready for a connection.
type Statement = sqlx::query::Query<'static, Any, AnyArguments>;

/// What a statement answers: rows, and how many it changed.
type Answers = Vec<Either<AnyQueryResult, AnyRow>>;

impl Pool {
    /// A pool of these connections.
    pub(crate) fn new(connections: AnyPool, is_postgres: bool) -> Self {
        Self { connections, is_postgres, token: Arc::default(), turn: Arc::new(Semaphore::new(1)) }
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
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction> {
        if !self.is_postgres {
            let transaction = self.connections.begin().await?;
            return Ok(Transaction { connection: Connection { transaction, limit: None }, _turn: None });
        }
        let turn = timeout(LOCK_WAIT, Arc::clone(&self.turn).acquire_owned()).await;
        // Where PostgreSQL is down, each writer whose turn it is finds that out for itself: those behind are not too many at once.
        let turn = turn.map_err(|_| late("no turn to write to PostgreSQL in time"))?;
        let turn = turn.map_err(|_| sqlx::Error::PoolClosed)?;
        // In a task: a caller that goes away while BEGIN is under way would leave a connection behind whose transaction is open,
        // for sqlx counts it when the answer is there. From then on whatever is dropped is rolled back.
        let connections = self.connections.clone();
        let begun = tokio::spawn(in_time(async move { connections.begin().await })).await;
        let transaction = begun.map_err(|error| sqlx::Error::Io(io::Error::other(error)))?.map_err(out_of_reach)?;
        let connection = Connection { transaction, limit: Some(ANSWER_WAIT) };
        let mut transaction = Transaction { connection, _turn: Some(turn) };
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

    /// Runs a statement that only reads.
    async fn read(&self, statement: Statement) -> sqlx::Result<Answers> {
        let mut connection = self.connections.acquire().await.map_err(out_of_reach)?;
        answers(&mut connection, Some(ANSWER_WAIT), statement).await
    }

    /// Runs a statement that writes, in a transaction of its own.
    async fn write(&self, statement: Statement) -> sqlx::Result<Answers> {
        let mut transaction = self.begin().await?;
        let answers = answers(&mut transaction.connection.transaction, Some(ANSWER_WAIT), statement).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    async fn run(&self, query: impl Execute<'_, Any>) -> sqlx::Result<Answers> {
        match prepared(query)? {
            (statement, true) => self.read(statement).await,
            (statement, false) => self.write(statement).await,
        }
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
        one_by_one(self.run(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if !self.is_postgres {
            return self.connections.fetch_optional(query);
        }
        Box::pin(async move { Ok(first_row(self.run(query).await?)) })
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

/// A transaction, which is rolled back unless it is committed.
#[derive(Debug)]
pub(crate) struct Transaction {
    connection: Connection,
    /// The next writer's turn comes when this is dropped.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Transaction {
    /// Commits it. Only an error of the database itself says that nothing was changed: where no answer came, it may have been.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        let Connection { transaction, limit } = self.connection;
        within(limit, transaction.commit()).await
    }

    /// Rolls it back.
    pub(crate) async fn rollback(self) -> sqlx::Result<()> {
        let Connection { transaction, limit } = self.connection;
        within(limit, transaction.rollback()).await
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// The connection of a transaction: what statements of one run on.
#[derive(Debug)]
pub(crate) struct Connection {
    transaction: sqlx::Transaction<'static, Any>,
    /// How long PostgreSQL is waited for; `None` for SQLite.
    limit: Option<Duration>,
}

impl Connection {
    async fn run(&mut self, query: impl Execute<'_, Any>) -> sqlx::Result<Answers> {
        let (statement, _) = prepared(query)?;
        answers(&mut self.transaction, self.limit, statement).await
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.limit.is_none() {
            return self.transaction.fetch_many(query);
        }
        one_by_one(self.run(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.limit.is_none() {
            return self.transaction.fetch_optional(query);
        }
        Box::pin(async move { Ok(first_row(self.run(query).await?)) })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        self.transaction.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<sqlx::Describe<Any>>>
    where
        'c: 'e,
    {
        self.transaction.describe(sql)
    }
}

/// Runs a statement on a connection to PostgreSQL. It may take longer than the limit as long as rows keep coming.
async fn answers(
    connection: &mut AnyConnection,
    limit: Option<Duration>,
    statement: Statement,
) -> sqlx::Result<Answers> {
    let mut steps = connection.fetch_many(statement);
    let mut answers = Vec::new();
    while let Some(answer) = within(limit, steps.try_next()).await? {
        answers.push(answer);
    }
    Ok(answers)
}

/// Waits for PostgreSQL, no longer than [`ANSWER_WAIT`]. A connection whose answer did not come is rolled back and asked once more
/// when it is given back, as long, and then closed: see `after_release` in `postgres.rs`.
pub(crate) async fn in_time<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    within(Some(ANSWER_WAIT), answer).await
}

async fn within<T>(limit: Option<Duration>, answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let Some(limit) = limit else { return answer.await };
    timeout(limit, answer).await.unwrap_or_else(|_| Err(late("no answer from PostgreSQL in time")))
}

/// The error for what took too long.
pub(crate) fn late(says: &'static str) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, says))
}

fn first_row(answers: Answers) -> Option<AnyRow> {
    answers.into_iter().find_map(Either::right)
}

fn one_by_one<'e>(
    answers: impl Future<Output = sqlx::Result<Answers>> + Send + 'e,
) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>> {
    stream::once(answers).map_ok(|answers| stream::iter(answers.into_iter().map(Ok))).try_flatten().boxed()
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
        sqlx::Error::PoolTimedOut => late("no connection to PostgreSQL in time"),
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Catalog, Error};
    use model::{Classify, ErrorKind};
    use std::time::Duration;

    #[tokio::test]
    async fn a_database_that_does_not_answer_is_unavailable() {
        let catalog = Catalog::in_memory().await.unwrap();
        if !catalog.is_postgres() {
            return;
        }
        let sleep = |seconds: f64| sqlx::query("SELECT pg_sleep($1)").bind(seconds);
        let mut silent = catalog.pool.begin().await.unwrap();
        // The connection knows the statement from then on, and sends it whole.
        sleep(0.0).execute(&mut *silent).await.unwrap();
        silent.connection.limit = Some(Duration::ZERO);
        let error = sleep(600.0).execute(&mut *silent).await.unwrap_err();
        assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
        let error = silent.commit().await.unwrap_err();
        assert_eq!(Error::from(error).kind(), ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn writers_that_wait_leave_connections_to_readers() {
        let catalog = Catalog::in_memory().await.unwrap();
        if !catalog.is_postgres() {
            return;
        }
        let writes = catalog.pool.begin().await.unwrap();
        let waiting: Vec<_> = (0..40)
            .map(|n| {
                let catalog = catalog.clone();
                tokio::spawn(async move { catalog.set_detection_position(n).await })
            })
            .collect();
        // On the one thread of this test each of them has begun to wait when this is answered.
        assert_eq!(catalog.detection_position().await.unwrap(), None);
        writes.commit().await.unwrap();
        for write in waiting {
            write.await.unwrap().unwrap();
        }
        assert!(catalog.detection_position().await.unwrap().is_some());
    }
}
