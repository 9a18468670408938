//! Who may change whom into what: nobody reaches above the own rank or beyond the own permissions (I-02).

use super::Permissions;

/// How much somebody may do, as far as others are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// The rank of the highest built-in role.
    pub rank: i64,
    /// What all roles permit together.
    pub permissions: Permissions,
}

impl Power {
    /// Whether this power reaches as far as another one.
    pub fn reaches(&self, other: &Self) -> bool {
        self.rank >= other.rank && self.permissions.covers(&other.permissions)
    }
}

/// Whether an actor may turn a target into something else: both what the target is and what it becomes lie within the actor's reach.
pub fn may_change(actor: &Power, target: &Power, new: &Power) -> bool {
    actor.reaches(target) && actor.reaches(new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::access::{Permission, Role};

    /// A person by built-in role and the places of further permissions, as a plain set of keys and as a power.
    fn anyone() -> impl Strategy<Value = (Role, BTreeSet<usize>)> {
        (
            0..5_usize,
            proptest::collection::btree_set(0..Permission::ALL.len(), 0..20),
        )
            .prop_map(|(place, more)| (Role::ALL[place], more))
    }

    fn power((role, more): &(Role, BTreeSet<usize>)) -> Power {
        let mut permissions = role.permissions();
        for place in more {
            permissions.insert(Permission::ALL[*place]);
        }
        Power {
            rank: role.rank(),
            permissions,
        }
    }

    fn keys((role, more): &(Role, BTreeSet<usize>)) -> BTreeSet<&'static str> {
        let mut keys: BTreeSet<_> = Permission::ALL
            .iter()
            .filter(|one| role.may(**one))
            .map(|one| one.key())
            .collect();
        keys.extend(more.iter().map(|place| Permission::ALL[*place].key()));
        if *role == Role::Administrator {
            keys.insert("host:*");
        }
        // What only a membership can have is nobody's power over others.
        keys.remove(Permission::LimitRequest.key());
        keys
    }

    proptest! {
        /// Granted exactly where both what the target is and what it becomes lie within the actor's permissions and rank.
        #[test]
        fn granted_iff_both_lie_within_the_actor(actor in anyone(), target in anyone(), new in anyone()) {
            let own = keys(&actor);
            let fine = keys(&target).is_subset(&own)
                && keys(&new).is_subset(&own)
                && actor.0.rank() >= target.0.rank()
                && actor.0.rank() >= new.0.rank();
            prop_assert_eq!(may_change(&power(&actor), &power(&target), &power(&new)), fine);
        }

        /// Nobody lifts themselves, and no chain of grants lifts anybody above its first link.
        #[test]
        fn no_chain_of_grants_reaches_above_its_beginning(chain in proptest::collection::vec(anyone(), 2..6)) {
            let powers: Vec<_> = chain.iter().map(power).collect();
            let granted = powers.windows(2).all(|pair| may_change(&pair[0], &pair[1], &pair[1]));
            if granted {
                prop_assert!(powers[0].reaches(&powers[powers.len() - 1]));
            }
        }
    }
}
