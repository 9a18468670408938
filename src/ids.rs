//! Identifiers: 64-bit integers inside, opaque prefixed text outside.
//!
//! Rows of an organization have `org << 32 | n`, so that a foreign id is refused without a query and an organization's rows
//! lie together. What leaves the process (URLs, mails, API) is the text form: a prefix and 13 Crockford base-32 digits of a
//! keyed permutation, so that neither counts nor neighbours can be read from it. The permutation hides order; it is no
//! secret and grants nothing.

use std::sync::OnceLock;

static KEY: OnceLock<[u64; 4]> = OnceLock::new();

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Sets the key of the text form from 32 bytes; the first call of a process wins.
pub fn set_key(bytes: [u8; 32]) {
    let mut words = [0u64; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    let _ = KEY.set(words);
}

fn key() -> [u64; 4] {
    *KEY.get_or_init(|| {
        [
            0x9e37_79b9_7f4a_7c15,
            0xbf58_476d_1ce4_e5b9,
            0x94d0_49bb_1331_11eb,
            0x2545_f491_4f6c_dd1d,
        ]
    })
}

/// One round function of the Feistel network: a keyed 32-bit mixer.
fn mix(half: u32, key: u64) -> u32 {
    let mut x = (u64::from(half) ^ key).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (x >> 32) as u32
}

fn scramble(value: u64, tag: u64) -> u64 {
    let (mut left, mut right) = ((value >> 32) as u32, value as u32);
    for round in key() {
        (left, right) = (right, left ^ mix(right, round ^ tag));
    }
    (u64::from(left) << 32) | u64::from(right)
}

fn unscramble(value: u64, tag: u64) -> u64 {
    let (mut left, mut right) = ((value >> 32) as u32, value as u32);
    for round in key().into_iter().rev() {
        (left, right) = (right ^ mix(left, round ^ tag), left);
    }
    (u64::from(left) << 32) | u64::from(right)
}

/// What each byte is worth as a digit; above 31 for one that is none. Ids are read thousands of times a second.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut digit = 0;
    while digit < DIGITS.len() {
        values[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

fn tag(prefix: &str) -> u64 {
    prefix.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Writes the text form of `raw` under `prefix`, for example `mem_0k3v…`.
///
/// ```
/// use muster::ids::{self, MemberId};
///
/// let text = ids::encode("mem", 7);
/// assert!(text.starts_with("mem_"));
/// assert_eq!(text.parse(), Ok(MemberId::from_raw(7)));
/// assert_eq!(ids::decode("inv", &text), None);
/// ```
pub fn encode(prefix: &str, raw: i64) -> String {
    let mut value = scramble(raw as u64, tag(prefix));
    let mut digits = [0u8; 13];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(value & 31) as usize];
        value >>= 5;
    }
    format!("{prefix}_{}", String::from_utf8_lossy(&digits))
}

/// Reads the text form back; `None` for another prefix, another length or a digit that is none.
pub fn decode(prefix: &str, text: &str) -> Option<i64> {
    let digits = text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes();
    if digits.len() != 13 {
        return None;
    }
    let mut value: u64 = 0;
    for (place, byte) in digits.iter().enumerate() {
        let digit = u64::from(VALUES[usize::from(*byte)]);
        if digit > 31 || (place == 0 && digit > 15) {
            return None; // 13 digits hold 65 bits
        }
        value = (value << 5) | digit;
    }
    Some(unscramble(value, tag(prefix)) as i64)
}

/// The text is not an identifier of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a valid identifier")]
pub struct BadId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;
            /// Wraps the integer that a row holds.
            pub const fn from_raw(raw: i64) -> Self { Self(raw) }
            /// The integer that a row holds.
            pub const fn raw(self) -> i64 { self.0 }
            /// The organization of an organization-owned row.
            pub const fn org(self) -> OrgId { OrgId(self.0 >> 32) }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&encode($prefix, self.0)) }
        }
        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> std::result::Result<Self, BadId> { decode($prefix, text).map(Self).ok_or(BadId) }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> { to.collect_str(self) }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

id! {
    /// An organization; its own id is below 2^21.
    OrgId "org",
    /// A person's account, over all organizations.
    UserId "usr",
    /// A membership of one person in one organization.
    MemberId "mem",
    /// A group, team, department or project.
    GroupId "grp",
    /// A custom role of an organization.
    RoleId "rol",
    /// An invitation of one address to one organization.
    InvitationId "inv",
    /// One paste of addresses that became invitations.
    BatchId "bat",
    /// A signed-in browser.
    SessionId "ses",
    /// A mail in the outbox.
    MailId "mail",
    /// A password reset.
    ResetId "rst",
    /// A member's request for a higher limit.
    LimitRequestId "lrq",
    /// Something that a person is told.
    NotificationId "ntf",
    /// An act on many at once.
    JobId "job",
    /// A saved view of the members table.
    ViewId "viw",
    /// A file of people that was uploaded.
    ImportId "imp",
    /// An API key.
    KeyId "key",
    /// A feature that keys can carry.
    FeatureId "fea",
    /// A service account.
    ServiceId "svc",
    /// A credit pool.
    PoolId "pool",
}

impl OrgId {
    /// The id of the organization's `n`th row.
    pub const fn row(self, n: i64) -> i64 {
        (self.0 << 32) | n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_form_round_trips(raw: i64) {
            let id = MemberId::from_raw(raw);
            prop_assert_eq!(id.to_string().parse::<MemberId>(), Ok(id));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<MemberId>();
        }
    }

    #[test]
    fn kinds_do_not_mix_and_neighbours_look_unlike() {
        let member = MemberId::from_raw(5).to_string();
        assert!(
            member
                .replace("mem_", "inv_")
                .parse::<InvitationId>()
                .is_ok_and(|id| id.raw() != 5)
        );
        assert!(member.parse::<InvitationId>().is_err());
        let next = MemberId::from_raw(6).to_string();
        let same = member.bytes().zip(next.bytes()).filter(|(a, b)| a == b).count();
        assert!(same < 12, "{member} and {next} share {same} places");
    }
}
