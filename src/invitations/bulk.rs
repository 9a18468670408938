//! Many addresses at once: what a pasted text holds, what can be done with each address, and inviting them all.

use std::collections::{HashMap, HashSet};

pub use super::store::{Batch, BatchItem, Known};
use super::{
    addresses::{Address, Outcome, extract},
    invitation::{self, Desk, Terms, domains_in_words},
    store,
};
use serde_json::json;

use crate::{
    access::{Can, OrgRef, Permission, permission::InviteCreate},
    audit::{self, Action, Actor, Entry, Object},
    clock::{Timestamp, days},
    db::{Read, Tx},
    error::{Error, Result},
    groups,
    ids::{BatchId, GroupId, InvitationId, OrgId},
    limits,
    mail::{self, Mail},
    members::member,
    orgs,
};

/// How many addresses one paste may hold.
pub const MOST: usize = 5_000;
/// For how long a bounced address is not invited anew.
const BOUNCE_DAYS: u64 = 7;

/// What became of one address; stored by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i64)]
pub enum Verdict {
    /// It was invited (or, before the confirmation: it will be).
    Invited = 1,
    /// It stood in the paste before.
    Duplicate = 2,
    /// Its owner is a member.
    Member = 3,
    /// It has a pending invitation.
    AlreadyInvited = 4,
    /// The organization does not allow its domain.
    OutsideDomains = 5,
    /// Its owner reported an invitation of this organization.
    Reported = 6,
    /// Its owner is disabled in the organization.
    Disabled = 7,
    /// It is no address.
    Malformed = 8,
    /// The organization has too many pending invitations.
    OverCeiling = 9,
    /// Its account is disabled everywhere.
    AccountDisabled = 10,
    /// Mail to it came back lately.
    Bounced = 11,
    /// It was found and not chosen.
    NotChosen = 12,
    /// The organization has no seat left for it.
    NoSeat = 13,
}

impl Verdict {
    const ALL: [Self; 13] = [
        Self::Invited,
        Self::Duplicate,
        Self::Member,
        Self::AlreadyInvited,
        Self::OutsideDomains,
        Self::Reported,
        Self::Disabled,
        Self::Malformed,
        Self::OverCeiling,
        Self::AccountDisabled,
        Self::Bounced,
        Self::NotChosen,
        Self::NoSeat,
    ];
    /// The verdict with this number.
    pub fn find(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| *verdict as i64 == number)
    }
    /// A few words for a list; `text` is what stood in the paste, from which a malformed address tells its fault again.
    pub fn note(self, text: &str) -> String {
        match self {
            Self::Invited => String::new(),
            Self::Duplicate => "Stood in the text before".to_owned(),
            Self::Member => "Already a member".to_owned(),
            Self::AlreadyInvited => "Already invited".to_owned(),
            Self::OutsideDomains => "Outside the allowed domains".to_owned(),
            Self::Reported => "Reported an invitation and gets no more".to_owned(),
            Self::Disabled => "Disabled in this organization".to_owned(),
            Self::Malformed => {
                let why = Address::parse(text)
                    .err()
                    .map_or_else(String::new, |error| format!(": {error}"));
                format!("Not valid{why}")
            }
            Self::OverCeiling => "Too many pending invitations".to_owned(),
            Self::AccountDisabled => "The account is disabled".to_owned(),
            Self::Bounced => "Mail came back lately. Check the spelling".to_owned(),
            Self::NotChosen => "Not chosen".to_owned(),
            Self::NoSeat => "No seat is left".to_owned(),
        }
    }
    /// The whole sentence for one address, with what to do.
    pub fn refusal(self, address: &Address, org: &OrgRef, most_pending: i64) -> String {
        let name = &org.name;
        match self {
            Self::Invited => format!("{address} is invited."),
            Self::Duplicate => format!("{address} stands in the list twice."),
            Self::Member => format!("{address} is a member of {name} already."),
            Self::AlreadyInvited => {
                format!("{address} has a pending invitation already. Use Resend Email to send it again.")
            }
            Self::OutsideDomains => {
                format!(
                    "{name} does not allow addresses at {}. Use another address, or ask an administrator to allow this domain in Settings.",
                    address.host()
                )
            }
            Self::Reported => format!(
                "The owner of {address} reported an invitation from {name} and gets no more of them. Talk to the person directly."
            ),
            Self::Disabled => format!(
                "{address} is disabled in {name} and cannot be invited. To restore access, contact {}.",
                org.support_contact
            ),
            Self::Malformed => format!("{address} is not a valid address."),
            Self::OverCeiling => format!(
                "{name} has {} pending invitations, which is the most it may have. Delete codes that nobody needs any more, then invite again.",
                crate::web::filters::number(most_pending)
            ),
            Self::AccountDisabled => format!(
                "The account of {address} is disabled and cannot be invited. To restore it, contact {}.",
                org.support_contact
            ),
            Self::Bounced => format!(
                "Mail to {address} came back within the last {BOUNCE_DAYS} days. Check the spelling of the address."
            ),
            Self::NotChosen => format!("{address} was not chosen."),
            Self::NoSeat => format!(
                "{name} has no seat left for {address}: members and open invitations take them all. Deactivate somebody or delete a code that nobody needs, or ask whoever keeps the subscription for more seats."
            ),
        }
    }
}

/// One thing found in a pasted text, with what can be done about it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// As it is shown: the address, or the text that is none.
    pub text: String,
    /// What would become of it.
    pub verdict: Verdict,
    /// Whether it looks like the address of several people.
    pub looks_shared: bool,
}

/// Why a text is not taken, in a sentence; none when it is.
pub fn too_many(found: usize) -> Option<String> {
    (found > MOST).then(|| {
        let number = |n: usize| crate::web::filters::number(n as i64);
        format!(
            "This text holds {} addresses. Paste at most {} at once.",
            number(found),
            number(MOST)
        )
    })
}

/// Finds the addresses of a text and says what would become of each; changes nothing. A field error for too many.
pub async fn preview(db: &mut impl Read, by: &Can<InviteCreate>, text: &str, now: Timestamp) -> Result<Vec<Candidate>> {
    let found = extract(text);
    if let Some(sentence) = too_many(found.len()) {
        return Err(Error::invalid("text", sentence));
    }
    let addresses: Vec<&Address> = found
        .iter()
        .filter_map(|found| match &found.outcome {
            Outcome::Valid(address) => Some(address),
            _ => None,
        })
        .collect();
    let mut judge = Judge::load(db, by.org().id, &addresses, now).await?;
    let mut seats = free_seats(db, by.org().id, now).await?;
    let mut verdict_of = |address: &Address| match judge.verdict(address).0 {
        Verdict::Invited if seats <= 0 => Verdict::NoSeat,
        verdict => {
            seats -= i64::from(verdict == Verdict::Invited);
            verdict
        }
    };
    Ok(found
        .into_iter()
        .map(|found| match found.outcome {
            Outcome::Valid(address) => Candidate {
                text: address.display().to_owned(),
                verdict: verdict_of(&address),
                looks_shared: address.looks_shared(),
            },
            Outcome::Malformed(_) => Candidate {
                text: found.text.to_owned(),
                verdict: Verdict::Malformed,
                looks_shared: false,
            },
            Outcome::DuplicateInPaste => Candidate {
                text: found.text.to_owned(),
                verdict: Verdict::Duplicate,
                looks_shared: false,
            },
        })
        .collect())
}

/// Knows what is known of a list of addresses, from one statement.
struct Judge {
    known: HashMap<String, store::Known>,
    domains: Vec<String>,
    now: Timestamp,
    seen: HashSet<String>,
}

impl Judge {
    async fn load(db: &mut impl Read, org: OrgId, addresses: &[&Address], now: Timestamp) -> Result<Self> {
        let domains = orgs::domains(db, org).await?;
        Ok(Self {
            known: self::known(db, org, addresses, now).await?,
            domains,
            now,
            seen: HashSet::new(),
        })
    }

    /// What would become of the address, and the expired invitation that would be revived.
    fn verdict(&mut self, address: &Address) -> (Verdict, Option<InvitationId>) {
        if !self.seen.insert(address.key().to_owned()) {
            return (Verdict::Duplicate, None);
        }
        let known = self.known.get(address.key());
        let expired = known
            .and_then(|known| known.expires_at)
            .is_some_and(|end| end <= self.now);
        let invitation = known.and_then(|known| known.invitation);
        let refusal = match known {
            Some(known) if known.member == Some(4) => Some(Verdict::Disabled),
            Some(known) if known.member.is_some() => Some(Verdict::Member),
            Some(known) if known.account.is_some_and(|state| state != 1) => Some(Verdict::AccountDisabled),
            Some(known) if known.suppressed == Some(1) => Some(Verdict::Reported),
            _ if invitation.is_some() && !expired => Some(Verdict::AlreadyInvited),
            _ if !is_allowed(&self.domains, address) => Some(Verdict::OutsideDomains),
            Some(known) if known.suppressed == Some(2) => Some(Verdict::Bounced),
            _ => None,
        };
        (refusal.unwrap_or(Verdict::Invited), invitation)
    }
}

/// Whether the organization takes people with addresses of this host; no list means all.
pub fn is_allowed(domains: &[String], address: &Address) -> bool {
    domains.is_empty() || domains.iter().any(|domain| domain == address.host())
}

/// Why an address may not join an organization with allowed domains, in a sentence.
pub(super) fn outside(domains: &[String], address: &Address, organization: &str) -> Option<String> {
    (!is_allowed(domains, address)).then(|| {
        format!("{organization} takes people with addresses at {} alone by now. Ask an administrator there to invite such an address of yours.", domains_in_words(domains))
    })
}

/// Judges and invites a list of addresses on the same terms in the caller's transaction; for each its verdict, and the invitation that
/// was made.
pub(super) async fn create(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    addresses: &[Address],
    terms: &Terms,
    batch: Option<BatchId>,
    now: Timestamp,
) -> Result<Vec<(Verdict, Option<InvitationId>)>> {
    let wanted: Vec<(&Address, &Terms)> = addresses.iter().map(|address| (address, terms)).collect();
    check_terms(tx, by, terms, now).await?;
    create_each(tx, by, desk, &wanted, batch, now).await
}

/// Refuses terms that the caller may not offer.
async fn check_terms(db: &mut impl Read, by: &Can<InviteCreate>, terms: &Terms, now: Timestamp) -> Result<()> {
    invitation::check_role(by, terms.role)?;
    check_groups(db, by, terms, now).await?;
    if terms.member_until.is_some_and(|end| end <= now) {
        return Err(Error::invalid(
            "until",
            "The membership would have ended already. Choose a later day.",
        ));
    }
    Ok(())
}

/// Judges and invites addresses, each on terms of its own, in the caller's transaction, for imports.
pub async fn invite_each(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    wanted: &[(&Address, &Terms)],
    now: Timestamp,
) -> Result<Vec<(Verdict, Option<InvitationId>)>> {
    let mut checked: Vec<&Terms> = Vec::new();
    for (_, terms) in wanted {
        if !checked.contains(terms) {
            check_terms(tx, by, terms, now).await?;
            checked.push(terms);
        }
    }
    create_each(tx, by, desk, wanted, None, now).await
}

/// Deletes the codes of those of some addresses who were invited since an instant, because not all of their import could be done; how
/// many they were.
pub async fn take_back(
    tx: &mut Tx,
    by: &Actor,
    (org, since): (OrgId, Timestamp),
    email_keys: &[&str],
    now: Timestamp,
) -> Result<usize> {
    let gone = store::take_back(tx, org, email_keys, since, now).await?;
    let entries = gone.iter().map(|(id, email)| {
        let after = json!({ "state": "deleted", "because": "not all of the import could be done" });
        let object = Object::new("invitation", id.raw(), email.clone());
        Entry::done(Action::InvitationRevoke, object, json!({ "state": "pending" }), after)
    });
    audit::record_many(tx, by, Some(org), entries.collect(), now).await?;
    Ok(gone.len())
}

/// What is known of each of some addresses in the organization, with one statement.
pub async fn known(
    db: &mut impl Read,
    org: OrgId,
    addresses: &[&Address],
    now: Timestamp,
) -> Result<HashMap<String, Known>> {
    let keys: Vec<&str> = addresses.iter().map(|address| address.key()).collect();
    let known = store::list_known(db, org, &keys, now.minus(days(BOUNCE_DAYS))).await?;
    Ok(known
        .into_iter()
        .map(|known| (known.email_key.clone(), known))
        .collect())
}

/// How many invitations the organization may still have open, and how many seats neither a member holds nor an open invitation
/// has asked for.
pub async fn room(db: &mut impl Read, org: OrgId, most_pending: i64, now: Timestamp) -> Result<(i64, i64)> {
    let room = most_pending - store::count_pending(db, org, now, most_pending).await?;
    Ok((room, free_seats(db, org, now).await?))
}

async fn create_each(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    wanted: &[(&Address, &Terms)],
    batch: Option<BatchId>,
    now: Timestamp,
) -> Result<Vec<(Verdict, Option<InvitationId>)>> {
    let org = by.org();
    let all: Vec<&Address> = wanted.iter().map(|(address, _)| *address).collect();
    let mut judge = Judge::load(tx, org.id, &all, now).await?;
    let (mut room, mut seats) = self::room(tx, org.id, desk.most_pending, now).await?;
    let mut verdicts: Vec<(Verdict, Option<InvitationId>)> = Vec::with_capacity(wanted.len());
    for (address, _) in wanted {
        let (verdict, expired) = judge.verdict(address);
        let verdict = match verdict {
            Verdict::Invited if room <= 0 => Verdict::OverCeiling,
            Verdict::Invited if seats <= 0 => Verdict::NoSeat,
            other => other,
        };
        room -= i64::from(verdict == Verdict::Invited);
        seats -= i64::from(verdict == Verdict::Invited);
        verdicts.push((verdict, expired.filter(|_| verdict == Verdict::Invited)));
    }
    let fresh = verdicts
        .iter()
        .filter(|(verdict, expired)| *verdict == Verdict::Invited && expired.is_none())
        .count() as i64;
    let mut next = if fresh > 0 {
        orgs::next_id(tx, org.id, fresh).await?
    } else {
        0
    };
    let (user, inviter) = (by.user_id(), by.actor().name.clone());
    let (expires_at, delivery) = (invitation::expiry(org, now), desk.delivery());
    let sent_at = desk.has_mail.then_some(now);
    let (mut rows, mut groups_of, mut entries, mut mails) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((address, terms), (verdict, made)) in wanted.iter().zip(&mut verdicts) {
        if *verdict != Verdict::Invited {
            continue;
        }
        let again = made.is_some();
        let (id, generation) = if let Some(id) = *made {
            let renewed = store::Renewed {
                role: terms.role,
                delivery,
                last_sent_at: sent_at,
                invited_by: user,
                inviter_name: inviter.clone(),
                expires_at,
                member_until: terms.member_until,
                batch,
            };
            if store::reopen(tx, org.id, id, renewed, now).await? == 0 {
                return Err(changed_meanwhile());
            }
            store::delete_groups(tx, org.id, id).await?;
            limits::promised::forget(tx, org.id, id).await?;
            mail::outbox::cancel_for(tx, id).await?;
            (
                id,
                store::find(tx, org.id, id).await?.ok_or(Error::NotFound)?.generation,
            )
        } else {
            let id = InvitationId::from_raw(org.id.row(next));
            next += 1;
            let hash = invitation::link_hash(desk.keys, id, 1).to_vec();
            rows.push((
                id,
                org.id,
                address.display().to_owned(),
                address.key().to_owned(),
                terms.role,
                hash,
                delivery,
                1,
                sent_at,
                user,
                inviter.clone(),
                now,
                expires_at,
                terms.member_until,
                batch,
            ));
            (id, 1)
        };
        *made = Some(id);
        groups_of.extend(terms.groups.iter().map(|group| (id, *group, org.id)));
        entries.push(invitation::created_entry(id, address, terms, expires_at, again));
        let mail = Mail::Invitation {
            invitation: id,
            generation,
            organization: org.name.clone(),
            role: terms.role.title().to_owned(),
            expires_at,
            zone: org.zone.name().to_owned(),
            inviter: by.person().map(|person| (person.name.clone(), person.email.clone())),
            reminder: false,
        };
        mails.push(((*address).clone(), mail));
    }
    store::insert(tx, rows).await.map_err(|error| {
        if error.is_duplicate() {
            changed_meanwhile()
        } else {
            error
        }
    })?;
    store::insert_groups(tx, groups_of).await?;
    audit::record_many(tx, by.actor(), Some(org.id), entries, now).await?;
    mail::enqueue_many(tx, Some(org.id), &mails, now).await?;
    Ok(verdicts)
}

/// How many seats neither a member holds nor an open invitation has asked for; without a limit there are always enough.
async fn free_seats(db: &mut impl Read, org: OrgId, now: Timestamp) -> Result<i64> {
    let Some(seats) = member::seats(db, org).await? else {
        return Ok(i64::MAX);
    };
    let left = seats.left();
    Ok(left - store::count_pending(db, org, now, left.max(0)).await?)
}

fn changed_meanwhile() -> Error {
    Error::conflict("Someone else invited one of these people at the same moment. Nothing was changed. Try again.")
}

/// The groups that the caller may put people into: all for who manages groups, else the ones that the caller leads (MODEL C-18).
pub async fn groups_for(db: &mut impl Read, by: &Can<InviteCreate>, now: Timestamp) -> Result<Vec<(GroupId, String)>> {
    let org = by.org().id;
    if by.may(Permission::GroupManage) {
        return Ok(groups::list(db, org)
            .await?
            .into_iter()
            .map(|group| (group.id, group.name))
            .collect());
    }
    let Some(member) = by.member() else {
        return Ok(Vec::new());
    };
    let own = groups::list_of(db, org, member).await?;
    Ok(own
        .into_iter()
        .filter(|group| group.is_lead && group.lasts(now))
        .map(|group| (group.id, group.name))
        .collect())
}

async fn check_groups(db: &mut impl Read, by: &Can<InviteCreate>, terms: &Terms, now: Timestamp) -> Result<()> {
    if terms.groups.is_empty() {
        return Ok(());
    }
    let allowed = groups_for(db, by, now).await?;
    if terms
        .groups
        .iter()
        .all(|wanted| allowed.iter().any(|(group, _)| group == wanted))
    {
        return Ok(());
    }
    Err(Error::invalid(
        "group",
        "This group does not exist or is not led by you. Choose another one.",
    ))
}

/// Invites the chosen addresses of a paste in one transaction and keeps what became of each, also of those not chosen.
pub async fn invite_many(
    tx: &mut Tx,
    by: &Can<InviteCreate>,
    desk: &Desk<'_>,
    text: &str,
    chosen: &[String],
    terms: &Terms,
    now: Timestamp,
) -> Result<Batch> {
    let org = by.org().id;
    // The chosen ones first in the order of the paste, then what the form sent beside it.
    let joined = chosen.join("\n");
    let (pasted, sent) = (extract(text), extract(&joined));
    if let Some(sentence) = too_many(pasted.len().max(chosen.len())) {
        return Err(Error::invalid("text", sentence));
    }
    let wanted: HashSet<Address> = sent.iter().filter_map(|found| valid(&found.outcome)).cloned().collect();
    if wanted.is_empty() {
        return Err(Error::invalid("email", "Choose at least one address."));
    }
    let mut items: Vec<(String, Verdict)> = Vec::new();
    let mut addresses: Vec<Address> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    let mut seen: HashSet<Address> = HashSet::new();
    for found in pasted.iter().chain(sent.iter()) {
        match &found.outcome {
            Outcome::Valid(address) if seen.insert(address.clone()) => {
                if wanted.contains(address) {
                    places.push(items.len());
                    addresses.push(address.clone());
                }
                items.push((address.display().to_owned(), Verdict::NotChosen));
            }
            Outcome::Malformed(_) => items.push((found.text.to_owned(), Verdict::Malformed)),
            Outcome::DuplicateInPaste => items.push((found.text.to_owned(), Verdict::Duplicate)),
            Outcome::Valid(_) => {} // the form repeats what the text holds
        }
    }
    let n = orgs::next_id(tx, org, 1).await?;
    let batch = BatchId::from_raw(org.row(n));
    let verdicts = create(tx, by, desk, &addresses, terms, Some(batch), now).await?;
    for (place, (verdict, _)) in places.into_iter().zip(&verdicts) {
        items[place].1 = *verdict;
    }
    // Whoever was not chosen because nothing could be done reads the true reason.
    let left: Vec<Address> = items
        .iter()
        .filter(|item| item.1 == Verdict::NotChosen)
        .filter_map(|item| Address::parse(&item.0).ok())
        .collect();
    let mut judge = Judge::load(tx, org, &left.iter().collect::<Vec<_>>(), now).await?;
    for item in items.iter_mut().filter(|item| item.1 == Verdict::NotChosen) {
        if let Ok(address) = Address::parse(&item.0)
            && let (verdict, _) = judge.verdict(&address)
            && verdict != Verdict::Invited
        {
            item.1 = verdict;
        }
    }
    let invited = verdicts
        .iter()
        .filter(|(verdict, _)| *verdict == Verdict::Invited)
        .count() as i64;
    store::insert_batch(
        tx,
        batch,
        org,
        by.user_id(),
        terms.role,
        items.len() as i64,
        invited,
        now,
    )
    .await?;
    let rows = items
        .into_iter()
        .zip(1..)
        .map(|((text, verdict), n)| (batch, n, org, text, verdict as i64))
        .collect();
    store::insert_items(tx, rows).await?;
    store::find_batch(tx, org, batch).await?.ok_or(Error::NotFound)
}

const fn valid(outcome: &Outcome) -> Option<&Address> {
    match outcome {
        Outcome::Valid(address) => Some(address),
        _ => None,
    }
}

/// One confirmed paste of the organization, and the first `most` of its addresses, those that were not invited before the others.
pub async fn find(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    id: BatchId,
    most: i64,
) -> Result<(Batch, Vec<BatchItem>)> {
    let batch = store::find_batch(db, by.org().id, id).await?.ok_or(Error::NotFound)?;
    let items = store::list_items(db, by.org().id, id, most).await?;
    Ok((batch, items))
}

/// Every address of a confirmed paste that was not invited.
pub async fn failures(db: &mut impl Read, by: &Can<InviteCreate>, id: BatchId) -> Result<Vec<BatchItem>> {
    store::find_batch(db, by.org().id, id).await?.ok_or(Error::NotFound)?;
    store::list_failures(db, by.org().id, id).await
}
