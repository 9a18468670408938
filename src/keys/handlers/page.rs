//! One key: its page, its change, its rotation, its state and its end.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    super::{
        Key, feature,
        forms::{ActForm, KeyForm, KeyPath},
        key::{self, Deed},
        views::{Known, Revoke, Show, ShownKey, ShownOnce},
    },
    edit_page, fault,
};
use crate::{
    access::{
        Can,
        permission::{KeyManage, Right},
    },
    app::App,
    error::{Error, Result},
    limits::{
        keyed::{self, Amounts, Subject},
        settings,
    },
    roles, shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Tab, ToastKind},
        request::Ctx,
        respond::{self, said},
    },
};

/// The key's page.
pub async fn show(app: Data<App>, by: Can<KeyManage>, at: Path<KeyPath>, ctx: Ctx) -> Result<HttpResponse> {
    let key = key::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    respond::page(&page_of(&app, &by, &ctx, &key, false, FieldErrors::default()).await?)
}

/// The page of a key for whoever manages keys, or for its owner.
pub(super) async fn page_of<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    key: &Key,
    is_own: bool,
    errors: FieldErrors,
) -> Result<Show> {
    let (org, now) = (by.org(), app.clock.now());
    let mut db = app.db.read();
    let known = Known {
        bound: if is_own {
            Vec::new()
        } else {
            key::list_bound(&mut db, org.id, key.id).await?
        },
        limits: keyed::find(&mut db, org.id, Subject::Key(key.id)).await?,
        ceiling: match key.limited_by() {
            Some(owner) => keyed::ceiling(&mut db, org, owner, now).await?,
            None => Amounts::default(),
        },
        unit: settings::find(&mut db, org).await?.unit,
        hosts: roles::host::list(&mut db, org.id).await?,
        errors,
    };
    let tab = if is_own { Tab::Members } else { Tab::Keys };
    let l = shell::org(app, ctx, by, &key.name, tab).await?;
    Ok(Show::new(l, by, key, known, is_own, now))
}

/// The form of the key.
pub async fn edit(app: Data<App>, by: Can<KeyManage>, at: Path<KeyPath>, ctx: Ctx) -> Result<HttpResponse> {
    let org = by.org().id;
    let mut db = app.db.read();
    let key = key::find(&mut db, org, at.id()?).await?;
    let values = feature::values(&mut db, org, key.id).await?;
    let bound = key::list_bound(&mut db, org, key.id).await?;
    let limits = keyed::find(&mut db, org, Subject::Key(key.id)).await?;
    let form = KeyForm::of(&key, &values, &bound, limits, &by.org().zone);
    respond::page(&form_page(&app, &by, &ctx, &key, form, FieldErrors::default()).await?)
}

async fn form_page(
    app: &App,
    by: &Can<KeyManage>,
    ctx: &Ctx,
    key: &Key,
    form: KeyForm,
    errors: FieldErrors,
) -> Result<super::super::views::Edit> {
    let title = format!("Edit {}", key.name);
    let mut page = edit_page(app, by, ctx, (&title, Some(key.kind)), Some(key), form, errors).await?;
    let href = by.path(&format!("/keys/{}", key.id));
    page.lead = "Everything takes effect with the next use of the key. Its secret stays.";
    page.save = "Save key";
    page.action = href.clone();
    page.back = href;
    Ok(page)
}

/// Changes the key.
pub async fn update(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<KeyForm>,
) -> Result<HttpResponse> {
    let (form, now) = (form.0, app.clock.now());
    let present = key::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let saved = async {
        let settings = settings::find(&mut app.db.read(), by.org()).await?;
        let draft = form.draft(&by.org().zone, settings.unit, Some(&present), now)?;
        let mut tx = app.db.write().await?;
        let key = key::update(&mut tx, &by, present.id, form.version(), &draft, now).await?;
        tx.commit().await?;
        Ok(key)
    };
    match saved.await {
        Ok(key) => {
            let toast = said(format!("{} was saved.", key.name));
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/keys/{}", key.id)),
            ))
        }
        Err(error) => {
            let page = form_page(&app, &by, &ctx, &present, form, fault(error)?).await?;
            respond::page_with(422, &page)
        }
    }
}

/// Gives the key a new secret and shows it, once.
pub async fn rotate(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let href = by.path(&format!("/keys/{id}"));
    let rotated = async {
        let overlap = form.0.overlap()?;
        let mut tx = app.db.write().await?;
        let rotated = key::rotate(&mut tx, &by, id, form.0.version(), overlap, app.clock.now()).await?;
        tx.commit().await?;
        Ok(rotated)
    };
    match rotated.await {
        Ok((key, secret)) => respond::page(&shown_again(&app, &by, &ctx, &key, href, false, secret).await?),
        Err(error) => {
            let present = key::find(&mut app.db.read(), by.org().id, id).await?;
            refused(&app, &by, &ctx, &present, &href, false, error).await
        }
    }
}

/// The page that shows the secret of a rotated key.
pub(super) async fn shown_again<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    key: &Key,
    href: String,
    is_own: bool,
    secret: super::super::PlainKey,
) -> Result<ShownOnce> {
    let until = key.overlap(app.clock.now());
    let old = match until {
        Some(until) => {
            let until = crate::web::filters::date_time(until.micros(), &by.zone().tz());
            format!("The old secret works until {until}.")
        }
        None => "The old secret no longer works.".to_owned(),
    };
    let (list_href, list_title, tab) = if is_own {
        ("/me/keys".to_owned(), "Your API keys", Tab::Members)
    } else {
        (by.path("/keys"), "API Keys", Tab::Keys)
    };
    Ok(ShownOnce {
        l: shell::org(app, ctx, by, "API key rotated", tab).await?,
        list_href,
        list_title,
        heading: format!("{} has a new secret", key.name),
        lead: format!("Copy the key now, it is shown only once. {old}"),
        keys: vec![ShownKey::new(&key.name, href, secret)],
    })
}

/// Nothing was rotated: a form that was sent again leads to the key, a wrong field is told beside it.
pub(super) async fn refused<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    key: &Key,
    href: &str,
    is_own: bool,
    error: Error,
) -> Result<HttpResponse> {
    match error {
        Error::Conflict(why) => {
            let mut toast = said(why);
            toast.kind = ToastKind::Warn;
            Ok(respond::done_to(app, ctx, &toast, href))
        }
        error => {
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &page_of(app, by, ctx, key, is_own, errors).await?)
        }
    }
}

/// Suspends the key.
pub async fn suspend(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    act(&app, &by, &at, &ctx, &form.0, Deed::Suspend).await
}

/// Takes a suspension back.
pub async fn activate(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    act(&app, &by, &at, &ctx, &form.0, Deed::Activate).await
}

async fn act(
    app: &App,
    by: &Can<KeyManage>,
    at: &KeyPath,
    ctx: &Ctx,
    form: &ActForm,
    deed: Deed,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let key = key::set_state(&mut tx, by, at.id()?, form.version(), deed, app.clock.now()).await?;
    tx.commit().await?;
    let mut toast = said(format!("{} was {}.", key.name, deed.past()));
    let href = by.path(&format!("/keys/{}", key.id));
    if deed == Deed::Suspend {
        toast.undo = Some(crate::web::layout::Undo {
            label: "Undo".to_owned(),
            action: format!("{href}/suspension/end"),
        });
    }
    let to = if deed == Deed::Revoke { by.path("/keys") } else { href };
    Ok(respond::done_to(app, ctx, &toast, &to))
}

/// The dialog that revokes.
pub async fn new_revocation(app: Data<App>, by: Can<KeyManage>, at: Path<KeyPath>, ctx: Ctx) -> Result<HttpResponse> {
    let key = key::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let l = shell::org(&app, &ctx, &by, "Revoke key", Tab::Keys).await?;
    let base = by.path(&format!("/keys/{}", key.id));
    dialog(&ctx, Revoke::new(l, !ctx.hx.on, base, &key, app.clock.now(), by.zone()))
}

/// The dialog as a page, or alone for htmx.
pub(super) fn dialog(ctx: &Ctx, page: Revoke) -> Result<HttpResponse> {
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Revokes the key.
pub async fn revoke(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<KeyPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    act(&app, &by, &at, &ctx, &form.0, Deed::Revoke).await
}
