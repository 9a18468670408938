//! Text as people type it: what a name may hold, and the folded form by which names are sorted, found and compared.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::error::{Error, Result};

/// The most characters of a person's, organization's or group's name.
pub const NAME_LENGTH: usize = 80;

/// The form in which names are compared, searched and sorted: lower case, without accents, with single spaces.
///
/// Folding twice gives the same as folding once. Letters are lowered one by one, because the lower case of a whole
/// word depends on its last letter (Σ), and a search for the beginning of the word would miss it.
pub fn fold(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining_mark(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A folded text as a LIKE pattern for "contains", with the wildcards in it escaped by a backslash.
pub fn contains(folded: &str) -> String {
    let mut pattern = String::with_capacity(folded.len() + 2);
    pattern.push('%');
    for c in folded.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// One line of text in its composed form, trimmed, with single spaces; `what` begins the sentence that refuses it ("A name").
pub fn line(field: &'static str, what: &str, text: &str, most: usize) -> Result<String> {
    let text: String = text.nfc().collect();
    // Bidirectional controls could make a name read as another one.
    if text.chars().any(|c| (c.is_control() && c != '\t') || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')) {
        return Err(Error::invalid(field, format!("{what} is one line without control characters. Type it instead of pasting it.")));
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    if length == 0 || fold(&text).is_empty() {
        return Err(Error::invalid(
            field,
            format!("{what} needs at least one letter or digit."),
        ));
    }
    if length > most {
        return Err(Error::invalid(
            field,
            format!("{what} has at most {most} characters. This one has {length}."),
        ));
    }
    Ok(text)
}

/// A name of a person, organization or group: one line of 1 to 80 characters.
pub fn name(field: &'static str, text: &str) -> Result<String> {
    line(field, "A name", text, NAME_LENGTH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn an_accepted_name_is_accepted_unchanged(text in "\\PC{0,100}") {
            if let Ok(name) = name("name", &text) {
                prop_assert_eq!(super::name("name", &name).unwrap(), name);
            }
        }
    }

    #[test]
    fn keys_ignore_case_accents_and_spaces() {
        for (text, key) in [
            ("  Élodie   O\u{301}LAFSSON ", "elodie olafsson"),
            ("İstanbul ℡", "istanbul tel"),
            ("Ａｃｍｅ ﬁ", "acme fi"),
            ("Straße", "straße"),
            ("ΟΔΟΣ", "οδοσ"),
            ("\u{1f}x\0", "x"),
            ("山田\u{3000}太郎", "山田 太郎"),
            ("", ""),
        ] {
            assert_eq!(fold(text), key, "{text}");
        }
        assert_eq!(contains("50% a_b\\c"), "%50\\% a\\_b\\\\c%");
    }

    #[test]
    fn names_are_one_line_of_text() {
        assert_eq!(name("name", "  Ann\tE\u{301}.   Lee ").unwrap(), "Ann É. Lee");
        assert_eq!(name("name", &"x".repeat(80)).unwrap().len(), 80);
        for bad in [
            "",
            "   ",
            "\u{301}",
            "a\nb",
            "a\0b",
            "a\u{202e}b",
            "a\u{85}b",
            &"x".repeat(81),
        ] {
            assert!(
                matches!(name("name", bad), Err(Error::Invalid { field: "name", .. })),
                "{bad:?}"
            );
        }
    }
}
