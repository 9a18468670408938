//! Check and record: usage whose amount is known is booked if every hard limit has room, and refused without a trace otherwise.

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};

use super::{
    Credits,
    machine::{Body, Machine, denied},
    problem::{Fault, charged, json_with_limits, limit_words_of, with_limits_of},
    reservations::about,
    subject::Subject,
};
use crate::{
    app::App,
    clock::Timestamp,
    error::Error,
    gate::{Ask, Verdict},
    metering::{Outcome, Usage},
};

/// What was used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Used {
    subject: Option<String>,
    key: Option<String>,
    source: String,
    id: String,
    amount: Credits,
    time: Option<String>,
    quantity: Option<Credits>,
    unit_price: Option<Credits>,
    activity_type: Option<String>,
    app: Option<String>,
    flow: Option<String>,
    permission: Option<String>,
    feature: Option<String>,
    ip: Option<std::net::IpAddr>,
}

/// What is answered when it was booked, beside how the limits stand.
#[derive(Debug, Serialize)]
struct Recorded {
    /// Whether it had been told before.
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    charged: Option<&'static str>,
}

/// An instant as RFC 3339 writes it.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, Error> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| Error::invalid("time", "Give the time as RFC 3339 does, such as 2026-11-20T09:30:00Z."))?;
    Ok(Timestamp::from_micros(at.as_microsecond()))
}

/// Books usage: 200 with the limits as they stand then, or 403 or 429.
pub async fn create(app: Data<App>, machine: Machine, body: Body<Used>) -> Result<HttpResponse, Fault> {
    let Body(used) = body;
    let named = Subject {
        subject: used.subject,
        key: used.key,
    };
    let who = about(&app, &machine, &named).await?;
    let usage = Usage {
        quantity: used.quantity.unwrap_or_default().micros(),
        unit_price: used.unit_price.map(Credits::micros),
        at: used.time.as_deref().map(parse_time).transpose()?,
        activity: used.activity_type.map(Into::into),
        app: used.app.map(Into::into),
        flow: used.flow.map(Into::into),
        ..Usage::new(used.source, used.id, used.amount.micros())
    };
    let ask = Ask {
        permission: used.permission,
        feature: used.feature,
        ip: used.ip,
        assurance: None,
        cost: usage.amount,
    };
    let granted = app.gate.record(&who, &ask, &usage).await?;
    match (granted.verdict, granted.done.zip(granted.caller)) {
        (Verdict::Allow { limits, pays, .. }, Some((outcome, caller))) => {
            app.gate.note_authorized_of(&who, &caller, ask.ip);
            let recorded = Recorded {
                duplicate: outcome == Outcome::Duplicate,
                charged: charged(pays),
            };
            let mut answer = HttpResponse::Ok();
            let answer = with_limits_of(&mut answer, &caller, &limits, app.gate.now());
            let words = limit_words_of(&limits, &machine.caller.plan.org);
            Ok(json_with_limits(answer, &recorded, &words))
        }
        (Verdict::Deny(denial), _) => {
            let caller = app.gate.caller(&who).await?;
            Err(denied(&app, denial, caller.as_deref(), &machine.holder.bearer.slug))
        }
        (Verdict::Allow { .. }, None) => Err(Error::Busy.into()),
    }
}
