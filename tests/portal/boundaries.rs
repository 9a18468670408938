//! What must not cross the boundary between two organizations, or a switch that is off.

use muster::{
    access::{Role, permission::GroupManage},
    db::{Engine, Read as _},
    groups,
    ids::GroupId,
};

use crate::support::{Client, Org, Portal, spawn};

async fn group(portal: &Portal, org: &Org, name: &str) -> GroupId {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = muster::access::inside::<GroupManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("the operator's proof");
    let id = groups::create(&mut tx, &by, name, groups::Kind::Team, portal.clock.now())
        .await
        .expect("a group");
    tx.commit().await.expect("a commit");
    id
}

/// Everyone in any group, and every group that an invitation leads to.
async fn placed(portal: &Portal) -> i64 {
    portal
        .number("select (select count(*) from group_members) + (select count(*) from invitation_groups)")
        .await
}

/// Who may do all in one organization brings nobody into a group of another, whatever they may do there: rights on one end are
/// not enough, and rights on both ends do not make one organization's people another's (Keycloak CVE-2026-9099).
#[actix_web::test]
async fn cve_c10_a_group_of_another_organization_takes_nobody_in() {
    let portal = spawn().await;
    let (here, there) = (portal.org("Here").await, portal.org("There").await);
    let ann = portal.member(&here, Role::Administrator, "ann").await;
    for role in [Role::Viewer, Role::Manager] {
        let own = group(&portal, &here, &format!("Own {role:?}")).await;
        let foreign = group(&portal, &there, &format!("Foreign {role:?}")).await;
        let unknown = GroupId::from_raw(there.id.row(99_999));
        if role == Role::Viewer {
            portal.member(&there, role, "ann").await;
        } else {
            portal.run("update members set role = 50 where role = 20").await;
        }
        let before = placed(&portal).await;
        for id in [foreign, unknown] {
            let id = id.to_string();
            let person = [
                ("name", "Bob Ray"),
                ("email", "bob@x.example"),
                ("role", "member"),
                ("group", &id),
            ];
            let answer = ann.post(&here.path("/members"), &person).await;
            assert!([404, 422].contains(&answer.status), "added: {}", answer.status);
            answer.page(answer.status).assert_silent("Foreign");
            let answer = ann
                .post(
                    &here.path("/invites"),
                    &[("email", "bob@x.example"), ("role", "member"), ("group", &id)],
                )
                .await;
            assert!([404, 422].contains(&answer.status), "invited: {}", answer.status);
            answer.page(answer.status).assert_silent("Foreign");
            let answer = ann
                .post(
                    &here.path("/invites/bulk/confirm"),
                    &[
                        ("email", "bob@x.example"),
                        ("email", "eve@x.example"),
                        ("role", "member"),
                        ("group", &id),
                    ],
                )
                .await;
            assert!([404, 422].contains(&answer.status), "in bulk: {}", answer.status);
        }
        assert_eq!(placed(&portal).await, before);
        assert_eq!(
            portal
                .number("select count(*) from users where email_key = 'bob@x.example'")
                .await,
            0,
            "nothing of a refused addition stays"
        );
        // The other end: the own group is named in the other organization, where the caller may do less.
        let own = own.to_string();
        let person = [
            ("name", "Bob Ray"),
            ("email", "bob@x.example"),
            ("role", "viewer"),
            ("group", &own),
        ];
        let answer = ann.post(&there.path("/members"), &person).await;
        assert_eq!(answer.status, 403);
        let answer = ann
            .post(
                &there.path("/invites"),
                &[("email", "bob@x.example"), ("role", "viewer"), ("group", &own)],
            )
            .await;
        assert!([403, 404, 422].contains(&answer.status), "{}", answer.status);
        assert_eq!(placed(&portal).await, before);
    }
    // Within one organization the same form works.
    let own = group(&portal, &here, "Mine").await.to_string();
    let person = [
        ("name", "Bob Ray"),
        ("email", "bob@x.example"),
        ("role", "member"),
        ("group", &own),
    ];
    assert_eq!(ann.post(&here.path("/members"), &person).await.status, 303);
    assert_eq!(placed(&portal).await, 1);
}

/// A switch that is off takes away the doors and whatever stood behind them (Keycloak CVE-2026-9791).
#[actix_web::test]
async fn cve_c30_a_feature_that_is_off_leaves_nothing_behind() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let max = portal.member(&org, Role::Manager, "max").await;
    ann.post(&org.path("/invites"), &[("email", "bob@x.example"), ("role", "viewer")])
        .await
        .redirects_to(&org.path("/invites"));
    let doors = ["/invites", "/invites/links.csv", "/invites/bulk"];
    for door in doors {
        assert_eq!(max.get(&org.path(door)).await.status, 200, "{door}");
    }
    let shown = max.get(&org.path("/members")).await.page(200);
    assert!(shown.html().contains(&org.path("/invites")), "the tab is there");

    let off = |column: &str, portal: &Portal| match portal.app.db.read().engine() {
        Engine::Sqlite => format!("update orgs set {column} = 0"),
        Engine::Postgres => format!("update orgs set {column} = false"),
    };
    portal.run(&off("managers_invite", &portal)).await;
    for door in doors {
        max.get(&org.path(door)).await.page(403).assert_silent("bob@x.example");
    }
    for (path, fields) in [
        ("/invites", vec![("email", "eve@x.example"), ("role", "viewer")]),
        ("/invites/bulk", vec![("text", "eve@x.example")]),
        (
            "/invites/bulk/confirm",
            vec![("email", "eve@x.example"), ("role", "viewer")],
        ),
    ] {
        assert_eq!(max.post(&org.path(path), &fields).await.status, 403, "{path}");
    }
    let hidden = max.get(&org.path("/members")).await.page(200);
    assert!(!hidden.html().contains("/invites"), "a door to nowhere is left");
    hidden.assert_silent("Invite User");

    portal.run(&off("links_visible", &portal)).await;
    assert_eq!(ann.get(&org.path("/invites/links.csv")).await.status, 403);
    let page = ann.get(&org.path("/invites")).await.page(200);
    assert!(!page.html().contains("mst_inv_") && !page.html().contains("links.csv"));

    // Set-up is a feature that is off once there is an enterprise: its page answers like any that never was.
    let stranger = portal.anonymous();
    let page = stranger
        .get("/setup/mst_set_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
        .await;
    assert_eq!(page.status, 404);
    page.page(404).assert_silent("Acme");
}

/// A domain is bound to the organization whose administrator entered it, and gives nobody a place anywhere (Keycloak
/// CVE-2026-18201). Verified domains, SSO and SCIM have no routes yet, and a route that does not exist answers 404.
#[actix_web::test]
async fn cve_c31_a_domain_rules_only_where_it_was_entered() {
    let portal = spawn().await;
    let (here, there) = (portal.org("Here").await, portal.org("There").await);
    let ann = portal.member(&here, Role::Administrator, "ann").await;
    let otto = portal.member(&there, Role::Administrator, "otto").await;
    let save = async |by: &Client, org: &Org, domains: &str| {
        let page = by.get(&org.path("/settings")).await;
        let version = if page.status == 200 {
            page.page(200).value("version").expect("a version")
        } else {
            "1".to_owned()
        };
        by.post(
            &org.path("/settings"),
            &[
                ("section", "invitations"),
                ("version", &version),
                ("domains", domains),
                ("expiry", "7"),
                ("default_role", "member"),
                ("managers_invite", "1"),
                ("links_visible", "1"),
            ],
        )
        .await
    };
    assert_eq!(save(&ann, &there, "evil.example").await.status, 404);
    assert_eq!(portal.number("select count(*) from org_domains").await, 0);
    save(&ann, &here, "here.example")
        .await
        .redirects_to(&here.path("/settings"));
    // The rule holds at home and nowhere else.
    let invite = async |by: &Client, org: &Org, email: &str| {
        by.post(&org.path("/invites"), &[("email", email), ("role", "member")])
            .await
            .status
    };
    assert_eq!(invite(&ann, &here, "bob@there.example").await, 422);
    assert_eq!(invite(&ann, &here, "bob@here.example").await, 303);
    assert_eq!(invite(&otto, &there, "kim@there.example").await, 303);
    assert_eq!(
        invite(&otto, &there, "bob@here.example").await,
        303,
        "a domain is no claim on people"
    );
    // Nobody joined by address alone.
    let kim = portal.account("kim@here.example").await;
    let client = portal.sign_in(kim.0).await;
    assert_eq!(client.get(&here.path("/members")).await.status, 404);
    for path in ["/o/here/sso", "/o/here/scim", "/scim/v2/here/Users", "/o/here/domains"] {
        assert_eq!(otto.get(path).await.status, 404, "{path}");
        assert_eq!(
            otto.post(path, &[("domain", "here.example")]).await.status,
            404,
            "{path}"
        );
    }
}
