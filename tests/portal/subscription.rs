//! Seats and subscription, training resources, and the overview of policies.

use muster::{
    access::{EnterpriseRole, Role},
    members::member,
};

use crate::support::{Org, Page, Portal, Someone, spawn};

/// The fields of a section as the page has them, with some of them changed.
fn section<'a>(page: &Page, path: &str, changes: &'a [(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
    let version = page
        .attribute(&format!("form[action=\"{path}\"] input[name=version]"), "value")
        .expect("a version");
    let mut fields = vec![("version", version)];
    fields.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

async fn save(who: &Someone, org: &Org, part: &str, changes: &[(&str, &str)]) -> crate::support::Answer {
    let page = who.get(&org.path("/settings")).await.page(200);
    let path = org.path(part);
    let fields = section(&page, &path, changes);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    who.post(&path, &fields).await
}

async fn founded(app: &Portal) -> (Org, Someone) {
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    (org, ann)
}

#[actix_web::test]
async fn r_org_04_the_record_is_kept_by_administrators_and_finance_and_read_by_auditors() {
    let app = spawn().await;
    let (org, ann) = founded(&app).await;
    let record = [
        ("plan", "Team"),
        ("seats", "1,000"),
        ("renews_on", "2027-03-31"),
        ("reference", "PO-4711"),
        ("billing_contact", "finance@acme.example"),
    ];
    save(&ann, &org, "/subscription", &record)
        .await
        .redirects_to("/o/acme/settings#subscription");
    let page = ann.get(&org.path("/settings")).await.page(200);
    page.assert_says("1 seat in use, 999 left.");
    assert_eq!(page.value("plan").as_deref(), Some("Team"));
    assert_eq!(page.value("seats").as_deref(), Some("1000"));
    assert_eq!(page.value("renews_on").as_deref(), Some("2027-03-31"));
    // The Enterprise Billing Manager may, and sees the rest of the settings without being able to change it.
    let bill = app.enterprise_member(EnterpriseRole::BillingManager, "bill").await;
    save(&bill, &org, "/subscription", &[("plan", "Business"), ("seats", "5")])
        .await
        .redirects_to("/o/acme/settings");
    let page = bill.get(&org.path("/settings")).await.page(200);
    assert_eq!(page.all("main form button"), ["Save subscription"]);
    bill.post(&org.path("/settings"), &[("section", "general")])
        .await
        .page(403);
    bill.post(&org.path("/training"), &[]).await.page(403);
    let auditor = app.enterprise_member(EnterpriseRole::Auditor, "aud").await;
    let page = auditor.get(&org.path("/settings")).await.page(200);
    assert_eq!(page.count("main form button"), 0);
    page.assert_says("You can read these settings");
    auditor.post(&org.path("/subscription"), &[]).await.page(403);
    let bob = app.member(&org, Role::Manager, "bob").await;
    bob.get(&org.path("/settings")).await.page(403);
    bob.get(&org.path("/policies")).await.page(403);

    // Faults stand beside their field, with everything as it was typed.
    let page = save(&ann, &org, "/subscription", &[("plan", "Other"), ("seats", "many")])
        .await
        .page(422);
    page.assert_says("Write a whole number from 1 to 1,000,000");
    assert_eq!(page.value("plan").as_deref(), Some("Other"));
    // Whoever comes second with an old page changes nothing.
    let stale = [("version", "1"), ("plan", "Mine"), ("seats", "3")];
    let page = ann.post(&org.path("/subscription"), &stale).await.page(409);
    page.assert_says("changed by somebody else");
    page.assert_says("Mine");
    ann.post(&org.path("/subscription"), &[("plan", "Mine")])
        .await
        .page(409);
    let rows = app.audit(Some(&org)).await;
    let kept: Vec<_> = rows
        .iter()
        .filter(|row| row.action == "organization.subscription")
        .collect();
    assert_eq!(kept.len(), 2);
    assert!(kept[1].before.contains("\"Team\"") && kept[1].after.contains("\"Business\""));
    assert!(kept[1].after.contains("\"seats\":5"));
}

#[actix_web::test]
async fn r_org_04_a_full_organization_takes_nobody_on_any_path() {
    let app = spawn().await;
    let (org, ann) = founded(&app).await;
    let bob = app.member(&org, Role::Member, "bob").await;
    let invites = org.path("/invites");
    // Two of three seats are taken; one invitation fits, a second would be one too many.
    save(&ann, &org, "/subscription", &[("seats", "3")])
        .await
        .redirects_to("/o/acme");
    ann.post(&invites, &[("email", "carl@acme.example"), ("role", "member")])
        .await
        .redirects_to(&invites);
    let page = ann
        .post(&invites, &[("email", "dora@acme.example"), ("role", "member")])
        .await
        .page(422);
    page.assert_says("Acme has no seat left for dora@acme.example");
    // In bulk each row has its outcome, before and after the confirmation.
    let text = [("text", "dora@acme.example")];
    let page = ann.post(&org.path("/invites/bulk"), &text).await.page(200);
    page.assert_says("No seat is left");
    save(&ann, &org, "/subscription", &[("seats", "4")])
        .await
        .redirects_to("/o/acme");
    let both = [
        ("text", "dora@acme.example erik@acme.example"),
        ("email", "dora@acme.example"),
        ("email", "erik@acme.example"),
        ("role", "member"),
    ];
    let answer = ann.post(&org.path("/invites/bulk/confirm"), &both).await;
    let result = answer.redirects_to(&org.path("/invites/bulk/"));
    let page = ann.get(&result).await.page(200);
    page.row("erik@acme.example").assert_cell("", "erik@acme.example");
    page.assert_says("No seat is left");

    // By hand.
    save(&ann, &org, "/subscription", &[("seats", "2")])
        .await
        .redirects_to("/o/acme");
    let fields = [("name", "Finn"), ("email", "finn@acme.example"), ("role", "member")];
    let answer = ann.post(&org.path("/members"), &fields).await;
    assert!(matches!(answer.status, 409 | 422), "{}", answer.body);
    answer.page(answer.status).assert_says("All 2 seats are taken");
    // By accepting: the invitation stays open, and works once there is a seat.
    let carl = app.account("carl").await.0;
    let carl = app.sign_in(carl).await;
    let page = carl.get("/me/invitations").await.page(200);
    let accept = page.attributes("form", "action");
    let accept = accept
        .iter()
        .find(|action| action.ends_with("/acceptance"))
        .expect("a form")
        .clone();
    let answer = carl.post(&accept, &[]).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("seat"), "{}", answer.body);
    // By activating: whoever is deactivated has given the seat away.
    let path = org.path(&format!("/members/{}", bob.id()));
    ann.post(&format!("{path}/suspension"), &[])
        .await
        .redirects_to("/o/acme");
    ann.get(&org.path("/settings"))
        .await
        .page(200)
        .assert_says("1 seat in use, 1 left.");
    carl.post(&accept, &[]).await.redirects_to("/o/acme");
    ann.post(&format!("{path}/suspension/end"), &[])
        .await
        .page(409)
        .assert_says("All 2 seats are taken");
    // A limit below what is used throws nobody out, and says so.
    save(&ann, &org, "/subscription", &[("seats", "1")])
        .await
        .redirects_to("/o/acme");
    let page = ann.get(&org.path("/settings")).await.page(200);
    page.assert_says("2 seats in use, 1 more than agreed");
    // Without a limit everything goes on.
    save(&ann, &org, "/subscription", &[("seats", "")])
        .await
        .redirects_to("/o/acme");
    ann.post(&format!("{path}/suspension/end"), &[])
        .await
        .redirects_to("/o/acme");
    let seats = member::seats(&mut app.app.db.read(), org.id).await.unwrap();
    assert!(seats.is_none());
}

#[actix_web::test]
async fn r_org_04_the_last_seat_goes_to_one_of_two() {
    let app = spawn().await;
    let (org, ann) = founded(&app).await;
    save(&ann, &org, "/subscription", &[("seats", "2")])
        .await
        .redirects_to("/o/acme");
    let add = |email: &'static str| {
        let (client, path) = (ann.client.clone(), org.path("/members"));
        async move {
            let fields = [("name", "Somebody"), ("email", email), ("role", "member")];
            client.post(&path, &fields).await.status
        }
    };
    let (one, other) = futures_util::future::join(add("one@acme.example"), add("two@acme.example")).await;
    let added = [one, other].iter().filter(|status| **status == 303).count();
    assert_eq!(added, 1, "{one} and {other}");
    let seats = member::seats(&mut app.app.db.read(), org.id)
        .await
        .unwrap()
        .expect("a limit");
    assert_eq!((seats.used, seats.left()), (2, 0));
}

#[actix_web::test]
async fn r_lif_04_training_resources_are_kept_and_offered_to_every_member() {
    let app = spawn().await;
    let (org, ann) = founded(&app).await;
    let bob = app.member(&org, Role::Member, "bob").await;
    bob.get(&org.path("/members"))
        .await
        .page(200)
        .assert_silent("Getting started");
    let rows = [
        ("title", "First steps"),
        ("url", "https://learn.example.com/first"),
        ("description", "Ten minutes"),
        ("title", "Prompts"),
        ("url", "javascript:alert(1)"),
        ("description", ""),
    ];
    let page = save(&ann, &org, "/training", &rows).await.page(422);
    page.assert_says("beginning with https://");
    assert_eq!(
        page.attribute("#url-2", "value").as_deref(),
        Some("javascript:alert(1)")
    );
    assert_eq!(page.attribute("#title-1", "value").as_deref(), Some("First steps"));
    assert_eq!(page.attribute("#title-2", "aria-invalid").as_deref(), Some("true"));
    save(&ann, &org, "/training", &rows[..3])
        .await
        .redirects_to("/o/acme/settings#training");
    for path in ["/members", "/getting-started"] {
        let page = bob.get(&org.path(path)).await.page(200);
        page.assert_says("Ten minutes");
        let link = page.attribute("a[href=\"https://learn.example.com/first\"]", "rel");
        assert_eq!(link.as_deref(), Some("noreferrer noopener"), "{path}");
    }
    let page = ann
        .post(&org.path("/training"), &[("version", "0"), ("title", "Late")])
        .await;
    page.page(422); // a link is missing
    let stale = [
        ("version", "0"),
        ("title", "Late"),
        ("url", "https://late.example"),
        ("description", ""),
    ];
    ann.post(&org.path("/training"), &stale)
        .await
        .page(409)
        .assert_says("Late");
    // An emptied row is gone.
    let empty = [("title", ""), ("url", ""), ("description", "")];
    save(&ann, &org, "/training", &empty).await.redirects_to("/o/acme");
    bob.get(&org.path("/getting-started"))
        .await
        .page(200)
        .assert_says("None yet.");
    let rows = app.audit(Some(&org)).await;
    assert_eq!(
        rows.iter().filter(|row| row.action == "organization.training").count(),
        2
    );
}

#[actix_web::test]
async fn r_org_01_policies_say_value_default_and_source_and_who_reads_changes_nothing() {
    let app = spawn().await;
    let (org, ann) = founded(&app).await;
    let page = ann.get(&org.path("/policies")).await.page(200);
    let row = page.row("Invitation links expire after");
    row.assert_cell("Value", "7 days");
    row.assert_cell("Set by", "This organization");
    assert_eq!(
        page.attribute("a[aria-label=\"Change Invitation links expire after\"]", "href")
            .as_deref(),
        Some("/o/acme/settings#invitations")
    );
    page.row("Allowed e-mail domains").assert_cell("Value", "Any");
    page.row("Shortest password").assert_cell("Value", "15 characters");
    page.row("Shortest password").assert_cell("Set by", "Muster");
    let row = page.row("A session ends in any case after");
    row.assert_cell("Value", "12 hours");
    row.assert_cell("Set by", "This installation (session_absolute)");
    page.row("Last Org Admin").assert_cell("Value", "Cannot be demoted");
    let fields = [
        ("section", "invitations"),
        ("expiry", "3"),
        ("domains", "acme.example"),
        ("default_role", "viewer"),
    ];
    save(&ann, &org, "/settings", &fields)
        .await
        .redirects_to("/o/acme/settings");
    save(&ann, &org, "/subscription", &[("seats", "12")])
        .await
        .redirects_to("/o/acme");
    let auditor = app.enterprise_member(EnterpriseRole::Auditor, "aud").await;
    let page = auditor.get(&org.path("/policies")).await.page(200);
    for (policy, value, default) in [
        ("Invitation links expire after", "3 days Changed", "7 days"),
        ("Allowed e-mail domains", "acme.example Changed", "Any"),
        ("Role of new members", "Viewer Changed", "Member"),
        ("Who may invite", "Org Admins Changed", "Org Admins and Managers"),
        ("People who may act at once", "12 seats Changed", "No limit"),
        ("Invitations a minute", "20", "20"),
    ] {
        let row = page.row(policy);
        row.assert_cell("Value", value);
        row.assert_cell("Default", default);
    }
    assert_eq!(page.count("main a.btn"), 0, "an auditor changes nothing");
    assert_eq!(page.count("main form"), 0);
}
