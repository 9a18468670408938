//! Limits: how much each member may use in a day and in a month, from where that comes, and when it begins anew.
//!
//! This room is the policy side. A gate asks [`effective`] for what counts and [`Settings::window`] for the window to count in.

pub mod amount;
pub mod defaults;
mod forms;
mod handlers;
pub mod keyed;
pub mod mass;
pub mod policy;
pub mod promised;
pub mod request;
pub mod settings;
pub mod shown;
mod store;
pub mod tidy;
pub mod views;
pub mod window;

pub(crate) use forms::{LimitForm, last_day, until};
pub use policy::{Choice, Effective, Enforcement, Limit, Source, Value, Wish, effective, effective_many, pools, set};
pub use settings::Settings;
pub(crate) use settings::zone_changed;
pub(crate) use shown::ask_facts;
pub use shown::{Banner, Cells, banner, cells, group_panel, panel, sees_all};
pub use store::{UNLIMITED, WITHOUT};
pub use window::Window;

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/members/{member}/limit", handlers::member::edit)
            .in_org(P::LimitSet)
            .about(Target::Member),
        post("/o/{org}/members/{member}/limit", handlers::member::update)
            .in_org(P::LimitSet)
            .about(Target::Member)
            .records(Action::LimitSet),
        post(
            "/o/{org}/members/{member}/limit/raise/end",
            handlers::member::destroy_raise,
        )
        .in_org(P::LimitSet)
        .about(Target::Member)
        .records(Action::LimitRaiseEnd),
        get("/o/{org}/limits", handlers::index).in_org(P::LimitDecide),
        get("/o/{org}/limits/members", handlers::member::index).in_org(P::LimitSet),
        get("/o/{org}/limits/defaults", handlers::defaults::edit).in_org(P::LimitDefault),
        post("/o/{org}/limits/defaults", handlers::defaults::update)
            .in_org(P::LimitDefault)
            .records(Action::LimitDefault),
        get("/o/{org}/limits/groups", handlers::defaults::edit_group).in_org(P::LimitDefault),
        post("/o/{org}/limits/groups", handlers::defaults::update_group)
            .in_org(P::LimitDefault)
            .records(Action::LimitGroup),
        post("/o/{org}/limits/pool", handlers::defaults::update_pool)
            .in_org(P::LimitDefault)
            .records(Action::LimitPool),
        post("/o/{org}/limits/settings", handlers::defaults::update_settings)
            .in_org(P::LimitDefault)
            .records(Action::LimitSettings),
        get("/o/{org}/limits/request", handlers::requests::new).in_org(P::LimitRequest),
        post("/o/{org}/limits/request", handlers::requests::create)
            .in_org(P::LimitRequest)
            .records(Action::LimitRequest),
        post("/o/{org}/limits/request/withdrawal", handlers::requests::withdraw)
            .in_org(P::LimitRequest)
            .records(Action::LimitRequestWithdraw),
        get("/o/{org}/limits/requests/{request}", handlers::requests::show)
            .in_org(P::LimitDecide)
            .about(Target::LimitRequest),
        post(
            "/o/{org}/limits/requests/{request}/approval",
            handlers::requests::approve,
        )
        .in_org(P::LimitDecide)
        .about(Target::LimitRequest)
        .records(Action::LimitApprove),
        post("/o/{org}/limits/requests/{request}/refusal", handlers::requests::deny)
            .in_org(P::LimitDecide)
            .about(Target::LimitRequest)
            .records(Action::LimitDeny),
    ]
}

/// Every statement of this room.
pub fn statements() -> Vec<crate::db::Statement> {
    let mut all = store::statements();
    all.extend(store::made());
    all
}
