//! The engine without a portal around it, where the test needs to reach inside: commits whose end is not known.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{counters::Shard, reservations::State as Stand, *};
use crate::{
    clock::{Clock, Timestamp, Zone},
    db::{self, Db, Fate, Options},
    error::Error,
    ids::{GroupId, MemberId, OrgId},
    limits::{
        Enforcement, Settings, Window,
        amount::{Amount, Unit},
        settings::Conflict,
        window::{Calendar, Rules},
    },
};

/// Saturday 21 November 2026, 09:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_251_600);
const ORG: OrgId = OrgId::from_raw(1);
const BEN: MemberId = MemberId::from_raw((1 << 32) | 5);

fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        unit: Unit::Credit,
        currency: "USD".to_owned(),
        conflict: Conflict::Highest,
        calendar: Calendar::of(Rules::of(Zone::find_or_utc("UTC"))),
        version: 0,
    })
}

fn plan(account: Account, caps: &[(Scope, i64, Window, i64)]) -> Plan {
    let policies = caps.iter().map(|(scope, scope_id, window, amount)| Policy {
        scope: *scope,
        scope_id: *scope_id,
        window: *window,
        amount: Amount::from_micros(*amount).expect("an amount"),
        enforcement: Enforcement::Hard,
        source: "own limit".into(),
    });
    Plan {
        account,
        org: Arc::new(OrgPlan::at(ORG, settings(), NOW)),
        policies: policies.collect(),
        wallet: None,
    }
}

async fn engine() -> (Engine, Plan, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(&Options::Sqlite(folder.path().join("muster.db")))
        .await
        .expect("a database");
    db::migrate(&db).await.expect("tables");
    let caps = [(Scope::Member, BEN.raw(), Window::Day, 100)];
    let plan = plan(Account::member(ORG, BEN), &caps);
    (Engine::start(db, Clock::manual(NOW)), plan, folder)
}

fn spent<T>(answer: &Answer<T>) -> (i64, i64) {
    match answer {
        Answer::Granted { figures, .. } | Answer::Refused { figures, .. } => (figures[0].spent, figures[0].reserved),
        Answer::Stale => panic!("a stale plan"),
    }
}

fn hold(amount: i64) -> Hold {
    Hold {
        amount,
        ttl: Duration::from_secs(60),
        idempotency_key: None,
        ..Hold::default()
    }
}

#[tokio::test]
async fn a_commit_of_unknown_end_is_asked_for_again() {
    let (engine, plan, _folder) = engine().await;
    let Answer::Granted { done, .. } = engine.reserve(&plan, &hold(50)).await.expect("an answer") else {
        panic!("there is room")
    };
    for fate in [Fate::Unknown, Fate::RolledBack] {
        engine.fail_next_commit(fate);
        let usage = Usage::new("host", "1", 30);
        assert!(
            matches!(engine.record(&plan, &usage).await, Err(Error::Busy)),
            "{fate:?}"
        );
        let seen = engine.check(&plan, 1).await.expect("an answer");
        assert_eq!(spent(&seen), (0, 50), "the database says that nothing was booked");
        engine.fail_next_commit(fate);
        let used = Settlement {
            amount: 20,
            ..Settlement::default()
        };
        let settled = engine.settle(&plan.org, &plan.account, done.id, &used).await;
        assert!(matches!(settled, Err(Error::Busy)), "{settled:?}");
        assert_eq!(
            spent(&engine.check(&plan, 1).await.expect("an answer")),
            (0, 50),
            "it holds again"
        );
    }
    let seen = engine
        .record(&plan, &Usage::new("host", "1", 30))
        .await
        .expect("an answer");
    assert_eq!(spent(&seen), (30, 50));
}

/// F05: when the disk fails to keep what it took, nothing more is booked until a start shows what is there.
#[tokio::test]
async fn fault_f05_after_a_failed_sync_nothing_is_taken_until_the_next_start() {
    let (engine, plan, _folder) = engine().await;
    engine
        .record(&plan, &Usage::new("host", "0", 1))
        .await
        .expect("an answer");
    engine.fail_next_commit(Fate::Untrusted);
    let failed = engine.record(&plan, &Usage::new("host", "1", 1)).await;
    assert!(matches!(failed, Err(Error::Busy)));
    for n in 2..5 {
        let refused = engine.record(&plan, &Usage::new("host", n.to_string(), 1)).await;
        assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    }
    assert!(engine.check(&plan, 1).await.is_err(), "nor is anything granted");
    assert!(engine.reserve(&plan, &hold(1)).await.is_err());
    engine.close().await;
}

#[tokio::test]
async fn a_stop_books_what_was_queued() {
    let (engine, plan, _folder) = engine().await;
    let booked = (0..40).map(|n| {
        let (engine, plan) = (engine.clone(), plan.clone());
        tokio::spawn(async move { engine.record(&plan, &Usage::new("host", n.to_string(), 1)).await })
    });
    let booked: Vec<_> = booked.collect();
    tokio::task::yield_now().await;
    engine.close().await;
    let mut taken = 0;
    for one in booked {
        match one.await.expect("a task") {
            Ok(Answer::Granted { .. }) => taken += 1,
            Ok(other) => panic!("{other:?}"),
            Err(Error::Busy) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let again = Engine::start(engine.database().clone(), Clock::manual(NOW));
    assert_eq!(spent(&again.check(&plan, 1).await.expect("an answer")), (taken, 0));
}

/// What a caller may do to a shard.
#[derive(Debug, Clone)]
enum Act {
    Reserve(usize, i64),
    Settle(usize, i64),
    Release(usize),
    Commit(usize),
    Fail(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0_usize..4, 1_i64..40).prop_map(|(who, amount)| Act::Reserve(who, amount)),
        (0_usize..30, 0_i64..60).prop_map(|(which, amount)| Act::Settle(which, amount)),
        (0_usize..30).prop_map(Act::Release),
        (0_usize..30).prop_map(Act::Commit),
        (0_usize..30).prop_map(Act::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// I-04: whatever callers of one organization do, in whatever order, nothing is admitted beyond any limit that applies, and what is
    /// held is the sum of what is open.
    #[test]
    fn counters_follow_every_history(acts in prop::collection::vec(act(), 1..80)) {
        let now = std::time::Instant::now();
        let mut shard = Shard::new(now);
        let group = GroupId::from_raw(9);
        let member = |n: i64| Account { group: (n % 2 == 0).then_some(group), ..Account::member(ORG, MemberId::from_raw(n)) };
        let plans: Vec<Plan> = (0..4).map(|n| {
            let account = member(n);
            let mut caps = vec![(Scope::Member, n, Window::Day, 50 + n), (Scope::Member, n, Window::Month, 90)];
            if account.group.is_some() {
                caps.push((Scope::Group, 9, Window::Day, 70));
            }
            caps.push((Scope::Organization, 1, Window::Month, 150));
            plan(account, &caps)
        }).collect();
        for plan in &plans {
            if let Err(counters::Need::Load(list)) = shard.figures(plan, now) {
                let (_, loading) = tokio::sync::watch::channel(counters::Loaded::Waiting);
                let since = shard.make(&list, &plan.org.bucket, &loading, now);
                for (subject, window) in &list {
                    shard.load(*subject, *window, since, Some(0));
                }
            }
        }
        let mut open: Vec<(ReservationId, usize, i64)> = Vec::new();
        let mut waiting: Vec<(ReservationId, usize, i64, u64, i64)> = Vec::new();
        let (mut booked, mut excess) = (0, 0);
        for act in acts {
            match act {
                Act::Reserve(who, amount) => {
                    let plan = &plans[who];
                    let figures = shard.figures(plan, now).expect("loaded");
                    if !plan.failing(&figures, amount, Enforcement::Hard).is_empty() {
                        continue;
                    }
                    let id = ReservationId::new(NOW);
                    let reservation = reservations::Reservation {
                        account: plan.account,
                        amount,
                        holds: amount,
                        admitted_at: NOW,
                        bucket: plan.org.bucket,
                        deadline: now + Duration::from_secs(60),
                        expires_at: NOW,
                        state: Stand::Open,
                        over_soft: false,
                        wallet: 0,
                        asked_as: None,
                        origin: Origin::default(),
                    };
                    shard.open(id, reservation, now);
                    open.push((id, who, amount));
                }
                Act::Settle(which, amount) if !open.is_empty() => {
                    let (id, who, held) = open.remove(which % open.len());
                    let plan = &plans[who];
                    let seq = shard.book(&plan.account, &plan.org.bucket, amount, now).expect("small sums");
                    shard.settling(id, amount, now);
                    excess += (amount - held).max(0);
                    booked += amount;
                    waiting.push((id, who, amount, seq, (held - amount).max(0)));
                }
                Act::Release(which) if !open.is_empty() => {
                    let (id, _, _) = open.remove(which % open.len());
                    shard.end(id);
                }
                Act::Commit(which) if !waiting.is_empty() => {
                    let (id, ..) = waiting.remove(which % waiting.len());
                    shard.end(id);
                }
                Act::Fail(which) if !waiting.is_empty() => {
                    // The commit of this settlement failed: what it had booked is taken back, and it holds again.
                    let (id, who, amount, seq, _) = waiting.remove(which % waiting.len());
                    let plan = &plans[who];
                    shard.take_back(&plan.account, &plan.org.bucket, amount, seq);
                    shard.reopen(id, now);
                    let held = shard.reservations[&id].amount;
                    booked -= amount;
                    excess -= (amount - held).max(0);
                    open.push((id, who, held));
                }
                _ => {}
            }
            let held = open.iter().map(|one| one.2).sum::<i64>() + waiting.iter().map(|one| one.4).sum::<i64>();
            prop_assert_eq!(shard.held(ORG), held);
            for plan in &plans {
                let figures = shard.figures(plan, now).expect("loaded");
                for (policy, figure) in plan.policies.iter().zip(&figures) {
                    // Only what was settled above its reservation stands above a limit.
                    prop_assert!(figure.spent + figure.reserved <= policy.amount.micros() + excess);
                }
                let whole = figures.last().expect("the organization's");
                prop_assert_eq!((whole.spent, whole.reserved), (booked, held));
            }
        }
        for (id, ..) in waiting {
            shard.end(id);
        }
        shard.tick(now + Duration::from_secs(61));
        prop_assert_eq!(shard.held(ORG), 0, "every reservation ends by itself");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// R-LIM-14: whatever callers do, in whatever order, a wallet pays and holds no more than is in it, the member's limit no more than it
    /// allows but for what was settled above its reservation, and everything counts for the organization.
    #[test]
    fn a_wallet_follows_every_history(acts in prop::collection::vec(act(), 1..80)) {
        const WALLET: i64 = 60;
        let now = std::time::Instant::now();
        let mut shard = Shard::new(now);
        let caps = [(Scope::Member, BEN.raw(), Window::Day, 50), (Scope::Organization, 1, Window::Month, 400)];
        let wallet = plan(Account::member(ORG, BEN), &[(Scope::Wallet, BEN.raw(), Window::Total, WALLET)]).policies.pop();
        let plan = Plan { wallet, ..plan(Account::member(ORG, BEN), &caps) };
        if let Err(counters::Need::Load(list)) = shard.figures(&plan, now) {
            let (_, loading) = tokio::sync::watch::channel(counters::Loaded::Waiting);
            let since = shard.make(&list, &plan.org.bucket, &loading, now);
            for (subject, window) in &list {
                shard.load(*subject, *window, since, Some(0));
            }
        }
        let mut open: Vec<ReservationId> = Vec::new();
        let mut waiting: Vec<(ReservationId, Account, i64, u64)> = Vec::new();
        let (mut booked, mut excess) = (0, 0);
        for act in acts {
            match act {
                Act::Reserve(_, amount) => {
                    let figures = shard.figures(&plan, now).expect("loaded");
                    let Ok(pays) = plan.pays(&figures, amount) else { continue };
                    prop_assert_eq!(pays == Pays::Wallet, !figures[0].has_room(&plan.policies[0], amount));
                    let id = ReservationId::new(NOW);
                    let reservation = reservations::Reservation {
                        account: plan.account.paid(pays),
                        amount,
                        holds: amount,
                        admitted_at: NOW,
                        bucket: plan.org.bucket,
                        deadline: now + Duration::from_secs(60),
                        expires_at: NOW,
                        state: Stand::Open,
                        over_soft: false,
                        wallet: WALLET,
                        asked_as: None,
                        origin: Origin::default(),
                    };
                    shard.open(id, reservation, now);
                    open.push(id);
                }
                Act::Settle(which, amount) if !open.is_empty() => {
                    let id = open.remove(which % open.len());
                    let found = shard.reservations[&id].clone();
                    let account = shard.settles(&found, amount);
                    if !account.by_wallet {
                        excess += if found.account.by_wallet { amount } else { (amount - found.amount).max(0) };
                    }
                    let seq = shard.book(&account, &plan.org.bucket, amount, now).expect("small sums");
                    let is_turned = account.by_wallet == found.account.by_wallet;
                    shard.settling(id, if is_turned { amount } else { 0 }, now);
                    booked += amount;
                    waiting.push((id, account, amount, seq));
                }
                Act::Release(which) if !open.is_empty() => {
                    let id = open.remove(which % open.len());
                    shard.end(id);
                }
                Act::Commit(which) if !waiting.is_empty() => {
                    let (id, ..) = waiting.remove(which % waiting.len());
                    shard.end(id);
                }
                Act::Fail(which) if !waiting.is_empty() => {
                    let (id, account, amount, seq) = waiting.remove(which % waiting.len());
                    shard.take_back(&account, &plan.org.bucket, amount, seq);
                    shard.reopen(id, now);
                    booked -= amount;
                    open.push(id);
                }
                _ => {}
            }
            let figures = shard.figures(&plan, now).expect("loaded");
            let [member, organization, wallet] = figures[..] else { panic!("three figures") };
            prop_assert!(wallet.spent + wallet.reserved <= WALLET, "{wallet:?}");
            prop_assert!(member.spent + member.reserved <= 50 + excess, "{member:?} with {excess}");
            prop_assert_eq!(organization.spent, booked);
            prop_assert_eq!(member.spent + wallet.spent, booked);
        }
    }
}
