//! A person's account: one address, one name, one password, over all organizations.

use serde_json::{Value, json};

pub use super::store::{Account, Membership};
use super::{reset, store};
use crate::{
    access::{EnterpriseRole, session},
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::UserId,
    mail::address::Address,
    members::member,
    orgs, text,
};

/// Whether the account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// It may.
    Active = 1,
    /// Nobody signs in to it until it is enabled again.
    Disabled = 2,
    /// Its person asked to be forgotten; nothing but the id is left.
    Erased = 3,
}

/// What is known of the account's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum AddressProof {
    /// Nothing.
    None = 0,
    /// Another person says that it is right.
    Vouched = 1,
    /// A mail that was sent there came back as a code or a link.
    Mailed = 2,
}

/// Why a new account's address is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It is not, yet.
    None,
    /// This person made the account.
    Vouched(UserId),
    /// The person came by a link that was mailed there.
    Mailed,
}

impl Proof {
    pub(super) const fn kind(self) -> AddressProof {
        match self {
            Self::None => AddressProof::None,
            Self::Vouched(_) => AddressProof::Vouched,
            Self::Mailed => AddressProof::Mailed,
        }
    }
    pub(super) const fn voucher(self) -> Option<UserId> {
        match self {
            Self::Vouched(by) => Some(by),
            Self::None | Self::Mailed => None,
        }
    }
}

/// What an account is made of.
#[derive(Clone, Copy)]
pub struct NewAccount<'a> {
    /// The address it is found by.
    pub email: &'a Address,
    /// The person's name.
    pub name: &'a str,
    /// The hash of the password; none where one signs in another way, or is to set one by mail.
    pub password_hash: Option<&'a str>,
    /// Why the address is believed.
    pub proof: Proof,
}

/// Finds an account by its id.
pub async fn find(db: &mut impl Read, id: UserId) -> Result<Option<Account>> {
    store::find(db, id).await
}

/// Finds an account by the key of its address ([`Address::key`]).
pub async fn find_by_key(db: &mut impl Read, key: &str) -> Result<Option<Account>> {
    store::find_by_key(db, key).await
}

/// The accounts among some addresses, by their keys; those without one are left out.
pub async fn list_by_keys(db: &mut impl Read, keys: &[&str]) -> Result<Vec<Account>> {
    store::list_by_keys(db, keys).await
}

/// The memberships of the person that may act, the primary one first, at most 100.
pub async fn memberships(db: &mut impl Read, id: UserId) -> Result<Vec<Membership>> {
    store::list_memberships(db, id).await
}

/// Creates an account; an address that has one is refused.
pub async fn create(tx: &mut Tx, by: &Actor, new: NewAccount<'_>, now: Timestamp) -> Result<UserId> {
    let ids = create_many(tx, by, &[new], now).await?;
    ids.first()
        .copied()
        .ok_or_else(|| Error::Internal("an account without an id".to_owned()))
}

/// Creates many accounts at once, in the order given; all or none.
pub async fn create_many(tx: &mut Tx, by: &Actor, new: &[NewAccount<'_>], now: Timestamp) -> Result<Vec<UserId>> {
    let first = orgs::sequence(tx, "user", new.len() as i64).await?;
    let ids: Vec<UserId> = (first..).take(new.len()).map(UserId::from_raw).collect();
    let rows = new
        .iter()
        .zip(&ids)
        .map(|(account, id)| store::inserted(*id, account, now))
        .collect();
    store::insert_many(tx, rows).await.map_err(|error| {
        if error.is_duplicate() {
            Error::conflict("This address has an account already. Sign in with it.")
        } else {
            error
        }
    })?;
    let entries = new.iter().zip(&ids).map(|(account, id)| {
        let after = json!({ "name": account.name, "email": account.email.display(), "proof": proof_word(account.proof.kind()) });
        Entry::done(Action::AccountCreate, Object::new("account", id.raw(), account.email.display()), Value::Null, after)
    });
    audit::record_many(tx, by, None, entries.collect(), now).await?;
    Ok(ids)
}

/// Gives the account a role over the enterprise, or takes it; ends its sessions, so that the next sign-in has a new session id.
pub async fn set_enterprise_role(
    tx: &mut Tx,
    by: &Actor,
    id: UserId,
    role: Option<EnterpriseRole>,
    now: Timestamp,
) -> Result<()> {
    store::lock_enterprise(tx).await?;
    let before = find(tx, id).await?.ok_or(Error::NotFound)?;
    if before.enterprise_role == role {
        return Ok(());
    }
    let was_administrator = before.enterprise_role == Some(EnterpriseRole::Administrator);
    if was_administrator && store::count_other_overseers(tx, id).await? == 0 {
        return Err(Error::conflict(format!(
            "{} is the last Enterprise Administrator who can sign in. Make someone else Enterprise Administrator first.",
            before.name
        )));
    }
    store::update_enterprise_role(tx, id, role).await?;
    session::end_all(tx, id).await?;
    let word = |role: Option<EnterpriseRole>| json!({ "enterprise_role": role.map(EnterpriseRole::title) });
    let entry = Entry::done(
        Action::EnterpriseRoleChange,
        object(&before),
        word(before.enterprise_role),
        word(role),
    );
    audit::record(tx, by, None, entry, now).await
}

/// Notes that a mail to the account's address has reached its person; does nothing when that is known already.
pub async fn prove_address(tx: &mut Tx, by: &Actor, id: UserId, now: Timestamp) -> Result<()> {
    let account = find(tx, id).await?.ok_or(Error::NotFound)?;
    if store::update_proof(tx, id, AddressProof::Mailed).await? == 0 {
        return Ok(());
    }
    let word = |proof| json!({ "proof": proof_word(proof) });
    let entry = Entry::done(
        Action::AddressVerify,
        object(&account),
        word(account.email_proof),
        word(AddressProof::Mailed),
    );
    audit::record(tx, by, None, entry, now).await
}

/// Sets a new password, if `old` is still the hash where one is given: every reset link dies and every session ends.
pub(super) async fn set_password(
    tx: &mut Tx,
    account: &Account,
    old: Option<&str>,
    hash: &str,
    now: Timestamp,
) -> Result<()> {
    let changed = match old {
        Some(old) => store::replace_password(tx, account.id, old, hash, now).await?,
        None => store::update_password(tx, account.id, hash, now).await?,
    };
    if changed == 0 {
        return Err(Error::conflict(
            "Your password was changed just now in another place. Sign in with the new one.",
        ));
    }
    store::delete_resets(tx, account.id).await?;
    session::end_all(tx, account.id).await?;
    Ok(())
}

/// Changes the password of somebody who has just entered the present one, and tells them by mail.
pub async fn change_password(
    tx: &mut Tx,
    by: &Actor,
    account: &Account,
    old: &str,
    hash: &str,
    now: Timestamp,
) -> Result<()> {
    set_password(tx, account, Some(old), hash, now).await?;
    audit::record(
        tx,
        by,
        None,
        Entry::done(Action::PasswordChange, object(account), Value::Null, Value::Null),
        now,
    )
    .await?;
    reset::notify(tx, account, now).await
}

/// Changes the person's name, in the account and in every membership.
pub async fn rename(tx: &mut Tx, by: &Actor, account: &Account, name: &str, now: Timestamp) -> Result<()> {
    let name = text::name("name", name)?;
    if name == account.name {
        return Ok(());
    }
    if store::update_name(tx, account.id, &name, account.version).await? == 0 {
        return Err(Error::conflict(
            "Your profile was changed in another place. Reload the page and save again.",
        ));
    }
    member::rename(tx, account.id, &name).await?;
    let entry = Entry::done(
        Action::ProfileUpdate,
        object(account),
        json!({ "name": account.name }),
        json!({ "name": name }),
    );
    audit::record(tx, by, None, entry, now).await
}

/// The account as the record names it.
pub(super) fn object(account: &Account) -> Object {
    Object::new("account", account.id.raw(), account.email.as_str())
}

const fn proof_word(proof: AddressProof) -> &'static str {
    match proof {
        AddressProof::None => "none",
        AddressProof::Vouched => "vouched",
        AddressProof::Mailed => "mailed",
    }
}
