//! SQL of the bulk room. Results show members' and invitations' names (a declared exception).

use super::Kind;
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{JobId, OrgId, UserId},
    record, sql,
};

/// How far a job is, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// Writes down who is meant.
    Collecting = 1,
    /// Works on them.
    Running = 2,
    /// Is through.
    Done = 3,
    /// Was stopped before its end.
    Stopped = 4,
}

impl State {
    /// Whether the worker still has something to do.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Collecting | Self::Running)
    }
}

record! {
    /// An act on many.
    pub struct Job {
        /// The id.
        pub id: JobId,
        /// The organization.
        pub org_id: OrgId,
        /// What is done.
        pub kind: Kind,
        /// How far it is.
        pub state: State,
        /// Who ordered it; 0 for the operator.
        pub user_id: UserId,
        /// Their name at the time.
        pub actor_name: String,
        /// From which address.
        pub ip: String,
        /// With which client.
        pub agent: String,
        /// In which request.
        pub request_id: String,
        /// Who is meant, as JSON.
        pub scope: String,
        /// What exactly is done, as JSON.
        pub terms: String,
        /// The same in words.
        pub title: String,
        /// The job that this one takes back.
        pub undoes: Option<JobId>,
        /// How many are meant, as far as is known.
        pub total: i64,
        /// How many were worked on.
        pub done: i64,
        /// How many of them were changed.
        pub changed: i64,
        /// The last one that was collected or worked on.
        pub place: i64,
        /// Why it was stopped.
        pub note: String,
        /// When it was ordered.
        pub created_at: Timestamp,
        /// When it was through.
        pub finished_at: Option<Timestamp>,
        /// When it was taken back.
        pub undone_at: Option<Timestamp>,
    }
}

record! {
    /// One that waits for its turn, with what was before where a job takes another one back.
    pub struct Waiting {
        /// The member or the invitation.
        pub subject_id: i64,
        /// What was before.
        pub before: String,
    }
}

record! {
    /// What became of one.
    pub struct ItemRow {
        /// The member or the invitation.
        pub subject_id: i64,
        /// 0 waits, 1 changed, 2 nothing to do, 3 refused.
        pub outcome: i64,
        /// Why.
        pub reason: i64,
        /// The name; none for what is not of this organization.
        pub name: Option<String>,
        /// The address.
        pub email: Option<String>,
    }
}

pub(super) type NewJob = (
    JobId,
    OrgId,
    Kind,
    State,
    UserId,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<JobId>,
    i64,
    Timestamp,
);

sql! {
    INSERT: (JobId, OrgId, Kind, State, UserId, String, String, String, String, String, String, String, Option<JobId>, i64, Timestamp) => () =
        "insert into bulk_jobs (id, org_id, kind, state, user_id, actor_name, ip, agent, request_id, scope, terms, title, undoes, total, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    FIND: (OrgId, JobId) => Job =
        "select id, org_id, kind, state, user_id, actor_name, ip, agent, request_id, scope, terms, title, undoes, total, done, changed, place, note, created_at,
                finished_at, undone_at from bulk_jobs where org_id = $1 and id = $2";
    LOCK: (OrgId, JobId) => Job = {
        sqlite "select id, org_id, kind, state, user_id, actor_name, ip, agent, request_id, scope, terms, title, undoes, total, done, changed, place, note, created_at,
                finished_at, undone_at from bulk_jobs where org_id = $1 and id = $2"
        postgres "select id, org_id, kind, state, user_id, actor_name, ip, agent, request_id, scope, terms, title, undoes, total, done, changed, place, note, created_at,
                finished_at, undone_at from bulk_jobs where org_id = $1 and id = $2 for update"
    };
    OPEN: () => Job =
        "select id, org_id, kind, state, user_id, actor_name, ip, agent, request_id, scope, terms, title, undoes, total, done, changed, place, note, created_at,
                finished_at, undone_at from bulk_jobs where state in (1, 2) order by id limit 100";
    ADVANCE: (OrgId, JobId, State, i64, i64, i64, i64, Option<Timestamp>) => () =
        "update bulk_jobs set state = $3, total = $4, done = $5, changed = $6, place = $7, finished_at = $8 where org_id = $1 and id = $2";
    STOP: (OrgId, JobId, String, Timestamp) => () =
        "update bulk_jobs set state = 4, note = $3, finished_at = $4 where org_id = $1 and id = $2 and state in (1, 2)";
    UNDONE: (OrgId, JobId, Timestamp) => () = "update bulk_jobs set undone_at = $3 where org_id = $1 and id = $2 and undone_at is null";
    INSERT_ITEM: bulk (JobId, i64, OrgId, String) = "insert into bulk_items (job_id, subject_id, org_id, before) values", " on conflict do nothing";
    WAITING: (OrgId, JobId, i64, i64) => Waiting =
        "select subject_id, before from bulk_items where org_id = $1 and job_id = $2 and subject_id > $3 and outcome = 0 order by subject_id limit $4";
    CHANGED: (OrgId, JobId, i64, i64) => Waiting =
        "select subject_id, before from bulk_items where org_id = $1 and job_id = $2 and subject_id > $3 and outcome = 1 order by subject_id limit $4";
    SETTLE: bulk (JobId, i64, OrgId, i64, i64, String) = "insert into bulk_items (job_id, subject_id, org_id, outcome, reason, before) values",
        " on conflict (job_id, subject_id) do update set outcome = excluded.outcome, reason = excluded.reason, before = excluded.before";
    MEMBERS: (OrgId, JobId, i64, i64, i64) => ItemRow =
        "select i.subject_id, i.outcome, i.reason, m.name, m.email from bulk_items i left join members m on m.id = i.subject_id and m.org_id = i.org_id
         where i.org_id = $1 and i.job_id = $2 and i.subject_id > $3 and (i.outcome <> 1 or $4 = 0) order by i.subject_id limit $5";
    INVITATIONS: (OrgId, JobId, i64, i64, i64) => ItemRow =
        "select i.subject_id, i.outcome, i.reason, v.email as name, v.email from bulk_items i left join invitations v on v.id = i.subject_id and v.org_id = i.org_id
         where i.org_id = $1 and i.job_id = $2 and i.subject_id > $3 and (i.outcome <> 1 or $4 = 0) order by i.subject_id limit $5";
    OLD_ITEMS: (Timestamp) => () =
        "delete from bulk_items where (job_id, subject_id) in (select i.job_id, i.subject_id from bulk_jobs j join bulk_items i on i.job_id = j.id and i.org_id = j.org_id
         where j.finished_at <= $1 limit 5000)";
    OLD_JOBS: (Timestamp) => () =
        "delete from bulk_jobs where finished_at <= $1 and not exists (select 1 from bulk_items i where i.job_id = bulk_jobs.id and i.org_id = bulk_jobs.org_id)";
}

pub(super) async fn insert(tx: &mut Tx, job: NewJob) -> Result<()> {
    tx.run(INSERT, job).await?;
    Ok(())
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: JobId) -> Result<Option<Job>> {
    db.opt(FIND, (org, id)).await
}
/// The job, held for this transaction.
pub(super) async fn lock(tx: &mut Tx, org: OrgId, id: JobId) -> Result<Option<Job>> {
    tx.opt(LOCK, (org, id)).await
}
pub(super) async fn list_open(db: &mut impl Read) -> Result<Vec<Job>> {
    db.all(OPEN, ()).await
}
/// Writes down how far the job is.
pub(super) async fn advance(tx: &mut Tx, job: &Job) -> Result<()> {
    tx.run(
        ADVANCE,
        (
            job.org_id,
            job.id,
            job.state,
            job.total,
            job.done,
            job.changed,
            job.place,
            job.finished_at,
        ),
    )
    .await?;
    Ok(())
}
pub(super) async fn stop(tx: &mut Tx, job: &Job, note: &str, now: Timestamp) -> Result<u64> {
    tx.run(STOP, (job.org_id, job.id, note, now)).await
}
pub(super) async fn set_undone(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<u64> {
    tx.run(UNDONE, (job.org_id, job.id, now)).await
}
pub(super) async fn insert_items(tx: &mut Tx, job: &Job, items: Vec<(i64, String)>) -> Result<u64> {
    let rows = items
        .into_iter()
        .map(|(subject, before)| (job.id, subject, job.org_id, before))
        .collect();
    tx.many(INSERT_ITEM, rows).await
}
pub(super) async fn list_waiting(db: &mut impl Read, job: &Job, limit: i64) -> Result<Vec<Waiting>> {
    db.all(WAITING, (job.org_id, job.id, job.place, limit)).await
}
/// Those that a job has changed, after a subject.
pub(super) async fn list_changed(
    db: &mut impl Read,
    org: OrgId,
    job: JobId,
    after: i64,
    limit: i64,
) -> Result<Vec<Waiting>> {
    db.all(CHANGED, (org, job, after, limit)).await
}
pub(super) async fn settle(tx: &mut Tx, job: &Job, items: Vec<(i64, i64, i64, String)>) -> Result<()> {
    let rows = items
        .into_iter()
        .map(|(subject, outcome, reason, before)| (job.id, subject, job.org_id, outcome, reason, before))
        .collect();
    tx.many(SETTLE, rows).await?;
    Ok(())
}
pub(super) async fn list_items(
    db: &mut impl Read,
    job: &Job,
    after: i64,
    failed: bool,
    limit: i64,
) -> Result<Vec<ItemRow>> {
    let asked = (job.org_id, job.id, after, i64::from(failed), limit);
    if job.kind == Kind::Resend {
        db.all(INVITATIONS, asked).await
    } else {
        db.all(MEMBERS, asked).await
    }
}
pub(super) async fn delete_old(tx: &mut Tx, before: Timestamp) -> Result<()> {
    tx.run(OLD_ITEMS, (before,)).await?;
    tx.run(OLD_JOBS, (before,)).await?;
    Ok(())
}
