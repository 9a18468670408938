//! Roles over the enterprise: who has them, granting and revoking.

use super::store;
pub use super::store::Overseer;
use crate::{
    access::{EnterpriseCan, EnterpriseRole, permission::EnterpriseRoles},
    auth::account::{self, Account, State},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::UserId,
    mail::address::Address,
};

/// Everyone with a role over the enterprise, the highest role first.
pub async fn list(db: &mut impl Read) -> Result<Vec<Overseer>> {
    store::list_overseers(db).await
}

/// Gives the account of an address a role over the enterprise, in place of the one it has.
pub async fn grant(
    tx: &mut Tx,
    by: &EnterpriseCan<EnterpriseRoles>,
    email: &str,
    role: EnterpriseRole,
    now: Timestamp,
) -> Result<Account> {
    let address = Address::parse(email).map_err(|refusal| Error::invalid("email", refusal.to_string()))?;
    let account = account::find_by_key(tx, address.key())
        .await?
        .filter(|account| account.state == State::Active)
        .ok_or_else(|| {
            Error::invalid(
                "email",
                "Nobody with this address has an account. Invite the person to an organization first.",
            )
        })?;
    refuse_self(by, account.id)?;
    if account.enterprise_role == Some(role) {
        return Err(Error::invalid(
            "email",
            format!("{} is {} already.", account.name, role.title()),
        ));
    }
    account::set_enterprise_role(tx, by.actor(), account.id, Some(role), now).await?;
    Ok(account)
}

/// Takes the role over the enterprise from an account.
pub async fn revoke(
    tx: &mut Tx,
    by: &EnterpriseCan<EnterpriseRoles>,
    id: UserId,
    expected: Option<i64>,
    now: Timestamp,
) -> Result<Account> {
    let account = account::find(tx, id)
        .await?
        .filter(|account| account.enterprise_role.is_some())
        .ok_or(Error::NotFound)?;
    refuse_self(by, id)?;
    if expected.is_some_and(|version| version != account.version) {
        return Err(Error::conflict(format!(
            "{} was changed in the meantime. Nothing was changed by you. Reload the page and decide again.",
            account.name
        )));
    }
    account::set_enterprise_role(tx, by.actor(), id, None, now).await?;
    Ok(account)
}

fn refuse_self(by: &EnterpriseCan<EnterpriseRoles>, id: UserId) -> Result<()> {
    if by.person().is_some_and(|person| person.id == id) {
        return Err(Error::conflict(
            "You cannot change your own role over the enterprise. Ask another Enterprise Administrator to do it.",
        ));
    }
    Ok(())
}
