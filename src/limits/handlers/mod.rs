//! The pages and acts of limits.

pub mod defaults;
pub mod member;
pub mod requests;

use actix_web::{HttpResponse, web::Data};

use super::{
    defaults::{Standing, standing, without},
    forms::{DefaultsForm, SettingsForm},
    policy::{Choice, Enforcement, Limit},
    request,
    settings::{self, Settings},
    store,
    views::{Field, GroupRow, Index, OwnLine, Picks, RequestRow, day_words, sign, unit_words},
    window::Window,
};
use crate::{
    access::{Can, Permission, permission::LimitDecide},
    app::App,
    clock::Timestamp,
    error::Result,
    groups,
    members::member as people,
    shell,
    web::{form::FieldErrors, layout::Tab, request::Ctx, respond},
};

/// How many rows of one kind the page shows.
const ROWS: i64 = 50;

/// Everything about the limits of an organization.
pub async fn index(app: Data<App>, by: Can<LimitDecide>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&page_of(&app, &by, &ctx, None, None, FieldErrors::default()).await?)
}

/// The page, with a form as it was sent where there is one.
async fn page_of<P: crate::access::Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    pool: Option<DefaultsForm>,
    form: Option<SettingsForm>,
    errors: FieldErrors,
) -> Result<Index> {
    let now = app.clock.now();
    let base = by.path("");
    let org = by.org();
    let (may_set, may_default) = (by.may(Permission::LimitSet), by.may(Permission::LimitDefault));
    let mut db = app.db.read();
    let settings = settings::find(&mut db, org).await?;
    let standing = standing(&mut db, org.id).await?;
    let requests = request::list_open(&mut db, org.id, now).await?;
    let counts = people::counts(&mut db, org.id).await?;
    let facts = super::ask_facts(org.id).one(&mut db).await?;
    let without = without(&mut db, org.id, &facts, &counts).await?;
    let groups = if may_default {
        groups::list(&mut db, org.id).await?
    } else {
        Vec::new()
    };
    let raises = if may_set {
        store::list_raises(&mut db, org.id, now, ROWS).await?
    } else {
        Vec::new()
    };
    let pool = pool.unwrap_or_else(|| {
        let hard = standing
            .pools
            .first()
            .map_or(Enforcement::Hard, |limit| limit.enforcement);
        let choice = |window| Choice::of(standing.pool_of(window));
        DefaultsForm::of(choice(Window::Month), choice(Window::Day), hard, settings.version)
    });
    let form = form.unwrap_or_else(|| SettingsForm::of(&settings));
    let picks = Picks::of(&form);
    let month = settings.window(Window::Month, now);
    Ok(Index {
        l: shell::org(app, ctx, by, "Limits", Tab::Limits).await?,
        path: by.path("/limits"),
        alerts_href: by.path("/usage/alerts"),
        organization: org.name.clone(),
        without: (without.count > 0).then(|| without.words()),
        without_href: by.path("/members?limit=none"),
        requests: requests
            .iter()
            .map(|row| RequestRow::of(row, &base, &settings, now))
            .collect(),
        may_set,
        may_default,
        month: default_words(&standing, Window::Month, &settings),
        day: default_words(&standing, Window::Day, &settings),
        hard: is_hard(&standing.defaults),
        groups: groups
            .iter()
            .map(|group| GroupRow::of(group.id, &group.name, &standing, &base, &settings))
            .collect(),
        raises: raises
            .iter()
            .map(|row| OwnLine::of(row, &base, &settings, "limits"))
            .collect(),
        pool_month: Field::new(
            "monthly",
            "Monthly, all members together",
            &pool.month(),
            "None",
            &errors,
        )
        .without_unlimited(),
        pool_day: Field::new("daily", "Daily, all members together", &pool.day(), "None", &errors).without_unlimited(),
        pool_hard: pool.enforcement != Enforcement::Soft.key(),
        unit: unit_words(settings.unit),
        sign: sign(settings.unit),
        units: picks.units,
        conflicts: picks.conflicts,
        days: picks.days,
        weeks: picks.weeks,
        form,
        zone: settings.zone().name().to_owned(),
        month_ends: month.end.map_or_else(String::new, |end| day_words(end, &settings)),
        errors,
        version: settings.version,
    })
}

fn default_words(standing: &Standing, window: Window, settings: &Settings) -> String {
    standing
        .default_of(window)
        .map_or_else(|| "None".to_owned(), |limit| limit.value.show(settings.unit))
}

fn is_hard(limits: &[Limit]) -> bool {
    limits
        .first()
        .is_none_or(|limit| limit.enforcement == Enforcement::Hard)
}

/// Today in the organization's zone, as a date field holds it.
fn today(settings: &Settings, now: Timestamp) -> String {
    now.instant().to_zoned(settings.zone().tz()).date().to_string()
}
