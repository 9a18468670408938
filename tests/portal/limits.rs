//! Limits over HTTP: the dialog, defaults, groups, raises, requests, and what the members' pages show of them.

use std::time::Duration;

use muster::{
    access::{EnterpriseRole, Permission, Role, inside, permission},
    groups,
    ids::{GroupId, MemberId},
    limits::{
        self, Window,
        settings::{self, Conflict},
    },
};

use crate::support::{Client, Org, Portal, Someone, raw, spawn, texts};

const DAY: Duration = Duration::from_secs(86_400);

/// An organization with an Org Admin and a developer named Ben.
async fn start() -> (Portal, Org, Someone, Someone) {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    (portal, org, ann, ben)
}

/// The fields of the dialog.
fn dialog<'a>(monthly: &'a str, daily: &'a str) -> Vec<(&'a str, &'a str)> {
    let mode = |text: &str| {
        if text.is_empty() {
            "inherit"
        } else if text == "unlimited" {
            "unlimited"
        } else {
            "amount"
        }
    };
    let text = |text: &'a str| if text == "unlimited" { "" } else { text };
    vec![
        ("monthly_mode", mode(monthly)),
        ("monthly", text(monthly)),
        ("daily_mode", mode(daily)),
        ("daily", text(daily)),
        ("enforcement", "hard"),
    ]
}

async fn set(by: &Client, org: &Org, member: &Someone, fields: &[(&str, &str)]) {
    let path = org.path(&format!("/members/{}/limit", member.id()));
    by.post(&path, fields).await.redirects_to(&org.path("/members"));
}

async fn version(portal: &Portal, org: &Org) -> String {
    let row = texts(
        &portal.app.db,
        &format!(
            "select cast(version as text) from limit_settings where org_id = {}",
            org.id.raw()
        ),
    )
    .await;
    row.first().cloned().unwrap_or_else(|| "0".to_owned())
}

/// Sets the defaults of everyone or of new members.
async fn set_defaults(portal: &Portal, by: &Client, org: &Org, monthly: &str, daily: &str, apply: &str) {
    let version = version(portal, org).await;
    let mut fields = dialog(monthly, daily);
    fields.extend([("apply", apply), ("version", version.as_str())]);
    by.post(&org.path("/limits/defaults"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
}

/// A new group with some members.
async fn group(portal: &Portal, org: &Org, name: &str, members: &[MemberId]) -> GroupId {
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let by = inside::<permission::GroupManage>(&mut tx, portal.operator(), org.id)
        .await
        .expect("a proof");
    let now = portal.clock.now();
    let id = groups::create(&mut tx, &by, name, groups::Kind::Team, now)
        .await
        .expect("a group");
    groups::add_members(&mut tx, &by, id, members, now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    id
}

async fn set_group(portal: &Portal, by: &Client, org: &Org, group: GroupId, monthly: &str, priority: &str) {
    let version = version(portal, org).await;
    let id = group.to_string();
    let mut fields = dialog(monthly, "");
    fields.extend([
        ("group", id.as_str()),
        ("pool_monthly_mode", "inherit"),
        ("pool_daily_mode", "inherit"),
        ("pool_enforcement", "hard"),
        ("priority", priority),
        ("version", version.as_str()),
    ]);
    by.post(&org.path("/limits/groups"), &fields)
        .await
        .redirects_to(&org.path("/limits/groups"));
}

async fn set_rule(portal: &Portal, by: &Client, org: &Org, rule: Conflict) {
    let version = version(portal, org).await;
    let fields = [
        ("unit", "credits"),
        ("conflict", rule.key()),
        ("anchor_day", "1"),
        ("week_start", "1"),
        ("version", version.as_str()),
    ];
    by.post(&org.path("/limits/settings"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
}

/// The limit of a member as the table shows it to an administrator.
async fn shown(by: &Client, org: &Org, name: &str) -> String {
    by.get(&org.path("/members"))
        .await
        .page(200)
        .row(name)
        .cell("Limit")
        .to_owned()
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
async fn r_lim_02_03_04_daily_and_monthly_limit_of_one_member() {
    let (portal, org, ann, ben) = start().await;
    assert_eq!(shown(&ann, &org, "Ben").await, "No limit");
    set(&ann, &org, &ben, &dialog("1,000", "25.5")).await;
    assert_eq!(shown(&ann, &org, "Ben").await, "1,000 a month, 25.5 a day own limit");
    let page = ann.get(&org.path(&format!("/members/{}", ben.id()))).await.page(200);
    page.assert_says("Monthly limit 1,000 credits own limit Next reset 1 Dec 2026, 00:00 (Europe/Berlin)");
    page.assert_says("Daily limit 25.5 credits own limit Next reset 22 Nov 2026, 00:00 (Europe/Berlin)");
    let row = portal.audit(Some(&org)).await.pop().expect("a row");
    assert_eq!((row.action.as_str(), row.object_name.as_str()), ("limit.set", "Ben"));
    assert!(
        row.before.contains("\"monthly_limit\":null") && row.after.contains("\"monthly_limit\":\"1,000 credits\""),
        "{row:?}"
    );
    set(&ann, &org, &ben, &dialog("1,000", "")).await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "1,000 a month own limit",
        "inherit takes a limit away"
    );
}

#[actix_web::test]
async fn r_lim_09_no_limit_is_warned_of_and_unlimited_is_a_choice() {
    let (portal, org, ann, ben) = start().await;
    let warning = "If no individual usage limits are configured, a single user may consume the organization’s full usage allocation.";
    let page = ann.get(&org.path("/members")).await.page(200);
    page.assert_says("2 members have no limit.");
    page.assert_says(warning);
    set(&ann, &org, &ann, &dialog("100", "")).await;
    let page = ann.get(&org.path("/members?limit=none")).await.page(200);
    page.assert_says("1 member has no limit.");
    assert!(page.find_row("Ben").is_some() && page.find_row("Ann").is_none());
    assert_eq!(page.first(".chip.on"), "No limit");
    set(&ann, &org, &ben, &dialog("unlimited", "")).await;
    assert_eq!(shown(&ann, &org, "Ben").await, "Unlimited own limit");
    ann.get(&org.path(&format!("/members/{}", ben.id())))
        .await
        .page(200)
        .assert_says(warning);
    set_defaults(&portal, &ann, &org, "250", "", "everyone").await;
    let page = ann.get(&org.path("/members?limit=none")).await.page(200);
    assert!(
        page.find_row("Ben").is_some() && page.find_row("Ann").is_none(),
        "C-11: a default does not undo the choice"
    );
    set(&ann, &org, &ben, &dialog("", "")).await;
    let page = ann.get(&org.path("/members?limit=none")).await.page(200);
    assert!(page.find_row("Ben").is_none());
    page.assert_silent("have no limit");
    // A daily amount holds although the month is unlimited.
    set(&ann, &org, &ben, &dialog("unlimited", "5")).await;
    assert!(
        ann.get(&org.path("/members?limit=none"))
            .await
            .page(200)
            .find_row("Ben")
            .is_none()
    );
}

#[actix_web::test]
async fn r_lim_09_the_filter_agrees_with_what_counts_for_every_mix_of_policies() {
    let (portal, org, ann, _) = start().await;
    let mut people = vec![];
    for name in ["cleo", "dan", "eve", "finn", "gus"] {
        people.push(portal.member(&org, Role::Member, name).await);
    }
    let ids: Vec<MemberId> = people.iter().filter_map(|person| person.member).collect();
    let one = group(&portal, &org, "One", &ids[..3]).await;
    let two = group(&portal, &org, "Two", &ids[1..4]).await;
    set(&ann, &org, &people[0], &dialog("unlimited", "")).await;
    set(&ann, &org, &people[4], &dialog("", "7")).await;
    for default in ["", "250"] {
        if !default.is_empty() {
            set_defaults(&portal, &ann, &org, default, "", "everyone").await;
        }
        for (first, second) in [
            ("", ""),
            ("100", ""),
            ("100", "unlimited"),
            ("unlimited", "50"),
            ("unlimited", "unlimited"),
        ] {
            set_group(&portal, &ann, &org, one, first, "2").await;
            set_group(&portal, &ann, &org, two, second, "1").await;
            for rule in Conflict::ALL {
                set_rule(&portal, &ann, &org, rule).await;
                let all = ann.get(&org.path("/members")).await.page(200);
                let expected: Vec<String> = all
                    .rows()
                    .iter()
                    .filter(|row| {
                        row.cell("Limit").starts_with("No limit") || row.cell("Limit").starts_with("Unlimited")
                    })
                    .map(|row| row.cells[0].clone())
                    .collect();
                for sort in ["name", "role", "active"] {
                    let path = org.path(&format!("/members?limit=none&sort={sort}"));
                    let mut found: Vec<String> = ann
                        .get(&path)
                        .await
                        .page(200)
                        .rows()
                        .iter()
                        .map(|row| row.cells[0].clone())
                        .collect();
                    found.sort();
                    assert_eq!(
                        found, expected,
                        "default {default:?}, groups {first:?} {second:?}, {rule:?}, {sort}"
                    );
                }
                let banner = match expected.len() {
                    0 => String::new(),
                    1 => "1 member has no limit.".to_owned(),
                    n => format!("{n} members have no limit."),
                };
                all.assert_says(&banner);
            }
        }
    }
}

#[actix_web::test]
async fn r_lim_01_10_defaults_count_for_everyone_without_an_own_limit_and_for_new_members() {
    let (portal, org, ann, _) = start().await;
    set(&ann, &org, &ann, &dialog("5,000", "")).await;
    let fields = "monthly_mode=amount&monthly=250&daily_mode=amount&daily=25&enforcement=hard&step=preview&version=0";
    let page = ann
        .get(&org.path(&format!("/limits/defaults?{fields}")))
        .await
        .page(200);
    page.assert_says("None → 250 credits 1 member inherits it");
    page.assert_says("None → 25 credits 2 members inherit it");
    assert_eq!(shown(&ann, &org, "Ben").await, "No limit", "a preview saves nothing");
    set_defaults(&portal, &ann, &org, "250", "25", "everyone").await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "250 a month, 25 a day organization default"
    );
    assert_eq!(
        shown(&ann, &org, "Ann").await,
        "5,000 a month, 25 a day own limit, organization default"
    );
    portal.member(&org, Role::Member, "cleo").await;
    assert_eq!(
        shown(&ann, &org, "Cleo").await,
        "250 a month, 25 a day organization default",
        "R-LIM-01"
    );
    let other = portal.org("Other").await;
    let dora = portal.member(&other, Role::Administrator, "dora").await;
    assert_eq!(
        shown(&dora, &other, "Dora").await,
        "No limit",
        "R-LIM-11: each organization by itself"
    );
}

#[actix_web::test]
async fn c_10_new_members_only_pins_what_others_inherit() {
    let (portal, org, ann, _) = start().await;
    let dan = portal.member(&org, Role::Member, "dan").await;
    let team = group(&portal, &org, "Team", &[dan.member.expect("a member")]).await;
    set_group(&portal, &ann, &org, team, "70", "").await;
    set_defaults(&portal, &ann, &org, "250", "", "new").await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "Unlimited own limit",
        "without a default before, that is what they keep"
    );
    assert_eq!(
        shown(&ann, &org, "Dan").await,
        "70 a month group Team",
        "a group's default is no organization's default"
    );
    portal.member(&org, Role::Member, "cleo").await;
    assert_eq!(shown(&ann, &org, "Cleo").await, "250 a month organization default");
    set_defaults(&portal, &ann, &org, "400", "", "new").await;
    assert_eq!(
        shown(&ann, &org, "Cleo").await,
        "250 a month own limit",
        "today's value is pinned"
    );
    portal.member(&org, Role::Member, "eve").await;
    assert_eq!(shown(&ann, &org, "Eve").await, "400 a month organization default");
    let pins = actions(&portal, &org)
        .await
        .iter()
        .filter(|name| *name == "limit.pin")
        .count();
    assert_eq!(pins, 3, "Ann, Ben and later Cleo, each with a row in the record");
}

#[actix_web::test]
async fn c_10_pinning_goes_through_many_members_in_pieces() {
    let (portal, org, ann, _) = start().await;
    let (id, numbers) = (
        org.id.raw(),
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)",
    );
    for text in [
        format!("insert into users (id, email, email_key, name, created_at) {numbers} select 900000 + i, 'x' || i, 'x' || i, 'X', 0 from n"),
        format!(
            "insert into members (id, org_id, user_id, email, email_key, name, name_key, role, status, source, joined_at)
             {numbers} select {} + i, {id}, 900000 + i, 'x' || i, 'x' || i, 'X', 'x', 30, 1, 4, 0 from n",
            (id << 32) + 100_000
        ),
    ] {
        raw(&portal.app.db, &text).await;
    }
    set_defaults(&portal, &ann, &org, "250", "", "new").await;
    let own = texts(
        &portal.app.db,
        &format!(
            "select cast(count(*) as text) from limit_policies where org_id = {} and scope = 5",
            org.id.raw()
        ),
    )
    .await;
    assert_eq!(own, ["1202"]);
}

#[actix_web::test]
async fn b_12_group_defaults_follow_the_one_rule() {
    let (portal, org, ann, ben) = start().await;
    let id = ben.member.expect("a member");
    let one = group(&portal, &org, "One", &[id]).await;
    let two = group(&portal, &org, "Two", &[id]).await;
    set_defaults(&portal, &ann, &org, "250", "", "everyone").await;
    set_group(&portal, &ann, &org, one, "300", "1").await;
    set_group(&portal, &ann, &org, two, "100", "2").await;
    for (rule, expected) in [
        (Conflict::Highest, "300 a month group One"),
        (Conflict::Lowest, "100 a month group Two"),
        (Conflict::Priority, "300 a month group One"),
    ] {
        set_rule(&portal, &ann, &org, rule).await;
        assert_eq!(shown(&ann, &org, "Ben").await, expected, "{rule:?}");
    }
    set(&ann, &org, &ben, &dialog("50", "")).await;
    assert_eq!(shown(&ann, &org, "Ben").await, "50 a month own limit");
    // B-14: a membership of a group that has ended gives nothing.
    set(&ann, &org, &ben, &dialog("", "")).await;
    raw(
        &portal.app.db,
        &format!("update group_members set expires_at = 1 where member_id = {}", id.raw()),
    )
    .await;
    assert_eq!(shown(&ann, &org, "Ben").await, "250 a month organization default");
}

#[actix_web::test]
async fn b_12_a_group_and_the_organization_have_limits_as_a_whole() {
    let (portal, org, ann, ben) = start().await;
    let id = ben.member.expect("a member");
    let team = group(&portal, &org, "Team", &[id]).await;
    let group = team.to_string();
    let mut fields = dialog("", "");
    fields.extend([
        ("group", group.as_str()),
        ("pool_monthly_mode", "amount"),
        ("pool_monthly", "5000"),
        ("pool_daily_mode", "inherit"),
        ("pool_enforcement", "hard"),
        ("version", "0"),
    ]);
    ann.post(&org.path("/limits/groups"), &fields)
        .await
        .redirects_to(&org.path("/limits/groups"));
    // On a narrow page both stand below each other with their names: neither column leaves.
    let page = ann.get(&org.path("/limits")).await.page(200);
    let cells = page.attributes("#groups tbody td", "data-label");
    assert_eq!(cells, ["Each member:", "All together:"]);
    assert_eq!(page.count("#groups .lo3"), 0);
    page.row("Team").assert_cell("All together", "5,000 credits a month");
    let mut fields = dialog("30,000", "");
    fields.push(("version", "1"));
    ann.post(&org.path("/limits/pool"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
    let found = limits::effective(
        &mut portal.app.db.read(),
        org.id,
        id,
        Conflict::Highest,
        portal.clock.now(),
    )
    .await
    .expect("limits");
    assert_eq!((found.limits.len(), found.pools.len()), (0, 2));
    let page = ann.get(&org.path(&format!("/members/{}", ben.id()))).await.page(200);
    page.assert_says("5,000 credits a month for all of group Team together");
    page.assert_says("30,000 credits a month for the whole organization together");
}

#[actix_web::test]
async fn r_lim_12_b_08_a_raise_ends_by_itself() {
    let (portal, org, ann, ben) = start().await;
    set(&ann, &org, &ben, &dialog("400", "40")).await;
    let mut fields = dialog("900", "40");
    fields.extend([("until", "2026-11-23"), ("note", "Trade fair")]);
    set(&ann, &org, &ben, &fields).await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "900 a month, 40 a day until 23 Nov 2026, own limit"
    );
    let page = ann.get(&org.path(&format!("/members/{}", ben.id()))).await.page(200);
    page.assert_says("Then 400 credits again (own limit).");
    ann.get(&org.path("/limits"))
        .await
        .page(200)
        .row("Ben")
        .assert_cell("Last day", "23 Nov 2026");
    portal.clock.advance(DAY * 2 + Duration::from_secs(14 * 3_600 - 1));
    let renewed = portal.sign_in(ann.user).await;
    assert!(
        shown(&renewed, &org, "Ben").await.starts_with("900"),
        "the last day counts whole"
    );
    portal.clock.advance(Duration::from_secs(1));
    assert_eq!(
        shown(&renewed, &org, "Ben").await,
        "400 a month, 40 a day own limit",
        "no job has run"
    );
    muster::jobs::tidy(&portal.app).await.expect("tidy");
    assert_eq!(actions(&portal, &org).await.pop().as_deref(), Some("limit.raise.end"));
    assert_eq!(shown(&renewed, &org, "Ben").await, "400 a month, 40 a day own limit");
}

#[actix_web::test]
async fn b_08_a_raise_can_be_ended_and_replaced() {
    let (_portal, org, ann, ben) = start().await;
    let mut fields = dialog("900", "");
    fields.push(("until", "2026-12-31"));
    set(&ann, &org, &ben, &fields).await;
    fields[1].1 = "950";
    set(&ann, &org, &ben, &fields).await;
    assert_eq!(shown(&ann, &org, "Ben").await, "950 a month until 31 Dec 2026");
    let end = org.path(&format!("/members/{}/limit/raise/end", ben.id()));
    ann.post(&end, &[("to", "limits")])
        .await
        .redirects_to(&org.path("/limits"));
    assert_eq!(shown(&ann, &org, "Ben").await, "No limit");
    assert_eq!(ann.post(&end, &[]).await.status, 409);
    set(&ann, &org, &ben, &fields).await;
    set(&ann, &org, &ben, &dialog("100", "")).await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "100 a month own limit",
        "until further notice ends a raise"
    );
}

#[actix_web::test]
async fn the_dialog_refuses_with_the_field_and_keeps_what_was_typed() {
    let (_portal, org, ann, ben) = start().await;
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    for (name, value, field, says) in [
        ("monthly", "1.000", "monthly", "can be read as"),
        ("monthly", "$50", "monthly", "counts in credits"),
        ("monthly", "-1", "monthly", "not negative"),
        ("daily", "1e3", "daily", "no amount"),
        (
            "daily",
            "500",
            "daily",
            "can’t be higher than the monthly limit of 100 credits",
        ),
        ("until", "2026-11-20", "until", "Choose today or a later day."),
        ("until", "tomorrow", "until", "Enter a day as year, month and day"),
        ("enforcement", "none", "enforcement", ""),
        ("note", "a\u{202e}b", "note", "one line"),
    ] {
        let mut fields = dialog("100", "10");
        fields.retain(|(known, _)| *known != name);
        fields.push((name, value));
        for htmx in [false, true] {
            let answer = if htmx {
                ann.htmx_post(&path, &fields).await
            } else {
                ann.post(&path, &fields).await
            };
            let page = answer.page(422);
            if !says.is_empty() {
                page.assert_says(says);
                assert_eq!(
                    page.attribute(&format!("#{field}"), "aria-invalid").as_deref(),
                    Some("true"),
                    "{name} {value}"
                );
                assert_eq!(page.value(name).as_deref(), Some(value), "{name} {value}");
            }
        }
    }
    assert_eq!(shown(&ann, &org, "Ben").await, "No limit");
}

#[actix_web::test]
async fn fault_f24_the_second_of_two_editors_is_refused() {
    let (portal, org, ann, ben) = start().await;
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    let seen = ann.get(&path).await.page(200).value("version").expect("a version");
    let mut fields = dialog("100", "");
    fields.push(("version", &seen));
    ann.post(&path, &fields).await.redirects_to(&org.path("/members"));
    let mut fields = dialog("900", "");
    fields.push(("version", &seen));
    let answer = ann.post(&path, &fields).await;
    answer.page(409).assert_says("was changed in the meantime");
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "100 a month own limit",
        "no lost update"
    );
    let old = version(&portal, &org).await;
    set_defaults(&portal, &ann, &org, "250", "", "everyone").await;
    let mut fields = dialog("300", "");
    fields.extend([("apply", "everyone"), ("version", &old)]);
    assert_eq!(ann.post(&org.path("/limits/defaults"), &fields).await.status, 409);
    let mut fields = dialog("300", "");
    fields.extend([("apply", "new"), ("version", &old)]);
    assert_eq!(
        ann.post(&org.path("/limits/defaults"), &fields).await.status,
        409,
        "and nobody is pinned"
    );
    assert!(!actions(&portal, &org).await.contains(&"limit.pin".to_owned()));
}

#[actix_web::test]
async fn whoever_stands_higher_keeps_their_limit_and_disabled_members_have_none_to_set() {
    let (portal, org, ann, ben) = start().await;
    portal.enterprise_member(EnterpriseRole::Administrator, "boss").await;
    let billing = portal
        .enterprise_member(EnterpriseRole::BillingManager, "billing")
        .await;
    set(&billing, &org, &ben, &dialog("100", "")).await;
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "100 a month own limit",
        "the Enterprise Billing Manager sets limits"
    );
    let joined = portal.member(&org, Role::Viewer, "boss").await;
    let path = org.path(&format!("/members/{}/limit", joined.id()));
    assert_eq!(ann.post(&path, &dialog("1", "")).await.status, 403);
    let disable = org.path(&format!("/members/{}/disablement", ben.id()));
    ann.post(&disable, &[("confirm", "ben@acme.example")])
        .await
        .redirects_to(&org.path("/members"));
    let path = org.path(&format!("/members/{}/limit", ben.id()));
    assert_eq!(ann.post(&path, &dialog("1", "")).await.status, 409);
}

#[actix_web::test]
async fn members_see_their_own_limit_and_nobody_elses() {
    let (portal, org, ann, ben) = start().await;
    let mia = portal.member(&org, Role::Member, "mia").await;
    set_defaults(&portal, &ann, &org, "250", "", "everyone").await;
    assert_eq!(shown(&mia, &org, "Mia").await, "250 a month organization default");
    assert_eq!(shown(&mia, &org, "Ben").await, "–");
    mia.get(&org.path("/members?limit=none")).await.page(200).row("Ben");
    let page = mia.get(&org.path(&format!("/members/{}", ben.id()))).await.page(200);
    page.assert_silent("Monthly limit");
    let page = mia.get(&org.path(&format!("/members/{}", mia.id()))).await.page(200);
    page.assert_says("Monthly limit 250 credits");
    page.assert_says("Request more");
    page.assert_silent("Set Usage Limit");
}

#[actix_web::test]
async fn b_08_a_request_is_asked_approved_and_told_by_mail() {
    let (portal, org, ann, ben) = start().await;
    set_defaults(&portal, &ann, &org, "250", "25", "everyone").await;
    let path = org.path("/limits/request");
    for (fields, says) in [
        (
            [("window", "monthly"), ("amount", "250"), ("reason", "x1")],
            "You may use 250 credits already.",
        ),
        (
            [("window", "monthly"), ("amount", "1.000"), ("reason", "x1")],
            "can be read as",
        ),
        (
            [("window", "monthly"), ("amount", "500"), ("reason", "")],
            "A reason needs at least one letter or digit.",
        ),
        (
            [("window", "total"), ("amount", "500"), ("reason", "x1")],
            "Choose the monthly or the daily limit.",
        ),
    ] {
        ben.post(&path, &fields).await.page(422).assert_says(says);
    }
    let fields = [
        ("window", "monthly"),
        ("amount", "500"),
        ("until", "2026-12-31"),
        ("reason", "Trade fair"),
    ];
    ben.post(&path, &fields).await.redirects_to(&path);
    ben.post(&path, &fields)
        .await
        .page(422)
        .assert_says("You have asked for this limit already");
    let mail = portal.mail_to("ann@acme.example").await;
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let asks = "Ben (ben@acme.example) asks for 500 credits a month until 31 December 2026";
    assert!(one_line(&mail.text).contains(asks), "{}", mail.text);
    ann.get(&org.path("/limits"))
        .await
        .page(200)
        .row("Ben")
        .assert_cell("Asks for", "500 credits a month until 31 December 2026");
    let page = ann.get(&mail.link()).await.page(200);
    page.assert_says("Trade fair");
    assert_eq!(page.value("amount").as_deref(), Some("500"));
    let request = mail.link();
    let grant = [
        ("amount", "400"),
        ("until", "2026-12-10"),
        ("answer", "As far as it goes"),
    ];
    ann.post(&format!("{request}/approval"), &grant)
        .await
        .redirects_to(&org.path("/limits"));
    assert_eq!(
        shown(&ann, &org, "Ben").await,
        "400 a month, 25 a day until 10 Dec 2026, organization default"
    );
    let mail = portal.mail_to("ben@acme.example").await;
    assert!(
        one_line(&mail.text).contains("You have 400 credits a month until 10 December 2026 now."),
        "{}",
        mail.text
    );
    let page = ben.get(&mail.link()).await.page(200);
    page.assert_says("Approved 400 credits a month until 10 December 2026 by Ann: As far as it goes");
    assert_eq!(
        ann.post(&format!("{request}/refusal"), &[("answer", "no")])
            .await
            .status,
        409
    );
    let all = actions(&portal, &org).await;
    assert!(
        all.contains(&"limit.request".to_owned()) && all.contains(&"limit.request.approve".to_owned()),
        "{all:?}"
    );
}

#[actix_web::test]
async fn a_request_is_withdrawn_by_whoever_asked() {
    let (portal, org, ann, ben) = start().await;
    set_defaults(&portal, &ann, &org, "250", "25", "everyone").await;
    let path = org.path("/limits/request");
    let withdrawal = format!("{path}/withdrawal");
    let fields = [("window", "monthly"), ("amount", "500"), ("reason", "Trade fair")];
    ben.post(&path, &fields).await.redirects_to(&path);
    let request = portal.mail_to("ann@acme.example").await.link();
    let page = ben.get(&path).await.page(200);
    assert_eq!(page.value("window").as_deref(), Some("monthly"));
    // Ann has asked for nothing, and nothing of Ben's is hers to take back.
    ann.post(&withdrawal, &[("window", "monthly")]).await.page(409);
    ben.post(&withdrawal, &[("window", "daily")]).await.page(409);
    ben.post(&withdrawal, &[("window", "monthly")])
        .await
        .redirects_to(&path);
    ben.get(&path)
        .await
        .page(200)
        .row("500 credits a month")
        .assert_cell("Status", "Withdrawn");
    let late = ann.post(&format!("{request}/approval"), &[("amount", "500")]).await;
    assert!(
        late.body.contains("Ben has withdrawn this request already."),
        "{}",
        late.body
    );
    assert!(!ann.get(&org.path("/limits")).await.body.contains("Trade fair"));
    ben.post(&withdrawal, &[("window", "monthly")])
        .await
        .page(409)
        .assert_says("This request does not wait any more.");
    // Another one may be asked for at once.
    ben.post(&path, &fields).await.redirects_to(&path);
    let recorded = portal.audit(Some(&org)).await;
    assert!(recorded.iter().any(|row| row.action == "limit.request.withdraw"));
}

#[actix_web::test]
async fn b_08_a_request_is_denied_with_a_word_or_expires() {
    let (portal, org, ann, ben) = start().await;
    set_defaults(&portal, &ann, &org, "250", "25", "everyone").await;
    let path = org.path("/limits/request");
    let fields = [("window", "daily"), ("amount", "50"), ("reason", "More tests")];
    ben.post(&path, &fields).await.redirects_to(&path);
    let request = portal.mail_to("ann@acme.example").await.link();
    ann.post(&format!("{request}/refusal"), &[("answer", "")])
        .await
        .page(422)
        .assert_says("Say in a few words why");
    ann.post(&format!("{request}/refusal"), &[("answer", "Not now")])
        .await
        .redirects_to(&org.path("/limits"));
    ben.get(&path).await.page(200).assert_says("Denied by Ann: Not now");
    assert!(
        portal
            .mail_to("ben@acme.example")
            .await
            .text
            .contains("Your limit stays as it is.")
    );
    ben.post(&path, &fields).await.redirects_to(&path);
    let request = portal.mail_to("ann@acme.example").await.link();
    portal.clock.advance(DAY * 14);
    let (ann, ben) = (portal.sign_in(ann.user).await, portal.sign_in(ben.user).await);
    ann.get(&org.path("/limits"))
        .await
        .page(200)
        .assert_says("Nobody waits for an answer.");
    assert_eq!(
        ann.post(&format!("{request}/approval"), &[("amount", "50")])
            .await
            .status,
        409
    );
    ben.get(&path).await.page(200).assert_says("Expired");
    ben.post(&path, &fields).await.redirects_to(&path);
    portal.clock.advance(DAY * 14);
    muster::jobs::tidy(&portal.app).await.expect("tidy");
    assert_eq!(
        actions(&portal, &org).await.pop().as_deref(),
        Some("limit.request.expire")
    );
}

#[actix_web::test]
async fn managers_answer_for_ranks_below_their_own_and_never_themselves() {
    let (portal, org, ann, ben) = start().await;
    set_defaults(&portal, &ann, &org, "250", "", "everyone").await;
    let max = portal.member(&org, Role::Manager, "max").await;
    let mona = portal.member(&org, Role::Manager, "mona").await;
    let path = org.path("/limits/request");
    let fields = [("window", "monthly"), ("amount", "500"), ("reason", "More")];
    let mut requests = Vec::new();
    for who in [&ben, &max] {
        who.post(&path, &fields).await.redirects_to(&path);
        let page = ann.get(&org.path("/limits")).await.page(200);
        let href = page
            .attributes("#requests tbody th a", "href")
            .into_iter()
            .find(|href| !requests.contains(href))
            .expect("a request");
        requests.push(href);
    }
    let page = mona.get(&org.path("/limits")).await.page(200);
    page.assert_silent("Change defaults");
    let approval = |request: &String| format!("{request}/approval");
    mona.get(&requests[1])
        .await
        .page(200)
        .assert_says("role is not below yours");
    assert_eq!(
        mona.post(&approval(&requests[1]), &[("amount", "400")]).await.status,
        403
    );
    assert_eq!(
        max.post(&approval(&requests[1]), &[("amount", "400")]).await.status,
        403
    );
    mona.post(&approval(&requests[0]), &[("amount", "400")])
        .await
        .redirects_to(&org.path("/limits"));
    assert_eq!(shown(&ann, &org, "Ben").await, "400 a month own limit");
}

#[actix_web::test]
async fn c_05_amounts_are_shown_in_the_organizations_unit() {
    let (portal, org, ann, ben) = start().await;
    set(&ann, &org, &ben, &dialog("1,250.5", "")).await;
    let fields = [
        ("unit", "EUR"),
        ("conflict", "highest"),
        ("anchor_day", "1"),
        ("week_start", "1"),
        ("version", "0"),
    ];
    ann.post(&org.path("/limits/settings"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
    assert_eq!(shown(&ann, &org, "Ben").await, "€1,250.50 a month own limit");
    set(&ann, &org, &ben, &dialog("€1,300", "")).await;
    assert_eq!(shown(&ann, &org, "Ben").await, "€1,300 a month own limit");
    for (name, value) in [
        ("unit", "XXX"),
        ("conflict", "x"),
        ("anchor_day", "29"),
        ("week_start", "8"),
    ] {
        let version = version(&portal, &org).await;
        let mut fields: Vec<(&str, &str)> = fields.to_vec();
        fields.retain(|(known, _)| *known != name && *known != "version");
        fields.extend([(name, value), ("version", version.as_str())]);
        let page = ann.post(&org.path("/limits/settings"), &fields).await.page(422);
        assert_eq!(
            page.attribute(&format!("#{name}"), "aria-invalid").as_deref(),
            Some("true"),
            "{name}"
        );
    }
}

#[actix_web::test]
async fn c_07_i_08_billing_day_and_zone_change_without_a_second_grant() {
    let (portal, org, ann, _) = start().await;
    let window = |window| {
        let (portal, org) = (&portal, &org);
        async move {
            let org = portal.org_ref(org).await;
            let settings = settings::find(&mut portal.app.db.read(), &org).await.expect("settings");
            let span = settings.window(window, portal.clock.now());
            (span.start.to_string(), span.end.expect("an end").to_string())
        }
    };
    let day = ("2026-11-20T23:00:00Z".to_owned(), "2026-11-21T23:00:00Z".to_owned());
    let month = ("2026-10-31T23:00:00Z".to_owned(), "2026-11-30T23:00:00Z".to_owned());
    assert_eq!(
        (window(Window::Day).await, window(Window::Month).await),
        (day.clone(), month.clone())
    );
    let fields = [
        ("unit", "credits"),
        ("conflict", "highest"),
        ("anchor_day", "25"),
        ("week_start", "1"),
        ("version", "0"),
    ];
    ann.post(&org.path("/limits/settings"), &fields)
        .await
        .redirects_to(&org.path("/limits"));
    assert_eq!(
        window(Window::Month).await,
        (month.0.clone(), "2026-11-24T23:00:00Z".to_owned())
    );
    portal.clock.advance(Duration::from_secs(1));
    let general = [
        ("section", "general"),
        ("version", "1"),
        ("name", "Acme"),
        ("slug", "acme"),
        ("zone", "America/New_York"),
        ("support_contact", "it@acme.example"),
    ];
    ann.post(&org.path("/settings"), &general)
        .await
        .redirects_to(&org.path("/settings"));
    assert_eq!(
        window(Window::Day).await,
        day,
        "the new day begins later than the old one ends"
    );
    portal.clock.advance(Duration::from_secs(14 * 3_600));
    assert_eq!(
        window(Window::Day).await,
        ("2026-11-21T23:00:00Z".to_owned(), "2026-11-22T05:00:00Z".to_owned())
    );
    assert_eq!(
        window(Window::Month).await,
        (month.0, "2026-11-24T23:00:00Z".to_owned())
    );
}

/// A reset is told by the reader's clock, with the organization's midnight beside it where that is another hour.
#[actix_web::test]
async fn r_lim_11_the_next_reset_is_told_in_the_zone_of_whoever_reads_it() {
    let (portal, org, ann, ben) = start().await;
    set(&ann, &org, &ben, &dialog("100", "")).await;
    let page = org.path(&format!("/members/{}", ben.id()));
    let zone = async |who: &Someone, zone: &str| {
        let sql = format!(
            "insert into profiles (user_id, zone) values ({id}, '{zone}') on conflict (user_id) do update set zone = '{zone}'",
            id = who.user.raw()
        );
        raw(&portal.app.db, &sql).await;
    };
    zone(&ann, "Asia/Tokyo").await;
    zone(&ben, "Europe/Paris").await;
    let own = ann.get(&page).await.page(200);
    own.assert_says(
        "Next reset 1 Dec 2026, 08:00 (Asia/Tokyo) 1 Dec 2026, 00:00 in Europe/Berlin, the organization’s zone",
    );
    assert_eq!(
        own.attribute("#limits time", "datetime").as_deref(),
        Some("2026-11-30T23:00:00Z")
    );
    // Where both clocks show the same, once is enough.
    let same = ben.get(&page).await.page(200);
    same.assert_says("Next reset 1 Dec 2026, 00:00 (Europe/Paris)");
    same.assert_silent("the organization’s zone");
    let asks = ben.get(&org.path("/limits/request")).await.page(200);
    asks.assert_says("(Europe/Paris)");
    let dialog = ann
        .get(&org.path(&format!("/members/{}/limit", ben.id())))
        .await
        .page(200);
    dialog.assert_says("(Asia/Tokyo)");
}

/// R-GRP-09: the limits of a group stand on its page, for those who care for it and those who see everybody's.
#[actix_web::test]
async fn a_groups_page_has_a_card_with_its_limits() {
    let (portal, org, ann, ben) = start().await;
    let cem = portal.member(&org, Role::Developer, "cem").await;
    let members = [ben.member.expect("a member"), cem.member.expect("a member")];
    let engineering = group(&portal, &org, "Engineering", &members).await;
    let other = group(&portal, &org, "Other", &[]).await;
    set_group(&portal, &ann, &org, engineering, "400", "").await;
    set_group(&portal, &ann, &org, other, "7", "").await;
    let path = org.path(&format!("/groups/{engineering}"));
    let card = "[aria-labelledby=group-limits-h]";
    let page = ann.get(&path).await.page(200);
    assert_eq!(
        page.first(card),
        "Limits Change Each member 400 credits a month All together None"
    );
    let change = page.attribute(&format!("{card} a"), "href").expect("a link");
    assert_eq!(change, org.path(&format!("/limits/groups?group={engineering}")));
    ann.get(&change).await.page(200).assert_says("Engineering");
    // Whoever belongs to it sees their own limit on their own page, and the group's only when they lead it; then without the link.
    assert_eq!(ben.get(&path).await.page(200).count(card), 0);
    raw(
        &portal.app.db,
        &format!(
            "update group_members set is_lead = true where member_id = {}",
            members[0].raw()
        ),
    )
    .await;
    let led = ben.get(&path).await.page(200);
    assert_eq!(
        led.first(card),
        "Limits Each member 400 credits a month All together None"
    );
    assert_eq!(led.count(&format!("{card} a")), 0);
    assert_eq!(cem.get(&path).await.page(200).count(card), 0);
}

#[actix_web::test]
async fn i_15_the_members_page_costs_the_same_statements_with_and_without_limits() {
    let (portal, org, ann, _) = start().await;
    let cost = || async {
        let before = muster::db::statements_run();
        ann.get(&org.path("/members")).await.page(200);
        muster::db::statements_run() - before
    };
    let few = cost().await;
    let mut people = Vec::new();
    for number in 0..12 {
        people.push(portal.member(&org, Role::Member, &format!("p{number}")).await);
    }
    let ids: Vec<MemberId> = people.iter().filter_map(|person| person.member).collect();
    let team = group(&portal, &org, "Team", &ids[..6]).await;
    set_group(&portal, &ann, &org, team, "90", "").await;
    for person in &people[6..] {
        set(&ann, &org, person, &dialog("50", "5")).await;
    }
    let many = cost().await;
    // One more where it is in doubt who has no limit; other tests of this process may run statements of their own.
    assert!(many <= few + 1 || cost().await <= few + 1, "{few} became {many}");
}

#[actix_web::test]
async fn own_limits_are_listed_page_by_page() {
    let (_portal, org, ann, ben) = start().await;
    ann.get(&org.path("/limits/members"))
        .await
        .page(200)
        .assert_says("Nobody has an own limit");
    set(&ann, &org, &ben, &dialog("unlimited", "5")).await;
    let page = ann.get(&org.path("/limits/members")).await.page(200);
    assert_eq!(page.rows().len(), 2);
    page.row("Unlimited a month");
    page.row("5 credits a day");
}

#[actix_web::test]
async fn permissions_are_those_of_the_model() {
    for (role, expected) in [
        (Role::Administrator, [true, true, true, true]),
        (Role::Manager, [false, false, true, true]),
        (Role::Developer, [false, false, false, true]),
        (Role::Viewer, [false, false, false, true]),
    ] {
        let found = [
            Permission::LimitSet,
            Permission::LimitDefault,
            Permission::LimitDecide,
            Permission::LimitRequest,
        ]
        .map(|permission| role.may(permission));
        assert_eq!(found, expected, "{role:?}");
    }
}
