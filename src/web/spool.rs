//! Large uploads: a multipart form whose files go to disk while they arrive, so that their size costs no memory.

use std::{
    cell::RefCell,
    fs::File,
    io::Seek as _,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_multipart::{Field, Multipart};
use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::Payload,
    error::PayloadError,
    http::header::{self, HeaderMap},
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt as _};
use tokio::io::AsyncWriteExt as _;

use super::{routes::FORM_BODY, upload};
use crate::error::Error;

/// The most parts that a form of ours has.
const PARTS: usize = 32;

/// A file that waits on disk, without a name; it is gone when this is dropped.
#[derive(Debug)]
pub struct Spooled {
    /// What it was called where it came from; empty for text that was typed.
    pub name: String,
    /// Its bytes, from the beginning.
    pub file: File,
    /// How many there are.
    pub length: u64,
    /// Whether that is all of it: what is larger than the route takes is cut off.
    pub is_whole: bool,
}

/// A multipart form whose files are on disk.
#[derive(Debug, Default)]
pub struct Spool {
    fields: Vec<(String, String)>,
    files: Vec<(String, Spooled)>,
}

impl Spool {
    /// The text of an ordinary field, empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map_or("", |(_, text)| text)
    }
    /// Whether a field came along.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }
    /// Takes out what a field brought that was not left empty.
    pub fn take(&mut self, name: &str) -> Option<Spooled> {
        let place = self.files.iter().position(|(known, _)| known == name)?;
        Some(self.files.remove(place).1)
    }
}

/// The body of a request, shared between the reader of the form and whoever keeps what is left of it.
#[derive(Clone)]
pub(super) struct Shared(Rc<RefCell<Payload>>);

impl Shared {
    pub(super) fn of(sent: &mut Payload) -> Self {
        Self(Rc::new(RefCell::new(std::mem::replace(sent, Payload::None))))
    }
    pub(super) fn give_back(&self, sent: &mut Payload) {
        *sent = self.0.replace(Payload::None);
    }
}

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

fn refused() -> Error {
    Error::BadRequest("The form could not be read. Go back, reload the page and send it again.".to_owned())
}

fn failed(error: &std::io::Error) -> Error {
    Error::Internal(format!("an upload could not be kept on disk: {error}"))
}

/// Reads a form of which each file has at most `most` bytes. Fields named in `large` go to disk too.
pub(super) async fn read(headers: &HeaderMap, mut body: Shared, most: usize, large: &[&str]) -> Result<Spool, Error> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Error::BadRequest("Compressed forms are not accepted.".to_owned()));
    }
    let mut spool = Spool::default();
    if !upload::is_multipart(headers) {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| refused())?;
            if bytes.len() + chunk.len() > FORM_BODY {
                return Err(Error::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        for (name, value) in url::form_urlencoded::parse(&bytes) {
            if large.contains(&&*name) && !value.is_empty() {
                let mut kept = Keeper::new()?;
                kept.write(value.as_bytes(), most).await?;
                spool.files.push((name.into_owned(), kept.end(String::new()).await?));
            } else {
                spool.fields.push((name.into_owned(), value.into_owned()));
            }
        }
        return Ok(spool);
    }
    let mut form = Multipart::new(headers, body);
    let mut parts = 0;
    while let Some(field) = form.next().await {
        parts += 1;
        if parts > PARTS {
            return Err(refused());
        }
        let field = field.map_err(|_| refused())?;
        let name = field.name().unwrap_or_default().to_owned();
        let file = field
            .content_disposition()
            .and_then(|head| head.get_filename())
            .map(str::to_owned);
        if file.is_none() && !large.contains(&name.as_str()) {
            spool.fields.push((name, text(field).await?));
            continue;
        }
        let spooled = keep(field, file.unwrap_or_default(), most).await?;
        let is_whole = spooled.is_whole;
        if spooled.length > 0 {
            spool.files.push((name, spooled));
        }
        if !is_whole {
            break; // the rest of the body is not worth reading
        }
    }
    Ok(spool)
}

async fn text(mut field: Field) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        bytes.extend_from_slice(&chunk.map_err(|_| refused())?);
        if bytes.len() > FORM_BODY {
            return Err(Error::TooLarge);
        }
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(refused)
}

async fn keep(mut field: Field, name: String, most: usize) -> Result<Spooled, Error> {
    let mut kept = Keeper::new()?;
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|_| refused())?;
        if !kept.write(&chunk, most).await? {
            break;
        }
    }
    kept.end(name).await
}

/// A file that is being written.
struct Keeper {
    file: tokio::fs::File,
    length: u64,
    is_whole: bool,
}

impl Keeper {
    fn new() -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(|error| failed(&error))?;
        Ok(Self {
            file: tokio::fs::File::from_std(file),
            length: 0,
            is_whole: true,
        })
    }
    /// Whether more is wanted.
    async fn write(&mut self, bytes: &[u8], most: usize) -> Result<bool, Error> {
        if self.length + bytes.len() as u64 > most as u64 {
            self.is_whole = false;
            return Ok(false);
        }
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).await.map_err(|error| failed(&error))?;
        Ok(true)
    }
    async fn end(mut self, name: String) -> Result<Spooled, Error> {
        self.file.flush().await.map_err(|error| failed(&error))?;
        let mut file = self.file.into_std().await;
        file.rewind().map_err(|error| failed(&error))?;
        Ok(Spooled {
            name,
            file,
            length: self.length.max(u64::from(!self.is_whole)),
            is_whole: self.is_whole,
        })
    }
}

impl FromRequest for Spool {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = req.extensions_mut().remove::<Self>();
        std::future::ready(found.ok_or_else(|| Error::Internal("a route that does not spool its body".to_owned())))
    }
}
