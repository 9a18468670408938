//! Credits: the pools out of which usage is paid, what was put into them and moved to members, and people's wallets.
//!
//! Amounts are micro-credits; what they cost is in the currency of their pool, at the price of the instant at which they were booked. A
//! shared pool is a limit that the [`gate`](crate::gate) asks beside all others. An allocated pool moves members' monthly limits to them
//! ([`allowance`]). Wallets ([`wallet`]) pay when a member's own limits refuse, where the organization lets them.

pub mod allowance;
pub mod entry;
pub mod pool;
mod store;
pub mod verify;
pub mod wallet;
pub mod work;

pub use pool::{Drawn, Mode, Pool, drawn};
pub use store::statements;
