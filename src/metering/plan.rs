//! Plans: who is charged, by which policies, in which windows. A plan is made by whoever knows the caller and is valid until something
//! changes; the engine takes it as it is.

use std::sync::{Arc, OnceLock};

use crate::{
    clock::Timestamp,
    ids::{GroupId, MemberId, OrgId, PoolId},
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
    /// A credit pool.
    Pool = 9,
    /// The wallet of a member, by the member.
    Wallet = 10,
    /// What was moved from a credit pool to a member for a billing period.
    Allowance = 11,
}

macro_rules! names {
    ($($scope:ident $key:literal),+) => {
        /// The word in the name of a policy.
        pub const fn key(self) -> &'static str {
            match self {
                $(Self::$scope => $key),+
            }
        }
        /// The stable name of a policy in answers: "member-daily".
        pub const fn policy(self, window: Window) -> &'static str {
            match (self, window) {
                $(
                    (Self::$scope, Window::Day) => concat!($key, "-daily"),
                    (Self::$scope, Window::Week) => concat!($key, "-weekly"),
                    (Self::$scope, Window::Month) => concat!($key, "-monthly"),
                    (Self::$scope, Window::Total) => concat!($key, "-total")
                ),+
            }
        }
    };
}

impl Scope {
    names! {
        Organization "organization", Group "group", Member "member", ServiceAccount "service-account", Key "key",
        Activity "activity", App "app", Flow "flow", Pool "pool", Wallet "wallet", Allowance "allowance"
    }
}

/// Who is charged: a member or a service account, through which key, the one group that it is attributed to, and what pays.
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
    /// The credit pool that it is drawn from.
    pub pool: Option<PoolId>,
    /// What was moved from that pool to the member for the period, where a pool moves anything.
    pub allowance: Option<i64>,
    /// What a credit of the pool costs, in millionths of its currency.
    pub price: Option<i64>,
    /// Whether the member's wallet pays instead of the member's limits and the pool.
    pub by_wallet: bool,
}

impl Account {
    /// A member without a key or a group.
    pub const fn member(org: OrgId, member: MemberId) -> Self {
        Self {
            member: Some(member),
            ..Self::nobody(org)
        }
    }
    /// Nobody of an organization yet.
    pub const fn nobody(org: OrgId) -> Self {
        Self {
            org,
            member: None,
            service_account: None,
            key: None,
            group: None,
            pool: None,
            allowance: None,
            price: None,
            by_wallet: false,
        }
    }
    /// The same, paid out of this.
    #[must_use]
    pub const fn paid(self, pays: Pays) -> Self {
        Self {
            by_wallet: matches!(pays, Pays::Wallet),
            ..self
        }
    }
    /// Out of what it is paid.
    pub const fn pays(&self) -> Pays {
        if self.by_wallet { Pays::Wallet } else { Pays::Allowance }
    }
    /// Everything that its usage is summed for, with limits.
    pub fn subjects(&self) -> impl Iterator<Item = (Scope, i64)> + use<> {
        let own = if self.by_wallet { Scope::Wallet } else { Scope::Member };
        [
            Some((Scope::Organization, self.org.raw())),
            self.group.map(|id| (Scope::Group, id.raw())),
            self.member.map(|id| (own, id.raw())),
            self.service_account.map(|id| (Scope::ServiceAccount, id)),
            self.key.map(|id| (Scope::Key, id)),
            self.pool.filter(|_| !self.by_wallet).map(|id| (Scope::Pool, id.raw())),
        ]
        .into_iter()
        .flatten()
    }
    /// Whose usage it is: a member's, a service account's, a group's, or else the organization's.
    pub fn user(&self) -> (Scope, i64) {
        let member = self.member.map(|id| (Scope::Member, id.raw()));
        let service = || self.service_account.map(|id| (Scope::ServiceAccount, id));
        let group = || self.group.map(|id| (Scope::Group, id.raw()));
        member
            .or_else(service)
            .or_else(group)
            .unwrap_or((Scope::Organization, self.org.raw()))
    }
    /// Whether another one is charged in the same place; the attributed group may differ, as it changes with the member's groups, and so
    /// may what pays.
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
    pub source: Arc<str>,
}

impl Policy {
    /// The stable name in answers: "member-daily".
    pub const fn name(&self) -> &'static str {
        self.scope.policy(self.window)
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
    ends: [OnceLock<(Timestamp, String)>; 4],
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
            ends: [const { OnceLock::new() }; 4],
        }
    }
    /// When a window that runs ends, and that in words, which are made once; none for the window without an end.
    pub fn end(&self, window: Window, words: impl FnOnce(Timestamp) -> String) -> Option<(Timestamp, &str)> {
        let end = self.bucket.window(window).end?;
        let (end, words) = self.ends[calendar::place(window)].get_or_init(|| (end, words(end)));
        Some((*end, words))
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

/// Out of what something is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Pays {
    /// What the member may use, and the credit pool.
    #[default]
    Allowance,
    /// The member's own wallet.
    Wallet,
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
    /// What is in the member's wallet, where the organization lets it pay; its figure stands behind those of the policies.
    pub wallet: Option<Policy>,
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
    /// The policies, and the wallet behind them.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.policies.iter().chain(&self.wallet)
    }
    /// What pays a cost, or the places of the hard policies without room. A wallet pays where the member's own limits alone refuse, and
    /// only the whole (R-LIM-14, C-08).
    pub fn pays(&self, figures: &[Figure], cost: i64) -> Result<Pays, Vec<usize>> {
        let failing = self.failing(figures, cost, Enforcement::Hard);
        if failing.is_empty() {
            return Ok(Pays::Allowance);
        }
        let is_own = failing.iter().all(|place| self.policies[*place].scope == Scope::Member);
        match self.wallet.as_ref().zip(figures.get(self.policies.len())) {
            Some((wallet, figure)) if is_own && figure.has_room(wallet, cost) => Ok(Pays::Wallet),
            _ => Err(failing),
        }
    }
    /// The figures of what is charged when this pays.
    pub(super) fn charged<'f>(
        &self,
        figures: &'f mut [Figure],
        pays: Pays,
    ) -> impl Iterator<Item = &'f mut Figure> + use<'f, '_> {
        let account = self.account.paid(pays);
        self.all()
            .zip(figures)
            .filter(move |(policy, _)| account.subjects().any(|one| one == (policy.scope, policy.scope_id)))
            .map(|(_, figure)| figure)
    }
    /// The places of the policies without room for a cost, of those that an enforcement says.
    pub fn failing(&self, figures: &[Figure], cost: i64, enforcement: Enforcement) -> Vec<usize> {
        let pairs = self.policies.iter().zip(figures).enumerate();
        pairs
            .filter(|(_, (policy, figure))| policy.enforcement == enforcement && !figure.has_room(policy, cost))
            .map(|(place, _)| place)
            .collect()
    }
}
