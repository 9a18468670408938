//! The page about oneself.

use actix_web::{HttpResponse, web::Data};

use super::own;
use crate::{
    access::SignedIn,
    app::App,
    auth::{
        account::{self, Account, AddressProof},
        address_code, forms,
        profile::{self, Look, Profile, THEMES},
        views,
    },
    clock::{Timestamp, Zone},
    error::{Error, Result},
    orgs, shell,
    web::{
        filters,
        form::{FieldErrors, Form},
        layout::{Choice, hue, initials},
        locale::Locale,
        middleware::picture_of,
        request::{Ctx, theme_keeper},
        respond::{done_to, page, page_with, said},
    },
};

/// What a form of the page had sent, for showing it again.
#[derive(Debug, Clone)]
struct Typed {
    name: String,
    phone: String,
    contact: String,
    display: forms::Display,
}

impl Typed {
    /// The values as they are saved.
    fn saved(me: &SignedIn, account: &Account, profile: &Profile) -> Self {
        Self {
            name: account.name.clone(),
            phone: profile.phone.clone(),
            contact: profile.contact.clone(),
            display: forms::Display {
                theme: THEMES
                    .get(me.person.theme as usize)
                    .map_or("system", |word| word)
                    .to_owned(),
                density: if profile.compact { "compact" } else { "comfortable" }.to_owned(),
                zone: profile.zone.clone(),
                locale: profile.locale.clone(),
            },
        }
    }
}

/// The own name, contact, picture, address and organizations, and how pages look.
pub async fn show(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    page(&failed(&app, &ctx, &me, &account, &FieldErrors::default()).await?)
}

/// Changes the name and how one is reached.
pub async fn update(app: Data<App>, ctx: Ctx, me: SignedIn, form: Form<forms::Profile>) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let saved = profile::find(&mut app.db.read(), account.id).await?;
    let mut typed = Typed::saved(&me, &account, &saved);
    typed.name = form.0.name;
    typed.phone = form.0.phone.unwrap_or(saved.phone.clone());
    typed.contact = form.0.contact.unwrap_or(saved.contact.clone());
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let done = match account::rename(&mut tx, &me.actor, &account, &typed.name, now).await {
        Ok(()) => profile::update_contact(&mut tx, &me.actor, &account, &typed.phone, &typed.contact, now).await,
        refused => refused,
    };
    if let Err(error) = done {
        drop(tx);
        let errors = FieldErrors::take(error)?;
        return page_with(422, &view(&app, &ctx, &me, &account, &saved, typed, &errors).await?);
    }
    tx.commit().await?;
    Ok(done_to(&app, &ctx, &said("Your profile was saved."), "/me"))
}

/// Changes theme, density, zone and formats.
pub async fn update_display(
    app: Data<App>,
    ctx: Ctx,
    me: SignedIn,
    form: Form<forms::Display>,
) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let theme = THEMES.iter().position(|word| *word == form.0.theme);
    let done = match (theme, form.0.density.as_str()) {
        (None, _) => Err(Error::invalid("theme", "Choose Auto, Light or Dark.")),
        (_, density) if !["comfortable", "compact"].contains(&density) => {
            Err(Error::invalid("density", "Choose Comfortable or Compact."))
        }
        (Some(theme), density) => {
            let look = Look {
                zone: form.0.zone.clone(),
                locale: form.0.locale.clone(),
                compact: density == "compact",
                theme: theme as i64,
            };
            profile::update_look(&mut tx, &me.actor, &account, &me.person, &look, now).await
        }
    };
    if let Err(error) = done {
        drop(tx);
        let errors = FieldErrors::take(error)?;
        let saved = profile::find(&mut app.db.read(), account.id).await?;
        let mut typed = Typed::saved(&me, &account, &saved);
        typed.display = form.0;
        return page_with(422, &view(&app, &ctx, &me, &account, &saved, typed, &errors).await?);
    }
    tx.commit().await?;
    // The pages before signing in follow the browser's cookie.
    ctx.set_cookie(theme_keeper(&app, theme.unwrap_or_default() as i64));
    Ok(done_to(
        &app,
        &ctx,
        &said("Your display settings were saved."),
        "/me#display",
    ))
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
    page_with(422, &failed(&app, &ctx, &me, &account, &errors).await?)
}

/// The page with its saved values and what is wrong with something that is not shown again.
pub(super) async fn failed(
    app: &App,
    ctx: &Ctx,
    me: &SignedIn,
    account: &Account,
    errors: &FieldErrors,
) -> Result<views::Profile> {
    let saved = profile::find(&mut app.db.read(), account.id).await?;
    let typed = Typed::saved(me, account, &saved);
    view(app, ctx, me, account, &saved, typed, errors).await
}

async fn view(
    app: &App,
    ctx: &Ctx,
    me: &SignedIn,
    account: &Account,
    saved: &Profile,
    typed: Typed,
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
    let home_zone = memberships
        .first()
        .map_or_else(|| "UTC".to_owned(), |one| one.zone.clone());
    let own_zone = me.person.display.zone.clone();
    let day = |at: Timestamp, zone: &str| {
        let zone = own_zone.clone().unwrap_or_else(|| Zone::find_or_utc(zone));
        filters::long_date(at.micros(), &zone.tz())
    };
    let organizations = memberships.into_iter().map(|one| views::Membership {
        href: format!("/o/{}/members", one.slug),
        initials: initials(&one.org_name),
        hue: hue(one.org_id.raw()),
        role: one.role.title().to_owned(),
        primary: one.is_primary,
        joined: day(one.joined_at, &one.zone),
        name: one.org_name,
    });
    let of = |field: &str| errors.of(field).to_owned();
    let look = &typed.display;
    let mut zones = orgs::views::zones(&look.zone);
    let as_organization = Choice {
        value: String::new(),
        label: format!("As the organization ({})", home_zone.replace('_', " ")),
        selected: look.zone.is_empty(),
    };
    zones.insert(0, as_organization);
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == chosen,
    };
    let locale = Locale::find(&look.locale).unwrap_or_default();
    Ok(views::Profile {
        l,
        picture: picture_of(&saved.picture),
        picture_error: of("picture"),
        phone: typed.phone,
        phone_error: of("phone"),
        contact: typed.contact,
        contact_error: of("contact"),
        themes: [("system", "Auto"), ("light", "Light"), ("dark", "Dark")]
            .map(|(value, label)| choice(value, label, &look.theme))
            .into(),
        densities: [("comfortable", "Comfortable"), ("compact", "Compact")]
            .map(|(value, label)| choice(value, label, &look.density))
            .into(),
        zones,
        zone_error: of("zone"),
        locales: Locale::ALL
            .map(|one| choice(one.tag(), one.title(), locale.tag()))
            .into(),
        locale_error: of("locale"),
        display_error: [of("theme"), of("density")].concat(),
        name: typed.name,
        name_error: of("name"),
        email: account.email.clone(),
        initials: initials(&account.name),
        hue: hue(account.id.raw()),
        address,
        code_error: of("code"),
        organizations: organizations.collect(),
    })
}
