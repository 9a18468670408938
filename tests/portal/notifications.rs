//! What people are told, where, and how they choose.

use std::time::Duration;

use muster::{access::Role, jobs, notifications};

use crate::support::{Org, Portal, Someone, spawn, spawn_with_mail, texts};

/// What the bell says.
async fn bell(who: &Someone) -> String {
    let page = who.get("/me").await.page(200);
    page.attribute("a.bell", "aria-label").expect("a bell")
}

async fn subjects(who: &Someone) -> Vec<String> {
    who.get("/me/notifications").await.page(200).all(".news .subject")
}

async fn pair(app: &Portal) -> (Org, Someone, Someone) {
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let bob = app.member(&org, Role::Member, "bob").await;
    (org, ann, bob)
}

#[actix_web::test]
async fn r_pro_04_a_role_change_appears_behind_the_bell_and_is_read() {
    let app = spawn().await;
    let (org, ann, bob) = pair(&app).await;
    assert_eq!(bell(&bob).await, "Notifications");
    bob.get("/me/notifications")
        .await
        .page(200)
        .assert_says("No notifications yet");
    let path = org.path(&format!("/members/{}", bob.id()));
    ann.post(&format!("{path}/role"), &[("role", "developer")])
        .await
        .redirects_to(&path);
    assert_eq!(bell(&bob).await, "Notifications, 1 unread");
    assert_eq!(
        bell(&ann).await,
        "Notifications",
        "nobody hears of what they did themselves"
    );
    let page = bob.get("/me/notifications").await.page(200);
    assert_eq!(
        page.all(".news .subject"),
        ["Unread: Your role in Acme is Developer now."]
    );
    page.assert_says("Acme");
    // In the frame of an organization's page too, with its one statement.
    let page = bob.get(&org.path("/members")).await.page(200);
    assert_eq!(page.first(".bell .count"), "1");
    let page = bob.get("/me/notifications").await.page(200);
    let action = page.attribute(".news form", "action").expect("a form");
    // Opening it marks it as read and leads there.
    bob.post(&action, &[("open", "1"), ("back", "/me/notifications")])
        .await
        .redirects_to(&org.path("/members"));
    assert_eq!(bell(&bob).await, "Notifications");
    let page = bob.get("/me/notifications?show=unread").await.page(200);
    page.assert_says("Nothing is unread");
    assert_eq!(subjects(&bob).await, ["Your role in Acme is Developer now."]);
    // Nobody reads somebody else's.
    ann.post(&action, &[]).await.page(404);
    // The way back is a page of notifications, whatever the form says.
    let back = [("back", "//evil.example/")];
    bob.post(&action, &back).await.redirects_to("/me/notifications");
}

#[actix_web::test]
async fn r_pro_04_every_event_reaches_whom_it_concerns() {
    let app = spawn_with_mail().await;
    let (org, ann, bob) = pair(&app).await;
    let path = org.path(&format!("/members/{}", bob.id()));
    ann.post(&format!("{path}/suspension"), &[])
        .await
        .redirects_to("/o/acme/members");
    ann.post(&format!("{path}/suspension/end"), &[])
        .await
        .redirects_to("/o/acme/members");
    let bob = Someone {
        client: app.sign_in(bob.user).await,
        ..bob
    };
    assert_eq!(
        subjects(&bob).await,
        [
            "Unread: Your access to Acme is active again.",
            "Unread: Your access to Acme is paused."
        ]
    );
    // Somebody with an account is added to another organization.
    let cedar = app.org("Cedar").await;
    let carl = app.member(&cedar, Role::Administrator, "carl").await;
    let fields = [("name", "Bob"), ("email", bob.email.as_str()), ("role", "viewer")];
    carl.post(&cedar.path("/members"), &fields)
        .await
        .redirects_to("/o/cedar/members/");
    assert_eq!(subjects(&bob).await[0], "Unread: You were added to Cedar as Viewer.");

    // An invitation that is accepted, and one that comes back, to whoever sent them.
    let invites = org.path("/invites");
    ann.post(&invites, &[("email", "dora@acme.example"), ("role", "member")])
        .await
        .redirects_to(&invites);
    let link = app.mail_to("dora@acme.example").await.link();
    let dora = app.anonymous();
    dora.follow(&link).await;
    let token = dora.follow("/i").await.page(200).value("csrf").expect("a token");
    let fields = [
        ("csrf", token.as_str()),
        ("name", "Dora"),
        ("password", "seven green kettles whistle at dawn"),
    ];
    let request = dora.request(reqwest::Method::POST, "/i/accept").form(&fields);
    dora.send(request).await.redirects_to("/o/acme");
    assert_eq!(
        subjects(&ann).await,
        ["Unread: Dora (dora@acme.example) joined Acme by your invitation."]
    );
    assert_eq!(app.mails_to(&ann.email).await, 0, "by mail only when it was chosen");
    ann.post(&invites, &[("email", "nobody@acme.example"), ("role", "member")])
        .await
        .redirects_to(&invites);
    let mut tx = app.app.db.write().await.unwrap();
    let mail = app.mail_to("nobody@acme.example").await.row;
    let invitation = mail.mail().unwrap().invitation().expect("an invitation");
    muster::invitations::delivery_changed(
        &mut tx,
        &app.operator(),
        invitation,
        muster::invitations::Delivery::Bounced,
        "550 no such user",
        app.clock.now(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        subjects(&ann).await[0],
        "Unread: Your invitation of nobody@acme.example to Acme could not be delivered."
    );
    let told = app.mail_to(&ann.email).await;
    assert!(told.subject.contains("could not be delivered"), "{}", told.subject);
    assert!(told.text.contains("nobody@acme.example"));
}

#[actix_web::test]
async fn r_pro_04_preferences_decide_what_is_told_and_how() {
    let app = spawn().await;
    let (org, ann, bob) = pair(&app).await;
    let page = bob.get("/me/notifications/preferences").await.page(200);
    assert_eq!(page.count("input[type=checkbox]"), 2 * notifications::Kind::ALL.len());
    assert_eq!(
        page.count("input[disabled][checked]"),
        4,
        "mails about security are always sent"
    );
    page.assert_says("always sent");
    let role = org.path(&format!("/members/{}/role", bob.id()));
    let before = app.mails_to(&bob.email).await;
    // Neither; then the portal alone; then mail alone.
    for (ticks, unread, mails, to) in [
        (&[][..], "Notifications", 0, "developer"),
        (
            &[("portal.membership.role", "1")][..],
            "Notifications, 1 unread",
            0,
            "viewer",
        ),
        (
            &[("mail.membership.role", "1")][..],
            "Notifications, 1 unread",
            1,
            "member",
        ),
    ] {
        bob.post("/me/notifications/preferences", ticks)
            .await
            .redirects_to("/me/notifications/preferences");
        ann.post(&role, &[("role", to)]).await.redirects_to("/o/acme/members");
        assert_eq!(bell(&bob).await, unread);
        assert_eq!(app.mails_to(&bob.email).await - before, mails, "{ticks:?}");
    }
    let page = bob.get("/me/notifications/preferences").await.page(200);
    assert_eq!(page.count("input[name=\"mail.membership.role\"][checked]"), 1);
    assert_eq!(page.count("input[name=\"portal.membership.role\"][checked]"), 0);
    assert_eq!(page.count("input[disabled][checked]"), 4);
    let recorded = app.audit(None).await;
    assert!(
        recorded
            .iter()
            .any(|row| row.action == "profile.update" && row.after.contains("Your role changed"))
    );
}

#[actix_web::test]
async fn r_pro_04_security_is_told_whatever_was_chosen() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let password = "seven green kettles whistle at dawn";
    let hash = app.app.hasher.hash(password).await.unwrap();
    crate::support::raw(&app.app.db, &format!("update users set password_hash = '{hash}'")).await;
    ann.post("/me/notifications/preferences", &[])
        .await
        .redirects_to("/me/notifications");
    let sign_in = |agent: &'static str| {
        let browser = app.anonymous();
        let email = ann.email.clone();
        async move {
            let token = browser.get("/sign-in").await.page(200).value("csrf").expect("a token");
            let fields = [
                ("csrf", token.as_str()),
                ("email", email.as_str()),
                ("password", password),
            ];
            let request = browser.request(reqwest::Method::POST, "/sign-in").form(&fields);
            browser
                .send(request.header("user-agent", agent))
                .await
                .redirects_to("/");
        }
    };
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    sign_in(firefox).await; // the very first sign-in is no news
    sign_in(firefox).await;
    assert_eq!(app.mails_to(&ann.email).await, 0);
    app.clock.advance(Duration::from_secs(60));
    sign_in("curl/8.5.0").await;
    let mail = app.mail_to(&ann.email).await;
    assert_eq!(mail.subject, "New sign-in to your Muster account");
    assert!(mail.text.contains("with curl, a device"), "{}", mail.text);
    assert_eq!(mail.link(), "/me/security");
    let told = subjects(&ann).await;
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("New sign-in with curl"), "{told:?}");
    sign_in("curl/8.6.0").await;
    assert_eq!(app.mails_to(&ann.email).await, 1, "a known kind of device is no news");

    let change = [
        ("current", password),
        ("password", "nine blue lanterns drift past noon"),
    ];
    ann.post("/me/password", &change).await.redirects_to("/me/security");
    let mail = app.mail_to(&ann.email).await;
    assert_eq!(mail.subject, "Your Muster password was changed");
    // In the zone of whoever reads it: the organization's, while they have chosen none.
    assert!(mail.text.contains("(Europe/Berlin)"), "{}", mail.text);
    let ann = Someone {
        client: app.sign_in(ann.user).await,
        ..ann
    };
    assert_eq!(bell(&ann).await, "Notifications, 2 unread");
}

#[actix_web::test]
async fn r_pro_04_the_list_is_paged_and_read_at_once() {
    let app = spawn().await;
    let (org, ann, bob) = pair(&app).await;
    let role = org.path(&format!("/members/{}/role", bob.id()));
    for n in 0..27 {
        let to = if n % 2 == 0 { "developer" } else { "viewer" };
        ann.post(&role, &[("role", to)]).await.redirects_to("/o/acme");
    }
    let page = bob.get("/me/notifications").await.page(200);
    assert_eq!(page.count(".news li"), 25);
    let older = page.attribute(".pager a[rel=next]", "href").expect("a link");
    let page = bob.get(&older).await.page(200);
    assert_eq!(page.count(".news li"), 2);
    assert_eq!(page.first(".pager a"), "Newest");
    assert_eq!(page.count(".pager a[rel=next]"), 0);
    bob.get("/me/notifications?before=nonsense").await.page(200);
    bob.post("/me/notifications/read", &[])
        .await
        .redirects_to("/me/notifications");
    bob.get("/me/notifications")
        .await
        .page(200)
        .assert_says("27 notifications marked as read.");
    assert_eq!(bell(&bob).await, "Notifications");
    // What was read is forgotten after 90 days, the rest after a year.
    ann.post(&role, &[("role", "viewer")]).await.redirects_to("/o/acme");
    ann.post(&role, &[("role", "manager")]).await.redirects_to("/o/acme");
    let left = || texts(&app.app.db, "select cast(count(*) as text) from notifications");
    app.clock.advance(Duration::from_secs(91 * 86_400));
    jobs::tidy(&app.app).await.unwrap();
    assert_eq!(left().await, ["2"]);
    app.clock.advance(Duration::from_secs(300 * 86_400));
    jobs::tidy(&app.app).await.unwrap();
    assert_eq!(left().await, ["0"]);
}
