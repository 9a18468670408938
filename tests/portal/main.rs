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

mod api;
mod audit;
mod auth;
mod authzen;
mod boundaries;
mod bulk;
mod contest;
mod credits;
mod demo;
mod enterprise;
mod faces;
mod forward;
mod groups;
mod guide;
mod house;
mod imports;
mod invitations;
mod keys;
mod limits;
mod matrix;
mod members;
mod metering;
mod metrics;
mod notifications;
mod orgs;
mod people;
mod profile;
mod raw;
mod roles;
mod shell;
mod store;
mod subscription;
mod support;
mod usage;
