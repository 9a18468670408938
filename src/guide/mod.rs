//! Getting started: the steps by which an organization is set up, ticked from what is really there, what new members can learn from,
//! and the page of good practice.
//!
//! It reads other rooms' tables for the ticks (a declared exception), and keeps only who has put the card away.

pub mod checklist;
mod handlers;
mod store;
pub mod views;

pub use handlers::{ask, card};
pub use store::statements;

use crate::{
    access::Permission,
    web::routes::{Route, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/getting-started", handlers::show).in_org(Permission::MemberRead),
        post("/o/{org}/getting-started/dismissal", handlers::create_dismissal).in_org(Permission::MemberRead),
        post("/o/{org}/getting-started/dismissal/end", handlers::destroy_dismissal).in_org(Permission::MemberRead),
        get("/help", handlers::help).signed_in(),
    ]
}
