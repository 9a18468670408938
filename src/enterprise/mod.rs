//! The Enterprise Portal: figures and lists over all organizations, and what only the enterprise may do with them.
//!
//! It reads organizations, memberships, accounts and invitations (a declared exception) and changes them through their rooms' verbs.

mod forms;
mod handlers;
mod outbox;
mod overview;
mod people;
mod store;
pub mod views;

use crate::{
    access::Permission,
    audit::Action,
    db::Statement,
    web::routes::{Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    let manages = |route: Route| route.enterprise(Permission::OrgManage);
    let about = |route: Route| manages(route).about(Target::Organization);
    vec![
        get("/e", handlers::overview).enterprise(Permission::EnterpriseRead),
        get("/e/users", handlers::users).enterprise(Permission::EnterpriseRead),
        get("/e/organizations", handlers::organizations).enterprise(Permission::EnterpriseRead),
        manages(get("/e/organizations/new", handlers::new_organization)),
        manages(post("/e/organizations", handlers::create_organization)).records(Action::OrgCreate),
        about(get("/e/organizations/{organization}", handlers::edit_organization)),
        about(post("/e/organizations/{organization}", handlers::rename_organization)).records(Action::OrgRename),
        about(get("/e/organizations/{organization}/archive", handlers::new_archive)),
        about(post(
            "/e/organizations/{organization}/archive",
            handlers::create_archive,
        ))
        .records(Action::OrgArchive),
        about(post(
            "/e/organizations/{organization}/restore",
            handlers::delete_archive,
        ))
        .records(Action::OrgRestore),
        get("/e/settings", handlers::settings).enterprise(Permission::EnterpriseSettings),
        post("/e/settings", handlers::update_settings)
            .enterprise(Permission::EnterpriseSettings)
            .records(Action::EnterpriseUpdate),
        get("/e/outbox", outbox::index).enterprise(Permission::OperateMail),
        get("/e/outbox/{mail}", outbox::show)
            .enterprise(Permission::OperateMail)
            .about(Target::Mail),
        post("/e/outbox/{mail}/retry", outbox::retry)
            .enterprise(Permission::OperateMail)
            .about(Target::Mail)
            .records(Action::MailRetry),
        post("/e/outbox/{mail}/cancellation", outbox::cancel)
            .enterprise(Permission::OperateMail)
            .about(Target::Mail)
            .records(Action::MailCancel),
    ]
}

/// Every statement of this room.
pub fn statements() -> Vec<Statement> {
    store::statements().into_iter().chain(store::made()).collect()
}
