//! The two databases: every statement is prepared on the one under test, and their schemas are the same.

use std::collections::{BTreeMap, BTreeSet};

use muster::db::{self, Db, Statement};
use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _, Statement as _};

use crate::support::spawn;

fn statements() -> Vec<Statement> {
    muster::statements()
}

/// The index of a person's memberships holds those that live. SQLite uses it for a statement that says `status < 5` and for no other,
/// however narrow its condition is; without it, every member of every organization is read.
#[test]
fn a_persons_memberships_are_found_by_their_index() {
    let by_person = |text: &str| text.contains("m.user_id = $1 and m.status");
    let all = statements();
    let asking = all.iter().filter(|statement| by_person(&statement.sqlite));
    assert!(
        asking.clone().count() > 4,
        "the statements have changed: adapt this test"
    );
    let faults: Vec<&str> = asking
        .filter(|statement| {
            statement.sqlite.matches("m.user_id = $1 and m.status").count()
                != statement.sqlite.matches("m.user_id = $1 and m.status < 5").count()
        })
        .map(|statement| statement.name)
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// The index of primary memberships serves SQLite where a statement says `is_primary = 1`, and the lines of an import are found by their
/// address only where it is told so. Without either, adding people read a table from end to end for each of them.
#[test]
fn people_who_come_in_are_looked_up_by_an_index() {
    let faults: Vec<&str> = statements()
        .iter()
        .filter(|statement| {
            let text = &statement.sqlite;
            let reads_lines = text.starts_with("select v.email_key") && text.contains("from import_verdicts");
            text.contains("is_primary and") || (reads_lines && !text.contains("indexed by import_verdicts_key"))
        })
        .map(|statement| statement.name)
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// Every minute somebody asks whose time is over: an index answers, not a walk over all members. PostgreSQL chooses by statistics that an
/// empty table has not, so it is SQLite that is asked, whichever is under test.
#[actix_web::test]
async fn whose_time_is_over_is_found_by_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("muster.db");
    let options = db::Options::parse(path.to_str().expect("a path"));
    let db = Db::open(&options).await.expect("the database opens");
    db::migrate(&db).await.expect("migrations run");
    let Db::Sqlite { read, .. } = &db else {
        unreachable!("a path is a file");
    };
    for (asked, index) in [
        ("expires_at <= $1 order by org_id, id limit 500", "members_end"),
        (
            "suspended_until <= $1 order by org_id, id limit 500",
            "members_pause_end",
        ),
    ] {
        let all = statements();
        let found = all
            .iter()
            .find(|one| one.sqlite.starts_with("select org_id, id from members") && one.sqlite.contains(asked));
        let text = format!(
            "explain query plan {}",
            found.expect("the statement").sqlite.replace("$1", "0")
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .fetch_all(read)
            .await
            .expect("a plan");
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        assert!(plan.join(" ").contains(index), "{plan:?}");
    }
}

#[actix_web::test]
async fn every_statement_is_understood_by_the_database() {
    let portal = spawn().await;
    let mut faults = Vec::new();
    let all = statements();
    assert!(all.len() > 20, "the list of statements is short: {}", all.len());
    for statement in &all {
        match &portal.app.db {
            Db::Sqlite { read, .. } => {
                let text = AssertSqlSafe(statement.sqlite.clone()).into_sql_str();
                match read.acquire().await.expect("a connection").prepare(text).await {
                    Ok(prepared) => {
                        if let Some(sqlx::Either::Right(count)) = prepared.parameters()
                            && count != statement.types.len()
                        {
                            faults.push(format!(
                                "{}: {count} placeholders for {} parameters",
                                statement.name,
                                statement.types.len()
                            ));
                        }
                    }
                    Err(error) => faults.push(format!("{}: {error}", statement.name)),
                }
            }
            Db::Postgres(pool) => {
                let text = AssertSqlSafe(statement.postgres.clone()).into_sql_str();
                match pool
                    .acquire()
                    .await
                    .expect("a connection")
                    .prepare_with(text, &statement.types)
                    .await
                {
                    Ok(prepared) => faults.extend(
                        (statement.misfits)(prepared.columns())
                            .into_iter()
                            .map(|fault| format!("{}: {fault}", statement.name)),
                    ),
                    Err(error) => faults.push(format!("{}: {error}", statement.name)),
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Tables whose rows belong to an organization: a statement about them names it.
const OWNED: [&str; 44] = [
    "members",
    "groups",
    "group_members",
    "invitations",
    "invitation_groups",
    "invite_batches",
    "invite_batch_items",
    "org_domains",
    "roles",
    "member_roles",
    "host_permissions",
    "bulk_jobs",
    "bulk_items",
    "saved_views",
    "saved_view_defaults",
    "audit",
    "limit_settings",
    "limit_calendars",
    "limit_policies",
    "limit_requests",
    "usage_names",
    "usage_events",
    "usage_untimed",
    "usage_days",
    "usage_months",
    "usage_activities",
    "usage_alerts",
    "alert_settings",
    "alert_reviews",
    "credit_pools",
    "credit_allowances",
    "credit_entries",
    "wallet_settings",
    "wallet_entries",
    "subscriptions",
    "training",
    "dismissals",
    "api_keys",
    "key_groups",
    "key_members",
    "features",
    "key_features",
    "service_accounts",
    "key_settings",
];

#[test]
fn every_statement_about_an_organizations_rows_names_the_organization() {
    // Reads over all of a person's memberships, the worker's queues and token look-ups are about one person or one secret instead.
    let by_other_key = [
        "user_id = $",
        "token_hash = $",
        "email_key = $",
        "expires_at <= $",
        "valid_until <= $",
        "o.id",
        "org_id = o.id",
        "from bulk_jobs where state in (1, 2)",
        "from bulk_jobs where finished_at <= $",
        "select start from usage_days order by start desc",
    ];
    let mut faults = Vec::new();
    for statement in statements() {
        let text = statement.sqlite.to_lowercase();
        let touches = OWNED.iter().any(|table| {
            ["from ", "join ", "update ", "into "]
                .iter()
                .any(|verb| text.contains(&format!("{verb}{table} ")) || text.ends_with(&format!("{verb}{table}")))
        });
        if touches && !text.contains("org_id") && !by_other_key.iter().any(|key| text.contains(key)) {
            faults.push(format!("{}: {text}", statement.name));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn both_folders_hold_the_same_migrations() {
    let (sqlite, postgres) = db::versions();
    assert_eq!(sqlite, postgres);
    assert!(!sqlite.is_empty());
}

/// table → column → may it be null
type Schema = BTreeMap<String, BTreeMap<String, bool>>;

#[actix_web::test]
async fn the_schema_is_the_one_of_the_other_folder() {
    let portal = spawn().await;
    let mut found = Schema::new();
    let rows: Vec<(String, String, i64)> = match &portal.app.db {
        Db::Sqlite { read, .. } => sqlx::query_as(
            "select m.name, p.name, case when p.\"notnull\" = 1 or p.pk > 0 then 0 else 1 end from sqlite_schema m join pragma_table_info(m.name) p
             where m.type = 'table' and m.name not like 'sqlite_%' and m.name not like 'members_fts%' and m.name not like '_sqlx%'",
        )
        .fetch_all(read)
        .await
        .expect("the schema"),
        Db::Postgres(pool) => sqlx::query_as(
            "select table_name::text, column_name::text, (case when is_nullable = 'YES' then 1 else 0 end)::bigint from information_schema.columns
             where table_schema = 'public' and table_name not like '\\_sqlx%'",
        )
        .fetch_all(pool)
        .await
        .expect("the schema"),
    };
    for (table, column, nullable) in rows {
        found.entry(table).or_default().insert(column, nullable == 1);
    }
    assert_eq!(
        found,
        written(),
        "the database differs from the other folder's migrations"
    );
}

/// The schema as the other database's migration files write it.
fn written() -> Schema {
    let folder = if crate::support::is_postgres() {
        "sqlite"
    } else {
        "postgres"
    };
    let mut files: Vec<_> = std::fs::read_dir(format!("migrations/{folder}"))
        .expect("the folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    let mut schema = Schema::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a file");
        let text: String = text
            .lines()
            .map(|line| line.split("--").next().unwrap_or(""))
            .collect::<Vec<_>>()
            .join("\n");
        for statement in text.split(';') {
            if let Some(rest) = statement.trim().strip_prefix("ALTER TABLE ") {
                if let Some((table, name)) = rest.split_once(" RENAME TO ") {
                    let columns = schema.remove(table.trim()).expect("a table of this migration");
                    schema.insert(name.trim().to_owned(), columns);
                    continue;
                }
                if rest.contains(" CONSTRAINT ") {
                    continue;
                }
                let (table, column) = rest.split_once(" ADD COLUMN ").expect("a column that is added");
                let name = column.split_whitespace().next().expect("a name").to_owned();
                let columns = schema.get_mut(table.trim()).expect("a table of an earlier migration");
                columns.insert(name, !column.contains("NOT NULL"));
                continue;
            }
            let Some(rest) = statement.trim().strip_prefix("CREATE TABLE ") else {
                continue;
            };
            let (table, body) = rest.split_once('(').expect("columns");
            let mut columns = BTreeMap::new();
            let mut keys = BTreeSet::new();
            for line in body
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with(')'))
            {
                if let Some(list) = line.strip_prefix("PRIMARY KEY (") {
                    keys.extend(
                        list.split(')')
                            .next()
                            .expect("a list")
                            .split(',')
                            .map(|name| name.trim().to_owned()),
                    );
                } else if !line.starts_with("UNIQUE") && !line.starts_with("FOREIGN") {
                    let name = line.split_whitespace().next().expect("a name").to_owned();
                    columns.insert(name, !(line.contains("NOT NULL") || line.contains("PRIMARY KEY")));
                }
            }
            for key in keys {
                columns.insert(key, false);
            }
            schema.insert(table.trim().to_owned(), columns);
        }
    }
    schema
}
