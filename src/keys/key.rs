//! The noun: an API key, from its making to its end.
//!
//! Nobody makes a key stronger than themselves: what it may be used for lies within the maker's permissions, and so it does for whoever
//! rotates it and thereby sees its secret (C11).

use std::time::Duration;

use serde_json::{Map, Value, json};

pub use super::store::{Bound, Key, StateCount};
use super::{
    catalogue_store,
    feature::{self, stale},
    rules,
    scope::Scopes,
    secret::{self, PlainKey},
    service,
    store::{self, Changed, NewKey},
};
use crate::{
    access::{
        Can, Role,
        permission::{KeyManage, KeyOwn, Permission},
    },
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, days},
    db::{Read, Tx},
    error::{Error, Result},
    groups,
    ids::{FeatureId, GroupId, KeyId, MemberId, OrgId, ServiceId, UserId},
    limits::{
        keyed::{self, Amounts, Subject},
        settings as limit_settings,
    },
    mail::address::Address,
    members::{Status, member},
    orgs, roles, text,
};

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// A member's own.
    Personal = 1,
    /// A group's.
    Group = 2,
    /// A service account's.
    Service = 3,
}

impl Kind {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 3] = [Self::Group, Self::Service, Self::Personal];

    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Personal => "Personal",
            Self::Group => "Group",
            Self::Service => "Service",
        }
    }
    /// The stable name in addresses and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Group => "group",
            Self::Service => "service",
        }
    }
    /// Finds a kind by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
    /// The letter in the key itself.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Personal => "p",
            Self::Group => "g",
            Self::Service => "s",
        }
    }
    /// Finds a kind by its letter.
    pub fn of_letter(letter: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.letter() == letter)
    }
}

/// Whether a key works, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// It does, within its time and while its owner acts.
    Active = 1,
    /// Not for now.
    Suspended = 2,
    /// Never again.
    Revoked = 3,
}

/// Who or what has suspended a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum SuspendedBy {
    /// Nobody.
    Nobody = 0,
    /// A person, who can take it back.
    Person = 1,
    /// What became of its owner; it comes back with them.
    Owner = 2,
}

/// How a key stands at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It works.
    Active,
    /// Its time has not begun.
    Early,
    /// Its time is over.
    Expired,
    /// A person has suspended it.
    Suspended,
    /// Its owner does not act.
    WithOwner,
    /// Its service account is disabled.
    WithService,
    /// The group that it belonged to is gone.
    Homeless,
    /// It is revoked.
    Revoked,
}

impl Standing {
    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Early => "Not yet valid",
            Self::Expired => "Expired",
            Self::Suspended => "Suspended",
            Self::WithOwner => "Suspended with its owner",
            Self::WithService => "Suspended with its service account",
            Self::Homeless => "Without a group",
            Self::Revoked => "Revoked",
        }
    }
}

impl Key {
    /// How it stands at an instant.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let acts = |status: Status| status.acts() && self.owner_expires_at.is_none_or(|end| end > now);
        match (self.state, self.suspended_by) {
            (State::Revoked, _) => Standing::Revoked,
            (State::Suspended, SuspendedBy::Owner) => Standing::WithOwner,
            (State::Suspended, _) => Standing::Suspended,
            _ if self.expires_at.is_some_and(|end| end <= now) => Standing::Expired,
            _ if self.owner_status.is_some_and(|status| !acts(status)) => Standing::WithOwner,
            _ if self.service_state == Some(service::State::Disabled) => Standing::WithService,
            _ if self.kind == Kind::Group && self.group_id.is_none() => Standing::Homeless,
            _ if self.not_before.is_some_and(|start| start > now) => Standing::Early,
            _ => Standing::Active,
        }
    }
    /// What it may be used for.
    pub fn scopes(&self) -> Scopes {
        Scopes::parse(&self.scopes)
    }
    /// How pages name it: without its secret.
    pub fn masked(&self) -> String {
        let four = if self.next_four.is_empty() { &self.last_four } else { &self.next_four };
        secret::masked(self.kind, &self.public_id, four)
    }
    /// The groups that it is bound to.
    pub fn bound_groups(&self) -> Vec<(GroupId, String)> {
        let parts = self.groups.as_deref().unwrap_or_default().split('\u{1e}');
        parts
            .filter_map(|part| part.split_once('\u{1f}'))
            .filter_map(|(id, name)| Some((GroupId::from_raw(id.parse().ok()?), name.to_owned())))
            .collect()
    }
    /// What its own features say, as badges.
    pub fn feature_badges(&self) -> Vec<String> {
        let parts = self.features.as_deref().unwrap_or_default().split('\u{1e}');
        parts
            .filter_map(|part| {
                let mut words = part.splitn(3, '\u{1f}');
                let kind: i64 = words.next()?.parse().ok()?;
                let kind = feature::Type::ALL.into_iter().find(|one| *one as i64 == kind)?;
                feature::badge(kind, words.next()?, words.next()?)
            })
            .collect()
    }
    /// Whether two secrets work at an instant, and until when.
    pub fn overlap(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_until.filter(|until| *until > now)
    }
    /// Above whose limits its own may not stand.
    pub fn limited_by(&self) -> Option<keyed::Owner> {
        match (self.member_id, self.service_id, self.group_id) {
            (Some(member), _, _) => Some(keyed::Owner::Member(member)),
            (_, Some(service), group) => Some(keyed::Owner::Service(service, group)),
            (_, _, Some(group)) => Some(keyed::Owner::Group(group)),
            _ => None,
        }
    }
    pub(super) fn object(&self) -> Object {
        Object::new("key", self.id.raw(), self.name.clone())
    }
}

/// Whom a new key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The maker.
    Oneself,
    /// A group.
    Group(GroupId),
    /// A service account.
    Service(ServiceId),
}

/// How a key is to be.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What people call it.
    pub name: String,
    /// What it may be used for, as a form names it.
    pub scopes: Vec<String>,
    /// Groups that it is bound to beside the one that owns it.
    pub groups: Vec<GroupId>,
    /// Addresses of members that it is bound to.
    pub members: Vec<String>,
    /// Values of features; those that are not named stay as the catalogue says.
    pub features: Vec<(FeatureId, String)>,
    /// From when on it works.
    pub not_before: Option<Timestamp>,
    /// Until when; none for ever.
    pub expires_at: Option<Timestamp>,
    /// Its own limits.
    pub limits: Amounts,
}

/// A key that was made, or was made before by the same form.
pub enum Made {
    /// It is new; this is its one chance to be seen.
    New(KeyId, PlainKey),
    /// The form was sent again.
    Before(KeyId),
}

/// Finds a key; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: KeyId) -> Result<Key> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// Finds one of the caller's own keys; somebody else's is not found.
pub async fn find_own(db: &mut impl Read, by: &Can<KeyOwn>, id: KeyId) -> Result<Key> {
    let key = find(db, by.org().id, id).await?;
    if key.member_id.is_none() || key.member_id != by.member() {
        return Err(Error::NotFound);
    }
    Ok(key)
}

/// A member's own keys that are not revoked, the newest first.
pub async fn list_of_member(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Key>> {
    store::list_of_member(db, org, member).await
}

/// The keys that are bound to a group and not revoked, the newest first, at most 21.
pub async fn list_of_group(db: &mut impl Read, org: OrgId, group: GroupId) -> Result<Vec<Key>> {
    store::list_of_group(db, org, group).await
}

/// The keys of a service account that are not revoked, the newest first.
pub async fn list_of_service(db: &mut impl Read, org: OrgId, service: ServiceId) -> Result<Vec<Key>> {
    store::list_of_service(db, org, service).await
}

/// A person's keys over all organizations, each with its organization's name and place in addresses.
pub async fn list_mine(db: &mut impl Read, user: UserId) -> Result<Vec<(Key, String, String)>> {
    let mut found = Vec::new();
    let mine = store::list_mine(db, user).await?;
    for of in mine.chunk_by(|one, next| one.org_id == next.org_id) {
        let ids: Vec<KeyId> = of.iter().map(|row| row.id).collect();
        let keys = store::among(db, of[0].org_id, &ids).await?;
        found.extend(keys.into_iter().map(|key| (key, of[0].organization.clone(), of[0].slug.clone())));
    }
    Ok(found)
}

/// The organizations in which a person acts: id, place in addresses, name, and the role there.
pub async fn list_places(db: &mut impl Read, user: UserId) -> Result<Vec<(OrgId, String, String, Role)>> {
    store::list_places(db, user).await
}

/// The members that a key is bound to.
pub async fn list_bound(db: &mut impl Read, org: OrgId, id: KeyId) -> Result<Vec<Bound>> {
    store::list_bound(db, org, id).await
}

/// How many keys there are in each state.
pub async fn counts(db: &mut impl Read, org: OrgId) -> Result<Vec<StateCount>> {
    store::counts(db, org).await
}

/// Whether the organization has ever had a key.
pub async fn any(db: &mut impl Read, org: OrgId) -> Result<bool> {
    store::any(db, org).await
}

/// Reads what a key is to be used for; `had` are the scopes that it has already and whoever changes it need not have.
async fn read_scopes<P>(
    tx: &mut Tx,
    by: &Can<P>,
    kind: Kind,
    names: &[String],
    had: &Scopes,
) -> Result<Scopes> {
    let (scopes, unknown) = Scopes::read(names.iter().map(String::as_str));
    let refused = |why: String| Err(Error::invalid("scope", why));
    if let Some(name) = unknown.first() {
        return refused(format!("A key cannot be used for “{name}”. Choose from the list."));
    }
    if scopes.is_empty() {
        return refused("Choose at least one thing that the key may be used for.".to_owned());
    }
    if scopes.has_duties() && kind != Kind::Service {
        return refused("Only keys of service accounts can act on Muster itself.".to_owned());
    }
    let added: Vec<&str> = scopes.host().hosts().collect();
    if !added.is_empty() {
        let known = roles::host::list(tx, by.org().id).await?;
        if let Some(name) = added.iter().find(|name| known.iter().all(|one| one.key != **name)) {
            return refused(format!("There is no permission {name} any more. Choose from the list."));
        }
    }
    let gained = scopes.without(had);
    if gained.has_duties() && !by.may(Permission::KeyManage) {
        return refused("Only whoever manages keys can let one act on Muster itself.".to_owned());
    }
    let beyond = gained.host().beyond(&by.permissions());
    if !beyond.is_empty() {
        return refused(format!(
            "You cannot give a key more than you may do yourself. Leave out: {}.",
            beyond.join(", ")
        ));
    }
    Ok(scopes)
}

async fn read_members(tx: &mut Tx, org: OrgId, addresses: &[String]) -> Result<Vec<MemberId>> {
    if addresses.len() > 100 {
        return Err(Error::invalid(
            "members",
            format!("Bind at most 100 people by name. These are {}. Use a group for more.", addresses.len()),
        ));
    }
    let mut found = Vec::new();
    for text in addresses {
        let unknown = || Error::invalid("members", format!("{text} is no member of this organization."));
        let address = Address::parse(text).map_err(|_| unknown())?;
        let member = store::find_by_address(tx, org, address.key()).await?.ok_or_else(unknown)?;
        if !found.contains(&member.id) {
            found.push(member.id);
        }
    }
    Ok(found)
}

async fn read_groups(tx: &mut Tx, org: OrgId, first: Option<GroupId>, others: &[GroupId]) -> Result<Vec<(GroupId, String)>> {
    let mut found: Vec<(GroupId, String)> = Vec::new();
    for id in first.iter().chain(others) {
        if found.iter().any(|(known, _)| known == id) {
            continue;
        }
        match groups::group::profile(tx, org, *id).await {
            Ok(group) => found.push((*id, group.name)),
            Err(Error::NotFound) => return Err(Error::invalid("group", "Choose groups from the list.")),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

async fn read_features(tx: &mut Tx, org: OrgId, values: &[(FeatureId, String)]) -> Result<Vec<(FeatureId, String, String)>> {
    let catalogue = feature::list(tx, org).await?;
    let mut found = Vec::new();
    for (id, value) in values {
        let feature = catalogue
            .iter()
            .find(|feature| feature.id == *id)
            .ok_or_else(|| Error::invalid("feature", "A feature was removed meanwhile. Look at the list again."))?;
        if let Some(value) = feature.read(value)? {
            found.push((*id, feature.title.clone(), value));
        }
    }
    Ok(found)
}

/// Of which notices before the end nobody need hear, because the key lives no longer than that.
fn warned_from_start(start: Timestamp, end: Option<Timestamp>) -> Option<i64> {
    let left = end?.since(start);
    [3, 14, 30].into_iter().find(|mark| left <= days(*mark)).map(|mark| mark as i64)
}

/// Makes a key of a group or of a service account.
pub async fn create(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    owner: Owner,
    draft: &Draft,
    nonce: &str,
    now: Timestamp,
) -> Result<Made> {
    if owner == Owner::Oneself {
        return Err(Error::invalid("kind", "Choose a group or a service account."));
    }
    make(tx, by, owner, draft, nonce, now).await
}

/// Makes a key of the caller's own, where the organization's rules let them.
pub async fn create_own(tx: &mut Tx, by: &Can<KeyOwn>, draft: &Draft, nonce: &str, now: Timestamp) -> Result<Made> {
    let rules = rules::find(tx, by.org().id).await?;
    if !rules.personal.allows(by.role()) {
        return Err(Error::forbidden(refused_by_rules(rules.personal)));
    }
    make(tx, by, Owner::Oneself, draft, nonce, now).await
}

/// Why somebody makes no personal key.
pub fn refused_by_rules(personal: rules::Personal) -> String {
    match personal {
        rules::Personal::Nobody => "This organization has no personal keys. Ask an Org Admin for a key of a group.".to_owned(),
        other => format!("In this organization personal keys are made by: {}. Ask an Org Admin for a key of a group.", other.title()),
    }
}

async fn make<P>(tx: &mut Tx, by: &Can<P>, owner: Owner, draft: &Draft, nonce: &str, now: Timestamp) -> Result<Made> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let own_nonce;
    let nonce = match nonce {
        "" => {
            own_nonce = secret::nonce();
            own_nonce.as_str()
        }
        sent if sent.len() <= 64 && sent.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => sent,
        _ => return Err(Error::BadRequest("The form is not one of ours. Reload the page and fill it in again.".to_owned())),
    };
    if let Some(before) = store::find_by_nonce(tx, org.id, nonce).await? {
        return Ok(Made::Before(before));
    }
    let name = text::line("name", "A key’s name", &draft.name, 60)?;
    let (kind, member, group, service) = match owner {
        Owner::Oneself => {
            let own = by
                .member()
                .ok_or_else(|| Error::forbidden("Only a member of an organization has keys of their own there."))?;
            (Kind::Personal, Some(own), None, None)
        }
        Owner::Group(id) => (Kind::Group, None, Some(id), None),
        Owner::Service(id) => {
            let found = match service::find(tx, org.id, id).await {
                Ok(found) => found,
                Err(Error::NotFound) => {
                    return Err(Error::invalid("service", "Choose a service account from the list."));
                }
                Err(error) => return Err(error),
            };
            if found.state == service::State::Disabled {
                return Err(Error::invalid("service", format!("{} is disabled. Enable it first.", found.name)));
            }
            (Kind::Service, None, found.group_id, Some(id))
        }
    };
    let scopes = read_scopes(tx, by, kind, &draft.scopes, &Scopes::default()).await?;
    let of_kind = if kind == Kind::Group { group } else { None };
    let groups = read_groups(tx, org.id, of_kind, &draft.groups).await?;
    let people = read_members(tx, org.id, &draft.members).await?;
    let features = read_features(tx, org.id, &draft.features).await?;
    check_time(&rules::find(tx, org.id).await?, draft.not_before, draft.expires_at, now)?;
    let key = PlainKey::generate(kind);
    let id = KeyId::from_raw(org.id.row(orgs::next_id(tx, org.id, 1).await?));
    store::insert(
        tx,
        NewKey {
            org: org.id,
            id,
            kind,
            name: &name,
            public_id: key.public_id(),
            last_four: key.last_four(),
            hash: key.hash(),
            member,
            group,
            service,
            scopes: scopes.to_text(),
            not_before: draft.not_before,
            expires_at: draft.expires_at,
            warned: warned_from_start(now, draft.expires_at),
            by: by.user_id(),
            by_name: &by.actor().name,
            nonce,
            now,
        },
    )
    .await?;
    let ids: Vec<GroupId> = groups.iter().map(|(id, _)| *id).collect();
    store::bind(tx, org.id, id, &ids, &people).await?;
    let values: Vec<_> = features.iter().map(|(id, _, value)| (*id, value.clone())).collect();
    catalogue_store::replace_values(tx, org.id, id, &values).await?;
    let made = find(tx, org.id, id).await?;
    let limited = set_limits(tx, by, &made, draft.limits, now).await?;
    let mut after = told(&made, people.len() as i64);
    after.insert("kind".to_owned(), json!(kind.title()));
    after.extend(limited.1);
    after.retain(|_, value| !value.is_null() && value != &json!([]) && value != &json!(""));
    let entry = Entry::done(Action::KeyCreate, made.object(), Value::Null, Value::Object(after));
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    let first: Vec<MemberId> = member.into_iter().chain(people).collect();
    member::establish_contexts(tx, by.actor(), org.id, &first, now).await?;
    Ok(Made::New(id, key))
}

fn check_time(rules: &rules::Rules, start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<()> {
    rules.check_end(end, now)?;
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        return Err(Error::invalid("not_before", "The key would end before it begins. Choose an earlier day."));
    }
    Ok(())
}

async fn set_limits<P>(
    tx: &mut Tx,
    by: &Can<P>,
    key: &Key,
    wanted: Amounts,
    now: Timestamp,
) -> Result<(Map<String, Value>, Map<String, Value>)> {
    let org = by.org();
    let ceiling = match key.limited_by() {
        Some(owner) => keyed::ceiling(tx, org, owner, now).await?,
        None => Amounts::default(),
    };
    let there = keyed::find(tx, org.id, Subject::Key(key.id)).await?;
    if wanted != there {
        let unit = limit_settings::find(tx, org).await?.unit;
        keyed::check(wanted, ceiling, unit)?;
    }
    keyed::set(tx, org, Subject::Key(key.id), wanted, &by.actor().name, now).await
}

/// What the record says of a key.
fn told(key: &Key, people: i64) -> Map<String, Value> {
    let groups: Vec<String> = key.bound_groups().into_iter().map(|(_, name)| name).collect();
    let mut told = Map::new();
    let mut say = |field: &str, value: Value| told.insert(field.to_owned(), value);
    say("name", json!(key.name));
    say("belongs_to", json!(key.owner_name.as_ref().or(key.service_name.as_ref()).or(key.group_name.as_ref())));
    say("groups", json!(groups));
    say("people", if people == 0 { Value::Null } else { json!(people) });
    say("scopes", json!(key.scopes().names()));
    say("features", json!(key.feature_badges()));
    say("not_before", json!(key.not_before.map(Timestamp::micros)));
    say("expires_at", json!(key.expires_at.map(Timestamp::micros)));
    told
}

/// The key for a change: the organization is locked, and the caller has seen its present version.
async fn open<P>(tx: &mut Tx, by: &Can<P>, id: KeyId, expected: Option<i64>) -> Result<Key> {
    let org = by.org().id;
    if id.org() != org {
        return Err(Error::NotFound);
    }
    member::lock_live(tx, org).await?;
    let key = find(tx, org, id).await?;
    if expected.is_some_and(|expected| expected != key.version) {
        return Err(stale(&key.name));
    }
    Ok(key)
}

fn refuse_revoked(key: &Key) -> Result<()> {
    if key.state == State::Revoked {
        return Err(Error::conflict(format!("{} is revoked. Make a new key instead.", key.name)));
    }
    Ok(())
}

/// Changes everything about a key but its secret and whose it is.
pub async fn update(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: KeyId,
    expected: Option<i64>,
    draft: &Draft,
    now: Timestamp,
) -> Result<Key> {
    let org = by.org().id;
    let before = open(tx, by, id, expected).await?;
    refuse_revoked(&before)?;
    let name = text::line("name", "A key’s name", &draft.name, 60)?;
    let scopes = read_scopes(tx, by, before.kind, &draft.scopes, &before.scopes()).await?;
    let own = if before.kind == Kind::Group { before.group_id } else { None };
    let groups = read_groups(tx, org, own, &draft.groups).await?;
    let people = read_members(tx, org, &draft.members).await?;
    let features = read_features(tx, org, &draft.features).await?;
    if (draft.not_before, draft.expires_at) != (before.not_before, before.expires_at) {
        check_time(&rules::find(tx, org).await?, draft.not_before, draft.expires_at, now)?;
    }
    let bound = store::list_bound(tx, org, id).await?;
    // A group's key whose group is gone finds a new one among those that it is bound to.
    let group = match (before.kind, before.group_id) {
        (Kind::Group, None) => groups.first().map(|(id, _)| *id),
        (_, group) => group,
    };
    let changed = Changed {
        name: &name,
        scopes: scopes.to_text(),
        not_before: draft.not_before,
        expires_at: draft.expires_at,
        group,
        warned: warned_from_start(now, draft.expires_at),
    };
    store::update(tx, org, id, changed).await?;
    let ids: Vec<GroupId> = groups.iter().map(|(id, _)| *id).collect();
    store::bind(tx, org, id, &ids, &people).await?;
    let values: Vec<_> = features.iter().map(|(id, _, value)| (*id, value.clone())).collect();
    catalogue_store::replace_values(tx, org, id, &values).await?;
    let after = find(tx, org, id).await?;
    let limited = set_limits(tx, by, &after, draft.limits, now).await?;
    let (mut was, mut is) = (told(&before, bound.len() as i64), told(&after, people.len() as i64));
    let same: Vec<String> = was.iter().filter(|(field, old)| is.get(*field) == Some(old)).map(|(field, _)| field.clone()).collect();
    for field in same {
        was.remove(&field);
        is.remove(&field);
    }
    was.extend(limited.0);
    is.extend(limited.1);
    let entry = Entry::done(Action::KeyUpdate, after.object(), Value::Object(was), Value::Object(is));
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    let new: Vec<MemberId> = people.into_iter().filter(|id| bound.iter().all(|one| one.id != *id)).collect();
    member::establish_contexts(tx, by.actor(), org, &new, now).await?;
    Ok(after)
}

/// For how long the old secret works beside the new one: not at all, an hour, a day, a week.
pub const OVERLAPS: [(&str, &str, Duration); 4] = [
    ("0", "Stop the old secret now", Duration::ZERO),
    ("1h", "Keep the old secret for 1 hour", crate::clock::hours(1)),
    ("24h", "Keep the old secret for 24 hours", crate::clock::hours(24)),
    ("7d", "Keep the old secret for 7 days", days(7)),
];

/// Gives a key of a group or service a new secret.
pub async fn rotate(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: KeyId,
    expected: Option<i64>,
    overlap: Duration,
    now: Timestamp,
) -> Result<(Key, PlainKey)> {
    let key = open(tx, by, id, expected).await?;
    if key.kind == Kind::Personal {
        return Err(Error::forbidden(
            "Only its owner rotates a personal key, because whoever rotates a key sees its secret. You can revoke it.",
        ));
    }
    renew(tx, by, key, overlap, now).await
}

/// Gives one of the caller's own keys a new secret.
pub async fn rotate_own(
    tx: &mut Tx,
    by: &Can<KeyOwn>,
    id: KeyId,
    expected: Option<i64>,
    overlap: Duration,
    now: Timestamp,
) -> Result<(Key, PlainKey)> {
    find_own(tx, by, id).await?;
    let key = open(tx, by, id, expected).await?;
    renew(tx, by, key, overlap, now).await
}

async fn renew<P>(tx: &mut Tx, by: &Can<P>, key: Key, overlap: Duration, now: Timestamp) -> Result<(Key, PlainKey)> {
    refuse_revoked(&key)?;
    if key.standing(now) == Standing::Expired {
        return Err(Error::conflict(format!("{} has expired. Give it a later end first, or make a new key.", key.name)));
    }
    // Of a personal key only that counts which its owner may do at the moment, so it needs no question here.
    let beyond = key.scopes().host().beyond(&by.permissions());
    if key.kind != Kind::Personal && !beyond.is_empty() {
        return Err(Error::forbidden(format!(
            "This key may be used for more than you may do yourself: {}. Ask an Org Admin to rotate it.",
            beyond.join(", ")
        )));
    }
    let org = by.org().id;
    let new = PlainKey::of(key.kind, &key.public_id);
    let secret = (new.hash(), new.last_four());
    let until = if overlap.is_zero() {
        store::replace(tx, org, key.id, secret, now).await?;
        None
    } else {
        let until = now.plus(overlap);
        store::overlap(tx, org, key.id, secret, now, until).await?;
        Some(until)
    };
    let after = json!({ "old_secret_until": until.map_or(now, |until| until).micros() });
    let entry = Entry::done(Action::KeyRotate, key.object(), Value::Null, after);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok((find(tx, org, key.id).await?, new))
}

/// What can be done to the state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Suspend it.
    Suspend,
    /// Take a suspension back.
    Activate,
    /// Revoke it for good.
    Revoke,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Suspend, Self::Activate, Self::Revoke];

    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Suspend => "Suspend",
            Self::Activate => "Activate",
            Self::Revoke => "Revoke",
        }
    }
    /// The stable name in forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Activate => "activate",
            Self::Revoke => "revoke",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.key() == key)
    }
    /// "was suspended".
    pub const fn past(self) -> &'static str {
        match self {
            Self::Suspend => "suspended",
            Self::Activate => "activated",
            Self::Revoke => "revoked",
        }
    }
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Suspend => Action::KeySuspend,
            Self::Activate => Action::KeyActivate,
            Self::Revoke => Action::KeyRevoke,
        }
    }
    /// What the key is afterwards.
    pub(super) const fn state(self) -> (State, SuspendedBy) {
        match self {
            Self::Suspend => (State::Suspended, SuspendedBy::Person),
            Self::Activate => (State::Active, SuspendedBy::Nobody),
            Self::Revoke => (State::Revoked, SuspendedBy::Nobody),
        }
    }
    /// Whether it can be done to a key, or why not; for one key and for many alike.
    pub fn judge(self, key: &Key) -> std::result::Result<(), &'static str> {
        match (self, key.state, key.suspended_by) {
            (_, State::Revoked, _) => Err("is revoked, which is final"),
            (Self::Suspend, State::Suspended, SuspendedBy::Person) => Err("is suspended already"),
            (Self::Activate, State::Active, _) => Err("is not suspended"),
            (Self::Activate, State::Suspended, SuspendedBy::Owner) => {
                Err("is suspended with its owner, and comes back when the owner is activated")
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn state_words(state: State, suspended_by: SuspendedBy) -> &'static str {
    match (state, suspended_by) {
        (State::Active, _) => "Active",
        (State::Suspended, SuspendedBy::Owner) => "Suspended with its owner",
        (State::Suspended, _) => "Suspended",
        (State::Revoked, _) => "Revoked",
    }
}

pub(super) fn state_entry(key: &Key, deed: Deed) -> Entry {
    let (state, suspended_by) = deed.state();
    Entry::done(
        deed.action(),
        key.object(),
        json!({ "state": state_words(key.state, key.suspended_by) }),
        json!({ "state": state_words(state, suspended_by) }),
    )
}

/// Suspends, activates or revokes a key, which acts on its next use.
pub async fn set_state(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: KeyId,
    expected: Option<i64>,
    deed: Deed,
    now: Timestamp,
) -> Result<Key> {
    let key = open(tx, by, id, expected).await?;
    apply(tx, by, key, deed, now).await
}

/// Revokes one of the caller's own keys.
pub async fn revoke_own(tx: &mut Tx, by: &Can<KeyOwn>, id: KeyId, expected: Option<i64>, now: Timestamp) -> Result<Key> {
    find_own(tx, by, id).await?;
    let key = open(tx, by, id, expected).await?;
    apply(tx, by, key, Deed::Revoke, now).await
}

async fn apply<P>(tx: &mut Tx, by: &Can<P>, key: Key, deed: Deed, now: Timestamp) -> Result<Key> {
    deed.judge(&key).map_err(|why| Error::conflict(format!("{} {why}.", key.name)))?;
    let org = by.org().id;
    store::set_state(tx, org, &[key.id], deed.state(), &by.actor().name, now).await?;
    audit::record(tx, by.actor(), Some(org), state_entry(&key, deed), now).await?;
    find(tx, org, key.id).await
}
