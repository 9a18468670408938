//! Inviting into one group, from its page.

use actix_web::{HttpResponse, web::Data};
use serde::Deserialize;

use super::super::{leads, views::IntoGroup};
use crate::{
    access::{GroupCan, GroupLead, Role},
    app::App,
    error::{Error, Result},
    groups::{belonging, group},
    invitations::addresses::Address,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Choice, Tab, Toast},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// One person, and as what.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct IntoForm {
    email: String,
    role: String,
}

/// The form, and who is invited already.
pub async fn new(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx) -> Result<HttpResponse> {
    page(&build(&app, &by, &ctx, &IntoForm::default(), FieldErrors::default()).await?)
}

async fn build(
    app: &App,
    by: &GroupCan<GroupLead>,
    ctx: &Ctx,
    form: &IntoForm,
    errors: FieldErrors,
) -> Result<IntoGroup> {
    let mut db = app.db.read();
    let (org, now) = (by.org(), app.clock.now());
    let profile = group::profile(&mut db, org.id, by.group()).await?;
    let roles = leads::roles_into(&mut db, by).await?;
    let chosen = Role::find(&form.role).unwrap_or(Role::Member);
    let pending = belonging::pending(&mut db, org.id, profile.id, now).await?;
    let l = shell::org(app, ctx, by.can(), "Invite into group", Tab::Groups).await?;
    let list_href = by.path("/groups");
    Ok(IntoGroup {
        l,
        href: format!("{list_href}/{}", profile.id),
        list_href,
        group: profile.name,
        email: form.email.clone(),
        roles: roles
            .into_iter()
            .map(|role| Choice {
                value: role.key().to_owned(),
                label: role.title().to_owned(),
                selected: role == chosen,
            })
            .collect(),
        errors,
        pending: IntoGroup::rows(&pending, org, now),
    })
}

/// Invites.
pub async fn create(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx, form: Form<IntoForm>) -> Result<HttpResponse> {
    app.ceilings.invite(by.org().id.raw())?;
    let invited = async {
        let address = Address::parse(&form.0.email).map_err(|refusal| Error::invalid("email", refusal.to_string()))?;
        let unknown = || Error::invalid("role", "Choose a role from the list.");
        let role = Role::find(&form.0.role).ok_or_else(unknown)?;
        let mut tx = app.db.write().await?;
        let made = leads::invite_into(&mut tx, &by, &app.desk(), &address, role, app.clock.now()).await?;
        tx.commit().await?;
        Ok(made)
    };
    match invited.await {
        Ok(made) => {
            let toast = if app.sender.post.is_some() {
                said(format!("Invitation sent to {}", made.email))
            } else {
                Toast {
                    detail: "E-mail is not set up. Whoever sees Manage Invites can copy the link.".to_owned(),
                    ..said(format!("{} is invited", made.email))
                }
            };
            let href = by.path(&format!("/groups/{}/invitations", by.group()));
            Ok(done_to(&app, &ctx, &toast, &href))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            page_with(422, &build(&app, &by, &ctx, &form.0, errors).await?)
        }
    }
}
