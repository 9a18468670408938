//! The pages of this room.

use askama::Template;

use crate::web::layout::{Choice, Layout};

/// GET /sign-in.
#[derive(Debug, Default, Template)]
#[template(path = "auth/sign_in.html")]
pub struct SignIn {
    pub l: Layout,
    pub email: String,
    pub form_error: String,
    pub notice: String,
    pub next: String,
    pub where_to: String,
}

/// GET /forgot, and what follows it.
#[derive(Debug, Default, Template)]
#[template(path = "auth/forgot.html")]
pub struct Forgot {
    pub l: Layout,
    pub email: String,
    pub email_error: String,
    pub sent: bool,
    pub minutes: i64,
    pub by_hand: bool,
}

/// A new password without the old one.
#[derive(Debug, Default, Template)]
#[template(path = "auth/new_password.html")]
pub struct NewPassword {
    pub l: Layout,
    pub title: String,
    pub action: String,
    pub email: String,
    pub password_error: String,
    pub again_error: String,
    pub hint: String,
    pub submit: String,
}

/// GET /setup/{token}.
#[derive(Debug, Default, Template)]
#[template(path = "auth/setup.html")]
pub struct Setup {
    pub l: Layout,
    pub action: String,
    pub enterprise: String,
    pub enterprise_error: String,
    pub organization: String,
    pub organization_error: String,
    pub support_contact: String,
    pub support_contact_error: String,
    pub zone_error: String,
    pub zones: Vec<Choice>,
    pub name: String,
    pub name_error: String,
    pub email: String,
    pub email_error: String,
    pub password_error: String,
    pub hint: String,
    pub form_error: String,
}

/// How strong a password is, while it is typed.
#[derive(Debug, Default, Template)]
#[template(path = "auth/strength.html")]
pub struct Strength {
    /// Whether it would be taken.
    pub is_enough: bool,
    pub words: String,
}

/// GET /me.
#[derive(Debug, Default, Template)]
#[template(path = "profile/show.html")]
pub struct Profile {
    pub l: Layout,
    pub name: String,
    pub name_error: String,
    pub email: String,
    pub initials: String,
    pub hue: u8,
    pub picture: Option<String>,
    pub picture_error: String,
    pub phone: String,
    pub phone_error: String,
    pub contact: String,
    pub contact_error: String,
    pub themes: Vec<Choice>,
    pub densities: Vec<Choice>,
    pub zones: Vec<Choice>,
    pub zone_error: String,
    pub locales: Vec<Choice>,
    pub locale_error: String,
    pub display_error: String,
    pub address: Address,
    pub code_error: String,
    pub organizations: Vec<Membership>,
}

/// What is known of the person's address.
#[derive(Debug, Default)]
pub struct Address {
    /// A mail there has reached the person.
    pub verified: bool,
    /// Who vouches for it, empty for nobody.
    pub voucher: String,
    /// A code was mailed and can be entered.
    pub waiting: bool,
}

/// An organization of the person.
#[derive(Debug, Default)]
pub struct Membership {
    pub name: String,
    pub href: String,
    pub initials: String,
    pub hue: u8,
    pub role: String,
    pub primary: bool,
    pub joined: String,
}

/// GET /me/security.
#[derive(Debug, Default, Template)]
#[template(path = "profile/security.html")]
pub struct Security {
    pub l: Layout,
    pub email: String,
    pub current_error: String,
    pub password_error: String,
    pub hint: String,
    pub form_error: String,
    pub changed: String,
    pub zone: String,
    pub sessions: Vec<Session>,
}

/// A session of the person.
#[derive(Debug, Default)]
pub struct Session {
    pub path: String,
    pub device: String,
    pub icon: &'static str,
    pub note: String,
    pub address: String,
    pub seen: String,
    pub seen_iso: String,
    pub current: bool,
}
