//! Forward-auth by Traefik and Envoy with the configurations that `deploy` ships (STANDARDS section 6). Neither runs here: the files are
//! read, and what the proxy would send for them is sent as bytes, and done with the answer what the proxy would do.

use muster::{
    access::{Permission, Role},
    api::IDENTITY,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    api::ALL,
    keys::{own_key, service_key},
    support::{Portal, raw, spawn_with, texts},
};

/// Names in small letters with their values, as they follow each other in a message.
type Headers = Vec<(String, String)>;

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(one, _)| one == name)
        .map(|(_, value)| value.as_str())
}

fn set(headers: &mut Headers, name: &str, value: &str) {
    headers.retain(|(one, _)| one != name);
    headers.push((name.to_owned(), value.to_owned()));
}

/// The values of a configuration with the names on the way to each, of as much YAML as the shipped files use.
struct File(Headers);

impl File {
    fn read(text: &str) -> Self {
        let mut way: Vec<(usize, String)> = Vec::new();
        let mut values = Headers::new();
        for line in text.lines() {
            let mut rest = line.trim_start();
            let mut depth = line.len() - rest.len();
            if rest.is_empty() || rest.starts_with('#') {
                continue;
            }
            way.retain(|(at, _)| *at < depth);
            while let Some(item) = rest.strip_prefix("- ") {
                (rest, depth) = (item, depth + 2);
            }
            let path = |last: &str| {
                let names: Vec<&str> = way.iter().map(|(_, name)| name.as_str()).chain([last]).collect();
                names.join(".").trim_end_matches('.').to_owned()
            };
            if let Some(name) = rest.strip_suffix(':') {
                way.push((depth, name.to_owned()));
            } else if let Some((name, value)) = rest.split_once(": ") {
                values.push((path(name), value.trim().trim_matches('"').to_owned()));
            } else {
                values.push((path(""), rest.trim_matches('"').to_owned()));
            }
        }
        Self(values)
    }
    fn shipped(path: &str) -> String {
        std::fs::read_to_string(format!("{}/deploy/{path}", env!("CARGO_MANIFEST_DIR"))).expect("the shipped file")
    }
    /// Every value whose way ends so.
    fn all(&self, way: &str) -> Vec<String> {
        let here = self
            .0
            .iter()
            .filter(|(path, _)| path == way || path.ends_with(&format!(".{way}")));
        here.map(|(_, value)| value.clone()).collect()
    }
    #[track_caller]
    fn one(&self, way: &str) -> String {
        let mut all = self.all(way);
        assert_eq!(all.len(), 1, "{way}: {:?}", self.0);
        all.remove(0)
    }
    fn small(&self, way: &str) -> Vec<String> {
        self.all(way).iter().map(|name| name.to_ascii_lowercase()).collect()
    }
}

/// A client's request as it comes to the proxy.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    path: String,
    from: &'static str,
    headers: Headers,
}

/// An answer of Muster.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Headers,
    body: String,
}

/// What becomes of a request.
#[derive(Debug)]
enum Outcome {
    /// It goes on to the application, with these headers.
    Through(Headers),
    /// The client gets this.
    Back(Reply),
}

/// Sends a request as it stands, with nothing made nicer on the way.
async fn exchange(portal: &Portal, method: &str, path: &str, headers: &Headers) -> Reply {
    let mut socket = TcpStream::connect(portal.url.trim_start_matches("http://"))
        .await
        .expect("a connection");
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    socket.write_all(text.as_bytes()).await.expect("it is sent");
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.expect("an answer");
    let text = String::from_utf8(bytes).expect("a text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.get(9..12)?.parse().ok())
        .expect("a status");
    let pair = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Reply {
        status,
        headers: lines.map(pair).collect(),
        body: body.to_owned(),
    }
}

/// The headers that belong to a connection and are never passed on.
const HOPS: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

struct Traefik {
    address: String,
    trusts: bool,
    passed_on: Vec<String>,
    removed: Vec<String>,
}

impl Traefik {
    fn read(text: &str) -> Self {
        let file = File::read(text);
        let order = file.one("routers.application.middlewares");
        assert_eq!(
            order, "[muster, without-key]",
            "the key is needed first and removed then"
        );
        let empty = |name: &&&str| {
            file.one(&format!("without-key.headers.customRequestHeaders.{name}"))
                .is_empty()
        };
        let removed = ["Authorization", "X-API-Key"];
        Self {
            address: file.one("muster.forwardAuth.address"),
            trusts: file.one("muster.forwardAuth.trustForwardHeader") == "true",
            passed_on: file.small("muster.forwardAuth.authResponseHeaders"),
            // An empty value removes a header.
            removed: removed
                .iter()
                .filter(empty)
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }
    fn path(&self) -> &str {
        let rest = self.address.strip_prefix("http://").expect("an address");
        &rest[rest.find('/').expect("a path")..]
    }
    /// GET to the address with what the client sent, and with headers that say what it wanted; on 2xx the named headers of the answer
    /// take the place of the client's, and everything else goes back as it is.
    async fn ask(&self, portal: &Portal, sent: &Sent) -> Outcome {
        let mut headers: Headers = sent
            .headers
            .iter()
            .filter(|(name, _)| !HOPS.contains(&name.as_str()) && name != "content-length" && name != "host")
            .cloned()
            .collect();
        let before = if self.trusts {
            header(&headers, "x-forwarded-for")
        } else {
            None
        };
        let hops = before.map_or_else(|| sent.from.to_owned(), |before| format!("{before}, {}", sent.from));
        set(&mut headers, "x-forwarded-for", &hops);
        for (name, value) in [
            ("x-forwarded-method", sent.method),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-host", "app.example"),
            ("x-forwarded-uri", &sent.path),
        ] {
            if !self.trusts || header(&headers, name).is_none() {
                set(&mut headers, name, value);
            }
        }
        headers.push(("host".to_owned(), "127.0.0.1:8080".to_owned()));
        let reply = exchange(portal, "GET", self.path(), &headers).await;
        if !(200..300).contains(&reply.status) {
            return Outcome::Back(reply);
        }
        let mut on = sent.headers.clone();
        for name in &self.passed_on {
            on.retain(|(one, _)| one != name);
            on.extend(reply.headers.iter().filter(|(one, _)| one == name).cloned());
        }
        on.retain(|(name, _)| !self.removed.contains(name));
        Outcome::Through(on)
    }
}

struct Envoy {
    prefix: String,
    asked_with: Vec<String>,
    passed_on: Vec<String>,
    given_back: Vec<String>,
    removed: Vec<String>,
}

impl Envoy {
    fn read(text: &str) -> Self {
        let file = File::read(text);
        let lists = |way: &str| file.small(&format!("http_service.{way}.patterns.exact"));
        assert_eq!(
            file.one("failure_mode_allow"),
            "false",
            "nothing gets through when nobody decides"
        );
        Self {
            prefix: file.one("http_service.path_prefix"),
            asked_with: lists("authorization_request.allowed_headers"),
            passed_on: lists("authorization_response.allowed_upstream_headers"),
            given_back: lists("authorization_response.allowed_client_headers"),
            removed: file.small("route_config.request_headers_to_remove"),
        }
    }
    /// The client's method and the prefix with the client's path, without a body; on 200 the named headers of the answer take the place
    /// of the client's; a refusal goes back with the named ones.
    async fn ask(&self, portal: &Portal, sent: &Sent) -> Outcome {
        // The connection manager adds the client's address to what the client says itself.
        let mut client = sent.headers.clone();
        let before = header(&client, "x-forwarded-for").map(|before| format!("{before},"));
        let hops = format!("{}{}", before.unwrap_or_default(), sent.from);
        set(&mut client, "x-forwarded-for", &hops);
        let mut headers: Headers = client
            .iter()
            .filter(|(name, _)| self.asked_with.contains(name) || name == "authorization")
            .cloned()
            .collect();
        set(&mut headers, "host", "app.example");
        set(&mut headers, "content-length", "0");
        let path = format!("{}{}", self.prefix, sent.path);
        let mut reply = exchange(portal, sent.method, &path, &headers).await;
        // Envoy would take it for no decision, and refuse.
        assert!(reply.status < 500, "{path}: {reply:?}");
        if reply.status == 200 {
            let mut on = client;
            for (name, value) in reply.headers.iter().filter(|(name, _)| self.passed_on.contains(name)) {
                set(&mut on, name, value);
            }
            on.retain(|(name, _)| !self.removed.contains(name));
            return Outcome::Through(on);
        }
        let always = ["content-length", "www-authenticate", "location"];
        let is_given = |name: &String| self.given_back.contains(name) || always.contains(&name.as_str());
        reply.headers.retain(|(name, _)| is_given(name));
        Outcome::Back(reply)
    }
}

enum Proxy {
    Traefik(Traefik),
    Envoy(Envoy),
}

impl Proxy {
    fn both() -> [Self; 2] {
        [
            Self::Traefik(Traefik::read(&File::shipped("traefik/muster.yml"))),
            Self::Envoy(Envoy::read(&File::shipped("envoy/ext_authz.yaml"))),
        ]
    }
    fn name(&self) -> &'static str {
        match self {
            Self::Traefik(_) => "Traefik",
            Self::Envoy(_) => "Envoy",
        }
    }
    fn passed_on(&mut self) -> &mut Vec<String> {
        match self {
            Self::Traefik(one) => &mut one.passed_on,
            Self::Envoy(one) => &mut one.passed_on,
        }
    }
    async fn ask(&self, portal: &Portal, sent: &Sent) -> Outcome {
        match self {
            Self::Traefik(one) => one.ask(portal, sent).await,
            Self::Envoy(one) => one.ask(portal, sent).await,
        }
    }
}

/// Ben with ten credits a day, a key that may call and one that may only read, and a platform that books.
struct Stage {
    portal: Portal,
    slug: String,
    member: String,
    email: String,
    key: String,
    reader: String,
    platform: String,
}

async fn stage() -> Stage {
    let portal =
        spawn_with(|settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")]).await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    let (row, id, member) = (
        (org.id.raw() << 32) + 900_000,
        org.id.raw(),
        ben.member.expect("a member").raw(),
    );
    raw(&portal.app.db, &format!(
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, valid_from, set_by, set_at) values ({row}, {id}, 5, {member}, 1, 10000000, 0, '', 0)"
    )).await;
    Stage {
        key: own_key(&ben, &org, "api.call").await,
        reader: own_key(&ben, &org, "api.read").await,
        platform: service_key(&ann, &org, ALL).await,
        slug: org.slug,
        member: ben.id(),
        email: ben.email,
        portal,
    }
}

/// What a client sends that would like to be somebody else, from somewhere else.
fn forged(method: &'static str, path: &str, key: Option<&str>) -> Sent {
    let mut headers: Headers = IDENTITY
        .iter()
        .map(|name| ((*name).to_owned(), "forged".to_owned()))
        .collect();
    for (name, value) in [
        ("host", "app.example"),
        ("x-forwarded-for", "198.51.100.66"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-uri", "/public"),
        ("x-original-uri", "/public"),
        ("x-muster-status", "200"),
        ("cookie", "muster-sid=the-application-s-own"),
        ("content-encoding", "gzip"),
        ("hx-request", "true"),
    ] {
        headers.push((name.to_owned(), value.to_owned()));
    }
    if let Some(key) = key {
        headers.push(("authorization".to_owned(), format!("Bearer {key}")));
    }
    Sent {
        method,
        path: path.to_owned(),
        from: "203.0.113.9",
        headers,
    }
}

/// What is wrong with what reaches the application, in words.
fn faults(stage: &Stage, on: &Headers) -> Vec<String> {
    let mut faults = Vec::new();
    for name in IDENTITY {
        let values: Vec<&str> = on
            .iter()
            .filter(|(one, _)| one == name)
            .map(|(_, value)| value.as_str())
            .collect();
        let expected = match name {
            "x-muster-org" => Some(stage.slug.as_str()),
            "x-muster-user" => Some(stage.member.as_str()),
            "x-muster-email" => Some(stage.email.as_str()),
            "x-muster-roles" => Some("developer"),
            "x-muster-key-id" => None,
            _ => Some(""),
        };
        let is_right = match (values.as_slice(), expected) {
            ([value], Some(expected)) => *value == expected,
            ([value], None) => value.starts_with("key_"),
            _ => false,
        };
        if !is_right {
            faults.push(format!("{name}: {values:?}"));
        }
    }
    for name in ["authorization", "x-api-key"] {
        if header(on, name).is_some() {
            faults.push(format!("the key reaches the application in {name}"));
        }
    }
    if header(on, "cookie") != Some("muster-sid=the-application-s-own") {
        faults.push("what is the application’s own is lost".to_owned());
    }
    faults
}

#[track_caller]
fn through(outcome: Outcome) -> Headers {
    match outcome {
        Outcome::Through(headers) => headers,
        Outcome::Back(reply) => panic!("it does not get through: {reply:?}"),
    }
}

/// A refusal with what every refusal has.
#[track_caller]
fn back(outcome: Outcome, status: u16, method: &str) -> Reply {
    let Outcome::Back(reply) = outcome else {
        panic!("it gets through: {outcome:?}")
    };
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(
        header(&reply.headers, "content-type"),
        Some("application/problem+json"),
        "{reply:?}"
    );
    assert_eq!(
        header(&reply.headers, "set-cookie"),
        None,
        "the application’s own cookies stay"
    );
    if method != "HEAD" {
        let problem: Value = serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"));
        assert_eq!(problem["status"], status, "{reply:?}");
    }
    for name in IDENTITY {
        assert!(
            header(&reply.headers, name).is_none_or(str::is_empty),
            "{name}: {reply:?}"
        );
    }
    reply
}

/// Whoever may gets through under their own name, and nobody else does.
#[actix_web::test]
async fn b_61_traefik_and_envoy_let_through_and_refuse_with_the_shipped_configurations() {
    let stage = stage().await;
    let portal = &stage.portal;
    for proxy in Proxy::both() {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let ask = async |key: Option<&str>| proxy.ask(portal, &forged(method, "/v1/chat?model=large", key)).await;
            let on = through(ask(Some(&stage.key)).await);
            assert_eq!(faults(&stage, &on), Vec::<String>::new(), "{} {method}", proxy.name());
            let unknown = back(ask(None).await, 401, method);
            assert_eq!(
                header(&unknown.headers, "www-authenticate"),
                Some("Bearer realm=\"muster\"")
            );
            let wrong = back(ask(Some("mst_p_nothing")).await, 401, method);
            let challenge = header(&wrong.headers, "www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"muster\", error=\"invalid_token\""));
            let denied = back(ask(Some(&stage.reader)).await, 403, method);
            assert!(
                method == "HEAD" || denied.body.contains("permission-denied"),
                "{denied:?}"
            );
        }
        // A key may come in the other header too, and does not go on in it either.
        let mut sent = forged("POST", "/", None);
        sent.headers.push(("x-api-key".to_owned(), stage.key.clone()));
        let on = through(proxy.ask(portal, &sent).await);
        assert_eq!(faults(&stage, &on), Vec::<String>::new(), "{}", proxy.name());
    }
    // The limit is used up, and both say until when.
    let used =
        json!({ "subject": stage.member, "source": "app", "id": "1", "amount": "10", "activity_type": "api.request" });
    let client = portal.anonymous();
    let request = client
        .request(Method::POST, "/api/v1/usage")
        .bearer_auth(&stage.platform)
        .json(&used);
    assert_eq!(client.send(request).await.status, 200);
    for proxy in Proxy::both() {
        for method in ["GET", "POST"] {
            let sent = forged(method, "/v1/chat", Some(&stage.key));
            let over = back(proxy.ask(portal, &sent).await, 429, method);
            let retry = header(&over.headers, "retry-after").and_then(|value| value.parse::<u64>().ok());
            assert!(retry.is_some_and(|seconds| (1..=86_400).contains(&seconds)), "{over:?}");
            let state = header(&over.headers, "ratelimit").unwrap_or_default();
            assert!(state.starts_with("\"member-daily\";r=0;"), "{} {over:?}", proxy.name());
            let policy = header(&over.headers, "ratelimit-policy").unwrap_or_default();
            assert!(
                policy.starts_with("\"member-daily\";q=10000000;"),
                "{} {over:?}",
                proxy.name()
            );
        }
    }
}

/// Every header by which Muster says who it is stands in the configurations, and every answer has it, so that a proxy has something to
/// put in the place of the client's.
#[actix_web::test]
async fn b_61_the_shipped_configurations_pass_on_every_identity_header() {
    let stage = stage().await;
    for mut proxy in Proxy::both() {
        let (path, permission) = match &proxy {
            Proxy::Traefik(one) => {
                let (path, query) = one.path().split_once('?').expect("what is needed");
                assert_eq!(path, "/authz/forward");
                (
                    one.path().to_owned(),
                    query.strip_prefix("permission=").expect("a permission").to_owned(),
                )
            }
            Proxy::Envoy(one) => {
                let permission = one.prefix.strip_prefix("/authz/envoy/").expect("the address");
                (format!("{}/v1", one.prefix), permission.to_owned())
            }
        };
        assert!(Permission::find(&permission).is_some(), "{permission}");
        let mut known = proxy.passed_on().clone();
        known.sort();
        let mut all = IDENTITY.map(ToOwned::to_owned).to_vec();
        all.sort();
        assert_eq!(known, all, "{}", proxy.name());
        for (key, status) in [(Some(&stage.key), 200), (Some(&stage.reader), 403), (None, 401)] {
            let mut headers = vec![("host".to_owned(), "app.example".to_owned())];
            headers.extend(key.map(|key| ("authorization".to_owned(), format!("Bearer {key}"))));
            let reply = exchange(&stage.portal, "GET", &path, &headers).await;
            assert_eq!(reply.status, status, "{reply:?}");
            let mut said: Vec<String> = reply
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .filter(|name| name.starts_with("x-muster-"))
                .collect();
            said.sort();
            assert_eq!(said, all, "{status}");
        }
    }
}

/// The control: where a configuration lacks one of the headers, what a client has forged gets through, and it is seen.
#[actix_web::test]
async fn a_header_that_is_missing_from_a_configuration_is_found_out() {
    let stage = stage().await;
    for number in 0..2 {
        for name in IDENTITY {
            let mut proxy = Proxy::both().into_iter().nth(number).expect("a proxy");
            proxy.passed_on().retain(|one| one != name);
            let sent = forged("GET", "/v1/chat", Some(&stage.key));
            let on = through(proxy.ask(&stage.portal, &sent).await);
            assert_eq!(
                faults(&stage, &on),
                [format!("{name}: [\"forged\"]")],
                "{}",
                proxy.name()
            );
        }
    }
    for kept in ["- authorization", "- x-api-key"] {
        let text = File::shipped("envoy/ext_authz.yaml").replace(kept, "- x-nothing");
        let proxy = Proxy::Envoy(Envoy::read(&text));
        let mut sent = forged("GET", "/v1/chat", Some(&stage.key));
        sent.headers.push(("x-api-key".to_owned(), stage.key.clone()));
        let on = through(proxy.ask(&stage.portal, &sent).await);
        assert_eq!(faults(&stage, &on).len(), 1, "{kept}");
    }
}

/// Muster sees where the client really is, whatever the client says; the control is a proxy that believes it.
#[actix_web::test]
async fn b_61_a_client_behind_traefik_or_envoy_cannot_choose_its_address() {
    let stage = stage().await;
    let seen = async |proxy: &Proxy| {
        raw(
            &stage.portal.app.db,
            "update api_keys set last_used_at = null, last_used_ip = ''",
        )
        .await;
        through(
            proxy
                .ask(&stage.portal, &forged("POST", "/v1/chat", Some(&stage.key)))
                .await,
        );
        let gate = &stage.portal.app.gate;
        gate.save_uses(&stage.portal.operator()).await.expect("uses");
        texts(
            &stage.portal.app.db,
            "select last_used_ip from api_keys where last_used_at is not null",
        )
        .await
    };
    for proxy in Proxy::both() {
        assert_eq!(seen(&proxy).await, ["203.0.113.9"], "{}", proxy.name());
    }
    let mut believing = Traefik::read(&File::shipped("traefik/muster.yml"));
    believing.trusts = true;
    let proxy = Proxy::Traefik(believing);
    let mut sent = forged("POST", "/v1/chat", Some(&stage.key));
    sent.from = "127.0.0.1";
    raw(
        &stage.portal.app.db,
        "update api_keys set last_used_at = null, last_used_ip = ''",
    )
    .await;
    through(proxy.ask(&stage.portal, &sent).await);
    stage
        .portal
        .app
        .gate
        .save_uses(&stage.portal.operator())
        .await
        .expect("uses");
    let believed = texts(
        &stage.portal.app.db,
        "select last_used_ip from api_keys where last_used_at is not null",
    )
    .await;
    assert_eq!(believed, ["198.51.100.66"], "the control: it would have been seen");
}

/// What is needed stands in the prefix that Envoy puts before the client's path, so that no path and no method lowers it.
#[actix_web::test]
async fn b_61_no_path_gets_through_envoy_that_may_not() {
    let stage = stage().await;
    let envoy = Proxy::Envoy(Envoy::read(&File::shipped("envoy/ext_authz.yaml")));
    let long = format!("/{}", "a".repeat(8_000));
    for path in [
        "/",
        "//",
        "/?permission=api.read",
        "/v1?permission=api.read&cost=0&feature=",
        "/../api.read/v1",
        "/../../forward?permission=api.read",
        "/..%2fapi.read/v1",
        "/%2e%2e/api.read/",
        "/.%2e/%2e./forward?permission=api.read",
        "/%00",
        "/%ff%fe",
        "/a;b=c/%2F//..//",
        "*",
        "@api.read",
        "%2f..%2fapi.read/",
        "http://app.example/v1",
        &long,
    ] {
        for method in ["GET", "POST", "OPTIONS", "HEAD"] {
            let denied = envoy
                .ask(&stage.portal, &forged(method, path, Some(&stage.reader)))
                .await;
            let Outcome::Back(denied) = denied else {
                panic!("{method} {path} gets through")
            };
            assert!((400..500).contains(&denied.status), "{method} {path}: {denied:?}");
        }
    }
    // The ordinary ones do get through with a key that may.
    for path in [
        "/",
        "//",
        "/v1?permission=nothing",
        "/a/b/c/",
        "/%E2%82%AC?x=%2F",
        &long,
    ] {
        let on = through(envoy.ask(&stage.portal, &forged("POST", path, Some(&stage.key))).await);
        assert_eq!(faults(&stage, &on), Vec::<String>::new(), "{path}");
    }
    // A method that nobody knows is refused, not let through.
    for method in ["TRACE", "PROPFIND", "BREW"] {
        let denied = envoy.ask(&stage.portal, &forged(method, "/v1", Some(&stage.key))).await;
        assert!(matches!(denied, Outcome::Back(_)), "{method} gets through");
    }
}
