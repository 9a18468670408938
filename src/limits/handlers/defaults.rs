//! Defaults of the organization and of groups, what all may use together, and how the organization counts.

use actix_web::{HttpResponse, web::Data};

use super::super::{
    defaults::{self, Standing},
    forms::{DefaultsForm, GroupForm, SettingsForm, Typed},
    policy::{self, Choice, Enforcement, Limit},
    settings::{self, Conflict, Settings},
    views::{self, Field, GroupEdit, GroupRow, Groups, PreviewRow, sign, unit_words},
    window::Window,
};
use super::{default_words, page_of};
use crate::{
    access::{Can, permission::LimitDefault},
    app::App,
    error::{Error, Result},
    groups,
    ids::{GroupId, MemberId},
    shell,
    web::{
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The defaults, and with amounts in the address what they would change.
pub async fn edit(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx, query: Query<DefaultsForm>) -> Result<HttpResponse> {
    let (status, page) = defaults_page(&app, &by, &ctx, query.0, FieldErrors::default()).await?;
    respond::page_with(status, &page)
}

/// Saves the defaults, for new members or for everyone without a limit of their own.
pub async fn update(app: Data<App>, by: Can<LimitDefault>, ctx: Ctx, form: Form<DefaultsForm>) -> Result<HttpResponse> {
    let form = form.0;
    let again = |errors| async {
        let sent = DefaultsForm {
            step: "preview".to_owned(),
            ..form.clone()
        };
        let (_, page) = defaults_page(&app, &by, &ctx, sent, errors).await?;
        respond::page_with(422, &page)
    };
    let only_new = match form.apply.as_str() {
        "new" => true,
        "everyone" => false,
        _ => return again(FieldErrors::one("apply", "Choose for whom the new defaults count.")).await,
    };
    match save(&app, &by, &form, only_new).await {
        Ok(kept) => {
            let mut toast = said(format!("The default limits of {} were saved.", by.org().name));
            if kept > 0 {
                let people = crate::web::filters::plural(kept, "member keeps", "members keep");
                toast.detail = format!("{people} the limit from before as an own limit.");
            }
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits")))
        }
        Err(Error::Invalid { field, message }) => again(FieldErrors::one(field, message)).await,
        Err(error) => Err(error),
    }
}

async fn save(app: &App, by: &Can<LimitDefault>, form: &DefaultsForm, only_new: bool) -> Result<i64> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    if settings.version != form.version() {
        return Err(settings::stale(&by.org().name));
    }
    let standing = defaults::standing(&mut db, by.org().id).await?;
    let new = form.defaults(settings.unit).map_err(|errors| first(&errors))?;
    let mut kept = 0;
    if only_new {
        // Those who inherit get what they have pinned first, in pieces; nothing changes for anybody until the last step.
        for window in Window::OFFERED
            .into_iter()
            .filter(|window| new.changes(&standing, *window))
        {
            let mut after = MemberId::from_raw(0);
            loop {
                let mut tx = app.db.write().await?;
                let pinned = defaults::pin_some(&mut tx, by, window, after, now).await?;
                tx.commit().await?;
                kept += pinned.count;
                match pinned.last {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
    }
    let mut tx = app.db.write().await?;
    defaults::set(&mut tx, by, &new, form.version(), only_new, now).await?;
    tx.commit().await?;
    Ok(kept)
}

/// The first of some faults, as an error.
fn first(errors: &FieldErrors) -> Error {
    let field = ["monthly", "daily", "enforcement"]
        .into_iter()
        .find(|field| errors.is_first(field))
        .unwrap_or("monthly");
    Error::invalid(field, errors.of(field))
}

async fn defaults_page(
    app: &App,
    by: &Can<LimitDefault>,
    ctx: &Ctx,
    form: DefaultsForm,
    mut errors: FieldErrors,
) -> Result<(u16, views::Defaults)> {
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    let standing = defaults::standing(&mut db, by.org().id).await?;
    let is_sent = !form.monthly_mode.is_empty() || !form.daily_mode.is_empty();
    let form = if is_sent {
        form
    } else {
        let enforcement = standing
            .defaults
            .first()
            .map_or(Enforcement::Hard, |limit| limit.enforcement);
        let choice = |window| Choice::of(standing.default_of(window));
        DefaultsForm::of(
            choice(Window::Month),
            choice(Window::Day),
            enforcement,
            settings.version,
        )
    };
    let mut preview = Vec::new();
    let mut status = 200;
    if is_sent && form.step == "preview" {
        match form.defaults(settings.unit) {
            Ok(new) => {
                for (window, count) in defaults::preview(&mut db, by.org().id, &standing, &new).await? {
                    let after = match new.of(window) {
                        Choice::Inherit => "None".to_owned(),
                        Choice::Set(value) => value.show(settings.unit),
                    };
                    preview.push(PreviewRow {
                        label: format!("{} limit", window.adjective()),
                        before: default_words(&standing, window, &settings),
                        after,
                        count,
                    });
                }
                if preview.is_empty() && errors.is_empty() {
                    errors.add("monthly", "These are the defaults already. Change one of them.");
                }
            }
            Err(found) if errors.is_empty() => errors = found,
            Err(_) => {}
        }
        if !errors.is_empty() {
            status = 422;
        }
    }
    let none = "None";
    let hidden = vec![
        ("monthly_mode", form.monthly_mode.clone()),
        ("monthly", form.monthly.clone()),
        ("monthly_was", form.monthly_was.clone()),
        ("daily_mode", form.daily_mode.clone()),
        ("daily", form.daily.clone()),
        ("daily_was", form.daily_was.clone()),
        ("enforcement", form.enforcement.clone()),
        ("version", form.version.clone()),
    ];
    Ok((
        status,
        views::Defaults {
            l: shell::org(app, ctx, by, "Default limits", Tab::Limits).await?,
            path: by.path("/limits/defaults"),
            back: by.path("/limits"),
            organization: by.org().name.clone(),
            month: Field::new("monthly", "Default Monthly Limit", &form.month(), none, &errors),
            day: Field::new("daily", "Default daily limit", &form.day(), none, &errors),
            hard: form.enforcement != Enforcement::Soft.key(),
            unit: unit_words(settings.unit),
            sign: sign(settings.unit),
            concerned: preview.iter().map(|row| row.count).max().unwrap_or(0),
            keeps_none: preview.iter().any(|row| row.before == none && row.count > 0),
            preview,
            hidden,
            errors,
            version: form.version(),
        },
    ))
}

/// The limits of all groups, and the form of one.
pub async fn edit_group(
    app: Data<App>,
    by: Can<LimitDefault>,
    ctx: Ctx,
    query: Query<GroupForm>,
) -> Result<HttpResponse> {
    let group = if query.0.group.is_empty() {
        None
    } else {
        Some(query.0.group()?)
    };
    respond::page(&groups_page(&app, &by, &ctx, group, None, FieldErrors::default()).await?)
}

/// Saves one group's limits.
pub async fn update_group(
    app: Data<App>,
    by: Can<LimitDefault>,
    ctx: Ctx,
    form: Form<GroupForm>,
) -> Result<HttpResponse> {
    let form = form.0;
    let group = form.group()?;
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let saved = match form.values(settings.unit) {
        Ok((each, together, priority)) => {
            let mut tx = app.db.write().await?;
            let wish = defaults::GroupWish {
                each,
                together,
                priority,
            };
            match defaults::set_group(&mut tx, &by, group, &wish, form.version(), app.clock.now()).await {
                Ok(name) => {
                    tx.commit().await?;
                    Ok(name)
                }
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match saved {
        Ok(name) => {
            let toast = said(format!("The limits of group {name} were saved."));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits/groups")))
        }
        Err(errors) => {
            let page = groups_page(&app, &by, &ctx, Some(group), Some(&form), errors).await?;
            respond::page_with(422, &page)
        }
    }
}

async fn groups_page(
    app: &App,
    by: &Can<LimitDefault>,
    ctx: &Ctx,
    group: Option<GroupId>,
    sent: Option<&GroupForm>,
    errors: FieldErrors,
) -> Result<Groups> {
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    let standing = defaults::standing(&mut db, by.org().id).await?;
    let all = groups::list(&mut db, by.org().id).await?;
    let form = match group {
        Some(id) => {
            let of = all.iter().find(|group| group.id == id).ok_or(Error::NotFound)?;
            Some(group_edit(id, &of.name, &standing, &settings, sent, &errors))
        }
        None => None,
    };
    let base = by.path("");
    Ok(Groups {
        l: shell::org(app, ctx, by, "Group limits", Tab::Limits).await?,
        path: by.path("/limits/groups"),
        back: by.path("/limits"),
        groups: all
            .iter()
            .map(|group| GroupRow::of(group.id, &group.name, &standing, &base, &settings))
            .collect(),
        form,
        unit: unit_words(settings.unit),
        sign: sign(settings.unit),
        conflict: settings.conflict.title().to_lowercase(),
        by_priority: settings.conflict == Conflict::Priority,
        version: sent.map_or(settings.version, GroupForm::version),
    })
}

fn group_edit(
    id: GroupId,
    name: &str,
    standing: &Standing,
    settings: &Settings,
    sent: Option<&GroupForm>,
    errors: &FieldErrors,
) -> GroupEdit {
    let typed = |limit: Option<&Limit>| Typed::of(Choice::of(limit));
    let parts = match sent {
        Some(form) => form.parts(),
        None => [
            typed(standing.group_default(id, Window::Month)),
            typed(standing.group_default(id, Window::Day)),
            typed(standing.group_pool(id, Window::Month)),
            typed(standing.group_pool(id, Window::Day)),
        ],
    };
    let inherit = |window| policy_words(standing.default_of(window), settings);
    let is_hard = |limits: [Option<&Limit>; 2], sent: Option<&String>| match sent {
        Some(text) => text != Enforcement::Soft.key(),
        None => limits
            .into_iter()
            .flatten()
            .next()
            .is_none_or(|limit| limit.enforcement == Enforcement::Hard),
    };
    GroupEdit {
        id: id.to_string(),
        name: name.to_owned(),
        month: Field::new(
            "monthly",
            "Monthly, each member",
            &parts[0],
            &inherit(Window::Month),
            errors,
        ),
        day: Field::new("daily", "Daily, each member", &parts[1], &inherit(Window::Day), errors),
        hard: is_hard(
            [
                standing.group_default(id, Window::Month),
                standing.group_default(id, Window::Day),
            ],
            sent.map(|form| &form.enforcement),
        ),
        pool_month: Field::new("pool_monthly", "Monthly, all together", &parts[2], "None", errors).without_unlimited(),
        pool_day: Field::new("pool_daily", "Daily, all together", &parts[3], "None", errors).without_unlimited(),
        pool_hard: is_hard(
            [
                standing.group_pool(id, Window::Month),
                standing.group_pool(id, Window::Day),
            ],
            sent.map(|form| &form.pool_enforcement),
        ),
        priority: sent.map_or_else(
            || {
                standing
                    .priority(id)
                    .map_or_else(String::new, |place| place.to_string())
            },
            |form| form.priority.clone(),
        ),
        priority_error: errors.of("priority").to_owned(),
    }
}

fn policy_words(limit: Option<&policy::Limit>, settings: &Settings) -> String {
    views::inherit_words(limit, settings.unit)
}

/// Saves what all members may use together.
pub async fn update_pool(
    app: Data<App>,
    by: Can<LimitDefault>,
    ctx: Ctx,
    form: Form<DefaultsForm>,
) -> Result<HttpResponse> {
    let form = form.0;
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let saved = match form.defaults(settings.unit) {
        Ok(new) => {
            let mut tx = app.db.write().await?;
            match defaults::set_pool(&mut tx, &by, &new, form.version(), app.clock.now()).await {
                Ok(()) => tx.commit().await.map(Ok)?,
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match saved {
        Ok(()) => {
            let toast = said(format!("The limits of {} as a whole were saved.", by.org().name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits#pool")))
        }
        Err(errors) => respond::page_with(422, &page_of(&app, &by, &ctx, Some(form), None, errors).await?),
    }
}

/// Saves how the organization counts.
pub async fn update_settings(
    app: Data<App>,
    by: Can<LimitDefault>,
    ctx: Ctx,
    form: Form<SettingsForm>,
) -> Result<HttpResponse> {
    let form = form.0;
    let saved = match form.edit() {
        Ok(edit) => {
            let mut tx = app.db.write().await?;
            let saved = settings::update(&mut tx, &by, edit, app.clock.now()).await;
            if saved.is_ok() {
                tx.commit().await?;
            }
            saved
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(_) => {
            let toast = said(format!("{} counts limits as you said from now on.", by.org().name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits#settings")))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &page_of(&app, &by, &ctx, None, Some(form), errors).await?)
        }
    }
}
