//! F40: a back-up while everything is used, and the way back.

use std::{fs, process::Output};

use muster::access::Role;

use crate::support::{Client, House, Load, Pen, Someone, pause};

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// How many invitations there are, and how many the record tells of.
async fn invited(house: &House) -> (u64, u64) {
    let mut file = house.connect().await;
    let pair: (i64, i64) = sqlx::query_as(
        "select (select count(*) from invitations), (select count(*) from audit where action = 'invitation.create')",
    )
    .fetch_one(&mut file)
    .await
    .expect("the counts");
    (pair.0 as u64, pair.1 as u64)
}

/// A house, its administrator, and the cookie of a session of hers.
async fn furnished() -> (House, Someone, String) {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let session = portal.session_of(ann.user).await;
    portal.close().await;
    (house, ann, session)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f40_a_back_up_under_load_is_one_instant_and_starts() {
    let (house, ann, open) = furnished().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    let load = Load::start(&pen, 8, 4);
    pause(700).await;
    let before = invited(&house).await.0;
    let folder = house.scratch.path().join("back-up");
    let output = house.run(&["backup", folder.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("all whole"), "{}", said(&output));
    let after = invited(&house).await.0;
    pause(300).await;
    let (writes, reads) = load.end().await;
    assert_eq!((writes.statuses(), reads.statuses()), (vec![303], vec![200]));
    assert!(after > before, "nothing was written meanwhile: {before}");
    server.assert_calm();
    assert_eq!(server.stop().code, Some(0));
    let (last, _) = invited(&house).await;
    assert!(last > after, "{last} after {after}");

    // Nobody else may look into it, and an older back-up is not overwritten.
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&folder).expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o700);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["head.json", "muster.db", "secret.key"]);
    let kept = fs::read(folder.join("muster.db")).expect("the copy");
    let again = house.run(&["backup", folder.to_str().expect("a path")]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("is not empty"), "{}", said(&again));
    assert_eq!(fs::read(folder.join("muster.db")).expect("the copy"), kept);

    // What is in it is one instant: what was done and what the record tells of it agree, and the file starts.
    let restored = House::at(&folder);
    let (rows, told) = invited(&restored).await;
    assert_eq!(rows, told, "invitations, and entries that tell of one");
    assert!((before..=after).contains(&rows), "{before} <= {rows} <= {after}");
    let portal = restored.open().await;
    portal.assert_sound().await;
    let session = portal.session_of(ann.user).await;
    portal.close().await;
    let mut server = restored.start().await;
    // The session that was open when the copy was made is not: it may have ended since.
    let old = Client::with_cookie(&restored.url(), &open);
    old.get("/organizations").await.redirects_to("/sign-in");
    let new = Client::with_cookie(&restored.url(), &session);
    new.get("/o/acme/members").await.page(200);
    assert_eq!(server.stop().code, Some(0));
    let head = folder.join("head.json");
    let verified = restored.run(&["audit", "verify", "--from", head.to_str().expect("a path")]);
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    // What is kept beside it shows that the older one lacks nothing of it either.
    let verified = house.run(&["audit", "verify", "--from", head.to_str().expect("a path")]);
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
}

#[tokio::test]
async fn fault_f40_a_back_up_that_cannot_be_made_says_why_and_leaves_nothing() {
    let (house, ..) = furnished().await;
    let folder = house.scratch.path().join("back-up");
    let path = folder.to_str().expect("a path");
    // Somebody has changed the record behind Muster's back: what is copied would not be worth keeping.
    let mut file = house.connect().await;
    sqlx::raw_sql("drop trigger audit_no_update; update audit set actor_name = 'nobody' where org_id > 0 and seq = 1")
        .execute(&mut file)
        .await
        .expect("a change");
    drop(file);
    let output = house.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("tampered"), "{}", said(&output));
    assert!(!folder.exists(), "something was left");

    let empty = House::new();
    let output = empty.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("There is no database"), "{}", said(&output));
    let server = House::new().set("MUSTER_DATABASE", "postgres://muster@127.0.0.1:1/muster");
    let output = server.run(&["backup", path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("pg_dump"), "{}", said(&output));
    assert!(!folder.exists());
}
