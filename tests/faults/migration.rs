//! F03: a start that is killed while it makes its tables, and a database of a newer program.

use std::time::Duration;

use crate::support::{House, Server, pause, random_between, rounds};

#[tokio::test]
async fn fault_f03_a_killed_migration_is_completed_by_the_next_start() {
    let mut cut_short = 0;
    for _ in 0..rounds(8, 60) {
        let house = House::new();
        let mut first = Server::spawn(&house, &[], &[]);
        // From before the file is there to after the first answer.
        let wait = random_between(5, 160);
        pause(wait).await;
        first.kill();
        if !house.database().exists() || std::fs::metadata(house.database()).is_ok_and(|file| file.len() < 100_000) {
            cut_short += 1;
        }
        let mut second = house.start().await;
        assert!(
            second.ready_after < Duration::from_secs(2),
            "ready after {:?}, killed at {wait} ms",
            second.ready_after
        );
        assert_eq!(second.anonymous().get("/healthz").await.status, 200);
        assert_eq!(second.stop().code, Some(0));
        let portal = house.open().await;
        let unfinished: i64 = portal
            .ask("select count(*) from _sqlx_migrations where not success")
            .await;
        assert_eq!(unfinished, 0);
        portal.assert_sound().await;
        portal.close().await;
    }
    assert!(
        cut_short > 0,
        "no kill came before the tables were there, so nothing was shown"
    );
}

#[tokio::test]
async fn fault_f03_a_kill_between_two_statements_of_a_migration_leaves_nothing_half_done() {
    let house = House::new();
    // The process is held at its tenth write of a page to the log, which is in the middle of the first migration.
    let trace = house.scratch.path().join("trace");
    let by = [
        "strace",
        "-f",
        "-qq",
        "-o",
        trace.to_str().expect("a path in text"),
        "-e",
        "trace=pwrite64",
        "-e",
        "inject=pwrite64:signal=SIGKILL:when=10",
    ];
    let mut first = Server::spawn(&house, &by, &[]);
    let ended = first.ended(std::time::Instant::now());
    assert_ne!(ended.code, Some(0), "the kill did not strike");
    let trace = std::fs::read_to_string(&trace).expect("the trace");
    assert!(trace.matches("pwrite64(").count() >= 10, "{trace}");

    let mut second = house.start().await;
    assert!(second.ready_after < Duration::from_secs(2), "{:?}", second.ready_after);
    assert_eq!(second.stop().code, Some(0));
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}

#[tokio::test]
async fn fault_f03_an_older_program_refuses_a_newer_database() {
    let house = House::new();
    let portal = house.open().await;
    portal
        .run("insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9001, 'from the future', true, x'00', 1)")
        .await;
    portal.close().await;
    let before = std::fs::read(house.database()).expect("the file");

    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(
        words.contains("migrated by a newer Muster")
            && words.contains("9001")
            && words.contains("Start the newer version"),
        "{words}"
    );
    for command in [&["audit", "verify"][..], &["audit", "head"], &["check"]] {
        let done = house.run(command);
        assert!(
            !done.status.success(),
            "{command:?} goes on with a database that it does not know"
        );
    }
    assert_eq!(
        std::fs::read(house.database()).expect("the file"),
        before,
        "a refused database was changed"
    );
}
