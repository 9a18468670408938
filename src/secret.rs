//! Secrets: random tokens, hashes, and keys derived from the installation's one master key.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// A secret in plain text that may be shown once: it cannot be printed for debugging or serialized.
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub const fn new(text: String) -> Self {
        Self(text)
    }
    /// The plain text, for the one view, mail or cookie that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Fills an array from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness, in which case nothing here can be done safely.
#[expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "the one place that draws randomness; without it no secret is safe"
)]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A random token of 256 bits behind a recognisable prefix (SECURITY section 6).
pub fn random_token(prefix: &str) -> Secret {
    Secret(format!("{prefix}{}", BASE64URL_NOPAD.encode(&random::<32>())))
}

/// What is stored of a random token: its SHA-256.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The installation's keys, all derived from one master key, each for one purpose.
#[derive(Clone)]
pub struct Keys {
    master: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(***)")
    }
}

impl Keys {
    /// Takes the master key.
    pub const fn from_master(master: [u8; 32]) -> Self {
        Self { master }
    }

    /// HMAC-SHA-256 over length-prefixed `parts` under the key of `purpose`.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let key = hmac(&self.master, &[purpose.as_bytes()]);
        hmac(&key, parts)
    }

    /// A token that the database never holds: the MAC of `parts` behind `prefix`, so that it can be shown again.
    pub fn derived_token(&self, prefix: &str, purpose: &str, parts: &[&[u8]]) -> Secret {
        Secret(format!("{prefix}{}", BASE64URL_NOPAD.encode(&self.mac(purpose, parts))))
    }

    /// 64 bytes for the session cookie's signature.
    pub fn cookie(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.mac("cookie", &[b"1"]));
        bytes[32..].copy_from_slice(&self.mac("cookie", &[b"2"]));
        bytes
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0u8; 64]; // HMAC pads a short key with zeros to the block size
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares two byte strings in constant time.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(left, right).into()
}
