//! What a question is about: the organization and what it keeps are known by their ids, and everything else is the platform's own.

use super::{
    machine::Machine,
    subject::{self, Kind},
};
use crate::{
    app::App,
    error::{Error, Result},
    groups,
    ids::{GroupId, KeyId},
    keys,
};

/// Where a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the organization of whoever asks.
    Here,
    /// In another organization, or nowhere; which of both is nobody's business.
    Nowhere,
    /// Outside: a thing of the platform, of which Muster keeps nothing.
    Platform,
}

/// Finds a resource by its type and an id of that type.
pub async fn find(app: &App, machine: &Machine, kind: &str, id: &str) -> Result<Place> {
    let is_here = match kind {
        "organization" => {
            let bearer = &machine.holder.bearer;
            id == bearer.slug || id == bearer.org.to_string()
        }
        "group" => match id.parse::<GroupId>() {
            Ok(group) => match groups::group::profile(&mut app.db.read(), machine.org(), group).await {
                Ok(_) => true,
                Err(Error::NotFound) => false,
                Err(error) => return Err(error),
            },
            Err(_) => false,
        },
        _ => match Kind::find(kind) {
            Some(kind) => subject::find_of(app, machine, kind, id, None).await?.is_some(),
            None => return Ok(Place::Platform),
        },
    };
    Ok(if is_here { Place::Here } else { Place::Nowhere })
}

/// Things of a type behind a place in their order, each with its own place; none of a type that Muster does not list.
pub async fn list(app: &App, machine: &Machine, kind: &str, after: i64, most: i64) -> Result<Vec<(i64, String)>> {
    let org = machine.org();
    Ok(match kind {
        "organization" if after < org.raw() => vec![(org.raw(), machine.holder.bearer.slug.clone())],
        "group" => groups::list_ids(&mut app.db.read(), org, GroupId::from_raw(after), most)
            .await?
            .into_iter()
            .map(|id| (id.raw(), id.to_string()))
            .collect(),
        "user" => app
            .gate
            .members(org, after, most)
            .await?
            .into_iter()
            .map(|id| (id.raw(), id.to_string()))
            .collect(),
        "api_key" => keys::list_ids(&mut app.db.read(), org, KeyId::from_raw(after), most)
            .await?
            .into_iter()
            .map(|id| (id.raw(), id.to_string()))
            .collect(),
        _ => Vec::new(),
    })
}
