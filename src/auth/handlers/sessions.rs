//! Signing in and out.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Data};

use super::later;
use crate::{
    access::{SignedIn, can::actor_of, session},
    app::App,
    audit::Action,
    auth::{
        end_old_session, forget, forms, remember, setup,
        sign_in::{self, Answer},
        views,
    },
    error::{Error, Result},
    shell::{self, local},
    web::{
        form::{Form, Query},
        request::Ctx,
        respond::{page, page_with, redirect},
    },
};

/// The sign-in page.
pub async fn new(app: Data<App>, ctx: Ctx, query: Query<forms::SignInQuery>) -> Result<HttpResponse> {
    let next = local(&query.0.next).unwrap_or_default();
    if ctx.person.is_some() {
        return Ok(redirect(if next.is_empty() { "/" } else { next }));
    }
    let notice = match query.0.after.as_str() {
        "sign-out" => "You are signed out.",
        "reset" => "Your new password is set. Sign in with it.",
        _ if app.setup.is_some() && setup::is_open(&mut app.db.read()).await? => {
            "Muster is not set up yet. Open the set-up link that the server printed when it started."
        }
        _ => "",
    };
    page(&views::SignIn {
        l: shell::card(&app, &ctx, "Sign in"),
        notice: notice.to_owned(),
        where_to: where_to(next),
        next: next.to_owned(),
        ..views::SignIn::default()
    })
}

/// Signs in with address and password.
pub async fn create(app: Data<App>, req: HttpRequest, ctx: Ctx, form: Form<forms::SignIn>) -> Result<HttpResponse> {
    let form = form.0;
    if let Err(Error::TooMany(wait)) = app.ceilings.sign_in(&ctx.trace.ip()) {
        return slowed(&app, &ctx, &form, wait);
    }
    let by = actor_of(&req, &app);
    let now = app.clock.now();
    let right = match sign_in::check(&app.db, &app.keys, &app.hasher, &by, &form.email, &form.password, now).await? {
        Answer::Right(right) => right,
        Answer::Wrong => {
            let why = "The address or the password is not right. Check both and try again.";
            return refused(&app, &ctx, &form, 422, why);
        }
        Answer::Wait(wait) => return slowed(&app, &ctx, &form, wait),
        Answer::Off => return refused(&app, &ctx, &form, 429, sign_in::OFF),
        Answer::Busy => {
            let why = "Too many people are signing in right now. Try again in a few seconds.";
            return Ok(later(refused(&app, &ctx, &form, 503, why)?, Duration::from_secs(5)));
        }
    };
    // The place of the second factor: what is proved so far is `right`, and `complete` waits for the rest.
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let token = sign_in::complete(&mut tx, &by, &right, &app.settings.sessions, &ctx.trace, now).await?;
    end_old_session(&mut tx, &req).await?; // after the account's row is locked, as a reset does it
    tx.commit().await?;
    remember(&req, &token)?;
    Ok(redirect(local(&form.next).unwrap_or("/")))
}

/// Signs out, and has the browser forget all that it kept of us.
pub async fn destroy(app: Data<App>, req: HttpRequest, me: SignedIn) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    session::end(
        &mut tx,
        &me.actor,
        me.person.id,
        me.person.session,
        Action::SignOut,
        now,
    )
    .await?;
    tx.commit().await?;
    forget(&req);
    // The message stands in the address, because the cookie that would carry it is cleared.
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in?after=sign-out"))
        .insert_header(("clear-site-data", "\"cache\", \"cookies\", \"storage\""))
        .finish())
}

/// What signing in is for, where that tells a stranger nothing.
fn where_to(next: &str) -> String {
    let invited = next == "/i" || next.starts_with("/i/") || next == "/me/invitations";
    if invited { "to answer your invitation" } else { "" }.to_owned()
}

fn slowed(app: &App, ctx: &Ctx, form: &forms::SignIn, wait: Duration) -> Result<HttpResponse> {
    Ok(later(
        refused(app, ctx, form, 429, &Error::TooMany(wait).to_string())?,
        wait,
    ))
}

/// The form again, with what is wrong and without the password.
fn refused(app: &App, ctx: &Ctx, form: &forms::SignIn, status: u16, why: &str) -> Result<HttpResponse> {
    let next = local(&form.next).unwrap_or_default();
    let again = views::SignIn {
        l: shell::card(app, ctx, "Sign in"),
        email: form.email.clone(),
        form_error: why.to_owned(),
        where_to: where_to(next),
        next: next.to_owned(),
        ..views::SignIn::default()
    };
    page_with(status, &again)
}
