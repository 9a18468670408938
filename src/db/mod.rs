//! The two databases behind one facade: pools, read handles, write transactions, typed statements and migrations.
//!
//! This is the only room that names a database product. Everything else holds SQL as typed constants (see [`sql!`](crate::sql))
//! whose one text serves both, and calls [`Reader`] and [`Tx`].

mod authority;
mod copy;
mod generation;
mod lane;
mod migrate;
mod open;
mod snapshot;
pub mod statement;
mod together;

pub use authority::Authority;
pub use generation::{Generation, generation, raise_generation};
pub use lane::{Lane, Packet, Wish};
pub use migrate::{Version, migrate, versions};
pub use open::{Db, Engine, Options, inspect};
pub use snapshot::{Snapshot, snapshots_open};
pub use statement::{Bulk, IntoParams, Params, Record, Sql, Statement, Text};
pub use together::{Ask, Asks, only};

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Arguments as _, AssertSqlSafe, Postgres, SqlSafeStr as _, SqlStr, Sqlite};

use crate::error::Result;

/// How many rows one statement inserts at most; a row has at most some thirty values, and PostgreSQL takes 65,535 of them.
const LARGEST: usize = 512;
/// How many rows a statement holds at most that is filled up: there are many lengths of those, and each stays prepared.
const LARGEST_FILLED: usize = 128;
/// How long a change waits for its turn to write.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// A handle for reading: each call is one statement on one of the reading connections.
#[derive(Clone)]
pub struct Reader(Db);

/// A write transaction: `begin immediate` on SQLite's single writer, `begin` on PostgreSQL; dropped without commit it rolls back.
pub struct Tx {
    inner: Inner,
    /// The organizations whose changes it records, 0 for the enterprise.
    changed: Vec<i64>,
}

/// What became of a transaction whose commit failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it is there.
    RolledBack,
    /// It may be there: the answer did not arrive.
    Unknown,
    /// The disk has failed to keep what it had taken; what the database says from now on proves nothing until it is opened anew.
    Untrusted,
}

enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

/// What can run a reading statement: a [`Reader`] outside transactions, a [`Tx`] inside, a [`Snapshot`] where all has to be of one instant.
#[expect(async_fn_in_trait, reason = "used with concrete types only")]
pub trait Read {
    /// All rows of a typed text.
    async fn rows<P: Params, R: Record>(&mut self, text: Text, params: P) -> Result<Vec<R>>;
    /// Which of the two databases answers, for the few texts that differ by more than words.
    fn engine(&self) -> Engine;

    /// All rows.
    async fn all<P: Params, R: Record>(&mut self, sql: Sql<P, R>, params: impl IntoParams<P>) -> Result<Vec<R>> {
        self.rows(sql.text(self.engine()), params.into_params()).await
    }
    /// The first row, if there is one.
    async fn opt<P: Params, R: Record>(&mut self, sql: Sql<P, R>, params: impl IntoParams<P>) -> Result<Option<R>> {
        Ok(self.all(sql, params).await?.into_iter().next())
    }
    /// The one row; its absence is [`crate::error::Error::NotFound`].
    async fn one<P: Params, R: Record>(&mut self, sql: Sql<P, R>, params: impl IntoParams<P>) -> Result<R> {
        self.opt(sql, params).await?.ok_or(crate::error::Error::NotFound)
    }
}

/// How many statements this process has run; a list may not run more of them when it has more rows.
pub fn statements_run() -> u64 {
    RUN.load(Ordering::Relaxed)
}

static RUN: AtomicU64 = AtomicU64::new(0);

/// How many changes of this process found SQLite's one writer taken; long work makes way for others while it rises.
pub fn writes_delayed() -> u64 {
    DELAYED.load(Ordering::Relaxed)
}

static DELAYED: AtomicU64 = AtomicU64::new(0);

fn sql_str(text: Text) -> SqlStr {
    RUN.fetch_add(1, Ordering::Relaxed);
    match text {
        Text::Fixed(text) => text.into_sql_str(),
        // Only the finite lists of texts made in db and in the rooms' list builders come here, never a caller's words.
        Text::Made(text) => AssertSqlSafe(text).into_sql_str(),
        Text::Kept(text) => AssertSqlSafe(text).into_sql_str(),
    }
}

impl Reader {
    /// The rows of several statements, asked at once: one message to SQLite's thread instead of one each.
    pub async fn together<A: Asks>(&mut self, asks: A) -> Result<A::Rows> {
        match &self.0 {
            Db::Sqlite { read, .. } => {
                RUN.fetch_add(A::LEN, Ordering::Relaxed);
                together::ask(read, asks).await
            }
            Db::Postgres(_) => asks.each(self).await,
        }
    }
}

impl Read for Reader {
    fn engine(&self) -> Engine {
        self.0.engine()
    }
    async fn rows<P: Params, R: Record>(&mut self, text: Text, params: P) -> Result<Vec<R>> {
        let rows = match &self.0 {
            Db::Sqlite { read, .. } => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.sqlite()?)
                    .fetch_all(read)
                    .await?
            }
            Db::Postgres(pool) => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.postgres()?)
                    .fetch_all(pool)
                    .await?
            }
        };
        Ok(rows)
    }
}

impl Read for Tx {
    fn engine(&self) -> Engine {
        match self.inner {
            Inner::Sqlite(_) => Engine::Sqlite,
            Inner::Postgres(_) => Engine::Postgres,
        }
    }
    async fn rows<P: Params, R: Record>(&mut self, text: Text, params: P) -> Result<Vec<R>> {
        let rows = match &mut self.inner {
            Inner::Sqlite(tx) => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.sqlite()?)
                    .fetch_all(&mut **tx)
                    .await?
            }
            Inner::Postgres(tx) => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.postgres()?)
                    .fetch_all(&mut **tx)
                    .await?
            }
        };
        Ok(rows)
    }
}

impl Tx {
    /// Runs a statement that returns nothing; the number of rows it changed.
    pub async fn run<P: Params>(&mut self, sql: Sql<P, ()>, params: impl IntoParams<P>) -> Result<u64> {
        self.execute(sql.text(self.engine()), params.into_params()).await
    }

    async fn execute<P: Params>(&mut self, text: Text, params: P) -> Result<u64> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => sqlx::query_with(sql_str(text), params.sqlite()?)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Inner::Postgres(tx) => sqlx::query_with(sql_str(text), params.postgres()?)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// Inserts many rows with as few statements as the databases like; the number of rows that were new.
    pub async fn many<P: Params>(&mut self, bulk: Bulk<P>, rows: Vec<P>) -> Result<u64> {
        self.insert(bulk, rows, None::<fn() -> P>).await
    }

    /// The same where there is a row that changes nothing after the last one. On SQLite a statement that is nearly long enough is filled
    /// up with that one: a message to its thread takes longer than a few rows.
    pub async fn many_filled<P: Params>(&mut self, bulk: Bulk<P>, rows: Vec<P>, idle: impl Fn() -> P) -> Result<u64> {
        // PostgreSQL takes no row twice in a statement that updates what is there.
        let idle = Some(idle).filter(|_| self.engine() == Engine::Sqlite);
        self.insert(bulk, rows, idle).await
    }

    async fn insert<P: Params, F: Fn() -> P>(&mut self, bulk: Bulk<P>, rows: Vec<P>, idle: Option<F>) -> Result<u64> {
        let engine = self.engine();
        let mut changed = 0;
        let mut rest = rows.into_iter();
        loop {
            let left = rest.len();
            let size = match &idle {
                Some(_) => filled_size(left),
                None => chunk_size(left),
            };
            let Some(size) = size else { break };
            let text = Text::Kept(bulk.text(engine, size));
            let chunk = rest.by_ref().take(size);
            changed += match &mut self.inner {
                Inner::Sqlite(tx) => {
                    let mut arguments = sqlx::sqlite::SqliteArguments::default();
                    arguments.reserve(size * P::LEN, 0);
                    chunk.into_iter().try_for_each(|row| row.add_sqlite(&mut arguments))?;
                    for _ in left..size {
                        if let Some(idle) = &idle {
                            idle().add_sqlite(&mut arguments)?;
                        }
                    }
                    sqlx::query_with(sql_str(text), arguments)
                        .execute(&mut **tx)
                        .await?
                        .rows_affected()
                }
                Inner::Postgres(tx) => {
                    let mut arguments = sqlx::postgres::PgArguments::default();
                    chunk.into_iter().try_for_each(|row| row.add_postgres(&mut arguments))?;
                    sqlx::query_with(sql_str(text), arguments)
                        .execute(&mut **tx)
                        .await?
                        .rows_affected()
                }
            };
        }
        Ok(changed)
    }

    /// Inserts many rows and gives back what the statement returns of those that were new.
    pub async fn many_returning<P: Params, R: Record>(&mut self, bulk: Bulk<P>, rows: Vec<P>) -> Result<Vec<R>> {
        let engine = self.engine();
        let mut found = Vec::new();
        let mut rest = rows.into_iter();
        while let Some(size) = chunk_size(rest.len()) {
            let text = Text::Kept(bulk.text(engine, size));
            let chunk = rest.by_ref().take(size);
            match &mut self.inner {
                Inner::Sqlite(tx) => {
                    let mut arguments = sqlx::sqlite::SqliteArguments::default();
                    arguments.reserve(size * P::LEN, 0);
                    chunk.into_iter().try_for_each(|row| row.add_sqlite(&mut arguments))?;
                    let query = sqlx::query_as_with::<_, R, _>(sql_str(text), arguments);
                    found.extend(query.fetch_all(&mut **tx).await?);
                }
                Inner::Postgres(tx) => {
                    let mut arguments = sqlx::postgres::PgArguments::default();
                    chunk.into_iter().try_for_each(|row| row.add_postgres(&mut arguments))?;
                    let query = sqlx::query_as_with::<_, R, _>(sql_str(text), arguments);
                    found.extend(query.fetch_all(&mut **tx).await?);
                }
            }
        }
        Ok(found)
    }

    /// Notes that this transaction changes something of an organization, or of the enterprise for 0; see [`generation()`].
    pub fn note_change(&mut self, org: i64) {
        if !self.changed.contains(&org) {
            self.changed.push(org);
        }
    }

    /// Makes the changes durable; nothing may be acknowledged before.
    pub async fn commit(self) -> Result<()> {
        if self.changed.is_empty() {
            return self.inner.commit().await.map_err(Into::into);
        }
        // A task of its own: whoever asked may go away while the database commits, and what is kept in memory is void all the same.
        let task = tokio::spawn(async move {
            let done = self.inner.commit().await;
            self.changed.into_iter().for_each(raise_generation);
            done
        });
        match task.await {
            Ok(done) => done.map_err(Into::into),
            Err(error) => Err(crate::error::Error::Internal(format!("commit: {error}"))),
        }
    }

    /// Makes the changes durable, and says what became of them when that fails.
    pub async fn commit_or_fate(self) -> std::result::Result<(), (crate::error::Error, Fate)> {
        let done = self.inner.commit().await;
        self.changed.into_iter().for_each(raise_generation);
        done.map_err(|error| {
            let fate = fate(&error);
            (error.into(), fate)
        })
    }
}

impl Inner {
    async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// What a failed commit leaves behind.
fn fate(error: &sqlx::Error) -> Fate {
    let sqlx::Error::Database(refusal) = error else {
        return Fate::Unknown;
    };
    let code = refusal.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLITE_IOERR: the pages may be in the system's cache and not on the disk, and a second sync would not tell.
        Ok(number) if code.len() < 5 && number & 0xff == 10 => Fate::Untrusted,
        _ => Fate::RolledBack,
    }
}

/// How many of so many rows the next statement inserts; none when nothing is left.
fn chunk_size(left: usize) -> Option<usize> {
    // Powers of two: few statements insert any number of rows, and there are few enough texts of them to stay prepared.
    (left > 0).then(|| (1 << left.ilog2()).min(LARGEST))
}

/// The same where a statement may have more rows than there are.
fn filled_size(left: usize) -> Option<usize> {
    (left > 0).then(|| {
        if left <= 8 {
            left.next_power_of_two()
        } else {
            left.next_multiple_of(8).min(LARGEST_FILLED)
        }
    })
}

impl Db {
    /// A handle for reading.
    pub fn read(&self) -> Reader {
        Reader(self.clone())
    }

    /// Begins a write transaction; [`Error::Busy`](crate::error::Error::Busy) when its turn does not come in time.
    pub async fn write(&self) -> Result<Tx> {
        let begun = async {
            let inner = match self {
                Self::Sqlite { write, wish, .. } => {
                    if write.num_idle() == 0 {
                        DELAYED.fetch_add(1, Ordering::Relaxed);
                    }
                    Inner::Sqlite(wish.with(write.begin_with("BEGIN IMMEDIATE")).await?)
                }
                Self::Postgres(pool) => Inner::Postgres(pool.begin().await?),
            };
            Ok(Tx {
                inner,
                changed: Vec::new(),
            })
        };
        // One bound for both waits: in the queue of our own writers, and for a lock that another process holds.
        let in_time = tokio::time::timeout(PATIENCE, begun).await;
        in_time.unwrap_or_else(|_| {
            tracing::error!(
                "a change was refused: its turn to write did not come within {} s",
                PATIENCE.as_secs()
            );
            Err(crate::error::Error::Busy)
        })
    }
}
