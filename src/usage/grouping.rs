//! The ways in which a page of usage groups what was used: the same for the page and for the file that it gives.

use super::figures::{self, Figures, ROWS, Share, Walk};
use crate::{
    access::{Can, Permission},
    db::Read,
    error::Result,
    ids::{GroupId, KeyId, MemberId, OrgId, PoolId, ServiceId},
    metering::Scope,
};

/// What a table is made of.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// The sums of a kind; and what the row for the rest is called.
    All(Scope, &'static str),
    /// What a member did.
    Activities(MemberId),
    /// The keys of a member.
    OwnKeys(MemberId),
}

/// A table of a page, and its rows in a file.
#[derive(Debug, Clone, Copy)]
pub struct Grouping {
    /// The id of its heading.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    of: Of,
}

const fn all(scope: Scope, id: &'static str, title: &'static str, rest: &'static str) -> Grouping {
    Grouping {
        id,
        title,
        of: Of::All(scope, rest),
    }
}

const OF_ORG: [Grouping; 8] = [
    all(
        Scope::Group,
        "by-group",
        "By group",
        "Without a group, and other groups",
    ),
    all(
        Scope::Member,
        "by-member",
        "Members who use most",
        "Other members, and services",
    ),
    all(
        Scope::Pool,
        "by-pool",
        "By credit pool",
        "Without a credit pool, and paid by wallets",
    ),
    all(Scope::Activity, "by-activity", "By activity type", "Other activities"),
    all(Scope::Key, "by-key", "By API key", "Other keys, and without a key"),
    all(
        Scope::ServiceAccount,
        "by-service",
        "By service account",
        "Members, and other services",
    ),
    all(Scope::App, "by-app", "By app", "Other apps, and without an app"),
    all(Scope::Flow, "by-flow", "By flow", "Other flows, and without a flow"),
];

impl Grouping {
    /// Those of an organization that somebody may see, in the order of the page: what people may not open, they need not read the names of.
    pub fn of_org<P>(by: &Can<P>) -> Vec<Self> {
        let manages_keys = by.may(Permission::KeyManage);
        let is_key = |one: &Self| matches!(one.of, Of::All(Scope::Key | Scope::ServiceAccount, _));
        OF_ORG.into_iter().filter(|one| manages_keys || !is_key(one)).collect()
    }
    /// Those of a member: whose key it is alone knows it by its name.
    pub fn of_member(member: MemberId, is_own: bool) -> Vec<Self> {
        let mut some = vec![Self {
            id: "by-activity",
            title: "By activity type",
            of: Of::Activities(member),
        }];
        if is_own {
            some.push(Self {
                id: "by-key",
                title: "By API key",
                of: Of::OwnKeys(member),
            });
        }
        some
    }

    /// What the period of some figures is made of, for a page; nothing where that is not kept.
    pub async fn shares(self, db: &mut impl Read, org: OrgId, figures: &Figures) -> Result<Vec<Share>> {
        match self.of {
            Of::All(scope, rest) => figures::shares(db, org, figures, (scope, rest), ROWS).await,
            Of::Activities(member) => figures::activities(db, org, figures, member, ROWS).await,
            Of::OwnKeys(member) => figures::keys(db, org, figures, member).await,
        }
    }
    /// The same for a file, with all rows, a part after the other; none at the end.
    pub async fn part(
        self,
        db: &mut impl Read,
        org: OrgId,
        figures: &Figures,
        walk: &mut Walk,
    ) -> Result<Option<Vec<Share>>> {
        let whole = match self.of {
            Of::All(scope, rest) => return figures::part(db, org, figures, (scope, rest), walk).await,
            _ if matches!(walk, Walk::End) => return Ok(None),
            Of::Activities(member) => figures::activities(db, org, figures, member, i64::MAX).await?,
            Of::OwnKeys(member) => figures::keys(db, org, figures, member).await?,
        };
        *walk = Walk::End;
        Ok(Some(whole))
    }

    /// The page of one of its rows; none for whom it is not, and for what has none.
    pub fn href<P>(self, by: &Can<P>, id: i64) -> Option<String> {
        let manages_keys = by.may(Permission::KeyManage);
        let rest = match self.of {
            Of::All(Scope::Group, _) => format!("/groups/{}", GroupId::from_raw(id)),
            Of::All(Scope::Member, _) => format!("/members/{}/usage", MemberId::from_raw(id)),
            Of::All(Scope::Pool, _) if by.may(Permission::PoolRead) => format!("/credits/{}", PoolId::from_raw(id)),
            Of::All(Scope::Key, _) if manages_keys => format!("/keys/{}", KeyId::from_raw(id)),
            Of::All(Scope::ServiceAccount, _) if manages_keys => format!("/keys/services/{}", ServiceId::from_raw(id)),
            Of::OwnKeys(_) => format!("/keys/own/{}", KeyId::from_raw(id)),
            Of::All(..) | Of::Activities(_) => return None,
        };
        Some(by.path(&rest))
    }
}
