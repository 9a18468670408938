//! The sums that pages of usage show, and the names of what they are of. They read the tables of metering, members, groups and keys.

use std::collections::HashSet;

use super::alerts::{Kind, Mark, SharedMark};
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, MemberId, OrgId, UserId},
    limits::Window,
    metering::Scope,
    record, sql,
};

record! {
    /// A sum of one thing.
    pub struct Sum {
        /// Which one.
        pub id: i64,
        /// Micro-credits, by when it happened.
        pub amount: i64,
        /// Events.
        pub events: i64,
    }
}

record! {
    /// A sum of a stretch of time.
    pub struct Stretch {
        /// When it began.
        pub start: Timestamp,
        /// Micro-credits, by when it happened.
        pub amount: i64,
        /// Events.
        pub events: i64,
    }
}

record! {
    /// A sum of a billing period.
    pub struct Period {
        /// When it began.
        pub start: Timestamp,
        /// Micro-credits, by when it happened.
        pub amount: i64,
        /// Micro-credits as limits count them, by when it was booked.
        pub booked: i64,
    }
}

record! {
    /// What counts for the limits of a member in a window, or in a bucket of it.
    pub struct Counted {
        /// The member.
        pub id: i64,
        /// Which window.
        pub period: Window,
        /// Micro-credits, by when it was booked.
        pub booked: i64,
        /// Micro-credits, by when it happened; for the month alone.
        pub occurred: i64,
    }
}

record! {
    /// What something is called.
    pub struct Named {
        /// Which one.
        pub id: i64,
        /// Its name.
        pub name: String,
    }
}

record! {
    /// Somebody who is told of an alert, and where.
    pub struct Person {
        /// The membership.
        pub member: MemberId,
        /// The account.
        pub user_id: UserId,
        /// The address.
        pub email: String,
        /// The name.
        pub name: String,
        /// What the organization is called.
        pub organization: String,
        /// Its place in addresses.
        pub slug: String,
        /// Its zone.
        pub zone: String,
    }
}

record! {
    /// A membership of a person and what was used by it since the beginning.
    pub struct Membership {
        /// The membership.
        pub member: MemberId,
        /// What the organization is called.
        pub organization: String,
        /// Its place in addresses.
        pub slug: String,
        /// What it counts in: 2 for its currency.
        pub display_unit: Option<i64>,
        /// That currency.
        pub currency: Option<String>,
        /// Whether whoever has it can open its pages now.
        pub acts: bool,
        /// Micro-credits.
        pub amount: i64,
        /// Events.
        pub events: i64,
    }
}

record! {
    /// Somebody who leads a group of a member.
    pub struct Lead {
        /// The member whom they lead.
        pub whose: MemberId,
        /// The group.
        pub group_id: GroupId,
        /// What it is called.
        pub group_name: String,
        /// The lead's account.
        pub user_id: UserId,
        /// The lead's address.
        pub email: String,
    }
}

record! {
    /// What an organization wants to be told.
    pub struct AlertSettings {
        /// Percents with commas between.
        pub thresholds: String,
        /// Whether administrators hear of used-up limits.
        pub tells_admins: bool,
        /// How many times an ordinary day is unusual.
        pub spike_factor: i64,
        /// Whether administrators hear who used nothing.
        pub tells_unused: bool,
        /// Rises with every change.
        pub version: i64,
    }
}

record! {
    /// A member of a group and what they have used, wherever it was booked.
    pub struct Spender {
        /// Who.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// The key of the picture.
        pub picture: Option<String>,
        /// Micro-credits, by when it happened.
        pub amount: i64,
        /// What all members of the group have come to, this one included.
        pub together: i64,
    }
}

sql! {
    INSERT_ALERTS: bulk (OrgId, MemberId, Kind, Window, Timestamp, i64, Timestamp) =
        "insert into usage_alerts (org_id, member_id, kind, period, start, part, at) values",
        " on conflict (org_id, member_id, kind, period, start, part) do nothing returning org_id, member_id, kind, period, start, part";
    INSERT_SHARED_ALERTS: bulk (OrgId, Scope, i64, Window, Timestamp, i64, Timestamp) =
        "insert into shared_alerts (org_id, scope, scope_id, period, start, part, at) values",
        " on conflict (org_id, scope, scope_id, period, start, part) do nothing returning org_id, scope, scope_id, period, start, part";
    GROUP_LEADS: (OrgId, GroupId, Timestamp) => (UserId, String) =
        "select m.user_id, m.email from group_members l join members m on m.id = l.member_id
         where l.org_id = $1 and l.group_id = $2 and l.is_lead = true and (l.expires_at is null or l.expires_at > $3)
           and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3) order by m.id limit 100";
    LAST_SPENDERS: (Timestamp, i64) => (OrgId, Scope, i64) =
        "select org_id, scope, scope_id from usage_days where start >= $1 and scope in (2, 3, 4) and events > 0 order by start desc, org_id, scope, scope_id limit $2";
    ALERT_SETTINGS: (OrgId) => AlertSettings = "select thresholds, tells_admins, spike_factor, tells_unused, version from alert_settings where org_id = $1";
    SAVE_ALERT_SETTINGS: (OrgId, String, bool, i64, bool, i64) => () =
        "insert into alert_settings (org_id, thresholds, tells_admins, spike_factor, tells_unused, version) values ($1, $2, $3, $4, $5, 1)
         on conflict (org_id) do update set thresholds = $2, tells_admins = $3, spike_factor = $4, tells_unused = $5, version = alert_settings.version + 1 where alert_settings.version = $6";
    DUE_REVIEWS: (Timestamp, i64) => (OrgId, Option<Timestamp>) =
        "select o.id, r.next_at from orgs o left join alert_reviews r on r.org_id = o.id where o.state = 1 and (r.next_at is null or r.next_at <= $1) order by o.id limit $2";
    SAVE_REVIEW: (OrgId, Timestamp) => () =
        "insert into alert_reviews (org_id, next_at) values ($1, $2) on conflict (org_id) do update set next_at = $2";
    UNUSED: (OrgId, Timestamp, i64) => Named =
        "select m.id, m.name from members m where m.org_id = $1 and m.status in (1, 2) and m.joined_at < $2
         and not exists (select 1 from usage_months u where u.org_id = $1 and u.scope = 3 and u.scope_id = m.id and u.start = $2 and u.events > 0) order by m.name_key, m.id limit $3";
    COUNT_UNUSED: (OrgId, Timestamp) => (i64,) =
        "select count(*) as n from members m where m.org_id = $1 and m.status in (1, 2) and m.joined_at < $2
         and not exists (select 1 from usage_months u where u.org_id = $1 and u.scope = 3 and u.scope_id = m.id and u.start = $2 and u.events > 0)";
    USED_IN: (OrgId, Timestamp) => (bool,) = "select exists (select 1 from usage_months where org_id = $1 and scope = 1 and scope_id = $1 and start = $2 and events > 0)";
    PEOPLE: (OrgId, String) => Person = {
        sqlite "select m.id as member, m.user_id, m.email, m.name, o.name as organization, o.slug, o.zone from members m join orgs o on o.id = m.org_id where m.org_id = $1 and m.id in (select value from json_each('[' || $2 || ']')) and m.status in (1, 2) and o.state = 1"
        postgres "select m.id as member, m.user_id, m.email, m.name, o.name as organization, o.slug, o.zone from members m join orgs o on o.id = m.org_id where m.org_id = $1 and m.id = any (cast(string_to_array($2, ',') as bigint[])) and m.status in (1, 2) and o.state = 1"
    };
    LEADS: (OrgId, String, Timestamp) => Lead = {
        sqlite "select gm.member_id as whose, g.id as group_id, g.name as group_name, m.user_id, m.email
                from group_members gm join groups g on g.id = gm.group_id join group_members l on l.org_id = $1 and l.group_id = gm.group_id
                join members m on m.id = l.member_id
                where gm.org_id = $1 and gm.member_id in (select value from json_each('[' || $2 || ']')) and (gm.expires_at is null or gm.expires_at > $3)
                  and l.is_lead = true and l.member_id <> gm.member_id and (l.expires_at is null or l.expires_at > $3)
                  and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3) order by gm.member_id, g.name, g.id, m.id"
        postgres "select gm.member_id as whose, g.id as group_id, g.name as group_name, m.user_id, m.email
                from group_members gm join groups g on g.id = gm.group_id join group_members l on l.org_id = $1 and l.group_id = gm.group_id
                join members m on m.id = l.member_id
                where gm.org_id = $1 and gm.member_id = any (cast(string_to_array($2, ',') as bigint[])) and (gm.expires_at is null or gm.expires_at > $3)
                  and l.is_lead = true and l.member_id <> gm.member_id and (l.expires_at is null or l.expires_at > $3)
                  and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3) order by gm.member_id, g.name, g.id, m.id"
    };
    SERIES: (OrgId, Scope, i64, String) => Stretch = {
        sqlite "select start, occurred as amount, events from usage_days where org_id = $1 and scope = $2 and scope_id = $3 and start in (select value from json_each('[' || $4 || ']'))"
        postgres "select start, occurred as amount, events from usage_days where org_id = $1 and scope = $2 and scope_id = $3 and start = any (cast(string_to_array($4, ',') as bigint[]))"
    };
    MONTHS: (OrgId, Scope, i64, i64) => Period =
        "select start, occurred as amount, booked from usage_months where org_id = $1 and scope = $2 and scope_id = $3 order by start desc limit $4";
    EVER: (OrgId, Scope, i64) => (i64, i64) =
        "select cast(coalesce(sum(occurred), 0) as bigint) as amount, cast(coalesce(sum(events), 0) as bigint) as events from usage_months where org_id = $1 and scope = $2 and scope_id = $3";
    OF_MONTH: (Timestamp, OrgId, Scope, i64) => Sum =
        "select scope_id as id, occurred as amount, events from usage_months where start = $1 and org_id = $2 and scope = $3 and (occurred <> 0 or events <> 0)
         order by occurred desc, scope_id limit $4";
    OF_MONTH_AFTER: (Timestamp, OrgId, Scope, i64, i64) => Sum =
        "select scope_id as id, occurred as amount, events from usage_months where start = $1 and org_id = $2 and scope = $3 and scope_id > $4 and (occurred <> 0 or events <> 0)
         order by scope_id limit $5";
    OF_STRETCHES: (OrgId, Scope, String, String, i64) => Sum = {
        sqlite "select id, cast(sum(amount) as integer) as amount, cast(sum(events) as integer) as events from (
                  select scope_id as id, occurred as amount, events from usage_months where org_id = $1 and scope = $2 and start in (select value from json_each('[' || $3 || ']'))
                  union all
                  select scope_id as id, occurred as amount, events from usage_days where org_id = $1 and scope = $2 and start in (select value from json_each('[' || $4 || ']'))
                ) s group by id having sum(amount) <> 0 or sum(events) <> 0 order by 2 desc, id limit $5"
        postgres "select id, cast(sum(amount) as bigint) as amount, cast(sum(events) as bigint) as events from (
                  select scope_id as id, occurred as amount, events from usage_months where org_id = $1 and scope = $2 and start = any (cast(string_to_array($3, ',') as bigint[]))
                  union all
                  select scope_id as id, occurred as amount, events from usage_days where org_id = $1 and scope = $2 and start = any (cast(string_to_array($4, ',') as bigint[]))
                ) s group by id having sum(amount) <> 0 or sum(events) <> 0 order by 2 desc, id limit $5"
    };
    OF_IDS: (OrgId, Scope, Timestamp, String) => Sum = {
        sqlite "select scope_id as id, occurred as amount, events from usage_months where org_id = $1 and scope = $2 and start = $3 and scope_id in (select value from json_each('[' || $4 || ']')) order by occurred desc, scope_id"
        postgres "select scope_id as id, occurred as amount, events from usage_months where org_id = $1 and scope = $2 and start = $3 and scope_id = any (cast(string_to_array($4, ',') as bigint[])) order by occurred desc, scope_id"
    };
    // The lists of beginnings are empty for windows in which nobody has a limit, and those parts then cost nothing. The order of the joins
    // keeps SQLite from reading a day of everybody: it goes by the whole key.
    COUNTED: (OrgId, Timestamp, String, String, String, String) => Counted = {
        sqlite "select u.scope_id as id, 1 as period, u.booked, 0 as occurred
                from json_each('[' || $4 || ']') d cross join json_each('[' || $3 || ']') m cross join usage_days u
                where u.start = d.value and u.org_id = $1 and u.scope = 3 and u.scope_id = m.value
                union all
                select u.scope_id, 2, u.booked, 0
                from json_each('[' || $5 || ']') d cross join json_each('[' || $3 || ']') m cross join usage_days u
                where u.start = d.value and u.org_id = $1 and u.scope = 3 and u.scope_id = m.value
                union all
                select scope_id, 3, booked, occurred from usage_months
                where org_id = $1 and scope = 3 and start = $2 and scope_id in (select value from json_each('[' || $3 || ']'))
                union all
                select scope_id, 4, cast(sum(booked) as integer), 0 from usage_months
                where org_id = $1 and scope = 3 and scope_id in (select value from json_each('[' || $6 || ']')) group by scope_id"
        postgres "select scope_id as id, cast(1 as bigint) as period, booked, cast(0 as bigint) as occurred from usage_days
                where org_id = $1 and scope = 3 and start = any (cast(string_to_array($4, ',') as bigint[])) and scope_id = any (cast(string_to_array($3, ',') as bigint[]))
                union all
                select scope_id, cast(2 as bigint), booked, cast(0 as bigint) from usage_days
                where org_id = $1 and scope = 3 and start = any (cast(string_to_array($5, ',') as bigint[])) and scope_id = any (cast(string_to_array($3, ',') as bigint[]))
                union all
                select scope_id, cast(3 as bigint), booked, occurred from usage_months
                where org_id = $1 and scope = 3 and start = $2 and scope_id = any (cast(string_to_array($3, ',') as bigint[]))
                union all
                select scope_id, cast(4 as bigint), cast(sum(booked) as bigint), cast(0 as bigint) from usage_months
                where org_id = $1 and scope = 3 and scope_id = any (cast(string_to_array($6, ',') as bigint[])) group by scope_id"
    };
    OF_MEMBER: (Timestamp, OrgId, i64, i64) => Sum =
        "select activity as id, amount, events from usage_activities where start = $1 and org_id = $2 and member_id = $3 order by amount desc, activity limit $4";
    SPENDERS: (Timestamp, OrgId) => (i64,) =
        "select count(*) as n from usage_months where start = $1 and org_id = $2 and scope = 3 and events > 0";
    MEMBERSHIPS: (UserId) => Membership =
        "select m.id as member, o.name as organization, o.slug, s.display_unit, s.currency, (m.status <= 2 and o.state = 1) as acts,
                cast(coalesce(sum(u.occurred), 0) as bigint) as amount, cast(coalesce(sum(u.events), 0) as bigint) as events
         from members m join orgs o on o.id = m.org_id left join limit_settings s on s.org_id = m.org_id
         left join usage_months u on u.org_id = m.org_id and u.scope = 3 and u.scope_id = m.id
         where m.user_id = $1 and m.status < 5 group by m.org_id, m.id, m.status, o.name, o.slug, o.state, s.display_unit, s.currency
         order by amount desc, m.org_id limit 50";
    OF_GROUP: (OrgId, GroupId, Timestamp, Timestamp) => Spender =
        "select m.id, m.name, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture, u.occurred as amount,
                cast(sum(u.occurred) over () as bigint) as together
         from group_members gm
         join usage_months u on u.start = $3 and u.org_id = $1 and u.scope = 3 and u.scope_id = gm.member_id
         join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 and (gm.expires_at is null or gm.expires_at > $4) and u.occurred > 0
         order by u.occurred desc, m.id limit 5";
    WORDS: (OrgId, String) => Named = {
        sqlite "select id, name from usage_names where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from usage_names where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    MEMBERS: (OrgId, String) => Named = {
        sqlite "select id, name from members where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from members where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    GROUPS: (OrgId, String) => Named = {
        sqlite "select id, name from groups where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from groups where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    SERVICES: (OrgId, String) => Named = {
        sqlite "select id, name from service_accounts where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from service_accounts where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    KEYS: (OrgId, String) => Named = {
        sqlite "select id, name from api_keys where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from api_keys where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    POOLS: (OrgId, String) => Named = {
        sqlite "select id, name from credit_pools where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from credit_pools where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    OWN_KEYS: (OrgId, i64) => Named = "select id, name from api_keys where org_id = $1 and member_id = $2 order by id limit 200";
}

/// Numbers with commas between, as statements take lists.
pub(super) fn list(numbers: impl IntoIterator<Item = i64>) -> String {
    let texts: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    texts.join(",")
}

/// The sums of one thing for buckets.
pub(super) async fn series(
    db: &mut impl Read,
    org: OrgId,
    scope: Scope,
    id: i64,
    starts: &str,
) -> Result<Vec<Stretch>> {
    db.all(SERIES, (org, scope, id, starts.to_owned())).await
}
/// The sums of one thing by billing period, the latest first.
pub(super) async fn months(db: &mut impl Read, org: OrgId, scope: Scope, id: i64, most: i64) -> Result<Vec<Period>> {
    db.all(MONTHS, (org, scope, id, most)).await
}
/// What one thing has come to since the beginning: micro-credits and events.
pub(super) async fn ever(db: &mut impl Read, org: OrgId, scope: Scope, id: i64) -> Result<(i64, i64)> {
    db.one(EVER, (org, scope, id)).await
}
/// The largest sums of a kind in a billing period.
pub(super) async fn of_month(
    db: &mut impl Read,
    month: Timestamp,
    org: OrgId,
    scope: Scope,
    most: i64,
) -> Result<Vec<Sum>> {
    db.all(OF_MONTH, (month, org, scope, most)).await
}
/// The sums of a kind in a billing period behind an id, in the order of ids.
pub(super) async fn of_month_after(
    db: &mut impl Read,
    (month, org, scope): (Timestamp, OrgId, Scope),
    after: i64,
    most: i64,
) -> Result<Vec<Sum>> {
    db.all(OF_MONTH_AFTER, (month, org, scope, after, most)).await
}
/// The largest sums of a kind in whole billing periods and buckets together, each named by its beginning.
pub(super) async fn of_stretches(
    db: &mut impl Read,
    org: OrgId,
    scope: Scope,
    (months, days): (String, String),
    most: i64,
) -> Result<Vec<Sum>> {
    db.all(OF_STRETCHES, (org, scope, months, days, most)).await
}
/// The sums of some things of a kind in a billing period.
pub(super) async fn of_ids(
    db: &mut impl Read,
    org: OrgId,
    scope: Scope,
    month: Timestamp,
    ids: String,
) -> Result<Vec<Sum>> {
    db.all(OF_IDS, (org, scope, month, ids)).await
}
/// What counts for the limits of some members, rows of one window to be added up: in the month that began at an instant, in the buckets of a day and of a week, and, of those
/// who are named last, ever.
pub(super) async fn counted(
    db: &mut impl Read,
    org: OrgId,
    month: Timestamp,
    ids: String,
    (days, weeks): (String, String),
    ever: String,
) -> Result<Vec<Counted>> {
    db.all(COUNTED, (org, month, ids, days, weeks, ever)).await
}
/// What a member did in a billing period, by activity.
pub(super) async fn of_member(
    db: &mut impl Read,
    month: Timestamp,
    org: OrgId,
    member: i64,
    most: i64,
) -> Result<Vec<Sum>> {
    db.all(OF_MEMBER, (month, org, member, most)).await
}
/// How many members used something in a billing period.
pub(super) async fn spenders(db: &mut impl Read, month: Timestamp, org: OrgId) -> Result<i64> {
    Ok(db.one(SPENDERS, (month, org)).await?.0)
}
/// Who of a group has used most in a billing period.
pub(super) async fn of_group(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    month: Timestamp,
    now: Timestamp,
) -> Result<Vec<Spender>> {
    db.all(OF_GROUP, (org, group, month, now)).await
}
/// The names of some things of a kind.
pub(super) async fn names(db: &mut impl Read, org: OrgId, scope: Scope, ids: String) -> Result<Vec<Named>> {
    let statement = match scope {
        Scope::Member => MEMBERS,
        Scope::Group => GROUPS,
        Scope::ServiceAccount => SERVICES,
        Scope::Key => KEYS,
        Scope::Pool => POOLS,
        Scope::Organization | Scope::Activity | Scope::App | Scope::Flow | Scope::Wallet | Scope::Allowance => WORDS,
    };
    db.all(statement, (org, ids)).await
}
/// The keys of a member.
pub(super) async fn own_keys(db: &mut impl Read, org: OrgId, member: i64) -> Result<Vec<Named>> {
    db.all(OWN_KEYS, (org, member)).await
}

/// Notes alerts and says which of them are new.
pub(super) async fn insert_alerts(tx: &mut Tx, marks: &[Mark], now: Timestamp) -> Result<HashSet<Mark>> {
    let rows = marks
        .iter()
        .map(|(org, member, kind, window, start, part)| (*org, *member, *kind, *window, *start, *part, now))
        .collect();
    let new: Vec<Mark> = tx.many_returning(INSERT_ALERTS, rows).await?;
    Ok(new.into_iter().collect())
}
/// Notes alerts about limits that many share, and says which of them are new.
pub(super) async fn insert_shared_alerts(
    tx: &mut Tx,
    marks: &[SharedMark],
    now: Timestamp,
) -> Result<HashSet<SharedMark>> {
    let rows = marks
        .iter()
        .map(|(org, scope, id, window, start, part)| (*org, *scope, *id, *window, *start, *part, now))
        .collect();
    let new: Vec<SharedMark> = tx.many_returning(INSERT_SHARED_ALERTS, rows).await?;
    Ok(new.into_iter().collect())
}
/// Who leads a group: the account and the address.
pub(super) async fn list_leads_of(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    now: Timestamp,
) -> Result<Vec<(UserId, String)>> {
    db.all(GROUP_LEADS, (org, group, now)).await
}
/// Who spent something in the days that began at an instant or later, the latest first, and the groups that it is put down to.
pub(super) async fn last_spenders(db: &mut impl Read, since: Timestamp, most: i64) -> Result<Vec<(OrgId, Scope, i64)>> {
    db.all(LAST_SPENDERS, (since, most)).await
}
/// What an organization wants to be told; none while it has said nothing.
pub(super) async fn find_alert_settings(db: &mut impl Read, org: OrgId) -> Result<Option<AlertSettings>> {
    db.opt(ALERT_SETTINGS, (org,)).await
}
/// Saves it; nothing when it was changed since `row.version`.
pub(super) async fn save_alert_settings(tx: &mut Tx, org: OrgId, row: AlertSettings) -> Result<u64> {
    let AlertSettings {
        thresholds,
        tells_admins,
        spike_factor,
        tells_unused,
        version,
    } = row;
    let row = (org, thresholds, tells_admins, spike_factor, tells_unused, version);
    tx.run(SAVE_ALERT_SETTINGS, row).await
}
/// The organizations whose month has ended since they were reviewed, and those that never were.
pub(super) async fn due_reviews(
    db: &mut impl Read,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(OrgId, Option<Timestamp>)>> {
    db.all(DUE_REVIEWS, (now, most)).await
}
/// Notes when an organization is next reviewed.
pub(super) async fn save_review(tx: &mut Tx, org: OrgId, next_at: Timestamp) -> Result<()> {
    tx.run(SAVE_REVIEW, (org, next_at)).await?;
    Ok(())
}
/// Who was there before a billing period began and used nothing in it, by name.
pub(super) async fn unused(db: &mut impl Read, org: OrgId, month: Timestamp, most: i64) -> Result<Vec<Named>> {
    db.all(UNUSED, (org, month, most)).await
}
/// How many they are.
pub(super) async fn count_unused(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<i64> {
    Ok(db.one(COUNT_UNUSED, (org, month)).await?.0)
}
/// Whether anything was used in a billing period.
pub(super) async fn used_in(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<bool> {
    Ok(db.one(USED_IN, (org, month)).await?.0)
}
/// Members who are told something, with their organization; those whose membership does not act are left out.
pub(super) async fn list_people(db: &mut impl Read, org: OrgId, members: String) -> Result<Vec<Person>> {
    db.all(PEOPLE, (org, members)).await
}
/// Who leads the groups that members belong to now, member by member, each group once for each of its leads but the member.
pub(super) async fn list_leads(db: &mut impl Read, org: OrgId, members: String, now: Timestamp) -> Result<Vec<Lead>> {
    db.all(LEADS, (org, members, now)).await
}
/// Everywhere that a person belongs, where they have used most first.
pub(super) async fn list_memberships(db: &mut impl Read, user: UserId) -> Result<Vec<Membership>> {
    db.all(MEMBERSHIPS, (user,)).await
}
