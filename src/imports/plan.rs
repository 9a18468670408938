//! What the columns of a file mean, and how its people come in.

use serde::{Deserialize, Serialize};

use crate::{access::Role, mail::address::Address, text::fold};

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The address.
    Email,
    /// The whole name.
    Name,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The role.
    Role,
    /// Groups, with semicolons or bars between.
    Groups,
    /// The daily limit.
    Daily,
    /// The monthly limit.
    Monthly,
    /// The last day of the membership.
    Until,
}

impl Field {
    /// All of them, in the order in which a select offers them.
    pub const ALL: [Self; 9] = [
        Self::Email,
        Self::Name,
        Self::FirstName,
        Self::LastName,
        Self::Role,
        Self::Groups,
        Self::Daily,
        Self::Monthly,
        Self::Until,
    ];

    /// The stable name in forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
            Self::FirstName => "first-name",
            Self::LastName => "last-name",
            Self::Role => "role",
            Self::Groups => "groups",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Until => "until",
        }
    }
    /// Finds a field by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key() == key)
    }
    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Email => "E-mail",
            Self::Name => "Full name",
            Self::FirstName => "First name",
            Self::LastName => "Last name",
            Self::Role => "Role",
            Self::Groups => "Groups",
            Self::Daily => "Daily limit",
            Self::Monthly => "Monthly limit",
            Self::Until => "Membership ends",
        }
    }
    /// Recognises the head of a column, in the words that people and other programs use.
    pub fn recognise(head: &str) -> Option<Self> {
        let words: String = fold(head)
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { ' ' })
            .collect();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(match words.as_str() {
            "e mail" | "email" | "mail" | "e mail address" | "email address" | "mail address" | "user email"
            | "login" | "work email" => Self::Email,
            "name" | "full name" | "display name" | "member" | "user" | "user name" | "username" => Self::Name,
            "first name" | "firstname" | "given name" | "forename" | "vorname" | "prenom" => Self::FirstName,
            "last name" | "lastname" | "family name" | "surname" | "nachname" | "nom" => Self::LastName,
            "role" | "roles" | "rolle" | "organization role" => Self::Role,
            "group" | "groups" | "team" | "teams" | "department" | "gruppe" | "gruppen" => Self::Groups,
            "daily limit" | "limit per day" | "day limit" | "daily" => Self::Daily,
            "monthly limit" | "limit per month" | "month limit" | "monthly" | "limit" => Self::Monthly,
            "membership ends" | "membership end" | "end" | "end date" | "ends" | "until" | "access until"
            | "expires" | "expires at" | "expires on" | "expiry" | "valid until" => Self::Until,
            _ => return None,
        })
    }
}

/// How people who are not members come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// New addresses get an invitation by mail; whoever has an account here joins at once, if the caller may add members.
    #[default]
    Invite,
    /// Accounts are made and everyone joins at once.
    Add,
}

impl Way {
    /// The stable name in forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Add => "add",
        }
    }
}

/// How far "all or nothing" is that takes more than one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// People are brought in.
    #[default]
    Bring,
    /// Every line is judged once more before anybody is brought in.
    Judge,
    /// Who was brought in is taken back, from the last line to the first.
    Back,
}

/// How a file is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// Whether the first line names the columns.
    pub head: bool,
    /// What each column holds; none for what is passed over.
    pub columns: Vec<Option<Field>>,
    /// How people come in.
    pub way: Way,
    /// The role of whoever has none in the file; none for the organization's default.
    pub role: Option<Role>,
    /// Whether one bad line refuses all.
    pub whole: bool,
    /// How far that is.
    pub stage: Stage,
}

impl Plan {
    /// The place before the first line with a person.
    pub fn first(&self) -> i64 {
        i64::from(self.head)
    }
    /// What the first lines of a file suggest.
    pub fn suggest(lines: &[Vec<String>], width: usize) -> Self {
        let first: &[String] = lines.first().map_or(&[], Vec::as_slice);
        let holds_address = |cell: &String| Address::parse(cell).is_ok();
        let recognised: Vec<Option<Field>> = (0..width)
            .map(|place| first.get(place).and_then(|cell| Field::recognise(cell)))
            .collect();
        let head = !first.iter().any(holds_address) && (recognised.iter().any(Option::is_some) || lines.len() > 1);
        let mut columns = if head { recognised } else { vec![None; width] };
        // A field stands for one column; the first that has its name.
        for place in 0..width {
            if columns[place].is_some() && columns[..place].contains(&columns[place]) {
                columns[place] = None;
            }
        }
        if !columns.contains(&Some(Field::Email)) {
            let below = lines.iter().skip(usize::from(head));
            let found = below
                .filter_map(|line| line.iter().position(holds_address))
                .find(|place| columns.get(*place).is_some_and(Option::is_none));
            if let Some(place) = found {
                columns[place] = Some(Field::Email);
            }
        }
        Self {
            head,
            columns,
            ..Self::default()
        }
    }
    /// The column that holds a field.
    pub fn place(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| *column == Some(field))
    }
    /// Whether some column holds a name.
    pub fn has_name(&self) -> bool {
        [Field::Name, Field::FirstName, Field::LastName]
            .into_iter()
            .any(|field| self.place(field).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Vec<String>> {
        text.lines()
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn heads_are_recognised_and_columns_guessed() {
        for field in Field::ALL {
            assert_eq!(Field::recognise(field.title()), Some(field), "{field:?}");
            assert_eq!(Field::find(field.key()), Some(field));
        }
        let plan = Plan::suggest(
            &lines("E-Mail,Vorname,Nachname,Shoe size,email\na@x.example,A,B,43,z@x.example"),
            5,
        );
        assert!(plan.head);
        let wanted = [
            Some(Field::Email),
            Some(Field::FirstName),
            Some(Field::LastName),
            None,
            None,
        ];
        assert_eq!(plan.columns, wanted);
        let plan = Plan::suggest(&lines("Ann,ann@x.example\nBo,bo@x.example"), 2);
        assert!(!plan.head);
        assert_eq!(plan.columns, [None, Some(Field::Email)]);
        let plan = Plan::suggest(&lines("wer,wo\nAnn,ann@x.example"), 2);
        assert!(plan.head);
        assert_eq!(plan.columns, [None, Some(Field::Email)]);
        assert_eq!(Plan::suggest(&[], 0), Plan::default());
    }
}
