//! SQL of the access room: it reads persons, organizations and memberships (a declared exception), and owns sessions.

use super::{
    EnterpriseRole, Permissions,
    can::OrgRow,
    decision::{Membership, Standing, Stop},
};
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, MemberId, OrgId, SessionId, UserId},
    record, sql,
};

record! {
    /// A live session with its person.
    pub struct Caller {
        /// The session's id.
        pub session_id: SessionId,
        /// When the session was last seen.
        pub seen_at: Timestamp,
        /// The person.
        pub user_id: UserId,
        /// Their name.
        pub name: String,
        /// Their address.
        pub email: String,
        /// Their role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
        /// Their theme: 0 system, 1 light, 2 dark.
        pub theme: i64,
        /// Whether the address is not proved yet and a code may be entered.
        pub email_proof: i64,
        /// Their own zone.
        pub zone: Option<String>,
        /// Their formats.
        pub locale: Option<String>,
        /// Their density.
        pub compact: Option<bool>,
        /// The key of their picture.
        pub picture: Option<String>,
    }
}

record! {
    /// A session as its owner sees it.
    pub struct SessionRow {
        /// The session's id.
        pub id: SessionId,
        /// When it began.
        pub created_at: Timestamp,
        /// When it was last seen.
        pub seen_at: Timestamp,
        /// From which address.
        pub ip: String,
        /// With which client.
        pub agent: String,
    }
}

record! {
    /// That a member belongs to a group, and how.
    pub struct InGroup {
        /// Whether the member leads it.
        pub is_lead: bool,
    }
}

sql! {
    CALLER: (Vec<u8>, Timestamp) => Caller =
        "select s.id as session_id, s.seen_at, s.user_id, u.name, u.email, u.enterprise_role, u.theme, u.email_proof,
                p.zone, p.locale, p.compact, p.picture
         from sessions s join users u on u.id = s.user_id left join profiles p on p.user_id = s.user_id
         where s.token_hash = $1 and s.idle_until > $2 and s.expires_at > $2 and u.state = 1";
    TOUCH: (Vec<u8>, Timestamp, Timestamp) => () = "update sessions set seen_at = $2, idle_until = $3 where token_hash = $1 and seen_at < $2";
    PERSON: (UserId) => Caller =
        "select cast(0 as bigint) as session_id, cast(0 as bigint) as seen_at, u.id as user_id, u.name, u.email, u.enterprise_role, u.theme, u.email_proof,
                p.zone, p.locale, p.compact, p.picture
         from users u left join profiles p on p.user_id = u.id where u.id = $1 and u.state = 1";
    DELETE: (Vec<u8>) => () = "delete from sessions where token_hash = $1";
    INSERT: (Vec<u8>, SessionId, UserId, Timestamp, Timestamp, Timestamp, String, String) => () =
        "insert into sessions (token_hash, id, user_id, created_at, seen_at, idle_until, expires_at, ip, agent) values ($1, $2, $3, $4, $4, $5, $6, $7, $8)";
    LIST: (UserId, Timestamp) => SessionRow =
        "select id, created_at, seen_at, ip, agent from sessions where user_id = $1 and idle_until > $2 and expires_at > $2 order by seen_at desc, id limit 50";
    DELETE_ONE: (UserId, SessionId) => () = "delete from sessions where user_id = $1 and id = $2";
    DELETE_OTHERS: (UserId, SessionId) => () = "delete from sessions where user_id = $1 and id <> $2";
    DELETE_ALL: (UserId) => () = "delete from sessions where user_id = $1";
    DELETE_ALL_OF: (String) => (UserId,) = {
        sqlite "delete from sessions where user_id in (select value from json_each('[' || $1 || ']')) returning user_id"
        postgres "delete from sessions where user_id = any (cast(string_to_array($1, ',') as bigint[])) returning user_id"
    };
    DELETE_OLDEST: (UserId) => () =
        "delete from sessions where user_id = $1 and id not in (select id from sessions where user_id = $1 order by created_at desc, id desc limit 19)";
    DELETE_EVERY: () => () = "delete from sessions";
    DELETE_EXPIRED: (Timestamp) => () = "delete from sessions where expires_at <= $1 or idle_until <= $1";
    ORG: (String, UserId) => OrgRow =
        "select o.id, o.slug, o.name, o.state, o.zone, o.support_contact, o.invite_days, o.default_role, o.managers_invite, o.links_visible,
                m.id as member_id, m.role, m.status, m.expires_at,
                (select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id) as additional
         from orgs o left join members m on m.org_id = o.id and m.user_id = $2 and m.status < 5
         where o.slug = $1";
    IN_GROUP: (OrgId, GroupId, MemberId, Timestamp) => InGroup =
        "select is_lead from group_members where org_id = $1 and group_id = $2 and member_id = $3 and (expires_at is null or expires_at > $4)";
    ORG_BY_ID: (OrgId, UserId) => OrgRow =
        "select o.id, o.slug, o.name, o.state, o.zone, o.support_contact, o.invite_days, o.default_role, o.managers_invite, o.links_visible,
                m.id as member_id, m.role, m.status, m.expires_at,
                (select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id) as additional
         from orgs o left join members m on m.org_id = o.id and m.user_id = $2 and m.status < 5
         where o.id = $1";
}

pub(super) async fn find_caller(db: &mut impl Read, hash: [u8; 32], now: Timestamp) -> Result<Option<Caller>> {
    db.opt(CALLER, (hash, now)).await
}
/// Whoever has this account, while it may be used, outside a session.
pub(super) async fn find_person(db: &mut impl Read, user: UserId) -> Result<Option<Caller>> {
    db.opt(PERSON, (user,)).await
}
pub(super) async fn touch(tx: &mut Tx, hash: [u8; 32], now: Timestamp, idle_until: Timestamp) -> Result<()> {
    tx.run(TOUCH, (hash, now, idle_until)).await?;
    Ok(())
}
pub(super) async fn delete(tx: &mut Tx, hash: [u8; 32]) -> Result<u64> {
    tx.run(DELETE, (hash,)).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert(
    tx: &mut Tx,
    hash: [u8; 32],
    id: SessionId,
    user: UserId,
    now: Timestamp,
    idle: Timestamp,
    end: Timestamp,
    ip: &str,
    agent: &str,
) -> Result<()> {
    tx.run(DELETE_OLDEST, (user,)).await?;
    tx.run(INSERT, (hash, id, user, now, idle, end, ip, agent)).await?;
    Ok(())
}
pub(super) async fn list(db: &mut impl Read, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
    db.all(LIST, (user, now)).await
}
pub(super) async fn delete_one(tx: &mut Tx, user: UserId, id: SessionId) -> Result<u64> {
    tx.run(DELETE_ONE, (user, id)).await
}
pub(super) async fn delete_others(tx: &mut Tx, user: UserId, keep: SessionId) -> Result<u64> {
    tx.run(DELETE_OTHERS, (user, keep)).await
}
pub(super) async fn delete_all(tx: &mut Tx, user: UserId) -> Result<u64> {
    tx.run(DELETE_ALL, (user,)).await
}
pub(super) async fn delete_all_of(tx: &mut Tx, users: String) -> Result<Vec<UserId>> {
    let rows = tx.all(DELETE_ALL_OF, (users,)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn delete_every(tx: &mut Tx) -> Result<u64> {
    tx.run(DELETE_EVERY, ()).await
}
pub(super) async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.run(DELETE_EXPIRED, (now,)).await
}
pub(super) async fn find_org(db: &mut impl Read, slug: &str, user: UserId) -> Result<Option<OrgRow>> {
    db.opt(ORG, (slug, user)).await
}
pub(super) async fn find_org_by_id(db: &mut impl Read, id: OrgId, user: UserId) -> Result<Option<OrgRow>> {
    db.opt(ORG_BY_ID, (id, user)).await
}

/// How a member stands in a group now: none for not at all, or not any more.
pub(super) async fn find_in_group(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    member: MemberId,
    now: Timestamp,
) -> Result<Option<InGroup>> {
    db.opt(IN_GROUP, (org, group, member, now)).await
}

/// Why a membership does not act; none when it does.
fn stop(row: &OrgRow, now: Timestamp) -> Option<Stop> {
    match row.status {
        Some(4) => Some(Stop::Disabled),
        Some(3) => Some(Stop::Deactivated),
        Some(1 | 2) if row.expires_at.is_some_and(|end| end <= now) => Some(Stop::Ended),
        Some(1 | 2) => None,
        _ => Some(Stop::Left),
    }
}

/// What is known of a person by their membership's row and their role over the enterprise.
pub(super) fn standing(row: &OrgRow, enterprise_role: Option<EnterpriseRole>, now: Timestamp) -> Standing {
    Standing {
        enterprise_role,
        is_archived: row.state != 1,
        managers_may_not_invite: !row.managers_invite,
        membership: row.role.map(|role| Membership {
            role,
            stop: stop(row, now),
        }),
        additional: row
            .additional
            .as_deref()
            .map_or_else(Permissions::default, Permissions::parse),
        ..Standing::default()
    }
}
