//! The rules of an organization's keys: who may make personal ones, and how long keys live (MODEL C-34).

use serde_json::json;

use super::{
    catalogue_store::{self as store, RulesRow},
    feature::differing,
};
use crate::{
    access::{Can, Role, permission::OrgSettings},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    members::member,
    web::filters::plural,
};

/// Who may make personal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, sqlx::Type)]
#[repr(i64)]
pub enum Personal {
    /// Every member.
    #[default]
    Everybody = 1,
    /// Developers and those above.
    Builders = 2,
    /// Nobody; keys that there are go on.
    Nobody = 3,
}

impl Personal {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 3] = [Self::Everybody, Self::Builders, Self::Nobody];

    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Everybody => "Every member",
            Self::Builders => "Developers, Managers and Org Admins",
            Self::Nobody => "Nobody",
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Builders => "builders",
            Self::Nobody => "nobody",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.key() == key)
    }
    /// Whether it lets somebody in a role make one.
    pub fn allows(self, role: Option<Role>) -> bool {
        match self {
            Self::Everybody => role.is_some(),
            Self::Builders => role.is_some_and(|role| role >= Role::Developer),
            Self::Nobody => false,
        }
    }
}

/// The lives that forms offer, in days.
pub const LIVES: [i64; 6] = [7, 30, 90, 180, 365, 730];

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Who may make personal keys.
    pub personal: Personal,
    /// The longest life in days; none for no limit.
    pub max_days: Option<i64>,
    /// The life in days that forms begin with; none for ever.
    pub default_days: Option<i64>,
    /// Rises with every change; 0 while nobody has changed anything.
    pub version: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            personal: Personal::Everybody,
            max_days: None,
            default_days: Some(90),
            version: 0,
        }
    }
}

/// "90 days", or what is said instead.
pub fn life(days: Option<i64>, never: &str) -> String {
    days.map_or_else(|| never.to_owned(), |days| plural(days, "day", "days"))
}

impl Rules {
    fn fields(&self) -> [(&'static str, String); 3] {
        [
            ("personal_keys", self.personal.title().to_owned()),
            ("longest_life", life(self.max_days, "No limit")),
            ("default_life", life(self.default_days, "Never expires")),
        ]
    }
    /// Refuses an end that lies behind, or further ahead than the rules let it.
    pub fn check_end(&self, end: Option<Timestamp>, now: Timestamp) -> Result<()> {
        if end.is_some_and(|end| end <= now) {
            return Err(Error::invalid("expiry", "Choose a day that lies ahead."));
        }
        let Some(most) = self.max_days else { return Ok(()) };
        // A day that is chosen ends at midnight, which may be some hours later than so many days from now.
        let latest = now.plus(crate::clock::days(u64::try_from(most).unwrap_or(0) + 1));
        match end {
            Some(end) if end <= latest => Ok(()),
            _ => Err(Error::invalid(
                "expiry",
                format!(
                    "Keys of this organization live at most {}. Choose an earlier end.",
                    life(Some(most), "")
                ),
            )),
        }
    }
}

/// The rules of an organization.
pub async fn find(db: &mut impl Read, org: OrgId) -> Result<Rules> {
    let row = store::find_rules(db, org).await?;
    Ok(row.map_or_else(Rules::default, |row| Rules {
        personal: row.personal,
        max_days: row.max_days,
        default_days: row.default_days,
        version: row.version,
    }))
}

/// Changes the rules for keys from now on; those that there are keep their end.
pub async fn update(tx: &mut Tx, by: &Can<OrgSettings>, new: Rules, now: Timestamp) -> Result<()> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let before = find(tx, org.id).await?;
    if let Some(most) = new.max_days
        && new.default_days.is_none_or(|days| days > most)
    {
        return Err(Error::invalid(
            "default_days",
            format!(
                "Keys live at most {}. Choose a default within that.",
                life(Some(most), "")
            ),
        ));
    }
    let stale = || Error::conflict("Somebody changed the rules of keys meanwhile. This page shows how they are now.");
    if before.version != new.version {
        return Err(stale());
    }
    let (was, is) = differing(&before.fields(), &new.fields());
    if is.is_null() {
        return Ok(());
    }
    let row = RulesRow {
        personal: new.personal,
        max_days: new.max_days,
        default_days: new.default_days,
        version: new.version,
    };
    if store::save_rules(tx, org.id, &row).await? == 0 {
        return Err(stale());
    }
    let object = Object::new("organization", org.id.raw(), org.name.clone());
    let entry = Entry::done(Action::KeyRules, object, json!(was), json!(is));
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}
