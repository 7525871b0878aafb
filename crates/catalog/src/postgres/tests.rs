//! Every test of this crate, once more on a PostgreSQL of its own; and what is so of PostgreSQL alone.

use super::*;
use crate::TrailCreated;
use model::{Classify, ErrorKind};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the tests that run on PostgreSQL find it: the URL of the database that theirs are copies of, without its name.
const SERVER: &str = "TRAILWATCH_TEST_POSTGRES";
/// The database that those of the tests are copies of.
const TEMPLATE: &str = "migrated";
static DATABASES: AtomicU64 = AtomicU64::new(0);

/// A catalog in a database of its own, where the tests run on PostgreSQL.
pub(crate) async fn fresh() -> Option<Catalog> {
    let server = std::env::var(SERVER).ok()?;
    let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    create(&server, &format!("{name} TEMPLATE {TEMPLATE} STRATEGY file_copy")).await;
    Some(Catalog::connect(&at(&server, &name)).await.unwrap())
}

/// Another server on the same database.
pub(crate) fn beside(catalog: &Catalog) -> Catalog {
    Catalog { pool: Pool::new(catalog.pool.connections().clone(), true), log_ids: Arc::default() }
}

/// The URL of a database.
fn at(server: &str, name: &str) -> String {
    server.replacen('?', &format!("{name}?"), 1)
}

async fn create(server: &str, database: &str) {
    sqlx::any::install_default_drivers();
    let options: AnyConnectOptions = at(server, "postgres").parse().unwrap();
    let pool = PoolOptions::<Any>::new().max_connections(1).connect_with(options).await.unwrap();
    let sql = AssertSqlSafe(format!("CREATE DATABASE {database}"));
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

/// PostgreSQL on a Unix socket in a temporary folder, which stops when this is dropped.
struct Postgres {
    dir: tempfile::TempDir,
    bin: PathBuf,
}

/// The newest PostgreSQL that is installed, as Debian places it, or the one on the path.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.into_iter().find(|folder| folder.join("initdb").is_file())
}

impl Postgres {
    /// Makes and starts one; its files are on no disk's account (`fsync=off`).
    fn start(bin: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if dir.path().metadata().unwrap().uid() == 0 {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let postgres = Self { dir, bin };
        let folder = postgres.dir.path();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let data = text(&folder.join("data"));
        postgres.run("initdb", &["-D", &data, "-U", "trailwatch", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]);
        let options = format!("-k {} -c listen_addresses= -c fsync=off -c max_connections=400", text(folder));
        let log = text(&folder.join("log"));
        postgres.run("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "start"]);
        postgres
    }

    /// Its URL without a database.
    fn server(&self) -> String {
        let host = self.dir.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://trailwatch@{host}/?sslmode=disable")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(self.dir.path()).stdout(Stdio::null()).stderr(Stdio::inherit());
        // PostgreSQL does not run as root; the folder is its user's.
        if self.dir.path().metadata().unwrap().uid() == NOBODY {
            command.uid(NOBODY).gid(NOBODY);
        }
        let status = command.status().unwrap();
        assert!(status.success(), "{program}: {status}");
    }
}

/// Whom PostgreSQL runs as where the tests run as root.
const NOBODY: u32 = 65534;

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.dir.path().join("data");
        self.run("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "immediate", "-w", "stop"]);
    }
}

/// Runs all other tests of this crate in a process that has PostgreSQL, where they take it for `Catalog::in_memory`.
#[tokio::test]
async fn every_test_of_this_crate_holds_on_postgresql() {
    if std::env::var_os(SERVER).is_some() {
        return;
    }
    let Some(bin) = installed() else {
        use std::io::Write;
        // Not by a macro, whose words the test's runner would keep to itself.
        writeln!(std::io::stderr(), "skipped: PostgreSQL is not installed, so the catalog is tested on SQLite alone")
            .unwrap();
        return;
    };
    let postgres = Postgres::start(bin);
    create(&postgres.server(), TEMPLATE).await;
    // Two servers of a new installation start at the same time.
    let url = at(&postgres.server(), TEMPLATE);
    let (one, other) = tokio::join!(Catalog::connect(&url), Catalog::connect(&url));
    one.unwrap().close().await;
    other.unwrap().close().await;
    let tests = Command::new(std::env::current_exe().unwrap()).env(SERVER, postgres.server()).output().unwrap();
    let said = String::from_utf8_lossy(&tests.stdout);
    assert!(tests.status.success(), "on PostgreSQL:\n{said}{}", String::from_utf8_lossy(&tests.stderr));
}

#[test]
fn tables_compare_text_byte_by_byte_and_comments_stay() {
    let sql = "-- A TEXT, of INTEGER size.\nCREATE TABLE t (\n    a TEXT NOT NULL, -- TEXT\n    b TEXT,\n    c BLOB);";
    let out = "-- A TEXT, of INTEGER size.\nCREATE TABLE t (\n    a TEXT COLLATE \"C\" NOT NULL, -- TEXT\n    \
               b TEXT COLLATE \"C\",\n    c BYTEA);\n";
    assert_eq!(translated(sql), out);
}

#[test]
fn question_marks_get_numbers_where_they_are_parameters() {
    assert_eq!(numbered("a = ? AND b IN (?, ?) AND c = 'why?'").unwrap(), "a = $1 AND b IN ($2, $3) AND c = 'why?'");
    assert_eq!(numbered("a = $1"), None);
    assert_eq!(numbered("a = 'why?'"), None);
}

/// Two servers that create at the same moment: SQLite has one writer, and so has this catalog.
#[tokio::test]
async fn a_limit_holds_however_many_create_at_once() {
    let catalog = Catalog::in_memory().await.unwrap();
    let made = (0..40).map(|n| {
        let catalog = if catalog.is_postgres() { beside(&catalog) } else { catalog.clone() };
        tokio::spawn(async move {
            let scope = model::Scope { account: "1".into(), region: "r".into() };
            let trail = crate::TrailRow { scope, name: format!("t{n}"), ..Default::default() };
            catalog.create_trail(&trail, 5).await.unwrap()
        })
    });
    let mut created = 0;
    for task in made.collect::<Vec<_>>() {
        created += usize::from(task.await.unwrap() == TrailCreated::Created);
    }
    assert_eq!((created, catalog.trails("1").await.unwrap().len()), (5, 5));
}

#[tokio::test]
async fn what_is_no_database_of_postgresql_is_refused_in_words() {
    for url in ["mysql://u@h/d", "sqlite:x", "nonsense"] {
        assert!(Catalog::connect(url).await.is_err(), "{url}");
    }
    let error = Catalog::connect("postgres://u:hidden@%2Fnowhere/d").await.unwrap_err();
    assert!(!error.to_string().contains("hidden"), "{error}");
}

/// A pool would try again, and say at last that it had no time left.
#[tokio::test]
async fn a_database_that_is_not_there_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // The socket stays when nobody listens on it any more.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap());
    let host = dir.path().to_str().unwrap().replace('/', "%2F");
    let error = Catalog::connect(&format!("postgres://u:hidden@{host}/d")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("refused") && !error.to_string().contains("hidden"), "{error}");
}

#[tokio::test]
async fn tables_do_not_change_below_a_server_that_is_at_work() {
    let catalog = Catalog::in_memory().await.unwrap();
    if !catalog.is_postgres() {
        return;
    }
    let url = catalog.pool.connections().connect_options().database_url.to_string();
    let run = async |sql: &'static str| {
        sqlx::query(sql).execute(&catalog.pool).await.unwrap();
    };
    // As an older version has left it.
    run("DROP TABLE legal_holds").await;
    run("DELETE FROM _sqlx_migrations WHERE version = 66").await;
    run("INSERT INTO leases (name, holder, token, expires_ms) VALUES ('server', 'other', 1, 9000000000000)").await;
    let error = Catalog::connect(&url).await.unwrap_err();
    assert!(matches!(&error, Error::InUse { holder, .. } if holder == "other"), "{error}");
    assert!(error.to_string().contains("until 2255-"), "{error}");
    assert!(catalog.legal_holds().await.is_err(), "it changed nothing");
    run("UPDATE leases SET expires_ms = 1").await;
    Catalog::connect(&url).await.unwrap().close().await;
    assert_eq!(catalog.legal_holds().await.unwrap(), []);
    run("UPDATE leases SET expires_ms = 9000000000000").await;
    // Who finds nothing to change may ask for the lease.
    Catalog::connect(&url).await.unwrap().close().await;
}
