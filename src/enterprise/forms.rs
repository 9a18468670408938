//! What the pages of the Enterprise Portal are sent.

use serde::Deserialize;

/// The list of people, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PeopleSearch {
    /// Words in name or address.
    #[serde(default)]
    pub q: String,
    /// An organization's slug.
    #[serde(default)]
    pub organization: String,
    /// A role's stable name.
    #[serde(default)]
    pub role: String,
    /// `active`, `inactive`, `suspended` or `disabled`.
    #[serde(default)]
    pub status: String,
    /// `1` for people in two or more organizations.
    #[serde(default)]
    pub several: String,
    /// `name` or `-name`.
    #[serde(default)]
    pub sort: String,
    /// After this place.
    #[serde(default)]
    pub after: String,
    /// Before this place.
    #[serde(default)]
    pub before: String,
}

/// The list of organizations, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct OrgSearch {
    /// Words in name or slug.
    #[serde(default)]
    pub q: String,
    /// `archived` or `all`; active ones otherwise.
    #[serde(default)]
    pub state: String,
    /// `name`, `members` or `created`, with a minus for the other way round.
    #[serde(default)]
    pub sort: String,
    /// After this place.
    #[serde(default)]
    pub after: String,
    /// Before this place.
    #[serde(default)]
    pub before: String,
}

/// A new organization.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NewOrgForm {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub slug: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub support_contact: String,
}

/// Another name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RenameForm {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub slug: String,
    /// The version that the editor saw; a form without one is as stale as can be.
    #[serde(default)]
    pub version: i64,
}

/// The settings of the enterprise.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct EnterpriseForm {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub support_contact: String,
    #[serde(default)]
    pub zone: String,
    /// The version that the editor saw; a form without one is as stale as can be.
    #[serde(default)]
    pub version: i64,
}

/// The outbox, as it stands in the address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct OutboxSearch {
    /// A state's stable name.
    #[serde(default)]
    pub state: String,
    /// Before this mail.
    #[serde(default)]
    pub before: String,
}
