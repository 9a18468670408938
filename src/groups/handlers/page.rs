//! One group: its page, what it is called, which cards it shows, and its end.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::super::{
    belonging,
    cards::{Card, Cards},
    forms::{CardsForm, ConfirmForm, GroupForm, GroupPath, PeopleQuery},
    group::{self, Edit, Profile},
    views::{Arrange, Delete, EditPage, Known, People, Show},
};
use crate::{
    access::{Can, GroupCan, GroupLead, GroupRead, Permission, permission::GroupManage},
    app::App,
    error::{Error, Result},
    groups::Group,
    keys, limits,
    members::{
        list::{self, Cursor},
        member,
    },
    orgs, shell, usage,
    web::{
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
    },
};

/// The group's page.
pub async fn show(
    app: Data<App>,
    by: GroupCan<GroupRead>,
    ctx: Ctx,
    asked: Query<PeopleQuery>,
) -> Result<HttpResponse> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let (org, id) = (by.org().id, by.group());
    let profile = group::profile(&mut db, org, id).await?;
    let shown = Cards::parse(&profile.cards).shown();
    let sees_spend = by.manages() || by.leads() || by.can().may(Permission::UsageRead);
    let sees_spend = sees_spend && shown.contains(&Card::Spend);
    if ctx.hx.on && asked.0.card == Card::Spend.key() {
        if !sees_spend {
            return Err(Error::NotFound);
        }
        let spend = usage::of_group(&mut db, by.can(), id, now).await?;
        return respond::page(&usage::views::SpendCard { spend });
    }
    let people = if shown.contains(&Card::Members) {
        Some(people_of(&app, &by, &profile, &asked.0).await?)
    } else {
        None
    };
    if ctx.hx.on {
        let l = shell::card(&app, &ctx, &profile.name);
        let page = Show::new(l, true, &by, &profile, Known::default(), people, now);
        return respond::page(&page.as_people());
    }
    let cares = by.manages() || by.leads();
    let sees_invitations = cares || by.can().may(Permission::InviteCreate);
    let known = Known {
        leads: belonging::leads(&mut db, org, id, now).await?,
        ending: match cares && shown.contains(&Card::Ending) {
            true => Some(belonging::ending(&mut db, org, id, now).await?),
            false => None,
        },
        joined: match shown.contains(&Card::Joined) {
            true => belonging::joined(&mut db, org, id, now).await?,
            false => Vec::new(),
        },
        pending: match sees_invitations && shown.contains(&Card::Invitations) {
            true => Some(belonging::pending(&mut db, org, id, now).await?),
            false => None,
        },
        limits: match (cares || limits::sees_all(by.can())) && shown.contains(&Card::Limits) {
            true => Some(limits::group_panel(&mut db, by.can(), id, &profile.name).await?),
            false => None,
        },
        spend: match sees_spend {
            true => Some(usage::of_group(&mut db, by.can(), id, now).await?),
            false => None,
        },
        keys: match (cares || by.can().may(Permission::KeyManage)) && shown.contains(&Card::Keys) {
            true => {
                let found = keys::key::list_of_group(&mut db, org, id).await?;
                Some(keys::views::GroupCard::new(by.can(), id, &found, now))
            }
            false => None,
        },
        may_invite: by.may_lead()
            && (by.can().may(Permission::InviteCreate) || orgs::leads::may_invite(&mut db, org).await?),
    };
    let l = shell::org(&app, &ctx, by.can(), &profile.name, Tab::Groups).await?;
    respond::page(&Show::new(l, false, &by, &profile, known, people, now))
}

/// One page of the group's people.
async fn people_of<D>(app: &App, by: &GroupCan<D>, profile: &Profile, asked: &PeopleQuery) -> Result<People> {
    let (org, now) = (by.org().id, app.clock.now());
    let after = Cursor::parse(&asked.after, false);
    let query = list::Query {
        groups: vec![profile.id],
        words: list::words(&asked.q),
        cursor: after.or_else(|| Cursor::parse(&asked.before, true)),
        ..list::Query::default()
    };
    let size = Group {
        id: profile.id,
        name: profile.name.clone(),
        kind: profile.kind,
        member_count: profile.member_count,
    };
    let mut db = app.db.read();
    let counts = member::counts(&mut db, org).await?;
    let found = list::find(&mut db, org, &query, &counts, &[size]).await?;
    let ids: Vec<_> = found.rows.iter().map(|row| row.id).collect();
    let standings = belonging::standings(&mut db, org, profile.id, &ids).await?;
    Ok(People::new(by, profile, &asked.q, &found, &standings, now))
}

/// The form for name, kind and description.
pub async fn edit(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx) -> Result<HttpResponse> {
    let profile = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
    let form = GroupForm {
        name: Some(profile.name.clone()),
        kind: Some(profile.kind.key().to_owned()),
        description: profile.description.clone(),
        version: String::new(),
    };
    respond::page(&edit_page(&app, &by, &ctx, &profile, &form, FieldErrors::default()).await?)
}

async fn edit_page(
    app: &App,
    by: &GroupCan<GroupLead>,
    ctx: &Ctx,
    profile: &Profile,
    form: &GroupForm,
    errors: FieldErrors,
) -> Result<EditPage> {
    let title = format!("Edit {}", profile.name);
    let l = shell::org(app, ctx, by.can(), &title, Tab::Groups).await?;
    Ok(EditPage::new(l, by, profile, form, errors))
}

/// Changes name, kind and description.
pub async fn update(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx, form: Form<GroupForm>) -> Result<HttpResponse> {
    let form = form.0;
    let present = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
    let saved = async {
        let kind = form.kind()?;
        let named = match (&form.name, kind) {
            (None, None) => None,
            (name, kind) => Some((name.as_deref().unwrap_or(&present.name), kind.unwrap_or(present.kind))),
        };
        let edit = Edit {
            named,
            description: &form.description,
            expected: form.version(),
        };
        let mut tx = app.db.write().await?;
        let profile = group::update(&mut tx, &by, &edit, app.clock.now()).await?;
        tx.commit().await?;
        Ok(profile)
    };
    match saved.await {
        Ok(profile) => {
            let href = by.path(&format!("/groups/{}", profile.id));
            Ok(respond::done_to(
                &app,
                &ctx,
                &said(format!("{} was saved.", profile.name)),
                &href,
            ))
        }
        Err(Error::Conflict(why)) => {
            let profile = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
            let entered = form;
            let form = GroupForm {
                name: Some(profile.name.clone()),
                kind: Some(profile.kind.key().to_owned()),
                description: profile.description.clone(),
                version: String::new(),
            };
            let mut page = edit_page(&app, &by, &ctx, &profile, &form, FieldErrors::default()).await?;
            page.stale(why, &entered);
            respond::page_with(409, &page)
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let page = edit_page(&app, &by, &ctx, &present, &form, errors).await?;
            respond::page_with(422, &page)
        }
    }
}

/// The form for the cards.
pub async fn cards(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx) -> Result<HttpResponse> {
    let profile = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
    let l = shell::org(&app, &ctx, by.can(), "Arrange page", Tab::Groups).await?;
    respond::page(&Arrange::new(l, &by, &profile, ""))
}

/// Chooses the cards; a step of one of them saves and stays on the form.
pub async fn arrange(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx, form: Form<CardsForm>) -> Result<HttpResponse> {
    let form = form.0;
    let mut cards = Cards::of(&form.order, &form.show);
    let step = form
        .step
        .split_once(' ')
        .and_then(|(key, way)| Some((Card::find(key)?, way == "up")));
    if let Some((card, up)) = step {
        cards = cards.moved(card, up);
    }
    let mut tx = app.db.write().await?;
    let arranged = group::arrange(&mut tx, &by, &cards, form.version.parse().ok(), app.clock.now()).await;
    match arranged {
        Ok(profile) => {
            tx.commit().await?;
            let here = by.path(&format!("/groups/{}", profile.id));
            if step.is_some() {
                return Ok(respond::redirect(&format!("{here}/cards#cards")));
            }
            let toast = said(format!("The page of {} is arranged.", profile.name));
            Ok(respond::done_to(&app, &ctx, &toast, &here))
        }
        Err(Error::Conflict(why)) => {
            drop(tx);
            let profile = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
            let l = shell::org(&app, &ctx, by.can(), "Arrange page", Tab::Groups).await?;
            respond::page_with(409, &Arrange::new(l, &by, &profile, &why))
        }
        Err(error) => Err(error),
    }
}

/// The page that says what ends with a group.
pub async fn new_deletion(app: Data<App>, by: Can<GroupManage>, at: Path<GroupPath>, ctx: Ctx) -> Result<HttpResponse> {
    let page = delete_page(&app, &by, &ctx, &at, &ConfirmForm::default(), &FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

async fn delete_page(
    app: &App,
    by: &Can<GroupManage>,
    ctx: &Ctx,
    at: &GroupPath,
    form: &ConfirmForm,
    errors: &FieldErrors,
) -> Result<Delete> {
    let (org, now) = (by.org().id, app.clock.now());
    let mut db = app.db.read();
    let profile = group::profile(&mut db, org, at.id()?).await?;
    let leads = belonging::leads(&mut db, org, profile.id, now).await?;
    let pending = belonging::pending(&mut db, org, profile.id, now).await?;
    let keys = keys::owners::count_of_group(&mut db, org, profile.id, now).await?;
    let l = shell::org(app, ctx, by, "Delete group", Tab::Groups).await?;
    let base = by.path(&format!("/groups/{}", profile.id));
    Ok(Delete::new(
        l,
        !ctx.hx.on,
        base,
        &profile,
        (leads.len(), pending.len(), keys),
        form,
        errors,
    ))
}

/// Deletes the group.
pub async fn create_deletion(
    app: Data<App>,
    by: Can<GroupManage>,
    at: Path<GroupPath>,
    ctx: Ctx,
    form: Form<ConfirmForm>,
) -> Result<HttpResponse> {
    let profile = group::profile(&mut app.db.read(), by.org().id, at.id()?).await?;
    if crate::text::fold(&form.0.confirm) != crate::text::fold(&profile.name) {
        let errors = FieldErrors::one("confirm", format!("Type {} to confirm.", profile.name));
        let page = delete_page(&app, &by, &ctx, &at, &form.0, &errors).await?;
        return if ctx.hx.on {
            respond::page_with(422, &page.as_dialog())
        } else {
            respond::page_with(422, &page)
        };
    }
    let mut tx = app.db.write().await?;
    let expected = form.0.version.parse().ok();
    let group = group::delete(&mut tx, &by, profile.id, expected, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was deleted.", group.name));
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/groups")))
}
