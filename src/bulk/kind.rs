//! What can be done to many at once, and why one of them was left out, each with its words.

use serde::{Deserialize, Serialize};

use crate::{
    access::{Permission, Role},
    groups::Group,
    ids::{GroupId, PoolId},
    invitations,
    limits::{self, Wish},
    members::guard,
    web::filters::plural,
};

/// An act on many. A new one needs its words here, its part in [`super::survey`] and in [`super::work`], and a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// Into groups.
    GroupAdd = 1,
    /// Out of groups.
    GroupRemove = 2,
    /// Another role.
    Role = 3,
    /// Deactivate.
    Suspend = 4,
    /// Activate.
    Activate = 5,
    /// Disable.
    Disable = 6,
    /// Remove.
    Remove = 7,
    /// Send invitations again.
    Resend = 8,
    /// Set limits.
    Limit = 9,
    /// Set the credit pool.
    Pool = 10,
}

/// What is to be done, beside the kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The role to give.
    pub role: Option<Role>,
    /// The groups.
    pub groups: Vec<GroupId>,
    /// Why.
    pub reason: String,
    /// The limits to set.
    pub limit: Option<Wish>,
    /// The same in words.
    pub limit_words: String,
    /// The credit pool to give; none for the organization's default.
    pub pool: Option<PoolId>,
    /// The same in words.
    pub pool_words: String,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::GroupAdd,
        Self::GroupRemove,
        Self::Role,
        Self::Suspend,
        Self::Activate,
        Self::Disable,
        Self::Remove,
        Self::Resend,
        Self::Limit,
        Self::Pool,
    ];

    /// The stable name in forms.
    pub const fn key(self) -> &'static str {
        match self {
            Self::GroupAdd => "group-add",
            Self::GroupRemove => "group-remove",
            Self::Role => "role",
            Self::Suspend => "deactivate",
            Self::Activate => "activate",
            Self::Disable => "disable",
            Self::Remove => "remove",
            Self::Resend => "resend",
            Self::Limit => "limit",
            Self::Pool => "pool",
        }
    }
    /// Finds a kind by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.key() == key)
    }
    /// The last part of its address; kinds that need the same right share it.
    pub const fn path(self) -> &'static str {
        match self {
            Self::GroupAdd | Self::GroupRemove => "groups",
            Self::Role => "roles",
            Self::Suspend | Self::Activate => "suspensions",
            Self::Disable => "disablements",
            Self::Remove => "removals",
            Self::Resend => "resends",
            Self::Limit => "limits",
            Self::Pool => "pools",
        }
    }
    /// The right that it needs.
    pub const fn permission(self) -> Permission {
        match self {
            Self::GroupAdd | Self::GroupRemove => Permission::GroupManage,
            Self::Role => Permission::RoleAssign,
            Self::Suspend | Self::Activate => Permission::MemberSuspend,
            Self::Disable => Permission::MemberDisable,
            Self::Remove => Permission::MemberManage,
            Self::Resend => Permission::InviteCreate,
            Self::Limit => Permission::LimitSet,
            Self::Pool => Permission::PoolManage,
        }
    }
    /// The label of the button and of the dialog.
    pub const fn label(self) -> &'static str {
        match self {
            Self::GroupAdd => "Add to Group",
            Self::GroupRemove => "Remove from group",
            Self::Role => "Change role",
            Self::Suspend => "Deactivate",
            Self::Activate => "Activate",
            Self::Disable => "Disable User",
            Self::Remove => "Remove",
            Self::Resend => "Resend Email",
            Self::Limit => "Set limit",
            Self::Pool => "Set credit pool",
        }
    }
    /// The icon beside the label.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::GroupAdd | Self::GroupRemove => "tag",
            Self::Role => "shield-check",
            Self::Suspend => "circle-pause",
            Self::Activate => "circle-play",
            Self::Disable => "ban",
            Self::Remove => "user-round-x",
            Self::Resend => "send",
            Self::Limit => "gauge",
            Self::Pool => "coins",
        }
    }
    /// Whether it can be taken back, and how.
    pub const fn inverse(self) -> Option<Self> {
        match self {
            Self::GroupAdd => Some(Self::GroupRemove),
            Self::GroupRemove => Some(Self::GroupAdd),
            Self::Role => Some(Self::Role),
            Self::Suspend => Some(Self::Activate),
            Self::Activate => Some(Self::Suspend),
            Self::Limit => Some(Self::Limit),
            Self::Pool => Some(Self::Pool),
            Self::Disable | Self::Remove | Self::Resend => None,
        }
    }
    /// Whether it ends something for good, so that it is confirmed by typing.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Disable | Self::Remove)
    }
    /// "3 members", "3 invitations".
    pub fn count(self, n: i64) -> String {
        match self {
            Self::Resend => plural(n, "invitation", "invitations"),
            _ => plural(n, "member", "members"),
        }
    }
    /// The title of the job: "Add to Engineering".
    pub fn title(self, terms: &Terms, groups: &[Group]) -> String {
        let names: Vec<&str> = groups
            .iter()
            .filter(|group| terms.groups.contains(&group.id))
            .map(|group| group.name.as_str())
            .collect();
        match self {
            Self::GroupAdd => format!("Add to {}", names.join(", ")),
            Self::GroupRemove => format!("Remove from {}", names.join(", ")),
            Self::Role => format!("Change role to {}", terms.role.map_or("another", Role::title)),
            Self::Suspend => "Deactivate members".to_owned(),
            Self::Activate => "Activate members".to_owned(),
            Self::Disable => "Disable members".to_owned(),
            Self::Remove => "Remove members".to_owned(),
            Self::Resend => "Resend invitations".to_owned(),
            Self::Limit => format!("Set limit to {}", terms.limit_words),
            Self::Pool => format!("Set credit pool to {}", terms.pool_words),
        }
    }
    /// What has happened to so many, in one sentence without its full stop.
    pub fn done(self, n: i64, title: &str) -> String {
        let (who, verb) = (self.count(n), if n == 1 { "was" } else { "were" });
        let (_, rest) = title.split_once(' ').unwrap_or(("", title));
        match self {
            Self::GroupAdd => format!("{who} {verb} added {rest}"),
            Self::GroupRemove => format!("{who} {verb} removed {rest}"),
            Self::Role => format!("{who} {verb} changed: {}", rest.trim_start_matches("role to ")),
            Self::Suspend => format!("{who} {verb} deactivated"),
            Self::Activate => format!("{who} {verb} activated"),
            Self::Disable => format!("{who} {verb} disabled"),
            Self::Remove => format!("{who} {verb} removed"),
            Self::Resend => format!("{who} {verb} sent again"),
            Self::Limit => format!("{who} {verb} changed: {}", rest.trim_start_matches("limit to ")),
            Self::Pool => format!("{who} {verb} changed: {}", rest.trim_start_matches("credit pool to ")),
        }
    }
}

/// Why one of many was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i64)]
pub enum Reason {
    /// No reason: it was done, or it waits.
    None = 0,
    /// It is so already.
    Already = 1,
    /// Nothing in this organization has the id.
    Missing = 2,
    /// The person stands above whoever acts.
    Higher = 3,
    /// The role stands above whoever acts.
    RoleAboveOwn = 4,
    /// It is whoever acts.
    Yourself = 5,
    /// The member is disabled.
    Disabled = 6,
    /// The member is disabled already.
    DisabledAlready = 7,
    /// The member is deactivated already.
    SuspendedAlready = 8,
    /// The member is not deactivated.
    NotSuspended = 9,
    /// The day lies behind.
    DayBehind = 10,
    /// It is the last Org Admin.
    LastAdmin = 11,
    /// It would be the only Org Admin, with an end date.
    OnlyAdminEnds = 12,
    /// Somebody else has changed it since.
    ChangedSince = 13,
    /// The mail went lately.
    TooSoon = 14,
    /// The invitation is over.
    Over = 15,
    /// Every seat is taken.
    NoSeat = 16,
    /// The member may do what whoever acts may not.
    Beyond = 17,
    /// The role permits what whoever acts may not do.
    RoleBeyond = 18,
    /// The daily limit would be above the monthly one.
    DayOverMonth = 19,
}

impl Reason {
    const ALL: [Self; 20] = [
        Self::None,
        Self::Already,
        Self::Missing,
        Self::Higher,
        Self::RoleAboveOwn,
        Self::Yourself,
        Self::Disabled,
        Self::DisabledAlready,
        Self::SuspendedAlready,
        Self::NotSuspended,
        Self::DayBehind,
        Self::LastAdmin,
        Self::OnlyAdminEnds,
        Self::ChangedSince,
        Self::TooSoon,
        Self::Over,
        Self::NoSeat,
        Self::Beyond,
        Self::RoleBeyond,
        Self::DayOverMonth,
    ];

    /// Reads the number of a row.
    pub fn of(number: i64) -> Self {
        Self::ALL
            .into_iter()
            .find(|reason| *reason as i64 == number)
            .unwrap_or(Self::None)
    }
    /// The words for one or many.
    pub const fn words(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::None, _) => "",
            (Self::Already, Kind::GroupRemove) => "Not in the group",
            (Self::Already, Kind::GroupAdd) => "In the group already",
            (Self::Already, Kind::Role) => "Has this role already",
            (Self::Already, Kind::Limit) => "Has this limit already",
            (Self::Already, _) => "Nothing to change",
            (Self::Missing, Kind::Resend) => "Not found among the invitations of this organization",
            (Self::Missing, _) => "Not found among the members of this organization",
            (Self::Higher, _) => "Stands above your own role",
            (Self::RoleAboveOwn, Kind::Resend) => "Invites to a role above what you may give",
            (Self::Beyond, _) => "Has permissions that you do not have",
            (Self::RoleBeyond, _) => "The role permits what you may not do yourself",
            (Self::RoleAboveOwn, _) => "The role stands above your own",
            (Self::Yourself, Kind::Role) => "Yourself: change your own role on your own page",
            (Self::Yourself, _) => "Yourself: ask another Org Admin",
            (Self::Disabled, Kind::Limit) => "Disabled, and uses nothing",
            (Self::Disabled, _) => "Disabled, which cannot be undone here",
            (Self::DisabledAlready, _) => "Disabled already",
            (Self::SuspendedAlready, _) => "Deactivated already",
            (Self::NotSuspended, _) => "Not deactivated",
            (Self::DayBehind, Kind::GroupAdd) => "The time in the group has ended",
            (Self::DayBehind, Kind::Limit) => "The last day lies behind",
            (Self::DayBehind, _) => "The day of return lies behind",
            (Self::LastAdmin, _) => "The last Org Admin: make someone else Org Admin first",
            (Self::OnlyAdminEnds, _) => "Would be the only Org Admin, and the membership has an end date",
            (Self::ChangedSince, _) => "Changed by someone since",
            (Self::TooSoon, _) => "Sent a minute ago, or five times today",
            (Self::NoSeat, _) => "Every seat is taken",
            (Self::Over, _) => "No longer open",
            (Self::DayOverMonth, _) => "The daily limit would be higher than the monthly one",
        }
    }
}

impl From<guard::Refusal> for Reason {
    fn from(refusal: guard::Refusal) -> Self {
        use guard::Refusal as R;
        match refusal {
            R::Higher => Self::Higher,
            R::RoleAboveOwn => Self::RoleAboveOwn,
            R::Yourself => Self::Yourself,
            R::Disabled => Self::Disabled,
            R::DisabledAlready => Self::DisabledAlready,
            R::SuspendedAlready => Self::SuspendedAlready,
            R::NotSuspended => Self::NotSuspended,
            R::DayBehind => Self::DayBehind,
            R::LastAdmin => Self::LastAdmin,
            R::OnlyAdminEnds => Self::OnlyAdminEnds,
            R::NoSeat => Self::NoSeat,
            R::Beyond => Self::Beyond,
            R::RoleBeyond => Self::RoleBeyond,
        }
    }
}

impl From<limits::policy::Refusal> for Reason {
    fn from(refusal: limits::policy::Refusal) -> Self {
        use limits::policy::Refusal as R;
        match refusal {
            R::Higher => Self::Higher,
            R::Disabled => Self::Disabled,
            R::DayOverMonth(_) => Self::DayOverMonth,
            R::DayBehind => Self::DayBehind,
        }
    }
}

impl From<invitations::mass::Refusal> for Reason {
    fn from(refusal: invitations::mass::Refusal) -> Self {
        use invitations::mass::Refusal as R;
        match refusal {
            R::TooSoon => Self::TooSoon,
            R::Over => Self::Over,
            R::RoleAboveOwn => Self::RoleAboveOwn,
            R::Missing => Self::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_reasons_are_found_again() {
        for kind in Kind::ALL {
            assert_eq!(Kind::find(kind.key()), Some(kind));
            if let Some(inverse) = kind.inverse() {
                assert_eq!(inverse.path(), kind.path(), "an undo needs the right of the act");
                assert_eq!(inverse.inverse(), Some(kind));
            }
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::of(reason as i64), reason);
        }
    }

    #[test]
    fn what_was_done_is_a_sentence() {
        assert_eq!(
            Kind::GroupAdd.done(40, "Add to Engineering"),
            "40 members were added to Engineering"
        );
        assert_eq!(
            Kind::Role.done(1, "Change role to Manager"),
            "1 member was changed: Manager"
        );
        assert_eq!(
            Kind::Limit.done(2, "Set limit to 400 credits a month"),
            "2 members were changed: 400 credits a month"
        );
        assert_eq!(
            Kind::Suspend.done(2, "Deactivate members"),
            "2 members were deactivated"
        );
    }
}
