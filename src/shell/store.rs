//! SQL of the frame: reads of other rooms' tables (a declared exception), and the theme.

use crate::{
    access::{Person, Role},
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::Result,
    ids::{OrgId, UserId},
    record, sql,
};

/// How many organizations the switcher shows before it asks for a search.
pub const SWITCHER: usize = 8;

record! {
    /// An organization that a person can open.
    pub struct Place {
        /// The organization.
        pub id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// The person's role there; none for enterprise access.
        pub role: Option<Role>,
        /// Whether it is the person's primary organization.
        pub is_primary: Option<bool>,
    }
}

record! {
    /// What the frame of an organization's page needs, on each row of the places; one row without a place where there is none.
    pub struct Around {
        /// An organization that the person can open.
        pub id: Option<OrgId>,
        /// Its place in addresses.
        pub slug: Option<String>,
        /// Its name.
        pub name: Option<String>,
        /// The person's role there; none for enterprise access.
        pub role: Option<Role>,
        /// Whether it is the person's primary organization.
        pub is_primary: Option<bool>,
        /// How many invitations of the page's organization are open, up to 1,000.
        pub pending: i64,
        /// How many invitations wait for the person.
        pub waiting: i64,
        /// How many notifications of the person are unread, up to 100.
        pub unread: i64,
    }
}

sql! {
    // One statement for three questions: a hop between threads costs more than any of the three.
    OWN_AROUND: (UserId, OrgId, String, Timestamp) => Around =
        "with p as (select o.id, o.slug, o.name, o.name_key, m.role, m.is_primary from members m join orgs o on o.id = m.org_id
                    where m.user_id = $1 and m.status < 5 and m.status in (1, 2) and o.state = 1 order by m.is_primary desc, o.name_key, o.id limit 9)
         select p.id, p.slug, p.name, p.role, p.is_primary,
                (select count(*) from (select 1 from invitations where org_id = $2 and state = 1 and (expires_at is null or expires_at > $4) limit 1000) as open_ones) as pending,
                (select count(*) from invitations where email_key = $3 and state = 1 and (expires_at is null or expires_at > $4)) as waiting,
                (select count(*) from (select 1 from notifications where user_id = $1 and read_at is null limit 100) as unread_ones) as unread
         from (select 1 as n) as one left join p on true order by p.is_primary desc, p.name_key, p.id";
    ALL_AROUND: (UserId, OrgId, String, Timestamp) => Around =
        "with p as (select o.id, o.slug, o.name, o.name_key, m.role, m.is_primary from orgs o left join members m on m.org_id = o.id and m.user_id = $1 and m.status < 5
                    where o.state = 1 order by o.name_key, o.id limit 9)
         select p.id, p.slug, p.name, p.role, p.is_primary,
                (select count(*) from (select 1 from invitations where org_id = $2 and state = 1 and (expires_at is null or expires_at > $4) limit 1000) as open_ones) as pending,
                (select count(*) from invitations where email_key = $3 and state = 1 and (expires_at is null or expires_at > $4)) as waiting,
                (select count(*) from (select 1 from notifications where user_id = $1 and read_at is null limit 100) as unread_ones) as unread
         from (select 1 as n) as one left join p on true order by p.name_key, p.id";
    OWN_PLACES: (UserId) => Place =
        "select o.id, o.slug, o.name, m.role, m.is_primary from members m join orgs o on o.id = m.org_id
         where m.user_id = $1 and m.status < 5 and m.status in (1, 2) and o.state = 1 order by m.is_primary desc, o.name_key, o.id limit 9";
    ALL_PLACES: (UserId) => Place =
        "select o.id, o.slug, o.name, m.role, m.is_primary from orgs o left join members m on m.org_id = o.id and m.user_id = $1 and m.status < 5
         where o.state = 1 order by o.name_key, o.id limit 9";
    FIND_OWN: (UserId, String) => Place =
        "select o.id, o.slug, o.name, m.role, m.is_primary from members m join orgs o on o.id = m.org_id
         where m.user_id = $1 and m.status < 5 and m.status in (1, 2) and o.state = 1 and o.name_key like $2 order by o.name_key, o.id limit 50";
    FIND_ALL: (UserId, String) => Place =
        "select o.id, o.slug, o.name, m.role, m.is_primary from orgs o left join members m on m.org_id = o.id and m.user_id = $1 and m.status < 5
         where o.state = 1 and o.name_key like $2 order by o.name_key, o.id limit 50";
    OWN_COUNTS: (String, Timestamp, UserId) => (i64, i64) =
        "select (select count(*) from invitations where email_key = $1 and state = 1 and (expires_at is null or expires_at > $2)) as waiting,
                (select count(*) from (select 1 from notifications where user_id = $3 and read_at is null limit 100) as unread_ones) as unread";
    ENTERPRISE: () => (String,) = "select name from enterprise";
    SET_THEME: (UserId, i64) => () = "update users set theme = $2 where id = $1";
    READY: () => (i64,) = "select count(*) from sequences";
    PROBE_WRITE: () => () = "update sequences set next = next where name = 'probe'";
}

pub(super) async fn list_places(db: &mut impl Read, person: &Person) -> Result<Vec<Place>> {
    if person.enterprise_role.is_some() {
        db.all(ALL_PLACES, (person.id,)).await
    } else {
        db.all(OWN_PLACES, (person.id,)).await
    }
}
pub(super) async fn find_places(db: &mut impl Read, person: &Person, words: &str) -> Result<Vec<Place>> {
    let escaped: String = words
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '%' | '_' | '\\'))
        .collect();
    let pattern = format!("%{}%", escaped.trim());
    if person.enterprise_role.is_some() {
        db.all(FIND_ALL, (person.id, pattern)).await
    } else {
        db.all(FIND_OWN, (person.id, pattern)).await
    }
}
/// The places of [`list_places`], how many invitations of `org` are open, and what waits for the person: invitations, notifications.
pub(super) fn look_around(rows: Vec<Around>) -> (Vec<Place>, i64, (i64, i64)) {
    let (pending, waiting) = rows
        .first()
        .map_or((0, (0, 0)), |row| (row.pending, (row.waiting, row.unread)));
    let places = rows.into_iter().filter_map(|row| {
        Some(Place {
            id: row.id?,
            slug: row.slug?,
            name: row.name?,
            role: row.role,
            is_primary: row.is_primary,
        })
    });
    (places.collect(), pending, waiting)
}

/// What asks for the rows of [`look_around`].
pub(crate) type AskAround = Ask<(UserId, OrgId, String, Timestamp), Around>;

/// Asks for the rows of [`look_around`]; for nobody there are none but the counts.
pub(super) fn ask_around(person: Option<&Person>, org: OrgId, now: Timestamp) -> AskAround {
    let sees_all = person.is_some_and(|person| person.enterprise_role.is_some());
    let text = if sees_all { ALL_AROUND } else { OWN_AROUND };
    let (id, email) = person.map_or((UserId::from_raw(0), String::new()), |person| {
        (person.id, person.email.to_lowercase())
    });
    text.with((id, org, email, now))
}
/// How many invitations and how many unread notifications wait for the person.
pub(super) async fn count_waiting(db: &mut impl Read, person: &Person, now: Timestamp) -> Result<(i64, i64)> {
    db.one(OWN_COUNTS, (person.email.to_lowercase(), now, person.id)).await
}
pub(super) async fn find_enterprise_name(db: &mut impl Read) -> Result<String> {
    Ok(db.opt(ENTERPRISE, ()).await?.map_or_else(String::new, |row| row.0))
}
pub(super) async fn update_theme(tx: &mut Tx, user: UserId, theme: i64) -> Result<()> {
    tx.run(SET_THEME, (user, theme)).await?;
    Ok(())
}
pub(super) async fn is_ready(db: &mut impl Read) -> Result<()> {
    db.one(READY, ()).await?;
    Ok(())
}
pub(super) async fn probe_write(tx: &mut Tx) -> Result<()> {
    tx.run(PROBE_WRITE, ()).await?;
    Ok(())
}
