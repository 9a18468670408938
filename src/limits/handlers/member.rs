//! "Set Usage Limit": the dialog, its saving, and the list of members with limits of their own.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::super::{
    forms::{self, EndForm, From, LimitForm, OwnQuery, Typed},
    policy::{self, Choice, Effective, Enforcement},
    settings::{self, Settings},
    store,
    views::{Dialog, Field, Members, OwnLine, Panel, inherit_words, sign, unit_words},
    window::Window,
};
use super::today;
use crate::{
    access::{Can, permission::LimitSet},
    app::App,
    error::Result,
    members::{self, Change, Member, MemberPath, member},
    shell,
    web::{
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// How many members a page of the list shows.
const PAGE: usize = 50;

/// The dialog.
pub async fn edit(
    app: Data<App>,
    by: Can<LimitSet>,
    at: Path<MemberPath>,
    ctx: Ctx,
    from: Query<From>,
) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let page = dialog(&app, &by, &ctx, &member, from.0, None, FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Saves the dialog.
pub async fn update(
    app: Data<App>,
    by: Can<LimitSet>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<LimitForm>,
) -> Result<HttpResponse> {
    let form = form.0;
    let change = Change {
        id: at.id()?,
        expected: form.version(),
    };
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let saved = match form.wish(&settings) {
        Ok(wish) => {
            let mut tx = app.db.write().await?;
            match policy::set(&mut tx, &by, change, &wish, app.clock.now()).await {
                Ok(member) => {
                    tx.commit().await?;
                    Ok(member)
                }
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    let member = match saved {
        Ok(member) => member,
        Err(errors) => {
            let member = member::find(&mut app.db.read(), by.org().id, change.id).await?;
            let page = dialog(&app, &by, &ctx, &member, form.from(), Some(&form), errors).await?;
            return if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            };
        }
    };
    let way_on = form.from().way_on(&by.path(""), &member.id.to_string());
    let toast = said(format!("The limit of {} was saved.", member.name));
    if ctx.hx.on {
        let fragment = members::fragment(&app, &by, &member).await?;
        return respond::done(&app, &ctx, &fragment, toast, &way_on);
    }
    Ok(respond::done_to(&app, &ctx, &toast, &way_on))
}

/// Ends a limit that has an end date, now.
pub async fn destroy_raise(
    app: Data<App>,
    by: Can<LimitSet>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<EndForm>,
) -> Result<HttpResponse> {
    let change = Change {
        id: at.id()?,
        expected: form.0.version.parse().ok(),
    };
    let mut tx = app.db.write().await?;
    let member = policy::end_raises(&mut tx, &by, change, app.clock.now()).await?;
    tx.commit().await?;
    let from = From {
        to: form.0.to,
        list: form.0.list,
    };
    let toast = said(format!("The temporary limit of {} has ended.", member.name));
    let way_on = from.way_on(&by.path(""), &member.id.to_string());
    Ok(respond::done_to(&app, &ctx, &toast, &way_on))
}

/// The members with limits of their own.
pub async fn index(app: Data<App>, by: Can<LimitSet>, ctx: Ctx, query: Query<OwnQuery>) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    let mut rows = store::list_own(&mut db, by.org().id, query.0.after(), PAGE as i64 + 1).await?;
    let mut people: Vec<_> = rows.iter().map(|row| row.id).collect();
    people.dedup();
    let more = people.len() > PAGE;
    people.truncate(PAGE);
    rows.retain(|row| people.contains(&row.id));
    let path = by.path("/limits/members");
    let base = by.path("");
    let next = people
        .last()
        .filter(|_| more)
        .map(|last| format!("{path}?after={last}"));
    respond::page(&Members {
        l: shell::org(&app, &ctx, &by, "Members with own limits", Tab::Limits).await?,
        back: by.path("/limits"),
        rows: rows
            .iter()
            .map(|row| OwnLine::of(row, &base, &settings, "own"))
            .collect(),
        next,
        range: crate::web::filters::plural(people.len() as i64, "member", "members"),
    })
}

async fn dialog(
    app: &App,
    by: &Can<LimitSet>,
    ctx: &Ctx,
    member: &Member,
    from: From,
    sent: Option<&LimitForm>,
    errors: FieldErrors,
) -> Result<Dialog> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    let found = policy::effective(&mut db, by.org().id, member.id, settings.conflict, now).await?;
    let base = by.path("");
    let href = format!("{base}/members/{}", member.id);
    let form = match sent {
        Some(form) => form.clone(),
        None => as_it_stands(&found, &settings),
    };
    let mut month = Field::new(
        "monthly",
        "Monthly limit",
        &form.month(),
        &inherit_words(found.inherited(Window::Month), settings.unit),
        &errors,
    );
    month.focus = month.focus || errors.is_empty();
    let panel = Panel::of(&found, &settings, by.zone(), now);
    Ok(Dialog {
        l: shell::org(app, ctx, by, "Set Usage Limit", Tab::Members).await?,
        open: !ctx.hx.on,
        id: member.id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        action: format!("{href}/limit"),
        back: from.way_on(&base, &member.id.to_string()),
        to: from.to,
        list: from.list,
        month,
        day: Field::new(
            "daily",
            "Daily limit",
            &form.day(),
            &inherit_words(found.inherited(Window::Day), settings.unit),
            &errors,
        ),
        unit: unit_words(settings.unit),
        sign: sign(settings.unit),
        hard: form.enforcement != Enforcement::Soft.key(),
        until: form.until.clone(),
        today: today(&settings, now),
        note: form.note.clone(),
        errors,
        now: panel.rows,
        zone: panel.zone,
        end_action: (!found.raises.is_empty()).then(|| format!("{href}/limit/raise/end")),
        version: form.version().unwrap_or(member.version),
    })
}

/// The form of what counts: a limit with an end date where there is one, else what stands.
fn as_it_stands(found: &Effective, settings: &Settings) -> LimitForm {
    let shown = |window| found.raise(window).or_else(|| found.own(window));
    let month = Typed::of(Choice::of(shown(Window::Month)));
    let day = Typed::of(Choice::of(shown(Window::Day)));
    let first = shown(Window::Month).or_else(|| shown(Window::Day));
    let inherited = found
        .limits
        .first()
        .map_or(Enforcement::Hard, |limit| limit.enforcement);
    LimitForm {
        monthly_mode: month.mode,
        monthly: month.text,
        monthly_was: month.was,
        daily_mode: day.mode,
        daily: day.text,
        daily_was: day.was,
        enforcement: first.map_or(inherited, |limit| limit.enforcement).key().to_owned(),
        until: found
            .raises
            .first()
            .and_then(|raise| raise.until)
            .map_or_else(String::new, |until| forms::last_day(until, settings.zone())),
        note: first.map_or_else(String::new, |limit| limit.note.clone()),
        ..LimitForm::default()
    }
}
