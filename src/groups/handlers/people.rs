//! The people of one group: who is added, who leads, until when, and who leaves.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::super::{
    belonging::{self, EXTENSION, Standing},
    forms::{self, ActForm, AddForm, EndForm, GroupPath, JoinForm, MemberPath, PeopleQuery, RestoreQuery},
    group,
    views::{Add, Candidates, End, day, last_day},
};
use crate::{
    access::{Can, GroupCan, GroupLead, Permission, permission::GroupManage},
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    ids::{GroupId, MemberId},
    members::{
        list::{self, Cursor},
        member,
    },
    shell,
    web::{
        filters::plural,
        form::{FieldErrors, Form, Query},
        layout::{Tab, Toast, Undo},
        list::href,
        request::Ctx,
        respond::{self, said},
    },
};

/// Whom one may put into the group.
pub async fn new(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx, asked: Query<PeopleQuery>) -> Result<HttpResponse> {
    let page = add_page(&app, &by, &ctx, &asked.0, FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_people())
    } else {
        respond::page(&page)
    }
}

async fn add_page(
    app: &App,
    by: &GroupCan<GroupLead>,
    ctx: &Ctx,
    asked: &PeopleQuery,
    errors: FieldErrors,
) -> Result<Add> {
    let (org, now) = (by.org().id, app.clock.now());
    let mut db = app.db.read();
    let profile = group::profile(&mut db, org, by.group()).await?;
    let after = Cursor::parse(&asked.after, false);
    let query = list::Query {
        words: list::words(&asked.q),
        cursor: after.or_else(|| Cursor::parse(&asked.before, true)),
        ..list::Query::default()
    };
    let counts = member::counts(&mut db, org).await?;
    let mut found = list::find(&mut db, org, &query, &counts, &[]).await?;
    let names_only = !by.can().may(Permission::MemberDetail);
    if names_only {
        // Whoever may not see addresses may not find by them either.
        found.rows.retain(|row| list::has_words(&row.name, &query.words));
    }
    let mut ids: Vec<MemberId> = forms::members(&asked.member).unwrap_or_default();
    ids.retain(|id| id.org() == org);
    ids.truncate(500);
    let chosen = ids.clone();
    ids.extend(found.rows.iter().map(|row| row.id));
    let standings = belonging::standings(&mut db, org, profile.id, &ids).await?;
    let l = shell::org(app, ctx, by.can(), "Add members", Tab::Groups).await?;
    let candidates = Candidates {
        found: &found,
        standings: &standings,
        chosen: &chosen,
        names_only,
    };
    Ok(Add::new(l, by, &profile, asked, &candidates, errors, now))
}

/// Puts the chosen people into the group.
pub async fn create(app: Data<App>, by: GroupCan<GroupLead>, ctx: Ctx, form: Form<AddForm>) -> Result<HttpResponse> {
    let now = app.clock.now();
    let added = async {
        let members = forms::members(&form.0.member)?;
        if members.is_empty() {
            return Err(Error::invalid("member", "Choose at least one person."));
        }
        let until = forms::end_of_day(&form.0.until, &by.org().zone)?;
        let mut tx = app.db.write().await?;
        let profile = group::profile(&mut tx, by.org().id, by.group()).await?;
        let count = belonging::add(&mut tx, &by, &members, until, now).await?;
        tx.commit().await?;
        Ok((count, profile))
    };
    match added.await {
        Ok((count, profile)) => {
            let who = plural(count as i64, "person was", "people were");
            let toast = said(format!("{who} added to {}.", profile.name));
            Ok(respond::done_to(&app, &ctx, &toast, &home(&by)))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let asked = PeopleQuery {
                member: form.0.member,
                until: form.0.until,
                ..PeopleQuery::default()
            };
            let page = add_page(&app, &by, &ctx, &asked, errors).await?;
            respond::page_with(422, &page)
        }
    }
}

/// The group's page.
fn home<D>(by: &GroupCan<D>) -> String {
    by.path(&format!("/groups/{}", by.group()))
}

/// The page to return to: the person's, or the group's.
fn way_on<D>(by: &GroupCan<D>, form: &ActForm, member: MemberId) -> String {
    if form.to == "member" {
        by.path(&format!("/members/{member}"))
    } else {
        home(by)
    }
}

/// The dialog for the end of a time in the group.
pub async fn edit_end(app: Data<App>, by: GroupCan<GroupLead>, at: Path<MemberPath>, ctx: Ctx) -> Result<HttpResponse> {
    let standing = belonging::find(&mut app.db.read(), &by, at.id()?, app.clock.now()).await?;
    let typed = standing
        .expires_at
        .map_or_else(String::new, |end| day(end, &by.org().zone));
    let page = end_page(&app, &by, &ctx, &standing, typed, &FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

async fn end_page(
    app: &App,
    by: &GroupCan<GroupLead>,
    ctx: &Ctx,
    standing: &Standing,
    typed: String,
    errors: &FieldErrors,
) -> Result<End> {
    let profile = group::profile(&mut app.db.read(), by.org().id, by.group()).await?;
    let l = shell::org(app, ctx, by.can(), "Set end date", Tab::Groups).await?;
    Ok(End {
        l,
        open: !ctx.hx.on,
        name: standing.name.clone(),
        group: profile.name,
        action: format!("{}/members/{}/end", home(by), standing.id),
        back: home(by),
        zone: by.org().zone.name().to_owned(),
        until: typed,
        error: errors.of("until").to_owned(),
    })
}

/// Sets the end of a time in the group.
pub async fn update_end(
    app: Data<App>,
    by: GroupCan<GroupLead>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<EndForm>,
) -> Result<HttpResponse> {
    let (member, now) = (at.id()?, app.clock.now());
    let changed = async {
        let until = forms::end_of_day(&form.0.until, &by.org().zone)?;
        let mut tx = app.db.write().await?;
        let standing = belonging::set_end(&mut tx, &by, member, until, now).await?;
        tx.commit().await?;
        Ok(standing)
    };
    match changed.await {
        Ok(standing) => Ok(respond::done_to(&app, &ctx, &lasts(&by, &standing), &home(&by))),
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let standing = belonging::find(&mut app.db.read(), &by, member, now).await?;
            let page = end_page(&app, &by, &ctx, &standing, form.0.until, &errors).await?;
            if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            }
        }
    }
}

fn lasts<D>(by: &GroupCan<D>, standing: &Standing) -> Toast {
    let name = &standing.name;
    said(match standing.expires_at {
        Some(end) => format!("{name} is in the group until {}.", last_day(end, &by.org().zone)),
        None => format!("{name} is in the group without an end date."),
    })
}

/// Extends a time in the group.
pub async fn create_extension(
    app: Data<App>,
    by: GroupCan<GroupLead>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let member = at.id()?;
    let mut tx = app.db.write().await?;
    let standing = belonging::extend(&mut tx, &by, member, app.clock.now()).await?;
    tx.commit().await?;
    let toast = Toast {
        detail: format!("That is {EXTENSION} days more."),
        ..lasts(&by, &standing)
    };
    Ok(respond::done_to(&app, &ctx, &toast, &way_on(&by, &form.0, member)))
}

/// Makes someone a lead.
pub async fn create_lead(
    app: Data<App>,
    by: Can<GroupManage>,
    group: Path<GroupPath>,
    at: Path<MemberPath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    let (group, member) = (group.id()?, at.id()?);
    let mut tx = app.db.write().await?;
    let profile = group::profile(&mut tx, by.org().id, group).await?;
    let standing = belonging::make_lead(&mut tx, &by, group, member, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} leads {} now.", standing.name, profile.name));
    let href = by.path(&format!("/groups/{group}"));
    Ok(respond::done_to(&app, &ctx, &toast, &href))
}

/// Ends that someone leads.
pub async fn destroy_lead(
    app: Data<App>,
    by: GroupCan<GroupLead>,
    at: Path<MemberPath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let profile = group::profile(&mut tx, by.org().id, by.group()).await?;
    let standing = belonging::end_lead(&mut tx, &by, at.id()?, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} no longer leads {}.", standing.name, profile.name));
    Ok(respond::done_to(&app, &ctx, &toast, &home(&by)))
}

/// Takes someone out of the group; Undo brings them back as they were.
pub async fn destroy(
    app: Data<App>,
    by: GroupCan<GroupLead>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let member = at.id()?;
    let mut tx = app.db.write().await?;
    let profile = group::profile(&mut tx, by.org().id, by.group()).await?;
    let left = belonging::remove(&mut tx, &by, member, app.clock.now()).await?;
    tx.commit().await?;
    let toast = Toast {
        undo: undo(&by, &left),
        ..said(format!("{} was removed from {}.", left.name, profile.name))
    };
    // Whoever has left the own group by this may not see its page any more.
    let is_own = by.member() == Some(member) && !by.manages();
    let to = if is_own && form.0.to != "member" {
        by.path("/groups")
    } else {
        way_on(&by, &form.0, member)
    };
    Ok(respond::done_to(&app, &ctx, &toast, &to))
}

/// The way back, for whoever may go it.
fn undo(by: &GroupCan<GroupLead>, left: &Standing) -> Option<Undo> {
    let was_lead = left.is_lead == Some(true);
    if was_lead && !by.manages() {
        return None;
    }
    let until = left.expires_at.map_or_else(String::new, |end| end.micros().to_string());
    let path = format!("{}/members/{}/restoration", home(by), left.id);
    let pairs = [("lead", if was_lead { "1" } else { "" }), ("until", until.as_str())];
    Some(Undo {
        label: "Undo".to_owned(),
        action: href(&path, &pairs),
    })
}

/// Brings someone back who was taken out of the group.
pub async fn restore(
    app: Data<App>,
    by: GroupCan<GroupLead>,
    at: Path<MemberPath>,
    ctx: Ctx,
    was: Query<RestoreQuery>,
) -> Result<HttpResponse> {
    let is_lead = was.0.lead == "1";
    let mut tx = app.db.write().await?;
    let profile = group::profile(&mut tx, by.org().id, by.group()).await?;
    let until = was.0.until();
    let name = belonging::restore(&mut tx, &by, at.id()?, is_lead, until, app.clock.now())
        .await
        .map_err(over)?;
    tx.commit().await?;
    let toast = said(format!("{name} is in {} again.", profile.name));
    Ok(respond::done_to(&app, &ctx, &toast, &home(&by)))
}

/// There is no form beside which a sentence about a day could stand.
fn over(error: Error) -> Error {
    match error {
        Error::Invalid { .. } => Error::conflict("That time in the group has ended meanwhile. Add the person again."),
        other => other,
    }
}

/// Puts one person into some groups, from that person's page.
pub async fn join(
    app: Data<App>,
    by: Can<GroupManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<JoinForm>,
) -> Result<HttpResponse> {
    let now = app.clock.now();
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let groups: Vec<GroupId> = form
        .0
        .group
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(|_| Error::NotFound))
        .collect::<Result<_>>()?;
    let href = by.path(&format!("/members/{}", member.id));
    if groups.is_empty() {
        let toast = Toast {
            kind: crate::web::layout::ToastKind::Warn,
            detail: "Choose one in the list and press the button again.".to_owned(),
            ..said("No group was chosen.")
        };
        return Ok(respond::done_to(&app, &ctx, &toast, &href));
    }
    let names = enter(&app, &by, member.id, &groups, now).await?;
    let toast = said(format!("{} is in {} now.", member.name, names.join(", ")));
    Ok(respond::done_to(&app, &ctx, &toast, &href))
}

async fn enter(
    app: &App,
    by: &Can<GroupManage>,
    member: MemberId,
    groups: &[GroupId],
    now: Timestamp,
) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut tx = app.db.write().await?;
    for group in groups.iter().take(20) {
        let profile = group::profile(&mut tx, by.org().id, *group).await?;
        belonging::add_members(&mut tx, by, *group, &[member], now).await?;
        names.push(profile.name);
    }
    tx.commit().await?;
    Ok(names)
}
