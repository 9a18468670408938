//! The outbox: a mail is a row in the transaction of what it tells of, and leaves later. The row holds no secret.

use std::time::Duration;

use lettre::message::Mailbox;
use serde::{Deserialize, Serialize};
use url::Url;

pub use super::store::{MailRow, MailState};
use super::{
    address::Address,
    links,
    message::{
        self, AccessChanged, AddedToOrganization, Change, LimitDecided, LimitRequested, Message, Name, Person, Rendered,
    },
    store,
    transport::{Outcome, Post, retry_after},
};
use crate::{
    app::Settings,
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, Zone},
    db::{Db, Read, Tx},
    error::{Error, Result},
    ids::{GroupId, InvitationId, LimitRequestId, MailId, OrgId, ResetId, UserId},
    secret::Keys,
    web::filters,
};

/// A mail as it waits: everything that its words need, but for the secrets, which are derived when it leaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mail {
    /// An invitation, or the reminder of one.
    Invitation {
        /// The invitation.
        invitation: InvitationId,
        /// Which of its links.
        generation: i64,
        /// Where to.
        organization: String,
        /// The role's name.
        role: String,
        /// When the link ends.
        expires_at: Option<Timestamp>,
        /// The organization's zone.
        zone: String,
        /// Who invited: name and address.
        inviter: Option<(String, String)>,
        /// Whether it is the reminder.
        reminder: bool,
    },
    /// A link to choose a password.
    PasswordReset {
        /// The reset.
        reset: ResetId,
        /// When it was made.
        created_at: Timestamp,
        /// How long it lives.
        minutes: u32,
    },
    /// The password is another one.
    PasswordChanged {
        /// When.
        at: Timestamp,
        /// The person's zone, empty in rows from before it was written.
        #[serde(default)]
        zone: String,
    },
    /// A code that proves an address.
    VerifyAddress {
        /// Whose.
        user: UserId,
        /// Which code.
        nonce: i64,
        /// How long it lives.
        minutes: u32,
    },
    /// Somebody asks the inviter for a new link.
    RenewalRequested {
        /// Where to.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// Who was invited.
        invited: String,
    },
    /// One more organization, with a link to set a first password where there is none yet.
    AddedToOrganization {
        /// Where to.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// The role's name.
        role: String,
        /// Who did it: name and address.
        by: Option<(String, String)>,
        /// The reset by which a new account sets its password, and when it was made.
        set_password: Option<(ResetId, Timestamp)>,
    },
    /// Somebody's time in a group ends soon.
    GroupEnding {
        /// Where.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// The group's name.
        group: String,
        /// The group.
        id: GroupId,
        /// Whose time it is, for the group's leads; none for the person themselves.
        whose: Option<String>,
        /// The end.
        ends_at: Timestamp,
        /// The organization's zone.
        zone: String,
    },
    /// An API key ends soon.
    KeyExpiring {
        /// Where.
        organization: String,
        /// What the key is called.
        name: String,
        /// The key's page, as a path of the portal.
        path: String,
        /// Whether it is the reader's own.
        is_own: bool,
        /// The end.
        ends_at: Timestamp,
        /// The organization's zone.
        zone: String,
    },
    /// Somebody has come near a limit, or used it up.
    LimitAlert {
        /// Where.
        organization: String,
        /// Whose limit it is, for administrators and leads; none for whoever it limits.
        whose: Option<String>,
        /// The group that the reader leads; none for whoever it limits, and for administrators.
        group: Option<String>,
        /// "monthly limit".
        limit: String,
        /// How much is used, in words.
        used: String,
        /// How much may be used, in words.
        amount: String,
        /// The part that is used.
        percent: i64,
        /// Whether requests are refused when it is used up.
        is_hard: bool,
        /// Whether it is used up.
        is_over: bool,
        /// When it is used up if it goes on like this; none when it lasts.
        reached_at: Option<Timestamp>,
        /// When it begins anew.
        resets_at: Option<Timestamp>,
        /// The organization's zone.
        zone: String,
        /// Where one sees more, as a path of the portal.
        path: String,
    },
    /// Somebody uses far more in a day than usual.
    UsageSpike {
        /// Where.
        organization: String,
        /// Who it is, for administrators and leads; none for whoever uses it.
        whose: Option<String>,
        /// The group that the reader leads; none for whoever uses it, and for administrators.
        group: Option<String>,
        /// How much was used today, in words.
        used: String,
        /// How much is used on an ordinary day, in words.
        ordinary: String,
        /// Where one sees more, as a path of the portal.
        path: String,
    },
    /// Some members used nothing in a month.
    UsageUnused {
        /// Where.
        organization: String,
        /// How many they are.
        count: i64,
        /// The first of them by name.
        names: Vec<String>,
        /// The month, with its year.
        month: String,
        /// Where one sees all of them, as a path of the portal.
        path: String,
    },
    /// A member asks for a higher limit.
    LimitRequested {
        /// Where.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// The request.
        request: LimitRequestId,
        /// Who asks: name and address.
        member: (String, String),
        /// What for, in words of ours.
        asks: String,
    },
    /// A request for a higher limit was answered.
    LimitDecided {
        /// Where.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// What was asked for, in words of ours.
        asked: String,
        /// What was granted; none when it was refused.
        granted: Option<String>,
    },
    /// Other rights.
    AccessChanged {
        /// Where.
        organization: String,
        /// `role:Manager`, `suspended`, `activated`, `disabled`, `removed`.
        change: String,
        /// Whom to ask.
        contact: String,
    },
    /// What became of an invitation, to its sender.
    InvitationNews {
        /// Where to.
        organization: String,
        /// The organization's place in addresses.
        slug: String,
        /// Who was invited.
        invited: String,
        /// Whether the person joined; else the mail came back.
        accepted: bool,
    },
    /// A sign-in from a device that was not seen before.
    NewSignIn {
        /// When.
        at: Timestamp,
        /// The person's zone, empty in rows from before it was written.
        #[serde(default)]
        zone: String,
        /// The kind of device, in our own words.
        device: String,
        /// From which network address.
        from: String,
    },
}

impl Mail {
    /// The invitation that the mail carries, whose delivery state follows the mail's.
    pub const fn invitation(&self) -> Option<InvitationId> {
        match self {
            Self::Invitation { invitation, .. } => Some(*invitation),
            _ => None,
        }
    }

    /// Puts the mail into words, with its secrets.
    pub fn render(&self, to: &Address, settings: &Settings, keys: &Keys) -> Result<Rendered> {
        let message = self.message(to, settings, keys)?;
        Ok(message.render(&settings.host())?)
    }

    fn message(&self, to: &Address, settings: &Settings, keys: &Keys) -> Result<Message> {
        let url = |link: String| Url::parse(&link).map_err(|error| Error::Internal(format!("link: {error}")));
        let person = |who: &Option<(String, String)>| {
            who.as_ref().and_then(|(name, address)| {
                let address = Address::parse(address).ok()?;
                Some(Person {
                    name: Name::person(name),
                    address,
                })
            })
        };
        Ok(match self {
            Self::Invitation {
                invitation,
                generation,
                organization,
                role,
                expires_at,
                zone,
                inviter,
                reminder,
            } => {
                let invitation = message::Invitation {
                    organization: Name::organization(organization),
                    role: Name::role(role),
                    address: to.clone(),
                    link: url(links::mailed_invitation(settings, keys, *invitation, *generation))?,
                    expires: expires_at.map_or_else(
                        || "It does not expire".to_owned(),
                        |end| when(end, &Zone::find_or_utc(zone)),
                    ),
                    inviter: person(inviter),
                };
                if *reminder {
                    Message::InvitationReminder(invitation)
                } else {
                    Message::Invitation(invitation)
                }
            }
            Self::PasswordReset {
                reset,
                created_at,
                minutes,
            } => Message::PasswordReset(message::PasswordReset {
                link: url(links::reset(settings, keys, *reset, *created_at))?,
                minutes: *minutes,
            }),
            Self::PasswordChanged { at, zone } => Message::PasswordChanged(message::PasswordChanged {
                changed: when(*at, &Zone::find_or_utc(zone)),
                link: url(settings.link("/forgot"))?,
            }),
            Self::VerifyAddress { user, nonce, minutes } => Message::VerifyAddress(message::VerifyAddress {
                address: to.clone(),
                code: links::address_code(keys, *user, *nonce).expose().to_owned(),
                minutes: *minutes,
            }),
            Self::RenewalRequested {
                organization,
                slug,
                invited,
            } => Message::RenewalRequested(message::RenewalRequested {
                organization: Name::organization(organization),
                address: Address::parse(invited).map_err(|error| Error::Internal(error.to_string()))?,
                link: url(settings.link(&format!("/o/{slug}/invites")))?,
            }),
            Self::AddedToOrganization {
                organization,
                slug,
                role,
                by,
                set_password,
            } => {
                let link = match set_password {
                    Some((reset, created_at)) => links::reset(settings, keys, *reset, *created_at),
                    None => settings.link(&format!("/o/{slug}/members")),
                };
                Message::AddedToOrganization(AddedToOrganization {
                    organization: Name::organization(organization),
                    role: Name::role(role),
                    address: to.clone(),
                    link: url(link)?,
                    by: person(by),
                })
            }
            Self::GroupEnding {
                organization,
                slug,
                group,
                id,
                whose,
                ends_at,
                zone,
            } => Message::GroupEnding(message::GroupEnding {
                organization: Name::organization(organization),
                group: Name::group(group),
                address: to.clone(),
                link: url(settings.link(&format!("/o/{slug}/groups/{id}")))?,
                whose: whose.as_deref().map(Name::person),
                ends: last_day(*ends_at, &Zone::find_or_utc(zone)),
            }),
            Self::KeyExpiring {
                organization,
                name,
                path,
                is_own,
                ends_at,
                zone,
            } => Message::KeyExpiring(message::KeyExpiring {
                organization: Name::organization(organization),
                name: Name::key(name),
                link: url(settings.link(path))?,
                is_own: *is_own,
                ends: when(*ends_at, &Zone::find_or_utc(zone)),
            }),
            Self::LimitAlert {
                organization,
                whose,
                group,
                limit,
                used,
                amount,
                percent,
                is_hard,
                is_over,
                reached_at,
                resets_at,
                zone,
                path,
            } => Message::LimitAlert(message::LimitAlert {
                organization: Name::organization(organization),
                whose: whose.as_deref().map(Name::person),
                group: group.as_deref().map(Name::group),
                limit: limit.clone(),
                used: used.clone(),
                amount: amount.clone(),
                percent: *percent,
                left: (100 - percent).max(0),
                is_hard: *is_hard,
                is_over: *is_over,
                reached: reached_at.map_or_else(String::new, |at| when(at, &Zone::find_or_utc(zone))),
                resets: resets_at.map_or_else(String::new, |at| when(at, &Zone::find_or_utc(zone))),
                link: url(settings.link(path))?,
            }),
            Self::UsageSpike {
                organization,
                whose,
                group,
                used,
                ordinary,
                path,
            } => Message::UsageSpike(message::UsageSpike {
                organization: Name::organization(organization),
                whose: whose.as_deref().map(Name::person),
                group: group.as_deref().map(Name::group),
                used: used.clone(),
                ordinary: ordinary.clone(),
                link: url(settings.link(path))?,
            }),
            Self::UsageUnused {
                organization,
                count,
                names,
                month,
                path,
            } => Message::UsageUnused(message::UsageUnused {
                organization: Name::organization(organization),
                count: *count,
                names: names.iter().map(|name| Name::person(name)).collect(),
                more: count.saturating_sub(i64::try_from(names.len()).unwrap_or(i64::MAX)),
                month: month.clone(),
                link: url(settings.link(path))?,
            }),
            Self::LimitRequested {
                organization,
                slug,
                request,
                member,
                asks,
            } => Message::LimitRequested(LimitRequested {
                organization: Name::organization(organization),
                member: Name::person(&member.0),
                address: Address::parse(&member.1).map_err(|error| Error::Internal(error.to_string()))?,
                asks: asks.clone(),
                link: url(settings.link(&format!("/o/{slug}/limits/requests/{request}")))?,
            }),
            Self::LimitDecided {
                organization,
                slug,
                asked,
                granted,
            } => Message::LimitDecided(LimitDecided {
                organization: Name::organization(organization),
                asked: asked.clone(),
                granted: granted.clone(),
                address: to.clone(),
                link: url(settings.link(&format!("/o/{slug}/limits/request")))?,
            }),
            Self::AccessChanged {
                organization,
                change,
                contact,
            } => Message::AccessChanged(AccessChanged {
                organization: Name::organization(organization),
                address: to.clone(),
                change: match change.as_str() {
                    "suspended" => Change::Suspended,
                    "activated" => Change::Activated,
                    "disabled" => Change::Disabled,
                    "removed" => Change::Removed,
                    role => Change::Role {
                        role: Name::role(role.strip_prefix("role:").unwrap_or(role)),
                    },
                },
                contact: Address::parse(contact).ok(),
            }),
            Self::InvitationNews {
                organization,
                slug,
                invited,
                accepted,
            } => {
                let page = if *accepted { "members" } else { "invites" };
                Message::InvitationNews(message::InvitationNews {
                    organization: Name::organization(organization),
                    address: Address::parse(invited).map_err(|error| Error::Internal(error.to_string()))?,
                    accepted: *accepted,
                    link: url(settings.link(&format!("/o/{slug}/{page}")))?,
                })
            }
            Self::NewSignIn { at, zone, device, from } => Message::NewSignIn(message::NewSignIn {
                at: when(*at, &Zone::find_or_utc(zone)),
                device: device.clone(),
                from: from.clone(),
                link: url(settings.link("/me/security"))?,
            }),
        })
    }
}

/// "Friday, 27 November 2026, 14:02 (Europe/Berlin)".
fn when(at: Timestamp, zone: &Zone) -> String {
    let tz = zone.tz();
    format!(
        "{}, {} ({})",
        filters::weekday_date(at.micros(), &tz),
        filters::time_of_day(at.micros(), &tz),
        zone.name()
    )
}

/// "Monday, 30 November 2026 (Europe/Berlin)": the day before the first instant that no longer counts.
fn last_day(end: Timestamp, zone: &Zone) -> String {
    let last = end.micros().saturating_sub(1);
    format!("{} ({})", filters::weekday_date(last, &zone.tz()), zone.name())
}

/// Puts a mail into the outbox, in the transaction of what it tells of.
pub async fn enqueue(tx: &mut Tx, org: Option<OrgId>, to: &Address, mail: &Mail, now: Timestamp) -> Result<MailId> {
    if let Some(invitation) = mail.invitation() {
        cancel_for(tx, invitation).await?; // a newer mail of the same invitation says it all
    }
    let ids = enqueue_many(tx, org, std::slice::from_ref(&(to.clone(), mail.clone())), now).await?;
    ids.first()
        .copied()
        .ok_or_else(|| Error::Internal("no mail was enqueued".to_owned()))
}

/// Puts many mails into the outbox with a few statements; what waits of the same invitations is the caller's to cancel.
pub async fn enqueue_many(
    tx: &mut Tx,
    org: Option<OrgId>,
    mails: &[(Address, Mail)],
    now: Timestamp,
) -> Result<Vec<MailId>> {
    let first = store::take_ids(tx, mails.len() as i64).await?;
    let mut rows = Vec::with_capacity(mails.len());
    let mut ids = Vec::with_capacity(mails.len());
    for (place, (to, mail)) in mails.iter().enumerate() {
        let id = MailId::from_raw(first + place as i64);
        let subject = mail.invitation().map(InvitationId::raw);
        rows.push((
            id,
            org.map_or(0, OrgId::raw),
            to.display().to_owned(),
            serde_json::to_string(mail)?,
            subject,
            id.to_string(),
            MailState::Queued,
            now,
            now,
        ));
        ids.push(id);
    }
    store::insert(tx, rows).await?;
    Ok(ids)
}

/// The number from which the mails that this transaction writes are counted; others write none before it ends.
pub async fn mark(tx: &mut Tx) -> Result<MailId> {
    Ok(MailId::from_raw(store::take_ids(tx, 0).await?))
}

/// Holds the mails that this transaction has written since a mark, until [`release`] or [`withdraw`] finds them by the instant.
pub async fn hold(tx: &mut Tx, since: MailId, until: Timestamp) -> Result<()> {
    store::hold(tx, since, until).await
}

/// Lets mails go that were held, at most `limit`; how many they were.
pub async fn release(tx: &mut Tx, held: Timestamp, now: Timestamp, limit: usize) -> Result<usize> {
    Ok(store::release(tx, held, now, limit as i64).await? as usize)
}

/// Cancels mails that were held, at most `limit`; how many they were.
pub async fn withdraw(tx: &mut Tx, held: Timestamp, limit: usize) -> Result<usize> {
    Ok(store::withdraw(tx, held, limit as i64).await? as usize)
}

/// Cancels the mails of an invitation that have not left yet: its code was deleted or it was answered.
pub async fn cancel_for(tx: &mut Tx, invitation: InvitationId) -> Result<()> {
    store::cancel_waiting(tx, invitation.raw()).await?;
    Ok(())
}

/// Mails of a state (all for `None`), newest first, before `before`.
pub async fn list(
    db: &mut impl Read,
    state: Option<MailState>,
    before: Option<MailId>,
    limit: i64,
) -> Result<Vec<MailRow>> {
    store::list(db, state, before.map_or(i64::MAX, MailId::raw), limit).await
}

/// How many mails are in each state.
pub async fn counts(db: &mut impl Read) -> Result<Vec<(MailState, i64)>> {
    store::counts(db).await
}

/// One mail.
pub async fn find(db: &mut impl Read, id: MailId) -> Result<MailRow> {
    store::find(db, id).await?.ok_or(Error::NotFound)
}

impl MailRow {
    /// The mail itself.
    pub fn mail(&self) -> Result<Mail> {
        Ok(serde_json::from_str(&self.message)?)
    }
    /// To whom.
    pub fn to(&self) -> Result<Address> {
        Address::parse(&self.recipient).map_err(|error| Error::Internal(error.to_string()))
    }
    /// In words, with its secrets.
    pub fn render(&self, settings: &Settings, keys: &Keys) -> Result<Rendered> {
        self.mail()?.render(&self.to()?, settings, keys)
    }
}

/// Sends a mail again that was deferred, bounced, link-only or cancelled.
pub async fn retry(tx: &mut Tx, by: &Actor, id: MailId, now: Timestamp) -> Result<MailRow> {
    let row = find(tx, id).await?;
    if row.state == MailState::Sent {
        return Err(Error::conflict(
            "This mail was sent already. Resend the invitation to send another one.",
        ));
    }
    store::requeue(tx, id, now).await?;
    let object = Object::new("mail", id.raw(), row.recipient.clone());
    audit::record(
        tx,
        by,
        None,
        Entry::done(
            Action::MailRetry,
            object,
            serde_json::json!({ "state": row.state.title() }),
            serde_json::json!({ "state": "Queued" }),
        ),
        now,
    )
    .await?;
    find(tx, id).await
}

/// Takes a mail back that has not left yet.
pub async fn cancel(tx: &mut Tx, by: &Actor, id: MailId, now: Timestamp) -> Result<MailRow> {
    let row = find(tx, id).await?;
    if !matches!(row.state, MailState::Queued | MailState::Deferred | MailState::LinkOnly) {
        return Err(Error::conflict(format!(
            "This mail is {} and cannot be cancelled.",
            row.state.title().to_lowercase()
        )));
    }
    store::finish(tx, id, MailState::Cancelled, "", now, None).await?;
    let object = Object::new("mail", id.raw(), row.recipient.clone());
    audit::record(
        tx,
        by,
        None,
        Entry::done(
            Action::MailCancel,
            object,
            serde_json::json!({ "state": row.state.title() }),
            serde_json::json!({ "state": "Cancelled" }),
        ),
        now,
    )
    .await?;
    find(tx, id).await
}

/// Who sends, and through what.
#[derive(Clone)]
pub struct Sender {
    /// The transport; none when no mail server is configured.
    pub post: Option<Post>,
    /// The `From` of every mail.
    pub from: Mailbox,
    /// The `Reply-To`, where it differs.
    pub reply_to: Option<Mailbox>,
}

/// What became of one mail of an invitation: its state and, for a failure, the reason.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The mail.
    pub mail: MailId,
    /// The mail's organization.
    pub org: Option<OrgId>,
    /// The invitation, if it carried one.
    pub invitation: Option<InvitationId>,
    /// Its new state.
    pub state: MailState,
    /// The reason of a failure.
    pub error: String,
}

/// How long a mail that is being sent is left alone before another attempt; longer than any attempt takes.
const LEASE: Duration = Duration::from_secs(120);

/// Takes what is due, at most `limit` mails, to be sent by the caller at once.
///
/// A mail is taken by moving its next attempt ahead, so that a process that dies while sending repeats it (at least once, with
/// the same Message-ID) and two replicas do not send it twice.
pub async fn take_due(db: &Db, now: Timestamp, limit: usize) -> Result<Vec<MailRow>> {
    let due = store::list_due(&mut db.read(), now, limit as i64).await?;
    let mut taken = Vec::new();
    if !due.is_empty() {
        let mut tx = db.write().await?;
        for row in due {
            if store::take(&mut tx, row.id, row.next_at, now.plus(LEASE)).await? {
                taken.push(row);
            }
        }
        tx.commit().await?;
    }
    Ok(taken)
}

/// Marks what is due as mails that nobody sends, because there is no mail server, at most `limit` together; how many they were, and the
/// invitations among them, whose link is given out by hand.
pub async fn pass_over(tx: &mut Tx, now: Timestamp, limit: usize) -> Result<(usize, Vec<InvitationId>)> {
    let passed = store::pass_over(tx, now, limit as i64).await?;
    let subjects = passed.iter().filter_map(|(_, subject)| *subject);
    Ok((passed.len(), subjects.map(InvitationId::from_raw).collect()))
}

/// Whether something is due.
pub async fn is_due(db: &mut impl Read, now: Timestamp) -> Result<bool> {
    Ok(!store::list_due(db, now, 1).await?.is_empty())
}

/// Sends one mail that was taken; the caller writes down what became of it.
pub async fn send(
    row: &MailRow,
    post: &Post,
    sender: &Sender,
    settings: &Settings,
    keys: &Keys,
    now: Timestamp,
) -> Outcome {
    match put(row, sender, settings, keys, now) {
        Ok(message) => post.send(&message).await,
        Err(error) => Outcome::Bounced(error.to_string()),
    }
}

fn put(row: &MailRow, sender: &Sender, settings: &Settings, keys: &Keys, now: Timestamp) -> Result<lettre::Message> {
    let rendered = row.render(settings, keys)?;
    let host = settings
        .public_url
        .host_str()
        .filter(|host| host.contains('.'))
        .unwrap_or("muster.invalid")
        .trim_matches(['[', ']'])
        .replace(':', ".");
    let date = std::time::UNIX_EPOCH + Duration::from_micros(now.micros().max(0) as u64);
    message::build(
        &rendered,
        &sender.from,
        &row.to()?,
        sender.reply_to.as_ref(),
        &format!("{}@{host}", row.message_id),
        date,
    )
    .map_err(|error| Error::Internal(error.to_string()))
}

/// Writes down what became of a mail.
pub async fn settle(
    tx: &mut Tx,
    row: &MailRow,
    outcome: &Outcome,
    has_server: bool,
    now: Timestamp,
) -> Result<Delivered> {
    let (state, error, next) = match outcome {
        _ if !has_server => (MailState::LinkOnly, String::new(), None),
        Outcome::Sent(_) => (MailState::Sent, String::new(), None),
        Outcome::Bounced(reason) => (MailState::Bounced, reason.clone(), None),
        Outcome::Deferred(reason) => match retry_after(u32::try_from(row.attempts + 1).unwrap_or(u32::MAX)) {
            Some(pause) => (MailState::Deferred, reason.clone(), Some(now.plus(pause))),
            None => (
                MailState::Bounced,
                format!("Given up after a day of tries: {reason}"),
                None,
            ),
        },
    };
    store::finish(tx, row.id, state, &error, now, next).await?;
    let org = (row.org_id != 0).then(|| OrgId::from_raw(row.org_id));
    Ok(Delivered {
        mail: row.id,
        org,
        invitation: row.subject_id.map(InvitationId::from_raw),
        state,
        error,
    })
}
