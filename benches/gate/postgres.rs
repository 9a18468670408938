//! The same on PostgreSQL: the engine against bare sqlx that hands each column over as one array, in the same transactions.

use std::{collections::BTreeMap, time::Instant};

use muster::{
    clock::Clock,
    db::{self, Db, Options},
    metering::Engine,
};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::{Bench, CALLERS, ORG, durable, org_plan};

/// The organization of the probe, in the same tables.
const OTHER: i64 = 2;

/// Measures on an empty database.
pub async fn run(bench: &Bench, url: &str) {
    let clock = Clock::system();
    let db = Db::open(&Options::Postgres(url.to_owned())).await.expect("a database");
    db::migrate(&db).await.expect("tables");
    let Db::Postgres(pool) = &db else { panic!("PostgreSQL") };
    let pool = pool.clone();
    for org in [ORG.raw(), OTHER] {
        sqlx::query("insert into orgs (id, slug, name, name_key, zone, support_contact, created_at) values ($1, $2, $2, $2, 'UTC', '', 0)")
            .bind(org)
            .bind(format!("org-{org}"))
            .execute(&pool)
            .await
            .expect("an empty database: make one with createdb");
    }
    let engine = Engine::start(db, clock.clone());
    let org = org_plan(clock.now());
    println!(
        "durable usage on PostgreSQL, {CALLERS} callers, {} members:",
        bench.members
    );
    for size in [1, 10, 100, 1_000] {
        let (rate, p50, p99) = durable(bench, &engine, &org, size).await;
        let least = probe(bench, &pool, size).await;
        println!(
            "  {size:>5} events a request: {rate:>9.0} ev/s, p50 {:.1} ms, p99 {:.1} ms; bare sqlx {least:>9.0} ev/s; {:.0} % of it (target of 1,000: ≥ 80 %)",
            p50 as f64 / 1_000.0,
            p99 as f64 / 1_000.0,
            100.0 * rate / least
        );
    }
    engine.close().await;
}

/// Events a second of bare sqlx with as many events in a transaction as all callers have under way.
async fn probe(bench: &Bench, pool: &PgPool, size: usize) -> f64 {
    let batch = (CALLERS * size).min(10_000);
    let (begun, mut sent, mut round) = (Instant::now(), 0, 0_usize);
    while begun.elapsed().as_secs_f64() < bench.seconds {
        let mut tx = pool.begin().await.expect("a transaction");
        let now = 1_795_251_600_000_000_i64 + (size * 10_000 + round) as i64 * 100_000;
        let places = 0..batch as i64;
        let member = |n: i64| (1 << 32) | ((n * 31 + round as i64 * 7_919) % bench.members);
        let keys: Vec<Vec<u8>> = places
            .clone()
            .map(|n| {
                let mixed = ((round * batch) as u64 + n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                [mixed.to_le_bytes(), [0; 8]].concat()
            })
            .collect();
        let times: Vec<i64> = places.clone().map(|n| now + n).collect();
        let members: Vec<i64> = places.clone().map(member).collect();
        let digests: Vec<i64> = places.collect();
        sqlx::query("insert into usage_events (org_id, at, key, kind, member_id, activity, amount, quantity, booked_at, digest, flags) select $1, at, key, 1, member, 2, 5, 0, $2, digest, 0 from unnest($3::bigint[], $4::bytea[], $5::bigint[], $6::bigint[]) as told(at, key, member, digest) on conflict (org_id, at, key) do nothing")
            .bind(OTHER)
            .bind(now)
            .bind(times)
            .bind(keys)
            .bind(&members)
            .bind(digests)
            .execute(&mut *tx)
            .await
            .expect("events");
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for member in members {
            *counts.entry(member).or_default() += 1;
        }
        let mut rows: Vec<(i64, i64, i64)> = vec![(1, OTHER, batch as i64)];
        rows.extend(counts.iter().map(|(member, count)| (3, *member, *count)));
        rows.push((6, 2, batch as i64));
        for table in ["usage_days", "usage_months"] {
            let text = format!(
                "insert into {table} (start, org_id, scope, scope_id, booked, occurred, quantity, events) select 0, $1, scope, id, 5 * events, 5 * events, 0, events from unnest($2::bigint[], $3::bigint[], $4::bigint[]) as told(scope, id, events) on conflict (start, org_id, scope, scope_id) do update set booked = {table}.booked + excluded.booked, occurred = {table}.occurred + excluded.occurred, quantity = {table}.quantity + excluded.quantity, events = {table}.events + excluded.events"
            );
            add(&mut tx, text, &rows).await;
        }
        let doings: Vec<(i64, i64, i64)> = counts.iter().map(|(member, count)| (*member, 2, *count)).collect();
        let text = "insert into usage_activities (start, org_id, member_id, activity, amount, quantity, events) select 0, $1, member, activity, 5 * events, 0, events from unnest($2::bigint[], $3::bigint[], $4::bigint[]) as told(member, activity, events) on conflict (start, org_id, member_id, activity) do update set amount = usage_activities.amount + excluded.amount, quantity = usage_activities.quantity + excluded.quantity, events = usage_activities.events + excluded.events";
        add(&mut tx, text.to_owned(), &doings).await;
        tx.commit().await.expect("a commit");
        (sent, round) = (sent + batch, round + 1);
    }
    sent as f64 / begun.elapsed().as_secs_f64()
}

async fn add(tx: &mut PgConnection, text: String, rows: &[(i64, i64, i64)]) {
    let column = |pick: fn(&(i64, i64, i64)) -> i64| rows.iter().map(pick).collect::<Vec<i64>>();
    sqlx::query(AssertSqlSafe(text))
        .bind(OTHER)
        .bind(column(|row| row.0))
        .bind(column(|row| row.1))
        .bind(column(|row| row.2))
        .execute(tx)
        .await
        .expect("sums");
}
