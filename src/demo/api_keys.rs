//! The API keys of the demonstration: what they are called, whose they are, when they were made and when somebody last used them.

use super::history::DAY;

/// Whose a key is.
pub enum Of {
    /// A group's.
    Group(&'static str),
    /// The service account's.
    Service(&'static str),
    /// A member's own, by address.
    Member(&'static str),
}

/// A key of the main organization.
pub struct OneKey {
    /// What people call it.
    pub name: &'static str,
    /// Whose it is.
    pub of: Of,
    /// What it may be used for.
    pub scopes: &'static [&'static str],
    /// The features that it sets: key and value.
    pub features: &'static [(&'static str, &'static str)],
    /// Minutes since it was made.
    pub made: u64,
    /// How many days it lives; none for ever.
    pub lives: Option<u64>,
    /// Minutes since it was last used; none for never.
    pub used: Option<u64>,
}

/// The features: title, key and default.
pub const FEATURES: [(&str, &str, &str); 3] = [("API", "api", ""), ("Batch", "batch", ""), ("Chat", "chat", "")];
/// When the features and the service account were made, in minutes before now.
pub const BEGAN: u64 = 200 * DAY;
/// The service account.
pub const SERVICE: &str = "Factory gateway";

const CALL: &[&str] = &["api.call", "api.read"];

/// One that is used, one that is new, one that ends soon, one that nobody uses.
pub const KEYS: [OneKey; 7] = [
    OneKey {
        name: "prod-gateway",
        of: Of::Group("Engineering"),
        scopes: CALL,
        features: &[("api", "on"), ("batch", "on"), ("chat", "on")],
        made: 190 * DAY,
        lives: None,
        used: Some(1),
    },
    OneKey {
        name: "helpdesk-bot",
        of: Of::Group("Customer Success"),
        scopes: CALL,
        features: &[("chat", "on")],
        made: 150 * DAY,
        lives: Some(365),
        used: Some(130),
    },
    OneKey {
        name: "crm-sync",
        of: Of::Group("Field Ops"),
        scopes: &["api.read"],
        features: &[("api", "on")],
        made: 140 * DAY,
        lives: None,
        used: Some(94 * DAY),
    },
    OneKey {
        name: "perception-ci",
        of: Of::Group("Perception"),
        scopes: CALL,
        features: &[("api", "on"), ("batch", "on")],
        made: 85 * DAY,
        lives: Some(90),
        used: Some(3),
    },
    OneKey {
        name: "usage-reporter",
        of: Of::Service(SERVICE),
        scopes: &["gate.decide", "gate.reserve", "usage.write"],
        features: &[],
        made: 60 * DAY,
        lives: Some(365),
        used: Some(2),
    },
    OneKey {
        name: "notebooks",
        of: Of::Member("weilin.chen@kestrel.example"),
        scopes: CALL,
        features: &[("api", "on"), ("chat", "on")],
        made: 30 * DAY,
        lives: Some(90),
        used: Some(33),
    },
    OneKey {
        name: "warehouse-etl",
        of: Of::Group("Research"),
        scopes: CALL,
        features: &[("api", "on"), ("batch", "on")],
        made: 20,
        lives: Some(90),
        used: None,
    },
];
