//! The noun: an act on many. Ordering it, stopping it, taking it back; [`super::work`] does it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use super::store::{Job, State};
use super::{
    kind::{Kind, Terms},
    store,
};
use crate::{
    access::Can,
    audit::{self, Action, Entry, Object},
    clock::{Timestamp, minutes},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{InvitationId, JobId, MemberId, OrgId},
    members::picks::Selection,
    orgs,
};

/// How long an act can be taken back after it is through.
pub const UNDO: std::time::Duration = minutes(10);

/// Who is meant, as a job keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// These, whose rows are there already.
    Ids,
    /// Everyone whom this list of members shows, but for some.
    Members {
        /// The list's address without its path and place.
        list: String,
        /// The exceptions.
        except: Vec<MemberId>,
    },
    /// Every pending invitation whose address holds this text.
    Invitations {
        /// The text.
        search: String,
    },
    /// Those whom another job has changed.
    Undo(JobId),
}

/// Who is meant, as whoever orders it says.
#[derive(Debug, Clone)]
pub enum Meant {
    /// Members.
    Members(Selection),
    /// These invitations.
    Invitations(Vec<InvitationId>),
    /// Every pending invitation whose address holds a text.
    AllInvitations(String),
}

impl Meant {
    fn split(self) -> (Scope, Vec<i64>) {
        match self {
            Self::Members(Selection::Ids(ids)) => (Scope::Ids, ids.into_iter().map(MemberId::raw).collect()),
            Self::Members(Selection::All { list, except }) => (Scope::Members { list, except }, Vec::new()),
            Self::Invitations(ids) => (Scope::Ids, ids.into_iter().map(InvitationId::raw).collect()),
            Self::AllInvitations(search) => (Scope::Invitations { search }, Vec::new()),
        }
    }
}

/// An order.
#[derive(Debug, Clone)]
pub struct Order {
    /// What is to be done.
    pub kind: Kind,
    /// What exactly.
    pub terms: Terms,
    /// The same in words.
    pub title: String,
    /// To whom.
    pub meant: Meant,
    /// How many that are, as far as is known.
    pub total: i64,
}

/// Finds a job of the organization.
pub async fn find(db: &mut impl Read, org: OrgId, id: JobId) -> Result<Job> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find(db, org, id).await?.ok_or(Error::NotFound)
}

/// Writes down an order; nothing is done to anybody yet.
pub async fn order<P>(tx: &mut Tx, by: &Can<P>, order: Order, now: Timestamp) -> Result<Job> {
    if !by.may(order.kind.permission()) {
        return Err(Error::forbidden(format!(
            "Your role in {} does not allow you to {}. Ask an administrator of the organization.",
            by.org().name,
            order.kind.permission().deed()
        )));
    }
    let (scope, ids) = order.meant.split();
    let new = New {
        kind: order.kind,
        terms: &order.terms,
        title: order.title,
        total: order.total,
        undoes: None,
    };
    let job = insert(tx, by, new, &scope, now).await?;
    store::insert_items(tx, &job, ids.into_iter().map(|id| (id, String::new())).collect()).await?;
    Ok(job)
}

struct New<'a> {
    kind: Kind,
    terms: &'a Terms,
    title: String,
    total: i64,
    undoes: Option<JobId>,
}

async fn insert<P>(tx: &mut Tx, by: &Can<P>, new: New<'_>, scope: &Scope, now: Timestamp) -> Result<Job> {
    let org = by.org().id;
    let id = JobId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    let state = if *scope == Scope::Ids {
        State::Running
    } else {
        State::Collecting
    };
    let actor = by.actor();
    let row = (
        id,
        org,
        new.kind,
        state,
        by.user_id(),
        actor.name.clone(),
        actor.ip.clone(),
        actor.agent.clone(),
        actor.request_id.clone(),
        serde_json::to_string(scope)?,
        serde_json::to_string(new.terms)?,
        new.title,
        new.undoes,
        new.total,
        now,
    );
    store::insert(tx, row).await?;
    store::find(tx, org, id).await?.ok_or(Error::NotFound)
}

/// Stops a job; what is done stays done.
pub async fn stop<P>(tx: &mut Tx, by: &Can<P>, id: JobId, now: Timestamp) -> Result<Job> {
    let job = locked(tx, by, id).await?;
    let note = format!("Stopped by {}.", by.actor().name);
    if store::stop(tx, &job, &note, now).await? == 0 {
        return Err(Error::conflict("This has ended already. Reload the page to see how."));
    }
    let after = json!({ "done": job.done, "of": job.total });
    record(tx, by, &job, Action::BulkStop, after, now).await?;
    find(tx, job.org_id, job.id).await
}

/// Orders that a job is taken back, for everyone whom it has changed and nobody has changed since.
pub async fn undo<P>(tx: &mut Tx, by: &Can<P>, id: JobId, now: Timestamp) -> Result<Job> {
    let job = locked(tx, by, id).await?;
    let inverse = job
        .kind
        .inverse()
        .filter(|_| job.undoes.is_none())
        .ok_or_else(|| Error::conflict("This cannot be taken back as a whole."))?;
    if job.undone_at.is_some() {
        return Err(Error::conflict(
            "This was taken back already. Reload the page to see how things are.",
        ));
    }
    if !job.can_undo(now) {
        return Err(Error::conflict(
            "The ten minutes in which this can be taken back are over. Select the people again and change them.",
        ));
    }
    store::set_undone(tx, &job, now).await?;
    let terms: Terms = serde_json::from_str(&job.terms)?;
    let new = New {
        kind: inverse,
        terms: &terms,
        title: format!("Undo: {}", job.title),
        total: job.changed,
        undoes: Some(job.id),
    };
    let undo = insert(tx, by, new, &Scope::Undo(job.id), now).await?;
    record(tx, by, &job, Action::BulkUndo, json!({ "members": job.changed }), now).await?;
    Ok(undo)
}

async fn locked<P>(tx: &mut Tx, by: &Can<P>, id: JobId) -> Result<Job> {
    let org = by.org().id;
    if id.org() != org {
        return Err(Error::NotFound);
    }
    let job = store::lock(tx, org, id).await?.ok_or(Error::NotFound)?;
    if !by.may(job.kind.permission()) {
        return Err(Error::NotFound);
    }
    Ok(job)
}

async fn record<P>(tx: &mut Tx, by: &Can<P>, job: &Job, action: Action, after: Value, now: Timestamp) -> Result<()> {
    let object = Object::new("job", job.id.raw(), job.title.clone());
    let entry = Entry::done(action, object, Value::Null, after);
    audit::record(tx, by.actor(), Some(job.org_id), entry, now).await
}

impl Job {
    /// Whether it can still be taken back.
    pub fn can_undo(&self, now: Timestamp) -> bool {
        self.kind.inverse().is_some()
            && self.undoes.is_none()
            && self.undone_at.is_none()
            && self.changed > 0
            && self.finished_at.is_some_and(|end| now.since(end) < UNDO)
    }
}

/// Jobs that ended longer ago than this are forgotten; what they did stands in the audit log.
const KEPT: std::time::Duration = crate::clock::days(30);

/// Forgets old jobs, some thousand rows at a time.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<()> {
    store::delete_old(tx, now.minus(KEPT)).await
}
