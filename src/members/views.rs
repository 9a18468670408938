//! What the members' pages print, decided already.

use askama::Template;

use super::{
    Member, Status,
    face::Face,
    forms,
    list::{self, Counts, Found, Order, Query, Sort},
    member::LiveRow,
    picks::{Act, Bar, Selection},
    saved::Saved,
    store::ListRow,
};
use crate::{
    access::{Can, EnterpriseRole, Permission, Permissions, Role},
    audit,
    auth::profile::Profile,
    bulk::Kind,
    clock::{Timestamp, Zone},
    credits,
    groups::{Belonging, Group, views::OfMember},
    guide,
    ids::{GroupId, UserId},
    keys, limits,
    roles::Held,
    web::{
        filters::{MISSING, ago, date, date_time, iso, long_date, number, plural},
        form::FieldErrors,
        layout::{Chip, Choice, Fact, FilterLink, Layout, Sort as SortLink, Tag, hue},
    },
};

/// Who looks, and what that allows.
#[derive(Debug, Clone)]
pub struct Viewer {
    user: UserId,
    rank: i64,
    permissions: Permissions,
    may_role: bool,
    may_suspend: bool,
    may_disable: bool,
    may_manage: bool,
    may_group: bool,
    may_limit: bool,
    /// Members see each other's names, not addresses (MODEL section 2.5).
    names_only: bool,
    zone: Zone,
    now: Timestamp,
    /// The list's path.
    base: String,
}

impl Viewer {
    /// The viewer of a request.
    pub fn of<P>(by: &Can<P>, now: Timestamp) -> Self {
        Self {
            user: by.user_id(),
            rank: by.rank(),
            permissions: by.permissions(),
            may_role: by.may(Permission::RoleAssign),
            may_suspend: by.may(Permission::MemberSuspend),
            may_disable: by.may(Permission::MemberDisable),
            may_manage: by.may(Permission::MemberManage),
            may_limit: by.may(Permission::LimitSet),
            may_group: by.may(Permission::GroupManage),
            names_only: super::names_only(by),
            zone: by.zone().clone(),
            now,
            base: by.path("/members"),
        }
    }
    /// Whether the viewer may do something with a selection, beside taking it as a file.
    const fn may_pick(&self) -> bool {
        self.may_role || self.may_suspend || self.may_disable || self.may_manage || self.may_group || self.may_limit
    }
    /// Whether addresses of others are kept from this viewer.
    pub const fn names_only(&self) -> bool {
        self.names_only
    }
}

/// What the viewer may do to one member; what they may never do is left out, not greyed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offers {
    /// Make Org Admin.
    pub make_admin: bool,
    /// Choose another role.
    pub change_role: bool,
    /// Deactivate.
    pub deactivate: bool,
    /// Activate.
    pub activate: bool,
    /// Disable User.
    pub disable: bool,
    /// Remove.
    pub remove: bool,
    /// Provision private context.
    pub provision: bool,
    /// Set Usage Limit.
    pub limit: bool,
}

impl Offers {
    fn of(
        viewer: &Viewer,
        is_self: bool,
        role: Role,
        enterprise: Option<EnterpriseRole>,
        status: Status,
        has_expired: bool,
        has_context: bool,
    ) -> Self {
        let rank = role.rank().max(enterprise.map_or(0, EnterpriseRole::rank));
        if viewer.rank < rank || status == Status::Removed {
            return Self::default();
        }
        let is_open = status != Status::Disabled;
        let stopped = status == Status::Suspended || has_expired;
        Self {
            make_admin: viewer.may_role
                && is_open
                && !stopped
                && role != Role::Administrator
                && viewer.rank >= Role::Administrator.rank(),
            change_role: viewer.may_role && is_open,
            deactivate: viewer.may_suspend && is_open && !stopped && !is_self,
            activate: viewer.may_suspend && is_open && stopped,
            disable: viewer.may_disable && is_open && !is_self,
            remove: viewer.may_manage && !is_self,
            provision: viewer.may_manage && is_open && !has_context,
            limit: viewer.may_limit && is_open,
        }
    }
    /// The entries of the row's menu (`members/_menu.html`), as ends of addresses with a space between.
    fn named(self, you: bool) -> String {
        [
            (self.limit, "limit"),
            (self.make_admin, "admin"),
            (self.change_role && !you, "roles"),
            (self.activate, "suspension/end"),
            (self.deactivate, "suspension"),
            (self.disable, "disablement"),
            (self.remove, "removal"),
        ]
        .iter()
        .filter_map(|(offered, end)| offered.then_some(*end))
        .collect::<Vec<_>>()
        .join(" ")
    }
    /// What is left about a member who has permissions that the viewer lacks.
    fn beyond_reach(self) -> Self {
        Self {
            limit: self.limit,
            ..Self::default()
        }
    }
}

/// One member in the table.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The picture and the state.
    pub face: Face,
    /// Whether it is the viewer.
    pub you: bool,
    /// The member's page.
    pub href: String,
    /// The role's name.
    pub role: String,
    /// Whether the role is Org Admin.
    pub is_admin: bool,
    /// The names of additional roles.
    pub additional: Vec<String>,
    /// Two groups.
    pub groups: Vec<Tag>,
    /// How many more.
    pub more: usize,
    /// Their names.
    pub more_names: String,
    /// The day of joining.
    pub joined: String,
    /// The same for machines.
    pub joined_iso: String,
    /// How long ago the member was here.
    pub last_active: String,
    /// The same for machines, empty for never.
    pub last_active_iso: String,
    /// What the viewer may do: [`Offers::named`].
    pub does: String,
    /// The version that an act refers to.
    pub version: i64,
    /// Whether the viewer may do something with a selection.
    pub may_pick: bool,
    /// Whether the member is selected.
    pub picked: bool,
    /// What limits the member; none for whom it is not shown.
    pub limit: Option<limits::views::Cell>,
    /// Which limit refuses their requests, where that is their state; empty otherwise.
    pub over: String,
}

impl Row {
    /// The row with the member's limit, which may be all that there is to say of their state.
    #[must_use]
    pub fn with_limit(mut self, cells: &limits::Cells) -> Self {
        self.limit = cells.of(&self.id);
        (self.face, self.over) = judged(self.face, self.limit.as_ref());
        self
    }

    /// What of a row changes while somebody looks at it.
    pub fn of_live(viewer: &Viewer, row: &LiveRow) -> Self {
        let expired = list::is_over((row.status, row.expires_at, row.state_at), viewer.now);
        let status = if expired { "Expired" } else { row.status.title() };
        Self {
            id: row.id.to_string(),
            face: Face::default().in_state(row.status, status),
            ..Self::default()
        }
    }

    /// A row of the list.
    pub fn of_list(viewer: &Viewer, row: &ListRow) -> Self {
        let expired = list::has_expired(row, viewer.now);
        let status = if expired { "Expired" } else { row.status.title() };
        let offers = Offers::of(
            viewer,
            row.user_id == viewer.user,
            row.role,
            row.enterprise_role,
            row.status,
            expired,
            true,
        );
        let mut shown = Self {
            id: row.id.to_string(),
            name: row.name.clone(),
            email: row.email.clone(),
            face: Face::of(row.id, &row.name, row.picture.as_deref()).in_state(row.status, status),
            href: format!("{}/{}", viewer.base, row.id),
            role: row.role.title().to_owned(),
            is_admin: row.role == Role::Administrator,
            may_pick: viewer.may_pick(),
            version: row.version,
            ..Self::default()
        }
        .with_groups(&list::groups_of(row))
        .with_times(viewer, row.user_id, row.joined_at, row.last_active_at);
        shown.offer(viewer, offers, list::roles_of(row));
        shown
    }

    /// The row of a member after an act, with the custom roles that the member holds.
    pub fn of_member(
        viewer: &Viewer,
        member: &Member,
        groups: &[Belonging],
        held: impl Iterator<Item = (String, Permissions)>,
    ) -> Self {
        let status = member.state(viewer.now);
        let groups: Vec<_> = groups
            .iter()
            .filter(|group| group.lasts(viewer.now))
            .map(|group| (group.id, group.name.clone()))
            .collect();
        let mut shown = Self {
            id: member.id.to_string(),
            name: member.name.clone(),
            email: member.email.clone(),
            face: Face::of(member.id, &member.name, member.picture.as_deref()).in_state(member.status, status),
            href: format!("{}/{}", viewer.base, member.id),
            role: member.role.title().to_owned(),
            is_admin: member.role == Role::Administrator,
            may_pick: viewer.may_pick(),
            version: member.version,
            ..Self::default()
        }
        .with_groups(&groups)
        .with_times(viewer, member.user_id, member.joined_at, member.last_active_at);
        shown.offer(viewer, offers(viewer, member), held);
        shown
    }

    fn with_groups(mut self, groups: &[(GroupId, String)]) -> Self {
        self.groups = groups
            .iter()
            .take(2)
            .map(|(id, name)| Tag {
                label: name.clone(),
                hue: hue(id.raw()),
            })
            .collect();
        self.more = groups.len().saturating_sub(2);
        self.more_names = groups
            .iter()
            .skip(2)
            .map(|(_, name)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        self
    }

    fn with_times(mut self, viewer: &Viewer, user: UserId, joined: Timestamp, active: Timestamp) -> Self {
        self.you = user == viewer.user;
        let zone = viewer.zone.tz();
        self.joined = date(joined.micros(), &zone);
        self.joined_iso = iso(joined.micros());
        (self.last_active, self.last_active_iso) = last_active(viewer, active);
        if viewer.names_only && !self.you {
            self.email = String::new();
            (self.last_active, self.last_active_iso) = (MISSING.to_owned(), String::new());
        }
        self
    }

    /// Adds the member's custom roles and what the viewer may do: whoever has more permissions than the viewer is out of the viewer's reach,
    /// but for limits.
    fn offer(&mut self, viewer: &Viewer, mut offers: Offers, held: impl Iterator<Item = (String, Permissions)>) {
        for (name, permits) in held {
            self.additional.push(name);
            if !viewer.permissions.covers(&permits) {
                offers = offers.beyond_reach();
            }
        }
        self.does = offers.named(self.you);
    }
}

/// How somebody stands, and which limit makes it so.
fn judged(face: Face, limit: Option<&limits::views::Cell>) -> (Face, String) {
    let Some(limit) = limit.filter(|limit| !limit.over.is_empty()) else {
        return (face, String::new());
    };
    let before = face.status;
    let face = face.over_limit();
    let over = if face.status == before {
        String::new()
    } else {
        limit.over.clone()
    };
    (face, over)
}

fn offers(viewer: &Viewer, member: &Member) -> Offers {
    let expired = member.state(viewer.now) == "Expired";
    let is_self = member.user_id == viewer.user;
    Offers::of(
        viewer,
        is_self,
        member.role,
        member.enterprise_role,
        member.status,
        expired,
        member.context_at.is_some(),
    )
}

fn last_active(viewer: &Viewer, at: Timestamp) -> (String, String) {
    if at.micros() == 0 {
        return ("Never".to_owned(), String::new());
    }
    (
        ago(viewer.now.micros(), at.micros(), &viewer.zone.tz()),
        iso(at.micros()),
    )
}

/// The roles to choose from: what the caller may give.
pub fn role_choices<P>(by: &Can<P>, chosen: &str) -> Vec<Choice> {
    let power = by.power();
    Role::ALL
        .into_iter()
        .filter(|role| role.rank() <= power.rank && power.permissions.covers(&by.org().permissions_of(*role)))
        .map(|role| Choice {
            value: role.key().to_owned(),
            label: format!("{}: {}", role.title(), role.purpose().trim_end_matches('.')),
            selected: role.key() == chosen,
        })
        .collect()
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "members/index.html", blocks = ["rows"])]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// Whether only the results are asked for.
    pub partial: bool,
    /// Getting started, while it is shown.
    pub start: Option<guide::views::Card>,
    /// The list's path.
    pub path: String,
    /// The organization's name.
    pub organization: String,
    /// How many members there are.
    pub total: i64,
    /// How many are in which state.
    pub stats: Stats,
    /// Whether Invite User + is offered.
    pub may_invite: bool,
    /// Whether Add user is offered.
    pub may_create: bool,
    /// Where invitations are.
    pub invites_href: String,
    /// Where a person is added.
    pub new_href: String,
    /// Where a file of people is imported.
    pub import_href: String,
    /// What was searched.
    pub q: String,
    /// The states with their counts.
    pub statuses: Vec<FilterLink>,
    /// The roles.
    pub roles: Vec<Choice>,
    /// The groups.
    pub groups: Vec<Choice>,
    /// Members without a limit, in words; none when there are none, or for whom it is not shown.
    pub without: Option<limits::Banner>,
    /// What the limits' column counts in; none for whom it is not shown.
    pub limit_unit: Option<String>,
    /// What is on.
    pub chips: Vec<Chip>,
    /// The list without the role filter.
    pub without_role: String,
    /// The list without the group filter.
    pub without_group: String,
    /// What the form keeps while one types.
    pub hidden: Vec<(String, String)>,
    /// The list without filters.
    pub clear_href: String,
    /// The list's address without its path, to come back to after an act.
    pub here: String,
    /// Sort by name.
    pub by_name: SortLink,
    /// Sort by role.
    pub by_role: SortLink,
    /// Sort by state.
    pub by_status: SortLink,
    /// Sort by day of joining.
    pub by_joined: SortLink,
    /// Sort by last activity.
    pub by_active: SortLink,
    /// The order in words.
    pub order: String,
    /// The members.
    pub rows: Vec<Row>,
    /// Which of how many.
    pub range: String,
    /// What is asked again and again while the page is looked at; none where nothing on it moves.
    pub live: Option<String>,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// Whether any filter is on.
    pub is_filtered: bool,
    /// The selection.
    pub bar: Bar,
    /// Saved views of this list.
    pub saved: Vec<ViewLink>,
    /// The views' page.
    pub views_href: String,
    /// The list as CSV and as a workbook.
    pub exports: (String, String),
}

/// What the list is made of.
pub struct Shown<'a> {
    /// The question.
    pub query: &'a Query,
    /// What was typed.
    pub typed: &'a str,
    /// The counts.
    pub counts: &'a Counts,
    /// The organization's groups.
    pub groups: &'a [Group],
    /// The page.
    pub found: &'a Found,
    /// Who is selected.
    pub selection: &'a Selection,
    /// Saved views of this list.
    pub saved: &'a [Saved],
    /// What limits each of them.
    pub limits: &'a limits::Cells,
    /// Who has no limit.
    pub without: &'a limits::Banner,
}

impl Index {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, partial: bool, by: &Can<P>, viewer: &Viewer, shown: &Shown<'_>) -> Self {
        let Shown {
            query,
            typed,
            counts,
            groups,
            found,
            selection,
            saved,
            limits,
            without,
        } = *shown;
        let path = by.path("/members");
        let link = |change: &dyn Fn(&mut Query)| {
            let mut other = Query {
                cursor: None,
                ..query.clone()
            };
            change(&mut other);
            forms::with(&path, &forms::address(&other, typed))
        };
        let here = forms::address(
            &Query {
                cursor: None,
                ..query.clone()
            },
            typed,
        );
        let page = |name: &str, cursor: &list::Cursor| {
            let and = if here.is_empty() { "" } else { "&" };
            format!("{path}?{here}{and}{name}={}", cursor.to_text())
        };
        let sort = |of: Sort| {
            let current = query.order.sort == of;
            let down = if current { !query.order.down } else { of.begins_down() };
            SortLink {
                href: link(&|other| other.order = Order { sort: of, down }),
                direction: match (current, query.order.down) {
                    (false, _) => "",
                    (true, true) => "descending",
                    (true, false) => "ascending",
                },
            }
        };
        let seg = |id, label, status: Option<Status>| FilterLink {
            id,
            label,
            count: Some(counts.of(status, &[])),
            href: link(&|other| other.status = status),
            current: query.status == status,
        };
        let group_name = |id: &GroupId| {
            groups
                .iter()
                .find(|group| group.id == *id)
                .map(|group| group.name.clone())
        };
        let mut chips = Vec::new();
        if !typed.trim().is_empty() {
            let remove = forms::with(
                &path,
                &forms::address(
                    &Query {
                        cursor: None,
                        ..query.clone()
                    },
                    "",
                ),
            );
            chips.push(Chip {
                label: format!("Search: {}", typed.trim()),
                remove,
            });
        }
        if let Some(status) = query.status {
            chips.push(Chip {
                label: format!("Status: {}", status.title()),
                remove: link(&|other| other.status = None),
            });
        }
        for role in &query.roles {
            let remove = link(&|other| other.roles.retain(|kept| kept != role));
            chips.push(Chip {
                label: format!("Role: {}", role.title()),
                remove,
            });
        }
        for id in &query.groups {
            let label = group_name(id).map_or_else(|| "Group: unknown".to_owned(), |name| format!("Group: {name}"));
            chips.push(Chip {
                label,
                remove: link(&|other| other.groups.retain(|kept| kept != id)),
            });
        }
        if query.limitless.is_some() {
            chips.push(Chip {
                label: "No limit".to_owned(),
                remove: link(&|other| other.limitless = None),
            });
        }
        let mut rows: Vec<Row> = found
            .rows
            .iter()
            .map(|row| Row::of_list(viewer, row).with_limit(limits))
            .collect();
        for (row, found) in rows.iter_mut().zip(&found.rows) {
            row.picked = viewer.may_pick() && selection.has(found.id);
        }
        let previous = found.previous.as_ref().map(|cursor| page("before", cursor));
        let next = found.next.as_ref().map(|cursor| page("after", cursor));
        let bar = bar(by, viewer, shown, previous.as_deref(), next.as_deref());
        let mut hidden: Vec<(String, String)> = forms::order(query.order)
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        if let Some(status) = query.status {
            hidden.push(("status".to_owned(), status.key().to_owned()));
        }
        if query.limitless.is_some() {
            hidden.push(("limit".to_owned(), "none".to_owned()));
        }
        Self {
            l,
            partial,
            start: None,
            organization: by.org().name.clone(),
            total: counts.total(),
            stats: Stats::new(by, counts),
            may_invite: by.may(Permission::InviteCreate),
            may_create: viewer.may_manage,
            invites_href: by.path("/invites"),
            new_href: by.path("/members/new"),
            import_href: by.path("/imports/new"),
            q: typed.to_owned(),
            statuses: vec![
                seg("all", "All", None),
                seg("active", "Active", Some(Status::Active)),
                seg("inactive", "Inactive", Some(Status::Inactive)),
                seg("deactivated", "Deactivated", Some(Status::Suspended)),
                seg("disabled", "Disabled", Some(Status::Disabled)),
            ],
            roles: Role::ALL
                .into_iter()
                .map(|role| Choice {
                    value: role.key().to_owned(),
                    label: role.title().to_owned(),
                    selected: query.roles.contains(&role),
                })
                .collect(),
            groups: groups
                .iter()
                .map(|group| Choice {
                    value: group.id.to_string(),
                    label: group.name.clone(),
                    selected: query.groups.contains(&group.id),
                })
                .collect(),
            is_filtered: !chips.is_empty(),
            chips,
            without_role: link(&|other| other.roles.clear()),
            without_group: link(&|other| other.groups.clear()),
            hidden,
            clear_href: path.clone(),
            by_name: sort(Sort::Name),
            by_role: sort(Sort::Role),
            by_status: sort(Sort::Status),
            by_joined: sort(Sort::Joined),
            by_active: sort(Sort::Active),
            order: in_words(query.order).to_owned(),
            live: live(&path, &rows),
            rows,
            without: without.is_shown().then(|| without.clone()),
            limit_unit: limits.head(),
            range: range(found),
            previous,
            next,
            bar,
            saved: view_links(&path, &here, saved),
            views_href: forms::with(&by.path("/views"), &here),
            exports: (
                forms::with(&by.path("/members/export.csv"), &here),
                forms::with(&by.path("/members/export.xlsx"), &here),
            ),
            here,
            path,
        }
    }
}

/// Where the figures of a page's rows are asked for again, by the ids of those that have some.
fn live(path: &str, rows: &[Row]) -> Option<String> {
    let ids: Vec<&str> = rows
        .iter()
        .filter(|row| row.limit.is_some())
        .map(|row| row.id.as_str())
        .collect();
    (!ids.is_empty()).then(|| format!("{path}/live?ids={}", ids.join(",")))
}

/// What of some rows has moved since they were shown; prints cells that take the place of theirs.
#[derive(Debug, Template)]
#[template(path = "members/live.html")]
pub struct Live {
    /// The rows, of which only state and limit are told.
    pub rows: Vec<Row>,
}

/// The selection's bar: the acts that the viewer may do, and what other pages need.
fn bar<P>(by: &Can<P>, viewer: &Viewer, shown: &Shown<'_>, previous: Option<&str>, next: Option<&str>) -> Bar {
    if !viewer.may_pick() {
        return Bar::default();
    }
    let act = |kind: Kind| {
        by.may(kind.permission()).then_some(Act {
            key: kind.key(),
            label: kind.label(),
            icon: kind.icon(),
            path: kind.path(),
            is_final: kind.is_final(),
        })
    };
    let acts = |kinds: &[Kind]| kinds.iter().copied().filter_map(act).collect::<Vec<_>>();
    let here = shown.found.rows.iter().map(|row| row.id).collect();
    let kept = shown.selection.fields(&here);
    let all = matches!(shown.selection, Selection::All { .. });
    let count = shown.found.total.map_or_else(|| "that match".to_owned(), number);
    let question = |href: &str| {
        href.split_once('?')
            .map_or_else(String::new, |(_, query)| query.to_owned())
    };
    Bar {
        shown: true,
        all,
        elsewhere: if all { 0 } else { kept.len() },
        kept,
        all_label: format!("Select all {count}"),
        all_words: format!("All {count} selected"),
        first: acts(&[Kind::GroupAdd, Kind::Role, Kind::Limit]),
        more: acts(&[
            Kind::GroupRemove,
            Kind::Pool,
            Kind::Suspend,
            Kind::Activate,
            Kind::Disable,
            Kind::Remove,
        ]),
        previous: previous.map(question),
        next: next.map(question),
    }
}

/// A saved view as a link above the table.
#[derive(Debug, Clone)]
pub struct ViewLink {
    /// Its name.
    pub name: String,
    /// Where it leads.
    pub href: String,
    /// Whether the list is what it shows.
    pub current: bool,
}

fn view_links(path: &str, here: &str, saved: &[Saved]) -> Vec<ViewLink> {
    if saved.is_empty() {
        return Vec::new();
    }
    let whole = ViewLink {
        name: "Everyone".to_owned(),
        href: format!("{path}?view=all"),
        current: here.is_empty(),
    };
    let views = saved.iter().map(|view| ViewLink {
        name: view.name.clone(),
        href: forms::with(path, if view.query.is_empty() { "view=all" } else { &view.query }),
        current: !here.is_empty() && view.query == here,
    });
    std::iter::once(whole).chain(views).collect()
}

/// An order in words.
pub const fn in_words(order: Order) -> &'static str {
    match (order.sort, order.down) {
        (Sort::Name, false) => "sorted by name, A to Z",
        (Sort::Name, true) => "sorted by name, Z to A",
        (Sort::Role, false) => "sorted by role, highest first",
        (Sort::Role, true) => "sorted by role, lowest first",
        (Sort::Status, false) => "sorted by status, active first",
        (Sort::Status, true) => "sorted by status, disabled first",
        (Sort::Active, true) => "sorted by last activity, latest first",
        (Sort::Active, false) => "sorted by last activity, longest ago first",
        (Sort::Joined, true) => "sorted by day of joining, latest first",
        (Sort::Joined, false) => "sorted by day of joining, earliest first",
    }
}

/// "1–50 of 148 members".
fn range(found: &Found) -> String {
    let (first, last) = (found.before + 1, found.before + found.rows.len() as i64);
    let all = match found.total {
        Some(total) => plural(total.max(last), "member", "members"),
        None => format!("more than {}", plural(last, "member", "members")),
    };
    if first == last {
        format!("{} of {all}", number(first))
    } else {
        format!("{}–{} of {all}", number(first), number(last))
    }
}

/// The figures above the table.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// How many there are.
    pub total: i64,
    /// How many are active.
    pub active: i64,
    /// How many have no private context yet.
    pub inactive: i64,
    /// How many are deactivated.
    pub suspended: i64,
    /// How many are disabled.
    pub disabled: i64,
    /// How many Org Admins act.
    pub admins: i64,
    /// The list of Org Admins.
    pub admins_href: String,
}

impl Stats {
    /// The figures that were kept.
    pub fn new<P>(by: &Can<P>, counts: &list::Counts) -> Self {
        Self {
            total: counts.total(),
            active: counts.of(Some(Status::Active), &[]),
            inactive: counts.of(Some(Status::Inactive), &[]),
            suspended: counts.of(Some(Status::Suspended), &[]),
            disabled: counts.of(Some(Status::Disabled), &[]),
            admins: [Status::Active, Status::Inactive]
                .map(|status| counts.of(Some(status), &[Role::Administrator]))
                .iter()
                .sum(),
            admins_href: by.path(&format!("/members?role={}", Role::Administrator.key())),
        }
    }
    /// The counts of the filter by state, by the ids of its links.
    pub const fn by_state(&self) -> [(&'static str, i64); 5] {
        [
            ("all", self.total),
            ("active", self.active),
            ("inactive", self.inactive),
            ("deactivated", self.suspended),
            ("disabled", self.disabled),
        ]
    }
}

/// The answer to an act on one row.
#[derive(Debug, Template)]
#[template(path = "members/row.html")]
pub struct RowFragment {
    /// The row.
    pub row: Row,
    /// The figures, which the act has changed.
    pub stats: Stats,
}

/// The answer to a removal: nothing in the row's place.
#[derive(Debug, Template)]
#[template(path = "members/gone.html")]
pub struct Gone {
    /// The figures, which the act has changed.
    pub stats: Stats,
}

/// An event of the member's history.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// The icon.
    pub icon: &'static str,
    /// The colour.
    pub tone: &'static str,
    /// What.
    pub text: String,
    /// When.
    pub at: String,
    /// When, for machines.
    pub iso: String,
    /// By whom, and why.
    pub detail: String,
}

impl Event {
    /// An event in words.
    pub fn of(viewer: &Viewer, row: &audit::store::About) -> Self {
        let action = audit::Action::find(&row.action);
        let (icon, tone) = match action {
            Some(audit::Action::MemberJoin | audit::Action::MemberCreate) => ("user-plus", ""),
            Some(audit::Action::MemberRole) => ("shield-check", ""),
            Some(audit::Action::MemberSuspend | audit::Action::MemberExpire) => ("circle-pause", "warn"),
            Some(audit::Action::MemberActivate | audit::Action::MemberRestore) => ("circle-play", "ok"),
            Some(audit::Action::MemberDisable | audit::Action::MemberRemove) => ("ban", "bad"),
            Some(audit::Action::MemberContext) => ("layers", ""),
            Some(
                audit::Action::LimitSet
                | audit::Action::LimitPin
                | audit::Action::LimitRaiseEnd
                | audit::Action::LimitRequest
                | audit::Action::LimitApprove
                | audit::Action::LimitDeny,
            ) => ("gauge", ""),
            Some(audit::Action::GroupMemberAdd | audit::Action::GroupMemberRemove) => ("tag", ""),
            Some(audit::Action::GroupMemberUpdate | audit::Action::GroupMemberExpire) => ("clock", ""),
            _ => ("history", ""),
        };
        let field = |text: &str, name: &str| -> Option<String> {
            let value: serde_json::Value = serde_json::from_str(text).ok()?;
            value.get(name)?.as_str().map(str::to_owned)
        };
        let role = |text: &str| field(text, "role").and_then(|key| Role::find(&key)).map(Role::title);
        let mut text = action.map_or_else(|| row.action.clone(), |action| action.title().to_owned());
        match (action, role(&row.before), role(&row.after)) {
            (Some(audit::Action::MemberRole), Some(before), Some(after)) => {
                text = format!("Role changed from {before} to {after}");
            }
            (Some(audit::Action::MemberJoin | audit::Action::MemberCreate), _, Some(after)) => {
                text = format!("{text} as {after}");
            }
            _ => {}
        }
        let additional = |text: &str| -> Option<String> {
            let value: serde_json::Value = serde_json::from_str(text).ok()?;
            let names: Vec<_> = value
                .get("additional_roles")?
                .as_array()?
                .iter()
                .filter_map(serde_json::Value::as_str)
                .collect();
            Some(if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            })
        };
        if let (Some(before), Some(after)) = (additional(&row.before), additional(&row.after)) {
            text = format!("{text}. Additional roles: {after}, before {before}");
        }
        if let Some(group) = field(&row.after, "group").or_else(|| field(&row.before, "group")) {
            text = format!("{text} {group}");
        }
        let mut detail = format!("by {}", row.actor_name);
        if let Some(reason) = field(&row.after, "reason") {
            detail = format!("{detail}: {reason}");
        }
        let zone = viewer.zone.tz();
        Self {
            icon,
            tone,
            text,
            at: ago(viewer.now.micros(), row.at.micros(), &zone),
            iso: iso(row.at.micros()),
            detail,
        }
    }
}

/// One member.
#[derive(Debug, Template)]
#[template(path = "members/show.html")]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub members_href: String,
    /// This page.
    pub href: String,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The picture and the state.
    pub face: Face,
    /// Whether it is the viewer.
    pub you: bool,
    /// The role's name.
    pub role: String,
    /// The day of joining.
    pub joined: String,
    /// Why access is limited and whom to ask; empty when it is not.
    pub notice: String,
    /// Whether somebody else vouches for the address, and who.
    pub vouched: String,
    /// What the viewer may do.
    pub may: Offers,
    /// The names of additional roles.
    pub additional: Vec<String>,
    /// The roles.
    pub roles: Vec<Choice>,
    /// What is wrong with the role.
    pub role_error: String,
    /// The day that was typed for the end of a deactivation.
    pub until: String,
    /// What is wrong with it.
    pub until_error: String,
    /// The reason that was typed.
    pub reason: String,
    /// What is wrong with it.
    pub reason_error: String,
    /// Which limit refuses the member's requests, where that is their state; empty otherwise.
    pub over: String,
    /// The private context in words.
    pub context: String,
    /// Labels and values.
    pub facts: Vec<Fact>,
    /// The groups.
    pub membership: OfMember,
    /// What happened; none for whom it is not shown.
    pub activity: Option<Vec<Event>>,
    /// The member's limits; none for whom they are not shown.
    pub limits: Option<limits::views::Panel>,
    /// The member's credit pool and wallet; none for whom they are not shown.
    pub credits: Option<credits::views::MemberCard>,
    /// The member's own API keys; none for whom they are not shown.
    pub keys: Option<keys::views::MemberCard>,
    /// What the member has used; none for whom it is not shown.
    pub usage_href: Option<String>,
    /// The whole record.
    pub audit_href: String,
    /// The version that an act refers to.
    pub version: i64,
}

/// What a member's page is made of.
pub struct Known<'a> {
    /// The member.
    pub member: &'a Member,
    /// Their groups.
    pub membership: OfMember,
    /// Their custom roles.
    pub held: &'a [Held],
    /// How they are reached.
    pub profile: &'a Profile,
    /// How many sessions are open; none for whom it is not shown.
    pub sessions: Option<usize>,
    /// What happened; none for whom it is not shown.
    pub activity: Option<Vec<Event>>,
    /// The member's limits; none for whom they are not shown.
    pub limits: Option<limits::views::Panel>,
    /// How much of them is used; none for whom it is not shown.
    pub cell: Option<limits::views::Cell>,
    /// The member's credit pool and wallet; none for whom they are not shown.
    pub credits: Option<credits::views::MemberCard>,
    /// The member's own API keys; none for whom they are not shown.
    pub keys: Option<keys::views::MemberCard>,
}

impl Show {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, by: &Can<P>, viewer: &Viewer, known: Known<'_>) -> Self {
        let Known {
            member,
            membership,
            held,
            profile,
            sessions,
            activity,
            limits,
            cell,
            credits,
            keys,
        } = known;
        let face = Face::of(member.id, &member.name, member.picture.as_deref());
        let (face, over) = judged(face.in_state(member.status, member.state(viewer.now)), cell.as_ref());
        let is_reached = held.iter().all(|one| viewer.permissions.covers(&one.permits()));
        let zone = viewer.zone.tz();
        let day = |at: Timestamp| date(at.micros(), &zone);
        let hidden = viewer.names_only && member.user_id != viewer.user;
        let mut facts = Vec::new();
        let mut fact = |label, value: String| facts.push(Fact { label, value });
        if !hidden {
            fact("Email", member.email.clone());
            for (label, value) in [("Phone", &profile.phone), ("Contact", &profile.contact)] {
                if !value.is_empty() {
                    fact(label, value.clone());
                }
            }
        }
        fact("Role", member.role.title().to_owned());
        if let Some(role) = member.enterprise_role {
            fact("Enterprise role", role.title().to_owned());
        }
        fact("Joined", day(member.joined_at));
        fact("Came by", member.source.title().to_owned());
        if !hidden {
            fact("Last active", last_active(viewer, member.last_active_at).0);
        }
        if let Some(sessions) = sessions {
            fact(
                "Sessions",
                if sessions == 0 {
                    "None".to_owned()
                } else {
                    format!("{sessions} open")
                },
            );
        }
        if let Some(end) = member.expires_at {
            fact("Membership ends", day(end));
        }
        if member.is_primary {
            fact("Primary organization", "Yes".to_owned());
        }
        let context = match member.context_at {
            Some(at) => format!("Provisioned on {}.", long_date(at.micros(), &zone)),
            None => "Not provisioned yet. The member is inactive until then.".to_owned(),
        };
        Self {
            l,
            members_href: viewer.base.clone(),
            href: format!("{}/{}", viewer.base, member.id),
            id: member.id.to_string(),
            name: member.name.clone(),
            face,
            over,
            you: member.user_id == viewer.user,
            role: member.role.title().to_owned(),
            joined: long_date(member.joined_at.micros(), &zone),
            notice: notice(by, viewer, member),
            vouched: member.vouched_by.clone().filter(|_| !hidden).unwrap_or_default(),
            may: if is_reached {
                offers(viewer, member)
            } else {
                offers(viewer, member).beyond_reach()
            },
            additional: held.iter().map(|one| one.name.clone()).collect(),
            roles: role_choices(by, member.role.key()),
            role_error: String::new(),
            until: String::new(),
            until_error: String::new(),
            reason: String::new(),
            reason_error: String::new(),
            context,
            facts,
            membership,
            activity,
            limits,
            credits,
            keys,
            usage_href: by
                .may(Permission::UsageRead)
                .then(|| by.path(&format!("/members/{}/usage", member.id))),
            audit_href: by.path("/audit"),
            version: member.version,
        }
    }
}

/// Why access is limited, since when, by whom, and whom to ask.
fn notice<P>(by: &Can<P>, viewer: &Viewer, member: &Member) -> String {
    let zone = viewer.zone.tz();
    let who = match member.state_at {
        Some(at) if !member.state_by.is_empty() => {
            format!(" by {} on {}", member.state_by, date_time(at.micros(), &zone))
        }
        _ => String::new(),
    };
    let mut text = match member.state(viewer.now) {
        "Disabled" => format!(
            "Disabled{who}. This cannot be undone here. To restore access, contact {}.",
            by.org().support_contact
        ),
        "Expired" => format!(
            "The membership ended on {}.",
            member
                .expires_at
                .map_or_else(String::new, |end| long_date(end.micros(), &zone))
        ),
        "Deactivated" => match member.suspended_until {
            Some(until) => format!(
                "Deactivated{who}. Access returns on {}.",
                long_date(until.micros(), &zone)
            ),
            None => format!("Deactivated{who}, until someone activates {} again.", member.name),
        },
        _ => return String::new(),
    };
    if !member.state_reason.is_empty() && member.state(viewer.now) != "Expired" {
        text = format!("{text} Reason: {}", member.state_reason);
        if !text.ends_with(['.', '!', '?']) {
            text.push('.');
        }
    }
    text
}

/// The dialog that disables a member.
#[derive(Debug, Template)]
#[template(path = "members/disable.html", blocks = ["dialog"])]
pub struct Disable {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// Whom to ask.
    pub support_contact: String,
    /// What ends now.
    pub ends: String,
    /// What stays.
    pub stays: String,
    /// The groups.
    pub groups: String,
    /// The reason that was typed.
    pub reason: String,
    /// What is wrong with it.
    pub reason_error: String,
    /// What was typed.
    pub confirm: String,
    /// What is wrong with it.
    pub confirm_error: String,
    /// The version that the act refers to.
    pub version: i64,
}

/// The dialog that removes a member.
#[derive(Debug, Template)]
#[template(path = "members/remove.html", blocks = ["dialog"])]
pub struct Remove {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The organization's name.
    pub organization: String,
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

/// "2 sessions, 1 open invitation, 3 API keys".
pub fn what_ends(sessions: usize, invitations: i64, groups: usize, keys: i64) -> String {
    let mut parts = vec!["Access to this organization".to_owned()];
    if sessions > 0 {
        parts.push(plural(sessions as i64, "session", "sessions"));
    }
    if invitations > 0 {
        parts.push(plural(invitations, "open invitation", "open invitations"));
    }
    if groups > 0 {
        parts.push(plural(groups as i64, "group", "groups"));
    }
    if keys > 0 {
        parts.push(plural(keys, "API key that stops working", "API keys that stop working"));
    }
    parts.join(", ")
}

/// The form that adds a person.
#[derive(Debug, Template)]
#[template(path = "members/new.html")]
pub struct New {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub path: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The roles.
    pub roles: Vec<Choice>,
    /// The groups.
    pub groups: Vec<Choice>,
    /// What is wrong.
    pub errors: FieldErrors,
    /// Which addresses are accepted, empty for any.
    pub domains: String,
}
