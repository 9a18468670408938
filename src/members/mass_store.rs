//! SQL of acts on many members. Lists of ids travel as one text, `1,2,3`; accounts, sessions' resets and invitations are read or ended as
//! the acts on one member do.

use super::{Member, Status, list::Limitless, store::ListRow};
use crate::{
    access::{EnterpriseRole, Role},
    clock::Timestamp,
    db::{Engine, Read, Statement, Text, Tx},
    error::Result,
    ids::{MemberId, OrgId, UserId},
    limits::{UNLIMITED, WITHOUT},
    record, sql,
};

record! {
    /// A member as a selection meets one.
    pub struct Candidate {
        /// The membership.
        pub id: MemberId,
        /// The account.
        pub user_id: UserId,
        /// The full name.
        pub name: String,
        /// The role.
        pub role: Role,
        /// The state.
        pub status: Status,
        /// When the membership ends by itself.
        pub expires_at: Option<Timestamp>,
        /// The person's role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
        /// The keys of what additional roles permit, one space between.
        pub additional: String,
    }
}

record! {
    /// The membership that becomes a person's primary one.
    pub struct Heir {
        /// The account.
        pub user_id: UserId,
        /// The organization.
        pub org_id: OrgId,
        /// The membership.
        pub id: MemberId,
    }
}

sql! {
    BY_IDS: (OrgId, String) => Candidate = {
        sqlite "select m.id, m.user_id, m.name, m.role, m.status, m.expires_at, u.enterprise_role,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
                from members m join users u on u.id = m.user_id
                where m.org_id = $1 and m.id in (select value from json_each('[' || $2 || ']')) and m.status < 5 order by m.id"
        postgres "select m.id, m.user_id, m.name, m.role, m.status, m.expires_at, u.enterprise_role,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
                from members m join users u on u.id = m.user_id
                where m.org_id = $1 and m.id = any (cast(string_to_array($2, ',') as bigint[])) and m.status < 5 order by m.id"
    };
    LISTED: (OrgId, String) => ListRow = {
        sqlite "select m.id, m.user_id, m.name, m.email, m.role, m.status, m.joined_at, m.last_active_at, m.expires_at, m.state_at, m.version, u.enterprise_role,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture, cast(0 as bigint) as k1, m.name_key as k2, (select string_agg(r.name || char(31) || r.permissions, char(30) order by r.name_key, r.id)
                from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id) as roles, (select string_agg(cast(g.id as text) || char(31) || g.name, char(30) order by g.name_key, g.id)
                from group_members gm join groups g on g.id = gm.group_id where gm.member_id = m.id) as groups from members m join users u on u.id = m.user_id
                where m.org_id = $1 and m.id in (select value from json_each('[' || $2 || ']')) and m.status < 5 order by m.name_key, m.id"
        postgres "select m.id, m.user_id, m.name, m.email, m.role, m.status, m.joined_at, m.last_active_at, m.expires_at, m.state_at, m.version, u.enterprise_role,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture, cast(0 as bigint) as k1, m.name_key as k2, (select string_agg(r.name || chr(31) || r.permissions, chr(30) order by r.name_key, r.id)
                from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id) as roles, (select string_agg(cast(g.id as text) || chr(31) || g.name, chr(30) order by g.name_key, g.id)
                from group_members gm join groups g on g.id = gm.group_id where gm.member_id = m.id) as groups from members m join users u on u.id = m.user_id
                where m.org_id = $1 and m.id = any (cast(string_to_array($2, ',') as bigint[])) and m.status < 5 order by m.name_key, m.id"
    };
    FULL: (OrgId, String) => Member = {
        sqlite "select m.id, m.org_id, m.user_id, m.email, m.name, m.role, m.status, m.is_primary, m.source, m.joined_at, m.last_active_at, m.context_at,
                m.expires_at, m.suspended_until, m.state_reason, m.state_by, m.state_at, m.version, u.enterprise_role, u.email_proof, v.name as vouched_by,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
                from members m join users u on u.id = m.user_id left join users v on v.id = u.vouched_by and u.email_proof = 1
                where m.org_id = $1 and m.id in (select value from json_each('[' || $2 || ']')) and m.status < 5 order by m.id"
        postgres "select m.id, m.org_id, m.user_id, m.email, m.name, m.role, m.status, m.is_primary, m.source, m.joined_at, m.last_active_at, m.context_at,
                m.expires_at, m.suspended_until, m.state_reason, m.state_by, m.state_at, m.version, u.enterprise_role, u.email_proof, v.name as vouched_by,
                (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
                from members m join users u on u.id = m.user_id left join users v on v.id = u.vouched_by and u.email_proof = 1
                where m.org_id = $1 and m.id = any (cast(string_to_array($2, ',') as bigint[])) and m.status < 5 order by m.id"
    };
    STEADY: (OrgId) => (i64,) =
        "select count(*) from members m join users u on u.id = m.user_id and u.state = 1
         where m.org_id = $1 and m.role = 60 and m.status in (1, 2) and m.expires_at is null";
    LIVE_ACCOUNTS: (OrgId, String) => (MemberId,) = {
        sqlite "select m.id from members m join users u on u.id = m.user_id and u.state = 1 where m.org_id = $1 and m.id in (select value from json_each('[' || $2 || ']'))"
        postgres "select m.id from members m join users u on u.id = m.user_id and u.state = 1 where m.org_id = $1 and m.id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    SET_ROLE: (OrgId, String, Role) => () = {
        sqlite "update members set role = $3, version = version + 1 where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set role = $3, version = version + 1 where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    SET_STATUS: (OrgId, String, Status, Option<Timestamp>, String, String, Timestamp) => () = {
        sqlite "update members set status = $3, suspended_until = $4, state_reason = $5, state_by = $6, state_at = $7, version = version + 1
                where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set status = $3, suspended_until = $4, state_reason = $5, state_by = $6, state_at = $7, version = version + 1
                where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    LIFT_EXPIRY: (OrgId, String) => () = {
        sqlite "update members set expires_at = null, version = version + 1 where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set expires_at = null, version = version + 1 where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    UNINDEX: (OrgId, String) => () = {
        sqlite "delete from members_fts where rowid in (select value from json_each('[' || $2 || ']') where value >> 32 = $1)"
        postgres "select 1 from members where false and org_id = $1 and $2 = ''"
    };
    LOCK_USERS: (String) => (i64,) = {
        sqlite "select id from users where id in (select value from json_each('[' || $1 || ']')) order by id"
        postgres "select id from users where id = any (cast(string_to_array($1, ',') as bigint[])) order by id for update"
    };
    ELSEWHERE: (OrgId, String, Timestamp) => (UserId,) = {
        sqlite "select distinct m.user_id from members m join orgs o on o.id = m.org_id and o.state = 1
                where m.user_id in (select value from json_each('[' || $2 || ']')) and m.org_id <> $1 and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3)"
        postgres "select distinct m.user_id from members m join orgs o on o.id = m.org_id and o.state = 1
                where m.user_id = any (cast(string_to_array($2, ',') as bigint[])) and m.org_id <> $1 and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $3)"
    };
    LIVE_USERS: (OrgId, String) => (UserId,) = {
        sqlite "select user_id from members where org_id = $1 and status < 5 and user_id in (select value from json_each('[' || $2 || ']'))"
        postgres "select user_id from members where org_id = $1 and status < 5 and user_id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    WITH_PRIMARY: (String) => (UserId,) = {
        sqlite "select user_id from members where is_primary = 1 and org_id > 0 and user_id in (select value from json_each('[' || $1 || ']'))"
        postgres "select user_id from members where is_primary and org_id > 0 and user_id = any (cast(string_to_array($1, ',') as bigint[]))"
    };
    IMPORTED: (OrgId, String, Timestamp) => (MemberId,) = {
        sqlite "select id from members where org_id = $1 and status < 5 and source = 4 and joined_at >= $3 and email_key in (select value from json_each($2)) order by id"
        postgres "select id from members where org_id = $1 and status < 5 and source = 4 and joined_at >= $3
                and email_key in (select value from jsonb_array_elements_text(cast($2 as jsonb)) k (value)) order by id"
    };
    DELETE_RESETS: (String) => () = {
        sqlite "delete from password_resets where user_id in (select value from json_each('[' || $1 || ']'))"
        postgres "delete from password_resets where user_id = any (cast(string_to_array($1, ',') as bigint[]))"
    };
    INVITERS: (OrgId, String) => (UserId,) = {
        sqlite "select distinct invited_by from invitations where org_id = $1 and state = 1 and invited_by in (select value from json_each('[' || $2 || ']'))"
        postgres "select distinct invited_by from invitations where org_id = $1 and state = 1 and invited_by = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    DROP_PRIMARY: (OrgId, String) => () = {
        sqlite "update members set is_primary = false where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set is_primary = false where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    HEIRS: (String) => Heir = {
        sqlite "select user_id, org_id, id from (select user_id, org_id, id, row_number() over (partition by user_id
                order by case when status in (1, 2) then 0 else 1 end, joined_at, id) as place from members
                where user_id in (select value from json_each('[' || $1 || ']')) and status < 5) h where place = 1"
        postgres "select user_id, org_id, id from (select user_id, org_id, id, row_number() over (partition by user_id
                order by case when status in (1, 2) then 0 else 1 end, joined_at, id) as place from members
                where user_id = any (cast(string_to_array($1, ',') as bigint[])) and status < 5) h where place = 1"
    };
}

/// Ids as one parameter.
pub(super) fn text(ids: impl IntoIterator<Item = i64>) -> String {
    let mut text = String::new();
    for id in ids {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text
}

/// A filter: the organization, the place, a mask of roles and states, groups, up to three words, and how many.
pub(super) type Filter = (OrgId, MemberId, i64, String, String, String, String, i64);

/// The text that finds members by a filter, and, where it is asked for, only those whom no limit holds. Where only a few can be those it
/// begins with them: the unary plus keeps the range of ids, which covers everyone, from being walked instead.
fn by_filter(engine: Engine, limitless: Option<Limitless>) -> String {
    let (groups, within) = match engine {
        Engine::Sqlite => ("in (select value from json_each('[' || $4 || ']'))", "instr"),
        Engine::Postgres => ("= any (cast(string_to_array($4, ',') as bigint[]))", "strpos"),
    };
    let words = [5, 6, 7]
        .map(|place| format!(" and (${place} = '' or {within}(m.name_key || ' ' || m.email_key, ${place}) > 0)"));
    let (id, without) = match limitless {
        None => ("m.id", String::new()),
        Some(Limitless::Any) => ("m.id", format!(" and {WITHOUT}")),
        Some(Limitless::Few) => ("+m.id", format!(" and m.id in ({UNLIMITED}) and {WITHOUT}")),
    };
    format!(
        "select m.id, m.user_id, m.name, m.role, m.status, m.expires_at, u.enterprise_role,
                coalesce((select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id), '') as additional
                from members m join users u on u.id = m.user_id
         where m.org_id = $1 and {id} > $2 and {id} < (($1 + 1) << 32) and m.status < 5 and (($3 >> cast((m.role / 10 - 2) * 4 + m.status - 1 as integer)) & 1) = 1
         and ($4 = '' or exists (select 1 from group_members gm where gm.member_id = m.id and gm.group_id {groups})){}{without} order by m.id limit $8",
        words.concat()
    )
}

/// The statements that are put together here, for the test that prepares each.
pub fn made() -> Vec<Statement> {
    [None, Some(Limitless::Any), Some(Limitless::Few)]
        .map(|limitless| {
            Statement::of_text::<Filter, Candidate>(
                "muster::members::mass_store::by_filter",
                by_filter(Engine::Sqlite, limitless),
                by_filter(Engine::Postgres, limitless),
            )
        })
        .into()
}

pub(super) async fn list_by_filter(
    db: &mut impl Read,
    filter: Filter,
    limitless: Option<Limitless>,
) -> Result<Vec<Candidate>> {
    let text = Text::Made(by_filter(db.engine(), limitless));
    db.rows(text, filter).await
}
pub(super) async fn list_by_ids(db: &mut impl Read, org: OrgId, ids: String) -> Result<Vec<Candidate>> {
    db.all(BY_IDS, (org, ids)).await
}
/// Members as the list shows them, by name.
pub(super) async fn list_listed(db: &mut impl Read, org: OrgId, ids: String) -> Result<Vec<ListRow>> {
    db.all(LISTED, (org, ids)).await
}
pub(super) async fn list_full(db: &mut impl Read, org: OrgId, ids: String) -> Result<Vec<Member>> {
    db.all(FULL, (org, ids)).await
}
/// How many Org Admins act without an end date.
pub(super) async fn count_steady(db: &mut impl Read, org: OrgId) -> Result<i64> {
    Ok(db.one(STEADY, (org,)).await?.0)
}
/// Those whose accounts may be used.
pub(super) async fn list_live(db: &mut impl Read, org: OrgId, ids: String) -> Result<Vec<MemberId>> {
    Ok(db
        .all(LIVE_ACCOUNTS, (org, ids))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
pub(super) async fn update_role(tx: &mut Tx, org: OrgId, ids: String, role: Role) -> Result<()> {
    tx.run(SET_ROLE, (org, ids, role)).await?;
    Ok(())
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn update_status(
    tx: &mut Tx,
    org: OrgId,
    ids: String,
    status: Status,
    until: Option<Timestamp>,
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<()> {
    tx.run(SET_STATUS, (org, ids, status, until, reason, by, at)).await?;
    Ok(())
}
pub(super) async fn lift_expiry(tx: &mut Tx, org: OrgId, ids: String) -> Result<()> {
    tx.run(LIFT_EXPIRY, (org, ids)).await?;
    Ok(())
}
/// Takes members out of SQLite's search index.
pub(super) async fn unindex(tx: &mut Tx, org: OrgId, ids: String) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        tx.run(UNINDEX, (org, ids)).await?;
    }
    Ok(())
}
/// Those of the persons who are members.
pub(super) async fn list_live_users(db: &mut impl Read, org: OrgId, users: String) -> Result<Vec<UserId>> {
    Ok(db
        .all(LIVE_USERS, (org, users))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
/// Those of the persons who have a primary organization.
pub(super) async fn list_with_primary(db: &mut impl Read, users: String) -> Result<Vec<UserId>> {
    Ok(db
        .all(WITH_PRIMARY, (users,))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
/// Those of some addresses who came by an import since an instant.
pub(super) async fn list_imported(
    db: &mut impl Read,
    org: OrgId,
    email_keys: String,
    since: Timestamp,
) -> Result<Vec<MemberId>> {
    let rows = db.all(IMPORTED, (org, email_keys, since)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn lock_users(tx: &mut Tx, users: String) -> Result<()> {
    tx.all(LOCK_USERS, (users,)).await?;
    Ok(())
}
/// Those of the persons who can act in another organization.
pub(super) async fn list_elsewhere(
    db: &mut impl Read,
    but: OrgId,
    users: String,
    now: Timestamp,
) -> Result<Vec<UserId>> {
    let rows = db.all(ELSEWHERE, (but, users, now)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn delete_resets(tx: &mut Tx, users: String) -> Result<()> {
    tx.run(DELETE_RESETS, (users,)).await?;
    Ok(())
}
/// Those of the persons who have made invitations that are still open.
pub(super) async fn list_inviters(db: &mut impl Read, org: OrgId, users: String) -> Result<Vec<UserId>> {
    let rows = db.all(INVITERS, (org, users)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}
pub(super) async fn drop_primary(tx: &mut Tx, org: OrgId, ids: String) -> Result<()> {
    tx.run(DROP_PRIMARY, (org, ids)).await?;
    Ok(())
}
pub(super) async fn list_heirs(db: &mut impl Read, users: String) -> Result<Vec<Heir>> {
    db.all(HEIRS, (users,)).await
}
