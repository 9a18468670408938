//! The formats of dates, times and numbers that a person chose, for as long as their request is answered.
//!
//! Pages are rendered deep inside handlers, so the choice travels with the task instead of through every function that prints a
//! date; whatever runs outside a request (mails, files, jobs) has the product's own formats.

use std::future::Future;

/// A way to write dates and numbers, by the tag of a language in a region; the words stay English.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Locale {
    /// 20 Nov 2026, 14:02 and 1,204: the product's own.
    #[default]
    International,
    /// Nov 20, 2026, 2:02 PM and 1,204.
    UnitedStates,
    /// 20.11.2026, 14:02 and 1.204.
    Continental,
    /// 2026-11-20 14:02 and 1 204.
    Iso,
}

/// The patterns of one locale.
#[derive(Debug)]
pub(super) struct Formats {
    pub date: &'static str,
    pub date_time: &'static str,
    pub long_date: &'static str,
    pub weekday_date: &'static str,
    pub time_of_day: &'static str,
    pub thousands: char,
}

tokio::task_local! {
    static CURRENT: Locale;
}

impl Locale {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::International, Self::UnitedStates, Self::Continental, Self::Iso];

    /// The language tag, as stored.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::International => "en-GB",
            Self::UnitedStates => "en-US",
            Self::Continental => "en-DE",
            Self::Iso => "en-SE",
        }
    }
    /// What a list to choose from shows.
    pub const fn title(self) -> &'static str {
        match self {
            Self::International => "20 Nov 2026, 14:02 and 1,204 (English, international)",
            Self::UnitedStates => "Nov 20, 2026, 2:02 PM and 1,204 (English, United States)",
            Self::Continental => "20.11.2026, 14:02 and 1.204 (English, Central Europe)",
            Self::Iso => "2026-11-20 14:02 and 1 204 (English, ISO 8601)",
        }
    }
    /// Finds a locale by its tag.
    pub fn find(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }
    /// The locale of the request at hand.
    pub fn current() -> Self {
        CURRENT.try_with(|locale| *locale).unwrap_or_default()
    }
    /// Runs a request's work with this locale.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    pub(super) const fn formats(self) -> Formats {
        match self {
            Self::International => Formats {
                date: "%-d %b %Y",
                date_time: "%-d %b %Y, %H:%M",
                long_date: "%-d %B %Y",
                weekday_date: "%A, %-d %B %Y",
                time_of_day: "%H:%M:%S",
                thousands: ',',
            },
            Self::UnitedStates => Formats {
                date: "%b %-d, %Y",
                date_time: "%b %-d, %Y, %-I:%M %p",
                long_date: "%B %-d, %Y",
                weekday_date: "%A, %B %-d, %Y",
                time_of_day: "%-I:%M:%S %p",
                thousands: ',',
            },
            Self::Continental => Formats {
                date: "%d.%m.%Y",
                date_time: "%d.%m.%Y, %H:%M",
                long_date: "%-d %B %Y",
                weekday_date: "%A, %-d %B %Y",
                time_of_day: "%H:%M:%S",
                thousands: '.',
            },
            Self::Iso => Formats {
                date: "%Y-%m-%d",
                date_time: "%Y-%m-%d %H:%M",
                long_date: "%Y-%m-%d",
                weekday_date: "%A, %Y-%m-%d",
                time_of_day: "%H:%M:%S",
                thousands: '\u{202f}',
            },
        }
    }
}
