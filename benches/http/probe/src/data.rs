//! A file of invented members; the same for the same number.

use sqlx::SqlitePool;

/// The organization that all members belong to.
pub const ORGANIZATION: i64 = 1;
/// The token of the one session.
pub const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrst";

const FIRST: [&str; 20] = [
    "Ada", "Bruno", "Chiara", "Daniel", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Keiko", "Liam", "Maya",
    "Noor", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tara",
];
const LAST: [&str; 20] = [
    "Albrecht",
    "Bennett",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quiroga",
    "Rossi",
    "Silva",
    "Tanaka",
];

const SCHEMA: [&str; 7] = [
    "create table users (id integer primary key, name text not null) strict",
    "create table sessions (token text primary key, user_id integer not null, expires_at integer not null) strict, without rowid",
    "create table members (id integer primary key, org_id integer not null, name text not null, name_key text not null, email text not null,
        role integer not null, status integer not null, last_active_at integer not null) strict",
    "create table group_members (group_id integer not null, member_id integer not null, primary key (group_id, member_id)) strict, without rowid",
    "create index members_name on members (org_id, name_key, id, role, status, email)",
    "create index group_members_member on group_members (member_id, group_id)",
    "insert into users values (1, 'Ann Example')",
];

/// Makes tables and members, unless the file has them already.
pub async fn fill(db: &SqlitePool, members: i64) -> sqlx::Result<()> {
    let made: i64 = sqlx::query_scalar("select count(*) from sqlite_master where name = 'members'")
        .fetch_one(db)
        .await?;
    if made > 0 {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for text in SCHEMA {
        sqlx::query(text).execute(&mut *tx).await?;
    }
    sqlx::query("insert into sessions values ($1, 1, 9223372036854775807)")
        .bind(TOKEN)
        .execute(&mut *tx)
        .await?;
    for n in 0..members {
        let (first, last) = (FIRST[(n % 20) as usize], LAST[(n / 20 % 20) as usize]);
        let name = format!("{first} {last} {n}");
        let id = ORGANIZATION << 32 | (n + 1);
        sqlx::query("insert into members values ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(id)
            .bind(ORGANIZATION)
            .bind(&name)
            .bind(name.to_lowercase())
            .bind(format!(
                "{}.{}.{n}@example.com",
                first.to_lowercase(),
                last.to_lowercase()
            ))
            .bind([30, 30, 30, 50, 60][(n % 5) as usize])
            .bind([1, 1, 1, 2, 3][(n / 5 % 5) as usize])
            .bind(1_790_000_000_000_000 + n * 1_000_000)
            .execute(&mut *tx)
            .await?;
        sqlx::query("insert into group_members values ($1, $2)")
            .bind(n % 21 + 1)
            .bind(id)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    sqlx::query("analyze").execute(db).await?;
    Ok(())
}
