//! Maps and sets of what is kept in memory, with a hash that takes a third of the time of the standard library's.
//!
//! Its seed is drawn anew for each start, and what is looked up by it are numbers of ours and hashes of secrets: nobody can choose keys that
//! fall into one place.

use std::collections;

pub use foldhash::fast::RandomState;

/// A map.
pub type Map<K, V> = collections::HashMap<K, V, RandomState>;
/// A set.
pub type Set<T> = collections::HashSet<T, RandomState>;
