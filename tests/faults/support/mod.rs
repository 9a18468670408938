#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    clippy::disallowed_methods,
    reason = "each test file uses its part of the harness, and tests read the environment themselves"
)]
//! The harness: a house (a data folder with its settings), the library's view of it, and the program that serves it.

#[path = "../../portal/support/client.rs"]
mod client;
mod house;
mod load;
#[path = "../../portal/support/page.rs"]
mod page;
#[path = "../../portal/support/picture.rs"]
mod picture;
mod receiver;
#[path = "../../portal/support/seed.rs"]
mod seed;
mod server;
mod tmpfs;

use std::sync::Arc;

pub use client::{Answer, Client};
pub use house::House;
pub use load::{INVITES, Load, PLACES, Pen, Tally};
use muster::{app::App, clock::Clock};
pub use page::{Page, Row};
pub use picture::multipart;
pub use receiver::Receiver;
pub use seed::{Mail, Org, Someone};
pub use server::{Ended, Server, signal};
pub use tmpfs::Tmpfs;

/// The library's view of a house, with the verbs of `seed`; close it before something is expected of the files.
pub struct Portal {
    /// What verbs reach; it serves nothing.
    pub app: Arc<App>,
    /// The address of the program.
    pub url: String,
    /// The system's clock.
    pub clock: Clock,
}

impl Portal {
    /// Closes the library's connections.
    pub async fn close(self) {
        self.app.db.close().await;
    }

    /// Runs one statement that gives one value, past the verbs: for what only a test asks.
    pub async fn ask<T>(&self, text: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
    {
        sqlx::query_scalar(text)
            .fetch_one(self.writer())
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn writer(&self) -> &sqlx::SqlitePool {
        match &self.app.db {
            muster::db::Db::Sqlite { write, .. } => write,
            muster::db::Db::Postgres(_) => panic!("these faults are of the embedded database"),
        }
    }

    /// Asserts that the file is whole, every reference leads somewhere, and the audit log verifies; gives its rows.
    pub async fn assert_sound(&self) -> u64 {
        let answer: String = self.ask("PRAGMA integrity_check").await;
        assert_eq!(answer, "ok");
        let dangling: i64 = self.ask("select count(*) from pragma_foreign_key_check").await;
        assert_eq!(dangling, 0);
        let report = muster::audit::verify(&mut self.app.db.read(), &self.app.keys, &[])
            .await
            .expect("the chains are walked");
        assert_eq!(report.faults, Vec::<String>::new());
        report.rows
    }
}

/// How often a random fault strikes: `long` times with MUSTER_LONG=1.
pub fn rounds(short: u32, long: u32) -> u32 {
    if std::env::var("MUSTER_LONG").is_ok_and(|value| value == "1") {
        long
    } else {
        short
    }
}

/// A number from `low` to below `high`, other at each call.
pub fn random_between(low: u64, high: u64) -> u64 {
    low + u64::from_le_bytes(muster::secret::random::<8>()) % (high - low)
}

/// Sleeps without stopping the other tasks of the test.
pub async fn pause(millis: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

/// Waits until `done` says something, for at most so many seconds.
pub async fn until<T, F: AsyncFnMut() -> Option<T>>(what: &str, seconds: u64, mut done: F) -> T {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    loop {
        if let Some(found) = done().await {
            return found;
        }
        assert!(
            std::time::Instant::now() < end,
            "{what} did not happen within {seconds} s"
        );
        pause(50).await;
    }
}
