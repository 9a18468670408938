//! Measures the engine against the least that its work can cost, in the same minute, and prints ratios.
//!
//!     cargo bench --bench gate                 decisions in memory, then durable usage by requests of 1, 10, 100 and 1,000 events
//!     cargo bench --bench gate -- --quick      does it work, not how fast is it
//!     cargo bench --bench gate -- --postgres postgres://…/empty     durable usage on PostgreSQL
//!
//! The probe of decisions is the same arithmetic on one counter behind one lock. The probe of durable usage is bare sqlx with the same
//! tables and statements, which are given their rows ready-made and commit as many events at a time as all callers together have under way.
//! Absolute numbers move with the machine; ratios hold.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark that cannot go on says so"
)]

mod postgres;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use muster::{
    clock::{Clock, Timestamp, Zone},
    db::{self, Db, Options},
    ids::{MemberId, OrgId},
    limits::{
        Enforcement, Settings, Window,
        amount::{Amount, Unit},
        settings::Conflict,
        window::{Calendar, Rules},
    },
    metering::{Account, Answer, Engine, Hold, OrgPlan, Plan, Policy, Reported, Scope, Usage},
};
use sqlx::{Arguments as _, AssertSqlSafe, Row as _, SqlitePool, sqlite::SqliteArguments};

const ORG: OrgId = OrgId::from_raw(1);
/// Requests under way at once.
const CALLERS: usize = 64;

struct Bench {
    members: i64,
    seconds: f64,
}

fn org_plan(now: Timestamp) -> Arc<OrgPlan> {
    let settings = Settings {
        unit: Unit::Credit,
        currency: "USD".to_owned(),
        conflict: Conflict::Highest,
        calendar: Calendar::of(Rules::of(Zone::find("Europe/Berlin").expect("a zone"))),
        version: 0,
    };
    Arc::new(OrgPlan::at(ORG, Arc::new(settings), now))
}

fn plan(org: &Arc<OrgPlan>, member: i64) -> Plan {
    let policy = |scope, scope_id, window| Policy {
        scope,
        scope_id,
        window,
        amount: Amount::credits(4_000_000_000),
        enforcement: Enforcement::Hard,
        source: "own limit".into(),
    };
    Plan {
        account: Account::member(ORG, MemberId::from_raw((1 << 32) | member)),
        org: Arc::clone(org),
        policies: vec![
            policy(Scope::Member, (1 << 32) | member, Window::Day),
            policy(Scope::Member, (1 << 32) | member, Window::Month),
            policy(Scope::Organization, 1, Window::Month),
        ],
        wallet: None,
    }
}

async fn database(folder: &tempfile::TempDir, name: &str) -> (Db, SqlitePool) {
    let db = Db::open(&Options::Sqlite(folder.path().join(name)))
        .await
        .expect("a database");
    db::migrate(&db).await.expect("tables");
    let Db::Sqlite { write, .. } = &db else {
        panic!("SQLite")
    };
    let pool = write.clone();
    sqlx::query("insert into orgs (id, slug, name, name_key, zone, support_contact, created_at) values (1, 'acme', 'Acme', 'acme', 'UTC', '', 0)")
        .execute(&pool)
        .await
        .expect("an organization");
    (db, pool)
}

fn percentile(times: &mut [u64], part: f64) -> u64 {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * part) as usize]
}

/// Decisions with reservation and release, on one member and over all of them.
async fn decisions(bench: &Bench, engine: &Engine, org: &Arc<OrgPlan>) {
    let hold = Hold {
        amount: 1,
        ttl: Duration::from_secs(60),
        idempotency_key: None,
        ..Hold::default()
    };
    let mut hot_rate = 0.0;
    for (name, members) in [("hot key", 1), ("spread keys", bench.members)] {
        let plans: Vec<Plan> = (0..members).map(|member| plan(org, member)).collect();
        for group in plans.chunks(256) {
            let looks = group.iter().map(|plan| engine.check(plan, 1));
            futures_util::future::join_all(looks).await; // first touches load from the database
        }
        let (mut times, mut place) = (Vec::new(), 0_usize);
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < bench.seconds {
            for _ in 0..256 {
                place = (place + 7_919) % plans.len();
                let at = Instant::now();
                let answer = engine.check(&plans[place], 1).await.expect("an answer");
                times.push(at.elapsed().as_nanos() as u64);
                assert!(matches!(answer, Answer::Granted { .. }), "there is room");
            }
        }
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        println!("decide, {name}: p50 {p50} ns (target ≤ 1000), p99 {p99} ns (target ≤ 5000)");
        times.clear();
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < bench.seconds {
            for _ in 0..256 {
                place = (place + 7_919) % plans.len();
                let plan = &plans[place];
                let at = Instant::now();
                let answer = engine.reserve(plan, &hold).await.expect("an answer");
                times.push(at.elapsed().as_nanos() as u64);
                let Answer::Granted { done, .. } = answer else {
                    panic!("there is room")
                };
                engine.release(&plan.account, done.id).expect("a release");
            }
        }
        let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        println!(
            "reserve and release, {name}: {rate:>10.0}/s, a decision that holds p50 {p50} ns (target ≤ 1000), p99 {p99} ns (target ≤ 5000)"
        );
        if members == 1 {
            hot_rate = rate;
        } else {
            println!(
                "  hot against spread: {:.2} times as long (target ≤ 1.5)",
                rate / hot_rate
            );
        }
    }
    let counter = Mutex::new(BTreeMap::from([(0_i64, (0_i64, 0_i64))]));
    let (begun, mut count) = (Instant::now(), 0_u64);
    while begun.elapsed().as_secs_f64() < bench.seconds {
        for _ in 0..1_024 {
            let mut all = counter.lock().expect("a lock");
            let one = all.get_mut(&0).expect("a counter");
            if one.0 + one.1 < i64::MAX {
                one.1 = std::hint::black_box(one.1 + 1);
            }
            drop(all);
            count += 1;
        }
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    println!(
        "  probe, one counter behind a lock: {rate:.0}/s; the engine keeps three policies, ids, deadlines: {:.1} % of it",
        100.0 * hot_rate / rate
    );
}

/// Events a second of the engine, by requests of some size.
async fn durable(bench: &Bench, engine: &Engine, org: &Arc<OrgPlan>, size: usize) -> (f64, u64, u64) {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..CALLERS)
        .map(|task| {
            let (engine, org) = (engine.clone(), Arc::clone(org));
            let (members, seconds) = (bench.members, bench.seconds);
            tokio::spawn(async move {
                let (mut sent, mut times, mut round) = (0_usize, Vec::new(), 0_usize);
                while begun.elapsed().as_secs_f64() < seconds {
                    let events: Vec<(Account, Usage)> = (0..size)
                        .map(|n| {
                            let member = ((task * 104_729 + round * 7_919 + n * 31) as i64) % members;
                            let usage = Usage {
                                at: Some(engine.now()),
                                activity: Some("api.request".into()),
                                ..Usage::new("bench", format!("{size}-{task}-{round}-{n}"), 5)
                            };
                            (Account::member(ORG, MemberId::from_raw((1 << 32) | member)), usage)
                        })
                        .collect();
                    let at = Instant::now();
                    let Reported::Done(_) = engine.report(&org, events).await.expect("an answer") else {
                        panic!("the day has changed: measure again")
                    };
                    times.push(at.elapsed().as_micros() as u64);
                    (sent, round) = (sent + size, round + 1);
                }
                (sent, times)
            })
        })
        .collect();
    let (mut sent, mut times) = (0, Vec::new());
    for task in tasks {
        let (count, mine) = task.await.expect("a task");
        sent += count;
        times.extend(mine);
    }
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    (rate, percentile(&mut times, 0.5), percentile(&mut times, 0.99))
}

/// Events a second of bare sqlx: the engine's statements in the engine's transaction, with rows that are ready.
async fn probe(bench: &Bench, pool: &SqlitePool, size: usize) -> f64 {
    let batch = (CALLERS * size).min(10_000);
    let (begun, mut sent, mut round) = (Instant::now(), 0, 0_usize);
    while begun.elapsed().as_secs_f64() < bench.seconds {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.expect("a transaction");
        let now = 1_795_251_600_000_000_i64 + round as i64 * 100_000;
        let tail = " on conflict (org_id, at, key) do nothing";
        let head = "insert into usage_events (org_id, at, key, kind, member_id, service_account_id, key_id, group_id, activity, app, flow, amount, quantity, unit_price, booked_at, reservation, digest, flags) values";
        let mut place = 0;
        while place < batch {
            let some = chunk(batch - place);
            let mut arguments = SqliteArguments::default();
            for n in place..place + some {
                let mut key = [0_u8; 16];
                key[..8].copy_from_slice(
                    &((round * batch + n) as u64)
                        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                        .to_le_bytes(),
                );
                let member = (1_i64 << 32) | ((n * 31 + round * 7_919) as i64 % bench.members);
                let none = None::<i64>;
                for number in [Some(1), Some(now + n as i64)] {
                    arguments.add(number).expect("a value");
                }
                arguments.add(key.to_vec()).expect("a value");
                for number in [
                    Some(1),
                    Some(member),
                    none,
                    none,
                    none,
                    Some(2),
                    none,
                    none,
                    Some(5),
                    Some(0),
                    none,
                    Some(now),
                ] {
                    arguments.add(number).expect("a value");
                }
                arguments.add(None::<Vec<u8>>).expect("a value");
                arguments.add(n as i64).expect("a value");
                arguments.add(0_i64).expect("a value");
            }
            execute(&mut tx, head, 18, some, tail, arguments).await;
            place += some;
        }
        // The sums of a batch: one for each member and one for the organization and the activity.
        let mut members: BTreeMap<i64, i64> = BTreeMap::new();
        for n in 0..batch {
            *members
                .entry((1 << 32) | ((n * 31 + round * 7_919) as i64 % bench.members))
                .or_default() += 1;
        }
        let mut rows: Vec<(i64, i64, i64)> = vec![(1, 1, batch as i64)];
        rows.extend(members.iter().map(|(member, count)| (3, *member, *count)));
        rows.push((6, 2, batch as i64));
        for table in ["usage_days", "usage_months"] {
            let head = format!(
                "insert into {table} (start, org_id, scope, scope_id, booked, occurred, quantity, events) values"
            );
            let tail = format!(
                " on conflict (start, org_id, scope, scope_id) do update set booked = {table}.booked + excluded.booked, occurred = {table}.occurred + excluded.occurred, quantity = {table}.quantity + excluded.quantity, events = {table}.events + excluded.events"
            );
            sums(&mut tx, &head, &tail, &rows, false).await;
        }
        let doings: Vec<(i64, i64, i64)> = members.iter().map(|(member, count)| (*member, 2, *count)).collect();
        let head = "insert into usage_activities (start, org_id, member_id, activity, amount, quantity, events) values";
        let tail = " on conflict (start, org_id, member_id, activity) do update set amount = usage_activities.amount + excluded.amount, quantity = usage_activities.quantity + excluded.quantity, events = usage_activities.events + excluded.events";
        sums(&mut tx, head, tail, &doings, true).await;
        tx.commit().await.expect("a commit");
        (sent, round) = (sent + batch, round + 1);
    }
    sent as f64 / begun.elapsed().as_secs_f64()
}

fn chunk(left: usize) -> usize {
    [500, 50, 5, 1].into_iter().find(|size| *size <= left).unwrap_or(1)
}

async fn sums(
    tx: &mut sqlx::Transaction<'static, sqlx::Sqlite>,
    head: &str,
    tail: &str,
    rows: &[(i64, i64, i64)],
    of_activities: bool,
) {
    let mut rest = rows;
    while !rest.is_empty() {
        let (some, more) = rest.split_at(chunk(rest.len()));
        rest = more;
        let mut arguments = SqliteArguments::default();
        for (scope, id, count) in some {
            let numbers: &[i64] = &[0, 1, *scope, *id, count * 5, count * 5, 0, *count];
            let of_activity: &[i64] = &[0, 1, *scope, *id, count * 5, 0, *count];
            for number in if of_activities { of_activity } else { numbers } {
                arguments.add(*number).expect("a value");
            }
        }
        execute(tx, head, if of_activities { 7 } else { 8 }, some.len(), tail, arguments).await;
    }
}

async fn execute(
    tx: &mut sqlx::Transaction<'static, sqlx::Sqlite>,
    head: &str,
    columns: usize,
    rows: usize,
    tail: &str,
    arguments: SqliteArguments,
) {
    let mut text = head.to_owned();
    for row in 0..rows {
        let marks = vec!["?"; columns].join(", ");
        let _ = write!(text, "{} ({marks})", if row == 0 { "" } else { "," });
    }
    text.push_str(tail);
    sqlx::query_with(AssertSqlSafe(text), arguments)
        .execute(&mut **tx)
        .await
        .expect("rows");
}

#[tokio::main]
async fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let bench = Bench {
        members: if is_quick { 500 } else { 20_000 },
        seconds: if is_quick { 0.2 } else { 5.0 },
    };
    if let Some(url) = std::env::args().skip_while(|argument| argument != "--postgres").nth(1) {
        return postgres::run(&bench, &url).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::system();
    let (db, _) = database(&folder, "engine.db").await;
    let engine = Engine::start(db, clock.clone());
    let org = org_plan(clock.now());
    decisions(&bench, &engine, &org).await;
    let (probe_db, pool) = database(&folder, "probe.db").await;
    println!(
        "durable usage, {CALLERS} callers, {} members, synchronous=FULL:",
        bench.members
    );
    for size in [1, 10, 100, 1_000] {
        let (rate, p50, p99) = durable(&bench, &engine, &org, size).await;
        let least = probe(&bench, &pool, size).await;
        println!(
            "  {size:>5} events a request: {rate:>9.0} ev/s, p50 {:.1} ms, p99 {:.1} ms; bare sqlx {least:>9.0} ev/s; {:.0} % of it (target ≥ 60 %)",
            p50 as f64 / 1_000.0,
            p99 as f64 / 1_000.0,
            100.0 * rate / least
        );
    }
    engine.close().await;
    let row = sqlx::query("select count(*) from usage_events")
        .fetch_one(&pool)
        .await
        .expect("a number");
    let stored: i64 = row.get(0);
    assert!(stored > 0, "the probe has stored its events");
    probe_db.close().await;
}
