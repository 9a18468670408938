//! The pages of alerts.

use askama::Template;

use super::settings::Settings;
use crate::web::{form::FieldErrors, layout::Layout};

/// What an organization is told, as its form shows it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The parts.
    pub parts: String,
    /// Whether administrators hear of used-up limits.
    pub tells_admins: bool,
    /// How many times an ordinary day is unusual.
    pub spike_factor: String,
    /// Whether administrators hear who used nothing.
    pub tells_unused: bool,
    /// The version that is edited.
    pub version: String,
}

impl From<&Settings> for Shown {
    fn from(settings: &Settings) -> Self {
        Self {
            parts: settings.parts_words(),
            tells_admins: settings.tells_admins,
            spike_factor: settings.spike_factor.to_string(),
            tells_unused: settings.tells_unused,
            version: settings.version.to_string(),
        }
    }
}

/// The form of what an organization is told.
#[derive(Template)]
#[template(path = "usage/alerts.html")]
pub struct Edit {
    /// The frame.
    pub l: Layout,
    /// What the organization is called.
    pub organization: String,
    /// Where it is saved.
    pub path: String,
    /// Where it leads back.
    pub back: String,
    /// Who used nothing in the month before.
    pub unused_href: String,
    /// What stands in it.
    pub form: Shown,
    /// What is wrong with it.
    pub errors: FieldErrors,
}

/// Somebody who used nothing.
#[derive(Debug, Clone)]
pub struct UnusedRow {
    /// The name.
    pub name: String,
    /// The member's page.
    pub href: String,
}

/// Who used nothing in the month before.
#[derive(Template)]
#[template(path = "usage/unused.html")]
pub struct Unused {
    /// The frame.
    pub l: Layout,
    /// What the organization is called.
    pub organization: String,
    /// The page of usage.
    pub back: String,
    /// The month.
    pub month: String,
    /// How many they are.
    pub count: i64,
    /// The first of them by name.
    pub rows: Vec<UnusedRow>,
    /// Whether there are more than are listed.
    pub has_more: bool,
    /// Whether anything was used by anybody in that month.
    pub is_used: bool,
    /// Where one chooses whether this is told; none for whoever may not.
    pub alerts_href: Option<String>,
}
