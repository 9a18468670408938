//! `/metrics`: for whoever scrapes from this machine, or with the configured token.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{AUTHORIZATION, FORWARDED, HeaderName},
    web::Data,
};

use crate::{
    app::App,
    error::{Error, Result},
    secret,
    web::request::Trace,
};

/// What a proxy adds to the requests that it passes on: whoever is behind one is not on this machine.
const PROXIED: [HeaderName; 3] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
];

/// All figures; to others it is as if there were no such address.
pub async fn show(app: Data<App>, req: HttpRequest) -> Result<HttpResponse> {
    app.ceilings.probe(&Trace::of(&req).ip())?;
    if !may_scrape(&app, &req) {
        return Err(Error::NotFound);
    }
    let text = app.metrics.text(&app).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(text))
}

fn may_scrape(app: &App, req: &HttpRequest) -> bool {
    match &app.settings.metrics_token {
        Some(token) => {
            let given = req.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            let given = given.and_then(|value| value.strip_prefix("Bearer "));
            given.is_some_and(|given| secret::same(given.as_bytes(), token.expose().as_bytes()))
        }
        None => {
            let is_here = req
                .peer_addr()
                .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
            is_here && !PROXIED.iter().any(|name| req.headers().contains_key(name))
        }
    }
}
