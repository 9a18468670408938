//! SQL of organizations, their settings, the enterprise and the sequences of ids.

use crate::{
    access::Role,
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::OrgId,
    record, sql,
};

record! {
    /// An organization with its settings.
    pub struct Org {
        /// Its id.
        pub id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// 1 active, 2 archived.
        pub state: i64,
        /// Its IANA zone.
        pub zone: String,
        /// Whom people ask whose access ended.
        pub support_contact: String,
        /// How many days invitations live; none means for ever.
        pub invite_days: Option<i64>,
        /// The role that invitations offer first.
        pub default_role: Role,
        /// Whether managers may invite.
        pub managers_invite: bool,
        /// Whether inviters see and copy invitation links.
        pub links_visible: bool,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it was archived.
        pub archived_at: Option<Timestamp>,
        /// Rises with every change of this row by a person.
        pub version: i64,
    }
}

record! {
    /// What was agreed about an organization's use of the platform.
    #[derive(PartialEq, Eq, Default)]
    pub struct Subscription {
        /// The plan's name, empty for none.
        pub plan: String,
        /// How many people may act at once; none for no limit.
        pub seats: Option<i64>,
        /// The day of renewal, as in 2027-03-31, empty for none.
        pub renews_on: String,
        /// A contract's or order's number, empty for none.
        pub reference: String,
        /// Whom bills concern, empty for nobody.
        pub billing_contact: String,
        /// Rises with every change; 0 before the first.
        pub version: i64,
    }
}

record! {
    /// The enterprise.
    pub struct Enterprise {
        /// Its name.
        pub name: String,
        /// Whom people ask whose access ended everywhere.
        pub support_contact: String,
        /// Its IANA zone, the default of new organizations.
        pub zone: String,
        /// When it was set up.
        pub created_at: Timestamp,
        /// Rises with every change.
        pub version: i64,
    }
}

sql! {
    NEXT: (String, i64) => (i64,) =
        "insert into sequences (name, next) values ($1, 1 + $2) on conflict (name) do update set next = sequences.next + $2 returning next - $2 as first";
    NEXT_ROW: (OrgId, i64) => (i64,) = "update orgs set next_seq = next_seq + $2 where id = $1 returning next_seq - $2 as first";
    FIND: (OrgId) => Org =
        "select id, slug, name, state, zone, support_contact, invite_days, default_role, managers_invite, links_visible, created_at, archived_at, version
         from orgs where id = $1";
    FIND_BY_SLUG: (String) => Org =
        "select id, slug, name, state, zone, support_contact, invite_days, default_role, managers_invite, links_visible, created_at, archived_at, version
         from orgs where slug = $1";
    // '.' follows '-', so this is a range of the index.
    SLUGS_LIKE: (String) => (String,) = "select slug from orgs where slug = $1 or (slug > $1 || '-' and slug < $1 || '.')";
    INSERT: (OrgId, String, String, String, String, String, Option<i64>, Role, Timestamp) => () =
        "insert into orgs (id, slug, name, name_key, zone, support_contact, invite_days, default_role, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    RENAME: (OrgId, i64, String, String, String) => () =
        "update orgs set name = $3, name_key = $4, slug = $5, version = version + 1 where id = $1 and version = $2";
    SET_STATE: (OrgId, i64, i64, Option<Timestamp>) => () =
        "update orgs set state = $3, archived_at = $4, version = version + 1 where id = $1 and state = $2";
    UPDATE: (OrgId, i64, String, String, String, String, String, Option<i64>, Role, bool, bool) => () =
        "update orgs set name = $3, name_key = $4, slug = $5, zone = $6, support_contact = $7, invite_days = $8, default_role = $9, managers_invite = $10,
                links_visible = $11, version = version + 1
         where id = $1 and version = $2 and state = 1";
    LEADS_INVITE: (OrgId) => (bool,) = "select leads_invite from orgs where id = $1";
    SET_LEADS_INVITE: (OrgId, bool) => () = "update orgs set leads_invite = $2 where id = $1 and state = 1";
    DOMAINS: (OrgId) => (String,) = "select domain from org_domains where org_id = $1 order by domain";
    DELETE_DOMAINS: (OrgId) => () = "delete from org_domains where org_id = $1";
    INSERT_DOMAINS: bulk (OrgId, String) = "insert into org_domains (org_id, domain) values", " on conflict do nothing";
    SUBSCRIPTION: (OrgId) => Subscription =
        "select plan, seats, renews_on, reference, billing_contact, version from subscriptions where org_id = $1";
    PUT_SUBSCRIPTION: (OrgId, String, Option<i64>, String, String, String, i64) => () =
        "insert into subscriptions (org_id, plan, seats, renews_on, reference, billing_contact) values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id) do update set plan = $2, seats = $3, renews_on = $4, reference = $5, billing_contact = $6,
             version = subscriptions.version + 1
         where subscriptions.version = $7";
    TRAINING: (OrgId) => (String, i64) = "select resources, version from training where org_id = $1";
    PUT_TRAINING: (OrgId, String, i64) => () =
        "insert into training (org_id, resources) values ($1, $2)
         on conflict (org_id) do update set resources = $2, version = training.version + 1 where training.version = $3";
    ENTERPRISE: () => Enterprise = "select name, support_contact, zone, created_at, version from enterprise";
    INSERT_ENTERPRISE: (String, String, String, Timestamp) => () =
        "insert into enterprise (id, name, support_contact, zone, created_at) values (1, $1, $2, $3, $4) on conflict do nothing";
    UPDATE_ENTERPRISE: (i64, String, String, String) => () =
        "update enterprise set name = $2, support_contact = $3, zone = $4, version = version + 1 where id = 1 and version = $1";
}

pub(super) async fn take_numbers(tx: &mut Tx, name: &str, count: i64) -> Result<i64> {
    Ok(tx.one(NEXT, (name, count)).await?.0)
}
pub(super) async fn take_rows(tx: &mut Tx, org: OrgId, count: i64) -> Result<i64> {
    Ok(tx.one(NEXT_ROW, (org, count)).await?.0)
}
pub(super) async fn find(db: &mut impl Read, org: OrgId) -> Result<Option<Org>> {
    db.opt(FIND, (org,)).await
}
pub(super) async fn find_by_slug(db: &mut impl Read, slug: &str) -> Result<Option<Org>> {
    db.opt(FIND_BY_SLUG, (slug,)).await
}
pub(super) async fn leads_invite(db: &mut impl Read, org: OrgId) -> Result<bool> {
    Ok(db.one(LEADS_INVITE, (org,)).await?.0)
}
pub(super) async fn set_leads_invite(tx: &mut Tx, org: OrgId, on: bool) -> Result<()> {
    tx.run(SET_LEADS_INVITE, (org, on)).await?;
    Ok(())
}
pub(super) async fn list_slugs_like(db: &mut impl Read, slug: &str) -> Result<Vec<String>> {
    Ok(db
        .all(SLUGS_LIKE, (slug,))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
pub(super) async fn insert(tx: &mut Tx, org: &Org, name_key: &str) -> Result<()> {
    tx.run(
        INSERT,
        (
            org.id,
            &org.slug,
            &org.name,
            name_key,
            &org.zone,
            &org.support_contact,
            org.invite_days,
            org.default_role,
            org.created_at,
        ),
    )
    .await?;
    Ok(())
}
pub(super) async fn rename(
    tx: &mut Tx,
    org: OrgId,
    version: i64,
    name: &str,
    name_key: &str,
    slug: &str,
) -> Result<u64> {
    tx.run(RENAME, (org, version, name, name_key, slug)).await
}
pub(super) async fn set_state(
    tx: &mut Tx,
    org: OrgId,
    from: i64,
    to: i64,
    archived_at: Option<Timestamp>,
) -> Result<u64> {
    tx.run(SET_STATE, (org, from, to, archived_at)).await
}
pub(super) async fn update(tx: &mut Tx, org: &Org, name_key: &str) -> Result<u64> {
    let values = (
        org.id,
        org.version,
        &org.name,
        name_key,
        &org.slug,
        &org.zone,
        &org.support_contact,
        org.invite_days,
        org.default_role,
        org.managers_invite,
        org.links_visible,
    );
    tx.run(UPDATE, values).await
}
pub(super) async fn list_domains(db: &mut impl Read, org: OrgId) -> Result<Vec<String>> {
    Ok(db.all(DOMAINS, (org,)).await?.into_iter().map(|row| row.0).collect())
}
pub(super) async fn replace_domains(tx: &mut Tx, org: OrgId, domains: &[String]) -> Result<()> {
    tx.run(DELETE_DOMAINS, (org,)).await?;
    tx.many(
        INSERT_DOMAINS,
        domains.iter().map(|domain| (org, domain.clone())).collect(),
    )
    .await?;
    Ok(())
}
pub(super) async fn find_subscription(db: &mut impl Read, org: OrgId) -> Result<Option<Subscription>> {
    db.opt(SUBSCRIPTION, (org,)).await
}
/// Keeps the record; 0 rows when it is not the version any more that the editor saw.
pub(super) async fn put_subscription(tx: &mut Tx, org: OrgId, new: &Subscription) -> Result<u64> {
    let values = (
        org,
        &new.plan,
        new.seats,
        &new.renews_on,
        &new.reference,
        &new.billing_contact,
        new.version,
    );
    tx.run(PUT_SUBSCRIPTION, values).await
}
pub(super) async fn find_training(db: &mut impl Read, org: OrgId) -> Result<Option<(String, i64)>> {
    db.opt(TRAINING, (org,)).await
}
pub(super) async fn put_training(tx: &mut Tx, org: OrgId, resources: &str, version: i64) -> Result<u64> {
    tx.run(PUT_TRAINING, (org, resources, version)).await
}
pub(super) async fn find_enterprise(db: &mut impl Read) -> Result<Option<Enterprise>> {
    db.opt(ENTERPRISE, ()).await
}
pub(super) async fn insert_enterprise(
    tx: &mut Tx,
    name: &str,
    support_contact: &str,
    zone: &str,
    now: Timestamp,
) -> Result<u64> {
    tx.run(INSERT_ENTERPRISE, (name, support_contact, zone, now)).await
}
pub(super) async fn update_enterprise(
    tx: &mut Tx,
    version: i64,
    name: &str,
    support_contact: &str,
    zone: &str,
) -> Result<u64> {
    tx.run(UPDATE_ENTERPRISE, (version, name, support_contact, zone)).await
}
