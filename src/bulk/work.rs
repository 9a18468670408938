//! Doing an act on many: some hundreds in a transaction, with the right of whoever ordered it asked again for each of them, and a
//! pause between, so that other writers get their turn. The place is kept in the same transaction, so a restart goes on from there.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    job::{Job, Scope, State},
    kind::{Kind, Reason, Terms},
    store::{self, Waiting},
};
use crate::{
    access::{
        Can, Role,
        permission::{
            GroupManage, InviteCreate, LimitSet, MemberDisable, MemberManage, MemberRead, MemberSuspend, PoolManage,
            RoleAssign,
        },
        resumed,
    },
    app::App,
    audit::Actor,
    clock::Timestamp,
    credits,
    db::Tx,
    error::{Error, Result},
    groups::{self, mass::Seat},
    ids::{GroupId, InvitationId, JobId, MemberId, OrgId, PoolId},
    invitations::{self, Desk},
    limits,
    members::{
        Status,
        mass::{self, Outcome, Pause},
        picks,
    },
};

/// How many are worked on in one transaction.
pub const CHUNK: usize = 500;
/// How many are written down in one transaction.
const COLLECT: usize = 5_000;

/// What was before, as an item keeps it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Before {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    /// The membership had ended by its date, which an undo does not bring back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ended: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seats: Vec<(GroupId, bool, Option<Timestamp>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<limits::mass::Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<PoolId>,
}

/// What became of one.
struct Settled {
    subject: i64,
    outcome: i64,
    reason: Reason,
    before: String,
}

impl Settled {
    const fn left(subject: i64, reason: Reason) -> Self {
        let outcome = if matches!(reason, Reason::Already) { 2 } else { 3 };
        Self {
            subject,
            outcome,
            reason,
            before: String::new(),
        }
    }
    fn done(subject: i64, before: &Before) -> Result<Self> {
        Ok(Self {
            subject,
            outcome: 1,
            reason: Reason::None,
            before: serde_json::to_string(before)?,
        })
    }
}

/// Works on every open job until none is left. Returns how many transactions there were.
pub async fn run_all(app: &App, stop: &CancellationToken) -> Result<usize> {
    let open = || async { store::list_open(&mut app.db.read()).await };
    app.in_turns(stop, open, |job| run_once(app, job.org_id, job.id)).await
}

/// One transaction of a job. A refusal ends the job, with its reason; a fault of ours does too, so that it is not tried for ever.
pub async fn run_once(app: &App, org: OrgId, id: JobId) -> Result<()> {
    let mut tx = app.db.write().await?;
    let now = app.clock.now();
    let Some(mut job) = store::lock(&mut tx, org, id).await?.filter(|job| job.state.is_open()) else {
        return Ok(());
    };
    let worked = async {
        let by = proof(&mut tx, app, &job, now).await?;
        step(&mut tx, &app.desk(), &by, &mut job, now).await
    };
    let note = match worked.await {
        Ok(()) => return tx.commit().await,
        Err(Error::Busy) => return Err(Error::Busy),
        Err(Error::Internal(inner)) => {
            tracing::error!(%inner, job = %id, "a bulk change was stopped");
            "Something went wrong on our side. What is done stays done.".to_owned()
        }
        Err(error) => format!("Stopped: {error}"),
    };
    drop(tx); // nothing of a refused part stays
    let mut tx = app.db.write().await?;
    if let Some(job) = store::lock(&mut tx, org, id).await? {
        store::stop(&mut tx, &job, &note, now).await?;
    }
    tx.commit().await
}

/// The present right of whoever ordered the job.
async fn proof(tx: &mut Tx, app: &App, job: &Job, now: Timestamp) -> Result<Can<MemberRead>> {
    let who = (job.user_id, job.actor_name.as_str());
    let actor = Actor::returned(&app.keys, who, &job.ip, &job.agent, &job.request_id);
    resumed(tx, actor, job.user_id, job.org_id, now).await
}

/// Works a job off at once, in the caller's transaction.
pub async fn finish<P>(tx: &mut Tx, app: &App, by: &Can<P>, mut job: Job, now: Timestamp) -> Result<Job> {
    while job.state.is_open() {
        step(tx, &app.desk(), by, &mut job, now).await?;
    }
    Ok(job)
}

/// The next part of a job.
pub async fn step<P>(tx: &mut Tx, desk: &Desk<'_>, by: &Can<P>, job: &mut Job, now: Timestamp) -> Result<()> {
    match job.state {
        State::Collecting => collect(tx, by, job, now).await?,
        State::Running => work(tx, desk, by, job, now).await?,
        State::Done | State::Stopped => {}
    }
    store::advance(tx, job).await
}

/// Writes down the next who are meant. They are found in the order of their ids, so nobody is met twice or passed over.
async fn collect<P>(tx: &mut Tx, by: &Can<P>, job: &mut Job, now: Timestamp) -> Result<()> {
    let scope: Scope = serde_json::from_str(&job.scope)?;
    let (found, items) = match scope {
        Scope::Ids => (0, Vec::new()),
        Scope::Members { list, except } => {
            let query = picks::asked_by(by, &list)?;
            let after = (job.place > 0).then(|| MemberId::from_raw(job.place));
            let page = mass::page(tx, job.org_id, &query, after, COLLECT).await?;
            job.place = page.last().map_or(job.place, |last| last.id.raw());
            let found = page.len();
            let ids = page
                .into_iter()
                .filter(|member| except.binary_search(&member.id).is_err());
            (found, ids.map(|member| (member.id.raw(), String::new())).collect())
        }
        Scope::Invitations { search } => {
            let by = by.also::<InviteCreate>()?;
            let after = (job.place > 0).then(|| InvitationId::from_raw(job.place));
            let page = invitations::mass::page(tx, &by, &search, after, COLLECT, now).await?;
            job.place = page.last().map_or(job.place, |last| last.id.raw());
            (
                page.len(),
                page.into_iter().map(|one| (one.id.raw(), String::new())).collect(),
            )
        }
        Scope::Undo(of) => {
            let page = store::list_changed(tx, job.org_id, of, job.place, COLLECT as i64).await?;
            job.place = page.last().map_or(job.place, |last| last.subject_id);
            (
                page.len(),
                page.into_iter().map(|item| (item.subject_id, item.before)).collect(),
            )
        }
    };
    if job.done == 0 {
        job.total = 0; // what was foreseen gives way to what is found
    }
    // While it collects, `done` counts who was written down.
    job.done += items.len() as i64;
    job.total = job.total.max(job.done);
    store::insert_items(tx, job, items).await?;
    if found < COLLECT {
        (job.total, job.done, job.place, job.state) = (job.done, 0, 0, State::Running);
    }
    Ok(())
}

/// Works on the next of them.
async fn work<P>(tx: &mut Tx, desk: &Desk<'_>, by: &Can<P>, job: &mut Job, now: Timestamp) -> Result<()> {
    let items = store::list_waiting(tx, job, CHUNK as i64).await?;
    let is_last = items.len() < CHUNK;
    if !items.is_empty() {
        let terms: Terms = serde_json::from_str(&job.terms)?;
        let settled = act(tx, desk, by, job, &terms, &items, now).await?;
        job.place = items.last().map_or(job.place, |last| last.subject_id);
        job.done += items.len() as i64;
        job.changed += settled.iter().filter(|one| one.outcome == 1).count() as i64;
        let rows = settled
            .into_iter()
            .map(|one| (one.subject, one.outcome, one.reason as i64, one.before))
            .collect();
        store::settle(tx, job, rows).await?;
    }
    if is_last {
        job.state = State::Done;
        job.finished_at = Some(now);
    }
    Ok(())
}

async fn act<P>(
    tx: &mut Tx,
    desk: &Desk<'_>,
    by: &Can<P>,
    job: &Job,
    terms: &Terms,
    items: &[Waiting],
    now: Timestamp,
) -> Result<Vec<Settled>> {
    let undoes = job.undoes.is_some();
    let befores: HashMap<i64, Before> = if undoes {
        let read = items
            .iter()
            .map(|item| Ok((item.subject_id, serde_json::from_str(&item.before)?)));
        read.collect::<Result<_>>()?
    } else {
        HashMap::new()
    };
    let before = |id: MemberId| befores.get(&id.raw()).cloned().unwrap_or_default();
    let ids: Vec<MemberId> = items.iter().map(|item| MemberId::from_raw(item.subject_id)).collect();
    match job.kind {
        Kind::GroupAdd => {
            let by = by.also::<GroupManage>()?;
            let known = known_groups(tx, &by, terms).await?;
            let wanted: Vec<(MemberId, Vec<Seat>)> = ids
                .iter()
                .map(|id| {
                    let seats = if undoes {
                        let seats = before(*id).seats.into_iter();
                        seats
                            .filter(|(group, ..)| known.contains(group))
                            .map(|(group_id, is_lead, expires_at)| Seat {
                                group_id,
                                member_id: *id,
                                is_lead,
                                expires_at,
                            })
                            .collect()
                    } else {
                        known.iter().map(|group| groups::mass::plain(*group, *id)).collect()
                    };
                    (*id, seats)
                })
                .collect();
            groups::mass::add(tx, &by, &wanted, now)
                .await?
                .into_iter()
                .map(seated)
                .collect()
        }
        Kind::GroupRemove => {
            let by = by.also::<GroupManage>()?;
            let known = known_groups(tx, &by, terms).await?;
            let wanted: Vec<(MemberId, Vec<GroupId>)> = ids
                .iter()
                .map(|id| {
                    let groups = if undoes {
                        let seats = before(*id).seats.into_iter().map(|(group, ..)| group);
                        seats.filter(|group| known.contains(group)).collect()
                    } else {
                        known.clone()
                    };
                    (*id, groups)
                })
                .collect();
            groups::mass::remove(tx, &by, &wanted, now)
                .await?
                .into_iter()
                .map(seated)
                .collect()
        }
        Kind::Role => {
            let by = by.also::<RoleAssign>()?;
            let role = terms
                .role
                .ok_or_else(|| Error::Internal("a change of roles without a role".to_owned()))?;
            let mut settled = Vec::new();
            let mut wanted: Vec<(MemberId, Role)> = ids.iter().map(|id| (*id, role)).collect();
            // Whoever took everyone would lose the right to go on with the first part.
            if let Some(own) = by.member().filter(|own| ids.contains(own)) {
                wanted.retain(|(id, _)| *id != own);
                settled.push(Settled::left(own.raw(), Reason::Yourself));
            }
            if undoes {
                // Only whoever still has what the job gave gets back what was before.
                let present: HashMap<MemberId, Role> = mass::among(tx, job.org_id, &ids)
                    .await?
                    .into_iter()
                    .map(|member| (member.id, member.role))
                    .collect();
                wanted.retain_mut(|(id, to)| {
                    *to = before(*id).role.unwrap_or(role);
                    let moved = present.get(id).is_some_and(|now| *now != role);
                    if moved {
                        settled.push(Settled::left(id.raw(), Reason::ChangedSince));
                    }
                    !moved
                });
            }
            let outcomes = mass::change_roles(tx, &by, &wanted, now).await?;
            settled.extend(outcomes.into_iter().map(changed).collect::<Result<Vec<_>>>()?);
            Ok(settled)
        }
        Kind::Suspend => {
            let by = by.also::<MemberSuspend>()?;
            let mut settled = Vec::new();
            let mut wanted = Vec::with_capacity(ids.len());
            for id in &ids {
                let pause = if undoes {
                    let was = before(*id);
                    if was.ended {
                        settled.push(Settled::left(id.raw(), Reason::NotSuspended));
                        continue;
                    }
                    Pause {
                        until: was.until,
                        reason: was.reason,
                    }
                } else {
                    Pause {
                        until: None,
                        reason: terms.reason.clone(),
                    }
                };
                wanted.push((*id, pause));
            }
            let outcomes = mass::suspend(tx, &by, &wanted, now).await?;
            settled.extend(outcomes.into_iter().map(changed).collect::<Result<Vec<_>>>()?);
            Ok(settled)
        }
        Kind::Activate => {
            let by = by.also::<MemberSuspend>()?;
            let outcomes = mass::activate(tx, &by, &ids, now).await?;
            outcomes.into_iter().map(changed).collect()
        }
        Kind::Disable => {
            let by = by.also::<MemberDisable>()?;
            let outcomes = mass::disable(tx, &by, &ids, &terms.reason, now).await?;
            outcomes.into_iter().map(changed).collect()
        }
        Kind::Remove => {
            let by = by.also::<MemberManage>()?;
            let outcomes = mass::remove(tx, &by, &ids, now).await?;
            outcomes.into_iter().map(changed).collect()
        }
        Kind::Limit => {
            let by = by.also::<LimitSet>()?;
            let outcomes = if undoes {
                let kept: Vec<_> = ids
                    .iter()
                    .map(|id| (*id, before(*id).limits.unwrap_or_default()))
                    .collect();
                limits::mass::restore(tx, &by, &kept, now).await?
            } else {
                let wish = terms
                    .limit
                    .as_ref()
                    .ok_or_else(|| Error::Internal("a change of limits without limits".to_owned()))?;
                limits::mass::set(tx, &by, &ids, wish, now).await?
            };
            outcomes.into_iter().map(limited).collect()
        }
        Kind::Pool => {
            let by = by.also::<PoolManage>()?;
            let to = |id: MemberId| if undoes { before(id).pool } else { terms.pool };
            let wanted: Vec<_> = ids.iter().map(|id| (*id, to(*id))).collect();
            // Only whoever still draws from what the job gave gets back what was before.
            let expected = undoes.then_some(terms.pool);
            let outcomes = credits::mass::assign(tx, &by, &wanted, expected, now).await?;
            outcomes.into_iter().map(pooled).collect()
        }
        Kind::Resend => {
            let by = by.also::<InviteCreate>()?;
            let ids: Vec<InvitationId> = items
                .iter()
                .map(|item| InvitationId::from_raw(item.subject_id))
                .collect();
            let outcomes = invitations::mass::resend(tx, &by, desk, &ids, now).await?;
            outcomes
                .into_iter()
                .map(|(id, outcome)| match outcome {
                    Ok(()) => Settled::done(id.raw(), &Before::default()),
                    Err(refusal) => Ok(Settled::left(id.raw(), refusal.into())),
                })
                .collect()
        }
    }
}

/// The groups of the order that are still there.
async fn known_groups(tx: &mut Tx, by: &Can<GroupManage>, terms: &Terms) -> Result<Vec<GroupId>> {
    let all = groups::list(tx, by.org().id).await?;
    Ok(all
        .into_iter()
        .map(|group| group.id)
        .filter(|id| terms.groups.contains(id))
        .collect())
}

fn seated((id, outcome): (MemberId, groups::mass::Outcome)) -> Result<Settled> {
    match outcome {
        groups::mass::Outcome::Done(seats) => {
            let seats = seats
                .into_iter()
                .map(|seat| (seat.group_id, seat.is_lead, seat.expires_at))
                .collect();
            Settled::done(
                id.raw(),
                &Before {
                    seats,
                    ..Before::default()
                },
            )
        }
        groups::mass::Outcome::Unchanged => Ok(Settled::left(id.raw(), Reason::Already)),
        groups::mass::Outcome::Ended => Ok(Settled::left(id.raw(), Reason::DayBehind)),
        groups::mass::Outcome::Missing => Ok(Settled::left(id.raw(), Reason::Missing)),
    }
}

fn pooled((id, outcome): (MemberId, credits::mass::Outcome)) -> Result<Settled> {
    use credits::mass::Outcome as O;
    match outcome {
        O::Done(pool) => Settled::done(
            id.raw(),
            &Before {
                pool,
                ..Before::default()
            },
        ),
        O::Unchanged => Ok(Settled::left(id.raw(), Reason::Already)),
        O::Higher => Ok(Settled::left(id.raw(), Reason::Higher)),
        O::ChangedSince => Ok(Settled::left(id.raw(), Reason::ChangedSince)),
        O::Missing => Ok(Settled::left(id.raw(), Reason::Missing)),
    }
}

fn limited((id, outcome): (MemberId, limits::mass::Outcome)) -> Result<Settled> {
    use limits::mass::Outcome as O;
    match outcome {
        O::Done(kept) => Settled::done(
            id.raw(),
            &Before {
                limits: Some(kept),
                ..Before::default()
            },
        ),
        O::Unchanged => Ok(Settled::left(id.raw(), Reason::Already)),
        O::Refused(refusal) => Ok(Settled::left(id.raw(), refusal.into())),
        O::ChangedSince => Ok(Settled::left(id.raw(), Reason::ChangedSince)),
        O::Missing => Ok(Settled::left(id.raw(), Reason::Missing)),
    }
}

fn changed((id, outcome): (MemberId, Outcome)) -> Result<Settled> {
    match outcome {
        Outcome::Done(prior) => Settled::done(
            id.raw(),
            &Before {
                role: Some(prior.role),
                until: prior.until,
                ended: prior.status != Status::Suspended,
                reason: prior.reason,
                ..Before::default()
            },
        ),
        Outcome::Unchanged => Ok(Settled::left(id.raw(), Reason::Already)),
        Outcome::Refused(refusal) => Ok(Settled::left(id.raw(), refusal.into())),
        Outcome::Missing => Ok(Settled::left(id.raw(), Reason::Missing)),
    }
}
