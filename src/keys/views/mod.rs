//! What the pages of keys print, decided already: the list, one key, and the one page that shows a secret.

mod cards;
mod edit;
mod many;

use askama::Template;
use zeroize::Zeroizing;

pub use cards::{GroupCard, KeyLine, MemberCard, RulesSummary};
pub use edit::{Edit, FeatureRow, FeaturesPage, Parts, RulesPage, ServiceRow, ServicesPage};
pub use many::Many;

use super::{
    Key, Kind, PlainKey, Standing,
    forms::address,
    key::{Bound, OVERLAPS, State, StateCount},
    list::{EXPIRING_DAYS, Query, Shown, UNUSED_DAYS},
    scope::{Duty, Scopes},
};
use crate::{
    access::{Can, Permission},
    clock::{Timestamp, Zone, days},
    groups::Group,
    limits::{amount::Unit, keyed::Amounts},
    roles::host::HostPermission,
    web::{
        filters::{MISSING, ago, date, date_time, iso, long_date, plural},
        form::FieldErrors,
        layout::{Chip, Choice, Fact, FilterLink, Layout, Tag, hue},
        list::Slice,
    },
};

/// A word beside a key's name.
#[derive(Debug, Clone)]
pub struct Badge {
    /// The word.
    pub label: String,
    /// Its colour.
    pub class: &'static str,
}

/// The class of a standing's chip.
pub const fn standing_class(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "ok",
        Standing::Early => "",
        Standing::Expired | Standing::Revoked => "bad",
        Standing::Suspended
        | Standing::Account
        | Standing::Archived
        | Standing::WithOwner
        | Standing::WithService
        | Standing::Homeless => "warn",
    }
}

/// What is to be seen about a key at a glance.
fn badges(key: &Key, now: Timestamp, zone: &Zone) -> Vec<Badge> {
    let mut badges = Vec::new();
    let mut badge = |label: String, class| badges.push(Badge { label, class });
    if key.standing(now) == Standing::Revoked {
        return badges;
    }
    if now.since(key.created_at) < days(1) && key.last_used_at.is_none() {
        badge("New".to_owned(), "ok");
    }
    if let Some(end) = key
        .expires_at
        .filter(|end| *end > now && end.since(now) <= days(EXPIRING_DAYS))
    {
        badge(
            format!(
                "Expires {}",
                crate::web::filters::until(now.micros(), end.micros(), &zone.tz())
            ),
            "warn",
        );
    }
    if now.since(key.last_used_at.unwrap_or(key.created_at)) >= days(UNUSED_DAYS) {
        badge("Unused".to_owned(), "");
    }
    if key.overlap(now).is_some() {
        badge("Two secrets".to_owned(), "info");
    }
    badges
}

/// A key in a table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its text without the secret.
    pub masked: String,
    /// Words beside the name.
    pub badges: Vec<Badge>,
    /// "Personal", "Group", "Service".
    pub kind: &'static str,
    /// Whose it is.
    pub owner: String,
    /// The groups that it is bound to, the first two.
    pub groups: Vec<Tag>,
    /// How many more there are.
    pub more: usize,
    /// Their names.
    pub more_names: String,
    /// Its features, the first three.
    pub features: Vec<String>,
    /// How many more there are.
    pub more_features: usize,
    /// When it was last used.
    pub used: String,
    /// The same for machines; empty for never.
    pub used_iso: String,
    /// How it stands.
    pub state: &'static str,
    /// The chip's class.
    pub class: &'static str,
    /// Whether it works as it should, which needs no word on a phone.
    pub is_active: bool,
}

impl Row {
    /// A key as the table shows it.
    pub fn of(key: &Key, base: &str, now: Timestamp, zone: &Zone) -> Self {
        let standing = key.standing(now);
        let groups = key.bound_groups();
        let features = key.feature_badges();
        let rest: Vec<String> = groups.iter().skip(2).map(|(_, name)| name.clone()).collect();
        Self {
            id: key.id.to_string(),
            href: format!("{base}/{}", key.id),
            name: key.name.clone(),
            masked: key.masked(),
            badges: badges(key, now, zone),
            kind: key.kind.title(),
            owner: owner(key),
            groups: groups
                .iter()
                .take(2)
                .map(|(id, name)| Tag {
                    label: name.clone(),
                    hue: hue(id.raw()),
                })
                .collect(),
            more: rest.len(),
            more_names: rest.join(", "),
            more_features: features.len().saturating_sub(3),
            features: features.into_iter().take(3).collect(),
            used: used(key, now, zone),
            used_iso: key.last_used_at.map_or_else(String::new, |at| iso(at.micros())),
            state: standing.title(),
            class: standing_class(standing),
            is_active: standing == Standing::Active,
        }
    }
}

fn owner(key: &Key) -> String {
    let name = match key.kind {
        Kind::Personal => &key.owner_name,
        Kind::Group => &key.group_name,
        Kind::Service => &key.service_name,
    };
    name.clone().unwrap_or_else(|| "A group that is gone".to_owned())
}

fn used(key: &Key, now: Timestamp, zone: &Zone) -> String {
    key.last_used_at
        .map_or_else(|| "Never".to_owned(), |at| ago(now.micros(), at.micros(), &zone.tz()))
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "keys/index.html", blocks = ["rows"])]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// Whether only the results are asked for.
    pub partial: bool,
    /// The list's path.
    pub path: String,
    /// How many keys are not revoked.
    pub total: i64,
    /// What was searched.
    pub q: String,
    /// The states with their counts.
    pub states: Vec<FilterLink>,
    /// The kinds.
    pub kinds: Vec<Choice>,
    /// The groups.
    pub groups: Vec<Choice>,
    /// Filters that can be put on: label and address.
    pub offers: Vec<(String, String)>,
    /// What is on.
    pub chips: Vec<Chip>,
    /// What the form keeps while one types.
    pub hidden: Vec<(&'static str, String)>,
    /// The keys.
    pub rows: Vec<Row>,
    /// Which of how many.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// Whether any filter is on.
    pub is_filtered: bool,
    /// Whether personal keys can be made by the viewer.
    pub own_href: Option<String>,
}

impl Index {
    /// Decides everything that the page prints.
    #[expect(clippy::too_many_arguments, reason = "one for each thing that the page tells")]
    pub fn new<P>(
        l: Layout,
        by: &Can<P>,
        partial: bool,
        query: &Query,
        counts: &[StateCount],
        all_groups: &[Group],
        found: &Slice<Key>,
        now: Timestamp,
    ) -> Self {
        let path = by.path("/keys");
        let link = |change: &dyn Fn(&mut Query)| {
            let mut other = Query {
                cursor: None,
                ..query.clone()
            };
            change(&mut other);
            address(&path, &other, ("", ""))
        };
        let count = |state: State| {
            counts
                .iter()
                .filter(|row| row.state == state)
                .map(|row| row.n)
                .sum::<i64>()
        };
        let total = count(State::Active) + count(State::Suspended);
        let states = Shown::ALL.map(|shown| FilterLink {
            id: shown.key(),
            label: shown.title(),
            count: match shown {
                Shown::Live => Some(total),
                Shown::Suspended => Some(count(State::Suspended)),
                Shown::Revoked => Some(count(State::Revoked)),
                Shown::Active | Shown::Expired => None, // time decides, and is not counted
            },
            href: link(&|other| other.shown = shown),
            current: query.shown == shown,
        });
        let mut chips = Vec::new();
        let mut chip = |label: String, remove: String| chips.push(Chip { label, remove });
        let words = query.words.trim();
        if !words.is_empty() {
            chip(format!("Search: {words}"), link(&|other| other.words = String::new()));
        }
        let mut offers = Vec::new();
        let unused = format!("Unused for {UNUSED_DAYS} days");
        let expiring = format!("Expiring in {EXPIRING_DAYS} days");
        if query.unused {
            chip(unused, link(&|other| other.unused = false));
        } else {
            offers.push((unused, link(&|other| other.unused = true)));
        }
        if query.expiring {
            chip(expiring, link(&|other| other.expiring = false));
        } else {
            offers.push((expiring, link(&|other| other.expiring = true)));
        }
        let any = |label: &str, selected| Choice {
            value: String::new(),
            label: label.to_owned(),
            selected,
        };
        let kinds = Kind::ALL.map(|kind| Choice {
            value: kind.key().to_owned(),
            label: format!("{} keys", kind.title()),
            selected: query.kind == Some(kind),
        });
        let groups = all_groups.iter().map(|group| Choice {
            value: group.id.to_string(),
            label: group.name.clone(),
            selected: query.group == Some(group.id),
        });
        let flag = |on: bool| if on { "1".to_owned() } else { String::new() };
        let hidden = [
            (
                "state",
                if query.shown == Shown::Live {
                    String::new()
                } else {
                    query.shown.key().to_owned()
                },
            ),
            ("unused", flag(query.unused)),
            ("expiring", flag(query.expiring)),
        ];
        let place = |name, key: Option<&Key>| key.map(|key| address(&path, query, (name, &key.id.to_string())));
        Self {
            l,
            partial,
            total,
            q: words.to_owned(),
            states: states.into(),
            kinds: std::iter::once(any("Every kind", query.kind.is_none()))
                .chain(kinds)
                .collect(),
            groups: std::iter::once(any("Every group", query.group.is_none()))
                .chain(groups)
                .collect(),
            offers,
            chips,
            hidden: hidden.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            rows: found
                .rows
                .iter()
                .map(|key| Row::of(key, &path, now, by.zone()))
                .collect(),
            range: plural(found.rows.len() as i64, "key", "keys"),
            previous: if found.before {
                place("before", found.rows.first())
            } else {
                None
            },
            next: if found.after {
                place("after", found.rows.last())
            } else {
                None
            },
            is_filtered: query.is_filtered(),
            own_href: by.may(Permission::KeyOwn).then(|| by.path("/keys/own/new")),
            path,
        }
    }
}

/// What a person sees of a key beside the key itself.
#[derive(Debug)]
pub struct Known {
    /// The members that it is bound to.
    pub bound: Vec<Bound>,
    /// Its own limits.
    pub limits: Amounts,
    /// What its owner may use.
    pub ceiling: Amounts,
    /// What amounts are shown in.
    pub unit: Unit,
    /// The added permissions.
    pub hosts: Vec<HostPermission>,
    /// What is wrong with the form of rotation.
    pub errors: FieldErrors,
}

/// One key.
#[derive(Debug, Template)]
#[template(path = "keys/show.html")]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// Where the list is, and what it is called.
    pub list_href: String,
    /// The list's name.
    pub list_title: &'static str,
    /// The key's page.
    pub href: String,
    /// Its name.
    pub name: String,
    /// Its text without the secret.
    pub masked: String,
    /// How it stands.
    pub state: &'static str,
    /// The chip's class.
    pub class: &'static str,
    /// Words beside the name.
    pub badges: Vec<Badge>,
    /// Why it does not work, and what helps; empty when it works.
    pub notice: String,
    /// Labels and values.
    pub facts: Vec<Fact>,
    /// What it may be used for: name and title.
    pub scopes: Vec<(String, String)>,
    /// Its features.
    pub features: Vec<String>,
    /// The groups that it is bound to.
    pub groups: Vec<Tag>,
    /// The people that it is bound to.
    pub people: Vec<(String, String)>,
    /// Its own limits, in words.
    pub limits: String,
    /// What its owner may use, in words.
    pub ceiling: String,
    /// Whether it can be changed by the viewer.
    pub may_edit: bool,
    /// Whether it can be rotated by the viewer.
    pub may_rotate: bool,
    /// Whether it can be suspended.
    pub may_suspend: bool,
    /// Whether a suspension can be taken back.
    pub may_activate: bool,
    /// Whether it can be revoked.
    pub may_revoke: bool,
    /// What can become of the old secret.
    pub overlaps: Vec<Choice>,
    /// The version that an act refers to.
    pub version: i64,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl Show {
    /// The page for whoever manages keys, or for the owner.
    pub fn new<P>(l: Layout, by: &Can<P>, key: &Key, known: Known, is_own: bool, now: Timestamp) -> Self {
        let zone = by.zone();
        let base = by.path("/keys");
        let standing = key.standing(now);
        let is_live = key.state != State::Revoked;
        let tz = zone.tz();
        let mut facts = Vec::new();
        let mut fact = |label, value: String| facts.push(Fact { label, value });
        fact("Kind", key.kind.title().to_owned());
        fact("Belongs to", owner(key));
        if key.kind == Kind::Service {
            fact("Group", key.group_name.clone().unwrap_or_else(|| MISSING.to_owned()));
        }
        fact(
            "Created",
            format!("{} by {}", date_time(key.created_at.micros(), &tz), key.creator_name),
        );
        if let Some(at) = key.rotated_at {
            fact("Rotated", date_time(at.micros(), &tz));
        }
        if let Some(until) = key.overlap(now) {
            let four = &key.last_four;
            fact(
                "Old secret",
                format!("…{four} works until {}", date_time(until.micros(), &tz)),
            );
        }
        if let Some(start) = key.not_before {
            fact("Valid from", date_time(start.micros(), &tz));
        }
        fact(
            "Expires",
            key.expires_at
                .map_or_else(|| "Never".to_owned(), |end| date_time(end.micros(), &tz)),
        );
        fact(
            "Last used",
            match key.last_used_at {
                Some(at) if !key.last_used_ip.is_empty() => {
                    format!("{} from {}", date_time(at.micros(), &tz), key.last_used_ip)
                }
                Some(at) => date_time(at.micros(), &tz),
                None => "Never".to_owned(),
            },
        );
        Self {
            l,
            list_href: if is_own { "/me/keys".to_owned() } else { base.clone() },
            list_title: if is_own { "Your API keys" } else { "API Keys" },
            href: if is_own {
                format!("{base}/own/{}", key.id)
            } else {
                format!("{base}/{}", key.id)
            },
            name: key.name.clone(),
            masked: key.masked(),
            state: standing.title(),
            class: standing_class(standing),
            badges: badges(key, now, zone),
            notice: notice(key, standing, is_own, zone),
            facts,
            scopes: scope_titles(&key.scopes(), &known.hosts),
            features: key.feature_badges(),
            groups: key
                .bound_groups()
                .into_iter()
                .map(|(id, label)| Tag {
                    hue: hue(id.raw()),
                    label,
                })
                .collect(),
            people: known
                .bound
                .iter()
                .map(|one| (by.path(&format!("/members/{}", one.id)), one.name.clone()))
                .collect(),
            limits: known.limits.words(known.unit),
            ceiling: known.ceiling.words(known.unit),
            may_edit: !is_own && is_live,
            may_rotate: is_live && standing != Standing::Expired && (is_own || key.kind != Kind::Personal),
            may_suspend: !is_own && key.state == State::Active,
            may_activate: !is_own && standing == Standing::Suspended,
            may_revoke: is_live,
            overlaps: OVERLAPS
                .iter()
                .map(|(value, label, _)| Choice {
                    value: (*value).to_owned(),
                    label: (*label).to_owned(),
                    selected: *value == "24h",
                })
                .collect(),
            version: key.version,
            errors: known.errors,
        }
    }
}

/// Why a key does not work, and what helps.
fn notice(key: &Key, standing: Standing, is_own: bool, zone: &Zone) -> String {
    let who = match key.state_at {
        Some(at) if !key.state_by.is_empty() => {
            format!(" by {} on {}", key.state_by, long_date(at.micros(), &zone.tz()))
        }
        _ => String::new(),
    };
    match standing {
        Standing::Active => String::new(),
        Standing::Early => format!(
            "It works from {} on.",
            key.not_before
                .map_or_else(String::new, |at| long_date(at.micros(), &zone.tz()))
        ),
        Standing::Expired => format!(
            "Its time ended on {}.",
            key.expires_at
                .map_or_else(String::new, |at| date(at.micros(), &zone.tz()))
        ),
        Standing::Suspended if is_own => format!("Suspended{who}. Ask an Org Admin to activate it."),
        Standing::Suspended => format!("Suspended{who}. It authorizes nothing until somebody activates it."),
        Standing::WithOwner => {
            "Suspended with its owner, whose membership does not act. It comes back when the owner is activated."
                .to_owned()
        }
        Standing::WithService => {
            "Its service account is disabled. It works again when the service account is enabled.".to_owned()
        }
        Standing::Homeless => {
            "The group that it belonged to is gone. Edit the key and bind it to another group.".to_owned()
        }
        Standing::Account => "The account of its owner is closed, and nothing of it acts.".to_owned(),
        Standing::Archived => "Its organization is archived, where nothing authorizes.".to_owned(),
        Standing::Revoked => format!("Revoked{who}. This is final."),
    }
}

/// The titles of scopes, each with its name.
pub fn scope_titles(scopes: &Scopes, hosts: &[HostPermission]) -> Vec<(String, String)> {
    scopes
        .names()
        .into_iter()
        .map(|name| {
            let added = name.strip_prefix("host:");
            let title = match (Duty::find(&name), Permission::find(&name), added) {
                (Some(duty), _, _) => duty.title().to_owned(),
                (None, Some(permission), _) => permission.title().to_owned(),
                (None, None, Some(key)) => hosts
                    .iter()
                    .find(|host| host.key == key)
                    .map_or_else(|| key.to_owned(), |host| host.title.clone()),
                _ => name.clone(),
            };
            (name, title)
        })
        .collect()
}

/// A secret on the page that shows it.
pub struct ShownKey {
    /// The key's name.
    pub name: String,
    /// The key's page.
    pub href: String,
    /// The whole key.
    pub text: Zeroizing<String>,
}

impl ShownKey {
    /// Takes the key out of the hands of whoever made it.
    pub fn new(name: &str, href: String, key: PlainKey) -> Self {
        Self {
            name: name.to_owned(),
            href,
            text: key.into_shown(),
        }
    }
}

/// The one page that shows secrets. It is the answer to the form that made them, so that reloading it asks for them in vain.
#[derive(Template)]
#[template(path = "keys/shown.html")]
pub struct ShownOnce {
    /// The frame.
    pub l: Layout,
    /// Where the list is.
    pub list_href: String,
    /// The list's name.
    pub list_title: &'static str,
    /// The heading.
    pub heading: String,
    /// A sentence on what has happened.
    pub lead: String,
    /// The keys.
    pub keys: Vec<ShownKey>,
}

/// The dialog that revokes a key.
#[derive(Debug, Template)]
#[template(path = "keys/revoke.html", blocks = ["dialog"])]
pub struct Revoke {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The key's name.
    pub name: String,
    /// Its text without the secret.
    pub masked: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// When it was last used, in a sentence.
    pub used: String,
    /// The version that the act refers to.
    pub version: i64,
}

impl Revoke {
    /// Says what ends.
    pub fn new(l: Layout, open: bool, base: String, key: &Key, now: Timestamp, zone: &Zone) -> Self {
        Self {
            l,
            open,
            name: key.name.clone(),
            masked: key.masked(),
            action: format!("{base}/revocation"),
            back: base,
            used: match key.last_used_at {
                Some(_) => format!("It was last used: {}.", used(key, now, zone)),
                None => "It was never used.".to_owned(),
            },
            version: key.version,
        }
    }
}

/// A person's own keys.
#[derive(Debug, Template)]
#[template(path = "keys/mine.html")]
pub struct Mine {
    /// The frame.
    pub l: Layout,
    /// The organizations, each with the person's keys there.
    pub places: Vec<Place>,
}

/// An organization on the page of one's own keys.
#[derive(Debug)]
pub struct Place {
    /// A word for ids.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The keys.
    pub rows: Vec<Row>,
    /// Where a key is made; none where the rules do not let the person.
    pub new_href: Option<String>,
    /// Why none is made.
    pub why_not: String,
}
