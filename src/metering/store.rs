//! SQL of the ledger and its sums.

use super::{
    Account, Kind, Scope,
    counters::Subject,
    rollup::{Doing, Place, Sum, Sums, sorted},
    usage::Key,
};
use crate::{
    clock::Timestamp,
    db::{Packet, Read, Tx},
    error::Result,
    ids::{MemberId, OrgId},
    limits::Window,
    record, sql,
};

record! {
    /// A row of the ledger.
    pub struct Event {
        /// The organization.
        pub org_id: OrgId,
        /// When it happened.
        pub at: Timestamp,
        /// Its identity.
        pub key: Vec<u8>,
        /// Usage or a correction.
        pub kind: Kind,
        /// Who used it.
        pub member_id: Option<i64>,
        /// Or which service account.
        pub service_account_id: Option<i64>,
        /// Through which key.
        pub key_id: Option<i64>,
        /// To which group it is attributed.
        pub group_id: Option<i64>,
        /// The activity's name.
        pub activity: Option<i64>,
        /// The app's name.
        pub app: Option<i64>,
        /// The flow's name.
        pub flow: Option<i64>,
        /// Micro-credits.
        pub amount: i64,
        /// Units, in millionths.
        pub quantity: i64,
        /// The price of a unit then.
        pub unit_price: Option<i64>,
        /// By which instant limits count it.
        pub booked_at: Timestamp,
        /// The reservation that it settles.
        pub reservation: Option<Vec<u8>>,
        /// All that was said, as a number.
        pub digest: i64,
        /// See `usage`.
        pub flags: i64,
        /// The credit pool that it was drawn from.
        pub pool_id: Option<i64>,
        /// What was moved from that pool to the member, of which it is a part.
        pub allowance_id: Option<i64>,
        /// Whether the member's wallet paid.
        pub wallet: bool,
    }
}

record! {
    /// The identity of a row.
    pub struct Ident {
        /// The organization.
        pub org_id: OrgId,
        /// When it happened.
        pub at: Timestamp,
        /// Its identity.
        pub key: Vec<u8>,
    }
}

record! {
    /// A sum as it is stored.
    pub struct SumRow {
        /// When the bucket or billing period began.
        pub start: Timestamp,
        /// The organization.
        pub org_id: OrgId,
        /// What is summed.
        pub scope: Scope,
        /// Which one of those.
        pub scope_id: i64,
        /// By booking.
        pub booked: i64,
        /// By happening.
        pub occurred: i64,
        /// Units.
        pub quantity: i64,
        /// Events.
        pub events: i64,
        /// What it cost, by happening.
        pub cost: i64,
    }
}

record! {
    /// A sum of a member's activity as it is stored.
    pub struct DoingRow {
        /// When the billing period began.
        pub start: Timestamp,
        /// The organization.
        pub org_id: OrgId,
        /// The member.
        pub member_id: i64,
        /// The activity.
        pub activity: i64,
        /// Micro-credits.
        pub amount: i64,
        /// Units.
        pub quantity: i64,
        /// Events.
        pub events: i64,
    }
}

/// How many events a message has at most; of more, the messages are the least of the cost.
pub(super) const MOST_AT_ONCE: usize = 128;
/// How many events a message may have.
const LEVELS: [usize; 14] = [1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 80, 104, MOST_AT_ONCE];
/// How many sums a few subjects have at most, and how many there are beside one for each event.
const FEW: usize = 8;

type EventRow = (
    OrgId,
    Timestamp,
    Vec<u8>,
    Kind,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
    Option<i64>,
    Timestamp,
    Option<Vec<u8>>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    bool,
);

sql! {
    INSERT: bulk (OrgId, Timestamp, Vec<u8>, Kind, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, i64, i64, Option<i64>, Timestamp, Option<Vec<u8>>, i64, i64, Option<i64>, Option<i64>, bool) =
        "insert into usage_events (org_id, at, key, kind, member_id, service_account_id, key_id, group_id, activity, app, flow, amount, quantity, unit_price, booked_at, reservation, digest, flags, pool_id, allowance_id, wallet) values",
        " on conflict (org_id, at, key) do nothing";
    INSERT_TOLD: bulk (OrgId, Timestamp, Vec<u8>, Kind, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, i64, i64, Option<i64>, Timestamp, Option<Vec<u8>>, i64, i64, Option<i64>, Option<i64>, bool) =
        "insert into usage_events (org_id, at, key, kind, member_id, service_account_id, key_id, group_id, activity, app, flow, amount, quantity, unit_price, booked_at, reservation, digest, flags, pool_id, allowance_id, wallet) values",
        " on conflict (org_id, at, key) do nothing returning org_id, at, key";
    DIGEST: (OrgId, Timestamp, Vec<u8>) => (i64, bool) = "select digest, wallet from usage_events where org_id = $1 and at = $2 and key = $3";
    CHARGED: (OrgId, Timestamp, Vec<u8>) => (Option<MemberId>, Option<i64>, Option<i64>) =
        "select member_id, service_account_id, key_id from usage_events where org_id = $1 and at = $2 and key = $3";
    UNTIMED: (OrgId, Vec<u8>) => (Timestamp,) = "select at from usage_untimed where org_id = $1 and key = $2";
    INSERT_UNTIMED: bulk (OrgId, Vec<u8>, Timestamp) = "insert into usage_untimed (org_id, key, at) values", " on conflict (org_id, key) do nothing";
    NAMES: (OrgId) => (i64, String) = "select id, name from usage_names where org_id = $1";
    INSERT_NAMES: bulk (OrgId, i64, String) = "insert into usage_names (org_id, id, name) values", "";
    ADD_DAYS: bulk (Timestamp, OrgId, Scope, i64, i64, i64, i64, i64, i64) =
        "insert into usage_days (start, org_id, scope, scope_id, booked, occurred, quantity, events, cost) values",
        " on conflict (start, org_id, scope, scope_id) do update set booked = usage_days.booked + excluded.booked, occurred = usage_days.occurred + excluded.occurred, quantity = usage_days.quantity + excluded.quantity, events = usage_days.events + excluded.events, cost = usage_days.cost + excluded.cost";
    ADD_MONTHS: bulk (Timestamp, OrgId, Scope, i64, i64, i64, i64, i64, i64) =
        "insert into usage_months (start, org_id, scope, scope_id, booked, occurred, quantity, events, cost) values",
        " on conflict (start, org_id, scope, scope_id) do update set booked = usage_months.booked + excluded.booked, occurred = usage_months.occurred + excluded.occurred, quantity = usage_months.quantity + excluded.quantity, events = usage_months.events + excluded.events, cost = usage_months.cost + excluded.cost";
    ADD_ACTIVITIES: bulk (Timestamp, OrgId, i64, i64, i64, i64, i64) =
        "insert into usage_activities (start, org_id, member_id, activity, amount, quantity, events) values",
        " on conflict (start, org_id, member_id, activity) do update set amount = usage_activities.amount + excluded.amount, quantity = usage_activities.quantity + excluded.quantity, events = usage_activities.events + excluded.events";
    SPENT: (OrgId, Scope, i64, String) => (i64,) = {
        sqlite "select cast(coalesce(sum(booked), 0) as integer) from usage_days where org_id = $1 and scope = $2 and scope_id = $3 and start in (select value from json_each('[' || $4 || ']'))"
        postgres "select cast(coalesce(sum(booked), 0) as bigint) from usage_days where org_id = $1 and scope = $2 and scope_id = $3 and start = any (cast(string_to_array($4, ',') as bigint[]))"
    };
    SPENT_EVER: (OrgId, Scope, i64) => (i64,) =
        "select cast(coalesce(sum(booked), 0) as bigint) from usage_months where org_id = $1 and scope = $2 and scope_id = $3";
    LATEST: () => (Timestamp,) = "select start from usage_days order by start desc limit 1";
    EVENTS: (OrgId, Timestamp, Vec<u8>, i64) => Event =
        "select org_id, at, key, kind, member_id, service_account_id, key_id, group_id, activity, app, flow, amount, quantity, unit_price, booked_at, reservation, digest, flags, pool_id, allowance_id, wallet
         from usage_events where org_id = $1 and (at, key) > ($2, $3) order by at, key limit $4";
    DAYS: (Timestamp, OrgId, Scope, i64, i64) => SumRow =
        "select start, org_id, scope, scope_id, booked, occurred, quantity, events, cost from usage_days where (start, org_id, scope, scope_id) > ($1, $2, $3, $4) order by start, org_id, scope, scope_id limit $5";
    MONTHS: (Timestamp, OrgId, Scope, i64, i64) => SumRow =
        "select start, org_id, scope, scope_id, booked, occurred, quantity, events, cost from usage_months where (start, org_id, scope, scope_id) > ($1, $2, $3, $4) order by start, org_id, scope, scope_id limit $5";
    ACTIVITIES: (Timestamp, OrgId, i64, i64, i64) => DoingRow =
        "select start, org_id, member_id, activity, amount, quantity, events from usage_activities where (start, org_id, member_id, activity) > ($1, $2, $3, $4) order by start, org_id, member_id, activity limit $5";
    DELETE_DAY: (Timestamp, OrgId, Scope, i64) => () = "delete from usage_days where start = $1 and org_id = $2 and scope = $3 and scope_id = $4";
    DELETE_MONTH: (Timestamp, OrgId, Scope, i64) => () = "delete from usage_months where start = $1 and org_id = $2 and scope = $3 and scope_id = $4";
    DELETE_ACTIVITY: (Timestamp, OrgId, i64, i64) => () =
        "delete from usage_activities where start = $1 and org_id = $2 and member_id = $3 and activity = $4";
    SNAPSHOT: () => () = { sqlite "select 1" postgres "set transaction isolation level repeatable read" };
    ORGS: () => (OrgId, String) = "select id, name from orgs order by id";
}

fn row(event: Event) -> EventRow {
    (
        event.org_id,
        event.at,
        event.key,
        event.kind,
        event.member_id,
        event.service_account_id,
        event.key_id,
        event.group_id,
        event.activity,
        event.app,
        event.flow,
        event.amount,
        event.quantity,
        event.unit_price,
        event.booked_at,
        event.reservation,
        event.digest,
        event.flags,
        event.pool_id,
        event.allowance_id,
        event.wallet,
    )
}

/// Inserts events; how many were new.
pub(super) async fn insert(tx: &mut Tx, events: &[Event]) -> Result<u64> {
    let Some(last) = events.last() else { return Ok(0) };
    // An event that is there already changes nothing.
    let rows = events.iter().cloned().map(row).collect();
    tx.many_filled(INSERT, rows, || row(last.clone())).await
}
/// How many rows of each insert a message has: of events, of sums by bucket and by period, of activities.
///
/// Each combination is a text of its own whose statements stay prepared, so there are few of them. What most platforms send is either much
/// of few subjects or little of many.
fn lengths(events: usize, sums: usize, activities: usize) -> Option<(usize, usize, usize)> {
    let level = *LEVELS.iter().find(|level| **level >= events)?;
    let sums = [FEW, level + FEW, 2 * level + FEW]
        .into_iter()
        .find(|most| *most >= sums)?;
    let activities = [1, level].into_iter().find(|most| *most >= activities)?;
    Some((level, sums, activities))
}

/// Inserts and sums as one message; none when there are more of them than one takes.
pub(super) fn packet(events: Vec<Event>, sums: &Sums) -> Result<Option<Packet>> {
    let most = sums.days.len().max(sums.months.len());
    let Some(lengths) = lengths(events.len(), most, sums.activities.len()) else {
        return Ok(None);
    };
    let mut packet = Packet::default();
    if let Some(last) = events.last().cloned() {
        packet.insert(INSERT, events.into_iter().map(row), lengths.0, || row(last.clone()))?;
    }
    for (statement, sums) in [(ADD_DAYS, &sums.days), (ADD_MONTHS, &sums.months)] {
        let sums = sorted(sums);
        if let Some((last, _)) = sums.last().copied() {
            let idle = || sum_row((last, Sum::default()));
            packet.insert(statement, sums.into_iter().map(sum_row), lengths.1, idle)?;
        }
    }
    let activities = sorted(&sums.activities);
    if let Some((last, _)) = activities.last().copied() {
        let idle = || doing_row((last, (0, 0, 0)));
        packet.insert(ADD_ACTIVITIES, activities.into_iter().map(doing_row), lengths.2, idle)?;
    }
    Ok(Some(packet))
}
/// Inserts events and says which were new.
pub(super) async fn insert_told(tx: &mut Tx, events: impl IntoIterator<Item = Event>) -> Result<Vec<Ident>> {
    tx.many_returning(INSERT_TOLD, events.into_iter().map(row).collect())
        .await
}
/// The digest of an event and whether a wallet paid for it, if it is there.
pub(super) async fn find_digest(
    db: &mut impl Read,
    org: OrgId,
    at: Timestamp,
    key: Key,
) -> Result<Option<(i64, bool)>> {
    db.opt(DIGEST, (org, at, key)).await
}
/// Whom an event in the ledger was charged to.
pub(super) async fn find_charged(db: &mut impl Read, org: OrgId, at: Timestamp, key: Key) -> Result<Option<Account>> {
    let found = db.opt(CHARGED, (org, at, key)).await?;
    Ok(found.map(|(member, service_account, key)| Account {
        member,
        service_account,
        key,
        ..Account::nobody(org)
    }))
}
/// When an event without a time came first.
pub(super) async fn find_untimed(db: &mut impl Read, org: OrgId, key: Key) -> Result<Option<Timestamp>> {
    Ok(db.opt(UNTIMED, (org, key)).await?.map(|row| row.0))
}
/// Notes when events without a time came; how many of them are new.
pub(super) async fn insert_untimed(tx: &mut Tx, rows: Vec<(OrgId, Vec<u8>, Timestamp)>) -> Result<u64> {
    let Some(last) = rows.last().cloned() else {
        return Ok(0);
    };
    tx.many_filled(INSERT_UNTIMED, rows, || last.clone()).await
}
pub(super) async fn list_names(db: &mut impl Read, org: OrgId) -> Result<Vec<(i64, String)>> {
    db.all(NAMES, (org,)).await
}
pub(super) async fn insert_names(tx: &mut Tx, rows: Vec<(OrgId, i64, String)>) -> Result<()> {
    tx.many(INSERT_NAMES, rows).await?;
    Ok(())
}

fn sum_row((place, sum): (Place, Sum)) -> (Timestamp, OrgId, Scope, i64, i64, i64, i64, i64, i64) {
    (
        place.start,
        place.org,
        place.scope,
        place.id,
        sum.booked,
        sum.occurred,
        sum.quantity,
        sum.events,
        sum.cost,
    )
}

fn doing_row(
    (doing, (amount, quantity, events)): (Doing, (i64, i64, i64)),
) -> (Timestamp, OrgId, i64, i64, i64, i64, i64) {
    (
        doing.start,
        doing.org,
        doing.member,
        doing.activity,
        amount,
        quantity,
        events,
    )
}

/// Adds sums to those that are stored.
pub(super) async fn add(tx: &mut Tx, sums: &Sums) -> Result<()> {
    for (statement, sums) in [(ADD_DAYS, &sums.days), (ADD_MONTHS, &sums.months)] {
        let sums = sorted(sums);
        if let Some((last, _)) = sums.last().copied() {
            let rows = sums.into_iter().map(sum_row).collect();
            tx.many_filled(statement, rows, || sum_row((last, Sum::default())))
                .await?;
        }
    }
    let activities = sorted(&sums.activities);
    if let Some((last, _)) = activities.last().copied() {
        let rows = activities.into_iter().map(doing_row).collect();
        tx.many_filled(ADD_ACTIVITIES, rows, || doing_row((last, (0, 0, 0))))
            .await?;
    }
    Ok(())
}

/// What a subject has spent in a window whose buckets begin at `starts`.
pub(super) async fn spent(db: &mut impl Read, subject: Subject, window: Window, starts: &str) -> Result<i64> {
    let Subject { org, scope, id } = subject;
    Ok(match window {
        Window::Total => db.one(SPENT_EVER, (org, scope, id)).await?.0,
        Window::Day | Window::Week | Window::Month => db.one(SPENT, (org, scope, id, starts)).await?.0,
    })
}
/// The beginning of the latest bucket of all.
pub(super) async fn find_latest(db: &mut impl Read) -> Result<Option<Timestamp>> {
    Ok(db.opt(LATEST, ()).await?.map(|row| row.0))
}
/// Lets a transaction see one state of everything, from its first statement on.
pub(super) async fn hold_still(tx: &mut Tx) -> Result<()> {
    tx.run(SNAPSHOT, ()).await?;
    Ok(())
}
/// The organizations with their names.
pub(super) async fn list_orgs(db: &mut impl Read) -> Result<Vec<(OrgId, String)>> {
    db.all(ORGS, ()).await
}
/// The events of an organization behind one, in order.
pub(super) async fn list_events(
    db: &mut impl Read,
    org: OrgId,
    after: (Timestamp, Vec<u8>),
    limit: i64,
) -> Result<Vec<Event>> {
    db.all(EVENTS, (org, after.0, after.1, limit)).await
}
/// Stored sums behind one, in order: of buckets, or of billing periods.
pub(super) async fn list_sums(db: &mut impl Read, by_month: bool, after: Place, limit: i64) -> Result<Vec<SumRow>> {
    let statement = if by_month { MONTHS } else { DAYS };
    db.all(statement, (after.start, after.org, after.scope, after.id, limit))
        .await
}
/// Stored sums of activities behind one, in order.
pub(super) async fn list_activities(db: &mut impl Read, after: Doing, limit: i64) -> Result<Vec<DoingRow>> {
    db.all(
        ACTIVITIES,
        (after.start, after.org, after.member, after.activity, limit),
    )
    .await
}
pub(super) async fn delete_sum(tx: &mut Tx, by_month: bool, place: Place) -> Result<()> {
    let statement = if by_month { DELETE_MONTH } else { DELETE_DAY };
    tx.run(statement, (place.start, place.org, place.scope, place.id))
        .await?;
    Ok(())
}
pub(super) async fn delete_activity(tx: &mut Tx, doing: Doing) -> Result<()> {
    tx.run(DELETE_ACTIVITY, (doing.start, doing.org, doing.member, doing.activity))
        .await?;
    Ok(())
}
