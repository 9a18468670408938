//! What a browser may send to the roles' pages.

use serde::Deserialize;

use super::role::{self, Draft};
use crate::{
    access::EnterpriseRole,
    error::{Error, Result},
    ids::{GroupId, MemberId, RoleId, UserId},
};

/// The address of a custom role within an organization.
#[derive(Debug, Clone, Deserialize)]
pub struct RolePath {
    role: String,
}

impl RolePath {
    /// The role; text that is no id names none.
    pub fn id(&self) -> Result<RoleId> {
        self.role.parse().map_err(|_| Error::NotFound)
    }
}

/// The address of an account with a role over the enterprise.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountPath {
    account: String,
}

impl AccountPath {
    /// The account; text that is no id names nobody.
    pub fn id(&self) -> Result<UserId> {
        self.account.parse().map_err(|_| Error::NotFound)
    }
}

/// Of which role a new one begins as a copy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewQuery {
    /// A built-in role's stable name or a custom role's id.
    pub from: String,
}

/// A custom role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RoleForm {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The keys of what it permits.
    pub permission: Vec<String>,
    /// The version that the editor saw; a form without one is as stale as can be.
    pub version: i64,
}

impl RoleForm {
    /// What the role is to be.
    pub fn draft(&self) -> Result<Draft> {
        Ok(Draft {
            name: self.name.clone(),
            description: self.description.clone(),
            permissions: role::read_permissions(&self.permission)?,
        })
    }
}

/// A page of those who hold a role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HoldersQuery {
    /// After this place.
    pub after: String,
}

/// The end of a role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DeletionForm {
    /// The role that its holders get instead; empty for none.
    pub instead: String,
    /// The version that the caller has seen; a form without one is as stale as can be.
    pub version: i64,
}

impl DeletionForm {
    /// The role that its holders get instead.
    pub fn instead(&self) -> Result<Option<RoleId>> {
        if self.instead.is_empty() {
            return Ok(None);
        }
        let id = self.instead.parse();
        id.map(Some)
            .map_err(|_| Error::invalid("instead", "Choose one of the roles in the list."))
    }
}

/// A permission of the host platform.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HostForm {
    /// Its key.
    pub key: String,
    /// Its name.
    pub title: String,
}

/// About whom, and about what, somebody asks why.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AccessQuery {
    /// A name or an address.
    pub q: String,
    /// A member's id.
    pub member: String,
    /// A permission's key.
    pub permission: String,
    /// A group's id.
    pub group: String,
}

impl AccessQuery {
    /// The member, if one is named.
    pub fn member(&self) -> Option<MemberId> {
        self.member.parse().ok()
    }
    /// The group, if one is named.
    pub fn group(&self) -> Option<GroupId> {
        self.group.parse().ok()
    }
    /// What was typed into the search field.
    pub fn typed(&self) -> String {
        self.q.chars().take(200).collect()
    }
}

/// A role over the enterprise for an address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct GrantForm {
    /// The address of the account.
    pub email: String,
    /// The role's stable name.
    pub role: String,
}

impl GrantForm {
    /// The role.
    pub fn role(&self) -> Result<EnterpriseRole> {
        EnterpriseRole::find(&self.role).ok_or_else(|| Error::invalid("role", "Choose one of the roles in the list."))
    }
}

/// The end of a role over the enterprise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RevocationForm {
    version: String,
}

impl RevocationForm {
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}
