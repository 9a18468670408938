//! Periods that a page of usage shows: the billing period that runs, the one before, or the last ninety days.

use jiff::civil::Date;

use crate::{
    clock::{Timestamp, days},
    limits::{Settings, Window},
    metering::calendar::Bucket,
};

/// Which period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The billing period that runs.
    #[default]
    Month,
    /// The billing period before it.
    Last,
    /// The last ninety days.
    Ninety,
}

impl Choice {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 3] = [Self::Month, Self::Last, Self::Ninety];

    /// The word in addresses; the usual one is not written.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Month => "",
            Self::Last => "last",
            Self::Ninety => "90",
        }
    }
    /// The word on pages.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Month => "This month",
            Self::Last => "Last month",
            Self::Ninety => "90 days",
        }
    }
    /// The choice of an address; what is not known is the usual one.
    pub fn find(key: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|choice| choice.key() == key)
            .unwrap_or_default()
    }
}

/// A period with its buckets.
#[derive(Debug, Clone)]
pub struct Period {
    /// Which one.
    pub choice: Choice,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends, which may be to come.
    pub end: Timestamp,
    /// The beginning of the billing period that it is; none for other stretches.
    pub month: Option<Timestamp>,
    /// Its buckets so far, each with its day in the organization's zone.
    pub buckets: Vec<(Timestamp, Date)>,
}

impl Period {
    /// The period of a choice, as of an instant.
    pub fn of(choice: Choice, settings: &Settings, now: Timestamp) -> Self {
        let running = settings.window(Window::Month, now);
        let (start, end, month) = match choice {
            Choice::Month => (running.start, running.end.unwrap_or(now), Some(running.start)),
            Choice::Last => {
                let before = month_before(settings, now);
                (before, running.start, Some(before))
            }
            Choice::Ninety => (Bucket::of(settings, now.minus(days(89))).start, now, None),
        };
        Self {
            choice,
            start,
            end,
            month,
            buckets: buckets(settings, start, end.min(Timestamp::from_micros(now.micros() + 1))),
        }
    }
    /// The beginnings of its buckets, as statements take them.
    pub fn starts(&self) -> String {
        super::store::list(self.buckets.iter().map(|(start, _)| start.micros()))
    }
}

/// When the billing period before the one that runs began.
pub fn month_before(settings: &Settings, now: Timestamp) -> Timestamp {
    let running = settings.window(Window::Month, now).start;
    settings
        .window(Window::Month, Timestamp::from_micros(running.micros() - 1))
        .start
}

/// The buckets from an instant to before another one.
pub fn buckets(settings: &Settings, start: Timestamp, end: Timestamp) -> Vec<(Timestamp, Date)> {
    let zone = settings.zone().tz();
    let mut all = Vec::new();
    let mut at = start;
    while at < end {
        let bucket = Bucket::of(settings, at);
        all.push((bucket.start, bucket.start.instant().to_zoned(zone.clone()).date()));
        at = bucket.end;
    }
    all
}
