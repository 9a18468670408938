//! HTTP in, HTTP out, by who acts: inviters on single invitations and on pasted lists, the invited with a link, the signed-in person.

pub mod batches;
pub mod guests;
pub mod into_group;
pub mod invites;
pub mod mine;

use super::Desk;
use crate::app::App;

/// What inviting needs of the application.
const fn desk(app: &App) -> Desk<'_> {
    Desk {
        keys: &app.keys,
        has_mail: app.sender.post.is_some(),
        most_pending: app.settings.invites_pending,
    }
}
