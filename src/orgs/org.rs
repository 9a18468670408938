//! Organizations: creating, renaming, archiving and restoring them, and the ids of their rows.

use serde_json::{Value, json};

use super::{
    slug,
    store::{self, Org},
};
use crate::{
    access::{EnterpriseCan, Role, permission::OrgManage},
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, Zone},
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    text,
};

/// The most organizations that ids have room for.
const MOST: i64 = (1 << 21) - 1;

/// What a new organization needs.
#[derive(Debug, Clone, Default)]
pub struct NewOrg {
    /// Its name.
    pub name: String,
    /// Its place in addresses; none makes one from the name.
    pub slug: Option<String>,
    /// Its IANA zone.
    pub zone: String,
    /// Whom people ask whose access ended.
    pub support_contact: String,
}

impl Org {
    /// Whether it is read-only.
    pub const fn is_archived(&self) -> bool {
        self.state != 1
    }
    /// How the audit log names it.
    pub fn object(&self) -> Object {
        Object::new("organization", self.id.raw(), &self.name)
    }
    /// A path within it.
    pub fn path(&self, rest: &str) -> String {
        format!("/o/{}{rest}", self.slug)
    }
}

/// Takes `count` numbers for rows of the organization and gives the first; an id is then `org.row(n)`.
pub async fn next_id(tx: &mut Tx, org: OrgId, count: i64) -> Result<i64> {
    store::take_rows(tx, org, count).await
}

/// Takes `count` numbers of a sequence over all organizations ("user", "org", "outbox" …) and gives the first, which begins at 1.
pub async fn sequence(tx: &mut Tx, name: &str, count: i64) -> Result<i64> {
    store::take_numbers(tx, name, count).await
}

/// The organization with its settings.
pub async fn find(db: &mut impl Read, org: OrgId) -> Result<Org> {
    store::find(db, org).await?.ok_or(Error::NotFound)
}

/// The organization at a place in addresses.
pub async fn find_by_slug(db: &mut impl Read, slug: &str) -> Result<Org> {
    store::find_by_slug(db, slug).await?.ok_or(Error::NotFound)
}

/// Reads the name of an IANA zone.
pub fn parse_zone(text: &str) -> Result<String> {
    Zone::find(text.trim())
        .map(|zone| zone.name().to_owned())
        .ok_or_else(|| Error::invalid("zone", "Choose a time zone from the list."))
}

/// Reads a support contact: an address, a link or a few words.
pub fn parse_support_contact(text: &str) -> Result<String> {
    text::line("support_contact", "A support contact", text, 200)
}

/// Creates an organization without members.
pub async fn create(tx: &mut Tx, by: &EnterpriseCan<OrgManage>, new: NewOrg, now: Timestamp) -> Result<OrgId> {
    let name = text::name("name", &new.name)?;
    let chosen = new
        .slug
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(slug::parse)
        .transpose()?;
    let zone = parse_zone(&new.zone)?;
    let support_contact = parse_support_contact(&new.support_contact)?;
    let wanted = chosen.clone().unwrap_or_else(|| slug::from_name(&name));
    let taken = store::list_slugs_like(tx, &wanted).await?;
    if chosen.is_some() && taken.contains(&wanted) {
        return Err(slug_taken(&wanted));
    }
    let id = sequence(tx, "org", 1).await?;
    if id > MOST {
        return Err(Error::conflict(format!(
            "This installation holds {MOST} organizations, the most it has room for."
        )));
    }
    let org = Org {
        id: OrgId::from_raw(id),
        slug: slug::first_free(&wanted, &taken),
        name,
        state: 1,
        zone,
        support_contact,
        invite_days: Some(7),
        default_role: Role::Member,
        managers_invite: true,
        links_visible: true,
        created_at: now,
        archived_at: None,
        version: 1,
    };
    store::insert(tx, &org, &text::fold(&org.name)).await.map_err(|error| {
        if error.is_duplicate() {
            slug_taken(&org.slug)
        } else {
            error
        }
    })?;
    let after = json!({ "name": org.name, "slug": org.slug, "zone": org.zone, "support_contact": org.support_contact });
    record(tx, by.actor(), &org, Action::OrgCreate, Value::Null, after, now).await?;
    Ok(org.id)
}

/// Changes name and slug; links with the old slug stop working. `version` is the one that the editor saw.
pub async fn rename(
    tx: &mut Tx,
    by: &EnterpriseCan<OrgManage>,
    org: OrgId,
    name: &str,
    slug: &str,
    version: Option<i64>,
    now: Timestamp,
) -> Result<Org> {
    let name = text::name("name", name)?;
    let slug = slug::parse(slug)?;
    let before = find(tx, org).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(stale(&before));
    }
    if before.name == name && before.slug == slug {
        return Ok(before);
    }
    let renamed = store::rename(tx, org, before.version, &name, &text::fold(&name), &slug).await;
    if renamed.map_err(|error| if error.is_duplicate() { slug_taken(&slug) } else { error })? == 0 {
        return Err(stale(&before));
    }
    let (was, is) = (
        json!({ "name": before.name, "slug": before.slug }),
        json!({ "name": name, "slug": slug }),
    );
    let after = find(tx, org).await?;
    record(tx, by.actor(), &after, Action::OrgRename, was, is, now).await?;
    Ok(after)
}

/// Makes an organization read-only: nothing in it authorizes until it is restored, and nothing is deleted.
pub async fn archive(tx: &mut Tx, by: &EnterpriseCan<OrgManage>, org: OrgId, now: Timestamp) -> Result<Org> {
    set_state(tx, by, org, 2, now).await
}

/// Takes an archived organization back to work.
pub async fn restore(tx: &mut Tx, by: &EnterpriseCan<OrgManage>, org: OrgId, now: Timestamp) -> Result<Org> {
    set_state(tx, by, org, 1, now).await
}

async fn set_state(tx: &mut Tx, by: &EnterpriseCan<OrgManage>, org: OrgId, to: i64, now: Timestamp) -> Result<Org> {
    let archives = to == 2;
    let before = find(tx, org).await?;
    if store::set_state(tx, org, 3 - to, to, archives.then_some(now)).await? == 0 {
        return Err(Error::conflict(format!(
            "{} is {} already.",
            before.name,
            if archives { "archived" } else { "active" }
        )));
    }
    let (action, was, is) = if archives {
        (Action::OrgArchive, "active", "archived")
    } else {
        (Action::OrgRestore, "archived", "active")
    };
    record(
        tx,
        by.actor(),
        &before,
        action,
        json!({ "state": was }),
        json!({ "state": is }),
        now,
    )
    .await?;
    find(tx, org).await
}

/// Records in the organization's own chain, for its administrators, and in the enterprise's, for those who manage organizations.
async fn record(
    tx: &mut Tx,
    by: &Actor,
    org: &Org,
    action: Action,
    before: Value,
    after: Value,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry::done(action, org.object(), before, after);
    audit::record(tx, by, Some(org.id), entry.clone(), now).await?;
    audit::record(tx, by, None, entry, now).await
}

pub(super) fn slug_taken(slug: &str) -> Error {
    Error::invalid("slug", format!("The address “{slug}” is taken. Choose another."))
}

pub(super) fn stale(org: &Org) -> Error {
    Error::conflict(format!(
        "{} was changed by somebody else after you opened this page. Nothing of yours was saved. Check the current values and save again.",
        org.name
    ))
}
