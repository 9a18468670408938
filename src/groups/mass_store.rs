//! SQL of acts on many people of groups; lists of ids travel as one text, `1,2,3`. It reads members' names for the record.

use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{GroupId, MemberId, OrgId},
    record, sql,
};

record! {
    /// One person's place in one group.
    pub struct Seat {
        /// The group.
        pub group_id: GroupId,
        /// The member.
        pub member_id: MemberId,
        /// Whether the member leads it.
        pub is_lead: bool,
        /// When the place ends by itself.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// A member's name.
    pub struct Named {
        /// The member.
        pub id: MemberId,
        /// The name.
        pub name: String,
    }
}

record! {
    /// How many of some members a group has.
    pub struct Share {
        /// The group.
        pub group_id: GroupId,
        /// How many.
        pub n: i64,
    }
}

sql! {
    NAMES: (OrgId, String) => Named = {
        sqlite "select id, name from members where org_id = $1 and status < 5 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "select id, name from members where org_id = $1 and status < 5 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    SEATS: (OrgId, String, String) => Seat = {
        sqlite "select group_id, member_id, is_lead, expires_at from group_members
                where org_id = $1 and group_id in (select value from json_each('[' || $2 || ']')) and member_id in (select value from json_each('[' || $3 || ']'))"
        postgres "select group_id, member_id, is_lead, expires_at from group_members
                where org_id = $1 and group_id = any (cast(string_to_array($2, ',') as bigint[])) and member_id = any (cast(string_to_array($3, ',') as bigint[]))"
    };
    SHARES: (OrgId, String, Timestamp) => Share = {
        sqlite "select group_id, count(*) as n from group_members where org_id = $1 and member_id in (select value from json_each('[' || $2 || ']'))
                and (expires_at is null or expires_at > $3) group by group_id"
        postgres "select group_id, count(*) as n from group_members where org_id = $1 and member_id = any (cast(string_to_array($2, ',') as bigint[]))
                and (expires_at is null or expires_at > $3) group by group_id"
    };
    COUNT: (OrgId, GroupId, i64) => () = "update groups set member_count = member_count + $3 where org_id = $1 and id = $2";
    DELETE_ALL_OF: (OrgId, String) => () = {
        sqlite "delete from group_members where org_id = $1 and member_id in (select value from json_each('[' || $2 || ']'))"
        postgres "delete from group_members where org_id = $1 and member_id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
}

fn text(ids: impl IntoIterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    ids.join(",")
}
fn members(ids: &[MemberId]) -> String {
    text(ids.iter().map(|id| id.raw()))
}

pub(super) async fn names(db: &mut impl Read, org: OrgId, of: &[MemberId]) -> Result<Vec<Named>> {
    db.all(NAMES, (org, members(of))).await
}
pub(super) async fn seats(db: &mut impl Read, org: OrgId, groups: &[GroupId], of: &[MemberId]) -> Result<Vec<Seat>> {
    db.all(SEATS, (org, text(groups.iter().map(|id| id.raw())), members(of)))
        .await
}
/// How many of these members' times in each group last after an instant.
pub(super) async fn shares(db: &mut impl Read, org: OrgId, of: &[MemberId], after: Timestamp) -> Result<Vec<Share>> {
    db.all(SHARES, (org, members(of), after)).await
}
pub(super) async fn delete_all_of(tx: &mut Tx, org: OrgId, of: &[MemberId]) -> Result<()> {
    // From the first instant on: those whose time has ended are counted until they are cleared away.
    for share in shares(tx, org, of, Timestamp::default()).await? {
        tx.run(COUNT, (org, share.group_id, -share.n)).await?;
    }
    tx.run(DELETE_ALL_OF, (org, members(of))).await?;
    Ok(())
}
