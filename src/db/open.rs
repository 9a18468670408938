//! Opening a database with the settings that were measured for it.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{PATIENCE, Wish};
use crate::error::{Error, Result};

/// The oldest SQLite that does not lose committed data in WAL mode (SECURITY section 1).
pub const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Which database product answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The server.
    Postgres,
}

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Options {
    /// A file, made when missing.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

/// An open database; cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    /// One writer and several readers of one file.
    Sqlite {
        /// Read-only connections.
        read: SqlitePool,
        /// The single writer, so that nobody waits in SQLite's unfair busy loop.
        write: SqlitePool,
        /// How whoever needs the writer says so to somebody who keeps it.
        wish: Arc<Wish>,
    },
    /// A pool of connections to a server.
    Postgres(PgPool),
}

impl Options {
    /// Reads `sqlite://path`, a bare path or a `postgres://` URL.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::Postgres(text.to_owned());
        }
        Self::Sqlite(PathBuf::from(
            text.strip_prefix("sqlite://")
                .or_else(|| text.strip_prefix("sqlite:"))
                .unwrap_or(text),
        ))
    }
}

fn refusal(what: &str, error: &sqlx::Error) -> Error {
    Error::Internal(format!("{what}: {error}"))
}

impl Db {
    /// Connects, checks the product's version and the file's health; does not migrate.
    pub async fn open(options: &Options) -> Result<Self> {
        match options {
            Options::Sqlite(path) => open_sqlite(path).await,
            Options::Postgres(url) => open_postgres(url).await,
        }
    }

    /// Which product this is.
    pub const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// The product's version, for `muster check` and `--version`.
    pub async fn version(&self) -> Result<String> {
        Ok(match self {
            Self::Sqlite { read, .. } => format!(
                "SQLite {}",
                sqlx::query_scalar::<_, String>("select sqlite_version()")
                    .fetch_one(read)
                    .await?
            ),
            Self::Postgres(pool) => format!(
                "PostgreSQL {}",
                sqlx::query_scalar::<_, String>("show server_version")
                    .fetch_one(pool)
                    .await?
            ),
        })
    }

    /// Refreshes the planner's statistics; SQLite picks wrong indexes without them.
    ///
    /// On SQLite the tables inside the search index are left out. A new index has two rows in them, and a planner that was told so
    /// reads them from end to end at each merge, which makes an import of a million members quadratic.
    pub async fn analyze(&self) -> Result<()> {
        match self {
            Self::Sqlite { write, wish, .. } => {
                let tables = sqlx::query_scalar::<_, String>(
                    r"select name from sqlite_schema where type = 'table' and name not like 'sqlite\_%' escape '\' and name not like '%\_fts%' escape '\'",
                )
                .fetch_all(write);
                let tables = wish.with(tables).await?;
                for table in tables {
                    let text = sqlx::AssertSqlSafe(format!("ANALYZE \"{table}\""));
                    wish.with(sqlx::query(text).execute(write)).await?;
                }
            }
            Self::Postgres(pool) => {
                sqlx::query("ANALYZE").execute(pool).await?;
            }
        }
        Ok(())
    }

    /// Lets the planner refresh what has changed a lot; cheap, for an hourly call.
    pub async fn optimize(&self) -> Result<()> {
        if let Self::Sqlite { write, wish, .. } = self {
            wish.with(sqlx::query("PRAGMA optimize").execute(write)).await?;
        }
        Ok(())
    }

    /// Checks a file that was too large to be checked whole at the start; the error says what is damaged. Reads go on meanwhile.
    pub async fn check_large(&self) -> Result<()> {
        let Self::Sqlite { read, .. } = self else {
            return Ok(());
        };
        let text = "select page_count * page_size, file from pragma_page_count, pragma_page_size, pragma_database_list where name = 'main'";
        let (size, file): (i64, String) = sqlx::query_as(text).fetch_one(read).await?;
        if size <= CHECKED_AT_START {
            return Ok(());
        }
        quick_check_of(read, Path::new(&file), "PRAGMA quick_check(1)").await
    }

    /// Closes every connection; SQLite's log is checkpointed into the file first.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, wish } => {
                read.close().await;
                let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(write);
                if let Err(error) = wish.with(checkpoint).await {
                    tracing::warn!(%error, "the last checkpoint failed; the next start repeats it");
                }
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(path: &Path) -> Result<Db> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(512)
        .pragma("wal_autocheckpoint", "16000")
        .pragma("cache_size", "-16384") // KiB; the writer's, for the pages that a long transaction changes
        // What a statement of many rows would put back if it failed is kept in memory: a file for it costs more than the rows.
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(1))
        .log_statements(log::LevelFilter::Off);
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        // SQLite rolls a transaction back by itself when its disk is full or gone. sqlx then still counts it as open and would
        // refuse every further one on this connection, so such a connection is replaced.
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    connection.ping().await?; // the rollback that was asked for is behind us now
                }
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(|error| start_refusal(path, error))?;
    let version: String = sqlx::query_scalar("select sqlite_version()").fetch_one(&write).await?;
    require_version(&version)?;
    // The check looks at each page once, so there is no use in keeping them.
    sqlx::query("PRAGMA cache_size = -1024").execute(&write).await?;
    quick_check(&write, path).await?;
    sqlx::query("PRAGMA cache_size = -16384").execute(&write).await?;
    // SQLite opens a file that it may not write for reading, which would come to light with the first change only.
    let turn = write.begin_with("BEGIN IMMEDIATE").await;
    let turn = match turn {
        Ok(turn) => turn.rollback().await,
        Err(error) => Err(error),
    };
    turn.map_err(|error| start_refusal(path, error))?;
    let read = SqlitePoolOptions::new()
        .max_connections(4)
        .min_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        // The system caches the file once for all of them; what each keeps for itself counts as often as there are readers.
        .connect_with(
            options
                .row_buffer_size(1000)
                .pragma("cache_size", "-6144")
                .read_only(true)
                .create_if_missing(false),
        )
        .await
        .map_err(|error| refusal(&format!("The database file {} cannot be read", path.display()), &error))?;
    Ok(Db::Sqlite {
        read,
        write,
        wish: Arc::default(),
    })
}

/// Refuses an SQLite that can lose committed data.
fn require_version(version: &str) -> Result<()> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
        parts.next().unwrap_or(0),
    );
    if found < OLDEST_SQLITE {
        let (major, minor, patch) = OLDEST_SQLITE;
        return Err(Error::Internal(format!(
            "This binary was built with SQLite {version}. Versions before {major}.{minor}.{patch} can lose committed data; build with the bundled library."
        )));
    }
    Ok(())
}

/// Says why a file cannot be opened, and what to do.
fn start_refusal(path: &Path, error: sqlx::Error) -> Error {
    let shown = path.display();
    Error::Internal(match code_of(&error) {
        5 | 6 => format!(
            "The database file {shown} is in use by another program that does not let go of it. Stop that program, or wait for it, and start Muster again."
        ),
        8 | 14 => format!(
            "The database file {shown} cannot be written. Muster needs the right to write the file and its folder, on a disk that is not mounted read-only."
        ),
        11 | 26 => damaged(path, &error.to_string()),
        13 => format!("The disk of the database file {shown} is full. Make room and start Muster again."),
        _ => format!("The database file {shown} cannot be opened: {error}"),
    })
}

/// The same for the check of a file: what is not about locks, rights or room is damage, such as of the index of words.
fn check_refusal(path: &Path, error: sqlx::Error) -> Error {
    match (&error, code_of(&error)) {
        (sqlx::Error::Database(refusal), 1..=4 | 7 | 9..=12 | 15..) => {
            Error::Internal(damaged(path, refusal.message()))
        }
        _ => start_refusal(path, error),
    }
}

/// SQLite's primary result code, 0 for an error that is not SQLite's.
fn code_of(error: &sqlx::Error) -> u32 {
    match error {
        sqlx::Error::Database(refusal) => refusal.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0) & 0xff,
        _ => 0,
    }
}

fn damaged(path: &Path, detail: &str) -> String {
    format!(
        "The database file {} is damaged ({detail}). Muster does not start on it. Restore the latest back-up, or copy the file away and run `sqlite3 FILE .recover` on the copy.",
        path.display()
    )
}

/// Up to this size a file is checked whole at each start, which takes half a second at most; larger ones are checked while they
/// are served, see [`Db::check_large`].
const CHECKED_AT_START: i64 = 256 << 20;

/// Refuses a damaged file at start instead of serving from it.
async fn quick_check(pool: &SqlitePool, path: &Path) -> Result<()> {
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len() as i64);
    let text = if size <= CHECKED_AT_START {
        "PRAGMA quick_check(1)"
    } else {
        "SELECT 'ok' FROM (SELECT count(*) FROM sqlite_schema)"
    };
    quick_check_of(pool, path, text).await
}

async fn quick_check_of(pool: &SqlitePool, path: &Path, text: &'static str) -> Result<()> {
    match sqlx::query_scalar::<_, String>(text).fetch_one(pool).await {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(Error::Internal(damaged(path, &answer))),
        Err(error) => Err(check_refusal(path, error)),
    }
}

/// Looks at a database without changing it: whether all of it is whole, and what the next start will do with it. The sentence is
/// what was found, or what is wrong.
pub async fn inspect(path: &Path) -> std::result::Result<String, String> {
    let shown = path.display();
    if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return Ok(format!("{shown} will be made at the first start."));
    }
    let wal = path.with_file_name(format!(
        "{}-wal",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let opened = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .create_if_missing(false)
        // Without a log there is nobody at work on the file, and reading it needs no files beside it.
        .immutable(!wal.exists())
        .busy_timeout(PATIENCE)
        .log_statements(log::LevelFilter::Off)
        .connect()
        .await;
    let mut file = opened.map_err(|error| start_refusal(path, error).inner())?;
    let answer: sqlx::Result<String> = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&mut file).await;
    let found = match answer {
        Ok(answer) if answer == "ok" => super::migrate::standing(&mut file)
            .await
            .map(|standing| format!("{shown} is whole; {standing}")),
        Ok(answer) => Err(damaged(path, &answer)),
        Err(error) => Err(check_refusal(path, error).inner()),
    };
    // What was found stands, however the connection ends.
    let _ = file.close().await;
    found
}

async fn open_postgres(url: &str) -> Result<Db> {
    let parsed =
        PgConnectOptions::from_str(url).map_err(|error| refusal("The PostgreSQL URL cannot be read", &error))?;
    if !url
        .split("://")
        .nth(1)
        .is_some_and(|rest| rest.split(['/', '?']).next().is_some_and(|host| host.contains('@')))
    {
        return Err(Error::Internal(
            "The PostgreSQL URL names no user. Write postgres://USER:PASSWORD@HOST/DATABASE.".to_owned(),
        ));
    }
    let options = parsed
        // A generic plan after five runs makes filtered lists ten to a hundred times slower; planning costs 0.1 ms.
        .options([
            ("plan_cache_mode", "force_custom_plan"),
            ("lock_timeout", "5s"),
            ("default_transaction_isolation", "read committed"),
        ])
        .statement_cache_capacity(512)
        .log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(1))
        .log_statements(log::LevelFilter::Off);
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await
        .map_err(|error| refusal("PostgreSQL cannot be reached", &error))?;
    Ok(Db::Postgres(pool))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        assert!(require_version("3.51.2").is_err());
        assert!(require_version("3.40.1").is_err());
        assert!(require_version("3.51.3").is_ok());
        assert!(require_version("4.0.0").is_ok());
    }
}
