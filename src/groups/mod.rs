//! Groups: people of one organization under a name, as group, team, department or project.
//!
//! No pages yet. The members room shows a person's groups and filters by them, and whoever joins may come with groups.

pub mod group;
mod store;

pub use group::{Belonging, Group, Kind, add_members, create, list, list_of, remove_member};
pub(crate) use group::{enrol, enrol_many, leave_all};
pub use store::statements;
