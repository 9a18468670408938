//! The list of keys: filtered, searched, the newest first, paged by key.

use super::{
    Key, Kind,
    store::{self, Asked},
};
use crate::{
    clock::{Timestamp, days},
    db::Read,
    error::Result,
    ids::{GroupId, KeyId, OrgId},
    text::{contains, fold},
    web::list::{PAGE, Slice},
};

/// Which states are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// All that are not revoked.
    #[default]
    Live,
    /// Those that work, as far as their owner lets them.
    Active,
    /// Those that somebody or something has suspended.
    Suspended,
    /// Those that are revoked.
    Revoked,
    /// Those whose time is over.
    Expired,
}

impl Shown {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 5] = [Self::Live, Self::Active, Self::Suspended, Self::Expired, Self::Revoked];

    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Live => "All",
            Self::Active => "Active",
            Self::Suspended => "Suspended",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
        }
    }
    /// The stable name in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Live => "all",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.key() == key)
    }
    const fn number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Active => 1,
            Self::Suspended => 2,
            Self::Revoked => 3,
            Self::Expired => 4,
        }
    }
}

/// For how many days a key was not used that counts as unused (B-19).
pub const UNUSED_DAYS: u64 = 90;
/// How many days before its end a key counts as expiring.
pub const EXPIRING_DAYS: u64 = 30;

/// Which keys, from where.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only in such a state.
    pub shown: Shown,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only bound to this group.
    pub group: Option<GroupId>,
    /// Only those that were not used for [`UNUSED_DAYS`].
    pub unused: bool,
    /// Only those that end within [`EXPIRING_DAYS`].
    pub expiring: bool,
    /// Only with this in the name, the owner's name or the public id.
    pub words: String,
    /// The page's place, and whether the page lies before it; none for the first page.
    pub cursor: Option<(KeyId, bool)>,
}

impl Query {
    /// Whether any filter is on.
    pub fn is_filtered(&self) -> bool {
        self.shown != Shown::Live
            || self.kind.is_some()
            || self.group.is_some()
            || self.unused
            || self.expiring
            || !self.words.trim().is_empty()
    }
}

/// Finds one page with one statement.
pub async fn find(db: &mut impl Read, org: OrgId, query: &Query, now: Timestamp) -> Result<Slice<Key>> {
    let zero = Timestamp::from_micros(0);
    let place = match query.cursor {
        Some((place, _)) => place,
        None => KeyId::from_raw(i64::MAX),
    };
    let backwards = query.cursor.is_some_and(|(_, back)| back);
    let asked: Asked = (
        org,
        query.kind.map_or(0, |kind| kind as i64),
        query.shown.number(),
        query.group.map_or(0, GroupId::raw),
        if query.unused {
            now.minus(days(UNUSED_DAYS))
        } else {
            zero
        },
        now,
        if query.expiring {
            now.plus(days(EXPIRING_DAYS))
        } else {
            zero
        },
        contains(&fold(&query.words.chars().take(200).collect::<String>())),
        place,
    );
    let rows = store::list(db, asked, backwards).await?;
    Ok(Slice::cut(rows, PAGE, backwards, query.cursor.is_none()))
}
