//! Forward-auth: a proxy asks before it lets a request through (STANDARDS section 6). Every documented identity header is on every answer,
//! empty where there is nothing to say, because proxies pass on what a client sent under a name that the answer lacks.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web::{Data, Path},
};

use super::{
    Credits,
    machine::{denied, holder_of, presented},
    person::{self, Visitor},
    problem::{Fault, with_limits},
};
use crate::{
    access::Person,
    app::App,
    error::Error,
    gate::{Ask, Denial, Holder, Verdict, Who, list, role_names},
    ids::RoleId,
    metering::{Hold, ReservationId},
    web::request::Trace,
};

/// Every header that says who a request is from, in the order of the documentation.
pub const IDENTITY: [&str; 8] = [
    "x-muster-org",
    "x-muster-user",
    "x-muster-email",
    "x-muster-groups",
    "x-muster-roles",
    "x-muster-key-id",
    "x-muster-features",
    "x-muster-reservation",
];
/// The same as names of headers.
pub const IDENTITY_NAMES: [HeaderName; 8] = {
    let [org, user, email, groups, roles, key, features, reservation] = IDENTITY;
    [
        HeaderName::from_static(org),
        HeaderName::from_static(user),
        HeaderName::from_static(email),
        HeaderName::from_static(groups),
        HeaderName::from_static(roles),
        HeaderName::from_static(key),
        HeaderName::from_static(features),
        HeaderName::from_static(reservation),
    ]
};
const EMPTY: HeaderValue = HeaderValue::from_static("");
/// What is needed when the proxy's configuration names no permission.
const PERMISSION: &str = "api.call";
/// How long a reservation of a proxy lasts when nothing is said, in seconds.
const TTL: u64 = 300;
/// How long one lasts at most, in seconds.
const LONGEST: u64 = 86_400;

/// What the proxy's configuration asks for; it is part of the address that the proxy is given, never of the client's request.
#[derive(Debug, Default)]
struct Options {
    /// The organization whose members may come with the session of their browser; without it a key is needed.
    org: Option<String>,
    permission: Option<String>,
    feature: Option<String>,
    cost: Option<Credits>,
    reserve: Option<Credits>,
    ttl_s: Option<u64>,
}

impl Options {
    /// Reads the query of the proxy's address. Whatever cannot be read is refused by its name: what a configuration means to ask for
    /// and does not must not let anybody through.
    fn read(query: &str) -> Result<Self, Error> {
        let mut options = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.as_ref();
            match name.as_ref() {
                "org" => once("org", &mut options.org, value.to_owned())?,
                "permission" => once("permission", &mut options.permission, value.to_owned())?,
                "feature" => once("feature", &mut options.feature, value.to_owned())?,
                "cost" => once("cost", &mut options.cost, credits("cost", value)?)?,
                "reserve" => once("reserve", &mut options.reserve, credits("reserve", value)?)?,
                "ttl_s" => {
                    let seconds = value.parse().ok().filter(|seconds| (1..=LONGEST).contains(seconds));
                    let seconds = seconds.ok_or_else(|| {
                        Error::invalid(
                            "ttl_s",
                            "The option ttl_s of the proxy’s address is no whole number of seconds from 1 to 86400. Give one, such as ttl_s=60.",
                        )
                    })?;
                    once("ttl_s", &mut options.ttl_s, seconds)?;
                }
                _ => {}
            }
        }
        Ok(options)
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(
            name,
            format!("The option {name} stands twice in the proxy’s address. Give it once."),
        )),
    }
}

fn credits(name: &'static str, value: &str) -> Result<Credits, Error> {
    let amount = value.parse().ok().filter(|amount: &Credits| amount.micros() >= 0);
    amount.ok_or_else(|| {
        Error::invalid(
            name,
            format!(
                "The option {name} of the proxy’s address is no amount. Give credits as a decimal, such as {name}=0.5."
            ),
        )
    })
}

/// Who asks.
enum Asker {
    /// Whoever holds a key.
    Key(Arc<Holder>),
    /// Somebody who has signed in to the portal, with their custom roles and their features.
    Person(Box<Visitor>, Vec<RoleId>, String),
}

impl Asker {
    fn who(&self) -> Who {
        match self {
            Self::Key(holder) => holder.who(),
            Self::Person(visitor, ..) => visitor.who(),
        }
    }
    fn slug(&self) -> &str {
        match self {
            Self::Key(holder) => &holder.bearer.slug,
            Self::Person(visitor, ..) => &visitor.org.slug,
        }
    }
    /// What the headers of [`IDENTITY`] say of them.
    fn identity(&self, reservation: Option<ReservationId>) -> [HeaderValue; 8] {
        // What no header can carry is not said; nothing here holds such characters.
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(EMPTY);
        let of_holder = |holder: &Holder| {
            let (bearer, names) = (&holder.bearer, holder.names());
            let owner = bearer.owner.as_ref();
            let texts: [&str; 8] = [
                &bearer.slug,
                &names.principal,
                owner.map_or("", |owner| &owner.email),
                &names.groups,
                &names.roles,
                &names.key,
                &names.features,
                "",
            ];
            texts.map(value)
        };
        let mut values = match self {
            Self::Key(holder) => holder.headers.get_or_init(|| of_holder(holder)).clone(),
            Self::Person(visitor, custom, features) => {
                let texts: [&str; 8] = [
                    &visitor.org.slug,
                    &visitor.member.to_string(),
                    &visitor.email,
                    &list(visitor.groups.iter()),
                    &role_names(visitor.role, custom),
                    "",
                    features,
                    "",
                ];
                texts.map(value)
            }
        };
        if let Some(id) = reservation {
            values[7] = value(&id.to_string());
        }
        values
    }
}

/// What a proxy is told.
struct Told {
    outcome: Result<Verdict, Fault>,
    asker: Option<Asker>,
    held: Option<ReservationId>,
}

impl Told {
    /// The value of each header of [`IDENTITY`]; all are empty unless somebody is let in.
    fn identity(&self) -> [HeaderValue; 8] {
        match (&self.outcome, &self.asker) {
            (Ok(Verdict::Allow { .. }), Some(asker)) => asker.identity(self.held),
            _ => [EMPTY; 8],
        }
    }
}

async fn decide(app: &App, req: &HttpRequest, options: Result<Options, Error>) -> Told {
    let (mut asker, mut held) = (None, None);
    let options = match options {
        Ok(options) => options,
        Err(error) => {
            let outcome = Err(error.into());
            return Told { outcome, asker, held };
        }
    };
    let outcome = ask(app, req, options, (&mut asker, &mut held)).await;
    Told { outcome, asker, held }
}

/// Who asks: by a key when there is one, or by the session of their browser where the configuration names the organization.
async fn asker_of(app: &App, req: &HttpRequest, org: Option<&str>) -> Result<Asker, Fault> {
    if let Some(text) = presented(req.headers()) {
        let holder = holder_of(app, text).await?;
        return holder.map(Asker::Key).ok_or(Fault::Credential { presented: true });
    }
    let Some(slug) = org else {
        return Err(Fault::Credential { presented: false });
    };
    if Person::of(req).is_none() {
        return Err(Fault::Credential { presented: false });
    }
    // Whoever is no member reads the same of an organization that is there and of one that is not.
    match Visitor::find(app, req, slug).await? {
        Some(visitor) => {
            let custom = app.gate.roles_of(visitor.org.id, visitor.member).await?;
            let features = app.gate.features_of(visitor.org.id, visitor.member).await?;
            Ok(Asker::Person(Box::new(visitor), custom, features))
        }
        None => Err(denied(app, Box::new(Denial::stranger()), None, slug)),
    }
}

async fn ask(
    app: &App,
    req: &HttpRequest,
    options: Options,
    (known, held): (&mut Option<Asker>, &mut Option<ReservationId>),
) -> Result<Verdict, Fault> {
    let asker = known.insert(asker_of(app, req, options.org.as_deref()).await?);
    let who = asker.who();
    let ip = Trace::address_of(req);
    let hold = options.reserve.map(|amount| Hold {
        amount: amount.micros(),
        ttl: std::time::Duration::from_secs(options.ttl_s.unwrap_or(TTL)),
        ..Hold::default()
    });
    let ask = Ask {
        permission: Some(options.permission.unwrap_or_else(|| PERMISSION.to_owned())),
        feature: options.feature,
        ip,
        assurance: None,
        cost: options.reserve.or(options.cost).unwrap_or_default().micros(),
    };
    let (verdict, done) = match hold {
        Some(hold) => {
            let granted = app.gate.reserve(&who, &ask, &hold).await?;
            (granted.verdict, granted.done.map(|held| held.id))
        }
        None => (app.gate.check(&who, &ask).await?, None),
    };
    match verdict {
        Verdict::Deny(denial) => {
            let caller = app.gate.caller(&who).await?;
            Err(denied(app, denial, caller.as_deref(), asker.slug()))
        }
        allowed @ Verdict::Allow { .. } => {
            app.gate.note_authorized(&who, ip);
            *held = done;
            Ok(allowed)
        }
    }
}

fn headers(answer: &mut HttpResponseBuilder, app: &App, told: &Told) {
    for pair in IDENTITY_NAMES.into_iter().zip(told.identity()) {
        answer.insert_header(pair);
    }
    if let Ok(Verdict::Allow { limits, .. }) = &told.outcome {
        with_limits(answer, limits, app.gate.now());
    }
}

fn answer(app: &App, told: &Told) -> HttpResponse {
    match &told.outcome {
        Ok(_) => {
            let mut allowed = HttpResponse::NoContent();
            allowed.status(StatusCode::OK);
            headers(&mut allowed, app, told);
            allowed.finish()
        }
        Err(fault) => nameless(fault.error_response(), told),
    }
}

/// An answer that says of everybody that they are nobody.
fn nameless(mut answer: HttpResponse, told: &Told) -> HttpResponse {
    for (name, value) in IDENTITY_NAMES.into_iter().zip(told.identity()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// The same for proxies that hand a refusal to the client as it is: people read it as a page, or are led to the sign-in.
async fn answer_in_words(app: &App, req: &HttpRequest, told: Told, is_for_people: bool) -> HttpResponse {
    let made = answer(app, &told);
    let Err(fault) = &told.outcome else {
        return made;
    };
    if !is_for_people || !person::reads_pages(req) {
        return made;
    }
    match (fault, &told.asker) {
        (Fault::Credential { presented: false }, None) if person::looks(req) => {
            nameless(person::to_sign_in(app, req), &told)
        }
        // Whoever has signed in and is no member there is nobody here, and reads why all the same.
        (Fault::Denied(..), None | Some(Asker::Person(..))) => {
            let visitor = match &told.asker {
                Some(Asker::Person(visitor, ..)) => Some(visitor.as_ref()),
                _ => None,
            };
            match person::page(app, req, visitor, fault, made).await {
                Ok(page) => page,
                Err(error) => nameless(Fault::from(error).error_response(), &told),
            }
        }
        _ => made,
    }
}

/// For Caddy and Traefik, which hand a refusal to the client as it is.
pub async fn forward(app: Data<App>, req: HttpRequest) -> HttpResponse {
    let options = Options::read(req.query_string());
    let is_for_people = options.as_ref().is_ok_and(|options| options.org.is_some());
    let told = decide(&app, &req, options).await;
    answer_in_words(&app, &req, told, is_for_people).await
}

/// For Envoy, which appends the client's path and query to the prefix: what is needed stands in the prefix.
pub async fn envoy(app: Data<App>, req: HttpRequest, parts: Path<(String, String)>) -> HttpResponse {
    let options = Options {
        permission: Some(parts.into_inner().0),
        ..Options::default()
    };
    answer(&app, &decide(&app, &req, Ok(options)).await)
}

/// For nginx, whose `auth_request` relays 401 and 403 alone and makes 500 of a 429 (nginx#941): the real status travels in a header, from
/// which the shipped configuration makes it again.
pub async fn nginx(app: Data<App>, req: HttpRequest) -> HttpResponse {
    let told = decide(&app, &req, Options::read(req.query_string())).await;
    let (status, retry, reason) = match &told.outcome {
        Ok(_) => (200, None, ""),
        Err(fault) => {
            let reason = match fault {
                Fault::Denied(denial, _) => denial.reason.key(),
                Fault::Credential { .. } => "credential-invalid",
                Fault::Scope(_) => "permission-denied",
                Fault::Unknown(_) | Fault::Media { .. } => "error",
                Fault::Error(Error::Busy) => "busy",
                Fault::Error(_) => "error",
            };
            (fault.status_code().as_u16(), fault.retry_after(), reason)
        }
    };
    let mut made = answer(&app, &told);
    if !matches!(status, 200 | 401 | 403) {
        *made.status_mut() = StatusCode::FORBIDDEN;
    }
    for (name, value) in [
        ("x-muster-status", status.to_string()),
        (
            "x-muster-retry-after",
            retry.map(|seconds: u64| seconds.to_string()).unwrap_or_default(),
        ),
        ("x-muster-reason", reason.to_owned()),
    ] {
        if let Ok(value) = value.parse() {
            made.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    made
}
