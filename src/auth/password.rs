//! Passwords: how they are kept, how they are compared, and which ones are refused.
//!
//! A password is brought to Unicode's NFKC form once, here, before anything else is done with it, so that the same keys typed on another
//! system give the same password. What is kept is an Argon2id hash in PHC form. Hashing is slow on purpose and takes memory, so no
//! more of it runs at once than there are cores, a short queue waits, and whoever comes on top of that is told to come back.
use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::{Ident, PasswordHash},
};
use data_encoding::BASE64_NOPAD;
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

/// Longest password in bytes, before and after normalising.
pub const MAX_BYTES: usize = 1024;
/// How many hashes wait for a core before more are turned away.
const QUEUE: usize = 64;
/// How many letters and digits a password needs besides one's own names.
const MIN_BESIDE_OWN: usize = 8;
const KIB: u32 = 1024;

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// 64 MiB in three passes.
    pub const STANDARD: Self = Self {
        memory_kib: 64 * KIB,
        passes: 3,
        lanes: 1,
    };
    /// 19 MiB in two passes, for machines with less than 1 GB; the least that is accepted.
    pub const SMALL: Self = Self {
        memory_kib: 19 * KIB,
        passes: 2,
        lanes: 1,
    };

    /// A cost of one's own, refused below [`Cost::SMALL`] and where a single sign-in would take the machine.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let least = Self::SMALL;
        let fits = (least.memory_kib..=KIB * KIB).contains(&memory_kib)
            && (least.passes..=16).contains(&passes)
            && (1..=16).contains(&lanes);
        fits.then_some(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    fn argon2(self) -> Result<Argon2<'static>, Failed> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(|_| Failed::Broken)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Why a password could not be hashed or compared; none of it is about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Too many people are signing in at this moment.
    #[error("Too many people are signing in right now. Try again in a few seconds.")]
    Busy,
    /// The password is longer than is ever accepted.
    #[error("This password is too long. Use at most 1,024 bytes.")]
    TooLong,
    /// The work was cut off, or the settings can't be used.
    #[error("The password could not be checked. Try again.")]
    Broken,
}

/// What a comparison gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right {
        /// The hash is weaker than today's settings ask for: hash the password again, now that it is known.
        needs_rehash: bool,
    },
    /// It is not, or there is no such account or no password on it.
    Wrong,
}

/// Hashes and compares passwords, a bounded number at once; cheap to clone.
#[derive(Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

struct Inner {
    cost: Cost,
    /// Compared with when there is no account, so that the answer takes as long.
    nobody: String,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Hasher {
    /// Prepares hashing on so many cores.
    pub fn new(cost: Cost, cores: usize) -> Result<Self, Failed> {
        let cores = cores.max(1);
        let nobody = nobody(cost)?;
        let (running, admitted) = (Arc::new(Semaphore::new(cores)), Arc::new(Semaphore::new(cores + QUEUE)));
        Ok(Self {
            inner: Arc::new(Inner {
                cost,
                nobody,
                running,
                admitted,
            }),
        })
    }

    /// The hash of a new password, to be kept.
    pub async fn hash(&self, password: &str) -> Result<String, Failed> {
        let password = normalised(password).ok_or(Failed::TooLong)?;
        let cost = self.inner.cost;
        self.run(move || hash(cost, password.as_bytes())).await?
    }

    /// Compares a password with the hash on an account; `None` stands for no account and takes as long.
    pub async fn verify(&self, password: &str, kept: Option<&str>) -> Result<Verdict, Failed> {
        // Too long is wrong for everybody alike: no such password was ever accepted.
        let Some(password) = normalised(password) else {
            return Ok(Verdict::Wrong);
        };
        let known = kept.is_some();
        let kept = kept.unwrap_or(&self.inner.nobody).to_owned();
        let right = {
            let kept = kept.clone();
            self.run(move || matches(&kept, password.as_bytes())).await?
        };
        Ok(if right && known {
            Verdict::Right {
                needs_rehash: self.needs_rehash(&kept),
            }
        } else {
            Verdict::Wrong
        })
    }

    /// Whether a hash is weaker than the settings of today.
    pub fn needs_rehash(&self, kept: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(kept) else {
            return true;
        };
        let Ok(params) = Params::try_from(&parsed) else {
            return true;
        };
        let cost = self.inner.cost;
        parsed.algorithm != Ident::new_unwrap("argon2id")
            || parsed.version != Some(Version::V0x13.into())
            || params.m_cost() < cost.memory_kib
            || params.t_cost() < cost.passes
    }

    /// Runs on a thread of its own once a core is free. The permits go with the work, which a request that went away can't stop.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
        let admitted = Arc::clone(&self.inner.admitted)
            .try_acquire_owned()
            .map_err(|_| Failed::Busy)?;
        let running = Arc::clone(&self.inner.running)
            .acquire_owned()
            .await
            .map_err(|_| Failed::Broken)?;
        spawn_blocking(move || {
            let done = work();
            drop((running, admitted));
            done
        })
        .await
        .map_err(|_: JoinError| Failed::Broken)
    }
}

fn hash(cost: Cost, password: &[u8]) -> Result<String, Failed> {
    Ok(cost
        .argon2()?
        .hash_password(password)
        .map_err(|_| Failed::Broken)?
        .to_string())
}

/// The hash of nobody's password: drawn, not computed, so that starting costs neither a hash's time nor its memory. To compare with it
/// costs what every comparison costs.
fn nobody(cost: Cost) -> Result<String, Failed> {
    let (salt, output) = (crate::secret::random::<16>(), crate::secret::random::<32>());
    let text = format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.passes,
        cost.lanes,
        BASE64_NOPAD.encode(&salt),
        BASE64_NOPAD.encode(&output)
    );
    PasswordHash::new(&text).map_err(|_| Failed::Broken)?;
    Ok(text)
}

fn matches(kept: &str, password: &[u8]) -> bool {
    PasswordHash::new(kept).is_ok_and(|kept| Argon2::default().verify_password(password, &kept).is_ok())
}

/// The password in NFKC, or `None` when it is too long.
fn normalised(password: &str) -> Option<Zeroizing<String>> {
    if password.len() > MAX_BYTES {
        return None;
    }
    // Reserved ahead, so that no copy is left behind by growing.
    let mut form = Zeroizing::new(String::with_capacity(MAX_BYTES * 2));
    for c in password.nfkc() {
        if form.len() + c.len_utf8() > MAX_BYTES {
            return None;
        }
        form.push(c);
    }
    Some(form)
}

/// What a new password has to fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    min_chars: usize,
}

impl Policy {
    /// For an account whose password is all there is: at least 15 characters.
    pub const ALONE: Self = Self { min_chars: 15 };
    /// For an account with a second factor: at least 10 characters.
    pub const WITH_SECOND_FACTOR: Self = Self { min_chars: 10 };

    /// The least number of characters.
    pub fn min_chars(self) -> usize {
        self.min_chars
    }

    /// Whether a password may be taken; `own` are the words an attacker would try first: the person's name and address, the names of
    /// the organizations. Takes some milliseconds.
    pub fn check(self, password: &str, own: &[&str]) -> Result<Strength, Refusal> {
        let Some(form) = normalised(password) else {
            return Err(Refusal::TooLong);
        };
        // Some single signs become many letters in NFKC; they count as what was typed.
        let chars = form.chars().count().min(password.chars().count());
        if chars < self.min_chars {
            return Err(Refusal::TooShort {
                min: self.min_chars,
                has: chars,
            });
        }
        if is_common(&form) {
            return Err(Refusal::Common);
        }
        if is_own(&form, own) {
            return Err(Refusal::OwnWords);
        }
        let strength = strength(&form, own);
        if strength.score >= Strength::ENOUGH {
            return Ok(strength);
        }
        // Without the own words it would have done: say so, not "too simple".
        let own_words = Strength::of(zxcvbn(&form, &PRODUCT).score()).score >= Strength::ENOUGH;
        Err(if own_words {
            Refusal::OwnWords
        } else {
            Refusal::Predictable
        })
    }
}

/// Why a password is refused; printed, it is a sentence that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has too few characters.
    #[error("Use at least {min} characters. This one has {has}.")]
    TooShort {
        /// The least number.
        min: usize,
        /// The number it has.
        has: usize,
    },
    /// It has more bytes than are ever accepted.
    #[error("This password is too long. Use at most 1,024 bytes.")]
    TooLong,
    /// It is one of those that are tried first everywhere.
    #[error(
        "This is one of the most common passwords. Use another, such as four words that have nothing to do with each other."
    )]
    Common,
    /// It follows a pattern.
    #[error(
        "This follows a pattern that is easy to guess. Use another, such as four words that have nothing to do with each other."
    )]
    Predictable,
    /// It is little more than names that everybody knows.
    #[error("This is mostly your name, your address or your organization's name. Leave them out.")]
    OwnWords,
}

/// How hard a password is to guess, as a hint while typing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// 0 (guessed at once) to 4 (very hard to guess); 3 is enough.
    pub score: u8,
    /// The score in words.
    pub words: &'static str,
}

impl Strength {
    /// The least score that is taken: some 10^8 guesses, each of which costs an Argon2 hash.
    pub const ENOUGH: u8 = 3;

    fn of(score: Score) -> Self {
        let (score, words) = match score {
            Score::Zero => (0, "Guessed at once"),
            Score::One => (1, "Very weak"),
            Score::Two => (2, "Weak"),
            Score::Three => (3, "Good"),
            _ => (4, "Strong"),
        };
        Self { score, words }
    }
}

/// How hard a password is to guess for somebody who knows these words.
pub fn strength(password: &str, own: &[&str]) -> Strength {
    let own = own_words(own);
    let words: Vec<&str> = PRODUCT.into_iter().chain(own.iter().map(String::as_str)).collect();
    Strength::of(zxcvbn(password, &words).score())
}

/// The texts, their words, and each text as one word: "Kestrel Robotics" is tried as "kestrelrobotics" too. The longest comes first.
fn own_words(own: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for text in own.iter().take(16) {
        let text: String = text.to_lowercase().chars().take(100).collect();
        let parts: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|part| part.chars().count() > 2)
            .collect();
        words.push(parts.concat());
        words.extend(parts.into_iter().map(str::to_owned));
        words.push(text);
    }
    words.retain(|word| !word.is_empty());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}

/// Whether little is left of a password once one's own names are taken out of it.
fn is_own(password: &str, own: &[&str]) -> bool {
    let plain: String = password
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    let mut left = plain.clone();
    for word in own_words(own).iter().map(String::as_str).chain(PRODUCT) {
        left = left.replace(word, " ");
    }
    left.len() < plain.len() && left.chars().filter(|c| c.is_alphanumeric()).count() < MIN_BESIDE_OWN
}

/// Names of this product, which are nobody's secret.
const PRODUCT: [&str; 3] = ["muster", "portal", "credits"];

/// Whether a password is a common one, perhaps written twice, with digits and signs at its ends, or with look-alike signs in it.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    let letters: String = lower.chars().filter_map(letter).collect();
    let bare = lower.trim_matches(|c: char| !c.is_alphabetic());
    let bare: String = bare.chars().filter_map(letter).collect();
    [plain, letters, bare].iter().any(|form| {
        let once = unrepeated(form);
        COMMON.contains(&once)
            || COMMON.contains(&form.as_str())
            || is_of_common_words(form)
            || once.chars().count() <= 3
    })
}

/// The letter that a sign stands for in a password; nothing for the signs between.
fn letter(c: char) -> Option<char> {
    match c {
        '0' => Some('o'),
        '1' | '!' | '|' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        c => c.is_alphanumeric().then_some(c),
    }
}

/// The part that a text is a repetition of, or the text itself.
fn unrepeated(text: &str) -> &str {
    (1..=text.len() / 2)
        .filter(|&n| text.len().is_multiple_of(n) && text.is_char_boundary(n))
        .map(|n| &text[..n])
        .find(|part| text.as_bytes().chunks(part.len()).all(|chunk| chunk == part.as_bytes()))
        .unwrap_or(text)
}

/// Whether the text is common words one after the other and nothing else, such as "welcomepassword".
fn is_of_common_words(text: &str) -> bool {
    if text.is_empty() || text.len() > 100 {
        return false;
    }
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for start in 0..text.len() {
        if reached[start] && text.is_char_boundary(start) {
            for word in COMMON.iter().filter(|word| text[start..].starts_with(**word)) {
                reached[start + word.len()] = true;
            }
        }
    }
    reached[text.len()]
}

/// What is tried first everywhere, in lower case and without signs: the words that lead the published lists, walks over the keyboard, and
/// the sentences that advice about passwords made famous. Longer lists are part of the estimate of strength.
#[rustfmt::skip] // as a paragraph, not as a column
const COMMON: &[&str] = &[
    "123456789", "1234567890", "12345678", "1234567", "123456", "12345", "1234", "123123", "123321",
    "0123456789", "987654321", "9876543210", "111111", "000000", "654321", "121212", "112233", "abc123",
    "abcdef", "abcd", "abcdefg", "abcdefgh", "abcdefghijklmno", "abcdefghijklmnopqrstuvwxyz", "qwerty",
    "qwertyuiop", "qwertyuiopasdfgh", "qwertyuiopasdfghjkl", "qwertyuiopasdfghjklzxcvbnm", "qwertz",
    "qwertzuiop", "azerty", "azertyuiop", "asdf", "asdfgh", "asdfghjkl", "zxcvbn", "zxcvbnm", "qazwsx",
    "qazwsxedc", "qazwsxedcrfvtgb", "1qaz2wsx", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "1q2w3e4r", "1q2w3e4r5t",
    "1q2w3e4r5t6y", "1q2w3e4r5t6y7u8i", "q1w2e3r4", "zaq12wsx", "password", "passwort", "passw0rd", "passwords",
    "passphrase", "motdepasse", "contrasena", "contraseña", "senha", "wachtwoord", "parola", "geheim", "secret",
    "topsecret", "letmein", "welcome", "willkommen", "bienvenue", "admin", "administrator", "administrador",
    "root", "toor", "login", "signin", "master", "changeme", "changeit", "default", "guest", "user", "username",
    "test", "testing", "temp", "temporary", "demo", "hello", "helloworld", "hallo", "iloveyou", "ilove", "love",
    "loveyou", "youandme", "monkey", "dragon", "football", "baseball", "basketball", "soccer", "hockey",
    "liverpool", "arsenal", "chelsea", "barcelona", "superman", "batman", "spiderman", "starwars", "pokemon",
    "naruto", "minecraft", "princess", "sunshine", "shadow", "michael", "jennifer", "jordan", "michelle",
    "charlie", "ashley", "jessica", "daniel", "thomas", "george", "computer", "internet", "google", "facebook",
    "samsung", "windows", "microsoft", "linux", "server", "oracle", "mustang", "ferrari", "porsche", "mercedes",
    "whatever", "trustno1", "trustnoone", "freedom", "killer", "hunter", "ninja", "cookie", "cheese", "banana",
    "orange", "summer", "winter", "spring", "autumn", "fall", "january", "february", "march", "april", "june",
    "july", "august", "september", "october", "november", "december", "monday", "tuesday", "wednesday",
    "thursday", "friday", "saturday", "sunday", "company", "office", "work", "business", "access", "security",
    "secure", "system", "mypassword", "mynewpassword", "newpassword", "oldpassword", "strongpassword",
    "mystrongpassword", "securepassword", "longpassword", "thisismypassword", "thisisapassword",
    "thisismynewpassword", "thisisasecurepassword", "nopassword", "passwordispassword", "password123",
    "passwordone", "correcthorsebatterystaple", "correcthorse", "batterystaple", "troubadour",
    "maythefourthbewithyou", "maytheforcebewithyou", "tobeornottobe", "tobeornottobethatisthequestion",
    "iamyourfather", "thequickbrownfox", "thequickbrownfoxjumpsoverthelazydog", "quickbrownfox", "loremipsum",
    "loremipsumdolorsitamet", "opensesame", "abracadabra", "supercalifragilisticexpialidocious",
    "onceuponatime", "happybirthday", "merrychristmas", "jesuschrist", "jesusloves", "godisgood", "godislove",
    "onetwothree", "onetwothreefour", "onetwothreefourfive", "fuckyou", "fuckoff", "asshole", "blink182",
];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use proptest::prelude::*;

    const OWN: [&str; 3] = ["Priya Raman", "priya.raman@kestrel.example", "Kestrel Robotics"];

    fn hasher() -> Hasher {
        Hasher::new(Cost::SMALL, 2).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_no_other() {
        let hasher = hasher();
        let kept = hasher.hash("four unrelated words here").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hasher.hash("four unrelated words here").await.unwrap(), "salted");
        assert_eq!(
            hasher.verify("four unrelated words here", Some(&kept)).await,
            Ok(Verdict::Right { needs_rehash: false })
        );
        for wrong in [
            "four unrelated words her",
            "Four unrelated words here",
            "four unrelated words here ",
            "",
            "\0",
        ] {
            assert_eq!(hasher.verify(wrong, Some(&kept)).await, Ok(Verdict::Wrong), "{wrong:?}");
        }
        for broken in [
            "",
            "x",
            "$argon2id$",
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$",
            "four unrelated words here",
        ] {
            assert_eq!(
                hasher.verify("four unrelated words here", Some(broken)).await,
                Ok(Verdict::Wrong),
                "{broken}"
            );
        }
        assert_eq!(hasher.verify("nobody has this account", None).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn the_same_keys_on_another_system_give_the_same_password() {
        let hasher = hasher();
        let kept = hasher.hash("Caf\u{e9} \u{fb01}n\u{212b} und mehr").await.unwrap();
        let other = "Cafe\u{301} finA\u{30a} und mehr";
        assert_eq!(
            hasher.verify(other, Some(&kept)).await,
            Ok(Verdict::Right { needs_rehash: false })
        );
        assert_eq!(
            hasher.verify("cafe\u{301} finA\u{30a} und mehr", Some(&kept)).await,
            Ok(Verdict::Wrong)
        );
    }

    #[tokio::test]
    async fn a_weaker_hash_is_to_be_renewed_and_a_stronger_one_is_not() {
        let (small, standard) = (hasher(), Hasher::new(Cost::STANDARD, 1).unwrap());
        let (weak, strong) = (
            small.hash("some long password").await.unwrap(),
            standard.hash("some long password").await.unwrap(),
        );
        assert!(strong.contains("m=65536,t=3,p=1"), "{strong}");
        assert_eq!(
            standard.verify("some long password", Some(&weak)).await,
            Ok(Verdict::Right { needs_rehash: true })
        );
        assert_eq!(
            small.verify("some long password", Some(&strong)).await,
            Ok(Verdict::Right { needs_rehash: false })
        );
        let old = "$argon2i$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(small.needs_rehash(old) && small.needs_rehash("nonsense"));
    }

    #[test]
    fn costs_below_the_least_are_refused() {
        assert_eq!(Cost::new(19_456, 2, 1), Some(Cost::SMALL));
        assert_eq!(Cost::new(65_536, 3, 1), Some(Cost::STANDARD));
        for (memory, passes, lanes) in [
            (19_455, 2, 1),
            (19_456, 1, 1),
            (19_456, 2, 0),
            (u32::MAX, 3, 1),
            (65_536, 1_000, 1),
        ] {
            assert_eq!(Cost::new(memory, passes, lanes), None);
        }
    }

    #[tokio::test]
    async fn a_password_that_is_too_long_costs_nothing() {
        let hasher = hasher();
        let long = "x".repeat(MAX_BYTES + 1);
        // 18 letters each in NFKC.
        let swelling = "\u{fdfa}".repeat(MAX_BYTES / 3);
        for password in [long.as_str(), swelling.as_str(), &"x".repeat(10_000_000)] {
            let began = Instant::now();
            assert_eq!(hasher.hash(password).await, Err(Failed::TooLong));
            assert_eq!(hasher.verify(password, None).await, Ok(Verdict::Wrong));
            assert!(began.elapsed() < Duration::from_millis(500));
            assert_eq!(Policy::ALONE.check(password, &[]), Err(Refusal::TooLong));
        }
        assert!(hasher.hash(&"x".repeat(MAX_BYTES)).await.is_ok());
    }

    #[tokio::test]
    async fn cve_c22_an_unknown_account_takes_as_long_as_a_known_one() {
        let hasher = hasher();
        let kept = hasher.hash("four unrelated words here").await.unwrap();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            for (kept, times) in [(Some(kept.as_str()), &mut known), (None, &mut unknown)] {
                let began = Instant::now();
                assert_eq!(hasher.verify("a wrong password", kept).await, Ok(Verdict::Wrong));
                times.push(began.elapsed());
            }
        }
        // The quickest of each is what the work takes; everything above it is the machine's other business.
        let (known, unknown) = (known.into_iter().min().unwrap(), unknown.into_iter().min().unwrap());
        // Coarse, for busy machines; the equal parameters below make it exact.
        assert!(known < unknown * 3 && unknown < known * 3, "{known:?} and {unknown:?}");
        assert!(unknown > Duration::from_millis(3), "{unknown:?} is no hash");
        let params = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(params(&hasher.inner.nobody), params(&kept), "the same work");
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_are_turned_away_and_the_others_are_served() {
        let hasher = Hasher::new(Cost::SMALL, 1).unwrap();
        let kept: Arc<str> = hasher.hash("four unrelated words here").await.unwrap().into();
        let mut tasks = Vec::new();
        for _ in 0..1 + QUEUE + 20 {
            let (hasher, kept) = (hasher.clone(), Arc::clone(&kept));
            tasks.push(tokio::spawn(async move {
                hasher.verify("four unrelated words here", Some(&kept)).await
            }));
        }
        let (mut right, mut busy) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                Ok(Verdict::Right { .. }) => right += 1,
                Err(Failed::Busy) => busy += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((right, busy), (1 + QUEUE, 20));
        assert_eq!(hasher.verify("x", Some(&kept)).await, Ok(Verdict::Wrong), "room again");
    }

    #[tokio::test]
    async fn requests_that_went_away_leave_no_more_work_running_than_there_are_cores() {
        let hasher = Hasher::new(Cost::SMALL, 1).unwrap();
        for _ in 0..10 {
            let gone = tokio::time::timeout(Duration::from_millis(2), hasher.verify("some wrong password", None)).await;
            assert!(gone.is_err() || gone == Ok(Ok(Verdict::Wrong)));
            assert!(hasher.inner.running.available_permits() <= 1);
        }
        assert_eq!(hasher.verify("some wrong password", None).await, Ok(Verdict::Wrong));
        assert_eq!(
            (
                hasher.inner.running.available_permits(),
                hasher.inner.admitted.available_permits()
            ),
            (1, 1 + QUEUE)
        );
    }

    #[test]
    fn short_passwords_are_refused_with_their_length() {
        let refused = Policy::ALONE.check("fjord lam", &[]).unwrap_err();
        assert_eq!(refused.to_string(), "Use at least 15 characters. This one has 9.");
        assert_eq!(
            Policy::WITH_SECOND_FACTOR.check("fjord lam", &[]),
            Err(Refusal::TooShort { min: 10, has: 9 })
        );
        assert!(Policy::WITH_SECOND_FACTOR.check("fjord lamp quilt", &[]).is_ok());
        assert!(Policy::WITH_SECOND_FACTOR.check("tR7#qv!Zp2", &[]).is_ok());
        assert!(Policy::ALONE.check("tR7#qv!Zp2", &[]).is_err());
        // One sign that NFKC makes eighteen of is one sign.
        assert_eq!(
            Policy::ALONE.check("\u{fdfa}", &[]),
            Err(Refusal::TooShort { min: 15, has: 1 })
        );
    }

    #[test]
    fn good_passwords_are_taken_whatever_they_are_made_of() {
        for good in [
            "fjord lamp quilt seventeen",
            "correct horse battery staples and a goat",
            "Der Nebel hängt über dem Moor",
            "kX9$mLq2vR7!pWz4",
            "春眠暁を覚えず処処に啼鳥を聞く",
            "my grandmother collects blue umbrellas",
            "the office plant in Oslo is called Gunnar",
        ] {
            let strength = Policy::ALONE.check(good, &OWN);
            assert!(
                strength.is_ok_and(|s| s.score >= Strength::ENOUGH),
                "{good}: {strength:?}"
            );
        }
    }

    #[test]
    fn common_and_predictable_passwords_are_refused() {
        for bad in [
            "password12345678",
            "PasswordPassword",
            "P@ssw0rdP@ssw0rd",
            "password password",
            "passwordpassword1!",
            "123456789012345",
            "1234567890123456",
            "qwertyuiopasdfgh",
            "QwertyuiopAsdfghjkl",
            "1qaz2wsx3edc4rfv",
            "aaaaaaaaaaaaaaa",
            "abababababababab",
            "abcabcabcabcabcabc",
            "letmeinletmeinletmein",
            "welcomewelcome2026",
            "WelcomePassword1!",
            "correcthorsebatterystaple",
            "Correct Horse Battery Staple",
            "thisismypassword",
            "iloveyouiloveyou",
            "administrator123",
            "Administrator2026!",
            "summer2026summer2026",
            "november2026!!!!",
            "111111111111111",
            "!!!!!!!!!!!!!!!",
            "               ",
            "changemechangeme",
            "mypassword123456",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
            "passwortpasswort",
            "ＰａｓｓｗｏｒｄＰａｓｓｗｏｒｄ",
            "01.01.1990 01.01.1990",
        ] {
            let refused = Policy::ALONE.check(bad, &[]);
            assert!(
                matches!(refused, Err(Refusal::Common | Refusal::Predictable)),
                "{bad}: {refused:?}"
            );
        }
    }

    #[test]
    fn ones_own_names_are_no_password() {
        for own in [
            "priyaraman2026!",
            "Priya Raman 1990",
            "KestrelRobotics1",
            "kestrel.robotics",
            "muster muster muster",
            "priya.raman@kestrel.example",
            "Robotics-Kestrel-26",
        ] {
            let refused = Policy::ALONE.check(own, &OWN);
            assert_eq!(refused, Err(Refusal::OwnWords), "{own}");
        }
        assert!(
            Policy::ALONE.check("KestrelRobotics!Umbrella", &[]).is_ok(),
            "they are words like others to somebody else"
        );
        assert!(
            Policy::ALONE.check("priya feeds eleven wild hedgehogs", &OWN).is_ok(),
            "a name among other words is fine"
        );
    }

    #[test]
    fn strength_is_a_hint_in_words() {
        assert_eq!(
            strength("", &[]),
            Strength {
                score: 0,
                words: "Guessed at once"
            }
        );
        assert_eq!(
            strength("my grandmother collects blue umbrellas", &[]),
            Strength {
                score: 4,
                words: "Strong"
            }
        );
        assert!(strength("kestrelrobotics", &OWN).score < strength("kestrelrobotics", &[]).score);
    }

    #[test]
    fn judging_a_password_takes_no_long_time() {
        let nasty = [
            "aA1!".repeat(256),
            "password".repeat(128),
            "@4@4".repeat(256),
            "ß".repeat(512),
            "1 ".repeat(512),
            "q".repeat(1024),
        ];
        for password in nasty {
            let began = Instant::now();
            let _ = Policy::ALONE.check(&password, &OWN);
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{:?} for {}",
                began.elapsed(),
                &password[..8]
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_text_makes_it_panic(password in any::<String>(), own in any::<String>()) {
            let _ = Policy::WITH_SECOND_FACTOR.check(&password, &[&own]);
            is_common(&password);
        }
    }
}
