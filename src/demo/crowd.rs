//! A crowd of any size, through the bulk paths of the same verbs: a tenth of it in the first organization, the rest spread evenly.

use super::{ENTERPRISE, KESTREL, KESTREL_DOMAIN, PASSWORD, SUPPORT, SignIn, ZONES, names, names::mix};
use crate::{
    access::{
        self, EnterpriseRole, Role,
        permission::{GroupManage, LimitDefault, MemberDisable},
    },
    audit::Actor,
    auth::account::{self, NewAccount, Proof},
    clock::{Timestamp, days, minutes},
    db::{Db, Tx},
    error::{Error, Result},
    groups::{self, Kind},
    ids::{GroupId, MemberId, OrgId, UserId},
    limits::{
        Choice, Enforcement, Value,
        amount::Amount,
        defaults::{self, Defaults, GroupWish},
    },
    mail::address::Address,
    members::member::{self, Imported},
    orgs::{self, NewOrg},
    secret::Keys,
};

/// How many members come in one transaction: fewer cost more commits, more let the write-ahead log grow.
const AT_ONCE: usize = 20_000;
/// Every so manieth member of the other organizations is a person of the first one.
const VISITOR: u32 = 20;
/// Every so manieth member has been disabled.
const GONE: u32 = 500;
/// The number of the Enterprise Administrator; number 0 is the first Org Admin.
const OVERSEER: u32 = 1;
/// The first organization's groups, each with its size: about one member in so many.
const GROUPS: [(&str, Kind, u64); 16] = [
    ("Engineering", Kind::Department, 3),
    ("Field Ops", Kind::Department, 5),
    ("Customer Success", Kind::Department, 7),
    ("Research", Kind::Department, 11),
    ("Data Platform", Kind::Team, 15),
    ("Perception", Kind::Project, 21),
    ("Sales", Kind::Department, 22),
    ("Design", Kind::Team, 30),
    ("Finance", Kind::Department, 40),
    ("Safety", Kind::Team, 60),
    ("Manufacturing", Kind::Department, 80),
    ("Legal", Kind::Team, 100),
    ("Contractors", Kind::Group, 150),
    ("Leadership", Kind::Group, 200),
    ("Apprentices", Kind::Group, 400),
    ("Home Robot", Kind::Project, 1_000),
];
/// The other organizations have the first so many of these groups.
const GROUPS_ELSEWHERE: usize = 4;

/// How large the crowd is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Memberships, over all organizations.
    pub members: u32,
    /// Organizations.
    pub organizations: u32,
}

impl Size {
    /// How many members each organization has, first the large one.
    fn shares(self) -> impl Iterator<Item = u32> {
        let others = self.organizations - 1;
        let first = match others {
            0 => self.members,
            others => (self.members / 10)
                .clamp(1, self.members - others)
                .max(self.members / self.organizations),
        };
        let (each, more) = match others {
            0 => (0, 0),
            others => ((self.members - first) / others, (self.members - first) % others),
        };
        std::iter::once(first).chain((0..others).map(move |place| each + u32::from(place < more)))
    }
}

/// How far the filling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many members have come since the last step.
    Arrived(usize),
    /// All are there; the planner's statistics are made.
    Analyzing,
}

/// Fills an empty, migrated database and tells how to sign in; `progress` hears of each step.
pub async fn fill(
    db: &Db,
    keys: &Keys,
    size: Size,
    password_hash: &str,
    now: Timestamp,
    mut progress: impl FnMut(Step),
) -> Result<Vec<SignIn>> {
    if size.organizations == 0 || size.members < size.organizations {
        return Err(Error::invalid(
            "members",
            "Each organization needs a member, its Org Admin. Ask for at least as many members as organizations.",
        ));
    }
    let operator = Actor::operator(keys);
    let mut tx = db.write().await?;
    let places = found(&mut tx, &operator, size.organizations, now.minus(days(1_100))).await?;
    let mut crowd = Crowd {
        operator,
        password_hash,
        now,
        born: 0,
        home: size.shares().next().unwrap_or(1),
        first_user: None,
    };
    let mut waiting = 0;
    for (place, share) in places.iter().zip(size.shares()) {
        let seats: Vec<u32> = (0..share).collect();
        for seats in seats.chunks(AT_ONCE) {
            crowd.join(&mut tx, place, seats).await?;
            waiting += seats.len();
            if waiting >= AT_ONCE {
                tx.commit().await?;
                progress(Step::Arrived(std::mem::take(&mut waiting)));
                tx = db.write().await?;
            }
        }
    }
    let sign_ins = crowd.sign_ins(&mut tx).await?;
    tx.commit().await?;
    progress(Step::Arrived(waiting));
    progress(Step::Analyzing);
    db.analyze().await?;
    Ok(sign_ins)
}

/// An organization that people come to.
struct Place {
    id: OrgId,
    number: u32,
    domain: String,
    groups: Vec<GroupId>,
}

/// Sets up the enterprise, its organizations and their groups.
async fn found(tx: &mut Tx, by: &Actor, count: u32, then: Timestamp) -> Result<Vec<Place>> {
    orgs::create_enterprise(tx, by, ENTERPRISE, SUPPORT, "Europe/Oslo", then).await?;
    let founder = access::operator(by.clone());
    let mut places = Vec::with_capacity(count as usize);
    for number in 0..count {
        let name = if number == 0 {
            KESTREL.to_owned()
        } else {
            names::organization(number - 1)
        };
        let new = NewOrg {
            name,
            slug: None,
            zone: ZONES[number as usize % ZONES.len()].to_owned(),
            support_contact: SUPPORT.to_owned(),
        };
        let id = orgs::create(tx, &founder, new, then).await?;
        let domain = match number {
            0 => KESTREL_DOMAIN.to_owned(),
            _ => format!("{}.example", orgs::find(tx, id).await?.slug),
        };
        let by = access::inside::<GroupManage>(tx, by.clone(), id).await?;
        let wanted = if number == 0 {
            &GROUPS[..]
        } else {
            &GROUPS[..GROUPS_ELSEWHERE]
        };
        let mut groups = Vec::with_capacity(wanted.len());
        for (name, kind, _) in wanted {
            groups.push(groups::create(tx, &by, name, *kind, then).await?);
        }
        let by = by.also::<LimitDefault>()?;
        defaults::set(tx, &by, &both(250, 25), 0, false, then).await?;
        let wish = GroupWish {
            each: both(400, 40),
            together: both(1_000_000, 100_000),
            priority: 1,
        };
        defaults::set_group(tx, &by, groups[0], &wish, 1, then).await?;
        places.push(Place {
            id,
            number,
            domain,
            groups,
        });
    }
    Ok(places)
}

/// Credits of a month and of a day.
const fn both(month: u32, day: u32) -> Defaults {
    Defaults {
        month: Choice::Set(Value::Amount(Amount::credits(month))),
        day: Choice::Set(Value::Amount(Amount::credits(day))),
        enforcement: Enforcement::Hard,
    }
}

/// Who has come so far.
struct Crowd<'a> {
    operator: Actor,
    password_hash: &'a str,
    now: Timestamp,
    /// How many people there are.
    born: u32,
    /// How many of them belong to the first organization: they have the first numbers.
    home: u32,
    /// The account of number 0; the others follow it.
    first_user: Option<UserId>,
}

/// Someone who takes a seat.
struct Someone {
    number: u32,
    seat: u32,
    name: String,
    email: Address,
    is_new: bool,
}

impl Crowd<'_> {
    /// Lets people take these seats of an organization.
    async fn join(&mut self, tx: &mut Tx, place: &Place, seats: &[u32]) -> Result<()> {
        let people = seats
            .iter()
            .map(|seat| self.seat(place, *seat))
            .collect::<Result<Vec<_>>>()?;
        let new: Vec<NewAccount<'_>> = people
            .iter()
            .filter(|someone| someone.is_new)
            .map(|someone| NewAccount {
                email: &someone.email,
                name: &someone.name,
                // The Org Admins can sign in; a hash each for everyone else would only make the database larger.
                password_hash: (someone.seat == 0 || someone.number == OVERSEER).then_some(self.password_hash),
                proof: Proof::Mailed,
            })
            .collect();
        let users = account::create_many(tx, &self.operator, &new, self.now).await?;
        let first = *self
            .first_user
            .get_or_insert_with(|| users.first().copied().unwrap_or(UserId::from_raw(1)));
        let members = people
            .into_iter()
            .map(|someone| self.member(place, someone, first))
            .collect();
        let ids = member::join_many(tx, &self.operator, place.id, members, self.now).await?;
        let gone: Vec<MemberId> = seats
            .iter()
            .zip(&ids)
            .filter(|(seat, _)| *seat % GONE == GONE - 1)
            .map(|(_, id)| *id)
            .collect();
        if !gone.is_empty() {
            let by = access::inside::<MemberDisable>(tx, self.operator.clone(), place.id).await?;
            for id in gone {
                member::disable(tx, &by, id, "Left the company.", self.now).await?;
            }
        }
        Ok(())
    }

    /// Who takes a seat: a person of the first organization, or somebody new.
    fn seat(&mut self, place: &Place, seat: u32) -> Result<Someone> {
        let is_new = place.number == 0 || seat % VISITOR != VISITOR - 1;
        let (number, domain) = if is_new {
            self.born += 1;
            (self.born - 1, place.domain.as_str())
        } else {
            (
                (place.number.wrapping_mul(37) + seat / VISITOR) % self.home,
                KESTREL_DOMAIN,
            )
        };
        let (name, local) = match number {
            0 => ("Priya Raman".to_owned(), "priya.raman".to_owned()),
            OVERSEER if self.home > OVERSEER => ("Ingrid Solberg".to_owned(), "ingrid.solberg".to_owned()),
            _ => {
                let (given, family) = names::person(u64::from(number));
                (
                    format!("{given} {family}"),
                    format!("{}.{number}", names::local_part(given, family)),
                )
            }
        };
        let email = Address::parse(&format!("{local}@{domain}")).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Someone {
            number,
            seat,
            name,
            email,
            is_new,
        })
    }

    /// The membership that somebody has: role, groups and past follow from organization and seat.
    fn member(&self, place: &Place, someone: Someone, first: UserId) -> Imported {
        let dice = mix(2, (u64::from(place.number) << 32) | u64::from(someone.seat));
        let leads = someone.seat == 0 || someone.number == OVERSEER && place.number == 0;
        let role = match dice % 1_000 {
            _ if leads => Role::Administrator,
            0..8 => Role::Administrator,
            8..48 => Role::Manager,
            48..348 => Role::Developer,
            348..948 => Role::Member,
            _ => Role::Viewer,
        };
        let standing = if leads { 0 } else { mix(3, dice) % 1_000 };
        let joined = 30 + mix(4, dice) % minutes_of(1_000); // minutes ago
        let recent = mix(5, dice) % 1_000;
        let seen = joined * recent / 1_000 * recent / 1_000 * recent / 1_000; // cubed: most were here lately
        let joined_at = self.now.minus(minutes(joined));
        let is_inactive = (860..955).contains(&standing);
        let never = is_inactive && !dice.is_multiple_of(3);
        Imported {
            expires_at: None,
            user: UserId::from_raw(first.raw() + i64::from(someone.number)),
            email: someone.email,
            name: someone.name,
            role,
            is_primary: someone.is_new,
            joined_at,
            last_active_at: (!never).then(|| self.now.minus(minutes(seen))),
            context_at: (!is_inactive).then(|| joined_at.plus(minutes(20))),
            is_suspended: standing >= 955,
            groups: pick(&place.groups, mix(6, dice)),
        }
    }

    /// How to sign in as the main Org Admin and as the Enterprise Administrator.
    async fn sign_ins(&self, tx: &mut Tx) -> Result<Vec<SignIn>> {
        let first = self.first_user.ok_or(Error::NotFound)?;
        let overseer = UserId::from_raw(first.raw() + i64::from(OVERSEER.min(self.born - 1)));
        account::set_enterprise_role(
            tx,
            &self.operator,
            overseer,
            Some(EnterpriseRole::Administrator),
            self.now,
        )
        .await?;
        let mut found = Vec::new();
        for (id, role) in [
            (first, Role::Administrator.title()),
            (overseer, EnterpriseRole::Administrator.title()),
        ] {
            let account = account::find(tx, id).await?.ok_or(Error::NotFound)?;
            found.push(SignIn {
                name: account.name,
                email: account.email,
                password: PASSWORD,
                role,
                organization: KESTREL.to_owned(),
            });
        }
        Ok(found)
    }
}

const fn minutes_of(days: u64) -> u64 {
    days * 24 * 60
}

/// One or two of the groups, the large ones more often.
fn pick(groups: &[GroupId], dice: u64) -> Vec<GroupId> {
    let weight = |place: usize| 10_000 / GROUPS[place].2;
    let total: u64 = (0..groups.len()).map(weight).sum();
    let mut point = dice % total;
    let mut place = 0;
    while point >= weight(place) {
        point -= weight(place);
        place += 1;
    }
    let mut picked = vec![groups[place]];
    if groups.len() > 1 && mix(7, dice) % 5 < 2 {
        picked.push(groups[(place + 1 + (dice / total) as usize % (groups.len() - 1)) % groups.len()]);
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_organization_has_a_share_and_the_first_the_largest() {
        for (members, organizations) in [(1_000_000, 1_000), (5_000, 20), (20, 20), (33, 13), (7, 1), (100, 2)] {
            let shares: Vec<u32> = Size { members, organizations }.shares().collect();
            assert_eq!(shares.len() as u32, organizations);
            assert_eq!(shares.iter().sum::<u32>(), members);
            assert!(shares.iter().all(|share| (1..=shares[0]).contains(share)), "{shares:?}");
        }
        let large: Vec<u32> = Size {
            members: 1_000_000,
            organizations: 1_000,
        }
        .shares()
        .collect();
        assert_eq!((large[0], large[999]), (100_000, 900));
    }

    #[test]
    fn nobody_picks_a_group_twice() {
        let groups: Vec<GroupId> = (1..=GROUPS.len() as i64).map(GroupId::from_raw).collect();
        for count in 1..=groups.len() {
            for dice in 0..2_000 {
                let picked = pick(&groups[..count], mix(9, dice));
                assert!(picked.len() == 1 || picked[0] != picked[1], "{picked:?}");
            }
        }
    }
}
