//! What a browser sends: urlencoded forms into typed structs, and what is wrong with a field, in words.

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;
use validator::Validate;

use super::request::Sent;
use crate::error::Error;

/// A form of type `T`; the middleware has read the body within its limit and deadline, and checked the token.
#[derive(Debug, Clone)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Form<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Sent(body) = Sent::of(req);
        std::future::ready(parse(&body).map(Form))
    }
}

/// The query of the address as type `T`; an unknown or malformed parameter falls back to its default rather than to an error page.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for Query<T> {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;
    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Ok(Self(parse(req.query_string().as_bytes()).unwrap_or_default())))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    // Text with NUL is stored by SQLite and refused by PostgreSQL; broken UTF-8 would be replaced silently.
    let decoded: Vec<u8> = percent_encoding::percent_decode(bytes).collect();
    if decoded.contains(&0) || std::str::from_utf8(&decoded).is_err() {
        return Err(Error::BadRequest(
            "The form holds bytes that are no text. Type the value again instead of pasting it.".to_owned(),
        ));
    }
    serde_html_form::from_bytes(bytes).map_err(|error| {
        Error::BadRequest(format!(
            "The form could not be read: {error}. Go back, reload the page and send it again."
        ))
    })
}

/// What is wrong with the fields of a form; the page shows it beside each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<(&'static str, String)>);

impl FieldErrors {
    /// One fault.
    pub fn one(field: &'static str, message: impl Into<String>) -> Self {
        Self(vec![(field, message.into())])
    }
    /// Adds a fault.
    pub fn add(&mut self, field: &'static str, message: impl Into<String>) {
        self.0.push((field, message.into()));
    }
    /// What is wrong with a field, empty for nothing.
    pub fn of(&self, field: &str) -> &str {
        self.0
            .iter()
            .find(|(name, _)| *name == field)
            .map_or("", |(_, message)| message)
    }
    /// The same, with what is wrong with one field told at another one, where that one was filled in.
    #[must_use]
    pub fn moved(mut self, from: &'static str, to: &'static str) -> Self {
        for (field, _) in self.0.iter_mut().filter(|(field, _)| *field == from) {
            *field = to;
        }
        self
    }
    /// Whether a field is wrong.
    pub fn has(&self, field: &str) -> bool {
        !self.of(field).is_empty()
    }
    /// Whether nothing is wrong.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether this is the first wrong field, which takes the focus.
    pub fn is_first(&self, field: &str) -> bool {
        self.0.first().is_some_and(|(name, _)| *name == field)
    }
    /// The faults that `validator` finds; its messages are the sentences given in the derive, never the submitted value.
    pub fn of_form(form: &impl Validate) -> Self {
        let mut errors = Self::default();
        if let Err(found) = form.validate() {
            let mut list: Vec<_> = found
                .field_errors()
                .into_iter()
                .map(|(field, faults)| (field.to_string(), faults))
                .collect();
            list.sort_by(|a, b| a.0.cmp(&b.0));
            for (field, faults) in list {
                let message = faults
                    .first()
                    .and_then(|fault| fault.message.clone())
                    .map_or_else(|| "Check this value.".to_owned(), |text| text.into_owned());
                errors.0.push((Box::leak(field.into_boxed_str()), message));
            }
        }
        errors
    }
    /// The first fault.
    pub fn first(&self) -> Option<(&'static str, &str)> {
        self.0.first().map(|(field, message)| (*field, message.as_str()))
    }
    /// Takes a domain refusal of one field; any other error is handed back.
    pub fn take(error: Error) -> Result<Self, Error> {
        match error {
            Error::Invalid { field, message } => Ok(Self::one(field, message)),
            other => Err(other),
        }
    }
}
