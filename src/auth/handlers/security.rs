//! The own password and sessions. Second factors and passkeys will be panels of this page.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde::Deserialize;

use super::{accepted, hint, later, own, own_words};
use crate::{
    access::{SignedIn, session},
    app::App,
    audit::Action,
    auth::{
        account::{self, Account},
        device::Device,
        forms, password, remember, sign_in, sign_in_as, views,
    },
    clock::Zone,
    error::{Error, Result},
    ids::SessionId,
    shell,
    web::{
        filters,
        form::{FieldErrors, Form},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// How one signs in, and where one is signed in now.
pub async fn show(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    page(&view(&app, &ctx, &me, &account, &FieldErrors::default()).await?)
}

/// Changes the password; every session ends, and this browser gets a new one.
pub async fn update_password(
    app: Data<App>,
    req: HttpRequest,
    ctx: Ctx,
    me: SignedIn,
    form: Form<forms::ChangePassword>,
) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let (old, hash) = match judged(&app, &account, &form.0).await {
        Ok(both) => both,
        Err(Error::TooMany(wait)) => {
            let errors = FieldErrors::one("form", Error::TooMany(wait).to_string());
            let again = view(&app, &ctx, &me, &account, &errors).await?;
            return Ok(later(page_with(429, &again)?, wait));
        }
        Err(error) => {
            let again = view(&app, &ctx, &me, &account, &FieldErrors::take(error)?).await?;
            return page_with(422, &again);
        }
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    account::change_password(&mut tx, &me.actor, &account, &old, &hash, now).await?;
    let token = sign_in_as(&mut tx, &app.settings.sessions, account.id, &ctx.trace, now).await?;
    tx.commit().await?;
    remember(&req, &token)?;
    let toast = said("Your password was changed. Every other session has ended.");
    Ok(done_to(&app, &ctx, &toast, "/me/security"))
}

/// The hash that the present password matched, and the hash of the new one.
async fn judged(app: &App, account: &Account, form: &forms::ChangePassword) -> Result<(String, String)> {
    let hash = accepted(app, &form.password, own_words(app, account).await?).await?;
    let now = app.clock.now();
    let old = sign_in::confirm(&app.db, &app.keys, &app.hasher, account, &form.current, now).await?;
    Ok((old, hash))
}

/// The path of one session.
#[derive(Debug, Deserialize)]
pub struct SessionPath {
    session: SessionId,
}

/// Ends one session.
pub async fn destroy_session(app: Data<App>, ctx: Ctx, me: SignedIn, at: Path<SessionPath>) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    session::end(&mut tx, &me.actor, me.person.id, at.session, Action::SessionRevoke, now).await?;
    tx.commit().await?;
    Ok(done_to(&app, &ctx, &said("The session has ended."), "/me/security"))
}

/// Ends every session but this one.
pub async fn destroy_others(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let ended = session::end_others(&mut tx, &me.actor, me.person.id, me.person.session, app.clock.now()).await?;
    tx.commit().await?;
    let text = match ended {
        0 => "There was no other session.".to_owned(),
        1 => "The other session has ended.".to_owned(),
        _ => format!("{ended} other sessions have ended."),
    };
    Ok(done_to(&app, &ctx, &said(text), "/me/security"))
}

/// How strong a password is, while it is typed; without JavaScript one learns it when the form is sent.
pub async fn strength(app: Data<App>, ctx: Ctx, form: Form<forms::Strength>) -> Result<HttpResponse> {
    if app.ceilings.strength(&ctx.trace.ip()).is_err() {
        return Ok(HttpResponse::NoContent().finish()); // a hint is not worth an error
    }
    let account = match &ctx.person {
        Some(person) => account::find(&mut app.db.read(), person.id).await?,
        None => None,
    };
    let own = match &account {
        Some(account) => own_words(&app, account).await?,
        None => Vec::new(),
    };
    // A long text takes long to estimate, and its beginning tells enough.
    let typed: String = form.0.password.chars().take(80).collect();
    if typed.is_empty() {
        return page(&views::Strength::default());
    }
    let judge = move || password::strength(&typed, &own.iter().map(String::as_str).collect::<Vec<_>>());
    let found = tokio::task::spawn_blocking(judge).await;
    let found = found.map_err(|error| Error::Internal(error.to_string()))?;
    page(&views::Strength {
        is_enough: found.score >= password::Strength::ENOUGH,
        words: found.words.to_owned(),
    })
}

async fn view(app: &App, ctx: &Ctx, me: &SignedIn, account: &Account, errors: &FieldErrors) -> Result<views::Security> {
    let l = shell::personal(app, ctx, &me.person, "Password and sessions").await?;
    let mut db = app.db.read();
    let now = app.clock.now();
    let home = account::memberships(&mut db, account.id).await?.into_iter().next();
    let home = Zone::find_or_utc(&home.map_or_else(|| "UTC".to_owned(), |first| first.zone));
    let zone = me.person.display.zone.clone().unwrap_or(home);
    let tz = zone.tz();
    let sessions = session::list(&mut db, account.id, now).await?;
    let sessions = sessions.into_iter().map(|one| {
        let device = Device::of(&one.agent);
        views::Session {
            path: format!("/me/sessions/{}/end", one.id),
            device: device.words(),
            icon: device.icon,
            note: format!("Signed in {}", filters::date_time(one.created_at.micros(), &tz)),
            address: one.ip,
            seen: filters::ago(now.micros(), one.seen_at.micros(), &tz),
            seen_iso: filters::iso(one.seen_at.micros()),
            current: one.id == me.person.session,
        }
    });
    let of = |field: &str| errors.of(field).to_owned();
    Ok(views::Security {
        l,
        email: account.email.clone(),
        current_error: of("current"),
        password_error: of("password"),
        hint: hint(),
        form_error: of("form"),
        changed: account.password_set_at.map_or_else(
            || "Not set yet".to_owned(),
            |at| format!("Changed {}", filters::long_date(at.micros(), &tz)),
        ),
        zone: zone.name().to_owned(),
        sessions: sessions.collect(),
    })
}
