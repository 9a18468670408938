//! What is reported as used: one event, its identity and its time.

use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::{Timestamp, days, minutes},
    error::{Error, Result},
};

/// The largest amount or quantity of one event, in millionths: a billion.
pub const MOST: i64 = 1_000_000_000_000_000;
/// How old an event may be when it comes.
pub const LATEST: std::time::Duration = days(35);
/// How far ahead of our clock an event's time may be.
pub const AHEAD: std::time::Duration = minutes(5);
/// How long the names of sources, activities, apps and flows are, in characters, and how long ids are.
const LONGEST: usize = 200;

/// What kind of row of the ledger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// Something was used.
    Usage = 1,
    /// A correction, which may be below zero.
    Adjustment = 2,
}

/// More was used than was reserved.
pub const EXCESS: i64 = 1;
/// It came after its reservation had ended, or after its day.
pub const LATE: i64 = 2;
/// It corrects earlier rows.
pub const CORRECTION: i64 = 4;
/// It was reported after the fact, without asking whether there was room.
pub const REPORTED: i64 = 8;
/// A soft limit was over.
pub const OVER_SOFT: i64 = 16;

/// One event as its source tells it. Source and id are its identity: told again, it is counted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Who tells it.
    pub source: String,
    /// Its id there.
    pub id: String,
    /// Usage or a correction.
    pub kind: Kind,
    /// Micro-credits.
    pub amount: i64,
    /// How many units of whatever it counts, in millionths.
    pub quantity: i64,
    /// The price of a credit at the time, in millionths of the pool's currency; without it, the pool's own.
    pub unit_price: Option<i64>,
    /// When it happened; without it the id's time counts, or else the first arrival.
    pub at: Option<Timestamp>,
    /// What was done, such as "api.request".
    pub activity: Option<Arc<str>>,
    /// In which app.
    pub app: Option<Arc<str>>,
    /// In which flow.
    pub flow: Option<Arc<str>>,
}

/// The identity of an event in an organization, without its time.
pub type Key = [u8; 16];

impl Usage {
    /// Usage of an amount, with an identity and nothing else.
    pub fn new(source: impl Into<String>, id: impl Into<String>, amount: i64) -> Self {
        Self {
            source: source.into(),
            id: id.into(),
            kind: Kind::Usage,
            amount,
            quantity: 0,
            unit_price: None,
            at: None,
            activity: None,
            app: None,
            flow: None,
        }
    }
    /// All that it says but its source and id, for which its key stands from then on.
    pub(super) fn said(&self) -> Self {
        Self {
            source: String::new(),
            id: String::new(),
            kind: self.kind,
            amount: self.amount,
            quantity: self.quantity,
            unit_price: self.unit_price,
            // The id may say when.
            at: self.time(),
            activity: self.activity.clone(),
            app: self.app.clone(),
            flow: self.flow.clone(),
        }
    }
    /// Its key in the ledger.
    pub fn key(&self) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.source.as_bytes());
        hash.update([0]);
        hash.update(self.id.as_bytes());
        let full: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&full[..16]);
        key
    }
    /// A number made of all that it says and of whom it charges, by which a repetition is told from another event under the same key.
    pub fn digest(&self, charged: &super::Account) -> i64 {
        let mut hash = Sha256::new();
        let numbers = [
            self.kind as i64,
            self.amount,
            self.quantity,
            self.unit_price.unwrap_or(-1),
            charged.member.map_or(0, |id| id.raw()),
            charged.service_account.unwrap_or(0),
            charged.key.unwrap_or(0),
        ];
        for number in numbers {
            hash.update(number.to_le_bytes());
        }
        for name in [&self.activity, &self.app, &self.flow] {
            let name = name.as_deref();
            hash.update([u8::from(name.is_some())]);
            hash.update(name.unwrap_or_default().as_bytes());
            hash.update([0]);
        }
        let full: [u8; 32] = hash.finalize().into();
        i64::from_le_bytes([full[0], full[1], full[2], full[3], full[4], full[5], full[6], full[7]])
    }
    /// When it says that it happened, itself or by its id.
    pub fn time(&self) -> Option<Timestamp> {
        self.at.or_else(|| time_of_id(&self.id))
    }
    /// Refuses what cannot be booked; the error names the field and the remedy.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        for (field, text) in [("source", &self.source), ("id", &self.id)] {
            if text.is_empty() {
                return Err(Error::invalid(
                    field,
                    format!("Give the event's {field}: together, source and id make it count once."),
                ));
            }
            check_text(field, text)?;
        }
        check_words(self.activity.as_deref(), self.app.as_deref(), self.flow.as_deref())?;
        if self.amount < 0 && self.kind != Kind::Adjustment {
            return Err(Error::invalid(
                "amount",
                "Usage is not negative. Send a correction to take something back.",
            ));
        }
        check_amount("amount", self.amount.saturating_abs())?;
        check_amount("quantity", self.quantity.saturating_abs())?;
        if let Some(price) = self.unit_price {
            check_amount("unit_price", price)?;
        }
        match self.time() {
            Some(at) if at > now.plus(AHEAD) => Err(Error::invalid(
                "time",
                "The event lies in the future. Check the clock of whoever sends it.",
            )),
            Some(at) if at < now.minus(LATEST) => Err(Error::invalid(
                "time",
                "The event is older than 35 days. Send a correction with a present time instead.",
            )),
            _ => Ok(()),
        }
    }
}

/// Refuses names of an activity, an app or a flow that cannot be booked.
pub fn check_words(activity: Option<&str>, app: Option<&str>, flow: Option<&str>) -> Result<()> {
    for (field, name) in [("activity_type", activity), ("app", app), ("flow", flow)] {
        if let Some(name) = name {
            if name.is_empty() {
                return Err(Error::invalid(field, format!("Leave {field} out, or give it a name.")));
            }
            check_text(field, name)?;
        }
    }
    Ok(())
}

/// Refuses an amount below zero or above the largest one.
pub fn check_amount(field: &'static str, amount: i64) -> Result<()> {
    match amount {
        0..=MOST => Ok(()),
        ..0 => Err(Error::invalid(
            field,
            format!("The {field} is below zero. Send zero or more."),
        )),
        _ => Err(Error::invalid(
            field,
            format!("The {field} is above a billion. Split it into several events."),
        )),
    }
}

fn check_text(field: &'static str, text: &str) -> Result<()> {
    // A character has at least one byte.
    if text.len() > LONGEST && text.chars().count() > LONGEST {
        return Err(Error::invalid(
            field,
            format!("The {field} is longer than {LONGEST} characters. Use a shorter one."),
        ));
    }
    if text.contains('\0') {
        return Err(Error::invalid(
            field,
            format!("The {field} holds a character that cannot be stored. Leave it out."),
        ));
    }
    Ok(())
}

/// The time inside a UUID of version 7 or a ULID; none for any other id.
pub fn time_of_id(id: &str) -> Option<Timestamp> {
    let millis = match id.len() {
        36 => uuid_millis(id),
        26 => ulid_millis(id),
        _ => None,
    }?;
    Some(Timestamp::from_micros(millis.checked_mul(1_000)?))
}

fn uuid_millis(id: &str) -> Option<i64> {
    let dashes = [8, 13, 18, 23];
    let is_shaped = id
        .bytes()
        .enumerate()
        .all(|(place, byte)| (byte == b'-') == dashes.contains(&place));
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
    let is_seventh = bytes.len() == 16 && bytes[6] >> 4 == 7 && bytes[8] >> 6 == 0b10;
    (is_shaped && is_seventh).then(|| bytes[..6].iter().fold(0, |sum, byte| (sum << 8) | i64::from(*byte)))
}

fn ulid_millis(id: &str) -> Option<i64> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let value = |byte: u8| DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
    let digits: Option<Vec<usize>> = id.bytes().map(value).collect();
    let digits = digits.filter(|digits| digits[0] < 8)?;
    Some(digits[..10].iter().fold(0, |sum, digit| (sum << 5) | *digit as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        ids::{MemberId, OrgId},
        metering::Account,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_795_251_600);

    fn field(usage: &Usage) -> Option<&'static str> {
        match usage.check(NOW) {
            Ok(()) => None,
            Err(Error::Invalid { field, message }) => {
                assert!(message.ends_with('.'), "{message}");
                Some(field)
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn times_are_read_out_of_ids_that_have_them() {
        let at = |text| time_of_id(text).map(|at| at.to_string());
        assert_eq!(
            at("017F22E2-79B0-7CC3-98C4-DC0C0C07398F").as_deref(),
            Some("2022-02-22T19:22:22Z"),
            "the example of RFC 9562"
        );
        assert_eq!(
            at("01ARZ3NDEKTSV4RRFFQ69G5FAV").as_deref(),
            Some("2016-07-30T23:54:10.259Z")
        );
        assert_eq!(
            at("017F22E2-79B0-4CC3-98C4-DC0C0C07398F"),
            None,
            "version 4 has no time"
        );
        assert_eq!(at("81ARZ3NDEKTSV4RRFFQ69G5FAV"), None, "more than 128 bits");
        assert_eq!(at("order-17"), None);
    }

    proptest! {
        #[test]
        fn reading_a_time_never_panics(text in "\\PC{0,40}") {
            let _ = time_of_id(&text);
        }

        #[test]
        fn another_event_has_another_key(one in "[a-z]{1,3}", two in "[a-z]{1,3}") {
            let key = |source: &str, id: &str| Usage::new(source, id, 1).key();
            prop_assert_eq!(key(&one, &two) == key("ab", "c"), one == "ab" && two == "c");
        }
    }

    #[test]
    fn what_cannot_be_booked_names_its_field() {
        let good = Usage::new("host", "1", 5);
        assert_eq!(field(&good), None);
        let with = |change: &dyn Fn(&mut Usage)| {
            let mut usage = good.clone();
            change(&mut usage);
            field(&usage)
        };
        assert_eq!(with(&|usage| usage.amount = -1), Some("amount"));
        assert_eq!(with(&|usage| usage.amount = MOST + 1), Some("amount"));
        assert_eq!(with(&|usage| usage.amount = i64::MAX), Some("amount"));
        assert_eq!(with(&|usage| usage.amount = i64::MIN), Some("amount"));
        assert_eq!(with(&|usage| usage.quantity = i64::MIN), Some("quantity"));
        assert_eq!(with(&|usage| usage.unit_price = Some(-1)), Some("unit_price"));
        assert_eq!(with(&|usage| usage.id.clear()), Some("id"));
        assert_eq!(with(&|usage| usage.source = "x".repeat(201)), Some("source"));
        assert_eq!(with(&|usage| usage.app = Some("a\0b".into())), Some("app"));
        assert_eq!(with(&|usage| usage.at = Some(NOW.plus(minutes(6)))), Some("time"));
        assert_eq!(with(&|usage| usage.at = Some(NOW.plus(minutes(4)))), None);
        assert_eq!(with(&|usage| usage.at = Some(NOW.minus(days(36)))), Some("time"));
        assert_eq!(with(&|usage| (usage.kind, usage.amount) = (Kind::Adjustment, -7)), None);
    }

    #[test]
    fn everything_that_is_said_is_in_the_digest() {
        let org = OrgId::from_raw(1);
        let ann = Account::member(org, MemberId::from_raw(1));
        let ben = Account::member(org, MemberId::from_raw(2));
        let one = Usage::new("host", "1", 5);
        let mut others = vec![one.clone(); 6];
        others[0].amount = 6;
        others[1].quantity = 1;
        others[2].activity = Some("a".into());
        others[3].app = Some("a".into());
        others[4].kind = Kind::Adjustment;
        others[5].unit_price = Some(0);
        let mut digests: Vec<i64> = others.iter().map(|usage| usage.digest(&ann)).collect();
        digests.extend([one.digest(&ann), one.digest(&ben)]);
        assert_eq!(one.digest(&ann), one.clone().digest(&ann));
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 8);
    }
}
