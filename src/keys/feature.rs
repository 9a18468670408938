//! The noun: a feature that keys carry and that decides what whoever uses them can do (R-KEY-02).

use serde_json::{Value, json};

use super::catalogue_store as store;
pub use super::catalogue_store::{Feature, Lent, Valued};
use crate::{
    access::{Can, permission::KeyManage},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::{FeatureId, KeyId, MemberId, OrgId},
    members::member,
    orgs, text,
};

/// How many features an organization's catalogue holds at most.
pub const MOST: usize = 100;
/// The longest value, in characters.
const VALUE_MAX: usize = 200;

/// What values a feature has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Type {
    /// On or off.
    Switch = 1,
    /// A whole number.
    Number = 2,
    /// One of some words.
    Choice = 3,
    /// Any line of text.
    Text = 4,
}

impl Type {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 4] = [Self::Switch, Self::Number, Self::Choice, Self::Text];

    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Switch => "On or off",
            Self::Number => "A number",
            Self::Choice => "One of a list",
            Self::Text => "A text",
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Switch => "bool",
            Self::Number => "number",
            Self::Choice => "choice",
            Self::Text => "text",
        }
    }
    /// Finds one by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
}

/// What a switch holds when it is on.
pub const ON: &str = "on";
/// What a switch holds when it is off.
pub const OFF: &str = "off";

/// How a feature is to be.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// What programs compare; never changes.
    pub key: String,
    /// What pages show.
    pub title: String,
    /// What values it has; never changes.
    pub kind: Option<Type>,
    /// The values of a choice, one a line.
    pub choices: String,
    /// What counts for keys that say nothing.
    pub default_value: String,
}

impl Feature {
    /// The values of a choice.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        self.choices.lines()
    }
    /// Reads a value for a key; none for nothing of its own.
    pub fn read(&self, value: &str) -> Result<Option<String>> {
        self.read_as("feature", value)
    }
    fn read_as(&self, field: &'static str, value: &str) -> Result<Option<String>> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(None);
        }
        let refused = |remedy: &str| Error::invalid(field, format!("{}: {remedy}", self.title));
        match self.kind {
            Type::Switch if value == ON || value == OFF => Ok(Some(value.to_owned())),
            Type::Switch => Err(refused("choose on or off.")),
            Type::Number => match value.parse::<i64>() {
                Ok(number) => Ok(Some(number.to_string())),
                Err(_) => Err(refused("enter a whole number, as in 32000.")),
            },
            Type::Choice if self.options().any(|option| option == value) => Ok(Some(value.to_owned())),
            Type::Choice => Err(refused("choose one of the values in the list.")),
            Type::Text => text::line(field, "A value", value, VALUE_MAX).map(Some),
        }
    }
    fn object(&self) -> Object {
        Object::new("feature", self.id.raw(), self.title.clone())
    }
}

/// A value in a few words, as a badge: "Batch", "Model: large"; none for a switch that is off.
pub fn badge(kind: Type, title: &str, value: &str) -> Option<String> {
    match kind {
        Type::Switch => (value == ON).then(|| title.to_owned()),
        _ => Some(format!("{title}: {value}")),
    }
}

/// The organization's features by title.
pub async fn list(db: &mut impl Read, org: OrgId) -> Result<Vec<Feature>> {
    store::list_features(db, org).await
}

/// One feature; another organization's is not found.
pub async fn find(db: &mut impl Read, org: OrgId, id: FeatureId) -> Result<Feature> {
    if id.org() != org {
        return Err(Error::NotFound);
    }
    store::find_feature(db, org, id).await?.ok_or(Error::NotFound)
}

/// The values that a key has of its own.
pub async fn values(db: &mut impl Read, org: OrgId, key: KeyId) -> Result<Vec<Valued>> {
    store::list_values(db, org, key).await
}

/// What a member has without a key of their own: what the catalogue says for keys that say nothing, and what the keys carry that are
/// bound to them or to their groups (C-13 of the model). It holds keys that begin later, too.
pub async fn lent(db: &mut impl Read, org: OrgId, member: MemberId, now: Timestamp) -> Result<Vec<Lent>> {
    store::list_lent(db, org, member, now).await
}

impl Feature {
    /// Whether a value gives no more than what somebody has: off, a number up to the largest, or one of the values themselves.
    pub fn is_within(&self, value: &str, had: &[Lent]) -> bool {
        let mut values = had.iter().filter(|one| one.id == self.id).map(|one| one.value.as_str());
        match self.kind {
            Type::Switch if value == OFF => true,
            Type::Number => {
                let most = values.filter_map(|value| value.parse::<i64>().ok()).max();
                value
                    .parse()
                    .ok()
                    .zip(most)
                    .is_some_and(|(value, most): (i64, i64)| value <= most)
            }
            _ => values.any(|one| one == value),
        }
    }
}

fn check_key(key: &str) -> Result<String> {
    let key = key.trim();
    let is_plain = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'));
    if key.len() > 60 || !is_plain || !key.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(Error::invalid(
            "key",
            "Begin with a letter and use at most 60 small letters, digits, dots, dashes and underscores, as in batch.size.",
        ));
    }
    Ok(key.to_owned())
}

/// Reads the list of a choice: one value a line, without repetition.
fn check_choices(kind: Type, choices: &str) -> Result<String> {
    if kind != Type::Choice {
        return Ok(String::new());
    }
    let mut list: Vec<String> = Vec::new();
    for line in choices.lines().filter(|line| !line.trim().is_empty()) {
        let value = text::line("choices", "A value", line, 60)?;
        if !list.contains(&value) {
            list.push(value);
        }
    }
    if list.len() < 2 || list.len() > 50 {
        return Err(Error::invalid("choices", "List 2 to 50 values, one a line."));
    }
    Ok(list.join("\n"))
}

fn fields(feature: &Feature) -> [(&'static str, String); 3] {
    [
        ("title", feature.title.clone()),
        ("values", feature.choices.replace('\n', ", ")),
        ("default", feature.default_value.clone()),
    ]
}

/// Adds a feature to the catalogue.
pub async fn create(tx: &mut Tx, by: &Can<KeyManage>, draft: &Draft, now: Timestamp) -> Result<FeatureId> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let title = text::line("title", "A title", &draft.title, 60)?;
    let key = check_key(&draft.key)?;
    let kind = draft
        .kind
        .ok_or_else(|| Error::invalid("kind", "Choose one of the kinds in the list."))?;
    let all = list(tx, org).await?;
    if all.iter().any(|known| known.key == key) {
        return Err(Error::invalid(
            "key",
            format!("There is a feature {key} already. Choose another key."),
        ));
    }
    if all.len() >= MOST {
        return Err(Error::conflict(format!(
            "There are {MOST} features, which is the most there can be."
        )));
    }
    let id = FeatureId::from_raw(org.row(orgs::next_id(tx, org, 1).await?));
    let mut feature = Feature {
        id,
        key,
        title,
        kind,
        choices: check_choices(kind, &draft.choices)?,
        default_value: String::new(),
        version: 1,
        keys: 0,
    };
    feature.default_value = feature
        .read_as("default_value", &draft.default_value)?
        .unwrap_or_default();
    store::insert_feature(tx, org, &feature, now).await?;
    let mut after = json!({ "key": feature.key, "kind": kind.title() });
    if !feature.default_value.is_empty() {
        after["default"] = json!(feature.default_value);
    }
    let entry = Entry::done(Action::FeatureCreate, feature.object(), Value::Null, after);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(id)
}

/// Changes a feature's title, values and default; what keys have stays as it is.
pub async fn update(
    tx: &mut Tx,
    by: &Can<KeyManage>,
    id: FeatureId,
    expected: Option<i64>,
    draft: &Draft,
    now: Timestamp,
) -> Result<Feature> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let before = find(tx, org, id).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        return Err(stale(&before.title));
    }
    let mut after = before.clone();
    after.title = text::line("title", "A title", &draft.title, 60)?;
    after.choices = check_choices(before.kind, &draft.choices)?;
    after.default_value = after
        .read_as("default_value", &draft.default_value)?
        .unwrap_or_default();
    if before.kind == Type::Choice {
        let used = store::list_used_values(tx, org, id).await?;
        if let Some(lost) = used.iter().find(|value| after.options().all(|option| option != *value)) {
            return Err(Error::invalid(
                "choices",
                format!("Keys have the value “{lost}”. Change those keys first, or keep the value."),
            ));
        }
    }
    let (was, is) = differing(&fields(&before), &fields(&after));
    if is.is_null() {
        return Ok(before);
    }
    store::update_feature(tx, org, &after).await?;
    let entry = Entry::done(Action::FeatureUpdate, after.object(), was, is);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    find(tx, org, id).await
}

/// Takes a feature out of the catalogue and off every key.
pub async fn remove(tx: &mut Tx, by: &Can<KeyManage>, id: FeatureId, now: Timestamp) -> Result<Feature> {
    let org = by.org().id;
    member::lock_live(tx, org).await?;
    let feature = find(tx, org, id).await?;
    store::delete_feature(tx, org, id).await?;
    let before = json!({ "key": feature.key, "kind": feature.kind.title(), "keys": feature.keys });
    let entry = Entry::done(Action::FeatureRemove, feature.object(), before, Value::Null);
    audit::record(tx, by.actor(), Some(org), entry, now).await?;
    Ok(feature)
}

/// Somebody else was faster.
pub(super) fn stale(name: &str) -> Error {
    Error::conflict(format!(
        "{name} was changed in the meantime. Nothing was changed by you. Reload the page and decide again."
    ))
}

/// The fields that differ, before and after; both `Null` when none does.
pub(super) fn differing(before: &[(&'static str, String)], after: &[(&'static str, String)]) -> (Value, Value) {
    let (mut was, mut is) = (serde_json::Map::new(), serde_json::Map::new());
    for ((field, old), (_, new)) in before.iter().zip(after).filter(|(old, new)| old.1 != new.1) {
        was.insert((*field).to_owned(), json!(old));
        is.insert((*field).to_owned(), json!(new));
    }
    if is.is_empty() {
        return (Value::Null, Value::Null);
    }
    (Value::Object(was), Value::Object(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(kind: Type) -> Feature {
        Feature {
            id: FeatureId::from_raw(1),
            key: "model".into(),
            title: "Model".into(),
            kind,
            choices: "small\nlarge".into(),
            default_value: String::new(),
            version: 1,
            keys: 0,
        }
    }

    #[test]
    fn r_key_02_values_are_of_their_kind() {
        for (kind, good, bad) in [
            (Type::Switch, "on", "yes"),
            (Type::Number, "-3", "1.5"),
            (Type::Choice, "large", "huge"),
            (Type::Text, "any words", "a\u{202e}b"),
        ] {
            let feature = feature(kind);
            assert_eq!(feature.read(good).unwrap().as_deref(), Some(good));
            assert_eq!(feature.read(" ").unwrap(), None);
            assert!(
                matches!(feature.read(bad), Err(Error::Invalid { field: "feature", .. })),
                "{bad}"
            );
        }
        assert_eq!(badge(Type::Switch, "Batch", ON).as_deref(), Some("Batch"));
        assert_eq!(badge(Type::Switch, "Batch", OFF), None);
        assert_eq!(badge(Type::Number, "Tokens", "5").as_deref(), Some("Tokens: 5"));
        assert_eq!(check_choices(Type::Choice, " a \n\nb\na").unwrap(), "a\nb");
        assert!(check_choices(Type::Choice, "a").is_err() && check_choices(Type::Text, "").is_ok());
        assert!(check_key("batch.size").is_ok() && check_key("Batch").is_err() && check_key("").is_err());
    }
}
