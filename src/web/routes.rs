//! The one route table: every handler is registered through it, with what a caller needs; tests and the access matrix read it.

use std::{collections::HashMap, panic::AssertUnwindSafe, pin::Pin};

use actix_web::{
    Either, Error as ActixError, FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder,
    body::BoxBody,
    dev::{Payload, ServiceRequest},
    guard::fn_guard,
    http::Method,
    middleware::{Next, from_fn},
    web::{self, ServiceConfig},
};

use futures_util::{
    FutureExt as _,
    future::{CatchUnwind, Map},
};

use super::middleware;
use crate::{
    access::{GroupDuty, Permission},
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

type Mount = Box<dyn Fn(Method) -> actix_web::Route + Send + Sync>;

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
    mount: Mount,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?} {:?}", self.method, self.path, self.needs, self.target)
    }
}

/// What the log says of a handler that panicked.
pub const PANICKED: &str = "a handler panicked";

/// A handler whose panic becomes an error page instead of a dropped connection.
#[derive(Clone)]
struct Caught<F>(F);

impl<F, Args> Handler<InOrder<Args>> for Caught<F>
where
    F: Handler<Args>,
    F::Output: 'static,
    F::Future: 'static,
{
    type Output = Either<F::Output, HttpResponse>;
    // The framework puts it into a box; a box of its own would copy what a handler's future holds, which is kilobytes.
    type Future = Map<CatchUnwind<AssertUnwindSafe<F::Future>>, Told<F::Output>>;

    fn call(&self, args: InOrder<Args>) -> Self::Future {
        let told: Told<F::Output> = |outcome| match outcome {
            Ok(output) => Either::Left(output),
            Err(_) => Either::Right(HttpResponse::from_error(Error::Internal(PANICKED.to_owned()))),
        };
        AssertUnwindSafe(self.0.call(args.0)).catch_unwind().map(told)
    }
}

/// What becomes of a handler's outcome or panic.
type Told<O> = fn(std::thread::Result<O>) -> Either<O, HttpResponse>;

/// A handler's arguments, taken one after the other. The framework takes them at once, and then a malformed id or form would be
/// answered before the question who may call; a refusal must not depend on what was sent, and it must be recorded.
struct InOrder<Args>(Args);

/// Extractors that can be taken in the order in which a handler names them.
pub trait Taken: Sized + 'static {
    /// Takes them; the first refusal ends it.
    fn take(req: HttpRequest, payload: Payload) -> Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;
}

impl<Args: Taken> FromRequest for InOrder<Args> {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let taken = Args::take(req.clone(), payload.take());
        Box::pin(async move { taken.await.map(Self) })
    }
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
    let mount: Mount = Box::new(move |method| web::method(method).to(Caught(handler.clone())));
    Route {
        method,
        path,
        kind: Kind::Html,
        needs: Needs::Nothing,
        target: Target::None,
        body: FORM_BODY,
        spools: false,
        records: None,
        mount,
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

/// The whole table, with look-ups for the middleware.
pub struct Table {
    /// Every route.
    pub routes: Vec<Route>,
    places: HashMap<&'static str, Vec<usize>>,
}

impl Table {
    /// Makes the table.
    ///
    /// # Panics
    /// When two routes have the same method and path: a mistake that the first start shows.
    #[expect(clippy::panic, reason = "a mistake of ours that the first start shows")]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut places: HashMap<&'static str, Vec<usize>> = HashMap::new();
        for (place, route) in routes.iter().enumerate() {
            let same = places.entry(route.path).or_default();
            if same.iter().any(|other| routes[*other].method == route.method) {
                panic!("two routes {} {}", route.method, route.path);
            }
            same.push(place);
        }
        Self { routes, places }
    }
    /// The route of a method and a matched pattern.
    pub fn find(&self, method: &Method, pattern: &str) -> Option<&Route> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.places
            .get(pattern)?
            .iter()
            .map(|place| &self.routes[*place])
            .find(|route| route.method == *method)
    }
    /// The pattern of the table that reads like this one.
    pub fn pattern(&self, pattern: &str) -> Option<&'static str> {
        self.places.get_key_value(pattern).map(|(pattern, _)| *pattern)
    }
    /// Registers every route; an address with another method answers 405 with the methods that it has.
    pub fn mount(&self, config: &mut ServiceConfig) {
        for (path, places) in self.sorted() {
            config.service(self.resource(path, places));
        }
    }
    /// Registers what machines ask, on the short way, for requests that may go it.
    pub fn mount_for_machines(&self, config: &mut ServiceConfig, session_cookie: &'static str) {
        for (path, places) in self.sorted() {
            if places.iter().any(|place| self.routes[*place].kind == Kind::Api) {
                let resource = self
                    .resource(path, places)
                    .guard(fn_guard(move |context| {
                        middleware::is_for_machine(context.head().headers(), session_cookie)
                    }))
                    .wrap(from_fn(move |req: ServiceRequest, next: Next<BoxBody>| {
                        middleware::machine(path, req, next)
                    }));
                config.service(resource);
            }
        }
    }
    /// The patterns in the order in which the router tries them: fixed words before placeholders, so that /members/new is no member.
    fn sorted(&self) -> Vec<(&'static str, &[usize])> {
        let mut paths: Vec<_> = self.places.iter().map(|(path, places)| (*path, &places[..])).collect();
        paths.sort_by_key(|(path, _)| {
            (
                path.split('/').map(|part| part.starts_with('{')).collect::<Vec<_>>(),
                *path,
            )
        });
        paths
    }
    fn resource(&self, path: &'static str, places: &[usize]) -> Resource {
        let mut resource = web::resource(path);
        let mut allow = Vec::new();
        for route in places.iter().map(|place| &self.routes[*place]) {
            resource = resource.route((route.mount)(route.method.clone()));
            allow.push(route.method.to_string());
            if route.method == Method::GET {
                resource = resource.route((route.mount)(Method::HEAD)); // the connection drops the body
                allow.push("HEAD".to_owned());
            }
        }
        let allow = allow.join(", ");
        resource.default_service(web::to(move || {
            let mut response = HttpResponse::from_error(Error::MethodNotAllowed);
            if let Ok(value) = allow.parse() {
                response.headers_mut().insert(actix_web::http::header::ALLOW, value);
            }
            std::future::ready(response)
        }))
    }
}
