//! The credit pool of many members at once: a few statements for hundreds, with the refusals of the act on one ([`pool::assign`]), and one
//! row in the record for each person (I-25).

use std::collections::HashMap;

use serde_json::json;

use super::{pool, store};
use crate::{
    access::{Can, permission::PoolManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::{MemberId, PoolId},
    members::{
        guard,
        mass::{self, Candidate},
        member,
    },
};

/// What became of one member of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done; this is what was chosen for them before.
    Done(Option<PoolId>),
    /// Nothing was to be done.
    Unchanged,
    /// The member stands above whoever acts.
    Higher,
    /// Somebody has changed it since, or the pool was archived.
    ChangedSince,
    /// No member of this organization has the id.
    Missing,
}

/// Whether the pool of a member may be chosen at all.
pub fn may_choose<P>(by: &Can<P>, member: &Candidate) -> bool {
    guard::within_rank(by, member.standing().rank()).is_ok()
}

/// Says of members which pool each draws from. With `expected`, only those change who draw from that now.
pub async fn assign(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    wanted: &[(MemberId, Option<PoolId>)],
    expected: Option<Option<PoolId>>,
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let ids: Vec<MemberId> = wanted.iter().map(|(id, _)| *id).collect();
    let pools = pool::list(tx, org).await?;
    let name = |id: Option<PoolId>| {
        id.and_then(|id| pools.iter().find(|pool| pool.id == id))
            .map(|pool| &pool.name)
    };
    let is_live = |id: PoolId| pools.iter().any(|pool| pool.id == id && pool.archived_at.is_none());
    let page = mass::among(tx, org, &ids).await?;
    let people: HashMap<MemberId, &Candidate> = page.iter().map(|member| (member.id, member)).collect();
    let there: HashMap<MemberId, Option<PoolId>> = store::list_pools_of(tx, org, &ids).await?.into_iter().collect();
    let (mut outcomes, mut entries) = (Vec::with_capacity(wanted.len()), Vec::new());
    let mut moved: HashMap<Option<PoolId>, Vec<MemberId>> = HashMap::new();
    for (id, to) in wanted {
        let Some(member) = people.get(id) else {
            outcomes.push((*id, Outcome::Missing));
            continue;
        };
        let before = there.get(id).copied().flatten();
        let outcome = if !may_choose(by, member) {
            Outcome::Higher
        } else if before == *to {
            Outcome::Unchanged
        } else if expected.is_some_and(|expected| expected != before) || to.is_some_and(|to| !is_live(to)) {
            Outcome::ChangedSince
        } else {
            moved.entry(*to).or_default().push(*id);
            entries.push(Entry::done(
                Action::MemberPool,
                Object::new("member", id.raw(), member.name.clone()),
                json!({ "credit_pool": name(before) }),
                json!({ "credit_pool": name(*to) }),
            ));
            Outcome::Done(before)
        };
        outcomes.push((*id, outcome));
    }
    for (to, some) in moved {
        store::set_pools(tx, org, &some, to).await?;
    }
    audit::record_many(tx, by.actor(), Some(org), entries, now).await?;
    Ok(outcomes)
}
