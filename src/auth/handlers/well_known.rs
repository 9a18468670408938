//! Addresses that programs know by themselves.

use actix_web::{HttpResponse, web::Data};

use crate::{
    app::App,
    clock::{Timestamp, days},
    error::{Error, Result},
    mail::address::Address,
    orgs,
    web::{filters, respond::redirect},
};

/// Where password managers send people to change a password.
pub async fn change_password() -> HttpResponse {
    redirect("/me/security")
}

/// Whom to tell of a weakness (RFC 9116); missing while the enterprise names nobody who can be written to.
pub async fn security_txt(app: Data<App>) -> Result<HttpResponse> {
    let enterprise = orgs::find_enterprise(&mut app.db.read())
        .await?
        .ok_or(Error::NotFound)?;
    let contact = contact(&enterprise.support_contact).ok_or(Error::NotFound)?;
    // A whole day, so that it changes once a day.
    let today = Timestamp::from_secs(app.clock.now().secs() / 86_400 * 86_400);
    let expires = filters::iso(today.plus(days(90)).micros());
    let canonical = app.settings.link("/.well-known/security.txt");
    let body = format!("Contact: {contact}\nExpires: {expires}\nCanonical: {canonical}\nPreferred-Languages: en\n");
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(body))
}

/// A support contact as an address for programs: a mailbox or a page.
fn contact(text: &str) -> Option<String> {
    if let Ok(address) = Address::parse(text) {
        return Some(format!("mailto:{}", address.key()));
    }
    let url = url::Url::parse(text).ok()?;
    (url.scheme() == "https").then(|| url.to_string())
}
