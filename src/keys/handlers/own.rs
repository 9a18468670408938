//! One's own keys: over all organizations, a new one, its rotation and its end.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    super::{
        Kind,
        forms::{ActForm, KeyForm, KeyPath, NewQuery},
        key::{self, Made, refused_by_rules},
        rules,
        views::{Mine, Place, Revoke, Row, ShownKey, ShownOnce},
    },
    edit_page, fault, page,
};
use crate::{
    access::{Can, SignedIn, permission::KeyOwn},
    app::App,
    clock::Zone,
    error::Result,
    limits::settings,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The person's keys over all of their organizations.
pub async fn index(app: Data<App>, by: SignedIn, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let utc = Zone::find_or_utc("UTC");
    let zone = by.person.display.zone.as_ref().unwrap_or(&utc);
    let mine = key::list_mine(&mut db, by.person.id).await?;
    let mut places = Vec::new();
    for (org, slug, name, role) in key::list_places(&mut db, by.person.id).await? {
        let base = format!("/o/{slug}/keys/own");
        let rules = rules::find(&mut db, org).await?;
        let allowed = rules.personal.allows(Some(role));
        places.push(Place {
            id: slug.clone(),
            name,
            rows: mine
                .iter()
                .filter(|(_, _, of)| *of == slug)
                .map(|(key, _, _)| Row::of(key, &base, now, zone))
                .collect(),
            new_href: allowed.then(|| format!("{base}/new")),
            why_not: if allowed {
                String::new()
            } else {
                refused_by_rules(rules.personal)
            },
        });
    }
    let l = shell::personal(&app, &ctx, &by.person, "Your API keys").await?;
    respond::page(&Mine { l, places })
}

/// The form of a new key of one's own.
pub async fn new(app: Data<App>, by: Can<KeyOwn>, ctx: Ctx) -> Result<HttpResponse> {
    let rules = rules::find(&mut app.db.read(), by.org().id).await?;
    let form = KeyForm::blank(&rules, &NewQuery::default());
    respond::page(&new_page(&app, &by, &ctx, form, FieldErrors::default()).await?)
}

async fn new_page(
    app: &App,
    by: &Can<KeyOwn>,
    ctx: &Ctx,
    form: KeyForm,
    errors: FieldErrors,
) -> Result<super::super::views::Edit> {
    let kind = Some(Kind::Personal);
    let mut page = edit_page(app, by, ctx, ("Create your API key", kind), None, form, errors).await?;
    page.lead = "It acts as you: it can do what you may do at the time, and stops when you leave.";
    "/me/keys".clone_into(&mut page.list_href);
    page.list_title = "Your API keys";
    page.action = by.path("/keys/own");
    "/me/keys".clone_into(&mut page.back);
    let rules = rules::find(&mut app.db.read(), by.org().id).await?;
    if !rules.personal.allows(by.role()) {
        page.refused = refused_by_rules(rules.personal);
    }
    Ok(page)
}

/// Makes a key of one's own and shows its secret, once.
pub async fn create(app: Data<App>, by: Can<KeyOwn>, ctx: Ctx, form: Form<KeyForm>) -> Result<HttpResponse> {
    let (form, now) = (form.0, app.clock.now());
    let made = async {
        let settings = settings::find(&mut app.db.read(), by.org()).await?;
        let draft = form.draft(&by.org().zone, settings.unit, None, now)?;
        let mut tx = app.db.write().await?;
        let made = key::create_own(&mut tx, &by, &draft, &form.nonce, now).await?;
        tx.commit().await?;
        Ok(made)
    };
    match made.await {
        Ok(Made::New(id, key)) => {
            let name = form.name.trim();
            respond::page(&ShownOnce {
                l: shell::org(&app, &ctx, &by, "API key created", Tab::Members).await?,
                list_href: "/me/keys".to_owned(),
                list_title: "Your API keys",
                heading: format!("{name} was created"),
                lead: "Copy the key now, it is shown only once.".to_owned(),
                keys: vec![ShownKey::new(name, by.path(&format!("/keys/own/{id}")), key)],
            })
        }
        Ok(Made::Before(id)) => {
            let mut toast = said("This key was created already.");
            "Its secret was shown once. Rotate the key if it was not kept.".clone_into(&mut toast.detail);
            // The nonce may be of a key of somebody else's form, whose page is not found then.
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/keys/own/{id}")),
            ))
        }
        Err(error) => {
            let page = new_page(&app, &by, &ctx, form, fault(error)?).await?;
            respond::page_with(422, &page)
        }
    }
}

/// One of one's own keys.
pub async fn show(app: Data<App>, by: Can<KeyOwn>, at: Path<KeyPath>, ctx: Ctx) -> Result<HttpResponse> {
    let key = key::find_own(&mut app.db.read(), &by, at.id()?).await?;
    respond::page(&page::page_of(&app, &by, &ctx, &key, true, FieldErrors::default()).await?)
}

/// Gives it a new secret and shows it, once.
pub async fn rotate(
    app: Data<App>,
    by: Can<KeyOwn>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let present = key::find_own(&mut app.db.read(), &by, at.id()?).await?;
    let href = by.path(&format!("/keys/own/{}", present.id));
    let rotated = async {
        let overlap = form.0.overlap()?;
        let mut tx = app.db.write().await?;
        let rotated = key::rotate_own(&mut tx, &by, present.id, form.0.version(), overlap, app.clock.now()).await?;
        tx.commit().await?;
        Ok(rotated)
    };
    match rotated.await {
        Ok((key, secret)) => respond::page(&page::shown_again(&app, &by, &ctx, &key, href, true, secret).await?),
        Err(error) => page::refused(&app, &by, &ctx, &present, &href, true, error).await,
    }
}

/// The dialog that revokes.
pub async fn new_revocation(app: Data<App>, by: Can<KeyOwn>, at: Path<KeyPath>, ctx: Ctx) -> Result<HttpResponse> {
    let key = key::find_own(&mut app.db.read(), &by, at.id()?).await?;
    let l = shell::org(&app, &ctx, &by, "Revoke key", Tab::Members).await?;
    let base = by.path(&format!("/keys/own/{}", key.id));
    page::dialog(&ctx, Revoke::new(l, !ctx.hx.on, base, &key, app.clock.now(), by.zone()))
}

/// Revokes it.
pub async fn revoke(
    app: Data<App>,
    by: Can<KeyOwn>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let key = key::revoke_own(&mut tx, &by, at.id()?, form.0.version(), app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was revoked.", key.name));
    Ok(respond::done_to(&app, &ctx, &toast, "/me/keys"))
}
