//! SQL of the outbox.

use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::MailId,
    record, sql,
};

/// Where a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum MailState {
    /// It waits for its first attempt.
    Queued = 1,
    /// The mail server took it.
    Sent = 2,
    /// It failed for now and is tried again.
    Deferred = 3,
    /// It failed for good.
    Bounced = 4,
    /// No mail server is configured: its link is handed over by other means.
    LinkOnly = 5,
    /// It is not wanted any more.
    Cancelled = 6,
}

impl MailState {
    /// All of them, for the filter.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Sent,
        Self::Deferred,
        Self::Bounced,
        Self::LinkOnly,
        Self::Cancelled,
    ];
    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Sent => "Sent",
            Self::Deferred => "Deferred",
            Self::Bounced => "Bounced",
            Self::LinkOnly => "Link only",
            Self::Cancelled => "Cancelled",
        }
    }
    /// The stable name in addresses.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Deferred => "deferred",
            Self::Bounced => "bounced",
            Self::LinkOnly => "link_only",
            Self::Cancelled => "cancelled",
        }
    }
    /// Finds a state by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.key() == key)
    }
}

record! {
    /// One mail.
    pub struct MailRow {
        /// The mail.
        pub id: MailId,
        /// Its organization, 0 for none.
        pub org_id: i64,
        /// To whom.
        pub recipient: String,
        /// The typed mail as JSON.
        pub message: String,
        /// The invitation that it carries.
        pub subject_id: Option<i64>,
        /// The left half of its Message-ID, the same at each attempt.
        pub message_id: String,
        /// Where it is.
        pub state: MailState,
        /// How many attempts were made.
        pub attempts: i64,
        /// When it is tried next.
        pub next_at: Timestamp,
        /// Why the last attempt failed.
        pub last_error: String,
        /// When it was written.
        pub created_at: Timestamp,
        /// When it was sent.
        pub sent_at: Option<Timestamp>,
    }
}

sql! {
    TAKE_IDS: (i64) => (i64,) = "update sequences set next = next + $1 where name = 'mail' returning next";
    BEGIN_IDS: () => () = "insert into sequences (name, next) values ('mail', 1) on conflict do nothing";
    INSERT: bulk (MailId, i64, String, String, Option<i64>, String, MailState, Timestamp, Timestamp) =
        "insert into outbox (id, org_id, recipient, message, subject_id, message_id, state, next_at, created_at) values", "";
    CANCEL: (i64) => () = "update outbox set state = 6 where subject_id = $1 and state in (1, 3, 5)";
    DUE: (Timestamp, i64) => MailRow =
        "select id, org_id, recipient, message, subject_id, message_id, state, attempts, next_at, last_error, created_at, sent_at
         from outbox where state in (1, 3) and next_at <= $1 order by next_at, id limit $2";
    TAKE: (MailId, Timestamp, Timestamp) => () = "update outbox set next_at = $3 where id = $1 and next_at = $2 and state in (1, 3)";
    FINISH: (MailId, MailState, String, Timestamp, Option<Timestamp>) => () =
        "update outbox set state = $2, last_error = $3, attempts = attempts + 1, next_at = coalesce($5, next_at),
                sent_at = case when $2 = 2 then $4 else sent_at end where id = $1";
    HOLD: (MailId, Timestamp) => () = "update outbox set next_at = $2 where id >= $1 and state = 1";
    RELEASE: (Timestamp, Timestamp, i64) => () =
        "update outbox set next_at = $2 where id in (select id from outbox where state in (1, 3) and next_at = $1 order by id limit $3)";
    WITHDRAW: (Timestamp, i64) => () =
        "update outbox set state = 6 where id in (select id from outbox where state in (1, 3) and next_at = $1 order by id limit $2)";
    PASS_OVER: (Timestamp, i64) => (MailId, Option<i64>) =
        "update outbox set state = 5, last_error = '', attempts = attempts + 1
         where state in (1, 3) and id in (select id from outbox where state in (1, 3) and next_at <= $1 order by next_at, id limit $2)
         returning id, subject_id";
    REQUEUE: (MailId, Timestamp) => () = "update outbox set state = 1, attempts = 0, last_error = '', next_at = $2 where id = $1";
    LIST: (i64, i64) => MailRow =
        "select id, org_id, recipient, message, subject_id, message_id, state, attempts, next_at, last_error, created_at, sent_at
         from outbox where id < $1 order by id desc limit $2";
    LIST_STATE: (MailState, i64, i64) => MailRow =
        "select id, org_id, recipient, message, subject_id, message_id, state, attempts, next_at, last_error, created_at, sent_at
         from outbox where state = $1 and id < $2 order by id desc limit $3";
    FIND: (MailId) => MailRow =
        "select id, org_id, recipient, message, subject_id, message_id, state, attempts, next_at, last_error, created_at, sent_at
         from outbox where id = $1";
    COUNTS: () => (MailState, i64) = "select state, count(*) as n from outbox group by state order by state";
}

pub(super) async fn take_ids(tx: &mut Tx, count: i64) -> Result<i64> {
    let next = match tx.opt(TAKE_IDS, (count,)).await? {
        Some(row) => row.0,
        None => {
            tx.run(BEGIN_IDS, ()).await?;
            tx.one(TAKE_IDS, (count,)).await?.0
        }
    };
    Ok(next - count)
}
type New = (
    MailId,
    i64,
    String,
    String,
    Option<i64>,
    String,
    MailState,
    Timestamp,
    Timestamp,
);
pub(super) async fn insert(tx: &mut Tx, rows: Vec<New>) -> Result<()> {
    tx.many(INSERT, rows).await?;
    Ok(())
}
pub(super) async fn cancel_waiting(tx: &mut Tx, subject: i64) -> Result<()> {
    tx.run(CANCEL, (subject,)).await?;
    Ok(())
}
pub(super) async fn list_due(db: &mut impl Read, now: Timestamp, limit: i64) -> Result<Vec<MailRow>> {
    db.all(DUE, (now, limit)).await
}
pub(super) async fn take(tx: &mut Tx, id: MailId, was: Timestamp, until: Timestamp) -> Result<bool> {
    Ok(tx.run(TAKE, (id, was, until)).await? == 1)
}
pub(super) async fn finish(
    tx: &mut Tx,
    id: MailId,
    state: MailState,
    error: &str,
    now: Timestamp,
    next: Option<Timestamp>,
) -> Result<()> {
    tx.run(FINISH, (id, state, error, now, next)).await?;
    Ok(())
}
pub(super) async fn hold(tx: &mut Tx, since: MailId, until: Timestamp) -> Result<()> {
    tx.run(HOLD, (since, until)).await?;
    Ok(())
}
pub(super) async fn release(tx: &mut Tx, held: Timestamp, now: Timestamp, most: i64) -> Result<u64> {
    tx.run(RELEASE, (held, now, most)).await
}
pub(super) async fn withdraw(tx: &mut Tx, held: Timestamp, most: i64) -> Result<u64> {
    tx.run(WITHDRAW, (held, most)).await
}
/// Marks what is due as mails that nobody sends, at most `most`: which they were, and what they are about.
pub(super) async fn pass_over(tx: &mut Tx, now: Timestamp, most: i64) -> Result<Vec<(MailId, Option<i64>)>> {
    tx.all(PASS_OVER, (now, most)).await
}
pub(super) async fn requeue(tx: &mut Tx, id: MailId, now: Timestamp) -> Result<()> {
    tx.run(REQUEUE, (id, now)).await?;
    Ok(())
}
pub(super) async fn list(
    db: &mut impl Read,
    state: Option<MailState>,
    before: i64,
    limit: i64,
) -> Result<Vec<MailRow>> {
    match state {
        Some(state) => db.all(LIST_STATE, (state, before, limit)).await,
        None => db.all(LIST, (before, limit)).await,
    }
}
pub(super) async fn find(db: &mut impl Read, id: MailId) -> Result<Option<MailRow>> {
    db.opt(FIND, (id,)).await
}
pub(super) async fn counts(db: &mut impl Read) -> Result<Vec<(MailState, i64)>> {
    db.all(COUNTS, ()).await
}
