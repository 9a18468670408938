//! The noun and its verbs: joining, changing, ending and restoring a membership.
//!
//! Every verb first locks the organization's row, so that what it has read stays true until it commits: two Org Admins who demote
//! each other at the same moment come one after the other, and the second is refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use super::store::{LiveRow, Member, Seats};
use super::{
    assignment::{self, Assignment},
    guard::{self, Deed, Standing},
    list::Counts,
    mass_store,
    store::{self, CountRow, Due},
};
use crate::{
    access::{
        Can, EnterpriseRole, Permissions, Role,
        permission::{MemberDisable, MemberManage, MemberSuspend, Right, RoleAssign},
        session,
    },
    audit::{self, Action, Actor, Entry, Object},
    auth::reset,
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::{Error, Result},
    groups,
    ids::{GroupId, MemberId, OrgId, UserId},
    invitations::invitation,
    keys,
    mail::{Mail, address::Address},
    notifications::{self, Kind, News},
    orgs, roles,
    text::fold,
    web::filters,
};

/// The state of a membership, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Status {
    /// Has a private context.
    Active = 1,
    /// Belongs to the organization and has no private context yet.
    Inactive = 2,
    /// Deactivated: an administrator or manager can take it back.
    Suspended = 3,
    /// Disabled: only the operator can take it back.
    Disabled = 4,
    /// Has left; the row stays as history.
    Removed = 5,
}

impl Status {
    /// The states that a list can show.
    pub const LIVE: [Self; 4] = [Self::Active, Self::Inactive, Self::Suspended, Self::Disabled];

    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Suspended => "Deactivated",
            Self::Disabled => "Disabled",
            Self::Removed => "Removed",
        }
    }
    /// The stable name in addresses and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Suspended => "deactivated",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
    /// Finds a live state by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::LIVE.into_iter().find(|status| status.key() == key)
    }
    /// Whether a membership in this state lets its person in.
    pub const fn acts(self) -> bool {
        matches!(self, Self::Active | Self::Inactive)
    }
}

/// How a person came into the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Source {
    /// As the first person, when Muster was set up.
    SetUp = 1,
    /// By an invitation.
    Invitation = 2,
    /// Added by an administrator.
    Administrator = 3,
    /// By an import.
    Import = 4,
}

impl Source {
    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SetUp => "Set-up",
            Self::Invitation => "Invitation",
            Self::Administrator => "Added by an administrator",
            Self::Import => "Import",
        }
    }
}

/// Who joins, and as what.
#[derive(Debug, Clone)]
pub struct NewMember<'a> {
    /// The account.
    pub user: UserId,
    /// Its address.
    pub email: &'a Address,
    /// Its name.
    pub name: &'a str,
    /// The role to begin with.
    pub role: Role,
    /// How the person comes.
    pub source: Source,
    /// The groups to begin with.
    pub groups: &'a [GroupId],
    /// When the membership ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A member as an import or the demo brings it, with a past.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The account.
    pub user: UserId,
    /// Its address.
    pub email: Address,
    /// Its name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether this is the person's first membership.
    pub is_primary: bool,
    /// When the person joined.
    pub joined_at: Timestamp,
    /// When the person was last here.
    pub last_active_at: Option<Timestamp>,
    /// When the private context was provisioned.
    pub context_at: Option<Timestamp>,
    /// Whether the membership is deactivated.
    pub is_suspended: bool,
    /// The groups.
    pub groups: Vec<GroupId>,
    /// When the membership ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Who is to be changed, and which version of them the caller has seen.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The member.
    pub id: MemberId,
    /// The version on the caller's page; none when the caller has seen no page.
    pub expected: Option<i64>,
}

impl From<MemberId> for Change {
    fn from(id: MemberId) -> Self {
        Self { id, expected: None }
    }
}

impl Seats {
    /// How many are free; below zero when the limit was lowered.
    pub const fn left(&self) -> i64 {
        self.seats - self.used
    }
    /// Why nobody can be added.
    pub fn refusal(&self) -> String {
        format!(
            "All {} are taken. Deactivate or remove somebody, or ask whoever keeps the subscription for more seats.",
            filters::plural(self.seats, "seat", "seats")
        )
    }
}

impl Member {
    /// The higher of both roles' ranks: an Enterprise Administrator stays one as a Viewer of an organization.
    pub fn rank(&self) -> i64 {
        self.role
            .rank()
            .max(self.enterprise_role.map_or(0, EnterpriseRole::rank))
    }
    /// Whether the membership has ended by its date.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
    /// Whether the membership lets its person in.
    pub fn acts(&self, now: Timestamp) -> bool {
        self.status.acts() && !self.is_expired(now)
    }
    /// What a decision about the member has to know.
    pub fn standing(&self) -> Standing {
        Standing {
            user: self.user_id,
            role: self.role,
            enterprise_role: self.enterprise_role,
            additional: Permissions::parse(&self.additional),
            status: self.status,
            expires_at: self.expires_at,
        }
    }
    /// The word for the state, by the precedence of MODEL section 2.4.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.status {
            Status::Suspended if self.was_expired() => "Expired",
            Status::Active | Status::Inactive if self.is_expired(now) => "Expired",
            status => status.title(),
        }
    }
    /// Whether the job has made the end of the membership persistent, rather than a person who deactivated it.
    fn was_expired(&self) -> bool {
        self.status == Status::Suspended && self.expires_at.is_some() && self.state_at == self.expires_at
    }
    pub(super) fn object(&self) -> Object {
        Object::new("member", self.id.raw(), self.name.clone())
    }
    /// The state to return to.
    pub(super) const fn restored(&self) -> Status {
        if self.context_at.is_some() {
            Status::Active
        } else {
            Status::Inactive
        }
    }
}

/// Finds a member who has not left; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: MemberId) -> Result<Member> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// What of some members may change while a page of them is open, but for those who have left.
pub async fn list_live(db: &mut impl Read, org: OrgId, ids: &[MemberId]) -> Result<Vec<LiveRow>> {
    store::list_live(db, org, ids).await
}

/// Finds a person's live membership, by account or by address.
pub async fn find_live(db: &mut impl Read, org: OrgId, user: UserId, email: &Address) -> Result<Option<Member>> {
    store::find_live(db, org, user, email.key()).await
}

/// How many members the organization has, by role and state.
pub async fn counts(db: &mut impl Read, org: OrgId) -> Result<Counts> {
    Ok(Counts::new(ask_counts(org).rows(db).await?))
}

/// Asks for the rows of [`Counts::new`].
pub(crate) fn ask_counts(org: OrgId) -> Ask<(OrgId,), CountRow> {
    store::ask_counts(org)
}

/// How many open invitations this member has made, which end when they are disabled or removed.
pub async fn count_open_invitations(db: &mut impl Read, member: &Member) -> Result<i64> {
    store::count_invitations(db, member.org_id, member.user_id).await
}

/// Whether disabling or removing this member ends their sessions, because they can act nowhere else.
pub async fn ends_sessions(db: &mut impl Read, member: &Member, now: Timestamp) -> Result<bool> {
    let elsewhere = store::count_acting_elsewhere(db, member.user_id, member.org_id, now).await?;
    Ok(elsewhere == 0 && member.enterprise_role.is_none())
}

/// Why nobody becomes Org Admin until a date where there is none without one.
const FIRST_ADMIN_ENDS: &str =
    "The first Org Admin of an organization cannot have an end date. Add one without an end date first.";

/// How many Org Admins act without an end date.
pub async fn count_steady_admins(db: &mut impl Read, org: OrgId) -> Result<i64> {
    mass_store::count_steady(db, org).await
}

/// Holds the accounts of some persons for this transaction.
pub(super) async fn lock_users(tx: &mut Tx, users: &[UserId]) -> Result<()> {
    mass_store::lock_users(tx, mass_store::text(users.iter().map(|user| user.raw()))).await
}

/// Ends the links by which some persons could set a password.
pub(super) async fn end_resets(tx: &mut Tx, users: &[UserId]) -> Result<()> {
    mass_store::delete_resets(tx, mass_store::text(users.iter().map(|user| user.raw()))).await
}

/// Those of some persons who have a live membership in the organization, and those who have a primary organization anywhere.
pub async fn standing_of(db: &mut impl Read, org: OrgId, users: &[UserId]) -> Result<(Vec<UserId>, Vec<UserId>)> {
    let ids = mass_store::text(users.iter().map(|user| user.raw()));
    let live = mass_store::list_live_users(db, org, ids.clone()).await?;
    Ok((live, mass_store::list_with_primary(db, ids).await?))
}

/// Makes a person a member; a person who had left begins a new membership.
pub async fn join(tx: &mut Tx, by: &Actor, org: OrgId, new: NewMember<'_>, now: Timestamp) -> Result<MemberId> {
    lock_live(tx, org).await?;
    store::lock_user(tx, new.user).await?;
    if let Some(there) = store::find_live(tx, org, new.user, new.email.key()).await? {
        return Err(Error::conflict(already(&there)));
    }
    keep_within_seats(tx, org, 1).await?;
    let id = MemberId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    if new.role == Role::Administrator && new.expires_at.is_some() && store::count_other_admins(tx, org, id).await? == 0
    {
        return Err(Error::conflict(FIRST_ADMIN_ENDS));
    }
    let is_primary = !store::has_primary(tx, new.user).await?;
    let row = (
        org,
        id,
        new.user,
        new.email.display().to_owned(),
        new.email.key().to_owned(),
        new.name.to_owned(),
        fold(new.name),
        new.role,
        Status::Inactive,
        is_primary,
        new.source,
        now,
        Timestamp::from_micros(0),
        None,
        new.expires_at,
    );
    store::insert(tx, vec![row]).await?;
    store::index(tx, org, id, id).await?;
    store::count(tx, org, new.role, Status::Inactive, 1).await?;
    let groups = groups::enrol(tx, org, id, new.groups, now).await?;
    let mut after = Map::from_iter([
        ("email".to_owned(), json!(new.email.key())),
        ("role".to_owned(), json!(new.role.key())),
        ("source".to_owned(), json!(new.source.title())),
    ]);
    if !groups.is_empty() {
        after.insert("groups".to_owned(), json!(groups));
    }
    if let Some(end) = new.expires_at {
        after.insert("expires_at".to_owned(), json!(end.to_string()));
    }
    let action = if new.source == Source::Invitation {
        Action::MemberJoin
    } else {
        Action::MemberCreate
    };
    let entry = Entry::done(
        action,
        Object::new("member", id.raw(), new.name),
        Value::Null,
        Value::Object(after),
    );
    audit::record(tx, by, Some(org), entry, now).await?;
    Ok(id)
}

/// Brings many members at once, for imports and the demo, with a row in the record for each, as [`join`] leaves it. The accounts
/// are new to this organization.
pub async fn join_many(
    tx: &mut Tx,
    by: &Actor,
    org: OrgId,
    people: Vec<Imported>,
    now: Timestamp,
) -> Result<Vec<MemberId>> {
    let count = people.len() as i64;
    if count == 0 {
        return Ok(Vec::new());
    }
    lock_live(tx, org).await?;
    let ends = |person: &Imported| person.role == Role::Administrator && person.expires_at.is_some();
    if people.iter().any(ends) && count_steady_admins(tx, org).await? == 0 {
        return Err(Error::conflict(FIRST_ADMIN_ENDS));
    }
    let acting = people.iter().filter(|person| !person.is_suspended).count() as i64;
    keep_within_seats(tx, org, acting).await?;
    let first = orgs::next_id(tx, org, count).await?;
    let ids: Vec<_> = (first..first + count).map(|n| MemberId::from_raw(org.row(n))).collect();
    let mut counts: BTreeMap<(Role, i64), (Status, i64)> = BTreeMap::new();
    let mut enrolments = Vec::new();
    let mut rows = Vec::with_capacity(people.len());
    for (person, id) in people.iter().zip(&ids) {
        let status = match person.context_at {
            _ if person.is_suspended => Status::Suspended,
            Some(_) => Status::Active,
            None => Status::Inactive,
        };
        counts.entry((person.role, status as i64)).or_insert((status, 0)).1 += 1;
        enrolments.extend(person.groups.iter().map(|group| (*group, *id)));
        rows.push((
            org,
            *id,
            person.user,
            person.email.display().to_owned(),
            person.email.key().to_owned(),
            person.name.clone(),
            fold(&person.name),
            person.role,
            status,
            person.is_primary,
            Source::Import,
            person.joined_at,
            person.last_active_at.unwrap_or_default(),
            person.context_at,
            person.expires_at,
        ));
    }
    store::insert(tx, rows).await?;
    store::index(tx, org, ids[0], ids[ids.len() - 1]).await?;
    for ((role, _), (status, n)) in counts {
        store::count(tx, org, role, status, n).await?;
    }
    let names = groups::enrol_many(tx, org, enrolments, now).await?;
    let entries = people
        .into_iter()
        .zip(&ids)
        .map(|(person, id)| {
            let mut after =
                json!({ "email": person.email.key(), "role": person.role.key(), "source": Source::Import.title() });
            if !person.groups.is_empty() {
                let names: Vec<_> = person.groups.iter().filter_map(|group| names.get(group)).collect();
                after["groups"] = json!(names);
            }
            if let Some(end) = person.expires_at {
                after["expires_at"] = json!(end.to_string());
            }
            Entry::done(
                Action::MemberCreate,
                Object::new("member", id.raw(), person.name),
                Value::Null,
                after,
            )
        })
        .collect();
    audit::record_many(tx, by, Some(org), entries, now).await?;
    Ok(ids)
}

/// How the organization's seats are used; none when it has no limit. Whoever can act holds one, so deactivating, disabling and removing
/// free it. What returns by its date alone is never refused.
pub async fn seats(db: &mut impl Read, org: OrgId) -> Result<Option<Seats>> {
    store::find_seats(db, org).await
}

/// Refuses `more` people who can act beyond the seat limit; the organization is locked, so that two cannot take the last one.
async fn keep_within_seats(tx: &mut Tx, org: OrgId, more: i64) -> Result<()> {
    match store::find_seats(tx, org).await? {
        Some(seats) if seats.left() < more => Err(Error::conflict(seats.refusal())),
        _ => Ok(()),
    }
}

/// Changes a member's role, which acts on their next request.
pub async fn change_role(
    tx: &mut Tx,
    by: &Can<RoleAssign>,
    of: impl Into<Change>,
    role: Role,
    now: Timestamp,
) -> Result<Member> {
    assignment::assign(tx, by, of.into(), Assignment::of(role), now).await
}

/// Deactivates a member, until a time or until someone activates them; sessions end, everything else stays.
pub async fn suspend(
    tx: &mut Tx,
    by: &Can<MemberSuspend>,
    of: impl Into<Change>,
    until: Option<Timestamp>,
    reason: &str,
    now: Timestamp,
) -> Result<Member> {
    let member = load(tx, by, of.into(), now).await?;
    is_allowed(tx, by, Deed::Suspend(until), &member, now).await?;
    set_status(tx, by.actor(), &member, Status::Suspended, until, reason, now).await?;
    end_sessions(tx, &member, now).await?;
    keys::owners::suspend(tx, by.actor(), member.org_id, &[member.id], now).await?;
    let before = json!({ "status": member.status.key() });
    let after = with_reason(
        json!({ "status": Status::Suspended.key(), "until": until.map(|at| at.to_string()) }),
        reason,
    );
    record(tx, by.actor(), &member, Action::MemberSuspend, before, after, now).await?;
    notify(tx, by, &member, "suspended", now).await?;
    find(tx, member.org_id, member.id).await
}

/// Takes a deactivation back, or the end of a membership that ended by its date.
pub async fn activate(tx: &mut Tx, by: &Can<MemberSuspend>, of: impl Into<Change>, now: Timestamp) -> Result<Member> {
    let member = load(tx, by, of.into(), now).await?;
    is_allowed(tx, by, Deed::Activate, &member, now).await?;
    if guard::takes_seat(Deed::Activate, member.status) {
        keep_within_seats(tx, member.org_id, 1).await?;
    }
    reopen(tx, by.actor(), &member, Action::MemberActivate, "", now).await?;
    notify(tx, by, &member, "activated", now).await?;
    find(tx, member.org_id, member.id).await
}

/// Disables a member for good: sessions end, invitations made by them lose their links, and only the operator can restore them.
pub async fn disable(
    tx: &mut Tx,
    by: &Can<MemberDisable>,
    of: impl Into<Change>,
    reason: &str,
    now: Timestamp,
) -> Result<Member> {
    let member = load(tx, by, of.into(), now).await?;
    is_allowed(tx, by, Deed::Disable, &member, now).await?;
    set_status(tx, by.actor(), &member, Status::Disabled, None, reason, now).await?;
    keys::owners::suspend(tx, by.actor(), member.org_id, &[member.id], now).await?;
    let ended = end_sessions(tx, &member, now).await?;
    let revoked = revoke_invitations(tx, by.actor(), &member, now).await?;
    let before = json!({ "status": member.status.key() });
    let after = json!({ "status": Status::Disabled.key(), "sessions_ended": ended, "invitations_revoked": revoked });
    record(
        tx,
        by.actor(),
        &member,
        Action::MemberDisable,
        before,
        with_reason(after, reason),
        now,
    )
    .await?;
    notify(tx, by, &member, "disabled", now).await?;
    find(tx, member.org_id, member.id).await
}

/// Ends a membership: what disabling ends, and groups; the row stays as history, and a new invitation begins a new membership.
pub async fn remove(tx: &mut Tx, by: &Can<MemberManage>, of: impl Into<Change>, now: Timestamp) -> Result<Member> {
    let member = load(tx, by, of.into(), now).await?;
    is_allowed(tx, by, Deed::Remove, &member, now).await?;
    store::lock_user(tx, member.user_id).await?;
    store::update_status(
        tx,
        member.org_id,
        member.id,
        Status::Removed,
        None,
        "",
        &by.actor().name,
        now,
    )
    .await?;
    recount(tx, &member, None).await?;
    store::unindex(tx, member.org_id, member.id).await?;
    groups::leave_all(tx, member.org_id, member.id).await?;
    roles::leave_all(tx, member.org_id, member.id).await?;
    keys::owners::revoke(tx, by.actor(), member.org_id, &[member.id], now).await?;
    let ended = end_sessions(tx, &member, now).await?;
    let revoked = revoke_invitations(tx, by.actor(), &member, now).await?;
    let before = json!({ "status": member.status.key(), "role": member.role.key(), "email": member.email });
    let after = json!({ "status": Status::Removed.key(), "sessions_ended": ended, "invitations_revoked": revoked });
    record(tx, by.actor(), &member, Action::MemberRemove, before, after, now).await?;
    notify(tx, by, &member, "removed", now).await?;
    elect_primary(tx, by.actor(), &member, now).await?;
    Ok(member)
}

/// Gives a disabled member access again; only the operator can.
pub async fn restore(
    tx: &mut Tx,
    by: &Can<MemberDisable>,
    id: MemberId,
    reason: &str,
    now: Timestamp,
) -> Result<Member> {
    if by.person().is_some() {
        return Err(Error::forbidden(format!(
            "Only whoever operates this installation can restore a disabled member. Contact {}.",
            by.org().support_contact
        )));
    }
    let member = load(tx, by, id.into(), now).await?;
    if member.status != Status::Disabled {
        return Err(Error::conflict(format!("{} is not disabled.", member.name)));
    }
    keep_within_seats(tx, member.org_id, 1).await?;
    reopen(tx, by.actor(), &member, Action::MemberRestore, reason, now).await?;
    find(tx, member.org_id, member.id).await
}

/// Provisions a member's private context, which makes an inactive member active.
pub async fn provision_context(
    tx: &mut Tx,
    by: &Can<MemberManage>,
    of: impl Into<Change>,
    now: Timestamp,
) -> Result<Member> {
    let member = load(tx, by, of.into(), now).await?;
    refuse_disabled(by, &member)?;
    if member.context_at.is_some() {
        return Err(Error::conflict(format!(
            "{} has a private context already.",
            member.name
        )));
    }
    give_context(tx, by.actor(), &member, now).await?;
    find(tx, member.org_id, member.id).await
}

/// Provisions the private context of a member who has none, which makes an inactive member active, and records it.
async fn give_context(tx: &mut Tx, by: &Actor, member: &Member, now: Timestamp) -> Result<()> {
    let status = if member.status == Status::Inactive {
        Status::Active
    } else {
        member.status
    };
    store::update_context(tx, member.org_id, member.id, now, status).await?;
    recount(tx, member, Some((member.role, status))).await?;
    let (before, after) = (
        json!({ "status": member.status.key() }),
        json!({ "status": status.key(), "context": true }),
    );
    record(tx, by, member, Action::MemberContext, before, after, now).await
}

/// Provisions the private contexts of members who have none yet, because they were given a first key or made a first call (C-14). Those
/// who have one, and those who are disabled, are left as they are.
pub(crate) async fn establish_contexts(
    tx: &mut Tx,
    by: &Actor,
    org: OrgId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<()> {
    for id in members {
        let member = find(tx, org, *id).await?;
        if member.context_at.is_some() || matches!(member.status, Status::Disabled | Status::Removed) {
            continue;
        }
        give_context(tx, by, &member, now).await?;
    }
    Ok(())
}

/// Notes that the member was here; the one change that is not recorded, because it is no act.
pub async fn touch_active(tx: &mut Tx, id: MemberId, now: Timestamp) -> Result<()> {
    store::update_last_active(tx, id.org(), id, now).await
}

/// Carries a person's new name into every membership, as part of the recorded change of the account.
pub async fn rename(tx: &mut Tx, user: UserId, name: &str) -> Result<()> {
    for Due { org_id, id } in store::list_of_user(tx, user).await? {
        store::lock_org(tx, org_id).await?;
        store::unindex(tx, org_id, id).await?;
        store::update_name(tx, org_id, id, name, &fold(name)).await?;
        store::index(tx, org_id, id, id).await?;
    }
    Ok(())
}

/// Makes persistent what time has brought: memberships that have ended, deactivations that are over. Returns how many, at most 1,000.
pub async fn expire_due(tx: &mut Tx, by: &Actor, now: Timestamp) -> Result<usize> {
    let ended = store::list_expired(tx, now).await?;
    let over = store::list_suspensions_over(tx, now).await?;
    let count = ended.len() + over.len();
    for Due { org_id, id } in ended {
        store::lock_org(tx, org_id).await?;
        let Some(member) = store::find(tx, org_id, id).await? else {
            continue;
        };
        let Some(end) = member.expires_at.filter(|end| member.status.acts() && *end <= now) else {
            continue;
        };
        let before = json!({ "status": member.status.key(), "expires_at": end.to_string() });
        if member.role == Role::Administrator && store::count_other_admins(tx, org_id, id).await? == 0 {
            store::update_expiry(tx, org_id, id, None).await?;
            let after = json!({ "expires_at": null, "reason": "The last Org Admin stays." });
            record(tx, by, &member, Action::MemberUpdate, before, after, now).await?;
            continue;
        }
        store::update_status(
            tx,
            org_id,
            id,
            Status::Suspended,
            None,
            "The membership ended on its date.",
            &by.name,
            end,
        )
        .await?;
        recount(tx, &member, Some((member.role, Status::Suspended))).await?;
        keys::owners::suspend(tx, by, org_id, &[id], now).await?;
        end_sessions(tx, &member, now).await?;
        record(
            tx,
            by,
            &member,
            Action::MemberExpire,
            before,
            json!({ "status": Status::Suspended.key() }),
            now,
        )
        .await?;
    }
    for Due { org_id, id } in over {
        store::lock_org(tx, org_id).await?;
        let Some(member) = store::find(tx, org_id, id).await? else {
            continue;
        };
        if member.status == Status::Suspended && member.suspended_until.is_some_and(|until| until <= now) {
            reopen(
                tx,
                by,
                &member,
                Action::MemberActivate,
                "The deactivation ended on its date.",
                now,
            )
            .await?;
        }
    }
    Ok(count)
}

/// Tells the member what has changed.
pub(super) async fn notify<P>(tx: &mut Tx, by: &Can<P>, member: &Member, change: &str, now: Timestamp) -> Result<()> {
    match news(by, member, change)? {
        Some((kind, news)) => notifications::notify(tx, kind, news, now).await,
        None => Ok(()),
    }
}

/// What the member is told of a change; nobody hears of what they did themselves.
pub(super) fn news<P>(by: &Can<P>, member: &Member, change: &str) -> Result<Option<(Kind, News)>> {
    if by.user_id() == member.user_id {
        return Ok(None);
    }
    let org = by.org();
    let to =
        Address::parse(&member.email).map_err(|refusal| Error::Internal(format!("a stored address: {refusal}")))?;
    let message = Mail::AccessChanged {
        organization: org.name.clone(),
        change: change.to_owned(),
        contact: org.support_contact.clone(),
    };
    let (kind, subject) = match change {
        "suspended" => (Kind::AccessChanged, format!("Your access to {} is paused.", org.name)),
        "activated" => (
            Kind::AccessChanged,
            format!("Your access to {} is active again.", org.name),
        ),
        "disabled" => (
            Kind::AccessChanged,
            format!("Your access to {} was disabled.", org.name),
        ),
        "removed" => (Kind::AccessChanged, format!("You were removed from {}.", org.name)),
        role => {
            let role = role.strip_prefix("role:").unwrap_or(role);
            (Kind::RoleChanged, format!("Your role in {} is {role} now.", org.name))
        }
    };
    let opens = matches!(kind, Kind::RoleChanged) || change == "activated";
    let news = News {
        to: member.user_id,
        org: Some(org.id),
        subject,
        link: if opens { org.path("/members") } else { String::new() },
        mail: Some((to, message)),
    };
    Ok(Some((kind, news)))
}

/// Locks an organization that is not archived.
pub(crate) async fn lock_live(tx: &mut Tx, org: OrgId) -> Result<()> {
    if store::lock_org(tx, org).await? != 1 {
        return Err(Error::conflict(
            "This organization is archived and read-only. An Enterprise Administrator can restore it.",
        ));
    }
    Ok(())
}

/// Locks the organization, finds the member, and refuses whom the caller may not act on or has seen in an older state.
pub(super) async fn load<P: Right>(tx: &mut Tx, by: &Can<P>, of: Change, now: Timestamp) -> Result<Member> {
    let member = load_within_rank(tx, by, of, now).await?;
    let standing = member.standing();
    if !by.power().reaches(&standing.power(by.org(), member.role)) {
        let beyond = guard::Refusal::Beyond;
        return Err(guard::error(beyond, by, Deed::Activate, &standing, &member.name));
    }
    Ok(member)
}

/// As [`load`], for what changes nothing about who the member is and what they may do, and so asks for the rank alone.
pub(crate) async fn load_within_rank<P: Right>(tx: &mut Tx, by: &Can<P>, of: Change, now: Timestamp) -> Result<Member> {
    let org = by.org();
    if of.id.org() != org.id {
        return Err(Error::NotFound);
    }
    lock_live(tx, org.id).await?;
    let member = find(tx, org.id, of.id).await?;
    guard::within_rank(by, member.rank())
        .map_err(|higher| guard::error(higher, by, Deed::Activate, &member.standing(), &member.name))?;
    if of.expected.is_some_and(|version| version != member.version) {
        return Err(Error::conflict(format!(
            "{} was changed in the meantime and is now {}, {}. Nothing was changed by you. Reload the page and decide again.",
            member.name,
            member.role.title(),
            member.state(now)
        )));
    }
    Ok(member)
}

/// Why someone who is there cannot join again.
pub(super) fn already(member: &Member) -> String {
    match member.status {
        Status::Disabled => format!(
            "{} is disabled in this organization. Only whoever operates this installation can restore the membership.",
            member.email
        ),
        Status::Suspended => format!(
            "{} is a member already, and deactivated. Activate the member instead.",
            member.email
        ),
        _ => format!("{} is a member already.", member.email),
    }
}

/// Refuses what [`guard::judge`] refuses; otherwise whether the deed changes something.
pub(super) async fn is_allowed<P>(
    tx: &mut Tx,
    by: &Can<P>,
    deed: Deed,
    member: &Member,
    now: Timestamp,
) -> Result<bool> {
    let standing = member.standing();
    let others = if guard::asks_for_admins(deed, &standing, now) {
        store::count_other_admins(tx, member.org_id, member.id).await?
    } else {
        0
    };
    guard::judge(by, deed, &standing, others, now)
        .map_err(|refusal| guard::error(refusal, by, deed, &standing, &member.name))
}

pub(super) fn refuse_disabled<P>(by: &Can<P>, member: &Member) -> Result<()> {
    if member.status == Status::Disabled {
        return Err(Error::conflict(format!(
            "{} is disabled, which cannot be undone here. To restore the member, contact {}.",
            member.name,
            by.org().support_contact
        )));
    }
    Ok(())
}

async fn set_status(
    tx: &mut Tx,
    by: &Actor,
    member: &Member,
    status: Status,
    until: Option<Timestamp>,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    store::update_status(tx, member.org_id, member.id, status, until, reason, &by.name, now).await?;
    recount(tx, member, Some((member.role, status))).await
}

/// Back to active or inactive; an end date that lies behind is lifted, or the next tick would end the membership again.
async fn reopen(tx: &mut Tx, by: &Actor, member: &Member, action: Action, reason: &str, now: Timestamp) -> Result<()> {
    let status = member.restored();
    set_status(tx, by, member, status, None, reason, now).await?;
    keys::owners::resume(tx, by, member.org_id, &[member.id], now).await?;
    let mut before = json!({ "status": member.status.key() });
    let mut after = with_reason(json!({ "status": status.key() }), reason);
    if let Some(end) = member.expires_at.filter(|end| *end <= now) {
        store::update_expiry(tx, member.org_id, member.id, None).await?;
        before["expires_at"] = json!(end.to_string());
        after["expires_at"] = Value::Null;
    }
    record(tx, by, member, action, before, after, now).await
}

/// Keeps the counts by role and state: the member leaves the old pair and enters the new one, if any.
pub(super) async fn recount(tx: &mut Tx, member: &Member, to: Option<(Role, Status)>) -> Result<()> {
    if to == Some((member.role, member.status)) {
        return Ok(());
    }
    store::count(tx, member.org_id, member.role, member.status, -1).await?;
    match to {
        Some((role, status)) => store::count(tx, member.org_id, role, status, 1).await,
        None => Ok(()),
    }
}

/// Ends the person's sessions and reset links when they can act nowhere else; where they can, the next request to this organization finds no
/// membership that acts and is refused, while their other organizations go on.
async fn end_sessions(tx: &mut Tx, member: &Member, now: Timestamp) -> Result<u64> {
    if ends_sessions(tx, member, now).await? {
        reset::end_all(tx, member.user_id).await?;
        session::end_all(tx, member.user_id).await
    } else {
        Ok(0)
    }
}

/// Deletes the codes of open invitations that this member made.
async fn revoke_invitations(tx: &mut Tx, by: &Actor, member: &Member, now: Timestamp) -> Result<u64> {
    invitation::revoke_by(tx, by, member.org_id, member.user_id, now).await
}

/// The primary organization of whoever leaves theirs becomes the one they joined first among those where they act.
async fn elect_primary(tx: &mut Tx, by: &Actor, left: &Member, now: Timestamp) -> Result<()> {
    if !left.is_primary {
        return Ok(());
    }
    store::drop_primary(tx, left.org_id, left.id).await?;
    let Some(next) = store::find_next_primary(tx, left.user_id).await? else {
        return Ok(());
    };
    store::set_primary(tx, next.org_id, next.id).await?;
    let object = Object::new("account", left.user_id.raw(), left.name.clone());
    let (before, after) = (
        json!({ "organization": left.org_id }),
        json!({ "organization": next.org_id }),
    );
    audit::record(
        tx,
        by,
        None,
        Entry::done(Action::PrimaryChange, object, before, after),
        now,
    )
    .await
}

pub(super) fn with_reason(mut after: Value, reason: &str) -> Value {
    if !reason.is_empty() {
        after["reason"] = json!(reason);
    }
    after
}

pub(super) async fn record(
    tx: &mut Tx,
    by: &Actor,
    member: &Member,
    action: Action,
    before: Value,
    after: Value,
    now: Timestamp,
) -> Result<()> {
    audit::record(
        tx,
        by,
        Some(member.org_id),
        Entry::done(action, member.object(), before, after),
        now,
    )
    .await
}
