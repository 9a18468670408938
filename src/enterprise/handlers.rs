//! The pages of the Enterprise Portal.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    forms::{EnterpriseForm, NewOrgForm, OrgSearch, PeopleSearch, RenameForm},
    overview::{self, Figures},
    people::{self, OrgFilter, PeopleFilter, Person, Place},
    store::{self, Listed, SortBy},
    views::{
        Archive, Bar, Breakdown, EditOrganization, Event, Grant, NewOrganization, Organization, Organizations,
        Overview, Part, Settings, User, Users,
    },
};
use crate::{
    access::{
        EnterpriseCan, EnterpriseRole, Permission, Right, Role,
        permission::{EnterpriseRead, EnterpriseSettings, OrgManage},
    },
    app::App,
    audit,
    clock::Zone,
    db::Read,
    error::{Error, Result},
    ids::{MemberId, OrgId},
    orgs::{self, Enterprise, NewOrg, Org},
    shell,
    web::{
        filters,
        form::{FieldErrors, Form, Query},
        layout::{Chip, Choice, EnterpriseTab, Fact, FilterLink, Sort, hue, initials},
        list::{self, Slice, cursor, href},
        request::Ctx,
        respond::{done_to, page, page_with, said},
    },
};

const USERS: &str = "/e/users";
const ORGANIZATIONS: &str = "/e/organizations";
/// The statuses a person's filter knows: number, stable name, word, class.
const STATUSES: [(i64, &str, &str, &str); 4] = [
    (1, "active", "Active", "ok"),
    (2, "inactive", "Inactive", ""),
    (3, "suspended", "Suspended", "warn"),
    (4, "disabled", "Disabled", "bad"),
];

async fn enterprise(db: &mut impl Read) -> Result<Enterprise> {
    orgs::find_enterprise(db).await?.ok_or(Error::NotFound)
}

/// The figures.
pub async fn overview(app: Data<App>, by: EnterpriseCan<EnterpriseRead>, ctx: Ctx) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let (found, now) = (enterprise(&mut db).await?, app.clock.now());
    let zone = Zone::find_or_utc(&found.zone);
    let figures = overview::count(&mut db, &zone, now).await?;
    let may_audit = by.may(Permission::EnterpriseAudit);
    let lines = if may_audit {
        audit::latest(&mut db, None, 6).await?
    } else {
        Vec::new()
    };
    let events = lines.iter().map(|line| {
        let words = line.words(&zone);
        Event {
            icon: words.icon,
            tone: words.tone,
            text: words.text,
            at: filters::ago(now.micros(), line.at.micros(), &zone.tz()),
            iso: filters::iso(line.at.micros()),
            detail: line.actor_name.clone(),
        }
    });
    let largest = figures.largest.first().map_or(0, |size| size.n);
    let newest = figures.months.iter().map(|month| month.1).max().unwrap_or(0);
    let shown = figures.largest.len() as i64;
    let archived = if figures.archived > 0 {
        format!(", {} archived", figures.archived)
    } else {
        String::new()
    };
    page(&Overview {
        l: shell::enterprise(&app, &ctx, &by, "Overview", EnterpriseTab::Overview).await?,
        enterprise: found.name,
        today: filters::long_date(now.micros(), &zone.tz()),
        new_href: by.may(Permission::OrgManage).then(|| format!("{ORGANIZATIONS}/new")),
        total: format!("{} Total Members", filters::number(figures.people)),
        across: format!(
            "across {}{archived}",
            filters::plural(figures.organizations, "organization", "organizations")
        ),
        memberships: filters::number(figures.memberships),
        active: filters::number(figures.active_people),
        inactive: filters::number(figures.people - figures.active_people),
        several: filters::number(figures.several),
        invited: filters::number(figures.invited),
        is_empty: figures.memberships == 0,
        organizations: figures
            .largest
            .iter()
            .map(|size| Bar {
                label: size.name.clone(),
                href: format!("/o/{}/members", size.slug),
                count: filters::number(size.n),
                share: share(size.n, largest),
            })
            .collect(),
        by_organization_note: if shown < figures.organizations {
            format!("The {shown} largest of {}.", filters::number(figures.organizations))
        } else {
            "Memberships; a person in two organizations counts in both.".to_owned()
        },
        months: figures
            .months
            .iter()
            .map(|(start, n)| Bar {
                label: filters::month(start.micros(), &zone.tz()),
                href: String::new(),
                count: filters::number(*n),
                share: share(*n, newest),
            })
            .collect(),
        breakdowns: breakdowns(&figures),
        events: events.collect(),
        audit_href: may_audit.then(|| "/e/audit".to_owned()),
    })
}

fn share(part: i64, whole: i64) -> String {
    if whole <= 0 {
        "0".to_owned()
    } else {
        format!("{:.1}", part as f64 * 100.0 / whole as f64)
    }
}

fn breakdowns(figures: &Figures) -> Vec<Breakdown> {
    let whole = figures.memberships;
    let parts = |counts: Vec<(&'static str, i64)>| {
        let mut done = 0;
        counts
            .into_iter()
            .enumerate()
            .map(|(place, (label, n))| {
                let part = Part {
                    label,
                    count: filters::number(n),
                    percent: filters::percent(n, whole),
                    x: share(done, whole),
                    width: share(n, whole),
                    series: place + 1,
                };
                done += n;
                part
            })
            .collect()
    };
    vec![
        Breakdown {
            id: "role",
            title: "By Role",
            note: "Org Admins are admins; Managers, Developers and Members create; Viewers view.",
            parts: parts(vec![
                ("Admins", figures.with_roles(&[Role::Administrator])),
                (
                    "Creators",
                    figures.with_roles(&[Role::Manager, Role::Developer, Role::Member]),
                ),
                ("Viewers", figures.with_roles(&[Role::Viewer])),
            ]),
        },
        Breakdown {
            id: "status",
            title: "By Status",
            note: "Inactive members have no private context yet.",
            parts: parts(
                STATUSES
                    .iter()
                    .map(|(number, _, word, _)| (*word, figures.with_status(*number)))
                    .collect(),
            ),
        },
    ]
}

fn find_status(key: &str) -> Option<i64> {
    STATUSES.iter().find(|status| status.1 == key).map(|status| status.0)
}

impl PeopleSearch {
    fn href(&self, change: impl FnOnce(&mut Self)) -> String {
        self.href_to(change, &[])
    }
    fn href_to(&self, change: impl FnOnce(&mut Self), place: &[(&str, &str)]) -> String {
        let mut other = self.clone();
        change(&mut other);
        let mut pairs = vec![
            ("q", other.q.as_str()),
            ("organization", &other.organization),
            ("role", &other.role),
            ("status", &other.status),
            ("several", &other.several),
            ("sort", &other.sort),
        ];
        pairs.extend_from_slice(place);
        href(USERS, &pairs)
    }
}

fn place_of<Key: serde::de::DeserializeOwned>(before: &str, after: &str) -> Place<Key> {
    match list::place(before) {
        Some(beside) => Place {
            backwards: true,
            beside: Some(beside),
        },
        None => Place {
            backwards: false,
            beside: list::place(after),
        },
    }
}

/// The people over all organizations.
pub async fn users(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRead>,
    ctx: Ctx,
    query: Query<PeopleSearch>,
) -> Result<HttpResponse> {
    let (search, mut db, now) = (query.0, app.db.read(), app.clock.now());
    let zone = Zone::find_or_utc(&enterprise(&mut db).await?.zone);
    let org = if search.organization.is_empty() {
        None
    } else {
        // An organization that is not there has nobody, which is no error of a list.
        Some(
            orgs::find_by_slug(&mut db, &search.organization)
                .await
                .map_or(OrgId::from_raw(-1), |org| org.id),
        )
    };
    let filter = PeopleFilter {
        words: search.q.clone(),
        org,
        role: Role::find(&search.role),
        status: find_status(&search.status),
        several: search.several == "1",
    };
    let descending = search.sort == "-name";
    let place = place_of::<(String, MemberId)>(&search.before, &search.after);
    let found = people::page(&mut db, &filter, descending, place).await?;
    let names = store::list_names(&mut db).await?;
    let figures = overview::count(&mut db, &zone, now).await?;
    let granted = store::list_granted(&mut db).await?;
    let beside = |name: &'static str, person: Option<&Person>| {
        person.map(|person| {
            let at = cursor(&(&person.listing.name_key, person.listing.id));
            search.href_to(|_| {}, &[(name, &at)])
        })
    };
    let shown = Users {
        l: shell::enterprise(&app, &ctx, &by, "Users", EnterpriseTab::Users).await?,
        partial: ctx.hx.on,
        path: USERS.to_owned(),
        total: figures.people,
        across: filters::plural(figures.organizations, "organization", "organizations"),
        statuses: statuses(&search),
        organizations: choices(names.into_iter(), &search.organization),
        roles: choices(
            Role::ALL
                .iter()
                .map(|role| (role.key().to_owned(), role.title().to_owned())),
            &search.role,
        ),
        several: (search.several != "1").then(|| search.href(|search| "1".clone_into(&mut search.several))),
        without_organization: search.href(|search| search.organization.clear()),
        without_role: search.href(|search| search.role.clear()),
        chips: chips(&search),
        by_name: Sort {
            href: search.href(|search| {
                if descending {
                    search.sort.clear();
                } else {
                    "-name".clone_into(&mut search.sort);
                }
            }),
            direction: if descending { "descending" } else { "ascending" },
        },
        range: filters::plural(found.rows.len() as i64, "user", "users"),
        previous: beside("before", found.rows.first().filter(|_| found.before)),
        next: beside("after", found.rows.last().filter(|_| found.after)),
        rows: found
            .rows
            .iter()
            .map(|person| user(person, now.micros(), &zone))
            .collect(),
        granted: granted
            .into_iter()
            .map(|one| Grant {
                initials: initials(&one.name),
                hue: hue(one.id.raw()),
                role: one.enterprise_role.title(),
                name: one.name,
                email: one.email,
            })
            .collect(),
        search,
    };
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

fn statuses(search: &PeopleSearch) -> Vec<FilterLink> {
    let link = |id, label, key: &'static str| FilterLink {
        id,
        label,
        count: None,
        href: search.href(|search| key.clone_into(&mut search.status)),
        current: find_status(&search.status) == find_status(key),
    };
    let all = std::iter::once(link("all", "All", ""));
    all.chain(STATUSES.iter().map(|(_, key, word, _)| link(key, word, key)))
        .collect()
}

fn choices(pairs: impl Iterator<Item = (String, String)>, current: &str) -> Vec<Choice> {
    pairs
        .map(|(value, label)| Choice {
            selected: value == current,
            value,
            label,
        })
        .collect()
}

fn chips(search: &PeopleSearch) -> Vec<Chip> {
    let mut chips = Vec::new();
    if !search.organization.is_empty() {
        chips.push(Chip {
            label: format!("Organization: {}", search.organization),
            remove: search.href(|search| search.organization.clear()),
        });
    }
    if let Some(role) = Role::find(&search.role) {
        chips.push(Chip {
            label: format!("Role: {}", role.title()),
            remove: search.href(|search| search.role.clear()),
        });
    }
    if search.several == "1" {
        chips.push(Chip {
            label: "In 2+ organizations".to_owned(),
            remove: search.href(|search| search.several.clear()),
        });
    }
    chips
}

fn user(person: &Person, now: i64, zone: &Zone) -> User {
    let listing = &person.listing;
    let (_, _, word, class) = STATUSES
        .iter()
        .find(|status| status.0 == person.status())
        .unwrap_or(&STATUSES[1]);
    let last = person
        .belongings
        .iter()
        .map(|one| one.last_active_at.micros())
        .max()
        .unwrap_or(0);
    let place = |one: &store::Belonging| super::views::Place {
        name: one.organization.clone(),
        href: format!("/o/{}/members/{}", one.slug, one.id),
        role: one.role.title(),
        is_primary: one.is_primary,
    };
    let places: Vec<_> = person.belongings.iter().map(place).collect();
    User {
        name: listing.name.clone(),
        email: listing.email.clone(),
        initials: initials(&listing.name),
        hue: hue(listing.user_id.raw()),
        href: places.first().map_or_else(String::new, |place| place.href.clone()),
        note: listing.enterprise_role.map_or("", EnterpriseRole::title).to_owned(),
        places,
        status: word,
        status_class: class,
        last_active: if last > 0 {
            filters::ago(now, last, &zone.tz())
        } else {
            "Never".to_owned()
        },
        last_active_iso: if last > 0 { filters::iso(last) } else { String::new() },
    }
}

impl OrgSearch {
    fn href(&self, change: impl FnOnce(&mut Self)) -> String {
        self.href_to(change, &[])
    }
    fn href_to(&self, change: impl FnOnce(&mut Self), place: &[(&str, &str)]) -> String {
        let mut other = self.clone();
        change(&mut other);
        let mut pairs = vec![("q", other.q.as_str()), ("state", &other.state), ("sort", &other.sort)];
        pairs.extend_from_slice(place);
        href(ORGANIZATIONS, &pairs)
    }
    fn sort(&self) -> (SortBy, bool) {
        let (name, descending) = self
            .sort
            .strip_prefix('-')
            .map_or((self.sort.as_str(), false), |name| (name, true));
        match name {
            "members" => (SortBy::Members, descending),
            "created" => (SortBy::Created, descending),
            _ => (SortBy::Name, descending),
        }
    }
    fn head(&self, by: SortBy, key: &'static str) -> Sort {
        let (current, descending) = self.sort();
        let is_on = current == by;
        // Numbers and dates are wanted from the top first.
        let turn = if is_on { !descending } else { by != SortBy::Name };
        Sort {
            href: self.href(|search| search.sort = if turn { format!("-{key}") } else { key.to_owned() }),
            direction: match (is_on, descending) {
                (false, _) => "",
                (true, true) => "descending",
                (true, false) => "ascending",
            },
        }
    }
}

/// The organizations.
pub async fn organizations(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseRead>,
    ctx: Ctx,
    query: Query<OrgSearch>,
) -> Result<HttpResponse> {
    let (search, mut db) = (query.0, app.db.read());
    let zone = Zone::find_or_utc(&enterprise(&mut db).await?.zone);
    let (sort, descending) = search.sort();
    let filter = OrgFilter {
        words: search.q.clone(),
        state: match search.state.as_str() {
            "archived" => 2,
            "all" => 0,
            _ => 1,
        },
        by: sort,
        descending,
    };
    let place = place_of(&search.before, &search.after);
    let found: Slice<Listed> = people::organizations(&mut db, &filter, place).await?;
    let (active, archived) = store::count_organizations(&mut db).await?;
    let state = |id: &'static str, label, count, key: &'static str| FilterLink {
        id,
        label,
        count: Some(count),
        href: search.href(|search| key.clone_into(&mut search.state)),
        current: filter.state
            == match key {
                "archived" => 2,
                "all" => 0,
                _ => 1,
            },
    };
    let beside = |name: &'static str, row: Option<&Listed>| {
        row.map(|row| search.href_to(|_| {}, &[(name, &cursor(&(&row.name_key, row.members, row.id)))]))
    };
    let order = match (sort, descending) {
        (SortBy::Name, false) => "by name",
        (SortBy::Name, true) => "by name, from Z to A",
        (SortBy::Members, false) => "smallest first",
        (SortBy::Members, true) => "largest first",
        (SortBy::Created, false) => "oldest first",
        (SortBy::Created, true) => "newest first",
    };
    let shown = Organizations {
        l: shell::enterprise(&app, &ctx, &by, "Organizations", EnterpriseTab::Organizations).await?,
        partial: ctx.hx.on,
        path: ORGANIZATIONS.to_owned(),
        total: active,
        may_edit: by.may(Permission::OrgManage),
        states: vec![
            state("active", "Active", active, ""),
            state("archived", "Archived", archived, "archived"),
            state("all", "All", active + archived, "all"),
        ],
        by_name: search.head(SortBy::Name, "name"),
        by_members: search.head(SortBy::Members, "members"),
        by_created: search.head(SortBy::Created, "created"),
        order: order.to_owned(),
        range: filters::plural(found.rows.len() as i64, "organization", "organizations"),
        previous: beside("before", found.rows.first().filter(|_| found.before)),
        next: beside("after", found.rows.last().filter(|_| found.after)),
        rows: found.rows.iter().map(|row| organization(row, &zone)).collect(),
        search,
    };
    if ctx.hx.on {
        page(&shown.as_rows())
    } else {
        page(&shown)
    }
}

fn organization(row: &Listed, zone: &Zone) -> Organization {
    Organization {
        id: row.id.to_string(),
        name: row.name.clone(),
        slug: row.slug.clone(),
        href: format!("/o/{}/members", row.slug),
        path: format!("{ORGANIZATIONS}/{}", row.slug),
        initials: initials(&row.name),
        hue: hue(row.id.raw()),
        members: filters::number(row.members),
        admins: if row.admins == 0 {
            "None".to_owned()
        } else {
            filters::number(row.admins)
        },
        has_admin: row.admins > 0,
        archived: row.state != 1,
        created: filters::date(row.created_at.micros(), &zone.tz()),
        created_iso: filters::iso(row.created_at.micros()),
    }
}

/// The form of a new organization.
pub async fn new_organization(app: Data<App>, by: EnterpriseCan<OrgManage>, ctx: Ctx) -> Result<HttpResponse> {
    let found = enterprise(&mut app.db.read()).await?;
    let form = NewOrgForm {
        zone: found.zone,
        support_contact: found.support_contact,
        ..NewOrgForm::default()
    };
    new_page(&app, &by, &ctx, 200, form, FieldErrors::default()).await
}

/// Creates an organization.
pub async fn create_organization(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    form: Form<NewOrgForm>,
) -> Result<HttpResponse> {
    let made = async {
        let mut tx = app.db.write().await?;
        let new = NewOrg {
            name: form.0.name.clone(),
            slug: Some(form.0.slug.clone()),
            zone: form.0.zone.clone(),
            support_contact: form.0.support_contact.clone(),
        };
        let id = orgs::create(&mut tx, &by, new, app.clock.now()).await?;
        let org = orgs::find(&mut tx, id).await?;
        tx.commit().await?;
        Ok(org)
    };
    match made.await {
        Ok(org) => {
            let toast = said(format!("{} was created. Invite its first administrator.", org.name));
            Ok(done_to(&app, &ctx, &toast, &format!("{ORGANIZATIONS}/{}", org.slug)))
        }
        Err(error) => new_page(&app, &by, &ctx, 422, form.0, FieldErrors::take(error)?).await,
    }
}

async fn new_page(
    app: &App,
    by: &EnterpriseCan<OrgManage>,
    ctx: &Ctx,
    status: u16,
    form: NewOrgForm,
    errors: FieldErrors,
) -> Result<HttpResponse> {
    let shown = NewOrganization {
        l: shell::enterprise(app, ctx, by, "New organization", EnterpriseTab::Organizations).await?,
        open: !ctx.hx.on,
        zones: orgs::views::zones(&form.zone),
        host: format!("{}/o/", app.settings.host()),
        form,
        errors,
    };
    if ctx.hx.on {
        page_with(status, &shown.as_dialog())
    } else {
        page_with(status, &shown)
    }
}

/// One organization.
pub async fn edit_organization(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    at: Path<String>,
) -> Result<HttpResponse> {
    let org = orgs::find_by_slug(&mut app.db.read(), &at).await?;
    let form = rename_form(&org);
    page(&edit_page(&app, &by, &ctx, &org, form, FieldErrors::default()).await?)
}

fn rename_form(org: &Org) -> RenameForm {
    RenameForm {
        name: org.name.clone(),
        slug: org.slug.clone(),
        version: org.version,
    }
}

/// Changes name and slug.
pub async fn rename_organization(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    at: Path<String>,
    form: Form<RenameForm>,
) -> Result<HttpResponse> {
    let org = orgs::find_by_slug(&mut app.db.read(), &at).await?;
    let renamed = async {
        let mut tx = app.db.write().await?;
        let version = Some(form.0.version);
        let after = orgs::rename(
            &mut tx,
            &by,
            org.id,
            &form.0.name,
            &form.0.slug,
            version,
            app.clock.now(),
        )
        .await?;
        tx.commit().await?;
        Ok(after)
    };
    match renamed.await {
        Ok(after) => {
            let toast = said(format!("{} saved.", after.name));
            Ok(done_to(&app, &ctx, &toast, &format!("{ORGANIZATIONS}/{}", after.slug)))
        }
        Err(Error::Conflict(why)) => {
            let current = orgs::find(&mut app.db.read(), org.id).await?;
            let form = rename_form(&current);
            let mut shown = edit_page(&app, &by, &ctx, &current, form, FieldErrors::default()).await?;
            shown.conflict = why;
            page_with(409, &shown)
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            page_with(422, &edit_page(&app, &by, &ctx, &org, form.0, errors).await?)
        }
    }
}

async fn edit_page(
    app: &App,
    by: &EnterpriseCan<OrgManage>,
    ctx: &Ctx,
    org: &Org,
    form: RenameForm,
    errors: FieldErrors,
) -> Result<EditOrganization> {
    let mut db = app.db.read();
    let zone = Zone::find_or_utc(&org.zone);
    let members = store::count_members(&mut db, org.id).await?;
    let admins = store::count_admins(&mut db, org.id).await?;
    let open = store::count_open_invitations(&mut db, org.id, app.clock.now()).await?;
    let fact = |label, value| Fact { label, value };
    Ok(EditOrganization {
        l: shell::enterprise(app, ctx, by, &org.name, EnterpriseTab::Organizations).await?,
        path: format!("{ORGANIZATIONS}/{}", org.slug),
        href: org.path("/members"),
        invite_href: (admins == 0 && !org.is_archived()).then(|| org.path("/invites")),
        current_name: org.name.clone(),
        form,
        errors,
        conflict: String::new(),
        host: format!("{}/o/", app.settings.host()),
        archived: org.is_archived(),
        facts: vec![
            fact("Members", filters::number(members)),
            fact(
                "Org Admins",
                if admins == 0 {
                    "None".to_owned()
                } else {
                    filters::number(admins)
                },
            ),
            fact("Open invitations", filters::number(open)),
            fact("Time zone", org.zone.clone()),
            fact("Support contact", org.support_contact.clone()),
            fact("Created", filters::date(org.created_at.micros(), &zone.tz())),
        ],
    })
}

/// What archiving ends and what stays.
pub async fn new_archive(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    at: Path<String>,
) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let org = orgs::find_by_slug(&mut db, &at).await?;
    if org.is_archived() {
        return Err(Error::conflict(format!("{} is archived already.", org.name)));
    }
    let members = store::count_members(&mut db, org.id).await?;
    let open = store::count_open_invitations(&mut db, org.id, app.clock.now()).await?;
    let path = format!("{ORGANIZATIONS}/{}", org.slug);
    let shown = Archive {
        l: shell::enterprise(&app, &ctx, &by, "Archive", EnterpriseTab::Organizations).await?,
        open: !ctx.hx.on,
        action: format!("{path}/archive"),
        back: path,
        ends: format!(
            "{} can look but no longer change anything or use the platform through it. {} can not be accepted until it is restored.",
            filters::plural(members, "member", "members"),
            match open {
                0 => "Invitations".to_owned(),
                n => filters::plural(n, "open invitation", "open invitations"),
            }
        ),
        stays:
            "Members, roles, settings and the audit log. An Enterprise Administrator can restore all of it at any time."
                .to_owned(),
        name: org.name,
        slug: org.slug,
    };
    if ctx.hx.on {
        page(&shown.as_dialog())
    } else {
        page(&shown)
    }
}

/// Archives an organization.
pub async fn create_archive(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    at: Path<String>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let org = orgs::find_by_slug(&mut tx, &at).await?;
    let org = orgs::archive(&mut tx, &by, org.id, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} is archived and read-only.", org.name));
    Ok(done_to(&app, &ctx, &toast, &format!("{ORGANIZATIONS}/{}", org.slug)))
}

/// Restores an organization.
pub async fn delete_archive(
    app: Data<App>,
    by: EnterpriseCan<OrgManage>,
    ctx: Ctx,
    at: Path<String>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    let org = orgs::find_by_slug(&mut tx, &at).await?;
    let org = orgs::restore(&mut tx, &by, org.id, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} is restored. Its members can work again.", org.name));
    Ok(done_to(&app, &ctx, &toast, &format!("{ORGANIZATIONS}/{}", org.slug)))
}

/// The settings of the enterprise.
pub async fn settings(app: Data<App>, by: EnterpriseCan<EnterpriseSettings>, ctx: Ctx) -> Result<HttpResponse> {
    let form = enterprise_form(enterprise(&mut app.db.read()).await?);
    settings_page(&app, &by, &ctx, 200, form, FieldErrors::default(), String::new()).await
}

fn enterprise_form(found: Enterprise) -> EnterpriseForm {
    EnterpriseForm {
        name: found.name,
        support_contact: found.support_contact,
        zone: found.zone,
        version: found.version,
    }
}

/// Saves the settings of the enterprise.
pub async fn update_settings(
    app: Data<App>,
    by: EnterpriseCan<EnterpriseSettings>,
    ctx: Ctx,
    form: Form<EnterpriseForm>,
) -> Result<HttpResponse> {
    let saved = async {
        let EnterpriseForm {
            name,
            support_contact,
            zone,
            version,
        } = &form.0;
        let mut tx = app.db.write().await?;
        let now = app.clock.now();
        let after = orgs::update_enterprise(&mut tx, &by, name, support_contact, zone, *version, now).await?;
        tx.commit().await?;
        Ok(after)
    };
    match saved.await {
        Ok(after) => Ok(done_to(
            &app,
            &ctx,
            &said(format!("Settings of {} saved.", after.name)),
            "/e/settings",
        )),
        Err(Error::Conflict(why)) => {
            let current = enterprise_form(enterprise(&mut app.db.read()).await?);
            settings_page(&app, &by, &ctx, 409, current, FieldErrors::default(), why).await
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            settings_page(&app, &by, &ctx, 422, form.0, errors, String::new()).await
        }
    }
}

async fn settings_page<P: Right>(
    app: &App,
    by: &EnterpriseCan<P>,
    ctx: &Ctx,
    status: u16,
    form: EnterpriseForm,
    errors: FieldErrors,
    conflict: String,
) -> Result<HttpResponse> {
    let shown = Settings {
        l: shell::enterprise(app, ctx, by, "Settings", EnterpriseTab::Settings).await?,
        zones: orgs::views::zones(&form.zone),
        form,
        errors,
        conflict,
    };
    page_with(status, &shown)
}
