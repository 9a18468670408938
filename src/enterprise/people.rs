//! The list of people over all organizations, and the list of organizations.

use super::store::{self, Belonging, Listed, Listing, PeopleBy, SortBy};
use crate::{
    access::Role,
    db::Read,
    error::Result,
    ids::{MemberId, OrgId, UserId},
    text,
    web::list::{PAGE, Slice},
};

/// Above every name key.
const LAST: &str = "\u{10ffff}";

/// Whom the list of people shows.
#[derive(Debug, Clone, Default)]
pub struct PeopleFilter {
    /// Words in name or address.
    pub words: String,
    /// Members of this organization.
    pub org: Option<OrgId>,
    /// With this role, there or anywhere.
    pub role: Option<Role>,
    /// With this status, in the same membership as the role.
    pub status: Option<i64>,
    /// In two or more organizations.
    pub several: bool,
}

/// A place in a list by name: after or before a name and an id.
#[derive(Debug, Clone)]
pub struct Place<Key> {
    /// Whether the page goes towards the beginning of the list.
    pub backwards: bool,
    /// The entry beside it; none for the beginning.
    pub beside: Option<Key>,
}

/// A person with all memberships, the primary one first.
#[derive(Debug, Clone)]
pub struct Person {
    /// The membership by which the person is listed.
    pub listing: Listing,
    /// All memberships in organizations that are not archived, or all if there are no others.
    pub belongings: Vec<Belonging>,
}

/// One page of people by name, with two statements.
pub async fn page(
    db: &mut impl Read,
    filter: &PeopleFilter,
    descending: bool,
    place: Place<(String, MemberId)>,
) -> Result<Slice<Person>> {
    let folded = text::fold(&filter.words);
    let trigrams = trigrams(&folded);
    let ascending = descending == place.backwards;
    let by = PeopleBy {
        in_organization: filter.org.is_some(),
        indexed: !trigrams.is_empty(),
        ascending,
    };
    let from_start = place.beside.is_none();
    let (name, id) = place.beside.unwrap_or_else(|| {
        if ascending {
            (String::new(), MemberId::from_raw(0))
        } else {
            (LAST.to_owned(), MemberId::from_raw(i64::MAX))
        }
    });
    let asked = (
        filter.org.unwrap_or(OrgId::from_raw(0)),
        filter.role.map_or(0, Role::rank),
        filter.status.unwrap_or(0),
        i64::from(filter.several),
        if folded.is_empty() {
            String::new()
        } else {
            text::contains(&folded)
        },
        trigrams,
        name,
        id,
        PAGE as i64 + 1,
    );
    let rows = store::list_people(db, by, asked).await?;
    let slice = Slice::cut(rows, PAGE, place.backwards, from_start);
    let ids: Vec<UserId> = slice.rows.iter().map(|row| row.user_id).collect();
    let all = store::list_belongings(db, &ids).await?;
    Ok(Slice {
        rows: slice
            .rows
            .into_iter()
            .map(|listing| Person::of(listing, &all))
            .collect(),
        before: slice.before,
        after: slice.after,
    })
}

impl Person {
    fn of(listing: Listing, all: &[Belonging]) -> Self {
        let own = || all.iter().filter(|one| one.user_id == listing.user_id).cloned();
        let live: Vec<_> = own().filter(|one| one.state == 1).collect();
        let belongings = if live.is_empty() { own().collect() } else { live };
        Self { listing, belongings }
    }
    /// The best status over the organizations: active, inactive, suspended, disabled.
    pub fn status(&self) -> i64 {
        self.belongings.iter().map(|one| one.status).min().unwrap_or(2)
    }
}

/// The query of SQLite's trigram index for a folded text; empty when no word has three letters.
fn trigrams(folded: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for word in folded.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for three in letters.windows(3) {
            let part = format!("\"{}\"", three.iter().collect::<String>().replace('"', "\"\""));
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
    }
    parts.truncate(32); // enough to find few; the words themselves are compared afterwards
    parts.join(" AND ")
}

/// What the list of organizations shows.
#[derive(Debug, Clone, Default)]
pub struct OrgFilter {
    /// Words in name or slug.
    pub words: String,
    /// 1 active, 2 archived, 0 all.
    pub state: i64,
    /// By what it is sorted.
    pub by: SortBy,
    /// From the last to the first.
    pub descending: bool,
}

/// One page of organizations.
pub async fn organizations(
    db: &mut impl Read,
    filter: &OrgFilter,
    place: Place<(String, i64, OrgId)>,
) -> Result<Slice<Listed>> {
    let folded = text::fold(&filter.words);
    let ascending = filter.descending == place.backwards;
    let from_start = place.beside.is_none();
    let (name, number, id) = place.beside.unwrap_or_else(|| {
        if ascending {
            (String::new(), i64::MIN, OrgId::from_raw(0))
        } else {
            (LAST.to_owned(), i64::MAX, OrgId::from_raw(i64::MAX))
        }
    });
    let pattern = if folded.is_empty() {
        String::new()
    } else {
        text::contains(&folded)
    };
    let asked = (filter.state, pattern, name, number, id, PAGE as i64 + 1);
    let rows = store::list_organizations(db, filter.by, ascending, asked).await?;
    Ok(Slice::cut(rows, PAGE, place.backwards, from_start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_three_letters_use_the_index() {
        assert_eq!(trigrams("jo"), "");
        assert_eq!(trigrams("jo ann"), "\"ann\"");
        assert_eq!(trigrams("a\"b"), "\"a\"\"b\"");
        assert_eq!(trigrams("anna anna"), "\"ann\" AND \"nna\"");
    }
}
