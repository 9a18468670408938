//! The engine: the only authority over what is left, one a process.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot, watch,
};

use super::{
    Account, Answer, Bucket, Figure, Held, Hold, OrgPlan, Origin, Outcome, Pays, Plan, Reported, ReservationId,
    Settled, Settlement, Usage,
    answer::{conflict, too_large},
    counters::{Loaded, Need, Shard, Subject},
    reply::reply,
    reservations::{Reservation, State as Stand},
    store,
    usage::{self, CORRECTION, EXCESS, LATE, OVER_SOFT, REPORTED},
    writer::{Booking, Item, Load, Message, Want, Writer},
};
use crate::{
    clock::{Clock, Timestamp, days},
    db::Db,
    error::{Error, Result},
    ids::OrgId,
    limits::{Enforcement, Window, amount::Amount},
};

const SHARDS: usize = 64;
/// How many requests wait for the writer; whoever comes then waits before deciding.
const QUEUE: usize = 4_096;
/// How many events a request reports at most.
pub const BATCH: usize = 1_000;
/// How long a reservation lasts at most.
const LONGEST: Duration = Duration::from_secs(86_400);
/// How far ahead of the clock a ledger may be at the start and still be believed: a clock that was set back since, not one that was
/// once years ahead.
const AHEAD: Duration = days(40);
/// What is said of a reservation that holds nothing.
pub const GONE: &str = "Nothing is held by this reservation any more: it was settled or released, or its time is over.";
/// The source of settlements.
const RESERVATION: &str = "muster:reservation";

/// What engine and writer share.
pub(super) struct State {
    pub db: Db,
    clock: Clock,
    horizon: AtomicI64,
    shards: Vec<Mutex<Shard>>,
    /// The disk has failed: nothing is taken any more.
    pub is_shut: AtomicBool,
    /// This process decides, and knows how far the ledger has come.
    pub is_ready: AtomicBool,
    #[cfg(test)]
    pub commit_fails: Mutex<Option<crate::db::Fate>>,
}

impl State {
    /// The present instant, which never goes backward: windows that are over stay over when the clock is set back (F21).
    fn now(&self) -> Timestamp {
        let now = self.clock.now().micros();
        Timestamp::from_micros(self.horizon.fetch_max(now, Ordering::SeqCst).max(now))
    }
    /// Takes over how far an earlier process had come.
    pub fn remember(&self, latest: Option<Timestamp>) {
        let Some(latest) = latest else { return };
        if latest > self.clock.now().plus(AHEAD) {
            tracing::error!(%latest, "the ledger is far ahead of the clock, which is believed; check the clock");
            return;
        }
        self.horizon.fetch_max(latest.micros(), Ordering::SeqCst);
    }
    pub fn shard(&self, place: usize) -> MutexGuard<'_, Shard> {
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Forgets every sum; the next decisions ask the database.
    pub fn forget(&self) {
        for place in 0..SHARDS {
            self.shard(place).forget();
        }
    }
}

const fn place(org: OrgId) -> usize {
    org.raw() as usize % SHARDS
}

/// Decides, holds and books; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    state: Arc<State>,
    queue: mpsc::Sender<Message>,
    /// Corrections come one after another, so that none takes back what another one does.
    corrections: Arc<tokio::sync::Mutex<()>>,
}

type Permit = mpsc::OwnedPermit<Message>;

/// What an attempt to book came to.
enum Tried {
    /// It waits to be committed.
    Sent {
        figures: Vec<Figure>,
        over: Vec<usize>,
        pays: Pays,
        replied: oneshot::Receiver<Vec<Outcome>>,
    },
    /// There was no room.
    Refused {
        figures: Vec<Figure>,
        failing: Vec<usize>,
        /// Whether an event of this key waits to be committed.
        waits: bool,
    },
}

/// What an attempt under the lock came to.
enum Attempt<T> {
    Done(T),
    Stale,
    Lacks,
    Wait(watch::Receiver<Loaded>),
}

impl Engine {
    /// Starts the engine of a database, with its writer as a task; must be called within a runtime.
    pub fn start(db: Db, clock: Clock) -> Self {
        let now = Instant::now();
        let state = Arc::new(State {
            db,
            clock,
            horizon: AtomicI64::new(0),
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(now))).collect(),
            is_shut: AtomicBool::new(false),
            is_ready: AtomicBool::new(false),
            #[cfg(test)]
            commit_fails: Mutex::default(),
        });
        let (queue, queued) = mpsc::channel(QUEUE);
        tokio::spawn(Writer::new(Arc::clone(&state), queued).run());
        Self {
            state,
            queue,
            corrections: Arc::default(),
        }
    }

    /// The present instant as limits count it, which never goes backward.
    pub fn now(&self) -> Timestamp {
        self.state.now()
    }

    /// Books what is queued and takes nothing more.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            let _ = closed.await; // the writer has ended, which is what was asked for
        }
    }

    /// How many reservations are open.
    pub fn open(&self) -> usize {
        let count = |place| {
            let mut shard = self.state.shard(place);
            shard.tick(Instant::now());
            let all = shard.reservations.values();
            all.filter(|one| one.state == Stand::Open).count()
        };
        (0..SHARDS).map(count).sum()
    }

    /// What open reservations hold of an organization, in micro-credits.
    pub fn held(&self, org: OrgId) -> i64 {
        let mut shard = self.state.shard(place(org));
        shard.tick(Instant::now());
        shard.held(org)
    }

    /// What open reservations hold of one thing that is limited.
    pub fn held_by(&self, org: OrgId, scope: super::Scope, id: i64) -> i64 {
        let mut shard = self.state.shard(place(org));
        shard.tick(Instant::now());
        shard.held_by(org, scope, id)
    }

    /// What open reservations of an organization hold of what was moved to members, by allowance.
    pub fn held_of_allowances(&self, org: OrgId) -> HashMap<i64, i64> {
        let mut shard = self.state.shard(place(org));
        shard.tick(Instant::now());
        shard.held_of_allowances(org)
    }

    /// Whether a cost has room now; nothing is held or booked.
    pub async fn check(&self, plan: &Plan, cost: i64) -> Result<Answer<()>> {
        usage::check_amount("amount", cost)?;
        let seen = self.seen(plan, None, |_, figures, _, _| figures).await?;
        let Some(figures) = seen else {
            return Ok(Answer::Stale);
        };
        Ok(match plan.pays(&figures, cost) {
            Ok(pays) => {
                let over = plan.failing(&figures, cost, Enforcement::Soft);
                Answer::Granted {
                    figures,
                    over,
                    pays,
                    done: (),
                }
            }
            Err(failing) => Answer::Refused { figures, failing },
        })
    }

    /// Holds an amount until it is settled, released or its time is over, if every hard policy has room.
    pub async fn reserve(&self, plan: &Plan, hold: &Hold) -> Result<Answer<Held>> {
        usage::check_amount("amount", hold.amount)?;
        if hold.ttl.is_zero() || hold.ttl > LONGEST {
            return Err(Error::invalid(
                "ttl_s",
                "A reservation lasts from one second to 24 hours. Choose a time between.",
            ));
        }
        if hold
            .idempotency_key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > 255)
        {
            return Err(Error::invalid(
                "Idempotency-Key",
                "An idempotency key has 1 to 255 characters. Send a shorter one, or none.",
            ));
        }
        let act = |shard: &mut Shard, mut figures: Vec<Figure>, (now, instant): (Timestamp, Instant), _| {
            let asked = hold.idempotency_key.as_ref();
            if let Some(asked) = asked.and_then(|key| shard.asked(&plan.account, key)) {
                if asked.amount != hold.amount {
                    return Err(Error::conflict(
                        "This idempotency key was used for another amount. Send a new reservation under a new key.",
                    ));
                }
                let done = Held {
                    id: asked.id,
                    expires_at: asked.expires_at,
                    is_repeated: true,
                };
                let (over, pays) = (Vec::new(), asked.pays);
                return Ok(Answer::Granted {
                    figures,
                    over,
                    pays,
                    done,
                });
            }
            let pays = match plan.pays(&figures, hold.amount) {
                Ok(pays) => pays,
                Err(failing) => return Ok(Answer::Refused { figures, failing }),
            };
            let over = plan.failing(&figures, hold.amount, Enforcement::Soft);
            let done = Held {
                id: ReservationId::new(now),
                expires_at: now.plus(hold.ttl),
                is_repeated: false,
            };
            let reservation = Reservation {
                account: plan.account.paid(pays),
                amount: hold.amount,
                holds: hold.amount,
                admitted_at: now,
                bucket: plan.org.bucket,
                deadline: instant + hold.ttl,
                expires_at: done.expires_at,
                state: Stand::Open,
                over_soft: !over.is_empty(),
                wallet: plan.wallet.as_ref().map_or(0, |wallet| wallet.amount.micros()),
                asked_as: hold.idempotency_key.clone(),
                origin: hold.origin.clone(),
            };
            shard.open(done.id, reservation, instant);
            for figure in plan.charged(&mut figures, pays) {
                figure.reserved = figure.reserved.saturating_add(hold.amount);
            }
            Ok(Answer::Granted {
                figures,
                over,
                pays,
                done,
            })
        };
        self.seen(plan, None, act).await?.unwrap_or(Ok(Answer::Stale))
    }

    /// Holds an amount of the plan's wallet for a while without anybody's asking, so that it can be taken out by hand meanwhile: plans
    /// that are older than that do not find it.
    pub async fn withhold(&self, plan: &Plan, amount: i64, ttl: Duration) -> Result<Answer<ReservationId>> {
        let act = |shard: &mut Shard, figures: Vec<Figure>, (now, instant): (Timestamp, Instant), _| {
            let place = plan.policies.len();
            let wallet = plan.wallet.as_ref().zip(figures.get(place));
            let Some((policy, _)) = wallet.filter(|(policy, figure)| figure.has_room(policy, amount)) else {
                let failing = vec![place];
                return Answer::Refused { figures, failing };
            };
            let done = ReservationId::new(now);
            let reservation = Reservation {
                account: plan.account.paid(Pays::Wallet),
                amount,
                holds: amount,
                admitted_at: now,
                bucket: plan.org.bucket,
                deadline: instant + ttl,
                expires_at: now.plus(ttl),
                state: Stand::Open,
                over_soft: false,
                wallet: policy.amount.micros(),
                asked_as: None,
                origin: Origin::default(),
            };
            shard.open(done, reservation, instant);
            Answer::Granted {
                figures,
                over: Vec::new(),
                pays: Pays::Wallet,
                done,
            }
        };
        Ok(self.seen(plan, None, act).await?.unwrap_or(Answer::Stale))
    }

    /// Books what was really used of a reservation and lets go of the rest. More than was reserved is booked too, and flagged; so is
    /// what comes after the reservation's time, or after a restart. Told again, it counts once. None when the plan is stale.
    pub async fn settle(
        &self,
        org: &OrgPlan,
        account: &Account,
        id: ReservationId,
        settlement: &Settlement,
    ) -> Result<Option<Settled>> {
        let mut usage = Usage {
            quantity: settlement.quantity,
            unit_price: settlement.unit_price,
            at: Some(id.made_at()),
            activity: settlement.activity.clone(),
            app: settlement.app.clone(),
            flow: settlement.flow.clone(),
            ..Usage::new(RESERVATION, id.to_string(), settlement.amount)
        };
        usage.check(self.now())?;
        let (occurred, key) = (bounds_of(org, id.made_at()), usage.key());
        let permit = self.permit().await?;
        let (replied, excess) = {
            let mut shard = self.state.shard(place(org.org));
            let instant = Instant::now();
            shard.tick(instant);
            let now = self.state.now();
            let open = shard.reservations.get(&id);
            let open_pays = open.map(|found| found.account.pays());
            let (mut told, mut more) = (None, 0);
            let (account, bucket, booked_at, flags, ends) = match open {
                Some(found) if !found.account.is_same_caller(account) => return Err(Error::NotFound),
                Some(found) if found.state == Stand::Settling => {
                    return Err(Error::conflict(
                        "This reservation is being settled already. Wait for that answer, or send the same settlement again.",
                    ));
                }
                Some(found) => {
                    // What was told is what a repetition tells, which knows nothing of the reservation any more.
                    let origin = &found.origin;
                    if origin.activity.is_some() || origin.app.is_some() || origin.flow.is_some() {
                        told = Some(usage.digest(&found.account));
                    }
                    for (said, known) in [
                        (&mut usage.activity, &origin.activity),
                        (&mut usage.app, &origin.app),
                        (&mut usage.flow, &origin.flow),
                    ] {
                        if said.is_none() {
                            said.clone_from(known);
                        }
                    }
                    more = usage.amount.saturating_sub(found.amount).max(0);
                    let excess = if more > 0 { EXCESS } else { 0 };
                    let soft = if found.over_soft { OVER_SOFT } else { 0 };
                    let account = shard.settles(found, usage.amount);
                    (account, found.bucket, found.admitted_at, excess | soft, true)
                }
                None if !org.bucket.contains(now) => return Ok(None),
                None => (*account, org.bucket, now, LATE, false),
            };
            let amount = usage.amount;
            let seq = shard.book(&account, &bucket, amount, instant).ok_or_else(too_large)?;
            if ends {
                // What a wallet holds and does not pay in the end stays held, so that a commit that fails finds room to hold it again.
                let is_turned = open_pays.is_none_or(|pays| pays == account.pays());
                shard.settling(id, if is_turned { amount } else { 0 }, instant);
            }
            let mut booking = booking(account, (key, usage), booked_at, bucket, occurred, flags);
            booking.reservation = Some(id);
            booking.digest = told.unwrap_or(booking.digest);
            shard.under_way.insert((org.org, booking.key));
            (send(permit, place(org.org), vec![(seq, booking)]), more)
        };
        match one(replied).await? {
            Outcome::Conflict => Err(Error::conflict(
                "This reservation was settled before, with another amount or other details. What was booked first counts. Report what \
                 was used besides as usage of its own, and take back what was not by a correction.",
            )),
            outcome => {
                let outcome = outcome.counts()?;
                let excess = if outcome == Outcome::Booked { excess } else { 0 };
                Ok(Some(Settled { outcome, excess }))
            }
        }
    }

    /// Whom a reservation in memory charges, and the key that asked for it; none when it is over, or elsewhere.
    pub fn reservation(&self, org: OrgId, id: ReservationId) -> Option<(Account, Option<i64>)> {
        let mut shard = self.state.shard(place(org));
        shard.tick(Instant::now());
        let found = shard.reservations.get(&id).filter(|found| found.account.org == org)?;
        Some((found.account, found.origin.key))
    }

    /// Whom a settlement was charged to that is in the ledger.
    pub async fn settled(&self, org: OrgId, id: ReservationId) -> Result<Option<Account>> {
        let key = Usage::new(RESERVATION, id.to_string(), 0).key();
        store::find_charged(&mut self.state.db.read(), org, id.made_at(), key).await
    }

    /// Lets go of a reservation of which nothing was used.
    pub fn release(&self, account: &Account, id: ReservationId) -> Result<()> {
        let mut shard = self.state.shard(place(account.org));
        shard.tick(Instant::now());
        let found = shard.reservations.get(&id);
        let is_open = match found {
            Some(found) if !found.account.is_same_caller(account) => return Err(Error::NotFound),
            Some(found) => found.state == Stand::Open,
            None => false,
        };
        if !is_open {
            return Err(Error::Gone(GONE.to_owned()));
        }
        shard.end(id);
        Ok(())
    }

    /// Books usage whose amount is known, if every hard policy has room.
    pub async fn record(&self, plan: &Plan, usage: &Usage) -> Result<Answer<Outcome>> {
        usage.check(self.now())?;
        let (bounds, late) = occurred(&plan.org, usage);
        let key = usage.key();
        let permit = self.permit().await?;
        let act = |shard: &mut Shard,
                   mut figures: Vec<Figure>,
                   (now, instant): (Timestamp, Instant),
                   permit: Option<Permit>|
         -> Result<Tried> {
            let pays = match plan.pays(&figures, usage.amount) {
                Ok(pays) => pays,
                Err(failing) => {
                    let waits = shard.under_way.contains(&(plan.account.org, key));
                    return Ok(Tried::Refused {
                        figures,
                        failing,
                        waits,
                    });
                }
            };
            let account = plan.account.paid(pays);
            let over = plan.failing(&figures, usage.amount, Enforcement::Soft);
            let bucket = plan.org.bucket;
            let flags = late | if over.is_empty() { 0 } else { OVER_SOFT };
            let permit = permit.ok_or(Error::Busy)?;
            let booked = shard.book(&account, &bucket, usage.amount, instant);
            let seq = booked.ok_or_else(too_large)?;
            let booking = booking(account, (key, usage.said()), now, bucket, bounds, flags);
            shard.under_way.insert((plan.account.org, booking.key));
            for figure in plan.charged(&mut figures, pays) {
                figure.spent = figure.spent.saturating_add(usage.amount);
            }
            let replied = send(permit, place(plan.account.org), vec![(seq, booking)]);
            Ok(Tried::Sent {
                figures,
                over,
                pays,
                replied,
            })
        };
        let Some(tried) = self.seen(plan, Some(permit), act).await? else {
            return Ok(Answer::Stale);
        };
        match tried? {
            Tried::Sent {
                mut figures,
                over,
                pays,
                replied,
            } => {
                let done = one(replied).await?.counts()?;
                if done == Outcome::Duplicate {
                    for figure in plan.charged(&mut figures, pays) {
                        figure.spent = figure.spent.saturating_sub(usage.amount);
                    }
                }
                Ok(Answer::Granted {
                    figures,
                    over,
                    pays,
                    done,
                })
            }
            // What was booked before is answered as it was then, though nothing is left now.
            Tried::Refused {
                figures,
                failing,
                waits,
            } => {
                let finding = Box::pin(self.find(&plan.account, usage, waits));
                match finding.await? {
                    None => Ok(Answer::Refused { figures, failing }),
                    Some((true, pays)) => Ok(Answer::Granted {
                        figures,
                        over: Vec::new(),
                        pays,
                        done: Outcome::Duplicate,
                    }),
                    Some((false, _)) => Err(conflict()),
                }
            }
        }
    }

    /// Books what has happened already, of one organization and whether or not there was room.
    pub async fn report(&self, org: &OrgPlan, events: Vec<(Account, Usage)>) -> Result<Reported> {
        if events.len() > BATCH {
            return Err(Error::TooLarge);
        }
        let now = self.now();
        let mut checked: Vec<Result<()>> = events.iter().map(|(_, usage)| usage.check(now)).collect();
        let corrects = events.iter().any(|(_, usage)| usage.amount < 0);
        let _alone = if corrects {
            Some(self.corrections.lock().await)
        } else {
            None
        };
        if corrects {
            self.check_corrections(&events, &mut checked).await?;
        }
        let bounds: Vec<_> = events.iter().map(|(_, usage)| occurred(org, usage)).collect();
        let permit = self.permit().await?;
        let (replied, mut results) = {
            let mut shard = self.state.shard(place(org.org));
            let instant = Instant::now();
            shard.tick(instant);
            let now = self.state.now();
            if !org.bucket.contains(now) {
                return Ok(Reported::Stale(events));
            }
            let (mut bookings, mut results) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
            for (((account, usage), checked), (bounds, late)) in events.into_iter().zip(checked).zip(bounds) {
                let seq = checked.and_then(|()| {
                    shard
                        .book(&account, &org.bucket, usage.amount, instant)
                        .ok_or_else(too_large)
                });
                let seq = match seq {
                    Ok(seq) => seq,
                    Err(error) => {
                        results.push(Err(error));
                        continue;
                    }
                };
                let correction = if usage.kind == super::Kind::Adjustment {
                    CORRECTION
                } else {
                    0
                };
                let flags = REPORTED | late | correction;
                let booking = booking(account, (usage.key(), usage), now, org.bucket, bounds, flags);
                shard.under_way.insert((org.org, booking.key));
                bookings.push((seq, booking));
                results.push(Ok(Outcome::Booked));
            }
            if bookings.is_empty() {
                return Ok(Reported::Done(results));
            }
            (send(permit, place(org.org), bookings), results)
        };
        let mut outcomes = replied.await.map_err(|_| Error::Busy)?.into_iter();
        for result in &mut results {
            if result.is_ok() {
                *result = Ok(outcomes.next().unwrap_or(Outcome::Failed));
            }
        }
        Ok(Reported::Done(results))
    }

    /// Refuses what would take back more than was ever booked for whoever is charged: it would open every limit above them. What comes
    /// before it in the same batch counts, and a correction that is in the ledger already is answered as it was.
    async fn check_corrections(&self, events: &[(Account, Usage)], checked: &mut [Result<()>]) -> Result<()> {
        let corrected = events.iter().filter(|(_, usage)| usage.amount < 0);
        let corrected: HashSet<(OrgId, (super::Scope, i64))> =
            corrected.map(|(account, _)| (account.org, account.user())).collect();
        let mut left = HashMap::with_capacity(corrected.len());
        for (org, (scope, id)) in corrected {
            let subject = Subject { org, scope, id };
            let booked = store::spent(&mut self.state.db.read(), subject, Window::Total, "").await?;
            left.insert((org, (scope, id)), booked);
        }
        for ((account, usage), checked) in events.iter().zip(checked) {
            let Some(rest) = left.get_mut(&(account.org, account.user())).filter(|_| checked.is_ok()) else {
                continue;
            };
            let is_repeated = self.find(account, usage, false).await?.is_some();
            if is_repeated {
                continue;
            }
            if usage.amount < 0 && rest.saturating_add(usage.amount) < 0 {
                let most = Amount::from_micros(*rest).unwrap_or(Amount::ZERO);
                *checked = Err(Error::invalid(
                    "data.credits",
                    format!(
                        "A correction takes back at most what was booked, which is {most} credits. Send a smaller one."
                    ),
                ));
                continue;
            }
            *rest = rest.saturating_add(usage.amount);
        }
        Ok(())
    }

    /// Looks at a plan's figures under the lock and acts there; none when the plan is stale.
    async fn seen<T>(
        &self,
        plan: &Plan,
        mut permit: Option<Permit>,
        act: impl FnOnce(&mut Shard, Vec<Figure>, (Timestamp, Instant), Option<Permit>) -> T,
    ) -> Result<Option<T>> {
        self.ready().await?;
        let mut act = Some(act);
        loop {
            let attempt = {
                let mut shard = self.state.shard(place(plan.account.org));
                let instant = Instant::now();
                shard.tick(instant);
                let now = self.state.now();
                if plan.org.bucket.contains(now) {
                    match shard.figures(plan, instant) {
                        Ok(figures) => match act.take() {
                            Some(act) => Attempt::Done(act(&mut shard, figures, (now, instant), permit.take())),
                            None => Attempt::Stale,
                        },
                        Err(Need::Stale) => Attempt::Stale,
                        Err(Need::Overflow) => return Err(too_large()),
                        Err(Need::Wait(loading)) => Attempt::Wait(loading),
                        Err(Need::Load(_)) => Attempt::Lacks,
                    }
                } else {
                    Attempt::Stale
                }
            };
            let mut loading = match attempt {
                Attempt::Done(done) => return Ok(Some(done)),
                Attempt::Stale => return Ok(None),
                Attempt::Wait(loading) => loading,
                Attempt::Lacks => {
                    let load = Box::pin(self.load(plan));
                    match load.await? {
                        Some(loading) => loading,
                        None => continue,
                    }
                }
            };
            answered(&mut loading).await?;
        }
    }

    /// Asks the database for the counters that a plan lacks; none when they are there by now.
    async fn load(&self, plan: &Plan) -> Result<Option<watch::Receiver<Loaded>>> {
        let starts = Window::ALL.map(|window| plan.org.starts(window));
        let permit = self.permit().await?;
        let mut shard = self.state.shard(place(plan.account.org));
        let instant = Instant::now();
        if !plan.org.bucket.contains(self.state.now()) {
            return Ok(None);
        }
        let Err(Need::Load(list)) = shard.figures(plan, instant) else {
            return Ok(None);
        };
        let (done, loading) = watch::channel(Loaded::Waiting);
        let since = shard.make(&list, &plan.org.bucket, &loading, instant);
        let wants = list
            .into_iter()
            .map(|(subject, window)| Want {
                subject,
                window,
                start: plan.org.bucket.window(window).start,
                starts: Arc::clone(&starts[super::calendar::place(window)]),
            })
            .collect();
        // Under the lock, so that the queue has the order of the numbers.
        permit.send(Message::Load(Load {
            shard: place(plan.account.org),
            since,
            wants,
            done,
        }));
        Ok(Some(loading))
    }

    async fn permit(&self) -> Result<Permit> {
        self.ready().await?;
        match self.queue.clone().try_reserve_owned() {
            Ok(permit) => Ok(permit),
            Err(TrySendError::Full(queue)) => queue.reserve_owned().await.map_err(|_| Error::Busy),
            Err(TrySendError::Closed(_)) => Err(Error::Busy),
        }
    }

    /// Refuses while this process does not decide: another one does, or the disk has failed.
    async fn ready(&self) -> Result<()> {
        if self.state.is_shut.load(Ordering::SeqCst) {
            return Err(Error::Busy);
        }
        if self.state.is_ready.load(Ordering::SeqCst) {
            return Ok(());
        }
        // A load of nothing is answered when the writer has found out.
        let (done, mut loading) = watch::channel(Loaded::Waiting);
        let nothing = Load {
            shard: 0,
            since: 0,
            wants: Vec::new(),
            done,
        };
        self.queue.send(Message::Load(nothing)).await.map_err(|_| Error::Busy)?;
        answered(&mut loading).await
    }

    /// Whether an event is in the ledger, and then whether it is the same and what paid for it; waits while one of its key is under way.
    async fn find(&self, account: &Account, usage: &Usage, mut waits: bool) -> Result<Option<(bool, Pays)>> {
        let (org, key) = (account.org, usage.key());
        while waits {
            tokio::time::sleep(Duration::from_millis(1)).await;
            waits = self.state.shard(place(org)).under_way.contains(&(org, key));
        }
        let db = &mut self.state.db.read();
        let at = match usage.time() {
            Some(at) => Some(at),
            None => store::find_untimed(db, org, key).await?,
        };
        let Some(at) = at else {
            return Ok(None);
        };
        let found = store::find_digest(db, org, at, key).await?;
        Ok(found.map(|(digest, by_wallet)| {
            let pays = if by_wallet { Pays::Wallet } else { Pays::Allowance };
            (digest == usage.digest(account), pays)
        }))
    }

    #[cfg(test)]
    pub(super) fn database(&self) -> &Db {
        &self.state.db
    }
    /// Lets the next commit fail.
    #[cfg(test)]
    pub(super) fn fail_next_commit(&self, fate: crate::db::Fate) {
        *self.state.commit_fails.lock().unwrap_or_else(PoisonError::into_inner) = Some(fate);
    }
}

/// Under which beginnings reports sum an event, and its flag when that lies before the bucket that runs.
fn occurred(org: &OrgPlan, usage: &Usage) -> (super::Bounds, i64) {
    let Some(at) = usage.time() else {
        return (org.bucket.bounds(), 0);
    };
    (bounds_of(org, at), if at < org.bucket.start { LATE } else { 0 })
}

/// Under which beginnings an instant is summed; of the bucket that runs they are known.
fn bounds_of(org: &OrgPlan, at: Timestamp) -> super::Bounds {
    if org.bucket.contains(at) {
        org.bucket.bounds()
    } else {
        Bucket::of(&org.settings, at).bounds()
    }
}

fn booking(
    account: Account,
    (key, usage): (usage::Key, Usage),
    booked_at: Timestamp,
    bucket: Bucket,
    occurred: super::Bounds,
    flags: i64,
) -> Booking {
    let told = usage.time();
    Booking {
        account,
        key,
        digest: usage.digest(&account),
        at: told.unwrap_or(booked_at),
        untimed: told.is_none(),
        usage,
        occurred,
        booked_at,
        bucket,
        flags,
        reservation: None,
    }
}

/// Hands bookings to the writer, under the lock of their shard.
fn send(permit: Permit, shard: usize, bookings: Vec<(u64, Booking)>) -> oneshot::Receiver<Vec<Outcome>> {
    let (reply, replied) = reply();
    let items = bookings
        .into_iter()
        .map(|(seq, booking)| Item { shard, seq, booking })
        .collect();
    permit.send(Message::Book(items, reply));
    replied
}

/// Waits until the database has answered.
async fn answered(loading: &mut watch::Receiver<Loaded>) -> Result<()> {
    let loaded = loading.wait_for(|loaded| *loaded != Loaded::Waiting).await;
    match loaded.map(|loaded| *loaded) {
        Ok(Loaded::Done) => Ok(()),
        _ => Err(Error::Busy),
    }
}

/// The outcome of a request of one event.
async fn one(replied: oneshot::Receiver<Vec<Outcome>>) -> Result<Outcome> {
    let outcomes = replied.await.map_err(|_| Error::Busy)?;
    outcomes.first().copied().ok_or(Error::Busy)
}
