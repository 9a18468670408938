//! What keys are made of and by: features, service accounts and rules.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    super::{
        feature,
        forms::{FeatureForm, FeaturePath, RulesForm, ServiceForm, ServicePath},
        key, rules,
        service::{self, State},
        views::{FeaturesPage, RulesPage, ServicesPage},
    },
    fault,
};
use crate::{
    access::{
        Can,
        permission::{KeyManage, OrgSettings, Right, SettingsRead},
    },
    app::App,
    error::{Error, Result},
    groups,
    ids::{FeatureId, ServiceId},
    limits::{
        keyed::{self, Subject},
        settings,
    },
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The catalogue of features.
pub async fn features(app: Data<App>, by: Can<KeyManage>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&features_page(&app, &by, &ctx, None, FeatureForm::default(), FieldErrors::default()).await?)
}

async fn features_page(
    app: &App,
    by: &Can<KeyManage>,
    ctx: &Ctx,
    one: Option<FeatureId>,
    form: FeatureForm,
    errors: FieldErrors,
) -> Result<FeaturesPage> {
    let mut db = app.db.read();
    let (all, one) = match one {
        Some(id) => (Vec::new(), Some(feature::find(&mut db, by.org().id, id).await?)),
        None => (feature::list(&mut db, by.org().id).await?, None),
    };
    let form = match &one {
        // Neither changes, so no form sends them.
        Some(feature) => FeatureForm {
            key: feature.key.clone(),
            kind: feature.kind.key().to_owned(),
            ..form
        },
        None => form,
    };
    let title = one.as_ref().map_or("Features", |feature| feature.title.as_str());
    let l = shell::org(app, ctx, by, title, Tab::Keys).await?;
    Ok(FeaturesPage::new(l, by, &all, one.as_ref(), form, errors))
}

/// Adds a feature.
pub async fn create_feature(
    app: Data<App>,
    by: Can<KeyManage>,
    ctx: Ctx,
    form: Form<FeatureForm>,
) -> Result<HttpResponse> {
    let made = async {
        let mut tx = app.db.write().await?;
        feature::create(&mut tx, &by, &form.0.draft(), app.clock.now()).await?;
        tx.commit().await
    };
    match made.await {
        Ok(()) => {
            let toast = said(format!("{} was added to the catalogue.", form.0.title.trim()));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys/features")))
        }
        Err(error) => {
            let errors = fault(error)?;
            respond::page_with(422, &features_page(&app, &by, &ctx, None, form.0, errors).await?)
        }
    }
}

/// The form of one feature.
pub async fn edit_feature(app: Data<App>, by: Can<KeyManage>, at: Path<FeaturePath>, ctx: Ctx) -> Result<HttpResponse> {
    let id = at.id()?;
    let feature = feature::find(&mut app.db.read(), by.org().id, id).await?;
    let form = FeatureForm::of(&feature);
    respond::page(&features_page(&app, &by, &ctx, Some(id), form, FieldErrors::default()).await?)
}

/// Changes a feature.
pub async fn update_feature(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<FeaturePath>,
    ctx: Ctx,
    form: Form<FeatureForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let saved = async {
        let mut tx = app.db.write().await?;
        let version = form.0.version.parse().ok();
        let saved = feature::update(&mut tx, &by, id, version, &form.0.draft(), app.clock.now()).await?;
        tx.commit().await?;
        Ok(saved)
    };
    match saved.await {
        Ok(saved) => {
            let toast = said(format!("{} was saved.", saved.title));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys/features")))
        }
        Err(error) => {
            let errors = fault(error)?;
            respond::page_with(422, &features_page(&app, &by, &ctx, Some(id), form.0, errors).await?)
        }
    }
}

/// Takes a feature out of the catalogue; its key is typed to confirm it.
pub async fn remove_feature(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<FeaturePath>,
    ctx: Ctx,
    form: Form<FeatureForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let present = feature::find(&mut app.db.read(), by.org().id, id).await?;
    if form.0.confirm.trim() != present.key {
        let errors = FieldErrors::one("confirm", format!("Type {} to confirm.", present.key));
        let form = FeatureForm {
            confirm: form.0.confirm,
            ..FeatureForm::of(&present)
        };
        return respond::page_with(422, &features_page(&app, &by, &ctx, Some(id), form, errors).await?);
    }
    let mut tx = app.db.write().await?;
    let gone = feature::remove(&mut tx, &by, id, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was removed.", gone.title));
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys/features")))
}

/// The service accounts.
pub async fn services(app: Data<App>, by: Can<KeyManage>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&services_page(&app, &by, &ctx, None, ServiceForm::default(), FieldErrors::default()).await?)
}

async fn services_page(
    app: &App,
    by: &Can<KeyManage>,
    ctx: &Ctx,
    one: Option<ServiceId>,
    form: ServiceForm,
    errors: FieldErrors,
) -> Result<ServicesPage> {
    let org = by.org().id;
    let mut db = app.db.read();
    let (all, one, keys) = match one {
        Some(id) => {
            let keys = key::list_of_service(&mut db, org, id).await?;
            (Vec::new(), Some(service::find(&mut db, org, id).await?), keys)
        }
        None => (service::list(&mut db, org).await?, None, Vec::new()),
    };
    let groups = groups::list(&mut db, org).await?;
    let title = one.as_ref().map_or("Service accounts", |service| service.name.as_str());
    let l = shell::org(app, ctx, by, title, Tab::Keys).await?;
    let unit = settings::find(&mut db, by.org()).await?.unit;
    let mut page = ServicesPage::new(l, by, &all, one.as_ref(), (&groups, unit), form, errors);
    page.keys = keys
        .iter()
        .map(|key| (key.name.clone(), by.path(&format!("/keys/{}", key.id)), key.masked()))
        .collect();
    Ok(page)
}

/// Creates a service account.
pub async fn create_service(
    app: Data<App>,
    by: Can<KeyManage>,
    ctx: Ctx,
    form: Form<ServiceForm>,
) -> Result<HttpResponse> {
    let made = async {
        let draft = form.0.draft(settings::find(&mut app.db.read(), by.org()).await?.unit)?;
        let mut tx = app.db.write().await?;
        let id = service::create(&mut tx, &by, &draft, app.clock.now()).await?;
        tx.commit().await?;
        Ok(id)
    };
    match made.await {
        Ok(id) => {
            let mut toast = said(format!("{} was created.", form.0.name.trim()));
            "Create a key for it next.".clone_into(&mut toast.detail);
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/keys/services/{id}")),
            ))
        }
        Err(error) => {
            let errors = fault(error)?;
            respond::page_with(422, &services_page(&app, &by, &ctx, None, form.0, errors).await?)
        }
    }
}

/// The form of one service account, with its keys.
pub async fn edit_service(app: Data<App>, by: Can<KeyManage>, at: Path<ServicePath>, ctx: Ctx) -> Result<HttpResponse> {
    let id = at.id()?;
    let db = &mut app.db.read();
    let service = service::find(db, by.org().id, id).await?;
    let limits = keyed::find(db, by.org().id, Subject::Service(id)).await?;
    let form = ServiceForm::of(&service, limits);
    respond::page(&services_page(&app, &by, &ctx, Some(id), form, FieldErrors::default()).await?)
}

/// Changes a service account.
pub async fn update_service(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<ServicePath>,
    ctx: Ctx,
    form: Form<ServiceForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let saved = async {
        let draft = form.0.draft(settings::find(&mut app.db.read(), by.org()).await?.unit)?;
        let version = form.0.version.parse().ok();
        let mut tx = app.db.write().await?;
        let saved = service::update(&mut tx, &by, id, version, &draft, app.clock.now()).await?;
        tx.commit().await?;
        Ok(saved)
    };
    match saved.await {
        Ok(saved) => {
            let toast = said(format!("{} was saved.", saved.name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/keys/services")))
        }
        Err(error) => {
            let errors = fault(error)?;
            respond::page_with(422, &services_page(&app, &by, &ctx, Some(id), form.0, errors).await?)
        }
    }
}

/// Disables a service account.
pub async fn disable_service(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<ServicePath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    set_state(&app, &by, at.id()?, &ctx, State::Disabled).await
}

/// Enables a service account again.
pub async fn enable_service(
    app: Data<App>,
    by: Can<KeyManage>,
    at: Path<ServicePath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    set_state(&app, &by, at.id()?, &ctx, State::Active).await
}

async fn set_state(app: &App, by: &Can<KeyManage>, id: ServiceId, ctx: &Ctx, state: State) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let service = service::set_state(&mut tx, by, id, state, app.clock.now()).await?;
    tx.commit().await?;
    let href = by.path(&format!("/keys/services/{id}"));
    let mut toast = said(match state {
        State::Active => format!("{} was enabled.", service.name),
        State::Disabled => format!("{} was disabled. Its keys no longer work.", service.name),
    });
    if state == State::Disabled {
        toast.undo = Some(crate::web::layout::Undo {
            label: "Undo".to_owned(),
            action: format!("{href}/disablement/end"),
        });
    }
    Ok(respond::done_to(app, ctx, &toast, &href))
}

/// The rules of keys.
pub async fn edit_rules(app: Data<App>, by: Can<SettingsRead>, ctx: Ctx) -> Result<HttpResponse> {
    let rules = rules::find(&mut app.db.read(), by.org().id).await?;
    let form = RulesForm::of(&rules);
    respond::page(&rules_page(&app, &by, &ctx, &form, FieldErrors::default(), String::new()).await?)
}

async fn rules_page<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    form: &RulesForm,
    errors: FieldErrors,
    conflict: String,
) -> Result<RulesPage> {
    let l = shell::org(app, ctx, by, "Rules of API keys", Tab::Settings).await?;
    Ok(RulesPage::new(l, by, form, errors, conflict))
}

/// Changes the rules of keys.
pub async fn update_rules(
    app: Data<App>,
    by: Can<OrgSettings>,
    ctx: Ctx,
    form: Form<RulesForm>,
) -> Result<HttpResponse> {
    let saved = async {
        let rules = form.0.rules()?;
        let mut tx = app.db.write().await?;
        rules::update(&mut tx, &by, rules, app.clock.now()).await?;
        tx.commit().await
    };
    match saved.await {
        Ok(()) => {
            let toast = said(format!("The rules of API keys of {} were saved.", by.org().name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/settings#keys")))
        }
        Err(Error::Conflict(why)) => {
            let rules = rules::find(&mut app.db.read(), by.org().id).await?;
            let form = RulesForm::of(&rules);
            respond::page_with(
                409,
                &rules_page(&app, &by, &ctx, &form, FieldErrors::default(), why).await?,
            )
        }
        Err(error) => {
            let errors = fault(error)?;
            respond::page_with(422, &rules_page(&app, &by, &ctx, &form.0, errors, String::new()).await?)
        }
    }
}
