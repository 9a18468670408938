//! SQL of the gate: it reads memberships, accounts and groups (a declared exception), and writes nothing.

use crate::{
    clock::Timestamp,
    db::Read,
    error::Result,
    ids::{GroupId, MemberId, OrgId, UserId},
    record, sql,
};

record! {
    /// The membership of a caller.
    pub struct Membership {
        /// The account.
        pub user_id: UserId,
        /// 1 active.
        pub account_state: i64,
        /// When the membership ends by itself.
        pub expires_at: Option<Timestamp>,
        /// When the private context was provisioned; none for not yet.
        pub context_at: Option<Timestamp>,
    }
}

record! {
    /// A group of a member.
    pub struct Belonging {
        /// The group.
        pub group_id: GroupId,
        /// When the member's time in it ends.
        pub expires_at: Option<Timestamp>,
    }
}

impl Belonging {
    /// Whether it lasts still.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

sql! {
    MEMBERSHIP: (OrgId, MemberId) => Membership =
        "select m.user_id, u.state as account_state, m.expires_at, m.context_at from members m join users u on u.id = m.user_id where m.org_id = $1 and m.id = $2 and m.status < 5";
    MEMBERS: (OrgId, MemberId, i64) => (MemberId,) = "select id from members where org_id = $1 and id > $2 and status < 5 order by id limit $3";
    // A department before a team before a project before any other group; of several, the oldest.
    BELONGINGS: (OrgId, MemberId) => Belonging =
        "select gm.group_id, gm.expires_at from group_members gm join groups g on g.id = gm.group_id where gm.org_id = $1 and gm.member_id = $2
         order by case g.kind when 3 then 1 when 2 then 2 when 4 then 3 else 4 end, gm.group_id";
}

pub(super) async fn find_membership(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Option<Membership>> {
    db.opt(MEMBERSHIP, (org, member)).await
}
/// Members by id, for whoever asks about each of them.
pub(super) async fn list_members(db: &mut impl Read, org: OrgId, after: MemberId, most: i64) -> Result<Vec<MemberId>> {
    Ok(db
        .all(MEMBERS, (org, after, most))
        .await?
        .into_iter()
        .map(|(id,)| id)
        .collect())
}
/// The group that a member's usage is attributed to where no key says another one; none for who is in none.
pub async fn main_group(db: &mut impl Read, org: OrgId, member: MemberId, now: Timestamp) -> Result<Option<GroupId>> {
    let groups = list_belongings(db, org, member).await?;
    Ok(groups.iter().find(|one| one.is_live(now)).map(|one| one.group_id))
}
/// The groups of a member, the one that usage is attributed to first.
pub(super) async fn list_belongings(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Belonging>> {
    db.all(BELONGINGS, (org, member)).await
}
