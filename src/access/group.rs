//! [`GroupCan`]: the same as [`Can`], for one group. A role that manages groups opens every group of the organization; whoever leads
//! one, with a membership and a time in the group that both last, opens that one and nothing else.
//!
//! Whoever may not is refused before the question whether the group exists, so that ids tell nothing.

use std::marker::PhantomData;

use actix_web::{FromRequest, HttpMessage as _, HttpRequest, dev::Payload};

use super::{
    Acting, Can, OrgRef, Permission, Right,
    can::{Extraction, app_of, deny, explain, refusal},
    decision,
    permission::{GroupManage, InviteCreate, MemberRead},
    store,
};
use crate::{
    audit::Actor,
    clock::Timestamp,
    db::Read,
    error::{Error, Result},
    ids::{GroupId, MemberId},
};

/// What one may do with one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupDuty {
    /// See its page: everyone who belongs to it.
    Read,
    /// Care for its people, its description and its page: its leads.
    Lead,
    /// See what its members have used: its leads, and whoever reads usage everywhere (MODEL section 2.5).
    Usage,
}

impl GroupDuty {
    /// The permission that gives it for every group, and that leading gives for one; none where belonging to it is enough.
    const fn permission(self) -> Option<Permission> {
        match self {
            Self::Read => None,
            Self::Lead => Some(Permission::GroupManage),
            Self::Usage => Some(Permission::UsageRead),
        }
    }
    /// What one may do with it, to complete "You may not …".
    const fn deed(self) -> &'static str {
        match self {
            Self::Read => "see this group",
            Self::Lead => "manage this group",
            Self::Usage => "see what the members of this group have used",
        }
    }
}

/// A duty as a type, so that a verb can demand its proof.
pub trait Duty: 'static {
    /// The duty.
    const DUTY: GroupDuty;
}

/// See [`GroupDuty::Read`].
#[derive(Debug, Clone, Copy)]
pub struct GroupRead;
impl Duty for GroupRead {
    const DUTY: GroupDuty = GroupDuty::Read;
}

/// See [`GroupDuty::Lead`].
#[derive(Debug, Clone, Copy)]
pub struct GroupLead;
impl Duty for GroupLead {
    const DUTY: GroupDuty = GroupDuty::Lead;
}

/// See [`GroupDuty::Usage`].
#[derive(Debug, Clone, Copy)]
pub struct GroupUsage;
impl Duty for GroupUsage {
    const DUTY: GroupDuty = GroupDuty::Usage;
}

/// The proof that whoever acts has the duty `D` in one group.
pub struct GroupCan<D> {
    can: Can<MemberRead>,
    group: GroupId,
    manages: bool,
    leads: bool,
    duty: PhantomData<fn() -> D>,
}

impl<D> GroupCan<D> {
    /// The caller in the organization, for what a page shows around the group.
    pub const fn can(&self) -> &Can<MemberRead> {
        &self.can
    }
    /// Who acts, for the record.
    pub const fn actor(&self) -> &Actor {
        self.can.actor()
    }
    /// The organization.
    pub const fn org(&self) -> &OrgRef {
        self.can.org()
    }
    /// The caller's own membership; none for enterprise access and the operator.
    pub const fn member(&self) -> Option<MemberId> {
        self.can.member()
    }
    /// The group.
    pub const fn group(&self) -> GroupId {
        self.group
    }
    /// Whether the caller's role manages every group of the organization.
    pub const fn manages(&self) -> bool {
        self.manages
    }
    /// Whether the caller leads this group.
    pub const fn leads(&self) -> bool {
        self.leads
    }
    /// Whether the caller may change what a lead may change.
    pub const fn may_lead(&self) -> bool {
        (self.manages || self.leads) && !self.can.org().archived
    }
    /// A path within the organization.
    pub fn path(&self, rest: &str) -> String {
        self.can.path(rest)
    }
}

impl GroupCan<GroupLead> {
    /// Whoever manages all groups manages each of them.
    pub fn managing(by: &Can<GroupManage>, group: GroupId) -> Self {
        Self {
            can: by.cast(),
            group,
            manages: true,
            leads: false,
            duty: PhantomData,
        }
    }

    /// The proof with which a lead invites; its one user holds it to this group and to ordinary roles.
    pub(crate) fn inviter(&self) -> Can<InviteCreate> {
        self.can.cast()
    }
}

/// Whether the caller sees every group of the organization, not their own alone.
pub fn sees_all_groups<P>(by: &Can<P>) -> bool {
    let enterprise = by.person().and_then(|person| person.enterprise_role);
    by.holds(Permission::GroupManage) || enterprise.is_some()
}

/// How a caller stands to a group at this moment; whoever may not is given back.
async fn standing<D: Duty>(
    db: &mut impl Read,
    can: Can<MemberRead>,
    group: GroupId,
    now: Timestamp,
) -> Result<std::result::Result<GroupCan<D>, Box<Can<MemberRead>>>> {
    let manages = can.holds(Permission::GroupManage);
    // A membership that does not act leads nothing, even where a role over the enterprise still lets its person in.
    let member = can.member().filter(|_| can.role().is_some());
    let inside = match member {
        Some(member) if group.org() == can.org().id => {
            store::find_in_group(db, can.org().id, group, member, now).await?
        }
        _ => None,
    };
    let leads = inside.as_ref().is_some_and(|inside| inside.is_lead);
    let allowed = match D::DUTY.permission() {
        None => inside.is_some() || sees_all_groups(&can),
        Some(permission) => decision::decide_in_group(can.standing(), permission, leads).is_ok(),
    };
    if !allowed {
        return Ok(Err(Box::new(can)));
    }
    Ok(Ok(GroupCan {
        can,
        group,
        manages,
        leads,
        duty: PhantomData,
    }))
}

impl<D: Duty> FromRequest for GroupCan<D> {
    type Error = Error;
    type Future = Extraction<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let can = Can::<MemberRead>::from_request(&req, payload);
        Box::pin(async move {
            let can = can.await?;
            let app = app_of(&req)?;
            let now = app.clock.now();
            let (actor, org) = (can.actor().clone(), can.org().clone());
            // Text that is no id names a group that nobody has.
            let group = req.match_info().get("group").unwrap_or_default().parse();
            let group = group.unwrap_or(GroupId::from_raw(0));
            if D::DUTY == GroupDuty::Lead && org.archived {
                deny(&app, &actor, Some(org.id), &req, D::DUTY.deed(), now).await;
                return Err(refusal(GroupManage::PERMISSION, &org));
            }
            match standing(&mut app.db.read(), can, group, now).await? {
                Ok(found) => Ok(found),
                Err(can) => {
                    req.extensions_mut().remove::<Acting>();
                    if let Some(permission) = D::DUTY.permission() {
                        explain(&can, permission, &req);
                    }
                    deny(&app, &actor, Some(org.id), &req, D::DUTY.deed(), now).await;
                    Err(Error::forbidden(format!(
                        "You may not {} in {}. Ask one of its leads or an administrator of the organization.",
                        D::DUTY.deed(),
                        org.name
                    )))
                }
            }
        })
    }
}
