//! The faces of the gate over HTTP: reservations, usage, events, quota, introspection, AuthZEN and forward-auth.

use muster::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Org, Portal, Someone, raw, spawn};

/// Numbers of `limit_policies`.
const MEMBER: i64 = 5;
const DAY: i64 = 1;
const CREDIT: i64 = 1_000_000;
/// Everything that a service can do.
pub const ALL: &str = "gate.decide gate.reserve usage.write usage.correct usage.read key.introspect api.call";

/// A portal with a platform that may do everything, and Ben with a key of his own and ten credits a day.
pub struct Stage {
    pub portal: Portal,
    pub org: Org,
    pub ann: Someone,
    pub ben: Someone,
    pub client: Client,
    /// The key of the platform.
    pub platform: String,
    /// Ben's key.
    pub own: String,
}

pub async fn stage() -> Stage {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    let row = (org.id.raw() << 32) + 900_000;
    let (id, member, amount) = (org.id.raw(), ben.member.expect("a member").raw(), 10 * CREDIT);
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {id}, {MEMBER}, {member}, {DAY}, {amount}, 0, '', 0)"
    )).await;
    let platform = crate::keys::service_key(&ann, &org, ALL).await;
    let own = crate::keys::own_key(&ben, &org, "api.call api.read").await;
    let client = portal.anonymous();
    Stage {
        portal,
        org,
        ann,
        ben,
        client,
        platform,
        own,
    }
}

impl Stage {
    pub async fn ask(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Answer {
        let mut request = self.client.request(method, path).bearer_auth(key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.client.send(request).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &self.platform, Some(body)).await
    }
    pub fn ben(&self) -> String {
        self.ben.member.expect("a member").to_string()
    }
    pub async fn remaining(&self) -> String {
        let path = format!("/api/v1/quota?subject={}", self.ben());
        let answer = self.ask(Method::GET, &path, &self.platform, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)["limits"][0]["remaining"]
            .as_str()
            .expect("an amount")
            .to_owned()
    }
}

#[track_caller]
pub fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

#[actix_web::test]
async fn b_60_reserve_settle_and_release() {
    let stage = stage().await;
    let wanted = json!({ "subject": stage.ben(), "amount": "4", "ttl_s": 60 });
    let held = stage.post("/api/v1/reservations", wanted.clone()).await;
    assert_eq!(held.status, 201, "{}", held.body);
    assert_eq!(stage.remaining().await, "6");
    let id = body(&held)["id"].as_str().expect("an id").to_owned();
    let other = stage.post("/api/v1/reservations", wanted).await;
    let other_id = body(&other)["id"].as_str().expect("an id").to_owned();
    let settled = stage
        .post(
            &format!("/api/v1/reservations/{id}/settle"),
            json!({ "subject": stage.ben(), "amount": 1.5 }),
        )
        .await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    let again = stage
        .post(
            &format!("/api/v1/reservations/{id}/settle"),
            json!({ "subject": stage.ben(), "amount": "1.5" }),
        )
        .await;
    assert_eq!(body(&again)["duplicate"], true);
    let path = format!("/api/v1/reservations/{other_id}/release");
    assert_eq!(stage.post(&path, json!({ "subject": stage.ben() })).await.status, 204);
    assert_eq!(stage.post(&path, json!({ "subject": stage.ben() })).await.status, 410);
    assert_eq!(stage.remaining().await, "8.5");
}

#[actix_web::test]
async fn r_lim_07_08_b_67_what_is_over_a_limit_gets_429_that_says_everything() {
    let stage = stage().await;
    let used = |id: &str, amount: &str| json!({ "subject": stage.ben(), "source": "app", "id": id, "amount": amount, "activity_type": "api.request" });
    let first = stage.post("/api/v1/usage", used("1", "9.5")).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert!(
        first.header("ratelimit").starts_with("\"member-daily\";r=500000;t="),
        "{}",
        first.header("ratelimit")
    );
    let over = stage.post("/api/v1/usage", used("2", "0.6")).await;
    assert_eq!(over.status, 429, "{}", over.body);
    assert_eq!(over.header("content-type"), "application/problem+json");
    let retry: u64 = over.header("retry-after").parse().expect("seconds");
    assert!((1..=86_400).contains(&retry), "{retry}");
    let problem = body(&over);
    assert_eq!(problem["violated-policies"], json!(["member-daily"]));
    assert_eq!(problem["request_id"], over.header("x-request-id"));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("Contact your organization administrator")),
        "{problem}"
    );
    assert!(
        problem["contact"].as_array().is_some_and(|list| !list.is_empty()),
        "{problem}"
    );
    // What was booked before is answered as it was then.
    let again = stage.post("/api/v1/usage", used("1", "9.5")).await;
    assert_eq!((again.status, body(&again)["duplicate"].clone()), (200, json!(true)));
    assert_eq!(stage.remaining().await, "0.5");
}

#[actix_web::test]
async fn b_60_a_reservation_that_is_sent_again_is_the_same_one() {
    let stage = stage().await;
    let wanted = json!({ "subject": stage.ben(), "amount": "4" });
    let send = async |key: &str, wanted: &Value| {
        let request = stage
            .client
            .request(Method::POST, "/api/v1/reservations")
            .bearer_auth(&stage.platform)
            .header("idempotency-key", key)
            .json(wanted);
        stage.client.send(request).await
    };
    let (first, again) = (send("one", &wanted).await, send("one", &wanted).await);
    assert_eq!(
        (first.status, again.status),
        (201, 200),
        "{} {}",
        first.body,
        again.body
    );
    assert_eq!(body(&first)["id"], body(&again)["id"]);
    assert_eq!(stage.remaining().await, "6");
    let other = send("one", &json!({ "subject": stage.ben(), "amount": "5" })).await;
    assert!(matches!(other.status, 409 | 422), "{}: {}", other.status, other.body);
    assert_eq!(stage.remaining().await, "6");
}

#[actix_web::test]
async fn b_60_nobody_else_settles_a_reservation() {
    let stage = stage().await;
    let held = stage
        .post("/api/v1/reservations", json!({ "subject": stage.ben(), "amount": "4" }))
        .await;
    let id = body(&held)["id"].as_str().expect("an id").to_owned();
    let other = stage.portal.org("Zyzzyva Works").await;
    let zoe = stage.portal.member(&other, Role::Administrator, "zoe").await;
    let stranger = crate::keys::service_key(&zoe, &other, ALL).await;
    let colleague = crate::keys::service_key(&stage.ann, &stage.org, ALL).await;
    for verb in ["settle", "release"] {
        let path = format!("/api/v1/reservations/{id}/{verb}");
        for (key, subject) in [(&stranger, None), (&stranger, Some(stage.ben())), (&colleague, None)] {
            let mut wanted = json!({});
            if verb == "settle" {
                wanted["amount"] = json!("1");
            }
            if let Some(subject) = &subject {
                wanted["subject"] = json!(subject);
            }
            let answer = stage.ask(Method::POST, &path, key, Some(wanted)).await;
            assert!(
                matches!(answer.status, 403 | 404 | 410),
                "{verb} by {subject:?}: {} {}",
                answer.status,
                answer.body
            );
        }
    }
    assert_eq!(stage.remaining().await, "6", "it is held as before");
}

#[actix_web::test]
async fn bad_input_is_told_by_its_field_and_spends_nothing() {
    let stage = stage().await;
    let ben = stage.ben();
    for (path, wanted, pointer) in [
        (
            "/api/v1/usage",
            json!({ "subject": ben, "source": "", "id": "1", "amount": "1" }),
            "#/source",
        ),
        (
            "/api/v1/usage",
            json!({ "subject": ben, "source": "app", "id": "1", "amount": "1", "time": "today" }),
            "#/time",
        ),
        (
            "/api/v1/reservations",
            json!({ "subject": ben, "amount": "1", "ttl_s": 0 }),
            "#/ttl_s",
        ),
        (
            "/api/v1/reservations",
            json!({ "subject": ben, "amount": "-1" }),
            "#/amount",
        ),
    ] {
        let answer = stage.post(path, wanted).await;
        assert_eq!(answer.status, 422, "{path}: {}", answer.body);
        assert_eq!(
            body(&answer)["errors"][0]["pointer"],
            pointer,
            "{path}: {}",
            answer.body
        );
    }
    for (path, text) in [
        ("/api/v1/usage", "{"),
        ("/api/v1/usage", r#"{"source":"app","id":"1","amount":"1e400"}"#),
        ("/api/v1/usage", r#"{"source":"app","id":"1","amount":NaN}"#),
        ("/api/v1/usage", r#"{"source":"app","id":"1","amount":"0.0000001"}"#),
        (
            "/api/v1/usage",
            r#"{"source":"app","id":"1","amount":"1","surprise":true}"#,
        ),
    ] {
        let request = stage
            .client
            .request(Method::POST, path)
            .bearer_auth(&stage.platform)
            .header("content-type", "application/json")
            .body(text);
        let answer = stage.client.send(request).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(stage.remaining().await, "10");
}

#[actix_web::test]
async fn b_62_events_come_alone_in_batches_and_in_headers_and_count_once() {
    let stage = stage().await;
    let ben = stage.ben();
    let event = |id: &str, credits: &str| json!({ "specversion": "1.0", "id": id, "source": "app", "type": "flow.run", "subject": ben, "data": { "credits": credits, "flow": "nightly" } });
    let send = async |media: &str, text: String| {
        let request = stage
            .client
            .request(Method::POST, "/api/v1/events")
            .bearer_auth(&stage.platform)
            .header("content-type", media)
            .body(text);
        stage.client.send(request).await
    };
    let one = "application/cloudevents+json";
    for _ in 0..2 {
        let answer = send(one, event("1", "1").to_string()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    assert_eq!(stage.remaining().await, "9");
    let mut bad = event("3", "1");
    bad["subject"] = json!("nobody@elsewhere.example");
    let batch = json!([event("1", "1"), event("2", "2"), bad, event("1", "7"), { "specversion": "0.3" }]);
    let answer = send("application/cloudevents-batch+json; charset=utf-8", batch.to_string()).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    let told: Vec<Value> = body(&answer)["results"].as_array().expect("results").clone();
    let states: Vec<&str> = told
        .iter()
        .map(|one| one["status"].as_str().expect("a state"))
        .collect();
    assert_eq!(states[..3], ["duplicate", "booked", "invalid"], "{told:?}");
    assert_eq!(states[3], "conflict", "{told:?}");
    assert_eq!(states[4], "invalid", "{told:?}");
    assert!(
        told[2]["detail"].as_str().is_some_and(|text| text.contains("subject")),
        "{told:?}"
    );
    assert_eq!(stage.remaining().await, "7");
    let request = stage
        .client
        .request(Method::POST, "/api/v1/events")
        .bearer_auth(&stage.platform)
        .header("content-type", "application/json")
        .header("ce-specversion", "1.0")
        .header("ce-id", "4")
        .header("ce-source", "app")
        .header("ce-type", "api.request")
        .header("ce-subject", &stage.ben.email)
        .body(r#"{"credits":"0.5"}"#);
    assert_eq!(stage.client.send(request).await.status, 204);
    assert_eq!(stage.remaining().await, "6.5");
    let answer = send("text/plain", "hello".to_owned()).await;
    assert_eq!(answer.status, 415, "{}", answer.body);
}

#[actix_web::test]
async fn b_62_a_correction_needs_its_scope_and_gives_back() {
    let stage = stage().await;
    let event = |id: &str, credits: &str| json!({ "specversion": "1.0", "id": id, "source": "app", "type": "api.request", "subject": stage.ben(), "data": { "credits": credits } });
    let send = async |key: &str, event: Value| {
        let request = stage
            .client
            .request(Method::POST, "/api/v1/events")
            .bearer_auth(key)
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string());
        stage.client.send(request).await
    };
    assert_eq!(
        send(&stage.platform, event("1", "12")).await.status,
        204,
        "what has happened is booked, over a limit too"
    );
    assert_eq!(stage.remaining().await, "0");
    let ann = stage.portal.member(&stage.org, Role::Administrator, "ada").await;
    let writer = crate::keys::service_key(&ann, &stage.org, "usage.write").await;
    assert_eq!(send(&writer, event("2", "-3")).await.status, 403);
    assert_eq!(send(&stage.platform, event("2", "-3")).await.status, 204);
    assert_eq!(stage.remaining().await, "1");
    // More than was ever booked cannot be taken back: it would open every limit above.
    let refused = send(&stage.platform, event("3", "-9.5")).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(
        refused.body.contains("at most what was booked, which is 9 credits"),
        "{}",
        refused.body
    );
    assert_eq!(stage.remaining().await, "1");
    assert_eq!(send(&stage.platform, event("3", "-9")).await.status, 204);
    assert_eq!(
        send(&stage.platform, event("3", "-9")).await.status,
        204,
        "told again it counts once"
    );
    assert_eq!(stage.remaining().await, "10");
    // What stands before it in the same batch counts, and what is told again does not.
    let batch = async |events: Vec<Value>| {
        let request = stage.client.request(Method::POST, "/api/v1/events");
        let request = request
            .bearer_auth(&stage.platform)
            .header("content-type", "application/cloudevents-batch+json");
        stage.client.send(request.body(Value::from(events).to_string())).await
    };
    assert_eq!(batch(vec![event("4", "5"), event("5", "-5")]).await.status, 204);
    let answer = batch(vec![event("4", "5"), event("6", "-5")]).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    assert_eq!(stage.remaining().await, "10");
    let together = futures_util::future::join_all((10..20).map(|n| {
        let (booked, taken) = (event(&format!("up {n}"), "1"), event(&format!("down {n}"), "-2"));
        batch(vec![booked, taken])
    }));
    together.await;
    let least = stage.portal.number("select min(booked) from usage_months").await;
    assert!(least >= 0, "{least}");
}

#[actix_web::test]
async fn b_63_a_key_reads_its_own_quota_and_no_other() {
    let stage = stage().await;
    let own = stage.ask(Method::GET, "/api/v1/quota", &stage.own, None).await;
    assert_eq!(own.status, 200, "{}", own.body);
    let limit = &body(&own)["limits"][0];
    assert_eq!(
        (limit["policy"].as_str(), limit["limit"].as_str()),
        (Some("member-daily"), Some("10"))
    );
    assert!(
        own.header("ratelimit-policy")
            .starts_with("\"member-daily\";q=10000000;w=86400;"),
        "{}",
        own.header("ratelimit-policy")
    );
    let path = format!("/api/v1/quota?subject={}", stage.ben());
    assert_eq!(stage.ask(Method::GET, &path, &stage.own, None).await.status, 403);
}

#[actix_web::test]
async fn rfc_7662_a_key_is_what_its_standing_says() {
    let stage = stage().await;
    let ask = async |token: &str| {
        let request = stage
            .client
            .request(Method::POST, "/oauth/introspect")
            .bearer_auth(&stage.platform)
            .form(&[("token", token), ("token_type_hint", "access_token")]);
        let answer = stage.client.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)
    };
    let told = ask(&stage.own).await;
    assert_eq!(told["active"], true);
    assert_eq!(told["sub"], stage.ben());
    assert_eq!(told["username"], stage.ben.email);
    assert_eq!(told["scope"], "api.call api.read");
    assert_eq!(told["org"], stage.org.slug);
    assert_eq!(ask("mst_nothing").await, json!({ "active": false }));
    let other = stage.portal.org("Zyzzyva Works").await;
    let zoe = stage.portal.member(&other, Role::Administrator, "zoe").await;
    let foreign = crate::keys::service_key(&zoe, &other, "api.call").await;
    assert_eq!(ask(&foreign).await, json!({ "active": false }));
    stage.pause_ben().await;
    assert_eq!(ask(&stage.own).await, json!({ "active": false }));
}

impl Stage {
    /// Deactivates Ben, as an administrator does on the page.
    async fn pause_ben(&self) {
        let ann = self.portal.member(&self.org, Role::Administrator, "amy").await;
        let path = self.org.path(&format!("/members/{}/suspension", self.ben()));
        let answer = ann.post(&path, &[]).await;
        assert!(matches!(answer.status, 200 | 303), "{}", answer.body);
    }
    async fn evaluate(&self, subject: Value, action: &str, context: Value) -> Value {
        let asked = json!({
            "subject": subject,
            "action": { "name": action },
            "resource": { "type": "organization", "id": self.org.slug },
            "context": context,
        });
        let answer = self.post("/access/v1/evaluation", asked).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)
    }
}

#[actix_web::test]
async fn b_61_authzen_one_question() {
    let stage = stage().await;
    let ben = json!({ "type": "user", "id": stage.ben() });
    let by_mail = json!({ "type": "user", "id": stage.ben.email });
    assert_eq!(
        stage.evaluate(ben.clone(), "api.call", json!({})).await["decision"],
        true
    );
    assert_eq!(stage.evaluate(by_mail, "api.call", json!({})).await["decision"], true);
    let denied = stage.evaluate(ben.clone(), "member.manage", json!({})).await;
    assert_eq!(
        (&denied["decision"], &denied["context"]["reason"]),
        (&json!(false), &json!("permission-denied"))
    );
    let over = stage
        .evaluate(ben.clone(), "api.call", json!({ "cost_micro": 10_000_001 }))
        .await;
    assert_eq!(
        (&over["decision"], &over["context"]["policy"]),
        (&json!(false), &json!("member-daily"))
    );
    assert_eq!(stage.remaining().await, "10", "a question spends nothing");
    let stranger = json!({ "type": "user", "id": "nobody@elsewhere.example" });
    assert_eq!(stage.evaluate(stranger, "api.call", json!({})).await["decision"], false);
    stage.pause_ben().await;
    assert_eq!(
        stage.evaluate(ben, "api.call", json!({})).await["decision"],
        false,
        "on the next request"
    );
}

#[actix_web::test]
async fn b_61_authzen_form_and_errors() {
    let stage = stage().await;
    let send = async |media: &str, text: &str| {
        let request = stage
            .client
            .request(Method::POST, "/access/v1/evaluation")
            .bearer_auth(&stage.platform)
            .header("content-type", media)
            .header("x-request-id", "bfe9eb29-ab87-4ca3-be83-a1d5d8305716")
            .body(text.to_owned());
        stage.client.send(request).await
    };
    let right = format!(
        r#"{{"subject":{{"type":"user","id":"{}"}},"action":{{"name":"api.call"}},"resource":{{"type":"organization","id":"{}"}},"surprise":1}}"#,
        stage.ben(),
        stage.org.slug
    );
    let answer = send("application/json", &right).await;
    assert_eq!((answer.status, body(&answer)["decision"].clone()), (200, json!(true)));
    assert_eq!(
        answer.header("x-request-id"),
        "bfe9eb29-ab87-4ca3-be83-a1d5d8305716",
        "echoed"
    );
    for (media, text) in [
        ("application/json", ""),
        ("application/json", "{"),
        ("application/json", "[]"),
        ("text/plain", right.as_str()),
        (
            "application/json",
            r#"{"action":{"name":"a"},"resource":{"type":"a","id":"b"}}"#,
        ),
        (
            "application/json",
            r#"{"subject":"x","action":{"name":"a"},"resource":{"type":"a","id":"b"}}"#,
        ),
        (
            "application/json",
            r#"{"subject":{"type":"user"},"action":{"name":"a"},"resource":{"type":"a","id":"b"}}"#,
        ),
        (
            "application/json",
            r#"{"subject":{"type":"user","id":1},"action":{"name":"a"},"resource":{"type":"a","id":"b"}}"#,
        ),
        (
            "application/json",
            r#"{"subject":{"type":"user","id":"x"},"action":{},"resource":{"type":"a","id":"b"}}"#,
        ),
        (
            "application/json",
            r#"{"subject":{"type":"user","id":"x"},"action":{"name":"a"},"resource":{"type":"a","id":"b"},"context":[]}"#,
        ),
    ] {
        let answer = send(media, text).await;
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
        assert!(body(&answer).is_string(), "{text}: {}", answer.body);
    }
    let found = stage
        .ask(Method::GET, "/.well-known/authzen-configuration", "", None)
        .await;
    let found = body(&found);
    for (name, path) in [
        ("access_evaluation_endpoint", "/access/v1/evaluation"),
        ("access_evaluations_endpoint", "/access/v1/evaluations"),
    ] {
        let address = found[name].as_str().expect("an address");
        assert!(address.ends_with(path), "{found}");
    }
}

#[actix_web::test]
async fn b_61_authzen_many_questions() {
    let stage = stage().await;
    let ask = async |semantic: Option<&str>| {
        let mut asked = json!({
            "subject": { "type": "user", "id": stage.ben() },
            "resource": { "type": "organization", "id": stage.org.slug },
            "evaluations": [
                { "action": { "name": "api.call" } },
                { "action": { "name": "member.manage" } },
                { "action": {} },
                { "action": { "name": "api.read" }, "subject": { "type": "user", "id": "nobody@elsewhere.example" } },
            ],
        });
        if let Some(semantic) = semantic {
            asked["options"] = json!({ "evaluations_semantic": semantic });
        }
        let answer = stage.post("/access/v1/evaluations", asked).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = body(&answer);
        let told = told["evaluations"].as_array().expect("evaluations").clone();
        (
            told.iter().map(|one| one["decision"] == true).collect::<Vec<bool>>(),
            told,
        )
    };
    let (all, told) = ask(None).await;
    assert_eq!(all, [true, false, false, false]);
    assert_eq!(told[2]["context"]["error"]["status"], 400);
    assert_eq!(ask(Some("deny_on_first_deny")).await.0, [true, false]);
    assert_eq!(ask(Some("permit_on_first_permit")).await.0, [true]);
}

#[actix_web::test]
async fn b_61_forward_auth_names_whoever_it_lets_in() {
    let stage = stage().await;
    let ask = async |path: &str, key: Option<&str>| {
        let mut request = stage
            .client
            .request(Method::GET, path)
            .header("x-muster-groups", "forged")
            .header("x-muster-user", "forged");
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        stage.client.send(request).await
    };
    for path in ["/authz/forward", "/authz/nginx", "/authz/envoy/api.call/v1/chat"] {
        let answer = ask(path, Some(&stage.own)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert_eq!(answer.header("x-muster-user"), stage.ben());
        assert_eq!(answer.header("x-muster-email"), stage.ben.email);
        assert_eq!(answer.header("x-muster-org"), stage.org.slug);
        assert_eq!(answer.header("x-muster-groups"), "");
        assert!(
            answer.header("ratelimit").starts_with("\"member-daily\";r=10000000;"),
            "{path}"
        );
        let unknown = ask(path, None).await;
        assert_eq!((unknown.status, unknown.header("x-muster-user")), (401, ""), "{path}");
    }
    let held = ask("/authz/forward?reserve=9.5&ttl_s=60", Some(&stage.own)).await;
    assert_eq!(held.status, 200, "{}", held.body);
    let id = held.header("x-muster-reservation").to_owned();
    assert!(id.starts_with("res_"), "{id}");
    let over = ask("/authz/forward?cost=0.6", Some(&stage.own)).await;
    assert_eq!(over.status, 429, "{}", over.body);
    assert!(!over.header("retry-after").is_empty() && over.header("x-muster-user").is_empty());
    let nginx = ask("/authz/nginx?cost=0.6", Some(&stage.own)).await;
    assert_eq!((nginx.status, nginx.header("x-muster-status")), (403, "429"));
    assert_eq!(nginx.header("x-muster-retry-after"), over.header("retry-after"));
    let other = ask("/authz/forward?permission=member.manage", Some(&stage.own)).await;
    assert_eq!(other.status, 403, "{}", other.body);
    let path = format!("/api/v1/reservations/{id}/settle");
    let settled = stage.post(&path, json!({ "key": stage.own, "amount": "2" })).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    assert_eq!(stage.remaining().await, "8");
}

#[actix_web::test]
async fn c_14_the_first_call_makes_a_member_active() {
    let stage = stage().await;
    let active = || async {
        let sql = format!(
            "select cast(count(*) as text) from members where id = {} and context_at is not null",
            stage.ben.member.expect("a member").raw()
        );
        crate::support::texts(&stage.portal.app.db, &sql).await.remove(0)
    };
    raw(&stage.portal.app.db, "update members set context_at = null").await;
    assert_eq!(active().await, "0");
    stage.ask(Method::GET, "/api/v1/quota", &stage.own, None).await;
    stage
        .portal
        .app
        .gate
        .save_uses(&stage.portal.operator())
        .await
        .expect("uses");
    assert_eq!(active().await, "1");
    let used = "select cast(count(*) as text) from api_keys where last_used_at is not null";
    assert_eq!(crate::support::texts(&stage.portal.app.db, used).await, ["1"]);
}

#[actix_web::test]
async fn b_61_authzen_searches_say_what_evaluations_say() {
    let stage = stage().await;
    let search = async |what: &str, asked: Value| {
        let answer = stage.post(&format!("/access/v1/search/{what}"), asked).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        body(&answer)
    };
    let here = json!({ "type": "organization", "id": stage.org.slug });
    let ben = json!({ "type": "user", "id": stage.ben() });
    let names = |found: &Value, field: &str| -> Vec<String> {
        let list = found["results"].as_array().expect("results");
        list.iter()
            .map(|one| one[field].as_str().expect("a text").to_owned())
            .collect()
    };
    let wanted = |page: Value| json!({ "subject": { "type": "user", "id": "ignored" }, "action": { "name": "api.call" }, "resource": here, "page": page });
    let all = search("subject", wanted(json!({}))).await;
    assert!(names(&all, "id").contains(&stage.ben()), "{all}");
    assert_eq!(all["page"]["next_token"], "");
    // Page by page it is the same, in the same order.
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let one = search("subject", wanted(json!({ "limit": 1, "token": token }))).await;
        seen.extend(names(&one, "id"));
        token = one["page"]["next_token"].as_str().expect("a token").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, names(&all, "id"));
    let nobody = json!({ "subject": { "type": "robot" }, "action": { "name": "api.call" }, "resource": here });
    assert_eq!(search("subject", nobody).await["results"], json!([]));
    let actions = search("action", json!({ "subject": ben, "resource": here })).await;
    let actions = names(&actions, "name");
    assert!(
        actions.contains(&"api.call".to_owned()) && !actions.contains(&"app.deploy".to_owned()),
        "{actions:?}"
    );
    for name in ["api.call", "app.deploy"] {
        let single = stage.evaluate(ben.clone(), name, json!({})).await;
        assert_eq!(single["decision"] == true, actions.contains(&name.to_owned()), "{name}");
    }
    let places = search(
        "resource",
        json!({ "subject": ben, "action": { "name": "api.call" }, "resource": { "type": "organization" } }),
    )
    .await;
    assert_eq!(
        places["results"],
        json!([{ "type": "organization", "id": stage.org.slug }])
    );
    let none = search(
        "resource",
        json!({ "subject": ben, "action": { "name": "api.call" }, "resource": { "type": "starship" } }),
    )
    .await;
    assert_eq!(none["results"], json!([]));
    stage.pause_ben().await;
    assert_eq!(
        search("action", json!({ "subject": ben, "resource": here })).await["results"],
        json!([])
    );
    let bad = stage.post("/access/v1/search/action", json!({ "subject": ben })).await;
    assert!(bad.status == 400 && body(&bad).is_string(), "{}", bad.body);
}
