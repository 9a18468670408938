//! Uses of keys, gathered and written down together: when and from where each was last used, and whose first call it was (C-14).

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use super::Holder;
use crate::{
    audit::Actor,
    clock::Timestamp,
    db::Db,
    error::Result,
    ids::{KeyId, MemberId, OrgId},
    keys,
    members::member,
};

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    keys: HashMap<KeyId, (Timestamp, Option<IpAddr>)>,
    firsts: BTreeSet<(OrgId, MemberId)>,
}

/// The uses since the last time that they were written down.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<Waiting>);

impl Uses {
    /// Notes one.
    pub fn note(&self, holder: &Holder, at: Timestamp, ip: Option<IpAddr>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.keys.insert(holder.bearer.key, (at, ip));
        if let Some(owner) = holder.bearer.owner.as_ref().filter(|owner| owner.context_at.is_none()) {
            waiting.firsts.insert((holder.bearer.org, owner.member));
        }
    }
    /// Writes down what waits. What cannot be written is dropped: it says when a key was last used, and the next use says it again.
    pub async fn save(&self, db: &Db, by: &Actor) -> Result<()> {
        let Waiting { keys, firsts } = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if keys.is_empty() && firsts.is_empty() {
            return Ok(());
        }
        let mut tx = db.write().await?;
        let mut now = Timestamp::from_micros(0);
        for (key, (at, ip)) in keys {
            now = now.max(at);
            keys::touch(&mut tx, key, at, &ip.map(|ip| ip.to_string()).unwrap_or_default()).await?;
        }
        for (org, member) in firsts {
            member::establish_contexts(&mut tx, by, org, &[member], now).await?;
        }
        tx.commit().await
    }
}
