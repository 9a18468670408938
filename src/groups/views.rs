//! What the groups' pages print, decided already.

use askama::Template;

use super::{
    Card, Cards, Kind,
    belonging::{Pending, Someone, Standing},
    forms::{self, GroupForm, PeopleQuery},
    group::{Belonging, Group, KindCount, Profile},
    list::{Line, Query, Sort},
};
use crate::{
    access::{Can, GroupCan, Permission, sees_all_groups},
    clock::{Timestamp, Zone},
    ids::MemberId,
    keys::views::GroupCard,
    limits::views::GroupPanel,
    members::{face::Face, list::Found},
    usage::views::GroupSpend,
    web::{
        filters::{ago, date, long_date, number, plural},
        form::FieldErrors,
        layout::{Chip, Choice, Fact, FilterLink, Layout, Sort as SortLink, hue, initials},
        list::{Slice, href},
    },
};

/// The last day of a time, as a field for a day holds it.
pub fn day(end: Timestamp, zone: &Zone) -> String {
    // An end is the first instant that no longer counts.
    let last = Timestamp::from_micros(end.micros().saturating_sub(1));
    last.instant().to_zoned(zone.tz()).date().to_string()
}

/// The last day of a time, in words.
pub fn last_day(end: Timestamp, zone: &Zone) -> String {
    date(end.micros().saturating_sub(1), &zone.tz())
}

fn kinds(chosen: &str) -> Vec<Choice> {
    Kind::ALL
        .into_iter()
        .map(|kind| Choice {
            value: kind.key().to_owned(),
            label: kind.title().to_owned(),
            selected: kind.key() == chosen,
        })
        .collect()
}

/// One group in the list.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: String,
    /// For the avatar.
    pub initials: String,
    /// For the avatar.
    pub hue: u8,
    /// What people call it.
    pub kind: &'static str,
    /// Who leads it and what it is for, in one line.
    pub about: String,
    /// Some of its people.
    pub faces: Vec<Face>,
    /// How many belong to it.
    pub members: String,
}

/// What the list is made of.
pub struct Shown<'a> {
    /// Whether only the results are asked for.
    pub partial: bool,
    /// Whether the caller sees every group.
    pub all: bool,
    /// Whether leads may invite.
    pub leads_invite: bool,
    /// The question.
    pub query: &'a Query,
    /// How many groups there are of each kind.
    pub counts: &'a [KindCount],
    /// The page.
    pub found: &'a Slice<Line>,
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "groups/index.html", blocks = ["rows"])]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// Whether only the results are asked for.
    pub partial: bool,
    /// The list's path.
    pub path: String,
    /// How many groups there are.
    pub total: i64,
    /// Whether the caller sees every group.
    pub all: bool,
    /// Whether Create Group is offered.
    pub may_create: bool,
    /// Whether the rule for leads is offered.
    pub may_rule: bool,
    /// Whether leads may invite.
    pub leads_invite: bool,
    /// What was searched.
    pub q: String,
    /// The kinds with their counts.
    pub kinds: Vec<FilterLink>,
    /// What is on.
    pub chips: Vec<Chip>,
    /// The list of groups without a lead; none when that is on.
    pub without_lead: Option<String>,
    /// What the form keeps while one types.
    pub hidden: Vec<(&'static str, &'static str)>,
    /// Sort by name.
    pub by_name: SortLink,
    /// Sort by size.
    pub by_size: SortLink,
    /// The order in words.
    pub order: &'static str,
    /// The groups.
    pub rows: Vec<Row>,
    /// Which of how many.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// Whether any filter is on.
    pub is_filtered: bool,
}

impl Index {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, by: &Can<P>, shown: Shown<'_>) -> Self {
        let Shown {
            query, counts, found, ..
        } = shown;
        let path = by.path("/groups");
        let total: i64 = counts.iter().map(|count| count.n).sum();
        let link = |change: &dyn Fn(&mut Query)| {
            let mut other = query.clone();
            change(&mut other);
            forms::address(&path, &other, ("", ""))
        };
        let seg = |id, label, kind: Option<Kind>| FilterLink {
            id,
            label,
            count: Some(match kind {
                None => total,
                Some(kind) => counts
                    .iter()
                    .filter(|count| count.kind == kind)
                    .map(|count| count.n)
                    .sum(),
            }),
            href: link(&|other| other.kind = kind),
            current: query.kind == kind,
        };
        let mut segments = vec![seg("all", "All", None)];
        segments.extend(Kind::ALL.map(|kind| seg(kind.key(), kind.plural(), Some(kind))));
        let sort = |of: Sort| {
            let current = query.sort == of;
            let down = if current { !query.down } else { of.begins_down() };
            SortLink {
                href: link(&|other| (other.sort, other.down) = (of, down)),
                direction: match (current, query.down) {
                    (false, _) => "",
                    (true, true) => "descending",
                    (true, false) => "ascending",
                },
            }
        };
        let words = query.words.trim();
        let mut chips = Vec::new();
        let mut chip = |label: String, remove: String| chips.push(Chip { label, remove });
        if !words.is_empty() {
            chip(format!("Search: {words}"), link(&|other| other.words = String::new()));
        }
        if query.without_lead {
            chip("Without lead".to_owned(), link(&|other| other.without_lead = false));
        }
        let hidden = [
            ("kind", query.kind.map_or("", Kind::key)),
            ("lead", if query.without_lead { "none" } else { "" }),
            ("sort", if query.sort == Sort::Name { "" } else { query.sort.key() }),
            (
                "dir",
                match (query.down == query.sort.begins_down(), query.down) {
                    (true, _) => "",
                    (false, true) => "desc",
                    (false, false) => "asc",
                },
            ),
        ];
        let place =
            |name: &str, line: Option<&Line>| line.map(|line| forms::address(&path, query, (name, &line.place())));
        Self {
            partial: shown.partial,
            total,
            all: shown.all,
            may_create: by.may(Permission::GroupManage),
            may_rule: by.may(Permission::OrgSettings),
            leads_invite: shown.leads_invite,
            q: words.to_owned(),
            kinds: segments,
            without_lead: (!query.without_lead).then(|| link(&|other| other.without_lead = true)),
            hidden: hidden.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            by_name: sort(Sort::Name),
            by_size: sort(Sort::Size),
            order: match (query.sort, query.down) {
                (Sort::Name, false) => "sorted by name, A to Z",
                (Sort::Name, true) => "sorted by name, Z to A",
                (Sort::Size, true) => "the largest first",
                (Sort::Size, false) => "the smallest first",
            },
            rows: found.rows.iter().map(|line| row(&path, line)).collect(),
            range: plural(found.rows.len() as i64, "group on this page", "groups on this page"),
            previous: place("before", found.rows.first().filter(|_| found.before)),
            next: place("after", found.rows.last().filter(|_| found.after)),
            is_filtered: query.kind.is_some() || !chips.is_empty(),
            chips,
            path,
            l,
        }
    }
}

fn row(path: &str, line: &Line) -> Row {
    let leads = line.leads.as_deref().unwrap_or_default();
    let led = if leads.is_empty() {
        "No lead".to_owned()
    } else {
        format!("Led by {leads}")
    };
    Row {
        id: line.id.to_string(),
        name: line.name.clone(),
        href: format!("{path}/{}", line.id),
        initials: initials(&line.name),
        hue: hue(line.id.raw()),
        kind: line.kind.title(),
        about: if line.description.is_empty() {
            led
        } else {
            format!("{led} · {}", line.description)
        },
        faces: line
            .faces()
            .iter()
            .map(|(id, name)| Face::of(MemberId::from_raw(*id), name, None))
            .collect(),
        members: number(line.member_count),
    }
}

/// The dialog that makes a group.
#[derive(Debug, Template)]
#[template(path = "groups/new.html", blocks = ["dialog"])]
pub struct New {
    /// The frame.
    pub l: Layout,
    /// The list's path.
    pub path: String,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The name.
    pub name: String,
    /// The kinds.
    pub kinds: Vec<Choice>,
    /// What it is for.
    pub description: String,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl New {
    /// The form as it was sent.
    pub fn of(l: Layout, path: String, open: bool, form: &GroupForm, errors: FieldErrors) -> Self {
        Self {
            l,
            path,
            open,
            name: form.name.clone().unwrap_or_default(),
            kinds: kinds(form.kind.as_deref().unwrap_or_else(|| Kind::Group.key())),
            description: form.description.clone(),
            errors,
        }
    }
}

/// Someone on a card.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The person's page.
    pub href: String,
    /// The picture.
    pub face: Face,
    /// A few words beside the name.
    pub note: String,
    /// Where Extend posts to; empty when it is not offered.
    pub extend: String,
}

/// What a group's page knows beside the group and its people.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Who leads it.
    pub leads: Vec<Someone>,
    /// Whose time ends soon; none for whom that is not shown.
    pub ending: Option<Vec<Someone>>,
    /// Who came last.
    pub joined: Vec<Someone>,
    /// Invitations into it; none for whom they are not shown.
    pub pending: Option<Vec<Pending>>,
    /// Its limits; none for whom they are not shown.
    pub limits: Option<GroupPanel>,
    /// What it has used; none for whom that is not shown.
    pub spend: Option<GroupSpend>,
    /// The API keys that are bound to it; none for whom they are not shown.
    pub keys: Option<GroupCard>,
    /// Whether the caller may invite into it.
    pub may_invite: bool,
}

/// What the caller may do to one person of the group; what they may never do is left out, not greyed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offers {
    /// Set end date.
    pub end: bool,
    /// Extend.
    pub extend: bool,
    /// Make lead.
    pub make_lead: bool,
    /// Remove as lead, or step down.
    pub end_lead: bool,
    /// Remove from group.
    pub remove: bool,
}

impl Offers {
    fn of<D>(by: &GroupCan<D>, member: MemberId, is_lead: bool, has_end: bool) -> Self {
        if !by.may_lead() {
            return Self::default();
        }
        let is_self = by.member() == Some(member);
        // A lead decides about ordinary members and about stepping down; whoever manages groups about everyone.
        let free = by.manages() || !is_lead;
        Self {
            end: free,
            extend: free && has_end,
            make_lead: by.manages() && !is_lead,
            end_lead: is_lead && (by.manages() || is_self),
            remove: free || is_self,
        }
    }
}

/// One person of the group.
#[derive(Debug, Clone, Default)]
pub struct PersonRow {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address, empty for whom it is not shown.
    pub email: String,
    /// The person's page.
    pub href: String,
    /// The person within the group, for acts.
    pub at: String,
    /// What the person has used; none for whom it is not shown.
    pub usage_href: Option<String>,
    /// The picture and the state.
    pub face: Face,
    /// Whether it is the viewer.
    pub you: bool,
    /// Whether they lead the group.
    pub is_lead: bool,
    /// Since when they belong to it.
    pub joined: String,
    /// The last day, empty for no end.
    pub until: String,
    /// What the viewer may do.
    pub may: Offers,
}

/// One page of the group's people.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// What was searched.
    pub q: String,
    /// The people.
    pub rows: Vec<PersonRow>,
    /// Which of how many.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

impl People {
    /// Decides everything that the table prints.
    pub fn new<D>(
        by: &GroupCan<D>,
        profile: &Profile,
        typed: &str,
        found: &Found,
        standings: &[Standing],
        now: Timestamp,
    ) -> Self {
        let base = by.path(&format!("/groups/{}", profile.id));
        let people = by.path("/members");
        let hides = hides_addresses(by);
        let zone = &by.org().zone;
        let rows: Vec<PersonRow> = found
            .rows
            .iter()
            .filter_map(|row| {
                let standing = standings.iter().find(|standing| standing.id == row.id)?;
                let is_lead = standing.leads(now);
                let you = by.member() == Some(row.id);
                standing.belongs(now).then(|| PersonRow {
                    id: row.id.to_string(),
                    name: row.name.clone(),
                    email: if hides && !you {
                        String::new()
                    } else {
                        row.email.clone()
                    },
                    href: format!("{people}/{}", row.id),
                    at: format!("{base}/members/{}", row.id),
                    usage_href: match (by.can().may(Permission::UsageRead), by.leads()) {
                        (true, _) => Some(format!("{people}/{}/usage", row.id)),
                        (false, true) => Some(format!("{base}/members/{}/usage", row.id)),
                        (false, false) => None,
                    },
                    face: Face::of(row.id, &row.name, row.picture.as_deref()).in_state(row.status, row.status.title()),
                    you,
                    is_lead,
                    joined: since(standing.joined_at, zone),
                    until: standing.expires_at.map_or_else(String::new, |end| last_day(end, zone)),
                    may: Offers::of(by, row.id, is_lead, standing.expires_at.is_some()),
                })
            })
            .collect();
        let typed = typed.trim();
        let page = |name, cursor: &crate::members::list::Cursor| {
            href(&base, &[("q", typed), (name, cursor.to_text().as_str())])
        };
        Self {
            q: typed.to_owned(),
            range: range(found, rows.len()),
            rows,
            previous: found.previous.as_ref().map(|cursor| page("before", cursor)),
            next: found.next.as_ref().map(|cursor| page("after", cursor)),
        }
    }
}

fn since(at: Option<Timestamp>, zone: &Zone) -> String {
    match at {
        Some(at) if at.micros() > 0 => date(at.micros(), &zone.tz()),
        _ => crate::web::filters::MISSING.to_owned(),
    }
}

fn range(found: &Found, rows: usize) -> String {
    let (first, last) = (found.before + 1, found.before + rows as i64);
    match found.total {
        _ if rows == 0 => String::new(),
        Some(total) => format!("{}–{} of {}", number(first), number(last), number(total)),
        None => format!("{}–{}", number(first), number(last)),
    }
}

/// Members see each other's names, not addresses (MODEL section 2.5), unless they care for the group.
fn hides_addresses<D>(by: &GroupCan<D>) -> bool {
    !by.can().may(Permission::MemberDetail) && !by.leads()
}

/// A place of the page for one card.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    /// The card's stable name.
    pub key: &'static str,
}

/// The group's page.
#[derive(Debug, Template)]
#[template(path = "groups/show.html", blocks = ["people"])]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// Whether only the people are asked for.
    pub partial: bool,
    /// The list.
    pub list_href: String,
    /// This page.
    pub href: String,
    /// The name.
    pub name: String,
    /// For the avatar.
    pub initials: String,
    /// For the avatar.
    pub hue: u8,
    /// What people call it.
    pub kind: &'static str,
    /// How many belong to it.
    pub members: String,
    /// Who leads it, in words.
    pub led_by: String,
    /// What it is for.
    pub description: String,
    /// Labels and values.
    pub facts: Vec<Fact>,
    /// Whether what a lead may change is offered.
    pub may_lead: bool,
    /// Whether Delete group is offered.
    pub may_delete: bool,
    /// Whether inviting is offered.
    pub may_invite: bool,
    /// The cards, in order.
    pub cards: Vec<Slot>,
    /// Who leads it.
    pub leads: Vec<Person>,
    /// Whose time ends soon.
    pub ending: Vec<Person>,
    /// Who came last.
    pub joined: Vec<Person>,
    /// Invitations into it: address, role, when.
    pub pending: Vec<(String, &'static str, String)>,
    /// How many invitations more there are.
    pub pending_more: String,
    /// Its limits; none for whom they are not shown, or when that card is hidden.
    pub limits: Option<GroupPanel>,
    /// What it has used; none for whom that is not shown, or when that card is hidden.
    pub spend: Option<GroupSpend>,
    /// The API keys that are bound to it; none for whom they are not shown.
    pub keys: Option<GroupCard>,
    /// Its people; none when that card is hidden.
    pub people: Option<People>,
}

impl Show {
    /// Decides everything that the page prints.
    pub fn new<D>(
        l: Layout,
        partial: bool,
        by: &GroupCan<D>,
        profile: &Profile,
        known: Known,
        people: Option<People>,
        now: Timestamp,
    ) -> Self {
        let base = by.path("/groups");
        let here = format!("{base}/{}", profile.id);
        let members = by.path("/members");
        let zone = &by.org().zone;
        let card = |someone: &Someone, note: String| Person {
            name: someone.name.clone(),
            href: format!("{members}/{}", someone.id),
            face: Face::of(someone.id, &someone.name, someone.picture.as_deref()),
            note,
            extend: String::new(),
        };
        let ends = |someone: &Someone| {
            someone
                .expires_at
                .map_or_else(String::new, |end| format!("Until {}", last_day(end, zone)))
        };
        let lead_note = |lead: &Someone| {
            if lead.status.acts() {
                ends(lead)
            } else {
                lead.status.title().to_owned()
            }
        };
        let cards = Cards::parse(&profile.cards);
        let shown = |card: &Card| match card {
            Card::Ending => known.ending.is_some(),
            Card::Invitations => known.pending.is_some(),
            Card::Limits => known.limits.is_some(),
            Card::Spend => known.spend.is_some(),
            Card::Keys => known.keys.is_some(),
            _ => true,
        };
        let names: Vec<&str> = known.leads.iter().take(3).map(|lead| lead.name.as_str()).collect();
        let pending = known.pending.as_deref().unwrap_or_default();
        let more = pending.len().saturating_sub(5);
        let mut facts = vec![
            Fact {
                label: "Kind",
                value: profile.kind.title().to_owned(),
            },
            Fact {
                label: "Created",
                value: long_date(profile.created_at.micros(), &zone.tz()),
            },
        ];
        if known.leads.is_empty() {
            facts.push(Fact {
                label: "Leads",
                value: "None".to_owned(),
            });
        }
        Self {
            l,
            partial,
            list_href: base,
            name: profile.name.clone(),
            initials: initials(&profile.name),
            hue: hue(profile.id.raw()),
            kind: profile.kind.title(),
            members: plural(profile.member_count, "member", "members"),
            led_by: if names.is_empty() {
                "No lead".to_owned()
            } else {
                format!("Led by {}", names.join(", "))
            },
            description: profile.description.clone(),
            facts,
            may_lead: by.may_lead(),
            may_delete: by.can().may(Permission::GroupManage),
            may_invite: known.may_invite,
            cards: cards
                .shown()
                .into_iter()
                .filter(shown)
                .map(|card| Slot { key: card.key() })
                .collect(),
            leads: known.leads.iter().map(|lead| card(lead, lead_note(lead))).collect(),
            ending: known
                .ending
                .iter()
                .flatten()
                .map(|someone| {
                    let is_lead = known.leads.iter().any(|lead| lead.id == someone.id);
                    let may = Offers::of(by, someone.id, is_lead, true);
                    Person {
                        extend: if may.extend {
                            format!("{here}/members/{}/extension", someone.id)
                        } else {
                            String::new()
                        },
                        ..card(someone, ends(someone))
                    }
                })
                .collect(),
            joined: known
                .joined
                .iter()
                .map(|someone| card(someone, ago(now.micros(), someone.joined_at.micros(), &zone.tz())))
                .collect(),
            pending: pending
                .iter()
                .take(5)
                .map(|row| {
                    let when = ago(now.micros(), row.created_at.micros(), &zone.tz());
                    (row.email.clone(), row.role.title(), when)
                })
                .collect(),
            pending_more: match more {
                0 => String::new(),
                _ if pending.len() > 100 => "and more than 95 others".to_owned(),
                _ => format!("and {}", plural(more as i64, "other", "others")),
            },
            limits: known.limits,
            spend: known.spend,
            keys: known.keys,
            people,
            href: here,
        }
    }
}

/// The form for name, kind and description.
#[derive(Debug, Template)]
#[template(path = "groups/edit.html")]
pub struct EditPage {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The group's page.
    pub href: String,
    /// The group's name as it is.
    pub group: String,
    /// Whether name and kind can be changed.
    pub may_name: bool,
    /// Whether Delete group is offered.
    pub may_delete: bool,
    /// The name.
    pub name: String,
    /// The kinds.
    pub kinds: Vec<Choice>,
    /// What it is for.
    pub description: String,
    /// The version that the form refers to.
    pub version: i64,
    /// What is wrong.
    pub errors: FieldErrors,
    /// Why nothing was saved; empty when that did not happen.
    pub conflict: String,
    /// What the editor had entered then.
    pub entered: Vec<Fact>,
}

impl EditPage {
    /// The form as it was sent, or as the group is.
    pub fn new<D>(l: Layout, by: &GroupCan<D>, profile: &Profile, form: &GroupForm, errors: FieldErrors) -> Self {
        let list_href = by.path("/groups");
        Self {
            l,
            href: format!("{list_href}/{}", profile.id),
            list_href,
            group: profile.name.clone(),
            may_name: by.manages(),
            may_delete: by.can().may(Permission::GroupManage),
            name: form.name.clone().unwrap_or_else(|| profile.name.clone()),
            kinds: kinds(form.kind.as_deref().unwrap_or_else(|| profile.kind.key())),
            description: form.description.clone(),
            version: form.version().unwrap_or(profile.version),
            errors,
            conflict: String::new(),
            entered: Vec::new(),
        }
    }
    /// Says that somebody else was faster, and what the editor had entered.
    pub fn stale(&mut self, why: String, entered: &GroupForm) {
        let mut fact = |label, value: Option<String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                self.entered.push(Fact { label, value });
            }
        };
        fact("Name", entered.name.clone());
        let kind = entered.kind.as_deref().and_then(Kind::find);
        fact("Kind", kind.map(|kind| kind.title().to_owned()));
        fact("Description", Some(entered.description.clone()));
        self.conflict = why;
    }
}

/// One card in the form that arranges them.
#[derive(Debug, Clone)]
pub struct CardRow {
    /// The stable name.
    pub key: &'static str,
    /// The heading.
    pub title: &'static str,
    /// What it shows.
    pub purpose: &'static str,
    /// Whether it is shown.
    pub shown: bool,
    /// Whether it is the first.
    pub first: bool,
    /// Whether it is the last.
    pub last: bool,
}

/// The form that arranges the cards.
#[derive(Debug, Template)]
#[template(path = "groups/cards.html")]
pub struct Arrange {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The group's page.
    pub href: String,
    /// The group's name.
    pub group: String,
    /// The cards, in order.
    pub cards: Vec<CardRow>,
    /// The version that the form refers to.
    pub version: i64,
    /// Why nothing was saved; empty when that did not happen.
    pub conflict: String,
}

impl Arrange {
    /// The cards as they are.
    pub fn new<D>(l: Layout, by: &GroupCan<D>, profile: &Profile, conflict: &str) -> Self {
        let cards = Cards::parse(&profile.cards);
        let count = cards.all().len();
        let list_href = by.path("/groups");
        Self {
            l,
            href: format!("{list_href}/{}", profile.id),
            list_href,
            group: profile.name.clone(),
            cards: cards
                .all()
                .iter()
                .enumerate()
                .map(|(place, (card, shown))| CardRow {
                    key: card.key(),
                    title: card.title(),
                    purpose: card.purpose(),
                    shown: *shown,
                    first: place == 0,
                    last: place + 1 == count,
                })
                .collect(),
            version: profile.version,
            conflict: conflict.to_owned(),
        }
    }
}

/// The dialog that deletes a group.
#[derive(Debug, Template)]
#[template(path = "groups/delete.html", blocks = ["dialog"])]
pub struct Delete {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The group's name.
    pub name: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// What ends now.
    pub ends: String,
    /// What stays.
    pub stays: String,
    /// What was typed.
    pub confirm: String,
    /// What is wrong with it.
    pub confirm_error: String,
    /// The version that the act refers to.
    pub version: i64,
}

impl Delete {
    /// Says what ends and what stays.
    pub fn new(
        l: Layout,
        open: bool,
        base: String,
        profile: &Profile,
        (leads, pending, keys): (usize, usize, i64),
        form: &forms::ConfirmForm,
        errors: &FieldErrors,
    ) -> Self {
        let mut ends = vec!["The group and its page".to_owned()];
        let mut end = |n: i64, one, many| {
            if n > 0 {
                ends.push(plural(n, one, many));
            }
        };
        end(profile.member_count, "person’s place in it", "people’s places in it");
        end(leads as i64, "lead’s rights", "leads’ rights");
        end(pending as i64, "invitation’s way into it", "invitations’ way into it");
        end(
            keys,
            "API key of the group that stops working",
            "API keys of the group that stop working",
        );
        Self {
            l,
            open,
            name: profile.name.clone(),
            action: format!("{base}/deletion"),
            back: base,
            ends: ends.join(", "),
            stays:
                "The people in the organization, their other groups, pending invitations, and the name in the audit log"
                    .to_owned(),
            confirm: form.confirm.clone(),
            confirm_error: errors.of("confirm").to_owned(),
            version: form.version.parse().unwrap_or(profile.version),
        }
    }
}

/// One person who can be added.
#[derive(Debug, Clone, Default)]
pub struct Candidate {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address, empty for whom it is not shown.
    pub email: String,
    /// The picture.
    pub face: Face,
    /// Whether they are chosen.
    pub chosen: bool,
    /// Whether they belong to the group already.
    pub inside: bool,
    /// The state, where it is not the ordinary one.
    pub note: &'static str,
}

/// What the form that adds people is made of.
pub struct Candidates<'a> {
    /// The page of people.
    pub found: &'a Found,
    /// How they stand in the group.
    pub standings: &'a [Standing],
    /// Who was chosen on other pages.
    pub chosen: &'a [MemberId],
    /// Whether addresses are kept from the caller.
    pub names_only: bool,
}

/// The form that adds people.
#[derive(Debug, Template)]
#[template(path = "groups/add.html", blocks = ["people"])]
pub struct Add {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub list_href: String,
    /// The group's page.
    pub href: String,
    /// The group's name.
    pub group: String,
    /// What was searched.
    pub q: String,
    /// Until when they are to be in the group.
    pub until: String,
    /// Whose midnight ends a day.
    pub zone: String,
    /// Chosen on other pages.
    pub chosen: Vec<Candidate>,
    /// The page of people.
    pub rows: Vec<Candidate>,
    /// Which of how many.
    pub range: String,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// What is wrong.
    pub errors: FieldErrors,
}

impl Add {
    /// Decides everything that the page prints.
    pub fn new<D>(
        l: Layout,
        by: &GroupCan<D>,
        profile: &Profile,
        asked: &PeopleQuery,
        candidates: &Candidates<'_>,
        errors: FieldErrors,
        now: Timestamp,
    ) -> Self {
        let list_href = by.path("/groups");
        let here = format!("{list_href}/{}", profile.id);
        let found = candidates.found;
        let standing = |id: MemberId| candidates.standings.iter().find(|standing| standing.id == id);
        let rows: Vec<Candidate> = found
            .rows
            .iter()
            .map(|row| Candidate {
                id: row.id.to_string(),
                name: row.name.clone(),
                email: if candidates.names_only {
                    String::new()
                } else {
                    row.email.clone()
                },
                face: Face::of(row.id, &row.name, row.picture.as_deref()),
                chosen: candidates.chosen.contains(&row.id),
                inside: standing(row.id).is_some_and(|standing| standing.belongs(now)),
                note: if row.status.acts() { "" } else { row.status.title() },
            })
            .collect();
        let chosen = candidates
            .chosen
            .iter()
            .filter(|id| found.rows.iter().all(|row| row.id != **id))
            .filter_map(|id| standing(*id))
            .filter(|standing| !standing.belongs(now))
            .map(|standing| Candidate {
                id: standing.id.to_string(),
                name: standing.name.clone(),
                face: Face::of(standing.id, &standing.name, standing.picture.as_deref()),
                chosen: true,
                ..Candidate::default()
            })
            .collect();
        let q = asked.q.trim().chars().take(200).collect::<String>();
        let page = |name, cursor: &crate::members::list::Cursor| {
            href(
                &format!("{here}/members/new"),
                &[("q", q.as_str()), (name, cursor.to_text().as_str())],
            )
        };
        Self {
            l,
            group: profile.name.clone(),
            until: asked.until.clone(),
            zone: by.org().zone.name().to_owned(),
            chosen,
            range: range(found, rows.len()),
            rows,
            previous: found.previous.as_ref().map(|cursor| page("before", cursor)),
            next: found.next.as_ref().map(|cursor| page("after", cursor)),
            q,
            errors,
            list_href,
            href: here,
        }
    }
}

/// The dialog for the end of a time in a group.
#[derive(Debug, Template)]
#[template(path = "groups/end.html", blocks = ["dialog"])]
pub struct End {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The person's name.
    pub name: String,
    /// The group's name.
    pub group: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// Whose midnight ends a day.
    pub zone: String,
    /// The last day.
    pub until: String,
    /// What is wrong with it.
    pub error: String,
}

/// A group on a person's page.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The group's name.
    pub name: String,
    /// Its colour, 1 to 8.
    pub hue: u8,
    /// Its page; empty for whom it is not shown.
    pub href: String,
    /// Whether the person leads it, and until when they are in it.
    pub note: String,
    /// Where Remove posts to; empty when it is not offered.
    pub remove: String,
}

/// The groups on a person's page (R-GRP-01, R-GRP-02).
#[derive(Debug, Clone, Default)]
pub struct OfMember {
    /// The groups.
    pub places: Vec<Place>,
    /// The other groups of the organization, for whoever may add the person to them.
    pub others: Vec<Choice>,
    /// Where they are added.
    pub action: String,
}

impl OfMember {
    /// The person's groups as this caller sees them; `all` are the organization's.
    pub fn new<P>(by: &Can<P>, member: MemberId, of: &[Belonging], all: &[Group], now: Timestamp) -> Self {
        let manages = by.may(Permission::GroupManage);
        let sees = sees_all_groups(by) || by.member() == Some(member);
        let groups = by.path("/groups");
        let zone = &by.org().zone;
        let lasting: Vec<&Belonging> = of.iter().filter(|place| place.lasts(now)).collect();
        let places = lasting
            .iter()
            .map(|place| {
                let mut notes = Vec::new();
                if place.is_lead {
                    notes.push("Lead".to_owned());
                }
                if let Some(end) = place.expires_at {
                    notes.push(format!("until {}", last_day(end, zone)));
                }
                Place {
                    name: place.name.clone(),
                    hue: hue(place.id.raw()),
                    href: if sees {
                        format!("{groups}/{}", place.id)
                    } else {
                        String::new()
                    },
                    note: notes.join(", "),
                    remove: if manages {
                        format!("{groups}/{}/members/{member}/removal", place.id)
                    } else {
                        String::new()
                    },
                }
            })
            .collect();
        let others = all
            .iter()
            .filter(|group| manages && lasting.iter().all(|place| place.id != group.id))
            .map(|group| Choice {
                value: group.id.to_string(),
                label: group.name.clone(),
                selected: false,
            })
            .collect();
        Self {
            places,
            others,
            action: by.path(&format!("/members/{member}/groups")),
        }
    }
}
