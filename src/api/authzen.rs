//! AuthZEN Authorization API 1.0: evaluation, evaluations and discovery (STANDARDS section 5). An evaluation never spends.
//!
//! Properties say what ids alone cannot: `subject.properties.key_id` the key that somebody comes with, `resource.properties.feature` a
//! feature that the resource needs beside the action, `action.properties.cost_micro` what the action costs. All others are left alone.

use std::net::IpAddr;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
    web::{Data, Path},
};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::json;
use serde_json_borrow::{ObjectAsVec, Value};

use super::{
    Credits,
    machine::Machine,
    problem::{Fault, charged, instant, json_of},
    resource::{self, Place},
    subject::{self, Kind},
};
use crate::{
    access::{Permission, permissions},
    app::App,
    error::Error,
    gate::{Ask, Denial, Known, Reason},
    metering::Pays,
    web::request::Sent,
};

/// The most evaluations of one request.
const MOST: usize = 1_000;
/// The longest slug that is answered, in characters.
const LONGEST_SLUG: usize = 100;

/// A JSON object as it was sent, of which nothing is copied.
pub(super) type Object<'j> = ObjectAsVec<'j>;

/// Where everything is (section 9 of the specification).
pub async fn configuration(app: Data<App>) -> HttpResponse {
    metadata(&app, "")
}

/// The same for one organization, by its slug. The key that asks decides which organization answers, so the document is the same whether
/// there is one of this slug or not, and tells nobody which there are.
pub async fn configuration_of(app: Data<App>, tenant: Path<String>) -> Result<HttpResponse, Fault> {
    let is_slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if tenant.len() > LONGEST_SLUG || !tenant.bytes().all(is_slug) {
        return Err(Fault::Unknown(
            "This is no organization’s address. Append its slug, such as /.well-known/authzen-configuration/acme.",
        ));
    }
    Ok(metadata(&app, &format!("/{tenant}")))
}

/// The metadata of a decision point; `capabilities` would be an empty list, and what has no elements is left out.
fn metadata(app: &App, tenant: &str) -> HttpResponse {
    let at = |path: &str| app.settings.link(path);
    HttpResponse::Ok().json(json!({
        "policy_decision_point": at(tenant),
        "access_evaluation_endpoint": at("/access/v1/evaluation"),
        "access_evaluations_endpoint": at("/access/v1/evaluations"),
        "search_subject_endpoint": at("/access/v1/search/subject"),
        "search_resource_endpoint": at("/access/v1/search/resource"),
        "search_action_endpoint": at("/access/v1/search/action"),
    }))
}

/// What cannot be understood of a request, in words.
pub(super) struct Bad(pub String);

/// Why there is no answer.
pub(super) enum Failure {
    /// The request cannot be understood.
    Bad(Bad),
    /// Something of ours refuses.
    Error(Error),
}

impl From<Bad> for Failure {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// An answer; the specification wants an error's message as a text.
pub(super) fn answer<T: Serialize>(outcome: Result<T, Failure>) -> Result<HttpResponse, Fault> {
    match outcome {
        Ok(document) => Ok(json_of(&mut HttpResponse::Ok(), &document)),
        Err(Failure::Bad(Bad(text))) => Ok(HttpResponse::build(StatusCode::BAD_REQUEST).json(text)),
        Err(Failure::Error(error)) => Err(error.into()),
    }
}

/// The object that a body holds.
pub(super) fn read<'j>(req: &HttpRequest, body: &'j [u8]) -> Result<Object<'j>, Bad> {
    let media = req
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Bad("send application/json".to_owned()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(request)) => Ok(request),
        Ok(_) => Err(Bad("the body is not a JSON object".to_owned())),
        Err(error) => Err(Bad(format!("the body is not JSON: {error}"))),
    }
}

/// What stands under a name of an object; of several the last, as everybody else reads JSON who does not refuse it.
pub(super) fn get<'a>(object: &'a Object<'a>, name: &str) -> Option<&'a Value<'a>> {
    let mut members = object.as_vec().iter().rev();
    members.find_map(|(key, value)| (&**key == name).then_some(value))
}

/// The parts of a question, looked up once: one request may ask a thousand.
#[derive(Clone, Copy, Default)]
struct Parts<'a> {
    subject: Option<&'a Value<'a>>,
    action: Option<&'a Value<'a>>,
    resource: Option<&'a Value<'a>>,
    context: Option<&'a Value<'a>>,
}

impl<'a> Parts<'a> {
    fn of(object: &'a Object<'a>) -> Self {
        let mut parts = Self::default();
        for (name, value) in object.as_vec() {
            match &**name {
                "subject" => parts.subject = Some(value),
                "action" => parts.action = Some(value),
                "resource" => parts.resource = Some(value),
                "context" => parts.context = Some(value),
                _ => {}
            }
        }
        parts
    }
    fn find(self, name: &str) -> Option<&'a Value<'a>> {
        match name {
            "subject" => self.subject,
            "action" => self.action,
            "resource" => self.resource,
            _ => self.context,
        }
    }
}

/// One question of a request: what it says itself goes before what the whole request says.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    own: Parts<'a>,
    whole: Parts<'a>,
}

/// Refuses an object that would have to be searched for long.
fn small<'a>(object: &'a Object<'a>, what: &str) -> Result<&'a Object<'a>, Bad> {
    if object.as_vec().len() > MOST {
        return Err(Bad(format!("{what} has more than {MOST} members")));
    }
    Ok(object)
}

impl<'a> Asked<'a> {
    /// A request that is one question.
    pub(super) fn alone(whole: &'a Object<'a>) -> Self {
        Self {
            own: Parts::default(),
            whole: Parts::of(whole),
        }
    }
    /// One of several questions.
    fn among(self, own: &'a Object<'a>) -> Self {
        Self {
            own: Parts::of(own),
            ..self
        }
    }
    fn get(self, name: &str) -> Option<&'a Value<'a>> {
        self.own.find(name).or_else(|| self.whole.find(name))
    }
    /// A required object with required texts.
    pub(super) fn part(self, name: &str, needed: &[&str]) -> Result<&'a Object<'a>, Bad> {
        let Some(value) = self.get(name) else {
            return Err(Bad(format!("{name} is missing")));
        };
        let Some(object) = value.as_object() else {
            return Err(Bad(format!("{name} is not an object")));
        };
        let object = small(object, name)?;
        for field in needed {
            match get(object, field) {
                Some(Value::Str(text)) if !text.is_empty() => {}
                Some(_) => return Err(Bad(format!("{name}.{field} is not a text"))),
                None => return Err(Bad(format!("{name}.{field} is missing"))),
            }
        }
        match get(object, "properties") {
            None => {}
            Some(Value::Object(properties)) => {
                small(properties, &format!("{name}.properties"))?;
            }
            Some(_) => return Err(Bad(format!("{name}.properties is not an object"))),
        }
        Ok(object)
    }
    /// The circumstances, where they are told.
    pub(super) fn context(self) -> Result<Option<&'a Object<'a>>, Bad> {
        match self.get("context") {
            None => Ok(None),
            Some(Value::Object(context)) => small(context, "context").map(Some),
            Some(_) => Err(Bad("context is not an object".to_owned())),
        }
    }
}

/// A text of an object.
pub(super) fn text<'a>(object: &'a Object<'a>, field: &str) -> &'a str {
    get(object, field).and_then(Value::as_str).unwrap_or_default()
}

fn property<'a>(object: &'a Object<'a>, name: &str) -> Option<&'a Value<'a>> {
    get(get(object, "properties")?.as_object()?, name)
}

/// A property that is a text, where there is one.
fn text_property<'a>(object: &'a Object<'a>, part: &str, name: &str) -> Result<Option<&'a str>, Bad> {
    match property(object, name) {
        None => Ok(None),
        Some(Value::Str(text)) => Ok(Some(text)),
        Some(_) => Err(Bad(format!("{part}.properties.{name} is not a text"))),
    }
}

/// Whom a question is about, as it says.
pub(super) struct Named<'a> {
    kind: Option<Kind>,
    id: &'a str,
    key: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Reads a subject with its id.
    pub(super) fn read(asked: Asked<'a>) -> Result<Self, Bad> {
        let subject = asked.part("subject", &["type", "id"])?;
        Ok(Self {
            kind: Kind::find(text(subject, "type")),
            id: text(subject, "id"),
            key: text_property(subject, "subject", "key_id")?,
        })
    }
    /// Finds them; nobody of a type that Muster does not know.
    pub(super) async fn find(&self, app: &App, machine: &Machine) -> Result<Option<Known>, Error> {
        match self.kind {
            Some(kind) => subject::find_of(app, machine, kind, self.id, self.key).await,
            None => Ok(None),
        }
    }
}

/// What is needed beside the name of an action.
pub(super) struct Need {
    feature: Option<String>,
    ip: Option<IpAddr>,
    cost: i64,
}

impl Need {
    /// Reads what the parts of a question say; an action has a say only where it is known already.
    pub(super) fn read(
        action: Option<&Object<'_>>,
        resource: &Object<'_>,
        context: Option<&Object<'_>>,
    ) -> Result<Self, Bad> {
        let of_action = action.and_then(|action| property(action, "cost_micro"));
        let of_context = context.and_then(|context| get(context, "cost_micro"));
        let cost = match (of_action, of_context) {
            (None, None) => 0,
            (Some(cost), _) | (None, Some(cost)) => cost
                .as_i64()
                .filter(|cost| *cost >= 0)
                .ok_or_else(|| Bad("cost_micro is not a whole number of micro-credits".to_owned()))?,
        };
        let ip = match context.and_then(|context| get(context, "ip")) {
            None => None,
            Some(ip) => Some(
                ip.as_str()
                    .and_then(|ip| ip.parse().ok())
                    .ok_or_else(|| Bad("context.ip is not an IP address".to_owned()))?,
            ),
        };
        Ok(Self {
            feature: text_property(resource, "resource", "feature")?.map(ToOwned::to_owned),
            ip,
            cost,
        })
    }
    /// Asks the gate about an action by its name: a permission, or else a feature.
    pub(super) async fn check(&self, app: &App, known: &Known, name: &str) -> Result<Result<Pays, Box<Denial>>, Error> {
        let mut ask = Ask {
            permission: None,
            feature: self.feature.clone(),
            ip: self.ip,
            assurance: None,
            cost: self.cost,
        };
        if Permission::find(name).is_some() || name.starts_with(permissions::HOST) {
            ask.permission = Some(name.to_owned());
        } else if let Some(other) = ask.feature.replace(name.to_owned()) {
            // The gate asks for one feature at a time, and both are needed.
            let first = Ask {
                feature: Some(other),
                ip: self.ip,
                ..Ask::default()
            };
            if let Err(denial) = app.gate.admit(&known.who, &first).await? {
                return Ok(Err(denial));
            }
        }
        app.gate.check_known(known, &ask).await
    }
}

/// What is answered to one question.
pub(super) struct Decision {
    is_allowed: bool,
    context: Option<serde_json::Value>,
}

impl Decision {
    fn refused(context: serde_json::Value) -> Self {
        Self {
            is_allowed: false,
            context: Some(context),
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("decision", &self.is_allowed)?;
        if let Some(context) = &self.context {
            map.serialize_entry("context", context)?;
        }
        map.end()
    }
}

/// What is answered to many.
#[derive(Serialize)]
#[serde(untagged)]
enum Decisions {
    One(Decision),
    All { evaluations: Vec<Decision> },
}

fn refusal(denial: &Denial, machine: &Machine) -> Decision {
    let mut context = json!({ "reason": denial.reason.key(), "detail": denial.detail });
    if denial.reason == Reason::Limit {
        let zone = machine.caller.plan.org.settings.zone();
        if let Some(limit) = denial.binding() {
            context["policy"] = json!(limit.name);
            context["remaining"] = json!(Credits::from_micros(limit.remaining));
            context["reset_at"] = json!(denial.reset_at().map(|at| instant(at, zone)));
        }
    }
    if !denial.contact.is_empty() {
        context["contact"] = json!(denial.contact);
    }
    Decision::refused(context)
}

async fn evaluate(app: &App, machine: &Machine, asked: Asked<'_>) -> Result<Decision, Failure> {
    let named = Named::read(asked)?;
    let action = asked.part("action", &["name"])?;
    let resource = asked.part("resource", &["type", "id"])?;
    let need = Need::read(Some(action), resource, asked.context()?)?;
    if resource::find(app, machine, text(resource, "type"), text(resource, "id")).await? == Place::Nowhere {
        return Ok(Decision::refused(json!({ "reason": "resource-unknown" })));
    }
    let Some(known) = named.find(app, machine).await? else {
        return Ok(refusal(&Denial::stranger(), machine));
    };
    Ok(match need.check(app, &known, text(action, "name")).await? {
        Ok(pays) => {
            app.gate.note_authorized_of(&known.who, &known.caller, need.ip);
            Decision {
                is_allowed: true,
                context: charged(pays).map(|who| json!({ "charged": who })),
            }
        }
        Err(denial) => refusal(&denial, machine),
    })
}

/// One question.
pub async fn evaluation(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    answer(match read(&req, &body) {
        Ok(request) => evaluate(&app, &machine, Asked::alone(&request)).await,
        Err(bad) => Err(bad.into()),
    })
}

/// The decision after which the rest is not asked any more; none when everything is.
fn stops_at(request: &Object<'_>) -> Result<Option<bool>, Bad> {
    let options = match get(request, "options") {
        None => return Ok(None),
        Some(options) => options
            .as_object()
            .ok_or_else(|| Bad("options is not an object".to_owned()))?,
    };
    match get(options, "evaluations_semantic").map(Value::as_str) {
        None | Some(Some("execute_all")) => Ok(None),
        Some(Some("deny_on_first_deny")) => Ok(Some(false)),
        Some(Some("permit_on_first_permit")) => Ok(Some(true)),
        Some(_) => Err(Bad("options.evaluations_semantic is not one that is known".to_owned())),
    }
}

async fn evaluate_all(app: &App, machine: &Machine, request: &Object<'_>) -> Result<Decisions, Failure> {
    let entries = match get(request, "evaluations") {
        None => &[][..],
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(_) => return Err(Bad("evaluations is not an array".to_owned()).into()),
    };
    if entries.len() > MOST {
        return Err(Bad(format!("at most {MOST} evaluations are answered at once")).into());
    }
    let stop_at = stops_at(request)?;
    if entries.is_empty() {
        return evaluate(app, machine, Asked::alone(request)).await.map(Decisions::One);
    }
    let whole = Asked::alone(request);
    let mut decisions = Vec::with_capacity(entries.len());
    for entry in entries {
        let decision = match entry.as_object() {
            Some(own) => evaluate(app, machine, whole.among(own)).await,
            None => Err(Bad("an evaluation is not an object".to_owned()).into()),
        };
        let decision = match decision {
            Ok(decision) => decision,
            Err(Failure::Bad(Bad(text))) => Decision::refused(json!({ "error": { "status": 400, "message": text } })),
            Err(error) => return Err(error),
        };
        let is_allowed = decision.is_allowed;
        decisions.push(decision);
        if stop_at == Some(is_allowed) {
            break;
        }
    }
    Ok(Decisions::All { evaluations: decisions })
}

/// Many questions; what stands at the top is the default of each, and a part of a question replaces it whole.
pub async fn evaluations(
    app: Data<App>,
    machine: Machine,
    req: HttpRequest,
    Sent(body): Sent,
) -> Result<HttpResponse, Fault> {
    answer(match read(&req, &body) {
        Ok(request) => evaluate_all(&app, &machine, &request).await,
        Err(bad) => Err(bad.into()),
    })
}
