//! The one way to other roles: "Make Org Admin", the role on a member's page, and the dialog "Manage Roles" all come here (C-19).

use serde_json::{Map, Value, json};

use super::{
    Change, Member,
    guard::Deed,
    member::{find, is_allowed, load, notify, record, recount, refuse_disabled},
    store,
};
use crate::{
    access::{Can, Permissions, Role, lattice, permission::RoleAssign},
    audit::Action,
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    ids::RoleId,
    roles,
};

/// What a member's roles are to be; none leaves them as they are.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    /// The built-in role.
    pub role: Option<Role>,
    /// All additional roles.
    pub additional: Option<Vec<RoleId>>,
}

impl Assignment {
    /// Another built-in role.
    pub const fn of(role: Role) -> Self {
        Self {
            role: Some(role),
            additional: None,
        }
    }
}

/// Changes a member's roles, which acts on their next request.
pub async fn assign(tx: &mut Tx, by: &Can<RoleAssign>, of: Change, to: Assignment, now: Timestamp) -> Result<Member> {
    let member = load(tx, by, of, now).await?;
    let (org, role) = (by.org(), to.role.unwrap_or(member.role));
    if role.rank() > by.rank() {
        return Err(Error::forbidden(format!(
            "{} stands above your own role. Ask someone who has it to grant it.",
            role.title()
        )));
    }
    let held = roles::held_by(tx, org.id, member.id).await?;
    let mut standing = member.standing();
    let before = standing.power(org, member.role);
    // What is decided about, before and after; without a decision every additional role stays.
    let (old, wanted, stays) = match to.additional {
        None => (Vec::new(), Vec::new(), held),
        Some(ids) => {
            let known = roles::list(tx, org.id).await?;
            let wanted: Vec<_> = known.into_iter().filter(|one| ids.contains(&one.id)).collect();
            if ids.iter().any(|id| !wanted.iter().any(|one| one.id == *id)) {
                return Err(Error::invalid(
                    "additional",
                    "One of these roles is not there any more. Choose from the list again.",
                ));
            }
            (held, wanted, Vec::new())
        }
    };
    standing.additional = Permissions::default();
    for permits in stays
        .iter()
        .map(roles::Held::permits)
        .chain(wanted.iter().map(roles::CustomRole::permits))
    {
        standing.additional.join(&permits);
    }
    let after = standing.power(org, role);
    if !lattice::may_change(&by.power(), &before, &after) {
        roles::refuse_beyond(by, &after.permissions, "These roles permit")?;
        return Err(Error::forbidden("These roles stand above your own role."));
    }
    let give: Vec<_> = wanted
        .iter()
        .filter(|one| !old.iter().any(|held| held.id == one.id))
        .map(|one| one.id)
        .collect();
    let take: Vec<_> = old
        .iter()
        .filter(|held| !wanted.iter().any(|one| one.id == held.id))
        .map(|held| held.id)
        .collect();
    if role == member.role && give.is_empty() && take.is_empty() {
        return Ok(member);
    }
    let (mut told_before, mut told_after) = (Map::new(), Map::new());
    if role == member.role {
        refuse_disabled(by, &member)?;
        store::touch(tx, member.org_id, member.id).await?;
    } else {
        is_allowed(tx, by, Deed::Role(role), &member, now).await?;
        store::update_role(tx, member.org_id, member.id, role).await?;
        recount(tx, &member, Some((role, member.status))).await?;
        told_before.insert("role".to_owned(), json!(member.role.key()));
        told_after.insert("role".to_owned(), json!(role.key()));
    }
    let mut titles = vec![role.title().to_owned()];
    if !give.is_empty() || !take.is_empty() {
        roles::exchange(tx, org.id, member.id, &give, &take).await?;
        let names_before: Vec<_> = old.iter().map(|one| &one.name).collect();
        let names_after: Vec<_> = wanted.iter().map(|one| &one.name).collect();
        told_before.insert("additional_roles".to_owned(), json!(names_before));
        told_after.insert("additional_roles".to_owned(), json!(names_after));
        titles.extend(wanted.iter().map(|one| one.name.clone()));
    }
    let (told_before, told_after) = (Value::Object(told_before), Value::Object(told_after));
    record(
        tx,
        by.actor(),
        &member,
        Action::MemberRole,
        told_before,
        told_after,
        now,
    )
    .await?;
    notify(tx, by, &member, &format!("role:{}", titles.join(", ")), now).await?;
    find(tx, member.org_id, member.id).await
}
