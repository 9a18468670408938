//! The texts that list a chain for the pages and files of the audit log: by chain, action or actor, older or newer.

use super::store::Row;
use crate::{
    clock::Timestamp,
    db::{Engine, Read, Statement, Text},
    error::Result,
};

/// What a page of the log asks for: chain, bound of `seq`, from, until, action, actor, result, words, address, count.
pub(super) type Asked = (i64, i64, Timestamp, Timestamp, String, i64, i64, String, String, i64);

/// Which index a page is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The chain itself.
    Chain,
    /// One action.
    Action,
    /// One actor.
    Actor,
}

/// The text that lists a chain before (older than) a number, or after it.
fn text(engine: Engine, by: By, older: bool) -> String {
    let like = match engine {
        Engine::Sqlite => "like",
        Engine::Postgres => "ilike",
    };
    let action = if by == By::Action {
        "action = $5"
    } else {
        "($5 = '' or action = $5)"
    };
    let actor = if by == By::Actor {
        "actor_id = $6"
    } else {
        "($6 = -1 or actor_id = $6)"
    };
    let (bound, order) = if older { ("<", "desc") } else { (">", "asc") };
    format!(
        "select org_id, seq, at, actor_kind, actor_id, actor_name, via, ip, agent, request_id, action, object_kind, object_id, object_name, before, after, result, prev_hash, hash
         from audit where org_id = $1 and seq {bound} $2 and at >= $3 and at < $4 and {action} and {actor} and ($7 = 0 or result = $7)
         and ($8 = '' or actor_name {like} $8 escape '\\' or object_name {like} $8 escape '\\' or ip = $9)
         order by seq {order} limit $10"
    )
}

/// One page of a chain; older than the bound nearest first, or newer than it nearest first.
pub(super) async fn list(db: &mut impl Read, by: By, older: bool, asked: Asked) -> Result<Vec<Row>> {
    let made = Text::Made(text(db.engine(), by, older));
    db.rows(made, asked).await
}

/// Every text that [`list`] can make.
pub fn statements() -> Vec<Statement> {
    let mut list = Vec::new();
    for by in [By::Chain, By::Action, By::Actor] {
        for older in [true, false] {
            list.push(Statement::of_text::<Asked, Row>(
                "audit::listing::listing",
                text(Engine::Sqlite, by, older),
                text(Engine::Postgres, by, older),
            ));
        }
    }
    list
}
