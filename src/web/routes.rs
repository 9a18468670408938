//! The one route table: every handler is registered through it, with what a caller needs; tests and the access matrix read it.

use std::{collections::HashMap, panic::AssertUnwindSafe, pin::Pin};

use actix_web::{
    Error as ActixError, FromRequest, Handler, HttpRequest, HttpResponse, Responder,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header::ALLOW},
    web::Data,
};
use futures_util::FutureExt as _;

use super::request::Matched;
use crate::{
    access::{GroupDuty, Permission},
    app::App,
    audit::Action,
    error::Error,
    keys::scope::Duty,
};

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page, or its fragment for htmx.
    Html,
    /// A file to save.
    Download,
    /// A static file.
    Asset,
    /// A probe for operators.
    Probe,
    /// JSON for machines: no cookies, no forms, problem+json for whatever is refused.
    Api,
}

/// What the caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// To be signed in.
    SignIn,
    /// A permission in the organization of the path.
    InOrg(Permission),
    /// To manage groups in the organization of the path, or to stand so in the group of the path.
    InGroup(GroupDuty),
    /// A permission over the enterprise.
    Enterprise(Permission),
    /// An API key that may come in, with a scope of its own where one is named.
    Key(Option<Duty>),
}

/// Which object the path names, beside the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// None.
    None,
    /// `{member}`.
    Member,
    /// `{group}`.
    Group,
    /// `{group}`, and `{member}` who belongs to it.
    GroupMember,
    /// `{invitation}`.
    Invitation,
    /// `{batch}`.
    Batch,
    /// `{role}`, a custom role.
    Role,
    /// `{account}`, a person with a role over the enterprise.
    Account,
    /// `{session}`.
    Session,
    /// `{mail}`.
    Mail,
    /// `{organization}`, by slug, on enterprise pages.
    Organization,
    /// `{job}`, an act on many at once.
    Job,
    /// `{import}`, a file of people that the caller has uploaded.
    Import,
    /// `{view}`, a saved view of the members table.
    View,
    /// `{pool}`, a credit pool.
    Pool,
    /// `{request}`, for a higher limit.
    LimitRequest,
    /// `{key}`, an API key.
    Key,
    /// `{key}`, an API key of the caller's own.
    OwnKey,
    /// `{feature}`, of the catalogue of features.
    Feature,
    /// `{service}`, a service account.
    Service,
    /// `{token}`, a secret from a mail.
    Token,
    /// `{picture}`, of a person.
    Picture,
    /// `{notification}`, of the caller.
    Notification,
}

/// One row of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The pattern.
    pub path: &'static str,
    /// What answers.
    pub kind: Kind,
    /// What the caller needs.
    pub needs: Needs,
    /// Which object it is about.
    pub target: Target,
    /// The largest body it reads, in bytes.
    pub body: usize,
    /// Whether its files go to disk while they arrive ([`super::spool`]); `body` is then what each of them may have.
    pub spools: bool,
    /// What it records when it changes something.
    pub records: Option<Action>,
    run: Run,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?} {:?}", self.method, self.path, self.needs, self.target)
    }
}

/// What the log says of a handler that panicked.
pub const PANICKED: &str = "a handler panicked";

/// What carries out a request that has been found: one for all threads, so that routes cost memory once.
type Run = Box<dyn Fn(HttpRequest, Payload) -> Pin<Box<dyn Future<Output = HttpResponse>>> + Send + Sync>;

/// Takes what a handler needs and lets it answer; its panic becomes an error page instead of a dropped connection.
async fn carry_out<F, Args>(handler: F, req: HttpRequest, payload: Payload) -> HttpResponse
where
    F: Handler<Args>,
    Args: Taken,
    F::Output: Responder + 'static,
{
    let args = match Args::take(req.clone(), payload).await {
        Ok(args) => args,
        Err(refusal) => return HttpResponse::from_error(refusal),
    };
    match AssertUnwindSafe(handler.call(args)).catch_unwind().await {
        Ok(output) => output.respond_to(&req).map_into_boxed_body(),
        Err(_) => HttpResponse::from_error(Error::Internal(PANICKED.to_owned())),
    }
}

/// Extractors that can be taken in the order in which a handler names them. The framework takes them at once, and then a malformed id or
/// form would be answered before the question who may call; a refusal must not depend on what was sent, and it must be recorded.
pub trait Taken: Sized + 'static {
    /// Takes them; the first refusal ends it.
    fn take(req: HttpRequest, payload: Payload) -> Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;
}

macro_rules! taken {
    ($($($argument:ident)*;)+) => {$(
        impl<$($argument: FromRequest + 'static),*> Taken for ($($argument,)*) {
            fn take(_req: HttpRequest, mut _payload: Payload) -> Pin<Box<dyn Future<Output = Result<Self, ActixError>>>> {
                Box::pin(async move { Ok(($($argument::from_request(&_req, &mut _payload).await.map_err(Into::into)?,)*)) })
            }
        }
    )+};
}
taken! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

/// The body that an ordinary form may have.
pub const FORM_BODY: usize = 64 << 10;

fn route<F, Args>(method: Method, path: &'static str, handler: F) -> Route
where
    F: Handler<Args> + Send + Sync,
    Args: Taken,
    F::Output: Responder + 'static,
    F::Future: 'static,
{
    let run: Run = Box::new(move |req, payload| Box::pin(carry_out(handler.clone(), req, payload)));
    Route {
        method,
        path,
        kind: Kind::Html,
        needs: Needs::Nothing,
        target: Target::None,
        body: FORM_BODY,
        spools: false,
        records: None,
        run,
    }
}

/// A route that reads.
pub fn get<F, Args>(path: &'static str, handler: F) -> Route
where
    F: Handler<Args> + Send + Sync,
    Args: Taken,
    F::Output: Responder + 'static,
    F::Future: 'static,
{
    route(Method::GET, path, handler)
}

/// A route that changes something.
pub fn post<F, Args>(path: &'static str, handler: F) -> Route
where
    F: Handler<Args> + Send + Sync,
    Args: Taken,
    F::Output: Responder + 'static,
    F::Future: 'static,
{
    route(Method::POST, path, handler)
}

/// A route of any method, for those who ask with the method of somebody else's request.
pub fn any<F, Args>(method: Method, path: &'static str, handler: F) -> Route
where
    F: Handler<Args> + Send + Sync,
    Args: Taken,
    F::Output: Responder + 'static,
    F::Future: 'static,
{
    route(method, path, handler)
}

/// A route that deletes something, for htmx; each has a POST twin.
pub fn delete<F, Args>(path: &'static str, handler: F) -> Route
where
    F: Handler<Args> + Send + Sync,
    Args: Taken,
    F::Output: Responder + 'static,
    F::Future: 'static,
{
    route(Method::DELETE, path, handler)
}

impl Route {
    /// Needs a signed-in person.
    #[must_use]
    pub fn signed_in(mut self) -> Self {
        self.needs = Needs::SignIn;
        self
    }
    /// Needs a permission in the organization of the path.
    #[must_use]
    pub fn in_org(mut self, permission: Permission) -> Self {
        self.needs = Needs::InOrg(permission);
        self
    }
    /// Needs to manage groups in the organization of the path, or to stand so in the group of the path.
    #[must_use]
    pub fn in_group(mut self, duty: GroupDuty) -> Self {
        self.needs = Needs::InGroup(duty);
        self
    }
    /// Needs a permission over the enterprise.
    #[must_use]
    pub fn enterprise(mut self, permission: Permission) -> Self {
        self.needs = Needs::Enterprise(permission);
        self
    }
    /// Speaks with machines, and lets its handler find out who asks.
    #[must_use]
    pub fn api(mut self) -> Self {
        self.kind = Kind::Api;
        self
    }
    /// Speaks with machines that come with an API key.
    #[must_use]
    pub fn key(mut self, duty: Option<Duty>) -> Self {
        self.needs = Needs::Key(duty);
        self.api()
    }
    /// Is about an object that the path names.
    #[must_use]
    pub fn about(mut self, target: Target) -> Self {
        self.target = target;
        self
    }
    /// Answers something other than a page.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
    /// Reads a larger body than an ordinary form's.
    #[must_use]
    pub fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }
    /// Takes files of at most so many bytes, which go to disk while they arrive.
    #[must_use]
    pub fn spools(mut self, bytes: usize) -> Self {
        (self.body, self.spools) = (bytes, true);
        self
    }
    /// Records this action when it changes something.
    #[must_use]
    pub fn records(mut self, action: Action) -> Self {
        self.records = Some(action);
        self
    }
}

/// An address of the table.
struct Place {
    pattern: &'static str,
    /// The names of what stands in it in braces, from left to right.
    names: Vec<&'static str>,
    /// Where its routes stand, one for each method.
    routes: Vec<usize>,
    /// Whether machines ask there.
    is_for_machines: bool,
}

/// The whole table, with look-ups for the middleware.
pub struct Table {
    /// Every route.
    pub routes: Vec<Route>,
    places: Vec<Place>,
    by_pattern: HashMap<&'static str, usize>,
    /// Finds the place of an address: fixed words before placeholders, so that /members/new is no member.
    router: matchit::Router<usize>,
}

/// The name in a part of a pattern that stands for something, and whether it stands for all that follows.
fn placeholder(part: &'static str) -> Option<(&'static str, bool)> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix(":.*").map_or((name, false), |name| (name, true)))
}

impl Table {
    /// Makes the table.
    ///
    /// # Panics
    /// When two routes have the same method and path, or two paths stand for the same addresses: a mistake that the first start shows.
    #[expect(clippy::panic, reason = "a mistake of ours that the first start shows")]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table = Self {
            routes,
            places: Vec::new(),
            by_pattern: HashMap::new(),
            router: matchit::Router::new(),
        };
        for place in 0..table.routes.len() {
            let Route { path, method, .. } = &table.routes[place];
            let at = *table.by_pattern.entry(path).or_insert_with(|| {
                let named = path.split('/').filter_map(placeholder);
                table.places.push(Place {
                    pattern: path,
                    names: named.map(|(name, _)| name).collect(),
                    routes: Vec::new(),
                    is_for_machines: false,
                });
                table.places.len() - 1
            });
            table.places[at].is_for_machines |= table.routes[place].kind == Kind::Api;
            let same = &mut table.places[at].routes;
            if same.iter().any(|other| table.routes[*other].method == *method) {
                panic!("two routes {method} {path}");
            }
            same.push(place);
        }
        for (at, place) in table.places.iter().enumerate() {
            for text in addresses(place.pattern) {
                if let Err(error) = table.router.insert(text, at) {
                    panic!("the route {}: {error}", place.pattern);
                }
            }
        }
        table
    }
    /// The route of a method and a matched pattern.
    pub fn find(&self, method: &Method, pattern: &str) -> Option<&Route> {
        let method = answered(method);
        let mut routes = self.routes_of(pattern);
        routes.find(|route| route.method == *method)
    }
    fn routes_of(&self, pattern: &str) -> impl Iterator<Item = &Route> {
        let place = self.by_pattern.get(pattern).map(|at| &self.places[*at]);
        let routes = place.into_iter().flat_map(|place| &place.routes);
        routes.map(|place| &self.routes[*place])
    }
    /// The route of a request that has been found.
    pub fn route_of(&self, matched: Matched) -> Option<&Route> {
        matched.route.map(|place| &self.routes[place])
    }
    /// Finds what a request asks for and notes what its address names, before anybody else has the request in hand.
    pub fn enter(&self, req: &mut ServiceRequest) -> Matched {
        let Ok(found) = self.router.at(req.match_info().as_str()) else {
            return Matched::default();
        };
        let place = &self.places[*found.value];
        let method = answered(req.method());
        let mut routes = place.routes.iter().copied();
        let matched = Matched {
            pattern: Some(place.pattern),
            route: routes.find(|route| self.routes[*route].method == *method),
            is_for_machines: place.is_for_machines,
        };
        if place.names.is_empty() {
            return matched;
        }
        let values: Vec<String> = found.params.iter().map(|(_, value)| value.to_owned()).collect();
        for (at, name) in place.names.iter().enumerate() {
            // Of all that follows nothing may follow.
            let value = values.get(at).cloned().unwrap_or_default();
            req.match_info_mut().add_static(*name, value);
        }
        matched
    }
}

/// The method whose route answers: of HEAD that of GET.
fn answered(method: &Method) -> &Method {
    if *method == Method::HEAD { &Method::GET } else { method }
}

/// A pattern as the router reads it; one that stands for all that follows stands for nothing as well.
fn addresses(pattern: &'static str) -> Vec<String> {
    let part = |part| match placeholder(part) {
        Some((name, true)) => format!("{{*{name}}}"),
        Some((name, false)) => format!("{{{name}}}"),
        None => part.to_owned(),
    };
    let whole = pattern.split('/').map(part).collect::<Vec<_>>().join("/");
    let parent = whole.split_once("{*").map(|(parent, _)| parent.to_owned());
    std::iter::once(whole).chain(parent).collect()
}

/// Lets the route of a request answer that [`Table::enter`] has found. An address with another method answers 405 with the methods that
/// it has.
pub async fn dispatch(req: ServiceRequest) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let matched = Matched::of(req.request());
    let Some(app) = req.app_data::<Data<App>>().cloned() else {
        return Ok(req.into_response(HttpResponse::from_error(Error::NotFound)));
    };
    Ok(answer(&app.table, matched, req).await)
}

/// The same where it is known what was found.
pub async fn answer(table: &Table, matched: Matched, req: ServiceRequest) -> ServiceResponse<BoxBody> {
    let (req, payload) = req.into_parts();
    let answer = match (table.route_of(matched), matched.pattern) {
        (Some(route), _) => (route.run)(req.clone(), payload).await,
        (None, Some(pattern)) => other_method(table, pattern),
        (None, None) => HttpResponse::from_error(Error::NotFound),
    };
    ServiceResponse::new(req, answer)
}

fn other_method(table: &Table, pattern: &str) -> HttpResponse {
    let mut allow = Vec::new();
    for route in table.routes_of(pattern) {
        allow.push(route.method.as_str());
        if route.method == Method::GET {
            allow.push("HEAD"); // the connection drops the body
        }
    }
    let mut response = HttpResponse::from_error(Error::MethodNotAllowed);
    if let Ok(value) = allow.join(", ").parse() {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let routes = [
            "/",
            "/o/{org}",
            "/o/{org}/members/new",
            "/o/{org}/members/{member}",
            "/static/{file:.*}",
            "/authz/envoy/{permission}/{path:.*}",
        ];
        Table::new(routes.map(|path| get(path, async || "")).into())
    }

    fn found(path: &str) -> Option<(&'static str, Vec<(String, String)>)> {
        let table = table();
        let found = table.router.at(path).ok()?;
        let params = found
            .params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some((table.places[*found.value].pattern, params.collect()))
    }

    #[test]
    fn fixed_words_stand_before_placeholders() {
        let names = |path| found(path).map(|(pattern, _)| pattern);
        assert_eq!(names("/"), Some("/"));
        assert_eq!(names("/o/acme/members/new"), Some("/o/{org}/members/new"));
        assert_eq!(names("/o/acme/members/news"), Some("/o/{org}/members/{member}"));
        for nothing in [
            "",
            "/o",
            "/o/",
            "/o//members/new",
            "/o/acme/",
            "/o/acme/members/",
            "/o/acme/members/a/b",
        ] {
            assert_eq!(names(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn all_that_follows_may_be_nothing() {
        let of = |path| found(path).expect("a route").1;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of("/static/icons/a.svg"), [pair("file", "icons/a.svg")]);
        assert_eq!(
            of("/authz/envoy/api.call/v1//x/"),
            [pair("permission", "api.call"), pair("path", "v1//x/")]
        );
        assert_eq!(of("/authz/envoy/api.call/"), [pair("permission", "api.call")]);
        assert!(found("/static/").is_some());
    }

    #[test]
    #[should_panic(expected = "two routes GET /a")]
    fn a_route_stands_once() {
        Table::new(vec![get("/a", async || ""), get("/a", async || "")]);
    }
}
