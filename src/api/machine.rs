//! [`Machine`]: whoever comes with an API key, admitted by the gate before the handler runs.

use std::{
    future::{Ready, ready},
    net::IpAddr,
    pin::Pin,
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap},
    web::{Bytes, Data},
};

use super::problem::{Fault, Scene};
use crate::{
    app::App,
    clock::Timestamp,
    error::Error,
    gate::{Caller, Denial, Holder},
    ids::OrgId,
    keys::{Presented, scope::Duty},
    web::{
        request::{Matched, Sent, Trace},
        routes::Needs,
    },
};

/// The type of the bodies that machines send.
const JSON: &str = "application/json";

/// A key that may come in, with the scope that its route needs.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Whose key it is.
    pub holder: Arc<Holder>,
    /// What the gate knows of it.
    pub caller: Arc<Caller>,
    /// From where the request comes, through trusted proxies only.
    pub ip: Option<IpAddr>,
}

impl Machine {
    /// The organization of the key: it sees nothing of any other.
    pub fn org(&self) -> OrgId {
        self.holder.bearer.org
    }
    /// Refuses what a scope of its own is needed for.
    pub fn needs(&self, duty: Duty) -> Result<(), Fault> {
        if self.holder.has(duty) {
            Ok(())
        } else {
            Err(Fault::Scope(duty.key()))
        }
    }
}

/// The key in `Authorization: Bearer`, or in `X-API-Key`, which many clients send.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(rest.trim())
    });
    bearer.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
}

/// The holder of a key in plain text; none when it is none of ours or does not work.
pub async fn holder_of(app: &App, text: &str) -> Result<Option<Arc<Holder>>, Error> {
    match Presented::parse(text) {
        Ok(presented) => app.gate.holder(presented.hash()).await,
        Err(_) => Ok(None),
    }
}

/// What a refusal of somebody of this organization needs besides itself.
pub fn scene(app: &App, caller: Option<&Caller>, slug: &str, now: Timestamp) -> Scene {
    Scene {
        now,
        zone: caller.map_or_else(
            || crate::clock::Zone::find_or_utc("UTC"),
            |caller| caller.plan.org.settings.zone().clone(),
        ),
        request_url: app.settings.link(&format!("/o/{slug}/limits/request")),
    }
}

/// A refusal by the gate.
pub fn denied(app: &App, denial: Box<Denial>, caller: Option<&Caller>, slug: &str) -> Fault {
    let mut scene = scene(app, caller, slug, app.gate.now());
    if let Some(window) = super::person::can_rise(&denial) {
        scene.request_url = format!("{}?window={}", scene.request_url, window.key());
    }
    Fault::Denied(denial, Box::new(scene))
}

async fn admit(req: HttpRequest) -> Result<Machine, Fault> {
    let app = req
        .app_data::<Data<App>>()
        .ok_or_else(|| Error::Internal("no App".to_owned()))?;
    let text = presented(req.headers()).ok_or(Fault::Credential { presented: false })?;
    let holder = holder_of(app, text)
        .await?
        .ok_or(Fault::Credential { presented: true })?;
    let (ip, now) = (Trace::address_of(&req), app.gate.now());
    let caller = match app.gate.come_in(&holder, ip, now).await? {
        Ok(caller) => caller,
        Err(denial) => return Err(denied(app, denial, None, &holder.bearer.slug)),
    };
    let machine = Machine { holder, caller, ip };
    // The route says which scope it needs, so that no handler can forget it.
    let route = app.table.route_of(Matched::of(&req));
    let needs = route.map(|route| route.needs);
    match needs {
        Some(Needs::Key(Some(duty))) => machine.needs(duty)?,
        Some(Needs::Key(None)) => {}
        _ => return Err(Error::Internal("a route for keys is not declared as one".to_owned()).into()),
    }
    app.gate.note(&machine.holder, machine.ip, now);
    Ok(machine)
}

impl FromRequest for Machine {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fault>>>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(admit(req.clone()))
    }
}

/// A JSON body; what cannot be read is told with its place.
pub struct Body<T>(pub T);

impl<T: serde::de::DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(body(req).and_then(|body| Ok(Self(read(&body)?))))
    }
}

/// A JSON body that may be left out, where everything in it may.
pub struct BodyOr<T>(pub T);

impl<T: serde::de::DeserializeOwned + Default + 'static> FromRequest for BodyOr<T> {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(body(req).and_then(|body| match body {
            empty if empty.is_empty() => Ok(Self(T::default())),
            bytes => Ok(Self(read(&bytes)?)),
        }))
    }
}

/// The whole body, which says of itself that it is JSON, or says nothing; of one that is empty nothing is asked.
fn body(req: &HttpRequest) -> Result<Bytes, Fault> {
    let Sent(bytes) = Sent::of(req);
    if !bytes.is_empty() {
        takes_json(req)?;
    }
    Ok(bytes)
}

/// The type of a body in small letters, without its parameters; empty when nothing is said.
pub fn media(req: &HttpRequest) -> String {
    let said = req
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = said.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// Refuses a body that says of itself that it is something other than JSON; one that says nothing is looked at.
fn takes_json(req: &HttpRequest) -> Result<(), Fault> {
    if req.headers().get(CONTENT_TYPE).is_some_and(|said| said == JSON) {
        return Ok(()); // what nearly everybody says
    }
    match media(req) {
        media if media.is_empty() || media == JSON || media.ends_with("+json") => Ok(()),
        sent => Err(Fault::Media { takes: JSON, sent }),
    }
}

/// Reads a JSON object; what cannot be read is told with its place, in the words of JSON.
fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let bad = |what: &str| Error::BadRequest(format!("The body is not what this address takes: {what}."));
    if body.trim_ascii().is_empty() {
        return Err(bad("it is empty, and a JSON object is needed"));
    }
    if has_exponent(body) {
        return Err(bad(EXPONENT));
    }
    serde_json::from_slice(body).map_err(|error| bad(&words(&error)))
}

/// Why a number with an exponent is refused.
pub const EXPONENT: &str = "a number has an exponent; write it out, such as 1000 for 1e3";

/// Whether a number in a JSON text has an exponent, which no amount has (MODEL I-07). Once it is read, nobody can tell: outside of texts
/// the letter follows a digit nowhere else.
pub fn has_exponent(json: &[u8]) -> bool {
    // Nearly always no such letter follows a digit at all, which is seen without reading the texts apart.
    let is_near = json.windows(2).fold(false, |found, two| {
        found | (two[0].is_ascii_digit() & matches!(two[1], b'e' | b'E'))
    });
    is_near && has_exponent_outside_of_texts(json)
}

fn has_exponent_outside_of_texts(json: &[u8]) -> bool {
    let (mut is_in_text, mut is_escaped, mut before) = (false, false, b' ');
    for byte in json.iter().copied() {
        match (is_in_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => is_in_text = !is_in_text,
            (false, b'e' | b'E') if before.is_ascii_digit() => return true,
            _ => {}
        }
        before = byte;
    }
    false
}

/// What is wrong with a JSON text, without the names that things have inside of Muster.
pub fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match text.split_once("expected struct ") {
        Some((before, after)) => {
            let place = after.find(" at line ").map_or("", |at| &after[at..]);
            format!("{before}expected a JSON object{place}")
        }
        None => text,
    };
    ["u64", "i64", "u32", "i32"].into_iter().fold(text, |text, kind| {
        text.replace(&format!("expected {kind}"), "expected a whole number")
    })
}

#[cfg(test)]
mod tests {
    use super::has_exponent;

    #[test]
    fn exponents_are_found_in_numbers_alone() {
        for json in [r#"{"amount":1e3}"#, "1E3", r#"["\"",1.5e-3]"#, r#"{"a\\":1e3}"#] {
            assert!(has_exponent(json.as_bytes()), "{json}");
        }
        for json in [
            r#"{"amount":"1e3","id":"\"1e3"}"#,
            r#"{"1e3":true,"b":false}"#,
            "1000",
            r#"{"a\\":"1e3"}"#,
        ] {
            assert!(!has_exponent(json.as_bytes()), "{json}");
        }
    }
}
