//! Migrations: forward only, one folder a database, the same numbers in both.

use sqlx::{
    SqliteConnection,
    migrate::{MigrateError, Migrator},
};

use super::Db;
use crate::error::{Error, Result};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// What a database needs before it can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// It was current already.
    Current,
    /// This many migrations ran.
    Migrated(usize),
}

/// Brings the schema up to date; refuses a database that a newer Muster has migrated.
pub async fn migrate(db: &Db) -> Result<Version> {
    let before = applied(db).await;
    let outcome = match db {
        Db::Sqlite { write, .. } => SQLITE.run(write).await,
        Db::Postgres(pool) => POSTGRES.run(pool).await,
    };
    outcome.map_err(|error| match error {
        MigrateError::VersionMissing(version) => Error::Internal(newer(version)),
        MigrateError::VersionMismatch(version) => {
            Error::Internal(format!("Migration {version:04} of this database differs from the one in this binary. Start the version that made the database."))
        }
        MigrateError::Dirty(version) => {
            Error::Internal(format!("Migration {version:04} was interrupted and could not be rolled back. Restore the back-up made before the upgrade."))
        }
        other => Error::Internal(format!("The database cannot be migrated: {other}")),
    })?;
    let ran = applied(db).await.saturating_sub(before);
    if ran == 0 {
        return Ok(Version::Current);
    }
    db.analyze().await?;
    Ok(Version::Migrated(ran))
}

async fn applied(db: &Db) -> usize {
    let text = "select count(*) from _sqlx_migrations where success";
    let count = match db {
        Db::Sqlite { write, .. } => sqlx::query_scalar::<_, i64>(text).fetch_one(write).await,
        Db::Postgres(pool) => sqlx::query_scalar::<_, i64>(text).fetch_one(pool).await,
    };
    count.map_or(0, |count| count as usize) // before the first migration the table is not there
}

fn newer(version: i64) -> String {
    format!(
        "This database was migrated by a newer Muster (it has migration {version:04}, which this binary does not know). Start the newer version, or restore the back-up made before the upgrade."
    )
}

/// What a start will do with the tables of a file: a sentence, which is an error where it will refuse them.
pub(super) async fn standing(file: &mut SqliteConnection) -> std::result::Result<String, String> {
    let text = "select version from _sqlx_migrations where success order by version";
    let applied: Vec<i64> = sqlx::query_scalar(text).fetch_all(file).await.unwrap_or_default(); // no such table before the first
    if let Some(unknown) = applied.iter().find(|version| !SQLITE.version_exists(**version)) {
        return Err(newer(*unknown));
    }
    Ok(match SQLITE.iter().count().saturating_sub(applied.len()) {
        0 => "its tables are current.".to_owned(),
        1 => "the next start runs 1 migration.".to_owned(),
        more => format!("the next start runs {more} migrations."),
    })
}

/// The versions that each folder holds, for the parity test.
pub fn versions() -> (Vec<i64>, Vec<i64>) {
    (
        SQLITE.iter().map(|m| m.version).collect(),
        POSTGRES.iter().map(|m| m.version).collect(),
    )
}
