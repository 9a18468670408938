//! How plain values are shown, by section 5 of the design language: numbers, dates and times.
//!
//! Instants are Unix microseconds in UTC; each function that shows one is told the zone. The formats are those of the person who
//! asked, see [`Locale`].

use std::borrow::Borrow;

use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::locale::Locale;

const MINUTE: i64 = 60 * 1_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What stands where a value is missing.
pub const MISSING: &str = "–";

/// A whole number with a sign between thousands: 1,204. Templates may hand over a reference.
pub fn number(n: impl Borrow<i64>) -> String {
    let n = *n.borrow();
    let thousands = Locale::current().formats().thousands;
    let digits = n.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        out.push('\u{2212}');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(thousands);
        }
        out.push(digit);
    }
    out
}

/// A number with its noun: 1 member, 1,204 members.
pub fn plural(n: impl Borrow<i64>, one: &str, many: &str) -> String {
    let n = *n.borrow();
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// A share as whole percent, rounded down, so that 100% means all of it: 92%.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return MISSING.to_owned();
    }
    format!("{}%", i128::from(part) * 100 / i128::from(whole))
}

/// How long ago something happened: "26 min ago" within a day, then "Yesterday", then the date.
pub fn ago(now: i64, ts: i64, zone: &TimeZone) -> String {
    match now.saturating_sub(ts) {
        past if past < MINUTE => "Now".to_owned(),
        past if past < HOUR => format!("{} min ago", past / MINUTE),
        past if past < DAY => format!("{} h ago", past / HOUR),
        past if past < 2 * DAY && is_yesterday(now, ts, zone) => "Yesterday".to_owned(),
        _ => date(ts, zone),
    }
}

/// How far away something is: "in 26 min", "in 3 h", "tomorrow", "in 7 days"; "now" once it is past.
pub fn until(now: i64, ts: i64, zone: &TimeZone) -> String {
    match ts.saturating_sub(now) {
        left if left <= 0 => "now".to_owned(),
        left if left < HOUR => format!("in {} min", (left / MINUTE).max(1)),
        left if left < DAY => format!("in {} h", left / HOUR),
        left if left < 2 * DAY && is_yesterday(ts, now, zone) => "tomorrow".to_owned(),
        left if left < 60 * DAY => format!("in {} days", (left + DAY / 2) / DAY),
        _ => format!("on {}", date(ts, zone)),
    }
}

/// A date and a time of day: 20 Nov 2026, 14:02.
pub fn date_time(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, Locale::current().formats().date_time)
}

/// A date, as in tables: 20 Nov 2026.
pub fn date(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, Locale::current().formats().date)
}

/// A date, as in sentences: 20 November 2026.
pub fn long_date(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, Locale::current().formats().long_date)
}

/// A month, as in a trend: Nov 2026.
pub fn month(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, "%b %Y")
}

/// A date with its weekday, as above a day's events: Friday, 20 November 2026.
pub fn weekday_date(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, Locale::current().formats().weekday_date)
}

/// A time of day with seconds: 14:02:51.
pub fn time_of_day(ts: i64, zone: &TimeZone) -> String {
    format(ts, zone, Locale::current().formats().time_of_day)
}

/// An instant for machines, as in `<time datetime>`: 2026-11-20T13:02:51Z.
pub fn iso(ts: i64) -> String {
    format(ts, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%SZ")
}

fn format(ts: i64, zone: &TimeZone, pattern: &str) -> String {
    zoned(ts, zone).map_or_else(|| MISSING.to_owned(), |at| at.strftime(pattern).to_string())
}

/// None for instants outside the years that calendars know.
fn zoned(ts: i64, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_microsecond(ts).ok()?.to_zoned(zone.clone()))
}

fn is_yesterday(now: i64, ts: i64, zone: &TimeZone) -> bool {
    let (Some(now), Some(then)) = (zoned(now, zone), zoned(ts, zone)) else {
        return false;
    };
    now.date().yesterday().is_ok_and(|day| day == then.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn numbers_have_commas() {
        for (n, expected) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1_000, "1,000"),
            (1_204_567, "1,204,567"),
            (-1_200, "−1,200"),
        ] {
            assert_eq!(number(n), expected);
        }
        assert_eq!(number(i64::MIN), "−9,223,372,036,854,775,808");
        assert_eq!(plural(1, "member", "members"), "1 member");
        assert_eq!(plural(0, "member", "members"), "0 members");
        assert_eq!(plural(1_204, "person", "people"), "1,204 people");
        assert_eq!(percent(1_999, 2_000), "99%");
        assert_eq!(percent(1, 0), MISSING);
        assert_eq!(percent(i64::MAX, i64::MAX), "100%");
    }

    #[test]
    fn times_are_shown_in_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let ts = at("2026-11-20T23:02:51.5Z");
        assert_eq!(date(ts, &berlin), "21 Nov 2026");
        assert_eq!(date(ts, &TimeZone::UTC), "20 Nov 2026");
        assert_eq!(date_time(ts, &berlin), "21 Nov 2026, 00:02");
        assert_eq!(long_date(at("2026-03-04T12:00:00Z"), &berlin), "4 March 2026");
        assert_eq!(weekday_date(ts, &TimeZone::UTC), "Friday, 20 November 2026");
        assert_eq!(time_of_day(ts, &TimeZone::UTC), "23:02:51");
        assert_eq!(iso(ts), "2026-11-20T23:02:51Z");
        assert_eq!(date(i64::MAX, &berlin), MISSING);
    }

    #[actix_web::test]
    async fn r_pro_03_dates_and_numbers_follow_the_locale() {
        let ts = at("2026-11-20T14:02:51Z");
        let told = async {
            (
                date_time(ts, &TimeZone::UTC),
                long_date(ts, &TimeZone::UTC),
                number(1_204),
            )
        };
        assert_eq!(
            Locale::UnitedStates.scope(told).await,
            (
                "Nov 20, 2026, 2:02 PM".to_owned(),
                "November 20, 2026".to_owned(),
                "1,204".to_owned()
            )
        );
        let told = async { (date(ts, &TimeZone::UTC), number(1_204_567)) };
        assert_eq!(
            Locale::Continental.scope(told).await,
            ("20.11.2026".to_owned(), "1.204.567".to_owned())
        );
        let told = async { date_time(ts, &TimeZone::UTC) };
        assert_eq!(Locale::Iso.scope(told).await, "2026-11-20 14:02");
        // What each choice says of itself is what it does.
        for locale in Locale::ALL {
            let title = locale.scope(async { format!("{} and {} (", date_time(ts, &TimeZone::UTC), number(1_204)) });
            let title = title.await.replace('\u{202f}', " ");
            assert!(locale.title().starts_with(&title), "{} is {title}", locale.title());
            assert_eq!(Locale::find(locale.tag()), Some(locale));
        }
    }

    #[test]
    fn the_past_is_told_in_words() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-11-20T13:00:00Z");
        for (then, expected) in [
            ("2026-11-20T13:00:01Z", "Now"),
            ("2026-11-20T12:59:01Z", "Now"),
            ("2026-11-20T12:34:00Z", "26 min ago"),
            ("2026-11-20T12:00:00Z", "1 h ago"),
            ("2026-11-19T13:00:01Z", "23 h ago"),
            ("2026-11-19T13:00:00Z", "Yesterday"),
            ("2026-11-18T23:00:00Z", "Yesterday"),
            ("2026-11-18T22:59:59Z", "18 Nov 2026"),
            ("2025-01-02T10:00:00Z", "2 Jan 2025"),
        ] {
            assert_eq!(ago(now, at(then), &berlin), expected, "{then}");
        }
    }

    #[test]
    fn the_future_is_told_in_words() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let now = at("2026-11-20T13:00:00Z");
        for (then, expected) in [
            ("2026-11-20T13:00:00Z", "now"),
            ("2026-11-20T13:00:10Z", "in 1 min"),
            ("2026-11-20T13:26:00Z", "in 26 min"),
            ("2026-11-20T23:30:00Z", "in 10 h"),
            ("2026-11-21T20:00:00Z", "tomorrow"),
            ("2026-11-22T12:00:00Z", "in 2 days"),
            ("2026-11-27T12:59:59Z", "in 7 days"),
            ("2027-03-01T12:00:00Z", "on 1 Mar 2027"),
        ] {
            assert_eq!(until(now, at(then), &berlin), expected, "{then}");
        }
    }
}
