//! Saved views: filters and order of the members list under a name, for oneself or for everyone in the organization.

pub mod handlers;
mod store;

use serde_json::{Value, json};

pub use store::{Saved, statements};

use super::picks;
use crate::{
    access::{Can, Permission},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::{Error, Result},
    ids::{OrgId, UserId, ViewId},
    orgs,
    text::{self, fold},
};

/// The longest name, in characters.
const NAME: usize = 60;
/// How many one person may keep in one organization.
const MOST: i64 = 50;

/// What is saved.
#[derive(Debug, Clone)]
pub struct NewView<'a> {
    /// The name.
    pub name: &'a str,
    /// The list's address; what a list does not know is left out.
    pub list: &'a str,
    /// Whether everyone sees it.
    pub shared: bool,
}

/// The views that the caller sees: their own, and those that are shared.
pub async fn list<P>(db: &mut impl Read, by: &Can<P>) -> Result<Vec<Saved>> {
    ask_list(by).rows(db).await
}

/// Asks for [`list`].
pub(crate) fn ask_list<P>(by: &Can<P>) -> Ask<(OrgId, UserId), Saved> {
    store::ask_list(by.org().id, by.user_id())
}

/// Finds a view that the caller sees; another person's own is not found.
pub async fn find<P>(db: &mut impl Read, by: &Can<P>, id: ViewId) -> Result<Saved> {
    if id.org() != by.org().id {
        return Err(Error::NotFound);
    }
    let all = list(db, by).await?;
    all.into_iter().find(|view| view.id == id).ok_or(Error::NotFound)
}

fn refuse_sharing<P>(by: &Can<P>) -> Result<()> {
    if by.may(Permission::OrgSettings) {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "Views for everyone are kept by the administrators of {}. Save it for yourself.",
        by.org().name
    )))
}

async fn name<P>(db: &mut impl Read, by: &Can<P>, name: &str, of: ViewId) -> Result<(String, String)> {
    let name = text::line("name", "A name", name, NAME)?;
    let key = fold(&name);
    if key.is_empty() {
        return Err(Error::invalid("name", "Give the view a name of letters or digits."));
    }
    if store::is_taken(db, by.org().id, by.user_id(), &key, of).await? {
        return Err(Error::invalid(
            "name",
            format!("You have a view named {name} already. Choose another name."),
        ));
    }
    Ok((name, key))
}

/// Saves a view.
pub async fn create<P>(tx: &mut Tx, by: &Can<P>, new: &NewView<'_>, now: Timestamp) -> Result<Saved> {
    if new.shared {
        refuse_sharing(by)?;
    }
    let org = by.org().id;
    // The number comes first: taking it locks the organization's row, so that two same names meet one after the other.
    let id = ViewId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    if store::count(tx, org, by.user_id()).await? >= MOST {
        return Err(Error::invalid(
            "name",
            format!("You have {MOST} views here, which is the most. Delete one first."),
        ));
    }
    let (name, key) = name(tx, by, new.name, id).await?;
    let (query, typed) = picks::asked(new.list);
    let query = super::forms::address(&super::list::Query { cursor: None, ..query }, &typed);
    store::insert(tx, id, org, by.user_id(), new.shared, &name, &key, &query, now).await?;
    let after = json!({ "list": query, "shared": new.shared });
    record(tx, by, Action::ViewSave, id, &name, Value::Null, after, now).await?;
    find(tx, by, id).await
}

/// Changes a view's name, and who sees it.
pub async fn update<P>(
    tx: &mut Tx,
    by: &Can<P>,
    id: ViewId,
    new_name: &str,
    shared: bool,
    now: Timestamp,
) -> Result<Saved> {
    let view = own(tx, by, id).await?;
    if shared && !view.shared {
        refuse_sharing(by)?;
    }
    let (name, key) = if view.user_id == by.user_id() {
        name(tx, by, new_name, id).await?
    } else {
        let name = text::line("name", "A name", new_name, NAME)?;
        let key = fold(&name);
        (name, key)
    };
    store::update(tx, by.org().id, id, &name, &key, shared).await?;
    if !shared {
        store::unset_others(tx, by.org().id, id, view.user_id).await?;
    }
    let (before, after) = (
        json!({ "name": view.name, "shared": view.shared }),
        json!({ "name": name, "shared": shared }),
    );
    record(tx, by, Action::ViewSave, id, &name, before, after, now).await?;
    Ok(Saved {
        name,
        shared,
        version: view.version + 1,
        ..view
    })
}

/// Deletes a view.
pub async fn delete<P>(tx: &mut Tx, by: &Can<P>, id: ViewId, now: Timestamp) -> Result<Saved> {
    let view = own(tx, by, id).await?;
    store::delete(tx, by.org().id, id).await?;
    let before = json!({ "list": view.query, "shared": view.shared });
    record(tx, by, Action::ViewDelete, id, &view.name, before, Value::Null, now).await?;
    Ok(view)
}

/// Lets the caller's list begin with a view, or with everyone again. A taste of one person, which no record keeps.
pub async fn set_default<P>(tx: &mut Tx, by: &Can<P>, id: ViewId, on: bool) -> Result<Saved> {
    let view = find(tx, by, id).await?;
    if on {
        store::set_default(tx, by.org().id, by.user_id(), id).await?;
    } else {
        store::unset_default(tx, by.org().id, by.user_id()).await?;
    }
    Ok(view)
}

/// A view that the caller may change: their own, or a shared one for whoever keeps the organization's settings.
async fn own<P>(db: &mut impl Read, by: &Can<P>, id: ViewId) -> Result<Saved> {
    let view = find(db, by, id).await?;
    if may_change(by, &view) {
        return Ok(view);
    }
    Err(Error::forbidden(format!(
        "{} is kept by the administrators of {}. Save a view of your own instead.",
        view.name,
        by.org().name
    )))
}

/// Whether the caller may change a view that they see.
pub fn may_change<P>(by: &Can<P>, view: &Saved) -> bool {
    view.user_id == by.user_id() || (view.shared && by.may(Permission::OrgSettings))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one record")]
async fn record<P>(
    tx: &mut Tx,
    by: &Can<P>,
    action: Action,
    id: ViewId,
    name: &str,
    before: Value,
    after: Value,
    now: Timestamp,
) -> Result<()> {
    let entry = Entry::done(action, Object::new("view", id.raw(), name), before, after);
    audit::record(tx, by.actor(), Some(by.org().id), entry, now).await
}
