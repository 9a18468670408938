//! F39: large files are exported while usage comes in and rights change. Each file is of one instant, it is streamed from little memory,
//! and whoever reports usage meanwhile hardly notices.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use muster::{
    access::{Role, permission::MemberRead},
    auth::account::{self, NewAccount, Proof},
    clock::{Timestamp, days},
    ids::{MemberId, UserId},
    limits,
    mail::address::Address,
    members::member::{self, Imported},
    metering::{Account, Usage, past},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    rig,
    support::{Client, House, Org, Pen, Portal, pause, rounds},
};

const CREDIT: i64 = 1_000_000;
/// How many events are reported together.
const BATCH: usize = 100;
/// How many pairs of members have their roles changed, one of each at the beginning of the list and one at its end.
const PAIRS: usize = 4;
/// The roles that they go through.
const ROLES: [Role; 4] = [Role::Viewer, Role::Member, Role::Developer, Role::Manager];
/// What the file calls what no row of a member tells.
const REST: &str = "Other members, and services";

/// Members whose names stand in the order in which they are made, each of whom has used one credit.
async fn crowd(portal: &Portal, org: &Org, size: usize) -> Vec<MemberId> {
    let now = portal.clock.now();
    let found = muster::access::inside::<MemberRead>(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the organization");
    let settings = limits::settings::find(&mut portal.app.db.read(), found.org())
        .await
        .expect("settings");
    // Whoever has used something today is looked at after a start, which is no part of this.
    let month = settings.window(limits::Window::Month, now).start;
    let at = now.minus(days(2)).max(month);
    let mut all = Vec::new();
    for first in (0..size).step_by(5_000) {
        let mut people: Vec<Imported> = (first..size.min(first + 5_000))
            .map(|n| Imported {
                expires_at: None,
                user: UserId::from_raw(0),
                email: Address::parse(&format!("p{n}@acme.example")).expect("an address"),
                name: format!("Person {n:07}"),
                role: ROLES[0],
                is_primary: true,
                joined_at: Timestamp::from_secs(1_700_000_000),
                last_active_at: None,
                context_at: None,
                is_suspended: false,
                groups: Vec::new(),
            })
            .collect();
        let accounts: Vec<_> = people
            .iter()
            .map(|person| NewAccount {
                email: &person.email,
                name: &person.name,
                password_hash: None,
                proof: Proof::None,
            })
            .collect();
        let mut tx = portal.app.db.write().await.expect("a transaction");
        let users = account::create_many(&mut tx, &portal.operator(), &accounts, now)
            .await
            .expect("accounts");
        for (person, user) in people.iter_mut().zip(users) {
            person.user = user;
        }
        let ids = member::join_many(&mut tx, &portal.operator(), org.id, people, now)
            .await
            .expect("members");
        let events: Vec<(Account, Usage)> = ids
            .iter()
            .map(|id| {
                let usage = Usage {
                    at: Some(at),
                    activity: Some("flow.run".into()),
                    ..Usage::new("before", id.to_string(), CREDIT)
                };
                (Account::member(org.id, *id), usage)
            })
            .collect();
        past::book(&mut tx, &settings, &events).await.expect("booked");
        tx.commit().await.expect("a commit");
        all.extend(ids);
    }
    portal.app.db.analyze().await.expect("statistics");
    all
}

/// Somebody who reports usage all the time.
struct Reporter {
    client: Client,
    key: String,
    members: Vec<String>,
    stop: AtomicBool,
    /// Credits that were sent, and credits that were acknowledged.
    sent: AtomicI64,
    booked: AtomicI64,
    /// How long each report took.
    took: Mutex<Vec<Duration>>,
}

impl Reporter {
    async fn live(&self) {
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let batch: Vec<Value> = (0..BATCH)
                .map(|place| {
                    let subject = &self.members[(turn * 37 + place * 101) % self.members.len()];
                    let kind = if place % 3 == 0 { "flow.run" } else { "api.request" };
                    json!({ "specversion": "1.0", "type": kind, "source": "meanwhile", "id": format!("{turn}-{place}"), "subject": subject, "data": { "credits": "1" } })
                })
                .collect();
            self.sent.fetch_add(BATCH as i64, Ordering::SeqCst);
            let began = Instant::now();
            let answer = self
                .client
                .request(Method::POST, "/api/v1/events")
                .bearer_auth(&self.key)
                .header("content-type", "application/cloudevents-batch+json")
                .body(Value::from(batch).to_string())
                .send()
                .await
                .expect("an answer");
            assert_eq!(answer.status().as_u16(), 204);
            self.took.lock().expect("the list").push(began.elapsed());
            self.booked.fetch_add(BATCH as i64, Ordering::SeqCst);
            pause(5).await;
        }
    }
    /// The time within which all but a hundredth of the reports since the last call were answered.
    fn p99(&self) -> Duration {
        let mut took = std::mem::take(&mut *self.took.lock().expect("the list"));
        took.sort_unstable();
        took.get(took.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// What a process keeps in memory that is its own, in bytes: not the pages of its program, of which it touches more as it does more.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap_or_default();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().unwrap_or(0) * 1024
}

/// A file as it came, and how long it took to its first bytes and to its end.
struct File {
    rows: Vec<Vec<String>>,
    first: Duration,
    whole: Duration,
}

async fn download(client: &Client, path: &str) -> File {
    let began = Instant::now();
    let mut answer = client.request(Method::GET, path).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    let (mut bytes, mut first) = (Vec::new(), None);
    while let Some(part) = answer.chunk().await.expect("it comes whole") {
        first.get_or_insert(began.elapsed());
        bytes.extend_from_slice(&part);
    }
    let text = String::from_utf8(bytes).expect("text");
    let row = |line: &str| {
        line.trim_start_matches('\u{feff}')
            .split(',')
            .map(str::to_owned)
            .collect()
    };
    File {
        rows: text.lines().map(row).collect(),
        first: first.expect("bytes"),
        whole: began.elapsed(),
    }
}

/// One table of a file of usage: what its rows come to, in credits and events, without the row for the rest.
fn sums(file: &File) -> HashMap<String, (i64, i64)> {
    let mut sums: HashMap<String, (i64, i64)> = HashMap::new();
    for row in file.rows.iter().skip(1).filter(|row| row[1] != REST) {
        let of_table = sums.entry(row[0].clone()).or_default();
        of_table.0 += row[2].parse::<i64>().expect("whole credits");
        of_table.1 += row[4].parse::<i64>().expect("events");
    }
    sums
}

/// How far the first of a pair is ahead of the second one, who always follows.
fn ahead(roles: &HashMap<String, Role>, names: (&str, &str)) -> usize {
    let place = |name: &str| ROLES.iter().position(|role| roles[name] == *role).expect("one of them");
    (place(names.0) + ROLES.len() - place(names.1)) % ROLES.len()
}

fn name_of(place: usize) -> String {
    format!("Person {place:07}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_f39_exports_while_usage_comes_in_are_of_one_instant() {
    let size = rounds(12_000, 1_000_000) as usize;
    let house = House::new();
    let portal = house.open().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let members = crowd(&portal, &org, size).await;
    portal.app.metering.close().await;
    portal.close().await;
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    let reporter = Arc::new(Reporter {
        client: server.anonymous(),
        key: rig::key(&ann, &org).await,
        members: members.iter().step_by(size / 60).map(ToString::to_string).collect(),
        stop: AtomicBool::new(false),
        sent: AtomicI64::new(size as i64),
        booked: AtomicI64::new(size as i64),
        took: Mutex::default(),
    });
    let reports = tokio::spawn({
        let reporter = Arc::clone(&reporter);
        async move { reporter.live().await }
    });
    // In each pair the first one changes first: at no instant is the second one ahead.
    let pairs: Vec<(usize, usize)> = (0..PAIRS).map(|pair| (pair, size - PAIRS + pair)).collect();
    let changes = tokio::spawn({
        let (reporter, pen, pairs) = (Arc::clone(&reporter), pen.clone(), pairs.clone());
        let members = members.clone();
        async move {
            for turn in 1.. {
                for (first, second) in &pairs {
                    for place in [first, second] {
                        if reporter.stop.load(Ordering::Relaxed) {
                            return turn;
                        }
                        let path = format!("/o/acme/members/{}/role", members[*place]);
                        let role = ROLES[turn % ROLES.len()].key();
                        let answer = pen.post(&path, &[("role", role)]).await.expect("an answer");
                        assert_eq!(answer.status().as_u16(), 303);
                    }
                }
            }
            unreachable!("the loop has no end")
        }
    });
    // What the program keeps of those who use something, and of pages, is there before it is looked at. Where there are few rows, what any
    // export takes would be all that is seen; where there are many, what grows with them has to be.
    for path in ["/o/acme/members", "/o/acme/usage"] {
        ann.get(path).await.page(200);
    }
    for path in ["/o/acme/members/export.csv", "/o/acme/usage/export.csv"].repeat(rounds(2, 0) as usize) {
        download(&ann, path).await;
    }
    pause(2_000).await;
    reporter.p99();
    let peak = Arc::new(AtomicU64::new(0));
    let watched = Arc::new(AtomicBool::new(true));
    let watch = tokio::task::spawn_blocking({
        let (watched, peak, pid) = (Arc::clone(&watched), Arc::clone(&peak), server.pid());
        move || {
            while watched.load(Ordering::Relaxed) {
                peak.fetch_max(resident(pid), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    pause(u64::from(rounds(3_000, 15_000))).await;
    let (before, quiet) = (peak.swap(0, Ordering::Relaxed), reporter.p99());
    let mut told = Vec::new();
    for _ in 0..rounds(3, 3) {
        // The list of members, in which roles change.
        let file = download(&ann, "/o/acme/members/export.csv").await;
        assert_eq!(file.rows.len(), size + 2, "a head, Ann and everybody else once");
        let role_of = |row: &Vec<String>| {
            let role = ROLES.into_iter().find(|role| role.title() == row[2]);
            role.map(|role| (row[0].clone(), role))
        };
        let roles: HashMap<String, Role> = file.rows.iter().filter_map(role_of).collect();
        assert_eq!(roles.len(), size);
        for (first, second) in &pairs {
            let ahead = ahead(&roles, (&name_of(*first), &name_of(*second)));
            assert!(ahead <= 1, "the pair {first} and {second} is of two instants: {ahead}");
        }
        told.push(("members", file.first, file.whole, peak.load(Ordering::Relaxed)));

        // What they have used, which grows with every report.
        let least = reporter.booked.load(Ordering::SeqCst);
        let file = download(&ann, "/o/acme/usage/export.csv").await;
        let most = reporter.sent.load(Ordering::SeqCst);
        let sums = sums(&file);
        let whole = sums["By day"];
        assert!((least..=most).contains(&whole.0), "{least} <= {} <= {most}", whole.0);
        assert_eq!(whole.0, whole.1, "an event is a credit");
        assert_eq!(sums["Members who use most"], whole, "everybody's, and all of it");
        assert_eq!(sums["By activity type"], whole);
        let named = file.rows.iter().filter(|row| row[0] == "Members who use most").count();
        assert_eq!(named, size, "a row for each who used something, and none for a rest");
        told.push(("usage", file.first, file.whole, peak.load(Ordering::Relaxed)));
    }
    watched.store(false, Ordering::Relaxed);
    watch.await.expect("the watch");
    let busy = reporter.p99();
    reporter.stop.store(true, Ordering::Relaxed);
    reports.await.expect("the reports");
    let turns = changes.await.expect("the changes");
    server.assert_calm();
    assert_eq!(server.stop().code, Some(0));
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    for (what, first, whole, peak) in &told {
        let peak = *peak as f64 / 1_048_576.0;
        println!(
            "{what}: {size} rows, first bytes after {first:?}, the last after {whole:?}, {peak:.1} MiB at most so far"
        );
    }
    println!(
        "p99 of reports {quiet:?} before, {busy:?} meanwhile; {:.1} MiB more than {:.1}; {} credits, {turns} rounds of roles",
        grown as f64 / 1_048_576.0,
        before as f64 / 1_048_576.0,
        reporter.booked.load(Ordering::SeqCst),
    );
    assert!(turns > 2, "too little changed meanwhile");
    assert!(grown < 32 << 20, "{grown} bytes more");
    // A hundredth of a few hundred reports on a busy machine says little; what waits for a whole export takes longer than this.
    let most = (quiet * 3).max(Duration::from_millis(250));
    assert!(busy < most, "{busy:?} after {quiet:?}");
}
