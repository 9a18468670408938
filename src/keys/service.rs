//! The noun: a service account, which owns keys that belong to no person and so outlive anybody's leaving (B-65).

use serde_json::{Map, Value, json};

pub use super::catalogue_store::Service;
use super::{
    catalogue_store as store,
    feature::{differing, stale},
};
use crate::{
    access::{Can, permission::KeyManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    groups,
    ids::{GroupId, OrgId, ServiceId},
    limits::keyed::{self, Amounts, Owner, Subject},
    members::member,
    orgs,
    text::{self, fold},
};

/// Whether the keys of a service account work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// They do.
    Active = 1,
    /// None of them does.
    Disabled = 2,
}

impl State {
    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Disabled => "Disabled",
        }
    }
}

impl Service {
    fn object(&self) -> Object {
        Object::new("service", self.id.raw(), self.name.clone())
    }
}

/// The organization's service accounts by name, at most 500.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Service>> {
    store::list_services(db, org).await
}

/// One service account; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: ServiceId) -> Result<Service> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find_service(db, org, id).await?.ok_or(Error::NotFound)
}

/// The group that a form names; another organization's is refused like one that nobody has.
async fn cared_for(db: &mut impl Read, org: OrgId, group: Option<GroupId>) -> Result<Option<String>> {
    match group {
        None => Ok(None),
        Some(group) => match groups::group::profile(db, org, group).await {
            Ok(found) => Ok(Some(found.name)),
            Err(Error::NotFound) => Err(Error::invalid("group", "Choose a group from the list.")),
            Err(error) => Err(error),
        },
    }
}

fn taken(name: &str, error: Error) -> Error {
    if error.is_duplicate() {
        Error::invalid(
            "name",
            format!("There is a service account {name} already. Choose another name."),
        )
    } else {
        error
    }
}

/// How a service account is to be.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What pages show; no two of an organization have the same.
    pub name: String,
    /// The group that cares for it, to which its usage is attributed.
    pub group: Option<GroupId>,
    /// How much all of its keys together may use, beside the limits of each and of the group.
    pub limits: Amounts,
}

/// Creates a service account.
pub async fn create(tx: &mut Tx, by: &Can<KeyManage>, draft: &Draft, now: Timestamp) -> Result<ServiceId> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let name = text::line("name", "A service account’s name", &draft.name, 60)?;
    let cares = cared_for(tx, org, draft.group).await?;
    let id = ServiceId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    let key = fold(&name);
    store::insert_service(tx, org, id, (&name, &key), draft.group, now, &by.actor().name)
        .await
        .map_err(|error| taken(&name, error))?;
    let (_, mut is) = limit(tx, by, id, draft, now).await?;
    is.insert("group".to_owned(), json!(cares));
    let object = Object::new("service", id.raw(), name);
    let entry = Entry::done(Action::ServiceCreate, object, Value::Null, Value::Object(is));
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(id)
}

/// Sets the limits of a service account, none of them above its group's; what the record says before and after.
async fn limit(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: ServiceId,
    draft: &Draft,
    now: Timestamp,
) -> Result<(Map<String, Value>, Map<String, Value>)> {
    let limits = (Subject::Service(id), draft.group.map(Owner::Group));
    keyed::set(tx, by.org(), limits, draft.limits, &by.actor().name, now).await
}

/// Changes its name, the group that cares for it and its limits.
pub async fn update(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: ServiceId,
    expected: Option<i64>,
    draft: &Draft,
    now: Timestamp,
) -> Result<Service> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let before = find(tx, org, id).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(stale(&before.name));
    }
    let name = text::line("name", "A service account’s name", &draft.name, 60)?;
    let cares = cared_for(tx, org, draft.group).await?;
    let (mut was, mut is) = limit(tx, by, id, draft, now).await?;
    let (old, new) = differing(
        &[
            ("name", before.name.clone()),
            ("group", before.group_name.clone().unwrap_or_default()),
        ],
        &[("name", name.clone()), ("group", cares.unwrap_or_default())],
    );
    for (all, told) in [(&mut was, old), (&mut is, new)] {
        if let Value::Object(told) = told {
            all.extend(told);
        }
    }
    if is.is_empty() && was.is_empty() {
        return Ok(before);
    }
    store::update_service(tx, org, id, (&name, &fold(&name)), draft.group)
        .await
        .map_err(|error| taken(&name, error))?;
    let entry = Entry::done(
        Action::ServiceUpdate,
        before.object(),
        Value::Object(was),
        Value::Object(is),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, id).await
}

/// Disables or enables a service account; its keys stop, or work again, with the next request.
pub async fn set_state(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: ServiceId,
    state: State,
    now: Timestamp,
) -> Result<Service> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let service = find(tx, org, id).await?;
    if service.state == state {
        return Err(Error::conflict(format!(
            "{} is {} already.",
            service.name,
            state.title().to_lowercase()
        )));
    }
    store::set_service_state(tx, org, id, state).await?;
    let action = match state {
        State::Active => Action::ServiceEnable,
        State::Disabled => Action::ServiceDisable,
    };
    let entry = Entry::done(
        action,
        service.object(),
        json!({ "state": service.state.title() }),
        json!({ "state": state.title(), "keys": service.keys }),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, id).await
}
