//! What the pages of usage print, decided already.

use askama::Template;

use super::{
    chart::{Chart, Size},
    figures::{Figures, Share},
    period::Choice,
    store::Spender,
};
pub use crate::limits::amount::words;
use crate::{
    access::Can,
    clock::{Timestamp, Zone},
    gate::LimitState,
    ids::GroupId,
    limits::{
        Enforcement, Settings, Window,
        amount::{Amount, Unit},
    },
    members::face::Face,
    web::{
        filters::{date, date_time, iso, number, percent, until},
        layout::{Fact, Layout, Meter},
    },
};

/// The same in a column whose head says that it counts in credits.
pub fn in_column(micros: i64, unit: Unit) -> String {
    match unit {
        Unit::Credit if micros < 0 => format!("\u{2212}{}", Amount::rounded(micros).plain(unit)),
        Unit::Credit => Amount::rounded(micros).plain(unit),
        Unit::Currency(_) => words(micros, unit),
    }
}

/// One figure of the strip above a page.
#[derive(Debug, Clone)]
pub struct Stat {
    /// What it is.
    pub label: String,
    /// The figure.
    pub figure: String,
    /// What stands beside it.
    pub detail: String,
    /// How much of a limit that is.
    pub meter: Option<Meter>,
    /// Why it differs from another figure of the page; empty where it does not.
    pub hint: String,
}

/// A link to a period.
#[derive(Debug, Clone)]
pub struct PeriodLink {
    /// "This month".
    pub title: &'static str,
    /// Where.
    pub href: String,
    /// Whether it is shown.
    pub current: bool,
}

/// A row of a table of shares.
#[derive(Debug, Clone)]
pub struct ShareRow {
    /// What it is called.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
    /// Its share of all, in percent, for the bar.
    pub width: String,
    /// Its share of all, in words.
    pub part: String,
    /// The amount.
    pub amount: String,
    /// "12 events".
    pub events: String,
}

impl ShareRow {
    /// A row without a link.
    pub fn new(share: &Share, total: i64, unit: Unit) -> Self {
        Self {
            name: share.name.clone(),
            href: None,
            width: format!(
                "{:.1}%",
                (share.amount.max(0) as f64 / total.max(1) as f64 * 100.0).min(100.0)
            ),
            part: if total > 0 {
                percent(share.amount.max(0), total)
            } else {
                String::new()
            },
            amount: words(share.amount, unit),
            events: crate::web::filters::plural(share.events, "event", "events"),
        }
    }
}

/// A table of shares.
#[derive(Debug, Clone)]
pub struct Shares {
    /// The id of its heading.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its rows.
    pub rows: Vec<ShareRow>,
}

impl Shares {
    /// The table of some shares; `href` gives a thing's page.
    pub fn new(
        (id, title): (&'static str, &'static str),
        shares: &[Share],
        (total, unit): (i64, Unit),
        href: impl Fn(i64) -> Option<String>,
    ) -> Self {
        let row = |share: &Share| ShareRow {
            href: share.id.and_then(&href),
            ..ShareRow::new(share, total, unit)
        };
        Self {
            id,
            title,
            rows: shares.iter().map(row).collect(),
        }
    }
}

/// The panel of days with its chart.
#[derive(Debug, Clone)]
pub struct Days {
    /// The chart.
    pub chart: Chart,
    /// Whether the day that runs is among them.
    pub has_now: bool,
}

impl Days {
    /// The days of some figures.
    pub fn new(figures: &Figures, unit: Unit, zone: &Zone, size: Size, now: Timestamp) -> Self {
        let today = now.instant().to_zoned(zone.tz()).date();
        let chart = Chart::new(&figures.days, today, size, |micros| words(micros, unit));
        Self {
            has_now: chart.bars.iter().any(|bar| bar.is_now),
            chart,
        }
    }
}

/// The links to the periods of a page.
pub fn periods(path: &str, current: Choice) -> Vec<PeriodLink> {
    let link = |choice: Choice| PeriodLink {
        title: choice.title(),
        href: match choice.key() {
            "" => path.to_owned(),
            key => format!("{path}?p={key}"),
        },
        current: choice == current,
    };
    Choice::ALL.into_iter().map(link).collect()
}

fn stat(label: &str, figure: String, detail: impl Into<String>) -> Stat {
    Stat {
        label: label.to_owned(),
        figure,
        detail: detail.into(),
        meter: None,
        hint: String::new(),
    }
}

/// What was used in the period, and how much of what may be used in a billing period that is.
fn used(figures: &Figures, unit: Unit, pool: Option<i64>) -> Stat {
    let show = |micros: i64| words(micros, unit);
    let events = crate::web::filters::plural(figures.events, "event", "events");
    let label = match figures.period.choice {
        Choice::Month => "Used this month",
        Choice::Last => "Used last month",
        Choice::Ninety => "Used in 90 days",
    };
    let mut used = stat(label, show(figures.total), events);
    // Beside a limit stands what the limit counts.
    if let Some((pool, booked)) = pool.zip(figures.booked) {
        let text = format!("{} of {}", percent(booked.max(0), pool.max(1)), show(pool));
        used.meter = Meter::of(booked, pool, format!("{} used, {text}", show(booked)));
        used.figure = show(booked);
        used.detail = text;
        if booked != figures.total {
            used.hint = format!(
                "As the limit counts it, by when it was reported. By when it happened: {}.",
                show(figures.total)
            );
        }
    }
    used
}

/// The strip of figures; `pool` is what the organization may use in a billing period.
pub fn strip(figures: &Figures, unit: Unit, pool: Option<i64>, zone: &Zone) -> Vec<Stat> {
    let show = |micros: i64| words(micros, unit);
    let until_day = |at: Timestamp| date(at.micros() - 1, &zone.tz());
    let mut all = vec![used(figures, unit, pool)];
    if figures.period.choice == Choice::Month {
        let course = figures
            .course
            .map_or_else(|| crate::web::filters::MISSING.to_owned(), show);
        all.push(stat(
            "On course for",
            course,
            format!("by {}", until_day(figures.period.end)),
        ));
        let change = match figures.same_days {
            0 => crate::web::filters::MISSING.to_owned(),
            before => {
                let more = i128::from(figures.total) - i128::from(before);
                let whole = i128::from(before.abs().max(1));
                let change = (more.abs() * 100 + whole / 2) / whole;
                let sign = match (change, more < 0) {
                    (0, _) => "",
                    (_, true) => "\u{2212}",
                    (_, false) => "+",
                };
                format!("{sign}{}\u{a0}%", number(change.min(999_999) as i64))
            }
        };
        all.push(stat(
            "Compared with last month",
            change,
            format!("same days: {}", show(figures.same_days)),
        ));
    }
    let last = stat("Last month", show(figures.last), "the whole billing period");
    if figures.period.choice != Choice::Last {
        all.push(last);
    }
    let average = figures
        .average
        .map_or_else(|| crate::web::filters::MISSING.to_owned(), show);
    all.push(stat("Average month", average, "of complete months, twelve at most"));
    all.push(stat(
        "In all",
        show(figures.ever),
        crate::web::filters::plural(figures.ever_events, "event", "events"),
    ));
    all
}

/// A limit as its holder sees it.
#[derive(Debug, Clone)]
pub struct LimitRow {
    /// "Daily limit".
    pub title: String,
    /// "4.5 of 10 credits".
    pub used: String,
    /// "5.5 credits left".
    pub left: String,
    /// "0.5 credits are held by requests under way"; empty for nothing.
    pub held: String,
    /// "own limit".
    pub source: String,
    /// When it begins anew, for machines; empty when it never does.
    pub reset_iso: String,
    /// The same for people: "21 Nov 2026, 00:00".
    pub reset: String,
    /// "in 3 hours".
    pub reset_in: String,
    /// When it is used up at this pace, for machines; empty when it lasts.
    pub reached_iso: String,
    /// The same for people.
    pub reached: String,
    /// Whether requests are refused when it is used up.
    pub is_hard: bool,
    /// Whether it is used up.
    pub is_over: bool,
    /// What is in the wallet that pays instead, while it is used up: "12 credits left"; empty where none does.
    pub wallet: String,
    /// The bar.
    pub meter: Option<Meter>,
}

impl LimitRow {
    /// A limit in words.
    pub fn of(state: &LimitState, unit: Unit, zone: &Zone, now: Timestamp) -> Self {
        let whole = state.limit.micros();
        let of_whom = match state.scope {
            crate::metering::Scope::Group => " of the group",
            crate::metering::Scope::Organization => " of the organization",
            _ => "",
        };
        let window = match state.window {
            Window::Day => "Daily limit",
            Window::Week => "Weekly limit",
            Window::Month => "Monthly limit",
            Window::Total => "Limit in all",
        };
        let used = format!("{} of {}", words(state.spent, unit), words(whole, unit));
        let left = words(state.remaining, unit);
        let reached_at = state.reached_at(now);
        let title = match state.scope {
            crate::metering::Scope::Wallet => "Wallet".to_owned(),
            crate::metering::Scope::Pool => format!("Credit pool {}", state.source),
            _ => format!("{window}{of_whom}"),
        };
        Self {
            title,
            meter: Meter::of(
                state.spent.saturating_add(state.reserved),
                whole,
                format!("{used} used"),
            ),
            used,
            left: format!("{left} left"),
            held: if state.reserved > 0 {
                format!("{} held for requests under way", words(state.reserved, unit))
            } else {
                String::new()
            },
            source: match state.scope {
                crate::metering::Scope::Wallet => "pays when your own limits have no room".to_owned(),
                crate::metering::Scope::Pool => "shared by everyone who draws from it".to_owned(),
                _ => state.source.to_string(),
            },
            reset_iso: state.reset_at.map_or_else(String::new, |at| iso(at.micros())),
            reset: state
                .reset_at
                .map_or_else(String::new, |at| date_time(at.micros(), &zone.tz())),
            reached_iso: reached_at.map_or_else(String::new, |at| iso(at.micros())),
            reached: reached_at.map_or_else(String::new, |at| date_time(at.micros(), &zone.tz())),
            reset_in: state
                .reset_at
                .map_or_else(String::new, |at| until(now.micros(), at.micros(), &zone.tz())),
            is_hard: state.enforcement == Enforcement::Hard,
            is_over: state.remaining == 0 && state.scope != crate::metering::Scope::Wallet,
            wallet: String::new(),
        }
    }
    /// All limits of somebody in words. A wallet pays where nothing but their own limits refuses (R-LIM-14).
    pub fn all(states: &[LimitState], unit: Unit, zone: &Zone, now: Timestamp) -> Vec<Self> {
        use crate::metering::Scope;
        let wallet = states
            .iter()
            .find(|state| state.scope == Scope::Wallet && state.remaining > 0);
        let refuses = |state: &&LimitState| {
            state.scope != Scope::Wallet && state.remaining == 0 && state.enforcement == Enforcement::Hard
        };
        let is_own = states.iter().filter(refuses).all(|state| state.scope == Scope::Member);
        let row = |state: &LimitState| {
            let mut row = Self::of(state, unit, zone, now);
            if let Some(wallet) = wallet.filter(|_| is_own && refuses(&state)) {
                row.wallet = format!("{} left", words(wallet.remaining, unit));
            }
            row
        };
        states.iter().map(row).collect()
    }
}

/// Somebody among those of a group who use most.
#[derive(Debug, Clone)]
pub struct TopMember {
    /// The name.
    pub name: String,
    /// The page of their usage.
    pub href: String,
    /// The picture.
    pub face: Face,
    /// What they have used this month.
    pub amount: String,
}

/// What a group has used this month, on its own page; prints `usage/_of_group.html`.
#[derive(Debug, Clone)]
pub struct GroupSpend {
    /// Where the card by itself is asked for again while the page is open.
    pub here: String,
    /// The figure, with how much of the group's limit that is.
    pub used: Stat,
    /// What it is on course for, and last month's.
    pub facts: Vec<Fact>,
    /// The days.
    pub days: Days,
    /// What its members have used in all, for other groups too; empty for whom that is not shown.
    pub together: String,
    /// Who of the group uses most; none for whom that is not shown.
    pub members: Vec<TopMember>,
    /// The organization's usage by group; none for whom that is not shown.
    pub all_href: Option<String>,
    /// Whether nothing was used this month.
    pub is_empty: bool,
}

impl GroupSpend {
    /// What the card of a group prints; `pool` is what all together may use in a billing period, `top` is for those who may read usage.
    pub fn new<P>(
        (by, group): (&Can<P>, GroupId),
        found: &Figures,
        settings: &Settings,
        pool: Option<i64>,
        top: Option<&[Spender]>,
        now: Timestamp,
    ) -> Self {
        let unit = settings.unit;
        let until = date(found.period.end.micros() - 1, &by.zone().tz());
        let mut facts = Vec::new();
        if let Some(course) = found.course {
            facts.push(Fact {
                label: "On course for",
                value: format!("{} by {until}", words(course, unit)),
            });
        }
        facts.push(Fact {
            label: "Last month",
            value: words(found.last, unit),
        });
        let member = |one: &Spender| TopMember {
            name: one.name.clone(),
            href: by.path(&format!("/members/{}/usage", one.id)),
            face: Face::of(one.id, &one.name, one.picture.as_deref()),
            amount: words(one.amount, unit),
        };
        Self {
            here: by.path(&format!("/groups/{group}?card=spend")),
            used: used(found, unit, pool),
            facts,
            days: Days::new(found, unit, settings.zone(), Size::Card, now),
            together: top
                .and_then(<[Spender]>::first)
                .map_or_else(String::new, |one| words(one.together, unit)),
            members: top.unwrap_or_default().iter().map(member).collect(),
            all_href: top.map(|_| by.path("/usage#by-group")),
            is_empty: found.total == 0 && found.events == 0 && found.booked.is_none_or(|booked| booked == 0),
        }
    }
}

/// What a group has used by itself: the answer to a page that asks again.
#[derive(Template)]
#[template(path = "usage/of_group.html")]
pub struct SpendCard {
    /// What it has used.
    pub spend: GroupSpend,
}

/// The page of an organization's usage.
#[derive(Template)]
#[template(path = "usage/index.html")]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// What the organization is called.
    pub organization: String,
    /// The page's address with its period.
    pub here: String,
    /// The same as a file.
    pub csv: String,
    /// The periods.
    pub periods: Vec<PeriodLink>,
    /// The figures.
    pub strip: Vec<Stat>,
    /// The days.
    pub days: Days,
    /// What it is made of.
    pub tables: Vec<Shares>,
    /// Whether nothing was ever used.
    pub is_empty: bool,
    /// One's own usage; none for whoever is no member.
    pub mine_href: Option<String>,
    /// Where keys for reporting are made; none for whoever may not.
    pub keys_href: Option<String>,
}

/// The page of one member's usage, or of one's own.
#[derive(Template)]
#[template(path = "usage/member.html")]
pub struct OfMember {
    /// The frame.
    pub l: Layout,
    /// Whose it is.
    pub name: String,
    /// Whether it is one's own.
    pub is_own: bool,
    /// The page's address with its period.
    pub here: String,
    /// The same as a file; none for whom there is none.
    pub csv: Option<String>,
    /// Where the crumbs lead: the name and address of what stands above.
    pub above: Vec<(String, String)>,
    /// The periods.
    pub periods: Vec<PeriodLink>,
    /// The figures.
    pub strip: Vec<Stat>,
    /// How every limit stands.
    pub limits: Vec<LimitRow>,
    /// Where more is asked for; none where it cannot be.
    pub request_href: Option<String>,
    /// The wallet; none where there is none, and for whom it is not shown.
    pub wallet: Option<crate::credits::views::WalletPanel>,
    /// The zone in which resets are told.
    pub zone: String,
    /// The days.
    pub days: Days,
    /// What it is made of.
    pub tables: Vec<Shares>,
    /// Whether nothing was ever used.
    pub is_empty: bool,
    /// Where keys are made; none where that is not theirs to do.
    pub keys_href: Option<String>,
}
