//! The gate itself: callers that are kept while nothing changes, and decisions that the engine carries out.

use std::{
    hash::BuildHasher as _,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    caller::{Ask, Caller, Principal, Who},
    decide::{self, Denial, LimitState, Reason, Verdict},
    holder::{self, Holder},
    load, store,
    uses::Uses,
};
use crate::{
    audit::{self, Actor},
    clock::Timestamp,
    db::{self, Db, Generation},
    error::{Error, Result},
    hash::{Map, RandomState, Set},
    ids::{GroupId, KeyId, MemberId, OrgId, RoleId},
    metering::{
        Account, Answer, Engine, Figure, GONE, Held, Hold, OrgPlan, Outcome, Pays, Reported, ReservationId, Settled,
        Settlement, Usage,
    },
    roles,
};

const SHARDS: usize = 16;
/// How many callers a shard keeps; one that is full forgets all of them, which costs each a few reads.
const MOST: usize = 8_192;
/// How often the record is asked whether another process has changed something, for each organization that is in use.
const LOOK: Duration = Duration::from_secs(1);
/// How long what is taken out of a wallet by hand is held beside it: longer than a decision takes that knows nothing of it yet.
const MOMENT: Duration = Duration::from_secs(2);
/// How often a plan is made anew before the gate gives up.
const TRIES: usize = 5;

type Name = (OrgId, Principal, Option<i64>);

struct Kept {
    caller: Arc<Caller>,
    generation: Generation,
}

/// What came of withholding an amount of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Nobody spends from it.
    Free,
    /// It is held for a moment.
    Held(ReservationId),
    /// Others are spending it.
    Used,
}

struct KeptHolder {
    holder: Arc<Holder>,
    generation: Generation,
}

struct KeptOrg {
    plan: Arc<OrgPlan>,
    generation: Generation,
}

/// What was last seen of an organization's record.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    numbers: (i64, i64),
}

struct Inner {
    db: Db,
    engine: Engine,
    hasher: RandomState,
    callers: Vec<Mutex<Map<Name, Kept>>>,
    holders: Vec<Mutex<Map<[u8; 32], KeptHolder>>>,
    orgs: Mutex<Map<OrgId, KeptOrg>>,
    seen: Mutex<Map<OrgId, Seen>>,
    uses: Uses,
    spenders: Mutex<Set<(OrgId, Principal)>>,
    allowed: AtomicU64,
    refused: [AtomicU64; Reason::KEYS.len()],
}

/// Whom a settlement charges: somebody who was named, or whoever the reservation is known to be for.
#[derive(Debug, Clone)]
pub enum Charged {
    /// Somebody who was named.
    Who(Who),
    /// Whoever the reservation is for.
    Account(Account),
}

impl Charged {
    fn org(&self) -> OrgId {
        match self {
            Self::Who(who) => who.org,
            Self::Account(account) => account.org,
        }
    }
}

/// Decides who may do what at which cost; cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

/// What was granted, with the verdict that grants it.
#[derive(Debug, Clone)]
pub struct Granted<T> {
    /// The verdict.
    pub verdict: Verdict,
    /// What was done; none when it was refused.
    pub done: Option<T>,
    /// Who it was done for; none when it was refused.
    pub caller: Option<Arc<Caller>>,
}

/// Somebody with what was known of them just now.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who it is.
    pub who: Who,
    /// What the gate knows of them.
    pub caller: Arc<Caller>,
}

/// What a decision came to, before it is put into words.
enum Carried<T> {
    Granted {
        caller: Arc<Caller>,
        figures: Vec<Figure>,
        over: Vec<usize>,
        pays: Pays,
        done: T,
    },
    Denied(Box<Denial>),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    /// A gate over a database and its engine.
    pub fn new(db: Db, engine: Engine) -> Self {
        Self(Arc::new(Inner {
            db,
            engine,
            hasher: RandomState::default(),
            callers: (0..SHARDS).map(|_| Mutex::default()).collect(),
            holders: (0..SHARDS).map(|_| Mutex::default()).collect(),
            orgs: Mutex::default(),
            seen: Mutex::default(),
            uses: Uses::default(),
            spenders: Mutex::default(),
            allowed: AtomicU64::default(),
            refused: Default::default(),
        }))
    }

    /// Whoever holds the key with this hash, as of now; none when it is unknown or does not work.
    pub async fn holder(&self, hash: [u8; 32]) -> Result<Option<Arc<Holder>>> {
        let now = self.0.engine.now();
        let kept = self
            .holders(&hash)
            .get(&hash)
            .map(|kept| (Arc::clone(&kept.holder), kept.generation));
        if let Some((holder, generation)) = kept {
            let org = holder.bearer.org;
            self.look(org).await?;
            if db::generation(org.raw()) == generation && holder.changes_at.is_none_or(|at| now < at) {
                return Ok(Some(holder));
            }
        }
        // What is seldom done stands in a box of its own, so that what is done thousands of times a second moves little memory; the box is
        // named, because what it was made of lives on to the end of its statement.
        let reading = Box::pin(self.read_holder(hash, now));
        reading.await
    }

    async fn read_holder(&self, hash: [u8; 32], now: Timestamp) -> Result<Option<Arc<Holder>>> {
        let Some(found) = holder::find(&self.0.db, hash, now).await? else {
            self.holders(&hash).remove(&hash);
            return Ok(None);
        };
        // Only a reading that is younger than the generation may be kept, and whose it is shows the first one.
        self.look(found.bearer.org).await?;
        let generation = db::generation(found.bearer.org.raw());
        let Some(found) = holder::find(&self.0.db, hash, now).await? else {
            return Ok(None);
        };
        let holder = Arc::new(found);
        let mut shard = self.holders(&hash);
        if shard.len() >= MOST {
            shard.clear();
        }
        let kept = KeptHolder {
            holder: Arc::clone(&holder),
            generation,
        };
        shard.insert(hash, kept);
        Ok(Some(holder))
    }

    fn holders(&self, hash: &[u8; 32]) -> MutexGuard<'_, Map<[u8; 32], KeptHolder>> {
        locked(&self.0.holders[usize::from(hash[0]) % SHARDS])
    }

    /// Whoever holds the key with this id, for those who name a key without having it.
    pub async fn holder_of(&self, key: KeyId) -> Result<Option<Arc<Holder>>> {
        match holder::hash_of(&self.0.db, key).await? {
            Some(hash) => self.holder(hash).await,
            None => Ok(None),
        }
    }

    /// The groups of a member that count now.
    pub async fn groups_of(&self, org: OrgId, member: MemberId) -> Result<Vec<GroupId>> {
        let now = self.0.engine.now();
        let all = store::list_belongings(&mut self.0.db.read(), org, member).await?;
        let live = all.into_iter().filter(|one| one.is_live(now));
        Ok(live.map(|one| one.group_id).collect())
    }

    /// The features of a member who comes without a key, as headers have them.
    pub async fn features_of(&self, org: OrgId, member: MemberId) -> Result<String> {
        let who = Who {
            org,
            principal: Principal::Member(member),
            key: None,
        };
        let found = self.caller(&who).await?;
        Ok(found.map_or_else(String::new, |caller| {
            holder::encoded(
                caller
                    .features
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str())),
            )
        }))
    }

    /// The custom roles of a member, by id.
    pub async fn roles_of(&self, org: OrgId, member: MemberId) -> Result<Vec<RoleId>> {
        let held = roles::held_by(&mut self.0.db.read(), org, member).await?;
        Ok(held.into_iter().map(|role| role.id).collect())
    }

    /// Notes that somebody has spent something, for alerts.
    fn spent(&self, account: &Account) {
        let group = account.group.map(Principal::Group);
        let user = match (account.member, account.service_account) {
            (Some(member), _) => Some(Principal::Member(member)),
            (None, service) => service.map(Principal::ServiceAccount),
        };
        let all = user.into_iter().chain(group);
        locked(&self.0.spenders).extend(all.map(|one| (account.org, one)));
    }

    /// How often it was decided since the start: to allow (none), and to refuse by each reason.
    pub fn decisions(&self) -> impl Iterator<Item = (Option<&'static str>, u64)> {
        let refused = Reason::KEYS.into_iter().map(Some).zip(&self.0.refused);
        let all = std::iter::once((None, &self.0.allowed)).chain(refused);
        all.map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }

    fn count(&self, denial: Option<&Denial>) {
        let counter = match denial {
            None => &self.0.allowed,
            Some(denial) => {
                let place = Reason::KEYS.iter().position(|key| *key == denial.reason.key());
                &self.0.refused[place.unwrap_or(Reason::KEYS.len() - 1)]
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Who has spent something since the last time, and the groups that it is put down to.
    pub fn take_spenders(&self) -> Vec<(OrgId, Principal)> {
        std::mem::take(&mut *locked(&self.0.spenders)).into_iter().collect()
    }

    /// Gives back whom nobody has looked at.
    pub fn note_spenders(&self, spenders: Vec<(OrgId, Principal)>) {
        locked(&self.0.spenders).extend(spenders);
    }

    /// Lets whoever holds a key come in, who was found just now: steps 1 to 9 for asking anything at all.
    pub async fn come_in(
        &self,
        holder: &Holder,
        ip: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Result<Arc<Caller>, Box<Denial>>> {
        let ask = Ask { ip, ..Ask::default() };
        let found = self.caller_at(&holder.who(), now).await?;
        admitted(found, &ask, now)
    }

    /// Notes that a key was used by whoever holds it.
    pub fn note(&self, holder: &Holder, ip: Option<IpAddr>, now: Timestamp) {
        let bearer = &holder.bearer;
        self.0.uses.note_key(bearer.key, now, ip);
        if let Some(owner) = bearer.owner.as_ref().filter(|owner| owner.context_at.is_none()) {
            self.0.uses.note_first(bearer.org, owner.member);
        }
    }

    /// Notes that something was authorized for somebody, whoever asked: their key was used, and a member's first call provisions the
    /// private context (C-14). What is kept of the caller says whether it is there, so nothing is asked of the database.
    pub fn note_authorized(&self, who: &Who, ip: Option<IpAddr>) {
        self.note_authorized_at(who, ip, self.0.engine.now());
    }

    /// The same of somebody who was found just now.
    pub fn note_authorized_of(&self, who: &Who, caller: &Caller, ip: Option<IpAddr>) {
        if let Some(key) = &who.key {
            self.0.uses.note_key(KeyId::from_raw(key.id), self.0.engine.now(), ip);
        }
        if let (Principal::Member(member), true) = (who.principal, caller.lacks_context) {
            self.0.uses.note_first(who.org, member);
        }
    }

    /// The same of something that is told later than it happened.
    pub fn note_authorized_at(&self, who: &Who, ip: Option<IpAddr>, at: Timestamp) {
        if let Some(key) = &who.key {
            self.0.uses.note_key(KeyId::from_raw(key.id), at, ip);
        }
        let Principal::Member(member) = who.principal else {
            return;
        };
        let name = name(who);
        let lacks_context = self
            .shard(&name)
            .get(&name)
            .is_some_and(|kept| kept.caller.lacks_context);
        if lacks_context {
            self.0.uses.note_first(who.org, member);
        }
    }

    /// Writes down which keys were used since the last time.
    pub async fn save_uses(&self, by: &Actor) -> Result<()> {
        self.0.uses.save(&self.0.db, by, self.0.engine.now()).await
    }

    /// Steps 1 to 9 alone: who may come in at all; how much is left is not asked.
    pub async fn admit(&self, who: &Who, ask: &Ask) -> Result<Result<Arc<Caller>, Box<Denial>>> {
        let found = self.caller(who).await?;
        admitted(found, ask, self.0.engine.now())
    }

    /// How every limit of somebody stands, whoever may come in or not.
    pub async fn quota(&self, who: &Who) -> Result<Option<(Arc<Caller>, Vec<LimitState>)>> {
        for _ in 0..TRIES {
            let Some(caller) = self.caller(who).await? else {
                return Ok(None);
            };
            match self.0.engine.check(&caller.plan, 0).await? {
                Answer::Granted { figures, .. } | Answer::Refused { figures, .. } => {
                    let limits = decide::states(&caller.plan, &figures);
                    return Ok(Some((caller, limits)));
                }
                Answer::Stale => self.drop_caller(who),
            }
        }
        Err(Error::Busy)
    }

    /// Decides, and holds or books nothing.
    pub async fn check(&self, who: &Who, ask: &Ask) -> Result<Verdict> {
        let engine = &self.0.engine;
        self.granted(who, ask, async |caller| engine.check(&caller.plan, ask.cost).await)
            .await
            .map(|granted| granted.verdict)
    }

    /// The same about somebody who was found just now: what pays, or why not. How the limits stand is told of a refusal alone.
    pub async fn check_known(&self, known: &Known, ask: &Ask) -> Result<Result<Pays, Box<Denial>>> {
        let (engine, first) = (&self.0.engine, Some(Arc::clone(&known.caller)));
        let check = async |caller: Arc<Caller>| engine.check(&caller.plan, ask.cost).await;
        Ok(match self.carry_out(&known.who, first, ask, check).await? {
            Carried::Granted { pays, .. } => Ok(pays),
            Carried::Denied(denial) => Err(denial),
        })
    }

    /// Decides, and holds an amount for whoever is let in.
    pub async fn reserve(&self, who: &Who, ask: &Ask, hold: &Hold) -> Result<Granted<Held>> {
        let engine = &self.0.engine;
        self.granted(who, ask, async |caller| engine.reserve(&caller.plan, hold).await)
            .await
    }

    /// Decides, and books usage whose amount is known.
    pub async fn record(&self, who: &Who, ask: &Ask, usage: &Usage) -> Result<Granted<Outcome>> {
        let engine = &self.0.engine;
        let granted = self
            .granted(who, ask, async |caller| engine.record(&caller.plan, usage).await)
            .await?;
        if granted.done.is_some() {
            self.spent(&who.account());
        }
        Ok(granted)
    }

    /// Books what was really used of a reservation. Whoever held it may settle it whatever has become of them since: it was spent.
    pub async fn settle(&self, who: &Who, id: ReservationId, settlement: &Settlement) -> Result<Outcome> {
        let settled = self.settle_for(&Charged::Who(who.clone()), id, settlement).await?;
        Ok(settled.outcome)
    }

    /// The same for whoever is charged, with what was used beyond the reservation.
    pub async fn settle_for(&self, charged: &Charged, id: ReservationId, settlement: &Settlement) -> Result<Settled> {
        for _ in 0..TRIES {
            let org = self.org(charged.org()).await?;
            let account = match charged {
                Charged::Who(who) => match self.caller(who).await? {
                    Some(caller) => caller.plan.account,
                    None => who.account(),
                },
                Charged::Account(account) => *account,
            };
            if let Some(settled) = self.0.engine.settle(&org, &account, id, settlement).await? {
                self.spent(&account);
                return Ok(settled);
            }
        }
        Err(Error::Busy)
    }

    /// Whom a reservation charges, for the key that asked for it or holds it itself. Of one that is settled the ledger knows it, so that
    /// a repetition finds it; of one that is over by its time nobody does.
    pub async fn charged(&self, org: OrgId, key: i64, id: ReservationId) -> Result<Option<Account>> {
        match self.0.engine.reservation(org, id) {
            Some((account, by)) => Ok((by == Some(key) || account.key == Some(key)).then_some(account)),
            None => {
                let asking = Box::pin(self.0.engine.settled(org, id));
                asking.await
            }
        }
    }

    /// Lets go of a reservation for the key that asked for it or holds it itself.
    pub fn release_own(&self, org: OrgId, key: i64, id: ReservationId) -> Result<()> {
        match self.0.engine.reservation(org, id) {
            Some((account, by)) if by == Some(key) || account.key == Some(key) => self.0.engine.release(&account, id),
            Some(_) => Err(Error::NotFound),
            None => Err(Error::Gone(GONE.to_owned())),
        }
    }

    /// Holds so much of a member's wallet for a moment, in which it is taken out by hand; whether it was free. Where wallets do not pay,
    /// nobody else can take it.
    pub async fn withhold(&self, org: OrgId, member: MemberId, amount: i64) -> Result<Withheld> {
        let who = Who {
            org,
            principal: Principal::Member(member),
            key: None,
        };
        for _ in 0..TRIES {
            let Some(caller) = self.caller(&who).await? else {
                return Ok(Withheld::Free);
            };
            if caller.plan.wallet.is_none() {
                return Ok(Withheld::Free);
            }
            match self.0.engine.withhold(&caller.plan, amount, MOMENT).await? {
                Answer::Granted { done, .. } => return Ok(Withheld::Held(done)),
                Answer::Refused { .. } => return Ok(Withheld::Used),
                Answer::Stale => self.drop_caller(&who),
            }
        }
        Err(Error::Busy)
    }

    /// Lets go at once of what was withheld of a member's wallet and is not taken out after all.
    pub fn give_back(&self, org: OrgId, member: MemberId, withheld: &Withheld) {
        if let Withheld::Held(id) = withheld {
            // What is gone by now needs no letting go of.
            let _ = self.0.engine.release(&Account::member(org, member), *id);
        }
    }

    /// Lets go of a reservation of which nothing was used.
    pub fn release(&self, who: &Who, id: ReservationId) -> Result<()> {
        self.0.engine.release(&who.account(), id)
    }

    /// Books what has happened already, of one organization: one outcome for each event, or why it could not be booked.
    pub async fn report(&self, org: OrgId, events: Vec<(Who, Usage)>) -> Result<Vec<Result<Outcome>>> {
        let (mut charged, mut known) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        for (who, usage) in events {
            let caller = if who.org == org { self.caller(&who).await? } else { None };
            known.push(caller.is_some());
            charged.extend(caller.map(|caller| (caller.plan.account, usage)));
        }
        let mut outcomes = self.report_charged(org, charged).await?.into_iter();
        let outcome = |is_known: bool| {
            let booked = if is_known { outcomes.next() } else { None };
            booked.unwrap_or(Err(Error::NotFound))
        };
        Ok(known.into_iter().map(outcome).collect())
    }

    /// The same for whoever knows already who is charged.
    pub async fn report_charged(&self, org: OrgId, mut events: Vec<(Account, Usage)>) -> Result<Vec<Result<Outcome>>> {
        let accounts: Vec<Account> = events.iter().map(|(account, _)| *account).collect();
        for _ in 0..TRIES {
            let plan = self.org(org).await?;
            match self.0.engine.report(&plan, events).await? {
                Reported::Done(outcomes) => {
                    // After it is booked: who is looked at before would be seen without it, and not be looked at again.
                    for account in &accounts {
                        self.spent(account);
                    }
                    return Ok(outcomes);
                }
                Reported::Stale(back) => events = back,
            }
        }
        Err(Error::Busy)
    }

    /// Steps 1 to 9, then what the engine is asked to do with the plan, which is step 10 and what follows in one, in words.
    async fn granted<T>(
        &self,
        who: &Who,
        ask: &Ask,
        act: impl AsyncFn(Arc<Caller>) -> Result<Answer<T>>,
    ) -> Result<Granted<T>> {
        Ok(match self.carry_out(who, None, ask, act).await? {
            Carried::Granted {
                caller,
                figures,
                over,
                pays,
                done,
            } => {
                let limits = decide::states(&caller.plan, &figures);
                Granted {
                    verdict: Verdict::Allow { limits, over, pays },
                    done: Some(done),
                    caller: Some(caller),
                }
            }
            Carried::Denied(denial) => Granted {
                verdict: Verdict::Deny(denial),
                done: None,
                caller: None,
            },
        })
    }

    /// The same; `first` is what was known of them just now, if somebody has asked already.
    async fn carry_out<T>(
        &self,
        who: &Who,
        mut first: Option<Arc<Caller>>,
        ask: &Ask,
        act: impl AsyncFn(Arc<Caller>) -> Result<Answer<T>>,
    ) -> Result<Carried<T>> {
        for _ in 0..TRIES {
            let now = self.0.engine.now();
            let found = match first.take() {
                None => {
                    self.look(who.org).await?;
                    self.caller_at(who, now).await?
                }
                known => known,
            };
            let caller = match admitted(found, ask, now)? {
                Ok(caller) => caller,
                Err(denial) => {
                    self.count(Some(&denial));
                    return Ok(Carried::Denied(denial));
                }
            };
            match act(Arc::clone(&caller)).await? {
                Answer::Granted {
                    figures,
                    over,
                    pays,
                    done,
                } => {
                    self.count(None);
                    return Ok(Carried::Granted {
                        caller,
                        figures,
                        over,
                        pays,
                        done,
                    });
                }
                Answer::Refused { figures, failing } => {
                    let denial = Box::new(decide::refuse(&caller, &figures, failing));
                    self.count(Some(&denial));
                    return Ok(Carried::Denied(denial));
                }
                Answer::Stale => self.drop_caller(who),
            }
        }
        Err(Error::Busy)
    }

    fn shard(&self, name: &Name) -> MutexGuard<'_, Map<Name, Kept>> {
        locked(&self.0.callers[self.0.hasher.hash_one(name) as usize % SHARDS])
    }

    fn drop_caller(&self, who: &Who) {
        let name = name(who);
        self.shard(&name).remove(&name);
        locked(&self.0.orgs).remove(&who.org);
    }

    /// Who asks, as of now: what is kept is used for as long as nothing was changed and no instant in it has come.
    pub async fn caller(&self, who: &Who) -> Result<Option<Arc<Caller>>> {
        self.look(who.org).await?;
        self.caller_at(who, self.0.engine.now()).await
    }

    /// The same of an organization at whose record the same request has looked already.
    pub async fn caller_again(&self, who: &Who) -> Result<Option<Arc<Caller>>> {
        self.caller_at(who, self.0.engine.now()).await
    }

    async fn caller_at(&self, who: &Who, now: Timestamp) -> Result<Option<Arc<Caller>>> {
        let name = name(who);
        let generation = db::generation(who.org.raw());
        let kept = self
            .shard(&name)
            .get(&name)
            .filter(|kept| kept.generation == generation && now < kept.caller.changes_at)
            .filter(|kept| same_key(&kept.caller, who))
            .map(|kept| Arc::clone(&kept.caller));
        if kept.is_some() {
            return Ok(kept);
        }
        // The generation is older than what is read now, so a change in between makes it void.
        let loading = Box::pin(load::load(&self.0.db, &self.0.engine, who, now));
        let Some(mut caller) = loading.await? else {
            return Ok(None);
        };
        caller.plan.org = self.shared(caller.plan.org, generation);
        let caller = Arc::new(caller);
        let mut shard = self.shard(&name);
        if shard.len() >= MOST {
            shard.clear();
        }
        let kept = Kept {
            caller: Arc::clone(&caller),
            generation,
        };
        shard.insert(name, kept);
        Ok(Some(caller))
    }

    /// The members of an organization behind an id, by their ids.
    pub async fn members(&self, org: OrgId, after: i64, most: i64) -> Result<Vec<MemberId>> {
        store::list_members(&mut self.0.db.read(), org, MemberId::from_raw(after), most).await
    }

    /// How an organization counts now.
    pub async fn org(&self, org: OrgId) -> Result<Arc<OrgPlan>> {
        self.look(org).await?;
        let now = self.0.engine.now();
        let generation = db::generation(org.raw());
        let kept = locked(&self.0.orgs)
            .get(&org)
            .filter(|kept| kept.generation == generation && kept.plan.bucket.contains(now))
            .map(|kept| Arc::clone(&kept.plan));
        if let Some(plan) = kept {
            return Ok(plan);
        }
        let mut db = self.0.db.read();
        let loading = Box::pin(load::load_org(&mut db, org, now));
        let plan = Arc::new(loading.await?);
        let kept = KeptOrg {
            plan: Arc::clone(&plan),
            generation,
        };
        locked(&self.0.orgs).insert(org, kept);
        Ok(plan)
    }

    /// The plan of an organization that its callers share: a hundred thousand of them would otherwise each keep its calendar.
    fn shared(&self, plan: Arc<OrgPlan>, generation: Generation) -> Arc<OrgPlan> {
        let mut orgs = locked(&self.0.orgs);
        let kept = orgs.get(&plan.org).filter(|kept| kept.generation == generation);
        if let Some(kept) = kept.filter(|kept| kept.plan.bucket == plan.bucket) {
            return Arc::clone(&kept.plan);
        }
        let kept = KeptOrg {
            plan: Arc::clone(&plan),
            generation,
        };
        orgs.insert(plan.org, kept);
        plan
    }

    /// Once a second, asks the record whether another process (the command line, a second portal) has changed something.
    async fn look(&self, org: OrgId) -> Result<()> {
        let now = Instant::now();
        {
            let mut seen = locked(&self.0.seen);
            match seen.get_mut(&org) {
                Some(seen) if now.duration_since(seen.at) < LOOK => return Ok(()),
                Some(seen) => seen.at = now, // one of those who ask at once looks
                None => {}
            }
        }
        let mut db = self.0.db.read();
        let asking = Box::pin(audit::last_numbers(&mut db, org));
        let numbers = asking.await?;
        let before = locked(&self.0.seen).insert(org, Seen { at: now, numbers });
        if before.is_some_and(|before| before.numbers != numbers) {
            db::raise_generation(org.raw());
        }
        Ok(())
    }

    /// The present instant as limits count it.
    pub fn now(&self) -> Timestamp {
        self.0.engine.now()
    }
}

fn admitted(found: Option<Arc<Caller>>, ask: &Ask, now: Timestamp) -> Result<Result<Arc<Caller>, Box<Denial>>> {
    match (decide::admit(found.as_deref(), ask, now).map(|_| ()), found) {
        (Err(denial), _) => Ok(Err(denial)),
        (Ok(()), Some(caller)) => Ok(Ok(caller)),
        (Ok(()), None) => Err(Error::Busy),
    }
}

fn name(who: &Who) -> Name {
    (who.org, who.principal, who.key.as_ref().map(|key| key.id))
}

fn same_key(caller: &Caller, who: &Who) -> bool {
    match (&caller.key, &who.key) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
