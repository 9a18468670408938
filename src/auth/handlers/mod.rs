//! HTTP in, HTTP out, by what the pages are about.

pub mod pictures;
pub mod profile;
pub mod resets;
pub mod security;
pub mod sessions;
pub mod setups;
pub mod well_known;

use std::time::Duration;

use actix_web::{HttpResponse, http::header};

use super::{
    account::{self, Account},
    password::Policy,
};
use crate::{
    access::SignedIn,
    app::App,
    error::{Error, Result},
    orgs,
};

/// What stands below every field for a new password, before anything is wrong with it.
fn hint() -> String {
    format!(
        "Use at least {} characters. Four random words work well.",
        Policy::ALONE.min_chars()
    )
}

/// Judges a new password and hashes it; both take long enough to stay away from the threads that answer requests.
async fn accepted(app: &App, password: &str, own: Vec<String>) -> Result<String> {
    let judged = password.to_owned();
    let check = move || Policy::ALONE.check(&judged, &own.iter().map(String::as_str).collect::<Vec<_>>());
    let verdict = tokio::task::spawn_blocking(check).await;
    verdict.map_err(|error| Error::Internal(error.to_string()))??;
    Ok(app.hasher.hash(password).await?)
}

/// The words that a person's password must not consist of: name, address, organizations, enterprise.
async fn own_words(app: &App, account: &Account) -> Result<Vec<String>> {
    let mut db = app.db.read();
    let mut words = vec![account.name.clone(), account.email.clone()];
    words.extend(orgs::find_enterprise(&mut db).await?.map(|enterprise| enterprise.name));
    let memberships = account::memberships(&mut db, account.id).await?;
    words.extend(memberships.into_iter().take(8).map(|one| one.org_name));
    Ok(words)
}

/// The account of whoever is signed in.
async fn own(app: &App, me: &SignedIn) -> Result<Account> {
    account::find(&mut app.db.read(), me.person.id)
        .await?
        .ok_or(Error::NotFound)
}

/// The answer with `Retry-After`.
fn later(mut response: HttpResponse, wait: Duration) -> HttpResponse {
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
    response
}
