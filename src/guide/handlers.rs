//! The page of getting started, its card on the members page, and help.

use actix_web::{HttpResponse, web::Data};

use super::{
    checklist::{self, Facts},
    store,
    views::{Card, GettingStarted, Help, StepView},
};
use crate::{
    access::{Can, Permission, Right, SignedIn, permission::MemberRead},
    app::App,
    db::Ask,
    error::Result,
    ids::{OrgId, UserId},
    orgs::training::{Resource, parse_stored},
    shell,
    web::{
        layout::{Tab, Undo},
        request::Ctx,
        respond::{done_to, page, said},
    },
};

const PATH: &str = "/getting-started";

fn steps<P: Right>(app: &App, by: &Can<P>, facts: &Facts) -> Vec<StepView> {
    if !by.may(Permission::OrgSettings) {
        return Vec::new(); // the checklist is of those who run the organization
    }
    let base = by.path("");
    checklist::steps(&app.table, |permission| by.may(permission))
        .map(|step| StepView::of(step, facts, &base))
        .collect()
}

fn resources(facts: &Facts) -> Result<Vec<Resource>> {
    facts.resources.as_deref().map_or_else(|| Ok(Vec::new()), parse_stored)
}

/// Asks for the facts of [`card`].
pub fn ask<P>(by: &Can<P>) -> Ask<(OrgId, UserId), Facts> {
    store::ask_facts(by.org().id, by.user_id())
}

/// The card of the members page; none when it was put away, or when nothing is left to do and to learn.
pub fn card<P: Right>(app: &App, by: &Can<P>, facts: &Facts) -> Result<Option<Card>> {
    if facts.dismissed {
        return Ok(None);
    }
    let mut steps = steps(app, by, facts);
    let done = steps.iter().filter(|step| step.done).count();
    if done == steps.len() {
        steps.clear();
    }
    let resources = resources(facts)?;
    if steps.is_empty() && resources.is_empty() {
        return Ok(None);
    }
    Ok(Some(Card {
        next: steps.iter().find(|step| !step.done).cloned(),
        steps,
        done,
        resources,
        href: by.path(PATH),
        dismiss: by.path("/getting-started/dismissal"),
    }))
}

/// The steps with their good practice, and what one can learn from.
pub async fn show(app: Data<App>, by: Can<MemberRead>, ctx: Ctx) -> Result<HttpResponse> {
    let facts = ask(&by).one(&mut app.db.read()).await?;
    let steps = steps(&app, &by, &facts);
    page(&GettingStarted {
        l: shell::org(&app, &ctx, &by, "Getting started", Tab::Members).await?,
        organization: by.org().name.clone(),
        done: steps.iter().filter(|step| step.done).count(),
        steps,
        resources: resources(&facts)?,
        support_contact: by.org().support_contact.clone(),
        training_href: by.may(Permission::OrgSettings).then(|| by.path("/settings#training")),
        dismissed: facts.dismissed,
        dismiss: by.path("/getting-started/dismissal"),
    })
}

/// Puts the card away, for this person in this organization.
pub async fn create_dismissal(app: Data<App>, by: Can<MemberRead>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    store::dismiss(&mut tx, by.org().id, by.user_id()).await?;
    tx.commit().await?;
    let mut toast = said("Getting started was put away. You find it under Help.");
    toast.undo = Some(Undo {
        label: "Undo".to_owned(),
        action: by.path("/getting-started/dismissal/end"),
    });
    Ok(done_to(&app, &ctx, &toast, &by.path("/members")))
}

/// Calls the card back.
pub async fn destroy_dismissal(app: Data<App>, by: Can<MemberRead>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    store::recall(&mut tx, by.org().id, by.user_id()).await?;
    tx.commit().await?;
    let toast = said("Getting started is shown on Members again.");
    Ok(done_to(&app, &ctx, &toast, &by.path("/members")))
}

/// Good practice, in the product's own words.
pub async fn help(app: Data<App>, me: SignedIn, ctx: Ctx) -> Result<HttpResponse> {
    let l = shell::personal(&app, &ctx, &me.person, "Help").await?;
    let home = l.person.as_ref().and_then(|person| person.manage_href.clone());
    page(&Help {
        l,
        start_href: home.map(|href| href.replace("/members", PATH)),
    })
}
