//! What a browser may send to the invitations room.

use jiff::civil::Date;
use serde::Deserialize;

use super::{
    Terms,
    list::{Column, Query, Tab},
};
use crate::{
    access::{OrgRef, Role},
    clock::Timestamp,
    error::{Error, Result},
    ids::GroupId,
};

/// The query of the table.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IndexQuery {
    pub tab: String,
    pub q: String,
    pub sort: String,
    pub after: String,
    pub before: String,
}

impl IndexQuery {
    /// The query as the domain knows it; what it does not know falls back to the first page of pending links.
    pub fn query(&self) -> Query {
        let (column, ascending) = match self.sort.as_str() {
            "email" => (Column::Email, true),
            "-email" => (Column::Email, false),
            "created" => (Column::Created, true),
            _ => (Column::Created, false),
        };
        let (after, before) = (self.after.parse().ok(), self.before.parse().ok());
        Query {
            tab: Tab::find(&self.tab),
            column,
            ascending,
            search: self.q.trim().to_owned(),
            cursor: after.or(before),
            backwards: after.is_none() && before.is_some(),
        }
    }
}

/// The form that invites one person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct InviteForm {
    pub email: String,
    pub role: String,
    pub group: String,
    pub until: String,
}

/// The form of a paste; after the extraction it carries the chosen addresses too.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BulkForm {
    pub text: String,
    pub email: Vec<String>,
    pub role: String,
    pub group: String,
    pub until: String,
}

/// What joins a person without an account.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct AcceptForm {
    pub name: String,
    pub password: String,
}

/// Whether a report was meant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReportForm {
    pub confirm: String,
}

/// The query of a link: the proof that only the mail carries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LinkQuery {
    pub p: String,
}

/// Role, group and end of the membership, as both forms of inviters name them.
pub fn terms(org: &OrgRef, role: &str, group: &str, until: &str) -> Result<Terms> {
    let role = if role.is_empty() {
        org.default_role
    } else {
        Role::find(role).ok_or_else(|| Error::invalid("role", "Choose a role from the list."))?
    };
    let groups = if group.is_empty() {
        Vec::new()
    } else {
        vec![
            group
                .parse::<GroupId>()
                .map_err(|_| Error::invalid("group", "Choose a group from the list."))?,
        ]
    };
    Ok(Terms {
        role,
        groups,
        member_until: last_day(org, until)?,
    })
}

/// The end of a day in the organization's zone: the instant at which the next day begins.
fn last_day(org: &OrgRef, until: &str) -> Result<Option<Timestamp>> {
    let until = until.trim();
    if until.is_empty() {
        return Ok(None);
    }
    let day: Date = until
        .parse()
        .map_err(|_| Error::invalid("until", "Choose a day, or leave this empty."))?;
    let end = day
        .tomorrow()
        .and_then(|next| next.to_zoned(org.zone.tz()))
        .map_err(|_| Error::invalid("until", "Choose a day within the next years, or leave this empty."))?;
    Ok(Some(Timestamp::from_micros(end.timestamp().as_microsecond())))
}
