//! Finding e-mail addresses in whatever somebody pastes.
//!
//! Recipient lists of mail programs, CSV, chat logs, HTML and JSON all end up here, so the text around an address is cut away: quotation
//! marks, brackets, bullets, `mailto:`, query strings, trailing punctuation. What has an `@` and is still no address is reported, not
//! dropped: "noor@kestrel" is most likely a colleague. The text is looked at around each `@` alone and no further than an
//! address can be long, so the time grows with the length of the text whatever is in it.
use std::collections::HashSet;

use unicode_normalization::char::is_combining_mark;

pub use crate::mail::address::{Address, Refusal};
use crate::mail::address::{is_atext, is_hidden};

/// How far around an `@` is looked, in bytes: more than any valid address, so that a longer one is seen to be too long.
const REACH: usize = 320;

/// Something with an `@` in a pasted text, in the order of the text.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// As it stands in the text, without what surrounds it.
    pub text: &'a str,
    /// What can be done with it.
    pub outcome: Outcome,
}

/// What became of something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An address, seen for the first time.
    Valid(Address),
    /// No address, and why; the same text is reported once.
    Malformed(Refusal),
    /// An address that stood in the text before.
    DuplicateInPaste,
}

/// Finds every address in a text.
pub fn extract(text: &str) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut refused = HashSet::new();
    let mut done = 0;
    for (at, _) in text.match_indices('@') {
        if at < done {
            continue;
        }
        let Some((start, end, candidate)) = candidate(text, done, at) else {
            continue;
        };
        done = end;
        let text = &text[start..end];
        match candidate {
            Ok(address) if seen.insert(address.key().to_owned()) => found.push(Found {
                text,
                outcome: Outcome::Valid(address),
            }),
            Ok(_) => found.push(Found {
                text,
                outcome: Outcome::DuplicateInPaste,
            }),
            Err(reason) if refused.insert(text) => found.push(Found {
                text,
                outcome: Outcome::Malformed(reason),
            }),
            Err(_) => {}
        }
    }
    found
}

/// What stands around the `@` at `at`, not before `floor`; `None` for an `@` that nobody meant as an address.
fn candidate(text: &str, floor: usize, at: usize) -> Option<(usize, usize, Result<Address, Refusal>)> {
    let mut start = local_start(text, floor, at);
    let mut end = host_end(text, at + 1);
    let (local, host) = (&text[start..at], &text[at + 1..end]);
    if local.is_empty() {
        if text[..at].ends_with('"') && !host.is_empty() {
            return Some((quoted_start(text, floor, at), end, Err(Refusal::Quoted)));
        }
        // "@noor" is a mention; "@kestrel.example" lost its name.
        return host.contains('.').then_some((at, end, Err(Refusal::NoLocal)));
    }
    let rest = &text[end..];
    if rest.starts_with('@') && !host.is_empty() {
        end += run(rest, |c| c == '@' || is_host(c) || is_atext(c));
        return Some((start, end, Err(Refusal::TwoAts)));
    }
    if let Some(after) = rest.strip_prefix('_') {
        if after.starts_with(is_host) {
            end += run(rest, |c| c == '_' || is_host(c));
            return Some((start, end, Err(Refusal::BadHost)));
        }
        // Emphasis of Markdown: _ann@kestrel.example_
        start += usize::from(local.len() > 1 && local.starts_with('_'));
    }
    Some((start, end, Address::parse(&text[start..end])))
}

/// Where the part before the `@` begins.
fn local_start(text: &str, floor: usize, at: usize) -> usize {
    let low = text.ceil_char_boundary(floor.max(at.saturating_sub(REACH)));
    let before = &text[low..at];
    let length: usize = before
        .chars()
        .rev()
        .take_while(|&c| is_local(c))
        .map(char::len_utf8)
        .sum();
    let mut start = at - length;
    start += escape_length(&text[low..start], &text[start..at]);
    start += encoded_separator_end(&text[start..at]);
    if text[start..at].starts_with('/') {
        start += text[start..at].rfind('/').map_or(0, |slash| slash + 1);
    }
    // A bullet, an apostrophe, a dot: nothing that begins an address in practice.
    start += run(&text[start..at], |c| !c.is_alphanumeric() && c != '_');
    // Scripts without spaces: the address begins where they end.
    let ascii = text[start..at]
        .char_indices()
        .rev()
        .find(|&(_, c)| is_unspaced(c))
        .map_or(0, |(i, c)| i + c.len_utf8());
    if ascii > 0 && start + ascii < at {
        start += ascii + run(&text[start + ascii..at], |c| !c.is_alphanumeric() && c != '_');
    }
    start
}

/// Where the part after the `@` ends.
fn host_end(text: &str, from: usize) -> usize {
    let high = text.floor_char_boundary(text.len().min(from + REACH));
    let host = &text[from..high];
    let host = host[..run(host, is_host)].trim_end_matches(['.', '-']);
    // Endings of domains are of one script: what follows "example" in "example으로" is the sentence going on.
    let top = host.rfind('.').map_or(0, |dot| dot + 1);
    let tail = &host[top..];
    let cut = if tail.starts_with(|c: char| c.is_ascii()) {
        tail.find(is_unspaced)
    } else {
        None
    };
    from + cut.map_or(host.len(), |cut| top + cut)
}

/// Where a quoted name before the `@` begins.
fn quoted_start(text: &str, floor: usize, at: usize) -> usize {
    let low = text.ceil_char_boundary(floor.max(at.saturating_sub(REACH)));
    let inside = text[low..at].strip_suffix('"').unwrap_or("");
    inside.rfind('"').map_or(at - 1, |open| low + open)
}

/// The length of `n`, `r`, `t` or `u003c` at the start of a run that belongs to an escape such as `\n` in JSON.
fn escape_length(before: &str, run: &str) -> usize {
    if !before.ends_with('\\') {
        return 0;
    }
    match run.as_bytes() {
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|b| b.is_ascii_hexdigit()) => 5,
        [b'n' | b'r' | b't', ..] => 1,
        _ => 0,
    }
}

/// The end of the last percent-encoded separator in a run, such as `%3C` or `%20` in a link.
fn encoded_separator_end(run: &str) -> usize {
    const SEPARATORS: [&str; 13] = [
        "09", "0A", "0D", "20", "22", "26", "28", "2C", "3A", "3B", "3C", "3D", "5B",
    ];
    run.rmatch_indices('%')
        .find(|(i, _)| {
            run.get(i + 1..i + 3)
                .is_some_and(|hex| SEPARATORS.iter().any(|s| s.eq_ignore_ascii_case(hex)))
        })
        .map_or(0, |(i, _)| i + 3)
}

/// The length in bytes of the characters at the start that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// Whether a character may belong to the part before the `@`: letters of any script too, so that "jörg@" is not read as "rg@".
/// Left out are the signs that part addresses from text in tables, links and Markdown far more often than they stand in one.
fn is_local(c: char) -> bool {
    if c.is_ascii() {
        c == '.' || (is_atext(c) && !"=|?*`{}".contains(c))
    } else {
        is_letter(c)
    }
}

/// Whether a character may belong to the part after the `@`.
fn is_host(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || c == '-' || c == '.'
    } else {
        is_letter(c)
    }
}

fn is_letter(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_hidden(c)
}

/// Whether a letter belongs to a script that puts no spaces between words or hangs endings on foreign ones.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, time::Instant};

    use super::*;
    use proptest::prelude::*;

    fn valid(text: &str) -> Vec<String> {
        extract(text)
            .into_iter()
            .filter_map(|f| match f.outcome {
                Outcome::Valid(a) => Some(a.display().to_owned()),
                _ => None,
            })
            .collect()
    }

    fn malformed(text: &str) -> Vec<(&str, Refusal)> {
        extract(text)
            .into_iter()
            .filter_map(|f| match f.outcome {
                Outcome::Malformed(why) => Some((f.text, why)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_pasted_mail_gives_its_addresses_in_order() {
        let text = "From: Katrin Vogel <katrin.vogel@kestrel.example>\n\
            To: Luca Bianchi <luca.bianchi@kestrel.example>; \"Thandi M.\" <thandi.m@kestrel.example>\n\
            Cc: field-ops@kestrel.example, priya.raman@kestrel.example\n\
            New starters on Monday: emil.aas@kestrel.example and j.park@orbital.example, also noor@kestrel (no tld yet), \
            ines.alvarez@kestrel.example. Again: Priya.Raman@Kestrel.example!";
        let found = extract(text);
        let shown: Vec<_> = found
            .iter()
            .map(|f| match &f.outcome {
                Outcome::Valid(a) => format!("{a}"),
                Outcome::Malformed(_) => format!("malformed {}", f.text),
                Outcome::DuplicateInPaste => format!("duplicate {}", f.text),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "katrin.vogel@kestrel.example",
                "luca.bianchi@kestrel.example",
                "thandi.m@kestrel.example",
                "field-ops@kestrel.example",
                "priya.raman@kestrel.example",
                "emil.aas@kestrel.example",
                "j.park@orbital.example",
                "malformed noor@kestrel",
                "ines.alvarez@kestrel.example",
                "duplicate Priya.Raman@Kestrel.example",
            ]
        );
        assert_eq!(malformed(text), [("noor@kestrel", Refusal::NoTopLevel)]);
    }

    #[test]
    fn what_stands_around_an_address_is_cut_away() {
        for (text, want) in [
            ("ann@x.example", "ann@x.example"),
            ("<ann@x.example>", "ann@x.example"),
            ("'Ann Lee' <ann@x.example>;", "ann@x.example"),
            ("'ann@x.example'", "ann@x.example"),
            ("(ann@x.example).", "ann@x.example"),
            ("ann@x.example...", "ann@x.example"),
            ("ann@x.example- see below", "ann@x.example"),
            ("-ann@x.example", "ann@x.example"),
            ("• ann@x.example", "ann@x.example"),
            ("*ann@x.example*", "ann@x.example"),
            ("_ann@x.example_", "ann@x.example"),
            ("_ann@x.example", "_ann@x.example"),
            ("`ann@x.example`", "ann@x.example"),
            ("|ann@x.example|Developer|", "ann@x.example"),
            ("\"Lee, Ann\",ann@x.example,Developer", "ann@x.example"),
            ("\"ann@x.example\"", "ann@x.example"),
            ("=\"ann@x.example\"", "ann@x.example"),
            ("Ann\tann@x.example\tDeveloper", "ann@x.example"),
            ("mailto:ann@x.example?subject=Hi", "ann@x.example"),
            ("<a href=\"mailto:ann@x.example\">Ann</a>", "ann@x.example"),
            ("<td>ann@x.example</td>", "ann@x.example"),
            ("&lt;ann@x.example&gt;", "ann@x.example"),
            ("&nbsp;ann@x.example&nbsp;", "ann@x.example"),
            ("https://x.example/invite?email=ann@x.example&role=2", "ann@x.example"),
            ("https://x.example/people/ann@x.example", "ann@x.example"),
            ("mailto:%22Ann%20Lee%22%20%3Cann@x.example%3E", "ann@x.example"),
            ("{\"to\":\"Hi\\nann@x.example\\n\"}", "ann@x.example"),
            ("\\u003cann@x.example\\u003e", "ann@x.example"),
            ("ann@x.example\u{200b}", "ann@x.example"),
            ("\u{feff}ann@x.example", "ann@x.example"),
            ("Ann\u{a0}<ann@x.example>\u{a0}", "ann@x.example"),
            ("联系：ann@x.example。", "ann@x.example"),
            ("邮箱ann@x.example谢谢", "ann@x.example"),
            ("ann@x.example에게", "ann@x.example"),
            ("o'neil@x.example", "o'neil@x.example"),
            ("r&d@x.example", "r&d@x.example"),
            ("ann+lists@x.example", "ann+lists@x.example"),
            ("ann_x.example#EXT#@y.example", "ann_x.example#EXT#@y.example"),
            ("jan@müller.example,", "jan@müller.example"),
            ("ann@x.example:", "ann@x.example"),
            ("ann@x.example/", "ann@x.example"),
        ] {
            assert_eq!(valid(text), [want], "{text}");
        }
    }

    #[test]
    fn neighbours_do_not_run_into_each_other() {
        for text in [
            "a@x.example,b@x.example",
            "a@x.example;b@x.example",
            "a@x.example|b@x.example",
            "a@x.example/b@x.example",
            "a@x.example b@x.example",
            "a@x.example\r\nb@x.example",
            "a@x.example\rb@x.example",
            "a@x.example&b@x.example",
            "a@x.example'b@x.example",
            "a@x.example<mailto:a@x.example>b@x.example",
            "mailto:a@x.example?cc=b@x.example",
            "<mailto:a@x.example|a@x.example>b@x.example",
            "a@x.example+b@x.example",
            "a@x.example、b@x.example",
            "a@x.example\u{2028}b@x.example",
            "a@x.example\0b@x.example",
        ] {
            assert_eq!(valid(text), ["a@x.example", "b@x.example"], "{text:?}");
        }
    }

    #[test]
    fn what_is_nearly_an_address_is_reported_once_with_its_reason() {
        for (text, want) in [
            (
                "noor@kestrel, noor@kestrel.",
                vec![("noor@kestrel", Refusal::NoTopLevel)],
            ),
            ("jörg@x.example", vec![("jörg@x.example", Refusal::LocalNotAscii)]),
            ("ann@ x.example", vec![("ann@", Refusal::NoHost)]),
            ("write to @x.example", vec![("@x.example", Refusal::NoLocal)]),
            ("ann@bob@x.example", vec![("ann@bob@x.example", Refusal::TwoAts)]),
            ("\"ann b\"@x.example", vec![("\"ann b\"@x.example", Refusal::Quoted)]),
            ("a..b@x.example", vec![("a..b@x.example", Refusal::BadLocal)]),
            ("ann@x_y.example", vec![("ann@x_y.example", Refusal::BadHost)]),
            ("ann@-x.example", vec![("ann@-x.example", Refusal::BadHost)]),
            ("ann@ｘ.example", vec![("ann@ｘ.example", Refusal::LookAlike)]),
            ("@noor said: 3 @ $5, \"@\"", vec![]),
        ] {
            assert_eq!(malformed(text), want, "{text}");
            assert_eq!(valid(text), [""; 0], "{text}");
        }
        let long = format!("{}@x.example", "a".repeat(5_000));
        assert!(matches!(malformed(&long)[..], [(text, Refusal::TooLong)] if text.len() < 400));
    }

    /// Time this thread was really running, in milliseconds; the clock on the wall where the system does not say.
    fn busy_ms(work: impl FnOnce()) -> u128 {
        let running = || -> Option<u128> {
            let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
            stat.split(' ').next()?.parse().ok()
        };
        let (wall, before) = (Instant::now(), running());
        work();
        match (before, running()) {
            (Some(before), Some(after)) => (after - before) / 1_000_000,
            _ => wall.elapsed().as_millis(),
        }
    }

    #[test]
    fn ten_megabytes_are_read_in_well_under_a_second() {
        // An unoptimised build takes ten times as long.
        let limit = if cfg!(debug_assertions) { 5_000 } else { 500 };
        let mut list = String::new();
        for i in 0..100_000 {
            let host = i % 50;
            writeln!(
                list,
                "\"Person, Number {i}\" <person.{i}@kestrel-{host}.example>; and more words of a sentence........"
            )
            .unwrap();
        }
        assert!(list.len() > 9_000_000);
        let took = busy_ms(|| assert_eq!(extract(&list).len(), 100_000));
        assert!(took < limit, "{took} ms");
        for nasty in [
            "@", "a@", "a", "a.", "@.", "a@b.", "é@", "\"@x", "%20", "a@b_", "漢@漢", "_@a-", "\\u003c@", "%3C@a",
        ] {
            let text = nasty.repeat(2_000_000 / nasty.len());
            let took = busy_ms(|| drop(extract(&text)));
            assert!(took < limit, "{nasty}: {took} ms");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            extract(&text);
        }

        #[test]
        fn nor_does_a_text_full_of_signs(text in "[@.\"\\\\%2Cnu003_/'a-cé漢ſ\u{200b}<> -]{0,60}") {
            let mut end = 0;
            for found in extract(&text) {
                // Finds follow each other and never overlap.
                let start = found.text.as_ptr() as usize - text.as_ptr() as usize;
                prop_assert!(start >= end);
                end = start + found.text.len();
                if let Outcome::Valid(address) = found.outcome {
                    prop_assert_eq!(Address::parse(found.text), Ok(address));
                }
            }
        }

        #[test]
        fn every_address_between_spaces_is_found_in_order(
            list in prop::collection::vec(("[a-zA-Z0-9_][a-zA-Z0-9_+'&#~!$^/-]{0,12}(\\.[a-zA-Z0-9+_-]{1,8}){0,2}", "([a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\\.){1,3}[a-z]{2,8}"), 0..30),
            gaps in prop::collection::vec("[ \t\r\n]{1,3}", 31),
        ) {
            let addresses: Vec<_> = list.iter().map(|(l, h)| format!("{l}@{h}")).filter(|a| Address::parse(a).is_ok()).collect();
            let mut text = String::new();
            for (address, gap) in addresses.iter().zip(&gaps) {
                text += gap;
                text += address;
            }
            let found = extract(&text);
            prop_assert_eq!(found.iter().map(|f| f.text).collect::<Vec<_>>(), addresses);
            prop_assert!(found.iter().all(|f| !matches!(f.outcome, Outcome::Malformed(_))));
        }
    }
}
