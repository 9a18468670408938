//! SQL of the members room. It reads a member's account for rank and address proof, locks the organization's row and reads its seats
//! (declared exceptions).

use super::{Source, Status};
use crate::{
    access::{EnterpriseRole, Role},
    clock::Timestamp,
    db::{Ask, Engine, Read, Tx},
    error::Result,
    ids::{MemberId, OrgId, UserId},
    record, sql,
};

record! {
    /// An Org Admin who can act.
    pub struct Admin {
        /// The account.
        pub user_id: UserId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
    }
}

record! {
    /// One person's membership in one organization.
    #[derive(PartialEq)]
    pub struct Member {
        /// The membership.
        pub id: MemberId,
        /// The organization.
        pub org_id: OrgId,
        /// The account.
        pub user_id: UserId,
        /// The address, as its owner spells it.
        pub email: String,
        /// The full name.
        pub name: String,
        /// The role in this organization.
        pub role: Role,
        /// The state.
        pub status: Status,
        /// Whether this is the person's primary organization.
        pub is_primary: bool,
        /// How the person came here.
        pub source: Source,
        /// When the person came here.
        pub joined_at: Timestamp,
        /// The last request in this organization; 0 for never.
        pub last_active_at: Timestamp,
        /// When the private context was provisioned.
        pub context_at: Option<Timestamp>,
        /// When the membership ends by itself.
        pub expires_at: Option<Timestamp>,
        /// When a deactivation ends by itself.
        pub suspended_until: Option<Timestamp>,
        /// Why the state is what it is, in the words of whoever changed it.
        pub state_reason: String,
        /// Who changed the state.
        pub state_by: String,
        /// When the state was changed.
        pub state_at: Option<Timestamp>,
        /// Raised by every change.
        pub version: i64,
        /// The person's role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
        /// Whether the address was proved: 0 no, 1 another person vouches for it, 2 by mail.
        pub email_proof: i64,
        /// Who vouches for the address, while nobody has proved it by mail.
        pub vouched_by: Option<String>,
        /// The key of the person's picture.
        pub picture: Option<String>,
        /// The keys of what additional roles permit, one space between.
        pub additional: String,
    }
}

record! {
    /// How many people may act in an organization, and how many can.
    pub struct Seats {
        /// The limit.
        pub seats: i64,
        /// How many can act.
        pub used: i64,
    }
}

record! {
    /// A membership whose time has come.
    pub struct Due {
        /// The organization.
        pub org_id: OrgId,
        /// The membership.
        pub id: MemberId,
    }
}

record! {
    /// How many members have a role and a state.
    pub struct CountRow {
        /// The role.
        pub role: Role,
        /// The state.
        pub status: Status,
        /// How many.
        pub n: i64,
    }
}

record! {
    /// A member as the list shows one.
    pub struct ListRow {
        /// The membership.
        pub id: MemberId,
        /// The account.
        pub user_id: UserId,
        /// The full name.
        pub name: String,
        /// The address.
        pub email: String,
        /// The role.
        pub role: Role,
        /// The state.
        pub status: Status,
        /// When the person came here.
        pub joined_at: Timestamp,
        /// The last request in this organization; 0 for never.
        pub last_active_at: Timestamp,
        /// When the membership ends by itself.
        pub expires_at: Option<Timestamp>,
        /// When the state was changed.
        pub state_at: Option<Timestamp>,
        /// Raised by every change.
        pub version: i64,
        /// The person's role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
        /// The first part of the sort's key.
        pub k1: i64,
        /// The second part of the sort's key.
        pub k2: String,
        /// The key of the person's picture.
        pub picture: Option<String>,
        /// The groups, see [`super::list`].
        pub groups: Option<String>,
        /// The custom roles, see [`super::list`].
        pub roles: Option<String>,
    }
}

record! {
    /// What of a member may change while somebody looks at a page of them.
    pub struct LiveRow {
        /// The membership.
        pub id: MemberId,
        /// The account.
        pub user_id: UserId,
        /// The state.
        pub status: Status,
        /// When the membership ends by itself.
        pub expires_at: Option<Timestamp>,
        /// When the state was changed.
        pub state_at: Option<Timestamp>,
    }
}

pub(super) type Inserted = (
    OrgId,
    MemberId,
    UserId,
    String,
    String,
    String,
    String,
    Role,
    Status,
    bool,
    Source,
    Timestamp,
    Timestamp,
    Option<Timestamp>,
    Option<Timestamp>,
);

sql! {
    LOCK_ORG: (OrgId) => (i64,) = { sqlite "select state from orgs where id = $1" postgres "select state from orgs where id = $1 for update" };
    LOCK_USER: (UserId) => (i64,) = { sqlite "select state from users where id = $1" postgres "select state from users where id = $1 for update" };
    FIND: (OrgId, MemberId) => Member =
        "select m.id, m.org_id, m.user_id, m.email, m.name, m.role, m.status, m.is_primary, m.source, m.joined_at, m.last_active_at, m.context_at,
                m.expires_at, m.suspended_until, m.state_reason, m.state_by, m.state_at, m.version, u.enterprise_role, u.email_proof, v.name as vouched_by,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
         from members m join users u on u.id = m.user_id left join users v on v.id = u.vouched_by and u.email_proof = 1
         where m.org_id = $1 and m.id = $2 and m.status < 5";
    FIND_LIVE: (OrgId, UserId, String) => Member =
        "select m.id, m.org_id, m.user_id, m.email, m.name, m.role, m.status, m.is_primary, m.source, m.joined_at, m.last_active_at, m.context_at,
                m.expires_at, m.suspended_until, m.state_reason, m.state_by, m.state_at, m.version, u.enterprise_role, u.email_proof, v.name as vouched_by,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
         from members m join users u on u.id = m.user_id left join users v on v.id = u.vouched_by and u.email_proof = 1
         where m.org_id = $1 and m.status < 5 and m.id in (select a.id from members a where a.org_id = $1 and a.user_id = $2 and a.status < 5
                union all select e.id from members e where e.org_id = $1 and e.email_key = $3 and e.status < 5)";
    // The index of primary memberships serves SQLite only in these words; otherwise it reads every member there is.
    HAS_PRIMARY: (UserId) => (i64,) = {
        sqlite "select count(*) from members where user_id = $1 and is_primary = 1 and org_id > 0"
        postgres "select count(*) from members where user_id = $1 and is_primary and org_id > 0"
    };
    INSERT: bulk (OrgId, MemberId, UserId, String, String, String, String, Role, Status, bool, Source, Timestamp, Timestamp, Option<Timestamp>, Option<Timestamp>) =
        "insert into members (org_id, id, user_id, email, email_key, name, name_key, role, status, is_primary, source, joined_at, last_active_at, context_at, expires_at) values", "";
    INDEX: (OrgId, MemberId, MemberId) => () = {
        sqlite "insert into members_fts (rowid, t) select id, name_key || char(31) || email_key || char(1) from members where org_id = $1 and id between $2 and $3 and status < 5"
        postgres "select 1 from members where false and org_id = $1 and id between $2 and $3"
    };
    UNINDEX: (OrgId, MemberId) => () = {
        sqlite "delete from members_fts where rowid = $2 and $1 = $2 >> 32"
        postgres "select 1 from members where false and org_id = $1 and id = $2"
    };
    COUNT: (OrgId, Role, Status, i64) => () =
        "insert into member_counts (org_id, role, status, n) values ($1, $2, $3, $4)
         on conflict (org_id, role, status) do update set n = member_counts.n + excluded.n";
    COUNTS: (OrgId) => CountRow = "select role, status, n from member_counts where org_id = $1 and n > 0";
    SEATS: (OrgId) => Seats =
        "select s.seats, (select cast(coalesce(sum(c.n), 0) as bigint) from member_counts c where c.org_id = $1 and c.status in (1, 2)) as used
         from subscriptions s where s.org_id = $1 and s.seats is not null";
    ADMINS: (OrgId) => Admin = "select user_id, name, email from members where org_id = $1 and role = 60 and status in (1, 2) order by id limit 20";
    OTHER_ADMINS: (OrgId, MemberId) => (i64,) =
        "select count(*) from members m join users u on u.id = m.user_id and u.state = 1
         where m.org_id = $1 and m.role = 60 and m.status in (1, 2) and m.expires_at is null and m.id <> $2";
    ACTING_ELSEWHERE: (UserId, OrgId, Timestamp) => (i64,) =
        "select count(*) from members m join orgs o on o.id = m.org_id and o.state = 1
         where m.user_id = $1 and m.org_id <> $2 and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3)";
    SET_STATUS: (OrgId, MemberId, Status, Option<Timestamp>, String, String, Timestamp) => () =
        "update members set status = $3, suspended_until = $4, state_reason = $5, state_by = $6, state_at = $7, version = version + 1
         where org_id = $1 and id = $2";
    SET_EXPIRY: (OrgId, MemberId, Option<Timestamp>) => () = "update members set expires_at = $3, version = version + 1 where org_id = $1 and id = $2";
    SET_ROLE: (OrgId, MemberId, Role) => () = "update members set role = $3, version = version + 1 where org_id = $1 and id = $2";
    TOUCH: (OrgId, MemberId) => () = "update members set version = version + 1 where org_id = $1 and id = $2";
    SET_CONTEXT: (OrgId, MemberId, Timestamp, Status) => () =
        "update members set context_at = $3, status = $4, version = version + 1 where org_id = $1 and id = $2";
    SET_ACTIVE: (OrgId, MemberId, Timestamp) => () = "update members set last_active_at = $3 where org_id = $1 and id = $2 and last_active_at < $3";
    DROP_PRIMARY: (OrgId, MemberId) => () = "update members set is_primary = false where org_id = $1 and id = $2";
    NEXT_PRIMARY: (UserId) => Due =
        "select org_id, id from members where user_id = $1 and status < 5
         order by case when status in (1, 2) then 0 else 1 end, joined_at, id limit 1";
    SET_PRIMARY: (OrgId, MemberId) => () = "update members set is_primary = true where org_id = $1 and id = $2";
    OF_USER: (UserId) => Due = "select org_id, id from members where user_id = $1 and status < 5 order by org_id, id";
    RENAME: (OrgId, MemberId, String, String) => () = "update members set name = $3, name_key = $4, version = version + 1 where org_id = $1 and id = $2";
    EXPIRED: (Timestamp) => Due = "select org_id, id from members where status in (1, 2) and expires_at <= $1 order by org_id, id limit 500";
    SUSPENSION_OVER: (Timestamp) => Due = "select org_id, id from members where status = 3 and suspended_until <= $1 order by org_id, id limit 500";
    LIVE: (OrgId, String) => LiveRow = {
        sqlite "select id, user_id, status, expires_at, state_at from members where org_id = $1 and id in (select value from json_each('[' || $2 || ']')) and status < 5"
        postgres "select id, user_id, status, expires_at, state_at from members where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[])) and status < 5"
    };
    COUNT_INVITATIONS: (OrgId, UserId) => (i64,) = "select count(*) from invitations where org_id = $1 and invited_by = $2 and state = 1";
}

/// Locks the organization's row for this transaction, so that two changes of its members come one after the other; its state.
pub(super) async fn lock_org(tx: &mut Tx, org: OrgId) -> Result<i64> {
    Ok(tx.one(LOCK_ORG, (org,)).await?.0)
}
pub(super) async fn lock_user(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.one(LOCK_USER, (user,)).await?;
    Ok(())
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: MemberId) -> Result<Option<Member>> {
    db.opt(FIND, (org, id)).await
}
pub(super) async fn find_live(db: &mut impl Read, org: OrgId, user: UserId, email_key: &str) -> Result<Option<Member>> {
    db.opt(FIND_LIVE, (org, user, email_key)).await
}
pub(super) async fn has_primary(db: &mut impl Read, user: UserId) -> Result<bool> {
    Ok(db.one(HAS_PRIMARY, (user,)).await?.0 > 0)
}
pub(super) async fn insert(tx: &mut Tx, rows: Vec<Inserted>) -> Result<()> {
    tx.many(INSERT, rows).await?;
    Ok(())
}
/// Enters the members from `first` to `last` into SQLite's search index; PostgreSQL keeps its own.
pub(super) async fn index(tx: &mut Tx, org: OrgId, first: MemberId, last: MemberId) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        tx.run(INDEX, (org, first, last)).await?;
    }
    Ok(())
}
/// Takes a member out of SQLite's search index.
pub(super) async fn unindex(tx: &mut Tx, org: OrgId, id: MemberId) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        tx.run(UNINDEX, (org, id)).await?;
    }
    Ok(())
}
pub(super) async fn count(tx: &mut Tx, org: OrgId, role: Role, status: Status, by: i64) -> Result<()> {
    tx.run(COUNT, (org, role, status, by)).await?;
    Ok(())
}
pub(super) fn ask_counts(org: OrgId) -> Ask<(OrgId,), CountRow> {
    COUNTS.with((org,))
}
/// The organization's seats; none when it has no limit.
pub(super) async fn find_seats(db: &mut impl Read, org: OrgId) -> Result<Option<Seats>> {
    db.opt(SEATS, (org,)).await
}
/// The Org Admins of an organization who can act, those who came first on top: whom one asks, and who is told.
pub async fn administrators(db: &mut impl Read, org: OrgId) -> Result<Vec<Admin>> {
    db.all(ADMINS, (org,)).await
}
/// How many other Org Admins act without an end date.
pub(super) async fn count_other_admins(db: &mut impl Read, org: OrgId, but: MemberId) -> Result<i64> {
    Ok(db.one(OTHER_ADMINS, (org, but)).await?.0)
}
pub(super) async fn count_acting_elsewhere(
    db: &mut impl Read,
    user: UserId,
    but: OrgId,
    now: Timestamp,
) -> Result<i64> {
    Ok(db.one(ACTING_ELSEWHERE, (user, but, now)).await?.0)
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn update_status(
    tx: &mut Tx,
    org: OrgId,
    id: MemberId,
    status: Status,
    until: Option<Timestamp>,
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<()> {
    tx.run(SET_STATUS, (org, id, status, until, reason, by, at)).await?;
    Ok(())
}
pub(super) async fn update_expiry(tx: &mut Tx, org: OrgId, id: MemberId, end: Option<Timestamp>) -> Result<()> {
    tx.run(SET_EXPIRY, (org, id, end)).await?;
    Ok(())
}
pub(super) async fn update_role(tx: &mut Tx, org: OrgId, id: MemberId, role: Role) -> Result<()> {
    tx.run(SET_ROLE, (org, id, role)).await?;
    Ok(())
}
pub(super) async fn touch(tx: &mut Tx, org: OrgId, id: MemberId) -> Result<()> {
    tx.run(TOUCH, (org, id)).await?;
    Ok(())
}
pub(super) async fn update_context(tx: &mut Tx, org: OrgId, id: MemberId, at: Timestamp, status: Status) -> Result<()> {
    tx.run(SET_CONTEXT, (org, id, at, status)).await?;
    Ok(())
}
pub(super) async fn update_last_active(tx: &mut Tx, org: OrgId, id: MemberId, at: Timestamp) -> Result<()> {
    tx.run(SET_ACTIVE, (org, id, at)).await?;
    Ok(())
}
pub(super) async fn update_name(tx: &mut Tx, org: OrgId, id: MemberId, name: &str, key: &str) -> Result<()> {
    tx.run(RENAME, (org, id, name, key)).await?;
    Ok(())
}
pub(super) async fn drop_primary(tx: &mut Tx, org: OrgId, id: MemberId) -> Result<()> {
    tx.run(DROP_PRIMARY, (org, id)).await?;
    Ok(())
}
pub(super) async fn find_next_primary(db: &mut impl Read, user: UserId) -> Result<Option<Due>> {
    db.opt(NEXT_PRIMARY, (user,)).await
}
pub(super) async fn set_primary(tx: &mut Tx, org: OrgId, id: MemberId) -> Result<()> {
    tx.run(SET_PRIMARY, (org, id)).await?;
    Ok(())
}
pub(super) async fn list_of_user(db: &mut impl Read, user: UserId) -> Result<Vec<Due>> {
    db.all(OF_USER, (user,)).await
}
pub(super) async fn list_expired(db: &mut impl Read, now: Timestamp) -> Result<Vec<Due>> {
    db.all(EXPIRED, (now,)).await
}
pub(super) async fn list_suspensions_over(db: &mut impl Read, now: Timestamp) -> Result<Vec<Due>> {
    db.all(SUSPENSION_OVER, (now,)).await
}
pub(super) async fn count_invitations(db: &mut impl Read, org: OrgId, user: UserId) -> Result<i64> {
    Ok(db.one(COUNT_INVITATIONS, (org, user)).await?.0)
}
pub(super) async fn list_live(db: &mut impl Read, org: OrgId, ids: &[MemberId]) -> Result<Vec<LiveRow>> {
    let ids: Vec<String> = ids.iter().map(|id| id.raw().to_string()).collect();
    db.all(LIVE, (org, ids.join(","))).await
}
