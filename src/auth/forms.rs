//! What the pages of this room send. Passwords have no Debug, so that none reaches a log.

use serde::Deserialize;

use crate::{clock::Zone, error::Error, mail::address::Address, text, web::form::FieldErrors};

/// POST /sign-in.
#[derive(Deserialize)]
pub struct SignIn {
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub password: String,
    #[serde(default)]
    pub next: String,
}

/// The query of GET /sign-in.
#[derive(Debug, Default, Deserialize)]
pub struct SignInQuery {
    #[serde(default)]
    pub next: String,
    /// What led here: `sign-out` or `reset`.
    #[serde(default)]
    pub after: String,
}

/// POST /forgot.
#[derive(Debug, Deserialize)]
pub struct Forgot {
    #[serde(default)]
    pub email: String,
}

/// POST /reset.
#[derive(Deserialize)]
pub struct NewPassword {
    #[serde(default)]
    pub password: String,
    #[serde(default)]
    pub again: String,
}

/// POST /me/password.
#[derive(Deserialize)]
pub struct ChangePassword {
    #[serde(default)]
    pub current: String,
    #[serde(default)]
    pub password: String,
}

/// POST /password/strength.
#[derive(Deserialize)]
pub struct Strength {
    #[serde(default)]
    pub password: String,
}

/// POST /me.
#[derive(Debug, Deserialize)]
pub struct Profile {
    #[serde(default)]
    pub name: String,
    /// Not sent by a form that is about the name alone.
    #[serde(default)]
    pub phone: Option<String>,
    #[serde(default)]
    pub contact: Option<String>,
}

/// POST /me/display.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Display {
    #[serde(default)]
    pub theme: String,
    #[serde(default)]
    pub density: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub locale: String,
}

/// POST /me/address/confirmation.
#[derive(Debug, Deserialize)]
pub struct Code {
    #[serde(default)]
    pub code: String,
}

/// POST /setup/{token}.
#[derive(Deserialize, Default)]
pub struct Setup {
    #[serde(default)]
    pub enterprise: String,
    #[serde(default)]
    pub organization: String,
    #[serde(default)]
    pub support_contact: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub password: String,
}

impl Setup {
    /// Everything that is wrong with what was entered, but for the password; the address if it is one.
    pub fn check(&mut self) -> (FieldErrors, Option<Address>) {
        let mut errors = FieldErrors::default();
        let mut keep = |value: &mut String, checked: Result<String, Error>| match checked {
            Ok(clean) => *value = clean,
            Err(Error::Invalid { field, message }) => errors.add(field, message),
            Err(other) => errors.add("form", other.to_string()),
        };
        let clean = text::name("enterprise", &self.enterprise);
        keep(&mut self.enterprise, clean);
        let clean = text::name("organization", &self.organization);
        keep(&mut self.organization, clean);
        let clean = text::line("support_contact", "A support contact", &self.support_contact, 200);
        keep(&mut self.support_contact, clean);
        let clean = text::name("name", &self.name);
        keep(&mut self.name, clean);
        if Zone::find(&self.zone).is_none() {
            errors.add("zone", "Choose a time zone from the list.");
        }
        let address = Address::parse(&self.email)
            .map_err(|refusal| errors.add("email", refusal.to_string()))
            .ok();
        (errors, address)
    }
}
