//! Usage seen: what an organization, a member and oneself have used, by day and by everything that it is summed for.
//!
//! It reads the sums of [`metering`](crate::metering), never the ledger, so that a page costs the same with a thousand events behind it and
//! with ten million. Reports count by when something happened; limits count by when it was booked, and come from the
//! [`gate`](crate::gate).

mod across;
pub mod alerts;
mod chart;
mod export;
mod figures;
mod grouping;
mod handlers;
mod period;
mod store;
pub mod views;

pub use figures::{add_used, of_group};
pub use store::statements;

use crate::{
    access::{GroupDuty, Permission as P},
    audit::Action,
    web::routes::{Kind, Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/usage", handlers::index).in_org(P::UsageRead),
        get("/o/{org}/usage/unused", alerts::unused).in_org(P::UsageRead),
        get("/o/{org}/usage/alerts", alerts::edit).in_org(P::LimitDefault),
        post("/o/{org}/usage/alerts", alerts::update)
            .in_org(P::LimitDefault)
            .records(Action::AlertSettings),
        get("/o/{org}/usage/export.csv", handlers::index_csv)
            .in_org(P::UsageRead)
            .kind(Kind::Download),
        get("/o/{org}/usage/mine", handlers::mine).in_org(P::LimitRequest),
        get("/o/{org}/usage/mine/export.csv", handlers::mine_csv)
            .in_org(P::LimitRequest)
            .kind(Kind::Download),
        get("/o/{org}/groups/{group}/members/{member}/usage", handlers::led)
            .in_group(GroupDuty::Usage)
            .about(Target::GroupMember),
        get("/o/{org}/members/{member}/usage", handlers::member)
            .in_org(P::UsageRead)
            .about(Target::Member),
        get("/o/{org}/members/{member}/usage/export.csv", handlers::member_csv)
            .in_org(P::UsageRead)
            .about(Target::Member)
            .kind(Kind::Download),
    ]
}
