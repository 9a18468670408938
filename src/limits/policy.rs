//! Policies, and what of them counts for one member: a raise before the member's own limit, that before their groups' defaults, those
//! before the organization's. Whether a policy is valid is decided by the instant at hand, so that a raise ends without anybody's help.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    amount::{Amount, Unit},
    settings::{self, Conflict},
    store::{self, PolicyRow},
    window::Window,
};
use crate::{
    access::{Can, permission::LimitSet},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId},
    members::{Change, Member, Status, member},
    orgs, text,
    web::filters,
};

/// What a policy limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Scope {
    /// All members of the organization together.
    OrgPool = 1,
    /// All members of a group together.
    GroupPool = 2,
    /// Each member of a group without a limit of their own.
    GroupDefault = 3,
    /// Each member of the organization without any other limit.
    OrgDefault = 4,
    /// One member.
    Member = 5,
    /// One API key, beside the limits of its owner.
    Key = 6,
    /// One service account.
    Service = 7,
}

/// What happens at a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, sqlx::Type, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i64)]
pub enum Enforcement {
    /// Requests are refused with HTTP 429.
    #[default]
    Hard = 1,
    /// Requests go on, and people are told.
    Soft = 2,
}

impl Enforcement {
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Soft => "soft",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        [Self::Hard, Self::Soft].into_iter().find(|one| one.key() == key)
    }
}

/// How much a policy allows; everything less comes before unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// So much.
    Amount(Amount),
    /// As much as there is, by choice.
    Unlimited,
}

impl Value {
    /// The value of a row.
    pub fn of(amount: Option<Amount>) -> Self {
        amount.map_or(Self::Unlimited, Self::Amount)
    }
    /// The amount, if there is one.
    pub const fn amount(self) -> Option<Amount> {
        match self {
            Self::Amount(amount) => Some(amount),
            Self::Unlimited => None,
        }
    }
    /// In words: "400 credits", "Unlimited".
    pub fn show(self, unit: Unit) -> String {
        self.amount()
            .map_or_else(|| "Unlimited".to_owned(), |amount| amount.show(unit))
    }
    /// With its window: "400 credits a month", "Unlimited a month".
    pub fn rate(self, window: Window, unit: Unit) -> String {
        format!("{} {}", self.show(unit), window.rate())
    }
}

/// Where a limit comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It is the member's own.
    Member,
    /// It is the default of a group.
    Group(GroupId, String),
    /// It is the organization's default.
    Organization,
}

/// One policy as it concerns somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// How long it counts.
    pub window: Window,
    /// How much it allows.
    pub value: Value,
    /// What happens when that is used.
    pub enforcement: Enforcement,
    /// Where it comes from.
    pub source: Source,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// A group's place among others.
    pub priority: i64,
    /// Why.
    pub note: String,
    /// Who set it.
    pub by: String,
}

impl Limit {
    fn of(row: &PolicyRow) -> Self {
        Self {
            window: row.period,
            value: Value::of(row.amount),
            enforcement: row.action,
            source: match row.scope {
                // The owner of a key or service account is looked at by itself; these are nobody's default.
                Scope::Member | Scope::Key | Scope::Service => Source::Member,
                Scope::GroupPool | Scope::GroupDefault => {
                    Source::Group(GroupId::from_raw(row.scope_id), row.name.clone())
                }
                Scope::OrgPool | Scope::OrgDefault => Source::Organization,
            },
            until: row.valid_until,
            priority: row.priority,
            note: row.note.clone(),
            by: row.set_by.clone(),
        }
    }
    /// The source in words: "own", "raised", "group Engineering", "organization default".
    pub fn source_words(&self) -> String {
        match (&self.source, self.until) {
            (Source::Member, Some(_)) => "until a date".to_owned(),
            (Source::Member, None) => "own limit".to_owned(),
            (Source::Group(_, name), _) => format!("group {name}"),
            (Source::Organization, _) => "organization default".to_owned(),
        }
    }
}

/// The limit that a row is.
pub(super) fn limit_of(row: &PolicyRow) -> Limit {
    Limit::of(row)
}

/// What counts for one member at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// The limit of each window that has one, the shortest window first.
    pub limits: Vec<Limit>,
    /// The same without what is the member's own: what they return to.
    pub inherited: Vec<Limit>,
    /// The member's own standing limits, whether a raise covers them or not.
    pub own: Vec<Limit>,
    /// The member's raises that are valid now.
    pub raises: Vec<Limit>,
    /// Every valid policy that was looked at, the strongest source first.
    pub considered: Vec<Limit>,
    /// What groups and the organization may use as a whole; all of it applies beside the member's own limit.
    pub pools: Vec<Limit>,
    /// The next instant at which a policy begins or ends by itself.
    pub changes_at: Option<Timestamp>,
}

impl Effective {
    /// The limit of a window; none when nobody has set one.
    pub fn of(&self, window: Window) -> Option<&Limit> {
        self.limits.iter().find(|limit| limit.window == window)
    }
    /// What a window would inherit.
    pub fn inherited(&self, window: Window) -> Option<&Limit> {
        self.inherited.iter().find(|limit| limit.window == window)
    }
    /// The member's own standing limit.
    pub fn own(&self, window: Window) -> Option<&Limit> {
        self.own.iter().find(|limit| limit.window == window)
    }
    /// The raise that is valid now.
    pub fn raise(&self, window: Window) -> Option<&Limit> {
        self.raises.iter().find(|limit| limit.window == window)
    }
    /// Whether some window has an amount.
    pub fn is_limited(&self) -> bool {
        self.limits.iter().any(|limit| limit.value != Value::Unlimited)
    }
}

/// How far ahead of whoever looks a policy may begin and count all the same. It has taken the place of another one, and whoever looked at
/// the clock a moment before it was written, or has a clock that is late, must not find neither of the two.
const AHEAD: Duration = Duration::from_secs(60);

/// Decides what counts, from the policies that concern one member.
pub fn resolve<'a>(rows: impl IntoIterator<Item = &'a PolicyRow>, conflict: Conflict, now: Timestamp) -> Effective {
    let mut found = Effective::default();
    let mut groups: Vec<Limit> = Vec::new();
    let mut defaults: Vec<Limit> = Vec::new();
    for row in rows {
        let next = [Some(row.valid_from), row.valid_until].into_iter().flatten();
        found.changes_at = next.chain(found.changes_at).filter(|at| *at > now).min();
        let is_valid = row.valid_from <= now.plus(AHEAD) && row.valid_until.is_none_or(|end| end > now);
        if !is_valid {
            continue;
        }
        let limit = Limit::of(row);
        match row.scope {
            Scope::OrgPool | Scope::GroupPool => found.pools.push(limit),
            Scope::Member if limit.until.is_some() => found.raises.push(limit),
            Scope::Member => found.own.push(limit),
            Scope::GroupDefault => groups.push(limit),
            Scope::OrgDefault => defaults.push(limit),
            Scope::Key | Scope::Service => {}
        }
    }
    // What ends comes before what stays, within each source.
    groups = lasting_covered(groups);
    groups.sort_by(|one, other| stronger(conflict, one, other));
    defaults = lasting_covered(defaults);
    for window in Window::ALL {
        let first = |list: &[Limit]| list.iter().find(|limit| limit.window == window).cloned();
        let inherited = first(&groups).or_else(|| first(&defaults));
        found.limits.extend(
            first(&found.raises)
                .or_else(|| first(&found.own))
                .or_else(|| inherited.clone()),
        );
        found.inherited.extend(inherited);
    }
    found.considered = [
        found.raises.as_slice(),
        found.own.as_slice(),
        groups.as_slice(),
        defaults.as_slice(),
    ]
    .concat();
    found
}

/// Leaves out what a policy with an end covers, of the same source and window.
fn lasting_covered(list: Vec<Limit>) -> Vec<Limit> {
    let covers = |limit: &Limit| {
        list.iter()
            .any(|other| other.until.is_some() && other.window == limit.window && other.source == limit.source)
    };
    list.iter()
        .filter(|limit| limit.until.is_some() || !covers(limit))
        .cloned()
        .collect()
}

/// The order in which defaults of several groups count.
fn stronger(conflict: Conflict, one: &Limit, other: &Limit) -> std::cmp::Ordering {
    let highest = other.value.cmp(&one.value);
    let by_rule = match conflict {
        Conflict::Highest => highest,
        Conflict::Lowest => highest.reverse(),
        Conflict::Priority => one.priority.cmp(&other.priority).then(highest),
    };
    // Of equal amounts, the one that refuses requests counts; the name decides what is left.
    by_rule
        .then((one.enforcement as i64).cmp(&(other.enforcement as i64)))
        .then_with(|| one.source_words().cmp(&other.source_words()))
}

/// What counts for one member now, with one statement.
pub async fn effective(
    db: &mut impl Read,
    org: OrgId,
    member: MemberId,
    conflict: Conflict,
    now: Timestamp,
) -> Result<Effective> {
    let rows = store::list_of_members(db, org, &[member], now).await?;
    Ok(resolve(&rows, conflict, now))
}

/// What the organization, and one of its groups, may use as a whole: what counts for whoever is no member.
pub async fn pools(db: &mut impl Read, org: OrgId, group: Option<GroupId>, now: Timestamp) -> Result<Effective> {
    let rows = store::list_of_org(db, org).await?;
    let concerns = |row: &&PolicyRow| match row.scope {
        Scope::OrgPool => true,
        Scope::GroupPool => group.is_some_and(|group| group.raw() == row.scope_id),
        _ => false,
    };
    Ok(resolve(rows.iter().filter(concerns), Conflict::default(), now))
}

/// What counts for each of some members now, with one statement.
pub async fn effective_many(
    db: &mut impl Read,
    org: OrgId,
    members: &[MemberId],
    conflict: Conflict,
    now: Timestamp,
) -> Result<HashMap<MemberId, Effective>> {
    let rows = store::list_of_members(db, org, members, now).await?;
    Ok(resolve_many(&rows, members, conflict, now))
}

/// What counts for each of some members, from the policies that concern them.
pub(super) fn resolve_many(
    rows: &[PolicyRow],
    members: &[MemberId],
    conflict: Conflict,
    now: Timestamp,
) -> HashMap<MemberId, Effective> {
    let mut of: HashMap<i64, Vec<&PolicyRow>> = HashMap::new();
    for row in rows {
        of.entry(row.member_id).or_default().push(row);
    }
    let all = of.remove(&0).unwrap_or_default();
    members
        .iter()
        .map(|member| {
            let own = of.get(&member.raw()).into_iter().flatten();
            let rows = own.chain(&all).copied();
            (*member, resolve(rows, conflict, now))
        })
        .collect()
}

/// What a person chooses for one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Nothing of its own: what groups and the organization say.
    Inherit,
    /// This.
    Set(Value),
}

impl Choice {
    /// The choice that a standing limit is.
    pub fn of(limit: Option<&Limit>) -> Self {
        limit.map_or(Self::Inherit, |limit| Self::Set(limit.value))
    }
    /// The amount, if one was chosen.
    pub const fn amount(self) -> Option<Amount> {
        match self {
            Self::Set(value) => value.amount(),
            Self::Inherit => None,
        }
    }
    /// In words, for the record.
    pub fn words(self, unit: Unit) -> Json {
        match self {
            Self::Inherit => Json::Null,
            Self::Set(value) => json!(value.show(unit)),
        }
    }
}

/// What is to count for a member from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The monthly limit; none to leave it as it is.
    pub month: Option<Choice>,
    /// The daily limit; none to leave it as it is.
    pub day: Option<Choice>,
    /// What happens at those that are chosen.
    pub enforcement: Enforcement,
    /// The first instant at which it does not count any more; none for until further notice.
    pub until: Option<Timestamp>,
    /// Why.
    pub note: String,
}

impl Wish {
    /// The choice for a window; none to leave it as it is.
    pub const fn of(&self, window: Window) -> Option<Choice> {
        match window {
            Window::Day => self.day,
            Window::Month => self.month,
            Window::Week | Window::Total => None,
        }
    }
    /// In words, for the title of an act on many: "400 credits a month, unlimited a day".
    pub fn words(&self, unit: Unit, zone: &crate::clock::Zone) -> String {
        let mut words: Vec<String> = Window::OFFERED
            .into_iter()
            .filter_map(|window| {
                Some(match self.of(window)? {
                    Choice::Inherit => format!("inherited {}", window.rate()),
                    Choice::Set(Value::Unlimited) => format!("unlimited {}", window.rate()),
                    Choice::Set(value) => value.rate(window, unit),
                })
            })
            .collect();
        words.extend(self.until.map(|until| until_words(until, zone)));
        words.join(", ")
    }
}

/// Refuses a daily amount that the monthly one makes meaningless.
pub fn check_pair(day: Choice, month: Choice, unit: Unit) -> Result<()> {
    if let (Some(day), Some(month)) = (day.amount(), month.amount())
        && day > month
    {
        return Err(over_month(month, unit));
    }
    Ok(())
}

fn over_month(month: Amount, unit: Unit) -> Error {
    Error::invalid(
        "daily",
        format!(
            "The daily limit can’t be higher than the monthly limit of {}.",
            month.show(unit)
        ),
    )
}

/// Reads a note: one line or nothing.
pub fn parse_note(note: &str) -> Result<String> {
    if note.trim().is_empty() {
        return Ok(String::new());
    }
    text::line("note", "A note", note, 200)
}

/// Sets a member's own limits: until further notice, which also ends raises, or until a date, which leaves what stands untouched and
/// returns to it by itself.
pub async fn set(
    tx: &mut Tx,
    by: &Can<LimitSet>,
    of: impl Into<Change>,
    wish: &Wish,
    now: Timestamp,
) -> Result<Member> {
    let member = member::load_within_rank(tx, by, of.into(), now).await?;
    apply(tx, by, &member, wish, Action::LimitSet, now).await?;
    member::find(tx, member.org_id, member.id).await
}

/// Ends a member's raises now; what stands counts again.
pub async fn end_raises(tx: &mut Tx, by: &Can<LimitSet>, of: impl Into<Change>, now: Timestamp) -> Result<Member> {
    let member = member::load_within_rank(tx, by, of.into(), now).await?;
    let settings = settings::find(tx, by.org()).await?;
    let there = effective(tx, member.org_id, member.id, settings.conflict, now).await?;
    if there.raises.is_empty() {
        return Err(Error::conflict(format!(
            "{} has no limit with an end date any more.",
            member.name
        )));
    }
    let mut before = Map::new();
    for raise in &there.raises {
        store::delete_raise(tx, member.org_id, Scope::Member, member.id.raw(), raise.window).await?;
        before.insert(
            format!("{}_limit", raise.window.key()),
            json!(raise.value.show(settings.unit)),
        );
        before.insert("until".to_owned(), json!(raise.until.map(Timestamp::micros)));
    }
    store::touch(tx, member.org_id, member.id).await?;
    let entry = Entry::done(Action::LimitRaiseEnd, object(&member), Json::Object(before), Json::Null);
    audit::record(tx, by.actor(), Some(member.org_id), entry, now).await?;
    member::find(tx, member.org_id, member.id).await
}

/// Why a wish is refused for one member; the act on one member and the act on many share it (I-25).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The member stands above whoever acts.
    Higher,
    /// The member is disabled and uses nothing.
    Disabled,
    /// The daily amount would be above this monthly one.
    DayOverMonth(Amount),
    /// The last day lies behind.
    DayBehind,
}

/// What a wish comes to for one member.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// What is taken away: the window, and whether it is the limit with an end or the one that stands.
    pub gone: Vec<(Window, bool)>,
    /// What is written.
    pub puts: Vec<Put>,
    /// What the record says was before.
    pub before: Map<String, Json>,
    /// What the record says is now.
    pub after: Map<String, Json>,
}

impl Decided {
    /// Whether anything is to be done.
    pub fn changes(&self) -> bool {
        !self.before.is_empty() || !self.after.is_empty()
    }
}

/// Whether a member in a state can have limits of their own.
pub(super) const fn may_have(status: Status) -> std::result::Result<(), Refusal> {
    match status {
        Status::Disabled => Err(Refusal::Disabled),
        _ => Ok(()),
    }
}

/// Decides what a wish comes to for one member, from what counts for them now. It asks no database; `note` was read by [`parse_note`].
pub(super) fn decide(
    of: MemberId,
    status: Status,
    there: &Effective,
    wish: &Wish,
    note: &str,
    unit: Unit,
    now: Timestamp,
) -> std::result::Result<Decided, Refusal> {
    may_have(status)?;
    let amount = |window| {
        wish.of(window)
            .unwrap_or_else(|| Choice::of(there.own(window)))
            .amount()
    };
    if let (Some(day), Some(month)) = (amount(Window::Day), amount(Window::Month))
        && day > month
    {
        return Err(Refusal::DayOverMonth(month));
    }
    if wish.until.is_some_and(|until| until <= now) {
        return Err(Refusal::DayBehind);
    }
    let mut decided = Decided::default();
    let (before, after) = (&mut decided.before, &mut decided.after);
    for window in Window::OFFERED {
        let Some(choice) = wish.of(window) else { continue };
        let name = format!("{}_limit", window.key());
        let (own, raise) = (there.own(window), there.raise(window));
        let standing = Choice::of(own);
        let covers = wish.until.is_some();
        // Until a date, only what differs from what stands is kept.
        let is_raise = covers && choice != standing && choice != Choice::Inherit;
        let old = raise.or(own);
        let target = if is_raise { raise } else { own };
        let is_same = Choice::of(target) == choice
            && target.is_none_or(|limit| {
                limit.enforcement == wish.enforcement && limit.note == note && (!is_raise || limit.until == wish.until)
            });
        if let Some(raise) = raise.filter(|_| !(is_raise && is_same)) {
            decided.gone.push((window, true));
            before.insert("until".to_owned(), json!(raise.until.map(Timestamp::micros)));
            before.insert(name.clone(), json!(raise.value.show(unit)));
            after.insert(name.clone(), choice.words(unit));
        }
        if is_same || (covers && !is_raise) {
            continue;
        }
        if !covers {
            decided.gone.push((window, false));
        }
        before.insert(name.clone(), Choice::of(old).words(unit));
        after.insert(name, choice.words(unit));
        if let Some(limit) = old
            && limit.enforcement != wish.enforcement
        {
            before.insert("at_the_limit".to_owned(), json!(limit.enforcement.key()));
        }
        after.insert("at_the_limit".to_owned(), json!(wish.enforcement.key()));
        if let Choice::Set(value) = choice {
            decided.puts.push(Put {
                scope: Scope::Member,
                of: of.raw(),
                window,
                value,
                enforcement: wish.enforcement,
                priority: 0,
                until: wish.until,
                note: note.to_owned(),
            });
        }
    }
    if decided.changes() {
        if let Some(until) = wish.until.filter(|_| !decided.puts.is_empty()) {
            decided.after.insert("until".to_owned(), json!(until.micros()));
        }
        if !note.is_empty() {
            decided.after.insert("note".to_owned(), json!(note));
        }
    }
    Ok(decided)
}

/// Carries out a wish for a member whose organization is locked and whose rank was compared, and records it.
async fn apply<P>(
    tx: &mut Tx,
    by: &Can<P>,
    member: &Member,
    wish: &Wish,
    action: Action,
    now: Timestamp,
) -> Result<()> {
    let org = by.org();
    let settings = settings::find(tx, org).await?;
    let note = parse_note(&wish.note);
    let there = effective(tx, org.id, member.id, settings.conflict, now).await?;
    let words = note.as_deref().unwrap_or_default();
    let decided = decide(member.id, member.status, &there, wish, words, settings.unit, now)
        .map_err(|refusal| error(refusal, &member.name, settings.unit))?;
    note?;
    if !decided.changes() {
        if wish.until.is_some() {
            return Err(Error::invalid(
                "until",
                "Nothing differs from the limits that stand. Choose another amount for this time.",
            ));
        }
        return Ok(());
    }
    for (window, is_raise) in decided.gone {
        if is_raise {
            store::delete_raise(tx, org.id, Scope::Member, member.id.raw(), window).await?;
        } else {
            store::delete_standing(tx, org.id, Scope::Member, member.id.raw(), window).await?;
        }
    }
    put(tx, org.id, &by.actor().name, decided.puts, now).await?;
    store::touch(tx, org.id, member.id).await?;
    let (before, after) = (Json::Object(decided.before), Json::Object(decided.after));
    let entry = Entry::done(action, object(member), before, after);
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

/// The refusal as whoever sets the limit of one member reads it.
fn error(refusal: Refusal, name: &str, unit: Unit) -> Error {
    match refusal {
        Refusal::Disabled => Error::conflict(format!(
            "{name} is disabled and uses nothing. A limit can be set once the operator has restored the member."
        )),
        Refusal::DayOverMonth(month) => over_month(month, unit),
        Refusal::DayBehind => Error::invalid("until", "Choose today or a later day."),
        Refusal::Higher => Error::forbidden(format!("{name} stands above your own role. Ask someone of that rank.")),
    }
}

/// Sets one window of a member's limits and leaves the other as it stands; the caller records it.
#[expect(clippy::too_many_arguments, reason = "one window of a wish")]
pub(super) async fn apply_one<P>(
    tx: &mut Tx,
    by: &Can<P>,
    member: &Member,
    window: Window,
    choice: Choice,
    enforcement: Enforcement,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    if until.is_some_and(|until| until <= now) {
        return Err(Error::invalid("until", "Choose today or a later day."));
    }
    let (org, of) = (member.org_id, member.id.raw());
    store::delete_raise(tx, org, Scope::Member, of, window).await?;
    if until.is_none() {
        store::delete_standing(tx, org, Scope::Member, of, window).await?;
    }
    if let Choice::Set(value) = choice {
        let one = Put {
            scope: Scope::Member,
            of,
            window,
            value,
            enforcement,
            priority: 0,
            until,
            note: "As asked for.".to_owned(),
        };
        put(tx, org, &by.actor().name, vec![one], now).await?;
    }
    store::touch(tx, org, member.id).await
}

/// A policy to be written; what it replaces is gone already.
#[derive(Debug)]
pub(super) struct Put {
    pub scope: Scope,
    pub of: i64,
    pub window: Window,
    pub value: Value,
    pub enforcement: Enforcement,
    pub priority: i64,
    pub until: Option<Timestamp>,
    pub note: String,
}

/// Writes policies, as part of a recorded change.
pub(super) async fn put(tx: &mut Tx, org: OrgId, by: &str, puts: Vec<Put>, now: Timestamp) -> Result<()> {
    if puts.is_empty() {
        return Ok(());
    }
    // A raise that has ended and is not tidied yet would stand in the way of a new one.
    for raise in puts.iter().filter(|put| put.until.is_some()) {
        store::delete_raise(tx, org, raise.scope, raise.of, raise.window).await?;
    }
    let first = orgs::next_id(tx, org, puts.len() as i64).await?;
    let rows = (first..)
        .zip(puts)
        .map(|(n, put)| {
            (
                org.row(n),
                org,
                put.scope,
                put.of,
                put.window,
                put.value.amount(),
                put.enforcement,
                put.priority,
                now,
                put.until,
                put.note,
                by.to_owned(),
                now,
            )
        })
        .collect();
    store::insert(tx, rows).await
}

pub(super) fn object(member: &Member) -> Object {
    Object::new("member", member.id.raw(), member.name.clone())
}

/// "until 30 November 2026": the last day on which a limit with an end counts.
pub fn until_words(until: Timestamp, zone: &crate::clock::Zone) -> String {
    let last = Timestamp::from_micros(until.micros() - 1);
    format!("until {}", filters::long_date(last.micros(), &zone.tz()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn row(scope: Scope, of: i64, window: Window, credits: Option<u32>, until: Option<i64>) -> PolicyRow {
        PolicyRow {
            member_id: i64::from(scope == Scope::Member),
            scope,
            scope_id: of,
            period: window,
            amount: credits.map(Amount::credits),
            action: Enforcement::Hard,
            priority: of,
            valid_from: Timestamp::from_secs(0),
            valid_until: until.map(Timestamp::from_secs),
            note: String::new(),
            set_by: "Ann".to_owned(),
            set_at: Timestamp::from_secs(0),
            name: format!("G{of}"),
        }
    }
    fn monthly(rows: &[PolicyRow], conflict: Conflict) -> Option<(Value, String)> {
        let found = resolve(rows, conflict, NOW);
        found.of(Window::Month).map(|limit| (limit.value, limit.source_words()))
    }
    fn so_much(credits: u32) -> Value {
        Value::Amount(Amount::credits(credits))
    }

    #[test]
    fn a_limit_that_was_set_while_somebody_looked_counts_for_them() {
        let mut new = row(Scope::Member, 5, Window::Day, Some(60), None);
        new.valid_from = NOW.plus(Duration::from_millis(5));
        let found = resolve(&[new.clone()], Conflict::Highest, NOW);
        assert_eq!(found.of(Window::Day).map(|limit| limit.value), Some(so_much(60)));
        new.valid_from = NOW.plus(Duration::from_secs(3_600));
        let found = resolve(&[new.clone()], Conflict::Highest, NOW);
        assert_eq!((found.of(Window::Day), found.changes_at), (None, Some(new.valid_from)));
    }

    #[test]
    fn r_lim_10_own_limits_beat_every_default_and_raises_beat_own_limits() {
        use Scope as S;
        let mut rows = vec![row(S::OrgDefault, 9, Window::Month, Some(250), None)];
        let month = |rows: &[PolicyRow]| monthly(rows, Conflict::Highest);
        assert_eq!(month(&[]), None);
        assert_eq!(month(&rows), Some((so_much(250), "organization default".into())));
        rows.push(row(S::GroupDefault, 1, Window::Month, Some(100), None));
        assert_eq!(month(&rows), Some((so_much(100), "group G1".into())));
        rows.push(row(S::Member, 5, Window::Month, None, None));
        assert_eq!(
            month(&rows),
            Some((Value::Unlimited, "own limit".into())),
            "C-11: unlimited is a choice"
        );
        rows.push(row(S::Member, 5, Window::Month, Some(50), Some(1_001)));
        assert_eq!(month(&rows), Some((so_much(50), "until a date".into())));
        rows.pop();
        rows.push(row(S::Member, 5, Window::Month, Some(50), Some(1_000)));
        assert_eq!(
            month(&rows).map(|found| found.0),
            Some(Value::Unlimited),
            "B-08: it has ended by itself"
        );
        assert!(!resolve(&rows, Conflict::Highest, NOW).is_limited());
    }

    #[test]
    fn r_lim_04_each_window_is_decided_by_itself() {
        let rows = [
            row(Scope::OrgDefault, 9, Window::Day, Some(10), None),
            row(Scope::OrgDefault, 9, Window::Month, Some(250), None),
            row(Scope::Member, 5, Window::Month, Some(400), None),
        ];
        let found = resolve(&rows, Conflict::Highest, NOW);
        let shown: Vec<_> = found
            .limits
            .iter()
            .map(|limit| (limit.window, limit.value, limit.source_words()))
            .collect();
        assert_eq!(
            shown,
            [
                (Window::Day, so_much(10), "organization default".to_owned()),
                (Window::Month, so_much(400), "own limit".to_owned())
            ]
        );
        assert_eq!(
            found.inherited(Window::Month).map(|limit| limit.value),
            Some(so_much(250))
        );
    }

    #[test]
    fn b_12_one_rule_decides_between_groups() {
        let rows = [
            row(Scope::GroupDefault, 1, Window::Month, Some(300), None),
            row(Scope::GroupDefault, 2, Window::Month, Some(100), None),
            row(Scope::GroupDefault, 3, Window::Month, None, None),
        ];
        assert_eq!(
            monthly(&rows, Conflict::Highest),
            Some((Value::Unlimited, "group G3".into()))
        );
        assert_eq!(
            monthly(&rows, Conflict::Lowest),
            Some((so_much(100), "group G2".into()))
        );
        assert_eq!(
            monthly(&rows, Conflict::Priority),
            Some((so_much(300), "group G1".into()))
        );
        let raised = [
            rows.as_slice(),
            &[row(Scope::GroupDefault, 1, Window::Month, Some(50), Some(2_000))],
        ]
        .concat();
        assert_eq!(
            monthly(&raised, Conflict::Priority),
            Some((so_much(50), "group G1".into()))
        );
    }

    #[test]
    fn pools_stand_beside_the_members_limit() {
        let rows = [
            row(Scope::OrgPool, 9, Window::Month, Some(30_000), None),
            row(Scope::GroupPool, 1, Window::Day, Some(500), None),
        ];
        let found = resolve(&rows, Conflict::Highest, NOW);
        assert_eq!((found.limits.len(), found.pools.len()), (0, 2));
    }

    fn any_row() -> impl Strategy<Value = PolicyRow> {
        let scope = prop::sample::select(vec![
            Scope::OrgPool,
            Scope::GroupPool,
            Scope::GroupDefault,
            Scope::OrgDefault,
            Scope::Member,
        ]);
        (
            scope,
            1_i64..4,
            0_usize..2,
            prop::option::of(0_u32..500),
            prop::option::of(900_i64..1_100),
        )
            .prop_map(|(scope, of, window, credits, until)| row(scope, of, Window::OFFERED[window], credits, until))
    }

    proptest! {
        #[test]
        fn what_counts_does_not_depend_on_the_order_of_rows(
            rows in prop::collection::vec(any_row(), 0..12),
            turn in 0_usize..12,
            rule in 0_usize..3,
        ) {
            // One standing policy and one with an end for each subject and window, as the database keeps it.
            let mut seen = std::collections::HashSet::new();
            let of = |row: &PolicyRow| if row.scope == Scope::GroupDefault || row.scope == Scope::GroupPool { row.scope_id } else { 0 };
            let rows: Vec<_> = rows
                .into_iter()
                .filter(|row| seen.insert((row.scope, of(row), row.period, row.valid_until.is_some())))
                .collect();
            let mut turned = rows.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            let rule = Conflict::ALL[rule];
            prop_assert_eq!(resolve(&rows, rule, NOW).limits, resolve(&turned, rule, NOW).limits);
        }

        #[test]
        fn with_the_highest_rule_no_group_gives_less_than_another(rows in prop::collection::vec(any_row(), 0..12)) {
            let highest = resolve(&rows, Conflict::Highest, NOW);
            let lowest = resolve(&rows, Conflict::Lowest, NOW);
            for window in Window::OFFERED {
                let (Some(high), Some(low)) = (highest.of(window), lowest.of(window)) else {
                    prop_assert_eq!(highest.of(window).is_some(), lowest.of(window).is_some());
                    continue;
                };
                prop_assert!(high.value >= low.value);
            }
        }
    }
}
