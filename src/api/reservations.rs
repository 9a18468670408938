//! Reservations: hold an amount, then settle what was really used or let go of it (STANDARDS section 7).

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Credits,
    machine::{Body, Machine, denied},
    problem::{Fault, charged, instant, limit_words, with_limits},
    subject::{self, Found, Subject},
};
use crate::{
    app::App,
    error::Error,
    gate::{Ask, Denial, Verdict, Who},
    metering::{Hold, Outcome, ReservationId, Settlement},
};

/// How long a reservation lasts when nothing is said, in seconds.
const TTL: u64 = 300;

/// What is to be held.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    subject: Option<String>,
    key: Option<String>,
    amount: Credits,
    ttl_s: Option<u64>,
    permission: Option<String>,
    feature: Option<String>,
    ip: Option<std::net::IpAddr>,
}

/// Whom a body is about, and the refusal of whoever is not known here.
pub(super) async fn about(app: &App, machine: &Machine, named: &Subject) -> Result<Who, Fault> {
    let refusal = match subject::find(app, machine, named).await? {
        Found::Known(who) => return Ok(who),
        Found::BadKey => Denial::credential(),
        Found::Nobody => Denial::stranger(),
    };
    Err(denied(app, Box::new(refusal), None, &machine.holder.bearer.slug))
}

/// Holds an amount: 201 with its id, or 403 or 429.
pub async fn create(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    body: Body<Wanted>,
) -> Result<HttpResponse, Fault> {
    let Body(wanted) = body;
    let named = Subject {
        subject: wanted.subject,
        key: wanted.key,
    };
    let who = about(&app, &machine, &named).await?;
    let ask = Ask {
        permission: wanted.permission,
        feature: wanted.feature,
        ip: wanted.ip,
        assurance: None,
        cost: wanted.amount.micros(),
    };
    let idempotency_key = match req.headers().get("idempotency-key") {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| Error::invalid("Idempotency-Key", "An idempotency key is plain text. Send another one."))?
                .to_owned(),
        ),
    };
    let hold = Hold {
        amount: wanted.amount.micros(),
        ttl: Duration::from_secs(wanted.ttl_s.unwrap_or(TTL)),
        idempotency_key,
    };
    let granted = app.gate.reserve(&who, &ask, &hold).await?;
    let caller = app.gate.caller(&who).await?;
    match (granted.verdict, granted.done) {
        (Verdict::Allow { limits, over, pays }, Some(held)) => {
            app.gate.note_authorized(&who, ask.ip);
            let zone = machine.caller.plan.org.settings.zone();
            let status = if held.is_repeated {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            let soft: Vec<&str> = over
                .iter()
                .filter_map(|place| limits.get(*place))
                .map(|limit| limit.name.as_str())
                .collect();
            let mut body = json!({
                "id": held.id.to_string(),
                "amount": wanted.amount,
                "expires_at": instant(held.expires_at, zone),
                "limits": limit_words(&limits, zone),
                "over_soft": soft,
            });
            charged(&mut body, pays);
            Ok(with_limits(&mut HttpResponse::build(status), &limits, app.gate.now()).json(body))
        }
        (Verdict::Deny(denial), _) => Err(denied(&app, denial, caller.as_deref(), &machine.holder.bearer.slug)),
        (Verdict::Allow { .. }, None) => Err(Error::Busy.into()),
    }
}

/// What was really used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    subject: Option<String>,
    key: Option<String>,
    amount: Credits,
    quantity: Option<Credits>,
    unit_price: Option<Credits>,
    activity_type: Option<String>,
    app: Option<String>,
    flow: Option<String>,
}

/// Books what was used and lets go of the rest: 200, told again as well.
pub async fn settle(
    app: Data<App>,
    machine: Machine,
    id: Path<String>,
    body: Body<Settled>,
) -> Result<HttpResponse, Fault> {
    let Body(settled) = body;
    let id: ReservationId = id.parse().map_err(|_| Error::NotFound)?;
    let named = Subject {
        subject: settled.subject,
        key: settled.key,
    };
    let who = about(&app, &machine, &named).await?;
    let settlement = Settlement {
        amount: settled.amount.micros(),
        quantity: settled.quantity.unwrap_or_default().micros(),
        unit_price: settled.unit_price.map(Credits::micros),
        activity: settled.activity_type.map(Into::into),
        app: settled.app.map(Into::into),
        flow: settled.flow.map(Into::into),
    };
    let outcome = app.gate.settle(&who, id, &settlement).await?;
    Ok(HttpResponse::Ok()
        .json(json!({ "id": id.to_string(), "amount": settled.amount, "duplicate": outcome == Outcome::Duplicate })))
}

/// Whose reservation is let go of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    subject: Option<String>,
    key: Option<String>,
}

/// Lets go of a reservation of which nothing was used: 204, or 410 when nothing is held any more.
pub async fn release(
    app: Data<App>,
    machine: Machine,
    id: Path<String>,
    body: Body<Released>,
) -> Result<HttpResponse, Fault> {
    let Body(released) = body;
    let id: ReservationId = id.parse().map_err(|_| Error::NotFound)?;
    let named = Subject {
        subject: released.subject,
        key: released.key,
    };
    let who = about(&app, &machine, &named).await?;
    app.gate.release(&who, id)?;
    Ok(HttpResponse::NoContent().finish())
}
