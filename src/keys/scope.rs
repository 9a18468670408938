//! What a key may be used for: permissions of the host platform, and for services some of Muster's own acts.
//!
//! A key is never stronger than whoever makes it, and a personal key never stronger than its owner is at the moment (C11).

use std::collections::BTreeSet;

use crate::access::{Permission, Permissions, permission::Heading};

/// What of Muster itself a service may do with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Ask whether somebody may do something.
    GateDecide,
    /// Hold an amount for a request under way.
    GateReserve,
    /// Report what was used.
    UsageWrite,
    /// Take back what was reported.
    UsageCorrect,
    /// Read what was used.
    UsageRead,
    /// Ask what a key is.
    KeyIntrospect,
}

impl Duty {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 6] = [
        Self::GateDecide,
        Self::GateReserve,
        Self::UsageWrite,
        Self::UsageCorrect,
        Self::UsageRead,
        Self::KeyIntrospect,
    ];

    /// The stable name.
    pub const fn key(self) -> &'static str {
        match self {
            Self::GateDecide => "gate.decide",
            Self::GateReserve => "gate.reserve",
            Self::UsageWrite => "usage.write",
            Self::UsageCorrect => "usage.correct",
            Self::UsageRead => "usage.read",
            Self::KeyIntrospect => "key.introspect",
        }
    }
    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::GateDecide => "Ask for decisions",
            Self::GateReserve => "Reserve amounts",
            Self::UsageWrite => "Report usage",
            Self::UsageCorrect => "Correct usage",
            Self::UsageRead => "Read usage",
            Self::KeyIntrospect => "Look keys up",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.key() == key)
    }
}

/// The scopes of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes {
    host: Permissions,
    duties: BTreeSet<Duty>,
}

impl Scopes {
    /// Reads stored or submitted names; the second part are those that name nothing a key can have.
    pub fn read<'a>(names: impl IntoIterator<Item = &'a str>) -> (Self, Vec<&'a str>) {
        let (mut host, mut duties, mut unknown) = (Vec::new(), BTreeSet::new(), Vec::new());
        for name in names {
            let is_added = name
                .strip_prefix(crate::access::permissions::HOST)
                .is_some_and(|key| !key.is_empty());
            // A duty comes first: "usage.read" is also what a role over people is called.
            if let Some(duty) = Duty::find(name) {
                duties.insert(duty);
            } else if is_added || Permission::find(name).is_some_and(|one| one.heading() == Heading::Host) {
                host.push(name);
            } else {
                unknown.push(name);
            }
        }
        let host = Permissions::read(host);
        (Self { host, duties }, unknown)
    }
    /// The scopes that a stored text names.
    pub fn parse(text: &str) -> Self {
        Self::read(text.split(' ').filter(|name| !name.is_empty())).0
    }
    /// The names, sorted, as they are stored.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.host.keys();
        names.extend(self.duties.iter().map(|duty| duty.key().to_owned()));
        names.sort_unstable();
        names
    }
    /// The text to store.
    pub fn to_text(&self) -> String {
        self.names().join(" ")
    }
    /// Whether a scope of this name is among them.
    pub fn has(&self, name: &str) -> bool {
        match (Duty::find(name), Permission::find(name), name.strip_prefix("host:")) {
            (Some(duty), _, _) => self.duties.contains(&duty),
            (None, Some(permission), _) => self.host.has(permission),
            (None, None, Some(key)) => self.host.has_host(key),
            _ => false,
        }
    }
    /// Whether there is nothing that a key could be used for.
    pub fn is_empty(&self) -> bool {
        self.host.is_empty() && self.duties.is_empty()
    }
    /// Whether something of Muster itself is among them, which only services may have.
    pub fn has_duties(&self) -> bool {
        !self.duties.is_empty()
    }
    /// What of the host platform they permit.
    pub const fn host(&self) -> &Permissions {
        &self.host
    }
    /// Those that another set does not have.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self::of(self.names().iter().filter(|name| !other.has(name)))
    }
    /// Those that somebody with these permissions may use.
    #[must_use]
    pub fn within(&self, permissions: &Permissions) -> Self {
        let held = |name: &&String| match (Permission::find(name), name.strip_prefix("host:")) {
            (Some(permission), _) => permissions.has(permission),
            (None, Some(key)) => permissions.has_host(key),
            (None, None) => false,
        };
        Self::of(self.host.keys().iter().filter(held))
    }
    fn of<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        Self::read(names.map(String::as_str)).0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> impl Strategy<Value = Vec<String>> {
        let known: Vec<String> = Permission::ALL
            .iter()
            .map(|one| one.key().to_owned())
            .chain(Duty::ALL.iter().map(|duty| duty.key().to_owned()))
            .chain(["host:flow.publish", "host:x", "host:", "junk"].map(str::to_owned))
            .collect();
        prop::collection::vec(prop::sample::select(known), 0..12)
    }
    fn read(names: &[String]) -> Scopes {
        Scopes::read(names.iter().map(String::as_str)).0
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_again(names in names()) {
            let scopes = read(&names);
            prop_assert_eq!(Scopes::parse(&scopes.to_text()), scopes.clone());
            prop_assert!(scopes.names().iter().all(|name| scopes.has(name)));
        }

        /// A key is never worth more than the permissions it is cut down to, nor than it was made with.
        #[test]
        fn cve_c11_cutting_down_never_adds(names in names(), held in names(), ) {
            let (scopes, held) = (read(&names), Permissions::read(held.iter().map(String::as_str)));
            let cut = scopes.within(&held);
            prop_assert!(held.includes(cut.host()) && !cut.has_duties());
            prop_assert!(cut.without(&scopes).is_empty());
            prop_assert!(scopes.within(&Permissions::all()).without(&scopes).is_empty());
        }
    }

    #[test]
    fn rights_over_people_are_no_scopes() {
        let (scopes, unknown) = Scopes::read(["api.call", "member.manage", "usage.read", "host:"]);
        assert_eq!(scopes.names(), ["api.call", "usage.read"]);
        assert_eq!(unknown, ["member.manage", "host:"]);
        assert!(scopes.has_duties());
    }
}
