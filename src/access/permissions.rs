//! Sets of permissions: what a role permits, and what a person may do by all their roles together.

use std::collections::BTreeSet;

use super::Permission;

/// The beginning of a key that names a permission of the host platform which administrators have added.
pub const HOST: &str = "host:";

/// A set of permissions of the catalogue and of those that administrators have added to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    bits: u64,
    hosts: BTreeSet<String>,
    /// Whoever runs an organization has every permission that is ever added for its host platform.
    every_host: bool,
}

impl Permissions {
    /// Everything there is.
    pub fn all() -> Self {
        let mut all: Self = Permission::ALL.iter().copied().collect();
        all.insert_every_host();
        all
    }
    /// Reads stored or submitted keys; a key that is neither in the catalogue nor begins with [`HOST`] grants nothing.
    pub fn read<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = Self::default();
        for key in keys {
            if let Some(permission) = Permission::find(key) {
                set.insert(permission);
            } else if let Some(host) = key.strip_prefix(HOST) {
                set.hosts.insert(host.to_owned());
            }
        }
        set
    }
    /// The set that a stored text names.
    pub fn parse(text: &str) -> Self {
        Self::read(text.split(' '))
    }
    /// The keys, sorted, as they are stored.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.listed().map(|one| one.key().to_owned()).collect();
        keys.extend(self.hosts.iter().map(|key| format!("{HOST}{key}")));
        keys.sort_unstable();
        keys
    }
    /// The text to store.
    pub fn to_text(&self) -> String {
        self.keys().join(" ")
    }
    /// Adds a permission.
    pub fn insert(&mut self, permission: Permission) {
        self.bits |= bit(permission);
    }
    /// Takes a permission away.
    pub fn remove(&mut self, permission: Permission) {
        self.bits &= !bit(permission);
    }
    /// Adds every permission of the host platform, known or not.
    pub const fn insert_every_host(&mut self) {
        self.every_host = true;
    }
    /// Adds what another set has: permissions add up, and nothing takes one away.
    pub fn join(&mut self, other: &Self) {
        self.bits |= other.bits;
        self.hosts.extend(other.hosts.iter().cloned());
        self.every_host |= other.every_host;
    }
    /// Whether it has a permission.
    pub const fn has(&self, permission: Permission) -> bool {
        self.bits & bit(permission) != 0
    }
    /// Whether it has a permission that administrators have added.
    pub fn has_host(&self, key: &str) -> bool {
        self.every_host || self.hosts.contains(key)
    }
    /// The added permissions that it names.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(String::as_str)
    }
    /// Its permissions of the catalogue, in the order of pages.
    pub fn listed(&self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(|one| self.has(*one))
    }
    /// Whether it has all that another set has.
    pub fn includes(&self, other: &Self) -> bool {
        other.bits & !self.bits == 0 && self.has_hosts_of(other)
    }
    /// Whether whoever has it may give all of another set: what only a membership can have lifts nobody.
    pub fn covers(&self, other: &Self) -> bool {
        other.listed().all(|one| self.has(one) || one.needs_membership()) && self.has_hosts_of(other)
    }
    fn has_hosts_of(&self, other: &Self) -> bool {
        self.every_host || !other.every_host && other.hosts.iter().all(|key| self.hosts.contains(key))
    }
    /// Whether it permits anything but reading.
    pub fn changes(&self) -> bool {
        self.every_host || !self.hosts.is_empty() || self.listed().any(|one| !one.reads())
    }
    /// Whether it permits nothing.
    pub fn is_empty(&self) -> bool {
        self.bits == 0 && self.hosts.is_empty() && !self.every_host
    }
    /// What it has beyond what another set [covers](Self::covers), in words.
    pub fn beyond(&self, other: &Self) -> Vec<String> {
        let mut words: Vec<String> = self
            .listed()
            .filter(|one| !other.has(*one) && !one.needs_membership())
            .map(|one| one.title().to_owned())
            .collect();
        words.extend(self.hosts.iter().filter(|key| !other.has_host(key)).cloned());
        if self.every_host && !other.every_host {
            words.push("Every permission of the host platform".to_owned());
        }
        words
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(list: I) -> Self {
        let mut set = Self::default();
        for permission in list {
            set.insert(permission);
        }
        set
    }
}

// A set has 64 bits.
const _: () = assert!(Permission::ALL.len() <= 64);

const fn bit(permission: Permission) -> u64 {
    1 << permission as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = Permissions> {
        (
            any::<u64>(),
            proptest::collection::btree_set("[a-c]{1,2}", 0..4),
            any::<bool>(),
        )
            .prop_map(|(bits, hosts, every_host)| Permissions {
                bits: bits & Permissions::all().bits,
                hosts,
                every_host,
            })
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_again(set in some()) {
            let read = Permissions::parse(&set.to_text());
            prop_assert_eq!(Permissions { every_host: false, ..set }, read);
        }

        #[test]
        fn covering_is_an_order_and_joining_its_union(a in some(), b in some(), c in some()) {
            prop_assert!(a.covers(&a));
            let mut union = a.clone();
            union.join(&b);
            prop_assert!(union.covers(&a) && union.covers(&b));
            prop_assert_eq!(union.covers(&c), c.beyond(&union).is_empty());
            if c.covers(&a) && c.covers(&b) {
                prop_assert!(c.covers(&union));
            }
            if a.covers(&b) && b.covers(&c) {
                prop_assert!(a.covers(&c));
            }
            prop_assert!(Permissions::all().covers(&a));
        }

        #[test]
        fn reading_never_panics_and_junk_grants_nothing(text in "\\PC{0,60}") {
            let set = Permissions::parse(&text);
            prop_assert!(set.listed().all(|one| text.contains(one.key())));
        }
    }
}
