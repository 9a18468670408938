//! One invitation and what inviters do with it: invite, send again, make a new link, delete the code.
//!
//! An invitation is a small state machine whose columns say what happened; [`Invitation::status`] reads them. The link's token is
//! derived from the id and the generation (MODEL section 3), so the row holds its hash alone and a page can still show it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use super::store::Invitation;
use super::{
    acceptance,
    addresses::Address,
    bulk::{self, Verdict},
    list::names,
    store,
};
use crate::{
    access::{Can, OrgRef, Role, permission::InviteCreate},
    audit::{self, Action, Actor, Entry, Object},
    auth::account,
    clock::{Timestamp, days, minutes},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{GroupId, InvitationId, OrgId, UserId},
    mail::{self, Mail, links, outbox::MailState},
    roles,
    secret::{Keys, hash_token},
};

/// What an invitation's row says of its fate; expiry is derived, see [`Status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum State {
    /// It waits for an answer.
    Pending = 1,
    /// It made a member.
    Accepted = 2,
    /// The invited person said no.
    Declined = 3,
    /// An inviter deleted its code.
    Revoked = 4,
}

/// What became of an invitation's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[repr(i64)]
pub enum Delivery {
    /// It waits in the outbox.
    Queued = 1,
    /// A mail server took it.
    Sent = 2,
    /// A mail server asked to try later.
    Deferred = 3,
    /// A mail server refused it for good.
    Bounced = 4,
    /// No mail was ordered: the link is handed over by a person.
    LinkOnly = 5,
}

impl Delivery {
    /// What a mail's state means for its invitation; none for a mail that was taken back.
    pub const fn of(mail: MailState) -> Option<Self> {
        match mail {
            MailState::Queued => Some(Self::Queued),
            MailState::Sent => Some(Self::Sent),
            MailState::Deferred => Some(Self::Deferred),
            MailState::Bounced => Some(Self::Bounced),
            MailState::LinkOnly => Some(Self::LinkOnly),
            MailState::Cancelled => None,
        }
    }
}

/// An invitation's place in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Its link works.
    Pending,
    /// Its link has ended; sending it again revives it.
    Expired,
    /// It made a member.
    Accepted,
    /// The invited person said no.
    Declined,
    /// An inviter deleted its code.
    Revoked,
}

impl Invitation {
    /// Where it stands at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.state {
            State::Pending if self.expires_at.is_some_and(|end| end <= now) => Status::Expired,
            State::Pending => Status::Pending,
            State::Accepted => Status::Accepted,
            State::Declined => Status::Declined,
            State::Revoked => Status::Revoked,
        }
    }
    pub(super) fn object(&self) -> Object {
        Object::new("invitation", self.id.raw(), self.email.clone())
    }
    /// The address; the row holds nothing else.
    pub(super) fn address(&self) -> Result<Address> {
        Address::parse(&self.email).map_err(|error| Error::Internal(format!("invitation {}: {error}", self.id)))
    }
}

/// What inviting needs beside the database: the keys of the links, and how many invitations an organization may have open.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// The keys.
    pub keys: &'a Keys,
    /// Whether mail can be sent at all; if not, links are handed over by people.
    pub has_mail: bool,
    /// How many invitations of one organization may be pending at once.
    pub most_pending: i64,
}

impl Desk<'_> {
    pub(super) const fn delivery(&self) -> Delivery {
        if self.has_mail {
            Delivery::Queued
        } else {
            Delivery::LinkOnly
        }
    }
}

/// What an invitation offers, beside the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The role.
    pub role: Role,
    /// The groups that the new member stands in at once.
    pub groups: Vec<GroupId>,
    /// When the membership will end.
    pub member_until: Option<Timestamp>,
}

/// Two mails of one invitation lie at least this far apart.
pub(super) const RESEND_GAP: std::time::Duration = minutes(1);
/// How many mails of one invitation may be ordered again within a day.
const RESENDS_A_DAY: i64 = 5;

/// The roles that the caller may invite with: within the own permissions and up to the own rank, for managers below it (MODEL C-18).
/// The same holds for a group's lead who may invite by the organization's rule ([`super::leads`]): whoever sees no addresses could
/// otherwise invite a second address of their own as Viewer and read them all.
pub fn roles_for<P>(by: &Can<P>) -> Vec<Role> {
    let rank = by.rank();
    let own = by.permissions();
    let may = |role: &Role| {
        let reaches = role.rank() < rank || (role.rank() == rank && rank != Role::Manager.rank());
        reaches && own.covers(&by.org().permissions_of(*role))
    };
    Role::ALL.into_iter().filter(may).collect()
}

/// Whether the caller may act on an invitation to this role. A link to a role that the caller may not give would be a way up.
pub fn may_handle<P>(by: &Can<P>, role: Role) -> bool {
    roles_for(by).contains(&role)
}

pub(super) fn check_role(by: &Can<InviteCreate>, role: Role) -> Result<()> {
    if may_handle(by, role) {
        return Ok(());
    }
    if role.rank() < by.rank() {
        roles::refuse_beyond(by, &by.org().permissions_of(role), &format!("{} permits", role.title()))?;
    }
    let highest = roles_for(by).first().map_or("no role", |role| role.title());
    Err(Error::forbidden(format!(
        "You may not invite with the role {}. The highest role that you may give in {} is {highest}.",
        role.title(),
        by.org().name
    )))
}

/// When an invitation made or renewed now ends.
pub(super) fn expiry(org: &OrgRef, now: Timestamp) -> Option<Timestamp> {
    org.invite_days.map(|count| now.plus(days(count.unsigned_abs())))
}

/// The hash by which a link is found.
pub(super) fn link_hash(keys: &Keys, id: InvitationId, generation: i64) -> [u8; 32] {
    hash_token(links::invitation_token(keys, id, generation).expose())
}

/// Invites one address. Each refusal is about the field `email`, `role` or `group` and says what to do.
pub async fn invite(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    address: &Address,
    terms: &Terms,
    now: Timestamp,
) -> Result<Invitation> {
    let made = bulk::create(tx, by, desk, std::slice::from_ref(address), terms, None, now).await?;
    match made.first() {
        Some((Verdict::Invited, Some(id))) => store::find(tx, by.org().id, *id).await?.ok_or(Error::NotFound),
        Some((verdict, _)) => Err(Error::invalid(
            "email",
            verdict.refusal(address, by.org(), desk.most_pending),
        )),
        None => Err(Error::Internal("an address without a verdict".to_owned())),
    }
}

/// Finds an invitation of the organization that the caller may act on.
async fn find_for(tx: &mut impl Read, by: &Can<InviteCreate>, id: InvitationId) -> Result<Invitation> {
    let found = store::find(tx, by.org().id, id).await?.ok_or(Error::NotFound)?;
    if !may_handle(by, found.role) {
        return Err(Error::forbidden(format!(
            "{} is invited as {}, which is above what you may give. Ask an administrator of {}.",
            found.email,
            found.role.title(),
            by.org().name
        )));
    }
    Ok(found)
}

/// One invitation of the organization.
pub async fn find(db: &mut impl Read, by: &Can<InviteCreate>, id: InvitationId) -> Result<Invitation> {
    store::find(db, by.org().id, id).await?.ok_or(Error::NotFound)
}

fn over(what: &Invitation) -> Error {
    let how = match what.state {
        State::Accepted => "was accepted",
        State::Declined => "was declined",
        State::Revoked => "was deleted",
        State::Pending => "was changed by someone else",
    };
    Error::conflict(format!(
        "The invitation for {} {how}. Reload the page to see how things are.",
        what.email
    ))
}

/// How long to wait until another mail of this invitation may be ordered; none when it may be now.
async fn wait_to_send(tx: &mut Tx, what: &Invitation, now: Timestamp) -> Result<Option<std::time::Duration>> {
    if let Some(last) = what.last_sent_at
        && now.since(last) < RESEND_GAP
    {
        return Ok(Some(RESEND_GAP.saturating_sub(now.since(last))));
    }
    let recent = audit::recent(
        tx,
        what.org_id,
        Action::InvitationResend,
        what.id.raw(),
        now.minus(days(1)),
    )
    .await?;
    Ok((recent.count >= RESENDS_A_DAY).then(|| {
        recent
            .first
            .map_or(days(1), |first| days(1).saturating_sub(now.since(first)))
    }))
}

/// Sends the invitation again: the same link with a new expiry. Mails lie a minute apart, five a day.
pub async fn resend(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    id: InvitationId,
    now: Timestamp,
) -> Result<Invitation> {
    let before = find_for(tx, by, id).await?;
    if before.state != State::Pending {
        return Err(over(&before));
    }
    if let Some(wait) = wait_to_send(tx, &before, now).await? {
        return Err(Error::TooMany(wait));
    }
    refuse_suppressed(tx, by.org(), &before, now).await?;
    let after = send(tx, by, desk, &before, now).await?;
    record_change(tx, by, Action::InvitationResend, &before, &after, now).await?;
    Ok(after)
}

/// A person who reported an invitation gets no more of them, however old the row.
async fn refuse_suppressed(tx: &mut Tx, org: &OrgRef, what: &Invitation, now: Timestamp) -> Result<()> {
    let known = store::list_known(tx, org.id, &[&what.email_key], now).await?;
    if known.first().is_some_and(|known| known.suppressed == Some(1)) {
        return Err(Error::conflict(Verdict::Reported.refusal(&what.address()?, org, 0)));
    }
    Ok(())
}

/// Renews the expiry and orders the mail of the row's present link.
async fn send(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    what: &Invitation,
    now: Timestamp,
) -> Result<Invitation> {
    let org = by.org();
    if store::resend(
        tx,
        org.id,
        what.id,
        desk.delivery(),
        expiry(org, now),
        now.minus(RESEND_GAP),
        now,
    )
    .await?
        == 0
    {
        return Err(over(what));
    }
    let after = store::find(tx, org.id, what.id).await?.ok_or(Error::NotFound)?;
    let message = Mail::Invitation {
        invitation: after.id,
        generation: after.generation,
        organization: org.name.clone(),
        role: after.role.title().to_owned(),
        expires_at: after.expires_at,
        zone: org.zone.name().to_owned(),
        inviter: inviter_of(tx, after.invited_by).await?,
        reminder: false,
    };
    mail::enqueue(tx, Some(org.id), &after.address()?, &message, now).await?;
    Ok(after)
}

/// Who invited, as the mail may say it.
async fn inviter_of(db: &mut impl Read, inviter: UserId) -> Result<Option<(String, String)>> {
    Ok(account::find(db, inviter)
        .await?
        .map(|account| (account.name, account.email)))
}

/// Makes a new link and kills the old one at once. The mail with the new link goes out too, unless one went just before;
/// returns whether it did.
pub async fn new_link(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    id: InvitationId,
    now: Timestamp,
) -> Result<(Invitation, bool)> {
    let before = find_for(tx, by, id).await?;
    if before.state != State::Pending {
        return Err(over(&before));
    }
    let sends = desk.has_mail && wait_to_send(tx, &before, now).await?.is_none();
    refuse_suppressed(tx, by.org(), &before, now).await?;
    let org = by.org();
    mail::outbox::cancel_for(tx, id).await?; // what waits to be sent would carry the dead link
    let hash = link_hash(desk.keys, id, before.generation + 1);
    if store::new_link(tx, org.id, id, before.generation, hash, expiry(org, now)).await? == 0 {
        return Err(over(&before));
    }
    let mut after = store::find(tx, org.id, id).await?.ok_or(Error::NotFound)?;
    if sends {
        after = send(tx, by, desk, &after, now).await?;
    }
    record_change(tx, by, Action::InvitationNewLink, &before, &after, now).await?;
    if sends {
        // The day's count of mails is read from the record, so the mail stands there as what it is.
        record_change(tx, by, Action::InvitationResend, &before, &after, now).await?;
    }
    Ok((after, sends))
}

/// Deletes the code: the link stops working at once and the row leaves the table of pending ones.
pub async fn revoke(tx: &mut Tx, by: &Can<InviteCreate>, id: InvitationId, now: Timestamp) -> Result<Invitation> {
    let before = find_for(tx, by, id).await?;
    if store::decide(tx, by.org().id, id, State::Revoked, now).await? == 0 {
        return Err(over(&before));
    }
    mail::outbox::cancel_for(tx, id).await?;
    let entry = Entry::done(
        Action::InvitationRevoke,
        before.object(),
        json!({ "state": "pending" }),
        json!({ "state": "deleted" }),
    );
    audit::record(tx, by.actor(), Some(by.org().id), entry, now).await?;
    store::find(tx, by.org().id, id).await?.ok_or(Error::NotFound)
}

/// Ends the pending invitation of someone who has come in by another door: nothing is left to accept. The caller records the joining.
pub async fn end_for(tx: &mut Tx, org: OrgId, address: &Address, user: UserId, now: Timestamp) -> Result<()> {
    let Some(id) = store::find_pending_for(tx, org, address.key()).await? else {
        return Ok(());
    };
    store::decide(tx, org, id, State::Accepted, now).await?;
    store::set_accepted_by(tx, org, id, user).await?;
    mail::outbox::cancel_for(tx, id).await
}

/// Deletes every pending code of one inviter in the organization, when that person is disabled or removed (MODEL 2.3); returns how many.
pub async fn revoke_by(tx: &mut Tx, by: &Actor, org: OrgId, inviter: UserId, now: Timestamp) -> Result<u64> {
    let open = store::list_by_inviter(tx, org, inviter).await?;
    for (id, _) in &open {
        mail::outbox::cancel_for(tx, *id).await?;
    }
    let entries = open
        .into_iter()
        .map(|(id, email)| {
            let after = json!({ "state": "deleted", "because": "the inviter lost access" });
            Entry::done(
                Action::InvitationRevoke,
                Object::new("invitation", id.raw(), email),
                json!({ "state": "pending" }),
                after,
            )
        })
        .collect();
    audit::record_many(tx, by, Some(org), entries, now).await?;
    store::revoke_by(tx, org, inviter, now).await
}

/// Ends the pending invitations of many who have come in by another door, as [`end_for`].
pub async fn end_for_many(tx: &mut Tx, org: OrgId, people: &[(&Address, UserId)], now: Timestamp) -> Result<()> {
    let keys: Vec<&str> = people.iter().map(|(address, _)| address.key()).collect();
    for known in store::list_known(tx, org, &keys, now).await? {
        let (Some(id), Some((_, user))) = (
            known.invitation,
            people.iter().find(|(address, _)| address.key() == known.email_key),
        ) else {
            continue;
        };
        store::decide(tx, org, id, State::Accepted, now).await?;
        store::set_accepted_by(tx, org, id, *user).await?;
        mail::outbox::cancel_for(tx, id).await?;
    }
    Ok(())
}

async fn record_change(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    action: Action,
    before: &Invitation,
    after: &Invitation,
    now: Timestamp,
) -> Result<()> {
    let fields = |row: &Invitation| -> Value {
        json!({ "expires_at": row.expires_at, "generation": row.generation, "sent": row.send_count })
    };
    let entry = Entry::done(action, after.object(), fields(before), fields(after));
    audit::record(tx, by.actor(), Some(by.org().id), entry, now).await
}

/// What the record says of a new invitation.
pub(super) fn created_entry(
    id: InvitationId,
    address: &Address,
    terms: &Terms,
    expires_at: Option<Timestamp>,
    again: bool,
) -> Entry {
    let after = json!({ "role": terms.role.key(), "groups": terms.groups, "expires_at": expires_at, "member_until": terms.member_until });
    let before = if again {
        json!({ "state": "expired" })
    } else {
        Value::Null
    };
    Entry::done(
        Action::InvitationCreate,
        Object::new("invitation", id.raw(), address.display()),
        before,
        after,
    )
}

/// Says of some invitations that nobody mails them, because there is no mail server: their links are given out by hand.
pub async fn not_mailed(tx: &mut Tx, invitations: &[InvitationId]) -> Result<()> {
    let mut by_org: BTreeMap<OrgId, Vec<String>> = BTreeMap::new();
    for id in invitations {
        by_org.entry(id.org()).or_default().push(id.raw().to_string());
    }
    for (org, ids) in by_org {
        store::set_not_mailed(tx, org, ids.join(",")).await?;
    }
    Ok(())
}

/// What became of the mail, told by the mail worker. A bounce is recorded and keeps new invitations away for a while.
pub async fn delivery_changed(
    tx: &mut Tx,
    by: &Actor,
    id: InvitationId,
    delivery: Delivery,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    let org = id.org();
    let Some(found) = store::find(tx, org, id).await? else {
        return Ok(());
    };
    let error: String = error.chars().filter(|c| *c != '\0').take(500).collect();
    store::set_delivery(tx, org, id, delivery, &error).await?;
    if delivery == Delivery::Bounced {
        store::suppress(tx, &found.email_key, org, 2, now).await?;
        let entry = Entry {
            outcome: audit::Outcome::Error,
            ..Entry::done(
                Action::InvitationDelivery,
                found.object(),
                Value::Null,
                json!({ "delivery": "bounced", "error": error }),
            )
        };
        audit::record(tx, by, Some(org), entry, now).await?;
        let place = store::find_place(tx, org).await?;
        acceptance::tell_inviter(tx, &found, &place, None, now).await?;
    }
    Ok(())
}

/// Reminds people whose invitation ends within two days, once for each link's life; returns how many. Invitations that live no
/// longer than that are not reminded of.
pub async fn remind_due(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    const AT_ONCE: i64 = 500;
    let mut reminded = 0;
    for ending in store::list_ending(tx, now, now.plus(days(2)), AT_ONCE).await? {
        if store::set_reminded(tx, ending.org_id, ending.id, now).await? == 0 {
            continue;
        }
        let Ok(address) = Address::parse(&ending.email) else {
            continue;
        };
        let message = Mail::Invitation {
            invitation: ending.id,
            generation: ending.generation,
            organization: ending.organization,
            role: ending.role.title().to_owned(),
            expires_at: ending.expires_at,
            zone: ending.zone,
            inviter: inviter_of(tx, ending.invited_by).await?,
            reminder: true,
        };
        mail::enqueue(tx, Some(ending.org_id), &address, &message, now).await?;
        reminded += 1;
    }
    Ok(reminded)
}

/// The domains in words: "a.example", "a.example and b.example".
pub(super) fn domains_in_words(domains: &[String]) -> String {
    names(domains.iter().map(String::as_str))
}
