//! Refusals as machines read them: problem+json (RFC 9457), `Retry-After`, and the fields of draft-ietf-httpapi-ratelimit-headers.

use std::borrow::Cow;

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde::Serialize;
use serde_json::{Value, json};

use super::Credits;
use crate::{
    clock::{Timestamp, Zone},
    error::Error,
    gate::{Caller, Denial, LimitState, Reason},
    metering::{OrgPlan, Pays},
    web::respond::Refusal,
};

/// The type of a problem that a used-up limit is, as IANA registers it.
const QUOTA: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// The largest integer that a structured field holds (RFC 9651 section 3.3.1).
const MOST: i64 = 999_999_999_999_999;

/// How a limit stands, as answers show it.
#[derive(Debug, Clone, Serialize)]
pub struct LimitWords<'l> {
    policy: &'static str,
    window: &'static str,
    limit: Credits,
    spent: Credits,
    reserved: Credits,
    remaining: Credits,
    enforcement: &'static str,
    source: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<Cow<'l, str>>,
}

impl LimitWords<'_> {
    /// Writes what its serialization does, by hand: an answer has two of them, thousands of times a second.
    fn write(&self, text: &mut Vec<u8>) -> serde_json::Result<()> {
        let amounts = [self.limit, self.spent, self.reserved, self.remaining].map(Credits::written);
        let [limit, spent, reserved, remaining] = &amounts;
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        put(&["{\"policy\":\"", self.policy, "\",\"window\":\"", self.window]);
        put(&["\",\"limit\":\"", limit.as_str(), "\",\"spent\":\"", spent.as_str()]);
        put(&[
            "\",\"reserved\":\"",
            reserved.as_str(),
            "\",\"remaining\":\"",
            remaining.as_str(),
        ]);
        put(&["\",\"enforcement\":\"", self.enforcement, "\",\"source\":"]);
        serde_json::to_writer(&mut *text, self.source)?; // somebody's words
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        if let Some(at) = &self.reset_at {
            put(&[",\"reset_at\":\"", at, "\""]);
        }
        put(&["}"]);
        Ok(())
    }
}

/// An answer that is a JSON document.
pub fn json_of<T: Serialize>(answer: &mut HttpResponseBuilder, document: &T) -> HttpResponse {
    let mut text = Vec::with_capacity(256);
    let written = serde_json::to_writer(&mut text, document);
    json_body(answer, text, written)
}

/// The same of an object, with how limits stand as its last member.
pub fn json_with_limits<T: Serialize>(
    answer: &mut HttpResponseBuilder,
    document: &T,
    limits: &[LimitWords],
) -> HttpResponse {
    let mut text = Vec::with_capacity(768);
    let written = write_with_limits(&mut text, document, limits);
    json_body(answer, text, written)
}

fn write_with_limits<T: Serialize>(text: &mut Vec<u8>, document: &T, limits: &[LimitWords]) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *text, document)?;
    text.pop(); // the brace that ends it
    text.extend_from_slice(b",\"limits\":[");
    for (place, limit) in limits.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        limit.write(text)?;
    }
    text.extend_from_slice(b"]}");
    Ok(())
}

fn json_body(answer: &mut HttpResponseBuilder, text: Vec<u8>, written: serde_json::Result<()>) -> HttpResponse {
    match written {
        Ok(()) => answer.insert_header((CONTENT_TYPE, JSON)).body(text),
        Err(error) => HttpResponse::from_error(Error::Internal(format!("an answer: {error}"))),
    }
}

/// An instant in a zone (RFC 3339).
pub fn instant(at: Timestamp, zone: &Zone) -> String {
    let at = at.instant();
    // Parts of a second are left out; nothing is told that lies before 1970, where that would be the later second.
    let at = jiff::Timestamp::from_second(at.as_second()).unwrap_or(at);
    at.display_with_offset(zone.tz().to_offset(at)).to_string()
}

/// Limits as answers show them.
pub fn limit_words<'l>(limits: &'l [LimitState], zone: &Zone) -> Vec<LimitWords<'l>> {
    told(limits, |_, at| Cow::Owned(instant(at, zone)))
}

/// The same for an organization whose windows are those of the limits, as they nearly always are: when those end is kept in words.
pub fn limit_words_of<'l>(limits: &'l [LimitState], org: &'l OrgPlan) -> Vec<LimitWords<'l>> {
    let zone = org.settings.zone();
    told(limits, |limit, at| {
        match org.end(limit.window, |end| instant(end, zone)) {
            Some((end, words)) if end == at => Cow::Borrowed(words),
            _ => Cow::Owned(instant(at, zone)),
        }
    })
}

fn told<'l>(limits: &'l [LimitState], words: impl Fn(&LimitState, Timestamp) -> Cow<'l, str>) -> Vec<LimitWords<'l>> {
    limits
        .iter()
        .map(|limit| LimitWords {
            policy: limit.name,
            window: limit.window.key(),
            limit: Credits::from_micros(limit.limit.micros()),
            spent: Credits::from_micros(limit.spent),
            reserved: Credits::from_micros(limit.reserved),
            remaining: Credits::from_micros(limit.remaining),
            enforcement: limit.enforcement.key(),
            source: &limit.source,
            reset_at: limit.reset_at.map(|at| words(limit, at)),
        })
        .collect()
}

/// What an answer says of who pays, when it is the member's wallet.
pub fn charged(pays: Pays) -> Option<&'static str> {
    (pays == Pays::Wallet).then_some("wallet")
}

/// Whole seconds until an instant, rounded up, so that nobody comes back too early.
fn seconds(until: Timestamp, now: Timestamp) -> u64 {
    let left = until.since(now);
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// The value of `RateLimit-Policy`: what limits allow, and for how long.
fn policies(limits: &[LimitState]) -> String {
    let (mut text, mut number) = (String::with_capacity(192), itoa::Buffer::new());
    for limit in limits {
        if !text.is_empty() {
            text.push_str(", ");
        }
        let most = limit.limit.micros().clamp(0, MOST);
        text.extend(["\"", limit.name, "\";q=", number.format(most)]);
        if let Some(end) = limit.reset_at {
            text.extend([";w=", number.format(seconds(end, limit.since).max(1))]);
        }
        text.push_str(";muster-unit=\"microcredit\"");
    }
    text
}

/// The value of `RateLimit`: what is left, and when it begins anew.
fn left(limits: &[LimitState], now: Timestamp) -> Option<HeaderValue> {
    let (mut text, mut number) = (String::with_capacity(96), itoa::Buffer::new());
    for limit in limits {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.extend(["\"", limit.name, "\";r=", number.format(limit.remaining.clamp(0, MOST))]);
        if let Some(end) = limit.reset_at {
            text.extend([";t=", number.format(seconds(end, now))]);
        }
    }
    text.try_into().ok()
}

/// `RateLimit-Policy` and `RateLimit` of limits; none when there are none.
fn rate_limit(limits: &[LimitState], now: Timestamp) -> Option<[(HeaderName, HeaderValue); 2]> {
    if limits.is_empty() {
        return None;
    }
    // Names of policies and numbers are what a header may hold.
    Some([(POLICY, policies(limits).try_into().ok()?), (STATE, left(limits, now)?)])
}

/// Adds the fields about limits to an answer.
pub fn with_limits<'a>(
    answer: &'a mut HttpResponseBuilder,
    limits: &[LimitState],
    now: Timestamp,
) -> &'a mut HttpResponseBuilder {
    for field in rate_limit(limits, now).into_iter().flatten() {
        answer.insert_header(field);
    }
    answer
}

/// The same about somebody who is known: what their limits allow is written once for as long as they are.
pub fn with_limits_of<'a>(
    answer: &'a mut HttpResponseBuilder,
    caller: &Caller,
    limits: &[LimitState],
    now: Timestamp,
) -> &'a mut HttpResponseBuilder {
    let told = HeaderValue::from_str(caller.told.get_or_init(|| policies(limits))).ok();
    if let (Some(told), Some(left), false) = (told, left(limits, now), limits.is_empty()) {
        answer.insert_header((POLICY, told)).insert_header((STATE, left));
    }
    answer
}

/// What a refusal needs besides itself.
#[derive(Debug, Clone)]
pub struct Scene {
    /// When it was refused.
    pub now: Timestamp,
    /// In whose zone instants are told.
    pub zone: Zone,
    /// Where a person asks for more; empty for nowhere.
    pub request_url: String,
}

/// Why a machine is refused.
#[derive(Debug)]
pub enum Fault {
    /// A verb refuses.
    Error(Error),
    /// Nobody is known by what was presented: 401 with a challenge (RFC 6750 section 3).
    Credential {
        /// Whether anything was presented.
        presented: bool,
    },
    /// The key lacks a scope: 403.
    Scope(&'static str),
    /// What the address names is not known: 404, with what to do.
    Unknown(&'static str),
    /// The body is of another type than the address takes: 415.
    Media {
        /// What it takes.
        takes: &'static str,
        /// What was sent; empty for nothing.
        sent: String,
    },
    /// The gate refuses.
    Denied(Box<Denial>, Box<Scene>),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Error(Error::NotFound) => write!(f, "Nothing is known by this id or at this address."),
            Self::Error(error) => error.fmt(f),
            Self::Unknown(text) => f.write_str(text),
            Self::Media { takes, sent } if sent.is_empty() => {
                write!(f, "This address takes {takes}. Say so in Content-Type.")
            }
            Self::Media { takes, sent } => {
                write!(
                    f,
                    "This address takes {takes} and not “{sent}”. Send that, and say so in Content-Type."
                )
            }
            Self::Credential { presented: false } => {
                write!(f, "Send an API key: “Authorization: Bearer mst_…”.")
            }
            Self::Credential { presented: true } => write!(f, "This API key is not valid."),
            Self::Scope(scope) => write!(f, "This API key lacks the scope “{scope}”."),
            Self::Denied(denial, _) => f.write_str(&denial.detail),
        }
    }
}

/// The document as it waits for the middleware, which adds the request's id.
#[derive(Debug, Clone)]
pub struct Problem(pub Value);

impl Fault {
    /// When a retry makes sense, in seconds: when every limit that refuses has begun anew.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Error(error) => error.retry_after(),
            Self::Denied(denial, scene) if denial.reason == Reason::Limit => retry_after(denial, scene.now),
            _ => None,
        }
    }
    /// The challenge of a refused key.
    pub fn challenge(&self) -> Option<String> {
        match self {
            Self::Credential { presented: false } => Some("Bearer realm=\"muster\"".to_owned()),
            Self::Credential { presented: true } => Some("Bearer realm=\"muster\", error=\"invalid_token\"".to_owned()),
            Self::Scope(scope) => Some(format!(
                "Bearer realm=\"muster\", error=\"insufficient_scope\", scope=\"{scope}\""
            )),
            _ => None,
        }
    }
    /// The document, without the request's id.
    pub fn document(&self) -> Value {
        let status = self.status_code().as_u16();
        let title = |status| crate::web::middleware::title(status);
        match self {
            Self::Denied(denial, scene) => {
                let mut document = json!({
                    "type": if status == 429 { QUOTA } else { "about:blank" },
                    "title": if status == 429 { "Request cannot be satisfied as assigned quota has been exceeded" } else { title(status) },
                    "status": status,
                    "detail": denial.detail,
                    "reason": denial.reason.key(),
                    "contact": denial.contact,
                });
                if denial.reason == Reason::Limit {
                    let names: Vec<&str> = denial
                        .failing
                        .iter()
                        .filter_map(|place| denial.limits.get(*place))
                        .map(|limit| limit.name)
                        .collect();
                    document["violated-policies"] = json!(names);
                    document["limits"] = json!(limit_words(&denial.limits, &scene.zone));
                    document["reset_at"] = json!(denial.reset_at().map(|at| instant(at, &scene.zone)));
                    if !scene.request_url.is_empty() {
                        document["request_url"] = json!(scene.request_url);
                    }
                }
                document
            }
            Self::Error(Error::Invalid { field, message }) => json!({
                "type": "about:blank", "title": title(status), "status": status, "detail": message,
                "errors": [{ "detail": message, "pointer": format!("#/{field}") }],
            }),
            other => json!({
                "type": "about:blank", "title": title(status), "status": status, "detail": other.to_string(),
            }),
        }
    }
}

/// Seconds until every limit that refuses has begun anew; none when one never does.
fn retry_after(denial: &Denial, now: Timestamp) -> Option<u64> {
    Some(seconds(denial.reset_at()?, now).max(1))
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        let status = match self {
            Self::Error(error) => error.status(),
            Self::Credential { .. } => 401,
            Self::Scope(_) => 403,
            Self::Unknown(_) => 404,
            Self::Media { .. } => 415,
            // 401 would tell the platform that its own key is wrong.
            Self::Denied(denial, _) if denial.reason.status() == 401 => 403,
            Self::Denied(denial, _) => denial.reason.status(),
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::new(self.status_code());
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.headers_mut().insert(name, value);
            }
        };
        if let Some(seconds) = self.retry_after() {
            set(RETRY_AFTER, &seconds.to_string());
        }
        if let Some(challenge) = self.challenge() {
            set(WWW_AUTHENTICATE, &challenge);
        }
        if let Self::Denied(denial, scene) = self {
            for (name, value) in rate_limit(&denial.limits, scene.now).into_iter().flatten() {
                answer.headers_mut().insert(name, value);
            }
        }
        if let Self::Error(error) = self {
            // The log alone may know what is broken.
            let refused = error.error_response();
            if let Some(refusal) = refused.extensions().get::<Refusal>() {
                answer.extensions_mut().insert(refusal.clone());
            }
        }
        answer.extensions_mut().insert(Problem(self.document()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_by_hand_as_their_serialization_is() {
        let words = |source, reset_at: Option<&'static str>| LimitWords {
            policy: "member-daily",
            window: "day",
            limit: Credits::from_micros(12_500_000),
            spent: Credits::from_micros(-250_000),
            reserved: Credits::from_micros(0),
            remaining: Credits::from_micros(i64::MAX),
            enforcement: "hard",
            source,
            reset_at: reset_at.map(Cow::Borrowed),
        };
        let all = [
            words("Default of \"Ops\"\n\\ \u{1}", Some("2026-11-24T00:00:00+01:00")),
            words("Größe", None),
        ];
        for limits in [&all[..], &all[..1], &[]] {
            let mut text = Vec::new();
            write_with_limits(&mut text, &json!({ "duplicate": false }), limits).unwrap();
            let expected = format!(
                "{{\"duplicate\":false,\"limits\":{}}}",
                serde_json::to_string(limits).unwrap()
            );
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
