//! Whether the leads of groups may invite into them: off until an administrator allows it.

use serde_json::json;

use super::store;
use crate::{
    access::{Can, permission::OrgSettings},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::OrgId,
};

/// Whether the organization allows it.
pub async fn may_invite(db: &mut impl Read, org: OrgId) -> Result<bool> {
    store::leads_invite(db, org).await
}

/// Allows or forbids it.
pub async fn set_may_invite(tx: &mut Tx, by: &Can<OrgSettings>, on: bool, now: Timestamp) -> Result<()> {
    let org = by.org();
    let before = may_invite(tx, org.id).await?;
    store::set_leads_invite(tx, org.id, on).await?;
    let entry = Entry::done(
        Action::OrgUpdate,
        Object::new("organization", org.id.raw(), org.name.clone()),
        json!({ "leads_invite": before }),
        json!({ "leads_invite": on }),
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}
