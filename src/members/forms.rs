//! What a browser may send to the members' pages.

use std::fmt::Write as _;

use jiff::civil::Date;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{
    Status,
    addition::NewPerson,
    list::{self, Cursor, Order, Query, Sort},
};
use crate::{
    access::Role,
    clock::{Timestamp, Zone},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
    mail::address::Address,
    text,
    web::form::FieldErrors,
};

/// The address of a member within an organization.
#[derive(Debug, Clone, Deserialize)]
pub struct MemberPath {
    member: String,
}

impl MemberPath {
    /// The member; text that is no id names nobody.
    pub fn id(&self) -> Result<MemberId> {
        self.member.parse().map_err(|_| Error::NotFound)
    }
}

/// The members whose figures are asked for again.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Live {
    ids: String,
}

impl Live {
    /// Those of an organization, as many as a page shows; what is no id of it names nobody.
    pub fn ids(&self, org: OrgId) -> Vec<MemberId> {
        let ids = self.ids.split(',').filter_map(|id| id.parse::<MemberId>().ok());
        ids.filter(|id| id.org() == org).take(list::PAGE).collect()
    }
}

/// The list's address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    status: String,
    role: Vec<String>,
    group: Vec<String>,
    sort: String,
    dir: String,
    limit: String,
    after: String,
    before: String,
    view: String,
}

impl Search {
    /// Whether the address asks for nothing in particular, so that a default view may answer.
    pub fn is_plain(&self) -> bool {
        self.view.is_empty()
            && [
                &self.q,
                &self.status,
                &self.sort,
                &self.dir,
                &self.limit,
                &self.after,
                &self.before,
            ]
            .iter()
            .all(|part| part.is_empty())
            && self.role.is_empty()
            && self.group.is_empty()
    }
    /// The question; what it does not understand it leaves out.
    pub fn query(&self) -> Query {
        let sort = Sort::find(&self.sort).unwrap_or_default();
        let down = match self.dir.as_str() {
            "asc" => false,
            "desc" => true,
            _ => sort.begins_down(),
        };
        let mut roles: Vec<Role> = self.role.iter().filter_map(|key| Role::find(key)).collect();
        roles.sort_unstable();
        roles.dedup();
        let mut groups: Vec<GroupId> = self.group.iter().filter_map(|id| id.parse().ok()).take(100).collect();
        groups.sort_unstable();
        groups.dedup();
        let after = Cursor::parse(&self.after, false);
        Query {
            order: Order { sort, down },
            status: Status::find(&self.status),
            roles,
            groups,
            words: list::words(&self.q),
            limitless: (self.limit == "none").then_some(list::Limitless::Any),
            cursor: after.or_else(|| Cursor::parse(&self.before, true)),
        }
    }
    /// What was typed into the search field.
    pub fn typed(&self) -> String {
        self.q.chars().take(200).collect()
    }
}

/// The query part of a list's address, without the page's place; empty for the plain list.
pub fn address(query: &Query, typed: &str) -> String {
    let mut pairs = Serializer::new(String::new());
    if !typed.trim().is_empty() {
        pairs.append_pair("q", typed.trim());
    }
    if let Some(status) = query.status {
        pairs.append_pair("status", status.key());
    }
    for role in &query.roles {
        pairs.append_pair("role", role.key());
    }
    for group in &query.groups {
        pairs.append_pair("group", &group.to_string());
    }
    if query.limitless.is_some() {
        pairs.append_pair("limit", "none");
    }
    for (name, value) in order(query.order) {
        pairs.append_pair(name, value);
    }
    pairs.finish()
}

/// The order as pairs of an address; none for the plain list's.
pub fn order(order: Order) -> Vec<(&'static str, &'static str)> {
    let mut pairs = Vec::new();
    if order.sort != Sort::default() {
        pairs.push(("sort", order.sort.key()));
    }
    if order.down != order.sort.begins_down() {
        pairs.push(("dir", if order.down { "desc" } else { "asc" }));
    }
    pairs
}

/// A path with a query, if there is one.
pub fn with(path: &str, query: &str) -> String {
    let mut whole = path.to_owned();
    if !query.is_empty() {
        let _ = write!(whole, "?{query}");
    }
    whole
}

/// What every act on a member carries: the version that the page showed, and where to go afterwards.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ActForm {
    version: String,
    list: String,
    to: String,
}

impl ActForm {
    /// What another form has in common with every act.
    pub fn new(version: &str, list: &str, to: &str) -> Self {
        Self {
            version: version.to_owned(),
            list: list.to_owned(),
            to: to.to_owned(),
        }
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
    /// Where to go afterwards: the member's page, or the list with its filters.
    pub fn way_on(&self, list: &str, member: &str) -> String {
        if self.to == "member" {
            return member.to_owned();
        }
        let is_plain = self.list.bytes().all(|byte| byte.is_ascii_graphic()) && self.list.len() < 2_000;
        with(list, if is_plain { &self.list } else { "" })
    }
}

/// Another role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RoleForm {
    role: String,
    version: String,
}

impl RoleForm {
    /// The role.
    pub fn role(&self) -> Result<Role> {
        Role::find(&self.role).ok_or_else(|| Error::invalid("role", "Choose one of the roles in the list."))
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// A deactivation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SuspensionForm {
    until: String,
    reason: String,
    version: String,
    list: String,
    to: String,
}

impl SuspensionForm {
    /// The first instant of the day on which access returns, in the organization's zone.
    pub fn until(&self, zone: &Zone) -> Result<Option<Timestamp>> {
        if self.until.trim().is_empty() {
            return Ok(None);
        }
        let bad = || Error::invalid("until", "Enter a day as year, month and day: 2026-12-31.");
        let day: Date = self.until.trim().parse().map_err(|_| bad())?;
        let start = day.to_zoned(zone.tz()).map_err(|_| bad())?;
        Ok(Some(Timestamp::from_micros(start.timestamp().as_microsecond())))
    }
    /// Why, in at most 200 characters.
    pub fn reason(&self) -> Result<String> {
        reason(&self.reason)
    }
    /// What it has in common with other acts.
    pub fn act(&self) -> ActForm {
        ActForm {
            version: self.version.clone(),
            list: self.list.clone(),
            to: self.to.clone(),
        }
    }
    /// What was typed: day and reason.
    pub fn typed(&self) -> (String, String) {
        (self.until.clone(), self.reason.clone())
    }
}

fn reason(text: &str) -> Result<String> {
    if text.trim().is_empty() {
        Ok(String::new())
    } else {
        text::line("reason", "A reason", text, 200)
    }
}

/// An act that cannot be taken back: the address is typed to confirm it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    confirm: String,
    reason: String,
    version: String,
}

impl ConfirmForm {
    /// What was typed.
    pub fn typed(&self) -> &str {
        &self.confirm
    }
    /// Whether the member's address was typed.
    pub fn confirms(&self, email: &str) -> Result<()> {
        let typed = self.confirm.trim();
        let same = Address::parse(typed).is_ok_and(|typed| Address::parse(email).is_ok_and(|email| typed == email));
        if same {
            return Ok(());
        }
        Err(Error::invalid("confirm", format!("Type {email} to confirm.")))
    }
    /// Why, in at most 200 characters.
    pub fn reason(&self) -> Result<String> {
        reason(&self.reason)
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// A person to be added.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewForm {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// The role's stable name.
    pub role: String,
    /// The groups.
    pub group: Vec<String>,
}

impl NewForm {
    /// The person, or what is wrong with each field.
    pub fn person(&self) -> Result<NewPerson, FieldErrors> {
        let mut errors = FieldErrors::default();
        let mut fault = |field, error: Error| errors.add(field, error.to_string());
        let name = text::name("name", &self.name)
            .map_err(|error| fault("name", error))
            .unwrap_or_default();
        let email = Address::parse(&self.email)
            .map_err(|refusal| fault("email", Error::invalid("email", refusal.to_string())))
            .ok();
        let role = Role::find(&self.role);
        if role.is_none() {
            fault("role", Error::invalid("role", "Choose one of the roles in the list."));
        }
        let groups: Vec<GroupId> = self.group.iter().filter_map(|id| id.parse().ok()).take(100).collect();
        match (email, role) {
            (Some(email), Some(role)) if errors.is_empty() => Ok(NewPerson {
                until: None,
                email,
                name,
                role,
                groups,
            }),
            _ => Err(errors),
        }
    }
}
