//! SQL of credit pools, allowances and wallets. It reads members for names and for who draws from what, and the sums of usage for what
//! was spent; it writes which pool a member draws from and raises the member's version with it (declared exceptions).

use super::{
    entry::Kind,
    pool::{Mode, Pool},
    wallet,
};
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{MemberId, OrgId, PoolId},
    record, sql,
};

record! {
    /// The pool that somebody draws from.
    pub struct Drawn {
        /// Its id.
        pub id: PoolId,
        /// Its name.
        pub name: String,
        /// How its credits reach people.
        pub mode: Mode,
        /// What a credit costs, in millionths of its currency.
        pub price: i64,
        /// Whether its credits run out.
        pub is_limited: bool,
        /// When nothing is left of it.
        pub valid_until: Option<Timestamp>,
        /// What was put into it.
        pub granted: i64,
        /// What of that is with members.
        pub allocated: i64,
    }
}

record! {
    /// How a member stands with a pool in a billing period.
    pub struct Standing {
        /// The member.
        pub member_id: MemberId,
        /// What was moved to them; none for nothing yet.
        pub id: Option<i64>,
        /// How much is with them, spent or not.
        pub amount: Option<i64>,
        /// When the rest was moved back.
        pub closed_at: Option<Timestamp>,
        /// When it is looked at again.
        pub look_at: Option<Timestamp>,
        /// What was spent of it.
        pub spent: i64,
        /// What counts for the member's monthly limit, out of whatever it was paid.
        pub booked: i64,
        /// How many other allowances of theirs are open.
        pub others_open: i64,
    }
}

record! {
    /// What was moved to a member, and what was spent of it.
    pub struct Moved {
        /// Its id.
        pub id: i64,
        /// The organization.
        pub org_id: OrgId,
        /// Out of which pool.
        pub pool_id: PoolId,
        /// To whom.
        pub member_id: MemberId,
        /// When the period began.
        pub start: Timestamp,
        /// How much is with them.
        pub amount: i64,
        /// When the rest was moved back.
        pub closed_at: Option<Timestamp>,
        /// What was spent of it.
        pub spent: i64,
        /// The price of the pool.
        pub price: i64,
    }
}

record! {
    /// A line of a pool's statement.
    pub struct Entry {
        /// Its id.
        pub id: i64,
        /// What happened.
        pub kind: Kind,
        /// What it does to the balance.
        pub amount: i64,
        /// The price then.
        pub price: i64,
        /// Why.
        pub note: String,
        /// Who did it.
        pub set_by: String,
        /// When.
        pub at: Timestamp,
        /// To or from whom.
        pub member_id: Option<MemberId>,
        /// Their name.
        pub member_name: Option<String>,
        /// For the period that began then.
        pub start: Option<Timestamp>,
    }
}

record! {
    /// A line of a wallet's statement.
    pub struct WalletEntry {
        /// What happened.
        pub kind: wallet::Kind,
        /// What it does to the balance.
        pub amount: i64,
        /// Why.
        pub note: String,
        /// Who did it.
        pub set_by: String,
        /// When.
        pub at: Timestamp,
    }
}

record! {
    /// What was drawn from a pool.
    pub struct Use {
        /// The pool.
        pub id: i64,
        /// Since the beginning, as limits count it.
        pub spent: i64,
        /// In the period that was asked for, by when it happened.
        pub used: i64,
        /// What that cost.
        pub cost: i64,
    }
}

record! {
    /// Somebody who draws from a pool.
    pub struct Drawer {
        /// The membership.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// What they used in the period, by when it happened.
        pub used: i64,
        /// What is with them for the period.
        pub amount: Option<i64>,
        /// What was spent of that.
        pub spent: i64,
        /// Whether they draw from it because they have no other pool.
        pub by_default: bool,
    }
}

record! {
    /// A pool as the worker sees it.
    pub struct Work {
        /// Its id.
        pub id: PoolId,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub name: String,
        /// Whether members without another pool draw from it.
        pub is_default: bool,
        /// What a credit costs.
        pub price: i64,
        /// When nothing is left.
        pub valid_until: Option<Timestamp>,
        /// When it was last looked through.
        pub looked_at: Timestamp,
        /// As of which row of the record.
        pub looked_seq: i64,
        /// For the period that began then.
        pub looked_for: Timestamp,
    }
}

record! {
    /// A pool whose sums are verified.
    pub struct Checked {
        /// Its id.
        pub id: i64,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub name: String,
        /// How its credits reach people.
        pub mode: Mode,
        /// What it says was put into it.
        pub granted: i64,
        /// What it says is with members.
        pub allocated: i64,
        /// What its entries say was put into it.
        pub entered: i64,
        /// What its entries say is with members.
        pub moved: i64,
        /// What its allowances hold.
        pub held: i64,
    }
}

record! {
    /// An allowance whose sums are verified.
    pub struct CheckedAllowance {
        /// Its id.
        pub id: i64,
        /// The pool.
        pub pool_id: i64,
        /// How much is with the member.
        pub amount: i64,
        /// Whether the rest was moved back, and late settlements are waited for no more.
        pub is_final: bool,
        /// What its entries say.
        pub entered: i64,
    }
}

type NewEntry = (
    i64,
    OrgId,
    PoolId,
    Option<i64>,
    Option<i64>,
    Kind,
    i64,
    i64,
    String,
    String,
    Timestamp,
    Option<Timestamp>,
);

sql! {
    LIST: (OrgId) => Pool =
        "select id, name, credit_type, currency, price, mode, is_limited, is_default, valid_until, archived_at, granted, allocated, created_at, created_by, version
         from credit_pools where org_id = $1 order by case when archived_at is null then 0 else 1 end, name_key limit 500";
    FIND: (OrgId, PoolId) => Pool =
        "select id, name, credit_type, currency, price, mode, is_limited, is_default, valid_until, archived_at, granted, allocated, created_at, created_by, version
         from credit_pools where org_id = $1 and id = $2";
    INSERT: (PoolId, OrgId, String, String, String, String, i64, Mode, bool, bool, Option<Timestamp>, Timestamp, String) => () =
        "insert into credit_pools (id, org_id, name, name_key, credit_type, currency, price, mode, is_limited, is_default, valid_until, created_at, created_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    UPDATE: (OrgId, PoolId, String, String, String, i64, bool, bool, Option<Timestamp>) => () =
        "update credit_pools set name = $3, name_key = $4, credit_type = $5, price = $6, is_limited = $7, is_default = $8, valid_until = $9, version = version + 1 where org_id = $1 and id = $2";
    NO_DEFAULT: (OrgId) => () = { sqlite "update credit_pools set is_default = 0 where org_id = $1 and is_default" postgres "update credit_pools set is_default = false where org_id = $1 and is_default" };
    ARCHIVE: (OrgId, PoolId, Timestamp, String) => () = {
        sqlite "update credit_pools set archived_at = $3, name_key = $4, is_default = 0, version = version + 1 where org_id = $1 and id = $2"
        postgres "update credit_pools set archived_at = $3, name_key = $4, is_default = false, version = version + 1 where org_id = $1 and id = $2"
    };
    ADD: (OrgId, PoolId, i64, i64) => () =
        "update credit_pools set granted = granted + $3, allocated = allocated + $4 where org_id = $1 and id = $2";
    TOUCH: (OrgId, PoolId) => () = "update credit_pools set version = version + 1 where org_id = $1 and id = $2";
    LOOKED: (OrgId, PoolId, Timestamp, i64, Timestamp) => () =
        "update credit_pools set looked_at = $3, looked_seq = $4, looked_for = $5 where org_id = $1 and id = $2";
    INSERT_ENTRIES: bulk (i64, OrgId, PoolId, Option<i64>, Option<i64>, Kind, i64, i64, String, String, Timestamp, Option<Timestamp>) =
        "insert into credit_entries (id, org_id, pool_id, member_id, allowance_id, kind, amount, price, note, set_by, at, start) values", "";
    ENTRIES: (OrgId, PoolId, i64, i64) => Entry =
        "select e.id, e.kind, e.amount, e.price, e.note, e.set_by, e.at, e.member_id, m.name as member_name, e.start
         from credit_entries e left join members m on m.id = e.member_id where e.org_id = $1 and e.pool_id = $2 and e.id < $3 order by e.id desc limit $4";
    COUNT_ENTRIES: (OrgId, PoolId) => (i64,) = "select count(*) as n from credit_entries where org_id = $1 and pool_id = $2";
    BY_KIND: (OrgId, PoolId) => (Kind, i64) =
        "select kind, cast(sum(amount) as bigint) as amount from credit_entries where org_id = $1 and pool_id = $2 group by kind order by kind";
    DRAWN: (OrgId, i64) => Drawn =
        "select p.id, p.name, p.mode, p.price, p.is_limited, p.valid_until, p.granted, p.allocated from credit_pools p
         where p.org_id = $1 and p.archived_at is null and (p.is_default or p.id = (select m.pool_id from members m where m.org_id = $1 and m.id = $2)) order by p.is_default limit 1";
    POOL_OF: (OrgId, MemberId) => (Option<PoolId>,) = "select pool_id from members where org_id = $1 and id = $2";
    SET_POOL: (OrgId, MemberId, Option<PoolId>) => () = "update members set pool_id = $3, version = version + 1 where org_id = $1 and id = $2";
    POOLS_OF: (OrgId, String) => (MemberId, Option<PoolId>) = {
        sqlite "select id, pool_id from members where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, pool_id from members where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    SET_POOLS: (OrgId, String, Option<PoolId>) => () = {
        sqlite "update members set pool_id = $3, version = version + 1 where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set pool_id = $3, version = version + 1 where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    TOUCH_MEMBER: (OrgId, MemberId) => () = "update members set version = version + 1 where org_id = $1 and id = $2";
    PEOPLE: (OrgId) => (Option<PoolId>, i64) =
        "select case when p.id is null then d.id else p.id end as pool_id, count(*) as n from members m
         left join credit_pools p on p.id = m.pool_id and p.archived_at is null
         left join credit_pools d on d.org_id = $1 and d.is_default and d.archived_at is null
         where m.org_id = $1 and m.status < 4 group by 1";
    USES: (OrgId, Timestamp) => Use =
        "select p.id, cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 9 and u.scope_id = p.id), 0) as bigint) as spent,
                coalesce((select u.occurred from usage_months u where u.start = $2 and u.org_id = $1 and u.scope = 9 and u.scope_id = p.id), 0) as used,
                coalesce((select u.cost from usage_months u where u.start = $2 and u.org_id = $1 and u.scope = 9 and u.scope_id = p.id), 0) as cost
         from credit_pools p where p.org_id = $1";
    SPENT: (OrgId, PoolId) => (i64,) =
        "select cast(coalesce(sum(booked), 0) as bigint) as spent from usage_months where org_id = $1 and scope = 9 and scope_id = $2";
    DRAWERS: (OrgId, PoolId, bool, Timestamp, MemberId, i64) => Drawer =
        "select m.id, m.name, coalesce((select u.occurred from usage_months u where u.start = $4 and u.org_id = $1 and u.scope = 3 and u.scope_id = m.id), 0) as used, a.amount,
                cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent,
                (m.pool_id is null or m.pool_id <> $2) as by_default
         from members m left join credit_allowances a on a.org_id = $1 and a.pool_id = $2 and a.member_id = m.id and a.start = $4
         where m.org_id = $1 and m.status < 4 and m.id > $5
         and (m.pool_id = $2 or ($3 and (m.pool_id is null or exists (select 1 from credit_pools o where o.id = m.pool_id and o.archived_at is not null))))
         order by m.id limit $6";
    RECEIVERS: (OrgId, PoolId, bool, Timestamp, MemberId, i64) => (MemberId,) =
        "select m.id from members m where m.org_id = $1 and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $4) and m.id > $5
         and (m.pool_id = $2 or ($3 and (m.pool_id is null or exists (select 1 from credit_pools o where o.id = m.pool_id and o.archived_at is not null))))
         order by m.id limit $6";
    STANDINGS: (OrgId, PoolId, Timestamp, String) => Standing = {
        sqlite "select m.id as member_id, a.id, a.amount, a.closed_at, a.look_at,
                  cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 11 and u.scope_id = a.id), 0) as integer) as spent,
                  cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 3 and u.scope_id = m.id and u.start = $3), 0) as integer) as booked,
                  (select count(*) from credit_allowances o where o.member_id = m.id and o.org_id = $1 and o.closed_at is null and (o.start <> $3 or o.pool_id <> $2)) as others_open
                from members m left join credit_allowances a on a.org_id = $1 and a.pool_id = $2 and a.member_id = m.id and a.start = $3
                where m.org_id = $1 and m.id in (select value from json_each('[' || $4 || ']')) order by m.id"
        postgres "select m.id as member_id, a.id, a.amount, a.closed_at, a.look_at,
                  cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent,
                  cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = $1 and u.scope = 3 and u.scope_id = m.id and u.start = $3), 0) as bigint) as booked,
                  (select count(*) from credit_allowances o where o.member_id = m.id and o.org_id = $1 and o.closed_at is null and (o.start <> $3 or o.pool_id <> $2)) as others_open
                from members m left join credit_allowances a on a.org_id = $1 and a.pool_id = $2 and a.member_id = m.id and a.start = $3
                where m.org_id = $1 and m.id = any (cast(string_to_array($4, ',') as bigint[])) order by m.id"
    };
    SAVE_ALLOWANCES: bulk (i64, OrgId, PoolId, MemberId, Timestamp, i64, Option<Timestamp>, Option<Timestamp>) =
        "insert into credit_allowances (id, org_id, pool_id, member_id, start, amount, closed_at, look_at) values",
        " on conflict (id) do update set amount = excluded.amount, closed_at = excluded.closed_at, look_at = excluded.look_at";
    OPEN_OF: (OrgId, MemberId, PoolId, Timestamp) => Moved =
        "select a.id, a.org_id, a.pool_id, a.member_id, a.start, a.amount, a.closed_at,
           cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = a.org_id and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent, p.price
         from credit_allowances a join credit_pools p on p.id = a.pool_id
         where a.org_id = $1 and a.member_id = $2 and a.closed_at is null and (a.start <> $4 or a.pool_id <> $3) order by a.id";
    OVER: (OrgId, Timestamp, i64) => Moved =
        "select a.id, a.org_id, a.pool_id, a.member_id, a.start, a.amount, a.closed_at,
           cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = a.org_id and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent, p.price
         from credit_allowances a join credit_pools p on p.id = a.pool_id
         where a.org_id = $1 and a.closed_at is null and a.start < $2 order by a.start, a.id limit $3";
    LEFT: (OrgId, Timestamp, i64, i64) => Moved =
        "select a.id, a.org_id, a.pool_id, a.member_id, a.start, a.amount, a.closed_at,
           cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = a.org_id and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent, p.price
         from credit_allowances a join credit_pools p on p.id = a.pool_id join members m on m.id = a.member_id
         where a.org_id = $1 and a.closed_at is null and a.id > $3
         and (m.status in (4, 5) or m.expires_at <= $2 or p.archived_at is not null or p.valid_until <= $2
           or (m.pool_id <> a.pool_id and exists (select 1 from credit_pools o where o.id = m.pool_id and o.archived_at is null))
           or (not p.is_default and (m.pool_id is null or m.pool_id <> a.pool_id)))
         order by a.id limit $4";
    LOOKS: (Timestamp, i64) => Moved =
        "select a.id, a.org_id, a.pool_id, a.member_id, a.start, a.amount, a.closed_at,
           cast(coalesce((select sum(u.booked) from usage_months u where u.org_id = a.org_id and u.scope = 11 and u.scope_id = a.id), 0) as bigint) as spent, p.price
         from credit_allowances a join credit_pools p on p.id = a.pool_id where a.look_at <= $1 order by a.look_at, a.id limit $2";
    WORK: () => Work =
        "select id, org_id, name, is_default, price, valid_until, looked_at, looked_seq, looked_for from credit_pools where mode = 2 order by org_id, id";
    LIVE: (OrgId, PoolId) => (bool,) = "select archived_at is null as is_live from credit_pools where org_id = $1 and id = $2";
    ENDED: (Timestamp) => Work =
        "select id, org_id, name, is_default, price, valid_until, looked_at, looked_seq, looked_for from credit_pools
         where valid_until <= $1 and archived_at is null order by valid_until, id limit 500";
    WALLET_SETTINGS: (OrgId) => (bool, i64) = "select is_on, version from wallet_settings where org_id = $1";
    SAVE_WALLET_SETTINGS: (OrgId, bool, i64) => () =
        "insert into wallet_settings (org_id, is_on, version) values ($1, $2, 1)
         on conflict (org_id) do update set is_on = $2, version = wallet_settings.version + 1 where wallet_settings.version = $3";
    WALLET: (OrgId, i64) => (bool, i64, i64) = {
        sqlite "select coalesce((select is_on from wallet_settings where org_id = $1), 0) as is_on,
                  cast(coalesce((select sum(amount) from wallet_entries where org_id = $1 and member_id = $2), 0) as integer) as put,
                  cast(coalesce((select sum(booked) from usage_months where org_id = $1 and scope = 10 and scope_id = $2), 0) as integer) as spent"
        postgres "select coalesce((select is_on from wallet_settings where org_id = $1), false) as is_on,
                  cast(coalesce((select sum(amount) from wallet_entries where org_id = $1 and member_id = $2), 0) as bigint) as put,
                  cast(coalesce((select sum(booked) from usage_months where org_id = $1 and scope = 10 and scope_id = $2), 0) as bigint) as spent"
    };
    INSERT_WALLET: (i64, OrgId, MemberId, wallet::Kind, i64, String, String, Timestamp) => () =
        "insert into wallet_entries (id, org_id, member_id, kind, amount, note, set_by, at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    WALLET_ENTRIES: (OrgId, MemberId, i64) => WalletEntry =
        "select kind, amount, note, set_by, at from wallet_entries where org_id = $1 and member_id = $2 order by id desc limit $3";
    WALLET_PAID: (OrgId, i64, i64) => (Timestamp, i64) =
        "select start, booked from usage_months where org_id = $1 and scope = 10 and scope_id = $2 and booked <> 0 order by start desc limit $3";
    CHECKED: () => Checked =
        "select p.id, p.org_id, p.name, p.mode, p.granted, p.allocated,
           cast(coalesce((select sum(e.amount) from credit_entries e where e.org_id = p.org_id and e.pool_id = p.id and e.member_id is null), 0) as bigint) as entered,
           cast(coalesce((select -sum(e.amount) from credit_entries e where e.org_id = p.org_id and e.pool_id = p.id and e.member_id is not null), 0) as bigint) as moved,
           cast(coalesce((select sum(a.amount) from credit_allowances a where a.org_id = p.org_id and a.pool_id = p.id), 0) as bigint) as held
         from credit_pools p order by p.org_id, p.id";
    CHECKED_ALLOWANCES: (OrgId, i64, i64) => CheckedAllowance =
        "select a.id, a.pool_id, a.amount, (a.closed_at is not null and a.look_at is null) as is_final,
           cast(coalesce((select -sum(e.amount) from credit_entries e where e.org_id = $1 and e.pool_id = a.pool_id and e.member_id = a.member_id and e.allowance_id = a.id), 0) as bigint) as entered
         from credit_allowances a where a.org_id = $1 and a.id > $2 order by a.id limit $3";
    COSTS: (OrgId, Timestamp) => (String, i64) =
        "select p.currency, cast(sum(u.cost) as bigint) as cost from usage_months u join credit_pools p on p.id = u.scope_id
         where u.start = $2 and u.org_id = $1 and u.scope = 9 group by p.currency order by p.currency";
    COSTS_BY_POOL: (OrgId, Timestamp) => (i64, String, i64) =
        "select p.id, p.currency, u.cost from usage_months u join credit_pools p on p.id = u.scope_id where u.start = $2 and u.org_id = $1 and u.scope = 9";
    COSTS_BY_POOL_OF_DAYS: (OrgId, String) => (i64, String, i64) = {
        sqlite "select p.id, p.currency, cast(sum(u.cost) as integer) as cost from usage_days u join credit_pools p on p.id = u.scope_id
                where u.org_id = $1 and u.scope = 9 and u.start in (select value from json_each('[' || $2 || ']')) group by p.id, p.currency"
        postgres "select p.id, p.currency, cast(sum(u.cost) as bigint) as cost from usage_days u join credit_pools p on p.id = u.scope_id
                where u.org_id = $1 and u.scope = 9 and u.start = any (cast(string_to_array($2, ',') as bigint[])) group by p.id, p.currency"
    };
    COSTS_OF_DAYS: (OrgId, String) => (String, i64) = {
        sqlite "select p.currency, cast(sum(u.cost) as integer) as cost from usage_days u join credit_pools p on p.id = u.scope_id
                where u.org_id = $1 and u.scope = 9 and u.start in (select value from json_each('[' || $2 || ']')) group by p.currency order by p.currency"
        postgres "select p.currency, cast(sum(u.cost) as bigint) as cost from usage_days u join credit_pools p on p.id = u.scope_id
                where u.org_id = $1 and u.scope = 9 and u.start = any (cast(string_to_array($2, ',') as bigint[])) group by p.currency order by p.currency"
    };
}

/// Ids as one parameter.
fn text(members: &[MemberId]) -> String {
    let ids: Vec<String> = members.iter().map(|id| id.raw().to_string()).collect();
    ids.join(",")
}

pub(super) async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Pool>> {
    db.all(LIST, (org,)).await
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<Option<Pool>> {
    db.opt(FIND, (org, id)).await
}
pub(super) async fn insert(
    tx: &mut Tx,
    org: OrgId,
    id: PoolId,
    new: &super::pool::Draft,
    (name, key): (&str, &str),
    by: &str,
    now: Timestamp,
) -> Result<()> {
    let row = (
        id,
        org,
        name,
        key,
        new.credit_type.as_str(),
        new.currency,
        new.price,
        new.mode,
        new.is_limited,
        new.is_default,
        new.valid_until,
        now,
        by,
    );
    tx.run(INSERT, row).await?;
    Ok(())
}
pub(super) async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: PoolId,
    new: &super::pool::Draft,
    (name, key): (&str, &str),
) -> Result<()> {
    let row = (
        org,
        id,
        name,
        key,
        new.credit_type.as_str(),
        new.price,
        new.is_limited,
        new.is_default,
        new.valid_until,
    );
    tx.run(UPDATE, row).await?;
    Ok(())
}
/// Takes away which pool is for those without another one.
pub(super) async fn no_default(tx: &mut Tx, org: OrgId) -> Result<()> {
    tx.run(NO_DEFAULT, (org,)).await?;
    Ok(())
}
pub(super) async fn archive(tx: &mut Tx, org: OrgId, id: PoolId, now: Timestamp, key: &str) -> Result<()> {
    tx.run(ARCHIVE, (org, id, now, key)).await?;
    Ok(())
}
/// Adds to what was granted to a pool and to what is with members.
pub(super) async fn add(tx: &mut Tx, org: OrgId, id: PoolId, granted: i64, allocated: i64) -> Result<()> {
    tx.run(ADD, (org, id, granted, allocated)).await?;
    Ok(())
}
pub(super) async fn touch(tx: &mut Tx, org: OrgId, id: PoolId) -> Result<()> {
    tx.run(TOUCH, (org, id)).await?;
    Ok(())
}
pub(super) async fn looked(
    tx: &mut Tx,
    org: OrgId,
    id: PoolId,
    now: Timestamp,
    seq: i64,
    period: Timestamp,
) -> Result<()> {
    tx.run(LOOKED, (org, id, now, seq, period)).await?;
    Ok(())
}
/// A line of the statement, before it is written.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub pool: PoolId,
    pub of: Option<(MemberId, i64, Timestamp)>,
    pub kind: Kind,
    pub amount: i64,
    pub price: i64,
    pub note: String,
}
/// Writes lines under ids from `first` on.
pub(super) async fn insert_entries(
    tx: &mut Tx,
    org: OrgId,
    first: i64,
    lines: Vec<Line>,
    by: &str,
    now: Timestamp,
) -> Result<()> {
    let row = |(n, line): (i64, Line)| -> NewEntry {
        (
            org.row(n),
            org,
            line.pool,
            line.of.map(|(member, ..)| member.raw()),
            line.of.map(|(_, allowance, _)| allowance),
            line.kind,
            line.amount,
            line.price,
            line.note,
            by.to_owned(),
            now,
            line.of.map(|(.., start)| start),
        )
    };
    tx.many(INSERT_ENTRIES, (first..).zip(lines).map(row).collect()).await?;
    Ok(())
}
pub(super) async fn list_entries(
    db: &mut impl Read,
    org: OrgId,
    id: PoolId,
    before: i64,
    most: i64,
) -> Result<Vec<Entry>> {
    db.all(ENTRIES, (org, id, before, most)).await
}
pub(super) async fn count_entries(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<i64> {
    Ok(db.one(COUNT_ENTRIES, (org, id)).await?.0)
}
pub(super) async fn sums_by_kind(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<Vec<(Kind, i64)>> {
    db.all(BY_KIND, (org, id)).await
}
pub(super) async fn find_drawn(db: &mut impl Read, org: OrgId, member: i64) -> Result<Option<Drawn>> {
    db.opt(DRAWN, (org, member)).await
}
pub(super) async fn pool_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Option<PoolId>> {
    Ok(db.opt(POOL_OF, (org, member)).await?.and_then(|row| row.0))
}
pub(super) async fn set_pool(tx: &mut Tx, org: OrgId, member: MemberId, pool: Option<PoolId>) -> Result<()> {
    tx.run(SET_POOL, (org, member, pool)).await?;
    Ok(())
}
/// Which pool each of some members was given.
pub(super) async fn list_pools_of(
    db: &mut impl Read,
    org: OrgId,
    members: &[MemberId],
) -> Result<Vec<(MemberId, Option<PoolId>)>> {
    db.all(POOLS_OF, (org, text(members))).await
}
pub(super) async fn set_pools(tx: &mut Tx, org: OrgId, members: &[MemberId], pool: Option<PoolId>) -> Result<()> {
    tx.run(SET_POOLS, (org, text(members), pool)).await?;
    Ok(())
}
pub(super) async fn touch_member(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    tx.run(TOUCH_MEMBER, (org, member)).await?;
    Ok(())
}
/// How many members draw from each pool; none for nothing.
pub(super) async fn people(db: &mut impl Read, org: OrgId) -> Result<Vec<(Option<PoolId>, i64)>> {
    db.all(PEOPLE, (org,)).await
}
pub(super) async fn uses(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<Vec<Use>> {
    db.all(USES, (org, month)).await
}
pub(super) async fn spent(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<i64> {
    Ok(db.one(SPENT, (org, id)).await?.0)
}
pub(super) async fn list_drawers(
    db: &mut impl Read,
    org: OrgId,
    pool: (PoolId, bool),
    month: Timestamp,
    after: MemberId,
    most: i64,
) -> Result<Vec<Drawer>> {
    db.all(DRAWERS, (org, pool.0, pool.1, month, after, most)).await
}
/// Members who are given something by an allocated pool, by id.
pub(super) async fn list_receivers(
    db: &mut impl Read,
    org: OrgId,
    pool: (PoolId, bool),
    now: Timestamp,
    after: MemberId,
    most: i64,
) -> Result<Vec<MemberId>> {
    let rows = db.all(RECEIVERS, (org, pool.0, pool.1, now, after, most)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn list_standings(
    db: &mut impl Read,
    org: OrgId,
    pool: PoolId,
    start: Timestamp,
    members: &[MemberId],
) -> Result<Vec<Standing>> {
    db.all(STANDINGS, (org, pool, start, text(members))).await
}
/// An allowance as it is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Saved {
    pub id: i64,
    pub pool: PoolId,
    pub member: MemberId,
    pub start: Timestamp,
    pub amount: i64,
    pub closed_at: Option<Timestamp>,
    pub look_at: Option<Timestamp>,
}
pub(super) async fn save_allowances(tx: &mut Tx, org: OrgId, all: &[Saved]) -> Result<()> {
    let row = |one: &Saved| {
        (
            one.id,
            org,
            one.pool,
            one.member,
            one.start,
            one.amount,
            one.closed_at,
            one.look_at,
        )
    };
    tx.many(SAVE_ALLOWANCES, all.iter().map(row).collect()).await?;
    Ok(())
}
/// Other open allowances of a member than that of a pool and period.
pub(super) async fn list_open_of(
    db: &mut impl Read,
    org: OrgId,
    member: MemberId,
    pool: PoolId,
    start: Timestamp,
) -> Result<Vec<Moved>> {
    db.all(OPEN_OF, (org, member, pool, start)).await
}
/// Open allowances of periods that are over.
pub(super) async fn list_over(db: &mut impl Read, org: OrgId, start: Timestamp, most: i64) -> Result<Vec<Moved>> {
    db.all(OVER, (org, start, most)).await
}
/// Open allowances of those who have left their pool or the organization, behind an id.
pub(super) async fn list_left(
    db: &mut impl Read,
    org: OrgId,
    now: Timestamp,
    after: i64,
    most: i64,
) -> Result<Vec<Moved>> {
    db.all(LEFT, (org, now, after, most)).await
}
/// Closed allowances that are due to be looked at again.
pub(super) async fn list_looks(db: &mut impl Read, now: Timestamp, most: i64) -> Result<Vec<Moved>> {
    db.all(LOOKS, (now, most)).await
}
pub(super) async fn list_work(db: &mut impl Read) -> Result<Vec<Work>> {
    db.all(WORK, ()).await
}
pub(super) async fn is_live(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<bool> {
    Ok(db.opt(LIVE, (org, id)).await?.is_some_and(|row| row.0))
}
pub(super) async fn list_ended(db: &mut impl Read, now: Timestamp) -> Result<Vec<Work>> {
    db.all(ENDED, (now,)).await
}
pub(super) async fn find_wallet_settings(db: &mut impl Read, org: OrgId) -> Result<Option<(bool, i64)>> {
    db.opt(WALLET_SETTINGS, (org,)).await
}
pub(super) async fn save_wallet_settings(tx: &mut Tx, org: OrgId, is_on: bool, version: i64) -> Result<u64> {
    tx.run(SAVE_WALLET_SETTINGS, (org, is_on, version)).await
}
/// Whether wallets pay, what was put into this one, and what it has paid.
pub(super) async fn find_wallet(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<(bool, i64, i64)> {
    db.one(WALLET, (org, member.raw())).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert_wallet(
    tx: &mut Tx,
    org: OrgId,
    n: i64,
    member: MemberId,
    kind: wallet::Kind,
    amount: i64,
    note: &str,
    by: &str,
    now: Timestamp,
) -> Result<()> {
    tx.run(INSERT_WALLET, (org.row(n), org, member, kind, amount, note, by, now))
        .await?;
    Ok(())
}
pub(super) async fn list_wallet(
    db: &mut impl Read,
    org: OrgId,
    member: MemberId,
    most: i64,
) -> Result<Vec<WalletEntry>> {
    db.all(WALLET_ENTRIES, (org, member, most)).await
}
/// What a wallet has paid in billing periods, the latest first.
pub(super) async fn list_paid(
    db: &mut impl Read,
    org: OrgId,
    member: MemberId,
    most: i64,
) -> Result<Vec<(Timestamp, i64)>> {
    db.all(WALLET_PAID, (org, member.raw(), most)).await
}
pub(super) async fn list_checked(db: &mut impl Read) -> Result<Vec<Checked>> {
    db.all(CHECKED, ()).await
}
pub(super) async fn list_checked_allowances(
    db: &mut impl Read,
    org: OrgId,
    after: i64,
    most: i64,
) -> Result<Vec<CheckedAllowance>> {
    db.all(CHECKED_ALLOWANCES, (org, after, most)).await
}
/// What a billing period cost, by currency.
pub(super) async fn costs(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<Vec<(String, i64)>> {
    db.all(COSTS, (org, month)).await
}
/// What a billing period cost, by pool, each with its currency.
pub(super) async fn costs_by_pool(db: &mut impl Read, org: OrgId, month: Timestamp) -> Result<Vec<(i64, String, i64)>> {
    db.all(COSTS_BY_POOL, (org, month)).await
}
/// What the buckets that begin at `starts` cost, by pool, each with its currency.
pub(super) async fn costs_by_pool_of_days(
    db: &mut impl Read,
    org: OrgId,
    starts: &str,
) -> Result<Vec<(i64, String, i64)>> {
    db.all(COSTS_BY_POOL_OF_DAYS, (org, starts)).await
}
/// What the buckets that begin at `starts` cost, by currency.
pub(super) async fn costs_of_days(db: &mut impl Read, org: OrgId, starts: &str) -> Result<Vec<(String, i64)>> {
    db.all(COSTS_OF_DAYS, (org, starts)).await
}
