//! The first start: a one-time link makes the enterprise, its first administrator and the first organization.

use super::account::{self, NewAccount, Proof};
use crate::{
    access::{EnterpriseCan, EnterpriseRole, Role},
    audit::Actor,
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::UserId,
    mail::address::Address,
    members::member::{self, NewMember, Source},
    orgs,
    secret::{Secret, random_token},
};

/// What the first page asks for.
pub struct NewPortal<'a> {
    /// The enterprise's name.
    pub enterprise: &'a str,
    /// The first organization's name.
    pub organization: &'a str,
    /// Whom people ask whose access ended.
    pub support_contact: &'a str,
    /// The IANA zone of both.
    pub zone: &'a str,
    /// The first administrator's name.
    pub name: &'a str,
    /// The first administrator's address.
    pub email: &'a Address,
    /// The hash of the first administrator's password.
    pub password_hash: &'a str,
}

/// The token of the link, while nothing is set up; it lives in memory, so a restart makes another.
pub async fn token(db: &mut impl Read) -> Result<Option<Secret>> {
    Ok(is_open(db).await?.then(|| random_token("mst_set_")))
}

/// Whether nothing is set up yet.
pub async fn is_open(db: &mut impl Read) -> Result<bool> {
    Ok(orgs::find_enterprise(db).await?.is_none())
}

/// Sets everything up; of two at once the second is refused.
pub async fn complete(tx: &mut Tx, by: &Actor, new: NewPortal<'_>, now: Timestamp) -> Result<UserId> {
    orgs::create_enterprise(tx, by, new.enterprise, new.support_contact, new.zone, now).await?;
    let account = NewAccount {
        email: new.email,
        name: new.name,
        password_hash: Some(new.password_hash),
        proof: Proof::None,
    };
    let user = account::create(tx, by, account, now).await?;
    let by = by.known_as(user, new.name);
    account::set_enterprise_role(tx, &by, user, Some(EnterpriseRole::Administrator), now).await?;
    let organization = orgs::NewOrg {
        name: new.organization.to_owned(),
        slug: None,
        zone: new.zone.to_owned(),
        support_contact: new.support_contact.to_owned(),
    };
    // Whoever holds the link that the server printed is the operator.
    let org = orgs::create(tx, &EnterpriseCan::operator(by.clone()), organization, now).await?;
    let first = NewMember {
        user,
        email: new.email,
        name: new.name,
        role: Role::Administrator,
        source: Source::SetUp,
        groups: &[],
        expires_at: None,
    };
    member::join(tx, &by, org, first, now).await?;
    Ok(user)
}
