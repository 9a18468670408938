//! API keys: of members, of groups and of service accounts; the features that they carry, and the rules by which they are made.
//!
//! This room keeps keys and says whose one is. A gate reads what somebody presents with [`Presented::parse`], asks [`find_by_hash`] for
//! everything that a decision needs, and notes uses in batches with [`touch`]. The secret itself is shown once and stored nowhere.

pub mod bearer;
mod catalogue_store;
pub mod deed;
mod expiry;
pub mod feature;
mod forms;
mod handlers;
pub mod key;
pub mod list;
pub mod making;
pub mod mass;
pub(crate) mod owners;
pub mod rules;
pub mod scope;
pub mod secret;
pub mod service;
mod store;
pub mod views;

pub use bearer::{Bearer, find_by_hash, touch};
pub use expiry::tidy;
pub use key::{Draft, Key, Kind, Made, Owner, Standing, State, SuspendedBy};
pub use secret::{Malformed, PlainKey, Presented};
pub(crate) use store::{find_hash, find_member_by_address, list_ids};

use handlers::{catalogue, index, many, own, page};

use crate::{
    access::Permission as P,
    audit::Action as A,
    db::Statement,
    web::routes::{Route, Target, get, post},
};

/// Every statement of this room.
pub fn statements() -> Vec<Statement> {
    let mut all = store::statements();
    all.extend(store::made_statements());
    all.extend(catalogue_store::statements());
    all
}

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/keys", index::index).in_org(P::KeyManage),
        post("/o/{org}/keys", index::create)
            .in_org(P::KeyManage)
            .records(A::KeyCreate),
        get("/o/{org}/keys/new", index::new).in_org(P::KeyManage),
        get("/o/{org}/keys/groups", many::new).in_org(P::KeyManage),
        post("/o/{org}/keys/groups", many::create)
            .in_org(P::KeyManage)
            .records(A::KeyCreate),
        post("/o/{org}/keys/bulk/check", many::check).in_org(P::KeyManage),
        post("/o/{org}/keys/bulk", many::update)
            .in_org(P::KeyManage)
            .records(A::KeySuspend),
        get("/o/{org}/keys/rules", catalogue::edit_rules).in_org(P::SettingsRead),
        post("/o/{org}/keys/rules", catalogue::update_rules)
            .in_org(P::OrgSettings)
            .records(A::KeyRules),
        get("/o/{org}/keys/features", catalogue::features).in_org(P::KeyManage),
        post("/o/{org}/keys/features", catalogue::create_feature)
            .in_org(P::KeyManage)
            .records(A::FeatureCreate),
        get("/o/{org}/keys/features/{feature}", catalogue::edit_feature)
            .in_org(P::KeyManage)
            .about(Target::Feature),
        post("/o/{org}/keys/features/{feature}", catalogue::update_feature)
            .in_org(P::KeyManage)
            .about(Target::Feature)
            .records(A::FeatureUpdate),
        post("/o/{org}/keys/features/{feature}/removal", catalogue::remove_feature)
            .in_org(P::KeyManage)
            .about(Target::Feature)
            .records(A::FeatureRemove),
        get("/o/{org}/keys/services", catalogue::services).in_org(P::KeyManage),
        post("/o/{org}/keys/services", catalogue::create_service)
            .in_org(P::KeyManage)
            .records(A::ServiceCreate),
        get("/o/{org}/keys/services/{service}", catalogue::edit_service)
            .in_org(P::KeyManage)
            .about(Target::Service),
        post("/o/{org}/keys/services/{service}", catalogue::update_service)
            .in_org(P::KeyManage)
            .about(Target::Service)
            .records(A::ServiceUpdate),
        post(
            "/o/{org}/keys/services/{service}/disablement",
            catalogue::disable_service,
        )
        .in_org(P::KeyManage)
        .about(Target::Service)
        .records(A::ServiceDisable),
        post(
            "/o/{org}/keys/services/{service}/disablement/end",
            catalogue::enable_service,
        )
        .in_org(P::KeyManage)
        .about(Target::Service)
        .records(A::ServiceEnable),
        get("/me/keys", own::index).signed_in(),
        get("/o/{org}/keys/own/new", own::new).in_org(P::KeyOwn),
        post("/o/{org}/keys/own", own::create)
            .in_org(P::KeyOwn)
            .records(A::KeyCreate),
        get("/o/{org}/keys/own/{key}", own::show)
            .in_org(P::KeyOwn)
            .about(Target::OwnKey),
        post("/o/{org}/keys/own/{key}/rotation", own::rotate)
            .in_org(P::KeyOwn)
            .about(Target::OwnKey)
            .records(A::KeyRotate),
        get("/o/{org}/keys/own/{key}/revocation", own::new_revocation)
            .in_org(P::KeyOwn)
            .about(Target::OwnKey),
        post("/o/{org}/keys/own/{key}/revocation", own::revoke)
            .in_org(P::KeyOwn)
            .about(Target::OwnKey)
            .records(A::KeyRevoke),
        get("/o/{org}/keys/{key}", page::show)
            .in_org(P::KeyManage)
            .about(Target::Key),
        get("/o/{org}/keys/{key}/edit", page::edit)
            .in_org(P::KeyManage)
            .about(Target::Key),
        post("/o/{org}/keys/{key}", page::update)
            .in_org(P::KeyManage)
            .about(Target::Key)
            .records(A::KeyUpdate),
        post("/o/{org}/keys/{key}/rotation", page::rotate)
            .in_org(P::KeyManage)
            .about(Target::Key)
            .records(A::KeyRotate),
        post("/o/{org}/keys/{key}/suspension", page::suspend)
            .in_org(P::KeyManage)
            .about(Target::Key)
            .records(A::KeySuspend),
        post("/o/{org}/keys/{key}/suspension/end", page::activate)
            .in_org(P::KeyManage)
            .about(Target::Key)
            .records(A::KeyActivate),
        get("/o/{org}/keys/{key}/revocation", page::new_revocation)
            .in_org(P::KeyManage)
            .about(Target::Key),
        post("/o/{org}/keys/{key}/revocation", page::revoke)
            .in_org(P::KeyManage)
            .about(Target::Key)
            .records(A::KeyRevoke),
    ]
}
