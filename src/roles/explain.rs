//! "Why was this denied?": the decision of a request, made again for somebody else and told step by step (R-HLP-02).

use super::{role, store};
use crate::{
    access::{
        self, OrgRef, Permission,
        decision::{self, Grant, Refusal, Standing, Step, Stop},
    },
    clock::Timestamp,
    db::Read,
    error::Result,
    groups::Group,
    mail::address::Address,
    members::Member,
};

/// About whom it is asked.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A member.
    Member(Box<Member>),
    /// Somebody with a role over the enterprise who is no member.
    Overseer(store::Overseer),
}

impl Subject {
    /// The person's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Member(member) => &member.name,
            Self::Overseer(overseer) => &overseer.name,
        }
    }
    /// The person's address.
    pub fn email(&self) -> &str {
        match self {
            Self::Member(member) => &member.email,
            Self::Overseer(overseer) => &overseer.email,
        }
    }
}

/// One step of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The step.
    pub step: Step,
    /// Passed, refused here, or not reached.
    pub passed: Option<bool>,
    /// What is so, in a sentence.
    pub text: String,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision.
    pub decided: Result<(), Refusal>,
    /// Its steps.
    pub steps: Vec<Told>,
    /// What would put a refusal right; empty when it is granted.
    pub remedy: String,
}

/// Somebody with a role over the enterprise, by address.
pub async fn find_overseer(db: &mut impl Read, email: &str) -> Result<Option<store::Overseer>> {
    match Address::parse(email) {
        Ok(address) => store::find_overseer(db, address.key()).await,
        Err(_) => Ok(None),
    }
}

/// Decides and tells why.
pub async fn explain(
    db: &mut impl Read,
    org: &OrgRef,
    subject: &Subject,
    permission: Permission,
    group: Option<&Group>,
    now: Timestamp,
) -> Result<Answer> {
    let (user, enterprise_role) = match subject {
        Subject::Member(member) => (member.user_id, member.enterprise_role),
        Subject::Overseer(overseer) => (overseer.id, Some(overseer.enterprise_role)),
    };
    let mut who = access::standing_of(db, org.id, user, enterprise_role, now).await?;
    who.account_is_closed = store::find_account_state(db, user).await? != 1;
    let (mut roles, mut leads) = (Vec::new(), false);
    if let Subject::Member(member) = subject {
        let held = role::held_by(db, org.id, member.id).await?;
        roles = held
            .into_iter()
            .filter(|held| held.permits().has(permission))
            .map(|held| held.name)
            .collect();
        if let Some(group) = group {
            leads = store::list_led(db, org.id, member.id, now)
                .await?
                .contains(&group.id.raw());
        }
    }
    let facts = Facts {
        org,
        subject,
        permission,
        group,
        leads,
        roles,
    };
    Ok(facts.tell(&who))
}

/// What the sentences are made of.
struct Facts<'a> {
    org: &'a OrgRef,
    subject: &'a Subject,
    permission: Permission,
    group: Option<&'a Group>,
    leads: bool,
    /// The additional roles that have the permission.
    roles: Vec<String>,
}

impl Facts<'_> {
    fn tell(&self, who: &Standing) -> Answer {
        let decided = match self.group {
            Some(_) => decision::decide_in_group(who, self.permission, self.leads),
            None => decision::decide(who, self.permission),
        };
        let refused = decided.err().map(Refusal::step);
        let steps = Step::ALL
            .into_iter()
            .map(|step| {
                let passed = match refused {
                    Some(at) if step > at => None,
                    Some(at) => Some(step < at),
                    None => Some(true),
                };
                let text = match passed {
                    None => "Not looked at, because an earlier step refuses.".to_owned(),
                    Some(_) => self.sentence(who, step, decided),
                };
                Told { step, passed, text }
            })
            .collect();
        Answer {
            decided,
            steps,
            remedy: decided.err().map_or_else(String::new, |refusal| self.remedy(refusal)),
        }
    }

    fn sentence(&self, who: &Standing, step: Step, decided: Result<(), Refusal>) -> String {
        let (name, org) = (self.subject.name(), &self.org.name);
        match (step, decided) {
            (Step::Account, Err(Refusal::Account)) => format!("The account of {name} is disabled."),
            (Step::Account, _) => format!("The account of {name} may be used."),
            (Step::Organization, Err(Refusal::Stranger)) => {
                format!("{name} is no member of {org} and has no role over the enterprise.")
            }
            (Step::Organization, Err(Refusal::Archived)) => {
                format!("{org} is archived and read-only, and this permission changes something.")
            }
            (Step::Organization, _) if who.is_archived => {
                format!("{org} is archived, and this permission only reads.")
            }
            (Step::Organization, _) => format!("{org} is active."),
            (Step::Membership, Err(Refusal::Stopped(stop))) => {
                let state = match stop {
                    Stop::Deactivated => "is deactivated",
                    Stop::Disabled => "is disabled",
                    Stop::Ended => "has ended on its date",
                    Stop::Left => "is over",
                };
                format!("The membership of {name} {state}.")
            }
            (Step::Membership, _) => match (who.acting_role(), who.enterprise_role) {
                (Some(role), Some(above)) => {
                    format!(
                        "{name} is {} here and {} over the enterprise.",
                        role.title(),
                        above.title()
                    )
                }
                (Some(role), None) => format!("{name} is {} here.", role.title()),
                (None, Some(above)) => {
                    format!(
                        "{name} is {} over the enterprise, which reaches here without a membership.",
                        above.title()
                    )
                }
                (None, None) => "The membership acts.".to_owned(),
            },
            (Step::Role, Ok(())) => self.granted(who),
            (Step::Role, Err(Refusal::ManagersMayNotInvite)) => {
                format!("Manager has this permission, but the settings of {org} keep managers from inviting.")
            }
            (Step::Role, Err(_)) => self.missing(who),
        }
    }

    /// Which role, group or rule grants it.
    fn granted(&self, who: &Standing) -> String {
        let mut sources: Vec<String> = Vec::new();
        for grant in who.grants(self.permission) {
            match grant {
                Grant::Operator => sources.push("the operator".to_owned()),
                Grant::Enterprise(role) => sources.push(format!("the enterprise role {}", role.title())),
                Grant::Role(role) => sources.push(format!("the built-in role {}", role.title())),
                Grant::Additional => {
                    sources.extend(self.roles.iter().map(|name| format!("the additional role {name}")));
                }
            }
        }
        if let Some(group) = self.group.filter(|_| self.leads && decision::lead_may(self.permission)) {
            sources.push(format!("leading the group {}", group.name));
        }
        format!("Granted by {}.", sources.join(" and "))
    }

    fn missing(&self, who: &Standing) -> String {
        let mut text = match who.acting_role() {
            Some(role) => format!(
                "{} does not have this permission, and no additional role has it.",
                role.title()
            ),
            None => "No role has this permission.".to_owned(),
        };
        if let Some(group) = self.group.filter(|_| decision::lead_may(self.permission)) {
            text = format!("{text} {} does not lead {}.", self.subject.name(), group.name);
        }
        text
    }

    fn remedy(&self, refusal: Refusal) -> String {
        let (name, org) = (self.subject.name(), &self.org.name);
        match refusal {
            Refusal::Account => format!(
                "Whoever operates this installation can enable the account. Contact {}.",
                self.org.support_contact
            ),
            Refusal::Stranger => format!("Invite {name} to {org}."),
            Refusal::Archived => "An Enterprise Administrator can restore the organization.".to_owned(),
            Refusal::Stopped(Stop::Disabled) => {
                format!(
                    "Only whoever operates this installation can restore the membership. Contact {}.",
                    self.org.support_contact
                )
            }
            Refusal::Stopped(Stop::Left) => format!("Invite {name} to {org} again."),
            Refusal::Stopped(_) => format!("Activate {name} on the member’s page."),
            Refusal::ManagersMayNotInvite => "An Org Admin can let managers invite in the settings.".to_owned(),
            Refusal::Missing if !self.permission.is_for_organizations() => {
                "Only roles over the enterprise have this permission.".to_owned()
            }
            Refusal::Missing => format!("Give {name} a role that has it, with Manage Roles."),
        }
    }
}
