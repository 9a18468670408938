//! What is done to a key after its making: a new secret, a suspension, its end.
//!
//! Whoever rotates a key sees its secret, so a key is rotated by nobody who could not have made it (C11).

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    feature::stale,
    key::{Key, Kind, Standing, State, SuspendedBy, find, find_own},
    secret::PlainKey,
    store,
};
use crate::{
    access::{
        Can,
        permission::{KeyManage, KeyOwn},
    },
    audit::{self, Action, Entry},
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    ids::KeyId,
    members::member,
};

/// The key for a change: the organization is locked, and the caller has seen its present version.
pub(super) async fn open<P>(tx: &mut Tx, by: &Can<P>, id: KeyId, expected: Option<i64>) -> Result<Key> {
    let org = by.org().id;
    if id.org() != org {
        return Err(Error::NotFound);
    }
    member::lock_live(tx, org).await?;
    let key = find(tx, org, id).await?;
    if expected.is_some_and(|expected| expected != key.version) {
        return Err(stale(&key.name));
    }
    Ok(key)
}

pub(super) fn refuse_revoked(key: &Key) -> Result<()> {
    if key.state == State::Revoked {
        return Err(Error::conflict(format!(
            "{} is revoked. Make a new key instead.",
            key.name
        )));
    }
    Ok(())
}

/// For how long the old secret works beside the new one: not at all, an hour, a day, a week.
pub const OVERLAPS: [(&str, &str, Duration); 4] = [
    ("0", "Stop the old secret now", Duration::ZERO),
    ("1h", "Keep the old secret for 1 hour", crate::clock::hours(1)),
    ("24h", "Keep the old secret for 24 hours", crate::clock::hours(24)),
    ("7d", "Keep the old secret for 7 days", days(7)),
];

/// Gives a key of a group or service a new secret.
pub async fn rotate(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: KeyId,
    expected: Option<i64>,
    overlap: Duration,
    now: Timestamp,
) -> Result<(Key, PlainKey)> {
    let key = open(tx, by, id, expected).await?;
    if key.kind == Kind::Personal {
        return Err(Error::forbidden(
            "Only its owner rotates a personal key, because whoever rotates a key sees its secret. You can revoke it.",
        ));
    }
    renew(tx, by, key, overlap, now).await
}

/// Gives one of the caller's own keys a new secret.
pub async fn rotate_own(
    tx: &mut Tx,
    by: &Can<KeyOwn>,
    id: KeyId,
    expected: Option<i64>,
    overlap: Duration,
    now: Timestamp,
) -> Result<(Key, PlainKey)> {
    find_own(tx, by, id).await?;
    let key = open(tx, by, id, expected).await?;
    renew(tx, by, key, overlap, now).await
}

async fn renew<P>(tx: &mut Tx, by: &Can<P>, key: Key, overlap: Duration, now: Timestamp) -> Result<(Key, PlainKey)> {
    refuse_revoked(&key)?;
    if key.standing(now) == Standing::Expired {
        return Err(Error::conflict(format!(
            "{} has expired. Give it a later end first, or make a new key.",
            key.name
        )));
    }
    // Of a personal key only that counts which its owner may do at the moment, so it needs no question here.
    let beyond = key.scopes().host().beyond(&by.permissions());
    if key.kind != Kind::Personal && !beyond.is_empty() {
        return Err(Error::forbidden(format!(
            "This key may be used for more than you may do yourself: {}. Ask an Org Admin to rotate it.",
            beyond.join(", ")
        )));
    }
    let org = by.org().id;
    let new = PlainKey::of(key.kind, &key.public_id);
    let secret = (new.hash(), new.last_four());
    let until = if overlap.is_zero() {
        store::replace(tx, org, key.id, secret, now).await?;
        None
    } else {
        let until = now.plus(overlap);
        store::overlap(tx, org, key.id, secret, now, until).await?;
        Some(until)
    };
    let after = json!({ "old_secret_until": until.map_or(now, |until| until).micros() });
    let entry = Entry::done(Action::KeyRotate, key.object(), Value::Null, after);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok((find(tx, org, key.id).await?, new))
}

/// What can be done to the state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Suspend it.
    Suspend,
    /// Take a suspension back.
    Activate,
    /// Revoke it for good.
    Revoke,
}

impl Deed {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Suspend, Self::Activate, Self::Revoke];

    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Suspend => "Suspend",
            Self::Activate => "Activate",
            Self::Revoke => "Revoke",
        }
    }
    /// The stable name in forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Activate => "activate",
            Self::Revoke => "revoke",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.key() == key)
    }
    /// "was suspended".
    pub const fn past(self) -> &'static str {
        match self {
            Self::Suspend => "suspended",
            Self::Activate => "activated",
            Self::Revoke => "revoked",
        }
    }
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Suspend => Action::KeySuspend,
            Self::Activate => Action::KeyActivate,
            Self::Revoke => Action::KeyRevoke,
        }
    }
    /// What the key is afterwards.
    pub(super) const fn state(self) -> (State, SuspendedBy) {
        match self {
            Self::Suspend => (State::Suspended, SuspendedBy::Person),
            Self::Activate => (State::Active, SuspendedBy::Nobody),
            Self::Revoke => (State::Revoked, SuspendedBy::Nobody),
        }
    }
    /// Whether it can be done to a key, or why not; for one key and for many alike.
    pub fn judge(self, key: &Key) -> std::result::Result<(), &'static str> {
        match (self, key.state, key.suspended_by) {
            (_, State::Revoked, _) => Err("is revoked, which is final"),
            (Self::Suspend, State::Suspended, SuspendedBy::Person) => Err("is suspended already"),
            (Self::Activate, State::Active, _) => Err("is not suspended"),
            (Self::Activate, State::Suspended, SuspendedBy::Owner) => {
                Err("is suspended with its owner, and comes back when the owner is activated")
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn state_words(state: State, suspended_by: SuspendedBy) -> &'static str {
    match (state, suspended_by) {
        (State::Active, _) => "Active",
        (State::Suspended, SuspendedBy::Owner) => "Suspended with its owner",
        (State::Suspended, _) => "Suspended",
        (State::Revoked, _) => "Revoked",
    }
}

pub(super) fn state_entry(key: &Key, deed: Deed) -> Entry {
    let (state, suspended_by) = deed.state();
    Entry::done(
        deed.action(),
        key.object(),
        json!({ "state": state_words(key.state, key.suspended_by) }),
        json!({ "state": state_words(state, suspended_by) }),
    )
}

/// Suspends, activates or revokes a key, which acts on its next use.
pub async fn set_state(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: KeyId,
    expected: Option<i64>,
    deed: Deed,
    now: Timestamp,
) -> Result<Key> {
    let key = open(tx, by, id, expected).await?;
    apply(tx, by, key, deed, now).await
}

/// Revokes one of the caller's own keys.
pub async fn revoke_own(
    tx: &mut Tx,
    by: &Can<KeyOwn>,
    id: KeyId,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<Key> {
    find_own(tx, by, id).await?;
    let key = open(tx, by, id, expected).await?;
    apply(tx, by, key, Deed::Revoke, now).await
}

async fn apply<P>(tx: &mut Tx, by: &Can<P>, key: Key, deed: Deed, now: Timestamp) -> Result<Key> {
    deed.judge(&key)
        .map_err(|why| Error::conflict(format!("{} {why}.", key.name)))?;
    let org = by.org().id;
    store::set_state(tx, org, &[key.id], deed.state(), &by.actor().name, now).await?;
    audit::record(tx, by.actor(), Some(org), state_entry(&key, deed), now).await?;
    find(tx, org, key.id).await
}
