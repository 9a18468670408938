//! The noun: a custom role of an organization; made, changed, copied and deleted within what its maker may do.

use serde_json::{Value, json};

pub use super::store::{CustomRole, Held, Holder};
use super::{host, store};
use crate::{
    access::{Can, Permission, Permissions, Role, permission::RoleManage, permissions::HOST},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{MemberId, OrgId, RoleId},
    orgs,
    text::{self, fold},
};

/// The longest name of a role, in characters.
pub const NAME_MAX: usize = 60;
/// The longest description, in characters.
pub const DESCRIPTION_MAX: usize = 200;
/// How many custom roles an organization may have.
pub const MOST: usize = 100;

/// What a custom role is to be.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What it permits.
    pub permissions: Permissions,
}

/// The organization's custom roles by name.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<CustomRole>> {
    store::list(db, org).await
}

/// Finds a custom role; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: RoleId) -> Result<CustomRole> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// The custom roles that a member holds, by name.
pub async fn held_by(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Held>> {
    store::list_held(db, org, member).await
}

/// One page of those who hold a role, by name.
pub async fn holders(
    db: &mut impl Read,
    org: OrgId,
    role: RoleId,
    after: Option<(&str, MemberId)>,
    limit: i64,
) -> Result<Vec<Holder>> {
    let after = after.unwrap_or(("", MemberId::from_raw(0)));
    store::list_holders(db, org, role, after, limit).await
}

/// Makes a custom role.
pub async fn create(tx: &mut Tx, by: &Can<RoleManage>, draft: &Draft, now: Timestamp) -> Result<RoleId> {
    let org = by.org().id;
    lock_live(tx, org).await?;
    let draft = check(tx, by, draft, None).await?;
    if store::list(tx, org).await?.len() >= MOST {
        return Err(Error::conflict(format!(
            "{} has {MOST} custom roles, which is the most there can be. Delete one that nobody needs.",
            by.org().name
        )));
    }
    let id = RoleId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    let permissions = draft.permissions.to_text();
    store::insert(
        tx,
        org,
        id,
        &draft.name,
        &fold(&draft.name),
        &draft.description,
        &permissions,
        now,
    )
    .await?;
    let after =
        json!({ "name": draft.name, "description": draft.description, "permissions": draft.permissions.keys() });
    let object = Object::new("role", id.raw(), draft.name);
    audit::record(
        tx,
        by.actor(),
        Some(org),
        Entry::done(Action::RoleCreate, object, Value::Null, after),
        now,
    )
    .await?;
    Ok(id)
}

/// Changes a custom role, which acts on the next request of everyone who holds it.
pub async fn update(
    tx: &mut Tx,
    by: &Can<RoleManage>,
    id: RoleId,
    expected: i64,
    draft: &Draft,
    now: Timestamp,
) -> Result<CustomRole> {
    let org = by.org().id;
    let before = load(tx, by, id).await?;
    let draft = check(tx, by, draft, Some(id)).await?;
    let (name, key, permissions) = (&draft.name, fold(&draft.name), draft.permissions.to_text());
    let changed = store::update(tx, org, id, expected, name, &key, &draft.description, &permissions);
    if changed.await? == 0 {
        return Err(stale(&before));
    }
    let words = |name: &str, description: &str, keys: Vec<String>| json!({ "name": name, "description": description, "permissions": keys });
    let entry = Entry::done(
        Action::RoleUpdate,
        Object::new("role", id.raw(), draft.name.clone()),
        words(&before.name, &before.description, before.permits().keys()),
        words(&draft.name, &draft.description, draft.permissions.keys()),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, id).await
}

/// Deletes a custom role; whoever holds it holds `instead` from then on, or one role less. Returns the role as it was.
pub async fn delete(
    tx: &mut Tx,
    by: &Can<RoleManage>,
    id: RoleId,
    expected: i64,
    instead: Option<RoleId>,
    now: Timestamp,
) -> Result<CustomRole> {
    let org = by.org().id;
    let before = load(tx, by, id).await?;
    if before.version != expected {
        return Err(stale(&before));
    }
    let other = match instead {
        Some(other) if other != id => Some(find_instead(tx, by, other).await?),
        Some(_) => {
            return Err(Error::invalid(
                "instead",
                "Choose another role than the one that is deleted.",
            ));
        }
        None => None,
    };
    let holders = store::list_holders(tx, org, id, ("", MemberId::from_raw(0)), i64::MAX).await?;
    if let Some(other) = &other {
        store::hand_over(tx, org, id, other.id).await?;
    }
    if store::delete(tx, org, id, expected).await? == 0 {
        return Err(stale(&before));
    }
    let other = other.map(|other| other.name);
    let after = json!({ "holders": holders.len(), "instead": other });
    let entry = Entry::done(
        Action::RoleDelete,
        Object::new("role", id.raw(), before.name.clone()),
        json!({ "permissions": before.permits().keys() }),
        after,
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    let entries = holders.into_iter().map(|holder| {
        Entry::done(
            Action::MemberRole,
            Object::new("member", holder.id.raw(), holder.name),
            json!({ "additional_roles": [before.name] }),
            json!({ "additional_roles": other.iter().collect::<Vec<_>>() }),
        )
    });
    audit::record_many(tx, by.actor(), Some(org), entries.collect(), now).await?;
    Ok(before)
}

async fn find_instead(tx: &mut Tx, by: &Can<RoleManage>, id: RoleId) -> Result<CustomRole> {
    let missing = || Error::invalid("instead", "Choose one of the roles in the list.");
    let other = find(tx, by.org().id, id).await.map_err(|error| match error {
        Error::NotFound => missing(),
        other => other,
    })?;
    refuse_beyond(by, &other.permits(), &format!("{} permits", other.name))?;
    Ok(other)
}

/// Gives a member custom roles and takes others, as part of a recorded change of the member.
pub(crate) async fn exchange(
    tx: &mut Tx,
    org: OrgId,
    member: MemberId,
    give: &[RoleId],
    take: &[RoleId],
) -> Result<()> {
    for role in take {
        store::take(tx, org, *role, member).await?;
    }
    for role in give {
        store::give(tx, org, *role, member).await?;
    }
    Ok(())
}

/// Takes every custom role from a member, as part of a recorded removal.
pub(crate) async fn leave_all(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    store::take_all(tx, org, member).await?;
    Ok(())
}

/// Takes every custom role from members, as part of recorded removals.
pub(crate) async fn leave_all_many(tx: &mut Tx, org: OrgId, members: &[MemberId]) -> Result<()> {
    store::take_all_of(tx, org, members).await?;
    Ok(())
}

/// Locks the organization, finds the role, and refuses one that reaches further than the caller, or whose holders do.
async fn load(tx: &mut Tx, by: &Can<RoleManage>, id: RoleId) -> Result<CustomRole> {
    let org = by.org();
    if id.org() != org.id {
        return Err(Error::NotFound);
    }
    lock_live(tx, org.id).await?;
    let role = find(tx, org.id, id).await?;
    refuse_beyond(by, &role.permits(), &format!("{} permits", role.name))?;
    let highest = store::find_highest(tx, org.id, id).await?;
    if highest > by.rank() {
        return Err(Error::forbidden(format!(
            "{} is held by somebody who stands above your own role. Ask someone of that rank.",
            role.name
        )));
    }
    Ok(role)
}

pub(super) async fn lock_live(tx: &mut Tx, org: OrgId) -> Result<()> {
    if store::lock_org(tx, org).await? != 1 {
        return Err(Error::conflict(
            "This organization is archived and read-only. An Enterprise Administrator can restore it.",
        ));
    }
    Ok(())
}

fn stale(role: &CustomRole) -> Error {
    Error::conflict(format!(
        "{} was changed in the meantime. Nothing was changed by you. Reload the page and decide again.",
        role.name
    ))
}

/// Refuses what reaches beyond the caller's own permissions; `what` begins the sentence ("This role would permit").
pub(crate) fn refuse_beyond<P>(by: &Can<P>, permissions: &Permissions, what: &str) -> Result<()> {
    let own = by.permissions();
    if own.covers(permissions) {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "{what} more than you may yourself: {}. Ask someone who has these permissions.",
        permissions.beyond(&own).join(", ")
    )))
}

/// The draft in its final form, or what is wrong with it.
async fn check(tx: &mut Tx, by: &Can<RoleManage>, draft: &Draft, of: Option<RoleId>) -> Result<Draft> {
    let org = by.org().id;
    let name = text::line("name", "A name", &draft.name, NAME_MAX)?;
    let key = fold(&name);
    let is_built_in = Role::ALL
        .iter()
        .any(|role| key == fold(role.title()) || key == role.key());
    if is_built_in {
        return Err(Error::invalid(
            "name",
            format!("{name} is a built-in role. Choose another name."),
        ));
    }
    if store::find_named(tx, org, &key)
        .await?
        .is_some_and(|found| Some(found) != of)
    {
        return Err(Error::invalid(
            "name",
            format!("There is a role named {name} already. Choose another name."),
        ));
    }
    let description = if draft.description.trim().is_empty() {
        String::new()
    } else {
        text::line("description", "A description", &draft.description, DESCRIPTION_MAX)?
    };
    let permissions = draft.permissions.clone();
    if permissions.is_empty() {
        return Err(Error::invalid("permission", "Choose at least one permission."));
    }
    let known = host::list(tx, org).await?;
    let unknown = permissions.hosts().any(|key| !known.iter().any(|host| host.key == key));
    if unknown || permissions.listed().any(|one| !one.is_for_organizations()) {
        return Err(Error::invalid("permission", "Choose permissions from the list alone."));
    }
    refuse_beyond(by, &permissions, "This role would permit")?;
    Ok(Draft {
        name,
        description,
        permissions,
    })
}

/// Reads submitted keys; one that names nothing is a fault of the form.
pub fn read_permissions(keys: &[String]) -> Result<Permissions> {
    let is_known = |key: &str| Permission::find(key).is_some() || key.starts_with(HOST);
    if !keys.iter().all(|key| is_known(key)) {
        return Err(Error::invalid("permission", "Choose permissions from the list alone."));
    }
    Ok(Permissions::read(keys.iter().map(String::as_str)))
}
