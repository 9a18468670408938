//! What the invited person does: look, join, decline, ask for a new link, report.
//!
//! Looking changes nothing. A link is exchanged at once for a [`Pass`], a signed cookie of an hour, so that the token leaves the
//! address bar, the log and the referrer. Joining is one conditional UPDATE: whoever changes the row first joins, and everybody
//! else is told why not. Address and role come from the row alone.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

pub use super::store::{Place, Waiting};
use super::{
    addresses::Address,
    bulk,
    invitation::{Invitation, State, Status},
    store,
};
use crate::{
    access::SignedIn,
    audit::{self, Action, Actor, Entry},
    auth::account::{self, NewAccount, Proof},
    clock::{Timestamp, days, hours},
    db::{Read, Tx},
    error::{Error, Result},
    ids::{InvitationId, UserId},
    limits,
    mail::{self, Mail, links},
    members::member::{self, NewMember, Source},
    notifications::{self, Kind, News},
    orgs,
    secret::{Keys, Secret, hash_token, same},
};

/// The right to look at one invitation and to answer it, from its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The invitation.
    pub id: InvitationId,
    /// The generation of the link that was opened; a newer one makes the pass worthless.
    pub generation: i64,
    /// Whether the link carried the proof that only the mail carries.
    pub mailed: bool,
    /// When the pass ends.
    pub until: Timestamp,
}

impl Pass {
    /// How long a pass serves.
    pub const LIFE: std::time::Duration = hours(1);

    /// The cookie's value: the fields and their seal.
    pub fn seal(&self, keys: &Keys) -> Secret {
        let fields = format!(
            "{}.{}.{}.{}",
            self.id,
            self.generation,
            i64::from(self.mailed),
            self.until.secs()
        );
        Secret::new(format!(
            "{fields}.{}",
            BASE64URL_NOPAD.encode(&keys.mac("invitation-pass", &[fields.as_bytes()]))
        ))
    }
    /// Reads a cookie's value; none when it is forged, damaged or over.
    pub fn open(keys: &Keys, value: &str, now: Timestamp) -> Option<Self> {
        let (fields, seal) = value.rsplit_once('.')?;
        let seal = BASE64URL_NOPAD.decode(seal.as_bytes()).ok()?;
        if !same(&seal, &keys.mac("invitation-pass", &[fields.as_bytes()])) {
            return None;
        }
        let mut parts = fields.split('.');
        let id = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        let mailed = parts.next()? == "1";
        let until = Timestamp::from_secs(parts.next()?.parse().ok()?);
        (until > now && parts.next().is_none()).then_some(Self {
            id,
            generation,
            mailed,
            until,
        })
    }
}

/// Exchanges a link's token for a pass; none for a token that no link has (any more).
pub async fn exchange(
    db: &mut impl Read,
    keys: &Keys,
    token: &str,
    proof: &str,
    now: Timestamp,
) -> Result<Option<Pass>> {
    let Some(found) = store::find_by_hash(db, hash_token(token)).await? else {
        return Ok(None);
    };
    let expected = links::invitation_proof(keys, found.id, found.generation);
    let mailed = same(proof.as_bytes(), expected.as_bytes());
    Ok(Some(Pass {
        id: found.id,
        generation: found.generation,
        mailed,
        until: now.plus(Pass::LIFE),
    }))
}

/// The invitation of a pass with its organization; none when a new link has replaced the pass's.
pub async fn find(db: &mut impl Read, pass: &Pass) -> Result<Option<(Invitation, Place)>> {
    let Some(found) = store::find(db, pass.id.org(), pass.id).await? else {
        return Ok(None);
    };
    if found.generation != pass.generation {
        return Ok(None);
    }
    let place = store::find_place(db, found.org_id).await?;
    Ok(Some((found, place)))
}

/// Whether an invitation can be accepted, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Open,
    /// Its link has ended.
    Expired,
    /// It was used.
    Accepted,
    /// It was declined.
    Declined,
    /// Its code was deleted.
    Revoked,
    /// The organization is archived.
    Archived,
    /// The person is a member already.
    Member,
    /// The person's membership is disabled.
    Disabled,
    /// The account is disabled.
    AccountDisabled,
    /// The organization no longer takes this domain; the sentence.
    Outside(String),
    /// The organization has no seat left.
    Full,
}

/// Whether the invitation can be accepted at `now`.
pub async fn standing(db: &mut impl Read, what: &Invitation, place: &Place, now: Timestamp) -> Result<Standing> {
    match what.status(now) {
        Status::Accepted => return Ok(Standing::Accepted),
        Status::Declined => return Ok(Standing::Declined),
        Status::Revoked => return Ok(Standing::Revoked),
        _ if place.state != 1 => return Ok(Standing::Archived),
        Status::Expired => return Ok(Standing::Expired),
        Status::Pending => {}
    }
    let known = store::list_known(db, what.org_id, &[&what.email_key], now).await?;
    if let Some(known) = known.first() {
        match (known.member, known.account) {
            (Some(4), _) => return Ok(Standing::Disabled),
            (Some(_), _) => return Ok(Standing::Member),
            (None, Some(state)) if state != 1 => return Ok(Standing::AccountDisabled),
            _ => {}
        }
    }
    if member::seats(db, what.org_id)
        .await?
        .is_some_and(|seats| seats.left() < 1)
    {
        return Ok(Standing::Full);
    }
    let domains = orgs::domains(db, what.org_id).await?;
    Ok(bulk::outside(&domains, &what.address()?, &place.name).map_or(Standing::Open, Standing::Outside))
}

/// Who joins.
#[derive(Debug, Clone, Copy)]
pub enum Joiner<'a> {
    /// Someone without an account.
    New {
        /// The person's name.
        name: &'a str,
        /// The hash of the chosen password.
        password_hash: &'a str,
    },
    /// The owner of an account, signed in.
    Account(UserId),
}

/// Someone has joined.
#[derive(Debug)]
pub struct Joined {
    /// The account.
    pub user: UserId,
    /// The person's name.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// Accepts the invitation of a pass. Not possible is no error but a [`Standing`] that the page puts into words.
pub async fn accept(
    tx: &mut Tx,
    by: &Actor,
    pass: &Pass,
    who: Joiner<'_>,
    now: Timestamp,
) -> Result<Result<Joined, Standing>> {
    let Some((found, place)) = find(tx, pass).await? else {
        return Ok(Err(Standing::Revoked));
    };
    join(tx, by, found, place, pass.mailed, who, now).await
}

async fn join(
    tx: &mut Tx,
    by: &Actor,
    found: Invitation,
    place: Place,
    mailed: bool,
    who: Joiner<'_>,
    now: Timestamp,
) -> Result<Result<Joined, Standing>> {
    let standing = standing(tx, &found, &place, now).await?;
    if standing != Standing::Open {
        return Ok(Err(standing));
    }
    // The condition decides, not the look before it: on PostgreSQL two can look at once.
    if store::accept(tx, found.org_id, found.id, found.generation, now).await? == 0 {
        return Ok(Err(Standing::Accepted));
    }
    let address = found.address()?;
    let (user, name) = match who {
        Joiner::New { name, password_hash } => {
            let proof = if mailed {
                Proof::Mailed
            } else {
                vouched(found.invited_by)
            };
            let new = NewAccount {
                email: &address,
                name,
                password_hash: Some(password_hash),
                proof,
            };
            (account::create(tx, by, new, now).await?, name.to_owned())
        }
        Joiner::Account(user) => {
            let account = account::find(tx, user).await?.ok_or(Error::NotFound)?;
            if Address::parse(&account.email).ok().as_ref() != Some(&address) {
                return Err(Error::forbidden("This invitation is for another address."));
            }
            if mailed {
                account::prove_address(tx, &by.known_as(user, &account.name), user, now).await?;
            }
            (user, account.name)
        }
    };
    let actor = by.known_as(user, &name);
    let groups = store::list_groups(tx, found.org_id, found.id).await?;
    let new = NewMember {
        user,
        email: &address,
        name: &name,
        role: found.role,
        source: Source::Invitation,
        groups: &groups,
        expires_at: found.member_until.filter(|end| *end > now),
    };
    let member = member::join(tx, &actor, found.org_id, new, now).await?;
    limits::promised::keep(tx, &actor, found.id, (member, &name), now).await?;
    mail::outbox::cancel_for(tx, found.id).await?;
    store::set_accepted_by(tx, found.org_id, found.id, user).await?;
    let after = json!({ "member": member, "role": found.role.key(), "address": if mailed { "proved by mail" } else { "vouched for" } });
    let entry = Entry::done(
        Action::InvitationAccept,
        found.object(),
        json!({ "state": "pending" }),
        after,
    );
    audit::record(tx, &actor, Some(found.org_id), entry, now).await?;
    if found.invited_by != user {
        tell_inviter(tx, &found, &place, Some(&name), now).await?;
    }
    Ok(Ok(Joined { user, name, place }))
}

/// The operator and Muster itself are no account that could vouch.
const fn vouched(inviter: UserId) -> Proof {
    if inviter.raw() > 0 {
        Proof::Vouched(inviter)
    } else {
        Proof::None
    }
}

/// Says no to the invitation of a pass.
pub async fn decline(tx: &mut Tx, by: &Actor, pass: &Pass, now: Timestamp) -> Result<Result<Place, Standing>> {
    let Some((found, place)) = find(tx, pass).await? else {
        return Ok(Err(Standing::Revoked));
    };
    refuse(tx, by, found, place, now).await
}

async fn refuse(
    tx: &mut Tx,
    by: &Actor,
    found: Invitation,
    place: Place,
    now: Timestamp,
) -> Result<Result<Place, Standing>> {
    if store::decide(tx, found.org_id, found.id, State::Declined, now).await? == 0 {
        return Ok(Err(standing(tx, &found, &place, now).await?));
    }
    mail::outbox::cancel_for(tx, found.id).await?;
    let entry = Entry::done(
        Action::InvitationDecline,
        found.object(),
        json!({ "state": "pending" }),
        json!({ "state": "declined" }),
    );
    audit::record(tx, by, Some(found.org_id), entry, now).await?;
    Ok(Ok(place))
}

/// Reports the invitation of a pass: it ends, and this organization sends no more of them to the address.
pub async fn report(tx: &mut Tx, by: &Actor, pass: &Pass, now: Timestamp) -> Result<Result<Place, Standing>> {
    let Some((found, place)) = find(tx, pass).await? else {
        return Ok(Err(Standing::Revoked));
    };
    if store::decide(tx, found.org_id, found.id, State::Declined, now).await? == 0 {
        return Ok(Err(standing(tx, &found, &place, now).await?));
    }
    store::suppress(tx, &found.email_key, found.org_id, 1, now).await?;
    mail::outbox::cancel_for(tx, found.id).await?;
    let entry = Entry::done(
        Action::InvitationReport,
        found.object(),
        json!({ "state": "pending" }),
        json!({ "state": "declined", "suppressed": true }),
    );
    audit::record(tx, by, Some(found.org_id), entry, now).await?;
    Ok(Ok(place))
}

/// Notes that the landing page was seen in a browser that runs scripts, which mail scanners do not; once.
pub async fn mark_opened(tx: &mut Tx, by: &Actor, pass: &Pass, now: Timestamp) -> Result<()> {
    let Some((found, _)) = find(tx, pass).await? else {
        return Ok(());
    };
    if store::set_opened(tx, found.org_id, found.id, now).await? > 0 {
        let entry = Entry::done(Action::InvitationOpen, found.object(), Value::Null, Value::Null);
        audit::record(tx, by, Some(found.org_id), entry, now).await?;
    }
    Ok(())
}

/// What became of the wish for a new link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The inviter gets a mail.
    Asked,
    /// The inviter got one within the last day.
    AskedAlready,
    /// The inviter has no access any more.
    InviterGone,
    /// The link works.
    NotNeeded,
}

/// Asks the inviter for a new link of an expired invitation, at most once a day.
pub async fn request_renewal(
    tx: &mut Tx,
    by: &Actor,
    pass: &Pass,
    now: Timestamp,
) -> Result<Result<(Renewal, Place), Standing>> {
    let Some((found, place)) = find(tx, pass).await? else {
        return Ok(Err(Standing::Revoked));
    };
    match standing(tx, &found, &place, now).await? {
        Standing::Expired => {}
        Standing::Open => return Ok(Ok((Renewal::NotNeeded, place))),
        other => return Ok(Err(other)),
    }
    let Some(inviter) = find_inviter(tx, &found, now).await? else {
        return Ok(Ok((Renewal::InviterGone, place)));
    };
    if store::ask_renewal(tx, found.org_id, found.id, now.minus(days(1)), now).await? == 0 {
        return Ok(Ok((Renewal::AskedAlready, place)));
    }
    let wish = Mail::RenewalRequested {
        organization: place.name.clone(),
        slug: place.slug.clone(),
        invited: found.email.clone(),
    };
    mail::enqueue(tx, Some(found.org_id), &inviter, &wish, now).await?;
    let entry = Entry::done(
        Action::InvitationRenewalRequest,
        found.object(),
        Value::Null,
        Value::Null,
    );
    audit::record(tx, by, Some(found.org_id), entry, now).await?;
    Ok(Ok((Renewal::Asked, place)))
}

/// Tells the inviter, while they can still act there, that `joined` has joined, or that the mail came back.
pub(super) async fn tell_inviter(
    tx: &mut Tx,
    found: &Invitation,
    place: &Place,
    joined: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    let Some(address) = find_inviter(tx, found, now).await? else {
        return Ok(());
    };
    let (kind, subject, page) = match joined {
        Some(name) => (
            Kind::InvitationAccepted,
            format!("{name} ({}) joined {} by your invitation.", found.email, place.name),
            "members",
        ),
        None => (
            Kind::InvitationBounced,
            format!(
                "Your invitation of {} to {} could not be delivered.",
                found.email, place.name
            ),
            "invites",
        ),
    };
    let mail = Mail::InvitationNews {
        organization: place.name.clone(),
        slug: place.slug.clone(),
        invited: found.email.clone(),
        accepted: joined.is_some(),
    };
    let news = News {
        to: found.invited_by,
        org: Some(found.org_id),
        subject,
        link: format!("/o/{}/{page}", place.slug),
        mail: Some((address, mail)),
    };
    notifications::notify(tx, kind, news, now).await
}

/// The inviter's address, while that person can still act in the organization.
async fn find_inviter(db: &mut impl Read, found: &Invitation, now: Timestamp) -> Result<Option<Address>> {
    let Some(inviter) = account::find(db, found.invited_by).await? else {
        return Ok(None);
    };
    let Ok(address) = Address::parse(&inviter.email) else {
        return Ok(None);
    };
    let member = member::find_live(db, found.org_id, inviter.id, &address).await?;
    let acts = inviter.enterprise_role.is_some() || member.is_some_and(|member| member.acts(now));
    Ok((acts && inviter.state == account::State::Active).then_some(address))
}

/// The invitations that wait for a signed-in person whose address is proved; a vouched one could be somebody else's.
pub async fn mine(db: &mut impl Read, me: &SignedIn, now: Timestamp) -> Result<Vec<Waiting>> {
    match own_key(me) {
        Some(key) => store::list_mine(db, &key, now).await,
        None => Ok(Vec::new()),
    }
}

fn own_key(me: &SignedIn) -> Option<String> {
    let address = Address::parse(&me.person.email).ok()?;
    me.person.email_proved.then(|| address.key().to_owned())
}

async fn find_mine(db: &mut impl Read, me: &SignedIn, id: InvitationId) -> Result<(Invitation, Place)> {
    let found = store::find(db, id.org(), id).await?.ok_or(Error::NotFound)?;
    if own_key(me).as_ref() != Some(&found.email_key) {
        return Err(Error::NotFound);
    }
    let place = store::find_place(db, found.org_id).await?;
    Ok((found, place))
}

/// Joins by one of [`mine`].
pub async fn accept_mine(
    tx: &mut Tx,
    me: &SignedIn,
    id: InvitationId,
    now: Timestamp,
) -> Result<Result<Joined, Standing>> {
    let (found, place) = find_mine(tx, me, id).await?;
    join(tx, &me.actor, found, place, true, Joiner::Account(me.person.id), now).await
}

/// Says no to one of [`mine`].
pub async fn decline_mine(
    tx: &mut Tx,
    me: &SignedIn,
    id: InvitationId,
    now: Timestamp,
) -> Result<Result<Place, Standing>> {
    let (found, place) = find_mine(tx, me, id).await?;
    refuse(tx, &me.actor, found, place, now).await
}

/// An address of which its owner recognises enough: the first letter and the host.
pub fn masked(address: &str) -> String {
    let (local, host) = address.split_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}•••@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_read_back_and_no_byte_can_change() {
        let keys = Keys::from_master([7; 32]);
        let now = Timestamp::from_secs(1_800_000_000);
        let pass = Pass {
            id: InvitationId::from_raw(5 << 32 | 9),
            generation: 2,
            mailed: true,
            until: now.plus(Pass::LIFE),
        };
        let sealed = pass.seal(&keys);
        assert_eq!(Pass::open(&keys, sealed.expose(), now), Some(pass));
        assert_eq!(Pass::open(&keys, sealed.expose(), now.plus(Pass::LIFE)), None);
        for place in 0..sealed.expose().len() {
            let mut bytes = sealed.expose().as_bytes().to_vec();
            bytes[place] ^= 1;
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(Pass::open(&keys, &forged, now), None, "byte {place}");
        }
        assert_eq!(Pass::open(&Keys::from_master([8; 32]), sealed.expose(), now), None);
    }

    #[test]
    fn masking_keeps_what_its_owner_recognises() {
        assert_eq!(masked("bob.lee@x.example"), "b•••@x.example");
        assert_eq!(masked("b@x.example"), "b•••@x.example");
    }
}
