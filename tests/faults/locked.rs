//! F09: another process holds the database's lock for longer than anybody waits.

use std::time::{Duration, Instant};

use muster::access::Role;
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::support::{House, Load, Pen, pause};

/// The test is the other process; it has the same SQLite inside as the program.
async fn locked_out_by(lock: &'static str) {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    assert_eq!(pen.try_write().await.0, 303);

    let mut other = SqliteConnectOptions::new()
        .filename(house.database())
        .connect()
        .await
        .expect("the file opens");
    sqlx::query(lock).execute(&mut other).await.expect("the lock");
    let began = Instant::now();
    let load = Load::start(&pen, 8, 8);
    let (status, retry) = pen.try_write().await;
    let waited = began.elapsed();
    assert_eq!((status, retry.as_deref()), (503, Some("5")));
    assert!((4_000..8_000).contains(&waited.as_millis()), "refused after {waited:?}");
    pause(8_000u64.saturating_sub(began.elapsed().as_millis() as u64)).await;
    sqlx::query("ROLLBACK")
        .execute(&mut other)
        .await
        .expect("the lock is let go");
    other.close().await.expect("a close");
    let free = Instant::now();
    pause(700).await;
    let (writes, reads) = load.end().await;
    let statuses = writes.statuses();
    assert_eq!(statuses, [303, 503], "writers saw something else");
    assert!(
        writes.count(503) >= 8,
        "each writer is told once at least: {}",
        writes.count(503)
    );
    let slowest = writes
        .answers
        .lock()
        .expect("the tally")
        .iter()
        .map(|(_, took)| *took)
        .max()
        .unwrap_or_default();
    assert!(slowest < Duration::from_millis(8_000), "somebody waited {slowest:?}");
    assert_eq!(reads.statuses(), [200]);
    assert!(reads.count(200) > 100, "reads stood still: {}", reads.count(200));
    assert_eq!(pen.try_write().await.0, 303);
    assert!(free.elapsed() < Duration::from_secs(8));
    server.assert_calm();
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f09_an_exclusive_lock_of_another_process_gives_503_and_passes() {
    locked_out_by("BEGIN EXCLUSIVE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f09_a_writer_of_another_process_gives_503_and_passes() {
    locked_out_by("BEGIN IMMEDIATE").await;
}
