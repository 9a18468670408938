//! Counters in memory: what each subject has spent in the windows that run, and what is held by open reservations.
//!
//! Everything of one organization stands in one shard under one lock, so that a decision over all its policies and what it takes are one
//! step. A counter is made empty when it is first needed, and from then on everything that is booked is added to it; what was booked
//! before is asked of the database by the writer, in the order of its queue, and added when it comes. So no event is missed or
//! counted twice, whatever is under way at that moment.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{
    Account, Bucket, Figure, Pays, Plan, ReservationId, Scope, calendar,
    reservations::{Reservation, State},
    usage::Key,
};
use crate::{
    hash::{Map, Set},
    ids::{MemberId, OrgId},
    limits::{Window, window::Span},
};

/// How long a subject that nobody asks about is kept.
const IDLE: Duration = Duration::from_secs(3_600);
/// How often a shard is looked through for those.
const SWEEP: Duration = Duration::from_secs(600);
/// How long an idempotency key is remembered, and how many a shard remembers.
const ASKED_FOR: Duration = Duration::from_secs(3_600);
const ASKED_MOST: usize = 65_536;
/// How many deadlines of reservations that have ended are kept in any case.
const DUE_SPARE: usize = 1_024;

/// What a counter counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    pub org: OrgId,
    pub scope: Scope,
    pub id: i64,
}

/// What became of asking the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    /// It has not answered yet.
    Waiting,
    /// It is in the counter.
    Done,
    /// It could not be asked.
    Failed,
}

#[derive(Debug)]
struct Counter {
    span: Span,
    spent: i64,
    /// Bookings with a higher number than this were added by memory, those before by the database.
    since: u64,
    /// While the database has not answered.
    loading: Option<watch::Receiver<Loaded>>,
}

#[derive(Debug)]
struct Entry {
    counters: [Option<Counter>; 4],
    /// What reservations hold, by the beginning of the bucket in which they were made.
    held: Vec<(i64, i64)>,
    used: Instant,
}

/// Who asks with an idempotency key.
pub(super) type Asker = (OrgId, Option<MemberId>, Option<i64>, Option<i64>, String);

/// What stands under an idempotency key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub id: ReservationId,
    pub amount: i64,
    pub expires_at: crate::clock::Timestamp,
    pub pays: Pays,
}

/// What a decision lacks.
#[derive(Debug)]
pub(super) enum Need {
    /// The plan's windows are over, or another calendar has been used since.
    Stale,
    /// These counters are not there.
    Load(Vec<(Subject, Window)>),
    /// The database has been asked by somebody else.
    Wait(watch::Receiver<Loaded>),
    /// A sum would leave what an integer holds.
    Overflow,
}

/// The counters and reservations of some organizations.
#[derive(Debug)]
pub(super) struct Shard {
    seq: u64,
    subjects: Map<Subject, Entry>,
    pub reservations: Map<ReservationId, Reservation>,
    due: BinaryHeap<Reverse<(Instant, ReservationId)>>,
    asked: HashMap<Asker, Asked>,
    asked_order: VecDeque<(Instant, Asker)>,
    /// Events that wait to be committed.
    pub under_way: Set<(OrgId, Key)>,
    swept: Instant,
}

fn subjects(account: &Account) -> impl Iterator<Item = Subject> + use<> {
    let org = account.org;
    account.subjects().map(move |(scope, id)| Subject { org, scope, id })
}

impl Shard {
    pub fn new(now: Instant) -> Self {
        Self {
            seq: 0,
            subjects: Map::default(),
            reservations: Map::default(),
            due: BinaryHeap::new(),
            asked: HashMap::new(),
            asked_order: VecDeque::new(),
            under_way: Set::default(),
            swept: now,
        }
    }

    /// Ends what is over by time and forgets what nobody asks about.
    pub fn tick(&mut self, now: Instant) {
        while let Some(Reverse((deadline, id))) = self.due.peek().copied() {
            if deadline > now {
                break;
            }
            self.due.pop();
            if self
                .reservations
                .get(&id)
                .is_some_and(|found| found.state == State::Open)
            {
                self.end(id);
            }
        }
        while let Some((made, _)) = self.asked_order.front() {
            if now.duration_since(*made) < ASKED_FOR && self.asked_order.len() <= ASKED_MOST {
                break;
            }
            if let Some((_, asker)) = self.asked_order.pop_front() {
                self.asked.remove(&asker);
            }
        }
        if now.duration_since(self.swept) > SWEEP {
            self.swept = now;
            // A subject that comes back is asked of the database again, behind whatever waits to be committed.
            self.subjects
                .retain(|_, entry| !entry.held.is_empty() || now.duration_since(entry.used) < IDLE);
            self.subjects.shrink_to_fit();
        }
    }

    /// The next number of a booking or a load.
    pub fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// How the policies of a plan stand, or what is lacking to say so; the plan's bucket holds the present instant.
    pub fn figures(&mut self, plan: &Plan, now: Instant) -> Result<Vec<Figure>, Need> {
        let bucket = &plan.org.bucket;
        let (mut figures, mut missing) = (Vec::with_capacity(plan.policies.len() + 1), Vec::new());
        for policy in plan.all() {
            let subject = Subject {
                org: plan.account.org,
                scope: policy.scope,
                id: policy.scope_id,
            };
            let span = bucket.window(policy.window);
            let Some(entry) = self.subjects.get_mut(&subject) else {
                missing.push((subject, policy.window));
                continue;
            };
            entry.used = now;
            let reserved = entry.reserved(span);
            let slot = &mut entry.counters[calendar::place(policy.window)];
            roll(slot, span);
            match slot {
                None => missing.push((subject, policy.window)),
                Some(counter) if counter.span.start > span.start => return Err(Need::Stale),
                Some(counter) => {
                    counter.span = span; // a change of zone may have brought the end nearer
                    if let Some(loading) = &counter.loading {
                        return Err(Need::Wait(loading.clone()));
                    }
                    figures.push(Figure {
                        spent: counter.spent,
                        reserved: reserved.ok_or(Need::Overflow)?,
                    });
                }
            }
        }
        if missing.is_empty() {
            Ok(figures)
        } else {
            missing.sort_unstable_by_key(|(subject, window)| (subject.scope, subject.id, *window));
            missing.dedup();
            Err(Need::Load(missing))
        }
    }

    /// Makes empty counters for what [`Need::Load`] named, under the number that the load has.
    pub fn make(
        &mut self,
        list: &[(Subject, Window)],
        bucket: &Bucket,
        loading: &watch::Receiver<Loaded>,
        now: Instant,
    ) -> u64 {
        let since = self.next();
        for (subject, window) in list {
            let entry = self.subjects.entry(*subject).or_insert_with(|| Entry::new(now));
            entry.counters[calendar::place(*window)] = Some(Counter {
                span: bucket.window(*window),
                spent: 0,
                since,
                loading: Some(loading.clone()),
            });
        }
        since
    }

    /// Adds what the database knew of a counter, or takes the counter away when it could not be asked.
    pub fn load(&mut self, subject: Subject, window: Window, since: u64, sum: Option<i64>) {
        let Some(entry) = self.subjects.get_mut(&subject) else {
            return;
        };
        let slot = &mut entry.counters[calendar::place(window)];
        let Some(counter) = slot.as_mut().filter(|counter| counter.since == since) else {
            return;
        };
        match sum.and_then(|sum| counter.spent.checked_add(sum)) {
            Some(spent) => {
                counter.spent = spent;
                counter.loading = None;
            }
            None => *slot = None,
        }
    }

    /// Adds a booking to every counter that is there, and gives its number; none when a sum would overflow, and nothing is added then.
    pub fn book(&mut self, account: &Account, bucket: &Bucket, amount: i64, now: Instant) -> Option<u64> {
        let concerned = |counter: &Counter, window: Window| counter.span.start <= bucket.window(window).start;
        for subject in subjects(account) {
            let Some(entry) = self.subjects.get(&subject) else {
                continue;
            };
            for window in Window::ALL {
                let counter = entry.counters[calendar::place(window)].as_ref();
                if let Some(counter) = counter.filter(|counter| concerned(counter, window)) {
                    counter.spent.checked_add(amount)?;
                }
            }
        }
        for subject in subjects(account) {
            let Some(entry) = self.subjects.get_mut(&subject) else {
                continue;
            };
            entry.used = now;
            for window in Window::ALL {
                let slot = &mut entry.counters[calendar::place(window)];
                let span = bucket.window(window);
                roll(slot, span);
                if let Some(counter) = slot.as_mut().filter(|counter| counter.span.start == span.start) {
                    counter.spent += amount;
                }
            }
        }
        Some(self.next())
    }

    /// Takes a booking back that was not committed, or was there already.
    pub fn take_back(&mut self, account: &Account, bucket: &Bucket, amount: i64, seq: u64) {
        for subject in subjects(account) {
            let Some(entry) = self.subjects.get_mut(&subject) else {
                continue;
            };
            for window in Window::ALL {
                let slot = &mut entry.counters[calendar::place(window)];
                let start = bucket.window(window).start;
                if let Some(counter) = slot.as_mut().filter(|one| one.span.start == start && one.since < seq) {
                    counter.spent = counter.spent.saturating_sub(amount);
                }
            }
        }
    }

    /// Forgets what was spent, to ask the database again: what it holds is not known any more.
    pub fn forget(&mut self) {
        for entry in self.subjects.values_mut() {
            entry.counters = [const { None }; 4];
        }
    }

    /// Lets a reservation hold its amount.
    pub fn open(&mut self, id: ReservationId, reservation: Reservation, now: Instant) {
        self.hold(&reservation, reservation.holds, now);
        self.forget_deadlines();
        self.due.push(Reverse((reservation.deadline, id)));
        if let Some(asked_as) = &reservation.asked_as {
            let asker = asker(&reservation.account, asked_as);
            self.asked_order.push_back((now, asker.clone()));
            self.asked.insert(
                asker,
                Asked {
                    id,
                    amount: reservation.amount,
                    expires_at: reservation.expires_at,
                    pays: reservation.account.pays(),
                },
            );
        }
        self.reservations.insert(id, reservation);
    }

    /// Nearly all reservations end long before their time, and their deadlines would pile up until then.
    fn forget_deadlines(&mut self) {
        if self.due.len() > 2 * self.reservations.len() + DUE_SPARE {
            let open = self.reservations.iter();
            self.due = open.map(|(id, one)| Reverse((one.deadline, *id))).collect();
        }
    }

    /// What stands under an idempotency key of a caller.
    pub fn asked(&self, account: &Account, key: &str) -> Option<Asked> {
        self.asked.get(&asker(account, key)).copied()
    }

    /// Ends an open reservation and lets go of its amount.
    pub fn end(&mut self, id: ReservationId) -> Option<Reservation> {
        let reservation = self.reservations.remove(&id)?;
        self.hold(&reservation, -reservation.holds, reservation.deadline);
        Some(reservation)
    }

    /// Turns what a reservation holds into a booking of `used` that waits. What is left of it is held until the booking is committed, so
    /// that a commit that fails finds room to hold all of it again.
    pub fn settling(&mut self, id: ReservationId, used: i64, now: Instant) {
        let Some(mut reservation) = self.reservations.remove(&id) else {
            return;
        };
        let turned = used.clamp(0, reservation.holds);
        self.hold(&reservation, -turned, now);
        reservation.holds -= turned;
        reservation.state = State::Settling;
        self.reservations.insert(id, reservation);
    }

    /// Lets a reservation hold its amount again whose settlement was not committed; one whose time is over ends.
    pub fn reopen(&mut self, id: ReservationId, now: Instant) {
        let Some(mut reservation) = self.reservations.remove(&id) else {
            return;
        };
        let is_over = reservation.deadline <= now;
        let holds = if is_over { 0 } else { reservation.amount };
        self.hold(&reservation, holds - reservation.holds, now);
        if !is_over {
            reservation.holds = holds;
            reservation.state = State::Open;
            self.due.push(Reverse((reservation.deadline, id)));
            self.reservations.insert(id, reservation);
        }
    }

    /// Adds to what is held by everything that a reservation is charged to; below zero, takes away.
    fn hold(&mut self, reservation: &Reservation, more: i64, now: Instant) {
        let bucket = reservation.bucket.start.micros();
        for subject in subjects(&reservation.account) {
            let entry = self.subjects.entry(subject).or_insert_with(|| Entry::new(now));
            match entry.held.iter_mut().find(|(start, _)| *start == bucket) {
                Some((_, amount)) => *amount = amount.saturating_add(more),
                None => entry.held.push((bucket, more)),
            }
            entry.held.retain(|(_, amount)| *amount != 0);
        }
    }

    /// What reservations hold of one subject.
    pub fn held_by(&self, org: OrgId, scope: Scope, id: i64) -> i64 {
        let entry = self.subjects.get(&Subject { org, scope, id });
        entry.map_or(0, |entry| entry.held.iter().map(|(_, amount)| *amount).sum())
    }

    /// What reservations of an organization hold of allowances, by allowance.
    pub fn held_of_allowances(&self, org: OrgId) -> HashMap<i64, i64> {
        let mut held = HashMap::new();
        let all = self.reservations.values().filter(|one| one.account.org == org);
        for one in all.filter(|one| !one.account.by_wallet) {
            if let Some(allowance) = one.account.allowance {
                // What is being settled is held as well until it is in the ledger.
                let sum: &mut i64 = held.entry(allowance).or_default();
                *sum = sum.saturating_add(one.amount);
            }
        }
        held
    }

    /// Who is charged for what was really used of a reservation. A wallet never pays more than is in it: what comes to more counts for the
    /// member's limits, as whatever is found out late.
    pub fn settles(&self, reservation: &Reservation, used: i64) -> Account {
        let is_covered = used <= reservation.amount || self.wallet_has_room(reservation, used);
        let pays = if is_covered {
            reservation.account.pays()
        } else {
            Pays::Allowance
        };
        reservation.account.paid(pays)
    }

    /// Whether a wallet has room for what a reservation of it comes to, besides everything else that it pays or holds.
    fn wallet_has_room(&self, reservation: &Reservation, used: i64) -> bool {
        let Some(member) = reservation.account.member else {
            return false;
        };
        let subject = Subject {
            org: reservation.account.org,
            scope: Scope::Wallet,
            id: member.raw(),
        };
        let Some(entry) = self.subjects.get(&subject) else {
            return false;
        };
        let counter = entry.counters[calendar::place(Window::Total)].as_ref();
        let Some(counter) = counter.filter(|counter| counter.loading.is_none()) else {
            return false;
        };
        let held: i64 = entry.held.iter().map(|(_, amount)| *amount).sum();
        let others = held.saturating_sub(reservation.holds);
        let with = counter
            .spent
            .checked_add(others)
            .and_then(|with| with.checked_add(used));
        with.is_some_and(|with| with <= reservation.wallet)
    }

    /// What all reservations hold of an organization.
    pub fn held(&self, org: OrgId) -> i64 {
        let all = self.reservations.values();
        all.filter(|one| one.account.org == org).map(|one| one.holds).sum()
    }
}

fn asker(account: &Account, key: &str) -> Asker {
    (
        account.org,
        account.member,
        account.service_account,
        account.key,
        key.to_owned(),
    )
}

/// Begins a counter's next window. While it waits for the database, it is asked for anew.
fn roll(slot: &mut Option<Counter>, span: Span) {
    let Some(counter) = slot.as_mut().filter(|counter| counter.span.start < span.start) else {
        return;
    };
    if counter.loading.is_some() {
        *slot = None;
        return;
    }
    counter.span = span;
    counter.spent = 0;
}

impl Entry {
    const fn new(now: Instant) -> Self {
        Self {
            counters: [const { None }; 4],
            held: Vec::new(),
            used: now,
        }
    }
    fn reserved(&self, span: Span) -> Option<i64> {
        self.held
            .iter()
            .filter(|(start, _)| span.contains(crate::clock::Timestamp::from_micros(*start)))
            .try_fold(0_i64, |sum, (_, amount)| sum.checked_add(*amount))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::{Timestamp, Zone},
        limits::{
            Settings,
            amount::Unit,
            settings::Conflict,
            window::{Calendar, Rules},
        },
        metering::{OrgPlan, Origin},
    };

    #[test]
    fn deadlines_of_reservations_that_have_ended_do_not_pile_up() {
        let (now, at) = (Instant::now(), Timestamp::from_secs(1_795_251_600));
        let settings = Settings {
            unit: Unit::Credit,
            currency: "USD".to_owned(),
            conflict: Conflict::Highest,
            calendar: Calendar::of(Rules::of(Zone::find_or_utc("UTC"))),
            version: 0,
        };
        let org = OrgId::from_raw(1);
        let plan = OrgPlan::at(org, Arc::new(settings), at);
        let reservation = |later: u64| Reservation {
            account: Account::member(org, MemberId::from_raw(1)),
            amount: 5,
            holds: 5,
            admitted_at: at,
            bucket: plan.bucket,
            deadline: now + Duration::from_secs(later),
            expires_at: at.plus(Duration::from_secs(later)),
            state: State::Open,
            over_soft: false,
            wallet: 0,
            asked_as: None,
            origin: Origin::default(),
        };
        let mut shard = Shard::new(now);
        let stays = ReservationId::new(at);
        shard.open(stays, reservation(60), now);
        for _ in 0..10 * DUE_SPARE {
            let id = ReservationId::new(at);
            shard.open(id, reservation(3_600), now);
            shard.end(id);
        }
        assert!(shard.due.len() <= DUE_SPARE + 4, "{} deadlines", shard.due.len());
        assert_eq!(shard.held(org), 5, "what is open is still held");
        shard.tick(now + Duration::from_secs(61));
        assert_eq!(
            (shard.held(org), shard.reservations.len()),
            (0, 0),
            "and ends at its time"
        );
    }
}
