//! Making keys, and changing everything about them but their secret.
//!
//! Nobody makes a key stronger than themselves: what it may be used for lies within the maker's permissions, and
//! what it makes possible within what the keys of the maker's groups do (C11, C-13 of the model).

use serde_json::{Map, Value, json};

use super::{
    catalogue_store,
    deed::{open, refuse_revoked},
    feature::{self, Lent},
    key::{Key, Kind, find},
    rules,
    scope::Scopes,
    secret::{self, PlainKey},
    service,
    store::{self, Changed, NewKey},
};
use crate::{
    access::{
        Can,
        permission::{KeyManage, KeyOwn, Permission},
    },
    audit::{self, Action, Entry},
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    groups,
    ids::{FeatureId, GroupId, KeyId, MemberId, OrgId, ServiceId},
    limits::keyed::{self, Amounts, Subject},
    mail::address::Address,
    members::member,
    orgs, roles, text,
};

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

/// Reads what a key is to be used for; `had` are the scopes that it has already and whoever changes it need not have.
async fn read_scopes<P>(tx: &mut Tx, by: &Can<P>, kind: Kind, names: &[String], had: &Scopes) -> Result<Scopes> {
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
            format!(
                "Bind at most 100 people by name. These are {}. Use a group for more.",
                addresses.len()
            ),
        ));
    }
    let unknown = |text: &String| Error::invalid("members", format!("{text} is no member of this organization."));
    let mut keys = Vec::with_capacity(addresses.len());
    for text in addresses {
        keys.push(Address::parse(text).map_err(|_| unknown(text))?.key().to_owned());
    }
    let known = store::list_by_addresses(tx, org, &keys).await?;
    let mut found = Vec::with_capacity(known.len());
    for (text, key) in addresses.iter().zip(&keys) {
        let (id, _) = known.iter().find(|(_, of)| of == key).ok_or_else(|| unknown(text))?;
        if !found.contains(id) {
            found.push(*id);
        }
    }
    Ok(found)
}

async fn read_groups(
    tx: &mut Tx,
    org: OrgId,
    first: Option<GroupId>,
    others: &[GroupId],
) -> Result<Vec<(GroupId, String)>> {
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

/// Reads the values of features; with `had` none that gives more than that.
async fn read_features(
    tx: &mut Tx,
    org: OrgId,
    values: &[(FeatureId, String)],
    had: Option<&[Lent]>,
) -> Result<Vec<(FeatureId, String, String)>> {
    let catalogue = feature::list(tx, org).await?;
    let mut found = Vec::new();
    for (id, value) in values {
        let feature = catalogue
            .iter()
            .find(|feature| feature.id == *id)
            .ok_or_else(|| Error::invalid("feature", "A feature was removed meanwhile. Look at the list again."))?;
        if let Some(value) = feature.read(value)? {
            if had.is_some_and(|had| !feature.is_within(&value, had)) {
                return Err(Error::invalid(
                    "feature",
                    format!(
                        "{}: no key of your groups has that much. Leave it as the catalogue says, or ask an Org Admin for a key.",
                        feature.title
                    ),
                ));
            }
            found.push((*id, feature.title.clone(), value));
        }
    }
    Ok(found)
}

/// Of which notices before the end nobody need hear, because the key lives no longer than that.
fn warned_from_start(start: Timestamp, end: Option<Timestamp>) -> Option<i64> {
    let left = end?.since(start);
    [3, 14, 30]
        .into_iter()
        .find(|mark| left <= days(*mark))
        .map(|mark| mark as i64)
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
        rules::Personal::Nobody => {
            "This organization has no personal keys. Ask an Org Admin for a key of a group.".to_owned()
        }
        other => format!(
            "In this organization personal keys are made by: {}. Ask an Org Admin for a key of a group.",
            other.title()
        ),
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
        _ => {
            return Err(Error::BadRequest(
                "The form is not one of ours. Reload the page and fill it in again.".to_owned(),
            ));
        }
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
                return Err(Error::invalid(
                    "service",
                    format!("{} is disabled. Enable it first.", found.name),
                ));
            }
            (Kind::Service, None, found.group_id, Some(id))
        }
    };
    let scopes = read_scopes(tx, by, kind, &draft.scopes, &Scopes::default()).await?;
    let of_kind = if kind == Kind::Group { group } else { None };
    let groups = read_groups(tx, org.id, of_kind, &draft.groups).await?;
    let people = read_members(tx, org.id, &draft.members).await?;
    // Whoever gives out the features of others gives any to themselves.
    let had = match member {
        Some(own) if !by.may(Permission::KeyManage) => Some(feature::lent(tx, org.id, own, now).await?),
        _ => None,
    };
    let features = read_features(tx, org.id, &draft.features, had.as_deref()).await?;
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
    let limits = (Subject::Key(id), made.limited_by());
    let limited = keyed::set(tx, org, limits, draft.limits, &by.actor().name, now).await?;
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
        return Err(Error::invalid(
            "not_before",
            "The key would end before it begins. Choose an earlier day.",
        ));
    }
    Ok(())
}

/// What the record says of a key.
fn told(key: &Key, people: i64) -> Map<String, Value> {
    let groups: Vec<String> = key.bound_groups().into_iter().map(|(_, name)| name).collect();
    let mut told = Map::new();
    let mut say = |field: &str, value: Value| told.insert(field.to_owned(), value);
    say("name", json!(key.name));
    say(
        "belongs_to",
        json!(
            key.owner_name
                .as_ref()
                .or(key.service_name.as_ref())
                .or(key.group_name.as_ref())
        ),
    );
    say("groups", json!(groups));
    say("people", if people == 0 { Value::Null } else { json!(people) });
    say("scopes", json!(key.scopes().names()));
    say("features", json!(key.feature_badges()));
    say("not_before", json!(key.not_before.map(Timestamp::micros)));
    say("expires_at", json!(key.expires_at.map(Timestamp::micros)));
    told
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
    let own = if before.kind == Kind::Group {
        before.group_id
    } else {
        None
    };
    let groups = read_groups(tx, org, own, &draft.groups).await?;
    let people = read_members(tx, org, &draft.members).await?;
    let features = read_features(tx, org, &draft.features, None).await?;
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
    let limits = (Subject::Key(id), after.limited_by());
    let limited = keyed::set(tx, by.org(), limits, draft.limits, &by.actor().name, now).await?;
    let (mut was, mut is) = (told(&before, bound.len() as i64), told(&after, people.len() as i64));
    let same: Vec<String> = was
        .iter()
        .filter(|(field, old)| is.get(*field) == Some(old))
        .map(|(field, _)| field.clone())
        .collect();
    for field in same {
        was.remove(&field);
        is.remove(&field);
    }
    was.extend(limited.0);
    is.extend(limited.1);
    let entry = Entry::done(Action::KeyUpdate, after.object(), Value::Object(was), Value::Object(is));
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    let new: Vec<MemberId> = people
        .into_iter()
        .filter(|id| bound.iter().all(|one| one.id != *id))
        .collect();
    member::establish_contexts(tx, by.actor(), org, &new, now).await?;
    Ok(after)
}
