//! What every caller must see, by rule from the route table. The handlers know nothing of this file.

use muster::{
    access::{GroupDuty, Permission},
    web::routes::{Needs, Route, Target},
};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody, or a session that is none (any more).
    SignedOut,
    /// A person without a membership in the organization at hand.
    Elsewhere,
    /// A member whose membership does not act: deactivated, disabled, expired.
    Ended,
    /// A member with the role of this name.
    Role(&'static str),
    /// A Viewer with a custom role beside it, see [`CUSTOM`].
    Custom,
    /// A member with the role of this name who leads the group of the test.
    Lead(&'static str),
    /// Someone with the role of this name over the enterprise.
    Enterprise(&'static str),
}

/// The product's permissions (MODEL section 2.5), written down a second time.
pub const PERMITTED: [(Permission, &str); 37] = [
    (
        Permission::MemberRead,
        "viewer member developer manager administrator auditor billing enterprise",
    ),
    (
        Permission::MemberDetail,
        "viewer developer manager administrator auditor billing enterprise",
    ),
    (Permission::MemberManage, "administrator enterprise"),
    (Permission::MemberSuspend, "manager administrator enterprise"),
    (Permission::MemberDisable, "administrator enterprise"),
    (Permission::InviteCreate, "manager administrator enterprise"),
    (Permission::RoleRead, "administrator auditor enterprise"),
    (Permission::RoleAssign, "administrator enterprise"),
    (Permission::RoleManage, "administrator enterprise"),
    (Permission::GroupManage, "manager administrator enterprise"),
    (Permission::LimitSet, "administrator billing enterprise"),
    (Permission::LimitDefault, "administrator billing enterprise"),
    (Permission::LimitDecide, "manager administrator billing enterprise"),
    (Permission::PoolRead, "manager administrator auditor billing enterprise"),
    (Permission::PoolManage, "billing enterprise"),
    (
        Permission::LimitRequest,
        "viewer member developer manager administrator",
    ),
    (Permission::KeyOwn, "viewer member developer manager administrator"),
    (Permission::KeyManage, "manager administrator enterprise"),
    (
        Permission::UsageRead,
        "viewer manager administrator auditor billing enterprise",
    ),
    (
        Permission::ReportRun,
        "viewer manager administrator auditor billing enterprise",
    ),
    (Permission::OrgSettings, "administrator enterprise"),
    (Permission::SettingsRead, "administrator auditor billing enterprise"),
    (Permission::BillingManage, "administrator billing enterprise"),
    (Permission::AuditRead, "administrator auditor enterprise"),
    (Permission::AppDeploy, "manager administrator enterprise"),
    (Permission::AppDevelop, "developer manager administrator enterprise"),
    (Permission::ResourceMonitor, "viewer manager administrator enterprise"),
    (Permission::ApiCall, "member developer manager administrator enterprise"),
    (
        Permission::ApiRead,
        "viewer member developer manager administrator enterprise",
    ),
    (Permission::DeviceManage, "developer manager administrator enterprise"),
    (Permission::EnvTest, "developer manager administrator enterprise"),
    (Permission::EnterpriseRead, "auditor billing enterprise"),
    (Permission::OrgManage, "enterprise"),
    (Permission::EnterpriseSettings, "enterprise"),
    (Permission::EnterpriseRoles, "enterprise"),
    (Permission::EnterpriseAudit, "auditor enterprise"),
    (Permission::OperateMail, "enterprise"),
];

/// What the custom role of the caller "custom" permits, beside the built-in role Viewer.
pub const CUSTOM: [Permission; 4] = [
    Permission::AuditRead,
    Permission::RoleRead,
    Permission::InviteCreate,
    Permission::OrgSettings,
];

/// Which organization the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The one in which the members of the test have their roles.
    Own,
    /// Another one of the same enterprise.
    Foreign,
    /// None.
    Missing,
}

/// Which object the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thing {
    /// One that belongs to the organization or the person of the request.
    Fitting,
    /// One that belongs to another organization or person.
    Foreign,
    /// A well-formed id that nothing has.
    Missing,
    /// No id at all.
    Malformed,
}

/// What must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expect {
    /// The way to the sign-in page.
    SignIn,
    /// 404, for an organization of which the caller may not even know.
    NoPlace,
    /// 403, recorded.
    Denied,
    /// 404, for the object.
    NoThing,
    /// A secret that opens nothing: 404, 410, or a redirect to the page that says so.
    Dead,
    /// Anything but 401, 403, 404, 405 and 5xx.
    Allowed,
}

/// Pages of a link that work with the cookie that the link has left, which the callers of the matrix do not have.
const AFTER_A_LINK: [&str; 7] = [
    "/reset",
    "/i",
    "/i/opened",
    "/i/accept",
    "/i/decline",
    "/i/renewal-request",
    "/i/report",
];

/// The rule.
pub fn expected(route: &Route, standing: Standing, place: Place, thing: Thing) -> Expect {
    let permitted = |permission: Permission| {
        let names = PERMITTED
            .iter()
            .find(|(of, _)| *of == permission)
            .map_or("", |(_, names)| names);
        match standing {
            Standing::Custom => CUSTOM.contains(&permission) || names.split(' ').any(|known| known == "viewer"),
            Standing::Role(name) | Standing::Lead(name) | Standing::Enterprise(name) => {
                names.split(' ').any(|known| known == name)
            }
            _ => false,
        }
    };
    if standing == Standing::SignedOut && route.needs != Needs::Nothing {
        return Expect::SignIn;
    }
    let knows = match standing {
        Standing::Enterprise(_) => place != Place::Missing,
        Standing::Role(_) | Standing::Custom | Standing::Lead(_) | Standing::Ended => place == Place::Own,
        Standing::Elsewhere | Standing::SignedOut => false,
    };
    match route.needs {
        Needs::Nothing | Needs::SignIn => {}
        Needs::Key(_) => unreachable!("a person asks no route for keys"),
        Needs::InOrg(_) | Needs::InGroup(_) if !knows => return Expect::NoPlace,
        Needs::InOrg(permission) if !permitted(permission) => return Expect::Denied,
        Needs::InOrg(_) => {}
        Needs::InGroup(duty) => {
            // A lead is let into the own group alone, and learns nothing of any other id.
            let leads = matches!(standing, Standing::Lead(_)) && thing == Thing::Fitting;
            let may = match duty {
                GroupDuty::Read => matches!(standing, Standing::Enterprise(_)) || permitted(Permission::GroupManage),
                GroupDuty::Lead => permitted(Permission::GroupManage),
                GroupDuty::Usage => permitted(Permission::UsageRead),
            };
            if !(leads || may) {
                return Expect::Denied;
            }
        }
        Needs::Enterprise(permission) if !permitted(permission) => return Expect::Denied,
        Needs::Enterprise(_) => {}
    }
    match route.target {
        // Whoever shares an organization with its person may see a picture, and the enterprise sees all.
        Target::Picture => match (standing, thing) {
            (Standing::Enterprise(_), Thing::Fitting | Thing::Foreign)
            | (Standing::Role(_) | Standing::Custom | Standing::Lead(_), Thing::Fitting) => Expect::Allowed,
            _ => Expect::NoThing,
        },
        Target::None if AFTER_A_LINK.contains(&route.path) => Expect::Dead,
        // Figures want a token that no person has.
        Target::None if route.path == "/metrics" => Expect::NoThing,
        Target::None => Expect::Allowed,
        Target::Token if thing == Thing::Fitting && route.path != "/setup/{token}" => Expect::Allowed,
        Target::Token => Expect::Dead,
        _ if thing == Thing::Fitting => Expect::Allowed,
        _ => Expect::NoThing,
    }
}

#[test]
fn the_list_of_permissions_is_whole() {
    for permission in Permission::ALL {
        let rows = PERMITTED.iter().filter(|(of, _)| of == permission).count();
        assert_eq!(rows, 1, "{permission:?}");
    }
}

/// The table that the product has and the one above are written twice and say the same.
#[test]
fn the_built_in_roles_have_exactly_the_table() {
    use muster::access::{EnterpriseRole, Role};
    for (permission, names) in PERMITTED {
        let mut has: Vec<&str> = Role::ALL
            .iter()
            .rev()
            .filter(|role| role.may(permission))
            .map(|role| role.key())
            .collect();
        for (role, name) in [
            (EnterpriseRole::Auditor, "auditor"),
            (EnterpriseRole::BillingManager, "billing"),
            (EnterpriseRole::Administrator, "enterprise"),
        ] {
            if role.may(permission) {
                has.push(name);
            }
        }
        assert_eq!(has.join(" "), names, "{permission:?}");
    }
}
