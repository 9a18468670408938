//! The members room: the list at any size, acts with their guards, what ends when access ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use muster::{
    access::{
        self, Can, EnterpriseRole, Role,
        permission::{GroupManage, MemberDisable, MemberManage, MemberSuspend, Right, RoleAssign},
    },
    clock::{Timestamp, days},
    db::{self, Db},
    groups,
    ids::{GroupId, MemberId, UserId},
    mail::address::Address,
    members::{
        Status,
        list::{self, Cursor, Order, Query, Sort},
        member::{self, Imported, Member, NewMember, Source},
    },
};
use sqlx::AssertSqlSafe;

use crate::support::{Answer, Client, Org, Page, Portal, Someone, spawn};

/// The operator's proof of a right, for what a test arranges.
async fn proof<P: Right>(portal: &Portal, org: &Org) -> Can<P> {
    access::inside(&mut portal.app.db.read(), portal.operator(), org.id)
        .await
        .expect("the organization")
}

async fn load(portal: &Portal, org: &Org, id: MemberId) -> Member {
    member::find(&mut portal.app.db.read(), org.id, id)
        .await
        .expect("the member")
}

/// Gives a member a role past every guard but the last one, to arrange a test.
async fn set_role(portal: &Portal, org: &Org, id: MemberId, role: Role) {
    let by = proof::<RoleAssign>(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
    member::change_role(&mut tx, &by, id, role, portal.clock.now())
        .await
        .expect("a role");
    tx.commit().await.expect("a commit");
}

async fn group(portal: &Portal, org: &Org, name: &str, members: &[MemberId]) -> GroupId {
    let by = proof::<GroupManage>(portal, org).await;
    let mut tx = portal.app.db.write().await.expect("a transaction");
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

/// Runs SQL of the test's own, the same text on both databases.
async fn sql(portal: &Portal, text: String) {
    match &portal.app.db {
        Db::Sqlite { write, .. } => drop(
            sqlx::query(AssertSqlSafe(text))
                .execute(write)
                .await
                .expect("the statement"),
        ),
        Db::Postgres(pool) => drop(
            sqlx::query(AssertSqlSafe(text))
                .execute(pool)
                .await
                .expect("the statement"),
        ),
    }
}

/// The kept counts, group sizes and search index say what the rows say.
async fn check_kept(portal: &Portal, org: &Org) {
    let id = org.id.raw();
    let wrong = portal
        .number(format!(
            "select count(*) from (select role, status, n from member_counts where org_id = {id} and n <> 0 except
             select role, status, count(*) from members where org_id = {id} and status < 5 group by role, status) d"
        ))
        .await;
    assert_eq!(wrong, 0, "member_counts differ from the rows");
    let total = portal
        .number(format!(
            "select cast(coalesce(sum(n), 0) as bigint) from member_counts where org_id = {id}"
        ))
        .await;
    let rows = portal
        .number(format!(
            "select count(*) from members where org_id = {id} and status < 5"
        ))
        .await;
    assert_eq!(total, rows);
    let sizes = portal.number(format!("select count(*) from groups g where org_id = {id} and member_count <> (select count(*) from group_members gm where gm.group_id = g.id)"),
    )
    .await;
    assert_eq!(sizes, 0, "a group's count differs from its rows");
    if let Db::Sqlite { .. } = portal.app.db {
        let indexed = portal
            .number(format!(
                "select count(*) from members_fts where rowid between {id} << 32 and ({id} + 1) << 32"
            ))
            .await;
        assert_eq!(indexed, rows, "the search index differs from the rows");
    }
}

async fn admins(portal: &Portal, org: &Org) -> i64 {
    portal
        .number(format!(
            "select count(*) from members where org_id = {} and role = 60 and status in (1, 2)",
            org.id.raw()
        ))
        .await
}

async fn act(who: &Client, org: &Org, id: MemberId, verb: &str, fields: &[(&str, &str)]) -> Answer {
    who.post(&org.path(&format!("/members/{id}/{verb}")), fields).await
}

/// Every act that can take an Org Admin away, with the form that confirms it.
fn endings(email: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    vec![
        ("role", vec![("role", "member".to_owned())]),
        ("suspension", vec![]),
        ("disablement", vec![("confirm", email.to_owned())]),
        ("removal", vec![("confirm", email.to_owned())]),
    ]
}

fn fields<'a>(owned: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    owned.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[actix_web::test]
async fn the_list_shows_everyone_with_their_facts() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Developer, "bob").await;
    group(&portal, &org, "Research", &[bob.member.unwrap()]).await;
    group(&portal, &org, "Design", &[bob.member.unwrap()]).await;
    group(&portal, &org, "Zeta", &[bob.member.unwrap(), ann.member.unwrap()]).await;
    let page = ann.get(&org.path("/members")).await.page(200);
    page.assert_heading("Members 2");
    assert_eq!(page.first("title"), "Members · Acme · Muster");
    let row = page.row("bob@acme.example");
    row.assert_cell("Member", "Bob");
    row.assert_cell("Role", "Developer");
    row.assert_cell("Status", "Inactive");
    row.assert_cell("Groups", "Design Research +1 more: Zeta");
    row.assert_cell("Joined", "21 Nov 2026");
    row.assert_cell("Last active", "Never");
    page.row("ann@acme.example").assert_cell("Member", "(you)");
    page.assert_says("1–2 of 2 members");
    assert_eq!(
        page.all("nav.seg a"),
        ["All 2", "Active 0", "Inactive 2", "Deactivated 0", "Disabled 0"]
    );
    assert!(
        page.all(".stats div").contains(&"Org Admins 1 Show them".to_owned()),
        "{:?}",
        page.all(".stats div")
    );
    assert_eq!(
        page.attribute(&format!("#b-{}", bob.id()), "data-do").unwrap(),
        "limit admin roles suspension disablement removal"
    );
    assert_eq!(
        page.attribute(&format!("#b-{}", bob.id()), "href").unwrap(),
        org.path(&format!("/members/{}", bob.id())),
        "without scripts the page of the member has the acts"
    );
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn nobody_is_offered_what_they_may_not_do() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let max = portal.member(&org, Role::Manager, "max").await;
    let vic = portal.member(&org, Role::Viewer, "vic").await;
    let own = ann.get(&org.path("/members")).await.page(200);
    let menus = |page: &Page, id: &str| page.attribute(&format!("#b-{id}"), "data-do").unwrap();
    assert_eq!(menus(&own, &ann.id()), "limit", "nothing against oneself");
    let by_manager = max.get(&org.path("/members")).await.page(200);
    assert_eq!(menus(&by_manager, &ann.id()), "", "nothing against a higher rank");
    assert_eq!(menus(&by_manager, &vic.id()), "suspension");
    let by_viewer = vic.get(&org.path("/members")).await.page(200);
    assert_eq!(menus(&by_viewer, &max.id()), "");
    assert_eq!(by_viewer.count(".page-head .btn"), 0);
}

#[actix_web::test]
async fn members_see_names_and_not_addresses() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let mia = portal.member(&org, Role::Member, "mia").await;
    let page = mia.get(&org.path("/members")).await.page(200);
    page.assert_says("Ann");
    page.assert_silent("ann@acme.example");
    page.assert_says("mia@acme.example");
    mia.get(&org.path(&format!("/members/{}", ann.id())))
        .await
        .page(200)
        .assert_silent("ann@acme.example");
    let found = mia.get(&org.path("/members?q=ann%40acme")).await.page(200);
    assert!(
        found.find_row("Ann").is_none(),
        "found by an address that may not be seen"
    );
}

/// The rows' names of one page.
fn names(page: &Page) -> Vec<String> {
    page.all("#results tbody th a")
        .into_iter()
        .map(|name| name.replace(" (you)", ""))
        .collect()
}

/// An organization of many, with names that come again and again.
async fn crowd(portal: &Portal, org: &Org, size: usize) -> Vec<(MemberId, Imported)> {
    let first = ["Ann", "Jürgen", "Zoë", "Bob", "Ann"];
    let last = ["Bach", "Smith", "Wiśniewska", "Müller", "Bach", "Songarhol", "Okonjo"];
    let start = Timestamp::from_secs(1_700_000_000);
    let mut people = Vec::new();
    for n in 0..size {
        let name = format!("{} {}", first[n % first.len()], last[(n / 3) % last.len()]);
        let email = Address::parse(&format!("p{n}@{}.example", org.slug)).expect("an address");
        people.push(Imported {
            expires_at: None,
            user: UserId::from_raw(0),
            email,
            name,
            role: Role::ALL[if n % 50 == 1 { 0 } else { 1 + n % 4 }],
            is_primary: true,
            joined_at: start.plus(days((n % 4) as u64)),
            last_active_at: (n % 3 == 0).then(|| start.plus(days((n % 5) as u64))),
            context_at: (n % 2 == 0).then_some(start),
            is_suspended: n % 11 == 0,
            groups: Vec::new(),
        });
    }
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.expect("a transaction");
    let accounts: Vec<_> = people
        .iter()
        .map(|person| muster::auth::account::NewAccount {
            email: &person.email,
            name: &person.name,
            password_hash: None,
            proof: muster::auth::account::Proof::None,
        })
        .collect();
    let users = muster::auth::account::create_many(&mut tx, &portal.operator(), &accounts, now)
        .await
        .expect("accounts");
    for (person, user) in people.iter_mut().zip(users) {
        person.user = user;
    }
    let ids = member::join_many(&mut tx, &portal.operator(), org.id, people.clone(), now)
        .await
        .expect("members");
    tx.commit().await.expect("a commit");
    ids.into_iter().zip(people).collect()
}

#[actix_web::test]
async fn walking_the_pages_visits_every_member_exactly_once() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "zz").await;
    crowd(&portal, &org, 499).await;
    for sort in ["name", "role", "status", "active", "joined"] {
        for dir in ["asc", "desc"] {
            let mut path = org.path(&format!("/members?sort={sort}&dir={dir}"));
            let mut pages: Vec<Vec<String>> = Vec::new();
            let mut previous = loop {
                let page = Leaf::read(&ann, &path).await;
                let range = format!(
                    "{}–{} of 500 members",
                    pages.len() * 50 + 1,
                    pages.len() * 50 + page.ids.len()
                );
                assert!(page.body.contains(&range), "{sort} {dir}: not {range}");
                pages.push(page.ids);
                assert!(pages.len() <= 10, "more pages than there can be");
                match page.next {
                    Some(next) => path = next,
                    None => break page.previous,
                }
            };
            let all: Vec<&String> = pages.iter().flatten().collect();
            let once: BTreeSet<_> = all.iter().collect();
            assert_eq!(
                (all.len(), once.len()),
                (500, 500),
                "{sort} {dir}: someone came twice or not at all"
            );
            // And back again, over the same pages.
            for expected in pages.iter().rev().skip(1) {
                let page = Leaf::read(&ann, &previous.expect("a page before")).await;
                assert_eq!(&page.ids, expected, "{sort} {dir} backwards");
                previous = page.previous;
            }
            assert_eq!(previous, None, "{sort} {dir}: a page before the first");
        }
    }
}

/// One page of the walk, read without building a tree, of which there would be hundreds.
struct Leaf {
    body: String,
    ids: Vec<String>,
    previous: Option<String>,
    next: Option<String>,
}

impl Leaf {
    async fn read(who: &Client, path: &str) -> Self {
        let body = who.htmx_get(path).await;
        assert_eq!(body.status, 200);
        let body = body.body;
        let value = |text: &str| {
            text.split('"')
                .next()
                .unwrap_or_default()
                .replace("&#38;", "&")
                .replace("&amp;", "&")
        };
        let after = |start: &str| body.split_once(start).map(|(_, rest)| value(rest));
        let ids = body.split("<tr role=\"row\" id=\"").skip(1).map(value).collect();
        let (previous, next) = (after("id=\"page-previous\" href=\""), after("id=\"page-next\" href=\""));
        Self {
            body,
            ids,
            previous,
            next,
        }
    }
}

/// One of the crowd as the list sees them, folded once.
struct Seen {
    id: MemberId,
    person: Imported,
    status: Status,
    name_key: String,
    text: String,
}

impl Seen {
    fn new(id: MemberId, person: Imported) -> Self {
        let status = match person.context_at {
            _ if person.is_suspended => Status::Suspended,
            Some(_) => Status::Active,
            None => Status::Inactive,
        };
        let name_key = muster::text::fold(&person.name);
        Self {
            id,
            status,
            text: format!("{name_key} {}", person.email.key()),
            name_key,
            person,
        }
    }
}

/// What the list must give, by looking at each person.
fn expected(people: &[Seen], groups: &BTreeMap<GroupId, BTreeSet<MemberId>>, query: &Query) -> Vec<MemberId> {
    let mut found: Vec<&Seen> = people
        .iter()
        .filter(|seen| {
            query.status.is_none_or(|wanted| wanted == seen.status)
                && (query.roles.is_empty() || query.roles.contains(&seen.person.role))
                && (query.groups.is_empty() || query.groups.iter().any(|group| groups[group].contains(&seen.id)))
                && query.words.iter().all(|word| seen.text.contains(word.as_str()))
        })
        .collect();
    let Order { sort, down } = query.order;
    let grouped = matches!(sort, Sort::Role | Sort::Status);
    found.sort_by_cached_key(|seen| {
        let number = match sort {
            Sort::Name => 0,
            Sort::Role => 100 - seen.person.role.rank(),
            Sort::Status => seen.status as i64,
            Sort::Active => seen.person.last_active_at.unwrap_or_default().micros(),
            Sort::Joined => seen.person.joined_at.micros(),
        };
        let name = if grouped || sort == Sort::Name {
            seen.name_key.clone()
        } else {
            String::new()
        };
        (if grouped && down { -number } else { number }, name, seen.id.raw())
    });
    if down && !grouped {
        found.reverse();
    }
    found.into_iter().map(|seen| seen.id).collect()
}

/// Every filter, sort and search gives what looking at each row gives, on each plan that a size chooses.
async fn plans_agree(size: usize) {
    let portal = spawn().await;
    let (org, other) = (portal.org("Acme").await, portal.org("Other").await);
    crowd(&portal, &other, 60).await; // its people must never be found
    let people = crowd(&portal, &org, size).await;
    let pick = |step: usize| people.iter().step_by(step).map(|(id, _)| *id).collect::<Vec<_>>();
    let mut groups = BTreeMap::new();
    for (name, members) in [("Few", pick(size / 7)), ("Many", pick(3))] {
        groups.insert(
            group(&portal, &org, name, &members).await,
            members.into_iter().collect(),
        );
    }
    let people: Vec<Seen> = people.into_iter().map(|(id, person)| Seen::new(id, person)).collect();
    portal.app.db.analyze().await.expect("statistics");
    let mut db = portal.app.db.read();
    let counts = member::counts(&mut db, org.id).await.expect("counts");
    let known = groups::list(&mut db, org.id).await.expect("groups");
    let ids: Vec<GroupId> = groups.keys().copied().collect();
    let mut cases = 0;
    for sort in Sort::ALL {
        for down in [false, true] {
            let order = Order { sort, down };
            let filters = [
                (None, vec![], vec![]),
                (Some(Status::Suspended), vec![], vec![]),
                (Some(Status::Active), vec![Role::Administrator], vec![]),
                (Some(Status::Disabled), vec![], vec![]),
                (None, vec![Role::Manager, Role::Viewer], vec![]),
                (None, vec![], vec![ids[0]]),
                (None, vec![Role::Viewer], vec![ids[1]]),
                (Some(Status::Inactive), vec![Role::Developer, Role::Member], ids.clone()),
            ];
            for (at, (status, roles, groups_wanted)) in filters.into_iter().enumerate() {
                // Each filter alone, and each with some searches.
                let searches: &[&str] = if at % 3 == 0 {
                    &["", "zo", "jürgen songarhol", "p1", "nobody", "%", "_", "\"", "a"]
                } else {
                    &["", "ann bach", "42@"]
                };
                for typed in searches {
                    let mut query = Query {
                        order,
                        status,
                        roles: roles.clone(),
                        groups: groups_wanted.clone(),
                        words: list::words(typed),
                        limitless: None,
                        cursor: None,
                    };
                    let wanted = expected(&people, &groups, &query);
                    let mut seen: Vec<MemberId> = Vec::new();
                    for _ in 0..3 {
                        let found = list::find(&mut db, org.id, &query, &counts, &known)
                            .await
                            .expect("a page");
                        assert_eq!(found.before, seen.len() as i64);
                        if let Some(total) = found.total {
                            assert_eq!(total, wanted.len() as i64, "the total of {query:?}");
                        }
                        seen.extend(found.rows.iter().map(|row| row.id));
                        match found.next {
                            Some(next) => query.cursor = Some(next),
                            None => break,
                        }
                    }
                    let reach = wanted.len().min(3 * list::PAGE);
                    assert_eq!(seen, wanted[..reach], "{size} members, {typed:?}, {query:?}");
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 300);
}

#[actix_web::test]
async fn the_plans_agree_in_a_small_organization() {
    plans_agree(700).await;
}

#[actix_web::test]
async fn the_plans_agree_in_a_large_organization() {
    plans_agree(11_000).await;
}

#[actix_web::test]
async fn a_page_costs_the_same_number_of_statements_at_any_size() {
    let portal = spawn().await;
    let (small, large) = (portal.org("Small").await, portal.org("Large").await);
    let ann = portal.member(&small, Role::Administrator, "ann").await;
    portal.member(&large, Role::Administrator, "ann").await;
    let ids: Vec<_> = crowd(&portal, &large, 600)
        .await
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    for name in ["One", "Two", "Three"] {
        group(&portal, &large, name, &ids).await;
    }
    let mut costs = BTreeMap::new();
    for query in [
        "",
        "?sort=role",
        "?status=active&sort=joined",
        "?role=member&role=viewer",
        "?q=ann",
        "?q=z&sort=active",
    ] {
        for org in [&small, &large] {
            let path = org.path(&format!("/members{query}"));
            ann.get(&path).await.page(200); // notes the presence, once a minute
            actix_web::rt::time::sleep(Duration::from_millis(50)).await;
            let before = db::statements_run();
            let page = ann.get(&path).await.page(200);
            let cost = db::statements_run() - before;
            if org.slug == large.slug {
                assert_eq!(page.count("#results tbody tr"), 50, "{query}");
            }
            costs.entry(query).or_insert_with(Vec::new).push(cost);
        }
    }
    for (query, cost) in &costs {
        assert_eq!(cost[0], cost[1], "{query}: {costs:?}");
        assert!(cost[0] <= 12, "{query} takes {} statements", cost[0]);
    }
}

#[actix_web::test]
async fn search_finds_what_one_types() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    for (name, email) in [
        ("Jürgen Weiß", "jw@kestrel.example"),
        ("100% _Real_", "odd@kestrel.example"),
        ("山田 太郎", "taro@kestrel.example"),
    ] {
        let form = [("name", name), ("email", email), ("role", "member")];
        ann.post(&org.path("/members"), &form)
            .await
            .redirects_to(&org.path("/members/mem_"));
    }
    for (typed, found) in [
        ("jurgen", vec!["Jürgen Weiß"]),
        ("JÜRGEN", vec!["Jürgen Weiß"]),
        ("weiß jü", vec!["Jürgen Weiß"]),
        ("kestrel weiß", vec!["Jürgen Weiß"]),
        ("jw@", vec!["Jürgen Weiß"]),
        ("%", vec!["100% _Real_"]),
        ("_r", vec!["100% _Real_"]),
        ("太", vec!["山田 太郎"]),
        ("j", vec!["Jürgen Weiß"]),
        ("nobody", vec![]),
        ("\"", vec![]),
        ("a b c d e", vec![]),
        ("", vec!["100% _Real_", "Ann", "Jürgen Weiß", "山田 太郎"]),
    ] {
        let path = format!(
            "/members?{}",
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("q", typed)
                .finish()
        );
        let page = ann.get(&org.path(&path)).await.page(200);
        assert_eq!(names(&page), found, "{typed:?}");
        if found.is_empty() {
            page.assert_says("No member matches");
            page.assert_says("Clear filters");
        }
    }
    // A name that changes is found under the new one alone; who has left is not found.
    let (user, ..) = portal.account("jw@kestrel.example").await;
    let mut tx = portal.app.db.write().await.unwrap();
    member::rename(&mut tx, user, "Georg Schwarz").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        names(&ann.get(&org.path("/members?q=schwarz")).await.page(200)),
        ["Georg Schwarz"]
    );
    assert!(names(&ann.get(&org.path("/members?q=jürgen")).await.page(200)).is_empty());
    let id = ann
        .get(&org.path("/members?q=schwarz"))
        .await
        .page(200)
        .attribute("#results tbody tr", "id")
        .unwrap()
        .replace("m-", "");
    act(
        &ann,
        &org,
        id.parse().unwrap(),
        "removal",
        &[("confirm", "JW@kestrel.example")],
    )
    .await
    .redirects_to(&org.path("/members"));
    assert!(names(&ann.get(&org.path("/members?q=schwarz")).await.page(200)).is_empty());
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn filters_are_words_that_can_be_taken_away() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Developer, "bob").await;
    portal.member(&org, Role::Viewer, "vic").await;
    let team = group(&portal, &org, "Research", &[bob.member.unwrap()]).await;
    let path = org.path(&format!(
        "/members?role=developer&role=viewer&group={team}&status=inactive&q=b"
    ));
    let page = ann.get(&path).await.page(200);
    assert_eq!(names(&page), ["Bob"]);
    assert_eq!(
        page.all(".chip.on"),
        [
            "Search: b",
            "Status: Inactive",
            "Role: Viewer",
            "Role: Developer",
            "Group: Research"
        ]
    );
    let mut rest = page.attributes(".chip.on a", "href");
    let fewer = ann.get(&rest.remove(4)).await.page(200);
    assert_eq!(fewer.all(".chip.on").len(), 4);
    // Junk in an address is left out, not an error.
    for junk in [
        "?sort=x&dir=y&status=z&role=w&group=v&after=u",
        "?after=!!!",
        "?before=e30",
        "?group=mem_0000000000000",
    ] {
        ann.get(&org.path(&format!("/members{junk}")))
            .await
            .page(200)
            .assert_says("1–3 of 3 members");
    }
    let part = ann.htmx_get(&path).await;
    assert!(
        part.body.contains("id=\"results\"")
            && part.body.contains("hx-target=\"#filters\"")
            && !part.body.contains("<html")
    );
}

#[actix_web::test]
async fn cve_c09_actor_below_target() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    portal.member(&org, Role::Administrator, "root").await; // so that the last one is never the matter
    let mut actors: Vec<(i64, bool, bool, Someone)> = Vec::new();
    for role in Role::ALL {
        let someone = portal.member(&org, role, &format!("actor-{}", role.key())).await;
        actors.push((role.rank(), role == Role::Administrator, role.rank() >= 50, someone));
    }
    for role in [
        EnterpriseRole::Administrator,
        EnterpriseRole::BillingManager,
        EnterpriseRole::Auditor,
    ] {
        let someone = portal.enterprise_member(role, &format!("e{}", role.rank())).await;
        let all = role == EnterpriseRole::Administrator;
        actors.push((role.rank(), all, all, someone));
    }
    let (user, email, name) = portal.account("target").await;
    let mut tx = portal.app.db.write().await.unwrap();
    let new = NewMember {
        user,
        email: &email,
        name: &name,
        role: Role::Viewer,
        source: Source::SetUp,
        groups: &[],
        expires_at: None,
    };
    let target = member::join(&mut tx, &portal.operator(), org.id, new, portal.clock.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut allowed = 0;
    for (rank, may_role, may_suspend, actor) in &actors {
        for of in Role::ALL {
            for to in Role::ALL {
                set_role(&portal, &org, target, of).await;
                let answer = act(actor, &org, target, "role", &[("role", to.key())]).await;
                let fine = *may_role && *rank >= of.rank() && *rank >= to.rank();
                assert_eq!(
                    answer.status,
                    if fine { 303 } else { 403 },
                    "{} makes {} {}",
                    actor.name,
                    of.title(),
                    to.title()
                );
                let now = load(&portal, &org, target).await.role;
                assert_eq!(
                    now,
                    if fine { to } else { of },
                    "{} makes {} {}",
                    actor.name,
                    of.title(),
                    to.title()
                );
                allowed += usize::from(fine);
            }
            set_role(&portal, &org, target, of).await;
            let fine = *may_suspend && *rank >= of.rank();
            let answer = act(actor, &org, target, "suspension", &[]).await;
            assert_eq!(
                answer.status,
                if fine { 303 } else { 403 },
                "{} deactivates {}",
                actor.name,
                of.title()
            );
            if fine {
                act(actor, &org, target, "suspension/end", &[])
                    .await
                    .redirects_to(&org.path("/members"));
            }
        }
    }
    assert_eq!(allowed, 50, "Org Admin and Enterprise Administrator, 25 each");
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn cve_c09_an_enterprise_administrator_is_above_every_org_admin() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let eva = portal.member(&org, Role::Viewer, "eva").await;
    portal.enterprise_member(EnterpriseRole::Administrator, "eva").await;
    for (verb, form) in endings("eva@acme.example") {
        let answer = act(&ann, &org, eva.member.unwrap(), verb, &fields(&form)).await;
        assert_eq!(answer.status, 403, "{verb}: {}", answer.body);
        answer
            .page(403)
            .assert_says("Enterprise Administrator, which stands above your own role");
    }
    assert_eq!(load(&portal, &org, eva.member.unwrap()).await.role, Role::Viewer);
}

#[actix_web::test]
async fn cve_c08_a_form_cannot_carry_more_than_its_fields() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await.member.unwrap();
    let before = load(&portal, &org, bob).await;
    let smuggled = [
        ("role", "viewer"),
        ("status", "1"),
        ("org_id", "7"),
        ("user_id", "1"),
        ("email", "x@y.example"),
        ("is_primary", "0"),
        ("enterprise_role", "100"),
        ("context_at", "1"),
        ("name", "X"),
    ];
    act(&ann, &org, bob, "role", &smuggled)
        .await
        .redirects_to(&org.path("/members/"));
    let after = load(&portal, &org, bob).await;
    assert_eq!(
        after,
        Member {
            role: Role::Viewer,
            version: before.version + 1,
            ..before
        }
    );
    // Oneself included: nobody reaches above the own rank.
    let max = portal.member(&org, Role::Manager, "max").await;
    assert_eq!(
        act(&max, &org, max.member.unwrap(), "role", &[("role", "administrator")])
            .await
            .status,
        403
    );
    assert_eq!(act(&max, &org, max.member.unwrap(), "admin", &[]).await.status, 403);
}

#[actix_web::test]
async fn cve_c12_last_admin_every_path() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let boss = portal.enterprise_member(EnterpriseRole::Administrator, "boss").await;
    let id = ann.member.unwrap();
    for (verb, form) in endings(&ann.email) {
        let answer = act(&boss, &org, id, verb, &fields(&form)).await;
        assert_eq!(answer.status, 409, "{verb}");
        answer
            .page(409)
            .assert_says("Ann is the last Org Admin of Acme. Make someone else Org Admin first.");
    }
    assert_eq!(
        act(&ann, &org, id, "role", &[("role", "viewer")]).await.status,
        409,
        "demoting oneself"
    );
    for verb in ["suspension", "disablement", "removal"] {
        let answer = act(&ann, &org, id, verb, &[("confirm", &ann.email)]).await;
        answer.page(409).assert_says("yourself");
    }
    // The operator's own verbs.
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.unwrap();
    let (role, suspend) = (
        proof::<RoleAssign>(&portal, &org).await,
        proof::<MemberSuspend>(&portal, &org).await,
    );
    assert!(
        member::change_role(&mut tx, &role, id, Role::Viewer, now)
            .await
            .is_err()
    );
    assert!(member::suspend(&mut tx, &suspend, id, None, "", now).await.is_err());
    assert!(
        member::disable(&mut tx, &proof::<MemberDisable>(&portal, &org).await, id, "", now)
            .await
            .is_err()
    );
    assert!(
        member::remove(&mut tx, &proof::<MemberManage>(&portal, &org).await, id, now)
            .await
            .is_err()
    );
    drop(tx);
    // An Org Admin with an end date, or a deactivated one, does not count.
    let (user, email, name) = portal.account("tim").await;
    let mut tx = portal.app.db.write().await.unwrap();
    let end = Some(now.plus(days(3)));
    let new = NewMember {
        user,
        email: &email,
        name: &name,
        role: Role::Administrator,
        source: Source::Invitation,
        groups: &[],
        expires_at: end,
    };
    member::join(&mut tx, &portal.operator(), org.id, new, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let sue = portal.member(&org, Role::Administrator, "sue").await;
    act(&ann, &org, sue.member.unwrap(), "suspension", &[])
        .await
        .redirects_to(&org.path("/members"));
    for (verb, form) in endings(&ann.email) {
        assert_eq!(act(&boss, &org, id, verb, &fields(&form)).await.status, 409, "{verb}");
    }
    // Time cannot take the last one either.
    portal.clock.advance(days(4));
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(admins(&portal, &org).await, 1);
    assert_eq!(load(&portal, &org, id).await.status, Status::Inactive);
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn fault_f23_two_admins_demote_each_other() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Administrator, "bob").await;
    let (a, b) = (ann.member.unwrap(), bob.member.unwrap());
    let (token_a, token_b) = (ann.csrf().await, bob.csrf().await);
    let demote = |who: &Client, token: &str, id: MemberId| {
        let path = org.path(&format!("/members/{id}/role"));
        let request = who
            .request(reqwest::Method::POST, &path)
            .form(&[("csrf", token), ("role", "member")]);
        let who = who.clone();
        async move { who.send(request).await.status }
    };
    let rounds = if crate::support::is_long() { 1_000 } else { 200 };
    for round in 0..rounds {
        let (first, second) = futures_util::join!(demote(&ann, &token_a, b), demote(&bob, &token_b, a));
        let mut both = [first, second];
        both.sort_unstable();
        // Who comes second is refused: as the one who would take the last Org Admin, or as one who is none any more.
        assert!(both == [303, 409] || both == [303, 403], "round {round}: {both:?}");
        assert_eq!(admins(&portal, &org).await, 1, "round {round}");
        set_role(&portal, &org, a, Role::Administrator).await;
        set_role(&portal, &org, b, Role::Administrator).await;
    }
    // The same with both proofs in hand before either acts, which no permission check can save.
    let (by_a, by_b) = (
        proof::<RoleAssign>(&portal, &org).await,
        proof::<RoleAssign>(&portal, &org).await,
    );
    for round in 0..rounds {
        let go = |by: &Can<RoleAssign>, id: MemberId| {
            let (db, now) = (portal.app.db.clone(), portal.clock.now());
            let by = by.also::<RoleAssign>().expect("the same proof");
            async move {
                let mut tx = db.write().await?;
                member::change_role(&mut tx, &by, id, Role::Member, now).await?;
                tx.commit().await
            }
        };
        let (first, second) = futures_util::join!(go(&by_a, b), go(&by_b, a));
        let statuses = [first, second].map(|result| result.map_or_else(|error| error.status(), |()| 200));
        assert!(
            statuses == [200, 409] || statuses == [409, 200],
            "round {round}: {statuses:?}"
        );
        assert_eq!(admins(&portal, &org).await, 1, "round {round}");
        set_role(&portal, &org, a, Role::Administrator).await;
        set_role(&portal, &org, b, Role::Administrator).await;
    }
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn fault_f24_stale_edit() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let cat = portal.member(&org, Role::Administrator, "cat").await;
    let bob = portal.member(&org, Role::Member, "bob").await.member.unwrap();
    let path = org.path(&format!("/members/{bob}"));
    let seen = ann.get(&path).await.page(200).value("version").expect("a version");
    act(&cat, &org, bob, "role", &[("role", "developer"), ("version", &seen)])
        .await
        .redirects_to(&path);
    for (verb, form) in endings("bob@acme.example") {
        let mut form = fields(&form);
        form.push(("version", &seen));
        let answer = act(&ann, &org, bob, verb, &form).await;
        answer
            .page(409)
            .assert_says("Bob was changed in the meantime and is now Developer, Inactive.");
    }
    let now = load(&portal, &org, bob).await;
    assert_eq!((now.role, now.status), (Role::Developer, Status::Inactive));
}

#[actix_web::test]
async fn cve_c13_access_after_removal() {
    for (verb, form) in endings("bob@acme.example") {
        let portal = spawn().await;
        let (org, other) = (portal.org("Acme").await, portal.org("Other").await);
        let ann = portal.member(&org, Role::Administrator, "ann").await;
        let bob = portal.member(&org, Role::Manager, "bob").await;
        let second = portal.sign_in(bob.user).await;
        let (eve, id) = (portal.member(&org, Role::Manager, "eve").await, bob.member.unwrap());
        portal.member(&other, Role::Viewer, "eve").await;
        sql(
            &portal,
            format!("insert into password_resets (id, token_hash, user_id, created_at, expires_at) values (77, cast('x' as {}), {}, 0, 9)", blob(&portal), bob.user.raw()),
        )
        .await;
        invite(&portal, &org, &bob, 1).await;
        invite(&portal, &org, &eve, 2).await;
        assert_eq!(bob.get(&org.path("/members")).await.status, 200);
        assert_eq!(act(&ann, &org, id, verb, &fields(&form)).await.status, 303, "{verb}");
        let (sessions, resets, open) = (
            portal
                .number(format!(
                    "select count(*) from sessions where user_id = {}",
                    bob.user.raw()
                ))
                .await,
            portal
                .number(format!(
                    "select count(*) from password_resets where user_id = {}",
                    bob.user.raw()
                ))
                .await,
            portal
                .number(format!(
                    "select count(*) from invitations where invited_by = {} and state = 1",
                    bob.user.raw()
                ))
                .await,
        );
        if verb == "role" {
            assert_eq!(bob.get(&org.path("/members")).await.status, 200);
            assert_eq!(
                act(&bob, &org, eve.member.unwrap(), "suspension", &[]).await.status,
                403,
                "a right that was taken"
            );
            assert_eq!((resets, open), (1, 1));
            continue;
        }
        for client in [&bob.client, &second] {
            client.get(&org.path("/members")).await.redirects_to("/sign-in");
        }
        assert_eq!((sessions, resets), (0, 0), "{verb}");
        assert_eq!(open, i64::from(verb == "suspension"), "{verb}: invitations");
        // Whoever acts elsewhere stays signed in there, and is refused here.
        let form: Vec<_> = form.iter().map(|(name, _)| (*name, "eve@acme.example")).collect();
        assert_eq!(
            act(&ann, &org, eve.member.unwrap(), verb, &form).await.status,
            303,
            "{verb}"
        );
        let here = eve.get(&org.path("/members")).await;
        if verb == "removal" {
            assert_eq!(here.status, 404);
        } else {
            here.page(403).assert_says("contact it@acme.example");
        }
        assert_eq!(eve.get(&other.path("/members")).await.status, 200);
        check_kept(&portal, &org).await;
    }
}

fn blob(portal: &Portal) -> &'static str {
    if matches!(portal.app.db, Db::Sqlite { .. }) {
        "blob"
    } else {
        "bytea"
    }
}

/// An open invitation made by someone.
async fn invite(portal: &Portal, org: &Org, by: &Someone, n: i64) {
    sql(
        portal,
        format!(
            "insert into invitations (id, org_id, email, email_key, role, token_hash, invited_by, inviter_name, created_at)
             values ({}, {}, 'i{n}@x.example', 'i{n}@x.example', 30, cast('{n}' as {}), {}, 'X', 0)",
            org.id.row(900_000 + n),
            org.id.raw(),
            blob(portal),
            by.user.raw()
        ),
    )
    .await;
}

#[actix_web::test]
async fn cve_c07_a_foreign_or_unknown_member_is_not_found() {
    let portal = spawn().await;
    let (org, other) = (portal.org("Acme").await, portal.org("Other").await);
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let foreign = portal.member(&other, Role::Viewer, "vic").await;
    let gone = portal.member(&org, Role::Viewer, "gus").await;
    act(
        &ann,
        &org,
        gone.member.unwrap(),
        "removal",
        &[("confirm", "gus@acme.example")],
    )
    .await
    .redirects_to(&org.path("/members"));
    for id in [
        foreign.id(),
        gone.id(),
        "mem_0000000000000".to_owned(),
        "1".to_owned(),
        "new2".to_owned(),
    ] {
        for (verb, form) in endings("vic@acme.example") {
            let path = org.path(&format!("/members/{id}/{verb}"));
            assert_eq!(ann.post(&path, &fields(&form)).await.status, 404, "{path}");
        }
        for verb in ["", "/disablement", "/removal"] {
            assert_eq!(
                ann.get(&org.path(&format!("/members/{id}{verb}"))).await.status,
                404,
                "{id}{verb}"
            );
        }
        for verb in ["admin", "suspension/end", "context"] {
            assert_eq!(
                ann.post(&org.path(&format!("/members/{id}/{verb}")), &[]).await.status,
                404,
                "{id}/{verb}"
            );
        }
    }
    let team = group(&portal, &other, "Theirs", &[]).await.to_string();
    let form = [
        ("name", "New"),
        ("email", "n@x.example"),
        ("role", "viewer"),
        ("group", team.as_str()),
    ];
    assert_eq!(
        ann.post(&org.path("/members"), &form).await.status,
        404,
        "a foreign group"
    );
    assert_eq!(
        ann.get(&org.path(&format!("/members?group={team}")))
            .await
            .page(200)
            .count("#results tbody tr"),
        0
    );
}

#[actix_web::test]
async fn deactivating_is_one_click_and_one_click_back() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await.member.unwrap();
    let path = org.path(&format!("/members/{bob}/suspension"));
    let answer = ann.htmx_post(&path, &[]).await;
    assert_eq!((answer.status, answer.header("hx-trigger")), (200, "dialog:close"));
    assert!(
        answer.body.contains("<tr role=\"row\" id=\"m-") && answer.body.contains("Bob was deactivated."),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains(&format!("action=\"{path}/end\"")),
        "no way back: {}",
        answer.body
    );
    // The figures above the table go with the row.
    assert!(
        answer.body.contains("<hx-partial hx-target=\"#stats\""),
        "{}",
        answer.body
    );
    assert_eq!(answer.page(200).all("#stats .figure"), ["0", "1", "1", "0", "1"]);
    let deactivated = "<hx-partial hx-target=\"#seg-deactivated small\" hx-swap=\"innerHTML\">1<";
    assert!(answer.body.contains(deactivated), "{}", answer.body);
    let offered = answer.page(200).attribute("[data-do]", "data-do").unwrap();
    assert!(offered.contains("suspension/end"), "{offered}");
    let page = ann.get(&org.path("/members")).await.page(200);
    page.row("bob@").assert_cell("Status", "Deactivated");
    assert_eq!(act(&ann, &org, bob, "suspension", &[]).await.status, 409, "twice");
    // Without htmx the list comes back with its filters.
    let back = act(&ann, &org, bob, "suspension/end", &[("list", "sort=role&q=bob")]).await;
    assert_eq!(
        back.redirects_to(&org.path("/members")),
        org.path("/members?sort=role&q=bob")
    );
    ann.get(&org.path("/members"))
        .await
        .page(200)
        .assert_says("Bob was activated.");
    for bad in ["\r\nset-cookie: x=1", "ü", "//evil.example"] {
        act(&ann, &org, bob, "suspension", &[("list", bad)])
            .await
            .redirects_to(&org.path("/members"));
        act(&ann, &org, bob, "suspension/end", &[("to", "member")])
            .await
            .redirects_to(&org.path(&format!("/members/{bob}")));
    }
    assert_eq!(
        act(&ann, &org, bob, "suspension/end", &[]).await.status,
        409,
        "not deactivated"
    );
    portal.post().await;
    assert!(portal.mails_to("bob@acme.example").await >= 2, "the member hears of it");
}

#[actix_web::test]
async fn a_deactivation_and_a_membership_end_on_their_dates() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await.member.unwrap();
    for bad in ["2026-11-21", "2020-01-01", "tomorrow", "2026-13-01"] {
        let page = act(
            &ann,
            &org,
            bob,
            "suspension",
            &[("until", bad), ("reason", "Parental leave")],
        )
        .await
        .page(422);
        assert_eq!(page.count("#until-e"), 1, "{bad}");
        assert_eq!(
            page.value("reason").as_deref(),
            Some("Parental leave"),
            "what was typed stays"
        );
    }
    act(
        &ann,
        &org,
        bob,
        "suspension",
        &[("until", "2026-11-24"), ("reason", "Parental leave"), ("to", "member")],
    )
    .await
    .redirects_to(&org.path("/members/"));
    let page = ann.get(&org.path(&format!("/members/{bob}"))).await.page(200);
    page.assert_says(
        "Deactivated by Ann on 21 Nov 2026, 10:00. Access returns on 24 November 2026. Reason: Parental leave.",
    );
    portal.clock.advance(Duration::from_secs(61 * 3_600));
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(
        load(&portal, &org, bob).await.status,
        Status::Suspended,
        "23 November, 23:00 in Berlin"
    );
    portal.clock.advance(Duration::from_secs(3_600));
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(
        load(&portal, &org, bob).await.status,
        Status::Inactive,
        "24 November, 00:00 in Berlin"
    );
    // A membership with an end date.
    let (user, email, name) = portal.account("tim").await;
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.unwrap();
    let new = NewMember {
        user,
        email: &email,
        name: &name,
        role: Role::Member,
        source: Source::Invitation,
        groups: &[],
        expires_at: Some(now.plus(days(1))),
    };
    let tim = member::join(&mut tx, &portal.operator(), org.id, new, now)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    portal.clock.advance(days(1));
    let ann = portal.sign_in(ann.user).await;
    let at_once = portal.sign_in(user).await;
    at_once
        .get(&org.path("/members"))
        .await
        .page(403)
        .assert_says("has expired");
    let listed = |page: Page| page.row("tim@").cell("Status").to_owned();
    assert_eq!(listed(ann.get(&org.path("/members")).await.page(200)), "Expired");
    muster::jobs::tidy(&portal.app).await.unwrap();
    assert_eq!(load(&portal, &org, tim).await.status, Status::Suspended);
    assert_eq!(listed(ann.get(&org.path("/members")).await.page(200)), "Expired");
    act(&ann, &org, tim, "suspension/end", &[])
        .await
        .redirects_to(&org.path("/members"));
    muster::jobs::tidy(&portal.app).await.unwrap();
    let tim = load(&portal, &org, tim).await;
    assert_eq!(
        (tim.status, tim.expires_at),
        (Status::Inactive, None),
        "activating lifts the end date"
    );
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn disabling_is_confirmed_and_final_in_the_pages() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Manager, "bob").await;
    let id = bob.member.unwrap();
    group(&portal, &org, "Research", &[id]).await;
    invite(&portal, &org, &bob, 1).await;
    let path = org.path(&format!("/members/{id}/disablement"));
    let page = ann.get(&path).await.page(200);
    page.assert_says("Access ends at once and can’t be restored here. To restore it, contact it@acme.example.");
    page.assert_says("Access to this organization, 1 session, 1 open invitation");
    page.assert_says("Research");
    assert_eq!((page.count("dialog[open]"), page.count("#shell[inert]")), (1, 1));
    let part = ann.htmx_get(&path).await;
    assert!(
        part.body.trim_start().starts_with("<dialog") && !part.body.contains(" open>"),
        "{}",
        part.body
    );
    for wrong in ["", "bob", "bob@acme.example.org"] {
        let page = ann.post(&path, &[("confirm", wrong)]).await.page(422);
        page.assert_says("Type bob@acme.example to confirm.");
        assert_eq!(page.value("confirm").as_deref(), Some(wrong));
        assert_eq!(
            ann.htmx_post(&path, &[("confirm", wrong)])
                .await
                .page(422)
                .count("#disable-body"),
            1
        );
    }
    assert_eq!(load(&portal, &org, id).await.status, Status::Inactive);
    let answer = ann
        .htmx_post(
            &path,
            &[("confirm", " BOB@acme.example "), ("reason", "Left the company")],
        )
        .await;
    assert!(answer.body.contains("Bob was disabled."), "{}", answer.body);
    let row = answer.page(200);
    assert_eq!(
        row.attribute("[data-do]", "data-do").unwrap(),
        "removal",
        "no way back in the pages"
    );
    for verb in ["suspension/end", "suspension", "admin", "context"] {
        act(&ann, &org, id, verb, &[])
            .await
            .page(409)
            .assert_says("contact it@acme.example");
    }
    assert_eq!(act(&ann, &org, id, "role", &[("role", "viewer")]).await.status, 409);
    assert_eq!(ann.post(&path, &[("confirm", &bob.email)]).await.status, 409);
    let page = ann.get(&org.path(&format!("/members/{id}"))).await.page(200);
    page.assert_says("Disabled by Ann on 21 Nov 2026, 10:00. This cannot be undone here. To restore access, contact it@acme.example. Reason: Left the company.");
    // Adding the person again is refused with the reason.
    let again = [("name", "Bob"), ("email", bob.email.as_str()), ("role", "viewer")];
    ann.post(&org.path("/members"), &again)
        .await
        .page(422)
        .assert_says("is disabled in this organization");
    // The operator restores, nobody else.
    let by = proof::<MemberDisable>(&portal, &org).await;
    let mut tx = portal.app.db.write().await.unwrap();
    member::restore(&mut tx, &by, id, "Was a mistake", portal.clock.now())
        .await
        .unwrap();
    assert_eq!(
        member::restore(&mut tx, &by, id, "Twice", portal.clock.now())
            .await
            .unwrap_err()
            .status(),
        409
    );
    tx.commit().await.unwrap();
    let fresh = portal.sign_in(bob.user).await;
    assert_eq!(fresh.get(&org.path("/members")).await.status, 200);
    check_kept(&portal, &org).await;
    let record = portal.audit(Some(&org)).await;
    let of = |action: &str| {
        record
            .iter()
            .find(|row| row.action == action)
            .unwrap_or_else(|| panic!("no {action}"))
    };
    let disabled = of("member.disable");
    assert!(
        disabled.before.contains("inactive")
            && disabled.after.contains("disabled")
            && disabled.after.contains("\"invitations_revoked\":1"),
        "{}",
        disabled.after
    );
    assert!(of("member.restore").after.contains("Was a mistake"));
}

#[actix_web::test]
async fn removing_ends_the_membership_and_elects_another_primary() {
    let portal = spawn().await;
    let (first, second, third) = (
        portal.org("First").await,
        portal.org("Second").await,
        portal.org("Third").await,
    );
    let ann = portal.member(&first, Role::Administrator, "ann").await;
    let bob = portal.member(&first, Role::Member, "bob").await;
    portal.clock.advance(Duration::from_secs(60));
    let in_third = portal.member(&third, Role::Member, "bob").await;
    portal.clock.advance(Duration::from_secs(60));
    let in_second = portal.member(&second, Role::Member, "bob").await;
    let primaries = || {
        portal.number(format!(
            "select count(*) from members where user_id = {} and is_primary",
            bob.user.raw()
        ))
    };
    assert_eq!(primaries().await, 1);
    assert!(load(&portal, &first, bob.member.unwrap()).await.is_primary);
    group(&portal, &first, "Team", &[bob.member.unwrap()]).await;
    let path = first.path(&format!("/members/{}/removal", bob.id()));
    ann.get(&path).await.page(200).assert_says("Bob leaves First for good.");
    ann.post(&path, &[("confirm", "no")]).await.page(422);
    let answer = ann.htmx_post(&path, &[("confirm", &bob.email)]).await;
    assert!(
        !answer.body.contains("<tr") && answer.body.contains("Bob was removed from First."),
        "{}",
        answer.body
    );
    assert!(
        answer
            .body
            .contains("<hx-partial hx-target=\"#members-total\" hx-swap=\"innerHTML\">1<"),
        "{}",
        answer.body
    );
    assert_eq!(primaries().await, 1);
    assert!(
        load(&portal, &third, in_third.member.unwrap()).await.is_primary,
        "the one joined first"
    );
    assert!(!load(&portal, &second, in_second.member.unwrap()).await.is_primary);
    assert!(
        portal
            .audit(None)
            .await
            .iter()
            .any(|row| row.action == "member.primary.change")
    );
    check_kept(&portal, &first).await;
    // Coming back begins a new membership.
    let again = portal.member(&first, Role::Viewer, "bob").await;
    assert_ne!(again.member, bob.member);
    assert_eq!(primaries().await, 1);
    check_kept(&portal, &first).await;
}

#[actix_web::test]
async fn an_administrator_adds_a_person() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let team = group(&portal, &org, "Research", &[]).await.to_string();
    ann.get(&org.path("/members/new"))
        .await
        .page(200)
        .assert_heading("Add user");
    let form = [
        ("name", "Zoë Okonjo"),
        ("email", "zoe@new.example"),
        ("role", "developer"),
        ("group", team.as_str()),
    ];
    let to = ann
        .post(&org.path("/members"), &form)
        .await
        .redirects_to(&org.path("/members/mem_"));
    let page = ann.get(&to).await.page(200);
    page.assert_heading("Zoë Okonjo");
    page.assert_says("Vouched for by Ann.");
    page.assert_says("Research");
    page.assert_says("Added by an administrator");
    let mail = portal.mail_to("zoe@new.example").await;
    assert!(mail.link().starts_with("/reset/mst_rst_"), "{}", mail.link());
    check_kept(&portal, &org).await;
    // The link's token is the one that is stored, as a hash.
    let token = mail.link().replace("/reset/", "");
    let hash = data_encoding::HEXLOWER.encode(&muster::secret::hash_token(&token));
    let stored = match &portal.app.db {
        Db::Sqlite { .. } => {
            portal
                .number(format!(
                    "select count(*) from password_resets where lower(hex(token_hash)) = '{hash}'"
                ))
                .await
        }
        Db::Postgres(_) => {
            portal
                .number(format!(
                    "select count(*) from password_resets where encode(token_hash, 'hex') = '{hash}'"
                ))
                .await
        }
    };
    assert_eq!(stored, 1);
    // An account that is there joins with its own name.
    portal.account("kim").await;
    let form = [
        ("name", "Other Name"),
        ("email", "KIM@acme.example"),
        ("role", "viewer"),
    ];
    let to = ann
        .post(&org.path("/members"), &form)
        .await
        .redirects_to(&org.path("/members/mem_"));
    ann.get(&to).await.page(200).assert_heading("Kim");
    // Refusals keep what was typed.
    for (name, email, role, field) in [
        ("", "a@b.example", "member", "name"),
        ("A", "nonsense", "member", "email"),
        ("A", "a@b.example", "king", "role"),
        ("A", "kim@acme.example", "member", "email"),
        ("A\u{202e}", "a@b.example", "member", "name"),
    ] {
        let page = ann
            .post(
                &org.path("/members"),
                &[("name", name), ("email", email), ("role", role)],
            )
            .await
            .page(422);
        assert_eq!(page.count(&format!("#{field}-e")), 1, "{name} {email} {role}");
        assert_eq!(page.value("email").as_deref(), Some(email));
    }
    sql(
        &portal,
        format!(
            "insert into org_domains (org_id, domain) values ({}, 'acme.example')",
            org.id.raw()
        ),
    )
    .await;
    let page = ann
        .post(
            &org.path("/members"),
            &[("name", "A"), ("email", "a@b.example"), ("role", "member")],
        )
        .await
        .page(422);
    page.assert_says("Acme accepts only addresses at acme.example.");
    assert_eq!(
        portal
            .number("select count(*) from users where email_key = 'a@b.example'".to_owned())
            .await,
        0,
        "nothing is left of a refusal"
    );
}

#[actix_web::test]
async fn a_private_context_makes_a_member_active() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let bob = portal.member(&org, Role::Member, "bob").await;
    let path = org.path(&format!("/members/{}", bob.id()));
    let page = ann.get(&path).await.page(200);
    page.assert_says("Not provisioned yet");
    page.assert_says("1 open");
    assert_eq!(bob.get(&path).await.page(200).count("form[action$='/context']"), 0);
    act(&ann, &org, bob.member.unwrap(), "context", &[("to", "member")])
        .await
        .redirects_to(&path);
    let page = ann.get(&path).await.page(200);
    page.assert_says("Provisioned on 21 November 2026.");
    assert_eq!(page.first(".page-head .status"), "Active");
    page.assert_says("Private context provisioned");
    act(&ann, &org, bob.member.unwrap(), "role", &[("role", "manager")])
        .await
        .redirects_to(&path);
    ann.get(&path)
        .await
        .page(200)
        .assert_says("Role changed from Member to Manager");
    act(&ann, &org, bob.member.unwrap(), "admin", &[("to", "member")])
        .await
        .redirects_to(&path);
    assert_eq!(load(&portal, &org, bob.member.unwrap()).await.role, Role::Administrator);
    let page = act(&ann, &org, bob.member.unwrap(), "role", &[("role", "king")])
        .await
        .page(422);
    page.assert_says("Choose one of the roles in the list.");
    check_kept(&portal, &org).await;
}

#[actix_web::test]
async fn being_here_is_noted() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    ann.get(&org.path("/members")).await.page(200);
    for _ in 0..100 {
        if load(&portal, &org, ann.member.unwrap()).await.last_active_at == portal.clock.now() {
            ann.get(&org.path("/members"))
                .await
                .page(200)
                .row("ann@")
                .assert_cell("Last active", "Now");
            return;
        }
        actix_web::rt::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the visit was not noted");
}

#[actix_web::test]
async fn groups_keep_their_size() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await.member.unwrap();
    let id = group(&portal, &org, "Research", &[ann]).await;
    let by = proof::<GroupManage>(&portal, &org).await;
    let now = portal.clock.now();
    let mut tx = portal.app.db.write().await.unwrap();
    assert_eq!(
        groups::add_members(&mut tx, &by, id, &[ann], now).await.unwrap(),
        0,
        "she is there already"
    );
    assert_eq!(
        groups::create(&mut tx, &by, " RESEARCH ", groups::Kind::Group, now)
            .await
            .unwrap_err()
            .status(),
        422
    );
    groups::remove_member(&mut tx, &by, id, ann, now).await.unwrap();
    assert_eq!(
        groups::remove_member(&mut tx, &by, id, ann, now)
            .await
            .unwrap_err()
            .status(),
        404
    );
    let list = groups::list(&mut tx, org.id).await.unwrap();
    assert_eq!((list.len(), list[0].member_count), (1, 0));
    tx.commit().await.unwrap();
    check_kept(&portal, &org).await;
}

#[test]
fn a_place_in_the_list_is_no_secret_and_no_number() {
    let text = data_encoding::BASE64URL_NOPAD.encode(br#"[0,"ann",4294967297,0]"#);
    assert_eq!(Cursor::parse(&text, false), None, "a bare number is no member");
}
