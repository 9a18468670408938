//! Reading the log: what is asked for, page by page, newest first.

use super::{
    Action, ActorKind, Outcome,
    listing::{self, By},
    store,
};
use crate::{
    clock::Timestamp,
    db::Read,
    error::Result,
    ids::{OrgId, UserId},
    text,
    web::list::Slice,
};

/// What is asked for; the default is everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this action.
    pub action: Option<Action>,
    /// Only what this person did.
    pub actor: Option<UserId>,
    /// Only what ended so.
    pub outcome: Option<Outcome>,
    /// Words in the actor's or the object's name, or the whole address of the client.
    pub words: String,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Which end of the chain a page is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The newest.
    Newest,
    /// The nearest older than this number.
    Before(i64),
    /// The nearest newer than this number.
    After(i64),
}

/// One event.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in the chain.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What kind of actor.
    pub actor_kind: ActorKind,
    /// The person, 0 for none.
    pub actor: UserId,
    /// The actor's name at the time.
    pub actor_name: String,
    /// By which way.
    pub via: String,
    /// From which address.
    pub ip: String,
    /// With which client.
    pub agent: String,
    /// In which request.
    pub request_id: String,
    /// What; none for an action that this Muster does not know.
    pub action: Option<Action>,
    /// Its stable name.
    pub action_name: String,
    /// The object's kind.
    pub object_kind: String,
    /// The object's name at the time.
    pub object_name: String,
    /// The changed fields before, as JSON, empty for none.
    pub before: String,
    /// The changed fields after, as JSON, empty for none.
    pub after: String,
    /// How it ended.
    pub outcome: Outcome,
}

impl From<store::Row> for Line {
    fn from(row: store::Row) -> Self {
        Self {
            seq: row.seq,
            at: row.at,
            actor_kind: ActorKind::of(row.actor_kind).unwrap_or(ActorKind::Anonymous),
            actor: UserId::from_raw(row.actor_id),
            actor_name: row.actor_name,
            via: row.via,
            ip: row.ip,
            agent: row.agent,
            request_id: row.request_id,
            action: Action::find(&row.action),
            action_name: row.action,
            object_kind: row.object_kind,
            object_name: row.object_name,
            before: row.before,
            after: row.after,
            outcome: Outcome::of(row.result).unwrap_or(Outcome::Error),
        }
    }
}

/// The number of a chain: an organization's, or the enterprise's.
pub(super) fn chain(org: Option<OrgId>) -> i64 {
    org.map_or(0, OrgId::raw)
}

/// One page of what is asked for, newest first.
pub async fn page(
    db: &mut impl Read,
    org: Option<OrgId>,
    filter: &Filter,
    place: Place,
    size: usize,
) -> Result<Slice<Line>> {
    let (older, bound) = match place {
        Place::Newest => (true, i64::MAX),
        Place::Before(seq) => (true, seq),
        Place::After(seq) => (false, seq),
    };
    let by = match (filter.action, filter.actor) {
        (_, Some(_)) => By::Actor,
        (Some(_), None) => By::Action,
        (None, None) => By::Chain,
    };
    let words = filter.words.trim();
    let asked = (
        chain(org),
        bound,
        filter.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
        filter.until.unwrap_or(Timestamp::from_micros(i64::MAX)),
        filter.action.map_or("", Action::name).to_owned(),
        filter.actor.map_or(-1, UserId::raw),
        filter.outcome.map_or(0, |outcome| outcome as i64),
        if words.is_empty() {
            String::new()
        } else {
            text::contains(words)
        },
        words.to_owned(),
        size as i64 + 1,
    );
    let rows = listing::list(db, by, older, asked).await?;
    let lines = rows.into_iter().map(Line::from).collect();
    Ok(Slice::cut(lines, size, !older, place == Place::Newest))
}

/// The latest events of a chain, for a page that shows a few.
pub async fn latest(db: &mut impl Read, org: Option<OrgId>, size: usize) -> Result<Vec<Line>> {
    Ok(page(db, org, &Filter::default(), Place::Newest, size).await?.rows)
}

/// The number of the chain's last event.
pub(super) async fn end(db: &mut impl Read, org: Option<OrgId>) -> Result<i64> {
    Ok(store::find_head(db, chain(org)).await?.map_or(0, |head| head.seq))
}
