//! Callers: everything that a decision needs to know of whoever asks, loaded before it is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use ipnet::IpNet;

use crate::{
    access::{Permissions, decision::Standing},
    clock::{Timestamp, Zone},
    ids::{GroupId, MemberId, OrgId},
    metering::{Account, Plan, Policy},
};

/// Who is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// A member, by a session, a subject or a key of their own.
    Member(MemberId),
    /// A service account, by its key.
    ServiceAccount(i64),
    /// A group, by a key of its own.
    Group(GroupId),
}

/// A key that was presented and is valid, as its room knows it.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    /// Its number.
    pub id: i64,
    /// What it may do at most.
    pub scopes: Permissions,
    /// The features that it enables.
    pub features: BTreeSet<String>,
    /// The group that it is bound to, to which its usage is attributed.
    pub group: Option<GroupId>,
    /// From where it may be used; everywhere when empty.
    pub networks: Vec<IpNet>,
    /// When it may be used; always when empty.
    pub hours: Vec<Hours>,
    /// Its own limits; all of them apply beside its owner's (I-22).
    pub policies: Vec<Policy>,
    /// Whether what it belongs to may act: false for the key of a service account that is suspended.
    pub owner_acts: bool,
}

/// Who asks, as the request shows it: a principal, and the key that it came with.
#[derive(Debug, Clone)]
pub struct Who {
    /// The organization, from the path.
    pub org: OrgId,
    /// Who is charged.
    pub principal: Principal,
    /// The key.
    pub key: Option<Arc<KeyFacts>>,
}

impl Who {
    /// Who is charged, as far as the request alone says it: a member's own group is not in it.
    pub fn account(&self) -> Account {
        let (member, service_account, group) = match self.principal {
            Principal::Member(member) => (Some(member), None, None),
            Principal::ServiceAccount(id) => (None, Some(id), None),
            Principal::Group(group) => (None, None, Some(group)),
        };
        Account {
            org: self.org,
            member,
            service_account,
            key: self.key.as_ref().map(|key| key.id),
            group: self.key.as_ref().and_then(|key| key.group).or(group),
            pool: None,
            allowance: None,
            price: None,
            by_wallet: false,
        }
    }
}

/// The hours of a week in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// The zone whose clocks count.
    pub zone: Zone,
    /// The day of the week (1 for Monday), and from which minute of it to which, the last one not included.
    pub intervals: Vec<(i8, u16, u16)>,
}

impl Hours {
    /// Whether an instant lies in them.
    pub fn hold(&self, at: Timestamp) -> bool {
        let local = at.instant().to_zoned(self.zone.tz());
        let day = local.weekday().to_monday_one_offset();
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        self.intervals
            .iter()
            .any(|(on, from, to)| *on == day && (*from..*to).contains(&minute))
    }
}

/// How a person has proved who they are, for rules that want more than a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assurance {
    /// Whether a second factor was used.
    pub has_second_factor: bool,
    /// When.
    pub at: Timestamp,
}

/// What the organization wants of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepUp {
    /// A second factor.
    pub second_factor: bool,
    /// A sign-in no older than this.
    pub no_older_than: Option<Duration>,
}

/// Everything that is known of a caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// How the membership stands; none for a service account.
    pub standing: Option<Standing>,
    /// What it permits, once somebody has asked.
    pub permits: OnceLock<Permissions>,
    /// Their policies in the words that answers have for them, once somebody has asked.
    pub told: OnceLock<String>,
    /// Whether they are a member without a private context, which the first authorized call provisions (C-14).
    pub lacks_context: bool,
    /// Whether the organization is archived, where nothing is authorized.
    pub is_archived: bool,
    /// The key.
    pub key: Option<Arc<KeyFacts>>,
    /// The features of a member without a key, with their values: of the keys of their groups, and of the catalogue (C-13 of the model).
    pub features: BTreeMap<String, String>,
    /// From where the organization lets itself be used; all levels must agree.
    pub networks: Vec<IpNet>,
    /// When the organization lets itself be used.
    pub hours: Vec<Hours>,
    /// What is wanted of sessions.
    pub step_up: StepUp,
    /// Who is charged and by which policies, in the order in which a refusal names them.
    pub plan: Plan,
    /// The allocated credit pool of a member without a monthly limit, by which it would give credits.
    pub unlimited_in: Option<String>,
    /// Whom to ask: the organization's administrators.
    pub contact: Vec<String>,
    /// Whom to ask about what no administrator can do; may be empty.
    pub support: String,
    /// The instant at which any of this changes by itself.
    pub changes_at: Timestamp,
}

impl Caller {
    /// What their roles permit; none for a service account.
    pub fn permissions(&self) -> Option<&Permissions> {
        let standing = self.standing.as_ref()?;
        Some(self.permits.get_or_init(|| standing.permissions()))
    }
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The permission that it needs, by its key; those of the host platform begin with `host:`.
    pub permission: Option<String>,
    /// The feature that it needs.
    pub feature: Option<String>,
    /// From where it comes.
    pub ip: Option<IpAddr>,
    /// How the person is signed in; none for keys.
    pub assurance: Option<Assurance>,
    /// What it costs, in micro-credits; with 0, something must be left.
    pub cost: i64,
}
