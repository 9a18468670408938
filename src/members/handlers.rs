//! The members' pages and acts.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    addition,
    forms::{ActForm, ConfirmForm, Live, MemberPath, NewForm, RoleForm, Search, SuspensionForm},
    list,
    member::{self, Change, Member},
    picks::{Picks, Selection},
    saved,
    views::{
        self, Disable, Event, Gone, Index, Known, New, Remove, Row, RowFragment, Show, Shown, Stats, Viewer,
        role_choices, what_ends,
    },
};
use crate::{
    access::{
        Can, Permission, Role,
        permission::{MemberDisable, MemberManage, MemberRead, MemberSuspend, Right, RoleAssign},
        session,
    },
    app::App,
    audit,
    auth::profile,
    credits,
    db::only,
    error::Result,
    groups::{self, views::OfMember},
    guide, keys, limits, orgs, roles, shell, usage,
    web::{
        form::{FieldErrors, Form, Query},
        layout::{Choice, Tab, Toast, Undo},
        request::Ctx,
        respond::{self, said},
    },
};

/// The list.
pub async fn index(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, search: Query<Search>) -> Result<HttpResponse> {
    page(&app, &by, &ctx, &search.0, &Selection::default()).await
}

/// A page of the list with what is selected, for whoever turns pages without scripts. Changes nothing.
pub async fn select(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, form: Form<Picks>) -> Result<HttpResponse> {
    let (search, selection) = form.0.turn()?;
    page(&app, &by, &ctx, &search, &selection).await
}

async fn page(
    app: &App,
    by: &Can<MemberRead>,
    ctx: &Ctx,
    search: &Search,
    selection: &Selection,
) -> Result<HttpResponse> {
    let mut query = search.query();
    let viewer = Viewer::of(by, app.clock.now());
    let mut db = app.db.read();
    let now = app.clock.now();
    let (saved, counts, all_groups, facts, settings, around, start) = db
        .together((
            saved::ask_list(by),
            member::ask_counts(by.org().id),
            groups::ask_list(by.org().id),
            limits::ask_facts(by.org().id),
            limits::settings::ask(by.org().id),
            shell::ask_around(by, now),
            guide::ask(by),
        ))
        .await?;
    if search.is_plain()
        && !ctx.hx.on
        && let Some(view) = saved.iter().find(|view| view.is_default && !view.query.is_empty())
    {
        return Ok(respond::redirect(&super::with(&by.path("/members"), &view.query)));
    }
    let counts = list::Counts::new(counts);
    let settings = limits::settings::of_rows(by.org(), &settings);
    let facts = only(facts)?;
    let without = limits::banner(&mut db, by, &facts, &counts).await?;
    query.limitless = query.limitless.and(without.filter());
    let mut found = list::find(&mut db, by.org().id, &query, &counts, &all_groups).await?;
    if viewer.names_only() {
        // Whoever may not see addresses may not find by them either.
        found
            .rows
            .retain(|row| list::has_words(&row.name, &query.words) || by.user_id() == row.user_id);
    }
    let people: Vec<_> = found.rows.iter().map(|row| (row.id, row.user_id)).collect();
    let mut limits = limits::cells(&mut db, by, &settings, &people, now).await?;
    usage::add_used(&mut db, by.org().id, &settings, &mut limits, now).await?;
    let l = shell::org_around(app, ctx, by, "Members", Tab::Members, around);
    let typed = search.typed();
    let shown = Shown {
        query: &query,
        typed: &typed,
        counts: &counts,
        groups: &all_groups,
        found: &found,
        selection,
        saved: &saved,
        limits: &limits,
        without: &without,
    };
    let mut page = Index::new(l, ctx.hx.on, by, &viewer, &shown);
    if !ctx.hx.on {
        page.start = guide::card(app, by, &only(start)?)?;
    }
    if ctx.hx.on {
        respond::page(&page.as_rows())
    } else {
        respond::page(&page)
    }
}

/// What has moved in some rows since they were shown (R-DIR-04): the script of the page asks, and puts the cells in their places.
pub async fn live(app: Data<App>, by: Can<MemberRead>, ctx: Ctx, asked: Query<Live>) -> Result<HttpResponse> {
    if !ctx.hx.on {
        return Ok(respond::redirect(&by.path("/members")));
    }
    let now = app.clock.now();
    let viewer = Viewer::of(&by, now);
    let mut db = app.db.read();
    let settings = limits::settings::find(&mut db, by.org()).await?;
    let found = member::list_live(&mut db, by.org().id, &asked.0.ids(by.org().id)).await?;
    let people: Vec<_> = found.iter().map(|row| (row.id, row.user_id)).collect();
    let mut cells = limits::cells(&mut db, &by, &settings, &people, now).await?;
    usage::add_used(&mut db, by.org().id, &settings, &mut cells, now).await?;
    let rows = found.iter().map(|row| Row::of_live(&viewer, row).with_limit(&cells));
    respond::page(&views::Live {
        rows: rows.filter(|row| row.limit.is_some()).collect(),
    })
}

/// One member.
pub async fn show(app: Data<App>, by: Can<MemberRead>, at: Path<MemberPath>, ctx: Ctx) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    respond::page(&page_of(&app, &by, &ctx, &member).await?)
}

async fn page_of<P: Right>(app: &App, by: &Can<P>, ctx: &Ctx, member: &Member) -> Result<Show> {
    let viewer = Viewer::of(by, app.clock.now());
    let mut db = app.db.read();
    let belongings = groups::list_of(&mut db, member.org_id, member.id).await?;
    let held = roles::held_by(&mut db, member.org_id, member.id).await?;
    let all_groups = if by.may(Permission::GroupManage) {
        groups::list(&mut db, member.org_id).await?
    } else {
        Vec::new()
    };
    let membership = OfMember::new(by, member.id, &belongings, &all_groups, app.clock.now());
    let is_self = member.user_id == by.user_id();
    let profile = profile::find(&mut db, member.user_id).await?;
    let sessions = if is_self || by.may(Permission::MemberDisable) {
        Some(session::list(&mut db, member.user_id, app.clock.now()).await?.len())
    } else {
        None
    };
    let activity = if by.may(Permission::AuditRead) {
        let rows = audit::store::list_about(&mut db, member.org_id.raw(), "member", member.id.raw(), 10).await?;
        Some(rows.iter().map(|row| Event::of(&viewer, row)).collect())
    } else {
        None
    };
    let limits = limits::panel(&mut db, by, member, app.clock.now()).await?;
    let cell = if limits.is_some() {
        let (now, settings) = (app.clock.now(), limits::settings::find(&mut db, by.org()).await?);
        let mut cells = limits::cells(&mut db, by, &settings, &[(member.id, member.user_id)], now).await?;
        usage::add_used(&mut db, member.org_id, &settings, &mut cells, now).await?;
        cells.of(&member.id.to_string())
    } else {
        None
    };
    let credits = credits::shown::card(&mut db, by, member, app.clock.now()).await?;
    let keys = if is_self || by.may(Permission::KeyManage) {
        let found = keys::key::list_of_member(&mut db, member.org_id, member.id).await?;
        Some(keys::views::MemberCard::new(by, &found, is_self, app.clock.now()))
    } else {
        None
    };
    let l = shell::org(app, ctx, by, &member.name, Tab::Members).await?;
    Ok(Show::new(
        l,
        by,
        &viewer,
        Known {
            member,
            membership,
            held: &held,
            profile: &profile,
            sessions,
            activity,
            limits,
            cell,
            credits,
            keys,
        },
    ))
}

/// The form that adds a person.
pub async fn new(app: Data<App>, by: Can<MemberManage>, ctx: Ctx) -> Result<HttpResponse> {
    let form = NewForm {
        role: by.org().default_role.key().to_owned(),
        ..NewForm::default()
    };
    respond::page(&new_page(&app, &by, &ctx, &form, FieldErrors::default()).await?)
}

async fn new_page(app: &App, by: &Can<MemberManage>, ctx: &Ctx, form: &NewForm, errors: FieldErrors) -> Result<New> {
    let mut db = app.db.read();
    let groups = groups::list(&mut db, by.org().id).await?;
    let domains = orgs::domains(&mut db, by.org().id).await?;
    Ok(New {
        l: shell::org(app, ctx, by, "Add user", Tab::Members).await?,
        path: by.path("/members"),
        name: form.name.clone(),
        email: form.email.clone(),
        roles: role_choices(by, &form.role),
        groups: groups
            .iter()
            .map(|group| {
                let value = group.id.to_string();
                Choice {
                    selected: form.group.contains(&value),
                    value,
                    label: group.name.clone(),
                }
            })
            .collect(),
        errors,
        domains: domains.join(", "),
    })
}

/// Adds a person.
pub async fn create(app: Data<App>, by: Can<MemberManage>, ctx: Ctx, form: Form<NewForm>) -> Result<HttpResponse> {
    let added = match form.0.person() {
        Ok(person) => {
            let mut tx = app.db.write().await?;
            let added = addition::add(&mut tx, &by, &app.keys, person, app.clock.now()).await;
            if added.is_ok() {
                tx.commit().await?;
            }
            added.map_or_else(|error| FieldErrors::take(error).map(Err), |added| Ok(Ok(added)))?
        }
        Err(errors) => Err(errors),
    };
    match added {
        Ok(added) => {
            let mut toast = said(format!("{} was added.", added.name));
            if added.is_new {
                "An e-mail with a link to set a password is on its way.".clone_into(&mut toast.detail);
            }
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/members/{}", added.id)),
            ))
        }
        Err(errors) => respond::page_with(422, &new_page(&app, &by, &ctx, &form.0, errors).await?),
    }
}

/// Changes the role.
pub async fn update_role(
    app: Data<App>,
    by: Can<RoleAssign>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<RoleForm>,
) -> Result<HttpResponse> {
    let change = Change {
        id: at.id()?,
        expected: form.0.version(),
    };
    let href = by.path(&format!("/members/{}", change.id));
    let role = match form.0.role() {
        Ok(role) => role,
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let member = member::find(&mut app.db.read(), by.org().id, change.id).await?;
            let page = Show {
                role_error: errors.of("role").to_owned(),
                ..page_of(&app, &by, &ctx, &member).await?
            };
            return respond::page_with(422, &page);
        }
    };
    let mut tx = app.db.write().await?;
    let member = member::change_role(&mut tx, &by, change, role, app.clock.now()).await?;
    tx.commit().await?;
    Ok(respond::done_to(
        &app,
        &ctx,
        &said(format!("{} is {} now.", member.name, member.role.title())),
        &href,
    ))
}

/// Makes the member an Org Admin.
pub async fn create_admin(
    app: Data<App>,
    by: Can<RoleAssign>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let change = Change {
        id: at.id()?,
        expected: form.0.version(),
    };
    let member = member::change_role(&mut tx, &by, change, Role::Administrator, app.clock.now()).await?;
    tx.commit().await?;
    row(
        &app,
        &by,
        &ctx,
        &member,
        said(format!("{} is Org Admin now.", member.name)),
        &form.0,
    )
    .await
}

/// Deactivates the member.
pub async fn create_suspension(
    app: Data<App>,
    by: Can<MemberSuspend>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<SuspensionForm>,
) -> Result<HttpResponse> {
    let form = form.0;
    let change = Change {
        id: at.id()?,
        expected: form.act().version(),
    };
    let now = app.clock.now();
    let done = match (form.until(&by.org().zone), form.reason()) {
        (Ok(until), Ok(reason)) => {
            let mut tx = app.db.write().await?;
            let done = member::suspend(&mut tx, &by, change, until, &reason, now).await;
            if done.is_ok() {
                tx.commit().await?;
            }
            done
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let member = match done {
        Ok(member) => member,
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let member = member::find(&mut app.db.read(), by.org().id, change.id).await?;
            let (until, reason) = form.typed();
            let page = Show {
                until,
                until_error: errors.of("until").to_owned(),
                reason,
                reason_error: errors.of("reason").to_owned(),
                ..page_of(&app, &by, &ctx, &member).await?
            };
            return respond::page_with(422, &page);
        }
    };
    let undo = Undo {
        label: "Undo".to_owned(),
        action: by.path(&format!("/members/{}/suspension/end", member.id)),
    };
    let toast = Toast {
        undo: Some(undo),
        ..said(format!("{} was deactivated.", member.name))
    };
    row(&app, &by, &ctx, &member, toast, &form.act()).await
}

/// Activates the member again.
pub async fn destroy_suspension(
    app: Data<App>,
    by: Can<MemberSuspend>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let change = Change {
        id: at.id()?,
        expected: form.0.version(),
    };
    let member = member::activate(&mut tx, &by, change, app.clock.now()).await?;
    tx.commit().await?;
    row(
        &app,
        &by,
        &ctx,
        &member,
        said(format!("{} was activated.", member.name)),
        &form.0,
    )
    .await
}

/// Provisions the member's private context.
pub async fn create_context(
    app: Data<App>,
    by: Can<MemberManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ActForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let change = Change {
        id: at.id()?,
        expected: form.0.version(),
    };
    let member = member::provision_context(&mut tx, &by, change, app.clock.now()).await?;
    tx.commit().await?;
    row(
        &app,
        &by,
        &ctx,
        &member,
        said(format!("{} has a private context now.", member.name)),
        &form.0,
    )
    .await
}

/// The dialog that disables.
pub async fn new_disablement(
    app: Data<App>,
    by: Can<MemberDisable>,
    at: Path<MemberPath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let page = disable_dialog(
        &app,
        &by,
        &ctx,
        &member,
        &ConfirmForm::default(),
        &FieldErrors::default(),
    )
    .await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Disables the member.
pub async fn create_disablement(
    app: Data<App>,
    by: Can<MemberDisable>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ConfirmForm>,
) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let reason = match form.0.confirms(&member.email).and_then(|()| form.0.reason()) {
        Ok(reason) => reason,
        Err(error) => {
            let page = disable_dialog(&app, &by, &ctx, &member, &form.0, &FieldErrors::take(error)?).await?;
            return if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            };
        }
    };
    let mut tx = app.db.write().await?;
    let change = Change {
        id: member.id,
        expected: form.0.version(),
    };
    let member = member::disable(&mut tx, &by, change, &reason, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was disabled.", member.name));
    row(&app, &by, &ctx, &member, toast, &ActForm::default()).await
}

async fn disable_dialog(
    app: &App,
    by: &Can<MemberDisable>,
    ctx: &Ctx,
    member: &Member,
    form: &ConfirmForm,
    errors: &FieldErrors,
) -> Result<Disable> {
    let (sessions, invitations, groups, keys) = consequences(app, member).await?;
    let base = by.path("/members");
    Ok(Disable {
        l: shell::org(app, ctx, by, "Disable User", Tab::Members).await?,
        open: !ctx.hx.on,
        id: member.id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        action: format!("{base}/{}/disablement", member.id),
        back: format!("{base}/{}", member.id),
        support_contact: by.org().support_contact.clone(),
        ends: what_ends(sessions, invitations, 0, keys),
        stays: "The name in reports and in the audit log".to_owned(),
        groups: groups.join(", "),
        reason: form.reason().unwrap_or_default(),
        reason_error: errors.of("reason").to_owned(),
        confirm: form.typed().to_owned(),
        confirm_error: errors.of("confirm").to_owned(),
        version: form.version().unwrap_or(member.version),
    })
}

/// The dialog that removes.
pub async fn new_removal(
    app: Data<App>,
    by: Can<MemberManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let page = remove_dialog(
        &app,
        &by,
        &ctx,
        &member,
        &ConfirmForm::default(),
        &FieldErrors::default(),
    )
    .await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Removes the member.
pub async fn create_removal(
    app: Data<App>,
    by: Can<MemberManage>,
    at: Path<MemberPath>,
    ctx: Ctx,
    form: Form<ConfirmForm>,
) -> Result<HttpResponse> {
    let member = member::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    if let Err(error) = form.0.confirms(&member.email) {
        let page = remove_dialog(&app, &by, &ctx, &member, &form.0, &FieldErrors::take(error)?).await?;
        return if ctx.hx.on {
            respond::page_with(422, &page.as_dialog())
        } else {
            respond::page_with(422, &page)
        };
    }
    let mut tx = app.db.write().await?;
    let change = Change {
        id: member.id,
        expected: form.0.version(),
    };
    let member = member::remove(&mut tx, &by, change, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was removed from {}.", member.name, by.org().name));
    let counts = member::counts(&mut app.db.read(), by.org().id).await?;
    let gone = Gone {
        stats: Stats::new(&by, &counts),
    };
    respond::done(&app, &ctx, &gone, toast, &by.path("/members"))
}

async fn remove_dialog(
    app: &App,
    by: &Can<MemberManage>,
    ctx: &Ctx,
    member: &Member,
    form: &ConfirmForm,
    errors: &FieldErrors,
) -> Result<Remove> {
    let (sessions, invitations, groups, keys) = consequences(app, member).await?;
    let base = by.path("/members");
    Ok(Remove {
        l: shell::org(app, ctx, by, "Remove", Tab::Members).await?,
        open: !ctx.hx.on,
        id: member.id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        organization: by.org().name.clone(),
        action: format!("{base}/{}/removal", member.id),
        back: format!("{base}/{}", member.id),
        ends: what_ends(sessions, invitations, groups.len(), keys),
        stays: "The name in reports and in the audit log, and memberships of other organizations".to_owned(),
        confirm: form.typed().to_owned(),
        confirm_error: errors.of("confirm").to_owned(),
        version: form.version().unwrap_or(member.version),
    })
}

/// How many sessions and open invitations end, the member's groups, and how many keys stop working.
async fn consequences(app: &App, member: &Member) -> Result<(usize, i64, Vec<String>, i64)> {
    let now = app.clock.now();
    let mut db = app.db.read();
    let sessions = if member::ends_sessions(&mut db, member, now).await? {
        session::list(&mut db, member.user_id, now).await?.len()
    } else {
        0
    };
    let invitations = member::count_open_invitations(&mut db, member).await?;
    let groups = groups::list_of(&mut db, member.org_id, member.id).await?;
    let keys = keys::owners::count_of_member(&mut db, member.org_id, member.id, now).await?;
    Ok((
        sessions,
        invitations,
        groups.into_iter().map(|group| group.name).collect(),
        keys,
    ))
}

/// The member's row as the table shows it, for the answer to an act on it.
pub(crate) async fn fragment<P: Right>(app: &App, by: &Can<P>, member: &Member) -> Result<RowFragment> {
    let viewer = Viewer::of(by, app.clock.now());
    let mut db = app.db.read();
    let groups = groups::list_of(&mut db, member.org_id, member.id).await?;
    let held = roles::held_by(&mut db, member.org_id, member.id).await?;
    let settings = limits::settings::find(&mut db, by.org()).await?;
    let now = app.clock.now();
    let mut cells = limits::cells(&mut db, by, &settings, &[(member.id, member.user_id)], now).await?;
    usage::add_used(&mut db, member.org_id, &settings, &mut cells, now).await?;
    let held = held.iter().map(|one| (one.name.clone(), one.permits()));
    let row = Row::of_member(&viewer, member, &groups, held).with_limit(&cells);
    let stats = Stats::new(by, &member::counts(&mut db, member.org_id).await?);
    Ok(RowFragment { row, stats })
}

/// Done: the member's row for htmx, else the page that the act came from.
pub(super) async fn row<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    member: &Member,
    toast: Toast,
    form: &ActForm,
) -> Result<HttpResponse> {
    let fragment = fragment(app, by, member).await?;
    let base = by.path("/members");
    let way_on = form.way_on(&base, &format!("{base}/{}", member.id));
    respond::done(app, ctx, &fragment, toast, &way_on)
}
