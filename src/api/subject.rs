//! Whom a request is about: a member, a service account or a key of the organization, by id, address or the key itself.

use serde::Deserialize;

use super::machine::{Machine, holder_of};
use crate::{
    app::App,
    error::Result,
    gate::{Known, Principal, Who},
    ids::{KeyId, MemberId, OrgId, ServiceId},
    keys,
    mail::address::Address,
};

/// How a body names somebody; nothing names whoever asks.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Subject {
    /// `mem_…`, `svc_…`, `key_…` or an e-mail address.
    pub subject: Option<String>,
    /// A key in plain text, as its holder presented it.
    pub key: Option<String>,
}

/// Who was found.
#[derive(Debug, Clone)]
pub enum Found {
    /// Somebody of the organization.
    Known(Who),
    /// The key is not valid, or belongs elsewhere.
    BadKey,
    /// Nobody of this name is known here.
    Nobody,
}

/// As what somebody is named, where ids belong to types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A member.
    User,
    /// A key, and whoever it belongs to.
    ApiKey,
    /// A service account.
    ServiceAccount,
}

impl Kind {
    /// Finds a type by its name in AuthZEN.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "api_key" => Some(Self::ApiKey),
            "service_account" => Some(Self::ServiceAccount),
            _ => None,
        }
    }
}

/// Finds somebody by an id of a type, together with the key that they come with. Whoever is elsewhere, has left or never was is
/// nobody, so that answers do not tell one from the other.
pub async fn find_of(app: &App, machine: &Machine, kind: Kind, id: &str, key: Option<&str>) -> Result<Option<Known>> {
    let Found::Known(who) = by_name(app, machine, id).await? else {
        return Ok(None);
    };
    let is_of_kind = match (kind, who.principal) {
        (Kind::ApiKey, _) => who.key.is_some(),
        (Kind::User, Principal::Member(_)) | (Kind::ServiceAccount, Principal::ServiceAccount(_)) => who.key.is_none(),
        _ => false,
    };
    if !is_of_kind {
        return Ok(None);
    }
    let Some(caller) = app.gate.caller_again(&who).await? else {
        return Ok(None);
    };
    let Some(key) = key.filter(|_| kind != Kind::ApiKey) else {
        return Ok(Some(Known { who, caller }));
    };
    let with = match by_name(app, machine, key).await? {
        Found::Known(with) if with.key.is_some() && with.principal == who.principal => with,
        _ => return Ok(None),
    };
    let caller = app.gate.caller_again(&with).await?;
    Ok(caller.map(|caller| Known { who: with, caller }))
}

/// Finds whom a request of a machine is about, in the machine's own organization.
pub async fn find(app: &App, machine: &Machine, named: &Subject) -> Result<Found> {
    if let Some(key) = &named.key {
        return Ok(match holder_of(app, key).await? {
            Some(holder) if holder.bearer.org == machine.org() => Found::Known(holder.who()),
            _ => Found::BadKey,
        });
    }
    match named.subject.as_deref() {
        None => Ok(Found::Known(machine.holder.who())),
        Some(name) => by_name(app, machine, name).await,
    }
}

async fn by_name(app: &App, machine: &Machine, name: &str) -> Result<Found> {
    let org = machine.org();
    let of = |principal| {
        Found::Known(Who {
            org,
            principal,
            key: None,
        })
    };
    if let Ok(id) = name.parse::<MemberId>() {
        return Ok(if id.org() == org {
            of(Principal::Member(id))
        } else {
            Found::Nobody
        });
    }
    Box::pin(by_other_name(app, org, name, of)).await
}

/// The same for names that are asked of the database.
async fn by_other_name(app: &App, org: OrgId, name: &str, of: impl Fn(Principal) -> Found) -> Result<Found> {
    if let Ok(id) = name.parse::<ServiceId>() {
        let found = if id.org() == org {
            keys::service::find(&mut app.db.read(), org, id).await.ok()
        } else {
            None
        };
        return Ok(found.map_or(Found::Nobody, |_| of(Principal::ServiceAccount(id.raw()))));
    }
    if let Ok(id) = name.parse::<KeyId>() {
        let found = if id.org() == org {
            app.gate.holder_of(id).await?
        } else {
            None
        };
        return Ok(found.map_or(Found::Nobody, |holder| Found::Known(holder.who())));
    }
    let Ok(address) = Address::parse(name) else {
        return Ok(Found::Nobody);
    };
    let member = keys::find_member_by_address(&mut app.db.read(), org, address.key()).await?;
    Ok(member.map_or(Found::Nobody, |member| of(Principal::Member(member))))
}
