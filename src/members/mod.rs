//! Members: who belongs to an organization, in which role and state.

pub mod addition;
pub mod assignment;
pub mod export;
pub mod face;
pub(crate) mod forms;
pub mod guard;
mod handlers;
pub mod list;
mod manage_roles;
pub mod mass;
mod mass_store;
pub mod member;
pub mod picks;
pub mod presence;
pub mod saved;
mod store;
mod views;

pub(crate) use forms::{MemberPath, with as with_query};
pub(crate) use handlers::fragment;
pub use member::{Change, Member, NewMember, Source, Status};

pub use forms::with;
pub use store::{Admin, administrators};
pub use views::in_words as order_in_words;

use crate::{
    access::{Can, Permission as P},
    audit::Action,
    web::routes::{Kind, Route, Target, delete, get, post},
};

/// The body that a selection of two thousand may have.
const SELECTION: usize = 256 << 10;

/// Whether addresses of others are kept from whoever acts: members see each other's names alone (MODEL section 2.5).
pub fn names_only<R>(by: &Can<R>) -> bool {
    !by.may(P::MemberDetail)
}

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/members", handlers::index).in_org(P::MemberRead),
        post("/o/{org}/members", handlers::create)
            .in_org(P::MemberManage)
            .records(Action::MemberCreate),
        get("/o/{org}/members/new", handlers::new).in_org(P::MemberManage),
        post("/o/{org}/members/selection", handlers::select)
            .in_org(P::MemberRead)
            .body(SELECTION),
        get("/o/{org}/members/export.csv", export::csv)
            .in_org(P::MemberRead)
            .kind(Kind::Download),
        get("/o/{org}/members/export.xlsx", export::xlsx)
            .in_org(P::MemberRead)
            .kind(Kind::Download),
        post("/o/{org}/members/export", export::selection)
            .in_org(P::MemberRead)
            .kind(Kind::Download)
            .body(SELECTION)
            .records(Action::MemberExport),
        get("/o/{org}/views", saved::handlers::index).in_org(P::MemberRead),
        post("/o/{org}/views", saved::handlers::create)
            .in_org(P::MemberRead)
            .records(Action::ViewSave),
        post("/o/{org}/views/{view}", saved::handlers::update)
            .in_org(P::MemberRead)
            .about(Target::View)
            .records(Action::ViewSave),
        post("/o/{org}/views/{view}/deletion", saved::handlers::destroy)
            .in_org(P::MemberRead)
            .about(Target::View)
            .records(Action::ViewDelete),
        post("/o/{org}/views/{view}/default", saved::handlers::set_default)
            .in_org(P::MemberRead)
            .about(Target::View),
        get("/o/{org}/members/live", handlers::live).in_org(P::MemberRead),
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
    all.extend(mass::statements());
    all.extend(mass::made());
    all.extend(saved::statements());
    all
}
