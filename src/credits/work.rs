//! What time does to pools: periods that end, people who leave, late settlements, and pools whose time is over.
//!
//! It goes in parts of a few hundred members a transaction. A pool is looked through when a billing period has begun, and otherwise when
//! something in its organization has changed, at most every ten minutes; callers of the gate do not wait for it.

use std::{collections::HashMap, time::Duration};

use serde_json::json;

use super::{
    allowance::{self, MUSTER, line},
    entry::Kind,
    pool::Mode,
    store::{self, Line, Moved, Work},
};
use crate::{
    access,
    app::App,
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, minutes},
    error::Result,
    ids::{MemberId, OrgId},
    limits::{self, Settings, Window, amount::Amount, settings},
    orgs,
};

/// How many allowances are moved in one transaction.
const PART: i64 = 300;
/// How often a pool is looked through because something has changed.
const AGAIN: Duration = minutes(10);

/// Does what is due.
pub async fn run(app: &App) -> Result<()> {
    let now = app.gate.now();
    let work = store::list_work(&mut app.db.read()).await?;
    let mut organizations: Vec<OrgId> = work.iter().map(|pool| pool.org_id).collect();
    organizations.dedup();
    for org in organizations {
        let pools: Vec<&Work> = work.iter().filter(|pool| pool.org_id == org).collect();
        of_org(app, org, &pools, now).await?;
    }
    look_again(app, now).await?;
    end(app, now).await
}

async fn of_org(app: &App, org: OrgId, pools: &[&Work], now: Timestamp) -> Result<()> {
    let db = &mut app.db.read();
    let place = access::org(db, org).await?;
    let settings = settings::find(db, &place).await?;
    let start = settings.window(Window::Month, now).start;
    let (seq, _) = audit::last_numbers(db, org).await?;
    loop {
        let over = store::list_over(&mut app.db.read(), org, start, PART).await?;
        if over.is_empty() {
            break;
        }
        take_back(app, org, &over, now).await?;
    }
    if pools.iter().any(|pool| {
        pool.looked_seq != seq || pool.looked_for != start || pool.valid_until.is_some_and(|end| end <= now)
    }) {
        let mut after = 0;
        loop {
            let left = store::list_left(&mut app.db.read(), org, now, after, PART).await?;
            let Some(last) = left.last() else { break };
            after = last.id;
            take_back(app, org, &left, now).await?;
        }
    }
    for pool in pools {
        let is_due = pool.looked_for != start || (pool.looked_seq != seq && pool.looked_at.plus(AGAIN) <= now);
        let is_live = pool.valid_until.is_none_or(|end| end > now);
        if is_due && is_live && store::is_live(&mut app.db.read(), org, pool.id).await? {
            allocate(app, pool, &settings, start, now).await?;
        }
        if is_due {
            let mut tx = app.db.write().await?;
            store::looked(&mut tx, org, pool.id, now, seq, start).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Moves back what is left of some allowances.
async fn take_back(app: &App, org: OrgId, all: &[Moved], now: Timestamp) -> Result<()> {
    let held = app.metering.held_of_allowances(org);
    let mut tx = app.db.write().await?;
    let first = orgs::next_id(&mut tx, org, all.len() as i64).await?;
    let back = allowance::close(&mut tx, org, all, &held, first, now).await?;
    note(&mut tx, app, org, "returned", back, all.len(), now).await?;
    tx.commit().await
}

/// Records that allowances were moved, which also makes void what is kept of their members.
async fn note(
    tx: &mut crate::db::Tx,
    app: &App,
    org: OrgId,
    what: &str,
    amount: i64,
    members: usize,
    now: Timestamp,
) -> Result<()> {
    let size = Amount::from_micros(amount.saturating_abs())
        .unwrap_or(Amount::ZERO)
        .to_string();
    let place = access::org(tx, org).await?;
    let object = Object::new("organization", org.raw(), place.name.clone());
    let told = json!({ what: if amount < 0 { format!("\u{2212}{size}") } else { size }, "members": members });
    let entry = Entry::done(Action::PoolPeriod, object, serde_json::Value::Null, told);
    audit::record(tx, &Actor::system(&app.keys), Some(org), entry, now).await
}

/// Gives everyone who draws from a pool what they get of it in the period that runs.
async fn allocate(app: &App, pool: &Work, settings: &Settings, start: Timestamp, now: Timestamp) -> Result<()> {
    let org = pool.org_id;
    let mut after = MemberId::from_raw(0);
    loop {
        let db = &mut app.db.read();
        let members = store::list_receivers(db, org, (pool.id, pool.is_default), now, after, PART).await?;
        let Some(last) = members.last() else { return Ok(()) };
        after = *last;
        let effective = limits::effective_many(db, org, &members, settings.conflict, now).await?;
        let wanted: HashMap<MemberId, i64> = effective
            .iter()
            .filter_map(|(member, found)| {
                let month = found.of(Window::Month)?.value.amount()?;
                Some((*member, month.micros()))
            })
            .collect();
        let held = app.metering.held_of_allowances(org);
        let held_of = |id: Option<i64>| id.and_then(|id| held.get(&id).copied()).unwrap_or(0);
        // Whoever has neither a limit nor an allowance needs no row, and whoever has the right one needs no transaction.
        let concerns = |there: &store::Standing, balance: i64| {
            let wanted = wanted.get(&there.member_id).copied();
            if wanted.is_none() && there.id.is_none() {
                return None;
            }
            let wanted = wanted.unwrap_or(0);
            there.change(Some(wanted), held_of(there.id), balance)
        };
        let fresh = store::find(db, org, pool.id).await?;
        let mut balance = fresh.map_or(0, |pool| pool.granted.saturating_sub(pool.allocated));
        let standings = store::list_standings(db, org, pool.id, start, &members).await?;
        if !standings.iter().any(|there| concerns(there, balance).is_some()) {
            continue;
        }
        let mut tx = app.db.write().await?;
        let mut first = orgs::next_id(&mut tx, org, 2 * members.len() as i64).await?;
        let standings = store::list_standings(&mut tx, org, pool.id, start, &members).await?;
        let fresh = store::find(&mut tx, org, pool.id).await?;
        if let Some(fresh) = fresh {
            balance = fresh.granted.saturating_sub(fresh.allocated);
        }
        let (mut saved, mut lines, mut sum) = (Vec::new(), Vec::new(), 0_i64);
        for there in &standings {
            let Some(by) = concerns(there, balance) else { continue };
            let id = there.id.unwrap_or_else(|| {
                first += 1;
                org.row(first - 1)
            });
            let one = there.saved(id, pool.id, start, by, true, now);
            lines.extend(line(&one, by, pool.price));
            saved.push(one);
            (balance, sum) = (balance - by, sum + by);
        }
        store::save_allowances(&mut tx, org, &saved).await?;
        store::insert_entries(&mut tx, org, first, lines, MUSTER, now).await?;
        store::add(&mut tx, org, pool.id, 0, sum).await?;
        note(&mut tx, app, org, "allocated", sum, saved.len(), now).await?;
        tx.commit().await?;
    }
}

/// Looks at allowances that were closed for what was settled late.
async fn look_again(app: &App, now: Timestamp) -> Result<()> {
    loop {
        let due = store::list_looks(&mut app.db.read(), now, PART).await?;
        if due.is_empty() {
            return Ok(());
        }
        let mut by_org: HashMap<OrgId, Vec<Moved>> = HashMap::new();
        for one in due {
            by_org.entry(one.org_id).or_default().push(one);
        }
        for (org, some) in by_org {
            let held = app.metering.held_of_allowances(org);
            let mut tx = app.db.write().await?;
            let first = orgs::next_id(&mut tx, org, some.len() as i64).await?;
            let back = allowance::close(&mut tx, org, &some, &held, first, now).await?;
            if back != 0 {
                note(&mut tx, app, org, "returned", back, some.len(), now).await?;
            }
            tx.commit().await?;
        }
    }
}

/// Ends what is left of pools whose time is over.
async fn end(app: &App, now: Timestamp) -> Result<()> {
    for pool in store::list_ended(&mut app.db.read(), now).await? {
        let org = pool.org_id;
        let mut tx = app.db.write().await?;
        let first = orgs::next_id(&mut tx, org, 1).await?;
        let Some(found) = store::find(&mut tx, org, pool.id).await? else {
            continue;
        };
        let spent = match found.mode {
            Mode::Cap => store::spent(&mut tx, org, pool.id).await?,
            Mode::Allocated => 0,
        };
        let left = found.balance(spent);
        if left <= 0 || !found.has_ended(now) {
            continue;
        }
        let entry = Line {
            pool: pool.id,
            of: None,
            kind: Kind::Expire,
            amount: -left,
            price: pool.price,
            note: String::new(),
        };
        store::insert_entries(&mut tx, org, first, vec![entry], MUSTER, now).await?;
        store::add(&mut tx, org, pool.id, -left, 0).await?;
        let size = Amount::from_micros(left).unwrap_or(Amount::ZERO).to_string();
        let object = Object::new("pool", pool.id.raw(), pool.name.clone());
        let entry = Entry::done(Action::PoolExpire, object, json!({ "balance": size }), json!({}));
        audit::record(&mut tx, &Actor::system(&app.keys), Some(org), entry, now).await?;
        tx.commit().await?;
    }
    Ok(())
}
