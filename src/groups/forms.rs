//! What a browser may send to the groups' pages.

use jiff::civil::Date;
use serde::Deserialize;

use super::{
    Kind,
    list::{Query, Sort},
};
use crate::{
    clock::{Timestamp, Zone},
    error::{Error, Result},
    ids::{GroupId, MemberId},
    web::list::href,
};

/// The address of a group within an organization.
#[derive(Debug, Clone, Deserialize)]
pub struct GroupPath {
    group: String,
}

impl GroupPath {
    /// The group; text that is no id names none.
    pub fn id(&self) -> Result<GroupId> {
        self.group.parse().map_err(|_| Error::NotFound)
    }
}

/// The address of a member, within a group or not.
#[derive(Debug, Clone, Deserialize)]
pub struct MemberPath {
    member: String,
}

impl MemberPath {
    /// The member; text that is no id names nobody.
    pub fn id(&self) -> Result<MemberId> {
        self.member.parse().map_err(|_| Error::NotFound)
    }
}

/// The list's address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    kind: String,
    lead: String,
    sort: String,
    dir: String,
    after: String,
    before: String,
}

impl Search {
    /// The question; what it does not understand it leaves out.
    pub fn query(&self) -> Query {
        let sort = Sort::find(&self.sort).unwrap_or_default();
        let cursor = match (self.after.as_str(), self.before.as_str()) {
            ("", "") => None,
            ("", before) => Some((before.to_owned(), true)),
            (after, _) => Some((after.to_owned(), false)),
        };
        Query {
            sort,
            down: match self.dir.as_str() {
                "asc" => false,
                "desc" => true,
                _ => sort.begins_down(),
            },
            kind: Kind::find(&self.kind),
            words: self.q.chars().take(200).collect(),
            without_lead: self.lead == "none",
            member: None,
            cursor,
        }
    }
}

/// The list's address for a question, without the page's place.
pub fn address(path: &str, query: &Query, place: (&str, &str)) -> String {
    let sort = if query.sort == Sort::default() {
        ""
    } else {
        query.sort.key()
    };
    let dir = match (query.down == query.sort.begins_down(), query.down) {
        (true, _) => "",
        (false, true) => "desc",
        (false, false) => "asc",
    };
    let pairs = [
        ("q", query.words.trim()),
        ("kind", query.kind.map_or("", Kind::key)),
        ("lead", if query.without_lead { "none" } else { "" }),
        ("sort", sort),
        ("dir", dir),
        place,
    ];
    href(path, &pairs)
}

/// A new group, or another name and purpose of one. A lead's form has neither name nor kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct GroupForm {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub description: String,
    pub version: String,
}

impl GroupForm {
    /// The kind; none when the form has no such field.
    pub fn kind(&self) -> Result<Option<Kind>> {
        let unknown = || Error::invalid("kind", "Choose one of the kinds in the list.");
        self.kind
            .as_deref()
            .map(|key| Kind::find(key).ok_or_else(unknown))
            .transpose()
    }
    /// The version that the caller has seen.
    pub fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }
}

/// Whether leads may invite.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RulesForm {
    pub leads_invite: Option<String>,
}

/// The cards of a page: their order, those that are shown, and perhaps one step of one of them, as "leads up".
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CardsForm {
    pub order: Vec<String>,
    pub show: Vec<String>,
    pub step: String,
    pub version: String,
}

/// An act that cannot be taken back: the name is typed to confirm it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConfirmForm {
    pub confirm: String,
    pub version: String,
}

/// A page of people: what is searched, where it lies, and who is chosen already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PeopleQuery {
    pub q: String,
    pub after: String,
    pub before: String,
    pub member: Vec<String>,
    pub until: String,
    pub card: String,
}

/// The people to be added, and until when.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AddForm {
    pub member: Vec<String>,
    pub until: String,
}

/// Where to go after an act: "member" for the person's page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ActForm {
    pub to: String,
}

/// The end of a time in a group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EndForm {
    pub until: String,
}

/// How someone stood in the group before they were removed, from the address of Undo.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RestoreQuery {
    pub lead: String,
    pub until: String,
}

impl RestoreQuery {
    /// The end of the time in the group.
    pub fn until(&self) -> Option<Timestamp> {
        self.until.parse().ok().map(Timestamp::from_micros)
    }
}

/// The groups that one person is put into.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct JoinForm {
    pub group: Vec<String>,
}

/// Ids as a form sends them; one that cannot be read names nobody.
pub fn members(texts: &[String]) -> Result<Vec<MemberId>> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|_| Error::NotFound))
        .collect()
}

/// The end of a day in a zone: the instant at which the next day begins. Empty is no end.
pub fn end_of_day(until: &str, zone: &Zone) -> Result<Option<Timestamp>> {
    let until = until.trim();
    if until.is_empty() {
        return Ok(None);
    }
    let bad = || Error::invalid("until", "Enter a day as year, month and day: 2026-12-31.");
    let day: Date = until.parse().map_err(|_| bad())?;
    let end = day.tomorrow().and_then(|next| next.to_zoned(zone.tz()));
    let end = end.map_err(|_| bad())?;
    Ok(Some(Timestamp::from_micros(end.timestamp().as_microsecond())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_from_its_address() {
        let asked = Search {
            q: "eng".to_owned(),
            kind: "team".to_owned(),
            lead: "none".to_owned(),
            sort: "size".to_owned(),
            dir: "asc".to_owned(),
            ..Search::default()
        };
        let href = address("/o/a/groups", &asked.query(), ("", ""));
        assert_eq!(href, "/o/a/groups?q=eng&kind=team&lead=none&sort=size&dir=asc");
        assert_eq!(address("/g", &Search::default().query(), ("", "")), "/g");
        let junk = Search {
            kind: "tribe".to_owned(),
            sort: "age".to_owned(),
            dir: "left".to_owned(),
            ..Search::default()
        };
        assert_eq!(address("/g", &junk.query(), ("", "")), "/g");
    }

    #[test]
    fn the_last_day_counts_whole_in_the_zone() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        let end = end_of_day("2026-12-31", &berlin).unwrap().unwrap();
        assert_eq!(end.instant().to_string(), "2026-12-31T23:00:00Z");
        assert_eq!(end_of_day(" ", &berlin).unwrap(), None);
        for bad in ["31.12.2026", "2026-13-01", "tomorrow", "9999-12-31"] {
            assert!(
                matches!(end_of_day(bad, &berlin), Err(Error::Invalid { field: "until", .. })),
                "{bad}"
            );
        }
    }
}
