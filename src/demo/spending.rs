//! What the invented people have used in the last hundred days: the same for each of them in every run, counted back from now.

use std::sync::Arc;

use super::{KESTREL, api_keys};
use crate::{
    clock::{Timestamp, days, minutes},
    ids::{GroupId, MemberId, OrgId, PoolId},
    metering::{Account, Usage},
};

/// How many days back it reaches.
const DAYS: u64 = 100;
/// What people do with the platform, and how much of a day's use it is, in percent.
const ACTIVITIES: [(&str, &str, u64); 3] = [
    ("api.request", "gateway", 62),
    ("flow.run", "automations", 26),
    ("ui.request", "console", 12),
];
const FLOWS: [&str; 4] = ["Nightly evaluation", "Inventory sync", "Ticket triage", "Weekly report"];

/// Somebody who uses something.
pub(super) struct Spender {
    /// Whose usage differs from whose: an address, or the name of a key.
    pub name: &'static str,
    /// Where.
    pub org: OrgId,
    /// What the organization is called.
    pub org_name: &'static str,
    /// Who; none for a key of a group.
    pub member: Option<MemberId>,
    /// Through which key.
    pub key: Option<i64>,
    /// The group that it counts for.
    pub group: Option<GroupId>,
    /// The credit pool that it is drawn from, and at which price.
    pub pool: Option<PoolId>,
    pub price: Option<i64>,
    /// Days since it began.
    pub since: u64,
    /// Days ago when it ended; 0 for not.
    pub until: u64,
}

/// A number that looks random and is the same in every run.
fn noise(name: &str, salt: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^ (hash >> 29)
}

/// Micro-credits of a day that somebody comes to on average.
fn usual(spender: &Spender) -> u64 {
    let credits = match spender.name {
        "weilin.chen@kestrel.example" => 29,
        "farid.haddad@kestrel.example" => 21,
        name if api_keys::KEYS.iter().any(|key| key.name == name) => 6 + noise(name, 7) % 22,
        name => 2 + noise(name, 7) % 8,
    };
    let credits = if spender.org_name == KESTREL {
        credits
    } else {
        credits / 2 + 1
    };
    credits * 1_000_000
}

/// What somebody has used, the oldest first.
pub(super) fn of(spender: &Spender, now: Timestamp) -> Vec<(Account, Usage)> {
    let account = Account {
        org: spender.org,
        member: spender.member,
        service_account: None,
        key: spender.key,
        group: spender.group,
        pool: spender.pool,
        allowance: None,
        price: spender.price,
        by_wallet: false,
    };
    let first = spender.since.min(DAYS);
    let mut events = Vec::new();
    for ago in (spender.until..first).rev() {
        let weekday = (now.secs() / 86_400 - ago as i64 + 4).rem_euclid(7);
        let rest = if matches!(weekday, 0 | 6) { 3 } else { 10 };
        let luck = 60 + noise(spender.name, ago) % 80;
        let day = usual(spender) / 100 * luck / 10 * rest;
        // A little more each month.
        let day = day / 100 * (100 - ago.min(100) / 4);
        for (place, (activity, app, percent)) in ACTIVITIES.into_iter().enumerate() {
            let amount = (day / 100 * percent) as i64;
            if amount < 10_000 {
                continue;
            }
            let minute = 40 + noise(spender.name, ago * 7 + place as u64) % 480;
            let flow = (activity == "flow.run").then(|| FLOWS[(noise(spender.name, 3) % 4) as usize]);
            let usage = Usage {
                at: Some(now.minus(days(ago)).minus(minutes(minute))),
                quantity: amount / 3,
                activity: Some(Arc::from(activity)),
                app: Some(Arc::from(app)),
                flow: flow.map(Arc::from),
                ..Usage::new("demo", format!("{}/{ago}/{place}", spender.name), amount)
            };
            events.push((account, usage));
        }
    }
    events
}
