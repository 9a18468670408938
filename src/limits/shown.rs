//! What other rooms' pages show of limits: a column, a banner, a panel. Each costs a fixed number of statements.

use std::collections::HashMap;

use super::{
    defaults::{self, Without, without},
    policy,
    settings::{self, Settings},
    store::{self, Facts},
    views::{Cell, GroupPanel, GroupRow, Panel},
    window::Window,
};
use crate::{
    access::{Can, Permission},
    clock::Timestamp,
    db::{Ask, Read},
    error::Result,
    ids::{GroupId, MemberId, OrgId, UserId},
    members::{
        Member, Status,
        list::{Counts, Limitless},
    },
};

/// The limits' column of a page of members.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    of: HashMap<String, Cell>,
    head: Option<String>,
}

impl Cells {
    /// A member's cell, by the id as pages write it.
    pub fn of(&self, id: &str) -> Option<Cell> {
        self.of.get(id).cloned()
    }
    /// The cells, for whoever adds what was used.
    pub fn each(&mut self) -> impl Iterator<Item = (&String, &mut Cell)> {
        self.of.iter_mut()
    }
    /// What the column counts in; none when the viewer sees nobody's limit.
    pub fn head(&self) -> Option<String> {
        self.head.clone()
    }
}

/// Whether a viewer sees everybody's limits; everybody sees their own.
pub fn sees_all<P>(by: &Can<P>) -> bool {
    [Permission::UsageRead, Permission::LimitSet, Permission::LimitDecide]
        .into_iter()
        .any(|one| by.may(one))
}

/// The limits of one page's members, with two statements.
pub async fn cells<P>(
    db: &mut impl Read,
    by: &Can<P>,
    settings: &Settings,
    people: &[(MemberId, UserId)],
    now: Timestamp,
) -> Result<Cells> {
    let all = sees_all(by);
    let shown: Vec<MemberId> = people
        .iter()
        .filter(|(_, user)| all || *user == by.user_id())
        .map(|(member, _)| *member)
        .collect();
    let org = by.org();
    let found = policy::effective_many(db, org.id, &shown, settings.conflict, now).await?;
    Ok(Cells {
        of: found
            .iter()
            .map(|(member, effective)| (member.to_string(), Cell::of(effective, settings)))
            .collect(),
        head: Some(settings.unit.head().to_owned()),
    })
}

/// The warning that members have no limit.
#[derive(Debug, Clone, Default)]
pub struct Banner {
    without: Without,
    is_shown: bool,
    /// How many, in words.
    pub count: String,
    /// Whether it is one.
    pub is_one: bool,
    /// Those members.
    pub href: String,
    /// Where a default is set; none for whom that is not offered.
    pub default_href: Option<String>,
}

impl Banner {
    /// Whether there is something to warn of, for somebody who can see it.
    pub const fn is_shown(&self) -> bool {
        self.is_shown && self.without.count > 0
    }
    /// How the list finds those members.
    pub const fn filter(&self) -> Option<Limitless> {
        match (self.is_shown, self.without.few) {
            (false, _) => None,
            (true, false) => Some(Limitless::Any),
            (true, true) => Some(Limitless::Few),
        }
    }
}

/// Asks for the rows of [`banner`].
pub(crate) fn ask_facts(org: OrgId) -> Ask<(OrgId,), Facts> {
    store::ask_facts(org)
}

/// Who has no limit, for those who see everybody's.
pub async fn banner<P>(db: &mut impl Read, by: &Can<P>, facts: &Facts, counts: &Counts) -> Result<Banner> {
    if !sees_all(by) {
        return Ok(Banner::default());
    }
    let without = without(db, by.org().id, facts, counts).await?;
    Ok(Banner {
        without,
        is_shown: true,
        count: without.words(),
        is_one: without.count == 1,
        href: by.path("/members?limit=none"),
        default_href: by.may(Permission::LimitDefault).then(|| by.path("/limits/defaults")),
    })
}

/// A member's limits for their page; none for whom they are not shown.
pub async fn panel<P>(db: &mut impl Read, by: &Can<P>, member: &Member, now: Timestamp) -> Result<Option<Panel>> {
    let is_own = member.user_id == by.user_id();
    if !is_own && !sees_all(by) {
        return Ok(None);
    }
    let org = by.org();
    let settings = settings::find(db, org).await?;
    let found = policy::effective(db, org.id, member.id, settings.conflict, now).await?;
    let href = by.path(&format!("/members/{}", member.id));
    let may_set = by.may(Permission::LimitSet) && member.rank() <= by.rank() && member.status != Status::Disabled;
    let can_rise = found.limits.iter().any(|limit| {
        let is_offered = Window::OFFERED.contains(&limit.window);
        is_offered && limit.value.amount().is_some()
    });
    Ok(Some(Panel {
        edit_href: may_set.then(|| format!("{href}/limit?to=member")),
        end_action: (may_set && !found.raises.is_empty()).then(|| format!("{href}/limit/raise/end")),
        request_href: (is_own && can_rise && by.may(Permission::LimitRequest)).then(|| by.path("/limits/request")),
        version: member.version,
        ..Panel::of(&found, &settings, by.zone(), now)
    }))
}

/// A group's limits for its page, with two statements; see `templates/limits/_group.html`.
pub async fn group_panel<P>(db: &mut impl Read, by: &Can<P>, group: GroupId, name: &str) -> Result<GroupPanel> {
    let org = by.org();
    let settings = settings::find(db, org).await?;
    let standing = defaults::standing(db, org.id).await?;
    Ok(GroupPanel {
        row: GroupRow::of(group, name, &standing, &by.path(""), &settings),
        may_edit: by.may(Permission::LimitDefault),
    })
}
