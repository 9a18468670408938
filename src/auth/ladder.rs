//! The ladder: after each wrong password for an address the next try waits longer, and after a hundred in a row it takes a reset.
//!
//! It stands in the database, so that a restart forgives nothing, and under a hash of the address, known or not, so that it tells
//! nobody which addresses have accounts.

use std::time::Duration;

use super::store;
use crate::{clock::Timestamp, db::Tx, error::Result, secret::Keys};

/// How many failures in a row turn password sign-in off.
pub const MOST: i64 = 100;

/// The place of one address on the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung([u8; 32]);

/// Whether a password may be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It may, and counts as a failure until [`clear`].
    Open,
    /// Not before this time has passed.
    Wait(Duration),
    /// Not before the password is set anew.
    Off,
}

impl Rung {
    /// The place of an address, by its key or by whatever was typed.
    pub fn of(keys: &Keys, address: &str) -> Self {
        Self(keys.mac("ladder", &[address.as_bytes()]))
    }
}

/// Takes the next step, if it is open.
pub async fn climb(tx: &mut Tx, rung: Rung, now: Timestamp) -> Result<Step> {
    if store::claim_try(tx, rung.0, now).await? {
        return Ok(Step::Open);
    }
    Ok(match store::find_ladder(tx, rung.0).await? {
        Some(ladder) if ladder.failures >= MOST => Step::Off,
        Some(ladder) => Step::Wait(ladder.open_at.since(now).max(Duration::from_secs(1))),
        None => Step::Wait(Duration::from_secs(1)),
    })
}

/// Takes a step back that was no failure: the password could not be compared.
pub async fn step_back(tx: &mut Tx, rung: Rung, now: Timestamp) -> Result<()> {
    store::unclaim_try(tx, rung.0, now).await
}

/// Begins anew: the password was right, or is another one.
pub async fn clear(tx: &mut Tx, rung: Rung) -> Result<()> {
    store::delete_ladder(tx, rung.0).await
}
