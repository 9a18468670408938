//! The list of groups: searched, of one kind, sorted by name or size, paged by key.
//!
//! Two sorts, two directions: four texts, put together here from a finite number of parts; [`statements`] names every one of them.

use super::Kind;
use crate::{
    clock::Timestamp,
    db::{Engine, Read, Statement, Text},
    error::Result,
    ids::{GroupId, MemberId, OrgId},
    record,
    text::{contains, fold},
    web::list::{PAGE, Slice, cursor, place},
};

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The name.
    #[default]
    Name,
    /// The number of members.
    Size,
}

impl Sort {
    /// The stable name in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
        }
    }
    /// Finds a sort by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        [Self::Name, Self::Size].into_iter().find(|sort| sort.key() == key)
    }
    /// Whether the natural first direction is downwards.
    pub const fn begins_down(self) -> bool {
        matches!(self, Self::Size)
    }
}

/// Which groups, in which order, from where.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// By what.
    pub sort: Sort,
    /// Downwards.
    pub down: bool,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only with this in the name.
    pub words: String,
    /// Only those that nobody leads.
    pub without_lead: bool,
    /// Only those to which this member belongs now.
    pub member: Option<MemberId>,
    /// The page's place, and whether the page lies before it; none for the first page.
    pub cursor: Option<(String, bool)>,
}

record! {
    /// A group as the list shows one.
    pub struct Line {
        /// The group.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// The form by which it is sorted.
        pub name_key: String,
        /// What people call it.
        pub kind: Kind,
        /// What it is for.
        pub description: String,
        /// How many members it has.
        pub member_count: i64,
        /// Up to three of its leads by name.
        pub leads: Option<String>,
        /// Up to three of its people, each an id and a name; see [`Line::faces`].
        pub people: Option<String>,
    }
}

impl Line {
    /// Some of its people: number and name.
    pub fn faces(&self) -> Vec<(i64, String)> {
        let parts = self.people.as_deref().unwrap_or_default().split('\u{1e}');
        parts
            .filter_map(|part| part.split_once('\u{1f}'))
            .filter_map(|(id, name)| Some((id.parse().ok()?, name.to_owned())))
            .collect()
    }
    /// Its place in the list, for a link.
    pub fn place(&self) -> String {
        cursor(&(self.member_count, &self.name_key, self.id))
    }
}

type Asked = (OrgId, i64, i64, Timestamp, String, bool, i64, String, GroupId);

/// A text after every name: the last code point, which no name begins with.
const LAST: &str = "\u{10FFFF}";

/// Finds one page with one statement.
pub async fn find(db: &mut impl Read, org: OrgId, query: &Query, now: Timestamp) -> Result<Slice<Line>> {
    let at = query
        .cursor
        .as_ref()
        .and_then(|(text, back)| Some((place::<(i64, String, GroupId)>(text)?, *back)))
        .filter(|((_, name, _), _)| !name.contains('\0'));
    let backwards = at.as_ref().is_some_and(|(_, back)| *back);
    let up = query.down == backwards;
    let from_start = at.is_none();
    let (number, name, id) = match at {
        Some((place, _)) => place,
        None if up => (i64::MIN, String::new(), GroupId::from_raw(0)),
        None => (i64::MAX, LAST.to_owned(), GroupId::from_raw(i64::MAX)),
    };
    let words = fold(&query.words.chars().take(200).collect::<String>());
    let asked: Asked = (
        org,
        query.kind.map_or(0, |kind| kind as i64),
        query.member.map_or(0, MemberId::raw),
        now,
        contains(&words),
        query.without_lead,
        number,
        name,
        id,
    );
    let rows = db.rows::<Asked, Line>(Text::Made(text(query.sort, up)), asked).await?;
    Ok(Slice::cut(rows, PAGE, backwards, from_start))
}

fn text(sort: Sort, up: bool) -> String {
    let (beyond, way) = if up { (">", "asc") } else { ("<", "desc") };
    // Every text takes the same parameters; the one that a sort has no use for stands in a condition that always holds.
    let (column, own, idle) = match sort {
        Sort::Name => ("name_key", "$8", "$7"),
        Sort::Size => ("member_count", "$7", "$8"),
    };
    let lasts = "(gm.expires_at is null or gm.expires_at > $4)";
    let limit = PAGE + 1;
    format!(
        "select g.id, g.name, g.name_key, g.kind, g.description, g.member_count,
           (select string_agg(l.name, ', ') from (select m.name from group_members gm join members m on m.id = gm.member_id
             where gm.org_id = $1 and gm.group_id = g.id and gm.is_lead = true and {lasts} order by m.name_key, m.id limit 3) l) as leads,
           (select string_agg(cast(p.id as text) || '\u{1f}' || p.name, '\u{1e}') from (select m.id, m.name from group_members gm join members m on m.id = gm.member_id
             where gm.org_id = $1 and gm.group_id = g.id and {lasts} order by gm.member_id limit 3) p) as people
         from groups g
         where g.org_id = $1 and ($2 = 0 or g.kind = $2) and g.name_key like $5 escape '\\'
           and ($3 = 0 or exists (select 1 from group_members gm where gm.org_id = $1 and gm.group_id = g.id and gm.member_id = $3 and {lasts}))
           and (not $6 or not exists (select 1 from group_members gm where gm.org_id = $1 and gm.group_id = g.id and gm.is_lead = true and {lasts}))
           and (g.{column}, g.id) {beyond} ({own}, $9) and {idle} is not null
         order by g.{column} {way}, g.id {way} limit {limit}"
    )
}

/// Every text of this list, for the test that prepares them on both databases.
pub fn statements() -> Vec<Statement> {
    let mut list = Vec::new();
    for sort in [Sort::Name, Sort::Size] {
        for up in [true, false] {
            let made = |_: Engine| text(sort, up);
            list.push(Statement::of_text::<Asked, Line>(
                "muster::groups::list",
                made(Engine::Sqlite),
                made(Engine::Postgres),
            ));
        }
    }
    list
}
