//! The pages of alerts.

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;

use super::{
    super::store,
    settings::{self, Settings, parse_parts},
    unused::{self, LISTED, month_words},
    views::{Edit, Shown, Unused, UnusedRow},
};
use crate::{
    access::{
        Can, Permission,
        permission::{LimitDefault, UsageRead},
    },
    app::App,
    error::{Error, Result},
    ids::MemberId,
    limits, shell,
    web::{
        form::{FieldErrors, Form},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// What a browser sends of the form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AlertsForm {
    parts: String,
    tells_admins: Option<String>,
    spike_factor: String,
    tells_unused: Option<String>,
    version: String,
}

impl AlertsForm {
    fn settings(&self) -> Result<Settings> {
        let spike_factor = self.spike_factor.trim();
        Ok(Settings {
            parts: parse_parts(&self.parts)?,
            tells_admins: self.tells_admins.is_some(),
            spike_factor: spike_factor.parse().map_err(|_| {
                Error::invalid(
                    "spike_factor",
                    "Write a whole number from 2 to 20, or 0 for no such alerts.",
                )
            })?,
            tells_unused: self.tells_unused.is_some(),
            version: self.version.parse().unwrap_or(-1),
        })
    }
}

async fn page(
    app: &App,
    by: &Can<LimitDefault>,
    ctx: &Ctx,
    sent: Option<&AlertsForm>,
    errors: FieldErrors,
) -> Result<Edit> {
    let form = match sent {
        Some(form) => Shown {
            parts: form.parts.clone(),
            tells_admins: form.tells_admins.is_some(),
            spike_factor: form.spike_factor.clone(),
            tells_unused: form.tells_unused.is_some(),
            version: form.version.clone(),
        },
        None => Shown::from(&settings::find(&mut app.db.read(), by.org().id).await?),
    };
    Ok(Edit {
        l: shell::org(app, ctx, by, "Usage alerts", Tab::Limits).await?,
        organization: by.org().name.clone(),
        path: by.path("/usage/alerts"),
        back: by.path("/limits"),
        unused_href: by.path("/usage/unused"),
        form,
        errors,
    })
}

/// What the organization is told about usage (B-11).
pub async fn edit(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&page(&app, &by, &ctx, None, FieldErrors::default()).await?)
}

/// Saves it.
pub async fn update(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx, form: Form<AlertsForm>) -> Result<HttpResponse> {
    let saved = match form.0.settings() {
        Ok(wish) => {
            let mut tx = app.db.write().await?;
            let saved = settings::update(&mut tx, &by, wish, app.clock.now()).await;
            if saved.is_ok() {
                tx.commit().await?;
            }
            saved
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(()) => {
            let toast = said(format!("The usage alerts of {} were saved.", by.org().name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits#alerts")))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &page(&app, &by, &ctx, Some(&form.0), errors).await?)
        }
    }
}

/// Who used nothing in the month before the one that runs (R-ALR-05).
pub async fn unused(app: Data<App>, by: Can<UsageRead>, ctx: Ctx) -> Result<HttpResponse> {
    let (org, now) = (by.org(), app.clock.now());
    let db = &mut app.db.read();
    let counted = limits::settings::find(db, org).await?;
    let found = unused::find(db, org.id, &counted, now).await?;
    let is_used = store::used_in(db, org.id, found.month).await?;
    respond::page(&Unused {
        l: shell::org(&app, &ctx, &by, "Members who used nothing", Tab::Usage).await?,
        organization: org.name.clone(),
        back: by.path("/usage"),
        month: month_words(found.month, counted.zone()),
        count: found.count,
        rows: found
            .members
            .into_iter()
            .map(|member| UnusedRow {
                href: by.path(&format!("/members/{}", MemberId::from_raw(member.id))),
                name: member.name,
            })
            .collect(),
        has_more: found.count > LISTED,
        is_used,
        alerts_href: by.may(Permission::LimitDefault).then(|| by.path("/usage/alerts")),
    })
}
