//! A fresh database for each test.

use std::path::PathBuf;

use muster::db::{Db, Options};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Removes the test's database when the test ends.
pub struct Throwaway {
    folder: Option<tempfile::TempDir>,
    postgres: Option<(String, String)>,
}

/// What `scripts/test` says of this run.
#[expect(
    clippy::disallowed_methods,
    reason = "the settings of a test run are no settings of Muster"
)]
fn said(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the tests run on PostgreSQL.
pub fn is_postgres() -> bool {
    said("MUSTER_TEST_DATABASE").is_some_and(|name| name == "postgres")
}

/// Whether the long forms of tests are wanted, on a machine that does nothing else.
pub fn is_long() -> bool {
    said("MUSTER_LONG").is_some()
}

/// Makes an empty database of the product under test.
pub async fn fresh() -> (Options, Throwaway) {
    if !is_postgres() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path: PathBuf = folder.path().join("muster.db");
        return (
            Options::Sqlite(path),
            Throwaway {
                folder: Some(folder),
                postgres: None,
            },
        );
    }
    let server = said("MUSTER_TEST_POSTGRES").expect("MUSTER_TEST_POSTGRES names the throw-away server");
    let name = format!("t_{}", data_encoding::HEXLOWER.encode(&muster::secret::random::<8>()));
    let mut admin = PgConnection::connect(&server).await.expect("the test server answers");
    admin
        .execute(AssertSqlSafe(format!("create database {name}")))
        .await
        .expect("a database is made");
    let mut url = url::Url::parse(&server).expect("a URL");
    url.set_path(&name);
    (
        Options::Postgres(url.to_string()),
        Throwaway {
            folder: None,
            postgres: Some((server, name)),
        },
    )
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        drop(self.folder.take());
        // The server itself is thrown away after the run; dropping the database keeps its disk small until then.
        if let Some((server, name)) = self.postgres.take() {
            let _ = std::process::Command::new("psql")
                .args([&server, "-qc", &format!("drop database {name} with (force)")])
                .stderr(std::process::Stdio::null())
                .spawn();
        }
    }
}

/// Runs statements that only a test has, on the connection that writes.
pub async fn raw(db: &Db, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    match db {
        Db::Sqlite { write, .. } => drop(sqlx::raw_sql(sql).execute(write).await.expect("a statement")),
        Db::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.expect("a statement")),
    }
}

/// One column of text, as only a test asks for it.
pub async fn texts(db: &Db, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(sql.to_owned());
    match db {
        Db::Sqlite { write, .. } => sqlx::query_scalar(sql).fetch_all(write).await,
        Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await,
    }
    .expect("rows")
}

/// What changes without anybody's doing: the record of refusals, failed tries, and when somebody was last seen.
const UNWATCHED: [&str; 5] = ["audit", "audit_heads", "ladders", "_sqlx_migrations", "test_changes"];

/// From now on every changed row of every table leaves its table's name in `test_changes`.
pub async fn watch(db: &Db) {
    raw(db, "create table test_changes (what text not null)").await;
    let tables = match db {
        Db::Sqlite { .. } => {
            texts(db, "select name from sqlite_master where type = 'table' and name not like 'members_fts%' and name not like 'sqlite_%'").await
        }
        Db::Postgres(_) => {
            raw(
                db,
                "create function test_change() returns trigger language plpgsql as $$ begin insert into test_changes values (tg_table_name); return null; end $$",
            )
            .await;
            texts(db, "select table_name::text from information_schema.tables where table_schema = 'public'").await
        }
    };
    for table in tables.iter().filter(|table| !UNWATCHED.contains(&table.as_str())) {
        let update = match table.as_str() {
            "sessions" => "update of token_hash, id, user_id, created_at, expires_at, ip, agent",
            "members" => {
                "update of org_id, user_id, email, name, role, status, is_primary, source, joined_at, context_at, expires_at, suspended_until, state_reason, state_by, state_at, version"
            }
            _ => "update",
        };
        match db {
            Db::Sqlite { .. } => {
                for (name, event) in [("i", "insert"), ("u", update), ("d", "delete")] {
                    let body = format!("insert into test_changes values ('{table}');");
                    raw(
                        db,
                        &format!("create trigger test_{table}_{name} after {event} on {table} begin {body} end"),
                    )
                    .await;
                }
            }
            Db::Postgres(_) => {
                raw(
                    db,
                    &format!("create trigger test_{table} after insert or {update} or delete on {table} for each row execute function test_change()"),
                )
                .await;
            }
        }
    }
}

/// The tables of the rows that have changed since [`watch`] or the last call.
pub async fn changes(db: &Db) -> Vec<String> {
    let found = texts(db, "select what from test_changes order by what").await;
    if !found.is_empty() {
        raw(db, "delete from test_changes").await;
    }
    found
}
