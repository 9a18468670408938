//! The extensible part of the catalogue: permissions of the host platform that administrators add, for one organization or for all.

use serde_json::{Value, json};

pub use super::store::HostPermission;
use super::{role, store};
use crate::{
    access::{
        Can, EnterpriseCan, Permission,
        permission::{EnterpriseRoles, RoleManage},
        permissions::HOST,
    },
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    text,
};

/// How many permissions an organization, or the enterprise, may add.
pub const MOST: usize = 100;
/// The owner of what belongs to the whole enterprise.
const SHARED: OrgId = OrgId::from_raw(0);

/// The permissions that an organization's roles can have beside the built-in ones: its own and the enterprise's, by key.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<HostPermission>> {
    store::list_hosts(db, org).await
}

/// The permissions that the enterprise has added for every organization.
pub async fn list_shared(db: &mut impl Read) -> Result<Vec<HostPermission>> {
    store::list_hosts(db, SHARED).await
}

/// Adds a permission for the roles of one organization. Whoever adds it must be able to grant it.
pub async fn add(tx: &mut Tx, by: &Can<RoleManage>, key: &str, title: &str, now: Timestamp) -> Result<()> {
    let org = by.org().id;
    role::lock_live(tx, org).await?;
    if !by.permissions().has_host(key) {
        return Err(Error::forbidden(
            "Only an Org Admin can add permissions to the catalogue, because Org Admins have all of them.",
        ));
    }
    insert(tx, by.actor(), org, key, title, now).await
}

/// Takes a permission of one organization out of the catalogue.
pub async fn remove(tx: &mut Tx, by: &Can<RoleManage>, key: &str, now: Timestamp) -> Result<()> {
    let org = by.org().id;
    role::lock_live(tx, org).await?;
    if !by.permissions().has_host(key) {
        return Err(Error::forbidden(
            "Only somebody who has this permission can take it out of the catalogue.",
        ));
    }
    delete(tx, by.actor(), org, key, now).await
}

/// Adds a permission for the roles of every organization.
pub async fn add_shared(
    tx: &mut Tx,
    by: &EnterpriseCan<EnterpriseRoles>,
    key: &str,
    title: &str,
    now: Timestamp,
) -> Result<()> {
    insert(tx, by.actor(), SHARED, key, title, now).await
}

/// Takes a permission of every organization out of the catalogue.
pub async fn remove_shared(tx: &mut Tx, by: &EnterpriseCan<EnterpriseRoles>, key: &str, now: Timestamp) -> Result<()> {
    delete(tx, by.actor(), SHARED, key, now).await
}

async fn insert(tx: &mut Tx, by: &Actor, org: OrgId, key: &str, title: &str, now: Timestamp) -> Result<()> {
    let key = check_key(key)?;
    let title = text::line("title", "A title", title, 60)?;
    let known = store::list_hosts(tx, org).await?;
    if Permission::find(key).is_some() || known.iter().any(|one| one.key == key) {
        return Err(Error::invalid(
            "key",
            format!("There is a permission {key} already. Choose another key."),
        ));
    }
    if known.len() >= MOST {
        return Err(Error::conflict(format!(
            "There are {MOST} added permissions, which is the most there can be."
        )));
    }
    store::insert_host(tx, org, key, &title, now).await.map_err(|error| {
        if error.is_duplicate() {
            Error::invalid(
                "key",
                format!("There is a permission {key} already. Choose another key."),
            )
        } else {
            error
        }
    })?;
    let entry = Entry::done(
        Action::PermissionAdd,
        Object::new("permission", 0, key),
        Value::Null,
        json!({ "title": title }),
    );
    audit::record(tx, by, chain(org), entry, now).await
}

async fn delete(tx: &mut Tx, by: &Actor, org: OrgId, key: &str, now: Timestamp) -> Result<()> {
    let using = store::list_using(tx, org, &format!("{HOST}{key}")).await?;
    if let Some(first) = using.first() {
        let others = if using.len() > 1 { " and other roles" } else { "" };
        return Err(Error::conflict(format!(
            "{first}{others} permit {key}. Take it out of every role first."
        )));
    }
    if store::delete_host(tx, org, key).await? == 0 {
        return Err(Error::NotFound);
    }
    let entry = Entry::done(
        Action::PermissionRemove,
        Object::new("permission", 0, key),
        Value::Null,
        Value::Null,
    );
    audit::record(tx, by, chain(org), entry, now).await
}

fn chain(org: OrgId) -> Option<OrgId> {
    (org != SHARED).then_some(org)
}

/// Keys are what programs compare: short, of plain letters, in parts.
fn check_key(key: &str) -> Result<&str> {
    let key = key.trim();
    let is_plain = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'));
    if key.is_empty()
        || key.len() > 60
        || !is_plain
        || !key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
    {
        return Err(Error::invalid(
            "key",
            "Begin with a letter and use at most 60 small letters, digits, dots, dashes and underscores, as in flow.publish.",
        ));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain() {
        for good in ["flow.publish", " a ", "x-1_y.z"] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "Flow", "a b", ".a", "1a", "a:b", "ä", &"a".repeat(61)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }
}
