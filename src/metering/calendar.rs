//! Buckets: the stretches of time that sums are kept by.
//!
//! A bucket begins with the organization's local day, and also where a week or a month begins within one, which happens after a change
//! of zone or billing day. So every bucket lies in exactly one day, one week and one month, and each of those is a sum of buckets.

use crate::{
    clock::Timestamp,
    limits::{Settings, Window, window::Span},
};

/// One bucket and the windows that it lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The first instant that belongs to it.
    pub start: Timestamp,
    /// The first instant that does not.
    pub end: Timestamp,
    windows: [Span; 4],
}

/// Under which beginnings an event is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// When its bucket began.
    pub day: Timestamp,
    /// When its billing period began.
    pub month: Timestamp,
}

impl Bucket {
    /// The bucket of an instant.
    pub fn of(settings: &Settings, at: Timestamp) -> Self {
        let windows = Window::ALL.map(|window| settings.window(window, at));
        let ends = windows.iter().filter_map(|span| span.end);
        Self {
            start: windows.iter().map(|span| span.start).max().unwrap_or(at),
            end: ends.min().unwrap_or(Timestamp::from_micros(i64::MAX)),
            windows,
        }
    }
    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
    /// The window that it lies in.
    pub const fn window(&self, window: Window) -> Span {
        self.windows[place(window)]
    }
    /// Under which beginnings it is summed.
    pub const fn bounds(&self) -> Bounds {
        Bounds {
            day: self.start,
            month: self.window(Window::Month).start,
        }
    }
}

/// The place of a window among the four.
pub(super) const fn place(window: Window) -> usize {
    window as usize - 1
}

/// The beginnings of the buckets of a window up to and with the bucket `last`: for a month some thirty.
pub(super) fn starts(settings: &Settings, window: Span, last: &Bucket) -> Vec<i64> {
    let mut starts = Vec::with_capacity(34);
    let mut at = window.start;
    while at < last.start {
        let bucket = Bucket::of(settings, at);
        starts.push(bucket.start.micros());
        at = bucket.end;
    }
    starts.push(last.start.micros());
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        clock::Zone,
        limits::{
            amount::Unit,
            settings::Conflict,
            window::{Calendar, Rules},
        },
    };

    fn settings(calendar: Calendar) -> Settings {
        Settings {
            unit: Unit::Credit,
            currency: "USD".to_owned(),
            conflict: Conflict::Highest,
            calendar,
            version: 0,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// I-08 and F22: through changes of zone, billing day and week start, each bucket lies in one window of each kind, buckets touch,
        /// and the buckets of a window add up to it.
        #[test]
        fn buckets_touch_and_lie_in_one_window_of_each_kind(
            start in 1_500_000_000_i64..1_900_000_000,
            steps in prop::collection::vec((0_usize..1_000, 1_i64..29, 1_i64..8, 1_i64..4_000_000), 1..4),
            look in 0_i64..9_000_000,
        ) {
            let names = Zone::names();
            let zone = |at: usize| Zone::find_or_utc(&names[at % names.len()]);
            let mut calendar = Calendar::of(Rules::of(zone(steps[0].0 / 2)));
            let mut since = start;
            for (place, anchor_day, week_start, later) in steps {
                since += later;
                calendar = calendar.changed(Timestamp::from_secs(since), Rules { zone: zone(place), anchor_day, week_start });
            }
            let settings = settings(calendar);
            let at = Timestamp::from_secs(start - 100_000 + look);
            let bucket = Bucket::of(&settings, at);
            prop_assert!(bucket.contains(at));
            prop_assert_eq!(Bucket::of(&settings, bucket.start), bucket);
            prop_assert_eq!(Bucket::of(&settings, Timestamp::from_micros(bucket.end.micros() - 1)), bucket);
            prop_assert_eq!(Bucket::of(&settings, bucket.end).start, bucket.end);
            for window in [Window::Day, Window::Week, Window::Month] {
                let span = bucket.window(window);
                let list = starts(&settings, span, &bucket);
                prop_assert_eq!(list.first().copied(), Some(span.start.micros()));
                prop_assert!(list.windows(2).all(|two| two[0] < two[1]));
                prop_assert!(list.len() <= 40, "{} buckets", list.len());
            }
        }
    }
}
