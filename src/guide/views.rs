//! The pages and the card of this room.

use askama::Template;

use super::checklist::{Facts, Step};
use crate::{orgs::training::Resource, web::layout::Layout};

/// One step as it is shown.
#[derive(Debug, Clone)]
pub struct StepView {
    /// A word for ids.
    pub key: &'static str,
    /// What to do.
    pub title: &'static str,
    /// Why and how.
    pub text: &'static str,
    /// Where.
    pub href: String,
    /// What the link says.
    pub label: &'static str,
    /// Whether it is done.
    pub done: bool,
}

impl StepView {
    /// The step in an organization whose paths begin with `base`.
    pub fn of(step: &Step, facts: &Facts, base: &str) -> Self {
        Self {
            key: step.key,
            title: step.title,
            text: step.text,
            href: step.page.replace("/o/{org}", base),
            label: step.label,
            done: (step.done)(facts),
        }
    }
}

/// The card on the members page.
#[derive(Debug, Clone)]
pub struct Card {
    /// The steps, none for who does not run the organization.
    pub steps: Vec<StepView>,
    /// How many are done.
    pub done: usize,
    /// The first one that is left.
    pub next: Option<StepView>,
    /// What one can learn from.
    pub resources: Vec<Resource>,
    /// The page that says more.
    pub href: String,
    /// Where the card is put away.
    pub dismiss: String,
}

/// GET /o/{org}/getting-started.
#[derive(Debug, Template)]
#[template(path = "guide/getting_started.html")]
pub struct GettingStarted {
    /// The frame.
    pub l: Layout,
    /// The organization's name.
    pub organization: String,
    /// The steps.
    pub steps: Vec<StepView>,
    /// How many are done.
    pub done: usize,
    /// What one can learn from.
    pub resources: Vec<Resource>,
    /// Whom to ask.
    pub support_contact: String,
    /// Where training resources are kept; none for who may not.
    pub training_href: Option<String>,
    /// Whether the card on the members page was put away.
    pub dismissed: bool,
    /// Where it is put away; with `/end`, where it is called back.
    pub dismiss: String,
}

/// GET /help.
#[derive(Debug, Template)]
#[template(path = "guide/help.html")]
pub struct Help {
    /// The frame.
    pub l: Layout,
    /// Getting started in the person's own organization; none for who has none.
    pub start_href: Option<String>,
}
