//! What one person has used in all of their organizations (R-CRD-01, R-CRD-04): for themselves, and for who looks after the enterprise.

use super::{
    figures::Share,
    store::{self, Membership},
    views::{ShareRow, Shares, Stat, words},
};
use crate::{db::Read, error::Result, ids::UserId, limits::amount::Unit, web::filters::plural};

/// What a person has used since the beginning, by organization.
pub struct Across {
    /// All of it together.
    pub total: Stat,
    /// One row for each organization.
    pub table: Shares,
}

/// What an organization counts in, as its row says.
fn unit_of(place: &Membership) -> Unit {
    match place.display_unit {
        Some(2) => place
            .currency
            .as_deref()
            .and_then(Unit::currency)
            .unwrap_or(Unit::Credit),
        _ => Unit::Credit,
    }
}

/// What a person has used; none for whoever belongs to one organization alone. `href` gives a membership's page of usage.
pub async fn load(
    db: &mut impl Read,
    user: UserId,
    href: impl Fn(&Membership) -> Option<String>,
) -> Result<Option<Across>> {
    let places = store::list_memberships(db, user).await?;
    if places.len() < 2 {
        return Ok(None);
    }
    // What is counted in different units is not added up.
    let mut sums: Vec<(Unit, i64)> = Vec::new();
    for place in &places {
        let unit = unit_of(place);
        match sums.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, sum)) => *sum = sum.saturating_add(place.amount),
            None => sums.push((unit, place.amount)),
        }
    }
    let whole = match sums.as_slice() {
        [(_, sum)] if *sum > 0 => Some(*sum),
        _ => None,
    };
    let row = |place: &Membership| {
        let share = Share {
            id: Some(place.member.raw()),
            name: place.organization.clone(),
            amount: place.amount,
            events: place.events,
            is_rest: false,
        };
        let mut row = ShareRow::new(&share, whole.unwrap_or(i64::MAX), unit_of(place));
        row.href = href(place);
        if whole.is_none() {
            row.part.clear();
        }
        row
    };
    let figures: Vec<String> = sums.iter().map(|(unit, sum)| words(*sum, *unit)).collect();
    Ok(Some(Across {
        total: Stat {
            label: "In all organizations".to_owned(),
            figure: figures.join(" + "),
            detail: plural(places.len() as i64, "organization", "organizations"),
            meter: None,
            hint: String::new(),
        },
        table: Shares {
            id: "by-organization",
            title: "By organization, since the beginning",
            rows: places.iter().map(row).collect(),
        },
    }))
}
