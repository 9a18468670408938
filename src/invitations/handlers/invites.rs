//! Manage Invites: the table, the form for one person, and what is done with a row.

use actix_web::{HttpResponse, web::Data, web::Path};
use serde::Deserialize;

use super::super::{
    bulk,
    forms::{IndexQuery, InviteForm, terms},
    invitation::{self, Invitation},
    list::{self, Column, Tab},
    views::{Created, Index, Offer, Row, RowFragment, Single},
};
use crate::{
    access::{Can, Permission, permission::InviteCreate},
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    ids::InvitationId,
    invitations::addresses::Address,
    mail::links,
    shell,
    web::{
        csv,
        filters::{iso, plural},
        form::{Form, Query},
        layout::{FilterLink, Sort, Tab as PageTab, Toast, ToastKind},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

/// Where a row's action is about.
#[derive(Debug, Deserialize)]
pub struct At {
    invitation: InvitationId,
}

/// The table and the form.
pub async fn index(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx, query: Query<IndexQuery>) -> Result<HttpResponse> {
    let single = empty_form(&app, &by).await?;
    let shown = build(&app, &by, &ctx, &query.0, single).await?;
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

async fn empty_form(app: &App, by: &Can<InviteCreate>) -> Result<Single> {
    let groups = bulk::groups_for(&mut app.db.read(), by, app.clock.now()).await?;
    Ok(Single {
        offer: Offer::new(&invitation::roles_for(by), &groups, by.org().default_role, "", ""),
        ..Single::default()
    })
}

async fn build(app: &App, by: &Can<InviteCreate>, ctx: &Ctx, asked: &IndexQuery, single: Single) -> Result<Index> {
    let now = app.clock.now();
    let org = by.org();
    let query = asked.query();
    let mut db = app.db.read();
    let found = list::list(&mut db, by, &query, now).await?;
    let pending = list::count_pending(&mut db, by, app.desk().most_pending, now).await?;
    let has_links = query.tab == Tab::Pending && found.rows.iter().any(|row| invitation::may_handle(by, row.role));
    let shows_links = org.links_visible && (!has_links || is_view_recorded(app, by, now).await);
    let rows = found
        .rows
        .iter()
        .map(|row| show(app, by, row, shows_links, now))
        .collect();
    let path = by.path("/invites");
    let address = |tab: Tab, sort: &str, side: Option<(&str, InvitationId)>| {
        let mut parts = url::form_urlencoded::Serializer::new(String::new());
        if tab != Tab::Pending {
            parts.append_pair("tab", tab.key());
        }
        if !query.search.is_empty() {
            parts.append_pair("q", &query.search);
        }
        if !sort.is_empty() && sort != "-created" {
            parts.append_pair("sort", sort);
        }
        if let Some((name, id)) = side {
            parts.append_pair(name, &id.to_string());
        }
        let parts = parts.finish();
        if parts.is_empty() {
            path.clone()
        } else {
            format!("{path}?{parts}")
        }
    };
    let sort = match (query.column, query.ascending) {
        (Column::Email, true) => "email",
        (Column::Email, false) => "-email",
        (Column::Created, true) => "created",
        (Column::Created, false) => "-created",
    };
    let head = |column: Column, up: &'static str, down: &'static str, first_up: bool| {
        let on = query.column == column;
        let to_up = if on { !query.ascending } else { first_up };
        let direction = match (on, query.ascending) {
            (true, true) => "ascending",
            (true, false) => "descending",
            (false, _) => "",
        };
        Sort {
            href: address(query.tab, if to_up { up } else { down }, None),
            direction,
        }
    };
    let statuses = Tab::ALL
        .into_iter()
        .map(|tab| FilterLink {
            id: tab.key(),
            label: tab.title(),
            count: (tab == Tab::Pending).then_some(pending),
            href: address(tab, sort, None),
            current: tab == query.tab,
        })
        .collect();
    let hidden = [
        ("tab", query.tab.key(), query.tab != Tab::Pending),
        ("sort", sort, sort != "-created"),
    ]
    .into_iter()
    .filter(|(_, _, set)| *set)
    .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
    .collect();
    let first = found.rows.first().map(|row| row.id);
    let last = found.rows.last().map(|row| row.id);
    let l = shell::org(app, ctx, by, "Manage Invites", PageTab::Invites).await?;
    Ok(Index {
        l,
        partial: ctx.hx.on,
        organization: org.name.clone(),
        zone: by.zone().name().to_owned(),
        valid: org
            .invite_days
            .map_or_else(String::new, |days| plural(days, "day", "days")),
        mail_off: app.sender.post.is_none(),
        links_hidden: !org.links_visible,
        single,
        q: query.search.clone(),
        statuses,
        hidden,
        clear_href: path.clone(),
        filtered: !query.search.is_empty() || query.tab != Tab::Pending,
        by_email: head(Column::Email, "email", "-email", true),
        by_created: head(Column::Created, "created", "-created", false),
        order: match (query.column, query.ascending) {
            (Column::Email, true) => "sorted by address, A to Z",
            (Column::Email, false) => "sorted by address, Z to A",
            (Column::Created, true) => "oldest first",
            (Column::Created, false) => "newest first",
        }
        .to_owned(),
        rows,
        range: plural(
            found.rows.len() as i64,
            "invitation on this page",
            "invitations on this page",
        ),
        previous: first
            .filter(|_| found.has_previous)
            .map(|id| address(query.tab, sort, Some(("before", id)))),
        next: last
            .filter(|_| found.has_next)
            .map(|id| address(query.tab, sort, Some(("after", id)))),
        audit_href: by.may(Permission::AuditRead).then(|| by.path("/audit")),
        links_href: (shows_links && has_links).then(|| by.path("/invites/links.csv")),
        path,
    })
}

/// Records that links are seen, once an hour; when that fails, the page comes without links rather than not at all.
async fn is_view_recorded(app: &App, by: &Can<InviteCreate>, now: Timestamp) -> bool {
    let recorded = async {
        if list::is_view_due(&mut app.db.read(), by, now).await? {
            let mut tx = app.db.write().await?;
            list::record_view(&mut tx, by, now).await?;
            tx.commit().await?;
        }
        Ok::<(), Error>(())
    };
    recorded
        .await
        .inspect_err(|error| tracing::warn!(%error, "links are hidden, because seeing them was not recorded"))
        .is_ok()
}

fn show(app: &App, by: &Can<InviteCreate>, of: &Invitation, shows_links: bool, now: Timestamp) -> Row {
    let may = invitation::may_handle(by, of.role);
    let link = (shows_links && may).then(|| links::invitation(&app.settings, &app.keys, of.id, of.generation));
    Row::new(of, by.org(), by.zone(), link, may, now)
}

/// The row after an action, as the table shows it.
async fn row(app: &App, by: &Can<InviteCreate>, of: &Invitation, now: Timestamp) -> Row {
    let shows = by.org().links_visible && is_view_recorded(app, by, now).await;
    show(app, by, of, shows, now)
}

/// Invite User +.
pub async fn create(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx, form: Form<InviteForm>) -> Result<HttpResponse> {
    app.ceilings.invite(by.org().id.raw())?;
    let now = app.clock.now();
    let invited = async {
        let address = Address::parse(&form.0.email).map_err(|refusal| Error::invalid("email", refusal.to_string()))?;
        let terms = terms(by.org(), &form.0.role, &form.0.group, &form.0.until)?;
        let mut tx = app.db.write().await?;
        let made = invitation::invite(&mut tx, &by, &app.desk(), &address, &terms, now).await?;
        tx.commit().await?;
        Ok(made)
    };
    match invited.await {
        Ok(made) => invited_answer(&app, &by, &ctx, &made, now).await,
        Err(Error::Invalid { field, message }) => refused(&app, &by, &ctx, form.0, field, message).await,
        Err(error) => Err(error),
    }
}

async fn invited_answer(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    made: &Invitation,
    now: Timestamp,
) -> Result<HttpResponse> {
    let toast = if app.sender.post.is_some() {
        said(format!("Invitation sent to {}", made.email))
    } else {
        Toast {
            detail: "E-mail is not set up: copy the link and give it to the person.".to_owned(),
            ..said(format!("{} is invited", made.email))
        }
    };
    if !ctx.hx.on {
        return Ok(done_to(app, ctx, &toast, &by.path("/invites")));
    }
    page(&Created {
        l: shell::org(app, ctx, by, "Manage Invites", PageTab::Invites).await?,
        path: by.path("/invites"),
        row: row(app, by, made, now).await,
        open: list::count_pending(&mut app.db.read(), by, app.desk().most_pending, now).await?,
        single: Single {
            focus_email: true,
            ..empty_form(app, by).await?
        },
        toasts: vec![toast],
    })
}

async fn refused(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    form: InviteForm,
    field: &'static str,
    message: String,
) -> Result<HttpResponse> {
    let groups = bulk::groups_for(&mut app.db.read(), by, app.clock.now()).await?;
    let role = crate::access::Role::find(&form.role).unwrap_or(by.org().default_role);
    let of = |name: &str| if field == name { message.clone() } else { String::new() };
    let known = matches!(field, "email" | "role" | "until") || (field == "group" && !groups.is_empty());
    let single = Single {
        focus_email: field == "email",
        email: form.email,
        offer: Offer::new(&invitation::roles_for(by), &groups, role, &form.group, &form.until),
        email_error: of("email"),
        role_error: of("role"),
        group_error: of("group"),
        until_error: of("until"),
        form_error: if known { String::new() } else { message.clone() },
    };
    let shown = build(app, by, ctx, &IndexQuery::default(), single).await?;
    if ctx.hx.on {
        page_with(422, &shown.as_form())
    } else {
        page_with(422, &shown)
    }
}

/// The answer to an action on a row.
async fn acted(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    of: Option<&Invitation>,
    toast: Toast,
    now: Timestamp,
) -> Result<HttpResponse> {
    if !ctx.hx.on {
        return Ok(done_to(app, ctx, &toast, &by.path("/invites")));
    }
    let row = match of {
        Some(of) => Some(row(app, by, of, now).await),
        None => None,
    };
    let open = list::count_pending(&mut app.db.read(), by, app.desk().most_pending, now).await?;
    page(&RowFragment {
        row,
        open,
        csrf: ctx.csrf.clone(),
        toasts: vec![toast],
    })
}

/// Resend Email.
pub async fn create_delivery(app: Data<App>, by: Can<InviteCreate>, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    app.ceilings.invite(by.org().id.raw())?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let sent = invitation::resend(&mut tx, &by, &app.desk(), at.invitation, now).await?;
    tx.commit().await?;
    let toast = if app.sender.post.is_some() {
        said(format!("Invitation sent to {} again", sent.email))
    } else {
        Toast {
            detail: "E-mail is not set up: copy the link and give it to the person.".to_owned(),
            ..said(format!("The link of {} is renewed", sent.email))
        }
    };
    acted(&app, &by, &ctx, Some(&sent), toast, now).await
}

/// New link.
pub async fn create_link(app: Data<App>, by: Can<InviteCreate>, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    app.ceilings.invite(by.org().id.raw())?;
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let (made, sent) = invitation::new_link(&mut tx, &by, &app.desk(), at.invitation, now).await?;
    tx.commit().await?;
    let detail = if sent {
        "The old link no longer works. The new one is sent."
    } else {
        "The old link no longer works. Send the new one with Resend Email, or copy it."
    };
    let toast = Toast {
        detail: detail.to_owned(),
        ..said(format!("{} has a new link", made.email))
    };
    acted(&app, &by, &ctx, Some(&made), toast, now).await
}

/// Delete Code.
pub async fn destroy(app: Data<App>, by: Can<InviteCreate>, at: Path<At>, ctx: Ctx) -> Result<HttpResponse> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let gone = invitation::revoke(&mut tx, &by, at.invitation, now).await?;
    tx.commit().await?;
    let toast = Toast {
        kind: ToastKind::Ok,
        detail: "The link no longer works.".to_owned(),
        ..said(format!("The code for {} is deleted", gone.email))
    };
    acted(&app, &by, &ctx, None, toast, now).await
}

/// Every link that the caller may hand over, as a file.
pub async fn links(app: Data<App>, by: Can<InviteCreate>) -> Result<HttpResponse> {
    if !by.org().links_visible {
        return Err(Error::forbidden(format!(
            "{} does not show invitation links. An administrator can allow it in Settings.",
            by.org().name
        )));
    }
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let rows = list::export(&mut tx, &by, app.desk().most_pending, now).await?;
    tx.commit().await?;
    let lines = rows.iter().map(|row| {
        vec![
            row.email.clone(),
            row.role.title().to_owned(),
            links::invitation(&app.settings, &app.keys, row.id, row.generation),
            iso(row.created_at.micros()),
            row.expires_at.map_or_else(String::new, |end| iso(end.micros())),
        ]
    });
    csv::download(
        "invitation-links.csv",
        &["Email", "Role", "Invite Link", "Create Time", "Expires"],
        lines,
    )
}
