//! What the faces of the gate say of whoever asks, and what an authorized call leaves behind.

use muster::{
    access::{Permission, Role},
    ids::RoleId,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::{ALL, Stage, body, stage},
    keys::{group, make, service_key},
    roles::give_permissions,
    support::{Answer, raw, texts},
};

impl Stage {
    /// What a proxy is told of a key.
    async fn through(&self, key: &str) -> Answer {
        let answer = self.ask(Method::GET, "/authz/forward", key, None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
    async fn introspect(&self, token: &str) -> serde_json::Value {
        let request = self
            .client
            .request(Method::POST, "/oauth/introspect")
            .bearer_auth(&self.platform)
            .form(&[("token", token)]);
        body(&self.client.send(request).await)
    }
}

#[actix_web::test]
async fn b_61_the_value_of_a_feature_is_no_other_feature() {
    let stage = stage().await;
    let org = stage.org.id.raw();
    for (n, key, kind, value) in [
        (1, "batch", 1, "off"),
        (2, "model", 3, "openai/gpt-5.1:latest"),
        (3, "note", 4, "x,batch=on, admin=on 100% \u{fc}\"\\"),
    ] {
        let id = (org << 32) + 910_000 + n;
        raw(&stage.portal.app.db, &format!(
            "insert into features (id, org_id, key, title, kind, default_value, created_at) values ({id}, {org}, '{key}', '{key}', {kind}, '{value}', 0)"
        )).await;
    }
    let told = stage.through(&stage.own).await;
    assert_eq!(
        told.header("x-muster-features"),
        "model=openai/gpt-5.1:latest,note=x%2Cbatch%3Don%2C%20admin%3Don%20100%25%20%C3%BC%22%5C"
    );
    let told = stage.introspect(&stage.own).await;
    assert_eq!(
        told["features"]["note"], "x,batch=on, admin=on 100% \u{fc}\"\\",
        "JSON needs no help"
    );
}

#[actix_web::test]
async fn standards_6_a_caller_has_the_same_groups_and_roles_by_key_and_by_session() {
    let stage = stage().await;
    let member = stage.ben.member.expect("a member");
    let team = group(&stage.portal, &stage.org, "Team", &[member]).await;
    let club = group(&stage.portal, &stage.org, "Club", &[member]).await;
    give_permissions(&stage.portal, &stage.org, member, &[Permission::AuditRead]).await;
    let role = texts(&stage.portal.app.db, "select cast(id as text) from roles")
        .await
        .remove(0);
    let role = RoleId::from_raw(role.parse().expect("a number"));

    let by_key = stage.through(&stage.own).await;
    let request = stage
        .ben
        .request(Method::GET, &format!("/authz/forward?org={}", stage.org.slug));
    let by_session = stage.ben.send(request).await;
    for told in [&by_key, &by_session] {
        assert_eq!(told.status, 200, "{}", told.body);
        let mut groups: Vec<&str> = told.header("x-muster-groups").split(',').collect();
        groups.sort_unstable();
        let mut both = [team.to_string(), club.to_string()];
        both.sort_unstable();
        assert_eq!(groups, both);
        assert_eq!(told.header("x-muster-roles"), format!("developer,{role}"));
    }
    let told = stage.introspect(&stage.own).await;
    assert_eq!(told["groups"].as_array().map(Vec::len), Some(2), "{told}");

    // A group's key has its group, once.
    let (key, _) = make(&stage.ann, &stage.org, "team", &format!("group:{team}")).await;
    let told = stage.through(&key).await;
    assert_eq!(
        (told.header("x-muster-groups"), told.header("x-muster-roles")),
        (team.to_string().as_str(), "")
    );
    assert_eq!(stage.introspect(&key).await["groups"], json!([team.to_string()]));

    // Whoever is taken out of a group is out of it at the next request.
    let out = stage
        .ann
        .post(
            &stage.org.path(&format!("/groups/{team}/members/{member}/removal")),
            &[],
        )
        .await;
    assert!(matches!(out.status, 200 | 303), "{} {}", out.status, out.body);
    let told = stage.through(&stage.own).await;
    assert_eq!(told.header("x-muster-groups"), club.to_string());
}

impl Stage {
    /// Writes down what is noted, as the worker does.
    async fn save_uses(&self) {
        let by = self.portal.operator();
        self.portal.app.gate.save_uses(&by).await.expect("uses");
    }
    /// Makes Ben a member who has never called, with keys that nobody has used.
    async fn forget(&self) {
        let text = format!(
            "update members set context_at = null, status = 2 where id = {}",
            self.member()
        );
        raw(&self.portal.app.db, &text).await;
        raw(&self.portal.app.db, "update api_keys set last_used_at = null").await;
        muster::db::raise_generation(self.org.id.raw());
    }
    fn member(&self) -> i64 {
        self.ben.member.expect("a member").raw()
    }
    /// Whether Ben is active and has a private context, and how many keys were used.
    async fn traces(&self) -> (bool, i64) {
        self.save_uses().await;
        let text = format!(
            "select count(*) from members where id = {} and status = 1 and context_at is not null",
            self.member()
        );
        let is_active = self.portal.number(text).await == 1;
        let used = self
            .portal
            .number("select count(*) from api_keys where last_used_at is not null")
            .await;
        (is_active, used)
    }
    async fn event(&self, event: Value) -> Answer {
        let request = self
            .client
            .request(Method::POST, "/api/v1/events")
            .bearer_auth(&self.platform)
            .header("content-type", "application/cloudevents+json")
            .body(event.to_string());
        self.client.send(request).await
    }
    /// Reserves an amount for Ben; the id.
    async fn hold(&self, more: Value) -> String {
        let mut wanted = json!({ "subject": self.ben(), "amount": "4" });
        for (name, value) in more.as_object().expect("an object") {
            wanted[name] = value.clone();
        }
        let held = self.post("/api/v1/reservations", wanted).await;
        assert_eq!(held.status, 201, "{}", held.body);
        body(&held)["id"].as_str().expect("an id").to_owned()
    }
}

#[actix_web::test]
async fn c_14_b_19_every_authorized_call_counts_whichever_way_it_came() {
    let stage = stage().await;
    let ben = stage.ben();
    let question = |subject: Value, action: &str| json!({ "subject": subject, "action": { "name": action }, "resource": { "type": "organization", "id": stage.org.slug } });
    let user = json!({ "type": "user", "id": ben });
    let used = |id: &str, amount: &str| json!({ "subject": ben, "source": "app", "id": id, "amount": amount });
    let event = json!({ "specversion": "1.0", "id": "e", "source": "app", "type": "login", "subject": ben });
    // What is refused provisions nothing, and neither does a search.
    stage.forget().await;
    assert_eq!(stage.post("/api/v1/usage", used("1", "11")).await.status, 429);
    let too_much = json!({ "subject": ben, "amount": "11" });
    assert_eq!(stage.post("/api/v1/reservations", too_much).await.status, 429);
    let denied = stage
        .post("/access/v1/evaluation", question(user.clone(), "member.manage"))
        .await;
    assert_eq!(body(&denied)["decision"], false);
    let search = json!({ "subject": { "type": "user" }, "action": { "name": "api.call" }, "resource": { "type": "organization", "id": stage.org.slug } });
    assert_eq!(stage.post("/access/v1/search/subject", search).await.status, 200);
    let through = format!("/authz/forward?org={}", stage.org.slug);
    let over = stage
        .ben
        .send(stage.ben.request(Method::GET, &format!("{through}&cost=11")))
        .await;
    assert_eq!(over.status, 429, "{}", over.body);
    assert_eq!(stage.traces().await, (false, 1), "only the platform's key was used");

    let ways = ["usage", "reservation", "evaluation", "evaluations", "event", "session"];
    for way in ways {
        stage.forget().await;
        let answer = match way {
            "usage" => stage.post("/api/v1/usage", used("2", "1")).await,
            "reservation" => {
                stage
                    .post("/api/v1/reservations", json!({ "subject": ben, "amount": "1" }))
                    .await
            }
            "evaluation" => {
                stage
                    .post("/access/v1/evaluation", question(user.clone(), "api.call"))
                    .await
            }
            "evaluations" => {
                let mut many = question(user.clone(), "member.manage");
                many["evaluations"] = json!([{}, { "action": { "name": "api.call" } }]);
                stage.post("/access/v1/evaluations", many).await
            }
            "event" => stage.event(event.clone()).await,
            _ => stage.ben.send(stage.ben.request(Method::GET, &through)).await,
        };
        assert!(answer.status < 300, "{way}: {} {}", answer.status, answer.body);
        let keys = i64::from(way != "session");
        assert_eq!(stage.traces().await, (true, keys), "{way}");
    }
    // A key that came in a body was used by whoever presented it.
    for (path, wanted) in [
        (
            "/api/v1/usage",
            json!({ "key": stage.own, "source": "app", "id": "k", "amount": "1" }),
        ),
        ("/api/v1/reservations", json!({ "key": stage.own, "amount": "1" })),
    ] {
        stage.forget().await;
        let answer = stage.post(path, wanted).await;
        assert!(answer.status < 300, "{path}: {}", answer.body);
        assert_eq!(stage.traces().await, (true, 2), "{path}");
    }
    stage.forget().await;
    let over = json!({ "key": stage.own, "amount": "11" });
    assert_eq!(stage.post("/api/v1/reservations", over).await.status, 429);
    assert_eq!(stage.traces().await, (false, 1));
}

#[actix_web::test]
async fn c_14_the_platform_says_that_a_member_has_a_context() {
    let stage = stage().await;
    let put = async |id: &str| {
        let path = format!("/api/v1/memberships/{id}/context");
        stage.ask(Method::PUT, &path, &stage.platform, None).await
    };
    stage.forget().await;
    for _ in 0..2 {
        assert_eq!(put(&stage.ben()).await.status, 204);
    }
    assert!(stage.traces().await.0);
    let told = stage.portal.audit(Some(&stage.org)).await;
    let told = told
        .iter()
        .filter(|row| row.action == "member.context.provision" && row.via == "key");
    assert_eq!(told.count(), 1, "it is recorded once");
    let other = stage.portal.org("Zyzzyva Works").await;
    let zoe = stage.portal.member(&other, Role::Administrator, "zoe").await;
    for id in [zoe.id().as_str(), "mem_nothing", "ben@example.org"] {
        let answer = put(id).await;
        assert_eq!(answer.status, 404, "{id}: {}", answer.body);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let path = format!("/api/v1/memberships/{}/context", stage.ben());
    assert_eq!(stage.ask(Method::PUT, &path, &stage.own, None).await.status, 403);
}

#[actix_web::test]
async fn standards_7_a_reservation_is_settled_by_the_key_that_made_it() {
    let stage = stage().await;
    let colleague = service_key(&stage.ann, &stage.org, ALL).await;
    let id = stage
        .hold(json!({ "org": stage.org.slug, "activity_type": "flow.run", "app": "studio", "flow": "nightly", "ttl_s": 60 }))
        .await;
    let path = format!("/api/v1/reservations/{id}/settle");
    let by_other = stage
        .ask(Method::POST, &path, &colleague, Some(json!({ "amount": "1" })))
        .await;
    assert_eq!(by_other.status, 404, "{}", by_other.body);
    assert!(by_other.body.contains("known to this key"), "{}", by_other.body);
    let settled = stage.post(&path, json!({ "amount": "5.5" })).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    assert_eq!(
        body(&settled),
        json!({ "id": id, "amount": "5.5", "duplicate": false, "excess": "1.5" })
    );
    // Told again it counts once, with the subject or without.
    for again in [
        json!({ "amount": "5.5" }),
        json!({ "amount": "5.5", "subject": stage.ben() }),
    ] {
        let again = stage.post(&path, again).await;
        assert_eq!(
            (again.status, &body(&again)["duplicate"]),
            (200, &json!(true)),
            "{}",
            again.body
        );
    }
    assert_eq!(stage.remaining().await, "4.5");
    let names = "select a.name || ' ' || b.name || ' ' || c.name from usage_events e join usage_names a on a.org_id = e.org_id and a.id = e.activity
        join usage_names b on b.org_id = e.org_id and b.id = e.app join usage_names c on c.org_id = e.org_id and c.id = e.flow";
    assert_eq!(texts(&stage.portal.app.db, names).await, ["flow.run studio nightly"]);
    let other = stage.post(&path, json!({ "amount": "5" })).await;
    assert_eq!(other.status, 409, "{}", other.body);
    assert!(!other.body.contains("under another id"), "{}", other.body);

    // Nothing has to be said to let go.
    let id = stage.hold(json!({})).await;
    let path = format!("/api/v1/reservations/{id}/release");
    assert_eq!(stage.ask(Method::POST, &path, &colleague, None).await.status, 404);
    assert_eq!(stage.ask(Method::POST, &path, &stage.platform, None).await.status, 204);
    assert_eq!(stage.ask(Method::POST, &path, &stage.platform, None).await.status, 410);
    assert_eq!(stage.remaining().await, "4.5");
    // What is over by its time charges nobody who was not named.
    let gone = "/api/v1/reservations/res_00000000000000000000000000000000/settle";
    assert_eq!(stage.post(gone, json!({ "amount": "1" })).await.status, 404);
    for (name, value) in [("org", "elsewhere"), ("app", ""), ("activity_type", "")] {
        let mut wanted = json!({ "subject": stage.ben(), "amount": "1" });
        wanted[name] = json!(value);
        let answer = stage.post("/api/v1/reservations", wanted).await;
        assert_eq!(answer.status, 422, "{name}: {}", answer.body);
        assert_eq!(body(&answer)["errors"][0]["pointer"], format!("#/{name}"));
    }
}

#[actix_web::test]
async fn standards_7_an_event_settles_its_reservation_and_says_nothing_in_vain() {
    let stage = stage().await;
    let event = |id: &str, data: Value| json!({ "specversion": "1.0", "id": id, "source": "app", "type": "api.request", "subject": stage.ben(), "data": data });
    let id = stage.hold(json!({})).await;
    assert_eq!(stage.remaining().await, "6");
    for _ in 0..2 {
        let answer = stage
            .event(event(
                "1",
                json!({ "credits": "1", "reservation": id, "unit": "credits" }),
            ))
            .await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        assert_eq!(stage.remaining().await, "9", "one was used, and three are free again");
    }
    let mut nameless = event(
        "2",
        json!({ "credits": "2", "reservation": stage.hold(json!({})).await }),
    );
    nameless.as_object_mut().expect("an object").remove("subject");
    let answer = stage.event(nameless).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(stage.remaining().await, "7");
    for (data, pointer) in [
        (json!({ "credits": "1", "reservation": "res_1" }), "#/reservation"),
        (json!({ "credits": "1", "org": "elsewhere" }), "#/org"),
        (json!({ "credits": "1", "unit": "euros" }), "#/unit"),
    ] {
        let answer = stage.event(event("3", data.clone())).await;
        assert_eq!(answer.status, 422, "{data}: {}", answer.body);
        assert_eq!(body(&answer)["errors"][0]["pointer"], pointer);
    }
    // In a batch each has its own outcome.
    let id = stage.hold(json!({})).await;
    let batch = json!([
        event("4", json!({ "credits": "1", "reservation": id })),
        event("5", json!({ "credits": "1", "org": "elsewhere" })),
        event("6", json!({ "credits": "1" })),
    ]);
    let request = stage
        .client
        .request(Method::POST, "/api/v1/events")
        .bearer_auth(&stage.platform)
        .header("content-type", "application/cloudevents-batch+json")
        .body(batch.to_string());
    let answer = stage.client.send(request).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    let told = body(&answer);
    let states: Vec<&str> = told["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|one| one["status"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["booked", "invalid", "booked"], "{told}");
    assert_eq!(stage.remaining().await, "5");
    // An event in headers alone: somebody has signed in.
    let request = stage
        .client
        .request(Method::POST, "/api/v1/events")
        .bearer_auth(&stage.platform)
        .header("ce-specversion", "1.0")
        .header("ce-id", "7")
        .header("ce-source", "app")
        .header("ce-type", "login")
        .header("ce-subject", stage.ben());
    assert_eq!(stage.client.send(request).await.status, 204);
    assert_eq!(stage.remaining().await, "5");
}

#[actix_web::test]
async fn b_61_a_proxy_reads_which_option_is_wrong() {
    let stage = stage().await;
    for (query, option) in [
        ("cost=abc", "cost"),
        ("cost=", "cost"),
        ("cost=1e3", "cost"),
        ("cost=-1", "cost"),
        ("reserve=1,5", "reserve"),
        ("reserve=1&ttl_s=x", "ttl_s"),
        ("reserve=1&ttl_s=0", "ttl_s"),
        ("permission=api.read&permission=api.call", "permission"),
    ] {
        for face in ["forward", "nginx"] {
            let answer = stage
                .ask(Method::GET, &format!("/authz/{face}?{query}"), &stage.own, None)
                .await;
            let status = if face == "nginx" { 403 } else { 422 };
            assert_eq!(answer.status, status, "{face} {query}: {}", answer.body);
            if face == "nginx" {
                assert_eq!(answer.header("x-muster-status"), "422", "{query}");
            }
            for name in muster::api::IDENTITY {
                assert!(
                    answer.headers.contains_key(name) && answer.header(name).is_empty(),
                    "{face} {query}: {name}"
                );
            }
            assert_eq!(
                body(&answer)["errors"][0]["pointer"],
                format!("#/{option}"),
                "{query}: {}",
                answer.body
            );
            assert!(
                body(&answer)["detail"]
                    .as_str()
                    .is_some_and(|text| text.contains(option)),
                "{}",
                answer.body
            );
        }
    }
    // Whatever else is refused, before anybody is asked: nothing of the client's stays.
    for (method, path) in [(Method::GET, "/authz/elsewhere"), (Method::TRACE, "/authz/forward")] {
        let answer = stage.ask(method, path, &stage.own, None).await;
        assert!(answer.status >= 400, "{path}: {}", answer.status);
        for name in muster::api::IDENTITY {
            assert!(answer.headers.contains_key(name), "{path}: {name}");
        }
    }
}

#[actix_web::test]
async fn standards_5_each_organization_is_found_where_its_address_says() {
    let stage = stage().await;
    let get = async |path: &str| stage.portal.anonymous().get(path).await;
    let all = body(&get("/.well-known/authzen-configuration").await);
    let whole = all["policy_decision_point"].as_str().expect("an address");
    let own = get(&format!("/.well-known/authzen-configuration/{}", stage.org.slug)).await;
    assert_eq!(own.status, 200, "{}", own.body);
    let told = body(&own);
    let expected = format!("{}/{}", whole.trim_end_matches('/'), stage.org.slug);
    assert_eq!(told["policy_decision_point"], expected);
    assert_eq!(told["access_evaluation_endpoint"], all["access_evaluation_endpoint"]);
    let nobody = get("/.well-known/authzen-configuration/nobody-of-this-name").await;
    assert_eq!(nobody.status, 200, "which there are is nobody's business");
    let bad = get("/.well-known/authzen-configuration/A%20B").await;
    assert_eq!(
        (bad.status, bad.header("content-type")),
        (404, "application/problem+json"),
        "{}",
        bad.body
    );
    for answer in [&own, &nobody, &bad] {
        assert_eq!(answer.header("set-cookie"), "");
    }
}

#[actix_web::test]
async fn standards_8_a_refusal_says_whom_to_ask_and_when_to_come_back() {
    let stage = stage().await;
    let usage = |amount: &str, id: &str| json!({ "subject": stage.ben(), "source": "app", "id": id, "amount": amount });
    // Of two limits that refuse, the later one counts in the header and in the document.
    let (org, member) = (stage.org.id.raw(), stage.member());
    let row = (org << 32) + 900_001;
    raw(&stage.portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {org}, 5, {member}, 3, 10000000, 0, '', 0)"
    )).await;
    let over = stage.post("/api/v1/usage", usage("11", "1")).await;
    assert_eq!(over.status, 429, "{}", over.body);
    let told = body(&over);
    assert_eq!(told["violated-policies"].as_array().map(Vec::len), Some(2), "{told}");
    let reset: jiff::Timestamp = told["reset_at"]
        .as_str()
        .expect("an instant")
        .parse()
        .expect("RFC 3339");
    let seconds: i64 = over.header("retry-after").parse().expect("seconds");
    let now = stage.portal.clock.now().secs();
    assert!((now + seconds - reset.as_second()).abs() <= 2, "{seconds} {reset}");

    let denied = stage
        .post(
            "/api/v1/usage",
            json!({ "subject": stage.ben(), "source": "app", "id": "2", "amount": "1", "permission": "member.manage" }),
        )
        .await;
    assert_eq!(
        (denied.status, &body(&denied)["contact"]),
        (403, &json!([stage.ann.email])),
        "{}",
        denied.body
    );
    raw(
        &stage.portal.app.db,
        &format!("update members set status = 4 where id = {member}"),
    )
    .await;
    muster::db::raise_generation(org);
    let disabled = stage.post("/api/v1/usage", usage("1", "3")).await;
    let told = body(&disabled);
    assert_eq!(
        (disabled.status, &told["reason"]),
        (403, &json!("membership-disabled")),
        "{told}"
    );
    let support = told["contact"][0].as_str().expect("somebody").to_owned();
    assert_ne!(support, stage.ann.email);
    assert!(
        told["detail"]
            .as_str()
            .is_some_and(|text| text.contains(&support) && !text.contains("administrator")),
        "{told}"
    );
}

#[actix_web::test]
async fn machines_read_what_they_can_mend() {
    let stage = stage().await;
    let send = async |path: &str, media: Option<&str>, text: &str| {
        let mut request = stage.client.request(Method::POST, path).bearer_auth(&stage.platform);
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        stage.client.send(request.body(text.to_owned())).await
    };
    let unknown = stage.ask(Method::GET, "/api/v1/quota", "mst_nothing", None).await;
    assert_eq!(unknown.status, 401);
    assert_ne!(body(&unknown)["title"], "Something went wrong");
    let right = json!({ "subject": stage.ben(), "source": "app", "id": "1", "amount": 1000 }).to_string();
    let json = Some("application/json");
    for (path, media, text, status, says) in [
        ("/api/v1/usage", Some("text/xml"), right.as_str(), 415, "text/xml"),
        (
            "/api/v1/reservations",
            Some("application/x-www-form-urlencoded"),
            "amount=1",
            415,
            "application/json",
        ),
        ("/api/v1/events", Some("text/plain"), "hello", 415, "CloudEvents"),
        (
            "/oauth/introspect",
            json,
            "{}",
            415,
            "application/x-www-form-urlencoded",
        ),
        (
            "/oauth/introspect",
            Some("application/x-www-form-urlencoded"),
            "a=b",
            400,
            "token",
        ),
        ("/api/v1/usage", json, &right.replace("1000", "1e3"), 400, "exponent"),
        ("/api/v1/usage", json, "[]", 400, "JSON object"),
        ("/api/v1/usage", json, "7", 400, "JSON object"),
        ("/api/v1/usage", json, "", 400, "empty"),
        (
            "/api/v1/reservations",
            json,
            r#"{"amount":"1","ttl_s":"x"}"#,
            400,
            "whole number",
        ),
        ("/api/v1/elsewhere", json, "{}", 404, "nothing at this address"),
    ] {
        let answer = send(path, media, text).await;
        assert_eq!(answer.status, status, "{path} {text}: {}", answer.body);
        let told = body(&answer)["detail"].as_str().expect("a text").to_owned();
        assert!(told.contains(says), "{path} {text}: {told}");
        for inside in ["struct", "u64", "reload", "page", "elements"] {
            assert!(!told.contains(inside), "{path} {text}: {told}");
        }
    }
    let event = json!({ "specversion": "1.0", "id": "1", "source": "app", "type": "login", "subject": stage.ben(), "data": { "credits": 1000 } });
    let event = event.to_string().replace("1000", "1e3");
    let answer = send("/api/v1/events", Some("application/cloudevents+json"), &event).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let told = stage.introspect(&stage.own).await;
    let made = told["iat"].as_i64().expect("an instant");
    assert!((stage.portal.clock.now().secs() - made).abs() < 60, "{told}");
    assert_eq!(stage.remaining().await, "10");
}
