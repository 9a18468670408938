//! `/metrics`: figures for Prometheus, for whoever may scrape them.

use std::collections::BTreeMap;

use muster::{access::Role, config::Hidden};
use reqwest::Method;
use serde_json::json;

use crate::{
    api::ALL,
    keys::service_key,
    support::{Portal, raw, spawn, spawn_with},
};

/// What is scraped: each figure with its labels, and its value. A line that no scraper would read fails.
async fn scraped(portal: &Portal) -> BTreeMap<String, f64> {
    let answer = portal.anonymous().get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let lines = answer
        .body
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            assert!(name.starts_with("muster_"), "{line}");
            (name.to_owned(), value.parse().expect(line))
        })
        .collect()
}

#[actix_web::test]
async fn b_63_what_the_gate_decides_and_what_is_left_can_be_scraped() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let id = org.id.raw();
    let row = (id << 32) + 900_001;
    // The organization as a whole may use ten credits in all.
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {id}, 1, {id}, 4, 10000000, 0, '', 0)"
    )).await;
    // A group may use four a day.
    let row_2 = row + 1;
    let team = ann
        .post(&org.path("/groups"), &[("name", "Night shift"), ("kind", "team")])
        .await;
    assert_eq!(team.status, 303, "{}", team.body);
    let team = portal.number("select max(id) from groups").await;
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row_2}, {id}, 2, {team}, 1, 4000000, 0, '', 0)"
    )).await;
    let group = muster::ids::GroupId::from_raw(team);
    let key = service_key(&ann, &org, ALL).await;
    let before = scraped(&portal).await;
    let allowed = "muster_authz_decisions_total{decision=\"allow\",reason=\"\"}";
    assert_eq!(before.get(allowed), Some(&0.0));
    let client = portal.anonymous();
    let mut statuses = Vec::new();
    for (number, amount) in ["6", "6", "1"].into_iter().enumerate() {
        let body = json!({ "source": "test", "id": number.to_string(), "amount": amount });
        let request = client.request(Method::POST, "/api/v1/usage").bearer_auth(&key);
        statuses.push(client.send(request.json(&body)).await.status);
    }
    let held = json!({ "amount": "1" });
    let request = client.request(Method::POST, "/api/v1/reservations").bearer_auth(&key);
    statuses.push(client.send(request.json(&held)).await.status);
    assert_eq!(statuses, [200, 429, 200, 201]);
    let after = scraped(&portal).await;
    let slug = &org.slug;
    let expected = [
        (
            "muster_authz_decisions_total{decision=\"allow\",reason=\"\"}".to_owned(),
            3.0,
        ),
        (
            "muster_authz_decisions_total{decision=\"deny\",reason=\"limit-reached\"}".to_owned(),
            1.0,
        ),
        ("muster_reservations_open".to_owned(), 1.0),
        (
            format!("muster_usage_microcredits_total{{org=\"{slug}\"}}"),
            7_000_000.0,
        ),
        (
            format!(
                "muster_limit_remaining_ratio{{group=\"\",org=\"{slug}\",scope=\"organization\",window=\"total\"}}"
            ),
            0.2,
        ),
        (
            format!(
                "muster_limit_remaining_ratio{{group=\"{group}\",org=\"{slug}\",scope=\"group\",window=\"daily\"}}"
            ),
            1.0,
        ),
        (
            "muster_http_request_duration_seconds_count{kind=\"api\",status=\"2xx\"}".to_owned(),
            3.0,
        ),
        (
            "muster_http_request_duration_seconds_count{kind=\"api\",status=\"4xx\"}".to_owned(),
            1.0,
        ),
    ];
    for (name, value) in expected {
        assert_eq!(after.get(&name), Some(&value), "{name} in {:#?}", after.keys());
    }
    // A limit that is gone is gone from the figures too.
    raw(
        &portal.app.db,
        &format!("delete from limit_policies where id in ({row}, {row_2})"),
    )
    .await;
    let later = scraped(&portal).await;
    assert!(
        !later.keys().any(|name| name.starts_with("muster_limit_remaining")),
        "{later:#?}"
    );
    // Nobody stands in it by name, address, key or id.
    let text = portal.anonymous().get("/metrics").await.body;
    for word in ["ann", "Acme", &key, "mem_", "key_", "svc_", "@"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[actix_web::test]
async fn figures_are_for_this_machine_or_for_whoever_has_the_token() {
    let portal = spawn().await;
    for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
        let client = portal.anonymous();
        let request = client.request(Method::GET, "/metrics").header(name, "127.0.0.1");
        assert_eq!(client.send(request).await.status, 404, "{name}");
    }
    let token = "a token of many letters";
    let portal = spawn_with(|settings| settings.metrics_token = Some(Hidden::new(token.to_owned()))).await;
    let client = portal.anonymous();
    assert_eq!(
        client.get("/metrics").await.status,
        404,
        "from this machine, without the token"
    );
    let wrong = client
        .request(Method::GET, "/metrics")
        .bearer_auth("a token of many lettert");
    assert_eq!(client.send(wrong).await.status, 404);
    let through = client
        .request(Method::GET, "/metrics")
        .bearer_auth(token)
        .header("x-forwarded-for", "203.0.113.9");
    assert_eq!(client.send(through).await.status, 200, "from elsewhere, with it");
}
