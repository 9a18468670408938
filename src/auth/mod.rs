//! Accounts and how one signs in: password, sign-out, forgotten passwords, first-run set-up, the own profile and sessions.
//!
//! What is typed is compared in [`sign_in`]; what follows a right password, a session, is opened by [`sign_in_as`] alone. Second factors
//! will stand between the two, passkeys and SSO beside `sign_in`: each ends in `sign_in_as`.

pub mod account;
mod address_code;
mod device;
mod forms;
mod handlers;
pub mod ladder;
pub mod password;
pub mod picture;
pub mod profile;
mod profile_store;
pub mod reset;
pub mod setup;
pub mod sign_in;
mod store;
mod views;

use actix_session::SessionExt as _;
use actix_web::HttpRequest;

pub use account::Account;
/// Every statement of this room.
pub fn statements() -> Vec<crate::db::Statement> {
    let mut all = store::statements();
    all.extend(profile_store::statements());
    all
}

use crate::{
    access::session::{self, Lifetimes},
    audit::Action,
    clock::{Timestamp, days},
    db::Tx,
    error::{Error, Result},
    ids::UserId,
    secret::Secret,
    web::{
        request::{NewCookies, Trace},
        routes::{FORM_BODY, Kind, Route, Target, delete, get, post},
    },
};
use handlers::{pictures, profile as profiles, resets, security, sessions, setups, well_known};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/sign-in", sessions::new),
        post("/sign-in", sessions::create).records(Action::SignIn),
        post("/sign-out", sessions::destroy)
            .signed_in()
            .records(Action::SignOut),
        get("/forgot", resets::new),
        post("/forgot", resets::create).records(Action::PasswordResetRequest),
        get("/reset/{token}", resets::exchange).about(Target::Token),
        get("/reset", resets::edit),
        post("/reset", resets::update).records(Action::PasswordReset),
        get("/setup/{token}", setups::new).about(Target::Token),
        post("/setup/{token}", setups::create)
            .about(Target::Token)
            .records(Action::EnterpriseCreate),
        get("/me", profiles::show).signed_in(),
        post("/me", profiles::update).signed_in().records(Action::ProfileUpdate),
        post("/me/display", profiles::update_display)
            .signed_in()
            .records(Action::ProfileUpdate),
        post("/me/picture", pictures::update)
            .signed_in()
            .body(picture::UPLOADED + FORM_BODY)
            .records(Action::ProfileUpdate),
        post("/me/picture/removal", pictures::destroy)
            .signed_in()
            .records(Action::ProfileUpdate),
        get("/pictures/{picture}", pictures::show)
            .signed_in()
            .about(Target::Picture)
            .kind(Kind::Asset),
        post("/me/address/code", profiles::create_code)
            .signed_in()
            .records(Action::AddressCode),
        post("/me/address/confirmation", profiles::create_confirmation)
            .signed_in()
            .records(Action::AddressVerify),
        get("/me/security", security::show).signed_in(),
        post("/me/password", security::update_password)
            .signed_in()
            .records(Action::PasswordChange),
        post("/me/sessions/end-all", security::destroy_others)
            .signed_in()
            .records(Action::SessionRevokeAll),
        delete("/me/sessions/{session}", security::destroy_session)
            .signed_in()
            .about(Target::Session)
            .records(Action::SessionRevoke),
        post("/me/sessions/{session}/end", security::destroy_session)
            .signed_in()
            .about(Target::Session)
            .records(Action::SessionRevoke),
        post("/password/strength", security::strength),
        get("/.well-known/change-password", well_known::change_password).kind(Kind::Probe),
        get("/.well-known/security.txt", well_known::security_txt).kind(Kind::Probe),
    ]
}

/// Opens a session of the account in the caller's transaction; the handler gives its token to the browser with [`remember`].
pub async fn sign_in_as(
    tx: &mut Tx,
    lifetimes: &Lifetimes,
    user: UserId,
    trace: &Trace,
    now: Timestamp,
) -> Result<Secret> {
    let token = session::open(tx, user, *lifetimes, &trace.ip(), &trace.agent, now).await?;
    store::update_last_sign_in(tx, user, now).await?;
    Ok(token)
}

/// Gives the browser a new session's token, under a new cookie value whatever cookie it sent.
pub fn remember(req: &HttpRequest, token: &Secret) -> Result<()> {
    let state = req.get_session();
    state.renew();
    state
        .insert(session::TOKEN, token.expose())
        .map_err(|error| Error::Internal(error.to_string()))?;
    // The dead cookie that this one replaces is not to be removed after it was set.
    NewCookies::of(req).forget(session_cookie(req));
    Ok(())
}

/// Takes the session from the browser; its row was deleted by a verb.
pub fn forget(req: &HttpRequest) {
    req.get_session().purge();
}

/// Ends the session that the browser brought along, which the next one replaces.
pub async fn end_old_session(tx: &mut Tx, req: &HttpRequest) -> Result<()> {
    let brought: Option<String> = req.get_session().get(session::HASH).ok().flatten();
    let hash = brought.and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok());
    if let Some(hash) = hash.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        session::end_token_hash(tx, hash).await?;
    }
    Ok(())
}

fn session_cookie(req: &HttpRequest) -> &'static str {
    req.app_data::<actix_web::web::Data<crate::app::App>>()
        .map_or("", |app| app.settings.session_cookie())
}

/// Deletes reset links and codes that have ended, and the failures of addresses that nobody has tried for long; returns how many.
pub async fn prune(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    Ok(store::delete_ended_resets(tx, now).await?
        + store::delete_ended_codes(tx, now).await?
        + store::delete_old_ladders(tx, now.minus(days(30)), now.minus(days(365))).await?)
}

impl From<password::Failed> for Error {
    fn from(failed: password::Failed) -> Self {
        match failed {
            password::Failed::Busy => Self::Busy,
            password::Failed::TooLong => Self::invalid("password", failed.to_string()),
            password::Failed::Broken => Self::Internal("a password could not be hashed".to_owned()),
        }
    }
}

impl From<password::Refusal> for Error {
    fn from(refusal: password::Refusal) -> Self {
        Self::invalid("password", refusal.to_string())
    }
}
