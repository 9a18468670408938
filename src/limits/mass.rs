//! Own limits of many members at once: a few statements for hundreds, with the decision of the act on one (`policy::decide`), one row
//! in the record for each person, and what was before, for whoever takes it back (I-25).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    amount::{Amount, Unit},
    policy::{self, Decided, Effective, Enforcement, Refusal, Scope, Value, Wish},
    settings::{self, Settings},
    store::{self, NewPolicy, PolicyRow},
    window::Window,
};
use crate::{
    access::{Can, permission::LimitSet},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{MemberId, OrgId},
    members::{
        guard,
        mass::{self, Candidate},
        member,
    },
    orgs,
};

/// One of a member's own limits as it is kept for an undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    window: Window,
    amount: Option<Amount>,
    enforcement: Enforcement,
    from: Timestamp,
    until: Option<Timestamp>,
    note: String,
    by: String,
    at: Timestamp,
}

/// A member's own limits before an act and after it; an undo wants to find the latter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    was: Vec<Own>,
    made: Vec<Own>,
}

/// What became of one member of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done; this is what was before.
    Done(Kept),
    /// Nothing was to be done.
    Unchanged,
    /// Refused.
    Refused(Refusal),
    /// Somebody has changed the limits since.
    ChangedSince,
    /// No member of this organization has the id.
    Missing,
}

/// What a wish would come to for each of some members, with one statement where there is a wish: whether something changes, or why not.
/// Without a wish, whether a limit can be set at all.
pub async fn foresee<P>(
    db: &mut impl Read,
    by: &Can<P>,
    settings: &Settings,
    page: &[Candidate],
    wish: Option<&Wish>,
    now: Timestamp,
) -> Result<Vec<std::result::Result<bool, Refusal>>> {
    let Some(wish) = wish else {
        let may = |member: &Candidate| {
            within_rank(by, member)?;
            policy::may_have(member.status).map(|()| true)
        };
        return Ok(page.iter().map(may).collect());
    };
    let note = policy::parse_note(&wish.note)?;
    let there = known(db, by.org().id, page, settings, now).await?;
    let none = Known::default();
    Ok(page
        .iter()
        .map(|member| {
            let there = there.get(&member.id).unwrap_or(&none);
            judge(by, member, there, wish, &note, settings.unit, now).map(|decided| decided.changes())
        })
        .collect())
}

/// Sets the own limits of members, as [`policy::set`].
pub async fn set(
    tx: &mut Tx,
    by: &Can<LimitSet>,
    wanted: &[MemberId],
    wish: &Wish,
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let settings = settings::find(tx, by.org()).await?;
    let note = policy::parse_note(&wish.note)?;
    let page = mass::among(tx, org, wanted).await?;
    let mut there = known(tx, org, &page, &settings, now).await?;
    let (mut outcomes, mut work) = (HashMap::new(), Work::default());
    for member in &page {
        let known = there.remove(&member.id).unwrap_or_default();
        let outcome = match judge(by, member, &known, wish, &note, settings.unit, now) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(decided) if !decided.changes() => Outcome::Unchanged,
            Ok(decided) => Outcome::Done(work.take(member, known.own, decided, &by.actor().name, now)),
        };
        outcomes.insert(member.id, outcome);
    }
    work.carry_out(tx, by, now).await?;
    Ok(answer(wanted, outcomes))
}

/// Gives members back the own limits that they had, where theirs are still what the act had made of them. A limit whose last day is over
/// does not come back.
pub async fn restore(
    tx: &mut Tx,
    by: &Can<LimitSet>,
    wanted: &[(MemberId, Kept)],
    now: Timestamp,
) -> Result<Vec<(MemberId, Outcome)>> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let settings = settings::find(tx, by.org()).await?;
    let ids: Vec<MemberId> = wanted.iter().map(|(id, _)| *id).collect();
    let kept: HashMap<MemberId, &Kept> = wanted.iter().map(|(id, kept)| (*id, kept)).collect();
    let page = mass::among(tx, org, &ids).await?;
    let mut there = known(tx, org, &page, &settings, now).await?;
    let (mut outcomes, mut work) = (HashMap::new(), Work::default());
    for member in &page {
        let Some(kept) = kept.get(&member.id) else { continue };
        let known = there.remove(&member.id).unwrap_or_default();
        let may = within_rank(by, member).and_then(|()| policy::may_have(member.status));
        let outcome = match may {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(()) if valid(&kept.made, now) != known.own => Outcome::ChangedSince,
            Ok(()) => Outcome::Done(work.give_back(member, known.own, valid(&kept.was, now), settings.unit)),
        };
        outcomes.insert(member.id, outcome);
    }
    work.carry_out(tx, by, now).await?;
    Ok(answer(&ids, outcomes))
}

fn within_rank<P>(by: &Can<P>, member: &Candidate) -> std::result::Result<(), Refusal> {
    guard::within_rank(by, member.standing().rank()).map_err(|_| Refusal::Higher)
}

fn judge<P>(
    by: &Can<P>,
    member: &Candidate,
    there: &Known,
    wish: &Wish,
    note: &str,
    unit: Unit,
    now: Timestamp,
) -> std::result::Result<Decided, Refusal> {
    within_rank(by, member)?;
    policy::decide(member.id, member.status, &there.effective, wish, note, unit, now)
}

/// What is known of a member's limits.
#[derive(Default)]
struct Known {
    effective: Effective,
    /// The member's own ones that are valid.
    own: Vec<Own>,
}

async fn known(
    db: &mut impl Read,
    org: OrgId,
    page: &[Candidate],
    settings: &Settings,
    now: Timestamp,
) -> Result<HashMap<MemberId, Known>> {
    let ids: Vec<MemberId> = page.iter().map(|member| member.id).collect();
    let rows = store::list_of_members(db, org, &ids, now).await?;
    let mut own: HashMap<i64, Vec<Own>> = HashMap::new();
    for row in rows.iter().filter(|row| row.scope == Scope::Member) {
        own.entry(row.member_id).or_default().push(Own::of(row));
    }
    let effective = policy::resolve_many(&rows, &ids, settings.conflict, now);
    Ok(effective
        .into_iter()
        .map(|(id, effective)| {
            let own = valid(&own.remove(&id.raw()).unwrap_or_default(), now);
            (id, Known { effective, own })
        })
        .collect())
}

/// Those that have not ended, in one order.
fn valid(list: &[Own], now: Timestamp) -> Vec<Own> {
    let mut list: Vec<Own> = list
        .iter()
        .filter(|own| own.until.is_none_or(|end| end > now))
        .cloned()
        .collect();
    list.sort_by_key(|own| (own.window, own.until.is_some()));
    list
}

impl Own {
    fn of(row: &PolicyRow) -> Self {
        Self {
            window: row.period,
            amount: row.amount,
            enforcement: row.action,
            from: row.valid_from,
            until: row.valid_until,
            note: row.note.clone(),
            by: row.set_by.clone(),
            at: row.set_at,
        }
    }
    const fn place(&self) -> (Window, bool) {
        (self.window, self.until.is_some())
    }
    fn row(self, of: MemberId, n: i64) -> NewPolicy {
        let org = of.org();
        (
            org.row(n),
            org,
            Scope::Member,
            of.raw(),
            self.window,
            self.amount,
            self.enforcement,
            0,
            self.from,
            self.until,
            self.note,
            self.by,
            self.at,
        )
    }
}

/// What is to be written for all of them together.
#[derive(Default)]
struct Work {
    changed: Vec<MemberId>,
    gone: BTreeMap<(Window, bool), Vec<MemberId>>,
    rows: Vec<(MemberId, Own)>,
    entries: Vec<Entry>,
}

impl Work {
    /// Takes in what a wish comes to for one member.
    fn take(&mut self, member: &Candidate, was: Vec<Own>, decided: Decided, by: &str, now: Timestamp) -> Kept {
        let mut made: Vec<Own> = was.clone();
        made.retain(|own| !decided.gone.contains(&own.place()));
        for place in decided.gone {
            self.gone.entry(place).or_default().push(member.id);
        }
        for put in decided.puts {
            if put.until.is_some() {
                // One that has ended and is not tidied yet would stand in the way.
                self.clear((put.window, true), member.id);
            }
            let own = Own {
                window: put.window,
                amount: put.value.amount(),
                enforcement: put.enforcement,
                from: now,
                until: put.until,
                note: put.note,
                by: by.to_owned(),
                at: now,
            };
            made.push(own.clone());
            self.rows.push((member.id, own));
        }
        self.note(member, decided.before, decided.after);
        Kept {
            made: valid(&made, now),
            was,
        }
    }
    /// Takes in what one member gets back.
    fn give_back(&mut self, member: &Candidate, is: Vec<Own>, was: Vec<Own>, unit: Unit) -> Kept {
        let (mut before, mut after) = (Map::new(), Map::new());
        for own in is.iter().filter(|own| !was.contains(own)) {
            self.clear(own.place(), member.id);
        }
        for own in was.iter().filter(|own| !is.contains(own)) {
            self.clear(own.place(), member.id);
            self.rows.push((member.id, own.clone()));
        }
        for window in Window::OFFERED {
            let (old, new) = (told(&is, window), told(&was, window));
            if old != new {
                let name = format!("{}_limit", window.key());
                before.insert(name.clone(), words(old, unit));
                after.insert(name, words(new, unit));
                for (side, own) in [(&mut before, old), (&mut after, new)] {
                    if let Some(until) = own.and_then(|own| own.until) {
                        side.insert("until".to_owned(), json!(until.micros()));
                    }
                }
            }
        }
        self.note(member, before, after);
        Kept { was: is, made: was }
    }
    fn clear(&mut self, place: (Window, bool), of: MemberId) {
        let ids = self.gone.entry(place).or_default();
        if ids.last() != Some(&of) {
            ids.push(of);
        }
    }
    fn note(&mut self, member: &Candidate, before: Map<String, Json>, after: Map<String, Json>) {
        self.changed.push(member.id);
        let object = Object::new("member", member.id.raw(), member.name.clone());
        let (before, after) = (Json::Object(before), Json::Object(after));
        self.entries.push(Entry::done(Action::LimitSet, object, before, after));
    }
    async fn carry_out(self, tx: &mut Tx, by: &Can<LimitSet>, now: Timestamp) -> Result<()> {
        if self.changed.is_empty() {
            return Ok(());
        }
        let org = by.org().id;
        for ((window, is_raise), ids) in self.gone {
            store::delete_of(tx, org, &ids, window, is_raise).await?;
        }
        if !self.rows.is_empty() {
            let first = orgs::next_id(tx, org, self.rows.len() as i64).await?;
            let rows = (first..).zip(self.rows).map(|(n, (of, own))| own.row(of, n)).collect();
            store::insert(tx, rows).await?;
        }
        store::touch_many(tx, org, &self.changed).await?;
        audit::record_many(tx, by.actor(), Some(org), self.entries, now).await
    }
}

/// The one that counts of a window's own limits.
fn told(list: &[Own], window: Window) -> Option<&Own> {
    let mut of = list.iter().filter(|own| own.window == window);
    let first = of.next();
    of.next().or(first) // the one with an end comes last
}

fn words(own: Option<&Own>, unit: Unit) -> Json {
    own.map_or(Json::Null, |own| json!(Value::of(own.amount).show(unit)))
}

/// The outcomes in the order of the question.
fn answer(wanted: &[MemberId], mut outcomes: HashMap<MemberId, Outcome>) -> Vec<(MemberId, Outcome)> {
    wanted
        .iter()
        .map(|id| (*id, outcomes.remove(id).unwrap_or(Outcome::Missing)))
        .collect()
}
