//! The noun: a group, and who belongs to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::store;
pub use super::store::{Belonging, Group};
use crate::{
    access::{Can, permission::GroupManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
    orgs,
    text::fold,
};

/// What people call a group; it changes nothing about what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// A group.
    Group = 1,
    /// A team.
    Team = 2,
    /// A department.
    Department = 3,
    /// A project.
    Project = 4,
}

/// The longest name of a group, in characters.
pub const NAME_MAX: usize = 60;

/// The organization's groups by name, at most a thousand.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Group>> {
    store::list(db, org).await
}

/// One member's groups by name.
pub async fn list_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Belonging>> {
    store::list_of(db, org, member).await
}

/// Creates a group.
pub async fn create(tx: &mut Tx, by: &Can<GroupManage>, name: &str, kind: Kind, now: Timestamp) -> Result<GroupId> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let key = fold(&name);
    if key.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "Give the group a name of letters or digits."));
    }
    let length = name.chars().count();
    if length > NAME_MAX {
        return Err(Error::invalid(
            "name",
            format!("Use at most {NAME_MAX} characters. This name has {length}."),
        ));
    }
    let org = by.org().id;
    // The number comes first: taking it locks the organization's row, so that two same names meet one after the other.
    let id = GroupId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    if store::find_by_key(tx, org, &key).await?.is_some() {
        return Err(Error::invalid(
            "name",
            format!("There is a group named {name} already. Choose another name."),
        ));
    }
    store::insert(tx, org, id, &name, &key, kind, now).await?;
    let after = json!({ "name": name, "kind": kind as i64 });
    let entry = Entry::done(
        Action::GroupCreate,
        Object::new("group", id.raw(), name),
        Value::Null,
        after,
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(id)
}

/// Adds members to a group; those who belong to it already stay. Returns how many were new.
pub async fn add_members(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<u64> {
    let org = by.org().id;
    let group = find(tx, org, group).await?;
    let mut added = 0;
    let mut entries = Vec::new();
    for member in members {
        let Some(person) = store::find_person(tx, org, *member).await? else {
            return Err(Error::NotFound);
        };
        if store::insert_member(tx, org, group.id, *member).await? == 0 {
            continue;
        }
        added += 1;
        let after = json!({ "group": group.name });
        entries.push(Entry::done(
            Action::GroupMemberAdd,
            Object::new("member", member.raw(), person),
            Value::Null,
            after,
        ));
    }
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(added)
}

/// Takes a member out of a group.
pub async fn remove_member(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    member: MemberId,
    now: Timestamp,
) -> Result<()> {
    let org = by.org().id;
    let group = find(tx, org, group).await?;
    let person = store::find_person(tx, org, member).await?.ok_or(Error::NotFound)?;
    if store::delete_member(tx, org, group.id, member).await? == 0 {
        return Err(Error::NotFound);
    }
    let before = json!({ "group": group.name });
    let entry = Entry::done(
        Action::GroupMemberRemove,
        Object::new("member", member.raw(), person),
        before,
        Value::Null,
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await
}

pub(super) async fn find(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Group> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// Puts a member who has just joined into groups, as part of the recorded joining; returns their names.
pub(crate) async fn enrol(tx: &mut Tx, org: OrgId, member: MemberId, groups: &[GroupId]) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(groups.len());
    for id in groups {
        let group = find(tx, org, *id).await?;
        store::insert_member(tx, org, group.id, member).await?;
        names.push(group.name);
    }
    Ok(names)
}

/// Puts many members who have just joined into groups, as part of the recorded joining; returns the groups' names.
pub(crate) async fn enrol_many(
    tx: &mut Tx,
    org: OrgId,
    pairs: Vec<(GroupId, MemberId)>,
) -> Result<BTreeMap<GroupId, String>> {
    let mut names = BTreeMap::new();
    for (id, _) in &pairs {
        if !names.contains_key(id) {
            names.insert(*id, find(tx, org, *id).await?.name);
        }
    }
    store::insert_members(tx, org, pairs).await?;
    Ok(names)
}

/// Takes a member out of every group, as part of a recorded removal.
pub(crate) async fn leave_all(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    store::delete_all_of(tx, org, member).await
}
