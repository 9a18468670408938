//! Who belongs to a group, who leads it, and until when.
//!
//! A lead cares for the people of the own group: adds them, sets and extends their time, lets them go. Who leads, and how long a lead
//! stays, is decided by whoever manages groups, so that nobody prolongs the own power.

use std::time::Duration;

use jiff::ToSpan as _;
use serde_json::{Value, json};

pub use super::store::{Pending, Someone, Standing};
use super::{
    group::{self, Profile},
    store,
};
use crate::{
    access::{Can, GroupCan, GroupLead, permission::GroupManage},
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, days},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
};

/// By how many days one click extends a time in a group.
pub const EXTENSION: i64 = 30;
/// How far ahead the card "Expiring soon" looks.
const SOON: Duration = days(30);

impl Standing {
    /// Whether they belong to the group at this moment.
    pub fn belongs(&self, now: Timestamp) -> bool {
        self.is_lead.is_some() && self.expires_at.is_none_or(|end| end > now)
    }
    /// Whether they lead the group at this moment.
    pub fn leads(&self, now: Timestamp) -> bool {
        self.is_lead == Some(true) && self.belongs(now)
    }
    fn object(&self) -> Object {
        Object::new("member", self.id.raw(), self.name.clone())
    }
    fn entry(&self, action: Action, before: Value, after: Value) -> Entry {
        Entry::done(action, self.object(), before, after)
    }
}

/// How these members of the organization stand in a group; whoever is no member of the organization is left out.
pub async fn standings(db: &mut impl Read, org: OrgId, group: GroupId, members: &[MemberId]) -> Result<Vec<Standing>> {
    store::standings(db, org, group, members).await
}

/// Who leads a group now, by name.
pub async fn leads(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Someone>> {
    store::leads(db, org, group, now).await
}

/// Whose time in a group ends soon, the first six.
pub async fn ending(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Someone>> {
    store::ending(db, org, group, now, now.plus(SOON)).await
}

/// Who came into a group last, five of them.
pub async fn joined(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Someone>> {
    store::joined(db, org, group, now).await
}

/// Pending invitations that lead into a group, newest first, at most 101.
pub async fn pending(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Pending>> {
    store::pending(db, org, group, now).await
}

/// One member who belongs to the group of the path; anyone else is not found.
pub async fn find<D>(db: &mut impl Read, by: &GroupCan<D>, member: MemberId, now: Timestamp) -> Result<Standing> {
    let org = by.org().id;
    if member.org() != org || by.group().org() != org {
        return Err(Error::NotFound);
    }
    let found = store::standings(db, org, by.group(), &[member]).await?;
    found
        .into_iter()
        .find(|standing| standing.belongs(now))
        .ok_or(Error::NotFound)
}

async fn open<D>(tx: &mut Tx, by: &GroupCan<D>) -> Result<Profile> {
    store::lock(tx, by.org().id).await?;
    group::profile(tx, by.org().id, by.group()).await
}

async fn record<D>(tx: &mut Tx, by: &GroupCan<D>, entries: Vec<Entry>, now: Timestamp) -> Result<()> {
    audit::record_many(tx, by.actor(), Some(by.org().id), entries, now).await
}

fn in_future(until: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if until.is_some_and(|end| end <= now) {
        return Err(Error::invalid(
            "until",
            "This day has passed. Choose a later one, or leave it empty.",
        ));
    }
    Ok(())
}

/// What the record says of a place in a group.
pub(super) fn place(group: &str, until: Option<Timestamp>) -> Value {
    let mut place = json!({ "group": group });
    if let Some(end) = until {
        place["until"] = json!(end.micros());
    }
    place
}

/// Puts members of the organization into the group, with a few statements for any number of them. Those who belong to it already stay
/// as they are. One who is no member of the organization refuses them all. Returns how many were new.
pub async fn add(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    members: &[MemberId],
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<u64> {
    add_as(tx, by, members, false, until, now).await
}

async fn add_as(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    members: &[MemberId],
    is_lead: bool,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<u64> {
    in_future(until, now)?;
    let group = open(tx, by).await?;
    let org = by.org().id;
    let mut wanted = members.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let known = store::standings(tx, org, group.id, &wanted).await?;
    if known.len() != wanted.len() {
        return Err(Error::NotFound);
    }
    let fresh: Vec<&Standing> = known.iter().filter(|standing| !standing.belongs(now)).collect();
    // A time that ended a moment ago is cleared away first, as the worker would.
    let over: Vec<MemberId> = fresh
        .iter()
        .filter(|standing| standing.is_lead.is_some())
        .map(|standing| standing.id)
        .collect();
    store::delete_members(tx, org, group.id, &over).await?;
    let rows = fresh
        .iter()
        .map(|standing| (org, group.id, standing.id, is_lead, until, now))
        .collect();
    store::insert_members(tx, org, rows).await?;
    let entries = fresh
        .iter()
        .map(|standing| standing.entry(Action::GroupMemberAdd, Value::Null, place(&group.name, until)))
        .collect();
    record(tx, by, entries, now).await?;
    Ok(fresh.len() as u64)
}

/// Puts members into any group of the organization, for whoever manages groups; see [`add`].
pub async fn add_members(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<u64> {
    add(tx, &GroupCan::managing(by, group), members, None, now).await
}

/// Takes a member out of any group of the organization, for whoever manages groups; see [`remove`].
pub async fn remove_member(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    member: MemberId,
    now: Timestamp,
) -> Result<()> {
    remove(tx, &GroupCan::managing(by, group), member, now).await?;
    Ok(())
}

/// Takes many members out of any group of the organization, with a few statements for any number of them. Those who do not belong to it
/// are left out. Returns how many left.
pub async fn remove_members(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<u64> {
    let by = GroupCan::managing(by, group);
    let group = open(tx, &by).await?;
    let mut wanted = members.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut leaving = store::standings(tx, by.org().id, group.id, &wanted).await?;
    leaving.retain(|standing| standing.is_lead.is_some());
    take_out(tx, &by, &group, &leaving, now).await
}

/// Takes a member out of the group. A lead lets ordinary members go and may leave, unless nobody else leads the group.
pub async fn remove(tx: &mut Tx, by: &GroupCan<GroupLead>, member: MemberId, now: Timestamp) -> Result<Standing> {
    let group = open(tx, by).await?;
    let standing = find(tx, by, member, now).await?;
    guard_lead(tx, by, &group, &standing, now).await?;
    take_out(tx, by, &group, std::slice::from_ref(&standing), now).await?;
    Ok(standing)
}

async fn take_out(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    group: &Profile,
    leaving: &[Standing],
    now: Timestamp,
) -> Result<u64> {
    let ids: Vec<MemberId> = leaving.iter().map(|standing| standing.id).collect();
    let removed = store::delete_members(tx, by.org().id, group.id, &ids).await?;
    let entries = leaving
        .iter()
        .map(|standing| {
            let mut before = place(&group.name, standing.expires_at);
            if standing.is_lead == Some(true) {
                before["lead"] = json!(true);
            }
            standing.entry(Action::GroupMemberRemove, before, Value::Null)
        })
        .collect();
    record(tx, by, entries, now).await?;
    Ok(removed)
}

/// Refuses that a lead touches another lead, or goes as the last one.
async fn guard_lead(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    group: &Profile,
    standing: &Standing,
    now: Timestamp,
) -> Result<()> {
    if by.manages() || standing.is_lead != Some(true) {
        return Ok(());
    }
    if by.member() != Some(standing.id) {
        return Err(Error::forbidden(format!(
            "{} leads {} too. Ask whoever manages groups in {}.",
            standing.name,
            group.name,
            by.org().name
        )));
    }
    if store::count_other_leads(tx, by.org().id, group.id, standing.id, now).await? == 0 {
        return Err(Error::conflict(format!(
            "You are the last lead of {}. Ask whoever manages groups in {} to name another one first.",
            group.name,
            by.org().name
        )));
    }
    Ok(())
}

/// Takes a removal back: the member belongs to the group again, as before. Only whoever may name leads brings a lead back as one.
pub async fn restore(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    member: MemberId,
    is_lead: bool,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<String> {
    if is_lead && !by.manages() {
        return Err(Error::forbidden(format!(
            "You may not name leads. Ask whoever manages groups in {}.",
            by.org().name
        )));
    }
    if member.org() != by.org().id {
        return Err(Error::NotFound);
    }
    add_as(tx, by, &[member], is_lead, until, now).await?;
    Ok(find(tx, by, member, now).await?.name)
}

/// Makes a member of the group one of its leads.
pub async fn make_lead(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    group: GroupId,
    member: MemberId,
    now: Timestamp,
) -> Result<Standing> {
    let by = GroupCan::managing(by, group);
    let group = open(tx, &by).await?;
    let standing = find(tx, &by, member, now).await?;
    if standing.is_lead == Some(true) {
        return Ok(standing);
    }
    store::set_lead(tx, by.org().id, group.id, member, true).await?;
    let entry = standing.entry(Action::GroupLead, Value::Null, json!({ "group": group.name }));
    record(tx, &by, vec![entry], now).await?;
    Ok(standing)
}

/// Ends that a member leads the group; the member stays in it. Leads may step down themselves, unless nobody else leads the group.
pub async fn end_lead(tx: &mut Tx, by: &GroupCan<GroupLead>, member: MemberId, now: Timestamp) -> Result<Standing> {
    let group = open(tx, by).await?;
    let standing = find(tx, by, member, now).await?;
    if standing.is_lead != Some(true) {
        return Ok(standing);
    }
    guard_lead(tx, by, &group, &standing, now).await?;
    store::set_lead(tx, by.org().id, group.id, member, false).await?;
    let entry = standing.entry(Action::GroupLeadEnd, json!({ "group": group.name }), Value::Null);
    record(tx, by, vec![entry], now).await?;
    Ok(standing)
}

/// Sets when a member's time in the group ends; none for never.
pub async fn set_end(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    member: MemberId,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Standing> {
    in_future(until, now)?;
    let group = open(tx, by).await?;
    let standing = find(tx, by, member, now).await?;
    if standing.is_lead == Some(true) && !by.manages() {
        return Err(Error::forbidden(format!(
            "{} leads {}. How long a lead stays is decided by whoever manages groups in {}.",
            standing.name,
            group.name,
            by.org().name
        )));
    }
    store::set_end(tx, by.org().id, group.id, member, until).await?;
    let told = |end: Option<Timestamp>| json!({ "group": group.name, "until": end.map(Timestamp::micros) });
    let entry = standing.entry(Action::GroupMemberUpdate, told(standing.expires_at), told(until));
    record(tx, by, vec![entry], now).await?;
    Ok(Standing {
        expires_at: until,
        ..standing
    })
}

/// Extends a member's time in the group by thirty days, in one click. A time without end stays without end.
pub async fn extend(tx: &mut Tx, by: &GroupCan<GroupLead>, member: MemberId, now: Timestamp) -> Result<Standing> {
    open(tx, by).await?;
    let standing = find(tx, by, member, now).await?;
    let Some(end) = standing.expires_at else {
        return Err(Error::conflict(format!(
            "The time of {} in this group has no end. There is nothing to extend.",
            standing.name
        )));
    };
    // Days of the calendar: an end at midnight stays one when the clocks change.
    let later = end.instant().to_zoned(by.org().zone.tz()).checked_add(EXTENSION.days());
    let later = later.map_err(|_| Error::conflict("This time ends as late as calendars go."))?;
    let later = Timestamp::from_micros(later.timestamp().as_microsecond());
    set_end(tx, by, member, Some(later), now).await
}
