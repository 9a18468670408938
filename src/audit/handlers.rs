//! The audit log's page and its files.

use actix_web::{HttpResponse, http::header, web::Data};
use serde_json::{Value, json};

use super::{
    Action, Actor, Entry, Object,
    export::{self, Format},
    forms::Search,
    log, store,
    views::{EnterpriseIndex, Index, View},
};
use crate::{
    access::{
        Can, EnterpriseCan, Person,
        permission::{AuditRead, EnterpriseAudit},
    },
    app::App,
    clock::{Zone, hours},
    error::Result,
    ids::OrgId,
    orgs, shell,
    web::{
        form::Query,
        layout::{EnterpriseTab, Tab},
        list::PAGE,
        request::Ctx,
        respond::page,
    },
};

/// Whose log it is, who reads it, and in which zone.
struct Scope<'a> {
    org: Option<OrgId>,
    name: String,
    zone: Zone,
    actor: &'a Actor,
    person: Option<&'a Person>,
    is_member: bool,
}

impl<'a> Scope<'a> {
    fn of(by: &'a Can<AuditRead>) -> Self {
        Self {
            org: Some(by.org().id),
            name: by.org().name.clone(),
            zone: by.zone().clone(),
            actor: by.actor(),
            person: by.person(),
            is_member: by.member().is_some(),
        }
    }
    async fn enterprise(app: &App, by: &'a EnterpriseCan<EnterpriseAudit>) -> Result<Self> {
        let enterprise = orgs::find_enterprise(&mut app.db.read()).await?;
        let (name, zone) =
            enterprise.map_or_else(|| (String::new(), "UTC".to_owned()), |found| (found.name, found.zone));
        Ok(Self {
            org: None,
            name,
            zone: Zone::find_or_utc(&zone),
            actor: by.actor(),
            person: by.person(),
            is_member: true,
        })
    }
}

/// The log of an organization.
pub async fn index(app: Data<App>, by: Can<AuditRead>, ctx: Ctx, query: Query<Search>) -> Result<HttpResponse> {
    let v = view(&app, &Scope::of(&by), &ctx, query.0, by.path("/audit")).await?;
    let l = shell::org(&app, &ctx, &by, "Audit log", Tab::Audit).await?;
    let shown = Index { l, v };
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

/// The log of the enterprise.
pub async fn enterprise_index(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseAudit>,
    ctx: Ctx,
    query: Query<Search>,
) -> Result<HttpResponse> {
    let v = view(
        &app,
        &Scope::enterprise(&app, &by).await?,
        &ctx,
        query.0,
        "/e/audit".to_owned(),
    )
    .await?;
    let l = shell::enterprise(&app, &ctx, &by, "Audit log", EnterpriseTab::Audit).await?;
    let shown = EnterpriseIndex { l, v };
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

/// The log of an organization as CSV.
pub async fn export_csv(app: Data<App>, by: Can<AuditRead>, query: Query<Search>) -> Result<HttpResponse> {
    send(&app, &Scope::of(&by), &by.org().slug, query.0, Format::Csv).await
}

/// The log of an organization as NDJSON.
pub async fn export_ndjson(app: Data<App>, by: Can<AuditRead>, query: Query<Search>) -> Result<HttpResponse> {
    send(&app, &Scope::of(&by), &by.org().slug, query.0, Format::Ndjson).await
}

/// The log of the enterprise as CSV.
pub async fn enterprise_export_csv(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseAudit>,
    query: Query<Search>,
) -> Result<HttpResponse> {
    send(
        &app,
        &Scope::enterprise(&app, &by).await?,
        "enterprise",
        query.0,
        Format::Csv,
    )
    .await
}

/// The log of the enterprise as NDJSON.
pub async fn enterprise_export_ndjson(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseAudit>,
    query: Query<Search>,
) -> Result<HttpResponse> {
    send(
        &app,
        &Scope::enterprise(&app, &by).await?,
        "enterprise",
        query.0,
        Format::Ndjson,
    )
    .await
}

async fn view(app: &App, scope: &Scope<'_>, ctx: &Ctx, search: Search, path: String) -> Result<View> {
    record_view(app, scope).await?;
    let filter = search.filter(&scope.zone);
    let page = log::page(&mut app.db.read(), scope.org, &filter, search.place(), PAGE).await?;
    Ok(View::new(path, &scope.zone, search, &page, ctx.hx.on))
}

/// Reading the log is itself recorded, once an hour for each session.
async fn record_view(app: &App, scope: &Scope<'_>) -> Result<()> {
    let Some(person) = scope.person else { return Ok(()) };
    let (chain, session, now) = (log::chain(scope.org), person.session.raw(), app.clock.now());
    let since = now.minus(hours(1));
    if store::has_viewed(&mut app.db.read(), chain, session, Action::AuditView.name(), since).await? {
        return Ok(());
    }
    let after = if scope.is_member {
        Value::Null
    } else {
        json!({ "access": "enterprise" })
    };
    let entry = Entry::done(
        Action::AuditView,
        Object::new("session", session, &scope.name),
        Value::Null,
        after,
    );
    let mut tx = app.db.write().await?;
    super::record(&mut tx, scope.actor, scope.org, entry, now).await?;
    tx.commit().await
}

async fn send(app: &App, scope: &Scope<'_>, name: &str, search: Search, format: Format) -> Result<HttpResponse> {
    let now = app.clock.now();
    let filter = search.filter(&scope.zone);
    // The file ends before its own record, so that files made with the same filters hold the same rows.
    let mut tx = app.db.write().await?;
    let end = log::end(&mut tx, scope.org).await?;
    let asked = json!({ "format": format.ending(), "filter": search.href("") });
    let entry = Entry::done(
        Action::AuditExport,
        Object::new("audit", 0, &scope.name),
        Value::Null,
        asked,
    );
    super::record(&mut tx, scope.actor, scope.org, entry, now).await?;
    tx.commit().await?;
    let day = now.instant().to_zoned(scope.zone.tz()).date();
    let file = format!("attachment; filename=\"audit-{name}-{day}.{}\"", format.ending());
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, file))
        .streaming(export::stream(app.db.read(), scope.org, filter, end, format)))
}
