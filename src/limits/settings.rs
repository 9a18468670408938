//! How an organization counts: unit, calendar, and which of several groups' defaults wins.

use serde_json::{Map, Value, json};

use super::{
    amount::Unit,
    store::{self, SettingsRow},
    window::{Calendar, Rules, Span, Window},
};
use crate::{
    access::{Can, OrgRef, permission::LimitDefault},
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, Zone},
    db::{Ask, Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    members::member,
};

/// Which default counts for a member of several groups that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, sqlx::Type)]
#[repr(i64)]
pub enum Conflict {
    /// The highest amount.
    #[default]
    Highest = 1,
    /// The lowest amount.
    Lowest = 2,
    /// The group that stands first.
    Priority = 3,
}

impl Conflict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Highest, Self::Lowest, Self::Priority];

    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Highest => "highest",
            Self::Lowest => "lowest",
            Self::Priority => "priority",
        }
    }
    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Highest => "The highest amount",
            Self::Lowest => "The lowest amount",
            Self::Priority => "The group that stands first",
        }
    }
    /// Finds a rule by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.key() == key)
    }
}

/// How an organization counts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What amounts are shown in.
    pub unit: Unit,
    /// The currency that is remembered, also while credits are shown.
    pub currency: String,
    /// Which of several groups' defaults wins.
    pub conflict: Conflict,
    /// When days, weeks and months begin.
    pub calendar: Calendar,
    /// Rises with every change; 0 while nothing was ever changed.
    pub version: i64,
}

/// What an editor saves.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The unit.
    pub unit: Unit,
    /// Which of several groups' defaults wins.
    pub conflict: Conflict,
    /// The day on which months begin.
    pub anchor_day: i64,
    /// The day on which weeks begin.
    pub week_start: i64,
    /// The version that the editor saw.
    pub version: i64,
}

/// The names of the days, from Monday.
pub const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

impl Settings {
    /// The window in which an instant lies; its end is the next reset.
    pub fn window(&self, window: Window, at: Timestamp) -> Span {
        self.calendar.window(window, at)
    }
    /// The zone in which windows begin.
    pub fn zone(&self) -> &Zone {
        &self.calendar.rules().zone
    }
    fn fields(&self) -> [(&'static str, Value); 4] {
        let rules = self.calendar.rules();
        let unit = match self.unit {
            Unit::Credit => "credits",
            Unit::Currency(code) => code,
        };
        let week = WEEKDAYS[usize::try_from(rules.week_start - 1).unwrap_or(0) % 7];
        [
            ("amounts_in", json!(unit)),
            ("several_groups", json!(self.conflict.key())),
            ("billing_day", json!(rules.anchor_day)),
            ("week_starts_on", json!(week)),
        ]
    }
}

/// An organization's settings, with one statement.
pub async fn find(db: &mut impl Read, org: &OrgRef) -> Result<Settings> {
    Ok(of_rows(org, &ask(org.id).rows(db).await?))
}

/// Asks for the rows of [`of_rows`].
pub(crate) fn ask(org: OrgId) -> Ask<(OrgId,), SettingsRow> {
    store::ask_settings(org)
}

/// An organization's settings, from what [`ask`] found.
pub(crate) fn of_rows(org: &OrgRef, rows: &[SettingsRow]) -> Settings {
    let mut rules = rows.iter().filter_map(|row| {
        let rules = Rules {
            zone: Zone::find_or_utc(row.zone.as_deref()?),
            anchor_day: row.anchor_day?,
            week_start: row.week_start?,
        };
        Some((row.since?, rules))
    });
    let first = rules
        .next()
        .map_or_else(|| Rules::of(org.zone.clone()), |(_, rules)| rules);
    let calendar = rules.fold(Calendar::of(first), |calendar, (since, rules)| {
        calendar.changed(since, rules)
    });
    let saved = rows.first();
    let (unit, currency) = unit_of(saved);
    Settings {
        unit,
        currency,
        conflict: saved.and_then(|row| row.group_conflict).unwrap_or_default(),
        calendar,
        version: saved.and_then(|row| row.version).unwrap_or(0),
    }
}

/// What an organization counts in.
pub async fn find_unit(db: &mut impl Read, org: OrgId) -> Result<Unit> {
    let rows = ask(org).rows(db).await?;
    Ok(unit_of(rows.first()).0)
}

fn unit_of(saved: Option<&store::SettingsRow>) -> (Unit, String) {
    let currency = saved
        .and_then(|row| row.currency.clone())
        .unwrap_or_else(|| "USD".to_owned());
    let unit = match saved.and_then(|row| row.display_unit) {
        Some(2) => Unit::currency(&currency).unwrap_or(Unit::Credit),
        _ => Unit::Credit,
    };
    (unit, currency)
}

/// Saves how an organization counts. Another billing day or week start lets the windows that run end at the earlier boundary.
pub async fn update(tx: &mut Tx, by: &Can<LimitDefault>, edit: Edit, now: Timestamp) -> Result<Settings> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let before = find(tx, org).await?;
    if before.version != edit.version {
        return Err(stale(&org.name));
    }
    if !(1..=28).contains(&edit.anchor_day) {
        return Err(Error::invalid(
            "anchor_day",
            "Choose a day from 1 to 28, which every month has.",
        ));
    }
    if !(1..=7).contains(&edit.week_start) {
        return Err(Error::invalid("week_start", "Choose a day of the week from the list."));
    }
    let old = before.calendar.rules();
    let rules = Rules {
        zone: old.zone.clone(),
        anchor_day: edit.anchor_day,
        week_start: edit.week_start,
    };
    if rules != *old {
        save_rules(tx, org.id, &before.calendar, &rules, now).await?;
    }
    let (display_unit, currency) = match edit.unit {
        Unit::Credit => (1, before.currency.as_str()),
        Unit::Currency(code) => (2, code),
    };
    if store::save_settings(tx, org.id, before.version, display_unit, currency, edit.conflict).await? == 0 {
        return Err(stale(&org.name));
    }
    let after = find(tx, org).await?;
    let (was, is) = differing(&before.fields(), &after.fields());
    let object = Object::new("organization", org.id.raw(), &org.name);
    let entry = Entry::done(Action::LimitSettings, object, was, is);
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    Ok(after)
}

/// Raises the version of the settings, as part of a recorded change of defaults.
pub(super) async fn bump(tx: &mut Tx, org: OrgId, name: &str, settings: &Settings) -> Result<()> {
    let display_unit = if settings.unit == Unit::Credit { 1 } else { 2 };
    let saved = store::save_settings(
        tx,
        org,
        settings.version,
        display_unit,
        &settings.currency,
        settings.conflict,
    );
    if saved.await? == 0 { Err(stale(name)) } else { Ok(()) }
}

/// Lets the windows that run go on when an organization moves to another zone, as part of that recorded change.
pub(crate) async fn zone_changed(tx: &mut Tx, org: &OrgRef, to: &str, now: Timestamp) -> Result<()> {
    let settings = find(tx, org).await?;
    let old = settings.calendar.rules();
    let rules = Rules {
        zone: Zone::find_or_utc(to),
        ..old.clone()
    };
    if rules == *old {
        return Ok(());
    }
    save_rules(tx, org.id, &settings.calendar, &rules, now).await
}

/// Writes down from when on other rules hold, and the first time also which ones held before.
async fn save_rules(tx: &mut Tx, org: OrgId, before: &Calendar, rules: &Rules, now: Timestamp) -> Result<()> {
    if before.is_unchanged() {
        let old = before.rules();
        let since = Timestamp::from_micros(0);
        store::save_rules(tx, org, since, old.zone.name(), old.anchor_day, old.week_start).await?;
    }
    store::save_rules(tx, org, now, rules.zone.name(), rules.anchor_day, rules.week_start).await
}

/// What differs between two lists of the same fields: before, and after.
pub(crate) fn differing(before: &[(&'static str, Value)], after: &[(&'static str, Value)]) -> (Value, Value) {
    let (mut was, mut is) = (Map::new(), Map::new());
    for ((name, old), (_, new)) in before.iter().zip(after) {
        if old != new {
            was.insert((*name).to_owned(), old.clone());
            is.insert((*name).to_owned(), new.clone());
        }
    }
    (Value::Object(was), Value::Object(is))
}

pub(super) fn stale(name: &str) -> Error {
    Error::conflict(format!(
        "The limits of {name} were changed by somebody else after you opened this page. Nothing of yours was saved. Check the current values and save again."
    ))
}
