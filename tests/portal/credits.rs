//! Credit pools and personal wallets: what is put in, who draws from it, what it costs, and that nothing is lost on the way
//! (R-CRD-08 to R-CRD-10, R-LIM-14, I-21).

use std::{sync::Arc, time::Duration};

use actix_web::rt;
use muster::{
    access::{EnterpriseRole, Role},
    credits::work,
    db::raise_generation,
    error::Error,
    gate::{Ask, Principal, Verdict, Who},
    metering::{Hold, Pays, ReservationId, Scope, Settlement, Usage, verify},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Org, Page, Portal, Someone, raw, spawn};

const CREDIT: i64 = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// An organization with an administrator, two developers, whoever runs the enterprise, and the key of a platform.
struct Stage {
    portal: Portal,
    org: Org,
    ann: Someone,
    ben: Someone,
    cat: Someone,
    boss: Someone,
    client: Client,
    platform: String,
}

async fn stage() -> Stage {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    let cat = portal.member(&org, Role::Developer, "cat").await;
    let boss = portal
        .enterprise_member(EnterpriseRole::Administrator, "boss@acme.example")
        .await;
    let platform = crate::keys::service_key(&ann, &org, crate::api::ALL).await;
    let client = portal.anonymous();
    Stage {
        portal,
        org,
        ann,
        ben,
        cat,
        boss,
        client,
        platform,
    }
}

#[track_caller]
fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

#[track_caller]
fn has(page: &Page, css: &str, text: &str) {
    let all = page.all(css);
    assert!(all.iter().any(|one| one.contains(text)), "{css}: {text} in {all:#?}");
}

impl Stage {
    /// Makes a pool; its page.
    async fn pool(&self, fields: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("name", "Production"),
            ("credit_type", "Standard"),
            ("currency", "USD"),
            ("price", "0.02"),
            ("mode", "cap"),
            ("is_limited", "1"),
            ("is_default", "1"),
        ];
        all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
        all.extend_from_slice(fields);
        let there = self.boss.post(&self.org.path("/credits"), &all).await;
        there.redirects_to(&self.org.path("/credits/pool_"))
    }
    async fn put(&self, path: &str, fields: &[(&str, &str)]) {
        let answer = self.boss.post(path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    }
    async fn ask(&self, method: Method, path: &str, wanted: Option<Value>) -> Answer {
        let mut request = self.client.request(method, path).bearer_auth(&self.platform);
        if let Some(wanted) = wanted {
            request = request.json(&wanted);
        }
        self.client.send(request).await
    }
    async fn used(&self, of: &Someone, id: &str, amount: &str) -> Answer {
        let wanted = json!({ "subject": of.id(), "source": "app", "id": id, "amount": amount });
        self.ask(Method::POST, "/api/v1/usage", Some(wanted)).await
    }
    #[track_caller]
    fn booked(answer: &Answer) -> Value {
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(answer)
    }
    #[track_caller]
    fn refused(answer: &Answer, by: &[&str]) -> Value {
        assert_eq!(answer.status, 429, "{}", answer.body);
        let problem = body(answer);
        assert_eq!(problem["violated-policies"], json!(by), "{problem}");
        problem
    }
    /// How a limit of somebody stands: the limit, what was spent, and what is left.
    async fn limit(&self, of: &Someone, name: &str) -> Option<(String, String, String)> {
        let path = format!("/api/v1/quota?subject={}", of.id());
        let answer = self.ask(Method::GET, &path, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let limits = body(&answer)["limits"].as_array().expect("limits").clone();
        let one = limits.iter().find(|limit| limit["policy"] == name)?;
        let text = |field: &str| one[field].as_str().expect("an amount").to_owned();
        Some((text("limit"), text("spent"), text("remaining")))
    }
    /// Sets a limit of a member's own, as an administrator does.
    async fn cap(&self, of: &Someone, monthly: &str, daily: &str) {
        let mode = |text: &str| if text.is_empty() { "inherit" } else { "amount" };
        let fields = [
            ("monthly_mode", mode(monthly)),
            ("monthly", monthly),
            ("daily_mode", mode(daily)),
            ("daily", daily),
            ("enforcement", "hard"),
        ];
        let ann = self.portal.sign_in(self.ann.user).await;
        let answer = ann
            .post(&self.org.path(&format!("/members/{}/limit", of.id())), &fields)
            .await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
    fn who(&self, of: &Someone) -> Who {
        Who {
            org: self.org.id,
            principal: Principal::Member(of.member.expect("a member")),
            key: None,
        }
    }
    async fn hold(&self, of: &Someone, credits: i64) -> ReservationId {
        let amount = credits * CREDIT;
        let hold = Hold {
            amount,
            ttl: Duration::from_secs(3_600),
            idempotency_key: None,
            ..Hold::default()
        };
        let ask = Ask {
            cost: amount,
            ..Ask::default()
        };
        let granted = self.portal.app.gate.reserve(&self.who(of), &ask, &hold).await;
        granted.expect("an answer").done.expect("there is room").id
    }
    async fn settle(&self, of: &Someone, id: ReservationId, credits: i64) {
        let used = Settlement {
            amount: credits * CREDIT,
            ..Settlement::default()
        };
        let gate = &self.portal.app.gate;
        gate.settle(&self.who(of), id, &used).await.expect("a settlement");
    }
    /// I-05 and I-21: sums are those of the ledger, and everything that was granted is somewhere.
    #[track_caller]
    fn verified(&self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        let db = self.portal.app.db.clone();
        async move {
            let report = verify::verify(&db).await.expect("a verification");
            assert_eq!(report.wrong, 0, "{at}: {:#?}", report.faults);
            assert!(report.pools.is_empty(), "{at}: {:#?}", report.pools);
        }
    }
    async fn work(&self) {
        work::run(&self.portal.app).await.expect("the worker's minute");
    }
    async fn number(&self, text: &str) -> i64 {
        self.portal
            .number(format!("select cast(coalesce({text}, 0) as bigint)"))
            .await
    }
    async fn sum(&self, what: &str, scope: i64, id: i64) -> i64 {
        self.number(&format!(
            "(select sum({what}) from usage_months where scope = {scope} and scope_id = {id})"
        ))
        .await
    }
    /// What is left in the only pool, by its own columns.
    async fn balance(&self) -> i64 {
        self.number("(select granted - allocated from credit_pools)").await / CREDIT
    }
    async fn allowance(&self, of: &Someone) -> i64 {
        let id = of.member.expect("a member").raw();
        let text = format!("(select amount from credit_allowances where member_id = {id} order by start desc limit 1)");
        self.number(&text).await / CREDIT
    }
}

#[actix_web::test]
async fn r_crd_08_09_a_pool_is_made_granted_and_spent_until_it_is_empty() {
    let s = stage().await;
    let page = s.boss.get(&s.org.path("/credits")).await.page(200);
    page.assert_heading("Credits");
    page.assert_says("No credit pools yet");
    let pool = s.pool(&[("grant", "10")]).await;
    Stage::booked(&s.used(&s.ben, "1", "6").await);
    assert_eq!(
        s.limit(&s.ben, "pool-total").await,
        Some(("10".to_owned(), "6".to_owned(), "4".to_owned()))
    );
    let problem = Stage::refused(&s.used(&s.ben, "2", "5").await, &["pool-total"]);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("Production") && text.contains("too little")),
        "{problem}"
    );
    assert_eq!(problem["reset_at"], Value::Null, "a pool begins anew for nobody");
    let page = s.boss.get(&pool).await.page(200);
    has(&page, ".stats > div", "Balance 4 credits");
    has(&page, ".stats > div", "This month $0.12");
    s.verified().await;
    let version = page.value("version").expect("a version");
    s.put(
        &format!("{pool}/grants"),
        &[("grant", "7"), ("note", "For May"), ("version", &version)],
    )
    .await;
    // The same form again is no second grant.
    let again = s
        .boss
        .post(&format!("{pool}/grants"), &[("grant", "7"), ("version", &version)])
        .await;
    again.page(409).assert_says("Nothing was changed");
    Stage::booked(&s.used(&s.ben, "2", "5").await);
    // R-CRD-09: the price of the instant at which it is booked; what an event says itself wins.
    let page = s.boss.get(&format!("{pool}/edit")).await.page(200);
    let version = page.value("version").expect("a version");
    let fields = [
        ("name", "Production"),
        ("credit_type", "Standard"),
        ("price", "0.05"),
        ("is_limited", "1"),
        ("is_default", "1"),
        ("version", version.as_str()),
    ];
    s.put(&pool, &fields).await;
    Stage::booked(&s.used(&s.ben, "3", "1").await);
    let wanted = json!({ "subject": s.ben.id(), "source": "app", "id": "4", "amount": "1", "unit_price": "2" });
    Stage::booked(&s.ask(Method::POST, "/api/v1/usage", Some(wanted.clone())).await);
    let again = Stage::booked(&s.ask(Method::POST, "/api/v1/usage", Some(wanted)).await);
    assert_eq!(again["duplicate"], true);
    let page = s.boss.get(&pool).await.page(200);
    has(&page, ".stats > div", "Balance 4 credits");
    has(&page, ".stats > div", "This month $2.27");
    let list = s.boss.get(&s.org.path("/credits")).await.page(200);
    list.assert_says("This month cost $2.27 so far");
    let row = list.row("Production");
    row.assert_cell("Balance", "4 credits");
    row.assert_cell("Cost this month", "$2.27");
    row.assert_cell("Draw from it", "3 members");
    let usage = s.ann.get(&s.org.path("/usage")).await.page(200);
    has(&usage, ".stats > div", "Cost $2.27");
    has(&usage, "section[aria-labelledby=by-pool] tbody tr", "Production: $2.27");
    has(&usage, "section[aria-labelledby=by-pool] tbody tr", "13 credits");
    // The statement, as a page and as a file.
    let lines = page.all("#statement tbody tr");
    assert!(
        lines.len() == 2 && lines[0].contains("+7 credits") && lines[0].contains("For May"),
        "{lines:?}"
    );
    let file = s.boss.get(&format!("{pool}/statement.csv")).await;
    assert_eq!(file.status, 200);
    assert!(
        file.body.contains("Granted,7,0.02") && file.body.contains("Granted,10,0.02"),
        "{}",
        file.body
    );
    s.verified().await;
    // Keys of services draw from the default pool too.
    let wanted = json!({ "source": "app", "id": "5", "amount": "5" });
    Stage::refused(
        &s.ask(Method::POST, "/api/v1/usage", Some(wanted)).await,
        &["pool-total"],
    );
    let wanted = json!({ "source": "app", "id": "5", "amount": "4" });
    Stage::booked(&s.ask(Method::POST, "/api/v1/usage", Some(wanted)).await);
    Stage::refused(&s.used(&s.cat, "6", "0.000001").await, &["pool-total"]);
    s.verified().await;
}

#[actix_web::test]
async fn a_pool_is_asked_after_the_member_and_before_the_organization() {
    let s = stage().await;
    s.pool(&[("grant", "1")]).await;
    s.cap(&s.ben, "", "1").await;
    let id = s.org.id.raw();
    raw(&s.portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({}, {id}, 1, {id}, 3, 1000000, 0, '', 0)",
        (id << 32) + 990_000
    )).await;
    raise_generation(id);
    Stage::refused(
        &s.used(&s.ben, "1", "2").await,
        &["member-daily", "pool-total", "organization-monthly"],
    );
}

#[actix_web::test]
async fn what_is_adjusted_stays_within_what_is_there() {
    let s = stage().await;
    let pool = s.pool(&[("grant", "10")]).await;
    Stage::booked(&s.used(&s.ben, "1", "6").await);
    let adjust = format!("{pool}/adjustments");
    let fields = [("direction", "take"), ("amount", "5"), ("note", "A mistake")];
    let page = s.boss.post(&adjust, &fields).await.page(422);
    page.assert_says("Only 4 credits are left");
    assert_eq!(
        page.attribute("#amount", "value").as_deref(),
        Some("5"),
        "it comes back filled in"
    );
    assert_eq!(page.attribute("#amount", "aria-invalid").as_deref(), Some("true"));
    let nameless = [("direction", "take"), ("amount", "1"), ("note", " ")];
    s.boss.post(&adjust, &nameless).await.page(422).assert_says("Say why");
    let signed = [("direction", "add"), ("amount", "-1"), ("note", "x")];
    s.boss
        .post(&adjust, &signed)
        .await
        .page(422)
        .assert_says("without a sign");
    s.put(
        &adjust,
        &[("direction", "take"), ("amount", "4"), ("note", "A mistake")],
    )
    .await;
    Stage::refused(&s.used(&s.ben, "2", "1").await, &["pool-total"]);
    s.put(
        &adjust,
        &[("direction", "add"), ("amount", "1"), ("note", "Not all of it")],
    )
    .await;
    Stage::booked(&s.used(&s.ben, "2", "1").await);
    s.verified().await;
}

#[actix_web::test]
async fn a_pool_ends_at_its_instant_without_anybodys_help() {
    let s = stage().await;
    let pool = s.pool(&[("grant", "10"), ("valid_until", "2026-11-22")]).await;
    Stage::booked(&s.used(&s.ben, "1", "3").await);
    // Midnight in Berlin; what the gate keeps of Ben knows it.
    s.portal.clock.advance(Duration::from_secs(37 * 3_600 + 3_599));
    Stage::booked(&s.used(&s.ben, "2", "1").await);
    s.portal.clock.advance(Duration::from_secs(1));
    Stage::refused(&s.used(&s.ben, "3", "1").await, &["pool-total"]);
    s.verified().await;
    s.work().await;
    s.work().await;
    let boss = s.portal.sign_in(s.boss.user).await;
    let page = boss.get(&pool).await.page(200);
    page.assert_says("The time of this pool is over");
    has(&page, ".stats > div", "Balance 0 credits");
    let lines = page.all("#statement tbody tr");
    assert!(
        lines.len() == 2 && lines[0].contains("Expired") && lines[0].contains("6 credits"),
        "{lines:?}"
    );
    s.verified().await;
    let version = page.value("version");
    assert!(version.is_some(), "it can be given a later day");
    let edit = boss.get(&format!("{pool}/edit")).await.page(200);
    let version = edit.value("version").expect("a version");
    let fields = [
        ("name", "Production"),
        ("credit_type", "Standard"),
        ("price", "0.02"),
        ("is_limited", "1"),
        ("is_default", "1"),
        ("valid_until", "2026-12-31"),
        ("version", version.as_str()),
    ];
    boss.post(&pool, &fields).await.redirects_to(&pool);
    Stage::refused(&s.used(&s.ben, "3", "1").await, &["pool-total"]);
    boss.post(&format!("{pool}/grants"), &[("grant", "2")])
        .await
        .redirects_to(&pool);
    Stage::booked(&s.used(&s.ben, "3", "1").await);
    s.verified().await;
}

#[actix_web::test]
async fn a_member_draws_from_the_pool_that_was_chosen_for_them() {
    let s = stage().await;
    let first = s.pool(&[("grant", "10")]).await;
    s.pool(&[("name", "Training"), ("credit_type", "GPU"), ("grant", "2")])
        .await;
    // Whichever is made the default last is the default.
    let page = s
        .boss
        .get(&s.org.path(&format!("/members/{}", s.ben.id())))
        .await
        .page(200);
    has(&page, "#credits", "Training");
    let id = |path: &str| path.rsplit('/').next().expect("an id").to_owned();
    let member = s.org.path(&format!("/members/{}/pool", s.ben.id()));
    s.put(&member, &[("pool", &id(&first))]).await;
    Stage::booked(&s.used(&s.ben, "1", "3").await);
    Stage::booked(&s.used(&s.cat, "2", "2").await);
    let page = s.boss.get(&s.org.path("/credits")).await.page(200);
    page.row("Production").assert_cell("Balance", "7 credits");
    page.row("Training").assert_cell("Balance", "0 credits");
    page.row("Production").assert_cell("Draw from it", "1 member");
    page.row("Training").assert_cell("Draw from it", "2 members");
    // R-CRD-08: people by credit type.
    let types = page.all("section[aria-labelledby=types-h] tbody tr");
    assert!(
        types.len() == 2 && types[0].contains("GPU 2 members") && types[1].contains("Standard 1 member"),
        "{types:?}"
    );
    has(&s.boss.get(&first).await.page(200), "#people tbody tr", "Ben");
    let bad = s.boss.post(&member, &[("pool", "pool_0000000000000")]).await;
    assert_eq!(bad.status, 409, "{}", bad.body);
    // An archived pool is nobody's; its people draw from the default.
    let archive = format!("{first}/archive");
    let wrong = s.boss.post(&archive, &[("confirm", "Prod")]).await.page(422);
    wrong.assert_says("Type the name of the pool");
    s.put(&archive, &[("confirm", "production")]).await;
    Stage::refused(&s.used(&s.ben, "3", "1").await, &["pool-total"]);
    let late = s.boss.post(&format!("{first}/grants"), &[("grant", "1")]).await;
    late.page(409).assert_says("archived");
    s.pool(&[("name", "Production"), ("is_default", "1"), ("is_limited", "")])
        .await;
    s.verified().await;
}

/// I-25: what is done to many is what is done to one, and can be taken back.
#[actix_web::test]
async fn i_25_the_pool_of_many_is_set_as_that_of_one() {
    let s = stage().await;
    let pool = s.pool(&[("grant", "10"), ("name", "Training")]).await;
    let id = pool.rsplit('/').next().expect("an id").to_owned();
    let (ann, ben, cat) = (s.ann.id(), s.ben.id(), s.cat.id());
    s.put(&s.org.path(&format!("/members/{ann}/pool")), &[("pool", &id)])
        .await;
    let bulk = s.org.path("/members/bulk/pools");
    let who = [
        ("member", ann.as_str()),
        ("member", ben.as_str()),
        ("member", cat.as_str()),
    ];
    let page = s.boss.post(&format!("{bulk}/check"), &who).await.page(200);
    has(&page, "#plan select option", "Training (Standard)");
    s.boss
        .post(&bulk, &who)
        .await
        .page(422)
        .assert_says("Choose one of the credit pools");
    let mut fields = who.to_vec();
    fields.push(("pool", &id));
    assert_eq!(s.ben.post(&bulk, &fields).await.status, 403);
    let done = s.boss.post(&bulk, &fields).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let given = "(select count(*) from members where pool_id is not null)";
    assert_eq!(s.number(given).await, 3);
    // The same rows in the record as that of one: Ann's was so already.
    let rows = s.portal.audit(Some(&s.org)).await;
    let rows: Vec<_> = rows.iter().filter(|row| row.action == "member.pool").collect();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|row| row.before == rows[0].before && row.after == rows[0].after),
        "{rows:?}"
    );
    Stage::booked(&s.used(&s.ben, "1", "1").await);
    // Taken back, but for whom somebody has changed since.
    s.put(&s.org.path(&format!("/members/{cat}/pool")), &[("pool", "")])
        .await;
    let job = s.number("(select max(id) from bulk_jobs)").await;
    let job = muster::ids::JobId::from_raw(job);
    let undo = s.boss.post(&s.org.path(&format!("/bulk/pools/{job}/undo")), &[]).await;
    assert_eq!(undo.status, 303, "{}", undo.body);
    assert_eq!(s.number(given).await, 1, "Ann's own stays");
    s.verified().await;
}

#[actix_web::test]
async fn forms_come_back_filled_in_and_name_the_field() {
    let s = stage().await;
    let create = s.org.path("/credits");
    let good = [
        ("name", "Production"),
        ("credit_type", "Standard"),
        ("currency", "EUR"),
        ("price", "0.02"),
        ("mode", "cap"),
    ];
    for (field, value, says) in [
        ("name", " ", "Give the pool a name"),
        ("credit_type", "", "Say what kind of credits"),
        ("currency", "XXX", "Choose a currency"),
        ("price", "cheap", "This is no amount"),
        ("price", "-1", "without a sign"),
        ("price", "2000000", "at most a million"),
        ("mode", "gift", "Choose how its credits reach people"),
        ("valid_until", "2020-01-01", "Choose today or a later day"),
        ("grant", "a lot", "This is no amount"),
    ] {
        let mut fields = good.to_vec();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let page = s.boss.post(&create, &fields).await.page(422);
        page.assert_says(says);
        let id = format!("#{field}");
        assert_eq!(page.attribute(&id, "aria-invalid").as_deref(), Some("true"), "{field}");
        if field != "name" {
            assert_eq!(page.value("name").as_deref(), Some("Production"), "{field}");
        }
    }
    s.pool(&[]).await;
    let mut fields = good.to_vec();
    fields[0].1 = "PRODUCTION";
    let page = s.boss.post(&create, &fields).await.page(422);
    page.assert_says("There is a credit pool PRODUCTION already");
    assert_eq!(s.number("(select count(*) from credit_pools)").await, 1);
}

#[actix_web::test]
async fn who_reads_pools_and_who_manages_them() {
    let s = stage().await;
    let pool = s.pool(&[("grant", "10")]).await;
    let page = s.ann.get(&pool).await.page(200);
    assert_eq!(page.count("#grant-form"), 0, "an administrator reads");
    assert_eq!(
        s.ann.post(&format!("{pool}/grants"), &[("grant", "1")]).await.status,
        403
    );
    assert_eq!(s.ben.get(&s.org.path("/credits")).await.status, 403);
    assert_eq!(s.ben.get(&pool).await.status, 403);
    let finance = s
        .portal
        .enterprise_member(EnterpriseRole::BillingManager, "finance@acme.example")
        .await;
    finance
        .post(&format!("{pool}/grants"), &[("grant", "1")])
        .await
        .redirects_to(&pool);
    let other = s.portal.org("Zyzzyva").await;
    let elsewhere = pool.replace(&s.org.path(""), &other.path(""));
    assert_eq!(finance.get(&elsewhere).await.status, 404);
    let card = s
        .ann
        .get(&s.org.path(&format!("/members/{}", s.ben.id())))
        .await
        .page(200);
    has(&card, "#credits", "Production");
    assert_eq!(card.count("#credits form"), 0);
}

/// C-23, I-21: what is moved follows the limit, as far as the pool reaches.
#[actix_web::test]
async fn i_21_an_allocated_pool_moves_monthly_limits() {
    let s = stage().await;
    s.cap(&s.ben, "60", "").await;
    s.cap(&s.cat, "60", "").await;
    let pool = s.pool(&[("mode", "allocated"), ("grant", "100")]).await;
    s.verified().await;
    Stage::booked(&s.used(&s.ben, "1", "10").await);
    assert_eq!((s.allowance(&s.ben).await, s.balance().await), (60, 40));
    s.verified().await;
    // Too little is left: Cat gets what is there.
    Stage::booked(&s.used(&s.cat, "2", "5").await);
    assert_eq!((s.allowance(&s.cat).await, s.balance().await), (40, 0));
    assert_eq!(
        s.limit(&s.cat, "member-monthly").await,
        Some(("40".to_owned(), "5".to_owned(), "35".to_owned()))
    );
    let problem = Stage::refused(&s.used(&s.cat, "3", "36").await, &["member-monthly"]);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("40 credits")),
        "{problem}"
    );
    s.verified().await;
    // More is granted, and the next request finds it.
    s.put(&format!("{pool}/grants"), &[("grant", "50")]).await;
    Stage::booked(&s.used(&s.cat, "3", "36").await);
    assert_eq!((s.allowance(&s.cat).await, s.balance().await), (60, 30));
    s.verified().await;
    // A raised limit takes more, a lowered one gives back what is neither spent nor held.
    s.cap(&s.ben, "80", "").await;
    let held = s.hold(&s.ben, 5).await;
    assert_eq!((s.allowance(&s.ben).await, s.balance().await), (80, 10));
    s.cap(&s.ben, "12", "").await;
    assert!(s.limit(&s.ben, "member-monthly").await.is_some());
    assert_eq!(
        (s.allowance(&s.ben).await, s.balance().await),
        (15, 75),
        "10 are spent and 5 are held"
    );
    s.verified().await;
    s.settle(&s.ben, held, 5).await;
    Stage::refused(&s.used(&s.ben, "4", "1").await, &["member-monthly"]);
    s.verified().await;
    // Whoever has no monthly limit gets nothing, and is told what to do.
    let problem = Stage::refused(&s.used(&s.ann, "5", "1").await, &["member-monthly"]);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("by monthly limits, and you have none")),
        "{problem}"
    );
    let page = s.boss.get(&pool).await.page(200);
    page.assert_says("Whoever has no monthly limit gets nothing");
    has(&page, ".stats > div", "Balance 75 credits");
    has(&page, ".stats > div", "of 150 credits granted");
    let card = s
        .boss
        .get(&s.org.path(&format!("/members/{}", s.ann.id())))
        .await
        .page(200);
    card.assert_says("This pool gives credits by monthly limits, and there is none");
    // Keys of services are no members, and draw from no allocated pool.
    let wanted = json!({ "source": "app", "id": "6", "amount": "5" });
    Stage::booked(&s.ask(Method::POST, "/api/v1/usage", Some(wanted)).await);
    assert_eq!(s.balance().await, 75);
    s.verified().await;
}

/// R-CRD-10, I-21: the rest comes back at the end of the period, and when somebody leaves.
#[actix_web::test]
async fn r_crd_10_what_was_not_used_comes_back() {
    let s = stage().await;
    for someone in [&s.ann, &s.ben, &s.cat] {
        s.cap(someone, "30", "").await;
    }
    let pool = s.pool(&[("mode", "allocated"), ("grant", "100")]).await;
    s.work().await;
    assert_eq!(s.balance().await, 10, "everybody has their allowance");
    s.verified().await;
    Stage::booked(&s.used(&s.ben, "1", "10").await);
    let late = s.hold(&s.ben, 6).await;
    // Cat leaves; nothing of what she has used comes back.
    Stage::booked(&s.used(&s.cat, "2", "4").await);
    let path = s.org.path(&format!("/members/{}/disablement", s.cat.id()));
    let gone = s.ann.post(&path, &[("confirm", s.cat.email.as_str())]).await;
    assert_eq!(gone.status, 303, "{}", gone.body);
    s.work().await;
    assert_eq!((s.allowance(&s.cat).await, s.balance().await), (4, 36));
    s.verified().await;
    // A membership that ends on its date gives back too, and one that is deactivated does not.
    let eve = s.portal.member(&s.org, Role::Developer, "eve").await;
    s.cap(&eve, "10", "").await;
    Stage::booked(&s.used(&eve, "eve", "1").await);
    assert_eq!((s.allowance(&eve).await, s.balance().await), (10, 26));
    let eves = eve.member.expect("eve").raw();
    raw(
        &s.portal.app.db,
        &format!("update members set status = 3 where id = {eves}"),
    )
    .await;
    raise_generation(s.org.id.raw());
    s.work().await;
    assert_eq!((s.allowance(&eve).await, s.balance().await), (10, 26));
    let now = s.portal.clock.now().micros();
    let text = format!("update members set status = 1, expires_at = {now} where id = {eves}");
    raw(&s.portal.app.db, &text).await;
    raise_generation(s.org.id.raw());
    s.work().await;
    assert_eq!((s.allowance(&eve).await, s.balance().await), (1, 35));
    s.verified().await;
    // December: what Ben still holds stays his until it is settled.
    s.portal.clock.advance(DAY * 10);
    s.work().await;
    let of_november = "(select sum(amount) from credit_allowances where closed_at is not null)";
    assert_eq!(
        s.number(of_november).await / CREDIT,
        5 + 16,
        "spent by Cat, Eve and Ben, and held by Ben"
    );
    assert_eq!((s.allowance(&s.ben).await, s.allowance(&s.ann).await), (30, 30));
    assert_eq!(s.balance().await, 100 - 21 - 60);
    s.verified().await;
    s.settle(&s.ben, late, 2).await;
    s.verified().await;
    s.portal.clock.advance(Duration::from_secs(660));
    s.work().await;
    assert_eq!(s.number(of_november).await / CREDIT, 5 + 12);
    assert_eq!(s.balance().await, 23);
    let boss = s.portal.sign_in(s.boss.user).await;
    let page = boss.get(&pool).await.page(200);
    has(&page, "#statement tbody tr", "Adjusted");
    has(&page, "#statement tbody tr", "Returned");
    has(&page, "#people tbody tr", "30 credits of 30 credits left");
    s.verified().await;
    // Two days later nothing is waited for any more, and what is closed is what was spent.
    for _ in 0..60 {
        s.portal.clock.advance(Duration::from_secs(3_660));
        s.work().await;
    }
    assert_eq!(
        s.number("(select count(*) from credit_allowances where look_at is not null)")
            .await,
        0
    );
    s.verified().await;
    // A member who draws from another pool gives back what is left of this one.
    let other = [("name", "Other"), ("mode", "cap"), ("grant", "5")];
    let mut fields = vec![
        ("credit_type", "Standard"),
        ("currency", "USD"),
        ("price", "1"),
        ("is_limited", "1"),
    ];
    fields.extend(other);
    let boss = s.portal.sign_in(s.boss.user).await;
    let there = boss.post(&s.org.path("/credits"), &fields).await;
    let there = there.redirects_to(&s.org.path("/credits/pool_"));
    let id = there.rsplit('/').next().expect("an id").to_owned();
    let path = s.org.path(&format!("/members/{}/pool", s.ben.id()));
    boss.post(&path, &[("pool", id.as_str())]).await.redirects_to("/o/");
    Stage::booked(&s.used(&s.ben, "3", "1").await);
    s.work().await;
    let open = format!(
        "(select count(*) from credit_allowances where closed_at is null and member_id = {})",
        s.ben.member.expect("ben").raw()
    );
    assert_eq!(s.number(&open).await, 0);
    s.verified().await;
}

/// I-21: a pool that does not hold what its lines say is found.
#[actix_web::test]
async fn i_21_verification_finds_what_is_missing() {
    let s = stage().await;
    s.cap(&s.ben, "60", "").await;
    s.pool(&[("mode", "allocated"), ("grant", "100")]).await;
    Stage::booked(&s.used(&s.ben, "1", "10").await);
    s.verified().await;
    raw(&s.portal.app.db, "update credit_pools set granted = granted + 1").await;
    raw(&s.portal.app.db, "update credit_allowances set amount = amount - 2").await;
    let report = verify::verify(&s.portal.app.db).await.expect("a report");
    assert_eq!(report.wrong, 0);
    assert!(
        report.pools.len() >= 3 && report.pools.iter().all(|fault| fault.contains("Acme")),
        "{:#?}",
        report.pools
    );
}

async fn wallets_on(s: &Stage) {
    let page = s.ann.get(&s.org.path("/credits/wallets")).await.page(200);
    let version = page.value("version").expect("a version");
    let fields = [("is_on", "1"), ("version", version.as_str())];
    let path = s.org.path("/credits/wallets");
    s.ann.post(&path, &fields).await.redirects_to(&s.org.path("/credits"));
}

async fn top_up(s: &Stage, of: &Someone, amount: &str) {
    let path = s.org.path(&format!("/members/{}/wallet/topups", of.id()));
    s.put(&path, &[("amount", amount), ("note", "A gift")]).await;
}

/// R-LIM-14, C-08: the wallet pays when the member's own limits alone refuse, and for the whole.
#[actix_web::test]
async fn r_lim_14_a_wallet_pays_when_the_members_own_limit_refuses() {
    let s = stage().await;
    let id = s.ben.member.expect("ben").raw();
    s.cap(&s.ben, "", "10").await;
    top_up(&s, &s.ben, "5").await;
    Stage::booked(&s.used(&s.ben, "1", "8").await);
    Stage::refused(&s.used(&s.ben, "2", "4").await, &["member-daily"]);
    assert_eq!(s.limit(&s.ben, "wallet-total").await, None, "wallets are off");
    let policies = s.ann.get(&s.org.path("/policies")).await;
    if policies.status == 200 {
        policies.page(200).assert_says("Personal wallets");
    }
    wallets_on(&s).await;
    let paid = Stage::booked(&s.used(&s.ben, "2", "4").await);
    assert_eq!(paid["charged"], "wallet");
    let wallet = Some(("5".to_owned(), "4".to_owned(), "1".to_owned()));
    assert_eq!(s.limit(&s.ben, "wallet-total").await, wallet);
    assert_eq!(
        s.limit(&s.ben, "member-daily").await,
        Some(("10".to_owned(), "8".to_owned(), "2".to_owned()))
    );
    let again = Stage::booked(&s.used(&s.ben, "2", "4").await);
    assert_eq!(
        (&again["duplicate"], &again["charged"]),
        (&json!(true), &json!("wallet"))
    );
    let own = Stage::booked(&s.used(&s.ben, "3", "2").await);
    assert_eq!(
        own["charged"],
        Value::Null,
        "what the limit has room for is not the wallet's"
    );
    Stage::refused(&s.used(&s.ben, "4", "2").await, &["member-daily"]);
    // Limits count what the limit paid, reports everything.
    assert_eq!(s.sum("booked", 3, id).await, 10 * CREDIT);
    assert_eq!(s.sum("occurred", 3, id).await, 14 * CREDIT);
    assert_eq!(s.sum("booked", 10, id).await, 4 * CREDIT);
    assert_eq!(s.sum("booked", 1, s.org.id.raw()).await, 14 * CREDIT);
    s.verified().await;
    // What happened already counts for the limit, whatever is in the wallet.
    let usage = Usage::new("host", "late", 3 * CREDIT);
    let outcomes = s.portal.app.gate.report(s.org.id, vec![(s.who(&s.ben), usage)]).await;
    assert!(outcomes.expect("outcomes").iter().all(Result::is_ok));
    assert_eq!(s.sum("booked", 10, id).await, 4 * CREDIT);
    assert_eq!(s.sum("booked", 3, id).await, 13 * CREDIT);
    // Nothing that is not the member's own is paid by it.
    top_up(&s, &s.ben, "20").await;
    s.pool(&[("grant", "1")]).await;
    Stage::refused(&s.used(&s.ben, "5", "2").await, &["member-daily", "pool-total"]);
    let paid = Stage::booked(&s.used(&s.ben, "6", "1").await);
    assert_eq!(paid["charged"], "wallet", "the pool has room, and is not charged");
    assert_eq!(
        s.number("(select sum(booked) from usage_months where scope = 9)").await,
        0
    );
    s.verified().await;
    // Pages: one's own, and the administrators'.
    let mine = s.ben.get(&s.org.path("/usage/mine")).await.page(200);
    has(&mine, "#wallet", "My wallet");
    has(&mine, "#limits", "Your wallet pays from here 20 credits left");
    mine.assert_silent("Requests are refused");
    has(&mine, "#wallet .stats > div", "Balance 20 credits");
    has(&mine, "#wallet tbody tr", "A gift");
    has(&mine, "#wallet tbody tr", "Paid \u{2212}5 credits");
    let path = s.org.path(&format!("/members/{}/wallet", s.ben.id()));
    let page = s.ann.get(&path).await.page(200);
    page.assert_heading("Wallet of Ben");
    assert_eq!(page.count("form[action$=topups]"), 0, "administrators read");
    let adjust = format!("{path}/adjustments");
    let much = [("direction", "take"), ("amount", "21"), ("note", "A mistake")];
    let page = s.boss.post(&adjust, &much).await.page(422);
    page.assert_says("Only 20 credits in it are free");
    assert_eq!(page.attribute("#adjustment", "value").as_deref(), Some("21"));
    s.put(
        &adjust,
        &[("direction", "take"), ("amount", "20"), ("note", "A mistake")],
    )
    .await;
    Stage::refused(&s.used(&s.ben, "7", "1").await, &["member-daily"]);
    s.verified().await;
}

#[actix_web::test]
async fn r_lim_14_a_reservation_of_a_wallet_never_takes_more_than_is_in_it() {
    let s = stage().await;
    let id = s.ben.member.expect("ben").raw();
    s.cap(&s.ben, "", "0").await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "10").await;
    let wanted = json!({ "subject": s.ben.id(), "amount": "6", "ttl_s": 60 });
    let held = s.ask(Method::POST, "/api/v1/reservations", Some(wanted.clone())).await;
    assert_eq!(held.status, 201, "{}", held.body);
    assert_eq!(body(&held)["charged"], "wallet");
    let refused = s.ask(Method::POST, "/api/v1/reservations", Some(wanted)).await;
    Stage::refused(&refused, &["member-daily"]);
    let adjust = s.org.path(&format!("/members/{}/wallet/adjustments", s.ben.id()));
    let much = [("direction", "take"), ("amount", "5"), ("note", "A mistake")];
    let page = s.boss.post(&adjust, &much).await.page(422);
    page.assert_says("Only 4 credits in it are free");
    // More than was reserved, and than is there: it counts for the member's limit, and the wallet keeps what is in it.
    let name = body(&held)["id"].as_str().expect("an id").to_owned();
    let settle = async |name: &str, amount: &str| {
        let path = format!("/api/v1/reservations/{name}/settle");
        let wanted = json!({ "subject": s.ben.id(), "amount": amount });
        let answer = s.ask(Method::POST, &path, Some(wanted)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    settle(&name, "11").await;
    assert_eq!(s.sum("booked", 10, id).await, 0);
    assert_eq!(s.sum("booked", 3, id).await, 11 * CREDIT);
    let other = s.hold(&s.ben, 6).await;
    settle(&other.to_string(), "8").await;
    assert_eq!(s.sum("booked", 10, id).await, 8 * CREDIT, "a little more was in it");
    let third = s.hold(&s.ben, 2).await;
    s.portal.app.gate.release(&s.who(&s.ben), third).expect("a release");
    let ask = Ask {
        cost: 2 * CREDIT,
        ..Ask::default()
    };
    let verdict = s.portal.app.gate.check(&s.who(&s.ben), &ask).await;
    match verdict.expect("a verdict") {
        Verdict::Allow { pays, limits, .. } => {
            assert_eq!(pays, Pays::Wallet);
            let wallet = limits
                .iter()
                .find(|limit| limit.scope == Scope::Wallet)
                .expect("the wallet");
            assert_eq!((wallet.name, wallet.remaining), ("wallet-total", 2 * CREDIT));
        }
        Verdict::Deny(denial) => panic!("{denial:?}"),
    }
    s.verified().await;
}

/// A refused form leaves the wallet as it was, for whoever asks right after it too.
#[actix_web::test]
async fn r_lim_14_what_is_not_taken_out_after_all_is_free_at_once() {
    let s = stage().await;
    s.cap(&s.ben, "", "0").await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "3").await;
    s.hold(&s.ben, 1).await;
    let adjust = s.org.path(&format!("/members/{}/wallet/adjustments", s.ben.id()));
    let nameless = [("direction", "take"), ("amount", "1"), ("note", "")];
    s.boss.post(&adjust, &nameless).await.page(422).assert_says("Say why");
    s.hold(&s.ben, 2).await;
}

/// What is taken out by hand is not there for anybody who asks at the same time.
#[actix_web::test]
async fn r_lim_14_what_is_taken_out_by_hand_is_not_paid_twice() {
    let s = stage().await;
    let id = s.ben.member.expect("ben").raw();
    s.cap(&s.ben, "", "0").await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "40").await;
    let s = Arc::new(s);
    let mut tasks = Vec::new();
    for task in 0..8 {
        let s = Arc::clone(&s);
        tasks.push(rt::spawn(async move {
            let who = s.who(&s.ben);
            for step in 0..40 {
                let ask = Ask {
                    cost: CREDIT / 4,
                    ..Ask::default()
                };
                let usage = Usage::new("race", format!("{task}/{step}"), CREDIT / 4);
                s.portal.app.gate.record(&who, &ask, &usage).await.expect("an answer");
            }
        }));
    }
    let path = s.org.path(&format!("/members/{}/wallet/adjustments", s.ben.id()));
    let mut taken = 0;
    for _ in 0..6 {
        let fields = [("direction", "take"), ("amount", "5"), ("note", "A mistake")];
        let answer = s.boss.post(&path, &fields).await;
        assert!(matches!(answer.status, 303 | 422), "{}", answer.body);
        taken += i64::from(answer.status == 303) * 5 * CREDIT;
    }
    for task in tasks {
        task.await.expect("a task");
    }
    let paid = s.sum("booked", 10, id).await;
    assert!(paid + taken <= 40 * CREDIT, "{paid} was paid and {taken} taken out");
    assert!(taken > 0 && paid > 0, "both met");
    s.verified().await;
}

/// However many callers come at once, the wallet pays no more than is in it, and as much as fits.
#[actix_web::test]
async fn r_lim_14_no_number_of_callers_overdraws_a_wallet() {
    const TASKS: usize = 32;
    let s = stage().await;
    let id = s.ben.member.expect("ben").raw();
    s.cap(&s.ben, "", "0").await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "0.0005").await;
    let s = Arc::new(s);
    let mut tasks = Vec::new();
    for task in 0..TASKS {
        let s = Arc::clone(&s);
        tasks.push(rt::spawn(async move {
            let (who, mut paid) = (s.who(&s.ben), 0);
            let gate = &s.portal.app.gate;
            for step in 0..20 {
                let cost = 1 + ((task * 7 + step * 3) % 5) as i64;
                let ask = Ask { cost, ..Ask::default() };
                if step % 2 == 0 {
                    let usage = Usage::new("race", format!("{task}/{step}"), cost);
                    let granted = gate.record(&who, &ask, &usage).await.expect("an answer");
                    if granted.done.is_some() {
                        assert!(granted.verdict.is_by_wallet());
                        paid += cost;
                    }
                    continue;
                }
                let hold = Hold {
                    amount: cost,
                    ttl: Duration::from_secs(60),
                    idempotency_key: None,
                    ..Hold::default()
                };
                let Some(held) = gate.reserve(&who, &ask, &hold).await.expect("an answer").done else {
                    continue;
                };
                if step % 4 == 1 {
                    let used = Settlement {
                        amount: cost,
                        ..Settlement::default()
                    };
                    gate.settle(&who, held.id, &used).await.expect("a settlement");
                    paid += cost;
                } else {
                    match gate.release(&who, held.id) {
                        Ok(()) | Err(Error::Gone(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            paid
        }));
    }
    let mut paid = 0;
    for task in tasks {
        paid += task.await.expect("a task");
    }
    assert_eq!(
        s.sum("booked", 10, id).await,
        paid,
        "what was acknowledged is what is booked"
    );
    assert!(paid <= 500, "{paid} was paid out of 500");
    assert!(paid > 490, "{paid}: somebody was refused while there was room");
    assert_eq!(s.sum("booked", 3, id).await, 0);
    s.verified().await;
}

/// I-21: however many ask for the first time at once, no more is moved than there is.
#[actix_web::test]
async fn i_21_callers_who_come_at_once_share_what_is_there() {
    let s = stage().await;
    for someone in [&s.ann, &s.ben, &s.cat] {
        s.cap(someone, "60", "").await;
    }
    s.pool(&[("mode", "allocated"), ("grant", "100")]).await;
    let s = Arc::new(s);
    let mut tasks = Vec::new();
    for task in 0..24 {
        let s = Arc::clone(&s);
        tasks.push(rt::spawn(async move {
            let who = s.who([&s.ann, &s.ben, &s.cat][task % 3]);
            let mut paid = 0;
            for step in 0..10 {
                let cost = CREDIT;
                let usage = Usage::new("race", format!("{task}/{step}"), cost);
                let ask = Ask { cost, ..Ask::default() };
                let granted = s.portal.app.gate.record(&who, &ask, &usage).await.expect("an answer");
                paid += i64::from(granted.done.is_some());
            }
            paid
        }));
    }
    let mut paid = 0;
    for task in tasks {
        paid += task.await.expect("a task");
    }
    assert_eq!(paid, 100, "all of it, and no more");
    assert_eq!(s.balance().await, 0);
    s.verified().await;
    s.work().await;
    assert_eq!(s.balance().await, 0);
    s.verified().await;
}

#[actix_web::test]
async fn an_act_on_a_wallet_or_pool_is_recorded() {
    let s = stage().await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "5").await;
    let pool = s.pool(&[("grant", "5")]).await;
    s.put(&format!("{pool}/grants"), &[("grant", "5")]).await;
    let rows = s.portal.audit(Some(&s.org)).await;
    let names: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    for action in ["wallet.settings.update", "wallet.topup", "pool.create", "pool.grant"] {
        assert!(names.contains(&action), "{action} in {names:?}");
    }
    // The record of a wallet says how much, and the page of the record reads.
    let page = s.ann.get(&s.org.path("/audit")).await.page(200);
    page.assert_says("Topped up the wallet of Ben");
}

/// Whoever asks by a proxy, by AuthZEN or as a person hears of the wallet too.
#[actix_web::test]
async fn r_lim_14_every_face_knows_the_wallet() {
    let s = stage().await;
    s.cap(&s.ben, "", "0").await;
    wallets_on(&s).await;
    top_up(&s, &s.ben, "3").await;
    let own = crate::keys::own_key(&s.ben, &s.org, "api.call api.read").await;
    let forward = async |cost: &str| {
        let path = format!("/authz/forward?cost={cost}");
        let request = s.client.request(Method::GET, &path).bearer_auth(&own);
        s.client.send(request).await
    };
    let let_in = forward("3").await;
    assert_eq!(let_in.status, 200, "{}", let_in.body);
    assert!(
        let_in.header("ratelimit").contains("\"wallet-total\";r=3000000"),
        "{}",
        let_in.header("ratelimit")
    );
    assert_eq!(forward("4").await.status, 429);
    let wanted = json!({
        "subject": { "type": "user", "id": s.ben.id() },
        "action": { "name": "api.call" },
        "resource": { "type": "organization", "id": s.org.slug },
        "context": { "cost_micro": 3 * CREDIT },
    });
    let decided = s.ask(Method::POST, "/access/v1/evaluation", Some(wanted)).await;
    assert_eq!(decided.status, 200, "{}", decided.body);
    assert_eq!(
        body(&decided),
        json!({ "decision": true, "context": { "charged": "wallet" } })
    );
    // A person behind the proxy reads what the wallet lacks.
    let path = format!("/authz/forward?cost=4&org={}", s.org.slug);
    let request = s.ben.client.request(Method::GET, &path).header("accept", "text/html");
    let page = s.ben.client.send(request).await;
    assert_eq!(page.status, 429, "{}", page.body);
    assert!(
        page.body
            .contains("Your wallet has 3 credits, which is too little for this"),
        "{}",
        page.body
    );
}
