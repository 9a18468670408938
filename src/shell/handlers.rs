//! Home, the organizations to switch to, the theme, and the probes.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use askama::Template;
use serde::Deserialize;

use super::store;
use crate::{
    access::SignedIn,
    app::App,
    error::{Error, Result},
    web::{
        form::{Form, Query},
        layout::{Layout, SwitchEntry},
        request::{Ctx, theme_keeper},
        respond::{page, redirect},
    },
};

/// Where a signed-in person begins: the primary organization, else the enterprise portal, else the own page.
pub async fn home(app: Data<App>, me: SignedIn) -> Result<HttpResponse> {
    let places = store::list_places(&mut app.db.read(), &me.person).await?;
    if let Some(place) = places.iter().find(|place| place.is_primary == Some(true)) {
        return Ok(redirect(&format!("/o/{}/members", place.slug)));
    }
    if me.person.enterprise_role.is_some() {
        return Ok(redirect("/e"));
    }
    Ok(redirect(&places.first().map_or_else(
        || "/me".to_owned(),
        |place| format!("/o/{}/members", place.slug),
    )))
}

#[derive(Debug, Default, Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "organizations.html")]
struct Organizations {
    l: Layout,
    q: String,
    found: Vec<SwitchEntry>,
}

/// The organizations of the person that match a search, for those who have more than the switcher shows.
pub async fn organizations(app: Data<App>, me: SignedIn, ctx: Ctx, query: Query<Search>) -> Result<HttpResponse> {
    let found = store::find_places(&mut app.db.read(), &me.person, &query.0.q).await?;
    let l = super::personal(&app, &ctx, &me.person, "Organizations").await?;
    page(&Organizations {
        l,
        q: query.0.q,
        found: super::switcher(&found, None),
    })
}

#[derive(Debug, Deserialize)]
pub struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Keeps the theme: on the account when signed in, and in a cookie for the pages before.
pub async fn set_theme(app: Data<App>, req: HttpRequest, ctx: Ctx, form: Form<ThemeForm>) -> Result<HttpResponse> {
    let choice = match form.0.theme.as_str() {
        "light" => 1,
        "dark" => 2,
        "system" => 0,
        _ => return Err(Error::invalid("theme", "Choose Auto, Light or Dark.")),
    };
    if let Some(person) = &ctx.person {
        let mut tx = app.db.write().await?;
        store::update_theme(&mut tx, person.id, choice).await?;
        tx.commit().await?;
    }
    ctx.set_cookie(theme_keeper(&app, choice));
    if ctx.hx.on {
        return Ok(HttpResponse::NoContent().finish());
    }
    drop(req);
    Ok(redirect(local(&form.0.back).unwrap_or("/")))
}

/// A path of our own, or nothing: `//host` and `/\host` lead elsewhere.
pub fn local(path: &str) -> Option<&str> {
    let mut chars = path.chars();
    let ours = chars.next() == Some('/')
        && !matches!(chars.next(), Some('/' | '\\'))
        && !path.chars().any(char::is_control)
        && !path.contains('\\');
    ours.then_some(path)
}

/// The process answers.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// The database answers, is migrated, and can be written.
pub async fn readyz(app: Data<App>) -> Result<HttpResponse> {
    store::is_ready(&mut app.db.read()).await?;
    let mut tx = app.db.write().await?;
    store::probe_write(&mut tx).await?;
    tx.commit().await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ready\n"))
}
