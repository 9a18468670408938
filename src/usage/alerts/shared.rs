//! Alerts about limits that many share: of an organization, a group or a credit pool (B-11).

use std::collections::{HashMap, HashSet};

use super::{super::store, super::views::words, Reader, limit_mail};
use crate::{
    access::{self, OrgRef},
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    gate::LimitState,
    groups,
    ids::{GroupId, OrgId, PoolId, UserId},
    limits::{Window, amount::Unit},
    mail::address::Address,
    members,
    metering::{Account, Scope},
    notifications::{self, News},
    web::filters::{date_time, percent},
};

/// What makes an alert the same as another one: of what, which window, when that began, and which part of the limit.
pub type SharedMark = (OrgId, Scope, i64, Window, Timestamp, i64);

/// An alert that may have been sent already.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    mark: SharedMark,
    state: LimitState,
    unit: Unit,
}

/// The alert that a part of a shared limit is used; none for a limit of one's own.
pub(super) fn alert(account: &Account, state: &LimitState, part: i64, unit: Unit) -> Option<Alert> {
    let id = match state.scope {
        Scope::Organization => account.org.raw(),
        Scope::Group => account.group?.raw(),
        Scope::Pool => account.pool?.raw(),
        _ => return None,
    };
    Some(Alert {
        mark: (account.org, state.scope, id, state.window, state.since, part),
        state: state.clone(),
        unit,
    })
}

/// Remembers the alerts that are new and tells them; how many there were.
pub(super) async fn send(app: &App, alerts: Vec<Alert>) -> Result<usize> {
    let now = app.clock.now();
    // Many spend from the same limit, and of several parts of it the largest is told.
    let marks: HashSet<SharedMark> = alerts.iter().map(|alert| alert.mark).collect();
    let mut largest: HashMap<(OrgId, Scope, i64, Window), Alert> = HashMap::new();
    for alert in alerts {
        let (org, scope, id, window, _, part) = alert.mark;
        let kept = largest.entry((org, scope, id, window)).or_insert_with(|| alert.clone());
        if kept.mark.5 < part {
            *kept = alert;
        }
    }
    let mut tx = app.db.write().await?;
    let marks: Vec<SharedMark> = marks.into_iter().collect();
    let new = store::insert_shared_alerts(&mut tx, &marks, now).await?;
    let mut told: Vec<Alert> = largest
        .into_values()
        .filter(|alert| new.contains(&alert.mark))
        .collect();
    told.sort_by_key(|alert| alert.mark);
    let mut news: HashMap<notifications::Kind, Vec<News>> = HashMap::new();
    for of_org in told.chunk_by(|one, other| one.mark.0 == other.mark.0) {
        let org = access::org(&mut tx, of_org[0].mark.0).await?;
        let admins = members::administrators(&mut tx, org.id).await?;
        for alert in of_org {
            let kind = if alert.state.is_over() {
                notifications::Kind::LimitReached
            } else {
                notifications::Kind::LimitNear
            };
            let (id, mut leads) = (alert.mark.2, Vec::new());
            let (whose, link) = match alert.mark.1 {
                Scope::Group => {
                    let group = GroupId::from_raw(id);
                    let name = match groups::group::profile(&mut tx, org.id, group).await {
                        Ok(found) => found.name,
                        Err(Error::NotFound) => continue, // it was removed meanwhile
                        Err(error) => return Err(error),
                    };
                    leads = store::list_leads_of(&mut tx, org.id, group, now).await?;
                    (name, format!("/o/{}/groups/{group}", org.slug))
                }
                Scope::Pool => {
                    let pool = PoolId::from_raw(id);
                    let name = format!("The credit pool {}", alert.state.source);
                    (name, format!("/o/{}/credits/{pool}", org.slug))
                }
                _ => (org.name.clone(), format!("/o/{}/usage", org.slug)),
            };
            let of = Of {
                org: &org,
                whose,
                link,
                now,
            };
            let mut heard: HashSet<UserId> = HashSet::new();
            let admins = admins.iter().map(|admin| (admin.user_id, &admin.email, false));
            let all = admins.chain(leads.iter().map(|(user, email)| (*user, email, true)));
            let all = all.filter(|(user, ..)| heard.insert(*user));
            let told = all.filter_map(|(user, email, is_lead)| of.news(alert, user, email, is_lead));
            news.entry(kind).or_default().extend(told);
        }
    }
    for (kind, news) in news {
        notifications::notify_many(&mut tx, kind, news, now).await?;
    }
    tx.commit().await?;
    Ok(told.len())
}

/// Of what an alert tells.
struct Of<'a> {
    org: &'a OrgRef,
    whose: String,
    link: String,
    now: Timestamp,
}

impl Of<'_> {
    fn news(&self, alert: &Alert, to: UserId, email: &str, is_lead: bool) -> Option<News> {
        let (state, place, whose) = (&alert.state, &self.org.name, &self.whose);
        let limit = match state.scope {
            Scope::Pool => "credits in it".to_owned(),
            _ => format!("{} limit", state.window.adjective().to_lowercase()),
        };
        let whole = state.limit.micros();
        let (used, amount) = (words(state.spent, alert.unit), words(whole, alert.unit));
        let subject = if alert.state.is_over() {
            format!("{whose} has used up the {limit} at {place}: {used} of {amount}.")
        } else {
            let reached = state.reached_at(self.now).map_or_else(String::new, |at| {
                format!(
                    " At this pace it is used up on {}.",
                    date_time(at.micros(), &self.org.zone.tz())
                )
            });
            let part = percent(state.spent, whole);
            format!("{whose} has used {part} of the {limit} at {place}: {used} of {amount}.{reached}")
        };
        let reader = Reader {
            organization: place,
            whose: Some(whose),
            group: is_lead.then(|| whose.clone()),
            zone: self.org.zone.name(),
            path: &self.link,
        };
        let mail = limit_mail(state, alert.unit, limit, reader, self.now);
        Some(News {
            to,
            org: Some(self.org.id),
            subject,
            link: self.link.clone(),
            mail: Some((Address::parse(email).ok()?, mail)),
        })
    }
}
