//! What was used, as pages: an organization's, a member's and one's own, against known data (R-USE, R-CRD, B-54, C-35).

use std::time::Duration;

use muster::{
    access::{Role, inside, permission::GroupManage},
    clock::Timestamp,
    gate::{Principal, Who},
    groups::{self, Kind},
    ids::{GroupId, MemberId, OrgId},
    limits::{self, Settings},
    metering::{Account, Usage, past},
};

use crate::support::{Org, Portal, Someone, raw, spawn, texts};

const DAY: Duration = Duration::from_secs(86_400);
const CREDIT: i64 = 1_000_000;

async fn settings(portal: &Portal, org: &Org) -> Settings {
    let found = portal.org_ref(org).await;
    limits::settings::find(&mut portal.app.db.read(), &found)
        .await
        .expect("settings")
}

/// Somebody's usage: so many credits so long ago, of an activity.
fn used(account: Account, id: &str, at: Timestamp, credits: i64, activity: &str) -> (Account, Usage) {
    let usage = Usage {
        at: Some(at),
        activity: Some(activity.into()),
        app: Some("console".into()),
        ..Usage::new("test", id, credits * CREDIT)
    };
    (account, usage)
}

fn account(org: OrgId, someone: &Someone, group: Option<GroupId>) -> Account {
    Account {
        group,
        ..Account::member(org, someone.member.expect("a member"))
    }
}

async fn book(portal: &Portal, org: &Org, events: &[(Account, Usage)]) -> usize {
    let settings = settings(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let count = past::book(&mut tx, &settings, events).await.expect("booked");
    tx.commit().await.expect("a commit");
    count
}

async fn start() -> (Portal, Org, Someone, Someone) {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    (portal, org, ann, ben)
}

#[actix_web::test]
async fn r_use_05_nothing_used_yet_says_what_to_do() {
    let (_portal, org, ann, ben) = start().await;
    let page = ann.get(&org.path("/usage")).await.page(200);
    page.assert_heading("Usage");
    page.assert_says("Nothing has been used yet");
    assert_eq!(page.attribute(".empty a", "href"), Some(org.path("/keys")));
    let mine = ben.get(&org.path("/usage/mine")).await.page(200);
    mine.assert_heading("My usage");
    mine.assert_says("Nothing limits you here");
}

#[actix_web::test]
async fn r_use_04_05_r_crd_02_05_the_page_shows_what_was_booked_and_rows_add_up() {
    let (portal, org, ann, ben) = start().await;
    let now = portal.clock.now();
    let period = settings(&portal, &org).await.window(limits::Window::Month, now);
    // Noon of days of the period that runs and of the one before.
    let in_period = |days: u32| period.start.plus(DAY * days).plus(DAY / 2);
    let before = |days: u32| period.start.minus(DAY * days).plus(DAY / 2);
    let raw_group = org.id.row(700_001);
    raw(&portal.app.db, &format!(
        "insert into groups (id, org_id, kind, name, name_key, created_at) values ({raw_group}, {}, 1, 'Engineering', 'engineering', 0)",
        org.id.raw()
    )).await;
    let (anns, bens) = (
        account(org.id, &ann, None),
        account(org.id, &ben, Some(GroupId::from_raw(raw_group))),
    );
    let this_day = if in_period(0) <= now { in_period(0) } else { now };
    let events = [
        used(anns, "1", this_day, 30, "api.request"),
        used(bens, "2", this_day, 10, "api.request"),
        used(bens, "3", this_day.plus(Duration::from_secs(1)), 60, "flow.run"),
        used(bens, "4", before(3), 40, "flow.run"),
        used(bens, "4", before(3), 40, "flow.run"),
    ];
    assert_eq!(book(&portal, &org, &events).await, 4, "a twin counts once");
    assert_eq!(book(&portal, &org, &events).await, 0, "nothing counts twice");
    let page = ann.get(&org.path("/usage")).await.page(200);
    let figures = page.all(".stats > div");
    let figure = |label: &str| {
        figures
            .iter()
            .find(|one| one.contains(label))
            .unwrap_or_else(|| panic!("{label}: {figures:?}"))
            .clone()
    };
    assert!(
        figure("Used this month").contains("100 credits") && figure("Used this month").contains("3 events"),
        "{figures:?}"
    );
    assert!(figure("Last month").contains("40 credits"), "{figures:?}");
    assert!(figure("In all").contains("140 credits"), "{figures:?}");
    assert!(figure("Average month").contains("40 credits"), "{figures:?}");
    assert!(figure("Members who used something").contains('2'), "{figures:?}");
    let table = |id: &str| page.all(&format!("section[aria-labelledby={id}] tbody tr"));
    let groups = table("by-group");
    assert!(
        groups.len() == 2 && groups[0].contains("Engineering") && groups[0].contains("70 credits"),
        "{groups:?}"
    );
    assert!(
        groups[1].contains("Without a group") && groups[1].contains("30 credits"),
        "{groups:?}"
    );
    let members = table("by-member");
    assert!(
        members[0].contains("Ben") && members[0].contains("70\u{a0}%") || members[0].contains("70%"),
        "{members:?}"
    );
    let activities = table("by-activity");
    assert!(
        activities[0].contains("flow.run") && activities[0].contains("60 credits"),
        "{activities:?}"
    );
    assert!(table("by-app")[0].contains("console"));
    let days = page.all("details.data tbody tr");
    assert!(
        days.iter().any(|day| day.contains("100 credits") && day.contains('3')),
        "{days:?}"
    );
    let last = ann.get(&org.path("/usage?p=last")).await.page(200);
    last.assert_says("Used last month");
    assert!(last.all(".stats > div")[0].contains("40 credits"));
    let ninety = ann.get(&org.path("/usage?p=90")).await.page(200);
    assert!(ninety.all(".stats > div")[0].contains("140 credits"));
    let rows = ninety.all("section[aria-labelledby=by-activity] tbody tr");
    assert!(
        rows[0].contains("flow.run") && rows[0].contains("100 credits"),
        "{rows:?}"
    );
    // R-DIR-04: the same in the members table.
    let row = ann.get(&org.path("/members")).await.page(200).row("Ben");
    row.assert_cell("Limit", "70 used this month");
}

/// Where the limits of somebody's row come from.
async fn sources_of(by: &Someone, org: &Org, whose: &Someone) -> String {
    let page = by.get(&org.path("/members")).await.page(200);
    let title = page.attribute(&format!("#m-{} .c-limit", whose.id()), "title");
    title.expect("a title")
}

#[actix_web::test]
async fn b_54_my_usage_shows_limits_as_the_gate_sees_them() {
    let (portal, org, ann, ben) = start().await;
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", "100"),
        ("daily_mode", "amount"),
        ("daily", "10"),
        ("enforcement", "hard"),
    ];
    ann.post(&path, &fields).await.redirects_to(&org.path("/members"));
    let who = Who {
        org: org.id,
        principal: Principal::Member(ben.member.expect("a member")),
        key: None,
    };
    let ask = muster::gate::Ask {
        cost: 4 * CREDIT,
        ..Default::default()
    };
    let usage = Usage {
        activity: Some("api.request".into()),
        ..Usage::new("app", "1", 4 * CREDIT)
    };
    let granted = portal.app.gate.record(&who, &ask, &usage).await.expect("an answer");
    assert!(granted.done.is_some(), "{granted:?}");
    let page = ben.get(&org.path("/usage/mine")).await.page(200);
    let limits = page.all("#limits .stats > div");
    assert_eq!(limits.len(), 2, "{limits:?}");
    assert!(
        limits.iter().any(|one| one.contains("Daily limit")
            && one.contains("6 credits left")
            && one.contains("4 credits of 10 credits")),
        "{limits:?}"
    );
    assert!(
        limits
            .iter()
            .any(|one| one.contains("Monthly limit") && one.contains("96 credits left")),
        "{limits:?}"
    );
    assert_eq!(
        page.attribute("#limits header a", "href"),
        Some(org.path("/limits/request"))
    );
    assert!(page.text().contains("own limit"));
    // An administrator sees the same of him, and no way to ask in his name.
    let page = ann
        .get(&org.path(&format!("/members/{}/usage", ben.id())))
        .await
        .page(200);
    page.assert_heading("Usage of Ben");
    assert!(page.text().contains("96 credits left") && page.count("#limits header a") == 0);
    let row = ann.get(&org.path("/members")).await.page(200).row("Ben");
    row.assert_cell("Limit", "4 used, 4%");
    let cell = row.cell("Limit");
    assert!(
        cell.starts_with("4 used, 4%") && cell.ends_with("100 a month, 10 a day own limit"),
        "the spend first, then the limit and its source: {cell}"
    );
    let title = sources_of(&ann, &org, &ben).await;
    assert_eq!(title, "100 a month: own limit; 10 a day: own limit");
    // The rest goes, and the page says so.
    for id in 2..5 {
        let usage = Usage::new("app", id.to_string(), 2 * CREDIT);
        let ask = muster::gate::Ask {
            cost: 2 * CREDIT,
            ..Default::default()
        };
        portal.app.gate.record(&who, &ask, &usage).await.expect("an answer");
    }
    let page = ben.get(&org.path("/usage/mine")).await.page(200);
    page.assert_says("Requests are refused");
}

/// A platform reports what somebody used some time ago, which limits count now.
async fn report(portal: &Portal, org: &Org, who: &Someone, id: &str, at: Timestamp, credits: i64) {
    let usage = Usage {
        at: Some(at),
        ..Usage::new("host", id, credits * CREDIT)
    };
    let who = Who {
        org: org.id,
        principal: Principal::Member(who.member.expect("a member")),
        key: None,
    };
    let outcomes = portal.app.gate.report(org.id, vec![(who, usage)]).await;
    assert!(outcomes.expect("outcomes").iter().all(Result::is_ok));
}

/// Sets somebody's monthly and daily limit.
async fn limits_of(org: &Org, by: &Someone, who: &Someone, (monthly, daily): (&str, &str), enforcement: &str) {
    let path = org.path(&format!("/members/{}/limit", who.id()));
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", monthly),
        ("daily_mode", "amount"),
        ("daily", daily),
        ("enforcement", enforcement),
    ];
    by.post(&path, &fields).await.redirects_to(&org.path("/members"));
}

/// The instant at which the billing period that runs has begun.
async fn month_of(portal: &Portal, org: &Org) -> Timestamp {
    let now = portal.clock.now();
    settings(portal, org).await.window(limits::Window::Month, now).start
}

#[actix_web::test]
async fn r_dir_04_beside_a_limit_stands_what_the_limit_counts() {
    let (portal, org, ann, ben) = start().await;
    limits_of(&org, &ann, &ben, ("100", "90"), "hard").await;
    let before = month_of(&portal, &org).await.minus(DAY);
    report(&portal, &org, &ben, "late", before, 20).await;
    spend(&portal, &org, &ben, "1", 40).await;
    let row = ann.get(&org.path("/members")).await.page(200).row("Ben");
    row.assert_cell("Limit", "60 used, 60%");
    row.assert_cell("Status", "Inactive");
    let page = ben.get(&org.path("/usage/mine")).await.page(200);
    let limits = page.all("#limits .stats > div");
    assert!(
        limits.iter().any(|one| one.contains("60 credits of 100 credits used")),
        "{limits:?}"
    );
    let used = page.first("#figures > .stats > div");
    assert!(
        used.contains("Used this month 40 credits") && used.contains("The monthly limit counts 60 credits"),
        "{used}"
    );
    // Where the organization has a limit the figure is the limit's, and the page says what happened.
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", "200"),
        ("daily_mode", "inherit"),
        ("enforcement", "hard"),
        ("version", "0"),
    ];
    let path = org.path("/limits/pool");
    ann.post(&path, &fields).await.redirects_to(&org.path("/limits"));
    let used = ann.get(&org.path("/usage")).await.page(200).first(".stats > div");
    assert!(
        used.contains("60 credits 30% of 200 credits") && used.contains("By when it happened: 40 credits"),
        "{used}"
    );
    // Without a limit, and with nothing late, nothing is explained.
    spend(&portal, &org, &ann, "2", 5).await;
    let row = ann.get(&org.path("/members")).await.page(200).row("Ann");
    row.assert_cell("Limit", "5 used this month");
    let page = ann.get(&org.path("/usage/mine")).await.page(200);
    page.assert_silent("by when it was reported");
}

#[actix_web::test]
async fn r_dir_04_who_is_over_a_limit_is_seen_in_the_table() {
    let (portal, org, ann, ben) = start().await;
    let seen = async |who: &str| ann.get(&org.path("/members")).await.page(200).row(who);
    limits_of(&org, &ann, &ben, ("100", "60"), "hard").await;
    spend(&portal, &org, &ben, "1", 59).await;
    seen("Ben").await.assert_cell("Status", "Inactive");
    spend(&portal, &org, &ben, "2", 1).await;
    let row = seen("Ben").await;
    assert_eq!(row.cell("Status"), "Over limit daily limit used up");
    assert_eq!(
        row.cell("Limit"),
        "60 used, 60% 60 credits used, 60% this month Day: 60 of 60 100 a month, 60 a day own limit",
        "the limit that refuses, and that of the month"
    );
    let path = org.path(&format!("/members/{}", ben.id()));
    let head = ann.get(&path).await.page(200).first(".page-head p");
    assert!(head.contains("Over limit daily limit used up"), "{head}");
    // A limit that only warns refuses nobody.
    limits_of(&org, &ann, &ben, ("100", "60"), "soft").await;
    seen("Ben").await.assert_cell("Status", "Inactive");
    // The month is what the cell shows already.
    limits_of(&org, &ann, &ben, ("60", "60"), "hard").await;
    let row = seen("Ben").await;
    assert_eq!(row.cell("Status"), "Over limit monthly limit used up");
    assert!(!row.cell("Limit").contains("Month:"), "{}", row.cell("Limit"));
    // Whoever sees nobody's limits sees their own alone.
    let cleo = portal.member(&org, Role::Member, "cleo").await;
    let page = cleo.get(&org.path("/members")).await.page(200);
    page.row("Ben").assert_cell("Status", "Inactive");
    // A state that says more stays.
    let path = org.path(&format!("/members/{}/suspension", ben.id()));
    let ended = ann.post(&path, &[("reason", "Away")]).await;
    assert!(matches!(ended.status, 200 | 303), "{}", ended.body);
    seen("Ben").await.assert_cell("Status", "Deactivated");
    // Weeks and all time are windows too, where somebody has such a limit.
    let finn = portal.member(&org, Role::Member, "finn").await;
    for (period, n) in [(2, 900_001), (4, 900_002)] {
        raw(&portal.app.db, &format!(
            "insert into limit_policies (id, org_id, scope, scope_id, period, amount, action, priority, valid_from, note, set_by, set_at) values ({}, {}, 5, {}, {period}, 7000000, 1, 0, 0, '', 'Ann', 0)",
            org.id.row(n), org.id.raw(), finn.member.expect("a member").raw()
        )).await;
    }
    spend(&portal, &org, &finn, "3", 7).await;
    let row = seen("Finn").await;
    assert_eq!(row.cell("Status"), "Over limit total limit used up");
    assert!(row.cell("Limit").contains("In all: 7 of 7"), "{}", row.cell("Limit"));
    raw(&portal.app.db, "delete from limit_policies where period = 4").await;
    let row = seen("Finn").await;
    assert_eq!(row.cell("Status"), "Over limit weekly limit used up");
    assert!(row.cell("Limit").contains("Week: 7 of 7"), "{}", row.cell("Limit"));
}

#[actix_web::test]
async fn r_dir_04_the_table_asks_again_for_what_moves() {
    let (portal, org, ann, ben) = start().await;
    limits_of(&org, &ann, &ben, ("100", "60"), "hard").await;
    let page = ann.get(&org.path("/members")).await.page(200);
    let asks = page.attribute("[data-live]", "hx-get").expect("what is asked again");
    assert!(asks.starts_with(&org.path("/members/live?ids=mem_")), "{asks}");
    assert_eq!(asks.matches("mem_").count(), 2, "{asks}");
    spend(&portal, &org, &ben, "1", 60).await;
    let live = ann.htmx_get(&asks).await;
    assert_eq!(live.status, 200);
    let (state, limit) = (format!("#s-{}", ben.id()), format!("#u-{}", ben.id()));
    for target in [&state, &limit] {
        assert!(live.body.contains(&format!("hx-target=\"{target}\"")), "{}", live.body);
        assert_eq!(page.count(target), 1, "it has a place on the page");
    }
    assert!(live.body.contains("daily limit used up") && live.body.contains("Day: 60 of 60"));
    assert!(
        !live.body.contains("checkbox") && !live.body.contains("Ben"),
        "{}",
        live.body
    );
    // Without the script there is the page; other organizations, and what is no id, are nobody.
    ann.get(&asks).await.redirects_to(&org.path("/members"));
    let other = portal.org("Zyzzyva Works").await;
    let zoe = portal.member(&other, Role::Administrator, "zoe").await;
    let asks = org.path(&format!("/members/live?ids={},mem_x,", zoe.id()));
    let live = ann.htmx_get(&asks).await;
    assert_eq!((live.status, live.body.contains("mem_")), (200, false), "{}", live.body);
    // Whoever sees nobody's limits asks for their own alone, and is told no other.
    let cleo = portal.member(&org, Role::Member, "cleo").await;
    let page = cleo.get(&org.path("/members")).await.page(200);
    let asks = page.attribute("[data-live]", "hx-get").expect("one's own");
    assert_eq!(asks.matches("mem_").count(), 1, "{asks}");
    let live = cleo
        .htmx_get(&org.path(&format!("/members/live?ids={}", ben.id())))
        .await;
    assert_eq!((live.status, live.body.contains("mem_")), (200, false), "{}", live.body);
}

#[actix_web::test]
async fn r_grp_09_the_spend_of_a_group_is_asked_for_by_itself() {
    let t = teams().await;
    let page = t.ben.get(&t.red("")).await.page(200);
    let asks = page.attribute("#spend", "hx-get").expect("what is asked again");
    spend(&t.portal, &t.org, &t.cleo, "1", 6).await;
    let card = t.ben.htmx_get(&asks).await.page(200);
    assert_eq!(card.first("#spend .figure"), "6 credits");
    assert_eq!(card.count("main") + card.count("#results"), 0, "the card alone");
    // Who does not see it on the page does not see it by itself.
    assert_eq!(t.cleo.get(&t.red("")).await.page(200).count("#spend"), 0);
    assert_eq!(t.cleo.htmx_get(&asks).await.status, 404);
    // Beside the group's limit stands what the limit counts.
    let before = month_of(&t.portal, &t.org).await.minus(DAY);
    report(&t.portal, &t.org, &t.cleo, "late", before, 4).await;
    pool(&t.org, &t.ann, t.red, "40").await;
    let card = t.ben.htmx_get(&asks).await.page(200);
    assert_eq!(card.first("#spend .figure"), "10 credits");
    card.assert_says("By when it happened: 6 credits.");
}

/// Sets a group's own monthly limit, in credits.
async fn pool(org: &Org, by: &Someone, group: GroupId, monthly: &str) {
    let group = group.to_string();
    let fields = [
        ("group", group.as_str()),
        ("monthly_mode", "inherit"),
        ("daily_mode", "inherit"),
        ("enforcement", "hard"),
        ("pool_monthly_mode", "amount"),
        ("pool_monthly", monthly),
        ("pool_daily_mode", "inherit"),
        ("pool_enforcement", "hard"),
        ("version", "0"),
    ];
    let path = org.path("/limits/groups");
    by.post(&path, &fields).await.redirects_to(&path);
}

/// A group of a kind with some members, through the verbs.
async fn group(portal: &Portal, org: &Org, name: &str, kind: Kind, members: &[&Someone]) -> GroupId {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = inside::<GroupManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let now = portal.clock.now();
    let ids: Vec<MemberId> = members.iter().map(|one| one.member.expect("a member")).collect();
    let id = groups::create(&mut tx, &by, name, kind, now).await.expect("a group");
    groups::add_members(&mut tx, &by, id, &ids, now).await.expect("members");
    tx.commit().await.expect("a commit");
    id
}

/// Somebody asks the gate, and it books so many credits now.
async fn spend(portal: &Portal, org: &Org, who: &Someone, id: &str, credits: i64) {
    let who = Who {
        org: org.id,
        principal: Principal::Member(who.member.expect("a member")),
        key: None,
    };
    let ask = muster::gate::Ask {
        cost: credits * CREDIT,
        ..Default::default()
    };
    let usage = Usage {
        activity: Some("api.request".into()),
        ..Usage::new("app", id, credits * CREDIT)
    };
    let granted = portal.app.gate.record(&who, &ask, &usage).await.expect("an answer");
    assert!(granted.done.is_some(), "{granted:?}");
}

/// Ann is Org Admin. Ben, a Developer, leads Red with Cleo, Dan (a Viewer) and Finn in it; Finn is in Blue too, a department, for which
/// all counts that he uses.
struct Teams {
    portal: Portal,
    org: Org,
    ann: Someone,
    ben: Someone,
    cleo: Someone,
    dan: Someone,
    finn: Someone,
    red: GroupId,
    blue: GroupId,
}

async fn teams() -> Teams {
    let (portal, org, ann, ben) = start().await;
    let cleo = portal.member(&org, Role::Member, "cleo").await;
    let dan = portal.member(&org, Role::Viewer, "dan").await;
    let finn = portal.member(&org, Role::Member, "finn").await;
    let red = group(&portal, &org, "Red", Kind::Team, &[&ben, &cleo, &dan, &finn]).await;
    let blue = group(&portal, &org, "Blue", Kind::Department, &[&finn]).await;
    let path = org.path(&format!("/groups/{red}"));
    ann.post(&format!("{path}/members/{}/lead", ben.id()), &[])
        .await
        .redirects_to(&path);
    Teams {
        portal,
        org,
        ann,
        ben,
        cleo,
        dan,
        finn,
        red,
        blue,
    }
}

impl Teams {
    fn red(&self, rest: &str) -> String {
        self.org.path(&format!("/groups/{}{rest}", self.red))
    }
}

const SPEND: &str = "[aria-labelledby=spend-h]";

#[actix_web::test]
async fn r_grp_09_a_groups_page_shows_what_was_used_for_it_this_month() {
    let t = teams().await;
    let empty = t.ann.get(&t.red("")).await.page(200);
    assert_eq!(
        empty.first(SPEND),
        "Spend All groups Nothing has been used for this group this month."
    );
    spend(&t.portal, &t.org, &t.ben, "1", 4).await;
    spend(&t.portal, &t.org, &t.cleo, "2", 6).await;
    spend(&t.portal, &t.org, &t.finn, "3", 25).await;
    spend(&t.portal, &t.org, &t.ann, "4", 100).await;
    let now = t.portal.clock.now();
    let month = settings(&t.portal, &t.org).await.window(limits::Window::Month, now);
    let before = [used(
        account(t.org.id, &t.ben, Some(t.red)),
        "5",
        month.start.minus(DAY * 2),
        40,
        "flow.run",
    )];
    assert_eq!(book(&t.portal, &t.org, &before).await, 1);

    let page = t.ann.get(&t.red("")).await.page(200);
    assert_eq!(page.first(&format!("{SPEND} .figure")), "10 credits");
    page.assert_says("this month, 2 events");
    let facts = page.all(&format!("{SPEND} dd"));
    assert_eq!(
        facts.last().map(String::as_str),
        Some("40 credits"),
        "last month: {facts:?}"
    );
    // The table beside the drawing has each day so far, and all of it is today's.
    let days = page.all(&format!("{SPEND} details.data tbody tr"));
    assert_eq!(days.len(), 21);
    assert_eq!(days[20], "21 Nov 10 credits 2");
    assert!(days[..20].iter().all(|day| day.ends_with("0 credits 0")), "{days:?}");
    assert_eq!(page.count(&format!("{SPEND} svg rect")), 21);
    let drawn = page.attribute(&format!("{SPEND} svg[role=img]"), "aria-label");
    assert_eq!(
        drawn.as_deref(),
        Some("Usage by day, 1 Nov to 21 Nov: 10 credits in all, most on 21 Nov with 10 credits")
    );
    // Who of the group uses most, wherever that was booked, each with the way to their usage.
    assert_eq!(
        page.all(&format!("{SPEND} .pick li")),
        ["F Finn 25 credits", "C Cleo 6 credits", "B Ben 4 credits"]
    );
    // The second view of C-35, which overlaps with other groups and says so.
    page.assert_says("for other groups too: 35 credits together. Whoever is in several groups counts in each.");
    let usage_of = |who: &Someone| t.org.path(&format!("/members/{}/usage", who.id()));
    let links = page.attributes(&format!("{SPEND} a"), "href");
    assert_eq!(
        links,
        [
            t.org.path("/usage#by-group"),
            usage_of(&t.finn),
            usage_of(&t.cleo),
            usage_of(&t.ben)
        ]
    );
    for link in &links {
        assert_eq!(t.ann.get(link).await.status, 200, "{link}");
    }
    // The page it leads to has the same figure, and another group's own.
    let groups = t.ann.get(&t.org.path("/usage")).await.page(200);
    let groups = groups.all("section[aria-labelledby=by-group] tbody tr");
    assert!(
        groups
            .iter()
            .any(|row| row.contains("Red") && row.ends_with(" 10 credits")),
        "{groups:?}"
    );
    let blue = t.ann.get(&t.org.path(&format!("/groups/{}", t.blue))).await.page(200);
    assert_eq!(blue.first(&format!("{SPEND} .figure")), "25 credits");

    // A spend stands with its limit.
    pool(&t.org, &t.ann, t.red, "40").await;
    let page = t.ann.get(&t.red("")).await.page(200);
    page.assert_says("this month, 25% of 40 credits");
    assert_eq!(
        page.attribute(&format!("{SPEND} meter"), "max").as_deref(),
        Some("40000000")
    );

    // Whoever has left the group is no longer among its members, and what was booked for it stays.
    t.ann
        .post(&t.red(&format!("/members/{}/removal", t.cleo.id())), &[])
        .await
        .redirects_to(&t.red(""));
    let page = t.ann.get(&t.red("")).await.page(200);
    assert_eq!(
        page.all(&format!("{SPEND} .pick li")),
        ["F Finn 25 credits", "B Ben 4 credits"]
    );
    assert_eq!(page.first(&format!("{SPEND} .figure")), "10 credits");
}

#[actix_web::test]
async fn r_grp_09_the_spend_of_a_group_is_for_its_lead_and_those_who_read_usage() {
    let t = teams().await;
    spend(&t.portal, &t.org, &t.cleo, "1", 6).await;
    spend(&t.portal, &t.org, &t.finn, "2", 25).await;
    let other = t.portal.org("Zyzzyva Works").await;
    let zoe = t.portal.member(&other, Role::Administrator, "zoe").await;
    // The lead sees the group's figures, and neither what single people use elsewhere nor the way to pages that are closed to him.
    let led = t.ben.get(&t.red("")).await.page(200);
    assert_eq!(led.first(&format!("{SPEND} .figure")), "6 credits");
    assert_eq!(led.count(&format!("{SPEND} a")), 0);
    led.assert_silent("25 credits");
    assert_eq!(t.ben.get(&t.org.path("/usage")).await.status, 403);
    assert_eq!(t.ben.get(&t.org.path(&format!("/groups/{}", t.blue))).await.status, 403);
    // A Viewer reads usage, also as a member of the group; whoever does not sees what was there before.
    let read = t.dan.get(&t.red("")).await.page(200);
    assert_eq!(
        read.all(&format!("{SPEND} .pick li")),
        ["F Finn 25 credits", "C Cleo 6 credits"]
    );
    for link in read.attributes(&format!("{SPEND} a"), "href") {
        assert_eq!(t.dan.get(&link).await.status, 200, "{link}");
    }
    let seen = t.cleo.get(&t.red("")).await.page(200);
    assert_eq!(seen.count(SPEND), 0);
    seen.assert_silent("credits");
    assert_eq!(zoe.get(&t.red("")).await.status, 404);
    let foreign = other.path(&format!("/groups/{}", t.red));
    assert_eq!(zoe.get(&foreign).await.status, 404);
    // The lead hides the card, moves it to the front, and it is there again.
    let hide = [("order", "members"), ("order", "spend"), ("show", "members")];
    t.ben.post(&t.red("/cards"), &hide).await.redirects_to(&t.red(""));
    assert_eq!(t.ann.get(&t.red("")).await.page(200).count(SPEND), 0);
    let show = [
        ("order", "spend"),
        ("order", "members"),
        ("show", "spend"),
        ("show", "members"),
    ];
    t.ben.post(&t.red("/cards"), &show).await.redirects_to(&t.red(""));
    let cards = t.ben.get(&t.red("")).await.page(200).all(".cards > section h2");
    assert_eq!(cards[..2], ["Spend", "Members"], "{cards:?}");
}

#[actix_web::test]
async fn a_lead_reads_what_a_member_of_the_own_group_has_used() {
    let t = teams().await;
    spend(&t.portal, &t.org, &t.finn, "1", 25).await;
    limits_of(&t.org, &t.ann, &t.finn, ("100", "60"), "hard").await;
    // The way to it stands in the table of the group's people.
    let page = t.ben.get(&t.red("")).await.page(200);
    let links = page.attributes(&format!("#m-{} .menu a", t.finn.id()), "href");
    let path = t.red(&format!("/members/{}/usage", t.finn.id()));
    assert!(links.contains(&path), "{links:?}");
    let page = t.ben.get(&path).await.page(200);
    page.assert_heading("Usage of Finn");
    page.assert_says("75 credits left");
    assert_eq!(
        page.count("a[download]") + page.count("form[method=post][action*=limit]"),
        0
    );
    assert_eq!(page.count("#request-more"), 0);
    // That one group's members alone, and nothing more of them.
    let closed = [
        (t.red(&format!("/members/{}/usage", t.ann.id())), 404),
        (
            t.org.path(&format!("/groups/{}/members/{}/usage", t.blue, t.finn.id())),
            403,
        ),
        (t.org.path(&format!("/members/{}/usage", t.finn.id())), 403),
        (t.org.path(&format!("/members/{}/usage/export.csv", t.finn.id())), 403),
        (format!("{path}/export.csv"), 404),
        (t.org.path("/usage"), 403),
    ];
    for (path, status) in closed {
        assert_eq!(t.ben.get(&path).await.status, status, "{path}");
    }
    // Members who do not lead do not read it, and a Viewer is led to the page of those who read everybody's.
    assert_eq!(t.cleo.get(&path).await.status, 403);
    let page = t.cleo.get(&t.red("")).await.page(200);
    let links = page.attributes(&format!("#m-{} .menu a", t.finn.id()), "href");
    assert!(links.iter().all(|link| !link.contains("/usage")), "{links:?}");
    let page = t.dan.get(&t.red("")).await.page(200);
    let links = page.attributes(&format!("#m-{} .menu a", t.finn.id()), "href");
    assert!(
        links.contains(&t.org.path(&format!("/members/{}/usage", t.finn.id()))),
        "{links:?}"
    );
    // Who has left the group is gone for its lead, and who leads it no longer reads nothing.
    let removal = t.red(&format!("/members/{}/removal", t.finn.id()));
    t.ann.post(&removal, &[]).await.redirects_to(&t.red(""));
    assert_eq!(t.ben.get(&path).await.status, 404);
    let of_cleo = t.red(&format!("/members/{}/usage", t.cleo.id()));
    assert_eq!(t.ben.get(&of_cleo).await.status, 200);
    let lead = t.red(&format!("/members/{}/lead", t.cleo.id()));
    t.ann.post(&lead, &[]).await.redirects_to(&t.red(""));
    let end = t.red(&format!("/members/{}/lead/end", t.ben.id()));
    t.ann.post(&end, &[]).await.redirects_to(&t.red(""));
    assert_eq!(t.ben.get(&of_cleo).await.status, 403);
}

#[actix_web::test]
async fn usage_of_others_is_for_those_who_may_read_it() {
    let (portal, org, ann, ben) = start().await;
    let other = portal.org("Zyzzyva Works").await;
    let zoe = portal.member(&other, Role::Administrator, "zoe").await;
    assert_eq!(ben.get(&org.path("/usage")).await.status, 403);
    assert_eq!(
        ben.get(&org.path(&format!("/members/{}/usage", ann.id()))).await.status,
        403
    );
    assert_eq!(zoe.get(&org.path("/usage")).await.status, 404);
    assert_eq!(
        ann.get(&org.path(&format!("/members/{}/usage", zoe.id()))).await.status,
        404
    );
    // The tab leads to what one may see.
    let tab = |page: crate::support::Page| {
        let (texts, hrefs) = (page.all("nav.tabs a"), page.attributes("nav.tabs a", "href"));
        let place = texts
            .iter()
            .position(|text| text.starts_with("Usage"))
            .expect("the tab");
        hrefs[place].clone()
    };
    assert_eq!(tab(ann.get(&org.path("/members")).await.page(200)), org.path("/usage"));
    assert_eq!(
        tab(ben.get(&org.path("/usage/mine")).await.page(200)),
        org.path("/usage/mine")
    );
}

#[actix_web::test]
async fn what_is_booked_in_the_past_weighs_on_no_window_that_runs() {
    let (portal, org, _ann, ben) = start().await;
    let now = portal.clock.now();
    let events = [used(
        account(org.id, &ben, None),
        "1",
        now.minus(DAY * 60),
        40,
        "flow.run",
    )];
    assert_eq!(book(&portal, &org, &events).await, 1);
    let report = muster::metering::verify::verify(&portal.app.db).await.expect("a look");
    assert_eq!((report.wrong, report.events), (0, 1), "{:?}", report.faults);
    let flags = texts(&portal.app.db, "select cast(booked_at = at as text) from usage_events").await;
    assert!(matches!(flags[0].as_str(), "1" | "true"), "{flags:?}");
}

#[actix_web::test]
async fn r_alr_01_02_03_a_limit_that_runs_out_is_told_once() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "100").await;
    let spend = async |id: &str, credits: i64| told(&portal, &org, &ben, id, credits).await;
    assert_eq!(spend("1", 79).await, 0);
    assert_eq!(spend("2", 1).await, 1, "80 of 100");
    assert_eq!(spend("3", 5).await, 0, "once");
    let page = ben.get("/me/notifications").await.page(200);
    page.assert_says("80% of your monthly limit at Acme is used: 80 credits of 100 credits.");
    assert_eq!(portal.mails_to(&ben.email).await, 1);
    ann.get("/me/notifications")
        .await
        .page(200)
        .assert_silent("has used up");
    assert_eq!(spend("4", 15).await, 1, "all of it");
    let page = ben.get("/me/notifications").await.page(200);
    page.assert_says("Your monthly limit at Acme is used up");
    let page = ann.get("/me/notifications").await.page(200);
    page.assert_says("has used up the monthly limit at Acme: 100 credits of 100 credits.");
    assert_eq!(
        muster::usage::alerts::run(&portal.app).await.expect("alerts"),
        0,
        "nobody has spent anything"
    );
}

/// Spends credits of somebody now, and says how many alerts that was.
async fn told(portal: &Portal, org: &Org, someone: &Someone, id: &str, credits: i64) -> usize {
    spend(portal, org, someone, id, credits).await;
    muster::usage::alerts::run(&portal.app).await.expect("alerts")
}

/// Sets somebody's hard monthly limit as an administrator does.
pub async fn limit(org: &Org, ann: &Someone, ben: &Someone, monthly: &str) {
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    let fields = [
        ("monthly_mode", "amount"),
        ("monthly", monthly),
        ("daily_mode", "inherit"),
        ("daily", ""),
        ("enforcement", "hard"),
    ];
    ann.post(&path, &fields).await.redirects_to(&org.path("/members"));
}

#[actix_web::test]
async fn b_11_an_organization_chooses_the_parts_of_a_limit_that_are_told() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "100").await;
    let path = org.path("/usage/alerts");
    let form = ann.get(&path).await.page(200);
    form.assert_says("Usage alerts");
    assert_eq!(form.value("parts").as_deref(), Some("80, 100"));

    for (parts, factor, says) in [
        ("eighty", "3", "whole percents from 1 to 100"),
        ("0, 80", "3", "whole percents from 1 to 100"),
        ("80", "1", "Choose from 2 to 20 times"),
        ("80", "often", "Write a whole number"),
    ] {
        let sent = [
            ("parts", parts),
            ("spike_factor", factor),
            ("tells_unused", "1"),
            ("version", "0"),
        ];
        let again = ann.post(&path, &sent).await.page(422);
        again.assert_says(says);
        assert_eq!(
            again.value("parts").as_deref(),
            Some(parts),
            "nothing that was typed is lost"
        );
    }
    let sent = [("parts", "50, 90"), ("spike_factor", "0"), ("version", "0")];
    ann.post(&path, &sent).await.redirects_to(&org.path("/limits#alerts"));
    ann.post(&path, &sent).await.page(409); // somebody else has saved meanwhile
    ann.get(&org.path("/audit"))
        .await
        .page(200)
        .assert_says("Changed what Acme is told about usage");

    assert_eq!(told(&portal, &org, &ben, "1", 49).await, 0);
    assert_eq!(
        told(&portal, &org, &ben, "2", 45).await,
        1,
        "past two parts at once: the larger one"
    );
    let page = ben.get("/me/notifications").await.page(200);
    page.assert_says("94% of your monthly limit at Acme is used");
    page.assert_silent("50% of your");
    assert_eq!(
        told(&portal, &org, &ben, "3", 6).await,
        0,
        "100 is no part that is told"
    );
    assert_eq!(portal.mails_to(&ben.email).await, 1);
    assert_eq!(portal.mails_to(&ann.email).await, 0, "administrators are not told here");
}

#[actix_web::test]
async fn r_alr_04_a_day_unlike_others_is_told_once() {
    let (portal, org, ann, ben) = start().await;
    let now = portal.clock.now();
    let before: Vec<_> = (1..=5)
        .map(|day| {
            let at = now.minus(DAY * day);
            used(account(org.id, &ben, None), &day.to_string(), at, 10, "flow.run")
        })
        .collect();
    assert_eq!(book(&portal, &org, &before[..4]).await, 4);
    assert_eq!(
        told(&portal, &org, &ben, "today", 29).await,
        0,
        "four days say nothing of what is usual"
    );
    assert_eq!(book(&portal, &org, &before[4..]).await, 1);
    portal
        .app
        .gate
        .note_spenders(vec![(org.id, Principal::Member(ben.member.expect("a member")))]);
    assert_eq!(
        muster::usage::alerts::run(&portal.app).await.expect("alerts"),
        0,
        "29 are not three times 10"
    );
    assert_eq!(told(&portal, &org, &ben, "more", 1).await, 1);
    assert_eq!(told(&portal, &org, &ben, "and more", 50).await, 0, "once a day");
    let page = ben.get("/me/notifications").await.page(200);
    page.assert_says("You have used 30 credits at Acme today, and 10 credits on an ordinary day.");
    let page = ann.get("/me/notifications").await.page(200);
    page.assert_says("has used 30 credits at Acme today, and 10 credits on an ordinary day.");
    assert_eq!(portal.mails_to(&ben.email).await, 1);
    assert_eq!(portal.mails_to(&ann.email).await, 1);
}

/// B-11: of a limit that many share, the administrators hear and whoever leads the group, once for each part of it.
#[actix_web::test]
async fn b_11_limits_that_many_share_are_told_to_who_looks_after_them() {
    let (portal, org, ann, ben) = start().await;
    let cleo = portal.member(&org, Role::Developer, "cleo").await;
    let team = group(&portal, &org, "Engineering", Kind::Team, &[&ben, &cleo]).await;
    let (org_id, team_id) = (org.id.raw(), team.raw());
    let lead = cleo.member.expect("a member").raw();
    raw(
        &portal.app.db,
        &format!("update group_members set is_lead = true where member_id = {lead}"),
    )
    .await;
    for (n, scope, of, credits) in [(1, 1, org_id, 100), (2, 2, team_id, 50)] {
        let id = (org_id << 32) + 900_000 + n;
        raw(&portal.app.db, &format!(
            "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({id}, {org_id}, {scope}, {of}, 3, {}, 0, '', 0)",
            credits * CREDIT
        )).await;
    }
    let spend = async |id: &str, principal: Principal, credits: i64| {
        let who = Who {
            org: org.id,
            principal,
            key: None,
        };
        let usage = Usage::new("app", id, credits * CREDIT);
        let granted = portal
            .app
            .gate
            .record(&who, &muster::gate::Ask::default(), &usage)
            .await;
        assert!(granted.expect("an answer").done.is_some(), "{id}");
        muster::usage::alerts::run(&portal.app).await.expect("alerts")
    };
    let ben_id = Principal::Member(ben.member.expect("a member"));
    assert_eq!(spend("1", ben_id, 39).await, 0, "78 % of the group's");
    assert_eq!(spend("2", ben_id, 2).await, 1, "82 % of the group's");
    assert_eq!(spend("3", ben_id, 1).await, 0, "once");
    for who in [&ann, &cleo] {
        let page = who.get("/me/notifications").await.page(200);
        page.assert_says("Engineering has used 82% of the monthly limit at Acme: 41 credits of 50 credits.");
    }
    assert_eq!(portal.mails_to(&ann.email).await, 1);
    assert_eq!(portal.mails_to(&cleo.email).await, 1);
    assert_eq!(
        portal.mails_to(&ben.email).await,
        0,
        "whoever shares it has nothing to decide"
    );
    // A group spends by a key of its own, too; then both limits are past a part of theirs.
    assert_eq!(spend("4", Principal::Group(team), 8).await, 1);
    let page = cleo.get("/me/notifications").await.page(200);
    page.assert_says("Engineering has used up the monthly limit at Acme: 50 credits of 50 credits.");
    let service = Principal::ServiceAccount((org_id << 32) + 77);
    assert_eq!(spend("5", service, 50).await, 1);
    let page = ann.get("/me/notifications").await.page(200);
    page.assert_says("Acme has used up the monthly limit at Acme: 100 credits of 100 credits.");
    page.assert_silent("Acme has used 80%");
    let page = cleo.get("/me/notifications").await.page(200);
    page.assert_silent("Acme has used up");
    // After a start, nothing is told again.
    muster::usage::alerts::resume(&portal.app).await.expect("resumed");
    assert_eq!(muster::usage::alerts::run(&portal.app).await.expect("alerts"), 0);
}

#[actix_web::test]
async fn r_alr_05_who_used_nothing_in_a_month_is_told_when_it_is_over() {
    let (portal, org, ann, ben) = start().await;
    let review = async || muster::usage::alerts::review(&portal.app).await.expect("a review");
    assert_eq!(review().await, 0, "the month before the first review is no news");
    portal.clock.advance(DAY * 40);
    assert_eq!(
        review().await,
        0,
        "nobody at all used anything: nothing is reported here"
    );
    let used_by_ben = [used(
        account(org.id, &ben, None),
        "1",
        portal.clock.now(),
        10,
        "flow.run",
    )];
    assert_eq!(book(&portal, &org, &used_by_ben).await, 1);
    let cleo = portal.member(&org, Role::Developer, "cleo").await; // came in the middle of the month
    portal.clock.advance(DAY * 31);
    let again = portal.sign_in(ann.user).await;
    assert_eq!(
        review().await,
        1,
        "Ann alone was there for the whole month and used nothing"
    );
    assert_eq!(review().await, 0, "once");
    let page = again.get("/me/notifications").await.page(200);
    page.assert_says("1 member of Acme used nothing in");
    let page = again.get(&org.path("/usage/unused")).await.page(200);
    page.assert_says("1 member");
    page.assert_says(&ann.name);
    page.assert_silent(&ben.name);
    page.assert_silent(&cleo.name);
    let sent = [("parts", "80"), ("spike_factor", "3"), ("version", "0")];
    again
        .post(&org.path("/usage/alerts"), &sent)
        .await
        .redirects_to(&org.path("/limits#alerts"));
    portal.clock.advance(DAY * 31);
    assert_eq!(review().await, 0, "nobody wants to hear of it any more");
}

#[actix_web::test]
async fn what_was_spent_before_a_start_is_told_after_it() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "100").await;
    let who = Who {
        org: org.id,
        principal: Principal::Member(ben.member.expect("a member")),
        key: None,
    };
    let ask = muster::gate::Ask::default();
    let granted = portal
        .app
        .gate
        .record(&who, &ask, &Usage::new("app", "1", 90 * CREDIT))
        .await
        .expect("an answer");
    assert!(granted.done.is_some(), "{granted:?}");
    portal.app.gate.take_spenders(); // what memory knew is gone
    assert_eq!(muster::usage::alerts::run(&portal.app).await.expect("alerts"), 0);
    muster::usage::alerts::resume(&portal.app).await.expect("resumed");
    assert_eq!(muster::usage::alerts::run(&portal.app).await.expect("alerts"), 1);
}

/// The rows of a file of usage, without its head.
fn rows_of(file: &crate::support::Answer) -> Vec<Vec<String>> {
    assert_eq!(file.status, 200, "{}", file.body);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    let text = file.body.strip_prefix('\u{feff}').expect("a mark of UTF-8");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers().expect("a head");
    assert_eq!(head, ["Table", "Name", "Used (credits)", "Share", "Events"].as_slice());
    let row = |row: Result<csv::StringRecord, _>| row.expect("a row").iter().map(str::to_owned).collect();
    reader.records().map(row).collect()
}

/// What a row of a file reads on its page.
fn as_shown(row: &[String]) -> String {
    let used = match row[2].strip_prefix('-') {
        Some(size) => format!("\u{2212}{size} credits"),
        None if row[2] == "1" => "1 credit".to_owned(),
        None => format!("{} credits", row[2]),
    };
    if row[0] == "By day" {
        let day: jiff::civil::Date = row[1].parse().expect("a date");
        return format!("{} {used} {}", day.strftime("%-d %b"), row[4]);
    }
    let events = if row[4] == "1" { "event" } else { "events" };
    format!("{} {} {events} {} {used}", row[1], row[4], row[3])
}

/// Compares a page with the file that it offers: the same tables, rows and figures in the same order.
async fn file_of_page(who: &Someone, path: &str) -> Vec<Vec<String>> {
    let page = who.get(path).await.page(200);
    let href = page.attribute("a[download]", "href").expect("a way to the file");
    let rows = rows_of(&who.get(&href).await);
    let shown: Vec<String> = ["details.data tbody tr", "table.dist tbody tr"]
        .into_iter()
        .flat_map(|rows| page.all(rows))
        .collect();
    let written: Vec<String> = rows.iter().map(|row| as_shown(row)).collect();
    assert_eq!(written, shown, "{path}");
    let mut tables: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    tables.dedup();
    let mut heads = page.all(".panel h2");
    heads.retain(|head| head != "Limits");
    assert_eq!(tables, heads, "{path}");
    rows
}

#[actix_web::test]
async fn b_16_a_page_of_usage_gives_a_file_of_what_it_shows() {
    let t = teams().await;
    let (portal, org) = (&t.portal, &t.org);
    spend(portal, org, &t.ben, "1", 4).await;
    spend(portal, org, &t.finn, "2", 25).await;
    let now = portal.clock.now();
    let month = settings(portal, org).await.window(limits::Window::Month, now).start;
    let keyed = Account {
        key: Some(org.id.row(77)),
        ..account(org.id, &t.ben, Some(t.red))
    };
    let mut part = used(keyed, "5", month.plus(DAY), 0, "flow.run");
    part.1.amount = 1_250_000;
    part.1.flow = Some("Nightly".into());
    let mut back = used(
        account(org.id, &t.cleo, Some(t.red)),
        "6",
        month.plus(DAY * 2),
        -3,
        "repair",
    );
    back.1.kind = muster::metering::Kind::Adjustment;
    let last = used(
        account(org.id, &t.cleo, Some(t.red)),
        "7",
        month.minus(DAY * 2),
        40,
        "flow.run",
    );
    assert_eq!(book(portal, org, &[part, back, last]).await, 3);
    let usage_of = |who: &Someone| org.path(&format!("/members/{}/usage", who.id()));

    let rows = file_of_page(&t.ann, &org.path("/usage")).await;
    let has = |rows: &[Vec<String>], wanted: [&str; 5]| rows.iter().any(|row| row == &wanted);
    assert!(has(&rows, ["By day", "2026-11-21", "29", "", "2"]), "{rows:?}");
    assert!(
        has(&rows, ["By day", "2026-11-03", "-3", "", "1"]),
        "a number: {rows:?}"
    );
    assert!(has(&rows, ["By group", "Blue", "25", "91%", "1"]), "{rows:?}");
    assert!(has(&rows, ["By group", "Red", "2.25", "8%", "3"]), "{rows:?}");
    assert!(has(&rows, ["By flow", "Nightly", "1.25", "4%", "1"]), "{rows:?}");
    assert!(rows.iter().any(|row| row[0] == "By API key"));
    let of_last = file_of_page(&t.ann, &org.path("/usage?p=last")).await;
    assert!(has(&of_last, ["By group", "Red", "40", "100%", "1"]), "{of_last:?}");
    assert_eq!(of_last.iter().filter(|row| row[0] == "By day").count(), 31);
    let ninety = file_of_page(&t.ann, &org.path("/usage?p=90")).await;
    assert!(has(&ninety, ["By group", "Red", "42.25", "62%", "4"]), "{ninety:?}");
    // Whoever manages no keys reads nothing of them, in the file as on the page.
    let read = file_of_page(&t.dan, &org.path("/usage")).await;
    assert!(read.iter().all(|row| row[0] != "By API key") && has(&read, ["By group", "Blue", "25", "91%", "1"]));
    // A member's, and one's own.
    let bens = file_of_page(&t.ann, &usage_of(&t.ben)).await;
    assert!(
        has(&bens, ["By activity type", "api.request", "4", "76%", "1"]),
        "{bens:?}"
    );
    assert!(
        has(&bens, ["By activity type", "flow.run", "1.25", "23%", "1"]),
        "{bens:?}"
    );
    assert!(bens.iter().all(|row| row[2] != "25"), "nothing of others: {bens:?}");
    let own = file_of_page(&t.ben, &org.path("/usage/mine")).await;
    assert!(
        has(&own, ["By activity type", "api.request", "4", "76%", "1"]),
        "{own:?}"
    );
    file_of_page(&t.cleo, &org.path("/usage/mine?p=last")).await;

    let files = [
        (
            &t.ann,
            org.path("/usage/export.csv"),
            "usage-acme-2026-11-01-to-2026-11-21.csv".to_owned(),
        ),
        (
            &t.ann,
            org.path("/usage/export.csv?p=last"),
            "usage-acme-2026-10-01-to-2026-10-31.csv".to_owned(),
        ),
        (
            &t.ann,
            format!("{}/export.csv", usage_of(&t.ben)),
            format!("usage-acme-{}-2026-11-01-to-2026-11-21.csv", t.ben.id()),
        ),
        (
            &t.ben,
            org.path("/usage/mine/export.csv"),
            format!("usage-acme-{}-2026-11-01-to-2026-11-21.csv", t.ben.id()),
        ),
    ];
    let count = texts(&portal.app.db, "select action from audit where action = 'usage.export'")
        .await
        .len();
    assert_eq!(count, 7, "each file is recorded");
    for (who, path, name) in files {
        let file = who.get(&path).await;
        assert_eq!(
            file.header("content-disposition"),
            format!("attachment; filename=\"{name}\"")
        );
    }
    t.ann
        .get(&org.path("/audit?action=usage.export"))
        .await
        .page(200)
        .assert_says("Exported the usage of Acme");

    // The same people as for the page, and nobody else.
    let other = portal.org("Zyzzyva Works").await;
    let zoe = portal.member(&other, Role::Administrator, "zoe").await;
    let bens = format!("{}/export.csv", usage_of(&t.ben));
    for (who, path, status) in [
        (&t.ben, org.path("/usage/export.csv"), 403),
        (&t.ben, bens.clone(), 403),
        (&t.cleo, bens.clone(), 403),
        (&zoe, org.path("/usage/export.csv"), 404),
        (&zoe, bens, 404),
        (&zoe, org.path("/usage/mine/export.csv"), 404),
        (
            &zoe,
            other.path(&format!("/members/{}/usage/export.csv", t.ben.id())),
            404,
        ),
    ] {
        let answer = who.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(!answer.body.contains("Red") && answer.header("content-disposition").is_empty());
    }
}

/// SECURITY C26: twelve lead characters in every name that a file of usage has.
#[actix_web::test]
async fn cve_c26_no_name_in_a_file_of_usage_is_a_formula() {
    let leads = [
        "=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\u{ff1d}", "\u{ff0b}", "\u{ff20}",
    ];
    for lead in leads {
        let (portal, org, ann, ben) = start().await;
        let bad = format!("{lead}1+cmd|' /C calc'!A0");
        let id = group(&portal, &org, "Plain", Kind::Team, &[&ben]).await;
        let quoted = bad.replace('\'', "''");
        raw(
            &portal.app.db,
            &format!(
                "update members set name = '{quoted}' where id = {}",
                ben.member.expect("a member").raw()
            ),
        )
        .await;
        raw(
            &portal.app.db,
            &format!("update groups set name = '{quoted}' where id = {}", id.raw()),
        )
        .await;
        let mut one = used(account(org.id, &ben, Some(id)), "1", portal.clock.now(), 5, "x");
        one.1.activity = Some(bad.as_str().into());
        one.1.app = Some(format!("{bad} app").as_str().into());
        one.1.flow = Some(format!("{bad} flow").as_str().into());
        assert_eq!(book(&portal, &org, &[one]).await, 1);
        let rows = rows_of(&ann.get(&org.path("/usage/export.csv")).await);
        let named: Vec<&Vec<String>> = rows.iter().filter(|row| row[1].contains("cmd|")).collect();
        assert_eq!(named.len(), 5, "group, member, activity, app and flow: {rows:?}");
        for row in &named {
            assert!(row[1].starts_with(&format!("'{lead}")), "{row:?}");
        }
        for cell in rows.iter().flatten() {
            let is_number = cell.parse::<f64>().is_ok();
            let is_open = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠']);
            assert!(is_number || !is_open, "{cell:?}");
        }
        let file = ann
            .get(&org.path(&format!("/members/{}/usage/export.csv", ben.id())))
            .await;
        assert!(rows_of(&file).iter().any(|row| row[1].starts_with(&format!("'{lead}"))));
        assert!(
            file.header("content-disposition")
                .starts_with("attachment; filename=\"usage-acme-mem_")
        );
    }
}

#[actix_web::test]
async fn b_11_leads_hear_of_their_members_once_and_as_they_chose() {
    let t = teams().await;
    let (portal, org) = (&t.portal, &t.org);
    // Ben leads two groups of Cleo's, Ann administers and leads, and Finn's lead in Blue is gone.
    let green = group(portal, org, "Green", Kind::Team, &[&t.ben, &t.cleo, &t.ann]).await;
    for lead in [&t.ben, &t.ann] {
        let path = org.path(&format!("/groups/{green}"));
        t.ann
            .post(&format!("{path}/members/{}/lead", lead.id()), &[])
            .await
            .redirects_to(&path);
    }
    let outsider = portal.member(org, Role::Developer, "otto").await;
    group(portal, org, "Elsewhere", Kind::Team, &[&outsider]).await;
    limit(org, &t.ann, &t.cleo, "100").await;
    limit(org, &t.ann, &t.ben, "50").await;
    assert_eq!(told(portal, org, &t.cleo, "1", 85).await, 1);
    let says = "Cleo has used up the monthly limit at Acme: 100 credits of 100 credits.";
    let list = "/me/notifications";
    t.ben.get(list).await.page(200).assert_silent("Cleo has used");
    assert_eq!(told(portal, org, &t.cleo, "2", 15).await, 1);
    let page = t.ben.get(list).await.page(200);
    page.assert_says(says);
    assert_eq!(
        page.text().matches(says).count(),
        1,
        "who leads two groups of hers hears once"
    );
    for (someone, mails) in [(&t.ann, 1), (&t.ben, 1), (&t.cleo, 2), (&t.finn, 0), (&outsider, 0)] {
        assert_eq!(portal.mails_to(&someone.email).await, mails, "{}", someone.name);
    }
    // A lead reads in their group what its members use: the mail leads there, and says why it came.
    let mail = portal.mail_to(&t.ben.email).await;
    let there = org.path(&format!("/groups/{green}/members/{}/usage", t.cleo.id()));
    assert_eq!(mail.link(), there);
    assert!(mail.text.contains("because you lead the group Green"), "{}", mail.text);
    t.ben.get(&mail.link()).await.page(200).assert_says("Cleo");
    let mail = portal.mail_to(&t.ann.email).await;
    assert!(
        mail.text.contains("because you administer the organization"),
        "{}",
        mail.text
    );
    t.ann.get(&mail.link()).await.page(200).assert_says("Usage of Cleo");
    // Who leads hears of their own limits as everybody does.
    assert_eq!(told(portal, org, &t.ben, "3", 50).await, 1);
    let page = t.ben.get(list).await.page(200);
    page.assert_says("Your monthly limit at Acme is used up");
    page.assert_silent("Ben has used up");

    // Nobody is told of a member whom they do not lead any more, nor by mail what they do not want by mail.
    limit(org, &t.ann, &t.finn, "10").await;
    let settings = "/me/notifications/preferences";
    let ticks = [("portal.usage.member_limit", "1"), ("mail.usage.limit", "1")];
    t.ben.post(settings, &ticks).await.redirects_to(settings);
    let mails = portal.mails_to(&t.ben.email).await;
    assert_eq!(told(portal, org, &t.finn, "4", 10).await, 1);
    t.ben
        .get(list)
        .await
        .page(200)
        .assert_says("Finn has used up the monthly limit at Acme: 10 credits of 10 credits.");
    assert_eq!(portal.mails_to(&t.ben.email).await, mails, "only in the portal");
    let path = t.red(&format!("/members/{}/lead/end", t.ben.id()));
    t.ann.post(&path, &[]).await.redirects_to(&t.red(""));
    limit(org, &t.ann, &t.dan, "10").await;
    assert_eq!(told(portal, org, &t.dan, "5", 10).await, 1);
    t.ben.get(list).await.page(200).assert_silent("Dan has used up");
    t.ann.get(list).await.page(200).assert_says("Dan has used up");
}

#[actix_web::test]
async fn b_11_an_alert_and_my_usage_say_when_a_limit_is_reached_at_this_pace() {
    let (portal, org, ann, ben) = start().await;
    limit(&org, &ann, &ben, "100").await;
    let settings = settings(&portal, &org).await;
    let month = settings.window(limits::Window::Month, portal.clock.now());
    // Ten days after the month has begun.
    let next = month.end.expect("an end");
    portal.clock.advance(next.since(portal.clock.now()) + DAY * 10);
    assert_eq!(told(&portal, &org, &ben, "1", 80).await, 1);
    let at = portal.clock.now().minus(DAY * 10).plus(DAY * 25 / 2);
    let zone = settings.zone().tz();
    let day = at.instant().to_zoned(zone.clone()).strftime("%-d").to_string();
    let pace = format!("At this pace it is used up on {day} ");
    let client = portal.sign_in(ben.user).await; // the first session has ended
    client.get("/me/notifications").await.page(200).assert_says(&pace);
    let mail = portal.mail_to(&ben.email).await;
    let weekday = at.instant().to_zoned(zone).strftime("%A, %-d %B %Y").to_string();
    let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("20 % are left."), "{text}");
    assert!(
        text.contains(&format!("At this pace it is used up on {weekday}")),
        "{text}"
    );
    let mine = org.path("/usage/mine");
    client
        .get(&mine)
        .await
        .page(200)
        .assert_says(&format!("At this pace used up {day} "));
    // Nothing more is used: after a while the rest lasts.
    portal.clock.advance(DAY * 15);
    let client = portal.sign_in(ben.user).await;
    client.get(&mine).await.page(200).assert_silent("At this pace");
}

#[actix_web::test]
async fn r_crd_01_04_a_person_of_several_organizations_is_seen_whole_by_who_may() {
    let (portal, acme, ann, ben) = start().await;
    let globex = portal.org("Globex").await;
    let ben_there = portal.member(&globex, Role::Member, "ben").await;
    let boss = portal
        .enterprise_member(muster::access::EnterpriseRole::Administrator, "boss")
        .await;
    assert_eq!(ben.user, ben_there.user);
    spend(&portal, &acme, &ben, "1", 30).await;
    spend(&portal, &globex, &ben_there, "2", 10).await;
    let table = "section[aria-labelledby=by-organization] tbody tr";
    let of_ben = |org: &Org, who: &Someone| org.path(&format!("/members/{}/usage", who.id()));
    for (reader, path) in [
        (&ben, acme.path("/usage/mine")),
        (&ben, globex.path("/usage/mine")),
        (&boss, of_ben(&acme, &ben)),
    ] {
        let page = reader.get(&path).await.page(200);
        let total = page.all(".stats > div");
        let total = total.iter().find(|one| one.contains("In all organizations"));
        assert!(
            total.is_some_and(|one| one.contains("40 credits") && one.contains("2 organizations")),
            "{path}: {total:?}"
        );
        let rows = page.all(table);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(
            rows[0].contains("Acme") && rows[0].contains("75%") && rows[0].contains("30 credits"),
            "{rows:?}"
        );
        assert!(
            rows[1].contains("Globex") && rows[1].contains("25%") && rows[1].contains("10 credits"),
            "{rows:?}"
        );
        for link in page.attributes(&format!("{table} a"), "href") {
            reader.get(&link).await.page(200);
        }
    }
    // Whoever reads usage in one organization learns nothing of another one, and who is in one alone sees no table of one row.
    let page = ann.get(&of_ben(&acme, &ben)).await.page(200);
    page.assert_silent("Globex");
    assert_eq!(page.count(table), 0);
    assert_eq!(ann.get(&acme.path("/usage/mine")).await.page(200).count(table), 0);
    // What is counted in different units is not added up.
    let sent = [
        ("unit", "EUR"),
        ("conflict", "highest"),
        ("anchor_day", "1"),
        ("week_start", "1"),
        ("version", "0"),
    ];
    let answer = boss.post(&globex.path("/limits/settings"), &sent).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = ben.get(&acme.path("/usage/mine")).await.page(200);
    page.assert_says("30 credits + €10");
    let rows = page.all(table);
    assert!(rows.iter().all(|row| !row.contains('%')), "{rows:?}");
}
