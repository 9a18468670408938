//! Who was here when: each request in an organization notes its member, at most once a minute, apart from the request itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    Error, HttpMessage as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};

use super::member;
use crate::{access::Acting, app::App, clock::Timestamp, ids::MemberId};

/// How far apart two notes of one member are.
const PAUSE: Duration = Duration::from_secs(60);

/// When each member was last noted by this process.
#[derive(Debug, Default)]
pub struct Presence(Mutex<HashMap<MemberId, Timestamp>>);

impl Presence {
    fn is_due(&self, id: MemberId, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() > 100_000 {
            noted.clear();
        }
        if noted.get(&id).is_some_and(|last| now.since(*last) < PAUSE) {
            return false;
        }
        noted.insert(id, now);
        true
    }
}

/// Notes the member of a request that was let in.
pub async fn note<B: MessageBody>(req: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let answer = next.call(req).await?;
    let acting = answer.request().extensions().get::<Acting>().copied();
    if let (Some(Acting(id)), Some(app)) = (acting, answer.request().app_data::<Data<App>>()) {
        let now = app.clock.now();
        if app.presence.is_due(id, now) {
            let app = app.clone();
            // Not part of the request: a slow or full disk must not fail a page for a last-seen time.
            actix_web::rt::spawn(async move {
                if let Err(error) = write(&app, id, now).await {
                    tracing::warn!(%error, "a member's last activity was not saved");
                }
            });
        }
    }
    Ok(answer)
}

async fn write(app: &App, id: MemberId, now: Timestamp) -> crate::error::Result<()> {
    let mut tx = app.db.write().await?;
    member::touch_active(&mut tx, id, now).await?;
    tx.commit().await
}
