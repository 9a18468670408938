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
