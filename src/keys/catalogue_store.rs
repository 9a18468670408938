//! SQL of what keys are made of and by: features, service accounts and rules.

use super::{feature::Type, rules::Personal, service::State};
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{FeatureId, GroupId, KeyId, MemberId, OrgId, ServiceId},
    record, sql,
};

record! {
    /// A feature of an organization's catalogue.
    pub struct Feature {
        /// Its id.
        pub id: FeatureId,
        /// What programs compare.
        pub key: String,
        /// What pages show.
        pub title: String,
        /// What values it has.
        pub kind: Type,
        /// The values of a choice, one a line.
        pub choices: String,
        /// What counts for keys that say nothing; empty for nothing.
        pub default_value: String,
        /// Rises with every change.
        pub version: i64,
        /// How many keys that are not revoked have a value of their own.
        pub keys: i64,
    }
}

record! {
    /// A feature's value on one key.
    pub struct Valued {
        /// The feature.
        pub id: FeatureId,
        /// The value.
        pub value: String,
    }
}

record! {
    /// A value of a feature that somebody has without a key of their own.
    pub struct Lent {
        /// The feature.
        pub id: FeatureId,
        /// What programs compare.
        pub key: String,
        /// The value.
        pub value: String,
        /// Whether a key says so, and not the catalogue.
        pub by_key: bool,
        /// From when on the key that carries it works.
        pub not_before: Option<Timestamp>,
        /// Until when.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// A service account.
    pub struct Service {
        /// Its id.
        pub id: ServiceId,
        /// Its name.
        pub name: String,
        /// The group that cares for it.
        pub group_id: Option<GroupId>,
        /// That group's name.
        pub group_name: Option<String>,
        /// Whether its keys work.
        pub state: State,
        /// When it was made.
        pub created_at: Timestamp,
        /// By whom.
        pub created_by: String,
        /// Rises with every change.
        pub version: i64,
        /// How many keys it has that are not revoked.
        pub keys: i64,
    }
}

record! {
    /// The rules as they are stored.
    pub struct RulesRow {
        /// Who may make personal keys.
        pub personal: Personal,
        /// The longest life; none for no limit.
        pub max_days: Option<i64>,
        /// The life that forms begin with; none for ever.
        pub default_days: Option<i64>,
        /// Rises with every change.
        pub version: i64,
    }
}

sql! {
    FEATURES: (OrgId) => Feature =
        "select f.id, f.key, f.title, f.kind, f.choices, f.default_value, f.version,
                (select count(*) from key_features kf join api_keys k on k.id = kf.key_id and k.state < 3 where kf.feature_id = f.id) as keys
         from features f where f.org_id = $1 order by f.title, f.id limit 100";
    FEATURE: (OrgId, FeatureId) => Feature =
        "select f.id, f.key, f.title, f.kind, f.choices, f.default_value, f.version,
                (select count(*) from key_features kf join api_keys k on k.id = kf.key_id and k.state < 3 where kf.feature_id = f.id) as keys
         from features f where f.org_id = $1 and f.id = $2";
    INSERT_FEATURE: (OrgId, FeatureId, String, String, Type, String, String, Timestamp) => () =
        "insert into features (org_id, id, key, title, kind, choices, default_value, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_FEATURE: (OrgId, FeatureId, String, String, String) => () =
        "update features set title = $3, choices = $4, default_value = $5, version = version + 1 where org_id = $1 and id = $2";
    USED_VALUES: (OrgId, FeatureId) => (String,) =
        "select distinct kf.value from key_features kf join api_keys k on k.id = kf.key_id and k.state < 3 where kf.org_id = $1 and kf.feature_id = $2";
    DELETE_VALUES: (OrgId, FeatureId) => () = "delete from key_features where org_id = $1 and feature_id = $2";
    DELETE_FEATURE: (OrgId, FeatureId) => () = "delete from features where org_id = $1 and id = $2";
    VALUES_OF: (OrgId, KeyId) => Valued = "select feature_id as id, value from key_features where org_id = $1 and key_id = $2 order by feature_id";
    CLEAR_VALUES: (OrgId, KeyId) => () = "delete from key_features where org_id = $1 and key_id = $2";
    INSERT_VALUES: bulk (KeyId, FeatureId, OrgId, String) = "insert into key_features (key_id, feature_id, org_id, value) values", "";
    LENT: (OrgId, MemberId, Timestamp) => Lent =
        "select f.id, f.key, f.default_value as value, false as by_key, cast(null as bigint) as not_before, cast(null as bigint) as expires_at from features f where f.org_id = $1 and f.default_value <> ''
         union
         select f.id, f.key, kf.value, true as by_key, k.not_before, k.expires_at from api_keys k join key_features kf on kf.key_id = k.id join features f on f.id = kf.feature_id
         where k.org_id = $1 and k.state = 1 and k.kind <> 1 and (k.expires_at is null or k.expires_at > $3)
           and (k.id in (select km.key_id from key_members km where km.member_id = $2)
             or k.id in (select kg.key_id from key_groups kg join group_members gm on gm.group_id = kg.group_id
                         where gm.org_id = $1 and gm.member_id = $2 and (gm.expires_at is null or gm.expires_at > $3)))";
    SERVICES: (OrgId) => Service =
        "select s.id, s.name, s.group_id, g.name as group_name, s.state, s.created_at, s.created_by, s.version,
                (select count(*) from api_keys k where k.service_id = s.id and k.state < 3) as keys
         from service_accounts s left join groups g on g.id = s.group_id where s.org_id = $1 order by s.name_key, s.id limit 500";
    SERVICE: (OrgId, ServiceId) => Service =
        "select s.id, s.name, s.group_id, g.name as group_name, s.state, s.created_at, s.created_by, s.version,
                (select count(*) from api_keys k where k.service_id = s.id and k.state < 3) as keys
         from service_accounts s left join groups g on g.id = s.group_id where s.org_id = $1 and s.id = $2";
    INSERT_SERVICE: (OrgId, ServiceId, String, String, Option<GroupId>, Timestamp, String) => () =
        "insert into service_accounts (org_id, id, name, name_key, group_id, created_at, created_by) values ($1, $2, $3, $4, $5, $6, $7)";
    UPDATE_SERVICE: (OrgId, ServiceId, String, String, Option<GroupId>) => () =
        "update service_accounts set name = $3, name_key = $4, group_id = $5, version = version + 1 where org_id = $1 and id = $2";
    SET_SERVICE_STATE: (OrgId, ServiceId, State) => () =
        "update service_accounts set state = $3, version = version + 1 where org_id = $1 and id = $2";
    RULES: (OrgId) => RulesRow = "select personal, max_days, default_days, version from key_settings where org_id = $1";
    SAVE_RULES: (OrgId, Personal, Option<i64>, Option<i64>, i64) => () =
        "insert into key_settings (org_id, personal, max_days, default_days, version) values ($1, $2, $3, $4, 1)
         on conflict (org_id) do update set personal = $2, max_days = $3, default_days = $4, version = key_settings.version + 1 where key_settings.version = $5";
}

pub(super) async fn list_features(db: &mut impl Read, org: OrgId) -> Result<Vec<Feature>> {
    db.all(FEATURES, (org,)).await
}
pub(super) async fn find_feature(db: &mut impl Read, org: OrgId, id: FeatureId) -> Result<Option<Feature>> {
    db.opt(FEATURE, (org, id)).await
}
pub(super) async fn insert_feature(tx: &mut Tx, org: OrgId, new: &Feature, now: Timestamp) -> Result<()> {
    let row = (
        org,
        new.id,
        &new.key,
        &new.title,
        new.kind,
        &new.choices,
        &new.default_value,
        now,
    );
    tx.run(INSERT_FEATURE, row).await?;
    Ok(())
}
pub(super) async fn update_feature(tx: &mut Tx, org: OrgId, new: &Feature) -> Result<()> {
    let row = (org, new.id, &new.title, &new.choices, &new.default_value);
    tx.run(UPDATE_FEATURE, row).await?;
    Ok(())
}
pub(super) async fn list_used_values(db: &mut impl Read, org: OrgId, id: FeatureId) -> Result<Vec<String>> {
    Ok(db
        .all(USED_VALUES, (org, id))
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect())
}
pub(super) async fn delete_feature(tx: &mut Tx, org: OrgId, id: FeatureId) -> Result<()> {
    tx.run(DELETE_VALUES, (org, id)).await?;
    tx.run(DELETE_FEATURE, (org, id)).await?;
    Ok(())
}
pub(super) async fn list_values(db: &mut impl Read, org: OrgId, key: KeyId) -> Result<Vec<Valued>> {
    db.all(VALUES_OF, (org, key)).await
}
/// What a member has without a key of their own, from the catalogue and from the keys of their groups that have not ended.
pub(super) async fn list_lent(db: &mut impl Read, org: OrgId, member: MemberId, now: Timestamp) -> Result<Vec<Lent>> {
    db.all(LENT, (org, member, now)).await
}
pub(super) async fn replace_values(tx: &mut Tx, org: OrgId, key: KeyId, values: &[(FeatureId, String)]) -> Result<()> {
    tx.run(CLEAR_VALUES, (org, key)).await?;
    let rows = values
        .iter()
        .map(|(id, value)| (key, *id, org, value.clone()))
        .collect();
    tx.many(INSERT_VALUES, rows).await?;
    Ok(())
}
pub(super) async fn list_services(db: &mut impl Read, org: OrgId) -> Result<Vec<Service>> {
    db.all(SERVICES, (org,)).await
}
pub(super) async fn find_service(db: &mut impl Read, org: OrgId, id: ServiceId) -> Result<Option<Service>> {
    db.opt(SERVICE, (org, id)).await
}
pub(super) async fn insert_service(
    tx: &mut Tx,
    org: OrgId,
    id: ServiceId,
    (name, name_key): (&str, &str),
    group: Option<GroupId>,
    now: Timestamp,
    by: &str,
) -> Result<()> {
    tx.run(INSERT_SERVICE, (org, id, name, name_key, group, now, by))
        .await?;
    Ok(())
}
pub(super) async fn update_service(
    tx: &mut Tx,
    org: OrgId,
    id: ServiceId,
    (name, name_key): (&str, &str),
    group: Option<GroupId>,
) -> Result<()> {
    tx.run(UPDATE_SERVICE, (org, id, name, name_key, group)).await?;
    Ok(())
}
pub(super) async fn set_service_state(tx: &mut Tx, org: OrgId, id: ServiceId, state: State) -> Result<()> {
    tx.run(SET_SERVICE_STATE, (org, id, state)).await?;
    Ok(())
}
pub(super) async fn find_rules(db: &mut impl Read, org: OrgId) -> Result<Option<RulesRow>> {
    db.opt(RULES, (org,)).await
}
/// Saves the rules over the version that the editor saw; 0 when there is a later one.
pub(super) async fn save_rules(tx: &mut Tx, org: OrgId, new: &RulesRow) -> Result<u64> {
    let row = (org, new.personal, new.max_days, new.default_days, new.version);
    tx.run(SAVE_RULES, row).await
}
