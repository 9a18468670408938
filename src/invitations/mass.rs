//! Sending many invitations again, each as [`super::resend`] does.

pub use super::mass_store::{Candidate, statements};
use super::{
    Desk,
    invitation::{self, RESEND_GAP},
    mass_store as store,
};
use crate::{
    access::{Can, permission::InviteCreate},
    clock::Timestamp,
    db::{Read, Tx},
    error::{Error, Result},
    ids::InvitationId,
    text::fold,
};

/// Why an invitation is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its mail went a minute ago, or five times today.
    TooSoon,
    /// It is not pending any more, or the person has reported it.
    Over,
    /// It is for a role that the caller may not give.
    RoleAboveOwn,
    /// No invitation of this organization has the id.
    Missing,
}

/// Pending invitations whose address holds a text, page by page in the order of their ids.
pub async fn page(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    search: &str,
    after: Option<InvitationId>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Candidate>> {
    let after = after.unwrap_or_else(|| InvitationId::from_raw(0));
    store::list_pending(db, by.org().id, after, fold(search), now, limit as i64).await
}

/// The invitations among some ids, in the order of their ids; others are left out.
pub async fn among(db: &mut impl Read, by: &Can<InviteCreate>, ids: &[InvitationId]) -> Result<Vec<Candidate>> {
    store::list_among(db, by.org().id, ids).await
}

/// What can be told before trying; the day's count of mails is looked at when it is done.
pub fn foresee(by: &Can<InviteCreate>, of: &Candidate, now: Timestamp) -> std::result::Result<(), Refusal> {
    if of.state != 1 {
        return Err(Refusal::Over);
    }
    if !invitation::may_handle(by, of.role) {
        return Err(Refusal::RoleAboveOwn);
    }
    if of.last_sent_at.is_some_and(|last| now.since(last) < RESEND_GAP) {
        return Err(Refusal::TooSoon);
    }
    Ok(())
}

/// Sends each again; a refusal of one does not hold up the others.
pub async fn resend(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    ids: &[InvitationId],
    now: Timestamp,
) -> Result<Vec<(InvitationId, std::result::Result<(), Refusal>)>> {
    let mut answer = Vec::with_capacity(ids.len());
    for id in ids {
        let sent = match invitation::resend(tx, by, desk, *id, now).await {
            Ok(_) => Ok(()),
            Err(Error::NotFound) => Err(Refusal::Missing),
            Err(Error::TooMany(_)) => Err(Refusal::TooSoon),
            Err(Error::Forbidden(_)) => Err(Refusal::RoleAboveOwn),
            Err(Error::Conflict(_)) => Err(Refusal::Over),
            Err(error) => return Err(error),
        };
        answer.push((*id, sent));
    }
    Ok(answer)
}
