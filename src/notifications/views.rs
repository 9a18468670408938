//! The pages of this room.

use askama::Template;

use crate::web::layout::{FilterLink, Layout};

/// GET /me/notifications.
#[derive(Debug, Template)]
#[template(path = "notifications/index.html")]
pub struct Index {
    /// The frame.
    pub l: Layout,
    /// All, or only what is unread.
    pub filters: Vec<FilterLink>,
    /// Whether only what is unread is shown.
    pub unread: bool,
    /// How many are unread, up to 100.
    pub count: i64,
    /// The notifications.
    pub items: Vec<Item>,
    /// The first page, when this is another one.
    pub first: Option<String>,
    /// The next page.
    pub next: Option<String>,
    /// This page, to come back to.
    pub here: String,
    /// The zone of the times.
    pub zone: String,
}

/// One notification.
#[derive(Debug)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its icon.
    pub icon: &'static str,
    /// What happened.
    pub subject: String,
    /// Whether it leads somewhere.
    pub has_link: bool,
    /// The organization, empty for none.
    pub organization: String,
    /// Whether it is unread.
    pub unread: bool,
    /// How long ago.
    pub at: String,
    /// When, for machines.
    pub iso: String,
}

/// GET /me/notifications/preferences.
#[derive(Debug, Template)]
#[template(path = "notifications/preferences.html")]
pub struct Preferences {
    /// The frame.
    pub l: Layout,
    /// Where mails go.
    pub email: String,
    /// The parts of the page.
    pub groups: Vec<Group>,
}

/// One part of the preferences.
#[derive(Debug)]
pub struct Group {
    /// A word for ids.
    pub id: String,
    /// The heading.
    pub title: &'static str,
    /// One sentence.
    pub purpose: &'static str,
    /// The kinds.
    pub kinds: Vec<Preference>,
}

/// One kind.
#[derive(Debug)]
pub struct Preference {
    /// The stable name.
    pub key: &'static str,
    /// In words.
    pub title: &'static str,
    /// Whether it appears in the portal.
    pub portal: bool,
    /// Whether it comes by mail.
    pub mail: bool,
    /// Whether it cannot be switched off.
    pub mandatory: bool,
}
