//! Who used nothing in a month: administrators are told once, when it is over (R-ALR-05).

use super::{
    super::{
        period::month_before,
        store::{self, Named},
    },
    Kind, Mark, settings,
};
use crate::{
    access::OrgRef,
    app::App,
    clock::{Timestamp, Zone},
    db::{Read, Tx},
    error::Result,
    ids::{MemberId, OrgId},
    limits::{self, Settings, Window},
    mail::{Mail, address::Address},
    members,
    notifications::{self, News},
};

/// How many organizations are reviewed at once.
const AT_ONCE: i64 = 50;
/// How many people a mail names.
const NAMED: usize = 20;
/// How many people a page lists, and are remembered as told of.
pub(super) const LISTED: i64 = 500;

/// The members who used nothing in a month that is over.
pub(super) struct Found {
    /// When the month began.
    pub(super) month: Timestamp,
    /// How many they are.
    pub(super) count: i64,
    /// The first of them by name.
    pub(super) members: Vec<Named>,
}

/// The members who were there for the whole month before an instant and used nothing in it.
pub(super) async fn find(db: &mut impl Read, org: OrgId, counted: &Settings, now: Timestamp) -> Result<Found> {
    let month = month_before(counted, now);
    let members = store::unused(db, org, month, LISTED).await?;
    let listed = i64::try_from(members.len()).unwrap_or(i64::MAX);
    let count = if listed < LISTED {
        listed
    } else {
        store::count_unused(db, org, month).await?
    };
    Ok(Found { month, count, members })
}

/// The words for a month: "October 2026".
pub(super) fn month_words(month: Timestamp, zone: &Zone) -> String {
    month.instant().to_zoned(zone.tz()).strftime("%B %Y").to_string()
}

/// Looks through the organizations whose month has ended since the last time, and tells their administrators; how many it told of.
pub async fn review(app: &App) -> Result<usize> {
    let now = app.clock.now();
    let due = store::due_reviews(&mut app.db.read(), now, AT_ONCE).await?;
    let mut told = 0;
    for (org, next_at) in due {
        let place = crate::access::org(&mut app.db.read(), org).await?;
        let counted = limits::settings::find(&mut app.db.read(), &place).await?;
        let ends = counted.window(Window::Month, now).end.unwrap_or(now);
        let wish = settings::find(&mut app.db.read(), org).await?;
        // What was there before the first review is no news: the first month that ends after it is the first that is told. Where nobody
        // uses anything, usage is not reported here, and everybody would be named.
        let is_told = next_at.is_some()
            && wish.tells_unused
            && store::used_in(&mut app.db.read(), org, month_before(&counted, now)).await?;
        // A large organization takes its time to be looked through, and nobody's change waits for that.
        let found = if is_told {
            Some(find(&mut app.db.read(), org, &counted, now).await?)
        } else {
            None
        };
        let mut tx = app.db.write().await?;
        if let Some(found) = found {
            told += tell(&mut tx, &place, &found, &counted, now).await?;
        }
        store::save_review(&mut tx, org, ends).await?;
        tx.commit().await?;
    }
    Ok(told)
}

async fn tell(tx: &mut Tx, place: &OrgRef, found: &Found, counted: &Settings, now: Timestamp) -> Result<usize> {
    let org = place.id;
    let marks: Vec<Mark> = found
        .members
        .iter()
        .map(|member| {
            (
                org,
                MemberId::from_raw(member.id),
                Kind::Unused,
                Window::Month,
                found.month,
                0,
            )
        })
        .collect();
    if marks.is_empty() || store::insert_alerts(tx, &marks, now).await?.is_empty() {
        return Ok(0);
    }
    let month = month_words(found.month, counted.zone());
    let link = place.path("/usage/unused");
    let people = crate::web::filters::plural(found.count, "member", "members");
    let mut news = Vec::new();
    for admin in members::administrators(tx, org).await? {
        let Ok(address) = Address::parse(&admin.email) else {
            continue;
        };
        let mail = Mail::UsageUnused {
            organization: place.name.clone(),
            count: found.count,
            names: found
                .members
                .iter()
                .take(NAMED)
                .map(|member| member.name.clone())
                .collect(),
            month: month.clone(),
            path: link.clone(),
        };
        news.push(News {
            to: admin.user_id,
            org: Some(org),
            subject: format!("{people} of {} used nothing in {month}.", place.name),
            link: link.clone(),
            mail: Some((address, mail)),
        });
    }
    notifications::notify_many(tx, notifications::Kind::UsageUnused, news, now).await?;
    Ok(marks.len())
}
