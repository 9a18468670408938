//! C24 and F27 over HTTP: many connections ask at once, and what is accepted is the cap and not one micro-credit more.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use muster::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Portal, is_long, raw, spawn};

const CREDIT: i64 = 1_000_000;
/// Numbers of `limit_policies`.
const MEMBER: i64 = 5;
const DAY: i64 = 1;

/// What became of all requests about one member.
#[derive(Default)]
struct Tally {
    accepted: AtomicI64,
    refused: AtomicU64,
    /// How many were refused for lack of room though the dearest would have found some.
    early: AtomicU64,
}

struct Contest {
    platform: String,
    url: String,
    member: String,
    cap: i64,
    next: AtomicU64,
    most: u64,
    tally: Tally,
}

impl Contest {
    /// Asks with costs from 1 to 7 until all were asked; whatever is answered must be one of two things, whole.
    async fn ask_on(&self) {
        let client = Client::new(&self.url);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.most {
                return;
            }
            let cost = (number % 7 + 1) as i64;
            let wanted = json!({
                "subject": self.member, "source": "contest", "id": number.to_string(), "amount": cost.to_string()
            });
            let request = client.request(Method::POST, "/api/v1/usage");
            let answer = client.send(request.bearer_auth(&self.platform).json(&wanted)).await;
            match answer.status {
                200 => {
                    self.tally.accepted.fetch_add(cost, Ordering::Relaxed);
                }
                429 => {
                    let problem: Value = serde_json::from_str(&answer.body).expect("a document");
                    assert_eq!(answer.header("content-type"), "application/problem+json");
                    assert!(
                        answer
                            .header("retry-after")
                            .parse::<u64>()
                            .is_ok_and(|seconds| seconds > 0)
                    );
                    assert_eq!(problem["violated-policies"], json!(["member-daily"]), "{problem}");
                    self.tally.refused.fetch_add(1, Ordering::Relaxed);
                    if self.tally.accepted.load(Ordering::Relaxed) + 7 * 64 < self.cap {
                        self.tally.early.fetch_add(1, Ordering::Relaxed);
                    }
                }
                other => panic!("{other}: {}", answer.body),
            }
        }
    }
}

async fn limit(portal: &Portal, org: i64, member: i64, credits: i64) {
    let row = (org << 32) + 910_000 + credits;
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {org}, {MEMBER}, {member}, {DAY}, {}, 0, '', 0)",
        credits * CREDIT
    )).await;
}

#[actix_web::test]
async fn cve_c24_whatever_64_connections_ask_at_once_the_cap_holds() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    let cyd = portal.member(&org, Role::Developer, "cyd").await;
    let most = if is_long() { 10_000 } else { 2_000 };
    // Ben's cap is met half way; Cyd's is met never, and neither is charged what the other spends.
    let cap = most as i64 * 2 + 1;
    let raw_id = |someone: &crate::support::Someone| someone.member.expect("a member").raw();
    limit(&portal, org.id.raw(), raw_id(&ben), cap).await;
    limit(&portal, org.id.raw(), raw_id(&cyd), most as i64 * 10).await;
    let platform = crate::keys::service_key(&ann, &org, crate::api::ALL).await;
    let contest = |someone: &crate::support::Someone, cap: i64| {
        Arc::new(Contest {
            platform: platform.clone(),
            url: portal.url.clone(),
            member: someone.member.expect("a member").to_string(),
            cap,
            next: AtomicU64::new(0),
            most,
            tally: Tally::default(),
        })
    };
    let (bens, cyds) = (contest(&ben, cap), contest(&cyd, most as i64 * 10));
    // Sources are told apart by their members' ids no more than events are: each contest numbers its own.
    let cyds = Arc::new(Contest {
        next: AtomicU64::new(1_000_000),
        most: 1_000_000 + most / 4,
        ..Arc::into_inner(cyds).expect("nobody else has it")
    });
    let mut tasks = Vec::new();
    for number in 0..64 {
        let one = Arc::clone(if number % 4 == 0 { &cyds } else { &bens });
        tasks.push(tokio::spawn(async move { one.ask_on().await }));
    }
    for task in tasks {
        task.await.expect("every answer is one of two");
    }
    let (ben_spent, cyd_spent) = (
        bens.tally.accepted.load(Ordering::Relaxed),
        cyds.tally.accepted.load(Ordering::Relaxed),
    );
    // What costs 1 fits to the last, so the cap is used up entirely.
    assert_eq!(ben_spent, cap, "accepted of {cap}");
    assert!(bens.tally.refused.load(Ordering::Relaxed) > most / 4);
    assert_eq!(
        bens.tally.early.load(Ordering::Relaxed),
        0,
        "refused with room to spare"
    );
    assert_eq!(cyds.tally.refused.load(Ordering::Relaxed), 0);
    for (someone, spent) in [(&ben, ben_spent), (&cyd, cyd_spent)] {
        let booked = portal
            .number(format!(
                "select cast(coalesce(sum(amount), 0) as bigint) from usage_events where member_id = {}",
                raw_id(someone)
            ))
            .await;
        assert_eq!(booked, spent * CREDIT, "the ledger");
        let told = portal
            .number(format!(
                "select cast(coalesce(sum(booked), 0) as bigint) from usage_months where scope = 3 and scope_id = {}",
                raw_id(someone)
            ))
            .await;
        assert_eq!(told, spent * CREDIT, "the sums");
    }
}
