//! SQL of notifications and of what people want to be told. The list names the organization of each (a declared exception).

use super::Kind;
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::{NotificationId, OrgId, UserId},
    record, sql,
};

record! {
    /// Something that a person was told.
    pub struct Notification {
        /// Its id.
        pub id: NotificationId,
        /// Of what kind; a number of a newer Muster is shown without an icon of its own.
        pub kind: i64,
        /// What happened, in a sentence.
        pub subject: String,
        /// Where one sees more, empty for nowhere.
        pub link: String,
        /// When.
        pub at: Timestamp,
        /// When it was read.
        pub read_at: Option<Timestamp>,
        /// The organization's name, none for what concerns the account.
        pub organization: Option<String>,
    }
}

record! {
    /// What a person chose for a kind.
    pub struct ChoiceRow {
        /// Whose choice.
        pub user_id: UserId,
        /// The kind.
        pub kind: i64,
        /// Whether it appears in the portal.
        pub portal: bool,
        /// Whether it comes by mail.
        pub mail: bool,
    }
}

sql! {
    INSERT: bulk (NotificationId, UserId, i64, Kind, String, String, Timestamp) =
        "insert into notifications (id, user_id, org_id, kind, subject, link, at) values", "";
    LIST: (UserId, NotificationId, bool, i64) => Notification =
        "select n.id, n.kind, n.subject, n.link, n.at, n.read_at, o.name as organization
         from notifications n left join orgs o on o.id = n.org_id
         where n.user_id = $1 and n.id < $2 and (not $3 or n.read_at is null) order by n.id desc limit $4";
    FIND: (UserId, NotificationId) => Notification =
        "select n.id, n.kind, n.subject, n.link, n.at, n.read_at, o.name as organization
         from notifications n left join orgs o on o.id = n.org_id where n.user_id = $1 and n.id = $2";
    READ: (UserId, NotificationId, Timestamp) => () =
        "update notifications set read_at = $3 where user_id = $1 and id = $2 and read_at is null";
    READ_ALL: (UserId, Timestamp) => () = "update notifications set read_at = $2 where user_id = $1 and read_at is null";
    CHOICES: (UserId) => ChoiceRow = "select user_id, kind, portal, mail from notification_choices where user_id = $1";
    CHOICES_OF: (Kind, String) => ChoiceRow = {
        sqlite "select c.user_id, c.kind, c.portal, c.mail from json_each($2) k join notification_choices c on c.user_id = k.value and c.kind = $1"
        postgres "select c.user_id, c.kind, c.portal, c.mail from jsonb_array_elements_text(cast($2 as jsonb)) k (value)
                  join notification_choices c on c.user_id = cast(k.value as bigint) and c.kind = $1"
    };
    PUT_CHOICE: (UserId, Kind, bool, bool) => () =
        "insert into notification_choices (user_id, kind, portal, mail) values ($1, $2, $3, $4)
         on conflict (user_id, kind) do update set portal = $3, mail = $4";
    WITHDRAW: (i64, Kind, Timestamp, String) => () = {
        sqlite "delete from notifications where org_id = $1 and kind = $2 and at >= $3 and user_id in (select value from json_each($4))"
        postgres "delete from notifications where org_id = $1 and kind = $2 and at >= $3
                and user_id in (select cast(value as bigint) from jsonb_array_elements_text(cast($4 as jsonb)) k (value))"
    };
    PRUNE: (Timestamp, Timestamp) => () = "delete from notifications where at < $1 and (read_at is not null or at < $2)";
}

pub(super) type Inserted = (NotificationId, UserId, i64, Kind, String, String, Timestamp);

pub(super) async fn insert(tx: &mut Tx, rows: Vec<Inserted>) -> Result<()> {
    tx.many(INSERT, rows).await?;
    Ok(())
}
/// The person's notifications before `before`, newest first.
pub(super) async fn list(
    db: &mut impl Read,
    user: UserId,
    before: NotificationId,
    unread: bool,
    limit: i64,
) -> Result<Vec<Notification>> {
    db.all(LIST, (user, before, unread, limit)).await
}
pub(super) async fn find(db: &mut impl Read, user: UserId, id: NotificationId) -> Result<Option<Notification>> {
    db.opt(FIND, (user, id)).await
}
pub(super) async fn set_read(tx: &mut Tx, user: UserId, id: NotificationId, now: Timestamp) -> Result<u64> {
    tx.run(READ, (user, id, now)).await
}
pub(super) async fn set_all_read(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<u64> {
    tx.run(READ_ALL, (user, now)).await
}
pub(super) async fn list_choices(db: &mut impl Read, user: UserId) -> Result<Vec<ChoiceRow>> {
    db.all(CHOICES, (user,)).await
}
/// What these people chose for a kind; whoever has chosen nothing is missing.
pub(super) async fn list_choices_of(db: &mut impl Read, kind: Kind, users: &[UserId]) -> Result<Vec<ChoiceRow>> {
    let raw: Vec<i64> = users.iter().map(|user| user.raw()).collect();
    db.all(CHOICES_OF, (kind, serde_json::to_string(&raw)?)).await
}
pub(super) async fn put_choice(tx: &mut Tx, user: UserId, kind: Kind, portal: bool, mail: bool) -> Result<()> {
    tx.run(PUT_CHOICE, (user, kind, portal, mail)).await?;
    Ok(())
}
pub(super) async fn withdraw(tx: &mut Tx, org: OrgId, kind: Kind, users: &[UserId], since: Timestamp) -> Result<()> {
    let raw: Vec<i64> = users.iter().map(|user| user.raw()).collect();
    tx.run(WITHDRAW, (org.raw(), kind, since, serde_json::to_string(&raw)?))
        .await?;
    Ok(())
}
/// Deletes what is read and older than `read`, and whatever is older than `all`.
pub(super) async fn prune(tx: &mut Tx, read: Timestamp, all: Timestamp) -> Result<u64> {
    tx.run(PRUNE, (read, all)).await
}
