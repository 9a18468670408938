//! The noun: an API key, whose it is and how it stands at an instant.
//!
//! How keys are made and changed stands in [`super::making`], what is done to them afterwards in [`super::deed`].

pub use super::{
    deed::{Deed, OVERLAPS, revoke_own, rotate, rotate_own, set_state},
    making::{Draft, Made, Owner, create, create_own, refused_by_rules, update},
    store::{Bound, Key, StateCount},
};
use super::{feature, scope::Scopes, secret, service, store};
use crate::{
    access::{Can, Role, permission::KeyOwn},
    audit::Object,
    clock::Timestamp,
    db::Read,
    error::{Error, Result},
    ids::{GroupId, KeyId, MemberId, OrgId, ServiceId, UserId},
    limits::keyed,
    members::Status,
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
    /// The account of its owner is closed.
    Account,
    /// Its organization is archived, where nothing authorizes.
    Archived,
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
            Self::Account => "Its owner’s account is closed",
            Self::Archived => "Its organization is archived",
            Self::WithOwner => "Suspended with its owner",
            Self::WithService => "Suspended with its service account",
            Self::Homeless => "Without a group",
            Self::Revoked => "Revoked",
        }
    }
}

/// Whether a key's own time and state let it work: the same for pages and for whoever presents it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub state: State,
    pub suspended_by: SuspendedBy,
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// Whether what a key belongs to lets it work.
#[derive(Debug, Clone, Copy)]
pub(super) enum Belongs {
    /// A member, and whether the membership acts.
    Member(bool),
    /// A group, unless it is gone.
    Group(Option<GroupId>),
    /// A service account, unless it is gone.
    Service(Option<service::State>),
}

impl Own {
    /// What stops the key by itself, first (MODEL section 2.6, step 1).
    pub fn stopped(self, now: Timestamp) -> Option<Standing> {
        match (self.state, self.suspended_by) {
            (State::Revoked, _) => Some(Standing::Revoked),
            _ if self.expires_at.is_some_and(|end| end <= now) => Some(Standing::Expired),
            _ if self.not_before.is_some_and(|start| start > now) => Some(Standing::Early),
            (State::Suspended, SuspendedBy::Owner) => Some(Standing::WithOwner),
            (State::Suspended, _) => Some(Standing::Suspended),
            (State::Active, _) => None,
        }
    }
}

impl Belongs {
    /// How a key that nothing else stops stands by what it belongs to.
    pub const fn standing(self) -> Standing {
        match self {
            Self::Member(true) | Self::Group(Some(_)) | Self::Service(Some(service::State::Active)) => Standing::Active,
            Self::Member(false) => Standing::WithOwner,
            Self::Group(None) => Standing::Homeless,
            Self::Service(_) => Standing::WithService,
        }
    }
}

impl Key {
    /// How it stands at an instant, as far as its organization's pages know.
    pub fn standing(&self, now: Timestamp) -> Standing {
        let own = Own {
            state: self.state,
            suspended_by: self.suspended_by,
            not_before: self.not_before,
            expires_at: self.expires_at,
        };
        let belongs = match self.kind {
            Kind::Personal => Belongs::Member(
                self.owner_status.is_some_and(Status::acts) && self.owner_expires_at.is_none_or(|end| end > now),
            ),
            Kind::Group => Belongs::Group(self.group_id),
            Kind::Service => Belongs::Service(self.service_state),
        };
        own.stopped(now).unwrap_or(belongs.standing())
    }
    /// What it may be used for.
    pub fn scopes(&self) -> Scopes {
        Scopes::parse(&self.scopes)
    }
    /// How pages name it: without its secret.
    pub fn masked(&self) -> String {
        let four = if self.next_four.is_empty() {
            &self.last_four
        } else {
            &self.next_four
        };
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
        found.extend(
            keys.into_iter()
                .map(|key| (key, of[0].organization.clone(), of[0].slug.clone())),
        );
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
