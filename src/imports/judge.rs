//! What would become of each line, decided with what the database knows. The check before and the import itself ask the same here.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    import::Counts,
    plan::{Plan, Way},
    row::{self, Terms, Wanted},
    store::{self, Import, Row},
    verdict::Verdict,
};
use crate::{
    access::{Can, Permission, Role, permission::InviteCreate},
    auth::account,
    clock::Timestamp,
    db::Read,
    error::Result,
    invitations::{
        bulk::{self, Known},
        roles_for,
    },
    limits,
    mail::address::Address,
    members::member,
    orgs, roles,
    text::fold,
};

/// One line with its verdict; whoever is to be brought in stands in `wanted`.
#[derive(Debug)]
pub struct Sentence {
    /// The place.
    pub n: i64,
    /// The line in the file.
    pub line: i64,
    /// The address as it stands there, cut to what is shown.
    pub email: String,
    /// The address, if it is one.
    pub address: Option<Address>,
    /// The verdict.
    pub verdict: Verdict,
    /// What is wrong and what to do.
    pub note: String,
    /// The person.
    pub wanted: Option<Wanted>,
}

impl Sentence {
    fn new(row: &Row, email: &str) -> Self {
        Self {
            n: row.n,
            line: row.line,
            email: email.chars().take(254).collect(),
            address: None,
            verdict: Verdict::Malformed,
            note: String::new(),
            wanted: None,
        }
    }
    fn is(&mut self, verdict: Verdict, note: impl Into<String>) {
        self.verdict = verdict;
        self.note = note.into();
    }
}

/// What is left for those who come.
struct Left {
    invitations: i64,
    seats_to_invite: i64,
    seats: i64,
    steady_admins: i64,
}

/// Whether whoever has an account is added at once.
pub fn joins(by: &Can<InviteCreate>) -> bool {
    by.may(Permission::MemberManage)
}

/// What the lines of an import are read with.
pub async fn terms<'a>(
    db: &mut impl Read,
    by: &'a Can<InviteCreate>,
    plan: &'a Plan,
    now: Timestamp,
) -> Result<Terms<'a>> {
    let groups = bulk::groups_for(db, by, now).await?;
    let custom = roles::list(db, by.org().id).await?;
    Ok(Terms {
        org: by.org(),
        plan,
        roles: roles_for(by),
        custom: custom
            .into_iter()
            .map(|role| {
                let may_give = by.may(Permission::RoleAssign) && by.permissions().covers(&role.permits());
                (fold(&role.name), (role, may_give))
            })
            .collect(),
        groups: groups.into_iter().map(|(id, name)| (fold(&name), id)).collect(),
        all_groups: by.may(Permission::GroupManage),
        may_limit: by.may(Permission::LimitSet),
        unit: limits::settings::find_unit(db, by.org().id).await?,
        now,
    })
}

/// Judges the next lines. `before` counts the lines of this check that were judged before and have not been brought in.
pub async fn judge(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    terms: &Terms<'_>,
    import: &Import,
    rows: &[Row],
    (before, most_pending): (&Counts, i64),
    now: Timestamp,
) -> Result<Vec<Sentence>> {
    let org = by.org();
    let mut sentences: Vec<Sentence> = Vec::with_capacity(rows.len());
    let mut people = Vec::with_capacity(rows.len());
    for row in rows {
        let cells: Vec<String> = serde_json::from_str(&row.cells)?;
        let (text, address) = row::address(terms.plan, &cells);
        let mut sentence = Sentence::new(row, text);
        match address {
            Ok(address) => sentence.address = Some(address),
            Err((verdict, note)) => sentence.is(verdict, note),
        }
        people.push(row::person(terms, &cells));
        sentences.push(sentence);
    }
    let firsts = firsts(db, import, &sentences).await?;
    let addresses: Vec<&Address> = sentences.iter().filter_map(|one| one.address.as_ref()).collect();
    let known = bulk::known(db, org.id, &addresses, now).await?;
    let members = members_by_account(db, by, &addresses, &known).await?;
    let domains = orgs::domains(db, org.id).await?;
    let mut left = left(db, by, before, most_pending, now).await?;
    for (sentence, person) in sentences.iter_mut().zip(people) {
        let Some(address) = sentence.address.clone() else {
            // Everything that is wrong with a line is told at once.
            if let Err(faults) = person {
                sentence.note = join(&sentence.note, &faults);
            }
            continue;
        };
        if let Some((_, line)) = firsts.get(address.key()).filter(|(first, _)| *first < sentence.n) {
            sentence.is(
                Verdict::Duplicate,
                format!("{address} stands on line {line} already. Keep one of both lines."),
            );
            continue;
        }
        let known = known.get(address.key());
        let is_member = members.contains(address.key());
        if let Some((verdict, note)) = standing(terms.plan, by, &address, known, is_member, (&domains, now)) {
            sentence.is(verdict, note);
            if let (true, Err(faults)) = (verdict.is_bad(), &person) {
                sentence.note = join(&sentence.note, faults);
            }
            continue;
        }
        let wanted = match person {
            Ok(wanted) => wanted,
            Err(faults) => {
                let verdict = faults.first().map_or(Verdict::Malformed, |fault| fault.0);
                sentence.is(verdict, join("", &faults));
                continue;
            }
        };
        let has_account = known.is_some_and(|known| known.account.is_some());
        let verdict = match terms.plan.way {
            Way::Add if has_account => Verdict::Join,
            Way::Add => Verdict::Create,
            Way::Invite if has_account && joins(by) => Verdict::Join,
            Way::Invite => Verdict::Invite,
        };
        if verdict == Verdict::Invite && !wanted.additional.is_empty() {
            let note = "A custom role is given to members, and this person is only invited. Leave the role out, or add people directly.";
            sentence.is(Verdict::UnknownRole, note);
            continue;
        }
        match left.take(verdict, &wanted, org, &address, most_pending) {
            Ok(()) => {
                sentence.is(verdict, "");
                sentence.wanted = Some(wanted);
            }
            Err((verdict, note)) => sentence.is(verdict, note),
        }
    }
    Ok(sentences)
}

fn join(note: &str, faults: &[row::Fault]) -> String {
    let mut all: Vec<&str> = vec![note];
    all.extend(faults.iter().map(|fault| fault.1.as_str()));
    all.retain(|part| !part.is_empty());
    all.join(" ")
}

/// Where each address stands first, in these lines or before.
async fn firsts(db: &mut impl Read, import: &Import, sentences: &[Sentence]) -> Result<HashMap<String, (i64, i64)>> {
    let keys: Vec<&str> = sentences
        .iter()
        .filter_map(|one| one.address.as_ref().map(Address::key))
        .collect();
    let mut firsts: HashMap<String, (i64, i64)> = HashMap::new();
    for first in store::list_firsts(db, import, &keys).await? {
        firsts.insert(first.email_key, (first.n, first.line));
    }
    for one in sentences {
        if let Some(address) = &one.address {
            let first = firsts.entry(address.key().to_owned()).or_insert((one.n, one.line));
            if one.n < first.0 {
                *first = (one.n, one.line);
            }
        }
    }
    Ok(firsts)
}

/// The addresses whose account is a member's, whatever address the membership was made with.
async fn members_by_account(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    addresses: &[&Address],
    known: &HashMap<String, Known>,
) -> Result<HashSet<String>> {
    let keys: Vec<&str> = addresses
        .iter()
        .map(|address| address.key())
        .filter(|key| known.get(*key).is_some_and(|known| known.account.is_some()))
        .collect();
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let accounts = account::list_by_keys(db, &keys).await?;
    let users: Vec<_> = accounts.iter().map(|account| account.id).collect();
    let live: HashSet<_> = member::standing_of(db, by.org().id, &users)
        .await?
        .0
        .into_iter()
        .collect();
    let members = accounts.into_iter().filter(|account| live.contains(&account.id));
    Ok(members.map(|account| account.email_key).collect())
}

/// What the organization and the installation know that keeps somebody out, or has let them in already.
fn standing(
    plan: &Plan,
    by: &Can<InviteCreate>,
    address: &Address,
    known: Option<&Known>,
    is_member: bool,
    (domains, now): (&[String], Timestamp),
) -> Option<row::Fault> {
    let org = by.org();
    let told = |verdict: bulk::Verdict| verdict.refusal(address, org, 0);
    if let Some(known) = known {
        if known.member == Some(4) {
            return Some((Verdict::Disabled, told(bulk::Verdict::Disabled)));
        }
        if known.member.is_some() || is_member {
            return Some((Verdict::Member, String::new()));
        }
        if known.account.is_some_and(|state| state != 1) {
            return Some((Verdict::AccountDisabled, told(bulk::Verdict::AccountDisabled)));
        }
        let invites = plan.way == Way::Invite;
        if invites && known.suppressed == Some(1) {
            return Some((Verdict::Reported, told(bulk::Verdict::Reported)));
        }
        let is_open = known.invitation.is_some() && known.expires_at.is_none_or(|end| end > now);
        if invites && is_open {
            return Some((Verdict::Invited, String::new()));
        }
    }
    if !bulk::is_allowed(domains, address) {
        return Some((Verdict::OutsideDomains, told(bulk::Verdict::OutsideDomains)));
    }
    if plan.way == Way::Invite && known.is_some_and(|known| known.suppressed == Some(2)) {
        return Some((Verdict::Bounced, told(bulk::Verdict::Bounced)));
    }
    None
}

async fn left(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    before: &Counts,
    most_pending: i64,
    now: Timestamp,
) -> Result<Left> {
    let org = by.org().id;
    let (invited, joined) = before.coming();
    let (room, seats_to_invite) = bulk::room(db, org, most_pending, now).await?;
    let seats = member::seats(db, org).await?.map_or(i64::MAX, |seats| seats.left());
    let taken = |left: i64, by: i64| if left == i64::MAX { left } else { left - by };
    Ok(Left {
        invitations: room - invited,
        seats_to_invite: taken(seats_to_invite, invited + joined),
        seats: taken(seats, joined),
        steady_admins: member::count_steady_admins(db, org).await?,
    })
}

impl Left {
    /// Takes what a person needs, or says what is missing.
    fn take(
        &mut self,
        verdict: Verdict,
        wanted: &Wanted,
        org: &crate::access::OrgRef,
        address: &Address,
        most_pending: i64,
    ) -> Result<(), row::Fault> {
        let told = |verdict: bulk::Verdict| verdict.refusal(address, org, most_pending);
        let less = |left: &mut i64| {
            if *left != i64::MAX {
                *left -= 1;
            }
        };
        if verdict == Verdict::Invite {
            if self.invitations <= 0 {
                return Err((Verdict::OverCeiling, told(bulk::Verdict::OverCeiling)));
            }
            if self.seats_to_invite <= 0 {
                return Err((Verdict::NoSeat, told(bulk::Verdict::NoSeat)));
            }
            self.invitations -= 1;
        } else {
            if wanted.role == Role::Administrator && wanted.until.is_some() && self.steady_admins == 0 {
                let sentence = "The first Org Admin of an organization cannot have an end date. Leave the end empty.";
                return Err((Verdict::BadEnd, sentence.to_owned()));
            }
            if self.seats <= 0 {
                return Err((Verdict::NoSeat, told(bulk::Verdict::NoSeat)));
            }
            less(&mut self.seats);
        }
        less(&mut self.seats_to_invite);
        Ok(())
    }
}

/// Verdicts of some lines, counted.
pub fn count(sentences: &[Sentence]) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    for one in sentences {
        *counts.entry(one.verdict as i64).or_insert(0) += 1;
    }
    counts
}
