//! SQL of the keys themselves. It reads members, groups, accounts and organizations for names and for whether an owner acts (a declared
//! exception).

use super::{
    Kind,
    key::{State, SuspendedBy},
    service,
};
use crate::{
    access::Role,
    clock::Timestamp,
    db::{Read, Statement, Text, Tx},
    error::Result,
    ids::{GroupId, KeyId, MemberId, OrgId, ServiceId, UserId},
    members::Status,
    record, sql,
    web::list::PAGE,
};

record! {
    /// A key with the names that pages show of it.
    pub struct Key {
        /// Its id.
        pub id: KeyId,
        /// Whose it is: a person's, a group's, a service's.
        pub kind: Kind,
        /// What people call it.
        pub name: String,
        /// The part of it that stands in clear.
        pub public_id: String,
        /// How it ends.
        pub last_four: String,
        /// How the newer secret ends, while two work.
        pub next_four: String,
        /// Until when the older of two secrets works.
        pub next_until: Option<Timestamp>,
        /// Whose it is, of a personal key.
        pub member_id: Option<MemberId>,
        /// The group to which its use is put down.
        pub group_id: Option<GroupId>,
        /// The service account that it belongs to.
        pub service_id: Option<ServiceId>,
        /// What it may be used for.
        pub scopes: String,
        /// From when on it works.
        pub not_before: Option<Timestamp>,
        /// Until when it works; none for ever.
        pub expires_at: Option<Timestamp>,
        /// Whether it works.
        pub state: State,
        /// Who or what has suspended it.
        pub suspended_by: SuspendedBy,
        /// Who has changed its state.
        pub state_by: String,
        /// When.
        pub state_at: Option<Timestamp>,
        /// The account that made it.
        pub created_by: UserId,
        /// Its name at the time.
        pub creator_name: String,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it got its present secret; none for the first one.
        pub rotated_at: Option<Timestamp>,
        /// When it was last used.
        pub last_used_at: Option<Timestamp>,
        /// From which address.
        pub last_used_ip: String,
        /// Rises with every change.
        pub version: i64,
        /// The owner's name.
        pub owner_name: Option<String>,
        /// The owner's state.
        pub owner_status: Option<Status>,
        /// When the owner's membership ends.
        pub owner_expires_at: Option<Timestamp>,
        /// The owning group's name.
        pub group_name: Option<String>,
        /// The service account's name.
        pub service_name: Option<String>,
        /// The service account's state.
        pub service_state: Option<service::State>,
        /// The groups that it is bound to, by name, each an id and a name.
        pub groups: Option<String>,
        /// Its features' own values, each kind, title and value.
        pub features: Option<String>,
        /// How many members it is bound to.
        pub bound: i64,
    }
}

record! {
    /// How many keys there are in a state.
    pub struct StateCount {
        /// The state.
        pub state: State,
        /// How many.
        pub n: i64,
    }
}

record! {
    /// A member that a key is bound to.
    pub struct Bound {
        /// The membership.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
    }
}

record! {
    /// A key whose owner's state changes.
    pub struct Owned {
        /// The key.
        pub id: KeyId,
        /// Its name.
        pub name: String,
        /// Its state.
        pub state: State,
    }
}

record! {
    /// A person's own key in one of their organizations.
    pub struct Mine {
        /// The key.
        pub id: KeyId,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub organization: String,
        /// Its place in addresses.
        pub slug: String,
    }
}

record! {
    /// A key whose end comes near, with those who are told of it.
    pub struct Ending {
        /// The key.
        pub id: KeyId,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub organization: String,
        /// Its place in addresses.
        pub slug: String,
        /// Its zone.
        pub zone: String,
        /// Whose it is.
        pub kind: Kind,
        /// The key's name.
        pub name: String,
        /// The end.
        pub expires_at: Timestamp,
        /// The owner of a personal key.
        pub member_id: Option<MemberId>,
        /// The group of a key.
        pub group_id: Option<GroupId>,
        /// Who made it.
        pub created_by: UserId,
    }
}

record! {
    /// Somebody who is told of a key's end.
    pub struct Told {
        /// The account.
        pub user_id: UserId,
        /// The address.
        pub email: String,
    }
}

record! {
    /// What a request by key is decided by, read at once.
    pub struct BearerRow {
        /// The key.
        pub id: KeyId,
        /// The organization.
        pub org_id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its state: 1 active, 2 archived.
        pub org_state: i64,
        /// Whose the key is.
        pub kind: Kind,
        /// What people call it.
        pub name: String,
        /// Whether it works.
        pub state: State,
        /// Who or what has suspended it.
        pub suspended_by: SuspendedBy,
        /// When it was made.
        pub created_at: Timestamp,
        /// From when on.
        pub not_before: Option<Timestamp>,
        /// Until when.
        pub expires_at: Option<Timestamp>,
        /// Until when the secret that was looked up works, when it is the older of two.
        pub secret_until: Option<Timestamp>,
        /// What for.
        pub scopes: String,
        /// The group to which use is put down.
        pub group_id: Option<GroupId>,
        /// The owner.
        pub member_id: Option<MemberId>,
        /// The owner's state.
        pub member_status: Option<Status>,
        /// When the owner's membership ends.
        pub member_expires_at: Option<Timestamp>,
        /// When the owner's deactivation ends.
        pub member_suspended_until: Option<Timestamp>,
        /// When the owner's private context was provisioned.
        pub member_context_at: Option<Timestamp>,
        /// The owner's role.
        pub role: Option<Role>,
        /// What the owner's additional roles permit.
        pub additional: Option<String>,
        /// The owner's account.
        pub user_id: Option<UserId>,
        /// Its state: 1 active.
        pub user_state: Option<i64>,
        /// The address of the owner's account.
        pub email: Option<String>,
        /// The service account.
        pub service_id: Option<ServiceId>,
        /// Its name.
        pub service_name: Option<String>,
        /// Its state.
        pub service_state: Option<service::State>,
        /// The groups that it is bound to.
        pub groups: Option<String>,
        /// The members that it is bound to.
        pub members: Option<String>,
        /// Features, each key and value.
        pub features: Option<String>,
    }
}

/// What a new key is.
#[derive(Debug)]
pub(super) struct NewKey<'a> {
    pub org: OrgId,
    pub id: KeyId,
    pub kind: Kind,
    pub name: &'a str,
    pub public_id: &'a str,
    pub last_four: &'a str,
    pub hash: [u8; 32],
    pub member: Option<MemberId>,
    pub group: Option<GroupId>,
    pub service: Option<ServiceId>,
    pub scopes: String,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub warned: Option<i64>,
    pub by: UserId,
    pub by_name: &'a str,
    pub nonce: &'a str,
    pub now: Timestamp,
}

/// The columns of [`Key`] and where they come from.
const SELECT: &str = "select k.id, k.kind, k.name, k.public_id, k.last_four, k.next_four, k.next_until, k.member_id, k.group_id, k.service_id, k.scopes,
   k.not_before, k.expires_at, k.state, k.suspended_by, k.state_by, k.state_at, k.created_by, k.creator_name, k.created_at, k.rotated_at,
   k.last_used_at, k.last_used_ip, k.version, m.name as owner_name, m.status as owner_status, m.expires_at as owner_expires_at,
   g.name as group_name, s.name as service_name, s.state as service_state,
   (select string_agg(cast(x.id as text) || '\u{1f}' || x.name, '\u{1e}') from (select b.id, b.name from key_groups kg join groups b on b.id = kg.group_id where kg.key_id = k.id order by b.name_key limit 50) x) as groups,
   (select string_agg(cast(y.kind as text) || '\u{1f}' || y.title || '\u{1f}' || y.value, '\u{1e}') from (select f.kind, f.title, kf.value from key_features kf join features f on f.id = kf.feature_id where kf.key_id = k.id order by f.title, f.id limit 100) y) as features,
   (select count(*) from key_members km where km.key_id = k.id) as bound
 from api_keys k left join members m on m.id = k.member_id left join groups g on g.id = k.group_id left join service_accounts s on s.id = k.service_id";

/// What the list asks for: organization, kind, state, group, unused since, now, expiring until, words, place.
pub(super) type Asked = (OrgId, i64, i64, i64, Timestamp, Timestamp, Timestamp, String, KeyId);

fn list_text(up: bool) -> String {
    let (beyond, way) = if up { (">", "asc") } else { ("<", "desc") };
    let limit = PAGE + 1;
    format!(
        "{SELECT} where k.org_id = $1 and ($2 = 0 or k.kind = $2)
           and (($3 = 0 and k.state < 3) or ($3 = 1 and k.state = 1 and (k.expires_at is null or k.expires_at > $6)) or ($3 = 2 and k.state = 2)
             or ($3 = 3 and k.state = 3) or ($3 = 4 and k.state < 3 and k.expires_at <= $6))
           and ($4 = 0 or exists (select 1 from key_groups kg where kg.key_id = k.id and kg.group_id = $4))
           and ($5 = 0 or (k.state < 3 and coalesce(k.last_used_at, k.created_at) < $5))
           and ($7 = 0 or (k.state < 3 and k.expires_at > $6 and k.expires_at <= $7))
           and (k.name_key like $8 escape '\\' or lower(k.public_id) like $8 escape '\\' or m.name_key like $8 escape '\\'
             or s.name_key like $8 escape '\\' or g.name_key like $8 escape '\\')
           and k.id {beyond} $9
         order by k.id {way} limit {limit}"
    )
}

const ONE: &str = "where k.org_id = $1 and k.id = $2";
const OF_MEMBER: &str = "where k.org_id = $1 and k.member_id = $2 and k.state < 3 order by k.id desc limit 100";
const OF_GROUP: &str = "where k.org_id = $1 and k.state < 3 and exists (select 1 from key_groups kg where kg.key_id = k.id and kg.group_id = $2) order by k.id desc limit 21";
const OF_SERVICE: &str = "where k.org_id = $1 and k.service_id = $2 and k.state < 3 order by k.id desc limit 100";

fn made(rest: &str) -> Text {
    Text::Made(format!("{SELECT} {rest}"))
}

/// Every text that is put together here, for the test that prepares them on both databases.
pub fn made_statements() -> Vec<Statement> {
    let mut all: Vec<Statement> = [true, false]
        .map(|up| Statement::of_text::<Asked, Key>("muster::keys::store::list", list_text(up), list_text(up)))
        .into();
    for rest in [ONE, OF_MEMBER, OF_GROUP, OF_SERVICE] {
        let text = format!("{SELECT} {rest}");
        all.push(Statement::of_text::<(OrgId, i64), Key>(
            "muster::keys::store",
            text.clone(),
            text,
        ));
    }
    let (sqlite, postgres) = (among_text(true), among_text(false));
    all.push(Statement::of_text::<(OrgId, String), Key>(
        "muster::keys::store::among",
        sqlite,
        postgres,
    ));
    all
}

fn among_text(is_sqlite: bool) -> String {
    let list = if is_sqlite {
        "k.id in (select value from json_each('[' || $2 || ']'))"
    } else {
        "k.id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    format!("{SELECT} where k.org_id = $1 and {list} order by k.name_key, k.id")
}

sql! {
    INSERT: (OrgId, KeyId, Kind, String, String, String, String, Vec<u8>, Option<MemberId>, Option<GroupId>, Option<ServiceId>, String, Option<Timestamp>, Option<Timestamp>, Option<i64>, UserId, String, Timestamp, String) => () =
        "insert into api_keys (org_id, id, kind, name, name_key, public_id, last_four, hash, member_id, group_id, service_id, scopes, not_before, expires_at, warned, created_by, creator_name, created_at, nonce)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    UPDATE: (OrgId, KeyId, String, String, String, Option<Timestamp>, Option<Timestamp>, Option<GroupId>, Option<i64>) => () =
        "update api_keys set name = $3, name_key = $4, scopes = $5, not_before = $6, expires_at = $7, group_id = $8, warned = $9, version = version + 1 where org_id = $1 and id = $2";
    BY_NONCE: (OrgId, String) => (KeyId,) = "select id from api_keys where org_id = $1 and nonce = $2";
    REPLACE: (OrgId, KeyId, Vec<u8>, String, Timestamp) => () =
        "update api_keys set hash = $3, last_four = $4, next_hash = null, next_four = '', next_until = null, rotated_at = $5, version = version + 1 where org_id = $1 and id = $2";
    OVERLAP: (OrgId, KeyId, Vec<u8>, String, Timestamp, Timestamp) => () =
        "update api_keys set hash = coalesce(next_hash, hash), last_four = case when next_hash is null then last_four else next_four end,
           next_hash = $3, next_four = $4, next_until = $6, rotated_at = $5, version = version + 1 where org_id = $1 and id = $2";
    SETTLE: (Timestamp) => () =
        "update api_keys set hash = next_hash, last_four = next_four, next_hash = null, next_four = '', next_until = null
         where org_id > 0 and next_until <= $1 and next_hash is not null";
    SET_STATE: (OrgId, KeyId, State, SuspendedBy, String, Timestamp) => () =
        "update api_keys set state = $3, suspended_by = $4, state_by = $5, state_at = $6, version = version + 1 where org_id = $1 and id = $2";
    SET_STATES: (OrgId, String, State, SuspendedBy, String, Timestamp) => () = {
        sqlite "update api_keys set state = $3, suspended_by = $4, state_by = $5, state_at = $6, version = version + 1 where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update api_keys set state = $3, suspended_by = $4, state_by = $5, state_at = $6, version = version + 1 where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    COUNTS: (OrgId) => StateCount = "select state, count(*) as n from api_keys where org_id = $1 group by state";
    IDS: (OrgId, KeyId, i64) => (KeyId,) = "select id from api_keys where org_id = $1 and id > $2 and state = 1 order by id limit $3";
    OWNED: (OrgId, String) => Owned = {
        sqlite "select id, name, state from api_keys where org_id = $1 and member_id in (select value from json_each('[' || $2 || ']')) and state < 3 order by id"
        postgres "select id, name, state from api_keys where org_id = $1 and member_id = any (cast(string_to_array($2, ',') as bigint[])) and state < 3 order by id"
    };
    WORKING_OF_MEMBER: (OrgId, MemberId, Timestamp) => (i64,) =
        "select count(*) from api_keys where org_id = $1 and member_id = $2 and state = 1 and (expires_at is null or expires_at > $3)";
    WORKING_OF_GROUP: (OrgId, GroupId, Timestamp) => (i64,) =
        "select count(*) from api_keys where org_id = $1 and group_id = $2 and kind = 2 and state = 1 and (expires_at is null or expires_at > $3)";
    OWNED_BACK: (OrgId, String) => Owned = {
        sqlite "select id, name, state from api_keys where org_id = $1 and member_id in (select value from json_each('[' || $2 || ']')) and state = 2 and suspended_by = 2 order by id"
        postgres "select id, name, state from api_keys where org_id = $1 and member_id = any (cast(string_to_array($2, ',') as bigint[])) and state = 2 and suspended_by = 2 order by id"
    };
    UNBIND_MEMBERS: (OrgId, String) => () = {
        sqlite "delete from key_members where org_id = $1 and member_id in (select value from json_each('[' || $2 || ']'))"
        postgres "delete from key_members where org_id = $1 and member_id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    BIND_GROUPS: bulk (KeyId, GroupId, OrgId) = "insert into key_groups (key_id, group_id, org_id) values", " on conflict do nothing";
    BIND_MEMBERS: bulk (KeyId, MemberId, OrgId) = "insert into key_members (key_id, member_id, org_id) values", " on conflict do nothing";
    FREE_GROUPS: (OrgId, KeyId) => () = "delete from key_groups where org_id = $1 and key_id = $2";
    FREE_MEMBERS: (OrgId, KeyId) => () = "delete from key_members where org_id = $1 and key_id = $2";
    BOUND: (OrgId, KeyId) => Bound =
        "select m.id, m.name, m.email from key_members km join members m on m.id = km.member_id where km.org_id = $1 and km.key_id = $2 order by m.name_key, m.id limit 100";
    BY_ADDRESS: (OrgId, String) => (MemberId,) = "select id from members where org_id = $1 and email_key = $2 and status < 5";
    BY_ADDRESSES: (OrgId, String) => (MemberId, String) = {
        sqlite "select id, email_key from members where org_id = $1 and email_key in (select value from json_each($2)) and status < 5"
        postgres "select id, email_key from members where org_id = $1 and email_key in (select value from json_array_elements_text(cast($2 as json))) and status < 5"
    };
    MINE: (UserId) => Mine =
        "select k.id, k.org_id, o.name as organization, o.slug from api_keys k join members m on m.id = k.member_id join orgs o on o.id = k.org_id
         where m.user_id = $1 and m.status < 5 and k.state < 3 order by o.name_key, k.id desc limit 200";
    PLACES: (UserId) => (OrgId, String, String, Role) =
        "select o.id, o.slug, o.name, m.role from members m join orgs o on o.id = m.org_id where m.user_id = $1 and m.status < 5 and m.status in (1, 2) and o.state = 1 order by o.name_key, o.id limit 100";
    ENDING: (Timestamp, Timestamp, Timestamp, Timestamp) => Ending =
        "select k.id, k.org_id, o.name as organization, o.slug, o.zone, k.kind, k.name, k.expires_at, k.member_id, k.group_id, k.created_by
         from api_keys k join orgs o on o.id = k.org_id
         where k.state < 3 and o.state = 1 and k.expires_at > $1
           and ((k.expires_at <= $2 and coalesce(k.warned, 99) > 3) or (k.expires_at <= $3 and coalesce(k.warned, 99) > 14) or (k.expires_at <= $4 and coalesce(k.warned, 99) > 30))
         order by k.org_id, k.id limit 500";
    SET_WARNED: (OrgId, KeyId, i64) => () = "update api_keys set warned = $3 where org_id = $1 and id = $2";
    OWNER: (OrgId, MemberId) => Told = "select user_id, email from members where org_id = $1 and id = $2 and status in (1, 2)";
    CARERS: (OrgId, i64, UserId, Timestamp) => Told =
        "select m.user_id, m.email from members m where m.org_id = $1 and m.status in (1, 2)
           and (m.user_id = $3 or exists (select 1 from group_members gm where gm.member_id = m.id and gm.group_id = $2 and gm.is_lead = true and (gm.expires_at is null or gm.expires_at > $4)))
         order by m.id limit 20";
    BEARER: (Vec<u8>, Timestamp) => BearerRow =
        "select k.id, k.org_id, o.slug, o.state as org_state, k.kind, k.name, k.state, k.suspended_by, k.created_at, k.not_before, k.expires_at, case when k.hash = $1 then k.next_until end as secret_until, k.scopes, k.group_id,
                k.member_id, m.status as member_status, m.expires_at as member_expires_at, m.suspended_until as member_suspended_until, m.context_at as member_context_at, m.role,
                (select string_agg(r.permissions, ' ') from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = k.member_id) as additional,
                m.user_id, u.state as user_state, m.email, k.service_id, s.name as service_name, s.state as service_state,
                (select string_agg(cast(kg.group_id as text), ',') from key_groups kg where kg.key_id = k.id) as groups,
                (select string_agg(cast(km.member_id as text), ',') from key_members km where km.key_id = k.id) as members,
                (select string_agg(f.key || '\u{1f}' || coalesce(kf.value, f.default_value), '\u{1e}') from features f left join key_features kf on kf.feature_id = f.id and kf.key_id = k.id
                 where f.org_id = k.org_id and coalesce(kf.value, f.default_value) <> '') as features
         from api_keys k join orgs o on o.id = k.org_id left join members m on m.id = k.member_id left join users u on u.id = m.user_id left join service_accounts s on s.id = k.service_id
         where (k.hash = $1 and (k.next_until is null or k.next_until > $2)) or k.next_hash = $1";
    TOUCH: (OrgId, KeyId, Timestamp, String) => () =
        "update api_keys set last_used_at = $3, last_used_ip = coalesce(nullif($4, ''), last_used_ip) where org_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)";
    HASH: (OrgId, KeyId) => (Vec<u8>,) = "select coalesce(next_hash, hash) from api_keys where org_id = $1 and id = $2";
    KEYS_EXIST: (OrgId) => (bool,) = "select exists (select 1 from api_keys where org_id = $1)";
}

fn ids<T>(list: &[T], raw: fn(&T) -> i64) -> String {
    let ids: Vec<String> = list.iter().map(|id| raw(id).to_string()).collect();
    ids.join(",")
}
fn keys(list: &[KeyId]) -> String {
    ids(list, |id| id.raw())
}
fn members(list: &[MemberId]) -> String {
    ids(list, |id| id.raw())
}

pub(super) async fn list(db: &mut impl Read, asked: Asked, up: bool) -> Result<Vec<Key>> {
    db.rows(Text::Made(list_text(up)), asked).await
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: KeyId) -> Result<Option<Key>> {
    Ok(db.rows(made(ONE), (org, id.raw())).await?.into_iter().next())
}
pub(super) async fn list_of_member(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Key>> {
    db.rows(made(OF_MEMBER), (org, member.raw())).await
}
pub(super) async fn list_of_group(db: &mut impl Read, org: OrgId, group: GroupId) -> Result<Vec<Key>> {
    db.rows(made(OF_GROUP), (org, group.raw())).await
}
pub(super) async fn list_of_service(db: &mut impl Read, org: OrgId, service: ServiceId) -> Result<Vec<Key>> {
    db.rows(made(OF_SERVICE), (org, service.raw())).await
}
pub(super) async fn among(db: &mut impl Read, org: OrgId, list: &[KeyId]) -> Result<Vec<Key>> {
    let text = among_text(db.engine() == crate::db::Engine::Sqlite);
    db.rows(Text::Made(text), (org, keys(list))).await
}
pub(super) async fn insert(tx: &mut Tx, new: NewKey<'_>) -> Result<()> {
    let row = (
        new.org,
        new.id,
        new.kind,
        new.name,
        crate::text::fold(new.name),
        new.public_id,
        new.last_four,
        new.hash,
        new.member,
        new.group,
        new.service,
        new.scopes,
        new.not_before,
        new.expires_at,
        new.warned,
        new.by,
        new.by_name,
        new.now,
        new.nonce,
    );
    tx.run(INSERT, row).await?;
    Ok(())
}
pub(super) struct Changed<'a> {
    pub name: &'a str,
    pub scopes: String,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    pub group: Option<GroupId>,
    pub warned: Option<i64>,
}
pub(super) async fn update(tx: &mut Tx, org: OrgId, id: KeyId, new: Changed<'_>) -> Result<()> {
    let row = (
        org,
        id,
        new.name,
        crate::text::fold(new.name),
        new.scopes,
        new.not_before,
        new.expires_at,
        new.group,
        new.warned,
    );
    tx.run(UPDATE, row).await?;
    Ok(())
}
pub(super) async fn find_by_nonce(db: &mut impl Read, org: OrgId, nonce: &str) -> Result<Option<KeyId>> {
    Ok(db.opt(BY_NONCE, (org, nonce)).await?.map(|row| row.0))
}
/// The new secret works, and the old one no more.
pub(super) async fn replace(
    tx: &mut Tx,
    org: OrgId,
    id: KeyId,
    (hash, four): ([u8; 32], &str),
    now: Timestamp,
) -> Result<()> {
    tx.run(REPLACE, (org, id, hash, four, now)).await?;
    Ok(())
}
/// The new secret works, and the latest one before it until `until`.
pub(super) async fn overlap(
    tx: &mut Tx,
    org: OrgId,
    id: KeyId,
    (hash, four): ([u8; 32], &str),
    now: Timestamp,
    until: Timestamp,
) -> Result<()> {
    tx.run(OVERLAP, (org, id, hash, four, now, until)).await?;
    Ok(())
}
/// Forgets older secrets whose time is over; that they no longer work is decided by the instant at hand.
pub(super) async fn settle(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.run(SETTLE, (now,)).await
}
pub(super) async fn set_state(
    tx: &mut Tx,
    org: OrgId,
    list: &[KeyId],
    (state, suspended_by): (State, SuspendedBy),
    by: &str,
    now: Timestamp,
) -> Result<()> {
    match list {
        [] => {}
        [one] => {
            tx.run(SET_STATE, (org, *one, state, suspended_by, by, now)).await?;
        }
        many => {
            tx.run(SET_STATES, (org, keys(many), state, suspended_by, by, now))
                .await?;
        }
    }
    Ok(())
}
pub(super) async fn counts(db: &mut impl Read, org: OrgId) -> Result<Vec<StateCount>> {
    db.all(COUNTS, (org,)).await
}
/// How many keys of a member have not ended and are not suspended.
pub(super) async fn count_working_of_member(
    db: &mut impl Read,
    org: OrgId,
    of: MemberId,
    now: Timestamp,
) -> Result<i64> {
    Ok(db.one(WORKING_OF_MEMBER, (org, of, now)).await?.0)
}
/// How many keys that belong to a group have not ended and are not suspended.
pub(super) async fn count_working_of_group(db: &mut impl Read, org: OrgId, of: GroupId, now: Timestamp) -> Result<i64> {
    Ok(db.one(WORKING_OF_GROUP, (org, of, now)).await?.0)
}
pub(super) async fn list_owned(db: &mut impl Read, org: OrgId, of: &[MemberId]) -> Result<Vec<Owned>> {
    db.all(OWNED, (org, members(of))).await
}
pub(super) async fn list_owned_back(db: &mut impl Read, org: OrgId, of: &[MemberId]) -> Result<Vec<Owned>> {
    db.all(OWNED_BACK, (org, members(of))).await
}
pub(super) async fn unbind_members(tx: &mut Tx, org: OrgId, of: &[MemberId]) -> Result<()> {
    tx.run(UNBIND_MEMBERS, (org, members(of))).await?;
    Ok(())
}
pub(super) async fn bind(tx: &mut Tx, org: OrgId, id: KeyId, groups: &[GroupId], people: &[MemberId]) -> Result<()> {
    tx.run(FREE_GROUPS, (org, id)).await?;
    tx.run(FREE_MEMBERS, (org, id)).await?;
    tx.many(BIND_GROUPS, groups.iter().map(|group| (id, *group, org)).collect())
        .await?;
    tx.many(BIND_MEMBERS, people.iter().map(|member| (id, *member, org)).collect())
        .await?;
    Ok(())
}
pub(super) async fn list_bound(db: &mut impl Read, org: OrgId, id: KeyId) -> Result<Vec<Bound>> {
    db.all(BOUND, (org, id)).await
}
/// The members among some addresses, each with the key of its address.
/// The member with an address; its key is the address as it is compared.
pub(crate) async fn find_member_by_address(db: &mut impl Read, org: OrgId, key: &str) -> Result<Option<MemberId>> {
    let found = db.opt(BY_ADDRESS, (org, key.to_owned())).await?;
    Ok(found.map(|(id,)| id))
}
pub(super) async fn list_by_addresses(
    db: &mut impl Read,
    org: OrgId,
    keys: &[String],
) -> Result<Vec<(MemberId, String)>> {
    db.all(BY_ADDRESSES, (org, serde_json::to_string(keys)?)).await
}
pub(super) async fn list_mine(db: &mut impl Read, user: UserId) -> Result<Vec<Mine>> {
    db.all(MINE, (user,)).await
}
/// The organizations in which a person acts: id, place in addresses, name, and the role there.
pub(super) async fn list_places(db: &mut impl Read, user: UserId) -> Result<Vec<(OrgId, String, String, Role)>> {
    db.all(PLACES, (user,)).await
}
pub(super) async fn list_ending(db: &mut impl Read, now: Timestamp, marks: [Timestamp; 3]) -> Result<Vec<Ending>> {
    db.all(ENDING, (now, marks[0], marks[1], marks[2])).await
}
pub(super) async fn set_warned(tx: &mut Tx, org: OrgId, id: KeyId, days: i64) -> Result<()> {
    tx.run(SET_WARNED, (org, id, days)).await?;
    Ok(())
}
pub(super) async fn find_owner(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Option<Told>> {
    db.opt(OWNER, (org, member)).await
}
/// Who made a key, and the leads of its group.
pub(super) async fn list_carers(
    db: &mut impl Read,
    org: OrgId,
    group: Option<GroupId>,
    maker: UserId,
    now: Timestamp,
) -> Result<Vec<Told>> {
    db.all(CARERS, (org, group.map_or(0, GroupId::raw), maker, now)).await
}
pub(super) async fn find_bearer(db: &mut impl Read, hash: [u8; 32], now: Timestamp) -> Result<Option<BearerRow>> {
    db.opt(BEARER, (hash, now)).await
}
/// What a key is looked up by; none for one that does not exist.
pub(crate) async fn find_hash(db: &mut impl Read, org: OrgId, id: KeyId) -> Result<Option<[u8; 32]>> {
    let found = db.opt(HASH, (org, id)).await?;
    Ok(found.and_then(|(hash,)| hash.try_into().ok()))
}
/// Active keys behind an id, by their ids.
pub(crate) async fn list_ids(db: &mut impl Read, org: OrgId, after: KeyId, most: i64) -> Result<Vec<KeyId>> {
    let found = db.all(IDS, (org, after, most)).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
pub(super) async fn touch(tx: &mut Tx, key: KeyId, at: Timestamp, ip: &str) -> Result<()> {
    tx.run(TOUCH, (key.org(), key, at, ip)).await?;
    Ok(())
}
pub(super) async fn any(db: &mut impl Read, org: OrgId) -> Result<bool> {
    Ok(db.one(KEYS_EXIST, (org,)).await?.0)
}
