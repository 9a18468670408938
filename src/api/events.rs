//! Usage after the fact, as CloudEvents 1.0 over HTTP: structured, batch and binary. Each event counts once by its source and id.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Credits,
    machine::{EXPONENT, Machine, has_exponent, media, words},
    problem::Fault,
    reservations::{UNKNOWN, check_org, holder_of},
    subject::{self, Found, Subject},
    usage::parse_time,
};
use crate::{
    app::App,
    clock::Timestamp,
    error::Error,
    gate::{Charged, Who},
    keys::scope::Duty,
    metering::{Kind, Outcome, ReservationId, Settlement, Usage, engine::BATCH},
    web::request::Sent,
};

/// One event (CloudEvents 1.0.2 section 3).
#[derive(Debug, Deserialize)]
struct Event {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: Option<String>,
    time: Option<String>,
    data: Option<Data1>,
}

/// What an event says of usage.
#[derive(Debug, Default, Deserialize)]
struct Data1 {
    org: Option<String>,
    key: Option<String>,
    reservation: Option<String>,
    unit: Option<String>,
    app: Option<String>,
    flow: Option<String>,
    #[serde(alias = "cost", alias = "amount")]
    credits: Option<Credits>,
    quantity: Option<Credits>,
    unit_price: Option<Credits>,
}

/// What became of one event.
#[derive(Debug, Serialize)]
struct Result1 {
    source: String,
    id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

fn refused(source: String, id: String, error: &Error) -> Result1 {
    let status = match error {
        Error::Busy | Error::Internal(_) => "failed",
        Error::Conflict(_) => "conflict",
        _ => "invalid",
    };
    Result1 {
        source,
        id,
        status,
        detail: Some(error.to_string()),
    }
}

/// The events of a request, in their order; one that cannot be read is told with its place.
fn read(req: &HttpRequest, body: &[u8]) -> Result<Vec<Value>, Fault> {
    let json = |bytes: &[u8]| {
        if has_exponent(bytes) {
            return Err(Error::BadRequest(format!(
                "The body is not what this address takes: {EXPONENT}."
            )));
        }
        serde_json::from_slice::<Value>(bytes)
            .map_err(|error| Error::BadRequest(format!("The body is not JSON: {error}.")))
    };
    let (media, is_binary) = (media(req), req.headers().contains_key("ce-id"));
    match media.as_str() {
        "application/cloudevents+json" => Ok(vec![json(body)?]),
        "application/cloudevents-batch+json" => match json(body)? {
            Value::Array(events) => Ok(events),
            _ => Err(Error::BadRequest("A batch is a JSON array of events.".to_owned()).into()),
        },
        // An event in headers needs no data, and what is not there has no type.
        "" | "application/json" if is_binary && (!media.is_empty() || body.is_empty()) => {
            let header = |name: &str| {
                let value = req.headers().get(name)?.to_str().ok()?;
                // Header values are percent-encoded (CloudEvents HTTP binding section 3.1.3.2).
                Some(
                    percent_encoding::percent_decode_str(value)
                        .decode_utf8_lossy()
                        .into_owned(),
                )
            };
            let mut event = json!({ "data": if body.is_empty() { json!({}) } else { json(body)? } });
            for name in ["id", "source", "type", "specversion", "subject", "time"] {
                if let Some(value) = header(&format!("ce-{name}")) {
                    event[name] = json!(value);
                }
            }
            Ok(vec![event])
        }
        _ => Err(Fault::Media {
            takes: "CloudEvents (“application/cloudevents+json”, “application/cloudevents-batch+json”, or JSON with ce- headers)",
            sent: media,
        }),
    }
}

/// What an event wants.
enum Deed {
    /// To be booked.
    Book(Who, Usage),
    /// To settle a reservation.
    Settle(Charged, ReservationId, Settlement),
}

/// What an event charges, and whom.
async fn understand(app: &App, machine: &Machine, event: Event) -> Result<Deed, Error> {
    let data = event.data.unwrap_or_default();
    if event.specversion != "1.0" {
        return Err(Error::invalid(
            "specversion",
            "Only CloudEvents 1.0 are understood. Send specversion 1.0.",
        ));
    }
    check_org(machine, data.org.as_deref())?;
    if let Some(unit) = data
        .unit
        .as_deref()
        .filter(|unit| !matches!(*unit, "credit" | "credits"))
    {
        return Err(Error::invalid(
            "unit",
            format!("Amounts are credits, and this says “{unit}”. Leave unit out and send credits."),
        ));
    }
    let named = Subject {
        subject: data.key.or(event.subject),
        key: None,
    };
    let amount = data.credits.unwrap_or_default().micros();
    if let Some(reservation) = &data.reservation {
        if !machine.holder.has(Duty::GateReserve) {
            return Err(Error::forbidden(format!(
                "An event with a reservation settles it, which needs the scope “{}”.",
                Duty::GateReserve.key()
            )));
        }
        let unknown = || Error::invalid("reservation", UNKNOWN);
        let id: ReservationId = reservation.parse().map_err(|_| unknown())?;
        let charged = match holder_of(app, machine, id, &named).await {
            Ok(charged) => charged,
            Err(Fault::Error(error)) => return Err(error),
            Err(Fault::Denied(denial, _)) => return Err(Error::invalid("subject", denial.detail)),
            Err(_) => return Err(unknown()),
        };
        let settlement = Settlement {
            amount,
            quantity: data.quantity.unwrap_or_default().micros(),
            unit_price: data.unit_price.map(Credits::micros),
            activity: Some(event.kind.into()),
            app: data.app.map(Into::into),
            flow: data.flow.map(Into::into),
        };
        return Ok(Deed::Settle(charged, id, settlement));
    }
    let who = match subject::find(app, machine, &named).await? {
        Found::Known(who) => who,
        Found::BadKey | Found::Nobody => {
            return Err(Error::invalid(
                "subject",
                "Nobody of this organization is known by this subject. Send a member’s, service account’s or key’s id, or an e-mail address.",
            ));
        }
    };
    let mut usage = Usage {
        quantity: data.quantity.unwrap_or_default().micros(),
        unit_price: data.unit_price.map(Credits::micros),
        at: event.time.as_deref().map(parse_time).transpose()?,
        activity: Some(event.kind.into()),
        app: data.app.map(Into::into),
        flow: data.flow.map(Into::into),
        ..Usage::new(event.source, event.id, amount)
    };
    if amount < 0 {
        if !machine.holder.has(Duty::UsageCorrect) {
            return Err(Error::forbidden(format!(
                "A negative amount is a correction, which needs the scope “{}”.",
                Duty::UsageCorrect.key()
            )));
        }
        usage.kind = Kind::Adjustment;
    }
    usage.check(app.gate.now())?;
    Ok(Deed::Book(who, usage))
}

/// Settles what events say, all at once, so that they are committed together.
async fn settle(
    app: &App,
    wanted: Vec<(usize, Charged, ReservationId, Settlement)>,
) -> Vec<(usize, Result<Outcome, Error>)> {
    let each = wanted.iter().map(async |(place, charged, id, settlement)| {
        let told = app.gate.settle_for(charged, *id, settlement).await;
        let told = told.map_err(|error| match error {
            Error::NotFound => Error::invalid("reservation", UNKNOWN),
            other => other,
        });
        (*place, told.map(|told| told.outcome))
    });
    join_all(each).await
}

/// Books events: 204 when all count, 207 with one outcome for each when some do not.
pub async fn create(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    let events = read(&req, &body)?;
    if events.len() > BATCH {
        return Err(Error::invalid(
            "events",
            format!("A batch has at most {BATCH} events. Send several batches."),
        )
        .into());
    }
    let is_single = events.len() == 1;
    let (mut results, mut known) = (Vec::with_capacity(events.len()), Vec::new());
    let mut settlements = Vec::new();
    for (place, event) in events.into_iter().enumerate() {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (source, id) = (text("source"), text("id"));
        let understood = match serde_json::from_value::<Event>(event) {
            Ok(event) => understand(&app, &machine, event).await,
            Err(error) => Err(Error::BadRequest(format!("Event {}: {}.", place + 1, words(&error)))),
        };
        match understood {
            Ok(deed) => {
                match deed {
                    Deed::Book(who, usage) => known.push((place, (who, usage))),
                    Deed::Settle(charged, id, settlement) => settlements.push((place, charged, id, settlement)),
                }
                results.push(Result1 {
                    source,
                    id,
                    status: "failed",
                    detail: None,
                });
            }
            Err(error) if is_single => return Err(error.into()),
            Err(error) => results.push(refused(source, id, &error)),
        }
    }
    let (places, pairs): (Vec<usize>, Vec<(Who, Usage)>) = known.into_iter().unzip();
    let now = app.gate.now();
    let whose: Vec<(Who, Timestamp)> = pairs
        .iter()
        .map(|(who, usage)| (who.clone(), usage.time().map_or(now, |at| at.min(now))))
        .collect();
    let reported = app.gate.report(machine.org(), pairs).await?;
    for ((who, at), outcome) in whose.iter().zip(&reported) {
        if matches!(outcome, Ok(Outcome::Booked | Outcome::Duplicate)) {
            app.gate.note_authorized_at(who, None, *at);
        }
    }
    let settled = settle(&app, settlements).await;
    let outcomes = places.into_iter().zip(reported).chain(settled);
    for (place, outcome) in outcomes {
        let result = &mut results[place];
        match outcome.and_then(Outcome::counts) {
            Ok(outcome) => {
                result.status = if outcome == Outcome::Duplicate {
                    "duplicate"
                } else {
                    "booked"
                }
            }
            Err(error) if is_single => return Err(error.into()),
            Err(error) => {
                *result = refused(
                    std::mem::take(&mut result.source),
                    std::mem::take(&mut result.id),
                    &error,
                );
            }
        }
    }
    if results
        .iter()
        .all(|result| matches!(result.status, "booked" | "duplicate"))
    {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(json!({ "results": results })))
}
