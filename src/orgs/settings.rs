//! An organization's settings: who it is, and the rules of its invitations.

use serde_json::{Map, Value, json};

use super::{
    org::{self, parse_support_contact, parse_zone},
    slug,
    store::{self, Org},
};
use crate::{
    access::{Can, Role, permission::OrgSettings},
    audit::{self, Action, Entry},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    text,
};

/// The most domains that an organization can list.
const MOST_DOMAINS: usize = 100;

/// One section of the settings page, which saves on its own.
#[derive(Debug, Clone)]
pub enum Section {
    /// Who the organization is.
    General {
        /// Its name.
        name: String,
        /// Its place in addresses.
        slug: String,
        /// Its IANA zone.
        zone: String,
        /// Whom people ask whose access ended.
        support_contact: String,
    },
    /// The rules of its invitations.
    Invitations {
        /// How many days they live, 1 to 30; none means for ever.
        invite_days: Option<i64>,
        /// The domains that may be invited, one a line; empty for any.
        domains: String,
        /// The role that invitations offer first.
        default_role: Role,
        /// Whether managers may invite.
        managers_invite: bool,
        /// Whether inviters see and copy invitation links.
        links_visible: bool,
    },
}

/// The domains that may be invited, as ASCII in lower case; empty for any.
pub async fn domains(db: &mut impl Read, org: OrgId) -> Result<Vec<String>> {
    store::list_domains(db, org).await
}

/// Saves one section; `version` is the one that the editor saw, and a later one refuses the change.
pub async fn update_settings(
    tx: &mut Tx,
    by: &Can<OrgSettings>,
    section: Section,
    version: i64,
    now: Timestamp,
) -> Result<Org> {
    let before = org::find(tx, by.org().id).await?;
    if before.version != version {
        return Err(org::stale(&before));
    }
    let mut after = before.clone();
    let mut changed_domains = None;
    match section {
        Section::General {
            name,
            slug,
            zone,
            support_contact,
        } => {
            after.name = text::name("name", &name)?;
            after.slug = slug::parse(&slug)?;
            after.zone = parse_zone(&zone)?;
            after.support_contact = parse_support_contact(&support_contact)?;
        }
        Section::Invitations {
            invite_days,
            domains: list,
            default_role,
            managers_invite,
            links_visible,
        } => {
            if invite_days.is_some_and(|days| !(1..=30).contains(&days)) {
                return Err(Error::invalid(
                    "expiry",
                    "Invitations expire after 1 to 30 days, or never.",
                ));
            }
            if default_role.rank() > Role::Manager.rank() {
                return Err(Error::invalid(
                    "default_role",
                    "Org Admins are made one by one. Choose another role for invitations to begin with.",
                ));
            }
            after.invite_days = invite_days;
            after.default_role = default_role;
            after.managers_invite = managers_invite;
            after.links_visible = links_visible;
            let new = parse_domains(&list)?;
            let old = store::list_domains(tx, before.id).await?;
            if new != old {
                changed_domains = Some((old, new));
            }
        }
    }
    let (old_domains, new_domains) = changed_domains.clone().unwrap_or_default();
    let (was, is) = changes(&fields(&before, &old_domains), &fields(&after, &new_domains));
    if is.is_null() {
        return Ok(before);
    }
    let updated = store::update(tx, &after, &text::fold(&after.name)).await;
    if updated.map_err(|error| {
        if error.is_duplicate() {
            org::slug_taken(&after.slug)
        } else {
            error
        }
    })? == 0
    {
        return Err(org::stale(&before));
    }
    if after.zone != before.zone {
        crate::limits::zone_changed(tx, by.org(), &after.zone, now).await?;
    }
    if let Some((_, new)) = changed_domains {
        store::replace_domains(tx, before.id, &new).await?;
    }
    audit::record(
        tx,
        by.actor(),
        Some(before.id),
        Entry::done(Action::OrgUpdate, after.object(), was, is),
        now,
    )
    .await?;
    org::find(tx, before.id).await
}

fn fields(org: &Org, domains: &[String]) -> [(&'static str, Value); 9] {
    [
        ("name", json!(org.name)),
        ("slug", json!(org.slug)),
        ("zone", json!(org.zone)),
        ("support_contact", json!(org.support_contact)),
        ("invite_days", json!(org.invite_days)),
        ("domains", json!(domains)),
        ("default_role", json!(org.default_role)),
        ("managers_invite", json!(org.managers_invite)),
        ("links_visible", json!(org.links_visible)),
    ]
}

/// The fields that differ, before and after; both `Null` when none does.
pub(super) fn changes<T: PartialEq + Clone + Into<Value>>(
    before: &[(&'static str, T)],
    after: &[(&'static str, T)],
) -> (Value, Value) {
    let differing: Vec<_> = before.iter().zip(after).filter(|(old, new)| old.1 != new.1).collect();
    if differing.is_empty() {
        return (Value::Null, Value::Null);
    }
    let side = |pick: fn(&(&'static str, T)) -> (String, Value), new: bool| -> Value {
        Value::Object(
            differing
                .iter()
                .map(|(old, after)| pick(if new { after } else { old }))
                .collect::<Map<_, _>>(),
        )
    };
    let pick = |(name, value): &(&'static str, T)| ((*name).to_owned(), value.clone().into());
    (side(pick, false), side(pick, true))
}

/// Reads a list of domains, one a line (commas and spaces serve too), sorted, without repetition.
pub fn parse_domains(text: &str) -> Result<Vec<String>> {
    let words = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|word| !word.is_empty());
    let mut domains = words.map(parse_domain).collect::<Result<Vec<_>>>()?;
    domains.sort();
    domains.dedup();
    if domains.len() > MOST_DOMAINS {
        return Err(Error::invalid(
            "domains",
            format!("List at most {MOST_DOMAINS} domains. These are {}.", domains.len()),
        ));
    }
    Ok(domains)
}

fn parse_domain(word: &str) -> Result<String> {
    let refused = || {
        Error::invalid(
            "domains",
            format!("“{word}” is not a domain. Write it as in example.com, one a line."),
        )
    };
    let bare = word.strip_prefix('@').unwrap_or(word);
    let ascii = idna::domain_to_ascii_strict(bare.trim_end_matches('.')).map_err(|_| refused())?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = labels
        .last()
        .is_some_and(|last| last.bytes().all(|c| c.is_ascii_digit()));
    if labels.len() < 2 || ascii.len() > 253 || is_number || !labels.iter().all(is_label) {
        return Err(refused());
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_as_people_write_them() {
        assert_eq!(
            parse_domains(" Example.COM \r\n@kestrel.example, example.com.;münchen.example").unwrap(),
            ["example.com", "kestrel.example", "xn--mnchen-3ya.example"]
        );
        assert_eq!(parse_domains(" \n ").unwrap(), Vec::<String>::new());
        for bad in [
            "localhost",
            "a@b.example",
            "*.example.com",
            "-a.example",
            "a..example",
            "127.0.0.1",
            "https://example.com",
            &format!("{}.example", "x".repeat(64)),
        ] {
            assert!(
                matches!(parse_domains(bad), Err(Error::Invalid { field: "domains", .. })),
                "{bad}"
            );
        }
        let many: Vec<String> = (0..101).map(|n| format!("d{n}.example")).collect();
        assert!(parse_domains(&many.join("\n")).is_err());
        assert_eq!(parse_domains(&many[1..].join("\n")).unwrap().len(), 100);
    }

    #[test]
    fn only_what_differs_is_recorded() {
        let (was, is) = changes(
            &[("a", json!(1)), ("b", json!("x"))],
            &[("a", json!(1)), ("b", json!("y"))],
        );
        assert_eq!((was, is), (json!({ "b": "x" }), json!({ "b": "y" })));
        assert_eq!(
            changes(&[("a", json!(1))], &[("a", json!(1))]),
            (Value::Null, Value::Null)
        );
    }
}
