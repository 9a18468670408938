//! What no browser sends, over bare sockets: broken cookies, bodies that never end, headers that smuggle, bytes that are no text.

use std::time::{Duration, Instant};

use muster::{access::Role, web::routes::get};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::support::{Portal, spawn, spawn_serving, spawn_with};

/// What came back before the connection ended or the time was over.
#[derive(Debug)]
struct Heard {
    /// The statuses of the answers, in order.
    statuses: Vec<u16>,
    text: String,
    /// When the first of it came.
    after: Duration,
    /// Whether the server has closed.
    closed: bool,
}

impl Heard {
    fn first(&self) -> u16 {
        self.statuses.first().copied().unwrap_or(0)
    }
}

async fn connect(portal: &Portal) -> TcpStream {
    let address = portal.url.trim_start_matches("http://").to_owned();
    TcpStream::connect(address).await.expect("a connection")
}

/// Reads until the server closes, or until `patience` is over.
async fn listen(socket: &mut TcpStream, patience: Duration) -> Heard {
    let started = Instant::now();
    let mut bytes = Vec::new();
    let mut piece = vec![0; 65_536];
    let mut closed = false;
    let mut after = patience;
    while let Some(left) = patience.checked_sub(started.elapsed()) {
        match timeout(left, socket.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => {
                closed = true;
                break;
            }
            Ok(Ok(count)) => {
                after = after.min(started.elapsed());
                bytes.extend_from_slice(&piece[..count]);
            }
            Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let statuses = text
        .split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|rest| rest.get(..3)?.parse().ok())
        .collect();
    Heard {
        statuses,
        text,
        after,
        closed,
    }
}

/// Sends bytes on a connection of their own and hears what comes within a short time.
async fn say(portal: &Portal, bytes: &[u8]) -> Heard {
    let mut socket = connect(portal).await;
    // The server may answer and close before everything is sent.
    let _ = socket.write_all(bytes).await;
    listen(&mut socket, Duration::from_millis(1_500)).await
}

/// A request that ends its connection, so that hearing it takes no longer than the answer.
fn request(line: &str, headers: &[(&str, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: portal.test\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A visitor's cookie and the token of their forms.
async fn visit(portal: &Portal) -> (String, String) {
    let heard = say(portal, &request("GET /sign-in", &[], b"")).await;
    let cookie = heard
        .text
        .split("set-cookie: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .expect("a cookie")
        .to_owned();
    let csrf = heard
        .text
        .split("\"X-CSRF-Token\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token")
        .to_owned();
    (cookie, csrf)
}

async fn assert_lives(portal: &Portal) {
    let heard = say(portal, &request("GET /healthz", &[], b"")).await;
    assert_eq!(heard.first(), 200, "{}", heard.text);
}

#[actix_web::test]
async fn fault_f30_broken_cookies_are_nobody() {
    let portal = spawn().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let good = portal.session_of(ann.user).await;
    let (name, value) = good.split_once('=').expect("a pair");
    let heard = say(
        &portal,
        &request("GET /organizations", &[("Cookie", good.as_bytes())], b""),
    )
    .await;
    assert_eq!(heard.first(), 200, "the cookie itself is good");
    let mut flipped = value.to_owned().into_bytes();
    let last = flipped.len() - 1;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let mut early = value.to_owned().into_bytes();
    early[3] = if early[3] == b'A' { b'B' } else { b'A' };
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("corrupted signature", early),
        ("corrupted token", flipped),
        ("truncated", value.as_bytes()[..value.len() / 2].to_vec()),
        ("unsigned", value.as_bytes()[value.len() - 64..].to_vec()),
        ("foreign", b"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".to_vec()),
        ("10 kB", vec![b'a'; 10_240]),
        ("not ASCII", vec![0xff, 0xfe, 0x80, b'x']),
        ("UTF-8", "жöß".as_bytes().to_vec()),
        ("percent", b"%00%ff%zz".to_vec()),
        ("quotes", b"\"\\\"\"".to_vec()),
    ];
    for (what, value) in broken {
        let cookie = [name.as_bytes(), b"=", &value].concat();
        let heard = say(&portal, &request("GET /organizations", &[("Cookie", &cookie)], b"")).await;
        assert_eq!(heard.first(), 303, "{what}: {}", heard.text);
        assert!(
            heard.text.contains("location: /sign-in?next="),
            "{what}: {}",
            heard.text
        );
        assert!(
            heard.text.contains(&format!("set-cookie: {name}=;")),
            "{what} stays: {}",
            heard.text
        );
        let htmx = say(
            &portal,
            &request(
                "GET /organizations",
                &[("Cookie", &cookie), ("HX-Request", b"true")],
                b"",
            ),
        )
        .await;
        assert_eq!(htmx.first(), 401, "{what}");
        let other = [
            b"muster-visit=",
            &value[..],
            b"; muster-flash=",
            &value,
            b"; muster-theme=",
            &value,
            b"; muster-inv=",
            &value,
            b"; muster-reset=",
            &value,
        ]
        .concat();
        for path in ["GET /sign-in", "GET /i", "GET /reset", "GET /nowhere"] {
            let heard = say(&portal, &request(path, &[("Cookie", &other)], b"")).await;
            assert!(
                matches!(heard.first(), 200 | 404 | 410),
                "{what} {path}: {}",
                heard.first()
            );
        }
    }
    // Two cookies of one name: whichever counts, it is one of the two, and never a fault.
    for pair in [format!("{name}=x; {good}"), format!("{good}; {name}=x")] {
        let heard = say(
            &portal,
            &request("GET /organizations", &[("Cookie", pair.as_bytes())], b""),
        )
        .await;
        assert!(matches!(heard.first(), 200 | 303), "{}", heard.text);
    }
    let heard = say(
        &portal,
        &request(
            "GET /organizations",
            &[("Cookie", b"x"), ("Cookie", good.as_bytes())],
            b"",
        ),
    )
    .await;
    assert!(matches!(heard.first(), 200 | 303), "{}", heard.text);
}

#[actix_web::test]
async fn fault_f31_bodies_that_are_too_large_are_refused_at_once() {
    let portal = spawn().await;
    let (cookie, csrf) = visit(&portal).await;
    let form = ("Content-Type", &b"application/x-www-form-urlencoded"[..]);
    let visitor = [("Cookie", cookie.as_bytes()), ("X-CSRF-Token", csrf.as_bytes()), form];
    let with = |more: &[(&'static str, &'static [u8])]| [&visitor[..], more].concat();
    let mut slowest = Duration::ZERO;

    // Announced: refused before a byte of it is read.
    let heard = say(
        &portal,
        &request(
            "POST /preferences/theme",
            &with(&[("Content-Length", b"10485760")]),
            b"theme=dark",
        ),
    )
    .await;
    slowest = slowest.max(heard.after);
    assert_eq!(heard.first(), 413, "{}", heard.text);
    // In pieces, without an announcement.
    let mut pieces = Vec::new();
    for _ in 0..200 {
        pieces.extend_from_slice(b"1000\r\n");
        pieces.extend_from_slice(&[b'x'; 4096]);
        pieces.extend_from_slice(b"\r\n");
    }
    let heard = say(
        &portal,
        &request(
            "POST /preferences/theme",
            &with(&[("Transfer-Encoding", b"chunked")]),
            &pieces,
        ),
    )
    .await;
    slowest = slowest.max(heard.after);
    assert_eq!(heard.first(), 413, "{}", heard.text);
    // Compressed: a kilobyte that becomes megabytes is not unpacked.
    let bomb = {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b'a'; 10 << 20]).expect("packed");
        packer.finish().expect("packed")
    };
    let length = bomb.len().to_string();
    let mut headers = visitor.to_vec();
    headers.extend([
        ("Content-Encoding", &b"gzip"[..]),
        ("Content-Length", length.as_bytes()),
    ]);
    let heard = say(&portal, &request("POST /preferences/theme", &headers, &bomb)).await;
    slowest = slowest.max(heard.after);
    assert_eq!(heard.first(), 400, "{}", heard.text);
    // Ten thousand fields within the limit of bytes, and deep JSON where a form is expected.
    let fields: String = (0..10_000).map(|_| "a=1&").collect();
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for (what, body) in [("fields", fields + "theme=purple"), ("depth", deep)] {
        let length = body.len().to_string();
        let mut headers = visitor.to_vec();
        headers.push(("Content-Length", length.as_bytes()));
        let heard = say(&portal, &request("POST /preferences/theme", &headers, body.as_bytes())).await;
        slowest = slowest.max(heard.after);
        assert!(matches!(heard.first(), 400 | 413 | 422), "{what}: {}", heard.text);
    }
    // What no route takes is not read either.
    let heard = say(
        &portal,
        &request("POST /nowhere", &with(&[("Content-Length", b"10485760")]), b"x"),
    )
    .await;
    slowest = slowest.max(heard.after);
    assert_eq!(heard.first(), 404, "{}", heard.text);
    assert!(slowest < Duration::from_secs(1), "an answer took {slowest:?}");
    assert_lives(&portal).await;
}

#[actix_web::test]
async fn fault_f32_slow_headers_are_cut_off_and_starve_nobody() {
    let portal = spawn().await;
    let mut slow = Vec::new();
    for number in 0..50 {
        let mut socket = connect(&portal).await;
        let start = if number % 2 == 0 {
            "GET / HTTP/1.1\r\nHost: x\r\nX-A: "
        } else {
            "GE"
        };
        socket.write_all(start.as_bytes()).await.expect("sent");
        slow.push(socket);
    }
    let drip = actix_web::rt::spawn(async move {
        let started = Instant::now();
        let mut ends = Vec::new();
        for socket in &mut slow {
            let patience = Duration::from_secs(9).saturating_sub(started.elapsed());
            // Each byte must not buy more time.
            let _ = socket.write_all(b"a").await;
            let heard = listen(socket, patience).await;
            ends.push((heard.closed, started.elapsed(), heard.first()));
        }
        ends
    });
    let mut worst = Duration::ZERO;
    let client = portal.anonymous();
    for _ in 0..40 {
        let started = Instant::now();
        assert_eq!(client.get("/healthz").await.status, 200);
        worst = worst.max(started.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ends = drip.await.expect("an end");
    let late: Vec<_> = ends
        .iter()
        .filter(|(closed, after, _)| !closed || *after > Duration::from_secs(8))
        .collect();
    assert!(late.is_empty(), "{} of 50 slow connections stay: {late:?}", late.len());
    assert!(ends.iter().all(|(_, _, status)| matches!(status, 0 | 408)), "{ends:?}");
    assert!(worst < Duration::from_secs(2), "a client beside them waited {worst:?}");
}

#[actix_web::test]
async fn fault_f33_slow_bodies_are_cut_off() {
    let portal = spawn_with(|settings| settings.body_timeout = Duration::from_secs(1)).await;
    let (cookie, csrf) = visit(&portal).await;
    let length = ("Content-Length", &b"1000"[..]);
    let chunked = ("Transfer-Encoding", &b"chunked"[..]);
    let sid = ("Cookie", &b"muster-sid=x"[..]);
    let visitor = ("Cookie", cookie.as_bytes());
    let token = ("X-CSRF-Token", csrf.as_bytes());
    for (line, headers, status) in [
        ("POST /preferences/theme", vec![visitor, token, length], 408),
        ("POST /preferences/theme", vec![visitor, token, chunked], 408),
        // Answers that need no body must not wait for its end either.
        ("GET /healthz", vec![chunked], 200),
        ("GET /sign-in", vec![chunked], 200),
        ("POST /nowhere", vec![chunked], 404),
        ("POST /healthz", vec![chunked], 405),
        ("POST /sign-out", vec![sid, chunked], 303),
        (
            "POST /preferences/theme",
            vec![visitor, ("Sec-Fetch-Site", b"cross-site"), chunked],
            403,
        ),
    ] {
        let mut socket = connect(&portal).await;
        let mut head = request(line, &headers, b"");
        let close = b"Connection: close\r\n";
        let at = head
            .windows(close.len())
            .position(|part| part == close)
            .expect("the header");
        head.drain(at..at + close.len());
        socket.write_all(&head).await.expect("sent");
        let started = Instant::now();
        let (mut reading, mut writing) = socket.into_split();
        let drip = actix_web::rt::spawn(async move {
            while writing.write_all(b"1\r\na\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let mut text = Vec::new();
        let ended = timeout(Duration::from_secs(6), reading.read_to_end(&mut text))
            .await
            .is_ok();
        let after = started.elapsed();
        drip.abort();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {text}");
        assert!(
            ended && after < Duration::from_secs(3),
            "{line} {headers:?}: open after {after:?}"
        );
    }
    assert_lives(&portal).await;
}

/// A reader who takes a page byte by byte has it in memory: handlers render pages whole, so neither a database connection nor a
/// transaction waits for the reader. What waits is a buffer of the page's size, until the client goes.
#[actix_web::test]
async fn fault_f33_slow_readers_hold_nothing() {
    let portal = spawn().await;
    let mut slow = Vec::new();
    let asset = muster::web::assets::url("htmx.min.js");
    for _ in 0..40 {
        let mut socket = connect(&portal).await;
        for _ in 0..60 {
            socket
                .write_all(format!("GET {asset} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
                .await
                .expect("sent");
        }
        let mut one = [0; 1];
        socket.read_exact(&mut one).await.expect("the first byte");
        slow.push(socket);
    }
    // Reads and writes go on beside them.
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let started = Instant::now();
    for _ in 0..10 {
        ann.get("/organizations").await.page(200);
        ann.post("/preferences/theme", &[("theme", "dark")])
            .await
            .redirects_to("/");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(slow);
}

#[actix_web::test]
async fn fault_f34_requests_that_smuggle_are_refused() {
    let portal = spawn().await;
    let host = "Host: portal.test\r\n";
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let long = "a".repeat(200_000);
    let set: Vec<(&str, Vec<u8>)> = vec![
        (
            "CL and TE",
            format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
            )
            .into(),
        ),
        (
            "TE and CL",
            format!(
                "POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{hidden}"
            )
            .into(),
        ),
        (
            "two different CL",
            format!(
                "POST / HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}",
                hidden.len()
            )
            .into(),
        ),
        (
            "CL list",
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 0, 5\r\n\r\n{hidden}").into(),
        ),
        (
            "CL with plus",
            format!("POST / HTTP/1.1\r\n{host}Content-Length: +4\r\n\r\nabcd").into(),
        ),
        (
            "negative CL",
            format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n").into(),
        ),
        (
            "TE that is no chunked",
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n").into(),
        ),
        (
            "space before the colon",
            format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n")
                .into(),
        ),
        (
            "NUL in a value",
            format!("GET / HTTP/1.1\r\n{host}X-A: a\0b\r\n\r\n").into(),
        ),
        (
            "NUL in a name",
            format!("GET / HTTP/1.1\r\n{host}X\0A: ab\r\n\r\n").into(),
        ),
        (
            "folded header",
            format!("GET / HTTP/1.1\r\n{host}X-A: a\r\n b\r\n\r\n").into(),
        ),
        (
            "CR in a value",
            format!("GET / HTTP/1.1\r\n{host}X-A: a\rb\r\n\r\n").into(),
        ),
        (
            "200 kB header",
            format!("GET / HTTP/1.1\r\n{host}X-A: {long}\r\n\r\n").into(),
        ),
        ("200 kB path", format!("GET /{long} HTTP/1.1\r\n{host}\r\n").into()),
        ("no version", "GET /healthz\r\n\r\n".into()),
        ("HTTP/9", format!("GET /healthz HTTP/9.9\r\n{host}\r\n").into()),
        (
            "bytes",
            vec![
                0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, b'\r', b'\n', b'\r', b'\n',
            ],
        ),
    ];
    for (what, bytes) in set {
        let heard = say(&portal, &bytes).await;
        assert!(
            matches!(heard.first(), 400 | 413 | 414 | 431 | 505),
            "{what}: {:?} {}",
            heard.statuses,
            heard.text
        );
        assert_eq!(
            heard.statuses.len(),
            1,
            "{what}: a second request was answered: {:?}",
            heard.statuses
        );
        assert!(heard.closed, "{what}: the connection stays open");
    }
    let hosts = format!("GET /healthz HTTP/1.1\r\n{host}Host: evil.example\r\nConnection: close\r\n\r\n");
    assert_eq!(say(&portal, hosts.as_bytes()).await.first(), 400, "two hosts");
    let none = "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";
    assert_eq!(say(&portal, none.as_bytes()).await.first(), 400, "no host");
    // Bare LF ends lines for the parser: one request stays one request, and nothing is hidden behind it.
    let bare = say(&portal, b"GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n").await;
    assert!(matches!(bare.statuses[..], [200 | 400]), "{:?}", bare.statuses);
    let chunk = format!("POST /nowhere HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n{hidden}");
    let heard = say(&portal, chunk.as_bytes()).await;
    assert!(heard.statuses.len() <= 1, "LF in chunks: {:?}", heard.statuses);
    assert_lives(&portal).await;
}

#[actix_web::test]
async fn fault_f35_bytes_that_are_no_text_are_refused_or_ignored() {
    let portal = spawn().await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    let cookie = portal.session_of(ann.user).await;
    let get = |path: &[u8]| {
        let mut bytes = b"GET ".to_vec();
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(
            format!(" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n").as_bytes(),
        );
        bytes
    };
    for path in [
        &b"/%ff%fe"[..],
        b"/o/%ff/members",
        b"/o/acme/%c3%28",
        b"/o/acme%00/members",
        b"/static/%ff.css",
        b"/i/%f0%28%8c%28",
        b"/%ed%a0%80",
    ] {
        let heard = say(&portal, &get(path)).await;
        assert_eq!(heard.first(), 400, "{}: {}", String::from_utf8_lossy(path), heard.text);
        assert!(
            heard.text.contains("content-security-policy"),
            "the refusal is a page of ours"
        );
    }
    let heard = say(&portal, &get(b"/\xff\xfe")).await;
    assert_eq!(heard.first(), 400, "bare bytes in a path: {}", heard.text);
    for query in [
        &b"/organizations?q=%ff%fe"[..],
        b"/organizations?q=%00",
        b"/organizations?q=%zz&q=1&%ff=1",
        b"/o/acme/members?q=%c3%28&after=%ff",
        b"/sign-in?next=%ff",
    ] {
        let heard = say(&portal, &get(query)).await;
        assert!(
            matches!(heard.first(), 200 | 303 | 400),
            "{}: {}",
            String::from_utf8_lossy(query),
            heard.first()
        );
    }
    let pages: Vec<String> = portal
        .app
        .table
        .routes
        .iter()
        .filter(|route| route.method == Method::GET.as_str())
        .map(|route| route.path.replace("{org}", "acme"))
        .collect();
    for path in pages {
        for value in [
            "%ff",
            "%00",
            "%f0%9f%92%a9",
            "%27%22%3c%3e",
            "99999999999999999999",
            "-1",
            "%5b%5d",
        ] {
            for name in [
                "q", "sort", "after", "before", "status", "role", "state", "tab", "next", "p", "dir", "from", "to",
                "actor", "action",
            ] {
                if path.contains('{') && value != "%ff" {
                    continue;
                }
                let path = path.replace("{file:.*}", "%ff");
                let path = path
                    .split('/')
                    .map(|part| if part.starts_with('{') { value } else { part })
                    .collect::<Vec<_>>()
                    .join("/");
                let answer = ann.get(&format!("{path}?{name}={value}")).await;
                assert!(answer.status < 500, "{path}?{name}={value}: {}", answer.status);
            }
        }
    }
    let (visitor, csrf) = visit(&portal).await;
    for body in [
        &b"theme=%ff%fe"[..],
        b"theme=\xff\xfe",
        b"theme=dark%00",
        b"%ff=1&theme=dark",
        b"theme=%c3%28",
    ] {
        let length = body.len().to_string();
        let headers = [
            ("Cookie", visitor.as_bytes()),
            ("X-CSRF-Token", csrf.as_bytes()),
            ("Content-Type", b"application/x-www-form-urlencoded"),
            ("Content-Length", length.as_bytes()),
        ];
        let heard = say(&portal, &request("POST /preferences/theme", &headers, body)).await;
        assert_eq!(heard.first(), 400, "{}: {}", String::from_utf8_lossy(body), heard.text);
    }
    for name in [
        "User-Agent",
        "Accept",
        "Referer",
        "X-CSRF-Token",
        "HX-Request",
        "Sec-Fetch-Site",
        "Origin",
        "X-Forwarded-For",
        "If-None-Match",
        "Accept-Encoding",
        "Cookie",
    ] {
        for path in [
            "GET /sign-in",
            "POST /preferences/theme",
            &format!("GET {}", muster::web::assets::url("app.css")),
        ] {
            let heard = say(
                &portal,
                &request(path, &[(name, b"\xff\xfe\x80"), ("Content-Length", b"0")], b""),
            )
            .await;
            assert!(
                matches!(heard.first(), 200 | 303 | 400 | 403),
                "{path} {name}: {}",
                heard.first()
            );
        }
    }
}

async fn falls() -> actix_web::HttpResponse {
    // After an await, so that the fall is in the future and not in the call.
    tokio::task::yield_now().await;
    panic!("a handler falls over {}", 7 * 191)
}

async fn trips() -> actix_web::HttpResponse {
    let none: Option<actix_web::HttpResponse> = std::hint::black_box(None);
    none.expect("nothing here 1337")
}

#[actix_web::test]
async fn fault_f37_a_panic_is_a_page_and_the_server_lives() {
    let mut routes = muster::app::routes();
    routes.push(get("/falls", falls));
    routes.push(get("/trips", trips));
    let portal = spawn_serving(routes, |_| {}).await;
    let acme = portal.org("Acme").await;
    let ann = portal.member(&acme, Role::Administrator, "ann").await;
    assert_eq!(portal.app.panics(), 0);
    for (count, path) in [(1, "/falls"), (2, "/trips")] {
        let answer = ann.get(path).await;
        let page = answer.page(500);
        crate::support::assert_headers(&answer.headers, path, false);
        page.assert_heading("Something went wrong");
        page.assert_says(answer.header("x-request-id"));
        page.assert_silent("1337");
        assert_eq!(portal.app.panics(), count);
    }
    let fragment = ann.htmx_get("/falls").await;
    assert_eq!(fragment.status, 500);
    assert!(
        fragment.body.contains(fragment.header("x-request-id")),
        "{}",
        fragment.body
    );
    // Many at once, and then everything works as before, writes included.
    let many = futures_util::future::join_all((0..50).map(|_| ann.get("/falls"))).await;
    assert!(many.iter().all(|answer| answer.status == 500));
    assert_eq!(portal.app.panics(), 53);
    ann.get("/organizations").await.page(200);
    ann.post("/preferences/theme", &[("theme", "dark")])
        .await
        .redirects_to("/");
}
