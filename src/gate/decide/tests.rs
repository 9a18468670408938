use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use proptest::prelude::*;

use super::*;
use crate::{
    access::{
        Role,
        decision::{Membership, Standing},
    },
    clock::{Clock, Zone, hours},
    gate::caller::{Assurance, KeyFacts, StepUp},
    ids::{GroupId, MemberId, OrgId},
    limits::{
        Settings,
        amount::Unit,
        settings::Conflict,
        window::{Calendar, Rules},
    },
    metering::{Account, OrgPlan, Policy},
};

/// Saturday 21 November 2026, 09:00 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_795_251_600);

fn settings() -> Settings {
    Settings {
        unit: Unit::Credit,
        currency: "USD".to_owned(),
        conflict: Conflict::Highest,
        calendar: Calendar::of(Rules::of(Zone::find_or_utc("UTC"))),
        version: 0,
    }
}

fn policy(scope: Scope, window: Window, credits: u32, enforcement: Enforcement) -> Policy {
    Policy {
        scope,
        scope_id: 1,
        window,
        amount: Amount::credits(credits),
        enforcement,
        source: "own limit".into(),
    }
}

/// A caller with a key for whom everything is in order.
fn caller() -> Caller {
    let org = OrgId::from_raw(1);
    let key = KeyFacts {
        id: 7,
        scopes: Permissions::read(["api.call"]),
        features: BTreeSet::from(["vision".to_owned()]),
        group: Some(GroupId::from_raw(3)),
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        hours: vec![Hours {
            zone: Zone::find_or_utc("Europe/Berlin"),
            intervals: vec![(6, 9 * 60, 17 * 60)],
        }],
        policies: Vec::new(),
        owner_acts: true,
    };
    Caller {
        permits: OnceLock::new(),
        told: OnceLock::new(),
        lacks_context: false,
        support: "support@example.org".to_owned(),
        standing: Some(Standing {
            membership: Some(Membership {
                role: Role::Developer,
                stop: None,
            }),
            ..Standing::default()
        }),
        is_archived: false,
        key: Some(Arc::new(key)),
        features: BTreeMap::from([("batch".to_owned(), "on".to_owned())]),
        networks: Vec::new(),
        hours: Vec::new(),
        step_up: StepUp::default(),
        plan: Plan {
            account: Account::member(org, MemberId::from_raw(1)),
            org: Arc::new(OrgPlan::at(org, Arc::new(settings()), NOW)),
            policies: vec![
                policy(Scope::Key, Window::Day, 10, Enforcement::Hard),
                policy(Scope::Member, Window::Day, 50, Enforcement::Hard),
                policy(Scope::Organization, Window::Month, 900, Enforcement::Hard),
            ],
            wallet: None,
        },
        unlimited_in: None,
        contact: vec!["ann@acme.example".to_owned()],
        changes_at: NOW.plus(hours(1)),
    }
}

fn ask() -> Ask {
    Ask {
        permission: Some("api.call".to_owned()),
        feature: Some("vision".to_owned()),
        ip: "10.1.2.3".parse().ok(),
        assurance: None,
        cost: 1_000_000,
    }
}

fn key_of(caller: &mut Caller) -> &mut KeyFacts {
    Arc::make_mut(caller.key.as_mut().expect("a key"))
}

fn standing_of(caller: &mut Caller) -> &mut Standing {
    caller.standing.as_mut().expect("a standing")
}

/// One way to go wrong, with the answer to it; in the order in which they are asked.
type Fault = (Reason, u16, fn(&mut Caller, &mut Ask));

const FAULTS: [Fault; 9] = [
    (Reason::Account, 403, |caller, _| {
        standing_of(caller).account_is_closed = true;
    }),
    (Reason::Organization, 403, |caller, _| {
        caller.is_archived = true;
    }),
    (Reason::Membership(MembershipStop::Deactivated), 403, |caller, _| {
        standing_of(caller).membership = Some(Membership {
            role: Role::Developer,
            stop: Some(Stop::Deactivated),
        });
    }),
    (Reason::ServiceAccount, 403, |caller, _| {
        key_of(caller).owner_acts = false;
    }),
    (Reason::Network, 403, |_, ask| {
        ask.ip = "192.0.2.1".parse().ok();
    }),
    (Reason::Hours, 403, |caller, _| {
        key_of(caller).hours[0].intervals = vec![(7, 0, 1_440)];
    }),
    (Reason::Permission, 403, |caller, _| {
        key_of(caller).scopes = Permissions::read(["api.read"]);
    }),
    (Reason::Feature, 403, |_, ask| {
        ask.feature = Some("sound".to_owned());
    }),
    (Reason::Limit, 429, |_, ask| {
        ask.cost = 20_000_000;
    }),
];

fn verdict(caller: &Caller, ask: &Ask) -> Verdict {
    decide(Some(caller), ask, &[Figure::default(); 3], NOW)
}

#[test]
fn whoever_is_in_order_is_let_in() {
    assert!(verdict(&caller(), &ask()).is_allowed());
    let nobody = decide(None, &ask(), &[], NOW);
    let denial = nobody.denial().expect("a refusal");
    assert_eq!((denial.reason, denial.reason.status()), (Reason::Credential, 401));
}

/// Figures of refusals are counted by these names.
#[test]
fn every_reason_is_in_the_list_of_names() {
    let others = [Reason::Credential, Reason::Stranger, Reason::StepUp];
    let stops = [Stop::Deactivated, Stop::Disabled, Stop::Ended, Stop::Left];
    let stops = stops.map(|stop| Reason::Membership(stop.into()));
    for reason in FAULTS.map(|fault| fault.0).into_iter().chain(others).chain(stops) {
        assert!(Reason::KEYS.contains(&reason.key()), "{reason:?}");
    }
}

#[test]
fn of_any_two_faults_the_earlier_step_answers() {
    for (first, one) in FAULTS.iter().enumerate() {
        for other in &FAULTS[first..] {
            let (mut caller, mut ask) = (caller(), ask());
            (other.2)(&mut caller, &mut ask);
            (one.2)(&mut caller, &mut ask);
            let verdict = verdict(&caller, &ask);
            let denial = verdict.denial().expect("a refusal");
            assert_eq!(
                (denial.reason, denial.reason.status()),
                (one.0, one.1),
                "beside {:?}",
                other.0
            );
            assert!(denial.detail.ends_with('.'), "{}", denial.detail);
        }
    }
}

#[test]
fn a_session_answers_to_step_up_between_hours_and_permission() {
    let mut caller = caller();
    caller.key = None;
    caller.step_up = StepUp {
        second_factor: true,
        no_older_than: Some(Duration::from_secs(600)),
    };
    let with = |has_second_factor, age| Ask {
        feature: None,
        permission: Some("member.disable".to_owned()),
        assurance: Some(Assurance {
            has_second_factor,
            at: NOW.minus(Duration::from_secs(age)),
        }),
        ..ask()
    };
    let reason = |ask: &Ask| verdict(&caller, ask).denial().map(|denial| denial.reason);
    assert_eq!(reason(&with(false, 10)), Some(Reason::StepUp));
    assert_eq!(reason(&with(true, 601)), Some(Reason::StepUp));
    assert_eq!(
        reason(&with(true, 600)),
        Some(Reason::Permission),
        "a developer disables nobody"
    );
    let plain = Ask {
        assurance: None,
        ..with(true, 0)
    };
    assert_eq!(reason(&plain), Some(Reason::StepUp));
}

#[test]
fn a_key_does_no_more_than_its_owner_and_no_more_than_its_scopes() {
    let mut caller = caller();
    key_of(&mut caller).scopes = Permissions::all();
    let wants = |permission: &str| Ask {
        permission: Some(permission.to_owned()),
        ..ask()
    };
    assert!(verdict(&caller, &wants("api.call")).is_allowed());
    assert!(
        !verdict(&caller, &wants("member.disable")).is_allowed(),
        "the owner may not"
    );
    assert!(!verdict(&caller, &wants("no.such.permission")).is_allowed());
    caller.standing = None;
    assert!(
        verdict(&caller, &wants("member.disable")).is_allowed(),
        "a service account has its key's scopes"
    );
    caller.key = None;
    let plain = Ask {
        feature: None,
        ..wants("api.call")
    };
    assert!(!verdict(&caller, &plain).is_allowed(), "nothing grants it");
}

#[test]
fn hours_are_those_of_their_zone_and_end_before_their_last_minute() {
    let hours = Hours {
        zone: Zone::find_or_utc("Europe/Berlin"),
        intervals: vec![(6, 600, 660)],
    };
    assert!(hours.hold(NOW), "10:00 in Berlin");
    assert!(hours.hold(NOW.plus(Duration::from_secs(3_599))));
    assert!(!hours.hold(NOW.plus(Duration::from_secs(3_600))));
    assert!(!hours.hold(NOW.minus(Duration::from_secs(1))));
    assert!(!hours.hold(Clock::manual(NOW.plus(crate::clock::days(1))).now()));
}

#[test]
fn a_refusal_names_the_binding_limit_all_others_and_whom_to_ask() {
    let caller = caller();
    let figures = [
        Figure {
            spent: 10_000_000,
            reserved: 0,
        },
        Figure {
            spent: 49_000_000,
            reserved: 1_000_000,
        },
        Figure::default(),
    ];
    let verdict = decide(Some(&caller), &ask(), &figures, NOW);
    let denial = verdict.denial().expect("a refusal");
    assert_eq!(denial.failing, [0, 1]);
    assert_eq!(denial.binding().expect("one binds").name, "key-daily");
    assert_eq!(denial.contact, ["ann@acme.example"]);
    assert_eq!(
        denial.detail,
        "The key’s daily limit of 10 credits is used up. Contact your organization administrator."
    );
    assert_eq!(
        denial.members()["violated-policies"],
        json!(["key-daily", "member-daily"])
    );
    assert_eq!(denial.members()["reset_at"], json!("2026-11-22T00:00:00Z"));
    let member = &denial.limits[1];
    assert_eq!(
        (member.spent, member.reserved, member.remaining),
        (49_000_000, 1_000_000, 0)
    );
}

#[test]
fn an_empty_credit_pool_and_one_that_gives_nothing_say_so() {
    let mut caller = caller();
    let detail = |caller: &Caller, spent: i64| {
        let mut figures = vec![Figure::default(); caller.plan.policies.len()];
        figures[0].spent = spent;
        let verdict = decide(Some(caller), &ask(), &figures, NOW);
        verdict.denial().expect("a refusal").detail.clone()
    };
    caller.plan.policies = vec![Policy {
        source: "Production".into(),
        ..policy(Scope::Pool, Window::Total, 10, Enforcement::Hard)
    }];
    assert_eq!(caller.plan.policies[0].name(), "pool-total");
    assert_eq!(
        detail(&caller, 10_000_000),
        "The credit pool Production is used up. Contact your organization administrator."
    );
    assert_eq!(
        detail(&caller, 9_500_000),
        "The credit pool Production has too little left for this. Contact your organization administrator."
    );
    caller.plan.policies = vec![policy(Scope::Member, Window::Month, 0, Enforcement::Hard)];
    caller.unlimited_in = Some("Training".to_owned());
    assert_eq!(
        detail(&caller, 0),
        "The credit pool Training gives credits by monthly limits, and you have none. Ask your organization administrator to set one."
    );
}

/// R-LIM-14: the wallet pays where nothing but the member's own limits refuses, and covers the whole.
#[test]
fn a_wallet_pays_for_the_members_own_limits_alone() {
    let mut caller = caller();
    caller.plan.wallet = Some(Policy {
        scope: Scope::Wallet,
        ..policy(Scope::Wallet, Window::Total, 5, Enforcement::Hard)
    });
    let figure = |spent: i64| Figure { spent, reserved: 0 };
    let verdict = |key: i64, member: i64, organization: i64, wallet: i64, cost: i64| {
        let figures = [key, member, organization, wallet].map(|credits| figure(credits * 1_000_000));
        let ask = Ask {
            cost: cost * 1_000_000,
            ..ask()
        };
        decide(Some(&caller), &ask, &figures, NOW)
    };
    assert!(verdict(0, 50, 0, 0, 5).is_by_wallet());
    assert!(verdict(0, 0, 0, 0, 5).is_allowed() && !verdict(0, 0, 0, 0, 5).is_by_wallet());
    for refused in [
        verdict(0, 50, 0, 1, 5),
        verdict(10, 50, 0, 0, 1),
        verdict(0, 50, 900, 0, 1),
        verdict(0, 50, 0, 5, 0),
    ] {
        assert!(!refused.is_allowed());
    }
    let short = verdict(0, 50, 0, 4, 5);
    let denial = short.denial().expect("a refusal");
    assert_eq!(denial.wallet().map(|wallet| wallet.remaining), Some(1_000_000));
    assert_eq!(denial.members()["violated-policies"], json!(["member-daily"]));
    let other = verdict(10, 50, 0, 0, 1);
    assert!(
        other.denial().expect("a refusal").wallet().is_none(),
        "the key's limit refuses too"
    );
}

#[test]
fn a_soft_limit_lets_through_and_says_that_it_is_over() {
    let mut caller = caller();
    caller.plan.policies[1].enforcement = Enforcement::Soft;
    let figures = [
        Figure::default(),
        Figure {
            spent: 50_000_000,
            reserved: 0,
        },
        Figure::default(),
    ];
    match decide(Some(&caller), &ask(), &figures, NOW) {
        Verdict::Allow { over, .. } => assert_eq!(over, [1]),
        Verdict::Deny(denial) => panic!("{denial:?}"),
    }
}

#[test]
fn a_limit_that_is_used_up_refuses_what_costs_nothing_too() {
    let caller = caller();
    let free = Ask { cost: 0, ..ask() };
    let mut figures = [Figure::default(); 3];
    figures[0].spent = 9_999_999;
    assert!(decide(Some(&caller), &free, &figures, NOW).is_allowed());
    figures[0].spent = 10_000_000;
    assert!(!decide(Some(&caller), &free, &figures, NOW).is_allowed());
}

proptest! {
    /// I-04: whoever is let in leaves every hard limit at or below its amount, however large the numbers are.
    #[test]
    fn nobody_is_let_in_beyond_a_hard_limit(
        cost in prop_oneof![0_i64..100_000_000, Just(i64::MAX)],
        spent in prop::array::uniform3(prop_oneof![-100_000_000_i64..1_000_000_000, Just(i64::MAX), Just(i64::MIN)]),
        reserved in prop::array::uniform3(0_i64..1_000_000_000),
    ) {
        let caller = caller();
        let figures: Vec<Figure> = (0..3).map(|at| Figure { spent: spent[at], reserved: reserved[at] }).collect();
        let asked = Ask { cost, ..ask() };
        let verdict = decide(Some(&caller), &asked, &figures, NOW);
        let room = |at: usize| {
            let with = i128::from(spent[at]) + i128::from(reserved[at]) + i128::from(cost.max(1));
            with <= i128::from(caller.plan.policies[at].amount.micros())
        };
        if verdict.is_allowed() {
            prop_assert!((0..3).all(room));
        } else {
            let failing = &verdict.denial().expect("a refusal").failing;
            prop_assert!(failing.iter().all(|at| !room(*at)));
            prop_assert!(!failing.is_empty());
        }
    }
}

#[test]
fn c_13_whoever_comes_without_a_key_has_the_features_of_their_groups() {
    let ask = |feature: &str| Ask {
        feature: Some(feature.to_owned()),
        permission: None,
        ..self::ask()
    };
    let mut person = caller();
    person.key = None;
    assert!(matches!(verdict(&person, &ask("batch")), Verdict::Allow { .. }));
    let Verdict::Deny(denial) = verdict(&person, &ask("vision")) else {
        panic!("the feature of a key that is not there");
    };
    assert_eq!(denial.reason, Reason::Feature);
    assert!(denial.detail.contains("any key of your groups"), "{}", denial.detail);
    // A key that is presented counts alone.
    assert!(matches!(verdict(&caller(), &ask("batch")), Verdict::Deny(_)));
}
