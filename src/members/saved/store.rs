//! SQL of saved views.

use crate::{
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::Result,
    ids::{OrgId, UserId, ViewId},
    record, sql,
};

record! {
    /// A list under a name.
    pub struct Saved {
        /// Its id.
        pub id: ViewId,
        /// Whose it is.
        pub user_id: UserId,
        /// Whether everyone in the organization sees it.
        pub shared: bool,
        /// Its name.
        pub name: String,
        /// The list's address without its path and place.
        pub query: String,
        /// Raised by every change.
        pub version: i64,
        /// Whether the list begins with it, for whoever asks.
        pub is_default: bool,
    }
}

sql! {
    LIST: (OrgId, UserId) => Saved =
        "select v.id, v.user_id, v.shared, v.name, v.query, v.version, (d.view_id is not null) as is_default
         from saved_views v left join saved_view_defaults d on d.org_id = v.org_id and d.user_id = $2 and d.view_id = v.id
         where v.org_id = $1 and (v.user_id = $2 or v.shared) order by v.name_key, v.id limit 100";
    COUNT: (OrgId, UserId) => (i64,) = "select count(*) from saved_views where org_id = $1 and user_id = $2";
    TAKEN: (OrgId, UserId, String, ViewId) => (i64,) =
        "select count(*) from saved_views where org_id = $1 and user_id = $2 and name_key = $3 and id <> $4";
    INSERT: (ViewId, OrgId, UserId, bool, String, String, String, Timestamp) => () =
        "insert into saved_views (id, org_id, user_id, shared, name, name_key, query, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE: (OrgId, ViewId, String, String, bool) => () =
        "update saved_views set name = $3, name_key = $4, shared = $5, version = version + 1 where org_id = $1 and id = $2";
    UNSET_OTHERS: (OrgId, ViewId, UserId) => () =
        "delete from saved_view_defaults where org_id = $1 and view_id = $2 and user_id <> $3";
    DELETE: (OrgId, ViewId) => () = "delete from saved_views where org_id = $1 and id = $2";
    SET_DEFAULT: (OrgId, UserId, ViewId) => () =
        "insert into saved_view_defaults (org_id, user_id, view_id) values ($1, $2, $3)
         on conflict (org_id, user_id) do update set view_id = excluded.view_id";
    UNSET_DEFAULT: (OrgId, UserId) => () = "delete from saved_view_defaults where org_id = $1 and user_id = $2";
}

pub(super) fn ask_list(org: OrgId, user: UserId) -> Ask<(OrgId, UserId), Saved> {
    LIST.with((org, user))
}
pub(super) async fn count(db: &mut impl Read, org: OrgId, user: UserId) -> Result<i64> {
    Ok(db.one(COUNT, (org, user)).await?.0)
}
pub(super) async fn is_taken(db: &mut impl Read, org: OrgId, user: UserId, key: &str, but: ViewId) -> Result<bool> {
    Ok(db.one(TAKEN, (org, user, key, but)).await?.0 > 0)
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert(
    tx: &mut Tx,
    id: ViewId,
    org: OrgId,
    user: UserId,
    shared: bool,
    name: &str,
    key: &str,
    query: &str,
    now: Timestamp,
) -> Result<()> {
    tx.run(INSERT, (id, org, user, shared, name, key, query, now)).await?;
    Ok(())
}
pub(super) async fn update(tx: &mut Tx, org: OrgId, id: ViewId, name: &str, key: &str, shared: bool) -> Result<()> {
    tx.run(UPDATE, (org, id, name, key, shared)).await?;
    Ok(())
}
/// Nobody else's list begins with a view that is not shared any more.
pub(super) async fn unset_others(tx: &mut Tx, org: OrgId, id: ViewId, owner: UserId) -> Result<()> {
    tx.run(UNSET_OTHERS, (org, id, owner)).await?;
    Ok(())
}
pub(super) async fn delete(tx: &mut Tx, org: OrgId, id: ViewId) -> Result<()> {
    tx.run(DELETE, (org, id)).await?;
    Ok(())
}
pub(super) async fn set_default(tx: &mut Tx, org: OrgId, user: UserId, id: ViewId) -> Result<()> {
    tx.run(SET_DEFAULT, (org, user, id)).await?;
    Ok(())
}
pub(super) async fn unset_default(tx: &mut Tx, org: OrgId, user: UserId) -> Result<()> {
    tx.run(UNSET_DEFAULT, (org, user)).await?;
    Ok(())
}
