//! Training resources: the links that an organization offers to its new members.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::{org, store};
use crate::{
    access::{Can, permission::OrgSettings},
    audit::{self, Action, Entry, Object},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::OrgId,
    text,
    web::form::FieldErrors,
};

/// How many resources an organization can offer.
pub const MOST: usize = 10;

/// The field of each resource, for what is wrong with it.
pub const FIELDS: [&str; MOST] = [
    "resource-1",
    "resource-2",
    "resource-3",
    "resource-4",
    "resource-5",
    "resource-6",
    "resource-7",
    "resource-8",
    "resource-9",
    "resource-10",
];

/// One link to learn from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is called.
    pub title: String,
    /// Where it is, always https.
    pub url: String,
    /// One sentence, may be empty.
    #[serde(default)]
    pub description: String,
}

/// What an organization offers.
#[derive(Debug, Clone, Default)]
pub struct Training {
    /// The resources, in their order.
    pub resources: Vec<Resource>,
    /// Rises with every change; 0 before the first.
    pub version: i64,
}

/// Reads what a row holds.
pub fn parse_stored(json: &str) -> Result<Vec<Resource>> {
    Ok(serde_json::from_str(json)?)
}

/// What the organization offers.
pub async fn find(db: &mut impl Read, org: OrgId) -> Result<Training> {
    match store::find_training(db, org).await? {
        Some((json, version)) => Ok(Training {
            resources: parse_stored(&json)?,
            version,
        }),
        None => Ok(Training::default()),
    }
}

/// Reads what was typed: rows without a title and a link are left out; each fault names its row.
pub fn parse(typed: &[Resource]) -> Result<Vec<Resource>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut resources = Vec::new();
    for (resource, field) in typed.iter().zip(FIELDS) {
        if resource.title.trim().is_empty() && resource.url.trim().is_empty() && resource.description.trim().is_empty()
        {
            continue;
        }
        match parse_one(resource, field) {
            Ok(resource) => resources.push(resource),
            Err(error) => errors.add(field, error.to_string()),
        }
    }
    if errors.is_empty() { Ok(resources) } else { Err(errors) }
}

fn parse_one(typed: &Resource, field: &'static str) -> Result<Resource> {
    let title = text::line(field, "A title", &typed.title, 80)?;
    let refused = || {
        Error::invalid(
            field,
            "Write the whole link, beginning with https://, as in https://learn.example.com/start.",
        )
    };
    let url = Url::parse(typed.url.trim()).map_err(|_| refused())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if url.scheme() != "https" || url.host_str().is_none_or(str::is_empty) || !is_plain || url.as_str().len() > 500 {
        return Err(refused());
    }
    let description = match typed.description.trim() {
        "" => String::new(),
        typed => text::line(field, "A description", typed, 200)?,
    };
    Ok(Resource {
        title,
        url: url.to_string(),
        description,
    })
}

/// Keeps the list in the place of the present one; `version` is the one that the editor saw.
pub async fn update(
    tx: &mut Tx,
    by: &Can<OrgSettings>,
    resources: &[Resource],
    version: i64,
    now: Timestamp,
) -> Result<()> {
    let org = org::find(tx, by.org().id).await?;
    let before = find(tx, org.id).await?;
    if before.version != version {
        return Err(org::stale(&org));
    }
    if before.resources == resources {
        return Ok(());
    }
    if store::put_training(tx, org.id, &serde_json::to_string(resources)?, version).await? == 0 {
        return Err(org::stale(&org));
    }
    let words = |list: &[Resource]| -> Value {
        let told: Vec<_> = list.iter().map(|one| format!("{} ({})", one.title, one.url)).collect();
        json!({ "training": told })
    };
    let object = Object::new("training", org.id.raw(), &org.name);
    let entry = Entry::done(
        Action::TrainingUpdate,
        object,
        words(&before.resources),
        words(resources),
    );
    audit::record(tx, by.actor(), Some(org.id), entry, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(title: &str, url: &str) -> Resource {
        Resource {
            title: title.to_owned(),
            url: url.to_owned(),
            description: String::new(),
        }
    }

    #[test]
    fn r_lif_04_only_https_links_are_kept_and_each_fault_names_its_row() {
        let kept = parse(&[
            resource(" First steps ", " https://learn.example.com/a b "),
            resource("", " "),
            resource("Prompts", "https://learn.example.com"),
        ])
        .unwrap();
        assert_eq!(
            kept,
            [
                resource("First steps", "https://learn.example.com/a%20b"),
                resource("Prompts", "https://learn.example.com/"),
            ]
        );
        for bad in [
            "http://learn.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "//learn.example.com",
            "learn.example.com",
            "https://",
            "https://user:secret@learn.example.com",
            "",
        ] {
            let errors = parse(&[resource("Good", "https://a.example"), resource("Bad", bad)]).unwrap_err();
            assert!(errors.has("resource-2") && !errors.has("resource-1"), "{bad}");
        }
        assert!(
            parse(&[resource("", "https://a.example")])
                .unwrap_err()
                .has("resource-1")
        );
    }
}
