//! Acts on many members or invitations at once: a dry run, then the deed, for some hundreds at once and for any number as a job with
//! progress, a result for each person, and a way back where the act on one has one.
//!
//! The deeds themselves belong to the rooms of members, groups and invitations, in their `mass` files; here they are ordered, worked
//! off, shown and taken back. What is new to do to many is added to [`Kind`].

mod forms;
mod handlers;
pub mod job;
pub mod kind;
mod store;
pub mod survey;
mod views;
pub mod work;

pub use job::{Job, State, prune};
pub use kind::{Kind, Reason, Terms};
pub use store::statements;

use handlers::{Disablements, Groups, Limits, Pools, Removals, Resends, Roles, Suspensions};

use crate::{
    access::Permission as P,
    audit::Action,
    web::routes::{Kind as Answers, Route, Target, get, post},
};

/// The body that a selection of two thousand may have.
const SELECTION: usize = 256 << 10;

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    let check = |route: Route, permission| route.in_org(permission).body(SELECTION);
    let run = |route: Route, permission, action| route.in_org(permission).body(SELECTION).records(action);
    let of = |route: Route, permission, action| route.in_org(permission).about(Target::Job).records(action);
    vec![
        check(
            post("/o/{org}/members/bulk/groups/check", handlers::check::<Groups>),
            P::GroupManage,
        ),
        run(
            post("/o/{org}/members/bulk/groups", handlers::run::<Groups>),
            P::GroupManage,
            Action::GroupMemberAdd,
        ),
        check(
            post("/o/{org}/members/bulk/roles/check", handlers::check::<Roles>),
            P::RoleAssign,
        ),
        run(
            post("/o/{org}/members/bulk/roles", handlers::run::<Roles>),
            P::RoleAssign,
            Action::MemberRole,
        ),
        check(
            post(
                "/o/{org}/members/bulk/suspensions/check",
                handlers::check::<Suspensions>,
            ),
            P::MemberSuspend,
        ),
        run(
            post("/o/{org}/members/bulk/suspensions", handlers::run::<Suspensions>),
            P::MemberSuspend,
            Action::MemberSuspend,
        ),
        check(
            post(
                "/o/{org}/members/bulk/disablements/check",
                handlers::check::<Disablements>,
            ),
            P::MemberDisable,
        ),
        run(
            post("/o/{org}/members/bulk/disablements", handlers::run::<Disablements>),
            P::MemberDisable,
            Action::MemberDisable,
        ),
        check(
            post("/o/{org}/members/bulk/removals/check", handlers::check::<Removals>),
            P::MemberManage,
        ),
        run(
            post("/o/{org}/members/bulk/removals", handlers::run::<Removals>),
            P::MemberManage,
            Action::MemberRemove,
        ),
        check(
            post("/o/{org}/invites/resends/check", handlers::check::<Resends>),
            P::InviteCreate,
        ),
        run(
            post("/o/{org}/invites/resends", handlers::run::<Resends>),
            P::InviteCreate,
            Action::InvitationResend,
        ),
        check(
            post("/o/{org}/members/bulk/limits/check", handlers::check::<Limits>),
            P::LimitSet,
        ),
        run(
            post("/o/{org}/members/bulk/limits", handlers::run::<Limits>),
            P::LimitSet,
            Action::LimitSet,
        ),
        check(
            post("/o/{org}/members/bulk/pools/check", handlers::check::<Pools>),
            P::PoolManage,
        ),
        run(
            post("/o/{org}/members/bulk/pools", handlers::run::<Pools>),
            P::PoolManage,
            Action::MemberPool,
        ),
        get("/o/{org}/bulk/{job}", handlers::show)
            .in_org(P::MemberRead)
            .about(Target::Job),
        get("/o/{org}/bulk/{job}/failures.csv", handlers::failures)
            .in_org(P::MemberSuspend)
            .about(Target::Job)
            .kind(Answers::Download),
        of(
            post("/o/{org}/bulk/groups/{job}/undo", handlers::undo::<Groups>),
            P::GroupManage,
            Action::BulkUndo,
        ),
        of(
            post("/o/{org}/bulk/roles/{job}/undo", handlers::undo::<Roles>),
            P::RoleAssign,
            Action::BulkUndo,
        ),
        of(
            post("/o/{org}/bulk/suspensions/{job}/undo", handlers::undo::<Suspensions>),
            P::MemberSuspend,
            Action::BulkUndo,
        ),
        of(
            post("/o/{org}/bulk/pools/{job}/undo", handlers::undo::<Pools>),
            P::PoolManage,
            Action::BulkUndo,
        ),
        of(
            post("/o/{org}/bulk/pools/{job}/stop", handlers::stop::<Pools>),
            P::PoolManage,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/limits/{job}/undo", handlers::undo::<Limits>),
            P::LimitSet,
            Action::BulkUndo,
        ),
        of(
            post("/o/{org}/bulk/limits/{job}/stop", handlers::stop::<Limits>),
            P::LimitSet,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/groups/{job}/stop", handlers::stop::<Groups>),
            P::GroupManage,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/roles/{job}/stop", handlers::stop::<Roles>),
            P::RoleAssign,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/suspensions/{job}/stop", handlers::stop::<Suspensions>),
            P::MemberSuspend,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/disablements/{job}/stop", handlers::stop::<Disablements>),
            P::MemberDisable,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/removals/{job}/stop", handlers::stop::<Removals>),
            P::MemberManage,
            Action::BulkStop,
        ),
        of(
            post("/o/{org}/bulk/resends/{job}/stop", handlers::stop::<Resends>),
            P::InviteCreate,
            Action::BulkStop,
        ),
    ]
}
