//! What other rooms' pages show of keys.

use super::{
    super::{
        Key,
        rules::{Rules, life},
    },
    Badge, badges, standing_class,
};
use crate::{
    access::{Can, Permission},
    clock::Timestamp,
    ids::GroupId,
    web::layout::Fact,
};

/// A key in a short list.
#[derive(Debug, Clone)]
pub struct KeyLine {
    /// Its name.
    pub name: String,
    /// Its page; empty for whom it is not shown.
    pub href: String,
    /// Its text without the secret.
    pub masked: String,
    /// Words beside the name.
    pub badges: Vec<Badge>,
    /// Its features.
    pub features: Vec<String>,
    /// How it stands.
    pub state: &'static str,
    /// The chip's class.
    pub class: &'static str,
}

impl KeyLine {
    fn of(key: &Key, href: String, now: Timestamp, zone: &crate::clock::Zone) -> Self {
        let standing = key.standing(now);
        Self {
            name: key.name.clone(),
            href,
            masked: key.masked(),
            badges: badges(key, now, zone),
            features: key.feature_badges(),
            state: standing.title(),
            class: standing_class(standing),
        }
    }
}

/// A member's own keys on their page.
#[derive(Debug, Clone)]
pub struct MemberCard {
    /// The keys.
    pub keys: Vec<KeyLine>,
    /// Where one's own key is made; none for others.
    pub new_href: Option<String>,
}

impl MemberCard {
    /// The keys of a member, for the member themselves or whoever manages keys.
    pub fn new<P>(by: &Can<P>, keys: &[Key], is_self: bool, now: Timestamp) -> Self {
        let manages = by.may(Permission::KeyManage);
        let href = |key: &Key| match (is_self, manages) {
            (true, _) => by.path(&format!("/keys/own/{}", key.id)),
            (false, true) => by.path(&format!("/keys/{}", key.id)),
            (false, false) => String::new(),
        };
        Self {
            keys: keys
                .iter()
                .map(|key| KeyLine::of(key, href(key), now, by.zone()))
                .collect(),
            new_href: (is_self && by.may(Permission::KeyOwn)).then(|| by.path("/keys/own/new")),
        }
    }
}

/// A group's keys on its page.
#[derive(Debug, Clone)]
pub struct GroupCard {
    /// The keys, at most 20.
    pub keys: Vec<KeyLine>,
    /// All of them, for whoever manages keys.
    pub all_href: Option<String>,
    /// Where one is made, for whoever manages keys.
    pub new_href: Option<String>,
}

impl GroupCard {
    /// The keys that are bound to a group.
    pub fn new<P>(by: &Can<P>, group: GroupId, keys: &[Key], now: Timestamp) -> Self {
        let manages = by.may(Permission::KeyManage);
        let href = |key: &Key| {
            if manages {
                by.path(&format!("/keys/{}", key.id))
            } else {
                String::new()
            }
        };
        Self {
            keys: keys
                .iter()
                .take(20)
                .map(|key| KeyLine::of(key, href(key), now, by.zone()))
                .collect(),
            all_href: manages.then(|| by.path(&format!("/keys?group={group}"))),
            new_href: manages.then(|| by.path(&format!("/keys/new?group={group}"))),
        }
    }
}

/// The rules of keys on the page of settings.
#[derive(Debug, Clone)]
pub struct RulesSummary {
    /// Labels and values.
    pub facts: Vec<Fact>,
    /// Where they are changed.
    pub href: String,
}

impl RulesSummary {
    /// The rules in words.
    pub fn new(rules: &Rules, href: String) -> Self {
        let fact = |label, value| Fact { label, value };
        Self {
            facts: vec![
                fact("Personal keys", rules.personal.title().to_owned()),
                fact("Longest life", life(rules.max_days, "No limit")),
                fact("New keys live", life(rules.default_days, "For ever")),
            ],
            href,
        }
    }
}
