//! Limits of API keys and service accounts: they count beside the limits of their owner and never exceed them (I-22).
//!
//! They are refused when they are set; the owner's own limits are looked at again when a key is used, because they may have fallen since.

use serde_json::{Map, Value as Json, json};

use super::{
    amount::{Amount, Unit},
    policy::{self, Effective, Enforcement, Limit, Put, Scope, Value},
    settings, store,
    window::Window,
};
use crate::{
    access::OrgRef,
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, KeyId, MemberId, OrgId, ServiceId},
};

/// What has such limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An API key.
    Key(KeyId),
    /// A service account.
    Service(ServiceId),
}

impl Subject {
    const fn place(self) -> (Scope, i64) {
        match self {
            Self::Key(id) => (Scope::Key, id.raw()),
            Self::Service(id) => (Scope::Service, id.raw()),
        }
    }
}

/// Above whose limits they may not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A member, with what counts for them now.
    Member(MemberId),
    /// All members of a group together.
    Group(GroupId),
    /// A service account, and the group that cares for it.
    Service(ServiceId, Option<GroupId>),
}

/// How much may be used in a day and in a month; none where nothing of its own counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// In a day.
    pub day: Option<Amount>,
    /// In a month.
    pub month: Option<Amount>,
}

impl Amounts {
    /// The amount of a window.
    pub const fn of(self, window: Window) -> Option<Amount> {
        match window {
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Week | Window::Total => None,
        }
    }
    /// The least of both in each window.
    fn least(self, other: Self) -> Self {
        let least = |one: Option<Amount>, two: Option<Amount>| match (one, two) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            day: least(self.day, other.day),
            month: least(self.month, other.month),
        }
    }
    fn read<'a>(limits: impl Iterator<Item = &'a Limit>) -> Self {
        let mut found = Self::default();
        for limit in limits {
            match limit.window {
                Window::Day => found.day = limit.value.amount(),
                Window::Month => found.month = limit.value.amount(),
                Window::Week | Window::Total => {}
            }
        }
        found
    }
    /// In words: "400 credits a month, 25 credits a day"; empty for nothing.
    pub fn words(self, unit: Unit) -> String {
        let words: Vec<String> = Window::OFFERED
            .into_iter()
            .filter_map(|window| Some(Value::Amount(self.of(window)?).rate(window, unit)))
            .collect();
        words.join(", ")
    }
}

/// The own limits of a key or service account.
pub async fn find(db: &mut impl Read, org: OrgId, subject: Subject) -> Result<Amounts> {
    Ok(Amounts::read(limits(db, org, subject).await?.iter()))
}

/// The own limits of a key or service account, as decisions apply them.
pub async fn limits(db: &mut impl Read, org: OrgId, subject: Subject) -> Result<Vec<Limit>> {
    let (scope, id) = subject.place();
    let rows = store::list_of_subject(db, org, scope, id).await?;
    Ok(rows.iter().map(policy::limit_of).collect())
}

/// What the owner may use: nothing above it makes sense for a key.
pub async fn ceiling(db: &mut impl Read, org: &OrgRef, owner: Owner, now: Timestamp) -> Result<Amounts> {
    match owner {
        Owner::Member(member) => {
            let settings = settings::find(db, org).await?;
            let found: Effective = policy::effective(db, org.id, member, settings.conflict, now).await?;
            Ok(Amounts::read(found.limits.iter()))
        }
        Owner::Group(group) => of_group(db, org.id, group).await,
        Owner::Service(service, group) => {
            let own = find(db, org.id, Subject::Service(service)).await?;
            match group {
                Some(group) => Ok(own.least(of_group(db, org.id, group).await?)),
                None => Ok(own),
            }
        }
    }
}

async fn of_group(db: &mut impl Read, org: OrgId, group: GroupId) -> Result<Amounts> {
    let rows = store::list_of_subject(db, org, Scope::GroupPool, group.raw()).await?;
    let limits: Vec<Limit> = rows.iter().map(policy::limit_of).collect();
    Ok(Amounts::read(limits.iter()))
}

/// Refuses what stands above the owner's limits, or a day above its month.
fn check(wanted: Amounts, ceiling: Amounts, unit: Unit) -> Result<()> {
    for (window, field) in [(Window::Month, "monthly"), (Window::Day, "daily")] {
        if let (Some(wanted), Some(most)) = (wanted.of(window), ceiling.of(window))
            && wanted > most
        {
            let most = most.show(unit);
            return Err(Error::invalid(
                field,
                format!("The {field} limit can’t be higher than what its owner may use: {most}."),
            ));
        }
    }
    if let (Some(day), Some(month)) = (wanted.day, wanted.month)
        && day > month
    {
        let month = month.show(unit);
        return Err(Error::invalid(
            "daily",
            format!("The daily limit can’t be higher than the monthly limit of {month}."),
        ));
    }
    Ok(())
}

/// Sets the own limits as part of a recorded change, none of them above what the owner may use; what the record says before and after, for
/// the windows that differ.
pub(crate) async fn set(
    tx: &mut Tx,
    org: &OrgRef,
    (subject, owner): (Subject, Option<Owner>),
    wanted: Amounts,
    by: &str,
    now: Timestamp,
) -> Result<(Map<String, Json>, Map<String, Json>)> {
    let there = find(tx, org.id, subject).await?;
    let (mut before, mut after, mut puts) = (Map::new(), Map::new(), Vec::new());
    if wanted == there {
        return Ok((before, after));
    }
    let unit = settings::find(tx, org).await?.unit;
    let most = match owner {
        Some(owner) => ceiling(tx, org, owner, now).await?,
        None => Amounts::default(),
    };
    check(wanted, most, unit)?;
    let (scope, of) = subject.place();
    for window in Window::OFFERED {
        let (old, new) = (there.of(window), wanted.of(window));
        if old == new {
            continue;
        }
        let name = format!("{}_limit", window.key());
        before.insert(name.clone(), json!(old.map(|amount| amount.show(unit))));
        after.insert(name, json!(new.map(|amount| amount.show(unit))));
        store::delete_standing(tx, org.id, scope, of, window).await?;
        puts.extend(new.map(|amount| Put {
            scope,
            of,
            window,
            value: Value::Amount(amount),
            enforcement: Enforcement::Hard,
            priority: 0,
            until: None,
            note: String::new(),
        }));
    }
    policy::put(tx, org.id, by, puts, now).await?;
    Ok((before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_22_nothing_stands_above_its_owner() {
        let some = |day: Option<u32>, month: Option<u32>| Amounts {
            day: day.map(Amount::credits),
            month: month.map(Amount::credits),
        };
        let field = |wanted, most| match check(wanted, most, Unit::Credit) {
            Ok(()) => "",
            Err(Error::Invalid { field, .. }) => field,
            Err(_) => "?",
        };
        assert_eq!(field(some(None, Some(400)), some(None, Some(400))), "");
        assert_eq!(field(some(None, Some(401)), some(None, Some(400))), "monthly");
        assert_eq!(field(some(Some(26), None), some(Some(25), None)), "daily");
        assert_eq!(field(some(Some(9), Some(8)), some(None, None)), "daily");
        assert_eq!(field(some(None, None), some(Some(1), Some(1))), "");
        assert_eq!(
            some(Some(5), None).least(some(Some(3), Some(7))),
            some(Some(3), Some(7))
        );
        assert_eq!(
            some(Some(5), Some(9)).words(Unit::Credit),
            "9 credits a month, 5 credits a day"
        );
    }
}
