//! F10: junk in the file, a torn log, and the way back from a back-up.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use muster::access::Role;

use crate::support::{Client, House, Pen, Server, pause, rounds};

fn junk(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        bytes.extend(muster::secret::random::<32>());
    }
    bytes.truncate(length);
    bytes
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).expect("the file");
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.write_all(bytes).expect("junk");
}

/// The addresses on the first page of members.
async fn members_of(client: &Client) -> Vec<String> {
    let text = client
        .get("/o/acme/members")
        .await
        .page(200)
        .rows()
        .into_iter()
        .flat_map(|row| row.cells)
        .collect::<Vec<_>>()
        .join(" ");
    text.split(' ')
        .filter(|word| word.contains('@'))
        .map(str::to_owned)
        .collect()
}

/// A house with some hundred members and invitations, closed, so that all is in the one file.
async fn furnished() -> (House, Vec<String>) {
    let house = House::new();
    let portal = house.open().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    for n in 0..60 {
        portal.member(&acme, Role::Member, &format!("person-number-{n}")).await;
    }
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    for _ in 0..60 {
        assert_eq!(pen.try_write().await.0, 303);
    }
    let members = members_of(&ann).await;
    assert!(members.len() > 40, "{members:?}");
    assert_eq!(server.stop().code, Some(0));
    assert!(!house.wal().exists());
    (house, members)
}

#[tokio::test]
async fn fault_f10_junk_in_the_file_is_refused_at_the_start_and_the_back_up_helps() {
    let (house, members) = furnished().await;
    let back_up = fs::read(house.database()).expect("the file");
    let places_there = back_up.len() as u64 / 4096;
    let mut refused = 0;
    // The head of the file, then anywhere but where nothing is kept: junk in free pages harms no one.
    let free = free_pages(&back_up);
    let mut places = vec![0, 1, 2, 3];
    let anywhere = std::iter::repeat_with(|| crate::support::random_between(4, places_there));
    let tries = usize::try_from(rounds(30, 400)).expect("a small number");
    places.extend(anywhere.filter(|place| !free.contains(place)).take(tries));
    let places_tried = places.len();
    for place in places {
        fs::write(house.database(), &back_up).expect("a copy");
        overwrite(&house.database(), place * 4096, &junk(4096));
        let damaged = fs::read(house.database()).expect("the file");
        let mut check = house.command(&["check"]);
        let check = check.output().expect("the program runs");
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        if said.contains("FAIL  database") {
            let (code, words) = house.refuses();
            assert_eq!(code, 78, "half page {place}: {words}");
            assert!(
                words.contains("is damaged") && words.contains("Restore the latest back-up"),
                "half page {place}: {words}"
            );
            assert_eq!(
                fs::read(house.database()).expect("the file"),
                damaged,
                "a damaged file was changed"
            );
            refused += 1;
        } else {
            // Half a page that nothing points into: what is served is what was there.
            let portal = house.open().await;
            portal.assert_sound().await;
            portal.close().await;
        }
    }
    // What nothing points into is not noticed either. Of these places about seven in ten are noticed; which ones
    // are tried is chance, so that the bound is far from it.
    assert!(
        refused * 5 > places_tried * 2,
        "only {refused} of {places_tried} places were noticed"
    );

    // The documented way back: stop, put the file of the back-up in place, without -wal and -shm, start.
    fs::write(house.database(), &back_up).expect("the back-up");
    let mut server = house.start().await;
    let portal = house.open().await;
    let ann = portal.sign_in(portal.account("ann").await.0).await;
    assert_eq!(members_of(&ann).await, members);
    portal.close().await;
    assert_eq!(server.stop().code, Some(0));
}

/// The places of free pages in steps of 4,096 bytes, counted from nought: the chain of trunk pages, each with the
/// numbers of leaves (SQLite's file format, section 1.5).
fn free_pages(file: &[u8]) -> std::collections::HashSet<u64> {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let page = usize::from(u16::from_be_bytes([file[16], file[17]])); // bytes
    let mut free = Vec::new();
    let mut trunk = number(32);
    while trunk != 0 {
        let at = (trunk - 1) * page;
        free.push(trunk - 1);
        free.extend((0..number(at + 4)).map(|leaf| number(at + 8 + leaf * 4) - 1));
        trunk = number(at);
    }
    let places = page / 4096;
    free.iter()
        .flat_map(|&free| free * places..(free + 1) * places)
        .map(|place| place as u64)
        .collect()
}

#[tokio::test]
async fn fault_f10_a_file_that_was_cut_off_is_refused() {
    let (house, _) = furnished().await;
    let whole = fs::read(house.database()).expect("the file");
    for keep in [whole.len() / 2, whole.len() - 8192, 8192, 4096, 100, 10] {
        fs::write(house.database(), &whole[..keep]).expect("a part");
        let (code, words) = house.refuses();
        assert_eq!(code, 78, "{keep} bytes: {words}");
        assert!(words.contains("is damaged"), "{keep} bytes: {words}");
    }
    // An empty file beside a key is a new database to SQLite, and all data would seem gone.
    fs::write(
        house.database(),
        "not a database at all, but long enough to have a head of one hundred bytes, as SQLite's files have it.....",
    )
    .expect("a text");
    let (code, words) = house.refuses();
    assert_eq!(code, 78, "{words}");
    assert!(words.contains("is damaged"), "{words}");
}

#[tokio::test]
async fn fault_f10_a_torn_log_loses_its_end_and_nothing_else() {
    let (house, _) = furnished().await;
    let portal = house.open().await;
    let ann = portal.sign_in(portal.account("ann").await.0).await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    for n in 0..40 {
        let answer = pen.invite(&format!("late{n}@example.org")).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 303);
    }
    server.kill();
    let (file, log) = (
        fs::read(house.database()).expect("the file"),
        fs::read(house.wal()).expect("the log"),
    );
    assert!(log.len() > 100_000, "the log holds {} bytes", log.len());
    let mut last = 0;
    for part in 0..=rounds(5, 100) {
        let cut = if part == 0 {
            log.len()
        } else {
            crate::support::random_between(0, log.len() as u64) as usize
        };
        for torn in [false, true] {
            fs::write(house.database(), &file).expect("a copy");
            let _ = fs::remove_file(house.data.join("muster.db-shm"));
            let mut bytes = log.clone();
            if torn {
                // Not cut off, but never written: what a disk leaves that lied about its cache.
                let end = (cut + 4096).min(bytes.len());
                bytes[cut..end].copy_from_slice(&junk(end - cut));
            } else {
                bytes.truncate(cut);
            }
            fs::write(house.wal(), bytes).expect("a copy");
            let mut server = house.start().await;
            assert_eq!(ann.get("/o/acme/members").await.status, 200);
            assert_eq!(server.stop().code, Some(0));
            let portal = house.open().await;
            let rows = portal.assert_sound().await;
            portal.close().await;
            last = last.max(rows);
        }
    }
    assert!(last > 120, "the whole log was not replayed: {last} entries");
}

#[tokio::test]
async fn fault_f10_damage_in_a_large_file_ends_the_program_soon_after_the_start() {
    let house = House::new();
    let portal = house.open().await;
    portal.org("Acme").await;
    portal.run("create table ballast (bytes blob)").await;
    portal.run("with recursive n (i) as (select 1 union all select i + 1 from n where i < 70000) insert into ballast select zeroblob(4000) from n").await;
    portal.close().await;
    let size = fs::metadata(house.database()).expect("the file").len();
    assert!(size > 256 << 20, "{size} bytes");
    let mut sound = house.start().await;
    assert!(sound.ready_after < Duration::from_secs(2), "{:?}", sound.ready_after);
    pause(3_000).await;
    assert!(sound.status().is_none(), "a sound file was refused: {}", sound.log());
    assert_eq!(sound.stop().code, Some(0));

    for page in 20_000..20_004 {
        overwrite(&house.database(), page * 8192, &junk(8192));
    }
    let mut server = Server::spawn(&house, &[], &[]);
    let ended = server.ended(std::time::Instant::now());
    assert_eq!(ended.code, Some(78), "{}", server.log());
    assert!(ended.after < Duration::from_secs(20), "{:?}", ended.after);
    server.assert_logged("is damaged");
    let check = house.run(&["check"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&check.stdout).contains("is damaged"));
}
