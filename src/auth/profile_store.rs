//! SQL of profiles, pictures and known devices. Whether somebody may see a picture is asked of memberships (a declared exception).

use super::picture::Format;
use crate::{
    clock::Timestamp,
    db::{Read, Tx},
    error::Result,
    ids::UserId,
    record, sql,
};

record! {
    /// What a person says and chose about oneself.
    #[derive(PartialEq, Eq, Default)]
    pub struct Profile {
        /// A telephone number, empty for none.
        pub phone: String,
        /// Another way to reach the person, empty for none.
        pub contact: String,
        /// The own zone, empty for the organization's.
        pub zone: String,
        /// The tag of the formats, empty for the product's own.
        pub locale: String,
        /// Whether more is to fit on a screen.
        pub compact: bool,
        /// The key of the picture, empty for none.
        pub picture: String,
    }
}

record! {
    /// A picture as it is served.
    pub struct Picture {
        /// How it is written.
        pub format: Format,
        /// The file.
        pub bytes: Vec<u8>,
    }
}

sql! {
    FIND: (UserId) => Profile = "select phone, contact, zone, locale, compact, picture from profiles where user_id = $1";
    PUT: (UserId, String, String, String, String, bool) => () =
        "insert into profiles (user_id, phone, contact, zone, locale, compact) values ($1, $2, $3, $4, $5, $6)
         on conflict (user_id) do update set phone = $2, contact = $3, zone = $4, locale = $5, compact = $6";
    SET_THEME: (UserId, i64) => () = "update users set theme = $2 where id = $1";
    SET_PICTURE: (UserId, String) => () =
        "insert into profiles (user_id, picture) values ($1, $2) on conflict (user_id) do update set picture = $2";
    PUT_PICTURE: (UserId, String, Format, Vec<u8>) => () =
        "insert into pictures (user_id, key, format, bytes) values ($1, $2, $3, $4)
         on conflict (user_id) do update set key = $2, format = $3, bytes = $4";
    DELETE_PICTURE: (UserId) => () = "delete from pictures where user_id = $1";
    PICTURE: (String, UserId, bool, Timestamp) => Picture =
        "select p.format, p.bytes from pictures p
         where p.key = $1 and (p.user_id = $2 or $3 or exists (
             select 1 from members mine join members theirs on theirs.org_id = mine.org_id and theirs.user_id = p.user_id and theirs.status < 5
             where mine.user_id = $2 and mine.status in (1, 2) and (mine.expires_at is null or mine.expires_at > $4)))";
    HAS_DEVICES: (UserId) => (i64,) = "select count(*) from devices where user_id = $1";
    TOUCH_DEVICE: (UserId, String, Timestamp) => () = "update devices set last_at = $3 where user_id = $1 and device = $2";
    INSERT_DEVICE: (UserId, String, Timestamp) => () =
        "insert into devices (user_id, device, first_at, last_at) values ($1, $2, $3, $3) on conflict do nothing";
    OLD_DEVICES: (UserId) => () =
        "delete from devices where user_id = $1 and device not in (select device from devices where user_id = $1 order by last_at desc, device limit 50)";
}

pub(super) async fn find(db: &mut impl Read, user: UserId) -> Result<Option<Profile>> {
    db.opt(FIND, (user,)).await
}
pub(super) async fn put(tx: &mut Tx, user: UserId, new: &Profile) -> Result<()> {
    tx.run(
        PUT,
        (user, &new.phone, &new.contact, &new.zone, &new.locale, new.compact),
    )
    .await?;
    Ok(())
}
pub(super) async fn update_theme(tx: &mut Tx, user: UserId, theme: i64) -> Result<()> {
    tx.run(SET_THEME, (user, theme)).await?;
    Ok(())
}
pub(super) async fn put_picture(tx: &mut Tx, user: UserId, key: &str, picture: Picture) -> Result<()> {
    tx.run(PUT_PICTURE, (user, key, picture.format, picture.bytes)).await?;
    tx.run(SET_PICTURE, (user, key)).await?;
    Ok(())
}
pub(super) async fn delete_picture(tx: &mut Tx, user: UserId) -> Result<u64> {
    let deleted = tx.run(DELETE_PICTURE, (user,)).await?;
    tx.run(SET_PICTURE, (user, "")).await?;
    Ok(deleted)
}
/// The picture, for its person, for whoever shares an organization with them, and for whoever `sees_all`.
pub(super) async fn find_picture(
    db: &mut impl Read,
    key: &str,
    viewer: UserId,
    sees_all: bool,
    now: Timestamp,
) -> Result<Option<Picture>> {
    db.opt(PICTURE, (key, viewer, sees_all, now)).await
}
/// Notes a sign-in from a device; true when the person has signed in before, and never from this one.
pub(super) async fn note_device(tx: &mut Tx, user: UserId, device: &str, now: Timestamp) -> Result<bool> {
    if tx.run(TOUCH_DEVICE, (user, device, now)).await? > 0 {
        return Ok(false);
    }
    let known = tx.one(HAS_DEVICES, (user,)).await?.0;
    tx.run(INSERT_DEVICE, (user, device, now)).await?;
    if known >= 50 {
        tx.run(OLD_DEVICES, (user,)).await?;
    }
    Ok(known > 0)
}
