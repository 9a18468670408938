//! Signing in with a password: the same answer, after the same time, whether the address is unknown, disabled or the password wrong.
//!
//! Comparing takes a tenth of a second on purpose, so it stands between two short transactions instead of inside one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    account::{self, Account, State},
    device::Device,
    ladder::{self, Rung, Step},
    password::{Failed, Hasher, Verdict},
    profile,
    reset::address_of,
    sign_in_as, store,
};
use crate::{
    access::session::Lifetimes,
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::Db,
    db::Tx,
    error::{Error, Result},
    mail::{Mail, address::Address},
    notifications::{self, Kind, News},
    secret::{Keys, Secret},
    web::request::Trace,
};

/// What a password gave.
pub enum Answer {
    /// It is the account's.
    Right(Box<Right>),
    /// It is not, or there is no such account, or the account may not be used.
    Wrong,
    /// It was not looked at: the failures before ask for this pause.
    Wait(Duration),
    /// It was not looked at: there were too many failures, and only a reset helps.
    Off,
    /// It was not looked at: too many people sign in at this moment.
    Busy,
}

/// The proof that a password was right; a second factor will be asked for before [`complete`].
pub struct Right {
    account: Account,
    rung: Rung,
    hash: String,
    stronger: Option<String>,
}

impl Right {
    /// Whose password it was.
    pub const fn account(&self) -> &Account {
        &self.account
    }
}

/// Compares a password with the one of the account at this address.
pub async fn check(
    db: &Db,
    keys: &Keys,
    hasher: &Hasher,
    by: &Actor,
    email: &str,
    password: &str,
    now: Timestamp,
) -> Result<Answer> {
    let address = Address::parse(email).ok();
    // What is no address finds no account: folding it in a way of our own would let look-alikes through.
    let key = address.as_ref().map_or("", Address::key);
    let rung = Rung::of(keys, if key.is_empty() { email } else { key });
    let mut tx = db.write().await?;
    let step = ladder::climb(&mut tx, rung, now).await?;
    let account = store::find_by_key(&mut tx, key).await?;
    let hash = match &account {
        Some(account) => store::find_hash(&mut tx, account.id).await?,
        None => store::find_hash(&mut tx, crate::ids::UserId::from_raw(0)).await?, // as many questions as for a known one
    };
    tx.commit().await?;
    match step {
        Step::Open => {}
        Step::Wait(span) => return Ok(Answer::Wait(span)),
        Step::Off => return Ok(Answer::Off),
    }
    match hasher.verify(password, hash.as_deref()).await {
        Ok(Verdict::Right { needs_rehash }) => {
            let (Some(account), Some(hash)) = (account, hash) else {
                return Ok(Answer::Wrong);
            };
            let stronger = if needs_rehash {
                hasher.hash(password).await.ok()
            } else {
                None
            };
            Ok(Answer::Right(Box::new(Right {
                account,
                rung,
                hash,
                stronger,
            })))
        }
        Ok(Verdict::Wrong) => {
            let mut tx = db.write().await?;
            let object = Object::new(
                "account",
                account.as_ref().map_or(0, |a| a.id.raw()),
                address.map_or(String::new(), |a| a.display().to_owned()),
            );
            let entry = Entry::denied(
                Action::SignInFailed,
                object,
                json!({ "reason": reason(account.as_ref()) }),
            );
            audit::record(&mut tx, by, None, entry, now).await?;
            tx.commit().await?;
            Ok(Answer::Wrong)
        }
        Err(Failed::Busy) => {
            let mut tx = db.write().await?;
            ladder::step_back(&mut tx, rung, now).await?;
            tx.commit().await?;
            Ok(Answer::Busy)
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Signs in: opens the session, notes the time, keeps a stronger hash. Refused when the password was changed meanwhile.
pub async fn complete(
    tx: &mut Tx,
    by: &Actor,
    right: &Right,
    lifetimes: &Lifetimes,
    trace: &Trace,
    now: Timestamp,
) -> Result<Secret> {
    let account = &right.account;
    let kept = right.stronger.as_deref().unwrap_or(&right.hash);
    // This locks the row until the commit, so that a reset at the same moment ends the session that is opened here.
    if store::update_hash(tx, account.id, &right.hash, kept).await? == 0 {
        return Err(Error::conflict(
            "Your password was changed just now. Sign in with the new one.",
        ));
    }
    ladder::clear(tx, right.rung).await?;
    let by = by.known_as(account.id, &account.name);
    let entry = Entry::done(
        Action::SignIn,
        account::object(account),
        Value::Null,
        json!({ "with": "password" }),
    );
    audit::record(tx, &by, None, entry, now).await?;
    tell_of_new_device(tx, account, trace, now).await?;
    sign_in_as(tx, lifetimes, account.id, trace, now).await
}

/// Tells the owner of a sign-in from a kind of device that was not used before; the very first one is no news.
async fn tell_of_new_device(tx: &mut Tx, account: &Account, trace: &Trace, now: Timestamp) -> Result<()> {
    let device = Device::of(&trace.agent).words();
    if !profile::note_device(tx, account.id, &device, now).await? {
        return Ok(());
    }
    let mail = Mail::NewSignIn {
        at: now,
        zone: profile::zone_of(tx, account.id).await?,
        device: device.clone(),
        from: trace.ip(),
    };
    let news = News {
        to: account.id,
        org: None,
        subject: format!("New sign-in with {device}. If it was not you, end that session and change your password."),
        link: "/me/security".to_owned(),
        mail: Some((address_of(account)?, mail)),
    };
    notifications::notify(tx, Kind::NewSignIn, news, now).await
}

/// Compares the present password of somebody who is signed in, on the same ladder; gives the hash that it matched.
pub(super) async fn confirm(
    db: &Db,
    keys: &Keys,
    hasher: &Hasher,
    account: &Account,
    password: &str,
    now: Timestamp,
) -> Result<String> {
    let rung = Rung::of(keys, &account.email_key);
    let mut tx = db.write().await?;
    let step = ladder::climb(&mut tx, rung, now).await?;
    let hash = store::find_hash(&mut tx, account.id).await?;
    tx.commit().await?;
    match step {
        Step::Open => {}
        Step::Wait(span) => return Err(Error::TooMany(span)),
        Step::Off => return Err(Error::invalid("current", OFF)),
    }
    let verdict = hasher.verify(password, hash.as_deref()).await;
    let mut tx = db.write().await?;
    match (verdict, hash) {
        (Ok(Verdict::Right { .. }), Some(hash)) => {
            ladder::clear(&mut tx, rung).await?;
            tx.commit().await?;
            Ok(hash)
        }
        (Ok(_), _) => Err(Error::invalid("current", "This is not your current password.")),
        (Err(failed), _) => {
            ladder::step_back(&mut tx, rung, now).await?;
            tx.commit().await?;
            Err(failed.into())
        }
    }
}

/// What one reads after too many failures in a row.
pub const OFF: &str =
    "There were too many wrong passwords in a row. Choose “Forgot password?” on the sign-in page and set a new one.";

/// Why a sign-in failed, for the record alone.
fn reason(account: Option<&Account>) -> &'static str {
    match account {
        None => "no account",
        Some(account) if account.state != State::Active => "account disabled",
        Some(account) if !account.has_password => "no password set",
        Some(_) => "wrong password",
    }
}
