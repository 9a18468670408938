//! Alerts about usage: parts of a limit that are used, days unlike others, and members who used nothing, once for each window of them
//! (R-ALR-01 to R-ALR-05, B-11).
//!
//! Members hear of their own limits; of those that many share, an organization's, a group's or a credit pool's, the administrators and
//! whoever leads the group (`shared`).
//!
//! The gate notes who has spent; every half minute those alone are looked at, so that the cost follows what is used and not how many
//! members there are. After a start those are looked at who spent something on the same day.

mod handlers;
pub mod settings;
mod shared;
mod unused;
pub mod views;

use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) use handlers::{edit, unused, update};
pub(super) use shared::SharedMark;
pub use unused::review;

use super::{
    period::buckets,
    store::{self, Lead, Person},
    views::words,
};
use crate::{
    app::App,
    clock::{Timestamp, Zone, days},
    error::Result,
    gate::{LimitState, Principal, Who},
    ids::{GroupId, MemberId, OrgId, UserId},
    limits::{self, Enforcement, Window, amount::Unit},
    mail::{Mail, address::Address},
    members::{self, Admin},
    metering::Scope,
    notifications::{self, News},
    web::filters::{date_time, percent},
};
use settings::Settings;

/// How many days an ordinary day is reckoned from.
const DAYS: u64 = 28;
/// On how many of them something must have been used before a day can be unlike them.
const ORDINARY: i64 = 5;
/// How many people are told in one transaction, which nobody else's waits long for.
const TOGETHER: usize = 200;
/// How many people at most are looked at after a start.
const RESUMED: i64 = 20_000;

/// What an alert is about, as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// A part of a limit is used.
    Limit = 1,
    /// A day is unlike others.
    Spike = 2,
    /// Nothing was used in a month.
    Unused = 3,
}

/// What makes an alert the same as another one: of whom, what, which window, when that began, and which part of a limit.
pub(super) type Mark = (OrgId, MemberId, Kind, Window, Timestamp, i64);

/// What is told.
#[derive(Debug, Clone)]
enum What {
    /// A part of a limit is used.
    Limit(Box<LimitState>),
    /// So much was used today, and so much is on an ordinary day.
    Spike(i64, i64),
}

/// An alert that may have been sent already.
#[derive(Debug, Clone)]
struct Alert {
    mark: Mark,
    what: What,
    unit: Unit,
    tells_admins: bool,
}

impl Alert {
    fn is_over(&self) -> bool {
        matches!(&self.what, What::Limit(state) if state.is_over())
    }
    /// Whether administrators hear of it too, and who leads a group of the member's.
    fn concerns_others(&self) -> bool {
        match &self.what {
            What::Limit(state) => self.tells_admins && self.is_over() && state.enforcement == Enforcement::Hard,
            What::Spike(..) => true,
        }
    }
    const fn kind_for_others(&self) -> notifications::Kind {
        match self.what {
            What::Limit(_) => notifications::Kind::LimitReached,
            What::Spike(..) => notifications::Kind::UsageSpike,
        }
    }
    const fn kind(&self) -> notifications::Kind {
        match self.what {
            What::Limit(_) => notifications::Kind::LimitNear,
            What::Spike(..) => notifications::Kind::UsageSpike,
        }
    }
}

/// The parts that are used of a limit, of those that are told.
fn parts_used<'a>(state: &LimitState, parts: &'a [i64]) -> impl Iterator<Item = i64> + use<'a> {
    let (spent, whole) = (i128::from(state.spent), i128::from(state.limit.micros()));
    let used = if whole > 0 { spent.max(0) * 100 / whole } else { 0 };
    parts.iter().copied().filter(move |part| used >= i128::from(*part))
}

/// Tells whoever has used a part of a limit, or far more than usual, since the last time; how many alerts were new.
pub async fn run(app: &App) -> Result<usize> {
    let spenders = app.gate.take_spenders();
    let told = tell_all(app, &spenders).await;
    if told.is_err() {
        app.gate.note_spenders(spenders); // they are looked at again
    }
    told
}

/// Notes who has spent something today, in case the program ended before it had told them.
pub async fn resume(app: &App) -> Result<()> {
    let since = app.clock.now().minus(days(1)); // a day that runs began since then, in whatever zone
    let spenders = store::last_spenders(&mut app.db.read(), since, RESUMED).await?;
    let spenders = spenders.into_iter().filter_map(|(org, scope, id)| {
        let principal = match scope {
            Scope::Member => Principal::Member(MemberId::from_raw(id)),
            Scope::Group => Principal::Group(GroupId::from_raw(id)),
            Scope::ServiceAccount => Principal::ServiceAccount(id),
            _ => return None,
        };
        Some((org, principal))
    });
    app.gate.note_spenders(spenders.collect());
    Ok(())
}

async fn tell_all(app: &App, spenders: &[(OrgId, Principal)]) -> Result<usize> {
    let mut told = 0;
    for some in spenders.chunks(TOGETHER) {
        told += tell(app, some).await?;
    }
    Ok(told)
}

async fn tell(app: &App, spenders: &[(OrgId, Principal)]) -> Result<usize> {
    let (mut alerts, mut shared) = (Vec::new(), Vec::new());
    let mut wishes: HashMap<OrgId, Settings> = HashMap::new();
    for (org, principal) in spenders {
        let who = Who {
            org: *org,
            principal: *principal,
            key: None,
        };
        let Some((caller, limits)) = app.gate.quota(&who).await? else {
            continue;
        };
        if !wishes.contains_key(org) {
            wishes.insert(*org, settings::find(&mut app.db.read(), *org).await?);
        }
        let (Some(wish), counted) = (wishes.get(org), &caller.plan.org.settings) else {
            continue;
        };
        let alert = |mark, what| Alert {
            mark,
            what,
            unit: counted.unit,
            tells_admins: wish.tells_admins,
        };
        for state in &limits {
            let parts = parts_used(state, &wish.parts);
            shared.extend(parts.filter_map(|part| shared::alert(&caller.plan.account, state, part, counted.unit)));
        }
        let Principal::Member(member) = principal else {
            continue;
        };
        for state in limits.into_iter().filter(|state| state.scope == Scope::Member) {
            for part in parts_used(&state, &wish.parts) {
                let mark = (*org, *member, Kind::Limit, state.window, state.since, part);
                alerts.push(alert(mark, What::Limit(Box::new(state.clone()))));
            }
        }
        if wish.spike_factor > 0
            && let Some((start, used, ordinary)) = spike(app, (*org, *member), counted, wish.spike_factor).await?
        {
            let mark = (*org, *member, Kind::Spike, Window::Day, start, 0);
            alerts.push(alert(mark, What::Spike(used, ordinary)));
        }
    }
    let mut told = 0;
    if !alerts.is_empty() {
        told += send(app, alerts).await?;
    }
    if !shared.is_empty() {
        told += shared::send(app, shared).await?;
    }
    Ok(told)
}

/// When today began, what was used in it and what is used on an ordinary day, when today is so many times as much.
async fn spike(
    app: &App,
    (org, member): (OrgId, MemberId),
    counted: &limits::Settings,
    factor: i64,
) -> Result<Option<(Timestamp, i64, i64)>> {
    let now = app.clock.now();
    let today = counted.window(Window::Day, now).start;
    let first = counted.window(Window::Day, today.minus(days(DAYS))).start;
    let all = buckets(counted, first, Timestamp::from_micros(now.micros() + 1));
    let Some((_, date)) = all.last().copied() else {
        return Ok(None);
    };
    let starts = store::list(all.iter().map(|(start, _)| start.micros()));
    let sums = store::series(&mut app.db.read(), org, Scope::Member, member.raw(), &starts).await?;
    let mut by_day: BTreeMap<jiff::civil::Date, i64> = BTreeMap::new();
    for sum in sums {
        if let Some((_, day)) = all.iter().find(|(start, _)| *start == sum.start) {
            *by_day.entry(*day).or_default() += sum.amount;
        }
    }
    let used = by_day.remove(&date).unwrap_or_default();
    let before: Vec<i64> = by_day.into_values().filter(|amount| *amount > 0).collect();
    let count = i64::try_from(before.len()).unwrap_or(i64::MAX);
    if count < ORDINARY {
        return Ok(None); // nobody knows yet what is usual
    }
    let ordinary =
        i64::try_from(before.into_iter().map(i128::from).sum::<i128>() / i128::from(count)).unwrap_or(i64::MAX);
    let is_spike = ordinary > 0 && i128::from(used) >= i128::from(ordinary) * i128::from(factor);
    Ok(is_spike.then_some((today, used, ordinary)))
}

/// Remembers the alerts that are new and tells them; how many people's windows were told.
async fn send(app: &App, alerts: Vec<Alert>) -> Result<usize> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let marks: Vec<Mark> = alerts.iter().map(|alert| alert.mark).collect();
    let new = store::insert_alerts(&mut tx, &marks, now).await?;
    // Who passes two parts at once is told of the larger one; a part that is added later below one that was told is not told any more.
    let mut largest: HashMap<(OrgId, MemberId, Kind, Window), Alert> = HashMap::new();
    for alert in alerts {
        let (org, member, kind, window, _, part) = alert.mark;
        let kept = largest
            .entry((org, member, kind, window))
            .or_insert_with(|| alert.clone());
        if kept.mark.5 < part {
            *kept = alert;
        }
    }
    let mut told: Vec<Alert> = largest
        .into_values()
        .filter(|alert| new.contains(&alert.mark))
        .collect();
    told.sort_by_key(|alert| (alert.mark.0, alert.mark.1));
    let mut news: HashMap<notifications::Kind, Vec<News>> = HashMap::new();
    for of_org in told.chunk_by(|one, other| one.mark.0 == other.mark.0) {
        let org = of_org[0].mark.0;
        let members = store::list(of_org.iter().map(|alert| alert.mark.1.raw()));
        let leads = store::list_leads(&mut tx, org, members.clone(), now).await?;
        let people: HashMap<MemberId, Person> = store::list_people(&mut tx, org, members)
            .await?
            .into_iter()
            .map(|person| (person.member, person))
            .collect();
        let admins = members::administrators(&mut tx, org).await?;
        for alert in of_org {
            let Some(person) = people.get(&alert.mark.1) else {
                continue;
            };
            let own = news_of(alert, person, None, now);
            news.entry(alert.kind()).or_default().extend(own);
            if alert.concerns_others() {
                let others = for_others(alert, person, &admins, &leads, now);
                news.entry(alert.kind_for_others()).or_default().extend(others);
            }
        }
    }
    for (kind, news) in news {
        notifications::notify_many(&mut tx, kind, news, now).await?;
    }
    tx.commit().await?;
    Ok(told.len())
}

/// What the administrators are told of a member's alert, and who leads a group of theirs: everybody once, by the first group they lead.
fn for_others(alert: &Alert, person: &Person, admins: &[Admin], leads: &[Lead], now: Timestamp) -> Vec<News> {
    let mut told: HashSet<UserId> = HashSet::from([person.user_id]);
    let admins = admins.iter().map(|admin| (admin.user_id, &admin.email, None));
    let leads = leads.iter().filter(|lead| lead.whose == alert.mark.1);
    let leads = leads.map(|lead| (lead.user_id, &lead.email, Some(lead)));
    let others = admins.chain(leads).filter(|(user, ..)| told.insert(*user));
    others
        .filter_map(|(user_id, email, lead)| {
            let to = Person {
                user_id,
                email: email.clone(),
                ..person.clone()
            };
            news_of(alert, &to, Some((&person.name, lead)), now)
        })
        .collect()
}

/// Who reads a mail about a limit, and of whose.
struct Reader<'a> {
    organization: &'a str,
    /// None for one's own.
    whose: Option<&'a str>,
    /// The group that its reader leads.
    group: Option<String>,
    /// In which times are written.
    zone: &'a str,
    /// Where more of it stands.
    path: &'a str,
}

/// The mail about a limit of a name of which a part is used.
fn limit_mail(state: &LimitState, unit: Unit, limit: String, reader: Reader<'_>, now: Timestamp) -> Mail {
    let whole = state.limit.micros();
    let used_percent = i128::from(state.spent) * 100 / i128::from(whole.max(1));
    Mail::LimitAlert {
        organization: reader.organization.to_owned(),
        whose: reader.whose.map(str::to_owned),
        group: reader.group,
        limit,
        used: words(state.spent, unit),
        amount: words(whole, unit),
        percent: i64::try_from(used_percent).unwrap_or(100),
        is_hard: state.enforcement == Enforcement::Hard,
        is_over: state.is_over(),
        reached_at: state.reached_at(now),
        resets_at: state.reset_at,
        zone: reader.zone.to_owned(),
        path: reader.path.to_owned(),
    }
}

/// What somebody is told of an alert: of their own, or of somebody else's as an administrator or as the lead of a group.
fn news_of(alert: &Alert, to: &Person, other: Option<(&str, Option<&Lead>)>, now: Timestamp) -> Option<News> {
    let address = Address::parse(&to.email).ok()?;
    let (slug, place) = (&to.slug, &to.organization);
    let (whose, lead) = (other.map(|(name, _)| name), other.and_then(|(_, lead)| lead));
    let link = match (whose, lead) {
        // Whoever leads a group reads there what its members have used, and nowhere else.
        (_, Some(lead)) => format!("/o/{slug}/groups/{}/members/{}/usage", lead.group_id, alert.mark.1),
        (Some(_), None) => format!("/o/{slug}/members/{}/usage", alert.mark.1),
        (None, None) => format!("/o/{slug}/usage/mine"),
    };
    let group = lead.map(|lead| lead.group_name.clone());
    let (subject, mail) = match &alert.what {
        What::Limit(state) => {
            let limit = format!("{} limit", state.window.adjective().to_lowercase());
            let whole = state.limit.micros();
            let reached_at = state.reached_at(now);
            let (used, amount) = (words(state.spent, alert.unit), words(whole, alert.unit));
            let subject = match (whose, alert.is_over()) {
                (Some(name), _) => format!("{name} has used up the {limit} at {place}: {used} of {amount}."),
                (None, true) => format!("Your {limit} at {place} is used up: {used} of {amount}."),
                (None, false) => {
                    let part = percent(state.spent, whole);
                    let reached = reached_at.map_or_else(String::new, |at| {
                        let zone = Zone::find_or_utc(&to.zone).tz();
                        format!(" At this pace it is used up on {}.", date_time(at.micros(), &zone))
                    });
                    format!("{part} of your {limit} at {place} is used: {used} of {amount}.{reached}")
                }
            };
            let reader = Reader {
                organization: place,
                whose,
                group,
                zone: &to.zone,
                path: &link,
            };
            (subject, limit_mail(state, alert.unit, limit, reader, now))
        }
        What::Spike(used, ordinary) => {
            let (used, ordinary) = (words(*used, alert.unit), words(*ordinary, alert.unit));
            let who = whose.map_or_else(|| "You have".to_owned(), |name| format!("{name} has"));
            let subject = format!("{who} used {used} at {place} today, and {ordinary} on an ordinary day.");
            let mail = Mail::UsageSpike {
                organization: place.clone(),
                whose: whose.map(str::to_owned),
                group,
                used,
                ordinary,
                path: link.clone(),
            };
            (subject, mail)
        }
    };
    Some(News {
        to: to.user_id,
        org: Some(alert.mark.0),
        subject,
        link,
        mail: Some((address, mail)),
    })
}
