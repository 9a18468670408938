//! SQL of the invitations room.
//!
//! Two declared exceptions read other rooms' tables: `KNOWN` asks what is known of an address (membership, account), because a
//! paste of 5,000 addresses must cost one statement, and `FIND_HASH`, `FIND_PLACE` and `MINE` bring the organization's name and
//! state, which the landing page shows to people who belong to no organization yet.

use super::{
    invitation::{Delivery, State},
    list::{Column, Tab},
};
use crate::{
    access::Role,
    clock::Timestamp,
    db::{Read, Statement, Text, Tx},
    error::Result,
    ids::{BatchId, GroupId, InvitationId, OrgId, UserId},
    record, sql,
};

record! {
    /// One invitation as its row holds it.
    pub struct Invitation {
        /// Its id.
        pub id: InvitationId,
        /// The organization.
        pub org_id: OrgId,
        /// The invited address as its owner spells it.
        pub email: String,
        /// The address as accounts are found by it.
        pub email_key: String,
        /// The role that joining gives.
        pub role: Role,
        /// How often the link was made anew; part of the token.
        pub generation: i64,
        /// What became of it.
        pub state: State,
        /// What became of its mail.
        pub delivery: Delivery,
        /// What the mail server said, empty when nothing is wrong.
        pub last_error: String,
        /// How many mails were ordered.
        pub send_count: i64,
        /// When the last one was.
        pub last_sent_at: Option<Timestamp>,
        /// When the invited person first saw the landing page.
        pub opened_at: Option<Timestamp>,
        /// When the invited person last asked for a new link.
        pub renewal_at: Option<Timestamp>,
        /// Who invited.
        pub invited_by: UserId,
        /// That person's name at the time.
        pub inviter_name: String,
        /// When.
        pub created_at: Timestamp,
        /// When the link ends; none for never.
        pub expires_at: Option<Timestamp>,
        /// When it was accepted, declined or deleted.
        pub decided_at: Option<Timestamp>,
        /// When the membership will end.
        pub member_until: Option<Timestamp>,
    }
}

record! {
    /// The organization of an invitation, as the invited person may know it.
    pub struct Place {
        /// The organization.
        pub id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub name: String,
        /// 1 active, 2 archived.
        pub state: i64,
        /// Its zone.
        pub zone: String,
        /// Whom to ask there.
        pub support_contact: String,
    }
}

record! {
    /// An invitation that waits for the signed-in person.
    pub struct Waiting {
        /// The invitation.
        pub id: InvitationId,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub organization: String,
        /// Its zone.
        pub zone: String,
        /// The role that joining gives.
        pub role: Role,
        /// Who invited.
        pub inviter_name: String,
        /// When.
        pub created_at: Timestamp,
        /// When the invitation ends.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// What is known of one address in an organization.
    pub struct Known {
        /// The address.
        pub email_key: String,
        /// The state of the membership: 1 active, 2 inactive, 3 suspended, 4 disabled.
        pub member: Option<i64>,
        /// The state of the account: 1 active, 2 disabled.
        pub account: Option<i64>,
        /// The pending invitation.
        pub invitation: Option<InvitationId>,
        /// When that one ends.
        pub expires_at: Option<Timestamp>,
        /// Why no mail may go there: 1 reported, 2 bounced.
        pub suppressed: Option<i64>,
    }
}

record! {
    /// An invitation that ends soon.
    pub struct Ending {
        /// The invitation.
        pub id: InvitationId,
        /// The organization.
        pub org_id: OrgId,
        /// Its name.
        pub organization: String,
        /// Its zone.
        pub zone: String,
        /// The address.
        pub email: String,
        /// The link's generation.
        pub generation: i64,
        /// The role that joining gives.
        pub role: Role,
        /// Who invited.
        pub invited_by: UserId,
        /// When it ends.
        pub expires_at: Option<Timestamp>,
    }
}

record! {
    /// One paste of addresses that was confirmed.
    pub struct Batch {
        /// Its id.
        pub id: BatchId,
        /// The organization.
        pub org_id: OrgId,
        /// When it was confirmed.
        pub created_at: Timestamp,
        /// The role for all.
        pub role: Role,
        /// How many addresses it held.
        pub total: i64,
        /// How many people it invited.
        pub invited: i64,
    }
}

record! {
    /// What became of one address of a batch.
    pub struct BatchItem {
        /// Its place in the paste.
        pub n: i64,
        /// What stood there.
        pub text: String,
        /// A number of [`super::bulk::Verdict`].
        pub outcome: i64,
    }
}

/// A new row: id, organization, address, key, role, token hash, delivery, sends, last sent, inviter, name, created, expires, member until, batch.
pub(super) type NewRow = (
    InvitationId,
    OrgId,
    String,
    String,
    Role,
    Vec<u8>,
    Delivery,
    i64,
    Option<Timestamp>,
    UserId,
    String,
    Timestamp,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<BatchId>,
);

sql! {
    INSERT: bulk (InvitationId, OrgId, String, String, Role, Vec<u8>, Delivery, i64, Option<Timestamp>, UserId, String, Timestamp, Option<Timestamp>, Option<Timestamp>, Option<BatchId>) =
        "insert into invitations (id, org_id, email, email_key, role, token_hash, delivery, send_count, last_sent_at, invited_by, inviter_name, created_at, expires_at, member_until, batch_id) values", "";
    INSERT_GROUP: bulk (InvitationId, GroupId, OrgId) = "insert into invitation_groups (invitation_id, group_id, org_id) values", " on conflict do nothing";
    DELETE_GROUPS: (OrgId, InvitationId) => () = "delete from invitation_groups where org_id = $1 and invitation_id = $2";
    GROUPS: (OrgId, InvitationId) => (GroupId,) = "select group_id from invitation_groups where org_id = $1 and invitation_id = $2 order by group_id";
    FIND: (OrgId, InvitationId) => Invitation =
        "select id, org_id, email, email_key, role, generation, state, delivery, last_error, send_count, last_sent_at, opened_at, renewal_at,
                invited_by, inviter_name, created_at, expires_at, decided_at, member_until
         from invitations where org_id = $1 and id = $2";
    FIND_HASH: (Vec<u8>) => Invitation =
        "select id, org_id, email, email_key, role, generation, state, delivery, last_error, send_count, last_sent_at, opened_at, renewal_at,
                invited_by, inviter_name, created_at, expires_at, decided_at, member_until
         from invitations where token_hash = $1 and org_id > 0";
    FIND_PLACE: (OrgId) => Place = "select id, slug, name, state, zone, support_contact from orgs where id = $1";
    MINE: (String, Timestamp) => Waiting =
        "select i.id, i.org_id, o.name as organization, o.zone, i.role, i.inviter_name, i.created_at, i.expires_at
         from invitations i join orgs o on o.id = i.org_id
         where i.email_key = $1 and i.state = 1 and (i.expires_at is null or i.expires_at > $2) and o.state = 1
         order by i.created_at desc, i.id limit 100";
    KNOWN: (OrgId, String, Timestamp) => Known = {
        sqlite "select k.value as email_key,
                (select m.status from members m where m.org_id = $1 and m.email_key = k.value and m.status < 5) as member,
                (select u.state from users u where u.email_key = k.value) as account,
                (select i.id from invitations i where i.org_id = $1 and i.email_key = k.value and i.state = 1) as invitation,
                (select i.expires_at from invitations i where i.org_id = $1 and i.email_key = k.value and i.state = 1) as expires_at,
                (select s.reason from invite_suppressions s where s.email_key = k.value and s.org_id = $1 and (s.reason = 1 or s.created_at > $3)) as suppressed
         from json_each($2) k"
        postgres "select k.value as email_key,
                (select m.status from members m where m.org_id = $1 and m.email_key = k.value and m.status < 5) as member,
                (select u.state from users u where u.email_key = k.value) as account,
                (select i.id from invitations i where i.org_id = $1 and i.email_key = k.value and i.state = 1) as invitation,
                (select i.expires_at from invitations i where i.org_id = $1 and i.email_key = k.value and i.state = 1) as expires_at,
                (select s.reason from invite_suppressions s where s.email_key = k.value and s.org_id = $1 and (s.reason = 1 or s.created_at > $3)) as suppressed
         from jsonb_array_elements_text(cast($2 as jsonb)) k (value)"
    };
    COUNT_PENDING: (OrgId, Timestamp, i64) => (i64,) =
        "select count(*) from (select 1 from invitations where org_id = $1 and state = 1 and (expires_at is null or expires_at > $2) limit $3) as open_ones";
    REOPEN: (OrgId, InvitationId, Role, Delivery, Option<Timestamp>, UserId, String, Timestamp, Option<Timestamp>, Option<Timestamp>, Option<BatchId>) => () =
        "update invitations set role = $3, delivery = $4, last_error = '', send_count = send_count + 1, last_sent_at = $5, opened_at = null, reminded_at = null, renewal_at = null,
                invited_by = $6, inviter_name = $7, created_at = $8, expires_at = $9, member_until = $10, batch_id = $11, version = version + 1
         where org_id = $1 and id = $2 and state = 1 and expires_at <= $8";
    RESEND: (OrgId, InvitationId, Delivery, Timestamp, Option<Timestamp>, Timestamp) => () =
        "update invitations set delivery = $3, last_error = '', send_count = send_count + 1, last_sent_at = $4, expires_at = $5, reminded_at = null, renewal_at = null, version = version + 1
         where org_id = $1 and id = $2 and state = 1 and (last_sent_at is null or last_sent_at <= $6)";
    NEW_LINK: (OrgId, InvitationId, i64, Vec<u8>, Option<Timestamp>) => () =
        "update invitations set generation = $3 + 1, token_hash = $4, expires_at = $5, delivery = 5, last_error = '', last_sent_at = null, opened_at = null, reminded_at = null, renewal_at = null,
                version = version + 1
         where org_id = $1 and id = $2 and state = 1 and generation = $3";
    DECIDE: (OrgId, InvitationId, State, Timestamp) => () =
        "update invitations set state = $3, decided_at = $4, version = version + 1 where org_id = $1 and id = $2 and state = 1";
    PENDING_FOR: (OrgId, String) => (InvitationId,) = "select id from invitations where org_id = $1 and email_key = $2 and state = 1";
    ACCEPT: (OrgId, InvitationId, i64, Timestamp) => () =
        "update invitations set state = 2, decided_at = $4, version = version + 1
         where org_id = $1 and id = $2 and generation = $3 and state = 1 and (expires_at is null or expires_at > $4)";
    ACCEPTED_BY: (OrgId, InvitationId, UserId) => () = "update invitations set accepted_by = $3 where org_id = $1 and id = $2 and state = 2";
    OPENED: (OrgId, InvitationId, Timestamp) => () =
        "update invitations set opened_at = $3 where org_id = $1 and id = $2 and state = 1 and opened_at is null";
    ASK_RENEWAL: (OrgId, InvitationId, Timestamp, Timestamp) => () =
        "update invitations set renewal_at = $3, version = version + 1
         where org_id = $1 and id = $2 and state = 1 and expires_at <= $3 and (renewal_at is null or renewal_at <= $4)";
    DELIVERED: (OrgId, InvitationId, Delivery, String) => () =
        "update invitations set delivery = $3, last_error = $4 where org_id = $1 and id = $2";
    NOT_MAILED: (OrgId, String) => () = {
        sqlite "update invitations set delivery = 5, last_error = '' where org_id = $1 and id in (select value from json_each('[' || $2 || ']'))"
        postgres "update invitations set delivery = 5, last_error = '' where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[]))"
    };
    BY_INVITER: (OrgId, UserId) => (InvitationId, String) = "select id, email from invitations where org_id = $1 and state = 1 and invited_by = $2 order by id";
    REVOKE_BY: (OrgId, UserId, Timestamp) => () =
        "update invitations set state = 4, decided_at = $3, version = version + 1 where org_id = $1 and state = 1 and invited_by = $2";
    TAKE_BACK: (OrgId, String, Timestamp, Timestamp) => (InvitationId, String) = {
        sqlite "update invitations set state = 4, decided_at = $4, version = version + 1
                where org_id = $1 and state = 1 and created_at >= $3 and email_key in (select value from json_each($2)) returning id, email"
        postgres "update invitations set state = 4, decided_at = $4, version = version + 1
                where org_id = $1 and state = 1 and created_at >= $3
                and email_key in (select value from jsonb_array_elements_text(cast($2 as jsonb)) k (value)) returning id, email"
    };
    ENDING: (Timestamp, Timestamp, i64) => Ending =
        "select i.id, i.org_id, o.name as organization, o.zone, i.email, i.generation, i.role, i.invited_by, i.expires_at from invitations i join orgs o on o.id = i.org_id
         where i.state = 1 and i.reminded_at is null and i.expires_at > $1 and i.expires_at <= $2 and i.delivery in (1, 2, 3) and i.expires_at - i.created_at > $2 - $1 and o.state = 1
           and not exists (select 1 from invite_suppressions s where s.email_key = i.email_key and s.org_id = i.org_id)
         order by i.expires_at, i.id limit $3";
    REMINDED: (OrgId, InvitationId, Timestamp) => () =
        "update invitations set reminded_at = $3 where org_id = $1 and id = $2 and state = 1 and reminded_at is null";
    SUPPRESS: (String, OrgId, i64, Timestamp) => () =
        "insert into invite_suppressions (email_key, org_id, reason, created_at) values ($1, $2, $3, $4)
         on conflict (email_key, org_id) do update set reason = case when invite_suppressions.reason = 1 then 1 else excluded.reason end, created_at = excluded.created_at";
    INSERT_BATCH: (BatchId, OrgId, UserId, Timestamp, Role, i64, i64) => () =
        "insert into invite_batches (id, org_id, created_by, created_at, role, total, invited) values ($1, $2, $3, $4, $5, $6, $7)";
    INSERT_ITEM: bulk (BatchId, i64, OrgId, String, i64) = "insert into invite_batch_items (batch_id, n, org_id, text, outcome) values", "";
    FIND_BATCH: (OrgId, BatchId) => Batch = "select id, org_id, created_at, role, total, invited from invite_batches where org_id = $1 and id = $2";
    ITEMS: (OrgId, BatchId, i64) => BatchItem =
        "select n, text, outcome from invite_batch_items where org_id = $1 and batch_id = $2 order by case when outcome = 1 then 1 else 0 end, n limit $3";
    FAILURES: (OrgId, BatchId) => BatchItem =
        "select n, text, outcome from invite_batch_items where org_id = $1 and batch_id = $2 and outcome > 1 order by n";
}

/// The parameters of every text of the list: organization, now, search pattern, the cursor's address, time and id, and how many.
type ListParams = (OrgId, Timestamp, String, String, Timestamp, InvitationId, i64);

/// True for every value: each text uses each parameter, so that all of them share one tuple.
const ALL_USED: &str = " and $2 > 0 and length($3) >= 0 and length($4) >= 0 and $5 >= 0 and $6 >= 0";

/// One text of the finite list: which tab, sorted how, searched or not, from a cursor or not.
fn list_text(tab: Tab, column: Column, ascending: bool, searched: bool, after: bool) -> String {
    let state = match tab {
        Tab::Pending => "state = 1 and (expires_at is null or expires_at > $2)",
        Tab::Accepted => "state = 2",
        Tab::Expired => "state = 1 and expires_at <= $2",
        Tab::Deleted => "state = 4",
        Tab::Declined => "state = 3",
    };
    let search = if searched {
        " and email_key like $3 escape '\\'"
    } else {
        ""
    };
    let sign = if ascending { '>' } else { '<' };
    let from = match (after, column) {
        (false, _) => String::new(),
        (true, Column::Email) => format!(" and (email_key, id) {sign} ($4, $6)"),
        (true, Column::Created) => format!(" and (created_at, id) {sign} ($5, $6)"),
    };
    let (key, way) = (
        match column {
            Column::Email => "email_key",
            Column::Created => "created_at",
        },
        if ascending { "asc" } else { "desc" },
    );
    format!(
        "select id, org_id, email, email_key, role, generation, state, delivery, last_error, send_count, last_sent_at, opened_at, renewal_at,
                invited_by, inviter_name, created_at, expires_at, decided_at, member_until
         from invitations where org_id = $1 and {state}{search}{from}{ALL_USED} order by {key} {way}, id {way} limit $7"
    )
}

/// Every text of the list, for the test that prepares them on both databases.
pub fn list_statements() -> Vec<Statement> {
    let mut all = Vec::new();
    for tab in Tab::ALL {
        for column in [Column::Email, Column::Created] {
            for ascending in [true, false] {
                for (searched, after) in [(false, false), (false, true), (true, false), (true, true)] {
                    let text = list_text(tab, column, ascending, searched, after);
                    all.push(Statement::of_text::<ListParams, Invitation>(
                        "invitations::store::list",
                        text.clone(),
                        text,
                    ));
                }
            }
        }
    }
    all
}

/// What part of the list is wanted.
pub(super) struct Wanted<'a> {
    pub tab: Tab,
    pub column: Column,
    pub ascending: bool,
    pub pattern: Option<String>,
    pub cursor: Option<&'a Invitation>,
    pub limit: i64,
}

pub(super) async fn list(
    db: &mut impl Read,
    org: OrgId,
    wanted: Wanted<'_>,
    now: Timestamp,
) -> Result<Vec<Invitation>> {
    let searched = wanted.pattern.is_some();
    let text = list_text(
        wanted.tab,
        wanted.column,
        wanted.ascending,
        searched,
        wanted.cursor.is_some(),
    );
    let (key, created, id) = wanted.cursor.map_or_else(
        || (String::new(), Timestamp::default(), InvitationId::from_raw(0)),
        |row| (row.email_key.clone(), row.created_at, row.id),
    );
    let params: ListParams = (
        org,
        now,
        wanted.pattern.unwrap_or_default(),
        key,
        created,
        id,
        wanted.limit,
    );
    db.rows(Text::Made(text), params).await
}

pub(super) async fn insert(tx: &mut Tx, rows: Vec<NewRow>) -> Result<u64> {
    tx.many(INSERT, rows).await
}
pub(super) async fn insert_groups(tx: &mut Tx, rows: Vec<(InvitationId, GroupId, OrgId)>) -> Result<u64> {
    tx.many(INSERT_GROUP, rows).await
}
pub(super) async fn delete_groups(tx: &mut Tx, org: OrgId, id: InvitationId) -> Result<u64> {
    tx.run(DELETE_GROUPS, (org, id)).await
}
pub(super) async fn list_groups(db: &mut impl Read, org: OrgId, id: InvitationId) -> Result<Vec<GroupId>> {
    Ok(db.all(GROUPS, (org, id)).await?.into_iter().map(|row| row.0).collect())
}
pub(super) async fn find(db: &mut impl Read, org: OrgId, id: InvitationId) -> Result<Option<Invitation>> {
    if id.org() != org {
        return Ok(None);
    }
    db.opt(FIND, (org, id)).await
}
pub(super) async fn find_by_hash(db: &mut impl Read, hash: [u8; 32]) -> Result<Option<Invitation>> {
    db.opt(FIND_HASH, (hash,)).await
}
pub(super) async fn find_place(db: &mut impl Read, org: OrgId) -> Result<Place> {
    db.one(FIND_PLACE, (org,)).await
}
pub(super) async fn list_mine(db: &mut impl Read, email_key: &str, now: Timestamp) -> Result<Vec<Waiting>> {
    db.all(MINE, (email_key, now)).await
}
pub(super) async fn list_known(
    db: &mut impl Read,
    org: OrgId,
    keys: &[&str],
    bounces_since: Timestamp,
) -> Result<Vec<Known>> {
    db.all(KNOWN, (org, serde_json::to_string(keys)?, bounces_since)).await
}
pub(super) async fn count_pending(db: &mut impl Read, org: OrgId, now: Timestamp, most: i64) -> Result<i64> {
    Ok(db.one(COUNT_PENDING, (org, now, most)).await?.0)
}

/// What inviting an address again, whose invitation has expired, writes.
pub(super) struct Renewed {
    pub role: Role,
    pub delivery: Delivery,
    pub last_sent_at: Option<Timestamp>,
    pub invited_by: UserId,
    pub inviter_name: String,
    pub expires_at: Option<Timestamp>,
    pub member_until: Option<Timestamp>,
    pub batch: Option<BatchId>,
}

pub(super) async fn reopen(tx: &mut Tx, org: OrgId, id: InvitationId, new: Renewed, now: Timestamp) -> Result<u64> {
    let Renewed {
        role,
        delivery,
        last_sent_at,
        invited_by,
        inviter_name,
        expires_at,
        member_until,
        batch,
    } = new;
    tx.run(
        REOPEN,
        (
            org,
            id,
            role,
            delivery,
            last_sent_at,
            invited_by,
            inviter_name,
            now,
            expires_at,
            member_until,
            batch,
        ),
    )
    .await
}
pub(super) async fn resend(
    tx: &mut Tx,
    org: OrgId,
    id: InvitationId,
    delivery: Delivery,
    expires: Option<Timestamp>,
    not_since: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    tx.run(RESEND, (org, id, delivery, now, expires, not_since)).await
}
pub(super) async fn new_link(
    tx: &mut Tx,
    org: OrgId,
    id: InvitationId,
    generation: i64,
    hash: [u8; 32],
    expires: Option<Timestamp>,
) -> Result<u64> {
    tx.run(NEW_LINK, (org, id, generation, hash, expires)).await
}
pub(super) async fn decide(tx: &mut Tx, org: OrgId, id: InvitationId, state: State, now: Timestamp) -> Result<u64> {
    tx.run(DECIDE, (org, id, state, now)).await
}
pub(super) async fn find_pending_for(db: &mut impl Read, org: OrgId, email_key: &str) -> Result<Option<InvitationId>> {
    Ok(db.opt(PENDING_FOR, (org, email_key)).await?.map(|row| row.0))
}
pub(super) async fn accept(tx: &mut Tx, org: OrgId, id: InvitationId, generation: i64, now: Timestamp) -> Result<u64> {
    tx.run(ACCEPT, (org, id, generation, now)).await
}
pub(super) async fn set_accepted_by(tx: &mut Tx, org: OrgId, id: InvitationId, user: UserId) -> Result<u64> {
    tx.run(ACCEPTED_BY, (org, id, user)).await
}
pub(super) async fn set_opened(tx: &mut Tx, org: OrgId, id: InvitationId, now: Timestamp) -> Result<u64> {
    tx.run(OPENED, (org, id, now)).await
}
pub(super) async fn ask_renewal(
    tx: &mut Tx,
    org: OrgId,
    id: InvitationId,
    not_since: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    tx.run(ASK_RENEWAL, (org, id, now, not_since)).await
}
pub(super) async fn set_delivery(
    tx: &mut Tx,
    org: OrgId,
    id: InvitationId,
    delivery: Delivery,
    error: &str,
) -> Result<u64> {
    tx.run(DELIVERED, (org, id, delivery, error)).await
}
/// Says of some invitations of an organization that nobody mails them; their ids are one text, `1,2,3`.
pub(super) async fn set_not_mailed(tx: &mut Tx, org: OrgId, ids: String) -> Result<()> {
    tx.run(NOT_MAILED, (org, ids)).await?;
    Ok(())
}
pub(super) async fn list_by_inviter(
    db: &mut impl Read,
    org: OrgId,
    user: UserId,
) -> Result<Vec<(InvitationId, String)>> {
    db.all(BY_INVITER, (org, user)).await
}
pub(super) async fn revoke_by(tx: &mut Tx, org: OrgId, user: UserId, now: Timestamp) -> Result<u64> {
    tx.run(REVOKE_BY, (org, user, now)).await
}
/// Deletes the open codes of some addresses that were made since an instant; which they were, in the order of their ids.
pub(super) async fn take_back(
    tx: &mut Tx,
    org: OrgId,
    email_keys: &[&str],
    since: Timestamp,
    now: Timestamp,
) -> Result<Vec<(InvitationId, String)>> {
    let mut gone = tx
        .all(TAKE_BACK, (org, serde_json::to_string(email_keys)?, since, now))
        .await?;
    gone.sort_unstable();
    Ok(gone)
}
pub(super) async fn list_ending(
    db: &mut impl Read,
    now: Timestamp,
    until: Timestamp,
    most: i64,
) -> Result<Vec<Ending>> {
    db.all(ENDING, (now, until, most)).await
}
pub(super) async fn set_reminded(tx: &mut Tx, org: OrgId, id: InvitationId, now: Timestamp) -> Result<u64> {
    tx.run(REMINDED, (org, id, now)).await
}
pub(super) async fn suppress(tx: &mut Tx, email_key: &str, org: OrgId, reason: i64, now: Timestamp) -> Result<u64> {
    tx.run(SUPPRESS, (email_key, org, reason, now)).await
}
#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert_batch(
    tx: &mut Tx,
    id: BatchId,
    org: OrgId,
    by: UserId,
    role: Role,
    total: i64,
    invited: i64,
    now: Timestamp,
) -> Result<u64> {
    tx.run(INSERT_BATCH, (id, org, by, now, role, total, invited)).await
}
pub(super) async fn insert_items(tx: &mut Tx, rows: Vec<(BatchId, i64, OrgId, String, i64)>) -> Result<u64> {
    tx.many(INSERT_ITEM, rows).await
}
pub(super) async fn find_batch(db: &mut impl Read, org: OrgId, id: BatchId) -> Result<Option<Batch>> {
    if id.org() != org {
        return Ok(None);
    }
    db.opt(FIND_BATCH, (org, id)).await
}
pub(super) async fn list_items(db: &mut impl Read, org: OrgId, id: BatchId, most: i64) -> Result<Vec<BatchItem>> {
    db.all(ITEMS, (org, id, most)).await
}
pub(super) async fn list_failures(db: &mut impl Read, org: OrgId, id: BatchId) -> Result<Vec<BatchItem>> {
    db.all(FAILURES, (org, id)).await
}
