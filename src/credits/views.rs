//! What the pages of credits print, decided already.

use std::collections::BTreeMap;

use askama::Template;

use super::{
    entry::{Entry, Kind},
    forms::{ConfirmForm, PoolForm, PutForm},
    pool::{Drawer, Mode, Pool, Use},
    wallet::{self, Wallet, WalletEntry},
};
use crate::{
    access::{Can, Permission},
    clock::{Timestamp, Zone},
    ids::{self, MemberId, PoolId},
    limits::{
        Settings,
        amount::{Amount, CURRENCIES, Unit, words},
    },
    web::{
        filters::{MISSING, date, date_time, iso, long_date, plural},
        form::FieldErrors,
        layout::{Choice, Fact, Layout},
    },
};

/// The prefix of a line's text form.
pub const LINE: &str = "crl";

/// What something cost, in its currency.
pub fn money(micros: i64, unit: Unit) -> String {
    words(micros, unit)
}

/// "$0.02"; all decimals of it, as they are multiplied.
pub fn price_words(price: i64, unit: Unit) -> String {
    Amount::from_micros(price).unwrap_or(Amount::ZERO).show(unit)
}

fn until_words(until: Option<Timestamp>, zone: &Zone) -> String {
    until.map_or_else(
        || "For ever".to_owned(),
        |until| format!("Until {}", long_date(until.micros() - 1, &zone.tz())),
    )
}

/// A pool in the list.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// What kind of credits.
    pub credit_type: String,
    /// "Shared".
    pub mode: &'static str,
    /// "$0.02".
    pub price: String,
    /// What is left.
    pub balance: String,
    /// How many draw from it.
    pub people: String,
    /// What was used of it this period.
    pub used: String,
    /// What that cost.
    pub cost: String,
    /// "Default", "Archived", "Ended"; empty for nothing to say.
    pub state: &'static str,
    /// How that is coloured.
    pub class: &'static str,
}

fn state(pool: &Pool, balance: i64, now: Timestamp) -> (&'static str, &'static str) {
    match (
        pool.archived_at,
        pool.has_ended(now),
        pool.is_limited && balance <= 0,
        pool.is_default,
    ) {
        (Some(_), ..) => ("Archived", "line"),
        (None, true, ..) => ("Ended", "bad"),
        (None, false, true, _) => ("Empty", "bad"),
        (None, false, false, true) => ("Default", "info"),
        _ => ("", ""),
    }
}

/// What is left of a pool, in words.
fn balance_words(pool: &Pool, balance: i64, unit: Unit) -> String {
    if pool.is_limited {
        words(balance, unit)
    } else {
        "Does not run out".to_owned()
    }
}

impl Row {
    /// A pool in words.
    pub fn of<P>(by: &Can<P>, pool: &Pool, used: &Use, people: i64, settings: &Settings, now: Timestamp) -> Self {
        let unit = settings.unit;
        let balance = pool.balance(used.spent);
        let (state, class) = state(pool, balance, now);
        Self {
            name: pool.name.clone(),
            href: by.path(&format!("/credits/{}", pool.id)),
            credit_type: pool.credit_type.clone(),
            mode: pool.mode.title(),
            price: price_words(pool.price, pool.unit()),
            balance: balance_words(pool, balance, unit),
            people: plural(people, "member", "members"),
            used: words(used.used, unit),
            cost: money(used.cost, pool.unit()),
            state,
            class,
        }
    }
}

/// What people of a credit type come to.
#[derive(Debug, Clone)]
pub struct TypeRow {
    /// The type.
    pub credit_type: String,
    /// How many draw from pools of it.
    pub people: String,
    /// What was used of it this period.
    pub used: String,
    /// What that cost, by currency.
    pub cost: String,
}

impl TypeRow {
    /// The types of pools that are not archived, each with what its pools come to (R-CRD-08).
    pub fn all<'p>(pools: impl Iterator<Item = (&'p Pool, &'p Use, i64)>, unit: Unit) -> Vec<Self> {
        let mut types: BTreeMap<String, (i64, i64, BTreeMap<&str, i64>)> = BTreeMap::new();
        for (pool, used, count) in pools.filter(|(pool, ..)| pool.archived_at.is_none()) {
            let (people, amount, costs) = types.entry(pool.credit_type.clone()).or_default();
            *people += count;
            *amount = amount.saturating_add(used.used);
            let cost = costs.entry(pool.currency.as_str()).or_default();
            *cost = cost.saturating_add(used.cost);
        }
        let row = |(credit_type, (people, used, costs)): (String, (i64, i64, BTreeMap<&str, i64>))| {
            let costs: Vec<String> = costs
                .into_iter()
                .map(|(currency, cost)| money(cost, Unit::currency(currency).unwrap_or(Unit::Credit)))
                .collect();
            Self {
                credit_type,
                people: plural(people, "member", "members"),
                used: words(used, unit),
                cost: costs.join(" + "),
            }
        };
        types.into_iter().map(row).collect()
    }
}

/// The pools of an organization.
#[derive(Template)]
#[template(path = "credits/index.html")]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// What the organization is called.
    pub organization: String,
    /// The page.
    pub path: String,
    /// The pools.
    pub rows: Vec<Row>,
    /// The same by credit type.
    pub types: Vec<TypeRow>,
    /// What this period cost, by currency.
    pub costs: Vec<String>,
    /// Whether pools are managed here.
    pub may_manage: bool,
    /// Where wallets are switched; none for whoever may not.
    pub wallets_href: Option<String>,
    /// Whether wallets pay.
    pub wallets_pay: bool,
    /// Whether members without a pool draw from none.
    pub has_default: bool,
}

/// The form of a pool.
#[derive(Template)]
#[template(path = "credits/edit.html")]
pub struct Edit {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The pool's name; empty for a new one.
    pub name: String,
    /// Where it is saved.
    pub action: String,
    /// Where it leads back.
    pub back: String,
    /// What stands in it.
    pub form: PoolForm,
    /// The currencies.
    pub currencies: Vec<Choice>,
    /// How credits reach people.
    pub modes: Vec<Choice>,
    /// What amounts are in.
    pub unit: String,
    /// The first day that can be chosen.
    pub today: String,
    /// Why it was not saved, where somebody else was faster.
    pub conflict: String,
    /// What is wrong with it.
    pub errors: FieldErrors,
}

impl Edit {
    /// The choices of currencies with the one that is chosen.
    pub fn currencies(chosen: &str) -> Vec<Choice> {
        let choice = |(code, sign): (&str, &str)| Choice {
            value: code.to_owned(),
            label: if code == sign {
                code.to_owned()
            } else {
                format!("{code} ({sign})")
            },
            selected: code == chosen,
        };
        CURRENCIES.into_iter().map(choice).collect()
    }
    /// The choices of modes with the one that is chosen.
    pub fn modes(chosen: &str) -> Vec<Choice> {
        let choice = |mode: Mode| Choice {
            value: mode.key().to_owned(),
            label: format!("{}: {}", mode.title(), mode.purpose()),
            selected: mode.key() == chosen,
        };
        Mode::ALL.into_iter().map(choice).collect()
    }
}

/// A line of a statement.
#[derive(Debug, Clone)]
pub struct LineRow {
    /// "Granted".
    pub kind: &'static str,
    /// The member and their page; none for what concerns nobody.
    pub member: Option<(String, String)>,
    /// "+40 credits".
    pub amount: String,
    /// Why.
    pub note: String,
    /// Who.
    pub by: String,
    /// When, for machines.
    pub iso: String,
    /// When, for people.
    pub at: String,
}

/// An amount with its sign.
pub fn signed(micros: i64, unit: Unit) -> String {
    if micros > 0 {
        format!("+{}", words(micros, unit))
    } else {
        words(micros, unit)
    }
}

impl LineRow {
    fn of<P>(by: &Can<P>, entry: &Entry, settings: &Settings) -> Self {
        let zone = by.zone().tz();
        let month = entry.start.filter(|_| entry.note.is_empty()).map(|start| {
            let day = date(start.micros(), &settings.zone().tz());
            match entry.kind {
                Kind::Adjust => format!("Settled after the period from {day}"),
                _ => format!("For the period from {day}"),
            }
        });
        Self {
            kind: entry.kind.title(),
            member: entry.member_id.map(|id| {
                let name = entry
                    .member_name
                    .clone()
                    .unwrap_or_else(|| "No longer there".to_owned());
                (name, by.path(&format!("/members/{id}")))
            }),
            amount: signed(entry.amount, settings.unit),
            note: month.unwrap_or_else(|| entry.note.clone()),
            by: entry.set_by.clone(),
            iso: iso(entry.at.micros()),
            at: date_time(entry.at.micros(), &zone),
        }
    }
}

/// Somebody who draws from a pool.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name.
    pub name: String,
    /// Their page.
    pub href: String,
    /// What they used this period.
    pub used: String,
    /// What is with them, of an allocated pool.
    pub allowance: String,
    /// Whether they draw from it because they have no other pool.
    pub by_default: bool,
}

/// A figure above a pool's page.
#[derive(Debug, Clone)]
pub struct Stat {
    /// What it is.
    pub label: &'static str,
    /// The figure.
    pub figure: String,
    /// What stands beside it.
    pub detail: String,
}

/// What a pool's page is made of.
pub struct Known<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// What was drawn this period.
    pub this: &'a Use,
    /// And in the last one.
    pub last: &'a Use,
    /// What its lines come to, by kind.
    pub sums: &'a [(Kind, i64)],
    /// A page of its statement, and one line more where there is more.
    pub entries: &'a [Entry],
    /// How many lines it has.
    pub count: i64,
    /// A page of its people, and one more where there are more.
    pub drawers: &'a [Drawer],
    /// How many draw from it.
    pub people: i64,
    /// How the organization counts.
    pub settings: &'a Settings,
    /// The present instant.
    pub now: Timestamp,
}

/// How many lines and people a page has.
pub const ROWS: usize = 25;

/// One pool.
#[derive(Template)]
#[template(path = "credits/show.html")]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its state, and how that is coloured.
    pub state: (&'static str, &'static str),
    /// Whether it is managed here.
    pub may_manage: bool,
    /// Whether it is archived.
    pub is_archived: bool,
    /// Whether its time is over.
    pub is_ended: bool,
    /// Whether it gives members their monthly limits.
    pub is_allocated: bool,
    /// The figures.
    pub stats: Vec<Stat>,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// The statement.
    pub lines: Vec<LineRow>,
    /// "312 lines".
    pub lines_words: String,
    /// Older lines.
    pub older: Option<String>,
    /// The newest lines, where others are shown.
    pub newest: Option<String>,
    /// The people.
    pub drawers: Vec<Person>,
    /// "40 members".
    pub people_words: String,
    /// More people.
    pub more: Option<String>,
    /// The first people, where others are shown.
    pub first: Option<String>,
    /// What amounts are in.
    pub unit: String,
    /// What was typed.
    pub form: PutForm,
    /// The version.
    pub version: i64,
    /// Why nothing was done, where somebody else was faster.
    pub conflict: String,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl Show {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, by: &Can<P>, known: &Known<'_>, is_paged: (bool, bool)) -> Self {
        let Known {
            pool, settings, now, ..
        } = *known;
        let (unit, money_unit) = (settings.unit, pool.unit());
        let href = by.path(&format!("/credits/{}", pool.id));
        let balance = pool.balance(known.this.spent);
        let sum = |kind: Kind| {
            known
                .sums
                .iter()
                .find(|(one, _)| *one == kind)
                .map_or(0, |(_, sum)| *sum)
        };
        let stat = |label, figure: String, detail: String| Stat { label, figure, detail };
        let mut stats = vec![stat(
            "Balance",
            balance_words(pool, balance, unit),
            if pool.is_limited {
                format!("of {} granted", words(pool.granted, unit))
            } else {
                String::new()
            },
        )];
        if pool.mode == Mode::Allocated {
            stats.push(stat(
                "With members",
                words(pool.allocated.saturating_sub(known.this.spent), unit),
                "allocated and not spent".to_owned(),
            ));
            stats.push(stat(
                "Allocated",
                words(-sum(Kind::Allocate), unit),
                format!("{} returned", words(sum(Kind::Reclaim), unit)),
            ));
        }
        stats.push(stat("Spent", words(known.this.spent, unit), "in all".to_owned()));
        stats.push(stat(
            "This month",
            money(known.this.cost, money_unit),
            format!("{} used", words(known.this.used, unit)),
        ));
        stats.push(stat(
            "Last month",
            money(known.last.cost, money_unit),
            format!("{} used", words(known.last.used, unit)),
        ));
        let fact = |label, value: String| Fact { label, value };
        let facts = vec![
            fact("Credit type", pool.credit_type.clone()),
            fact("Mode", format!("{}. {}", pool.mode.title(), pool.mode.purpose())),
            fact("Price of a credit", price_words(pool.price, money_unit)),
            fact(
                "Runs out",
                if pool.is_limited {
                    "Yes: requests are refused then"
                } else {
                    "No"
                }
                .to_owned(),
            ),
            fact("Valid", until_words(pool.valid_until, settings.zone())),
            fact(
                "Who draws from it",
                match (pool.is_default, pool.mode) {
                    (true, Mode::Cap) => "Members without another pool, and the keys of groups and service accounts",
                    (true, Mode::Allocated) => "Members without another pool",
                    (false, _) => "Members to whom it was given",
                }
                .to_owned(),
            ),
            fact(
                "Made",
                format!(
                    "{} by {}",
                    long_date(pool.created_at.micros(), &by.zone().tz()),
                    pool.created_by
                ),
            ),
        ];
        let lines = &known.entries[..known.entries.len().min(ROWS)];
        let drawers = &known.drawers[..known.drawers.len().min(ROWS)];
        let older = (known.entries.len() > ROWS).then(|| lines.last()).flatten();
        let more = (known.drawers.len() > ROWS).then(|| drawers.last()).flatten();
        let person = |one: &Drawer| Person {
            name: one.name.clone(),
            href: by.path(&format!("/members/{}", one.id)),
            used: words(one.used, unit),
            allowance: match (pool.mode, one.amount) {
                (Mode::Cap, _) => String::new(),
                (Mode::Allocated, None) => MISSING.to_owned(),
                (Mode::Allocated, Some(amount)) => {
                    format!(
                        "{} of {} left",
                        words(amount.saturating_sub(one.spent), unit),
                        words(amount, unit)
                    )
                }
            },
            by_default: one.by_default,
        };
        Self {
            l,
            list_href: by.path("/credits"),
            name: pool.name.clone(),
            state: state(pool, balance, now),
            may_manage: by.may(Permission::PoolManage) && pool.archived_at.is_none(),
            is_archived: pool.archived_at.is_some(),
            is_ended: pool.has_ended(now),
            is_allocated: pool.mode == Mode::Allocated,
            stats,
            facts,
            lines: lines.iter().map(|entry| LineRow::of(by, entry, settings)).collect(),
            lines_words: plural(known.count, "line", "lines"),
            older: older.map(|entry| format!("{href}?before={}#statement", ids::encode(LINE, entry.id))),
            newest: is_paged.0.then(|| format!("{href}#statement")),
            drawers: drawers.iter().map(person).collect(),
            people_words: plural(known.people, "member", "members"),
            more: more.map(|one| format!("{href}?people={}#people", one.id)),
            first: is_paged.1.then(|| format!("{href}#people")),
            unit: unit.head().to_owned(),
            form: PutForm {
                direction: "add".to_owned(),
                ..PutForm::default()
            },
            version: pool.version,
            conflict: String::new(),
            errors: FieldErrors::default(),
            href,
        }
    }
}

/// The page that archives a pool.
#[derive(Template)]
#[template(path = "credits/archive.html")]
pub struct Archive {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The pool's page.
    pub back: String,
    /// Its name.
    pub name: String,
    /// What is left in it.
    pub balance: String,
    /// How many draw from it.
    pub people: String,
    /// What was typed.
    pub form: ConfirmForm,
    /// The version.
    pub version: i64,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// Whether wallets may pay.
#[derive(Template)]
#[template(path = "credits/wallets.html")]
pub struct Wallets {
    /// The frame.
    pub l: Layout,
    /// What the organization is called.
    pub organization: String,
    /// Where it is saved.
    pub path: String,
    /// Where it leads back.
    pub back: String,
    /// Whether they may.
    pub is_on: bool,
    /// The version.
    pub version: i64,
}

/// A line of a wallet's statement.
#[derive(Debug, Clone)]
pub struct WalletRow {
    /// "Topped up".
    pub kind: &'static str,
    /// "+40 credits".
    pub amount: String,
    /// Why.
    pub note: String,
    /// Who.
    pub by: String,
    /// When, for machines.
    pub iso: String,
    /// When, for people.
    pub at: String,
}

/// A wallet as pages show it; prints `credits/_wallet.html`.
#[derive(Debug, Clone)]
pub struct WalletPanel {
    /// What is in it.
    pub balance: String,
    /// What was put in, and what it has paid.
    pub detail: String,
    /// Whether the organization lets it pay.
    pub is_on: bool,
    /// Its statement.
    pub rows: Vec<WalletRow>,
}

impl WalletPanel {
    /// A wallet in words; `paid` is what it paid in billing periods.
    pub fn new(
        wallet: Wallet,
        entries: &[WalletEntry],
        paid: &[(Timestamp, i64)],
        settings: &Settings,
        zone: &Zone,
    ) -> Self {
        let unit = settings.unit;
        let of_month = |(start, amount): &(Timestamp, i64)| {
            let at = date(start.micros(), &settings.zone().tz());
            let row = WalletRow {
                kind: "Paid",
                amount: signed(amount.saturating_neg(), unit),
                note: "In that billing period".to_owned(),
                by: String::new(),
                iso: iso(start.micros()),
                at: format!("since {at}"),
            };
            (*start, row)
        };
        let row = |entry: &wallet::WalletEntry| WalletRow {
            kind: entry.kind.title(),
            amount: signed(entry.amount, unit),
            note: entry.note.clone(),
            by: entry.set_by.clone(),
            iso: iso(entry.at.micros()),
            at: date_time(entry.at.micros(), &zone.tz()),
        };
        Self {
            balance: words(wallet.balance(), unit),
            detail: format!("{} put in, {} paid", words(wallet.put, unit), words(wallet.spent, unit)),
            is_on: wallet.is_on,
            rows: {
                let put = entries.iter().map(|entry| (entry.at, row(entry)));
                let mut rows: Vec<(Timestamp, WalletRow)> = put.chain(paid.iter().map(of_month)).collect();
                rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
                rows.into_iter().map(|(_, row)| row).collect()
            },
        }
    }
}

/// The wallet of a member.
#[derive(Template)]
#[template(path = "credits/wallet.html")]
pub struct OfMember {
    /// The frame.
    pub l: Layout,
    /// The list of members.
    pub members_href: String,
    /// The member's page.
    pub member_href: String,
    /// The member's name.
    pub name: String,
    /// The page.
    pub path: String,
    /// The wallet.
    pub wallet: WalletPanel,
    /// Whether it is filled here.
    pub may_manage: bool,
    /// What amounts are in.
    pub unit: String,
    /// What was typed.
    pub form: PutForm,
    /// Which of the two forms was sent.
    pub is_adjusted: bool,
    /// The version.
    pub version: i64,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// The pool and the wallet of a member, on their page; prints `credits/_of_member.html`.
#[derive(Debug, Clone)]
pub struct MemberCard {
    /// The pool that they draw from, in words.
    pub pool: String,
    /// Its page; none for no pool.
    pub pool_href: Option<String>,
    /// The pools; empty for whoever may not choose.
    pub pools: Vec<Choice>,
    /// Where it is saved.
    pub action: String,
    /// Why they get nothing from it; empty where they do.
    pub notice: String,
    /// What is in the wallet; none where there is none.
    pub wallet: Option<String>,
    /// The wallet's page.
    pub wallet_href: String,
}

impl MemberCard {
    /// What a member draws from.
    pub fn new<P>(
        by: &Can<P>,
        member: MemberId,
        (own, pools): (Option<PoolId>, &[Pool]),
        (wallet, unit): (Wallet, Unit),
        has_month: bool,
    ) -> Self {
        let live = || pools.iter().filter(|pool| pool.archived_at.is_none());
        let default = live().find(|pool| pool.is_default);
        let own = own.and_then(|own| live().find(|pool| pool.id == own));
        let drawn = own.or(default);
        let may_manage = by.may(Permission::PoolManage);
        let mut choices = Vec::new();
        if may_manage {
            choices.push(Choice {
                value: String::new(),
                label: default.map_or_else(
                    || "None".to_owned(),
                    |pool| format!("The organization’s default ({})", pool.name),
                ),
                selected: own.is_none(),
            });
            choices.extend(live().map(|pool| Choice {
                value: pool.id.to_string(),
                label: format!("{} ({})", pool.name, pool.credit_type),
                selected: own.is_some_and(|own| own.id == pool.id),
            }));
        }
        let gets_nothing = drawn.is_some_and(|pool| pool.mode == Mode::Allocated) && !has_month;
        Self {
            pool: match (own, default) {
                (Some(pool), _) => pool.name.clone(),
                (None, Some(pool)) => format!("{}, the organization’s default", pool.name),
                (None, None) => "None".to_owned(),
            },
            pool_href: drawn.map(|pool| by.path(&format!("/credits/{}", pool.id))),
            pools: choices,
            action: by.path(&format!("/members/{member}/pool")),
            notice: if gets_nothing {
                "This pool gives credits by monthly limits, and there is none. Set one, or nothing can be used."
                    .to_owned()
            } else {
                String::new()
            },
            wallet: (wallet.is_on || wallet.is_used()).then(|| words(wallet.balance(), unit)),
            wallet_href: by.path(&format!("/members/{member}/wallet")),
        }
    }
}

/// What is wrong with a field that stands in two forms, in that which was sent.
pub fn unless(is_other: impl std::borrow::Borrow<bool>, problem: &str) -> &str {
    if *is_other.borrow() { "" } else { problem }
}
