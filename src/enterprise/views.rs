//! The pages of the Enterprise Portal: fields are exactly what their templates print.

use askama::Template;

use super::forms::{EnterpriseForm, NewOrgForm, OrgSearch, PeopleSearch, RenameForm};
use crate::web::{
    form::FieldErrors,
    layout::{Chip, Choice, Fact, FilterLink, Layout, Sort},
};

/// The figures.
#[derive(Template)]
#[template(path = "enterprise/overview.html")]
pub struct Overview {
    pub l: Layout,
    /// The enterprise's name.
    pub enterprise: String,
    /// The day.
    pub today: String,
    /// Where an organization can be created; none for whom that is not offered.
    pub new_href: Option<String>,
    /// "33 Total Members".
    pub total: String,
    /// "across 13 organizations".
    pub across: String,
    pub memberships: String,
    pub active: String,
    pub inactive: String,
    pub several: String,
    pub invited: String,
    /// Whether there is nobody and no organization yet.
    pub is_empty: bool,
    pub organizations: Vec<Bar>,
    pub by_organization_note: String,
    pub months: Vec<Bar>,
    pub breakdowns: Vec<Breakdown>,
    pub events: Vec<Event>,
    /// The whole log; none for whom it is not offered.
    pub audit_href: Option<String>,
}

/// One bar with its number.
pub struct Bar {
    pub label: String,
    /// Where it leads, empty for nowhere.
    pub href: String,
    pub count: String,
    /// Percent of the longest.
    pub share: String,
}

/// A whole and its parts.
pub struct Breakdown {
    pub id: &'static str,
    pub title: &'static str,
    pub note: &'static str,
    pub parts: Vec<Part>,
}

/// One part of a whole.
pub struct Part {
    pub label: &'static str,
    pub count: String,
    pub percent: String,
    /// Where it begins, in percent.
    pub x: String,
    /// How wide it is, in percent.
    pub width: String,
    /// Its colour, 1 to 4.
    pub series: usize,
}

/// One of the latest changes.
pub struct Event {
    pub icon: &'static str,
    pub tone: &'static str,
    pub text: String,
    pub at: String,
    pub iso: String,
    pub detail: String,
}

/// The people.
#[derive(Template)]
#[template(path = "enterprise/users.html", blocks = ["rows"])]
pub struct Users {
    pub l: Layout,
    /// Whether only the list is asked for, with the filters beside it.
    pub partial: bool,
    pub path: String,
    pub total: i64,
    pub across: String,
    pub search: PeopleSearch,
    pub statuses: Vec<FilterLink>,
    pub organizations: Vec<Choice>,
    pub roles: Vec<Choice>,
    /// The list of those in two or more organizations; none when it is on.
    pub several: Option<String>,
    pub without_organization: String,
    pub without_role: String,
    pub chips: Vec<Chip>,
    pub by_name: Sort,
    pub rows: Vec<User>,
    pub range: String,
    pub previous: Option<String>,
    pub next: Option<String>,
    pub granted: Vec<Grant>,
}

/// One person.
pub struct User {
    pub name: String,
    pub email: String,
    pub initials: String,
    pub hue: u8,
    pub href: String,
    /// The role over the enterprise, empty for none.
    pub note: String,
    pub places: Vec<Place>,
    pub status: &'static str,
    pub status_class: &'static str,
    pub last_active: String,
    pub last_active_iso: String,
}

/// One organization of a person.
pub struct Place {
    pub name: String,
    pub href: String,
    pub role: &'static str,
    pub is_primary: bool,
}

/// A person with a role over the enterprise.
pub struct Grant {
    pub name: String,
    pub email: String,
    pub role: &'static str,
    pub initials: String,
    pub hue: u8,
}

/// The organizations.
#[derive(Template)]
#[template(path = "enterprise/organizations.html", blocks = ["rows"])]
pub struct Organizations {
    pub l: Layout,
    /// Whether only the list is asked for, with the filters beside it.
    pub partial: bool,
    pub path: String,
    pub total: i64,
    pub may_edit: bool,
    pub search: OrgSearch,
    pub states: Vec<FilterLink>,
    pub by_name: Sort,
    pub by_members: Sort,
    pub by_created: Sort,
    pub order: String,
    pub rows: Vec<Organization>,
    pub range: String,
    pub previous: Option<String>,
    pub next: Option<String>,
}

/// One organization.
pub struct Organization {
    pub id: String,
    pub name: String,
    pub slug: String,
    /// Its members.
    pub href: String,
    /// Its page in the portal.
    pub path: String,
    pub initials: String,
    pub hue: u8,
    pub members: String,
    pub admins: String,
    pub has_admin: bool,
    pub archived: bool,
    pub created: String,
    pub created_iso: String,
}

/// The dialog that creates an organization; as a page it stands open.
#[derive(Template)]
#[template(path = "enterprise/new_organization.html", blocks = ["dialog"])]
pub struct NewOrganization {
    pub l: Layout,
    pub open: bool,
    pub form: NewOrgForm,
    pub errors: FieldErrors,
    pub zones: Vec<Choice>,
    /// What stands before the slug.
    pub host: String,
}

/// One organization: rename, archive, restore.
#[derive(Template)]
#[template(path = "enterprise/organization.html")]
pub struct EditOrganization {
    pub l: Layout,
    pub path: String,
    pub href: String,
    /// Where its first administrator can be invited, while there is none.
    pub invite_href: Option<String>,
    pub current_name: String,
    pub form: RenameForm,
    pub errors: FieldErrors,
    /// Why nothing was saved, when somebody else was faster.
    pub conflict: String,
    pub host: String,
    pub archived: bool,
    pub facts: Vec<Fact>,
}

/// The dialog that archives an organization; as a page it stands open.
#[derive(Template)]
#[template(path = "enterprise/archive.html", blocks = ["dialog"])]
pub struct Archive {
    pub l: Layout,
    pub open: bool,
    pub name: String,
    pub slug: String,
    pub action: String,
    pub back: String,
    pub ends: String,
    pub stays: String,
}

/// The settings of the enterprise.
#[derive(Template)]
#[template(path = "enterprise/settings.html")]
pub struct Settings {
    pub l: Layout,
    pub form: EnterpriseForm,
    pub errors: FieldErrors,
    pub conflict: String,
    pub zones: Vec<Choice>,
}

/// The outbox.
#[derive(Template)]
#[template(path = "enterprise/outbox.html", blocks = ["rows"])]
pub struct Outbox {
    pub l: Layout,
    /// Whether only the list is asked for, with the filters beside it.
    pub partial: bool,
    pub path: String,
    pub mail_off: bool,
    pub states: Vec<FilterLink>,
    pub state: String,
    pub rows: Vec<Mail>,
    pub range: String,
    pub older: Option<String>,
}

/// One mail in the list.
pub struct Mail {
    pub id: String,
    pub href: String,
    pub to: String,
    pub subject: String,
    pub status: &'static str,
    pub status_class: &'static str,
    pub tries: String,
    pub next_try: String,
    pub error: String,
    pub created: String,
    pub created_iso: String,
    pub may_retry: bool,
    pub may_cancel: bool,
}

/// One mail as its reader sees it.
#[derive(Template)]
#[template(path = "enterprise/mail.html")]
pub struct ShowMail {
    pub l: Layout,
    pub path: String,
    pub mail: Mail,
    pub facts: Vec<Fact>,
    /// Whether secrets in it are hidden.
    pub hides: bool,
    pub text: String,
    pub html: String,
}
