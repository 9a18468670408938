//! Finding a caller: what stands in the tables, put together for a decision.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{
    caller::{Caller, Principal, StepUp, Who},
    store,
};
use crate::{
    access::{self, OrgRef},
    clock::Timestamp,
    credits::{self, Drawn, Mode},
    db::{Db, Read},
    error::{Error, Result},
    ids::MemberId,
    keys::feature,
    limits::{self, Effective, Enforcement, Limit, Source, Window, amount::Amount, settings},
    members,
    metering::{Account, Engine, OrgPlan, Plan, Policy, Scope},
};

/// Everything that is known of a caller now; none when there is no such member or organization.
pub(super) async fn load(whole: &Db, engine: &Engine, who: &Who, now: Timestamp) -> Result<Option<Caller>> {
    let db = &mut whole.read();
    let org: OrgRef = match access::org(db, who.org).await {
        Ok(org) => org,
        Err(Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    let settings = Arc::new(settings::find(db, &org).await?);
    let (mut standing, mut changes, mut own_group, mut lacks_context) = (None, Vec::new(), None, false);
    if let Principal::Member(member) = who.principal {
        let Some(row) = store::find_membership(db, who.org, member).await? else {
            return Ok(None);
        };
        // A role over the enterprise spends nothing in its organizations.
        let mut found = access::standing_of(db, who.org, row.user_id, None, now).await?;
        found.account_is_closed = row.account_state != 1;
        standing = Some(found);
        lacks_context = row.context_at.is_none();
        changes.push(row.expires_at);
        for belonging in store::list_belongings(db, who.org, member).await? {
            if belonging.is_live(now) {
                own_group = own_group.or(Some(belonging.group_id));
                changes.push(belonging.expires_at);
            }
        }
    }
    let mut lent = Vec::new();
    if let (Principal::Member(member), None) = (who.principal, &who.key) {
        lent = feature::lent(db, who.org, member, now).await?;
        lent.retain(|one| {
            let begins = one.not_before.filter(|at| *at > now);
            changes.extend([begins, one.expires_at]);
            begins.is_none() && one.value != feature::OFF
        });
    }
    let key_group = who.key.as_ref().and_then(|key| key.group);
    let group = match who.principal {
        Principal::Group(group) => Some(key_group.unwrap_or(group)),
        Principal::Member(_) | Principal::ServiceAccount(_) => key_group.or(own_group),
    };
    let effective = match who.principal {
        Principal::Member(member) => limits::effective(db, who.org, member, settings.conflict, now).await?,
        Principal::ServiceAccount(_) | Principal::Group(_) => Effective::default(),
    };
    let is_of_member = matches!(who.principal, Principal::Member(_)) && key_group.is_none();
    let pools = if is_of_member {
        effective.pools.clone()
    } else {
        // The key's group need not be one of its owner's.
        let found = limits::pools(db, who.org, group, now).await?;
        changes.push(found.changes_at);
        found.pools
    };
    changes.push(effective.changes_at);
    let mut account = Account { group, ..who.account() };
    let mut policies: Vec<Policy> = who.key.iter().flat_map(|key| key.policies.clone()).collect();
    let drawn = credits::drawn(db, who.org, account.member).await?;
    account.pool = drawn.as_ref().map(|drawn| drawn.id);
    account.price = drawn.as_ref().map(|drawn| drawn.price);
    let (mut wallet, mut unlimited_in) = (None, None);
    if let Principal::Member(member) = who.principal {
        let of_member = |limit: &Limit| policy(Scope::Member, member.raw(), limit);
        match drawn.as_ref().filter(|drawn| drawn.mode == Mode::Allocated) {
            None => policies.extend(effective.limits.iter().filter_map(of_member)),
            Some(drawn) => {
                let others = effective.limits.iter().filter(|limit| limit.window != Window::Month);
                policies.extend(others.filter_map(of_member));
                let month = effective.of(Window::Month).and_then(|limit| limit.value.amount());
                let acts = standing
                    .as_ref()
                    .is_some_and(|standing| standing.membership.is_some_and(|one| one.stop.is_none()))
                    && !org.archived;
                let wanted = acts.then(|| month.map_or(0, Amount::micros));
                let period = settings.window(Window::Month, now).start;
                let held = || engine.held_of_allowances(who.org);
                let given = credits::allowance::give(whole, drawn, (member, wanted, period), held, now).await?;
                account.allowance = Some(given.id);
                if month.is_none() {
                    unlimited_in = Some(drawn.name.clone());
                }
                policies.push(of_allowance(member, drawn, given.limit()));
            }
        }
        // Nothing is known of what was put in later: each entry is recorded, which makes what is kept void.
        let put = credits::wallet::find(db, who.org, member).await?;
        wallet = put.pays().map(|amount| Policy {
            scope: Scope::Wallet,
            scope_id: member.raw(),
            window: Window::Total,
            amount,
            enforcement: Enforcement::Hard,
            source: "own wallet".into(),
        });
    }
    // A pool counts what is attributed to its group, so only that one applies.
    let of_group = |limit: &&Limit| matches!(&limit.source, Source::Group(id, _) if Some(*id) == group);
    for limit in pools.iter().filter(of_group) {
        let id = group.map_or(0, |group| group.raw());
        policies.extend(policy(Scope::Group, id, limit));
    }
    if let Some(drawn) = &drawn {
        changes.push(drawn.valid_until);
        policies.extend(of_pool(drawn, now));
    }
    for limit in pools.iter().filter(|limit| limit.source == Source::Organization) {
        policies.extend(policy(Scope::Organization, who.org.raw(), limit));
    }
    let admins = members::administrators(db, who.org).await?;
    let contact = admins.into_iter().map(|admin| admin.email).collect();
    let plan = Plan {
        account,
        org: Arc::new(OrgPlan::at(who.org, settings, now)),
        policies,
        wallet,
    };
    let ends = changes.into_iter().flatten().filter(|at| *at > now);
    Ok(Some(Caller {
        standing,
        permits: OnceLock::new(),
        told: OnceLock::new(),
        lacks_context,
        is_archived: org.archived,
        key: who.key.clone(),
        features: union(lent),
        networks: Vec::new(),
        hours: Vec::new(),
        step_up: StepUp::default(),
        changes_at: ends.min().map_or(plan.org.bucket.end, |at| at.min(plan.org.bucket.end)),
        plan,
        unlimited_in,
        contact,
        support: org.support_contact,
    }))
}

/// Each feature once: of numbers the largest, of other values a key's before the catalogue's.
fn union(lent: Vec<feature::Lent>) -> BTreeMap<String, String> {
    let mut best: BTreeMap<String, feature::Lent> = BTreeMap::new();
    for one in lent {
        let is_better =
            best.get(&one.key)
                .is_none_or(|before| match (one.value.parse::<i64>(), before.value.parse::<i64>()) {
                    (Ok(new), Ok(old)) => new > old,
                    _ => (one.by_key, &one.value) > (before.by_key, &before.value),
                });
        if is_better {
            best.insert(one.key.clone(), one);
        }
    }
    best.into_iter().map(|(key, one)| (key, one.value)).collect()
}

/// What a member may use of what was moved to them for the month: that is all, whatever their limit says.
fn of_allowance(member: MemberId, drawn: &Drawn, limit: Amount) -> Policy {
    Policy {
        scope: Scope::Member,
        scope_id: member.raw(),
        window: Window::Month,
        amount: limit,
        enforcement: Enforcement::Hard,
        source: format!("credit pool {}", drawn.name).into(),
    }
}

/// The limit that a credit pool is: what was put into it, or nothing from the instant on at which it ends. An allocated one is a limit
/// for nobody else, as all of it that is spent was moved to somebody before.
fn of_pool(drawn: &Drawn, now: Timestamp) -> Option<Policy> {
    let amount = match (drawn.has_ended(now), drawn.mode, drawn.is_limited) {
        (true, ..) => Amount::ZERO,
        (false, Mode::Cap, true) => Amount::from_micros(drawn.granted.max(0))?,
        _ => return None,
    };
    Some(Policy {
        scope: Scope::Pool,
        scope_id: drawn.id.raw(),
        window: Window::Total,
        amount,
        enforcement: Enforcement::Hard,
        source: drawn.name.as_str().into(),
    })
}

/// A limit as the engine applies it; none for what is unlimited.
pub(super) fn policy(scope: Scope, scope_id: i64, limit: &Limit) -> Option<Policy> {
    Some(Policy {
        scope,
        scope_id,
        window: limit.window,
        amount: limit.value.amount()?,
        enforcement: limit.enforcement,
        source: match (scope, &limit.source) {
            (Scope::Organization, _) => "organization".into(),
            _ => limit.source_words().into(),
        },
    })
}

/// How an organization counts now, for usage that is reported about many of its members.
pub(super) async fn load_org(db: &mut impl Read, org: crate::ids::OrgId, now: Timestamp) -> Result<OrgPlan> {
    let place = access::org(db, org).await?;
    let settings = settings::find(db, &place).await?;
    Ok(OrgPlan::at(org, Arc::new(settings), now))
}
