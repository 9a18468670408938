//! SQL of the audit room.

use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    record, sql,
};

record! {
    /// One row of a chain.
    #[derive(PartialEq)]
    pub struct Row {
        /// The chain: an organization's id, or 0.
        pub org_id: i64,
        /// The place in the chain, from 1, without gaps.
        pub seq: i64,
        /// When.
        pub at: Timestamp,
        /// What kind of actor; a number, because a verification believes nothing that it reads.
        pub actor_kind: i64,
        /// The actor's id.
        pub actor_id: i64,
        /// The actor's name at the time.
        pub actor_name: String,
        /// By which way.
        pub via: String,
        /// From which address.
        pub ip: String,
        /// With which client.
        pub agent: String,
        /// In which request.
        pub request_id: String,
        /// The action's stable name.
        pub action: String,
        /// The object's kind.
        pub object_kind: String,
        /// The object's id.
        pub object_id: i64,
        /// The object's name at the time.
        pub object_name: String,
        /// The changed fields before, as JSON, empty for none.
        pub before: String,
        /// The changed fields after, as JSON, empty for none.
        pub after: String,
        /// How it ended, a number for the same reason.
        pub result: i64,
        /// The hash of the row before.
        pub prev_hash: Vec<u8>,
        /// The hash of this row.
        pub hash: Vec<u8>,
    }
}

record! {
    /// The end of a chain.
    pub struct HeadRow {
        /// The chain.
        pub org_id: i64,
        /// Its last number.
        pub seq: i64,
        /// Its last hash.
        pub hash: Vec<u8>,
    }
}

record! {
    /// How often something was done lately, and when first.
    pub struct Recent {
        /// How often.
        pub count: i64,
        /// The first time.
        pub first: Option<Timestamp>,
    }
}

record! {
    /// An event about one object, for the object's own page.
    pub struct About {
        /// When.
        pub at: Timestamp,
        /// The action's stable name.
        pub action: String,
        /// The actor's name at the time.
        pub actor_name: String,
        /// The changed fields before, as JSON, empty for none.
        pub before: String,
        /// The changed fields after, as JSON, empty for none.
        pub after: String,
    }
}

type Inserted = (
    i64,
    i64,
    Timestamp,
    i64,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    String,
    String,
    String,
    i64,
    Vec<u8>,
    Vec<u8>,
);

sql! {
    TAKE: (i64, i64) => HeadRow = "update audit_heads set seq = seq + $2 where org_id = $1 returning org_id, seq, hash";
    BEGIN: (i64, Vec<u8>) => () = "insert into audit_heads (org_id, seq, hash) values ($1, 0, $2) on conflict do nothing";
    SET_HEAD: (i64, Vec<u8>) => () = "update audit_heads set hash = $2 where org_id = $1";
    LAST: (i64) => (i64, i64) =
        "select coalesce((select seq from audit_heads where org_id = $1), 0) as own, coalesce((select seq from audit_heads where org_id = 0), 0) as enterprise";
    HEADS: () => HeadRow = "select org_id, seq, hash from audit_heads order by org_id";
    INSERT: bulk (i64, i64, Timestamp, i64, i64, String, String, String, String, String, String, String, i64, String, String, String, i64, Vec<u8>, Vec<u8>) =
        "insert into audit (org_id, seq, at, actor_kind, actor_id, actor_name, via, ip, agent, request_id, action, object_kind, object_id, object_name, before, after, result, prev_hash, hash) values", "";
    // Skips from chain to chain: `select distinct` would read every row.
    CHAINS: () => (i64,) =
        "with recursive chains (id) as (
             select min(org_id) from audit
             union all
             select (select min(org_id) from audit where org_id > chains.id) from chains where chains.id is not null
         )
         select cast(id as bigint) as id from chains where id is not null
         union select org_id from audit_heads";
    RECENT: (i64, i64, String, Timestamp) => Recent =
        "select count(*) as count, min(at) as first from audit where org_id = $1 and object_id = $2 and action = $3 and at > $4";
    ABOUT: (i64, i64, String, i64) => About =
        "select at, action, actor_name, before, after from audit
         where org_id = $1 and object_id = $2 and object_kind = $3 and result = 1 order by seq desc limit $4";
    AFTER: (i64, i64, i64) => Row =
        "select org_id, seq, at, actor_kind, actor_id, actor_name, via, ip, agent, request_id, action, object_kind, object_id, object_name, before, after, result, prev_hash, hash
         from audit where org_id = $1 and seq > $2 order by seq limit $3";
    HEAD: (i64) => HeadRow = "select org_id, seq, hash from audit_heads where org_id = $1";
    HAS_AFTER: (i64, i64) => (i64,) = "select seq from audit where org_id = $1 and seq > $2 limit 1";
    VIEWED: (i64, i64, String, Timestamp) => (i64,) =
        "select seq from audit where org_id = $1 and object_id = $2 and object_kind = 'session' and action = $3 and at > $4 order by seq desc limit 1";
}

/// Takes `count` numbers of a chain and tells its end before them.
pub(super) async fn take_numbers(tx: &mut Tx, chain: i64, count: i64) -> Result<HeadRow> {
    let mut head = match tx.opt(TAKE, (chain, count)).await? {
        Some(head) => head,
        None => {
            tx.run(BEGIN, (chain, vec![0u8; 32])).await?;
            tx.one(TAKE, (chain, count)).await?
        }
    };
    head.seq -= count;
    Ok(head)
}

pub(super) async fn set_head(tx: &mut Tx, chain: i64, hash: Vec<u8>) -> Result<()> {
    tx.run(SET_HEAD, (chain, hash)).await?;
    Ok(())
}

pub(super) async fn insert(tx: &mut Tx, rows: Vec<Row>) -> Result<()> {
    let tuples: Vec<Inserted> = rows
        .into_iter()
        .map(|r| {
            (
                r.org_id,
                r.seq,
                r.at,
                r.actor_kind,
                r.actor_id,
                r.actor_name,
                r.via,
                r.ip,
                r.agent,
                r.request_id,
                r.action,
                r.object_kind,
                r.object_id,
                r.object_name,
                r.before,
                r.after,
                r.result,
                r.prev_hash,
                r.hash,
            )
        })
        .collect();
    tx.many(INSERT, tuples).await?;
    Ok(())
}

pub(super) async fn list_heads(db: &mut impl Read) -> Result<Vec<HeadRow>> {
    db.all(HEADS, ()).await
}

/// Every chain that has rows or a head.
pub(super) async fn list_chains(db: &mut impl Read) -> Result<Vec<i64>> {
    Ok(db.all(CHAINS, ()).await?.into_iter().map(|row| row.0).collect())
}

/// Rows of a chain after a number, in order.
pub async fn list_after(db: &mut impl Read, chain: i64, seq: i64, limit: i64) -> Result<Vec<Row>> {
    db.all(AFTER, (chain, seq, limit)).await
}

pub(super) async fn find_head(db: &mut impl Read, chain: i64) -> Result<Option<HeadRow>> {
    db.opt(HEAD, (chain,)).await
}

/// Whether a chain has rows after a number.
pub(super) async fn has_after(db: &mut impl Read, chain: i64, seq: i64) -> Result<bool> {
    Ok(db.opt(HAS_AFTER, (chain, seq)).await?.is_some())
}

/// Whether the chain holds this action on this session since then.
pub(super) async fn has_viewed(
    db: &mut impl Read,
    chain: i64,
    session: i64,
    action: &str,
    since: Timestamp,
) -> Result<bool> {
    Ok(db.opt(VIEWED, (chain, session, action, since)).await?.is_some())
}

pub(super) async fn count_recent(
    db: &mut impl Read,
    chain: i64,
    object: i64,
    action: &str,
    since: Timestamp,
) -> Result<Recent> {
    db.one(RECENT, (chain, object, action, since)).await
}

/// The latest events about one object of an organization, newest first.
pub async fn list_about(db: &mut impl Read, chain: i64, kind: &str, object: i64, limit: i64) -> Result<Vec<About>> {
    db.all(ABOUT, (chain, object, kind, limit)).await
}
pub(super) async fn last_numbers(db: &mut impl Read, org: i64) -> Result<(i64, i64)> {
    db.one(LAST, (org,)).await
}
