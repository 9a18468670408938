//! Metering: what was used, and the limits that no number of concurrent callers overruns.
//!
//! The ledger ([`usage`]) is append-only; every event is committed in one transaction with its sums ([`rollup`]). One [`Engine`] a
//! process is the only authority over what is left: its counters ([`counters`]) hold what was spent, what is reserved and what waits to
//! be committed, and a decision and its reservation are one step under one lock. A writer task commits whatever is queued and
//! acknowledges after the commit. What a limit is, and how its windows run, is [`limits`](crate::limits)'; who may ask is
//! [`gate`](crate::gate)'s.

pub mod answer;
pub mod calendar;
pub mod counters;
pub mod engine;
mod names;
pub mod past;
pub mod plan;
mod reply;
mod reservations;
pub mod rollup;
mod store;
pub mod usage;
pub mod verify;
mod writer;

pub use answer::{Answer, Held, Hold, Origin, Outcome, Reported, Settled, Settlement};
pub use calendar::{Bounds, Bucket};
pub use engine::{Engine, GONE};
pub use plan::{Account, Figure, OrgPlan, Pays, Plan, Policy, Scope};
pub use reservations::ReservationId;
pub use store::statements;
pub use usage::{Kind, Usage, check_words};

#[cfg(test)]
mod tests;
