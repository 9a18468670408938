#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "each test file uses its part of the harness"
)]
//! The harness: a portal of its own for each test, on port 0, a fresh database, a clock that the test moves.

mod client;
mod database;
mod headers;
mod page;
mod picture;
mod seed;

use std::{
    net::TcpListener,
    sync::{Arc, LazyLock},
    time::Duration,
};

pub use client::{Answer, Client};
pub use database::{changes, is_long, is_postgres, raw, texts, watch};
pub use headers::{assert_headers, faults as header_faults};
use muster::{
    access::session::Lifetimes,
    app::{App, Settings},
    auth::password::{Cost, Hasher},
    clock::{Clock, Timestamp},
    db::{self, Db},
    mail::{
        outbox::Sender,
        transport::{Post, Server, Tls},
    },
    secret::{self, Keys},
    web::routes::{Route, Table},
};
pub use page::{Page, Row};
pub use picture::{multipart, png};
pub use seed::{Mail, Org, Someone};

/// A running portal.
pub struct Portal {
    /// What its handlers reach.
    pub app: Arc<App>,
    /// Its address.
    pub url: String,
    /// Its clock.
    pub clock: Clock,
    _database: database::Throwaway,
    stop: actix_web::dev::ServerHandle,
}

impl Drop for Portal {
    fn drop(&mut self) {
        drop(self.stop.stop(false));
    }
}

/// The first instant of every test: Saturday 21 November 2026, 09:00 UTC.
pub const START: Timestamp = Timestamp::from_secs(1_795_251_600);

/// Starts a portal with ceilings off.
pub async fn spawn() -> Portal {
    spawn_with(|_| {}).await
}

/// Starts a portal with other settings.
pub async fn spawn_with(change: impl FnOnce(&mut Settings)) -> Portal {
    spawn_sending(change, None).await
}

/// Starts a portal that is set up to send mail; nothing listens where it would send it.
pub async fn spawn_with_mail() -> Portal {
    let mut server = Server::new("127.0.0.1");
    server.port = 1;
    server.tls = Tls::None;
    spawn_sending(|_| {}, Some(Post::new(server).expect("a server"))).await
}

/// Starts a portal with other settings, and what sends its mail.
pub async fn spawn_sending(change: impl FnOnce(&mut Settings), post: Option<Post>) -> Portal {
    spawn_whole(muster::app::routes(), change, post).await
}

/// Starts a portal with other routes.
pub async fn spawn_serving(routes: Vec<Route>, change: impl FnOnce(&mut Settings)) -> Portal {
    spawn_whole(routes, change, None).await
}

async fn spawn_whole(routes: Vec<Route>, change: impl FnOnce(&mut Settings), post: Option<Post>) -> Portal {
    let (options, database) = database::fresh().await;
    let db = Db::open(&options).await.expect("the database opens");
    db::migrate(&db).await.expect("migrations run");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let mut settings = Settings {
        public_url: url.parse().expect("a URL"),
        trusted_proxies: Vec::new(),
        sessions: Lifetimes {
            idle: Duration::from_secs(3_600),
            absolute: Duration::from_secs(12 * 3_600),
        },
        body_timeout: Duration::from_secs(2),
        shutdown_timeout: Duration::from_secs(1),
        hsts_subdomains: true,
        ceilings: false,
        invites_pending: 10_000,
        invites_per_minute: 20,
        invites_per_day: 500,
        workers: 1,
        metrics_token: None,
    };
    change(&mut settings);
    let sender = Sender {
        post,
        from: "Muster <muster@muster.test>".parse().expect("a mailbox"),
        reply_to: None,
    };
    let clock = Clock::manual(START);
    let keys = Keys::from_master(secret::random());
    let mut app = App::new(
        db,
        clock.clone(),
        keys,
        settings,
        hasher(),
        sender,
        Some(secret::random_token("mst_set_")),
    )
    .expect("an app");
    Arc::get_mut(&mut app).expect("nobody else has it yet").table = Table::new(routes);
    let running = muster::app::serve(&app, listener).expect("the server starts");
    let stop = running.server.handle();
    actix_web::rt::spawn(running.server);
    Portal {
        app,
        url,
        clock,
        _database: database,
        stop,
    }
}

/// The cheapest hashing that is accepted, prepared once for all tests.
pub fn hasher() -> Hasher {
    static HASHER: LazyLock<Hasher> = LazyLock::new(|| Hasher::new(Cost::SMALL, 2).expect("the least cost"));
    HASHER.clone()
}

impl Portal {
    /// A browser that is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url)
    }
}
