//! The gate: one decision over who may do what, where, when and at which cost, in one order (MODEL section 2.6).
//!
//! [`decide()`] is a pure function over a [`Caller`], in which everything that matters stands. [`Gate`] finds callers, keeps them while
//! nothing changes, and lets the [`metering`](crate::metering) engine hold or book what the decision grants, in one step with it. Faces over
//! HTTP are thin: they read a request, ask the gate, and write the [`Verdict`] down.

mod caller;
pub mod decide;
mod holder;
mod keep;
mod load;
mod store;
mod uses;

pub use caller::{Ask, Assurance, Caller, Hours, KeyFacts, Principal, StepUp, Who};
pub use decide::{Denial, LimitState, Reason, Verdict, decide};
pub use holder::{Holder, Names, list, role_names};
pub use keep::{Charged, Gate, Granted, Known, Withheld};
pub use store::{main_group, statements};
