//! Roles: the catalogue of permissions, custom roles of an organization, roles over the enterprise, and why something was denied.
//!
//! The built-in role of a member stands in the membership (`members.role`) and has a rank. Custom roles have none: a member may hold any
//! number of them beside it, and what a person may do is the union of all.

mod enterprise;
mod explain;
mod forms;
mod handlers;
pub mod host;
pub mod overseer;
pub mod role;
mod store;
mod views;

pub use role::{CustomRole, Draft, Held, held_by, list};
pub(crate) use role::{exchange, leave_all, leave_all_many, refuse_beyond};
pub use store::statements;

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Route, Target, get, post},
};

/// The routes of this room; "Manage Roles" stands with the members.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/roles", handlers::index).in_org(P::RoleRead),
        post("/o/{org}/roles", handlers::create)
            .in_org(P::RoleManage)
            .records(Action::RoleCreate),
        get("/o/{org}/roles/new", handlers::new).in_org(P::RoleManage),
        get("/o/{org}/roles/matrix", handlers::matrix).in_org(P::RoleRead),
        get("/o/{org}/roles/permissions", handlers::catalogue).in_org(P::RoleRead),
        post("/o/{org}/roles/permissions", handlers::create_permission)
            .in_org(P::RoleManage)
            .records(Action::PermissionAdd),
        post("/o/{org}/roles/permissions/deletion", handlers::destroy_permission)
            .in_org(P::RoleManage)
            .records(Action::PermissionRemove),
        get("/o/{org}/roles/{role}", handlers::show)
            .in_org(P::RoleRead)
            .about(Target::Role),
        post("/o/{org}/roles/{role}", handlers::update)
            .in_org(P::RoleManage)
            .about(Target::Role)
            .records(Action::RoleUpdate),
        get("/o/{org}/roles/{role}/edit", handlers::edit)
            .in_org(P::RoleManage)
            .about(Target::Role),
        get("/o/{org}/roles/{role}/deletion", handlers::new_deletion)
            .in_org(P::RoleManage)
            .about(Target::Role),
        post("/o/{org}/roles/{role}/deletion", handlers::create_deletion)
            .in_org(P::RoleManage)
            .about(Target::Role)
            .records(Action::RoleDelete),
        get("/o/{org}/access", handlers::access).in_org(P::RoleRead),
        get("/e/roles", enterprise::index).enterprise(P::EnterpriseRead),
        post("/e/roles", enterprise::create)
            .enterprise(P::EnterpriseRoles)
            .records(Action::EnterpriseRoleChange),
        post("/e/roles/{account}/revocation", enterprise::destroy)
            .enterprise(P::EnterpriseRoles)
            .about(Target::Account)
            .records(Action::EnterpriseRoleChange),
        post("/e/roles/permissions", enterprise::create_permission)
            .enterprise(P::EnterpriseRoles)
            .records(Action::PermissionAdd),
        post("/e/roles/permissions/deletion", enterprise::destroy_permission)
            .enterprise(P::EnterpriseRoles)
            .records(Action::PermissionRemove),
    ]
}
