//! What becomes of personal keys when something becomes of their owner (MODEL section 2.3), for one member and for many alike.
//!
//! The members' verbs call this in their own transaction. Keys of groups and services stay: they belong to no person.

use serde_json::json;

use super::{
    deed::{Deed, state_words},
    key::{State, SuspendedBy},
    store::{self, Owned},
};
use crate::{
    audit::{self, Actor, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, KeyId, MemberId, OrgId},
};

/// How many keys stop working when a member is disabled or leaves; keys of groups and services go on.
pub async fn count_of_member(db: &mut impl Read, org: OrgId, member: MemberId, now: Timestamp) -> Result<i64> {
    store::count_working_of_member(db, org, member, now).await
}

/// How many keys stop working when a group is deleted: those that belong to it. Others that put their use down to it go on without it.
pub async fn count_of_group(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<i64> {
    store::count_working_of_group(db, org, group, now).await
}

/// Suspends the keys of members who are deactivated, disabled, or whose membership has ended. Those that a person has suspended stay as
/// they are, and do not come back with their owner.
pub async fn suspend(tx: &mut Tx, by: &Actor, org: OrgId, members: &[MemberId], now: Timestamp) -> Result<()> {
    let mut keys = owned(tx, org, members).await?;
    keys.retain(|key| key.state == State::Active);
    change(tx, by, org, &keys, (Deed::Suspend, SuspendedBy::Owner), now).await
}

/// Gives members who act again the keys that were suspended with them, and no others.
pub async fn resume(tx: &mut Tx, by: &Actor, org: OrgId, members: &[MemberId], now: Timestamp) -> Result<()> {
    if members.is_empty() {
        return Ok(());
    }
    let keys = store::list_owned_back(tx, org, members).await?;
    change(tx, by, org, &keys, (Deed::Activate, SuspendedBy::Nobody), now).await
}

/// Revokes the keys of members who leave, and takes them off the keys that they were bound to.
pub async fn revoke(tx: &mut Tx, by: &Actor, org: OrgId, members: &[MemberId], now: Timestamp) -> Result<()> {
    let keys = owned(tx, org, members).await?;
    change(tx, by, org, &keys, (Deed::Revoke, SuspendedBy::Nobody), now).await?;
    if members.is_empty() {
        return Ok(());
    }
    store::unbind_members(tx, org, members).await
}

async fn owned(tx: &mut Tx, org: OrgId, members: &[MemberId]) -> Result<Vec<Owned>> {
    if members.is_empty() {
        return Ok(Vec::new());
    }
    store::list_owned(tx, org, members).await
}

async fn change(
    tx: &mut Tx,
    by: &Actor,
    org: OrgId,
    keys: &[Owned],
    (deed, suspended_by): (Deed, SuspendedBy),
    now: Timestamp,
) -> Result<()> {
    let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
    let state = deed.state().0;
    store::set_state(tx, org, &ids, (state, suspended_by), &by.name, now).await?;
    let entries = keys
        .iter()
        .map(|key| {
            let object = Object::new("key", key.id.raw(), key.name.clone());
            let was = if deed == Deed::Activate {
                SuspendedBy::Owner
            } else {
                SuspendedBy::Nobody
            };
            Entry::done(
                deed.action(),
                object,
                json!({ "state": state_words(key.state, was) }),
                json!({ "state": state_words(state, suspended_by), "reason": "Its owner’s membership" }),
            )
        })
        .collect();
    audit::record_many(tx, by, Some(org), entries, now).await
}
