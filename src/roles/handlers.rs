//! The pages of an organization's roles.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    explain::{self, Subject},
    forms::{AccessQuery, DeletionForm, HoldersQuery, HostForm, NewQuery, RoleForm, RolePath},
    host,
    role::{self, CustomRole},
    views::{
        Access, AnswerView, Candidate, Catalogue, Delete, Edit, HolderRow, HostRow, Index, Matrix, RoleRow, Show,
        permission_choices, sections,
    },
};
use crate::{
    access::{
        Can, Class, Permission, Permissions, Role,
        permission::{Right, RoleManage, RoleRead},
    },
    app::App,
    error::{Error, Result},
    groups,
    ids::{MemberId, RoleId},
    members::{
        list::{self, Query as MembersQuery},
        member,
    },
    shell,
    web::{
        filters::plural,
        form::{FieldErrors, Form, Query},
        layout::{Choice, Layout, Tab},
        list::{PAGE, cursor, place},
        request::Ctx,
        respond::{self, said},
    },
};

async fn frame<P: Right>(app: &App, ctx: &Ctx, by: &Can<P>, title: &str) -> Result<Layout> {
    shell::org(app, ctx, by, title, Tab::Roles).await
}

/// The list.
pub async fn index(app: Data<App>, by: Can<RoleRead>, ctx: Ctx) -> Result<HttpResponse> {
    let (path, members) = (by.path("/roles"), by.path("/members"));
    let mut db = app.db.read();
    let counts = member::counts(&mut db, by.org().id).await?;
    let custom = role::list(&mut db, by.org().id).await?;
    let hosts = host::list(&mut db, by.org().id).await?;
    respond::page(&Index {
        l: frame(&app, &ctx, &by, "Roles").await?,
        organization: by.org().name.clone(),
        access_href: by.path("/access"),
        may_manage: by.may(Permission::RoleManage),
        built_in: Role::ALL
            .into_iter()
            .map(|role| RoleRow::built_in(&path, &members, role, &counts, &hosts))
            .collect(),
        custom: custom.iter().map(|role| RoleRow::custom(&path, role, &hosts)).collect(),
        path,
    })
}

/// What the editor is for.
enum Purpose<'a> {
    New,
    Change(&'a CustomRole),
}

async fn editor(
    app: &App,
    by: &Can<RoleManage>,
    ctx: &Ctx,
    purpose: Purpose<'_>,
    form: RoleForm,
    errors: FieldErrors,
) -> Result<Edit> {
    let path = by.path("/roles");
    let hosts = host::list(&mut app.db.read(), by.org().id).await?;
    let own = by.permissions();
    let chosen = Permissions::read(form.permission.iter().map(String::as_str));
    let (heading, intro, action, back, save) = match purpose {
        Purpose::New => (
            "New role".to_owned(),
            "Permissions for members who need more than their built-in role gives. They add up; nothing takes one away.",
            path.clone(),
            path.clone(),
            "Make role",
        ),
        Purpose::Change(role) => (
            format!("Edit {}", role.name),
            "Takes effect on the next request of everyone who holds it.",
            format!("{path}/{}", role.id),
            format!("{path}/{}", role.id),
            "Save role",
        ),
    };
    Ok(Edit {
        l: frame(app, ctx, by, &heading).await?,
        sections: sections(&hosts, &chosen, |one| own.covers(one)),
        intro: intro.to_owned(),
        path,
        heading,
        action,
        back,
        save,
        form,
        errors,
    })
}

/// The form of a new role, empty or as a copy of another one.
pub async fn new(app: Data<App>, by: Can<RoleManage>, ctx: Ctx, query: Query<NewQuery>) -> Result<HttpResponse> {
    let mut form = RoleForm::default();
    let from = query.0.from.as_str();
    let original = match (Role::find(from), from.parse::<RoleId>()) {
        (Some(role), _) => Some((role.title().to_owned(), String::new(), role.permissions())),
        (None, Ok(id)) => {
            let role = role::find(&mut app.db.read(), by.org().id, id).await?;
            let permits = role.permits();
            Some((role.name, role.description, permits))
        }
        (None, Err(_)) => None,
    };
    if let Some((name, description, permits)) = original {
        let hosts = host::list(&mut app.db.read(), by.org().id).await?;
        let own = by.permissions();
        // What the maker does not have stays behind, because they could not save it.
        form.permission = sections(&hosts, &permits, |one| own.covers(one))
            .into_iter()
            .flat_map(|section| section.items)
            .filter(|item| item.chosen)
            .map(|item| item.key)
            .collect();
        form.name = format!("Copy of {name}");
        form.description = description;
    }
    respond::page(&editor(&app, &by, &ctx, Purpose::New, form, FieldErrors::default()).await?)
}

/// Makes a role.
pub async fn create(app: Data<App>, by: Can<RoleManage>, ctx: Ctx, form: Form<RoleForm>) -> Result<HttpResponse> {
    let made = match form.0.draft() {
        Ok(draft) => {
            let mut tx = app.db.write().await?;
            let made = role::create(&mut tx, &by, &draft, app.clock.now()).await;
            if made.is_ok() {
                tx.commit().await?;
            }
            made
        }
        Err(error) => Err(error),
    };
    match made {
        Ok(id) => {
            let made = role::find(&mut app.db.read(), by.org().id, id).await?;
            let href = by.path(&format!("/roles/{id}"));
            Ok(respond::done_to(
                &app,
                &ctx,
                &said(format!("{} was made.", made.name)),
                &href,
            ))
        }
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &editor(&app, &by, &ctx, Purpose::New, form.0, errors).await?)
        }
    }
}

/// Whether the caller reaches as far as a role, so that changing it can succeed.
fn reaches<P>(by: &Can<P>, role: &CustomRole) -> bool {
    by.may(Permission::RoleManage) && by.permissions().covers(&role.permits())
}

/// One custom role and those who hold it.
pub async fn show(
    app: Data<App>,
    by: Can<RoleRead>,
    at: Path<RolePath>,
    ctx: Ctx,
    query: Query<HoldersQuery>,
) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let (org, path) = (by.org().id, by.path("/roles"));
    let found = role::find(&mut db, org, at.id()?).await?;
    let hosts = host::list(&mut db, org).await?;
    let after: Option<(String, MemberId)> = place(&query.0.after);
    let from = after.as_ref().map(|(key, id)| (key.as_str(), *id));
    let mut holders = role::holders(&mut db, org, found.id, from, PAGE as i64 + 1).await?;
    let more = holders.len() > PAGE;
    holders.truncate(PAGE);
    let href = format!("{path}/{}", found.id);
    let next = holders
        .last()
        .filter(|_| more)
        .map(|last| format!("{href}?after={}#holders", cursor(&(&last.name_key, last.id))));
    let (permits, members) = (found.permits(), by.path("/members"));
    let mut sections = sections(&hosts, &permits, |_| true);
    for section in &mut sections {
        section.items.retain(|item| item.chosen);
    }
    sections.retain(|section| !section.items.is_empty());
    respond::page(&Show {
        l: frame(&app, &ctx, &by, &found.name).await?,
        may_edit: reaches(&by, &found),
        copy_href: by
            .may(Permission::RoleManage)
            .then(|| format!("{path}/new?from={}", found.id)),
        class: Class::of(&permits).title(),
        sections,
        count: plural(found.holders, "member", "members"),
        holders: holders.iter().map(|holder| HolderRow::of(&members, holder)).collect(),
        next,
        is_later: after.is_some(),
        name: found.name,
        description: found.description,
        href,
        path,
    })
}

/// The form that changes a role.
pub async fn edit(app: Data<App>, by: Can<RoleManage>, at: Path<RolePath>, ctx: Ctx) -> Result<HttpResponse> {
    let found = role::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    role::refuse_beyond(&by, &found.permits(), &format!("{} permits", found.name))?;
    let form = RoleForm {
        name: found.name.clone(),
        description: found.description.clone(),
        permission: found.permits().keys(),
        version: found.version,
    };
    let page = editor(&app, &by, &ctx, Purpose::Change(&found), form, FieldErrors::default()).await?;
    respond::page(&page)
}

/// Changes a role.
pub async fn update(
    app: Data<App>,
    by: Can<RoleManage>,
    at: Path<RolePath>,
    ctx: Ctx,
    form: Form<RoleForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let found = role::find(&mut app.db.read(), by.org().id, id).await?;
    let changed = match form.0.draft() {
        Ok(draft) => {
            let mut tx = app.db.write().await?;
            let changed = role::update(&mut tx, &by, id, form.0.version, &draft, app.clock.now()).await;
            if changed.is_ok() {
                tx.commit().await?;
            }
            changed
        }
        Err(error) => Err(error),
    };
    match changed {
        Ok(changed) => Ok(respond::done_to(
            &app,
            &ctx,
            &said(format!("{} was saved.", changed.name)),
            &by.path(&format!("/roles/{id}")),
        )),
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let page = editor(&app, &by, &ctx, Purpose::Change(&found), form.0, errors).await?;
            respond::page_with(422, &page)
        }
    }
}

async fn delete_dialog(
    app: &App,
    by: &Can<RoleManage>,
    ctx: &Ctx,
    found: &CustomRole,
    form: &DeletionForm,
    errors: &FieldErrors,
) -> Result<Delete> {
    let own = by.permissions();
    let others = role::list(&mut app.db.read(), by.org().id).await?;
    let others = others
        .into_iter()
        .filter(|other| other.id != found.id && own.covers(&other.permits()));
    let none = Choice {
        value: String::new(),
        label: "No other role".to_owned(),
        selected: form.instead.is_empty(),
    };
    let href = by.path(&format!("/roles/{}", found.id));
    Ok(Delete {
        l: frame(app, ctx, by, "Delete role").await?,
        open: !ctx.hx.on,
        name: found.name.clone(),
        action: format!("{href}/deletion"),
        back: href,
        holders: if found.holders == 0 {
            String::new()
        } else {
            plural(found.holders, "member", "members")
        },
        instead: std::iter::once(none)
            .chain(others.map(|other| {
                let value = other.id.to_string();
                Choice {
                    selected: form.instead == value,
                    label: other.name,
                    value,
                }
            }))
            .collect(),
        instead_error: errors.of("instead").to_owned(),
        version: found.version,
    })
}

/// The dialog that deletes a role.
pub async fn new_deletion(app: Data<App>, by: Can<RoleManage>, at: Path<RolePath>, ctx: Ctx) -> Result<HttpResponse> {
    let found = role::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let (form, errors) = (DeletionForm::default(), FieldErrors::default());
    let page = delete_dialog(&app, &by, &ctx, &found, &form, &errors).await?;
    if ctx.hx.on {
        respond::page(&page.as_dialog())
    } else {
        respond::page(&page)
    }
}

/// Deletes a role.
pub async fn create_deletion(
    app: Data<App>,
    by: Can<RoleManage>,
    at: Path<RolePath>,
    ctx: Ctx,
    form: Form<DeletionForm>,
) -> Result<HttpResponse> {
    let found = role::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let deleted = match form.0.instead() {
        Ok(instead) => {
            let mut tx = app.db.write().await?;
            let deleted = role::delete(&mut tx, &by, found.id, form.0.version, instead, app.clock.now()).await;
            if deleted.is_ok() {
                tx.commit().await?;
            }
            deleted
        }
        Err(error) => Err(error),
    };
    match deleted {
        Ok(deleted) => Ok(respond::done_to(
            &app,
            &ctx,
            &said(format!("{} was deleted.", deleted.name)),
            &by.path("/roles"),
        )),
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            let page = delete_dialog(&app, &by, &ctx, &found, &form.0, &errors).await?;
            if ctx.hx.on {
                respond::page_with(422, &page.as_dialog())
            } else {
                respond::page_with(422, &page)
            }
        }
    }
}

/// All roles and all permissions.
pub async fn matrix(app: Data<App>, by: Can<RoleRead>, ctx: Ctx) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let custom = role::list(&mut db, by.org().id).await?;
    let hosts = host::list(&mut db, by.org().id).await?;
    let mut columns = Vec::new();
    let mut permits = Vec::new();
    for role in Role::ALL {
        columns.push(role.title().to_owned());
        permits.push(by.org().permissions_of(role));
    }
    for role in custom {
        permits.push(role.permits());
        columns.push(role.name);
    }
    respond::page(&Matrix {
        l: frame(&app, &ctx, &by, "Compare roles").await?,
        path: by.path("/roles"),
        organization: by.org().name.clone(),
        columns,
        groups: Matrix::lines(&permits, &hosts),
    })
}

async fn catalogue_page<P: Right>(
    app: &App,
    by: &Can<P>,
    ctx: &Ctx,
    form: HostForm,
    errors: FieldErrors,
) -> Result<Catalogue> {
    let hosts = host::list(&mut app.db.read(), by.org().id).await?;
    let own = by.permissions();
    let may_manage = by.may(Permission::RoleManage);
    Ok(Catalogue {
        l: frame(app, ctx, by, "Permissions").await?,
        path: by.path("/roles"),
        href: by.path("/roles/permissions"),
        organization: by.org().name.clone(),
        sections: sections(&[], &Permissions::default(), |_| true),
        // Whoever adds a permission has it from then on, which only holds for those who have them all.
        may_manage: may_manage && own.covers(&Role::Administrator.permissions()),
        added: hosts
            .into_iter()
            .map(|host| HostRow {
                may_remove: may_manage && !host.is_shared && own.has_host(&host.key),
                key: host.key,
                title: host.title,
            })
            .collect(),
        form,
        errors,
    })
}

/// The catalogue of permissions.
pub async fn catalogue(app: Data<App>, by: Can<RoleRead>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&catalogue_page(&app, &by, &ctx, HostForm::default(), FieldErrors::default()).await?)
}

/// Adds a permission to the organization's catalogue.
pub async fn create_permission(
    app: Data<App>,
    by: Can<RoleManage>,
    ctx: Ctx,
    form: Form<HostForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    match host::add(&mut tx, &by, &form.0.key, &form.0.title, app.clock.now()).await {
        Ok(()) => {
            tx.commit().await?;
            let toast = said(format!("{} was added to the catalogue.", form.0.key.trim()));
            Ok(respond::done_to(&app, &ctx, &toast, &by.path("/roles/permissions")))
        }
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            respond::page_with(422, &catalogue_page(&app, &by, &ctx, form.0, errors).await?)
        }
    }
}

/// Takes a permission out of the organization's catalogue.
pub async fn destroy_permission(
    app: Data<App>,
    by: Can<RoleManage>,
    ctx: Ctx,
    form: Form<HostForm>,
) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    host::remove(&mut tx, &by, &form.0.key, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("{} was taken out of the catalogue.", form.0.key));
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/roles/permissions")))
}

/// "Why was this denied?".
pub async fn access(app: Data<App>, by: Can<RoleRead>, ctx: Ctx, query: Query<AccessQuery>) -> Result<HttpResponse> {
    let query = query.0;
    let (org, href, now) = (by.org(), by.path("/access"), app.clock.now());
    let mut db = app.db.read();
    let all_groups = groups::list(&mut db, org.id).await?;
    let (mut person_error, mut candidates, mut answer) = (String::new(), Vec::new(), None);
    let mut typed = query.typed();
    // Whoever may not see addresses may neither find by them nor be shown any.
    let sees_addresses = by.may(Permission::MemberDetail);
    let subject = match query.member() {
        Some(id) => match member::find(&mut db, org.id, id).await {
            Ok(member) => Some(Subject::Member(Box::new(member))),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        },
        None if typed.trim().is_empty() => None,
        None => {
            let asked = MembersQuery {
                words: list::words(&typed),
                ..MembersQuery::default()
            };
            let counts = member::counts(&mut db, org.id).await?;
            let found = list::find(&mut db, org.id, &asked, &counts, &all_groups).await?;
            let exact = |email: &str| sees_addresses && email.eq_ignore_ascii_case(typed.trim());
            let mut rows = found.rows;
            rows.retain(|row| sees_addresses || list::has_words(&row.name, &asked.words));
            let only = if rows.len() == 1 {
                rows.first()
            } else {
                rows.iter().find(|row| exact(&row.email))
            };
            match only {
                Some(row) => Some(Subject::Member(Box::new(member::find(&mut db, org.id, row.id).await?))),
                None => {
                    for row in rows.iter().take(10) {
                        let pairs = [
                            ("member", row.id.to_string()),
                            ("permission", query.permission.clone()),
                            ("group", query.group.clone()),
                        ];
                        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                        candidates.push(Candidate {
                            href: crate::web::list::href(&href, &pairs),
                            name: row.name.clone(),
                            email: if sees_addresses {
                                row.email.clone()
                            } else {
                                String::new()
                            },
                        });
                    }
                    let known = match sees_addresses {
                        true => explain::find_overseer(&mut db, &typed).await?,
                        false => None,
                    };
                    known.map(Subject::Overseer)
                }
            }
        }
    };
    if let Some(subject) = &subject {
        if typed.is_empty() {
            typed = if sees_addresses {
                subject.email().to_owned()
            } else {
                subject.name().to_owned()
            };
        }
        if let Some(permission) = Permission::find(&query.permission) {
            let group = query.group();
            let group = all_groups.iter().find(|one| Some(one.id) == group);
            let told = explain::explain(&mut db, org, subject, permission, group, now).await?;
            let member_href = match subject {
                Subject::Member(member) => Some(by.path(&format!("/members/{}", member.id))),
                Subject::Overseer(_) => None,
            };
            answer = Some(AnswerView::of(&told, subject.name(), permission, member_href));
        }
    } else if candidates.is_empty() && !(typed.trim().is_empty() && query.member.is_empty()) {
        person_error = format!("Nobody in {} has this name or address.", org.name);
    }
    let none = Choice {
        value: String::new(),
        label: "No group in particular".to_owned(),
        selected: query.group().is_none(),
    };
    respond::page(&Access {
        l: frame(&app, &ctx, &by, "Why was this denied?").await?,
        path: by.path("/roles"),
        organization: org.name.clone(),
        permissions: permission_choices(&query.permission),
        groups: std::iter::once(none)
            .chain(all_groups.iter().map(|group| Choice {
                value: group.id.to_string(),
                label: group.name.clone(),
                selected: query.group() == Some(group.id),
            }))
            .collect(),
        query: AccessQuery { q: typed, ..query },
        href,
        person_error,
        candidates,
        answer,
    })
}
