//! Muster: the self-hosted portal in which organizations manage who may use a metered platform, and how much.

pub mod access;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
pub mod bulk;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credits;
pub mod db;
pub mod demo;
pub mod enterprise;
pub mod error;
pub mod gate;
pub mod groups;
pub mod guide;
pub mod hash;
pub mod ids;
pub mod imports;
pub mod invitations;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod members;
pub mod metering;
pub mod metrics;
pub mod notifications;
pub mod orgs;
pub mod roles;
pub mod secret;
pub mod shell;
pub mod telemetry;
pub mod text;
pub mod usage;
pub mod web;

/// Every SQL statement of every room, for the test that prepares each on both databases.
pub fn statements() -> Vec<db::Statement> {
    [
        access::store::statements(),
        audit::statements(),
        auth::statements(),
        bulk::statements(),
        credits::statements(),
        enterprise::statements(),
        gate::statements(),
        groups::statements(),
        guide::statements(),
        usage::statements(),
        imports::statements(),
        invitations::statements(),
        keys::statements(),
        limits::statements(),
        mail::statements(),
        members::statements(),
        metering::statements(),
        notifications::statements(),
        orgs::statements(),
        roles::statements(),
        shell::statements(),
        metrics::statements(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
