//! What machines speak: reservations, usage, quota, CloudEvents, key introspection, AuthZEN and forward-auth.
//!
//! Every face is thin: it reads a request, asks the [`gate`](crate::gate), and writes the verdict down in the words of its standard
//! (STANDARDS sections 5 to 9). A machine comes with an API key in `Authorization: Bearer`; cookies mean nothing here, so there is
//! nothing to forge across sites; the one exception is a proxy whose configuration lets people in (`person`). Errors are problem+json
//! (RFC 9457), whatever was asked for; AuthZEN alone wants them as a text.

mod authzen;
mod context;
mod credits;
mod events;
mod forward;
mod introspection;
mod machine;
mod person;
mod problem;
mod quota;
mod reservations;
mod resource;
mod search;
mod subject;
mod usage;

pub use credits::Credits;
pub use forward::{IDENTITY, IDENTITY_NAMES};
pub use machine::{Machine, presented};
pub use problem::{Fault, Problem};

use actix_web::http::Method;

use crate::{
    audit::Action,
    keys::scope::Duty,
    web::routes::{Route, any, get, post},
};

/// The largest body of an ordinary request, in bytes.
const BODY: usize = 16 << 10;
/// The largest body of a batch, in bytes.
const BATCH_BODY: usize = 2 << 20;

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    let mut all = vec![
        post("/api/v1/reservations", reservations::create)
            .key(Some(Duty::GateReserve))
            .body(BODY),
        post("/api/v1/reservations/{reservation}/settle", reservations::settle)
            .key(Some(Duty::GateReserve))
            .body(BODY),
        post("/api/v1/reservations/{reservation}/release", reservations::release)
            .key(Some(Duty::GateReserve))
            .body(BODY),
        post("/api/v1/usage", usage::create)
            .key(Some(Duty::UsageWrite))
            .body(BODY),
        post("/api/v1/events", events::create)
            .key(Some(Duty::UsageWrite))
            .body(BATCH_BODY),
        get("/api/v1/quota", quota::show).key(None),
        any(Method::PUT, "/api/v1/memberships/{member}/context", context::provision)
            .key(Some(Duty::UsageWrite))
            .body(BODY)
            .records(Action::MemberContext),
        post("/oauth/introspect", introspection::create)
            .key(Some(Duty::KeyIntrospect))
            .body(BODY),
        get("/.well-known/authzen-configuration", authzen::configuration).api(),
        get("/.well-known/authzen-configuration/{tenant}", authzen::configuration_of).api(),
        post("/access/v1/evaluation", authzen::evaluation)
            .key(Some(Duty::GateDecide))
            .body(BODY),
        post("/access/v1/evaluations", authzen::evaluations)
            .key(Some(Duty::GateDecide))
            .body(BATCH_BODY),
        post("/access/v1/search/subject", search::subject)
            .key(Some(Duty::GateDecide))
            .body(BODY),
        post("/access/v1/search/resource", search::resource)
            .key(Some(Duty::GateDecide))
            .body(BODY),
        post("/access/v1/search/action", search::action)
            .key(Some(Duty::GateDecide))
            .body(BODY),
    ];
    // Proxies ask with the method of the request that they hold back, or with GET.
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    for method in methods {
        all.push(any(method.clone(), "/authz/forward", forward::forward).api().body(BODY));
        all.push(any(method.clone(), "/authz/nginx", forward::nginx).api().body(BODY));
        all.push(
            any(method, "/authz/envoy/{permission}/{path:.*}", forward::envoy)
                .api()
                .body(BODY),
        );
    }
    all
}
