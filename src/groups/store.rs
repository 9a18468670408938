//! SQL of the groups room. It reads members for names and states, profiles for pictures, invitations for those that lead into a group, and locks the
//! organization's row (declared exceptions).

use super::Kind;
use crate::{
    access::Role,
    clock::Timestamp,
    db::{Ask, Read, Tx},
    error::Result,
    ids::{GroupId, InvitationId, MemberId, OrgId},
    members::Status,
    record, sql,
};

record! {
    /// A group.
    pub struct Group {
        /// Its id.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// What people call it.
        pub kind: Kind,
        /// How many members it has.
        pub member_count: i64,
    }
}

record! {
    /// A group with all that its own page says of it.
    pub struct Profile {
        /// Its id.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// What people call it.
        pub kind: Kind,
        /// What it is for, empty for nothing said.
        pub description: String,
        /// The cards of its page, see [`super::Cards`].
        pub cards: String,
        /// How many members it has.
        pub member_count: i64,
        /// When it was made.
        pub created_at: Timestamp,
        /// Raised by every change of the group itself, not of who belongs to it.
        pub version: i64,
    }
}

record! {
    /// A group that someone belongs to.
    pub struct Belonging {
        /// The group.
        pub id: GroupId,
        /// Its name.
        pub name: String,
        /// Whether the member leads it.
        pub is_lead: bool,
        /// When the member's time in it ends; the row stays until the next minute's work.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// A member of the organization, and how they stand in one group.
    pub struct Standing {
        /// The member.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// Whether they lead the group; none when they do not belong to it.
        pub is_lead: Option<bool>,
        /// When their time in the group ends.
        pub expires_at: Option<Timestamp>,
        /// Since when they belong to it; 0 for before this was kept.
        pub joined_at: Option<Timestamp>,
        /// The key of their picture.
        pub picture: Option<String>,
    }
}

record! {
    /// Someone in a group, as a card shows them.
    pub struct Someone {
        /// The member.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
        /// The state of the membership in the organization.
        pub status: Status,
        /// When their time in the group ends.
        pub expires_at: Option<Timestamp>,
        /// Since when they belong to it.
        pub joined_at: Timestamp,
        /// The key of their picture.
        pub picture: Option<String>,
    }
}

record! {
    /// A pending invitation that leads into a group.
    pub struct Pending {
        /// The invitation.
        pub id: InvitationId,
        /// The invited address.
        pub email: String,
        /// The role.
        pub role: Role,
        /// When it was made.
        pub created_at: Timestamp,
        /// When its link ends.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// A time in a group that ends soon or has ended.
    pub struct Due {
        /// The organization.
        pub org_id: OrgId,
        /// The group.
        pub group_id: GroupId,
        /// The member.
        pub member_id: MemberId,
        /// The end.
        pub expires_at: Timestamp,
        /// The group's name.
        pub group_name: String,
        /// The member's name.
        pub name: String,
        /// The member's address.
        pub email: String,
        /// The organization's name.
        pub organization: String,
        /// Its place in addresses.
        pub slug: String,
        /// Its zone.
        pub zone: String,
    }
}

record! {
    /// How many groups are of a kind.
    pub struct KindCount {
        /// The kind.
        pub kind: Kind,
        /// How many.
        pub n: i64,
    }
}

/// Someone who is put into a group: organization, group, member, whether they lead it, when that ends, since when.
pub(super) type Added = (OrgId, GroupId, MemberId, bool, Option<Timestamp>, Timestamp);

sql! {
    LOCK_ORG: (OrgId) => (i64,) = { sqlite "select state from orgs where id = $1" postgres "select state from orgs where id = $1 for update" };
    LIST: (OrgId) => Group = "select id, name, kind, member_count from groups where org_id = $1 order by name_key, id limit 1000";
    FIND: (OrgId, GroupId) => Group = "select id, name, kind, member_count from groups where org_id = $1 and id = $2";
    PROFILE: (OrgId, GroupId) => Profile =
        "select id, name, kind, description, cards, member_count, created_at, version from groups where org_id = $1 and id = $2";
    IDS: (OrgId, GroupId, i64) => (GroupId,) = "select id from groups where org_id = $1 and id > $2 order by id limit $3";
    FIND_BY_KEY: (OrgId, String) => Group = "select id, name, kind, member_count from groups where org_id = $1 and name_key = $2";
    COUNTS: (OrgId, i64, Timestamp) => KindCount =
        "select g.kind, count(*) as n from groups g
         where g.org_id = $1 and ($2 = 0 or exists (select 1 from group_members gm
           where gm.org_id = $1 and gm.group_id = g.id and gm.member_id = $2 and (gm.expires_at is null or gm.expires_at > $3)))
         group by g.kind";
    LIST_OF: (OrgId, MemberId) => Belonging =
        "select g.id, g.name, gm.is_lead, gm.expires_at from group_members gm join groups g on g.id = gm.group_id
         where gm.org_id = $1 and gm.member_id = $2 order by g.name_key, g.id";
    INSERT: (OrgId, GroupId, String, String, Kind, String, Timestamp) => () =
        "insert into groups (org_id, id, name, name_key, kind, description, created_at) values ($1, $2, $3, $4, $5, $6, $7)";
    UPDATE: (OrgId, GroupId, String, String, Kind, String) => () =
        "update groups set name = $3, name_key = $4, kind = $5, description = $6, version = version + 1 where org_id = $1 and id = $2";
    SET_CARDS: (OrgId, GroupId, String) => () = "update groups set cards = $3, version = version + 1 where org_id = $1 and id = $2";
    DELETE: (OrgId, GroupId) => () = "delete from groups where org_id = $1 and id = $2";
    DELETE_MEMBERSHIPS: (OrgId, GroupId) => () = "delete from group_members where org_id = $1 and group_id = $2";
    DELETE_INVITED: (OrgId, GroupId) => () = "delete from invitation_groups where org_id = $1 and group_id = $2";
    EVERYONE: (OrgId, GroupId) => Standing =
        "select m.id, m.name, gm.is_lead, gm.expires_at, gm.joined_at, cast(null as text) as picture from group_members gm join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 order by m.id";
    STANDINGS: (OrgId, GroupId, String) => Standing = {
        sqlite "select m.id, m.name, gm.is_lead, gm.expires_at, gm.joined_at, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture
                from members m left join group_members gm on gm.org_id = $1 and gm.group_id = $2 and gm.member_id = m.id
                where m.org_id = $1 and m.id in (select value from json_each('[' || $3 || ']')) and m.status < 5 order by m.id"
        postgres "select m.id, m.name, gm.is_lead, gm.expires_at, gm.joined_at, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture
                from members m left join group_members gm on gm.org_id = $1 and gm.group_id = $2 and gm.member_id = m.id
                where m.org_id = $1 and m.id in (select cast(unnest(string_to_array($3, ',')) as bigint)) and m.status < 5 order by m.id"
    };
    INSERT_MEMBER: (OrgId, GroupId, MemberId, Timestamp) => () =
        "insert into group_members (org_id, group_id, member_id, joined_at) values ($1, $2, $3, $4) on conflict do nothing";
    INSERT_MEMBERS: bulk (OrgId, GroupId, MemberId, bool, Option<Timestamp>, Timestamp) =
        "insert into group_members (org_id, group_id, member_id, is_lead, expires_at, joined_at) values", "";
    DELETE_MEMBERS: (OrgId, GroupId, String) => () = {
        sqlite "delete from group_members where org_id = $1 and group_id = $2 and member_id in (select value from json_each('[' || $3 || ']'))"
        postgres "delete from group_members where org_id = $1 and group_id = $2 and member_id in (select cast(unnest(string_to_array($3, ',')) as bigint))"
    };
    SET_LEAD: (OrgId, GroupId, MemberId, bool) => () =
        "update group_members set is_lead = $4 where org_id = $1 and group_id = $2 and member_id = $3";
    SET_END: (OrgId, GroupId, MemberId, Option<Timestamp>) => () =
        "update group_members set expires_at = $4, warned_at = null where org_id = $1 and group_id = $2 and member_id = $3";
    SET_WARNED: (OrgId, GroupId, String, Timestamp) => () = {
        sqlite "update group_members set warned_at = $4
                where org_id = $1 and group_id = $2 and member_id in (select value from json_each('[' || $3 || ']'))"
        postgres "update group_members set warned_at = $4
                where org_id = $1 and group_id = $2 and member_id in (select cast(unnest(string_to_array($3, ',')) as bigint))"
    };
    COUNT: (OrgId, GroupId, i64) => () = "update groups set member_count = member_count + $3 where org_id = $1 and id = $2";
    COUNT_LESS: (OrgId, MemberId) => () =
        "update groups set member_count = member_count - 1
         where org_id = $1 and id in (select group_id from group_members where org_id = $1 and member_id = $2)";
    DELETE_ALL_OF: (OrgId, MemberId) => () = "delete from group_members where org_id = $1 and member_id = $2";
    LEADS: (OrgId, GroupId, Timestamp) => Someone =
        "select m.id, m.name, m.email, m.status, gm.expires_at, gm.joined_at, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture from group_members gm join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 and gm.is_lead = true and (gm.expires_at is null or gm.expires_at > $3)
         order by m.name_key, m.id limit 50";
    OTHER_LEADS: (OrgId, GroupId, MemberId, Timestamp) => (i64,) =
        "select count(*) from group_members gm join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 and gm.member_id <> $3 and gm.is_lead = true and (gm.expires_at is null or gm.expires_at > $4)
           and m.status in (1, 2) and (m.expires_at is null or m.expires_at > $4)";
    ENDING: (OrgId, GroupId, Timestamp, Timestamp) => Someone =
        "select m.id, m.name, m.email, m.status, gm.expires_at, gm.joined_at, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture from group_members gm join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 and gm.expires_at > $3 and gm.expires_at <= $4 order by gm.expires_at, m.id limit 6";
    JOINED: (OrgId, GroupId, Timestamp) => Someone =
        "select m.id, m.name, m.email, m.status, gm.expires_at, gm.joined_at, (select pr.picture from profiles pr where pr.user_id = m.user_id) as picture from group_members gm join members m on m.id = gm.member_id
         where gm.org_id = $1 and gm.group_id = $2 and gm.joined_at > 0 and (gm.expires_at is null or gm.expires_at > $3)
         order by gm.joined_at desc, m.id desc limit 5";
    PENDING: (OrgId, GroupId, Timestamp) => Pending =
        "select i.id, i.email, i.role, i.created_at, i.expires_at from invitation_groups ig join invitations i on i.id = ig.invitation_id
         where ig.org_id = $1 and ig.group_id = $2 and i.state = 1 and (i.expires_at is null or i.expires_at > $3)
         order by i.created_at desc, i.id desc limit 101";
    ENDING_SOON: (Timestamp, Timestamp) => Due =
        "select gm.org_id, gm.group_id, gm.member_id, gm.expires_at, g.name as group_name, m.name, m.email, o.name as organization, o.slug, o.zone
         from group_members gm join groups g on g.id = gm.group_id join members m on m.id = gm.member_id join orgs o on o.id = gm.org_id
         where gm.expires_at > $1 and gm.expires_at <= $2 and gm.warned_at is null and m.status in (1, 2) and o.state = 1
         order by gm.org_id, gm.group_id, gm.member_id limit 500";
    ENDED: (Timestamp) => Due =
        "select gm.org_id, gm.group_id, gm.member_id, gm.expires_at, g.name as group_name, m.name, m.email, o.name as organization, o.slug, o.zone
         from group_members gm join groups g on g.id = gm.group_id join members m on m.id = gm.member_id join orgs o on o.id = gm.org_id
         where gm.expires_at <= $1 order by gm.org_id, gm.group_id, gm.member_id limit 500";
}

/// Locks the organization's row for this transaction, as the members' verbs do, so that changes of groups and members queue up.
pub(super) async fn lock(tx: &mut Tx, org: OrgId) -> Result<()> {
    tx.one(LOCK_ORG, (org,)).await?;
    Ok(())
}
pub(super) fn ask_list(org: OrgId) -> Ask<(OrgId,), Group> {
    LIST.with((org,))
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Option<Group>> {
    db.opt(FIND, (org, id)).await
}
pub(super) async fn profile(db: &mut impl Read, org: OrgId, id: GroupId) -> Result<Option<Profile>> {
    db.opt(PROFILE, (org, id)).await
}
/// Groups behind an id, by their ids.
pub(crate) async fn list_ids(db: &mut impl Read, org: OrgId, after: GroupId, most: i64) -> Result<Vec<GroupId>> {
    let found = db.all(IDS, (org, after, most)).await?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
pub(super) async fn find_by_key(db: &mut impl Read, org: OrgId, key: &str) -> Result<Option<Group>> {
    db.opt(FIND_BY_KEY, (org, key)).await
}
/// How many groups there are of each kind; with a member, only those they belong to now.
pub(super) async fn counts(
    db: &mut impl Read,
    org: OrgId,
    member: Option<MemberId>,
    now: Timestamp,
) -> Result<Vec<KindCount>> {
    db.all(COUNTS, (org, member.map_or(0, MemberId::raw), now)).await
}
pub(super) async fn list_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Belonging>> {
    db.all(LIST_OF, (org, member)).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert(
    tx: &mut Tx,
    org: OrgId,
    id: GroupId,
    name: &str,
    key: &str,
    kind: Kind,
    description: &str,
    now: Timestamp,
) -> Result<()> {
    tx.run(INSERT, (org, id, name, key, kind, description, now)).await?;
    Ok(())
}
pub(super) async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: GroupId,
    name: &str,
    key: &str,
    kind: Kind,
    description: &str,
) -> Result<()> {
    tx.run(UPDATE, (org, id, name, key, kind, description)).await?;
    Ok(())
}
pub(super) async fn set_cards(tx: &mut Tx, org: OrgId, id: GroupId, cards: &str) -> Result<()> {
    tx.run(SET_CARDS, (org, id, cards)).await?;
    Ok(())
}
/// Deletes a group with everything that hangs on it.
pub(super) async fn delete(tx: &mut Tx, org: OrgId, id: GroupId) -> Result<()> {
    tx.run(DELETE_MEMBERSHIPS, (org, id)).await?;
    tx.run(DELETE_INVITED, (org, id)).await?;
    tx.run(DELETE, (org, id)).await?;
    Ok(())
}
pub(super) async fn everyone(db: &mut impl Read, org: OrgId, group: GroupId) -> Result<Vec<Standing>> {
    db.all(EVERYONE, (org, group)).await
}

fn ids(members: &[MemberId]) -> String {
    let ids: Vec<String> = members.iter().map(|id| id.raw().to_string()).collect();
    ids.join(",")
}

/// How these members of the organization stand in the group; whoever is no member of the organization is left out.
pub(super) async fn standings(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    members: &[MemberId],
) -> Result<Vec<Standing>> {
    db.all(STANDINGS, (org, group, ids(members))).await
}
/// Adds one membership and keeps the group's count; 0 when it was there.
pub(super) async fn insert_member(
    tx: &mut Tx,
    org: OrgId,
    group: GroupId,
    member: MemberId,
    now: Timestamp,
) -> Result<u64> {
    let added = tx.run(INSERT_MEMBER, (org, group, member, now)).await?;
    if added > 0 {
        tx.run(COUNT, (org, group, 1)).await?;
    }
    Ok(added)
}
/// Adds many memberships that are not there yet, and keeps the groups' counts.
pub(super) async fn insert_members(tx: &mut Tx, org: OrgId, mut rows: Vec<Added>) -> Result<()> {
    rows.sort_unstable_by_key(|row| (row.1, row.2)); // the order of the table, so that neighbours land on one page
    for group in rows.chunk_by(|one, next| one.1 == next.1) {
        tx.run(COUNT, (org, group[0].1, group.len() as i64)).await?;
    }
    tx.many(INSERT_MEMBERS, rows).await?;
    Ok(())
}
/// Takes memberships away and keeps the group's count; how many there were.
pub(super) async fn delete_members(tx: &mut Tx, org: OrgId, group: GroupId, members: &[MemberId]) -> Result<u64> {
    let removed = tx.run(DELETE_MEMBERS, (org, group, ids(members))).await?;
    if removed > 0 {
        tx.run(COUNT, (org, group, -(removed as i64))).await?;
    }
    Ok(removed)
}
pub(super) async fn set_lead(tx: &mut Tx, org: OrgId, group: GroupId, member: MemberId, lead: bool) -> Result<()> {
    tx.run(SET_LEAD, (org, group, member, lead)).await?;
    Ok(())
}
/// Sets or lifts the end; a new one is warned of anew.
pub(super) async fn set_end(
    tx: &mut Tx,
    org: OrgId,
    group: GroupId,
    member: MemberId,
    end: Option<Timestamp>,
) -> Result<()> {
    tx.run(SET_END, (org, group, member, end)).await?;
    Ok(())
}
pub(super) async fn set_warned(
    tx: &mut Tx,
    org: OrgId,
    group: GroupId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<()> {
    tx.run(SET_WARNED, (org, group, ids(members), now)).await?;
    Ok(())
}
pub(super) async fn delete_all_of(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    tx.run(COUNT_LESS, (org, member)).await?;
    tx.run(DELETE_ALL_OF, (org, member)).await?;
    Ok(())
}
pub(super) async fn leads(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Someone>> {
    db.all(LEADS, (org, group, now)).await
}
/// How many others lead the group now and can act.
pub(super) async fn count_other_leads(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    but: MemberId,
    now: Timestamp,
) -> Result<i64> {
    Ok(db.one(OTHER_LEADS, (org, group, but, now)).await?.0)
}
pub(super) async fn ending(
    db: &mut impl Read,
    org: OrgId,
    group: GroupId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Vec<Someone>> {
    db.all(ENDING, (org, group, now, until)).await
}
pub(super) async fn joined(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Someone>> {
    db.all(JOINED, (org, group, now)).await
}
pub(super) async fn pending(db: &mut impl Read, org: OrgId, group: GroupId, now: Timestamp) -> Result<Vec<Pending>> {
    db.all(PENDING, (org, group, now)).await
}
pub(super) async fn list_ending_soon(db: &mut impl Read, now: Timestamp, until: Timestamp) -> Result<Vec<Due>> {
    db.all(ENDING_SOON, (now, until)).await
}
pub(super) async fn list_ended(db: &mut impl Read, now: Timestamp) -> Result<Vec<Due>> {
    db.all(ENDED, (now,)).await
}
