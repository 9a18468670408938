//! Acts on many at once (R-BLK-01 to 03, B-06, I-25), saved views (B-17) and exports (B-16, C26, F33).

use std::{collections::BTreeMap, io::Cursor};

use calamine::{Data, Reader as _, Xlsx};
use muster::{
    access::{
        self, Can, Role,
        permission::{
            GroupManage, LimitSet, MemberDisable, MemberManage, MemberRead, MemberSuspend, Right, RoleAssign,
        },
    },
    auth::account::{self, NewAccount, Proof},
    bulk::{self, Kind, State, job::Order, work},
    clock::{Timestamp, minutes},
    db::Db,
    groups,
    ids::{GroupId, JobId, MemberId, UserId},
    limits::{self, Choice, Enforcement, Value, Wish, amount::Amount},
    mail::address::Address,
    members::{
        Status,
        mass::{self, Outcome, Pause},
        member::{self, Imported},
        picks::Selection,
    },
};
use tokio_util::sync::CancellationToken;

use crate::support::{Answer, Org, Portal, Someone, raw, spawn, spawn_with, spawn_with_mail, texts};

async fn proof<P: Right>(portal: &Portal, org: &Org) -> Can<P> {
    access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the organization")
}

async fn group(portal: &Portal, org: &Org, name: &str) -> GroupId {
    let by = proof::<GroupManage>(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let id = groups::create(&mut tx, &by, name, groups::Kind::Team, portal.clock.now())
        .await
        .expect("a group");
    tx.commit().await.expect("a commit");
    id
}

/// People of plain roles, every eleventh deactivated.
async fn crowd(portal: &Portal, org: &Org, size: usize) -> Vec<MemberId> {
    let now = portal.clock.now();
    let mut people: Vec<Imported> = (0..size)
        .map(|n| Imported {
            expires_at: None,
            user: UserId::from_raw(0),
            email: Address::parse(&format!("p{n}@{}.example", org.slug)).expect("an address"),
            name: format!("Person {n:04}"),
            role: Role::ALL[1 + n % 4],
            is_primary: true,
            joined_at: Timestamp::from_secs(1_700_000_000 + n as i64),
            last_active_at: None,
            context_at: (n % 2 == 0).then_some(now),
            is_suspended: n % 11 == 5,
            groups: Vec::new(),
        })
        .collect();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let accounts: Vec<_> = people
        .iter()
        .map(|person| NewAccount {
            email: &person.email,
            name: &person.name,
            password_hash: None,
            proof: Proof::None,
        })
        .collect();
    let users = account::create_many(&mut tx, &portal.operator(), &accounts, now)
        .await
        .expect("accounts");
    for (person, user) in people.iter_mut().zip(users) {
        person.user = user;
    }
    let ids = member::join_many(&mut tx, &portal.operator(), org.id, people, now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    ids
}

/// An organization with an Org Admin and four others.
async fn small(portal: &Portal) -> (Org, Someone, Vec<Someone>) {
    let org = portal.org("Acme").await;
    let admin = portal.member(&org, Role::Administrator, "ann").await;
    let mut others = Vec::new();
    for (role, who) in [
        (Role::Manager, "bob"),
        (Role::Developer, "cem"),
        (Role::Member, "dora"),
        (Role::Viewer, "emil"),
    ] {
        others.push(portal.member(&org, role, who).await);
    }
    (org, admin, others)
}

/// A form that names a field for each person.
fn picked<'a>(people: &'a [String], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<(&str, &str)> = people.iter().map(|id| ("member", id.as_str())).collect();
    fields.extend_from_slice(more);
    fields
}

fn ids(people: &[Someone]) -> Vec<String> {
    people.iter().map(Someone::id).collect()
}

async fn act(who: &Someone, org: &Org, path: &str, fields: &[(&str, &str)]) -> Answer {
    who.post(&org.path(&format!("/members/bulk/{path}")), fields).await
}

async fn role_of(portal: &Portal, id: MemberId) -> Role {
    member::find(&mut portal.app.db.read(), id.org(), id)
        .await
        .expect("a member")
        .role
}

async fn status_of(portal: &Portal, id: MemberId) -> Status {
    member::find(&mut portal.app.db.read(), id.org(), id)
        .await
        .expect("a member")
        .status
}

async fn count(portal: &Portal, what: &str) -> i64 {
    let found = texts(&portal.app.db, &format!("select cast(count(*) as text) from {what}")).await;
    found[0].parse().expect("a number")
}

async fn work_all(portal: &Portal) {
    work::run_all(&portal.app, &CancellationToken::new())
        .await
        .expect("work");
}

#[actix_web::test]
async fn r_blk_02_people_are_added_to_a_group_with_a_dry_run_and_a_way_back() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let engineering = group(&portal, &org, "Engineering").await.to_string();
    let chosen = ids(&others);
    let dry = act(&ann, &org, "groups/check", &picked(&chosen, &[("do", "group-add")])).await;
    let page = dry.page(200);
    page.assert_says("Add to Group");
    page.assert_says("4 will be added");
    assert_eq!(count(&portal, "group_members").await, 0, "a dry run changes nothing");

    let without = act(&ann, &org, "groups", &picked(&chosen, &[("do", "group-add")])).await;
    without.page(422).assert_says("Choose at least one group.");
    let form = picked(
        &chosen,
        &[("do", "group-add"), ("group", &engineering), ("list", "role=viewer")],
    );
    let done = act(&ann, &org, "groups", &form).await;
    let to = done.redirects_to(&org.path("/members"));
    assert!(to.ends_with("?role=viewer"), "back to the list: {to}");
    let list = ann.get(&to).await.page(200);
    list.assert_says("4 members were added to Engineering.");
    let undo = list.attribute(".toast form", "action").expect("an Undo");
    assert_eq!(count(&portal, "group_members").await, 4);
    assert_eq!(count(&portal, "audit where action = 'group.member.add'").await, 4);

    let again = act(&ann, &org, "groups/check", &picked(&chosen, &[("do", "group-add")])).await;
    again.page(200).assert_says("0 will be added, 4 in it already");
    let undone = ann.post(&undo, &[]).await;
    let job = undone.redirects_to(&org.path("/bulk/"));
    ann.get(&job).await.page(200).assert_says("4 members were removed");
    assert_eq!(count(&portal, "group_members").await, 0);
    assert_eq!(
        texts(&portal.app.db, "select cast(member_count as text) from groups").await,
        ["0"]
    );
    assert_eq!(ann.post(&undo, &[]).await.status, 409, "only once");
    assert_eq!(count(&portal, "audit where action = 'bulk.undo'").await, 1);
}

#[actix_web::test]
async fn r_blk_01_a_selection_grows_over_pages_without_scripts() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 120).await;
    let path = org.path("/members");
    let first = ann.get(&path).await.page(200);
    let shown = first.attributes("tbody input[name=member]", "value");
    assert_eq!(shown.len(), 50);
    let next = first
        .attribute("button[name=go].needs-no-js", "value")
        .expect("a next page");
    let form = vec![("member", shown[0].as_str()), ("member", &shown[1]), ("go", &next)];
    let second = ann.post(&format!("{path}/selection"), &form).await.page(200);
    second.assert_says("+ 2 on other pages");
    let kept = second.attributes("#kept input[name=sel]", "value");
    assert_eq!(kept.len(), 2);
    let there = second.attributes("tbody input[name=member]", "value");
    assert!(there.iter().all(|id| !shown.contains(id)), "another page");
    assert_eq!(second.count("tbody input[checked]"), 0);

    // Everyone but one, taken all over the pages.
    let all = ann
        .post(&format!("{path}/selection"), &[("list", "role=viewer"), ("go", "all")])
        .await
        .page(200);
    assert_eq!(all.value("all").as_deref(), Some("1"));
    let viewers = all.attributes("tbody input[checked]", "value");
    all.assert_says("All 30 selected");
    assert_eq!(viewers.len(), 30);
    let mut form = vec![("all", "1"), ("list", "role=viewer"), ("do", "deactivate")];
    form.extend(viewers.iter().map(|id| ("shown", id.as_str())));
    form.extend(viewers[1..].iter().map(|id| ("member", id.as_str())));
    let dry = act(&ann, &org, "suspensions/check", &form).await.page(200);
    dry.assert_says("29 members");
    let nobody = act(&ann, &org, "suspensions/check", &[("do", "deactivate")]).await;
    nobody.page(422).assert_says("Nobody is selected.");
}

#[actix_web::test]
async fn r_blk_03_b_06_each_person_has_a_result_with_its_reason() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let boss = portal
        .enterprise_member(access::EnterpriseRole::Administrator, "boss")
        .await;
    let (user, ..) = portal.account("boss").await;
    assert_eq!(user, boss.user);
    let over = portal.member(&org, Role::Member, "boss").await;
    let mut chosen = ids(&others);
    let nobody = MemberId::from_raw(org.id.row(999_999)).to_string();
    chosen.extend([ann.id(), over.id(), nobody, "mem_junk".to_owned()]);
    let dry = act(&ann, &org, "roles/check", &picked(&chosen, &[])).await.page(200);
    dry.assert_says("Stands above your own role");
    dry.assert_says("Yourself: change your own role on your own page");
    let ran = act(&ann, &org, "roles", &picked(&chosen, &[("role", "viewer")])).await;
    let job = ran.redirects_to(&org.path("/bulk/"));
    let page = ann.get(&job).await.page(200);
    page.assert_heading("Change role to Viewer");
    page.assert_says("3 of 7 members changed.");
    page.row("Emil").assert_cell("Outcome", "Has this role already");
    page.row("Ann")
        .assert_cell("Outcome", "Yourself: change your own role on your own page");
    page.row("Boss").assert_cell("Outcome", "Stands above your own role");
    page.row("Bob").assert_cell("Outcome", "Viewer");
    page.row("Unknown").assert_cell("Outcome", "Not found");
    let only = ann.get(&format!("{job}?show=left")).await.page(200);
    assert!(only.find_row("Bob").is_none());
    let file = ann.get(&format!("{job}/failures.csv")).await;
    assert_eq!(file.status, 200);
    assert!(
        file.body.contains("Emil,emil@acme.example,Has this role already"),
        "{}",
        file.body
    );
    assert!(!file.body.contains("Bob"));
    assert_eq!(role_of(&portal, over.member.expect("a member")).await, Role::Member);

    // Another person's job: numbers for those who see members, names only for those who look after them.
    let dora = &others[2];
    let seen = dora.get(&job).await.page(200);
    seen.assert_says("3 of 7 members changed.");
    seen.assert_silent("Emil");
    seen.assert_silent("emil@");
}

#[actix_web::test]
async fn i_01_cve_c12_nobody_can_be_the_last_admin_to_go() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let boss = portal
        .enterprise_member(access::EnterpriseRole::Administrator, "boss")
        .await;
    for (path, more) in [
        ("roles", vec![("role", "member")]),
        ("suspensions", vec![("do", "deactivate")]),
        ("disablements", vec![("confirm", "2")]),
        ("removals", vec![("confirm", "2")]),
    ] {
        let mut admins = Vec::new();
        for n in 0..3 {
            admins.push(portal.member(&org, Role::Administrator, &format!("{path}{n}")).await);
        }
        // Whoever is left of the round before is one of them.
        raw(
            &portal.app.db,
            &format!(
                "update members set role = 30 where org_id = {} and email_key not like '{path}%'",
                org.id.raw()
            ),
        )
        .await;
        raw(
            &portal.app.db,
            &format!("delete from member_counts where org_id = {}", org.id.raw()),
        )
        .await;
        raw(
            &portal.app.db,
            &format!("insert into member_counts (org_id, role, status, n) select org_id, role, status, count(*) from members where org_id = {} group by org_id, role, status", org.id.raw()),
        )
        .await;
        let chosen = ids(&admins);
        let ran = act(&boss, &org, path, &picked(&chosen, &more)).await;
        let job = ran.redirects_to(&org.path("/bulk/"));
        let page = boss.get(&job).await.page(200);
        page.assert_says("2 of 3 members changed.");
        page.assert_says("The last Org Admin: make someone else Org Admin first");
        let left = count(
            &portal,
            &format!(
                "members where org_id = {} and role = 60 and status in (1, 2)",
                org.id.raw()
            ),
        )
        .await;
        assert_eq!(left, 1, "{path}");
    }
}

#[actix_web::test]
async fn cve_c07_people_of_another_organization_are_not_found_and_nothing_else() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let other = portal.org("Zyzzyva Works").await;
    portal.member(&other, Role::Administrator, "zoe@zyzzyva.example").await;
    let foreign = portal.member(&other, Role::Member, "yann@zyzzyva.example").await;
    let theirs = group(&portal, &other, "Inner circle").await.to_string();
    group(&portal, &org, "Engineering").await;
    let chosen = vec![others[0].id(), foreign.id()];
    for (path, more) in [
        ("roles", vec![("role", "viewer")]),
        ("suspensions", vec![("do", "deactivate")]),
        ("suspensions", vec![("do", "activate")]),
        ("disablements", vec![("confirm", "1")]),
        ("removals", vec![("confirm", "1")]),
    ] {
        let dry = act(&ann, &org, &format!("{path}/check"), &picked(&chosen, &more))
            .await
            .page(200);
        dry.assert_says("Not found among the members of this organization");
        dry.assert_silent("Yann");
        let ran = act(&ann, &org, path, &picked(&chosen, &more)).await;
        let page = ann.get(&ran.redirects_to(&org.path("/bulk/"))).await.page(200);
        page.assert_silent("Yann");
        page.assert_silent("yann@");
        assert_eq!(
            status_of(&portal, foreign.member.expect("a member")).await,
            Status::Inactive
        );
        assert_eq!(role_of(&portal, foreign.member.expect("a member")).await, Role::Member);
    }
    // Another organization's group is none that could be chosen.
    let fields = picked(&chosen, &[("do", "group-add"), ("group", &theirs)]);
    assert_eq!(act(&ann, &org, "groups", &fields).await.status, 422);
    assert_eq!(count(&portal, "group_members").await, 0);
}

/// A large job by a person, ordered and not begun.
async fn large(org: &Org, by: &Someone, list: &str, role: &str) -> (String, JobId) {
    let fields = [("all", "1"), ("list", list), ("role", role)];
    let ran = act(by, org, "roles", &fields).await;
    let path = ran.redirects_to(&org.path("/bulk/"));
    let id = path.rsplit('/').next().expect("an id").parse().expect("an id");
    (path, id)
}

#[actix_web::test]
async fn a_large_change_goes_on_after_a_restart_and_meets_everyone_once() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 1_300).await;
    let (path, id) = large(&org, &ann, "role=member&role=viewer&role=developer", "manager").await;
    let page = ann.get(&path).await.page(200);
    page.assert_says("You can leave this page.");
    assert_eq!(page.attribute("#job", "hx-trigger").as_deref(), Some("every 2s"));
    for _ in 0..2 {
        work::run_once(&portal.app, org.id, id).await.expect("a part");
    }
    let half = ann.htmx_get(&path).await.page(200);
    half.assert_says("500 of 975");
    assert_eq!(half.attribute("progress", "value").as_deref(), Some("500"));
    // A process that begins anew knows nothing but the rows.
    work_all(&portal).await;
    let done = ann.htmx_get(&path).await.page(200);
    done.assert_says("975 members were changed: Manager.");
    assert_eq!(done.attribute("#job", "hx-trigger"), None, "the asking ends");
    let org_id = org.id.raw();
    assert_eq!(
        count(
            &portal,
            &format!("audit where org_id = {org_id} and action = 'member.role.change'")
        )
        .await,
        975
    );
    let twice = count(
        &portal,
        &format!("(select object_id from audit where org_id = {org_id} and action = 'member.role.change' group by object_id having count(*) > 1) t"),
    )
    .await;
    assert_eq!(twice, 0, "nobody is met twice");
    let kept = count(
        &portal,
        &format!("(select role, status, n from member_counts where org_id = {org_id} and n <> 0 except select role, status, count(*) from members where org_id = {org_id} and status < 5 group by role, status) d"),
    )
    .await;
    assert_eq!(kept, 0, "the kept counts differ from the rows");
    let report = muster::audit::verify(&mut portal.app.db.read(), &portal.app.keys, &[])
        .await
        .expect("a walk");
    assert_eq!(report.faults, Vec::<String>::new());

    // And back: everyone gets their own role again.
    let undo = ann.post(&org.path(&format!("/bulk/roles/{id}/undo")), &[]).await;
    let undo = undo.redirects_to(&org.path("/bulk/"));
    work_all(&portal).await;
    ann.get(&undo).await.page(200).assert_says("975 members were changed");
    let same = count(&portal, &format!("members where org_id = {org_id} and role = 20")).await;
    assert_eq!(same, 325);
}

#[actix_web::test]
async fn b_06_whoever_loses_the_right_midway_changes_nobody_more() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    portal.member(&org, Role::Administrator, "keeper").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 1_300).await;
    let (path, id) = large(&org, &ann, "role=viewer&role=member&role=developer", "manager").await;
    for _ in 0..2 {
        work::run_once(&portal.app, org.id, id).await.expect("a part");
    }
    let by = proof::<RoleAssign>(&portal, &org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let me = ann.member.expect("a member");
    member::change_role(&mut tx, &by, me, Role::Manager, portal.clock.now())
        .await
        .expect("a role");
    tx.commit().await.expect("a commit");
    work_all(&portal).await;
    let page = ann.get(&path).await.page(200);
    page.assert_says("500 of 975 members changed.");
    page.assert_says("does not allow you to change roles");
    let left = ann.get(&format!("{path}?show=left")).await.page(200);
    left.assert_says("Not done, because it was stopped");
    let changed = count(
        &portal,
        "audit where action = 'member.role.change' and actor_name = 'Ann'",
    )
    .await;
    assert_eq!(changed, 500);
    assert_eq!(
        ann.post(&org.path(&format!("/bulk/roles/{id}/undo")), &[]).await.status,
        403
    );
}

#[actix_web::test]
async fn b_06_a_change_is_stopped_and_can_be_taken_back_for_ten_minutes() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 1_300).await;
    let (path, id) = large(&org, &ann, "role=viewer&role=member", "developer").await;
    work::run_once(&portal.app, org.id, id).await.expect("a part");
    work::run_once(&portal.app, org.id, id).await.expect("a part");
    let stop = ann.post(&org.path(&format!("/bulk/roles/{id}/stop")), &[]).await;
    assert_eq!(stop.status, 303);
    work_all(&portal).await;
    let page = ann.get(&path).await.page(200);
    page.assert_says("500 of 650 members changed.");
    page.assert_says("Stopped by Ann.");
    page.assert_says("Can be undone until");
    assert_eq!(
        ann.post(&org.path(&format!("/bulk/roles/{id}/stop")), &[]).await.status,
        409
    );
    // Another kind's address, and another organization's, know nothing of the job.
    assert_eq!(
        ann.post(&org.path(&format!("/bulk/groups/{id}/undo")), &[])
            .await
            .status,
        404
    );
    portal.clock.advance(minutes(11));
    let late = ann.post(&org.path(&format!("/bulk/roles/{id}/undo")), &[]).await;
    assert_eq!(late.status, 409);
    late.page(409).assert_says("The ten minutes");
}

#[actix_web::test]
async fn b_06_whoever_was_changed_since_is_left_by_an_undo() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let chosen = ids(&others[1..3]);
    act(&ann, &org, "roles", &picked(&chosen, &[("role", "viewer")])).await;
    let cem = others[1].member.expect("a member");
    let dora = others[2].member.expect("a member");
    let by = proof::<RoleAssign>(&portal, &org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    member::change_role(&mut tx, &by, cem, Role::Manager, portal.clock.now())
        .await
        .expect("a role");
    tx.commit().await.expect("a commit");
    let list = ann.get(&org.path("/members")).await.page(200);
    let undo = list.attribute(".toast form", "action").expect("an Undo");
    let job = ann.post(&undo, &[]).await.redirects_to(&org.path("/bulk/"));
    let page = ann.get(&job).await.page(200);
    page.row("Cem").assert_cell("Outcome", "Changed by someone since");
    assert_eq!(role_of(&portal, cem).await, Role::Manager);
    assert_eq!(role_of(&portal, dora).await, Role::Member);

    // A deactivation and its undo, with the reason of the one that was there before.
    let suspended = act(
        &ann,
        &org,
        "suspensions",
        &picked(&chosen, &[("do", "deactivate"), ("reason", "Sabbatical")]),
    )
    .await;
    assert_eq!(suspended.status, 303);
    act(&ann, &org, "suspensions", &picked(&chosen, &[("do", "activate")])).await;
    let list = ann.get(&org.path("/members")).await.page(200);
    let undo = list.attributes(".toast form", "action").pop().expect("an Undo");
    ann.post(&undo, &[]).await.redirects_to(&org.path("/bulk/"));
    let again = member::find(&mut portal.app.db.read(), org.id, dora)
        .await
        .expect("a member");
    assert_eq!(
        (again.status, again.state_reason.as_str()),
        (Status::Suspended, "Sabbatical")
    );
}

/// A small generator, so that the same tries are made each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// What is left of a person when all is done: role, state, reason, groups, sessions, mails and what the record says.
async fn traces(portal: &Portal, org: &Org) -> BTreeMap<String, Vec<String>> {
    let id = org.id.raw();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (label, sql) in [
        (
            "row",
            format!(
                "select name || ':' || cast(role as text) || ':' || cast(status as text) || ':' || state_reason || ':' || cast(version as text) || ':' || coalesce(cast(suspended_until as text), '-') || ':' || coalesce(cast(expires_at as text), '-') || ':' || cast(cast(is_primary as int) as text) from members where org_id = {id} order by name"
            ),
        ),
        (
            "count",
            format!(
                "select cast(role as text) || ':' || cast(status as text) || ':' || cast(n as text) from member_counts where org_id = {id} and n <> 0 order by role, status"
            ),
        ),
        (
            "groups",
            format!(
                "select g.name || ':' || m.name || ':' || cast(gm.is_lead as text) || ':' || coalesce(cast(gm.expires_at as text), '') from group_members gm join groups g on g.id = gm.group_id join members m on m.id = gm.member_id where gm.org_id = {id} order by 1"
            ),
        ),
        (
            "sizes",
            format!("select name || ':' || cast(member_count as text) from groups where org_id = {id} order by name"),
        ),
        (
            "audit",
            format!(
                "select action || ':' || object_name || ':' || before || ':' || after from audit where org_id = {id} and object_kind <> 'group' order by 1"
            ),
        ),
        (
            "limits",
            format!(
                "select m.name || ':' || cast(p.period as text) || ':' || coalesce(cast(p.amount as text), '-') || ':' || cast(p.action as text) || ':' || coalesce(cast(p.valid_until as text), '-') || ':' || p.note || ':' || p.set_by from limit_policies p join members m on m.id = p.scope_id where p.org_id = {id} and p.scope = 5 order by 1"
            ),
        ),
        (
            "mails",
            format!("select message from outbox where org_id = {id} order by message"),
        ),
        (
            "news",
            format!(
                "select u.name || ':' || cast(n.kind as text) || ':' || n.subject || ':' || n.link from notifications n join users u on u.id = n.user_id where n.org_id = {id} order by 1"
            ),
        ),
        (
            "sessions",
            format!(
                "select m.name from sessions s join members m on m.user_id = s.user_id where m.org_id = {id} order by 1"
            ),
        ),
        (
            "invitations",
            format!("select email || ':' || cast(state as text) from invitations where org_id = {id} order by 1"),
        ),
    ] {
        found.insert(label.to_owned(), texts(&portal.app.db, &sql).await);
    }
    for line in found.values_mut().flatten() {
        *line = line.replace(&org.slug, "org").replace(&org.name, "Org");
    }
    found
}

/// The same people in the same states in two organizations: roles, ends, deactivations, groups, elsewhere, over the enterprise.
async fn twins(portal: &Portal, dice: &mut Dice, round: usize) -> [(Org, Someone, Vec<MemberId>, GroupId); 2] {
    let elsewhere = portal.org(&format!("Elsewhere {round}")).await;
    let mut made = Vec::new();
    let seed = dice.0;
    for twin in ["left", "right"] {
        dice.0 = seed;
        let org = portal.org(&format!("{twin} {round}")).await;
        let actor_role = [Role::Administrator, Role::Administrator, Role::Manager][dice.roll(3)];
        let actor = portal
            .member(&org, actor_role, &format!("actor@{twin}{round}.example"))
            .await;
        let team = group(portal, &org, "Team").await;
        let mut people = vec![actor.member.expect("a member")];
        for n in 0..9 {
            let role = Role::ALL[dice.roll(5)];
            let who = portal.member(&org, role, &format!("p{n}@{twin}{round}.example")).await;
            let id = who.member.expect("a member");
            if dice.roll(4) == 0 {
                portal
                    .member(&elsewhere, Role::Member, &format!("p{n}@{twin}{round}.example"))
                    .await;
            }
            if dice.roll(8) == 0 {
                raw(
                    &portal.app.db,
                    &format!("update users set enterprise_role = 70 where id = {}", who.user.raw()),
                )
                .await;
            }
            if dice.roll(9) == 0 {
                raw(
                    &portal.app.db,
                    &format!("update users set state = 2 where id = {}", who.user.raw()),
                )
                .await;
            }
            if dice.roll(4) == 0 {
                let end = portal
                    .clock
                    .now()
                    .plus(minutes(600))
                    .minus(minutes(dice.roll(2) as u64 * 1_200));
                raw(
                    &portal.app.db,
                    &format!(
                        "update members set expires_at = {} where id = {}",
                        end.micros(),
                        id.raw()
                    ),
                )
                .await;
            }
            let by = proof::<MemberManage>(portal, &org).await;
            let mut tx = portal.app.db.write().await.expect("a transaction");
            let now = portal.clock.now();
            match dice.roll(6) {
                0 => drop(member::suspend(&mut tx, &by.also().expect("a right"), id, None, "Away", now).await),
                1 => drop(member::disable(&mut tx, &by.also().expect("a right"), id, "Gone", now).await),
                2 => drop(member::provision_context(&mut tx, &by, id, now).await),
                _ => {}
            }
            // Some have limits of their own: standing ones, some with an end ahead, some with one that is over and not tidied away.
            for _ in 0..2 {
                if dice.roll(3) == 0 {
                    let wish = a_wish(dice, now);
                    let then = now.minus(minutes(90 * 24 * 60 * dice.roll(2) as u64));
                    drop(limits::set(&mut tx, &by.also().expect("a right"), id, &wish, then).await);
                }
            }
            if dice.roll(3) == 0 {
                groups::add_members(&mut tx, &by.also().expect("a right"), team, &[id], now)
                    .await
                    .expect("a group");
                // Some have an end ahead or behind, which nobody has cleared away yet; some lead.
                let end = match dice.roll(3) {
                    0 => "null".to_owned(),
                    1 => now.minus(minutes(1)).micros().to_string(),
                    _ => now.plus(minutes(1)).micros().to_string(),
                };
                let lead = dice.roll(2) == 0;
                tx.commit().await.expect("a commit");
                raw(
                    &portal.app.db,
                    &format!(
                        "update group_members set expires_at = {end}, is_lead = {lead} where member_id = {}",
                        id.raw()
                    ),
                )
                .await;
            } else {
                tx.commit().await.expect("a commit");
            }
            people.push(id);
        }
        if dice.roll(2) == 0 {
            // One seat is free, or none.
            let free = dice.roll(2);
            raw(
                &portal.app.db,
                &format!(
                    "insert into subscriptions (org_id, plan, seats, renews_on, reference, billing_contact) select {org}, '', count(*) + {free}, '', '', '' from members where org_id = {org} and status in (1, 2)",
                    org = org.id.raw()
                ),
            )
            .await;
        }
        made.push((org, actor, people, team));
    }
    made.try_into().unwrap_or_else(|_| panic!("two"))
}

/// Limits that somebody might set: amounts small enough to be met again, with and without an end.
fn a_wish(dice: &mut Dice, now: Timestamp) -> Wish {
    let mut choice = || match dice.roll(5) {
        0 => None,
        1 => Some(Choice::Inherit),
        2 => Some(Choice::Set(Value::Unlimited)),
        n => Some(Choice::Set(Value::Amount(Amount::credits(100 * n as u32)))),
    };
    let (month, day) = (choice(), choice());
    Wish {
        month,
        day,
        enforcement: [Enforcement::Hard, Enforcement::Hard, Enforcement::Soft][dice.roll(3)],
        until: (dice.roll(3) == 0).then(|| now.plus(minutes(30 * 24 * 60))),
        note: ["", "", "Spring"][dice.roll(3)].to_owned(),
    }
}

fn person(actor: &Someone) -> access::Person {
    access::Person {
        id: actor.user,
        name: actor.name.clone(),
        email: actor.email.clone(),
        enterprise_role: None,
        session: muster::ids::SessionId::from_raw(1),
        theme: 0,
        email_proved: true,
        display: access::Display::default(),
    }
}

#[actix_web::test]
async fn i_25_many_at_once_end_as_one_after_the_other() {
    let portal = spawn().await;
    let rounds = if crate::support::is_long() { 64 } else { 24 };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut refused = 0;
    for round in 0..rounds {
        let pair = twins(&portal, &mut dice, round).await;
        let now = portal.clock.now();
        let deed = round % 8;
        let role = Role::ALL[dice.roll(5)];
        let wish = a_wish(&mut dice, now);
        let mut outcomes = Vec::new();
        for (place, (org, actor, people, team)) in pair.iter().enumerate() {
            let as_actor = !dice.0.is_multiple_of(3);
            let done = if place == 0 {
                one_by_one(&portal, org, actor, as_actor, people, *team, (deed, role, &wish), now).await
            } else {
                all_at_once(&portal, org, actor, as_actor, people, *team, (deed, role, &wish), now).await
            };
            outcomes.push(done);
        }
        assert_eq!(outcomes[0], outcomes[1], "round {round}, deed {deed}");
        refused += outcomes[0].iter().filter(|outcome| **outcome == "refused").count();
        let (left, right) = (traces(&portal, &pair[0].0).await, traces(&portal, &pair[1].0).await);
        for (label, lines) in &left {
            let swap = |text: &String| {
                text.replace(&format!("left{round}"), "twin")
                    .replace(&format!("right{round}"), "twin")
            };
            let (mut left, mut right): (Vec<_>, Vec<_>) = (
                lines.iter().map(swap).collect(),
                right[label].iter().map(swap).collect(),
            );
            left.sort();
            right.sort();
            assert_eq!(left, right, "round {round}, deed {deed}, {label}");
        }
        dice.roll(8);
    }
    assert!(refused > 5, "the rounds met only {refused} refusals");
}

/// The proof of whoever acts in a round: the person, or the operator.
async fn standing<P: Right>(
    portal: &Portal,
    org: &Org,
    actor: &Someone,
    as_actor: bool,
    now: Timestamp,
) -> Option<Can<P>> {
    if !as_actor {
        return Some(proof::<P>(portal, org).await);
    }
    let by = muster::audit::Actor::client(&portal.app.keys, Some((actor.user, &actor.name)), "", "", "");
    let who = person(actor);
    access::can::acting(&mut portal.app.db.read(), by, who, org.id, now)
        .await
        .ok()
}

#[expect(clippy::too_many_arguments, reason = "one round of the comparison")]
async fn one_by_one(
    portal: &Portal,
    org: &Org,
    actor: &Someone,
    as_actor: bool,
    people: &[MemberId],
    team: GroupId,
    (deed, role, wish): (usize, Role, &Wish),
    now: Timestamp,
) -> Vec<&'static str> {
    let Some(by) = standing::<MemberRead>(portal, org, actor, as_actor, now).await else {
        return vec!["nobody"];
    };
    let mut done = Vec::new();
    for id in people {
        let mut tx = portal.app.db.write().await.expect("a transaction");
        let before = member::find(&mut tx, org.id, *id).await.ok();
        let result = match deed {
            0 => match by.also::<RoleAssign>() {
                Ok(by) => member::change_role(&mut tx, &by, *id, role, now)
                    .await
                    .map(|after| before.as_ref().is_some_and(|before| before.role != after.role)),
                Err(error) => Err(error),
            },
            1 => match by.also::<MemberSuspend>() {
                Ok(by) => member::suspend(&mut tx, &by, *id, None, "Spring", now)
                    .await
                    .map(|_| true),
                Err(error) => Err(error),
            },
            2 => match by.also::<MemberSuspend>() {
                Ok(by) => member::activate(&mut tx, &by, *id, now).await.map(|_| true),
                Err(error) => Err(error),
            },
            3 => match by.also::<MemberDisable>() {
                Ok(by) => member::disable(&mut tx, &by, *id, "Spring", now).await.map(|_| true),
                Err(error) => Err(error),
            },
            4 => match by.also::<MemberManage>() {
                Ok(by) => member::remove(&mut tx, &by, *id, now).await.map(|_| true),
                Err(error) => Err(error),
            },
            5 => match by.also::<GroupManage>() {
                Ok(by) => groups::add_members(&mut tx, &by, team, &[*id], now)
                    .await
                    .map(|n| n > 0),
                Err(error) => Err(error),
            },
            7 => match by.also::<LimitSet>() {
                Ok(by) => limits::set(&mut tx, &by, *id, wish, now)
                    .await
                    .map(|after| before.as_ref().is_some_and(|before| before.version != after.version))
                    .or_else(nothing_differs),
                Err(error) => Err(error),
            },
            _ => match by.also::<GroupManage>() {
                Ok(by) => match groups::remove_member(&mut tx, &by, team, *id, now).await {
                    Ok(()) => Ok(true),
                    Err(muster::error::Error::NotFound) => Ok(false),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            },
        };
        done.push(match result {
            Ok(true) => {
                tx.commit().await.expect("a commit");
                "done"
            }
            Ok(false) => "same",
            Err(_) => "refused",
        });
    }
    done
}

/// Of one member, a limit until a date that changes nothing is asked back; of many, whoever has it already is passed over.
fn nothing_differs(error: muster::error::Error) -> muster::error::Result<bool> {
    match error {
        muster::error::Error::Invalid { field: "until", .. } => Ok(false),
        error => Err(error),
    }
}

#[expect(clippy::too_many_arguments, reason = "one round of the comparison")]
async fn all_at_once(
    portal: &Portal,
    org: &Org,
    actor: &Someone,
    as_actor: bool,
    people: &[MemberId],
    team: GroupId,
    (deed, role, wish): (usize, Role, &Wish),
    now: Timestamp,
) -> Vec<&'static str> {
    let Some(by) = standing::<MemberRead>(portal, org, actor, as_actor, now).await else {
        return vec!["nobody"];
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let told = |outcomes: Vec<(MemberId, Outcome)>| -> Vec<&'static str> {
        outcomes
            .into_iter()
            .map(|(_, outcome)| match outcome {
                Outcome::Done(_) => "done",
                Outcome::Unchanged => "same",
                Outcome::Refused(_) | Outcome::Missing => "refused",
            })
            .collect()
    };
    let seated = |outcomes: Vec<(MemberId, groups::mass::Outcome)>| -> Vec<&'static str> {
        outcomes
            .into_iter()
            .map(|(_, outcome)| match outcome {
                groups::mass::Outcome::Done(_) => "done",
                groups::mass::Outcome::Unchanged => "same",
                groups::mass::Outcome::Ended => "ended",
                groups::mass::Outcome::Missing => "refused",
            })
            .collect()
    };
    let limited = |outcomes: Vec<(MemberId, limits::mass::Outcome)>| -> Vec<&'static str> {
        outcomes
            .into_iter()
            .map(|(_, outcome)| match outcome {
                limits::mass::Outcome::Done(_) => "done",
                limits::mass::Outcome::Unchanged => "same",
                _ => "refused",
            })
            .collect()
    };
    let refused = vec!["refused"; people.len()];
    let done = match deed {
        0 => match by.also::<RoleAssign>() {
            Ok(by) => {
                let wanted: Vec<_> = people.iter().map(|id| (*id, role)).collect();
                told(mass::change_roles(&mut tx, &by, &wanted, now).await.expect("work"))
            }
            Err(_) => refused,
        },
        1 => match by.also::<MemberSuspend>() {
            Ok(by) => {
                let pause = Pause {
                    until: None,
                    reason: "Spring".to_owned(),
                };
                let wanted: Vec<_> = people.iter().map(|id| (*id, pause.clone())).collect();
                told(mass::suspend(&mut tx, &by, &wanted, now).await.expect("work"))
            }
            Err(_) => refused,
        },
        2 => match by.also::<MemberSuspend>() {
            Ok(by) => told(mass::activate(&mut tx, &by, people, now).await.expect("work")),
            Err(_) => refused,
        },
        3 => match by.also::<MemberDisable>() {
            Ok(by) => told(mass::disable(&mut tx, &by, people, "Spring", now).await.expect("work")),
            Err(_) => refused,
        },
        4 => match by.also::<MemberManage>() {
            Ok(by) => told(mass::remove(&mut tx, &by, people, now).await.expect("work")),
            Err(_) => refused,
        },
        5 => match by.also::<GroupManage>() {
            Ok(by) => {
                let wanted: Vec<_> = people
                    .iter()
                    .map(|id| (*id, vec![groups::mass::plain(team, *id)]))
                    .collect();
                seated(groups::mass::add(&mut tx, &by, &wanted, now).await.expect("work"))
            }
            Err(_) => refused,
        },
        7 => match by.also::<LimitSet>() {
            Ok(by) => limited(limits::mass::set(&mut tx, &by, people, wish, now).await.expect("work")),
            Err(_) => refused,
        },
        _ => match by.also::<GroupManage>() {
            Ok(by) => {
                let wanted: Vec<_> = people.iter().map(|id| (*id, vec![team])).collect();
                seated(groups::mass::remove(&mut tx, &by, &wanted, now).await.expect("work"))
            }
            Err(_) => refused,
        },
    };
    tx.commit().await.expect("a commit");
    done
}

#[actix_web::test]
async fn i_25_a_seat_limit_holds_for_many_as_for_one() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let chosen = ids(&others);
    act(&ann, &org, "suspensions", &picked(&chosen, &[("do", "deactivate")])).await;
    assert_eq!(count(&portal, "notifications").await, 4);
    raw(
        &portal.app.db,
        &format!(
            "insert into subscriptions (org_id, plan, seats, renews_on, reference, billing_contact) values ({}, '', 3, '', '', '')",
            org.id.raw()
        ),
    )
    .await;
    let activate = picked(&chosen, &[("do", "activate")]);
    let dry = act(&ann, &org, "suspensions/check", &activate).await.page(200);
    dry.assert_says("Every seat is taken");
    let ran = act(&ann, &org, "suspensions", &activate).await;
    let page = ann.get(&ran.redirects_to(&org.path("/bulk/"))).await.page(200);
    page.assert_says("2 of 4 members changed.");
    page.assert_says("Every seat is taken");
    assert_eq!(count(&portal, "notifications").await, 6);
    assert_eq!(
        status_of(&portal, others[1].member.expect("a member")).await,
        Status::Inactive
    );
    assert_eq!(
        status_of(&portal, others[2].member.expect("a member")).await,
        Status::Suspended
    );
}

/// The own limits of a member: window, amount in credits, whether it has an end.
async fn own_limits(portal: &Portal, id: MemberId) -> Vec<String> {
    texts(
        &portal.app.db,
        &format!(
            "select cast(period as text) || ':' || coalesce(cast(amount / 1000000 as text), 'unlimited') || case when valid_until is null then '' else ':until' end from limit_policies where scope = 5 and scope_id = {} order by 1",
            id.raw()
        ),
    )
    .await
}

async fn set_limit(portal: &Portal, org: &Org, id: MemberId, month: Option<u32>, until: Option<Timestamp>) {
    let by = proof::<LimitSet>(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let wish = Wish {
        month: Some(month.map_or(Choice::Inherit, |credits| {
            Choice::Set(Value::Amount(Amount::credits(credits)))
        })),
        day: None,
        enforcement: Enforcement::Hard,
        until,
        note: String::new(),
    };
    limits::set(&mut tx, &by, id, &wish, portal.clock.now())
        .await
        .expect("a limit");
    tx.commit().await.expect("a commit");
}

#[actix_web::test]
async fn r_blk_03_r_lim_01_limits_are_set_for_many_with_a_dry_run_and_a_way_back() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let member = |place: usize| others[place].member.expect("a member");
    let now = portal.clock.now();
    set_limit(&portal, &org, member(0), Some(100), None).await;
    set_limit(
        &portal,
        &org,
        member(1),
        Some(300),
        Some(now.plus(minutes(30 * 24 * 60))),
    )
    .await;
    let chosen = ids(&others);

    // Before the amounts are known, it is told who can have a limit; then who would change.
    let first = act(&ann, &org, "limits/check", &picked(&chosen, &[])).await.page(200);
    first.assert_says("4 members can be given a limit");
    assert_eq!(
        first.attributes("[name=monthly_mode] option", "value"),
        ["keep", "inherit", "amount", "unlimited"]
    );
    let typed = |monthly: &'static str| {
        [
            ("monthly_mode", "keep"),
            ("monthly", monthly),
            ("monthly_was", "keep:"),
            ("daily_mode", "keep"),
            ("daily_was", "keep:"),
            ("enforcement", "hard"),
        ]
    };
    let audited = count(&portal, "audit").await;
    let dry = act(&ann, &org, "limits/check", &picked(&chosen, &typed("100")))
        .await
        .page(200);
    dry.assert_says("3 of 4 members will change");
    dry.assert_says("Has this limit already");
    assert_eq!(
        dry.attribute("#monthly", "value").as_deref(),
        Some("100"),
        "the form is kept"
    );
    assert_eq!(count(&portal, "audit").await, audited, "a dry run records nothing");

    // Typed text and refusals are those of the dialog of one member, and nothing of the form is lost.
    for (path, status) in [("limits/check", 422), ("limits", 422)] {
        let bad = act(&ann, &org, path, &picked(&chosen, &typed("1.000")))
            .await
            .page(status);
        assert_eq!(bad.attribute("#monthly", "value").as_deref(), Some("1.000"));
        assert_eq!(bad.attribute("#monthly", "aria-invalid").as_deref(), Some("true"));
    }
    let nothing = act(&ann, &org, "limits", &picked(&chosen, &typed(""))).await;
    nothing
        .page(422)
        .assert_says("Choose what the monthly or the daily limit becomes.");
    assert_eq!(count(&portal, "audit").await, audited);

    let done = act(&ann, &org, "limits", &picked(&chosen, &typed("200"))).await;
    let list = ann.get(&done.redirects_to(&org.path("/members"))).await.page(200);
    list.assert_says("4 members were changed: 200 credits a month.");
    for place in 0..4 {
        assert_eq!(own_limits(&portal, member(place)).await, ["3:200"]);
    }
    assert_eq!(
        count(&portal, "audit where action = 'limit.set'").await,
        6,
        "one for each person"
    );
    list.row("Bob").assert_cell("Limit", "200 a month");

    // One is changed by somebody else; the others get back what they had, the limit until a date too.
    set_limit(&portal, &org, member(3), Some(7), None).await;
    let undo = list.attribute(".toast form", "action").expect("an Undo");
    let job = ann.post(&undo, &[]).await.redirects_to(&org.path("/bulk/"));
    let page = ann.get(&job).await.page(200);
    page.assert_says("3 of 4 members changed.");
    page.row("Emil").assert_cell("Outcome", "Changed by someone since");
    assert_eq!(own_limits(&portal, member(0)).await, ["3:100"]);
    assert_eq!(own_limits(&portal, member(1)).await, ["3:300:until"]);
    assert_eq!(own_limits(&portal, member(2)).await, Vec::<String>::new());
    assert_eq!(own_limits(&portal, member(3)).await, ["3:7"]);
    assert_eq!(count(&portal, "audit where action = 'limit.set'").await, 10);
    let whole = texts(
        &portal.app.db,
        "select before || ' ' || after from audit where action = 'limit.set' and object_name = 'Bob' order by at desc, seq desc limit 1",
    )
    .await;
    assert_eq!(
        whole,
        [r#"{"monthly_limit":"200 credits"} {"monthly_limit":"100 credits"}"#]
    );
}

#[actix_web::test]
async fn r_blk_03_who_cannot_have_a_limit_is_told_with_the_reason() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let member = |place: usize| others[place].member.expect("a member");
    let eve = portal.member(&org, Role::Viewer, "eve").await;
    raw(
        &portal.app.db,
        &format!("update users set enterprise_role = 100 where id = {}", eve.user.raw()),
    )
    .await;
    raw(
        &portal.app.db,
        &format!("update members set status = 4 where id = {}", member(1).raw()),
    )
    .await;
    set_limit(&portal, &org, member(2), Some(5), None).await;
    let mut chosen = ids(&others);
    chosen.push(eve.id());
    let wish = [
        ("monthly_mode", "keep"),
        ("daily_mode", "amount"),
        ("daily", "10"),
        ("enforcement", "soft"),
    ];
    let dry = act(&ann, &org, "limits/check", &picked(&chosen, &wish)).await.page(200);
    dry.assert_says("2 of 5 members will change");
    let ran = act(&ann, &org, "limits", &picked(&chosen, &wish)).await;
    let page = ann.get(&ran.redirects_to(&org.path("/bulk/"))).await.page(200);
    for (who, why) in [
        ("Bob", "Done"),
        ("Cem", "Disabled, and uses nothing"),
        ("Dora", "The daily limit would be higher than the monthly one"),
        ("Emil", "Done"),
        ("Eve", "Stands above your own role"),
    ] {
        dry.assert_says(if why == "Done" { "will change" } else { why });
        page.row(who).assert_cell("Outcome", why);
    }
    // Without the right, nothing is told and nothing done.
    let bob = &others[0];
    assert_eq!(
        act(bob, &org, "limits/check", &picked(&chosen, &wish)).await.status,
        403
    );
}

#[actix_web::test]
async fn limits_of_thousands_are_set_by_the_worker_with_few_statements() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 1_200).await;
    let wish = [
        ("all", "1"),
        ("monthly_mode", "amount"),
        ("monthly", "50"),
        ("daily_mode", "keep"),
        ("enforcement", "hard"),
    ];
    let before = muster::db::statements_run();
    let ran = act(&ann, &org, "limits", &wish).await;
    let to = ran.redirects_to(&org.path("/bulk/"));
    work_all(&portal).await;
    let used = muster::db::statements_run() - before;
    ann.get(&to)
        .await
        .page(200)
        .assert_says("1,201 members were changed: 50 credits a month.");
    assert_eq!(count(&portal, "limit_policies where scope = 5").await, 1_201);
    assert!(used < 200, "{used} statements for 1,201 members");
}

#[actix_web::test]
async fn the_mails_of_thousands_are_taken_together() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 2_400).await;
    let fields = [("email", "guest@x.example"), ("role", "viewer")];
    ann.post(&org.path("/invites"), &fields).await.redirects_to("");
    act(&ann, &org, "suspensions", &[("all", "1"), ("do", "deactivate")]).await;
    work_all(&portal).await;
    let waiting = count(&portal, "outbox where state in (1, 3)").await;
    assert!(waiting > 2_000, "{waiting} mails of a change of 2,400 people");
    let before = muster::db::statements_run();
    let passed = muster::jobs::post(&portal.app).await.expect("the outbox");
    let used = muster::db::statements_run() - before;
    assert_eq!(passed as i64, waiting);
    assert_eq!(count(&portal, "outbox where state <> 5").await, 0);
    assert_eq!(count(&portal, "invitations where delivery = 5").await, 1);
    assert!(used < 30, "{used} statements for {waiting} mails");
}

#[actix_web::test]
async fn whom_no_limit_holds_can_be_selected_saved_and_exported() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    raw(
        &portal.app.db,
        &format!(
            "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, valid_until, set_by, set_at)
             values ({}, {}, 5, {}, 3, 500000000, 0, null, 'Keeper', 0)",
            org.id.row(900_000),
            org.id.raw(),
            others[0].member.expect("a member").raw()
        ),
    )
    .await;
    let path = org.path("/members");
    let all = ann
        .post(&format!("{path}/selection"), &[("list", "limit=none"), ("go", "all")])
        .await
        .page(200);
    assert_eq!(all.attributes("tbody input[checked]", "value").len(), 4);
    assert!(all.find_row("Bob").is_none());
    let form = [("all", "1"), ("list", "limit=none"), ("do", "deactivate")];
    let dry = act(&ann, &org, "suspensions/check", &form).await.page(200);
    dry.assert_says("3 of 4 members will change");
    let file = ann.get(&format!("{path}/export.csv?limit=none")).await;
    assert_eq!(file.body.lines().count(), 1 + 4, "{}", file.body);
    assert!(!file.body.contains("Bob"), "{}", file.body);
    let saved = ann
        .post(&org.path("/views"), &[("name", "Without"), ("list", "limit=none")])
        .await;
    assert!(saved.redirects_to(&path).ends_with("?limit=none"));
    assert_eq!(count(&portal, "saved_views where query = 'limit=none'").await, 1);
    let view = texts(&portal.app.db, "select cast(id as text) from saved_views").await;
    let view = muster::ids::ViewId::from_raw(view[0].parse().expect("an id"));
    ann.post(&org.path(&format!("/views/{view}/default")), &[("on", "yes")])
        .await;
    assert!(ann.get(&path).await.redirects_to(&path).ends_with("?limit=none"));
    ann.get(&format!("{path}?limit=none")).await.page(200);

    // Who sees nobody's limit cannot ask for it: the list and the file leave the filter out.
    let dora = &others[2];
    let file = dora.get(&format!("{path}/export.csv?limit=none")).await;
    assert_eq!(file.body.lines().count(), 1 + 5, "{}", file.body);

    let run = act(&ann, &org, "suspensions", &form).await;
    run.redirects_to(&org.path("/bulk/"));
    assert_eq!(
        status_of(&portal, others[0].member.expect("a member")).await,
        Status::Inactive
    );
    assert_eq!(
        status_of(&portal, dora.member.expect("a member")).await,
        Status::Suspended
    );
}

#[actix_web::test]
async fn whom_no_limit_holds_beside_a_default_is_found_among_the_few() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let people = crowd(&portal, &org, 300).await;
    let put = async |n: i64, scope: i64, of: i64, amount: &str| {
        let row = format!(
            "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, valid_until, set_by, set_at)
             values ({}, {}, {scope}, {of}, 3, {amount}, 0, null, 'Keeper', 0)",
            org.id.row(900_000 + n),
            org.id.raw(),
        );
        raw(&portal.app.db, &row).await;
    };
    put(1, 4, org.id.raw(), "500000000").await;
    put(2, 5, people[4].raw(), "null").await;
    put(3, 5, people[6].raw(), "null").await;
    put(4, 5, people[8].raw(), "200000000").await;
    let form = [("all", "1"), ("list", "limit=none"), ("do", "deactivate")];
    let dry = act(&ann, &org, "suspensions/check", &form).await.page(200);
    dry.assert_says("2 members will change");
    act(&ann, &org, "suspensions", &form).await.redirects_to(&org.path("/"));
    for (person, state) in [(4, Status::Suspended), (6, Status::Suspended), (8, Status::Active)] {
        assert_eq!(status_of(&portal, people[person]).await, state, "{person}");
    }
}

#[actix_web::test]
async fn r_blk_03_invitations_are_sent_again_by_the_dozen() {
    let portal = spawn_with_mail().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    for n in 0..3 {
        let email = format!("guest{n}@acme.example");
        let sent = ann
            .post(&org.path("/invites"), &[("email", &email), ("role", "member")])
            .await;
        assert_eq!(sent.status, 303, "{}", sent.body);
    }
    let page = ann.get(&org.path("/invites")).await.page(200);
    let chosen = page.attributes("tbody input[name=invitation]", "value");
    let form: Vec<(&str, &str)> = chosen.iter().map(|id| ("invitation", id.as_str())).collect();
    let path = org.path("/invites/resends");
    let soon = ann.post(&format!("{path}/check"), &form).await.page(200);
    soon.assert_says("Sent a minute ago");
    portal.clock.advance(minutes(3));
    let dry = ann
        .post(&format!("{path}/check"), &[("all", "1"), ("q", "guest")])
        .await
        .page(200);
    dry.assert_says("3 invitations will be sent again");
    let mails = count(&portal, "outbox").await;
    let ran = ann.post(&path, &form).await;
    let page = ann.get(&ran.redirects_to(&org.path("/bulk/"))).await.page(200);
    page.assert_says("3 invitations were sent again.");
    assert_eq!(count(&portal, "outbox").await, mails + 3);
    assert_eq!(count(&portal, "audit where action = 'invitation.resend'").await, 3);
    let again = ann.post(&path, &form).await;
    let page = ann.get(&again.redirects_to(&org.path("/bulk/"))).await.page(200);
    page.row("guest0@acme.example")
        .assert_cell("Outcome", "Sent a minute ago");
}

#[actix_web::test]
async fn b_16_an_export_holds_what_the_list_shows_in_its_order() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 2_300).await;
    let path = org.path("/members/export.csv");
    let has_01 = |n: &usize| format!("{n:04}").contains("01") || n.to_string().contains("01");
    let found = (0..2_300).filter(has_01).count();
    for (query, wanted) in [
        ("", 2_301),
        ("?role=viewer", 575),
        ("?role=viewer&sort=joined&dir=desc", 575),
        ("?status=deactivated&sort=role", 209),
        ("?q=person+01&sort=status", found),
        ("?q=person+01&sort=active", found),
    ] {
        let file = ann.get(&format!("{path}{query}")).await;
        assert_eq!(file.status, 200, "{}", file.body);
        assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
        let text = file.body.trim_start_matches('\u{feff}');
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().expect("a head").get(1), Some("Email"));
        let names: Vec<String> = reader.records().map(|row| row.expect("a row")[0].to_owned()).collect();
        assert_eq!(names.len(), wanted, "{query}");
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), wanted, "{query}: nobody twice");
        let shown = ann.get(&org.path(&format!("/members{query}"))).await.page(200);
        let first: Vec<String> = shown.all("tbody th a");
        for (shown, name) in first.iter().zip(&names) {
            assert!(shown.starts_with(name.as_str()), "{query}: {shown} is not {name}");
        }
    }
    assert_eq!(count(&portal, "audit where action = 'member.export'").await, 6);
    let chosen = ann.get(&org.path("/members?role=viewer")).await.page(200);
    let chosen = chosen.attributes("tbody input[name=member]", "value");
    let fields = [("member", chosen[0].as_str()), ("sel", &chosen[1]), ("format", "csv")];
    let file = ann.post(&org.path("/members/export"), &fields).await;
    assert_eq!(file.body.lines().count(), 3, "{}", file.body);

    // Members see names, not addresses, and do not find by them.
    let dora = portal.member(&org, Role::Member, "dora").await;
    let file = dora.get(&format!("{path}?q=acme.example")).await;
    assert_eq!(file.status, 200);
    assert!(!file.body.contains('@'), "{}", file.body);
    assert_eq!(file.body.lines().count(), 2, "the head and herself: {}", file.body);
    let boss = dora.get(&format!("{path}?q=ann@acme.example")).await;
    assert_eq!(boss.body.lines().count(), 1, "{}", boss.body);
}

fn workbook(bytes: &[u8]) -> Vec<Vec<Data>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let range = book.worksheet_range("Members").expect("a sheet");
    range.rows().map(<[Data]>::to_vec).collect()
}

async fn bytes(who: &Someone, path: &str) -> Vec<u8> {
    let answer = who.request(reqwest::Method::GET, path).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    answer.bytes().await.expect("a body").to_vec()
}

/// SECURITY C26: twelve lead characters in every text column that a person can fill.
#[actix_web::test]
async fn cve_c26_no_cell_of_an_export_is_a_formula() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let leads = [
        "=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\u{ff1d}", "\u{ff0b}", "\u{ff20}",
    ];
    for (n, lead) in leads.iter().enumerate() {
        let who = portal.member(&org, Role::Member, &format!("m{n}")).await;
        let team = group(&portal, &org, &format!("Team {n}")).await;
        let by = proof::<GroupManage>(&portal, &org).await;
        let mut tx = portal.app.db.write().await.expect("a transaction");
        let id = who.member.expect("a member");
        groups::add_members(&mut tx, &by, team, &[id], portal.clock.now())
            .await
            .expect("a group");
        tx.commit().await.expect("a commit");
        // Past every check of the forms: what matters is what the file does with it.
        let bad = format!("{lead}HYPERLINK(\"//evil\";{n})");
        let (member, team) = (id.raw(), team.raw());
        for sql in [
            format!("update members set name = '{bad}', email = '{lead}m{n}@acme.example' where id = {member}"),
            format!("update groups set name = '{bad}' where id = {team}"),
        ] {
            raw(&portal.app.db, &sql).await;
        }
    }
    let file = ann.get(&org.path("/members/export.csv")).await;
    let text = file.body.trim_start_matches('\u{feff}');
    let mut cells = 0;
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        for cell in &row.expect("a row") {
            assert!(
                !leads.iter().any(|lead| cell.starts_with(lead)),
                "a spreadsheet would run {cell:?}"
            );
            cells += usize::from(cell.starts_with('\''));
        }
    }
    assert_eq!(cells, 3 * leads.len(), "name, address and group of each");
    let book = bytes(&ann, &org.path("/members/export.xlsx")).await;
    let rows = workbook(&book);
    assert_eq!(rows.len(), leads.len() + 2);
    for row in &rows[1..] {
        for cell in &row[..5] {
            assert!(matches!(cell, Data::String(_) | Data::Empty), "{cell:?} is no text");
        }
    }
    let archive = String::from_utf8_lossy(&book);
    assert!(!archive.contains("<f>"));
    let names: Vec<String> = rows.iter().map(|row| row[0].to_string()).collect();
    for (n, lead) in leads.iter().enumerate() {
        let bad = format!("{lead}HYPERLINK(\"//evil\";{n})");
        // A carriage return is a line break to a reader of XML; the rest stays letter by letter.
        let read = names
            .iter()
            .any(|name| name.replace('\r', "\n") == bad.replace('\r', "\n"));
        assert!(read, "{bad:?} is not among {names:?}");
    }
}

#[actix_web::test]
async fn b_16_a_workbook_has_text_and_days_and_any_number_of_rows() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 2_050).await;
    let rows = workbook(&bytes(&ann, &org.path("/members/export.xlsx?sort=joined&dir=asc")).await);
    assert_eq!(rows.len(), 2_052);
    assert_eq!(rows[0][0], Data::String("Name".into()));
    assert_eq!(rows[1][0], Data::String("Person 0000".into()));
    assert_eq!(rows[2_050][0], Data::String("Person 2049".into()));
    let Data::DateTime(day) = &rows[1][5] else {
        panic!("{:?} is no day", rows[1][5])
    };
    // 14 November 2023, 23:13:20 in Berlin.
    assert!((day.as_f64() - 45_244.967_6).abs() < 0.001, "{}", day.as_f64());
}

#[actix_web::test]
async fn fault_f33_a_slow_reader_has_one_turn_and_holds_nothing() {
    let portal = spawn_with(|settings| settings.ceilings = true).await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    crowd(&portal, &org, 12_000).await;
    // More than all buffers between the two can hold.
    let long = "x".repeat(1_500);
    let sql = format!(
        "update members set name = name || '{long}' where org_id = {}",
        org.id.raw()
    );
    raw(&portal.app.db, &sql).await;
    let path = org.path("/members/export.csv");
    let mut slow = ann
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .expect("an answer");
    assert!(slow.chunk().await.expect("bytes").is_some());
    assert_eq!(ann.get(&path).await.status, 429, "one at once");
    // The slow one holds no transaction: others write and read meanwhile.
    let bob = portal.member(&org, Role::Manager, "bob").await;
    assert_eq!(bob.get(&org.path("/members?q=bob")).await.status, 200);
    let mut held = 0;
    for _ in 0..400 {
        held = match &portal.app.db {
            Db::Sqlite { read, .. } => read.size() as usize - read.num_idle(),
            Db::Postgres(pool) => pool.size() as usize - pool.num_idle(),
        } + muster::db::snapshots_open();
        if held == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(held, 0, "a connection is held");
    assert_eq!(ann.get(&path).await.status, 429, "and it has not come to its end");
    drop(slow);
    let mut free = false;
    for _ in 0..50 {
        free = ann
            .request(reqwest::Method::HEAD, &path)
            .send()
            .await
            .expect("an answer")
            .status()
            .as_u16()
            == 200;
        if free {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(free, "the turn ends with the connection");
}

#[actix_web::test]
async fn b_17_views_are_saved_shared_renamed_and_begin_the_list() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    let views = org.path("/views");
    let list = "role=viewer&sort=joined&dir=asc";
    ann.get(&format!("{views}?{list}"))
        .await
        .page(200)
        .assert_says("role Viewer, sorted by day of joining");
    let saved = ann
        .post(
            &views,
            &[
                ("name", "Readers"),
                ("list", &format!("{list}&after=xyz&junk=1")),
                ("shared", "1"),
            ],
        )
        .await;
    let to = saved.redirects_to(&org.path("/members?"));
    assert!(to.ends_with(list), "{to}");
    let page = ann.get(&to).await.page(200);
    assert_eq!(page.first("#views [aria-current]"), "Readers");
    let twice = ann.post(&views, &[("name", "readers"), ("list", "")]).await;
    let page = twice.page(422);
    page.assert_says("You have a view named readers already.");
    assert_eq!(page.value("name").as_deref(), Some("readers"));

    // Everyone sees the shared one; only administrators share and change it.
    let (bob, dora) = (&others[0], &others[2]);
    dora.get(&org.path("/members")).await.page(200).assert_says("Readers");
    assert_eq!(bob.post(&views, &[("name", "Mine"), ("shared", "1")]).await.status, 403);
    assert_eq!(
        bob.post(&views, &[("name", "Mine"), ("list", "role=member")])
            .await
            .status,
        303
    );
    dora.get(&org.path("/members")).await.page(200).assert_silent("Mine");
    let page = ann.get(&views).await.page(200);
    let change = page.attribute("td form", "action").expect("a form");
    assert_eq!(dora.post(&change, &[("name", "Hers")]).await.status, 403);
    assert_eq!(
        ann.post(&change, &[("name", "All readers"), ("shared", "1")])
            .await
            .status,
        303
    );
    ann.get(&views).await.page(200).assert_says("All readers");

    // The list begins with it, and everyone is one click away.
    assert_eq!(
        dora.post(&format!("{change}/default"), &[("on", "yes")]).await.status,
        303
    );
    assert_eq!(
        dora.get(&org.path("/members"))
            .await
            .redirects_to(&org.path("/members?")),
        org.path(&format!("/members?{list}"))
    );
    assert_eq!(dora.get(&org.path("/members?view=all")).await.status, 200);
    assert_eq!(
        ann.get(&org.path("/members")).await.status,
        200,
        "each has a default of their own"
    );
    // Not shared any more: it begins nobody else's list.
    assert_eq!(ann.post(&change, &[("name", "All readers")]).await.status, 303);
    let page = dora.get(&org.path("/members")).await.page(200);
    page.assert_silent("All readers");
    assert_eq!(dora.post(&format!("{change}/deletion"), &[]).await.status, 404);
    assert_eq!(ann.post(&format!("{change}/deletion"), &[]).await.status, 303);
    assert_eq!(count(&portal, "saved_views").await, 1);
    assert_eq!(count(&portal, "audit where action = 'members.view.save'").await, 4);
}

#[actix_web::test]
async fn old_jobs_are_forgotten() {
    let portal = spawn().await;
    let (org, ann, others) = small(&portal).await;
    act(&ann, &org, "roles", &picked(&ids(&others), &[("role", "viewer")])).await;
    assert_eq!(count(&portal, "bulk_items").await, 4);
    portal.clock.advance(muster::clock::days(31));
    for _ in 0..2 {
        let mut tx = portal.app.db.write().await.expect("a transaction");
        bulk::prune(&mut tx, portal.clock.now()).await.expect("a prune");
        tx.commit().await.expect("a commit");
    }
    assert_eq!(
        count(&portal, "bulk_items").await + count(&portal, "bulk_jobs").await,
        0
    );
}

#[actix_web::test]
async fn an_order_of_the_operator_is_worked_off_as_one() {
    let portal = spawn().await;
    let (org, _, others) = small(&portal).await;
    let by = proof::<MemberRead>(&portal, &org).await;
    let ids = vec![others[3].member.expect("a member")];
    let order = Order {
        kind: Kind::Suspend,
        terms: bulk::Terms::default(),
        title: "Deactivate members".to_owned(),
        meant: bulk::job::Meant::Members(Selection::Ids(ids)),
        total: 1,
    };
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let job = bulk::job::order(&mut tx, &by, order, portal.clock.now())
        .await
        .expect("an order");
    tx.commit().await.expect("a commit");
    work_all(&portal).await;
    let job = bulk::job::find(&mut portal.app.db.read(), org.id, job.id)
        .await
        .expect("the job");
    assert_eq!((job.state, job.changed), (State::Done, 1));
}
