//! Many people into groups and out of them at once, with a row in the record for each person and group.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

pub use super::mass_store::Seat;
use super::{belonging::place, group::find, mass_store as store, store as single};
use crate::{
    access::{Can, permission::GroupManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, MemberId, OrgId},
};

/// What became of one person.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// These places were added or taken away.
    Done(Vec<Seat>),
    /// The person was, or was not, in any of the groups already.
    Unchanged,
    /// The time for which the person was to come has ended.
    Ended,
    /// No member of this organization has the id.
    Missing,
}

/// A place that no job or lead has marked.
pub const fn plain(group: GroupId, member: MemberId) -> Seat {
    Seat {
        group_id: group,
        member_id: member,
        is_lead: false,
        expires_at: None,
    }
}

impl Seat {
    /// Whether the person's time in the group has not ended.
    fn lasts(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// How many of some members each group has now; groups without any are left out.
pub async fn shares(
    db: &mut impl Read,
    org: OrgId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<HashMap<GroupId, i64>> {
    let rows = store::shares(db, org, members, now).await?;
    Ok(rows.into_iter().map(|row| (row.group_id, row.n)).collect())
}

/// What the verbs of this file have in common: the groups' names, the people's names, and the places that are taken.
struct Room {
    groups: BTreeMap<GroupId, String>,
    people: HashMap<MemberId, String>,
    taken: HashMap<(GroupId, MemberId), Seat>,
}

async fn look(tx: &mut Tx, org: OrgId, groups: &[GroupId], members: &[MemberId]) -> Result<Room> {
    single::lock(tx, org).await?;
    let mut names = BTreeMap::new();
    for id in groups {
        names.insert(*id, find(tx, org, *id).await?.name);
    }
    let own: Vec<MemberId> = members.iter().copied().filter(|id| id.org() == org).collect();
    let people = store::names(tx, org, &own).await?;
    let taken = store::seats(tx, org, groups, &own).await?;
    Ok(Room {
        groups: names,
        people: people.into_iter().map(|row| (row.id, row.name)).collect(),
        taken: taken
            .into_iter()
            .map(|seat| ((seat.group_id, seat.member_id), seat))
            .collect(),
    })
}

/// Gives people places in groups, as [`super::add_members`]; another organization's group is not found. A time that has ended is begun
/// anew.
pub async fn add(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    wanted: &[(MemberId, Vec<Seat>)],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let org = by.org().id;
    let room = look(tx, org, &groups_of(wanted), &ids_of(wanted)).await?;
    let mut answer = Vec::with_capacity(wanted.len());
    let (mut entries, mut rows) = (Vec::new(), Vec::new());
    let mut over: BTreeMap<GroupId, Vec<MemberId>> = BTreeMap::new();
    for (id, seats) in wanted {
        let Some(person) = room.people.get(id) else {
            answer.push((*id, Outcome::Missing));
            continue;
        };
        let missing = || {
            seats.iter().filter(|seat| {
                let there = room.taken.get(&(seat.group_id, *id));
                !there.is_some_and(|there| there.lasts(now))
            })
        };
        let new: Vec<Seat> = missing().filter(|seat| seat.lasts(now)).cloned().collect();
        for seat in &new {
            if room.taken.contains_key(&(seat.group_id, *id)) {
                over.entry(seat.group_id).or_default().push(*id);
            }
            let name = room.groups.get(&seat.group_id).map_or("", String::as_str);
            let object = Object::new("member", id.raw(), person);
            let after = place(name, seat.expires_at);
            entries.push(Entry::done(Action::GroupMemberAdd, object, Value::Null, after));
            rows.push((org, seat.group_id, *id, seat.is_lead, seat.expires_at, now));
        }
        let outcome = if !new.is_empty() {
            Outcome::Done(new)
        } else if missing().next().is_some() {
            Outcome::Ended
        } else {
            Outcome::Unchanged
        };
        answer.push((*id, outcome));
    }
    // A time that ended a moment ago is cleared away first, as the worker would.
    for (group, members) in over {
        single::delete_members(tx, org, group, &members).await?;
    }
    single::insert_members(tx, org, rows).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(answer)
}

/// Takes people out of groups, as [`super::remove_member`]; whose time has ended is in none.
pub async fn remove(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    wanted: &[(MemberId, Vec<GroupId>)],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let org = by.org().id;
    let groups: HashSet<GroupId> = wanted.iter().flat_map(|(_, groups)| groups.iter().copied()).collect();
    let groups: Vec<GroupId> = groups.into_iter().collect();
    let ids: Vec<MemberId> = wanted.iter().map(|(id, _)| *id).collect();
    let room = look(tx, org, &groups, &ids).await?;
    let mut answer = Vec::with_capacity(wanted.len());
    let mut entries = Vec::new();
    let mut leaving: BTreeMap<GroupId, Vec<MemberId>> = BTreeMap::new();
    for (id, groups) in wanted {
        let Some(person) = room.people.get(id) else {
            answer.push((*id, Outcome::Missing));
            continue;
        };
        let old: Vec<Seat> = groups
            .iter()
            .filter_map(|group| room.taken.get(&(*group, *id)))
            .filter(|seat| seat.lasts(now))
            .cloned()
            .collect();
        for seat in &old {
            leaving.entry(seat.group_id).or_default().push(*id);
            let name = room.groups.get(&seat.group_id).map_or("", String::as_str);
            let mut before = place(name, seat.expires_at);
            if seat.is_lead {
                before["lead"] = json!(true);
            }
            let object = Object::new("member", id.raw(), person);
            entries.push(Entry::done(Action::GroupMemberRemove, object, before, Value::Null));
        }
        let outcome = if old.is_empty() {
            Outcome::Unchanged
        } else {
            Outcome::Done(old)
        };
        answer.push((*id, outcome));
    }
    for (group, members) in leaving {
        single::delete_members(tx, org, group, &members).await?;
    }
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(answer)
}

fn groups_of(wanted: &[(MemberId, Vec<Seat>)]) -> Vec<GroupId> {
    let groups: HashSet<GroupId> = wanted
        .iter()
        .flat_map(|(_, seats)| seats.iter().map(|seat| seat.group_id))
        .collect();
    groups.into_iter().collect()
}

fn ids_of(wanted: &[(MemberId, Vec<Seat>)]) -> Vec<MemberId> {
    wanted.iter().map(|(id, _)| *id).collect()
}

/// Takes many members out of every group, as part of a recorded removal.
pub(crate) async fn leave_all_many(tx: &mut Tx, org: OrgId, members: &[MemberId]) -> Result<()> {
    store::delete_all_of(tx, org, members).await
}
