//! The words of the ledger: activities, apps and flows of an organization, as numbers.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use super::store;
use crate::{db::Tx, error::Result, ids::OrgId};

/// How many names an organization has at most; what comes beyond is summed under [`OTHER`].
const MOST: i64 = 50_000;
/// The number and the name of everything beyond.
const OTHER: (i64, &str) = (1, "(other)");

/// The names that are known; only the writer makes new ones.
#[derive(Debug, Default)]
pub(super) struct Names {
    orgs: HashMap<OrgId, HashMap<Arc<str>, i64>>,
    /// Made in a transaction that has not been committed.
    fresh: Vec<(OrgId, i64, Arc<str>)>,
}

impl Names {
    /// The number of a name, which is made when it is new.
    pub async fn find(&mut self, tx: &mut Tx, org: OrgId, name: Option<&Arc<str>>) -> Result<Option<i64>> {
        let Some(name) = name else {
            return Ok(None);
        };
        let known = match self.orgs.entry(org) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let rows = store::list_names(tx, org).await?;
                place.insert(rows.into_iter().map(|(id, name)| (name.into(), id)).collect())
            }
        };
        if let Some(id) = known.get(name) {
            return Ok(Some(*id));
        }
        if known.is_empty() {
            known.insert(OTHER.1.into(), OTHER.0);
            self.fresh.push((org, OTHER.0, OTHER.1.into()));
        }
        let id = known.len() as i64 + 1;
        if id > MOST {
            return Ok(Some(OTHER.0));
        }
        known.insert(Arc::clone(name), id);
        self.fresh.push((org, id, Arc::clone(name)));
        Ok(Some(id))
    }
    /// The numbers of words, where all of them are known.
    pub fn known<const N: usize>(&self, org: OrgId, words: [Option<&Arc<str>>; N]) -> Option<[Option<i64>; N]> {
        let mut ids = [None; N];
        for (id, word) in ids.iter_mut().zip(words) {
            if let Some(word) = word {
                *id = Some(*self.orgs.get(&org)?.get(word)?);
            }
        }
        Some(ids)
    }
    /// Stores what was made.
    pub async fn store(&self, tx: &mut Tx) -> Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let rows = self.fresh.iter();
        let rows = rows.map(|(org, id, name)| (*org, *id, name.to_string())).collect();
        store::insert_names(tx, rows).await
    }
    /// The transaction was committed.
    pub fn keep(&mut self) {
        self.fresh.clear();
    }
    /// It was not: the organizations whose names it made are asked for again.
    pub fn forget(&mut self) {
        for (org, _, _) in self.fresh.drain(..) {
            self.orgs.remove(&org);
        }
    }
}
