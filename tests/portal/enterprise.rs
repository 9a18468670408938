//! The Enterprise Portal: figures, people, organizations, settings and the outbox.

use muster::{
    access::{EnterpriseRole, Role},
    mail::{address::Address, outbox::Mail},
};

use crate::support::{Org, Portal, START, spawn, spawn_with_mail};

/// Three organizations, five people, one of them in two organizations.
async fn seeded() -> (Portal, Vec<Org>) {
    let app = spawn().await;
    let orgs = vec![
        app.org("Acme").await,
        app.org("Kestrel").await,
        app.org("Orbital").await,
    ];
    app.member(&orgs[0], Role::Administrator, "ann").await;
    app.member(&orgs[1], Role::Developer, "ann").await;
    app.member(&orgs[0], Role::Viewer, "bob").await;
    app.member(&orgs[1], Role::Manager, "cleo").await;
    app.member(&orgs[1], Role::Member, "dora").await;
    app.member(&orgs[2], Role::Member, "emil@kestrel.example").await;
    (app, orgs)
}

#[actix_web::test]
async fn the_overview_counts_people_and_memberships() {
    let (app, orgs) = seeded().await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let page = eve.get("/e").await.page(200);
    page.assert_says("5 Total Members across 3 organizations");
    let stats = page.all(".stats > div");
    assert!(stats[1].starts_with("Memberships 6"), "{stats:?}");
    assert!(stats[3].starts_with("Multi-org 1"), "{stats:?}");
    assert_eq!(page.row("Kestrel").cells[2], "3");
    page.assert_says("Admins 1 16%");
    page.assert_says("Creators 4 66%");
    page.assert_says("Viewers 1 16%");
    // Enterprise access creates no membership (I-18), and an archived organization does not count.
    eve.post("/e/organizations/kestrel/archive", &[])
        .await
        .redirects_to("/e/");
    let page = eve.get("/e").await.page(200);
    page.assert_says("3 Total Members across 2 organizations, 1 archived");
    assert!(page.all(".stats > div")[3].starts_with("Multi-org 0"));
    assert_eq!(orgs.len(), 3);
}

#[actix_web::test]
async fn an_empty_enterprise_says_so() {
    let app = spawn().await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let page = eve.get("/e").await.page(200);
    page.assert_says("0 Total Members across 0 organizations");
    page.assert_says("Nobody is a member yet");
    assert_eq!(page.count("svg.hbar"), 0);
    eve.get("/e/users").await.page(200).assert_says("No user matches");
}

#[actix_web::test]
async fn people_are_listed_once_with_their_organizations() {
    let (app, _) = seeded().await;
    let eve = app.enterprise_member(EnterpriseRole::Auditor, "eve").await;
    let page = eve.get("/e/users").await.page(200);
    let names = |query: &str| {
        let eve = eve.client.clone();
        let path = format!("/e/users?{query}");
        async move { eve.get(&path).await.page(200).all("#results tbody .c-main") }
    };
    assert_eq!(names("").await, ["A Ann", "B Bob", "C Cleo", "D Dora", "E Emil"]);
    assert_eq!(
        names("sort=-name").await,
        ["E Emil", "D Dora", "C Cleo", "B Bob", "A Ann"]
    );
    assert_eq!(names("q=EMIL%40kes").await, ["E Emil"]);
    assert_eq!(names("q=bo").await, ["B Bob"]);
    assert_eq!(names("q=%25").await, Vec::<String>::new());
    assert_eq!(names("organization=kestrel").await, ["A Ann", "C Cleo", "D Dora"]);
    assert_eq!(names("organization=nowhere").await, Vec::<String>::new());
    assert_eq!(names("role=developer").await, ["A Ann"]);
    assert_eq!(names("organization=acme&role=developer").await, Vec::<String>::new());
    assert_eq!(names("several=1").await, ["A Ann"]);
    assert_eq!(names("status=inactive&role=viewer").await, ["B Bob"]);
    assert_eq!(names("status=disabled").await, Vec::<String>::new());
    let ann = page.row("Ann");
    assert_eq!(ann.cell("Organization(s)"), "Acme Primary Kestrel");
    assert_eq!(ann.cell("Role"), "Org Admin in Acme Developer in Kestrel");
    ann.assert_cell("Email", "ann@acme.example");
    page.assert_says("Enterprise Auditor"); // eve is no member, and stands among the enterprise roles
    assert!(page.find_row("eve@").is_none());
    let part = eve.htmx_get("/e/users?several=1").await;
    assert!(part.body.contains("id=\"results\"") && part.body.contains("hx-partial") && !part.body.contains("<html"));
}

#[actix_web::test]
async fn people_come_page_by_page_and_each_once() {
    let app = spawn().await;
    let (acme, kestrel) = (app.org("Acme").await, app.org("Kestrel").await);
    for n in 0..60 {
        app.member(&acme, Role::Member, &format!("p{n:02}")).await;
        if n % 10 == 0 {
            app.member(&kestrel, Role::Member, &format!("p{n:02}")).await;
        }
    }
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    for start in [
        "/e/users",
        "/e/users?sort=-name",
        "/e/users?organization=acme",
        "/e/users?q=acme.example",
    ] {
        let first = eve.get(start).await.page(200);
        let next = first.attribute("#page-next", "href").expect("a next page");
        assert!(first.attribute("#page-previous", "href").is_none());
        let second = eve.get(&next).await.page(200);
        assert!(second.attribute("#page-next", "href").is_none(), "{start}");
        let back = second.attribute("#page-previous", "href").expect("a previous page");
        let mut all = first.all("#results tbody .c-main");
        assert_eq!(
            eve.get(&back).await.page(200).all("#results tbody .c-main"),
            all,
            "{start}"
        );
        assert_eq!(all.len(), 50);
        all.extend(second.all("#results tbody .c-main"));
        let mut sorted = all.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 60, "{start}");
    }
    let junk = eve.get("/e/users?after=junk&before=%22").await.page(200);
    assert_eq!(junk.all("#results tbody .c-main").len(), 50);
}

#[actix_web::test]
async fn organizations_are_created_sorted_renamed_and_searched() {
    let (app, _) = seeded().await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let form = eve.get("/e/organizations/new").await.page(200);
    assert_eq!(form.value("support_contact").unwrap(), "help@halden.example");
    assert_eq!(
        form.attribute("select[name=zone] option[selected]", "value").unwrap(),
        "Europe/Oslo"
    );
    let bad = [
        ("name", " "),
        ("slug", ""),
        ("zone", "Europe/Oslo"),
        ("support_contact", "x@y.example"),
    ];
    let page = eve.post("/e/organizations", &bad).await.page(422);
    assert!(page.first("#name-e").contains("at least one letter"), "{}", page.text());
    let part = eve.htmx_post("/e/organizations", &bad).await;
    assert!(part.status == 422 && part.body.contains("id=\"new-body\"") && !part.body.contains("<html"));
    let good = [
        ("name", "Zenit"),
        ("slug", ""),
        ("zone", "Europe/Oslo"),
        ("support_contact", "x@y.example"),
    ];
    eve.post("/e/organizations", &good)
        .await
        .redirects_to("/e/organizations/zenit");
    let page = eve.get("/e/organizations/zenit").await.page(200);
    page.assert_says("Nobody runs Zenit yet.");
    let htmx = eve.htmx_post("/e/organizations", &good).await;
    assert_eq!(htmx.header("hx-redirect"), "/e/organizations/zenit-2");
    let list = |query: &str| {
        let eve = eve.client.clone();
        let path = format!("/e/organizations?{query}");
        async move {
            let page = eve.get(&path).await.page(200);
            page.all("#results tbody .c-main a")
        }
    };
    assert_eq!(list("").await, ["Acme", "Kestrel", "Orbital", "Zenit", "Zenit"]);
    assert_eq!(list("sort=-members").await[..2], ["Kestrel", "Acme"]);
    assert_eq!(list("sort=-created").await[0], "Zenit");
    assert_eq!(list("sort=created").await[0], "Acme");
    assert_eq!(list("q=zenit-2").await, ["Zenit"]);
    assert_eq!(list("q=ORBI").await, ["Orbital"]);
    let rename = |version: &'static str| {
        let eve = eve.client.clone();
        async move {
            eve.post(
                "/e/organizations/zenit-2",
                &[("name", "Nadir"), ("slug", "nadir"), ("version", version)],
            )
            .await
        }
    };
    rename("1").await.redirects_to("/e/organizations/nadir");
    eve.get("/e/organizations/zenit-2").await.page(404);
    let stale = [("name", "Other"), ("slug", "nadir"), ("version", "1")];
    let page = eve.post("/e/organizations/nadir", &stale).await.page(409);
    assert_eq!(page.value("name").unwrap(), "Nadir");
    let taken = [("name", "Nadir"), ("slug", "acme"), ("version", "2")];
    assert!(
        eve.post("/e/organizations/nadir", &taken)
            .await
            .page(422)
            .first("#slug-e")
            .contains("taken")
    );
    eve.post("/e/organizations/nadir/archive", &[])
        .await
        .redirects_to("/e/organizations/nadir");
    assert_eq!(list("state=archived").await, ["Nadir"]);
    assert!(!list("").await.contains(&"Nadir".to_owned()));
    let row = eve.get("/e/organizations?state=all").await.page(200).row("Nadir");
    row.assert_cell("Status", "Archived");
    row.assert_cell("Org Admins", "None");
}

#[actix_web::test]
async fn the_portal_is_for_enterprise_roles_alone() {
    let (app, orgs) = seeded().await;
    let ann = app.member(&orgs[2], Role::Administrator, "ann").await;
    let auditor = app.enterprise_member(EnterpriseRole::Auditor, "aud").await;
    let billing = app.enterprise_member(EnterpriseRole::BillingManager, "bil").await;
    for path in [
        "/e",
        "/e/users",
        "/e/organizations",
        "/e/organizations/new",
        "/e/organizations/acme",
        "/e/settings",
        "/e/audit",
        "/e/audit/export.csv",
        "/e/outbox",
    ] {
        ann.get(path).await.page(403);
        app.anonymous().get(path).await.redirects_to("/sign-in");
    }
    for path in ["/e", "/e/users", "/e/organizations"] {
        auditor.get(path).await.page(200);
        billing.get(path).await.page(200).assert_silent("New organization");
    }
    auditor.get("/e/audit").await.page(200);
    billing.get("/e/audit").await.page(403);
    for path in [
        "/e/organizations/acme/archive",
        "/e/organizations/acme/restore",
        "/e/organizations/acme",
        "/e/organizations",
        "/e/settings",
    ] {
        for who in [&ann, &auditor, &billing] {
            who.post(path, &[("name", "X"), ("slug", "x"), ("version", "1")])
                .await
                .page(403);
        }
    }
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    for path in [
        "/e/organizations/nowhere",
        "/e/organizations/nowhere/archive",
        "/e/outbox/mail_0000000000000",
        "/e/outbox/x",
    ] {
        eve.get(path).await.page(404);
    }
    eve.post("/e/organizations/nowhere/archive", &[]).await.page(404);
}

#[actix_web::test]
async fn enterprise_settings_refuse_a_stale_page() {
    let app = spawn().await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let version = eve.get("/e/settings").await.page(200).value("version").unwrap();
    let fields = |name: &'static str, zone: &'static str| {
        let version = version.clone();
        let eve = eve.client.clone();
        async move {
            eve.post(
                "/e/settings",
                &[
                    ("name", name),
                    ("support_contact", "ops@halden.example"),
                    ("zone", zone),
                    ("version", &version),
                ],
            )
            .await
        }
    };
    let page = fields("Halden", "Mars/Olympus").await.page(422);
    assert!(page.first("#zone-e").contains("Choose a time zone"));
    fields("Halden", "Europe/Oslo").await.redirects_to("/e/settings");
    let page = fields("Other", "Europe/Oslo").await.page(409);
    assert_eq!(page.value("name").unwrap(), "Halden");
    eve.get("/e/audit")
        .await
        .page(200)
        .assert_says("Changed the settings of Halden");
}

#[actix_web::test]
async fn the_outbox_shows_mails_and_hides_secrets_that_a_server_delivers() {
    for mail_off in [true, false] {
        let app = if mail_off {
            spawn().await
        } else {
            spawn_with_mail().await
        };
        let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
        let ann = app.enterprise_member(EnterpriseRole::Auditor, "ann").await;
        let mut tx = app.app.db.write().await.unwrap();
        let reset = Mail::PasswordReset {
            reset: muster::ids::ResetId::from_raw(7),
            created_at: START,
            minutes: 30,
        };
        let to = Address::parse("ann@acme.example").unwrap();
        let id = muster::mail::enqueue(&mut tx, None, &to, &reset, START).await.unwrap();
        tx.commit().await.unwrap();
        let row = muster::mail::outbox::find(&mut app.app.db.read(), id).await.unwrap();
        let secret = muster::mail::links::reset_token(&app.app.keys, muster::ids::ResetId::from_raw(7), START);
        let page = eve.get("/e/outbox").await.page(200);
        page.row("ann@acme.example").assert_cell("Status", "Queued");
        assert!(!page.html().contains(secret.expose()));
        let page = eve.get(&format!("/e/outbox/{id}")).await.page(200);
        assert_eq!(page.first("pre").contains(secret.expose()), mail_off);
        assert_eq!(page.html().contains(secret.expose()), mail_off);
        let viewed = app
            .audit(None)
            .await
            .iter()
            .filter(|row| row.action == "mail.view")
            .count();
        assert_eq!(viewed, usize::from(mail_off));
        assert_eq!(page.count("iframe"), 0);
        for path in ["", "/retry", "/cancellation"] {
            let path = format!("/e/outbox/{id}{path}");
            let answer = if path.ends_with(&id.to_string()) {
                ann.get(&path).await
            } else {
                ann.post(&path, &[]).await
            };
            answer.page(403);
        }
        eve.post(&format!("/e/outbox/{id}/cancellation"), &[])
            .await
            .redirects_to("/e/outbox");
        eve.get("/e/outbox?state=cancelled")
            .await
            .page(200)
            .row("ann@acme.example")
            .assert_cell("Status", "Cancelled");
        eve.post(&format!("/e/outbox/{id}/cancellation"), &[]).await.page(409);
        eve.post(&format!("/e/outbox/{id}/retry"), &[])
            .await
            .redirects_to("/e/outbox");
        eve.get("/e/outbox?state=queued")
            .await
            .page(200)
            .row("ann@acme.example");
        assert_eq!(row.recipient, "ann@acme.example");
    }
}

#[actix_web::test]
async fn the_switcher_finds_every_organization_one_may_open() {
    let (app, _) = seeded().await;
    for n in 0..9 {
        app.org(&format!("Branch {n}")).await;
    }
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let menu = eve.get("/e").await.page(200);
    assert!(menu.all("#org-menu a").len() <= 11);
    let page = eve.get("/organizations?q=ORBI").await.page(200);
    page.assert_says("Orbital");
    page.assert_silent("Kestrel");
    let ann = app.sign_in(app.account("ann").await.0).await;
    let page = ann.get("/organizations?q=o").await.page(200);
    page.assert_silent("Orbital"); // hers are Acme and Kestrel
}
