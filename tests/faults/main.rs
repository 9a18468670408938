//! Faults from outside (SECURITY section 3): the real program as a process of its own, killed, starved, locked out and lied to.
//!
//! Each test starts the program on a data folder that the library has filled, does what a machine or a mail server does on a
//! bad day, and looks at what people and the operator see. The short forms run by default; `MUSTER_LONG=1` repeats the random
//! ones as often as SECURITY asks. Mounting and tracing need root and Debian's `mount`, `strace` and `prlimit`: where they are
//! missing the tests fail, because a fault that was not injected proves nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "a test that cannot go on says so"
)]

mod backup;
mod cli;
mod clock;
mod damage;
mod descriptors;
mod disk;
mod export;
mod key;
mod kill;
mod locked;
mod mail;
mod migration;
mod proxies;
mod rig;
mod stop;
mod support;
