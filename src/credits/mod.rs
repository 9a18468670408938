//! Credits: the pools out of which usage is paid, what was put into them and moved to members, and people's wallets.
//!
//! Amounts are micro-credits; what they cost is in the currency of their pool, at the price of the instant at which they were booked. A
//! shared pool is a limit that the [`gate`](crate::gate) asks beside all others. An allocated pool moves members' monthly limits to them
//! ([`allowance`]). Wallets ([`wallet`]) pay when a member's own limits refuse, where the organization lets them.

pub mod allowance;
pub mod entry;
mod forms;
mod handlers;
pub mod mass;
pub mod pool;
pub mod shown;
mod store;
pub mod verify;
pub mod views;
pub mod wallet;
pub mod work;

pub use pool::{Drawn, Mode, Pool, drawn};
pub use store::statements;

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Kind, Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/credits", handlers::index).in_org(P::PoolRead),
        post("/o/{org}/credits", handlers::pool::create)
            .in_org(P::PoolManage)
            .records(Action::PoolCreate),
        get("/o/{org}/credits/new", handlers::pool::new).in_org(P::PoolManage),
        get("/o/{org}/credits/wallets", handlers::wallets::edit).in_org(P::LimitDefault),
        post("/o/{org}/credits/wallets", handlers::wallets::update)
            .in_org(P::LimitDefault)
            .records(Action::WalletSettings),
        get("/o/{org}/credits/{pool}", handlers::pool::show)
            .in_org(P::PoolRead)
            .about(Target::Pool),
        post("/o/{org}/credits/{pool}", handlers::pool::update)
            .in_org(P::PoolManage)
            .about(Target::Pool)
            .records(Action::PoolUpdate),
        get("/o/{org}/credits/{pool}/edit", handlers::pool::edit)
            .in_org(P::PoolManage)
            .about(Target::Pool),
        get("/o/{org}/credits/{pool}/statement.csv", handlers::pool::statement_csv)
            .in_org(P::PoolRead)
            .about(Target::Pool)
            .kind(Kind::Download),
        post("/o/{org}/credits/{pool}/grants", handlers::pool::create_grant)
            .in_org(P::PoolManage)
            .about(Target::Pool)
            .records(Action::PoolGrant),
        post("/o/{org}/credits/{pool}/adjustments", handlers::pool::create_adjustment)
            .in_org(P::PoolManage)
            .about(Target::Pool)
            .records(Action::PoolAdjust),
        get("/o/{org}/credits/{pool}/archive", handlers::pool::new_archive)
            .in_org(P::PoolManage)
            .about(Target::Pool),
        post("/o/{org}/credits/{pool}/archive", handlers::pool::create_archive)
            .in_org(P::PoolManage)
            .about(Target::Pool)
            .records(Action::PoolArchive),
        post("/o/{org}/members/{member}/pool", handlers::member::update_pool)
            .in_org(P::PoolManage)
            .about(Target::Member)
            .records(Action::MemberPool),
        get("/o/{org}/members/{member}/wallet", handlers::member::show)
            .in_org(P::PoolRead)
            .about(Target::Member),
        post(
            "/o/{org}/members/{member}/wallet/topups",
            handlers::member::create_top_up,
        )
        .in_org(P::PoolManage)
        .about(Target::Member)
        .records(Action::WalletTopUp),
        post(
            "/o/{org}/members/{member}/wallet/adjustments",
            handlers::member::create_adjustment,
        )
        .in_org(P::PoolManage)
        .about(Target::Member)
        .records(Action::WalletAdjust),
    ]
}
