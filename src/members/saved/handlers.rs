//! The page of saved views, and what is done there.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use askama::Template;
use serde::Deserialize;

use super::{NewView, Saved};
use crate::{
    access::{Can, Permission, permission::MemberRead},
    app::App,
    error::{Error, Result},
    ids::ViewId,
    members, shell,
    web::{
        form::{FieldErrors, Form},
        layout::{Layout, Tab},
        request::Ctx,
        respond::{self, said},
    },
};

/// The address of a view.
#[derive(Debug, Clone, Deserialize)]
pub struct ViewPath {
    view: String,
}

impl ViewPath {
    fn id(&self) -> Result<ViewId> {
        self.view.parse().map_err(|_| Error::NotFound)
    }
}

/// A view to be saved or changed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ViewForm {
    name: String,
    list: String,
    shared: String,
}

/// Whether the list is to begin with a view.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct DefaultForm {
    on: String,
}

/// One view of the page.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it shows.
    pub href: String,
    /// Whether everyone sees it.
    pub shared: bool,
    /// Whether the list begins with it.
    pub is_default: bool,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// What is wrong with its new name.
    pub error: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "members/views.html")]
pub struct Views {
    /// The frame.
    pub l: Layout,
    /// The list.
    pub members_href: String,
    /// This page.
    pub path: String,
    /// The list's address that is to be saved.
    pub list: String,
    /// What it shows, in words.
    pub shows: String,
    /// The name that was typed.
    pub name: String,
    /// Whether everyone is to see it.
    pub shared: bool,
    /// Whether the viewer may save views for everyone.
    pub may_share: bool,
    /// What is wrong.
    pub errors: FieldErrors,
    /// The views.
    pub views: Vec<Line>,
}

async fn page(
    app: &App,
    by: &Can<MemberRead>,
    ctx: &Ctx,
    form: &ViewForm,
    errors: FieldErrors,
    about: Option<ViewId>,
) -> Result<Views> {
    let saved = super::list(&mut app.db.read(), by).await?;
    let members_href = by.path("/members");
    let list = members::picks::Picks {
        list: form.list.clone(),
        ..members::picks::Picks::default()
    }
    .list();
    let of_new = if about.is_none() {
        errors.clone()
    } else {
        FieldErrors::default()
    };
    Ok(Views {
        l: shell::org(app, ctx, by, "Saved views", Tab::Members).await?,
        path: by.path("/views"),
        shows: in_words(&list),
        list,
        name: if about.is_none() {
            form.name.clone()
        } else {
            String::new()
        },
        shared: about.is_none() && !form.shared.is_empty(),
        may_share: by.may(Permission::OrgSettings),
        errors: of_new,
        views: saved
            .iter()
            .map(|view| Line {
                id: view.id.to_string(),
                name: if about == Some(view.id) {
                    form.name.clone()
                } else {
                    view.name.clone()
                },
                href: members::with(
                    &members_href,
                    if view.query.is_empty() { "view=all" } else { &view.query },
                ),
                shared: view.shared,
                is_default: view.is_default,
                may_change: super::may_change(by, view),
                error: if about == Some(view.id) {
                    errors.of("name").to_owned()
                } else {
                    String::new()
                },
            })
            .collect(),
        members_href,
    })
}

/// What a list shows, in words: "Role viewer, sorted by name".
fn in_words(list: &str) -> String {
    let (query, typed) = members::picks::asked(list);
    let mut parts = Vec::new();
    if !typed.trim().is_empty() {
        parts.push(format!("search “{}”", typed.trim()));
    }
    if let Some(status) = query.status {
        parts.push(format!("status {}", status.title()));
    }
    if !query.roles.is_empty() {
        let roles: Vec<&str> = query.roles.iter().map(|role| role.title()).collect();
        parts.push(format!("role {}", roles.join(" or ")));
    }
    if !query.groups.is_empty() {
        parts.push(crate::web::filters::plural(
            query.groups.len() as i64,
            "group",
            "groups",
        ));
    }
    if query.limitless.is_some() {
        parts.push("no limit".to_owned());
    }
    parts.push(members::order_in_words(query.order).to_owned());
    parts.join(", ")
}

/// The page of saved views, with the form that saves the list one comes from.
pub async fn index(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, raw: actix_web::HttpRequest) -> Result<HttpResponse> {
    let form = ViewForm {
        list: raw.query_string().to_owned(),
        ..ViewForm::default()
    };
    respond::page(&page(&app, &by, &ctx, &form, FieldErrors::default(), None).await?)
}

/// Saves a view.
pub async fn create(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, form: Form<ViewForm>) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let new = NewView {
        name: &form.0.name,
        list: &form.0.list,
        shared: !form.0.shared.is_empty(),
    };
    match super::create(&mut tx, &by, &new, app.clock.now()).await {
        Ok(view) => {
            tx.commit().await?;
            Ok(respond::done_to(
                &app,
                &ctx,
                &said(format!("The view {} is saved.", view.name)),
                &way_on(&by, &view),
            ))
        }
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &page(&app, &by, &ctx, &form.0, errors, None).await?)
        }
    }
}

fn way_on<P>(by: &Can<P>, view: &Saved) -> String {
    members::with(
        &by.path("/members"),
        if view.query.is_empty() { "view=all" } else { &view.query },
    )
}

/// Renames a view, or shares it.
pub async fn update(
    app: Data<App>,
    by: Can<MemberRead>,
    at: Path<ViewPath>,
    ctx: Ctx,
    form: Form<ViewForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let mut tx = app.db.write().await?;
    let shared = !form.0.shared.is_empty();
    match super::update(&mut tx, &by, id, &form.0.name, shared, app.clock.now()).await {
        Ok(view) => {
            tx.commit().await?;
            Ok(respond::done_to(
                &app,
                &ctx,
                &said(format!("The view {} is saved.", view.name)),
                &by.path("/views"),
            ))
        }
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &page(&app, &by, &ctx, &form.0, errors, Some(id)).await?)
        }
    }
}

/// Deletes a view.
pub async fn destroy(app: Data<App>, by: Can<MemberRead>, at: Path<ViewPath>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let view = super::delete(&mut tx, &by, at.id()?, app.clock.now()).await?;
    tx.commit().await?;
    Ok(respond::done_to(
        &app,
        &ctx,
        &said(format!("The view {} is deleted.", view.name)),
        &by.path("/views"),
    ))
}

/// Lets the list begin with a view, or with everyone again.
pub async fn set_default(
    app: Data<App>,
    by: Can<MemberRead>,
    at: Path<ViewPath>,
    ctx: Ctx,
    form: Form<DefaultForm>,
) -> Result<HttpResponse> {
    let on = form.0.on != "no";
    let mut tx = app.db.write().await?;
    let view = super::set_default(&mut tx, &by, at.id()?, on).await?;
    tx.commit().await?;
    let text = if on {
        format!("Members begins with {} now.", view.name)
    } else {
        "Members begins with everyone now.".to_owned()
    };
    Ok(respond::done_to(&app, &ctx, &said(text), &by.path("/views")))
}
