//! The quota read API: how every limit stands, so that 429 is never the first signal (B-63).

use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use serde_json::json;

use super::{
    machine::{Machine, denied},
    problem::{Fault, limit_words, with_limits},
    reservations::about,
    subject::Subject,
};
use crate::{app::App, gate::Denial, keys::scope::Duty};

/// The limits of whoever asks, or of somebody else for whoever may read usage.
pub async fn show(app: Data<App>, machine: Machine, named: Query<Subject>) -> Result<HttpResponse, Fault> {
    let named = named.into_inner();
    if named.subject.is_some() || named.key.is_some() {
        machine.needs(Duty::UsageRead)?;
    }
    let who = about(&app, &machine, &named).await?;
    let Some((caller, limits)) = app.gate.quota(&who).await? else {
        return Err(denied(
            &app,
            Box::new(Denial::stranger()),
            None,
            &machine.holder.bearer.slug,
        ));
    };
    let zone = caller.plan.org.settings.zone();
    let body = json!({ "organization": machine.holder.bearer.slug, "limits": limit_words(&limits, zone), "contact": caller.contact });
    Ok(with_limits(&mut HttpResponse::Ok(), &limits, app.gate.now()).json(body))
}
