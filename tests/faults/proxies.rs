//! Real proxies in front of a small upstream, with the configurations that `deploy` ships (STANDARDS section 6): nginx and Caddy let
//! through, refuse with 401, 403 and 429, and pass on who it is, whatever the client says of itself.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use muster::access::Role;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::{
    rig::{key, limit},
    support::{Client, House, Pen, Server, pause},
};

const FORGED: [&str; 8] = [
    "X-Muster-Org",
    "X-Muster-User",
    "X-Muster-Email",
    "X-Muster-Groups",
    "X-Muster-Roles",
    "X-Muster-Key-Id",
    "X-Muster-Features",
    "X-Muster-Reservation",
];

/// Answers every request with its head as JSON.
fn upstream() -> u16 {
    fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let (mut line, mut head, mut length) = (String::new(), serde_json::Map::new(), 0);
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            head.insert("line".to_owned(), line.trim_end().into());
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    break;
                };
                let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
                if name == "content-length" {
                    length = value.parse().unwrap_or(0);
                }
                head.insert(name, value.into());
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let text = Value::from(head).to_string();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            )?;
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer(stream)));
        }
    });
    port
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A proxy as a process of its own; it ends with the test.
struct Proxy {
    child: Child,
    url: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Proxy {
    async fn start(mut command: Command, port: u16, log: &Path) -> Self {
        let file = std::fs::File::create(log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}; scripts/test installs it"));
        let mut proxy = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = proxy.child.try_wait().expect("a look at the child");
            assert!(
                ended.is_none() && began.elapsed() < Duration::from_secs(20),
                "{command:?}: {ended:?}: {}",
                std::fs::read_to_string(log).unwrap_or_default()
            );
            pause(20).await;
        }
        proxy
    }

    async fn ask(&self, method: Method, key: Option<&str>) -> Response {
        let mut request = Client::new(&self.url).request(method, "/v1/chat?model=large");
        for name in FORGED {
            request = request.header(name, "forged");
        }
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        request.send().await.expect("an answer")
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

async fn nginx(house: &House, app: u16) -> Proxy {
    let folder = house.scratch.path().join("nginx");
    std::fs::create_dir_all(&folder).expect("a folder");
    let (port, at, shipped) = (free_port(), folder.display(), deploy().join("nginx"));
    let shipped = shipped.display();
    // The parts are included as they are shipped; around them stands what every nginx has of its own.
    let text = format!(
        "daemon off; pid {at}/pid; error_log {at}/error.log; worker_processes 1; events {{}}
         http {{
             access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
             upstream muster {{ server 127.0.0.1:{}; keepalive 16; }}
             include {shipped}/muster-http.conf;
             server {{
                 listen 127.0.0.1:{port};
                 include {shipped}/muster-server.conf;
                 location / {{
                     set $muster_permission api.call; set $muster_cost 0;
                     include {shipped}/muster-protect.conf;
                     proxy_pass http://127.0.0.1:{app};
                 }}
                 location /admin {{
                     set $muster_permission member.manage; set $muster_cost 0;
                     include {shipped}/muster-protect.conf;
                     proxy_pass http://127.0.0.1:{app};
                 }}
             }}
         }}",
        house.port
    );
    let config = folder.join("nginx.conf");
    std::fs::write(&config, text).expect("a file");
    let mut command = Command::new("/usr/sbin/nginx");
    command.arg("-c").arg(&config).arg("-p").arg(&folder);
    Proxy::start(command, port, &folder.join("log")).await
}

async fn caddy(house: &House, app: u16) -> Proxy {
    let folder = house.scratch.path().join("caddy");
    std::fs::create_dir_all(&folder).expect("a folder");
    let port = free_port();
    // Its port for operators is of no use here, and two tests at once would want the same one.
    let config = folder.join("Caddyfile");
    let shipped = std::fs::read_to_string(deploy().join("caddy/Caddyfile")).expect("the shipped file");
    std::fs::write(&config, format!("{{\n\tadmin off\n}}\n{shipped}")).expect("a file");
    let mut command = Command::new("/usr/bin/caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(&config)
        .env("HOME", &folder)
        .env("XDG_DATA_HOME", &folder)
        .env("XDG_CONFIG_HOME", &folder)
        .env("LISTEN", format!("http://127.0.0.1:{port}"))
        .env("MUSTER", format!("127.0.0.1:{}", house.port))
        .env("APP", format!("127.0.0.1:{app}"));
    Proxy::start(command, port, &folder.join("log")).await
}

/// A program with a service that has a key; its id, the key and an administrator.
struct Place {
    house: House,
    server: Server,
    key: String,
    own: String,
    pen: Pen,
    member: String,
    org: crate::support::Org,
}

async fn place() -> Place {
    let house = House::new().set("MUSTER_TRUSTED_PROXIES", "127.0.0.1");
    let portal = house.open().await;
    let org = portal.org("Acme").await;
    let ann = portal.member(&org, Role::Administrator, "ann").await;
    let ben = portal.member(&org, Role::Developer, "ben").await;
    portal.app.metering.close().await;
    portal.close().await;
    let server = house.start().await;
    let pen = Pen::of(&ann).await;
    let member = ben.id();
    assert_eq!(limit(&pen, &org, &member, 5).await, Some(303));
    let fields = [("name", "own"), ("expiry", "90"), ("scope", "api.call")];
    let made = ben.post(&org.path("/keys/own"), &fields).await.page(200);
    let own = made.attribute(".copy input", "value").expect("a key");
    let key = key(&ann, &org).await;
    Place {
        house,
        server,
        key,
        own,
        pen,
        member,
        org,
    }
}

async fn spend(place: &Place, amount: &str) -> u16 {
    let body = serde_json::json!({ "subject": place.member, "source": "app", "id": amount, "amount": amount });
    let request = place.server.anonymous().request(Method::POST, "/api/v1/usage");
    let answer = request
        .bearer_auth(&place.key)
        .json(&body)
        .send()
        .await
        .expect("an answer");
    answer.status().as_u16()
}

async fn walk(place: &mut Place, proxy: &Proxy) {
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let let_in = proxy.ask(method.clone(), Some(&place.own)).await;
        assert_eq!(let_in.status(), 200, "{method}");
        let head: Value = let_in.json().await.expect("the head");
        assert!(
            head["line"]
                .as_str()
                .is_some_and(|line| line.starts_with(method.as_str()) && line.contains("/v1/chat?model=large")),
            "{head}"
        );
        assert_eq!(head["x-muster-user"], place.member.as_str());
        assert_eq!(head["x-muster-email"], "ben@acme.example");
        assert_eq!(head["x-muster-org"], "acme");
        for name in FORGED {
            let value = &head[name.to_ascii_lowercase()];
            assert!(
                value != "forged" && !value.as_str().is_some_and(|value| value.contains('{')),
                "{name}: {value}"
            );
        }
        assert!(head.get("authorization").is_none(), "the key stays here: {head}");
        let unknown = proxy.ask(method.clone(), None).await;
        assert_eq!(unknown.status(), 401, "{method}");
        assert_eq!(unknown.headers()["www-authenticate"], "Bearer realm=\"muster\"");
        let wrong = proxy.ask(method, Some("mst_p_nothing")).await;
        assert_eq!(wrong.status(), 401);
    }
    assert_eq!(spend(place, "5").await, 200);
    let over = proxy.ask(Method::POST, Some(&place.own)).await;
    assert_eq!(over.status(), 429);
    let retry: u64 = over.headers()["retry-after"]
        .to_str()
        .expect("a text")
        .parse()
        .expect("seconds");
    assert!((1..=86_400).contains(&retry), "{retry}");
    assert!(
        over.headers()["ratelimit"]
            .to_str()
            .expect("a text")
            .starts_with("\"member-daily\";r=0;")
    );
    assert_eq!(over.headers()["content-type"], "application/problem+json");
    assert_eq!(over.json::<Value>().await.expect("a problem")["status"], 429);
    // More is given, and the next call passes; then the person is deactivated, and it does not.
    assert_eq!(limit(&place.pen, &place.org, &place.member, 50).await, Some(303));
    assert_eq!(proxy.ask(Method::GET, Some(&place.own)).await.status(), 200);
    let path = place.org.path(&format!("/members/{}/suspension", place.member));
    let answer = place.pen.post(&path, &[]).await.expect("an answer");
    assert_eq!(answer.status(), 303);
    let refused = proxy.ask(Method::GET, Some(&place.own)).await;
    assert!(matches!(refused.status().as_u16(), 401 | 403), "{}", refused.status());
    // Nothing gets through when nobody decides.
    place.server.kill();
    let blind = proxy.ask(Method::GET, Some(&place.own)).await;
    assert!(blind.status().is_server_error(), "{}", blind.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_61_nginx_asks_muster_with_the_shipped_configuration() {
    let mut place = place().await;
    let proxy = nginx(&place.house, upstream()).await;
    let admin = Client::new(&proxy.url)
        .request(Method::GET, "/admin")
        .bearer_auth(&place.own);
    let refused = admin.send().await.expect("an answer");
    assert_eq!(refused.status(), 403);
    assert_eq!(
        refused.json::<Value>().await.expect("a problem")["reason"],
        "permission-denied"
    );
    walk(&mut place, &proxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_61_caddy_asks_muster_with_the_shipped_configuration() {
    let mut place = place().await;
    let proxy = caddy(&place.house, upstream()).await;
    walk(&mut place, &proxy).await;
}
