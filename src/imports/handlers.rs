//! HTTP of the imports room.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Bytes, Data, Path},
};

use super::{
    forms::{ImportPath, PlanForm, Rows, RunForm},
    import::{self, Counts, Import, State},
    plan::Plan,
    reading::{self, Refusal},
    verdict::Verdict,
    views::{Columns, Show, Start},
    work,
};
use crate::{
    access::{Can, permission::InviteCreate},
    app::App,
    db::Reader,
    error::{Error, Result},
    ids::ImportId,
    shell,
    web::{
        csv,
        form::{FieldErrors, Form, Query},
        layout::Tab,
        request::Ctx,
        respond,
        spool::Spool,
    },
};

/// The form for a file or pasted text.
pub async fn new(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx) -> Result<HttpResponse> {
    respond::page(&start(&app, &by, &ctx, "", FieldErrors::default()).await?)
}

async fn start(app: &App, by: &Can<InviteCreate>, ctx: &Ctx, text: &str, errors: FieldErrors) -> Result<Start> {
    let mine = import::list(&mut app.db.read(), by).await?;
    let l = shell::org(app, ctx, by, "Import members", Tab::Members).await?;
    Ok(Start::new(l, by, &mine, text, errors))
}

/// Takes a file or pasted text in.
pub async fn create(app: Data<App>, by: Can<InviteCreate>, ctx: Ctx, mut form: Spool) -> Result<HttpResponse> {
    let typed = form.take("text");
    let (field, chosen) = match form.take("file") {
        Some(file) => ("file", Some(file)),
        None => ("text", typed),
    };
    let Some(chosen) = chosen else {
        let errors = FieldErrors::one("file", "Choose a file, or paste its lines below.");
        return respond::page_with(422, &start(&app, &by, &ctx, "", errors).await?);
    };
    let _turn = app.uploads.take(by.user_id(), by.org().id)?;
    // A short text comes back to be mended; a file the browser keeps for nobody.
    let text = if field == "text" {
        beginning(&chosen.file)
    } else {
        String::new()
    };
    let taken = if chosen.is_whole {
        import::take_in(&app.db, &by, &chosen.name, chosen.file, app.clock.now()).await?
    } else {
        Err(reading::too_large())
    };
    match taken {
        Ok(id) => Ok(go(&ctx, &by.path(&format!("/imports/{id}")))),
        Err(refusal) => refused(&app, &by, &ctx, field, &text, &refusal).await,
    }
}

async fn refused(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    field: &'static str,
    text: &str,
    refusal: &Refusal,
) -> Result<HttpResponse> {
    let errors = FieldErrors::one(field, refusal.text());
    respond::page_with(refusal.status(), &start(app, by, ctx, text, errors).await?)
}

/// What was typed, if it is not long.
fn beginning(file: &std::fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    const SHORT: u64 = 64 << 10;
    let mut text = String::new();
    let mut reader = file;
    let is_short = file.metadata().is_ok_and(|about| about.len() <= SHORT);
    if is_short && (reader.rewind().is_err() || reader.read_to_string(&mut text).is_err()) {
        text.clear();
    }
    text.replace('\0', "")
}

fn go(ctx: &Ctx, path: &str) -> HttpResponse {
    if ctx.hx.on {
        return HttpResponse::Ok().insert_header(("hx-redirect", path)).finish();
    }
    respond::redirect(path)
}

fn here(by: &Can<InviteCreate>, id: ImportId) -> String {
    by.path(&format!("/imports/{id}"))
}

/// What the columns hold.
async fn columns(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    import: &Import,
    plan: &Plan,
    errors: FieldErrors,
) -> Result<Columns> {
    let sample = import::sample(&mut app.db.read(), import).await?;
    let l = shell::org(app, ctx, by, "Import members", Tab::Members).await?;
    Ok(Columns::new(l, by, import, plan, &sample, errors))
}

/// The form of the columns.
pub async fn edit(app: Data<App>, by: Can<InviteCreate>, at: Path<ImportPath>, ctx: Ctx) -> Result<HttpResponse> {
    let import = import::find(&mut app.db.read(), &by, at.id()?).await?;
    if !matches!(import.state, State::Read | State::Checked) {
        return Ok(go(&ctx, &here(&by, import.id)));
    }
    let page = columns(&app, &by, &ctx, &import, &import.plan(), FieldErrors::default()).await?;
    respond::page(&page)
}

/// How far an import is: its columns, its check, what it would do, what it has done.
pub async fn show(
    app: Data<App>,
    by: Can<InviteCreate>,
    at: Path<ImportPath>,
    ctx: Ctx,
    rows: Query<Rows>,
) -> Result<HttpResponse> {
    let import = import::find(&mut app.db.read(), &by, at.id()?).await?;
    if import.state == State::Read && !ctx.hx.on {
        let page = columns(&app, &by, &ctx, &import, &import.plan(), FieldErrors::default()).await?;
        return respond::page(&page);
    }
    let page = window(&app, &by, &ctx, &import, &rows.0, "", FieldErrors::default()).await?;
    if ctx.hx.on {
        respond::page(&page.as_status())
    } else {
        respond::page(&page)
    }
}

async fn window(
    app: &App,
    by: &Can<InviteCreate>,
    ctx: &Ctx,
    import: &Import,
    rows: &Rows,
    bad: &str,
    errors: FieldErrors,
) -> Result<Show> {
    const PAGE: usize = 50;
    let mut lines = Vec::new();
    if matches!(import.state, State::Checked | State::Done | State::Stopped) {
        let mut db = app.db.read();
        lines = import::verdicts(&mut db, import, rows.part(), rows.after(), PAGE as i64 + 1).await?;
    }
    let more = lines.len() > PAGE;
    lines.truncate(PAGE);
    let l = shell::org(app, ctx, by, "Import members", Tab::Members).await?;
    Ok(Show::new(l, by, import, &lines, (rows, more, bad), errors))
}

/// Judges every line: some hundreds at once, more by the worker.
pub async fn check(
    app: Data<App>,
    by: Can<InviteCreate>,
    at: Path<ImportPath>,
    ctx: Ctx,
    form: Form<PlanForm>,
) -> Result<HttpResponse> {
    let (id, now) = (at.id()?, app.clock.now());
    let before = import::find(&mut app.db.read(), &by, id).await?;
    let plan = form.0.plan(&before);
    let mut errors = FieldErrors::default();
    for (field, message) in import::refuse(&by, &plan) {
        errors.add(field, message);
    }
    if !errors.is_empty() && matches!(before.state, State::Read | State::Checked) {
        let page = columns(&app, &by, &ctx, &before, &plan, errors).await?;
        return respond::page_with(422, &page);
    }
    let mut tx = app.db.write().await?;
    let mut import = import::check(&mut tx, &by, id, &plan).await?;
    if import.total <= work::BROUGHT {
        work::finish(&mut tx, &app, &by, &mut import, now).await?;
    }
    tx.commit().await?;
    Ok(go(&ctx, &here(&by, id)))
}

/// Brings the people in: some hundreds at once, more by the worker.
pub async fn run(
    app: Data<App>,
    by: Can<InviteCreate>,
    at: Path<ImportPath>,
    ctx: Ctx,
    form: Form<RunForm>,
) -> Result<HttpResponse> {
    let (id, now) = (at.id()?, app.clock.now());
    let before = import::find(&mut app.db.read(), &by, id).await?;
    if Counts::of(&before).get(Verdict::Invite) > 0 {
        app.ceilings.invite(by.org().id.raw())?;
    }
    let mut tx = app.db.write().await?;
    let begun = import::run(&mut tx, &by, id, form.0.bad == "none", now).await;
    let mut import = match begun {
        Ok(import) => import,
        Err(error) => {
            drop(tx);
            let errors = FieldErrors::take(error)?;
            let page = window(&app, &by, &ctx, &before, &Rows::default(), &form.0.bad, errors).await?;
            return respond::page_with(422, &page);
        }
    };
    if import.total > work::BROUGHT {
        tx.commit().await?;
        return Ok(go(&ctx, &here(&by, id)));
    }
    match work::finish(&mut tx, &app, &by, &mut import, now).await? {
        None => tx.commit().await?,
        Some(note) => {
            drop(tx); // nothing of it stays, so the import is as it was checked
            work::again(&app, &import, &note).await?;
        }
    }
    Ok(go(&ctx, &here(&by, id)))
}

/// Stops what is under way.
pub async fn stop(app: Data<App>, by: Can<InviteCreate>, at: Path<ImportPath>, ctx: Ctx) -> Result<HttpResponse> {
    let id = at.id()?;
    let mut tx = app.db.write().await?;
    import::stop(&mut tx, &by, id, app.clock.now()).await?;
    tx.commit().await?;
    Ok(go(&ctx, &here(&by, id)))
}

/// Throws an upload away.
pub async fn destroy(app: Data<App>, by: Can<InviteCreate>, at: Path<ImportPath>, ctx: Ctx) -> Result<HttpResponse> {
    let mut tx = app.db.write().await?;
    import::discard(&mut tx, &by, at.id()?).await?;
    tx.commit().await?;
    let toast = respond::said("The upload was thrown away. Nobody was brought in.");
    Ok(respond::done_to(&app, &ctx, &toast, &by.path("/imports/new")))
}

/// The lines that have to be mended, each with what to do and its own cells, as a file that is read as fast as it is taken.
pub async fn errors(app: Data<App>, by: Can<InviteCreate>, at: Path<ImportPath>) -> Result<HttpResponse> {
    let mut db = app.db.read();
    let import = import::find(&mut db, &by, at.id()?).await?;
    let head = head(&mut db, &import).await?;
    let stream = futures_util::stream::try_unfold(
        (db, import, head, Some(0_i64)),
        |(mut db, import, head, next)| async move {
            let Some(after) = next else { return Ok(None) };
            let (text, next) = bad_lines(&mut db, &import, &head, after).await?;
            Ok::<_, Error>(Some((Bytes::from(text), (db, import, head, next))))
        },
    );
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"lines-to-mend.csv\"",
        ))
        .streaming(stream))
}

/// The heads of the columns: the file's own, or numbers.
async fn head(db: &mut Reader, import: &Import) -> Result<Vec<String>> {
    let mut head = vec!["Line".to_owned(), "What is wrong".to_owned()];
    let first = import::sample(db, import).await?.into_iter().next();
    let own = first.filter(|_| import.plan().head).unwrap_or_default();
    for place in 0..import.width as usize {
        let own = own.get(place).filter(|name| !name.is_empty());
        head.push(own.map_or_else(|| format!("Column {}", place + 1), |name| csv::cell(name)));
    }
    Ok(head)
}

async fn bad_lines(db: &mut Reader, import: &Import, head: &[String], after: i64) -> Result<(Vec<u8>, Option<i64>)> {
    const LINES: usize = 1_000;
    let rows = import::bad_rows(db, import, after, LINES as i64).await?;
    let next = rows.last().filter(|_| rows.len() == LINES).map(|row| row.n);
    let head: Vec<&str> = if after == 0 {
        head.iter().map(String::as_str).collect()
    } else {
        Vec::new()
    };
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let why = match Verdict::find(row.verdict) {
            Some(verdict) if row.note.is_empty() => verdict.words(false).to_owned(),
            _ => row.note,
        };
        let mut cells: Vec<String> = serde_json::from_str(&row.cells)?;
        cells.resize(import.width as usize, String::new());
        let mut line = vec![row.line.to_string(), why];
        line.extend(cells);
        lines.push(line);
    }
    Ok((csv::lines(&head, lines.into_iter())?, next))
}
