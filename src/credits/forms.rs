//! What a browser may send to the pages of credits.

use serde::Deserialize;

use super::{
    pool::{Draft, Mode, PRICE_MOST, Pool},
    views::LINE,
};
use crate::{
    clock::Zone,
    error::{Error, Result},
    ids::{self, MemberId, PoolId},
    limits::{
        self,
        amount::{Amount, Unit},
    },
    web::form::FieldErrors,
};

/// The address of a pool within an organization.
#[derive(Debug, Clone, Deserialize)]
pub struct PoolPath {
    pool: String,
}

impl PoolPath {
    /// The pool; text that is no id names nothing.
    pub fn id(&self) -> Result<PoolId> {
        self.pool.parse().map_err(|_| Error::NotFound)
    }
}

/// The address of a pool's page: which part of its statement and of its people is shown.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Shown {
    before: String,
    people: String,
}

impl Shown {
    /// Behind which line of the statement.
    pub fn before(&self) -> Option<i64> {
        ids::decode(LINE, &self.before)
    }
    /// Behind which member.
    pub fn people(&self) -> Option<MemberId> {
        self.people.parse().ok()
    }
}

/// A pool as a form holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PoolForm {
    /// Its name.
    pub name: String,
    /// What kind of credits.
    pub credit_type: String,
    /// The currency's code.
    pub currency: String,
    /// What a credit costs.
    pub price: String,
    /// How its credits reach people.
    pub mode: String,
    /// Whether they run out.
    pub is_limited: Option<String>,
    /// Whether it is for everybody else.
    pub is_default: Option<String>,
    /// The last day.
    pub valid_until: String,
    /// What is in it from the start.
    pub grant: String,
    /// The version that the editor saw.
    pub version: String,
}

/// Reads an amount that is above zero or nothing.
fn amount(field: &'static str, text: &str, unit: Unit) -> Result<Amount> {
    if text.trim_start().starts_with(['-', '\u{2212}', '\u{2013}']) {
        return Err(Error::invalid(field, "Enter a number without a sign."));
    }
    Amount::parse(field, text, unit)
}

impl PoolForm {
    /// The form of a new pool.
    pub fn new(currency: &str) -> Self {
        Self {
            credit_type: "Standard".to_owned(),
            currency: currency.to_owned(),
            mode: Mode::Cap.key().to_owned(),
            is_limited: Some("1".to_owned()),
            ..Self::default()
        }
    }
    /// The form of a pool as it stands.
    pub fn of(pool: &Pool, zone: &Zone) -> Self {
        let on = |is: bool| is.then(|| "1".to_owned());
        Self {
            name: pool.name.clone(),
            credit_type: pool.credit_type.clone(),
            currency: pool.currency.clone(),
            price: Amount::from_micros(pool.price).unwrap_or(Amount::ZERO).field(),
            mode: pool.mode.key().to_owned(),
            is_limited: on(pool.is_limited),
            is_default: on(pool.is_default),
            valid_until: pool
                .valid_until
                .map_or_else(String::new, |until| limits::last_day(until, zone)),
            grant: String::new(),
            version: pool.version.to_string(),
        }
    }
    /// The version that the editor saw.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
    /// What is asked for, and what is in it from the start; what is wrong with each field.
    pub fn draft(&self, zone: &Zone, unit: Unit) -> Result<(Draft, Amount), FieldErrors> {
        let mut errors = FieldErrors::default();
        let keep = |error: Error| match FieldErrors::take(error) {
            Ok(found) => found.first().map(|(field, text)| (field, text.to_owned())),
            Err(_) => None,
        };
        let mut faults: Vec<(&'static str, String)> = Vec::new();
        // What is missing is told together; the rest of each is checked where it is kept.
        for (field, value, says) in [
            ("name", &self.name, "Give the pool a name."),
            (
                "credit_type",
                &self.credit_type,
                "Say what kind of credits are in it, such as “Standard” or “GPU”.",
            ),
        ] {
            if value.trim().is_empty() {
                faults.push((field, says.to_owned()));
            }
        }
        let money = Unit::currency(&self.currency);
        if money.is_none() {
            faults.push(("currency", "Choose a currency from the list.".to_owned()));
        }
        let price = amount("price", &self.price, money.unwrap_or(Unit::Credit));
        let price = price.unwrap_or_else(|error| {
            faults.extend(keep(error));
            Amount::ZERO
        });
        if price.micros() > PRICE_MOST {
            faults.push(("price", "A credit costs at most a million.".to_owned()));
        }
        let mode = Mode::find(&self.mode);
        if mode.is_none() {
            faults.push(("mode", "Choose how its credits reach people.".to_owned()));
        }
        let valid_until = limits::until("valid_until", &self.valid_until, zone).unwrap_or_else(|error| {
            faults.extend(keep(error));
            None
        });
        let granted = if self.grant.trim().is_empty() {
            Amount::ZERO
        } else {
            amount("grant", &self.grant, unit).unwrap_or_else(|error| {
                faults.extend(keep(error));
                Amount::ZERO
            })
        };
        for (field, text) in faults {
            errors.add(field, text);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let draft = Draft {
            name: self.name.clone(),
            credit_type: self.credit_type.clone(),
            currency: money.map_or("USD", Unit::head),
            price: price.micros(),
            mode: mode.unwrap_or_default(),
            is_limited: self.is_limited.is_some(),
            is_default: self.is_default.is_some(),
            valid_until,
        };
        Ok((draft, granted))
    }
}

/// Credits that are put in or taken out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PutForm {
    /// How many are granted.
    pub grant: String,
    /// How many are added or taken out.
    pub amount: String,
    /// "add" or "take".
    pub direction: String,
    /// Why.
    pub note: String,
    /// The version that the editor saw.
    pub version: String,
}

impl PutForm {
    /// The version that the editor saw.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
    /// How many are granted.
    pub fn grant(&self, unit: Unit) -> Result<Amount> {
        amount("grant", &self.grant, unit)
    }
    /// How many are put into a wallet.
    pub fn amount(&self, unit: Unit) -> Result<Amount> {
        amount("amount", &self.amount, unit)
    }
    /// How many are added; below zero, taken out.
    pub fn signed(&self, unit: Unit) -> Result<i64> {
        let size = amount("amount", &self.amount, unit)?.micros();
        match self.direction.as_str() {
            "add" => Ok(size),
            "take" => Ok(-size),
            _ => Err(Error::invalid(
                "direction",
                "Choose whether credits are added or taken out.",
            )),
        }
    }
}

/// The pool of a member.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AssignForm {
    /// The pool's id; empty for the organization's default.
    pub pool: String,
    /// The version that the editor saw.
    pub version: String,
}

impl AssignForm {
    /// The pool that is chosen.
    pub fn pool(&self) -> Result<Option<PoolId>> {
        if self.pool.is_empty() {
            return Ok(None);
        }
        let chosen = self.pool.parse();
        chosen
            .map(Some)
            .map_err(|_| Error::invalid("pool", "Choose a pool from the list."))
    }
    /// The version that the editor saw.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// The confirmation of what cannot be undone.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    /// The name, typed once more.
    pub confirm: String,
    /// The version that the editor saw.
    pub version: String,
}

impl ConfirmForm {
    /// The version that the editor saw.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// Whether wallets may pay.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WalletsForm {
    /// Present when they may.
    pub is_on: Option<String>,
    /// The version that the editor saw.
    pub version: String,
}
