//! What the pages of limits print, decided already.

use askama::Template;

use super::{
    amount::{CURRENCIES, Unit},
    defaults::Standing,
    forms::{AMOUNT, CREDITS, INHERIT, KEEP, LimitForm, SettingsForm, Typed, UNLIMITED},
    policy::{Effective, Enforcement, Limit, Source, Value},
    request::{self, Request},
    settings::{Conflict, Settings, WEEKDAYS},
    store::OwnRow,
    window::Window,
};
use crate::{
    clock::{Timestamp, Zone},
    ids::GroupId,
    web::{
        filters::{date, date_time, iso, long_date},
        form::FieldErrors,
        layout::{Choice as Pick, Layout, Meter},
    },
};

/// A member's limit in a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// "400 a month, 25 a day".
    pub text: String,
    /// "own limit".
    pub detail: String,
    /// "400 a month: own limit; 25 a day: group Engineering"; empty where nobody has set anything.
    pub sources: String,
    /// Whether they come from more than one place, which is more than a line of a table holds.
    pub is_mixed: bool,
    /// Whether nothing limits the member.
    pub is_none: bool,
    /// Every window with an amount, the shortest first: so many micro-credits, and whether requests over that are refused.
    pub bounds: Vec<(Window, i64, bool)>,
    /// What was used this month, in words; empty where that is not shown.
    pub used: String,
    /// How much of the monthly limit that is.
    pub meter: Option<Meter>,
    /// Which limit refuses requests because it is used up, in words: "daily limit used up"; empty for none.
    pub over: String,
    /// How much of that limit is used, where it is not the monthly one: "Day: 60 of 60".
    pub binding: String,
}

impl Cell {
    /// A member's limits in short.
    pub fn of(found: &Effective, settings: &Settings) -> Self {
        let shown: Vec<&Limit> = Window::OFFERED
            .into_iter()
            .filter_map(|window| found.of(window))
            .collect();
        if !found.is_limited() {
            let is_chosen = !shown.is_empty();
            let detail = shown.first().map_or_else(String::new, |limit| source(limit, settings));
            return Self {
                text: if is_chosen { "Unlimited" } else { "No limit" }.to_owned(),
                sources: detail.clone(),
                detail,
                is_none: true,
                ..Self::default()
            };
        }
        let words = |limit: &&Limit| match limit.value {
            Value::Unlimited => format!("unlimited {}", limit.window.rate()),
            Value::Amount(amount) if settings.unit == Unit::Credit => {
                format!("{} {}", amount.plain(settings.unit), limit.window.rate())
            }
            value @ Value::Amount(_) => value.rate(limit.window, settings.unit),
        };
        let each = shown
            .iter()
            .map(|limit| format!("{}: {}", words(limit), source(limit, settings)));
        let title = each.collect::<Vec<_>>().join("; ");
        let mut sources: Vec<String> = shown.iter().map(|limit| source(limit, settings)).collect();
        sources.dedup();
        Self {
            text: shown.iter().map(words).collect::<Vec<_>>().join(", "),
            is_mixed: sources.len() > 1,
            detail: sources.join(", "),
            sources: title,
            is_none: false,
            bounds: found
                .limits
                .iter()
                .filter_map(|limit| {
                    let amount = limit.value.amount()?.micros();
                    Some((limit.window, amount, limit.enforcement == Enforcement::Hard))
                })
                .collect(),
            ..Self::default()
        }
    }
    /// How much a window allows; none where that is not limited.
    pub fn bound(&self, window: Window) -> Option<i64> {
        let found = self.bounds.iter().find(|(of, ..)| *of == window);
        found.map(|(_, amount, _)| *amount)
    }
}

fn source(limit: &Limit, settings: &Settings) -> String {
    let from = match limit.until {
        Some(until) => {
            let last = Timestamp::from_micros(until.micros() - 1);
            format!("until {}", date(last.micros(), &settings.zone().tz()))
        }
        None => limit.source_words(),
    };
    match limit.enforcement {
        Enforcement::Hard => from,
        Enforcement::Soft => format!("{from}, soft"),
    }
}

/// One window on a member's page.
#[derive(Debug, Clone, Default)]
pub struct PanelRow {
    /// "Monthly limit".
    pub label: String,
    /// "400 credits".
    pub value: String,
    /// Whether there is none.
    pub is_none: bool,
    /// Where it comes from.
    pub source: String,
    /// When the window begins anew.
    pub reset: String,
    /// The same for machines; empty where nothing counts.
    pub reset_iso: String,
    /// The same in the organization's zone, which is named; empty where the viewer's clock shows the same.
    pub reset_there: String,
    /// What returns when it ends.
    pub then: String,
}

/// One policy that was looked at.
#[derive(Debug, Clone, Default)]
pub struct Reason {
    /// What it says.
    pub text: String,
    /// Whether it is the one that counts.
    pub counts: bool,
}

/// A member's limits on their page.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    /// The windows.
    pub rows: Vec<PanelRow>,
    /// Whether nothing limits the member.
    pub is_unlimited: bool,
    /// Every policy that was looked at.
    pub why: Vec<Reason>,
    /// The zone of the resets.
    pub zone: String,
    /// Where "Set Usage Limit" leads; none for whom it is not offered.
    pub edit_href: Option<String>,
    /// Where a raise is ended; none when there is none.
    pub end_action: Option<String>,
    /// Where the member asks for more; none for others.
    pub request_href: Option<String>,
    /// The version that an act refers to.
    pub version: i64,
}

impl Panel {
    /// A member's limits, their sources and next resets, which are told in the zone of whoever reads them.
    pub fn of(found: &Effective, settings: &Settings, reader: &Zone, now: Timestamp) -> Self {
        let (here, there) = (reader.tz(), settings.zone().tz());
        let rows = Window::OFFERED
            .into_iter()
            .map(|window| {
                let label = format!("{} limit", window.adjective());
                let Some(limit) = found.of(window) else {
                    return PanelRow {
                        label,
                        value: "No limit".to_owned(),
                        is_none: true,
                        ..PanelRow::default()
                    };
                };
                let reset = settings
                    .window(window, now)
                    .end
                    .filter(|_| limit.value != Value::Unlimited);
                let then = limit.until.map_or_else(String::new, |_| {
                    let next = found.own(window).or_else(|| found.inherited(window));
                    match next {
                        Some(next) => format!(
                            "Then {} again ({}).",
                            next.value.show(settings.unit),
                            next.source_words()
                        ),
                        None => "Then there is no limit again.".to_owned(),
                    }
                });
                PanelRow {
                    label,
                    value: limit.value.show(settings.unit),
                    is_none: limit.value == Value::Unlimited,
                    source: source(limit, settings),
                    reset: reset.map_or_else(String::new, |at| date_time(at.micros(), &here)),
                    reset_iso: reset.map_or_else(String::new, |at| iso(at.micros())),
                    // The window begins at a midnight of the organization, which another clock shows at an odd hour.
                    reset_there: reset.map_or_else(String::new, |at| {
                        let text = date_time(at.micros(), &there);
                        if text == date_time(at.micros(), &here) {
                            return String::new();
                        }
                        format!("{text} in {}", settings.zone().name())
                    }),
                    then,
                }
            })
            .collect();
        let why = found
            .considered
            .iter()
            .map(|limit| {
                let who = match (&limit.source, limit.until) {
                    (Source::Member, Some(until)) => super::policy::until_words(until, settings.zone()),
                    _ => limit.source_words(),
                };
                let note = if limit.note.is_empty() {
                    String::new()
                } else {
                    format!(": {}", limit.note)
                };
                Reason {
                    text: format!(
                        "{}, {who}, set by {}{note}",
                        limit.value.rate(limit.window, settings.unit),
                        limit.by
                    ),
                    counts: found.of(limit.window) == Some(limit),
                }
            })
            .chain(found.pools.iter().map(|pool| Reason {
                text: format!(
                    "{} for {} together",
                    pool.value.rate(pool.window, settings.unit),
                    whose(pool)
                ),
                counts: true,
            }))
            .collect();
        Self {
            rows,
            is_unlimited: !found.is_limited(),
            why,
            zone: reader.name().to_owned(),
            ..Self::default()
        }
    }
}

fn whose(pool: &Limit) -> String {
    match &pool.source {
        Source::Group(_, name) => format!("all of group {name}"),
        _ => "the whole organization".to_owned(),
    }
}

/// One limit in a form.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// The field's name.
    pub name: &'static str,
    /// "Monthly limit".
    pub label: &'static str,
    /// The select.
    pub modes: Vec<Pick>,
    /// The amount.
    pub text: String,
    /// What both showed at first.
    pub was: String,
    /// What is wrong.
    pub error: String,
    /// Whether it takes the focus.
    pub focus: bool,
}

impl Field {
    /// A limit in a form; `inherit` says what the first entry of the select means.
    pub fn new(name: &'static str, label: &'static str, typed: &Typed, inherit: &str, errors: &FieldErrors) -> Self {
        let pick = |value: &str, label: String| Pick {
            value: value.to_owned(),
            selected: typed.mode == value,
            label,
        };
        Self {
            name,
            label,
            modes: vec![
                pick(INHERIT, inherit.to_owned()),
                pick(AMOUNT, "Amount".to_owned()),
                pick(UNLIMITED, "Unlimited".to_owned()),
            ],
            text: typed.text.clone(),
            was: typed.was.clone(),
            error: errors.of(name).to_owned(),
            focus: errors.is_first(name),
        }
    }
    /// The same with the entry that leaves each member's as it is.
    #[must_use]
    fn with_keep(mut self, typed: &Typed) -> Self {
        let keep = Pick {
            value: KEEP.to_owned(),
            label: "Leave as it is".to_owned(),
            selected: typed.mode == KEEP,
        };
        self.modes.insert(0, keep);
        self
    }
    /// The same without the entry "Unlimited", where that is what nothing set means.
    #[must_use]
    pub fn without_unlimited(mut self) -> Self {
        self.modes.retain(|pick| pick.value != UNLIMITED || pick.selected);
        self
    }
}

/// The limits of many members in a form: what each of them becomes, or that it is left as it is.
#[derive(Debug, Clone, Default)]
pub struct Many {
    /// The monthly limit.
    pub month: Field,
    /// The daily limit.
    pub day: Field,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// Whether requests over the limit are refused.
    pub hard: bool,
    /// The last day, or nothing.
    pub until: String,
    /// The first day that can be chosen.
    pub today: String,
    /// The note.
    pub note: String,
}

impl Many {
    /// The form as it was sent, or as it begins.
    pub fn of(form: &LimitForm, settings: &Settings, errors: &FieldErrors, now: Timestamp) -> Self {
        let field = |name, label, typed: Typed| {
            let is_new = typed.mode.is_empty();
            let typed = Typed {
                mode: if is_new { KEEP.to_owned() } else { typed.mode },
                was: if is_new { format!("{KEEP}:") } else { typed.was },
                text: typed.text,
            };
            let inherit = "Inherit from group or organization";
            Field::new(name, label, &typed, inherit, errors).with_keep(&typed)
        };
        let mut month = field("monthly", "Monthly limit", form.month());
        month.focus = month.focus || errors.is_empty();
        Self {
            month,
            day: field("daily", "Daily limit", form.day()),
            unit: unit_words(settings.unit),
            sign: sign(settings.unit),
            hard: form.enforcement != Enforcement::Soft.key(),
            until: form.until.clone(),
            today: now.instant().to_zoned(settings.zone().tz()).date().to_string(),
            note: form.note.clone(),
        }
    }
}

/// What a window inherits, for a select.
pub fn inherit_words(limit: Option<&Limit>, unit: Unit) -> String {
    match limit {
        Some(limit) => format!("Inherit: {}, {}", limit.value.show(unit), limit.source_words()),
        None => "Inherit: no limit".to_owned(),
    }
}

/// The sign before an amount's field, where it is one character.
pub fn sign(unit: Unit) -> String {
    let sign = unit.sign();
    if sign.chars().count() == 1 {
        sign.to_owned()
    } else {
        String::new()
    }
}

/// The words for the unit: "credits", "USD".
pub fn unit_words(unit: Unit) -> String {
    unit.head().to_owned()
}

/// "Set Usage Limit".
#[derive(Debug, Template)]
#[template(path = "limits/dialog.html", blocks = ["dialog"])]
pub struct Dialog {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The member's id.
    pub id: String,
    /// The member's name.
    pub name: String,
    /// The member's address.
    pub email: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// Where the dialog was opened from.
    pub to: String,
    /// The list's filters.
    pub list: String,
    /// The monthly limit.
    pub month: Field,
    /// The daily limit.
    pub day: Field,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// Whether requests over the limit are refused.
    pub hard: bool,
    /// The last day, or nothing.
    pub until: String,
    /// The first day that can be chosen.
    pub today: String,
    /// The note.
    pub note: String,
    /// What is wrong.
    pub errors: FieldErrors,
    /// What counts now, and until when.
    pub now: Vec<PanelRow>,
    /// The zone of the resets.
    pub zone: String,
    /// Where a raise is ended; none when there is none.
    pub end_action: Option<String>,
    /// The version that the act refers to.
    pub version: i64,
}

/// A request in the queue, or on its own page.
#[derive(Debug, Clone, Default)]
pub struct RequestRow {
    /// Its page.
    pub href: String,
    /// Who asks.
    pub name: String,
    /// What for.
    pub asks: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// The same for machines.
    pub iso: String,
    /// What became of it.
    pub state: &'static str,
    /// The shape of that.
    pub class: &'static str,
    /// Who answered, and what.
    pub answer: String,
    /// Whether it waits for an answer.
    pub waits: bool,
    /// Which limit, by its stable name.
    pub window: &'static str,
}

impl RequestRow {
    /// A request in words.
    pub fn of(row: &Request, base: &str, settings: &Settings, now: Timestamp) -> Self {
        let tz = settings.zone().tz();
        let state = row.state_words(now);
        let mut answer = match state {
            "Approved" => row.granted.map_or_else(String::new, |amount| {
                format!(
                    "{} by {}",
                    request::words(amount, row.period, row.granted_until, settings),
                    row.decided_by
                )
            }),
            "Denied" => format!("by {}", row.decided_by),
            _ => String::new(),
        };
        if !row.answer.is_empty() {
            answer = format!("{answer}: {}", row.answer);
        }
        Self {
            href: format!("{base}/limits/requests/{}", row.id),
            name: row.name.clone(),
            asks: request::words(row.amount, row.period, row.until, settings),
            reason: row.reason.clone(),
            at: crate::web::filters::ago(now.micros(), row.created_at.micros(), &tz),
            iso: iso(row.created_at.micros()),
            state,
            class: match state {
                "Approved" => "ok",
                "Denied" => "bad",
                "Waiting" => "warn",
                _ => "",
            },
            answer,
            waits: row.is_open(now),
            window: row.period.key(),
        }
    }
}

/// What a group has set.
#[derive(Debug, Clone, Default)]
pub struct GroupRow {
    /// The group's name.
    pub name: String,
    /// What each member gets.
    pub each: String,
    /// What all get together.
    pub together: String,
    /// The group's place among others.
    pub place: String,
    /// Where it is changed.
    pub href: String,
}

impl GroupRow {
    /// What a group has set, in words.
    pub fn of(id: GroupId, name: &str, standing: &Standing, base: &str, settings: &Settings) -> Self {
        let words = |find: &dyn Fn(Window) -> Option<Limit>| {
            let parts: Vec<String> = Window::OFFERED
                .into_iter()
                .filter_map(find)
                .map(|limit| limit.value.rate(limit.window, settings.unit))
                .collect();
            if parts.is_empty() {
                "None".to_owned()
            } else {
                parts.join(", ")
            }
        };
        Self {
            name: name.to_owned(),
            each: words(&|window| standing.group_default(id, window).cloned()),
            together: words(&|window| standing.group_pool(id, window).cloned()),
            place: standing
                .priority(id)
                .map_or_else(|| crate::web::filters::MISSING.to_owned(), |place| place.to_string()),
            href: format!("{base}/limits/groups?group={id}"),
        }
    }
}

/// A member's own limit, or a limit with an end, in a list.
#[derive(Debug, Clone, Default)]
pub struct OwnLine {
    /// Who.
    pub name: String,
    /// The member's page.
    pub href: String,
    /// How much.
    pub value: String,
    /// Until when, or empty.
    pub until: String,
    /// Why.
    pub note: String,
    /// By whom and when.
    pub by: String,
    /// Where it is changed.
    pub edit_href: String,
    /// Where it is ended.
    pub end_action: String,
}

impl OwnLine {
    /// A row in words.
    pub fn of(row: &OwnRow, base: &str, settings: &Settings, to: &str) -> Self {
        let tz = settings.zone().tz();
        let href = format!("{base}/members/{}", row.id);
        let soft = if row.action == Enforcement::Soft { ", soft" } else { "" };
        Self {
            name: row.name.clone(),
            value: format!("{}{soft}", Value::of(row.amount).rate(row.period, settings.unit)),
            until: row
                .valid_until
                .map_or_else(String::new, |until| date(until.micros() - 1, &tz)),
            note: row.note.clone(),
            by: format!("{}, {}", row.set_by, date(row.set_at.micros(), &tz)),
            edit_href: format!("{href}/limit?to={to}"),
            end_action: format!("{href}/limit/raise/end"),
            href,
        }
    }
}

/// The page of limits.
#[derive(Debug, Template)]
#[template(path = "limits/index.html")]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// This page.
    pub path: String,
    /// The organization's name.
    pub organization: String,
    /// Where one chooses what people are told about usage.
    pub alerts_href: String,
    /// How many members have no limit, in words; none when all have one.
    pub without: Option<String>,
    /// Those members.
    pub without_href: String,
    /// The requests that wait.
    pub requests: Vec<RequestRow>,
    /// Whether limits of members are shown.
    pub may_set: bool,
    /// Whether defaults are shown.
    pub may_default: bool,
    /// The default of a month, in words.
    pub month: String,
    /// The default of a day.
    pub day: String,
    /// What happens at both.
    pub hard: bool,
    /// The groups.
    pub groups: Vec<GroupRow>,
    /// Limits with an end.
    pub raises: Vec<OwnLine>,
    /// What all may use together: a month.
    pub pool_month: Field,
    /// What all may use together: a day.
    pub pool_day: Field,
    /// Whether requests over that are refused.
    pub pool_hard: bool,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// How the organization counts.
    pub form: SettingsForm,
    /// The units.
    pub units: Vec<Pick>,
    /// The rules for several groups.
    pub conflicts: Vec<Pick>,
    /// The billing days.
    pub days: Vec<Pick>,
    /// The week starts.
    pub weeks: Vec<Pick>,
    /// The zone of all windows.
    pub zone: String,
    /// When the month that runs ends.
    pub month_ends: String,
    /// What is wrong.
    pub errors: FieldErrors,
    /// The version that the forms refer to.
    pub version: i64,
}

/// The choices of the settings form.
pub struct Picks {
    /// The units.
    pub units: Vec<Pick>,
    /// The rules for several groups.
    pub conflicts: Vec<Pick>,
    /// The billing days.
    pub days: Vec<Pick>,
    /// The week starts.
    pub weeks: Vec<Pick>,
}

impl Picks {
    /// The choices with the form's own ones selected.
    pub fn of(form: &SettingsForm) -> Self {
        let pick = |value: String, label: String, chosen: &str| Pick {
            selected: value == chosen,
            value,
            label,
        };
        let credits = std::iter::once(pick(CREDITS.to_owned(), "Credits".to_owned(), &form.unit));
        let currencies = CURRENCIES.iter().map(|(code, sign)| {
            let label = if code == sign {
                (*code).to_owned()
            } else {
                format!("{code} ({sign})")
            };
            pick((*code).to_owned(), label, &form.unit)
        });
        Self {
            units: credits.chain(currencies).collect(),
            conflicts: Conflict::ALL
                .into_iter()
                .map(|rule| pick(rule.key().to_owned(), rule.title().to_owned(), &form.conflict))
                .collect(),
            days: (1..=28)
                .map(|day| pick(day.to_string(), format!("Day {day}"), &form.anchor_day))
                .collect(),
            weeks: (1..)
                .zip(WEEKDAYS)
                .map(|(place, name): (i64, _)| pick(place.to_string(), name.to_owned(), &form.week_start))
                .collect(),
        }
    }
}

/// One window in the preview of new defaults.
#[derive(Debug, Clone, Default)]
pub struct PreviewRow {
    /// "Monthly limit".
    pub label: String,
    /// What it is now.
    pub before: String,
    /// What it becomes.
    pub after: String,
    /// How many members inherit it.
    pub count: i64,
}

/// The form of the defaults, and then what they would change.
#[derive(Debug, Template)]
#[template(path = "limits/defaults.html")]
pub struct Defaults {
    /// The frame.
    pub l: Layout,
    /// Where the form goes.
    pub path: String,
    /// Where Cancel leads.
    pub back: String,
    /// The organization's name.
    pub organization: String,
    /// The monthly default.
    pub month: Field,
    /// The daily default.
    pub day: Field,
    /// Whether requests over the limit are refused.
    pub hard: bool,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// What would change; empty before the amounts are looked at.
    pub preview: Vec<PreviewRow>,
    /// The fields, to be carried through the preview.
    pub hidden: Vec<(&'static str, String)>,
    /// How many members are concerned at most.
    pub concerned: i64,
    /// Whether members who keep what they have keep no limit.
    pub keeps_none: bool,
    /// What is wrong.
    pub errors: FieldErrors,
    /// The version that the form refers to.
    pub version: i64,
}

/// The groups' limits, and the form of one.
#[derive(Debug, Template)]
#[template(path = "limits/groups.html")]
pub struct Groups {
    /// The frame.
    pub l: Layout,
    /// This page.
    pub path: String,
    /// The page of limits.
    pub back: String,
    /// All groups.
    pub groups: Vec<GroupRow>,
    /// The one to be changed.
    pub form: Option<GroupEdit>,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// Which of several groups' defaults wins, in words.
    pub conflict: String,
    /// Whether places matter.
    pub by_priority: bool,
    /// The version that the form refers to.
    pub version: i64,
}

/// The form of one group's limits.
#[derive(Debug, Clone, Default)]
pub struct GroupEdit {
    /// The group's id.
    pub id: String,
    /// The group's name.
    pub name: String,
    /// Each member, a month.
    pub month: Field,
    /// Each member, a day.
    pub day: Field,
    /// Whether requests over that are refused.
    pub hard: bool,
    /// All together, a month.
    pub pool_month: Field,
    /// All together, a day.
    pub pool_day: Field,
    /// Whether requests over that are refused.
    pub pool_hard: bool,
    /// The group's place.
    pub priority: String,
    /// What is wrong with it.
    pub priority_error: String,
}

/// A group's limits on its own page; see `templates/limits/_group.html`.
#[derive(Debug, Clone, Default)]
pub struct GroupPanel {
    /// What it has set.
    pub row: GroupRow,
    /// Whether the viewer may change it.
    pub may_edit: bool,
}

/// The members with limits of their own.
#[derive(Debug, Template)]
#[template(path = "limits/members.html")]
pub struct Members {
    /// The frame.
    pub l: Layout,
    /// The page of limits.
    pub back: String,
    /// The rows.
    pub rows: Vec<OwnLine>,
    /// The page after.
    pub next: Option<String>,
    /// Which of them.
    pub range: String,
}

/// A member asks for more.
#[derive(Debug, Template)]
#[template(path = "limits/request.html")]
pub struct Ask {
    /// The frame.
    pub l: Layout,
    /// Where the form goes.
    pub path: String,
    /// Where it leads back to.
    pub back: String,
    /// The organization's name.
    pub organization: String,
    /// What counts now.
    pub panel: Panel,
    /// The limits that can be raised.
    pub windows: Vec<Pick>,
    /// The amount that was typed.
    pub amount: String,
    /// The last day that was typed.
    pub until: String,
    /// The first day that can be chosen.
    pub today: String,
    /// The reason that was typed.
    pub reason: String,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// What was asked before.
    pub past: Vec<RequestRow>,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// One request, to be answered.
#[derive(Debug, Template)]
#[template(path = "limits/decision.html")]
pub struct Decision {
    /// The frame.
    pub l: Layout,
    /// The page of limits.
    pub back: String,
    /// This page.
    pub path: String,
    /// The request.
    pub row: RequestRow,
    /// The member's page.
    pub member_href: String,
    /// What counts now.
    pub panel: Panel,
    /// Whether the viewer may answer it now.
    pub may_decide: bool,
    /// Why not, if so.
    pub why_not: String,
    /// The amount to grant.
    pub amount: String,
    /// The last day.
    pub until: String,
    /// The first day that can be chosen.
    pub today: String,
    /// The word to the member.
    pub answer: String,
    /// What amounts count in.
    pub unit: String,
    /// The sign before them.
    pub sign: String,
    /// When it ends without an answer.
    pub expires: String,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// A day in prose.
pub fn day_words(at: Timestamp, settings: &Settings) -> String {
    long_date(at.micros(), &settings.zone().tz())
}
