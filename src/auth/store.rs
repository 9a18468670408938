//! SQL of the accounts: users, failures, resets and codes. It reads memberships with their organizations (a declared exception), for
//! the page about oneself and for the words that one's password must not consist of.

use super::account::{AddressProof, NewAccount, State};
use crate::{
    access::{EnterpriseRole, Role},
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{OrgId, ResetId, UserId},
    record, sql,
};

record! {
    /// An account.
    pub struct Account {
        /// Its id.
        pub id: UserId,
        /// The address, as its owner spells it.
        pub email: String,
        /// The address as it is compared.
        pub email_key: String,
        /// What is known of the address.
        pub email_proof: AddressProof,
        /// Who vouches for it.
        pub vouched_by: Option<UserId>,
        /// The person's name.
        pub name: String,
        /// Whether a password is set.
        pub has_password: bool,
        /// Since when it is the present one.
        pub password_set_at: Option<Timestamp>,
        /// Whether the account may be used.
        pub state: State,
        /// The role over the enterprise.
        pub enterprise_role: Option<EnterpriseRole>,
        /// When its person last signed in.
        pub last_sign_in_at: Option<Timestamp>,
        /// When it was created.
        pub created_at: Timestamp,
        /// How often it was changed.
        pub version: i64,
    }
}

record! {
    /// A membership that may act, for the page about oneself.
    pub struct Membership {
        /// The organization.
        pub org_id: OrgId,
        /// Its place in addresses.
        pub slug: String,
        /// Its name.
        pub org_name: String,
        /// Its zone.
        pub zone: String,
        /// The role there.
        pub role: Role,
        /// Whether it is the person's primary organization.
        pub is_primary: bool,
        /// Since when.
        pub joined_at: Timestamp,
    }
}

record! {
    /// Failures in a row, of one address.
    pub struct Ladder {
        /// How many.
        pub failures: i64,
        /// When the next try is looked at.
        pub open_at: Timestamp,
    }
}

record! {
    /// A link that may still set a password.
    pub struct Reset {
        /// Its id.
        pub id: ResetId,
        /// Whose password.
        pub user_id: UserId,
        /// When it was asked for.
        pub created_at: Timestamp,
    }
}

record! {
    /// A code that was mailed.
    pub struct Code {
        /// What the code is derived from, beside the key.
        pub nonce: i64,
        /// How often it was tried.
        pub tries: i64,
        /// When it ends.
        pub expires_at: Timestamp,
    }
}

/// One column each of `insert into users`.
pub(super) type Inserted = (
    UserId,
    String,
    String,
    AddressProof,
    Option<UserId>,
    String,
    Option<String>,
    Option<Timestamp>,
    Timestamp,
);

sql! {
    FIND: (UserId) => Account =
        "select id, email, email_key, email_proof, vouched_by, name, password_hash is not null as has_password, password_set_at, state,
                enterprise_role, last_sign_in_at, created_at, version
         from users where id = $1";
    FIND_BY_KEY: (String) => Account =
        "select id, email, email_key, email_proof, vouched_by, name, password_hash is not null as has_password, password_set_at, state,
                enterprise_role, last_sign_in_at, created_at, version
         from users where email_key = $1";
    FIND_BY_KEYS: (String) => Account = {
        sqlite "select id, email, email_key, email_proof, vouched_by, name, password_hash is not null as has_password, password_set_at, state,
                enterprise_role, last_sign_in_at, created_at, version
                from users where email_key in (select value from json_each($1))"
        postgres "select id, email, email_key, email_proof, vouched_by, name, password_hash is not null as has_password, password_set_at, state,
                enterprise_role, last_sign_in_at, created_at, version
                from users where email_key in (select value from jsonb_array_elements_text(cast($1 as jsonb)) k (value))"
    };
    HASH: (UserId) => (Option<String>,) = "select password_hash from users where id = $1 and state = 1";
    INSERT: bulk (UserId, String, String, AddressProof, Option<UserId>, String, Option<String>, Option<Timestamp>, Timestamp) =
        "insert into users (id, email, email_key, email_proof, vouched_by, name, password_hash, password_set_at, created_at) values", "";
    LOCK_ENTERPRISE: () => (i64,) = { sqlite "select id from enterprise" postgres "select id from enterprise for update" };
    OTHER_OVERSEERS: (UserId) => (i64,) =
        "select count(*) from users where enterprise_role = 100 and state = 1 and password_hash is not null and id <> $1";
    SET_ROLE: (UserId, Option<EnterpriseRole>) => () = "update users set enterprise_role = $2, version = version + 1 where id = $1";
    SET_PROOF: (UserId, AddressProof) => () =
        "update users set email_proof = $2, vouched_by = null, version = version + 1 where id = $1 and email_proof < $2";
    SET_NAME: (UserId, String, i64) => () = "update users set name = $2, version = version + 1 where id = $1 and version = $3 and state = 1";
    SET_PASSWORD: (UserId, String, Timestamp) => () =
        "update users set password_hash = $2, password_set_at = $3, version = version + 1 where id = $1 and state = 1";
    REPLACE_PASSWORD: (UserId, String, Timestamp, String) => () =
        "update users set password_hash = $2, password_set_at = $3, version = version + 1 where id = $1 and state = 1 and password_hash = $4";
    REHASH: (UserId, String, String) => () = "update users set password_hash = $3 where id = $1 and password_hash = $2 and state = 1";
    SIGNED_IN: (UserId, Timestamp) => () = "update users set last_sign_in_at = $2 where id = $1";

    // A try is counted before the password is looked at, so that many at once are no more than one; being right takes it back.
    // An opening far ahead comes from a clock that was wrong, and locks nobody out.
    CLAIM: (Vec<u8>, Timestamp) => (i64,) =
        "insert into ladders (key, failures, last_at, open_at) values ($1, 1, $2, $2 + 1000000)
         on conflict (key) do update set failures = ladders.failures + 1, last_at = $2,
             open_at = $2 + case ladders.failures when 0 then 1000000 when 1 then 3000000 when 2 then 5000000 else 10000000 end
         where (ladders.open_at <= $2 or ladders.open_at > $2 + 10000000) and ladders.failures < 100
         returning failures";
    LADDER: (Vec<u8>) => Ladder = "select failures, open_at from ladders where key = $1";
    UNCLAIM: (Vec<u8>, Timestamp) => () = "update ladders set failures = failures - 1, open_at = $2 where key = $1 and failures > 0";
    CLEAR: (Vec<u8>) => () = "delete from ladders where key = $1";
    OLD_LADDERS: (Timestamp, Timestamp) => () = "delete from ladders where (last_at < $1 and failures < 100) or last_at < $2";

    INSERT_RESETS: bulk (ResetId, Vec<u8>, UserId, Timestamp, Timestamp) =
        "insert into password_resets (id, token_hash, user_id, created_at, expires_at) values", "";
    INSERT_RESET: (ResetId, Vec<u8>, UserId, Timestamp, Timestamp) => () =
        "insert into password_resets (id, token_hash, user_id, created_at, expires_at) values ($1, $2, $3, $4, $5)";
    RESET: (Vec<u8>, Timestamp) => Reset =
        "select id, user_id, created_at from password_resets where token_hash = $1 and expires_at > $2";
    RESET_OF: (UserId) => Reset = "select id, user_id, created_at from password_resets where user_id = $1 order by created_at desc";
    USE_RESET: (Vec<u8>, Timestamp) => (UserId,) = "delete from password_resets where token_hash = $1 and expires_at > $2 returning user_id";
    DELETE_RESETS: (UserId) => () = "delete from password_resets where user_id = $1";
    ENDED_RESETS: (Timestamp) => () = "delete from password_resets where expires_at <= $1";

    PUT_CODE: (UserId, i64, Timestamp, Timestamp, Timestamp) => () =
        "insert into address_codes (user_id, nonce, tries, created_at, expires_at) values ($1, $2, 0, $3, $4)
         on conflict (user_id) do update set nonce = $2, tries = 0, created_at = $3, expires_at = $4 where address_codes.created_at <= $5";
    CODE: (UserId) => Code = "select nonce, tries, expires_at from address_codes where user_id = $1";
    TRY_CODE: (UserId, Timestamp) => Code =
        "update address_codes set tries = tries + 1 where user_id = $1 and expires_at > $2 and tries < 5 returning nonce, tries, expires_at";
    DELETE_CODE: (UserId) => () = "delete from address_codes where user_id = $1";
    ENDED_CODES: (Timestamp) => () = "delete from address_codes where expires_at <= $1";

    MEMBERSHIPS: (UserId) => Membership =
        "select m.org_id, o.slug, o.name as org_name, o.zone, m.role, m.is_primary, m.joined_at
         from members m join orgs o on o.id = m.org_id
         where m.user_id = $1 and m.status < 5 and m.status in (1, 2) and o.state = 1 order by m.is_primary desc, o.name_key, m.org_id limit 100";
}

pub(super) async fn find(db: &mut impl Read, id: UserId) -> Result<Option<Account>> {
    db.opt(FIND, (id,)).await
}
pub(super) async fn find_by_key(db: &mut impl Read, key: &str) -> Result<Option<Account>> {
    db.opt(FIND_BY_KEY, (key,)).await
}
pub(super) async fn list_by_keys(db: &mut impl Read, keys: &[&str]) -> Result<Vec<Account>> {
    db.all(FIND_BY_KEYS, (serde_json::to_string(keys)?,)).await
}
pub(super) async fn insert_resets(
    tx: &mut Tx,
    rows: Vec<(ResetId, Vec<u8>, UserId, Timestamp, Timestamp)>,
) -> Result<()> {
    tx.many(INSERT_RESETS, rows).await?;
    Ok(())
}
/// The hash of an active account's password.
pub(super) async fn find_hash(db: &mut impl Read, id: UserId) -> Result<Option<String>> {
    Ok(db.opt(HASH, (id,)).await?.and_then(|row| row.0))
}
pub(super) fn inserted(id: UserId, new: &NewAccount<'_>, now: Timestamp) -> Inserted {
    let (proof, voucher) = (new.proof.kind(), new.proof.voucher());
    let (email, key) = (new.email.display().to_owned(), new.email.key().to_owned());
    let hash = new.password_hash.map(str::to_owned);
    let set_at = hash.as_ref().map(|_| now);
    (id, email, key, proof, voucher, new.name.to_owned(), hash, set_at, now)
}
pub(super) async fn insert_many(tx: &mut Tx, rows: Vec<Inserted>) -> Result<()> {
    tx.many(INSERT, rows).await?;
    Ok(())
}
/// Locks the enterprise's row, so that two changes of its roles come one after the other.
pub(super) async fn lock_enterprise(tx: &mut Tx) -> Result<()> {
    tx.opt(LOCK_ENTERPRISE, ()).await?;
    Ok(())
}
/// How many other Enterprise Administrators can sign in.
pub(super) async fn count_other_overseers(db: &mut impl Read, but: UserId) -> Result<i64> {
    Ok(db.one(OTHER_OVERSEERS, (but,)).await?.0)
}
pub(super) async fn update_enterprise_role(tx: &mut Tx, id: UserId, role: Option<EnterpriseRole>) -> Result<u64> {
    tx.run(SET_ROLE, (id, role)).await
}
pub(super) async fn update_proof(tx: &mut Tx, id: UserId, proof: AddressProof) -> Result<u64> {
    tx.run(SET_PROOF, (id, proof)).await
}
pub(super) async fn update_name(tx: &mut Tx, id: UserId, name: &str, version: i64) -> Result<u64> {
    tx.run(SET_NAME, (id, name, version)).await
}
pub(super) async fn update_password(tx: &mut Tx, id: UserId, hash: &str, now: Timestamp) -> Result<u64> {
    tx.run(SET_PASSWORD, (id, hash, now)).await
}
pub(super) async fn replace_password(tx: &mut Tx, id: UserId, old: &str, hash: &str, now: Timestamp) -> Result<u64> {
    tx.run(REPLACE_PASSWORD, (id, hash, now, old)).await
}
/// Keeps another hash of the same password; 0 rows when the password was changed meanwhile.
pub(super) async fn update_hash(tx: &mut Tx, id: UserId, old: &str, new: &str) -> Result<u64> {
    tx.run(REHASH, (id, old, new)).await
}
pub(super) async fn update_last_sign_in(tx: &mut Tx, id: UserId, now: Timestamp) -> Result<()> {
    tx.run(SIGNED_IN, (id, now)).await?;
    Ok(())
}

/// Counts a try; false when none may be made now.
pub(super) async fn claim_try(tx: &mut Tx, key: [u8; 32], now: Timestamp) -> Result<bool> {
    Ok(tx.opt(CLAIM, (key, now)).await?.is_some())
}
pub(super) async fn find_ladder(db: &mut impl Read, key: [u8; 32]) -> Result<Option<Ladder>> {
    db.opt(LADDER, (key,)).await
}
pub(super) async fn unclaim_try(tx: &mut Tx, key: [u8; 32], now: Timestamp) -> Result<()> {
    tx.run(UNCLAIM, (key, now)).await?;
    Ok(())
}
pub(super) async fn delete_ladder(tx: &mut Tx, key: [u8; 32]) -> Result<()> {
    tx.run(CLEAR, (key,)).await?;
    Ok(())
}
pub(super) async fn delete_old_ladders(tx: &mut Tx, before: Timestamp, long_before: Timestamp) -> Result<u64> {
    tx.run(OLD_LADDERS, (before, long_before)).await
}

pub(super) async fn insert_reset(
    tx: &mut Tx,
    id: ResetId,
    hash: [u8; 32],
    user: UserId,
    now: Timestamp,
    end: Timestamp,
) -> Result<()> {
    tx.run(INSERT_RESET, (id, hash, user, now, end)).await?;
    Ok(())
}
pub(super) async fn find_reset(db: &mut impl Read, hash: [u8; 32], now: Timestamp) -> Result<Option<Reset>> {
    db.opt(RESET, (hash, now)).await
}
pub(super) async fn find_reset_of(db: &mut impl Read, user: UserId) -> Result<Option<Reset>> {
    db.opt(RESET_OF, (user,)).await
}
/// Takes the link away and tells whose it was; of many at once, one gets it.
pub(super) async fn use_reset(tx: &mut Tx, hash: [u8; 32], now: Timestamp) -> Result<Option<UserId>> {
    Ok(tx.opt(USE_RESET, (hash, now)).await?.map(|row| row.0))
}
pub(super) async fn delete_resets(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.run(DELETE_RESETS, (user,)).await?;
    Ok(())
}
pub(super) async fn delete_ended_resets(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.run(ENDED_RESETS, (now,)).await
}

/// Puts a new code in the place of one made before `not_after`; 0 rows when the present one is younger.
pub(super) async fn put_code(
    tx: &mut Tx,
    user: UserId,
    nonce: i64,
    now: Timestamp,
    end: Timestamp,
    not_after: Timestamp,
) -> Result<u64> {
    tx.run(PUT_CODE, (user, nonce, now, end, not_after)).await
}
pub(super) async fn find_code(db: &mut impl Read, user: UserId) -> Result<Option<Code>> {
    db.opt(CODE, (user,)).await
}
/// Counts a try of a code that may be tried.
pub(super) async fn try_code(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<Option<Code>> {
    tx.opt(TRY_CODE, (user, now)).await
}
pub(super) async fn delete_code(tx: &mut Tx, user: UserId) -> Result<()> {
    tx.run(DELETE_CODE, (user,)).await?;
    Ok(())
}
pub(super) async fn delete_ended_codes(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    tx.run(ENDED_CODES, (now,)).await
}

pub(super) async fn list_memberships(db: &mut impl Read, user: UserId) -> Result<Vec<Membership>> {
    db.all(MEMBERSHIPS, (user,)).await
}
