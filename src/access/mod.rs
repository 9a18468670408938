//! Who calls and what they may: persons, sessions, roles, and [`Can`], the permission that is also its proof.

pub mod can;
pub mod group;
pub mod permission;
pub mod session;
pub mod store;

pub use can::{Acting, Can, Display, EnterpriseCan, OrgRef, Person, SignedIn, inside, operator};
pub(crate) use can::{acting, resumed};
pub use group::{GroupCan, GroupDuty, GroupLead, GroupRead, sees_all_groups};
pub use permission::{EnterpriseRole, Permission, Right, Role};
