//! The frame around each page: the person's menu, the switcher between organizations, tabs and sidebar, theme and health.
//!
//! It reads organizations, memberships and open invitations for their counts (a declared exception), and changes nothing but the theme.

mod handlers;
mod store;

use crate::{
    access::{Can, EnterpriseCan, Permission, Person, Right, Role},
    app::App,
    clock::Timestamp,
    error::Result,
    web::{
        layout::{
            EnterpriseLink, EnterpriseShell, EnterpriseTab, Layout, OrgShell, SwitchEntry, Tab, TabLink, hue, initials,
        },
        middleware::outside,
        request::Ctx,
        routes::{Kind, Route, get, post},
    },
};

/// The routes of the frame.
pub fn routes() -> Vec<Route> {
    vec![
        get("/", handlers::home).signed_in(),
        get("/organizations", handlers::organizations).signed_in(),
        post("/preferences/theme", handlers::set_theme),
        get("/healthz", handlers::healthz).kind(Kind::Probe),
        get("/readyz", handlers::readyz).kind(Kind::Probe),
    ]
}

/// A path of our own, or nothing.
pub use handlers::local;
/// Every statement of this room.
pub use store::statements;
pub(crate) use store::{Around, AskAround};

/// The frame of a page that belongs to no organization and stands in a card.
pub fn card(app: &App, ctx: &Ctx, title: &str) -> Layout {
    outside(app, ctx, title)
}

/// The frame of a page about oneself.
pub async fn personal(app: &App, ctx: &Ctx, person: &Person, title: &str) -> Result<Layout> {
    let mut l = outside(app, ctx, title);
    let places = store::list_places(&mut app.db.read(), person).await?;
    let home = places
        .iter()
        .find(|place| place.is_primary == Some(true))
        .or(places.first());
    if let Some(menu) = &mut l.person {
        menu.manage_href = home.map(|place| format!("/o/{}/members", place.slug));
        (menu.pending_invitations, menu.unread) =
            store::count_waiting(&mut app.db.read(), person, app.clock.now()).await?;
    }
    Ok(l)
}

/// The frame of an organization's page, with `tab` current.
pub async fn org<P: Right>(app: &App, ctx: &Ctx, by: &Can<P>, title: &str, tab: Tab) -> Result<Layout> {
    let around = ask_around(by, app.clock.now()).rows(&mut app.db.read()).await?;
    Ok(org_around(app, ctx, by, title, tab, around))
}

/// Asks for the rows of [`org_around`].
pub(crate) fn ask_around<P>(by: &Can<P>, now: Timestamp) -> AskAround {
    store::ask_around(by.person(), by.org().id, now)
}

/// [`org`], from what [`ask_around`] found.
pub(crate) fn org_around<P: Right>(
    app: &App,
    ctx: &Ctx,
    by: &Can<P>,
    title: &str,
    tab: Tab,
    around: Vec<Around>,
) -> Layout {
    let mut l = outside(app, ctx, title);
    let org = by.org();
    let Some(person) = by.person() else { return l };
    let (mut places, pending, waiting) = store::look_around(around);
    let more = places.len() > store::SWITCHER;
    places.truncate(store::SWITCHER);
    let pending = if by.may(Permission::InviteCreate) { pending } else { 0 };
    // Whoever may not read the organization's reads their own.
    let usage = if by.may(Permission::UsageRead) {
        "/usage"
    } else {
        "/usage/mine"
    };
    let links = [
        (Tab::Members, "/members", by.may(Permission::MemberRead), None),
        (
            Tab::Invites,
            "/invites",
            by.may(Permission::InviteCreate),
            Some(pending),
        ),
        (Tab::Groups, "/groups", by.may(Permission::MemberRead), None),
        (Tab::Keys, "/keys", by.may(Permission::KeyManage), None),
        (
            Tab::Usage,
            usage,
            by.may(Permission::UsageRead) || by.may(Permission::LimitRequest),
            None,
        ),
        (Tab::Limits, "/limits", by.may(Permission::LimitDecide), None),
        (Tab::Credits, "/credits", by.may(Permission::PoolRead), None),
        (Tab::Roles, "/roles", by.may(Permission::RoleRead), None),
        (Tab::Settings, "/settings", by.may(Permission::SettingsRead), None),
        (Tab::Audit, "/audit", by.may(Permission::AuditRead), None),
    ];
    let tabs = links
        .into_iter()
        .filter(|(_, _, shown, _)| *shown)
        .map(|(of, path, _, count)| TabLink {
            tab: of,
            label: of.label(),
            href: by.path(path),
            count: count.filter(|n| *n > 0),
            current: of == tab,
        })
        .collect();
    let whose = if person.display.zone.is_some() {
        "your own zone"
    } else {
        "the organization’s zone"
    };
    // The others show no times, or say it in their own words.
    if !matches!(tab, Tab::Settings | Tab::Invites | Tab::Audit) {
        l.zone_note = format!("Times are in {}, {whose}.", by.zone().name());
    }
    l.org = Some(OrgShell {
        name: org.name.clone(),
        slug: org.slug.clone(),
        initials: initials(&org.name),
        hue: hue(org.id.raw()),
        archived: org.archived,
        tab,
        tabs,
        pending_invites: pending,
        switcher: switcher(&places, Some(&org.slug)),
        more,
    });
    if let Some(menu) = &mut l.person {
        menu.manage_href = Some(by.path("/members"));
        (menu.pending_invitations, menu.unread) = waiting;
    }
    l
}

/// The frame of a page of the enterprise portal.
pub async fn enterprise<P: Right>(
    app: &App,
    ctx: &Ctx,
    by: &EnterpriseCan<P>,
    title: &str,
    tab: EnterpriseTab,
) -> Result<Layout> {
    let mut l = outside(app, ctx, title);
    let mut db = app.db.read();
    let Some(person) = by.person() else { return Ok(l) };
    let mut places = store::list_places(&mut db, person).await?;
    let more = places.len() > store::SWITCHER;
    places.truncate(store::SWITCHER);
    let links = [
        (EnterpriseTab::Overview, "/e", by.may(Permission::EnterpriseRead)),
        (EnterpriseTab::Users, "/e/users", by.may(Permission::EnterpriseRead)),
        (
            EnterpriseTab::Organizations,
            "/e/organizations",
            by.may(Permission::EnterpriseRead),
        ),
        (EnterpriseTab::Roles, "/e/roles", by.may(Permission::EnterpriseRead)),
        (EnterpriseTab::Outbox, "/e/outbox", by.may(Permission::OperateMail)),
        (EnterpriseTab::Audit, "/e/audit", by.may(Permission::EnterpriseAudit)),
        (
            EnterpriseTab::Settings,
            "/e/settings",
            by.may(Permission::EnterpriseSettings),
        ),
    ];
    let links = links
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(tab, href, _)| EnterpriseLink {
            tab,
            href: href.to_owned(),
            count: None,
        })
        .collect();
    let name = store::find_enterprise_name(&mut db).await?;
    l.enterprise = Some(EnterpriseShell {
        initials: initials(&name),
        hue: 1,
        name,
        current: tab,
        links,
        switcher: switcher(&places, None),
        more,
    });
    if let Some(menu) = &mut l.person {
        menu.manage_href = places
            .iter()
            .find(|place| place.is_primary == Some(true))
            .or(places.first())
            .map(|place| format!("/o/{}/members", place.slug));
        (menu.pending_invitations, menu.unread) = store::count_waiting(&mut db, person, app.clock.now()).await?;
    }
    Ok(l)
}

fn switcher(places: &[store::Place], current: Option<&str>) -> Vec<SwitchEntry> {
    places
        .iter()
        .map(|place| SwitchEntry {
            name: place.name.clone(),
            href: format!("/o/{}/members", place.slug),
            note: place.role.map_or("Enterprise access", Role::title).to_owned(),
            initials: initials(&place.name),
            hue: hue(place.id.raw()),
            current: current == Some(place.slug.as_str()),
        })
        .collect()
}
