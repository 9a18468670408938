//! Adding a person by hand: an account that is there joins at once, a new one gets a mail with a link to set its password.

use std::time::Duration;

use super::{
    member::{self, NewMember, Source},
    store,
};
use crate::{
    access::{Can, Role, permission::MemberManage},
    auth::account::{self, NewAccount, Proof, State},
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    ids::{GroupId, MemberId, ResetId, UserId},
    mail::{self, Mail, address::Address, links},
    orgs,
    secret::{Keys, hash_token},
};

/// How long the link works by which a new account sets its password.
pub const LINK_LIFE: Duration = days(7);

/// Whom an administrator adds.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The address.
    pub email: Address,
    /// The name, for an account that is not there yet.
    pub name: String,
    /// The role to begin with.
    pub role: Role,
    /// The groups to begin with.
    pub groups: Vec<GroupId>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Added {
    /// The membership.
    pub id: MemberId,
    /// The name of the account.
    pub name: String,
    /// Whether the account is new and its person has to set a password.
    pub is_new: bool,
}

/// Adds a person; the account is made when the address has none.
pub async fn add(tx: &mut Tx, by: &Can<MemberManage>, keys: &Keys, new: NewPerson, now: Timestamp) -> Result<Added> {
    let org = by.org();
    if new.role.rank() > by.rank() {
        return Err(Error::invalid(
            "role",
            format!(
                "{} stands above your own role. Choose a role up to your own.",
                new.role.title()
            ),
        ));
    }
    let permissions = org.permissions_of(new.role);
    if !by.permissions().covers(&permissions) {
        let beyond = permissions.beyond(&by.permissions()).join(", ");
        return Err(Error::invalid(
            "role",
            format!(
                "{} permits more than you may yourself: {beyond}. Choose another role.",
                new.role.title()
            ),
        ));
    }
    let domains = orgs::domains(tx, org.id).await?;
    if !domains.is_empty() && !domains.iter().any(|domain| domain == new.email.host()) {
        return Err(Error::invalid(
            "email",
            format!("{} accepts only addresses at {}.", org.name, domains.join(", ")),
        ));
    }
    let found = account::find_by_key(tx, new.email.key()).await?;
    let user = found.as_ref().map_or(UserId::from_raw(0), |account| account.id);
    if let Some(there) = member::find_live(tx, org.id, user, &new.email).await? {
        return Err(Error::invalid("email", member::already(&there)));
    }
    let (user, name, has_password) = match found {
        Some(account) if account.state != State::Active => {
            return Err(Error::invalid(
                "email",
                "This account is disabled. Whoever operates this installation can enable it.",
            ));
        }
        Some(account) => (account.id, account.name, account.has_password),
        None => {
            let proof = by.person().map_or(Proof::None, |person| Proof::Vouched(person.id));
            let fresh = NewAccount {
                email: &new.email,
                name: &new.name,
                password_hash: None,
                proof,
            };
            (account::create(tx, by.actor(), fresh, now).await?, new.name, false)
        }
    };
    let joining = NewMember {
        user,
        email: &new.email,
        name: &name,
        role: new.role,
        source: Source::Administrator,
        groups: &new.groups,
        expires_at: None,
    };
    let id = member::join(tx, by.actor(), org.id, joining, now).await?;
    let set_password = if has_password {
        None
    } else {
        Some((first_password(tx, keys, user, now).await?, now))
    };
    let message = Mail::AddedToOrganization {
        organization: org.name.clone(),
        slug: org.slug.clone(),
        role: new.role.title().to_owned(),
        by: by.person().map(|person| (person.name.clone(), person.email.clone())),
        set_password,
    };
    mail::enqueue(tx, Some(org.id), &new.email, &message, now).await?;
    Ok(Added {
        id,
        name,
        is_new: !has_password,
    })
}

/// Makes the link by which a new account sets its first password; older links of the account end.
async fn first_password(tx: &mut Tx, keys: &Keys, user: UserId, now: Timestamp) -> Result<ResetId> {
    let id = ResetId::from_raw(orgs::sequence(tx, "reset", 1).await?);
    let token = links::reset_token(keys, id, now);
    store::delete_resets(tx, user).await?;
    store::insert_reset(tx, id, hash_token(token.expose()), user, now, now.plus(LINK_LIFE)).await?;
    Ok(id)
}
