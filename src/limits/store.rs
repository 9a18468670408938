//! SQL of the limits room. It reads members and groups for names and for who inherits what, and raises a member's version with every
//! change of their limits (declared exceptions).

use super::{
    amount::Amount,
    policy::{Enforcement, Scope},
    request::State,
    settings::Conflict,
    window::Window,
};
use crate::{
    clock::Timestamp,
    db::{Ask, Read, Statement, Text, Tx},
    error::Result,
    ids::{GroupId, InvitationId, LimitRequestId, MemberId, OrgId, UserId},
    record, sql,
};

/// How many members without a limit are counted at most; beyond that, a page says "more than".
pub const MANY: i64 = 1_000;

/// The condition that member `m` has no standing limit: in no window do their own, their groups' or the organization's policies
/// leave an amount. Raises with an end are left out on both sides: they do not last. It needs no parameter, so that a list can add it to any
/// of its texts.
pub const WITHOUT: &str = "m.status < 4
 and not exists (select 1 from limit_policies o where o.org_id = m.org_id and o.scope = 4 and o.scope_id = m.org_id and o.valid_until is null and o.amount is not null
   and not exists (select 1 from limit_policies x where x.scope_id = m.id and x.scope = 5 and x.period = o.period and x.valid_until is null)
   and not exists (select 1 from group_members gm join limit_policies x on x.scope_id = gm.group_id and x.scope = 3 and x.period = o.period and x.valid_until is null where gm.member_id = m.id))
 and not exists (select 1 from limit_policies x where x.scope_id = m.id and x.scope = 5 and x.valid_until is null and x.amount is not null)
 and not exists (select 1 from group_members gm join limit_policies g on g.scope_id = gm.group_id and g.scope = 3 and g.valid_until is null and g.amount is not null where gm.member_id = m.id
   and not exists (select 1 from limit_policies x where x.scope_id = m.id and x.scope = 5 and x.period = g.period and x.valid_until is null)
   and not exists (select 1 from group_members gu join limit_policies u on u.scope_id = gu.group_id and u.scope = 3 and u.period = g.period and u.valid_until is null and u.amount is null where gu.member_id = m.id
     and case coalesce((select s.group_conflict from limit_settings s where s.org_id = m.org_id), 1) when 1 then true when 2 then false else u.priority <= g.priority end))";

/// The few members whom only a choice of "unlimited" can have left without a limit, where the organization has a default.
pub const UNLIMITED: &str = "select u.scope_id as id from limit_policies u where u.org_id = $1 and u.scope = 5 and u.amount is null and u.valid_until is null
 union select gm.member_id as id from limit_policies u join group_members gm on gm.group_id = u.scope_id where u.org_id = $1 and u.scope = 3 and u.amount is null and u.valid_until is null";

record! {
    /// A limit that an invitation promises.
    pub struct Promised {
        /// How long it counts.
        pub period: Window,
        /// How much; none for unlimited.
        pub amount: Option<Amount>,
        /// Who promised it.
        pub set_by: String,
    }
}

record! {
    /// One policy, with the member whom it concerns (0 for everybody) and its group's name.
    pub struct PolicyRow {
        /// The member; 0 for all of the organization.
        pub member_id: i64,
        /// What it limits.
        pub scope: Scope,
        /// The member, group or organization.
        pub scope_id: i64,
        /// How long it counts.
        pub period: Window,
        /// How much; none for unlimited by choice.
        pub amount: Option<Amount>,
        /// What happens at the limit.
        pub action: Enforcement,
        /// A group's place among others.
        pub priority: i64,
        /// From when on.
        pub valid_from: Timestamp,
        /// Until when; none for until further notice.
        pub valid_until: Option<Timestamp>,
        /// Why.
        pub note: String,
        /// Who set it.
        pub set_by: String,
        /// When.
        pub set_at: Timestamp,
        /// The group's name, or empty.
        pub name: String,
    }
}

record! {
    /// The settings and one row of the calendar.
    pub struct SettingsRow {
        /// 1 credits, 2 currency.
        pub display_unit: Option<i64>,
        /// The currency's code.
        pub currency: Option<String>,
        /// Which of several groups' defaults wins.
        pub group_conflict: Option<Conflict>,
        /// Rises with every change.
        pub version: Option<i64>,
        /// From when on these rules hold.
        pub since: Option<Timestamp>,
        /// The zone.
        pub zone: Option<String>,
        /// The day on which months begin.
        pub anchor_day: Option<i64>,
        /// The day on which weeks begin.
        pub week_start: Option<i64>,
    }
}

record! {
    /// What is known of an organization's policies without looking at its members.
    pub struct Facts {
        /// How many windows have a default with an amount.
        pub defaults: i64,
        /// 1 when there is any policy of a member or a group's default.
        pub others: i64,
        /// 1 when one of those is unlimited.
        pub unlimited: i64,
    }
}

record! {
    /// A member as a list names one.
    pub struct Person {
        /// The membership.
        pub id: MemberId,
        /// The name.
        pub name: String,
    }
}

record! {
    /// A member's own policy in a list.
    pub struct OwnRow {
        /// The membership.
        pub id: MemberId,
        /// The name.
        pub name: String,
        /// How long it counts.
        pub period: Window,
        /// How much.
        pub amount: Option<Amount>,
        /// What happens at the limit.
        pub action: Enforcement,
        /// Until when.
        pub valid_until: Option<Timestamp>,
        /// Why.
        pub note: String,
        /// Who set it.
        pub set_by: String,
        /// When.
        pub set_at: Timestamp,
    }
}

record! {
    /// A raise whose time has come.
    pub struct EndedRow {
        /// Its id.
        pub id: i64,
        /// The organization.
        pub org_id: OrgId,
        /// What it limits.
        pub scope: Scope,
        /// The member.
        pub scope_id: i64,
        /// How long it counted.
        pub period: Window,
        /// How much.
        pub amount: Option<Amount>,
        /// When it ended.
        pub valid_until: Option<Timestamp>,
        /// The member's name, if there is one.
        pub name: Option<String>,
    }
}

record! {
    /// What a member asks for.
    pub struct Request {
        /// Its id.
        pub id: LimitRequestId,
        /// The member.
        pub member_id: MemberId,
        /// The account.
        pub user_id: UserId,
        /// The name.
        pub name: String,
        /// The address.
        pub email: String,
        /// Which limit.
        pub period: Window,
        /// How much.
        pub amount: Amount,
        /// Until when; none for until further notice.
        pub until: Option<Timestamp>,
        /// Why.
        pub reason: String,
        /// What became of it.
        pub state: State,
        /// When it was made.
        pub created_at: Timestamp,
        /// When it ends without an answer.
        pub expires_at: Timestamp,
        /// When it was answered.
        pub decided_at: Option<Timestamp>,
        /// By whom.
        pub decided_by: String,
        /// With which words.
        pub answer: String,
        /// How much was granted.
        pub granted: Option<Amount>,
        /// Until when.
        pub granted_until: Option<Timestamp>,
    }
}

record! {
    /// A request whose time is over.
    pub struct Overdue {
        /// Its id.
        pub id: LimitRequestId,
        /// The organization.
        pub org_id: OrgId,
        /// The member.
        pub member_id: MemberId,
        /// The member's name.
        pub name: String,
        /// Which limit.
        pub period: Window,
    }
}

/// The columns of a new policy.
pub type NewPolicy = (
    i64,
    OrgId,
    Scope,
    i64,
    Window,
    Option<Amount>,
    Enforcement,
    i64,
    Timestamp,
    Option<Timestamp>,
    String,
    String,
    Timestamp,
);

sql! {
    OF_MEMBERS: (OrgId, String, Timestamp) => PolicyRow = {
        sqlite "select p.scope_id as member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, '' as name
                from limit_policies p where p.org_id = $1 and p.scope = 5 and p.scope_id in (select value from json_each('[' || $2 || ']'))
                union all
                select gm.member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, g.name
                from group_members gm join limit_policies p on p.scope_id = gm.group_id and p.scope in (2, 3) join groups g on g.id = gm.group_id
                where gm.org_id = $1 and gm.member_id in (select value from json_each('[' || $2 || ']')) and (gm.expires_at is null or gm.expires_at > $3)
                union all
                select 0, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, ''
                from limit_policies p where p.org_id = $1 and p.scope in (1, 4) and p.scope_id = $1"
        postgres "select p.scope_id as member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, cast('' as text) as name
                from limit_policies p where p.org_id = $1 and p.scope = 5 and p.scope_id in (select cast(unnest(string_to_array($2, ',')) as bigint))
                union all
                select gm.member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, g.name
                from group_members gm join limit_policies p on p.scope_id = gm.group_id and p.scope in (2, 3) join groups g on g.id = gm.group_id
                where gm.org_id = $1 and gm.member_id in (select cast(unnest(string_to_array($2, ',')) as bigint)) and (gm.expires_at is null or gm.expires_at > $3)
                union all
                select cast(0 as bigint), p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, cast('' as text)
                from limit_policies p where p.org_id = $1 and p.scope in (1, 4) and p.scope_id = $1"
    };
    OF_ORG: (OrgId) => PolicyRow =
        "select cast(0 as bigint) as member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, coalesce(g.name, '') as name
         from limit_policies p left join groups g on g.id = p.scope_id and p.scope in (2, 3) where p.org_id = $1 and p.scope in (1, 2, 3, 4) order by name, p.scope_id, p.scope, p.period";
    OF_SUBJECT: (OrgId, Scope, i64) => PolicyRow =
        "select cast(0 as bigint) as member_id, p.scope, p.scope_id, p.period, p.amount, p.action, p.priority, p.valid_from, p.valid_until, p.note, p.set_by, p.set_at, cast('' as text) as name
         from limit_policies p where p.org_id = $1 and p.scope = $2 and p.scope_id = $3 and p.valid_until is null order by p.period";
    SETTINGS: (OrgId) => SettingsRow =
        "select s.display_unit, s.currency, s.group_conflict, s.version, c.since, c.zone, c.anchor_day, c.week_start
         from (select 1 as one) x left join limit_settings s on s.org_id = $1 left join limit_calendars c on c.org_id = $1 order by c.since";
    SAVE_SETTINGS: (OrgId, i64, i64, String, Conflict) => () =
        "insert into limit_settings (org_id, display_unit, currency, group_conflict, version) values ($1, $3, $4, $5, 1)
         on conflict (org_id) do update set display_unit = $3, currency = $4, group_conflict = $5, version = limit_settings.version + 1 where limit_settings.version = $2";
    SAVE_RULES: (OrgId, Timestamp, String, i64, i64) => () =
        "insert into limit_calendars (org_id, since, zone, anchor_day, week_start) values ($1, $2, $3, $4, $5)
         on conflict (org_id, since) do update set zone = $3, anchor_day = $4, week_start = $5";
    FACTS: (OrgId) => Facts =
        "select (select count(*) from limit_policies where org_id = $1 and scope = 4 and scope_id = $1 and valid_until is null and amount is not null) as defaults,
                (select count(*) from (select 1 from limit_policies where org_id = $1 and scope in (3, 5) limit 1) a) as others,
                (select count(*) from (select 1 from limit_policies where org_id = $1 and scope in (3, 5) and amount is null limit 1) b) as unlimited";
    INSERT: bulk (i64, OrgId, Scope, i64, Window, Option<Amount>, Enforcement, i64, Timestamp, Option<Timestamp>, String, String, Timestamp) =
        "insert into limit_policies (id, org_id, scope, scope_id, period, amount, action, priority, valid_from, valid_until, note, set_by, set_at) values", "";
    INSERT_PROMISED: bulk (InvitationId, Window, OrgId, Option<Amount>, String) =
        "insert into invitation_limits (invitation_id, period, org_id, amount, set_by) values", "";
    PROMISED: (OrgId, InvitationId) => Promised =
        "select period, amount, set_by from invitation_limits where org_id = $1 and invitation_id = $2 order by period";
    DELETE_PROMISED: (OrgId, InvitationId) => () = "delete from invitation_limits where org_id = $1 and invitation_id = $2";
    DELETE_STANDING: (OrgId, Scope, i64, Window) => () =
        "delete from limit_policies where org_id = $1 and scope = $2 and scope_id = $3 and period = $4 and valid_until is null";
    DELETE_RAISE: (OrgId, Scope, i64, Window) => () =
        "delete from limit_policies where org_id = $1 and scope = $2 and scope_id = $3 and period = $4 and valid_until is not null";
    DELETE_STANDING_OF: (OrgId, String, Window) => () = {
        sqlite "delete from limit_policies where org_id = $1 and scope = 5 and scope_id in (select value from json_each('[' || $2 || ']')) and period = $3 and valid_until is null"
        postgres "delete from limit_policies where org_id = $1 and scope = 5 and scope_id = any (cast(string_to_array($2, ',') as bigint[])) and period = $3 and valid_until is null"
    };
    DELETE_RAISES_OF: (OrgId, String, Window) => () = {
        sqlite "delete from limit_policies where org_id = $1 and scope = 5 and scope_id in (select value from json_each('[' || $2 || ']')) and period = $3 and valid_until is not null"
        postgres "delete from limit_policies where org_id = $1 and scope = 5 and scope_id = any (cast(string_to_array($2, ',') as bigint[])) and period = $3 and valid_until is not null"
    };
    DELETE_ONE: (OrgId, i64) => () = "delete from limit_policies where org_id = $1 and id = $2";
    TOUCH: (OrgId, MemberId) => () = "update members set version = version + 1 where org_id = $1 and id = $2";
    TOUCH_MANY: (OrgId, String) => () = {
        sqlite "update members set version = version + 1 where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update members set version = version + 1 where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    GROUP: (OrgId, GroupId) => (String,) = "select name from groups where org_id = $1 and id = $2";
    INHERIT_COUNT: (OrgId, Window) => (i64,) =
        "select count(*) from members m where m.org_id = $1 and m.status < 5
         and not exists (select 1 from limit_policies p where p.scope_id = m.id and p.scope = 5 and p.period = $2 and p.valid_until is null)
         and not exists (select 1 from group_members gm join limit_policies p on p.scope_id = gm.group_id and p.scope = 3 and p.period = $2 and p.valid_until is null where gm.member_id = m.id)";
    INHERIT_SOME: (OrgId, Window, MemberId, i64) => Person = {
        sqlite "select m.id, m.name from members m not indexed where m.id > $3 and m.id < (($1 + 1) << 32) and m.org_id = $1 and m.status < 5
                and not exists (select 1 from limit_policies p where p.scope_id = m.id and p.scope = 5 and p.period = $2 and p.valid_until is null)
                and not exists (select 1 from group_members gm join limit_policies p on p.scope_id = gm.group_id and p.scope = 3 and p.period = $2 and p.valid_until is null where gm.member_id = m.id)
                order by m.id limit $4"
        postgres "select m.id, m.name from members m where m.id > $3 and m.id < (($1 + 1) << 32) and m.org_id = $1 and m.status < 5
                and not exists (select 1 from limit_policies p where p.scope_id = m.id and p.scope = 5 and p.period = $2 and p.valid_until is null)
                and not exists (select 1 from group_members gm join limit_policies p on p.scope_id = gm.group_id and p.scope = 3 and p.period = $2 and p.valid_until is null where gm.member_id = m.id)
                order by m.id limit $4"
    };
    OWN: (OrgId, MemberId, i64) => OwnRow =
        "with p as (select distinct scope_id from limit_policies where org_id = $1 and scope = 5 and scope_id > $2 order by scope_id limit $3)
         select m.id, m.name, o.period, o.amount, o.action, o.valid_until, o.note, o.set_by, o.set_at
         from p join limit_policies o on o.scope_id = p.scope_id and o.scope = 5 join members m on m.id = p.scope_id and m.org_id = $1 and m.status < 5
         where o.valid_until is null order by m.id, o.period";
    RAISES: (OrgId, Timestamp, i64) => OwnRow =
        "select m.id, m.name, o.period, o.amount, o.action, o.valid_until, o.note, o.set_by, o.set_at
         from limit_policies o join members m on m.id = o.scope_id and m.org_id = $1 and m.status < 5
         where o.org_id = $1 and o.scope = 5 and o.valid_until > $2 order by o.valid_until, m.id, o.period limit $3";
    ENDED: (Timestamp) => EndedRow =
        "select p.id, p.org_id, p.scope, p.scope_id, p.period, p.amount, p.valid_until, m.name
         from limit_policies p left join members m on m.id = p.scope_id and p.scope = 5 where p.valid_until <= $1 order by p.valid_until, p.id limit 500";
    INSERT_REQUEST: (LimitRequestId, OrgId, MemberId, Window, Amount, Option<Timestamp>, String, Timestamp, Timestamp) => () =
        "insert into limit_requests (id, org_id, member_id, period, amount, until, reason, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    REQUEST: (OrgId, LimitRequestId) => Request =
        "select r.id, r.member_id, m.user_id, m.name, m.email, r.period, r.amount, r.until, r.reason, r.state, r.created_at, r.expires_at, r.decided_at, r.decided_by, r.answer, r.granted, r.granted_until
         from limit_requests r join members m on m.id = r.member_id where r.org_id = $1 and r.id = $2 and m.status < 5";
    REQUESTS: (OrgId, Timestamp) => Request =
        "select r.id, r.member_id, m.user_id, m.name, m.email, r.period, r.amount, r.until, r.reason, r.state, r.created_at, r.expires_at, r.decided_at, r.decided_by, r.answer, r.granted, r.granted_until
         from limit_requests r join members m on m.id = r.member_id
         where r.org_id = $1 and r.state = 1 and r.expires_at > $2 and m.status < 4 order by r.created_at, r.id limit 100";
    REQUESTS_OF: (OrgId, MemberId) => Request =
        "select r.id, r.member_id, m.user_id, m.name, m.email, r.period, r.amount, r.until, r.reason, r.state, r.created_at, r.expires_at, r.decided_at, r.decided_by, r.answer, r.granted, r.granted_until
         from limit_requests r join members m on m.id = r.member_id
         where r.org_id = $1 and r.member_id = $2 order by r.created_at desc, r.id desc limit 10";
    DECIDE: (OrgId, LimitRequestId, State, Timestamp, String, String, Option<Amount>, Option<Timestamp>) => () =
        "update limit_requests set state = $3, decided_at = $4, decided_by = $5, answer = $6, granted = $7, granted_until = $8 where org_id = $1 and id = $2 and state = 1";
    EXPIRE: (OrgId, LimitRequestId) => () = "update limit_requests set state = 4 where org_id = $1 and id = $2 and state = 1";
    OVERDUE: (Timestamp) => Overdue =
        "select r.id, r.org_id, r.member_id, m.name, r.period from limit_requests r join members m on m.id = r.member_id
         where r.state = 1 and r.expires_at <= $1 order by r.expires_at, r.id limit 500";
}

/// The text that counts members without a limit: by walking all, or by looking at the few that may be.
fn count_text(few: bool) -> String {
    let from = if few {
        format!("with h as ({UNLIMITED}) select m.id from h join members m on m.id = h.id")
    } else {
        "select m.id from members m".to_owned()
    };
    format!("select count(*) from ({from} where m.org_id = $1 and {WITHOUT} limit 1001) found")
}

/// The statements that are put together here, for the test that prepares each.
pub fn made() -> Vec<Statement> {
    [false, true]
        .map(|few| {
            let text = count_text(few);
            Statement::of_text::<(OrgId,), (i64,)>("muster::limits::store::count_without", text.clone(), text)
        })
        .into()
}

/// How many members are without a limit, counted up to one more than [`MANY`].
pub(super) async fn count_without(db: &mut impl Read, org: OrgId, few: bool) -> Result<i64> {
    let rows: Vec<(i64,)> = db.rows(Text::Made(count_text(few)), (org,)).await?;
    Ok(rows.first().map_or(0, |row| row.0))
}

pub(super) async fn list_of_members(
    db: &mut impl Read,
    org: OrgId,
    members: &[MemberId],
    now: Timestamp,
) -> Result<Vec<PolicyRow>> {
    db.all(OF_MEMBERS, (org, text(members), now)).await
}
/// Ids as one parameter.
fn text(members: &[MemberId]) -> String {
    let ids: Vec<String> = members.iter().map(|id| id.raw().to_string()).collect();
    ids.join(",")
}
/// Takes away what stands for many members, or their limits with an end.
pub(super) async fn delete_of(
    tx: &mut Tx,
    org: OrgId,
    members: &[MemberId],
    window: Window,
    is_raise: bool,
) -> Result<u64> {
    let statement = if is_raise { DELETE_RAISES_OF } else { DELETE_STANDING_OF };
    tx.run(statement, (org, text(members), window)).await
}
pub(super) async fn touch_many(tx: &mut Tx, org: OrgId, members: &[MemberId]) -> Result<()> {
    tx.run(TOUCH_MANY, (org, text(members))).await?;
    Ok(())
}
pub(super) async fn list_of_org(db: &mut impl Read, org: OrgId) -> Result<Vec<PolicyRow>> {
    db.all(OF_ORG, (org,)).await
}
pub(super) async fn list_of_subject(db: &mut impl Read, org: OrgId, scope: Scope, of: i64) -> Result<Vec<PolicyRow>> {
    db.all(OF_SUBJECT, (org, scope, of)).await
}
pub(super) fn ask_settings(org: OrgId) -> Ask<(OrgId,), SettingsRow> {
    SETTINGS.with((org,))
}
pub(super) async fn save_settings(
    tx: &mut Tx,
    org: OrgId,
    version: i64,
    display_unit: i64,
    currency: &str,
    conflict: Conflict,
) -> Result<u64> {
    tx.run(SAVE_SETTINGS, (org, version, display_unit, currency, conflict))
        .await
}
pub(super) async fn save_rules(
    tx: &mut Tx,
    org: OrgId,
    since: Timestamp,
    zone: &str,
    anchor_day: i64,
    week_start: i64,
) -> Result<()> {
    tx.run(SAVE_RULES, (org, since, zone, anchor_day, week_start)).await?;
    Ok(())
}
pub(super) async fn find_facts(db: &mut impl Read, org: OrgId) -> Result<Facts> {
    db.one(FACTS, (org,)).await
}
pub(super) fn ask_facts(org: OrgId) -> Ask<(OrgId,), Facts> {
    FACTS.with((org,))
}
pub(super) async fn insert(tx: &mut Tx, rows: Vec<NewPolicy>) -> Result<()> {
    tx.many(INSERT, rows).await?;
    Ok(())
}
pub(super) async fn insert_promised(
    tx: &mut Tx,
    rows: Vec<(InvitationId, Window, OrgId, Option<Amount>, String)>,
) -> Result<()> {
    tx.many(INSERT_PROMISED, rows).await?;
    Ok(())
}
pub(super) async fn list_promised(db: &mut impl Read, org: OrgId, id: InvitationId) -> Result<Vec<Promised>> {
    db.all(PROMISED, (org, id)).await
}
pub(super) async fn delete_promised(tx: &mut Tx, org: OrgId, id: InvitationId) -> Result<()> {
    tx.run(DELETE_PROMISED, (org, id)).await?;
    Ok(())
}
pub(super) async fn delete_standing(tx: &mut Tx, org: OrgId, scope: Scope, of: i64, window: Window) -> Result<u64> {
    tx.run(DELETE_STANDING, (org, scope, of, window)).await
}
pub(super) async fn delete_raise(tx: &mut Tx, org: OrgId, scope: Scope, of: i64, window: Window) -> Result<u64> {
    tx.run(DELETE_RAISE, (org, scope, of, window)).await
}
pub(super) async fn delete_one(tx: &mut Tx, org: OrgId, id: i64) -> Result<u64> {
    tx.run(DELETE_ONE, (org, id)).await
}
pub(super) async fn touch(tx: &mut Tx, org: OrgId, member: MemberId) -> Result<()> {
    tx.run(TOUCH, (org, member)).await?;
    Ok(())
}
pub(super) async fn find_group(db: &mut impl Read, org: OrgId, group: GroupId) -> Result<Option<String>> {
    Ok(db.opt(GROUP, (org, group)).await?.map(|row| row.0))
}
pub(super) async fn count_inheriting(db: &mut impl Read, org: OrgId, window: Window) -> Result<i64> {
    Ok(db.one(INHERIT_COUNT, (org, window)).await?.0)
}
pub(super) async fn list_inheriting(
    db: &mut impl Read,
    org: OrgId,
    window: Window,
    after: MemberId,
    limit: i64,
) -> Result<Vec<Person>> {
    db.all(INHERIT_SOME, (org, window, after, limit)).await
}
pub(super) async fn list_own(db: &mut impl Read, org: OrgId, after: MemberId, limit: i64) -> Result<Vec<OwnRow>> {
    db.all(OWN, (org, after, limit)).await
}
pub(super) async fn list_raises(db: &mut impl Read, org: OrgId, now: Timestamp, limit: i64) -> Result<Vec<OwnRow>> {
    db.all(RAISES, (org, now, limit)).await
}
pub(super) async fn list_ended(db: &mut impl Read, now: Timestamp) -> Result<Vec<EndedRow>> {
    db.all(ENDED, (now,)).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert_request(
    tx: &mut Tx,
    id: LimitRequestId,
    org: OrgId,
    member: MemberId,
    window: Window,
    amount: Amount,
    until: Option<Timestamp>,
    reason: &str,
    now: Timestamp,
    end: Timestamp,
) -> Result<()> {
    tx.run(
        INSERT_REQUEST,
        (id, org, member, window, amount, until, reason, now, end),
    )
    .await?;
    Ok(())
}
pub(super) async fn find_request(db: &mut impl Read, org: OrgId, id: LimitRequestId) -> Result<Option<Request>> {
    db.opt(REQUEST, (org, id)).await
}
pub(super) async fn list_requests(db: &mut impl Read, org: OrgId, now: Timestamp) -> Result<Vec<Request>> {
    db.all(REQUESTS, (org, now)).await
}
pub(super) async fn list_requests_of(db: &mut impl Read, org: OrgId, member: MemberId) -> Result<Vec<Request>> {
    db.all(REQUESTS_OF, (org, member)).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn decide(
    tx: &mut Tx,
    org: OrgId,
    id: LimitRequestId,
    state: State,
    now: Timestamp,
    by: &str,
    answer: &str,
    granted: Option<Amount>,
    until: Option<Timestamp>,
) -> Result<u64> {
    tx.run(DECIDE, (org, id, state, now, by, answer, granted, until)).await
}
pub(super) async fn expire(tx: &mut Tx, org: OrgId, id: LimitRequestId) -> Result<u64> {
    tx.run(EXPIRE, (org, id)).await
}
pub(super) async fn list_overdue(db: &mut impl Read, now: Timestamp) -> Result<Vec<Overdue>> {
    db.all(OVERDUE, (now,)).await
}
