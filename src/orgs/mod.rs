//! Organizations: creating, renaming, archiving and restoring them, their settings, the enterprise they belong to, and the
//! sequences from which every id comes.

mod enterprise;
mod forms;
mod handlers;
pub mod leads;
mod org;
pub mod policies;
mod settings;
pub mod slug;
mod store;
pub mod subscription;
pub mod training;
pub mod views;

pub use enterprise::{create_enterprise, find_enterprise, update_enterprise};
pub use org::{NewOrg, archive, create, find, find_by_slug, next_id, rename, restore, sequence};
pub use settings::{Section, domains, update_settings};
pub use store::{Enterprise, Org};

use crate::{
    access::Permission,
    audit::Action,
    web::routes::{Route, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/settings", handlers::edit).in_org(Permission::SettingsRead),
        post("/o/{org}/settings", handlers::update)
            .in_org(Permission::OrgSettings)
            .records(Action::OrgUpdate),
        post("/o/{org}/subscription", handlers::update_subscription)
            .in_org(Permission::BillingManage)
            .records(Action::SubscriptionUpdate),
        post("/o/{org}/training", handlers::update_training)
            .in_org(Permission::OrgSettings)
            .records(Action::TrainingUpdate),
        get("/o/{org}/policies", handlers::policies).in_org(Permission::SettingsRead),
    ]
}

/// Every statement of this room.
pub use store::statements;
