//! The noun: a person's wallet in one organization, which pays when the member's own limits alone refuse (R-LIM-14, C-08).
//!
//! What was put in is here; what it paid is summed by metering. The engine alone charges it, and never below zero.

use serde_json::json;

pub use super::store::WalletEntry;
use super::{
    pool::{GRANT_MOST, noted},
    store,
};
use crate::{
    access::{
        Can,
        permission::{LimitDefault, PoolManage},
    },
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{MemberId, OrgId},
    limits::amount::Amount,
    members::{Change, Member, Status, member},
    orgs,
};

/// What happened to a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// Credits were put in.
    TopUp = 1,
    /// Something was put right.
    Adjust = 2,
}

impl Kind {
    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TopUp => "Topped up",
            Self::Adjust => "Adjusted",
        }
    }
}

/// How a wallet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wallet {
    /// Whether the organization lets wallets pay.
    pub is_on: bool,
    /// What was put in, in micro-credits.
    pub put: i64,
    /// What it has paid.
    pub spent: i64,
}

impl Wallet {
    /// What is in it.
    pub const fn balance(self) -> i64 {
        self.put.saturating_sub(self.spent)
    }
    /// What was put in, where it can pay at all.
    pub fn pays(self) -> Option<Amount> {
        Amount::from_micros(self.put).filter(|amount| self.is_on && *amount != Amount::ZERO)
    }
    /// Whether there ever was something in it.
    pub const fn is_used(self) -> bool {
        self.put != 0 || self.spent != 0
    }
}

/// The wallet of a member.
pub async fn find(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Wallet> {
    let (is_on, put, spent) = store::find_wallet(db, org, member).await?;
    Ok(Wallet { is_on, put, spent })
}

/// The last lines of its statement, the latest first.
pub async fn entries(db: &mut impl Read, org: OrgId, member: MemberId, most: i64) -> Result<Vec<WalletEntry>> {
    store::list_wallet(db, org, member, most).await
}

/// What it has paid in billing periods, each by its beginning, the latest first.
pub async fn paid(db: &mut impl Read, org: OrgId, member: MemberId, most: i64) -> Result<Vec<(Timestamp, i64)>> {
    store::list_paid(db, org, member, most).await
}

/// Whether wallets may pay in an organization, and the version of that.
pub async fn settings(db: &mut impl Read, org: OrgId) -> Result<(bool, i64)> {
    Ok(store::find_wallet_settings(db, org).await?.unwrap_or((false, 0)))
}

/// Says whether wallets may pay; `version` is the one that the editor saw.
pub async fn switch(tx: &mut Tx, by: &Can<LimitDefault>, is_on: bool, version: i64, now: Timestamp) -> Result<()> {
    let org = by.org();
    member::lock_live(tx, org.id).await?;
    let (before, seen) = settings(tx, org.id).await?;
    if seen != version || store::save_wallet_settings(tx, org.id, is_on, version).await? == 0 {
        return Err(Error::conflict(format!(
            "Someone else has just changed the wallets of {}. Reload the page, look at their change and save again.",
            org.name
        )));
    }
    let object = Object::new("organization", org.id.raw(), &org.name);
    let (was, is) = (json!({ "wallets_pay": before }), json!({ "wallets_pay": is_on }));
    let entry = Entry::done(Action::WalletSettings, object, was, is);
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

/// Puts credits into a member's wallet.
pub async fn top_up(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: impl Into<Change>,
    amount: Amount,
    note: &str,
    now: Timestamp,
) -> Result<Member> {
    if amount == Amount::ZERO {
        return Err(Error::invalid("amount", "Enter how many credits are put in."));
    }
    let deed = (Kind::TopUp, Action::WalletTopUp, amount.micros());
    put(tx, by, of.into(), deed, note, 0, now).await
}

/// Puts a wallet right; below zero takes out, as far as something is in it that no reservation holds. `held` is what they hold.
pub async fn adjust(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: impl Into<Change>,
    amount: i64,
    note: &str,
    held: i64,
    now: Timestamp,
) -> Result<Member> {
    if amount == 0 {
        return Err(Error::invalid(
            "amount",
            "Enter how many credits are added or taken out.",
        ));
    }
    if note.trim().is_empty() {
        return Err(Error::invalid(
            "note",
            "Say why: whoever reads the statement wants to know.",
        ));
    }
    let deed = (Kind::Adjust, Action::WalletAdjust, amount);
    put(tx, by, of.into(), deed, note, held, now).await
}

async fn put(
    tx: &mut Tx,
    by: &Can<PoolManage>,
    of: Change,
    (kind, action, amount): (Kind, Action, i64),
    note: &str,
    held: i64,
    now: Timestamp,
) -> Result<Member> {
    let member = member::load_within_rank(tx, by, of, now).await?;
    let org = by.org().id;
    if member.status == Status::Disabled && amount > 0 {
        return Err(Error::conflict(format!(
            "{} is disabled and uses nothing, so nothing can be put into the wallet.",
            member.name
        )));
    }
    if amount.saturating_abs() > GRANT_MOST {
        return Err(Error::invalid(
            "amount",
            "At most a billion credits are put in or taken out at once.",
        ));
    }
    let note = noted(note)?;
    let before = find(tx, org, member.id).await?;
    let free = before.balance().saturating_sub(held.max(0));
    if amount < 0 && free.saturating_add(amount) < 0 {
        let left = Amount::from_micros(free.max(0)).unwrap_or(Amount::ZERO);
        return Err(Error::invalid(
            "amount",
            format!("Only {left} in it are free. Take out no more than that."),
        ));
    }
    if before.put.saturating_add(amount) > GRANT_MOST {
        return Err(Error::invalid("amount", "A wallet holds at most a billion credits."));
    }
    let n = orgs::next_id(tx, org, 1).await?;
    store::insert_wallet(tx, org, n, member.id, kind, amount, &note, &by.actor().name, now).await?;
    store::touch_member(tx, org, member.id).await?;
    let words = |micros: i64| Amount::from_micros(micros.max(0)).unwrap_or(Amount::ZERO).to_string();
    let entry = Entry::done(
        action,
        Object::new("member", member.id.raw(), member.name.clone()),
        json!({ "wallet": words(before.balance()) }),
        json!({ "wallet": words(before.balance().saturating_add(amount)), "note": note }),
    );
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    member::find(tx, org, member.id).await
}
