//! The settings page.

use askama::Template;

use super::forms::{NEVER, SettingsForm};
use crate::{
    access::Role,
    clock::Zone,
    web::{
        form::FieldErrors,
        layout::{Choice, Fact, Layout},
    },
};

/// The settings of an organization.
#[derive(Template)]
#[template(path = "orgs/settings.html")]
pub struct Settings {
    /// The frame.
    pub l: Layout,
    /// Where the forms are sent.
    pub path: String,
    /// The organization's name as it is saved.
    pub organization: String,
    /// What stands before the slug.
    pub host: String,
    /// The fields.
    pub form: SettingsForm,
    /// What is wrong with them.
    pub errors: FieldErrors,
    /// All zones.
    pub zones: Vec<Choice>,
    /// How long invitations live.
    pub expiry: Vec<Choice>,
    /// The roles that invitations may begin with.
    pub roles: Vec<Choice>,
    /// Why nothing was saved, when somebody else was faster.
    pub conflict: String,
    /// What the editor had entered then.
    pub entered: Vec<Fact>,
    /// Where the organization can be archived; none for whom that is not offered.
    pub archive_href: Option<String>,
}

/// All zones to choose from, with the present one among them even if it is an old name.
pub fn zones(current: &str) -> Vec<Choice> {
    let mut names = Zone::names();
    if !names.iter().any(|name| name == current) && !current.is_empty() {
        names.insert(0, current.to_owned());
    }
    let choice = |name: String| Choice {
        selected: name == current,
        label: name.replace('_', " "),
        value: name,
    };
    names.into_iter().map(choice).collect()
}

/// The lives that an invitation may have.
pub fn expiry(current: &str) -> Vec<Choice> {
    let mut days: Vec<i64> = vec![1, 3, 7, 14, 30];
    if let Ok(other) = current.parse()
        && (1..=30).contains(&other)
        && !days.contains(&other)
    {
        days.push(other);
        days.sort_unstable();
    }
    let choice = |value: String, label: String| Choice {
        selected: value == current,
        label,
        value,
    };
    days.into_iter()
        .map(|days| choice(days.to_string(), crate::web::filters::plural(days, "day", "days")))
        .chain(std::iter::once(choice(NEVER.to_owned(), "Never".to_owned())))
        .collect()
}

/// The roles that invitations may begin with: all but the administrator's.
pub fn roles(current: &str) -> Vec<Choice> {
    Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Administrator)
        .map(|role| Choice {
            value: role.key().to_owned(),
            label: role.title().to_owned(),
            selected: role.key() == current,
        })
        .collect()
}
