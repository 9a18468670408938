//! Getting started and help.

use muster::{
    access::{Role, inside, permission::GroupManage},
    groups,
};

use crate::support::spawn;

#[actix_web::test]
async fn r_hlp_03_r_hlp_04_steps_tick_themselves_from_what_is_there() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let done = || {
        let (client, path) = (ann.client.clone(), org.path("/getting-started"));
        async move {
            let page = client.get(&path).await.page(200);
            let mut keys = page.attributes(".steps li.done", "id");
            keys.retain(|key| key != "step-groups" && key != "step-grouped");
            keys
        }
    };
    assert_eq!(done().await, Vec::<String>::new());
    let page = ann.get(&org.path("/members")).await.page(200);
    // Folded, with how far one is and what comes next.
    assert_eq!(page.count("#start details[open]"), 0);
    assert_eq!(page.first("#start summary span"), "0 of 8 done · next: Invite people");
    assert_eq!(page.attribute("#start .acts a", "href"), Some(org.path("/invites")));
    // Every step leads to a page that is there.
    for href in page.attributes("#start .steps a", "href") {
        ann.get(&href).await.page(200);
    }
    // Opening the audit log from there has ticked its step already.
    assert_eq!(done().await, ["step-watched"]);
    let invites = org.path("/invites");
    ann.post(&invites, &[("email", "bob@acme.example"), ("role", "member")])
        .await
        .redirects_to(&invites);
    assert_eq!(done().await, ["step-people", "step-watched"]);
    app.member(&org, Role::Manager, "carl").await;
    assert_eq!(done().await, ["step-people", "step-roles", "step-watched"]);
    let settings = [
        ("section", "invitations"),
        ("version", "1"),
        ("expiry", "3"),
        ("default_role", "member"),
    ];
    ann.post(&org.path("/settings"), &settings)
        .await
        .redirects_to("/o/acme");
    assert_eq!(
        done().await,
        ["step-people", "step-roles", "step-policies", "step-watched"]
    );
    let mut tx = app.app.db.write().await.unwrap();
    let can = inside::<GroupManage>(&mut tx, app.operator(), org.id).await.unwrap();
    let group = groups::create(&mut tx, &can, "Engineering", groups::Kind::Team, app.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let group = group.to_string();
    let fields = [
        ("name", "Dora"),
        ("email", "dora@acme.example"),
        ("role", "member"),
        ("group", group.as_str()),
    ];
    ann.post(&org.path("/members"), &fields)
        .await
        .redirects_to("/o/acme/members/");
    assert_eq!(
        done().await,
        ["step-people", "step-roles", "step-policies", "step-watched"]
    );
    let page = ann.get(&org.path("/members")).await.page(200);
    assert_eq!(
        page.first("#start summary span"),
        "6 of 8 done · next: Configure API keys"
    );
    let owner = format!("group:{group}");
    let key = [
        ("name", "gateway"),
        ("owner", owner.as_str()),
        ("scope", "api.call"),
        ("expiry", "90"),
    ];
    ann.post(&org.path("/keys"), &key).await.page(200);
    assert_eq!(
        done().await,
        [
            "step-people",
            "step-roles",
            "step-keys",
            "step-policies",
            "step-watched"
        ]
    );
    let limit = [
        ("monthly_mode", "amount"),
        ("monthly", "250"),
        ("daily_mode", "inherit"),
        ("enforcement", "hard"),
        ("apply", "everyone"),
        ("version", "0"),
    ];
    ann.post(&org.path("/limits/defaults"), &limit)
        .await
        .redirects_to(&org.path("/limits"));
    // Everything is done: the card has gone by itself, and the page still says how it is done well.
    ann.get(&org.path("/members"))
        .await
        .page(200)
        .assert_silent("Getting started");
    let page = ann.get(&org.path("/getting-started")).await.page(200);
    assert_eq!(page.count(".steps li"), page.count(".steps li.done"));
    page.assert_says("Give each person the least they need");
}

#[actix_web::test]
async fn r_hlp_03_the_card_is_put_away_by_each_person_for_oneself() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let eve = app.member(&org, Role::Administrator, "eve").await;
    let members = org.path("/members");
    ann.post(&org.path("/getting-started/dismissal"), &[])
        .await
        .redirects_to(&members);
    let page = ann.get(&members).await.page(200);
    assert_eq!(page.count("#start"), 0);
    // Undo is in the message, and on the page of getting started.
    let undo = page.attributes("#toasts form", "action");
    assert_eq!(undo, [org.path("/getting-started/dismissal/end")]);
    assert_eq!(eve.get(&members).await.page(200).count("#start"), 1);
    let page = ann.get(&org.path("/getting-started")).await.page(200);
    let back = page.attribute("main form", "action").expect("a form");
    ann.post(&back, &[]).await.redirects_to(&members);
    assert_eq!(ann.get(&members).await.page(200).count("#start"), 1);
    // With htmx the list alone is asked for, and it holds no card.
    assert!(!ann.htmx_get(&members).await.body.contains("id=\"start\""));
    // Whoever does not run the organization has no steps to take.
    let bob = app.member(&org, Role::Developer, "bob").await;
    let page = bob.get(&org.path("/getting-started")).await.page(200);
    assert_eq!(page.count(".steps li"), 0);
    assert_eq!(bob.get(&members).await.page(200).count("#start"), 0);
}

#[actix_web::test]
async fn r_hlp_05_06_07_help_tells_good_practice() {
    let app = spawn().await;
    let org = app.org("Acme").await;
    let ann = app.member(&org, Role::Administrator, "ann").await;
    let page = ann.get(&org.path("/members")).await.page(200);
    assert_eq!(
        page.attribute(".topbar a[aria-label=Help]", "href").as_deref(),
        Some("/help")
    );
    let page = ann.get("/help").await.page(200);
    page.assert_heading("Help");
    for words in [
        "Set reasonable limits",
        "Group people as they work",
        "Review regularly",
        "Give keys to groups",
        "Give the least that is needed",
        "Check permissions",
        "Use a second factor",
        "Read the audit log",
        "Choose strong passwords",
        "Say what each role is for",
        "Name things the same way",
        "Look at teams regularly",
        "Write the rules down",
        "Have a first day",
    ] {
        page.assert_says(words);
    }
    assert_eq!(
        page.attribute(".page-head a.btn", "href"),
        Some(org.path("/getting-started"))
    );
    app.anonymous().get("/help").await.redirects_to("/sign-in");
}
