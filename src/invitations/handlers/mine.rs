//! The invitations that wait for the signed-in person, also when every mail was lost.

use actix_web::{HttpResponse, web::Data, web::Path};
use serde::Deserialize;

use super::super::{
    acceptance,
    views::{Mine, WaitingView},
};
use crate::{
    access::SignedIn,
    app::App,
    error::Result,
    ids::InvitationId,
    shell,
    web::{
        request::Ctx,
        respond::{done_to, page, said},
    },
};

/// Which invitation is answered.
#[derive(Debug, Deserialize)]
pub struct At {
    invitation: InvitationId,
}

/// The list.
pub async fn index(app: Data<App>, me: SignedIn, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let waiting = acceptance::mine(&mut app.db.read(), &me, now).await?;
    page(&Mine {
        l: shell::personal(&app, &ctx, &me.person, "Invitations").await?,
        unproved: !me.person.email_proved,
        invitations: waiting.iter().map(|of| WaitingView::new(of, now)).collect(),
    })
}

/// Joins with one click.
pub async fn accept(app: Data<App>, me: SignedIn, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let joined = acceptance::accept_mine(&mut tx, &me, at.invitation, app.clock.now()).await??;
    tx.commit().await?;
    let toast = said(format!("Welcome to {}", joined.place.name));
    Ok(done_to(
        &app,
        &ctx,
        &toast,
        &format!("/o/{}/members", joined.place.slug),
    ))
}

/// Says no.
pub async fn decline(app: Data<App>, me: SignedIn, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let place = acceptance::decline_mine(&mut tx, &me, at.invitation, app.clock.now()).await??;
    tx.commit().await?;
    let toast = said(format!("You declined the invitation of {}", place.name));
    Ok(done_to(&app, &ctx, &toast, "/me/invitations"))
}
