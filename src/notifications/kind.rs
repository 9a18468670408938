//! The kinds of things that people are told.

/// The parts of the page of preferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The person's own memberships.
    Access,
    /// What is used.
    Usage,
    /// Invitations that the person sent.
    Invitations,
    /// The person's account.
    Security,
}

impl Section {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Access, Self::Usage, Self::Invitations, Self::Security];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Access => "Your access",
            Self::Usage => "Usage",
            Self::Invitations => "Invitations you sent",
            Self::Security => "Security",
        }
    }
    /// One sentence below it.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Access => "What others change about your memberships, and what ends by itself.",
            Self::Usage => "How much is used of a limit, or at all, once for each day or month.",
            Self::Invitations => "What became of them.",
            Self::Security => "These mails are always sent, because somebody in your account could switch them off.",
        }
    }
}

/// What a person is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[repr(i64)]
pub enum Kind {
    /// Somebody made them a member.
    Added = 1,
    /// Somebody gave them another role.
    RoleChanged = 2,
    /// Somebody deactivated, activated, disabled or removed them.
    AccessChanged = 3,
    /// Somebody joined by their invitation.
    InvitationAccepted = 4,
    /// The mail of their invitation came back.
    InvitationBounced = 5,
    /// Somebody signed in as them from a device that was not seen before.
    NewSignIn = 6,
    /// Their password is another one.
    PasswordChanged = 7,
    /// An API key of theirs, or one that they care for, ends soon.
    KeyExpiring = 20,
    /// They have come near a limit of theirs, or used it up.
    LimitNear = 21,
    /// Somebody of an organization that they administer, or of a group that they lead, has used up a limit.
    LimitReached = 22,
    /// They, or somebody of an organization that they administer or a group that they lead, use far more than usual.
    UsageSpike = 23,
    /// Members of an organization that they administer used nothing in a month.
    UsageUnused = 24,
    /// Somebody has answered their request for a higher limit.
    RequestAnswered = 25,
}

impl Kind {
    /// All of them, in the order of the page of preferences.
    pub const ALL: [Self; 13] = [
        Self::Added,
        Self::RoleChanged,
        Self::AccessChanged,
        Self::KeyExpiring,
        Self::LimitNear,
        Self::RequestAnswered,
        Self::LimitReached,
        Self::UsageSpike,
        Self::UsageUnused,
        Self::InvitationAccepted,
        Self::InvitationBounced,
        Self::NewSignIn,
        Self::PasswordChanged,
    ];

    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Added => "membership.added",
            Self::RoleChanged => "membership.role",
            Self::AccessChanged => "membership.access",
            Self::InvitationAccepted => "invitation.accepted",
            Self::InvitationBounced => "invitation.bounced",
            Self::NewSignIn => "security.sign_in",
            Self::PasswordChanged => "security.password",
            Self::KeyExpiring => "key.expiring",
            Self::LimitNear => "usage.limit",
            Self::LimitReached => "usage.member_limit",
            Self::UsageSpike => "usage.spike",
            Self::UsageUnused => "usage.zero",
            Self::RequestAnswered => "usage.request",
        }
    }
    /// The words of the page of preferences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Added => "You were added to an organization",
            Self::RoleChanged => "Your role changed",
            Self::AccessChanged => "Your membership was deactivated, activated or ended",
            Self::InvitationAccepted => "Someone joined by your invitation",
            Self::InvitationBounced => "An invitation could not be delivered",
            Self::NewSignIn => "Sign-in from a new device",
            Self::PasswordChanged => "Your password was changed",
            Self::KeyExpiring => "An API key of yours, or of a group you lead, expires soon",
            Self::LimitNear => "A limit of yours is nearly used up, or all of it",
            Self::LimitReached => "A member of your organization, or of a group you lead, has used up a limit",
            Self::UsageSpike => "Far more is used in a day than usual",
            Self::UsageUnused => "Members of your organization used nothing in a month",
            Self::RequestAnswered => "Your request for a higher limit was answered",
        }
    }
    /// The part of the page that it stands in.
    pub const fn section(self) -> Section {
        match self {
            Self::Added | Self::RoleChanged | Self::AccessChanged | Self::KeyExpiring => Section::Access,
            Self::LimitNear | Self::LimitReached | Self::UsageSpike | Self::UsageUnused | Self::RequestAnswered => {
                Section::Usage
            }
            Self::InvitationAccepted | Self::InvitationBounced => Section::Invitations,
            Self::NewSignIn | Self::PasswordChanged => Section::Security,
        }
    }
    /// The icon beside it.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Added => "user-plus",
            Self::RoleChanged => "shield-check",
            Self::AccessChanged => "user",
            Self::InvitationAccepted => "user-round-check",
            Self::InvitationBounced | Self::LimitReached => "triangle-alert",
            Self::LimitNear | Self::RequestAnswered => "gauge",
            Self::UsageSpike => "zap",
            Self::UsageUnused => "moon",
            Self::NewSignIn => "log-in",
            Self::PasswordChanged | Self::KeyExpiring => "key-round",
        }
    }
    /// Whether it comes by mail while the person has chosen nothing.
    pub const fn mails(self) -> bool {
        !matches!(self, Self::InvitationAccepted)
    }
    /// Whether nobody can switch it off.
    pub const fn is_mandatory(self) -> bool {
        matches!(self.section(), Section::Security)
    }
    /// Finds a kind by its number.
    pub fn find(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_pro_04_kinds_are_told_apart_and_security_is_mandatory() {
        let keys: std::collections::HashSet<_> = Kind::ALL.iter().map(|kind| kind.key()).collect();
        assert_eq!(keys.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert_eq!(Kind::find(kind as i64), Some(kind));
            assert_eq!(kind.is_mandatory(), kind.key().starts_with("security."));
            assert!(!kind.is_mandatory() || kind.mails());
        }
        assert!(
            Section::ALL
                .iter()
                .all(|section| Kind::ALL.iter().any(|kind| kind.section() == *section))
        );
    }
}
