//! SQL of the groups room; it reads members' names for the record (a declared exception).

use super::Kind;
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, MemberId, OrgId},
    record, sql,
};

record! {
    /// A group.
    pub struct Group {
        /// Its id.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// What people call it.
        pub kind: Kind,
        /// How many members it has.
        pub member_count: i64,
    }
}

record! {
    /// A group that someone belongs to.
    pub struct Belonging {
        /// The group.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// Whether the member leads it.
        pub is_lead: bool,
    }
}

sql! {
    LIST: (OrgId) => Group = "select id, name, kind, member_count from groups where org_id = $1 order by name_key, id limit 1000";
    FIND: (OrgId, GroupId) => Group = "select id, name, kind, member_count from groups where org_id = $1 and id = $2";
    FIND_BY_KEY: (OrgId, String) => Group = "select id, name, kind, member_count from groups where org_id = $1 and name_key = $2";
    LIST_OF: (OrgId, MemberId) => Belonging =
        "select g.id, g.name, gm.is_lead from group_members gm join groups g on g.id = gm.group_id
         where gm.org_id = $1 and gm.member_id = $2 order by g.name_key, g.id";
    INSERT: (OrgId, GroupId, String, String, Kind, Timestamp) => () =
        "insert into groups (org_id, id, name, name_key, kind, created_at) values ($1, $2, $3, $4, $5, $6)";
    PERSON: (OrgId, MemberId) => (String,) = "select name from members where org_id = $1 and id = $2 and status < 5";
    INSERT_MEMBER: (OrgId, GroupId, MemberId) => () =
        "insert into group_members (org_id, group_id, member_id) values ($1, $2, $3) on conflict do nothing";
    INSERT_MEMBERS: bulk (OrgId, GroupId, MemberId) = "insert into group_members (org_id, group_id, member_id) values", "";
    DELETE_MEMBER: (OrgId, GroupId, MemberId) => () = "delete from group_members where org_id = $1 and group_id = $2 and member_id = $3";
    COUNT: (OrgId, GroupId, i64) => () = "update groups set member_count = member_count + $3 where org_id = $1 and id = $2";
    COUNT_LESS: (OrgId, MemberId) => () =
        "update groups set member_count = member_count - 1
         where org_id = $1 and id in (select group_id from group_members where org_id = $1 and member_id = $2)";
    DELETE_ALL_OF: (OrgId, MemberId) => () = "delete from group_members where org_id = $1 and member_id = $2";
}

pub(super) async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Group>> {
    db.all(LIST, (org,)).await
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Option<Group>> {
    db.opt(FIND, (org, id)).await
}
pub(super) async fn find_by_key(db: &mut impl Read, org: OrgId, key: &str) -> Result<Option<Group>> {
    db.opt(FIND_BY_KEY, (org, key)).await
}
pub(super) async fn list_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Belonging>> {
    db.all(LIST_OF, (org, member)).await
}
pub(super) async fn insert(
    tx: &mut Tx,
    org: OrgId,
    id: GroupId,
    name: &str,
    key: &str,
    kind: Kind,
    now: Timestamp,
) -> Result<()> {
    tx.run(INSERT, (org, id, name, key, kind, now)).await?;
    Ok(())
}
pub(super) async fn find_person(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Option<String>> {
    Ok(db.opt(PERSON, (org, member)).await?.map(|row| row.0))
}
/// Adds one membership and keeps the group's count; 0 when it was there.
pub(super) async fn insert_member(tx: &mut Tx, org: OrgId, group: GroupId, member: MemberId) -> Result<u64> {
    let added = tx.run(INSERT_MEMBER, (org, group, member)).await?;
    if added > 0 {
        tx.run(COUNT, (org, group, 1)).await?;
    }
    Ok(added)
}
/// Adds many memberships that are not there yet, and keeps the groups' counts.
pub(super) async fn insert_members(tx: &mut Tx, org: OrgId, mut pairs: Vec<(GroupId, MemberId)>) -> Result<()> {
    pairs.sort_unstable(); // the order of the table, so that neighbours land on one page
    for group in pairs.chunk_by(|one, next| one.0 == next.0) {
        tx.run(COUNT, (org, group[0].0, group.len() as i64)).await?;
    }
    let rows = pairs.into_iter().map(|(group, member)| (org, group, member)).collect();
    tx.many(INSERT_MEMBERS, rows).await?;
    Ok(())
}
/// Takes one membership away and keeps the group's count; 0 when it was not there.
pub(super) async fn delete_member(tx: &mut Tx, org: OrgId, group: GroupId, member: MemberId) -> Result<u64> {
    let removed = tx.run(DELETE_MEMBER, (org, group, member)).await?;
    if removed > 0 {
        tx.run(COUNT, (org, group, -1)).await?;
    }
    Ok(removed)
}
pub(super) async fn delete_all_of(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    tx.run(COUNT_LESS, (org, member)).await?;
    tx.run(DELETE_ALL_OF, (org, member)).await?;
    Ok(())
}
