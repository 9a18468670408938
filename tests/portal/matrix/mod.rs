//! The access matrix: every route × every kind of caller × own, foreign and missing organizations and objects (SECURITY section 4).
//!
//! The cells are made of the route table, the expected answers by the rule in [`rules`]. Refused cells and all reads run on one
//! world that must not change; what is allowed to change something runs on a [`stage`] of its own.

mod machines;
mod rules;
mod stage;
mod world;

use std::{collections::HashMap, time::Instant};

use futures_util::{StreamExt as _, stream};
use muster::{
    access::Permission,
    web::routes::{Kind, Needs, Route, Target},
};
use reqwest::Method;

use crate::support::{assert_headers, changes, header_faults, is_long, texts};
use rules::{Expect, Place, Standing, Thing, expected};
use world::{Caller, Seen, World, build, path, send};

/// How a cell is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Get,
    Head,
    Htmx,
    Form,
    HtmxForm,
}

/// One question.
#[derive(Debug, Clone)]
struct Cell {
    route: usize,
    caller: usize,
    place: Place,
    thing: Thing,
    way: Way,
    path: String,
    expect: Expect,
}

fn is_read(route: &Route) -> bool {
    route.method == Method::GET.as_str()
}

fn cells(world: &World) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (number, route) in world.declared.iter().enumerate() {
        if route.kind == Kind::Api {
            continue; // keys are asked by `machines`
        }
        let places: &[Place] = match route.path.contains("{org}") {
            true => &[Place::Own, Place::Foreign, Place::Missing],
            false => &[Place::Own],
        };
        let things: &[Thing] = match route.target {
            Target::None => &[Thing::Fitting],
            // Mails and organizations belong to the one enterprise, and a secret is right or not.
            Target::Mail | Target::Account | Target::Organization | Target::Token => {
                &[Thing::Fitting, Thing::Missing, Thing::Malformed]
            }
            _ => &[Thing::Fitting, Thing::Foreign, Thing::Missing, Thing::Malformed],
        };
        let ways: &[Way] = if is_read(route) {
            &[Way::Get, Way::Head, Way::Htmx]
        } else {
            &[Way::Form, Way::HtmxForm]
        };
        for (who, caller) in world.callers.iter().enumerate() {
            for &place in places {
                for &thing in things {
                    if place == Place::Missing && thing != Thing::Fitting {
                        continue;
                    }
                    let is_own = matches!(route.target, Target::Session | Target::Notification)
                        || (route.needs == Needs::SignIn && route.target == Target::Invitation);
                    if is_own && thing == Thing::Fitting && caller.user.is_none() {
                        continue; // nobody has nothing
                    }
                    let expect = expected(route, caller.standing, place, thing);
                    if expect == Expect::Allowed && !is_read(route) {
                        continue; // on a stage
                    }
                    let path = path(world, caller, route.path, route.target, place, thing);
                    // What is refused alike for every wrong object is asked in every way for one of them.
                    let told = thing == Thing::Fitting || (place == Place::Own && thing == Thing::Foreign);
                    for &way in if told { ways } else { &ways[..1] } {
                        cells.push(Cell {
                            route: number,
                            caller: who,
                            place,
                            thing,
                            way,
                            path: path.clone(),
                            expect,
                        });
                    }
                }
            }
        }
    }
    cells
}

async fn ask(world: &World, cell: &Cell) -> Seen {
    let (route, caller) = (&world.declared[cell.route], &world.callers[cell.caller]);
    let method = if cell.way == Way::Head {
        Method::HEAD
    } else {
        Method::from_bytes(route.method.as_str().as_bytes()).expect("a method")
    };
    let mut request = world.request(caller, method.clone(), &cell.path);
    if matches!(cell.way, Way::Htmx | Way::HtmxForm) {
        request = request.header("hx-request", "true");
    }
    if method == Method::POST {
        let mut fields = stage::fields(route);
        fields.push(("csrf".to_owned(), caller.csrf.clone()));
        request = request.form(&fields);
    } else if matches!(cell.way, Way::Form | Way::HtmxForm) {
        request = request.header("x-csrf-token", &caller.csrf);
    }
    send(request).await
}

/// What is wrong with an answer, in words.
fn faults(world: &World, cell: &Cell, seen: &Seen) -> Vec<String> {
    let (route, caller) = (&world.declared[cell.route], &world.callers[cell.caller]);
    let mut faults = header_faults(&seen.headers, &cell.path, world.https);
    let htmx = matches!(cell.way, Way::Htmx | Way::HtmxForm);
    let right = match cell.expect {
        Expect::SignIn => {
            let next = if cell.way == Way::Get || cell.way == Way::Htmx {
                cell.path.as_str()
            } else {
                "/"
            };
            let to = format!(
                "/sign-in?next={}",
                url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()
            );
            if htmx {
                seen.status == 401 && seen.header("hx-redirect") == to
            } else {
                seen.status == 303 && seen.header("location") == to
            }
        }
        Expect::NoPlace | Expect::NoThing => seen.status == 404,
        Expect::Denied => seen.status == 403,
        Expect::Dead => matches!(seen.status, 204 | 303 | 404 | 410),
        Expect::Allowed => matches!(seen.status, 200 | 303 | 304),
    };
    if !right {
        faults.push(format!("{} instead of {:?}", seen.status, cell.expect));
    }
    if cell.way == Way::Head && !seen.body.is_empty() {
        faults.push("a body for HEAD".to_owned());
    }
    if ["bad cookie", "expired session"].contains(&caller.name) {
        let name = format!("{}=;", world.portal.app.settings.session_cookie());
        let cleared = seen
            .headers
            .get_all("set-cookie")
            .iter()
            .any(|value| value.to_str().is_ok_and(|text| text.starts_with(&name)));
        if !cleared {
            faults.push("the dead cookie stays".to_owned());
        }
    }
    faults.extend(leaks(world, cell, caller, route, seen));
    faults
}

/// Names, addresses and ids of an organization that the caller does not belong to; what the caller wrote in the path is no news.
fn leaks(world: &World, cell: &Cell, caller: &Caller, route: &Route, seen: &Seen) -> Vec<String> {
    if matches!(caller.standing, Standing::Enterprise(_)) && !matches!(cell.expect, Expect::Denied | Expect::NoThing) {
        return Vec::new();
    }
    let headers: String = seen
        .headers
        .values()
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join("\n");
    let mut secrets: Vec<&String> = world.foreign.canaries.iter().collect();
    let refused = !matches!(cell.expect, Expect::Allowed | Expect::Dead);
    if refused && matches!(caller.standing, Standing::SignedOut | Standing::Elsewhere) {
        secrets.extend(&world.own.canaries);
    }
    if matches!(caller.standing, Standing::Enterprise(_)) {
        // The way to other organizations is in the frame of every page of theirs; their people are not.
        secrets.retain(|secret| secret.contains('@') || secret.contains('_') || secret.contains("circle"));
    }
    let is_new = |secret: &&&String| {
        !cell.path.contains(secret.as_str())
            && (seen.body.contains(secret.as_str()) || headers.contains(secret.as_str()))
    };
    secrets
        .iter()
        .filter(is_new)
        .map(|secret| format!("{secret} leaks from {}", route.path))
        .collect()
}

/// The body without what differs between any two answers.
fn bare(cell: &Cell, caller: &Caller, seen: &Seen) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(cell.path.as_bytes()).collect();
    seen.body
        .replace(seen.header("x-request-id"), "(request)")
        .replace(&caller.csrf, "(token)")
        .replace(&encoded, "(path)")
        .replace(&cell.path, "(path)")
}

fn name(world: &World, cell: &Cell) -> String {
    let (route, caller) = (&world.declared[cell.route], &world.callers[cell.caller]);
    format!(
        "{} {} by {} ({:?} {:?} {:?})",
        route.method, cell.path, caller.name, cell.place, cell.thing, cell.way
    )
}

/// Asks all cells, `together` at a time; the answers in the order of the cells.
async fn ask_all(world: &World, cells: &[Cell], together: usize) -> Vec<Seen> {
    stream::iter(cells)
        .map(|cell| ask(world, cell))
        .buffered(together)
        .collect()
        .await
}

fn show(mut faults: Vec<String>) {
    let count = faults.len();
    faults.truncate(40);
    assert!(count == 0, "{count} faults:\n{}", faults.join("\n"));
}

#[actix_web::test]
async fn cve_c07_idor_every_route_for_every_caller() {
    let world = build(|_| {}).await;
    let cells = cells(&world);
    let started = Instant::now();
    let mut wrong = Vec::new();
    let mut alike: HashMap<(usize, usize, Way, Expect), (String, String)> = HashMap::new();
    let mut refused: HashMap<String, usize> = HashMap::new();
    let mut counts: HashMap<Expect, usize> = HashMap::new();
    for (at, chunk) in cells.chunks(100).enumerate() {
        let answers = ask_all(&world, chunk, 8).await;
        if !changes(&world.portal.app.db).await.is_empty() {
            for cell in chunk {
                ask(&world, cell).await;
                let changed = changes(&world.portal.app.db).await;
                if !changed.is_empty() {
                    wrong.push(format!("{}: changes {}", name(&world, cell), changed.join(", ")));
                }
            }
        }
        for (number, (cell, seen)) in chunk.iter().zip(&answers).enumerate() {
            *counts.entry(cell.expect).or_default() += 1;
            wrong.extend(
                faults(&world, cell, seen)
                    .into_iter()
                    .map(|fault| format!("{}: {fault}", name(&world, cell))),
            );
            if matches!(cell.expect, Expect::Denied | Expect::NoPlace) {
                refused.insert(seen.header("x-request-id").to_owned(), at * 100 + number);
            }
            if matches!(cell.expect, Expect::NoPlace | Expect::NoThing) {
                let body = bare(cell, &world.callers[cell.caller], seen);
                let key = (cell.route, cell.caller, cell.way, cell.expect);
                let (first, of) = alike.entry(key).or_insert_with(|| (body.clone(), name(&world, cell)));
                if *first != body {
                    let at = first.bytes().zip(body.bytes()).take_while(|(a, b)| a == b).count();
                    let part = |text: &str| {
                        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(40)..(at + 40).min(text.len())])
                            .into_owned()
                    };
                    wrong.push(format!(
                        "{}: {:?} instead of {:?} as for {of}",
                        name(&world, cell),
                        part(&body),
                        part(first)
                    ));
                }
            }
        }
    }
    let rows = texts(
        &world.portal.app.db,
        "select request_id || ' ' || cast(actor_id as text) || ' ' || object_name from audit where action = 'authz.denied' and result = 2",
    )
    .await;
    let mut recorded: HashMap<&str, &str> = HashMap::new();
    for row in &rows {
        let (request, rest) = row.split_once(' ').expect("three words");
        if recorded.insert(request, rest).is_some() {
            wrong.push(format!("request {request} is recorded twice"));
        }
    }
    for (request, number) in &refused {
        let cell = &cells[*number];
        let (route, caller) = (&world.declared[cell.route], &world.callers[cell.caller]);
        let method = if cell.way == Way::Head {
            "HEAD"
        } else {
            route.method.as_str()
        };
        let right = format!(
            "{} {method} {}",
            caller.user.map_or(0, muster::ids::UserId::raw),
            route.path
        );
        if recorded.get(request.as_str()) != Some(&right.as_str()) {
            wrong.push(format!(
                "{}: recorded as {:?}, not {right:?}",
                name(&world, cell),
                recorded.get(request.as_str())
            ));
        }
    }
    println!(
        "matrix: {} cells of {} routes and {} callers in {:.1} s: {counts:?}; {} refusals recorded",
        cells.len(),
        world.declared.len(),
        world.callers.len(),
        started.elapsed().as_secs_f64(),
        refused.len()
    );
    show(wrong);
    assert!(counts.len() == 6, "some expectation has no cell: {counts:?}");
}

#[actix_web::test]
async fn cve_c32_matrix_in_parallel() {
    let world = build(|settings| settings.workers = 2).await;
    let mut cells = cells(&world);
    // Neighbours in the list share route and caller; a stride that is coprime to the length mixes them.
    let length = cells.len();
    let stride = (length / 2..=length * 2)
        .find(|stride| gcd(*stride, length) == 1)
        .expect("a stride");
    // A quarter of them, well mixed, is a crowd; with MUSTER_LONG=1 everybody comes.
    let asked = if is_long() { length } else { length / 4 };
    cells = (0..asked)
        .map(|number| cells[number * stride % length].clone())
        .collect();
    let started = Instant::now();
    let answers = ask_all(&world, &cells, 64).await;
    let wrong = cells
        .iter()
        .zip(&answers)
        .flat_map(|(cell, seen)| {
            faults(&world, cell, seen)
                .into_iter()
                .map(|fault| format!("{}: {fault}", name(&world, cell)))
        })
        .collect();
    println!(
        "matrix: {asked} cells, 64 at a time, in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    show(wrong);
    assert_eq!(changes(&world.portal.app.db).await, Vec::<String>::new());
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The control of the matrix itself: a table that promises what the handlers do not keep is found out.
#[actix_web::test]
async fn a_wrong_declaration_is_found_out() {
    let mut world = build(|_| {}).await;
    let lies = [
        ("/o/{org}/settings", Needs::InOrg(Permission::AuditRead)),
        ("/o/{org}/members", Needs::SignIn),
        ("/e/outbox", Needs::Nothing),
        ("/me", Needs::Enterprise(Permission::OrgManage)),
    ];
    for (path, lie) in lies {
        let honest = cells(&world);
        let lying = {
            let mut routes = muster::app::routes();
            let place = routes
                .iter()
                .position(|route| route.path == path && is_read(route))
                .expect("the route");
            routes[place].needs = lie;
            (place, std::mem::replace(&mut world.declared, routes))
        };
        let mut wrong = 0;
        for cell in cells(&world).iter().filter(|cell| cell.route == lying.0) {
            let seen = ask(&world, cell).await;
            wrong += usize::from(!faults(&world, cell, &seen).is_empty());
        }
        world.declared = lying.1;
        assert!(wrong > 0, "{path} as {lie:?}: nothing found");
        assert_eq!(cells(&world).len(), honest.len());
    }
}

#[actix_web::test]
async fn cve_c06_invitations_of_another_organization_stay() {
    let world = build(|_| {}).await;
    let count = || {
        texts(
            &world.portal.app.db,
            "select cast(count(*) as text) from invitations where state = 1",
        )
    };
    let before = count().await;
    let mut asked = 0;
    for cell in cells(&world) {
        let route = &world.declared[cell.route];
        if route.target != Target::Invitation
            || is_read(route)
            || (cell.place == Place::Own && cell.thing != Thing::Foreign)
        {
            continue;
        }
        let seen = ask(&world, &cell).await;
        assert!(
            matches!(seen.status, 303 | 401 | 403 | 404),
            "{}: {}",
            name(&world, &cell),
            seen.status
        );
        asked += 1;
    }
    assert!(asked > 100, "only {asked} cells");
    assert_eq!(count().await, before);
    assert_eq!(changes(&world.portal.app.db).await, Vec::<String>::new());
}

#[actix_web::test]
async fn every_answer_has_its_headers_over_https() {
    let world = build(|settings| settings.public_url = "https://portal.example".parse().expect("a URL")).await;
    let mut wrong = Vec::new();
    let picked: Vec<Cell> = cells(&world)
        .into_iter()
        .filter(|cell| {
            ["anonymous", "expired session", "administrator", "enterprise"].contains(&world.callers[cell.caller].name)
        })
        .collect();
    for (cell, seen) in picked.iter().zip(ask_all(&world, &picked, 8).await) {
        wrong.extend(
            faults(&world, cell, &seen)
                .into_iter()
                .map(|fault| format!("{}: {fault}", name(&world, cell))),
        );
    }
    let asset = muster::web::assets::url("app.css");
    for (method, path, body, status) in [
        (Method::GET, "/nowhere", 0, 404),
        (Method::GET, "/static/missing", 0, 404),
        (Method::GET, asset, 0, 200),
        (Method::HEAD, asset, 0, 200),
        (Method::PUT, asset, 0, 405),
        (Method::POST, "/", 0, 405),
        (Method::OPTIONS, "/me", 0, 405),
        (Method::TRACE, "/me", 0, 405),
        (Method::POST, "/preferences/theme", 200_000, 413),
        (Method::POST, "/preferences/theme", 10, 403),
        (Method::GET, "/%FF", 0, 400),
        (Method::GET, "/healthz", 0, 200),
        (Method::GET, "/readyz", 0, 200),
    ] {
        let request = world
            .request(world.caller("anonymous"), method.clone(), path)
            .body("x".repeat(body));
        let seen = send(request).await;
        assert_eq!(seen.status, status, "{method} {path}: {}", seen.body);
        assert_headers(&seen.headers, path, true);
    }
    let tagged = send(world.request(world.caller("anonymous"), Method::GET, asset)).await;
    let again = world
        .request(world.caller("anonymous"), Method::GET, asset)
        .header("if-none-match", tagged.header("etag"));
    let seen = send(again).await;
    assert_eq!(seen.status, 304);
    assert_headers(&seen.headers, asset, true);
    show(wrong);
}

#[actix_web::test]
async fn cve_c33_csrf_on_every_mutating_route() {
    let world = build(|_| {}).await;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for route in &world.declared {
        if is_read(route) || route.kind == Kind::Api {
            continue;
        }
        let caller = world.caller(if route.needs == Needs::Nothing {
            "anonymous"
        } else {
            "enterprise"
        });
        let path = path(&world, caller, route.path, route.target, Place::Own, Thing::Fitting);
        let method = Method::from_bytes(route.method.as_str().as_bytes()).expect("a method");
        let with = |token: Option<&str>, headers: &[(&str, &str)]| {
            let mut request = world.request(caller, method.clone(), &path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if method == Method::POST {
                let mut fields = stage::fields(route);
                fields.extend(token.map(|token| ("csrf".to_owned(), token.to_owned())));
                request.form(&fields)
            } else {
                match token {
                    Some(token) => request.header("x-csrf-token", token),
                    None => request,
                }
            }
        };
        let own = Some(caller.csrf.as_str());
        let others = world.caller(if caller.name == "anonymous" {
            "bad cookie"
        } else {
            "administrator"
        });
        let tries = [
            ("no token", with(None, &[]), 403),
            ("an empty token", with(Some(""), &[]), 403),
            ("another session's token", with(Some(&others.csrf), &[]), 403),
            ("cross-site", with(own, &[("sec-fetch-site", "cross-site")]), 403),
            ("same-site", with(own, &[("sec-fetch-site", "same-site")]), 403),
            (
                "a strange Sec-Fetch-Site",
                with(own, &[("sec-fetch-site", "\u{fc}")]),
                403,
            ),
            ("another origin", with(own, &[("origin", "https://evil.example")]), 403),
            ("another port", with(own, &[("origin", "http://127.0.0.1:1")]), 403),
            ("origin null", with(own, &[("origin", "null")]), 403),
        ];
        for (what, request, status) in tries {
            let seen = send(request).await;
            asked += 1;
            if seen.status != status {
                wrong.push(format!("{method} {path}: {what} gives {}", seen.status));
            }
        }
        let known: Vec<&Route> = world.declared.iter().filter(|other| other.path == route.path).collect();
        for other in [
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::POST,
        ] {
            let name = if other == Method::HEAD { "GET" } else { other.as_str() };
            if known.iter().any(|route| route.method.as_str() == name) {
                continue;
            }
            let request = world
                .request(caller, other.clone(), &path)
                .header("x-csrf-token", &caller.csrf);
            let seen = send(request).await;
            asked += 1;
            if seen.status != 405 || seen.header("allow").is_empty() {
                wrong.push(format!(
                    "{other} {path} gives {} with Allow {:?}",
                    seen.status,
                    seen.header("allow")
                ));
            }
        }
        let changed = changes(&world.portal.app.db).await;
        if !changed.is_empty() {
            wrong.push(format!("{method} {path}: changes {}", changed.join(", ")));
        }
    }
    println!("csrf: {asked} requests");
    show(wrong);
}

#[actix_web::test]
async fn nothing_answers_outside_the_table() {
    let world = build(|_| {}).await;
    let caller = world.caller("enterprise");
    let mut wrong = Vec::new();
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "BREW",
    ];
    let mut patterns: Vec<&Route> = Vec::new();
    for route in &world.declared {
        if !patterns.iter().any(|known| known.path == route.path) {
            patterns.push(route);
        }
    }
    for route in &patterns {
        let path = path(&world, caller, route.path, route.target, Place::Own, Thing::Fitting);
        let mut has: Vec<String> = world
            .declared
            .iter()
            .filter(|other| other.path == route.path)
            .map(|other| other.method.to_string())
            .collect();
        if has.contains(&"GET".to_owned()) {
            has.push("HEAD".to_owned());
        }
        has.sort();
        for method in methods {
            if has.contains(&method.to_owned()) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let seen = send(
                world
                    .request(caller, method.clone(), &path)
                    .header("x-csrf-token", &caller.csrf),
            )
            .await;
            let mut allow: Vec<&str> = seen.header("allow").split(", ").collect();
            allow.sort_unstable();
            if seen.status != 405 || allow != has {
                wrong.push(format!(
                    "{method} {path}: {} with Allow {allow:?}, the table has {has:?}",
                    seen.status
                ));
            }
        }
        // Neighbours of a path are other paths.
        if route.kind == Kind::Asset {
            continue;
        }
        for near in [
            format!("{path}/"),
            format!("/{path}"),
            format!("{path}/extra/extra/extra"),
            format!("{path}%2F"),
            path.to_uppercase(),
        ] {
            let is_other = near != path && near != "//" && !patterns.iter().any(|other| fits(other.path, &near));
            let seen = send(world.request(caller, Method::GET, &near)).await;
            if is_other && seen.status != 404 && seen.status != 400 {
                wrong.push(format!("GET {near} gives {}", seen.status));
            }
        }
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let words = [
        "o",
        "e",
        "me",
        "i",
        "api",
        "admin",
        "debug",
        "static",
        "members",
        "acme-instruments",
        "..",
        ".git",
        "config",
        "%2e%2e",
        "new",
        "invites",
    ];
    for _ in 0..400 {
        let mut path = String::new();
        for _ in 0..=(state >> 60) % 5 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            path.push('/');
            path.push_str(words[(state % words.len() as u64) as usize]);
        }
        let seen = send(world.request(caller, Method::GET, &path)).await;
        let sent = reqwest::Url::parse(&format!("http://x{path}"))
            .expect("a URL")
            .path()
            .to_owned();
        let is_known = patterns.iter().any(|route| fits(route.path, &sent));
        if !is_known && seen.status != 404 {
            wrong.push(format!("GET {sent} gives {}", seen.status));
        }
    }
    show(wrong);
    assert_eq!(changes(&world.portal.app.db).await, Vec::<String>::new());
}

/// Whether a path has the shape of a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    if pattern.contains(":.*}") {
        return path.starts_with(pattern.split('{').next().unwrap_or_default());
    }
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern
            .iter()
            .zip(&path)
            .all(|(of, word)| of.starts_with('{') && !word.is_empty() || of == word)
}

#[test]
fn routes_are_registered_in_one_place() {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let path = path.display().to_string();
            for word in [
                ".route(",
                ".service(",
                "web::resource",
                "web::scope",
                "#[get(",
                "#[post(",
                ".default_service(",
            ] {
                if text.contains(word) && !["src/web/routes.rs", "src/app.rs"].contains(&path.as_str()) {
                    found.push(format!("{path} holds {word}"));
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(std::path::Path::new("src"), &mut found);
    assert!(found.is_empty(), "{found:?}");
}
