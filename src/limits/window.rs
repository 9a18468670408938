//! Windows: when a day, a week or a month of an organization begins and ends, as pure functions of zone, anchor and instant.
//!
//! A boundary is the first instant of a civil day in the zone, so that days with 23 or 25 hours stay one window and the days of a
//! month add up to it. Consecutive windows touch. When zone, anchor or week start change, the window that runs is not cut off by the
//! change itself: it keeps its beginning (so nothing is granted twice) and ends at the earlier of its old and its new boundary; from there
//! the new rules govern (MODEL I-08).

use jiff::{
    civil::{Date, Weekday},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, Zone};

/// How long a limit counts before it begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i64)]
pub enum Window {
    /// A civil day.
    Day = 1,
    /// Seven days from the organization's week start.
    Week = 2,
    /// A billing period, from the anchor day of one month to that of the next.
    Month = 3,
    /// For ever.
    Total = 4,
}

impl Window {
    /// All of them, the shortest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Total];
    /// Those that the pages offer.
    pub const OFFERED: [Self; 2] = [Self::Month, Self::Day];

    /// The adjective before "limit".
    pub const fn adjective(self) -> &'static str {
        match self {
            Self::Day => "Daily",
            Self::Week => "Weekly",
            Self::Month => "Monthly",
            Self::Total => "Total",
        }
    }
    /// What stands before the figures of a column.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Day => "Day",
            Self::Week => "Week",
            Self::Month => "Month",
            Self::Total => "In all",
        }
    }
    /// What stands behind an amount: "400 credits a month".
    pub const fn rate(self) -> &'static str {
        match self {
            Self::Day => "a day",
            Self::Week => "a week",
            Self::Month => "a month",
            Self::Total => "in total",
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Total => "total",
        }
    }
    /// Finds an offered window by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::OFFERED.into_iter().find(|window| window.key() == key)
    }
}

/// One window: from its first instant to the first instant of the next one; none for a window without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant that belongs to it.
    pub start: Timestamp,
    /// The first instant that does not; the next reset.
    pub end: Option<Timestamp>,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

/// By which rules windows begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The zone whose midnights count.
    pub zone: Zone,
    /// The day on which a month begins, 1 to 28.
    pub anchor_day: i64,
    /// The day on which a week begins, 1 for Monday to 7 for Sunday.
    pub week_start: i64,
}

impl Rules {
    /// Months from their first day, weeks from Monday.
    pub const fn of(zone: Zone) -> Self {
        Self {
            zone,
            anchor_day: 1,
            week_start: 1,
        }
    }
}

/// The rules of an organization and those that came before, each from an instant on; the first ones hold since ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    first: Rules,
    changes: Vec<(Timestamp, Rules)>,
}

impl Calendar {
    /// Rules that were always the same.
    pub const fn of(rules: Rules) -> Self {
        Self {
            first: rules,
            changes: Vec::new(),
        }
    }
    /// The same calendar with other rules from an instant on, which lies behind every earlier change.
    #[must_use]
    pub fn changed(mut self, since: Timestamp, rules: Rules) -> Self {
        self.changes.retain(|(earlier, _)| *earlier < since);
        self.changes.push((since, rules));
        self
    }
    /// Whether the rules were always the same.
    pub const fn is_unchanged(&self) -> bool {
        self.changes.is_empty()
    }
    /// The rules as they are now.
    pub fn rules(&self) -> &Rules {
        self.changes.last().map_or(&self.first, |(_, rules)| rules)
    }
    /// The window in which an instant lies.
    pub fn window(&self, window: Window, at: Timestamp) -> Span {
        let mut known = self.changes.iter().filter(|(since, _)| *since <= at).count();
        let mut span = self.window_after(known, window, at);
        // A change that came later, while this window ran, may have let it end earlier.
        while let Some((since, _)) = self.changes.get(known).filter(|(since, _)| span.contains(*since)) {
            known += 1;
            span = self.window_after(known, window, *since);
        }
        span
    }

    /// The window in which `at` lies, when only the first `known` changes had been made.
    fn window_after(&self, known: usize, window: Window, at: Timestamp) -> Span {
        let Some(place) = known.checked_sub(1) else {
            return plain(&self.first, window, at);
        };
        let (since, rules) = &self.changes[place];
        let running = self.window_after(place, window, *since);
        let own = plain(rules, window, *since);
        let end = match (running.end, own.end) {
            (Some(old), Some(new)) => old.min(new),
            _ => return running, // for ever stays for ever
        };
        if at < end {
            return Span {
                start: running.start,
                end: Some(end),
            };
        }
        let next = plain(rules, window, at);
        Span {
            start: next.start.max(end),
            end: next.end,
        }
    }
}

/// The window of unchanging rules in which an instant lies.
fn plain(rules: &Rules, window: Window, at: Timestamp) -> Span {
    let tz = rules.zone.tz();
    let day = day_of(at, &tz);
    let (from, to) = match window {
        Window::Day => (day, following(day)),
        Window::Week => {
            let week_start =
                Weekday::from_monday_one_offset(rules.week_start.clamp(1, 7) as i8).unwrap_or(Weekday::Monday);
            let gone = i64::from(day.weekday().since(week_start));
            let from = day.saturating_sub(jiff::Span::new().days(gone));
            (from, from.saturating_add(jiff::Span::new().days(7)))
        }
        Window::Month => {
            let anchor = rules.anchor_day.clamp(1, 28) as i8;
            let this = Date::new(day.year(), day.month(), anchor).unwrap_or(day);
            let month = jiff::Span::new().months(1);
            if day >= this {
                (this, this.saturating_add(month))
            } else {
                (this.saturating_sub(month), this)
            }
        }
        Window::Total => {
            return Span {
                start: Timestamp::from_micros(0),
                end: None,
            };
        }
    };
    Span {
        start: first_instant(from, &tz),
        end: Some(first_instant(to, &tz)),
    }
}

fn following(day: Date) -> Date {
    day.tomorrow().unwrap_or(Date::MAX)
}

/// The first instant of a civil day; where midnight does not exist, the first one after the gap.
fn first_instant(day: Date, tz: &TimeZone) -> Timestamp {
    day.to_zoned(tz.clone())
        .map_or(Timestamp::from_micros(i64::MAX), |start| {
            Timestamp::from_micros(start.timestamp().as_microsecond())
        })
}

/// The day whose window holds the instant. Where clocks are set back over midnight, the evening that comes twice belongs to the new
/// day, because that one has begun already.
fn day_of(at: Timestamp, tz: &TimeZone) -> Date {
    let mut day = at.instant().to_zoned(tz.clone()).date();
    while at >= first_instant(following(day), tz) && day < Date::MAX {
        day = following(day);
    }
    while at < first_instant(day, tz) {
        match day.yesterday() {
            Ok(before) => day = before,
            Err(_) => break,
        }
    }
    day
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::find(name).unwrap_or_else(|| panic!("no zone {name}"))
    }
    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().expect(text).as_microsecond())
    }
    fn shown(span: Span) -> (String, String) {
        (span.start.to_string(), span.end.expect("an end").to_string())
    }
    fn rules(zone: Zone, anchor_day: i64, week_start: i64) -> Rules {
        Rules {
            zone,
            anchor_day,
            week_start,
        }
    }
    fn hours(span: Span) -> i64 {
        (span.end.expect("an end").micros() - span.start.micros()) / 3_600_000_000
    }

    #[test]
    fn days_with_23_and_25_hours_are_one_window() {
        let berlin = Calendar::of(Rules::of(zone("Europe/Berlin")));
        let day = |text| berlin.window(Window::Day, at(text));
        assert_eq!(
            shown(day("2026-11-21T09:00:00Z")),
            ("2026-11-20T23:00:00Z".into(), "2026-11-21T23:00:00Z".into())
        );
        assert_eq!(hours(day("2026-03-29T12:00:00Z")), 23);
        assert_eq!(hours(day("2026-10-25T12:00:00Z")), 25);
        assert_eq!(
            hours(berlin.window(Window::Month, at("2026-03-10T00:00:00Z"))),
            31 * 24 - 1
        );
        // Midnight does not exist on this day, and comes twice on that one.
        let cairo = Calendar::of(Rules::of(zone("Africa/Cairo")));
        assert_eq!(hours(cairo.window(Window::Day, at("2026-04-24T12:00:00Z"))), 23);
        let azores = Calendar::of(Rules::of(zone("Atlantic/Azores")));
        assert_eq!(hours(azores.window(Window::Day, at("2026-10-25T12:00:00Z"))), 25);
        // Samoa left out 30 December 2011.
        let apia = Calendar::of(Rules::of(zone("Pacific/Apia")));
        let before = apia.window(Window::Day, at("2011-12-30T09:59:59Z"));
        let after = apia.window(Window::Day, at("2011-12-30T10:00:00Z"));
        assert_eq!((before.end, hours(before), hours(after)), (Some(after.start), 24, 24));
    }

    #[test]
    fn months_begin_on_the_anchor_day_and_weeks_on_theirs() {
        let calendar = Calendar::of(rules(zone("UTC"), 15, 7));
        let month = |text| shown(calendar.window(Window::Month, at(text)));
        let expected = ("2026-01-15T00:00:00Z".to_owned(), "2026-02-15T00:00:00Z".to_owned());
        assert_eq!(month("2026-01-15T00:00:00Z"), expected);
        assert_eq!(month("2026-02-14T23:59:59.999999Z"), expected);
        assert_eq!(
            shown(calendar.window(Window::Week, at("2026-11-21T12:00:00Z"))),
            ("2026-11-15T00:00:00Z".into(), "2026-11-22T00:00:00Z".into())
        );
        assert_eq!(calendar.window(Window::Total, at("2026-11-21T12:00:00Z")).end, None);
    }

    #[test]
    fn a_change_of_zone_lets_the_running_window_end_at_the_earlier_boundary() {
        let changed = at("2026-11-21T02:00:00Z");
        let calendar =
            Calendar::of(Rules::of(zone("Europe/Berlin"))).changed(changed, Rules::of(zone("America/New_York")));
        let day = |text| shown(calendar.window(Window::Day, at(text)));
        let running = ("2026-11-20T23:00:00Z".to_owned(), "2026-11-21T05:00:00Z".to_owned());
        assert_eq!(day("2026-11-21T02:00:00Z"), running, "the change closes nothing");
        assert_eq!(day("2026-11-21T04:59:59Z"), running);
        assert_eq!(
            day("2026-11-21T05:00:00Z"),
            ("2026-11-21T05:00:00Z".into(), "2026-11-22T05:00:00Z".into())
        );
        let month = shown(calendar.window(Window::Month, changed));
        assert_eq!(month, ("2026-10-31T23:00:00Z".into(), "2026-11-30T23:00:00Z".into()));
        let next = shown(calendar.window(Window::Month, at("2026-12-02T00:00:00Z")));
        assert_eq!(next, ("2026-12-01T05:00:00Z".into(), "2027-01-01T05:00:00Z".into()));
    }

    #[test]
    fn a_change_of_the_anchor_grants_no_second_month_at_once() {
        let utc = zone("UTC");
        let changed = at("2026-11-10T12:00:00Z");
        let calendar = Calendar::of(rules(utc.clone(), 1, 1)).changed(changed, rules(utc, 15, 1));
        let month = |text| shown(calendar.window(Window::Month, at(text)));
        assert_eq!(
            month("2026-11-10T12:00:00Z").0,
            "2026-11-01T00:00:00Z",
            "what was spent still counts"
        );
        assert_eq!(month("2026-11-14T00:00:00Z").1, "2026-11-15T00:00:00Z");
        assert_eq!(
            month("2026-11-15T00:00:00Z"),
            ("2026-11-15T00:00:00Z".into(), "2026-12-15T00:00:00Z".into())
        );
    }

    /// F22: for every zone of the database, at every change of its clocks in some years: the windows of a day, a week and a month hold
    /// their instant, touch their neighbours, and the days of a month add up to it.
    #[test]
    fn fault_f22_windows_of_every_zone_touch_and_never_overlap() {
        let mut checked = 0;
        for name in Zone::names() {
            let zone = zone(&name);
            let tz = zone.tz();
            let calendar = Calendar::of(rules(zone, 1 + (checked % 28), 1 + (checked % 7)));
            let from = at("2024-01-01T00:00:00Z").instant();
            let mut instants: Vec<i64> = tz
                .following(from)
                .take_while(|change| change.timestamp() < at("2028-01-01T00:00:00Z").instant())
                .take(8)
                .map(|change| change.timestamp().as_microsecond())
                .collect();
            instants.push(at("2028-02-29T12:00:00Z").micros());
            instants.push(at("2016-12-31T23:59:59Z").micros()); // a leap second followed
            for instant in instants {
                for shift in [-1, 0, 1] {
                    let at = Timestamp::from_micros(instant + shift);
                    for window in [Window::Day, Window::Week, Window::Month] {
                        let span = calendar.window(window, at);
                        let end = span.end.expect("an end");
                        assert!(span.contains(at), "{name} {window:?} {at}");
                        assert_eq!(calendar.window(window, end).start, end, "{name} {window:?} {at}");
                        assert_eq!(calendar.window(window, span.start), span, "{name} {window:?} {at}");
                        assert_eq!(
                            calendar.window(window, Timestamp::from_micros(end.micros() - 1)),
                            span,
                            "{name} {window:?} {at}"
                        );
                    }
                }
                let month = calendar.window(Window::Month, Timestamp::from_micros(instant));
                let (mut days, mut day) = (0, month.start);
                while day < month.end.expect("an end") {
                    day = calendar.window(Window::Day, day).end.expect("an end");
                    days += 1;
                }
                assert_eq!(Some(day), month.end, "{name}: the days of a month add up to it");
                assert!((28..=31).contains(&days), "{name}: {days} days");
            }
            checked += 1;
        }
        assert!(checked > 400, "only {checked} zones");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// F22 and I-08: whatever the zones, anchors and instants of several changes, windows touch, hold their instants, begin
        /// before a change where they did without it, and are never longer than the longest of their kind.
        #[test]
        fn fault_f22_changes_of_zone_and_anchor_grant_and_steal_nothing(
            start in 1_500_000_000_i64..2_000_000_000,
            steps in prop::collection::vec((0_usize..1_000, 1_i64..29, 1_i64..8, 1_i64..4_000_000), 1..5),
            looks in prop::collection::vec(0_i64..20_000_000, 1..20),
        ) {
            let names = Zone::names();
            let pick = |at: usize| zone(&names[at % names.len()]);
            let mut calendar = Calendar::of(rules(pick(steps[0].0 / 2), 1, 1));
            let mut since = start;
            for (place, anchor, week, later) in steps {
                since += later;
                let change = Timestamp::from_secs(since);
                let before = calendar.clone();
                calendar = calendar.changed(change, rules(pick(place), anchor, week));
                for window in [Window::Day, Window::Week, Window::Month] {
                    let (old, new) = (before.window(window, change), calendar.window(window, change));
                    prop_assert_eq!(old.start, new.start, "the change opens no window");
                    prop_assert!(new.end <= old.end && new.contains(change));
                }
            }
            for look in looks {
                let at = Timestamp::from_secs(start - 1_000_000 + look);
                for (window, most) in [(Window::Day, 26), (Window::Week, 7 * 24 + 26), (Window::Month, 32 * 24)] {
                    let span = calendar.window(window, at);
                    let end = span.end.expect("an end");
                    prop_assert!(span.contains(at));
                    prop_assert!(hours(span) <= most, "{:?} has {} hours", window, hours(span));
                    prop_assert_eq!(calendar.window(window, end).start, end);
                    prop_assert_eq!(calendar.window(window, Timestamp::from_micros(end.micros() - 1)).end, Some(end));
                    prop_assert_eq!(calendar.window(window, span.start), span);
                }
            }
        }
    }
}
