//! The limit: what actix-web, askama and SQLite through sqlx can do when they do nothing else.
//!
//! `muster-probe --data FILE --members N [--listen ADDRESS]` fills FILE with one organization of N members, prints one line of JSON
//! with its address and the token of a session, and serves `/empty`, `/page/memory`, `/page/sqlite`, `/decide` and `/ingest`.

mod data;
mod gate;

use std::{error::Error, path::PathBuf, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, error, get,
    middleware::Compress,
    web::{self, Data, Query},
};
use askama::Template;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// One member as a page shows it.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    name_key: String,
    email: String,
    role: i64,
    status: i64,
    last_active_at: i64,
    groups: i64,
}

impl Row {
    fn hue(&self) -> i64 {
        self.id % 8 + 1
    }
    fn initials(&self) -> String {
        self.name
            .split(' ')
            .filter_map(|word| word.chars().next())
            .take(2)
            .collect()
    }
    fn role_title(&self) -> &'static str {
        match self.role {
            60 => "Administrator",
            50 => "Manager",
            _ => "Member",
        }
    }
    fn status_title(&self) -> &'static str {
        match self.status {
            1 => "Active",
            2 => "Inactive",
            _ => "Suspended",
        }
    }
    fn status_class(&self) -> &'static str {
        if self.status == 1 { "ok" } else { "" }
    }
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    organization: &'a str,
    person: &'a str,
    csrf: &'a str,
    total: i64,
    rows: &'a [Row],
}

/// What every handler reaches.
struct State {
    db: SqlitePool,
    rows: Vec<Row>,
    total: i64,
}

/// Where a page begins: after this name and id.
#[derive(serde::Deserialize)]
struct After {
    #[serde(default)]
    name: String,
    #[serde(default)]
    id: i64,
}

const CSRF: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

const SESSION: &str =
    "select u.name from sessions s join users u on u.id = s.user_id where s.token = $1 and s.expires_at > $2";

const PAGE: &str =
    "with p as (select id from members where org_id = $1 and (name_key, id) > ($2, $3) order by name_key, id limit 50)
    select m.id, m.name, m.name_key, m.email, m.role, m.status, m.last_active_at,
           (select count(*) from group_members g where g.member_id = m.id) as groups
    from p join members m on m.id = p.id order by m.name_key, m.id";

#[get("/empty")]
async fn empty() -> HttpResponse {
    HttpResponse::Ok().finish()
}

#[get("/memory")]
async fn memory(state: Data<State>) -> actix_web::Result<HttpResponse> {
    html(&Page {
        organization: "Meridian Health Group",
        person: "Ann Example",
        csrf: CSRF,
        total: state.total,
        rows: &state.rows,
    })
}

#[get("/sqlite")]
async fn sqlite(req: HttpRequest, state: Data<State>, after: Query<After>) -> actix_web::Result<HttpResponse> {
    let token = req
        .cookie("sid")
        .ok_or_else(|| error::ErrorUnauthorized("no session"))?;
    let person: Option<String> = sqlx::query_scalar(SESSION)
        .bind(token.value().to_owned())
        .bind(0_i64)
        .fetch_optional(&state.db)
        .await
        .map_err(error::ErrorInternalServerError)?;
    let person = person.ok_or_else(|| error::ErrorUnauthorized("no session"))?;
    let rows: Vec<Row> = sqlx::query_as(PAGE)
        .bind(data::ORGANIZATION)
        .bind(after.name.clone())
        .bind(after.id)
        .fetch_all(&state.db)
        .await
        .map_err(error::ErrorInternalServerError)?;
    html(&Page {
        organization: "Meridian Health Group",
        person: &person,
        csrf: CSRF,
        total: state.total,
        rows: &rows,
    })
}

fn html(page: &Page<'_>) -> actix_web::Result<HttpResponse> {
    let body = page.render().map_err(error::ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(body))
}

/// A pool over the file with the settings that the portal has.
async fn open(path: &PathBuf, write: bool) -> sqlx::Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(write)
        .read_only(!write)
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(512)
        .pragma("cache_size", "-65536")
        .row_buffer_size(1000);
    let options = sqlx::ConnectOptions::log_statements(options, log::LevelFilter::Off);
    SqlitePoolOptions::new()
        .max_connections(if write { 1 } else { 4 })
        .min_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|given| given != name).nth(1)
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(argument("--data").ok_or("Name a file with --data.")?);
    let members: i64 = argument("--members").ok_or("Say how many with --members.")?.parse()?;
    let listen = argument("--listen").unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let writer = open(&path, true).await?;
    data::fill(&writer, members).await?;
    let gate = gate::mount(writer).await?;
    let db = open(&path, false).await?;
    let rows: Vec<Row> = sqlx::query_as(PAGE)
        .bind(data::ORGANIZATION)
        .bind("")
        .bind(0_i64)
        .fetch_all(&db)
        .await?;
    let state = Data::new(State {
        db,
        rows,
        total: members,
    });
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).configure(gate.clone()).service(empty).service(
            // Compresses when it is asked to, and only then.
            web::scope("/page")
                .wrap(Compress::default())
                .service(memory)
                .service(sqlite),
        )
    })
    .bind(listen)?;
    for address in server.addrs() {
        println!("{{\"url\":\"http://{address}\",\"session\":\"{}\"}}", data::TOKEN);
    }
    server.run().await?;
    Ok(())
}
