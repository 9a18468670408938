//! What the roles' pages print, decided already.

use askama::Template;

use super::{
    explain::{Answer, Told},
    forms::{AccessQuery, GrantForm, HostForm, RoleForm},
    host::HostPermission,
    role::{CustomRole, Holder},
};
use crate::{
    access::{Class, EnterpriseRole, Heading, Permission, Permissions, Role, decision::Step, permissions::HOST},
    members::{Status, list::Counts},
    web::{
        filters::{number, plural},
        form::FieldErrors,
        layout::{Choice, Layout, hue, initials},
    },
};

/// One permission to choose, or to read of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What the form sends.
    pub key: String,
    /// Its name.
    pub title: String,
    /// What it allows.
    pub purpose: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// Permissions under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: &'static str,
    /// Its permissions.
    pub items: Vec<Item>,
}

/// The catalogue by heading: of what an organization's roles can have, the part that `shown` says.
pub fn sections(hosts: &[HostPermission], chosen: &Permissions, shown: impl Fn(&Permissions) -> bool) -> Vec<Section> {
    let headings = Heading::ALL
        .into_iter()
        .filter(|heading| *heading != Heading::Enterprise);
    let mut sections: Vec<Section> = headings
        .map(|heading| {
            let mut items: Vec<Item> = Permission::ALL
                .iter()
                .filter(|one| one.is_for_organizations())
                .filter(|one| one.heading() == heading && shown(&[**one].into_iter().collect()))
                .map(|one| Item {
                    key: one.key().to_owned(),
                    title: one.title().to_owned(),
                    purpose: one.purpose().to_owned(),
                    chosen: chosen.has(*one),
                })
                .collect();
            if heading == Heading::Host {
                items.extend(host_items(hosts, chosen, &shown));
            }
            Section {
                title: heading.title(),
                items,
            }
        })
        .collect();
    sections.retain(|section| !section.items.is_empty());
    sections
}

fn host_items(hosts: &[HostPermission], chosen: &Permissions, shown: impl Fn(&Permissions) -> bool) -> Vec<Item> {
    let mut items: Vec<Item> = hosts
        .iter()
        .map(|host| Item {
            key: format!("{HOST}{}", host.key),
            title: host.title.clone(),
            purpose: host.key.clone(),
            chosen: chosen.has_host(&host.key),
        })
        .filter(|item| shown(&Permissions::read([item.key.as_str()])))
        .collect();
    items.dedup_by(|one, next| one.key == next.key);
    items
}

/// One role in the list.
#[derive(Debug, Clone, Default)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// Its page; empty for a built-in role.
    pub href: String,
    /// What it is for.
    pub purpose: String,
    /// Its class.
    pub class: &'static str,
    /// What it permits, in words.
    pub permits: Vec<String>,
    /// How many members have it.
    pub holders: String,
    /// Who they are.
    pub holders_href: String,
    /// The form that begins as a copy of it.
    pub copy_href: String,
}

impl RoleRow {
    /// A built-in role.
    pub fn built_in(base: &str, members: &str, role: Role, counts: &Counts, hosts: &[HostPermission]) -> Self {
        Self {
            name: role.title().to_owned(),
            purpose: role.purpose().to_owned(),
            class: role.class().title(),
            permits: words(&role.permissions(), hosts),
            holders: number(counts.of(None, &[role])),
            holders_href: format!("{members}?role={}", role.key()),
            copy_href: format!("{base}/new?from={}", role.key()),
            href: String::new(),
        }
    }
    /// A custom role.
    pub fn custom(base: &str, role: &CustomRole, hosts: &[HostPermission]) -> Self {
        let permits = role.permits();
        Self {
            name: role.name.clone(),
            href: format!("{base}/{}", role.id),
            purpose: role.description.clone(),
            class: Class::of(&permits).title(),
            permits: words(&permits, hosts),
            holders: number(role.holders),
            holders_href: format!("{base}/{}#holders", role.id),
            copy_href: format!("{base}/new?from={}", role.id),
        }
    }
}

/// What a set permits, in words.
pub fn words(permits: &Permissions, hosts: &[HostPermission]) -> Vec<String> {
    sections(hosts, permits, |_| true)
        .into_iter()
        .flat_map(|section| section.items)
        .filter(|item| item.chosen)
        .map(|item| item.title)
        .collect()
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "roles/index.html")]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// This page.
    pub path: String,
    /// The organization's name.
    pub organization: String,
    /// "Why was this denied?".
    pub access_href: String,
    /// Whether custom roles can be made.
    pub may_manage: bool,
    /// The built-in roles, highest first.
    pub built_in: Vec<RoleRow>,
    /// The custom ones by name.
    pub custom: Vec<RoleRow>,
}

/// The editor of a role.
#[derive(Debug, Template)]
#[template(path = "roles/edit.html")]
pub struct Edit {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub path: String,
    /// What the page is about.
    pub heading: String,
    /// What it does.
    pub intro: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// What the button says.
    pub save: &'static str,
    /// What was typed.
    pub form: RoleForm,
    /// The permissions to choose from.
    pub sections: Vec<Section>,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// A member who holds the role.
#[derive(Debug, Clone)]
pub struct HolderRow {
    /// The member's page.
    pub href: String,
    /// The name.
    pub name: String,
    /// For the avatar.
    pub initials: String,
    /// For the avatar.
    pub hue: u8,
    /// The built-in role beside it.
    pub role: &'static str,
    /// The state's word.
    pub status: &'static str,
    /// The state's shape.
    pub status_class: &'static str,
}

impl HolderRow {
    /// A holder in words.
    pub fn of(members: &str, holder: &Holder) -> Self {
        let status = Status::LIVE
            .into_iter()
            .find(|status| *status as i64 == holder.status)
            .unwrap_or(Status::Removed);
        Self {
            href: format!("{members}/{}", holder.id),
            name: holder.name.clone(),
            initials: initials(&holder.name),
            hue: hue(holder.id.raw()),
            role: holder.role.title(),
            status: status.title(),
            status_class: match status {
                Status::Active => "ok",
                Status::Inactive => "",
                Status::Suspended => "warn",
                Status::Disabled | Status::Removed => "bad",
            },
        }
    }
}

/// One custom role.
#[derive(Debug, Template)]
#[template(path = "roles/show.html")]
pub struct Show {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub path: String,
    /// This page.
    pub href: String,
    /// The name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its class.
    pub class: &'static str,
    /// What it permits.
    pub sections: Vec<Section>,
    /// "3 members".
    pub count: String,
    /// Those who hold it.
    pub holders: Vec<HolderRow>,
    /// The next page of them.
    pub next: Option<String>,
    /// Whether this is not the first page of them.
    pub is_later: bool,
    /// Whether the viewer may change and delete it.
    pub may_edit: bool,
    /// The form that begins as a copy of it; none for whom it is not offered.
    pub copy_href: Option<String>,
}

/// The dialog that deletes a role.
#[derive(Debug, Template)]
#[template(path = "roles/delete.html", blocks = ["dialog"])]
pub struct Delete {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The name.
    pub name: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// "3 members"; empty for none.
    pub holders: String,
    /// The roles that they can get instead.
    pub instead: Vec<Choice>,
    /// What is wrong with it.
    pub instead_error: String,
    /// The version that the act refers to.
    pub version: i64,
}

/// One line of the table of roles and permissions.
#[derive(Debug, Clone)]
pub struct MatrixRow {
    /// The permission.
    pub title: String,
    /// Its key.
    pub key: String,
    /// Whether each role has it, in the order of the columns.
    pub has: Vec<bool>,
}

/// All roles and all permissions.
#[derive(Debug, Template)]
#[template(path = "roles/matrix.html")]
pub struct Matrix {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub path: String,
    /// The organization's name.
    pub organization: String,
    /// The roles.
    pub columns: Vec<String>,
    /// The permissions by heading.
    pub groups: Vec<(&'static str, Vec<MatrixRow>)>,
}

impl Matrix {
    /// The lines by heading.
    pub fn lines(columns: &[Permissions], hosts: &[HostPermission]) -> Vec<(&'static str, Vec<MatrixRow>)> {
        sections(hosts, &Permissions::default(), |_| true)
            .into_iter()
            .map(|section| {
                let rows = section.items.into_iter().map(|item| {
                    let one = Permissions::read([item.key.as_str()]);
                    MatrixRow {
                        title: item.title,
                        key: item.key.trim_start_matches(HOST).to_owned(),
                        has: columns.iter().map(|column| column.includes(&one)).collect(),
                    }
                });
                (section.title, rows.collect())
            })
            .collect()
    }
}

/// A permission that administrators have added.
#[derive(Debug, Clone)]
pub struct HostRow {
    /// Its key.
    pub key: String,
    /// Its name.
    pub title: String,
    /// Whether the viewer may take it out here.
    pub may_remove: bool,
}

/// The catalogue of permissions.
#[derive(Debug, Template)]
#[template(path = "roles/catalogue.html")]
pub struct Catalogue {
    /// The frame.
    pub l: Layout,
    /// The list of roles.
    pub path: String,
    /// This page.
    pub href: String,
    /// The organization's name.
    pub organization: String,
    /// Those that were added.
    pub added: Vec<HostRow>,
    /// The built-in ones.
    pub sections: Vec<Section>,
    /// Whether the viewer may add some.
    pub may_manage: bool,
    /// What was typed.
    pub form: HostForm,
    /// What is wrong.
    pub errors: FieldErrors,
}

/// Somebody to choose.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The answer about them.
    pub href: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

/// One step of an answer.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// The step's name.
    pub title: &'static str,
    /// The icon.
    pub icon: &'static str,
    /// The colour.
    pub tone: &'static str,
    /// The word for the icon.
    pub word: &'static str,
    /// What is so.
    pub text: String,
}

impl StepRow {
    fn of(told: &Told) -> Self {
        let (icon, tone, word) = match told.passed {
            Some(true) => ("circle-check", "ok", "Passed"),
            Some(false) => ("ban", "bad", "Refused here"),
            None => ("circle-pause", "", "Not reached"),
        };
        Self {
            title: match told.step {
                Step::Account => "Account",
                Step::Organization => "Organization",
                Step::Membership => "Membership",
                Step::Role => "Role and group",
            },
            icon,
            tone,
            word,
            text: told.text.clone(),
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct AnswerView {
    /// "Denied" or "Allowed".
    pub verdict: &'static str,
    /// Its colour.
    pub tone: &'static str,
    /// Who may or may not do what.
    pub sentence: String,
    /// What would put it right.
    pub remedy: String,
    /// The steps.
    pub steps: Vec<StepRow>,
    /// The member's page or the dialog of roles; none for somebody who is no member.
    pub member_href: Option<String>,
}

impl AnswerView {
    /// The answer in words.
    pub fn of(answer: &Answer, name: &str, permission: Permission, member_href: Option<String>) -> Self {
        let allowed = answer.decided.is_ok();
        Self {
            verdict: if allowed { "Allowed" } else { "Denied" },
            tone: if allowed { "ok" } else { "bad" },
            sentence: format!(
                "{name} {} {}.",
                if allowed { "may" } else { "may not" },
                permission.deed()
            ),
            remedy: answer.remedy.clone(),
            steps: answer.steps.iter().map(StepRow::of).collect(),
            member_href,
        }
    }
}

/// "Why was this denied?".
#[derive(Debug, Template)]
#[template(path = "roles/access.html")]
pub struct Access {
    /// The frame.
    pub l: Layout,
    /// The list of roles.
    pub path: String,
    /// This page.
    pub href: String,
    /// The organization's name.
    pub organization: String,
    /// What was asked.
    pub query: AccessQuery,
    /// The permissions by heading.
    pub permissions: Vec<(&'static str, Vec<Choice>)>,
    /// The groups.
    pub groups: Vec<Choice>,
    /// What is wrong with the question.
    pub person_error: String,
    /// People who match.
    pub candidates: Vec<Candidate>,
    /// The answer.
    pub answer: Option<AnswerView>,
}

/// The choices of permissions by heading, the enterprise's last.
pub fn permission_choices(chosen: &str) -> Vec<(&'static str, Vec<Choice>)> {
    Heading::ALL
        .into_iter()
        .map(|heading| {
            let of = |one: &&Permission| one.heading() == heading;
            let choices = Permission::ALL.iter().filter(of).map(|one| Choice {
                value: one.key().to_owned(),
                label: one.title().to_owned(),
                selected: one.key() == chosen,
            });
            (heading.title(), choices.collect())
        })
        .collect()
}

/// Somebody with a role over the enterprise.
#[derive(Debug, Clone)]
pub struct OverseerRow {
    /// The account's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// For the avatar.
    pub initials: String,
    /// For the avatar.
    pub hue: u8,
    /// Something to know about the account; may be empty.
    pub note: &'static str,
    /// Whether the viewer may revoke the role.
    pub may_revoke: bool,
    /// The version that an act refers to.
    pub version: i64,
}

/// A role over the enterprise with those who have it.
#[derive(Debug, Clone)]
pub struct EnterpriseRoleView {
    /// The stable name.
    pub key: &'static str,
    /// The name.
    pub title: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// "2 people".
    pub count: String,
    /// What it permits.
    pub permits: Vec<&'static str>,
    /// Those who have it.
    pub holders: Vec<OverseerRow>,
}

impl EnterpriseRoleView {
    /// A role without those who have it.
    pub fn of(role: EnterpriseRole, holders: Vec<OverseerRow>) -> Self {
        Self {
            key: role.key(),
            title: role.title(),
            purpose: role.purpose(),
            count: plural(holders.len() as i64, "person", "people"),
            permits: role.permissions().listed().map(Permission::title).collect(),
            holders,
        }
    }
}

/// The roles over the enterprise.
#[derive(Debug, Template)]
#[template(path = "roles/enterprise.html")]
pub struct Enterprise {
    /// The frame.
    pub l: Layout,
    /// The roles.
    pub roles: Vec<EnterpriseRoleView>,
    /// Whether the viewer may grant and revoke.
    pub may_manage: bool,
    /// What was typed.
    pub grant: GrantForm,
    /// The roles to choose from.
    pub choices: Vec<Choice>,
    /// The added permissions of every organization.
    pub added: Vec<HostRow>,
    /// What was typed.
    pub host: HostForm,
    /// What is wrong.
    pub errors: FieldErrors,
}
