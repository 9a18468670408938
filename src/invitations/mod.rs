//! Inviting people into an organization, one by one or by the pasted list, and what they do with the link.
//!
//! Verbs of inviters stand in [`invitation`] and [`bulk`], those of the invited in [`acceptance`], the table in [`list`]. An
//! invitation is bound to its address (MODEL C-15), its link is derived and shown only to whoever may give its role.

pub mod acceptance;
pub mod addresses;
pub mod bulk;
mod forms;
mod handlers;
pub mod invitation;
pub mod leads;
pub mod list;
pub mod mass;
mod mass_store;
mod store;
mod views;

pub use invitation::{
    Delivery, Desk, Invitation, State, Status, Terms, delivery_changed, invite, may_handle, new_link, not_mailed,
    remind_due, resend, revoke, revoke_by, roles_for,
};

use handlers::{batches, guests, into_group, invites, mine};

use crate::{
    access::{GroupDuty, Permission},
    audit::Action,
    db::Statement,
    web::routes::{Kind, Route, Target, delete, get, post},
};

/// Every statement of this room.
pub fn statements() -> Vec<Statement> {
    [store::statements(), store::list_statements(), mass::statements()]
        .into_iter()
        .flatten()
        .collect()
}

/// The body that a paste of addresses may have.
const PASTE: usize = 4 << 20;

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    let inviter = Permission::InviteCreate;
    vec![
        get("/o/{org}/invites", invites::index).in_org(inviter),
        post("/o/{org}/invites", invites::create)
            .in_org(inviter)
            .records(Action::InvitationCreate),
        get("/o/{org}/invites/links.csv", invites::links)
            .kind(Kind::Download)
            .in_org(inviter),
        get("/o/{org}/invites/bulk", batches::new).in_org(inviter),
        post("/o/{org}/invites/bulk", batches::extract)
            .in_org(inviter)
            .body(PASTE),
        post("/o/{org}/invites/bulk/confirm", batches::create)
            .in_org(inviter)
            .body(PASTE)
            .records(Action::InvitationCreate),
        get("/o/{org}/invites/bulk/{batch}", batches::show)
            .in_org(inviter)
            .about(Target::Batch),
        get("/o/{org}/invites/bulk/{batch}/failures.csv", batches::failures)
            .kind(Kind::Download)
            .in_org(inviter)
            .about(Target::Batch),
        post("/o/{org}/invites/{invitation}/deliveries", invites::create_delivery)
            .in_org(inviter)
            .about(Target::Invitation)
            .records(Action::InvitationResend),
        post("/o/{org}/invites/{invitation}/link", invites::create_link)
            .in_org(inviter)
            .about(Target::Invitation)
            .records(Action::InvitationNewLink),
        delete("/o/{org}/invites/{invitation}", invites::destroy)
            .in_org(inviter)
            .about(Target::Invitation)
            .records(Action::InvitationRevoke),
        post("/o/{org}/invites/{invitation}/revocation", invites::destroy)
            .in_org(inviter)
            .about(Target::Invitation)
            .records(Action::InvitationRevoke),
        get("/o/{org}/groups/{group}/invitations", into_group::new)
            .in_group(GroupDuty::Lead)
            .about(Target::Group),
        post("/o/{org}/groups/{group}/invitations", into_group::create)
            .in_group(GroupDuty::Lead)
            .about(Target::Group)
            .records(Action::InvitationCreate),
        get("/i/{token}", guests::exchange).about(Target::Token),
        get("/i", guests::show),
        post("/i/opened", guests::create_opening).records(Action::InvitationOpen),
        post("/i/accept", guests::accept).records(Action::InvitationAccept),
        post("/i/decline", guests::decline).records(Action::InvitationDecline),
        post("/i/renewal-request", guests::create_renewal_request).records(Action::InvitationRenewalRequest),
        post("/i/report", guests::report).records(Action::InvitationReport),
        get("/me/invitations", mine::index).signed_in(),
        post("/me/invitations/{invitation}/acceptance", mine::accept)
            .signed_in()
            .about(Target::Invitation)
            .records(Action::InvitationAccept),
        post("/me/invitations/{invitation}/refusal", mine::decline)
            .signed_in()
            .about(Target::Invitation)
            .records(Action::InvitationDecline),
    ]
}
