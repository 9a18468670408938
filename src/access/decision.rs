//! The decision who may do what, as a pure function: [`Can`](super::Can) asks it on every request, and the page
//! "Why was this denied?" asks it about others, so that its answer is the truth (MODEL section 2.6).

use super::{EnterpriseRole, Permission, Permissions, Role};

/// What is known of a person in one organization.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Whoever operates the installation may do everything.
    pub is_operator: bool,
    /// Whether the account may not be used.
    pub account_is_closed: bool,
    /// The role over the enterprise.
    pub enterprise_role: Option<EnterpriseRole>,
    /// Whether the organization is archived, and so read-only.
    pub is_archived: bool,
    /// Whether the organization keeps its managers from inviting.
    pub managers_may_not_invite: bool,
    /// The membership.
    pub membership: Option<Membership>,
    /// What the additional roles of the membership permit together.
    pub additional: Permissions,
}

/// A membership as far as it matters to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The built-in role.
    pub role: Role,
    /// Why it does not act; none when it does.
    pub stop: Option<Stop>,
}

/// Why a membership does not act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was deactivated.
    Deactivated,
    /// It was disabled.
    Disabled,
    /// It has ended on its date.
    Ended,
    /// It is over.
    Left,
}

/// The steps of a decision, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The account may be used.
    Account,
    /// The organization is the person's, and not read-only.
    Organization,
    /// The membership acts, or a role over the enterprise reaches here.
    Membership,
    /// A role has the permission.
    Role,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Account, Self::Organization, Self::Membership, Self::Role];
}

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The account may not be used.
    Account,
    /// The person has nothing to do with this organization, and may not even know of it.
    Stranger,
    /// The organization is read-only.
    Archived,
    /// The membership does not act.
    Stopped(Stop),
    /// The permission belongs to managers, whom the organization keeps from inviting.
    ManagersMayNotInvite,
    /// No role has the permission.
    Missing,
}

impl Refusal {
    /// The step that refuses.
    pub const fn step(self) -> Step {
        match self {
            Self::Account => Step::Account,
            Self::Stranger | Self::Archived => Step::Organization,
            Self::Stopped(_) => Step::Membership,
            Self::ManagersMayNotInvite | Self::Missing => Step::Role,
        }
    }
}

/// What grants something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Whoever operates the installation.
    Operator,
    /// The role over the enterprise.
    Enterprise(EnterpriseRole),
    /// The built-in role in the organization.
    Role(Role),
    /// At least one additional role.
    Additional,
}

impl Standing {
    /// The role of a membership that acts.
    pub fn acting_role(&self) -> Option<Role> {
        let membership = self.membership?;
        membership.stop.is_none().then_some(membership.role)
    }
    /// What a built-in role permits in this organization.
    fn role_may(&self, role: Role, permission: Permission) -> bool {
        role.may(permission) && !self.is_kept_from_inviting(role, permission)
    }
    fn is_kept_from_inviting(&self, role: Role, permission: Permission) -> bool {
        self.managers_may_not_invite && role == Role::Manager && permission == Permission::InviteCreate
    }
    /// Everything that grants a permission, whether or not an earlier step refuses it.
    pub fn grants(&self, permission: Permission) -> impl Iterator<Item = Grant> {
        let acting = self.acting_role();
        let operator = self.is_operator.then_some(Grant::Operator);
        let enterprise = self
            .enterprise_role
            .filter(|role| role.may(permission))
            .map(Grant::Enterprise);
        let role = acting.filter(|role| self.role_may(*role, permission)).map(Grant::Role);
        let additional = (acting.is_some() && self.additional.has(permission)).then_some(Grant::Additional);
        [operator, enterprise, role, additional].into_iter().flatten()
    }
    /// All permissions together; a membership that does not act has none.
    pub fn permissions(&self) -> Permissions {
        if self.is_operator {
            return Permissions::all();
        }
        let mut all = self
            .enterprise_role
            .map_or_else(Permissions::default, EnterpriseRole::permissions);
        if let Some(role) = self.acting_role() {
            all.join(&permissions_of(role, self.managers_may_not_invite));
            all.join(&self.additional);
        }
        all
    }
}

/// What a built-in role permits in an organization that may keep its managers from inviting.
pub fn permissions_of(role: Role, managers_may_not_invite: bool) -> Permissions {
    let mut all = role.permissions();
    if managers_may_not_invite && role == Role::Manager {
        all.remove(Permission::InviteCreate);
    }
    all
}

/// Decides; the first step that refuses is the answer.
pub fn decide(who: &Standing, permission: Permission) -> Result<(), Refusal> {
    if who.is_operator {
        return Ok(());
    }
    if who.account_is_closed {
        return Err(Refusal::Account);
    }
    if who.membership.is_none() && who.enterprise_role.is_none() {
        return Err(Refusal::Stranger);
    }
    if who.is_archived && !permission.reads() {
        return Err(Refusal::Archived);
    }
    if let (Some(Membership { stop: Some(stop), .. }), None) = (who.membership, who.enterprise_role) {
        return Err(Refusal::Stopped(stop));
    }
    if who.grants(permission).next().is_some() {
        return Ok(());
    }
    match who.acting_role() {
        Some(role) if who.is_kept_from_inviting(role, permission) => Err(Refusal::ManagersMayNotInvite),
        _ => Err(Refusal::Missing),
    }
}

/// What a lead may do within the own group, whatever the own role permits.
pub const fn lead_may(permission: Permission) -> bool {
    matches!(permission, Permission::GroupManage | Permission::UsageRead)
}

/// Decides about one group, whose lead may manage it and read what its members use; a lead whose membership does not act leads nothing.
pub fn decide_in_group(who: &Standing, permission: Permission, leads: bool) -> Result<(), Refusal> {
    match decide(who, permission) {
        Err(Refusal::Missing) if leads && who.acting_role().is_some() && lead_may(permission) => Ok(()),
        decided => decided,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(role: Role) -> Standing {
        Standing {
            membership: Some(Membership { role, stop: None }),
            ..Standing::default()
        }
    }

    #[test]
    fn the_first_step_that_refuses_decides() {
        let mut who = member(Role::Viewer);
        assert_eq!(decide(&who, Permission::MemberRead), Ok(()));
        assert_eq!(decide(&who, Permission::OrgSettings), Err(Refusal::Missing));
        who.additional.insert(Permission::OrgSettings);
        assert_eq!(decide(&who, Permission::OrgSettings), Ok(()));
        who.membership = Some(Membership {
            role: Role::Administrator,
            stop: Some(Stop::Deactivated),
        });
        assert_eq!(
            decide(&who, Permission::OrgSettings),
            Err(Refusal::Stopped(Stop::Deactivated))
        );
        assert!(who.permissions().is_empty());
        assert_eq!(
            decide_in_group(&who, Permission::GroupManage, true),
            Err(Refusal::Stopped(Stop::Deactivated))
        );
        who.enterprise_role = Some(EnterpriseRole::Auditor);
        assert_eq!(decide(&who, Permission::AuditRead), Ok(()));
        assert_eq!(decide(&who, Permission::OrgSettings), Err(Refusal::Missing));
        who.is_archived = true;
        assert_eq!(decide(&who, Permission::OrgSettings), Err(Refusal::Archived));
        assert_eq!(decide(&who, Permission::AuditRead), Ok(()));
        who.account_is_closed = true;
        assert_eq!(decide(&who, Permission::AuditRead), Err(Refusal::Account));
        assert_eq!(
            decide(&Standing::default(), Permission::MemberRead),
            Err(Refusal::Stranger)
        );
        let developer = member(Role::Developer);
        assert_eq!(decide_in_group(&developer, Permission::GroupManage, true), Ok(()));
        assert_eq!(
            decide_in_group(&developer, Permission::GroupManage, false),
            Err(Refusal::Missing)
        );
        assert_eq!(
            decide_in_group(&developer, Permission::MemberSuspend, true),
            Err(Refusal::Missing)
        );
        let manager = Standing {
            managers_may_not_invite: true,
            ..member(Role::Manager)
        };
        assert_eq!(
            decide(&manager, Permission::InviteCreate),
            Err(Refusal::ManagersMayNotInvite)
        );
        assert!(!manager.permissions().has(Permission::InviteCreate));
    }

    fn anyone() -> impl Strategy<Value = Standing> {
        let stop = prop_oneof![
            Just(None),
            Just(Some(Stop::Deactivated)),
            Just(Some(Stop::Disabled)),
            Just(Some(Stop::Ended))
        ];
        let membership = proptest::option::of((0..5_usize, stop)).prop_map(|found| {
            found.map(|(place, stop)| Membership {
                role: Role::ALL[place],
                stop,
            })
        });
        let enterprise = proptest::option::of((0..3_usize).prop_map(|place| EnterpriseRole::ALL[place]));
        (membership, enterprise, any::<[bool; 3]>(), any::<u64>()).prop_map(
            |(membership, enterprise_role, is, some)| Standing {
                is_operator: false,
                account_is_closed: is[0],
                enterprise_role,
                is_archived: is[1],
                managers_may_not_invite: is[2],
                membership,
                additional: Permission::ALL
                    .iter()
                    .copied()
                    .filter(|one| some >> (*one as u64) & 1 == 1)
                    .collect(),
            },
        )
    }

    proptest! {
        /// The set of permissions and the decision never disagree where no earlier step refuses.
        #[test]
        fn the_set_is_the_decision(who in anyone()) {
            let all = who.permissions();
            for permission in Permission::ALL {
                let granted = decide(&who, *permission);
                match granted {
                    Ok(()) => prop_assert!(all.has(*permission)),
                    Err(Refusal::Missing | Refusal::ManagersMayNotInvite) => prop_assert!(!all.has(*permission)),
                    Err(_) => {}
                }
                prop_assert_eq!(all.has(*permission), who.grants(*permission).next().is_some());
            }
        }

        /// There are no deny rules: more roles never take anything away.
        #[test]
        fn another_role_never_takes_away(who in anyone(), place in 0..64_usize) {
            let more = Permission::ALL[place % Permission::ALL.len()];
            let mut richer = who.clone();
            richer.additional.insert(more);
            for permission in Permission::ALL {
                prop_assert!(decide(&who, *permission).is_err() || decide(&richer, *permission).is_ok());
            }
        }
    }
}
