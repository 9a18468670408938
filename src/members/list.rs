//! The list of members: sorted, filtered, searched, and paged by key, at any size.
//!
//! The texts are put together here from a finite number of parts, and [`statements`] names every one of them. Which text answers
//! a question follows from numbers that are known before asking (members by role and state, sizes of groups), not from luck with a
//! planner:
//!
//! - **Walk** goes along the index of the sort and keeps what fits, until a page is full. With a bound it gives up after some
//!   thousand entries: a search for a rare word then goes to the search index instead.
//! - **Merge** takes one page from each role's (or state's) own range of an index and merges them.
//! - **Collect** gathers the few that fit first, from a group, a role, a state or the search index, and sorts them.
//!
//! Each ends in a late lookup: keys are found on an index first, whole rows are read for one page only.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;

use super::{
    Status,
    store::{CountRow, ListRow},
};
use crate::{
    access::{Permissions, Role},
    clock::Timestamp,
    db::{Engine, Params, Read, Statement, Text},
    error::Result,
    groups::Group,
    ids::{GroupId, MemberId, OrgId},
    limits::{UNLIMITED, WITHOUT},
    text::fold,
};

/// How many members a page shows.
pub const PAGE: usize = 50;
/// How many entries of an index a bounded walk looks at.
const BOUND: i64 = 3_000;
/// Organizations up to this size are searched without the search index.
const SMALL: i64 = 10_000;
/// How many members a filter may leave so that they are gathered and sorted.
const FEW: i64 = 1_500;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The name.
    #[default]
    Name,
    /// The role, the highest first; then the name.
    Role,
    /// The state, active first; then the name.
    Status,
    /// The last request.
    Active,
    /// The day of joining.
    Joined,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Name, Self::Role, Self::Status, Self::Active, Self::Joined];

    /// The stable name in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Role => "role",
            Self::Status => "status",
            Self::Active => "active",
            Self::Joined => "joined",
        }
    }
    /// Finds a sort by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.key() == key)
    }
    /// Whether the natural first direction is downwards: times, the latest first.
    pub const fn begins_down(self) -> bool {
        matches!(self, Self::Active | Self::Joined)
    }
    /// Whether members of equal role or state stand together, each part sorted by name.
    const fn is_grouped(self) -> bool {
        matches!(self, Self::Role | Self::Status)
    }
}

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// Downwards.
    pub down: bool,
}

/// Which members, in which order, from where.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// The order.
    pub order: Order,
    /// Only with this state.
    pub status: Option<Status>,
    /// Only with one of these roles; empty for any.
    pub roles: Vec<Role>,
    /// Only in one of these groups; empty for any.
    pub groups: Vec<GroupId>,
    /// Only with all of these words in name or address; see [`words`].
    pub words: Vec<String>,
    /// Only those whom no limit holds.
    pub limitless: Option<Limitless>,
    /// The page's place; none for the first.
    pub cursor: Option<Cursor>,
}

/// How members without a limit are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limitless {
    /// Anybody may be one: each is asked.
    Any,
    /// Only the few with a choice of "unlimited" can be one, because the organization has a default.
    Few,
}

/// A place between two members of a sorted list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Whether the page lies before the place.
    pub backward: bool,
    number: i64,
    text: String,
    id: MemberId,
    /// How many members lie before the place, when the walk to it began at the first page.
    before: i64,
}

impl Cursor {
    /// Reads what [`Cursor::to_text`] wrote; anything else is no place.
    pub fn parse(text: &str, backward: bool) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (number, text, id, before): (i64, String, MemberId, i64) = serde_json::from_slice(&bytes).ok()?;
        (!text.contains('\0')).then_some(Self {
            backward,
            number,
            text,
            id,
            before,
        })
    }
    /// The place as part of an address.
    pub fn to_text(&self) -> String {
        let json = serde_json::to_vec(&(self.number, &self.text, self.id, self.before)).unwrap_or_default();
        BASE64URL_NOPAD.encode(&json)
    }
}

/// The words to look for: folded as names are, at most three; a fourth and later ones stay together with the third.
pub fn words(text: &str) -> Vec<String> {
    let text: String = text.chars().take(200).collect();
    fold(&text)
        .splitn(3, ' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Whether a name alone has all of these words.
pub fn has_words(name: &str, words: &[String]) -> bool {
    let name = fold(name);
    words.iter().all(|word| name.contains(word.as_str()))
}

/// How many members an organization has, by role and state.
#[derive(Debug, Clone, Default)]
pub struct Counts(Vec<CountRow>);

impl Counts {
    /// Wraps the rows.
    pub(super) const fn new(rows: Vec<CountRow>) -> Self {
        Self(rows)
    }
    /// All who have not left.
    pub fn total(&self) -> i64 {
        self.of(None, &[])
    }
    /// Those with a state and one of some roles; none and empty mean any.
    pub fn of(&self, status: Option<Status>, roles: &[Role]) -> i64 {
        self.0
            .iter()
            .filter(|row| {
                status.is_none_or(|status| status == row.status) && (roles.is_empty() || roles.contains(&row.role))
            })
            .map(|row| row.n)
            .sum()
    }
}

/// One page.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The members, in order.
    pub rows: Vec<ListRow>,
    /// How many lie before the page.
    pub before: i64,
    /// How many fit in all, where that is known.
    pub total: Option<i64>,
    /// The place of the page before.
    pub previous: Option<Cursor>,
    /// The place of the page after.
    pub next: Option<Cursor>,
}

/// Finds one page with one statement; a second one only when a bounded walk met too few.
pub async fn find(db: &mut impl Read, org: OrgId, query: &Query, counts: &Counts, groups: &[Group]) -> Result<Found> {
    let backward = query.cursor.as_ref().is_some_and(|cursor| cursor.backward);
    let key = Key::new(query.order, backward);
    let plans = plan(query, counts, groups);
    let mut rows = Vec::new();
    for shape in plans {
        rows = run(db, org, query, key, shape, PAGE).await?;
        let is_bounded = matches!(
            shape,
            Shape {
                plan: Plan::Walk { bounded: true },
                ..
            }
        );
        if !is_bounded || rows.len() > PAGE {
            break;
        }
    }
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    if backward {
        rows.reverse();
    }
    let count = rows.len() as i64;
    let before = query.cursor.as_ref().map_or(0, |cursor| {
        if backward {
            (cursor.before - count).max(0)
        } else {
            cursor.before
        }
    });
    let place = |row: &ListRow, backward: bool, before: i64| Cursor {
        backward,
        number: row.k1,
        text: row.k2.clone(),
        id: row.id,
        before,
    };
    let has_previous = if backward { more } else { query.cursor.is_some() };
    let has_next = if backward { true } else { more };
    let total = total(query, counts, groups).or((!has_next).then_some(before + count));
    Ok(Found {
        previous: rows
            .first()
            .filter(|_| has_previous)
            .map(|row| place(row, true, before)),
        next: rows
            .last()
            .filter(|_| has_next)
            .map(|row| place(row, false, before + count)),
        rows,
        before,
        total,
    })
}

/// How many fit, where the kept counts know it.
fn total(query: &Query, counts: &Counts, groups: &[Group]) -> Option<i64> {
    if query.limitless.is_some() {
        return None;
    }
    let any_state = query.status.is_none() && query.roles.is_empty();
    match (query.words.is_empty(), query.groups.as_slice()) {
        (true, []) => Some(counts.of(query.status, &query.roles)),
        (true, [only]) if any_state => groups
            .iter()
            .find(|group| group.id == *only)
            .map(|group| group.member_count),
        _ => None,
    }
}

/// Which texts answer the question, in the order to be tried.
fn plan(query: &Query, counts: &Counts, groups: &[Group]) -> Vec<Shape> {
    let all = counts.total();
    let (by_status, by_role) = (counts.of(query.status, &[]), counts.of(None, &query.roles));
    let fitting = counts.of(query.status, &query.roles);
    let narrow = if by_role <= by_status { Part::Role } else { Part::Status };
    let sort = query.order.sort;
    let grouped = !query.groups.is_empty();
    let searched = !query.words.is_empty();
    let shape = |plan| Shape {
        plan,
        grouped,
        searched,
        limitless: query.limitless.is_some(),
    };
    if query.limitless == Some(Limitless::Few) {
        return vec![shape(Plan::Collect(Source::Unlimited))];
    }
    if searched {
        let has_trigram = query.words.iter().any(|word| word.chars().count() >= 3);
        let exact = shape(Plan::Collect(if all > SMALL && has_trigram {
            Source::Index
        } else {
            Source::Scan
        }));
        return match sort {
            Sort::Name if all <= SMALL => vec![shape(Plan::Walk { bounded: false })],
            Sort::Role | Sort::Status => vec![exact],
            _ if all <= SMALL => vec![exact],
            _ => vec![shape(Plan::Walk { bounded: true }), exact],
        };
    }
    let walk = || {
        if sort.is_grouped() {
            shape(Plan::MergeParts)
        } else {
            shape(Plan::Walk { bounded: false })
        }
    };
    if grouped {
        let size: i64 = groups
            .iter()
            .filter(|group| query.groups.contains(&group.id))
            .map(|group| group.member_count)
            .sum();
        // Gathering costs about two steps a member of the group; walking passes all / size entries for each that fits.
        let gather = size <= FEW / 3 || 2 * size.saturating_mul(size) < (PAGE as i64) * all;
        return vec![if gather {
            shape(Plan::Collect(Source::Groups))
        } else {
            walk()
        }];
    }
    if query.status.is_none() && query.roles.is_empty() {
        return vec![walk()];
    }
    vec![match sort {
        Sort::Name => shape(Plan::MergeNames(narrow)),
        _ if fitting <= FEW => shape(Plan::Collect(Source::Part(narrow))),
        _ => walk(),
    }]
}

/// How many members an export reads with one statement.
pub const SLICE: usize = 1_000;

/// A part of the whole list, after a place, for whoever takes all of it: every part goes on along the same index, so the whole costs
/// one walk of it, whatever is filtered. Returns the rows and the next place, if there may be more.
pub async fn slice(db: &mut impl Read, org: OrgId, query: &Query) -> Result<(Vec<ListRow>, Option<Cursor>)> {
    let key = Key::new(query.order, false);
    let mut rows = run(db, org, query, key, whole(query), SLICE).await?;
    let more = rows.len() > SLICE;
    rows.truncate(SLICE);
    let next = rows.last().filter(|_| more).map(|row| Cursor {
        backward: false,
        number: row.k1,
        text: row.k2.clone(),
        id: row.id,
        before: 0,
    });
    Ok((rows, next))
}

/// The plan of a slice.
fn whole(query: &Query) -> Shape {
    let plan = if query.order.sort.is_grouped() {
        Plan::MergeParts
    } else {
        Plan::Walk { bounded: false }
    };
    Shape {
        plan,
        grouped: !query.groups.is_empty(),
        searched: !query.words.is_empty(),
        limitless: query.limitless.is_some(),
    }
}

async fn run(
    db: &mut impl Read,
    org: OrgId,
    query: &Query,
    key: Key,
    shape: Shape,
    size: usize,
) -> Result<Vec<ListRow>> {
    let text = Text::Made(text(db.engine(), key, shape, size));
    let (number, name, id) = match &query.cursor {
        Some(cursor) => (cursor.number, cursor.text.clone(), cursor.id),
        None if key.up => (i64::MIN, String::new(), MemberId::from_raw(0)),
        None => (i64::MAX, LAST.to_owned(), MemberId::from_raw(i64::MAX)),
    };
    let mask = mask(query);
    let ids = query
        .groups
        .iter()
        .map(|id| id.raw().to_string())
        .collect::<Vec<_>>()
        .join(",");
    let [a, b, c] = [0, 1, 2].map(|place| query.words.get(place).cloned().unwrap_or_default());
    let pattern = match (shape.plan, db.engine()) {
        (Plan::Collect(Source::Index), Engine::Sqlite) => Some(trigrams(&query.words)),
        (Plan::Collect(Source::Index), Engine::Postgres) => Some(like(&query.words)),
        _ => None,
    };
    match (shape.grouped, shape.searched, pattern) {
        (false, false, _) => db.rows::<Plain, _>(text, (org, mask, number, name, id)).await,
        (true, false, _) => db.rows::<Grouped, _>(text, (org, mask, number, name, id, ids)).await,
        (false, true, None) => {
            db.rows::<Searched, _>(text, (org, mask, number, name, id, a, b, c))
                .await
        }
        (false, true, Some(p)) => {
            db.rows::<Indexed, _>(text, (org, mask, number, name, id, a, b, c, p))
                .await
        }
        (true, true, None) => {
            db.rows::<GroupedSearched, _>(text, (org, mask, number, name, id, ids, a, b, c))
                .await
        }
        (true, true, Some(p)) => {
            db.rows::<GroupedIndexed, _>(text, (org, mask, number, name, id, ids, a, b, c, p))
                .await
        }
    }
}

type Plain = (OrgId, i64, i64, String, MemberId);
type Grouped = (OrgId, i64, i64, String, MemberId, String);
type Searched = (OrgId, i64, i64, String, MemberId, String, String, String);
type Indexed = (OrgId, i64, i64, String, MemberId, String, String, String, String);
type GroupedSearched = (OrgId, i64, i64, String, MemberId, String, String, String, String);
type GroupedIndexed = (
    OrgId,
    i64,
    i64,
    String,
    MemberId,
    String,
    String,
    String,
    String,
    String,
);

/// A text after every name: the last code point, which no name begins with.
const LAST: &str = "\u{10FFFF}";

/// One bit for each role and state that fits.
pub(super) fn mask(query: &Query) -> i64 {
    let mut mask = 0;
    for role in Role::ALL {
        for status in Status::LIVE {
            let fits = query.status.is_none_or(|wanted| wanted == status)
                && (query.roles.is_empty() || query.roles.contains(&role));
            if fits {
                mask |= bit(role, status);
            }
        }
    }
    mask
}

const fn bit(role: Role, status: Status) -> i64 {
    1 << ((role.rank() / 10 - 2) * 4 + status as i64 - 1)
}

/// The query of SQLite's trigram index: every three letters of the longer words; the words themselves are compared afterwards.
fn trigrams(words: &[String]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for word in words {
        let letters: Vec<char> = word.chars().collect();
        for three in letters.windows(3) {
            let part = format!("\"{}\"", three.iter().collect::<String>().replace('"', "\"\""));
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    parts.truncate(32);
    parts.join(" AND ")
}

/// The pattern of PostgreSQL's trigram index: the longest word.
fn like(words: &[String]) -> String {
    let longest = words
        .iter()
        .max_by_key(|word| word.chars().count())
        .map_or("", String::as_str);
    let mut pattern = String::from("%");
    for letter in longest.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// The key of a sort as the texts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    sort: Sort,
    /// For roles and states: the lowest role, the last state first.
    turned: bool,
    /// Whether keys rise along the page as it is read.
    up: bool,
}

impl Key {
    const fn new(order: Order, backward: bool) -> Self {
        if order.sort.is_grouped() {
            // Names rise within each role in both directions; only the roles turn.
            return Self {
                sort: order.sort,
                turned: order.down,
                up: !backward,
            };
        }
        Self {
            sort: order.sort,
            turned: false,
            up: order.down == backward,
        }
    }
    fn all() -> Vec<Self> {
        let mut keys = Vec::new();
        for sort in Sort::ALL {
            for turned in [false, true] {
                if !turned || sort.is_grouped() {
                    keys.extend([true, false].map(|up| Self { sort, turned, up }));
                }
            }
        }
        keys
    }
    const fn direction(self) -> &'static str {
        if self.up { "asc" } else { "desc" }
    }
    const fn beyond(self) -> &'static str {
        if self.up { ">" } else { "<" }
    }
    /// The first part of the key.
    const fn number(self) -> &'static str {
        match (self.sort, self.turned) {
            (Sort::Name, _) => "cast(0 as bigint)",
            (Sort::Role, false) => "(100 - m.role)",
            (Sort::Role, true) => "m.role",
            (Sort::Status, false) => "m.status",
            (Sort::Status, true) => "(100 - m.status)",
            (Sort::Active, _) => "m.last_active_at",
            (Sort::Joined, _) => "m.joined_at",
        }
    }
    /// The second part of the key.
    const fn text(self) -> &'static str {
        match self.sort {
            Sort::Active | Sort::Joined => "cast('' as text)",
            _ => "m.name_key",
        }
    }
    /// The number of one role or state.
    const fn place(self, value: i64) -> i64 {
        match (self.sort, self.turned) {
            (Sort::Role, false) | (Sort::Status, true) => 100 - value,
            _ => value,
        }
    }
    /// The index that has this order, and its column.
    const fn index(self) -> (&'static str, &'static str) {
        match self.sort {
            Sort::Active => ("members_active", "last_active_at"),
            Sort::Joined => ("members_joined", "joined_at"),
            _ => ("members_name", "name_key"),
        }
    }
}

/// The parts of an organization that have an index of names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Role,
    Status,
}

impl Part {
    const fn column(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Status => "status",
        }
    }
    const fn index(self) -> &'static str {
        match self {
            Self::Role => "members_role",
            Self::Status => "members_status",
        }
    }
    /// Each value with the bits of the mask that belong to it.
    fn values(self) -> Vec<(i64, i64)> {
        match self {
            Self::Role => Role::ALL
                .map(|role| (role.rank(), Status::LIVE.map(|status| bit(role, status)).iter().sum()))
                .to_vec(),
            Self::Status => Status::LIVE
                .map(|status| (status as i64, Role::ALL.map(|role| bit(role, status)).iter().sum()))
                .to_vec(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Part(Part),
    Groups,
    Index,
    Scan,
    Unlimited,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Walk { bounded: bool },
    MergeParts,
    MergeNames(Part),
    Collect(Source),
}

/// A plan with the conditions that it also has to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    plan: Plan,
    grouped: bool,
    searched: bool,
    limitless: bool,
}

/// The whole text of a statement.
fn text(engine: Engine, key: Key, shape: Shape, size: usize) -> String {
    let sqlite = engine == Engine::Sqlite;
    let indexed = |index: &str| {
        if sqlite {
            format!(" indexed by {index}")
        } else {
            String::new()
        }
    };
    let fits = "m.status < 5 and (($2 >> cast((m.role / 10 - 2) * 4 + m.status - 1 as integer)) & 1) = 1";
    let mut next = 6;
    let mut take = || {
        next += 1;
        next - 1
    };
    let groups = if shape.grouped {
        let place = take();
        if sqlite {
            format!("(select value from json_each('[' || ${place} || ']'))")
        } else {
            format!("(select cast(unnest(string_to_array(${place}, ',')) as bigint))")
        }
    } else {
        String::new()
    };
    let in_group = if shape.grouped {
        format!(" and exists (select 1 from group_members gm where gm.member_id = m.id and gm.group_id in {groups})")
    } else {
        String::new()
    };
    let in_group = if shape.limitless {
        format!("{in_group} and {WITHOUT}")
    } else {
        in_group
    };
    let mut has_words = String::new();
    if shape.searched {
        for _ in 0..3 {
            let place = take();
            let _ = if sqlite {
                write!(has_words, " and instr(m.name_key || ' ' || m.email_key, ${place}) > 0")
            } else {
                write!(has_words, " and strpos(m.name_key || ' ' || m.email_key, ${place}) > 0")
            };
        }
    }
    let (number, name, up, beyond, limit) = (key.number(), key.text(), key.direction(), key.beyond(), size + 1);
    let found = match shape.plan {
        Plan::Walk { bounded } => {
            let (index, column) = key.index();
            // Every text takes the same parameters; the one that this key has no use for stands in a condition that always holds.
            let (cursor, idle) = if key.sort == Sort::Name {
                ("$4", "$3")
            } else {
                ("$3", "$4")
            };
            let range = format!(
                "m.org_id = $1 and m.status < 5 and (m.{column}, m.id) {beyond} ({cursor}, $5) and {idle} is not null"
            );
            let order = format!("order by m.{column} {up}, m.id {up}");
            let from = if bounded {
                let within = format!(
                    "select * from members m{} where {range} {order} limit {BOUND}",
                    indexed(index)
                );
                format!("({within}) m where true")
            } else {
                format!("members m{} where {range}", indexed(index))
            };
            format!(
                "p as (select m.id, {number} as k1, {name} as k2 from {from} and {fits}{in_group}{has_words} {order} limit {limit})"
            )
        }
        Plan::MergeParts => {
            let part = if key.sort == Sort::Role {
                Part::Role
            } else {
                Part::Status
            };
            let (reach, edge, edge_id) = if key.up { (">=", "", 0) } else { ("<=", LAST, i64::MAX) };
            let branches: Vec<String> = part
                .values()
                .into_iter()
                .map(|(value, bits)| {
                    let place = key.place(value);
                    format!(
                        "select * from (select m.id, cast({place} as bigint) as k1, m.name_key as k2 from members m{index} where m.org_id = $1 and m.{column} = {value} and ($2 & {bits}) <> 0 and {place} {reach} $3 and (m.name_key, m.id) {beyond} (case when $3 = {place} then $4 else '{edge}' end, case when $3 = {place} then $5 else {edge_id} end) and {fits}{in_group}{has_words} order by m.name_key {up}, m.id {up} limit {limit}) b{value}",
                        index = indexed(part.index()),
                        column = part.column(),
                    )
                })
                .collect();
            format!(
                "p as (select * from ({}) u order by k1 {up}, k2 {up}, id {up} limit {limit})",
                branches.join(" union all ")
            )
        }
        Plan::MergeNames(part) => {
            let branches: Vec<String> = part
                .values()
                .into_iter()
                .map(|(value, bits)| {
                    format!(
                        "select * from (select m.id, cast(0 as bigint) as k1, m.name_key as k2 from members m{index} where m.org_id = $1 and m.{column} = {value} and ($2 & {bits}) <> 0 and (m.name_key, m.id) {beyond} ($4, $5) and $3 is not null and {fits}{in_group} order by m.name_key {up}, m.id {up} limit {limit}) b{value}",
                        index = indexed(part.index()),
                        column = part.column(),
                    )
                })
                .collect();
            format!(
                "p as (select * from ({}) u order by k2 {up}, id {up} limit {limit})",
                branches.join(" union all ")
            )
        }
        Plan::Collect(source) => {
            let hits = match source {
                Source::Part(part) => part
                    .values()
                    .into_iter()
                    .map(|(value, bits)| {
                        format!(
                            "select m.id from members m{} where m.org_id = $1 and m.{} = {value} and ($2 & {bits}) <> 0 and {fits}",
                            indexed(part.index()),
                            part.column()
                        )
                    })
                    .collect::<Vec<_>>()
                    .join(" union all "),
                Source::Groups => format!("select distinct gm.member_id as id from group_members gm where gm.org_id = $1 and gm.group_id in {groups}"),
                Source::Index if sqlite => {
                    format!("select rowid as id from members_fts where members_fts match ${} and rowid between ($1 << 32) and (($1 + 1) << 32)", take())
                }
                Source::Index => {
                    format!("select m.id from members m where m.org_id = $1 and (m.name_key || ' ' || m.email_key) like ${}", take())
                }
                Source::Unlimited => UNLIMITED.to_owned(),
                Source::Scan => {
                    format!("select m.id from members m{} where m.org_id = $1 and m.status < 5{has_words}", indexed("members_name"))
                }
            };
            let in_group = match (source, shape.limitless) {
                (Source::Groups, true) => format!(" and {WITHOUT}"),
                (Source::Groups, false) => String::new(),
                _ => in_group,
            };
            // SQLite keeps the order of a cross join: the few first, then their rows.
            let join = if sqlite { "cross join" } else { "join" };
            let on = if sqlite { "where" } else { "on" };
            let and = if sqlite { "and" } else { "where" };
            format!(
                "h as materialized ({hits}), p as (select m.id, {number} as k1, {name} as k2 from h {join} members m {on} m.id = h.id {and} m.org_id = $1 and {fits}{in_group}{has_words} and ({number}, {name}, m.id) {beyond} ($3, $4, $5) order by 2 {up}, 3 {up}, 1 {up} limit {limit})"
            )
        }
    };
    format!(
        "with {found} select m.id, m.user_id, m.name, m.email, m.role, m.status, m.joined_at, m.last_active_at, m.expires_at, m.state_at, m.version, u.enterprise_role, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture, p.k1, p.k2, (select string_agg(cast(g.id as text) || '\u{1f}' || g.name, '\u{1e}' order by g.name_key, g.id) from group_members gm join groups g on g.id = gm.group_id where gm.member_id = m.id) as groups, (select string_agg(r.name || '\u{1f}' || r.permissions, '\u{1e}' order by r.name_key, r.id) from member_roles mr join roles r on r.id = mr.role_id where mr.member_id = m.id) as roles from p join members m on m.id = p.id join users u on u.id = m.user_id order by p.k1 {up}, p.k2 {up}, p.id {up}"
    )
}

/// Every text of this list, for the test that prepares them on both databases.
pub fn statements() -> Vec<Statement> {
    fn add<P: Params>(list: &mut Vec<Statement>, key: Key, shape: Shape, size: usize) {
        let made = |engine| text(engine, key, shape, size);
        list.push(Statement::of_text::<P, ListRow>(
            "muster::members::list",
            made(Engine::Sqlite),
            made(Engine::Postgres),
        ));
    }
    let mut list = Vec::new();
    for (key, shape) in shapes() {
        match (shape.grouped, shape.searched, shape.plan) {
            (false, false, _) => add::<Plain>(&mut list, key, shape, PAGE),
            (true, false, _) => add::<Grouped>(&mut list, key, shape, PAGE),
            (false, true, Plan::Collect(Source::Index)) => add::<Indexed>(&mut list, key, shape, PAGE),
            (true, true, Plan::Collect(Source::Index)) => add::<GroupedIndexed>(&mut list, key, shape, PAGE),
            (false, true, _) => add::<Searched>(&mut list, key, shape, PAGE),
            (true, true, _) => add::<GroupedSearched>(&mut list, key, shape, PAGE),
        }
    }
    for order in Sort::ALL
        .into_iter()
        .flat_map(|sort| [false, true].map(|down| Order { sort, down }))
    {
        let parts = [(0, ""), (1, ""), (0, "a"), (1, "a")];
        for ((groups, words), limitless) in parts
            .into_iter()
            .flat_map(|part| [None, Some(Limitless::Any)].map(|limitless| (part, limitless)))
        {
            let query = Query {
                order,
                groups: vec![GroupId::from_raw(7); groups],
                words: self::words(words),
                limitless,
                ..Query::default()
            };
            let (key, shape) = (Key::new(order, false), whole(&query));
            match (shape.grouped, shape.searched) {
                (false, false) => add::<Plain>(&mut list, key, shape, SLICE),
                (true, false) => add::<Grouped>(&mut list, key, shape, SLICE),
                (false, true) => add::<Searched>(&mut list, key, shape, SLICE),
                (true, true) => add::<GroupedSearched>(&mut list, key, shape, SLICE),
            }
        }
    }
    list
}

/// Every combination that [`plan`] can choose.
fn shapes() -> Vec<(Key, Shape)> {
    let mut list = Vec::new();
    for key in Key::all() {
        let mut add = |plan, grouped, searched| {
            let unlimited = plan == Plan::Collect(Source::Unlimited);
            for limitless in [false, true] {
                if limitless || !unlimited {
                    list.push((
                        key,
                        Shape {
                            plan,
                            grouped,
                            searched,
                            limitless,
                        },
                    ));
                }
            }
        };
        for grouped in [false, true] {
            if key.sort.is_grouped() {
                add(Plan::MergeParts, grouped, false);
            } else {
                add(Plan::Walk { bounded: false }, grouped, false);
                add(Plan::Walk { bounded: true }, grouped, true);
            }
            if key.sort == Sort::Name {
                add(Plan::Walk { bounded: false }, grouped, true);
            }
            add(Plan::Collect(Source::Index), grouped, true);
            add(Plan::Collect(Source::Scan), grouped, true);
            for searched in [false, true] {
                add(Plan::Collect(Source::Unlimited), grouped, searched);
            }
        }
        add(Plan::Collect(Source::Groups), true, false);
        for part in [Part::Role, Part::Status] {
            if key.sort == Sort::Name {
                add(Plan::MergeNames(part), false, false);
            } else {
                add(Plan::Collect(Source::Part(part)), false, false);
            }
        }
    }
    list
}

/// A member's groups as the list's one text holds them.
pub(super) fn groups_of(row: &ListRow) -> Vec<(GroupId, String)> {
    let parts = row.groups.as_deref().unwrap_or_default().split('\u{1e}');
    parts
        .filter_map(|part| part.split_once('\u{1f}'))
        .filter_map(|(id, name)| Some((GroupId::from_raw(id.parse().ok()?), name.to_owned())))
        .collect()
}

/// A member's custom roles and what they permit, as the list's one text holds them.
pub(super) fn roles_of(row: &ListRow) -> impl Iterator<Item = (String, Permissions)> {
    let parts = row.roles.as_deref().unwrap_or_default().split('\u{1e}');
    parts
        .filter_map(|part| part.split_once('\u{1f}'))
        .map(|(name, keys)| (name.to_owned(), Permissions::parse(keys)))
}

/// Whether the job or a date has ended this membership; see [`super::Member::state`].
pub(super) fn has_expired(row: &ListRow, now: Timestamp) -> bool {
    is_over((row.status, row.expires_at, row.state_at), now)
}

/// Whether a membership ended by itself, by its state, its end and when the state was changed.
pub(super) fn is_over((status, end, since): (Status, Option<Timestamp>, Option<Timestamp>), now: Timestamp) -> bool {
    match status {
        Status::Suspended => end.is_some() && since == end,
        status => status.acts() && end.is_some_and(|end| end <= now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_is_one_of_the_enumerated_texts() {
        let known = shapes();
        let group = |size| Group {
            id: GroupId::from_raw(7),
            name: "G".into(),
            kind: crate::groups::Kind::Group,
            member_count: size,
        };
        let mut seen = 0;
        for total in [10, 9_999, 10_001, 1_000_000] {
            let counts = Counts::new(vec![
                CountRow {
                    role: Role::Member,
                    status: Status::Active,
                    n: total,
                },
                CountRow {
                    role: Role::Viewer,
                    status: Status::Disabled,
                    n: 3,
                },
            ]);
            for order in Sort::ALL
                .into_iter()
                .flat_map(|sort| [false, true].map(|down| Order { sort, down }))
            {
                for status in [None, Some(Status::Active), Some(Status::Disabled)] {
                    for roles in [vec![], vec![Role::Member], vec![Role::Viewer, Role::Member]] {
                        for (groups, size) in [
                            (vec![], 0),
                            (vec![GroupId::from_raw(7)], 3),
                            (vec![GroupId::from_raw(7)], total),
                        ] {
                            for words in ["", "an", "anna", "anna b"] {
                                let query = Query {
                                    order,
                                    status,
                                    roles: roles.clone(),
                                    groups: groups.clone(),
                                    words: super::words(words),
                                    limitless: [None, Some(Limitless::Any), Some(Limitless::Few)][seen % 3],
                                    cursor: None,
                                };
                                for shape in plan(&query, &counts, &[group(size)]) {
                                    for backward in [false, true] {
                                        assert!(
                                            known.contains(&(Key::new(order, backward), shape)),
                                            "{shape:?} for {query:?}"
                                        );
                                        seen += 1;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(seen > 1_000);
    }

    #[test]
    fn a_cursor_survives_the_address_and_junk_does_not() {
        let cursor = Cursor {
            backward: true,
            number: -3,
            text: "jürgen \"x\"".into(),
            id: MemberId::from_raw(5),
            before: 50,
        };
        assert_eq!(Cursor::parse(&cursor.to_text(), true), Some(cursor));
        for junk in ["", "x", "W10", "WzEsIlx1MDAwMCIsIm1lbV8wMDAwMDAwMDAwMDAwIiwwXQ"] {
            assert_eq!(Cursor::parse(junk, false), None, "{junk}");
        }
    }

    #[test]
    fn words_are_folded_and_at_most_three() {
        assert_eq!(words("  Jürgen BACH "), ["jurgen", "bach"]);
        assert_eq!(words("a b c d"), ["a", "b", "c d"]);
        assert!(words(" \u{301} ").is_empty());
    }

    #[test]
    fn patterns_are_escaped() {
        assert_eq!(trigrams(&["an\"na".into()]), "\"an\"\"\" AND \"n\"\"n\" AND \"\"\"na\"");
        assert_eq!(like(&["a".into(), "5%_\\".into()]), "%5\\%\\_\\\\%");
    }

    #[test]
    fn each_role_and_state_has_a_bit_of_its_own() {
        let mut seen = 0;
        for role in Role::ALL {
            for status in Status::LIVE {
                assert_eq!(seen & bit(role, status), 0);
                seen |= bit(role, status);
            }
        }
        assert_eq!(seen, mask(&Query::default()));
        for part in [Part::Role, Part::Status] {
            assert_eq!(part.values().iter().map(|(_, bits)| bits).sum::<i64>(), seen);
        }
    }
}
