//! Sums of events, by bucket and billing period, for everything that limits and reports ask about.

use super::{Bounds, Scope, store::Event};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
    hash::Map,
    ids::OrgId,
};

/// What a sum stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// When the bucket or billing period began.
    pub start: Timestamp,
    /// The organization.
    pub org: OrgId,
    /// What is summed.
    pub scope: Scope,
    /// Which one of those.
    pub id: i64,
}

/// A sum of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// What limits count: events by the instant of their booking.
    pub booked: i64,
    /// What reports count: events by the instant at which they happened.
    pub occurred: i64,
    /// How many units, by when they happened.
    pub quantity: i64,
    /// How many events, by when they happened.
    pub events: i64,
    /// What they cost, by when they happened, in millionths of the currency of their pools.
    pub cost: i64,
}

/// What a member did of one activity in a billing period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Doing {
    /// When the billing period began.
    pub start: Timestamp,
    /// The organization.
    pub org: OrgId,
    /// The member.
    pub member: i64,
    /// The activity.
    pub activity: i64,
}

/// Sums that are to be added to those of the database.
#[derive(Debug, Default)]
pub struct Sums {
    /// By bucket.
    pub days: Map<Place, Sum>,
    /// By billing period.
    pub months: Map<Place, Sum>,
    /// By member and activity: amount, quantity, events.
    pub activities: Map<Doing, (i64, i64, i64)>,
}

/// What an amount costs at a price of a credit, in millionths of a currency; parts of a millionth are left out.
pub fn cost(amount: i64, price: i64) -> Option<i64> {
    i64::try_from(i128::from(amount) * i128::from(price) / 1_000_000).ok()
}

fn overflow() -> Error {
    Error::invalid(
        "amount",
        "The sum of what was used would be larger than Muster can count. Send a smaller amount.",
    )
}

impl Sums {
    /// Adds an event that is summed under `booked` for limits and under `occurred` for reports.
    pub fn add(&mut self, event: &Event, booked: Bounds, occurred: Bounds) -> Result<()> {
        let org = event.org_id;
        // What a wallet pays weighs neither on the member's limits nor on a pool, and reports show it for the member all the same.
        let is_own = |scope: Scope| event.wallet && scope == Scope::Member;
        let paid_cost = match (event.pool_id, event.unit_price) {
            (Some(_), Some(price)) => cost(event.amount, price).ok_or_else(overflow)?,
            _ => 0,
        };
        let scopes = [
            (Scope::Organization, Some(org.raw())),
            (Scope::Group, event.group_id),
            (Scope::Pool, event.pool_id),
            (Scope::Allowance, event.allowance_id),
            (Scope::Wallet, event.member_id.filter(|_| event.wallet)),
            (Scope::Member, event.member_id),
            (Scope::ServiceAccount, event.service_account_id),
            (Scope::Key, event.key_id),
            (Scope::Activity, event.activity),
            (Scope::App, event.app),
            (Scope::Flow, event.flow),
        ];
        let all = Sum {
            booked: event.amount,
            occurred: event.amount,
            quantity: event.quantity,
            events: 1,
            cost: paid_cost,
        };
        let counted = Sum {
            booked: event.amount,
            ..Sum::default()
        };
        let happened = Sum { booked: 0, ..all };
        for (scope, id) in scopes {
            let Some(id) = id else { continue };
            let (all, counted) = if is_own(scope) {
                (happened, None)
            } else {
                (all, Some(counted))
            };
            let pairs = [
                (&mut self.days, booked.day, occurred.day),
                (&mut self.months, booked.month, occurred.month),
            ];
            for (sums, booked, occurred) in pairs {
                let place = |start| Place { start, org, scope, id };
                if booked == occurred {
                    plus(sums, place(booked), all)?;
                } else {
                    if let Some(counted) = counted {
                        plus(sums, place(booked), counted)?;
                    }
                    plus(sums, place(occurred), happened)?;
                }
            }
        }
        if let (Some(member), Some(activity)) = (event.member_id, event.activity) {
            let doing = Doing {
                start: occurred.month,
                org,
                member,
                activity,
            };
            let (amount, quantity, events) = self.activities.entry(doing).or_default();
            *amount = amount.checked_add(event.amount).ok_or_else(overflow)?;
            *quantity = quantity.checked_add(event.quantity).ok_or_else(overflow)?;
            *events += 1;
        }
        Ok(())
    }
}

fn plus(sums: &mut Map<Place, Sum>, place: Place, more: Sum) -> Result<()> {
    let sum = sums.entry(place).or_default();
    let add = |one: i64, other: i64| one.checked_add(other).ok_or_else(overflow);
    *sum = Sum {
        booked: add(sum.booked, more.booked)?,
        occurred: add(sum.occurred, more.occurred)?,
        quantity: add(sum.quantity, more.quantity)?,
        events: add(sum.events, more.events)?,
        cost: add(sum.cost, more.cost)?,
    };
    Ok(())
}

/// Sums in the order of their keys, so that writers meet rows in one order.
pub(super) fn sorted<K: Ord + Copy, V: Copy>(sums: &Map<K, V>) -> Vec<(K, V)> {
    let mut list: Vec<(K, V)> = sums.iter().map(|(key, sum)| (*key, *sum)).collect();
    list.sort_unstable_by_key(|(key, _)| *key);
    list
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn what_something_costs_is_checked_and_has_no_parts_of_millionths() {
        assert_eq!(cost(1_500_000, 20_000), Some(30_000), "1.5 credits at 0.02");
        assert_eq!(
            cost(-1_500_000, 20_000),
            Some(-30_000),
            "a correction takes as much back"
        );
        assert_eq!((cost(1, 1), cost(-1, 1), cost(7, 0)), (Some(0), Some(0), Some(0)));
        assert_eq!(
            cost(1_000_000_000_000_000, 1_000_000_000),
            Some(1_000_000_000_000_000_000)
        );
        assert_eq!(cost(i64::MAX, i64::MAX), None);
        assert_eq!(cost(1_000_000_000_000_000, 1_000_000_000_000), None);
    }
}
