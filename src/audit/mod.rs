//! The audit room: an append-only, hash-chained record of every change, written by domain verbs in their own transaction.
//!
//! Each organization has its own gap-free chain; chain 0 is the enterprise's. A row's hash is
//! `HMAC-SHA-256(audit key, canonical JSON of the row ‖ previous hash)` (SECURITY section 8), so a row that was edited, dropped,
//! inserted or moved is found by [`verify`], and a truncated tail is found by comparing with a head that was kept elsewhere.

mod action;
mod chain;
mod export;
mod forms;
mod handlers;
mod listing;
mod log;
mod sentence;
pub mod store;
pub mod views;

pub use action::Action;
pub use chain::{Head, Report, heads, is_sealed_by, verify};
pub use log::{Filter, Line, latest};
pub use sentence::Words;
pub use store::Recent;

use serde_json::Value;

use crate::{
    access::Permission,
    clock::Timestamp,
    db::{Read, Statement, Tx},
    error::Result,
    ids::{OrgId, UserId},
    secret::Keys,
    web::routes::{Kind, Route, get},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/audit", handlers::index).in_org(Permission::AuditRead),
        get("/o/{org}/audit/export.csv", handlers::export_csv)
            .in_org(Permission::AuditRead)
            .kind(Kind::Download),
        get("/o/{org}/audit/export.ndjson", handlers::export_ndjson)
            .in_org(Permission::AuditRead)
            .kind(Kind::Download),
        get("/e/audit", handlers::enterprise_index).enterprise(Permission::EnterpriseAudit),
        get("/e/audit/export.csv", handlers::enterprise_export_csv)
            .enterprise(Permission::EnterpriseAudit)
            .kind(Kind::Download),
        get("/e/audit/export.ndjson", handlers::enterprise_export_ndjson)
            .enterprise(Permission::EnterpriseAudit)
            .kind(Kind::Download),
    ]
}

/// Every statement of this room.
pub fn statements() -> Vec<Statement> {
    store::statements().into_iter().chain(listing::statements()).collect()
}

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum ActorKind {
    /// A signed-in person.
    Person = 1,
    /// Muster itself, in a background job.
    System = 2,
    /// The operator at the command line.
    Operator = 3,
    /// Someone who is not signed in.
    Anonymous = 4,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Outcome {
    /// It was done.
    Ok = 1,
    /// It was refused.
    Denied = 2,
    /// It failed.
    Error = 3,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Person, Self::System, Self::Operator, Self::Anonymous];

    /// The stable name, as exported.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::System => "system",
            Self::Operator => "operator",
            Self::Anonymous => "anonymous",
        }
    }
    /// Reads the number of a row.
    pub fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Denied, Self::Error];

    /// The stable name, as in links and exports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Error => "error",
        }
    }
    /// Finds an outcome by its stable name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
    /// Reads the number of a row.
    pub fn of(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as i64 == number)
    }
}

/// Who acts, from where, and the key that seals what is recorded of it.
#[derive(Debug, Clone)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The person's id, 0 when nobody is signed in.
    pub id: i64,
    /// The name at the time.
    pub name: String,
    /// `session`, `cli`, `job`, `link`, `key`.
    pub via: &'static str,
    /// The client's address, empty when there is none.
    pub ip: String,
    /// The client's user agent, shortened.
    pub agent: String,
    /// The request's id, empty when there is none.
    pub request_id: String,
    seal: [u8; 32],
}

impl Actor {
    /// Someone at the other end of a request.
    pub fn client(keys: &Keys, person: Option<(UserId, &str)>, ip: &str, agent: &str, request_id: &str) -> Self {
        let (kind, id, name, via) = match person {
            Some((id, name)) => (ActorKind::Person, id.raw(), name.to_owned(), "session"),
            None => (ActorKind::Anonymous, 0, "Nobody signed in".to_owned(), "link"),
        };
        Self {
            kind,
            id,
            name,
            via,
            ip: ip.to_owned(),
            agent: agent.chars().take(200).collect(),
            request_id: request_id.to_owned(),
            seal: seal(keys),
        }
    }
    /// The same client, now known to be this person (a link or a password has just proved it).
    #[must_use]
    pub fn known_as(&self, id: UserId, name: &str) -> Self {
        Self {
            kind: ActorKind::Person,
            id: id.raw(),
            name: name.to_owned(),
            ..self.clone()
        }
    }
    /// Whoever ordered work that goes on without a request, as it was stored with the work; account 0 is the operator.
    pub fn returned(keys: &Keys, who: (UserId, &str), ip: &str, agent: &str, request_id: &str) -> Self {
        if who.0.raw() == 0 {
            return Self::operator(keys);
        }
        Self::client(keys, Some(who), ip, agent, request_id)
    }
    /// The operator at the command line.
    pub fn operator(keys: &Keys) -> Self {
        Self::inside(keys, ActorKind::Operator, "Operator", "cli")
    }
    /// Muster's own background work.
    pub fn system(keys: &Keys) -> Self {
        Self::inside(keys, ActorKind::System, "Muster", "job")
    }
    /// Whoever comes with an API key, by the name of the key.
    pub fn key(keys: &Keys, name: &str, ip: &str, request_id: &str) -> Self {
        Self {
            ip: ip.to_owned(),
            request_id: request_id.to_owned(),
            ..Self::inside(keys, ActorKind::System, &format!("API key {name}"), "key")
        }
    }
    fn inside(keys: &Keys, kind: ActorKind, name: &str, via: &'static str) -> Self {
        Self {
            kind,
            id: 0,
            name: name.to_owned(),
            via,
            ip: String::new(),
            agent: String::new(),
            request_id: String::new(),
            seal: seal(keys),
        }
    }
}

fn seal(keys: &Keys) -> [u8; 32] {
    keys.mac("audit", &[])
}

/// What was acted upon.
#[derive(Debug, Clone)]
pub struct Object {
    /// `member`, `invitation`, `organization` …
    pub kind: &'static str,
    /// Its id, 0 when it has none.
    pub id: i64,
    /// A name that a person recognises: an address, an organization's name.
    pub name: String,
}

impl Object {
    /// Names an object.
    pub fn new(kind: &'static str, id: i64, name: impl Into<String>) -> Self {
        Self {
            kind,
            id,
            name: name.into(),
        }
    }
}

/// One thing that happened. `before` and `after` hold the fields that changed, never a secret.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was done.
    pub action: Action,
    /// To what.
    pub object: Object,
    /// The changed fields before, `Null` when it is new.
    pub before: Value,
    /// The changed fields after, `Null` when it is gone.
    pub after: Value,
    /// How it ended.
    pub outcome: Outcome,
}

impl Entry {
    /// Something that was done.
    pub const fn done(action: Action, object: Object, before: Value, after: Value) -> Self {
        Self {
            action,
            object,
            before,
            after,
            outcome: Outcome::Ok,
        }
    }
    /// Something that was refused.
    pub const fn denied(action: Action, object: Object, detail: Value) -> Self {
        Self {
            action,
            object,
            before: Value::Null,
            after: detail,
            outcome: Outcome::Denied,
        }
    }
}

/// Records one entry in the organization's chain (the enterprise's for `None`), in the caller's transaction.
pub async fn record(tx: &mut Tx, by: &Actor, org: Option<OrgId>, entry: Entry, now: Timestamp) -> Result<()> {
    record_many(tx, by, org, vec![entry], now).await
}

/// Records many entries of one act, one row each.
pub async fn record_many(
    tx: &mut Tx,
    by: &Actor,
    org: Option<OrgId>,
    entries: Vec<Entry>,
    now: Timestamp,
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let chain = org.map_or(0, OrgId::raw);
    if entries
        .iter()
        .any(|entry| entry.outcome == Outcome::Ok && entry.action.may_decide())
    {
        tx.note_change(chain);
    }
    let head = store::take_numbers(tx, chain, entries.len() as i64).await?;
    let mut previous = head.hash;
    let mut rows = Vec::with_capacity(entries.len());
    for (place, entry) in entries.into_iter().enumerate() {
        let mut row = store::Row {
            org_id: chain,
            seq: head.seq + 1 + place as i64,
            at: now,
            actor_kind: by.kind as i64,
            actor_id: by.id,
            actor_name: by.name.clone(),
            via: by.via.to_owned(),
            ip: by.ip.clone(),
            agent: by.agent.clone(),
            request_id: by.request_id.clone(),
            action: entry.action.name().to_owned(),
            object_kind: entry.object.kind.to_owned(),
            object_id: entry.object.id,
            object_name: entry.object.name.chars().filter(|c| *c != '\0').collect(),
            before: text(&entry.before)?,
            after: text(&entry.after)?,
            result: entry.outcome as i64,
            prev_hash: previous,
            hash: Vec::new(),
        };
        row.hash = chain::hash(&by.seal, &row)?;
        previous = row.hash.clone();
        rows.push(row);
    }
    store::insert(tx, rows).await?;
    store::set_head(tx, chain, previous).await
}

/// How often an action was done to an object of an organization since an instant, for limits of so many a day.
pub async fn recent(db: &mut impl Read, org: OrgId, action: Action, object: i64, since: Timestamp) -> Result<Recent> {
    store::count_recent(db, org.raw(), object, action.name(), since).await
}

/// The numbers of the last rows of an organization's chain and of the enterprise's: another process has changed something when they rise.
pub async fn last_numbers(db: &mut impl Read, org: OrgId) -> Result<(i64, i64)> {
    store::last_numbers(db, org.raw()).await
}

fn text(value: &Value) -> Result<String> {
    Ok(if value.is_null() {
        String::new()
    } else {
        serde_json::to_string(value)?.replace("\\u0000", "")
    })
}
