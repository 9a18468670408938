//! Keys by the dozen: one for each of some groups, and the state of many at once (R-KEY-04). Both are judged before they are done, by the
//! decisions of the act on one ([`Deed::judge`], I-25).

use super::{
    deed::state_entry,
    key::{self, Deed, Draft, Key, Made, Owner},
    secret::PlainKey,
    store,
};
use crate::{
    access::{Can, permission::KeyManage},
    audit,
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    groups::Group,
    ids::{KeyId, OrgId},
    members::member,
};

/// The most keys of one act.
pub const MOST: usize = 200;

/// What an act on many keys comes to.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The keys that change.
    pub changes: Vec<Key>,
    /// The keys that stay, with why.
    pub stays: Vec<(Key, &'static str)>,
}

/// Judges an act on keys of the organization; others are left out.
pub async fn plan(db: &mut impl Read, org: OrgId, keys: &[KeyId], deed: Deed) -> Result<Plan> {
    if keys.len() > MOST {
        return Err(Error::invalid("key", format!("Choose at most {MOST} keys at once.")));
    }
    let own: Vec<KeyId> = keys.iter().copied().filter(|id| id.org() == org).collect();
    let mut plan = Plan::default();
    for key in store::among(db, org, &own).await? {
        match deed.judge(&key) {
            Ok(()) => plan.changes.push(key),
            Err(why) => plan.stays.push((key, why)),
        }
    }
    Ok(plan)
}

/// Does it, with a row in the record for each key.
pub async fn set_states(tx: &mut Tx, by: &Can<KeyManage>, keys: &[KeyId], deed: Deed, now: Timestamp) -> Result<Plan> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let plan = plan(tx, org, keys, deed).await?;
    let ids: Vec<KeyId> = plan.changes.iter().map(|key| key.id).collect();
    store::set_state(tx, org, &ids, deed.state(), &by.actor().name, now).await?;
    let entries = plan.changes.iter().map(|key| state_entry(key, deed)).collect();
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(plan)
}

/// Makes one key for each of some groups; `name` may hold `{group}`. Nothing is made when one of them is refused, or when the form was
/// sent before.
pub async fn create_each(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    groups: &[Group],
    draft: &Draft,
    nonce: &str,
    now: Timestamp,
) -> Result<Vec<(KeyId, String, PlainKey)>> {
    if groups.is_empty() || groups.len() > MOST {
        return Err(Error::invalid("group", format!("Choose 1 to {MOST} groups.")));
    }
    let mut made = Vec::with_capacity(groups.len());
    for (number, group) in groups.iter().enumerate() {
        let draft = Draft {
            name: name_for(&draft.name, &group.name),
            ..draft.clone()
        };
        let nonce = format!("{nonce}-{number}");
        match key::create(tx, by, Owner::Group(group.id), &draft, &nonce, now).await? {
            Made::New(id, key) => made.push((id, draft.name, key)),
            Made::Before(_) => {
                return Err(Error::conflict(
                    "These keys were created already. Their secrets were shown once.",
                ));
            }
        }
    }
    Ok(made)
}

/// The name of one group's key.
pub fn name_for(pattern: &str, group: &str) -> String {
    let name = if pattern.contains("{group}") {
        pattern.replace("{group}", group)
    } else {
        format!("{group} {pattern}")
    };
    name.trim().chars().take(60).collect()
}
