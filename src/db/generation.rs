//! Which organizations have changed since something was read, for what is kept in memory.
//!
//! A transaction that records a change notes the organization; its commit raises the organization's generation. Whoever keeps what they
//! have read takes the generation before they read, and may use it for as long as the generation is the same. Organizations share
//! places, so that a change of one may count for another too, which costs a look and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};

const PLACES: usize = 4_096;

static ORGS: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
static ALL: AtomicU64 = AtomicU64::new(0);

/// How often an organization, and the whole enterprise, had changed at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    org: u64,
    all: u64,
}

fn place(org: i64) -> &'static AtomicU64 {
    &ORGS[org as usize % PLACES]
}

/// The present generation of an organization; to be taken before reading what is kept.
pub fn generation(org: i64) -> Generation {
    Generation {
        org: place(org).load(Ordering::SeqCst),
        all: ALL.load(Ordering::SeqCst),
    }
}

/// Makes what is kept of an organization void, or of all of them for 0.
pub fn raise_generation(org: i64) {
    let counter = if org == 0 { &ALL } else { place(org) };
    counter.fetch_add(1, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_for_its_organization_and_one_of_the_enterprise_for_all() {
        let (one, other) = (generation(70_001), generation(70_002));
        raise_generation(70_001);
        assert_ne!(generation(70_001), one);
        assert_eq!(generation(70_002).org, other.org);
        raise_generation(0);
        assert_ne!(generation(70_002).all, other.all);
    }
}
