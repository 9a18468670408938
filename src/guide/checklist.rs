//! The steps by which an organization is set up: invite, roles, teams, policies (S4), and group, people, keys, limits, monitoring (S0).
//!
//! A step is one entry of [`STEPS`]: its words, the page where it is done, and the fact that ticks it. A step whose page is not in the
//! route table is left out, so a room that brings the page (keys, limits, usage) adds an entry here and a fact to `store::FACTS`.

pub use super::store::Facts;
use crate::{access::Permission, web::routes::Table};

/// One step.
pub struct Step {
    /// A word for ids and tests.
    pub key: &'static str,
    /// What to do.
    pub title: &'static str,
    /// Why, and how it is done well.
    pub text: &'static str,
    /// The pattern of the page where it is done.
    pub page: &'static str,
    /// What the link to it says.
    pub label: &'static str,
    /// What one needs to do it.
    pub needs: Permission,
    /// Whether it is done.
    pub done: fn(&Facts) -> bool,
}

/// The steps in their order.
pub const STEPS: [Step; 8] = [
    Step {
        key: "people",
        title: "Invite people",
        text: "One by one, or a whole list at once. Each gets a link by e-mail that works for one address.",
        page: "/o/{org}/invites",
        label: "Manage Invites",
        needs: Permission::InviteCreate,
        done: |facts| facts.people,
    },
    Step {
        key: "roles",
        title: "Give roles",
        text: "Give each person the least they need. Make a second Org Admin or a Manager, so that nobody waits when you are away.",
        page: "/o/{org}/members",
        label: "Members",
        needs: Permission::RoleAssign,
        done: |facts| facts.roles,
    },
    Step {
        key: "groups",
        title: "Create a group",
        text: "A group for each team, department or project, named as people call it: Engineering, Field Ops.",
        page: "/o/{org}/groups",
        label: "Groups",
        needs: Permission::GroupManage,
        done: |facts| facts.groups,
    },
    Step {
        key: "grouped",
        title: "Add people to the group",
        text: "Manage access and limits by group where you can: a person who changes teams then needs one change.",
        page: "/o/{org}/groups",
        label: "Groups",
        needs: Permission::GroupManage,
        done: |facts| facts.grouped,
    },
    Step {
        key: "keys",
        title: "Configure API keys",
        text: "Give each service a key of its own, and keys to groups where you can: a key that nobody owns is a key that nobody ends.",
        page: "/o/{org}/keys",
        label: "API keys",
        needs: Permission::KeyManage,
        done: |facts| facts.keys,
    },
    Step {
        key: "limits",
        title: "Set limits",
        text: "A default for everyone, more for the groups that need it. Without any limit, a single user may consume everything.",
        page: "/o/{org}/limits",
        label: "Limits",
        needs: Permission::LimitDecide,
        done: |facts| facts.limits,
    },
    Step {
        key: "policies",
        title: "Set policies",
        text: "Who may be invited, for how long links work, which role new members have. Read the defaults and change what does not fit.",
        page: "/o/{org}/settings",
        label: "Settings",
        needs: Permission::OrgSettings,
        done: |facts| facts.policies,
    },
    Step {
        key: "watched",
        title: "Look at what happened",
        text: "The audit log names who did what. Look at it once a month, and at roles once a quarter.",
        page: "/o/{org}/audit",
        label: "Audit log",
        needs: Permission::AuditRead,
        done: |facts| facts.watched,
    },
];

/// The steps whose page there is and that the caller may take.
pub fn steps(table: &Table, may: impl Fn(Permission) -> bool) -> impl Iterator<Item = &'static Step> {
    let offered: Vec<&'static Step> = STEPS
        .iter()
        .filter(|step| table.find(&actix_web::http::Method::GET, step.page).is_some() && may(step.needs))
        .collect();
    offered.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_hlp_03_steps_without_a_page_are_left_out() {
        let table = Table::new(crate::app::routes());
        let shown: Vec<_> = steps(&table, |_| true).map(|step| step.key).collect();
        for step in &STEPS {
            let exists = table.routes.iter().any(|route| route.path == step.page);
            assert_eq!(shown.contains(&step.key), exists, "{}", step.key);
        }
        assert!(shown.contains(&"keys"));
        assert!(shown.contains(&"people") && shown.contains(&"policies"));
        assert_eq!(steps(&table, |_| false).count(), 0);
        assert!(STEPS.iter().all(|step| !(step.done)(&Facts::default())));
    }
}
