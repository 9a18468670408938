//! Groups and teams: R-GRP-01 to R-GRP-09, B-14 (an end, from its instant), B-18 (leads really lead).

use std::time::{Duration, Instant};

use muster::{
    access::{Can, EnterpriseRole, Role, inside, permission::GroupManage},
    auth::account::{self, NewAccount, Proof},
    groups::{self, Kind},
    ids::{GroupId, MemberId},
    mail::address::Address,
    members::member::{self, Imported},
};

use crate::support::{Org, Portal, Someone, raw, spawn, spawn_with_mail, texts};

const DAY: u64 = 86_400;

async fn proof(portal: &Portal, org: &Org) -> Can<GroupManage> {
    inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("a proof")
}

/// A group with some members, through the verbs.
async fn group(portal: &Portal, org: &Org, name: &str, members: &[&Someone]) -> GroupId {
    let by = proof(portal, org).await;
    let now = portal.clock.now();
    let ids: Vec<MemberId> = members.iter().map(|member| member.member.expect("a member")).collect();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = groups::create(&mut tx, &by, name, Kind::Team, now)
        .await
        .expect("a group");
    groups::add_members(&mut tx, &by, id, &ids, now).await.expect("members");
    tx.commit().await.expect("a commit");
    id
}

async fn lead(portal: &Portal, org: &Org, group: GroupId, who: &Someone) {
    let by = proof(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let member = who.member.expect("a member");
    groups::belonging::make_lead(&mut tx, &by, group, member, portal.clock.now())
        .await
        .expect("a lead");
    tx.commit().await.expect("a commit");
}

/// Who belongs to the group, by name, as its page shows them.
async fn people(who: &Someone, org: &Org, group: GroupId) -> Vec<String> {
    let page = who.get(&org.path(&format!("/groups/{group}"))).await.page(200);
    page.all("table .c-main a")
}

/// The actions recorded about an organization's people and groups, oldest first.
async fn actions(portal: &Portal, org: &Org, start: &str) -> Vec<String> {
    let rows = portal.audit(Some(org)).await;
    rows.into_iter()
        .map(|row| format!("{} {}", row.action, row.object_name))
        .filter(|text| text.starts_with(start))
        .collect()
}

struct Team {
    portal: Portal,
    org: Org,
    ann: Someone,
    bob: Someone,
    cleo: Someone,
    dan: Someone,
    red: GroupId,
    blue: GroupId,
}

/// Ann is Org Admin; Bob, a Member, leads Red with Cleo in it; Dan leads Blue.
async fn team() -> Team {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let cleo = portal.member(&org, Role::Member, "cleo").await;
    let dan = portal.member(&org, Role::Viewer, "dan").await;
    let red = group(&portal, &org, "Red", &[&bob, &cleo]).await;
    let blue = group(&portal, &org, "Blue", &[&dan]).await;
    lead(&portal, &org, red, &bob).await;
    lead(&portal, &org, blue, &dan).await;
    Team {
        portal,
        org,
        ann,
        bob,
        cleo,
        dan,
        red,
        blue,
    }
}

impl Team {
    fn red(&self, rest: &str) -> String {
        self.org.path(&format!("/groups/{}{rest}", self.red))
    }
    fn blue(&self, rest: &str) -> String {
        self.org.path(&format!("/groups/{}{rest}", self.blue))
    }
    async fn end(&self, group: GroupId, who: &Someone, days: u64) {
        let by = proof(&self.portal, &self.org).await;
        let now = self.portal.clock.now();
        let until = now.plus(Duration::from_secs(days * DAY));
        let mut tx = self.portal.app.db.write().await.unwrap();
        let by = muster::access::GroupCan::managing(&by, group);
        groups::belonging::set_end(&mut tx, &by, who.member.unwrap(), Some(until), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

/// R-GRP-04, R-GRP-05, R-GRP-06: a group is made, named once, of a kind, and people are put into it from a list.
#[actix_web::test]
async fn a_group_is_created_and_filled() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let cleo = portal.member(&org, Role::Developer, "cleo").await;
    let page = ann.get(&org.path("/groups")).await.page(200);
    page.assert_says("No groups yet");
    let fields = [
        ("name", "  Engineering "),
        ("kind", "department"),
        ("description", "Ships the control stack"),
    ];
    let href = ann
        .post(&org.path("/groups"), &fields)
        .await
        .redirects_to("/o/acme/groups/grp_");
    let page = ann.get(&href).await.page(200);
    page.assert_heading("Engineering");
    page.assert_says("Ships the control stack");
    page.assert_says("Department");
    page.assert_says("Engineering was created.");
    page.assert_says("Nobody is in this group yet");

    for (field, value, says) in [
        ("name", " ENGINEERING", "There is a group named Engineering already."),
        ("name", " ", "Give the group a name."),
        ("kind", "tribe", "Choose one of the kinds in the list."),
    ] {
        let mut again = vec![("name", "Research"), ("kind", "team"), ("description", "Kept")];
        again.retain(|(name, _)| *name != field);
        again.push((field, value));
        let refused = ann.post(&org.path("/groups"), &again).await.page(422);
        refused.assert_says(says);
        assert_eq!(
            refused.value("description").as_deref(),
            Some("Kept"),
            "the form is filled in again"
        );
    }
    let long = "x".repeat(61);
    let refused = ann
        .htmx_post(&org.path("/groups"), &[("name", long.as_str())])
        .await
        .page(422);
    refused.assert_says("A group's name has at most 60 characters. This one has 61.");

    let choose = ann.get(&format!("{href}/members/new?q=cleo")).await.page(200);
    assert_eq!(choose.count("#results input[name=member]"), 1);
    choose.assert_says("cleo@acme.example");
    let refused = ann.post(&format!("{href}/members"), &[("until", "")]).await.page(422);
    refused.assert_says("Choose at least one person.");
    let (b, c) = (bob.id(), cleo.id());
    let fields = [("member", b.as_str()), ("member", c.as_str()), ("until", "2026-11-20")];
    let refused = ann.post(&format!("{href}/members"), &fields).await.page(422);
    refused.assert_says("This day has passed.");
    assert_eq!(refused.count("#results input[name=member][checked]"), 2);
    let fields = [
        ("member", b.as_str()),
        ("member", c.as_str()),
        ("member", b.as_str()),
        ("until", "2026-12-31"),
    ];
    ann.post(&format!("{href}/members"), &fields).await.redirects_to(&href);
    let page = ann.get(&href).await.page(200);
    page.assert_says("2 people were added to Engineering.");
    page.row("Bob").assert_cell("Until", "31 Dec 2026");
    page.row("Cleo").assert_cell("In this group", "Member");
    assert_eq!(
        actions(&portal, &org, "group.").await,
        [
            "group.create Engineering",
            "group.member.add Bob",
            "group.member.add Cleo"
        ]
    );
    let again = [("member", b.as_str())];
    ann.post(&format!("{href}/members"), &again).await.redirects_to(&href);
    ann.get(&href).await.page(200).assert_says("0 people were added");
    let choose = ann.get(&format!("{href}/members/new")).await.page(200);
    assert_eq!(
        choose.count("#results input[disabled]"),
        2,
        "those inside cannot be chosen"
    );
}

/// The list: search, kinds, sorting, groups without a lead, pages that keep what is on.
#[actix_web::test]
async fn the_list_is_searched_filtered_sorted_and_paged() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let by = proof(&portal, &org).await;
    let mut tx = portal.app.db.write().await.unwrap();
    for n in 0..120 {
        let kind = [Kind::Team, Kind::Project, Kind::Department][n % 3];
        let id = groups::create(&mut tx, &by, &format!("Unit {n:03}"), kind, portal.clock.now())
            .await
            .unwrap();
        if n % 10 == 0 {
            let both = [ann.member.unwrap(), bob.member.unwrap()];
            let some = if n == 0 { &both[..] } else { &both[1..] };
            groups::add_members(&mut tx, &by, id, some, portal.clock.now())
                .await
                .unwrap();
        }
        if n == 40 {
            groups::belonging::make_lead(&mut tx, &by, id, bob.member.unwrap(), portal.clock.now())
                .await
                .unwrap();
        }
    }
    tx.commit().await.unwrap();
    let open = |rest: &str| {
        let path = org.path(&format!("/groups{rest}"));
        let ann = &ann;
        async move { ann.get(&path).await.page(200) }
    };
    let page = open("").await;
    page.assert_heading("Groups 120");
    assert_eq!(page.all(".c-main a")[0], "Unit 000");
    assert_eq!(page.count("tbody tr"), 50);
    page.row("Unit 040").assert_cell("Group", "Led by Bob");
    assert_eq!(page.all("#seg-team"), ["Teams 40"]);

    // Forth and back over all pages, each way of sorting.
    for rest in ["", "?dir=desc", "?sort=size", "?sort=size&dir=asc", "?kind=team"] {
        let (mut seen, mut page) = (Vec::new(), open(rest).await);
        let mut pages = vec![page.all(".c-main a")];
        loop {
            seen.extend(page.all(".c-main a"));
            let Some(next) = page.attribute("#page-next", "href") else {
                break;
            };
            page = ann.get(&next).await.page(200);
            pages.push(page.all(".c-main a"));
        }
        let wanted = if rest == "?kind=team" { 40 } else { 120 };
        assert_eq!(seen.len(), wanted, "{rest}");
        let mut names = seen.clone();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), wanted, "{rest}: each group once");
        for before in pages.iter().rev().skip(1) {
            let previous = page.attribute("#page-previous", "href").expect("a page before");
            page = ann.get(&previous).await.page(200);
            assert_eq!(page.all(".c-main a"), *before, "{rest}");
        }
        assert!(page.attribute("#page-previous", "href").is_none());
    }
    assert_eq!(
        open("?sort=size").await.all(".c-main a")[0],
        "Unit 000",
        "the largest first"
    );
    assert_eq!(open("?q=unit+04").await.count("tbody tr"), 10);
    assert_eq!(open("?q=040&lead=none").await.count("tbody tr"), 0);
    open("?q=no-such").await.assert_says("No group matches");
    let partial = ann.htmx_get(&org.path("/groups?q=040")).await.page(200);
    assert_eq!(partial.count("#results tbody tr"), 1);
    assert_eq!(partial.count("h1"), 0, "only the results and the filters");
    open("?after=junk&sort=age&kind=tribe")
        .await
        .assert_heading("Groups 120");
    // Every filter in one address costs as many statements as none.
    let count = async |rest: &str| {
        let before = muster::db::statements_run();
        open(rest).await;
        muster::db::statements_run() - before
    };
    count("").await;
    let (plain, one) = (count("").await, count("?q=unit+041").await);
    assert_eq!(plain, one, "a list of fifty costs what a list of one costs");

    // R-GRP-03: whoever manages no groups sees the own ones.
    let own = bob.get(&org.path("/groups")).await.page(200);
    own.assert_heading("Groups 12");
    own.assert_says("The groups that you belong to.");
    assert!(own.attribute("#create-group", "href").is_none());
    let auditor = portal.enterprise_member(EnterpriseRole::Auditor, "iris").await;
    auditor
        .get(&org.path("/groups"))
        .await
        .page(200)
        .assert_heading("Groups 120");
}

/// R-GRP-07, R-GRP-08, B-18: a lead cares for the own group, and only for it.
#[actix_web::test]
async fn a_lead_manages_the_own_group_and_nothing_else() {
    let t = team().await;
    let page = t.bob.get(&t.red("")).await.page(200);
    page.assert_says("cleo@acme.example");
    assert_eq!(people(&t.bob, &t.org, t.red).await, ["Bob (you)", "Cleo"]);

    // Within: add, set an end, extend, remove, undo, describe, arrange.
    let dan = t.dan.id();
    t.bob
        .post(&t.red("/members"), &[("member", dan.as_str())])
        .await
        .redirects_to(&t.red(""));
    t.bob
        .post(&t.red(&format!("/members/{dan}/end")), &[("until", "2026-12-31")])
        .await
        .redirects_to(&t.red(""));
    t.bob
        .post(&t.red(&format!("/members/{dan}/extension")), &[])
        .await
        .redirects_to(&t.red(""));
    let page = t.bob.get(&t.red("")).await.page(200);
    page.row("Dan").assert_cell("Until", "30 Jan 2027");
    t.bob
        .post(&t.red(&format!("/members/{dan}/removal")), &[])
        .await
        .redirects_to(&t.red(""));
    let page = t.bob.get(&t.red("")).await.page(200);
    let undo = page.attribute(".toast form", "action").expect("an undo");
    t.bob.post(&undo, &[]).await.redirects_to(&t.red(""));
    let page = t.bob.get(&t.red("")).await.page(200);
    page.row("Dan").assert_cell("Until", "30 Jan 2027");
    t.bob
        .post(&t.red(""), &[("description", "Sensors and cables")])
        .await
        .redirects_to(&t.red(""));
    t.bob
        .post(
            &t.red("/cards"),
            &[("order", "members"), ("show", "members"), ("order", "about")],
        )
        .await
        .redirects_to(&t.red(""));

    // Neither name nor kind, no other lead, no end of leads, no deletion, no new groups, no rule.
    for (path, fields) in [
        (t.red(""), vec![("name", "Crimson"), ("description", "")]),
        (t.red(""), vec![("kind", "project"), ("description", "")]),
        (t.red(&format!("/members/{}/lead", t.cleo.id())), vec![]),
        (
            t.red(&format!("/members/{}/end", t.bob.id())),
            vec![("until", "2030-01-01")],
        ),
        (t.red("/deletion"), vec![("confirm", "Red")]),
        (t.org.path("/groups"), vec![("name", "Green")]),
        (t.org.path("/groups/rules"), vec![("leads_invite", "1")]),
        (t.red(&format!("/members/{}/restoration?lead=1", t.ann.id())), vec![]),
        (t.org.path(&format!("/members/{dan}/groups")), vec![]),
    ] {
        let answer = t.bob.post(&path, &fields).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.body);
    }
    lead(&t.portal, &t.org, t.red, &t.cleo).await;
    for act in ["removal", "lead/end", "extension", "end"] {
        let path = t.red(&format!("/members/{}/{act}", t.cleo.id()));
        let answer = t.bob.post(&path, &[("until", "2030-01-01")]).await;
        // An end that is not there cannot be extended, whoever asks.
        let wanted = if act == "extension" { 409 } else { 403 };
        assert_eq!(answer.status, wanted, "another lead: {act}: {}", answer.body);
    }
    // Nor does the lead's page offer any of it.
    let page = t.bob.get(&t.red("")).await.page(200);
    page.assert_silent("Make lead");
    page.assert_silent("Remove as lead");
    page.assert_says("Step down as lead");
    assert_eq!(t.bob.get(&t.red("/edit")).await.page(200).count("input[name=name]"), 0);
    // A member who leads nothing reads the page and changes nothing there.
    let page = t.portal.member(&t.org, Role::Member, "eve").await;
    t.ann
        .post(&t.red("/members"), &[("member", page.id().as_str())])
        .await
        .redirects_to(&t.red(""));
    let shown = page.get(&t.red("")).await.page(200);
    shown.assert_silent("cleo@acme.example");
    shown.assert_silent("Add members");
    assert_eq!(page.get(&t.red("/members/new")).await.status, 403);
}

/// C10: who moves people between groups needs rights on both ends, and forged ids name nobody.
#[actix_web::test]
async fn cve_c10_moving_between_groups_needs_rights_on_both_ends() {
    let t = team().await;
    let (cleo, dan) = (t.cleo.id(), t.dan.id());
    // Bob leads Red: he neither puts Red's Cleo into Blue nor takes Blue's Dan out of it.
    for path in [
        t.blue("/members"),
        t.blue(&format!("/members/{dan}/removal")),
        t.blue(&format!("/members/{cleo}/restoration")),
        t.blue(&format!("/members/{dan}/end")),
        t.blue(""),
        t.blue("/cards"),
        t.blue("/invitations"),
    ] {
        let fields = [("member", cleo.as_str()), ("until", ""), ("email", "x@acme.example")];
        assert_eq!(t.bob.post(&path, &fields).await.status, 403, "{path}");
    }
    for path in [t.blue(""), t.blue("/members/new"), t.blue("/edit"), t.blue("/cards")] {
        assert_eq!(t.bob.get(&path).await.status, 403, "{path}");
    }
    // Someone who stands in no group of mine is nobody there, whatever the address says.
    let path = t.red(&format!("/members/{dan}/removal"));
    assert_eq!(t.bob.post(&path, &[]).await.status, 404);
    assert_eq!(t.ann.post(&path, &[]).await.status, 404);
    assert_eq!(people(&t.ann, &t.org, t.blue).await, ["Dan"]);
    assert_eq!(people(&t.ann, &t.org, t.red).await, ["Bob", "Cleo"]);

    // Another organization's group and people, by an administrator of this one and by the lead.
    let other = t.portal.org("Birch").await;
    let zoe = t.portal.member(&other, Role::Administrator, "zoe@birch.example").await;
    let theirs = group(&t.portal, &other, "Theirs", &[&zoe]).await;
    let (z, c) = (zoe.id(), t.cleo.id());
    for who in [&t.ann, &t.bob] {
        let path = t.red("/members");
        assert_eq!(who.post(&path, &[("member", z.as_str())]).await.status, 404);
        let mixed = [("member", c.as_str()), ("member", z.as_str())];
        assert_eq!(who.post(&path, &mixed).await.status, 404);
        assert_eq!(
            who.post(&t.red(&format!("/members/{z}/removal")), &[]).await.status,
            404
        );
        assert_eq!(
            who.post(&t.red(&format!("/members/{z}/restoration")), &[]).await.status,
            404
        );
        let path = t.org.path(&format!("/groups/{theirs}"));
        let wanted = if who.email == t.ann.email { 404 } else { 403 };
        assert_eq!(who.get(&path).await.status, wanted);
        assert_eq!(
            who.post(&format!("{path}/members"), &[("member", c.as_str())])
                .await
                .status,
            wanted
        );
        assert_eq!(who.get(&other.path(&format!("/groups/{theirs}"))).await.status, 404);
    }
    let theirs = theirs.to_string();
    let path = t.org.path(&format!("/members/{c}/groups"));
    assert_eq!(t.ann.post(&path, &[("group", theirs.as_str())]).await.status, 404);
    assert_eq!(people(&zoe, &other, theirs.parse().unwrap()).await, ["Zoe (you)"]);
}

/// B-14: the end of a time in a group, of a membership and of a role counts at its instant, before any job has run.
#[actix_web::test]
async fn an_end_counts_at_the_next_request() {
    let t = team().await;
    t.end(t.red, &t.bob, 1).await;
    assert_eq!(t.bob.get(&t.red("/members/new")).await.status, 200);
    t.portal.clock.advance(Duration::from_secs(DAY));
    let bob = t.portal.sign_in(t.bob.user).await;
    assert_eq!(
        bob.get(&t.red("/members/new")).await.status,
        403,
        "the row is still there"
    );
    assert_eq!(bob.get(&t.red("")).await.status, 403);
    bob.get(&t.org.path("/groups"))
        .await
        .page(200)
        .assert_says("You are in no group");
    let ann = t.portal.sign_in(t.ann.user).await;
    let page = ann.get(&t.red("")).await.page(200);
    assert_eq!(page.all("table .c-main a"), ["Cleo"]);
    page.assert_says("No lead");
    let page = ann
        .get(&t.org.path(&format!("/members/{}", t.bob.id())))
        .await
        .page(200);
    assert_eq!(page.count("section[aria-labelledby=groups-h] .tag"), 0);
    // Whoever is put in again before the job has run is in again, once.
    let bob_id = t.bob.id();
    ann.post(&t.red("/members"), &[("member", bob_id.as_str())])
        .await
        .redirects_to(&t.red(""));
    assert_eq!(
        ann.get(&t.red("")).await.page(200).all("table .c-main a"),
        ["Bob", "Cleo"]
    );
    assert_eq!(
        bob.get(&t.red("/members/new")).await.status,
        403,
        "in again, and no lead"
    );
    muster::jobs::tidy(&t.portal.app).await.unwrap();
    assert_eq!(
        ann.get(&t.red("")).await.page(200).all("table .c-main a"),
        ["Bob", "Cleo"]
    );

    // A lead whose membership is deactivated leads nothing.
    let path = t.org.path(&format!("/members/{}/suspension", t.dan.id()));
    ann.post(&path, &[("reason", "")]).await.redirects_to("/o/acme/members");
    let dan = t.portal.sign_in(t.dan.user).await;
    assert_eq!(dan.get(&t.blue("")).await.status, 403);
    // Not even where a role over the enterprise still lets the person in to read.
    raw(
        &t.portal.app.db,
        &format!("update users set enterprise_role = 70 where id = {}", t.dan.user.raw()),
    )
    .await;
    assert_eq!(dan.get(&t.blue("")).await.status, 200);
    assert_eq!(dan.get(&t.blue("/members/new")).await.status, 403);
}

/// B-14: one mail to the person and to the leads a week before, an extension in one click, and the end itself with its record.
#[actix_web::test]
async fn a_mail_goes_out_before_the_end_and_the_job_ends_it() {
    let portal = spawn_with_mail().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let cleo = portal.member(&org, Role::Member, "cleo").await;
    let red = group(&portal, &org, "Red", &[&bob, &cleo]).await;
    lead(&portal, &org, red, &bob).await;
    let path = org.path(&format!("/groups/{red}"));
    let end = format!("{path}/members/{}/end", cleo.id());
    bob.post(&end, &[("until", "yesterday")])
        .await
        .page(422)
        .assert_says("Enter a day as year, month and day");
    bob.post(&end, &[("until", "2026-11-20")])
        .await
        .page(422)
        .assert_says("This day has passed.");
    bob.post(&end, &[("until", "2026-11-30")]).await.redirects_to(&path);
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(portal.mails_to("cleo@acme.example").await, 0, "nine days are no week");
    portal.clock.advance(Duration::from_secs(3 * DAY));
    for _ in 0..3 {
        muster::jobs::tidy(&portal.app).await.unwrap();
    }
    assert_eq!(portal.mails_to("cleo@acme.example").await, 1, "once");
    let mail = portal.mail_to("cleo@acme.example").await;
    assert_eq!(mail.subject, "Your time in Red ends soon");
    let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains(
            "The last day of your time in Red, a group of Acme, is Monday, 30 November 2026 (Europe/Berlin)."
        ),
        "{words}"
    );
    let mail = portal.mail_to("bob@acme.example").await;
    assert_eq!(mail.subject, "A time in Red ends soon");
    assert!(mail.text.contains("The last day of Cleo in Red"), "{}", mail.text);
    assert_eq!(mail.link(), path);
    assert_eq!(
        portal.mails_to("ann@acme.example").await,
        0,
        "an administrator is no lead"
    );

    // One click on the card extends it, and the new end is warned of anew.
    let bob = portal.sign_in(bob.user).await;
    let page = bob.get(&path).await.page(200);
    let extend = page
        .attribute("section[aria-labelledby=ending-h] button", "formaction")
        .expect("Extend");
    bob.post(&extend, &[]).await.redirects_to(&path);
    let page = bob.get(&path).await.page(200);
    page.assert_says("Cleo is in the group until 30 Dec 2026.");
    page.row("Cleo").assert_cell("Until", "30 Dec 2026");
    portal.clock.advance(Duration::from_secs(31 * DAY));
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(portal.mails_to("cleo@acme.example").await, 2);

    portal.clock.advance(Duration::from_secs(8 * DAY));
    muster::jobs::tidy(&portal.app).await.unwrap();
    let ann = portal.sign_in(ann.user).await;
    assert_eq!(ann.get(&path).await.page(200).all("table .c-main a"), ["Bob"]);
    assert_eq!(
        actions(&portal, &org, "group.member").await,
        [
            "group.member.add Bob",
            "group.member.add Cleo",
            "group.member.update Cleo",
            "group.member.update Cleo",
            "group.member.expire Cleo"
        ]
    );
    assert_eq!(
        texts(&portal.app.db, "select cast(member_count as text) from groups").await,
        ["1"]
    );
    let gone = format!("{path}/members/{}/extension", cleo.id());
    assert_eq!(ann.post(&gone, &[]).await.status, 404);
    ann.get(&org.path(&format!("/members/{}", cleo.id())))
        .await
        .page(200)
        .assert_says("Time in group ended Red");
}

/// The last lead does not leave the group without one; whoever manages groups may.
#[actix_web::test]
async fn the_last_lead_stays_until_there_is_another() {
    let t = team().await;
    for act in ["lead/end", "removal"] {
        let path = t.red(&format!("/members/{}/{act}", t.bob.id()));
        let answer = t.bob.post(&path, &[]).await;
        assert_eq!(answer.status, 409, "{act}");
        assert!(answer.body.contains("You are the last lead of Red"), "{}", answer.body);
    }
    // A lead who cannot act is no other lead.
    lead(&t.portal, &t.org, t.red, &t.cleo).await;
    let path = t.org.path(&format!("/members/{}/suspension", t.cleo.id()));
    t.ann
        .post(&path, &[("reason", "")])
        .await
        .redirects_to("/o/acme/members");
    let path = t.red(&format!("/members/{}/lead/end", t.bob.id()));
    assert_eq!(t.bob.post(&path, &[]).await.status, 409);
    let path = t.org.path(&format!("/members/{}/suspension/end", t.cleo.id()));
    t.ann.post(&path, &[]).await.redirects_to("/o/acme/members");
    let path = t.red(&format!("/members/{}/lead/end", t.bob.id()));
    t.bob.post(&path, &[]).await.redirects_to(&t.red(""));
    assert_eq!(
        t.bob.get(&t.red("/members/new")).await.status,
        403,
        "a lead no more, at once"
    );
    assert_eq!(
        people(&t.bob, &t.org, t.red).await,
        ["Bob (you)", "Cleo"],
        "and still a member"
    );
    let path = t.red(&format!("/members/{}/lead/end", t.cleo.id()));
    t.ann.post(&path, &[]).await.redirects_to(&t.red(""));
    t.ann
        .get(&t.red(""))
        .await
        .page(200)
        .assert_says("Nobody leads this group.");
    assert_eq!(
        actions(&t.portal, &t.org, "group.lead").await,
        [
            "group.lead Bob",
            "group.lead Dan",
            "group.lead Cleo",
            "group.lead.end Bob",
            "group.lead.end Cleo"
        ]
    );
    let path = t.org.path("/groups?lead=none");
    assert_eq!(t.ann.get(&path).await.page(200).all(".c-main a"), ["Red"]);
}

/// F24: who is slower gets 409 with the present state and what they had typed, and nothing is lost.
#[actix_web::test]
async fn a_stale_form_is_refused_with_the_present_state() {
    let t = team().await;
    let old = t
        .ann
        .get(&t.red("/edit"))
        .await
        .page(200)
        .value("version")
        .expect("a version");
    t.bob
        .post(&t.red(""), &[("description", "Cables"), ("version", old.as_str())])
        .await
        .redirects_to(&t.red(""));
    let fields = [
        ("name", "Crimson"),
        ("kind", "project"),
        ("description", "Paint"),
        ("version", old.as_str()),
    ];
    let page = t.ann.post(&t.red(""), &fields).await.page(409);
    page.assert_says("Not saved.");
    page.assert_says("Someone else changed Red meanwhile.");
    page.assert_says("Paint");
    assert_eq!(page.value("description").as_deref(), Some("Cables"), "as it is now");
    for (path, fields) in [
        ("/cards", vec![("order", "members"), ("version", old.as_str())]),
        ("/deletion", vec![("confirm", "Red"), ("version", old.as_str())]),
    ] {
        assert_eq!(t.ann.post(&t.red(path), &fields).await.status, 409, "{path}");
    }
    let page = t.ann.get(&t.red("")).await.page(200);
    page.assert_heading("Red");
    page.assert_says("Cables");
    // Who belongs to it is no part of the version: two people may add others at the same time.
    let now = t
        .ann
        .get(&t.red("/edit"))
        .await
        .page(200)
        .value("version")
        .expect("a version");
    let dan = t.dan.id();
    t.bob
        .post(&t.red("/members"), &[("member", dan.as_str())])
        .await
        .redirects_to(&t.red(""));
    let fields = [
        ("name", "Crimson"),
        ("kind", "project"),
        ("description", "Paint"),
        ("version", now.as_str()),
    ];
    t.ann.post(&t.red(""), &fields).await.redirects_to(&t.red(""));
    let taken = [("name", " blue"), ("kind", "project"), ("description", "Paint")];
    let page = t.ann.post(&t.red(""), &taken).await.page(422);
    page.assert_says("There is a group named Blue already.");
}

/// R-GRP-09: the cards of a group's page, their order, and none of them; by arrows without a script.
#[actix_web::test]
async fn leads_choose_the_cards_of_their_page() {
    let t = team().await;
    let cards = async || t.bob.get(&t.red("")).await.page(200).all(".cards > section h2");
    assert_eq!(
        cards().await,
        [
            "About",
            "Leads",
            "Limits",
            "Spend",
            "Expiring soon",
            "Recently joined",
            "Pending invitations",
            "API keys",
            "Members"
        ]
    );
    let form = t.bob.get(&t.red("/cards")).await.page(200);
    let order = form.attributes("input[name=order]", "value");
    let version = form.value("version").expect("a version");
    let mut fields: Vec<(&str, &str)> = order.iter().map(|key| ("order", key.as_str())).collect();
    fields.extend(["leads", "joined", "members"].map(|key| ("show", key)));
    fields.extend([("version", version.as_str()), ("step", "members up")]);
    t.bob
        .post(&t.red("/cards"), &fields)
        .await
        .redirects_to(&t.red("/cards"));
    assert_eq!(cards().await, ["Leads", "Recently joined", "Members"]);
    let form = t.bob.get(&t.red("/cards")).await.page(200);
    assert_eq!(
        form.attributes("input[name=order]", "value"),
        [
            "about",
            "leads",
            "limits",
            "spend",
            "ending",
            "joined",
            "invitations",
            "members",
            "keys"
        ]
    );
    fields.retain(|(name, _)| *name == "order");
    t.ann.post(&t.red("/cards"), &fields).await.redirects_to(&t.red(""));
    t.cleo
        .get(&t.red(""))
        .await
        .page(200)
        .assert_says("Every card is hidden");
    // Cards about people are for those who care for them.
    let fields = [("order", "members"), ("show", "members")];
    t.ann.post(&t.red("/cards"), &fields).await.redirects_to(&t.red(""));
    let seen = t.cleo.get(&t.red("")).await.page(200).all(".cards > section h2");
    assert_eq!(seen, ["Members", "About", "Leads", "Recently joined"]);
    assert_eq!(actions(&t.portal, &t.org, "group.cards").await.len(), 3);
}

/// Deleting says what ends and what stays, wants the name, and leaves the people.
#[actix_web::test]
async fn a_group_is_deleted_and_its_people_stay() {
    let t = team().await;
    let page = t.ann.get(&t.red("/deletion")).await.page(200);
    page.assert_says("Ends now");
    page.assert_says("2 people’s places in it, 1 lead’s rights");
    let page = t.ann.post(&t.red("/deletion"), &[("confirm", "Rad")]).await.page(422);
    page.assert_says("Type Red to confirm.");
    assert_eq!(page.value("confirm").as_deref(), Some("Rad"));
    t.ann
        .post(&t.red("/deletion"), &[("confirm", "red")])
        .await
        .redirects_to("/o/acme/groups");
    assert_eq!(t.ann.get(&t.red("")).await.status, 404);
    assert_eq!(t.bob.get(&t.red("")).await.status, 403);
    t.ann.get(&t.org.path("/members")).await.page(200).assert_says("Cleo");
    assert_eq!(
        actions(&t.portal, &t.org, "group.").await.split_off(7),
        [
            "group.member.remove Bob",
            "group.member.remove Cleo",
            "group.delete Red"
        ]
    );
    let left = texts(&t.portal.app.db, "select cast(count(*) as text) from group_members").await;
    assert_eq!(left, ["1"], "Dan in Blue");
}

/// R-GRP-01, R-GRP-02: a person's page shows their groups as badges, adds and removes them.
#[actix_web::test]
async fn a_persons_page_shows_and_changes_their_groups() {
    let t = team().await;
    let here = t.org.path(&format!("/members/{}", t.cleo.id()));
    let blue = t.blue.to_string();
    t.ann
        .post(&format!("{here}/groups"), &[("group", blue.as_str())])
        .await
        .redirects_to(&here);
    let page = t.ann.get(&here).await.page(200);
    page.assert_says("Cleo is in Blue now.");
    assert_eq!(page.all("section[aria-labelledby=groups-h] a.tag"), ["Blue", "Red"]);
    assert_eq!(page.count("select[name=group]"), 0, "no group is left to choose");
    t.ann
        .post(&format!("{here}/groups"), &[("group", "")])
        .await
        .redirects_to(&here);
    t.ann.get(&here).await.page(200).assert_says("No group was chosen.");
    let remove = page
        .attribute("section[aria-labelledby=groups-h] li form", "action")
        .expect("a way out");
    t.ann.post(&remove, &[("to", "member")]).await.redirects_to(&here);
    let page = t.ann.get(&here).await.page(200);
    assert_eq!(page.all("section[aria-labelledby=groups-h] a.tag"), ["Red"]);
    page.assert_says("Cleo was removed from Blue.");
    // The lead of another group reads the badges and has no buttons.
    let page = t.dan.get(&here).await.page(200);
    page.assert_says("Red");
    assert_eq!(page.count("section[aria-labelledby=groups-h] form"), 0);
    assert_eq!(page.count("section[aria-labelledby=groups-h] a.tag"), 0);
}

/// R-GRP-08: where the organization allows it, a lead invites into the own group, as Member at most.
#[actix_web::test]
async fn leads_invite_into_their_group_where_that_is_allowed() {
    let t = team().await;
    let path = t.red("/invitations");
    let invite = [("email", "new@acme.example"), ("role", "member")];
    assert_eq!(t.bob.post(&path, &invite).await.status, 403, "off from the start");
    assert_eq!(t.bob.get(&path).await.status, 403);
    t.bob.get(&t.red("")).await.page(200).assert_silent("Invite");
    let rules = t.org.path("/groups/rules");
    t.ann
        .post(&rules, &[("leads_invite", "1")])
        .await
        .redirects_to("/o/acme/groups");
    let page = t.bob.get(&path).await.page(200);
    // A Viewer sees more than a lead who is a Member, and nobody gives more than they have.
    assert_eq!(page.all("select[name=role] option"), ["Member"]);
    for role in ["viewer", "developer", "manager", "administrator"] {
        let fields = [("email", "new@acme.example"), ("role", role)];
        assert_eq!(t.bob.post(&path, &fields).await.status, 403, "{role}");
    }
    let page = t
        .bob
        .post(&path, &[("email", "cleo@acme.example"), ("role", "member")])
        .await
        .page(422);
    page.assert_says("cleo@acme.example is a member of Acme already.");
    t.bob.post(&path, &invite).await.redirects_to(&path);
    t.bob.get(&t.red("")).await.page(200).assert_says("new@acme.example");
    assert_eq!(
        t.dan.post(&path, &invite).await.status,
        403,
        "the lead of another group"
    );
    assert_eq!(t.cleo.post(&path, &invite).await.status, 403, "a member of the group");
    // The right ends at the group: not the table of invitations, no other group, no link.
    assert_eq!(t.bob.get(&t.org.path("/invites")).await.status, 403);
    let direct = [("email", "more@acme.example"), ("role", "member")];
    assert_eq!(t.bob.post(&t.org.path("/invites"), &direct).await.status, 403);
    let invited = texts(
        &t.portal.app.db,
        "select i.email || ' ' || cast(i.role as text) || ' ' || g.name from invitations i
         join invitation_groups ig on ig.invitation_id = i.id join groups g on g.id = ig.group_id where i.org_id > 0",
    )
    .await;
    assert_eq!(invited, ["new@acme.example 30 Red"]);
    t.ann.post(&rules, &[]).await.redirects_to("/o/acme/groups");
    assert_eq!(t.bob.get(&path).await.status, 403, "off again");
    let changed = actions(&t.portal, &t.org, "organization.update").await;
    assert_eq!(changed.len(), 2);
}

/// In an archived organization everything can be read and nothing changed, by leads too.
#[actix_web::test]
async fn an_archived_organization_keeps_its_groups_as_they_are() {
    let t = team().await;
    raw(&t.portal.app.db, "update orgs set state = 2").await;
    for who in [&t.ann, &t.bob] {
        let page = who.get(&t.red("")).await.page(200);
        page.assert_silent("Add members");
        let dan = t.dan.id();
        let answer = who.post(&t.red("/members"), &[("member", dan.as_str())]).await;
        assert_eq!(answer.status, 409, "{}", answer.body);
    }
}

/// Many people through the import, who are in no group.
async fn import(portal: &Portal, org: &Org, size: usize) -> Vec<MemberId> {
    let now = portal.clock.now();
    let addresses: Vec<Address> = (0..size)
        .map(|n| Address::parse(&format!("p{n}@crowd.example")).expect("an address"))
        .collect();
    let accounts: Vec<_> = addresses
        .iter()
        .map(|email| NewAccount {
            email,
            name: "Pat Doe",
            password_hash: None,
            proof: Proof::None,
        })
        .collect();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let users = account::create_many(&mut tx, &portal.operator(), &accounts, now)
        .await
        .expect("accounts");
    let people = addresses
        .iter()
        .zip(users)
        .map(|(email, user)| Imported {
            expires_at: None,
            user,
            email: email.clone(),
            name: "Pat Doe".to_owned(),
            role: Role::Member,
            is_primary: true,
            joined_at: now,
            last_active_at: None,
            context_at: None,
            is_suspended: false,
            groups: Vec::new(),
        })
        .collect();
    let ids = member::join_many(&mut tx, &portal.operator(), org.id, people, now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    ids
}

/// Thousands at once: a few statements, one row in the record for each person, counts that hold.
#[actix_web::test]
async fn thousands_are_added_and_removed_with_a_few_statements() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let red = group(&portal, &org, "Red", &[]).await;
    let ids = import(&portal, &org, 3_000).await;
    let by = proof(&portal, &org).await;
    let (now, started, before) = (portal.clock.now(), Instant::now(), muster::db::statements_run());
    let mut tx = portal.app.db.write().await.unwrap();
    assert_eq!(groups::add_members(&mut tx, &by, red, &ids, now).await.unwrap(), 3_000);
    assert_eq!(groups::add_members(&mut tx, &by, red, &ids, now).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let statements = muster::db::statements_run() - before;
    println!("3,000 added in {:?} with {statements} statements", started.elapsed());
    assert!(statements < 60, "{statements} statements");
    let count = async || {
        texts(&portal.app.db, "select cast(member_count as text) from groups")
            .await
            .concat()
    };
    assert_eq!(count().await, "3000");
    assert_eq!(actions(&portal, &org, "group.member.add").await.len(), 3_000);
    let mut tx = portal.app.db.write().await.unwrap();
    let nobody = groups::remove_members(&mut tx, &by, red, &[ann.member.unwrap()], now)
        .await
        .unwrap();
    assert_eq!(nobody, 0, "who is not in it cannot leave it");
    let left = groups::remove_members(&mut tx, &by, red, &ids[..2_000], now)
        .await
        .unwrap();
    assert_eq!(left, 2_000);
    tx.commit().await.unwrap();
    assert_eq!(count().await, "1000");
    assert_eq!(actions(&portal, &org, "group.member.remove").await.len(), 2_000);
    let page = ann.get(&org.path(&format!("/groups/{red}"))).await.page(200);
    assert_eq!(page.count("tbody tr"), 50);
    page.assert_says("1–50 of 1,000");
}
