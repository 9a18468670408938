//! What the filters of the audit log send, and what they mean.

use jiff::civil::Date;
use serde::Deserialize;

use super::{
    Action, Outcome,
    log::{Filter, Place},
};
use crate::{
    clock::{Timestamp, Zone},
    ids::UserId,
    web::list::href,
};

/// The filters, as they stand in the address; what cannot be read counts as not set.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Search {
    /// Words in a name, or an address.
    #[serde(default)]
    pub q: String,
    /// An action's stable name.
    #[serde(default)]
    pub action: String,
    /// A person, `usr_…`.
    #[serde(default)]
    pub actor: String,
    /// `ok`, `denied` or `error`.
    #[serde(default)]
    pub result: String,
    /// The first day, as in 2026-11-14.
    #[serde(default)]
    pub from: String,
    /// The last day.
    #[serde(default)]
    pub to: String,
    /// Older than this number.
    #[serde(default)]
    pub before: String,
    /// Newer than this number.
    #[serde(default)]
    pub after: String,
}

impl Search {
    /// What is asked for; days begin and end in `zone`.
    pub fn filter(&self, zone: &Zone) -> Filter {
        let day = |text: &str| text.parse::<Date>().ok();
        let start = |date: Date| {
            Some(Timestamp::from_micros(
                date.to_zoned(zone.tz()).ok()?.timestamp().as_microsecond(),
            ))
        };
        Filter {
            action: Action::find(&self.action),
            actor: self.actor.parse::<UserId>().ok(),
            outcome: Outcome::find(&self.result),
            words: self.q.trim().to_owned(),
            from: day(&self.from).and_then(start),
            until: day(&self.to).and_then(|date| start(date.tomorrow().ok()?)),
        }
    }
    /// Where the page begins.
    pub fn place(&self) -> Place {
        match (self.before.parse(), self.after.parse()) {
            (Ok(seq), _) => Place::Before(seq),
            (_, Ok(seq)) => Place::After(seq),
            _ => Place::Newest,
        }
    }
    /// The address of the list with these filters, from its newest end.
    pub fn href(&self, path: &str) -> String {
        self.href_with(path, &[])
    }
    /// The same with more, for a place in the list.
    pub fn href_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("q", self.q.as_str()),
            ("action", &self.action),
            ("actor", &self.actor),
            ("result", &self.result),
            ("from", &self.from),
            ("to", &self.to),
        ];
        pairs.extend_from_slice(more);
        href(path, &pairs)
    }
    /// These filters with one field changed.
    #[must_use]
    pub fn but(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        change(&mut other);
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_in_the_zone() {
        let search = Search {
            from: "2026-03-29".into(),
            to: "2026-03-29".into(),
            ..Search::default()
        };
        let filter = search.filter(&Zone::find_or_utc("Europe/Berlin"));
        // The day on which the clocks go forward has 23 hours.
        let (from, until) = (filter.from.unwrap(), filter.until.unwrap());
        assert_eq!(until.since(from), crate::clock::hours(23));
        assert_eq!(from.to_string(), "2026-03-28T23:00:00Z");
    }

    #[test]
    fn junk_counts_as_not_set() {
        let search = Search {
            action: "x".into(),
            actor: "usr_x".into(),
            result: "x".into(),
            from: "yesterday".into(),
            to: "9999-12-31".into(),
            before: "x".into(),
            ..Search::default()
        };
        let filter = search.filter(&Zone::find_or_utc("UTC"));
        assert!(filter.action.is_none() && filter.actor.is_none() && filter.outcome.is_none());
        assert!(filter.from.is_none() && filter.until.is_none());
        assert_eq!(search.place(), Place::Newest);
    }
}
