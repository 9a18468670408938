//! Sessions as rows: the cookie carries an opaque token, the row its hash, and every change acts on the next request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use data_encoding::HEXLOWER;

use super::store;
pub use super::store::SessionRow;
use crate::{
    audit::{self, Action, Actor, Entry, Object},
    clock::{Clock, Timestamp},
    db::{Db, Read, Tx},
    error::{Error, Result},
    ids::{SessionId, UserId},
    secret::{Secret, hash_token, random},
};

/// How long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

/// Opens a session in the caller's transaction and returns the token for the cookie.
pub async fn open(
    tx: &mut Tx,
    user: UserId,
    lifetimes: Lifetimes,
    ip: &str,
    agent: &str,
    now: Timestamp,
) -> Result<Secret> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789AZ";
    let token: String = random::<64>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect();
    let id = SessionId::from_raw(i64::from_le_bytes(random::<8>()) & 0x001f_ffff_ffff_ffff);
    let agent: String = agent.chars().take(200).collect();
    store::insert(
        tx,
        hash_token(&token),
        id,
        user,
        now,
        now.plus(lifetimes.idle),
        now.plus(lifetimes.absolute),
        ip,
        &agent,
    )
    .await?;
    Ok(Secret::new(token))
}

/// A person's live sessions, the latest first.
pub async fn list(db: &mut impl Read, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
    store::list(db, user, now).await
}

/// Ends one session of the person.
pub async fn end(tx: &mut Tx, by: &Actor, user: UserId, id: SessionId, action: Action, now: Timestamp) -> Result<()> {
    if store::delete_one(tx, user, id).await? == 0 {
        return Err(Error::NotFound);
    }
    let entry = Entry::done(
        action,
        Object::new("session", id.raw(), by.name.clone()),
        serde_json::Value::Null,
        serde_json::Value::Null,
    );
    audit::record(tx, by, None, entry, now).await
}

/// Ends every session of the person but the one at hand; returns how many.
pub async fn end_others(tx: &mut Tx, by: &Actor, user: UserId, keep: SessionId, now: Timestamp) -> Result<u64> {
    let ended = store::delete_others(tx, user, keep).await?;
    let entry = Entry::done(
        Action::SessionRevokeAll,
        Object::new("account", user.raw(), by.name.clone()),
        serde_json::Value::Null,
        serde_json::json!({ "ended": ended }),
    );
    audit::record(tx, by, None, entry, now).await?;
    Ok(ended)
}

/// Ends every session of the person, as part of another recorded act (disable, reset).
pub async fn end_all(tx: &mut Tx, user: UserId) -> Result<u64> {
    store::delete_all(tx, user).await
}

/// Ends every session of many persons, as [`end_all`] of one; the person of each session that was ended.
pub async fn end_all_of(tx: &mut Tx, users: &[UserId]) -> Result<Vec<UserId>> {
    let users: Vec<String> = users.iter().map(|user| user.raw().to_string()).collect();
    store::delete_all_of(tx, users.join(",")).await
}

/// Ends every session of everybody; how many there were.
pub async fn end_every(tx: &mut Tx) -> Result<u64> {
    store::delete_every(tx).await
}

/// Deletes what has ended by time.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    store::delete_expired(tx, now).await
}

/// The state key under which a handler leaves the token of a session that it opened.
pub const TOKEN: &str = "token";
/// The state key under which the middleware finds who calls.
pub const CALLER: &str = "caller";
/// The state key of the session token's hash, from which the CSRF token is made.
pub const HASH: &str = "hash";

/// The state key that says that the database did not answer: nobody is signed out for that.
pub const UNAVAILABLE: &str = "unavailable";

/// The store behind actix-session: it loads callers, and never writes state; sessions are opened and ended by verbs.
#[derive(Clone)]
pub struct Sessions {
    db: Db,
    clock: Clock,
    idle: Duration,
    touched: Arc<Mutex<HashMap<[u8; 32], Timestamp>>>,
}

impl Sessions {
    /// A store over the database.
    pub fn new(db: Db, clock: Clock, idle: Duration) -> Self {
        Self {
            db,
            clock,
            idle,
            touched: Arc::default(),
        }
    }

    /// Whether the session's last-seen time is old enough to be worth a write.
    fn is_due(&self, hash: [u8; 32], now: Timestamp) -> bool {
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        if touched.len() > 50_000 {
            touched.clear();
        }
        match touched.get(&hash) {
            Some(last) if now.since(*last) < Duration::from_secs(60) => false,
            _ => {
                touched.insert(hash, now);
                true
            }
        }
    }
}

impl SessionStore for Sessions {
    async fn load(&self, key: &SessionKey) -> std::result::Result<Option<HashMap<String, String>>, LoadError> {
        let hash = hash_token(key.as_ref());
        let caller = match store::find_caller(&mut self.db.read(), hash, self.clock.now()).await {
            Ok(caller) => caller,
            Err(error) => {
                tracing::error!(%error, "a session could not be read");
                return Ok(Some(HashMap::from([(UNAVAILABLE.to_owned(), "true".to_owned())])));
            }
        };
        let Some(caller) = caller else { return Ok(None) };
        let caller = serde_json::json!([
            caller.session_id.raw(),
            caller.user_id.raw(),
            caller.name,
            caller.email,
            caller.enterprise_role.map(|role| role as i64),
            caller.theme,
            caller.email_proof,
            [
                caller.zone.unwrap_or_default(),
                caller.locale.unwrap_or_default(),
                caller.compact.unwrap_or_default(),
                caller.picture.unwrap_or_default()
            ]
        ]);
        Ok(Some(HashMap::from([
            (CALLER.to_owned(), caller.to_string()),
            (HASH.to_owned(), format!("\"{}\"", HEXLOWER.encode(&hash))),
        ])))
    }

    async fn save(
        &self,
        state: HashMap<String, String>,
        _: &actix_web::cookie::time::Duration,
    ) -> std::result::Result<SessionKey, SaveError> {
        let token: Option<String> = state.get(TOKEN).and_then(|json| serde_json::from_str(json).ok());
        match token.map(SessionKey::try_from) {
            Some(Ok(key)) => Ok(key),
            _ => Err(SaveError::Other(
                Error::Internal("a session was saved that no verb has opened".to_owned()).into(),
            )),
        }
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        ttl: &actix_web::cookie::time::Duration,
    ) -> std::result::Result<SessionKey, UpdateError> {
        if state.contains_key(TOKEN) {
            return self
                .save(state, ttl)
                .await
                .map_err(|error| UpdateError::Other(Error::Internal(error.to_string()).into()));
        }
        Ok(key)
    }

    async fn update_ttl(
        &self,
        key: &SessionKey,
        _: &actix_web::cookie::time::Duration,
    ) -> std::result::Result<(), anyhow::Error> {
        let (hash, now) = (hash_token(key.as_ref()), self.clock.now());
        if self.is_due(hash, now) {
            let this = self.clone();
            // Not part of the request: a slow or full disk must not fail a page for a last-seen time.
            actix_web::rt::spawn(async move {
                if let Err(error) = this.touch(hash, now).await {
                    tracing::warn!(%error, "a session's last-seen time was not saved");
                }
            });
        }
        Ok(())
    }

    async fn delete(&self, _: &SessionKey) -> std::result::Result<(), anyhow::Error> {
        Ok(()) // the verb that ended it has deleted the row in its own transaction
    }
}

impl Sessions {
    async fn touch(&self, hash: [u8; 32], now: Timestamp) -> Result<()> {
        let mut tx = self.db.write().await?;
        store::touch(&mut tx, hash, now, now.plus(self.idle)).await?;
        tx.commit().await
    }
}

/// Ends the session of a cookie token, for sign-out of the session at hand or of one that a new sign-in replaces.
pub async fn end_token_hash(tx: &mut Tx, hash: [u8; 32]) -> Result<u64> {
    store::delete(tx, hash).await
}
