//! One pool: its form, its page with its statement, what is put in and taken out, and its end.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data, Path},
};
use serde_json::{Value, json};

use super::{
    super::{
        entry::Entry,
        forms::{ConfirmForm, PoolForm, PoolPath, PutForm, Shown},
        pool::{self, Pool},
        store,
        views::{Archive, Edit, Known, ROWS, Show},
    },
    months, people_of, use_of,
};
use crate::{
    access::{
        Can, Right,
        permission::{PoolManage, PoolRead},
    },
    app::App,
    audit::{self, Action, Entry as Record, Object},
    clock::Timestamp,
    db::Reader,
    error::{Error, Result},
    ids::{MemberId, OrgId, PoolId},
    limits::{Settings, amount::words, settings},
    shell,
    web::{
        csv::{self, Field},
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond::{self, said},
        turns::Turn,
    },
};

/// How many lines of a statement are read at once for a file.
const PART: i64 = 1_000;

fn today(settings: &Settings, now: Timestamp) -> String {
    now.instant().to_zoned(settings.zone().tz()).date().to_string()
}

async fn form_page(
    app: &App,
    by: &Can<PoolManage>,
    ctx: &Ctx,
    there: Option<&Pool>,
    form: PoolForm,
    errors: FieldErrors,
) -> Result<Edit> {
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let list = by.path("/credits");
    let href = there.map_or_else(|| list.clone(), |pool| by.path(&format!("/credits/{}", pool.id)));
    let title = there.map_or_else(|| "New pool".to_owned(), |pool| format!("Edit {}", pool.name));
    Ok(Edit {
        l: shell::org(app, ctx, by, &title, Tab::Credits).await?,
        list_href: list,
        name: there.map_or_else(String::new, |pool| pool.name.clone()),
        action: href.clone(),
        back: href,
        currencies: Edit::currencies(&form.currency),
        modes: Edit::modes(&form.mode),
        form,
        unit: settings.unit.head().to_owned(),
        today: today(&settings, app.clock.now()),
        conflict: String::new(),
        errors,
    })
}

/// The form of a new pool.
pub async fn new(app: Data<App>, by: Can<PoolManage>, ctx: Ctx) -> Result<HttpResponse> {
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let form = PoolForm::new(&settings.currency);
    respond::page(&form_page(&app, &by, &ctx, None, form, FieldErrors::default()).await?)
}

/// Makes a pool.
pub async fn create(app: Data<App>, by: Can<PoolManage>, ctx: Ctx, form: Form<PoolForm>) -> Result<HttpResponse> {
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let made = match form.0.draft(settings.zone(), settings.unit) {
        Ok((draft, granted)) => {
            let mut tx = app.db.write().await?;
            match pool::create(&mut tx, &by, &draft, granted, app.clock.now()).await {
                Ok(id) => tx.commit().await.map(|()| Ok((id, draft.name)))?,
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match made {
        Ok((id, name)) => {
            let toast = said(format!("The credit pool {} was made.", name.trim()));
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/credits/{id}")),
            ))
        }
        Err(errors) => respond::page_with(422, &form_page(&app, &by, &ctx, None, form.0, errors).await?),
    }
}

/// The form of a pool.
pub async fn edit(app: Data<App>, by: Can<PoolManage>, at: Path<PoolPath>, ctx: Ctx) -> Result<HttpResponse> {
    let found = pool::find(&mut app.db.read(), by.org().id, at.id()?).await?;
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    let form = PoolForm::of(&found, settings.zone());
    respond::page(&form_page(&app, &by, &ctx, Some(&found), form, FieldErrors::default()).await?)
}

/// Changes a pool.
pub async fn update(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<PoolPath>,
    ctx: Ctx,
    form: Form<PoolForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let there = pool::find(&mut app.db.read(), by.org().id, id).await?;
    let settings = settings::find(&mut app.db.read(), by.org()).await?;
    // Neither is changed by this form, so neither is sent.
    let form = PoolForm {
        currency: there.currency.clone(),
        mode: there.mode.key().to_owned(),
        grant: String::new(),
        ..form.0
    };
    let saved = match form.draft(settings.zone(), settings.unit) {
        Ok((draft, _)) => {
            let mut tx = app.db.write().await?;
            match pool::update(&mut tx, &by, (id, form.version()), &draft, app.clock.now()).await {
                Ok(saved) => {
                    tx.commit().await?;
                    Ok(saved)
                }
                Err(Error::Conflict(why)) => {
                    drop(tx);
                    let fresh = PoolForm::of(&there, settings.zone());
                    let mut page = form_page(&app, &by, &ctx, Some(&there), fresh, FieldErrors::default()).await?;
                    page.conflict = why;
                    return respond::page_with(409, &page);
                }
                Err(error) => Err(FieldErrors::take(error)?),
            }
        }
        Err(errors) => Err(errors),
    };
    match saved {
        Ok(saved) => {
            let toast = said(format!("The credit pool {} was saved.", saved.name));
            Ok(respond::done_to(
                &app,
                &ctx,
                &toast,
                &by.path(&format!("/credits/{id}")),
            ))
        }
        Err(errors) => respond::page_with(422, &form_page(&app, &by, &ctx, Some(&there), form, errors).await?),
    }
}

async fn page_of<P: Right>(app: &App, by: &Can<P>, ctx: &Ctx, id: PoolId, shown: &Shown) -> Result<Show> {
    let (org, now) = (by.org(), app.clock.now());
    let db = &mut app.db.read();
    let found = pool::find(db, org.id, id).await?;
    let settings = settings::find(db, org).await?;
    let (this, last) = months(&settings, now);
    let before = shown.before();
    let after = shown.people();
    let of_this = store::uses(db, org.id, this).await?;
    let of_last = store::uses(db, org.id, last).await?;
    let people = store::people(db, org.id).await?;
    let most = ROWS as i64 + 1;
    let known = Known {
        this: use_of(&of_this, id),
        last: use_of(&of_last, id),
        sums: &store::sums_by_kind(db, org.id, id).await?,
        entries: &store::list_entries(db, org.id, id, before.unwrap_or(i64::MAX), most).await?,
        count: store::count_entries(db, org.id, id).await?,
        drawers: &if found.archived_at.is_none() {
            let from = after.unwrap_or(MemberId::from_raw(0));
            store::list_drawers(db, org.id, (id, found.is_default), this, from, most).await?
        } else {
            Vec::new()
        },
        people: people_of(&people, id),
        pool: &found,
        settings: &settings,
        now,
    };
    let l = shell::org(app, ctx, by, &found.name, Tab::Credits).await?;
    Ok(Show::new(l, by, &known, (before.is_some(), after.is_some())))
}

/// A pool with its statement and its people.
pub async fn show(
    app: Data<App>,
    by: Can<PoolRead>,
    at: Path<PoolPath>,
    ctx: Ctx,
    shown: Query<Shown>,
) -> Result<HttpResponse> {
    respond::page(&page_of(&app, &by, &ctx, at.id()?, &shown.0).await?)
}

/// What becomes of credits that were put in or taken out: the pool's page, with the form as it was sent where it was refused.
async fn put_done(
    app: &App,
    by: &Can<PoolManage>,
    ctx: &Ctx,
    id: PoolId,
    form: PutForm,
    done: Result<String>,
) -> Result<HttpResponse> {
    let (status, conflict, errors) = match done {
        Ok(text) => {
            let href = by.path(&format!("/credits/{id}"));
            return Ok(respond::done_to(app, ctx, &said(text), &href));
        }
        Err(Error::Conflict(why)) => (409, why, FieldErrors::default()),
        Err(error) => (422, String::new(), FieldErrors::take(error)?),
    };
    let page = page_of(app, by, ctx, id, &Shown::default()).await?;
    respond::page_with(
        status,
        &Show {
            form,
            conflict,
            errors,
            ..page
        },
    )
}

/// Puts credits in.
pub async fn create_grant(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<PoolPath>,
    ctx: Ctx,
    form: Form<PutForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    pool::find(&mut app.db.read(), by.org().id, id).await?;
    let unit = settings::find(&mut app.db.read(), by.org()).await?.unit;
    let done = async {
        let amount = form.0.grant(unit)?;
        let mut tx = app.db.write().await?;
        let of = (id, form.0.version());
        let pool = pool::grant(&mut tx, &by, of, amount, &form.0.note, app.clock.now()).await?;
        tx.commit().await?;
        Ok(format!("{} were granted to {}.", amount.show(unit), pool.name))
    };
    let done = done.await;
    let form = PutForm {
        direction: "add".to_owned(),
        ..form.0
    };
    put_done(&app, &by, &ctx, id, form, done).await
}

/// Puts right what is in it.
pub async fn create_adjustment(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<PoolPath>,
    ctx: Ctx,
    form: Form<PutForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    pool::find(&mut app.db.read(), by.org().id, id).await?;
    let unit = settings::find(&mut app.db.read(), by.org()).await?.unit;
    let done = async {
        let amount = form.0.signed(unit)?;
        let mut tx = app.db.write().await?;
        let of = (id, form.0.version());
        let pool = pool::adjust(&mut tx, &by, of, amount, &form.0.note, app.clock.now()).await?;
        tx.commit().await?;
        Ok(format!("{} was adjusted by {}.", pool.name, words(amount, unit)))
    };
    let done = done.await;
    put_done(&app, &by, &ctx, id, form.0, done).await
}

async fn archive_page(
    app: &App,
    by: &Can<PoolManage>,
    ctx: &Ctx,
    id: PoolId,
    form: ConfirmForm,
    errors: FieldErrors,
) -> Result<Archive> {
    let org = by.org();
    let db = &mut app.db.read();
    let found = pool::find(db, org.id, id).await?;
    let settings = settings::find(db, org).await?;
    let balance = found.balance(store::spent(db, org.id, id).await?);
    let people = store::people(db, org.id).await?;
    let l = shell::org(app, ctx, by, &format!("Archive {}", found.name), Tab::Credits).await?;
    Ok(Archive {
        l,
        list_href: by.path("/credits"),
        back: by.path(&format!("/credits/{id}")),
        balance: words(balance, settings.unit),
        people: crate::web::filters::plural(people_of(&people, id), "member", "members"),
        version: found.version,
        name: found.name,
        form,
        errors,
    })
}

/// The confirmation.
pub async fn new_archive(app: Data<App>, by: Can<PoolManage>, at: Path<PoolPath>, ctx: Ctx) -> Result<HttpResponse> {
    let page = archive_page(
        &app,
        &by,
        &ctx,
        at.id()?,
        ConfirmForm::default(),
        FieldErrors::default(),
    )
    .await?;
    respond::page(&page)
}

/// Archives a pool.
pub async fn create_archive(
    app: Data<App>,
    by: Can<PoolManage>,
    at: Path<PoolPath>,
    ctx: Ctx,
    form: Form<ConfirmForm>,
) -> Result<HttpResponse> {
    let id = at.id()?;
    let there = pool::find(&mut app.db.read(), by.org().id, id).await?;
    if crate::text::fold(&form.0.confirm) != crate::text::fold(&there.name) {
        let errors = FieldErrors::one("confirm", format!("Type the name of the pool: {}.", there.name));
        return respond::page_with(422, &archive_page(&app, &by, &ctx, id, form.0, errors).await?);
    }
    let mut tx = app.db.write().await?;
    let gone = pool::archive(&mut tx, &by, (id, form.0.version()), app.clock.now()).await?;
    tx.commit().await?;
    let toast = said(format!("The credit pool {} was archived.", gone.name));
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/credits")))
}

/// A statement on its way.
struct Stage {
    db: Reader,
    org: OrgId,
    pool: PoolId,
    /// The head, until it is written.
    head: Option<[String; 8]>,
    before: i64,
    /// Ends with the file, however that comes about; none while ceilings are off.
    turn: Option<Turn>,
}

/// The whole statement as a file (B-16).
pub async fn statement_csv(app: Data<App>, by: Can<PoolRead>, at: Path<PoolPath>) -> Result<HttpResponse> {
    let turn = if app.settings.ceilings {
        Some(app.exports.take(by.user_id(), by.org().id)?)
    } else {
        None
    };
    let (org, now) = (by.org(), app.clock.now());
    let mut db = app.db.read();
    let found = pool::find(&mut db, org.id, at.id()?).await?;
    let mut tx = app.db.write().await?;
    let object = Object::new("pool", found.id.raw(), found.name.clone());
    let entry = Record::done(Action::PoolExport, object, Value::Null, json!({ "format": "csv" }));
    audit::record(&mut tx, by.actor(), Some(org.id), entry, now).await?;
    tx.commit().await?;
    let price = format!("Price ({})", found.currency);
    let head = [
        "Time (UTC)",
        "Kind",
        "Credits",
        &price,
        "Member",
        "Period from",
        "Note",
        "By",
    ];
    let stage = Stage {
        db,
        org: org.id,
        pool: found.id,
        head: Some(head.map(str::to_owned)),
        before: i64::MAX,
        turn,
    };
    let stream = futures_util::stream::try_unfold(Some(stage), |stage| async move {
        match stage {
            Some(stage) => stage.part().await.map(Some),
            None => Ok::<_, Error>(None),
        }
    });
    let file = format!("attachment; filename=\"credits-{}-{}.csv\"", org.slug, found.id);
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, file))
        .streaming(stream))
}

impl Stage {
    /// The next lines, and what is left to do.
    async fn part(mut self) -> Result<(Bytes, Option<Self>)> {
        let entries = store::list_entries(&mut self.db, self.org, self.pool, self.before, PART).await?;
        let is_last = (entries.len() as i64) < PART;
        if let Some(last) = entries.last() {
            self.before = last.id;
        }
        let head: Vec<String> = self.head.take().into_iter().flatten().collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let bytes = csv::lines(&head, entries.into_iter().map(line))?;
        if is_last {
            drop(self.turn);
            return Ok((Bytes::from(bytes), None));
        }
        Ok((Bytes::from(bytes), Some(self)))
    }
}

fn line(entry: Entry) -> Vec<Field> {
    vec![
        entry.at.to_string().into(),
        entry.kind.title().to_owned().into(),
        Field::millionths(entry.amount),
        Field::millionths(entry.price),
        entry.member_name.unwrap_or_default().into(),
        entry.start.map_or_else(String::new, |start| start.to_string()).into(),
        entry.note.into(),
        entry.set_by.into(),
    ]
}
