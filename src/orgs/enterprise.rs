//! The enterprise itself: one row, made at set-up.

use serde_json::{Value, json};

use super::{
    org::{parse_support_contact, parse_zone},
    store::{self, Enterprise},
};
use crate::{
    access::{EnterpriseCan, permission::EnterpriseSettings},
    audit::{self, Action, Actor, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    text,
};

/// The enterprise, if it was set up.
pub async fn find_enterprise(db: &mut impl Read) -> Result<Option<Enterprise>> {
    store::find_enterprise(db).await
}

/// Sets up the enterprise; there is one in an installation, so a second call is refused.
pub async fn create_enterprise(
    tx: &mut Tx,
    by: &Actor,
    name: &str,
    support_contact: &str,
    zone: &str,
    now: Timestamp,
) -> Result<()> {
    let name = text::name("enterprise", name)?;
    let (support_contact, zone) = (parse_support_contact(support_contact)?, parse_zone(zone)?);
    if store::insert_enterprise(tx, &name, &support_contact, &zone, now).await? == 0 {
        return Err(Error::conflict("This installation is set up already. Sign in instead."));
    }
    let after = json!({ "name": name, "support_contact": support_contact, "zone": zone });
    audit::record(
        tx,
        by,
        None,
        Entry::done(Action::EnterpriseCreate, object(&name), Value::Null, after),
        now,
    )
    .await
}

/// Changes name, support contact and zone; `version` is the one that the editor saw.
pub async fn update_enterprise(
    tx: &mut Tx,
    by: &EnterpriseCan<EnterpriseSettings>,
    name: &str,
    support_contact: &str,
    zone: &str,
    version: i64,
    now: Timestamp,
) -> Result<Enterprise> {
    let name = text::name("name", name)?;
    let (support_contact, zone) = (parse_support_contact(support_contact)?, parse_zone(zone)?);
    let before = store::find_enterprise(tx).await?.ok_or(Error::NotFound)?;
    if store::update_enterprise(tx, version, &name, &support_contact, &zone).await? == 0 {
        return Err(Error::conflict(
            "The enterprise was changed by somebody else after you opened this page. Nothing of yours was saved. Check the current values and save again.",
        ));
    }
    let fields = |name: &str, contact: &str, zone: &str| {
        [
            ("name", name.to_owned()),
            ("support_contact", contact.to_owned()),
            ("zone", zone.to_owned()),
        ]
    };
    let (was, is) = super::settings::changes(
        &fields(&before.name, &before.support_contact, &before.zone),
        &fields(&name, &support_contact, &zone),
    );
    if is != Value::Null {
        audit::record(
            tx,
            by.actor(),
            None,
            Entry::done(Action::EnterpriseUpdate, object(&name), was, is),
            now,
        )
        .await?;
    }
    store::find_enterprise(tx).await?.ok_or(Error::NotFound)
}

fn object(name: &str) -> Object {
    Object::new("enterprise", 1, name)
}
