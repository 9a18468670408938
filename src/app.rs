//! The application: what every handler reaches, the order of middleware, and the one list of routes.

use std::{
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix_service::apply;
use actix_session::{
    SessionMiddleware,
    config::{BrowserSession, CookieContentSecurity, TtlExtensionPolicy},
};
use actix_web::{
    App as Service, HttpServer,
    cookie::{Cookie, Key, SameSite},
    dev::{ServiceFactory as _, fn_factory, fn_service},
    middleware::from_fn,
    web::Data,
};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    access::session::{Lifetimes, Sessions},
    auth::password::Hasher,
    clock::Clock,
    db::{self, Db},
    error::{Error, Result},
    gate::Gate,
    invitations::Desk,
    mail::outbox::Sender,
    members,
    metering::Engine,
    metrics::Metrics,
    secret::{Keys, Secret},
    web::{
        assets,
        limits::Ceilings,
        middleware,
        routes::{self, Kind, Table, get},
    },
};

/// How long work in turns pauses after a turn for which nobody had to wait.
const BREATH: Duration = Duration::from_millis(1);
/// How long it pauses at most.
const REST: Duration = Duration::from_millis(100);

/// What the parts of a running portal need to know of its configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Under which address people reach it; links in mails are made of this alone.
    pub public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long sessions live.
    pub sessions: Lifetimes,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a stop waits for requests under way.
    pub shutdown_timeout: Duration,
    /// Whether HSTS covers subdomains.
    pub hsts_subdomains: bool,
    /// Whether the ceilings against flooding apply.
    pub ceilings: bool,
    /// How many invitations of one organization may wait for an answer at once.
    pub invites_pending: i64,
    /// How many single invitations an organization may send in a minute.
    pub invites_per_minute: u32,
    /// How many single invitations an organization may send in a day.
    pub invites_per_day: u32,
    /// Threads that serve requests.
    pub workers: usize,
    /// What whoever scrapes figures has to send; none where this machine alone may.
    pub metrics_token: Option<crate::config::Hidden<String>>,
}

impl Settings {
    /// Takes over what was configured.
    pub fn of(config: &crate::config::Config) -> Result<Self> {
        let public_url = Url::parse(&config.public_url.to_string())
            .map_err(|error| Error::Internal(format!("public_url: {error}")))?;
        Ok(Self {
            public_url,
            trusted_proxies: config.trusted_proxies.clone(),
            sessions: Lifetimes {
                idle: config.session_idle,
                absolute: config.session_absolute,
            },
            body_timeout: config.body_timeout,
            shutdown_timeout: config.shutdown_timeout,
            hsts_subdomains: config.hsts_subdomains,
            ceilings: config.rate_limits,
            invites_pending: i64::from(config.invites_pending),
            invites_per_minute: config.invites_per_minute,
            invites_per_day: config.invites_per_day,
            workers: config.workers,
            metrics_token: config.metrics_token.clone(),
        })
    }
    /// Whether people reach the portal over https.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
    /// The host as people see it.
    pub fn host(&self) -> String {
        let host = self.public_url.host_str().unwrap_or_default();
        self.public_url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
    /// Whether passwords travel without encryption over more than this machine.
    pub fn warns_insecure(&self) -> bool {
        let local = match self.public_url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        !self.is_https() && !local
    }
    /// Whether an `Origin` header names this portal.
    pub fn is_own_origin(&self, origin: &str) -> bool {
        Url::parse(origin).is_ok_and(|origin| origin.origin() == self.public_url.origin())
    }
    /// An absolute link for a mail.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
    /// The name of the session cookie.
    pub fn session_cookie(&self) -> &'static str {
        if self.is_https() { "__Host-sid" } else { "muster-sid" }
    }
    /// A cookie with the attributes that every cookie of ours has.
    pub fn cookie(&self, name: &'static str, value: String) -> Cookie<'static> {
        Cookie::build(name, value)
            .path("/")
            .secure(self.is_https())
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish()
    }
}

/// What every handler reaches.
pub struct App {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The keys.
    pub keys: Keys,
    /// The settings.
    pub settings: Settings,
    /// Hashes and compares passwords.
    pub hasher: Hasher,
    /// The ceilings against flooding.
    pub ceilings: Ceilings,
    /// The route table.
    pub table: Table,
    /// Who sends mails, and through what.
    pub sender: Sender,
    /// The token of the one-time set-up link, while there is no enterprise yet.
    pub setup: Option<Secret>,
    /// Who is taking an export.
    pub exports: crate::web::turns::Turns,
    /// Who is uploading a file of people.
    pub uploads: crate::web::turns::Turns,
    /// What decides how much is left.
    pub metering: Engine,
    /// What decides who may do what at which cost.
    pub gate: Gate,
    /// Who was here when.
    pub presence: members::presence::Presence,
    /// Figures for whoever watches over this process.
    pub metrics: Metrics,
    panics: AtomicU64,
}

impl App {
    /// Puts the parts together, within a runtime; migrations have run.
    ///
    /// # Errors
    /// [`Error::Internal`] if the figures cannot be kept.
    pub fn new(
        db: Db,
        clock: Clock,
        keys: Keys,
        settings: Settings,
        hasher: Hasher,
        sender: Sender,
        setup: Option<Secret>,
    ) -> Result<Arc<Self>> {
        crate::ids::set_key(keys.mac("ids", &[]));
        let ceilings = Ceilings::new(settings.ceilings, settings.invites_per_minute, settings.invites_per_day);
        let metering = Engine::start(db.clone(), clock.clone());
        Ok(Arc::new(Self {
            gate: Gate::new(db.clone(), metering.clone()),
            metering,
            db,
            clock,
            keys,
            settings,
            hasher,
            ceilings,
            table: Table::new(routes()),
            sender,
            setup,
            exports: crate::web::turns::Turns::default(),
            uploads: crate::web::turns::Turns::default(),
            presence: members::presence::Presence::default(),
            metrics: Metrics::new()?,
            panics: AtomicU64::new(0),
        }))
    }
    /// What inviting takes besides the database.
    pub const fn desk(&self) -> Desk<'_> {
        Desk {
            keys: &self.keys,
            has_mail: self.sender.post.is_some(),
            most_pending: self.settings.invites_pending,
        }
    }
    /// Gives everything that is open one turn after the other, until nothing is open or it is told to stop; how many turns there were. A
    /// turn during which somebody else waited for the database's one writer is followed by a rest of the same length, within bounds; whoever
    /// waits at its end is served before the next turn in any case.
    pub async fn in_turns<T, O, D>(
        &self,
        stop: &CancellationToken,
        open: impl Fn() -> O,
        turn: impl Fn(T) -> D,
    ) -> Result<usize>
    where
        O: Future<Output = Result<Vec<T>>>,
        D: Future<Output = Result<()>>,
    {
        let mut count = 0;
        loop {
            let open = open().await?;
            if open.is_empty() {
                return Ok(count);
            }
            for one in open {
                if stop.is_cancelled() {
                    return Ok(count);
                }
                let (watch, delayed) = (self.stopwatch(), db::writes_delayed());
                turn(one).await?;
                count += 1;
                let rest = if db::writes_delayed() == delayed {
                    BREATH
                } else {
                    watch.elapsed().clamp(BREATH, REST)
                };
                tokio::time::sleep(rest).await;
            }
        }
    }
    /// Measures how long something takes.
    pub fn stopwatch(&self) -> Instant {
        Instant::now()
    }
    /// Counts a handler that panicked.
    pub fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }
    /// How many handlers have panicked since the start.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

/// The one list of routes.
pub fn routes() -> Vec<crate::web::routes::Route> {
    [
        vec![get("/static/{file:.*}", assets::serve).kind(Kind::Asset)],
        crate::audit::routes(),
        crate::enterprise::routes(),
        crate::orgs::routes(),
        crate::members::routes(),
        crate::roles::routes(),
        crate::groups::routes(),
        crate::shell::routes(),
        crate::metrics::routes(),
        crate::notifications::routes(),
        crate::guide::routes(),
        crate::usage::routes(),
        crate::invitations::routes(),
        crate::limits::routes(),
        crate::credits::routes(),
        crate::keys::routes(),
        crate::api::routes(),
        crate::auth::routes(),
        crate::bulk::routes(),
        crate::imports::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A server that listens, and its address.
pub struct Running {
    /// To be awaited; ends when the server has stopped.
    pub server: actix_web::dev::Server,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Starts serving `app` on `listener`: the only start-up, in `main` and in tests.
pub fn serve(app: &Arc<App>, listener: TcpListener) -> Result<Running> {
    let address = listener
        .local_addr()
        .map_err(|error| Error::Internal(error.to_string()))?;
    let data = Data::from(Arc::clone(app));
    let sessions = Sessions::new(app.db.clone(), app.clock.clone(), app.settings.sessions.idle);
    let key = Key::from(&app.keys.cookie());
    let (shutdown, workers) = (app.settings.shutdown_timeout, app.settings.workers);
    let server = HttpServer::new(move || {
        let settings = &data.settings;
        let session = SessionMiddleware::builder(sessions.clone(), key.clone())
            .cookie_name(settings.session_cookie().to_owned())
            .cookie_secure(settings.is_https())
            .cookie_http_only(true)
            .cookie_same_site(SameSite::Lax)
            .cookie_path("/".to_owned())
            .cookie_content_security(CookieContentSecurity::Signed)
            .session_lifecycle(BrowserSession::default().state_ttl_extension_policy(TtlExtensionPolicy::OnEveryRequest))
            .build();
        let presence = apply(from_fn(members::presence::note), fn_service(routes::dispatch));
        let guard = apply(from_fn(middleware::guard), presence);
        let pages = Rc::new(apply(session, apply(from_fn(middleware::errors), guard)));
        let app = data.clone();
        let enter = fn_factory(move || {
            let (app, pages) = (app.clone(), Rc::clone(&pages));
            async move {
                let pages = Rc::new(pages.new_service(()).await?);
                Ok::<_, ()>(fn_service(move |req| {
                    middleware::enter(app.clone(), Rc::clone(&pages), req)
                }))
            }
        });
        Service::new()
            .app_data(data.clone())
            // There are no routes of actix: what is asked for is found in the table.
            .default_service(enter)
    })
    .workers(workers)
    .client_request_timeout(Duration::from_secs(5))
    // How long an answered connection that still sends is read for politeness; a slow body is gone a second after its deadline.
    .client_disconnect_timeout(Duration::from_secs(1))
    .keep_alive(Duration::from_secs(30))
    .max_connections(2_048)
    .shutdown_timeout(shutdown.as_secs())
    .disable_signals()
    .listen(listener)
    .map_err(|error| Error::Internal(format!("cannot listen on {address}: {error}")))?
    .run();
    Ok(Running { server, address })
}
