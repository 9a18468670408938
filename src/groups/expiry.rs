//! What time does to groups: a mail before somebody's time in a group ends, and the end itself.
//!
//! The end counts from its instant wherever a right is asked for; the worker only clears away afterwards.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::store::{self, Due};
use crate::{
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, days},
    db::Tx,
    error::Result,
    ids::{GroupId, MemberId, OrgId},
    mail::{self, Mail, address::Address},
};

/// How long before the end the mail goes out.
const NOTICE: Duration = days(7);
/// How many times one round of the worker clears away, 500 people each time.
const ROUNDS: usize = 10;

/// Those due, by organization and group.
fn by_group(due: &[Due]) -> BTreeMap<(OrgId, GroupId), Vec<&Due>> {
    let mut groups: BTreeMap<(OrgId, GroupId), Vec<&Due>> = BTreeMap::new();
    for row in due {
        groups.entry((row.org_id, row.group_id)).or_default().push(row);
    }
    groups
}

fn members(rows: &[&Due]) -> Vec<MemberId> {
    rows.iter().map(|row| row.member_id).collect()
}

/// Writes once to everyone whose time in a group ends within a week, and to the group's leads, who can extend it.
pub async fn warn_due(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let due = store::list_ending_soon(tx, now, now.plus(NOTICE)).await?;
    for ((org, group), rows) in by_group(&due) {
        let leads = store::leads(tx, org, group, now).await?;
        let mut mails = Vec::new();
        for row in &rows {
            let mail = |whose: Option<String>| Mail::GroupEnding {
                organization: row.organization.clone(),
                slug: row.slug.clone(),
                group: row.group_name.clone(),
                id: group,
                whose,
                ends_at: row.expires_at,
                zone: row.zone.clone(),
            };
            if let Ok(address) = Address::parse(&row.email) {
                mails.push((address, mail(None)));
            }
            for lead in leads
                .iter()
                .filter(|lead| lead.id != row.member_id && lead.status.acts())
            {
                if let Ok(address) = Address::parse(&lead.email) {
                    mails.push((address, mail(Some(row.name.clone()))));
                }
            }
        }
        if !mails.is_empty() {
            mail::enqueue_many(tx, Some(org), &mails, now).await?;
        }
        store::set_warned(tx, org, group, &members(&rows), now).await?;
    }
    Ok(())
}

/// Takes those out of their groups whose time has ended, and records it for each.
pub async fn end_due(tx: &mut Tx, by: &Actor, now: Timestamp) -> Result<()> {
    for _ in 0..ROUNDS {
        let due = store::list_ended(tx, now).await?;
        if due.is_empty() {
            return Ok(());
        }
        for ((org, group), rows) in by_group(&due) {
            store::lock(tx, org).await?;
            store::delete_members(tx, org, group, &members(&rows)).await?;
            let entries = rows
                .iter()
                .map(|row| {
                    let before = json!({ "group": row.group_name, "until": row.expires_at.micros() });
                    let object = Object::new("member", row.member_id.raw(), row.name.clone());
                    Entry::done(Action::GroupMemberExpire, object, before, Value::Null)
                })
                .collect();
            audit::record_many(tx, by, Some(org), entries, now).await?;
        }
    }
    Ok(())
}
