//! The page of notifications, and the page of what one wants to be told.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use serde::Deserialize;

use super::{
    Choice, Kind, Section, notification,
    views::{Group, Index, Item, Preference, Preferences},
};
use crate::{
    access::SignedIn,
    app::App,
    auth::account,
    clock::Zone,
    error::Result,
    ids::NotificationId,
    shell::{self, local},
    web::{
        filters,
        form::{Form, Query},
        layout::FilterLink,
        list::href,
        request::Ctx,
        respond::{done_to, page, redirect, said},
    },
};

/// How many a page shows.
const PAGE: usize = 25;
const PATH: &str = "/me/notifications";

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct Filter {
    #[serde(default)]
    show: String,
    #[serde(default)]
    before: String,
}

/// What the person was told, newest first.
pub async fn index(app: Data<App>, ctx: Ctx, me: SignedIn, query: Query<Filter>) -> Result<HttpResponse> {
    let unread = query.0.show == "unread";
    let before: Option<NotificationId> = query.0.before.parse().ok();
    let now = app.clock.now();
    let mut db = app.db.read();
    let mut rows = notification::list(&mut db, me.person.id, before, unread, PAGE + 1).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let zone = match &me.person.display.zone {
        Some(zone) => zone.clone(),
        None => {
            let home = account::memberships(&mut db, me.person.id).await?.into_iter().next();
            Zone::find_or_utc(&home.map_or_else(|| "UTC".to_owned(), |first| first.zone))
        }
    };
    let show = if unread { "unread" } else { "" };
    let next = rows.last().filter(|_| more).map(|last| {
        let last = last.id.to_string();
        href(PATH, &[("show", show), ("before", &last)])
    });
    let tz = zone.tz();
    let items = rows.into_iter().map(|row| Item {
        id: row.id.to_string(),
        icon: Kind::find(row.kind).map_or("bell", Kind::icon),
        subject: row.subject,
        has_link: !row.link.is_empty(),
        organization: row.organization.unwrap_or_default(),
        unread: row.read_at.is_none(),
        at: filters::ago(now.micros(), row.at.micros(), &tz),
        iso: filters::iso(row.at.micros()),
    });
    let items: Vec<Item> = items.collect();
    let l = shell::personal(&app, &ctx, &me.person, "Notifications").await?;
    let count = l.person.as_ref().map_or(0, |person| person.unread);
    let here = href(PATH, &[("show", show), ("before", &query.0.before)]);
    let seg = |id, label, value: &str, count, current| FilterLink {
        id,
        label,
        count,
        href: href(PATH, &[("show", value)]),
        current,
    };
    page(&Index {
        l,
        filters: vec![
            seg("all", "All", "", None, !unread),
            seg("unread", "Unread", "unread", Some(count), unread),
        ],
        unread,
        count,
        items,
        first: before.map(|_| href(PATH, &[("show", show)])),
        next,
        here,
        zone: zone.name().to_owned(),
    })
}

/// The path of one notification.
#[derive(Debug, Deserialize)]
pub struct NotificationPath {
    notification: NotificationId,
}

/// What the buttons of one notification send.
#[derive(Debug, Default, Deserialize)]
pub struct ReadForm {
    /// Whether to go where it leads.
    #[serde(default)]
    open: String,
    /// The list that it was shown in.
    #[serde(default)]
    back: String,
}

/// Marks one as read, and goes where it leads when it was opened.
pub async fn update(
    app: Data<App>,
    ctx: Ctx,
    me: SignedIn,
    at: Path<NotificationPath>,
    form: Form<ReadForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let read = notification::mark_read(&mut tx, me.person.id, at.notification, app.clock.now()).await?;
    tx.commit().await?;
    let back = local(&form.0.back)
        .filter(|back| back.starts_with(PATH))
        .unwrap_or(PATH);
    if form.0.open.is_empty() || read.link.is_empty() {
        return Ok(done_to(&app, &ctx, &said("Marked as read."), back));
    }
    Ok(redirect(local(&read.link).unwrap_or(PATH)))
}

/// Marks all as read.
pub async fn update_all(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let count = notification::mark_all_read(&mut tx, me.person.id, app.clock.now()).await?;
    tx.commit().await?;
    let words = match count {
        0 => "Nothing was unread.".to_owned(),
        n => format!(
            "{} marked as read.",
            filters::plural(n as i64, "notification", "notifications")
        ),
    };
    Ok(done_to(&app, &ctx, &said(words), PATH))
}

/// What the person wants to be told, and how.
pub async fn preferences(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let chosen = notification::choices(&mut app.db.read(), me.person.id).await?;
    let group = |section: Section| Group {
        id: section.title().to_lowercase().replace(' ', "-"),
        title: section.title(),
        purpose: section.purpose(),
        kinds: chosen
            .iter()
            .filter(|choice| choice.kind.section() == section)
            .map(|choice| Preference {
                key: choice.kind.key(),
                title: choice.kind.title(),
                portal: choice.portal,
                mail: choice.mail,
                mandatory: choice.kind.is_mandatory(),
            })
            .collect(),
    };
    page(&Preferences {
        l: shell::personal(&app, &ctx, &me.person, "Notification settings").await?,
        email: me.person.email.clone(),
        groups: Section::ALL.map(group).into(),
    })
}

/// Keeps what the person wants to be told: a tick each, as `portal.<kind>` and `mail.<kind>`.
pub async fn update_preferences(
    app: Data<App>,
    ctx: Ctx,
    me: SignedIn,
    form: Form<HashMap<String, String>>,
) -> Result<HttpResponse> {
    let ticked = |way: &str, kind: Kind| form.0.contains_key(&format!("{way}.{}", kind.key()));
    let wanted = Kind::ALL.map(|kind| Choice {
        kind,
        portal: ticked("portal", kind),
        mail: ticked("mail", kind),
    });
    let mut tx = app.db.write().await?;
    let (user, email) = (me.person.id, me.person.email.as_str());
    notification::set_choices(&mut tx, &me.actor, user, email, &wanted, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said("Your notification settings were saved.");
    Ok(done_to(&app, &ctx, &toast, "/me/notifications/preferences"))
}
