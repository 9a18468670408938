//! SQL of the figures.

use crate::{
    db::Read,
    error::Result,
    ids::{GroupId, OrgId},
    mail::outbox::MailState,
    metering::Scope,
    sql,
};

sql! {
    USAGE: (Scope) => (String, i64) =
        "select o.slug, cast(coalesce((select sum(m.booked) from usage_months m where m.org_id = o.id and m.scope = $1 and m.scope_id = o.id), 0) as bigint)
         from orgs o order by o.slug";
    MAILS: () => (MailState, i64) = "select state, count(*) from outbox group by state order by state";
    INVITATIONS: () => (i64, i64) = "select state, count(*) from invitations where org_id > 0 group by state order by state";
    LIMITED: () => (OrgId, String, i64, i64) =
        "select distinct p.org_id, o.slug, p.scope, p.scope_id from limit_policies p join orgs o on o.id = p.org_id
         where p.scope in (1, 2) and p.amount is not null and o.state = 1 order by o.slug, p.scope, p.scope_id limit 1000";
}

/// What each organization has used since the beginning, in micro-credits.
pub(super) async fn list_usage(db: &mut impl Read) -> Result<Vec<(String, i64)>> {
    db.all(USAGE, (Scope::Organization,)).await
}
/// How many mails are in each state.
pub(super) async fn count_mails(db: &mut impl Read) -> Result<Vec<(MailState, i64)>> {
    db.all(MAILS, ()).await
}
/// How many invitations are in each state.
pub(super) async fn count_invitations(db: &mut impl Read) -> Result<Vec<(&'static str, i64)>> {
    let rows = db.all(INVITATIONS, ()).await?;
    let word = |state| match state {
        1 => "pending",
        2 => "accepted",
        3 => "declined",
        4 => "revoked",
        _ => "other",
    };
    Ok(rows.into_iter().map(|(state, count)| (word(state), count)).collect())
}
/// The organizations and groups that have a limit of their own, the first thousand of them.
pub(super) async fn list_limited(db: &mut impl Read) -> Result<Vec<(OrgId, String, Option<GroupId>)>> {
    let rows = db.all(LIMITED, ()).await?;
    let group = |scope: i64, id: i64| (scope == 2).then(|| GroupId::from_raw(id));
    Ok(rows
        .into_iter()
        .map(|(org, slug, scope, id)| (org, slug, group(scope, id)))
        .collect())
}
