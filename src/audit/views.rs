//! The page of the audit log, the same in an organization and in the Enterprise Portal.

use askama::Template;

use super::{Action, ActorKind, Outcome, forms::Search, log::Line, sentence::Change};
use crate::{
    clock::Zone,
    web::{
        filters,
        layout::{Chip, Choice, Fact, FilterLink, Layout, hue, initials},
        list::Slice,
    },
};

/// The audit log of an organization.
#[derive(Template)]
#[template(path = "audit/index.html", blocks = ["rows"])]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// What is shown in it.
    pub v: View,
}

/// The audit log of the enterprise.
#[derive(Template)]
#[template(path = "enterprise/audit.html", blocks = ["rows"])]
pub struct EnterpriseIndex {
    /// The frame.
    pub l: Layout,
    /// What is shown in it.
    pub v: View,
}

/// The log with its filters.
pub struct View {
    /// Whether only the list is asked for, with the filters beside it.
    pub partial: bool,
    /// The page's address.
    pub path: String,
    /// In which zone times are told.
    pub zone: String,
    /// What is filtered by.
    pub search: Search,
    /// Done, refused, or all.
    pub results: Vec<FilterLink>,
    /// Every action.
    pub actions: Vec<Choice>,
    /// The list without the filter on days.
    pub without_days: String,
    /// The list without the filter on an action.
    pub without_action: String,
    /// The filters that are on.
    pub chips: Vec<Chip>,
    /// The files with the same filters.
    pub csv: String,
    /// The same as NDJSON.
    pub ndjson: String,
    /// Whether any filter is on.
    pub is_filtered: bool,
    /// The events by day.
    pub days: Vec<Day>,
    /// How many are shown.
    pub range: String,
    /// The page of newer events.
    pub newer: Option<String>,
    /// The page of older events.
    pub older: Option<String>,
}

/// The events of one day.
pub struct Day {
    /// The day.
    pub label: String,
    /// Its events, newest first.
    pub events: Vec<Event>,
}

/// One event.
pub struct Event {
    /// The time of day.
    pub time: String,
    /// The instant for machines.
    pub iso: String,
    /// The sign beside it.
    pub icon: &'static str,
    /// Its colour.
    pub tone: &'static str,
    /// What happened to whom.
    pub text: String,
    /// What changed, when short.
    pub detail: String,
    /// Whether it was refused or failed, in a word.
    pub outcome: &'static str,
    /// Who.
    pub actor: String,
    /// Everything that this person did; empty for what is no person.
    pub actor_href: String,
    /// The avatar's letters; empty for what is no person.
    pub initials: String,
    /// The avatar's colour.
    pub hue: u8,
    /// The action's stable name.
    pub action: String,
    /// From which address.
    pub address: String,
    /// What changed, field by field.
    pub changes: Vec<Change>,
    /// The rest of the record.
    pub facts: Vec<Fact>,
}

impl View {
    /// Puts the page together.
    pub fn new(path: String, zone: &Zone, search: Search, page: &Slice<Line>, partial: bool) -> Self {
        let blank = |search: &Search| search.href(&path);
        let results = [
            ("all", "All", ""),
            ("ok", "Done", "ok"),
            ("denied", "Refused", "denied"),
            ("error", "Failed", "error"),
        ]
        .into_iter()
        .map(|(id, label, result)| FilterLink {
            id,
            label,
            count: None,
            href: blank(&search.but(|search| result.clone_into(&mut search.result))),
            current: Outcome::find(&search.result).map_or("", Outcome::name) == result,
        })
        .collect();
        let mut actions: Vec<Choice> = Action::ALL
            .iter()
            .map(|action| Choice {
                value: action.name().to_owned(),
                label: action.title().to_owned(),
                selected: action.name() == search.action,
            })
            .collect();
        actions.sort_by(|a, b| a.label.cmp(&b.label));
        let days = days(&page.rows, zone, &search, &path);
        let place =
            |name, line: Option<&Line>| line.map(|line| search.href_with(&path, &[(name, &line.seq.to_string())]));
        let is_filtered = search.href(&path) != path;
        Self {
            partial,
            zone: zone.name().to_owned(),
            results,
            actions,
            without_days: blank(&search.but(|search| {
                search.from.clear();
                search.to.clear();
            })),
            without_action: blank(&search.but(|search| search.action.clear())),
            chips: chips(&search, &path, page),
            csv: search.href(&format!("{path}/export.csv")),
            ndjson: search.href(&format!("{path}/export.ndjson")),
            is_filtered,
            days,
            range: filters::plural(page.rows.len() as i64, "event", "events"),
            newer: place("after", page.rows.first().filter(|_| page.before)),
            older: place("before", page.rows.last().filter(|_| page.after)),
            search,
            path,
        }
    }
}

fn chips(search: &Search, path: &str, page: &Slice<Line>) -> Vec<Chip> {
    let mut chips = Vec::new();
    let mut add = |label: String, without: Search| {
        chips.push(Chip {
            label,
            remove: without.href(path),
        });
    };
    if let Some(action) = Action::find(&search.action) {
        add(
            format!("Action: {}", action.title()),
            search.but(|search| search.action.clear()),
        );
    }
    if !search.actor.is_empty() {
        let name = page.rows.first().map_or("one person", |line| line.actor_name.as_str());
        add(format!("Actor: {name}"), search.but(|search| search.actor.clear()));
    }
    let days = match (search.from.as_str(), search.to.as_str()) {
        ("", "") => None,
        (from, "") => Some(format!("From {from}")),
        ("", to) => Some(format!("Until {to}")),
        (from, to) => Some(format!("{from} – {to}")),
    };
    if let Some(days) = days {
        add(
            days,
            search.but(|search| {
                search.from.clear();
                search.to.clear();
            }),
        );
    }
    chips
}

fn days(lines: &[Line], zone: &Zone, search: &Search, path: &str) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for line in lines {
        let label = filters::weekday_date(line.at.micros(), &zone.tz());
        let event = event(line, zone, search, path);
        match days.last_mut().filter(|day| day.label == label) {
            Some(day) => day.events.push(event),
            None => days.push(Day {
                label,
                events: vec![event],
            }),
        }
    }
    days
}

fn event(line: &Line, zone: &Zone, search: &Search, path: &str) -> Event {
    let words = line.words(zone);
    let is_person = line.actor_kind == ActorKind::Person;
    let facts = [
        ("Number", filters::number(line.seq)),
        ("Way", way(&line.via)),
        ("Client", line.agent.clone()),
        ("Request", line.request_id.clone()),
    ];
    Event {
        time: filters::time_of_day(line.at.micros(), &zone.tz()),
        iso: filters::iso(line.at.micros()),
        icon: words.icon,
        tone: words.tone,
        text: words.text,
        detail: words.detail,
        outcome: match line.outcome {
            Outcome::Ok => "",
            Outcome::Denied => "Refused",
            Outcome::Error => "Failed",
        },
        actor: line.actor_name.clone(),
        actor_href: if is_person {
            search.but(|search| search.actor = line.actor.to_string()).href(path)
        } else {
            String::new()
        },
        initials: if is_person {
            initials(&line.actor_name)
        } else {
            String::new()
        },
        hue: hue(line.actor.raw()),
        action: line.action_name.clone(),
        address: line.ip.clone(),
        changes: line.changes(zone),
        facts: facts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(label, value)| Fact { label, value })
            .collect(),
    }
}

fn way(via: &str) -> String {
    match via {
        "session" => "Signed in at the portal",
        "link" => "Without signing in",
        "cli" => "Command line",
        "job" => "Background job",
        "key" => "API key",
        other => other,
    }
    .to_owned()
}
