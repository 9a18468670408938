//! Organizations: their settings, their addresses, and what archiving does.

use muster::{
    access::{EnterpriseRole, Role},
    audit::Action,
    clock::days,
};

use crate::support::{Answer, Org, Page, Portal, Someone, spawn};

/// The fields of a section as the page shows them, with some of them changed.
async fn section(who: &Someone, path: &str, name: &str, change: &[(&str, &str)]) -> Vec<(String, String)> {
    let page = who.get(path).await.page(200);
    let mut fields = vec![
        ("section".to_owned(), name.to_owned()),
        ("version".to_owned(), version(&page)),
    ];
    let known: &[&str] = if name == "general" {
        &["name", "slug", "support_contact"]
    } else {
        &["domains"]
    };
    for field in known {
        let value = page.value(field).unwrap_or_else(|| page.first("textarea"));
        fields.push(((*field).to_owned(), value));
    }
    let selects: &[&str] = if name == "general" {
        &["zone"]
    } else {
        &["expiry", "default_role"]
    };
    for field in selects {
        let chosen = page.attribute(&format!("select[name={field}] option[selected]"), "value");
        fields.push(((*field).to_owned(), chosen.expect("one is chosen")));
    }
    for field in ["managers_invite", "links_visible"] {
        if page.count(&format!("input[name={field}][checked]")) > 0 && name == "invitations" {
            fields.push((field.to_owned(), "1".to_owned()));
        }
    }
    for (field, value) in change {
        fields.retain(|known| known.0 != *field);
        if !value.is_empty() || *field == "name" {
            fields.push(((*field).to_owned(), (*value).to_owned()));
        }
    }
    fields
}

fn version(page: &Page) -> String {
    page.value("version").expect("the version stands in the form")
}

async fn send(who: &Someone, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    who.post(path, &fields).await
}

async fn save(who: &Someone, org: &Org, name: &str, change: &[(&str, &str)]) -> Answer {
    let path = org.path("/settings");
    let fields = section(who, &path, name, change).await;
    send(who, &path, &fields).await
}

async fn actions(app: &Portal, org: &Org) -> Vec<String> {
    app.audit(Some(org)).await.into_iter().map(|row| row.action).collect()
}

#[actix_web::test]
async fn general_settings_are_saved_and_recorded_field_by_field() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let answer = save(
        &ann,
        &org,
        "general",
        &[
            ("name", " Acme   Robotics "),
            ("zone", "Asia/Tokyo"),
            ("support_contact", "desk@acme.example"),
        ],
    )
    .await;
    assert_eq!(answer.redirects_to("/o/acme/settings"), "/o/acme/settings#general");
    let page = ann.get("/o/acme/settings").await.page(200);
    page.assert_says("Settings of Acme Robotics saved.");
    assert_eq!(page.value("name").unwrap(), "Acme Robotics");
    assert_eq!(
        page.attribute("select[name=zone] option[selected]", "value").unwrap(),
        "Asia/Tokyo"
    );
    let row = app.audit(Some(&org)).await.pop().unwrap();
    assert_eq!(row.action, Action::OrgUpdate.name());
    let (before, after): (serde_json::Value, serde_json::Value) = (
        serde_json::from_str(&row.before).unwrap(),
        serde_json::from_str(&row.after).unwrap(),
    );
    assert_eq!(
        before,
        serde_json::json!({ "name": "Acme", "support_contact": "it@acme.example", "zone": "Europe/Berlin" })
    );
    assert_eq!(
        after,
        serde_json::json!({ "name": "Acme Robotics", "support_contact": "desk@acme.example", "zone": "Asia/Tokyo" })
    );
    // Saving what is there already changes and records nothing.
    let count = app.audit(Some(&org)).await.len();
    save(&ann, &org, "general", &[]).await.redirects_to("/o/acme/settings");
    assert_eq!(app.audit(Some(&org)).await.len(), count);
}

#[actix_web::test]
async fn a_changed_address_takes_the_old_one_away() {
    let app = spawn().await;
    let (org, _other) = (app.org("Acme").await, app.org("Kestrel").await);
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let page = save(&ann, &org, "general", &[("slug", "kestrel")]).await.page(422);
    assert!(page.first("#slug-e").contains("taken"), "{}", page.text());
    assert_eq!(page.value("slug").unwrap(), "kestrel");
    let page = save(&ann, &org, "general", &[("slug", "new")]).await.page(422);
    assert!(page.first("#slug-e").contains("reserved"));
    save(&ann, &org, "general", &[("slug", "Acme-2")])
        .await
        .redirects_to("/o/acme-2/settings");
    ann.get("/o/acme/settings").await.page(404);
    ann.get("/o/acme/members").await.page(404);
    ann.get("/o/acme-2/settings").await.page(200);
}

#[actix_web::test]
async fn invitation_rules_are_checked_and_saved() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let answer = save(
        &ann,
        &org,
        "invitations",
        &[
            ("expiry", "never"),
            ("domains", "Acme.Example\r\n@kestrel.example"),
            ("default_role", "developer"),
            ("managers_invite", ""),
        ],
    )
    .await;
    answer.redirects_to("/o/acme/settings#invitations");
    let mut db = app.app.db.read();
    let saved = muster::orgs::find(&mut db, org.id).await.unwrap();
    assert_eq!(
        (
            saved.invite_days,
            saved.default_role,
            saved.managers_invite,
            saved.links_visible
        ),
        (None, Role::Developer, false, true)
    );
    assert_eq!(
        muster::orgs::domains(&mut db, org.id).await.unwrap(),
        ["acme.example", "kestrel.example"]
    );
    for (field, value, shown) in [
        ("domains", "not a domain", "is not a domain"),
        ("expiry", "31", "1 to 30 days"),
        ("default_role", "administrator", "Org Admins are made one by one"),
    ] {
        let page = save(&ann, &org, "invitations", &[(field, value)]).await.page(422);
        assert!(page.first(&format!("#{field}-e")).contains(shown), "{}", page.text());
    }
    let page = ann.get("/o/acme/settings").await.page(200);
    assert_eq!(page.first("textarea"), "acme.example kestrel.example");
    assert_eq!(page.count("input[name=managers_invite][checked]"), 0);
    assert_eq!(page.count("input[name=links_visible][checked]"), 1);
}

#[actix_web::test]
async fn fault_f24_stale_settings() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let bob = app.member(&org, Role::Administrator, "bob").await;
    let path = org.path("/settings");
    let anns = section(&ann, &path, "general", &[("name", "Acme by Ann")]).await;
    let bobs = section(&bob, &path, "general", &[("name", "Acme by Bob")]).await;
    send(&ann, &path, &anns).await.redirects_to(&path);
    let page = send(&bob, &path, &bobs).await.page(409);
    page.assert_says("was changed by somebody else");
    page.assert_says("Acme by Bob"); // what was entered is not lost
    assert_eq!(page.value("name").unwrap(), "Acme by Ann"); // and the current row stands in the form
    assert_eq!(
        muster::orgs::find(&mut app.app.db.read(), org.id).await.unwrap().name,
        "Acme by Ann"
    );
    // The page that was refused can be sent again as it stands.
    let mut again = bobs.clone();
    again.retain(|field| field.0 != "version");
    again.push(("version".to_owned(), version(&page)));
    send(&bob, &path, &again).await.redirects_to(&path);
    assert_eq!(
        muster::orgs::find(&mut app.app.db.read(), org.id).await.unwrap().name,
        "Acme by Bob"
    );
}

#[actix_web::test]
async fn only_those_who_run_an_organization_see_its_settings() {
    let app = spawn().await;
    let (org, other) = (app.org("Acme").await, app.org("Kestrel").await);
    let ann = app.member(&org, Role::Administrator, "ann").await;
    for role in [Role::Manager, Role::Developer, Role::Member, Role::Viewer] {
        let someone = app.member(&org, role, role.key()).await;
        someone.get(&org.path("/settings")).await.page(403);
        someone
            .post(
                &org.path("/settings"),
                &[("section", "general"), ("version", "1"), ("name", "Mine")],
            )
            .await
            .page(403);
    }
    for path in ["/settings", "/audit", "/audit/export.csv", "/audit/export.ndjson"] {
        ann.get(&other.path(path)).await.page(404).assert_silent("Kestrel");
    }
    ann.post(
        &other.path("/settings"),
        &[("section", "general"), ("version", "1"), ("name", "Mine")],
    )
    .await
    .page(404);
    let found = muster::orgs::find(&mut app.app.db.read(), other.id).await.unwrap();
    assert_eq!((found.name.as_str(), found.version), ("Kestrel", 1));
    app.anonymous()
        .get(&org.path("/settings"))
        .await
        .redirects_to("/sign-in");
}

#[actix_web::test]
async fn an_archived_organization_is_read_only() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let eve = app.enterprise_member(EnterpriseRole::Administrator, "eve").await;
    let fields = section(&ann, &org.path("/settings"), "general", &[("name", "Late")]).await;
    let dialog = eve.get("/e/organizations/acme/archive").await.page(200);
    dialog.assert_says("Ends now");
    dialog.assert_says("1 member can look");
    eve.post("/e/organizations/acme/archive", &[])
        .await
        .redirects_to("/e/organizations/acme");
    send(&ann, &org.path("/settings"), &fields)
        .await
        .page(409)
        .assert_says("archived and read-only");
    assert_eq!(
        muster::orgs::find(&mut app.app.db.read(), org.id).await.unwrap().name,
        "Acme"
    );
    ann.get(&org.path("/audit"))
        .await
        .page(200)
        .assert_says("Archived Acme");
    // Reading works, and nothing is offered that would be refused.
    let page = ann.get(&org.path("/settings")).await.page(200);
    assert_eq!(page.value("name").as_deref(), Some("Acme"));
    assert_eq!(page.count("main fieldset[disabled]"), 4);
    assert_eq!(page.count("main form button"), 0);
    ann.get(&org.path("/policies"))
        .await
        .page(200)
        .assert_heading("Policies");
    ann.get(&org.path("/getting-started")).await.page(200);
    eve.post("/e/organizations/acme/archive", &[]).await.page(409);
    eve.get("/e/organizations/acme/archive").await.page(409);
    eve.post("/e/organizations/acme/restore", &[])
        .await
        .redirects_to("/e/organizations/acme");
    eve.post("/e/organizations/acme/restore", &[]).await.page(409);
    let fields = section(&ann, &org.path("/settings"), "general", &[("name", "Back")]).await;
    send(&ann, &org.path("/settings"), &fields)
        .await
        .redirects_to("/o/acme/settings");
    let kinds = actions(&app, &org).await;
    for action in [
        Action::OrgCreate,
        Action::OrgArchive,
        Action::OrgRestore,
        Action::OrgUpdate,
    ] {
        assert!(
            kinds.iter().any(|name| name == action.name()),
            "{action:?} in {kinds:?}"
        );
    }
}

#[actix_web::test]
async fn two_tabs_of_two_organizations_do_not_mix() {
    let app = spawn().await;
    let (acme, kestrel) = (app.org("Acme").await, app.org("Kestrel").await);
    let ann = app.member(&acme, Role::Administrator, "ann").await;
    app.member(&kestrel, Role::Administrator, "ann").await;
    // One browser, both forms open; the one opened first is sent last.
    let first = section(
        &ann,
        &acme.path("/settings"),
        "general",
        &[("support_contact", "a@acme.example")],
    )
    .await;
    let second = section(
        &ann,
        &kestrel.path("/settings"),
        "general",
        &[("support_contact", "k@kestrel.example")],
    )
    .await;
    send(&ann, &kestrel.path("/settings"), &second)
        .await
        .redirects_to("/o/kestrel/");
    send(&ann, &acme.path("/settings"), &first)
        .await
        .redirects_to("/o/acme/");
    let mut db = app.app.db.read();
    for (org, contact) in [(&acme, "a@acme.example"), (&kestrel, "k@kestrel.example")] {
        assert_eq!(
            muster::orgs::find(&mut db, org.id).await.unwrap().support_contact,
            contact
        );
        let page = ann.get(&org.path("/settings")).await.page(200);
        page.assert_says(&format!("Rules for everyone in {}", org.name));
        assert_eq!(
            page.attribute("#org-menu a[aria-current]", "href").unwrap(),
            org.path("/members")
        );
        assert!(page.all("#org-menu a").len() >= 2, "both stand in the switcher");
    }
}

#[actix_web::test]
async fn slugs_of_equal_names_are_numbered() {
    let app = spawn().await;
    let slugs = [
        app.org("Über Labs").await.slug,
        app.org("Uber  labs").await.slug,
        app.org("über-labs").await.slug,
    ];
    assert_eq!(slugs, ["uber-labs", "uber-labs-2", "uber-labs-3"]);
    assert_eq!(app.org("Admin").await.slug, "admin-1");
}

#[actix_web::test]
async fn ids_come_in_blocks_and_never_twice() {
    let app = spawn().await;
    let (acme, kestrel) = (app.org("Acme").await, app.org("Kestrel").await);
    let mut tx = app.app.db.write().await.unwrap();
    let first = muster::orgs::next_id(&mut tx, acme.id, 100).await.unwrap();
    assert_eq!(muster::orgs::next_id(&mut tx, acme.id, 1).await.unwrap(), first + 100);
    assert_eq!(muster::orgs::next_id(&mut tx, kestrel.id, 1).await.unwrap(), 1);
    assert_eq!(muster::orgs::sequence(&mut tx, "test", 5).await.unwrap(), 1);
    assert_eq!(muster::orgs::sequence(&mut tx, "test", 1).await.unwrap(), 6);
    tx.commit().await.unwrap();
    app.clock.advance(days(1));
}
