//! Forgotten passwords: a link by mail that works once, for half an hour, and dies with any change of the password.

use std::time::Duration;

use serde_json::{Value, json};

pub use super::store::Reset;
use super::{
    account::{self, Account, State},
    ladder::{self, Rung},
    profile, store,
};
use crate::{
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, minutes},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{ResetId, UserId},
    mail::{self, Mail, address::Address, links},
    notifications::{self, Kind, News},
    orgs,
    secret::{Keys, hash_token},
};

/// How long a link works.
pub const LIFE: Duration = minutes(30);
/// How long the next mail to the same person waits.
pub const PAUSE: Duration = minutes(5);

/// Mails a link to the account at this address, if there is one that may be used; the caller cannot tell which.
pub async fn request(tx: &mut Tx, keys: &Keys, by: &Actor, email: &Address, now: Timestamp) -> Result<()> {
    let account = store::find_by_key(tx, email.key())
        .await?
        .filter(|account| account.state == State::Active);
    let object = Object::new("account", account.as_ref().map_or(0, |a| a.id.raw()), email.display());
    let last = match &account {
        Some(account) => store::find_reset_of(tx, account.id).await?,
        None => None,
    };
    let waits = last.is_some_and(|last| last.created_at.plus(PAUSE) > now && last.created_at <= now);
    let outcome = match &account {
        None => "no account",
        Some(_) if waits => "mailed already",
        Some(_) => "mailed",
    };
    let entry = Entry::done(
        Action::PasswordResetRequest,
        object,
        Value::Null,
        json!({ "outcome": outcome }),
    );
    audit::record(tx, by, None, entry, now).await?;
    let Some(account) = account.filter(|_| !waits) else {
        return Ok(());
    };
    let reset = issue(tx, keys, account.id, LIFE, now).await?;
    let minutes = LIFE.as_secs() as u32 / 60;
    let mail = Mail::PasswordReset {
        reset,
        created_at: now,
        minutes,
    };
    // To the stored spelling: what was typed only found the account.
    mail::enqueue(tx, None, &address_of(&account)?, &mail, now).await?;
    Ok(())
}

/// Makes a link that sets the account's password, for the mail that will carry it; the ones before stop working.
pub async fn issue(tx: &mut Tx, keys: &Keys, user: UserId, life: Duration, now: Timestamp) -> Result<ResetId> {
    let id = ResetId::from_raw(orgs::sequence(tx, "reset", 1).await?);
    let token = links::reset_token(keys, id, now);
    store::delete_resets(tx, user).await?;
    store::insert_reset(tx, id, hash_token(token.expose()), user, now, now.plus(life)).await?;
    Ok(id)
}

/// Makes such a link for each of many, in their order.
pub async fn issue_many(
    tx: &mut Tx,
    keys: &Keys,
    users: &[UserId],
    life: Duration,
    now: Timestamp,
) -> Result<Vec<ResetId>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let first = orgs::sequence(tx, "reset", users.len() as i64).await?;
    let ids: Vec<ResetId> = (first..).take(users.len()).map(ResetId::from_raw).collect();
    let rows = ids.iter().zip(users).map(|(id, user)| {
        let token = links::reset_token(keys, *id, now);
        (*id, hash_token(token.expose()).to_vec(), *user, now, now.plus(life))
    });
    let rows = rows.collect();
    store::insert_resets(tx, rows).await?;
    Ok(ids)
}

/// Ends every link of an account.
pub async fn end_all(tx: &mut Tx, user: UserId) -> Result<()> {
    store::delete_resets(tx, user).await
}

/// Whose password the link may set; none when it was used, replaced, or is over.
pub async fn find(db: &mut impl Read, token: &str, now: Timestamp) -> Result<Option<Account>> {
    let Some(reset) = store::find_reset(db, hash_token(token), now).await? else {
        return Ok(None);
    };
    Ok(account::find(db, reset.user_id)
        .await?
        .filter(|account| account.state == State::Active))
}

/// Sets the password for the link's account and ends everything that the old one opened; nobody is signed in by it.
pub async fn complete(
    tx: &mut Tx,
    keys: &Keys,
    by: &Actor,
    token: &str,
    hash: &str,
    now: Timestamp,
) -> Result<Account> {
    let user = store::use_reset(tx, hash_token(token), now).await?.ok_or_else(dead)?;
    let account = account::find(tx, user)
        .await?
        .filter(|account| account.state == State::Active)
        .ok_or_else(dead)?;
    account::set_password(tx, &account, None, hash, now).await?;
    ladder::clear(tx, Rung::of(keys, &account.email_key)).await?;
    let by = by.known_as(account.id, &account.name);
    audit::record(
        tx,
        &by,
        None,
        Entry::done(
            Action::PasswordReset,
            account::object(&account),
            Value::Null,
            Value::Null,
        ),
        now,
    )
    .await?;
    notify(tx, &account, now).await?;
    Ok(account)
}

/// Tells the owner that the password is another one.
pub(super) async fn notify(tx: &mut Tx, account: &Account, now: Timestamp) -> Result<()> {
    let zone = profile::zone_of(tx, account.id).await?;
    let news = News {
        to: account.id,
        org: None,
        subject: "Your password was changed. If it was not you, reset it now.".to_owned(),
        link: "/me/security".to_owned(),
        mail: Some((address_of(account)?, Mail::PasswordChanged { at: now, zone })),
    };
    notifications::notify(tx, Kind::PasswordChanged, news, now).await
}

/// What one reads who brings a link that does not work any more.
pub fn dead() -> Error {
    Error::Gone("This link does not work any more. It works once, for 30 minutes, and only the newest one does. Ask for another with “Forgot password?” on the sign-in page.".to_owned())
}

pub(super) fn address_of(account: &Account) -> Result<Address> {
    Address::parse(&account.email).map_err(|refusal| Error::Internal(format!("a stored address: {refusal}")))
}
