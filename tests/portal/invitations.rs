//! Invitations: inviting, the table, the pasted list, and everything that can be done with a link.

use std::time::{Duration, Instant};

use muster::{
    access::{Can, Permission, Role, permission::InviteCreate},
    clock::{days, hours, minutes},
    db::{Engine, Read, Text},
    ids::{InvitationId, OrgId},
    invitations::{self, Delivery, Desk},
    mail::{address::Address, links},
    members::member,
};
use reqwest::Method;

use crate::support::{Client, Org, Portal, Someone, spawn, spawn_with};

const PASSWORD: &str = "violet kettle marches north";

/// Acme with Ann, who runs it.
async fn acme(portal: &Portal) -> (Org, Someone) {
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    (org, ann)
}

async fn invite(by: &Client, org: &Org, email: &str, role: &str) -> crate::support::Answer {
    by.post(&org.path("/invites"), &[("email", email), ("role", role)])
        .await
}

/// The one invitation of the organization to this address.
async fn id_of(by: &Client, org: &Org, tab: &str, email: &str) -> InvitationId {
    let page = by
        .get(&org.path(&format!("/invites?tab={tab}&q={email}")))
        .await
        .page(200);
    let ids = page.attributes("#invites-body tr", "id");
    assert_eq!(ids.len(), 1, "{}", page.text());
    ids[0].trim_start_matches("i-").parse().expect("an id")
}

/// The link as the table shows it, as a path.
async fn copied(by: &Client, org: &Org, email: &str) -> String {
    let page = by.get(&org.path(&format!("/invites?q={email}"))).await.page(200);
    let link = page.attribute(".copy a", "href").expect("a link");
    url::Url::parse(&link).expect("a URL").path().to_owned()
}

async fn open(client: &Client, link: &str) -> crate::support::Answer {
    client.get(link).await.redirects_to("/i");
    client.get("/i").await
}

async fn join(client: &Client, name: &str) -> crate::support::Answer {
    client
        .post("/i/accept", &[("name", name), ("password", PASSWORD)])
        .await
}

async fn may(portal: &Portal, org: &Org) -> Can<InviteCreate> {
    muster::access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the right")
}

fn desk(portal: &Portal) -> Desk<'_> {
    Desk {
        keys: &portal.app.keys,
        has_mail: true,
        most_pending: portal.app.settings.invites_pending,
    }
}

async fn members(portal: &Portal, org: OrgId) -> i64 {
    portal
        .number(&format!(
            "select count(*) from members where status < 5 and org_id = {}",
            org.raw()
        ))
        .await
}

/// Everything that the database holds but for the record, what sessions touch, and who was here last, which is noted after the answer.
async fn everything(portal: &Portal) -> String {
    const TABLES: [&str; 15] = [
        "sequences",
        "enterprise",
        "orgs",
        "org_domains",
        "users",
        "members",
        "member_counts",
        "groups",
        "group_members",
        "invitations",
        "invitation_groups",
        "invite_batches",
        "invite_batch_items",
        "invite_suppressions",
        "outbox",
    ];
    let mut db = portal.app.db.read();
    let mut all = String::new();
    for table in TABLES {
        let text = match db.engine() {
            Engine::Postgres => {
                let row = "(to_jsonb(t) - 'last_active_at')::text";
                format!("select coalesce(string_agg({row}, '|' order by {row}), '') from {table} t")
            }
            Engine::Sqlite => {
                let columns = format!(
                    "select group_concat('quote(\"' || name || '\")', '||'',''||') from pragma_table_info('{table}') where name <> 'last_active_at'"
                );
                let columns: Vec<(String,)> = db.rows(Text::Made(columns), ()).await.expect("columns");
                format!(
                    "select coalesce(group_concat(line, '|'), '') from (select {} as line from {table} order by 1) as lines",
                    columns[0].0
                )
            }
        };
        let rows: Vec<(String,)> = db.rows(Text::Made(text), ()).await.expect("a table");
        all += &format!("{table}: {}\n", rows[0].0);
    }
    all
}

async fn actions(portal: &Portal, org: &Org) -> Vec<String> {
    portal
        .audit(Some(org))
        .await
        .into_iter()
        .map(|row| row.action)
        .collect()
}

#[actix_web::test]
async fn an_administrator_invites_and_the_person_is_inside_in_two_screens() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let page = ann.get(&org.path("/invites")).await.page(200);
    page.assert_heading("Manage Invites");
    for label in [
        "Invite User +",
        "Bulk Add Users",
        "Invite Link",
        "Organization",
        "Create Time",
        "Action",
        "Send Email",
        "Invitation not received?",
    ] {
        page.assert_says(label);
    }
    invite(&ann, &org, " Bob@X.example ", "developer")
        .await
        .redirects_to(&org.path("/invites"));
    let page = ann.get(&org.path("/invites")).await.page(200);
    let row = page.row("Bob@x.example");
    row.assert_cell("Email", "Developer · expires in 7 days");
    row.assert_cell("Organization", "Acme");
    row.assert_cell("Create Time", "21 Nov 2026, 10:00");
    row.assert_cell("Action", "Delete Code");
    row.assert_cell("Send Email", "Resend Email");
    page.assert_says("E-mail is not set up");

    let mail = portal.mail_to("Bob@x.example").await;
    let link = mail.link();
    assert!(link.contains("?p="), "{link}");
    let bob = portal.anonymous();
    let landing = open(&bob, &link).await.page(200);
    landing.assert_heading("Join Acme");
    landing.assert_says("Ann invited you as Developer.");
    landing.assert_says("28 November 2026, 10:00 (Europe/Berlin)");
    assert_eq!(landing.value("email").as_deref(), Some("Bob@x.example"));
    join(&bob, "Bob Lee").await.redirects_to("/o/acme/members");
    bob.get("/o/acme/members").await;
    let home = bob.get("/me/invitations").await.page(200);
    home.assert_says("No invitations");
    assert_eq!(members(&portal, org.id).await, 2);

    let accepted = ann.get(&org.path("/invites?tab=accepted")).await.page(200);
    accepted
        .row("Bob@x.example")
        .assert_cell("Email", "accepted 21 Nov 2026");
    assert!(
        ann.get(&org.path("/invites"))
            .await
            .page(200)
            .find_row("Bob@x.example")
            .is_none()
    );
    let done = actions(&portal, &org).await;
    for action in [
        "invitation.create",
        "invitation.accept",
        "member.join",
        "invitation.link.view",
    ] {
        assert_eq!(
            done.iter().filter(|known| *known == action).count(),
            1,
            "{action} in {done:?}"
        );
    }
    let proof = portal
        .number("select email_proof from users where email_key = 'bob@x.example'")
        .await;
    assert_eq!(proof, 2, "the mailed link proves the address");
}

#[actix_web::test]
async fn a_copied_link_makes_an_address_that_is_vouched_for() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = copied(&ann, &org, "bob@x.example").await;
    let bob = portal.anonymous();
    open(&bob, &link).await.page(200);
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
    let vouched = format!(
        "select email_proof * 1000 + (case when vouched_by = {} then 1 else 0 end) from users where email_key = 'bob@x.example'",
        ann.user.raw()
    );
    assert_eq!(portal.number(&vouched).await, 1_001);
    // A vouched address does not list what waits for the mailbox it names.
    let other = portal.org("Other").await;
    let otto = portal.member(&other, Role::Administrator, "otto").await;
    invite(&otto, &other, "bob@x.example", "member")
        .await
        .redirects_to("/o/other/invites");
    let mine = bob.get("/me/invitations").await.page(200);
    mine.assert_says("Your address is not confirmed yet");
    mine.assert_silent("Otto invited you");
    let id = id_of(&otto, &other, "pending", "bob@x.example").await;
    bob.post(&format!("/me/invitations/{id}/acceptance"), &[])
        .await
        .page(404);
    // A wrong proof is no proof and no error.
    let wrong = format!(
        "{}?p=AAAAAAAAAAAAAAAAAAAAAA",
        copied(&otto, &other, "bob@x.example").await
    );
    open(&bob, &wrong).await.page(200).assert_says("Join Other");
    bob.post("/i/accept", &[]).await.redirects_to("/o/other/members");
    assert_eq!(
        portal
            .number("select email_proof from users where email_key = 'bob@x.example'")
            .await,
        1
    );
}

#[actix_web::test]
async fn each_refusal_says_why_and_keeps_what_was_typed() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let cat = portal.member(&org, Role::Member, "cat").await;
    let by = muster::access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the right");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    member::disable(&mut tx, &by, cat.member.expect("a member"), "", portal.clock.now())
        .await
        .expect("disabled");
    tx.commit().await.expect("a commit");
    for (email, sentence) in [
        ("nobody", "An address needs an @"),
        (bob.email.as_str(), "is a member of Acme already"),
        (
            cat.email.as_str(),
            "is disabled in Acme and cannot be invited. To restore access, contact it@acme.example",
        ),
    ] {
        let page = invite(&ann, &org, email, "member").await.page(422);
        page.assert_says(sentence);
        assert_eq!(page.value("email").as_deref(), Some(email));
    }
    invite(&ann, &org, "dan@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let again = ann
        .htmx_post(
            &org.path("/invites"),
            &[("email", "DAN@x.example"), ("role", "manager")],
        )
        .await;
    let form = again.page(422);
    form.assert_says("has a pending invitation already. Use Resend Email");
    assert_eq!(
        form.attribute("#role option[selected]", "value").as_deref(),
        Some("manager")
    );
    assert!(
        again.body.contains("id=\"invite-form\"") && !again.body.contains("<html"),
        "a fragment"
    );
    ann.post(
        &org.path("/invites"),
        &[("email", "e@x.example"), ("until", "2026-11-01")],
    )
    .await
    .page(422)
    .assert_says("Choose a later day");
    ann.post(&org.path("/invites"), &[("email", "e@x.example"), ("role", "emperor")])
        .await
        .page(422)
        .assert_says("Choose a role");
    let foreign = muster::ids::GroupId::from_raw(org.id.row(77)).to_string();
    ann.post(&org.path("/invites"), &[("email", "e@x.example"), ("group", &foreign)])
        .await
        .page(422)
        .assert_says("Choose another one");
    assert_eq!(portal.number("select count(*) from invitations").await, 1);
}

#[actix_web::test]
async fn htmx_gets_the_row_the_emptied_form_and_the_count() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let answer = ann
        .htmx_post(&org.path("/invites"), &[("email", "bob@x.example"), ("role", "viewer")])
        .await;
    let page = answer.page(200);
    assert!(answer.body.trim_start().starts_with("<tr"), "{}", answer.body);
    assert_eq!(page.first("strong"), "bob@x.example");
    assert!(answer.body.contains("id=\"invites-count\"") && answer.body.contains("hx-target=\"#toasts\""));
    assert_eq!(page.value("email").as_deref(), Some(""));
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    portal.clock.advance(minutes(2));
    let row = ann
        .htmx_post(&org.path(&format!("/invites/{id}/deliveries")), &[])
        .await;
    row.page(200).assert_says("bob@x.example");
    let gone = ann.htmx_delete(&org.path(&format!("/invites/{id}"))).await;
    assert_eq!(gone.status, 200);
    assert!(
        !gone.body.contains("<tr") && gone.body.contains("The code for bob@x.example is deleted"),
        "{}",
        gone.body
    );
}

#[actix_web::test]
async fn nobody_invites_above_their_rank() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let max = portal.member(&org, Role::Manager, "max").await;
    let vic = portal.member(&org, Role::Viewer, "vic").await;
    let offered = max
        .get(&org.path("/invites"))
        .await
        .page(200)
        .attributes("#role option", "value");
    assert_eq!(offered, ["developer", "member", "viewer"]);
    for role in ["administrator", "manager"] {
        let answer = invite(&max, &org, "x@x.example", role).await;
        answer
            .page(403)
            .assert_says("The highest role that you may give in Acme is Developer");
    }
    invite(&max, &org, "x@x.example", "developer")
        .await
        .redirects_to("/o/acme/invites");
    invite(&vic, &org, "y@x.example", "viewer").await.page(403);
    vic.get(&org.path("/invites")).await.page(403);
    // A link to a higher role would be a way up: a manager neither sees nor handles it.
    invite(&ann, &org, "boss@x.example", "administrator")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "boss@x.example").await;
    let page = max.get(&org.path("/invites?q=boss")).await.page(200);
    page.row("boss@x.example").assert_cell("Invite Link", "–");
    assert!(!page.html().contains("mst_inv_"));
    for act in ["deliveries", "link", "revocation"] {
        max.post(&org.path(&format!("/invites/{id}/{act}")), &[])
            .await
            .page(403)
            .assert_says("above what you may give");
    }
    let csv = max.get(&org.path("/invites/links.csv")).await;
    assert!(
        csv.body.contains("x@x.example") && !csv.body.contains("boss@x.example"),
        "{}",
        csv.body
    );
}

#[actix_web::test]
async fn resending_keeps_the_link_renews_it_and_is_rationed() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let link = copied(&ann, &org, "bob@x.example").await;
    let by = may(&portal, &org).await;
    // The portal of the test has no mail server; the ration is about ordered mails, so the verbs are asked directly.
    let again = async |at| {
        let mut tx = portal.app.db.write().await?;
        let sent = invitations::resend(&mut tx, &by, &desk(&portal), id, at).await?;
        tx.commit().await?;
        Ok::<_, muster::error::Error>(sent)
    };
    let start = portal.clock.now();
    let first = again(start.plus(minutes(2))).await.expect("sent again");
    assert_eq!(
        (first.send_count, first.generation, first.delivery),
        (2, 1, Delivery::Queued)
    );
    assert_eq!(first.expires_at, Some(start.plus(minutes(2)).plus(days(7))));
    let soon = again(start.plus(minutes(2)).plus(Duration::from_secs(59)))
        .await
        .expect_err("too soon");
    assert_eq!((soon.status(), soon.retry_after()), (429, Some(1)));
    for n in 2..=5 {
        again(start.plus(hours(n))).await.expect("within the day's ration");
    }
    let sixth = again(start.plus(hours(6))).await.expect_err("five a day");
    assert_eq!(sixth.status(), 429);
    again(start.plus(minutes(2)).plus(days(1)).plus(Duration::from_secs(1)))
        .await
        .expect("a day later");
    assert_eq!(copied(&ann, &org, "bob@x.example").await, link, "the link stays");
    portal.clock.advance(days(8).checked_sub(hours(1)).unwrap());
    open(&portal.anonymous(), &link)
        .await
        .page(200)
        .assert_says("Join Acme");
}

#[actix_web::test]
async fn a_new_link_kills_the_old_one() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let old = copied(&ann, &org, "bob@x.example").await;
    let bob = portal.anonymous();
    open(&bob, &old).await.page(200);
    ann.post(&org.path(&format!("/invites/{id}/link")), &[])
        .await
        .redirects_to("/o/acme/invites");
    let new = copied(&ann, &org, "bob@x.example").await;
    assert_ne!(old, new);
    bob.get(&old).await.page(404);
    bob.get("/i").await.page(404); // the pass of the old link has died with it
    join(&bob, "Bob").await.page(404);
    assert_eq!(members(&portal, org.id).await, 1);
    open(&bob, &new).await.page(200);
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
}

#[actix_web::test]
async fn delete_code_ends_the_link_and_the_row_leaves() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let link = copied(&ann, &org, "bob@x.example").await;
    let bob = portal.anonymous();
    open(&bob, &link).await.page(200);
    ann.post(&org.path(&format!("/invites/{id}/revocation")), &[])
        .await
        .redirects_to("/o/acme/invites");
    assert!(
        ann.get(&org.path("/invites"))
            .await
            .page(200)
            .find_row("bob@x.example")
            .is_none()
    );
    ann.get(&org.path("/invites?tab=deleted"))
        .await
        .page(200)
        .row("bob@x.example")
        .assert_cell("Email", "deleted 21 Nov 2026");
    open(&bob, &link)
        .await
        .page(404)
        .assert_heading("This invitation was deleted");
    join(&bob, "Bob").await.page(404);
    ann.post(&org.path(&format!("/invites/{id}/revocation")), &[])
        .await
        .page(409)
        .assert_says("was deleted");
    ann.post(&org.path(&format!("/invites/{id}/deliveries")), &[])
        .await
        .page(409);
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
}

#[actix_web::test]
async fn an_expired_link_asks_the_inviter_for_a_new_one() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let bob = portal.anonymous();
    portal
        .clock
        .advance(days(7).checked_sub(Duration::from_secs(1)).unwrap());
    open(&bob, &link).await.page(200);
    portal.clock.advance(Duration::from_secs(2));
    join(&bob, "Bob").await.page(410);
    let page = open(&bob, &link).await.page(410);
    page.assert_heading("This invitation has expired");
    page.assert_says("Ask for a new invitation");
    let ann = portal.sign_in(ann.user).await; // a week later her session is over
    bob.post("/i/renewal-request", &[])
        .await
        .page(200)
        .assert_heading("A new invitation is asked for");
    bob.post("/i/renewal-request", &[])
        .await
        .page(200)
        .assert_says("within the last day");
    assert_eq!(portal.mails_to("ann@acme.example").await, 1);
    portal
        .mail_to("ann@acme.example")
        .await
        .text
        .contains("/o/acme/invites")
        .then_some(())
        .expect("the link to the table");
    let expired = ann.get(&org.path("/invites?tab=expired")).await.page(200);
    expired
        .row("bob@x.example")
        .assert_cell("Email", "Asked for a new link");
    let id = id_of(&ann, &org, "expired", "bob@x.example").await;
    ann.post(&org.path(&format!("/invites/{id}/deliveries")), &[])
        .await
        .redirects_to("/o/acme/invites");
    open(&bob, &link).await.page(200).assert_says("Join Acme");
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
}

#[actix_web::test]
async fn inviting_an_expired_address_again_revives_its_row() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    portal.clock.advance(days(8));
    let ann = portal.sign_in(ann.user).await;
    invite(&ann, &org, "bob@x.example", "developer")
        .await
        .redirects_to("/o/acme/invites");
    assert_eq!(id_of(&ann, &org, "pending", "bob@x.example").await, id);
    ann.get(&org.path("/invites"))
        .await
        .page(200)
        .row("bob@x.example")
        .assert_cell("Email", "Developer");
    assert_eq!(portal.number("select count(*) from invitations").await, 1);
}

#[actix_web::test]
async fn allowed_domains_hold_at_the_invitation_and_at_the_acceptance() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    portal
        .run(&format!(
            "insert into org_domains (org_id, domain) values ({}, 'acme.example')",
            org.id.raw()
        ))
        .await;
    invite(&ann, &org, "cat@x.example", "member")
        .await
        .page(422)
        .assert_says("does not allow addresses at x.example");
    invite(&ann, &org, "cat@acme.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let bob = portal.anonymous();
    let page = open(&bob, &link).await.page(409);
    page.assert_heading("This address cannot join");
    page.assert_says("acme.example");
    join(&bob, "Bob").await.page(409);
    assert_eq!(members(&portal, org.id).await, 1);
}

#[actix_web::test]
async fn who_has_an_account_signs_in_and_joins_with_one_click() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let other = portal.org("Other").await;
    let bob = portal.member(&other, Role::Member, "bob@x.example").await;
    invite(&ann, &org, "bob@x.example", "manager")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let stranger = portal.anonymous();
    let page = open(&stranger, &link).await.page(200);
    page.assert_says("Sign in to join Acme");
    assert_eq!(
        page.count("input[name=password]"),
        0,
        "no second account for one address"
    );
    stranger
        .post("/i/accept", &[("name", "Eve"), ("password", PASSWORD)])
        .await
        .redirects_to("/sign-in?next=%2Fi");
    assert_eq!(members(&portal, org.id).await, 1);
    let wrong = portal.member(&other, Role::Member, "eve@x.example").await;
    let page = open(&wrong, &link).await.page(403);
    page.assert_says("b•••@x.example");
    page.assert_silent("bob@x.example");
    wrong.post("/i/accept", &[]).await.page(403);
    assert_eq!(members(&portal, org.id).await, 1);
    open(&bob, &link)
        .await
        .page(200)
        .assert_says("as which you are signed in");
    bob.post("/i/accept", &[]).await.redirects_to("/o/acme/members");
    let role = portal
        .number(&format!(
            "select role from members where org_id = {} and email_key = 'bob@x.example'",
            org.id.raw()
        ))
        .await;
    assert_eq!(role, 50);
    let used = open(&bob, &link).await.page(410);
    used.assert_heading("You have joined Acme");
    open(&stranger, &link)
        .await
        .page(410)
        .assert_heading("This invitation was used already");
}

#[actix_web::test]
async fn pending_invitations_are_listed_after_sign_in() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let other = portal.org("Other").await;
    let otto = portal.member(&other, Role::Administrator, "otto").await;
    let bob = portal
        .member(&portal.org("Third").await, Role::Member, "bob@x.example")
        .await;
    invite(&ann, &org, "BOB@x.example", "developer")
        .await
        .redirects_to("/o/acme/invites");
    invite(&otto, &other, "bob@x.example", "member")
        .await
        .redirects_to("/o/other/invites");
    let page = bob.get("/me/invitations").await.page(200);
    page.assert_says("Ann invited you as Developer");
    page.assert_says("Otto invited you as Member");
    let (first, second) = (
        id_of(&ann, &org, "pending", "bob@x").await,
        id_of(&otto, &other, "pending", "bob@x").await,
    );
    ann.post(&format!("/me/invitations/{first}/acceptance"), &[])
        .await
        .page(404);
    bob.post(&format!("/me/invitations/{first}/acceptance"), &[])
        .await
        .redirects_to("/o/acme/members");
    bob.post(&format!("/me/invitations/{first}/acceptance"), &[])
        .await
        .page(409);
    bob.post(&format!("/me/invitations/{second}/refusal"), &[])
        .await
        .redirects_to("/me/invitations");
    bob.get("/me/invitations").await.page(200).assert_says("No invitations");
    otto.get(&other.path("/invites?tab=declined"))
        .await
        .page(200)
        .row("bob@x.example")
        .assert_cell("Email", "declined 21 Nov 2026");
    assert_eq!(
        (members(&portal, org.id).await, members(&portal, other.id).await),
        (2, 1)
    );
}

#[actix_web::test]
async fn declining_and_reporting_end_the_link() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    for who in ["bob@x.example", "cat@x.example"] {
        invite(&ann, &org, who, "member").await.redirects_to("/o/acme/invites");
    }
    let (bob, cat) = (portal.anonymous(), portal.anonymous());
    let link = portal.mail_to("bob@x.example").await.link();
    open(&bob, &link).await.page(200);
    bob.post("/i/decline", &[])
        .await
        .page(200)
        .assert_heading("You declined the invitation");
    open(&bob, &link)
        .await
        .page(410)
        .assert_heading("This invitation was declined");
    join(&bob, "Bob").await.page(410);
    let link = portal.mail_to("cat@x.example").await.link();
    open(&cat, &link).await.page(200);
    cat.post("/i/report", &[])
        .await
        .page(200)
        .assert_heading("Report this invitation?");
    assert_eq!(
        portal.number("select count(*) from invite_suppressions").await,
        0,
        "the second look changes nothing"
    );
    cat.post("/i/report", &[("confirm", "yes")])
        .await
        .page(200)
        .assert_heading("The invitation is reported");
    invite(&ann, &org, "cat@x.example", "member")
        .await
        .page(422)
        .assert_says("reported an invitation from Acme");
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let other = portal.org("Other").await;
    let otto = portal.member(&other, Role::Administrator, "otto").await;
    invite(&otto, &other, "cat@x.example", "member")
        .await
        .redirects_to("/o/other/invites");
    let done = actions(&portal, &org).await;
    assert!(done.contains(&"invitation.decline".to_owned()) && done.contains(&"invitation.report".to_owned()));
}

#[actix_web::test]
async fn an_archived_organization_takes_nobody() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let by = muster::access::operator(portal.operator());
    let mut tx = portal.app.db.write().await.expect("a transaction");
    muster::orgs::archive(&mut tx, &by, org.id, portal.clock.now())
        .await
        .expect("archived");
    tx.commit().await.expect("a commit");
    let bob = portal.anonymous();
    open(&bob, &link).await.page(409).assert_heading("Acme is archived");
    join(&bob, "Bob").await.page(409);
    assert_eq!(members(&portal, org.id).await, 1);
}

#[actix_web::test]
async fn looking_changes_nothing() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let text = "a@x.example b@x.example";
    ann.post(
        &org.path("/invites/bulk/confirm"),
        &[("text", text), ("email", "a@x.example")],
    )
    .await;
    let batch = format!(
        "/invites/bulk/{}",
        muster::ids::BatchId::from_raw(portal.number("select max(id) from invite_batches").await)
    );
    let before = everything(&portal).await;
    assert!(before.contains("bob@x.example"));
    let bob = portal.anonymous();
    for method in [Method::GET, Method::HEAD, Method::GET] {
        for path in [link.as_str(), "/i", "/me/invitations"] {
            bob.send(bob.request(method.clone(), path)).await;
        }
        for path in [
            "/invites",
            "/invites?tab=expired",
            "/invites/bulk",
            "/invites/links.csv",
            &batch,
            &format!("{batch}/failures.csv"),
        ] {
            let answer = ann.send(ann.request(method.clone(), &org.path(path))).await;
            assert_eq!(answer.status, 200, "{method} {path}");
        }
    }
    bob.send(bob.request(Method::OPTIONS, &link)).await;
    ann.post(&org.path("/invites/bulk"), &[("text", text)]).await.page(200); // the extraction only looks, too
    assert_eq!(everything(&portal).await, before);
    // What marks an invitation as opened is the page's own POST, and only once.
    bob.post("/i/opened", &[]).await;
    assert_ne!(everything(&portal).await, before);
    ann.get(&org.path("/invites?q=bob"))
        .await
        .page(200)
        .row("bob@x.example")
        .assert_cell("Email", "Opened");
}

#[actix_web::test]
async fn landing_answers_keep_the_token_to_themselves() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let bob = portal.anonymous();
    let first = bob.get(&link).await;
    assert_eq!(first.status, 303);
    for answer in [first, bob.get("/i").await] {
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(!answer.body.contains("mst_inv_"));
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("a text");
            assert!(
                !cookie.contains("mst_inv_") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
                "{cookie}"
            );
        }
    }
}

#[actix_web::test]
async fn a_form_that_is_not_right_comes_back_filled_in() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let bob = portal.anonymous();
    open(&bob, &link).await.page(200);
    let page = bob
        .post("/i/accept", &[("name", "Bob"), ("password", "short")])
        .await
        .page(422);
    page.assert_says("Use at least 15 characters");
    assert_eq!(page.value("name").as_deref(), Some("Bob"));
    assert!(!page.html().contains("short\""));
    let page = bob
        .post("/i/accept", &[("name", " "), ("password", PASSWORD)])
        .await
        .page(422);
    page.assert_says("A name needs at least one letter");
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
}

/// Who is added by hand has nothing left to accept: the code leaves the pending ones, its mail the outbox, and its link is used.
#[actix_web::test]
async fn a_person_who_is_added_by_hand_has_no_open_invitation() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "viewer")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let person = [("name", "Bob Ray"), ("email", "bob@x.example"), ("role", "member")];
    assert_eq!(ann.post(&org.path("/members"), &person).await.status, 303);
    let page = ann.get(&org.path("/invites")).await.page(200);
    assert_eq!(page.find_row("bob@x.example"), None);
    id_of(&ann, &org, "accepted", "bob@x.example").await;
    portal.post().await;
    assert_eq!(
        portal
            .number("select count(*) from outbox where subject_id is not null and state = 1")
            .await,
        0,
        "a mail that invites a member would still leave"
    );
    let page = open(&portal.anonymous(), &link).await.page(410);
    page.assert_says("used");
}

#[actix_web::test]
async fn links_stay_hidden_where_the_organization_says_so() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    for _ in 0..2 {
        ann.get(&org.path("/invites")).await.page(200);
    }
    let views = |done: Vec<String>| done.iter().filter(|action| *action == "invitation.link.view").count();
    assert_eq!(views(actions(&portal, &org).await), 1, "once an hour and session");
    portal.clock.advance(minutes(61));
    let user = ann.user;
    let ann = portal.sign_in(user).await;
    ann.get(&org.path("/invites")).await.page(200);
    assert_eq!(views(actions(&portal, &org).await), 2);
    portal
        .run(match portal.app.db.read().engine() {
            Engine::Sqlite => "update orgs set links_visible = 0",
            Engine::Postgres => "update orgs set links_visible = false",
        })
        .await;
    let ann = portal.sign_in(user).await;
    let page = ann.get(&org.path("/invites")).await.page(200);
    page.row("bob@x.example").assert_cell("Invite Link", "–");
    assert!(!page.html().contains("mst_inv_"));
    ann.get(&org.path("/invites/links.csv")).await.page(403);
    assert_eq!(views(actions(&portal, &org).await), 2);
}

#[actix_web::test]
async fn the_table_is_sorted_searched_and_paged() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let addresses: Vec<Address> = (0..120)
        .map(|n| Address::parse(&format!("p{n:03}@x.example")).expect("an address"))
        .collect();
    let by = may(&portal, &org).await;
    let terms = invitations::Terms {
        role: Role::Member,
        groups: Vec::new(),
        member_until: None,
    };
    for address in &addresses {
        portal.clock.advance(Duration::from_secs(1));
        let mut tx = portal.app.db.write().await.expect("a transaction");
        invitations::invite(&mut tx, &by, &desk(&portal), address, &terms, portal.clock.now())
            .await
            .expect("invited");
        tx.commit().await.expect("a commit");
    }
    for (sort, ascending) in [
        ("-created", false),
        ("created", true),
        ("email", true),
        ("-email", false),
    ] {
        let mut path = org.path(&format!("/invites?sort={sort}"));
        let (mut seen, mut back) = (Vec::new(), None);
        loop {
            let page = ann.get(&path).await.page(200);
            seen.extend(page.all("#invites-body strong"));
            match page.attribute("#page-next", "href") {
                Some(next) => path = next,
                None => {
                    back = page.attribute("#page-previous", "href").or(back);
                    break;
                }
            }
        }
        let mut wanted: Vec<String> = addresses.iter().map(|address| address.display().to_owned()).collect();
        if !ascending {
            wanted.reverse();
        }
        assert_eq!(seen, wanted, "{sort}");
        let page = ann.get(&back.expect("a way back")).await.page(200);
        assert_eq!(page.all("#invites-body strong"), wanted[50..100], "{sort}, back");
    }
    let page = ann.get(&org.path("/invites?q=P01")).await.page(200);
    assert_eq!(page.all("#invites-body strong").len(), 10);
    assert_eq!(
        ann.get(&org.path("/invites?q=%25"))
            .await
            .page(200)
            .all("#invites-body strong")
            .len(),
        0
    );
    let part = ann.htmx_get(&org.path("/invites?q=p119")).await;
    assert!(
        part.body.contains("id=\"results\"") && !part.body.contains("<html"),
        "{}",
        part.body
    );
}

const PASTE: &str = "From: Katrin Vogel <katrin.vogel@kestrel.example>\nTo: Luca <luca@kestrel.example>; field-ops@kestrel.example, \
    Katrin.Vogel@kestrel.example, ann@acme.example, ines@kestrel.example, noor@kestrel (no tld yet), +evil@kestrel.example";

#[actix_web::test]
async fn a_pasted_text_becomes_invitations_with_a_reason_for_each_address() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "ines@kestrel.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    ann.get(&org.path("/invites/bulk"))
        .await
        .page(200)
        .assert_says("Bulk User Invite");
    let page = ann.post(&org.path("/invites/bulk"), &[("text", PASTE)]).await.page(200);
    page.assert_says("4 new addresses found");
    page.assert_says("3 skipped");
    page.assert_says("1 not valid");
    page.assert_says("Looks like a shared mailbox");
    for note in [
        "Already a member",
        "Already invited",
        "Stood in the text before",
        "The domain is not complete",
    ] {
        page.assert_says(note);
    }
    let chosen = page.attributes("input[name=email][checked]", "value");
    assert_eq!(
        chosen,
        [
            "katrin.vogel@kestrel.example",
            "luca@kestrel.example",
            "evil@kestrel.example"
        ]
    );
    assert_eq!(
        page.first("textarea").split_whitespace().count(),
        PASTE.split_whitespace().count(),
        "the text stays"
    );

    let nothing = ann
        .post(
            &org.path("/invites/bulk/confirm"),
            &[("text", PASTE), ("role", "viewer")],
        )
        .await
        .page(422);
    nothing.assert_says("Choose at least one address");
    assert_eq!(
        nothing.attribute("#bulk-role option[selected]", "value").as_deref(),
        Some("viewer")
    );
    let fields = [
        ("text", PASTE),
        ("email", "katrin.vogel@kestrel.example"),
        ("email", "luca@kestrel.example"),
        ("email", "ines@kestrel.example"),
        ("role", "viewer"),
    ];
    let to = ann
        .post(&org.path("/invites/bulk/confirm"), &fields)
        .await
        .redirects_to("/o/acme/invites/bulk/bat_");
    let result = ann.get(&to).await.page(200);
    result.assert_says("2 of 8 addresses invited as Viewer");
    for (who, outcome, reason) in [
        ("katrin.vogel@kestrel.example", "Invited", ""),
        ("luca@kestrel.example", "Invited", ""),
        ("ines@kestrel.example", "Skipped", "Already invited"),
        ("field-ops@kestrel.example", "Skipped", "Not chosen"),
        ("ann@acme.example", "Skipped", "Already a member"),
        ("noor@kestrel", "Not invited", "The domain is not complete"),
    ] {
        let row = result
            .rows()
            .into_iter()
            .find(|row| row.cells[0] == who)
            .unwrap_or_else(|| panic!("{who}"));
        row.assert_cell("Outcome", outcome);
        row.assert_cell("Reason", reason);
    }
    let csv = ann.get(&format!("{to}/failures.csv")).await;
    assert!(
        csv.header("content-type").starts_with("text/csv")
            && csv.header("content-disposition").contains("not-invited.csv")
    );
    assert_eq!(csv.body.lines().count(), 7, "{}", csv.body);
    assert!(!csv.body.contains("luca@"));
    assert_eq!(portal.mails_to("luca@kestrel.example").await, 1);
    assert_eq!(
        actions(&portal, &org)
            .await
            .iter()
            .filter(|action| *action == "invitation.create")
            .count(),
        3
    );
    // Somebody else's batch is not there.
    let other = portal.org("Other").await;
    let otto = portal.member(&other, Role::Administrator, "otto").await;
    otto.get(&to.replace("/o/acme/", "/o/other/")).await.page(404);
    otto.get(&format!("{}/failures.csv", to.replace("/o/acme/", "/o/other/")))
        .await
        .page(404);
}

#[actix_web::test]
async fn no_cell_of_a_file_is_a_formula() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    for lead in ["+", "-", "="] {
        let address = format!("{lead}cmd@x.example");
        invite(&ann, &org, &address, "member")
            .await
            .redirects_to("/o/acme/invites");
    }
    let csv = ann.get(&org.path("/invites/links.csv")).await;
    assert_eq!(csv.body.lines().count(), 4, "{}", csv.body);
    for line in csv.body.lines().skip(1) {
        assert!(line.starts_with('\''), "{line}");
        assert!(line.contains("/i/mst_inv_"));
    }
}

#[actix_web::test]
async fn five_thousand_addresses_in_one_paste() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let text: String = (0..5_000)
        .map(|n| format!("\"Person {n}\" <person.{n}@kestrel.example>;\n"))
        .collect();
    // The promise is for a release build; an unoptimised one on a shared machine gets room.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 20_000 } else { 1_000 });
    let began = Instant::now();
    let page = ann.post(&org.path("/invites/bulk"), &[("text", &text)]).await;
    let took = began.elapsed();
    assert!(took < limit, "extracting took {took:?}");
    let page = page.page(200);
    page.assert_says("5,000 new addresses found");
    let chosen = page.attributes("input[name=email][checked]", "value");
    assert_eq!(chosen.len(), 5_000);
    let mut fields: Vec<(&str, &str)> = vec![("text", &text), ("role", "member")];
    fields.extend(chosen.iter().map(|address| ("email", address.as_str())));
    let began = Instant::now();
    let answer = ann.post(&org.path("/invites/bulk/confirm"), &fields).await;
    let confirmed = began.elapsed();
    assert!(confirmed < limit, "inviting took {confirmed:?}");
    println!("5,000 addresses: extracted in {took:?}, invited in {confirmed:?}");
    let to = answer.redirects_to("/o/acme/invites/bulk/bat_");
    let result = ann.get(&to).await.page(200);
    result.assert_says("5,000 of 5,000 addresses invited as Member");
    for (table, wanted) in [("invitations", 5_000), ("outbox", 5_000), ("invite_batch_items", 5_000)] {
        assert_eq!(
            portal.number(&format!("select count(*) from {table}")).await,
            wanted,
            "{table}"
        );
    }
    assert_eq!(
        actions(&portal, &org)
            .await
            .iter()
            .filter(|action| *action == "invitation.create")
            .count(),
        5_000
    );
    let many = format!("{text} one@more.example");
    ann.post(&org.path("/invites/bulk"), &[("text", &many)])
        .await
        .page(422)
        .assert_says("Paste at most 5,000 at once");
    let again = ann.post(&org.path("/invites/bulk"), &[("text", &text)]).await.page(200);
    again.assert_says("No new address found");
}

#[actix_web::test]
async fn an_organization_has_a_ceiling_of_pending_invitations() {
    let portal = spawn_with(|settings| settings.invites_pending = 2).await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "a@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let fields = [
        ("text", "b@x.example c@x.example"),
        ("email", "b@x.example"),
        ("email", "c@x.example"),
    ];
    let to = ann
        .post(&org.path("/invites/bulk/confirm"), &fields)
        .await
        .redirects_to("/o/acme/invites/bulk/");
    ann.get(&to)
        .await
        .page(200)
        .row("c@x.example")
        .assert_cell("Reason", "Too many pending invitations");
    invite(&ann, &org, "d@x.example", "member")
        .await
        .page(422)
        .assert_says("Acme has 2 pending invitations, which is the most");
    portal.clock.advance(days(8));
    let ann = portal.sign_in(ann.user).await;
    invite(&ann, &org, "d@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
}

#[actix_web::test]
async fn groups_and_the_end_of_the_membership_come_with_the_invitation() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let by = muster::access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the right");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let group = muster::groups::create(
        &mut tx,
        &by,
        "Field Ops",
        muster::groups::Kind::Team,
        portal.clock.now(),
    )
    .await
    .expect("a group");
    tx.commit().await.expect("a commit");
    let fields = [
        ("email", "bob@x.example"),
        ("role", "member"),
        ("group", &group.to_string()),
        ("until", "2026-12-31"),
    ];
    ann.post(&org.path("/invites"), &fields)
        .await
        .redirects_to("/o/acme/invites");
    // Who may invite, manages no groups and leads none puts nobody into one.
    let max = portal.member(&org, Role::Developer, "max").await;
    crate::roles::give_permissions(
        &portal,
        &org,
        max.member.expect("a member"),
        &[Permission::InviteCreate],
    )
    .await;
    let fields = [
        ("email", "cat@x.example"),
        ("role", "member"),
        ("group", &group.to_string()),
    ];
    max.post(&org.path("/invites"), &fields)
        .await
        .page(422)
        .assert_says("not led by you");
    // A manager administers every group (MODEL section 2.5), and so may invite into it (C-18).
    let kim = portal.member(&org, Role::Manager, "kim").await;
    kim.post(&org.path("/invites"), &fields)
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let bob = portal.anonymous();
    open(&bob, &link).await.page(200);
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
    let end: muster::clock::Timestamp = muster::clock::Timestamp::from_secs(1_798_758_000); // 1 January 2027, 00:00 in Berlin
    let ends = portal
        .number("select expires_at from members where email_key = 'bob@x.example'")
        .await;
    assert_eq!(ends, end.micros());
    assert_eq!(portal.number("select count(*) from group_members").await, 1);
}

#[actix_web::test]
async fn the_fate_of_the_mail_stands_in_the_row() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let set = async |delivery, error: &str| {
        let mut tx = portal.app.db.write().await.expect("a transaction");
        let system = muster::audit::Actor::system(&portal.app.keys);
        invitations::delivery_changed(&mut tx, &system, id, delivery, error, portal.clock.now())
            .await
            .expect("noted");
        tx.commit().await.expect("a commit");
        ann.get(&org.path("/invites"))
            .await
            .page(200)
            .row("bob@x.example")
            .cell("Email")
            .to_owned()
    };
    portal.post().await;
    assert!(
        ann.get(&org.path("/invites"))
            .await
            .page(200)
            .row("bob@x.example")
            .cell("Email")
            .contains("Not e-mailed")
    );
    assert!(set(Delivery::Queued, "").await.contains("E-mail queued"));
    assert!(set(Delivery::Sent, "").await.ends_with("Sent"));
    assert!(
        set(Delivery::Deferred, "450 come back later")
            .await
            .contains("E-mail delayed: 450 come back later")
    );
    assert!(
        set(Delivery::Bounced, "550 no such user")
            .await
            .contains("E-mail bounced: 550 no such user")
    );
    assert!(actions(&portal, &org).await.contains(&"invitation.delivery".to_owned()));
    ann.post(&org.path(&format!("/invites/{id}/revocation")), &[])
        .await
        .redirects_to("/o/acme/invites");
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .page(422)
        .assert_says("came back within the last 7 days");
    portal.clock.advance(days(8));
    let ann = portal.sign_in(ann.user).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
}

#[actix_web::test]
async fn people_are_reminded_once_before_the_link_ends() {
    let portal = spawn().await;
    let (org, _ann) = acme(&portal).await;
    let by = may(&portal, &org).await;
    let terms = invitations::Terms {
        role: Role::Member,
        groups: Vec::new(),
        member_until: None,
    };
    let bob = Address::parse("bob@x.example").expect("an address");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    invitations::invite(&mut tx, &by, &desk(&portal), &bob, &terms, portal.clock.now())
        .await
        .expect("invited");
    tx.commit().await.expect("a commit");
    let due = async || {
        let mut tx = portal.app.db.write().await.expect("a transaction");
        let count = invitations::remind_due(&mut tx, portal.clock.now())
            .await
            .expect("looked");
        tx.commit().await.expect("a commit");
        count
    };
    portal.clock.advance(days(5).checked_sub(minutes(1)).unwrap());
    assert_eq!(due().await, 0);
    portal.clock.advance(minutes(2));
    assert_eq!((due().await, due().await), (1, 0));
    assert_eq!(portal.mails_to("bob@x.example").await, 2);
    let mail = portal.mail_to("bob@x.example").await;
    open(&portal.anonymous(), &mail.link())
        .await
        .page(200)
        .assert_says("Join Acme");
}

#[actix_web::test]
async fn codes_of_an_inviter_end_together() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let max = portal.member(&org, Role::Manager, "max").await;
    for who in ["a@x.example", "b@x.example"] {
        invite(&max, &org, who, "member").await.redirects_to("/o/acme/invites");
    }
    invite(&ann, &org, "c@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let gone = invitations::revoke_by(&mut tx, &portal.operator(), org.id, max.user, portal.clock.now())
        .await
        .expect("ended");
    tx.commit().await.expect("a commit");
    assert_eq!(gone, 2);
    assert_eq!(
        ann.get(&org.path("/invites"))
            .await
            .page(200)
            .all("#invites-body strong"),
        ["c@x.example"]
    );
    assert_eq!(
        actions(&portal, &org)
            .await
            .iter()
            .filter(|action| *action == "invitation.revoke")
            .count(),
        2
    );
}

#[actix_web::test]
async fn cve_c01_forged_token() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = copied(&ann, &org, "bob@x.example").await;
    let before = everything(&portal).await;
    let token = link.trim_start_matches("/i/");
    assert_eq!(token.len(), "mst_inv_".len() + 43);
    let eve = portal.anonymous();
    for place in 0..token.len() {
        let mut bytes = token.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes).expect("ASCII");
        eve.get(&format!("/i/{forged}")).await.page(404);
    }
    for other in [
        "",
        "mst_inv_",
        "..%2f",
        &token[..token.len() - 1],
        &format!("{token}A"),
        &token.to_lowercase(),
    ] {
        assert_eq!(eve.get(&format!("/i/{other}")).await.status, 404, "{other}");
    }
    eve.get("/i").await.page(404);
    for path in ["/i/accept", "/i/decline", "/i/renewal-request", "/i/report"] {
        eve.post(
            path,
            &[
                ("token", token),
                ("name", "Eve"),
                ("password", PASSWORD),
                ("confirm", "yes"),
            ],
        )
        .await
        .page(404);
    }
    assert_eq!(everything(&portal).await, before);
    // The pass is sealed: no field of it can be chosen.
    let bob = portal.anonymous();
    let answer = bob.get(&link).await;
    let cookie = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with("muster-inv="))
        .expect("a pass")
        .to_owned();
    let value = cookie
        .trim_start_matches("muster-inv=")
        .split(';')
        .next()
        .expect("a value")
        .to_owned();
    for place in 0..value.len() {
        let mut bytes = value.as_bytes().to_vec();
        bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
        let forged = format!("muster-inv={}; Path=/", String::from_utf8(bytes).expect("ASCII"));
        Client::with_cookie(&portal.url, &forged).get("/i").await.page(404);
    }
}

#[actix_web::test]
async fn guessing_tokens_is_slowed_down_and_the_true_link_still_works() {
    let portal = spawn_with(|settings| settings.ceilings = true).await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let eve = portal.anonymous();
    let mut codes = Vec::new();
    for n in 0..15 {
        let request = eve
            .request(Method::GET, &format!("/i/mst_inv_{n}"))
            .header("x-forwarded-for", format!("9.9.9.{n}"));
        codes.push(eve.send(request).await.status);
    }
    assert_eq!(codes.iter().filter(|code| **code == 404).count(), 10, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 429).count(), 5, "{codes:?}");
    open(&eve, &link).await.page(200).assert_says("Join Acme");
}

/// Fifty browsers with the same link, all at once.
async fn race(portal: &Portal, link: &str) -> Vec<u16> {
    let mut clients = Vec::new();
    for _ in 0..50 {
        let client = portal.anonymous();
        open(&client, link).await.page(200);
        let token = client.csrf().await;
        clients.push((client, token));
    }
    let tries = clients.iter().map(|(client, token)| {
        let fields = [("csrf", token.as_str()), ("name", "Bob"), ("password", PASSWORD)];
        client.send(client.request(Method::POST, "/i/accept").form(&fields))
    });
    futures_util::future::join_all(tries)
        .await
        .into_iter()
        .map(|answer| answer.status)
        .collect()
}

#[actix_web::test]
async fn cve_c02_accept_twice() {
    let portal = spawn_with(|settings| settings.workers = 4).await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let codes = race(&portal, &link).await;
    assert_eq!(codes.iter().filter(|code| **code == 303).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 409).count(), 49, "{codes:?}");
    assert_eq!(members(&portal, org.id).await, 2);
    assert_eq!(portal.number("select count(*) from users").await, 2);
    assert_eq!(
        actions(&portal, &org)
            .await
            .iter()
            .filter(|action| *action == "invitation.accept")
            .count(),
        1
    );
}

#[actix_web::test]
async fn fault_f25_replay() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    for who in ["bob@x.example", "cat@x.example", "dan@x.example"] {
        invite(&ann, &org, who, "member").await.redirects_to("/o/acme/invites");
    }
    let (bob, cat, dan) = (portal.anonymous(), portal.anonymous(), portal.anonymous());
    for (client, who) in [
        (&bob, "bob@x.example"),
        (&cat, "cat@x.example"),
        (&dan, "dan@x.example"),
    ] {
        open(client, &portal.mail_to(who).await.link()).await.page(200);
    }
    let twin = portal.anonymous();
    open(&twin, &portal.mail_to("bob@x.example").await.link())
        .await
        .page(200);
    join(&bob, "Bob").await.redirects_to("/o/acme/members");
    join(&twin, "Bob").await.page(409);
    let id = id_of(&ann, &org, "pending", "cat@x.example").await;
    ann.post(&org.path(&format!("/invites/{id}/revocation")), &[])
        .await
        .redirects_to("/o/acme/invites");
    join(&cat, "Cat").await.page(404);
    portal.clock.advance(days(7).checked_sub(minutes(30)).unwrap());
    open(&dan, &portal.mail_to("dan@x.example").await.link())
        .await
        .page(200);
    portal.clock.advance(minutes(30) + Duration::from_secs(1));
    join(&dan, "Dan").await.page(410); // one second after the end, without any clean-up job
    assert_eq!(members(&portal, org.id).await, 2);
}

#[actix_web::test]
async fn cve_c03_other_email_or_role() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let other = portal.org("Other").await;
    invite(&ann, &org, "bob@x.example", "viewer")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    let bob = portal.anonymous();
    open(&bob, &link).await.page(200);
    let org_id = other.id.to_string();
    let fields = [
        ("name", "Bob"),
        ("password", PASSWORD),
        ("email", "ann@acme.example"),
        ("email_key", "ann@acme.example"),
        ("role", "administrator"),
        ("org", "other"),
        ("org_id", &org_id),
        ("state", "1"),
        ("generation", "9"),
        ("member_until", "1"),
    ];
    bob.post("/i/accept", &fields).await.redirects_to("/o/acme/members");
    assert_eq!(
        portal
            .number("select count(*) from members where email_key = 'bob@x.example' and role = 20")
            .await,
        1
    );
    assert_eq!(
        (members(&portal, org.id).await, members(&portal, other.id).await),
        (2, 0)
    );
    assert_eq!(portal.number("select count(*) from users").await, 2);
}

#[actix_web::test]
async fn cve_c04_invited_person_cannot_act() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let bob = portal
        .member(&portal.org("Other").await, Role::Administrator, "bob@x.example")
        .await;
    invite(&ann, &org, "bob@x.example", "administrator")
        .await
        .redirects_to("/o/acme/invites");
    let link = portal.mail_to("bob@x.example").await.link();
    open(&bob, &link).await.page(200);
    let before = everything(&portal).await;
    for path in [
        "/members",
        "/invites",
        "/invites/bulk",
        "/invites/links.csv",
        "/settings",
        "/audit",
    ] {
        bob.get(&org.path(path)).await.page(404);
    }
    invite(&bob, &org, "eve@x.example", "administrator").await.page(404);
    let guest = portal.anonymous();
    open(&guest, &link).await.page(200);
    assert_eq!(guest.get(&org.path("/invites")).await.status, 303);
    assert_eq!(everything(&portal).await, before);
}

#[actix_web::test]
async fn cve_c05_links_stay_inside() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    for n in 0..3 {
        invite(&ann, &org, &format!("p{n}@x.example"), "member")
            .await
            .redirects_to("/o/acme/invites");
    }
    let id = id_of(&ann, &org, "pending", "p0@x.example").await;
    let token = links::invitation_token(&portal.app.keys, id, 1);
    ann.get(&org.path("/invites/links.csv")).await;
    ann.post(&org.path(&format!("/invites/{id}/link")), &[]).await;
    let dump = everything(&portal).await;
    let record = format!("{:?}", portal.audit(Some(&org)).await);
    for text in [&dump, &record] {
        assert!(
            !text.contains("mst_inv_") && !text.contains(&token.expose()[8..]),
            "a link is kept"
        );
    }
    assert!(
        actions(&portal, &org)
            .await
            .contains(&"invitation.link.export".to_owned())
    );
    let result = ann
        .post(
            &org.path("/invites/bulk/confirm"),
            &[("text", "z@x.example"), ("email", "z@x.example")],
        )
        .await
        .redirects_to("/o/acme/invites/bulk/");
    for path in [
        result.clone(),
        format!("{result}/failures.csv"),
        org.path("/invites?tab=accepted"),
        org.path("/invites?tab=deleted"),
    ] {
        assert!(!ann.get(&path).await.body.contains("mst_inv_"), "{path}");
    }
}

#[actix_web::test]
async fn cve_c06_foreign_invitation_delete() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    let other = portal.org("Other").await;
    let otto = portal.member(&other, Role::Administrator, "otto").await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let missing = InvitationId::from_raw(other.id.row(9_999));
    // When someone was last here is noted beside the request; the visit that counts is made before the comparison.
    otto.get(&other.path("/members")).await.page(200);
    let mut before = everything(&portal).await;
    loop {
        actix_web::rt::time::sleep(std::time::Duration::from_millis(300)).await;
        let now = everything(&portal).await;
        if now == before {
            break;
        }
        before = now;
    }
    for base in [&other, &org] {
        for id in [id, missing] {
            for act in ["deliveries", "link", "revocation"] {
                let answer = otto.post(&base.path(&format!("/invites/{id}/{act}")), &[]).await;
                answer.page(404).assert_silent("bob@x.example");
            }
            assert_eq!(
                otto.htmx_delete(&base.path(&format!("/invites/{id}"))).await.status,
                404
            );
        }
    }
    assert_eq!(
        otto.get(&other.path(&format!("/invites?after={id}")))
            .await
            .page(200)
            .find_row("bob@x.example"),
        None
    );
    assert_eq!(everything(&portal).await, before);
}

#[actix_web::test]
async fn cve_c33_forms_from_elsewhere_change_nothing() {
    let portal = spawn().await;
    let (org, ann) = acme(&portal).await;
    invite(&ann, &org, "bob@x.example", "member")
        .await
        .redirects_to("/o/acme/invites");
    let id = id_of(&ann, &org, "pending", "bob@x.example").await;
    let bob = portal.anonymous();
    open(&bob, &portal.mail_to("bob@x.example").await.link())
        .await
        .page(200);
    let (before, token) = (everything(&portal).await, ann.csrf().await);
    let inviters = [
        "/invites",
        "/invites/bulk",
        "/invites/bulk/confirm",
        &format!("/invites/{id}/deliveries"),
        &format!("/invites/{id}/link"),
        &format!("/invites/{id}/revocation"),
    ];
    let fields = [
        ("email", "eve@x.example"),
        ("text", "eve@x.example"),
        ("name", "Eve"),
        ("password", PASSWORD),
        ("confirm", "yes"),
    ];
    for path in inviters.iter().map(|path| (&ann.client, org.path(path))).chain(
        [
            "/i/accept",
            "/i/decline",
            "/i/report",
            "/i/renewal-request",
            "/i/opened",
        ]
        .map(|path| (&bob, path.to_owned())),
    ) {
        let (client, path) = path;
        let plain = client.send(client.request(Method::POST, &path).form(&fields)).await;
        assert_eq!(plain.status, 403, "{path} without a token");
        let foreign = bob
            .send(
                client
                    .request(Method::POST, &path)
                    .header("sec-fetch-site", "cross-site")
                    .header("x-csrf-token", &token)
                    .form(&fields),
            )
            .await;
        assert_eq!(foreign.status, 403, "{path} from another site");
    }
    assert_eq!(everything(&portal).await, before);
}

#[actix_web::test]
async fn cve_c16_links_in_mails_name_the_public_address() {
    let portal = spawn_with(|settings| settings.public_url = "https://muster.example".parse().expect("a URL")).await;
    let (org, _ann) = acme(&portal).await;
    let by = may(&portal, &org).await;
    let terms = invitations::Terms {
        role: Role::Member,
        groups: Vec::new(),
        member_until: None,
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let address = Address::parse("bob@x.example").expect("an address");
    invitations::invite(&mut tx, &by, &desk(&portal), &address, &terms, portal.clock.now())
        .await
        .expect("invited");
    tx.commit().await.expect("a commit");
    let mail = portal.mail_to("bob@x.example").await;
    assert!(mail.text.contains("https://muster.example/i/mst_inv_"), "{}", mail.text);
    let eve = portal.anonymous();
    let request = eve
        .request(Method::GET, &mail.link())
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let answer = eve.send(request).await;
    assert_eq!((answer.status, answer.location().as_deref()), (303, Some("/i")));
    let cookies = format!("{:?}", answer.headers.get_all("set-cookie").iter().collect::<Vec<_>>());
    assert!(
        cookies.contains("__Host-inv=") && cookies.contains("Secure"),
        "{cookies}"
    );
}
