//! AuthZEN search (section 8 of the specification): who may do something, what somebody may do, and where.
//!
//! A search asks the gate about each candidate in turn, so that it says exactly what an evaluation says. Results come in pages, and a page
//! looks at a bounded number of candidates, so that it may hold fewer than it could, or none, while more are to come.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{
    authzen::{Asked, Bad, Failure, Named, Need, Object, answer, get, read, text},
    machine::Machine,
    problem::Fault,
    resource::{self, Place},
    subject::{self, Kind},
};
use crate::{access::Permission, app::App, error::Error, gate::Known, ids, secret, web::request::Sent};

/// How many candidates a page looks at when nothing is said, and at most.
const USUAL: i64 = 100;
const MOST: i64 = 1_000;
/// What a token's place is written under.
const PLACE: &str = "pag";

/// How much is wanted, from where, and of which search.
struct Page {
    limit: i64,
    after: i64,
    mark: String,
}

impl Page {
    fn read(what: &str, request: &Object<'_>) -> Result<Self, Bad> {
        // In one order, whatever order the parts were sent in.
        let parts = ["subject", "action", "resource", "context"].map(|name| get(request, name).map(Value::from));
        let digest = secret::hash_token(&json!([what, parts]).to_string());
        let mark = HEXLOWER.encode(&digest[..8]);
        let page = match get(request, "page") {
            None => return Ok(Self::first(USUAL, mark)),
            Some(page) => page
                .as_object()
                .ok_or_else(|| Bad("page is not an object".to_owned()))?,
        };
        let limit = match get(page, "limit") {
            None => None,
            Some(limit) => {
                let limit = limit
                    .as_u64()
                    .ok_or_else(|| Bad("page.limit is not a whole number".to_owned()))?;
                Some(i64::try_from(limit).unwrap_or(MOST).min(MOST))
            }
        };
        let token = match get(page, "token") {
            None => "",
            Some(token) => token
                .as_str()
                .ok_or_else(|| Bad("page.token is not a text".to_owned()))?,
        };
        if token.is_empty() {
            return Ok(Self::first(limit.unwrap_or(USUAL), mark));
        }
        let page = Self::resume(token).ok_or_else(|| Bad("page.token is none that a search has given".to_owned()))?;
        // Whoever goes on may leave out how much is wanted, but neither that nor anything else may change.
        if page.mark != mark || limit.is_some_and(|limit| limit != page.limit) {
            return Err(Bad("the search has changed since the page before".to_owned()));
        }
        Ok(page)
    }
    const fn first(limit: i64, mark: String) -> Self {
        Self { limit, after: 0, mark }
    }
    fn resume(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (after, limit, mark) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            after: ids::decode(PLACE, after)?,
            limit: limit.parse().ok().filter(|limit| (0..=MOST).contains(limit))?,
            mark: mark.to_owned(),
        })
    }
    /// Takes this page's part of candidates, of which one more than wanted was asked for, and says where the next page begins.
    fn cut(&self, mut candidates: Vec<(i64, String)>) -> (Vec<String>, String) {
        let wanted = self.limit as usize;
        let is_more = candidates.len() > wanted;
        candidates.truncate(wanted);
        let last = candidates.last().map_or(self.after, |(place, _)| *place);
        let next = if is_more {
            format!("{}.{}.{}", ids::encode(PLACE, last), self.limit, self.mark)
        } else {
            String::new()
        };
        (candidates.into_iter().map(|(_, name)| name).collect(), next)
    }
}

fn results(list: Vec<Value>, next: &str) -> Value {
    json!({ "page": { "next_token": next, "count": list.len() }, "results": list })
}

/// Whether a resource is something that Muster keeps here; of the platform's own things a search knows nothing.
async fn is_here(app: &App, machine: &Machine, resource: &Object<'_>) -> Result<bool, Error> {
    let place = resource::find(app, machine, text(resource, "type"), text(resource, "id")).await?;
    Ok(place == Place::Here)
}

async fn subjects(app: &App, machine: &Machine, request: &Object<'_>) -> Result<Value, Failure> {
    let asked = Asked::alone(request);
    let kind = text(asked.part("subject", &["type"])?, "type");
    let action = asked.part("action", &["name"])?;
    let resource = asked.part("resource", &["type", "id"])?;
    let need = Need::read(Some(action), resource, asked.context()?)?;
    let page = Page::read("subject", request)?;
    let candidates = match Kind::find(kind) {
        // A service account acts by its keys alone, so nothing is granted to one that comes without.
        Some(Kind::User | Kind::ApiKey) if is_here(app, machine, resource).await? => {
            resource::list(app, machine, kind, page.after, page.limit + 1).await?
        }
        _ => Vec::new(),
    };
    let (candidates, next) = page.cut(candidates);
    let mut list = Vec::new();
    for id in candidates {
        let Some(kind_of) = Kind::find(kind) else { continue };
        if let Some(known) = subject::find_of(app, machine, kind_of, &id, None).await?
            && need.check(app, &known, text(action, "name")).await?.is_ok()
        {
            list.push(json!({ "type": kind, "id": id }));
        }
    }
    Ok(results(list, &next))
}

async fn resources(app: &App, machine: &Machine, request: &Object<'_>) -> Result<Value, Failure> {
    let asked = Asked::alone(request);
    let named = Named::read(asked)?;
    let action = asked.part("action", &["name"])?;
    let resource = asked.part("resource", &["type"])?;
    let need = Need::read(Some(action), resource, asked.context()?)?;
    let page = Page::read("resource", request)?;
    let kind = text(resource, "type");
    // No rule tells one thing of a type from another yet, so that one verdict holds for all of them.
    let is_allowed = match named.find(app, machine).await? {
        Some(known) => need.check(app, &known, text(action, "name")).await?.is_ok(),
        None => false,
    };
    let candidates = if is_allowed {
        resource::list(app, machine, kind, page.after, page.limit + 1).await?
    } else {
        Vec::new()
    };
    let (candidates, next) = page.cut(candidates);
    let mut list = Vec::new();
    for id in candidates {
        if resource::find(app, machine, kind, &id).await? == Place::Here {
            list.push(json!({ "type": kind, "id": id }));
        }
    }
    Ok(results(list, &next))
}

/// The names of everything that somebody might do: permissions, those that administrators have added, and the features of their key.
fn names(known: &Known) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = Permission::ALL.iter().map(|one| one.key().to_owned()).collect();
    if let Some(permissions) = known.caller.permissions() {
        names.extend(permissions.keys());
    }
    if let Some(key) = &known.who.key {
        names.extend(key.scopes.keys());
        names.extend(key.features.iter().cloned());
    }
    names
}

async fn actions(app: &App, machine: &Machine, request: &Object<'_>) -> Result<Value, Failure> {
    let asked = Asked::alone(request);
    let named = Named::read(asked)?;
    let resource = asked.part("resource", &["type", "id"])?;
    let need = Need::read(None, resource, asked.context()?)?;
    let page = Page::read("action", request)?;
    let known = match is_here(app, machine, resource).await? {
        true => named.find(app, machine).await?,
        false => None,
    };
    let mut list = Vec::new();
    let mut next = String::new();
    if let Some(known) = known {
        let all = (1..).zip(names(&known));
        let candidates = all.skip_while(|(place, _)| *place <= page.after);
        let (candidates, more) = page.cut(candidates.take(page.limit as usize + 1).collect());
        next = more;
        for name in candidates {
            if need.check(app, &known, &name).await?.is_ok() {
                list.push(json!({ "name": name }));
            }
        }
    }
    Ok(results(list, &next))
}

/// Who may do something to a resource.
pub async fn subject(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    answer(match read(&req, &body) {
        Ok(request) => subjects(&app, &machine, &request).await,
        Err(bad) => Err(bad.into()),
    })
}

/// Where somebody may do something.
pub async fn resource(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    answer(match read(&req, &body) {
        Ok(request) => resources(&app, &machine, &request).await,
        Err(bad) => Err(bad.into()),
    })
}

/// What somebody may do to a resource.
pub async fn action(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    answer(match read(&req, &body) {
        Ok(request) => actions(&app, &machine, &request).await,
        Err(bad) => Err(bad.into()),
    })
}
