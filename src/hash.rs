//! Maps and sets of what is kept in memory, with a hash that takes a third of the time of the standard library's.
//!
//! Its seed is drawn anew for each map, and it claims no resistance against somebody who watches how long an answer takes. So it is for
//! numbers of ours and for hashes of what callers send, and never for their words: those stay in maps of the standard library.

use std::collections;

pub use foldhash::fast::RandomState;

/// A map.
pub type Map<K, V> = collections::HashMap<K, V, RandomState>;
/// A set.
pub type Set<T> = collections::HashSet<T, RandomState>;
