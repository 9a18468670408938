//! What the engine is asked and what it answers.

use std::{sync::Arc, time::Duration};

use super::{Account, Figure, Pays, ReservationId, Usage};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was booked.
    Booked,
    /// It had been booked before.
    Duplicate,
    /// Another event had been booked under its source and id.
    Conflict,
    /// It was not booked, and can be sent again.
    Failed,
    /// A sum would have become larger than Muster can count.
    TooLarge,
}

impl Outcome {
    /// The outcome as an error, where it is none of those that count: a conflict, what is too large, or what can be sent again.
    pub fn counts(self) -> Result<Self> {
        match self {
            Self::Booked | Self::Duplicate => Ok(self),
            Self::Conflict => Err(conflict()),
            Self::Failed => Err(Error::Busy),
            Self::TooLarge => Err(too_large()),
        }
    }
}

pub(super) fn conflict() -> Error {
    Error::conflict(
        "An event with this source and id was booked before, with other content. The first one counts. Send this one under another id.",
    )
}

pub(super) fn too_large() -> Error {
    Error::invalid(
        "amount",
        "The sum of what was used would be larger than Muster can count. Send a smaller amount.",
    )
}

/// What is known of a reservation when it is made, for its settlement.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The key that asks on behalf of whoever is charged.
    pub key: Option<i64>,
    /// What is done, unless the settlement says otherwise.
    pub activity: Option<Arc<str>>,
    /// In which app.
    pub app: Option<Arc<str>>,
    /// In which flow.
    pub flow: Option<Arc<str>>,
}

/// What a caller wants to hold.
#[derive(Debug, Clone, Default)]
pub struct Hold {
    /// Micro-credits.
    pub amount: i64,
    /// For how long.
    pub ttl: Duration,
    /// The key under which a repetition finds the first one.
    pub idempotency_key: Option<String>,
    /// Who asks, and what for.
    pub origin: Origin,
}

/// A reservation that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub id: ReservationId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it was there already.
    pub is_repeated: bool,
}

/// What was really used of a reservation.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// Micro-credits.
    pub amount: i64,
    /// Units, in millionths.
    pub quantity: i64,
    /// The price of a credit, in millionths of the pool's currency; without it, the pool's own.
    pub unit_price: Option<i64>,
    /// What was done.
    pub activity: Option<Arc<str>>,
    /// In which app.
    pub app: Option<Arc<str>>,
    /// In which flow.
    pub flow: Option<Arc<str>>,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Whether it was booked now or before.
    pub outcome: Outcome,
    /// What was used beyond the reservation, which was booked all the same; 0 when it was booked before.
    pub excess: i64,
}

/// What the engine says to a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// There was room.
    Granted {
        /// How the plan's policies stand with it.
        figures: Vec<Figure>,
        /// The soft limits that are over.
        over: Vec<usize>,
        /// What pays.
        pays: Pays,
        /// What was done.
        done: T,
    },
    /// There was none.
    Refused {
        /// How the plan's policies stand.
        figures: Vec<Figure>,
        /// The hard limits without room.
        failing: Vec<usize>,
    },
    /// The plan's windows are over: make another plan and ask again.
    Stale,
}

/// What became of a report.
#[derive(Debug)]
pub enum Reported {
    /// One outcome for each event, or why it could not be booked.
    Done(Vec<Result<Outcome>>),
    /// The plan's windows are over: make another plan and report these again.
    Stale(Vec<(Account, Usage)>),
}
