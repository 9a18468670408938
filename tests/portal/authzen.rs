//! AuthZEN Authorization API 1.0: the certification scenario of the OpenID Foundation's working group (openid/authzen,
//! `certification/authorization-api-1_0-scenario.md`), one test for each of its seven sub-levels, and what the specification wants beside.
//!
//! The scenario names its own people, records and actions; here they are Muster's, and the decisions are the scenario's:
//!
//! | the scenario | here |
//! |---|---|
//! | `alice` | a developer's API key, with the feature `write` and ten credits a day |
//! | `bob` | a developer by membership, who comes without a key |
//! | `bob` with `role: admin` | the same with `key_id`: a key that has the features `write` and `archive` |
//! | `record-1`, `record-2` | two groups |
//! | `status: archived` | `feature: archive`: whoever writes needs that feature too |
//! | `read`, `write` | the permission `api.read`, the feature `write` |
//! | `delete` with `soft` | the permission `api.call` at a `cost_micro` that alice has left, or has not |

use muster::{
    access::{Role, inside, permission},
    groups,
    ids::{GroupId, KeyId, MemberId},
    members::member,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    keys::{own_key, service_key},
    support::{Answer, Client, Org, Portal, Someone, raw, spawn, spawn_with, texts},
};

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
const SUBJECT: &str = "/access/v1/search/subject";
const RESOURCE: &str = "/access/v1/search/resource";
const ACTION: &str = "/access/v1/search/action";
const ALL: [&str; 5] = [EVALUATION, EVALUATIONS, SUBJECT, RESOURCE, ACTION];

const READ: &str = "api.read";
const WRITE: &str = "write";
const DELETE: &str = "api.call";

/// What the caller names its request; every answer must say it again.
const REQUEST: &str = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";

/// The fixture, with a platform that asks.
struct Scenario {
    portal: Portal,
    org: Org,
    client: Client,
    platform: String,
    ann: Someone,
    alice_person: String,
    bob_person: String,
    bob_email: String,
    alice_key: String,
    bob_key: String,
    records: [String; 2],
}

async fn group(portal: &Portal, org: &Org, name: &str) -> GroupId {
    let by = inside::<permission::GroupManage>(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("a proof");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = groups::create(&mut tx, &by, name, groups::Kind::Project, portal.clock.now())
        .await
        .expect("a group");
    tx.commit().await.expect("a commit");
    id
}

/// The id of a member's one key, which gets features before anybody has used it.
async fn key_of(portal: &Portal, org: &Org, owner: &Someone, features: &[&str]) -> String {
    let (db, member) = (&portal.app.db, owner.member.expect("a member").raw());
    let key = portal
        .number(format!("select id from api_keys where member_id = {member}"))
        .await;
    for feature in features {
        let org = org.id.raw();
        raw(db, &format!(
            "insert into key_features (key_id, feature_id, org_id, value) select {key}, id, {org}, 'on' from features where org_id = {org} and key = '{feature}'"
        )).await;
    }
    KeyId::from_raw(key).to_string()
}

async fn scenario() -> Scenario {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let alice = portal.member(&org, Role::Developer, "alice").await;
    let bob = portal.member(&org, Role::Developer, "bob").await;
    for key in ["write", "archive"] {
        let fields = [
            ("title", key),
            ("key", key),
            ("kind", "bool"),
            ("choices", ""),
            ("default_value", ""),
        ];
        let path = org.path("/keys/features");
        ann.post(&path, &fields).await.redirects_to(&path);
    }
    let (row, id, member) = (
        (org.id.raw() << 32) + 900_000,
        org.id.raw(),
        alice.member.expect("a member").raw(),
    );
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {id}, 5, {member}, 1, 10000000, 0, '', 0)"
    )).await;
    for owner in [&alice, &bob] {
        own_key(owner, &org, "api.call api.read").await;
    }
    let records = [
        group(&portal, &org, "Record 1").await,
        group(&portal, &org, "Record 2").await,
    ];
    Scenario {
        client: portal.anonymous(),
        platform: service_key(&ann, &org, "gate.decide").await,
        alice_key: key_of(&portal, &org, &alice, &["write"]).await,
        bob_key: key_of(&portal, &org, &bob, &["write", "archive"]).await,
        alice_person: alice.id(),
        bob_person: bob.id(),
        bob_email: bob.email,
        records: records.map(|id| id.to_string()),
        portal,
        org,
        ann,
    }
}

#[track_caller]
fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

fn action(name: &str) -> Value {
    json!({ "name": name })
}

/// The scenario's circumstances, which decide nothing.
fn context() -> Value {
    json!({ "time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1" })
}

impl Scenario {
    fn alice(&self) -> Value {
        json!({ "type": "api_key", "id": self.alice_key })
    }
    fn bob(&self) -> Value {
        json!({ "type": "user", "id": self.bob_person })
    }
    /// Bob with what lets him write where others may not.
    fn bob_as_admin(&self) -> Value {
        json!({ "type": "user", "id": self.bob_person, "properties": { "key_id": self.bob_key } })
    }
    fn record(&self, number: usize) -> Value {
        json!({ "type": "group", "id": self.records[number - 1] })
    }
    fn archived(&self, number: usize) -> Value {
        json!({ "type": "group", "id": self.records[number - 1], "properties": { "feature": "archive" } })
    }
    fn active(&self, number: usize) -> Value {
        json!({ "type": "group", "id": self.records[number - 1], "properties": { "status": "active", "owner": "bob" } })
    }

    async fn send(&self, path: &str, media: Option<&str>, text: String) -> Answer {
        let mut request = self
            .client
            .request(Method::POST, path)
            .bearer_auth(&self.platform)
            .header("x-request-id", REQUEST)
            .body(text);
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        self.client.send(request).await
    }
    /// Sends what must be understood: 200 with JSON, and the request's id again.
    async fn post(&self, path: &str, wanted: &Value) -> Value {
        let answer = self.send(path, Some("application/json"), wanted.to_string()).await;
        assert_eq!(answer.status, 200, "{wanted}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json", "{wanted}");
        assert_eq!(answer.header("x-request-id"), REQUEST, "{wanted}");
        body(&answer)
    }
    /// Sends what cannot be understood: 400 with a text, and the request's id again.
    async fn refused_as(&self, path: &str, media: Option<&str>, text: &str) {
        let answer = self.send(path, media, text.to_owned()).await;
        assert_eq!(answer.status, 400, "{path} {media:?} {text}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json", "{path} {text}");
        assert_eq!(answer.header("x-request-id"), REQUEST, "{path} {text}");
        assert!(
            body(&answer).as_str().is_some_and(|text| !text.is_empty()),
            "{}",
            answer.body
        );
    }
    async fn refused(&self, path: &str, wanted: &Value) {
        self.refused_as(path, Some("application/json"), &wanted.to_string())
            .await;
    }
    /// What comes with no JSON at all is refused by every address alike.
    async fn refuses_what_is_no_json(&self, path: &str, right: &Value) {
        let right = right.to_string();
        for media in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
            self.refused_as(path, media, &right).await;
        }
        for text in ["", "{", "[]", "null", "\"x\"", "{\"subject\": }", "{} {}"] {
            self.refused_as(path, Some("application/json"), text).await;
        }
        self.refused_as(path, Some("application/json"), &"[".repeat(5_000))
            .await;
    }

    /// A decision, with the form that every decision has.
    async fn decide(&self, wanted: &Value) -> bool {
        decision(&self.post(EVALUATION, wanted).await)
    }
    async fn evaluate(&self, subject: Value, action: Value, resource: Value) -> bool {
        self.decide(&json!({ "subject": subject, "action": action, "resource": resource }))
            .await
    }
    /// The decisions of a batch, in their order.
    async fn batch(&self, wanted: &Value) -> Vec<bool> {
        let told = self.post(EVALUATIONS, wanted).await;
        assert!(told.get("decision").is_none(), "{told}");
        let list = told["evaluations"]
            .as_array()
            .unwrap_or_else(|| panic!("no evaluations: {told}"));
        list.iter().map(decision).collect()
    }
    /// What a search finds, with the form that every search's answer has; `field` is what tells results apart.
    async fn search(&self, path: &str, wanted: &Value) -> Vec<String> {
        let told = self.post(path, wanted).await;
        found(path, wanted, &told)
    }
}

#[track_caller]
fn decision(told: &Value) -> bool {
    assert!(told.get("context").is_none_or(Value::is_object), "{told}");
    told["decision"]
        .as_bool()
        .unwrap_or_else(|| panic!("no decision: {told}"))
}

#[track_caller]
fn found(path: &str, wanted: &Value, told: &Value) -> Vec<String> {
    let (page, results) = (&told["page"], told["results"].as_array().expect("results"));
    assert!(page["next_token"].is_string(), "{told}");
    assert_eq!(page["count"], results.len(), "{told}");
    let text = |one: &Value, field: &str| {
        one[field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field}: {told}"))
            .to_owned()
    };
    let (kind, field) = match path {
        SUBJECT => (wanted["subject"]["type"].as_str(), "id"),
        RESOURCE => (wanted["resource"]["type"].as_str(), "id"),
        _ => (None, "name"),
    };
    for one in results {
        assert_eq!(one["type"].as_str(), kind, "{told}");
    }
    results.iter().map(|one| text(one, field)).collect()
}

fn without(whole: &Value, part: &str, field: Option<&str>) -> Value {
    let mut less = whole.clone();
    let all = less.as_object_mut().expect("an object");
    match field {
        None => drop(all.remove(part)),
        Some(field) => drop(all[part].as_object_mut().expect("an object").remove(field)),
    }
    less
}

/// Basic Core: decision rules 1 to 4, what is let in beside them, the form of answers, errors, the request's id, and the same again.
#[actix_web::test]
async fn basic_core() {
    let s = scenario().await;
    let rule_1 = json!({ "subject": s.alice(), "action": action(READ), "resource": s.record(1) });
    // c-2-2-1, c-2-2-2 and the rules between them.
    assert!(s.decide(&rule_1).await, "rule 1");
    assert!(s.evaluate(s.alice(), action(WRITE), s.record(1)).await, "rule 2");
    assert!(s.evaluate(s.bob(), action(READ), s.record(1)).await, "rule 3");
    assert!(!s.evaluate(s.bob(), action(WRITE), s.record(1)).await, "rule 4");
    // c-2-2-3: circumstances decide nothing here.
    let mut with = rule_1.clone();
    with["context"] = context();
    assert!(s.decide(&with).await);
    // c-2-2-8, c-2-2-9: what is not known is left alone.
    with = json!({
        "subject": { "type": "api_key", "id": s.alice_key, "properties": { "department": "Sales", "role": "manager" } },
        "action": { "name": READ, "properties": { "method": "GET" } },
        "resource": s.active(1),
    });
    assert!(s.decide(&with).await);
    with = rule_1.clone();
    with["foo"] = json!("bar");
    with["futureField"] = json!({ "nested": true });
    with["subject"]["later"] = json!([1]);
    assert!(s.decide(&with).await);
    // c-2-4-1, c-2-4-2: what is missing.
    for part in ["subject", "action", "resource"] {
        s.refused(EVALUATION, &without(&rule_1, part, None)).await;
    }
    for (part, field) in [
        ("subject", "type"),
        ("subject", "id"),
        ("action", "name"),
        ("resource", "type"),
        ("resource", "id"),
    ] {
        s.refused(EVALUATION, &without(&rule_1, part, Some(field))).await;
    }
    // c-2-4-3 to c-2-4-5.
    s.refuses_what_is_no_json(EVALUATION, &rule_1).await;
    // c-2-4-6: fields of another kind.
    for (pointer, value) in [
        ("/subject", json!("alice")),
        ("/subject/id", json!(1)),
        ("/subject/id", json!("")),
        ("/subject/type", json!(null)),
        ("/action", json!([])),
        ("/action/name", json!(123)),
        ("/resource", json!(null)),
        ("/resource/id", json!({})),
    ] {
        let mut wrong = rule_1.clone();
        *wrong.pointer_mut(pointer).expect("it is there") = value;
        s.refused(EVALUATION, &wrong).await;
    }
    for (part, value) in [("subject", json!([])), ("action", json!("x")), ("resource", json!(1))] {
        let mut wrong = rule_1.clone();
        wrong[part]["properties"] = value;
        s.refused(EVALUATION, &wrong).await;
    }
    with = rule_1.clone();
    with["context"] = json!([]);
    s.refused(EVALUATION, &with).await;
    // c-2-5-2: without an id of the caller's there is one of ours.
    let request = s
        .client
        .request(Method::POST, EVALUATION)
        .bearer_auth(&s.platform)
        .json(&rule_1);
    let answer = s.client.send(request).await;
    assert_eq!((answer.status, answer.header("x-request-id").len()), (200, 16));
    // A media type may say more, in whatever letters.
    let answer = s
        .send(EVALUATION, Some("Application/JSON; charset=utf-8"), rule_1.to_string())
        .await;
    assert_eq!((answer.status, body(&answer)), (200, json!({ "decision": true })));
    // c-2-6: the same again and again.
    for _ in 0..5 {
        assert!(s.decide(&rule_1).await);
        assert!(!s.evaluate(s.bob(), action(WRITE), s.record(1)).await);
    }
}

/// Basic Properties: decision rules 5 to 8, each beside the same question without the property that turns it.
#[actix_web::test]
async fn basic_properties() {
    let s = scenario().await;
    // c-2-2-4 and c-2-2-5.
    assert!(!s.evaluate(s.alice(), action(WRITE), s.archived(2)).await, "rule 5");
    assert!(
        s.evaluate(s.bob_as_admin(), action(WRITE), s.archived(2)).await,
        "rule 6"
    );
    // It is the property that decides, and not which record it is.
    assert!(!s.evaluate(s.alice(), action(WRITE), s.archived(1)).await);
    assert!(s.evaluate(s.alice(), action(WRITE), s.record(2)).await);
    assert!(!s.evaluate(s.bob(), action(WRITE), s.archived(2)).await);
    assert!(s.evaluate(s.alice(), action(READ), s.record(2)).await);
    assert!(
        !s.evaluate(s.alice(), action(READ), s.archived(2)).await,
        "what a resource needs, reading needs"
    );
    // c-2-2-6 and c-2-2-7.
    let delete = |cost: Value| json!({ "name": DELETE, "properties": { "cost_micro": cost } });
    assert!(
        s.evaluate(s.alice(), delete(json!(1_000_000)), s.record(1)).await,
        "rule 7"
    );
    assert!(
        !s.evaluate(s.alice(), delete(json!(10_000_001)), s.record(1)).await,
        "rule 8"
    );
    assert!(
        s.evaluate(s.alice(), delete(json!(10_000_000)), s.record(1)).await,
        "a question spends nothing"
    );
    // An action's own cost goes before one of the circumstances.
    let mut asked = json!({ "subject": s.alice(), "action": delete(json!(1)), "resource": s.record(1), "context": { "cost_micro": 10_000_001 } });
    assert!(s.decide(&asked).await);
    asked["action"] = action(DELETE);
    assert!(!s.decide(&asked).await);
    // What is known by name but cannot be read decides nothing.
    for cost in [json!(-1), json!("1"), json!(1.5), json!(null), json!(u64::MAX)] {
        asked["action"] = delete(cost);
        s.refused(EVALUATION, &asked).await;
    }
    asked["action"] = action(DELETE);
    asked["resource"]["properties"] = json!({ "feature": true });
    s.refused(EVALUATION, &asked).await;
    asked["resource"] = s.record(1);
    asked["subject"]["properties"] = json!({ "key_id": 7 });
    s.refused(EVALUATION, &asked).await;
    // Nobody comes with somebody else's key, and a key has no more than its owner.
    let with = |id: &str, key: &str| json!({ "type": "user", "id": id, "properties": { "key_id": key } });
    assert!(
        s.evaluate(with(&s.alice_person, &s.alice_key), action(WRITE), s.record(1))
            .await
    );
    for (id, key) in [
        (&s.alice_person, &s.bob_key),
        (&s.bob_person, &s.alice_key),
        (&s.bob_person, &s.bob_person),
        (&s.bob_person, &s.records[0]),
    ] {
        assert!(
            !s.evaluate(with(id, key), action(READ), s.record(1)).await,
            "{id} with {key}"
        );
    }
    assert!(!s.evaluate(s.bob_as_admin(), action("app.deploy"), s.record(1)).await);
    assert!(s.evaluate(s.bob(), action("member.read"), s.record(1)).await);
    assert!(
        !s.evaluate(s.bob_as_admin(), action("member.read"), s.record(1)).await,
        "no key has that scope"
    );
}

/// Batch Core: many questions at once, with defaults, their order and number, one that fails, and none at all.
#[actix_web::test]
async fn batch_core() {
    let s = scenario().await;
    let (read, write) = (action(READ), action(WRITE));
    // c-3-2-1.
    let records = json!([{ "resource": s.record(1) }, { "resource": s.record(2) }]);
    let asked = json!({ "subject": s.alice(), "action": read, "evaluations": records });
    assert_eq!(s.batch(&asked).await.len(), 2);
    // c-3-2-2: decided, and in their order.
    let asked = json!({ "subject": s.bob(), "resource": s.record(1), "evaluations": [{ "action": read }, { "action": write }] });
    assert_eq!(s.batch(&asked).await, [true, false]);
    let asked = json!({ "subject": s.bob(), "resource": s.record(1), "evaluations": [{ "action": write }, { "action": read }] });
    assert_eq!(s.batch(&asked).await, [false, true]);
    // c-3-2-5: without defaults.
    let asked = json!({ "evaluations": [
        { "subject": s.alice(), "action": read, "resource": s.record(1) },
        { "subject": s.bob(), "action": write, "resource": s.record(1) },
    ] });
    assert_eq!(s.batch(&asked).await, [true, false]);
    // c-3-2-6: circumstances are inherited, or replaced whole.
    let over = json!({ "cost_micro": 10_000_001 });
    let asked = json!({ "subject": s.alice(), "action": action(DELETE), "resource": s.record(1), "context": over, "evaluations": [
        {},
        { "context": { "time": "2025-06-27T19:00-07:00", "source": "batch-override" } },
        { "context": over },
    ] });
    assert_eq!(s.batch(&asked).await, [false, true, false]);
    // c-3-4-1: one that lacks something is refused alone, and so is one that is no question.
    let options = json!({ "evaluations_semantic": "execute_all" });
    let asked = json!({ "subject": s.alice(), "action": read, "options": options, "evaluations": [
        { "resource": s.record(1) }, {}, 7, { "resource": "record-1" }, { "resource": s.record(1) },
    ] });
    assert_eq!(s.batch(&asked).await, [true, false, false, false, true]);
    let told = s.post(EVALUATIONS, &asked).await;
    assert_eq!(told["evaluations"][1]["context"]["error"]["status"], 400, "{told}");
    // c-3-4-2, c-3-4-3: without questions it is one question.
    let mut alone = json!({ "subject": s.alice(), "action": read, "resource": s.record(1) });
    assert_eq!(s.post(EVALUATIONS, &alone).await, json!({ "decision": true }));
    alone["evaluations"] = json!([]);
    assert_eq!(s.post(EVALUATIONS, &alone).await, json!({ "decision": true }));
    for part in ["subject", "action", "resource"] {
        s.refused(EVALUATIONS, &without(&alone, part, None)).await;
    }
    // What is wrong with the whole refuses the whole.
    s.refuses_what_is_no_json(EVALUATIONS, &alone).await;
    for (name, value) in [
        ("evaluations", json!({})),
        ("evaluations", json!(vec![json!({}); 1_001])),
        ("options", json!("execute_all")),
        ("options", json!({ "evaluations_semantic": "execute_some" })),
        ("options", json!({ "evaluations_semantic": 1 })),
    ] {
        let mut wrong = alone.clone();
        wrong[name] = value;
        s.refused(EVALUATIONS, &wrong).await;
    }
}

/// The specification's other two semantics: the first denial ends it, or the first permit; an error denies.
#[actix_web::test]
async fn batch_semantics() {
    let s = scenario().await;
    let (yes, no, error) = (
        json!({ "action": action(READ) }),
        json!({ "action": action(WRITE) }),
        json!({ "action": {} }),
    );
    for (semantic, questions, expected) in [
        ("execute_all", [&no, &yes, &error, &yes], vec![false, true, false, true]),
        ("deny_on_first_deny", [&yes, &yes, &no, &yes], vec![true, true, false]),
        ("deny_on_first_deny", [&yes, &error, &yes, &yes], vec![true, false]),
        ("deny_on_first_deny", [&yes, &yes, &yes, &yes], vec![true; 4]),
        (
            "permit_on_first_permit",
            [&no, &error, &yes, &no],
            vec![false, false, true],
        ),
        ("permit_on_first_permit", [&yes, &no, &no, &no], vec![true]),
        ("permit_on_first_permit", [&no, &no, &error, &no], vec![false; 4]),
    ] {
        let options = json!({ "evaluations_semantic": semantic, "another_option": "value" });
        let asked =
            json!({ "subject": s.bob(), "resource": s.record(1), "options": options, "evaluations": questions });
        assert_eq!(s.batch(&asked).await, expected, "{semantic}");
    }
}

/// Batch Properties: properties belong to their own question, and a part of a question replaces the default whole.
#[actix_web::test]
async fn batch_properties() {
    let s = scenario().await;
    // c-3-2-3 and c-3-2-4.
    let asked = json!({ "subject": s.alice(), "action": action(WRITE), "evaluations": [{ "resource": s.active(1) }, { "resource": s.archived(2) }] });
    assert_eq!(s.batch(&asked).await, [true, false]);
    let asked = json!({ "action": action(WRITE), "resource": s.archived(2), "evaluations": [{ "subject": s.alice() }, { "subject": s.bob_as_admin() }] });
    assert_eq!(s.batch(&asked).await, [false, true]);
    // c-3-2-7.
    let asked = json!({ "subject": s.alice(), "action": action(WRITE), "resource": s.active(1), "evaluations": [{}, { "resource": s.archived(2) }] });
    assert_eq!(s.batch(&asked).await, [true, false]);
    // Nothing of a default stays in what replaces it.
    let asked = json!({ "subject": s.bob_as_admin(), "action": action(WRITE), "resource": s.archived(2), "evaluations": [
        {},
        { "subject": s.bob() },
        { "subject": s.alice(), "resource": s.record(2) },
        { "resource": { "id": s.records[0] } },
    ] });
    assert_eq!(s.batch(&asked).await, [true, false, true, false]);
}

#[track_caller]
fn includes(found: &[String], wanted: &[&String]) {
    for one in wanted {
        assert!(found.contains(one), "{one} is not in {found:?}");
    }
}

/// Search Core: who, where and what by ids alone; what is sought is not narrowed by an id; nothing for what is unknown; errors.
#[actix_web::test]
async fn search_core() {
    let s = scenario().await;
    // c-4-2-1, S1: as people, and as the keys that they come with.
    for (kind, alice, bob) in [
        ("user", &s.alice_person, &s.bob_person),
        ("api_key", &s.alice_key, &s.bob_key),
    ] {
        let mut asked = json!({ "subject": { "type": kind }, "action": action(READ), "resource": s.record(1) });
        let all = s.search(SUBJECT, &asked).await;
        includes(&all, &[alice, bob]);
        // c-4-2-2, c-4-2-3.
        asked["context"] = context();
        assert_eq!(s.search(SUBJECT, &asked).await, all);
        asked["subject"]["id"] = json!(alice);
        assert_eq!(s.search(SUBJECT, &asked).await, all);
        // Whoever is found may, and whoever is not may not.
        for id in &all {
            assert!(
                s.evaluate(json!({ "type": kind, "id": id }), action(READ), s.record(1))
                    .await,
                "{id}"
            );
        }
    }
    let writers = json!({ "subject": { "type": "api_key" }, "action": action(WRITE), "resource": s.record(1) });
    let mut found = s.search(SUBJECT, &writers).await;
    found.sort();
    let mut both = [s.alice_key.clone(), s.bob_key.clone()];
    both.sort();
    assert_eq!(found, both, "the platform's own key has no such feature");
    // c-4-3-1, S2, c-4-3-2, c-4-3-3.
    let mut asked = json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "group" } });
    let all = s.search(RESOURCE, &asked).await;
    includes(&all, &[&s.records[0]]);
    asked["context"] = context();
    assert_eq!(s.search(RESOURCE, &asked).await, all);
    asked["resource"]["id"] = json!(s.records[0]);
    assert_eq!(s.search(RESOURCE, &asked).await, all);
    let here = json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "organization" } });
    assert_eq!(s.search(RESOURCE, &here).await, std::slice::from_ref(&s.org.slug));
    // c-4-4-1, S3, c-4-4-2.
    let mut asked = json!({ "subject": s.alice(), "resource": s.record(1) });
    let all = s.search(ACTION, &asked).await;
    includes(&all, &[&READ.to_owned(), &WRITE.to_owned()]);
    asked["context"] = context();
    assert_eq!(s.search(ACTION, &asked).await, all);
    for name in ["api.read", "api.call", "write", "archive", "app.deploy", "member.read"] {
        let may = s.evaluate(s.alice(), action(name), s.record(1)).await;
        assert_eq!(may, all.contains(&name.to_owned()), "{name}");
    }
    // c-4-5-1, c-4-5-2: a page, and the one after it, which need not say again how much.
    let mut asked = json!({ "subject": { "type": "user" }, "action": action(READ), "resource": s.record(1), "page": { "limit": 1 } });
    let first = s.post(SUBJECT, &asked).await;
    assert_eq!(first["results"].as_array().map(Vec::len), Some(1), "{first}");
    let token = first["page"]["next_token"].as_str().expect("a token");
    assert!(!token.is_empty(), "{first}");
    asked["page"] = json!({ "token": token });
    let second = s.post(SUBJECT, &asked).await;
    assert_eq!(second["results"].as_array().map(Vec::len), Some(1), "{second}");
    assert_ne!(first["results"], second["results"]);
    // c-4-6: an unknown id, and an unknown type.
    for (path, asked) in [
        (
            ACTION,
            json!({ "subject": { "type": "user", "id": "nonexistent-user" }, "resource": s.record(1) }),
        ),
        (
            ACTION,
            json!({ "subject": { "type": "spaceship", "id": "x" }, "resource": s.record(1) }),
        ),
        (
            ACTION,
            json!({ "subject": s.alice(), "resource": { "type": "group", "id": "nonexistent" } }),
        ),
        (
            ACTION,
            json!({ "subject": s.alice(), "resource": { "type": "spaceship", "id": "x" } }),
        ),
        (
            SUBJECT,
            json!({ "subject": { "type": "spaceship" }, "action": action(READ), "resource": s.record(1) }),
        ),
        (
            SUBJECT,
            json!({ "subject": { "type": "user" }, "action": action("fly"), "resource": s.record(1) }),
        ),
        (
            SUBJECT,
            json!({ "subject": { "type": "user" }, "action": action(READ), "resource": { "type": "group", "id": "nonexistent" } }),
        ),
        (
            SUBJECT,
            json!({ "subject": { "type": "user" }, "action": action(READ), "resource": { "type": "spaceship", "id": "x" } }),
        ),
        (
            RESOURCE,
            json!({ "subject": { "type": "user", "id": "nonexistent-user" }, "action": action(READ), "resource": { "type": "group" } }),
        ),
        (
            RESOURCE,
            json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "spaceship" } }),
        ),
        (
            RESOURCE,
            json!({ "subject": s.alice(), "action": action("fly"), "resource": { "type": "group" } }),
        ),
    ] {
        assert_eq!(s.search(path, &asked).await, Vec::<String>::new(), "{path} {asked}");
    }
    // c-4-7: what each search cannot do without.
    let whole = json!({ "subject": s.alice(), "action": action(READ), "resource": s.record(1) });
    for (path, part, field) in [
        (SUBJECT, "subject", None),
        (SUBJECT, "subject", Some("type")),
        (SUBJECT, "action", None),
        (SUBJECT, "action", Some("name")),
        (SUBJECT, "resource", None),
        (SUBJECT, "resource", Some("id")),
        (RESOURCE, "subject", None),
        (RESOURCE, "subject", Some("id")),
        (RESOURCE, "action", None),
        (RESOURCE, "resource", None),
        (RESOURCE, "resource", Some("type")),
        (ACTION, "subject", None),
        (ACTION, "subject", Some("id")),
        (ACTION, "resource", None),
        (ACTION, "resource", Some("id")),
    ] {
        s.refused(path, &without(&whole, part, field)).await;
    }
    for path in [SUBJECT, RESOURCE, ACTION] {
        s.refuses_what_is_no_json(path, &whole).await;
    }
}

/// Search Properties: the same with what a resource needs and with what somebody comes with.
#[actix_web::test]
async fn search_properties() {
    let s = scenario().await;
    // c-4-2-4, S4.
    let writers = json!({ "subject": { "type": "api_key" }, "action": action(WRITE), "resource": s.archived(2) });
    assert_eq!(
        s.search(SUBJECT, &writers).await,
        std::slice::from_ref(&s.bob_key),
        "alice's key may not"
    );
    let writers = json!({ "subject": { "type": "api_key" }, "action": { "name": DELETE, "properties": { "cost_micro": 10_000_001 } }, "resource": s.record(1) });
    assert_eq!(
        s.search(SUBJECT, &writers).await,
        std::slice::from_ref(&s.bob_key),
        "alice has too little left"
    );
    // c-4-3-4, S5.
    let places =
        |subject: Value| json!({ "subject": subject, "action": action(WRITE), "resource": { "type": "group" } });
    includes(&s.search(RESOURCE, &places(s.bob_as_admin())).await, &[&s.records[1]]);
    assert!(s.search(RESOURCE, &places(s.bob())).await.is_empty());
    // c-4-4-3, S6.
    let deeds = |subject: Value| json!({ "subject": subject, "resource": s.archived(2) });
    includes(&s.search(ACTION, &deeds(s.bob_as_admin())).await, &[&WRITE.to_owned()]);
    assert!(s.search(ACTION, &deeds(s.bob())).await.is_empty());
    assert!(s.search(ACTION, &deeds(s.alice())).await.is_empty());
}

/// Paging beyond the scenario: all of it once and in order for every search, nothing for a limit of nothing, and no other search behind
/// a token.
#[actix_web::test]
async fn search_pages() {
    let s = scenario().await;
    for (path, asked) in [
        (
            SUBJECT,
            json!({ "subject": { "type": "user" }, "action": action(READ), "resource": s.record(1) }),
        ),
        (
            SUBJECT,
            json!({ "subject": { "type": "api_key" }, "action": action(READ), "resource": s.record(1) }),
        ),
        (
            RESOURCE,
            json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "group" } }),
        ),
        (
            RESOURCE,
            json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "organization" } }),
        ),
        (ACTION, json!({ "subject": s.alice(), "resource": s.record(1) })),
    ] {
        let all = s.search(path, &asked).await;
        let (mut seen, mut token, mut most) = (Vec::new(), String::new(), 0);
        for _ in 0..100 {
            let mut next = asked.clone();
            next["page"] = json!({ "limit": 2, "token": token });
            let told = s.post(path, &next).await;
            let part = found(path, &asked, &told);
            most = most.max(part.len());
            seen.extend(part);
            told["page"]["next_token"]
                .as_str()
                .expect("a token")
                .clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!((seen, token.as_str()), (all, ""), "{path}");
        assert!(most <= 2, "{path}: {most}");
        let mut none = asked.clone();
        none["page"] = json!({ "limit": 0 });
        let told = s.post(path, &none).await;
        assert_eq!(told["results"], json!([]), "{path}");
        assert_ne!(told["page"]["next_token"], "", "{path}: there is more");
        for page in [
            json!([]),
            json!({ "limit": -1 }),
            json!({ "limit": "1" }),
            json!({ "limit": 0.5 }),
            json!({ "token": 1 }),
            json!({ "token": "junk" }),
            json!({ "token": "a.b.c" }),
            json!({ "token": "pag_0000000000000.9999999.0" }),
        ] {
            let mut wrong = asked.clone();
            wrong["page"] = page;
            s.refused(path, &wrong).await;
        }
    }
    let asked = json!({ "subject": { "type": "user" }, "action": action(READ), "resource": s.record(1), "page": { "limit": 1 } });
    let first = s.post(SUBJECT, &asked).await;
    let page = json!({ "token": first["page"]["next_token"] });
    for (pointer, value) in [
        ("/subject/type", json!("api_key")),
        ("/action/name", json!(DELETE)),
        ("/resource", s.record(2)),
        ("/page/limit", json!(2)),
    ] {
        let mut changed = asked.clone();
        changed["page"]["token"] = page["token"].clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        s.refused(SUBJECT, &changed).await;
    }
    let mut same = asked.clone();
    same["page"]["token"] = page["token"].clone();
    assert_eq!(s.search(SUBJECT, &same).await.len(), 1);
}

/// Discovery: where everything is, by whole addresses under the one that was asked, and for everybody.
#[actix_web::test]
async fn discovery() {
    let portal = spawn_with(|settings| settings.public_url = "https://pdp.example.com".parse().expect("a URL")).await;
    let client = portal.anonymous();
    let answer = client.get("/.well-known/authzen-configuration").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    let at = |path: &str| json!(format!("https://pdp.example.com{path}"));
    let expected = json!({
        "policy_decision_point": at(""),
        "access_evaluation_endpoint": at(EVALUATION),
        "access_evaluations_endpoint": at(EVALUATIONS),
        "search_subject_endpoint": at(SUBJECT),
        "search_resource_endpoint": at(RESOURCE),
        "search_action_endpoint": at(ACTION),
    });
    assert_eq!(body(&answer), expected);
    // Each of them is there, and wants somebody to say who they are.
    for (name, address) in expected.as_object().expect("an object") {
        let path = address
            .as_str()
            .expect("a text")
            .trim_start_matches("https://pdp.example.com");
        let asked = client.request(Method::POST, path).json(&json!({}));
        let status = client.send(asked).await.status;
        assert_eq!(
            status,
            if name == "policy_decision_point" { 405 } else { 401 },
            "{name}"
        );
    }
}

/// Whoever asks must say who they are: 401 with a challenge, 403 without the scope, each with a text and the request's id.
#[actix_web::test]
async fn who_may_ask() {
    let s = scenario().await;
    let other = service_key(&s.ann, &s.org, "usage.write").await;
    let right = json!({ "subject": s.alice(), "action": action(READ), "resource": s.record(1) }).to_string();
    for path in ALL {
        for (key, text, status, challenge) in [
            (None, right.as_str(), 401, "Bearer realm=\"muster\""),
            (None, "{", 401, "Bearer realm=\"muster\""),
            (
                Some("mst_p_nothing"),
                right.as_str(),
                401,
                "Bearer realm=\"muster\", error=\"invalid_token\"",
            ),
            (
                Some(other.as_str()),
                right.as_str(),
                403,
                "Bearer realm=\"muster\", error=\"insufficient_scope\", scope=\"gate.decide\"",
            ),
        ] {
            let mut request = s
                .client
                .request(Method::POST, path)
                .header("content-type", "application/json")
                .header("x-request-id", REQUEST)
                .body(text.to_owned());
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let answer = s.client.send(request).await;
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (status, challenge),
                "{path}: {}",
                answer.body
            );
            assert_eq!(answer.header("x-request-id"), REQUEST, "{path}");
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert!(
                body(&answer).as_str().is_some_and(|text| text.contains("key")),
                "{path}: {}",
                answer.body
            );
        }
        // So are the refusals that come before anybody is asked.
        if path != EVALUATIONS {
            let long = s.send(path, Some("application/json"), " ".repeat(17 << 10)).await;
            assert_eq!((long.status, long.header("x-request-id")), (413, REQUEST), "{path}");
            assert!(body(&long).is_string(), "{path}: {}", long.body);
        }
        let request = s.client.request(Method::GET, path).header("x-request-id", REQUEST);
        let wrong = s.client.send(request).await;
        assert_eq!(
            (wrong.status, wrong.header("allow"), wrong.header("x-request-id")),
            (405, "POST", REQUEST),
            "{path}"
        );
    }
    // The id is the caller's, however long it is, and of no account elsewhere.
    let long = "x".repeat(500);
    let request = s.client.request(Method::POST, EVALUATION).header("x-request-id", &long);
    assert_eq!(s.client.send(request).await.header("x-request-id"), long);
    let request = s
        .client
        .request(Method::GET, "/api/v1/quota")
        .header("x-request-id", REQUEST);
    assert_eq!(s.client.send(request).await.header("x-request-id").len(), 16);
}

/// Nobody learns from a denial whether somebody is elsewhere, has left or never was, and an id counts for its own type alone.
#[actix_web::test]
async fn unknown_users_are_all_alike() {
    let s = scenario().await;
    let other = s.portal.org("Zyzzyva Works").await;
    let zoe = s
        .portal
        .member(&other, Role::Administrator, "zoe@zyzzyva.example")
        .await;
    own_key(&zoe, &other, "api.read").await;
    let foreign_key = key_of(&s.portal, &other, &zoe, &[]).await;
    let gone = s.portal.member(&s.org, Role::Developer, "gus").await;
    let ask = async |kind: &str, id: &str| {
        let asked = json!({ "subject": { "type": kind, "id": id }, "action": action(READ), "resource": s.record(1) });
        s.post(EVALUATION, &asked).await
    };
    assert_eq!(ask("user", &gone.id()).await["decision"], true);
    let by = inside::<permission::MemberManage>(&mut s.portal.app.db.read(), s.portal.operator(), s.org.id)
        .await
        .expect("a proof");
    let mut tx = s.portal.app.db.write().await.expect("a transaction");
    member::remove(&mut tx, &by, gone.member.expect("a member"), s.portal.clock.now())
        .await
        .expect("it is done");
    tx.commit().await.expect("a commit");
    let never = MemberId::from_raw((s.org.id.raw() << 32) + 4_000_000).to_string();
    let (zoe_id, gone_id) = (zoe.id(), gone.id());
    let nobody = ask("user", "nobody@elsewhere.example").await;
    assert_eq!(nobody["decision"], false);
    for (kind, id) in [
        ("user", never.as_str()),
        ("user", "alice"),
        ("user", zoe_id.as_str()),
        ("user", zoe.email.as_str()),
        ("user", gone_id.as_str()),
        ("user", gone.email.as_str()),
        ("user", s.alice_key.as_str()),
        ("api_key", foreign_key.as_str()),
        ("api_key", s.alice_person.as_str()),
        ("api_key", s.bob_email.as_str()),
        ("service_account", s.alice_person.as_str()),
        ("spaceship", s.alice_person.as_str()),
    ] {
        assert_eq!(ask(kind, id).await, nobody, "{kind} {id}");
    }
    assert_eq!(
        ask("user", &s.bob_email).await["decision"],
        true,
        "the control: somebody is known by address"
    );
    // The same holds for what a question is about.
    let foreign_group = group(&s.portal, &other, "Record 1").await.to_string();
    let missing = json!({ "decision": false, "context": { "reason": "resource-unknown" } });
    for (kind, id) in [
        ("organization", other.slug.as_str()),
        ("organization", "nowhere"),
        ("group", foreign_group.as_str()),
        ("group", "record-1"),
        ("user", zoe_id.as_str()),
        ("user", never.as_str()),
        ("api_key", foreign_key.as_str()),
        ("service_account", "svc_0000000000000"),
    ] {
        for subject in [s.alice(), json!({ "type": "user", "id": zoe.email })] {
            let asked = json!({ "subject": subject, "action": action(READ), "resource": { "type": kind, "id": id } });
            assert_eq!(s.post(EVALUATION, &asked).await, missing, "{kind} {id}");
        }
        let asked = json!({ "subject": s.alice(), "resource": { "type": kind, "id": id } });
        assert_eq!(s.search(ACTION, &asked).await, Vec::<String>::new(), "{kind} {id}");
    }
    // No search tells of anybody elsewhere.
    for kind in ["user", "api_key"] {
        let asked = json!({ "subject": { "type": kind }, "action": action(READ), "resource": s.record(1), "page": { "limit": 1_000 } });
        let all = s.search(SUBJECT, &asked).await;
        assert!(
            !all.is_empty() && [&zoe_id, &foreign_key, &gone_id].iter().all(|id| !all.contains(id)),
            "{all:?}"
        );
    }
    let asked = json!({ "subject": s.alice(), "action": action(READ), "resource": { "type": "group" } });
    assert!(!s.search(RESOURCE, &asked).await.contains(&foreign_group));
    // And all of these questions have spent nothing.
    let booked = texts(&s.portal.app.db, "select cast(count(*) as text) from usage_events").await;
    assert_eq!(booked, ["0"]);
}

/// Of a name that comes twice the last counts, as everybody else reads JSON who does not refuse it; and no object is searched for long.
#[actix_web::test]
async fn names_that_come_twice_and_objects_without_end() {
    let s = scenario().await;
    let (alice, bob, resource) = (s.alice(), s.bob(), s.record(1));
    let ask = async |text: String| {
        let answer = s.send(EVALUATION, Some("application/json"), text).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        decision(&body(&answer))
    };
    let write = action(WRITE);
    for (first, last, is_allowed) in [(&alice, &bob, false), (&bob, &alice, true)] {
        let text = format!("{{\"subject\":{first},\"subject\":{last},\"action\":{write},\"resource\":{resource}}}");
        assert_eq!(ask(text).await, is_allowed, "{last} is asked about");
    }
    for (first, last, is_allowed) in [(0, 999_000_000, false), (999_000_000, 0, true)] {
        let delete =
            format!("{{\"name\":\"{DELETE}\",\"properties\":{{\"cost_micro\":{first},\"cost_micro\":{last}}}}}");
        let text = format!("{{\"subject\":{alice},\"action\":{delete},\"resource\":{resource}}}");
        assert_eq!(ask(text).await, is_allowed, "{last} is what it costs");
    }
    let mut right = json!({ "subject": alice, "action": write, "resource": resource });
    for place in 0..998 {
        right["subject"][format!("{place:x}")] = json!(1);
    }
    assert!(s.decide(&right).await, "a thousand members are read");
    right["subject"]["one-more"] = json!(true);
    s.refused(EVALUATION, &right).await;
    right = json!({ "subject": s.alice(), "action": action(WRITE), "resource": s.record(1), "context": {} });
    for place in 0..=1_000 {
        right["context"][format!("{place:x}")] = json!(1);
    }
    s.refused(EVALUATION, &right).await;
}
