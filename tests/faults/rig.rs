//! The correctness rig (SECURITY section 9): sixteen clients spend, repeat and contradict themselves while the program is killed every
//! half second, limits change and the database is copied. A checker then compares what was acknowledged with the ledger, its sums and
//! what the program says.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use muster::{
    access::Role,
    db::Read as _,
    metering::{Usage, verify},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, House, Org, Pen, Portal, Someone, pause, random_between, rounds};

const CLIENTS: u64 = 16;
const CREDIT: i64 = 1_000_000;
/// The daily limit of those who ask before they spend; now and then it is lowered to half.
const CAP: i64 = 60;
/// How many members there are of each kind.
const PEOPLE: usize = 3;

/// How a member is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// Check and record, under a cap.
    Asked,
    /// Reserve and settle.
    Held,
    /// Events of what has happened already.
    Told,
}

/// What a client knows of one thing that it wanted booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was acknowledged.
    Booked,
    /// It was refused, for good.
    Refused,
    /// The answer never came.
    Unknown,
}

#[derive(Debug, Clone)]
struct Deed {
    source: String,
    id: String,
    member: usize,
    way: Way,
    amount: i64,
    fate: Fate,
}

/// A row of the ledger, as the checker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    member: i64,
    amount: i64,
}

/// What must hold of every run; faults in words.
fn faults(deeds: &[Deed], members: &[i64], ledger: &[([u8; 16], Row)]) -> Vec<String> {
    let mut rows: HashMap<[u8; 16], Vec<Row>> = HashMap::new();
    for (key, row) in ledger {
        rows.entry(*key).or_default().push(*row);
    }
    let (mut wrong, mut seen) = (Vec::new(), HashSet::new());
    let mut asked: HashMap<usize, i64> = HashMap::new();
    for deed in deeds {
        let key = Usage::new(deed.source.clone(), deed.id.clone(), deed.amount).key();
        let found = rows.get(&key).map_or(&[][..], Vec::as_slice);
        seen.insert(key);
        let right = Row {
            member: members[deed.member],
            amount: deed.amount,
        };
        let is_well = match deed.fate {
            Fate::Booked => found == [right],
            Fate::Refused => found.is_empty(),
            Fate::Unknown => found.is_empty() || found == [right],
        };
        if !is_well {
            wrong.push(format!("{deed:?} stands as {found:?} in the ledger"));
        }
        if deed.way == Way::Asked {
            *asked.entry(deed.member).or_default() += found.iter().map(|row| row.amount).sum::<i64>();
        }
    }
    for (key, row) in ledger {
        if !seen.contains(key) {
            wrong.push(format!("nobody sent {row:?}"));
        }
    }
    for (member, sum) in asked {
        if sum > CAP * CREDIT {
            wrong.push(format!("member {member} spent {sum} of {}", CAP * CREDIT));
        }
    }
    wrong
}

/// What the clients share.
struct Rig {
    client: Client,
    key: String,
    members: Vec<String>,
    stop: AtomicBool,
    count: AtomicU64,
    repeats: AtomicU64,
    contradictions: AtomicU64,
    deeds: Mutex<Vec<Deed>>,
    /// Answers that no client should ever see.
    strange: Mutex<Vec<String>>,
}

/// A number of these, both ends included.
fn dice(low: u64, high: u64) -> u64 {
    random_between(low, high + 1)
}

impl Rig {
    async fn send(&self, path: &str, media: &str, text: String, idempotency: Option<&str>) -> Option<(u16, Value)> {
        let mut request = self
            .client
            .request(Method::POST, path)
            .bearer_auth(&self.key)
            .header("content-type", media)
            .timeout(Duration::from_secs(10))
            .body(text.clone());
        if let Some(key) = idempotency {
            request = request.header("idempotency-key", key);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        match status {
            503 => return None, // it is ending or beginning; nothing was booked, or the repetition says so
            500.. => self.note(format!(
                "{status} for {path} {text}: {}",
                String::from_utf8_lossy(&body)
            )),
            _ => {}
        }
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
    fn note(&self, what: String) {
        self.strange.lock().expect("the list").push(what);
    }
    fn keep(&self, deeds: impl IntoIterator<Item = Deed>) {
        self.deeds.lock().expect("the list").extend(deeds);
    }

    /// Sends until an answer comes, but no longer than the run goes on.
    async fn insist(&self, path: &str, media: &str, text: &str) -> Option<(u16, Value)> {
        loop {
            if let Some(answer) = self.send(path, media, text.to_owned(), None).await {
                return Some(answer);
            }
            if self.stop.load(Ordering::Relaxed) || dice(0, 9) == 0 {
                return None; // some are never known
            }
            pause(30).await;
        }
    }

    fn name(&self) -> String {
        format!("{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Checks and records.
    async fn ask(&self, client: u64) {
        let member = dice(0, PEOPLE as u64 - 1) as usize;
        let amount = dice(1, 7) as i64;
        let (source, id) = (format!("asked/{client}"), self.name());
        let text = |amount: i64| {
            json!({ "subject": self.members[member], "source": source, "id": id, "amount": amount.to_string() })
                .to_string()
        };
        let answer = self.insist("/api/v1/usage", "application/json", &text(amount)).await;
        let fate = match &answer {
            Some((200, _)) => Fate::Booked,
            Some((429, _)) => Fate::Refused,
            Some((status, body)) => {
                self.note(format!("{status} for a check: {body}"));
                Fate::Unknown
            }
            None => Fate::Unknown,
        };
        if fate == Fate::Booked {
            self.repeat(
                "/api/v1/usage",
                "application/json",
                &text(amount),
                Some(&text(amount + 1)),
                200,
            )
            .await;
        }
        let deed = Deed {
            source,
            id,
            member,
            way: Way::Asked,
            amount: amount * CREDIT,
            fate,
        };
        self.keep([deed]);
    }

    /// One in five acknowledged things is sent again, one in twenty with another amount.
    async fn repeat(&self, path: &str, media: &str, same: &str, other: Option<&str>, status: u16) {
        let luck = dice(0, 19);
        if luck < 4 {
            if let Some((found, body)) = self.send(path, media, same.to_owned(), None).await {
                self.repeats.fetch_add(1, Ordering::Relaxed);
                if found != status {
                    self.note(format!("{found} for a repetition of {same}: {body}"));
                }
            }
        } else if luck == 4
            && let Some(other) = other
            && let Some((found, body)) = self.send(path, media, other.to_owned(), None).await
        {
            self.contradictions.fetch_add(1, Ordering::Relaxed);
            // Over its limit, a member is told that first: nothing is booked either way.
            if !matches!(found, 409 | 422 | 429) {
                self.note(format!("{found} for a contradiction, {other} after {same}: {body}"));
            }
        }
    }

    /// Reports one event, or a batch of them.
    async fn tell(&self, client: u64, size: usize) {
        let source = format!("told/{client}");
        let mut deeds = Vec::new();
        for _ in 0..size {
            deeds.push(Deed {
                source: source.clone(),
                id: self.name(),
                member: 2 * PEOPLE + dice(0, PEOPLE as u64 - 1) as usize,
                way: Way::Told,
                amount: dice(1, 7) as i64 * CREDIT,
                fate: Fate::Unknown,
            });
        }
        let event = |deed: &Deed, more: i64| json!({ "specversion": "1.0", "type": "flow.run", "source": deed.source, "id": deed.id, "subject": self.members[deed.member], "data": { "credits": (deed.amount / CREDIT + more).to_string() } });
        let (media, text) = if size == 1 {
            ("application/cloudevents+json", event(&deeds[0], 0).to_string())
        } else {
            let all: Vec<Value> = deeds.iter().map(|deed| event(deed, 0)).collect();
            ("application/cloudevents-batch+json", Value::from(all).to_string())
        };
        match self.insist("/api/v1/events", media, &text).await {
            Some((204, _)) => {
                for deed in &mut deeds {
                    deed.fate = Fate::Booked;
                }
                if size == 1 {
                    let other = event(&deeds[0], 1).to_string();
                    self.repeat("/api/v1/events", media, &text, Some(&other), 204).await;
                } else if dice(0, 4) == 0 {
                    self.repeat("/api/v1/events", media, &text, None, 204).await;
                }
            }
            Some((status, body)) => self.note(format!("{status} for events: {body}")),
            None => {}
        }
        self.keep(deeds);
    }

    /// Reserves and settles; a reservation dies with the program, and its settlement books all the same.
    async fn hold(&self) {
        let member = PEOPLE + dice(0, PEOPLE as u64 - 1) as usize;
        let amount = dice(1, 7) as i64;
        let wanted = json!({ "subject": self.members[member], "amount": amount.to_string(), "ttl_s": 5 }).to_string();
        let name = format!("hold-{}", self.name());
        let held = self
            .send("/api/v1/reservations", "application/json", wanted, Some(&name))
            .await;
        let id = match &held {
            Some((200 | 201, body)) => body["id"].as_str().expect("an id").to_owned(),
            Some((429, _)) | None => return,
            Some((status, body)) => return self.note(format!("{status} for a reservation: {body}")),
        };
        if dice(0, 4) == 0 {
            let text = json!({ "subject": self.members[member] }).to_string();
            let let_go = self
                .send(
                    &format!("/api/v1/reservations/{id}/release"),
                    "application/json",
                    text,
                    None,
                )
                .await;
            if let Some((status, body)) = let_go
                && !matches!(status, 204 | 404 | 410)
            {
                self.note(format!("{status} for a release: {body}"));
            }
            return;
        }
        let used = dice(1, amount as u64) as i64;
        let path = format!("/api/v1/reservations/{id}/settle");
        let text = |used: i64| json!({ "subject": self.members[member], "amount": used.to_string() }).to_string();
        let fate = match self.insist(&path, "application/json", &text(used)).await {
            Some((200, _)) => Fate::Booked,
            Some((status, body)) => {
                self.note(format!("{status} for a settlement: {body}"));
                Fate::Unknown
            }
            None => Fate::Unknown,
        };
        if fate == Fate::Booked {
            self.repeat(&path, "application/json", &text(used), Some(&text(used + 1)), 200)
                .await;
        }
        let deed = Deed {
            source: "muster:reservation".to_owned(),
            id,
            member,
            way: Way::Held,
            amount: used * CREDIT,
            fate,
        };
        self.keep([deed]);
    }

    async fn live(&self, client: u64) {
        while !self.stop.load(Ordering::Relaxed) {
            match dice(0, 9) {
                0..=3 => self.ask(client).await,
                4..=5 => self.tell(client, 1).await,
                6 => self.tell(client, 20).await,
                _ => self.hold().await,
            }
        }
    }
}

/// A key of a service account that may do everything, made on the pages.
pub async fn key(ann: &Client, org: &Org) -> String {
    key_until(ann, org, "90").await
}

/// The same, for so many days or for ever.
pub async fn key_until(ann: &Client, org: &Org, expiry: &str) -> String {
    let there = ann.post(&org.path("/keys/services"), &[("name", "gateway")]).await;
    let there = there.redirects_to(&org.path("/keys/services"));
    let owner = format!("service:{}", there.rsplit('/').next().expect("an id"));
    let mut fields = vec![("name", "gate"), ("owner", &owner), ("expiry", expiry)];
    for scope in ["gate.decide", "gate.reserve", "usage.write", "usage.read"] {
        fields.push(("scope", scope));
    }
    let answer = ann.post(&org.path("/keys"), &fields).await;
    answer.page(200).attribute(".copy input", "value").expect("a key")
}

/// Sets a member’s daily limit on the page, in credits; the status of the answer.
pub async fn limit(pen: &Pen, org: &Org, member: &str, credits: i64) -> Option<u16> {
    let daily = credits.to_string();
    let fields = [
        ("monthly_mode", "inherit"),
        ("monthly", ""),
        ("daily_mode", "amount"),
        ("daily", &daily),
        ("enforcement", "hard"),
    ];
    let answer = pen
        .post(&org.path(&format!("/members/{member}/limit")), &fields)
        .await
        .ok()?;
    Some(answer.status().as_u16())
}

/// A copy of the database is one instant of it: the sums of its ledger are right.
async fn copy(house: &House, number: u32) {
    let path = house.scratch.path().join(format!("copy{number}")).join("muster.db");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut file = house.connect().await;
    let text = format!("vacuum into '{}'", path.display());
    if sqlx::raw_sql(sqlx::AssertSqlSafe(text))
        .execute(&mut file)
        .await
        .is_err()
    {
        return; // the program was killed while it wrote, and holds the file no more
    }
    let db = muster::db::Db::open(&muster::db::Options::Sqlite(path))
        .await
        .expect("the copy opens");
    let report = verify::verify(&db).await.expect("a look at the copy");
    assert_eq!(
        report.faults,
        Vec::<String>::new(),
        "in a copy of {} events",
        report.events
    );
    db.close().await;
}

async fn ledger(portal: &Portal) -> Vec<([u8; 16], Row)> {
    let rows: Vec<(Vec<u8>, i64, i64)> = portal
        .app
        .db
        .read()
        .rows(
            muster::db::Text::Made("select key, member_id, amount from usage_events".to_owned()),
            (),
        )
        .await
        .expect("the ledger");
    rows.into_iter()
        .map(|(key, member, amount)| (key.try_into().expect("sixteen bytes"), Row { member, amount }))
        .collect()
}

/// What the program says that each member has spent today.
async fn told(rig: &Rig, member: &str) -> i64 {
    let path = format!("/api/v1/quota?subject={member}");
    let answer = rig
        .client
        .request(Method::GET, &path)
        .bearer_auth(&rig.key)
        .send()
        .await
        .expect("an answer");
    let body: Value = answer.json().await.expect("a document");
    let spent = body["limits"][0]["spent"]
        .as_str()
        .expect("an amount")
        .parse::<f64>()
        .expect("a number");
    (spent * CREDIT as f64).round() as i64
}

async fn people(portal: &Portal, org: &Org) -> Vec<Someone> {
    let mut all = Vec::new();
    for number in 0..3 * PEOPLE {
        all.push(portal.member(org, Role::Developer, &format!("dev{number}")).await);
    }
    all
}

async fn run(house: House, kills: u32) {
    let portal = house.open().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let people = people(&portal, &org).await;
    portal.app.metering.close().await;
    portal.close().await;
    let members: Vec<String> = people.iter().map(Someone::id).collect();
    let mut server = house.start().await;
    let pen = Pen::of(&ann).await;
    for member in &members {
        assert_eq!(limit(&pen, &org, member, 1_000_000).await, Some(303));
    }
    let rig = Arc::new(Rig {
        client: server.anonymous(),
        key: key(&ann, &org).await,
        members: members.clone(),
        stop: AtomicBool::new(false),
        count: AtomicU64::new(0),
        repeats: AtomicU64::new(0),
        contradictions: AtomicU64::new(0),
        deeds: Mutex::default(),
        strange: Mutex::default(),
    });
    for member in &members[..PEOPLE] {
        assert_eq!(limit(&pen, &org, member, CAP).await, Some(303));
    }
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.live(client).await })
        })
        .collect();
    for round in 0..kills {
        pause(random_between(100, 250)).await;
        let member = &members[round as usize % PEOPLE];
        limit(&pen, &org, member, if round % 2 == 0 { CAP / 2 } else { CAP }).await;
        if house.is_embedded() && round % 5 == 4 {
            copy(&house, round).await;
        }
        pause(random_between(100, 250)).await;
        server.kill();
        server = house.start().await;
    }
    pause(300).await;
    rig.stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("a client");
    }
    let lasted = began.elapsed();
    let mut says = Vec::new();
    for member in &members {
        says.push(told(&rig, member).await);
    }
    assert_eq!(server.stop().code, Some(0));
    let portal = house.open().await;
    let report = verify::verify(&portal.app.db).await.expect("the sums are compared");
    assert_eq!(report.faults, Vec::<String>::new());
    let ledger = ledger(&portal).await;
    let ids: Vec<i64> = people.iter().map(|one| one.member.expect("a member").raw()).collect();
    let deeds = rig.deeds.lock().expect("the list").clone();
    let wrong = faults(&deeds, &ids, &ledger);
    assert!(
        wrong.is_empty(),
        "{} faults:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
    let strange = rig.strange.lock().expect("the list").clone();
    assert!(
        strange.is_empty(),
        "{} answers:\n{}",
        strange.len(),
        strange[..strange.len().min(20)].join("\n")
    );
    for (place, (member, says)) in ids.iter().zip(says).enumerate() {
        let booked: i64 = ledger
            .iter()
            .filter(|(_, row)| row.member == *member)
            .map(|(_, row)| row.amount)
            .sum();
        assert_eq!(says, booked, "member {place}: what the program says, and the ledger");
    }
    let count = |fate: Fate| deeds.iter().filter(|deed| deed.fate == fate).count();
    println!(
        "rig: {} deeds in {:.1} s over {kills} kills: {} booked, {} refused, {} unknown; {} repeated, {} contradicted; {} rows, {} sums",
        deeds.len(),
        lasted.as_secs_f64(),
        count(Fate::Booked),
        count(Fate::Refused),
        count(Fate::Unknown),
        rig.repeats.load(Ordering::Relaxed),
        rig.contradictions.load(Ordering::Relaxed),
        ledger.len(),
        report.sums,
    );
    assert!(count(Fate::Booked) > 30 * kills as usize, "too little was under way");
    assert!(count(Fate::Refused) > 0, "no limit was ever met");
    assert!(rig.repeats.load(Ordering::Relaxed) > 5 && rig.contradictions.load(Ordering::Relaxed) > 0);
    // The controls: the same checker finds what a program that forgets, counts twice or lets too much pass would leave.
    controls(&deeds, &ids, &ledger);
    portal.app.metering.close().await;
    portal.close().await;
}

fn controls(deeds: &[Deed], members: &[i64], ledger: &[([u8; 16], Row)]) {
    let told = |ledger: &[([u8; 16], Row)]| faults(deeds, members, ledger).len();
    let booked = deeds.iter().find(|deed| deed.fate == Fate::Booked).expect("one");
    let key = Usage::new(booked.source.clone(), booked.id.clone(), booked.amount).key();
    let forgets: Vec<_> = ledger.iter().copied().filter(|(other, _)| *other != key).collect();
    assert!(told(&forgets) > 0, "a forgotten event is not found out");
    let mut twice = ledger.to_vec();
    twice.push(*ledger.iter().find(|(other, _)| *other == key).expect("its row"));
    assert!(told(&twice) > 0, "an event that counts twice is not found out");
    let mut invents = ledger.to_vec();
    invents.push((
        [7; 16],
        Row {
            member: members[0],
            amount: 1,
        },
    ));
    assert!(told(&invents) > 0, "an event of nobody is not found out");
    let racy: Vec<Deed> = (0..CAP)
        .map(|number| Deed {
            source: "asked/racy".to_owned(),
            id: number.to_string(),
            member: 0,
            way: Way::Asked,
            amount: 2 * CREDIT,
            fate: Fate::Booked,
        })
        .collect();
    let over: Vec<([u8; 16], Row)> = racy
        .iter()
        .map(|deed| {
            let row = Row {
                member: members[0],
                amount: deed.amount,
            };
            (Usage::new(deed.source.clone(), deed.id.clone(), deed.amount).key(), row)
        })
        .collect();
    assert!(
        !faults(&racy, members, &over).is_empty(),
        "an overrun cap is not found out"
    );
}

/// MUSTER_LONG=1 kills it a hundred times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_60_kills_lose_no_usage_and_count_none_twice() {
    run(House::new(), rounds(20, 100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_60_kills_lose_no_usage_and_count_none_twice_on_postgres() {
    let house = House::on_postgres().await;
    run(house, rounds(10, 100)).await;
}
