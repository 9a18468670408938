//! An organization's place in addresses: `/o/{slug}/…`.

use crate::{
    error::{Error, Result},
    text,
};

/// The most characters of a slug.
pub const LENGTH: usize = 40;

/// Words that read as a part of Muster rather than as an organization.
const RESERVED: [&str; 42] = [
    "access",
    "account",
    "admin",
    "administrator",
    "all",
    "api",
    "archive",
    "assets",
    "audit",
    "auth",
    "authz",
    "billing",
    "e",
    "enterprise",
    "healthz",
    "help",
    "i",
    "invite",
    "invites",
    "login",
    "logout",
    "mail",
    "me",
    "metrics",
    "muster",
    "new",
    "o",
    "operator",
    "org",
    "organization",
    "organizations",
    "root",
    "scim",
    "security",
    "settings",
    "setup",
    "sign-in",
    "static",
    "support",
    "switch",
    "system",
    "www",
];

/// Reads a slug that somebody chose: lower case letters, digits and single hyphens between them.
pub fn parse(text: &str) -> Result<String> {
    let slug = text.trim().to_lowercase();
    let fits = |slug: &str| {
        !slug.is_empty()
            && slug.len() <= LENGTH
            && slug
                .split('-')
                .all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
    };
    if !fits(&slug) {
        return Err(Error::invalid(
            "slug",
            format!("Use 1 to {LENGTH} letters a to z, digits and single hyphens between them."),
        ));
    }
    if RESERVED.contains(&slug.as_str()) {
        return Err(Error::invalid(
            "slug",
            format!("“{slug}” is reserved for Muster itself. Add a word to it."),
        ));
    }
    Ok(slug)
}

/// Makes a slug from a name; a name without Latin letters or digits gives `organization-1`.
pub fn from_name(name: &str) -> String {
    let mut slug = String::new();
    for c in text::fold(name).chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ß' => slug.push_str("ss"),
            'æ' => slug.push_str("ae"),
            'ø' => slug.push('o'),
            'ł' => slug.push('l'),
            '\'' | '’' => {}
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    // Room for "-1234567", should the slug be taken.
    slug.truncate(LENGTH - 8);
    let slug = slug.trim_end_matches('-');
    match slug {
        "" => "organization-1".to_owned(),
        reserved if RESERVED.contains(&reserved) => format!("{reserved}-1"),
        free => free.to_owned(),
    }
}

/// The first of `slug`, `slug-2`, `slug-3` … that is not among `taken`.
pub fn first_free(slug: &str, taken: &[String]) -> String {
    let is_free = |candidate: &String| !taken.contains(candidate);
    // One of taken.len() + 1 candidates is free.
    let numbered = (2..taken.len() + 3).map(|n| format!("{slug}-{n}"));
    std::iter::once(slug.to_owned())
        .chain(numbered)
        .find(is_free)
        .unwrap_or_else(|| slug.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_name_its_slug_is_valid(name in "\\PC{0,100}") {
            let slug = from_name(&name);
            prop_assert_eq!(parse(&slug).unwrap(), slug.clone());
            let next = first_free(&slug, std::slice::from_ref(&slug));
            prop_assert_eq!(parse(&next).unwrap(), next.clone());
            prop_assert_ne!(next, slug);
        }
    }

    #[test]
    fn a_slug_reads_like_the_name() {
        for (name, slug) in [
            ("Kestrel Robotics", "kestrel-robotics"),
            ("  Élan & Söhne — Straße  ", "elan-sohne-strasse"),
            ("O’Neill's", "oneills"),
            ("Admin", "admin-1"),
            ("山田", "organization-1"),
            ("--A--", "a"),
        ] {
            assert_eq!(from_name(name), slug, "{name}");
        }
        assert_eq!(from_name(&"x".repeat(80)).len(), LENGTH - 8);
    }

    #[test]
    fn chosen_slugs_are_checked() {
        assert_eq!(parse(" Kestrel-2 ").unwrap(), "kestrel-2");
        for bad in [
            "",
            "-a",
            "a-",
            "a--b",
            "a b",
            "a/b",
            "a.b",
            "é",
            "new",
            "sign-in",
            &"x".repeat(41),
        ] {
            assert!(
                matches!(parse(bad), Err(Error::Invalid { field: "slug", .. })),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_taken_slug_gets_a_number() {
        let taken = ["acme", "acme-2", "acme-x"].map(str::to_owned);
        assert_eq!(first_free("acme", &taken), "acme-3");
        assert_eq!(first_free("kite", &taken), "kite");
    }
}
