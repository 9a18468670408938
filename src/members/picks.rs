//! A selection of members: what the members page sends with each act on many, by hand over several pages or by the filter.
//!
//! By hand it is a list of ids: those that are ticked on the page at hand (`member`) and those that were ticked on others (`sel`). By
//! the filter it is the list's own address with those that were ticked off (`except`, and whoever is `shown` and not ticked).

use std::collections::HashSet;

use serde::Deserialize;

use super::{
    forms::{self, Search},
    list::Query,
};
use crate::{
    access::Can,
    error::{Error, Result},
    ids::MemberId,
    limits,
    web::filters::number,
};

/// The list's address as it is taken apart again.
pub type Address = Search;

/// How many can be ticked by hand.
pub const MOST: usize = 2_000;

/// The selection as a form sends it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Picks {
    /// The list's address without its path and place.
    pub list: String,
    /// Not empty: everyone who fits the list's filters.
    pub all: String,
    /// Ticked on other pages.
    pub sel: Vec<String>,
    /// Ticked on this page.
    pub member: Vec<String>,
    /// The members that this page showed.
    pub shown: Vec<String>,
    /// Ticked off on other pages.
    pub except: Vec<String>,
    /// Where to go with the selection: the address of another page of the list, or `all`.
    pub go: String,
    /// The kind of file, where the selection is to become one.
    pub format: String,
}

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These, once each, in the order of their ids; some may belong to nobody here.
    Ids(Vec<MemberId>),
    /// Everyone whom this list shows, but for some.
    All {
        /// The list's address without its path and place.
        list: String,
        /// The exceptions, in the order of their ids.
        except: Vec<MemberId>,
    },
}

impl Default for Selection {
    fn default() -> Self {
        Self::Ids(Vec::new())
    }
}

fn ids<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<MemberId> {
    // Rows have numbers above 0; what reads as another one is made up.
    let mut ids: Vec<MemberId> = texts
        .filter_map(|text| text.parse().ok())
        .filter(|id: &MemberId| id.raw() > 0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// A list's address as [`forms::address`] writes it, or nothing.
fn clean(list: &str) -> String {
    let (query, typed) = asked(list);
    forms::address(&Query { cursor: None, ..query }, &typed)
}

/// What a list's address asks for, and what was typed into its search field.
pub fn asked(list: &str) -> (Query, String) {
    let search: Search = serde_html_form::from_str(list).unwrap_or_default();
    (search.query(), search.typed())
}

/// What a list's address asks for, by someone who acts on everyone in it. A filter that is not theirs to use is refused: without it
/// the list would hold more people than its address says.
pub fn asked_by<P>(by: &Can<P>, list: &str) -> Result<Query> {
    let (query, _) = asked(list);
    if query.limitless.is_some() && !limits::sees_all(by) {
        return Err(Error::forbidden(
            "You do not see who has no limit, so the list cannot be filtered by that.",
        ));
    }
    Ok(query)
}

impl Picks {
    /// Who is meant; more than can be ticked by hand is refused.
    pub fn selection(&self) -> Result<Selection> {
        if !self.all.is_empty() {
            let ticked: HashSet<&String> = self.member.iter().collect();
            let off = self.shown.iter().filter(|id| !ticked.contains(id));
            let except = ids(self.except.iter().chain(off));
            return few(except.len()).map(|()| Selection::All {
                list: clean(&self.list),
                except,
            });
        }
        let chosen = ids(self.sel.iter().chain(&self.member));
        few(chosen.len()).map(|()| Selection::Ids(chosen))
    }
    /// The list's address without its path and place.
    pub fn list(&self) -> String {
        clean(&self.list)
    }
    /// The page to go to, and the selection there.
    pub fn turn(&self) -> Result<(Address, Selection)> {
        if self.go == "all" {
            let selection = Selection::All {
                list: self.list(),
                except: Vec::new(),
            };
            return Ok((serde_html_form::from_str(&self.list).unwrap_or_default(), selection));
        }
        let to = if self.go.is_empty() { &self.list } else { &self.go };
        Ok((serde_html_form::from_str(to).unwrap_or_default(), self.selection()?))
    }
}

fn few(count: usize) -> Result<()> {
    if count <= MOST {
        return Ok(());
    }
    Err(Error::invalid(
        "member",
        format!(
            "Tick at most {} by hand. For more, filter the list and take everyone in it.",
            number(MOST as i64)
        ),
    ))
}

impl Selection {
    /// Whether nobody is meant for certain.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Ids(ids) if ids.is_empty())
    }
    /// The same as its viewer's list shows it: who has no limit is asked for those alone who see that.
    #[must_use]
    pub fn shown_to<P>(self, by: &Can<P>) -> Self {
        match self {
            Self::All { list, except } if !limits::sees_all(by) => {
                let (query, typed) = asked(&list);
                let query = Query {
                    limitless: None,
                    ..query
                };
                Self::All {
                    list: forms::address(&query, &typed),
                    except,
                }
            }
            other => other,
        }
    }
    /// Whether a member is meant, as far as the page at hand shows it.
    pub fn has(&self, id: MemberId) -> bool {
        match self {
            Self::Ids(ids) => ids.binary_search(&id).is_ok(),
            Self::All { except, .. } => except.binary_search(&id).is_err(),
        }
    }
    /// The fields that carry the selection through the next form, but for members of the page at hand, which carry themselves.
    pub fn fields(&self, here: &HashSet<MemberId>) -> Vec<(&'static str, String)> {
        let (name, ids) = match self {
            Self::Ids(ids) => ("sel", ids),
            Self::All { except, .. } => ("except", except),
        };
        ids.iter()
            .filter(|id| !here.contains(id))
            .map(|id| (name, id.to_string()))
            .collect()
    }
}

/// The selection's part of the members page: the bar that appears as soon as somebody is ticked.
#[derive(Debug, Clone, Default)]
pub struct Bar {
    /// Whether the viewer may do something with a selection.
    pub shown: bool,
    /// Whether everyone who fits the filter is meant.
    pub all: bool,
    /// What the selection needs of other pages.
    pub kept: Vec<(&'static str, String)>,
    /// How many of other pages are ticked.
    pub elsewhere: usize,
    /// "Select all 148".
    pub all_label: String,
    /// "All 148 selected".
    pub all_words: String,
    /// The acts in the bar.
    pub first: Vec<Act>,
    /// The acts in its menu, those that end something last.
    pub more: Vec<Act>,
    /// The page before, as a question.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// One act of the bar.
#[derive(Debug, Clone, Copy)]
pub struct Act {
    /// The stable name.
    pub key: &'static str,
    /// The label.
    pub label: &'static str,
    /// The icon.
    pub icon: &'static str,
    /// The last part of its address.
    pub path: &'static str,
    /// Whether it ends something for good.
    pub is_final: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: i64) -> MemberId {
        MemberId::from_raw((3 << 32) | n)
    }
    fn texts(of: &[i64]) -> Vec<String> {
        of.iter().map(|n| id(*n).to_string()).collect()
    }

    #[test]
    fn r_blk_01_pages_add_up_and_junk_is_nobody() {
        let mut picks = Picks {
            sel: texts(&[5, 1]),
            member: texts(&[3, 5]),
            shown: texts(&[3, 4, 5]),
            ..Picks::default()
        };
        picks.member.push("mem_junk".to_owned());
        let chosen = picks.selection().expect("few");
        assert_eq!(chosen, Selection::Ids(vec![id(1), id(3), id(5)]));
        let here = HashSet::from([id(3), id(4), id(5)]);
        assert_eq!(chosen.fields(&here), [("sel", id(1).to_string())]);
        assert!(chosen.has(id(5)) && !chosen.has(id(4)));
    }

    #[test]
    fn r_blk_01_everyone_but_those_ticked_off() {
        let picks = Picks {
            list: "role=viewer&after=x&junk=1".to_owned(),
            all: "1".to_owned(),
            member: texts(&[3]),
            shown: texts(&[3, 4]),
            except: texts(&[9]),
            ..Picks::default()
        };
        let chosen = picks.selection().expect("few");
        let except = vec![id(4), id(9)];
        assert_eq!(
            chosen,
            Selection::All {
                list: "role=viewer".to_owned(),
                except
            }
        );
        assert!(chosen.has(id(3)) && !chosen.has(id(9)));
    }

    #[test]
    fn more_than_2000_by_hand_are_refused() {
        let many: Vec<i64> = (1..=2_001).collect();
        let picks = Picks {
            sel: texts(&many),
            ..Picks::default()
        };
        assert!(matches!(picks.selection(), Err(Error::Invalid { field: "member", .. })));
    }
}
