//! Uses of keys, gathered and written down together: when and from where each was last used, and whose first call it was (C-14).

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    audit::Actor,
    clock::Timestamp,
    db::Db,
    error::{Error, Result},
    hash::Map,
    ids::{KeyId, MemberId, OrgId},
    keys,
    members::member,
};

/// So many first calls are written in one transaction.
const AT_ONCE: usize = 200;

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    keys: Map<KeyId, (Timestamp, Option<IpAddr>)>,
    firsts: BTreeSet<(OrgId, MemberId)>,
}

/// The uses since the last time that they were written down.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<Waiting>);

impl Uses {
    /// Notes that a key was used. Whoever asks on behalf of somebody may not know from where they come; an address that is known stays.
    pub fn note_key(&self, key: KeyId, at: Timestamp, ip: Option<IpAddr>) {
        let mut waiting = self.locked();
        let noted = waiting.keys.entry(key).or_insert((at, ip));
        *noted = (noted.0.max(at), ip.or(noted.1));
    }
    /// Notes a member's first call.
    pub fn note_first(&self, org: OrgId, member: MemberId) {
        self.locked().firsts.insert((org, member));
    }
    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Writes down what waits. What cannot be written is dropped: it says when a key was last used, and the next use says it again.
    pub async fn save(&self, db: &Db, by: &Actor, now: Timestamp) -> Result<()> {
        let Waiting { keys, firsts } = std::mem::take(&mut *self.locked());
        if keys.is_empty() && firsts.is_empty() {
            return Ok(());
        }
        let mut tx = db.write().await?;
        for (key, (at, ip)) in keys {
            keys::touch(&mut tx, key, at, &ip.map(|ip| ip.to_string()).unwrap_or_default()).await?;
        }
        tx.commit().await?;
        // Thousands may come for the first time after an import, and others want to write meanwhile.
        for some in firsts.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let mut tx = db.write().await?;
            for (org, member) in some {
                match member::establish_contexts(&mut tx, by, *org, &[*member], now).await {
                    Ok(()) | Err(Error::NotFound) => {} // whoever is gone meanwhile needs none
                    Err(error) => return Err(error),
                }
            }
            tx.commit().await?;
        }
        Ok(())
    }
}
