//! What a browser may send to the pages of keys.

use std::time::Duration;

use serde::Deserialize;

use super::{
    Draft, Key, Kind, Owner,
    feature::{self, Feature, Type, Valued},
    key::{Bound, OVERLAPS},
    list::{Query, Shown},
    rules::{Personal, Rules},
    service::{self, Service},
};
use crate::{
    clock::{Timestamp, Zone, days},
    error::{Error, Result},
    ids::{FeatureId, GroupId, KeyId, ServiceId},
    limits::{
        amount::{Amount, Unit},
        keyed::Amounts,
        last_day, until,
    },
    web::list::href,
};

macro_rules! paths {
    ($($name:ident $field:ident $id:ident $doc:literal;)+) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Deserialize)]
        pub struct $name {
            $field: String,
        }
        impl $name {
            /// The object; text that is no id names none.
            pub fn id(&self) -> Result<$id> {
                self.$field.parse().map_err(|_| Error::NotFound)
            }
        }
    )+};
}
paths! {
    KeyPath key KeyId "The address of a key within an organization.";
    FeaturePath feature FeatureId "The address of a feature within an organization.";
    ServicePath service ServiceId "The address of a service account within an organization.";
}

/// The list's address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    state: String,
    kind: String,
    group: String,
    unused: String,
    expiring: String,
    after: String,
    before: String,
}

impl Search {
    /// The question; what it does not understand it leaves out.
    pub fn query(&self) -> Query {
        let place = |text: &str, back| text.parse().ok().map(|id| (id, back));
        Query {
            shown: Shown::find(&self.state).unwrap_or_default(),
            kind: Kind::find(&self.kind),
            group: self.group.parse().ok(),
            unused: !self.unused.is_empty(),
            expiring: !self.expiring.is_empty(),
            words: self.q.chars().take(200).collect(),
            cursor: place(&self.after, false).or_else(|| place(&self.before, true)),
        }
    }
}

/// The list's address for a question, at a place.
pub fn address(path: &str, query: &Query, place: (&str, &str)) -> String {
    let group = query.group.map(|id| id.to_string()).unwrap_or_default();
    let flag = |on: bool| if on { "1" } else { "" };
    let pairs = [
        ("q", query.words.trim()),
        (
            "state",
            if query.shown == Shown::Live {
                ""
            } else {
                query.shown.key()
            },
        ),
        ("kind", query.kind.map_or("", Kind::key)),
        ("group", group.as_str()),
        ("unused", flag(query.unused)),
        ("expiring", flag(query.expiring)),
        place,
    ];
    href(path, &pairs)
}

/// What the address of the form for a new key chooses at first.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewQuery {
    pub kind: String,
    pub group: String,
    pub service: String,
}

/// A new key, or what is changed about one. Features come as two lists of the same length.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct KeyForm {
    pub name: String,
    /// `group:grp_…` or `service:svc_…`.
    pub owner: String,
    pub group: Vec<String>,
    pub members: String,
    pub scope: Vec<String>,
    pub feature: Vec<String>,
    pub value: Vec<String>,
    pub not_before: String,
    /// Days, `never`, or `keep`.
    pub expiry: String,
    pub expires_on: String,
    pub monthly: String,
    pub daily: String,
    pub nonce: String,
    pub version: String,
    /// The groups of which each gets a key, on the page that makes many.
    pub each: Vec<String>,
    /// `check` before it is done.
    pub step: String,
}

fn amount(field: &'static str, text: &str, unit: Unit) -> Result<Option<Amount>> {
    match text.trim() {
        "" => Ok(None),
        typed => Amount::parse(field, typed, unit).map(Some),
    }
}

/// The instant at which a day begins that was typed; none for nothing typed.
fn start_of(field: &'static str, text: &str, zone: &Zone) -> Result<Option<Timestamp>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let bad = || Error::invalid(field, "Enter a day as year, month and day: 2026-12-31.");
    let day: jiff::civil::Date = text.trim().parse().map_err(|_| bad())?;
    let start = day.to_zoned(zone.tz()).map_err(|_| bad())?;
    Ok(Some(Timestamp::from_micros(start.timestamp().as_microsecond())))
}

impl KeyForm {
    /// The form of a new key: the life that the rules begin with, and every feature as the catalogue says.
    pub fn blank(rules: &Rules, asked: &NewQuery) -> Self {
        let owner = match (asked.kind.as_str(), asked.service.is_empty(), asked.group.is_empty()) {
            (_, false, _) => format!("service:{}", asked.service),
            (_, _, false) => format!("group:{}", asked.group),
            _ => String::new(),
        };
        Self {
            owner,
            scope: vec!["api.read".to_owned()],
            expiry: rules
                .default_days
                .map_or_else(|| NEVER.to_owned(), |days| days.to_string()),
            nonce: super::secret::nonce(),
            ..Self::default()
        }
    }
    /// The form of a key as it is.
    pub fn of(key: &Key, values: &[Valued], bound: &[Bound], limits: Amounts, zone: &Zone) -> Self {
        Self {
            name: key.name.clone(),
            owner: String::new(),
            group: key.bound_groups().iter().map(|(id, _)| id.to_string()).collect(),
            members: bound
                .iter()
                .map(|one| one.email.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
            scope: key.scopes().names(),
            feature: values.iter().map(|one| one.id.to_string()).collect(),
            value: values.iter().map(|one| one.value.clone()).collect(),
            not_before: key.not_before.map_or_else(String::new, |start| {
                start.instant().to_zoned(zone.tz()).date().to_string()
            }),
            expiry: KEEP.to_owned(),
            expires_on: key.expires_at.map_or_else(String::new, |end| last_day(end, zone)),
            monthly: limits.month.map_or_else(String::new, Amount::field),
            daily: limits.day.map_or_else(String::new, Amount::field),
            version: key.version.to_string(),
            ..Self::default()
        }
    }
    /// To whom the key is to belong.
    pub fn owner(&self) -> Result<Owner> {
        let bad = || {
            Error::invalid(
                "owner",
                "Choose the group or the service account that the key belongs to.",
            )
        };
        let (kind, id) = self.owner.split_once(':').ok_or_else(bad)?;
        match kind {
            "group" => id.parse::<GroupId>().map(Owner::Group).map_err(|_| bad()),
            "service" => id.parse::<ServiceId>().map(Owner::Service).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
    /// The value that the form has for a feature.
    pub fn value_of(&self, feature: FeatureId) -> &str {
        let id = feature.to_string();
        let place = self.feature.iter().position(|known| *known == id);
        place.and_then(|place| self.value.get(place)).map_or("", String::as_str)
    }
    /// What the verbs take; `before` is the key that is changed, whose exact times stay where the form has not touched them.
    pub fn draft(&self, zone: &Zone, unit: Unit, before: Option<&Key>, now: Timestamp) -> Result<Draft> {
        let mut groups = Vec::new();
        for id in self.group.iter().filter(|id| !id.is_empty()) {
            groups.push(
                id.parse()
                    .map_err(|_| Error::invalid("group", "Choose groups from the list."))?,
            );
        }
        let mut features = Vec::new();
        for (id, value) in self.feature.iter().zip(&self.value) {
            let id = id
                .parse()
                .map_err(|_| Error::invalid("feature", "A feature was removed meanwhile. Look at the list again."))?;
            features.push((id, value.clone()));
        }
        let shown = before.and_then(|key| key.expires_at).map(|end| last_day(end, zone));
        let typed = self.expires_on.trim();
        let expires_at = match self.expiry.as_str() {
            KEEP if shown.as_deref().unwrap_or_default() == typed => before.and_then(|key| key.expires_at),
            // A day that is typed means that day, whatever the list beside it says.
            _ if !typed.is_empty() && shown.as_deref() != Some(typed) => until("expiry", typed, zone)?,
            NEVER => None,
            KEEP => None,
            count => match count.parse::<u64>() {
                Ok(count @ 1..=3650) => Some(now.plus(days(count))),
                _ => return Err(Error::invalid("expiry", "Choose when the key expires.")),
            },
        };
        let words = self
            .members
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        Ok(Draft {
            name: self.name.clone(),
            scopes: self.scope.clone(),
            groups,
            members: words.filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            features,
            not_before: match before.and_then(|key| key.not_before) {
                Some(start) if start.instant().to_zoned(zone.tz()).date().to_string() == self.not_before.trim() => {
                    Some(start)
                }
                _ => start_of("not_before", &self.not_before, zone)?,
            },
            expires_at,
            limits: Amounts {
                day: amount("daily", &self.daily, unit)?,
                month: amount("monthly", &self.monthly, unit)?,
            },
        })
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// What the list of lives sends for a key without an end.
pub const NEVER: &str = "never";
/// What it sends for an end that stays as it is.
pub const KEEP: &str = "keep";

/// An act on one key, with the version that the caller has seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ActForm {
    pub version: String,
    pub overlap: String,
}

impl ActForm {
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
    /// For how long the old secret works beside the new one.
    pub fn overlap(&self) -> Result<Duration> {
        let known = OVERLAPS.into_iter().find(|(name, _, _)| *name == self.overlap);
        known
            .map(|(_, _, span)| span)
            .ok_or_else(|| Error::invalid("overlap", "Choose what becomes of the old secret."))
    }
}

/// Keys that are ticked, and what is to be done with them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ManyForm {
    pub key: Vec<String>,
    #[serde(rename = "do")]
    pub deed: String,
    pub confirm: String,
}

impl ManyForm {
    /// The keys; text that is no id is left out.
    pub fn keys(&self) -> Vec<KeyId> {
        self.key.iter().filter_map(|id| id.parse().ok()).collect()
    }
}

/// A feature of the catalogue.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FeatureForm {
    pub key: String,
    pub title: String,
    pub kind: String,
    pub choices: String,
    pub default_value: String,
    pub version: String,
    pub confirm: String,
}

impl FeatureForm {
    /// The form of a feature as it is.
    pub fn of(feature: &Feature) -> Self {
        Self {
            key: feature.key.clone(),
            title: feature.title.clone(),
            kind: feature.kind.key().to_owned(),
            choices: feature.choices.clone(),
            default_value: feature.default_value.clone(),
            version: feature.version.to_string(),
            confirm: String::new(),
        }
    }
    /// What the verbs take.
    pub fn draft(&self) -> feature::Draft {
        feature::Draft {
            key: self.key.clone(),
            title: self.title.clone(),
            kind: Type::find(&self.kind),
            choices: self.choices.clone(),
            default_value: self.default_value.clone(),
        }
    }
}

/// A service account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ServiceForm {
    pub name: String,
    pub group: String,
    pub monthly: String,
    pub daily: String,
    pub version: String,
}

impl ServiceForm {
    /// The form of one that is there.
    pub fn of(service: &Service, limits: Amounts) -> Self {
        Self {
            name: service.name.clone(),
            group: service.group_id.map(|id| id.to_string()).unwrap_or_default(),
            monthly: limits.month.map_or_else(String::new, Amount::field),
            daily: limits.day.map_or_else(String::new, Amount::field),
            version: service.version.to_string(),
        }
    }
    /// What is wanted of it.
    pub fn draft(&self, unit: Unit) -> Result<service::Draft> {
        Ok(service::Draft {
            name: self.name.clone(),
            group: self.group()?,
            limits: Amounts {
                day: amount("daily", &self.daily, unit)?,
                month: amount("monthly", &self.monthly, unit)?,
            },
        })
    }
    /// The group that cares for it.
    pub fn group(&self) -> Result<Option<GroupId>> {
        match self.group.as_str() {
            "" => Ok(None),
            id => id
                .parse()
                .map(Some)
                .map_err(|_| Error::invalid("group", "Choose a group from the list.")),
        }
    }
}

/// The rules of keys.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RulesForm {
    pub personal: String,
    pub max_days: String,
    pub default_days: String,
    pub version: String,
}

impl RulesForm {
    /// The form of the rules as they are.
    pub fn of(rules: &Rules) -> Self {
        let life = |days: Option<i64>| days.map_or_else(|| NEVER.to_owned(), |days| days.to_string());
        Self {
            personal: rules.personal.key().to_owned(),
            max_days: life(rules.max_days),
            default_days: life(rules.default_days),
            version: rules.version.to_string(),
        }
    }
    /// The rules.
    pub fn rules(&self) -> Result<Rules> {
        let life = |field: &'static str, text: &str| match text {
            NEVER => Ok(None),
            days => match days.parse::<i64>() {
                Ok(days @ 1..=3650) => Ok(Some(days)),
                _ => Err(Error::invalid(field, "Choose one of the entries in the list.")),
            },
        };
        Ok(Rules {
            personal: Personal::find(&self.personal)
                .ok_or_else(|| Error::invalid("personal", "Choose who may have personal keys."))?,
            max_days: life("max_days", &self.max_days)?,
            default_days: life("default_days", &self.default_days)?,
            version: self.version.parse().unwrap_or(-1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_from_its_address() {
        let asked = Search {
            q: "etl".to_owned(),
            state: "expired".to_owned(),
            kind: "group".to_owned(),
            unused: "1".to_owned(),
            ..Search::default()
        };
        let href = address("/o/a/keys", &asked.query(), ("", ""));
        assert_eq!(href, "/o/a/keys?q=etl&state=expired&kind=group&unused=1");
        let junk = Search {
            kind: "x".to_owned(),
            state: "?".to_owned(),
            group: "7".to_owned(),
            ..Search::default()
        };
        assert_eq!(address("/k", &junk.query(), ("", "")), "/k");
    }

    #[test]
    fn a_life_is_read_as_it_was_meant() {
        let (zone, now) = (Zone::find_or_utc("UTC"), Timestamp::from_secs(1_795_251_600));
        let end = |expiry: &str, on: &str| {
            let form = KeyForm {
                expiry: expiry.to_owned(),
                expires_on: on.to_owned(),
                ..KeyForm::default()
            };
            form.draft(&zone, Unit::Credit, None, now).map(|draft| draft.expires_at)
        };
        assert_eq!(end("never", "").unwrap(), None);
        assert_eq!(end("90", "").unwrap(), Some(now.plus(days(90))));
        assert_eq!(
            end("90", "2026-12-31").unwrap().unwrap().instant().to_string(),
            "2027-01-01T00:00:00Z"
        );
        for (expiry, on) in [("", ""), ("0", ""), ("soon", ""), ("90", "31.12.2026")] {
            assert!(
                matches!(end(expiry, on), Err(Error::Invalid { field: "expiry", .. })),
                "{expiry} {on}"
            );
        }
    }
}
