//! Bulk User Invite: paste, extract, choose, invite, read what became of each address.

use actix_web::{HttpResponse, web::Data, web::Path};
use serde::Deserialize;

use super::super::{
    bulk::{self, Candidate},
    forms::{BulkForm, terms},
    invitation,
    views::{Bulk, BulkResult, Offer, OutcomeRow},
};
use crate::{
    access::{Can, Role, permission::InviteCreate},
    app::App,
    error::{Error, Result},
    ids::BatchId,
    shell,
    web::{
        csv,
        filters::{number, plural},
        form::Form,
        layout::Tab,
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// Which confirmed paste a page is about.
#[derive(Debug, Deserialize)]
pub struct At {
    batch: BatchId,
}

async fn window(app: &App, by: &Can<InviteCreate>, ctx: &Ctx, form: &BulkForm) -> Result<Bulk> {
    let groups = bulk::groups_for(&mut app.db.read(), by, app.clock.now()).await?;
    let role = Role::find(&form.role).unwrap_or(by.org().default_role);
    Ok(Bulk {
        l: shell::org(app, ctx, by, "Bulk User Invite", Tab::Invites).await?,
        open: !ctx.hx.on,
        path: by.path("/invites"),
        text: form.text.clone(),
        text_error: String::new(),
        most: number(bulk::MOST as i64),
        extracted: false,
        heading: String::new(),
        skipped: String::new(),
        invalid: String::new(),
        candidates: Vec::new(),
        offer: Offer::new(&invitation::roles_for(by), &groups, role, &form.group, &form.until),
        submit: String::new(),
        form_error: String::new(),
    })
}

fn answer(ctx: &Ctx, status: u16, window: &Bulk) -> Result<HttpResponse> {
    if ctx.hx.on {
        page_with(status, &window.as_dialog())
    } else {
        page_with(status, window)
    }
}

/// The empty window.
pub async fn new(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx) -> Result<HttpResponse> {
    let window = window(&app, &by, &ctx, &BulkForm::default()).await?;
    answer(&ctx, 200, &window)
}

/// Extract Emails: changes nothing.
pub async fn extract(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx, form: Form<BulkForm>) -> Result<HttpResponse> {
    let mut window = window(&app, &by, &ctx, &form.0).await?;
    match preview(&app, &by, &form.0.text).await {
        Ok(found) if found.is_empty() => {
            window.text_error =
                "No e-mail address was found in this text. Paste addresses such as name@example.com.".to_owned();
            answer(&ctx, 422, &window)
        }
        Ok(found) => {
            window.found(&found, None);
            answer(&ctx, 200, &window)
        }
        Err(Error::Invalid { message, .. }) => {
            window.text_error = message;
            answer(&ctx, 422, &window)
        }
        Err(error) => Err(error),
    }
}

async fn preview(app: &App, by: &Can<InviteCreate>, text: &str) -> Result<Vec<Candidate>> {
    bulk::preview(&mut app.db.read(), by, text, app.clock.now()).await
}

/// Invite N Users +.
pub async fn create(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx, form: Form<BulkForm>) -> Result<HttpResponse> {
    app.ceilings.invite(by.org().id.raw())?;
    let now = app.clock.now();
    let invited = async {
        let terms = terms(by.org(), &form.0.role, &form.0.group, &form.0.until)?;
        let mut tx = app.db.write().await?;
        let batch = bulk::invite_many(&mut tx, &by, &app.desk(), &form.0.text, &form.0.email, &terms, now).await?;
        tx.commit().await?;
        Ok(batch)
    };
    match invited.await {
        Ok(batch) => {
            let toast = said(format!("{} invited", plural(batch.invited, "person is", "people are")));
            Ok(done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/invites/bulk/{}", batch.id)),
            ))
        }
        Err(Error::Invalid { field, message }) => again(&app, &by, &ctx, &form.0, 422, field, message).await,
        Err(Error::Conflict(message)) => again(&app, &by, &ctx, &form.0, 409, "form", message).await,
        Err(error) => Err(error),
    }
}

/// The window again with what was typed and ticked.
async fn again(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    form: &BulkForm,
    status: u16,
    field: &str,
    message: String,
) -> Result<HttpResponse> {
    let mut window = window(app, by, ctx, form).await?;
    if field == "text" {
        window.text_error = message;
    } else {
        window.form_error = message;
        let found = preview(app, by, &form.text).await.unwrap_or_default();
        window.found(&found, Some(&form.email));
    }
    answer(ctx, status, &window)
}

/// What became of each address.
pub async fn show(app: Data<App>, by: Can<InviteCreate>, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    const SHOWN: i64 = 500;
    let (batch, items) = bulk::find(&mut app.db.read(), &by, at.batch, SHOWN).await?;
    let path = by.path("/invites");
    let left = batch.total - items.len() as i64;
    let fails = batch.invited < batch.total;
    page(&BulkResult {
        l: shell::org(&app, &ctx, &by, "Bulk User Invite", Tab::Invites).await?,
        summary: format!(
            "{} of {} invited as {}",
            number(batch.invited),
            plural(batch.total, "address", "addresses"),
            batch.role.title()
        ),
        failures_href: fails.then(|| format!("{path}/bulk/{}/failures.csv", batch.id)),
        rows: items.iter().map(OutcomeRow::from).collect(),
        more: if left > 0 {
            format!("And {} more that were invited.", number(left))
        } else {
            String::new()
        },
        path,
    })
}

/// The addresses that were not invited, as a file.
pub async fn failures(app: Data<App>, by: Can<InviteCreate>, at: Path<At>) -> Result<HttpResponse> {
    let items = bulk::failures(&mut app.db.read(), &by, at.batch).await?;
    let lines = items.iter().map(|item| {
        let row = OutcomeRow::from(item);
        vec![row.email, row.outcome.to_owned(), row.reason]
    });
    csv::download("not-invited.csv", &["Email", "Outcome", "Reason"], lines)
}
