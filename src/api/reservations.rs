//! Reservations: hold an amount, then settle what was really used or let go of it (STANDARDS section 7).

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use serde::{Deserialize, Serialize};

use super::{
    Credits,
    machine::{Body, BodyOr, Machine, denied},
    problem::{Fault, charged, instant, json_of, json_with_limits, limit_words_of, with_limits_of},
    subject::{self, Found, Subject},
};
use crate::{
    app::App,
    error::Error,
    gate::{Ask, Charged, Denial, Verdict, Who},
    metering::{Hold, Origin, Outcome, ReservationId, Settlement, check_words},
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
    org: Option<String>,
    activity_type: Option<String>,
    app: Option<String>,
    flow: Option<String>,
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

/// Refuses an organization that is not the key's own, which is the only one that it sees anything of.
pub(super) fn check_org(machine: &Machine, named: Option<&str>) -> Result<(), Error> {
    let bearer = &machine.holder.bearer;
    match named {
        Some(org) if org != bearer.slug && org != bearer.org.to_string() => Err(Error::invalid(
            "org",
            format!(
                "This key belongs to the organization “{}”, and this says “{org}”. Leave org out, or use a key of that organization.",
                bearer.slug
            ),
        )),
        _ => Ok(()),
    }
}

/// What is said of a reservation that this key may not settle or let go of, or that is over.
pub(super) const UNKNOWN: &str = "No reservation of this id is known to this key. If it was made for somebody else, or its time is over, name \
    whom it is for by “subject” or “key”; what was used is booked then all the same.";

/// Whom a settlement charges: whoever is named, or whoever the calling key made the reservation for.
pub(super) async fn holder_of(
    app: &App,
    machine: &Machine,
    id: ReservationId,
    named: &Subject,
) -> Result<Charged, Fault> {
    if named.subject.is_some() || named.key.is_some() {
        return Ok(Charged::Who(about(app, machine, named).await?));
    }
    let account = app.gate.charged(machine.org(), machine.holder.facts.id, id).await?;
    account.map(Charged::Account).ok_or(Fault::Unknown(UNKNOWN))
}

fn unknown(error: Error) -> Fault {
    match error {
        Error::NotFound => Fault::Unknown(UNKNOWN),
        other => other.into(),
    }
}

/// What is answered when it is held, beside how the limits stand.
#[derive(Debug, Serialize)]
struct Reserved {
    id: String,
    amount: Credits,
    expires_at: String,
    /// The policies that only warn, and are overrun.
    over_soft: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged: Option<&'static str>,
}

/// Holds an amount: 201 with its id, or 403 or 429.
pub async fn create(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    body: Body<Wanted>,
) -> Result<HttpResponse, Fault> {
    let Body(wanted) = body;
    check_org(&machine, wanted.org.as_deref())?;
    // They are booked with the settlement, so they are looked at as it is.
    check_words(
        wanted.activity_type.as_deref(),
        wanted.app.as_deref(),
        wanted.flow.as_deref(),
    )?;
    let origin = Origin {
        key: Some(machine.holder.facts.id),
        activity: wanted.activity_type.map(Into::into),
        app: wanted.app.map(Into::into),
        flow: wanted.flow.map(Into::into),
    };
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
        origin,
    };
    let granted = app.gate.reserve(&who, &ask, &hold).await?;
    match (granted.verdict, granted.done.zip(granted.caller)) {
        (Verdict::Allow { limits, over, pays }, Some((held, caller))) => {
            app.gate.note_authorized_of(&who, &caller, ask.ip);
            let org = &machine.caller.plan.org;
            let status = if held.is_repeated {
                StatusCode::OK
            } else {
                StatusCode::CREATED
            };
            let soft: Vec<&'static str> = over
                .iter()
                .filter_map(|place| limits.get(*place))
                .map(|limit| limit.name)
                .collect();
            let reserved = Reserved {
                id: held.id.to_string(),
                amount: wanted.amount,
                expires_at: instant(held.expires_at, org.settings.zone()),
                over_soft: soft,
                charged: charged(pays),
            };
            let mut answer = HttpResponse::build(status);
            let answer = with_limits_of(&mut answer, &caller, &limits, app.gate.now());
            Ok(json_with_limits(answer, &reserved, &limit_words_of(&limits, org)))
        }
        (Verdict::Deny(denial), _) => {
            let caller = app.gate.caller(&who).await?;
            Err(denied(&app, denial, caller.as_deref(), &machine.holder.bearer.slug))
        }
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

/// What is answered when it is booked.
#[derive(Debug, Serialize)]
struct Booked {
    id: String,
    amount: Credits,
    /// Whether it had been told before.
    duplicate: bool,
    /// What was used beyond the reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    excess: Option<Credits>,
}

/// Books what was used and lets go of the rest: 200, told again as well.
pub async fn settle(
    app: Data<App>,
    machine: Machine,
    id: Path<String>,
    body: Body<Settled>,
) -> Result<HttpResponse, Fault> {
    let Body(settled) = body;
    let id: ReservationId = id.parse().map_err(|_| Fault::Unknown(UNKNOWN))?;
    let named = Subject {
        subject: settled.subject,
        key: settled.key,
    };
    let charged = holder_of(&app, &machine, id, &named).await?;
    let settlement = Settlement {
        amount: settled.amount.micros(),
        quantity: settled.quantity.unwrap_or_default().micros(),
        unit_price: settled.unit_price.map(Credits::micros),
        activity: settled.activity_type.map(Into::into),
        app: settled.app.map(Into::into),
        flow: settled.flow.map(Into::into),
    };
    let told = app.gate.settle_for(&charged, id, &settlement).await.map_err(unknown)?;
    let booked = Booked {
        id: id.to_string(),
        amount: settled.amount,
        duplicate: told.outcome == Outcome::Duplicate,
        excess: (told.excess > 0).then(|| Credits::from_micros(told.excess)),
    };
    Ok(json_of(&mut HttpResponse::Ok(), &booked))
}

/// Whose reservation is let go of.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    subject: Option<String>,
    key: Option<String>,
}

/// Lets go of a reservation of which nothing was used: 204, or 410 when nothing is held any more. The body may be left out.
pub async fn release(
    app: Data<App>,
    machine: Machine,
    id: Path<String>,
    body: BodyOr<Released>,
) -> Result<HttpResponse, Fault> {
    let BodyOr(released) = body;
    let id: ReservationId = id.parse().map_err(|_| Fault::Unknown(UNKNOWN))?;
    let named = Subject {
        subject: released.subject,
        key: released.key,
    };
    if named.subject.is_some() || named.key.is_some() {
        let who = about(&app, &machine, &named).await?;
        app.gate.release(&who, id).map_err(unknown)?;
    } else {
        let (org, key) = (machine.org(), machine.holder.facts.id);
        app.gate.release_own(org, key, id).map_err(unknown)?;
    }
    Ok(HttpResponse::NoContent().finish())
}
