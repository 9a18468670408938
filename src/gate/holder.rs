//! Holders: whoever comes with a key, found by the hash of what they present and kept while nothing about them changes.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    caller::{KeyFacts, Principal, Who},
    load,
};
use crate::{
    clock::Timestamp,
    db::Db,
    error::Result,
    ids::{GroupId, KeyId, ServiceId},
    keys::{
        self, Bearer, Standing,
        feature::OFF,
        scope::{Duty, Scopes},
    },
    limits::keyed::{self, Subject},
    metering::Scope,
};

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
    /// When any of this changes by itself.
    pub changes_at: Option<Timestamp>,
    names: OnceLock<Names>,
}

/// What is written of a holder in answers: made when it is first asked for, and as long kept as the holder is.
#[derive(Debug, Clone)]
pub struct Names {
    /// The id of whoever is charged.
    pub principal: String,
    /// The ids of the groups, with commas between.
    pub groups: String,
    /// The id of the key.
    pub key: String,
    /// The features that are switched on, as `name=value` with commas between.
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
            let features = self.features().into_iter().map(|(key, value)| format!("{key}={value}"));
            Names {
                principal,
                groups: list(self.bearer.group.iter().chain(&self.bearer.groups)),
                key: KeyId::from_raw(self.facts.id).to_string(),
                features: features.collect::<Vec<_>>().join(","),
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

/// Ids of groups with commas between.
pub fn list<'g>(groups: impl Iterator<Item = &'g GroupId>) -> String {
    groups.map(ToString::to_string).collect::<Vec<_>>().join(",")
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
    let owner_ends = bearer.owner.as_ref().and_then(|owner| owner.expires_at);
    let ends = [bearer.not_before, bearer.expires_at, bearer.secret_until, owner_ends];
    Ok(Some(Holder {
        changes_at: ends.into_iter().flatten().filter(|at| *at > now).min(),
        bearer,
        allowed,
        facts: Arc::new(facts),
        principal,
        names: OnceLock::new(),
    }))
}

/// What a key is looked up by, for whoever names it by its id.
pub(super) async fn hash_of(db: &Db, key: KeyId) -> Result<Option<[u8; 32]>> {
    keys::find_hash(&mut db.read(), key.org(), key).await
}
