//! The middleware, written once and in one order: [`enter`], with headers and compression → session → errors as pages → body, deadline
//! and CSRF. What machines ask passes by all of it but the first.

use std::{
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_session::SessionExt as _;
use actix_web::{
    Error as ActixError, HttpMessage as _, HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, Service, ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::{Bytes, BytesMut, Data},
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::{
    compress, csrf,
    layout::{ErrorFragment, ErrorPage, Layout, Link, PersonMenu, Toast, ToastKind, hue, initials},
    locale::Locale,
    request::{Ctx, Hx, Matched, NewCookies, RequestId, Sent, Trace, client_ip},
    respond::Refusal,
    routes::{self, Kind, Needs, PANICKED},
    spool,
};
use crate::{
    access::{Explanation, Person, session},
    api::{IDENTITY_NAMES, Problem, presented},
    app::App,
    error::Error,
};

fn app(req: &ServiceRequest) -> Option<Data<App>> {
    req.app_data::<Data<App>>().cloned()
}

/// Where every request comes in: what it asks for is looked up, and it goes the short way of machines or the long one of pages.
pub async fn enter<S>(
    app: Data<App>,
    pages: Rc<S>,
    mut req: ServiceRequest,
) -> Result<ServiceResponse<BoxBody>, ActixError>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = ActixError>,
{
    let matched = app.table.enter(&mut req);
    let is_machine = matched.is_for_machines && is_for_machine(req.headers(), app.settings.session_cookie());
    let agent = req.headers().get(header::USER_AGENT).filter(|_| !is_machine);
    let trace = Trace {
        request_id: RequestId::next(),
        address: client_ip(
            req.peer_addr().map(|peer| peer.ip()),
            req.headers(),
            &app.settings.trusted_proxies,
        ),
        agent: agent
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        matched,
    };
    let asked = Asked::begin(&req, &app, &trace);
    req.extensions_mut().insert(trace);
    let mut response = if is_machine {
        machine(&app, matched, req).await
    } else {
        pages.call(req).await?
    };
    headers(&app, &mut response, asked.request_id, is_machine);
    let response = if is_machine {
        response
    } else {
        keep_unread(compress::compress(response, app.settings.is_https()))
    };
    asked.tell(&app, &response);
    Ok(response)
}

/// What the log says of a request when it has been answered.
struct Asked {
    request_id: RequestId,
    method: Method,
    matched: Matched,
    address: Option<IpAddr>,
    started: Instant,
}

impl Asked {
    fn begin(req: &ServiceRequest, app: &App, trace: &Trace) -> Self {
        Self {
            request_id: trace.request_id,
            method: req.method().clone(),
            matched: trace.matched,
            address: trace.address,
            started: app.stopwatch(),
        }
    }
    fn tell(&self, app: &App, response: &ServiceResponse<BoxBody>) {
        let Self { request_id, method, .. } = self;
        let status = response.status().as_u16();
        // The pattern, not the path: paths hold tokens.
        let route = self.matched.pattern.unwrap_or("-");
        let ip = self.address.map(tracing::field::display);
        let took = self.started.elapsed().as_secs_f64();
        // What has no address of ours is answered by a page.
        let kind = app.table.route_of(self.matched).map_or(Kind::Html, |route| route.kind);
        app.metrics.took(kind, status, took);
        let ms = took * 1e3;
        // Platforms ask thousands of times a second; the ledger and the counters tell of that. Who comes without a key that works is told.
        if is_machine(route) && status < 500 && status != 401 {
            tracing::debug!(request = %request_id, %method, route, status, ip, ms, "request");
        } else {
            tracing::info!(request = %request_id, %method, route, status, ip, ms, "request");
        }
    }
}

/// The short way of what machines ask thousands of times a second: they come with a key, so there is no session to look for, no form to
/// prove, nobody whose presence is noted, and nothing long enough to compress.
async fn machine(app: &Data<App>, matched: Matched, mut req: ServiceRequest) -> ServiceResponse<BoxBody> {
    let mut sent = req.take_payload();
    let mut response = match admit_machine(&req, app, matched, &mut sent).await {
        Ok(body) => {
            req.extensions_mut().insert(Sent(body));
            routes::answer(&app.table, matched, req).await
        }
        Err(error) => req.into_response(HttpResponse::from_error(error)),
    };
    render(app, &mut response);
    beside(response, Unread(sent))
}

/// The body of a machine's request that may go on to its handler.
async fn admit_machine(req: &ServiceRequest, app: &App, matched: Matched, sent: &mut Payload) -> Result<Bytes, Error> {
    if !is_text(req.path()) {
        return Err(no_text());
    }
    match app.table.route_of(matched) {
        Some(route) if !has_no_body(req.method()) => {
            let body = read_within(req, app, sent, route.body).await?;
            *sent = Payload::None; // it was read to its end
            Ok(body)
        }
        _ => Ok(Bytes::new()),
    }
}

/// Whether a request goes the short way of [`machine`]: it comes with a key, or at least without the cookie of a session.
fn is_for_machine(headers: &HeaderMap, session_cookie: &str) -> bool {
    !has_cookie(headers, session_cookie) || presented(headers).is_some()
}

/// Inside the session, which knows whose page it is: turns refusals into pages.
pub async fn errors<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let app = app(&req);
    let mut response = next.call(req).await?.map_into_boxed_body();
    if let Some(app) = app {
        render(&app, &mut response);
    }
    Ok(response)
}

/// Turns a bare refusal into a page, a fragment or problem+json.
fn render(app: &Data<App>, response: &mut ServiceResponse<BoxBody>) {
    let status = response.status();
    if status.as_u16() < 400 {
        return;
    }
    let refusal = response.response().extensions().get::<Refusal>().cloned();
    let problem = response.response_mut().extensions_mut().remove::<Problem>();
    if let Some(Problem(document)) = problem {
        return write_problem(response, refusal.as_ref(), document);
    }
    // An error of the framework (a body that is too large, a segment that does not parse) has no refusal of ours.
    let mut refusal = match refusal {
        Some(refusal) => refusal,
        None if response.headers().contains_key(header::CONTENT_TYPE) && !is_plain_text(response) => return,
        None => {
            let error = match status.as_u16() {
                404 => Error::NotFound,
                405 => Error::MethodNotAllowed,
                408 => Error::TooSlow,
                413 => Error::TooLarge,
                429 => Error::TooMany(Duration::from_secs(60)),
                503 => Error::Busy,
                code if code < 500 => Error::BadRequest(
                    "The request could not be read. Go back, reload the page and try again.".to_owned(),
                ),
                _ => Error::Internal("the framework failed".to_owned()),
            };
            let made = HttpResponse::from_error(error);
            let refusal = made.extensions().get::<Refusal>().cloned();
            let Some(refusal) = refusal else { return };
            refusal
        }
    };
    let req = response.request().clone();
    if is_machine(req.path()) {
        refusal.text = for_machines(&refusal);
    }
    let trace = Trace::of(&req);
    if refusal.inner.as_deref() == Some(PANICKED) {
        app.count_panic();
    }
    if let Some(inner) = &refusal.inner {
        tracing::error!(request = %trace.request_id, error = %inner, "a request failed");
    }
    let hx = Hx::of(&req);
    let accept = req
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let wants_json =
        is_machine(req.path()) || accept.contains("application/json") || accept.contains("application/problem+json");
    let mut made = if refusal.sign_in && !is_machine(req.path()) {
        let next = if req.method() == Method::GET {
            req.uri().path_and_query().map_or("/", |path| path.as_str())
        } else {
            "/"
        };
        let to = format!(
            "/sign-in?next={}",
            url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()
        );
        if hx.on {
            HttpResponse::Unauthorized().insert_header(("hx-redirect", to)).finish()
        } else {
            HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
        }
    } else if hx.on {
        let toast = Toast {
            kind: ToastKind::Bad,
            text: refusal.text.clone(),
            detail: detail_id(&refusal, &trace),
            undo: None,
            stay: true,
        };
        let body = askama::Template::render(&ErrorFragment { toast }).unwrap_or_default();
        HttpResponse::build(status_of(&refusal))
            .content_type("text/html; charset=utf-8")
            .insert_header(("hx-reswap", "none"))
            .body(body)
    } else if is_authzen(req.path()) {
        HttpResponse::build(status_of(&refusal)).json(&refusal.text)
    } else if wants_json {
        let body = serde_json::json!({ "type": "about:blank", "title": title(refusal.status), "status": refusal.status, "detail": refusal.text, "request_id": trace.request_id.as_str() });
        HttpResponse::build(status_of(&refusal))
            .content_type("application/problem+json")
            .body(body.to_string())
    } else {
        let body =
            askama::Template::render(&error_page(app, &req, &refusal, &trace)).unwrap_or_else(|_| refusal.text.clone());
        HttpResponse::build(status_of(&refusal))
            .content_type("text/html; charset=utf-8")
            .body(body)
    };
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            made.headers_mut().insert(name, value.clone());
        }
    }
    let cookies: Vec<HeaderValue> = response.headers().get_all(header::SET_COOKIE).cloned().collect();
    for cookie in cookies {
        made.headers_mut().append(header::SET_COOKIE, cookie);
    }
    *response.response_mut() = made;
}

/// A refusal in words for whoever has no page to reload and no form to send.
fn for_machines(refusal: &Refusal) -> String {
    match refusal.status {
        400 => "The request could not be read. Look at its address, its headers and its body.".to_owned(),
        404 => "There is nothing at this address.".to_owned(),
        413 => "The body is larger than this address takes. Send it in smaller parts.".to_owned(),
        _ => refusal.text.clone(),
    }
}

/// Whether an address is one that machines ask.
fn is_machine(path: &str) -> bool {
    ["/api/", "/access/", "/authz/", "/oauth/"]
        .iter()
        .any(|start| path.starts_with(start))
}

/// Whether an address belongs to the AuthZEN API, whose errors are texts and whose requests may have an id of the caller's.
fn is_authzen(path: &str) -> bool {
    path.starts_with("/access/")
}

/// Writes the document of a refusal, with the id by which an operator finds the request in the log.
fn write_problem(response: &mut ServiceResponse<BoxBody>, refusal: Option<&Refusal>, mut document: serde_json::Value) {
    let request_id = Trace::of(response.request()).request_id;
    if let Some(inner) = refusal.and_then(|refusal| refusal.inner.as_deref()) {
        tracing::error!(request = %request_id, error = %inner, "a request failed");
    }
    let (media, body) = if is_authzen(response.request().path()) {
        ("application/json", document["detail"].to_string())
    } else {
        document["request_id"] = request_id.as_str().into();
        ("application/problem+json", document.to_string())
    };
    let answer = response.response_mut();
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    *answer = std::mem::replace(answer, HttpResponse::new(StatusCode::OK)).set_body(BoxBody::new(body));
}

fn is_plain_text(response: &ServiceResponse<BoxBody>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn status_of(refusal: &Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn detail_id(refusal: &Refusal, trace: &Trace) -> String {
    if refusal.status >= 500 {
        format!("Request {}", trace.request_id)
    } else {
        String::new()
    }
}

/// A few words for a status.
pub fn title(status: u16) -> &'static str {
    match status {
        400 => "This request cannot be read",
        401 => "Not signed in, or no valid key",
        403 => "You may not do that",
        404 => "Nothing here",
        405 => "This does not work here",
        408 => "That took too long",
        409 => "Not possible as things are",
        410 => "This has ended",
        413 => "Too much at once",
        415 => "This type of body is not taken here",
        422 => "Check what you entered",
        429 => "Too many tries",
        503 => "Muster is busy",
        _ => "Something went wrong",
    }
}

fn error_page(app: &App, req: &actix_web::HttpRequest, refusal: &Refusal, trace: &Trace) -> ErrorPage {
    let ctx = Ctx::of(req, app);
    let person = ctx.person.as_ref();
    let l = outside(app, &ctx, title(refusal.status));
    let (label, href) = if person.is_some() {
        ("Go to your organization", "/")
    } else {
        ("Go to the sign-in page", "/sign-in")
    };
    ErrorPage {
        l,
        status: refusal.status,
        title: title(refusal.status).to_owned(),
        detail: refusal.text.clone(),
        request_id: trace.request_id.to_string(),
        action: Some(Link {
            label: label.to_owned(),
            href: href.to_owned(),
        }),
        why: req.extensions().get::<Explanation>().map(|Explanation(href)| Link {
            label: "Why was this denied?".to_owned(),
            href: href.clone(),
        }),
    }
}

/// The frame of a page outside any organization.
pub fn outside(app: &App, ctx: &Ctx, title: &str) -> Layout {
    Layout {
        title: title.to_owned(),
        csrf: ctx.csrf.clone(),
        theme: ctx.theme,
        person: ctx.person.as_ref().map(menu),
        flash: ctx.flash.clone(),
        host: app.settings.host(),
        insecure_banner: app.settings.warns_insecure(),
        back: ctx.here.clone(),
        compact: ctx.person.as_ref().is_some_and(|person| person.display.compact),
        ..Layout::default()
    }
}

/// The menu under a person's name.
pub fn menu(person: &Person) -> PersonMenu {
    PersonMenu {
        name: person.name.clone(),
        email: person.email.clone(),
        initials: initials(&person.name),
        hue: hue(person.id.raw()),
        picture: picture_of(&person.display.picture),
        manage_href: None,
        enterprise: person.enterprise_role.is_some(),
        pending_invitations: 0,
        unread: 0,
    }
}

/// The address of a picture by its key; none for who has none.
pub fn picture_of(key: &str) -> Option<String> {
    (!key.is_empty()).then(|| format!("/pictures/{key}"))
}

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'";

/// What stands on every answer, whatever it is.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        header::PERMISSIONS_POLICY,
        HeaderValue::from_static(
            "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
    ),
];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sets every header of SECURITY section 5, on every answer. What goes the short way of machines holds no token in its address and
/// sets no cookie.
fn headers(app: &App, response: &mut ServiceResponse<BoxBody>, request_id: RequestId, is_machine: bool) {
    let req = response.request().clone();
    // AuthZEN wants the caller's own id back, whatever the answer is; the log has ours.
    let echoed = req.headers().get(REQUEST_ID).filter(|_| is_authzen(req.path()));
    let list = response.headers_mut();
    // Whatever refuses: a proxy would take what the answer lacks from its client.
    if req.path().starts_with("/authz/") {
        for name in IDENTITY_NAMES {
            if !list.contains_key(&name) {
                list.insert(name, HeaderValue::from_static(""));
            }
        }
    }
    if let Some(id) = echoed {
        list.insert(REQUEST_ID, id.clone());
    } else if let Ok(id) = HeaderValue::from_str(request_id.as_str()) {
        list.insert(REQUEST_ID, id);
    }
    // A page that carries its style says so itself.
    if !list.contains_key(header::CONTENT_SECURITY_POLICY) {
        list.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    }
    for (name, value) in ALWAYS {
        list.insert(name, value);
    }
    let holds_token = !is_machine
        && ["/i", "/reset", "/setup", "/forgot"].iter().any(|start| {
            let rest = req.path().strip_prefix(start);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    let referrer = if holds_token { "no-referrer" } else { "same-origin" };
    list.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    if app.settings.is_https() {
        let lasts = if app.settings.hsts_subdomains {
            "max-age=63072000; includeSubDomains"
        } else {
            "max-age=63072000"
        };
        list.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(lasts));
    }
    if !list.contains_key(header::CACHE_CONTROL) {
        list.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        list.insert(
            header::VARY,
            HeaderValue::from_static("Cookie, Sec-Fetch-Site, HX-Request, Accept, Accept-Encoding"),
        );
    }
    if is_machine {
        return;
    }
    let new_cookies = req.extensions_mut().remove::<NewCookies>().unwrap_or_default();
    for cookie in new_cookies.0.borrow_mut().drain(..) {
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            list.append(header::SET_COOKIE, value);
        }
    }
}

/// What a caller sends and nobody reads. It is kept until the answer is sent: a body that is dropped before would be drained by the
/// framework for as long as the caller likes to send, one that is still there closes the connection soon after the answer.
struct Unread(Payload);

/// An answer's body with what the caller has sent beside it.
struct Beside {
    body: BoxBody,
    _unread: Unread,
}

impl MessageBody for Beside {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

fn keep_unread(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let unread = response.request().extensions_mut().remove::<Unread>();
    match unread {
        Some(unread) => beside(response, unread),
        None => response,
    }
}

fn beside(response: ServiceResponse<BoxBody>, unread: Unread) -> ServiceResponse<BoxBody> {
    if matches!(unread.0, Payload::None) {
        return response;
    }
    response.map_body(|_, body| BoxBody::new(Beside { body, _unread: unread }))
}

/// Between session and handler: reads the body within the route's limit and a deadline, and refuses what is not ours.
pub async fn guard<B: MessageBody + 'static>(
    mut req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let Some(app) = app(&req) else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };
    let mut sent = req.take_payload();
    let admitted = admit(&req, &app, &mut sent).await;
    req.extensions_mut().insert(Unread(sent));
    match admitted {
        Ok(body) => {
            req.extensions_mut().insert(Sent(body));
            let locale = Person::of(req.request()).map_or_else(Locale::default, |person| person.display.locale);
            Ok(locale.scope(next.call(req)).await?.map_into_boxed_body())
        }
        Err(error) => Ok(req.into_response(HttpResponse::from_error(error))),
    }
}

/// The body of a request that may go on to its handler.
async fn admit(req: &ServiceRequest, app: &App, sent: &mut Payload) -> Result<Bytes, Error> {
    if !is_text(req.path()) {
        return Err(no_text());
    }
    if req.get_session().contains_key(session::UNAVAILABLE) {
        return Err(Error::Busy);
    }
    let route = app.table.route_of(Matched::of(req.request()));
    // A proxy that asks passes on the cookies of the application's own users, and hands them what it is answered.
    if route.is_none_or(|route| route.kind != Kind::Api) {
        forget_dead_cookie(req, app);
    }
    if has_no_body(req.method()) {
        return Ok(Bytes::new());
    }
    // What no route takes is refused by the router (404, 405) without reading what was sent.
    let Some(route) = route else {
        return Ok(Bytes::new());
    };
    if route.kind == Kind::Api {
        // A key in a header is sent by no browser of itself, so nothing can be forged across sites.
        return read_within(req, app, sent, route.body).await;
    }
    if !csrf::is_same_origin(req.request(), app) {
        return Err(Error::CrossSite);
    }
    // The form of a session that has ended leads to the sign-in page; its token has ended with the session.
    if route.needs != Needs::Nothing && Person::of(req.request()).is_none() {
        return Err(Error::SignedOut);
    }
    if route.spools {
        return spool(req, app, sent, route).await;
    }
    let body = read_within(req, app, sent, route.body).await?;
    if !csrf::has_token(req.request(), app, &body, route.needs == Needs::Nothing).await {
        return Err(Error::CrossSite);
    }
    Ok(body)
}

/// The body of a request, within the route's limit and the deadline.
async fn read_within(req: &ServiceRequest, app: &App, sent: &mut Payload, limit: usize) -> Result<Bytes, Error> {
    let mut reading = std::pin::pin!(read_body(req, sent, limit));
    // What has arrived already, as nearly every short body has, needs no timer.
    if let Some(read) = reading.as_mut().now_or_never() {
        return read;
    }
    tokio::time::timeout(app.settings.body_timeout, reading)
        .await
        .map_err(|_| Error::TooSlow)?
}

/// The body of a route whose files go to disk: the form waits beside the request, and nothing is left of the body. It may take
/// as much longer to arrive as it is larger than an ordinary one, within reason.
async fn spool(
    req: &ServiceRequest,
    app: &App,
    sent: &mut Payload,
    route: &super::routes::Route,
) -> Result<Bytes, Error> {
    const LONGER: u32 = 6;
    let shared = spool::Shared::of(sent);
    let reading = spool::read(req.headers(), shared.clone(), route.body, &["text"]);
    let form = tokio::time::timeout(app.settings.body_timeout * LONGER, reading).await;
    shared.give_back(sent);
    let form = form.map_err(|_| Error::TooSlow)??;
    let header = req
        .headers()
        .get(csrf::HEADER)
        .map(|value| value.to_str().unwrap_or_default());
    let given = header.or_else(|| form.has(csrf::FIELD).then(|| form.text(csrf::FIELD)));
    if !csrf::is_token(req.request(), app, given, route.needs == Needs::Nothing) {
        return Err(Error::CrossSite);
    }
    req.extensions_mut().insert(form);
    Ok(Bytes::new())
}

const fn has_no_body(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn no_text() -> Error {
    Error::BadRequest("This address holds bytes that are no text.".to_owned())
}

/// Whether a path, its percent-escapes read, is text: UTF-8 without NUL.
fn is_text(path: &str) -> bool {
    if !path.contains('%') {
        return !path.contains('\0');
    }
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
    !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok()
}

/// A session cookie that names no session (any more) is removed from the browser, readable or not.
fn forget_dead_cookie(req: &ServiceRequest, app: &App) {
    let name = app.settings.session_cookie();
    if has_cookie(req.headers(), name) && Person::of(req.request()).is_none() {
        NewCookies::of(req.request()).add(csrf::removal(app, name));
    }
}

/// Whether a cookie of this name was sent, readable or not.
fn has_cookie(headers: &HeaderMap, name: &str) -> bool {
    let is_ours = |pair: &[u8]| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes());
        value.is_some_and(|rest| rest.starts_with(b"="))
    };
    let mut lines = headers.get_all(header::COOKIE);
    lines.any(|line| line.as_bytes().split(|byte| *byte == b';').any(is_ours))
}

async fn read_body(req: &ServiceRequest, sent: &mut Payload, limit: usize) -> Result<Bytes, Error> {
    let declared = req
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Error::TooLarge);
    }
    if req.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Error::BadRequest("Compressed forms are not accepted.".to_owned()));
    }
    let (mut first, mut body) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = sent.next().await {
        let chunk = chunk.map_err(|_| Error::BadRequest("The request ended early. Try again.".to_owned()))?;
        if first.len() + body.len() + chunk.len() > limit {
            return Err(Error::TooLarge);
        }
        if first.is_empty() && body.is_empty() {
            first = chunk; // nearly always all of it
            continue;
        }
        if body.is_empty() {
            body.reserve(declared.unwrap_or(0));
            body.extend_from_slice(&std::mem::take(&mut first));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() { first } else { body.freeze() })
}
