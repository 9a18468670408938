//! Being the one process that decides, where several may be connected to one server.

use sqlx::{Connection as _, Postgres, pool::PoolConnection};

use super::Db;
use crate::error::Result;

/// The right to decide, held for as long as it is kept: an advisory lock of a connection of its own on PostgreSQL. The embedded
/// database is one process's by its nature and locks nothing.
pub struct Authority(Option<PoolConnection<Postgres>>);

impl Db {
    /// Takes the right of a number; none while another process has it.
    pub async fn authority(&self, number: i64) -> Result<Option<Authority>> {
        let Self::Postgres(pool) = self else {
            return Ok(Some(Authority(None)));
        };
        let mut connection = pool.acquire().await?;
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(number)
            .fetch_one(&mut *connection)
            .await?;
        Ok(taken.then_some(Authority(Some(connection))))
    }
}

impl Authority {
    /// Whether it still holds; the server takes it away when the connection breaks.
    pub async fn lasts(&mut self) -> bool {
        match &mut self.0 {
            Some(connection) => connection.ping().await.is_ok(),
            None => true,
        }
    }
    /// Gives the right back.
    pub async fn end(self) {
        if let Some(connection) = self.0
            && let Err(error) = connection.detach().close().await
        {
            tracing::warn!(%error, "the right to decide ends with its connection");
        }
    }
}
