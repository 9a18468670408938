//! Adding a person by hand: an account that is there joins at once, a new one gets a mail with a link to set its password.

use std::time::Duration;

use super::member::{self, NewMember, Source};
use crate::{
    access::{Can, Role, permission::MemberManage},
    auth::{
        account::{self, NewAccount, Proof, State},
        reset,
    },
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    ids::{GroupId, MemberId, UserId},
    invitations::invitation,
    mail::{self, Mail, address::Address},
    notifications::{self, Kind, News},
    orgs,
    secret::Keys,
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
    invitation::end_for(tx, org.id, &new.email, user, now).await?;
    let first = !has_password;
    let set_password = if has_password {
        None
    } else {
        Some((reset::issue(tx, keys, user, LINK_LIFE, now).await?, now))
    };
    let message = Mail::AddedToOrganization {
        organization: org.name.clone(),
        slug: org.slug.clone(),
        role: new.role.title().to_owned(),
        by: by.person().map(|person| (person.name.clone(), person.email.clone())),
        set_password,
    };
    let mut mail = Some((new.email.clone(), message));
    if let Some((to, message)) = mail.take_if(|_| first) {
        // The link to set a password is no news but the way in.
        mail::enqueue(tx, Some(org.id), &to, &message, now).await?;
    }
    let news = News {
        to: user,
        org: Some(org.id),
        subject: format!("You were added to {} as {}.", org.name, new.role.title()),
        link: org.path("/members"),
        mail,
    };
    if by.user_id() != user {
        notifications::notify(tx, Kind::Added, news, now).await?;
    }
    Ok(Added {
        id,
        name,
        is_new: !has_password,
    })
}
