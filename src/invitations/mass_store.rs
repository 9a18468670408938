//! SQL of acts on many invitations; lists of ids travel as one text, `1,2,3`.

use crate::{
    access::Role,
    clock::Timestamp,
    db::Read,
    error::Result,
    ids::{InvitationId, OrgId},
    record, sql,
};

record! {
    /// An invitation as a selection meets one.
    pub struct Candidate {
        /// The invitation.
        pub id: InvitationId,
        /// The address.
        pub email: String,
        /// The role it invites to.
        pub role: Role,
        /// 1 pending, 2 accepted, 3 declined, 4 revoked.
        pub state: i64,
        /// When its mail was last ordered.
        pub last_sent_at: Option<Timestamp>,
    }
}

sql! {
    PENDING: (OrgId, InvitationId, String, Timestamp, i64) => Candidate = {
        sqlite "select id, email, role, state, last_sent_at from invitations where org_id = $1 and id > $2 and state = 1
                and ($3 = '' or instr(email_key, $3) > 0) and (expires_at is null or expires_at > $4) order by id limit $5"
        postgres "select id, email, role, state, last_sent_at from invitations where org_id = $1 and id > $2 and state = 1
                and ($3 = '' or strpos(email_key, $3) > 0) and (expires_at is null or expires_at > $4) order by id limit $5"
    };
    AMONG: (OrgId, String) => Candidate = {
        sqlite "select id, email, role, state, last_sent_at from invitations where org_id = $1 and id in (select value from json_each('[' || $2 || ']')) order by id"
        postgres "select id, email, role, state, last_sent_at from invitations where org_id = $1 and id = any (cast(string_to_array($2, ',') as bigint[])) order by id"
    };
}

pub(super) async fn list_pending(
    db: &mut impl Read,
    org: OrgId,
    after: InvitationId,
    search: String,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Candidate>> {
    db.all(PENDING, (org, after, search, now, limit)).await
}
pub(super) async fn list_among(db: &mut impl Read, org: OrgId, ids: &[InvitationId]) -> Result<Vec<Candidate>> {
    let ids: Vec<String> = ids
        .iter()
        .filter(|id| id.org() == org)
        .map(|id| id.raw().to_string())
        .collect();
    db.all(AMONG, (org, ids.join(","))).await
}
