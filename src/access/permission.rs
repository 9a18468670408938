//! The permissions and the one table that says which role has them (MODEL section 2.5).

use serde::{Deserialize, Serialize};

/// A person's role in one organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize)]
#[repr(i64)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads, changes nothing.
    Viewer = 20,
    /// Standard access: own context, own key where policy allows, own usage.
    Member = 30,
    /// Builds on the platform.
    Developer = 40,
    /// Leads people: invites, sees usage, suspends below own rank.
    Manager = 50,
    /// Runs the organization.
    Administrator = 60,
}

impl Role {
    /// All of them, highest first.
    pub const ALL: [Self; 5] = [
        Self::Administrator,
        Self::Manager,
        Self::Developer,
        Self::Member,
        Self::Viewer,
    ];

    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Viewer => "Viewer",
            Self::Member => "Member",
            Self::Developer => "Developer",
            Self::Manager => "Manager",
            Self::Administrator => "Org Admin",
        }
    }
    /// One sentence on what it may do.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Viewer => "Reads members, dashboards and reports.",
            Self::Member => "Works in an own context with an own allowance.",
            Self::Developer => "Builds with the API and manages devices and test environments.",
            Self::Manager => "Leads a team: invites people, deactivates them and watches usage.",
            Self::Administrator => "Manages people, settings and billing of the organization.",
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Developer => "developer",
            Self::Manager => "manager",
            Self::Administrator => "administrator",
        }
    }
    /// Finds a role by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.key() == key)
    }
    /// Its rank: nobody acts on, grants or invites above the own one.
    pub const fn rank(self) -> i64 {
        self as i64
    }
    /// Whether the role has a permission.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match permission {
            P::MemberRead => true,
            P::LimitRequest => true,
            P::InviteCreate | P::MemberSuspend | P::GroupManage | P::LimitDecide => {
                matches!(self, Self::Administrator | Self::Manager)
            }
            P::OrgSettings
            | P::MemberManage
            | P::MemberDisable
            | P::RoleAssign
            | P::AuditRead
            | P::LimitSet
            | P::LimitDefault => {
                matches!(self, Self::Administrator)
            }
            P::SettingsRead | P::BillingManage => matches!(self, Self::Administrator),
            P::EnterpriseRead | P::OrgManage | P::EnterpriseSettings | P::EnterpriseAudit | P::OperateMail => false,
        }
    }
}

/// A person's role over the whole enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, Serialize, Deserialize)]
#[repr(i64)]
#[serde(rename_all = "snake_case")]
pub enum EnterpriseRole {
    /// Reads everything, exports the audit.
    Auditor = 70,
    /// Credits and financial reports.
    BillingManager = 80,
    /// Everything, in every organization.
    Administrator = 100,
}

impl EnterpriseRole {
    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auditor => "Enterprise Auditor",
            Self::BillingManager => "Enterprise Billing Manager",
            Self::Administrator => "Enterprise Administrator",
        }
    }
    /// Its rank.
    pub const fn rank(self) -> i64 {
        self as i64
    }
    /// Whether the role has a permission, in the enterprise and in every organization.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            // Whoever is no member has no limit there to ask about.
            _ if matches!(permission, P::LimitRequest) => false,
            Self::Administrator => true,
            Self::BillingManager => matches!(
                permission,
                P::MemberRead
                    | P::EnterpriseRead
                    | P::LimitSet
                    | P::LimitDefault
                    | P::LimitDecide
                    | P::SettingsRead
                    | P::BillingManage
            ),
            Self::Auditor => matches!(
                permission,
                P::MemberRead | P::SettingsRead | P::EnterpriseRead | P::AuditRead | P::EnterpriseAudit
            ),
        }
    }
}

/// What can be permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See the organization's members.
    MemberRead,
    /// Add and remove members.
    MemberManage,
    /// Deactivate and activate members of lower rank.
    MemberSuspend,
    /// Disable members for good.
    MemberDisable,
    /// Change roles, up to the own rank.
    RoleAssign,
    /// Invite people, send again, delete codes.
    InviteCreate,
    /// Create groups and assign people.
    GroupManage,
    /// Change the organization's settings.
    OrgSettings,
    /// See the organization's settings, policies and subscription.
    SettingsRead,
    /// Keep the organization's seats and subscription record.
    BillingManage,
    /// Read the organization's audit log.
    AuditRead,
    /// Set the limits of members.
    LimitSet,
    /// Set the defaults of the organization and of groups, and how limits are counted.
    LimitDefault,
    /// Answer requests for higher limits.
    LimitDecide,
    /// Ask for a higher limit of one's own.
    LimitRequest,
    /// See the enterprise portal.
    EnterpriseRead,
    /// Create, rename and archive organizations.
    OrgManage,
    /// Change the enterprise's settings.
    EnterpriseSettings,
    /// Read the enterprise's audit log.
    EnterpriseAudit,
    /// See and repeat mails of the outbox.
    OperateMail,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::MemberRead,
        Self::MemberManage,
        Self::MemberSuspend,
        Self::MemberDisable,
        Self::RoleAssign,
        Self::InviteCreate,
        Self::GroupManage,
        Self::OrgSettings,
        Self::SettingsRead,
        Self::BillingManage,
        Self::AuditRead,
        Self::LimitSet,
        Self::LimitDefault,
        Self::LimitDecide,
        Self::LimitRequest,
        Self::EnterpriseRead,
        Self::OrgManage,
        Self::EnterpriseSettings,
        Self::EnterpriseAudit,
        Self::OperateMail,
    ];
    /// What one may do with it, to complete "You may not …".
    pub const fn deed(self) -> &'static str {
        match self {
            Self::MemberRead => "see the members of this organization",
            Self::MemberManage => "add or remove members",
            Self::MemberSuspend => "deactivate members",
            Self::MemberDisable => "disable members",
            Self::RoleAssign => "change roles",
            Self::InviteCreate => "invite people",
            Self::GroupManage => "manage groups",
            Self::OrgSettings => "change the settings of this organization",
            Self::SettingsRead => "see the settings of this organization",
            Self::BillingManage => "change the subscription of this organization",
            Self::AuditRead => "read the audit log",
            Self::LimitSet => "set limits",
            Self::LimitDefault => "set default limits",
            Self::LimitDecide => "answer requests for higher limits",
            Self::LimitRequest => "ask for a higher limit",
            Self::EnterpriseRead => "open the Enterprise Portal",
            Self::OrgManage => "create, rename or archive organizations",
            Self::EnterpriseSettings => "change the enterprise's settings",
            Self::EnterpriseAudit => "read the enterprise's audit log",
            Self::OperateMail => "operate the outbox",
        }
    }
    /// Whether it still works in an archived organization, which is read-only.
    pub const fn reads(self) -> bool {
        matches!(
            self,
            Self::MemberRead | Self::SettingsRead | Self::AuditRead | Self::EnterpriseRead | Self::EnterpriseAudit
        )
    }
}

/// A permission as a type, so that a verb can demand its proof.
pub trait Right: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! rights {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl Right for $name { const PERMISSION: Permission = Permission::$name; }
    )+};
}
rights! {
    /// See [`Permission::MemberRead`].
    MemberRead,
    /// See [`Permission::MemberManage`].
    MemberManage,
    /// See [`Permission::MemberSuspend`].
    MemberSuspend,
    /// See [`Permission::MemberDisable`].
    MemberDisable,
    /// See [`Permission::RoleAssign`].
    RoleAssign,
    /// See [`Permission::InviteCreate`].
    InviteCreate,
    /// See [`Permission::GroupManage`].
    GroupManage,
    /// See [`Permission::OrgSettings`].
    OrgSettings,
    /// See [`Permission::SettingsRead`].
    SettingsRead,
    /// See [`Permission::BillingManage`].
    BillingManage,
    /// See [`Permission::AuditRead`].
    AuditRead,
    /// See [`Permission::LimitSet`].
    LimitSet,
    /// See [`Permission::LimitDefault`].
    LimitDefault,
    /// See [`Permission::LimitDecide`].
    LimitDecide,
    /// See [`Permission::LimitRequest`].
    LimitRequest,
    /// See [`Permission::EnterpriseRead`].
    EnterpriseRead,
    /// See [`Permission::OrgManage`].
    OrgManage,
    /// See [`Permission::EnterpriseSettings`].
    EnterpriseSettings,
    /// See [`Permission::EnterpriseAudit`].
    EnterpriseAudit,
    /// See [`Permission::OperateMail`].
    OperateMail,
}
