//! Groups: people of one organization under a name, as group, team, department or project.
//!
//! A group is flat and a member may belong to many. Whoever manages groups in the organization manages all of them; whoever leads one
//! cares for that one, see [`crate::access::GroupCan`]. A time in a group may have an end, which counts from its instant.

pub mod belonging;
mod cards;
pub mod expiry;
mod forms;
pub mod group;
mod handlers;
pub mod list;
pub mod mass;
mod mass_store;
mod store;
pub mod views;

pub use belonging::{add_members, remove_member, remove_members};
pub use cards::{Card, Cards};
pub use expiry::{end_due, warn_due};
pub use group::{Belonging, Group, Kind, create, list, list_of};
pub(crate) use group::{ask_list, enrol, enrol_many, leave_all};
pub(crate) use mass::leave_all_many;
pub(crate) use store::list_ids;

use handlers::{index, page, people};

use crate::{
    access::{GroupDuty as Duty, Permission as P},
    audit::Action,
    db::Statement,
    web::routes::{Route, Target, get, post},
};

/// Every statement of this room.
pub fn statements() -> Vec<Statement> {
    let mut all = store::statements();
    all.extend(list::statements());
    all.extend(mass_store::statements());
    all
}

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/o/{org}/groups", index::index).in_org(P::MemberRead),
        post("/o/{org}/groups", index::create)
            .in_org(P::GroupManage)
            .records(Action::GroupCreate),
        get("/o/{org}/groups/new", index::new).in_org(P::GroupManage),
        post("/o/{org}/groups/rules", index::update_rules)
            .in_org(P::OrgSettings)
            .records(Action::OrgUpdate),
        get("/o/{org}/groups/{group}", page::show)
            .in_group(Duty::Read)
            .about(Target::Group),
        post("/o/{org}/groups/{group}", page::update)
            .in_group(Duty::Lead)
            .about(Target::Group)
            .records(Action::GroupUpdate),
        get("/o/{org}/groups/{group}/edit", page::edit)
            .in_group(Duty::Lead)
            .about(Target::Group),
        get("/o/{org}/groups/{group}/cards", page::cards)
            .in_group(Duty::Lead)
            .about(Target::Group),
        post("/o/{org}/groups/{group}/cards", page::arrange)
            .in_group(Duty::Lead)
            .about(Target::Group)
            .records(Action::GroupCards),
        get("/o/{org}/groups/{group}/deletion", page::new_deletion)
            .in_org(P::GroupManage)
            .about(Target::Group),
        post("/o/{org}/groups/{group}/deletion", page::create_deletion)
            .in_org(P::GroupManage)
            .about(Target::Group)
            .records(Action::GroupDelete),
        get("/o/{org}/groups/{group}/members/new", people::new)
            .in_group(Duty::Lead)
            .about(Target::Group),
        post("/o/{org}/groups/{group}/members", people::create)
            .in_group(Duty::Lead)
            .about(Target::Group)
            .records(Action::GroupMemberAdd),
        get("/o/{org}/groups/{group}/members/{member}/end", people::edit_end)
            .in_group(Duty::Lead)
            .about(Target::GroupMember),
        post("/o/{org}/groups/{group}/members/{member}/end", people::update_end)
            .in_group(Duty::Lead)
            .about(Target::GroupMember)
            .records(Action::GroupMemberUpdate),
        post(
            "/o/{org}/groups/{group}/members/{member}/extension",
            people::create_extension,
        )
        .in_group(Duty::Lead)
        .about(Target::GroupMember)
        .records(Action::GroupMemberUpdate),
        post("/o/{org}/groups/{group}/members/{member}/lead", people::create_lead)
            .in_org(P::GroupManage)
            .about(Target::GroupMember)
            .records(Action::GroupLead),
        post(
            "/o/{org}/groups/{group}/members/{member}/lead/end",
            people::destroy_lead,
        )
        .in_group(Duty::Lead)
        .about(Target::GroupMember)
        .records(Action::GroupLeadEnd),
        post("/o/{org}/groups/{group}/members/{member}/removal", people::destroy)
            .in_group(Duty::Lead)
            .about(Target::GroupMember)
            .records(Action::GroupMemberRemove),
        post("/o/{org}/groups/{group}/members/{member}/restoration", people::restore)
            .in_group(Duty::Lead)
            .about(Target::GroupMember)
            .records(Action::GroupMemberAdd),
        post("/o/{org}/members/{member}/groups", people::join)
            .in_org(P::GroupManage)
            .about(Target::Member)
            .records(Action::GroupMemberAdd),
    ]
}
