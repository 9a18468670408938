//! What is moved from allocated pools to members and back (C-23, I-21).
//!
//! A member's allowance of a billing period is moved when they first ask in it, or by the worker. It follows their monthly limit: what is
//! added to the limit is moved too, as far as the pool reaches, and what is taken from it comes back, as far as it is neither spent nor
//! held. At the end of the period, and when somebody leaves, the rest comes back; settlements that come later are made up for.

use std::{collections::HashMap, time::Duration};

use super::{
    entry::Kind,
    pool::Drawn,
    store::{self, Line, Moved, Saved, Standing},
};
use crate::{
    clock::{Timestamp, days, hours, minutes},
    db::{Db, Tx},
    error::{Error, Result},
    ids::{MemberId, OrgId, PoolId},
    limits::amount::Amount,
    orgs,
};

/// Who moves allowances, on statements.
pub(super) const MUSTER: &str = "Muster";
/// How long settlements of a period that is over are waited for.
const WAITS: Duration = days(2);
/// After how long a closed allowance is looked at for the first time, and then every so often.
const FIRST_LOOK: Duration = minutes(10);
const NEXT_LOOK: Duration = hours(1);

/// What a member was given for a billing period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    /// The allowance.
    pub id: i64,
    /// How much is with the member, spent or not.
    pub amount: i64,
    /// What counts for the member's month and was not paid out of it.
    pub others: i64,
}

impl Given {
    /// The member's limit of the month.
    pub fn limit(self) -> Amount {
        Amount::from_micros(self.amount.saturating_add(self.others).max(0)).unwrap_or(Amount::ZERO)
    }
}

/// By how much an allowance is to change: `wanted` is the monthly limit, of which other usage of the month has taken `others`.
pub const fn change(amount: i64, spent: i64, others: i64, wanted: i64, held: i64, balance: i64) -> i64 {
    let wanted = wanted.saturating_sub(others);
    let wanted = if wanted < 0 { 0 } else { wanted };
    if wanted >= amount {
        let (more, there) = (wanted - amount, if balance < 0 { 0 } else { balance });
        return if more < there { more } else { there };
    }
    let free = amount.saturating_sub(spent).saturating_sub(held);
    let (less, free) = (amount - wanted, if free < 0 { 0 } else { free });
    if less < free { -less } else { -free }
}

impl Standing {
    const fn others(&self) -> i64 {
        self.booked.saturating_sub(self.spent)
    }
    fn amount(&self) -> i64 {
        self.amount.unwrap_or(0)
    }
    /// What is to be done about it; none for nothing.
    pub(super) fn change(&self, wanted: Option<i64>, held: i64, balance: i64) -> Option<i64> {
        let by = match wanted {
            None => 0,
            Some(wanted) => change(self.amount(), self.spent, self.others(), wanted, held, balance),
        };
        // A member who comes back, and usage of one who has left that is reported late, make it live again, or looked at again.
        let is_new = self.id.is_none() || (self.closed_at.is_some() && (wanted.is_some() || self.look_at.is_none()));
        (by != 0 || is_new).then_some(by)
    }
    fn given(&self, id: i64, by: i64) -> Given {
        Given {
            id,
            amount: self.amount().saturating_add(by),
            others: self.others(),
        }
    }
    /// It, changed by an amount.
    pub(super) fn saved(&self, id: i64, pool: PoolId, start: Timestamp, by: i64, acts: bool, now: Timestamp) -> Saved {
        let is_closed = !acts && (self.closed_at.is_some() || self.id.is_none());
        Saved {
            id,
            pool,
            member: self.member_id,
            start,
            amount: self.amount().saturating_add(by),
            closed_at: is_closed.then_some(self.closed_at.unwrap_or(now)),
            look_at: is_closed.then(|| now.plus(FIRST_LOOK)),
        }
    }
}

/// The line that moves an amount to a member, or back.
pub(super) fn line(of: &Saved, by: i64, price: i64) -> Option<Line> {
    let kind = if by > 0 { Kind::Allocate } else { Kind::Reclaim };
    (by != 0).then(|| Line {
        pool: of.pool,
        of: Some((of.member, of.id, of.start)),
        kind,
        amount: -by,
        price,
        note: String::new(),
    })
}

/// Gives a member what they get of a pool in the period that began at `start`: `wanted` is their monthly limit, none for who may use
/// nothing now. What is there already is read; only a difference is written.
pub async fn give(
    db: &Db,
    pool: &Drawn,
    (member, wanted, start): (MemberId, Option<i64>, Timestamp),
    held: impl FnOnce() -> HashMap<i64, i64>,
    now: Timestamp,
) -> Result<Given> {
    let org = pool.id.org();
    let wanted = wanted.filter(|_| !pool.has_ended(now));
    let standing = async |db: &mut Tx| -> Result<Standing> {
        let found = store::list_standings(db, org, pool.id, start, &[member]).await?;
        found.into_iter().next().ok_or(Error::NotFound)
    };
    let found = store::list_standings(&mut db.read(), org, pool.id, start, &[member]).await?;
    let there = found.into_iter().next().ok_or(Error::NotFound)?;
    let balance = pool.granted.saturating_sub(pool.allocated);
    let is_right = |held: i64| there.others_open == 0 && there.change(wanted, held, balance).is_none();
    // What is held matters for what comes back alone, and is asked only then: it is counted anew each time.
    if let Some(id) = there.id.filter(|_| is_right(0)) {
        return Ok(there.given(id, 0));
    }
    let held = held();
    let of = |there: &Standing| there.id.and_then(|id| held.get(&id).copied()).unwrap_or(0);
    if let Some(id) = there.id.filter(|_| is_right(of(&there))) {
        return Ok(there.given(id, 0));
    }
    let mut tx = db.write().await?;
    // The numbers come first: taking them locks the organization's row, so that nobody else moves anything meanwhile.
    let first = orgs::next_id(&mut tx, org, 2 + there.others_open).await?;
    // What they have left of an earlier period, or of another pool, comes back before.
    let others = store::list_open_of(&mut tx, org, member, pool.id, start).await?;
    let most = usize::try_from(there.others_open).unwrap_or(0);
    close(&mut tx, org, &others[..others.len().min(most)], &held, first + 2, now).await?;
    let fresh = store::find(&mut tx, org, pool.id).await?.ok_or(Error::NotFound)?;
    let there = standing(&mut tx).await?;
    let balance = fresh.granted.saturating_sub(fresh.allocated);
    let by = there.change(wanted, of(&there), balance).unwrap_or(0);
    let id = there.id.unwrap_or_else(|| org.row(first));
    let saved = there.saved(id, pool.id, start, by, wanted.is_some(), now);
    store::save_allowances(&mut tx, org, &[saved]).await?;
    if let Some(line) = line(&saved, by, fresh.price) {
        store::insert_entries(&mut tx, org, first + 1, vec![line], MUSTER, now).await?;
        store::add(&mut tx, org, pool.id, 0, by).await?;
    }
    tx.commit().await?;
    Ok(there.given(id, by))
}

/// Moves back what is left of allowances, except what reservations hold; makes up for what was spent beyond them. The ids of lines count
/// from `first`, one for each. How much came back.
pub(super) async fn close(
    tx: &mut Tx,
    org: OrgId,
    all: &[Moved],
    held: &HashMap<i64, i64>,
    first: i64,
    now: Timestamp,
) -> Result<i64> {
    let (mut saved, mut lines, mut back) = (Vec::with_capacity(all.len()), Vec::new(), 0_i64);
    let mut by_pool: HashMap<PoolId, i64> = HashMap::new();
    for one in all {
        let is_first = one.closed_at.is_none();
        let rest = one
            .amount
            .saturating_sub(one.spent)
            .saturating_sub(held.get(&one.id).copied().unwrap_or(0));
        let closed_at = one.closed_at.unwrap_or(now);
        let next = if is_first {
            now.plus(FIRST_LOOK)
        } else {
            now.plus(NEXT_LOOK)
        };
        let keep = Saved {
            id: one.id,
            pool: one.pool_id,
            member: one.member_id,
            start: one.start,
            amount: one.amount.saturating_sub(rest),
            closed_at: Some(closed_at),
            look_at: (next <= closed_at.plus(WAITS)).then_some(next),
        };
        saved.push(keep);
        if rest == 0 {
            continue;
        }
        let kind = if is_first && rest > 0 {
            Kind::Reclaim
        } else {
            Kind::Adjust
        };
        lines.push(Line {
            pool: one.pool_id,
            of: Some((one.member_id, one.id, one.start)),
            kind,
            amount: rest,
            price: one.price,
            note: String::new(),
        });
        *by_pool.entry(one.pool_id).or_default() += rest;
        back = back.saturating_add(rest);
    }
    store::save_allowances(tx, org, &saved).await?;
    store::insert_entries(tx, org, first, lines, MUSTER, now).await?;
    for (pool, rest) in by_pool {
        store::add(tx, org, pool, 0, -rest).await?;
    }
    Ok(back)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_allowance_follows_the_limit_as_far_as_there_is_something() {
        // (amount, spent, others, wanted, held, balance) → change
        for (from, by) in [
            ((0, 0, 0, 100, 0, 500), 100),
            ((0, 0, 0, 100, 0, 40), 40),
            ((0, 0, 0, 100, 0, -5), 0),
            ((0, 0, 30, 100, 0, 500), 70),
            ((0, 0, 130, 100, 0, 500), 0),
            ((100, 20, 0, 150, 0, 500), 50),
            ((100, 20, 0, 100, 0, 500), 0),
            ((100, 20, 0, 50, 0, 0), -50),
            ((100, 80, 0, 50, 0, 0), -20),
            ((100, 40, 0, 0, 50, 0), -10),
            ((100, 120, 0, 0, 0, 0), 0),
        ] {
            let (amount, spent, others, wanted, held, balance) = from;
            assert_eq!(change(amount, spent, others, wanted, held, balance), by, "{from:?}");
        }
    }

    proptest! {
        /// I-21: nothing is moved that the pool does not have, and nothing comes back that is spent or held.
        #[test]
        fn nothing_is_moved_that_is_not_there(
            amount in 0_i64..1_000, spent in 0_i64..1_000, others in -50_i64..1_000, wanted in 0_i64..2_000,
            held in 0_i64..500, balance in -100_i64..2_000,
        ) {
            let by = change(amount, spent, others, wanted, held, balance);
            if by > 0 {
                prop_assert!(by <= balance.max(0));
                prop_assert!(amount + by + others.max(-50) <= wanted.max(0) || others < 0);
            } else {
                prop_assert!(-by <= (amount - spent - held).max(0));
            }
        }
    }
}
