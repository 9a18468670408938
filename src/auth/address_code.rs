//! The code by mail that proves an address for which another person vouches: eight digits, ten minutes, five tries.

use std::time::Duration;

use serde_json::json;

use super::{
    account::{self, Account, AddressProof},
    reset::address_of,
    store,
};
use crate::{
    audit::{self, Action, Actor, Entry},
    clock::{Timestamp, minutes},
    db::{Read, Tx},
    error::{Error, Result},
    mail::{self, Mail, links},
    secret::{self, Keys},
};

/// How long a code works.
pub const LIFE: Duration = minutes(10);
/// How long the next mail waits.
pub const PAUSE: Duration = minutes(1);
/// How often a code may be tried.
pub const TRIES: i64 = 5;

/// Mails a new code; the one before stops working.
pub async fn send(tx: &mut Tx, by: &Actor, account: &Account, now: Timestamp) -> Result<()> {
    if account.email_proof == AddressProof::Mailed {
        return Err(Error::conflict("Your address is verified already."));
    }
    let nonce = i64::from_le_bytes(secret::random::<8>());
    if store::put_code(tx, account.id, nonce, now, now.plus(LIFE), now.minus(PAUSE)).await? == 0 {
        return Err(Error::conflict(
            "A code was sent less than a minute ago. Look for it in your mail, or wait a minute and send another.",
        ));
    }
    let entry = Entry::done(
        Action::AddressCode,
        account::object(account),
        serde_json::Value::Null,
        serde_json::Value::Null,
    );
    audit::record(tx, by, None, entry, now).await?;
    let minutes = LIFE.as_secs() as u32 / 60;
    let mail = Mail::VerifyAddress {
        user: account.id,
        nonce,
        minutes,
    };
    mail::enqueue(tx, None, &address_of(account)?, &mail, now).await?;
    Ok(())
}

/// Whether a code waits to be entered.
pub async fn is_waiting(db: &mut impl Read, account: &Account, now: Timestamp) -> Result<bool> {
    Ok(store::find_code(db, account.id)
        .await?
        .is_some_and(|code| code.expires_at > now && code.tries < TRIES))
}

/// What a code gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It is the one that was mailed; the address is proved.
    Proved,
    /// It is not; so many tries are left.
    Wrong {
        /// How many.
        left: i64,
    },
    /// There is none that could be tried.
    Over,
}

impl Tried {
    /// What the person reads beside the field; nothing when the code was right.
    pub fn problem(self) -> Option<String> {
        match self {
            Self::Proved => None,
            Self::Over => Some("There is no code to enter any more. Send a new one.".to_owned()),
            Self::Wrong { left: ..=0 } => {
                Some("This is not the code, and it was tried too often. Send a new one.".to_owned())
            }
            Self::Wrong { left: 1 } => Some("This is not the code. One more try is left.".to_owned()),
            Self::Wrong { left } => Some(format!("This is not the code. {left} tries are left.")),
        }
    }
}

/// Compares a code; the right one proves the address. Every try is counted, so the caller commits whatever it gave.
pub async fn confirm(
    tx: &mut Tx,
    keys: &Keys,
    by: &Actor,
    account: &Account,
    typed: &str,
    now: Timestamp,
) -> Result<Tried> {
    let Some(code) = store::try_code(tx, account.id, now).await? else {
        return Ok(Tried::Over);
    };
    let digits: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if secret::same(
        digits.as_bytes(),
        links::address_code(keys, account.id, code.nonce).expose().as_bytes(),
    ) {
        store::delete_code(tx, account.id).await?;
        account::prove_address(tx, by, account.id, now).await?;
        return Ok(Tried::Proved);
    }
    let entry = Entry::denied(
        Action::AddressVerifyFailed,
        account::object(account),
        json!({ "tries": code.tries }),
    );
    audit::record(tx, by, None, entry, now).await?;
    Ok(Tried::Wrong {
        left: TRIES - code.tries,
    })
}
