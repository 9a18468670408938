//! What the settings page sends.

use serde::Deserialize;

use super::{
    Section,
    store::{Org, Subscription},
    subscription,
    training::{self, Resource, Training},
};
use crate::{
    access::Role,
    error::{Error, Result},
    web::form::FieldErrors,
};

/// One section of the settings; the fields of the other one are missing.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SettingsForm {
    /// `general` or `invitations`.
    #[serde(default)]
    pub section: String,
    /// The version that the editor saw; a form without one is as stale as can be.
    #[serde(default)]
    pub version: i64,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub slug: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub support_contact: String,
    #[serde(default)]
    pub expiry: String,
    #[serde(default)]
    pub domains: String,
    #[serde(default)]
    pub default_role: String,
    /// Checkboxes: there when ticked.
    #[serde(default)]
    pub managers_invite: Option<String>,
    #[serde(default)]
    pub links_visible: Option<String>,
}

/// What the select sends for invitations that never expire.
pub const NEVER: &str = "never";

impl SettingsForm {
    /// The form of an organization as it is.
    pub fn of(org: &Org, domains: &[String]) -> Self {
        let tick = |on: bool| on.then(|| "1".to_owned());
        Self {
            section: String::new(),
            version: org.version,
            name: org.name.clone(),
            slug: org.slug.clone(),
            zone: org.zone.clone(),
            support_contact: org.support_contact.clone(),
            expiry: org
                .invite_days
                .map_or_else(|| NEVER.to_owned(), |days| days.to_string()),
            domains: domains.join("\n"),
            default_role: org.default_role.key().to_owned(),
            managers_invite: tick(org.managers_invite),
            links_visible: tick(org.links_visible),
        }
    }
    /// Fills the section that was not sent from another form.
    #[must_use]
    pub fn with_rest(self, rest: Self) -> Self {
        if self.section == "general" {
            Self {
                section: self.section,
                version: self.version,
                name: self.name,
                slug: self.slug,
                zone: self.zone,
                support_contact: self.support_contact,
                ..rest
            }
        } else {
            Self {
                name: rest.name,
                slug: rest.slug,
                zone: rest.zone,
                support_contact: rest.support_contact,
                ..self
            }
        }
    }
    /// What the verb takes.
    pub fn section(&self) -> Result<Section> {
        if self.section == "general" {
            return Ok(Section::General {
                name: self.name.clone(),
                slug: self.slug.clone(),
                zone: self.zone.clone(),
                support_contact: self.support_contact.clone(),
            });
        }
        if self.section != "invitations" {
            return Err(Error::BadRequest(
                "The form does not say which settings it is about. Go back, reload the page and send it again."
                    .to_owned(),
            ));
        }
        let days = || Error::invalid("expiry", "Invitations expire after 1 to 30 days, or never.");
        let invite_days = match self.expiry.as_str() {
            NEVER => None,
            text => Some(text.parse().map_err(|_| days())?),
        };
        Ok(Section::Invitations {
            invite_days,
            domains: self.domains.clone(),
            default_role: Role::find(&self.default_role)
                .ok_or_else(|| Error::invalid("default_role", "Choose a role from the list."))?,
            managers_invite: self.managers_invite.is_some(),
            links_visible: self.links_visible.is_some(),
        })
    }
    /// What the editor had entered in the section that was sent, to be shown when somebody else was faster.
    pub fn entered(&self) -> Vec<(&'static str, String)> {
        let yes = |tick: &Option<String>| if tick.is_some() { "Yes" } else { "No" }.to_owned();
        if self.section == "general" {
            return vec![
                ("Organization name", self.name.clone()),
                ("Address", self.slug.clone()),
                ("Time zone", self.zone.clone()),
                ("Support contact", self.support_contact.clone()),
            ];
        }
        vec![
            (
                "Allowed e-mail domains",
                self.domains.split_whitespace().collect::<Vec<_>>().join(", "),
            ),
            (
                "Links expire after",
                if self.expiry == NEVER {
                    "Never".to_owned()
                } else {
                    format!("{} days", self.expiry)
                },
            ),
            (
                "Default role",
                Role::find(&self.default_role).map_or_else(String::new, |role| role.title().to_owned()),
            ),
            ("Managers may invite", yes(&self.managers_invite)),
            ("Links are visible", yes(&self.links_visible)),
        ]
    }
}

/// POST /o/{org}/subscription.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SubscriptionForm {
    /// The version that the editor saw; a form without one is as stale as can be.
    #[serde(default = "stale")]
    pub version: i64,
    #[serde(default)]
    pub plan: String,
    #[serde(default)]
    pub seats: String,
    #[serde(default)]
    pub renews_on: String,
    #[serde(default)]
    pub reference: String,
    #[serde(default)]
    pub billing_contact: String,
}

const fn stale() -> i64 {
    -1
}

impl From<Subscription> for SubscriptionForm {
    fn from(of: Subscription) -> Self {
        Self {
            version: of.version,
            plan: of.plan,
            seats: of.seats.map_or_else(String::new, |seats| seats.to_string()),
            renews_on: of.renews_on,
            reference: of.reference,
            billing_contact: of.billing_contact,
        }
    }
}

impl SubscriptionForm {
    /// What the verb takes.
    pub fn read(&self) -> Result<Subscription> {
        Ok(Subscription {
            plan: self.plan.clone(),
            seats: subscription::parse_seats(&self.seats)?,
            renews_on: subscription::parse_day(&self.renews_on)?,
            reference: self.reference.clone(),
            billing_contact: self.billing_contact.clone(),
            version: self.version,
        })
    }
    /// What the editor had entered, to be shown when somebody else was faster.
    pub fn entered(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Plan", self.plan.clone()),
            ("Seats", self.seats.clone()),
            ("Renews on", self.renews_on.clone()),
            ("Reference", self.reference.clone()),
            ("Billing contact", self.billing_contact.clone()),
        ]
    }
}

/// POST /o/{org}/training: the rows one after the other, each with all three fields.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct TrainingForm {
    /// The version that the editor saw.
    #[serde(default = "stale")]
    pub version: i64,
    #[serde(default)]
    pub title: Vec<String>,
    #[serde(default)]
    pub url: Vec<String>,
    #[serde(default)]
    pub description: Vec<String>,
}

impl From<Training> for TrainingForm {
    fn from(of: Training) -> Self {
        Self {
            version: of.version,
            title: of.resources.iter().map(|one| one.title.clone()).collect(),
            url: of.resources.iter().map(|one| one.url.clone()).collect(),
            description: of.resources.into_iter().map(|one| one.description).collect(),
        }
    }
}

impl TrainingForm {
    /// The rows as they were typed, at most as many as can be kept.
    pub fn rows(&self) -> Vec<Resource> {
        let at = |list: &[String], n: usize| list.get(n).cloned().unwrap_or_default();
        let most = self.title.len().max(self.url.len()).max(self.description.len());
        let row = |n| Resource {
            title: at(&self.title, n),
            url: at(&self.url, n),
            description: at(&self.description, n),
        };
        (0..most.min(training::MOST)).map(row).collect()
    }
    /// What the verb takes.
    pub fn read(&self) -> Result<Vec<Resource>, FieldErrors> {
        training::parse(&self.rows())
    }
    /// What the editor had entered, to be shown when somebody else was faster.
    pub fn entered(&self) -> Vec<(&'static str, String)> {
        let rows = self.rows().into_iter().filter(|row| !row.title.is_empty());
        rows.map(|row| ("Training", format!("{} {}", row.title, row.url)))
            .collect()
    }
}
