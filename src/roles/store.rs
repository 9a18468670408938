//! SQL of the roles room. It reads the names and ranks of whoever holds a role, and locks the organization's row (declared exceptions).

use crate::{
    access::{EnterpriseRole, Permissions, Role},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{MemberId, OrgId, RoleId, UserId},
    record, sql,
};

record! {
    /// A custom role of an organization.
    #[derive(PartialEq, Eq)]
    pub struct CustomRole {
        /// Its id.
        pub id: RoleId,
        /// Its name.
        pub name: String,
        /// What it is for; may be empty.
        pub description: String,
        /// The keys of what it permits, one space between.
        pub permissions: String,
        /// Raised by every change.
        pub version: i64,
        /// How many members hold it.
        pub holders: i64,
    }
}

impl CustomRole {
    /// What it permits.
    pub fn permits(&self) -> Permissions {
        Permissions::parse(&self.permissions)
    }
}

record! {
    /// A custom role that a member holds.
    #[derive(PartialEq, Eq)]
    pub struct Held {
        /// The role.
        pub id: RoleId,
        /// Its name.
        pub name: String,
        /// The keys of what it permits, one space between.
        pub permissions: String,
    }
}

impl Held {
    /// What it permits.
    pub fn permits(&self) -> Permissions {
        Permissions::parse(&self.permissions)
    }
}

record! {
    /// A member who holds a role.
    pub struct Holder {
        /// The membership.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// The name's key, for the cursor.
        pub name_key: String,
        /// The built-in role beside it.
        pub role: Role,
        /// The state's number.
        pub status: i64,
    }
}

record! {
    /// A permission of the host platform that administrators have added.
    #[derive(PartialEq, Eq)]
    pub struct HostPermission {
        /// Its key, without [`crate::access::permissions::HOST`].
        pub key: String,
        /// Its name.
        pub title: String,
        /// Whether it belongs to the whole enterprise rather than to one organization.
        pub is_shared: bool,
    }
}

record! {
    /// A person with a role over the enterprise.
    pub struct Overseer {
        /// The account.
        pub id: UserId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
        /// The role.
        pub enterprise_role: EnterpriseRole,
        /// The account's state: 1 active.
        pub state: i64,
        /// When the person last signed in.
        pub last_sign_in_at: Option<Timestamp>,
        /// The version of the account.
        pub version: i64,
    }
}

sql! {
    LOCK_ORG: (OrgId) => (i64,) = { sqlite "select state from orgs where id = $1" postgres "select state from orgs where id = $1 for update" };
    LIST: (OrgId) => CustomRole =
        "select r.id, r.name, r.description, r.permissions, r.version, (select count(*) from member_roles mr where mr.role_id = r.id) as holders
         from roles r where r.org_id = $1 order by r.name_key, r.id limit 200";
    FIND: (OrgId, RoleId) => CustomRole =
        "select r.id, r.name, r.description, r.permissions, r.version, (select count(*) from member_roles mr where mr.role_id = r.id) as holders
         from roles r where r.org_id = $1 and r.id = $2";
    NAMED: (OrgId, String) => (RoleId,) = "select id from roles where org_id = $1 and name_key = $2";
    INSERT: (OrgId, RoleId, String, String, String, String, Timestamp) => () =
        "insert into roles (org_id, id, name, name_key, description, permissions, created_at) values ($1, $2, $3, $4, $5, $6, $7)";
    UPDATE: (OrgId, RoleId, i64, String, String, String, String) => () =
        "update roles set name = $4, name_key = $5, description = $6, permissions = $7, version = version + 1 where org_id = $1 and id = $2 and version = $3";
    DELETE: (OrgId, RoleId, i64) => () = "delete from roles where org_id = $1 and id = $2 and version = $3";
    HELD_BY: (OrgId, MemberId) => Held =
        "select r.id, r.name, r.permissions from member_roles mr join roles r on r.id = mr.role_id
         where mr.org_id = $1 and mr.member_id = $2 order by r.name_key, r.id";
    HOLDERS: (OrgId, RoleId, String, MemberId, i64) => Holder =
        "select m.id, m.name, m.name_key, m.role, m.status from member_roles mr join members m on m.id = mr.member_id
         where mr.org_id = $1 and mr.role_id = $2 and (m.name_key, m.id) > ($3, $4) order by m.name_key, m.id limit $5";
    HIGHEST: (OrgId, RoleId) => (i64,) =
        "select cast(coalesce(max(m.role), 0) as bigint) as rank from member_roles mr join members m on m.id = mr.member_id
         where mr.org_id = $1 and mr.role_id = $2";
    GIVE: (OrgId, RoleId, MemberId) => () =
        "insert into member_roles (org_id, role_id, member_id) values ($1, $2, $3) on conflict do nothing";
    TAKE: (OrgId, RoleId, MemberId) => () = "delete from member_roles where org_id = $1 and role_id = $2 and member_id = $3";
    TAKE_ALL: (OrgId, MemberId) => () = "delete from member_roles where org_id = $1 and member_id = $2";
    TAKE_ALL_OF: (OrgId, String) => () = {
        sqlite "delete from member_roles where org_id = $1 and member_id in (select value from json_each($2))"
        postgres "delete from member_roles where org_id = $1 and member_id in (select cast(value as bigint) from json_array_elements_text(cast($2 as json)))"
    };
    HAND_OVER: (OrgId, RoleId, RoleId) => () =
        "insert into member_roles (org_id, role_id, member_id) select org_id, $3, member_id from member_roles where org_id = $1 and role_id = $2
         on conflict do nothing";
    HOSTS: (OrgId) => HostPermission =
        "select key, title, org_id = 0 as is_shared from host_permissions where org_id in (0, $1) order by key, org_id";
    ADD_HOST: (OrgId, String, String, Timestamp) => () = "insert into host_permissions (org_id, key, title, created_at) values ($1, $2, $3, $4)";
    REMOVE_HOST: (OrgId, String) => () = "delete from host_permissions where org_id = $1 and key = $2";
    USING: (OrgId, String) => (String,) =
        "select name from roles where (org_id = $1 or $1 = 0)
         and length(replace(' ' || permissions || ' ', ' ' || $2 || ' ', '')) < length(' ' || permissions || ' ') order by name_key, id limit 4";
    OVERSEERS: () => Overseer =
        "select id, name, email, enterprise_role, state, last_sign_in_at, version from users where enterprise_role is not null
         order by enterprise_role desc, email_key limit 500";
    OVERSEER: (String) => Overseer =
        "select id, name, email, enterprise_role, state, last_sign_in_at, version from users where email_key = $1 and enterprise_role is not null";
    ACCOUNT_STATE: (UserId) => (i64,) = "select state from users where id = $1";
    LEADS: (OrgId, MemberId, Timestamp) => (i64,) =
        "select group_id from group_members where org_id = $1 and member_id = $2 and is_lead and (expires_at is null or expires_at > $3)";
}

/// Locks the organization's row for this transaction; its state.
pub(super) async fn lock_org(tx: &mut Tx, org: OrgId) -> Result<i64> {
    Ok(tx.one(LOCK_ORG, (org,)).await?.0)
}
pub(super) async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<CustomRole>> {
    db.all(LIST, (org,)).await
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: RoleId) -> Result<Option<CustomRole>> {
    db.opt(FIND, (org, id)).await
}
pub(super) async fn find_named(db: &mut impl Read, org: OrgId, key: &str) -> Result<Option<RoleId>> {
    Ok(db.opt(NAMED, (org, key)).await?.map(|row| row.0))
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert(
    tx: &mut Tx,
    org: OrgId,
    id: RoleId,
    name: &str,
    key: &str,
    description: &str,
    permissions: &str,
    now: Timestamp,
) -> Result<()> {
    tx.run(INSERT, (org, id, name, key, description, permissions, now))
        .await?;
    Ok(())
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: RoleId,
    version: i64,
    name: &str,
    key: &str,
    description: &str,
    permissions: &str,
) -> Result<u64> {
    tx.run(UPDATE, (org, id, version, name, key, description, permissions))
        .await
}
pub(super) async fn delete(tx: &mut Tx, org: OrgId, id: RoleId, version: i64) -> Result<u64> {
    tx.run(DELETE, (org, id, version)).await
}
pub(super) async fn list_held(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Held>> {
    db.all(HELD_BY, (org, member)).await
}
/// Those who hold a role, by name, after a place.
pub(super) async fn list_holders(
    db: &mut impl Read,
    org: OrgId,
    role: RoleId,
    after: (&str, MemberId),
    limit: i64,
) -> Result<Vec<Holder>> {
    db.all(HOLDERS, (org, role, after.0, after.1, limit)).await
}
/// The rank of the highest built-in role among those who hold a role, 0 for nobody.
pub(super) async fn find_highest(db: &mut impl Read, org: OrgId, role: RoleId) -> Result<i64> {
    Ok(db.one(HIGHEST, (org, role)).await?.0)
}
pub(super) async fn give(tx: &mut Tx, org: OrgId, role: RoleId, member: MemberId) -> Result<u64> {
    tx.run(GIVE, (org, role, member)).await
}
pub(super) async fn take(tx: &mut Tx, org: OrgId, role: RoleId, member: MemberId) -> Result<u64> {
    tx.run(TAKE, (org, role, member)).await
}
pub(super) async fn take_all(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<u64> {
    tx.run(TAKE_ALL, (org, member)).await
}
pub(super) async fn take_all_of(tx: &mut Tx, org: OrgId, members: &[MemberId]) -> Result<u64> {
    let ids: Vec<i64> = members.iter().map(|id| id.raw()).collect();
    tx.run(TAKE_ALL_OF, (org, serde_json::to_string(&ids)?)).await
}
/// Gives everyone who holds a role another one too.
pub(super) async fn hand_over(tx: &mut Tx, org: OrgId, from: RoleId, to: RoleId) -> Result<u64> {
    tx.run(HAND_OVER, (org, from, to)).await
}
pub(super) async fn list_hosts(db: &mut impl Read, org: OrgId) -> Result<Vec<HostPermission>> {
    db.all(HOSTS, (org,)).await
}
pub(super) async fn insert_host(tx: &mut Tx, org: OrgId, key: &str, title: &str, now: Timestamp) -> Result<()> {
    tx.run(ADD_HOST, (org, key, title, now)).await?;
    Ok(())
}
pub(super) async fn delete_host(tx: &mut Tx, org: OrgId, key: &str) -> Result<u64> {
    tx.run(REMOVE_HOST, (org, key)).await
}
/// The names of up to four roles that have a permission, of every organization where `org` is 0.
pub(super) async fn list_using(db: &mut impl Read, org: OrgId, key: &str) -> Result<Vec<String>> {
    Ok(db.all(USING, (org, key)).await?.into_iter().map(|row| row.0).collect())
}
pub(super) async fn list_overseers(db: &mut impl Read) -> Result<Vec<Overseer>> {
    db.all(OVERSEERS, ()).await
}
pub(super) async fn find_overseer(db: &mut impl Read, email_key: &str) -> Result<Option<Overseer>> {
    db.opt(OVERSEER, (email_key,)).await
}
pub(super) async fn find_account_state(db: &mut impl Read, user: UserId) -> Result<i64> {
    Ok(db.opt(ACCOUNT_STATE, (user,)).await?.map_or(3, |row| row.0))
}
/// The groups that a member leads.
pub(super) async fn list_led(db: &mut impl Read, org: OrgId, member: MemberId, now: Timestamp) -> Result<Vec<i64>> {
    Ok(db
        .all(LEADS, (org, member, now))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
