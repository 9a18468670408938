//! Import of members from files (R-DIR-10, B-05, F36, C26, C35).

use std::{io::Write as _, time::Instant};

use muster::{
    access::{self, Role, permission::GroupManage},
    audit, groups,
    ids::{GroupId, ImportId},
    mail::address::Address,
    members::addition::{self, NewPerson},
};
use tokio_util::sync::CancellationToken;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::support::{Answer, Org, Page, Portal, Someone, raw, spawn, spawn_with, texts};

async fn group(portal: &Portal, org: &Org, name: &str) -> GroupId {
    let by = access::inside::<GroupManage>(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the organization");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = groups::create(&mut tx, &by, name, groups::Kind::Team, portal.clock.now())
        .await
        .expect("a group");
    tx.commit().await.expect("a commit");
    id
}

/// Uploads a file; the path of its import.
async fn upload(who: &Someone, org: &Org, name: &str, bytes: &[u8]) -> String {
    let answer = who.upload(&org.path("/imports"), name, bytes).await;
    answer.redirects_to(&org.path("/imports/imp_"))
}

/// Checks an import with the columns as they were recognised; the page that tells what would become of each line.
async fn check(portal: &Portal, who: &Someone, path: &str, more: &[(&str, &str)]) -> Page {
    let columns = who.get(path).await.page(200);
    columns.assert_heading("What the columns hold");
    let chosen = columns.attributes("select[name=column] option[selected]", "value");
    let mut fields: Vec<(&str, &str)> = chosen.iter().map(|value| ("column", value.as_str())).collect();
    if columns.count("input[name=head][checked]") > 0 {
        fields.push(("head", "1"));
    }
    fields.extend_from_slice(more);
    who.post(&format!("{path}/check"), &fields).await.redirects_to(path);
    work(portal).await;
    who.get(path).await.page(200)
}

async fn run(portal: &Portal, who: &Someone, path: &str, bad: &str) -> Page {
    who.post(&format!("{path}/run"), &[("bad", bad)])
        .await
        .redirects_to(path);
    work(portal).await;
    who.get(path).await.page(200)
}

async fn work(portal: &Portal) {
    muster::imports::work::run_all(&portal.app, &CancellationToken::new())
        .await
        .expect("the worker");
}

async fn admin(portal: &Portal, org: &Org) -> Someone {
    portal.member(org, Role::Administrator, "ann").await
}

/// Everything that an import can change, as text.
async fn state(portal: &Portal) -> Vec<String> {
    let mut all = Vec::new();
    for text in [
        "select 'member ' || m.email_key || ' ' || cast(m.role as text) || ' ' || cast(m.source as text) from members m order by 1",
        "select 'invitation ' || email_key || ' ' || cast(state as text) from invitations order by 1",
        "select 'account ' || email_key from users order by 1",
        "select 'mail ' || cast(count(*) as text) from outbox",
        "select 'limit ' || cast(count(*) as text) from limit_policies",
        "select 'group ' || cast(count(*) as text) from group_members",
        "select 'audit ' || cast(count(*) as text) from audit where action not like 'authz%'",
    ] {
        all.extend(texts(&portal.app.db, text).await);
    }
    all
}

#[actix_web::test]
async fn people_are_invited_and_those_with_accounts_join_at_once() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    group(&portal, &org, "Research").await;
    portal.account("old@cedar.example").await;
    let csv = "E-mail;Name;Role;Groups;Daily limit;Monthly limit;Membership ends\r\n\
        new@cedar.example;New One;Manager;research;10;1,000;2027-03-31\r\n\
        old@cedar.example;Other Name;;Research;;unlimited;\r\n";
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    let before = state(&portal).await;
    let page = check(&portal, &ann, &path, &[("way", "invite"), ("role", "viewer")]).await;
    page.assert_says("2 people can be brought in");
    page.row("new@cedar.example").assert_cell("Outcome", "Will be invited");
    page.row("old@cedar.example").assert_cell("Outcome", "Will join");
    assert_eq!(state(&portal).await, before, "a check changes nothing");
    let page = run(&portal, &ann, &path, "skip").await;
    page.assert_says("1 person was invited and 1 person was added.");

    // The invited person has role, group, end and limits on the day of joining.
    assert_eq!(portal.mails_to("new@cedar.example").await, 1);
    let link = portal.mail_to("new@cedar.example").await.link();
    let guest = portal.anonymous();
    guest.follow(&link).await.page(200).assert_says("Manager");
    let form = guest.follow("/i").await.page(200);
    let csrf = form.value("csrf").expect("a token");
    let fields = [
        ("csrf", csrf.as_str()),
        ("name", "New One"),
        ("password", "seven green kettles whistle at dawn"),
    ];
    let joined = guest
        .send(guest.request(reqwest::Method::POST, "/i/accept").form(&fields))
        .await;
    assert_eq!(joined.status, 303, "{}", joined.body);
    let rows = texts(
        &portal.app.db,
        "select m.email_key || ' ' || cast(m.role as text) || ' ' || cast(m.expires_at is not null as text) || ' '
         || (select count(*) from group_members g where g.member_id = m.id) || ' '
         || coalesce((select string_agg(cast(p.period as text) || ':' || coalesce(cast(p.amount as text), 'all'), ',' order by p.period) from limit_policies p where p.scope = 5 and p.scope_id = m.id), '')
         from members m where m.email_key like '%cedar.example' order by m.email_key",
    )
    .await;
    let yes = if crate::support::is_postgres() { "true" } else { "1" };
    let no = if crate::support::is_postgres() { "false" } else { "0" };
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[0].starts_with(&format!("new@cedar.example 50 {yes} 1 ")),
        "{rows:?}"
    );
    assert!(
        rows[0].contains(":10000000") && rows[0].contains(":1000000000"),
        "{rows:?}"
    );
    assert!(
        rows[1].starts_with(&format!("old@cedar.example 20 {no} 1 ")),
        "{rows:?}"
    );
    assert!(rows[1].ends_with(":all"), "{rows:?}");
    // Each person has their rows in the record.
    let actions: Vec<String> = portal
        .audit(Some(&org))
        .await
        .into_iter()
        .map(|row| row.action)
        .collect();
    for action in ["import.run", "invitation.create", "member.create", "limit.set"] {
        assert!(actions.iter().any(|known| known == action), "{action} in {actions:?}");
    }
    assert_eq!(
        actions.iter().filter(|action| *action == "limit.set").count(),
        2,
        "{actions:?}"
    );
}

#[actix_web::test]
async fn accounts_are_made_and_end_as_one_that_was_added_by_hand() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let research = group(&portal, &org, "Research").await;
    let path = upload(
        &ann,
        &org,
        "people.csv",
        b"first name,last name,e-mail,role,group\nBo,Lee,bo@acme.example,Developer,Research\n",
    )
    .await;
    let page = check(&portal, &ann, &path, &[("way", "add"), ("role", "member")]).await;
    page.row("bo@acme.example")
        .assert_cell("Outcome", "Will get an account");
    run(&portal, &ann, &path, "none")
        .await
        .assert_says("1 person was added.");

    let by = access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("a proof");
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let new = NewPerson {
        email: Address::parse("cy@acme.example").expect("an address"),
        name: "Bo Lee".to_owned(),
        role: Role::Developer,
        groups: vec![research],
        until: None,
    };
    addition::add(&mut tx, &by, &portal.app.keys, new, portal.clock.now())
        .await
        .expect("added");
    tx.commit().await.expect("a commit");
    let facts = texts(
        &portal.app.db,
        "select m.name || '|' || cast(m.role as text) || '|' || cast(m.status as text) || '|' || cast(m.is_primary as text) || '|'
         || (select count(*) from group_members g where g.member_id = m.id) || '|' || (select count(*) from password_resets r where r.user_id = m.user_id)
         || '|' || (select count(*) from notifications n where n.user_id = m.user_id)
         from members m where m.email_key in ('bo@acme.example', 'cy@acme.example') order by m.id",
    )
    .await;
    assert_eq!(facts.len(), 2);
    assert_eq!(facts[0], facts[1]);
    let (imported, by_hand) = (
        portal.mail_to("bo@acme.example").await,
        portal.mail_to("cy@acme.example").await,
    );
    assert_eq!(imported.subject, by_hand.subject);
    portal
        .anonymous()
        .follow(&imported.link())
        .await
        .page(200)
        .assert_says("password");
}

#[actix_web::test]
async fn every_verdict_has_its_line_and_says_what_to_do() {
    let portal = spawn_with(|settings| settings.invites_pending = 3).await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    group(&portal, &org, "Research").await;
    portal.member(&org, Role::Member, "there@ok.example").await;
    ann.post(
        &org.path("/invites"),
        &[("email", "asked@ok.example"), ("role", "member")],
    )
    .await;
    let (gone, ..) = portal.account("gone@ok.example").await;
    raw(
        &portal.app.db,
        &format!("update users set state = 2 where id = {}", gone.raw()),
    )
    .await;
    let off = portal.member(&org, Role::Member, "off@ok.example").await;
    raw(
        &portal.app.db,
        &format!(
            "update members set status = 4 where id = {}",
            off.member.expect("a member").raw()
        ),
    )
    .await;
    let now = portal.clock.now().micros();
    for (email, reason) in [("no@ok.example", 1), ("back@ok.example", 2)] {
        let values = format!("('{email}', {}, {reason}, {now})", org.id.raw());
        raw(
            &portal.app.db,
            &format!("insert into invite_suppressions (email_key, org_id, reason, created_at) values {values}"),
        )
        .await;
    }
    raw(
        &portal.app.db,
        &format!(
            "insert into org_domains (org_id, domain) values ({}, 'ok.example')",
            org.id.raw()
        ),
    )
    .await;
    let csv = "email,role,groups,daily,monthly,until\n\
        one@ok.example,,,,,\n\
        ONE@ok.example,,,,,\n\
        there@ok.example,,,,,\n\
        asked@ok.example,,,,,\n\
        not an address,,,,,\n\
        a@elsewhere.example,,,,,\n\
        b@ok.example,Emperor,,,,\n\
        c@ok.example,,Nobody,,,\n\
        d@ok.example,,,ten,,\n\
        e@ok.example,,,100,10,\n\
        f@ok.example,,,,,31/03/2027\n\
        g@ok.example,,,,,2020-01-01\n\
        off@ok.example,,,,,\n\
        gone@ok.example,,,,,\n\
        no@ok.example,,,,,\n\
        back@ok.example,,,,,\n\
        two@ok.example,,,,,\n\
        three@ok.example,,,,,\n\
        ,Member,,,,\n";
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    let page = check(&portal, &ann, &path, &[("way", "invite"), ("role", "member")]).await;
    let rows = page.rows();
    let told: Vec<(String, String)> = rows
        .iter()
        .map(|row| (row.cell("Line").to_owned(), row.cell("Outcome").to_owned()))
        .collect();
    let wanted = [
        ("2", "Will be invited", ""),
        ("3", "Twice in the file", "line 2"),
        ("4", "Already a member", ""),
        ("5", "Already invited", ""),
        ("6", "No valid e-mail address", "not valid"),
        ("7", "Outside the allowed domains", "Use another address"),
        ("8", "Unknown role", "Write one of"),
        ("9", "Unknown group", "create the group first"),
        ("10", "Limit not readable", "ten"),
        ("11", "Limit not readable", "higher than the monthly"),
        ("12", "End not readable", "2027-03-31"),
        ("13", "End not readable", "later day"),
        ("14", "Disabled here", "contact"),
        ("15", "Account disabled", "contact"),
        ("16", "Wants no invitations", "Talk to the person"),
        ("17", "Mail came back", "spelling"),
        ("18", "Will be invited", ""),
        ("19", "Too many pending invitations", "Delete codes"),
        ("20", "No valid e-mail address", "Add one"),
    ];
    assert_eq!(told.len(), wanted.len(), "{told:?}");
    for ((line, outcome), (number, words, how)) in told.iter().zip(wanted) {
        assert_eq!(line, number);
        assert!(
            outcome.contains(words) && outcome.contains(how),
            "line {line}: {outcome} without {words}, {how}"
        );
    }
    // All or nothing is refused and keeps the choice; nothing changes.
    let before = state(&portal).await;
    let refused = ann.post(&format!("{path}/run"), &[("bad", "none")]).await.page(422);
    refused.assert_says("Some lines have to be mended first");
    assert_eq!(
        refused.attribute("input[name=bad][checked]", "value").as_deref(),
        Some("none")
    );
    assert_eq!(state(&portal).await, before);
    let page = run(&portal, &ann, &path, "skip").await;
    page.assert_says("2 people were invited.");
    ann.get(&format!("{path}?show=bad"))
        .await
        .page(200)
        .assert_silent("one@ok.example Invited");
}

#[actix_web::test]
async fn seats_count_for_lines_too() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    raw(
        &portal.app.db,
        &format!("insert into subscriptions (org_id, plan, seats, renews_on, reference, billing_contact) values ({}, '', 3, '', '', '')", org.id.raw()),
    )
    .await;
    let path = upload(
        &ann,
        &org,
        "people.csv",
        b"email,name\na@x.example,A\nb@x.example,B\nc@x.example,C\n",
    )
    .await;
    let page = check(&portal, &ann, &path, &[("way", "add"), ("role", "member")]).await;
    page.assert_says("2 people can be brought in");
    page.row("c@x.example").assert_cell("Outcome", "No seat left");
    run(&portal, &ann, &path, "skip")
        .await
        .assert_says("2 people were added.");
}

#[actix_web::test]
async fn all_or_nothing_stays_so_when_something_changes_after_the_check() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    for size in [20, 1_200] {
        let mut csv = "email,name\n".to_owned();
        for n in 0..size {
            csv.push_str(&format!("whole{size}-{n}@x.example,Whole {n}\n"));
        }
        let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
        check(&portal, &ann, &path, &[("way", "add"), ("role", "member")])
            .await
            .assert_says("people can be brought in");
        // The last person's account is closed between the check and the import.
        let (user, ..) = portal.account(&format!("whole{size}-{}@x.example", size - 1)).await;
        raw(
            &portal.app.db,
            &format!("update users set state = 2 where id = {}", user.raw()),
        )
        .await;
        let before = state(&portal).await;
        let page = run(&portal, &ann, &path, "none").await;
        page.assert_says("Nothing was changed. Since the check line");
        let mut after = state(&portal).await;
        if size > 500 {
            // The order itself, given in a request of its own, stays in the record.
            after.retain(|line| !line.starts_with("audit"));
            let before: Vec<_> = before.into_iter().filter(|line| !line.starts_with("audit")).collect();
            assert_eq!(after, before);
        } else {
            assert_eq!(after, before);
        }
        // It was judged again, and the others can still come.
        ann.get(&format!("{path}?show=bad"))
            .await
            .page(200)
            .row(&format!("whole{size}-{}@x.example", size - 1))
            .assert_cell("Outcome", "Account disabled");
        run(&portal, &ann, &path, "skip")
            .await
            .assert_says("people were added.");
    }
}

#[actix_web::test]
async fn custom_roles_are_given_by_their_names() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    for (name, permission) in [("Support", "audit.read"), ("Key desk", "key.manage")] {
        ann.post(&org.path("/roles"), &[("name", name), ("permission", permission)])
            .await
            .redirects_to(&org.path("/roles/rol_"));
    }
    let csv = "email,name,role\n\
               a@x.example,Ada,Viewer; support\n\
               b@x.example,Ben,KEY DESK | Support\n\
               c@x.example,Cleo,Viewer; Member\n\
               d@x.example,Dan,Suport\n";
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    let page = check(&portal, &ann, &path, &[("way", "add"), ("role", "member")]).await;
    page.assert_says("2 people can be brought in");
    page.assert_says("A member has one built-in role.");
    page.assert_says("There is no role “Suport” to begin with.");
    run(&portal, &ann, &path, "skip")
        .await
        .assert_says("2 people were added.");
    let held = texts(
        &portal.app.db,
        "select m.email_key || ' ' || cast(m.role as text) || ' ' || r.name from members m join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id order by 1",
    )
    .await;
    let (viewer, member) = (Role::Viewer as i64, Role::Member as i64);
    assert_eq!(
        held,
        [
            format!("a@x.example {viewer} Support"),
            format!("b@x.example {member} Key desk"),
            format!("b@x.example {member} Support"),
        ]
    );
    // Each is recorded as if it had been given by hand.
    let given = "select count(*) from audit where action = 'member.role.change' and after like '%additional_roles%'";
    assert_eq!(portal.number(given).await, 2);

    // Whoever is only invited cannot hold one yet.
    let path = upload(&ann, &org, "guests.csv", b"email,role\ne@x.example,Support\n").await;
    check(&portal, &ann, &path, &[("way", "invite"), ("role", "member")])
        .await
        .assert_says("A custom role is given to members, and this person is only invited.");
    // Nor gives somebody what they may not do themselves.
    let max = portal.member(&org, Role::Manager, "max").await;
    let path = upload(&max, &org, "more.csv", b"email,name,role\nf@x.example,Fay,Key desk\n").await;
    check(&portal, &max, &path, &[("way", "invite"), ("role", "member")])
        .await
        .assert_says("You may not give the role Key desk.");
}

#[actix_web::test]
async fn all_or_nothing_of_many_lines_takes_everyone_back_or_tells_everyone() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let (_, max, _) = portal.account("max").await;
    portal.post().await;
    let mut csv = format!("email,name,monthly limit\n{},Max,20\n", max.display());
    for n in 1..1_200 {
        csv.push_str(&format!("all{n}@x.example,All {n},\n"));
    }
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    let id: ImportId = path.rsplit('/').next().expect("an id").parse().expect("an id");
    let begin = async || {
        let columns = [("column", "email"), ("column", "name"), ("column", "monthly")];
        let mut fields = vec![("head", "1"), ("way", "add"), ("role", "member")];
        fields.extend(columns);
        ann.post(&format!("{path}/check"), &fields).await.redirects_to(&path);
        work(&portal).await;
        let page = ann.get(&path).await.page(200);
        page.assert_says("1,200 people can be brought in");
        ann.post(&format!("{path}/run"), &[("bad", "none")])
            .await
            .redirects_to(&path);
    };
    let once = async || {
        muster::imports::work::run_once(&portal.app, org.id, id)
            .await
            .expect("a part");
        ann.get(&path).await.page(200)
    };
    let live = "select count(*) from members where source = 4 and status < 5";
    let unsent = "select count(*) from outbox where state in (1, 3)";
    let told = "select count(*) from notifications where subject like 'You were added%'";
    for stopped in [false, true] {
        begin().await;
        once().await.assert_says("Checking all lines once more");
        assert_eq!(portal.number(live).await, 0);
        once().await;
        once().await;
        once().await.assert_says("Bringing people in");
        assert_eq!(portal.number(live).await, 1_000);
        // Nobody hears of what may be taken back.
        portal.post().await;
        assert_eq!(portal.number(unsent).await, 1_000);
        let why = if stopped {
            ann.post(&format!("{path}/stop"), &[]).await.redirects_to(&path);
            "Stopped by"
        } else {
            let (user, ..) = portal.account("all1199@x.example").await;
            let closed = format!("update users set state = 2 where id = {}", user.raw());
            raw(&portal.app.db, &closed).await;
            once().await;
            "Since the check line 1,201 has become impossible"
        };
        let page = ann.get(&path).await.page(200);
        page.assert_says("Taking everyone back who has come in");
        page.assert_says(why);
        assert_eq!(page.count("#stop"), 0);
        work(&portal).await;
        let page = ann.get(&path).await.page(200);
        page.assert_says("Nobody was brought in: everyone who had come was taken back.");
        page.assert_says(why);
        assert_eq!(portal.number(live).await, 0);
        assert_eq!(portal.number(unsent).await, 0);
        assert_eq!(portal.number(told).await, 0);
        let mails = "select count(*) from outbox where state = 6";
        assert_eq!(portal.number(mails).await, if stopped { 2_000 } else { 1_000 });
        raw(&portal.app.db, "update users set state = 1").await;
    }
    let kept = "select count(*) from member_counts c where c.n <> (select count(*) from members m where m.org_id = c.org_id and m.role = c.role and m.status = c.status)";
    assert_eq!(portal.number(kept).await, 0, "the kept counts differ from the rows");
    let removed = "select count(*) from audit where action = 'member.remove'";
    assert_eq!(portal.number(removed).await, 2_000);
    begin().await;
    work(&portal).await;
    let page = ann.get(&path).await.page(200);
    page.assert_says("1,200 people were added.");
    assert_eq!(portal.number(live).await, 1_200);
    assert_eq!(portal.number(told).await, 1_200);
    portal.post().await;
    assert_eq!(
        portal.number("select count(*) from outbox where state = 5").await,
        1_200
    );
    let walked = audit::verify(&mut portal.app.db.read(), &portal.app.keys, &[]).await;
    assert_eq!(walked.expect("a walk").faults, Vec::<String>::new());
}

#[actix_web::test]
async fn invitations_of_a_whole_that_fails_are_taken_back() {
    let portal = spawn_with(|settings| settings.invites_pending = 5_000).await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let mut csv = "email\n".to_owned();
    for n in 0..1_100 {
        csv.push_str(&format!("guest{n}@x.example\n"));
    }
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    let id: ImportId = path.rsplit('/').next().expect("an id").parse().expect("an id");
    check(&portal, &ann, &path, &[("way", "invite"), ("role", "member")])
        .await
        .assert_says("1,100 people can be brought in");
    ann.post(&format!("{path}/run"), &[("bad", "none")])
        .await
        .redirects_to(&path);
    for _ in 0..3 {
        muster::imports::work::run_once(&portal.app, org.id, id)
            .await
            .expect("a part");
    }
    let open = "select count(*) from invitations where state = 1";
    assert_eq!(portal.number(open).await, 500);
    let fields = [("email", "guest1099@x.example"), ("role", "viewer")];
    ann.post(&org.path("/invites"), &fields).await.redirects_to("");
    ann.post(&format!("{path}/stop"), &[]).await.redirects_to(&path);
    work(&portal).await;
    ann.get(&path)
        .await
        .page(200)
        .assert_says("everyone who had come was taken back");
    // The one that somebody sent by hand meanwhile stays.
    assert_eq!(portal.number(open).await, 1);
    assert_eq!(
        portal.number("select count(*) from outbox where state in (1, 3)").await,
        1
    );
    let deleted = "select count(*) from audit where action = 'invitation.revoke'";
    assert_eq!(portal.number(deleted).await, 500);
}

#[actix_web::test]
async fn many_lines_go_in_parts_and_can_be_stopped() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let mut csv = "email,name\n".to_owned();
    for n in 0..1_300 {
        csv.push_str(&format!("part{n}@x.example,Part {n}\n"));
    }
    csv.push_str("broken,Nobody\n");
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    check(&portal, &ann, &path, &[("way", "add"), ("role", "member")]).await;
    ann.post(&format!("{path}/run"), &[("bad", "skip")])
        .await
        .redirects_to(&path);
    let id: ImportId = path.rsplit('/').next().expect("an id").parse().expect("an id");
    muster::imports::work::run_once(&portal.app, org.id, id)
        .await
        .expect("a part");
    let page = ann.get(&path).await.page(200);
    page.assert_says("500 of 1,301 lines");
    assert!(ann.htmx_get(&path).await.body.contains("hx-trigger=\"every 2s\""));
    ann.post(&format!("{path}/stop"), &[]).await.redirects_to(&path);
    let page = ann.get(&path).await.page(200);
    page.assert_says("500 people were added. Not all lines were reached.");
    page.assert_says("Stopped by");
    assert!(!ann.htmx_get(&path).await.body.contains("hx-trigger"));
    assert_eq!(
        portal.number("select count(*) from members where source = 4").await,
        500
    );
    let last = ann.get(&format!("{path}?after=1295")).await.page(200);
    last.row("part1299@x.example").assert_cell("Outcome", "Not reached");
}

#[actix_web::test]
async fn who_loses_the_right_brings_nobody_in() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    admin(&portal, &org).await;
    let ben = portal.member(&org, Role::Administrator, "ben").await;
    let mut csv = "email,name\n".to_owned();
    for n in 0..600 {
        csv.push_str(&format!("late{n}@x.example,Late {n}\n"));
    }
    let path = upload(&ben, &org, "people.csv", csv.as_bytes()).await;
    check(&portal, &ben, &path, &[("way", "add"), ("role", "member")]).await;
    ben.post(&format!("{path}/run"), &[("bad", "skip")])
        .await
        .redirects_to(&path);
    raw(
        &portal.app.db,
        &format!("update members set role = 20 where user_id = {}", ben.user.raw()),
    )
    .await;
    work(&portal).await;
    assert_eq!(portal.number("select count(*) from members where source = 4").await, 0);
    assert_eq!(portal.number("select count(*) from imports where state = 7").await, 1);
}

#[actix_web::test]
async fn an_import_is_its_makers_alone_and_forgotten_after_a_day() {
    let portal = spawn().await;
    let (org, other) = (portal.org("Acme").await, portal.org("Cedar").await);
    let ann = admin(&portal, &org).await;
    let ben = portal.member(&org, Role::Administrator, "ben").await;
    let path = upload(&ann, &org, "people.csv", b"email\na@x.example\n").await;
    let id = path.rsplit('/').next().expect("an id");
    portal.account("ann").await;
    let elsewhere = portal.member(&other, Role::Administrator, "ann").await;
    for rest in ["", "/columns", "/errors.csv"] {
        ben.get(&format!("{path}{rest}")).await.page(404);
        elsewhere
            .get(&other.path(&format!("/imports/{id}{rest}")))
            .await
            .page(404);
    }
    for rest in ["/check", "/run", "/stop", "/deletion"] {
        let answer = ben.post(&format!("{path}{rest}"), &[("column", "email")]).await;
        assert_eq!(answer.status, 404, "{rest}");
    }
    ann.get(&path).await.page(200);
    portal.clock.advance(std::time::Duration::from_secs(25 * 3_600));
    muster::jobs::tidy(&portal.app).await.expect("tidied");
    assert_eq!(portal.number("select count(*) from imports").await, 0);
    assert_eq!(portal.number("select count(*) from import_rows").await, 0);
}

#[actix_web::test]
async fn managers_invite_below_their_rank_and_members_nobody() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    admin(&portal, &org).await;
    portal.account("old@x.example").await;
    let mia = portal.member(&org, Role::Manager, "mia").await;
    let csv = b"email,role,monthly limit\na@x.example,Org Admin,\nb@x.example,Manager,\nold@x.example,Member,\ndee@x.example,,10\n";
    let path = upload(&mia, &org, "people.csv", csv).await;
    let page = check(&portal, &mia, &path, &[("way", "invite"), ("role", "member")]).await;
    page.row("a@x.example").assert_cell("Outcome", "Role above your own");
    page.row("b@x.example").assert_cell("Outcome", "Role above your own");
    // Whoever may not add members invites people with accounts too.
    page.row("old@x.example").assert_cell("Outcome", "Will be invited");
    page.row("dee@x.example")
        .assert_cell("Outcome", "Limit not yours to set");
    let refused = mia
        .post(
            &format!("{path}/check"),
            &[("head", "1"), ("column", "email"), ("way", "add")],
        )
        .await;
    refused
        .page(422)
        .assert_says("does not allow you to add people directly");
    let member = portal.member(&org, Role::Member, "mo").await;
    member.get(&org.path("/imports/new")).await.page(403);
    member
        .upload(&org.path("/imports"), "x.csv", b"email\nx@x.example")
        .await
        .page(403);
    // What is said of the columns is asked back with everything kept.
    let none = mia
        .post(
            &format!("{path}/check"),
            &[("head", "1"), ("column", ""), ("column", "role")],
        )
        .await
        .page(422);
    none.assert_says("Choose the column with the e-mail addresses");
    assert_eq!(
        none.attributes("select[name=column] option[selected]", "value"),
        ["", "role", ""]
    );
}

#[actix_web::test]
async fn cve_c26_formula_lines_to_mend_are_safe_in_a_spreadsheet() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let leads = [
        "=", "+", "-", "@", "|", "%", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}",
    ];
    let mut csv = "email,=cmd|' /C calc'!A0\n".to_owned();
    for lead in leads {
        csv.push_str(&format!("{lead}1+1,{lead}HYPERLINK(1)\n"));
    }
    let path = upload(&ann, &org, "people.csv", csv.as_bytes()).await;
    check(&portal, &ann, &path, &[("way", "invite"), ("role", "member")]).await;
    let file = ann.get(&format!("{path}/errors.csv")).await;
    assert_eq!(file.status, 200);
    assert!(file.header("content-disposition").contains("lines-to-mend.csv"));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file.body.trim_start_matches('\u{feff}').as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(|record| record.expect("a record")).collect();
    assert_eq!(records.len(), leads.len() + 1);
    assert_eq!(&records[0][0], "Line");
    assert!(records[0][3].starts_with("'="), "{:?}", records[0]);
    for (number, record) in records.iter().skip(1).enumerate() {
        assert_eq!(record[0], (number + 2).to_string());
        assert!(!record[1].is_empty());
        assert!(record[2].starts_with('\'') && record[3].starts_with('\''), "{record:?}");
    }
}

/// A workbook out of the parts that differ: the texts, the sheet, and what else is to be in it.
fn workbook(texts: &str, sheet: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let parts: [(&str, String); 6] = [
        ("[Content_Types].xml", "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>".to_owned()),
        ("_rels/.rels", "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>".to_owned()),
        ("xl/workbook.xml", "<?xml version=\"1.0\"?><workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"People\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>".to_owned()),
        ("xl/_rels/workbook.xml.rels", "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>".to_owned()),
        ("xl/sharedStrings.xml", texts.to_owned()),
        ("xl/worksheets/sheet1.xml", sheet.to_owned()),
    ];
    for (name, text) in parts.iter().filter(|(_, text)| !text.is_empty()) {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(text.as_bytes()).expect("its bytes");
    }
    for (name, bytes) in more {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("an archive").into_inner()
}

fn strings(list: &[&str]) -> String {
    let items: String = list.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    format!(
        "<?xml version=\"1.0\"?><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" count=\"{0}\" uniqueCount=\"{0}\">{items}</sst>",
        list.len()
    )
}

fn rows(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{inner}</sheetData></worksheet>"
    )
}

#[actix_web::test]
async fn a_workbook_is_read_with_the_values_of_its_formulas() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let sheet = rows(
        "<row r=\"2\"><c r=\"A2\" t=\"s\"><v>0</v></c><c r=\"B2\" t=\"s\"><v>1</v></c><c r=\"D2\" t=\"s\"><v>2</v></c></row>\
         <row r=\"5\"><c r=\"A5\" t=\"str\"><f>CONCAT(\"a\",\"@x.example\")</f><v>a@x.example</v></c><c r=\"B5\" t=\"inlineStr\"><is><t>Ann A.</t></is></c><c r=\"D5\"><v>1500</v></c></row>\
         <row r=\"9\"><c r=\"A9\" t=\"e\"><f>NA()</f><v>#N/A</v></c></row>",
    );
    // The name says CSV; what it holds decides.
    let path = upload(
        &ann,
        &org,
        "people.csv",
        &workbook(&strings(&["email", "name", "monthly limit"]), &sheet, &[]),
    )
    .await;
    let page = check(&portal, &ann, &path, &[("way", "add"), ("role", "member")]).await;
    let row = page.row("a@x.example");
    row.assert_cell("Line", "5");
    row.assert_cell("Outcome", "Will get an account");
    page.row("#N/A").assert_cell("Line", "9");
    run(&portal, &ann, &path, "skip")
        .await
        .assert_says("1 person was added.");
    assert_eq!(
        portal
            .number("select cast(amount as bigint) from limit_policies where scope = 5")
            .await,
        1_500_000_000
    );
}

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).expect("a number").parse().expect("a number");
    pages * 4_096
}

/// The most that is resident while something runs.
async fn peak<T>(act: impl Future<Output = T>) -> (T, u64) {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    };
    let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let before = resident();
    let watcher = std::thread::spawn({
        let (most, over) = (Arc::clone(&most), Arc::clone(&over));
        move || {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
    });
    let made = act.await;
    over.store(true, Ordering::Relaxed);
    watcher.join().expect("the watcher");
    (made, most.load(Ordering::Relaxed).saturating_sub(before))
}

#[actix_web::test]
async fn cve_c35_bombs_are_refused_soon_and_cost_little() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let fine = rows("<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a@x.example</t></is></c></row>");
    let zeros = vec![b' '; 400 << 20];
    let million = strings(&vec!["x"; 1_000_000]);
    let entity = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\"><!ENTITY b \"&a;&a;\">]><sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><si><t>&b;</t></si></sst>";
    let promise = strings(&["x"]).replace("uniqueCount=\"1\"", "uniqueCount=\"99999999999\"");
    let spread = format!(
        "{}{}",
        "<row r=\"1048576\"><c r=\"XFD1048576\" t=\"s\"><v>0</v></c></row>",
        "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>"
    );
    let long = "x".repeat(4_000);
    let mut repeated = String::new();
    for row in 1..=20_000 {
        repeated.push_str(&format!("<row r=\"{row}\"><c t=\"s\"><v>0</v></c></row>"));
    }
    let mut parts: Vec<(String, Vec<u8>)> = (0..3_000)
        .map(|n| (format!("xl/part{n}.xml"), b"<x/>".to_vec()))
        .collect();
    parts.push(("xl/last.xml".to_owned(), Vec::new()));
    let many: Vec<(&str, &[u8])> = parts
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        (
            "zeros in the sheet",
            workbook(&strings(&["x"]), &fine, &[("xl/worksheets/sheet2.xml", &zeros)]),
        ),
        ("a million texts", workbook(&million, &fine, &[])),
        ("an entity", workbook(entity, &fine, &[])),
        ("a promise of texts", workbook(&promise, &fine, &[])),
        (
            "the last cell of a sheet",
            workbook(&strings(&["x"]), &rows(&spread), &[]),
        ),
        (
            "one text in many cells",
            workbook(&strings(&[&long]), &rows(&repeated), &[]),
        ),
        ("three thousand parts", workbook(&strings(&["x"]), &fine, &many)),
        (
            "an archive in an archive",
            workbook("", "", &[("inner.zip", &workbook(&strings(&["x"]), &fine, &[]))]),
        ),
    ];
    drop((zeros, million));
    let before = state(&portal).await;
    for (what, bytes) in bombs {
        let started = Instant::now();
        let (answer, grown): (Answer, u64) = peak(ann.upload(&org.path("/imports"), "bomb.xlsx", &bytes)).await;
        let took = started.elapsed();
        println!(
            "{what}: {} bytes, {} in {took:?}, {} MiB more",
            bytes.len(),
            answer.status,
            grown >> 20
        );
        if what == "an archive in an archive" {
            // Without a sheet there is nothing to read; a workbook part is there, so it is called damaged.
            answer.page(400);
        } else {
            assert!(matches!(answer.status, 400 | 413), "{what}: {}", answer.status);
        }
        // Debug builds on a busy machine get more time than the second of the specification.
        assert!(took.as_secs() < 8, "{what} took {took:?}");
        assert!(grown < 64 << 20, "{what}: {} MiB more", grown >> 20);
    }
    assert_eq!(state(&portal).await, before);
    assert_eq!(portal.number("select count(*) from imports where state <> 8").await, 0);
}

#[actix_web::test]
async fn fault_f36_malformed_files_are_refused_or_read_with_their_line_numbers() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let book = |sheet: &str| workbook(&strings(&["email", "a@x.example"]), &rows(sheet), &[]);
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        let mut bytes = if big { vec![0xfe, 0xff] } else { vec![0xff, 0xfe] };
        for unit in text.encode_utf16() {
            bytes.extend(if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
        }
        bytes
    };
    let good = "<row r=\"1\"><c t=\"s\"><v>0</v></c></row><row r=\"2\"><c t=\"s\"><v>1</v></c></row>";
    let table = "email,name\na@x.example,Ann\n";
    let mut truncated = book(good);
    truncated.truncate(truncated.len() / 2);
    let mut flipped = book(good);
    let middle = flipped.len() / 3;
    flipped[middle..middle + 20].fill(0xAA);
    let not = |bytes: &[u8]| bytes.to_vec();
    // What the file is; its bytes; the status (303: it is taken) and words that the refusal says.
    let files: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", vec![], 422, "Choose a file"),
        ("one line end", not(b"\n"), 400, "holds no lines"),
        ("blank lines", not(b"\n\r\n\r  \n,,,\n"), 400, "holds no lines"),
        ("a mark alone", not(b"\xef\xbb\xbf"), 400, "holds no lines"),
        ("a UTF-16 mark alone", not(b"\xff\xfe"), 400, "holds no lines"),
        ("half a UTF-16 unit", not(b"\xff\xfea\0,"), 400, "Line 1"),
        ("a lone surrogate", not(b"\xff\xfea\0\x00\xd8b\0"), 400, "Line 1"),
        (
            "UTF-8 mark and other bytes",
            not(b"\xef\xbb\xbfemail\na\xff@x.example"),
            400,
            "Line 2",
        ),
        (
            "NUL",
            not(b"email\na@x.example\0\n"),
            400,
            "Line 2 holds control characters",
        ),
        (
            "UTF-16 without a mark",
            utf16(table, false)[2..].to_vec(),
            400,
            "Line 1 holds control characters",
        ),
        ("UTF-32", not(b"\xff\xfe\0\0e\0\0\0"), 400, "control characters"),
        ("escape characters", not(b"email\n\x1b[31ma@x.example\n"), 400, "Line 2"),
        ("a PNG", crate::support::png(10, 10), 400, "no table"),
        ("a PDF", not(b"%PDF-1.7\n"), 400, "no table"),
        (
            "an old workbook",
            not(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
            400,
            "old format",
        ),
        (
            "a program",
            not(b"\x7fELF\x02\x01\x01\0\0\0\0"),
            400,
            "control characters",
        ),
        ("gzip", not(b"\x1f\x8b\x08\0\0\0\0\0"), 400, "control characters"),
        (
            "an open quotation mark",
            not(b"email\na@x.example\n\"b@x.example\nc@x.example\n"),
            400,
            "Line 3",
        ),
        ("65 columns", vec!["x"; 65].join(",").into_bytes(), 413, "64 columns"),
        (
            "a million columns",
            vec!["x"; 1_000_000].join(",").into_bytes(),
            413,
            "64 columns",
        ),
        (
            "a long cell",
            format!("email\n{}", "x".repeat(5_000)).into_bytes(),
            413,
            "Line 2, column 1",
        ),
        (
            "a long line without an end",
            vec![b'x'; 1 << 20],
            413,
            "4,096 characters",
        ),
        (
            "too many lines",
            "a@x.example\n".repeat(100_002).into_bytes(),
            413,
            "100,000 lines",
        ),
        ("too many bytes", vec![b'x'; (16 << 20) + 1], 413, "16 MB"),
        (
            "an empty archive",
            not(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            400,
            "archive without a workbook",
        ),
        ("PK and nothing", not(b"PK\x03\x04"), 400, "damaged"),
        (
            "PK and noise",
            [b"PK\x03\x04".to_vec(), vec![0x5a; 5_000]].concat(),
            400,
            "damaged",
        ),
        ("half a workbook", truncated, 400, "damaged"),
        ("a workbook with flipped bytes", flipped, 400, "damaged"),
        ("a workbook without sheets", workbook("", "", &[]), 400, "damaged"),
        (
            "a sheet without an end",
            workbook(&strings(&["a"]), "<worksheet><sheetData><row r=\"1\"><c><v>1", &[]),
            400,
            "damaged",
        ),
        (
            "a sheet that is no XML",
            workbook(&strings(&["a"]), "email,name", &[]),
            400,
            "damaged",
        ),
        (
            "a text that is not there",
            book("<row r=\"1\"><c t=\"s\"><v>99</v></c></row>"),
            400,
            "damaged",
        ),
        (
            "an impossible cell",
            book("<row r=\"1\"><c r=\"!!\" t=\"s\"><v>0</v></c></row>"),
            400,
            "damaged",
        ),
        (
            "an impossible row",
            book("<row r=\"99999999999999999999\"><c t=\"s\"><v>0</v></c></row>"),
            400,
            "damaged",
        ),
        (
            "a cell far to the right",
            book("<row r=\"1\"><c r=\"XFD1\" t=\"s\"><v>0</v></c></row>"),
            413,
            "64 columns",
        ),
        ("an empty sheet", book(""), 400, "holds no lines"),
        (
            "empty cells",
            book("<row r=\"1\"><c r=\"A1\"/></row>"),
            400,
            "holds no lines",
        ),
        (
            "an OpenDocument file",
            workbook(
                "",
                "",
                &[("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")],
            ),
            400,
            "another kind",
        ),
        (
            "another archive",
            {
                let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
                zip.start_file("a.txt", SimpleFileOptions::default()).expect("a part");
                zip.write_all(b"a@x.example").expect("bytes");
                zip.finish().expect("an archive").into_inner()
            },
            400,
            "without a workbook",
        ),
        // What looks odd and is a table.
        ("LF", not(table.as_bytes()), 303, "2"),
        ("CRLF", table.replace('\n', "\r\n").into_bytes(), 303, "2"),
        ("CR", table.replace('\n', "\r").into_bytes(), 303, "2"),
        (
            "mixed ends",
            not(b"email,name\r\na@x.example,Ann\rb@x.example,Bo\n"),
            303,
            "2",
        ),
        ("no end", not(table.trim_end().as_bytes()), 303, "2"),
        ("a mark", format!("\u{feff}{table}").into_bytes(), 303, "2"),
        ("UTF-16 little", utf16(table, false), 303, "2"),
        ("UTF-16 big", utf16(table, true), 303, "2"),
        ("Windows-1252", not(b"email;name\na@x.example;Zo\xeb\n"), 303, "2"),
        ("tabs", table.replace(',', "\t").into_bytes(), 303, "2"),
        ("semicolons", table.replace(',', ";").into_bytes(), 303, "2"),
        ("bars", table.replace(',', "|").into_bytes(), 303, "2"),
        ("sep=", not(b"sep=;\nemail;name\na@x.example;Ann\n"), 303, "3"),
        ("blank lines before", not(b"\n\n\nemail\n\na@x.example\n"), 303, "6"),
        ("quoted ends", not(b"email,name\na@x.example,\"An\nn\"\n"), 303, "2"),
        (
            "quotes within",
            not(b"email,name\na@x.example,\"An \"\"The\"\" n\"\n"),
            303,
            "2",
        ),
        (
            "a quote in the middle",
            not(b"email,name\na@x.example,5\" Ann\n"),
            303,
            "2",
        ),
        (
            "ragged lines",
            not(b"email,name,role\na@x.example\nb@x.example,Bo,Member,x,y\n"),
            303,
            "2",
        ),
        ("DOS end", not(b"email\na@x.example\n\x1a"), 303, "2"),
        ("no head", not(b"Ann,a@x.example\n"), 303, "1"),
        ("a workbook", book(good), 303, "2"),
        (
            "a workbook without row numbers",
            book("<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>1</v></c></row>"),
            303,
            "2",
        ),
        ("a workbook with prefixes", book(good), 303, "2"),
    ];
    assert!(files.len() >= 60, "{} files", files.len());
    let before = state(&portal).await;
    let mut wrong = Vec::new();
    for (what, bytes, status, words) in files {
        let started = Instant::now();
        let answer = ann.upload(&org.path("/imports"), "people.csv", &bytes).await;
        let took = started.elapsed();
        let page = Page::parse(&answer.body);
        if answer.status != status || took.as_secs() >= 20 {
            wrong.push(format!("{what}: {} in {took:?}: {}", answer.status, page.text()));
            continue;
        }
        if status != 303 {
            if !page.text().contains(words) || page.count("form[enctype]") != 1 {
                wrong.push(format!("{what}: {}", page.text()));
            }
            continue;
        }
        let path = answer.location().expect("a location");
        let page = check(&portal, &ann, &path, &[("way", "invite"), ("role", "member")]).await;
        let line = page.find_row("a@x.example").map(|row| row.cell("Line").to_owned());
        if line.as_deref() != Some(words) {
            wrong.push(format!("{what}: line {line:?}: {}", page.text()));
        }
        ann.post(&format!("{path}/deletion"), &[])
            .await
            .redirects_to(&org.path("/imports/new"));
    }
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(state(&portal).await, before);
}

#[actix_web::test]
async fn pasted_text_comes_back_when_it_is_refused() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = admin(&portal, &org).await;
    let answer = ann
        .post(&org.path("/imports"), &[("text", "email,name\n\"open,Ann\nb")])
        .await
        .page(400);
    answer.assert_says("Line 2");
    assert!(answer.first("textarea#text").contains("\"open,Ann"));
    ann.post(&org.path("/imports"), &[("text", "")])
        .await
        .page(422)
        .assert_says("Choose a file, or paste");
    let path = ann
        .post(&org.path("/imports"), &[("text", "email\nx@x.example")])
        .await
        .redirects_to(&org.path("/imports/imp_"));
    ann.get(&path).await.page(200).assert_says("Pasted text");
    let no_token = ann
        .send(
            ann.request(reqwest::Method::POST, &org.path("/imports"))
                .form(&[("text", "email")]),
        )
        .await;
    assert_eq!(no_token.status, 403);
}
