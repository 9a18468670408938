//! Whoever comes with a key: everything that a decision about them needs, read at once.
//!
//! Nothing here decides about limits or features; it says whose the key is, whether it works at this instant, and what of its scopes
//! counts. A change of the key, its owner, their role or their account acts on the next look-up.

use super::{
    Kind,
    key::{Belongs, Own, Standing, State, SuspendedBy},
    scope::Scopes,
    service,
    store::{self, BearerRow},
};
use crate::{
    access::{Permissions, Role},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, KeyId, MemberId, OrgId, ServiceId, UserId},
    members::Status,
};

/// The owner of a personal key, as they are at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The membership.
    pub member: MemberId,
    /// Its state.
    pub status: Status,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When its deactivation ends by itself.
    pub suspended_until: Option<Timestamp>,
    /// When its private context was provisioned; none for not yet.
    pub context_at: Option<Timestamp>,
    /// The account.
    pub account: UserId,
    /// Its address.
    pub email: String,
    /// Whether the account may be used.
    pub account_is_open: bool,
    /// The role.
    pub role: Role,
    /// What the additional roles permit.
    pub additional: Permissions,
}

/// The service account of a service's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfService {
    /// The service account.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Whether its keys work.
    pub state: service::State,
}

/// A key that was presented, and all that is known of it.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The key.
    pub key: KeyId,
    /// The organization.
    pub org: OrgId,
    /// The organization's place in addresses.
    pub slug: String,
    /// Whether the organization is archived, where nothing authorizes.
    pub is_archived: bool,
    /// Whose the key is.
    pub kind: Kind,
    /// What people call it.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Who or what has suspended it.
    pub suspended_by: SuspendedBy,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it works.
    pub not_before: Option<Timestamp>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Until when the secret that was presented works, when it is the older of two.
    pub secret_until: Option<Timestamp>,
    /// What it was made for; see [`Bearer::allowed`] for what of it counts.
    pub scopes: Scopes,
    /// The group to which its use is put down.
    pub group: Option<GroupId>,
    /// Its owner, of a personal key.
    pub owner: Option<Owner>,
    /// Its service account, of a service's key.
    pub service: Option<OfService>,
    /// The groups that it is bound to.
    pub groups: Vec<GroupId>,
    /// The members that it is bound to.
    pub members: Vec<MemberId>,
    /// Features with their values: its own, else the catalogue's defaults.
    pub features: Vec<(String, String)>,
}

impl Bearer {
    /// How it stands at an instant, in the order of MODEL section 2.6; anything but [`Standing::Active`] stops it.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let own = Own {
            state: self.state,
            suspended_by: self.suspended_by,
            not_before: self.not_before,
            expires_at: self.expires_at,
        };
        let belongs = match self.kind {
            Kind::Personal => Belongs::Member(self.owner.as_ref().is_some_and(|owner| owner.acts(now))),
            Kind::Group => Belongs::Group(self.group),
            Kind::Service => Belongs::Service(self.service.as_ref().map(|service| service.state)),
        };
        let closed = self.owner.as_ref().is_some_and(|owner| !owner.account_is_open);
        own.stopped(now)
            .or(closed.then_some(Standing::Account))
            .or(self.is_archived.then_some(Standing::Archived))
            .unwrap_or(belongs.standing())
    }
    /// What of its scopes counts now: of a personal key only what its owner may do at the moment (C11).
    pub fn allowed(&self) -> Scopes {
        match &self.owner {
            Some(owner) => self.scopes.within(&owner.permissions()),
            None if self.kind == Kind::Personal => Scopes::default(),
            None => self.scopes.clone(),
        }
    }
}

impl Owner {
    /// Whether the membership lets its person in.
    pub fn acts(&self, now: Timestamp) -> bool {
        self.status.acts() && self.expires_at.is_none_or(|end| end > now)
    }
    /// Everything that the owner may do in the organization, by all roles together.
    pub fn permissions(&self) -> Permissions {
        let mut all = self.role.permissions();
        all.join(&self.additional);
        all
    }
}

impl From<BearerRow> for Bearer {
    fn from(row: BearerRow) -> Self {
        let owner = match (row.member_id, row.member_status, row.role, row.user_id) {
            (Some(member), Some(status), Some(role), Some(account)) => Some(Owner {
                member,
                status,
                expires_at: row.member_expires_at,
                suspended_until: row.member_suspended_until,
                context_at: row.member_context_at,
                account,
                email: row.email.unwrap_or_default(),
                account_is_open: row.user_state == Some(1),
                role,
                additional: Permissions::parse(row.additional.as_deref().unwrap_or_default()),
            }),
            _ => None,
        };
        let service = match (row.service_id, row.service_state) {
            (Some(id), Some(state)) => Some(OfService {
                id,
                name: row.service_name.unwrap_or_default(),
                state,
            }),
            _ => None,
        };
        let pairs = row.features.as_deref().unwrap_or_default().split('\u{1e}');
        Self {
            key: row.id,
            org: row.org_id,
            slug: row.slug,
            is_archived: row.org_state != 1,
            kind: row.kind,
            name: row.name,
            state: row.state,
            suspended_by: row.suspended_by,
            created_at: row.created_at,
            not_before: row.not_before,
            expires_at: row.expires_at,
            secret_until: row.secret_until,
            scopes: Scopes::parse(&row.scopes),
            group: row.group_id,
            owner,
            service,
            groups: ids(row.groups.as_deref()).map(GroupId::from_raw).collect(),
            members: ids(row.members.as_deref()).map(MemberId::from_raw).collect(),
            features: pairs
                .filter_map(|pair| pair.split_once('\u{1f}'))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

fn ids(text: Option<&str>) -> impl Iterator<Item = i64> {
    text.unwrap_or_default().split(',').filter_map(|id| id.parse().ok())
}

/// Finds the key with this hash, with one statement. Of two secrets that work side by side the older one is found until its time is over.
pub async fn find_by_hash(db: &mut impl Read, hash: [u8; 32], now: Timestamp) -> Result<Option<Bearer>> {
    Ok(store::find_bearer(db, hash, now).await?.map(Bearer::from))
}

/// Notes that a key was used; the one change of a key that is not recorded, because it is no act. An earlier instant changes nothing, so
/// that batches may come in any order.
pub async fn touch(tx: &mut Tx, key: KeyId, at: Timestamp, ip: &str) -> Result<()> {
    store::touch(tx, key, at, ip).await
}
