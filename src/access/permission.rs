//! The catalogue of permissions and the one table that says which built-in role has them (MODEL section 2.5).

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Permissions;
use crate::hash::Map;

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
            P::MemberRead | P::LimitRequest | P::KeyOwn | P::ApiRead => true,
            P::MemberDetail => !matches!(self, Self::Member),
            P::InviteCreate
            | P::MemberSuspend
            | P::GroupManage
            | P::LimitDecide
            | P::PoolRead
            | P::KeyManage
            | P::AppDeploy => {
                matches!(self, Self::Administrator | Self::Manager)
            }
            P::UsageRead | P::ReportRun | P::ResourceMonitor => {
                matches!(self, Self::Administrator | Self::Manager | Self::Viewer)
            }
            P::AppDevelop | P::DeviceManage | P::EnvTest => {
                matches!(self, Self::Administrator | Self::Manager | Self::Developer)
            }
            P::ApiCall => !matches!(self, Self::Viewer),
            P::OrgSettings
            | P::SettingsRead
            | P::MemberManage
            | P::MemberDisable
            | P::RoleRead
            | P::RoleAssign
            | P::RoleManage
            | P::LimitSet
            | P::LimitDefault
            | P::BillingManage
            | P::AuditRead => {
                matches!(self, Self::Administrator)
            }
            P::EnterpriseRead
            | P::OrgManage
            | P::EnterpriseSettings
            | P::EnterpriseRoles
            | P::EnterpriseAudit
            | P::PoolManage
            | P::OperateMail => false,
        }
    }
    /// Its class, for counts.
    pub const fn class(self) -> Class {
        match self {
            Self::Administrator => Class::Admin,
            Self::Manager | Self::Developer | Self::Member => Class::Creator,
            Self::Viewer => Class::Viewer,
        }
    }
    /// Everything that the role permits.
    pub fn permissions(self) -> Permissions {
        let mut all: Permissions = Permission::ALL.iter().copied().filter(|one| self.may(*one)).collect();
        if self == Self::Administrator {
            all.insert_every_host();
        }
        all
    }
}

/// What kind of user a role makes, in the words of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Decides about people or settings.
    Admin,
    /// Makes something.
    Creator,
    /// Reads.
    Viewer,
}

impl Class {
    /// The word that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Creator => "Creator",
            Self::Viewer => "Viewer",
        }
    }
    /// The class of a custom role, by the mightiest thing that it permits.
    pub fn of(permissions: &Permissions) -> Self {
        use Permission as P;
        let decides = [
            P::MemberManage,
            P::MemberDisable,
            P::RoleAssign,
            P::RoleManage,
            P::OrgSettings,
            P::LimitSet,
            P::LimitDefault,
            P::BillingManage,
        ];
        if decides.iter().any(|one| permissions.has(*one)) {
            Self::Admin
        } else if permissions.changes() {
            Self::Creator
        } else {
            Self::Viewer
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
    /// All of them, highest first.
    pub const ALL: [Self; 3] = [Self::Administrator, Self::BillingManager, Self::Auditor];

    /// The name that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auditor => "Enterprise Auditor",
            Self::BillingManager => "Enterprise Billing Manager",
            Self::Administrator => "Enterprise Administrator",
        }
    }
    /// One sentence on what it may do.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Auditor => "Reads members, roles, usage and the audit log everywhere, and changes nothing.",
            Self::BillingManager => "Manages limits and billing everywhere, and reads usage and financial reports.",
            Self::Administrator => "Runs the portal and every organization, without being a member of any.",
        }
    }
    /// The stable name in forms and records.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Auditor => "enterprise_auditor",
            Self::BillingManager => "enterprise_billing_manager",
            Self::Administrator => "enterprise_administrator",
        }
    }
    /// Finds a role by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.key() == key)
    }
    /// Its rank.
    pub const fn rank(self) -> i64 {
        self as i64
    }
    /// Whether the role has a permission, in the enterprise and in every organization.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            _ if permission.needs_membership() => false,
            Self::Administrator => true,
            Self::BillingManager => matches!(
                permission,
                P::MemberRead
                    | P::MemberDetail
                    | P::LimitSet
                    | P::LimitDefault
                    | P::LimitDecide
                    | P::PoolRead
                    | P::PoolManage
                    | P::SettingsRead
                    | P::BillingManage
                    | P::UsageRead
                    | P::ReportRun
                    | P::EnterpriseRead
            ),
            Self::Auditor => matches!(
                permission,
                P::MemberRead
                    | P::MemberDetail
                    | P::RoleRead
                    | P::PoolRead
                    | P::UsageRead
                    | P::ReportRun
                    | P::SettingsRead
                    | P::AuditRead
                    | P::EnterpriseRead
                    | P::EnterpriseAudit
            ),
        }
    }
    /// Everything that the role permits.
    pub fn permissions(self) -> Permissions {
        let mut all: Permissions = Permission::ALL.iter().copied().filter(|one| self.may(*one)).collect();
        if self == Self::Administrator {
            all.insert_every_host();
        }
        all
    }
}

/// Under which heading a permission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    /// Who belongs to the organization.
    People,
    /// Who may do what.
    Roles,
    /// Groups, teams, departments and projects.
    Groups,
    /// How much may be used.
    Limits,
    /// API keys.
    Keys,
    /// What was used.
    Usage,
    /// The organization itself.
    Organization,
    /// What the host platform permits; Muster grants and tells it, the platform acts on it.
    Host,
    /// What stands above organizations; only the roles of the enterprise have it.
    Enterprise,
}

impl Heading {
    /// All of them, in the order of pages.
    pub const ALL: [Self; 9] = [
        Self::People,
        Self::Roles,
        Self::Groups,
        Self::Limits,
        Self::Keys,
        Self::Usage,
        Self::Organization,
        Self::Host,
        Self::Enterprise,
    ];
    /// The words that pages show.
    pub const fn title(self) -> &'static str {
        match self {
            Self::People => "Members and invitations",
            Self::Roles => "Roles",
            Self::Groups => "Groups",
            Self::Limits => "Limits",
            Self::Keys => "API keys",
            Self::Usage => "Usage and reports",
            Self::Organization => "Organization",
            Self::Host => "Host platform",
            Self::Enterprise => "Enterprise",
        }
    }
}

/// A permission as a type, so that a verb can demand its proof.
pub trait Right: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($name:ident $key:literal $heading:ident $reads:literal $title:literal $purpose:literal $deed:literal),+ $(,)?) => {
        /// What can be permitted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission { $(#[doc = $purpose] $name),+ }

        impl Permission {
            /// All of them: the catalogue, in the order of pages.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
            /// The stable name, in forms, records and the database.
            pub const fn key(self) -> &'static str { match self { $(Self::$name => $key),+ } }
            /// The name that pages show.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title),+ } }
            /// One sentence on what it allows.
            pub const fn purpose(self) -> &'static str { match self { $(Self::$name => $purpose),+ } }
            /// What one may do with it, to complete "You may not …".
            pub const fn deed(self) -> &'static str { match self { $(Self::$name => $deed),+ } }
            /// Under which heading it stands.
            pub const fn heading(self) -> Heading { match self { $(Self::$name => Heading::$heading),+ } }
            /// Whether it still works in an archived organization, which is read-only.
            pub const fn reads(self) -> bool { match self { $(Self::$name => $reads),+ } }
        }

        $(
            #[doc = $purpose]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl Right for $name { const PERMISSION: Permission = Permission::$name; }
        )+
    };
}

// Name, key, heading, whether it only reads, title, what it allows, and the words after "You may not".
permissions! {
    MemberRead "member.read" People true "See members"
        "See who belongs to the organization, by name and role." "see the members of this organization",
    MemberDetail "member.detail" People true "See members’ details"
        "See members’ addresses and when they were last active." "see members’ addresses",
    MemberManage "member.manage" People false "Add and remove members"
        "Add people with an account at once, remove members, and provision private contexts." "add or remove members",
    MemberSuspend "member.suspend" People false "Deactivate members"
        "Deactivate and activate members of the own rank or below." "deactivate members",
    MemberDisable "member.disable" People false "Disable members"
        "Disable members of the own rank or below for good." "disable members",
    InviteCreate "invite.create" People false "Invite people"
        "Invite people up to the own rank, send invitations again and delete their codes." "invite people",
    RoleRead "role.read" Roles true "See roles"
        "See what each role permits, who holds it, and why something was denied." "see what roles permit",
    RoleAssign "role.assign" Roles false "Assign roles"
        "Give and take roles up to the own rank and the own permissions." "change roles",
    RoleManage "role.manage" Roles false "Manage custom roles"
        "Make, change and delete custom roles within the own permissions." "manage custom roles",
    GroupManage "group.manage" Groups false "Manage groups"
        "Create groups and assign people to them." "manage groups",
    LimitSet "limit.set" Limits false "Set limits"
        "Set the limits of members." "set limits",
    LimitDefault "limit.default" Limits false "Set default limits"
        "Set the limits of the organization and of groups, and how limits are counted." "set default limits",
    LimitDecide "limit.decide" Limits false "Decide on limit requests"
        "Answer requests for higher limits." "answer requests for higher limits",
    PoolRead "pool.read" Limits true "See credit pools"
        "See credit pools, what was put into them, and what was drawn." "see credit pools",
    PoolManage "pool.manage" Limits false "Manage credit pools"
        "Make credit pools, set prices, grant credits, and top up wallets." "manage credit pools",
    LimitRequest "limit.request" Limits false "Ask for a higher limit"
        "Ask for a higher limit of one’s own." "ask for a higher limit",
    KeyOwn "key.own" Keys false "Have own API keys"
        "Create, rotate and revoke own API keys, where the organization allows them." "have own API keys",
    KeyManage "key.manage" Keys false "Manage API keys"
        "Create and revoke the keys of groups and services." "manage API keys",
    UsageRead "usage.read" Usage true "See usage"
        "See what everyone uses, not only the own usage." "see the usage of others",
    ReportRun "report.run" Usage true "Generate reports"
        "Generate and export reports over what one may read." "generate reports",
    OrgSettings "org.settings" Organization false "Change settings"
        "Change the organization’s settings and policies." "change the settings of this organization",
    SettingsRead "settings.read" Organization true "See settings"
        "See the organization’s settings, policies and subscription." "see the settings of this organization",
    BillingManage "billing.manage" Organization false "Manage billing"
        "Keep the record of seats and subscription." "change the subscription of this organization",
    AuditRead "audit.read" Organization true "Read the audit log"
        "Read and export the organization’s audit log." "read the audit log",
    AppDeploy "app.deploy" Host false "Deploy applications"
        "Deploy applications on the host platform." "deploy applications",
    AppDevelop "app.develop" Host false "Develop applications"
        "Build and change applications on the host platform." "develop applications",
    ResourceMonitor "resource.monitor" Host true "Monitor resources"
        "Watch what runs on the host platform and how it does." "monitor resources",
    ApiCall "api.call" Host false "Call the API"
        "Call the host platform’s API." "call the API",
    ApiRead "api.read" Host true "Read through the API"
        "Call the parts of the host platform’s API that only read." "read through the API",
    DeviceManage "device.manage" Host false "Manage devices"
        "Register and manage devices on the host platform." "manage devices",
    EnvTest "env.test" Host false "Use test environments"
        "Use the test environments of the host platform." "use test environments",
    EnterpriseRead "enterprise.read" Enterprise true "Open the Enterprise Portal"
        "See figures, people and organizations over the whole enterprise." "open the Enterprise Portal",
    OrgManage "enterprise.organizations" Enterprise false "Manage organizations"
        "Create, rename, archive and restore organizations." "create, rename or archive organizations",
    EnterpriseSettings "enterprise.settings" Enterprise false "Change enterprise settings"
        "Change the settings of the enterprise." "change the enterprise’s settings",
    EnterpriseRoles "enterprise.roles" Enterprise false "Manage enterprise roles"
        "Give and take roles over the enterprise, and keep the catalogue of permissions." "manage enterprise roles",
    EnterpriseAudit "enterprise.audit" Enterprise true "Read the enterprise’s audit log"
        "Read and export the audit log of the enterprise." "read the enterprise’s audit log",
    OperateMail "enterprise.mail" Enterprise false "Operate the outbox"
        "See mails of the outbox, send them again and cancel them." "operate the outbox",
}

impl Permission {
    /// Finds a permission by its stable name.
    pub fn find(key: &str) -> Option<Self> {
        static KEYS: LazyLock<Map<&'static str, Permission>> =
            LazyLock::new(|| Permission::ALL.iter().map(|one| (one.key(), *one)).collect());
        KEYS.get(key).copied()
    }
    /// Whether an organization's roles can have it. Credits are given to organizations, not by them: their administrators have every
    /// permission that their roles can have, and so could grant themselves as much as they like.
    pub fn is_for_organizations(self) -> bool {
        self.heading() != Heading::Enterprise && self != Self::PoolManage
    }
    /// Whether only a membership can have it, as it is about what a member has; whoever runs the enterprise lacks it, and gives it.
    pub const fn needs_membership(self) -> bool {
        matches!(self, Self::LimitRequest | Self::KeyOwn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_found_again() {
        for permission in Permission::ALL {
            assert_eq!(Permission::find(permission.key()), Some(*permission));
        }
        for role in EnterpriseRole::ALL {
            assert_eq!(EnterpriseRole::find(role.key()), Some(role));
        }
    }

    /// Who may act on others covers everyone of a lower rank, so that the lattice of permissions agrees with ranks.
    #[test]
    fn ranks_and_permissions_agree_where_people_act_on_people() {
        for actor in Role::ALL {
            let acts = actor.may(Permission::MemberSuspend) || actor.may(Permission::RoleAssign);
            for target in Role::ALL {
                if acts && actor.rank() >= target.rank() {
                    assert!(
                        actor.permissions().covers(&target.permissions()),
                        "{actor:?} over {target:?}"
                    );
                }
            }
            assert!(EnterpriseRole::Administrator.permissions().covers(&actor.permissions()));
        }
    }

    #[test]
    fn the_class_of_built_in_roles_follows_from_their_permissions() {
        for role in Role::ALL {
            if role != Role::Viewer {
                assert_eq!(Class::of(&role.permissions()), role.class(), "{role:?}");
            }
        }
    }
}
