//! Members: who belongs to an organization, in which role and state.

pub mod addition;
pub mod assignment;
mod forms;
mod handlers;
pub mod list;
mod manage_roles;
pub mod member;
pub mod presence;
mod store;
mod views;

pub(crate) use forms::{MemberPath, with as with_query};
pub(crate) use handlers::fragment;
pub use member::{Change, Member, NewMember, Source, Status};

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Route, Target, delete, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/members", handlers::index).in_org(P::MemberRead),
        post("/o/{org}/members", handlers::create)
            .in_org(P::MemberManage)
            .records(Action::MemberCreate),
        get("/o/{org}/members/new", handlers::new).in_org(P::MemberManage),
        get("/o/{org}/members/{member}", handlers::show)
            .in_org(P::MemberRead)
            .about(Target::Member),
        post("/o/{org}/members/{member}/role", handlers::update_role)
            .in_org(P::RoleAssign)
            .about(Target::Member)
            .records(Action::MemberRole),
        post("/o/{org}/members/{member}/admin", handlers::create_admin)
            .in_org(P::RoleAssign)
            .about(Target::Member)
            .records(Action::MemberRole),
        get("/o/{org}/members/{member}/roles", manage_roles::edit)
            .in_org(P::RoleAssign)
            .about(Target::Member),
        post("/o/{org}/members/{member}/roles", manage_roles::update)
            .in_org(P::RoleAssign)
            .about(Target::Member)
            .records(Action::MemberRole),
        post("/o/{org}/members/{member}/suspension", handlers::create_suspension)
            .in_org(P::MemberSuspend)
            .about(Target::Member)
            .records(Action::MemberSuspend),
        delete("/o/{org}/members/{member}/suspension", handlers::destroy_suspension)
            .in_org(P::MemberSuspend)
            .about(Target::Member)
            .records(Action::MemberActivate),
        post("/o/{org}/members/{member}/suspension/end", handlers::destroy_suspension)
            .in_org(P::MemberSuspend)
            .about(Target::Member)
            .records(Action::MemberActivate),
        post("/o/{org}/members/{member}/context", handlers::create_context)
            .in_org(P::MemberManage)
            .about(Target::Member)
            .records(Action::MemberContext),
        get("/o/{org}/members/{member}/disablement", handlers::new_disablement)
            .in_org(P::MemberDisable)
            .about(Target::Member),
        post("/o/{org}/members/{member}/disablement", handlers::create_disablement)
            .in_org(P::MemberDisable)
            .about(Target::Member)
            .records(Action::MemberDisable),
        get("/o/{org}/members/{member}/removal", handlers::new_removal)
            .in_org(P::MemberManage)
            .about(Target::Member),
        post("/o/{org}/members/{member}/removal", handlers::create_removal)
            .in_org(P::MemberManage)
            .about(Target::Member)
            .records(Action::MemberRemove),
    ]
}

/// Every statement of this room.
pub fn statements() -> Vec<crate::db::Statement> {
    let mut all = store::statements();
    all.extend(list::statements());
    all
}
