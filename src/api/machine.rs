//! [`Machine`]: whoever comes with an API key, admitted by the gate before the handler runs.

use std::{net::IpAddr, pin::Pin, sync::Arc};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{AUTHORIZATION, HeaderMap},
    web::Data,
};

use super::problem::{Fault, Scene};
use crate::{
    app::App,
    clock::Timestamp,
    error::Error,
    gate::{Ask, Caller, Denial, Holder},
    ids::OrgId,
    keys::{Presented, scope::Duty},
    web::{
        request::{Matched, Trace},
        routes::Needs,
    },
};

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
    let ip = Trace::address_of(&req);
    let ask = Ask { ip, ..Ask::default() };
    let caller = match app.gate.admit(&holder.who(), &ask).await? {
        Ok(caller) => caller,
        Err(denial) => return Err(denied(app, denial, None, &holder.bearer.slug)),
    };
    let machine = Machine { holder, caller, ip };
    // The route says which scope it needs, so that no handler can forget it.
    let route = Matched::of(&req).and_then(|pattern| app.table.find(req.method(), pattern));
    let needs = route.map(|route| route.needs);
    match needs {
        Some(Needs::Key(Some(duty))) => machine.needs(duty)?,
        Some(Needs::Key(None)) => {}
        _ => return Err(Error::Internal("a route for keys is not declared as one".to_owned()).into()),
    }
    app.gate.note(&machine.holder, machine.ip);
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
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fault>>>>;
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = actix_web::web::Bytes::from_request(req, payload);
        Box::pin(async move {
            let bytes = bytes
                .await
                .map_err(|_| Error::BadRequest("The request ended early. Try again.".to_owned()))?;
            serde_json::from_slice(&bytes)
                .map(Body)
                .map_err(|error| Error::BadRequest(format!("The body is not what this address takes: {error}.")).into())
        })
    }
}
