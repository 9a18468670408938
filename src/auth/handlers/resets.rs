//! Forgotten passwords.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::time,
    web::{Data, Path},
};

use super::{accepted, hint, own_words};
use crate::{
    access::can::actor_of,
    app::App,
    auth::{Account, forget, forms, reset, views},
    error::Result,
    mail::address::Address,
    secret::same,
    shell,
    web::{
        csrf,
        form::{FieldErrors, Form},
        request::Ctx,
        respond::{page, page_with, redirect},
    },
};

/// Every answer to a request for a link takes this long, so that the time does not tell whether a mail was written.
const EVEN: Duration = Duration::from_millis(250);
/// What a token begins with.
const PREFIX: &str = "mst_rst_";

/// The page that asks for the address.
pub async fn new(app: Data<App>, ctx: Ctx) -> Result<HttpResponse> {
    page(&views::Forgot {
        l: shell::card(&app, &ctx, "Forgot password"),
        ..views::Forgot::default()
    })
}

/// Mails a link, if the address has an account; the page says the same either way.
pub async fn create(app: Data<App>, req: HttpRequest, ctx: Ctx, form: Form<forms::Forgot>) -> Result<HttpResponse> {
    let answer_at = tokio::time::Instant::now() + EVEN;
    let mut shown = views::Forgot {
        l: shell::card(&app, &ctx, "Forgot password"),
        email: form.0.email,
        minutes: reset::LIFE.as_secs() as i64 / 60,
        by_hand: app.sender.post.is_none(),
        ..views::Forgot::default()
    };
    let email = match Address::parse(&shown.email) {
        Ok(email) => email,
        Err(refusal) => {
            shown.email_error = refusal.to_string();
            return page_with(422, &shown);
        }
    };
    let to = app.keys.mac("reset-to", &[email.key().as_bytes()]);
    if app.ceilings.reset_from(&ctx.trace.ip()).is_ok() && app.ceilings.reset_to(to) {
        let mut tx = app.db.write().await?;
        reset::request(&mut tx, &app.keys, &actor_of(&req, &app), &email, app.clock.now()).await?;
        tx.commit().await?;
    }
    tokio::time::sleep_until(answer_at).await;
    shown.email = email.display().to_owned();
    shown.sent = true;
    page(&shown)
}

/// Takes the token out of the address at once, into a cookie, so that it stays in no history, log or Referer. Changes nothing.
pub async fn exchange(app: Data<App>, ctx: Ctx, token: Path<String>) -> Result<HttpResponse> {
    app.ceilings.token(&ctx.trace.ip())?;
    if !is_token(&token) {
        return Err(reset::dead());
    }
    let mut kept = app.settings.cookie(cookie_name(&app), token.into_inner());
    kept.set_max_age(time::Duration::seconds(reset::LIFE.as_secs() as i64));
    ctx.set_cookie(kept);
    Ok(redirect("/reset"))
}

/// The page that takes the new password.
pub async fn edit(app: Data<App>, req: HttpRequest, ctx: Ctx) -> Result<HttpResponse> {
    let (_, account) = brought(&app, &req, &ctx).await?;
    page(&form(&app, &ctx, &account, &FieldErrors::default()))
}

/// Sets the new password.
pub async fn update(app: Data<App>, req: HttpRequest, ctx: Ctx, new: Form<forms::NewPassword>) -> Result<HttpResponse> {
    app.ceilings.token(&ctx.trace.ip())?;
    let (token, account) = brought(&app, &req, &ctx).await?;
    if !same(new.0.password.as_bytes(), new.0.again.as_bytes()) {
        let errors = FieldErrors::one("again", "The two passwords differ. Type the same one twice.");
        return page_with(422, &form(&app, &ctx, &account, &errors));
    }
    let hash = match accepted(&app, &new.0.password, own_words(&app, &account).await?).await {
        Ok(hash) => hash,
        Err(error) => return page_with(422, &form(&app, &ctx, &account, &FieldErrors::take(error)?)),
    };
    let mut tx = app.db.write().await?;
    reset::complete(
        &mut tx,
        &app.keys,
        &actor_of(&req, &app),
        &token,
        &hash,
        app.clock.now(),
    )
    .await?;
    tx.commit().await?;
    ctx.set_cookie(csrf::removal(&app, cookie_name(&app)));
    if ctx.person.as_ref().is_some_and(|person| person.id == account.id) {
        forget(&req); // its row has ended with the others
    }
    Ok(redirect("/sign-in?after=reset"))
}

/// The token that the browser keeps and the account it is for; a dead one is taken from the browser.
async fn brought(app: &App, req: &HttpRequest, ctx: &Ctx) -> Result<(String, Account)> {
    let token = req.cookie(cookie_name(app)).map(|kept| kept.value().to_owned());
    let Some(token) = token.filter(|token| is_token(token)) else {
        return Err(reset::dead());
    };
    if let Some(account) = reset::find(&mut app.db.read(), &token, app.clock.now()).await? {
        return Ok((token, account));
    }
    ctx.set_cookie(csrf::removal(app, cookie_name(app)));
    Err(reset::dead())
}

fn is_token(text: &str) -> bool {
    let rest = text.strip_prefix(PREFIX).unwrap_or_default();
    rest.len() == 43
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn cookie_name(app: &App) -> &'static str {
    if app.settings.is_https() {
        "__Host-reset"
    } else {
        "muster-reset"
    }
}

fn form(app: &App, ctx: &Ctx, account: &Account, errors: &FieldErrors) -> views::NewPassword {
    views::NewPassword {
        l: shell::card(app, ctx, "Set a new password"),
        title: "Set a new password".to_owned(),
        action: "/reset".to_owned(),
        email: account.email.clone(),
        password_error: errors.of("password").to_owned(),
        again_error: errors.of("again").to_owned(),
        hint: hint(),
        submit: "Save password".to_owned(),
    }
}
