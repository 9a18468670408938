//! An e-mail address, and when two of them are the same account.
//!
//! The decisions, so that nobody has to guess them from the code:
//!
//! * Letter case is ignored, in ASCII alone. Nothing else is folded: `ann+lists@` and `a.nn@` are other people than `ann@`.
//! * Before the `@` only ASCII is accepted. Every way of merging two accounts by a look-alike (dotless ı, the Kelvin sign, ß, full
//!   width, decomposed accents) needs a letter outside ASCII there, and most mail servers refuse such addresses anyway.
//! * The host is compared as DNS compares it: its ASCII form, in lower case, without a final dot. A host whose spelling turns into
//!   another one on the way there (full width letters, the Kelvin sign, invisible characters) is refused, not repaired.
use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
};

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use unicode_normalization::UnicodeNormalization;

/// Longest address that SMTP can carry, in bytes (RFC 5321).
const MAX_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// An e-mail address that mail can be sent to; two are equal when they are the same account.
#[derive(Clone, Debug)]
pub struct Address {
    display: String,
    key: String,
}

impl Address {
    /// Reads an address as a person typed it.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Refusal::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(Refusal::TooLong);
        }
        if text.chars().any(is_hidden) {
            return Err(Refusal::HiddenCharacter);
        }
        if text.starts_with('"') {
            return Err(Refusal::Quoted);
        }
        let (local, host) = text.split_once('@').ok_or(Refusal::NoAt)?;
        if host.contains('@') {
            return Err(Refusal::TwoAts);
        }
        check_local(local)?;
        let host = ascii_host(host)?;
        let key = format!("{}@{host}", local.to_ascii_lowercase());
        if key.len() > MAX_BYTES {
            return Err(Refusal::TooLong);
        }
        let display = format!("{local}@{}", shown_host(&host));
        Ok(Self { display, key })
    }

    /// The address as its owner spells it, for pages and for sending mail.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// What accounts and invitations are found by: all ASCII, lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The host in ASCII and lower case, to be compared with an organization's allowed domains.
    pub fn host(&self) -> &str {
        self.key.split_once('@').map_or("", |(_, host)| host)
    }

    /// The part before the `@`, as typed.
    pub fn local(&self) -> &str {
        self.display.split_once('@').map_or("", |(local, _)| local)
    }

    /// Whether the address probably belongs to several people, such as `info@` or `field-ops@`; a hint, never a refusal.
    pub fn looks_shared(&self) -> bool {
        let local = self.key.split_once('@').map_or("", |(local, _)| local);
        let first = local.split(['.', '-', '_', '+']).next().unwrap_or(local);
        let last = local.rsplit(['-', '_']).next().unwrap_or(local);
        // "ops.berlin", "field-ops" and "ops-2" are shared; "ann.ops" is more likely Ann of Operations.
        local == "no-reply"
            || [first, last].iter().any(|part| {
                let word = part.trim_end_matches(|c: char| c.is_ascii_digit());
                SHARED.contains(&word)
            })
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

/// Why a text is no address that Muster accepts; printed, it is a sentence for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nothing was typed.
    #[error("Type an e-mail address.")]
    Empty,
    /// It has no `@`.
    #[error("An address needs an @, as in name@example.com.")]
    NoAt,
    /// It has more than one `@`.
    #[error("This has more than one @. Check the address.")]
    TwoAts,
    /// Nothing stands before the `@`.
    #[error("The name before the @ is missing.")]
    NoLocal,
    /// Nothing stands after the `@`.
    #[error("The domain after the @ is missing.")]
    NoHost,
    /// The host has no ending such as `.com`.
    #[error("The domain is not complete. Add its ending, such as .com.")]
    NoTopLevel,
    /// The part before the `@` is in quotation marks.
    #[error("Names in quotation marks are not accepted before the @. Use an address without them.")]
    Quoted,
    /// The part before the `@` has a letter that is not ASCII.
    #[error("Letters with accents or from other alphabets are not accepted before the @. Check the spelling.")]
    LocalNotAscii,
    /// The part before the `@` has a character or a dot in the wrong place.
    #[error("The name before the @ has a character that is not allowed. Check the spelling.")]
    BadLocal,
    /// The host is not a domain name.
    #[error("The domain after the @ is not valid. Check the spelling.")]
    BadHost,
    /// The host is written with characters that look like others.
    #[error("The domain is written with look-alike characters. Type it again with plain letters.")]
    LookAlike,
    /// A control character or an invisible one is in it.
    #[error("This address has a hidden character in it. Type it again.")]
    HiddenCharacter,
    /// It is longer than mail allows.
    #[error("This address is too long. At most 254 characters, 64 of them before the @.")]
    TooLong,
}

/// Whether a character is a control or steers the direction or joining of text without being seen.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
}

/// Whether a byte may stand in an unquoted local part (RFC 5322 `atext`).
pub(crate) fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn check_local(local: &str) -> Result<(), Refusal> {
    if local.is_empty() {
        return Err(Refusal::NoLocal);
    }
    if !local.is_ascii() {
        return Err(Refusal::LocalNotAscii);
    }
    if local.len() > MAX_LOCAL_BYTES {
        return Err(Refusal::TooLong);
    }
    if local
        .split('.')
        .any(|atom| atom.is_empty() || !atom.chars().all(is_atext))
    {
        return Err(Refusal::BadLocal);
    }
    Ok(())
}

/// The host as DNS knows it, or why it isn't one.
fn ascii_host(host: &str) -> Result<String, Refusal> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        return Err(Refusal::NoHost);
    }
    let typed = unfolded(host)?;
    let ascii = if typed.is_ascii() && !typed.contains("xn--") {
        Cow::Borrowed(typed.as_str())
    } else {
        Uts46::new()
            .to_ascii(typed.as_bytes(), AsciiDenyList::URL, Hyphens::Check, DnsLength::Ignore)
            .map_err(|_| Refusal::BadHost)?
    };
    check_labels(&ascii)?;
    if !typed.is_ascii() {
        let (back, valid) = Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::URL, Hyphens::Check);
        if valid.is_err() || back != typed {
            return Err(Refusal::LookAlike);
        }
    }
    Ok(ascii.into_owned())
}

/// The host in lower case and composed, provided that no character turns into a plain letter or a dot on the way.
fn unfolded(host: &str) -> Result<String, Refusal> {
    if host.is_ascii() {
        return Ok(host.to_ascii_lowercase());
    }
    for c in host.chars().filter(|c| !c.is_ascii()) {
        let folds = std::iter::once(c)
            .nfkc()
            .flat_map(char::to_lowercase)
            .any(|c| c.is_ascii());
        if folds || matches!(c, '\u{3002}' | '\u{ff61}') {
            return Err(Refusal::LookAlike);
        }
    }
    Ok(host.nfc().flat_map(char::to_lowercase).collect())
}

fn check_labels(host: &str) -> Result<(), Refusal> {
    if host.len() > MAX_HOST_BYTES {
        return Err(Refusal::TooLong);
    }
    for label in host.split('.') {
        let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if label.is_empty()
            || label.len() > MAX_LABEL_BYTES
            || !inside
            || label.starts_with('-')
            || label.ends_with('-')
        {
            return Err(Refusal::BadHost);
        }
    }
    let (_, top) = host.rsplit_once('.').ok_or(Refusal::NoTopLevel)?;
    let letters = top.len() >= 2 && top.bytes().all(|b| b.is_ascii_alphabetic());
    if letters || top.starts_with("xn--") {
        Ok(())
    } else {
        Err(Refusal::NoTopLevel)
    }
}

/// The host as pages show it: accents of Latin are shown, any other script stays in its ASCII form so that it can't pose as Latin.
fn shown_host(ascii: &str) -> String {
    if !ascii.contains("xn--") {
        return ascii.to_owned();
    }
    let show = |label: &[char], _: &[char], _: bool| {
        label.iter().all(|c| match c {
            'ı' | 'ĸ' | 'ŀ' | 'ŉ' | 'ſ' => false,
            c => c.is_ascii() || ('\u{df}'..='\u{17f}').contains(c),
        })
    };
    let (shown, _) = Uts46::new().to_user_interface(ascii.as_bytes(), AsciiDenyList::URL, Hyphens::Check, show);
    shown.into_owned()
}

/// Words that name a task, not a person, in lower case.
#[rustfmt::skip] // as a paragraph, not as a column
const SHARED: &[&str] = &[
    "abuse", "accounting", "accounts", "admin", "administrator", "all", "ap", "ar", "bestellung", "billing",
    "board", "booking", "bookings", "buchhaltung", "bot", "build", "careers", "ci", "compliance", "contact",
    "contacto", "crew", "customerservice", "data", "dev", "devops", "devs", "dispatch", "donotreply", "dpo",
    "einkauf", "empfang", "engineering", "enquiries", "events", "everyone", "facilities", "feedback", "finance",
    "frontdesk", "group", "hello", "help", "helpdesk", "hi", "hostmaster", "hr", "info", "inquiries", "invoice",
    "invoices", "it", "jobs", "kontakt", "legal", "list", "logistics", "mail", "mailer", "marketing", "media",
    "news", "newsletter", "noc", "noreply", "notifications", "office", "ops", "operations", "orders", "owner",
    "payroll", "personal", "postmaster", "press", "presse", "privacy", "procurement", "purchasing", "qa",
    "reception", "recruiting", "root", "sales", "security", "service", "services", "shop", "staff", "studio",
    "support", "sysadmin", "team", "teams", "tech", "vertrieb", "webmaster", "welcome",
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Result<String, Refusal> {
        Address::parse(text).map(|a| a.key().to_owned())
    }

    #[test]
    fn an_address_keeps_its_spelling_and_is_found_by_its_key() {
        let ann = Address::parse("  Ann.Lee+Lists@Kestrel.EXAMPLE. ").unwrap();
        assert_eq!(ann.display(), "Ann.Lee+Lists@kestrel.example");
        assert_eq!(ann.key(), "ann.lee+lists@kestrel.example");
        assert_eq!((ann.local(), ann.host()), ("Ann.Lee+Lists", "kestrel.example"));
        assert_eq!(ann, Address::parse("ANN.LEE+LISTS@kestrel.example").unwrap());
    }

    #[test]
    fn hosts_in_other_scripts_are_found_by_their_ascii_form() {
        let u = Address::parse("jan@MÜLLER.example").unwrap();
        assert_eq!(
            (u.display(), u.key()),
            ("jan@müller.example", "jan@xn--mller-kva.example")
        );
        assert_eq!(u, Address::parse("jan@xn--mller-kva.example").unwrap());
        assert_eq!(u, Address::parse("jan@mu\u{308}ller.example").unwrap());
        // Cyrillic а and е pose as Latin: shown as what they are.
        let posing = Address::parse("jan@kеstrеl.example").unwrap();
        assert!(posing.display().starts_with("jan@xn--"), "{posing}");
        assert_eq!(
            Address::parse("jan@例え.テスト").unwrap().key(),
            "jan@xn--r8jz45g.xn--zckzah"
        );
    }

    #[test]
    fn each_refusal_says_what_is_wrong() {
        for (text, want) in [
            ("", Refusal::Empty),
            (" \u{a0} ", Refusal::Empty),
            ("noor", Refusal::NoAt),
            ("noor@kestrel", Refusal::NoTopLevel),
            ("noor@10.0.0.1", Refusal::NoTopLevel),
            ("noor@kestrel.e", Refusal::NoTopLevel),
            ("noor@", Refusal::NoHost),
            ("noor@.", Refusal::NoHost),
            ("@kestrel.example", Refusal::NoLocal),
            ("a@b@kestrel.example", Refusal::TwoAts),
            ("\"a b\"@kestrel.example", Refusal::Quoted),
            (".noor@kestrel.example", Refusal::BadLocal),
            ("no..or@kestrel.example", Refusal::BadLocal),
            ("no or@kestrel.example", Refusal::BadLocal),
            ("noor,x@kestrel.example", Refusal::BadLocal),
            ("nöor@kestrel.example", Refusal::LocalNotAscii),
            ("noor@-kestrel.example", Refusal::BadHost),
            ("noor@kes_trel.example", Refusal::BadHost),
            ("noor@kestrel..example", Refusal::BadHost),
            ("noor@kestrel.example..", Refusal::BadHost),
            ("noor@[10.0.0.1]", Refusal::BadHost),
            ("noor@xn--a.example", Refusal::BadHost),
            ("noor\r\nBcc: x@kestrel.example", Refusal::HiddenCharacter),
            ("noor\0@kestrel.example", Refusal::HiddenCharacter),
            ("no\u{202e}or@kestrel.example", Refusal::HiddenCharacter),
            ("noor@kes\u{200b}trel.example", Refusal::HiddenCharacter),
        ] {
            assert_eq!(Address::parse(text).map(|a| a.key), Err(want), "{text:?}");
        }
        let long_local = format!("{}@kestrel.example", "a".repeat(65));
        assert_eq!(key(&long_local), Err(Refusal::TooLong));
        let long = format!("ann@{}example", "abcdefgh.".repeat(30));
        assert_eq!(key(&long), Err(Refusal::TooLong));
        // Within the limit as typed, over it in ASCII.
        let wide = format!("ann@{}.example", ["\u{10fa}\u{4e00}"; 34].join("."));
        assert!(wide.len() <= MAX_BYTES);
        assert_eq!(key(&wide), Err(Refusal::TooLong));
    }

    /// The victim's address and forty spellings that look like it or fold to it: none may reach the victim's account.
    #[test]
    fn cve_c17_email_confusables() {
        let victims = [
            "mike@kestrel.example",
            "strasse@kestrel.example",
            "rene@kestrel.example",
            "rené@kestrel.example",
            "ann@straße.example",
        ];
        let victims: Vec<Address> = victims.iter().filter_map(|v| Address::parse(v).ok()).collect();
        assert_eq!(victims.len(), 4, "a name with an accent is refused, the others stand");
        let attackers = [
            // before the @
            "mıke@kestrel.example",
            "mİke@kestrel.example",
            "mike\u{307}@kestrel.example",
            "mi\u{307}ke@kestrel.example",
            "mi\u{212a}e@kestrel.example",
            "MI\u{212a}E@KESTREL.EXAMPLE",
            "ｍｉｋｅ@kestrel.example",
            "ＭＩＫＥ@kestrel.example",
            "mіke@kestrel.example",
            "mikе@kestrel.example",
            "ⅿike@kestrel.example",
            "miκe@kestrel.example",
            "mike\u{200b}@kestrel.example",
            "mi\u{ad}ke@kestrel.example",
            "mike\u{202e}@kestrel.example",
            "\u{feff}mike\u{feff}x@kestrel.example",
            "𝐦𝐢𝐤𝐞@kestrel.example",
            "straße@kestrel.example",
            "STRAẞE@kestrel.example",
            "ſtrasse@kestrel.example",
            "ﬆrasse@kestrel.example",
            "rene\u{301}@kestrel.example",
            "René@kestrel.example",
            "ren\u{ff45}@kestrel.example",
            "renе@kestrel.example",
            "mike+tag@kestrel.example",
            "m.ike@kestrel.example",
            "mike.@kestrel.example",
            "\"mike\"@kestrel.example",
            "mike @kestrel.example",
            // after it
            "mike@\u{212a}estrel.example",
            "mike@kestreℓ.example",
            "mike@ｋｅｓｔｒｅｌ.example",
            "mike@kestrel。example",
            "mike@kestrel．example",
            "mike@kestrel․example",
            "mike@kеstrel.example",
            "mike@kestrel\u{ad}.example",
            "mike@kestrel.example\u{3002}",
            "mike@kestrel.exampⅼe",
            "ann@strasse.example",
            "ann@stra\u{17f}\u{17f}e.example",
            "ann@strαße.example",
            "ann@xn--strae-0qa.example",
            "mike＠kestrel.example",
            "mike@kestrel.example@evil.example",
            "mike@kestrel.example.evil.example",
            "mike@kestrel.example\0.evil.example",
        ];
        assert!(attackers.len() >= 40);
        let mut accounts = victims.clone();
        for attacker in attackers {
            if let Ok(other) = Address::parse(attacker) {
                assert!(
                    !accounts.contains(&other),
                    "{attacker} reaches the account of another spelling"
                );
                accounts.push(other);
            }
        }
        // What a database that folds by itself would make of the keys can't merge them either: they are plain ASCII.
        assert!(accounts.iter().all(|a| a.key().is_ascii()));
        // And what truly is the same mailbox stays one account.
        for same in [
            "MIKE@kestrel.example",
            "mike@KESTREL.EXAMPLE",
            "mike@kestrel.example.",
            " mike@kestrel.example\t",
        ] {
            assert_eq!(Address::parse(same).as_ref(), Ok(&victims[0]), "{same}");
        }
    }

    #[test]
    fn shared_mailboxes_are_noticed() {
        for shared in [
            "info",
            "Billing",
            "field-ops",
            "no-reply",
            "noreply",
            "sales.berlin",
            "support2",
            "team_red",
            "ops",
        ] {
            let hint = Address::parse(&format!("{shared}@kestrel.example"))
                .unwrap()
                .looks_shared();
            assert!(hint, "{shared}");
        }
        for person in ["ann", "ann.ops", "hrothgar", "mika.it", "priya.raman", "salesforce.fan"] {
            assert!(
                !Address::parse(&format!("{person}@kestrel.example"))
                    .unwrap()
                    .looks_shared(),
                "{person}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_keys_are_stable(text in "\\PC{0,40}@?\\PC{0,40}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(address.key().is_ascii() && address.key().len() <= MAX_BYTES);
                let again = Address::parse(address.display()).expect("what is shown can be typed");
                prop_assert_eq!(again.key(), address.key());
                let by_key = Address::parse(address.key()).expect("a key is an address");
                prop_assert_eq!(by_key.key(), address.key());
            }
        }

        #[test]
        fn international_hosts_stay_the_same_when_shown(label in "[a-zß-ſа-я]{1,12}") {
            if let Ok(address) = Address::parse(&format!("ann@{label}.example")) {
                let again = Address::parse(address.display()).expect("what is shown can be typed");
                prop_assert_eq!(again, address);
            }
        }
    }
}
