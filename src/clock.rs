//! Time: the only caller of the system clock, and the organization's zones.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

/// An instant in unix microseconds, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, sqlx::Type, Serialize, Deserialize)]
#[sqlx(transparent)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps unix microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// Wraps unix seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }
    /// Unix microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Unix seconds, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// The instant `span` later.
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_micros() as i64))
    }
    /// The instant `span` earlier.
    #[must_use]
    pub const fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_micros() as i64))
    }
    /// How long ago `earlier` was, zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        if micros > 0 {
            Duration::from_micros(micros as u64)
        } else {
            Duration::ZERO
        }
    }
    /// The instant as jiff knows it.
    pub fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or_default()
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.instant())
    }
}

/// `days` days as a duration.
pub const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}
/// `hours` hours as a duration.
pub const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}
/// `minutes` minutes as a duration.
pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// The latest instant that the system clock has said in this process.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);

/// Where "now" comes from: the system in a running server, the test's hand in a test.
///
/// In a running server it never goes backward. What has ended must not begin again because somebody sets the machine's clock back (F21),
/// so time stands still until the clock has caught up, or Muster is started again.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

/// What the system's clock says, in unix microseconds.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
fn system() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => since.as_micros() as i64,
        Err(before) => -(before.duration().as_micros() as i64),
    }
}

impl Clock {
    /// The system clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }
    /// A clock that moves only by hand.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.micros()))))
    }
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => {
                let now = system();
                Timestamp(LATEST.fetch_max(now, Ordering::SeqCst).max(now))
            }
            Source::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }
    /// How far the system's clock is behind what it has said already.
    pub fn behind(&self) -> Duration {
        match &self.0 {
            Source::System => self.now().since(Timestamp(system())),
            Source::Manual(_) => Duration::ZERO,
        }
    }
    /// Sets a manual clock back, as somebody may do with a system's; a system clock ignores it.
    pub fn retreat(&self, span: Duration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_sub(span.as_micros() as i64, Ordering::SeqCst);
        }
    }
    /// Moves a manual clock; a system clock ignores it.
    pub fn advance(&self, span: Duration) {
        if let Source::Manual(micros) = &self.0 {
            micros.fetch_add(span.as_micros() as i64, Ordering::SeqCst);
        }
    }
}

/// A zone of the IANA time zone database, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Finds the zone; `None` for a name the database does not know.
    pub fn find(name: &str) -> Option<Self> {
        let zone = jiff::tz::TimeZone::get(name).ok()?;
        zone.iana_name().is_some().then_some(Self(zone))
    }
    /// Finds the zone, or UTC for a name that is not known (any more).
    pub fn find_or_utc(name: &str) -> Self {
        Self::find(name).unwrap_or(Self(jiff::tz::TimeZone::UTC))
    }
    /// Its IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
    /// The zone as jiff knows it.
    pub fn tz(&self) -> jiff::tz::TimeZone {
        self.0.clone()
    }
    /// All names of the database, sorted, for a list to choose from.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.as_str().to_owned())
            .filter(|name| name.contains('/') || name == "UTC")
            .collect();
        names.sort();
        names
    }
}
