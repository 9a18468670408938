//! The settings of an organization, its subscription record, its training resources, and the overview of its policies.

use actix_web::{HttpResponse, web::Data};

use super::{
    forms::{SettingsForm, SubscriptionForm, TrainingForm},
    org, policies, settings,
    store::Org,
    subscription, training,
    views::{self, Policies, ResourceRow, Settings},
};
use crate::{
    access::{
        Can, Permission,
        permission::{BillingManage, OrgManage, OrgSettings, Right, SettingsRead},
    },
    app::App,
    error::{Error, Result},
    members::member,
    shell,
    web::{
        filters::plural,
        form::{FieldErrors, Form},
        layout::{Fact, Tab},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// The settings as they are.
pub async fn edit(app: Data<App>, by: Can<SettingsRead>, ctx: Ctx) -> Result<HttpResponse> {
    let shown = present(&app, &by).await?;
    page(&settings_page(&app, &ctx, &by, shown).await?)
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
        Err(Error::Conflict(why)) => conflict(&app, &ctx, &by, why, form.0.entered()).await,
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let mut shown = present(&app, &by).await?;
            shown.form = form.0.with_rest(shown.form);
            shown.errors = errors;
            page_with(422, &settings_page(&app, &ctx, &by, shown).await?)
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

/// Keeps the subscription record.
pub async fn update_subscription(
    app: Data<App>,
    by: Can<BillingManage>,
    ctx: Ctx,
    form: Form<SubscriptionForm>,
) -> Result<HttpResponse> {
    let done = match form.0.read() {
        Ok(new) => {
            let mut tx = app.db.write().await?;
            match subscription::update(&mut tx, &by, new, app.clock.now()).await {
                Ok(()) => tx.commit().await,
                refused => refused,
            }
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => {
            let toast = said(format!("Subscription record of {} saved.", by.org().name));
            Ok(done_to(&app, &ctx, &toast, &by.path("/settings#subscription")))
        }
        Err(Error::Conflict(why)) => conflict(&app, &ctx, &by, why, form.0.entered()).await,
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let mut shown = present(&app, &by).await?;
            shown.subscription = form.0;
            shown.errors = errors;
            page_with(422, &settings_page(&app, &ctx, &by, shown).await?)
        }
    }
}

/// Keeps the training resources.
pub async fn update_training(
    app: Data<App>,
    by: Can<OrgSettings>,
    ctx: Ctx,
    form: Form<TrainingForm>,
) -> Result<HttpResponse> {
    let resources = match form.0.read() {
        Ok(resources) => resources,
        Err(errors) => {
            let mut shown = present(&app, &by).await?;
            shown.training = form.0;
            shown.errors = errors;
            return page_with(422, &settings_page(&app, &ctx, &by, shown).await?);
        }
    };
    let mut tx = app.db.write().await?;
    match training::update(&mut tx, &by, &resources, form.0.version, app.clock.now()).await {
        Ok(()) => tx.commit().await?,
        Err(Error::Conflict(why)) => {
            drop(tx);
            return conflict(&app, &ctx, &by, why, form.0.entered()).await;
        }
        Err(error) => return Err(error),
    }
    let toast = said(format!("Training resources of {} saved.", by.org().name));
    Ok(done_to(&app, &ctx, &toast, &by.path("/settings#training")))
}

/// Every rule that holds in the organization.
pub async fn policies(app: Data<App>, by: Can<SettingsRead>, ctx: Ctx) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let org = org::find(&mut db, by.org().id).await?;
    let groups = policies::all(&mut db, &org, &app.settings).await?;
    let may_edit = |section: &str| match section {
        "subscription" => by.may(Permission::BillingManage),
        "wallets" => by.may(Permission::LimitDefault),
        _ => by.may(Permission::OrgSettings),
    };
    page(&Policies {
        l: shell::org(&app, &ctx, &by, "Policies", Tab::Settings).await?,
        organization: org.name.clone(),
        settings_href: by.path("/settings"),
        groups: views::policy_groups(&groups, &by.path("/settings"), may_edit),
    })
}

/// What the settings page shows: what is saved, or what was typed.
struct Shown {
    org: Org,
    form: SettingsForm,
    subscription: SubscriptionForm,
    training: TrainingForm,
    errors: FieldErrors,
    conflict: String,
    entered: Vec<Fact>,
}

async fn present<P: Right>(app: &App, by: &Can<P>) -> Result<Shown> {
    let mut db = app.db.read();
    let org = org::find(&mut db, by.org().id).await?;
    let domains = settings::domains(&mut db, org.id).await?;
    Ok(Shown {
        form: SettingsForm::of(&org, &domains),
        subscription: subscription::find(&mut db, org.id).await?.into(),
        training: training::find(&mut db, org.id).await?.into(),
        org,
        errors: FieldErrors::default(),
        conflict: String::new(),
        entered: Vec::new(),
    })
}

/// Somebody else was faster: the page as it is now, and what the editor had entered.
async fn conflict<P: Right>(
    app: &App,
    ctx: &Ctx,
    by: &Can<P>,
    why: String,
    entered: Vec<(&'static str, String)>,
) -> Result<HttpResponse> {
    let mut shown = present(app, by).await?;
    shown.conflict = why;
    shown.entered = entered
        .into_iter()
        .map(|(label, value)| Fact { label, value })
        .collect();
    page_with(409, &settings_page(app, ctx, by, shown).await?)
}

async fn settings_page<P: Right>(app: &App, ctx: &Ctx, by: &Can<P>, shown: Shown) -> Result<Settings> {
    let Shown {
        org,
        form,
        subscription,
        training,
        errors,
        conflict,
        entered,
    } = shown;
    let mut db = app.db.read();
    let seats = member::seats(&mut db, org.id).await?;
    let key_rules = crate::keys::rules::find(&mut db, org.id).await?;
    let acting = match &seats {
        Some(seats) => seats.used,
        None => {
            let counts = member::counts(&mut db, org.id).await?;
            counts.of(Some(member::Status::Active), &[]) + counts.of(Some(member::Status::Inactive), &[])
        }
    };
    let seats_line = match seats {
        Some(seats) if seats.left() < 0 => format!(
            "{} in use, {} more than agreed. Nobody loses access, and nobody can be added.",
            plural(acting, "seat", "seats"),
            -seats.left()
        ),
        Some(seats) => format!("{} in use, {} left.", plural(acting, "seat", "seats"), seats.left()),
        None => format!("{} in use, without a limit.", plural(acting, "seat", "seats")),
    };
    let may_archive: Permission = OrgManage::PERMISSION;
    let may_edit = by.may(Permission::OrgSettings);
    let mut rows: Vec<_> = training.rows();
    if may_edit {
        // Room for two more, and never fewer than three rows, without any script.
        let room = (rows.len() + 2).clamp(3, training::MOST);
        rows.resize(room, training::Resource::default());
    }
    let resources = rows.into_iter().zip(training::FIELDS).enumerate();
    let resources = resources.map(|(at, (row, field))| ResourceRow {
        number: at + 1,
        error: errors.of(field).to_owned(),
        row,
    });
    Ok(Settings {
        l: shell::org(app, ctx, by, "Settings", Tab::Settings).await?,
        path: by.path("/settings"),
        organization: org.name.clone(),
        host: format!("{}/o/", app.settings.host()),
        zones: views::zones(&form.zone),
        expiry: views::expiry(&form.expiry),
        roles: views::roles(&form.default_role),
        may_edit,
        may_bill: by.may(Permission::BillingManage),
        form,
        subscription,
        subscription_path: by.path("/subscription"),
        seats_line,
        resources: resources.collect(),
        training_path: by.path("/training"),
        training_version: training.version,
        policies_href: by.path("/policies"),
        errors,
        conflict,
        entered,
        keys: crate::keys::views::RulesSummary::new(&key_rules, by.path("/keys/rules")),
        archive_href: by.may(may_archive).then(|| format!("/e/organizations/{}", org.slug)),
    })
}
