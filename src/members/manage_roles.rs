//! The dialog "Manage Roles": the roles that a member has, to add, remove and save (R-ROL-05).

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use serde::Deserialize;

use super::{
    assignment::{self, Assignment},
    forms::{ActForm, MemberPath},
    handlers,
    member::{self, Change, Member},
    views::role_choices,
};
use crate::{
    access::{Can, Permission, Role, permission::RoleAssign},
    app::App,
    error::{Error, Result},
    ids::RoleId,
    roles, shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Choice, Layout, Tab},
        request::Ctx,
        respond::{self, said},
    },
};

/// The roles that a member is to have.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RolesForm {
    role: String,
    additional: Vec<String>,
    version: String,
    list: String,
    to: String,
}

impl RolesForm {
    fn assignment(&self) -> Result<Assignment> {
        let role =
            Role::find(&self.role).ok_or_else(|| Error::invalid("role", "Choose one of the roles in the list."))?;
        let additional: Result<Vec<RoleId>, _> = self.additional.iter().map(|id| id.parse()).collect();
        let additional = additional.map_err(|_| Error::invalid("additional", "Choose roles from the list alone."))?;
        Ok(Assignment {
            role: Some(role),
            additional: Some(additional),
        })
    }
    fn act(&self) -> ActForm {
        ActForm::new(&self.version, &self.list, &self.to)
    }
}

/// A custom role to choose.
#[derive(Debug, Clone)]
pub struct Additional {
    /// What the form sends.
    pub value: String,
    /// Its name.
    pub label: String,
    /// What it is for, or what it permits.
    pub note: String,
    /// Whether it is chosen.
    pub selected: bool,
}

/// The dialog.
#[derive(Debug, Template)]
#[template(path = "members/roles.html", blocks = ["dialog"])]
pub struct ManageRoles {
    /// The frame.
    pub l: Layout,
    /// Whether the dialog is its own page.
    pub open: bool,
    /// The member.
    pub id: String,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where the form goes.
    pub action: String,
    /// Where Cancel leads.
    pub back: String,
    /// What the member has now.
    pub current: Vec<String>,
    /// The built-in roles.
    pub roles: Vec<Choice>,
    /// What is wrong with the choice.
    pub role_error: String,
    /// The custom roles.
    pub additional: Vec<Additional>,
    /// What is wrong with the choice.
    pub additional_error: String,
    /// Where a custom role is made; none for whom it is not offered.
    pub new_href: Option<String>,
    /// The version that the act refers to.
    pub version: i64,
}

async fn dialog(
    app: &App,
    by: &Can<RoleAssign>,
    ctx: &Ctx,
    member: &Member,
    form: Option<&RolesForm>,
    errors: &FieldErrors,
) -> Result<ManageRoles> {
    let mut db = app.db.read();
    let held = roles::held_by(&mut db, by.org().id, member.id).await?;
    let power = member.standing().power(by.org(), member.role);
    if !by.power().reaches(&power) {
        return Err(Error::forbidden(format!(
            "{} has roles that you cannot change, because they permit more than yours. Ask an Org Admin.",
            member.name
        )));
    }
    let own = by.permissions();
    let known = roles::list(&mut db, by.org().id).await?;
    let chosen = |id: RoleId| match form {
        Some(form) => form.additional.contains(&id.to_string()),
        None => held.iter().any(|one| one.id == id),
    };
    let additional: Vec<_> = known
        .into_iter()
        .filter(|role| own.covers(&role.permits()))
        .map(|role| Additional {
            value: role.id.to_string(),
            selected: chosen(role.id),
            note: if role.description.is_empty() {
                role.permits()
                    .listed()
                    .map(Permission::title)
                    .collect::<Vec<_>>()
                    .join(", ")
            } else {
                role.description
            },
            label: role.name,
        })
        .collect();
    let base = by.path(&format!("/members/{}", member.id));
    let current = std::iter::once(member.role.title().to_owned())
        .chain(held.iter().map(|one| one.name.clone()))
        .collect();
    Ok(ManageRoles {
        l: shell::org(app, ctx, by, "Manage Roles", Tab::Members).await?,
        open: !ctx.hx.on,
        id: member.id.to_string(),
        name: member.name.clone(),
        email: if by.may(Permission::MemberDetail) {
            member.email.clone()
        } else {
            String::new()
        },
        action: format!("{base}/roles"),
        back: base,
        current,
        roles: role_choices(by, form.map_or(member.role.key(), |form| &form.role)),
        role_error: errors.of("role").to_owned(),
        additional,
        additional_error: errors.of("additional").to_owned(),
        new_href: by.may(Permission::RoleManage).then(|| by.path("/roles/new")),
        version: form
            .and_then(|form| form.version.parse().ok())
            .unwrap_or(member.version),
    })
}

/// The dialog.
pub async fn edit(app: Data<App>, by: Can<RoleAssign>, at: Path<MemberPath>, ctx: Ctx) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let page = dialog(&app, &by, &ctx, &member, None, &FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Saves the roles.
pub async fn update(
    app: Data<App>,
    by: Can<RoleAssign>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<RolesForm>,
) -> Result<HttpResponse> {
    let (form, id) = (form.0, at.id()?);
    let change = Change {
        id,
        expected: form.act().version(),
    };
    let saved = match form.assignment() {
        Ok(to) => {
            let mut tx = app.db.write().await?;
            let saved = assignment::assign(&mut tx, &by, change, to, app.clock.now()).await;
            if saved.is_ok() {
                tx.commit().await?;
            }
            saved
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(member) => {
            let toast = said(format!("The roles of {} were saved.", member.name));
            handlers::row(&app, &by, &ctx, &member, toast, &form.act()).await
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let member = member::find(&mut app.db.read(), by.org().id, id).await?;
            let page = dialog(&app, &by, &ctx, &member, Some(&form), &errors).await?;
            if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            }
        }
    }
}
