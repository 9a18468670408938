//! SQLite's one writing connection in the hands of somebody who writes all the time.
//!
//! Each statement is a message to SQLite's thread and back, and so is the check of a connection that goes back to its pool: of a small
//! transaction they are most of the cost. Whoever has the lane keeps the connection while nobody else wants it, and sends a whole
//! transaction as two messages: what is written, and the commit.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use futures_util::{FutureExt as _, TryStreamExt as _};
use sqlx::{
    Arguments as _, AssertSqlSafe, Either, Executor as _, Sqlite, pool::PoolConnection, sqlite::SqliteArguments,
};
use tokio::sync::Notify;

use super::{Bulk, Db, Engine, Fate, PATIENCE, Params, RUN, fate};
use crate::error::{Error, Result};

/// How often the processor is left to SQLite's thread before its answers are waited for.
const PATIENCE_OF_ANSWERS: usize = 4;

/// How others say that they want the connection.
#[derive(Debug, Default)]
pub struct Wish {
    is_taken: AtomicBool,
    is_wanted: Notify,
}

impl Wish {
    /// Does something that needs the writing connection, and tells whoever has the lane when it is not free at once.
    pub async fn with<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
        if let Poll::Ready(done) = first {
            return done;
        }
        // The work stands in the pool's queue by now, so a lane that is given back goes to it first.
        if self.is_taken.load(Ordering::SeqCst) {
            self.is_wanted.notify_one();
        }
        work.await
    }
}

/// The lane: the writing connection of SQLite, with at most one transaction at a time.
pub struct Lane {
    connection: PoolConnection<Sqlite>,
    wish: Arc<Wish>,
    is_open: bool,
}

/// Rows of several inserts that go as one message.
#[derive(Default)]
pub struct Packet {
    text: String,
    arguments: SqliteArguments,
    statements: usize,
}

impl Packet {
    /// Appends an insert of `size` rows: as many of `rows` as there are, and `idle` ones, which change nothing behind them.
    pub fn insert<P: Params>(
        &mut self,
        bulk: Bulk<P>,
        rows: impl ExactSizeIterator<Item = P>,
        size: usize,
        idle: impl Fn() -> P,
    ) -> Result<()> {
        let rest = size.saturating_sub(rows.len());
        if self.text.is_empty() {
            self.text.push_str("BEGIN IMMEDIATE;\n");
        }
        self.text.push_str(&bulk.text(Engine::Sqlite, rows.len() + rest));
        self.text.push_str(";\n");
        self.arguments.reserve((rows.len() + rest) * P::LEN, 0);
        self.statements += 1;
        for row in rows {
            row.add_sqlite(&mut self.arguments)?;
        }
        (0..rest).try_for_each(|_| idle().add_sqlite(&mut self.arguments))
    }
}

impl Db {
    /// The lane; none on PostgreSQL, where connections are many. [`Error::Busy`] when its turn does not come in time.
    pub async fn lane(&self) -> Result<Option<Lane>> {
        let Self::Sqlite { write, wish, .. } = self else {
            return Ok(None);
        };
        // Said before it is so: whoever comes between asks for it, and is given it a little early.
        wish.is_taken.store(true, Ordering::SeqCst);
        let connection = match tokio::time::timeout(PATIENCE, write.acquire()).await {
            Ok(Ok(connection)) => connection,
            other => {
                wish.is_taken.store(false, Ordering::SeqCst);
                return Err(other.map_or(Error::Busy, |refused| refused.map_or_else(Error::from, |_| Error::Busy)));
            }
        };
        Ok(Some(Lane {
            connection,
            wish: Arc::clone(wish),
            is_open: false,
        }))
    }
}

impl Lane {
    /// Waits until somebody else wants to write.
    pub async fn is_wanted(&self) {
        self.wish.is_wanted.notified().await;
    }

    /// Begins a transaction and writes all of a packet; for each insert, how many rows are new or changed.
    ///
    /// After an error nothing of it is there, and the lane is good for nothing more.
    pub async fn write(&mut self, packet: Packet) -> Result<Vec<u64>> {
        let Packet {
            text,
            arguments,
            statements,
        } = packet;
        RUN.fetch_add(statements as u64, Ordering::Relaxed);
        self.is_open = true;
        let mut counts = Vec::with_capacity(statements + 1);
        // The text is made of constants alone.
        let query = sqlx::query_with::<Sqlite, _>(AssertSqlSafe(text), arguments);
        let mut answers = (&mut *self.connection).fetch_many(query);
        let mut patience = PATIENCE_OF_ANSWERS;
        while counts.len() <= statements {
            let answer = match answers.try_next().now_or_never() {
                Some(answer) => answer?,
                // Its thread is at work and will not sleep before all of it is done. Where both share a processor, leaving it to that
                // one is cheaper than being woken by each statement.
                None if patience > 0 => {
                    patience -= 1;
                    std::thread::yield_now();
                    continue;
                }
                None => answers.try_next().await?,
            };
            match answer {
                Some(Either::Left(done)) => counts.push(done.rows_affected()),
                Some(Either::Right(_)) => {}
                None => return Err(Error::Internal("SQLite answered too few statements".to_owned())),
            }
        }
        counts.remove(0); // what begins the transaction changes nothing
        Ok(counts)
    }

    /// Makes the changes durable, and says what became of them when that fails.
    pub async fn commit(&mut self) -> std::result::Result<(), (Error, Fate)> {
        match self.run("COMMIT").await {
            Ok(()) => {
                self.is_open = false;
                Ok(())
            }
            Err(error) => {
                let fate = fate(&error);
                Err((error.into(), fate))
            }
        }
    }

    /// Undoes what was written.
    pub async fn roll_back(&mut self) -> Result<()> {
        self.run("ROLLBACK").await?;
        self.is_open = false;
        Ok(())
    }

    async fn run(&mut self, text: &'static str) -> sqlx::Result<()> {
        sqlx::query(text).execute(&mut *self.connection).await?;
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.is_open {
            // What is open ends with its connection, and the pool opens another one.
            self.connection.close_on_drop();
        }
        self.wish.is_taken.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sqlx::query_scalar;

    use super::*;
    use crate::db::Options;

    const ADD: Bulk<(i64, i64)> = Bulk::new(
        "insert into notes (id, amount) values",
        " on conflict (id) do update set amount = notes.amount + excluded.amount",
    );
    const NEW: Bulk<(i64, i64)> = Bulk::new("insert into others (id, amount) values", "");

    async fn opened() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&Options::Sqlite(folder.path().join("lane.db"))).await.unwrap();
        let Db::Sqlite { write, .. } = &db else {
            unreachable!("the embedded database was opened")
        };
        for text in [
            "create table notes (id integer primary key, amount integer not null)",
            "create table others (id integer primary key, amount integer not null)",
        ] {
            sqlx::query(text).execute(write).await.unwrap();
        }
        (folder, db)
    }

    fn packet(rows: &[(i64, i64)], others: &[(i64, i64)]) -> Packet {
        let mut packet = Packet::default();
        let last = rows.last().map_or(0, |row| row.0);
        packet.insert(ADD, rows.iter().copied(), 4, || (last, 0)).unwrap();
        packet
            .insert(NEW, others.iter().copied(), others.len(), || (0, 0))
            .unwrap();
        packet
    }

    async fn sums(db: &Db) -> (i64, i64) {
        let Db::Sqlite { read, .. } = db else {
            unreachable!("the embedded database was opened")
        };
        let sum = |text: &'static str| query_scalar(text).fetch_one(read);
        let notes = sum("select coalesce(sum(amount), 0) from notes").await.unwrap();
        (notes, sum("select coalesce(sum(amount), 0) from others").await.unwrap())
    }

    #[actix_web::test]
    async fn a_packet_is_there_after_the_commit_and_not_before_and_idle_rows_change_nothing() {
        let (_folder, db) = opened().await;
        let mut lane = db.lane().await.unwrap().unwrap();
        let counts = lane.write(packet(&[(1, 10), (2, 20)], &[(1, 7)])).await.unwrap();
        assert_eq!(counts, [4, 1], "idle rows are counted, and add nothing");
        assert_eq!(sums(&db).await, (0, 0));
        lane.commit().await.unwrap();
        assert_eq!(sums(&db).await, (30, 7));
        lane.write(packet(&[(1, 5)], &[(2, 1)])).await.unwrap();
        lane.roll_back().await.unwrap();
        lane.write(packet(&[(2, 1)], &[(2, 2)])).await.unwrap();
        lane.commit().await.unwrap();
        assert_eq!(sums(&db).await, (31, 9));
    }

    #[actix_web::test]
    async fn what_fails_or_is_given_up_half_way_leaves_nothing_and_others_can_write() {
        let (_folder, db) = opened().await;
        let mut lane = db.lane().await.unwrap().unwrap();
        lane.write(packet(&[(1, 1)], &[(1, 1)])).await.unwrap();
        lane.commit().await.unwrap();
        let refused = lane.write(packet(&[(1, 1)], &[(2, 2), (1, 1)])).await;
        assert!(refused.is_err(), "the second insert has a row twice");
        drop(lane);
        let mut lane = db.lane().await.unwrap().unwrap();
        lane.write(packet(&[(9, 9)], &[(9, 9)])).await.unwrap();
        drop(lane);
        db.write().await.unwrap().commit().await.unwrap();
        assert_eq!(sums(&db).await, (1, 1));
    }

    #[actix_web::test]
    async fn whoever_has_the_lane_hears_that_somebody_else_wants_to_write() {
        let (_folder, db) = opened().await;
        let lane = db.lane().await.unwrap().unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(20), lane.is_wanted()).await;
        assert!(silent.is_err(), "nobody wants it");
        let other = {
            let db = db.clone();
            actix_web::rt::spawn(async move { db.write().await.map(|_| ()) })
        };
        tokio::time::timeout(Duration::from_secs(4), lane.is_wanted())
            .await
            .unwrap();
        assert!(!other.is_finished(), "the lane is still taken");
        drop(lane);
        other.await.unwrap().unwrap();
    }
}
