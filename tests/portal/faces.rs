//! What the faces of the gate say of whoever asks, and what an authorized call leaves behind.

use muster::{access::Permission, ids::RoleId};
use reqwest::Method;
use serde_json::json;

use crate::{
    api::{Stage, body, stage},
    keys::{group, make},
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
