//! Usage of the past: booked as if it had been booked when it happened, so that nothing of it weighs on windows that run later.
//!
//! It is for histories that are brought along before the portal serves; while it serves, the [`Engine`](super::Engine) alone books, because
//! it keeps counters that would not know of what is written beside it.

use std::collections::{HashMap, HashSet};

use super::{
    Account, Bucket, Usage,
    names::Names,
    rollup::Sums,
    store::{self, Event},
    usage::REPORTED,
    writer::AUTHORITY,
};
use crate::{
    clock::Timestamp,
    db::{Authority, Db, Tx},
    error::{Error, Result},
    ids::OrgId,
    limits::Settings,
};

/// The right to book the past, for as long as it is kept: nobody else decides or books meanwhile. None while a portal does.
pub async fn alone(db: &Db) -> Result<Option<Authority>> {
    db.authority(AUTHORITY).await
}

/// Books events of one organization, each in the windows of its own time; how many were new. One without a time is refused.
pub async fn book(tx: &mut Tx, settings: &Settings, events: &[(Account, Usage)]) -> Result<usize> {
    let mut names = Names::default();
    let mut rows = Vec::with_capacity(events.len());
    // Twins within one call count once, the first to come.
    let mut seen = HashSet::with_capacity(events.len());
    for (account, usage) in events {
        let at = usage
            .time()
            .ok_or_else(|| Error::invalid("time", "An event of the past needs its time. Give it as RFC 3339 does."))?;
        let key = usage.key();
        if !seen.insert((account.org, at, key)) {
            continue;
        }
        rows.push(Event {
            org_id: account.org,
            at,
            key: key.to_vec(),
            kind: usage.kind,
            member_id: account.member.map(|id| id.raw()),
            service_account_id: account.service_account,
            key_id: account.key,
            group_id: account.group.map(|id| id.raw()),
            activity: names.find(tx, account.org, usage.activity.as_ref()).await?,
            app: names.find(tx, account.org, usage.app.as_ref()).await?,
            flow: names.find(tx, account.org, usage.flow.as_ref()).await?,
            amount: usage.amount,
            quantity: usage.quantity,
            unit_price: usage.unit_price.or(account.price),
            booked_at: at,
            reservation: None,
            digest: usage.digest(account),
            flags: REPORTED,
            pool_id: account.pool.map(|id| id.raw()),
            allowance_id: account.allowance,
            wallet: false,
        });
    }
    names.store(tx).await?;
    let new = store::insert_told(tx, rows.iter().cloned()).await?;
    let new: HashSet<(OrgId, Timestamp, Vec<u8>)> = new.into_iter().map(|one| (one.org_id, one.at, one.key)).collect();
    let mut sums = Sums::default();
    let mut days: HashMap<Timestamp, Bucket> = HashMap::new();
    for event in rows
        .iter()
        .filter(|event| new.contains(&(event.org_id, event.at, event.key.clone())))
    {
        let known = days.values().find(|bucket| bucket.contains(event.at)).copied();
        let bucket = known.unwrap_or_else(|| Bucket::of(settings, event.at));
        days.insert(bucket.start, bucket);
        sums.add(event, bucket.bounds(), bucket.bounds())?;
    }
    store::add(tx, &sums).await?;
    Ok(new.len())
}
