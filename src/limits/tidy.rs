//! What time has ended is put away. Nothing waits for it: raises and requests are judged by the instant at which they are read.

use serde_json::{Map, Value as Json, json};

use super::{policy::Scope, store};
use crate::{
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::Tx,
    error::Result,
};

/// Removes raises that have ended and marks requests that nobody answered; how many, at most 1,000.
pub async fn tidy(tx: &mut Tx, by: &Actor, now: Timestamp) -> Result<usize> {
    let ended = store::list_ended(tx, now).await?;
    let overdue = store::list_overdue(tx, now).await?;
    let count = ended.len() + overdue.len();
    for row in ended {
        store::delete_one(tx, row.org_id, row.id).await?;
        let Some(name) = row.name.filter(|_| row.scope == Scope::Member) else {
            continue;
        };
        let amount = row
            .amount
            .map_or_else(|| "Unlimited".to_owned(), |amount| amount.to_string());
        let mut before = Map::from_iter([(format!("{}_limit", row.period.key()), json!(amount))]);
        before.insert("until".to_owned(), json!(row.valid_until.map(Timestamp::micros)));
        let object = Object::new("member", row.scope_id, name);
        let entry = Entry::done(Action::LimitRaiseEnd, object, Json::Object(before), Json::Null);
        audit::record(tx, by, Some(row.org_id), entry, now).await?;
    }
    for row in overdue {
        store::expire(tx, row.org_id, row.id).await?;
        let object = Object::new("member", row.member_id.raw(), row.name);
        let entry = Entry::done(
            Action::LimitRequestExpire,
            object,
            json!({ "limit": row.period.key() }),
            Json::Null,
        );
        audit::record(tx, by, Some(row.org_id), entry, now).await?;
    }
    Ok(count)
}
