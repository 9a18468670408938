//! The metering engine and the gate over a real database: limits that nobody overruns, events that count once, sums that are the ledger's.

use std::{sync::Arc, time::Duration};

use actix_web::rt;
use muster::{
    access::{Role, inside, permission},
    audit::Action,
    clock::{Clock, Timestamp},
    error::Error,
    gate::{Ask, Gate, KeyFacts, Principal, Reason, Verdict, Who},
    ids::MemberId,
    limits::settings,
    metering::{
        Account, Answer, Engine, Hold, Kind, Outcome, Plan, Settlement, Usage,
        usage::{EXCESS, LATE, REPORTED},
        verify,
    },
};
use tokio::sync::Barrier;

use crate::support::{Org, Portal, START, Someone, raw, spawn, texts};

/// Numbers of `limit_policies`.
const ORG_POOL: i64 = 1;
const GROUP_POOL: i64 = 2;
const MEMBER: i64 = 5;
const DAY: i64 = 1;
const MONTH: i64 = 3;

async fn start() -> (Portal, Org, Someone, Someone) {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    (portal, org, ann, ben)
}

/// Sets a limit in micro-credits, before anybody has asked.
async fn cap(portal: &Portal, org: &Org, scope: i64, id: i64, period: i64, amount: i64) {
    let number = portal.number("select count(*) from limit_policies").await;
    let row = (org.id.raw() << 32) + 900_000 + number;
    let org = org.id.raw();
    let text = format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {org}, {scope}, {id}, {period}, {amount}, 0, '', 0)"
    );
    raw(&portal.app.db, &text).await;
}

fn who(org: &Org, member: &Someone) -> Who {
    Who {
        org: org.id,
        principal: Principal::Member(member.member.expect("a member")),
        key: None,
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

fn used(amount: i64) -> Settlement {
    Settlement {
        amount,
        ..Settlement::default()
    }
}

fn costs(cost: i64) -> Ask {
    Ask { cost, ..Ask::default() }
}

/// What was spent and is reserved under the first limit of a caller.
async fn figures(gate: &Gate, who: &Who) -> (i64, i64) {
    let limits = match gate.check(who, &Ask::default()).await.expect("a verdict") {
        Verdict::Allow { limits, .. } => limits,
        Verdict::Deny(denial) => denial.limits,
    };
    (limits[0].spent, limits[0].reserved)
}

async fn assert_sums(portal: &Portal) -> u64 {
    let report = verify::verify(&portal.app.db).await.expect("a verification");
    assert_eq!(report.wrong, 0, "{:#?}", report.faults);
    report.events
}

async fn sum(portal: &Portal, table: &str, condition: &str) -> i64 {
    let text = format!("select cast(coalesce(sum(booked), 0) as bigint) from {table} where {condition}");
    portal.number(text).await
}

/// How callers reach the engine: as it is, or as it must not be.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Port {
    True,
    /// Looks first and takes afterwards, and at their first decision all callers have looked before anybody takes.
    Racy,
    /// Takes every repetition for another event.
    Noidem,
}

/// What a run came to.
#[derive(Debug, Default)]
struct History {
    cap: i64,
    accepted: i64,
    /// What is still held.
    held: i64,
    /// What was acknowledged as booked.
    spent: i64,
    events: i64,
    /// What the engine says that it holds.
    says_held: i64,
    /// What the ledger says.
    ledger: i64,
    rows: i64,
}

/// The checker: what must hold of every run.
fn faults(history: &History) -> Vec<&'static str> {
    [
        (history.accepted <= history.cap, "more was accepted than the cap"),
        (
            history.accepted > history.cap - 7,
            "a caller was refused while there was room",
        ),
        (
            history.ledger == history.spent,
            "the ledger is not what was acknowledged",
        ),
        (history.rows == history.events, "an event is missing or counted twice"),
        (history.held == history.says_held, "a reservation is lost"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, fault)| fault)
    .collect()
}

/// What `looked` is for: whether callers overtake each other between a look and a taking is chance, unless they wait for each other there.
async fn reserve(
    portal: &Portal,
    port: Port,
    who: &Who,
    amount: i64,
    looked: Option<&Barrier>,
) -> Option<muster::metering::ReservationId> {
    let gate = &portal.app.gate;
    if port != Port::Racy {
        let granted = gate
            .reserve(who, &costs(amount), &hold(amount))
            .await
            .expect("an answer");
        return granted.done.map(|held| held.id);
    }
    if !gate.check(who, &costs(amount)).await.expect("a verdict").is_allowed() {
        return None;
    }
    if let Some(all) = looked {
        all.wait().await;
    }
    let caller = gate.caller(who).await.expect("a look").expect("a caller");
    let plan = Plan {
        policies: Vec::new(),
        ..caller.plan.clone()
    };
    match portal
        .app
        .metering
        .reserve(&plan, &hold(amount))
        .await
        .expect("an answer")
    {
        Answer::Granted { done, .. } => Some(done.id),
        _ => None,
    }
}

/// 10,000 decisions of cost 1 to 7 by 64 callers at once: some are settled (with repetitions), some released, some held to the end.
async fn run(portal: &Arc<Portal>, port: Port, who: &Who, cap: i64, decisions: usize) -> History {
    const TASKS: usize = 64;
    let mut tasks = Vec::new();
    let looked = Arc::new(Barrier::new(TASKS));
    for task in 0..TASKS {
        let (portal, who, looked) = (Arc::clone(portal), who.clone(), Arc::clone(&looked));
        tasks.push(rt::spawn(async move {
            let mut mine = History::default();
            for step in 0..decisions / TASKS {
                let cost = 1 + ((task * 31 + step * 17) % 7) as i64;
                let gate = &portal.app.gate;
                if step % 2 == 0 {
                    let Some(id) = reserve(&portal, port, &who, cost, (step == 0).then_some(&*looked)).await else {
                        continue;
                    };
                    mine.accepted += cost;
                    match step % 8 {
                        0 => {
                            gate.settle(&who, id, &used(cost)).await.expect("a settlement");
                            let again = gate.settle(&who, id, &used(cost)).await.expect("a repetition");
                            assert_eq!(again, Outcome::Duplicate);
                            (mine.spent, mine.events) = (mine.spent + cost, mine.events + 1);
                        }
                        2 if step < decisions / TASKS / 2 => {
                            gate.release(&who, id).expect("a release");
                            mine.accepted -= cost;
                        }
                        _ => mine.held += cost,
                    }
                } else {
                    let event = |salt: &str| Usage::new("host", format!("{port:?}-{task}-{step}{salt}"), cost);
                    let salt = if port == Port::Noidem { "-again" } else { "" };
                    let granted = gate.record(&who, &costs(cost), &event("")).await.expect("an answer");
                    if granted.done.is_none() {
                        continue;
                    }
                    (mine.accepted, mine.spent, mine.events) =
                        (mine.accepted + cost, mine.spent + cost, mine.events + 1);
                    if step % 4 == 1 {
                        let again = gate.record(&who, &costs(cost), &event(salt)).await.expect("an answer");
                        assert!(
                            port != Port::True || again.done == Some(Outcome::Duplicate),
                            "{again:?}"
                        );
                    }
                }
            }
            mine
        }));
    }
    let mut all = History {
        cap,
        ..History::default()
    };
    for task in tasks {
        let mine = task.await.expect("a task");
        all.accepted += mine.accepted;
        all.held += mine.held;
        all.spent += mine.spent;
        all.events += mine.events;
    }
    let Principal::Member(member) = who.principal else {
        panic!("a member")
    };
    let ledger = format!("from usage_events where member_id = {}", member.raw());
    all.ledger = portal
        .number(format!("select cast(coalesce(sum(amount), 0) as bigint) {ledger}"))
        .await;
    all.rows = portal.number(format!("select count(*) {ledger}")).await;
    all.says_held = portal.app.metering.held(who.org);
    all
}

/// F27 and C24: whatever 64 callers do at once, what is accepted is the cap and not one micro-credit more, and nobody else is touched.
#[actix_web::test]
async fn fault_f27_ten_thousand_decisions_at_once_keep_to_the_cap() {
    let (portal, org, ann, ben) = start().await;
    let portal = Arc::new(portal);
    cap(&portal, &org, MEMBER, ben.member.expect("ben").raw(), DAY, 12_345).await;
    let ben_who = who(&org, &ben);
    let history = run(&portal, Port::True, &ben_who, 12_345, 10_000).await;
    assert_eq!(faults(&history), Vec::<&str>::new(), "{history:?}");
    let verdict = portal.app.gate.check(&ben_who, &costs(7)).await.expect("a verdict");
    let denial = verdict.denial().expect("ben has nothing left");
    assert_eq!(denial.reason, Reason::Limit);
    assert_eq!(denial.binding().expect("a limit").name, "member-daily");
    assert_eq!(denial.contact, [ann.email.as_str()]);
    // Ben's limit is nobody else's.
    let ann_who = who(&org, &ann);
    for n in 0..50 {
        let usage = Usage::new("host", format!("ann-{n}"), 1_000_000);
        let granted = portal.app.gate.record(&ann_who, &costs(1_000_000), &usage).await;
        assert_eq!(granted.expect("an answer").done, Some(Outcome::Booked));
    }
    assert_sums(&portal).await;
}

/// The control: the same checker finds an engine that looks before it takes, and one that counts repetitions.
#[actix_web::test]
async fn the_checker_finds_a_racy_engine_and_one_that_forgets_what_it_has_seen() {
    let (portal, org, ann, ben) = start().await;
    let portal = Arc::new(portal);
    // Less than the 64 first decisions cost together.
    for (someone, limit) in [(&ann, 100), (&ben, 1_000)] {
        let id = someone.member.expect("a member").raw();
        cap(&portal, &org, MEMBER, id, DAY, limit).await;
    }
    let racy = run(&portal, Port::Racy, &who(&org, &ann), 100, 2_000).await;
    assert!(faults(&racy).contains(&"more was accepted than the cap"), "{racy:?}");
    let noidem = run(&portal, Port::Noidem, &who(&org, &ben), 1_000, 2_000).await;
    assert!(
        faults(&noidem).contains(&"an event is missing or counted twice"),
        "{noidem:?}"
    );
}

/// All limits of MODEL 2.6 apply at once: the member's day and month, the group's pool and the organization's.
#[actix_web::test]
async fn every_policy_has_room_or_nothing_is_taken() {
    let (portal, org, ann, ben) = start().await;
    let id = ben.member.expect("ben").raw();
    let group = team(&portal, &org, &[ben.member.expect("ben")]).await;
    cap(&portal, &org, MEMBER, id, DAY, 100).await;
    cap(&portal, &org, MEMBER, id, MONTH, 150).await;
    cap(&portal, &org, GROUP_POOL, group, DAY, 90).await;
    cap(&portal, &org, ORG_POOL, org.id.raw(), MONTH, 500).await;
    let gate = &portal.app.gate;
    let ben = who(&org, &ben);
    let granted = gate.reserve(&ben, &costs(80), &hold(80)).await.expect("an answer");
    let Verdict::Allow { limits, .. } = &granted.verdict else {
        panic!("{granted:?}")
    };
    let names: Vec<&str> = limits.iter().map(|limit| limit.name).collect();
    assert_eq!(
        names,
        ["member-daily", "member-monthly", "group-daily", "organization-monthly"]
    );
    assert!(limits.iter().all(|limit| limit.reserved == 80 && limit.spent == 0));
    let refused = gate.reserve(&ben, &costs(15), &hold(15)).await.expect("an answer");
    let denial = refused.verdict.denial().expect("the group has ten left");
    assert_eq!(denial.binding().expect("one").name, "group-daily");
    let refused = gate.reserve(&ben, &costs(25), &hold(25)).await.expect("an answer");
    assert_eq!(refused.verdict.denial().expect("two have too little").failing, [0, 2]);
    assert_eq!(portal.app.metering.held(org.id), 80, "a refusal takes nothing");
    // Another member is charged to the organization alone.
    let ann = who(&org, &ann);
    assert!(
        gate.reserve(&ann, &costs(420), &hold(420))
            .await
            .expect("an answer")
            .done
            .is_some()
    );
    assert!(
        gate.reserve(&ann, &costs(1), &hold(1))
            .await
            .expect("an answer")
            .done
            .is_none()
    );
}

async fn team(portal: &Portal, org: &Org, members: &[MemberId]) -> i64 {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = inside::<permission::GroupManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let now = portal.clock.now();
    let id = muster::groups::create(&mut tx, &by, "Research", muster::groups::Kind::Team, now)
        .await
        .expect("a group");
    muster::groups::add_members(&mut tx, &by, id, members, now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    id.raw()
}

/// F28: the first of equal events counts, its repetitions get its answer, and another body under its id is refused.
#[actix_web::test]
async fn fault_f28_a_repeated_event_counts_once() {
    let (portal, org, _, ben) = start().await;
    cap(&portal, &org, MEMBER, ben.member.expect("ben").raw(), DAY, 100).await;
    let gate = &portal.app.gate;
    let ben = who(&org, &ben);
    let timed = Usage {
        at: Some(START.minus(Duration::from_secs(60))),
        app: Some("chat".into()),
        ..Usage::new("host", "timed", 30)
    };
    let untimed = Usage::new("host", "untimed", 30);
    let ulid = Usage::new("host", "01M7YHX300AAAAAAAAAAAAAAAA", 30);
    assert!(ulid.time().is_some_and(|at| at < START), "{:?}", ulid.time());
    for usage in [&timed, &untimed, &ulid] {
        let book = |usage: Usage| {
            let ben = ben.clone();
            async move { gate.record(&ben, &costs(usage.amount), &usage).await }
        };
        let together = futures_util::future::join_all((0..20).map(|_| book(usage.clone()))).await;
        let outcomes: Vec<_> = together
            .into_iter()
            .map(|answer| answer.expect("an answer").done)
            .collect();
        let booked = outcomes.iter().filter(|done| **done == Some(Outcome::Booked)).count();
        assert_eq!(booked, 1, "{}: {outcomes:?}", usage.id);
        let other = Usage {
            amount: 7,
            ..usage.clone()
        };
        let refused = book(other).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    assert_eq!(figures(gate, &ben).await, (90, 0));
    // The limit has no room for it any more, and it was booked: the answer is the one of then.
    let again = gate.record(&ben, &costs(30), &timed).await.expect("an answer");
    assert_eq!(again.done, Some(Outcome::Duplicate));
    // The same within one batch, and in another source.
    let twins = vec![
        (ben.clone(), Usage::new("other", "timed", 1)),
        (ben.clone(), Usage::new("other", "timed", 1)),
        (ben.clone(), Usage::new("other", "timed", 2)),
    ];
    let outcomes = gate.report(org.id, twins).await.expect("outcomes");
    let outcomes: Vec<_> = outcomes.into_iter().map(|one| one.expect("it could be read")).collect();
    assert_eq!(outcomes, [Outcome::Booked, Outcome::Duplicate, Outcome::Conflict]);
    assert_eq!(figures(gate, &ben).await, (91, 0));
    assert_eq!(assert_sums(&portal).await, 4);
}

/// F29: late, early and unordered events are summed where they happened and counted where they were booked.
#[actix_web::test]
async fn fault_f29_late_events_keep_their_time_and_count_now() {
    let (portal, org, _, ben) = start().await;
    let id = ben.member.expect("ben").raw();
    cap(&portal, &org, MEMBER, id, DAY, 1_000).await;
    let gate = &portal.app.gate;
    let ben = who(&org, &ben);
    let day = Duration::from_secs(86_400);
    let ago = |days: u32| START.minus(day * days);
    let events: Vec<(Who, Usage)> = [34, 3, 0, 20, 3]
        .into_iter()
        .enumerate()
        .map(|(n, days)| {
            let usage = Usage {
                at: Some(ago(days)),
                ..Usage::new("host", n.to_string(), 10)
            };
            (ben.clone(), usage)
        })
        .collect();
    let outcomes = gate.report(org.id, events).await.expect("outcomes");
    assert!(
        outcomes.iter().all(|one| matches!(one, Ok(Outcome::Booked))),
        "{outcomes:?}"
    );
    for at in [START.plus(Duration::from_secs(360)), ago(36)] {
        let usage = Usage {
            at: Some(at),
            ..Usage::new("host", "far", 10)
        };
        let refused = gate.record(&ben, &costs(10), &usage).await;
        assert!(
            matches!(refused, Err(Error::Invalid { field: "time", .. })),
            "{refused:?}"
        );
    }
    assert_eq!(figures(gate, &ben).await, (50, 0), "limits count all of it today");
    let of_ben = format!("scope = 3 and scope_id = {id}");
    let midnight = START.micros() - 10 * 3_600_000_000; // 10:00 in Berlin
    assert_eq!(
        sum(&portal, "usage_days", &format!("{of_ben} and start = {midnight}")).await,
        50
    );
    let happened = portal
        .number(format!(
            "select cast(sum(occurred) as bigint) from usage_days where {of_ben} and start < {midnight}"
        ))
        .await;
    assert_eq!(happened, 40, "reports see it on its day");
    let late = portal
        .number(format!(
            "select count(*) from usage_events where flags = {}",
            LATE | REPORTED
        ))
        .await;
    assert_eq!(late, 4);
    // A correction takes back, and only a correction is below zero.
    let minus = |kind| Usage {
        kind,
        ..Usage::new("host", "minus", -20)
    };
    let outcomes = gate
        .report(
            org.id,
            vec![
                (ben.clone(), minus(Kind::Usage)),
                (ben.clone(), minus(Kind::Adjustment)),
            ],
        )
        .await
        .expect("outcomes");
    assert!(matches!(outcomes[0], Err(Error::Invalid { field: "amount", .. })));
    assert!(matches!(outcomes[1], Ok(Outcome::Booked)));
    assert_eq!(figures(gate, &ben).await, (30, 0));
    assert_sums(&portal).await;
}

#[actix_web::test]
async fn a_reservation_is_settled_released_or_ends_by_itself() {
    let (portal, org, ann, ben) = start().await;
    cap(&portal, &org, MEMBER, ben.member.expect("ben").raw(), DAY, 100).await;
    let gate = &portal.app.gate;
    let (ann, ben) = (who(&org, &ann), who(&org, &ben));
    let take = async |amount, ttl: u64, key: Option<&str>| {
        let hold = Hold {
            amount,
            ttl: Duration::from_millis(ttl),
            idempotency_key: key.map(str::to_owned),
            ..Hold::default()
        };
        let granted = gate.reserve(&ben, &costs(amount), &hold).await?;
        Ok::<_, Error>(granted.done.expect("room"))
    };
    // Settled with less: the rest is free again. With more: it is booked and flagged.
    let less = take(40, 60_000, None).await.expect("room").id;
    assert_eq!(figures(gate, &ben).await, (0, 40));
    assert!(
        matches!(gate.settle(&ann, less, &used(1)).await, Err(Error::NotFound)),
        "it is Ben's"
    );
    assert!(matches!(gate.release(&ann, less), Err(Error::NotFound)));
    assert_eq!(
        gate.settle(&ben, less, &used(10)).await.expect("settled"),
        Outcome::Booked
    );
    assert_eq!(figures(gate, &ben).await, (10, 0));
    assert_eq!(
        gate.settle(&ben, less, &used(10)).await.expect("settled"),
        Outcome::Duplicate
    );
    assert!(matches!(
        gate.settle(&ben, less, &used(11)).await,
        Err(Error::Conflict(_))
    ));
    assert!(matches!(gate.release(&ben, less), Err(Error::Gone(_))));
    let more = take(20, 60_000, None).await.expect("room").id;
    gate.settle(&ben, more, &used(35)).await.expect("settled");
    assert_eq!(figures(gate, &ben).await, (45, 0));
    assert_eq!(
        portal
            .number(format!("select count(*) from usage_events where flags = {EXCESS}"))
            .await,
        1
    );
    // Released: nothing was spent.
    let free = take(55, 60_000, None).await.expect("room").id;
    gate.release(&ben, free).expect("released");
    assert_eq!(figures(gate, &ben).await, (45, 0));
    // Over by time: free by itself, and what was spent all the same is booked.
    let short = take(55, 40, None).await.expect("room").id;
    assert!(
        gate.reserve(&ben, &costs(1), &hold(1))
            .await
            .expect("an answer")
            .done
            .is_none()
    );
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(figures(gate, &ben).await, (45, 0));
    assert_eq!(
        gate.settle(&ben, short, &used(55)).await.expect("settled"),
        Outcome::Booked
    );
    assert_eq!(
        portal
            .number(format!("select count(*) from usage_events where flags = {LATE}"))
            .await,
        1
    );
    assert_eq!(figures(gate, &ben).await, (100, 0));
    // The same key finds the same reservation, and refuses another amount.
    raw(&portal.app.db, "update limit_policies set amount = 1000").await;
    muster::db::raise_generation(0);
    let one = take(5, 60_000, Some("k")).await.expect("room");
    let two = take(5, 60_000, Some("k")).await.expect("room");
    assert_eq!((one.id, two.is_repeated), (two.id, true));
    assert!(matches!(take(6, 60_000, Some("k")).await, Err(Error::Conflict(_))));
    assert_eq!(figures(gate, &ben).await, (100, 5));
    let bad = gate.reserve(&ben, &costs(-1), &hold(-1)).await;
    assert!(matches!(bad, Err(Error::Invalid { field: "amount", .. })), "{bad:?}");
    let bad = take(1, 90_000_000, None).await;
    assert!(matches!(bad, Err(Error::Invalid { field: "ttl_s", .. })));
    assert_sums(&portal).await;
}

/// A commit that fails takes back what it had counted, says so, and a second try counts once.
#[actix_web::test]
async fn what_was_not_committed_is_not_counted() {
    let (portal, org, _, ben) = start().await;
    cap(&portal, &org, MEMBER, ben.member.expect("ben").raw(), DAY, 100).await;
    let gate = &portal.app.gate;
    let ben = who(&org, &ben);
    let granted = gate.reserve(&ben, &costs(30), &hold(30)).await.expect("an answer");
    let id = granted.done.expect("room").id;
    raw(&portal.app.db, "alter table usage_days rename to usage_days_gone").await;
    let failed = gate.record(&ben, &costs(40), &Usage::new("host", "1", 40)).await;
    assert!(matches!(failed, Err(Error::Busy)), "{failed:?}");
    assert!(matches!(gate.settle(&ben, id, &used(20)).await, Err(Error::Busy)));
    raw(&portal.app.db, "alter table usage_days_gone rename to usage_days").await;
    assert_eq!(figures(gate, &ben).await, (0, 30), "it holds again");
    assert_eq!(portal.number("select count(*) from usage_events").await, 0);
    gate.record(&ben, &costs(40), &Usage::new("host", "1", 40))
        .await
        .expect("it is booked now");
    assert_eq!(
        gate.settle(&ben, id, &used(20)).await.expect("settled"),
        Outcome::Booked
    );
    assert_eq!(figures(gate, &ben).await, (60, 0));
    assert_eq!(assert_sums(&portal).await, 2);
}

/// F21: after a restart the counters are those of the ledger, and a clock that was set back opens no window again.
#[actix_web::test]
async fn a_restart_counts_what_was_booked_and_fault_f21_a_clock_set_back_opens_nothing() {
    let (portal, org, _, ben) = start().await;
    let id = ben.member.expect("ben").raw();
    cap(&portal, &org, MEMBER, id, DAY, 100).await;
    cap(&portal, &org, MEMBER, id, MONTH, 200).await;
    let ben = who(&org, &ben);
    let book = async |gate: &Gate, name: &str, amount| {
        let usage = Usage::new("host", name, amount);
        gate.record(&ben, &costs(amount), &usage).await.expect("an answer").done
    };
    let spent = async |gate: &Gate| {
        let verdict = gate.check(&ben, &Ask::default()).await.expect("a verdict");
        match verdict {
            Verdict::Allow { limits, .. } => limits.iter().map(|limit| limit.spent).collect::<Vec<_>>(),
            Verdict::Deny(denial) => denial.limits.iter().map(|limit| limit.spent).collect(),
        }
    };
    assert_eq!(book(&portal.app.gate, "1", 60).await, Some(Outcome::Booked));
    portal.clock.advance(Duration::from_secs(86_400)); // Sunday
    assert_eq!(book(&portal.app.gate, "2", 70).await, Some(Outcome::Booked));
    assert_eq!(spent(&portal.app.gate).await, [70, 130]);
    portal.clock.retreat(Duration::from_secs(86_400));
    assert_eq!(spent(&portal.app.gate).await, [70, 130], "Saturday does not come back");
    assert_eq!(book(&portal.app.gate, "3", 40).await, None);
    portal.app.metering.close().await;
    assert!(
        portal
            .app
            .gate
            .record(&ben, &costs(1), &Usage::new("host", "4", 1))
            .await
            .is_err()
    );
    // Another process, whose clock is a day and an hour behind.
    let clock = Clock::manual(START.minus(Duration::from_secs(3_600)));
    let engine = Engine::start(portal.app.db.clone(), clock.clone());
    let gate = Gate::new(portal.app.db.clone(), engine.clone());
    assert_eq!(book(&gate, "1", 60).await, Some(Outcome::Duplicate), "it is known");
    assert_eq!(spent(&gate).await, [70, 130]);
    // F20: a jump of many days opens one new window, once.
    clock.advance(Duration::from_secs(400 * 86_400));
    assert_eq!(spent(&gate).await, [0, 0]);
    assert_eq!(book(&gate, "5", 100).await, Some(Outcome::Booked));
    assert_eq!(spent(&gate).await, [100, 100]);
    engine.close().await;
    assert_sums(&portal).await;
}

/// I-08: another billing day lets the running month end earlier and neither grants nor takes anything before.
#[actix_web::test]
async fn a_changed_billing_day_keeps_the_window_that_runs() {
    let (portal, org, _, ben) = start().await;
    cap(&portal, &org, MEMBER, ben.member.expect("ben").raw(), MONTH, 100).await;
    let gate = &portal.app.gate;
    let ben = who(&org, &ben);
    let book = async |name: &str, amount| {
        let usage = Usage::new("host", name, amount);
        gate.record(&ben, &costs(amount), &usage).await.expect("an answer").done
    };
    assert!(book("1", 80).await.is_some());
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = inside::<permission::LimitDefault>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let before = settings::find(&mut tx, by.org()).await.expect("settings");
    let edit = settings::Edit {
        unit: before.unit,
        conflict: before.conflict,
        anchor_day: 25,
        week_start: 3,
        version: before.version,
    };
    settings::update(&mut tx, &by, edit, portal.clock.now())
        .await
        .expect("saved");
    tx.commit().await.expect("a commit");
    assert_eq!(figures(gate, &ben).await, (80, 0), "what was spent still counts");
    assert!(book("2", 21).await.is_none());
    assert!(book("3", 20).await.is_some());
    portal.clock.advance(Duration::from_secs(4 * 86_400)); // the 25th
    assert_eq!(figures(gate, &ben).await, (0, 0));
    assert!(book("4", 100).await.is_some());
    assert_eq!(figures(gate, &ben).await, (100, 0));
    // Asked anew, the database says the same.
    portal.app.metering.close().await;
    let engine = Engine::start(portal.app.db.clone(), portal.clock.clone());
    let again = Gate::new(portal.app.db.clone(), engine);
    assert_eq!(figures(&again, &ben).await, (100, 0));
    assert_sums(&portal).await;
}

/// I-12: what members, service accounts and nobody used adds up to the organization, and so does what groups and none are charged.
#[actix_web::test]
async fn sums_of_parts_are_the_sum_of_the_whole() {
    let (portal, org, ann, ben) = start().await;
    let group = team(&portal, &org, &[ben.member.expect("ben")]).await;
    let key = Arc::new(KeyFacts {
        id: 77,
        scopes: muster::access::Permissions::all(),
        features: std::collections::BTreeSet::new(),
        group: None,
        networks: Vec::new(),
        hours: Vec::new(),
        policies: Vec::new(),
        owner_acts: true,
    });
    let robot = Who {
        org: org.id,
        principal: Principal::ServiceAccount(5),
        key: Some(key),
    };
    let callers = [who(&org, &ann), who(&org, &ben), robot];
    let mut events: Vec<(Who, Usage)> = (0..300)
        .map(|n: i64| {
            let caller = callers[n as usize % 3].clone();
            let usage = Usage {
                at: Some(START.minus(Duration::from_secs(n as u64 * 5_000))),
                quantity: n,
                activity: Some(format!("activity-{}", n % 4).into()),
                app: (n % 2 == 0).then(|| "chat".into()),
                flow: (n % 7 == 0).then(|| format!("flow-{}", n % 5).into()),
                ..Usage::new("host", n.to_string(), n * n)
            };
            (caller, usage)
        })
        .collect();
    events.reverse();
    let outcomes = portal.app.gate.report(org.id, events).await.expect("outcomes");
    assert!(outcomes.iter().all(|one| matches!(one, Ok(Outcome::Booked))));
    // And what nobody is charged with.
    let nobody = Account {
        member: None,
        ..Account::member(org.id, MemberId::from_raw(0))
    };
    let events = vec![(nobody, Usage::new("host", "nobody", 11))];
    portal.app.gate.report_charged(org.id, events).await.expect("outcomes");
    let total: i64 = (0..300).map(|n| n * n).sum::<i64>() + 11;
    for table in ["usage_days", "usage_months"] {
        let of = async |scope: i64| sum(&portal, table, &format!("scope = {scope}")).await;
        assert_eq!(of(1).await, total);
        let (members, robots, groups, apps) = (of(3).await, of(4).await, of(2).await, of(7).await);
        assert_eq!(members + robots + 11, total, "{table}");
        assert_eq!(of(5).await, robots, "all of it through the key");
        let ledger =
            |condition: &str| format!("select cast(sum(amount) as bigint) from usage_events where {condition}");
        assert_eq!(groups + portal.number(ledger("group_id is null")).await, total);
        assert_eq!(groups, portal.number(ledger(&format!("group_id = {group}"))).await);
        assert_eq!(apps + portal.number(ledger("app is null")).await, total);
        assert_eq!(of(6).await + 11, total, "each has an activity");
    }
    let doings = portal
        .number("select cast(sum(amount) as bigint) from usage_activities")
        .await;
    assert_eq!(doings, sum(&portal, "usage_months", "scope = 3").await);
    assert_eq!(
        portal.number("select count(distinct name) from usage_names").await,
        4 + 1 + 5 + 1
    );
    assert_eq!(assert_sums(&portal).await, 301);
}

/// C-20 and I-11: whatever an audited change decides, the next decision knows.
#[actix_web::test]
async fn a_change_counts_at_the_next_decision() {
    let (portal, org, ann, ben) = start().await;
    let gate = &portal.app.gate;
    let someone = who(&org, &ben);
    let allows = async |cost| {
        gate.check(&someone, &costs(cost))
            .await
            .expect("a verdict")
            .is_allowed()
    };
    let post = async |path: &str, fields: &[(&str, &str)]| {
        let answer = ann.post(&org.path(path), fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    };
    let limit = format!("/members/{}/limit", ben.id());
    let dialog = |daily: &'static str| {
        [
            ("monthly_mode", "inherit"),
            ("monthly", ""),
            ("daily_mode", if daily.is_empty() { "inherit" } else { "amount" }),
            ("daily", daily),
            ("enforcement", "hard"),
        ]
    };
    assert!(allows(2_000_000).await, "no limit");
    post(&limit, &dialog("1")).await;
    assert!(!allows(2_000_000).await, "a limit of one credit");
    post(&limit, &dialog("3")).await;
    assert!(allows(2_000_000).await, "of three");
    // A policy that ends by itself does so without anybody's doing.
    let end = portal.clock.now().plus(Duration::from_secs(60)).micros();
    let id = ben.member.expect("ben").raw();
    raw(
        &portal.app.db,
        &format!("update limit_policies set amount = 1, valid_until = {end} where scope_id = {id}"),
    )
    .await;
    muster::db::raise_generation(org.id.raw());
    assert!(!allows(2_000_000).await);
    portal.clock.advance(Duration::from_secs(61));
    assert!(allows(2_000_000).await, "its time is over");
    // States of the membership.
    let reason = async || {
        let verdict = gate.check(&someone, &Ask::default()).await.expect("a verdict");
        verdict.denial().map(|denial| denial.reason.key())
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = inside::<permission::MemberDisable>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let change = muster::members::member::disable(&mut tx, &by, ben.member.expect("ben"), "gone", portal.clock.now());
    change.await.expect("disabled");
    assert_eq!(reason().await, None, "not before the commit");
    tx.commit().await.expect("a commit");
    assert_eq!(reason().await, Some("membership-disabled"));
    // Another process changes something and records it: seen within a second.
    raw(
        &portal.app.db,
        &format!("update members set status = 1 where id = {id}"),
    )
    .await;
    raw(
        &portal.app.db,
        &format!("update audit_heads set seq = seq + 1 where org_id = {}", org.id.raw()),
    )
    .await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(reason().await, None);
}

/// I-05: the command finds sums that are not the ledger's, and mends them.
#[actix_web::test]
async fn a_wrong_sum_is_found_told_and_repaired() {
    let (portal, org, _, ben) = start().await;
    let ben = who(&org, &ben);
    for n in 0..5 {
        let usage = Usage {
            activity: Some("a".into()),
            ..Usage::new("host", n.to_string(), 10)
        };
        portal
            .app
            .gate
            .record(&ben, &costs(10), &usage)
            .await
            .expect("an answer");
    }
    assert_eq!(assert_sums(&portal).await, 5);
    raw(&portal.app.db, "update usage_days set booked = 1 where scope = 3").await;
    raw(&portal.app.db, "delete from usage_months where scope = 1").await;
    raw(&portal.app.db, "update usage_activities set events = 9").await;
    let report = verify::verify(&portal.app.db).await.expect("a report");
    assert_eq!((report.wrong, report.faults.len()), (3, 3));
    assert!(
        report
            .faults
            .iter()
            .all(|fault| fault.contains("Acme") && fault.contains("ledger")),
        "{report:?}"
    );
    let now = portal.clock.now();
    let repaired = verify::repair(&portal.app.db, &portal.operator(), now)
        .await
        .expect("a repair");
    assert_eq!(repaired.wrong, 3);
    assert_sums(&portal).await;
    let last = portal.audit(None).await.pop().expect("a row");
    assert_eq!(last.action, Action::MeteringRepair.name());
    // Rows of the ledger are what they are.
    let text = "update usage_events set amount = 0";
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let sql: muster::db::Sql<(), ()> = muster::db::Sql::new(text, text);
    assert!(tx.run(sql, ()).await.is_err());
    drop(tx);
    assert!(
        texts(&portal.app.db, "select name from usage_names")
            .await
            .contains(&"a".to_owned())
    );
    assert_eq!(portal.app.metering.now(), Timestamp::from_micros(now.micros()));
}
