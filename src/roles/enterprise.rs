//! The page of the roles over the enterprise, and of the permissions that every organization's roles can have.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    forms::{AccountPath, GrantForm, HostForm, RevocationForm},
    host, overseer,
    views::{Enterprise, EnterpriseRoleView, HostRow, OverseerRow},
};
use crate::{
    access::{
        EnterpriseCan, EnterpriseRole, Permission,
        permission::{EnterpriseRead, EnterpriseRoles, Right},
    },
    app::App,
    error::Result,
    shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Choice, EnterpriseTab, hue, initials},
        request::Ctx,
        respond::{self, said},
    },
};

const PATH: &str = "/e/roles";

async fn page_of<P: Right>(
    app: &App,
    by: &EnterpriseCan<P>,
    ctx: &Ctx,
    grant: GrantForm,
    host: HostForm,
    errors: FieldErrors,
) -> Result<Enterprise> {
    let mut db = app.db.read();
    let overseers = overseer::list(&mut db).await?;
    let added = host::list_shared(&mut db).await?;
    let may_manage = by.may(Permission::EnterpriseRoles);
    let own = by.person().map(|person| person.id);
    let of = |role: EnterpriseRole| {
        let holders = overseers.iter().filter(|one| one.enterprise_role == role);
        let rows = holders.map(|one| OverseerRow {
            id: one.id.to_string(),
            name: one.name.clone(),
            email: one.email.clone(),
            initials: initials(&one.name),
            hue: hue(one.id.raw()),
            note: match (Some(one.id) == own, one.state) {
                (true, _) => "You",
                (false, 1) => "",
                (false, _) => "Account disabled",
            },
            may_revoke: may_manage && Some(one.id) != own,
            version: one.version,
        });
        EnterpriseRoleView::of(role, rows.collect())
    };
    Ok(Enterprise {
        l: shell::enterprise(app, ctx, by, "Roles", EnterpriseTab::Roles).await?,
        roles: EnterpriseRole::ALL.map(of).to_vec(),
        may_manage,
        choices: EnterpriseRole::ALL
            .into_iter()
            .rev()
            .map(|role| Choice {
                value: role.key().to_owned(),
                label: role.title().to_owned(),
                selected: role.key() == grant.role,
            })
            .collect(),
        grant,
        added: added
            .into_iter()
            .map(|host| HostRow {
                key: host.key,
                title: host.title,
                may_remove: may_manage,
            })
            .collect(),
        host,
        errors,
    })
}

/// Who has a role over the enterprise, and what each may see.
pub async fn index(app: Data<App>, by: EnterpriseCan<EnterpriseRead>, ctx: Ctx) -> Result<HttpResponse> {
    let (grant, host) = (GrantForm::default(), HostForm::default());
    respond::page(&page_of(&app, &by, &ctx, grant, host, FieldErrors::default()).await?)
}

/// Gives an account a role over the enterprise.
pub async fn create(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRoles>,
    ctx: Ctx,
    form: Form<GrantForm>,
) -> Result<HttpResponse> {
    let granted = match form.0.role() {
        Ok(role) => {
            let mut tx = app.db.write().await?;
            let granted = overseer::grant(&mut tx, &by, &form.0.email, role, app.clock.now()).await;
            if granted.is_ok() {
                tx.commit().await?;
            }
            granted.map(|account| (account, role))
        }
        Err(error) => Err(error),
    };
    match granted {
        Ok((account, role)) => {
            let toast = said(format!("{} is {} now.", account.name, role.title()));
            Ok(respond::done_to(&app, &ctx, &toast, PATH))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let page = page_of(&app, &by, &ctx, form.0, HostForm::default(), errors).await?;
            respond::page_with(422, &page)
        }
    }
}

/// Takes a role over the enterprise from an account.
pub async fn destroy(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRoles>,
    at: Path<AccountPath>,
    ctx: Ctx,
    form: Form<RevocationForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let account = overseer::revoke(&mut tx, &by, at.id()?, form.0.version(), app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} has no role over the enterprise any more.", account.name));
    Ok(respond::done_to(&app, &ctx, &toast, PATH))
}

/// Adds a permission to every organization's catalogue.
pub async fn create_permission(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRoles>,
    ctx: Ctx,
    form: Form<HostForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    match host::add_shared(&mut tx, &by, &form.0.key, &form.0.title, app.clock.now()).await {
        Ok(()) => {
            tx.commit().await?;
            let toast = said(format!("{} was added to the catalogue.", form.0.key.trim()));
            Ok(respond::done_to(&app, &ctx, &toast, PATH))
        }
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            let page = page_of(&app, &by, &ctx, GrantForm::default(), form.0, errors).await?;
            respond::page_with(422, &page)
        }
    }
}

/// Takes a permission out of every organization's catalogue.
pub async fn destroy_permission(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRoles>,
    ctx: Ctx,
    form: Form<HostForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    host::remove_shared(&mut tx, &by, &form.0.key, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was taken out of the catalogue.", form.0.key));
    Ok(respond::done_to(&app, &ctx, &toast, PATH))
}
