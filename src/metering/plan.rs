//! Plans: who is charged, by which policies, in which windows. A plan is made by whoever knows the caller and is valid until something
//! changes; the engine takes it as it is.

use std::sync::{Arc, OnceLock};

use crate::{
    clock::Timestamp,
    ids::{GroupId, MemberId, OrgId},
    limits::{Enforcement, Settings, Window, amount::Amount},
};

use super::calendar::{self, Bucket};

/// What sums are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Scope {
    /// The organization.
    Organization = 1,
    /// A group, of what is attributed to it.
    Group = 2,
    /// A member.
    Member = 3,
    /// A service account.
    ServiceAccount = 4,
    /// A key.
    Key = 5,
    /// A kind of activity in the organization.
    Activity = 6,
    /// An app in the organization.
    App = 7,
    /// A flow in the organization.
    Flow = 8,
}

impl Scope {
    /// The word in the name of a policy.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Group => "group",
            Self::Member => "member",
            Self::ServiceAccount => "service-account",
            Self::Key => "key",
            Self::Activity => "activity",
            Self::App => "app",
            Self::Flow => "flow",
        }
    }
}

/// Who is charged: a member or a service account, through which key, and the one group that it is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    /// The organization.
    pub org: OrgId,
    /// The member, who is none for a service account.
    pub member: Option<MemberId>,
    /// The service account.
    pub service_account: Option<i64>,
    /// The key.
    pub key: Option<i64>,
    /// The group: the key's, else the member's, else none (C-35).
    pub group: Option<GroupId>,
}

impl Account {
    /// A member without a key or a group.
    pub const fn member(org: OrgId, member: MemberId) -> Self {
        Self {
            org,
            member: Some(member),
            service_account: None,
            key: None,
            group: None,
        }
    }
    /// Everything that its usage is summed for, with limits.
    pub fn subjects(&self) -> impl Iterator<Item = (Scope, i64)> + use<> {
        [
            Some((Scope::Organization, self.org.raw())),
            self.group.map(|id| (Scope::Group, id.raw())),
            self.member.map(|id| (Scope::Member, id.raw())),
            self.service_account.map(|id| (Scope::ServiceAccount, id)),
            self.key.map(|id| (Scope::Key, id)),
        ]
        .into_iter()
        .flatten()
    }
    /// Whether another one is charged in the same place; the attributed group may differ, as it changes with the member's groups.
    pub fn is_same_caller(&self, other: &Self) -> bool {
        (self.org, self.member, self.service_account, self.key)
            == (other.org, other.member, other.service_account, other.key)
    }
}

/// A limit as the engine applies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What it limits.
    pub scope: Scope,
    /// Which one of those.
    pub scope_id: i64,
    /// How long it counts.
    pub window: Window,
    /// How much it allows.
    pub amount: Amount,
    /// What happens when that is used.
    pub enforcement: Enforcement,
    /// Where it comes from, in words.
    pub source: String,
}

impl Policy {
    /// The stable name in answers: "member-daily".
    pub fn name(&self) -> String {
        format!("{}-{}", self.scope.key(), self.window.key())
    }
}

/// How an organization counts now.
#[derive(Debug, Clone)]
pub struct OrgPlan {
    /// The organization.
    pub org: OrgId,
    /// Its calendar and unit.
    pub settings: Arc<Settings>,
    /// The bucket that runs.
    pub bucket: Bucket,
    starts: OnceLock<[Arc<str>; 4]>,
}

impl OrgPlan {
    /// The plan of an organization at an instant.
    pub fn at(org: OrgId, settings: Arc<Settings>, now: Timestamp) -> Self {
        let bucket = Bucket::of(&settings, now);
        Self {
            org,
            settings,
            bucket,
            starts: OnceLock::new(),
        }
    }
    /// The beginnings of the buckets of a window so far, with commas between; empty for the window without an end.
    pub(super) fn starts(&self, window: Window) -> Arc<str> {
        let all = self.starts.get_or_init(|| {
            Window::ALL.map(|window| {
                if window == Window::Total {
                    return "".into();
                }
                let starts = calendar::starts(&self.settings, self.bucket.window(window), &self.bucket);
                let texts: Vec<String> = starts.iter().map(i64::to_string).collect();
                texts.join(",").into()
            })
        });
        Arc::clone(&all[calendar::place(window)])
    }
}

/// Who is charged, and by which policies, the first to be named first.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Who.
    pub account: Account,
    /// The organization.
    pub org: Arc<OrgPlan>,
    /// Every policy that applies; unlimited ones are left out.
    pub policies: Vec<Policy>,
}

/// How one policy of a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figure {
    /// What was booked in the window, in micro-credits; below zero after corrections.
    pub spent: i64,
    /// What open reservations hold.
    pub reserved: i64,
}

impl Figure {
    /// Whether a cost has room. What costs nothing needs something left, so that a limit that is used up cuts off (R-LIM-06).
    pub fn has_room(self, policy: &Policy, cost: i64) -> bool {
        let used = self.spent.checked_add(self.reserved);
        let with = used.and_then(|used| used.checked_add(cost.max(1)));
        with.is_some_and(|with| with <= policy.amount.micros())
    }
    /// What is left, never below zero.
    pub fn remaining(self, policy: &Policy) -> i64 {
        let used = self.spent.saturating_add(self.reserved);
        policy.amount.micros().saturating_sub(used).max(0)
    }
}

impl Plan {
    /// The places of the policies without room for a cost, of those that an enforcement says.
    pub fn failing(&self, figures: &[Figure], cost: i64, enforcement: Enforcement) -> Vec<usize> {
        let pairs = self.policies.iter().zip(figures).enumerate();
        pairs
            .filter(|(_, (policy, figure))| policy.enforcement == enforcement && !figure.has_room(policy, cost))
            .map(|(place, _)| place)
            .collect()
    }
}
