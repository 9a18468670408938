//! The noun: a credit pool, out of which an organization's usage is paid (R-CRD-08, C-23).

use serde_json::{Map, Value, json};

pub use super::store::{Drawer, Drawn, Use};
use super::{
    entry::Kind,
    store::{self, Line},
};
use crate::{
    access::{Can, permission::PoolManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{MemberId, OrgId, PoolId},
    limits::amount::{Amount, Unit},
    members::{
        Change, Member,
        member::{self, lock_live},
    },
    orgs, record,
    text::{self, fold},
};

/// How a pool's credits reach people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, sqlx::Type)]
#[repr(i64)]
pub enum Mode {
    /// The pool is a limit for everyone who draws from it.
    #[default]
    Cap = 1,
    /// Each member's monthly limit is moved to them when their billing period begins, and what they have not used comes back.
    Allocated = 2,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Cap, Self::Allocated];

    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cap => "Shared",
            Self::Allocated => "Allocated",
        }
    }
    /// One sentence on what it does.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Cap => "Everyone draws from it as they use something.",
            Self::Allocated => {
                "Each member gets their monthly limit when the billing period begins; what they have not used comes back."
            }
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Cap => "cap",
            Self::Allocated => "allocated",
        }
    }
    /// Finds a mode by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.key() == key)
    }
}

record! {
    /// A credit pool.
    pub struct Pool {
        /// Its id.
        pub id: PoolId,
        /// Its name, unique in the organization.
        pub name: String,
        /// What kind of credits are in it.
        pub credit_type: String,
        /// In which currency its price is.
        pub currency: String,
        /// What a credit costs, in millionths of the currency.
        pub price: i64,
        /// How its credits reach people.
        pub mode: Mode,
        /// Whether they run out.
        pub is_limited: bool,
        /// Whether members without another pool draw from it.
        pub is_default: bool,
        /// When nothing is left of it.
        pub valid_until: Option<Timestamp>,
        /// Since when nobody draws from it.
        pub archived_at: Option<Timestamp>,
        /// What was put into it, without what has expired.
        pub granted: i64,
        /// What of that is with members.
        pub allocated: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// By whom.
        pub created_by: String,
        /// Rises with every change by hand.
        pub version: i64,
    }
}

impl Pool {
    fn object(&self) -> Object {
        Object::new("pool", self.id.raw(), self.name.clone())
    }
    /// What is left of it, given what was drawn; below zero where more was settled than was there.
    pub const fn balance(&self, spent: i64) -> i64 {
        let out = match self.mode {
            Mode::Cap => spent,
            Mode::Allocated => self.allocated,
        };
        self.granted.saturating_sub(out)
    }
    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|end| end <= now)
    }
    /// What its currency is shown as.
    pub fn unit(&self) -> Unit {
        Unit::currency(&self.currency).unwrap_or(Unit::Credit)
    }
    fn draft(&self) -> Draft {
        Draft {
            name: self.name.clone(),
            credit_type: self.credit_type.clone(),
            currency: Unit::currency(&self.currency).map_or("USD", Unit::head),
            price: self.price,
            mode: self.mode,
            is_limited: self.is_limited,
            is_default: self.is_default,
            valid_until: self.valid_until,
        }
    }
}

impl Drawn {
    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.valid_until.is_some_and(|end| end <= now)
    }
}

/// How a pool is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What kind of credits are in it.
    pub credit_type: String,
    /// Its currency, which stays for ever.
    pub currency: &'static str,
    /// What a credit costs, in millionths of the currency.
    pub price: i64,
    /// How its credits reach people, which stays for ever.
    pub mode: Mode,
    /// Whether they run out; those of an allocated pool always do.
    pub is_limited: bool,
    /// Whether members without another pool draw from it.
    pub is_default: bool,
    /// When nothing is left of it.
    pub valid_until: Option<Timestamp>,
}

impl Draft {
    fn fields(&self) -> [(&'static str, Value); 7] {
        let unit = Unit::currency(self.currency).unwrap_or(Unit::Credit);
        let price = Amount::from_micros(self.price).unwrap_or(Amount::ZERO);
        [
            ("name", json!(self.name)),
            ("credit_type", json!(self.credit_type)),
            ("price", json!(price.show(unit))),
            ("mode", json!(self.mode.key())),
            ("runs_out", json!(self.is_limited)),
            ("for_everybody_else", json!(self.is_default)),
            ("valid_until", json!(self.valid_until.map(Timestamp::micros))),
        ]
    }
    /// The same as it is kept: checked, with the form in which its name is unique.
    fn checked(&self, now: Timestamp, before: Option<Timestamp>) -> Result<(Self, String)> {
        if self.name.trim().is_empty() {
            return Err(Error::invalid("name", "Give the pool a name."));
        }
        let name = text::line("name", "A pool’s name", &self.name, NAME_MAX)?;
        if self.credit_type.trim().is_empty() {
            return Err(Error::invalid(
                "credit_type",
                "Say what kind of credits are in it, such as “Standard” or “GPU”.",
            ));
        }
        let credit_type = text::line("credit_type", "A credit type", &self.credit_type, TYPE_MAX)?;
        if self.valid_until.is_some_and(|end| end <= now && Some(end) != before) {
            return Err(Error::invalid("valid_until", "Choose today or a later day."));
        }
        let key = fold(&name);
        let draft = Self {
            name,
            credit_type,
            is_limited: self.is_limited || self.mode == Mode::Allocated,
            ..self.clone()
        };
        Ok((draft, key))
    }
}

/// The longest name of a pool, in characters.
pub const NAME_MAX: usize = 60;
/// The longest name of a credit type, in characters.
pub const TYPE_MAX: usize = 40;
/// The longest note, in characters.
pub const NOTE_MAX: usize = 200;
/// The highest price of a credit, in millionths: a million.
pub const PRICE_MOST: i64 = 1_000_000_000_000;
/// The most that is put in or taken out at once, in micro-credits: a billion credits, so that sums of thousands fit.
pub const GRANT_MOST: i64 = 1_000_000_000_000_000;

/// Reads a note: one line or nothing.
pub(super) fn noted(note: &str) -> Result<String> {
    if note.trim().is_empty() {
        return Ok(String::new());
    }
    text::line("note", "A note", note, NOTE_MAX)
}

/// The organization's pools by name, those that are archived last.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Pool>> {
    store::list(db, org).await
}

/// One pool; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: PoolId) -> Result<Pool> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// What a member draws from: their own pool, or the organization's default; without a member, the default alone, where it is a limit.
pub async fn drawn(db: &mut impl Read, org: OrgId, member: Option<MemberId>) -> Result<Option<Drawn>> {
    let found = store::find_drawn(db, org, member.map_or(0, MemberId::raw)).await?;
    // What is moved by members' limits is moved to members alone.
    Ok(found.filter(|pool| member.is_some() || pool.mode == Mode::Cap))
}

fn taken(name: &str, error: Error) -> Error {
    if error.is_duplicate() {
        Error::invalid(
            "name",
            format!("There is a credit pool {name} already. Choose another name."),
        )
    } else {
        error
    }
}

fn stale(name: &str) -> Error {
    Error::conflict(format!(
        "Someone else has just changed {name}, or this form was sent before. Reload the page, look at its statement and decide again."
    ))
}

/// Makes a pool, with credits in it from the start where there are any.
pub async fn create(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    draft: &Draft,
    granted: Amount,
    now: Timestamp,
) -> Result<PoolId> {
    let org = by.org().id;
    lock_live(tx, org).await?;
    let (draft, key) = draft.checked(now, None)?;
    check_most("grant", granted.micros())?;
    let id = PoolId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    if draft.is_default {
        store::no_default(tx, org).await?;
    }
    store::insert(tx, org, id, &draft, (&draft.name, &key), &by.actor().name, now)
        .await
        .map_err(|error| taken(&draft.name, error))?;
    let object = Object::new("pool", id.raw(), draft.name.clone());
    let after = Value::Object(draft.fields().into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
    let entry = Entry::done(Action::PoolCreate, object, Value::Null, after);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    if granted != Amount::ZERO {
        grant(tx, by, (id, None), granted, "", now).await?;
    }
    Ok(id)
}

/// Changes a pool, as far as it can be changed; `expected` is the version that the editor saw.
pub async fn update(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    (id, expected): (PoolId, Option<i64>),
    draft: &Draft,
    now: Timestamp,
) -> Result<Pool> {
    let org = by.org().id;
    let before = open(tx, by, (id, expected)).await?;
    let draft = Draft {
        mode: before.mode,
        currency: before.draft().currency,
        ..draft.clone()
    };
    let (draft, key) = draft.checked(now, before.valid_until)?;
    let (mut was, mut is) = (Map::new(), Map::new());
    for ((field, old), (_, new)) in before.draft().fields().into_iter().zip(draft.fields()) {
        if old != new {
            was.insert(field.to_owned(), old);
            is.insert(field.to_owned(), new);
        }
    }
    if is.is_empty() {
        return Ok(before);
    }
    if draft.is_default && !before.is_default {
        store::no_default(tx, org).await?;
    }
    store::update(tx, org, id, &draft, (&draft.name, &key))
        .await
        .map_err(|error| taken(&draft.name, error))?;
    let entry = Entry::done(
        Action::PoolUpdate,
        before.object(),
        Value::Object(was),
        Value::Object(is),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, id).await
}

/// The pool for a change: its organization's row is locked, it is not archived, and the caller has seen its present version.
async fn open(tx: &mut Tx, by: &Can<PoolManage>, (id, expected): (PoolId, Option<i64>)) -> Result<Pool> {
    lock_live(tx, by.org().id).await?;
    let pool = find(tx, by.org().id, id).await?;
    if pool.archived_at.is_some() {
        return Err(Error::conflict(format!(
            "{} is archived, and nothing about it changes any more.",
            pool.name
        )));
    }
    if expected.is_some_and(|expected| expected != pool.version) {
        return Err(stale(&pool.name));
    }
    Ok(pool)
}

fn check_most(field: &'static str, amount: i64) -> Result<()> {
    if amount > GRANT_MOST {
        return Err(Error::invalid(
            field,
            "At most a billion credits are put in or taken out at once.",
        ));
    }
    Ok(())
}

/// Puts credits into a pool.
pub async fn grant(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: (PoolId, Option<i64>),
    amount: Amount,
    note: &str,
    now: Timestamp,
) -> Result<Pool> {
    if amount == Amount::ZERO {
        return Err(Error::invalid("grant", "Enter how many credits are granted."));
    }
    check_most("grant", amount.micros())?;
    put(tx, by, of, (Kind::Grant, Action::PoolGrant, amount.micros()), note, now).await
}

/// Puts right what is in a pool; below zero takes out, as far as there is something.
pub async fn adjust(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: (PoolId, Option<i64>),
    amount: i64,
    note: &str,
    now: Timestamp,
) -> Result<Pool> {
    if amount == 0 {
        return Err(Error::invalid(
            "amount",
            "Enter how many credits are added or taken out.",
        ));
    }
    check_most("amount", amount.saturating_abs())?;
    if note.trim().is_empty() {
        return Err(Error::invalid(
            "note",
            "Say why: whoever reads the statement wants to know.",
        ));
    }
    put(tx, by, of, (Kind::Adjust, Action::PoolAdjust, amount), note, now).await
}

async fn put(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: (PoolId, Option<i64>),
    (kind, action, amount): (Kind, Action, i64),
    note: &str,
    now: Timestamp,
) -> Result<Pool> {
    let org = by.org().id;
    let pool = open(tx, by, of).await?;
    let note = noted(note)?;
    if pool.has_ended(now) {
        return Err(Error::conflict(format!(
            "The time of {} is over. Choose a later day until which it is valid, then put credits in.",
            pool.name
        )));
    }
    let spent = store::spent(tx, org, pool.id).await?;
    let balance = pool.balance(spent);
    if amount < 0 && balance.saturating_add(amount) < 0 {
        let left = Amount::from_micros(balance.max(0)).unwrap_or(Amount::ZERO);
        return Err(Error::invalid(
            "amount",
            format!("Only {left} are left in {}. Take out no more than that.", pool.name),
        ));
    }
    if pool
        .granted
        .checked_add(amount)
        .is_none_or(|sum| sum > Amount::credits(u32::MAX).micros().saturating_mul(100))
    {
        return Err(Error::invalid(
            if kind == Kind::Grant { "grant" } else { "amount" },
            "A pool holds less than that. Use several pools.",
        ));
    }
    let first = orgs::next_id(tx, org, 1).await?;
    let line = Line {
        pool: pool.id,
        of: None,
        kind,
        amount,
        price: pool.price,
        note: note.clone(),
    };
    store::insert_entries(tx, org, first, vec![line], &by.actor().name, now).await?;
    store::add(tx, org, pool.id, amount, 0).await?;
    store::touch(tx, org, pool.id).await?;
    let words = |micros: i64| {
        let size = Amount::from_micros(micros.saturating_abs()).unwrap_or(Amount::ZERO);
        if micros < 0 {
            format!("\u{2212}{size}")
        } else {
            size.to_string()
        }
    };
    let entry = Entry::done(
        action,
        pool.object(),
        json!({ "balance": words(balance) }),
        json!({ "balance": words(balance.saturating_add(amount)), "amount": words(amount), "note": note }),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, pool.id).await
}

/// Archives a pool: nobody draws from it any more, its people draw from the default, and its name is free.
pub async fn archive(tx: &mut Tx, by: &Can<PoolManage>, of: (PoolId, Option<i64>), now: Timestamp) -> Result<Pool> {
    let org = by.org().id;
    let pool = open(tx, by, of).await?;
    let key = format!("{} \u{1f}{}", fold(&pool.name), pool.id.raw()); // no name has such a sign
    store::archive(tx, org, pool.id, now, &key).await?;
    let balance =
        Amount::from_micros(pool.balance(store::spent(tx, org, pool.id).await?).max(0)).unwrap_or(Amount::ZERO);
    let before = json!({ "balance": balance.to_string() });
    let entry = Entry::done(Action::PoolArchive, pool.object(), before, Value::Null);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(pool)
}

/// Which pool a member was given; none for the organization's default.
pub async fn of_member(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Option<PoolId>> {
    store::pool_of(db, org, member).await
}

/// Says which pool a member draws from; none for the organization's default.
pub async fn assign(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: impl Into<Change>,
    pool: Option<PoolId>,
    now: Timestamp,
) -> Result<Member> {
    let member = member::load_within_rank(tx, by, of.into(), now).await?;
    let org = by.org().id;
    let wanted = match pool {
        None => None,
        Some(id) => match find(tx, org, id).await {
            Ok(found) if found.archived_at.is_none() => Some(found),
            Ok(_) | Err(Error::NotFound) => {
                return Err(Error::invalid("pool", "Choose a pool from the list."));
            }
            Err(error) => return Err(error),
        },
    };
    let there = store::pool_of(tx, org, member.id).await?;
    if there == wanted.as_ref().map(|pool| pool.id) {
        return Ok(member);
    }
    let before = match there {
        Some(id) => store::find(tx, org, id).await?.map(|pool| pool.name),
        None => None,
    };
    store::set_pool(tx, org, member.id, wanted.as_ref().map(|pool| pool.id)).await?;
    let entry = Entry::done(
        Action::MemberPool,
        Object::new("member", member.id.raw(), member.name.clone()),
        json!({ "credit_pool": before }),
        json!({ "credit_pool": wanted.map(|pool| pool.name) }),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    member::find(tx, org, member.id).await
}
