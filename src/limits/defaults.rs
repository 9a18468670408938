//! Defaults: what new members begin with, what a group gives to each of its members, and what all may use together.
//!
//! A changed default concerns everybody who inherits it. Whoever wants it for new members only has today's value pinned on those who
//! inherit it, before the default changes, so that at no moment anybody has another limit than intended.

use serde_json::{Map, Value as Json, json};

use super::{
    policy::{self, Choice, Enforcement, Limit, Put, Scope, Value},
    settings::{self, Settings},
    store::{self, Facts},
    window::Window,
};
use crate::{
    access::{Can, permission::LimitDefault},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
    members::member,
};

/// How many members are pinned in one transaction, so that others can write in between.
pub const CHUNK: usize = 500;

/// What an organization has set for everybody.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The defaults of members.
    pub defaults: Vec<Limit>,
    /// What all members may use together.
    pub pools: Vec<Limit>,
    /// What each group gives to its members.
    pub groups: Vec<Limit>,
    /// What each group's members may use together.
    pub group_pools: Vec<Limit>,
}

impl Standing {
    /// The default of a window.
    pub fn default_of(&self, window: Window) -> Option<&Limit> {
        self.defaults.iter().find(|limit| limit.window == window)
    }
    /// What all may use together in a window.
    pub fn pool_of(&self, window: Window) -> Option<&Limit> {
        self.pools.iter().find(|limit| limit.window == window)
    }
    /// A group's default of a window.
    pub fn group_default(&self, group: GroupId, window: Window) -> Option<&Limit> {
        of_group(&self.groups, group, window)
    }
    /// What a group may use together in a window.
    pub fn group_pool(&self, group: GroupId, window: Window) -> Option<&Limit> {
        of_group(&self.group_pools, group, window)
    }
    /// A group's place among others.
    pub fn priority(&self, group: GroupId) -> Option<i64> {
        Window::ALL
            .into_iter()
            .find_map(|window| self.group_default(group, window))
            .map(|limit| limit.priority)
    }
}

fn of_group(list: &[Limit], group: GroupId, window: Window) -> Option<&Limit> {
    list.iter()
        .find(|limit| limit.window == window && matches!(&limit.source, policy::Source::Group(id, _) if *id == group))
}

/// What an organization has set for everybody, with one statement.
pub async fn standing(db: &mut impl Read, org: OrgId) -> Result<Standing> {
    let mut found = Standing::default();
    for row in store::list_of_org(db, org).await? {
        if row.valid_until.is_some() {
            continue;
        }
        let limit = policy::limit_of(&row);
        match row.scope {
            Scope::OrgPool => found.pools.push(limit),
            Scope::GroupPool => found.group_pools.push(limit),
            Scope::GroupDefault => found.groups.push(limit),
            Scope::OrgDefault => found.defaults.push(limit),
            Scope::Member | Scope::Key | Scope::Service => {}
        }
    }
    Ok(found)
}

/// How many members have no limit, and how sure that number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Without {
    /// How many; one more than `store::MANY` stands for any number beyond.
    pub count: i64,
    /// Whether only a choice of "unlimited" can leave somebody without one, because the organization has a default.
    pub few: bool,
}

impl Without {
    /// "23", or "more than 1,000".
    pub fn words(self) -> String {
        if self.count > store::MANY && self.count < i64::MAX {
            format!("More than {}", crate::web::filters::number(store::MANY))
        } else {
            crate::web::filters::number(self.count)
        }
    }
}

/// How many members nothing limits. It costs what is in doubt: nothing where a default with an amount stands and nobody is unlimited, or
/// where no policy stands at all; else it looks at the unlimited ones, or at members one by one up to a thousand that fit.
pub async fn without(
    db: &mut impl Read,
    org: OrgId,
    facts: &Facts,
    counts: &crate::members::list::Counts,
) -> Result<Without> {
    let few = facts.defaults > 0;
    let count = match (few, facts.others > 0, facts.unlimited > 0) {
        (true, _, false) => 0,
        (false, false, _) => counts.total() - counts.of(Some(crate::members::Status::Disabled), &[]),
        _ => store::count_without(db, org, few).await?,
    };
    Ok(Without { count, few })
}

/// How the members are found whom nothing limits: among the few with a choice of "unlimited" where the organization has a default.
pub async fn limitless(db: &mut impl Read, org: OrgId) -> Result<crate::members::list::Limitless> {
    use crate::members::list::Limitless;
    let facts = store::find_facts(db, org).await?;
    Ok(if facts.defaults > 0 {
        Limitless::Few
    } else {
        Limitless::Any
    })
}

/// What is to be the default of an organization's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Of a month.
    pub month: Choice,
    /// Of a day.
    pub day: Choice,
    /// What happens at both.
    pub enforcement: Enforcement,
}

impl Defaults {
    /// The default of a window.
    pub const fn of(&self, window: Window) -> Choice {
        match window {
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Week | Window::Total => Choice::Inherit,
        }
    }
    /// Whether it differs from what stands in a window.
    pub fn changes(&self, standing: &Standing, window: Window) -> bool {
        let now = standing.default_of(window);
        let choice = self.of(window);
        Choice::of(now) != choice
            || now.is_some_and(|limit| choice != Choice::Inherit && limit.enforcement != self.enforcement)
    }
}

/// How many members inherit the default of each window that would change.
pub async fn preview(
    db: &mut impl Read,
    org: OrgId,
    standing: &Standing,
    new: &Defaults,
) -> Result<Vec<(Window, i64)>> {
    let mut found = Vec::new();
    for window in Window::OFFERED {
        if new.changes(standing, window) {
            found.push((window, store::count_inheriting(db, org, window).await?));
        }
    }
    Ok(found)
}

/// Members whose limit was pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// How many.
    pub count: i64,
    /// The last one; none when all are done.
    pub last: Option<MemberId>,
}

/// What a group gives.
#[derive(Debug, Clone, Copy)]
pub struct GroupWish {
    /// To each member without a limit of their own.
    pub each: Defaults,
    /// To all of them together.
    pub together: Defaults,
    /// Where the group stands among others; the lowest comes first.
    pub priority: i64,
}

/// Pins today's default of a window on up to [`CHUNK`] members behind `after` who inherit it. Where there is no default today, what they keep is unlimited, and says so.
pub async fn pin_some(
    tx: &mut Tx,
    by: &Can<LimitDefault>,
    window: Window,
    after: MemberId,
    now: Timestamp,
) -> Result<Pinned> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let settings = settings::find(tx, org).await?;
    let standing = standing(tx, org.id).await?;
    let today = standing.default_of(window);
    let value = today.map_or(Value::Unlimited, |limit| limit.value);
    let enforcement = today.map_or(Enforcement::Hard, |limit| limit.enforcement);
    let people = store::list_inheriting(tx, org.id, window, after, CHUNK as i64).await?;
    let pinned = Pinned {
        count: people.len() as i64,
        last: people.last().map(|person| person.id),
    };
    let note = "Kept when the default changed.";
    let puts = people
        .iter()
        .map(|person| Put {
            scope: Scope::Member,
            of: person.id.raw(),
            window,
            value,
            enforcement,
            priority: 0,
            until: None,
            note: note.to_owned(),
        })
        .collect();
    policy::put(tx, org.id, &by.actor().name, puts, now).await?;
    let entries = people
        .into_iter()
        .map(|person| {
            let name = format!("{}_limit", window.key());
            let mut after = Map::from_iter([(name, json!(value.show(settings.unit)))]);
            after.insert("note".to_owned(), json!(note));
            Entry::done(
                Action::LimitPin,
                Object::new("member", person.id.raw(), person.name),
                Json::Null,
                Json::Object(after),
            )
        })
        .collect();
    audit::record_many(tx, by.actor(), Some(org.id), entries, now).await?;
    Ok(pinned)
}

/// Sets the default of everybody who has no limit of their own or of a group; `version` is the one that the editor saw.
pub async fn set(
    tx: &mut Tx,
    by: &Can<LimitDefault>,
    new: &Defaults,
    version: i64,
    only_new: bool,
    now: Timestamp,
) -> Result<()> {
    let (settings, standing) = open(tx, by, version).await?;
    policy::check_pair(new.day, new.month, settings.unit)?;
    let org = by.org();
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut puts = Vec::new();
    for window in Window::OFFERED {
        if !new.changes(&standing, window) {
            continue;
        }
        let name = format!("{}_default", window.key());
        let old = standing.default_of(window);
        before.insert(name.clone(), Choice::of(old).words(settings.unit));
        after.insert(name, new.of(window).words(settings.unit));
        store::delete_standing(tx, org.id, Scope::OrgDefault, org.id.raw(), window).await?;
        if let Choice::Set(value) = new.of(window) {
            after.insert("at_the_limit".to_owned(), json!(new.enforcement.key()));
            puts.push(whole(Scope::OrgDefault, org.id.raw(), window, value, new.enforcement));
        }
    }
    if after.is_empty() {
        return Err(Error::invalid(
            "monthly",
            "These are the defaults already. Change one of them.",
        ));
    }
    let for_whom = if only_new {
        "new members only"
    } else {
        "everyone without own limit"
    };
    after.insert("for".to_owned(), json!(for_whom));
    policy::put(tx, org.id, &by.actor().name, puts, now).await?;
    settings::bump(tx, org.id, &org.name, &settings).await?;
    let object = Object::new("organization", org.id.raw(), &org.name);
    record(tx, by, Action::LimitDefault, object, before, after, now).await
}

/// What all members of the organization may use together.
pub async fn set_pool(tx: &mut Tx, by: &Can<LimitDefault>, new: &Defaults, version: i64, now: Timestamp) -> Result<()> {
    let (settings, standing) = open(tx, by, version).await?;
    policy::check_pair(new.day, new.month, settings.unit)?;
    let org = by.org();
    let object = Object::new("organization", org.id.raw(), &org.name);
    let targets = [(Scope::OrgPool, "total")];
    change(
        tx,
        by,
        org.id.raw(),
        &targets,
        &[*new],
        0,
        &settings,
        &standing,
        Action::LimitPool,
        object,
        now,
    )
    .await
}

/// What a group gives to each member, what its members may use together, and where the group stands among others.
pub async fn set_group(
    tx: &mut Tx,
    by: &Can<LimitDefault>,
    group: GroupId,
    wish: &GroupWish,
    version: i64,
    now: Timestamp,
) -> Result<String> {
    let org = by.org();
    let GroupWish {
        each,
        together,
        priority,
    } = *wish;
    if group.org() != org.id {
        return Err(Error::NotFound);
    }
    let (settings, standing) = open(tx, by, version).await?;
    let name = store::find_group(tx, org.id, group).await?.ok_or(Error::NotFound)?;
    policy::check_pair(each.day, each.month, settings.unit)?;
    policy::check_pair(together.day, together.month, settings.unit)
        .map_err(|error| Error::invalid("pool_daily", error.to_string()))?;
    if !(0..=999).contains(&priority) {
        return Err(Error::invalid(
            "priority",
            "Enter a number from 0 to 999. The lowest comes first.",
        ));
    }
    let object = Object::new("group", group.raw(), name.clone());
    let targets = [(Scope::GroupDefault, "each"), (Scope::GroupPool, "together")];
    let values = [each, together];
    change(
        tx,
        by,
        group.raw(),
        &targets,
        &values,
        priority,
        &settings,
        &standing,
        Action::LimitGroup,
        object,
        now,
    )
    .await?;
    Ok(name)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one recorded change")]
async fn change(
    tx: &mut Tx,
    by: &Can<LimitDefault>,
    of: i64,
    targets: &[(Scope, &str)],
    values: &[Defaults],
    priority: i64,
    settings: &Settings,
    standing: &Standing,
    action: Action,
    object: Object,
    now: Timestamp,
) -> Result<()> {
    let org = by.org();
    let (mut before, mut after) = (Map::new(), Map::new());
    let mut puts = Vec::new();
    for ((scope, word), new) in targets.iter().zip(values) {
        for window in Window::OFFERED {
            let group = GroupId::from_raw(of);
            let old = match scope {
                Scope::OrgPool => standing.pool_of(window),
                Scope::GroupPool => standing.group_pool(group, window),
                _ => standing.group_default(group, window),
            };
            let choice = new.of(window);
            let is_same = Choice::of(old) == choice
                && old.is_none_or(|limit| limit.enforcement == new.enforcement && limit.priority == priority);
            if is_same {
                continue;
            }
            let name = format!("{}_{word}", window.key());
            before.insert(name.clone(), Choice::of(old).words(settings.unit));
            after.insert(name, choice.words(settings.unit));
            if let Some(old) = old.filter(|limit| limit.priority != priority) {
                before.insert("place".to_owned(), json!(old.priority));
                after.insert("place".to_owned(), json!(priority));
            }
            store::delete_standing(tx, org.id, *scope, of, window).await?;
            if let Choice::Set(value) = choice {
                after.insert("at_the_limit".to_owned(), json!(new.enforcement.key()));
                puts.push(Put {
                    priority,
                    ..whole(*scope, of, window, value, new.enforcement)
                });
            }
        }
    }
    if after.is_empty() {
        return Ok(());
    }
    policy::put(tx, org.id, &by.actor().name, puts, now).await?;
    settings::bump(tx, org.id, &org.name, settings).await?;
    record(tx, by, action, object, before, after, now).await
}

fn whole(scope: Scope, of: i64, window: Window, value: Value, enforcement: Enforcement) -> Put {
    Put {
        scope,
        of,
        window,
        value,
        enforcement,
        priority: 0,
        until: None,
        note: String::new(),
    }
}

/// Locks the organization and refuses an editor who has seen an older state.
async fn open(tx: &mut Tx, by: &Can<LimitDefault>, version: i64) -> Result<(Settings, Standing)> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let settings = settings::find(tx, org).await?;
    if settings.version != version {
        return Err(settings::stale(&org.name));
    }
    let standing = standing(tx, org.id).await?;
    Ok((settings, standing))
}

async fn record(
    tx: &mut Tx,
    by: &Can<LimitDefault>,
    action: Action,
    object: Object,
    before: Map<String, Json>,
    after: Map<String, Json>,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry::done(action, object, Json::Object(before), Json::Object(after));
    audit::record(tx, by.actor(), Some(by.org().id), entry, now).await
}
