//! The decision, as a pure function: the steps in their order, the first that refuses is the answer, and of limits all that refuse.

use std::sync::Arc;

use serde_json::json;

use super::caller::{Ask, Caller, Hours};
use crate::{
    access::{Permissions, decision::Stop},
    clock::Timestamp,
    limits::{Enforcement, Window, amount::Amount},
    metering::{Figure, Pays, Plan, Scope},
};

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Step 1: nobody is known by what was presented.
    Credential,
    /// Step 2: the account may not be used.
    Account,
    /// Step 3: the organization is archived.
    Organization,
    /// Step 4: there is no membership.
    Stranger,
    /// Step 4: the membership does not act.
    Membership(MembershipStop),
    /// Step 4: the service account does not act.
    ServiceAccount,
    /// Step 5: it comes from elsewhere.
    Network,
    /// Step 6: it comes at another time.
    Hours,
    /// Step 7: the sign-in proves too little, or is too old.
    StepUp,
    /// Step 8: neither role nor key permits it.
    Permission,
    /// Step 9: the feature is not enabled.
    Feature,
    /// Step 10: a limit has no room.
    Limit,
}

/// Why a membership does not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MembershipStop {
    /// It was deactivated.
    Deactivated,
    /// It was disabled.
    Disabled,
    /// It has ended.
    Ended,
    /// It is over.
    Left,
}

impl From<Stop> for MembershipStop {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Deactivated => Self::Deactivated,
            Stop::Disabled => Self::Disabled,
            Stop::Ended => Self::Ended,
            Stop::Left => Self::Left,
        }
    }
}

impl Reason {
    /// Every stable name there is.
    pub const KEYS: [&'static str; 15] = [
        "credential-invalid",
        "account-disabled",
        "organization-archived",
        "membership-missing",
        "membership-deactivated",
        "membership-disabled",
        "membership-expired",
        "service-account-suspended",
        "network-refused",
        "time-refused",
        "step-up-required",
        "permission-denied",
        "feature-not-enabled",
        "limit-reached",
        "other",
    ];

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Credential | Self::StepUp => 401,
            Self::Limit => 429,
            _ => 403,
        }
    }
    /// The stable name in answers.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Credential => "credential-invalid",
            Self::Account => "account-disabled",
            Self::Organization => "organization-archived",
            Self::Stranger | Self::Membership(MembershipStop::Left) => "membership-missing",
            Self::Membership(MembershipStop::Deactivated) => "membership-deactivated",
            Self::Membership(MembershipStop::Disabled) => "membership-disabled",
            Self::Membership(MembershipStop::Ended) => "membership-expired",
            Self::ServiceAccount => "service-account-suspended",
            Self::Network => "network-refused",
            Self::Hours => "time-refused",
            Self::StepUp => "step-up-required",
            Self::Permission => "permission-denied",
            Self::Feature => "feature-not-enabled",
            Self::Limit => "limit-reached",
        }
    }
}

/// How a limit stands, in words and numbers that every face shows alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// The stable name: "member-daily".
    pub name: &'static str,
    /// What it limits.
    pub scope: Scope,
    /// How long it counts.
    pub window: Window,
    /// Where it comes from, in words.
    pub source: Arc<str>,
    /// How much it allows.
    pub limit: Amount,
    /// What was booked in the window, in micro-credits.
    pub spent: i64,
    /// What open reservations hold.
    pub reserved: i64,
    /// What is left.
    pub remaining: i64,
    /// When the window began.
    pub since: Timestamp,
    /// When it begins anew; none for a limit without a window.
    pub reset_at: Option<Timestamp>,
    /// What happens when it is used up.
    pub enforcement: Enforcement,
}

impl LimitState {
    /// Whether all of it is used.
    pub const fn is_over(&self) -> bool {
        self.spent >= self.limit.micros()
    }
    /// When it is used up if its window goes on as it began; none for one that lasts, and before a twenty-fourth of the window has gone by.
    pub fn reached_at(&self, now: Timestamp) -> Option<Timestamp> {
        let reset = self.reset_at.filter(|_| self.window != Window::Total)?;
        let (gone, whole) = (now.since(self.since).as_micros(), reset.since(self.since).as_micros());
        let (spent, limit) = (self.spent, self.limit.micros());
        if spent <= 0 || spent >= limit || gone.saturating_mul(24) < whole {
            return None;
        }
        let more = i128::try_from(gone).ok()? * i128::from(limit - spent) / i128::from(spent);
        let at = Timestamp::from_micros(i64::try_from(i128::from(now.micros()) + more).ok()?);
        (at < reset).then_some(at)
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The first step that refuses.
    pub reason: Reason,
    /// In words for whoever asked.
    pub detail: String,
    /// How every limit stands, when a limit refuses.
    pub limits: Vec<LimitState>,
    /// The places of all hard limits without room; the first is the one that binds.
    pub failing: Vec<usize>,
    /// Whom to ask.
    pub contact: Vec<String>,
}

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Allow {
        /// How every limit stands.
        limits: Vec<LimitState>,
        /// The places of the soft limits that are over.
        over: Vec<usize>,
        /// What pays.
        pays: Pays,
    },
    /// It may not.
    Deny(Box<Denial>),
}

impl Verdict {
    /// Whether it may be done.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }
    /// Whether the member's wallet pays.
    pub const fn is_by_wallet(&self) -> bool {
        matches!(self, Self::Allow { pays: Pays::Wallet, .. })
    }
    /// The refusal.
    pub fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Deny(denial) => Some(denial),
            Self::Allow { .. } => None,
        }
    }
}

impl Denial {
    /// The member's wallet, where it has too little and nothing but limits of the member's own refuses.
    pub fn wallet(&self) -> Option<&LimitState> {
        let is_own = |place: &usize| {
            self.limits
                .get(*place)
                .is_some_and(|limit| limit.scope == Scope::Member)
        };
        let wallet = self.limits.iter().find(|limit| limit.scope == Scope::Wallet)?;
        self.failing.iter().all(is_own).then_some(wallet)
    }
    /// The limit that binds.
    pub fn binding(&self) -> Option<&LimitState> {
        self.failing.first().and_then(|place| self.limits.get(*place))
    }
    /// When every limit that refuses has begun anew; none when one never does.
    pub fn reset_at(&self) -> Option<Timestamp> {
        let ends = self
            .failing
            .iter()
            .map(|place| self.limits.get(*place).and_then(|limit| limit.reset_at));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }
    /// The refusal of a key that is not valid.
    pub fn credential() -> Self {
        Self::new(
            Reason::Credential,
            "The key or session is not valid. Sign in, or use another key.",
        )
    }
    /// The refusal of somebody who is not known in the organization.
    pub fn stranger() -> Self {
        Self::new(Reason::Stranger, "There is no membership in this organization.")
    }
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            limits: Vec::new(),
            failing: Vec::new(),
            contact: Vec::new(),
        }
    }
    /// The facts as members of a problem+json document.
    pub fn members(&self) -> serde_json::Value {
        let names: Vec<&str> = self
            .failing
            .iter()
            .filter_map(|place| self.limits.get(*place))
            .map(|limit| limit.name)
            .collect();
        json!({
            "reason": self.reason.key(),
            "violated-policies": names,
            "reset_at": self.reset_at().map(|at| at.to_string()),
            "contact": self.contact,
        })
    }
}

/// Decides everything that comes before limits, steps 1 to 9.
pub fn admit<'c>(caller: Option<&'c Caller>, ask: &Ask, now: Timestamp) -> Result<&'c Caller, Box<Denial>> {
    let Some(caller) = caller else {
        return Err(Box::new(Denial::credential()));
    };
    let ask_of = |contact: &[String], reason, detail: &str| {
        Err(Box::new(Denial {
            contact: contact.to_vec(),
            ..Denial::new(reason, detail)
        }))
    };
    let deny = |reason, detail: &str| ask_of(&caller.contact, reason, detail);
    let key = caller.key.as_deref();
    if caller
        .standing
        .as_ref()
        .is_some_and(|standing| standing.account_is_closed)
    {
        return deny(
            Reason::Account,
            "This account may not be used. Ask your organization administrator.",
        );
    }
    if caller.is_archived {
        return deny(
            Reason::Organization,
            "This organization is archived: nothing can be used in it.",
        );
    }
    if let Some(standing) = &caller.standing {
        match standing.membership {
            None => return deny(Reason::Stranger, "There is no membership in this organization."),
            Some(membership) => {
                if let Some(stop) = membership.stop {
                    let told = |detail: &str| deny(Reason::Membership(stop.into()), detail);
                    return match (stop, caller.support.as_str()) {
                        (Stop::Deactivated, _) => {
                            told("The membership is deactivated. Ask your organization administrator.")
                        }
                        // No administrator can undo it, so nobody is sent to one (R-MEM-05).
                        (Stop::Disabled, "") => ask_of(
                            &[],
                            Reason::Membership(stop.into()),
                            "The membership is disabled. Contact support.",
                        ),
                        (Stop::Disabled, support) => ask_of(
                            std::slice::from_ref(&caller.support),
                            Reason::Membership(stop.into()),
                            &format!("The membership is disabled. Contact support: {support}."),
                        ),
                        (Stop::Ended, _) => {
                            told("The membership has ended on its date. Ask your organization administrator.")
                        }
                        (Stop::Left, _) => told("The membership is over."),
                    };
                }
            }
        }
    }
    if key.is_some_and(|key| !key.owner_acts) {
        return deny(
            Reason::ServiceAccount,
            "What this key belongs to is suspended. Ask your organization administrator.",
        );
    }
    let key_networks = key.map_or(&[][..], |key| key.networks.as_slice());
    for networks in [caller.networks.as_slice(), key_networks] {
        let is_inside = ask
            .ip
            .is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)));
        if !networks.is_empty() && !is_inside {
            return deny(Reason::Network, "Requests from this address are not accepted.");
        }
    }
    let key_hours = key.map_or(&[][..], |key| key.hours.as_slice());
    for hours in [caller.hours.as_slice(), key_hours] {
        if !hours.is_empty() && !hours.iter().any(|hours: &Hours| hours.hold(now)) {
            return deny(Reason::Hours, "Requests at this time are not accepted.");
        }
    }
    if key.is_none() {
        let wanted = caller.step_up;
        let assurance = ask.assurance;
        let lacks_factor = wanted.second_factor && !assurance.is_some_and(|given| given.has_second_factor);
        let is_old = wanted
            .no_older_than
            .is_some_and(|most| assurance.is_none_or(|given| now.since(given.at) > most));
        if lacks_factor || is_old {
            return deny(
                Reason::StepUp,
                "Sign in again, with a second factor where your organization wants one.",
            );
        }
    }
    if let Some(name) = &ask.permission {
        let needed = Permissions::read([name.as_str()]);
        let by_role = caller.permissions();
        let has = |given: &Permissions| !needed.is_empty() && given.includes(&needed);
        // A key does what its scopes and its owner's roles both permit.
        let is_permitted = by_role.is_none_or(&has) && key.is_none_or(|key| has(&key.scopes));
        if !is_permitted || (by_role.is_none() && key.is_none()) {
            return deny(Reason::Permission, &format!("The permission “{name}” is missing."));
        }
    }
    if let Some(feature) = &ask.feature {
        // Who comes with a key has what the key has, and nothing of others.
        let (is_enabled, whose) = match key {
            Some(key) => (key.features.contains(feature), "this key"),
            None => (caller.features.contains_key(feature), "any key of your groups"),
        };
        if !is_enabled {
            return deny(
                Reason::Feature,
                &format!("The feature “{feature}” is not enabled for {whose}."),
            );
        }
    }
    Ok(caller)
}

/// How the limits of a plan stand.
pub fn states(plan: &Plan, figures: &[Figure]) -> Vec<LimitState> {
    let pairs = plan.all().zip(figures);
    pairs
        .map(|(policy, figure)| {
            let span = plan.org.bucket.window(policy.window);
            LimitState {
                name: policy.name(),
                scope: policy.scope,
                window: policy.window,
                source: Arc::clone(&policy.source),
                limit: policy.amount,
                spent: figure.spent,
                reserved: figure.reserved,
                remaining: figure.remaining(policy),
                since: span.start,
                reset_at: span.end,
                enforcement: policy.enforcement,
            }
        })
        .collect()
}

/// The refusal of limits without room.
pub fn refuse(caller: &Caller, figures: &[Figure], failing: Vec<usize>) -> Denial {
    let limits = states(&caller.plan, figures);
    let detail = failing.first().and_then(|place| limits.get(*place)).map_or_else(
        || "A limit has no room.".to_owned(),
        |limit| {
            let unit = caller.plan.org.settings.unit;
            if limit.scope == Scope::Pool {
                let state = if limit.remaining == 0 { "is used up" } else { "has too little left for this" };
                return format!(
                    "The credit pool {} {state}. Contact your organization administrator.",
                    limit.source
                );
            }
            if let (Scope::Member, Window::Month, Some(pool)) = (limit.scope, limit.window, &caller.unlimited_in) {
                return format!(
                    "The credit pool {pool} gives credits by monthly limits, and you have none. Ask your organization administrator to set one."
                );
            }
            let whose = match limit.scope {
                Scope::Member => "Your",
                Scope::Key => "The key’s",
                Scope::ServiceAccount => "The service account’s",
                Scope::Group => "The group’s",
                _ => "The organization’s",
            };
            let kind = limit.window.adjective().to_lowercase();
            let amount = limit.limit.show(unit);
            let state = if limit.remaining == 0 {
                "is used up"
            } else {
                "has too little left for this"
            };
            format!("{whose} {kind} limit of {amount} {state}. Contact your organization administrator.")
        },
    );
    Denial {
        limits,
        failing,
        contact: caller.contact.clone(),
        ..Denial::new(Reason::Limit, detail)
    }
}

/// The whole decision, from how the limits stand.
pub fn decide(caller: Option<&Caller>, ask: &Ask, figures: &[Figure], now: Timestamp) -> Verdict {
    let caller = match admit(caller, ask, now) {
        Ok(caller) => caller,
        Err(denial) => return Verdict::Deny(denial),
    };
    match caller.plan.pays(figures, ask.cost) {
        Ok(pays) => Verdict::Allow {
            limits: states(&caller.plan, figures),
            over: caller.plan.failing(figures, ask.cost, Enforcement::Soft),
            pays,
        },
        Err(failing) => Verdict::Deny(Box::new(refuse(caller, figures, failing))),
    }
}

#[cfg(test)]
mod tests;
