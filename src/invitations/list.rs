//! The table of invitations: which tab, in which order, page by page.

use super::{
    invitation::{Invitation, may_handle},
    store::{self, Wanted},
};
use crate::{
    access::{Can, permission::InviteCreate},
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, hours},
    db::{Read, Tx},
    error::Result,
    ids::InvitationId,
    text::{contains, fold},
};

/// How many rows a page has.
pub const PAGE: usize = 50;

/// A part of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// Links that work.
    #[default]
    Pending,
    /// Invitations that made members.
    Accepted,
    /// Links that have ended and can be renewed.
    Expired,
    /// Codes that were deleted.
    Deleted,
    /// Invitations that people said no to.
    Declined,
}

impl Tab {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Accepted,
        Self::Expired,
        Self::Deleted,
        Self::Declined,
    ];

    /// The word in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
            Self::Declined => "declined",
        }
    }
    /// The label.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Accepted => "Accepted",
            Self::Expired => "Expired",
            Self::Deleted => "Deleted",
            Self::Declined => "Declined",
        }
    }
    /// The tab with this word, or the first.
    pub fn find(key: &str) -> Self {
        Self::ALL.into_iter().find(|tab| tab.key() == key).unwrap_or_default()
    }
}

/// A column that the table can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Column {
    /// When it was created.
    #[default]
    Created,
    /// By address.
    Email,
}

/// What part of the table is wanted.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The tab.
    pub tab: Tab,
    /// The order.
    pub column: Column,
    /// Whether the order goes up.
    pub ascending: bool,
    /// Part of the address, empty for all.
    pub search: String,
    /// The row next to which the page lies.
    pub cursor: Option<InvitationId>,
    /// Whether the page lies before that row.
    pub backwards: bool,
}

/// One page of the table.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Invitation>,
    /// Whether rows lie before.
    pub has_previous: bool,
    /// Whether rows lie after.
    pub has_next: bool,
}

/// One page of the organization's invitations.
pub async fn list(db: &mut impl Read, by: &Can<InviteCreate>, query: &Query, now: Timestamp) -> Result<Page> {
    let org = by.org().id;
    let cursor = match query.cursor {
        Some(id) => store::find(db, org, id).await?,
        None => None,
    };
    let backwards = query.backwards && cursor.is_some();
    let wanted = Wanted {
        tab: query.tab,
        column: query.column,
        ascending: query.ascending != backwards,
        pattern: pattern(&query.search),
        cursor: cursor.as_ref(),
        limit: PAGE as i64 + 1,
    };
    let mut rows = store::list(db, org, wanted, now).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    if backwards {
        rows.reverse();
    }
    let (has_previous, has_next) = if backwards {
        (more, true)
    } else {
        (cursor.is_some(), more)
    };
    Ok(Page {
        rows,
        has_previous,
        has_next,
    })
}

/// The search as a pattern; addresses are compared by their key, which is ASCII in lower case.
fn pattern(search: &str) -> Option<String> {
    let words = fold(search);
    (!words.is_empty()).then(|| contains(&words))
}

/// How many links of the organization work, counted no further than `most`.
pub async fn count_pending(db: &mut impl Read, by: &Can<InviteCreate>, most: i64, now: Timestamp) -> Result<i64> {
    store::count_pending(db, by.org().id, now, most).await
}

/// Every pending invitation that the caller may handle, for the file of links; recorded.
pub async fn export(tx: &mut Tx, by: &Can<InviteCreate>, most: i64, now: Timestamp) -> Result<Vec<Invitation>> {
    let org = by.org();
    let wanted = Wanted {
        tab: Tab::Pending,
        column: Column::Created,
        ascending: false,
        pattern: None,
        cursor: None,
        limit: most,
    };
    let mut rows = store::list(tx, org.id, wanted, now).await?;
    rows.retain(|row| may_handle(by, row.role));
    let after = serde_json::json!({ "links": rows.len() });
    let entry = Entry::done(
        Action::InvitationExport,
        Object::new("organization", org.id.raw(), org.name.clone()),
        serde_json::Value::Null,
        after,
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await?;
    Ok(rows)
}

/// Whether seeing links has to be recorded: once an hour for each session (C05).
pub async fn is_view_due(db: &mut impl Read, by: &Can<InviteCreate>, now: Timestamp) -> Result<bool> {
    let Some(person) = by.person() else { return Ok(true) };
    let seen = audit::recent(
        db,
        by.org().id,
        Action::InvitationLinkView,
        person.session.raw(),
        now.minus(hours(1)),
    )
    .await?;
    Ok(seen.count == 0)
}

/// Records that the caller saw invitation links.
pub async fn record_view(tx: &mut Tx, by: &Can<InviteCreate>, now: Timestamp) -> Result<()> {
    let session = by.person().map_or(0, |person| person.session.raw());
    let entry = Entry::done(
        Action::InvitationLinkView,
        Object::new("session", session, by.actor().name.clone()),
        serde_json::Value::Null,
        serde_json::Value::Null,
    );
    audit::record(tx, by.actor(), Some(by.org().id), entry, now).await
}

/// Names in a row: "a", "a and b", "a, b and c".
pub(super) fn names<'a>(list: impl Iterator<Item = &'a str>) -> String {
    let list: Vec<&str> = list.collect();
    match list.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
