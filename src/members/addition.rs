//! Adding a person by hand: an account that is there joins at once, a new one gets a mail with a link to set its password.

use std::{collections::HashMap, time::Duration};

use super::{
    mass,
    member::{self, Imported, NewMember, Source},
};
use crate::{
    access::{Can, Role, permission::MemberManage},
    audit::Actor,
    auth::{
        account::{self, Account, NewAccount, Proof, State},
        reset,
    },
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    ids::{GroupId, MemberId, OrgId, ResetId, UserId},
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
    /// When the membership ends by itself.
    pub until: Option<Timestamp>,
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
    check_role(by, new.role)?;
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
        expires_at: new.until,
    };
    let id = member::join(tx, by.actor(), org.id, joining, now).await?;
    invitation::end_for(tx, org.id, &new.email, user, now).await?;
    let set_password = if has_password {
        None
    } else {
        Some((reset::issue(tx, keys, user, LINK_LIFE, now).await?, now))
    };
    let (letter, news) = told(by, user, &new.email, new.role, set_password);
    if let Some((to, message)) = letter {
        // The link to set a password is no news but the way in.
        mail::enqueue(tx, Some(org.id), &to, &message, now).await?;
    }
    if by.user_id() != user {
        notifications::notify(tx, Kind::Added, news, now).await?;
    }
    Ok(Added {
        id,
        name,
        is_new: !has_password,
    })
}

/// Takes back those of some addresses whom an import has added since an instant, because not all of it could be done; how many they were.
/// Nobody hears of it, because nobody has heard of the beginning either. Accounts that were made for them stay.
pub async fn take_back(
    tx: &mut Tx,
    by: &Actor,
    (org, since): (OrgId, Timestamp),
    email_keys: &[&str],
    now: Timestamp,
) -> Result<usize> {
    let users = mass::take_back(tx, by, (org, since), email_keys, now).await?;
    for kind in [Kind::Added, Kind::RoleChanged] {
        notifications::withdraw(tx, org, kind, &users, since).await?;
    }
    Ok(users.len())
}

/// Refuses a role that the caller may not give.
fn check_role(by: &Can<MemberManage>, role: Role) -> Result<()> {
    let org = by.org();
    if role.rank() > by.rank() {
        return Err(Error::invalid(
            "role",
            format!(
                "{} stands above your own role. Choose a role up to your own.",
                role.title()
            ),
        ));
    }
    let permissions = org.permissions_of(role);
    if !by.permissions().covers(&permissions) {
        let beyond = permissions.beyond(&by.permissions()).join(", ");
        return Err(Error::invalid(
            "role",
            format!(
                "{} permits more than you may yourself: {beyond}. Choose another role.",
                role.title()
            ),
        ));
    }
    Ok(())
}

/// What the person gets: for a new account the letter with the way in, which nobody can switch off, else news.
fn told(
    by: &Can<MemberManage>,
    user: UserId,
    email: &Address,
    role: Role,
    set_password: Option<(ResetId, Timestamp)>,
) -> (Option<(Address, Mail)>, News) {
    let org = by.org();
    let is_new = set_password.is_some();
    let message = Mail::AddedToOrganization {
        organization: org.name.clone(),
        slug: org.slug.clone(),
        role: role.title().to_owned(),
        by: by.person().map(|person| (person.name.clone(), person.email.clone())),
        set_password,
    };
    let mut mail = Some((email.clone(), message));
    let letter = mail.take_if(|_| is_new);
    let news = News {
        to: user,
        org: Some(org.id),
        subject: format!("You were added to {} as {}.", org.name, role.title()),
        link: org.path("/members"),
        mail,
    };
    (letter, news)
}

/// Adds many people, as [`add`] adds one; the caller has judged each of them in this transaction. A person who became a member
/// meanwhile is a conflict.
pub async fn add_many(
    tx: &mut Tx,
    by: &Can<MemberManage>,
    keys: &Keys,
    people: Vec<NewPerson>,
    now: Timestamp,
) -> Result<Vec<Added>> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let org = by.org();
    let mut roles: Vec<Role> = people.iter().map(|new| new.role).collect();
    roles.sort_unstable();
    roles.dedup();
    for role in roles {
        check_role(by, role)?;
    }
    let email_keys: Vec<&str> = people.iter().map(|new| new.email.key()).collect();
    let mut found: HashMap<String, Account> = account::list_by_keys(tx, &email_keys)
        .await?
        .into_iter()
        .map(|account| (account.email_key.clone(), account))
        .collect();
    let mut there: Vec<UserId> = found.values().map(|account| account.id).collect();
    there.sort_unstable();
    member::lock_users(tx, &there).await?;
    let (live, with_primary) = member::standing_of(tx, org.id, &there).await?;
    if !live.is_empty() || found.values().any(|account| account.state != State::Active) {
        return Err(Error::conflict(
            "Somebody changed one of these people at the same moment. Try again.",
        ));
    }
    let proof = by.person().map_or(Proof::None, |person| Proof::Vouched(person.id));
    let fresh: Vec<NewAccount<'_>> = people
        .iter()
        .filter(|new| !found.contains_key(new.email.key()))
        .map(|new| NewAccount {
            email: &new.email,
            name: &new.name,
            password_hash: None,
            proof,
        })
        .collect();
    let mut made = if fresh.is_empty() {
        Vec::new()
    } else {
        account::create_many(tx, by.actor(), &fresh, now).await?
    }
    .into_iter();
    let (mut joining, mut without_password) = (Vec::with_capacity(people.len()), Vec::new());
    for new in &people {
        let (user, name, has_password) = match found.remove(new.email.key()) {
            Some(account) => (account.id, account.name, account.has_password),
            None => {
                let user = made.next();
                let user = user.ok_or_else(|| Error::Internal("an account without an id".to_owned()))?;
                (user, new.name.clone(), false)
            }
        };
        if !has_password {
            without_password.push(user);
        }
        joining.push(Imported {
            user,
            email: new.email.clone(),
            name,
            role: new.role,
            is_primary: !with_primary.contains(&user),
            joined_at: now,
            last_active_at: None,
            context_at: None,
            is_suspended: false,
            groups: new.groups.clone(),
            expires_at: new.until,
        });
    }
    let arrived: Vec<(UserId, String)> = joining.iter().map(|one| (one.user, one.name.clone())).collect();
    let ids = member::join_many(tx, by.actor(), org.id, joining, now).await?;
    let ends: Vec<(&Address, UserId)> = people
        .iter()
        .map(|new| &new.email)
        .zip(arrived.iter().map(|one| one.0))
        .collect();
    invitation::end_for_many(tx, org.id, &ends, now).await?;
    member::end_resets(tx, &without_password).await?;
    let resets = reset::issue_many(tx, keys, &without_password, LINK_LIFE, now).await?;
    let resets: HashMap<UserId, ResetId> = without_password.into_iter().zip(resets).collect();
    let (mut letters, mut news, mut added) = (Vec::new(), Vec::new(), Vec::with_capacity(people.len()));
    for ((new, (user, name)), id) in people.iter().zip(arrived).zip(ids) {
        let set_password = resets.get(&user).map(|reset| (*reset, now));
        let (letter, told) = told(by, user, &new.email, new.role, set_password);
        letters.extend(letter);
        if by.user_id() != user {
            news.push(told);
        }
        added.push(Added {
            id,
            name,
            is_new: set_password.is_some(),
        });
    }
    mail::enqueue_many(tx, Some(org.id), &letters, now).await?;
    notifications::notify_many(tx, Kind::Added, news, now).await?;
    Ok(added)
}
