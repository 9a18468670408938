//! Holders: whoever comes with a key, found by the hash of what they present and kept while nothing about them changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    sync::{Arc, OnceLock},
};

use actix_web::http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    caller::{KeyFacts, Principal, Who},
    load, store,
};
use crate::{
    access::Role,
    clock::Timestamp,
    db::Db,
    error::Result,
    ids::{GroupId, KeyId, RoleId, ServiceId},
    keys::{
        self, Bearer, Standing,
        feature::OFF,
        scope::{Duty, Scopes},
    },
    limits::keyed::{self, Subject},
    metering::Scope,
    roles,
};

/// What stands as it is in the value of a feature: unreserved characters (RFC 3986 section 2.3), colon and slash. Everything else is
/// percent-encoded, so that no value ends early and begins the next one.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'/');

/// A key that works, as of an instant.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Everything that its room knows.
    pub bearer: Bearer,
    /// What of its scopes counts.
    pub allowed: Scopes,
    /// What decisions need of it; the same one for as long as nothing changes.
    pub facts: Arc<KeyFacts>,
    /// Who is charged.
    pub principal: Principal,
    /// The groups that it speaks for, each once: those of its member, or those that it belongs and is bound to.
    pub groups: Vec<GroupId>,
    /// The custom roles of its member, by id.
    pub roles: Vec<RoleId>,
    /// When any of this changes by itself.
    pub changes_at: Option<Timestamp>,
    names: OnceLock<Names>,
    /// The values of headers that a face makes of it, kept for the face with it.
    pub headers: OnceLock<[HeaderValue; 8]>,
}

/// What is written of a holder in answers: made when it is first asked for, and as long kept as the holder is.
#[derive(Debug, Clone)]
pub struct Names {
    /// The id of whoever is charged.
    pub principal: String,
    /// The ids of the groups, with commas between.
    pub groups: String,
    /// The member's role and the ids of their custom roles, with commas between.
    pub roles: String,
    /// The id of the key.
    pub key: String,
    /// The features that are switched on, as `name=value` with commas between and everything else percent-encoded.
    pub features: String,
}

impl Holder {
    /// What is written of it in answers.
    pub fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let principal = match self.principal {
                Principal::Member(member) => member.to_string(),
                Principal::ServiceAccount(id) => ServiceId::from_raw(id).to_string(),
                Principal::Group(group) => group.to_string(),
            };
            let role = self.bearer.owner.as_ref().map(|owner| owner.role);
            Names {
                principal,
                groups: list(self.groups.iter()),
                roles: role_names(role, &self.roles),
                key: KeyId::from_raw(self.facts.id).to_string(),
                features: encoded(self.features().into_iter()),
            }
        })
    }
    /// Who asks with it.
    pub fn who(&self) -> Who {
        Who {
            org: self.bearer.org,
            principal: self.principal,
            key: Some(Arc::clone(&self.facts)),
        }
    }
    /// Whether it may do something of Muster itself.
    pub fn has(&self, duty: Duty) -> bool {
        self.allowed.has(duty.key())
    }
    /// Its features with their values; those that are switched off are left out.
    pub fn features(&self) -> BTreeMap<&str, &str> {
        let pairs = self.bearer.features.iter();
        pairs
            .filter(|(_, value)| value != OFF)
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }
}

/// Features with their values, as headers have them: neither a name nor a value can end where it does not.
pub(super) fn encoded<'f>(features: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    list(features.map(|(key, value)| {
        let [key, value] = [key, value].map(|text| utf8_percent_encode(text, PLAIN));
        format!("{key}={value}")
    }))
}

/// The role of a member and the ids of their custom roles, as `X-Muster-Roles` has them.
pub fn role_names(role: Option<Role>, custom: &[RoleId]) -> String {
    let role = role.map(|role| role.key().to_owned());
    list(role.into_iter().chain(custom.iter().map(ToString::to_string)))
}

/// Names with commas between; none of them has one inside.
pub fn list(names: impl Iterator<Item = impl Display>) -> String {
    names.map(|name| name.to_string()).collect::<Vec<_>>().join(",")
}

/// The holder of a key; none when it is unknown, or when its own state or time stops it. What it belongs to is a later step of the
/// decision, which says so.
pub(super) async fn find(db: &Db, hash: [u8; 32], now: Timestamp) -> Result<Option<Holder>> {
    let db = &mut db.read();
    let Some(bearer) = keys::find_by_hash(db, hash, now).await? else {
        return Ok(None);
    };
    let standing = bearer.standing(now);
    if matches!(
        standing,
        Standing::Revoked | Standing::Expired | Standing::Early | Standing::Suspended
    ) {
        return Ok(None);
    }
    let principal = match (&bearer.owner, &bearer.service, bearer.group) {
        (Some(owner), _, _) => Principal::Member(owner.member),
        (None, Some(service), _) => Principal::ServiceAccount(service.id.raw()),
        (None, None, Some(group)) => Principal::Group(group),
        (None, None, None) => return Ok(None),
    };
    let mut policies = Vec::new();
    for limit in keyed::limits(db, bearer.org, Subject::Key(bearer.key)).await? {
        policies.extend(load::policy(Scope::Key, bearer.key.raw(), &limit));
    }
    if let Some(service) = &bearer.service {
        for limit in keyed::limits(db, bearer.org, Subject::Service(service.id)).await? {
            policies.extend(load::policy(Scope::ServiceAccount, service.id.raw(), &limit));
        }
    }
    let mut ends = vec![bearer.not_before, bearer.expires_at, bearer.secret_until];
    let (groups, roles) = match &bearer.owner {
        // A personal key speaks for its member, who is in the same groups and roles without it.
        Some(owner) => {
            ends.push(owner.expires_at);
            let all = store::list_belongings(db, bearer.org, owner.member).await?;
            let live: Vec<_> = all.into_iter().filter(|one| one.is_live(now)).collect();
            ends.extend(live.iter().map(|one| one.expires_at));
            let held = roles::held_by(db, bearer.org, owner.member).await?;
            (
                live.into_iter().map(|one| one.group_id).collect(),
                held.into_iter().map(|role| role.id).collect(),
            )
        }
        None => {
            let all: BTreeSet<GroupId> = bearer.group.iter().chain(&bearer.groups).copied().collect();
            (all.into_iter().collect(), Vec::new())
        }
    };
    let allowed = bearer.allowed();
    let features = bearer.features.iter().filter(|(_, value)| value != OFF);
    let facts = KeyFacts {
        id: bearer.key.raw(),
        scopes: allowed.host().clone(),
        features: features.map(|(key, _)| key.clone()).collect(),
        group: bearer.group,
        networks: Vec::new(),
        hours: Vec::new(),
        policies,
        owner_acts: !matches!(
            standing,
            Standing::WithOwner | Standing::WithService | Standing::Homeless
        ),
    };
    Ok(Some(Holder {
        changes_at: ends.into_iter().flatten().filter(|at| *at > now).min(),
        bearer,
        allowed,
        facts: Arc::new(facts),
        principal,
        groups,
        roles,
        names: OnceLock::new(),
        headers: OnceLock::new(),
    }))
}

/// What a key is looked up by, for whoever names it by its id.
pub(super) async fn hash_of(db: &Db, key: KeyId) -> Result<Option<[u8; 32]>> {
    keys::find_hash(&mut db.read(), key.org(), key).await
}
