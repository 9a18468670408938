//! The pages and acts of credits.

pub mod member;
pub mod pool;
pub mod wallets;

use actix_web::{HttpResponse, web::Data};

use super::{
    pool::{self as pools, Use},
    store,
    views::{Index, Row, TypeRow, money},
    wallet,
};
use crate::{
    access::{Can, Permission, permission::PoolRead},
    app::App,
    clock::Timestamp,
    error::Result,
    ids::PoolId,
    limits::{Settings, Window, amount::Unit, settings},
    shell,
    web::{layout::Tab, request::Ctx, respond},
};

/// The uses of a pool that nobody has used.
const NOTHING: Use = Use {
    id: 0,
    spent: 0,
    used: 0,
    cost: 0,
};

fn use_of(uses: &[Use], id: PoolId) -> &Use {
    uses.iter().find(|one| one.id == id.raw()).unwrap_or(&NOTHING)
}

fn people_of(people: &[(Option<PoolId>, i64)], id: PoolId) -> i64 {
    let found = people.iter().find(|(pool, _)| *pool == Some(id));
    found.map_or(0, |(_, count)| *count)
}

/// When the billing period that runs began, and the one before it.
fn months(settings: &Settings, now: Timestamp) -> (Timestamp, Timestamp) {
    let this = settings.window(Window::Month, now).start;
    let before = Timestamp::from_micros(this.micros() - 1);
    (this, settings.window(Window::Month, before).start)
}

/// The pools of an organization (R-CRD-08).
pub async fn index(app: Data<App>, by: Can<PoolRead>, ctx: Ctx) -> Result<HttpResponse> {
    let (org, now) = (by.org(), app.clock.now());
    let db = &mut app.db.read();
    let settings = settings::find(db, org).await?;
    let (month, _) = months(&settings, now);
    let all = pools::list(db, org.id).await?;
    let uses = store::uses(db, org.id, month).await?;
    let people = store::people(db, org.id).await?;
    let costs = store::costs(db, org.id, month).await?;
    let (wallets_pay, _) = wallet::settings(db, org.id).await?;
    let cost = |(currency, cost): &(String, i64)| money(*cost, Unit::currency(currency).unwrap_or(Unit::Credit));
    respond::page(&Index {
        l: shell::org(&app, &ctx, &by, "Credits", Tab::Credits).await?,
        organization: org.name.clone(),
        path: by.path("/credits"),
        rows: all
            .iter()
            .map(|pool| {
                let count = people_of(&people, pool.id);
                Row::of(&by, pool, use_of(&uses, pool.id), count, &settings, now)
            })
            .collect(),
        types: TypeRow::all(
            all.iter()
                .map(|pool| (pool, use_of(&uses, pool.id), people_of(&people, pool.id))),
            settings.unit,
        ),
        costs: costs.iter().filter(|(_, cost)| *cost != 0).map(cost).collect(),
        may_manage: by.may(Permission::PoolManage),
        wallets_href: by.may(Permission::LimitDefault).then(|| by.path("/credits/wallets")),
        wallets_pay,
        has_default: all.iter().any(|pool| pool.is_default && pool.archived_at.is_none()),
    })
}
