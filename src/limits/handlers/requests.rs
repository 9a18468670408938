//! Requests for higher limits: asking, and answering.

use actix_web::{
    HttpResponse,
    web::{Data, Path, Query},
};

use super::super::{
    forms::{AnswerForm, AskFor, AskForm, RequestPath, WithdrawForm, last_day},
    policy, request,
    settings::{self, Settings},
    views::{Ask, Decision, Panel, RequestRow, day_words, sign, unit_words},
    window::Window,
};
use super::today;
use crate::{
    access::{
        Can,
        permission::{LimitDecide, LimitRequest},
    },
    app::App,
    error::{Error, Result},
    ids::LimitRequestId,
    members::member,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Choice as Pick, Tab},
        request::Ctx,
        respond::{self, said},
    },
};

/// One's own limits, what one has asked for, and the form that asks for more; whoever was refused comes with the window that refused.
pub async fn new(app: Data<App>, by: Can<LimitRequest>, ctx: Ctx, asked: Query<AskFor>) -> Result<HttpResponse> {
    let form = AskForm {
        window: asked.into_inner().window,
        ..AskForm::default()
    };
    respond::page(&ask_page(&app, &by, &ctx, &form, FieldErrors::default()).await?)
}

/// Asks for more.
pub async fn create(app: Data<App>, by: Can<LimitRequest>, ctx: Ctx, form: Form<AskForm>) -> Result<HttpResponse> {
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let asked = match form.0.ask(&settings) {
        Ok(ask) => {
            let mut tx = app.db.write().await?;
            match request::ask(&mut tx, &by, &ask, app.clock.now()).await {
                Ok(_) => tx.commit().await.map(Ok)?,
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match asked {
        Ok(()) => {
            let toast = said("Your request was sent. You get an e-mail with the answer.");
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits/request")))
        }
        Err(errors) => respond::page_with(422, &ask_page(&app, &by, &ctx, &form.0, errors).await?),
    }
}

/// Takes back what one has asked for.
pub async fn withdraw(
    app: Data<App>,
    by: Can<LimitRequest>,
    ctx: Ctx,
    form: Form<WithdrawForm>,
) -> Result<HttpResponse> {
    let window = Window::find(&form.0.window).ok_or(Error::NotFound)?;
    let mut tx = app.db.write().await?;
    request::withdraw(&mut tx, &by, window, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said("Your request was withdrawn.");
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits/request")))
}

async fn ask_page(app: &App, by: &Can<LimitRequest>, ctx: &Ctx, form: &AskForm, errors: FieldErrors) -> Result<Ask> {
    let Some(id) = by.member() else {
        return Err(Error::forbidden(
            "Only members of an organization have limits there to ask about.",
        ));
    };
    let now = app.clock.now();
    let mut db = app.db.read();
    let settings = settings::find(&mut db, by.org()).await?;
    let found = policy::effective(&mut db, by.org().id, id, settings.conflict, now).await?;
    let past = request::list_of(&mut db, by.org().id, id).await?;
    let base = by.path("");
    let can_rise = |window: &Window| found.of(*window).is_some_and(|limit| limit.value.amount().is_some());
    Ok(Ask {
        l: shell::org(app, ctx, by, "Request more", Tab::Members).await?,
        path: by.path("/limits/request"),
        back: by.path(&format!("/members/{id}")),
        organization: by.org().name.clone(),
        panel: Panel::of(&found, &settings, by.zone(), now),
        windows: Window::OFFERED
            .into_iter()
            .filter(can_rise)
            .map(|window| Pick {
                value: window.key().to_owned(),
                label: format!("{} limit", window.adjective()),
                selected: form.window == window.key(),
            })
            .collect(),
        amount: form.amount.clone(),
        until: form.until.clone(),
        today: today(&settings, now),
        reason: form.reason.clone(),
        unit: unit_words(settings.unit),
        sign: sign(settings.unit),
        past: past
            .iter()
            .map(|row| RequestRow::of(row, &base, &settings, now))
            .collect(),
        errors,
    })
}

/// One request, with the form that answers it.
pub async fn show(app: Data<App>, by: Can<LimitDecide>, at: Path<RequestPath>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&decision_page(&app, &by, &ctx, at.id()?, None, FieldErrors::default()).await?)
}

/// Grants a request.
pub async fn approve(
    app: Data<App>,
    by: Can<LimitDecide>,
    at: Path<RequestPath>,
    ctx: Ctx,
    form: Form<AnswerForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    request::find(&mut app.db.read(), by.org().id, id).await?;
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let done = match form.0.grant(&settings) {
        Ok(grant) => {
            let mut tx = app.db.write().await?;
            match request::approve(&mut tx, &by, id, &grant, app.clock.now()).await {
                Ok(request) => {
                    tx.commit().await?;
                    Ok(request)
                }
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match done {
        Ok(request) => {
            let toast = said(format!("The request of {} was approved.", request.name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits")))
        }
        Err(errors) => {
            let page = decision_page(&app, &by, &ctx, id, Some(&form.0), errors).await?;
            respond::page_with(422, &page)
        }
    }
}

/// Refuses a request.
pub async fn deny(
    app: Data<App>,
    by: Can<LimitDecide>,
    at: Path<RequestPath>,
    ctx: Ctx,
    form: Form<AnswerForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let mut tx = app.db.write().await?;
    match request::deny(&mut tx, &by, id, &form.0.answer, app.clock.now()).await {
        Ok(request) => {
            tx.commit().await?;
            let toast = said(format!("The request of {} was denied.", request.name));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/limits")))
        }
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            let page = decision_page(&app, &by, &ctx, id, Some(&form.0), errors).await?;
            respond::page_with(422, &page)
        }
    }
}

async fn decision_page(
    app: &App,
    by: &Can<LimitDecide>,
    ctx: &Ctx,
    id: LimitRequestId,
    sent: Option<&AnswerForm>,
    errors: FieldErrors,
) -> Result<Decision> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let org = by.org();
    let request = request::find(&mut db, org.id, id).await?;
    let member = member::find(&mut db, org.id, request.member_id).await?;
    let settings: Settings = settings::find(&mut db, org).await?;
    let found = policy::effective(&mut db, org.id, member.id, settings.conflict, now).await?;
    let base = by.path("");
    let is_open = request.is_open(now);
    let may_decide = request::may_decide(by, &member);
    let form = sent.cloned().unwrap_or_else(|| AnswerForm {
        amount: request.amount.field(),
        until: request
            .until
            .map_or_else(String::new, |until| last_day(until, settings.zone())),
        answer: String::new(),
    });
    Ok(Decision {
        l: shell::org(app, ctx, by, "Request for a higher limit", Tab::Limits).await?,
        back: by.path("/limits"),
        path: by.path(&format!("/limits/requests/{id}")),
        row: RequestRow::of(&request, &base, &settings, now),
        member_href: format!("{base}/members/{}", member.id),
        panel: Panel::of(&found, &settings, by.zone(), now),
        may_decide: may_decide && is_open,
        why_not: match (is_open, may_decide) {
            (true, false) => "An administrator of the organization answers this request, because the member’s role is not below yours.".to_owned(),
            _ => String::new(),
        },
        amount: form.amount,
        until: form.until,
        today: today(&settings, now),
        answer: form.answer,
        unit: unit_words(settings.unit),
        sign: sign(settings.unit),
        expires: day_words(request.expires_at, &settings),
        errors,
    })
}
