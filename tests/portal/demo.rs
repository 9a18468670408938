//! The demonstration: who is there, that the record holds, that each run makes the same, and that the bulk path keeps every count.

use std::collections::BTreeSet;

use muster::{
    access::{EnterpriseRole, Role},
    audit,
    db::Db,
    demo::{
        PASSWORD, SignIn,
        crowd::{self, Size, Step},
        history,
    },
};
use reqwest::Method;

use crate::support::{Page, Portal, is_postgres, spawn};

/// The one column of each row, as text.
async fn lines(portal: &Portal, text: &'static str) -> Vec<String> {
    let found = match &portal.app.db {
        Db::Sqlite { read, .. } => sqlx::query_scalar(text).fetch_all(read).await,
        Db::Postgres(pool) => sqlx::query_scalar(text).fetch_all(pool).await,
    };
    found.unwrap_or_else(|error| panic!("{text}: {error}"))
}

async fn assert_none(portal: &Portal, text: &'static str) {
    assert_eq!(lines(portal, text).await, Vec::<String>::new(), "{text}");
}

async fn hash(portal: &Portal) -> String {
    portal.app.hasher.hash(PASSWORD).await.expect("a hash")
}

async fn small() -> (Portal, Vec<SignIn>) {
    let portal = spawn().await;
    let hash = hash(&portal).await;
    let now = portal.clock.now();
    let sign_ins = history::fill(&portal.app.db, &portal.app.keys, &hash, now)
        .await
        .expect("the history");
    (portal, sign_ins)
}

async fn large(members: u32, organizations: u32) -> (Portal, Vec<SignIn>) {
    let portal = spawn().await;
    let hash = hash(&portal).await;
    let size = Size { members, organizations };
    let (mut arrived, mut analyzed) = (0, 0);
    let progress = |step| match step {
        Step::Arrived(count) => arrived += count,
        Step::Analyzing => analyzed += 1,
    };
    let now = portal.clock.now();
    let sign_ins = crowd::fill(&portal.app.db, &portal.app.keys, size, &hash, now, progress)
        .await
        .expect("the crowd");
    assert_eq!((arrived, analyzed), (members as usize, 1));
    (portal, sign_ins)
}

/// What lists and limits are read from agrees with the rows it counts.
async fn assert_counts_agree(portal: &Portal) {
    assert_none(
        portal,
        "select cast(c.org_id as text) from member_counts c where c.n <> (select count(*) from members m
         where m.org_id = c.org_id and m.role = c.role and m.status = c.status)",
    )
    .await;
    assert_eq!(
        portal.number("select cast(sum(n) as bigint) from member_counts").await,
        portal.number("select count(*) from members where status < 5").await
    );
    assert_none(
        portal,
        "select g.name from groups g where g.member_count <> (select count(*) from group_members m where m.group_id = g.id)",
    )
    .await;
    assert_none(
        portal,
        "select g.name from groups g join group_members x on x.group_id = g.id join members m on m.id = x.member_id
         where m.org_id <> g.org_id or x.org_id <> g.org_id",
    )
    .await;
    assert_none(
        portal,
        "select u.email from users u left join members m on m.user_id = u.id and m.is_primary and m.status < 5 group by u.id, u.email
         having count(m.id) <> 1",
    )
    .await;
    assert_none(
        portal,
        "select o.name from orgs o where not exists (select 1 from members m where m.org_id = o.id and m.role = 60 and m.status in (1, 2))",
    )
    .await;
    assert_none(
        portal,
        "select m.email from members m where m.last_active_at > 0 and m.last_active_at < m.joined_at or m.context_at < m.joined_at",
    )
    .await;
    if !is_postgres() {
        assert_eq!(
            portal.number("select count(*) from members_fts").await,
            portal.number("select count(*) from members where status < 5").await
        );
    }
    let report = audit::verify(&mut portal.app.db.read(), &portal.app.keys, &[])
        .await
        .expect("a report");
    assert_eq!(report.faults, Vec::<String>::new());
    assert_none(
        portal,
        "select m.email from members m where not exists (select 1 from audit a where a.org_id = m.org_id and a.object_id = m.id
         and a.action = 'member.create')",
    )
    .await;
}

/// Signs in as a browser does; gives the page that comes after.
async fn sign_in(portal: &Portal, one: &SignIn) -> Page {
    let client = portal.anonymous();
    let form = client.get("/sign-in").await.page(200);
    let csrf = form.value("csrf").expect("a token");
    let fields = [
        ("csrf", csrf.as_str()),
        ("email", &one.email),
        ("password", one.password),
    ];
    let answer = client
        .send(client.request(Method::POST, "/sign-in").form(&fields))
        .await;
    answer.redirects_to("/");
    client.follow("/me").await.page(200)
}

#[actix_web::test]
async fn the_small_one_has_33_people_in_13_organizations() {
    let (portal, sign_ins) = small().await;
    assert_eq!(portal.number("select count(*) from users").await, 33);
    assert_eq!(portal.number("select count(*) from orgs").await, 13);
    assert_eq!(portal.number("select count(distinct user_id) from members").await, 33);
    assert_eq!(portal.number("select count(*) from members").await, 34);
    assert_eq!(
        lines(
            &portal,
            "select o.name || ' ' || case when m.is_primary then 'primary' else 'secondary' end || ' ' || cast(m.role as text)
             from members m join orgs o on o.id = m.org_id where m.email = 'john@company.com' order by m.joined_at"
        )
        .await,
        ["Marketing Org primary 60", "Sales Org secondary 30"]
    );
    assert_eq!(
        lines(&portal, "select o.name from orgs o join members m on m.org_id = o.id group by o.id, o.name order by count(*) desc limit 1").await,
        ["Kestrel Robotics"]
    );
    for status in 1..=4 {
        let members = lines(&portal, "select distinct cast(m.status as text) from members m join orgs o on o.id = m.org_id where o.name = 'Kestrel Robotics'").await;
        assert!(members.contains(&status.to_string()), "{status}: {members:?}");
    }
    let roles: BTreeSet<&str> = sign_ins.iter().map(|one| one.role).collect();
    let titles = Role::ALL.map(Role::title).into_iter().chain([
        EnterpriseRole::Administrator.title(),
        EnterpriseRole::BillingManager.title(),
        EnterpriseRole::Auditor.title(),
    ]);
    assert_eq!(roles, titles.collect());
    assert_counts_agree(&portal).await;
    let now = portal.clock.now();
    let after: Vec<_> = portal
        .audit(None)
        .await
        .into_iter()
        .filter(|row| row.at > now)
        .collect();
    assert!(after.is_empty(), "the history tells of the future: {after:?}");
}

#[actix_web::test]
async fn the_small_one_has_invitations_in_every_state() {
    let (portal, _) = small().await;
    let delivered = lines(
        &portal,
        "select distinct cast(delivery as text) from invitations where state = 1 order by 1",
    )
    .await;
    assert_eq!(delivered, ["2", "3", "4", "5"]); // sent, deferred, bounced, link only
    assert_eq!(
        portal.number("select count(*) from invitations where state = 3").await,
        1
    );
    let expired = lines(
        &portal,
        "select email from invitations where state = 1 and expires_at < 1795251600000000 order by email",
    )
    .await;
    assert_eq!(
        expired,
        ["henrik.lundqvist@kestrel.example", "thandi.mabaso@kestrel.example"]
    );
    assert_none(&portal, "select email from invitations where inviter_name = 'Operator'").await;
    // Nothing is left for the worker to send at once.
    portal.post().await;
    let later = lines(
        &portal,
        "select distinct cast(delivery as text) from invitations where state = 1 order by 1",
    )
    .await;
    assert_eq!(later, delivered);
}

#[actix_web::test]
async fn every_sign_in_works() {
    let (portal, sign_ins) = small().await;
    assert_eq!(sign_ins.len(), 9);
    for one in &sign_ins {
        sign_in(&portal, one).await.assert_says(&one.name);
    }
}

#[actix_web::test]
async fn each_run_makes_the_same() {
    let texts = [
        "select cast(id as text) || slug || name || zone || support_contact from orgs order by id",
        "select cast(id as text) || email || name || cast(coalesce(enterprise_role, 0) as text) from users order by id",
        "select cast(id as text) || '/' || cast(user_id as text) || email || cast(role as text) || cast(status as text) || cast(is_primary as text)
         || cast(source as text) || state_reason || state_by || cast(version as text) from members order by id",
        "select cast(id as text) || name || cast(kind as text) || cast(member_count as text) from groups order by id",
        "select cast(group_id as text) || '/' || cast(member_id as text) from group_members order by group_id, member_id",
        "select cast(id as text) || email || cast(role as text) || cast(state as text) || cast(delivery as text) || inviter_name from invitations order by id",
        "select cast(org_id as text) || '/' || cast(seq as text) || actor_name || action || object_name from audit order by org_id, seq",
    ];
    for (one, other) in [
        (small().await, small().await),
        (large(700, 9).await, large(700, 9).await),
    ] {
        assert_eq!(one.1, other.1);
        for text in texts {
            let found = lines(&one.0, text).await;
            assert_eq!(found, lines(&other.0, text).await);
        }
    }
}

#[actix_web::test]
async fn the_crowd_is_counted_right() {
    let (portal, sign_ins) = large(5_000, 20).await;
    assert_eq!(portal.number("select count(*) from members").await, 5_000);
    assert_eq!(portal.number("select count(*) from orgs").await, 20);
    assert_counts_agree(&portal).await;
    let largest = lines(
        &portal,
        "select o.name || ' ' || cast(count(*) as text) from orgs o join members m on m.org_id = o.id
        group by o.id, o.name order by count(*) desc limit 1",
    )
    .await;
    assert_eq!(largest, ["Kestrel Robotics 500"]);
    let wanderers = portal
        .number("select count(*) from (select user_id from members group by user_id having count(*) > 1) x")
        .await;
    assert!(wanderers > 100, "{wanderers}");
    assert_eq!(
        lines(&portal, "select distinct cast(role as text) from members order by 1").await,
        ["20", "30", "40", "50", "60"]
    );
    assert_eq!(
        lines(&portal, "select distinct cast(status as text) from members order by 1").await,
        ["1", "2", "3", "4"]
    );
    assert_eq!(
        portal
            .number("select count(*) from groups where member_count = 0")
            .await,
        0
    );
    assert_none(
        &portal,
        "select cast(member_id as text) from group_members group by member_id having count(*) > 2",
    )
    .await;
    assert_eq!(
        portal
            .number("select count(distinct member_id) from group_members")
            .await,
        5_000,
        "somebody is in no group"
    );
    for one in &sign_ins {
        sign_in(&portal, one).await.assert_says(&one.name);
    }
}

#[actix_web::test]
async fn a_crowd_needs_a_member_for_each_organization() {
    let portal = spawn().await;
    let size = Size {
        members: 4,
        organizations: 5,
    };
    let refused = crowd::fill(&portal.app.db, &portal.app.keys, size, "", portal.clock.now(), |_| {}).await;
    assert!(
        refused
            .expect_err("too few")
            .to_string()
            .contains("at least as many members")
    );
}
