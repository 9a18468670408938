//! What time does to keys: notices 30, 14 and 3 days before the end, once each, and the end of older secrets.
//!
//! An end counts from its instant wherever a key is looked up; the worker only tells of it and clears away.

use std::collections::HashSet;

use super::{
    Kind,
    store::{self, Ending, Told},
};
use crate::{
    clock::{Timestamp, Zone, days},
    db::Tx,
    error::Result,
    mail::{Mail, address::Address},
    members,
    notifications::{self, News},
    web::filters,
};

/// How many days before the end people are told.
pub const MARKS: [u64; 3] = [3, 14, 30];

/// Tells of keys that end soon, and forgets secrets whose overlap is over.
pub async fn tidy(tx: &mut Tx, now: Timestamp) -> Result<()> {
    store::settle(tx, now).await?;
    let marks = MARKS.map(|mark| now.plus(days(mark)));
    let mut news = Vec::new();
    for key in store::list_ending(tx, now, marks).await? {
        let left = key.expires_at.since(now);
        let mark = MARKS.into_iter().find(|mark| left <= days(*mark)).unwrap_or(30);
        store::set_warned(tx, key.org_id, key.id, mark as i64).await?;
        let mut told = match key.member_id {
            Some(member) => store::find_owner(tx, key.org_id, member).await?.into_iter().collect(),
            None => store::list_carers(tx, key.org_id, key.group_id, key.created_by, now).await?,
        };
        if told.is_empty() && key.kind != Kind::Personal {
            let admins = members::administrators(tx, key.org_id).await?;
            told.extend(admins.into_iter().map(|admin| Told {
                user_id: admin.user_id,
                email: admin.email,
            }));
        }
        let mut seen = HashSet::new();
        for person in told.into_iter().filter(|person| seen.insert(person.user_id)) {
            let Ok(address) = Address::parse(&person.email) else {
                continue;
            };
            news.push(News {
                to: person.user_id,
                org: Some(key.org_id),
                subject: subject(&key),
                link: link(&key),
                mail: Some((address, mail(&key))),
            });
        }
    }
    notifications::notify_many(tx, notifications::Kind::KeyExpiring, news, now).await
}

fn is_own(key: &Ending) -> bool {
    key.kind == Kind::Personal
}

fn subject(key: &Ending) -> String {
    let zone = Zone::find_or_utc(&key.zone);
    let end = filters::long_date(key.expires_at.micros(), &zone.tz());
    format!("The API key {} of {} expires on {end}.", key.name, key.organization)
}

fn link(key: &Ending) -> String {
    let own = if is_own(key) { "own/" } else { "" };
    format!("/o/{}/keys/{own}{}", key.slug, key.id)
}

fn mail(key: &Ending) -> Mail {
    Mail::KeyExpiring {
        organization: key.organization.clone(),
        name: key.name.clone(),
        path: link(key),
        is_own: is_own(key),
        ends_at: key.expires_at,
        zone: key.zone.clone(),
    }
}
