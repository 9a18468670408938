//! SQL of this room: one look over an organization's tables, and who has put the card away.

use crate::{
    db::{Ask, Tx},
    error::Result,
    ids::{OrgId, UserId},
    record, sql,
};

record! {
    /// What the steps are ticked from.
    #[derive(Default)]
    pub struct Facts {
        /// Somebody was invited or added.
        pub people: bool,
        /// Somebody beside the first administrator leads or administers.
        pub roles: bool,
        /// There is a group.
        pub groups: bool,
        /// Somebody is in one.
        pub grouped: bool,
        /// There is an API key.
        pub keys: bool,
        /// Somebody's limit was set, or a default of everyone's or of a group's.
        pub limits: bool,
        /// The settings were changed once.
        pub policies: bool,
        /// An administrator has looked at the audit log.
        pub watched: bool,
        /// The person has put the card away.
        pub dismissed: bool,
        /// The training resources as they are stored.
        pub resources: Option<String>,
    }
}

sql! {
    FACTS: (OrgId, UserId) => Facts =
        "select (exists (select 1 from invitations where org_id = $1)
                 or coalesce((select sum(n) from member_counts where org_id = $1), 0) > 1) as people,
                (coalesce((select sum(n) from member_counts where org_id = $1 and status in (1, 2) and role = 50), 0) > 0
                 or coalesce((select sum(n) from member_counts where org_id = $1 and status in (1, 2) and role = 60), 0) > 1) as roles,
                exists (select 1 from groups where org_id = $1) as groups,
                exists (select 1 from groups g where g.org_id = $1 and g.member_count > 0) as grouped,
                exists (select 1 from api_keys where org_id = $1) as keys,
                exists (select 1 from limit_policies where org_id = $1 and scope in (3, 4, 5)) as limits,
                exists (select 1 from audit where org_id = $1 and action = 'organization.update' and result = 1) as policies,
                exists (select 1 from audit where org_id = $1 and action = 'audit.view' and result = 1) as watched,
                exists (select 1 from dismissals where org_id = $1 and user_id = $2 and card = 1) as dismissed,
                (select resources from training where org_id = $1) as resources";
    DISMISS: (OrgId, UserId) => () = "insert into dismissals (org_id, user_id, card) values ($1, $2, 1) on conflict do nothing";
    RECALL: (OrgId, UserId) => () = "delete from dismissals where org_id = $1 and user_id = $2 and card = 1";
}

pub(super) fn ask_facts(org: OrgId, user: UserId) -> Ask<(OrgId, UserId), Facts> {
    FACTS.with((org, user))
}
pub(super) async fn dismiss(tx: &mut Tx, org: OrgId, user: UserId) -> Result<()> {
    tx.run(DISMISS, (org, user)).await?;
    Ok(())
}
pub(super) async fn recall(tx: &mut Tx, org: OrgId, user: UserId) -> Result<()> {
    tx.run(RECALL, (org, user)).await?;
    Ok(())
}
