//! The one way to other roles: "Make Org Admin", the role on a member's page, and the dialog "Manage Roles" all come here (C-19).

use serde_json::{Map, Value, json};

use super::{
    Change, Member,
    member::{find, keep_one_admin, load, notify, record, recount, refuse_disabled},
    store,
};
use crate::{
    access::{Can, EnterpriseRole, OrgRef, Permissions, Power, Role, lattice, permission::RoleAssign},
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

/// How far a member reaches, or would with another built-in role and these additional ones, whether or not the membership acts.
pub fn power_of(org: &OrgRef, member: &Member, role: Role, additional: impl Iterator<Item = Permissions>) -> Power {
    let mut permissions = org.permissions_of(role);
    for more in additional {
        permissions.join(&more);
    }
    if let Some(role) = member.enterprise_role {
        permissions.join(&role.permissions());
    }
    Power {
        rank: role.rank().max(member.enterprise_role.map_or(0, EnterpriseRole::rank)),
        permissions,
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
    let before = power_of(org, &member, member.role, held.iter().map(roles::Held::permits));
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
    let permits = stays
        .iter()
        .map(roles::Held::permits)
        .chain(wanted.iter().map(roles::CustomRole::permits));
    let after = power_of(org, &member, role, permits);
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
    refuse_disabled(by, &member)?;
    let (mut told_before, mut told_after) = (Map::new(), Map::new());
    if role == member.role {
        store::touch(tx, member.org_id, member.id).await?;
    } else {
        change_built_in(tx, by, &member, role, now).await?;
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

/// Another built-in role, if an Org Admin without an end date is left afterwards (I-01).
async fn change_built_in(tx: &mut Tx, by: &Can<RoleAssign>, member: &Member, role: Role, now: Timestamp) -> Result<()> {
    if member.role == Role::Administrator {
        keep_one_admin(tx, by, member, now).await?;
    }
    if role == Role::Administrator
        && member.expires_at.is_some()
        && store::count_other_admins(tx, by.org().id, member.id).await? == 0
    {
        return Err(Error::conflict(format!(
            "{}’s membership has an end date, and the organization has no Org Admin without one. Make someone else Org Admin first.",
            member.name
        )));
    }
    store::update_role(tx, member.org_id, member.id, role).await?;
    recount(tx, member, Some((role, member.status))).await
}
