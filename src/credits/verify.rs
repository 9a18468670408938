//! Whether pools hold what their lines say, and whether what was put in is somewhere (I-21): left in the pool, with members, or spent.

use std::collections::HashMap;

use super::{pool::Mode, store};
use crate::{db::Tx, error::Result, ids::OrgId};

/// How many allowances are read at once.
const PAGE: i64 = 5_000;

/// What the ledger says was drawn: by pool and by allowance, as limits count it.
#[derive(Debug, Default)]
pub struct Spent {
    /// By pool.
    pub pools: HashMap<i64, i64>,
    /// By allowance.
    pub allowances: HashMap<i64, i64>,
}

/// Looks at every pool of every organization; what is wrong with them, in words. Nothing is repaired: whatever a line of a statement is
/// missing for has to be found out.
pub async fn verify(tx: &mut Tx, spent: &Spent, name: impl Fn(OrgId) -> String) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let pools = store::list_checked(tx).await?;
    let mut orgs: Vec<OrgId> = pools.iter().map(|pool| pool.org_id).collect();
    orgs.dedup();
    let mut outstanding: HashMap<i64, i64> = HashMap::new();
    let mut by_allowance: HashMap<i64, i64> = HashMap::new();
    for org in orgs {
        let mut after = 0;
        loop {
            let page = store::list_checked_allowances(tx, org, after, PAGE).await?;
            let is_last = (page.len() as i64) < PAGE;
            for one in page {
                after = one.id;
                let used = spent.allowances.get(&one.id).copied().unwrap_or(0);
                *outstanding.entry(one.pool_id).or_default() += one.amount - used;
                *by_allowance.entry(one.pool_id).or_default() += used;
                if one.entered != one.amount {
                    faults.push(format!(
                        "{}: the allowance {} holds {}; its lines say {}.",
                        name(org),
                        one.id,
                        one.amount,
                        one.entered
                    ));
                }
                if one.is_final && one.amount != used {
                    faults.push(format!(
                        "{}: the allowance {} is closed with {}; {used} of it was spent.",
                        name(org),
                        one.id,
                        one.amount
                    ));
                }
            }
            if is_last {
                break;
            }
        }
    }
    for pool in pools {
        let of = |map: &HashMap<i64, i64>| map.get(&pool.id).copied().unwrap_or(0);
        let mut fault = |what: &str, is: i64, should: i64| {
            if is != should {
                faults.push(format!(
                    "{}: {what} of the credit pool {} is {is}; it should be {should}.",
                    name(pool.org_id),
                    pool.name
                ));
            }
        };
        fault("what was granted", pool.granted, pool.entered);
        fault("what is with members", pool.allocated, pool.moved);
        if pool.mode == Mode::Allocated {
            fault("the sum of allowances", pool.held, pool.allocated);
            fault("what was spent of allowances", of(&by_allowance), of(&spent.pools));
            let sum = pool.granted - pool.allocated + of(&outstanding) + of(&spent.pools);
            fault("balance, allowances and spent", sum, pool.granted);
        }
    }
    Ok(faults)
}
