//! The own picture: uploaded, taken away, and served to those who may see its person.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::{Data, Path},
};
use serde::Deserialize;

use super::{own, profile::failed};
use crate::{
    access::SignedIn,
    app::App,
    auth::profile,
    error::{Error, Result},
    web::{
        form::FieldErrors,
        request::Ctx,
        respond::{done_to, page_with, said},
        upload::Upload,
    },
};

/// The path of a picture.
#[derive(Debug, Deserialize)]
pub struct PicturePath {
    picture: String,
}

/// Puts an uploaded picture in the place of the present one.
pub async fn update(app: Data<App>, ctx: Ctx, me: SignedIn, form: Upload) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let file = form.file("picture").map(|part| part.bytes.clone());
    let made = match file {
        Some(file) => profile::prepare(file).await,
        None => Err(Error::invalid("picture", "Choose a picture first.")),
    };
    let picture = match made {
        Ok(picture) => picture,
        Err(error) => {
            let errors = FieldErrors::take(error)?;
            return page_with(422, &failed(&app, &ctx, &me, &account, &errors).await?);
        }
    };
    let mut tx = app.db.write().await?;
    profile::set_picture(&mut tx, &me.actor, &account, picture, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done_to(&app, &ctx, &said("Your picture was saved."), "/me#picture"))
}

/// Takes the picture away.
pub async fn destroy(app: Data<App>, ctx: Ctx, me: SignedIn) -> Result<HttpResponse> {
    let account = own(&app, &me).await?;
    let mut tx = app.db.write().await?;
    profile::remove_picture(&mut tx, &me.actor, &account, app.clock.now()).await?;
    tx.commit().await?;
    let toast = said("Your picture was removed. Your initials are shown again.");
    Ok(done_to(&app, &ctx, &toast, "/me"))
}

/// A picture. Its key changes with it, so a browser may keep it for a day; signing out empties the browser's cache.
pub async fn show(app: Data<App>, req: HttpRequest, me: SignedIn, at: Path<PicturePath>) -> Result<HttpResponse> {
    let tag = format!("\"{}\"", at.picture);
    // A key that is none is not put into a header either.
    let is_key = at.picture.len() == 32 && at.picture.bytes().all(|c| c.is_ascii_hexdigit());
    if !is_key {
        return Err(Error::NotFound);
    }
    let found = profile::find_picture(&mut app.db.read(), &me.person, &at.picture, app.clock.now()).await?;
    let known = req
        .headers()
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    answer
        .insert_header((
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=86400, immutable"),
        ))
        .insert_header((header::VARY, HeaderValue::from_static("Cookie")))
        .insert_header((header::ETAG, tag));
    if is_known {
        return Ok(answer.finish());
    }
    Ok(answer
        .content_type(found.format.content_type())
        .insert_header((
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("inline; filename=\"picture\""),
        ))
        .body(found.bytes))
}
