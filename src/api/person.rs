//! People behind a proxy: whoever has signed in to the portal asks by their session, and reads a refusal as a page.
//!
//! A session counts only where the proxy's configuration names the organization, so that a proxy for machines alone never lets a browser
//! through by its cookies. The page carries its style with it, because it is shown under the address of the platform.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, StatusCode,
        header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION},
    },
};
use askama::Template;
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use super::problem::Fault;
use crate::{
    access::{self, OrgRef, Person, Role},
    app::App,
    clock::{Timestamp, Zone},
    error::Result,
    gate::{Denial, LimitState, Principal, Reason, Who},
    ids::{GroupId, MemberId},
    limits::{self, Window, amount::Unit},
    members::{self, Admin},
    metering::Scope,
    shell,
    usage::views::LimitRow,
    web::{assets, request::Trace},
};

/// Somebody who has signed in, in the organization that the proxy's configuration names.
pub struct Visitor {
    /// The organization.
    pub org: OrgRef,
    /// The membership.
    pub member: MemberId,
    /// Its role; none for one that is over.
    pub role: Option<Role>,
    /// The address.
    pub email: String,
    /// The groups.
    pub groups: Vec<GroupId>,
}

impl Visitor {
    /// The signed-in person of a request; none when nobody is signed in, or is no member there.
    pub async fn find(app: &App, req: &HttpRequest, slug: &str) -> Result<Option<Self>> {
        let Some(person) = Person::of(req) else {
            return Ok(None);
        };
        let db = &mut app.db.read();
        let Some((org, member, role)) = access::membership(db, slug, person.id).await? else {
            return Ok(None);
        };
        let groups = app.gate.groups_of(org.id, member).await?;
        Ok(Some(Self {
            org,
            member,
            role,
            email: person.email,
            groups,
        }))
    }
    /// Who is charged.
    pub fn who(&self) -> Who {
        Who {
            org: self.org.id,
            principal: Principal::Member(self.member),
            key: None,
        }
    }
}

/// Whether whoever asks reads pages: a browser that goes somewhere says so first of all.
pub fn reads_pages(req: &HttpRequest) -> bool {
    let accept = req.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.split(',').any(|kind| kind.trim().starts_with("text/html")))
}

/// Whether a browser only looks: the method that the proxy was asked with, as the proxy says it.
pub fn looks(req: &HttpRequest) -> bool {
    let said = ["x-forwarded-method", "x-original-method"]
        .into_iter()
        .find_map(|name| req.headers().get(name));
    let method = said
        .and_then(|value| value.to_str().ok())
        .unwrap_or(req.method().as_str());
    method == Method::GET.as_str() || method == Method::HEAD.as_str()
}

/// Leads a browser that nobody has signed in with to the sign-in of the portal, and from there back to where it wanted to go.
pub fn to_sign_in(app: &App, req: &HttpRequest) -> HttpResponse {
    let path = came_from(&app.settings.public_url, req).map_or_else(
        || "/sign-in".to_owned(),
        |next| {
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            format!("/sign-in?next={next}")
        },
    );
    HttpResponse::Found()
        .insert_header((LOCATION, app.settings.link(&path)))
        .finish()
}

/// The path that a browser wanted, as the proxy says it, where that is under the portal's own address: another host or port is in no
/// setting, and whoever forges these headers must not choose where a sign-in ends.
fn came_from(public: &url::Url, req: &HttpRequest) -> Option<String> {
    let said = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    let there = url::Url::parse(&format!(
        "{}://{}",
        said("x-forwarded-proto")?,
        said("x-forwarded-host")?
    ))
    .ok()?;
    let path = said("x-forwarded-uri")?;
    let is_ours = there.origin() == public.origin();
    shell::local(path).filter(|_| is_ours).map(str::to_owned)
}

/// The window of the limit that refuses, where its member can ask for more of it; what others share is not theirs to ask for.
pub fn can_rise(denial: &Denial) -> Option<Window> {
    let limit = denial.binding().filter(|_| denial.reason == Reason::Limit)?;
    let is_own = limit.scope == Scope::Member && Window::OFFERED.contains(&limit.window);
    is_own.then_some(limit.window)
}

/// Why somebody is refused; prints `api/refused.html`.
#[derive(Template)]
#[template(path = "api/refused.html")]
struct Refused {
    status: u16,
    title: String,
    detail: String,
    organization: String,
    limits: Vec<LimitRow>,
    zone: String,
    admins: Vec<Admin>,
    request_href: Option<String>,
    /// Where else one may go: in which words, and where.
    way_on: (&'static str, String),
    host: String,
    request_id: String,
}

/// The portal's stylesheet without its fonts, which another address cannot load, and the policy that lets it be read.
static STYLE: LazyLock<(String, String)> = LazyLock::new(|| {
    let style = without_fonts(assets::text("app.css").unwrap_or_default());
    let hash = BASE64.encode(&Sha256::digest(style.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (style, policy)
});

/// A stylesheet without its `@font-face` rules.
fn without_fonts(css: &str) -> String {
    let mut rest = css;
    let mut kept = String::with_capacity(css.len());
    while let Some(at) = rest.find("@font-face") {
        kept.push_str(&rest[..at]);
        rest = rest[at..].find('}').map_or("", |end| &rest[at + end + 1..]);
    }
    kept.push_str(rest);
    kept
}

/// Puts a refusal into the words of a page, with the answer's status and headers as machines get them. Whoever has signed in and is no
/// member (`visitor` is none) learns nothing of the organization, not even that it is there.
pub async fn page(
    app: &App,
    req: &HttpRequest,
    visitor: Option<&Visitor>,
    fault: &Fault,
    answer: HttpResponse,
) -> Result<HttpResponse> {
    let Fault::Denied(denial, scene) = fault else {
        return Ok(answer);
    };
    let Some(visitor) = visitor else {
        return in_words(&stranger(app, req, answer.status()), answer);
    };
    let db = &mut app.db.read();
    let admins = members::administrators(db, visitor.org.id).await?;
    let unit = limits::settings::find_unit(db, visitor.org.id).await?;
    let made = Refused {
        status: answer.status().as_u16(),
        title: title(denial),
        detail: detail(denial, unit),
        organization: visitor.org.name.clone(),
        limits: rows(denial, unit, &scene.zone, scene.now),
        zone: scene.zone.name().to_owned(),
        admins,
        request_href: can_rise(denial).map(|_| scene.request_url.clone()),
        way_on: ("See your usage", app.settings.link(&visitor.org.path("/usage/mine"))),
        host: app.settings.public_url.host_str().unwrap_or_default().to_owned(),
        request_id: Trace::of(req).request_id.to_string(),
    };
    in_words(&made, answer)
}

/// What somebody reads who has signed in and is no member where a membership is needed.
fn stranger(app: &App, req: &HttpRequest, status: StatusCode) -> Refused {
    let who = Person::of(req).map_or_else(String::new, |person| format!(" as {}", person.email));
    Refused {
        status: status.as_u16(),
        title: "You cannot use this".to_owned(),
        detail: format!(
            "You have signed in{who}, and there is no membership for you in the organization that this belongs to. Ask whoever gave you the address to invite you, or sign in as somebody else."
        ),
        organization: String::new(),
        limits: Vec::new(),
        zone: String::new(),
        admins: Vec::new(),
        request_href: None,
        way_on: ("Your organizations", app.settings.link("/")),
        host: app.settings.public_url.host_str().unwrap_or_default().to_owned(),
        request_id: Trace::of(req).request_id.to_string(),
    }
}

/// The answer with a page as its body.
fn in_words(made: &Refused, answer: HttpResponse) -> Result<HttpResponse> {
    // The one style element of the portal, which the policy of this answer knows by its hash.
    let text = made
        .render()?
        .replacen("</head>", &format!("<style>{}</style></head>", STYLE.0), 1);
    let mut page = answer.set_body(actix_web::body::BoxBody::new(text));
    page.extensions_mut().clear(); // what would make a document for machines of it
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(&STYLE.1) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(page)
}

fn title(denial: &Denial) -> String {
    match (denial.reason, denial.binding()) {
        (Reason::Limit, Some(limit)) => {
            let whose = match limit.scope {
                Scope::Member => "your",
                Scope::Group => "your group’s",
                Scope::Pool => "the credit pool’s",
                _ => "the organization’s",
            };
            let kind = limit.window.adjective().to_lowercase();
            let did = if limit.remaining == 0 {
                "You reached"
            } else {
                "This needs more than is left of"
            };
            format!("{did} {whose} {kind} limit")
        }
        (reason, _) if reason.status() == StatusCode::UNAUTHORIZED.as_u16() => "Sign in again".to_owned(),
        _ => "You cannot use this".to_owned(),
    }
}

fn detail(denial: &Denial, unit: Unit) -> String {
    match denial.reason {
        Reason::Limit => {
            let wallet = denial.wallet().map_or_else(String::new, |wallet| {
                format!(
                    " Your wallet has {}, which is too little for this.",
                    crate::limits::amount::words(wallet.remaining, unit)
                )
            });
            let resets = denial.binding().is_none_or(|limit| limit.reset_at.is_some());
            let wait = if resets { ", or wait until it resets" } else { "" };
            if can_rise(denial).is_some() {
                return format!("Contact your organization administrator to raise it{wait}.{wallet}");
            }
            let whose = denial.binding().map_or_else(String::new, whose);
            format!("{whose} Contact your organization administrator{wait}.{wallet}")
        }
        _ => denial.detail.clone(),
    }
}

/// Whose limit it is that nobody raises for themselves.
fn whose(limit: &LimitState) -> String {
    let whose = match limit.scope {
        Scope::Group => format!(
            "It is the limit of {}, for everything that is used for it",
            limit.source
        ),
        Scope::Pool => format!(
            "It is the credit pool {}, shared by everyone who draws from it",
            limit.source
        ),
        Scope::Organization => "It is the limit of the whole organization, for everybody together".to_owned(),
        Scope::Key => "It is the limit of the key that was used".to_owned(),
        _ => return "It is a limit that nobody raises for themselves.".to_owned(),
    };
    format!("{whose}; a request of yours would not raise it.")
}

/// The limits that refuse, the one that binds first.
fn rows(denial: &Denial, unit: Unit, zone: &Zone, now: Timestamp) -> Vec<LimitRow> {
    let failing = denial.failing.iter().filter_map(|place| denial.limits.get(*place));
    failing.map(|limit| LimitRow::of(limit, unit, zone, now)).collect()
}

#[cfg(test)]
mod tests {
    use super::{STYLE, without_fonts};

    #[test]
    fn the_style_names_no_file() {
        assert_eq!(without_fonts("a{}@font-face{src:url(x)}b{}@font-face { y }"), "a{}b{}");
        assert!(STYLE.0.contains(".panel"), "the portal's own style");
        assert!(!STYLE.0.contains("url("), "another address has none of our files");
        assert!(!STYLE.0.contains("</"), "it ends the element by nothing of its own");
    }
}
