//! The dry run: what an act on many would do, without doing it.

use std::collections::BTreeMap;

use super::{
    job::Meant,
    kind::{Kind, Reason, Terms},
};
use crate::{
    access::{
        Can, Role,
        permission::{InviteCreate, MemberRead},
    },
    clock::Timestamp,
    credits,
    db::Read,
    error::Result,
    groups,
    ids::{GroupId, InvitationId, MemberId},
    invitations,
    limits::{self, Settings, Wish},
    members::{
        guard::Deed,
        mass::{self, Bench, Candidate},
        picks::{self, Selection},
    },
};

/// How many are looked at with one statement.
const PAGE: usize = 5_000;
/// How many names are told of those who cannot.
pub const NAMED: usize = 20;

/// What one way of doing it would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// How many would be changed.
    pub changes: i64,
    /// Who would not, by reason: how many, and the first of their names.
    pub left: BTreeMap<Reason, (i64, Vec<String>)>,
}

impl Foreseen {
    fn leave(&mut self, reason: Reason, name: Option<&str>) {
        let (count, names) = self.left.entry(reason).or_default();
        *count += 1;
        if let Some(name) = name
            && names.len() < NAMED
        {
            names.push(name.to_owned());
        }
    }
    fn leave_unnamed(&mut self, reason: Reason, count: i64) {
        if count > 0 {
            self.left.entry(reason).or_default().0 += count;
        }
    }
    /// How many cannot be changed; those for whom nothing is to be done are not among them.
    pub fn refused(&self) -> i64 {
        self.left
            .iter()
            .filter(|(reason, _)| **reason != Reason::Already)
            .map(|(_, (count, _))| count)
            .sum()
    }
}

/// The answer of a dry run.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// How many are meant.
    pub total: i64,
    /// The ids, while they are few enough to be worked off at once.
    pub ids: Option<Vec<i64>>,
    /// By each role that could be given.
    pub by_role: Vec<(Role, Foreseen)>,
    /// By each group: how many are in it already.
    pub by_group: BTreeMap<GroupId, i64>,
    /// For what is neither about a role nor about groups.
    pub plain: Foreseen,
}

impl Survey {
    /// What the order would come to.
    pub fn of(&self, kind: Kind, terms: &Terms) -> Foreseen {
        match (kind, terms.role) {
            (Kind::Role, Some(role)) => self
                .by_role
                .iter()
                .find(|(of, _)| *of == role)
                .map(|(_, foreseen)| foreseen.clone())
                .unwrap_or_default(),
            _ => self.plain.clone(),
        }
    }
}

/// What the dry run is about.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    /// What is to be done.
    pub kind: Kind,
    /// How the organization counts, and the limits to set once they are chosen.
    pub limits: Option<(&'a Settings, Option<&'a Wish>)>,
}

/// Looks at everyone who is meant, some thousand with each statement.
pub async fn survey<P>(
    db: &mut impl Read,
    by: &Can<P>,
    of: Looked<'_>,
    meant: &Meant,
    few: usize,
    now: Timestamp,
) -> Result<Survey> {
    match meant {
        Meant::Members(selection) => members(db, by, of, selection, few, now).await,
        Meant::Invitations(_) | Meant::AllInvitations(_) => {
            invitations_of(db, &by.also::<InviteCreate>()?, meant, few, now).await
        }
    }
}

struct Look<'a> {
    found: Survey,
    of: Looked<'a>,
    benches: Vec<(Deed, Bench)>,
    few: usize,
}

async fn members<P>(
    db: &mut impl Read,
    by: &Can<P>,
    of: Looked<'_>,
    selection: &Selection,
    few: usize,
    now: Timestamp,
) -> Result<Survey> {
    let by = by.also::<MemberRead>()?;
    let org = by.org().id;
    let deeds: Vec<Deed> = match of.kind {
        Kind::Role => Role::ALL
            .into_iter()
            .filter(|role| role.rank() <= by.rank())
            .map(Deed::Role)
            .collect(),
        Kind::Suspend => vec![Deed::Suspend(None)],
        Kind::Activate => vec![Deed::Activate],
        Kind::Disable => vec![Deed::Disable],
        Kind::Remove => vec![Deed::Remove],
        Kind::GroupAdd | Kind::GroupRemove | Kind::Resend | Kind::Limit | Kind::Pool => Vec::new(),
    };
    let bench = Bench::new(db, org).await?;
    let mut look = Look {
        of,
        found: Survey {
            ids: Some(Vec::new()),
            by_role: deeds
                .iter()
                .filter_map(|deed| match deed {
                    Deed::Role(role) => Some((*role, Foreseen::default())),
                    _ => None,
                })
                .collect(),
            ..Survey::default()
        },
        benches: deeds.into_iter().map(|deed| (deed, bench)).collect(),
        few,
    };
    match selection {
        Selection::Ids(ids) => {
            let page = mass::among(db, org, ids).await?;
            let missing = (ids.len() - page.len()) as i64;
            look.at(db, &by, &page, now).await?;
            look.found.ids = Some(ids.iter().map(|id| id.raw()).collect());
            look.found.total += missing;
            look.found.plain.leave_unnamed(Reason::Missing, missing);
            for (_, foreseen) in &mut look.found.by_role {
                foreseen.leave_unnamed(Reason::Missing, missing);
            }
        }
        Selection::All { list, except } => {
            let query = picks::asked_by(&by, list)?;
            let mut after = None;
            loop {
                let mut page = mass::page(db, org, &query, after, PAGE).await?;
                let is_last = page.len() < PAGE;
                after = page.last().map(|last| last.id).or(after);
                page.retain(|member| except.binary_search(&member.id).is_err());
                look.at(db, &by, &page, now).await?;
                if is_last {
                    break;
                }
            }
        }
    }
    Ok(look.found)
}

impl Look<'_> {
    async fn at(&mut self, db: &mut impl Read, by: &Can<MemberRead>, page: &[Candidate], now: Timestamp) -> Result<()> {
        self.found.total += page.len() as i64;
        let is_few = self.found.total <= self.few as i64;
        self.found.ids = self.found.ids.take().filter(|_| is_few).map(|mut ids| {
            ids.extend(page.iter().map(|member| member.id.raw()));
            ids
        });
        if let Some((settings, wish)) = self.of.limits {
            let foreseen = limits::mass::foresee(db, by, settings, page, wish, now).await?;
            for (member, foreseen) in page.iter().zip(foreseen) {
                match foreseen {
                    Ok(true) => self.found.plain.changes += 1,
                    Ok(false) => self.found.plain.leave(Reason::Already, Some(&member.name)),
                    Err(refusal) => self.found.plain.leave(refusal.into(), Some(&member.name)),
                }
            }
            return Ok(());
        }
        if self.of.kind == Kind::Pool {
            for member in page {
                if credits::mass::may_choose(by, member) {
                    self.found.plain.changes += 1;
                } else {
                    self.found.plain.leave(Reason::Higher, Some(&member.name));
                }
            }
            return Ok(());
        }
        if self.benches.is_empty() {
            let ids: Vec<MemberId> = page.iter().map(|member| member.id).collect();
            for (group, n) in groups::mass::shares(db, by.org().id, &ids, now).await? {
                *self.found.by_group.entry(group).or_insert(0) += n;
            }
            return Ok(());
        }
        for (deed, bench) in &mut self.benches {
            let foreseen = match deed {
                Deed::Role(role) => self
                    .found
                    .by_role
                    .iter_mut()
                    .find(|(of, _)| of == role)
                    .map(|(_, foreseen)| foreseen),
                _ => Some(&mut self.found.plain),
            };
            let Some(foreseen) = foreseen else { continue };
            for member in page {
                if matches!(deed, Deed::Role(_)) && by.member() == Some(member.id) {
                    foreseen.leave(Reason::Yourself, Some(&member.name));
                    continue;
                }
                match bench.judge(by, *deed, &member.standing(), true, now) {
                    Ok(true) => foreseen.changes += 1,
                    Ok(false) => foreseen.leave(Reason::Already, Some(&member.name)),
                    Err(refusal) => foreseen.leave(refusal.into(), Some(&member.name)),
                }
            }
        }
        Ok(())
    }
}

async fn invitations_of(
    db: &mut impl Read,
    by: &Can<InviteCreate>,
    meant: &Meant,
    few: usize,
    now: Timestamp,
) -> Result<Survey> {
    let mut found = Survey {
        ids: Some(Vec::new()),
        ..Survey::default()
    };
    let mut look = |page: &[invitations::mass::Candidate]| {
        found.total += page.len() as i64;
        let is_few = found.total <= few as i64;
        found.ids = found.ids.take().filter(|_| is_few).map(|mut ids| {
            ids.extend(page.iter().map(|one| one.id.raw()));
            ids
        });
        for one in page {
            match invitations::mass::foresee(by, one, now) {
                Ok(()) => found.plain.changes += 1,
                Err(refusal) => found.plain.leave(refusal.into(), Some(&one.email)),
            }
        }
    };
    match meant {
        Meant::Invitations(ids) => {
            let page = invitations::mass::among(db, by, ids).await?;
            look(&page);
            let missing = (ids.len() - page.len()) as i64;
            found.total += missing;
            found.plain.leave_unnamed(Reason::Missing, missing);
            found.ids = Some(ids.iter().map(|id| id.raw()).collect());
        }
        Meant::AllInvitations(search) => {
            let mut after: Option<InvitationId> = None;
            loop {
                let page = invitations::mass::page(db, by, search, after, PAGE, now).await?;
                after = page.last().map(|last| last.id).or(after);
                look(&page);
                if page.len() < PAGE {
                    break;
                }
            }
        }
        Meant::Members(_) => {}
    }
    Ok(found)
}
