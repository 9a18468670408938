//! The hash chain and its verification.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::store::{self, Row};
use crate::{
    db::Read,
    error::{Error, Result},
    secret::Keys,
};

/// A chain's end, to be kept outside the database: a later [`verify`] that finds less has found a truncation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The chain: an organization's number, or 0 for the enterprise.
    pub chain: i64,
    /// The last row's number.
    pub seq: i64,
    /// The last row's hash, in hexadecimal.
    pub hash: String,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows whose place and hash are right.
    pub rows: u64,
    /// Chains that were walked.
    pub chains: u64,
    /// One sentence a fault, each naming the first bad row of its chain.
    pub faults: Vec<String>,
}

/// The hash of `row` under the audit key: HMAC-SHA-256 over its canonical JSON and the previous hash.
pub(super) fn hash(key: &[u8; 32], row: &Row) -> Result<Vec<u8>> {
    let canonical = serde_json::to_vec(&(
        (
            row.org_id,
            row.seq,
            row.at.micros(),
            row.actor_kind,
            row.actor_id,
            &row.actor_name,
            &row.via,
            &row.ip,
        ),
        (
            &row.agent,
            &row.request_id,
            &row.action,
            &row.object_kind,
            row.object_id,
            &row.object_name,
            &row.before,
            &row.after,
        ),
        row.result,
    ))?;
    let mut block = [0u8; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(&canonical);
    mac.update(&row.prev_hash);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The present ends of all chains.
pub async fn heads(db: &mut impl Read) -> Result<Vec<Head>> {
    let rows = store::list_heads(db).await?;
    Ok(rows
        .into_iter()
        .map(|row| Head {
            chain: row.org_id,
            seq: row.seq,
            hash: HEXLOWER.encode(&row.hash),
        })
        .collect())
}

/// Whether the log was begun with these keys; true while there is none. A look at one row, for the start.
pub async fn is_sealed_by(db: &mut impl Read, keys: &Keys) -> Result<bool> {
    let Some(head) = store::list_heads(db).await?.into_iter().next() else {
        return Ok(true);
    };
    let first = store::list_after(db, head.org_id, 0, 1).await?.into_iter().next();
    Ok(match first {
        Some(row) => hash(&super::seal(keys), &row)? == row.hash,
        None => true,
    })
}

/// Walks every chain from its first row; `kept` are heads that were saved earlier.
///
/// The portal may go on recording meanwhile: what is added during the walk is walked too.
pub async fn verify(db: &mut impl Read, keys: &Keys, kept: &[Head]) -> Result<Report> {
    let key = super::seal(keys);
    let mut report = Report::default();
    let mut chains = store::list_chains(db).await?;
    chains.extend(kept.iter().map(|head| head.chain));
    chains.sort_unstable();
    chains.dedup();
    for chain in chains {
        report.chains += 1;
        let saved = kept.iter().filter(|head| head.chain == chain).collect();
        if let Some(fault) = verify_chain(db, &key, chain, saved, &mut report.rows).await? {
            report.faults.push(format!("Chain {chain}: {fault}"));
        }
    }
    Ok(report)
}

/// The first fault of one chain; `rows` counts the rows before it.
async fn verify_chain(
    db: &mut impl Read,
    key: &[u8; 32],
    chain: i64,
    mut saved: Vec<&Head>,
    rows: &mut u64,
) -> Result<Option<String>> {
    const PAGE: i64 = 2_000;
    let mut seq = 0;
    let mut previous = vec![0u8; 32];
    // A row numbered 0 or less would stand before the first one.
    let mut after = i64::MIN;
    loop {
        let page = match store::list_after(db, chain, after, PAGE).await {
            Ok(page) => page,
            // A value of another type or text that is no UTF-8: nothing that Muster has written.
            Err(Error::Internal(why)) => return Ok(Some(format!("a row after row {seq} cannot be read ({why})."))),
            Err(error) => return Err(error),
        };
        let is_last = (page.len() as i64) < PAGE;
        for row in page {
            if row.seq > seq + 1 {
                return Ok(Some(format!("row {} is missing.", seq + 1)));
            }
            if row.seq != seq + 1 {
                return Ok(Some(format!("row {} stands before the first one.", row.seq)));
            }
            seq = row.seq;
            if row.prev_hash != previous {
                return Ok(Some(format!("row {seq} does not follow the row before it.")));
            }
            if hash(key, &row)? != row.hash {
                return Ok(Some(format!("row {seq} was changed.")));
            }
            let text = HEXLOWER.encode(&row.hash);
            if saved.iter().any(|head| head.seq == seq && head.hash != text) {
                return Ok(Some(format!("row {seq} is not the row that the kept head names.")));
            }
            saved.retain(|head| head.seq != seq);
            previous = row.hash;
            after = seq;
            *rows += 1;
        }
        if !is_last {
            continue;
        }
        // Rows and head are written in one transaction, so a head that is read after the rows is never behind them.
        match store::find_head(db, chain).await? {
            Some(head) if head.seq == seq && head.hash == previous => break,
            Some(head) if head.seq > seq && store::has_after(db, chain, seq).await? => {}
            Some(head) => {
                return Ok(Some(format!(
                    "it ends at row {seq}, but its head names row {}. Rows were cut off or added.",
                    head.seq
                )));
            }
            // A chain that only a kept head names.
            None if seq == 0 => break,
            None => return Ok(Some("its head is missing.".to_owned())),
        }
    }
    let lost = saved.iter().map(|head| head.seq).max();
    Ok(lost
        .filter(|kept| *kept > 0)
        .map(|kept| format!("it ends at row {seq}, but row {kept} was kept as a head earlier. Rows were cut off.")))
}
