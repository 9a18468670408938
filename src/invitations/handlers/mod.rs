//! HTTP in, HTTP out, by who acts: inviters on single invitations and on pasted lists, the invited with a link, the signed-in person.

pub mod batches;
pub mod guests;
pub mod into_group;
pub mod invites;
pub mod mine;
