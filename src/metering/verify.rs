//! Whether the sums are those of the ledger (I-05): every event is read again, summed by the same rules, and compared.
//!
//! It takes memory for every sum there is. A repair writes what the ledger says; a portal that runs meanwhile has counters of its own,
//! which it reads anew at its next start.

use std::hash::Hash;

use serde_json::json;

use super::{
    Bucket, Scope,
    rollup::{Doing, Place, Sum, Sums},
    store,
};
use crate::{
    access,
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    credits::{self, verify::Spent},
    db::{Db, Tx},
    error::Result,
    hash::Map,
    ids::OrgId,
    limits::{Settings, settings},
};

/// How many rows are read at once.
const PAGE: i64 = 5_000;
/// How many faults are told in words.
const TOLD: usize = 20;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Events of the ledger.
    pub events: u64,
    /// Sums that were compared.
    pub sums: u64,
    /// Sums that are not what the ledger says.
    pub wrong: u64,
    /// The first of them in words.
    pub faults: Vec<String>,
    /// What is wrong with credit pools, in words (I-21).
    pub pools: Vec<String>,
}

/// A sum that is stored and what it should be; none where there should be none, or where there is none.
type Wrong<K, V> = (K, Option<V>, Option<V>);

/// What differs.
#[derive(Debug, Default)]
struct Differences {
    days: Vec<Wrong<Place, Sum>>,
    months: Vec<Wrong<Place, Sum>>,
    activities: Vec<Wrong<Doing, (i64, i64, i64)>>,
}

/// Compares every sum with the ledger.
pub async fn verify(db: &Db) -> Result<Report> {
    let mut tx = db.write().await?; // nothing is booked meanwhile
    let (report, _) = compare(&mut tx).await?;
    Ok(report)
}

/// Compares every sum with the ledger and writes what the ledger says; the repair is recorded.
pub async fn repair(db: &Db, by: &Actor, now: Timestamp) -> Result<Report> {
    let mut tx = db.write().await?;
    let (report, wrong) = compare(&mut tx).await?;
    if report.wrong == 0 {
        return Ok(report);
    }
    let mut right = Sums::default();
    for (by_month, list) in [(false, &wrong.days), (true, &wrong.months)] {
        for (place, _, sum) in list {
            store::delete_sum(&mut tx, by_month, *place).await?;
            let sums = if by_month { &mut right.months } else { &mut right.days };
            sums.extend(sum.map(|sum| (*place, sum)));
        }
    }
    for (doing, _, sum) in &wrong.activities {
        store::delete_activity(&mut tx, *doing).await?;
        right.activities.extend(sum.map(|sum| (*doing, sum)));
    }
    store::add(&mut tx, &right).await?;
    let object = Object::new("enterprise", 0, "Sums of usage");
    let entry = Entry::done(
        Action::MeteringRepair,
        object,
        json!({ "wrong_sums": report.wrong }),
        json!({ "events": report.events }),
    );
    audit::record(&mut tx, by, None, entry, now).await?;
    tx.commit().await?;
    Ok(report)
}

async fn compare(tx: &mut Tx) -> Result<(Report, Differences)> {
    store::hold_still(tx).await?;
    let mut report = Report::default();
    let mut right = Sums::default();
    let mut names = Map::default();
    for (org, name) in store::list_orgs(tx).await? {
        let place = access::org(tx, org).await?;
        let settings = settings::find(tx, &place).await?;
        report.events += sum_up(tx, org, &settings, &mut right).await?;
        names.insert(org, name);
    }
    let mut spent = Spent::default();
    for (place, sum) in &right.months {
        match place.scope {
            Scope::Pool => *spent.pools.entry(place.id).or_default() += sum.booked,
            Scope::Allowance => *spent.allowances.entry(place.id).or_default() += sum.booked,
            _ => {}
        }
    }
    let name = |org: OrgId| {
        let known = names.get(&org);
        known
            .cloned()
            .unwrap_or_else(|| "an organization that is gone".to_owned())
    };
    report.pools = credits::verify::verify(tx, &spent, name).await?;
    let mut wrong = Differences::default();
    for by_month in [false, true] {
        let sums = if by_month { &mut right.months } else { &mut right.days };
        let found = if by_month { &mut wrong.months } else { &mut wrong.days };
        let mut after = Place {
            start: Timestamp::from_micros(i64::MIN),
            org: OrgId::from_raw(0),
            scope: Scope::Organization,
            id: 0,
        };
        loop {
            let page = store::list_sums(tx, by_month, after, PAGE).await?;
            let is_last = (page.len() as i64) < PAGE;
            for row in page {
                after = Place {
                    start: row.start,
                    org: row.org_id,
                    scope: row.scope,
                    id: row.scope_id,
                };
                let stored = Sum {
                    booked: row.booked,
                    occurred: row.occurred,
                    quantity: row.quantity,
                    events: row.events,
                    cost: row.cost,
                };
                report.sums += 1;
                compare_one(sums, found, after, stored);
            }
            if is_last {
                break;
            }
        }
        found.extend(sums.drain().map(|(place, sum)| (place, None, Some(sum))));
        found.sort_unstable_by_key(|(place, _, _)| *place);
    }
    let mut after = Doing {
        start: Timestamp::from_micros(i64::MIN),
        org: OrgId::from_raw(0),
        member: 0,
        activity: 0,
    };
    loop {
        let page = store::list_activities(tx, after, PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        for row in page {
            after = Doing {
                start: row.start,
                org: row.org_id,
                member: row.member_id,
                activity: row.activity,
            };
            report.sums += 1;
            let stored = (row.amount, row.quantity, row.events);
            compare_one(&mut right.activities, &mut wrong.activities, after, stored);
        }
        if is_last {
            break;
        }
    }
    let missing = right.activities.drain();
    wrong
        .activities
        .extend(missing.map(|(doing, sum)| (doing, None, Some(sum))));
    report.wrong = (wrong.days.len() + wrong.months.len() + wrong.activities.len()) as u64;
    report.faults = tell(&wrong, &names);
    Ok((report, wrong))
}

/// Keeps a stored sum that is not what the ledger says, and crosses it off.
fn compare_one<K: Hash + Eq + Copy, V: PartialEq + Copy>(
    right: &mut Map<K, V>,
    wrong: &mut Vec<Wrong<K, V>>,
    key: K,
    stored: V,
) {
    let should = right.remove(&key);
    if should != Some(stored) {
        wrong.push((key, Some(stored), should));
    }
}

/// Adds every event of an organization; how many there are.
async fn sum_up(tx: &mut Tx, org: OrgId, settings: &Settings, sums: &mut Sums) -> Result<u64> {
    let mut after = (Timestamp::from_micros(i64::MIN), Vec::new());
    let (mut count, mut booked, mut occurred) = (0, None::<Bucket>, None::<Bucket>);
    let of = |kept: &mut Option<Bucket>, at: Timestamp| {
        let bucket = kept
            .filter(|bucket| bucket.contains(at))
            .unwrap_or_else(|| Bucket::of(settings, at));
        *kept = Some(bucket);
        bucket.bounds()
    };
    loop {
        let page = store::list_events(tx, org, after.clone(), PAGE).await?;
        let is_last = (page.len() as i64) < PAGE;
        if let Some(last) = page.last() {
            after = (last.at, last.key.clone());
        }
        for event in &page {
            sums.add(event, of(&mut booked, event.booked_at), of(&mut occurred, event.at))?;
        }
        count += page.len() as u64;
        if is_last {
            return Ok(count);
        }
    }
}

fn tell(wrong: &Differences, names: &Map<OrgId, String>) -> Vec<String> {
    let name = |org: &OrgId| names.get(org).map_or("an organization that is gone", String::as_str);
    let sums = |sum: Option<Sum>| {
        sum.map_or_else(
            || "nothing".to_owned(),
            |sum| {
                format!(
                    "booked {}, used {}, quantity {}, events {}, cost {}",
                    sum.booked, sum.occurred, sum.quantity, sum.events, sum.cost
                )
            },
        )
    };
    let place = |kind: &str, (at, is, should): &Wrong<Place, Sum>| {
        format!(
            "{}: the sum of {} {} for the {kind} from {} is {}; the ledger says {}.",
            name(&at.org),
            at.scope.key(),
            at.id,
            at.start,
            sums(*is),
            sums(*should)
        )
    };
    let days = wrong.days.iter().map(|one| place("day", one));
    let months = wrong.months.iter().map(|one| place("billing period", one));
    let activities = wrong.activities.iter().map(|(doing, is, should)| {
        format!(
            "{}: the sum of member {} and activity {} for the billing period from {} is {is:?}; the ledger says {should:?}.",
            name(&doing.org),
            doing.member,
            doing.activity,
            doing.start
        )
    });
    days.chain(months).chain(activities).take(TOLD).collect()
}
