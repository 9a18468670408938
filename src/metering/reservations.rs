//! Reservations: what a caller holds until it is settled or its time is over. They live in memory and die with the process; their ids
//! carry the instant at which they were made, so that a settlement finds its place in the ledger even then.

use std::{cell::RefCell, fmt, str::FromStr, time::Instant};

use data_encoding::HEXLOWER;

use super::{Account, Bucket, Origin};
use crate::{clock::Timestamp, ids::BadId, secret};

/// How many ids the system is asked for at once: it takes hardly longer than for one.
const LOT: usize = 64;
/// How many bytes of an id are random.
const OWN: usize = 10;

thread_local! {
    static DRAWN: RefCell<Vec<[u8; OWN]>> = const { RefCell::new(Vec::new()) };
}

/// The random part of an id. Counting would tell each organization how much all others reserve.
fn drawn() -> [u8; OWN] {
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            drawn.extend_from_slice(secret::random::<{ LOT * OWN }>().as_chunks().0);
        }
        drawn.pop().unwrap_or_else(secret::random)
    })
}

/// The id of a reservation: 48 bits of unix milliseconds and 80 random bits, written `res_` and 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReservationId([u8; 16]);

impl ReservationId {
    /// A new one.
    pub fn new(now: Timestamp) -> Self {
        let mut bytes = [0; 16];
        let millis = now.micros().div_euclid(1_000).to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&drawn());
        Self(bytes)
    }
    /// When it was made, to the millisecond.
    pub fn made_at(self) -> Timestamp {
        let millis = self.0[..6].iter().fold(0, |sum, byte| (sum << 8) | i64::from(*byte));
        Timestamp::from_micros(millis * 1_000)
    }
    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        HEXLOWER.encode_mut(&self.0, &mut digits);
        f.write_str("res_")?;
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl FromStr for ReservationId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.strip_prefix("res_").ok_or(BadId)?;
        let (mut bytes, len) = ([0; 16], HEXLOWER.decode_len(digits.len()));
        if len != Ok(bytes.len()) {
            return Err(BadId);
        }
        HEXLOWER.decode_mut(digits.as_bytes(), &mut bytes).map_err(|_| BadId)?;
        Ok(Self(bytes))
    }
}

/// How a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It holds its amount.
    Open,
    /// Its settlement waits to be committed.
    Settling,
}

/// A reservation in memory.
#[derive(Debug, Clone)]
pub(super) struct Reservation {
    /// Who holds it.
    pub account: Account,
    /// How much was admitted.
    pub amount: i64,
    /// How much of it is held now.
    pub holds: i64,
    /// When it was admitted: its settlement is counted there.
    pub admitted_at: Timestamp,
    /// The bucket of that instant.
    pub bucket: Bucket,
    /// When it ends by itself.
    pub deadline: Instant,
    /// When that is, for people.
    pub expires_at: Timestamp,
    /// How it stands.
    pub state: State,
    /// Whether a soft limit was over.
    pub over_soft: bool,
    /// What the wallet had taken in all when it was admitted, where the wallet pays.
    pub wallet: i64,
    /// Under which idempotency key it was asked for, with what.
    pub asked_as: Option<String>,
    /// Which key asked for it, and what for.
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_tells_how_many_were_made_before_it() {
        let now = Timestamp::from_micros(1_795_251_600_123_456);
        let ids: Vec<u128> = (0..3 * LOT)
            .map(|_| u128::from_be_bytes(ReservationId::new(now).bytes()))
            .collect();
        let mut steps: Vec<u128> = ids.windows(2).map(|two| two[1].wrapping_sub(two[0])).collect();
        steps.sort_unstable();
        steps.dedup();
        assert_eq!(steps.len(), ids.len() - 1, "no step comes twice, and none is zero");
        assert!(!steps.contains(&0));
    }

    #[test]
    fn an_id_carries_its_instant_and_reads_back() {
        let now = Timestamp::from_micros(1_795_251_600_123_456);
        let id = ReservationId::new(now);
        assert_eq!(id.made_at().micros(), 1_795_251_600_123_000);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(ReservationId::new(now), id);
        for bad in [
            "",
            "res_",
            "res_00",
            "inv_00000000000000000000000000000000",
            &id.to_string()[..35],
        ] {
            assert!(bad.parse::<ReservationId>().is_err(), "{bad}");
        }
    }
}
