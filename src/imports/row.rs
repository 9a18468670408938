//! One line as a person: what its cells say, and what is wrong with them, in words. Asks no database.

use std::collections::HashMap;

use jiff::civil::Date;

use super::{
    plan::{Field, Plan, Way},
    verdict::Verdict,
};
use crate::{
    access::{OrgRef, Role},
    clock::Timestamp,
    ids::{GroupId, RoleId},
    limits::{
        Choice, Enforcement, Value, Wish,
        amount::{Amount, Unit},
        policy::check_pair,
    },
    mail::address::Address,
    roles::CustomRole,
    text::{self, fold},
};

/// What a line is read with.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// The organization.
    pub org: &'a OrgRef,
    /// What the columns hold.
    pub plan: &'a Plan,
    /// The roles that may be given.
    pub roles: Vec<Role>,
    /// The organization's custom roles by their folded names, and whether the caller may give each.
    pub custom: HashMap<String, (CustomRole, bool)>,
    /// The groups that people may be put into, by their folded names.
    pub groups: HashMap<String, GroupId>,
    /// Whether all groups of the organization are among them.
    pub all_groups: bool,
    /// Whether limits may be set.
    pub may_limit: bool,
    /// What amounts are counted in.
    pub unit: Unit,
    /// Now.
    pub now: Timestamp,
}

/// A person whom a line describes.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name; empty where the file has none.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The custom roles beside it.
    pub additional: Vec<RoleId>,
    /// The groups.
    pub groups: Vec<GroupId>,
    /// Limits of their own.
    pub wish: Option<Wish>,
    /// When the membership ends.
    pub until: Option<Timestamp>,
}

/// What is wrong with a line.
pub type Fault = (Verdict, String);

/// The cell of a field, empty where there is none.
fn cell<'l>(plan: &Plan, cells: &'l [String], field: Field) -> &'l str {
    plan.place(field)
        .and_then(|place| cells.get(place))
        .map_or("", String::as_str)
}

/// The address as it stands in the file, and as an address, or why it is none.
pub fn address<'l>(plan: &Plan, cells: &'l [String]) -> (&'l str, Result<Address, Fault>) {
    let text = cell(plan, cells, Field::Email);
    // What mail programs copy: Ann Lee <ann@example.com>.
    let inner = text
        .rsplit_once('<')
        .and_then(|(_, rest)| rest.strip_suffix('>'))
        .unwrap_or(text);
    let inner = inner.strip_prefix("mailto:").unwrap_or(inner).trim();
    let parsed = if inner.is_empty() {
        Err((Verdict::Malformed, "There is no e-mail address. Add one.".to_owned()))
    } else {
        Address::parse(inner).map_err(|error| {
            let sentence = error.to_string();
            let end = if sentence.ends_with('.') { "" } else { "." };
            (
                Verdict::Malformed,
                format!("The e-mail address is not valid: {sentence}{end}"),
            )
        })
    };
    (text, parsed)
}

/// Everything but the address; each fault that is found.
pub fn person(terms: &Terms<'_>, cells: &[String]) -> Result<Wanted, Vec<Fault>> {
    let mut faults = Vec::new();
    let name = keep(&mut faults, name(terms, cells));
    let role = keep(&mut faults, role(terms, cells));
    let groups = keep(&mut faults, groups(terms, cells));
    let wish = keep(&mut faults, wish(terms, cells));
    let until = keep(&mut faults, until(terms, cells));
    match (name, role, groups, wish, until) {
        (Some(name), Some((role, additional)), Some(groups), Some(wish), Some(until)) if faults.is_empty() => {
            Ok(Wanted {
                name,
                role,
                additional,
                groups,
                wish,
                until,
            })
        }
        _ => Err(faults),
    }
}

fn keep<T>(faults: &mut Vec<Fault>, read: Result<T, Fault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

fn name(terms: &Terms<'_>, cells: &[String]) -> Result<String, Fault> {
    let (plan, get) = (terms.plan, |field| cell(terms.plan, cells, field));
    let whole = if get(Field::Name).is_empty() {
        format!("{} {}", get(Field::FirstName), get(Field::LastName))
            .trim()
            .to_owned()
    } else {
        get(Field::Name).to_owned()
    };
    // Whoever is invited types their own name.
    if plan.way == Way::Invite && text::name("name", &whole).is_err() {
        return Ok(String::new());
    }
    if whole.is_empty() {
        return Err((Verdict::BadName, "There is no name. Add one.".to_owned()));
    }
    text::name("name", &whole).map_err(|error| (Verdict::BadName, error.to_string()))
}

/// The role of a word: a title, a stable name, or what else the role is called.
fn named(word: &str) -> Option<Role> {
    let word = fold(word);
    let known = |role: &Role| fold(role.title()) == word || role.key() == word;
    Role::ALL.into_iter().find(known).or(match word.as_str() {
        "admin" | "administrator" | "organization administrator" | "org admin" => Some(Role::Administrator),
        "creator" => Some(Role::Developer),
        "organization member" | "user" => Some(Role::Member),
        _ => None,
    })
}

fn titles(roles: &[Role]) -> String {
    let titles: Vec<&str> = roles.iter().map(|role| role.title()).collect();
    titles.join(", ")
}

/// The built-in role and the custom roles beside it, with semicolons or bars between.
fn role(terms: &Terms<'_>, cells: &[String]) -> Result<(Role, Vec<RoleId>), Fault> {
    let (mut built_in, mut additional) = (None, Vec::new());
    let words = cell(terms.plan, cells, Field::Role).split([';', '|']).map(str::trim);
    for word in words.filter(|word| !word.is_empty()) {
        if let Some(role) = named(word) {
            if built_in.is_some_and(|other| other != role) {
                let sentence = format!("A member has one built-in role. Write one of {}.", titles(&terms.roles));
                return Err((Verdict::UnknownRole, sentence));
            }
            built_in = Some(role);
            continue;
        }
        let Some((custom, may_give)) = terms.custom.get(&fold(word)) else {
            let sentence = format!(
                "There is no role “{word}” to begin with. Write one of {}.",
                titles(&terms.roles)
            );
            return Err((Verdict::UnknownRole, sentence));
        };
        if !may_give {
            let sentence = format!("You may not give the role {}. Leave it out.", custom.name);
            return Err((Verdict::RoleAbove, sentence));
        }
        if !additional.contains(&custom.id) {
            additional.push(custom.id);
        }
    }
    let role = built_in.or(terms.plan.role).unwrap_or(terms.org.default_role);
    if terms.roles.contains(&role) {
        return Ok((role, additional));
    }
    Err((
        Verdict::RoleAbove,
        format!(
            "{} is more than you may give. Write one of {}.",
            role.title(),
            titles(&terms.roles)
        ),
    ))
}

fn groups(terms: &Terms<'_>, cells: &[String]) -> Result<Vec<GroupId>, Fault> {
    let mut found = Vec::new();
    for name in cell(terms.plan, cells, Field::Groups).split([';', '|']) {
        let name = name.trim();
        if name.is_empty() {
            continue;
        }
        match terms.groups.get(&fold(name)) {
            Some(id) if !found.contains(id) => found.push(*id),
            Some(_) => {}
            None => {
                let how = if terms.all_groups {
                    "Correct the name, or create the group first."
                } else {
                    "Write a group that you lead, or leave it empty."
                };
                return Err((
                    Verdict::UnknownGroup,
                    format!("There is no group “{name}” for you to add people to. {how}"),
                ));
            }
        }
    }
    Ok(found)
}

fn choice(terms: &Terms<'_>, text: &str, title: &str) -> Result<Choice, Fault> {
    if text.is_empty() {
        return Ok(Choice::Inherit);
    }
    match fold(text).as_str() {
        "inherit" | "default" => return Ok(Choice::Inherit),
        "unlimited" | "no limit" => return Ok(Choice::Set(Value::Unlimited)),
        _ => {}
    }
    let amount = Amount::parse("limit", text, terms.unit)
        .map_err(|error| (Verdict::BadLimit, format!("{title} “{text}”: {error}")))?;
    Ok(Choice::Set(Value::Amount(amount)))
}

fn wish(terms: &Terms<'_>, cells: &[String]) -> Result<Option<Wish>, Fault> {
    let (day, month) = (
        cell(terms.plan, cells, Field::Daily),
        cell(terms.plan, cells, Field::Monthly),
    );
    let (day, month) = (
        choice(terms, day, Field::Daily.title())?,
        choice(terms, month, Field::Monthly.title())?,
    );
    if day == Choice::Inherit && month == Choice::Inherit {
        return Ok(None);
    }
    if !terms.may_limit {
        let sentence = "You may not set limits here. Leave the column out, or ask an administrator.";
        return Err((Verdict::MayNotLimit, sentence.to_owned()));
    }
    check_pair(day, month, terms.unit).map_err(|error| (Verdict::BadLimit, error.to_string()))?;
    Ok(Some(Wish {
        month: Some(month),
        day: Some(day),
        enforcement: Enforcement::Hard,
        until: None,
        note: String::new(),
    }))
}

/// A day as spreadsheets write it where it can be read in one way only.
fn day(text: &str) -> Option<Date> {
    let text = text.split(['T', ' ']).next().unwrap_or_default();
    if let Ok(day) = text.parse() {
        return Some(day);
    }
    let parts: Vec<i16> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [day, month, year] if year > 999 => Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok(),
        _ => None,
    }
}

fn until(terms: &Terms<'_>, cells: &[String]) -> Result<Option<Timestamp>, Fault> {
    let text = cell(terms.plan, cells, Field::Until);
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || {
        let sentence = format!("“{text}” is no day. Write the last day as year-month-day, as in 2027-03-31.");
        (Verdict::BadEnd, sentence)
    };
    let end = day(text)
        .and_then(|day| day.tomorrow().ok())
        .and_then(|next| next.to_zoned(terms.org.zone.tz()).ok())
        .map(|end| Timestamp::from_micros(end.timestamp().as_microsecond()))
        .ok_or_else(bad)?;
    if end <= terms.now {
        let sentence = format!("The membership would have ended already on {text}. Write a later day.");
        return Err((Verdict::BadEnd, sentence));
    }
    Ok(Some(end))
}
