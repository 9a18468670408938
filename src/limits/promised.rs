//! Limits that an invitation promises: they are kept beside it and set when its person joins.

use serde_json::{Map, Value as Json, json};

use super::{
    policy::{self, Choice, Enforcement, Put, Scope, Value, Wish},
    settings, store,
    window::Window,
};
use crate::{
    access::{Can, permission::LimitSet},
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::{InvitationId, MemberId, OrgId},
};

/// The limits of a wish that are more than what is inherited.
fn chosen(wish: &Wish) -> impl Iterator<Item = (Window, Value)> + '_ {
    Window::OFFERED.into_iter().filter_map(|window| match wish.of(window) {
        Some(Choice::Set(value)) => Some((window, value)),
        Some(Choice::Inherit) | None => None,
    })
}

/// Promises limits to people who were just invited; they count until further notice from the day on which each of them joins.
pub async fn promise(tx: &mut Tx, by: &Can<LimitSet>, wishes: &[(InvitationId, Wish)]) -> Result<()> {
    let org = by.org().id;
    let rows = wishes
        .iter()
        .flat_map(|(id, wish)| chosen(wish).map(|(window, value)| (*id, window, value)))
        .map(|(id, window, value)| (id, window, org, value.amount(), by.actor().name.clone()))
        .collect();
    store::insert_promised(tx, rows).await
}

/// Takes back what an invitation promised, before it is made anew on other terms.
pub async fn forget(tx: &mut Tx, org: OrgId, id: InvitationId) -> Result<()> {
    store::delete_promised(tx, org, id).await
}

/// Sets what the invitation promised for the member whom it made, and records it.
pub async fn keep(
    tx: &mut Tx,
    by: &Actor,
    invitation: InvitationId,
    (member, name): (MemberId, &str),
    now: Timestamp,
) -> Result<()> {
    let org = member.org();
    let promised = store::list_promised(tx, org, invitation).await?;
    let Some(first) = promised.first() else { return Ok(()) };
    let values: Vec<(Window, Value)> = promised.iter().map(|row| (row.period, Value::of(row.amount))).collect();
    let set_by = first.set_by.clone();
    let unit = settings::find_unit(tx, org).await?;
    let entry = entry(member, name, &values, unit);
    policy::put(tx, org, &set_by, puts(member, &values), now).await?;
    audit::record(tx, by, Some(org), entry, now).await
}

/// Sets limits for people who have just become members and so have none of their own, with a row in the record for each.
pub async fn set_for_new(
    tx: &mut Tx,
    by: &Can<LimitSet>,
    wishes: &[(MemberId, &str, &Wish)],
    now: Timestamp,
) -> Result<()> {
    if wishes.is_empty() {
        return Ok(());
    }
    let org = by.org().id;
    let unit = settings::find_unit(tx, org).await?;
    let (mut all, mut entries) = (Vec::new(), Vec::new());
    for (member, name, wish) in wishes {
        let inherited = |choice: Option<Choice>| choice.unwrap_or(Choice::Inherit);
        policy::check_pair(inherited(wish.day), inherited(wish.month), unit)?;
        let values: Vec<(Window, Value)> = chosen(wish).collect();
        if !values.is_empty() {
            entries.push(entry(*member, name, &values, unit));
            all.extend(puts(*member, &values));
        }
    }
    policy::put(tx, org, &by.actor().name, all, now).await?;
    audit::record_many(tx, by.actor(), Some(org), entries, now).await
}

fn puts(member: MemberId, values: &[(Window, Value)]) -> Vec<Put> {
    let put = |(window, value): &(Window, Value)| Put {
        scope: Scope::Member,
        of: member.raw(),
        window: *window,
        value: *value,
        enforcement: Enforcement::Hard,
        priority: 0,
        until: None,
        note: String::new(),
    };
    values.iter().map(put).collect()
}

fn entry(member: MemberId, name: &str, values: &[(Window, Value)], unit: super::amount::Unit) -> Entry {
    let (mut before, mut after) = (Map::new(), Map::new());
    for (window, value) in values {
        let field = format!("{}_limit", window.key());
        before.insert(field.clone(), Json::Null);
        after.insert(field, json!(value.show(unit)));
    }
    after.insert("at_the_limit".to_owned(), json!(Enforcement::Hard.key()));
    let object = Object::new("member", member.raw(), name);
    Entry::done(Action::LimitSet, object, Json::Object(before), Json::Object(after))
}
