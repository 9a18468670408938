//! What an organization wants to be told about usage: from which parts of a limit on, how unusual a day must be, and who used nothing
//! (B-11).

use serde_json::{Value, json};

use super::super::store::{self, AlertSettings};
use crate::{
    access::{Can, OrgRef, permission::LimitDefault},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    limits::settings::differing,
};

/// The most parts of a limit that one is told of.
const MOST_PARTS: usize = 8;
/// What somebody is told who wrote down what cannot be read as parts.
const PARTS: &str = "Write whole percents from 1 to 100 with commas between, such as “80, 100”.";

/// What an organization wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The parts of a limit at which its holder is told, in percent, ascending; never empty.
    pub parts: Vec<i64>,
    /// Whether administrators and leads are told of every hard limit that is used up.
    pub tells_admins: bool,
    /// How many times an ordinary day is unusual; 0 for never.
    pub spike_factor: i64,
    /// Whether administrators are told once a month who used nothing.
    pub tells_unused: bool,
    /// Rises with every change; 0 while nothing was ever changed.
    pub version: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            parts: vec![80, 100],
            tells_admins: true,
            spike_factor: 3,
            tells_unused: true,
            version: 0,
        }
    }
}

impl Settings {
    /// The parts as the field of a form shows them.
    pub fn parts_words(&self) -> String {
        let words: Vec<String> = self.parts.iter().map(ToString::to_string).collect();
        words.join(", ")
    }
    fn fields(&self) -> [(&'static str, Value); 4] {
        [
            ("alert_at_percent", json!(self.parts_words())),
            ("administrators_hear", json!(self.tells_admins)),
            ("unusual_from_times", json!(self.spike_factor)),
            ("unused_is_told", json!(self.tells_unused)),
        ]
    }
}

/// Reads parts as they are typed: "80, 100 %".
pub fn parse_parts(typed: &str) -> Result<Vec<i64>> {
    let words = typed
        .split([',', ';', ' ', '%'])
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let mut parts = words
        .map(|word| word.parse::<i64>().ok().filter(|part| (1..=100).contains(part)))
        .collect::<Option<Vec<i64>>>()
        .ok_or_else(|| Error::invalid("parts", PARTS))?;
    parts.sort_unstable();
    parts.dedup();
    if parts.is_empty() {
        return Err(Error::invalid("parts", PARTS));
    }
    if parts.len() > MOST_PARTS {
        return Err(Error::invalid(
            "parts",
            format!("Choose at most {MOST_PARTS} parts, or people stop reading alerts."),
        ));
    }
    Ok(parts)
}

/// What an organization wants to be told.
pub async fn find(db: &mut impl Read, org: OrgId) -> Result<Settings> {
    Ok(store::find_alert_settings(db, org)
        .await?
        .map_or_else(Settings::default, of_row))
}

fn of_row(row: AlertSettings) -> Settings {
    let parts = row.thresholds.split(',').filter_map(|part| part.parse().ok()).collect();
    Settings {
        parts,
        tells_admins: row.tells_admins,
        spike_factor: row.spike_factor,
        tells_unused: row.tells_unused,
        version: row.version,
    }
}

/// Saves what an organization wants to be told; `edit.version` is the one that the editor saw.
pub async fn update(tx: &mut Tx, by: &Can<LimitDefault>, edit: Settings, now: Timestamp) -> Result<()> {
    let org: &OrgRef = by.org();
    let before = find(tx, org.id).await?;
    if edit.spike_factor != 0 && !(2..=20).contains(&edit.spike_factor) {
        return Err(Error::invalid(
            "spike_factor",
            "Choose from 2 to 20 times, or 0 for no such alerts.",
        ));
    }
    let thresholds = edit.parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let row = AlertSettings {
        thresholds,
        tells_admins: edit.tells_admins,
        spike_factor: edit.spike_factor,
        tells_unused: edit.tells_unused,
        version: edit.version,
    };
    if before.version != edit.version || store::save_alert_settings(tx, org.id, row).await? == 0 {
        return Err(Error::conflict(format!(
            "Someone else has just changed what {} is told about usage. Reload the page, look at their change and save again.",
            org.name
        )));
    }
    let (was, is) = differing(&before.fields(), &edit.fields());
    let object = Object::new("organization", org.id.raw(), &org.name);
    let entry = Entry::done(Action::AlertSettings, object, was, is);
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

#[cfg(test)]
mod tests {
    use super::parse_parts;

    #[test]
    fn parts_are_read_as_people_write_them() {
        assert_eq!(parse_parts("80, 100").expect("parts"), [80, 100]);
        assert_eq!(parse_parts(" 100 % 50%;90,50 ").expect("parts"), [50, 90, 100]);
        for wrong in ["", " , ", "0", "101", "-5", "eighty", "80.5", "1 2 3 4 5 6 7 8 9"] {
            assert!(parse_parts(wrong).is_err(), "{wrong}");
        }
    }
}
