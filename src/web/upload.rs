//! Files that a form brings along: multipart bodies, read whole after the guard has taken them within the route's limit.

use actix_multipart::{Field, Multipart};
use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
    web::Bytes,
};
use futures_util::{StreamExt as _, stream};

use super::request::Sent;
use crate::error::Error;

/// The most parts that a form of ours has.
const PARTS: usize = 32;

/// One field of a multipart form.
#[derive(Debug, Clone)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// What the file was called where it came from; none for an ordinary field.
    pub file: Option<String>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// A multipart form.
#[derive(Debug, Clone, Default)]
pub struct Upload(pub Vec<Part>);

impl Upload {
    /// The text of an ordinary field, empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        let part = self.0.iter().find(|part| part.name == name && part.file.is_none());
        part.map_or("", |part| std::str::from_utf8(&part.bytes).unwrap_or_default())
    }
    /// A file that was chosen; a field that was left empty is none.
    pub fn file(&self, name: &str) -> Option<&Part> {
        let is_it = |part: &&Part| part.name == name && part.file.is_some() && !part.bytes.is_empty();
        self.0.iter().find(is_it)
    }
}

/// Whether a body says that it is a multipart form.
pub fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    kind.trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
}

/// Reads a whole body; anything that is no multipart form is refused.
pub async fn read(headers: &HeaderMap, body: Bytes) -> Result<Upload, Error> {
    let refused =
        || Error::BadRequest("The form could not be read. Go back, reload the page and send it again.".to_owned());
    if !is_multipart(headers) {
        return Err(refused());
    }
    let chunks = stream::once(async move { Ok::<_, actix_web::error::PayloadError>(body) });
    let mut form = Multipart::new(headers, chunks);
    let mut parts = Vec::new();
    while let Some(field) = form.next().await {
        if parts.len() == PARTS {
            return Err(refused());
        }
        parts.push(part(field.map_err(|_| refused())?).await.map_err(|()| refused())?);
    }
    Ok(Upload(parts))
}

async fn part(mut field: Field) -> Result<Part, ()> {
    let name = field.name().unwrap_or_default().to_owned();
    let file = field
        .content_disposition()
        .and_then(|head| head.get_filename())
        .map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| ())?);
    }
    Ok(Part { name, file, bytes })
}

impl FromRequest for Upload {
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (Sent(body), headers) = (Sent::of(req), req.headers().clone());
        Box::pin(async move { read(&headers, body).await })
    }
}
