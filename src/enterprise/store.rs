//! SQL over all organizations: reads of other rooms' tables (a declared exception), never a write.

use crate::{
    access::{EnterpriseRole, Role},
    clock::Timestamp,
    db::{Engine, Read, Statement, Text},
    error::Result,
    ids::{MemberId, OrgId, UserId},
    record, sql,
};

record! {
    /// How many memberships have a role and a status.
    pub struct Kind {
        /// The role.
        pub role: Role,
        /// The status's number.
        pub status: i64,
        /// How many.
        pub n: i64,
    }
}

record! {
    /// People with several memberships, and what they are counted too often by.
    pub struct Several {
        /// How many people.
        pub people: i64,
        /// Memberships beyond each one's first.
        pub extra: i64,
        /// Active memberships beyond each one's first.
        pub extra_active: i64,
    }
}

record! {
    /// An organization with its size.
    pub struct Size {
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// Its members.
        pub n: i64,
    }
}

record! {
    /// An organization in the list.
    pub struct Listed {
        /// The organization.
        pub id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// The name's key, for the cursor.
        pub name_key: String,
        /// 1 active, 2 archived.
        pub state: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// Its members.
        pub members: i64,
        /// Those of them who run it.
        pub admins: i64,
    }
}

record! {
    /// A person in the list, by one of the memberships.
    pub struct Listing {
        /// The membership.
        pub id: MemberId,
        /// The person.
        pub user_id: UserId,
        /// The name.
        pub name: String,
        /// The name's key, for the cursor.
        pub name_key: String,
        /// The address.
        pub email: String,
        /// The role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
    }
}

record! {
    /// A membership of a listed person.
    pub struct Belonging {
        /// The membership.
        pub id: MemberId,
        /// The person.
        pub user_id: UserId,
        /// The organization's place in addresses.
        pub slug: String,
        /// The organization's name.
        pub organization: String,
        /// 1 active, 2 archived.
        pub state: i64,
        /// The role.
        pub role: Role,
        /// The status's number.
        pub status: i64,
        /// Whether it is the person's primary organization.
        pub is_primary: bool,
        /// When the person was last active there, 0 for never.
        pub last_active_at: Timestamp,
    }
}

record! {
    /// A person with a role over the enterprise.
    pub struct Granted {
        /// The person.
        pub id: UserId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
        /// The role.
        pub enterprise_role: EnterpriseRole,
    }
}

record! {
    /// How many of today's memberships had begun before each of twelve instants.
    pub struct Joined {
        pub m1: i64,
        pub m2: i64,
        pub m3: i64,
        pub m4: i64,
        pub m5: i64,
        pub m6: i64,
        pub m7: i64,
        pub m8: i64,
        pub m9: i64,
        pub m10: i64,
        pub m11: i64,
        pub m12: i64,
    }
}

sql! {
    STATES: () => (i64, i64) = "select state, count(*) as n from orgs group by state order by state";
    KINDS: () => Kind =
        "select c.role, c.status, cast(sum(c.n) as bigint) as n from member_counts c join orgs o on o.id = c.org_id
         where o.state = 1 and c.status < 5 group by c.role, c.status order by c.role desc, c.status";
    // Most people have one membership: those with several are found in the index alone, and only theirs are looked at.
    SEVERAL: () => Several =
        "with several as (
             select user_id from members where status < 5 and org_id not in (select id from orgs where state = 2)
             group by user_id having count(*) > 1
         ), each_one as (
             select m.user_id, count(*) as n, sum(case when m.status = 1 then 1 else 0 end) as active
             from several s join members m on m.user_id = s.user_id
             where m.status < 5 and m.org_id not in (select id from orgs where state = 2) group by m.user_id
         )
         select count(*) as people, cast(coalesce(sum(n - 1), 0) as bigint) as extra,
                cast(coalesce(sum(case when active > 1 then active - 1 else 0 end), 0) as bigint) as extra_active
         from each_one";
    LARGEST: (i64) => Size =
        "select o.slug, o.name, cast(coalesce((select sum(c.n) from member_counts c where c.org_id = o.id and c.status < 5), 0) as bigint) as n
         from orgs o where o.state = 1 order by n desc, o.name_key, o.id limit $1";
    INVITED: (Timestamp) => (i64,) =
        "select count(*) as n from invitations i join orgs o on o.id = i.org_id
         where o.state = 1 and i.state = 1 and (i.expires_at is null or i.expires_at > $1)";
    JOINED: (Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp, Timestamp) => Joined =
        "select cast(coalesce(sum(case when m.joined_at < $1 then 1 else 0 end), 0) as bigint) as m1,
                cast(coalesce(sum(case when m.joined_at < $2 then 1 else 0 end), 0) as bigint) as m2,
                cast(coalesce(sum(case when m.joined_at < $3 then 1 else 0 end), 0) as bigint) as m3,
                cast(coalesce(sum(case when m.joined_at < $4 then 1 else 0 end), 0) as bigint) as m4,
                cast(coalesce(sum(case when m.joined_at < $5 then 1 else 0 end), 0) as bigint) as m5,
                cast(coalesce(sum(case when m.joined_at < $6 then 1 else 0 end), 0) as bigint) as m6,
                cast(coalesce(sum(case when m.joined_at < $7 then 1 else 0 end), 0) as bigint) as m7,
                cast(coalesce(sum(case when m.joined_at < $8 then 1 else 0 end), 0) as bigint) as m8,
                cast(coalesce(sum(case when m.joined_at < $9 then 1 else 0 end), 0) as bigint) as m9,
                cast(coalesce(sum(case when m.joined_at < $10 then 1 else 0 end), 0) as bigint) as m10,
                cast(coalesce(sum(case when m.joined_at < $11 then 1 else 0 end), 0) as bigint) as m11,
                cast(coalesce(sum(case when m.joined_at < $12 then 1 else 0 end), 0) as bigint) as m12
         from members m join orgs o on o.id = m.org_id where o.state = 1 and m.status < 5";
    BELONGINGS: (String) => Belonging = {
        sqlite "select m.id, m.user_id, o.slug, o.name as organization, o.state, m.role, m.status, m.is_primary, m.last_active_at
                from members m join orgs o on o.id = m.org_id
                where m.user_id in (select value from json_each($1)) and m.status < 5 order by m.user_id, m.is_primary desc, o.name_key, o.id"
        postgres "select m.id, m.user_id, o.slug, o.name as organization, o.state, m.role, m.status, m.is_primary, m.last_active_at
                from members m join orgs o on o.id = m.org_id
                where m.user_id in (select cast(value as bigint) from json_array_elements_text(cast($1 as json)))
                and m.status < 5 order by m.user_id, m.is_primary desc, o.name_key, o.id"
    };
    GRANTED: () => Granted =
        "select id, name, email, enterprise_role from users where enterprise_role is not null and state = 1 order by enterprise_role desc, email_key limit 100";
    OPEN: (OrgId, Timestamp) => (i64,) =
        "select count(*) as n from invitations where org_id = $1 and state = 1 and (expires_at is null or expires_at > $2)";
    SIZE: (OrgId) => (i64,) = "select cast(coalesce(sum(n), 0) as bigint) as n from member_counts where org_id = $1 and status < 5";
    ADMINS: (OrgId) => (i64,) =
        "select cast(coalesce(sum(n), 0) as bigint) as n from member_counts where org_id = $1 and role = 60 and status in (1, 2)";
    NAMES: () => (String, String) = "select slug, name from orgs where state = 1 order by name_key, id limit 200";
}

/// How many organizations are in each state: active, archived.
pub(super) async fn count_organizations(db: &mut impl Read) -> Result<(i64, i64)> {
    let rows = db.all(STATES, ()).await?;
    let of = |state| rows.iter().find(|row| row.0 == state).map_or(0, |row| row.1);
    Ok((of(1), of(2)))
}
pub(super) async fn list_kinds(db: &mut impl Read) -> Result<Vec<Kind>> {
    db.all(KINDS, ()).await
}
pub(super) async fn find_several(db: &mut impl Read) -> Result<Several> {
    db.one(SEVERAL, ()).await
}
pub(super) async fn list_largest(db: &mut impl Read, count: i64) -> Result<Vec<Size>> {
    db.all(LARGEST, (count,)).await
}
pub(super) async fn count_invited(db: &mut impl Read, now: Timestamp) -> Result<i64> {
    Ok(db.one(INVITED, (now,)).await?.0)
}
pub(super) async fn count_joined(db: &mut impl Read, ends: [Timestamp; 12]) -> Result<[i64; 12]> {
    let asked = (
        ends[0], ends[1], ends[2], ends[3], ends[4], ends[5], ends[6], ends[7], ends[8], ends[9], ends[10], ends[11],
    );
    let n = db.one(JOINED, asked).await?;
    Ok([
        n.m1, n.m2, n.m3, n.m4, n.m5, n.m6, n.m7, n.m8, n.m9, n.m10, n.m11, n.m12,
    ])
}
pub(super) async fn list_granted(db: &mut impl Read) -> Result<Vec<Granted>> {
    db.all(GRANTED, ()).await
}
pub(super) async fn count_open_invitations(db: &mut impl Read, org: OrgId, now: Timestamp) -> Result<i64> {
    Ok(db.one(OPEN, (org, now)).await?.0)
}
pub(super) async fn count_members(db: &mut impl Read, org: OrgId) -> Result<i64> {
    Ok(db.one(SIZE, (org,)).await?.0)
}
/// How many members run the organization.
pub(super) async fn count_admins(db: &mut impl Read, org: OrgId) -> Result<i64> {
    Ok(db.one(ADMINS, (org,)).await?.0)
}
/// Slug and name of the active organizations, for a filter.
pub(super) async fn list_names(db: &mut impl Read) -> Result<Vec<(String, String)>> {
    db.all(NAMES, ()).await
}
/// The memberships of these people, each person's primary first.
pub(super) async fn list_belongings(db: &mut impl Read, people: &[UserId]) -> Result<Vec<Belonging>> {
    let ids: Vec<i64> = people.iter().map(|id| id.raw()).collect();
    db.all(BELONGINGS, (serde_json::to_string(&ids)?,)).await
}

/// By what the list of organizations is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    /// By name.
    #[default]
    Name,
    /// By the number of members.
    Members,
    /// By age.
    Created,
}

/// What a page of organizations asks for: state (0 any), pattern, and the place: name key, number, id; then the count.
type OrgsAsked = (i64, String, String, i64, OrgId, i64);

fn orgs_text(by: SortBy, ascending: bool) -> String {
    let (than, order) = if ascending { (">", "asc") } else { ("<", "desc") };
    let place = match by {
        SortBy::Name => format!("(o.name_key, o.id) {than} ($3, $5) and $4 = $4"),
        SortBy::Members => format!("(o.members, o.id) {than} ($4, $5) and $3 = $3"),
        SortBy::Created => format!("o.id {than} $5 and $3 = $3 and $4 = $4"),
    };
    let sorted = match by {
        SortBy::Name => format!("o.name_key {order}, o.id {order}"),
        SortBy::Members => format!("o.members {order}, o.id {order}"),
        SortBy::Created => format!("o.id {order}"),
    };
    format!(
        "with o as (
             select g.id, g.slug, g.name, g.name_key, g.state, g.created_at,
                    cast(coalesce((select sum(c.n) from member_counts c where c.org_id = g.id and c.status < 5), 0) as bigint) as members,
                    cast(coalesce((select sum(c.n) from member_counts c where c.org_id = g.id and c.status in (1, 2) and c.role = 60), 0) as bigint) as admins
             from orgs g
             where ($1 = 0 or g.state = $1) and ($2 = '' or g.name_key like $2 escape '\\' or g.slug like $2 escape '\\')
         )
         select o.id, o.slug, o.name, o.name_key, o.state, o.created_at, o.members, o.admins from o where {place} order by {sorted} limit $6"
    )
}

/// One page of organizations, nearest to the place first.
pub(super) async fn list_organizations(
    db: &mut impl Read,
    by: SortBy,
    ascending: bool,
    asked: OrgsAsked,
) -> Result<Vec<Listed>> {
    db.rows(Text::Made(orgs_text(by, ascending)), asked).await
}

/// What a page of people asks for: organization (0 any), role (0 any), status (0 any), in several (0 or 1), pattern,
/// what the trigram index looks for, and the place: name key and membership; then the count.
type PeopleAsked = (OrgId, i64, i64, i64, String, String, String, MemberId, i64);

/// Which of the texts serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PeopleBy {
    /// The members of one organization rather than everyone.
    pub in_organization: bool,
    /// The trigram index finds the words.
    pub indexed: bool,
    /// From A to Z.
    pub ascending: bool,
}

fn people_text(engine: Engine, by: PeopleBy) -> String {
    let (than, order) = if by.ascending { (">", "asc") } else { ("<", "desc") };
    // Everyone has exactly one primary membership, so those stand for the people; an index has them by name.
    let (scope, kind) = if by.in_organization {
        (
            "m.org_id = $1",
            "(($2 = 0 or m.role = $2) and ($3 = 0 or m.status = $3))",
        )
    } else {
        let primary = match engine {
            Engine::Sqlite => "m.is_primary = 1 and m.org_id > $1",
            Engine::Postgres => "m.is_primary and m.org_id > $1",
        };
        let any = "(($2 = 0 and $3 = 0) or exists (select 1 from members x where x.user_id = m.user_id and x.status < 5
                   and ($2 = 0 or x.role = $2) and ($3 = 0 or x.status = $3)))";
        (primary, any)
    };
    let words = match (by.indexed, engine) {
        (false, _) => "($5 = '' or m.name_key like $5 escape '\\' or m.email_key like $5 escape '\\') and $6 = $6",
        (true, Engine::Sqlite) => {
            "m.id in (select rowid from members_fts where members_fts match $6) and (m.name_key like $5 escape '\\' or m.email_key like $5 escape '\\')"
        }
        (true, Engine::Postgres) => {
            "(m.name_key || ' ' || m.email_key) like $5 escape '\\' and (m.name_key like $5 escape '\\' or m.email_key like $5 escape '\\') and $6 = $6"
        }
    };
    format!(
        "select m.id, m.user_id, m.name, m.name_key, m.email, u.enterprise_role from members m join users u on u.id = m.user_id
         where {scope} and m.status < 5 and {kind} and {words}
         and ($4 = 0 or exists (select 1 from members s where s.user_id = m.user_id and s.id <> m.id and s.status < 5))
         and (m.name_key, m.id) {than} ($7, $8) order by m.name_key {order}, m.id {order} limit $9"
    )
}

/// One page of people, nearest to the place first.
pub(super) async fn list_people(db: &mut impl Read, by: PeopleBy, asked: PeopleAsked) -> Result<Vec<Listing>> {
    let text = Text::Made(people_text(db.engine(), by));
    db.rows(text, asked).await
}

/// Every text that the lists can make.
pub(super) fn made() -> Vec<Statement> {
    let mut list = Vec::new();
    for ascending in [true, false] {
        for by in [SortBy::Name, SortBy::Members, SortBy::Created] {
            let text = orgs_text(by, ascending);
            list.push(Statement::of_text::<OrgsAsked, Listed>(
                "enterprise::store::list_organizations",
                text.clone(),
                text,
            ));
        }
        for (in_organization, indexed) in [(false, false), (false, true), (true, false), (true, true)] {
            let by = PeopleBy {
                in_organization,
                indexed,
                ascending,
            };
            list.push(Statement::of_text::<PeopleAsked, Listing>(
                "enterprise::store::list_people",
                people_text(Engine::Sqlite, by),
                people_text(Engine::Postgres, by),
            ));
        }
    }
    list
}
