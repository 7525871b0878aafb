//! The catalog on PostgreSQL: connecting, and how tables and statements that are written for SQLite are put to it.

use crate::pool::{Pool, in_time, late};
use crate::{Catalog, Error, Result, migrations};
use model::Timestamp;
use sqlx::any::AnyConnectOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::{Any, AnyConnection, AssertSqlSafe, ConnectOptions as _, Connection as _, SqlSafeStr};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
pub(crate) mod tests;

/// Most connections of one server. One of them writes; the others are for readers.
const CONNECTIONS_MAX: u32 = 16;
/// How long a call waits for a connection before it fails: a database that is down is told soon.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How long a writer waits for those before it, in this server and then, by [`SESSION`], in others; as on SQLite.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How long an answer of PostgreSQL is waited for: longer than a statement waits for the lock.
pub(crate) const ANSWER_WAIT: Duration = Duration::from_secs(15);
/// From when on sqlx logs a statement as slow: one that waits for the lock is not.
const SLOW: Duration = Duration::from_secs(11);
/// Connections of a node's own: for its lease and for saying that it is there, whatever calls do.
const NODE_CONNECTIONS_MAX: u32 = 2;
/// How a connection is to behave: what waits for the lock gives up after a while, as on SQLite; and what is committed is on disk,
/// whatever the database's default is.
const SESSION: &str = "SET lock_timeout = '10s'; SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
/// A server that fell silent with the lock in its hand loses it.
const SILENCE_OF_SERVER: &str = "SET idle_in_transaction_session_timeout = '20s'";
/// The same in a cluster, where another node waits for the lock to take the lease.
const SILENCE_OF_NODE: &str = "SET idle_in_transaction_session_timeout = '4s'";
/// A node that only reads.
const READER: &str = "SET idle_in_transaction_session_timeout = '4s'; SET default_transaction_read_only = on";
/// What PostgreSQL needs before the tables.
const FUNCTIONS: &str = include_str!("../postgres/0000_functions.sql");

impl Catalog {
    /// Connects to the catalog at `url` (`postgres://user@host/database`) and brings its tables up to date; several servers may
    /// do so at once. The tables are in the first schema of the search path. Writes are durable when they return.
    ///
    /// # Errors
    /// [`Error::InUse`] where the tables would change below a server that is at work with them.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connected(url, CONNECTIONS_MAX, SILENCE_OF_SERVER).await
    }

    /// The same for a node of a cluster: when it falls silent it stands in the way of no other for long.
    pub async fn connect_node(url: &str) -> Result<Self> {
        Self::connected(url, CONNECTIONS_MAX, SILENCE_OF_NODE).await
    }

    /// The same for a node that only reads beside the one that leads: PostgreSQL refuses whatever would write.
    pub async fn connect_reader(url: &str) -> Result<Self> {
        Self::connected(url, CONNECTIONS_MAX, READER).await
    }

    /// The same with few connections, for what nodes of a cluster tell each other: leases, nodes, and the digest of their keys.
    pub async fn connect_nodes(url: &str) -> Result<Self> {
        Self::connected(url, NODE_CONNECTIONS_MAX, SILENCE_OF_NODE).await
    }

    async fn connected(url: &str, connections_max: u32, silence: &'static str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let mut options: AnyConnectOptions = url.parse()?;
        if !matches!(options.database_url.scheme(), "postgres" | "postgresql") {
            return Err(Error::Database(sqlx::Error::Configuration("it must begin with postgres://".into())));
        }
        options.log_settings.slow_statements_duration = SLOW;
        // The first one is not the pool's, which tries again where an error is to be told.
        let mut first = first_connection(&options).await?;
        migrate(&mut first).await?;
        in_time(first.close()).await?;
        let connections = PoolOptions::<Any>::new()
            .max_connections(connections_max)
            .acquire_timeout(CONNECTION_WAIT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    sqlx::raw_sql(SESSION).execute(&mut *connection).await?;
                    sqlx::raw_sql(silence).execute(connection).await.map(drop)
                })
            })
            // The pool asks a connection that is given back whether it is well, and would wait for the answer for ever.
            .after_release(|connection, _| Box::pin(async move { in_time(connection.ping()).await.map(|()| true) }))
            .connect_lazy_with(options);
        Ok(Self { pool: Pool::new(connections, true), log_ids: Arc::default() })
    }
}

/// A connection outside of a pool, to a database that can be a catalog.
async fn first_connection(options: &AnyConnectOptions) -> Result<AnyConnection> {
    let connected = tokio::time::timeout(CONNECTION_WAIT, options.connect()).await;
    let mut connection = connected.map_err(|_| late("no connection to PostgreSQL in time"))??;
    in_time(sqlx::raw_sql(SESSION).execute(&mut connection)).await?;
    let encoding = sqlx::query_as("SELECT current_setting('server_encoding')").fetch_one(&mut connection);
    let (encoding,): (String,) = in_time(encoding).await?;
    if encoding != "UTF8" {
        let says = format!("the database's encoding is {encoding}; the catalog needs UTF8");
        return Err(Error::Database(sqlx::Error::Configuration(says.into())));
    }
    Ok(connection)
}

/// Brings the tables up to date, unless that is to be done below a server which knows them as they are.
async fn migrate(connection: &mut AnyConnection) -> Result<()> {
    let migrator = migrator();
    if let Some((holder, expires_ms)) = live_lease(connection).await? {
        let done: Vec<(i64,)> =
            in_time(sqlx::query_as("SELECT version FROM _sqlx_migrations").fetch_all(&mut *connection)).await?;
        if migrator.iter().any(|migration| !done.contains(&(migration.version,))) {
            return Err(Error::InUse { holder, until: Timestamp(expires_ms) });
        }
    }
    // Another server that migrates is waited for, however long it takes.
    in_time(sqlx::raw_sql("SET lock_timeout = 0").execute(&mut *connection)).await?;
    Ok(migrator.run(connection).await?)
}

/// Who has a lease, and until when, milliseconds since the epoch by the database's clock; `None` also where there are no tables.
async fn live_lease(connection: &mut AnyConnection) -> Result<Option<(String, i64)>> {
    let tables = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'leases')";
    let (has_leases,): (bool,) = in_time(sqlx::query_as(tables).fetch_one(&mut *connection)).await?;
    if !has_leases {
        return Ok(None);
    }
    let lease = sqlx::query_as(
        "SELECT holder, expires_ms FROM leases \
         WHERE expires_ms > CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) ORDER BY expires_ms DESC LIMIT 1",
    );
    Ok(in_time(lease.fetch_optional(connection)).await?)
}

/// The migrations of SQLite as PostgreSQL takes them, behind the functions that they and the statements need. Checksums are of
/// the files. The first server to come takes a lock; others wait for it, and find nothing left to do.
fn migrator() -> Migrator {
    let functions = Migration::new(0, "functions".into(), MigrationType::Simple, FUNCTIONS.into_sql_str(), false);
    let translated = |migration: &Migration| Migration {
        sql: AssertSqlSafe(translated(migration.sql.as_str())).into_sql_str(),
        ..migration.clone()
    };
    let all: Vec<_> = std::iter::once(functions).chain(migrations().iter().map(translated)).collect();
    Migrator { migrations: Cow::Owned(all), ..Migrator::DEFAULT }
}

/// The text of a migration, with columns that compare byte by byte, as they do in SQLite. Only words of statements are looked
/// at, not those of comments; a statement has no `--` in a string.
fn translated(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + sql.len() / 8);
    for line in sql.lines() {
        let (code, comment) = line.split_at(line.find("--").unwrap_or(line.len()));
        for (i, word) in code.split(' ').enumerate() {
            if i > 0 {
                out.push(' ');
            }
            let name = word.trim_end_matches([',', ';', ')']);
            out.push_str(match name {
                "TEXT" => "TEXT COLLATE \"C\"",
                "BLOB" => "BYTEA",
                "INTEGER" => "BIGINT",
                "REAL" => "DOUBLE PRECISION",
                // Of a column that is computed from others: PostgreSQL keeps what SQLite computes when it is read.
                "VIRTUAL" => "STORED",
                name => name,
            });
            out.push_str(&word[name.len()..]);
        }
        out.push_str(comment);
        out.push('\n');
    }
    out
}

/// A statement that `QueryBuilder` wrote, with `$1` and so on in place of its question marks; `None` for one without.
pub(crate) fn numbered(sql: &str) -> Option<String> {
    if !sql.contains('?') {
        return None;
    }
    let (mut out, mut place, mut quoted) = (String::with_capacity(sql.len() + 16), 0, false);
    for c in sql.chars() {
        quoted ^= c == '\'';
        match c {
            '?' if !quoted => {
                place += 1;
                out.push_str(&format!("${place}"));
            }
            c => out.push(c),
        }
    }
    (place > 0).then_some(out)
}
