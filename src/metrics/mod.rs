//! Figures for Prometheus at `/metrics`: what the gate decides, how long requests take, what waits (B-63, STANDARDS section 12).
//!
//! Organizations stand in it by the slug of their address, and nobody by name: there is no label for a person, a key or an address.
//! Whoever scrapes comes from this machine, or with the token that the configuration names. It reads other rooms' tables (a declared
//! exception) and keeps nothing but how long requests took: what else it tells is counted where it happens, or looked up when somebody
//! asks, so that an organization or a limit that is gone is gone from here too.

mod handlers;
mod store;

pub use store::statements;

use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder, core::Collector,
};

use crate::{
    app::App,
    db,
    error::{Error, Result},
    gate::{Principal, Who},
    metering::Scope,
    web::routes::{Kind, Route, get},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![get("/metrics", handlers::show).kind(Kind::Probe)]
}

/// Upper bounds of the buckets of durations, in seconds: a decision takes parts of a millisecond, an export seconds.
const SECONDS: [f64; 12] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];
const KINDS: [Kind; 5] = [Kind::Html, Kind::Download, Kind::Asset, Kind::Probe, Kind::Api];
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// What answers, as a label.
const fn kind_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Html => "page",
        Kind::Download => "download",
        Kind::Asset => "asset",
        Kind::Probe => "probe",
        Kind::Api => "api",
    }
}

fn broken(error: prometheus::Error) -> Error {
    Error::Internal(format!("figures: {error}"))
}

/// The figures that this process keeps.
pub struct Metrics {
    registry: Registry,
    /// By kind and class, so that a request finds its own without a look-up by name.
    requests: Vec<Vec<Histogram>>,
}

impl Metrics {
    /// Figures that begin at nought.
    ///
    /// # Errors
    /// [`Error::Internal`] if two of them have the same name.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let help = "How long requests took, by what answered and the class of its status.";
        let options = HistogramOpts::new("muster_http_request_duration_seconds", help).buckets(SECONDS.to_vec());
        let took = HistogramVec::new(options, &["kind", "status"]).map_err(broken)?;
        let of = |kind: Kind, class: &str| took.with_label_values(&[kind_of(kind), class]);
        let requests = KINDS.map(|kind| CLASSES.map(|class| of(kind, class)).to_vec()).to_vec();
        registry.register(Box::new(took)).map_err(broken)?;
        Ok(Self { registry, requests })
    }

    /// Notes how long a request took, in seconds.
    pub fn took(&self, kind: Kind, status: u16, seconds: f64) {
        let kind = KINDS.iter().position(|one| *one == kind).unwrap_or(0);
        let class = usize::from((status / 100).clamp(2, 5)) - 2;
        if let Some(histogram) = self.requests.get(kind).and_then(|classes| classes.get(class)) {
            histogram.observe(seconds);
        }
    }

    /// All figures as of now, in Prometheus' text format 0.0.4.
    async fn text(&self, app: &App) -> Result<String> {
        let now = Now::new();
        now.counted(app)?;
        now.waiting(app).await?;
        now.used(app).await?;
        let mut families = self.registry.gather();
        families.extend(now.0.gather());
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text).map_err(broken)?;
        String::from_utf8(text).map_err(|error| Error::Internal(format!("figures: {error}")))
    }
}

/// Figures that are looked up for one answer.
struct Now(Registry);

impl Now {
    fn new() -> Self {
        Self(Registry::new())
    }
    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> Result<C> {
        let made = made.map_err(broken)?;
        self.0.register(Box::new(made.clone())).map_err(broken)?;
        Ok(made)
    }
    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.add(GaugeVec::new(Opts::new(name, help), labels))
    }

    /// What this process has counted since its start.
    fn counted(&self, app: &App) -> Result<()> {
        let help = "Decisions of the gate since the start, with the reason of a refusal.";
        let options = Opts::new("muster_authz_decisions_total", help);
        let decisions = self.add(IntCounterVec::new(options, &["decision", "reason"]))?;
        for (reason, count) in app.gate.decisions() {
            let decision = if reason.is_none() { "allow" } else { "deny" };
            decisions
                .with_label_values(&[decision, reason.unwrap_or("")])
                .inc_by(count);
        }
        let help = "Changes since the start that found SQLite's one writer taken.";
        self.add(IntCounter::new("muster_sqlite_busy_total", help))?
            .inc_by(db::writes_delayed());
        let help = "Handlers that have panicked since the start.";
        self.add(IntCounter::new("muster_panics_total", help))?
            .inc_by(app.panics());
        let help = "Reservations that are neither settled nor over.";
        self.add(Gauge::new("muster_reservations_open", help))?
            .set(app.metering.open() as f64);
        Ok(())
    }

    /// What waits for somebody.
    async fn waiting(&self, app: &App) -> Result<()> {
        let db = &mut app.db.read();
        let mails = self.gauges("muster_mail_outbox", "Mails by state.", &["state"])?;
        for (state, count) in store::count_mails(db).await? {
            mails.with_label_values(&[state.key()]).set(count as f64);
        }
        let invitations = self.gauges("muster_invitations", "Invitations by state.", &["state"])?;
        for (state, count) in store::count_invitations(db).await? {
            invitations.with_label_values(&[state]).set(count as f64);
        }
        Ok(())
    }

    /// What organizations have used, and what is left of their limits and of those of their groups.
    async fn used(&self, app: &App) -> Result<()> {
        // Not a counter, whatever its name: a correction takes away from what was used.
        let help = "What each organization has used, in micro-credits; corrections take away from it.";
        let usage = self.gauges("muster_usage_microcredits_total", help, &["org"])?;
        for (slug, used) in store::list_usage(&mut app.db.read()).await? {
            usage.with_label_values(&[&slug]).set(used as f64);
        }
        let help = "What is left of the limits of organizations and groups, from 0 to 1.";
        let labels = ["org", "scope", "group", "window"];
        let left = self.gauges("muster_limit_remaining_ratio", help, &labels)?;
        for (org, slug, group) in store::list_limited(&mut app.db.read()).await? {
            // Whoever is charged to the organization alone, or to the group alone: no limit of a member is among theirs.
            let principal = group.map_or(Principal::ServiceAccount(0), Principal::Group);
            let who = Who {
                org,
                principal,
                key: None,
            };
            let Some((_, states)) = app.gate.quota(&who).await? else {
                continue;
            };
            for state in states {
                let group = group
                    .filter(|_| state.scope == Scope::Group)
                    .map(|group| group.to_string());
                let labels = [
                    &slug,
                    state.scope.key(),
                    group.as_deref().unwrap_or(""),
                    state.window.key(),
                ];
                left.with_label_values(&labels)
                    .set(ratio(state.remaining, state.limit.micros()));
            }
        }
        Ok(())
    }
}

/// A part of a whole; of nothing, nothing is left.
fn ratio(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}
