//! The matrix of machines: every route of the gate × every kind of key, expected by rule from the route table (SECURITY section 4).

use muster::{
    access::Role,
    keys::scope::Duty,
    web::routes::{Kind, Needs, Route},
};
use reqwest::Method;

use crate::{
    api::ALL,
    keys::{own_key, service_key},
    support::{Answer, Org, Portal, Someone, changes, header_faults, raw, spawn, watch},
};

/// Who calls, by what they present.
struct Machine {
    name: String,
    key: Option<String>,
    /// The session of a person, which counts for nothing here.
    cookie: Option<String>,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing is presented.
    Nothing,
    /// What is presented opens nothing, for whatever reason.
    Dead,
    /// A key that works and may call the platform, and nothing of Muster itself.
    Caller,
    /// A service's key with one scope of Muster's own.
    Duty(Duty),
    /// A service's key with all of them.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// 401 with a challenge.
    Unknown,
    /// 403, with the scope that is missing.
    Scope(Duty),
    /// Whatever the handler says of a body that says nothing.
    Admitted,
}

fn expected(route: &Route, standing: Standing) -> Expect {
    match (route.needs, standing) {
        // Discovery is for everybody; a proxy's question is about the key itself.
        (Needs::Nothing, _) if route.path.starts_with("/.well-known/") => Expect::Admitted,
        (_, Standing::Nothing | Standing::Dead) => Expect::Unknown,
        (Needs::Nothing | Needs::Key(None), _) | (_, Standing::All) => Expect::Admitted,
        (Needs::Key(Some(needed)), Standing::Duty(held)) if needed == held => Expect::Admitted,
        (Needs::Key(Some(needed)), _) => Expect::Scope(needed),
        (needs, _) => panic!("{}: a route for machines needs {needs:?}", route.path),
    }
}

fn path(route: &Route) -> String {
    let path = route
        .path
        .replace("{reservation}", "rsv_0000000000000")
        .replace("{member}", "mem_0000000000000")
        .replace("{tenant}", "acme")
        .replace("{permission}", "api.call")
        .replace("{path:.*}", "v1/chat?model=large");
    assert!(!path.contains('{'), "{}: the matrix cannot fill {path}", route.path);
    path
}

/// The keys of an organization in every state that a key can be in.
async fn machines(portal: &Portal, org: &Org, ann: &Someone) -> Vec<Machine> {
    let mut all = Vec::new();
    let mut add = |name: &str, key: Option<String>, standing| {
        all.push(Machine {
            name: name.to_owned(),
            key,
            cookie: None,
            standing,
        });
    };
    add("nothing", None, Standing::Nothing);
    add("a word", Some("hello".to_owned()), Standing::Dead);
    add("all", Some(service_key(ann, org, ALL).await), Standing::All);
    for (name, set) in [
        ("revoked", "state = 3"),
        ("suspended", "state = 2, suspended_by = 1"),
        ("expired", "expires_at = 1"),
        ("early", "not_before = 9000000000000000"),
        ("forgotten", ""),
    ] {
        let key = service_key(ann, org, ALL).await;
        let newest = "id = (select max(id) from api_keys)";
        let text = match set {
            "" => format!("delete from api_keys where {newest}"),
            set => format!("update api_keys set {set} where {newest}"),
        };
        raw(&portal.app.db, &text).await;
        add(name, Some(key), Standing::Dead);
    }
    let dan = portal.member(org, Role::Developer, "dan").await;
    add(
        "a person's",
        Some(own_key(&dan, org, "api.call").await),
        Standing::Caller,
    );
    add(
        "without scopes of Muster",
        Some(service_key(ann, org, "api.call api.read").await),
        Standing::Caller,
    );
    for duty in Duty::ALL {
        let scopes = format!("{} api.call", duty.key());
        add(
            duty.key(),
            Some(service_key(ann, org, &scopes).await),
            Standing::Duty(duty),
        );
    }
    all.push(Machine {
        name: "a session".to_owned(),
        key: None,
        cookie: Some(portal.session_of(ann.user).await),
        standing: Standing::Nothing,
    });
    all
}

async fn ask(portal: &Portal, route: &Route, machine: &Machine) -> Answer {
    let client = portal.anonymous();
    let method = Method::from_bytes(route.method.as_str().as_bytes()).expect("a method");
    let mut request = client.request(method, &path(route));
    if let Some(key) = &machine.key {
        request = request.bearer_auth(key);
    }
    if let Some(cookie) = &machine.cookie {
        request = request.header("cookie", cookie);
    }
    if route.method == "POST" {
        request = request.header("content-type", "application/json").body("{}");
    }
    client.send(request).await
}

fn faults(route: &Route, machine: &Machine, answer: &Answer, secrets: &[&str]) -> Vec<String> {
    let mut faults = header_faults(&answer.headers, &path(route), false);
    let expect = expected(route, machine.standing);
    let challenge = answer.header("www-authenticate");
    let right = match expect {
        Expect::Unknown => {
            let error = if machine.standing == Standing::Nothing {
                ""
            } else {
                ", error=\"invalid_token\""
            };
            answer.status == 401 && challenge == format!("Bearer realm=\"muster\"{error}")
        }
        Expect::Scope(duty) => {
            answer.status == 403
                && challenge.ends_with(&format!("error=\"insufficient_scope\", scope=\"{}\"", duty.key()))
        }
        Expect::Admitted => matches!(answer.status, 200 | 204 | 400 | 404 | 410 | 415 | 422),
    };
    if !right {
        faults.push(format!(
            "{} with {challenge:?} instead of {expect:?}: {}",
            answer.status, answer.body
        ));
    }
    // AuthZEN wants the message of an error as a text.
    let media = if route.path.starts_with("/access/") {
        "application/json"
    } else {
        "application/problem+json"
    };
    if expect != Expect::Admitted && answer.header("content-type") != media {
        faults.push(format!("content-type: {}", answer.header("content-type")));
    }
    if !answer.header("set-cookie").is_empty() {
        faults.push("a cookie for a machine".to_owned());
    }
    if route.path.starts_with("/authz/") {
        let missing: Vec<&str> = muster::api::IDENTITY
            .into_iter()
            .filter(|name| !answer.headers.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            faults.push(format!("without {missing:?}, which a proxy would take from the client"));
        }
    }
    let leaks = secrets.iter().filter(|secret| answer.body.contains(**secret));
    faults.extend(leaks.map(|secret| format!("{secret} leaks")));
    faults
}

#[actix_web::test]
async fn b_60_every_route_for_every_kind_of_key() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let other = portal.org("Zyzzyva Works").await;
    let zoe = portal.member(&other, Role::Administrator, "zoe").await;
    let machines = machines(&portal, &org, &ann).await;
    watch(&portal.app.db).await;
    let routes: Vec<Route> = muster::app::routes()
        .into_iter()
        .filter(|route| route.kind == Kind::Api)
        .collect();
    assert!(routes.len() > 20, "{} routes for machines", routes.len());
    let secrets = [other.slug.as_str(), &other.name, &zoe.email];
    let mut wrong = Vec::new();
    for route in &routes {
        for machine in &machines {
            let answer = ask(&portal, route, machine).await;
            let told = faults(route, machine, &answer, &secrets);
            wrong.extend(
                told.into_iter()
                    .map(|fault| format!("{} {} by {}: {fault}", route.method, route.path, machine.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(changes(&portal.app.db).await, Vec::<String>::new());
}

/// The control of the matrix: a rule that the handlers don't keep is found out.
#[actix_web::test]
async fn a_wrong_scope_is_found_out() {
    let portal = spawn().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let key = service_key(&ann, &org, "gate.decide api.call").await;
    let machine = Machine {
        name: "decides".to_owned(),
        key: Some(key),
        cookie: None,
        standing: Standing::Duty(Duty::UsageWrite),
    };
    let routes = muster::app::routes();
    let route = routes
        .iter()
        .find(|route| route.path == "/api/v1/usage")
        .expect("the route");
    let answer = ask(&portal, route, &machine).await;
    assert!(!faults(route, &machine, &answer, &[]).is_empty());
}
