//! Key introspection (RFC 7662): what a key is, for a service that was given it.

use actix_web::{
    HttpResponse,
    web::{Data, Form},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    machine::{Machine, holder_of},
    problem::{Fault, limit_words},
};
use crate::{
    app::App,
    gate::{Ask, Principal},
    ids::{KeyId, ServiceId},
};

/// The form of RFC 7662 section 2.1; a hint changes nothing.
#[derive(Deserialize)]
pub struct Asked {
    token: String,
}

/// What a key is; one that is unknown, of another organization, or does not act is inactive and nothing more (section 2.2).
pub async fn create(app: Data<App>, machine: Machine, asked: Form<Asked>) -> Result<HttpResponse, Fault> {
    let inactive = || Ok(HttpResponse::Ok().json(json!({ "active": false })));
    let holder = match holder_of(&app, &asked.token).await? {
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
