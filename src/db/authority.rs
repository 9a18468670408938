//! Being the one process that decides, where several may be connected to one database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::PathBuf,
};

use sqlx::{Connection as _, Postgres, pool::PoolConnection};

use super::Db;
use crate::error::{Error, Result};

/// The right to decide, held for as long as it is kept: an advisory lock of a connection of its own on PostgreSQL, and of a file beside
/// the embedded database, which the system lets go of when the process ends in whatever way.
pub struct Authority(Held);

enum Held {
    Server(PoolConnection<Postgres>),
    File(#[expect(dead_code, reason = "the lock ends when it is closed")] File),
}

impl Db {
    /// Takes the right of a number; none while another process has it.
    pub async fn authority(&self, number: i64) -> Result<Option<Authority>> {
        let pool = match self {
            Self::Sqlite { read, .. } => {
                let mut path = read.connect_options().get_filename().as_os_str().to_owned();
                path.push("-lock");
                let held = tokio::task::spawn_blocking(move || lock(path.into())).await;
                let held = held.map_err(|error| Error::Internal(error.to_string()))??;
                return Ok(held.map(|file| Authority(Held::File(file))));
            }
            Self::Postgres(pool) => pool,
        };
        let mut connection = pool.acquire().await?;
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(number)
            .fetch_one(&mut *connection)
            .await?;
        Ok(taken.then_some(Authority(Held::Server(connection))))
    }
}

/// Locks a file, which is made if need be; none while another process has it.
fn lock(path: PathBuf) -> Result<Option<File>> {
    let failed = |error: std::io::Error| Error::Internal(format!("{}: {error}", path.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

impl Authority {
    /// Whether it still holds; a server takes it away when the connection breaks.
    pub async fn lasts(&mut self) -> bool {
        match &mut self.0 {
            Held::Server(connection) => connection.ping().await.is_ok(),
            Held::File(_) => true,
        }
    }
    /// Gives the right back.
    pub async fn end(self) {
        if let Held::Server(connection) = self.0
            && let Err(error) = connection.detach().close().await
        {
            tracing::warn!(%error, "the right to decide ends with its connection");
        }
    }
}
