//! The settings page, and the overview of policies.

use askama::Template;

use super::{
    forms::{NEVER, SettingsForm, SubscriptionForm},
    policies::{Group, Source},
    training::Resource,
};
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
    /// Whether the viewer may change general settings, invitations and training.
    pub may_edit: bool,
    /// Whether the viewer may change the subscription record.
    pub may_bill: bool,
    /// The subscription record.
    pub subscription: SubscriptionForm,
    /// Where it is sent.
    pub subscription_path: String,
    /// How many seats are in use and left, in words.
    pub seats_line: String,
    /// The training resources, and empty rows for more.
    pub resources: Vec<ResourceRow>,
    /// Where they are sent.
    pub training_path: String,
    /// The version of the list.
    pub training_version: i64,
    /// The overview of policies.
    pub policies_href: String,
    /// Why nothing was saved, when somebody else was faster.
    pub conflict: String,
    /// What the editor had entered then.
    pub entered: Vec<Fact>,
    /// The rules of API keys.
    pub keys: crate::keys::views::RulesSummary,
    /// Where the organization can be archived; none for whom that is not offered.
    pub archive_href: Option<String>,
}

/// A row of the training resources.
pub struct ResourceRow {
    /// Its place, from 1.
    pub number: usize,
    /// What it holds.
    pub row: Resource,
    /// What is wrong with it.
    pub error: String,
}

/// The overview of policies.
#[derive(Template)]
#[template(path = "orgs/policies.html")]
pub struct Policies {
    /// The frame.
    pub l: Layout,
    /// The organization's name.
    pub organization: String,
    /// The settings.
    pub settings_href: String,
    /// The rules, by what they are about.
    pub groups: Vec<PolicyGroup>,
}

/// Rules of a kind.
pub struct PolicyGroup {
    /// A word for ids.
    pub id: String,
    /// The heading.
    pub title: &'static str,
    /// The rules.
    pub rows: Vec<PolicyRow>,
}

/// One rule.
pub struct PolicyRow {
    /// What it is about.
    pub title: &'static str,
    /// How it stands.
    pub value: String,
    /// The default, empty where nobody can change it.
    pub default: String,
    /// Whether it differs from the default.
    pub changed: bool,
    /// Where it comes from.
    pub source: String,
    /// Where it is changed; none for whom that is not offered.
    pub href: Option<String>,
}

/// The rules as rows; `may_edit` says of a section whether the viewer may change it.
pub fn policy_groups(groups: &[Group], settings: &str, may_edit: impl Fn(&str) -> bool) -> Vec<PolicyGroup> {
    let row = |policy: &super::policies::Policy| PolicyRow {
        title: policy.title,
        value: policy.value.clone(),
        default: match policy.source {
            Source::Muster => String::new(),
            _ => policy.default.clone(),
        },
        changed: policy.is_changed(),
        source: match policy.source {
            Source::Organization(_) => "This organization".to_owned(),
            Source::Installation(setting) => format!("This installation ({setting})"),
            Source::Muster => "Muster".to_owned(),
        },
        href: match policy.source {
            Source::Organization(section) if !may_edit(section) => None,
            Source::Organization("wallets") => Some(settings.replace("/settings", "/credits/wallets")),
            Source::Organization(section) => Some(format!("{settings}#{section}")),
            _ => None,
        },
    };
    groups
        .iter()
        .map(|group| PolicyGroup {
            id: group.title.to_lowercase().replace(' ', "-"),
            title: group.title,
            rows: group.policies.iter().map(row).collect(),
        })
        .collect()
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
