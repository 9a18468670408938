//! The settings of an organization.

use actix_web::{HttpResponse, web::Data};

use super::{
    forms::SettingsForm,
    org, settings,
    store::Org,
    views::{self, Settings},
};
use crate::{
    access::{
        Can, Permission,
        permission::{OrgManage, OrgSettings, Right as _},
    },
    app::App,
    error::{Error, Result},
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Fact, Tab},
        request::Ctx,
        respond::{done_to, page_with, said},
    },
};

/// The settings as they are.
pub async fn edit(app: Data<App>, by: Can<OrgSettings>, ctx: Ctx) -> Result<HttpResponse> {
    let (org, form) = present(&app, &by).await?;
    page_with(
        200,
        &settings_page(&app, &ctx, &by, &org, form, FieldErrors::default()).await?,
    )
}

/// Saves one section.
pub async fn update(app: Data<App>, by: Can<OrgSettings>, ctx: Ctx, form: Form<SettingsForm>) -> Result<HttpResponse> {
    match save(&app, &by, &form.0).await {
        Ok(org) => {
            let what = if form.0.section == "general" {
                "Settings"
            } else {
                "Invitation rules"
            };
            let toast = said(format!("{what} of {} saved.", org.name));
            Ok(done_to(
                &app,
                &ctx,
                &toast,
                &org.path(&format!("/settings#{}", form.0.section)),
            ))
        }
        Err(Error::Conflict(why)) => {
            let (org, current) = present(&app, &by).await?;
            let mut shown = settings_page(&app, &ctx, &by, &org, current, FieldErrors::default()).await?;
            shown.conflict = why;
            shown.entered = form
                .0
                .entered()
                .into_iter()
                .map(|(label, value)| Fact { label, value })
                .collect();
            page_with(409, &shown)
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let (org, current) = present(&app, &by).await?;
            page_with(
                422,
                &settings_page(&app, &ctx, &by, &org, form.0.with_rest(current), errors).await?,
            )
        }
    }
}

async fn save(app: &App, by: &Can<OrgSettings>, form: &SettingsForm) -> Result<Org> {
    let section = form.section()?;
    let mut tx = app.db.write().await?;
    let org = settings::update_settings(&mut tx, by, section, form.version, app.clock.now()).await?;
    tx.commit().await?;
    Ok(org)
}

async fn present(app: &App, by: &Can<OrgSettings>) -> Result<(Org, SettingsForm)> {
    let mut db = app.db.read();
    let org = org::find(&mut db, by.org().id).await?;
    let domains = settings::domains(&mut db, org.id).await?;
    let form = SettingsForm::of(&org, &domains);
    Ok((org, form))
}

async fn settings_page(
    app: &App,
    ctx: &Ctx,
    by: &Can<OrgSettings>,
    org: &Org,
    form: SettingsForm,
    errors: FieldErrors,
) -> Result<Settings> {
    let may_archive: Permission = OrgManage::PERMISSION;
    Ok(Settings {
        l: shell::org(app, ctx, by, "Settings", Tab::Settings).await?,
        path: by.path("/settings"),
        organization: org.name.clone(),
        host: format!("{}/o/", app.settings.host()),
        zones: views::zones(&form.zone),
        expiry: views::expiry(&form.expiry),
        roles: views::roles(&form.default_role),
        form,
        errors,
        conflict: String::new(),
        entered: Vec::new(),
        archive_href: by.may(may_archive).then(|| format!("/e/organizations/{}", org.slug)),
    })
}
