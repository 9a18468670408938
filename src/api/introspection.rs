//! Key introspection (RFC 7662): what a key is, for a service that was given it.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::json;

use super::{
    machine::{Machine, holder_of, media},
    problem::{Fault, limit_words},
};
use crate::{
    app::App,
    error::Error,
    gate::{Ask, Principal},
    ids::{KeyId, ServiceId},
    web::request::Sent,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// The key that the form of RFC 7662 section 2.1 asks about; a hint changes nothing.
fn token(req: &HttpRequest, form: &[u8]) -> Result<String, Fault> {
    let sent = media(req);
    if sent != FORM {
        return Err(Fault::Media { takes: FORM, sent });
    }
    url::form_urlencoded::parse(form)
        .find(|(name, value)| name == "token" && !value.is_empty())
        .map(|(_, value)| value.into_owned())
        .ok_or_else(|| {
            Error::BadRequest("The form has no “token”. Send the key that you ask about as token=mst_….".to_owned())
                .into()
        })
}

/// What a key is; one that is unknown, of another organization, or does not act is inactive and nothing more (section 2.2).
pub async fn create(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(form): Sent,
) -> Result<HttpResponse, Fault> {
    let token = token(&req, &form)?;
    let inactive = || Ok(HttpResponse::Ok().json(json!({ "active": false })));
    let holder = match holder_of(&app, &token).await? {
        Some(holder) if holder.bearer.org == machine.org() => holder,
        _ => return inactive(),
    };
    let who = holder.who();
    let Ok(caller) = app.gate.admit(&who, &Ask::default()).await? else {
        return inactive();
    };
    let limits = app
        .gate
        .quota(&who)
        .await?
        .map(|(_, limits)| limits)
        .unwrap_or_default();
    let bearer = &holder.bearer;
    let (sub, username) = match holder.principal {
        Principal::Member(member) => (
            member.to_string(),
            bearer.owner.as_ref().map(|owner| owner.email.clone()),
        ),
        Principal::ServiceAccount(id) => (
            ServiceId::from_raw(id).to_string(),
            bearer.service.as_ref().map(|service| service.name.clone()),
        ),
        Principal::Group(group) => (group.to_string(), None),
    };
    let groups: Vec<String> = holder.groups.iter().map(ToString::to_string).collect();
    let mut answer = json!({
        "active": true,
        "sub": sub,
        "scope": holder.allowed.to_text(),
        "token_type": "Bearer",
        "iss": app.settings.link(""),
        "iat": bearer.created_at.secs(),
        "jti": KeyId::from_raw(holder.facts.id).to_string(),
        "org": bearer.slug,
        "groups": groups,
        "features": holder.features(),
        "limits": limit_words(&limits, caller.plan.org.settings.zone()),
    });
    if let Some(username) = username {
        answer["username"] = json!(username);
    }
    if let Some(end) = bearer.expires_at {
        answer["exp"] = json!(end.secs());
    }
    if let Some(start) = bearer.not_before {
        answer["nbf"] = json!(start.secs());
    }
    Ok(HttpResponse::Ok().json(answer))
}
