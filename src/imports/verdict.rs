//! What becomes of a line, and in which words it is told.

/// What became of one line, or would; stored by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i64)]
pub enum Verdict {
    /// Its person is invited by mail.
    Invite = 1,
    /// Its person has an account and joins.
    Join = 2,
    /// Its person gets an account and joins.
    Create = 3,
    /// Its person is a member and stays as they are.
    Member = 4,
    /// Its person has a pending invitation, which stays as it is.
    Invited = 5,
    /// The address stands on an earlier line.
    Duplicate = 6,
    /// It has no address, or one that is none.
    Malformed = 7,
    /// The organization does not allow the domain.
    OutsideDomains = 8,
    /// The role is unknown.
    UnknownRole = 9,
    /// The role is more than the caller may give.
    RoleAbove = 10,
    /// A group is unknown.
    UnknownGroup = 11,
    /// A limit cannot be read.
    BadLimit = 12,
    /// The caller may not set limits.
    MayNotLimit = 13,
    /// The end of the membership cannot be read, or lies behind.
    BadEnd = 14,
    /// There is no name, or one that is none.
    BadName = 15,
    /// No seat is left.
    NoSeat = 16,
    /// Too many invitations are pending.
    OverCeiling = 17,
    /// The person is disabled in the organization.
    Disabled = 18,
    /// The account is disabled.
    AccountDisabled = 19,
    /// The person reported an invitation and gets no more.
    Reported = 20,
    /// Mail came back lately.
    Bounced = 21,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Invite,
        Self::Join,
        Self::Create,
        Self::Member,
        Self::Invited,
        Self::Duplicate,
        Self::Malformed,
        Self::OutsideDomains,
        Self::UnknownRole,
        Self::RoleAbove,
        Self::UnknownGroup,
        Self::BadLimit,
        Self::MayNotLimit,
        Self::BadEnd,
        Self::BadName,
        Self::NoSeat,
        Self::OverCeiling,
        Self::Disabled,
        Self::AccountDisabled,
        Self::Reported,
        Self::Bounced,
    ];

    /// The verdict with this number.
    pub fn find(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| *verdict as i64 == number)
    }
    /// Whether the line brings somebody in.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Invite | Self::Join | Self::Create)
    }
    /// Whether there is nothing to do for the line.
    pub const fn is_idle(self) -> bool {
        matches!(self, Self::Member | Self::Invited)
    }
    /// Whether the line has to be mended.
    pub const fn is_bad(self) -> bool {
        !self.is_ready() && !self.is_idle()
    }
    /// A few words for a table; `done` when it has happened.
    pub const fn words(self, done: bool) -> &'static str {
        match (self, done) {
            (Self::Invite, false) => "Will be invited",
            (Self::Invite, true) => "Invited",
            (Self::Join, false) => "Will join",
            (Self::Join, true) => "Joined",
            (Self::Create, false) => "Will get an account",
            (Self::Create, true) => "Added with a new account",
            (Self::Member, _) => "Already a member",
            (Self::Invited, _) => "Already invited",
            (Self::Duplicate, _) => "Twice in the file",
            (Self::Malformed, _) => "No valid e-mail address",
            (Self::OutsideDomains, _) => "Outside the allowed domains",
            (Self::UnknownRole, _) => "Unknown role",
            (Self::RoleAbove, _) => "Role above your own",
            (Self::UnknownGroup, _) => "Unknown group",
            (Self::BadLimit, _) => "Limit not readable",
            (Self::MayNotLimit, _) => "Limit not yours to set",
            (Self::BadEnd, _) => "End not readable",
            (Self::BadName, _) => "No valid name",
            (Self::NoSeat, _) => "No seat left",
            (Self::OverCeiling, _) => "Too many pending invitations",
            (Self::Disabled, _) => "Disabled here",
            (Self::AccountDisabled, _) => "Account disabled",
            (Self::Reported, _) => "Wants no invitations",
            (Self::Bounced, _) => "Mail came back",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_found_again_and_fall_into_three_kinds() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::find(verdict as i64), Some(verdict));
            let kinds = [verdict.is_ready(), verdict.is_idle(), verdict.is_bad()];
            assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{verdict:?}");
        }
    }
}
