//! The verbs of one member for many at once: a few statements for hundreds, with the same decisions ([`guard::judge`]), the same
//! record, the same news and the same ends (I-25).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

pub use super::mass_store::{Candidate, made, statements};
use super::{
    Status,
    guard::{self, Deed, Refusal, Standing},
    list::Query,
    mass_store as store,
    member::{self, Member, with_reason},
    store::{self as single, ListRow},
};
use crate::{
    access::{
        Can, Permissions, Role,
        permission::{MemberDisable, MemberManage, MemberSuspend, RoleAssign},
        session,
    },
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    groups,
    ids::{MemberId, OrgId, UserId},
    invitations::invitation,
    keys, limits,
    notifications::{self, Kind, News},
    roles,
};

/// What a member was before a deed, for whoever takes the deed back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prior {
    /// The role.
    pub role: Role,
    /// The state.
    pub status: Status,
    /// When the deactivation was to end.
    pub until: Option<Timestamp>,
    /// Why the member was deactivated.
    pub reason: String,
}

/// What became of one member of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; this is what was before.
    Done(Prior),
    /// Nothing was to be done.
    Unchanged,
    /// Refused.
    Refused(Refusal),
    /// No member of this organization has the id.
    Missing,
}

/// The members of an organization who fit a list's filters, page by page in the order of their ids.
pub async fn page(
    db: &mut impl Read,
    org: OrgId,
    query: &Query,
    after: Option<MemberId>,
    limit: usize,
) -> Result<Vec<Candidate>> {
    let groups = store::text(query.groups.iter().map(|id| id.raw()));
    let words = [0, 1, 2].map(|place| query.words.get(place).cloned().unwrap_or_default());
    let after = after.unwrap_or_else(|| MemberId::from_raw(org.row(0)));
    let [a, b, c] = words;
    let filter = (org, after, super::list::mask(query), groups, a, b, c, limit as i64);
    let limitless = match query.limitless {
        Some(_) => Some(limits::defaults::limitless(db, org).await?),
        None => None,
    };
    store::list_by_filter(db, filter, limitless).await
}

/// The members among some ids, in the order of their ids; others are left out.
pub async fn among(db: &mut impl Read, org: OrgId, ids: &[MemberId]) -> Result<Vec<Candidate>> {
    let ids = store::text(ids.iter().filter(|id| id.org() == org).map(|id| id.raw()));
    store::list_by_ids(db, org, ids).await
}

/// The members among some ids as the list shows them, by name; others are left out.
pub(super) async fn listed(db: &mut impl Read, org: OrgId, ids: &[MemberId]) -> Result<Vec<ListRow>> {
    let ids = store::text(ids.iter().filter(|id| id.org() == org).map(|id| id.raw()));
    store::list_listed(db, org, ids).await
}

impl Candidate {
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
}

/// Decides about one after the other, as if each deed were done before the next is judged.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// How many steady Org Admins are left.
    steady: i64,
    /// How many seats are free; none where they are not limited.
    free: Option<i64>,
}

impl Bench {
    /// Begins with the organization as it is.
    pub async fn new(db: &mut impl Read, org: OrgId) -> Result<Self> {
        Ok(Self {
            steady: store::count_steady(db, org).await?,
            free: member::seats(db, org).await?.map(|seats| seats.left()),
        })
    }
    /// Decides about the next; `has_account` is whether the member's account may be used.
    pub fn judge<P>(
        &mut self,
        by: &Can<P>,
        deed: Deed,
        of: &Standing,
        has_account: bool,
        now: Timestamp,
    ) -> std::result::Result<bool, Refusal> {
        let steady = |standing: &Standing| i64::from(has_account && standing.is_steady_admin());
        let before = steady(of);
        let changes = guard::judge(by, deed, of, self.steady - before, now)?;
        if guard::takes_seat(deed, of.status) && self.free.is_some_and(|free| free < 1) {
            return Err(Refusal::NoSeat);
        }
        if changes {
            let after = of.clone().after(deed, now);
            self.steady += steady(&after) - before;
            let taken = i64::from(after.status.acts()) - i64::from(of.status.acts());
            self.free = self.free.map(|free| free - taken);
        }
        Ok(changes)
    }
}

/// Members with what was decided, in the order of their ids.
struct Weighed {
    outcomes: HashMap<MemberId, Outcome>,
    changed: Vec<(Member, Deed)>,
}

async fn weigh<P>(tx: &mut Tx, by: &Can<P>, wanted: &[(MemberId, Deed)], now: Timestamp) -> Result<Weighed> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let ids = store::text(wanted.iter().filter(|(id, _)| id.org() == org).map(|(id, _)| id.raw()));
    let deeds: HashMap<MemberId, Deed> = wanted.iter().copied().collect();
    let live: HashSet<MemberId> = store::list_live(tx, org, ids.clone()).await?.into_iter().collect();
    let mut bench = Bench::new(tx, org).await?;
    let mut outcomes = HashMap::with_capacity(wanted.len());
    let mut changed = Vec::with_capacity(wanted.len());
    for member in store::list_full(tx, org, ids).await? {
        let Some(deed) = deeds.get(&member.id).copied() else {
            continue;
        };
        let outcome = match bench.judge(by, deed, &member.standing(), live.contains(&member.id), now) {
            Ok(true) => Outcome::Done(Prior {
                role: member.role,
                status: member.status,
                until: member.suspended_until,
                reason: member.state_reason.clone(),
            }),
            Ok(false) => Outcome::Unchanged,
            Err(refusal) => Outcome::Refused(refusal),
        };
        let is_done = matches!(outcome, Outcome::Done(_));
        outcomes.insert(member.id, outcome);
        if is_done {
            changed.push((member, deed));
        }
    }
    Ok(Weighed { outcomes, changed })
}

impl Weighed {
    fn ids(&self) -> String {
        store::text(self.changed.iter().map(|(member, _)| member.id.raw()))
    }
    /// Those who changed.
    fn members(&self) -> Vec<MemberId> {
        self.changed.iter().map(|(member, _)| member.id).collect()
    }
    /// The outcomes in the order of the question.
    fn answer<T>(mut self, wanted: &[(MemberId, T)]) -> Vec<(MemberId, Outcome)> {
        wanted
            .iter()
            .map(|(id, _)| (*id, self.outcomes.remove(id).unwrap_or(Outcome::Missing)))
            .collect()
    }
}

/// Gives members roles, as [`member::change_role`].
pub async fn change_roles(
    tx: &mut Tx,
    by: &Can<RoleAssign>,
    wanted: &[(MemberId, Role)],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let deeds: Vec<_> = wanted.iter().map(|(id, role)| (*id, Deed::Role(*role))).collect();
    let weighed = weigh(tx, by, &deeds, now).await?;
    let org = by.org().id;
    let mut by_role: BTreeMap<Role, Vec<i64>> = BTreeMap::new();
    let mut moves = Moves::default();
    let mut entries = Vec::with_capacity(weighed.changed.len());
    let mut told = Told::default();
    for (member, deed) in &weighed.changed {
        let Deed::Role(role) = *deed else { continue };
        by_role.entry(role).or_default().push(member.id.raw());
        moves.note(member, Some((role, member.status)));
        let (before, after) = (json!({ "role": member.role.key() }), json!({ "role": role.key() }));
        entries.push(Entry::done(Action::MemberRole, member.object(), before, after));
        told.note(by, member, &format!("role:{}", role.title()))?;
    }
    for (role, ids) in by_role {
        store::update_role(tx, org, store::text(ids), role).await?;
    }
    moves.make(tx, org).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    told.send(tx, now).await?;
    Ok(weighed.answer(wanted))
}

/// For whom a deactivation is to hold how long, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// Until when; none until someone activates the member.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// Deactivates members, as [`member::suspend`].
pub async fn suspend(
    tx: &mut Tx,
    by: &Can<MemberSuspend>,
    wanted: &[(MemberId, Pause)],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let pauses: HashMap<MemberId, &Pause> = wanted.iter().map(|(id, pause)| (*id, pause)).collect();
    let deeds: Vec<_> = wanted
        .iter()
        .map(|(id, pause)| (*id, Deed::Suspend(pause.until)))
        .collect();
    let weighed = weigh(tx, by, &deeds, now).await?;
    let org = by.org().id;
    let mut by_pause: BTreeMap<&Pause, Vec<i64>> = BTreeMap::new();
    let mut moves = Moves::default();
    let mut entries = Vec::with_capacity(weighed.changed.len());
    let mut told = Told::default();
    for (member, _) in &weighed.changed {
        let Some(pause) = pauses.get(&member.id).copied() else {
            continue;
        };
        by_pause.entry(pause).or_default().push(member.id.raw());
        moves.note(member, Some((member.role, Status::Suspended)));
        let before = json!({ "status": member.status.key() });
        let after = with_reason(
            json!({ "status": Status::Suspended.key(), "until": pause.until.map(|at| at.to_string()) }),
            &pause.reason,
        );
        entries.push(Entry::done(Action::MemberSuspend, member.object(), before, after));
        told.note(by, member, "suspended")?;
    }
    let name = &by.actor().name;
    for (pause, ids) in by_pause {
        let ids = store::text(ids);
        store::update_status(tx, org, ids, Status::Suspended, pause.until, &pause.reason, name, now).await?;
    }
    moves.make(tx, org).await?;
    keys::owners::suspend(tx, by.actor(), org, &weighed.members(), now).await?;
    end_sessions(tx, org, &weighed.changed, now).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    told.send(tx, now).await?;
    Ok(weighed.answer(wanted))
}

/// Takes deactivations back, as [`member::activate`].
pub async fn activate(
    tx: &mut Tx,
    by: &Can<MemberSuspend>,
    wanted: &[MemberId],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let deeds: Vec<_> = wanted.iter().map(|id| (*id, Deed::Activate)).collect();
    let weighed = weigh(tx, by, &deeds, now).await?;
    let org = by.org().id;
    let mut by_status: [(Status, Vec<i64>); 2] = [(Status::Active, Vec::new()), (Status::Inactive, Vec::new())];
    let mut lifted = Vec::new();
    let mut moves = Moves::default();
    let mut entries = Vec::with_capacity(weighed.changed.len());
    let mut told = Told::default();
    for (member, _) in &weighed.changed {
        let status = member.restored();
        for (of, ids) in &mut by_status {
            if *of == status {
                ids.push(member.id.raw());
            }
        }
        moves.note(member, Some((member.role, status)));
        let mut before = json!({ "status": member.status.key() });
        let mut after = json!({ "status": status.key() });
        if let Some(end) = member.expires_at.filter(|end| *end <= now) {
            lifted.push(member.id.raw());
            before["expires_at"] = json!(end.to_string());
            after["expires_at"] = Value::Null;
        }
        entries.push(Entry::done(Action::MemberActivate, member.object(), before, after));
        told.note(by, member, "activated")?;
    }
    for (status, ids) in by_status {
        if !ids.is_empty() {
            let name = &by.actor().name;
            store::update_status(tx, org, store::text(ids), status, None, "", name, now).await?;
        }
    }
    if !lifted.is_empty() {
        store::lift_expiry(tx, org, store::text(lifted)).await?;
    }
    moves.make(tx, org).await?;
    keys::owners::resume(tx, by.actor(), org, &weighed.members(), now).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    told.send(tx, now).await?;
    Ok(weighed.answer(&deeds))
}

/// Disables members for good, as [`member::disable`].
pub async fn disable(
    tx: &mut Tx,
    by: &Can<MemberDisable>,
    wanted: &[MemberId],
    reason: &str,
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let deeds: Vec<_> = wanted.iter().map(|id| (*id, Deed::Disable)).collect();
    let weighed = weigh(tx, by, &deeds, now).await?;
    let org = by.org().id;
    if !weighed.changed.is_empty() {
        let (ids, name) = (weighed.ids(), &by.actor().name);
        store::update_status(tx, org, ids, Status::Disabled, None, reason, name, now).await?;
        keys::owners::suspend(tx, by.actor(), org, &weighed.members(), now).await?;
    }
    let ended = end_sessions(tx, org, &weighed.changed, now).await?;
    let revoked = revoke_invitations(tx, by.actor(), org, &weighed.changed, now).await?;
    let mut moves = Moves::default();
    let mut entries = Vec::with_capacity(weighed.changed.len());
    let mut told = Told::default();
    for (member, _) in &weighed.changed {
        moves.note(member, Some((member.role, Status::Disabled)));
        let before = json!({ "status": member.status.key() });
        let after = json!({
            "status": Status::Disabled.key(),
            "sessions_ended": ended.get(&member.user_id).copied().unwrap_or(0),
            "invitations_revoked": revoked.get(&member.user_id).copied().unwrap_or(0),
        });
        entries.push(Entry::done(
            Action::MemberDisable,
            member.object(),
            before,
            with_reason(after, reason),
        ));
        told.note(by, member, "disabled")?;
    }
    moves.make(tx, org).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    told.send(tx, now).await?;
    Ok(weighed.answer(&deeds))
}

/// Ends memberships, as [`member::remove`].
pub async fn remove(
    tx: &mut Tx,
    by: &Can<MemberManage>,
    wanted: &[MemberId],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let deeds: Vec<_> = wanted.iter().map(|id| (*id, Deed::Remove)).collect();
    let weighed = weigh(tx, by, &deeds, now).await?;
    end(tx, by.actor(), by.org().id, &weighed.changed, now).await?;
    let mut told = Told::default();
    for (member, _) in &weighed.changed {
        told.note(by, member, "removed")?;
    }
    told.send(tx, now).await?;
    Ok(weighed.answer(&deeds))
}

/// Ends the memberships that an import has made since an instant for some addresses; whose they were. An organization keeps an
/// administrator all the same.
pub(super) async fn take_back(
    tx: &mut Tx,
    by: &Actor,
    (org, since): (OrgId, Timestamp),
    email_keys: &[&str],
    now: Timestamp,
) -> Result<Vec<UserId>> {
    single::lock_org(tx, org).await?;
    let found = store::list_imported(tx, org, serde_json::to_string(email_keys)?, since).await?;
    let ids = store::text(found.iter().map(|id| id.raw()));
    let mut members = store::list_full(tx, org, ids).await?;
    let is_steady =
        |member: &Member| member.role == Role::Administrator && member.status.acts() && member.expires_at.is_none();
    let steady = members.iter().filter(|member| is_steady(member)).count() as i64;
    if steady > 0 && store::count_steady(tx, org).await? <= steady {
        members.retain(|member| !is_steady(member));
    }
    let changed: Vec<_> = members.into_iter().map(|member| (member, Deed::Remove)).collect();
    end(tx, by, org, &changed, now).await?;
    Ok(changed.iter().map(|(member, _)| member.user_id).collect())
}

/// Ends memberships with all that ends with them, and records each.
async fn end(tx: &mut Tx, by: &Actor, org: OrgId, changed: &[(Member, Deed)], now: Timestamp) -> Result<()> {
    if changed.is_empty() {
        return Ok(());
    }
    let left: Vec<MemberId> = changed.iter().map(|(member, _)| member.id).collect();
    let ids = store::text(left.iter().map(|id| id.raw()));
    store::lock_users(tx, users(changed)).await?;
    store::update_status(tx, org, ids.clone(), Status::Removed, None, "", &by.name, now).await?;
    store::unindex(tx, org, ids).await?;
    groups::leave_all_many(tx, org, &left).await?;
    roles::leave_all_many(tx, org, &left).await?;
    keys::owners::revoke(tx, by, org, &left, now).await?;
    let ended = end_sessions(tx, org, changed, now).await?;
    let revoked = revoke_invitations(tx, by, org, changed, now).await?;
    let mut moves = Moves::default();
    let mut entries = Vec::with_capacity(changed.len());
    for (member, _) in changed {
        moves.note(member, None);
        let before = json!({ "status": member.status.key(), "role": member.role.key(), "email": member.email });
        let after = json!({
            "status": Status::Removed.key(),
            "sessions_ended": ended.get(&member.user_id).copied().unwrap_or(0),
            "invitations_revoked": revoked.get(&member.user_id).copied().unwrap_or(0),
        });
        entries.push(Entry::done(Action::MemberRemove, member.object(), before, after));
    }
    moves.make(tx, org).await?;
    audit::record_many(tx, by, Some(org), entries, now).await?;
    elect_primaries(tx, by, org, changed, now).await
}

fn users(changed: &[(Member, Deed)]) -> String {
    store::text(changed.iter().map(|(member, _)| member.user_id.raw()))
}

/// Members who leave one pair of role and state and enter another, if any.
#[derive(Default)]
struct Moves(BTreeMap<(Role, i64), (Status, i64)>);

impl Moves {
    fn note(&mut self, member: &Member, to: Option<(Role, Status)>) {
        let mut add = |role: Role, status: Status, by: i64| {
            self.0.entry((role, status as i64)).or_insert((status, 0)).1 += by;
        };
        add(member.role, member.status, -1);
        if let Some((role, status)) = to {
            add(role, status, 1);
        }
    }
    async fn make(self, tx: &mut Tx, org: OrgId) -> Result<()> {
        for ((role, _), (status, by)) in self.0 {
            if by != 0 {
                single::count(tx, org, role, status, by).await?;
            }
        }
        Ok(())
    }
}

/// What members are told, in the portal and by mail; nobody hears of what they did themselves.
#[derive(Default)]
struct Told(HashMap<Kind, Vec<News>>);

impl Told {
    fn note<P>(&mut self, by: &Can<P>, member: &Member, change: &str) -> Result<()> {
        if let Some((kind, news)) = member::news(by, member, change)? {
            self.0.entry(kind).or_default().push(news);
        }
        Ok(())
    }
    async fn send(self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        for (kind, news) in self.0 {
            notifications::notify_many(tx, kind, news, now).await?;
        }
        Ok(())
    }
}

/// Ends sessions and reset links of those who can act nowhere else; how many sessions of each.
async fn end_sessions(
    tx: &mut Tx,
    org: OrgId,
    changed: &[(Member, Deed)],
    now: Timestamp,
) -> Result<HashMap<UserId, u64>> {
    let mut ended = HashMap::new();
    if changed.is_empty() {
        return Ok(ended);
    }
    let elsewhere: HashSet<UserId> = store::list_elsewhere(tx, org, users(changed), now)
        .await?
        .into_iter()
        .collect();
    let out: Vec<UserId> = changed
        .iter()
        .filter(|(member, _)| member.enterprise_role.is_none() && !elsewhere.contains(&member.user_id))
        .map(|(member, _)| member.user_id)
        .collect();
    if out.is_empty() {
        return Ok(ended);
    }
    store::delete_resets(tx, store::text(out.iter().map(|user| user.raw()))).await?;
    for user in session::end_all_of(tx, &out).await? {
        *ended.entry(user).or_insert(0) += 1;
    }
    Ok(ended)
}

/// Deletes the codes of open invitations that these members made; how many of each.
async fn revoke_invitations(
    tx: &mut Tx,
    by: &Actor,
    org: OrgId,
    changed: &[(Member, Deed)],
    now: Timestamp,
) -> Result<HashMap<UserId, u64>> {
    let mut revoked = HashMap::new();
    if changed.is_empty() {
        return Ok(revoked);
    }
    for user in store::list_inviters(tx, org, users(changed)).await? {
        let count = invitation::revoke_by(tx, by, org, user, now).await?;
        revoked.insert(user, count);
    }
    Ok(revoked)
}

/// The primary organization of those who leave theirs becomes another one, where they have one.
async fn elect_primaries(
    tx: &mut Tx,
    by: &Actor,
    org: OrgId,
    changed: &[(Member, Deed)],
    now: Timestamp,
) -> Result<()> {
    let leaving: Vec<&Member> = changed
        .iter()
        .map(|(member, _)| member)
        .filter(|member| member.is_primary)
        .collect();
    if leaving.is_empty() {
        return Ok(());
    }
    store::drop_primary(tx, org, store::text(leaving.iter().map(|member| member.id.raw()))).await?;
    let heirs = store::list_heirs(tx, store::text(leaving.iter().map(|member| member.user_id.raw()))).await?;
    let mut entries = Vec::with_capacity(heirs.len());
    for heir in heirs {
        single::set_primary(tx, heir.org_id, heir.id).await?;
        let Some(left) = leaving.iter().find(|member| member.user_id == heir.user_id) else {
            continue;
        };
        let object = Object::new("account", left.user_id.raw(), left.name.clone());
        let (before, after) = (json!({ "organization": org }), json!({ "organization": heir.org_id }));
        entries.push(Entry::done(Action::PrimaryChange, object, before, after));
    }
    audit::record_many(tx, by, None, entries, now).await
}
