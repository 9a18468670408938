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
    /// The beginnings of the whole billing periods in it, that which runs among them, and of the buckets that are in none of them: sums of
    /// a month are a thirtieth of those of its days.
    pub fn stretches(&self, settings: &Settings) -> (String, String) {
        let mut months = Vec::new();
        let last = self.buckets.last().map_or(self.start, |(start, _)| *start);
        let mut first = Timestamp::from_micros(last.micros() + 1);
        while let Some(month) = self.month_to(settings, first) {
            months.push(month.micros());
            first = month;
        }
        let rest = self
            .buckets
            .iter()
            .map(|(start, _)| *start)
            .filter(|start| *start < first);
        (
            super::store::list(months),
            super::store::list(rest.map(Timestamp::micros)),
        )
    }
    /// The beginning of the billing period before an instant, when all of it that is before the instant is in this period.
    fn month_to(&self, settings: &Settings, end: Timestamp) -> Option<Timestamp> {
        let last = Timestamp::from_micros(end.micros() - 1);
        let start = settings.window(Window::Month, last).start;
        (start >= self.start && start < end).then_some(start)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Zone,
        limits::{
            amount::Unit,
            settings::Conflict,
            window::{Calendar, Rules},
        },
    };

    #[test]
    fn whole_months_and_the_rest_of_the_buckets_are_the_period_once() {
        let rules = Rules {
            anchor_day: 17,
            ..Rules::of(Zone::find_or_utc("Europe/Berlin"))
        };
        let settings = Settings {
            unit: Unit::Credit,
            currency: "USD".to_owned(),
            conflict: Conflict::Highest,
            calendar: Calendar::of(rules),
            version: 0,
        };
        // Every six hours and the instants about them, over five months with a change of the clocks.
        for hour in (0..24 * 150).step_by(6) {
            for second in -1..=1 {
                let now = Timestamp::from_secs(1_790_000_000 / 3_600 * 3_600 + hour * 3_600 + second);
                for choice in Choice::ALL {
                    let period = Period::of(choice, &settings, now);
                    let (months, rest) = period.stretches(&settings);
                    let read = |list: &str| -> Vec<Timestamp> {
                        let numbers = list.split(',').filter_map(|text| text.parse().ok());
                        numbers.map(Timestamp::from_micros).collect()
                    };
                    let last = Timestamp::from_micros(period.end.min(now).micros() + 1);
                    let mut covered = read(&rest);
                    for month in read(&months) {
                        let end = settings.window(Window::Month, month).end.expect("an end");
                        covered.extend(
                            buckets(&settings, month, end.min(last))
                                .into_iter()
                                .map(|(start, _)| start),
                        );
                    }
                    covered.sort_unstable();
                    let all: Vec<Timestamp> = period.buckets.iter().map(|(start, _)| *start).collect();
                    assert_eq!(covered, all, "{choice:?} at {now}");
                }
            }
        }
    }
}
