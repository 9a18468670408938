//! What people say and choose about themselves: contact, picture, zone, formats, theme and density.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

pub use super::profile_store::{Picture, Profile};
use super::{
    account::{self, Account},
    picture, profile_store as store,
};
use crate::{
    access::Person,
    audit::{self, Action, Actor, Entry},
    clock::{Timestamp, Zone},
    db::{Read, Tx},
    error::{Error, Result},
    ids::UserId,
    secret, text,
    web::locale::Locale,
};

/// The themes by the words of forms and records; each one's number is its place.
pub const THEMES: [&str; 3] = ["system", "light", "dark"];

/// How somebody wants pages to look.
#[derive(Debug, Clone)]
pub struct Look {
    /// The zone's name, empty for the organization's.
    pub zone: String,
    /// The tag of the formats, empty for the product's own.
    pub locale: String,
    /// Whether more is to fit on a screen.
    pub compact: bool,
    /// The number of the theme.
    pub theme: i64,
}

/// The zone in which a person is told times by mail: their own, else their primary organization's, else empty.
pub async fn zone_of(db: &mut impl Read, user: UserId) -> Result<String> {
    let own = find(db, user).await?.zone;
    if !own.is_empty() {
        return Ok(own);
    }
    let home = account::memberships(db, user).await?.into_iter().next();
    Ok(home.map(|home| home.zone).unwrap_or_default())
}

/// What a person says and chose; every default for who has said nothing.
pub async fn find(db: &mut impl Read, user: UserId) -> Result<Profile> {
    Ok(store::find(db, user).await?.unwrap_or_default())
}

/// Reads a telephone number, as it is written in any country.
pub fn parse_phone(typed: &str) -> Result<String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(String::new());
    }
    let phone = text::line("phone", "A phone number", typed, 40)?;
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    let is_sign = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '/' | '.' | '#' | '*');
    if digits < 4 || !phone.chars().all(is_sign) {
        return Err(Error::invalid(
            "phone",
            "Write a phone number with digits, as in +49 30 901820, or leave the field empty.",
        ));
    }
    Ok(phone)
}

/// Changes how the person is reached.
pub async fn update_contact(
    tx: &mut Tx,
    by: &Actor,
    account: &Account,
    phone: &str,
    contact: &str,
    now: Timestamp,
) -> Result<()> {
    let before = find(tx, account.id).await?;
    let contact = match contact.trim() {
        "" => String::new(),
        typed => text::line("contact", "A contact", typed, 200)?,
    };
    let after = Profile {
        phone: parse_phone(phone)?,
        contact,
        ..before.clone()
    };
    save(tx, by, account, &before, &after, None, now).await
}

/// Changes how pages look to the person.
pub async fn update_look(
    tx: &mut Tx,
    by: &Actor,
    account: &Account,
    person: &Person,
    look: &Look,
    now: Timestamp,
) -> Result<()> {
    if !look.zone.is_empty() && Zone::find(&look.zone).is_none() {
        return Err(Error::invalid("zone", "Choose a time zone from the list."));
    }
    if !look.locale.is_empty() && Locale::find(&look.locale).is_none() {
        return Err(Error::invalid("locale", "Choose a format from the list."));
    }
    let before = find(tx, account.id).await?;
    let after = Profile {
        zone: look.zone.clone(),
        locale: look.locale.clone(),
        compact: look.compact,
        ..before.clone()
    };
    if person.theme != look.theme {
        store::update_theme(tx, account.id, look.theme).await?;
    }
    save(tx, by, account, &before, &after, Some((person.theme, look.theme)), now).await
}

async fn save(
    tx: &mut Tx,
    by: &Actor,
    account: &Account,
    before: &Profile,
    after: &Profile,
    themes: Option<(i64, i64)>,
    now: Timestamp,
) -> Result<()> {
    let fields = |of: &Profile, theme: Option<i64>| -> Vec<(&'static str, Value)> {
        let word = theme.and_then(|n| THEMES.get(n as usize).copied());
        vec![
            ("phone", json!(of.phone)),
            ("contact", json!(of.contact)),
            ("zone", json!(of.zone)),
            ("locale", json!(of.locale)),
            ("density", json!(if of.compact { "compact" } else { "comfortable" })),
            ("theme", json!(word)),
        ]
    };
    let old = fields(before, themes.map(|both| both.0));
    let new = fields(after, themes.map(|both| both.1));
    let (mut was, mut is) = (Map::new(), Map::new());
    for ((name, old), (_, new)) in old.into_iter().zip(new) {
        if old != new {
            was.insert(name.to_owned(), old);
            is.insert(name.to_owned(), new);
        }
    }
    if is.is_empty() {
        return Ok(());
    }
    store::put(tx, account.id, after).await?;
    let entry = Entry::done(
        Action::ProfileUpdate,
        account::object(account),
        Value::Object(was),
        Value::Object(is),
    );
    audit::record(tx, by, None, entry, now).await
}

/// Puts a picture in the place of the present one.
pub async fn set_picture(tx: &mut Tx, by: &Actor, account: &Account, picture: Picture, now: Timestamp) -> Result<()> {
    let before = find(tx, account.id).await?;
    let key = HEXLOWER.encode(&secret::random::<16>());
    let after = json!({ "picture": format!("{} bytes", picture.bytes.len()) });
    store::put_picture(tx, account.id, &key, picture).await?;
    let was = json!({ "picture": if before.picture.is_empty() { "none" } else { "another" } });
    let entry = Entry::done(Action::ProfileUpdate, account::object(account), was, after);
    audit::record(tx, by, None, entry, now).await
}

/// Takes the picture away; initials are shown again.
pub async fn remove_picture(tx: &mut Tx, by: &Actor, account: &Account, now: Timestamp) -> Result<()> {
    if store::delete_picture(tx, account.id).await? == 0 {
        return Err(Error::conflict("There is no picture to remove."));
    }
    let entry = Entry::done(
        Action::ProfileUpdate,
        account::object(account),
        json!({ "picture": "one" }),
        json!({ "picture": "none" }),
    );
    audit::record(tx, by, None, entry, now).await
}

/// The picture with this key, for whoever may see its person: themselves, people of the same organization, the enterprise.
pub async fn find_picture(db: &mut impl Read, viewer: &Person, key: &str, now: Timestamp) -> Result<Picture> {
    store::find_picture(db, key, viewer.id, viewer.enterprise_role.is_some(), now)
        .await?
        .ok_or(Error::NotFound)
}

/// Makes a picture out of an uploaded file.
pub async fn prepare(file: Vec<u8>) -> Result<Picture> {
    picture::prepare(file).await
}

/// Notes a sign-in from a device; true when the person has signed in before, and never from this one.
pub(super) async fn note_device(tx: &mut Tx, user: UserId, device: &str, now: Timestamp) -> Result<bool> {
    store::note_device(tx, user, device, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_pro_01_phone_numbers_are_read_as_people_write_them() {
        for (typed, read) in [
            ("", ""),
            (" +49 (30)  901-820 ", "+49 (30) 901-820"),
            ("0800/1234.5#9", "0800/1234.5#9"),
        ] {
            assert_eq!(parse_phone(typed).unwrap(), read);
        }
        for bad in ["call me", "123", "+49 30 <b>901820</b>", &"1".repeat(41), "12\u{0}345"] {
            assert!(
                matches!(parse_phone(bad), Err(Error::Invalid { field: "phone", .. })),
                "{bad:?}"
            );
        }
    }
}
