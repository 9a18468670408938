//! Every rule that holds in an organization, with its value, its default and where it comes from: a page that an auditor can read.
//!
//! A room that adds a rule adds a line to [`all`].

use std::time::Duration;

use super::{settings::domains, store, store::Org, subscription};
use crate::{
    access::Role,
    app::Settings,
    auth::password,
    config::{default_of, default_time},
    credits::wallet,
    db::Read,
    error::Result,
    keys::rules,
    members::addition,
    web::filters::{number, plural},
};

/// Where a rule is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In the settings of the organization, in a section.
    Organization(&'static str),
    /// By whoever operates the installation, in a setting of this name.
    Installation(&'static str),
    /// In Muster itself; nobody changes it.
    Muster,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Policy {
    /// What it is about.
    pub title: &'static str,
    /// How it stands.
    pub value: String,
    /// How it stands while nobody has changed it.
    pub default: String,
    /// Where it is set.
    pub source: Source,
}

/// Rules of a kind.
#[derive(Debug, Clone)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// The rules.
    pub policies: Vec<Policy>,
}

impl Policy {
    /// Whether somebody has changed it.
    pub fn is_changed(&self) -> bool {
        self.value != self.default
    }
}

/// Every rule of the organization.
pub async fn all(db: &mut impl Read, org: &Org, installation: &Settings) -> Result<Vec<Group>> {
    let domains = domains(db, org.id).await?;
    let subscription = subscription::find(db, org.id).await?;
    let enterprise = store::find_enterprise(db).await?;
    Ok(vec![
        Group {
            title: "Joining",
            policies: joining(org, &domains, installation),
        },
        Group {
            title: "API keys",
            policies: keys(&rules::find(db, org.id).await?),
        },
        Group {
            title: "Credits",
            policies: vec![own(
                "Personal wallets",
                pays(wallet::settings(db, org.id).await?.0),
                pays(false),
                "wallets",
            )],
        },
        Group {
            title: "Seats",
            policies: vec![Policy {
                title: "People who may act at once",
                value: subscription
                    .seats
                    .map_or_else(|| "No limit".to_owned(), |seats| plural(seats, "seat", "seats")),
                default: "No limit".to_owned(),
                source: Source::Organization("subscription"),
            }],
        },
        Group {
            title: "Signing in",
            policies: signing_in(installation),
        },
        Group {
            title: "Time and help",
            policies: {
                let (zone, contact) = enterprise.map_or_else(Default::default, |one| (one.zone, one.support_contact));
                vec![
                    own(
                        "Time zone of limits, reports and end dates",
                        org.zone.clone(),
                        zone,
                        "general",
                    ),
                    own("Support contact", org.support_contact.clone(), contact, "general"),
                ]
            },
        },
        Group {
            title: "Built in",
            policies: built_in(),
        },
    ])
}

fn own(title: &'static str, value: String, default: String, section: &'static str) -> Policy {
    Policy {
        title,
        value,
        default,
        source: Source::Organization(section),
    }
}

fn pays(is_on: bool) -> String {
    if is_on {
        "Pay when members’ own limits have no room"
    } else {
        "Off"
    }
    .to_owned()
}

fn keys(rules: &rules::Rules) -> Vec<Policy> {
    let default = rules::Rules::default();
    vec![
        own(
            "Who may have personal API keys",
            rules.personal.title().to_owned(),
            default.personal.title().to_owned(),
            "keys",
        ),
        own(
            "Longest life of an API key",
            rules::life(rules.max_days, "No limit"),
            rules::life(default.max_days, "No limit"),
            "keys",
        ),
        own(
            "Life of a new API key",
            rules::life(rules.default_days, "For ever"),
            rules::life(default.default_days, "For ever"),
            "keys",
        ),
    ]
}

fn joining(org: &Org, domains: &[String], installation: &Settings) -> Vec<Policy> {
    let days = |days: Option<i64>| days.map_or_else(|| "Never".to_owned(), |days| plural(days, "day", "days"));
    let who = |managers: bool| {
        if managers {
            "Org Admins and Managers"
        } else {
            "Org Admins"
        }
        .to_owned()
    };
    let shown = |links: bool| {
        if links {
            "Shown to whoever may invite"
        } else {
            "Sent by e-mail alone"
        }
        .to_owned()
    };
    let ceiling = |title, setting: &'static str, value: i64| Policy {
        title,
        value: number(value),
        default: default_of(setting)
            .parse()
            .map_or_else(|_| String::new(), |n: i64| number(n)),
        source: Source::Installation(setting),
    };
    vec![
        own(
            "Invitation links expire after",
            days(org.invite_days),
            days(Some(7)),
            "invitations",
        ),
        own(
            "Allowed e-mail domains",
            if domains.is_empty() {
                "Any".to_owned()
            } else {
                domains.join(", ")
            },
            "Any".to_owned(),
            "invitations",
        ),
        own(
            "Role of new members",
            org.default_role.title().to_owned(),
            Role::Member.title().to_owned(),
            "invitations",
        ),
        own("Who may invite", who(org.managers_invite), who(true), "invitations"),
        own("Invitation links", shown(org.links_visible), shown(true), "invitations"),
        ceiling(
            "Invitations a minute",
            "invites_per_minute",
            i64::from(installation.invites_per_minute),
        ),
        ceiling(
            "Invitations a day",
            "invites_per_day",
            i64::from(installation.invites_per_day),
        ),
        ceiling(
            "Invitations waiting at once",
            "invites_pending",
            installation.invites_pending,
        ),
    ]
}

fn signing_in(installation: &Settings) -> Vec<Policy> {
    let session = |title, setting: &'static str, value: Duration| {
        let default = default_time(setting).unwrap_or(value);
        Policy {
            title,
            value: span(value),
            default: span(default),
            source: Source::Installation(setting),
        }
    };
    let fixed = |title, value: String| Policy {
        title,
        default: value.clone(),
        value,
        source: Source::Muster,
    };
    vec![
        session(
            "A session ends without a request after",
            "session_idle",
            installation.sessions.idle,
        ),
        session(
            "A session ends in any case after",
            "session_absolute",
            installation.sessions.absolute,
        ),
        fixed(
            "Shortest password",
            format!("{} characters", password::Policy::ALONE.min_chars()),
        ),
        fixed("Known and personal words as passwords", "Refused".to_owned()),
        fixed(
            "Link to set a first password",
            format!("Works for {}", span(addition::LINK_LIFE)),
        ),
    ]
}

fn built_in() -> Vec<Policy> {
    [
        ("Last Org Admin", "Cannot be demoted, deactivated, disabled or removed"),
        ("Ranks", "Nobody changes, grants or invites above the own role"),
        (
            "Disabled members",
            "Restored by whoever operates the installation alone",
        ),
        (
            "Audit log",
            "Every change is recorded; entries cannot be changed and are kept for ever",
        ),
        ("Mails about security", "Always sent"),
    ]
    .map(|(title, value)| Policy {
        title,
        value: value.to_owned(),
        default: value.to_owned(),
        source: Source::Muster,
    })
    .into()
}

/// A span in the largest unit that it is a whole number of.
fn span(span: Duration) -> String {
    let seconds = span.as_secs() as i64;
    match seconds {
        s if s % 86_400 == 0 => plural(s / 86_400, "day", "days"),
        s if s % 3_600 == 0 => plural(s / 3_600, "hour", "hours"),
        s if s % 60 == 0 => plural(s / 60, "minute", "minutes"),
        s => plural(s, "second", "seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_org_01_spans_read_as_people_say_them() {
        for (seconds, words) in [
            (60, "1 minute"),
            (3_600, "1 hour"),
            (5_400, "90 minutes"),
            (43_200, "12 hours"),
            (604_800, "7 days"),
            (61, "61 seconds"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
        assert!(joining_defaults_are_known());
    }

    fn joining_defaults_are_known() -> bool {
        [
            "invites_per_minute",
            "invites_per_day",
            "invites_pending",
            "session_idle",
            "session_absolute",
        ]
        .iter()
        .all(|setting| !default_of(setting).is_empty())
    }
}
