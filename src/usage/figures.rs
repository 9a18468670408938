//! What was used, put together for a page.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use super::{
    chart::Day,
    period::{Choice, Period, buckets},
    store::{self, Sum},
    views::{GroupSpend, in_column, words},
};
use crate::{
    access::{Can, Permission},
    clock::Timestamp,
    credits,
    db::Read,
    error::Result,
    ids::{GroupId, MemberId, OrgId},
    limits::{self, Settings, Source, Value, Window},
    metering::Scope,
    web::{filters::percent, layout::Meter},
};

/// The least that lies between two instants.
const MOMENT: Duration = Duration::from_micros(1);
/// How many billing periods an average looks back at most.
const MONTHS: usize = 12;
/// How many rows a table of shares has on a page.
pub(super) const ROWS: i64 = 10;
/// How many it has in a file while they stand there by what they are; more of them are walked along their ids.
const SORTED: i64 = 5_000;
/// How many are read at once on such a walk.
const STEP: i64 = 2_000;

/// The figures of an organization, a member or anything else that sums are kept for.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The period.
    pub period: Period,
    /// The beginnings of its whole billing periods and of the rest of its buckets, as statements take them.
    stretches: (String, String),
    /// Every day of it so far.
    pub days: Vec<Day>,
    /// Micro-credits in it.
    pub total: i64,
    /// The same as limits count it, by when it was booked; none for a stretch that is no billing period.
    pub booked: Option<i64>,
    /// Events in it.
    pub events: i64,
    /// What the billing period comes to if it goes on like this; none for one that is over or has just begun.
    pub course: Option<i64>,
    /// What was used in the same days of the billing period before.
    pub same_days: i64,
    /// What was used in the whole billing period before.
    pub last: i64,
    /// What a complete billing period comes to on average, of at most twelve; none without one.
    pub average: Option<i64>,
    /// Since the beginning.
    pub ever: i64,
    /// Events since the beginning.
    pub ever_events: i64,
}

/// Adds to the limits of a table of members what each of them has used (R-DIR-04), and which of the limits is used up, with one statement.
/// What stands against a limit is what the limit counts; a figure that stands by itself is what happened this month.
pub async fn add_used(
    db: &mut impl Read,
    org: OrgId,
    settings: &Settings,
    cells: &mut limits::Cells,
    now: Timestamp,
) -> Result<()> {
    let mut ids = Vec::new();
    let mut ever = Vec::new();
    let mut has = HashSet::new();
    for (id, cell) in cells.each() {
        let Ok(id) = id.parse::<MemberId>() else { continue };
        ids.push(id.raw());
        has.extend(cell.bounds.iter().map(|(window, ..)| *window));
        if cell.bound(Window::Total).is_some() {
            ever.push(id.raw());
        }
    }
    let month = settings.window(Window::Month, now).start;
    let starts = |window: Window| match has.contains(&window) {
        true => {
            let found = buckets(settings, settings.window(window, now).start, now.plus(MOMENT));
            store::list(found.iter().map(|(start, _)| start.micros()))
        }
        false => String::new(),
    };
    let stretches = (starts(Window::Day), starts(Window::Week));
    let rows = store::counted(db, org, month, store::list(ids), stretches, store::list(ever)).await?;
    let mut counted: HashMap<(String, Window), (i64, i64)> = HashMap::new();
    for row in rows {
        let sum = counted
            .entry((MemberId::from_raw(row.id).to_string(), row.period))
            .or_default();
        *sum = (sum.0.saturating_add(row.booked), sum.1.saturating_add(row.occurred));
    }
    for (id, cell) in cells.each() {
        let of = |window: Window| counted.get(&(id.clone(), window)).copied().unwrap_or_default();
        let booked = |window: Window| of(window).0;
        let whole = cell.bound(Window::Month).filter(|whole| *whole > 0);
        let used = match whole {
            Some(_) => booked(Window::Month),
            None => of(Window::Month).1,
        };
        // A bar for nobody's nothing would make every row higher.
        if used != 0 {
            let shown = in_column(used, settings.unit);
            match whole {
                Some(whole) => {
                    let part = percent(used.max(0), whole);
                    cell.used = format!("{shown} used, {part}");
                    let told = format!("{} used, {part} this month", words(used, settings.unit));
                    cell.meter = Meter::of(used, whole, told);
                }
                None => cell.used = format!("{shown} used this month"),
            }
        }
        // Of several, the one that lasts longest is what somebody has to do something about.
        let is_over = |(window, amount, is_hard): &&(Window, i64, bool)| *is_hard && booked(*window) >= *amount;
        if let Some((window, amount, _)) = cell.bounds.iter().rev().find(is_over).copied() {
            cell.over = format!("{} limit used up", window.adjective().to_lowercase());
            if window != Window::Month {
                let (used, whole) = (booked(window), in_column(amount, settings.unit));
                cell.binding = format!("{}: {} of {whole}", window.title(), in_column(used, settings.unit));
            }
        }
    }
    Ok(())
}

async fn by_bucket(
    db: &mut impl Read,
    org: OrgId,
    (scope, id): (Scope, i64),
    starts: &str,
) -> Result<HashMap<Timestamp, (i64, i64)>> {
    let rows = store::series(db, org, scope, id, starts).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.start, (row.amount, row.events)))
        .collect())
}

/// The figures of one thing in a period.
pub async fn load(
    db: &mut impl Read,
    org: OrgId,
    settings: &Settings,
    of: (Scope, i64),
    choice: Choice,
    now: Timestamp,
) -> Result<Figures> {
    let period = Period::of(choice, settings, now);
    let sums = by_bucket(db, org, of, &period.starts()).await?;
    // Two buckets of one day are one bar.
    let mut days: BTreeMap<jiff::civil::Date, (i64, i64)> = BTreeMap::new();
    for (start, date) in &period.buckets {
        let (amount, events) = sums.get(start).copied().unwrap_or_default();
        let day = days.entry(*date).or_default();
        *day = (day.0.saturating_add(amount), day.1.saturating_add(events));
    }
    let days: Vec<Day> = days
        .into_iter()
        .map(|(date, (amount, events))| Day { date, amount, events })
        .collect();
    let total = days.iter().map(|day| day.amount).fold(0, i64::saturating_add);
    let running = settings.window(Window::Month, now).start;
    let before = Period::of(Choice::Last, settings, now);
    let elapsed = now.since(running);
    let same: Vec<(Timestamp, jiff::civil::Date)> =
        buckets(settings, before.start, before.start.plus(elapsed).min(running));
    let list = store::list(same.iter().map(|(start, _)| start.micros()));
    let same_days = by_bucket(db, org, of, &list)
        .await?
        .values()
        .map(|(amount, _)| *amount)
        .sum();
    let months = store::months(db, org, of.0, of.1, MONTHS as i64 + 1).await?;
    let last = months
        .iter()
        .find(|month| month.start == before.start)
        .map_or(0, |month| month.amount);
    let booked = |at: Timestamp| {
        let found = months.iter().find(|month| month.start == at);
        found.map_or(0, |month| month.booked)
    };
    let oldest = months.last().map(|month| month.start);
    let over: i64 = months
        .iter()
        .filter(|month| month.start < running)
        .map(|month| month.amount)
        .sum();
    let (ever, ever_events) = store::ever(db, org, of.0, of.1).await?;
    Ok(Figures {
        booked: period.month.map(booked),
        events: days.iter().map(|day| day.events).sum(),
        course: course(&period, total, now),
        same_days,
        last,
        average: oldest.and_then(|oldest| average(settings, running, oldest, over)),
        ever,
        ever_events,
        stretches: period.stretches(settings),
        period,
        days,
        total,
    })
}

/// What a period comes to if it goes on like this; nothing is said before a day of it has gone by.
fn course(period: &Period, total: i64, now: Timestamp) -> Option<i64> {
    let (gone, whole) = (
        now.since(period.start).as_secs(),
        period.end.since(period.start).as_secs(),
    );
    if period.choice != Choice::Month || gone < 86_400 || total <= 0 || now >= period.end {
        return None;
    }
    i64::try_from(i128::from(total) * i128::from(whole) / i128::from(gone)).ok()
}

/// The mean of complete billing periods since the first one with usage, of at most twelve; empty ones count.
fn average(settings: &Settings, running: Timestamp, oldest: Timestamp, sum: i64) -> Option<i64> {
    let (mut at, mut count) = (running, 0);
    while at > oldest && count < MONTHS {
        at = settings
            .window(Window::Month, Timestamp::from_micros(at.micros() - 1))
            .start;
        count += 1;
    }
    (count > 0).then(|| sum / count as i64)
}

/// A row of a table of shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Which one; none for the rest.
    pub id: Option<i64>,
    /// What it is called.
    pub name: String,
    /// Micro-credits.
    pub amount: i64,
    /// Events.
    pub events: i64,
    /// Whether it is the row for what no other row tells.
    pub is_rest: bool,
}

/// What the organization, or one of its groups, may use together in a billing period, in micro-credits; none when that is not limited.
pub async fn pool(db: &mut impl Read, org: OrgId, group: Option<GroupId>, now: Timestamp) -> Result<Option<i64>> {
    let found = limits::pools(db, org, group, now).await?;
    let is_asked = |source: &Source| match (source, group) {
        (Source::Organization, None) => true,
        (Source::Group(id, _), Some(group)) => *id == group,
        _ => false,
    };
    let pool = found
        .pools
        .iter()
        .find(|limit| is_asked(&limit.source) && limit.window == Window::Month);
    Ok(match pool.map(|limit| limit.value) {
        Some(Value::Amount(amount)) => Some(amount.micros()),
        _ => None,
    })
}

/// What a group has used in the billing period that runs, for its page (R-GRP-09, C-35): what was booked for it, so that groups add up.
///
/// Whoever leads it without a right to usage sees these figures alone on the card: what single members have used counts for their
/// other groups too, and stands on a page of each.
pub async fn of_group<P>(db: &mut impl Read, by: &Can<P>, group: GroupId, now: Timestamp) -> Result<GroupSpend> {
    let org = by.org();
    let settings = limits::settings::find(db, org).await?;
    let found = load(db, org.id, &settings, (Scope::Group, group.raw()), Choice::Month, now).await?;
    let pool = pool(db, org.id, Some(group), now).await?;
    let top = match (by.may(Permission::UsageRead), found.period.month) {
        (true, Some(month)) => Some(store::of_group(db, org.id, group, month, now).await?),
        _ => None,
    };
    Ok(GroupSpend::new(
        (by, group),
        &found,
        &settings,
        pool,
        top.as_deref(),
        now,
    ))
}

/// What a period's usage is made of, the largest first, and a row for the rest so that the rows add up (C-35).
pub async fn shares(
    db: &mut impl Read,
    org: OrgId,
    figures: &Figures,
    (scope, rest): (Scope, &str),
    most: i64,
) -> Result<Vec<Share>> {
    let sums = match figures.period.month {
        Some(month) => store::of_month(db, month, org, scope, most).await?,
        None => store::of_stretches(db, org, scope, figures.stretches.clone(), most).await?,
    };
    let mut shares = named(db, org, scope, sums).await?;
    if shares.is_empty() {
        return Ok(shares);
    }
    if scope == Scope::Pool {
        let costs = credits::shown::costs_by_pool(db, org, figures.period.month, &figures.period.starts()).await?;
        for share in &mut shares {
            if let Some(cost) = share.id.and_then(|id| costs.get(&id)) {
                share.name = format!("{}: {cost}", share.name);
            }
        }
    }
    let listed = sum(&shares);
    shares.extend(others(figures, listed, rest));
    Ok(shares)
}

/// How far a table is that is written to a file.
#[derive(Debug, Clone, Copy, Default)]
pub enum Walk {
    /// Nothing of it is written.
    #[default]
    Begin,
    /// There are too many rows to sort them: those up to this id are written, and came to so many micro-credits and events.
    After(i64, (i64, i64)),
    /// All of it is.
    End,
}

/// The next rows of a table for a file, which has all of them; none at its end. Up to five thousand stand there as on the page.
pub async fn part(
    db: &mut impl Read,
    org: OrgId,
    figures: &Figures,
    (scope, rest): (Scope, &str),
    walk: &mut Walk,
) -> Result<Option<Vec<Share>>> {
    let month = figures.period.month;
    if matches!(walk, Walk::Begin) {
        // One more than are sorted tells that there are more; the row for the rest is not one of them.
        let all = shares(db, org, figures, (scope, rest), SORTED + 1).await?;
        let count = all.iter().filter(|share| !share.is_rest).count();
        *walk = match month {
            Some(_) if count as i64 > SORTED => Walk::After(i64::MIN, (0, 0)),
            _ => Walk::End,
        };
        if matches!(walk, Walk::End) {
            return Ok(Some(all));
        }
    }
    let (Walk::After(id, (amount, events)), Some(month)) = (*walk, month) else {
        return Ok(None);
    };
    let sums = store::of_month_after(db, (month, org, scope), id, STEP).await?;
    let last = sums.last().map(|sum| sum.id).filter(|_| sums.len() as i64 == STEP);
    let mut shares = named(db, org, scope, sums).await?;
    let these = sum(&shares);
    let listed = (amount + these.0, events + these.1);
    match last {
        Some(id) => *walk = Walk::After(id, listed),
        None => {
            *walk = Walk::End;
            shares.extend(others(figures, listed, rest));
        }
    }
    Ok(Some(shares))
}

/// What a member's billing period is made of, by activity.
pub async fn activities(
    db: &mut impl Read,
    org: OrgId,
    figures: &Figures,
    member: MemberId,
    most: i64,
) -> Result<Vec<Share>> {
    let Some(month) = figures.period.month else {
        return Ok(Vec::new());
    };
    let sums = store::of_member(db, month, org, member.raw(), most).await?;
    with_rest(db, org, figures, Scope::Activity, sums, "Without an activity type").await
}

/// What a member's billing period is made of, by their keys.
pub async fn keys(db: &mut impl Read, org: OrgId, figures: &Figures, member: MemberId) -> Result<Vec<Share>> {
    let Some(month) = figures.period.month else {
        return Ok(Vec::new());
    };
    let own = store::own_keys(db, org, member.raw()).await?;
    let ids = store::list(own.iter().map(|key| key.id));
    let sums = store::of_ids(db, org, Scope::Key, month, ids).await?;
    with_rest(db, org, figures, Scope::Key, sums, "Without a key of one’s own").await
}

async fn with_rest(
    db: &mut impl Read,
    org: OrgId,
    figures: &Figures,
    scope: Scope,
    sums: Vec<Sum>,
    rest: &str,
) -> Result<Vec<Share>> {
    let mut shares = named(db, org, scope, sums).await?;
    if !shares.is_empty() {
        let listed = sum(&shares);
        shares.extend(others(figures, listed, rest));
    }
    Ok(shares)
}

/// Sums with the names of what they are of.
async fn named(db: &mut impl Read, org: OrgId, scope: Scope, sums: Vec<Sum>) -> Result<Vec<Share>> {
    if sums.is_empty() {
        return Ok(Vec::new());
    }
    let names = store::names(db, org, scope, store::list(sums.iter().map(|sum| sum.id))).await?;
    let mut names: HashMap<i64, String> = names.into_iter().map(|one| (one.id, one.name)).collect();
    let share = |sum: Sum| {
        let name = names.remove(&sum.id);
        Share {
            id: name.is_some().then_some(sum.id),
            name: name.unwrap_or_else(|| "No longer there".to_owned()),
            amount: sum.amount,
            events: sum.events,
            is_rest: false,
        }
    };
    Ok(sums.into_iter().map(share).collect())
}

/// What some rows come to: micro-credits and events.
fn sum(shares: &[Share]) -> (i64, i64) {
    let add = |(amount, events): (i64, i64), share: &Share| (amount + share.amount, events + share.events);
    shares.iter().fold((0, 0), add)
}

/// The row for what those before it leave of the period, where they leave something.
fn others(figures: &Figures, (amount, events): (i64, i64), name: &str) -> Option<Share> {
    let (amount, events) = (figures.total - amount, figures.events - events);
    (amount != 0 || events > 0).then(|| Share {
        id: None,
        name: name.to_owned(),
        amount,
        events,
        is_rest: true,
    })
}

/// How many members used something in the period; none where that is not kept.
pub async fn spenders(db: &mut impl Read, org: OrgId, figures: &Figures) -> Result<Option<i64>> {
    match figures.period.month {
        Some(month) => Ok(Some(store::spenders(db, month, org).await?)),
        None => Ok(None),
    }
}
