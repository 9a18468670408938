//! The text of a key: `mst_<p|g|s>_<public id>_<secret><checksum>`, all of one alphabet, so that a double click selects it and a scanner
//! for secrets finds it by one pattern: `mst_[pgs]_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`.
//!
//! The checksum is a CRC-32 over everything before it. It keeps nobody out; it tells a mistyped key from an unknown one without a
//! look-up. What keeps people out are 190 bits from the operating system, of which only the SHA-256 of the whole text is stored.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Kind;
use crate::secret;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many characters name the key in clear.
pub const PUBLIC: usize = 10;
/// How many characters are secret: 32 of 62 signs are 190 bits.
const SECRET: usize = 32;
/// How many characters hold the checksum: 62^6 is more than 2^32.
const CHECK: usize = 6;
/// Where the secret part begins: `mst_`, a letter, `_`, the public id, `_`.
const START: usize = 4 + 1 + 1 + PUBLIC + 1;
/// How long a key is.
pub const LENGTH: usize = START + SECRET + CHECK;

/// A key in plain text, at the one moment when there is such a thing. It can be neither printed for debugging nor serialized nor copied,
/// and the view that shows it takes it.
pub struct PlainKey(Zeroizing<String>);

impl PlainKey {
    /// Draws a new key.
    pub fn generate(kind: Kind) -> Self {
        Self::of(kind, &draw(PUBLIC))
    }
    /// Draws another secret for a key that keeps its public id.
    pub fn of(kind: Kind, public_id: &str) -> Self {
        // As long as it will be from the beginning, so that no part of it is left behind where it grew.
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        let _ = write!(text, "mst_{}_{public_id}_{}", kind.letter(), draw(SECRET));
        let check = checksum(&text);
        text.extend(check.map(char::from));
        Self(text)
    }
    /// The part that stands in clear on pages.
    pub fn public_id(&self) -> &str {
        &self.0[START - 1 - PUBLIC..START - 1]
    }
    /// The last characters, by which a person tells two keys apart.
    pub fn last_four(&self) -> &str {
        &self.0[LENGTH - 4..]
    }
    /// What is stored.
    pub fn hash(&self) -> [u8; 32] {
        secret::hash_token(&self.0)
    }
    /// The text, for the one page that shows it.
    pub fn into_shown(self) -> Zeroizing<String> {
        self.0
    }
}

/// How a page names a key without its secret: `mst_g_7QdX4m2vTz_…aJ0p`.
pub fn masked(kind: Kind, public_id: &str, last_four: &str) -> String {
    format!("mst_{}_{public_id}_…{last_four}", kind.letter())
}

/// A key as somebody presents it, well formed; whether it is anybody's is not known yet. It holds no copy of the text.
pub struct Presented<'t> {
    kind: Kind,
    text: &'t str,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not look like one.
    #[error("this is not an API key")]
    NotAKey,
    /// It looks like one, and a character is wrong.
    #[error("this API key is mistyped or cut off")]
    Mistyped,
}

impl<'t> Presented<'t> {
    /// Reads what somebody presents. It asks no database.
    pub fn parse(text: &'t str) -> Result<Self, Malformed> {
        let text = text.trim();
        let rest = text.strip_prefix("mst_").ok_or(Malformed::NotAKey)?;
        let kind = rest.get(..1).and_then(Kind::of_letter).ok_or(Malformed::NotAKey)?;
        if rest.get(1..2) != Some("_") {
            return Err(Malformed::NotAKey);
        }
        let is_plain = |part: &[u8]| {
            part.iter()
                .fold(true, |plain, byte| plain & byte.is_ascii_alphanumeric())
        };
        let is_ours = text.len() == LENGTH
            && text.as_bytes()[START - 1] == b'_'
            && is_plain(&text.as_bytes()[START - 1 - PUBLIC..START - 1])
            && is_plain(&text.as_bytes()[START..]);
        if !is_ours || checksum(&text[..LENGTH - CHECK]) != text.as_bytes()[LENGTH - CHECK..] {
            return Err(Malformed::Mistyped);
        }
        Ok(Self { kind, text })
    }
    /// What it is looked up by.
    pub fn hash(&self) -> [u8; 32] {
        secret::hash_token(self.text)
    }
    /// What it says it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
    /// The part that may stand in logs.
    pub fn public_id(&self) -> &'t str {
        &self.text[START - 1 - PUBLIC..START - 1]
    }
}

/// Characters of the alphabet, each as likely as any other.
fn draw(count: usize) -> String {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        // Bytes of 248 and above would make the first signs likelier than the last.
        let signs = secret::random::<64>().into_iter().filter(|byte| *byte < 248);
        text.extend(signs.take(count - text.len()).map(|byte| sign(u32::from(byte))));
    }
    text
}

fn sign(number: u32) -> char {
    char::from(ALPHABET[(number % 62) as usize])
}

fn checksum(body: &str) -> [u8; CHECK] {
    let mut left = crc32fast::hash(body.as_bytes());
    let mut digits = [0; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(left % 62) as usize];
        left /= 62;
    }
    digits
}

/// A fresh nonce for a form, by which sending it again is told from another key.
pub fn nonce() -> String {
    draw(24)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop::sample::select(Kind::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn a_key_is_read_back_as_it_was_made(kind in kinds()) {
            let key = PlainKey::generate(kind);
            let (hash, public, four) = (key.hash(), key.public_id().to_owned(), key.last_four().to_owned());
            let text = key.into_shown();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert!(text.ends_with(&four));
            let masked = masked(kind, &public, &four);
            prop_assert!(text.starts_with(masked.split('…').next().unwrap_or_default()));
            let sent = format!(" {}\n", *text);
            let read = Presented::parse(&sent).ok();
            prop_assert_eq!(read.map(|read| (read.kind(), read.hash(), read.public_id().to_owned())), Some((kind, hash, public)));
        }

        #[test]
        fn one_wrong_character_is_found_without_a_look_up(kind in kinds(), at in 0..LENGTH, other in "[0-9A-Za-z_]") {
            let text = PlainKey::generate(kind).into_shown();
            let mut wrong = text.to_string();
            wrong.replace_range(at..=at, &other);
            prop_assert_eq!(Presented::parse(&wrong).is_ok(), wrong == *text);
        }

        #[test]
        fn reading_never_panics(text in "(mst_[pgs]_)?\\PC{0,60}") {
            prop_assert!(Presented::parse(&text).is_err());
        }
    }

    #[test]
    fn no_two_keys_are_alike_and_neighbours_are_told_apart() {
        let keys: std::collections::HashSet<String> = (0..2_000)
            .map(|_| PlainKey::generate(Kind::Group).into_shown().to_string())
            .collect();
        assert_eq!(keys.len(), 2_000);
        let rotated = PlainKey::of(Kind::Service, "0123456789");
        assert_eq!(rotated.public_id(), "0123456789");
        assert!(matches!(Presented::parse("mst_inv_AAAA"), Err(Malformed::NotAKey)));
        assert!(matches!(Presented::parse("mst_p_short"), Err(Malformed::Mistyped)));
    }

    #[test]
    fn every_sign_is_drawn() {
        let text = draw(20_000);
        for sign in ALPHABET {
            let count = text.bytes().filter(|byte| byte == sign).count();
            assert!((200..=450).contains(&count), "{} came {count} times", char::from(*sign));
        }
    }
}
