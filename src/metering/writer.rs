//! The writer: one task that commits whatever is queued in one transaction, and acknowledges after the commit.
//!
//! There is no timer: while a commit is under way the next ones queue up, so the batch grows with the load; before it begins, the processor
//! is left to those who share it and are about to ask, unless one alone has asked lately. Events are inserted with
//! "do nothing" and counted; only when the count differs is the transaction begun anew with a statement that says which were there.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Account, Bounds, Bucket, Outcome, ReservationId, Usage,
    counters::{Loaded, Subject},
    engine::State,
    names::Names,
    reply::{Replies, Reply},
    rollup::Sums,
    store::{self, Event},
    usage::Key,
};
use crate::{
    clock::Timestamp,
    db::{Authority, Engine, Fate, Lane, Packet, Tx},
    error::{Error, Result},
    ids::OrgId,
    limits::Window,
};

/// How many events a transaction holds at most.
const MOST: usize = 10_000;
/// How many counters are loaded beside them at most.
const MOST_LOADS: usize = 256;
/// How often the processor is left to others before a transaction, while they have nothing to book.
const PATIENCE: usize = 1;
/// The number of the right to decide.
pub(super) const AUTHORITY: i64 = 0x6d75_7374_6572_0001;
/// How long the writing connection is kept when nothing comes.
const KEPT: Duration = Duration::from_millis(2);
/// How long after another process was found to decide it is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// An event as it will be booked.
#[derive(Debug)]
pub(super) struct Booking {
    pub account: Account,
    pub usage: Usage,
    pub key: Key,
    pub digest: i64,
    /// When it happened, or when it came.
    pub at: Timestamp,
    /// Whether it came without a time.
    pub untimed: bool,
    /// Under which beginnings reports sum it.
    pub occurred: Bounds,
    /// By which instant limits count it.
    pub booked_at: Timestamp,
    /// The bucket of that instant.
    pub bucket: Bucket,
    pub flags: i64,
    /// What it settles.
    pub reservation: Option<ReservationId>,
}

/// A booking in the queue, with its place in the counters.
#[derive(Debug)]
pub(super) struct Item {
    pub shard: usize,
    pub seq: u64,
    pub booking: Booking,
}

/// A counter that the database is asked for.
#[derive(Debug)]
pub(super) struct Want {
    pub subject: Subject,
    pub window: Window,
    /// When that window began.
    pub start: Timestamp,
    /// When its buckets begin.
    pub starts: Arc<str>,
}

/// Counters that the database is asked for.
#[derive(Debug)]
pub(super) struct Load {
    pub shard: usize,
    pub since: u64,
    pub wants: Vec<Want>,
    pub done: watch::Sender<Loaded>,
}

/// What stands in the queue.
#[derive(Debug)]
pub(super) enum Message {
    /// Events of one request.
    Book(Vec<Item>, Reply),
    /// Counters.
    Load(Load),
    /// The end: what stands before it is worked off.
    Close(oneshot::Sender<()>),
}

/// What a transaction came to.
struct Done {
    outcomes: Vec<Outcome>,
    /// For each load, what each of its counters holds.
    sums: Vec<Vec<i64>>,
}

/// The task's own things.
pub(super) struct Writer {
    state: Arc<State>,
    queue: mpsc::Receiver<Message>,
    names: Names,
    authority: Option<Authority>,
    refused_at: Option<Instant>,
    has_horizon: bool,
    /// How many requests the transaction before had.
    last: usize,
    /// The writing connection, while several book and nobody else wants it.
    lane: Option<Lane>,
}

/// Which events are what: of twins, the first to come is booked.
struct Order {
    /// The places of all that are not twins of one before.
    firsts: Vec<usize>,
    /// For each, the place of the first of its twins.
    first_of: Vec<usize>,
}

impl Writer {
    pub fn new(state: Arc<State>, queue: mpsc::Receiver<Message>) -> Self {
        Self {
            state,
            queue,
            names: Names::default(),
            authority: None,
            refused_at: None,
            has_horizon: false,
            last: 0,
            lane: None,
        }
    }

    /// Works until it is told to stop, or nobody can tell it anything any more.
    pub async fn run(mut self) {
        let mut told = Vec::new();
        loop {
            // Whoever books alone waits for nobody.
            let is_alone = self.last <= 1 && self.queue.is_empty();
            let Some(first) = self.wait().await else { break };
            let (mut requests, mut loads) = (Vec::new(), Vec::new());
            let (mut events, mut next) = (0, Some(first));
            let mut patience = if is_alone { 0 } else { PATIENCE };
            while let Some(message) = next {
                match message {
                    Message::Book(items, reply) => {
                        events += items.len();
                        requests.push((items, reply));
                    }
                    Message::Load(load) => loads.push(load),
                    Message::Close(reply) => {
                        self.queue.close();
                        told.push(reply);
                    }
                }
                let has_room = events < MOST && loads.len() < MOST_LOADS;
                next = if has_room { self.next(&mut patience) } else { None };
            }
            self.last = requests.len();
            self.work(requests, loads).await;
        }
        self.lane = None;
        if let Some(authority) = self.authority.take() {
            authority.end().await;
        }
        for reply in told {
            let _ = reply.send(()); // whoever waited may have gone
        }
    }

    /// The next of the queue; the writing connection is given back when others want it, or nothing comes for a while.
    async fn wait(&mut self) -> Option<Message> {
        let Some(lane) = &self.lane else {
            return self.queue.recv().await;
        };
        tokio::select! {
            biased;
            () = lane.is_wanted() => {}
            message = self.queue.recv() => return message,
            () = tokio::time::sleep(KEPT) => {}
        }
        self.lane = None;
        self.queue.recv().await
    }

    /// What stands in the queue. When it is empty, the processor is left to whoever is about to ask, if it is theirs too: a transaction
    /// costs as much for one event as for fifty. Where nobody else wants the processor, that takes less than a microsecond.
    fn next(&mut self, patience: &mut usize) -> Option<Message> {
        loop {
            match self.queue.try_recv() {
                Ok(message) => return Some(message),
                Err(_) if *patience > 0 => {
                    *patience -= 1;
                    std::thread::yield_now();
                }
                Err(_) => return None,
            }
        }
    }

    async fn work(&mut self, requests: Vec<(Vec<Item>, Reply)>, loads: Vec<Load>) {
        let (mut items, mut waiting) = (Vec::new(), Vec::new());
        for (mine, reply) in requests {
            waiting.push((mine.len(), reply));
            items.extend(mine);
        }
        let outcomes = if self.is_ready().await {
            self.work_ready(&items, &loads).await
        } else {
            self.give_up(&items, &loads, None);
            vec![Outcome::Failed; items.len()]
        };
        let (mut outcomes, mut replies) = (outcomes.into_iter(), Replies::default());
        for (count, reply) in waiting {
            replies.add(reply, outcomes.by_ref().take(count).collect());
        }
        replies.send();
    }

    async fn work_ready(&mut self, items: &[Item], loads: &[Load]) -> Vec<Outcome> {
        match self.transact(items, loads).await {
            Ok(done) => {
                self.settle(items, &done.outcomes);
                for (load, sums) in loads.iter().zip(done.sums) {
                    let mut shard = self.state.shard(load.shard);
                    for (want, sum) in load.wants.iter().zip(sums) {
                        shard.load(want.subject, want.window, load.since, Some(sum));
                    }
                    drop(shard);
                    load.done.send_replace(Loaded::Done);
                }
                done.outcomes
            }
            // One event may be what the database does not take; the others must not suffer for it.
            Err((error @ (Error::Internal(_) | Error::Invalid { .. }), Fate::RolledBack))
                if items.len() + loads.len() > 1 =>
            {
                tracing::warn!(error = %error.inner(), "what was queued is booked one by one");
                let mut outcomes = Vec::with_capacity(items.len());
                for item in items {
                    outcomes.extend(Box::pin(self.work_ready(std::slice::from_ref(item), &[])).await);
                }
                for load in loads {
                    Box::pin(self.work_ready(&[], std::slice::from_ref(load))).await;
                }
                outcomes
            }
            Err((Error::Invalid { .. }, Fate::RolledBack)) if loads.is_empty() => {
                let outcomes = vec![Outcome::TooLarge; items.len()];
                self.settle(items, &outcomes);
                outcomes
            }
            Err((error, fate)) => {
                tracing::error!(error = %error.inner(), ?fate, events = items.len(), "usage was not booked");
                self.give_up(items, loads, Some(fate));
                vec![Outcome::Failed; items.len()]
            }
        }
    }

    /// Whether this process decides, and the disk has not failed it.
    async fn is_ready(&mut self) -> bool {
        if self.state.is_shut.load(Ordering::SeqCst) {
            return false;
        }
        if let Some(authority) = &mut self.authority {
            if authority.lasts().await {
                return true;
            }
            tracing::error!(
                "the connection that holds the right to decide is lost; everything is asked of the database again"
            );
            self.authority = None;
            self.state.is_ready.store(false, Ordering::SeqCst);
            self.state.forget();
        }
        if self.refused_at.is_some_and(|at| at.elapsed() < AGAIN) {
            return false;
        }
        match self.state.db.authority(AUTHORITY).await {
            Ok(Some(authority)) => self.authority = Some(authority),
            Ok(None) => {
                tracing::error!("another process decides about limits on this database; this one does not");
                self.refused_at = Some(Instant::now());
                return false;
            }
            Err(error) => {
                tracing::error!(error = %error.inner(), "the right to decide could not be asked for");
                return false;
            }
        }
        if !self.has_horizon {
            match store::find_latest(&mut self.state.db.read()).await {
                Ok(latest) => self.state.remember(latest),
                Err(error) => {
                    tracing::error!(error = %error.inner(), "the ledger cannot be read");
                    return false;
                }
            }
            self.has_horizon = true;
        }
        self.state.is_ready.store(true, Ordering::SeqCst);
        true
    }

    /// Lets memory follow what was committed.
    fn settle(&self, items: &[Item], outcomes: &[Outcome]) {
        for (item, outcome) in items.iter().zip(outcomes) {
            let booking = &item.booking;
            let mut shard = self.state.shard(item.shard);
            shard.under_way.remove(&(booking.account.org, booking.key));
            if *outcome == Outcome::Failed || *outcome == Outcome::TooLarge {
                shard.take_back(&booking.account, &booking.bucket, booking.usage.amount, item.seq);
                if let Some(id) = booking.reservation {
                    shard.reopen(id, Instant::now());
                }
                continue;
            }
            if *outcome != Outcome::Booked {
                shard.take_back(&booking.account, &booking.bucket, booking.usage.amount, item.seq);
            }
            if let Some(id) = booking.reservation {
                shard.end(id);
            }
        }
    }

    /// Lets memory forget what was not committed, or may not have been.
    fn give_up(&self, items: &[Item], loads: &[Load], fate: Option<Fate>) {
        match fate {
            None | Some(Fate::RolledBack) => self.settle(items, &vec![Outcome::Failed; items.len()]),
            Some(fate) => {
                if fate == Fate::Untrusted {
                    tracing::error!(
                        "The disk failed to keep what was written. Nothing more is booked until Muster is started again: only that shows what is on the disk."
                    );
                    self.state.is_shut.store(true, Ordering::SeqCst);
                }
                self.state.forget();
                for item in items {
                    let mut shard = self.state.shard(item.shard);
                    shard.under_way.remove(&(item.booking.account.org, item.booking.key));
                    if let Some(id) = item.booking.reservation {
                        shard.reopen(id, Instant::now());
                    }
                }
            }
        }
        for load in loads {
            let mut shard = self.state.shard(load.shard);
            for want in &load.wants {
                shard.load(want.subject, want.window, load.since, None);
            }
            drop(shard);
            load.done.send_replace(Loaded::Failed);
        }
    }

    async fn transact(&mut self, items: &[Item], loads: &[Load]) -> std::result::Result<Done, (Error, Fate)> {
        let whole = |error: Error| (error, Fate::RolledBack);
        if items.is_empty() {
            let sums = sums(&mut self.state.db.read(), items, &[], loads)
                .await
                .map_err(whole)?;
            return Ok(Done {
                outcomes: Vec::new(),
                sums,
            });
        }
        let packet = if loads.is_empty() {
            self.packet(items).map_err(whole)?
        } else {
            None
        };
        let is_known = match packet {
            Some((packet, order)) => match self.write_at_once(packet, order.firsts.len()).await? {
                Some(true) => {
                    let outcomes = order.outcomes(items, &HashMap::new());
                    let sums = Vec::new();
                    return Ok(Done { outcomes, sums });
                }
                // Some were there: once more, with the statement that says which.
                Some(false) => true,
                None => false,
            },
            None => false,
        };
        self.lane = None; // it has the connection that is needed now
        for is_told in [false, true].into_iter().skip(usize::from(is_known)) {
            let mut tx = self.state.db.write().await.map_err(whole)?;
            let filled = self.fill(&mut tx, items, is_told).await;
            let Some(outcomes) = filled.inspect_err(|_| self.names.forget()).map_err(whole)? else {
                self.names.forget();
                continue; // as above
            };
            let sums = sums(&mut tx, items, &outcomes, loads).await;
            let sums = sums.inspect_err(|_| self.names.forget()).map_err(whole)?;
            #[cfg(test)]
            if let Some(fate) = self.fails() {
                self.names.forget();
                return Err((Error::Busy, fate));
            }
            let committed = tx.commit_or_fate().await;
            committed.inspect_err(|_| self.names.forget())?;
            self.names.keep();
            return Ok(Done { outcomes, sums });
        }
        Err(whole(Error::Internal("events come and go".to_owned())))
    }

    /// Whether a test wants the commit to fail, and how.
    #[cfg(test)]
    fn fails(&self) -> Option<Fate> {
        self.state.commit_fails.lock().ok().and_then(|mut fails| fails.take())
    }

    /// All that events come to as one message, where nothing has to be asked for first: their words are known, each says when it
    /// happened, and a message takes them.
    fn packet(&self, items: &[Item]) -> Result<Option<(Packet, Order)>> {
        let is_short = items.len() <= store::MOST_AT_ONCE && !items.iter().any(|item| item.booking.untimed);
        if self.state.db.engine() != Engine::Sqlite || !is_short {
            return Ok(None);
        }
        let order = Order::of(items, |place| items[place].booking.at);
        let mut events = Vec::with_capacity(order.firsts.len());
        let mut added = Sums::default();
        for place in &order.firsts {
            let booking = &items[*place].booking;
            let Some(words) = self.names.known(booking.account.org, words(booking)) else {
                return Ok(None);
            };
            let event = event(booking, booking.at, words);
            added.add(&event, booking.bucket.bounds(), booking.occurred)?;
            events.push(event);
        }
        Ok(store::packet(events, &added)?.map(|packet| (packet, order)))
    }

    /// Writes and commits a packet of so many events. Whether all of them were new: nothing is written otherwise; none without a
    /// writing connection of our own.
    async fn write_at_once(
        &mut self,
        packet: Packet,
        events: usize,
    ) -> std::result::Result<Option<bool>, (Error, Fate)> {
        let whole = |error: Error| (error, Fate::RolledBack);
        let lane = match self.lane.take() {
            Some(lane) => Some(lane),
            None => self.state.db.lane().await.map_err(whole)?,
        };
        let Some(mut lane) = lane else { return Ok(None) };
        let written = lane.write(packet).await.map_err(whole)?;
        let is_new = written.first() == Some(&(events as u64));
        if is_new {
            #[cfg(test)]
            if let Some(fate) = self.fails() {
                return Err((Error::Busy, fate));
            }
            lane.commit().await?;
            self.lane = Some(lane).filter(|_| self.last > 1);
        } else {
            lane.roll_back().await.map_err(whole)?;
        }
        Ok(Some(is_new))
    }

    /// Writes events and sums; none when some events were there and the statement did not say which.
    async fn fill(&mut self, tx: &mut Tx, items: &[Item], is_told: bool) -> Result<Option<Vec<Outcome>>> {
        let times = times(tx, items).await?;
        let order = Order::of(items, |place| times[place]);
        let firsts = &order.firsts;
        let mut events = Vec::with_capacity(firsts.len());
        for place in firsts {
            let booking = &items[*place].booking;
            let mut ids = [None; 3];
            for (id, word) in ids.iter_mut().zip(words(booking)) {
                *id = self.names.find(tx, booking.account.org, word).await?;
            }
            events.push(event(booking, times[*place], ids));
        }
        self.names.store(tx).await?;
        let mut digests: HashMap<usize, i64> = HashMap::new();
        if is_told {
            let new = store::insert_told(tx, events.iter().cloned()).await?;
            let new: HashSet<(OrgId, Timestamp, Vec<u8>)> =
                new.into_iter().map(|one| (one.org_id, one.at, one.key)).collect();
            for place in firsts {
                let booking = &items[*place].booking;
                let (org, at, key) = (booking.account.org, times[*place], booking.key);
                if !new.contains(&(org, at, key.to_vec())) {
                    let found = store::find_digest(tx, org, at, key).await?;
                    digests.insert(*place, found.map_or(0, |(digest, _)| digest));
                }
            }
        } else if store::insert(tx, &events).await? != events.len() as u64 {
            return Ok(None);
        }
        let mut added = Sums::default();
        for (place, event) in firsts.iter().zip(&events) {
            if !digests.contains_key(place) {
                let booking = &items[*place].booking;
                added.add(event, booking.bucket.bounds(), booking.occurred)?;
            }
        }
        store::add(tx, &added).await?;
        Ok(Some(order.outcomes(items, &digests)))
    }
}

impl Order {
    /// Finds twins; `at` tells when each event happened.
    fn of(items: &[Item], at: impl Fn(usize) -> Timestamp) -> Self {
        let ident = |place: usize| {
            let booking = &items[place].booking;
            (booking.account.org, at(place), booking.key)
        };
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|place| ident(*place)); // stable: of twins, the first to come stands first
        let mut firsts: Vec<usize> = Vec::with_capacity(items.len());
        let mut first_of: Vec<usize> = (0..items.len()).collect();
        for place in order {
            match firsts.last() {
                Some(first) if ident(*first) == ident(place) => first_of[place] = *first,
                _ => firsts.push(place),
            }
        }
        Self { firsts, first_of }
    }

    /// What became of each, where some were in the ledger already, with these digests.
    fn outcomes(&self, items: &[Item], digests: &HashMap<usize, i64>) -> Vec<Outcome> {
        let outcome = |place: usize| {
            let (mine, first) = (items[place].booking.digest, self.first_of[place]);
            let there = digests.get(&first).copied();
            match there {
                None if first == place => Outcome::Booked,
                there if there.unwrap_or(items[first].booking.digest) == mine => Outcome::Duplicate,
                _ => Outcome::Conflict,
            }
        };
        (0..items.len()).map(outcome).collect()
    }
}

/// The words of an event: its activity, app and flow.
fn words(booking: &Booking) -> [Option<&Arc<str>>; 3] {
    let usage = &booking.usage;
    [usage.activity.as_ref(), usage.app.as_ref(), usage.flow.as_ref()]
}

fn event(booking: &Booking, at: Timestamp, [activity, app, flow]: [Option<i64>; 3]) -> Event {
    let (account, usage) = (&booking.account, &booking.usage);
    Event {
        org_id: account.org,
        at,
        key: booking.key.to_vec(),
        kind: usage.kind,
        member_id: account.member.map(|id| id.raw()),
        service_account_id: account.service_account,
        key_id: account.key,
        group_id: account.group.map(|id| id.raw()),
        activity,
        app,
        flow,
        amount: usage.amount,
        quantity: usage.quantity,
        unit_price: usage
            .unit_price
            .or(if account.by_wallet { None } else { account.price }),
        booked_at: booking.booked_at,
        reservation: booking.reservation.map(|id| id.bytes().to_vec()),
        digest: booking.digest,
        flags: booking.flags,
        pool_id: account.pool.filter(|_| !account.by_wallet).map(|id| id.raw()),
        allowance_id: account.allowance.filter(|_| !account.by_wallet),
        wallet: account.by_wallet,
    }
}

/// When each event happened: an event without a time has that of its first arrival.
async fn times(tx: &mut Tx, items: &[Item]) -> Result<Vec<Timestamp>> {
    let ident = |booking: &Booking| (booking.account.org, booking.key);
    let mut firsts: HashMap<(OrgId, Key), Timestamp> = HashMap::new();
    for item in items.iter().filter(|item| item.booking.untimed) {
        firsts.entry(ident(&item.booking)).or_insert(item.booking.at);
    }
    let rows: Vec<_> = firsts
        .iter()
        .map(|((org, key), at)| (*org, key.to_vec(), *at))
        .collect();
    // Nearly always all of them are new, which one statement finds out for all.
    if store::insert_untimed(tx, rows).await? != firsts.len() as u64 {
        for ((org, key), at) in &mut firsts {
            *at = store::find_untimed(tx, *org, *key).await?.unwrap_or(*at);
        }
    }
    let time = |booking: &Booking| firsts.get(&ident(booking)).copied().unwrap_or(booking.at);
    let at = |booking: &Booking| if booking.untimed { time(booking) } else { booking.at };
    Ok(items.iter().map(|item| at(&item.booking)).collect())
}

/// What the database knows of counters: everything that stood before them in the queue, and nothing that stood behind.
async fn sums(
    db: &mut impl crate::db::Read,
    items: &[Item],
    outcomes: &[Outcome],
    loads: &[Load],
) -> Result<Vec<Vec<i64>>> {
    let mut all = Vec::with_capacity(loads.len());
    for load in loads {
        let mut sums = Vec::with_capacity(load.wants.len());
        for want in &load.wants {
            let mut sum = store::spent(db, want.subject, want.window, &want.starts).await?;
            for (item, outcome) in items.iter().zip(outcomes) {
                let account = &item.booking.account;
                let is_behind = item.shard == load.shard && item.seq > load.since && *outcome == Outcome::Booked;
                if is_behind
                    && account.org == want.subject.org
                    && account
                        .subjects()
                        .any(|one| one == (want.subject.scope, want.subject.id))
                    && item.booking.bucket.window(want.window).start == want.start
                {
                    sum = sum.saturating_sub(item.booking.usage.amount);
                }
            }
            sums.push(sum);
        }
        all.push(sums);
    }
    Ok(all)
}
