//! Notifications: what a person is told in the portal and by mail, and how much of it they want.
//!
//! Other rooms call [`notify`] in the transaction of what they tell of. A new kind is one more variant of [`Kind`]; the page of
//! preferences, the icons and the defaults follow from it.

mod handlers;
mod kind;
mod notification;
mod store;
mod views;

pub use kind::{Kind, Section};
pub use notification::{
    Choice, News, choices, list, mark_all_read, mark_read, notify, notify_many, prune, set_choices, withdraw,
};
pub use store::{Notification, statements};

use crate::{
    audit::Action,
    web::routes::{Route, Target, get, post},
};

/// The routes of this room.
pub fn routes() -> Vec<Route> {
    vec![
        get("/me/notifications", handlers::index).signed_in(),
        post("/me/notifications/read", handlers::update_all).signed_in(),
        post("/me/notifications/{notification}/read", handlers::update)
            .signed_in()
            .about(Target::Notification),
        get("/me/notifications/preferences", handlers::preferences).signed_in(),
        post("/me/notifications/preferences", handlers::update_preferences)
            .signed_in()
            .records(Action::ProfileUpdate),
    ]
}
