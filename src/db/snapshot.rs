//! The database as it was at one instant, for whoever reads more than one statement takes.
//!
//! Each has a connection of its own, so that whoever reads for seconds takes none from the pages, and only two are open at once. On
//! SQLite it keeps the log from being taken over into the file, so nobody may hold it at the pace of a reader on the network.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{ConnectOptions as _, PgConnection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Db, Engine, PATIENCE, Params, Read, Record, Text, sql_str};
use crate::error::{Error, Result};

/// How many a process has at once.
const AT_ONCE: usize = 2;

static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many this process has open now.
pub fn snapshots_open() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// A handle for reading what was there at one instant; it ends when it is dropped.
pub struct Snapshot {
    connection: Connection,
    _place: Place,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A place among those who may hold one.
struct Place(#[expect(dead_code, reason = "it is given back when this is dropped")] SemaphorePermit<'static>);

impl Place {
    async fn take() -> Result<Self> {
        match tokio::time::timeout(PATIENCE, PLACES.acquire()).await {
            Ok(Ok(permit)) => {
                OPEN.fetch_add(1, Ordering::Relaxed);
                Ok(Self(permit))
            }
            _ => Err(Error::Busy),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Db {
    /// The database as it is now, for as long as this is held; [`Error::Busy`] when others hold theirs too long.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let place = Place::take().await?;
        // Neither product takes the snapshot when a transaction begins; both do with its first read.
        let connection = match self {
            Self::Sqlite { read, .. } => {
                let mut own = read.connect_options().connect().await?;
                // It reads from one end to the other and comes to hardly a page twice.
                sqlx::query("PRAGMA cache_size = -1024").execute(&mut own).await?;
                sqlx::query("BEGIN").execute(&mut own).await?;
                sqlx::query("SELECT count(*) FROM sqlite_schema")
                    .execute(&mut own)
                    .await?;
                Connection::Sqlite(own)
            }
            Self::Postgres(pool) => {
                let mut own = pool.connect_options().connect().await?;
                sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .execute(&mut own)
                    .await?;
                sqlx::query("SELECT 1").execute(&mut own).await?;
                Connection::Postgres(own)
            }
        };
        Ok(Snapshot {
            connection,
            _place: place,
        })
    }
}

impl Read for Snapshot {
    fn engine(&self) -> Engine {
        match self.connection {
            Connection::Sqlite(_) => Engine::Sqlite,
            Connection::Postgres(_) => Engine::Postgres,
        }
    }
    async fn rows<P: Params, R: Record>(&mut self, text: Text, params: P) -> Result<Vec<R>> {
        let rows = match &mut self.connection {
            Connection::Sqlite(own) => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.sqlite()?)
                    .fetch_all(own)
                    .await?
            }
            Connection::Postgres(own) => {
                sqlx::query_as_with::<_, R, _>(sql_str(text), params.postgres()?)
                    .fetch_all(own)
                    .await?
            }
        };
        Ok(rows)
    }
}
