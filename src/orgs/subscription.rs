//! The subscription record of an organization: what was agreed with whoever runs the platform, and how many may work here.
//!
//! Muster takes no payments; it keeps the record, and counts the seats when people join or are invited (`members::member::seats`).

use serde_json::{Value, json};

pub use super::store::Subscription;
use super::{org, settings::changes, store};
use crate::{
    access::{Can, permission::BillingManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    text,
};

/// The most seats that can be agreed.
pub const MOST_SEATS: i64 = 1_000_000;

/// The record; an empty one while nobody has kept any.
pub async fn find(db: &mut impl Read, org: OrgId) -> Result<Subscription> {
    Ok(store::find_subscription(db, org).await?.unwrap_or_default())
}

/// Reads a number of seats; nothing means no limit.
pub fn parse_seats(typed: &str) -> Result<Option<i64>> {
    let digits = typed.trim().replace([',', ' ', '\u{202f}', '\u{a0}'], "");
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse::<i64>() {
        Ok(seats) if (1..=MOST_SEATS).contains(&seats) => Ok(Some(seats)),
        _ => Err(Error::invalid(
            "seats",
            "Write a whole number from 1 to 1,000,000, or leave the field empty for no limit.",
        )),
    }
}

/// Reads a day as date fields send it; nothing means none.
pub fn parse_day(typed: &str) -> Result<String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(String::new());
    }
    let day: jiff::civil::Date = typed
        .parse()
        .map_err(|_| Error::invalid("renews_on", "Write the day as in 2027-03-31, or leave the field empty."))?;
    if !(2000..=2999).contains(&day.year()) {
        return Err(Error::invalid("renews_on", "Choose a day between 2000 and 2999."));
    }
    Ok(day.to_string())
}

/// Keeps the record; `new.version` is the one that the editor saw. A limit below what is used throws nobody out.
pub async fn update(tx: &mut Tx, by: &Can<BillingManage>, new: Subscription, now: Timestamp) -> Result<()> {
    let org = org::find(tx, by.org().id).await?;
    let before = find(tx, org.id).await?;
    if before.version != new.version {
        return Err(org::stale(&org));
    }
    let optional = |field, what, typed: &str, most| match typed.trim() {
        "" => Ok(String::new()),
        typed => text::line(field, what, typed, most),
    };
    let after = Subscription {
        plan: optional("plan", "A plan", &new.plan, 80)?,
        reference: optional("reference", "A reference", &new.reference, 80)?,
        billing_contact: optional("billing_contact", "A billing contact", &new.billing_contact, 200)?,
        ..new
    };
    let (was, is) = changes(&fields(&before), &fields(&after));
    if is.is_null() {
        return Ok(());
    }
    if store::put_subscription(tx, org.id, &after).await? == 0 {
        return Err(org::stale(&org));
    }
    let object = Object::new("subscription", org.id.raw(), &org.name);
    let entry = Entry::done(Action::SubscriptionUpdate, object, was, is);
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

fn fields(of: &Subscription) -> [(&'static str, Value); 5] {
    [
        ("plan", json!(of.plan)),
        ("seats", json!(of.seats)),
        ("renews_on", json!(of.renews_on)),
        ("reference", json!(of.reference)),
        ("billing_contact", json!(of.billing_contact)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_org_04_seats_and_days_are_read_as_people_write_them() {
        assert_eq!(parse_seats(" ").unwrap(), None);
        assert_eq!(parse_seats("1,200").unwrap(), Some(1_200));
        assert_eq!(parse_seats(" 1 000 000 ").unwrap(), Some(MOST_SEATS));
        for bad in ["0", "-1", "1.5", "many", "1000001", "99999999999999999999", "1e3"] {
            assert!(
                matches!(parse_seats(bad), Err(Error::Invalid { field: "seats", .. })),
                "{bad}"
            );
        }
        assert_eq!(parse_day("2027-03-31").unwrap(), "2027-03-31");
        assert_eq!(parse_day("").unwrap(), "");
        for bad in ["2027-02-30", "31.3.2027", "1999-12-31", "tomorrow"] {
            assert!(
                matches!(parse_day(bad), Err(Error::Invalid { field: "renews_on", .. })),
                "{bad}"
            );
        }
    }
}
