//! The list of groups, a new group, and the rule for leads.

use actix_web::{HttpResponse, web::Data};

use super::super::{
    forms::{GroupForm, RulesForm, Search},
    group::{self, Kind, NewGroup},
    list,
    views::{Index, New, Shown},
};
use crate::{
    access::{
        Can,
        permission::{GroupManage, MemberRead, OrgSettings},
        sees_all_groups,
    },
    app::App,
    error::Result,
    orgs, shell,
    web::{
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The list: every group for whoever manages them, else the groups that one belongs to.
pub async fn index(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, search: Query<Search>) -> Result<HttpResponse> {
    let now = app.clock.now();
    let all = sees_all_groups(&by);
    let own = if all { None } else { by.member() };
    let query = list::Query {
        member: own,
        ..search.0.query()
    };
    let mut db = app.db.read();
    let counts = group::counts(&mut db, by.org().id, own, now).await?;
    let found = list::find(&mut db, by.org().id, &query, now).await?;
    let leads_invite = orgs::leads::may_invite(&mut db, by.org().id).await?;
    let l = shell::org(&app, &ctx, &by, "Groups", Tab::Groups).await?;
    let page = Index::new(
        l,
        &by,
        Shown {
            partial: ctx.hx.on,
            all,
            leads_invite,
            query: &query,
            counts: &counts,
            found: &found,
        },
    );
    if ctx.hx.on {
        respond::page(&page.as_rows())
    } else {
        respond::page(&page)
    }
}

/// The dialog that makes a group.
pub async fn new(app: Data<App>, by: Can<GroupManage>, ctx: Ctx) -> Result<HttpResponse> {
    let page = new_page(&app, &by, &ctx, &GroupForm::default(), FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

async fn new_page(app: &App, by: &Can<GroupManage>, ctx: &Ctx, form: &GroupForm, errors: FieldErrors) -> Result<New> {
    let l = shell::org(app, ctx, by, "Create Group", Tab::Groups).await?;
    Ok(New::new(l, by.path("/groups"), !ctx.hx.on, form, errors))
}

/// Makes a group.
pub async fn create(app: Data<App>, by: Can<GroupManage>, ctx: Ctx, form: Form<GroupForm>) -> Result<HttpResponse> {
    let made = async {
        let name = form.0.name.as_deref().unwrap_or_default();
        let new = NewGroup {
            name,
            kind: form.0.kind()?.unwrap_or(Kind::Group),
            description: &form.0.description,
        };
        let mut tx = app.db.write().await?;
        let id = group::create_described(&mut tx, &by, &new, app.clock.now()).await?;
        tx.commit().await?;
        Ok(id)
    };
    match made.await {
        Ok(id) => {
            let mut toast = said(format!("{} was created.", form.0.name.unwrap_or_default().trim()));
            "Add its members next.".clone_into(&mut toast.detail);
            let href = by.path(&format!("/groups/{id}"));
            Ok(respond::done_to(&app, &ctx, &toast, &href))
        }
        Err(error) => {
            let page = new_page(&app, &by, &ctx, &form.0, FieldErrors::take(error)?).await?;
            if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            }
        }
    }
}

/// Says whether leads may invite into their groups.
pub async fn update_rules(
    app: Data<App>,
    by: Can<OrgSettings>,
    ctx: Ctx,
    form: Form<RulesForm>,
) -> Result<HttpResponse> {
    let on = form.0.leads_invite.is_some();
    let mut tx = app.db.write().await?;
    orgs::leads::set_may_invite(&mut tx, &by, on, app.clock.now()).await?;
    tx.commit().await?;
    let text = if on {
        "Leads may invite into their groups now."
    } else {
        "Leads no longer invite into their groups."
    };
    Ok(respond::done_to(&app, &ctx, &said(text), &by.path("/groups")))
}
