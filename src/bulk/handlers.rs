//! The dry run, the deed, and the page of a job.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data, Path},
};

use super::{
    forms::{BulkForm, JobPath, Rows},
    job::{self, Job, Meant, Order},
    kind::{Kind, Reason, Terms},
    store::{self, ItemRow},
    survey::{Looked, Survey, survey},
    views::{DEFAULT_POOL, JobPage, Known, Plan, Shown},
    work::{self, CHUNK},
};
use crate::{
    access::{
        Can, Permission,
        permission::{
            GroupManage, InviteCreate, LimitSet, MemberDisable, MemberManage, MemberRead, MemberSuspend, PoolManage,
            Right, RoleAssign,
        },
    },
    app::App,
    clock::Timestamp,
    credits::{self, Pool},
    db::Reader,
    error::{Error, Result},
    groups::{self, Group},
    ids::{InvitationId, MemberId},
    limits,
    members::{self, picks::Selection},
    shell,
    web::{
        csv,
        form::{FieldErrors, Form, Query},
        layout::{Tab, Toast, Undo},
        request::Ctx,
        respond::{self, said},
    },
};

/// Kinds that need the same right and share an address.
pub trait Family: 'static {
    /// The right.
    type Right: Right;
    /// The last part of the address.
    const PATH: &'static str;
}

macro_rules! families {
    ($($(#[$doc:meta])* $name:ident $right:ident $path:literal),+ $(,)?) => {$(
        $(#[$doc])*
        pub struct $name;
        impl Family for $name {
            type Right = $right;
            const PATH: &'static str = $path;
        }
    )+};
}
families! {
    /// Into groups and out of them.
    Groups GroupManage "groups",
    /// Other roles.
    Roles RoleAssign "roles",
    /// Deactivating and activating.
    Suspensions MemberSuspend "suspensions",
    /// Disabling.
    Disablements MemberDisable "disablements",
    /// Removing.
    Removals MemberManage "removals",
    /// Sending invitations again.
    Resends InviteCreate "resends",
    /// Setting limits.
    Limits LimitSet "limits",
    /// Setting credit pools.
    Pools PoolManage "pools",
}

/// What a dry run and the deed after it both need.
struct Asked {
    kind: Kind,
    meant: Meant,
    groups: Vec<Group>,
    limits: Option<limits::Settings>,
    /// The credit pools to choose from, for what is about them.
    pools: Vec<Pool>,
    survey: Survey,
    /// What is wrong with the limits that were typed, where some were.
    errors: FieldErrors,
    now: Timestamp,
}

async fn ask<F: Family>(app: &App, by: &Can<F::Right>, form: &BulkForm) -> Result<Asked> {
    let kind = form.kind(F::PATH)?;
    let meant = form.meant(kind)?;
    let now = app.clock.now();
    let mut db = app.db.read();
    let groups = match kind {
        Kind::GroupAdd | Kind::GroupRemove => groups::list(&mut db, by.org().id).await?,
        _ => Vec::new(),
    };
    let (mut limits, mut wish, mut errors) = (None, None, FieldErrors::default());
    if kind == Kind::Limit {
        let settings = limits::settings::find(&mut db, by.org()).await?;
        if !form.monthly_mode.is_empty() {
            match form.limit().wish_for_many(&settings, now) {
                Ok(typed) => wish = Some(typed),
                Err(faults) => errors = faults,
            }
        }
        limits = Some(settings);
    }
    let mut pools = Vec::new();
    if kind == Kind::Pool {
        pools = credits::pool::list(&mut db, by.org().id).await?;
        pools.retain(|pool| pool.archived_at.is_none());
    }
    let of = Looked {
        kind,
        limits: limits.as_ref().map(|settings| (settings, wish.as_ref())),
    };
    let survey = survey(&mut db, by, of, &meant, CHUNK, now).await?;
    Ok(Asked {
        kind,
        meant,
        groups,
        limits,
        pools,
        survey,
        errors,
        now,
    })
}

async fn window<F: Family>(
    app: &App,
    by: &Can<F::Right>,
    ctx: &Ctx,
    asked: &Asked,
    form: &BulkForm,
    errors: FieldErrors,
) -> Result<Plan> {
    let l = shell::org(app, ctx, by, asked.kind.label(), tab(asked.kind)).await?;
    Ok(Plan::new(
        l,
        !ctx.hx.on,
        by,
        asked.kind,
        &Known {
            meant: &asked.meant,
            groups: &asked.groups,
            limits: asked.limits.as_ref(),
            pools: &asked.pools,
            survey: &asked.survey,
            form,
            now: asked.now,
        },
        errors,
    ))
}

fn answer(ctx: &Ctx, status: u16, plan: &Plan) -> Result<HttpResponse> {
    if ctx.hx.on {
        respond::page_with(status, &plan.as_dialog())
    } else {
        respond::page_with(status, plan)
    }
}

const fn tab(kind: Kind) -> Tab {
    match kind {
        Kind::Resend => Tab::Invites,
        _ => Tab::Members,
    }
}

/// The terms with the credit pool that was chosen.
fn chosen(value: &str, pools: &[Pool], terms: Terms) -> std::result::Result<Terms, FieldErrors> {
    if value == DEFAULT_POOL {
        return Ok(Terms {
            pool: None,
            pool_words: "the organization’s default".to_owned(),
            ..terms
        });
    }
    match pools.iter().find(|pool| pool.id.to_string() == value) {
        Some(pool) => Ok(Terms {
            pool: Some(pool.id),
            pool_words: pool.name.clone(),
            ..terms
        }),
        None => Err(FieldErrors::one("pool", "Choose one of the credit pools in the list.")),
    }
}

/// The dry run: what would become of whom. Changes nothing.
pub async fn check<F: Family>(
    app: Data<App>,
    by: Can<F::Right>,
    ctx: Ctx,
    form: Form<BulkForm>,
) -> Result<HttpResponse> {
    let asked = ask::<F>(&app, &by, &form.0).await?;
    let status = if asked.errors.is_empty() { 200 } else { 422 };
    let plan = window::<F>(&app, &by, &ctx, &asked, &form.0, asked.errors.clone()).await?;
    answer(&ctx, status, &plan)
}

/// The deed: some hundreds at once, more as a job.
pub async fn run<F: Family>(app: Data<App>, by: Can<F::Right>, ctx: Ctx, form: Form<BulkForm>) -> Result<HttpResponse> {
    let asked = ask::<F>(&app, &by, &form.0).await?;
    let terms = form.0.terms(
        &by,
        asked.kind,
        &asked.survey,
        &asked.groups,
        asked.limits.as_ref(),
        asked.now,
    );
    let terms = terms.and_then(|terms| match asked.kind {
        Kind::Pool => chosen(&form.0.pool, &asked.pools, terms),
        _ => Ok(terms),
    });
    let terms = match terms {
        Ok(terms) => terms,
        Err(errors) => {
            let plan = window::<F>(&app, &by, &ctx, &asked, &form.0, errors).await?;
            return answer(&ctx, 422, &plan);
        }
    };
    let (total, few) = (asked.survey.total, asked.survey.ids);
    let is_small = few.is_some() && total <= CHUNK as i64;
    let order = Order {
        kind: asked.kind,
        title: asked.kind.title(&terms, &asked.groups),
        meant: match few {
            Some(ids) => these(asked.kind, ids),
            None => asked.meant,
        },
        terms,
        total,
    };
    let mut tx = app.db.write().await?;
    let mut job = job::order(&mut tx, &by, order, asked.now).await?;
    if is_small {
        job = work::finish(&mut tx, &app, &by, job, asked.now).await?;
    }
    tx.commit().await?;
    Ok(way_on(&app, &by, &ctx, &job, Some(form.0.list())))
}

fn these(kind: Kind, ids: Vec<i64>) -> Meant {
    if kind == Kind::Resend {
        Meant::Invitations(ids.into_iter().map(InvitationId::from_raw).collect())
    } else {
        Meant::Members(Selection::Ids(ids.into_iter().map(MemberId::from_raw).collect()))
    }
}

/// Back to the list with a message, when everything was done and can be taken back; else to the job's page, which tells more.
fn way_on<P>(app: &App, by: &Can<P>, ctx: &Ctx, job: &Job, list: Option<String>) -> HttpResponse {
    let page = by.path(&format!("/bulk/{}", job.id));
    let is_whole = job.state == job::State::Done && job.changed == job.total;
    if let Some(list) = list.filter(|_| is_whole && job.kind.inverse().is_some()) {
        let undo = Undo {
            label: "Undo".to_owned(),
            action: undo_path(by, job),
        };
        let toast = Toast {
            undo: Some(undo),
            ..said(format!("{}.", job.kind.done(job.changed, &job.title)))
        };
        return respond::done_to(app, ctx, &toast, &members::with(&by.path("/members"), &list));
    }
    go(ctx, &page)
}

fn go(ctx: &Ctx, path: &str) -> HttpResponse {
    if ctx.hx.on {
        return HttpResponse::Ok().insert_header(("hx-redirect", path)).finish();
    }
    respond::redirect(path)
}

fn undo_path<P>(by: &Can<P>, job: &Job) -> String {
    by.path(&format!("/bulk/{}/{}/undo", job.kind.path(), job.id))
}

/// The page of a job: how far it is, and what became of whom.
pub async fn show(
    app: Data<App>,
    by: Can<MemberRead>,
    at: Path<JobPath>,
    ctx: Ctx,
    rows: Query<Rows>,
) -> Result<HttpResponse> {
    const PAGE: usize = 50;
    let mut db = app.db.read();
    let job = job::find(&mut db, by.org().id, at.id()?).await?;
    let is_told = tells(&by, &job);
    let only_left = rows.0.show == "left";
    let after = rows.0.after.parse::<MemberId>().map_or(0, MemberId::raw);
    let mut items = Vec::new();
    if is_told && !job.state.is_open() {
        items = store::list_items(&mut db, &job, after, only_left, PAGE as i64 + 1).await?;
    }
    let more = items.len() > PAGE;
    items.truncate(PAGE);
    let l = shell::org(&app, &ctx, &by, &job.title, tab(job.kind)).await?;
    let page = JobPage::new(
        l,
        &by,
        &job,
        &Shown {
            items: &items,
            more,
            only_left,
            is_told,
            undo: undo_path(&by, &job),
            now: app.clock.now(),
        },
    );
    if ctx.hx.on {
        respond::page(&page.as_status())
    } else {
        respond::page(&page)
    }
}

/// Whether names are told: to whoever ordered it, and to those who look after members.
fn tells(by: &Can<MemberRead>, job: &Job) -> bool {
    by.may(Permission::MemberSuspend) || by.user_id() == job.user_id
}

/// Stops a job.
pub async fn stop<F: Family>(app: Data<App>, by: Can<F::Right>, at: Path<JobPath>, ctx: Ctx) -> Result<HttpResponse> {
    let id = at.id()?;
    let mut tx = app.db.write().await?;
    of_family::<F>(&job::find(&mut tx, by.org().id, id).await?)?;
    let job = job::stop(&mut tx, &by, id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(go(&ctx, &by.path(&format!("/bulk/{}", job.id))))
}

/// Takes a job back.
pub async fn undo<F: Family>(app: Data<App>, by: Can<F::Right>, at: Path<JobPath>, ctx: Ctx) -> Result<HttpResponse> {
    let (id, now) = (at.id()?, app.clock.now());
    let mut tx = app.db.write().await?;
    of_family::<F>(&job::find(&mut tx, by.org().id, id).await?)?;
    let mut job = job::undo(&mut tx, &by, id, now).await?;
    if job.total <= CHUNK as i64 {
        job = work::finish(&mut tx, &app, &by, job, now).await?;
    }
    tx.commit().await?;
    Ok(go(&ctx, &by.path(&format!("/bulk/{}", job.id))))
}

fn of_family<F: Family>(job: &Job) -> Result<()> {
    if job.kind.path() == F::PATH {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// Those who were not changed, with the reason, as a file that is read as fast as it is taken.
pub async fn failures(app: Data<App>, by: Can<MemberSuspend>, at: Path<JobPath>) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let job = job::find(&mut db, by.org().id, at.id()?).await?;
    let stream = futures_util::stream::try_unfold((db, job, Some(0_i64)), |(mut db, job, next)| async move {
        let Some(after) = next else { return Ok(None) };
        let (text, next) = failed_lines(&mut db, &job, after).await?;
        Ok::<_, Error>(Some((Bytes::from(text), (db, job, next))))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"not-changed.csv\""))
        .streaming(stream))
}

async fn failed_lines(db: &mut Reader, job: &Job, after: i64) -> Result<(Vec<u8>, Option<i64>)> {
    const LINES: usize = 1_000;
    let items = store::list_items(db, job, after, true, LINES as i64).await?;
    let next = items
        .last()
        .filter(|_| items.len() == LINES)
        .map(|item| item.subject_id);
    let head: &[&str] = if after == 0 { &["Name", "Email", "Reason"] } else { &[] };
    let lines = items.iter().map(|item| {
        vec![
            item.name.clone().unwrap_or_default(),
            item.email.clone().unwrap_or_default(),
            words(item, job).to_owned(),
        ]
    });
    Ok((csv::lines(head, lines)?, next))
}

/// What became of one, in words.
pub fn words(item: &ItemRow, job: &Job) -> &'static str {
    match item.outcome {
        0 if job.state.is_open() => "Waits",
        0 => "Not done, because it was stopped",
        1 => "Done",
        _ => Reason::of(item.reason).words(job.kind),
    }
}

/// The terms of a job.
pub fn terms(job: &Job) -> Terms {
    serde_json::from_str(&job.terms).unwrap_or_default()
}
