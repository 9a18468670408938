//! Groups: people of one organization under a name, as group, team, department or project.
//!
//! No pages yet. The members room shows a person's groups and filters by them, and whoever joins may come with groups.

pub mod group;
pub mod mass;
mod mass_store;
mod store;

pub use group::{Belonging, Group, Kind, add_members, create, list, list_of, remove_member};
pub(crate) use group::{enrol, enrol_many, leave_all};
pub(crate) use mass::leave_all_many;

/// Every statement of this room.
pub fn statements() -> Vec<crate::db::Statement> {
    store::statements()
        .into_iter()
        .chain(mass_store::statements())
        .collect()
}
