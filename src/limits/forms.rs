//! What a browser may send to the pages of limits.

use jiff::civil::Date;
use serde::Deserialize;

use super::{
    amount::{Amount, Unit},
    defaults::Defaults,
    policy::{Choice, Enforcement, Value, Wish},
    request::{Ask, Grant},
    settings::{Conflict, Edit, Settings},
    window::Window,
};
use crate::{
    clock::{Timestamp, Zone},
    error::{Error, Result},
    ids::{GroupId, LimitRequestId, MemberId},
    web::form::FieldErrors,
};

/// What the select of a limit sends.
pub const INHERIT: &str = "inherit";
/// See [`INHERIT`].
pub const AMOUNT: &str = "amount";
/// See [`INHERIT`].
pub const UNLIMITED: &str = "unlimited";
/// What the select sends for a limit of many that is left as it is for each of them.
pub const KEEP: &str = "keep";

/// One limit as a form holds it: the select, the field beside it, and what both showed at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// The select.
    pub mode: String,
    /// The field.
    pub text: String,
    /// Both at first, with a colon between.
    pub was: String,
}

impl Typed {
    /// The form of a choice as it stands.
    pub fn of(choice: Choice) -> Self {
        let (mode, text) = match choice {
            Choice::Inherit => (INHERIT, String::new()),
            Choice::Set(Value::Unlimited) => (UNLIMITED, String::new()),
            Choice::Set(Value::Amount(amount)) => (AMOUNT, amount.field()),
        };
        Self {
            mode: mode.to_owned(),
            was: format!("{mode}:{text}"),
            text,
        }
    }
    /// The choice. Whoever types an amount and leaves the select as it was means the amount; whoever turns the select away from an
    /// amount that was there means the select; anything else is asked back.
    pub fn choice(&self, field: &'static str, unit: Unit) -> Result<Choice> {
        let (was_mode, was_text) = self.was.split_once(':').unwrap_or((AMOUNT, ""));
        let typed = self.text.trim();
        let amount = || Amount::parse(field, typed, unit).map(|amount| Choice::Set(Value::Amount(amount)));
        if self.mode == AMOUNT {
            return amount();
        }
        if !typed.is_empty() && typed != was_text {
            if self.mode == was_mode {
                return amount();
            }
            return Err(Error::invalid(
                field,
                "Choose “Amount” to set this amount, or empty the field.",
            ));
        }
        match self.mode.as_str() {
            INHERIT => Ok(Choice::Inherit),
            UNLIMITED => Ok(Choice::Set(Value::Unlimited)),
            _ => Err(Error::invalid(field, "Choose one of the entries in the list.")),
        }
    }
}

impl Typed {
    /// The choice for many members at once; none to leave each as it is.
    pub fn choice_or_keep(&self, field: &'static str, unit: Unit) -> Result<Option<Choice>> {
        if self.mode == KEEP && self.text.trim().is_empty() {
            return Ok(None);
        }
        self.choice(field, unit).map(Some)
    }
}

/// The first instant after the day that was typed as the last one; none for nothing typed.
pub fn until(field: &'static str, text: &str, zone: &Zone) -> Result<Option<Timestamp>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let bad = || Error::invalid(field, "Enter a day as year, month and day: 2026-12-31.");
    let day: Date = text.trim().parse().map_err(|_| bad())?;
    let next = day.tomorrow().map_err(|_| bad())?;
    let start = next.to_zoned(zone.tz()).map_err(|_| bad())?;
    Ok(Some(Timestamp::from_micros(start.timestamp().as_microsecond())))
}

/// The last day on which something counts that ends at `until`, as a date field holds it.
pub fn last_day(until: Timestamp, zone: &Zone) -> String {
    let last = Timestamp::from_micros(until.micros() - 1);
    last.instant().to_zoned(zone.tz()).date().to_string()
}

fn enforcement(text: &str) -> Result<Enforcement> {
    Enforcement::find(text).ok_or_else(|| Error::invalid("enforcement", "Choose what happens at the limit."))
}

/// Takes the first fault of each of several fields.
fn all<T, U, V>(one: Result<T>, two: Result<U>, three: Result<V>) -> Result<(T, U, V), FieldErrors> {
    match (one, two, three) {
        (Ok(one), Ok(two), Ok(three)) => Ok((one, two, three)),
        (one, two, three) => {
            let mut errors = FieldErrors::default();
            for error in [one.err(), two.err(), three.err()].into_iter().flatten() {
                match error {
                    Error::Invalid { field, message } => errors.add(field, message),
                    other => errors.add("form", other.to_string()),
                }
            }
            Err(errors)
        }
    }
}

/// Where the dialog was opened from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct From {
    /// `member` or `limits`; else the list.
    pub to: String,
    /// The list's filters.
    pub list: String,
}

impl From {
    /// Where to go afterwards.
    pub fn way_on(&self, base: &str, member: &str) -> String {
        match self.to.as_str() {
            "member" => format!("{base}/members/{member}"),
            "limits" => format!("{base}/limits"),
            "own" => format!("{base}/limits/members"),
            _ => {
                let is_plain = self.list.bytes().all(|byte| byte.is_ascii_graphic()) && self.list.len() < 2_000;
                crate::members::with_query(&format!("{base}/members"), if is_plain { &self.list } else { "" })
            }
        }
    }
}

/// "Set Usage Limit".
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LimitForm {
    pub monthly_mode: String,
    pub monthly: String,
    pub monthly_was: String,
    pub daily_mode: String,
    pub daily: String,
    pub daily_was: String,
    pub enforcement: String,
    pub until: String,
    pub note: String,
    pub version: String,
    pub to: String,
    pub list: String,
}

impl LimitForm {
    /// The monthly part.
    pub fn month(&self) -> Typed {
        Typed {
            mode: self.monthly_mode.clone(),
            text: self.monthly.clone(),
            was: self.monthly_was.clone(),
        }
    }
    /// The daily part.
    pub fn day(&self) -> Typed {
        Typed {
            mode: self.daily_mode.clone(),
            text: self.daily.clone(),
            was: self.daily_was.clone(),
        }
    }
    /// The wish, or what is wrong with each field.
    pub fn wish(&self, settings: &Settings) -> Result<Wish, FieldErrors> {
        let month = self.month().choice("monthly", settings.unit).map(Some);
        let day = self.day().choice("daily", settings.unit).map(Some);
        self.wish_of(month, day, settings)
    }
    /// The wish for many members at once, each of whose limits may be left as it is; or what is wrong with each field.
    pub fn wish_for_many(&self, settings: &Settings, now: Timestamp) -> Result<Wish, FieldErrors> {
        let month = self.month().choice_or_keep("monthly", settings.unit);
        let day = self.day().choice_or_keep("daily", settings.unit);
        let wish = self.wish_of(month, day, settings)?;
        let fault =
            |error: Error| FieldErrors::take(error).unwrap_or_else(|other| FieldErrors::one("form", other.to_string()));
        if wish.month.is_none() && wish.day.is_none() {
            return Err(FieldErrors::one(
                "monthly",
                "Choose what the monthly or the daily limit becomes.",
            ));
        }
        if let (Some(month), Some(day)) = (wish.month, wish.day) {
            super::policy::check_pair(day, month, settings.unit).map_err(fault)?;
        }
        if wish.until.is_some_and(|until| until <= now) {
            return Err(FieldErrors::one("until", "Choose today or a later day."));
        }
        super::policy::parse_note(&wish.note).map_err(fault)?;
        Ok(wish)
    }
    fn wish_of(
        &self,
        month: Result<Option<Choice>>,
        day: Result<Option<Choice>>,
        settings: &Settings,
    ) -> Result<Wish, FieldErrors> {
        let (month, day, until) = all(month, day, until("until", &self.until, settings.zone()))?;
        let enforcement =
            enforcement(&self.enforcement).map_err(|error| FieldErrors::one("enforcement", error.to_string()))?;
        Ok(Wish {
            month,
            day,
            enforcement,
            until,
            note: self.note.clone(),
        })
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
    /// Where the dialog was opened from.
    pub fn from(&self) -> From {
        From {
            to: self.to.clone(),
            list: self.list.clone(),
        }
    }
}

/// The version that an act refers to, and where to go afterwards.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EndForm {
    pub version: String,
    pub to: String,
    pub list: String,
}

/// Defaults of the organization, or what all may use together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DefaultsForm {
    pub monthly_mode: String,
    pub monthly: String,
    pub monthly_was: String,
    pub daily_mode: String,
    pub daily: String,
    pub daily_was: String,
    pub enforcement: String,
    pub version: String,
    /// `preview` once the amounts are to be looked at.
    pub step: String,
    /// `new` or `everyone`.
    pub apply: String,
}

impl DefaultsForm {
    /// The form of what stands.
    pub fn of(month: Choice, day: Choice, enforcement: Enforcement, version: i64) -> Self {
        let (month, day) = (Typed::of(month), Typed::of(day));
        Self {
            monthly_mode: month.mode,
            monthly: month.text,
            monthly_was: month.was,
            daily_mode: day.mode,
            daily: day.text,
            daily_was: day.was,
            enforcement: enforcement.key().to_owned(),
            version: version.to_string(),
            step: String::new(),
            apply: String::new(),
        }
    }
    /// The monthly part.
    pub fn month(&self) -> Typed {
        Typed {
            mode: self.monthly_mode.clone(),
            text: self.monthly.clone(),
            was: self.monthly_was.clone(),
        }
    }
    /// The daily part.
    pub fn day(&self) -> Typed {
        Typed {
            mode: self.daily_mode.clone(),
            text: self.daily.clone(),
            was: self.daily_was.clone(),
        }
    }
    /// The defaults, or what is wrong with each field.
    pub fn defaults(&self, unit: Unit) -> Result<Defaults, FieldErrors> {
        let (month, day, enforcement) = all(
            self.month().choice("monthly", unit),
            self.day().choice("daily", unit),
            enforcement(&self.enforcement),
        )?;
        super::policy::check_pair(day, month, unit).map_err(|error| FieldErrors::one("daily", error.to_string()))?;
        Ok(Defaults {
            month,
            day,
            enforcement,
        })
    }
    /// The version that the editor has seen.
    pub fn version(&self) -> i64 {
        self.version.parse().unwrap_or(-1)
    }
}

/// What a group gives to each member and to all together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct GroupForm {
    pub group: String,
    pub monthly_mode: String,
    pub monthly: String,
    pub monthly_was: String,
    pub daily_mode: String,
    pub daily: String,
    pub daily_was: String,
    pub enforcement: String,
    pub pool_monthly_mode: String,
    pub pool_monthly: String,
    pub pool_monthly_was: String,
    pub pool_daily_mode: String,
    pub pool_daily: String,
    pub pool_daily_was: String,
    pub pool_enforcement: String,
    pub priority: String,
    pub version: String,
}

impl GroupForm {
    /// The group.
    pub fn group(&self) -> Result<GroupId> {
        self.group.parse().map_err(|_| Error::NotFound)
    }
    /// The four parts: each monthly, each daily, together monthly, together daily.
    pub fn parts(&self) -> [Typed; 4] {
        let typed = |mode: &String, text: &String, was: &String| Typed {
            mode: mode.clone(),
            text: text.clone(),
            was: was.clone(),
        };
        [
            typed(&self.monthly_mode, &self.monthly, &self.monthly_was),
            typed(&self.daily_mode, &self.daily, &self.daily_was),
            typed(&self.pool_monthly_mode, &self.pool_monthly, &self.pool_monthly_was),
            typed(&self.pool_daily_mode, &self.pool_daily, &self.pool_daily_was),
        ]
    }
    /// What each member gets, what all get together, and the group's place.
    pub fn values(&self, unit: Unit) -> Result<(Defaults, Defaults, i64), FieldErrors> {
        let [month, day, pool_month, pool_day] = self.parts();
        let each = all(
            month.choice("monthly", unit),
            day.choice("daily", unit),
            enforcement(&self.enforcement),
        );
        let together = all(
            pool_month.choice("pool_monthly", unit),
            pool_day.choice("pool_daily", unit),
            enforcement(&self.pool_enforcement),
        );
        let priority = match self.priority.trim() {
            "" => Ok(0),
            text => text
                .parse()
                .map_err(|_| FieldErrors::one("priority", "Enter a number from 0 to 999. The lowest comes first.")),
        };
        let (each, together, priority) = (each?, together?, priority?);
        let defaults = |(month, day, enforcement)| Defaults {
            month,
            day,
            enforcement,
        };
        Ok((defaults(each), defaults(together), priority))
    }
    /// The version that the editor has seen.
    pub fn version(&self) -> i64 {
        self.version.parse().unwrap_or(-1)
    }
}

/// How an organization counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SettingsForm {
    pub unit: String,
    pub conflict: String,
    pub anchor_day: String,
    pub week_start: String,
    pub version: String,
}

/// What the select of units sends for credits.
pub const CREDITS: &str = "credits";

impl SettingsForm {
    /// The form of what stands.
    pub fn of(settings: &Settings) -> Self {
        let rules = settings.calendar.rules();
        Self {
            unit: match settings.unit {
                Unit::Credit => CREDITS.to_owned(),
                Unit::Currency(code) => code.to_owned(),
            },
            conflict: settings.conflict.key().to_owned(),
            anchor_day: rules.anchor_day.to_string(),
            week_start: rules.week_start.to_string(),
            version: settings.version.to_string(),
        }
    }
    /// What the verb takes.
    pub fn edit(&self) -> Result<Edit> {
        let unit = if self.unit == CREDITS {
            Some(Unit::Credit)
        } else {
            Unit::currency(&self.unit)
        };
        Ok(Edit {
            unit: unit.ok_or_else(|| Error::invalid("unit", "Choose credits or a currency from the list."))?,
            conflict: Conflict::find(&self.conflict)
                .ok_or_else(|| Error::invalid("conflict", "Choose one of the rules in the list."))?,
            anchor_day: self
                .anchor_day
                .trim()
                .parse()
                .map_err(|_| Error::invalid("anchor_day", "Choose a day from 1 to 28, which every month has."))?,
            week_start: self
                .week_start
                .parse()
                .map_err(|_| Error::invalid("week_start", "Choose a day of the week from the list."))?,
            version: self.version.parse().unwrap_or(-1),
        })
    }
}

/// A member takes back what they have asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WithdrawForm {
    /// Which limit.
    pub window: String,
}

/// Which limit the form that asks for more begins with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AskFor {
    pub window: String,
}

/// A member asks for more.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AskForm {
    pub window: String,
    pub amount: String,
    pub until: String,
    pub reason: String,
}

impl AskForm {
    /// What is asked for, or what is wrong with each field.
    pub fn ask(&self, settings: &Settings) -> Result<Ask, FieldErrors> {
        let window = Window::find(&self.window)
            .ok_or_else(|| Error::invalid("window", "Choose the monthly or the daily limit."));
        let (window, amount, until) = all(
            window,
            Amount::parse("amount", &self.amount, settings.unit),
            until("until", &self.until, settings.zone()),
        )?;
        Ok(Ask {
            window,
            amount,
            until,
            reason: self.reason.clone(),
        })
    }
}

/// The answer to a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AnswerForm {
    pub amount: String,
    pub until: String,
    pub answer: String,
}

impl AnswerForm {
    /// What is granted, or what is wrong with each field.
    pub fn grant(&self, settings: &Settings) -> Result<Grant, FieldErrors> {
        let (amount, until, ()) = all(
            Amount::parse("amount", &self.amount, settings.unit),
            until("until", &self.until, settings.zone()),
            Ok(()),
        )?;
        Ok(Grant {
            amount,
            until,
            answer: self.answer.clone(),
        })
    }
}

/// The address of a request within an organization.
#[derive(Debug, Clone, Deserialize)]
pub struct RequestPath {
    request: String,
}

impl RequestPath {
    /// The request; text that is no id names nothing.
    pub fn id(&self) -> Result<LimitRequestId> {
        self.request.parse().map_err(|_| Error::NotFound)
    }
}

/// The list of members with limits of their own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OwnQuery {
    after: String,
}

impl OwnQuery {
    /// Behind whom the page begins.
    pub fn after(&self) -> MemberId {
        self.after.parse().unwrap_or(MemberId::from_raw(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(mode: &str, text: &str, was: &str) -> Result<Choice> {
        let typed = Typed {
            mode: mode.to_owned(),
            text: text.to_owned(),
            was: was.to_owned(),
        };
        typed.choice("monthly", Unit::Credit)
    }
    fn amount(credits: u32) -> Choice {
        Choice::Set(Value::Amount(Amount::credits(credits)))
    }

    #[test]
    fn the_select_and_the_amount_beside_it_are_read_as_meant() {
        for (mode, text, was, meant) in [
            (INHERIT, "", "inherit:", Choice::Inherit),
            (INHERIT, "500", "inherit:", amount(500)),
            (UNLIMITED, "500", "unlimited:", amount(500)),
            (AMOUNT, "500", "inherit:", amount(500)),
            (AMOUNT, "500", "amount:400", amount(500)),
            (INHERIT, "400", "amount:400", Choice::Inherit),
            (UNLIMITED, "400", "amount:400", Choice::Set(Value::Unlimited)),
            (UNLIMITED, "", "inherit:", Choice::Set(Value::Unlimited)),
        ] {
            assert_eq!(choice(mode, text, was).expect("a choice"), meant, "{mode} {text} {was}");
        }
        for (mode, text, was) in [
            (INHERIT, "500", "amount:400"),
            (UNLIMITED, "500", "inherit:"),
            (AMOUNT, "", "inherit:"),
            ("x", "", ""),
        ] {
            assert!(choice(mode, text, was).is_err(), "{mode} {text} {was}");
        }
    }

    #[test]
    fn a_choice_comes_back_from_its_form() {
        for meant in [Choice::Inherit, Choice::Set(Value::Unlimited), amount(1_250)] {
            assert_eq!(Typed::of(meant).choice("daily", Unit::Credit).expect("a choice"), meant);
        }
    }

    #[test]
    fn the_last_day_counts_whole() {
        let zone = Zone::find_or_utc("Europe/Berlin");
        let end = until("until", "2026-11-30", &zone).expect("a day").expect("an end");
        assert_eq!(end.to_string(), "2026-11-30T23:00:00Z");
        assert_eq!(last_day(end, &zone), "2026-11-30");
        assert!(until("until", "30.11.2026", &zone).is_err() && until("until", "9999-12-31", &zone).is_err());
    }
}
