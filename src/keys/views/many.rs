//! The dry run of an act on many keys.

use askama::Template;

use super::super::{key::Deed, mass::Plan};
use crate::{
    access::Can,
    web::{filters::plural, layout::Layout},
};

/// What an act on many keys comes to, and the question whether to do it.
#[derive(Debug, Template)]
#[template(path = "keys/many.html")]
pub struct Many {
    /// The frame.
    pub l: Layout,
    /// The keys.
    pub list_href: String,
    /// "Suspend 3 keys".
    pub heading: String,
    /// Where the form goes.
    pub action: String,
    /// The deed.
    pub deed: &'static str,
    /// Whether it is final.
    pub is_final: bool,
    /// What the button says.
    pub label: String,
    /// The keys that change: id, name, owner's words.
    pub changes: Vec<(String, String, String)>,
    /// The keys that stay: name and why.
    pub stays: Vec<(String, &'static str)>,
    /// What is wrong with the confirmation.
    pub error: String,
}

impl Many {
    /// Decides everything that the page prints.
    pub fn new<P>(l: Layout, by: &Can<P>, deed: Deed, plan: &Plan, error: String) -> Self {
        let count = plural(plan.changes.len() as i64, "key", "keys");
        let label = format!("{} {count}", deed.title());
        Self {
            l,
            list_href: by.path("/keys"),
            heading: label.clone(),
            action: by.path("/keys/bulk"),
            deed: deed.key(),
            is_final: deed == Deed::Revoke,
            label,
            changes: plan
                .changes
                .iter()
                .map(|key| (key.id.to_string(), key.name.clone(), key.masked()))
                .collect(),
            stays: plan.stays.iter().map(|(key, why)| (key.name.clone(), *why)).collect(),
            error,
        }
    }
}
