//! The page about oneself.

use actix_web::{HttpResponse, web::Data};

use super::own;
use crate::{
    access::SignedIn,
    app::App,
    auth::{
        account::{self, Account, AddressProof},
        address_code, forms, views,
    },
    clock::Zone,
    error::Result,
    shell,
    web::{
        filters,
        form::{FieldErrors, Form},
        layout::{hue, initials},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// The own name, address and organizations.
pub async fn show(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    page(&view(&app, &ctx, &me, &account, &account.name, &FieldErrors::default()).await?)
}

/// Changes the name.
pub async fn update(app: Data<App>, ctx: Ctx, me: SignedIn, form: Form<forms::Profile>) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let mut tx = app.db.write().await?;
    if let Err(error) = account::rename(&mut tx, &me.actor, &account, &form.0.name, app.clock.now()).await {
        let errors = FieldErrors::take(error)?;
        return page_with(422, &view(&app, &ctx, &me, &account, &form.0.name, &errors).await?);
    }
    tx.commit().await?;
    Ok(done_to(&app, &ctx, &said("Your name was saved."), "/me"))
}

/// Mails a code to the own address.
pub async fn create_code(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let mut tx = app.db.write().await?;
    address_code::send(&mut tx, &me.actor, &account, app.clock.now()).await?;
    tx.commit().await?;
    let text = format!("A code was sent to {}.", account.email);
    Ok(done_to(&app, &ctx, &said(text), "/me"))
}

/// Compares the code that was mailed.
pub async fn create_confirmation(
    app: Data<App>,
    ctx: Ctx,
    me: SignedIn,
    form: Form<forms::Code>,
) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let tried = address_code::confirm(&mut tx, &app.keys, &me.actor, &account, &form.0.code, now).await?;
    tx.commit().await?;
    let Some(problem) = tried.problem() else {
        let text = format!("{} is verified.", account.email);
        return Ok(done_to(&app, &ctx, &said(text), "/me"));
    };
    let errors = FieldErrors::one("code", problem);
    page_with(422, &view(&app, &ctx, &me, &account, &account.name, &errors).await?)
}

async fn view(
    app: &App,
    ctx: &Ctx,
    me: &SignedIn,
    account: &Account,
    name: &str,
    errors: &FieldErrors,
) -> Result<views::Profile> {
    let l = shell::personal(app, ctx, &me.person, "Your profile").await?;
    let mut db = app.db.read();
    let voucher = match account.vouched_by {
        Some(by) => account::find(&mut db, by).await?.map_or_else(String::new, |by| by.name),
        None => String::new(),
    };
    let address = views::Address {
        verified: account.email_proof == AddressProof::Mailed,
        voucher,
        waiting: address_code::is_waiting(&mut db, account, app.clock.now()).await?,
    };
    let memberships = account::memberships(&mut db, account.id).await?;
    let organizations = memberships.into_iter().map(|one| views::Membership {
        href: format!("/o/{}/members", one.slug),
        initials: initials(&one.org_name),
        hue: hue(one.org_id.raw()),
        role: one.role.title().to_owned(),
        primary: one.is_primary,
        joined: filters::long_date(one.joined_at.micros(), &Zone::find_or_utc(&one.zone).tz()),
        name: one.org_name,
    });
    Ok(views::Profile {
        l,
        name: name.to_owned(),
        name_error: errors.of("name").to_owned(),
        email: account.email.clone(),
        initials: initials(&account.name),
        hue: hue(account.id.raw()),
        address,
        code_error: errors.of("code").to_owned(),
        organizations: organizations.collect(),
    })
}
