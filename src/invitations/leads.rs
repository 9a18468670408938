//! Inviting into one group: by whoever may invite, and, where the organization allows it, by the group's leads.

use super::{Desk, Invitation, Terms, invitation};
use crate::{
    access::{Can, GroupCan, GroupLead, Permission, Role, permission::InviteCreate},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    groups::group,
    mail::address::Address,
    orgs,
};

/// The roles that the caller may give in an invitation into this group; a lead gives none above Member. Refused where the caller may not
/// invite at all.
pub async fn roles_into(db: &mut impl Read, by: &GroupCan<GroupLead>) -> Result<Vec<Role>> {
    Ok(proof(db, by).await?.1)
}

async fn proof(db: &mut impl Read, by: &GroupCan<GroupLead>) -> Result<(Can<InviteCreate>, Vec<Role>)> {
    let org = by.org();
    let can = by.inviter();
    let mut roles = invitation::roles_for(&can);
    if by.can().may(Permission::InviteCreate) {
        return Ok((can, roles));
    }
    if !by.leads() || !orgs::leads::may_invite(db, org.id).await? {
        return Err(Error::forbidden(format!(
            "You may not invite people into {}. An administrator can allow it to leads, on the page Groups.",
            org.name
        )));
    }
    roles.retain(|role| *role <= Role::Member);
    Ok((can, roles))
}

/// Invites one address into the organization and this group.
pub async fn invite_into(
    tx: &mut Tx,
    by: &GroupCan<GroupLead>,
    desk: &Desk<'_>,
    address: &Address,
    role: Role,
    now: Timestamp,
) -> Result<Invitation> {
    let group = group::profile(tx, by.org().id, by.group()).await?;
    let (can, roles) = proof(tx, by).await?;
    if !roles.contains(&role) {
        return Err(Error::forbidden(format!(
            "You may not invite with the role {} into {}.",
            role.title(),
            group.name
        )));
    }
    let terms = Terms {
        role,
        groups: vec![group.id],
        member_until: None,
    };
    invitation::invite(tx, &can, desk, address, &terms, now).await
}
