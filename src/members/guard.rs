//! What each act on a member refuses. One decision serves the act on one member and the act on thousands, so that both end alike
//! (I-25). It is made of what is known already and asks no database.

use super::Status;
use crate::{
    access::{Can, EnterpriseRole, OrgRef, Permissions, Power, Role, lattice},
    clock::Timestamp,
    error::Error,
    ids::UserId,
};

/// What is to be done to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Give another role.
    Role(Role),
    /// Deactivate, until a time or until someone activates the member.
    Suspend(Option<Timestamp>),
    /// Take a deactivation back.
    Activate,
    /// Disable for good.
    Disable,
    /// End the membership.
    Remove,
}

/// What a decision has to know of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The account.
    pub user: UserId,
    /// The role in the organization.
    pub role: Role,
    /// The role over the enterprise.
    pub enterprise_role: Option<EnterpriseRole>,
    /// What the additional roles permit together.
    pub additional: Permissions,
    /// The state.
    pub status: Status,
    /// When the membership ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl Standing {
    /// The higher of both roles' ranks.
    pub fn rank(&self) -> i64 {
        self.role
            .rank()
            .max(self.enterprise_role.map_or(0, EnterpriseRole::rank))
    }
    /// How far the member reaches, or would with another built-in role, whether or not the membership acts.
    pub fn power(&self, org: &OrgRef, role: Role) -> Power {
        let mut permissions = org.permissions_of(role);
        permissions.join(&self.additional);
        if let Some(role) = self.enterprise_role {
            permissions.join(&role.permissions());
        }
        Power {
            rank: role.rank().max(self.enterprise_role.map_or(0, EnterpriseRole::rank)),
            permissions,
        }
    }
    /// Whether the membership has ended by its date.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
    /// Whether the membership lets its person in.
    pub fn acts(&self, now: Timestamp) -> bool {
        self.status.acts() && !self.is_expired(now)
    }
    /// Whether the member is an Org Admin on whom the organization can rely: one who acts and has no end date.
    pub fn is_steady_admin(&self) -> bool {
        self.role == Role::Administrator && self.status.acts() && self.expires_at.is_none()
    }
    /// The standing after a deed that was allowed.
    #[must_use]
    pub fn after(mut self, deed: Deed, now: Timestamp) -> Self {
        match deed {
            Deed::Role(role) => self.role = role,
            Deed::Suspend(_) => self.status = Status::Suspended,
            Deed::Disable => self.status = Status::Disabled,
            Deed::Remove => self.status = Status::Removed,
            Deed::Activate => {
                self.status = Status::Active;
                self.expires_at = self.expires_at.filter(|end| *end > now);
            }
        }
        self
    }
}

/// Why a deed is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The member stands above whoever acts.
    Higher,
    /// The member may do what whoever acts may not.
    Beyond,
    /// The role stands above whoever acts.
    RoleAboveOwn,
    /// The role permits what whoever acts may not do.
    RoleBeyond,
    /// It is whoever acts.
    Yourself,
    /// The member is disabled.
    Disabled,
    /// The member is disabled already.
    DisabledAlready,
    /// The member is deactivated already.
    SuspendedAlready,
    /// The member is not deactivated.
    NotSuspended,
    /// The day lies behind.
    DayBehind,
    /// It is the last Org Admin.
    LastAdmin,
    /// It would be the only Org Admin, with an end date.
    OnlyAdminEnds,
    /// Every seat is taken.
    NoSeat,
}

/// Refuses whoever stands above the caller; all acts on members ask this first.
pub fn within_rank<P>(by: &Can<P>, rank: i64) -> Result<(), Refusal> {
    if rank > by.rank() { Err(Refusal::Higher) } else { Ok(()) }
}

/// Whether the decision depends on how many other Org Admins there are.
pub fn asks_for_admins(deed: Deed, of: &Standing, now: Timestamp) -> bool {
    let takes = !matches!(deed, Deed::Activate) && deed != Deed::Role(Role::Administrator);
    (takes && of.role == Role::Administrator && of.acts(now))
        || (deed == Deed::Role(Role::Administrator) && of.expires_at.is_some())
}

/// Whether the deed needs a free seat; what returns by its date alone is let in.
pub const fn takes_seat(deed: Deed, status: Status) -> bool {
    matches!(deed, Deed::Activate) && matches!(status, Status::Suspended)
}

/// Whether the deed is allowed and changes something; `others` is the number of other steady Org Admins, see [`asks_for_admins`].
pub fn judge<P>(by: &Can<P>, deed: Deed, of: &Standing, others: i64, now: Timestamp) -> Result<bool, Refusal> {
    within_rank(by, of.rank())?;
    let (own, before) = (by.power(), of.power(by.org(), of.role));
    if !own.reaches(&before) {
        return Err(Refusal::Beyond);
    }
    let is_self = by.person().is_some() && by.user_id() == of.user;
    match deed {
        Deed::Role(role) => {
            if role.rank() > by.rank() {
                return Err(Refusal::RoleAboveOwn);
            }
            if role == of.role {
                return Ok(false);
            }
            if !lattice::may_change(&own, &before, &of.power(by.org(), role)) {
                return Err(Refusal::RoleBeyond);
            }
            if of.status == Status::Disabled {
                return Err(Refusal::Disabled);
            }
        }
        Deed::Suspend(until) => {
            if is_self {
                return Err(Refusal::Yourself);
            }
            match of.status {
                Status::Disabled => return Err(Refusal::Disabled),
                Status::Suspended => return Err(Refusal::SuspendedAlready),
                _ => {}
            }
            if until.is_some_and(|until| until <= now) {
                return Err(Refusal::DayBehind);
            }
        }
        Deed::Activate => {
            if of.status == Status::Disabled {
                return Err(Refusal::Disabled);
            }
            if of.status != Status::Suspended && !of.is_expired(now) {
                return Err(Refusal::NotSuspended);
            }
        }
        Deed::Disable => {
            if is_self {
                return Err(Refusal::Yourself);
            }
            if of.status == Status::Disabled {
                return Err(Refusal::DisabledAlready);
            }
        }
        Deed::Remove => {
            if is_self {
                return Err(Refusal::Yourself);
            }
        }
    }
    if others == 0 && asks_for_admins(deed, of, now) {
        return Err(if deed == Deed::Role(Role::Administrator) {
            Refusal::OnlyAdminEnds
        } else {
            Refusal::LastAdmin
        });
    }
    Ok(true)
}

/// The refusal as whoever acts on one member reads it.
pub fn error<P>(refusal: Refusal, by: &Can<P>, deed: Deed, of: &Standing, name: &str) -> Error {
    let org = by.org();
    let verb = match deed {
        Deed::Suspend(_) => "deactivate",
        Deed::Disable => "disable",
        _ => "remove",
    };
    match refusal {
        Refusal::Higher => {
            let title = match of.enterprise_role {
                Some(role) if role.rank() > by.rank() => role.title(),
                _ => of.role.title(),
            };
            Error::forbidden(format!(
                "{name} is {title}, which stands above your own role. Ask someone of that rank."
            ))
        }
        Refusal::Beyond => Error::forbidden(format!(
            "{name} has permissions that you do not have: {}. Ask someone who has them.",
            beyond(by, of, of.role)
        )),
        Refusal::RoleBeyond => {
            let role = match deed {
                Deed::Role(role) => role,
                _ => of.role,
            };
            Error::forbidden(format!(
                "{} permits what you may not do yourself: {}. Ask someone who may.",
                role.title(),
                beyond(by, of, role)
            ))
        }
        Refusal::RoleAboveOwn => {
            let title = match deed {
                Deed::Role(role) => role.title(),
                _ => of.role.title(),
            };
            Error::forbidden(format!(
                "{title} stands above your own role. Ask someone who has it to grant it."
            ))
        }
        Refusal::Yourself => Error::conflict(format!("You cannot {verb} yourself. Ask another Org Admin to do it.")),
        Refusal::Disabled => Error::conflict(format!(
            "{name} is disabled, which cannot be undone here. To restore the member, contact {}.",
            org.support_contact
        )),
        Refusal::DisabledAlready => Error::conflict(format!("{name} is disabled already.")),
        Refusal::SuspendedAlready => Error::conflict(format!("{name} is deactivated already.")),
        Refusal::NotSuspended => Error::conflict(format!("{name} is not deactivated.")),
        Refusal::DayBehind => Error::invalid("until", "Choose a day after today, or leave the field empty."),
        Refusal::NoSeat => Error::conflict(
            "All seats are taken. Deactivate or remove somebody, or ask whoever keeps the subscription for more seats.",
        ),
        Refusal::LastAdmin => Error::conflict(format!(
            "{name} is the last Org Admin of {}. Make someone else Org Admin first.",
            org.name
        )),
        Refusal::OnlyAdminEnds => Error::conflict(format!(
            "{name}’s membership has an end date, and the organization has no Org Admin without one. Make someone else Org Admin first."
        )),
    }
}

/// What a member may do, or could with a role, beyond whoever acts, in words.
fn beyond<P>(by: &Can<P>, of: &Standing, role: Role) -> String {
    of.power(by.org(), role)
        .permissions
        .beyond(&by.permissions())
        .join(", ")
}
