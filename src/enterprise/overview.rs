//! The figures of the overview.

use jiff::ToSpan as _;

use super::store::{self, Kind, Size};
use crate::{
    access::Role,
    clock::{Timestamp, Zone},
    db::Read,
    error::Result,
};

/// How many organizations the overview names.
pub const LARGEST: i64 = 12;

/// The enterprise in figures; archived organizations are left out but for their number.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Different people with a membership.
    pub people: i64,
    /// People who are active in at least one organization.
    pub active_people: i64,
    /// Memberships.
    pub memberships: i64,
    /// People in two or more organizations.
    pub several: i64,
    /// Active organizations.
    pub organizations: i64,
    /// Archived organizations.
    pub archived: i64,
    /// Invitations that can still be accepted.
    pub invited: i64,
    /// The largest organizations.
    pub largest: Vec<Size>,
    /// Memberships by role and status.
    pub kinds: Vec<Kind>,
    /// The twelve months to today: their first instants, and how many of today's memberships had begun by their ends.
    pub months: Vec<(Timestamp, i64)>,
}

impl Figures {
    /// Memberships whose role is one of these.
    pub fn with_roles(&self, roles: &[Role]) -> i64 {
        self.sum(|kind| roles.contains(&kind.role))
    }
    /// Memberships with this status.
    pub fn with_status(&self, status: i64) -> i64 {
        self.sum(|kind| kind.status == status)
    }
    fn sum(&self, fits: impl Fn(&Kind) -> bool) -> i64 {
        self.kinds.iter().filter(|kind| fits(kind)).map(|kind| kind.n).sum()
    }
}

/// Counts.
pub async fn count(db: &mut impl Read, zone: &Zone, now: Timestamp) -> Result<Figures> {
    let (organizations, archived) = store::count_organizations(db).await?;
    let kinds = store::list_kinds(db).await?;
    let several = store::find_several(db).await?;
    let memberships: i64 = kinds.iter().map(|kind| kind.n).sum();
    let active: i64 = kinds.iter().filter(|kind| kind.status == 1).map(|kind| kind.n).sum();
    let edges = months(zone, now);
    let mut before = [now; 12];
    // A month's end is the next one's beginning; the present month ends now, this instant included.
    for (end, start) in before.iter_mut().zip(edges.iter().skip(1)) {
        *end = *start;
    }
    before[11] = Timestamp::from_micros(now.micros() + 1);
    let joined = store::count_joined(db, before).await?;
    Ok(Figures {
        people: memberships - several.extra,
        active_people: active - several.extra_active,
        memberships,
        several: several.people,
        organizations,
        archived,
        invited: store::count_invited(db, now).await?,
        largest: store::list_largest(db, LARGEST).await?,
        kinds,
        months: edges.into_iter().zip(joined).collect(),
    })
}

/// The first instants of the present month and the eleven before it, oldest first.
fn months(zone: &Zone, now: Timestamp) -> Vec<Timestamp> {
    let this = now.instant().to_zoned(zone.tz()).date().first_of_month();
    (0..12_i64)
        .rev()
        .map(|back| {
            let first = this.checked_sub(back.months()).unwrap_or(this);
            first
                .to_zoned(zone.tz())
                .map_or(now, |at| Timestamp::from_micros(at.timestamp().as_microsecond()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_in_the_zone() {
        let now = Timestamp::from_secs(1_795_251_600); // 21 November 2026
        let starts = months(&Zone::find_or_utc("Europe/Berlin"), now);
        assert_eq!(starts.len(), 12);
        assert_eq!(starts[0].to_string(), "2025-11-30T23:00:00Z");
        assert_eq!(starts[11].to_string(), "2026-10-31T23:00:00Z");
        assert_eq!(starts[6].to_string(), "2026-05-31T22:00:00Z");
    }
}
