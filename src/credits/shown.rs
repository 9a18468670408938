//! What other rooms show of pools and wallets.

use std::collections::HashMap;

use super::{
    pool, store,
    views::{MemberCard, WalletPanel, money},
    wallet,
};
use crate::{
    access::{Can, Permission},
    clock::Timestamp,
    db::Read,
    error::Result,
    ids::{MemberId, OrgId},
    limits::{self, Settings, Window, amount::Unit, settings},
    members::Member,
};

/// How many lines of one's own wallet are shown.
const LINES: i64 = 10;

/// The pool and the wallet of a member, for their page; none for whom they are not shown, and where there are neither.
pub async fn card<P>(db: &mut impl Read, by: &Can<P>, member: &Member, now: Timestamp) -> Result<Option<MemberCard>> {
    if !by.may(Permission::PoolRead) {
        return Ok(None);
    }
    let org = by.org();
    let pools = pool::list(db, org.id).await?;
    let found = wallet::find(db, org.id, member.id).await?;
    if pools.is_empty() && !found.is_on && !found.is_used() {
        return Ok(None);
    }
    let own = pool::of_member(db, org.id, member.id).await?;
    let counted = settings::find(db, org).await?;
    let effective = limits::effective(db, org.id, member.id, counted.conflict, now).await?;
    let has_month = effective
        .of(Window::Month)
        .is_some_and(|limit| limit.value.amount().is_some());
    Ok(Some(MemberCard::new(
        by,
        member.id,
        (own, &pools),
        (found, counted.unit),
        has_month,
    )))
}

/// One's own wallet, or that of a member whose usage is shown; none where there is none.
pub async fn wallet_of<P>(
    db: &mut impl Read,
    by: &Can<P>,
    member: MemberId,
    settings: &Settings,
) -> Result<Option<WalletPanel>> {
    let org = by.org().id;
    let found = wallet::find(db, org, member).await?;
    if !found.is_on && !found.is_used() {
        return Ok(None);
    }
    let entries = wallet::entries(db, org, member, LINES).await?;
    let paid = wallet::paid(db, org, member, LINES).await?;
    Ok(Some(WalletPanel::new(found, &entries, &paid, settings, by.zone())))
}

fn in_words(costs: &[(String, i64)]) -> Vec<String> {
    let shown = costs.iter().filter(|(_, cost)| *cost != 0);
    shown
        .map(|(currency, cost)| money(*cost, Unit::currency(currency).unwrap_or(Unit::Credit)))
        .collect()
}

/// What was drawn from each pool cost in words, in a billing period or else in the buckets that begin at `starts` (R-CRD-09).
pub async fn costs_by_pool(
    db: &mut impl Read,
    org: OrgId,
    month: Option<Timestamp>,
    starts: &str,
) -> Result<HashMap<i64, String>> {
    let found = match month {
        Some(month) => store::costs_by_pool(db, org, month).await?,
        None => store::costs_by_pool_of_days(db, org, starts).await?,
    };
    let word =
        |(id, currency, cost): (i64, String, i64)| (id, money(cost, Unit::currency(&currency).unwrap_or(Unit::Credit)));
    Ok(found.into_iter().map(word).collect())
}

/// What an organization's usage of a billing period cost, in words, one for each currency (R-CRD-09).
pub async fn costs(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<Vec<String>> {
    Ok(in_words(&store::costs(db, org, month).await?))
}

/// What an organization's usage of the buckets that begin at `starts` cost, in words, one for each currency.
pub async fn costs_of_days(db: &mut impl Read, org: OrgId, starts: &str) -> Result<Vec<String>> {
    Ok(in_words(&store::costs_of_days(db, org, starts).await?))
}
