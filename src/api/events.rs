//! Usage after the fact, as CloudEvents 1.0 over HTTP: structured, batch and binary. Each event counts once by its source and id.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
    web::{Bytes, Data},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Credits,
    machine::Machine,
    problem::Fault,
    subject::{self, Found, Subject},
    usage::parse_time,
};
use crate::{
    app::App,
    error::Error,
    gate::Who,
    keys::scope::Duty,
    metering::{Kind, Outcome, Usage, engine::BATCH},
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
    #[serde(default)]
    data: Data1,
}

/// What an event says of usage.
#[derive(Debug, Default, Deserialize)]
struct Data1 {
    key: Option<String>,
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
fn read(req: &HttpRequest, body: &[u8]) -> Result<Vec<Value>, Error> {
    let json = |bytes: &[u8]| {
        serde_json::from_slice::<Value>(bytes)
            .map_err(|error| Error::BadRequest(format!("The body is not JSON: {error}.")))
    };
    let media = req
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "application/cloudevents+json" => Ok(vec![json(body)?]),
        "application/cloudevents-batch+json" => match json(body)? {
            Value::Array(events) => Ok(events),
            _ => Err(Error::BadRequest("A batch is a JSON array of events.".to_owned())),
        },
        "application/json" if req.headers().contains_key("ce-id") => {
            let header = |name: &str| {
                let value = req.headers().get(name)?.to_str().ok()?;
                // Header values are percent-encoded (CloudEvents HTTP binding section 3.1.3.2).
                Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
            };
            let mut event = json!({ "data": if body.is_empty() { json!({}) } else { json(body)? } });
            for name in ["id", "source", "type", "specversion", "subject", "time"] {
                if let Some(value) = header(&format!("ce-{name}")) {
                    event[name] = json!(value);
                }
            }
            Ok(vec![event])
        }
        _ => Err(Error::BadRequest(
            "Send CloudEvents: “application/cloudevents+json”, “application/cloudevents-batch+json”, or JSON with ce- headers.".to_owned(),
        )),
    }
}

/// What an event charges, and whom.
async fn understand(app: &App, machine: &Machine, event: Event) -> Result<(Who, Usage), Error> {
    if event.specversion != "1.0" {
        return Err(Error::invalid(
            "specversion",
            "Only CloudEvents 1.0 are understood. Send specversion 1.0.",
        ));
    }
    let named = Subject {
        subject: event.data.key.or(event.subject),
        key: None,
    };
    let who = match subject::find(app, machine, &named).await? {
        Found::Known(who) => who,
        Found::BadKey | Found::Nobody => {
            return Err(Error::invalid(
                "subject",
                "Nobody of this organization is known by this subject. Send a member’s, service account’s or key’s id, or an e-mail address.",
            ));
        }
    };
    let amount = event.data.credits.unwrap_or_default().micros();
    let mut usage = Usage {
        quantity: event.data.quantity.unwrap_or_default().micros(),
        unit_price: event.data.unit_price.map(Credits::micros),
        at: event.time.as_deref().map(parse_time).transpose()?,
        activity: Some(event.kind.into()),
        app: event.data.app.map(Into::into),
        flow: event.data.flow.map(Into::into),
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
    Ok((who, usage))
}

/// Books events: 204 when all count, 207 with one outcome for each when some do not.
pub async fn create(app: Data<App>, machine: Machine, req: HttpRequest, body: Bytes) -> Result<HttpResponse, Fault> {
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
    for (place, event) in events.into_iter().enumerate() {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (source, id) = (text("source"), text("id"));
        let understood = match serde_json::from_value::<Event>(event) {
            Ok(event) => understand(&app, &machine, event).await,
            Err(error) => Err(Error::BadRequest(format!("Event {}: {error}.", place + 1))),
        };
        match understood {
            Ok(pair) => {
                known.push((place, pair));
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
    let outcomes = app.gate.report(machine.org(), pairs).await?;
    for (place, outcome) in places.into_iter().zip(outcomes) {
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
