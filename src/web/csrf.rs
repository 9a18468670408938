//! Cross-site request forgery: Sec-Fetch-Site, else Origin, and always a token bound to the session (SECURITY section 5).

use actix_session::SessionExt as _;
use actix_web::{HttpMessage as _, HttpRequest, cookie::Cookie, http::header, web::Bytes};
use data_encoding::BASE64URL_NOPAD;

use super::{request::NewCookies, upload};
use crate::{access::session, app::App, secret};

/// The form field that carries the token.
pub const FIELD: &str = "csrf";
/// The header that carries it for htmx.
pub const HEADER: &str = "x-csrf-token";

#[derive(Clone)]
struct Visit(String);

/// The name of the cookie that binds forms to a browser before anyone is signed in.
pub fn visit_cookie_name(app: &App) -> &'static str {
    if app.settings.is_https() {
        "__Host-visit"
    } else {
        "muster-visit"
    }
}

/// The token for this request's page: bound to the session, or to the visit cookie before sign-in (made on the way).
pub fn token(req: &HttpRequest, app: &App, cookies: &NewCookies) -> String {
    if let Some(bound) = session_binding(req) {
        return mac(app, "session", &bound);
    }
    if let Some(cookie) = req
        .cookie(visit_cookie_name(app))
        .filter(|cookie| cookie.value().len() == 43)
    {
        return mac(app, "visit", cookie.value());
    }
    let made = req.extensions().get::<Visit>().cloned();
    let visit = made.unwrap_or_else(|| {
        let visit = Visit(BASE64URL_NOPAD.encode(&secret::random::<32>()));
        cookies.add(app.settings.cookie(visit_cookie_name(app), visit.0.clone()));
        visit
    });
    req.extensions_mut().insert(visit.clone());
    mac(app, "visit", &visit.0)
}

fn session_binding(req: &HttpRequest) -> Option<String> {
    req.get_session().entries().get(session::HASH).cloned()
}

fn mac(app: &App, kind: &str, bound: &str) -> String {
    BASE64URL_NOPAD.encode(&app.keys.mac("csrf", &[kind.as_bytes(), bound.as_bytes()]))
}

/// Whether the browser says that an unsafe request comes from one of our own pages.
pub fn is_same_origin(req: &HttpRequest, app: &App) -> bool {
    let text = |name: header::HeaderName| {
        req.headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or("?").to_owned())
    };
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin" || site == "none",
        // Sec-Fetch-Site goes to https and localhost only; plain http rests on Origin, and no browser omits both on a POST.
        None => match text(header::ORIGIN) {
            Some(origin) => app.settings.is_own_origin(&origin),
            None => true, // not a browser: the token decides
        },
    }
}

/// Whether an unsafe request with this body carries the token of its session, or of its browser before sign-in.
///
/// On a page that needs nobody (`open`), a browser that has signed in since, in another tab, still holds the token of its visit.
pub async fn has_token(req: &HttpRequest, app: &App, body: &Bytes, open: bool) -> bool {
    let given = match req.headers().get(HEADER) {
        Some(value) => value.to_str().ok().map(str::to_owned),
        None if upload::is_multipart(req.headers()) => {
            let form = upload::read(req.headers(), body.clone()).await;
            form.ok().map(|form| form.text(FIELD).to_owned())
        }
        None => url::form_urlencoded::parse(body)
            .find(|(name, _)| name == FIELD)
            .map(|(_, value)| value.into_owned()),
    };
    is_token(req, app, given.as_deref(), open)
}

/// Whether a text is the token of the request's session, or of its browser before sign-in, see [`has_token`].
pub fn is_token(req: &HttpRequest, app: &App, given: Option<&str>, open: bool) -> bool {
    let Some(given) = given else { return false };
    let is = |expected: String| secret::same(given.as_bytes(), expected.as_bytes());
    let session = session_binding(req);
    let of_session = session.as_deref().is_some_and(|bound| is(mac(app, "session", bound)));
    of_session
        || (session.is_none() || open)
            && req
                .cookie(visit_cookie_name(app))
                .is_some_and(|cookie| is(mac(app, "visit", cookie.value())))
}

/// A cookie that removes another by name.
pub fn removal(app: &App, name: &'static str) -> Cookie<'static> {
    let mut cookie = app.settings.cookie(name, String::new());
    cookie.make_removal();
    cookie
}
