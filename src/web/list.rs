//! Lists: links that keep the filters, and cursors of keyset pages.

use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

/// How many rows a page of a list shows.
pub const PAGE: usize = 50;

/// A path with a query; pairs without a value are left out.
pub fn href(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// A place in a list as opaque text for a link.
pub fn cursor(place: &impl Serialize) -> String {
    BASE64URL_NOPAD.encode(&serde_json::to_vec(place).unwrap_or_default())
}

/// The place that a link names; `None` for text that is no cursor, with which a list begins at its start.
pub fn place<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
}

/// One page of a keyset list, in the order of display.
#[derive(Debug, Clone)]
pub struct Slice<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Whether rows come before it.
    pub before: bool,
    /// Whether rows come after it.
    pub after: bool,
}

impl<T> Slice<T> {
    /// Cuts what was read with one row too many; `backwards` rows come nearest first and are turned round.
    pub fn cut(mut rows: Vec<T>, size: usize, backwards: bool, from_start: bool) -> Self {
        let more = rows.len() > size;
        rows.truncate(size);
        if backwards {
            rows.reverse();
            return Self {
                rows,
                before: more,
                after: true,
            };
        }
        Self {
            rows,
            before: !from_start,
            after: more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_what_is_set() {
        assert_eq!(href("/e/users", &[("q", ""), ("role", "")]), "/e/users");
        assert_eq!(
            href("/e", &[("q", "a&b é"), ("x", ""), ("y", "1")]),
            "/e?q=a%26b+%C3%A9&y=1"
        );
    }

    #[test]
    fn a_cursor_comes_back_and_junk_does_not() {
        let at = ("élan".to_owned(), 7_i64);
        assert_eq!(place::<(String, i64)>(&cursor(&at)), Some(at));
        for junk in ["", "!!", "e30", "MTI"] {
            assert_eq!(place::<(String, i64)>(junk), None, "{junk}");
        }
    }

    #[test]
    fn a_page_knows_its_neighbours() {
        let page = Slice::cut(vec![1, 2, 3], 2, false, true);
        assert_eq!((page.rows, page.before, page.after), (vec![1, 2], false, true));
        let page = Slice::cut(vec![2, 1], 2, true, false);
        assert_eq!((page.rows, page.before, page.after), (vec![1, 2], false, true));
        let page = Slice::cut(vec![3], 2, false, false);
        assert_eq!((page.rows, page.before, page.after), (vec![3], true, false));
    }
}
