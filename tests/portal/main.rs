//! The portal over HTTP: the real router on the real database, SQLite or (MUSTER_TEST_DATABASE=postgres) PostgreSQL.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::allow_attributes,
    reason = "a test that cannot go on says so"
)]

mod audit;
mod auth;
mod bulk;
mod demo;
mod enterprise;
mod house;
mod invitations;
mod matrix;
mod members;
mod orgs;
mod raw;
mod shell;
mod store;
mod support;
