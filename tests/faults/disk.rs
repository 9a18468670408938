//! F07 and F08: a disk that is full, and one that cannot be written.

use std::{fs, time::Duration};

use muster::access::Role;

use crate::support::{House, Load, Pen, Tmpfs, pause, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f07_a_full_disk_refuses_writes_serves_reads_and_recovers() {
    // Room for what half a second of writers adds to the log while readers keep it from beginning anew: some 15 MiB.
    let disk = Tmpfs::mount(96);
    let house = House::at(&disk.path().join("data"));
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let bea = portal.member(&acme, Role::Manager, "bea").await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    assert_eq!(pen.try_write().await.0, 303);

    let ballast = disk.fill();
    // The log may still have room within blocks that it owns already.
    until("the first refusal", 20, async || {
        (pen.try_write().await.0 == 503).then_some(())
    })
    .await;
    let load = Load::start(&pen, 8, 8);
    pause(1_500).await;
    let (writes, reads) = load.end().await;
    assert_eq!(reads.statuses(), [200], "reads with a full disk");
    assert_eq!(writes.statuses(), [503], "writes with a full disk");
    assert!(writes.count(503) >= 8 && reads.count(200) >= 8);
    let (status, retry) = pen.try_write().await;
    assert_eq!((status, retry.as_deref()), (503, Some("5")));
    let page = pen.write().await.expect("an answer").text().await.expect("a page");
    assert!(page.contains("cannot save changes at the moment"), "{page}");
    // Somebody whose session nobody has asked for yet: reading it must not need a write.
    assert_eq!(bea.get("/organizations").await.status, 200);
    assert_eq!(server.anonymous().get("/healthz").await.status, 200);

    fs::remove_file(ballast).expect("the ballast");
    assert_eq!(
        pen.try_write().await.0,
        303,
        "the first write after there is room again"
    );
    let load = Load::start(&pen, 8, 8);
    pause(500).await;
    let (writes, reads) = load.end().await;
    assert_eq!((writes.statuses(), reads.statuses()), (vec![303], vec![200]));
    assert_eq!(server.anonymous().get("/readyz").await.status, 200);
    server.assert_calm();
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}

#[tokio::test]
async fn fault_f07_a_start_on_a_full_disk_says_so_and_harms_nothing() {
    let disk = Tmpfs::mount(16);
    let house = House::at(&disk.path().join("data"));
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    let before = fs::read(house.database()).expect("the file");
    let ballast = disk.fill();
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(words.contains("full") && words.contains("muster.db"), "{words}");
    assert_eq!(fs::read(house.database()).expect("the file"), before);
    fs::remove_file(ballast).expect("the ballast");
    assert_eq!(house.start().await.stop().code, Some(0));
}

#[tokio::test]
async fn fault_f08_a_read_only_disk_at_the_start_is_named() {
    let disk = Tmpfs::mount(16);
    let house = House::at(&disk.path().join("data"));
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.close().await;
    disk.make_read_only();
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(
        words.contains("muster.db") && words.contains("cannot be written"),
        "{words}"
    );
    let check = house.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("FAIL") && said.contains("cannot be written to"), "{said}");

    disk.make_writable();
    let mut server = house.start().await;
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test]
async fn fault_f08_an_empty_read_only_folder_is_named() {
    let disk = Tmpfs::mount(1);
    disk.make_read_only();
    let house_data = disk.path().to_owned();
    let house = House::at(&house_data);
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(
        words.contains("cannot be made") && words.contains(house_data.to_str().expect("a path in text")),
        "{words}"
    );
}

/// A file system that turns read-only under an open file answers each write with EROFS; a disk cannot be remounted so while
/// the program has it open, so the system calls are answered in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f08_a_disk_that_turns_read_only_while_running_stops_writes_alone() {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    assert_eq!(pen.try_write().await.0, 303);

    let pid = server.pid().to_string();
    let mut read_only = std::process::Command::new("strace")
        .args(["-f", "-qq", "-p", &pid, "-o", "/dev/null"])
        .args(["-e", "trace=pwrite64,pwritev,ftruncate,fallocate,fdatasync,fsync"])
        .args(["-e", "inject=pwrite64,pwritev,ftruncate,fallocate:error=EROFS"])
        .spawn()
        .expect("strace");
    until("the first refusal", 20, async || {
        (pen.try_write().await.0 == 503).then_some(())
    })
    .await;
    let load = Load::start(&pen, 8, 8);
    pause(1_500).await;
    let (writes, reads) = load.end().await;
    assert_eq!(reads.statuses(), [200]);
    assert_eq!(writes.statuses(), [503]);
    assert_eq!(pen.try_write().await, (503, Some("5".to_owned())));
    crate::support::signal(read_only.id(), "TERM");
    read_only.wait().expect("strace ends");

    until("the first write after that", 10, async || {
        (pen.try_write().await.0 == 303).then_some(())
    })
    .await;
    server.assert_calm();
    let ended = server.stop();
    assert_eq!(ended.code, Some(0));
    assert!(ended.after < Duration::from_secs(10));
    let portal = house.open().await;
    portal.assert_sound().await;
    portal.close().await;
}
