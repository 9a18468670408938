//! What every request carries: its id, the client's address, whether htmx asks, and what the frame of a page needs.

use std::{
    cell::RefCell,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    net::IpAddr,
    rc::Rc,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, cookie::Cookie, dev::Payload, http::header, web::Bytes};
use data_encoding::HEXLOWER;

use super::{
    csrf, flash,
    layout::{Theme, Toast},
};
use crate::{access::Person, app::App, error::Error, secret};

/// The id of a request: 16 hexadecimal digits, shown on error pages and in the log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Another one: no two are the same, and none is a secret, so the system is asked for randomness once.
    pub fn next() -> Self {
        static FIRST: LazyLock<u64> = LazyLock::new(|| u64::from_le_bytes(secret::random()));
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Odd steps around all of 2^64, a golden part of it each, so that neighbours look different.
        let step = COUNT
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut digits = [0; 16];
        HEXLOWER.encode_mut(&FIRST.wrapping_add(step).to_be_bytes(), &mut digits);
        Self(digits)
    }
    /// Its digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self([b'0'; 16])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a request comes from and what it asks for; made once, before anything else looks at it.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// By which the log and error pages name it.
    pub request_id: RequestId,
    /// The client's address, through trusted proxies only.
    pub address: Option<IpAddr>,
    /// The client's user agent; of machines nobody asks for it, and it is empty.
    pub agent: String,
    /// Where the route table has it.
    pub matched: Matched,
}

impl Trace {
    /// The trace of this request.
    pub fn of(req: &HttpRequest) -> Self {
        req.extensions().get::<Self>().cloned().unwrap_or_default()
    }
    /// The client's address as text; empty when it is not known.
    pub fn ip(&self) -> String {
        self.address.map(|ip| ip.to_string()).unwrap_or_default()
    }
    /// The client's address alone.
    pub fn address_of(req: &HttpRequest) -> Option<IpAddr> {
        req.extensions().get::<Self>()?.address
    }
}

/// The body of a request, which the middleware has read within its limit and deadline; empty for one without, and for whoever asks second.
#[derive(Debug, Clone, Default)]
pub struct Sent(pub Bytes);

impl FromRequest for Sent {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}

impl Sent {
    /// Takes the body of this request.
    pub fn of(req: &HttpRequest) -> Self {
        req.extensions_mut().remove::<Self>().unwrap_or_default()
    }
}

/// Where the route table has a request, which is looked up once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched {
    /// The pattern of its address; none when no route has it.
    pub pattern: Option<&'static str>,
    /// The place of the route of its method in the table, where there is one.
    pub route: Option<usize>,
    /// Whether machines ask at its address.
    pub is_for_machines: bool,
}

impl Matched {
    /// Where this request is.
    pub fn of(req: &HttpRequest) -> Self {
        req.extensions()
            .get::<Trace>()
            .map(|trace| trace.matched)
            .unwrap_or_default()
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
    type Future = Ready<Result<Self, Error>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = req
            .app_data::<actix_web::web::Data<App>>()
            .ok_or_else(|| Error::Internal("no App".to_owned()));
        ready(app.map(|app| Self::of(req, app)))
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
