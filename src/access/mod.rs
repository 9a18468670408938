//! Who calls and what they may: persons, sessions, roles, and [`Can`], the permission that is also its proof.

pub mod can;
pub mod decision;
pub mod group;
pub mod lattice;
pub mod permission;
pub mod permissions;
pub mod session;
pub mod store;

pub use can::{
    Acting, Can, Display, EnterpriseCan, Explanation, OrgRef, Person, SignedIn, inside, membership, operator,
};
pub(crate) use can::{acting, org, resumed, standing_of};
pub use group::{GroupCan, GroupDuty, GroupLead, GroupRead, GroupUsage, sees_all_groups};
pub use lattice::Power;
pub use permission::{Class, EnterpriseRole, Heading, Permission, Right, Role};
pub use permissions::Permissions;
