//! Import of members from a file: upload or paste, say what the columns hold, see what would become of each line, bring the people in.
//!
//! A file is read by [`reading`], a line by [`row`], judged by [`judge`], and brought in by [`work`] through the verbs by which one
//! person is invited, added, put into groups and limited. An upload belongs to whoever made it and is forgotten after a day.

mod forms;
mod handlers;
pub mod import;
pub mod judge;
pub mod plan;
pub mod reading;
pub mod row;
mod store;
pub mod verdict;
mod views;
pub mod work;

pub use import::{Counts, Import, State, prune};
pub use store::statements;
pub use verdict::Verdict;

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Kind, Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    let of = |route: Route| route.in_org(P::InviteCreate).about(Target::Import);
    vec![
        get("/o/{org}/imports/new", handlers::new).in_org(P::InviteCreate),
        post("/o/{org}/imports", handlers::create)
            .in_org(P::InviteCreate)
            .spools(reading::BYTES),
        of(get("/o/{org}/imports/{import}", handlers::show)),
        of(get("/o/{org}/imports/{import}/columns", handlers::edit)),
        of(post("/o/{org}/imports/{import}/check", handlers::check)),
        of(post("/o/{org}/imports/{import}/run", handlers::run)).records(Action::ImportRun),
        of(post("/o/{org}/imports/{import}/stop", handlers::stop)).records(Action::ImportStop),
        of(post("/o/{org}/imports/{import}/deletion", handlers::destroy)),
        of(get("/o/{org}/imports/{import}/errors.csv", handlers::errors)).kind(Kind::Download),
    ]
}
