//! How handlers answer: pages, fragments, redirects; and how errors become pages.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use askama::Template;

use super::{
    layout::{Toast, Toasts},
    request::Ctx,
};
use crate::{
    app::App,
    error::{Error, Result},
};

const HTML: &str = "text/html; charset=utf-8";

/// A page with status 200.
pub fn page(template: &impl Template) -> Result<HttpResponse> {
    page_with(200, template)
}

/// A page with another status.
pub fn page_with(status: u16, template: &impl Template) -> Result<HttpResponse> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(HttpResponse::build(status).content_type(HTML).body(template.render()?))
}

/// A redirect after a POST (303), to a path of our own.
pub fn redirect(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header(("location", path)).finish()
}

/// Done: with htmx the fragment and its message, without a redirect that shows the message on the next page.
pub fn done(app: &App, ctx: &Ctx, fragment: &impl Template, toast: Toast, otherwise: &str) -> Result<HttpResponse> {
    if !ctx.hx.on {
        ctx.say(app, &toast);
        return Ok(redirect(otherwise));
    }
    let body = fragment.render()?
        + &Toasts {
            toasts: vec![toast],
            csrf: ctx.csrf.clone(),
        }
        .render()?;
    Ok(HttpResponse::Ok()
        .content_type(HTML)
        .insert_header(("hx-trigger", "dialog:close"))
        .body(body))
}

/// Done, and the whole page is to be seen anew: with htmx by `HX-Redirect`, without by 303; the message waits there.
pub fn done_to(app: &App, ctx: &Ctx, toast: &Toast, path: &str) -> HttpResponse {
    ctx.say(app, toast);
    if ctx.hx.on {
        return HttpResponse::Ok().insert_header(("hx-redirect", path)).finish();
    }
    redirect(path)
}

/// A good message.
pub fn said(text: impl Into<String>) -> Toast {
    Toast {
        text: text.into(),
        ..Toast::default()
    }
}

/// The error as it waits for the middleware that renders it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// The sentence for the reader.
    pub text: String,
    /// What only the log may know.
    pub inner: Option<String>,
    /// Whether signing in helps.
    pub sign_in: bool,
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some(seconds) = self.retry_after() {
            response
                .headers_mut()
                .insert(actix_web::http::header::RETRY_AFTER, seconds.into());
        }
        let inner = match self {
            Self::Internal(text) => Some(text.clone()),
            _ => None,
        };
        let refusal = Refusal {
            status: self.status(),
            text: self.to_string(),
            inner,
            sign_in: matches!(self, Self::SignedOut),
        };
        response.extensions_mut().insert(refusal);
        response
    }
}
