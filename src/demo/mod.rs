//! An enterprise of invented people, to look around in: 33 of them in 13 organizations with a [`history`], or a [`crowd`] of any size.
//!
//! Everything is made by domain verbs, so the audit log tells how it came about, and each run makes the same people with the
//! same ids in the same order. Only times differ, because they are counted back from the present instant.
//!
//! "33 Total Members across 13 organizations" counts people, not memberships: John Smith belongs to two organizations and is
//! one of the 33. The three with a role over the enterprise are members of an organization too and are among them.

mod api_keys;
pub mod crowd;
pub mod history;
mod names;
mod spending;

use serde::Serialize;

/// The password of every invented person who can sign in.
pub const PASSWORD: &str = "seven-herons-over-granite";

/// The invented enterprise.
const ENTERPRISE: &str = "Halden Group";
const SUPPORT: &str = "help@halden.example";
/// Its main organization.
const KESTREL: &str = "Kestrel Robotics";
const KESTREL_DOMAIN: &str = "kestrel.example";
/// Where its organizations are.
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Europe/Oslo",
    "Asia/Tokyo",
    "Africa/Nairobi",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Sydney",
];

/// One way to sign in to the demonstration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The person's name.
    pub name: String,
    /// The address to sign in with.
    pub email: String,
    /// The password.
    pub password: &'static str,
    /// The role by its title: the one over the enterprise where there is one, else the one in the organization.
    pub role: &'static str,
    /// The person's primary organization.
    pub organization: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password::Policy;

    #[test]
    fn the_password_is_one_that_the_policy_takes_from_each_person() {
        let organizations: Vec<&str> = history::organizations().collect();
        for (name, email) in history::people() {
            let own: Vec<&str> = organizations.iter().copied().chain([name, email, ENTERPRISE]).collect();
            assert!(Policy::ALONE.check(PASSWORD, &own).is_ok(), "{name}");
        }
    }
}
