//! What every request carries: its id, the client's address, whether htmx asks, and what the frame of a page needs.

use std::{cell::RefCell, net::IpAddr, rc::Rc};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, cookie::Cookie, dev::Payload, http::header};

use super::{
    csrf, flash,
    layout::{Theme, Toast},
};
use crate::{access::Person, app::App, error::Error};

/// Where a request comes from; made once by the outermost middleware.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// 16 hexadecimal digits, shown on error pages and in the log.
    pub request_id: String,
    /// The client's address, through trusted proxies only.
    pub ip: String,
    /// The same as an address.
    pub address: Option<IpAddr>,
    /// The client's user agent.
    pub agent: String,
}

impl Trace {
    /// The trace of this request.
    pub fn of(req: &HttpRequest) -> Self {
        req.extensions().get::<Self>().cloned().unwrap_or_default()
    }
    /// The client's address alone.
    pub fn address_of(req: &HttpRequest) -> Option<IpAddr> {
        req.extensions().get::<Self>()?.address
    }
}

/// Under which pattern of the route table a request was found; the router would look for it anew each time it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matched(pub Option<&'static str>);

impl Matched {
    /// The pattern of this request; none when no route has its address.
    pub fn of(req: &HttpRequest) -> Option<&'static str> {
        req.extensions().get::<Self>()?.0
    }
}

/// Cookies that the response will set, collected while the request is handled.
#[derive(Debug, Clone, Default)]
pub struct NewCookies(pub Rc<RefCell<Vec<Cookie<'static>>>>);

impl NewCookies {
    /// The list of this request.
    pub fn of(req: &HttpRequest) -> Self {
        if let Some(list) = req.extensions().get::<Self>() {
            return list.clone();
        }
        let list = Self::default();
        req.extensions_mut().insert(list.clone());
        list
    }
    /// Adds a cookie to the response.
    pub fn add(&self, cookie: Cookie<'static>) {
        self.0.borrow_mut().push(cookie);
    }
    /// Takes back what was to be done with a cookie of this name.
    pub fn forget(&self, name: &str) {
        self.0.borrow_mut().retain(|cookie| cookie.name() != name);
    }
}

/// What htmx asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hx {
    /// The request was made by htmx.
    pub on: bool,
}

impl Hx {
    /// Reads the headers that htmx sends.
    pub fn of(req: &HttpRequest) -> Self {
        Self {
            on: req.headers().contains_key("hx-request"),
        }
    }
}

/// The request as a page needs it: who looks, in which theme, with which token and messages.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// The signed-in person, if any.
    pub person: Option<Person>,
    /// Whether htmx asks.
    pub hx: Hx,
    /// The path with its query, for the theme form and for `next`.
    pub here: String,
    /// The token for this page's forms.
    pub csrf: String,
    /// The theme.
    pub theme: Theme,
    /// Messages of the action before; reading a page shows them once.
    pub flash: Vec<Toast>,
    /// Where from.
    pub trace: Trace,
    cookies: NewCookies,
}

impl Ctx {
    /// Reads the request.
    pub fn of(req: &HttpRequest, app: &App) -> Self {
        let person = Person::of(req);
        let hx = Hx::of(req);
        let cookies = NewCookies::of(req);
        let theme = theme_of(req, app, person.as_ref());
        // A fragment leaves the messages to the next full page, so that none is lost.
        let flash = if hx.on || req.method() != actix_web::http::Method::GET {
            Vec::new()
        } else {
            flash::take(req, app, &cookies)
        };
        let here = req
            .uri()
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string);
        Self {
            person,
            hx,
            here,
            csrf: csrf::token(req, app, &cookies),
            theme,
            flash,
            trace: Trace::of(req),
            cookies,
        }
    }
    /// Sets a cookie on the response.
    pub fn set_cookie(&self, cookie: Cookie<'static>) {
        self.cookies.add(cookie);
    }
    /// Leaves a message for the next page.
    pub fn say(&self, app: &App, toast: &Toast) {
        self.cookies.add(flash::cookie(app, std::slice::from_ref(toast)));
    }
}

impl FromRequest for Ctx {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = req
            .app_data::<actix_web::web::Data<App>>()
            .ok_or_else(|| Error::Internal("no App".to_owned()));
        std::future::ready(app.map(|app| Self::of(req, app)))
    }
}

/// The theme of the account, or of the browser's cookie when nobody is signed in.
pub fn theme_of(req: &HttpRequest, app: &App, person: Option<&Person>) -> Theme {
    let choice = match person {
        Some(person) => person.theme,
        None => req
            .cookie(theme_cookie(app))
            .and_then(|cookie| cookie.value().parse().ok())
            .unwrap_or(0),
    };
    match choice {
        1 => Theme::Light,
        2 => Theme::Dark,
        _ => Theme::System,
    }
}

/// The cookie that keeps the theme for a year.
pub fn theme_keeper(app: &App, theme: i64) -> Cookie<'static> {
    let mut cookie = app.settings.cookie(theme_cookie(app), theme.to_string());
    cookie.set_max_age(actix_web::cookie::time::Duration::days(365));
    cookie
}

/// The name of the cookie that keeps the theme for pages outside a session; it is no secret.
pub fn theme_cookie(app: &App) -> &'static str {
    if app.settings.is_https() {
        "__Host-theme"
    } else {
        "muster-theme"
    }
}

/// The client's address: the peer, or the right-most hop of `X-Forwarded-For` that is no trusted proxy, if the peer is one.
pub fn client_ip(peer: Option<IpAddr>, headers: &header::HeaderMap, trusted: &[ipnet::IpNet]) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for hop in hops.into_iter().rev() {
        match hop.parse::<IpAddr>() {
            Ok(ip) if is_trusted(&ip.to_canonical()) => {}
            Ok(ip) => return Some(ip.to_canonical()),
            Err(_) => return Some(peer), // a hop that is no address proves nothing about the ones before it
        }
    }
    Some(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> header::HeaderMap {
        let mut map = header::HeaderMap::new();
        for value in values {
            map.append(
                header::HeaderName::from_static("x-forwarded-for"),
                value.parse().unwrap(),
            );
        }
        map
    }

    #[test]
    fn an_untrusted_peer_cannot_choose_its_address() {
        let peer: IpAddr = "203.0.113.9".parse().unwrap();
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client_ip(Some(peer), &headers(&["1.2.3.4"]), &trusted), Some(peer));
        let proxy: IpAddr = "10.1.1.1".parse().unwrap();
        assert_eq!(
            client_ip(Some(proxy), &headers(&["9.9.9.9, 203.0.113.7", "10.2.2.2"]), &trusted),
            Some("203.0.113.7".parse().unwrap())
        );
        assert_eq!(
            client_ip(Some(proxy), &headers(&["9.9.9.9, junk"]), &trusted),
            Some(proxy)
        );
        assert_eq!(client_ip(Some(proxy), &headers(&[]), &trusted), Some(proxy));
    }
}
