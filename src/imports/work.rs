//! Judging the lines of an import and bringing its people in, some hundreds in a transaction, with the right of whoever ordered it asked
//! again for each of them. The place is kept in the same transaction, so a restart goes on from there.
//!
//! "All or nothing" of a few lines is one transaction: they are judged anew in it, and one that has become impossible since the check
//! rolls everything back. Of more lines all are judged anew before the first is brought in, so that what has changed since the check
//! changes nothing. What changes while people come in takes everyone back who has come, in parts and with a row in the record for each;
//! their mails wait until the last one is in. In both cases the lines are then judged once more, so that the page shows which it was.

use tokio_util::sync::CancellationToken;

use serde_json::{Value, json};

use super::{
    import::{self, Counts, Import, State},
    judge::{self, Sentence},
    plan::{Plan, Stage},
    row::Wanted,
    store,
    verdict::Verdict,
};
use crate::{
    access::{
        Can,
        permission::{InviteCreate, LimitSet, MemberManage, RoleAssign},
        resumed,
    },
    app::App,
    audit::{self, Action, Actor, Entry},
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    ids::{ImportId, InvitationId, MemberId, OrgId},
    invitations::{self, Desk, bulk},
    limits::{Wish, promised},
    mail::{address::Address, outbox},
    members::{
        addition::{self, NewPerson},
        assignment::{self, Assignment},
        member::Change,
    },
};

/// How many lines are judged in one transaction.
const JUDGED: i64 = 1_000;
/// How many people are brought in by one transaction.
pub const BROUGHT: i64 = 500;
/// How many mails are let go, or taken back, by one transaction.
const MAILS: usize = 5_000;
/// How often a part is tried that somebody else's change has crossed.
const TRIES: usize = 3;

/// Somebody who comes in.
type Coming = (Address, Wanted);

/// Whether "all or nothing" can still be all.
#[derive(Debug, PartialEq, Eq)]
enum Went {
    On,
    /// A line of a whole has become impossible.
    Amiss(String),
}

/// Works on every open import until none is left. Returns how many transactions there were.
pub async fn run_all(app: &App, stop: &CancellationToken) -> Result<usize> {
    let open = || async { store::list_open(&mut app.db.read()).await };
    app.in_turns(stop, open, |(org, id)| run_once(app, org, id)).await
}

/// One transaction of an import. A refusal ends it, with its reason; a fault of ours does too, so that it is not tried for ever.
pub async fn run_once(app: &App, org: OrgId, id: ImportId) -> Result<()> {
    let mut tries = 0;
    let note = loop {
        tries += 1;
        match part(app, org, id).await {
            Ok(()) => return Ok(()),
            Err(Error::Busy) => return Err(Error::Busy),
            Err(Error::Conflict(_)) if tries < TRIES => {}
            Err(Error::Internal(inner)) => {
                tracing::error!(%inner, import = %id, "an import was stopped");
                break "Something went wrong on our side.".to_owned();
            }
            Err(error) => break format!("Stopped: {error}"),
        }
    };
    let mut tx = app.db.write().await?;
    if let Some(import) = store::lock(&mut tx, org, id).await? {
        if import.is_whole_in_parts() && import.changed > 0 && import.plan().stage == Stage::Bring {
            import::turn_back(&mut tx, &import, &note).await?;
        } else {
            store::stop(&mut tx, &import, &note, app.clock.now()).await?;
        }
    }
    tx.commit().await
}

async fn part(app: &App, org: OrgId, id: ImportId) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let Some(mut import) = store::lock(&mut tx, org, id)
        .await?
        .filter(|import| import.state.is_open())
    else {
        return Ok(());
    };
    let in_parts = import.is_whole_in_parts();
    if in_parts && import.plan().stage == Stage::Back {
        // Nobody's right is needed to leave things as they were.
        back(&mut tx, app, &mut import, now).await?;
        return tx.commit().await;
    }
    let by = proof(&mut tx, app, &import, now).await?;
    if in_parts {
        part_of_whole(&mut tx, app, &by, &mut import, now).await?;
        return tx.commit().await;
    }
    if import.state == State::Running && import.plan().whole {
        return match whole(&mut tx, app, &by, &mut import, now).await? {
            Went::On => tx.commit().await,
            Went::Amiss(note) => {
                drop(tx); // nothing of it stays
                again(app, &import, &note).await
            }
        };
    }
    step(&mut tx, app, &by, &mut import, now).await?;
    tx.commit().await
}

/// The next part of a whole that takes more than one transaction.
async fn part_of_whole(
    tx: &mut Tx,
    app: &App,
    by: &Can<InviteCreate>,
    import: &mut Import,
    now: Timestamp,
) -> Result<()> {
    if import.plan().stage == Stage::Judge {
        return judge_once_more(tx, app, by, import, now).await;
    }
    let mark = outbox::mark(tx).await?;
    if let Went::Amiss(note) = step(tx, app, by, import, now).await? {
        return import::turn_back(tx, import, &note).await;
    }
    outbox::hold(tx, mark, held(import)).await?;
    if import.state == State::Done && outbox::release(tx, held(import), now, MAILS).await? == MAILS {
        import.state = State::Running; // more of them wait
        store::advance(tx, import).await?;
    }
    Ok(())
}

/// Until when the mails of a whole wait: an instant of its own that never comes, by which they are found again.
fn held(import: &Import) -> Timestamp {
    const YEAR_3000: i64 = 32_503_680_000_000_000;
    Timestamp::from_micros(YEAR_3000 + import.id.raw())
}

/// Judges the next lines of a whole before anybody is brought in.
async fn judge_once_more(
    tx: &mut Tx,
    app: &App,
    by: &Can<InviteCreate>,
    import: &mut Import,
    now: Timestamp,
) -> Result<()> {
    step(tx, app, by, import, now).await?;
    if import.state == State::Running {
        return Ok(());
    }
    let bad = Counts::of(import).bad();
    let plan = Plan {
        whole: bad == 0,
        stage: Stage::Bring,
        ..import.plan()
    };
    let note = if bad == 0 {
        (import.state, import.place, import.counts) = (State::Running, 0, "{}".to_owned());
        store::advance(tx, import).await?;
        String::new()
    } else {
        let line = store::list_bad(tx, import, 0, 1).await?.into_iter().next();
        line.map_or_else(String::new, |line| amiss(line.line, &line.note))
    };
    store::set_plan(tx, import, &serde_json::to_string(&plan)?, &note).await
}

/// What is told of a line that has spoiled a whole.
fn amiss(line: i64, why: &str) -> String {
    let line = crate::web::filters::number(line);
    format!("Nothing was changed. Since the check line {line} has become impossible: {why}")
}

/// Takes back the last of those whom a whole has brought in; after the first of them the lines are judged once more.
async fn back(tx: &mut Tx, app: &App, import: &mut Import, now: Timestamp) -> Result<()> {
    let actor = actor(app, import);
    let after = (import.place - BROUGHT).max(0);
    let keys = store::list_ready_keys(tx, import, after, import.place).await?;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let of = (import.org_id, import.created_at);
    let mut gone = addition::take_back(tx, &actor, of, &keys, now).await?;
    gone += bulk::take_back(tx, &actor, of, &keys, now).await?;
    import.place = after;
    store::advance(tx, import).await?;
    if gone > 0 {
        let after = json!({ "taken_back": gone });
        let entry = Entry::done(Action::ImportStop, import.object(), Value::Null, after);
        audit::record(tx, &actor, Some(import.org_id), entry, now).await?;
    }
    if after > 0 || outbox::withdraw(tx, held(import), MAILS).await? == MAILS {
        return Ok(());
    }
    let note = import.note.trim_start_matches("Nothing was changed. ");
    let note = format!("Nobody was brought in: everyone who had come was taken back. {note}");
    check_again(tx, import, &note).await
}

fn actor(app: &App, import: &Import) -> Actor {
    let who = (import.user_id, import.actor_name.as_str());
    Actor::returned(&app.keys, who, &import.ip, &import.agent, &import.request_id)
}

/// The present right of whoever ordered the import.
async fn proof(tx: &mut Tx, app: &App, import: &Import, now: Timestamp) -> Result<Can<InviteCreate>> {
    resumed(tx, actor(app, import), import.user_id, import.org_id, now).await
}

/// Works an import off at once, in the caller's transaction; what is to be whole and is not leaves it unfinished, see [`again`].
pub async fn finish(
    tx: &mut Tx,
    app: &App,
    by: &Can<InviteCreate>,
    import: &mut Import,
    now: Timestamp,
) -> Result<Option<String>> {
    match whole(tx, app, by, import, now).await? {
        Went::On => Ok(None),
        Went::Amiss(note) => Ok(Some(note)),
    }
}

async fn whole(tx: &mut Tx, app: &App, by: &Can<InviteCreate>, import: &mut Import, now: Timestamp) -> Result<Went> {
    while import.state.is_open() {
        if let Went::Amiss(note) = step(tx, app, by, import, now).await? {
            return Ok(Went::Amiss(note));
        }
    }
    Ok(Went::On)
}

/// Judges the lines of a whole again that could not be brought in; the caller's transaction is gone.
pub async fn again(app: &App, import: &Import, note: &str) -> Result<()> {
    let mut tx = app.db.write().await?;
    check_again(&mut tx, import, note).await?;
    tx.commit().await
}

async fn check_again(tx: &mut Tx, import: &Import, note: &str) -> Result<()> {
    let plan = Plan {
        whole: false,
        stage: Stage::Bring,
        ..import.plan()
    };
    let of = (import.org_id, import.id);
    store::set_checking(tx, of, &serde_json::to_string(&plan)?, note).await?;
    Ok(())
}

/// The next lines.
async fn step(tx: &mut Tx, app: &App, by: &Can<InviteCreate>, import: &mut Import, now: Timestamp) -> Result<Went> {
    let plan = import.plan();
    let runs = import.state == State::Running && plan.stage == Stage::Bring;
    let most = if runs { BROUGHT } else { JUDGED };
    let desk = app.desk();
    if !runs {
        store::forget_rounds(tx, import).await?;
    }
    let after = import.place.max(plan.first());
    let rows = store::list_rows(tx, import.org_id, import.id, after, most).await?;
    let is_last = (rows.len() as i64) < most;
    if !rows.is_empty() {
        if runs {
            // What is judged now stays true until it is done.
            crate::members::member::lock_live(tx, import.org_id).await?;
        }
        let terms = judge::terms(tx, by, &plan, now).await?;
        // What was judged in earlier parts is not in the database yet while lines are only checked.
        let mut counts = Counts::of(import);
        let before = if runs { Counts::default() } else { counts.clone() };
        let mut sentences = judge::judge(tx, by, &terms, import, &rows, (&before, desk.most_pending), now).await?;
        if runs {
            if plan.whole
                && let Some(bad) = sentences.iter().find(|one| one.verdict.is_bad())
            {
                return Ok(Went::Amiss(amiss(bad.line, &bad.note)));
            }
            import.changed += bring(tx, &desk, by, &mut sentences, now).await?;
        }
        counts.add(judge::count(&sentences));
        import.counts = counts.text()?;
        import.place = rows.last().map_or(import.place, |row| row.n);
        let verdicts = sentences
            .into_iter()
            .map(|one| {
                let key = one
                    .address
                    .as_ref()
                    .map_or_else(String::new, |address| address.key().to_owned());
                let verdict = one.verdict as i64;
                (
                    import.id,
                    import.round,
                    one.n,
                    import.org_id,
                    one.line,
                    one.email,
                    key,
                    verdict,
                    one.note,
                )
            })
            .collect();
        store::put_verdicts(tx, verdicts).await?;
    }
    if is_last {
        import.state = if runs { State::Done } else { State::Checked };
        import.finished_at = runs.then_some(now);
    }
    store::advance(tx, import).await?;
    Ok(Went::On)
}

fn crossed() -> Error {
    Error::conflict("Somebody changed one of these people at the same moment.")
}

/// Invites and adds those who are ready; how many that were.
async fn bring(
    tx: &mut Tx,
    desk: &Desk<'_>,
    by: &Can<InviteCreate>,
    sentences: &mut [Sentence],
    now: Timestamp,
) -> Result<i64> {
    let (mut to_invite, mut to_add): (Vec<Coming>, Vec<Coming>) = (Vec::new(), Vec::new());
    for one in sentences {
        let (Some(address), Some(wanted)) = (&one.address, one.wanted.take()) else {
            continue;
        };
        match one.verdict {
            Verdict::Invite => to_invite.push((address.clone(), wanted)),
            _ => to_add.push((address.clone(), wanted)),
        }
    }
    let count = to_invite.len() + to_add.len();
    invite(tx, desk, by, to_invite, now).await?;
    add(tx, desk, by, to_add, now).await?;
    Ok(count as i64)
}

async fn invite(
    tx: &mut Tx,
    desk: &Desk<'_>,
    by: &Can<InviteCreate>,
    people: Vec<Coming>,
    now: Timestamp,
) -> Result<()> {
    let terms: Vec<invitations::Terms> = people
        .iter()
        .map(|(_, wanted)| invitations::Terms {
            role: wanted.role,
            groups: wanted.groups.clone(),
            member_until: wanted.until,
        })
        .collect();
    let wanted: Vec<_> = people.iter().map(|(address, _)| address).zip(&terms).collect();
    let made = bulk::invite_each(tx, by, desk, &wanted, now).await?;
    let mut wishes: Vec<(InvitationId, Wish)> = Vec::new();
    for ((_, wanted), (verdict, id)) in people.into_iter().zip(made) {
        let id = id.filter(|_| verdict == bulk::Verdict::Invited).ok_or_else(crossed)?;
        wishes.extend(wanted.wish.map(|wish| (id, wish)));
    }
    if wishes.is_empty() {
        return Ok(());
    }
    promised::promise(tx, &by.also::<LimitSet>()?, &wishes).await
}

async fn add(tx: &mut Tx, desk: &Desk<'_>, by: &Can<InviteCreate>, people: Vec<Coming>, now: Timestamp) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let new = people.iter().map(|(address, wanted)| NewPerson {
        email: address.clone(),
        // Whoever has an account keeps its name.
        name: wanted.name.clone(),
        role: wanted.role,
        groups: wanted.groups.clone(),
        until: wanted.until,
    });
    let added = addition::add_many(tx, &by.also::<MemberManage>()?, desk.keys, new.collect(), now).await?;
    for ((_, wanted), added) in people.iter().zip(&added) {
        if !wanted.additional.is_empty() {
            let to = Assignment {
                role: None,
                additional: Some(wanted.additional.clone()),
            };
            assignment::assign(tx, &by.also::<RoleAssign>()?, Change::from(added.id), to, now).await?;
        }
    }
    let wishes: Vec<(MemberId, &str, &Wish)> = people
        .iter()
        .zip(&added)
        .filter_map(|((_, wanted), added)| Some((added.id, added.name.as_str(), wanted.wish.as_ref()?)))
        .collect();
    if wishes.is_empty() {
        return Ok(());
    }
    promised::set_for_new(tx, &by.also::<LimitSet>()?, &wishes, now).await
}
