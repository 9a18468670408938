//! The noun: a group, what it is called and what it is for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use super::store::{Belonging, Group, KindCount, Profile};
use super::{Cards, store};
use crate::{
    access::{Can, GroupCan, GroupLead, permission::GroupManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
    orgs,
    text::{self, fold},
};

/// What people call a group; it changes nothing about what it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// A group.
    Group = 1,
    /// A team.
    Team = 2,
    /// A department.
    Department = 3,
    /// A project.
    Project = 4,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Group, Self::Team, Self::Department, Self::Project];

    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Group => "Group",
            Self::Team => "Team",
            Self::Department => "Department",
            Self::Project => "Project",
        }
    }
    /// The name of many.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Group => "Groups",
            Self::Team => "Teams",
            Self::Department => "Departments",
            Self::Project => "Projects",
        }
    }
    /// The stable name in addresses and forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Team => "team",
            Self::Department => "department",
            Self::Project => "project",
        }
    }
    /// Finds a kind by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// The longest name of a group, in characters.
pub const NAME_MAX: usize = 60;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 200;

/// How a group is to be.
#[derive(Debug, Clone)]
pub struct NewGroup<'a> {
    /// Its name, unique in the organization.
    pub name: &'a str,
    /// What people call it.
    pub kind: Kind,
    /// What it is for, in one line; empty for nothing said.
    pub description: &'a str,
}

/// What is to be changed about a group.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    /// Its name and kind; none leaves them, which is all that a lead may do.
    pub named: Option<(&'a str, Kind)>,
    /// What it is for.
    pub description: &'a str,
    /// The version on the caller's page; none when the caller has seen no page.
    pub expected: Option<i64>,
}

impl Profile {
    pub(super) fn object(&self) -> Object {
        Object::new("group", self.id.raw(), self.name.clone())
    }
}

/// The organization's groups by name, at most a thousand.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Group>> {
    ask_list(org).rows(db).await
}

/// Asks for [`list`].
pub(crate) fn ask_list(org: OrgId) -> Ask<(OrgId,), Group> {
    store::ask_list(org)
}

/// One member's groups by name, also those in which their time has ended within the last minute; see [`Belonging::lasts`].
pub async fn list_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Belonging>> {
    store::list_of(db, org, member).await
}

impl Belonging {
    /// Whether the member's time in the group has not ended.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// A group with all that its own page says of it; another organization's is not found.
pub async fn profile(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Profile> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::profile(db, org, id).await?.ok_or(Error::NotFound)
}

/// How many groups there are of each kind; with a member, only those they belong to now.
pub async fn counts(
    db: &mut impl Read,
    org: OrgId,
    member: Option<MemberId>,
    now: Timestamp,
) -> Result<Vec<KindCount>> {
    store::counts(db, org, member, now).await
}

/// A group's name as it is kept, and the form in which it is unique.
fn named(name: &str) -> Result<(String, String)> {
    if name.trim().is_empty() {
        return Err(Error::invalid("name", "Give the group a name."));
    }
    let name = text::line("name", "A group's name", name, NAME_MAX)?;
    let key = fold(&name);
    Ok((name, key))
}

fn described(text: &str) -> Result<String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    text::line("description", "A description", text, DESCRIPTION_MAX)
}

fn taken(name: &str) -> Error {
    Error::invalid(
        "name",
        format!("There is a group named {name} already. Choose another name."),
    )
}

/// Creates a group.
pub async fn create(tx: &mut Tx, by: &Can<GroupManage>, name: &str, kind: Kind, now: Timestamp) -> Result<GroupId> {
    let new = NewGroup {
        name,
        kind,
        description: "",
    };
    create_described(tx, by, &new, now).await
}

/// Creates a group and says what it is for.
pub async fn create_described(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    new: &NewGroup<'_>,
    now: Timestamp,
) -> Result<GroupId> {
    let (name, key) = named(new.name)?;
    let description = described(new.description)?;
    let org = by.org().id;
    // The number comes first: taking it locks the organization's row, so that two same names meet one after the other.
    let id = GroupId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    if let Some(there) = store::find_by_key(tx, org, &key).await? {
        return Err(taken(&there.name));
    }
    store::insert(tx, org, id, &name, &key, new.kind, &description, now).await?;
    let mut after = json!({ "name": name, "kind": new.kind.title() });
    if !description.is_empty() {
        after["description"] = json!(description);
    }
    let object = Object::new("group", id.raw(), name);
    let entry = Entry::done(Action::GroupCreate, object, Value::Null, after);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(id)
}

/// The group for a change: its organization's row is locked, and the caller has seen its present version.
async fn open<D>(tx: &mut Tx, by: &GroupCan<D>, expected: Option<i64>) -> Result<Profile> {
    store::lock(tx, by.org().id).await?;
    let group = profile(tx, by.org().id, by.group()).await?;
    if expected.is_some_and(|expected| expected != group.version) {
        return Err(Error::conflict(format!(
            "Someone else changed {} meanwhile. This page shows how it is now.",
            group.name
        )));
    }
    Ok(group)
}

/// Changes what a group is called and what it is for. A lead changes what it is for.
pub async fn update(tx: &mut Tx, by: &GroupCan<GroupLead>, edit: &Edit<'_>, now: Timestamp) -> Result<Profile> {
    let org = by.org().id;
    let before = open(tx, by, edit.expected).await?;
    let (name, key, kind) = match edit.named {
        Some((name, kind)) => {
            let (name, key) = named(name)?;
            (name, key, kind)
        }
        None => (before.name.clone(), fold(&before.name), before.kind),
    };
    if (name != before.name || kind != before.kind) && !by.manages() {
        return Err(Error::forbidden(
            "A lead changes what the group is for. Its name and kind are changed by whoever manages groups.",
        ));
    }
    let description = described(edit.description)?;
    if let Some(there) = store::find_by_key(tx, org, &key).await?
        && there.id != before.id
    {
        return Err(taken(&there.name));
    }
    store::update(tx, org, before.id, &name, &key, kind, &description).await?;
    let (mut was, mut is) = (json!({}), json!({}));
    let mut differ = |field: &str, old: &str, new: &str| {
        if old != new {
            was[field] = json!(old);
            is[field] = json!(new);
        }
    };
    differ("name", &before.name, &name);
    differ("kind", before.kind.title(), kind.title());
    differ("description", &before.description, &description);
    let entry = Entry::done(Action::GroupUpdate, before.object(), was, is);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    profile(tx, org, before.id).await
}

/// Chooses which cards the group's page shows, and in which order.
pub async fn arrange(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    cards: &Cards,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<Profile> {
    let org = by.org().id;
    let before = open(tx, by, expected).await?;
    store::set_cards(tx, org, before.id, &cards.to_text()).await?;
    let was = Cards::parse(&before.cards).titles();
    let entry = Entry::done(
        Action::GroupCards,
        before.object(),
        json!({ "cards": was }),
        json!({ "cards": cards.titles() }),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    profile(tx, org, before.id).await
}

/// Deletes a group: everyone leaves it, invitations no longer lead into it, and the people stay in the organization.
pub async fn delete(
    tx: &mut Tx,
    by: &Can<GroupManage>,
    id: GroupId,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<Profile> {
    let org = by.org().id;
    let group = open(tx, &GroupCan::managing(by, id), expected).await?;
    let people = store::everyone(tx, org, id).await?;
    store::delete(tx, org, id).await?;
    let mut entries: Vec<Entry> = people
        .iter()
        .map(|person| {
            Entry::done(
                Action::GroupMemberRemove,
                Object::new("member", person.id.raw(), person.name.clone()),
                json!({ "group": group.name }),
                Value::Null,
            )
        })
        .collect();
    let before = json!({ "name": group.name, "kind": group.kind.title(), "members": people.len() });
    entries.push(Entry::done(Action::GroupDelete, group.object(), before, Value::Null));
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(group)
}

pub(super) async fn find(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Group> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// Puts a member who has just joined into groups, as part of the recorded joining; returns their names.
pub(crate) async fn enrol(
    tx: &mut Tx,
    org: OrgId,
    member: MemberId,
    groups: &[GroupId],
    now: Timestamp,
) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(groups.len());
    for id in groups {
        let group = find(tx, org, *id).await?;
        store::insert_member(tx, org, group.id, member, now).await?;
        names.push(group.name);
    }
    Ok(names)
}

/// Puts many members who have just joined into groups, as part of the recorded joining; returns the groups' names.
pub(crate) async fn enrol_many(
    tx: &mut Tx,
    org: OrgId,
    pairs: Vec<(GroupId, MemberId)>,
    now: Timestamp,
) -> Result<BTreeMap<GroupId, String>> {
    let mut names = BTreeMap::new();
    for (id, _) in &pairs {
        if !names.contains_key(id) {
            names.insert(*id, find(tx, org, *id).await?.name);
        }
    }
    let rows = pairs
        .into_iter()
        .map(|(group, member)| (org, group, member, false, None, now))
        .collect();
    store::insert_members(tx, org, rows).await?;
    Ok(names)
}

/// Takes a member out of every group, as part of a recorded removal.
pub(crate) async fn leave_all(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    store::delete_all_of(tx, org, member).await
}
